//! RFC 7915: headers, fragments and checksums, both ways.

use crate::support::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use nat::nat64::{Addresses, Pref64, TranslateConfig, TranslateError, ipv4_to_ipv6, ipv6_to_ipv4};
use packet_buffer::PacketBuf;
use packet_buffer::wire::*;
use proptest::prelude::*;

const CLIENT4: &str = "192.0.2.1";
const SERVER4: &str = "198.51.100.7";

fn to_v6() -> Addresses<Ipv6Addr> {
    Addresses::new(Pref64::WELL_KNOWN.embed(v4(SERVER4)), v6("2001:db8::1"))
}

fn to_v4() -> Addresses<Ipv4Addr> {
    Addresses::new(v4(CLIENT4), v4(SERVER4))
}

fn config() -> TranslateConfig {
    TranslateConfig::default()
}

fn from_server(repr: Ipv4Repr, payload: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::from(payload);
    repr.emit(&mut packet).unwrap();
    packet
}

fn repr4(protocol: IpProtocol) -> Ipv4Repr {
    Ipv4Repr::new(v4(SERVER4), v4(CLIENT4), protocol)
}

fn udp_payload(source: Ipv4Addr, destination: Ipv4Addr, data: &[u8]) -> Vec<u8> {
    udp_v4((source, 53), (destination, 4000), data).as_slice()[20..].to_vec()
}

// RFC 7915 §4.1 MUST (fields): traffic class, flow label, length, next header, hop limit.
// RFC 7915 §4.5 MUST (checksums): UDP's covers the new addresses.
#[test]
fn the_fields_of_an_ipv6_header() {
    let payload = udp_payload(v4(SERVER4), v4(CLIENT4), b"answer");
    let repr = Ipv4Repr {
        dscp: 46,
        ecn: 1,
        time_to_live: 9,
        ..repr4(IpProtocol::UDP)
    };
    let mut packet = from_server(repr, &payload);
    packet.append_slice(b"padding of the link");
    ipv4_to_ipv6(&mut packet, &to_v6(), &config()).unwrap();
    assert_sound(packet.as_slice());
    let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
    assert_eq!(packet.len(), 40 + payload.len());
    assert_eq!(
        (ip.dscp(), ip.ecn(), ip.flow_label(), ip.hop_limit()),
        (46, 1, 0, 9)
    );
    assert_eq!(ip.next_header(), IpProtocol::UDP);
    assert_eq!(
        (ip.source(), ip.destination()),
        (v6("64:ff9b::c633:6407"), v6("2001:db8::1"))
    );
    assert_eq!(ip.payload()[8..], *b"answer");
}

// RFC 7915 §4.1 SHOULD (traffic-class): an administrator says that the octet is not to be trusted.
#[test]
fn the_traffic_class_can_be_left_out() {
    let config = TranslateConfig {
        copies_traffic_class: false,
        ..config()
    };
    let repr = Ipv4Repr {
        dscp: 46,
        ..repr4(IpProtocol::UDP)
    };
    let mut packet = from_server(repr, &udp_payload(v4(SERVER4), v4(CLIENT4), b""));
    ipv4_to_ipv6(&mut packet, &to_v6(), &config).unwrap();
    assert_eq!(Ipv6Packet::parse(packet.as_slice()).unwrap().dscp(), 0);
    let mut back = packet.clone();
    ipv6_to_ipv4(&mut back, &to_v4(), &config, 1).unwrap();
    assert_eq!(Ipv4Packet::parse(back.as_slice()).unwrap().dscp(), 0);
}

