//! The request that an error quotes.

use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpProtocol, QuotedPacket,
};

/// Identifier, sequence number and what is there of the data, when the quote is of an echo request
/// and reaches them.
pub(super) fn quoted_request<'a>(quoted: &QuotedPacket<'a>) -> Option<(u16, u16, &'a [u8])> {
    let octets = quoted.transport();
    match (quoted, quoted.protocol()?) {
        (QuotedPacket::V4(_), IpProtocol::ICMP) => {
            let message = Icmpv4Message::parse(octets).ok()?;
            match message.to_repr() {
                Icmpv4Repr::EchoRequest {
                    identifier,
                    sequence_number,
                } => Some((identifier, sequence_number, message.payload())),
                _ => None,
            }
        }
        (QuotedPacket::V6(_), IpProtocol::ICMPV6) => {
            let message = Icmpv6Message::parse(octets).ok()?;
            match message.to_repr() {
                Icmpv6Repr::EchoRequest {
                    identifier,
                    sequence_number,
                } => Some((identifier, sequence_number, message.payload())),
                _ => None,
            }
        }
        _ => None,
    }
}
