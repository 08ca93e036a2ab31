//! The frames to read: 256 of a kind, all different.

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    EtherType, EthernetRepr, Icmpv6Repr, IpProtocol, Ipv4Repr, Ipv6Repr, MacAddr, TcpFlags,
    TcpRepr, UdpRepr,
};

/// How many frames there are of a kind.
pub(crate) const COUNT: u8 = u8::MAX;

pub(crate) const SOURCE_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub(crate) const DESTINATION_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// The headers of packet number `n`.
#[inline]
pub(crate) fn tcp_headers(n: u8) -> (Ipv4Repr, TcpRepr) {
    let source = Ipv4Addr::new(192, 0, 2, n);
    let destination = Ipv4Addr::new(198, 51, 100, n ^ 0x55);
    let tcp = TcpRepr {
        source_port: 40_000 + u16::from(n),
        destination_port: 443,
        sequence_number: u32::from(n).wrapping_mul(0x0102_0305),
        acknowledgment_number: u32::from(n).wrapping_mul(0x0301_0203),
        flags: TcpFlags::ACK | TcpFlags::PSH,
        window: 29_200,
        ..TcpRepr::default()
    };
    (Ipv4Repr::new(source, destination, IpProtocol::TCP), tcp)
}

/// Ethernet, IPv4 and TCP with so many octets of data.
pub(crate) fn tcp(data: usize) -> Vec<Vec<u8>> {
    frames(data, |n, packet| {
        let (ip, tcp) = tcp_headers(n);
        tcp.emit(packet, &ip.pseudo_header())?;
        ip.emit(packet)?;
        EthernetRepr::new(DESTINATION_MAC, SOURCE_MAC, EtherType::IPV4).emit(packet)
    })
}

fn ipv6(n: u8, next_header: IpProtocol) -> (EthernetRepr, Ipv6Repr) {
    let source = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0x55, u16::from(n));
    let destination = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, u16::from(n) << 8, 1);
    (
        EthernetRepr::new(DESTINATION_MAC, SOURCE_MAC, EtherType::IPV6),
        Ipv6Repr::new(source, destination, next_header),
    )
}

/// Ethernet, IPv6 and UDP with so many octets of data.
pub(crate) fn udp(data: usize) -> Vec<Vec<u8>> {
    frames(data, |n, packet| {
        let (ethernet, ip) = ipv6(n, IpProtocol::UDP);
        let udp = UdpRepr {
            source_port: 50_000 + u16::from(n),
            destination_port: 53,
        };
        udp.emit(packet, &ip.pseudo_header())?;
        ip.emit(packet)?;
        ethernet.emit(packet)
    })
}

/// Ethernet, IPv6 and an ICMPv6 echo request with so many octets of data.
pub(crate) fn echo(data: usize) -> Vec<Vec<u8>> {
    frames(data, |n, packet| {
        let (ethernet, ip) = ipv6(n, IpProtocol::ICMPV6);
        let echo = Icmpv6Repr::EchoRequest {
            identifier: 77,
            sequence_number: u16::from(n) * 3,
        };
        echo.emit(packet, &ip.pseudo_header())?;
        ip.emit(packet)?;
        ethernet.emit(packet)
    })
}

fn frames<E: core::fmt::Debug>(
    data: usize,
    emit: impl Fn(u8, &mut PacketBuf) -> Result<(), E>,
) -> Vec<Vec<u8>> {
    (0..=COUNT)
        .map(|n| {
            let mut packet = PacketBuf::with_headroom(128);
            packet.append(data + usize::from(n % 2)).fill(n);
            emit(n, &mut packet).unwrap();
            packet.as_slice().to_vec()
        })
        .collect()
}
