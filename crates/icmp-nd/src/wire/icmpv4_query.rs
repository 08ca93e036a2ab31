//! Questions and answers of ICMPv4 beside echo: timestamps and information (RFC 792), address masks
//! (RFC 950), router solicitations (RFC 1256 §3).
//!
//! ```text
//!  0      1      2          4            6          8           12        16         20
//! +------+------+----------+------------+----------+-----------+---------+----------+
//! | Type | Code | Checksum | Identifier | Sequence | Originate | Receive | Transmit | timestamp
//! +------+------+----------+------------+----------+-----------+---------+----------+
//! | Type | Code | Checksum | Identifier | Sequence |                                  information
//! +------+------+----------+------------+----------+--------------+
//! | Type | Code | Checksum | Identifier | Sequence | Address Mask |                   address mask
//! +------+------+----------+------------+----------+--------------+
//! | Type | Code | Checksum | Reserved              |                                  router
//! +------+------+----------+-----------------------+                                  solicitation
//! ```

use super::{be16, be32, field};
use core::net::Ipv4Addr;
use packet_buffer::wire::{Icmpv4Message, Icmpv4Repr, Icmpv4Type};
use packet_buffer::{EmitError, PacketBuf, ParseError};

/// Milliseconds since midnight UT, as timestamp messages carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IcmpTimestamp(
    /// The number on the wire.
    pub u32,
);

impl IcmpTimestamp {
    /// Milliseconds of a day.
    pub const DAY: u32 = 86_400_000;
    /// The bit that marks a time that is not in milliseconds since midnight UT.
    const NON_STANDARD: u32 = 0x8000_0000;

    /// The time of day, in milliseconds since midnight UT, to the length of a day.
    pub const fn from_millis(milliseconds: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "less than a day")]
        let time = (milliseconds % Self::DAY as u64) as u32;
        Self(time)
    }

    /// Milliseconds since midnight UT; `None` when the sender says that it means something else
    /// (RFC 792).
    pub const fn millis(self) -> Option<u32> {
        if self.0 & Self::NON_STANDARD != 0 {
            None
        } else {
            Some(self.0)
        }
    }
}

/// The fields of a timestamp message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimestampFields {
    /// Tells the requests of one sender from another's.
    pub identifier: u16,
    /// Counts the requests.
    pub sequence_number: u16,
    /// When the request was sent, by its sender's clock.
    pub originate: IcmpTimestamp,
    /// When it was received; 0 in the request.
    pub receive: IcmpTimestamp,
    /// When the reply was sent; 0 in the request.
    pub transmit: IcmpTimestamp,
}

/// An ICMPv4 question or answer, as values: both read and written.
///
/// ```
/// use icmp_nd::PacketBuf;
/// use icmp_nd::wire::Icmpv4Query;
/// use packet_buffer::wire::Icmpv4Message;
///
/// let query = Icmpv4Query::AddressMaskReply {
///     identifier: 1,
///     sequence_number: 2,
///     mask: [255, 255, 255, 0].into(),
/// };
/// let mut packet = PacketBuf::with_headroom(64);
/// query.emit(&mut packet)?;
/// let message = Icmpv4Message::parse(packet.as_slice())?;
/// assert_eq!(Icmpv4Query::parse(&message)?, query);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Icmpv4Query {
    /// A host asks for routers.
    RouterSolicitation,
    /// Asks for the time.
    TimestampRequest(TimestampFields),
    /// Tells the time.
    TimestampReply(TimestampFields),
    /// Asks for a network number (obsolete, RFC 6918).
    InformationRequest {
        /// Tells the requests of one sender from another's.
        identifier: u16,
        /// Counts the requests.
        sequence_number: u16,
    },
    /// Tells a network number, in the addresses of the IP header (obsolete, RFC 6918).
    InformationReply {
        /// As in the request.
        identifier: u16,
        /// As in the request.
        sequence_number: u16,
    },
    /// Asks for the subnet mask (obsolete, RFC 6918).
    AddressMaskRequest {
        /// Tells the requests of one sender from another's.
        identifier: u16,
        /// Counts the requests.
        sequence_number: u16,
        /// Zero from most senders.
        mask: Ipv4Addr,
    },
    /// Tells the subnet mask (obsolete, RFC 6918).
    AddressMaskReply {
        /// As in the request.
        identifier: u16,
        /// As in the request.
        sequence_number: u16,
        /// The mask.
        mask: Ipv4Addr,
    },
}

