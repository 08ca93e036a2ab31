//! Packets: keys, quotes, checksums, and that nothing panics.

use flow_state::packet::{FlowPacket, Transport};
use flow_state::{FlowState, Instant, TcpPolicy};
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    HeaderOptions, Icmpv4Repr, IpProtocol, Ipv4Repr, Ipv6FragmentHeader, Ipv6Repr, PseudoHeader,
    TcpFlags, TcpRepr, UdpRepr, icmpv4_code,
};
use std::net::Ipv4Addr;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

fn ip(
    protocol: IpProtocol,
    from: Ipv4Addr,
    to: Ipv4Addr,
    write: impl FnOnce(&mut PacketBuf),
) -> PacketBuf {
    let mut packet = PacketBuf::with_headroom(128);
    write(&mut packet);
    Ipv4Repr::new(from, to, protocol).emit(&mut packet).unwrap();
    packet
}

fn udp() -> PacketBuf {
    ip(IpProtocol::UDP, A, B, |packet| {
        packet.append_slice(b"data");
        let header = UdpRepr {
            source_port: 40_000,
            destination_port: 53,
        };
        header
            .emit(
                packet,
                &PseudoHeader::V4 {
                    source: A,
                    destination: B,
                },
            )
            .unwrap();
    })
}

fn tcp() -> PacketBuf {
    ip(IpProtocol::TCP, A, B, |packet| {
        let header = TcpRepr {
            source_port: 40_000,
            destination_port: 80,
            sequence_number: 1,
            acknowledgment_number: 0,
            flags: TcpFlags::SYN,
            window: 1_000,
            urgent_pointer: 0,
            options: HeaderOptions::from_slice(&[2, 4, 5, 0xb4, 4, 2, 3, 3, 7, 0, 0, 0]).unwrap(),
        };
        header
            .emit(
                packet,
                &PseudoHeader::V4 {
                    source: A,
                    destination: B,
                },
            )
            .unwrap();
    })
}

fn icmp(message: &Icmpv4Repr, from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) -> PacketBuf {
    ip(IpProtocol::ICMP, from, to, |packet| {
        packet.append_slice(payload);
        message.emit(packet).unwrap();
    })
}

fn error(about: &[u8]) -> PacketBuf {
    let message = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::PORT,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    icmp(&message, B, A, about)
}

fn echo() -> PacketBuf {
    let message = Icmpv4Repr::EchoRequest {
        identifier: 77,
        sequence_number: 1,
    };
    icmp(&message, A, B, b"ping")
}

#[test]
fn keys_of_all_kinds() {
    for (packet, key) in [
        (udp(), "17 10.0.0.2:40000 > 198.51.100.10:53"),
        (tcp(), "6 10.0.0.2:40000 > 198.51.100.10:80"),
        (echo(), "1 10.0.0.2:77 > 198.51.100.10:0"),
        (error(udp().as_slice()), "1 198.51.100.10:0 > 10.0.0.2:0"),
        (
            ip(IpProtocol::ESP, A, B, |packet| {
                packet.append_slice(&[1; 16])
            }),
            "50 10.0.0.2:0 > 198.51.100.10:0",
        ),
        (
            // PPTP's GRE: the receiver's call id.
            ip(IpProtocol::GRE, A, B, |packet| {
                packet.append_slice(&[0x30, 1, 0x88, 0x0b, 0, 0, 0, 9])
            }),
            "47 10.0.0.2:0 > 198.51.100.10:9",
        ),
    ] {
        let view = FlowPacket::parse(packet.as_slice()).unwrap();
        assert_eq!(view.key().to_string(), key);
        view.verify().unwrap();
        assert_eq!(view.key().with_zone(5).zone(), 5);
        assert_eq!(view.key().reversed().reversed(), view.key());
        assert_eq!(view.len(), packet.len());
    }
    let reply = Icmpv4Repr::EchoReply {
        identifier: 77,
        sequence_number: 1,
    };
    let reply = icmp(&reply, B, A, b"ping");
    let request = echo();
    let request = FlowPacket::parse(request.as_slice()).unwrap();
    assert_eq!(
        FlowPacket::parse(reply.as_slice()).unwrap().key(),
        request.key().reversed()
    );
}

#[test]
fn errors_belong_to_the_flow_that_they_quote() {
    for packet in [udp(), tcp(), echo()] {
        let key = FlowPacket::parse(packet.as_slice()).unwrap().key();
        // Eight octets behind the IP header are enough.
        for length in [28, packet.len()] {
            let error = error(&packet.as_slice()[..length]);
            let view = FlowPacket::parse(error.as_slice()).unwrap();
            let Transport::IcmpError(error) = view.transport() else {
                panic!("{view:?}");
            };
            assert_eq!(error.quoted_key(), Some(key));
            assert_eq!(error.expected(), Some(key.reversed()));
            assert!(error.is_relayable());
            // An error begins no flow.
            assert!(FlowState::new(&TcpPolicy::Strict, Instant::ZERO, &view).is_err());
        }
        let error = error(&packet.as_slice()[..22]);
        let view = FlowPacket::parse(error.as_slice()).unwrap();
        assert!(
            matches!(view.transport(), Transport::IcmpError(error) if error.expected().is_none())
        );
    }
}