// RFC 7915 §4.1 MUST (source-route): loose and strict, unless they have run out.
#[test]
fn source_routes_are_refused_and_other_options_ignored() {
    let payload = udp_payload(v4(SERVER4), v4(CLIENT4), b"");
    let translate = |options: &[u8]| {
        let options = HeaderOptions::from_slice(options).unwrap();
        let mut packet = from_server(
            Ipv4Repr {
                options,
                ..repr4(IpProtocol::UDP)
            },
            &payload,
        );
        let before = packet.clone();
        let result = ipv4_to_ipv6(&mut packet, &to_v6(), &config());
        if result.is_err() {
            assert_eq!(packet, before);
        } else {
            assert_eq!(packet.len(), 40 + payload.len());
            assert_sound(packet.as_slice());
        }
        result
    };
    for kind in [131, 137] {
        assert_eq!(
            translate(&[kind, 7, 4, 10, 0, 0, 1]),
            Err(TranslateError::SourceRoute)
        );
        assert_eq!(translate(&[kind, 7, 8, 10, 0, 0, 1]), Ok(()));
    }
    assert_eq!(translate(&[7, 7, 4, 0, 0, 0, 0]), Ok(()));
    assert_eq!(translate(&[148, 4, 0, 0]), Ok(()));
}

// RFC 7915 §4.1 MUST (fragment): the fragment header of a fragment.
// RFC 7915 §5.1.1 MUST: and back.
#[test]
fn fragments_there_and_back() {
    let datagram = udp_payload(v4(SERVER4), v4(CLIENT4), &[7; 56]);
    for (offset, more, piece) in [(0u16, true, &datagram[..32]), (32, false, &datagram[32..])] {
        let repr = Ipv4Repr {
            identification: 0xbeef,
            dont_fragment: false,
            more_fragments: more,
            fragment_offset: offset,
            ..repr4(IpProtocol::UDP)
        };
        let original = from_server(repr, piece);
        let mut packet = original.clone();
        ipv4_to_ipv6(&mut packet, &to_v6(), &config()).unwrap();
        let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
        let upper = ip.upper_layer().unwrap();
        let header = upper.fragment.unwrap();
        assert_eq!((header.offset, header.more_fragments), (offset, more));
        assert_eq!(
            (header.identification, header.next_header),
            (0xbeef, IpProtocol::UDP)
        );
        let mut back = packet.clone();
        let addresses = Addresses::new(v4(SERVER4), v4(CLIENT4));
        ipv6_to_ipv4(&mut back, &addresses, &config(), 0).unwrap();
        assert_eq!(back, original);
    }
}

// RFC 7915 §4.5 SHOULD (no-checksum): computed for a whole datagram, refused in a fragment.
#[test]
fn udp_without_a_checksum() {
    let mut datagram = udp_payload(v4(SERVER4), v4(CLIENT4), b"odd");
    datagram[6..8].fill(0);
    let mut packet = from_server(repr4(IpProtocol::UDP), &datagram);
    ipv4_to_ipv6(&mut packet, &to_v6(), &config()).unwrap();
    assert_sound(packet.as_slice());
    let repr = Ipv4Repr {
        more_fragments: true,
        dont_fragment: false,
        ..repr4(IpProtocol::UDP)
    };
    let mut packet = from_server(repr, &[&datagram[..], &[0; 5]].concat());
    let result = ipv4_to_ipv6(&mut packet, &to_v6(), &config());
    assert_eq!(result, Err(TranslateError::NoUdpChecksum));
}

// RFC 7915 §5.1 MUST (df): 1260 octets may be fragmented, 1261 not.
#[test]
fn the_fields_of_an_ipv4_header() {
    for (data, df, id) in [(1260 - 28, false, 0x1234), (1261 - 28, true, 0)] {
        let mut packet = udp_v6(
            (v6("2001:db8::1"), 9),
            (v6("64:ff9b::1"), 53),
            &vec![1; data],
        );
        ipv6_to_ipv4(&mut packet, &to_v4(), &config(), 0x1234).unwrap();
        assert_sound(packet.as_slice());
        let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
        assert_eq!((ip.dont_fragment(), ip.identification()), (df, id));
        assert_eq!(
            (ip.header_len(), ip.time_to_live(), ip.is_fragment()),
            (20, 64, false)
        );
        assert_eq!((ip.source(), ip.destination()), (v4(CLIENT4), v4(SERVER4)));
    }
}

