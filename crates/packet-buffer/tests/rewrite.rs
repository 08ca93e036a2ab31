//! `IpPacketMut`: what a translator changes, and the checksums that go with it.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "exercise/rewrite.rs"]
mod exercise;
mod vectors;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::checksum::{ChecksumDelta, Sum};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv4Packet, Ipv4Repr,
    Ipv6Packet, Ipv6Repr, PseudoHeader, QuotedPacket, TcpRepr, TcpSegment, TransportIds,
    UdpDatagram, UdpRepr, icmpv4_code, icmpv6_code,
};
use packet_buffer::{IpPacketMut, PacketBuf, ParseErrorKind, RewriteError};
use proptest::prelude::*;

const INSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 254);
const INSIDE_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const SERVER_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
const HOME_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 3);
const OUTSIDE_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 1, 0xabcd, 0, 9, 0xfffe);

fn vector(name: &str) -> Vec<u8> {
    let all = vectors::all();
    let found = all.into_iter().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| panic!("no vector {name}")).1
}

fn is_v6(octets: &[u8]) -> bool {
    octets[0] >> 4 == 6
}

/// The new address of the packet's version.
fn outside(octets: &[u8]) -> IpAddr {
    if is_v6(octets) {
        OUTSIDE_6.into()
    } else {
        OUTSIDE.into()
    }
}

/// The sum over the pseudo-header of `protocol` and `covered` of the `length` octets, computed anew.
fn pseudo_sum(octets: &[u8], protocol: u8, length: usize, covered: &[u8]) -> u16 {
    let pseudo_header = if is_v6(octets) {
        Ipv6Packet::parse(octets).unwrap().pseudo_header()
    } else {
        Ipv4Packet::parse(octets).unwrap().pseudo_header()
    };
    let sum = pseudo_header.sum(IpProtocol(protocol), length);
    sum.add_bytes(covered).fold()
}

/// Where the transport header starts.
fn transport_at(octets: &[u8]) -> usize {
    if is_v6(octets) {
        let packet = Ipv6Packet::parse(octets).unwrap();
        packet.upper_layer().unwrap().offset
    } else {
        Ipv4Packet::parse(octets).unwrap().header_len()
    }
}

/// Both ends of a packet get a new address and port; then all its checksums must be right.
fn translate(mut octets: Vec<u8>) -> Vec<u8> {
    let new = outside(&octets);
    let mut packet = IpPacketMut::parse(&mut octets).unwrap();
    packet.set_source(new, Some(61_000)).unwrap();
    assert_eq!((packet.source(), packet.source_port()), (new, Some(61_000)));
    packet.set_destination(new, Some(8_080)).unwrap();
    assert_eq!(packet.destination(), new);
    assert_eq!(packet.destination_port(), Some(8_080));
    if !is_v6(&octets) {
        assert_eq!(
            Ipv4Packet::parse(&octets).unwrap().verify_checksum(),
            Ok(())
        );
    }
    octets
}

mod whole_packets {
    use super::*;

    #[test]
    fn udp_and_tcp() {
        for name in [
            "ip/v4-udp",
            "ip/v4-udp-odd",
            "ip/v4-options",
            "ip/v4-tcp-syn-options",
            "ip/v4-tcp-sack",
            "ip/v6-udp",
            "ip/v6-tcp-options",
            "ip/v6-hop-by-hop-udp",
            "ip/v6-all-extensions",
            "ip/v6-atomic-fragment",
        ] {
            let octets = translate(vector(name));
            let at = transport_at(&octets);
            let protocol = if name.contains("tcp") { 6 } else { 17 };
            let segment = &octets[at..];
            let sum = pseudo_sum(&octets, protocol, segment.len(), segment);
            assert_eq!(sum, 0xffff, "{name}");
            assert_eq!(segment[..4], [0xee, 0x48, 0x1f, 0x90], "{name}");
        }
    }

    // RFC 768 §Fields MUST (no-checksum): a datagram without a checksum stays without one.
    #[test]
    fn udp_without_a_checksum() {
        let octets = translate(vector("ip/v4-udp-zero-checksum"));
        let packet = Ipv4Packet::parse(&octets).unwrap();
        let datagram = UdpDatagram::parse(packet.payload()).unwrap();
        assert_eq!(datagram.checksum(), 0);
        assert_eq!(datagram.source_port(), 61_000);
    }

