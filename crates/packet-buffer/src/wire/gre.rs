//! Generic Routing Encapsulation (RFC 2784) with key and sequence number (RFC 2890), and the
//! enhanced form that PPTP uses (RFC 2637 §4.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-----+-+-------+-----+-------------------------------+
//! |C|R|K|S|s| Rec.|A| Flags | Ver |         Protocol Type         |
//! +-+-+-+-+-+-----+-+-------+-----+-------------------------------+
//! |      Checksum (if C)          |       Reserved (if C)         |   version 0
//! +-------------------------------+-------------------------------+
//! |  Key (if K); version 1: payload length and call identifier    |
//! +---------------------------------------------------------------+
//! |                  Sequence Number (if S)                       |
//! +---------------------------------------------------------------+
//! |               Acknowledgment Number (if A)                    |   version 1
//! +---------------------------------------------------------------+
//! ```

use super::{EtherType, be16};
use crate::checksum::Sum;
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};
use nom::combinator::cond;
use nom::number::complete::{be_u16, be_u32};
use nom::{IResult, Parser};

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;

/// A received GRE packet.
#[derive(Debug, Clone, Copy)]
pub struct GrePacket<'a> {
    octets: &'a [u8],
    flags: u16,
    repr: GreRepr,
    payload: &'a [u8],
}

impl<'a> GrePacket<'a> {
    /// Checks the flags and that the optional fields are there.
    ///
    /// # Errors
    ///
    /// Truncated, when the header is not there whole; unsupported, for a version over 1 and for
    /// source routing (RFC 1701), which RFC 2784 §2.3 has the receiver discard; bad value, for
    /// enhanced GRE that lacks its key, has a checksum or carries anything but PPP; bad length, for
    /// enhanced GRE whose payload length goes beyond the packet.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((first, rest)) = octets.split_first_chunk::<4>() else {
            return Err(ParseError::truncated("GRE header", 0, 4, octets.len()));
        };
        let flags = be16::<0, 4>(first);
        let protocol = EtherType(be16::<2, 4>(first));
        // RFC 2784 §2.3 MUST (discarded): a packet with any of bits 1 to 5 set is discarded, unless the
        // receiver implements RFC 1701. Bits 2 and 3 are RFC 2890's key and sequence number.
        let reserved = flags & (ROUTING | 0x0800 | 0x0400);
        if reserved != 0 {
            return Err(ParseError::unsupported("GRE flags", 0, u32::from(flags)));
        }
        // The acknowledgment flag is reserved in version 0, and ignored.
        let truncated = |fields: u16| {
            let needed = 4 + 4 * (flags & fields).count_ones() as usize;
            ParseError::truncated("GRE header", 0, needed, octets.len())
        };
        let (repr, payload) = match flags & 0x07 {
            0 => {
                // RFC 2784 §2.3 MUST (ignored): the rest of the flags is ignored on receipt.
                let (payload, (checksum, key, sequence_number)) = optional_fields(rest, flags)
                    .map_err(|_| truncated(CHECKSUM | KEY | SEQUENCE))?;
                let checksum = checksum.is_some();
                (
                    GreRepr::Standard {
                        protocol,
                        checksum,
                        key,
                        sequence_number,
                    },
                    payload,
                )
            }
            1 => {
                if flags & (CHECKSUM | KEY) != KEY {
                    let value = u32::from(flags);
                    return Err(ParseError::bad_value("enhanced GRE flags", 0, value));
                }
                if protocol != EtherType::PPP {
                    let value = u32::from(protocol.0);
                    return Err(ParseError::bad_value("enhanced GRE protocol", 2, value));
                }
                let (after, (length, call_id, sequence_number, acknowledgment_number)) =
                    enhanced_fields(rest, flags)
                        .map_err(|_| truncated(KEY | SEQUENCE | ACKNOWLEDGMENT))?;
                let Some(payload) = after.get(..usize::from(length)) else {
                    let length = usize::from(length);
                    return Err(ParseError::bad_length(
                        "enhanced GRE payload length",
                        4,
                        length,
                    ));
                };
                let repr = GreRepr::Enhanced {
                    call_id,
                    sequence_number,
                    acknowledgment_number,
                };
                (repr, payload)
            }
            version => {
                return Err(ParseError::unsupported(
                    "GRE version",
                    1,
                    u32::from(version),
                ));
            }
        };
        Ok(Self {
            octets,
            flags,
            repr,
            payload,
        })
    }

    /// Checks the checksum, where there is one: it covers header and payload.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    pub fn verify_checksum(&self) -> Result<(), ParseError> {
        match self.checksum() {
            Some(found) if !Sum::new().add_bytes(self.octets).is_valid() => {
                Err(ParseError::bad_checksum("GRE checksum", 4, found))
            }
            _ => Ok(()),
        }
    }

    /// The checksum as received, where there is one.
    pub fn checksum(&self) -> Option<u16> {
        let present = self.flags & CHECKSUM != 0;
        if present {
            super::be16_at(self.octets, 4)
        } else {
            None
        }
    }

    /// Flags and version, as they stand in the first two octets.
    pub fn flags_and_version(&self) -> u16 {
        self.flags
    }

    /// What the payload is.
    pub fn protocol(&self) -> EtherType {
        self.repr.protocol()
    }

    /// What the packet carries.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The header as values.
    pub fn to_repr(&self) -> GreRepr {
        self.repr
    }
}

