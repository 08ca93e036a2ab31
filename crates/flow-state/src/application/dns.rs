//! DNS messages (RFC 1035): the name that is asked for, and the addresses in the answers.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::{Cursor, ParseError};

/// The port of DNS servers.
pub const PORT: u16 = 53;

/// Records of a message that are looked at; a message with more is refused.
pub const MAX_RECORDS: usize = 256;

/// Labels of a name that are followed, pointers counted: more than 255 octets can hold.
const MAX_STEPS: usize = 256;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name in lower case, without the dot at the end; the root is empty. Octets that no host
    /// name has are written as RFC 4343 §2.1 does: `\ddd`.
    pub name: String,
    /// The type: 1 for A, 28 for AAAA.
    pub record_type: u16,
    /// The class: 1 for the Internet.
    pub class: u16,
}

/// An address in an answer, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRecord {
    /// The address.
    pub address: IpAddr,
    /// Its first octet, from the start of the message; 4 or 16 octets.
    pub offset: usize,
    /// How long it may be kept, in seconds.
    pub time_to_live: u32,
}

/// A message, as far as its questions and addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// Tells the answer's question.
    pub identifier: u16,
    /// Whether it is a response.
    pub is_response: bool,
    /// The kind of query: 0 for a standard one.
    pub opcode: u8,
    /// Whether it was cut short to fit a datagram.
    pub is_truncated: bool,
    /// Of a response: 0 for success, 3 for a name that does not exist.
    pub response_code: u8,
    /// The questions; one in practice.
    pub questions: Vec<Question>,
    /// The addresses among the records of all sections.
    pub addresses: Vec<AddressRecord>,
}

impl Message {
    /// Reads the payload of a UDP datagram, or of a message behind its length in TCP.
    ///
    /// # Errors
    ///
    /// Truncated, when records or names are cut; bad value, for a name whose pointer does not lead
    /// backwards or whose labels are too long; bad length, for more than [`MAX_RECORDS`] records or
    /// an address of a wrong length.
    pub fn parse(message: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(message);
        let identifier = cursor.u16("DNS identifier")?;
        let flags = cursor.u16("DNS flags")?;
        let [high, low] = flags.to_be_bytes();
        let questions = usize::from(cursor.u16("DNS question count")?);
        let mut records = 0;
        for what in [
            "DNS answer count",
            "DNS authority count",
            "DNS additional count",
        ] {
            records += usize::from(cursor.u16(what)?);
        }
        if questions + records > MAX_RECORDS {
            let total = questions + records;
            return Err(ParseError::bad_length("DNS record count", 4, total));
        }
        let mut parsed = Self {
            identifier,
            is_response: high & 0x80 != 0,
            opcode: (high >> 3) & 0x0f,
            is_truncated: high & 0x02 != 0,
            response_code: low & 0x0f,
            questions: Vec::new(),
            addresses: Vec::new(),
        };
        for _ in 0..questions {
            let name = name(message, &mut cursor)?;
            parsed.questions.push(Question {
                name,
                record_type: cursor.u16("DNS question type")?,
                class: cursor.u16("DNS question class")?,
            });
        }
        for _ in 0..records {
            skip_name(&mut cursor)?;
            let record_type = cursor.u16("DNS record type")?;
            let class = cursor.u16("DNS record class")?;
            let time_to_live = cursor.u32("DNS time to live")?;
            let length = usize::from(cursor.u16("DNS data length")?);
            let offset = cursor.offset();
            let data = cursor.take(length, "DNS record data")?;
            let address = match (record_type, class) {
                (1, 1) => <[u8; 4]>::try_from(data).map(|v4| IpAddr::V4(Ipv4Addr::from(v4))),
                (28, 1) => <[u8; 16]>::try_from(data).map(|v6| IpAddr::V6(Ipv6Addr::from(v6))),
                _ => continue,
            };
            let address =
                address.map_err(|_| ParseError::bad_length("DNS address", offset, length))?;
            parsed.addresses.push(AddressRecord {
                address,
                offset,
                time_to_live,
            });
        }
        Ok(parsed)
    }
}

/// Goes over a name without following its pointer.
fn skip_name(cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    loop {
        let at = cursor.offset();
        match cursor.u8("DNS name")? {
            0 => return Ok(()),
            length @ 1..=63 => {
                cursor.take(usize::from(length), "DNS label")?;
            }
            0xc0.. => {
                cursor.u8("DNS name pointer")?;
                return Ok(());
            }
            other => {
                return Err(ParseError::bad_value(
                    "DNS label type",
                    at,
                    u32::from(other),
                ));
            }
        }
    }
}

/// Takes a name and writes it as text. Pointers must lead backwards (RFC 1035 §4.1.4: to a prior
/// occurrence), so there are no circles.
fn name(message: &[u8], cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let start = cursor.offset();
    let mut text = String::new();
    let mut octets = 0usize;
    let mut bound = start;
    let mut walk = *cursor;
    skip_name(cursor)?;
    for _ in 0..MAX_STEPS {
        let at = walk.offset();
        match walk.u8("DNS name")? {
            0 => return Ok(text),
            length @ 1..=63 => {
                let label = walk.take(usize::from(length), "DNS label")?;
                octets += label.len() + 1;
                // RFC 1035 §2.3.4: 255 octets or less.
                if octets > 254 {
                    return Err(ParseError::bad_length("DNS name", start, octets));
                }
                if !text.is_empty() {
                    text.push('.');
                }
                push_label(&mut text, label);
            }
            high @ 0xc0.. => {
                let low = walk.u8("DNS name pointer")?;
                let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                if target >= bound {
                    let value = u32::from(u16::from_be_bytes([high, low]));
                    return Err(ParseError::bad_value("DNS name pointer", at, value));
                }
                bound = target;
                walk = Cursor::at(message.get(target..).unwrap_or_default(), target);
            }
            other => {
                return Err(ParseError::bad_value(
                    "DNS label type",
                    at,
                    u32::from(other),
                ));
            }
        }
    }
    Err(ParseError::bad_length("DNS name", start, octets))
}

fn push_label(text: &mut String, label: &[u8]) {
    for &octet in label {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_') {
            text.push(char::from(octet.to_ascii_lowercase()));
        } else {
            text.push('\\');
            for divisor in [100, 10, 1] {
                text.push(char::from(b'0' + octet / divisor % 10));
            }
        }
    }
}
