//! The packets of PAP, CHAP and EAP.
//!
//! All three have the header of control packets: code, identifier, length.

use super::event::AuthDiscard;
use crate::wire::{ControlPacket, ControlRepr};
use alloc::vec::Vec;
use packet_buffer::{Cursor, PacketBuf, ParseError};

/// Octets of the longest name and message that are taken.
pub(super) const MAX_NAME: usize = 255;

packet_buffer::code_points! {
    /// What a PAP packet is for (RFC 1334 §2.2).
    pub struct PapCode(u8) {
        /// Name and password.
        AUTHENTICATE_REQUEST = 1 => "Authenticate-Request",
        /// They are right.
        AUTHENTICATE_ACK = 2 => "Authenticate-Ack",
        /// They are not.
        AUTHENTICATE_NAK = 3 => "Authenticate-Nak",
    }
}

packet_buffer::code_points! {
    /// What a CHAP packet is for (RFC 1994 §4).
    pub struct ChapCode(u8) {
        /// A value to be answered.
        CHALLENGE = 1 => "Challenge",
        /// The answer.
        RESPONSE = 2 => "Response",
        /// It is right.
        SUCCESS = 3 => "Success",
        /// It is not.
        FAILURE = 4 => "Failure",
    }
}

packet_buffer::code_points! {
    /// What an EAP packet is for (RFC 3748 §4).
    pub struct EapCode(u8) {
        /// From the authenticator.
        REQUEST = 1 => "Request",
        /// From the peer.
        RESPONSE = 2 => "Response",
        /// The peer is authenticated.
        SUCCESS = 3 => "Success",
        /// It is not.
        FAILURE = 4 => "Failure",
    }
}

packet_buffer::code_points! {
    /// What an EAP request or response holds (RFC 3748 §5).
    pub struct EapType(u8) {
        /// The peer's name.
        IDENTITY = 1 => "Identity",
        /// A message to show.
        NOTIFICATION = 2 => "Notification",
        /// The method is not acceptable; responses only.
        NAK = 3 => "Nak",
        /// As CHAP with MD5.
        MD5_CHALLENGE = 4 => "MD5-Challenge",
    }
}

/// A PAP packet.
///
/// ```text
///  4                                                        in a request
/// +-----------+---------+---------------+----------+
/// | ID length | Peer-ID | Passwd length | Password |
/// +-----------+---------+---------------+----------+
///  4                                                        in an answer
/// +------------+---------+
/// | Msg length | Message |
/// +------------+---------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PapPacket<'a> {
    /// Name and password.
    Request {
        /// Ties the answer to it.
        identifier: u8,
        /// The name.
        peer_id: &'a [u8],
        /// The password.
        password: &'a [u8],
    },
    /// They are right.
    Ack {
        /// The request's.
        identifier: u8,
        /// Something to show.
        message: &'a [u8],
    },
    /// They are not.
    Nak {
        /// The request's.
        identifier: u8,
        /// Something to show.
        message: &'a [u8],
    },
}

impl<'a> PapPacket<'a> {
    /// Reads a packet. Answers without a message are taken too.
    ///
    /// # Errors
    ///
    /// Truncated or bad length; bad value for another code.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let packet = ControlPacket::parse(octets)?;
        let identifier = packet.identifier();
        let mut cursor = Cursor::new(packet.data());
        let at = |error: ParseError| error.offset_by(ControlPacket::HEADER_LEN);
        match PapCode(packet.code().0) {
            PapCode::AUTHENTICATE_REQUEST => Ok(Self::Request {
                identifier,
                peer_id: counted(&mut cursor, "PAP Peer-ID").map_err(at)?,
                password: counted(&mut cursor, "PAP password").map_err(at)?,
            }),
            code @ (PapCode::AUTHENTICATE_ACK | PapCode::AUTHENTICATE_NAK) => {
                let message = if packet.data().is_empty() {
                    &[]
                } else {
                    counted(&mut cursor, "PAP message").map_err(at)?
                };
                Ok(if code == PapCode::AUTHENTICATE_ACK {
                    Self::Ack {
                        identifier,
                        message,
                    }
                } else {
                    Self::Nak {
                        identifier,
                        message,
                    }
                })
            }
            code => Err(ParseError::bad_value("PAP code", 0, code.0.into())),
        }
    }

    /// The packet as octets. Fields are cut to 255 octets, which their length field can say.
    pub fn to_octets(&self) -> Vec<u8> {
        let (code, identifier, fields) = match *self {
            Self::Request {
                identifier,
                peer_id,
                password,
            } => (
                PapCode::AUTHENTICATE_REQUEST,
                identifier,
                [Some(peer_id), Some(password)],
            ),
            Self::Ack {
                identifier,
                message,
            } => (PapCode::AUTHENTICATE_ACK, identifier, [Some(message), None]),
            Self::Nak {
                identifier,
                message,
            } => (PapCode::AUTHENTICATE_NAK, identifier, [Some(message), None]),
        };
        let mut data = Vec::new();
        for field in fields.into_iter().flatten() {
            let field = field.get(..MAX_NAME).unwrap_or(field);
            data.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
            data.extend_from_slice(field);
        }
        control(code.0, identifier, &data)
    }
}