    // RFC 768 §Fields MUST (zero-checksum): a checksum that becomes zero is written as all ones.
    // RFC 3828 §3.1 MUST: and so for UDP-Lite, where zero is never allowed.
    #[test]
    fn a_patched_checksum_is_never_zero() {
        for protocol in [IpProtocol::UDP, IpProtocol::UDP_LITE] {
            // The checksum after the change is zero when the new port is what it lacks.
            let mut packet = PacketBuf::from(&[0x9c, 0x40, 0, 53, 0, 8, 0x12, 0x34][..]);
            Ipv4Repr::new(INSIDE, SERVER, protocol)
                .emit(&mut packet)
                .unwrap();
            let port = 0x9c40u32 + 0x1234;
            let octets = packet.as_mut_slice();
            let mut rewriter = IpPacketMut::parse(octets).unwrap();
            rewriter
                .set_source(INSIDE.into(), Some(port as u16))
                .unwrap();
            assert_eq!(octets[26..28], [0xff, 0xff], "{protocol}");
            // The same over and over must not wear it away.
            let mut rewriter = IpPacketMut::parse(octets).unwrap();
            rewriter.set_source(INSIDE.into(), Some(0x9c40)).unwrap();
            assert_eq!(octets[26..28], [0x12, 0x34]);
        }
    }

    #[test]
    fn udp_lite_and_dccp() {
        // The first covers twelve octets, the second all; DCCP covers all.
        for (name, protocol, covered) in [
            ("ip/v4-udp-lite", 136, Some(12)),
            ("ip/v6-udp-lite", 136, None),
            ("ip/v4-dccp", 33, None),
            ("ip/v6-dccp", 33, None),
        ] {
            let octets = translate(vector(name));
            let segment = &octets[transport_at(&octets)..];
            let part = &segment[..covered.unwrap_or(segment.len())];
            let sum = pseudo_sum(&octets, protocol, segment.len(), part);
            assert_eq!(sum, 0xffff, "{name}");
        }
    }

    #[test]
    fn icmp_queries() {
        for name in ["ip/v4-echo", "ip/v4-timestamp-request"] {
            let octets = translate(vector(name));
            let packet = Ipv4Packet::parse(&octets).unwrap();
            let message = Icmpv4Message::parse(packet.payload()).unwrap();
            assert_eq!(message.verify_checksum(), Ok(()), "{name}");
            // Both ends share the one identifier, which was set last to 8080.
            assert_eq!(message.rest_of_header()[..2], [0x1f, 0x90]);
        }
        let octets = translate(vector("ip/v6-echo"));
        let packet = Ipv6Packet::parse(&octets).unwrap();
        let message = Icmpv6Message::parse(packet.payload()).unwrap();
        assert_eq!(message.verify_checksum(&packet.pseudo_header()), Ok(()));
        assert_eq!(message.body()[..2], [0x1f, 0x90]);
    }

    #[test]
    fn which_icmp_messages_have_an_identifier() {
        for message_type in 0..=255 {
            let mut octets = vector("ip/v4-echo");
            octets[20] = message_type;
            let packet = IpPacketMut::parse(&mut octets).unwrap();
            let is_query = matches!(message_type, 0 | 8 | 13..=18);
            let port = is_query.then_some(0x1234);
            assert_eq!(packet.source_port(), port, "ICMP {message_type}");
            assert_eq!(packet.destination_port(), port);

            let mut octets = vector("ip/v6-echo");
            octets[40] = message_type;
            let packet = IpPacketMut::parse(&mut octets).unwrap();
            let is_echo = matches!(message_type, 128 | 129);
            let port = is_echo.then_some(0x1234);
            assert_eq!(packet.source_port(), port, "ICMPv6 {message_type}");
        }
    }