fn with_headers(first: IpProtocol, headers: &[u8]) -> PacketBuf {
    let plain = udp_v6((v6("2001:db8::1"), 9), (v6("64:ff9b::1"), 53), b"data");
    let mut packet = PacketBuf::from(&plain.as_slice()[40..]);
    packet.prepend_slice(headers);
    let ip = Ipv6Repr::new(v6("2001:db8::1"), v6("64:ff9b::1"), first);
    ip.emit(&mut packet).unwrap();
    packet
}

// RFC 7915 §5.1 MUST NOT: segments left; and the pointer for the answer.
#[test]
fn extension_headers_are_left_out() {
    let options = [60, 0, 1, 4, 0, 0, 0, 0];
    let destination = [43, 0, 1, 4, 0, 0, 0, 0];
    let routing = |left| [17, 0, 253, left, 0, 0, 0, 0];
    let chain = |left| [options, destination, routing(left)].concat();
    let mut packet = with_headers(IpProtocol::HOP_BY_HOP, &chain(0));
    ipv6_to_ipv4(&mut packet, &to_v4(), &config(), 1).unwrap();
    assert_sound(packet.as_slice());
    assert_eq!(
        Ipv4Packet::parse(packet.as_slice()).unwrap().protocol(),
        IpProtocol::UDP
    );
    let mut packet = with_headers(IpProtocol::HOP_BY_HOP, &chain(1));
    let result = ipv6_to_ipv4(&mut packet, &to_v4(), &config(), 1);
    assert_eq!(
        result,
        Err(TranslateError::SegmentsLeft {
            pointer: 40 + 16 + 3
        })
    );
    let authentication = [
        17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    ];
    let mut packet = with_headers(IpProtocol::AH, &authentication);
    let result = ipv6_to_ipv4(&mut packet, &to_v4(), &config(), 1);
    assert_eq!(result, Err(TranslateError::AuthenticationHeader));
}

#[test]
fn an_atomic_fragment_is_a_whole_packet_that_may_be_fragmented() {
    let mut packet = with_headers(IpProtocol::FRAGMENT, &[17, 0, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd]);
    ipv6_to_ipv4(&mut packet, &to_v4(), &config(), 1).unwrap();
    assert_sound(packet.as_slice());
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    assert_eq!(
        (ip.identification(), ip.dont_fragment(), ip.is_fragment()),
        (0xccdd, false, false)
    );
}

// RFC 7915 §5.5 MUST: TCP too; and what was wrong stays wrong.
#[test]
fn checksums_are_patched_and_not_repaired() {
    let mut packet = tcp_v6(
        (v6("2001:db8::1"), 9),
        (v6("64:ff9b::1"), 80),
        TcpFlags::SYN,
    );
    let mut broken = packet.clone();
    broken.as_mut_slice()[40 + 16] ^= 1;
    ipv6_to_ipv4(&mut packet, &to_v4(), &config(), 1).unwrap();
    assert_sound(packet.as_slice());
    ipv6_to_ipv4(&mut broken, &to_v4(), &config(), 1).unwrap();
    let ip = Ipv4Packet::parse(broken.as_slice()).unwrap();
    let tcp = TcpSegment::parse(ip.payload()).unwrap();
    assert!(tcp.verify_checksum(&ip.pseudo_header()).is_err());
}

#[test]
fn other_protocols_pass() {
    for protocol in [IpProtocol::SCTP, IpProtocol::ESP, IpProtocol(200)] {
        let original = from_server(repr4(protocol), &[5; 40]);
        let mut packet = original.clone();
        ipv4_to_ipv6(&mut packet, &to_v6(), &config()).unwrap();
        let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
        assert_eq!((ip.next_header(), ip.payload()), (protocol, &[5; 40][..]));
    }
}

#[test]
fn a_tiny_fragment_is_refused() {
    let repr = Ipv4Repr {
        more_fragments: true,
        dont_fragment: false,
        ..repr4(IpProtocol::TCP)
    };
    let mut packet = from_server(repr, &[0; 8]);
    let result = ipv4_to_ipv6(&mut packet, &to_v6(), &config());
    assert_eq!(result, Err(TranslateError::Tiny));
}

