//! What these tests share.

use icmp_nd::pmtu::{Config, Path, PathMtuCache};
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv6Repr, IpProtocol, Ipv4Repr, Ipv6Repr, PseudoHeader, UdpRepr, icmpv4_code,
};
use std::net::{Ipv4Addr, Ipv6Addr};
use testkit::SeededRandom;

pub(crate) const HOST4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const PEER4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
pub(crate) const HOST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
pub(crate) const PEER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 7);

pub(crate) fn cache(config: Config) -> PathMtuCache {
    PathMtuCache::new(config, &mut SeededRandom::new(1)).unwrap()
}

pub(crate) fn v4() -> Path {
    Path::to(PEER4.into())
}

pub(crate) fn v6() -> Path {
    Path::to(PEER6.into())
}

/// A UDP packet over IPv4 with `length` octets in all.
pub(crate) fn udp4(source: Ipv4Addr, length: usize, dont_fragment: bool) -> PacketBuf {
    let mut packet = PacketBuf::with_headroom(64);
    packet.append(length - 28);
    let header = Ipv4Repr {
        dont_fragment,
        ..Ipv4Repr::new(source, PEER4, IpProtocol::UDP)
    };
    let ports = UdpRepr {
        source_port: 4000,
        destination_port: 7,
    };
    ports.emit(&mut packet, &header.pseudo_header()).unwrap();
    header.emit(&mut packet).unwrap();
    packet
}

/// A UDP packet over IPv6 with `length` octets in all.
pub(crate) fn udp6(source: Ipv6Addr, length: usize) -> PacketBuf {
    let mut packet = PacketBuf::with_headroom(64);
    packet.append(length - 48);
    let header = Ipv6Repr {
        flow_label: 0x12345,
        ..Ipv6Repr::new(source, PEER6, IpProtocol::UDP)
    };
    let ports = UdpRepr {
        source_port: 4000,
        destination_port: 7,
    };
    ports.emit(&mut packet, &header.pseudo_header()).unwrap();
    header.emit(&mut packet).unwrap();
    packet
}

/// The ICMPv4 message "fragmentation needed" about `packet`.
pub(crate) fn fragmentation_needed(packet: &[u8], next_hop_mtu: u16) -> Vec<u8> {
    let mut message = PacketBuf::with_headroom(64);
    message.append_slice(&packet[..packet.len().min(548)]);
    let repr = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
        quoted_words: 0,
        next_hop_mtu,
    };
    repr.emit(&mut message).unwrap();
    message.as_slice().to_vec()
}

/// The ICMPv6 message Packet Too Big about `packet`.
pub(crate) fn packet_too_big(packet: &[u8], mtu: u32) -> Vec<u8> {
    let mut message = PacketBuf::with_headroom(64);
    message.append_slice(&packet[..packet.len().min(1232)]);
    let addresses = PseudoHeader::V6 {
        source: PEER6,
        destination: HOST6,
    };
    let repr = Icmpv6Repr::PacketTooBig { mtu };
    repr.emit(&mut message, &addresses).unwrap();
    message.as_slice().to_vec()
}
