//! Protocol and information.
//!
//! ```text
//!  0         1         2          4                  (each of the first three may be compressed away)
//! +---------+---------+----------+-------------
//! | Address | Control | Protocol | information
//! |  0xff   |  0x03   |          |
//! +---------+---------+----------+-------------
//! ```

use super::PppProtocol;
use packet_buffer::{PacketBuf, ParseError};

/// The Address and Control fields of all frames that PPP has (RFC 1662 §3.1).
const ADDRESS_AND_CONTROL: [u8; 2] = [0xff, 0x03];

/// A received packet: what is left of a frame when flags, escapes and the check sequence are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PppPacket<'a> {
    protocol: PppProtocol,
    information: &'a [u8],
}

impl<'a> PppPacket<'a> {
    /// Reads the Address and Control fields, which may be compressed away, and the protocol, which
    /// may be one octet. Both are taken whether or not they were negotiated.
    ///
    /// # Errors
    ///
    /// Truncated, when there is no whole protocol. A number that cannot be one is not refused here: it
    /// is treated as any protocol that is not known (RFC 1661 §2).
    // RFC 1662 §3.2 MUST (acfc-receive): frames with and without the fields are told apart by them.
    // RFC 1661 §6.5 MUST (pfc-receive): an odd first octet is a compressed protocol.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let (offset, rest) = match octets.strip_prefix(&ADDRESS_AND_CONTROL) {
            Some(rest) => (ADDRESS_AND_CONTROL.len(), rest),
            None => (0, octets),
        };
        Self::parse_protocol(rest).map_err(|error| error.offset_by(offset))
    }

    /// The same for carriers that have no Address and Control fields, such as PPPoE.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_protocol(octets: &'a [u8]) -> Result<Self, ParseError> {
        let (protocol, information) = match octets {
            [first, information @ ..] if first & 1 == 1 => (u16::from(*first), information),
            [first, second, information @ ..] => {
                (u16::from_be_bytes([*first, *second]), information)
            }
            _ => {
                let available = octets.len();
                return Err(ParseError::truncated("PPP protocol", 0, 2, available));
            }
        };
        Ok(Self {
            protocol: PppProtocol(protocol),
            information,
        })
    }

    /// What the information is.
    pub const fn protocol(&self) -> PppProtocol {
        self.protocol
    }

    /// What follows the protocol. There may be padding behind what the protocol itself measures.
    pub const fn information(&self) -> &'a [u8] {
        self.information
    }
}

/// A protocol to put in front of an information field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PppRepr {
    /// What the information is.
    pub protocol: PppProtocol,
    /// Whether the protocol may be one octet: Protocol-Field-Compression was negotiated.
    pub compress_protocol: bool,
    /// Whether the Address and Control fields are written.
    pub address_and_control: bool,
}

impl PppRepr {
    /// A protocol of two octets, without the Address and Control fields.
    pub const fn new(protocol: PppProtocol) -> Self {
        Self {
            protocol,
            compress_protocol: false,
            address_and_control: false,
        }
    }

    /// Writes the header in front of the information that `packet` holds.
    // RFC 1661 §6.5 MUST NOT (pfc-lcp): the protocol of LCP packets is never compressed; its number
    // has two octets.
    pub fn emit(&self, packet: &mut PacketBuf) {
        let [high, low] = self.protocol.0.to_be_bytes();
        if self.compress_protocol && self.protocol.is_compressible() {
            packet.prepend_slice(&[low]);
        } else {
            packet.prepend_slice(&[high, low]);
        }
        if self.address_and_control {
            packet.prepend_slice(&ADDRESS_AND_CONTROL);
        }
    }
}
