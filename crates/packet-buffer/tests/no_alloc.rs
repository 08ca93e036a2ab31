//! Reading and rewriting never allocate; writing into a buffer that is used again does not either.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod vectors;

use core::hint::black_box;
use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{
    ArpPacket, ArpRepr, EtherType, EthernetFrame, EthernetRepr, GrePacket, GreRepr, HeaderOptions,
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv4Packet, Ipv4Repr,
    Ipv6FragmentHeader, Ipv6Packet, Ipv6Repr, MacAddr, PseudoHeader, QuotedPacket, TcpOption,
    TcpRepr, TcpSegment, UdpDatagram, UdpRepr,
};
use packet_buffer::{IpPacketMut, PacketBuf};
use testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);

/// How many allocations `work` makes.
fn allocations_of(work: impl FnOnce()) -> usize {
    let before = CountingAllocator::allocations();
    work();
    CountingAllocator::allocations() - before
}

/// Reads `octets` as every format, down to the options.
fn read(octets: &[u8]) {
    if let Ok(frame) = EthernetFrame::parse(octets) {
        black_box(frame.to_repr());
    }
    if let Ok(packet) = ArpPacket::parse(octets) {
        let _ = black_box(packet.to_repr());
    }
    if let Ok(packet) = Ipv4Packet::parse(octets) {
        black_box((packet.to_repr(), packet.verify_checksum().is_ok()));
        black_box(packet.options().iter().count());
        read_transport(packet.payload(), &packet.pseudo_header());
    }
    if let Ok(packet) = Ipv6Packet::parse(octets) {
        black_box(packet.to_repr());
        if let Ok(extensions) = packet.extensions() {
            black_box(extensions.iter().count());
            let upper = extensions.upper_layer();
            read_transport(upper.payload, &packet.pseudo_header());
        }
    }
    if let Ok(quoted) = QuotedPacket::parse(octets) {
        black_box((quoted.transport_ids(), quoted.tcp_sequence_number()));
    }
    let _ = black_box(packet_buffer::wire::IpPacket::parse(octets));
}

fn read_transport(octets: &[u8], pseudo_header: &PseudoHeader) {
    if let Ok(datagram) = UdpDatagram::parse(octets) {
        let _ = black_box(datagram.verify_checksum(pseudo_header));
    }
    if let Ok(segment) = TcpSegment::parse(octets) {
        let _ = black_box(segment.verify_checksum(pseudo_header));
        black_box((segment.to_repr(), segment.options().count()));
    }
    if let Ok(message) = Icmpv4Message::parse(octets) {
        black_box((message.to_repr(), message.quoted_packet().is_some()));
    }
    if let Ok(message) = Icmpv6Message::parse(octets) {
        black_box((message.to_repr(), message.quoted_packet().is_some()));
    }
    if let Ok(packet) = GrePacket::parse(octets) {
        black_box((packet.to_repr(), packet.verify_checksum().is_ok()));
    }
}

/// Writes one packet of every format.
fn write(packet: &mut PacketBuf, payload: &[u8]) {
    let headroom = PacketBuf::DEFAULT_HEADROOM;
    let v4 = PseudoHeader::V4 {
        source: A,
        destination: B,
    };
    let v6 = PseudoHeader::V6 {
        source: A6,
        destination: B6,
    };
    let (mac_a, mac_b) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    let udp = UdpRepr {
        source_port: 1,
        destination_port: 2,
    };

    packet.reset(headroom);
    packet.append_slice(payload);
    udp.emit(packet, &v4).unwrap();
    Ipv4Repr::new(A, B, IpProtocol::UDP).emit(packet).unwrap();
    let gre = GreRepr::Standard {
        protocol: EtherType::IPV4,
        checksum: true,
        key: Some(1),
        sequence_number: Some(2),
    };
    gre.emit(packet).unwrap();
    Ipv6Repr::new(A6, B6, IpProtocol::GRE).emit(packet).unwrap();
    EthernetRepr::new(mac_b, mac_a, EtherType::IPV6)
        .emit(packet)
        .unwrap();

    packet.reset(headroom);
    packet.append_slice(payload);
    let options = HeaderOptions::from_tcp_options(&[
        TcpOption::MaximumSegmentSize(1460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            value: 1,
            echo_reply: 0,
        },
        TcpOption::WindowScale(7),
    ]);
    let tcp = TcpRepr {
        options: options.unwrap(),
        ..TcpRepr::default()
    };
    tcp.emit(packet, &v6).unwrap();
    let fragment = Ipv6FragmentHeader {
        next_header: IpProtocol::TCP,
        offset: 0,
        more_fragments: false,
        identification: 1,
    };
    fragment.emit(packet).unwrap();
    Ipv6Repr::new(A6, B6, IpProtocol::FRAGMENT)
        .emit(packet)
        .unwrap();

    packet.reset(headroom);
    packet.append_slice(payload);
    let echo = Icmpv4Repr::EchoRequest {
        identifier: 1,
        sequence_number: 2,
    };
    echo.emit(packet).unwrap();
    packet.reset(headroom);
    packet.append_slice(payload);
    let echo = Icmpv6Repr::EchoRequest {
        identifier: 1,
        sequence_number: 2,
    };
    echo.emit(packet, &v6).unwrap();
    packet.reset(headroom);
    ArpRepr::request(mac_a, A, B).emit(packet).unwrap();
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations_of(|| drop(black_box(Box::new([0u8; 64])))), 1);
    assert_eq!(allocations_of(|| drop(black_box(vec![0u8; 64]))), 1);
}

#[test]
fn reading() {
    let packets = vectors::all();
    let reading = allocations_of(|| {
        for (_, octets) in &packets {
            for length in 0..=octets.len() {
                read(&octets[..length]);
            }
        }
    });
    assert_eq!(reading, 0);
}

#[test]
fn rewriting() {
    let mut packets = vectors::all();
    let rewriting = allocations_of(|| {
        for (_, octets) in &mut packets {
            for is_quoted in [false, true] {
                let parsed = if is_quoted {
                    IpPacketMut::parse_quoted(octets)
                } else {
                    IpPacketMut::parse(octets)
                };
                let Ok(mut packet) = parsed else {
                    continue;
                };
                let _ = black_box(packet.set_source(B.into(), Some(9)));
                let _ = black_box(packet.set_destination(A6.into(), Some(9)));
                let _ = black_box(packet.set_destination(A.into(), None));
                black_box(packet.decrement_hop_limit());
            }
        }
    });
    assert_eq!(rewriting, 0);
}

#[test]
fn writing_into_a_buffer_that_is_used_again() {
    let payload = [0x5a; 1400];
    let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
    write(&mut packet, &payload);
    let writing = allocations_of(|| {
        for length in [1400, 0, 1, 1399] {
            write(&mut packet, &payload[..length]);
        }
    });
    assert_eq!(writing, 0);
}

/// A frozen packet shares its octets; what is allocated is a count of its owners.
#[test]
fn freezing() {
    let mut packet = PacketBuf::from_slice(64, &[0x5a; 1400]);
    packet.trim_front(8);
    let address = packet.as_slice().as_ptr();
    let before = CountingAllocator::allocated();
    let frozen = packet.freeze();
    let second = frozen.clone();
    assert!(CountingAllocator::allocated() - before < 128);
    assert_eq!((frozen.as_ptr(), second.as_ptr()), (address, address));
}