/// A CHAP packet.
///
/// ```text
///  4                                       in a Challenge and a Response
/// +------------+-------+------
/// | Value-Size | Value | Name
/// +------------+-------+------
///  4                                       in Success and Failure
/// +---------
/// | Message
/// +---------
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChapPacket<'a> {
    /// A value to be answered.
    Challenge {
        /// Ties the answer to it, and goes into the answer.
        identifier: u8,
        /// The value.
        value: &'a [u8],
        /// The authenticator's name.
        name: &'a [u8],
    },
    /// The answer.
    Response {
        /// The challenge's.
        identifier: u8,
        /// The proof.
        value: &'a [u8],
        /// The peer's name.
        name: &'a [u8],
    },
    /// It is right.
    Success {
        /// The response's.
        identifier: u8,
        /// Something to show; with MS-CHAP-V2 the authenticator's own proof.
        message: &'a [u8],
    },
    /// It is not.
    Failure {
        /// The response's.
        identifier: u8,
        /// Something to show; with MS-CHAP-V2 an error code.
        message: &'a [u8],
    },
}

impl<'a> ChapPacket<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// Truncated or bad length; bad value for another code, and for a value of no octets.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let packet = ControlPacket::parse(octets)?;
        let identifier = packet.identifier();
        let mut cursor = Cursor::new(packet.data());
        match ChapCode(packet.code().0) {
            code @ (ChapCode::CHALLENGE | ChapCode::RESPONSE) => {
                let value = counted(&mut cursor, "CHAP value");
                let value = value.map_err(|error| error.offset_by(ControlPacket::HEADER_LEN))?;
                // RFC 1994 §4.1 MUST (value): a value has one octet at least.
                if value.is_empty() {
                    return Err(ParseError::bad_length("CHAP value", 4, 0));
                }
                let name = cursor.rest();
                Ok(if code == ChapCode::CHALLENGE {
                    Self::Challenge {
                        identifier,
                        value,
                        name,
                    }
                } else {
                    Self::Response {
                        identifier,
                        value,
                        name,
                    }
                })
            }
            ChapCode::SUCCESS => Ok(Self::Success {
                identifier,
                message: packet.data(),
            }),
            ChapCode::FAILURE => Ok(Self::Failure {
                identifier,
                message: packet.data(),
            }),
            code => Err(ParseError::bad_value("CHAP code", 0, code.0.into())),
        }
    }

    /// The packet as octets. A value is cut to 255 octets, which its length field can say.
    pub fn to_octets(&self) -> Vec<u8> {
        match *self {
            Self::Challenge {
                identifier,
                value,
                name,
            } => control(
                ChapCode::CHALLENGE.0,
                identifier,
                &value_and_name(value, name),
            ),
            Self::Response {
                identifier,
                value,
                name,
            } => control(
                ChapCode::RESPONSE.0,
                identifier,
                &value_and_name(value, name),
            ),
            Self::Success {
                identifier,
                message,
            } => control(ChapCode::SUCCESS.0, identifier, message),
            Self::Failure {
                identifier,
                message,
            } => control(ChapCode::FAILURE.0, identifier, message),
        }
    }
}