impl Icmpv4Query {
    /// Reads a message of these types. What follows the fields is ignored.
    ///
    /// # Errors
    ///
    /// Truncated, when fields are not there; bad value, for a code other than 0; unsupported, for
    /// another type.
    // RFC 1256 §4.2 MUST (valid): eight octets at least, and the code is 0.
    pub fn parse(message: &Icmpv4Message<'_>) -> Result<Self, ParseError> {
        let message_type = message.message_type();
        let rest = message.rest_of_header();
        let (identifier, sequence_number) = (be16::<0, 4>(&rest), be16::<2, 4>(&rest));
        let query = match message_type {
            Icmpv4Type::ROUTER_SOLICITATION => Self::RouterSolicitation,
            Icmpv4Type::TIMESTAMP_REQUEST | Icmpv4Type::TIMESTAMP_REPLY => {
                let times = body::<12>(message, "ICMP timestamps")?;
                let fields = TimestampFields {
                    identifier,
                    sequence_number,
                    originate: IcmpTimestamp(be32::<0, 12>(times)),
                    receive: IcmpTimestamp(be32::<4, 12>(times)),
                    transmit: IcmpTimestamp(be32::<8, 12>(times)),
                };
                if message_type == Icmpv4Type::TIMESTAMP_REQUEST {
                    Self::TimestampRequest(fields)
                } else {
                    Self::TimestampReply(fields)
                }
            }
            Icmpv4Type::INFORMATION_REQUEST => Self::InformationRequest {
                identifier,
                sequence_number,
            },
            Icmpv4Type::INFORMATION_REPLY => Self::InformationReply {
                identifier,
                sequence_number,
            },
            Icmpv4Type::ADDRESS_MASK_REQUEST => Self::AddressMaskRequest {
                identifier,
                sequence_number,
                mask: Ipv4Addr::from(*body::<4>(message, "ICMP address mask")?),
            },
            Icmpv4Type::ADDRESS_MASK_REPLY => Self::AddressMaskReply {
                identifier,
                sequence_number,
                mask: Ipv4Addr::from(*body::<4>(message, "ICMP address mask")?),
            },
            _ => {
                let value = u32::from(message_type.0);
                return Err(ParseError::unsupported("ICMP query type", 0, value));
            }
        };
        match message.code() {
            0 => Ok(query),
            code => Err(ParseError::bad_value("ICMP code", 1, u32::from(code))),
        }
    }

    /// The type of the message.
    pub const fn message_type(&self) -> Icmpv4Type {
        match self {
            Self::RouterSolicitation => Icmpv4Type::ROUTER_SOLICITATION,
            Self::TimestampRequest(_) => Icmpv4Type::TIMESTAMP_REQUEST,
            Self::TimestampReply(_) => Icmpv4Type::TIMESTAMP_REPLY,
            Self::InformationRequest { .. } => Icmpv4Type::INFORMATION_REQUEST,
            Self::InformationReply { .. } => Icmpv4Type::INFORMATION_REPLY,
            Self::AddressMaskRequest { .. } => Icmpv4Type::ADDRESS_MASK_REQUEST,
            Self::AddressMaskReply { .. } => Icmpv4Type::ADDRESS_MASK_REPLY,
        }
    }

