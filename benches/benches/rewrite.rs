//! Changing the source address and port of a packet in place, with both checksums.

#![allow(clippy::unwrap_used, reason = "a bench may fail loudly")]

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};
use internetwork_benches::{Group, run};
use packet_buffer::wire::{IpProtocol, Ipv4Repr, TcpFlags, TcpRepr};
use packet_buffer::{IpPacketMut, PacketBuf};
use smoltcp::wire as smol;

const OURS: &str = "packet-buffer";
const ANEW: &str = "smoltcp 0.14, summing anew";

/// What the source becomes, in turn.
const SOURCES: [(Ipv4Addr, u16); 2] = [
    (Ipv4Addr::new(203, 0, 113, 1), 61_000),
    (Ipv4Addr::new(203, 0, 113, 77), 1_025),
];

fn main() {
    let packets: Vec<Vec<u8>> = (0..=u8::MAX).map(packet).collect();
    check(&packets);
    let (mut for_fields, mut for_ours, mut for_smoltcp) =
        (packets.clone(), packets.clone(), packets);
    let mut parsed: Vec<_> = for_fields
        .iter_mut()
        .map(|packet| IpPacketMut::parse(packet).unwrap())
        .collect();
    let mut turns = [
        SOURCES.iter().cycle(),
        SOURCES.iter().cycle(),
        SOURCES.iter().cycle(),
    ];
    let [first, second, third] = &mut turns;
    run(vec![
        Group::new("rewrite address and port, parsed before", 256)
            .item(OURS, move || {
                let (address, port) = *black_box(first.next().unwrap());
                let set = |packet: &mut IpPacketMut<'_>| {
                    packet.set_source(IpAddr::V4(address), Some(port)).is_ok()
                };
                parsed.iter_mut().all(set)
            })
            .at_most_nanoseconds(4.0),
        Group::new("parse, and rewrite address and port", 256)
            .item(OURS, move || {
                let (address, port) = *black_box(second.next().unwrap());
                let set = |packet: &mut Vec<u8>| ours(packet, address, port).is_some();
                for_ours.iter_mut().all(set)
            })
            .item(ANEW, move || {
                let (address, port) = *black_box(third.next().unwrap());
                let set = |packet: &mut Vec<u8>| anew(packet, address, port).is_some();
                for_smoltcp.iter_mut().all(set)
            }),
    ]);
}

/// A TCP segment over IPv4 with 24 octets of data.
fn packet(n: u8) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    packet.append_slice(&[n; 24]);
    let (source, destination) = (
        Ipv4Addr::new(192, 168, 1, n),
        Ipv4Addr::new(198, 51, 100, 7),
    );
    let ip = Ipv4Repr::new(source, destination, IpProtocol::TCP);
    let tcp = TcpRepr {
        source_port: 40_000 + u16::from(n),
        destination_port: 443,
        flags: TcpFlags::ACK,
        ..TcpRepr::default()
    };
    tcp.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

#[inline]
fn ours(packet: &mut [u8], address: Ipv4Addr, port: u16) -> Option<()> {
    let mut packet = IpPacketMut::parse(packet).ok()?;
    packet.set_source(IpAddr::V4(address), Some(port)).ok()?;
    Some(())
}

#[inline]
fn anew(packet: &mut [u8], address: Ipv4Addr, port: u16) -> Option<()> {
    let mut ip = smol::Ipv4Packet::new_checked(packet).ok()?;
    ip.set_src_addr(address);
    ip.fill_checksum();
    let (source, destination) = (ip.src_addr().into(), ip.dst_addr().into());
    let mut tcp = smol::TcpPacket::new_checked(ip.payload_mut()).ok()?;
    tcp.set_src_port(port);
    tcp.fill_checksum(&source, &destination);
    Some(())
}

/// Both ways give the same packets.
fn check(packets: &[Vec<u8>]) {
    for packet in packets {
        let (mut patched, mut summed) = (packet.clone(), packet.clone());
        for (address, port) in SOURCES {
            ours(&mut patched, address, port).unwrap();
            anew(&mut summed, address, port).unwrap();
            assert_eq!(patched, summed);
        }
    }
}