/// An EAP packet.
///
/// ```text
///  4                       in a Request and a Response; the others end here
/// +------+-----------
/// | Type | Type-Data
/// +------+-----------
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EapPacket<'a> {
    /// From the authenticator.
    Request {
        /// Ties the answer to it.
        identifier: u8,
        /// What it holds.
        kind: EapType,
        /// The rest.
        data: &'a [u8],
    },
    /// From the peer.
    Response {
        /// The request's.
        identifier: u8,
        /// What it holds.
        kind: EapType,
        /// The rest.
        data: &'a [u8],
    },
    /// The peer is authenticated.
    Success {
        /// The last response's.
        identifier: u8,
    },
    /// It is not.
    Failure {
        /// The last response's.
        identifier: u8,
    },
}

impl<'a> EapPacket<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// Truncated or bad length; bad value for another code.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let packet = ControlPacket::parse(octets)?;
        let identifier = packet.identifier();
        match EapCode(packet.code().0) {
            code @ (EapCode::REQUEST | EapCode::RESPONSE) => {
                let Some((&kind, data)) = packet.data().split_first() else {
                    return Err(ParseError::truncated("EAP type", 4, 1, 0));
                };
                let kind = EapType(kind);
                Ok(if code == EapCode::REQUEST {
                    Self::Request {
                        identifier,
                        kind,
                        data,
                    }
                } else {
                    Self::Response {
                        identifier,
                        kind,
                        data,
                    }
                })
            }
            // RFC 3748 §4.2 MUST (length): success and failure have no data.
            EapCode::SUCCESS if packet.data().is_empty() => Ok(Self::Success { identifier }),
            EapCode::FAILURE if packet.data().is_empty() => Ok(Self::Failure { identifier }),
            EapCode::SUCCESS | EapCode::FAILURE => {
                let length = packet.as_slice().len();
                Err(ParseError::bad_length("EAP length", 2, length))
            }
            code => Err(ParseError::bad_value("EAP code", 0, code.0.into())),
        }
    }

    /// The packet as octets.
    pub fn to_octets(&self) -> Vec<u8> {
        match *self {
            Self::Request {
                identifier,
                kind,
                data,
            } => control(EapCode::REQUEST.0, identifier, &[&[kind.0], data].concat()),
            Self::Response {
                identifier,
                kind,
                data,
            } => control(EapCode::RESPONSE.0, identifier, &[&[kind.0], data].concat()),
            Self::Success { identifier } => control(EapCode::SUCCESS.0, identifier, &[]),
            Self::Failure { identifier } => control(EapCode::FAILURE.0, identifier, &[]),
        }
    }
}

/// The value and the name of an MD5-Challenge (RFC 3748 §5.4).
pub(super) fn parse_md5(data: &[u8]) -> Result<(&[u8], &[u8]), ParseError> {
    let mut cursor = Cursor::new(data);
    let value = counted(&mut cursor, "EAP MD5 value").map_err(|error| error.offset_by(5))?;
    Ok((value, cursor.rest()))
}

/// A value with its length in front, and a name.
pub(super) fn value_and_name(value: &[u8], name: &[u8]) -> Vec<u8> {
    let value = value.get(..MAX_NAME).unwrap_or(value);
    let mut data = Vec::with_capacity(1 + value.len() + name.len());
    data.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    data.extend_from_slice(value);
    data.extend_from_slice(name);
    data
}

/// Names are bounded, whatever their packet can hold.
pub(super) fn check_name(name: &[u8]) -> Result<(), AuthDiscard> {
    if name.len() > MAX_NAME {
        return Err(AuthDiscard::LongName(name.len()));
    }
    Ok(())
}

/// A field with its length in front.
fn counted<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], ParseError> {
    let length = cursor.u8(what)?;
    cursor.take(usize::from(length), what)
}

fn control(code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = PacketBuf::from_slice(ControlPacket::HEADER_LEN, data);
    let header = ControlRepr {
        code: crate::wire::Code(code),
        identifier,
    };
    // Names and messages are bounded, so the length fits.
    match header.emit(&mut packet) {
        Ok(()) => packet.as_slice().to_vec(),
        Err(_) => Vec::new(),
    }
}
