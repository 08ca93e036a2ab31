//! The multilink header.

use packet_buffer::{Cursor, PacketBuf, ParseError};

/// The header of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentHeader {
    /// The fragment begins a packet.
    pub begins: bool,
    /// The fragment ends a packet.
    pub ends: bool,
    /// Its number: 24 bits, or 12 with the short header.
    pub sequence: u32,
}

impl FragmentHeader {
    /// Bits of the sequence number.
    pub(super) const fn sequence_bits(is_short: bool) -> u32 {
        if is_short { 12 } else { 24 }
    }

    /// Octets of the header.
    pub const fn len(is_short: bool) -> usize {
        if is_short { 2 } else { 4 }
    }

    /// Reads the header of a fragment, the information field of a PPP packet; what follows it is the
    /// fragment.
    ///
    /// # Errors
    ///
    /// Truncated.
    // RFC 1990 §3 MUST (reserved): the bits between the flags and the number are ignored.
    pub fn parse(octets: &[u8], is_short: bool) -> Result<(Self, &[u8]), ParseError> {
        let mut cursor = Cursor::new(octets);
        let what = "multilink header";
        let (flags, sequence) = if is_short {
            let word = cursor.u16(what)?;
            (word >> 8, u32::from(word & 0x0fff))
        } else {
            let flags = cursor.u8(what)?;
            (u16::from(flags), cursor.u24(what)?)
        };
        let header = Self {
            begins: flags & 0x80 != 0,
            ends: flags & 0x40 != 0,
            sequence,
        };
        Ok((header, cursor.rest()))
    }

    /// Writes the header in front of the fragment that `packet` holds. Higher bits of the number are
    /// left out.
    pub fn emit(&self, packet: &mut PacketBuf, is_short: bool) {
        let flags = u32::from(self.begins) << 31 | u32::from(self.ends) << 30;
        if is_short {
            let [high, low, ..] = (flags | (self.sequence & 0x0fff) << 16).to_be_bytes();
            packet.prepend_slice(&[high, low]);
        } else {
            packet.prepend_slice(&(flags | self.sequence & 0x00ff_ffff).to_be_bytes());
        }
    }
}
