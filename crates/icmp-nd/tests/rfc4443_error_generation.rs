//! When ICMP errors are sent, what they quote and how often: RFC 1122 §3.2.2, RFC 1812 §4.3.2, RFC 4443
//! §2.4, RFC 4884 §3 and RFC 6633.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::generation::*;
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::*;
use proptest::prelude::*;
use testkit::SeededRandom;

const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ME: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const PEER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const ME6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 7);

const PORT: Icmpv4Repr = Icmpv4Repr::DestinationUnreachable {
    code: icmpv4_code::Unreachable::PORT,
    quoted_words: 0,
    next_hop_mtu: 0,
};
const PORT6: Icmpv6Repr = Icmpv6Repr::DestinationUnreachable {
    code: icmpv6_code::Unreachable::PORT,
    quoted_words: 0,
};
const TOO_BIG: Icmpv6Repr = Icmpv6Repr::PacketTooBig { mtu: 1280 };
const EXPIRED6: Icmpv6Repr = Icmpv6Repr::TimeExceeded {
    code: icmpv6_code::TimeExceeded::TRANSIT,
    quoted_words: 0,
};

fn problem6(code: icmpv6_code::ParameterProblem) -> Icmpv6Repr {
    Icmpv6Repr::ParameterProblem { code, pointer: 40 }
}

