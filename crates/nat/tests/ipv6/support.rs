//! Packets and what they must be.

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::PacketBuf;
use packet_buffer::wire::*;

pub(crate) fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(crate) fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) fn prefix(text: &str) -> Ipv6Prefix {
    text.parse().unwrap()
}

pub(crate) fn udp_v6(from: (Ipv6Addr, u16), to: (Ipv6Addr, u16), data: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::new();
    packet.append_slice(data);
    let ip = Ipv6Repr::new(from.0, to.0, IpProtocol::UDP);
    let udp = UdpRepr {
        source_port: from.1,
        destination_port: to.1,
    };
    udp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    packet
}

pub(crate) fn udp_v4(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), data: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::new();
    packet.append_slice(data);
    let ip = Ipv4Repr::new(from.0, to.0, IpProtocol::UDP);
    let udp = UdpRepr {
        source_port: from.1,
        destination_port: to.1,
    };
    udp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    packet
}

fn segment(ports: (u16, u16), flags: TcpFlags, numbers: (u32, u32)) -> TcpRepr {
    TcpRepr {
        source_port: ports.0,
        destination_port: ports.1,
        sequence_number: numbers.0,
        acknowledgment_number: numbers.1,
        flags,
        window: 8192,
        urgent_pointer: 0,
        options: HeaderOptions::NONE,
    }
}

pub(crate) fn tcp_v6(from: (Ipv6Addr, u16), to: (Ipv6Addr, u16), flags: TcpFlags) -> PacketBuf {
    let mut packet = PacketBuf::new();
    let ip = Ipv6Repr::new(from.0, to.0, IpProtocol::TCP);
    let tcp = segment((from.1, to.1), flags, (100, 200));
    tcp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    packet
}

pub(crate) fn tcp_v4(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), flags: TcpFlags) -> PacketBuf {
    let mut packet = PacketBuf::new();
    let ip = Ipv4Repr::new(from.0, to.0, IpProtocol::TCP);
    let tcp = segment((from.1, to.1), flags, (300, 400));
    tcp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    packet
}

pub(crate) fn icmpv6(repr: Icmpv6Repr, addresses: (Ipv6Addr, Ipv6Addr), body: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::new();
    packet.append_slice(body);
    let ip = Ipv6Repr::new(addresses.0, addresses.1, IpProtocol::ICMPV6);
    repr.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    packet
}

/// An error about `quoted`.
pub(crate) fn icmpv6_error(
    repr: Icmpv6Repr,
    addresses: (Ipv6Addr, Ipv6Addr),
    quoted: &[u8],
) -> PacketBuf {
    icmpv6(repr, addresses, quoted)
}

pub(crate) fn icmpv4(repr: Icmpv4Repr, addresses: (Ipv4Addr, Ipv4Addr), body: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::new();
    packet.append_slice(body);
    repr.emit(&mut packet).unwrap();
    let ip = Ipv4Repr::new(addresses.0, addresses.1, IpProtocol::ICMP);
    ip.emit(&mut packet).unwrap();
    packet
}

/// Checks all checksums of a packet, and those of a packet that it quotes.
pub(crate) fn assert_sound(octets: &[u8]) {
    match IpPacket::parse(octets).unwrap() {
        IpPacket::V4(ip) => {
            ip.verify_checksum().unwrap();
            if ip.fragment_offset() == 0 && !ip.more_fragments() {
                verify_transport(ip.protocol(), ip.payload(), &ip.pseudo_header());
            }
        }
        IpPacket::V6(ip) => {
            let upper = ip.upper_layer().unwrap();
            if upper.fragment.is_none_or(|fragment| fragment.is_atomic()) {
                verify_transport(upper.protocol, upper.payload, &ip.pseudo_header());
            }
        }
    }
}

fn verify_transport(protocol: IpProtocol, octets: &[u8], pseudo: &PseudoHeader) {
    match protocol {
        IpProtocol::UDP => UdpDatagram::parse(octets)
            .unwrap()
            .verify_checksum(pseudo)
            .unwrap(),
        IpProtocol::TCP => TcpSegment::parse(octets)
            .unwrap()
            .verify_checksum(pseudo)
            .unwrap(),
        IpProtocol::ICMP => {
            let message = Icmpv4Message::parse(octets).unwrap();
            message.verify_checksum().unwrap();
            if let Some(quoted) = message.quoted_packet() {
                verify_quoted(quoted.unwrap());
            }
        }
        IpProtocol::ICMPV6 => {
            let message = Icmpv6Message::parse(octets).unwrap();
            message.verify_checksum(pseudo).unwrap();
            if let Some(quoted) = message.quoted_packet() {
                verify_quoted(quoted.unwrap());
            }
        }
        _ => {}
    }
}

/// A quoted packet that is there whole is as sound as any other.
fn verify_quoted(quoted: QuotedPacket<'_>) {
    let (octets, is_whole) = match quoted {
        QuotedPacket::V4(quoted) => {
            let octets = quoted.as_slice();
            (octets, octets.len() == usize::from(quoted.total_length()))
        }
        QuotedPacket::V6(quoted) => {
            let octets = quoted.as_slice();
            (
                octets,
                octets.len() == 40 + usize::from(quoted.payload_length()),
            )
        }
    };
    if is_whole {
        assert_sound(octets);
    }
}
