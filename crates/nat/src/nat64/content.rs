//! What of a packet decides on its session, and of a packet that it quotes (RFC 6146 §3.4).

use super::config::Nat64Drop;
use super::tcp::TcpEvent;
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv6Message, IpProtocol, QuotedPacket, TcpFlags, TcpSegment, TransportIds,
    UdpDatagram,
};
use packet_buffer::{IpPacketMut, PacketBuf, RewriteError};

/// What of a packet decides on its session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    /// TCP, UDP, or an ICMP query: source and destination port, or the identifier as the port of
    /// the end inside.
    Flow {
        protocol: IpProtocol,
        source: u16,
        destination: u16,
        flags: TcpFlags,
    },
    /// An ICMP error.
    Error,
}

/// What of a packet decides on its session. The transport header is checked whole, so that no
/// state is made for what cannot be translated.
// RFC 6146 §3.4 MUST (protocols): TCP, UDP and ICMP have sessions; the rest is dropped.
pub(super) fn content(
    protocol: IpProtocol,
    octets: &[u8],
    is_v6: bool,
) -> Result<Content, Nat64Drop> {
    let flow = |protocol, source, destination, flags| Content::Flow {
        protocol,
        source,
        destination,
        flags,
    };
    let none = TcpFlags::default();
    match protocol {
        IpProtocol::TCP => {
            let tcp = TcpSegment::parse(octets).map_err(|_| Nat64Drop::Malformed)?;
            let ports = (tcp.source_port(), tcp.destination_port());
            Ok(flow(protocol, ports.0, ports.1, tcp.flags()))
        }
        IpProtocol::UDP => {
            let udp = UdpDatagram::parse(octets).map_err(|_| Nat64Drop::Malformed)?;
            let ports = (udp.source_port(), udp.destination_port());
            Ok(flow(protocol, ports.0, ports.1, none))
        }
        IpProtocol::ICMPV6 if is_v6 => {
            let message = Icmpv6Message::parse(octets).map_err(|_| Nat64Drop::Malformed)?;
            if message.message_type().is_error() {
                return Ok(Content::Error);
            }
            super::icmp::echo_to_v4(message.message_type()).ok_or(Nat64Drop::Untranslatable)?;
            let identifier = message
                .body()
                .first_chunk::<2>()
                .map_or(0, |id| u16::from_be_bytes(*id));
            Ok(flow(IpProtocol::ICMP, identifier, 0, none))
        }
        IpProtocol::ICMP if !is_v6 => {
            let message = Icmpv4Message::parse(octets).map_err(|_| Nat64Drop::Malformed)?;
            if message.message_type().is_error() {
                return Ok(Content::Error);
            }
            super::icmp::echo_to_v6(message.message_type()).ok_or(Nat64Drop::Untranslatable)?;
            let [a, b, _, _] = message.rest_of_header();
            Ok(flow(IpProtocol::ICMP, 0, u16::from_be_bytes([a, b]), none))
        }
        _ => Err(Nat64Drop::Protocol),
    }
}

pub(super) fn tcp_event(flags: TcpFlags, is_v6: bool) -> TcpEvent {
    if flags.contains(TcpFlags::RST) {
        TcpEvent::Rst
    } else if flags.contains(TcpFlags::SYN) {
        if is_v6 {
            TcpEvent::V6Syn
        } else {
            TcpEvent::V4Syn
        }
    } else if flags.contains(TcpFlags::FIN) {
        if is_v6 {
            TcpEvent::V6Fin
        } else {
            TcpEvent::V4Fin
        }
    } else {
        TcpEvent::Other
    }
}

/// Protocol, source and destination port of a quoted packet; of an ICMP query the protocol is ICMP,
/// and both ports are as an end inside has them: the identifier at the inside end, which is the
/// destination of ICMPv6 and the source of ICMPv4.
pub(super) fn quoted_ports(quoted: &QuotedPacket<'_>) -> Option<(IpProtocol, u16, u16)> {
    let protocol = quoted.protocol()?;
    match quoted.transport_ids()? {
        TransportIds::Ports {
            source,
            destination,
        } => Some((protocol, source, destination)),
        TransportIds::IcmpQuery { identifier, .. } => Some(match quoted {
            QuotedPacket::V6(_) => (IpProtocol::ICMP, 0, identifier),
            QuotedPacket::V4(_) => (IpProtocol::ICMP, identifier, 0),
        }),
    }
}

/// Changes the quoted packet of an ICMP message that starts `header_len` octets into the packet, and
/// patches the message's checksum; takes one hop of the packet.
pub(super) fn rewrite_quoted(
    packet: &mut PacketBuf,
    header_len: usize,
    change: impl FnOnce(&mut IpPacketMut<'_>) -> Result<ChecksumDelta, RewriteError>,
) {
    let message = packet.as_mut_slice().get_mut(header_len..);
    if let Some((header, quoted)) = message.and_then(|it| it.split_first_chunk_mut::<8>())
        && let Ok(mut quoted) = IpPacketMut::parse_quoted(quoted)
        && let Ok(delta) = change(&mut quoted)
    {
        let [_, _, a, b, ..] = header;
        let patched = delta.apply(u16::from_be_bytes([*a, *b]));
        [*a, *b] = patched.to_be_bytes();
    }
    if let Ok(mut ip) = IpPacketMut::parse(packet.as_mut_slice()) {
        ip.decrement_hop_limit();
    }
}