    #[test]
    fn icmp_errors_have_no_identifier() {
        for (name, address) in [
            ("ip/v4-port-unreachable", IpAddr::V4(OUTSIDE)),
            ("ip/v4-redirect", IpAddr::V4(OUTSIDE)),
            ("ip/v6-packet-too-big", IpAddr::V6(OUTSIDE_6)),
            ("ip/v6-neighbor-solicitation", IpAddr::V6(OUTSIDE_6)),
        ] {
            let mut octets = vector(name);
            let before = octets.clone();
            let mut packet = IpPacketMut::parse(&mut octets).unwrap();
            assert_eq!(packet.source_port(), None, "{name}");
            assert_eq!(
                packet.set_destination(address, Some(1)),
                Err(RewriteError::NoPort)
            );
            assert_eq!(octets, before);
            let mut packet = IpPacketMut::parse(&mut octets).unwrap();
            packet.set_destination(address, None).unwrap();
            if let Ok(packet) = Ipv4Packet::parse(&octets) {
                let message = Icmpv4Message::parse(packet.payload()).unwrap();
                assert_eq!(message.verify_checksum(), Ok(()));
            } else {
                let packet = Ipv6Packet::parse(&octets).unwrap();
                let message = Icmpv6Message::parse(packet.payload()).unwrap();
                assert_eq!(message.verify_checksum(&packet.pseudo_header()), Ok(()));
            }
        }
    }

    #[test]
    fn later_fragments_and_other_protocols_have_addresses_only() {
        for name in [
            "ip/v4-last-fragment",
            "ip/v6-last-fragment",
            "ip/v4-sctp",
            "ip/v4-esp",
            "ip/v6-esp",
            "ip/v4-ah-tcp",
            "ip/v4-gre",
            "ip/v6-no-next-header",
            "ip/v6-first-fragment-cut-chain",
        ] {
            let mut octets = vector(name);
            let before = octets.clone();
            let at = if is_v6(&octets) { 40 } else { 20 };
            let new = outside(&octets);
            let mut packet = IpPacketMut::parse(&mut octets).unwrap();
            assert_eq!(packet.set_source(new, Some(1)), Err(RewriteError::NoPort));
            packet.set_source(new, None).unwrap();
            assert_eq!(octets[at..], before[at..], "{name}");
            assert_ne!(octets[..at], before[..at]);
        }
    }

    /// The first fragment has the checksum of the whole; it must be patched as if it were whole.
    #[test]
    fn the_first_fragment_has_the_ports() {
        for (first, rest) in [
            ("ip/v4-first-fragment", "ip/v4-last-fragment"),
            ("ip/v6-first-fragment", "ip/v6-last-fragment"),
        ] {
            let octets = translate(vector(first));
            let at = transport_at(&octets);
            let rest = vector(rest);
            let behind = &rest[transport_at(&rest)..];
            let datagram = [&octets[at..], behind].concat();
            let sum = pseudo_sum(&octets, 17, datagram.len(), &datagram);
            assert_eq!(sum, 0xffff, "{first}");
        }
    }

    // RFC 8200 §8.1 MUST (final-destination): the pseudo-header has the address of the final
    // destination, so a new address in the IPv6 header leaves the checksum as it is.
    #[test]
    fn a_routing_header_with_segments_left() {
        let mut octets = vector("ip/v6-routing-segments-left");
        let mut packet = IpPacketMut::parse(&mut octets).unwrap();
        packet.set_source(OUTSIDE_6.into(), Some(7)).unwrap();
        packet.set_destination(SERVER_6.into(), Some(9)).unwrap();
        packet.set_destination(OUTSIDE_6.into(), None).unwrap();
        let addresses = PseudoHeader::V6 {
            source: OUTSIDE_6,
            destination: HOME_6,
        };
        let datagram = &octets[transport_at(&octets)..];
        let datagram = UdpDatagram::parse(datagram).unwrap();
        assert_eq!(datagram.verify_checksum(&addresses), Ok(()));
    }