fn udp4(source: Ipv4Addr, destination: Ipv4Addr, octets: usize) -> Vec<u8> {
    let mut packet = PacketBuf::new();
    packet.append(octets).fill(0xaa);
    let repr = Ipv4Repr::new(source, destination, IpProtocol::UDP);
    UdpRepr {
        source_port: 4000,
        destination_port: 9,
    }
    .emit(&mut packet, &repr.pseudo_header())
    .unwrap();
    repr.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn udp6(source: Ipv6Addr, destination: Ipv6Addr, octets: usize) -> Vec<u8> {
    let mut packet = PacketBuf::new();
    packet.append(octets).fill(0xaa);
    let repr = Ipv6Repr::new(source, destination, IpProtocol::UDP);
    UdpRepr {
        source_port: 4000,
        destination_port: 9,
    }
    .emit(&mut packet, &repr.pseudo_header())
    .unwrap();
    repr.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn icmp4(message: Icmpv4Repr) -> Vec<u8> {
    let mut packet = PacketBuf::new();
    packet.append_slice(&udp4(ME, PEER, 8));
    message.emit(&mut packet).unwrap();
    Ipv4Repr::new(PEER, ME, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

fn icmp6(message: Icmpv6Repr) -> Vec<u8> {
    let mut packet = PacketBuf::new();
    packet.append_slice(&udp6(ME6, PEER6, 8));
    let repr = Ipv6Repr::new(PEER6, ME6, IpProtocol::ICMPV6);
    message.emit(&mut packet, &repr.pseudo_header()).unwrap();
    repr.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn random(seed: u64) -> Box<SeededRandom> {
    Box::new(SeededRandom::new(seed))
}

fn generator() -> ErrorGenerator {
    ErrorGenerator::new(GenerationConfig::default(), random(1)).unwrap()
}

mod rfc1122_section_3_2_2 {
    use super::*;

    // RFC 1122 §3.2.2 MUST NOT (error): nothing about any of the five errors; about queries, yes.
    #[test]
    fn no_error_about_an_error() {
        let rest = [0; 4];
        for message_type in 0..=u8::MAX {
            let message_type = Icmpv4Type(message_type);
            let packet = icmp4(Icmpv4Repr::Other {
                message_type,
                code: 0,
                rest,
            });
            let wanted = match message_type.0 {
                3 | 4 | 5 | 11 | 12 => Err(Silence::AboutError),
                _ => Ok(()),
            };
            let decision = ipv4_error_permitted(&packet, &Arrival::UNICAST);
            assert_eq!(decision, wanted, "type {message_type:?}");
        }
        // Where the type is cut off, it could be an error.
        let packet = &icmp4(PORT)[..20];
        let decision = ipv4_error_permitted(packet, &Arrival::UNICAST);
        assert_eq!(decision, Err(Silence::UnknownIcmpType));
    }

    // RFC 1122 §3.2.2 MUST NOT (destination): broadcast, limited and directed, and multicast.
    #[test]
    fn no_error_about_a_packet_to_many() {
        let about =
            |destination, arrival| ipv4_error_permitted(&udp4(PEER, destination, 8), arrival);
        let unicast = Arrival::UNICAST;
        assert_eq!(
            about(Ipv4Addr::BROADCAST, &unicast),
            Err(Silence::BroadcastDestination)
        );
        assert_eq!(
            about([224, 0, 0, 1].into(), &unicast),
            Err(Silence::MulticastDestination)
        );
        let directed = Arrival {
            ip_broadcast: true,
            ..unicast
        };
        assert_eq!(
            about([192, 0, 2, 255].into(), &directed),
            Err(Silence::BroadcastDestination)
        );
        assert_eq!(about([192, 0, 2, 255].into(), &unicast), Ok(()));
    }

    // RFC 1122 §3.2.2 MUST NOT (link-broadcast): the link's delivery counts too.
    #[test]
    fn no_error_about_a_link_layer_broadcast() {
        for (link, silence) in [
            (LinkDelivery::Broadcast, Silence::LinkBroadcast),
            (LinkDelivery::Multicast, Silence::LinkMulticast),
        ] {
            let arrival = Arrival {
                link,
                ..Arrival::UNICAST
            };
            let decision = ipv4_error_permitted(&udp4(PEER, ME, 8), &arrival);
            assert_eq!(decision, Err(silence));
        }
    }

    // RFC 1122 §3.2.2 MUST NOT (fragment): only about the first.
    #[test]
    fn no_error_about_a_later_fragment() {
        let mut fragment = PacketBuf::new();
        fragment.append(16);
        let first = Ipv4Repr {
            dont_fragment: false,
            more_fragments: true,
            ..Ipv4Repr::new(PEER, ME, IpProtocol::UDP)
        };
        let later = Ipv4Repr {
            fragment_offset: 8,
            ..first
        };
        for (repr, wanted) in [(first, Ok(())), (later, Err(Silence::LaterFragment))] {
            let mut packet = fragment.clone();
            repr.emit(&mut packet).unwrap();
            let decision = ipv4_error_permitted(packet.as_slice(), &Arrival::UNICAST);
            assert_eq!(decision, wanted);
        }
    }

    // RFC 1122 §3.2.2 MUST NOT (source): zero, loopback, broadcast, multicast, class E.
    #[test]
    fn no_error_to_a_source_that_is_not_one_host() {
        let unicast = Arrival::UNICAST;
        for source in [
            [0, 0, 0, 0],
            [127, 0, 0, 1],
            [224, 0, 0, 9],
            [239, 255, 255, 250],
            [240, 0, 0, 1],
            [255, 255, 255, 255],
        ] {
            let packet = udp4(source.into(), ME, 8);
            let decision = ipv4_error_permitted(&packet, &unicast);
            assert_eq!(decision, Err(Silence::AmbiguousSource), "{source:?}");
        }
        let broadcast = Arrival {
            source_is_broadcast: true,
            ..unicast
        };
        let packet = udp4([192, 0, 2, 255].into(), ME, 8);
        assert_eq!(
            ipv4_error_permitted(&packet, &broadcast),
            Err(Silence::AmbiguousSource)
        );
        assert_eq!(ipv4_error_permitted(&packet, &unicast), Ok(()));
        // A program on this very host hears of a closed port.
        let own = Arrival {
            loopback: true,
            ..unicast
        };
        let packet = udp4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 8);
        assert_eq!(ipv4_error_permitted(&packet, &own), Ok(()));
    }

    // RFC 1122 §3.2.2 MUST (quote): header and eight octets at least, unchanged.
    #[test]
    fn the_quote_is_what_was_received() {
        let mut packet = udp4(PEER, ME, 100);
        packet[10] ^= 0xff; // even a checksum that is wrong is quoted as it came
        let options = ErrorOptions {
            ipv4_error_len: 0,
            ..ErrorOptions::default()
        };
        let mut out = PacketBuf::new();
        build_ipv4_error(&PORT, &packet, ME, &options, &mut out).unwrap();
        let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
        assert_eq!(ip.verify_checksum(), Ok(()));
        assert_eq!((ip.source(), ip.destination()), (ME, PEER));
        let icmp = Icmpv4Message::parse(ip.payload()).unwrap();
        assert_eq!(icmp.verify_checksum(), Ok(()));
        assert_eq!(icmp.payload(), &packet[..28]);
        assert_eq!(icmp.to_repr(), PORT);
    }

    #[test]
    fn a_header_with_options_is_quoted_whole_and_eight_octets_more() {
        let mut packet = PacketBuf::new();
        packet.append(64).fill(7);
        let repr = Ipv4Repr {
            options: HeaderOptions::from_slice(&[1; 40]).unwrap(),
            ..Ipv4Repr::new(PEER, ME, IpProtocol::UDP)
        };
        repr.emit(&mut packet).unwrap();
        let options = ErrorOptions {
            ipv4_error_len: 56,
            ..ErrorOptions::default()
        };
        let mut out = PacketBuf::new();
        build_ipv4_error(&PORT, packet.as_slice(), ME, &options, &mut out).unwrap();
        assert_eq!(out.len(), 20 + 8 + 68);
    }
}

mod rfc1812_section_4_3_2 {
    use super::*;

    // RFC 1812 §4.3.2.3 SHOULD: as much as fits 576 octets.
    #[test]
    fn errors_have_576_octets_at_most() {
        for (octets, wanted) in [(8, 20 + 8 + 36), (520, 576), (521, 576), (1400, 576)] {
            let mut out = PacketBuf::new();
            let packet = udp4(PEER, ME, octets);
            build_ipv4_error(&PORT, &packet, ME, &ErrorOptions::default(), &mut out).unwrap();
            assert_eq!(out.len(), wanted);
        }
    }

    // RFC 1812 §4.3.2.7 MUST NOT (source): a network prefix of zero, and other impossible sources.
    // RFC 1812 §4.3.2.7 MUST NOT (destination): IP broadcast and multicast.
    // RFC 1812 §4.3.2.7 MUST NOT (link): link-layer broadcast and multicast.
    // RFC 1812 §4.3.2.7 MUST NOT (fragment): later fragments.
    // RFC 1812 §4.3.2.7 MUST NOT (error): errors.
    // RFC 1812 §4.3.2.7 MUST NOT (precedence): whatever the error is.
    #[test]
    fn no_kind_of_error_is_excepted() {
        let mut later = PacketBuf::new();
        later.append(8);
        Ipv4Repr {
            fragment_offset: 800,
            ..Ipv4Repr::new(PEER, ME, IpProtocol::UDP)
        }
        .emit(&mut later)
        .unwrap();
        let unicast = Arrival::UNICAST;
        let by = |link| Arrival { link, ..unicast };
        let cases = [
            (udp4([0, 1, 2, 3].into(), ME, 8), unicast),
            (udp4(PEER, [232, 1, 2, 3].into(), 8), unicast),
            (udp4(PEER, Ipv4Addr::BROADCAST, 8), unicast),
            (udp4(PEER, ME, 8), by(LinkDelivery::Multicast)),
            (udp4(PEER, ME, 8), by(LinkDelivery::Broadcast)),
            (later.as_slice().to_vec(), unicast),
            (icmp4(PORT), unicast),
        ];
        let errors = [
            PORT,
            Icmpv4Repr::DestinationUnreachable {
                code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
                quoted_words: 0,
                next_hop_mtu: 1280,
            },
            Icmpv4Repr::TimeExceeded {
                code: icmpv4_code::TimeExceeded::TRANSIT,
                quoted_words: 0,
            },
            Icmpv4Repr::ParameterProblem {
                code: icmpv4_code::ParameterProblem::POINTER,
                pointer: 20,
                quoted_words: 0,
            },
            Icmpv4Repr::Redirect {
                code: icmpv4_code::Redirect::HOST,
                gateway: ME,
            },
        ];
        let mut generator = generator();
        let mut out = PacketBuf::new();
        for error in &errors {
            for (packet, arrival) in &cases {
                let result = generator.ipv4(Instant::ZERO, error, packet, arrival, ME, &mut out);
                assert!(result.is_err(), "{error:?} about {packet:02x?}");
                assert!(out.is_empty());
            }
        }
        let stats = generator.stats();
        let counted = stats.ambiguous_source
            + stats.group_destination
            + stats.link_broadcast
            + stats.later_fragment
            + stats.about_error;
        assert_eq!(counted, (errors.len() * cases.len()) as u64);
    }

    // RFC 1812 §4.3.2.5 SHOULD: precedence 6 or 7.
    #[test]
    fn errors_have_the_precedence_of_internetwork_control() {
        let mut out = PacketBuf::new();
        let packet = udp4(PEER, ME, 8);
        generator()
            .ipv4(
                Instant::ZERO,
                &PORT,
                &packet,
                &Arrival::UNICAST,
                ME,
                &mut out,
            )
            .unwrap();
        let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
        assert_eq!(ip.dscp() >> 3, 6);
    }

    // RFC 1812 §4.3.2.8 SHOULD: the rate can be limited.
    #[test]
    fn the_rate_to_one_destination_is_limited() {
        let mut generator = generator();
        let mut out = PacketBuf::new();
        let packet = udp4(PEER, ME, 8);
        let mut sent = 0;
        for millis in 0..10_000 {
            let now = Instant::from_millis(millis);
            let result = generator.ipv4(now, &PORT, &packet, &Arrival::UNICAST, ME, &mut out);
            sent += u64::from(result.is_ok());
        }
        // Six at once, and one a second.
        assert_eq!(sent, 6 + 9);
        assert_eq!(generator.stats().sent_ipv4, sent);
        assert_eq!(generator.stats().destination_limited, 10_000 - sent);
    }

    // RFC 6633 §3 MUST NOT: no Source Quench from a host.
    // RFC 6633 §4 MUST: none from a router.
    #[test]
    fn source_quench_and_queries_are_not_errors_to_send() {
        let mut out = PacketBuf::new();
        let packet = udp4(PEER, ME, 8);
        for message in [
            Icmpv4Repr::Other {
                message_type: Icmpv4Type::SOURCE_QUENCH,
                code: 0,
                rest: [0; 4],
            },
            Icmpv4Repr::EchoReply {
                identifier: 1,
                sequence_number: 2,
            },
        ] {
            let result = generator().ipv4(
                Instant::ZERO,
                &message,
                &packet,
                &Arrival::UNICAST,
                ME,
                &mut out,
            );
            assert_eq!(result, Err(Silence::NotAnError));
        }
    }
}

mod rfc4443_section_2_4 {
    use super::*;

    // RFC 4443 §2.4 MUST (c): as much as fits 1280 octets.
    #[test]
    fn c_errors_have_1280_octets_at_most() {
        for (octets, wanted) in [(8, 40 + 8 + 56), (1184, 1280), (1185, 1280), (9000, 1280)] {
            let packet = udp6(PEER6, ME6, octets);
            let mut out = PacketBuf::new();
            build_ipv6_error(&PORT6, &packet, ME6, &ErrorOptions::default(), &mut out).unwrap();
            assert_eq!(out.len(), wanted);
            let ip = Ipv6Packet::parse(out.as_slice()).unwrap();
            let icmp = Icmpv6Message::parse(ip.payload()).unwrap();
            assert_eq!(icmp.verify_checksum(&ip.pseudo_header()), Ok(()));
            assert_eq!(icmp.payload(), &packet[..wanted - 48]);
        }
    }

    // RFC 4443 §2.4 MUST NOT (e.1): nothing about an error, known or not.
    // RFC 4443 §2.4 MUST NOT (e.2): nothing about a redirect.
    #[test]
    fn e1_e2_no_error_about_an_error_or_a_redirect() {
        for message_type in 0..=u8::MAX {
            let message_type = Icmpv6Type(message_type);
            let packet = icmp6(Icmpv6Repr::Other {
                message_type,
                code: 0,
            });
            let wanted = match message_type.0 {
                0..128 | 137 => Err(Silence::AboutError),
                _ => Ok(()),
            };
            for error in [PORT6, TOO_BIG, EXPIRED6] {
                let decision = ipv6_error_permitted(&error, &packet, &Arrival::UNICAST);
                assert_eq!(decision, wanted, "{error:?} about type {}", message_type.0);
            }
        }
        let cut = &icmp6(PORT6)[..40];
        let decision = ipv6_error_permitted(&TOO_BIG, cut, &Arrival::UNICAST);
        assert_eq!(decision, Err(Silence::UnknownIcmpType));
    }

    #[test]
    fn e1_an_error_behind_extension_headers_is_still_an_error() {
        let mut packet = PacketBuf::new();
        packet.append_slice(&icmp6(PORT6)[40..]);
        packet.prepend_slice(&[IpProtocol::ICMPV6.0, 0, 1, 4, 0, 0, 0, 0]);
        Ipv6Repr::new(PEER6, ME6, IpProtocol::DESTINATION_OPTIONS)
            .emit(&mut packet)
            .unwrap();
        let option = problem6(icmpv6_code::ParameterProblem::OPTION);
        let decision = ipv6_error_permitted(&option, packet.as_slice(), &Arrival::UNICAST);
        assert_eq!(decision, Err(Silence::AboutError));
    }

    // RFC 4443 §2.4 MUST NOT (e.3): multicast destination, with two exceptions.
    // RFC 4443 §2.4 MUST NOT (e.4): link-layer multicast, with the same.
    // RFC 4443 §2.4 MUST NOT (e.5): link-layer broadcast, with the same.
    #[test]
    fn e3_e4_e5_no_error_about_a_packet_to_many_but_two() {
        let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        let by = |link| Arrival {
            link,
            ..Arrival::UNICAST
        };
        let cases = [
            (
                udp6(PEER6, all_nodes, 8),
                by(LinkDelivery::Multicast),
                Silence::MulticastDestination,
            ),
            (
                udp6(PEER6, ME6, 8),
                by(LinkDelivery::Multicast),
                Silence::LinkMulticast,
            ),
            (
                udp6(PEER6, ME6, 8),
                by(LinkDelivery::Broadcast),
                Silence::LinkBroadcast,
            ),
        ];
        for (packet, arrival, silence) in &cases {
            for error in [
                PORT6,
                EXPIRED6,
                problem6(icmpv6_code::ParameterProblem::HEADER_FIELD),
                problem6(icmpv6_code::ParameterProblem::NEXT_HEADER),
            ] {
                let decision = ipv6_error_permitted(&error, packet, arrival);
                assert_eq!(decision, Err(*silence), "{error:?}");
            }
            for error in [TOO_BIG, problem6(icmpv6_code::ParameterProblem::OPTION)] {
                assert_eq!(ipv6_error_permitted(&error, packet, arrival), Ok(()));
            }
        }
    }

    // RFC 4443 §2.4 MUST NOT (e.6): a source that does not name a single node, without exception.
    #[test]
    fn e6_no_error_to_a_source_that_is_not_one_node() {
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        let anycast = Arrival {
            source_is_anycast: true,
            ..Arrival::UNICAST
        };
        for (source, arrival) in [
            (Ipv6Addr::UNSPECIFIED, Arrival::UNICAST),
            (group, Arrival::UNICAST),
            (Ipv6Addr::LOCALHOST, Arrival::UNICAST),
            (PEER6, anycast),
        ] {
            for error in [
                PORT6,
                TOO_BIG,
                problem6(icmpv6_code::ParameterProblem::OPTION),
            ] {
                let packet = udp6(source, ME6, 8);
                let decision = ipv6_error_permitted(&error, &packet, &arrival);
                assert_eq!(decision, Err(Silence::AmbiguousSource));
            }
        }
    }

    // RFC 4443 §2.4 MUST (f): tokens for a destination, and for all.
    #[test]
    fn f_the_rate_is_limited_per_destination_and_in_all() {
        let mut generator = generator();
        let mut out = PacketBuf::new();
        for _ in 0..20 {
            let packet = udp6(PEER6, ME6, 8);
            let _ = generator.ipv6(
                Instant::ZERO,
                &PORT6,
                &packet,
                &Arrival::UNICAST,
                ME6,
                &mut out,
            );
        }
        assert_eq!(generator.stats().sent_ipv6, 6);
        assert_eq!(generator.stats().destination_limited, 14);
        // A flood from everywhere.
        for prefix in 0..10_000u128 {
            let source = Ipv6Addr::from_bits(PEER6.to_bits() + ((prefix + 1) << 64));
            let packet = udp6(source, ME6, 8);
            let _ = generator.ipv6(
                Instant::ZERO,
                &PORT6,
                &packet,
                &Arrival::UNICAST,
                ME6,
                &mut out,
            );
        }
        let stats = generator.stats();
        assert!((30..100).contains(&stats.sent_ipv6), "{stats:?}");
        assert_eq!(stats.global_limited, 10_000 + 6 - stats.sent_ipv6);
    }

    #[test]
    fn a_later_fragment_may_be_too_big() {
        let mut packet = PacketBuf::new();
        packet.append(1400);
        Ipv6FragmentHeader {
            next_header: IpProtocol::UDP,
            offset: 1400,
            more_fragments: true,
            identification: 1,
        }
        .emit(&mut packet)
        .unwrap();
        Ipv6Repr::new(PEER6, ME6, IpProtocol::FRAGMENT)
            .emit(&mut packet)
            .unwrap();
        let decision = ipv6_error_permitted(&TOO_BIG, packet.as_slice(), &Arrival::UNICAST);
        assert_eq!(decision, Ok(()));
    }
}

mod rfc4884_section_3 {
    use super::*;

    /// An extension structure with one MPLS label: version 2, checksum, object header, label 1002.
    fn extension() -> Vec<u8> {
        let mut octets = vec![0x20, 0, 0, 0, 0, 8, 1, 1, 0x00, 0x3e, 0xa1, 0x01];
        let checksum = packet_buffer::checksum::internet_checksum(&octets);
        octets[2..4].copy_from_slice(&checksum.to_be_bytes());
        octets
    }

    // RFC 4884 §3 MUST (least-quote): at least 128 octets, the rest zeroes.
    // RFC 4884 §3 MUST (padding): a whole number of words.
    #[test]
    fn the_quote_is_padded_and_its_length_told() {
        let extension = extension();
        let options = ErrorOptions {
            extensions: &extension,
            ..ErrorOptions::default()
        };
        let error = Icmpv4Repr::TimeExceeded {
            code: icmpv4_code::TimeExceeded::TRANSIT,
            quoted_words: 0,
        };
        for octets in [0, 1, 99, 100, 101, 300, 1400] {
            let packet = udp4(PEER, ME, octets);
            let mut out = PacketBuf::new();
            build_ipv4_error(&error, &packet, ME, &options, &mut out).unwrap();
            assert!(out.len() <= 576);
            let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
            let icmp = Icmpv4Message::parse(ip.payload()).unwrap();
            assert_eq!(icmp.verify_checksum(), Ok(()));
            assert_eq!(icmp.extension_octets(), extension);
            let quote = icmp.payload().len() - extension.len();
            assert!(quote >= 128 && quote.is_multiple_of(4));
            assert_eq!(usize::from(icmp.rest_of_header()[1]) * 4, quote);
            let real = packet.len().min(quote);
            assert_eq!(icmp.payload()[..real], packet[..real]);
            assert!(icmp.payload()[real..quote].iter().all(|&octet| octet == 0));
        }
        for octets in [0, 1, 79, 80, 81, 1400] {
            let packet = udp6(PEER6, ME6, octets);
            let mut out = PacketBuf::new();
            build_ipv6_error(&EXPIRED6, &packet, ME6, &options, &mut out).unwrap();
            assert!(out.len() <= 1280);
            let ip = Ipv6Packet::parse(out.as_slice()).unwrap();
            let icmp = Icmpv6Message::parse(ip.payload()).unwrap();
            assert_eq!(icmp.verify_checksum(&ip.pseudo_header()), Ok(()));
            assert_eq!(icmp.extension_octets(), extension);
            let quote = icmp.payload().len() - extension.len();
            assert!(quote >= 128 && quote.is_multiple_of(8));
            let real = packet.len().min(quote);
            assert_eq!(icmp.payload()[..real], packet[..real]);
        }
    }

    // RFC 4884 §4.6 MUST NOT: not behind other messages.
    #[test]
    fn messages_that_are_not_extended_go_without() {
        let extension = extension();
        let options = ErrorOptions {
            extensions: &extension,
            ..ErrorOptions::default()
        };
        let packet = udp6(PEER6, ME6, 8);
        for error in [TOO_BIG, problem6(icmpv6_code::ParameterProblem::OPTION)] {
            let mut out = PacketBuf::new();
            build_ipv6_error(&error, &packet, ME6, &options, &mut out).unwrap();
            assert_eq!(out.len(), 48 + packet.len());
        }
        let redirect = Icmpv4Repr::Redirect {
            code: icmpv4_code::Redirect::HOST,
            gateway: ME,
        };
        let packet = udp4(PEER, ME, 8);
        let mut out = PacketBuf::new();
        build_ipv4_error(&redirect, &packet, ME, &options, &mut out).unwrap();
        assert_eq!(out.len(), 28 + packet.len());
    }

    #[test]
    fn extensions_that_do_not_fit_are_refused() {
        let long = vec![0; 424];
        let mut out = PacketBuf::from_slice(0, b"as it was");
        for (extensions, fits) in [(&long[..420], true), (&long, false), (&long[..6], false)] {
            let options = ErrorOptions {
                extensions,
                ..ErrorOptions::default()
            };
            let packet = udp4(PEER, ME, 500);
            let result = build_ipv4_error(&PORT, &packet, ME, &options, &mut out.clone());
            assert_eq!(result.is_ok(), fits);
            if !fits {
                let _ = build_ipv4_error(&PORT, &packet, ME, &options, &mut out);
                assert_eq!(out.as_slice(), b"as it was");
            }
        }
    }
}

mod rate_limiter {
    use super::*;

    fn destination(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + n).into()
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_forgotten() {
        let config = RateLimitConfig {
            global: Rate::UNLIMITED,
            destinations: 100,
            ..RateLimitConfig::default()
        };
        let mut limiter = RateLimiter::new(config, random(3));
        for n in 0..5_000 {
            assert_eq!(limiter.take(Instant::ZERO, destination(n)), Ok(()));
            assert!(limiter.destinations() <= 100);
        }
        assert_eq!(limiter.forgotten(), 4_900);
        // The last ones are remembered with what they have spent.
        for _ in 0..5 {
            assert_eq!(limiter.take(Instant::ZERO, destination(4_950)), Ok(()));
        }
        assert_eq!(
            limiter.take(Instant::ZERO, destination(4_950)),
            Err(Limited::Destination)
        );
    }

    /// CVE-2020-25705: an attacker sends 50 spoofed probes from elsewhere, then asks from its own
    /// address whether the global budget is used up. With a fixed budget the answer tells exactly
    /// how many of the probes met a closed port.
    #[test]
    fn the_global_budget_cannot_be_counted() {
        let mut budgets = alloc::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut limiter = RateLimiter::new(RateLimitConfig::default(), random(seed));
            let sent = (0..1_000)
                .filter(|&n| limiter.take(Instant::ZERO, destination(n)).is_ok())
                .count();
            budgets.insert(sent);
        }
        assert!(budgets.len() > 10, "{budgets:?}");
    }

    #[test]
    fn on_average_the_global_rate_is_as_configured() {
        let mut limiter = RateLimiter::new(RateLimitConfig::default(), random(9));
        let mut sent = 0;
        for n in 0..100_000u32 {
            // Ten attempts each millisecond.
            let now = Instant::from_micros(u64::from(n) * 100);
            sent += u32::from(limiter.take(now, destination(n)).is_ok());
        }
        // Ten seconds of 1,000.
        assert!((9_000..11_000).contains(&sent), "{sent}");
    }

    #[test]
    fn addresses_of_one_prefix_share_a_bucket() {
        let mut limiter = RateLimiter::new(RateLimitConfig::default(), random(4));
        let passed = (0..100u128)
            .filter(|n| {
                let address = Ipv6Addr::from_bits(PEER6.to_bits() + n);
                limiter.take(Instant::ZERO, address.into()).is_ok()
            })
            .count();
        assert_eq!((passed, limiter.destinations()), (6, 1));
    }

    #[test]
    fn a_clock_that_runs_backwards_earns_nothing() {
        let mut limiter = RateLimiter::new(RateLimitConfig::default(), random(5));
        let later = Instant::from_secs(100);
        for _ in 0..6 {
            limiter.take(later, destination(1)).unwrap();
        }
        for now in [Instant::ZERO, Instant::from_secs(99), later] {
            assert_eq!(limiter.take(now, destination(1)), Err(Limited::Destination));
        }
    }

    proptest! {
        /// In any stretch of time no more than burst + time / interval.
        #[test]
        fn never_more_than_the_rate(
            steps in prop::collection::vec(0u64..3_000, 1..200),
            burst in 1u32..10,
            interval in 1u64..2_000,
        ) {
            let rate = Rate { interval: Duration::from_millis(interval), burst };
            let config = RateLimitConfig { per_destination: rate, ..RateLimitConfig::default() };
            let mut limiter = RateLimiter::new(config, random(6));
            let mut now = 0;
            let mut passed = Vec::new();
            for step in steps {
                now += step;
                if limiter.take(Instant::from_millis(now), destination(1)).is_ok() {
                    passed.push(now);
                }
            }
            for (i, from) in passed.iter().enumerate() {
                for (j, to) in passed.iter().enumerate().skip(i) {
                    let count = (j - i + 1) as u64;
                    prop_assert!(count <= u64::from(burst) + (to - from) / interval);
                }
            }
        }
    }
}

mod configuration {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let good = GenerationConfig::default();
        let limit = |limit| GenerationConfig { limit, ..good };
        let cases = [
            (
                GenerationConfig {
                    ipv4_error_len: 55,
                    ..good
                },
                GenerationConfigError::Ipv4ErrorLen(55),
            ),
            (
                GenerationConfig {
                    ipv6_dscp: 64,
                    ..good
                },
                GenerationConfigError::Dscp(64),
            ),
            (
                GenerationConfig {
                    hop_limit: 0,
                    ..good
                },
                GenerationConfigError::HopLimit,
            ),
            (
                limit(RateLimitConfig {
                    destinations: 0,
                    ..good.limit
                }),
                GenerationConfigError::Destinations,
            ),
            (
                limit(RateLimitConfig {
                    ipv6_prefix_len: 129,
                    ..good.limit
                }),
                GenerationConfigError::PrefixLength(129),
            ),
        ];
        for (config, wanted) in cases {
            assert_eq!(ErrorGenerator::new(config, random(1)).unwrap_err(), wanted);
        }
    }

    proptest! {
        #[test]
        fn no_packet_panics(octets in prop::collection::vec(any::<u8>(), 0..200), version in 4u8..7) {
            let mut octets = octets;
            if let Some(first) = octets.first_mut() {
                *first = version << 4 | (*first & 0x0f);
            }
            let mut generator = generator();
            let mut out = PacketBuf::new();
            let arrival = Arrival::UNICAST;
            let four = generator.ipv4(Instant::ZERO, &PORT, &octets, &arrival, ME, &mut out);
            if four.is_ok() {
                let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
                prop_assert!(Icmpv4Message::parse(ip.payload()).unwrap().quoted_packet().unwrap().is_ok());
            }
            let six = generator.ipv6(Instant::ZERO, &PORT6, &octets, &arrival, ME6, &mut out);
            if six.is_ok() {
                let ip = Ipv6Packet::parse(out.as_slice()).unwrap();
                prop_assert!(Icmpv6Message::parse(ip.payload()).unwrap().quoted_packet().unwrap().is_ok());
            }
        }
    }
}
