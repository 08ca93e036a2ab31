//! Frame check sequences (RFC 1662 Appendix C).

use crc::{CRC_16_IBM_SDLC, CRC_32_ISO_HDLC, Crc, Table};

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

/// The 16-bit sequence of a frame's octets, which is sent with its low octet first.
pub fn fcs16(octets: &[u8]) -> u16 {
    CRC_16.checksum(octets)
}

/// The 32-bit sequence of a frame's octets, which is sent with its lowest octet first.
pub fn fcs32(octets: &[u8]) -> u32 {
    CRC_32.checksum(octets)
}

/// The sequence over several parts, as it is sent, and its length.
pub(super) fn over(which: Fcs, parts: [&[u8]; 2]) -> ([u8; 4], usize) {
    match which {
        Fcs::Bits16 => {
            let mut digest = CRC_16.digest();
            parts.iter().for_each(|part| digest.update(part));
            let [a, b] = digest.finalize().to_le_bytes();
            ([a, b, 0, 0], 2)
        }
        Fcs::Bits32 => {
            let mut digest = CRC_32.digest();
            parts.iter().for_each(|part| digest.update(part));
            (digest.finalize().to_le_bytes(), 4)
        }
    }
}

/// What is in front of the sequence, when that is right.
pub(super) fn checked(which: Fcs, frame: &[u8]) -> Option<&[u8]> {
    match which {
        Fcs::Bits16 => {
            let (octets, fcs) = frame.split_last_chunk::<2>()?;
            (fcs16(octets).to_le_bytes() == *fcs).then_some(octets)
        }
        Fcs::Bits32 => {
            let (octets, fcs) = frame.split_last_chunk::<4>()?;
            (fcs32(octets).to_le_bytes() == *fcs).then_some(octets)
        }
    }
}
