//! The report.

use packet_buffer::{PacketBuf, ParseError};

/// A received report: the information field of a PPP packet of protocol LQR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LqrPacket<'a> {
    octets: &'a [u8; LqrPacket::LEN],
}

impl<'a> LqrPacket<'a> {
    /// Octets of a report.
    pub const LEN: usize = 48;

    /// Checks that the report is whole. What follows is padding.
    ///
    /// # Errors
    ///
    /// Truncated.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        match octets.split_first_chunk() {
            Some((octets, _)) => Ok(Self { octets }),
            None => Err(ParseError::truncated(
                "Link-Quality-Report",
                0,
                Self::LEN,
                octets.len(),
            )),
        }
    }

    /// The report as values.
    pub fn to_repr(&self) -> LqrRepr {
        let mut numbers = self.octets.chunks_exact(4).map(|number| {
            let number = number.first_chunk::<4>().copied();
            number.map_or(0, u32::from_be_bytes)
        });
        let mut next = || numbers.next().unwrap_or(0);
        LqrRepr {
            magic_number: next(),
            last_out_lqrs: next(),
            last_out_packets: next(),
            last_out_octets: next(),
            peer_in_lqrs: next(),
            peer_in_packets: next(),
            peer_in_discards: next(),
            peer_in_errors: next(),
            peer_in_octets: next(),
            peer_out_lqrs: next(),
            peer_out_packets: next(),
            peer_out_octets: next(),
        }
    }
}

/// A report as values, by the names of RFC 1989 §2.6. All numbers wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LqrRepr {
    /// The sender's magic number; 0 when none was agreed on.
    pub magic_number: u32,
    /// `peer_out_lqrs` of the last report that its sender got.
    pub last_out_lqrs: u32,
    /// `peer_out_packets` of it.
    pub last_out_packets: u32,
    /// `peer_out_octets` of it.
    pub last_out_octets: u32,
    /// Reports that its sender had got by then, that one with them.
    pub peer_in_lqrs: u32,
    /// Packets that it had got by then.
    pub peer_in_packets: u32,
    /// Packets that it had thrown away for want of room.
    pub peer_in_discards: u32,
    /// Packets that had arrived broken.
    pub peer_in_errors: u32,
    /// Octets of the packets that it had got.
    pub peer_in_octets: u32,
    /// Reports that its sender has sent, this one with them.
    pub peer_out_lqrs: u32,
    /// Packets that it has sent, this one with them.
    pub peer_out_packets: u32,
    /// Octets that it has sent, those of this report with them.
    pub peer_out_octets: u32,
}

impl LqrRepr {
    /// Writes the report in front of what `packet` holds.
    pub fn emit(&self, packet: &mut PacketBuf) {
        let numbers = [
            self.magic_number,
            self.last_out_lqrs,
            self.last_out_packets,
            self.last_out_octets,
            self.peer_in_lqrs,
            self.peer_in_packets,
            self.peer_in_discards,
            self.peer_in_errors,
            self.peer_in_octets,
            self.peer_out_lqrs,
            self.peer_out_packets,
            self.peer_out_octets,
        ];
        for number in numbers.iter().rev() {
            packet.prepend_slice(&number.to_be_bytes());
        }
    }
}