    // RFC 6275 §11.3.1 MUST: upper layers see the home address of a mobile node as its source.
    #[test]
    fn a_home_address_option() {
        let mut octets = vector("ip/v6-home-address");
        let mut packet = IpPacketMut::parse(&mut octets).unwrap();
        packet.set_source(OUTSIDE_6.into(), Some(7)).unwrap();
        packet.set_destination(OUTSIDE_6.into(), Some(9)).unwrap();
        let addresses = PseudoHeader::V6 {
            source: HOME_6,
            destination: OUTSIDE_6,
        };
        let datagram = &octets[transport_at(&octets)..];
        let datagram = UdpDatagram::parse(datagram).unwrap();
        assert_eq!(datagram.verify_checksum(&addresses), Ok(()));
    }

    /// What stands behind the packet is not its transport header, even where the packet is too
    /// short to have one; without one, no checksum can be patched.
    #[test]
    fn padding_is_left_alone() {
        let mut packet = PacketBuf::from(&[0x9c, 0x40, 0x00][..]);
        Ipv4Repr::new(INSIDE, SERVER, IpProtocol::UDP)
            .emit(&mut packet)
            .unwrap();
        packet.append(23).fill(0x55);
        let octets = packet.as_mut_slice();
        let mut rewriter = IpPacketMut::parse(octets).unwrap();
        assert_eq!(rewriter.source_port(), None);
        for port in [Some(1), None] {
            let result = rewriter.set_source(OUTSIDE.into(), port);
            assert_eq!(result, Err(RewriteError::Tiny));
        }
        assert_eq!(rewriter.decrement_hop_limit(), Some(63));
        assert_eq!(octets[12..16], INSIDE.octets());
        assert_eq!(octets[20..23], [0x9c, 0x40, 0x00]);
        assert_eq!(octets[23..], [0x55; 23]);
    }

    /// RFC 1858: a first fragment that hides part of the TCP header is not translated.
    #[test]
    fn a_tiny_first_fragment_is_not_translated() {
        let mut packet = PacketBuf::from(&[0; 16][..]);
        let header = Ipv4Repr {
            dont_fragment: false,
            more_fragments: true,
            ..Ipv4Repr::new(INSIDE, SERVER, IpProtocol::TCP)
        };
        header.emit(&mut packet).unwrap();
        let before = packet.clone();
        let mut rewriter = IpPacketMut::parse(packet.as_mut_slice()).unwrap();
        let result = rewriter.set_destination(OUTSIDE.into(), Some(80));
        assert_eq!(result, Err(RewriteError::Tiny));
        assert_eq!(packet, before);
    }

    #[test]
    fn an_address_of_the_other_version_is_refused() {
        let mut octets = vector("ip/v4-udp");
        let before = octets.clone();
        let mut packet = IpPacketMut::parse(&mut octets).unwrap();
        let result = packet.set_source(OUTSIDE_6.into(), Some(1));
        assert_eq!(result, Err(RewriteError::AddressFamily));
        assert_eq!(octets, before);
        let mut octets = vector("ip/v6-udp");
        let before = octets.clone();
        let mut packet = IpPacketMut::parse(&mut octets).unwrap();
        let result = packet.set_destination(OUTSIDE.into(), None);
        assert_eq!(result, Err(RewriteError::AddressFamily));
        assert_eq!(octets, before);
    }

    #[test]
    fn what_is_not_a_packet_is_refused() {
        for name in ["ip/v4-udp", "ip/v6-all-extensions"] {
            let octets = vector(name);
            for length in 0..octets.len() {
                let mut cut = octets[..length].to_vec();
                let error = IpPacketMut::parse(&mut cut).unwrap_err();
                assert!(error.is_truncated(), "{name} {length}");
            }
        }
        let error = IpPacketMut::parse(&mut [0x55; 60]).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::BadValue { value: 5 });
    }
}

mod hop_limits {
    use super::*;

