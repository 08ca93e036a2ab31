//! Frame check sequences (RFC 1662 Appendix C).

use super::block::entry;
use super::vectors::VectorUnit;
use crc::{CRC_16_IBM_SDLC, CRC_32_ISO_HDLC, Crc, Table};
#[cfg(feature = "std")]
use crc_fast::{CrcAlgorithm, Digest};

static CRC_16: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_IBM_SDLC);
static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// What is left of a register of 16 bits behind a frame and its right sequence (RFC 1662 Appendix C.2).
const GOOD_FCS_16: u16 = 0xf0b8;

/// Octets of a frame that are looked up together.
const STEP: usize = 16;

/// What an octet does to the register when so many octets are behind it.
static BEHIND: [[u16; 256]; STEP] = behind();

/// The register behind so many zeroes.
static ZEROES: [u16; STEP + 1] = zeroes();

const fn behind_zero(register: u16) -> u16 {
    let (mut register, mut bit) = (register, 0);
    while bit < u8::BITS {
        let carry = register & 1;
        register >>= 1;
        if carry == 1 {
            register ^= 0x8408;
        }
        bit += 1;
    }
    register
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn behind() -> [[u16; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut octet = 0u16;
    while octet < 256 {
        let (mut register, mut count) = (octet, 0);
        while count < STEP {
            register = behind_zero(register);
            tables[count][octet as usize] = register;
            count += 1;
        }
        octet += 1;
    }
    tables
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn zeroes() -> [u16; STEP + 1] {
    let mut registers = [u16::MAX; STEP + 1];
    let mut count = 0;
    while count < STEP {
        registers[count + 1] = behind_zero(registers[count]);
        count += 1;
    }
    registers
}

/// What the octets, 16 at most, do to a register of zero. No look-up waits for another, as they do where
/// octets are taken one after the other: of short frames, that would be most of the time. Four together
/// are not what compilers make vectors of, which would take longer.
#[inline]
fn looked_up(octets: &[u8]) -> u16 {
    let (first, fours) = octets.as_rchunks::<4>();
    let mut tables = BEHIND.as_chunks::<4>().0.iter();
    let mut sum = 0;
    for ([a, b, c, d], [d_table, c_table, b_table, a_table]) in fours.iter().rev().zip(&mut tables)
    {
        sum ^= entry(a_table, *a) ^ entry(b_table, *b) ^ entry(c_table, *c) ^ entry(d_table, *d);
    }
    let tables = tables.next().into_iter().flatten();
    let each = first.iter().rev().zip(tables);
    each.fold(sum, |sum, (octet, table)| sum ^ entry(table, *octet))
}

/// Whether a frame ends with the right 16-bit sequence; for short frames.
#[inline]
pub(super) fn is_good_fcs16(frame: &[u8]) -> bool {
    let (first, rest) = frame.split_at(frame.len().min(1 + frame.len().wrapping_sub(1) % STEP));
    let zeroes = ZEROES.get(first.len()).copied().unwrap_or_default();
    let [.., second, first_of_step] = &BEHIND;
    let mut register = zeroes ^ looked_up(first);
    for step in rest.as_chunks::<STEP>().0 {
        let [low, high] = register.to_le_bytes();
        let before = entry(first_of_step, low) ^ entry(second, high);
        register = before ^ looked_up(step);
    }
    register == GOOD_FCS_16
}

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
            if octets.len() <= TABLES {
                return is_good_fcs16(frame).then_some(octets);
            }
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

    #[test]
    fn short_frames_one_octet_after_the_other() {
        let mut octets = [0; 100];
        for length in 0..octets.len() {
            octets[length] = (length * 73 + 5).to_le_bytes()[0];
            let fcs = CRC_16.checksum(&octets[..length]).to_le_bytes();
            let frame = [&octets[..length], &fcs].concat();
            assert!(is_good_fcs16(&frame), "{length}");
            for bit in 0..8 * frame.len() {
                let mut frame = frame.clone();
                frame[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_good_fcs16(&frame), "{length} {bit}");
            }
        }
        assert!(!is_good_fcs16(&[]));
    }

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