#[test]
fn nothing_near_a_good_packet_panics() {
    let quoted = tcp_v4((v4(CLIENT4), 1000), (v4(SERVER4), 80), TcpFlags::SYN);
    let code = icmpv4_code::Unreachable::PORT;
    let repr = Icmpv4Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    let error4 = icmpv4(repr, (v4(SERVER4), v4(CLIENT4)), quoted.as_slice());
    let mut with6 = to_v6();
    with6.quoted = Some((v6("2001:db8::1"), v6("64:ff9b::1")));
    let mut with4 = to_v4();
    with4.quoted = Some((v4(SERVER4), v4(CLIENT4)));
    let mut error6 = error4.clone();
    ipv4_to_ipv6(&mut error6, &with6, &config()).unwrap();
    let options = HeaderOptions::from_slice(&[7, 7, 4, 0, 0, 0, 0]).unwrap();
    let udp = udp_payload(v4(SERVER4), v4(CLIENT4), b"xyz");
    let seeds = [
        error4,
        error6,
        from_server(
            Ipv4Repr {
                options,
                ..repr4(IpProtocol::UDP)
            },
            &udp,
        ),
        with_headers(
            IpProtocol::HOP_BY_HOP,
            &[44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 1],
        ),
    ];
    let (mut good, mut bad) = (0, 0);
    for seed in seeds {
        testkit::sweep(seed.as_slice(), |octets| {
            let before = PacketBuf::from(octets);
            let mut packet = before.clone();
            let result = match octets.first().map(|first| first >> 4) {
                Some(6) => ipv6_to_ipv4(&mut packet, &with4, &config(), 7),
                _ => ipv4_to_ipv6(&mut packet, &with6, &config()),
            };
            match result {
                Ok(()) => {
                    good += 1;
                    IpPacket::parse(packet.as_slice()).unwrap();
                }
                Err(_) => {
                    bad += 1;
                    assert_eq!(packet, before);
                }
            }
        });
    }
    assert!(good > 300 && bad > 300, "{good} {bad}");
}

proptest! {
    /// There and back, an ordinary packet is what it was, apart from DF and identification.
    #[test]
    fn there_and_back(
        data in proptest::collection::vec(any::<u8>(), 0..1300),
        dscp in 0u8..64, ecn in 0u8..4, ttl: u8, source: u32, destination: u32, kind in 0u8..3,
    ) {
        let (source, destination) = (Ipv4Addr::from_bits(source), Ipv4Addr::from_bits(destination));
        let mut packet = PacketBuf::from(&data[..]);
        let protocol = match kind {
            0 => IpProtocol::UDP,
            1 => IpProtocol::TCP,
            _ => IpProtocol::ICMP,
        };
        let repr = Ipv4Repr {
            dscp, ecn, time_to_live: ttl, dont_fragment: data.len() > 1200, identification: 0,
            ..Ipv4Repr::new(source, destination, protocol)
        };
        match kind {
            0 => UdpRepr { source_port: 1, destination_port: 2 }
                .emit(&mut packet, &repr.pseudo_header()).unwrap(),
            1 => packet = {
                let mut whole = tcp_v4((source, 1), (destination, 2), TcpFlags::ACK);
                whole.trim_front(20);
                whole
            },
            _ => Icmpv4Repr::EchoRequest { identifier: 3, sequence_number: 4 }
                .emit(&mut packet).unwrap(),
        }
        let repr = Ipv4Repr { dont_fragment: packet.len() + 20 > 1260, ..repr };
        repr.emit(&mut packet).unwrap();
        let original = packet.clone();
        let pref64 = Pref64::WELL_KNOWN;
        let there = Addresses::new(pref64.embed(source), pref64.embed(destination));
        ipv4_to_ipv6(&mut packet, &there, &config()).unwrap();
        assert_sound(packet.as_slice());
        ipv6_to_ipv4(&mut packet, &Addresses::new(source, destination), &config(), 0).unwrap();
        prop_assert_eq!(packet, original);
    }
}
