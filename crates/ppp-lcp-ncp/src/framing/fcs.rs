//! Frame check sequences (RFC 1662 Appendix C).

use super::vectors::VectorUnit;
use crc::{CRC_16_IBM_SDLC, CRC_32_ISO_HDLC, Crc, Table};
#[cfg(feature = "std")]
use crc_fast::{CrcAlgorithm, Digest};

static CRC_16: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_IBM_SDLC);
static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// Which frame check sequence a frame ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fcs {
    /// Two octets.
    #[default]
    Bits16,
    /// Four octets.
    Bits32,
}

impl Fcs {
    /// Its octets.
    pub const fn size(self) -> usize {
        match self {
            Self::Bits16 => 2,
            Self::Bits32 => 4,
        }
    }
}

/// Up to here, tables are faster than carry-less multiplication.
#[cfg(feature = "std")]
const TABLES: usize = 64;

/// The 16-bit sequence of a frame's octets, which is sent with its low octet first.
pub fn fcs16(octets: &[u8]) -> u16 {
    fcs16_of(VectorUnit::best(), [&[], octets])
}

/// The 32-bit sequence of a frame's octets, which is sent with its lowest octet first.
pub fn fcs32(octets: &[u8]) -> u32 {
    fcs32_of(VectorUnit::best(), [&[], octets])
}

#[inline]
#[cfg_attr(not(feature = "std"), allow(unused_variables, reason = "tables alone"))]
fn fcs16_of(unit: VectorUnit, [head, rest]: [&[u8]; 2]) -> u16 {
    #[cfg(feature = "std")]
    if unit != VectorUnit::PORTABLE && rest.len() > TABLES {
        let [low, high, ..] = multiplied(CrcAlgorithm::Crc16IbmSdlc, [head, rest]);
        return u16::from_le_bytes([low, high]);
    }
    if head.is_empty() {
        return CRC_16.checksum(rest);
    }
    let mut digest = CRC_16.digest();
    digest.update(head);
    digest.update(rest);
    digest.finalize()
}

#[inline]
#[cfg_attr(not(feature = "std"), allow(unused_variables, reason = "tables alone"))]
fn fcs32_of(unit: VectorUnit, [head, rest]: [&[u8]; 2]) -> u32 {
    #[cfg(feature = "std")]
    if unit != VectorUnit::PORTABLE && rest.len() > TABLES {
        let [a, b, c, d, ..] = multiplied(CrcAlgorithm::Crc32IsoHdlc, [head, rest]);
        return u32::from_le_bytes([a, b, c, d]);
    }
    let mut digest = CRC_32.digest();
    digest.update(head);
    digest.update(rest);
    digest.finalize()
}

/// By carry-less multiplication, where the processor has it; the lowest octets count.
#[cfg(feature = "std")]
#[inline]
fn multiplied(algorithm: CrcAlgorithm, [head, rest]: [&[u8]; 2]) -> [u8; 8] {
    let value = if head.is_empty() {
        crc_fast::checksum(algorithm, rest)
    } else {
        let mut digest = Digest::new(algorithm);
        digest.update(head);
        digest.update(rest);
        digest.finalize()
    };
    value.to_le_bytes()
}

/// The sequence over two parts, as it is sent: as many octets as it has.
pub(super) fn over(which: Fcs, unit: VectorUnit, parts: [&[u8]; 2]) -> [u8; 4] {
    match which {
        Fcs::Bits16 => u32::from(fcs16_of(unit, parts)).to_le_bytes(),
        Fcs::Bits32 => fcs32_of(unit, parts).to_le_bytes(),
    }
}

/// What is in front of the sequence, when that is right.
pub(super) fn checked(which: Fcs, unit: VectorUnit, frame: &[u8]) -> Option<&[u8]> {
    match which {
        Fcs::Bits16 => {
            let (octets, fcs) = frame.split_last_chunk::<2>()?;
            (fcs16_of(unit, [&[], octets]).to_le_bytes() == *fcs).then_some(octets)
        }
        Fcs::Bits32 => {
            let (octets, fcs) = frame.split_last_chunk::<4>()?;
            (fcs32_of(unit, [&[], octets]).to_le_bytes() == *fcs).then_some(octets)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn units_are_equal(octets in prop::collection::vec(any::<u8>(), 0..3000), at: prop::sample::Index) {
            let (head, rest) = octets.split_at(at.index(octets.len() + 1).min(4));
            for which in [Fcs::Bits16, Fcs::Bits32] {
                let expected = over(which, VectorUnit::PORTABLE, [&[], &octets]);
                for unit in VectorUnit::available() {
                    prop_assert_eq!(over(which, unit, [head, rest]), expected);
                    prop_assert_eq!(over(which, unit, [&[], &octets]), expected);
                }
            }
        }
    }
}