    // RFC 1812 §5.3.1 MUST: a router takes at least one hop, and does not forward at zero.
    #[test]
    fn one_hop_is_taken_and_the_last_one_is_not() {
        for name in ["ip/v4-options", "ip/v6-udp"] {
            let mut octets = vector(name);
            for expected in (1..64).rev() {
                let mut packet = IpPacketMut::parse(&mut octets).unwrap();
                assert_eq!(packet.decrement_hop_limit(), Some(expected));
                assert_eq!(packet.hop_limit(), expected);
                if let Ok(packet) = Ipv4Packet::parse(&octets) {
                    assert_eq!(packet.verify_checksum(), Ok(()));
                }
            }
            let before = octets.clone();
            let mut packet = IpPacketMut::parse(&mut octets).unwrap();
            assert_eq!(packet.decrement_hop_limit(), None);
            assert_eq!(octets, before);
            let mut packet = IpPacketMut::parse(&mut octets).unwrap();
            packet.set_hop_limit(0);
            assert_eq!(packet.decrement_hop_limit(), None);
            assert_eq!(packet.hop_limit(), 0);
        }
    }

    // RFC 1624 §3 MUST: the patched header checksum is what computing it anew gives.
    #[test]
    fn every_hop_limit_gives_the_checksum_computed_anew() {
        for old in 0..=255 {
            let mut repr = Ipv4Packet::parse(&vector("ip/v4-udp")).unwrap().to_repr();
            repr.time_to_live = old;
            let mut packet = PacketBuf::with_headroom(20);
            repr.emit(&mut packet).unwrap();
            for new in 0..=255 {
                let mut octets = packet.as_slice().to_vec();
                let mut rewriter = IpPacketMut::parse(&mut octets).unwrap();
                rewriter.set_hop_limit(new);
                repr.time_to_live = new;
                let mut expected = PacketBuf::with_headroom(20);
                repr.emit(&mut expected).unwrap();
                assert_eq!(octets, expected.as_slice(), "{old} to {new}");
            }
        }
    }
}

mod quotes {
    use super::*;

    /// A packet from the translator's outside address that somebody on the way quotes in an error.
    fn sent(is_v6: bool, protocol: IpProtocol, data: usize) -> Vec<u8> {
        let mut packet = PacketBuf::with_headroom(100);
        packet.append(data).fill(0x5a);
        let addresses = if is_v6 {
            PseudoHeader::V6 {
                source: OUTSIDE_6,
                destination: SERVER_6,
            }
        } else {
            PseudoHeader::V4 {
                source: OUTSIDE,
                destination: SERVER,
            }
        };
        match protocol {
            IpProtocol::TCP => TcpRepr {
                source_port: 61_000,
                destination_port: 443,
                sequence_number: 0x0102_0304,
                ..TcpRepr::default()
            }
            .emit(&mut packet, &addresses),
            _ => UdpRepr {
                source_port: 61_000,
                destination_port: 443,
            }
            .emit(&mut packet, &addresses),
        }
        .unwrap();
        if is_v6 {
            Ipv6Repr::new(OUTSIDE_6, SERVER_6, protocol).emit(&mut packet)
        } else {
            Ipv4Repr::new(OUTSIDE, SERVER, protocol).emit(&mut packet)
        }
        .unwrap();
        packet.as_slice().to_vec()
    }

    /// The error that quotes `quote`, with a right checksum.
    fn error(is_v6: bool, quote: &[u8]) -> Vec<u8> {
        let mut packet = PacketBuf::from(quote);
        if is_v6 {
            let repr = Icmpv6Repr::TimeExceeded {
                code: icmpv6_code::TimeExceeded::TRANSIT,
                quoted_words: 0,
            };
            repr.emit(&mut packet, &outer()).unwrap();
        } else {
            let repr = Icmpv4Repr::TimeExceeded {
                code: icmpv4_code::TimeExceeded::TRANSIT,
                quoted_words: 0,
            };
            repr.emit(&mut packet).unwrap();
        }
        packet.as_slice().to_vec()
    }

    fn outer() -> PseudoHeader {
        PseudoHeader::V6 {
            source: SERVER_6,
            destination: OUTSIDE_6,
        }
    }