type StandardFields = (Option<(u16, u16)>, Option<u32>, Option<u32>);

/// Checksum and reserved, key, sequence number.
fn optional_fields(rest: &[u8], flags: u16) -> IResult<&[u8], StandardFields, ()> {
    (
        cond(flags & CHECKSUM != 0, (be_u16, be_u16)),
        cond(flags & KEY != 0, be_u32),
        cond(flags & SEQUENCE != 0, be_u32),
    )
        .parse(rest)
}

type EnhancedFields = (u16, u16, Option<u32>, Option<u32>);

/// Payload length, call identifier, sequence number, acknowledgment number.
fn enhanced_fields(rest: &[u8], flags: u16) -> IResult<&[u8], EnhancedFields, ()> {
    (
        be_u16,
        be_u16,
        cond(flags & SEQUENCE != 0, be_u32),
        cond(flags & ACKNOWLEDGMENT != 0, be_u32),
    )
        .parse(rest)
}

/// A GRE header as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GreRepr {
    /// Version 0.
    Standard {
        /// What the payload is.
        protocol: EtherType,
        /// Whether there is a checksum.
        checksum: bool,
        /// Tells flows apart (RFC 2890 §2.1).
        key: Option<u32>,
        /// Counts the packets (RFC 2890 §2.2).
        sequence_number: Option<u32>,
    },
    /// Version 1: PPP in PPTP.
    Enhanced {
        /// The receiver's identifier of the call.
        call_id: u16,
        /// Counts the packets with a payload.
        sequence_number: Option<u32>,
        /// The highest sequence number received.
        acknowledgment_number: Option<u32>,
    },
}

impl GreRepr {
    /// A header without optional fields.
    pub const fn new(protocol: EtherType) -> Self {
        Self::Standard {
            protocol,
            checksum: false,
            key: None,
            sequence_number: None,
        }
    }

    /// What the payload is.
    pub const fn protocol(&self) -> EtherType {
        match self {
            Self::Standard { protocol, .. } => *protocol,
            Self::Enhanced { .. } => EtherType::PPP,
        }
    }

    /// Writes the header in front of `packet`, with the checksum where there is to be one.
    ///
    /// # Errors
    ///
    /// Too long, with the packet unchanged, when an enhanced payload exceeds 65535 octets.
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        match *self {
            Self::Standard {
                protocol,
                checksum,
                key,
                sequence_number,
            } => {
                prepend(packet, sequence_number);
                prepend(packet, key);
                prepend(packet, checksum.then_some(0));
                let flags = flag(checksum, CHECKSUM)
                    | flag(key.is_some(), KEY)
                    | flag(sequence_number.is_some(), SEQUENCE);
                prepend(packet, Some(u32::from(flags) << 16 | u32::from(protocol.0)));
                if checksum {
                    let sum = Sum::new().add_bytes(packet.as_slice()).checksum();
                    if let Some(field) = packet.as_mut_slice().get_mut(4..6) {
                        NetworkEndian::write_u16(field, sum);
                    }
                }
            }
            Self::Enhanced {
                call_id,
                sequence_number,
                acknowledgment_number,
            } => {
                let (length, limit) = (packet.len(), usize::from(u16::MAX));
                let what = "enhanced GRE payload";
                let payload_length = u16::try_from(length).map_err(|_| EmitError::TooLong {
                    what,
                    length,
                    limit,
                })?;
                prepend(packet, acknowledgment_number);
                prepend(packet, sequence_number);
                prepend(
                    packet,
                    Some(u32::from(payload_length) << 16 | u32::from(call_id)),
                );
                let flags = KEY
                    | flag(sequence_number.is_some(), SEQUENCE)
                    | flag(acknowledgment_number.is_some(), ACKNOWLEDGMENT)
                    | 1;
                prepend(
                    packet,
                    Some(u32::from(flags) << 16 | u32::from(EtherType::PPP.0)),
                );
            }
        }
        Ok(())
    }
}

fn prepend(packet: &mut PacketBuf, number: Option<u32>) {
    if let Some(number) = number {
        packet.prepend_slice(&number.to_be_bytes());
    }
}

const fn flag(set: bool, flag: u16) -> u16 {
    if set { flag } else { 0 }
}
