//! User Datagram Protocol (RFC 768).
//!
//! ```text
//!  0           2                4        6          8      octets
//! +-----------+----------------+--------+----------+---------
//! |Source Port|Destination Port| Length | Checksum | payload
//! +-----------+----------------+--------+----------+---------
//! ```

use super::{IpProtocol, PseudoHeader, be16};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};

/// A received UDP datagram.
#[derive(Debug, Clone, Copy)]
pub struct UdpDatagram<'a> {
    /// The whole datagram: what the length field says.
    octets: &'a [u8],
    header: &'a [u8; 8],
    payload: &'a [u8],
}

impl<'a> UdpDatagram<'a> {
    /// Octets of the header.
    pub const HEADER_LEN: usize = 8;

    /// Checks a datagram's length. Octets behind it are left out.
    ///
    /// # Errors
    ///
    /// Truncated, when the header or what the length promises is not there; bad length, when the
    /// length is under eight (zero, which means a jumbogram of RFC 2675, among them).
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = octets.first_chunk::<8>() else {
            return Err(ParseError::truncated("UDP header", 0, 8, octets.len()));
        };
        let length = usize::from(be16::<4, 8>(header));
        let Some(datagram) = octets.get(..length) else {
            return Err(ParseError::truncated(
                "UDP datagram",
                0,
                length,
                octets.len(),
            ));
        };
        let Some((header, payload)) = datagram.split_first_chunk::<8>() else {
            return Err(ParseError::bad_length("UDP length", 4, length));
        };
        Ok(Self {
            octets: datagram,
            header,
            payload,
        })
    }

    /// Checks the checksum. Zero means that the sender computed none, which IPv4 allows and IPv6
    /// does not.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    // RFC 768 §Fields MUST (no-checksum): an all zero transmitted checksum means that the transmitter generated none.
    // RFC 1122 §4.1.3.4 MUST: a datagram with a bad checksum is silently discarded.
    // RFC 8200 §8.1 MUST: over IPv6 a datagram with a zero checksum is discarded. (The exception of
    // RFC 6935 is for tunnels, which skip this check for their own port.)
    #[inline]
    pub fn verify_checksum(&self, pseudo_header: &PseudoHeader) -> Result<(), ParseError> {
        let valid = match (self.checksum(), pseudo_header) {
            (0, PseudoHeader::V4 { .. }) => true,
            (0, PseudoHeader::V6 { .. }) => false,
            _ => pseudo_header
                .sum(IpProtocol::UDP, self.octets.len())
                .add_bytes(self.octets)
                .is_valid(),
        };
        if valid {
            Ok(())
        } else {
            Err(ParseError::bad_checksum("UDP checksum", 6, self.checksum()))
        }
    }

    /// The sender's port; zero when it expects no answer.
    #[inline]
    pub fn source_port(&self) -> u16 {
        be16::<0, 8>(self.header)
    }

    /// The receiver's port.
    #[inline]
    pub fn destination_port(&self) -> u16 {
        be16::<2, 8>(self.header)
    }

    /// Octets of header and payload.
    #[inline]
    pub fn length(&self) -> usize {
        self.octets.len()
    }

    /// The checksum as received; zero when the sender computed none.
    #[inline]
    pub fn checksum(&self) -> u16 {
        be16::<6, 8>(self.header)
    }

    /// What the datagram carries.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The header as values.
    pub fn to_repr(&self) -> UdpRepr {
        UdpRepr {
            source_port: self.source_port(),
            destination_port: self.destination_port(),
        }
    }
}

/// A UDP header as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UdpRepr {
    /// The sender's port; zero when it expects no answer.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

impl UdpRepr {
    /// Writes the header in front of `packet`, with length and checksum.
    ///
    /// # Errors
    ///
    /// Too long, with the packet unchanged, when the length would exceed 65535 octets.
    // RFC 768 §Fields MUST (zero-checksum): a checksum computed as zero is transmitted as all ones.
    #[inline]
    pub fn emit(
        &self,
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        let mut header = self.header(packet.len())?;
        let sum = pseudo_header
            .sum(IpProtocol::UDP, UdpDatagram::HEADER_LEN + packet.len())
            .add_array(&header)
            .add_bytes(packet.as_slice());
        let checksum = match sum.checksum() {
            0 => 0xffff,
            checksum => checksum,
        };
        NetworkEndian::write_u16(&mut header[6..8], checksum);
        packet.prepend_slice(&header);
        Ok(())
    }

    /// Writes the header without a checksum, which is for IPv4, and for tunnels that RFC 6936 lets
    /// do without.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit).
    pub fn emit_without_checksum(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let header = self.header(packet.len())?;
        packet.prepend_slice(&header);
        Ok(())
    }

    #[inline]
    fn header(&self, payload: usize) -> Result<[u8; 8], EmitError> {
        let limit = usize::from(u16::MAX) - UdpDatagram::HEADER_LEN;
        if payload > limit {
            return Err(EmitError::TooLong {
                what: "UDP payload",
                length: payload,
                limit,
            });
        }
        let length = u16::try_from(UdpDatagram::HEADER_LEN + payload).unwrap_or(u16::MAX);
        let mut header = [0; UdpDatagram::HEADER_LEN];
        NetworkEndian::write_u16(&mut header[0..2], self.source_port);
        NetworkEndian::write_u16(&mut header[2..4], self.destination_port);
        NetworkEndian::write_u16(&mut header[4..6], length);
        Ok(header)
    }
}