#[test]
fn bad_checksums_are_found() {
    for packet in [udp(), tcp(), echo()] {
        for at in [10, packet.len() - 1] {
            let mut bad = packet.as_slice().to_vec();
            bad[at] ^= 1;
            assert!(
                FlowPacket::parse(&bad).unwrap().verify().is_err(),
                "octet {at}"
            );
        }
    }
    // RFC 768: zero is none. Over IPv6 it is wrong.
    let mut none = udp().as_slice().to_vec();
    none[26..28].fill(0);
    FlowPacket::parse(&none).unwrap().verify().unwrap();
}

#[test]
fn fragments_have_a_transport_header_in_the_first_only() {
    let whole = udp();
    let fragment = |offset: u16, more: bool, payload: &[u8]| {
        let mut packet = PacketBuf::with_headroom(64);
        packet.append_slice(payload);
        let header = Ipv4Repr {
            more_fragments: more,
            fragment_offset: offset,
            ..Ipv4Repr::new(A, B, IpProtocol::UDP)
        };
        header.emit(&mut packet).unwrap();
        packet
    };
    let first = fragment(0, true, &whole.as_slice()[20..28]);
    let view = FlowPacket::parse(first.as_slice()).unwrap();
    assert!(view.is_fragment() && view.fragment().unwrap().is_first());
    assert_eq!(view.key().destination_port(), 53);
    view.verify().unwrap();
    let later = fragment(8, false, b"data");
    let view = FlowPacket::parse(later.as_slice()).unwrap();
    assert!(matches!(view.transport(), Transport::LaterFragment));
    assert_eq!(view.key().destination_port(), 0);
    // Too small for the header.
    assert!(FlowPacket::parse(fragment(0, true, &[0; 0]).as_slice()).is_err());
}

fn over_ipv6() -> PacketBuf {
    let (from, to) = (
        "2001:db8::2".parse().unwrap(),
        "2001:db8::10".parse().unwrap(),
    );
    let mut packet = PacketBuf::with_headroom(128);
    packet.append_slice(b"data");
    let header = UdpRepr {
        source_port: 40_000,
        destination_port: 53,
    };
    header
        .emit(
            &mut packet,
            &PseudoHeader::V6 {
                source: from,
                destination: to,
            },
        )
        .unwrap();
    let atomic = Ipv6FragmentHeader {
        next_header: IpProtocol::UDP,
        offset: 0,
        more_fragments: false,
        identification: 9,
    };
    atomic.emit(&mut packet).unwrap();
    Ipv6Repr::new(from, to, IpProtocol::FRAGMENT)
        .emit(&mut packet)
        .unwrap();
    packet
}

#[test]
fn ipv6_is_read_behind_its_extension_headers() {
    let packet = over_ipv6();
    let view = FlowPacket::parse(packet.as_slice()).unwrap();
    assert_eq!(
        (view.protocol(), view.key().destination_port()),
        (IpProtocol::UDP, 53)
    );
    assert!(view.key().is_ipv6() && !view.is_fragment());
    view.verify().unwrap();
}

#[test]
fn nothing_panics() {
    let vectors = [
        udp(),
        tcp(),
        echo(),
        error(tcp().as_slice()),
        over_ipv6(),
        ip(IpProtocol::SCTP, A, B, |packet| {
            packet.append_slice(&[1; 40])
        }),
        ip(IpProtocol::DCCP, A, B, |packet| {
            packet.append_slice(&[4; 24])
        }),
        ip(IpProtocol::GRE, A, B, |packet| {
            packet.append_slice(&[0xb0, 1, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 0])
        }),
        ip(IpProtocol::UDP_LITE, A, B, |packet| {
            packet.append_slice(&[8; 16])
        }),
        ip(IpProtocol::AH, A, B, |packet| packet.append_slice(&[8; 16])),
    ];
    for vector in vectors {
        testkit::sweep(vector.as_slice(), |octets| {
            let Ok(view) = FlowPacket::parse(octets) else {
                return;
            };
            let _ = view.verify();
            let now = Instant::from_secs(1);
            let policy = TcpPolicy::linux();
            if let Ok(mut state) = FlowState::new(&policy, now, &view) {
                for direction in [
                    flow_state::Direction::Original,
                    flow_state::Direction::Reply,
                ] {
                    let _ = state.handle(&policy, now, direction, &view);
                }
                let _ = state.timeout(&flow_state::Timers::linux());
            }
            if let Transport::IcmpError(error) = view.transport() {
                let _ = (
                    error.expected(),
                    error.mtu(),
                    error.tcp_sequence_number(),
                    error.quotes_syn(),
                );
            }
        });
    }
}
