//! ICMP and ICMPv6 messages: queries, and errors with the packets that they quote.

use super::Key;
use packet_buffer::wire::{IpProtocol, QuotedPacket, TcpFlags, TransportIds, icmpv4_code};
use packet_buffer::{Cursor, ParseError};

/// A request of ICMP or ICMPv6, or the answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IcmpQuery {
    /// The type; ICMPv6's where the packet is IPv6.
    pub message_type: u8,
    /// Tells the answers to different requests apart.
    pub identifier: u16,
    /// Counts the requests.
    pub sequence_number: u16,
    /// Whether this is the request, which alone starts a flow.
    pub is_request: bool,
}

/// What kind of query a type is: the type of the request, or 0 for echo, and whether it is the
/// request.
#[inline]
const fn query_class(is_ipv6: bool, message_type: u8) -> Option<(u16, bool)> {
    Some(match (is_ipv6, message_type) {
        (false, 8) | (true, 128) => (0, true),
        (false, 0) | (true, 129) => (0, false),
        (false, 13) => (13, true),
        (false, 14) => (13, false),
        (false, 15) => (15, true),
        (false, 16) => (15, false),
        (false, 17) => (17, true),
        (false, 18) => (17, false),
        _ => return None,
    })
}

/// The ports that a query has in a flow key: source, destination.
#[inline]
const fn query_ports(class: (u16, bool), identifier: u16) -> (u16, u16) {
    let (class, is_request) = class;
    if is_request {
        (identifier, class)
    } else {
        (class, identifier)
    }
}

/// An ICMP or ICMPv6 error.
#[derive(Debug, Clone, Copy)]
pub struct IcmpError<'a> {
    /// The type; ICMPv6's where the packet is IPv6.
    pub message_type: u8,
    /// The code.
    pub code: u8,
    /// Whether it is ICMPv6.
    pub is_ipv6: bool,
    /// The four octets behind the checksum: MTU, pointer, gateway address.
    pub rest_of_header: [u8; 4],
    /// The packet that it is about, as far as it is quoted; `None` when not even its IP header is.
    quoted: Option<QuotedPacket<'a>>,
    key: Option<Key>,
}

impl<'a> IcmpError<'a> {
    /// Octets in front of the quoted packet.
    pub const HEADER_LEN: usize = 8;

    /// The packet that the error is about; `None` when not even its IP header is quoted whole.
    #[inline]
    pub fn quoted(&self) -> Option<&QuotedPacket<'a>> {
        self.quoted.as_ref()
    }

    /// The key of the quoted packet, as quoted; `None` when the quote does not reach the ports, is
    /// of a later fragment, or of an ICMP message that is not a query.
    #[inline]
    pub fn quoted_key(&self) -> Option<Key> {
        self.key
    }

    /// The key of the flow direction in which this error travels: the quoted key reversed.
    #[inline]
    pub fn expected(&self) -> Option<Key> {
        self.key.map(Key::reversed)
    }

    /// The sequence number of a quoted TCP segment (RFC 5927 §4.1).
    pub fn tcp_sequence_number(&self) -> Option<u32> {
        self.quoted?.tcp_sequence_number()
    }

    /// Whether the quoted packet was a TCP SYN, when the quote reaches its flags.
    pub fn quotes_syn(&self) -> Option<bool> {
        let quoted = self.quoted?;
        let flags = *quoted.transport().get(13)?;
        (quoted.protocol() == Some(IpProtocol::TCP))
            .then(|| TcpFlags(u16::from(flags)).contains(TcpFlags::SYN))
    }

    /// The MTU that a "fragmentation needed" or "packet too big" reports, in octets. An IPv4 router
    /// older than RFC 1191 reports 0.
    pub fn mtu(&self) -> Option<u32> {
        let [a, b, c, d] = self.rest_of_header;
        match (self.is_ipv6, self.message_type, self.code) {
            (false, 3, code) if code == icmpv4_code::Unreachable::FRAGMENTATION_NEEDED.0 => {
                Some(u32::from(u16::from_be_bytes([c, d])))
            }
            (true, 2, _) => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        }
    }

    /// Whether the error is one that a gateway relays: unreachable, time exceeded, parameter
    /// problem, packet too big. Not so a redirect, which has no meaning behind its own link, and a
    /// source quench (RFC 6633 §5).
    pub const fn is_relayable(&self) -> bool {
        self.is_ipv6 || matches!(self.message_type, 3 | 11 | 12)
    }
}

/// One ICMP or ICMPv6 message.
pub(super) enum Message<'a> {
    Query(IcmpQuery, (u16, u16)),
    Error(IcmpError<'a>),
    Other { message_type: u8, code: u8 },
}

/// Reads the message in `octets`.
pub(super) fn parse(octets: &[u8], is_ipv6: bool) -> Result<Message<'_>, ParseError> {
    let mut cursor = Cursor::new(octets);
    let message_type = cursor.u8("ICMP type")?;
    let code = cursor.u8("ICMP code")?;
    cursor.take(2, "ICMP checksum")?;
    if let Some(class) = query_class(is_ipv6, message_type) {
        let identifier = cursor.u16("ICMP identifier")?;
        let sequence_number = cursor.u16("ICMP sequence number")?;
        let query = IcmpQuery {
            message_type,
            identifier,
            sequence_number,
            is_request: class.1,
        };
        return Ok(Message::Query(query, query_ports(class, identifier)));
    }
    let is_error = if is_ipv6 {
        message_type < 128
    } else {
        matches!(message_type, 3 | 4 | 5 | 11 | 12)
    };
    if !is_error {
        return Ok(Message::Other { message_type, code });
    }
    let rest_of_header = *cursor.array::<4>("ICMP header")?;
    let quoted = QuotedPacket::parse(cursor.rest()).ok();
    Ok(Message::Error(IcmpError {
        message_type,
        code,
        is_ipv6,
        rest_of_header,
        quoted,
        key: quoted.as_ref().and_then(quoted_key),
    }))
}

/// The key of a quoted packet.
fn quoted_key(quoted: &QuotedPacket<'_>) -> Option<Key> {
    let protocol = quoted.protocol()?;
    let transport = quoted.transport();
    let (from, to) = match quoted.transport_ids() {
        Some(TransportIds::Ports {
            source,
            destination,
        }) => (source, destination),
        Some(TransportIds::IcmpQuery {
            message_type,
            identifier,
        }) => {
            let is_ipv6 = matches!(quoted, QuotedPacket::V6(_));
            query_ports(query_class(is_ipv6, message_type)?, identifier)
        }
        None if protocol.has_ports() || transport.is_empty() => return None,
        None if matches!(protocol, IpProtocol::ICMP | IpProtocol::ICMPV6) => return None,
        None if protocol == IpProtocol::GRE => {
            super::gre_ports(&super::GreHeader::parse(transport).ok()?)
        }
        None => (0, 0),
    };
    Key::new(
        (quoted.source(), from),
        (quoted.destination(), to),
        protocol,
    )
}
