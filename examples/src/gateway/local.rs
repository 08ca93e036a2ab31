//! What the gateway itself answers: echo requests.

use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpPacket, IpProtocol, Ipv4Repr, Ipv6Repr,
};

/// The answer to an echo request; `None` for anything else.
pub(super) fn echo_reply(octets: &[u8]) -> Option<PacketBuf> {
    let mut out = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
    match IpPacket::parse(octets).ok()? {
        IpPacket::V4(ip) if ip.protocol() == IpProtocol::ICMP => {
            let message = Icmpv4Message::parse(ip.payload()).ok()?;
            message.verify_checksum().ok()?;
            let Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            } = message.to_repr()
            else {
                return None;
            };
            out.append_slice(message.payload());
            let reply = Icmpv4Repr::EchoReply {
                identifier,
                sequence_number,
            };
            reply.emit(&mut out).ok()?;
            Ipv4Repr::new(ip.destination(), ip.source(), IpProtocol::ICMP)
                .emit(&mut out)
                .ok()?;
        }
        IpPacket::V6(ip) => {
            let upper = ip.upper_layer().ok()?;
            if upper.protocol != IpProtocol::ICMPV6 {
                return None;
            }
            let message = Icmpv6Message::parse(upper.payload).ok()?;
            message.verify_checksum(&ip.pseudo_header()).ok()?;
            let Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            } = message.to_repr()
            else {
                return None;
            };
            out.append_slice(message.payload());
            let reply = Icmpv6Repr::EchoReply {
                identifier,
                sequence_number,
            };
            let header = Ipv6Repr::new(ip.destination(), ip.source(), IpProtocol::ICMPV6);
            reply.emit(&mut out, &header.pseudo_header()).ok()?;
            header.emit(&mut out).ok()?;
        }
        IpPacket::V4(_) => return None,
    }
    Some(out)
}