    /// Writes the message in front of `packet`, which mostly is empty, with its checksum.
    ///
    /// # Errors
    ///
    /// Too long, with the packet unchanged, when message and IP header would exceed 65535 octets.
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let mut body = [0; 12];
        let (identifier, sequence_number, length) = match *self {
            Self::RouterSolicitation => (0, 0, 0),
            Self::TimestampRequest(fields) | Self::TimestampReply(fields) => {
                body[0..4].copy_from_slice(&fields.originate.0.to_be_bytes());
                body[4..8].copy_from_slice(&fields.receive.0.to_be_bytes());
                body[8..12].copy_from_slice(&fields.transmit.0.to_be_bytes());
                (fields.identifier, fields.sequence_number, 12)
            }
            Self::InformationRequest {
                identifier,
                sequence_number,
            }
            | Self::InformationReply {
                identifier,
                sequence_number,
            } => (identifier, sequence_number, 0),
            Self::AddressMaskRequest {
                identifier,
                sequence_number,
                mask,
            }
            | Self::AddressMaskReply {
                identifier,
                sequence_number,
                mask,
            } => {
                body[0..4].copy_from_slice(&mask.octets());
                (identifier, sequence_number, 4)
            }
        };
        let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence_number.to_be_bytes());
        let header = Icmpv4Repr::Other {
            message_type: self.message_type(),
            code: 0,
            rest: [a, b, c, d],
        };
        emit_with_body(packet, &header, body.get(..length).unwrap_or_default())
    }
}

/// The first `N` octets behind the header.
fn body<'a, const N: usize>(
    message: &Icmpv4Message<'a>,
    what: &'static str,
) -> Result<&'a [u8; N], ParseError> {
    let payload = message.payload();
    let truncated = || ParseError::truncated(what, Icmpv4Message::HEADER_LEN, N, payload.len());
    payload.first_chunk().ok_or_else(truncated)
}

/// Writes `body` and the header in front of `packet`.
pub(super) fn emit_with_body(
    packet: &mut PacketBuf,
    header: &Icmpv4Repr,
    body: &[u8],
) -> Result<(), EmitError> {
    packet.prepend_slice(body);
    let written = header.emit(packet);
    if written.is_err() {
        packet.trim_front(body.len());
    }
    written
}

/// One address of a router advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouterAddress {
    /// The router's address on the link.
    pub address: Ipv4Addr,
    /// How much it is preferred as default router: more is better, and the least value, 0x80000000,
    /// says that it is none.
    pub preference: i32,
}

impl RouterAddress {
    /// The preference that says that the address is no default router.
    pub const NEVER_DEFAULT: i32 = i32::MIN;
}

/// A received ICMPv4 router advertisement (RFC 1256 §3).
///
/// ```text
///  0      1      2          4            5            6          8           12
/// +------+------+----------+------------+------------+----------+-----------+--------------+
/// |  9   |  0   | Checksum | Num Addrs  | Entry Size | Lifetime | Address   | Preference   | ...
/// +------+------+----------+------------+------------+----------+-----------+--------------+
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Icmpv4RouterAdvertisement<'a> {
    code: u8,
    header: [u8; 4],
    entries: &'a [u8],
    trailing: &'a [u8],
}