    /// The quote's source goes back to the inside, the outer checksum is patched by the delta, and
    /// everything that can be checked is right.
    fn translate_back(is_v6: bool, protocol: IpProtocol, data: usize, quoted: usize) {
        let what = format!("IPv6 {is_v6}, {protocol}, {data} octets, quoted {quoted}");
        let sent = sent(is_v6, protocol, data);
        let header = if is_v6 { 40 } else { 20 };
        let quoted = quoted.min(sent.len() - header);
        let mut message = error(is_v6, &sent[..header + quoted]);
        let inside: IpAddr = if is_v6 {
            INSIDE_6.into()
        } else {
            INSIDE.into()
        };
        let checksum = u16::from_be_bytes([message[2], message[3]]);
        let mut quote = IpPacketMut::parse_quoted(&mut message[8..]).unwrap();
        let port = quote.source_port().map(|_| 40_000);
        assert_eq!(port.is_some(), quoted >= 4, "{what}");
        let delta = quote.set_source(inside, port).unwrap();
        let patched = delta.apply(checksum);
        message[2..4].copy_from_slice(&patched.to_be_bytes());

        let quote = if is_v6 {
            let view = Icmpv6Message::parse(&message).unwrap();
            assert_eq!(view.verify_checksum(&outer()), Ok(()), "{what}");
            view.quoted_packet().unwrap().unwrap()
        } else {
            let view = Icmpv4Message::parse(&message).unwrap();
            assert_eq!(view.verify_checksum(), Ok(()), "{what}");
            view.quoted_packet().unwrap().unwrap()
        };
        assert_eq!(quote.source(), inside);
        let ids = (quoted >= 4).then_some(TransportIds::Ports {
            source: 40_000,
            destination: 443,
        });
        assert_eq!(quote.transport_ids(), ids, "{what}");
        let octets = &message[8..];
        if let QuotedPacket::V4(_) = quote {
            let sum = Sum::new().add_bytes(&octets[..20]);
            assert_eq!(sum.fold(), 0xffff, "{what}");
        }
        if octets.len() == sent.len() {
            let segment = &octets[header..];
            let sum = pseudo_sum(octets, protocol.0, segment.len(), segment);
            assert_eq!(sum, 0xffff, "{what}");
        }
    }

    #[test]
    fn of_every_length() {
        for is_v6 in [false, true] {
            for protocol in [IpProtocol::UDP, IpProtocol::TCP] {
                for data in [0, 12, 13] {
                    for quoted in 0..=33 {
                        translate_back(is_v6, protocol, data, quoted);
                    }
                }
            }
        }
    }

    #[test]
    fn of_a_datagram_without_a_checksum() {
        let quote = &vector("ip/v4-udp-zero-checksum")[..28];
        let mut message = error(false, quote);
        let checksum = u16::from_be_bytes([message[2], message[3]]);
        let mut quote = IpPacketMut::parse_quoted(&mut message[8..]).unwrap();
        let delta = quote.set_source(OUTSIDE.into(), Some(9)).unwrap();
        let patched = delta.apply(checksum);
        message[2..4].copy_from_slice(&patched.to_be_bytes());
        let view = Icmpv4Message::parse(&message).unwrap();
        assert_eq!(view.verify_checksum(), Ok(()));
        assert_eq!(message[8 + 26..8 + 28], [0, 0]);
    }

    #[test]
    fn of_an_echo() {
        let quote = &vector("ip/v4-echo")[..28];
        let mut message = error(false, quote);
        let checksum = u16::from_be_bytes([message[2], message[3]]);
        let mut quote = IpPacketMut::parse_quoted(&mut message[8..]).unwrap();
        assert_eq!(quote.source_port(), Some(0x1234));
        let delta = quote.set_source(OUTSIDE.into(), Some(9)).unwrap();
        let patched = delta.apply(checksum);
        message[2..4].copy_from_slice(&patched.to_be_bytes());
        let view = Icmpv4Message::parse(&message).unwrap();
        assert_eq!(view.verify_checksum(), Ok(()));
        let ids = view.quoted_packet().unwrap().unwrap().transport_ids();
        let expected = TransportIds::IcmpQuery {
            message_type: 8,
            identifier: 9,
        };
        assert_eq!(ids, Some(expected));
    }