impl<'a> Icmpv4RouterAdvertisement<'a> {
    /// Checks lengths and counts. The checksum is the message's own
    /// ([`Icmpv4Message::verify_checksum`]).
    ///
    /// # Errors
    ///
    /// Truncated, when an entry is not there; bad value, for no addresses, entries of less than
    /// two words, or a code that is neither 0 nor 16 (RFC 5944 §2.1); unsupported, for another
    /// type.
    // RFC 1256 §5.2 MUST (valid): code 0, one address and two words at least, and all entries there.
    pub fn parse(message: &Icmpv4Message<'a>) -> Result<Self, ParseError> {
        let message_type = message.message_type();
        if message_type != Icmpv4Type::ROUTER_ADVERTISEMENT {
            let value = u32::from(message_type.0);
            return Err(ParseError::unsupported(
                "ICMP router advertisement",
                0,
                value,
            ));
        }
        let code = message.code();
        if !matches!(code, 0 | Self::CODE_MOBILE) {
            return Err(ParseError::bad_value("ICMP code", 1, u32::from(code)));
        }
        let header = message.rest_of_header();
        let [count, words, ..] = header;
        if count == 0 {
            return Err(ParseError::bad_value("number of router addresses", 4, 0));
        }
        if words < 2 {
            let value = u32::from(words);
            return Err(ParseError::bad_value("router address entry size", 5, value));
        }
        let needed = usize::from(count) * usize::from(words) * 4;
        let payload = message.payload();
        let Some((entries, trailing)) = payload.split_at_checked(needed) else {
            let at = Icmpv4Message::HEADER_LEN;
            return Err(ParseError::truncated(
                "router addresses",
                at,
                needed,
                payload.len(),
            ));
        };
        Ok(Self {
            code,
            header,
            entries,
            trailing,
        })
    }

    /// The code of a mobility agent that does not route common traffic (RFC 5944 §2.1).
    pub const CODE_MOBILE: u8 = 16;

    /// 0, or [`CODE_MOBILE`](Self::CODE_MOBILE).
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// For how many seconds the addresses are valid.
    pub fn lifetime(&self) -> u16 {
        be16::<2, 4>(&self.header)
    }

    /// Octets of an entry: 8 in this version of the protocol.
    pub fn entry_len(&self) -> usize {
        usize::from(self.header[1]) * 4
    }

    /// The addresses, in order; one at least. What an entry has beyond address and preference is
    /// left out.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = RouterAddress> + use<'a> {
        self.entries.chunks_exact(self.entry_len()).map(|entry| {
            let entry = entry.first_chunk::<8>().unwrap_or(&[0; 8]);
            let [.., a, b, c, d] = *entry;
            RouterAddress {
                address: Ipv4Addr::from(*field::<0, 4, 8>(entry)),
                preference: i32::from_be_bytes([a, b, c, d]),
            }
        })
    }

    /// What follows the addresses: the extensions of a mobility agent (RFC 5944 §2.1).
    pub const fn trailing(&self) -> &'a [u8] {
        self.trailing
    }
}

/// An ICMPv4 router advertisement as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Icmpv4RouterAdvertisementRepr<'a> {
    /// 0, or [`Icmpv4RouterAdvertisement::CODE_MOBILE`].
    pub code: u8,
    /// For how many seconds the addresses are valid.
    pub lifetime: u16,
    /// The addresses: 1 to 255.
    pub addresses: &'a [RouterAddress],
}

impl Icmpv4RouterAdvertisementRepr<'_> {
    /// Writes the message in front of `packet`, which holds extensions or nothing, with its
    /// checksum.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: bad value, for no addresses; too long, for more than 255, or when
    /// message and IP header would exceed 65535 octets.
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        const WHAT: &str = "router addresses";
        let length = self.addresses.len();
        let Ok(count) = u8::try_from(length) else {
            return Err(EmitError::TooLong {
                what: WHAT,
                length,
                limit: 255,
            });
        };
        if count == 0 {
            return Err(EmitError::BadValue {
                what: WHAT,
                value: 0,
            });
        }
        let [high, low] = self.lifetime.to_be_bytes();
        let header = Icmpv4Repr::Other {
            message_type: Icmpv4Type::ROUTER_ADVERTISEMENT,
            code: self.code,
            rest: [count, 2, high, low],
        };
        let mut body = [0; 255 * 8];
        for (entry, router) in body.as_chunks_mut::<8>().0.iter_mut().zip(self.addresses) {
            entry[0..4].copy_from_slice(&router.address.octets());
            entry[4..8].copy_from_slice(&router.preference.to_be_bytes());
        }
        emit_with_body(packet, &header, body.get(..length * 8).unwrap_or_default())
    }
}