    #[test]
    fn cut_within_options_or_extension_headers() {
        for name in ["quoted/v4-cut-in-options", "quoted/v6-cut-in-extension"] {
            let mut octets = vector(name);
            let before = octets.clone();
            let new = outside(&octets);
            let mut quote = IpPacketMut::parse_quoted(&mut octets).unwrap();
            assert_eq!(quote.source_port(), None);
            let result = quote.set_source(new, Some(1));
            assert_eq!(result, Err(RewriteError::NoPort));
            let delta = quote.set_source(new, None).unwrap();
            let patched = delta.apply(Sum::new().add_bytes(&before).checksum());
            assert_eq!(patched, Sum::new().add_bytes(&octets).checksum(), "{name}");
        }
    }

    #[test]
    fn nothing_changed_is_a_delta_of_nothing() {
        let mut octets = vector("ip/v4-udp");
        let mut quote = IpPacketMut::parse_quoted(&mut octets).unwrap();
        let delta = quote.set_source(INSIDE.into(), None).unwrap();
        for checksum in [0x0001, 0x1234, 0xfffe] {
            assert_eq!(delta.apply(checksum), checksum);
        }
        assert_eq!(ChecksumDelta::new().apply(0xffff), 0xffff);
        assert_eq!(octets, vector("ip/v4-udp"));
    }
}

/// What the sweep and the property below share with the fuzz target: sums computed anew, and the
/// way back.
#[test]
fn all_vectors_there_and_back() {
    let mut changed = 0;
    for (name, octets) in vectors::all() {
        eprintln!("{name}");
        for is_quoted in [false, true] {
            for is_source in [false, true] {
                for port in [None, Some(0), Some(61_000)] {
                    changed += usize::from(exercise::change_and_change_back(
                        &octets, is_quoted, is_source, OUTSIDE_6, port,
                    ));
                }
            }
        }
    }
    assert!(changed > 300, "{changed}");
}

#[test]
fn what_is_near_the_vectors_there_and_back() {
    let control = [
        0xee, 0x48, 1, 0, 0x20, 1, 0xd, 0xb8, 0xff, 0xff, 0, 1, 0xab, 0xcd, 0, 0, 203, 0, 113, 254,
    ];
    for (_, octets) in vectors::all() {
        testkit::sweep(&octets, |octets| {
            exercise::rewrite(&[&control[..], octets].concat());
        });
    }
}

proptest! {
    #[test]
    fn any_vector_there_and_back(
        which: prop::sample::Index,
        is_quoted: bool,
        is_source: bool,
        address: [u8; 16],
        port: Option<u16>,
        payload in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let all = vectors::all();
        let (_, octets) = which.get(&all);
        // More behind the packet is padding.
        let octets = [&octets[..], &payload].concat();
        exercise::change_and_change_back(&octets, is_quoted, is_source, address.into(), port);
    }

    #[test]
    fn a_segment_of_any_octets(
        data in prop::collection::vec(any::<u8>(), 0..200),
        addresses: [[u8; 4]; 3],
        ports: [u16; 3],
        is_source: bool,
    ) {
        let [source, destination, new] = addresses.map(Ipv4Addr::from);
        let mut packet = PacketBuf::with_headroom(60);
        packet.append_slice(&data);
        let repr = TcpRepr {
            source_port: ports[0],
            destination_port: ports[1],
            ..TcpRepr::default()
        };
        repr.emit(&mut packet, &PseudoHeader::V4 { source, destination }).unwrap();
        Ipv4Repr::new(source, destination, IpProtocol::TCP).emit(&mut packet).unwrap();
        let mut rewriter = IpPacketMut::parse(packet.as_mut_slice()).unwrap();
        if is_source {
            rewriter.set_source(new.into(), Some(ports[2])).unwrap();
        } else {
            rewriter.set_destination(new.into(), Some(ports[2])).unwrap();
        }
        let view = Ipv4Packet::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.verify_checksum(), Ok(()));
        let segment = TcpSegment::parse(view.payload()).unwrap();
        prop_assert_eq!(segment.verify_checksum(&view.pseudo_header()), Ok(()));
        let mut expected = repr;
        *(if is_source { &mut expected.source_port } else { &mut expected.destination_port }) =
            ports[2];
        prop_assert_eq!(segment.to_repr(), expected);
        prop_assert_eq!(segment.payload(), data);
    }
}
