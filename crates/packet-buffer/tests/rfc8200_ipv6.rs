//! Internet Protocol version 6 (RFC 8200): the fixed header and the extension headers. Fragmentation
//! has tests of its own, and the Authentication Header (RFC 4302).
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "tests; each uses a part of what they share"
)]

mod support;

use core::net::Ipv6Addr;
use packet_buffer::wire::{
    IpPacket, IpProtocol, Ipv6Extension, Ipv6Extensions, Ipv6FragmentHeader, Ipv6OptionKind,
    Ipv6Packet, Ipv6Repr, PseudoHeader, TcpRepr, TcpSegment,
};
use packet_buffer::{EmitError, ParseError};
use support::{assert_every_cut_is_truncated, assert_refused, emitted, octets};

const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
const C: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 3);

fn repr() -> Ipv6Repr {
    Ipv6Repr::new(A, B, IpProtocol::UDP)
}

/// Hop-by-hop or destination options of eight octets: four of padding.
fn padded(next: IpProtocol) -> [u8; 8] {
    [next.0, 0, 1, 4, 0, 0, 0, 0]
}

fn fragment(next: IpProtocol, offset: u16, more: bool) -> [u8; 8] {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    [next.0, 0, high, low, 0xca, 0xfe, 0, 1]
}

fn parse(first: IpProtocol, octets: &[u8]) -> Result<Ipv6Extensions<'_>, ParseError> {
    Ipv6Extensions::parse(first, octets, 40)
}

mod section_3 {
    use super::*;

    const PACKET: &str = "6b9a bcde 0004 11ff 2001 0db8 0000 0000 0000 0000 0000 0001
                          2001 0db8 0001 0000 0000 0000 0000 0002 6461 7461";

    #[test]
    fn every_field() {
        let octets = octets(PACKET);
        let packet = Ipv6Packet::parse(&octets).unwrap();
        assert_eq!((packet.dscp(), packet.ecn()), (46, 1));
        assert_eq!(packet.flow_label(), 0xabcde);
        assert_eq!(packet.payload_length(), 4);
        assert_eq!(packet.next_header(), IpProtocol::UDP);
        assert_eq!(packet.hop_limit(), 255);
        assert_eq!((packet.source(), packet.destination()), (A, B));
        assert_eq!(packet.payload(), b"data");
        assert_eq!(packet.as_slice(), octets);
        let upper = packet.upper_layer().unwrap();
        assert_eq!((upper.protocol, upper.offset), (IpProtocol::UDP, 40));
        assert!(upper.is_start() && upper.fragment.is_none());
        assert_eq!(packet.extensions().unwrap().upper_layer(), upper);
        assert_eq!(packet.extensions().unwrap().iter().count(), 0);
        let repr = packet.to_repr();
        assert_eq!(repr.pseudo_header(), packet.pseudo_header());
        assert_eq!(emitted(b"data", |packet| repr.emit(packet)), octets);
        let either = IpPacket::parse(&octets).unwrap();
        assert!(matches!(either, IpPacket::V6(_)));
        assert_eq!((either.hop_limit(), either.as_slice()), (255, &octets[..]));
    }

    #[test]
    fn cut_anywhere() {
        let octets = octets(PACKET);
        assert_every_cut_is_truncated(&octets, |octets| Ipv6Packet::parse(octets).map(drop));
        let error = Ipv6Packet::parse(&octets[..39]).unwrap_err();
        assert_eq!(error, ParseError::truncated("IPv6 header", 0, 40, 39));
        let error = Ipv6Packet::parse(&octets[..43]).unwrap_err();
        assert_eq!(error, ParseError::truncated("IPv6 packet", 0, 44, 43));
    }

    // RFC 8200 §3 MUST (version): the version is six.
    #[test]
    fn another_version() {
        for version in (0..16).filter(|version| *version != 6) {
            let mut octets = octets(PACKET);
            octets[0] = version << 4 | 0x0b;
            let error = Ipv6Packet::parse(&octets).unwrap_err();
            let expected = ParseError::bad_value("IPv6 version", 0, u32::from(version));
            assert_eq!(error, expected);
        }
    }

    // RFC 8200 §3 MUST (payload-length): it counts what follows the header, extension headers too.
    #[test]
    fn padding_of_the_link_is_left_out() {
        let mut octets = octets(PACKET);
        octets.extend([0xee; 20]);
        let packet = Ipv6Packet::parse(&octets).unwrap();
        assert_eq!(packet.payload(), b"data");
        assert_eq!(packet.as_slice(), &octets[..44]);
        octets[4..6].fill(0);
        let packet = Ipv6Packet::parse(&octets).unwrap();
        assert_eq!((packet.payload(), packet.payload_length()), (&b""[..], 0));
    }

    #[test]
    fn a_jumbogram_is_refused() {
        let options = octets("1100 c204 0001 0000");
        let mut octets = emitted(&options, |packet| {
            Ipv6Repr::new(A, B, IpProtocol::HOP_BY_HOP).emit(packet)
        });
        octets[4..6].fill(0);
        let packet = Ipv6Packet::parse(&octets).unwrap();
        let error = packet.upper_layer().unwrap_err();
        let what = "IPv6 hop-by-hop header";
        assert_eq!(error, ParseError::truncated(what, 40, 8, 0));
    }

    #[test]
    fn the_longest_payload() {
        let octets = emitted(&vec![0x5a; 65_535], |packet| repr().emit(packet));
        assert_eq!(Ipv6Packet::parse(&octets).unwrap().payload_length(), 65_535);
        let expected = EmitError::TooLong {
            what: "IPv6 payload",
            length: 65_536,
            limit: 65_535,
        };
        assert_refused(65_536, expected, |packet| repr().emit(packet));
    }

    #[test]
    fn values_that_do_not_fit_their_bits() {
        let bad = |what, value| EmitError::BadValue { what, value };
        for (repr, expected) in [
            (Ipv6Repr { dscp: 64, ..repr() }, bad("IPv6 DSCP", 64)),
            (Ipv6Repr { ecn: 4, ..repr() }, bad("IPv6 ECN", 4)),
            (
                Ipv6Repr {
                    flow_label: 1 << 20,
                    ..repr()
                },
                bad("IPv6 flow label", 1 << 20),
            ),
        ] {
            assert_refused(3, expected, |packet| repr.emit(packet));
        }
    }
}

mod section_4 {
    use super::*;

    // RFC 8200 §4 MUST (order): extension headers are processed in the order in which they appear.
    #[test]
    fn one_of_each() {
        let routing = [&octets("2c02 0000 0000 0000")[..], &C.octets()].concat();
        let ah = octets("3c04 0000 0000 1001 0000 0007 0102 0304 0506 0708 090a 0b0c");
        let chain = [
            &padded(IpProtocol::DESTINATION_OPTIONS)[..],
            &padded(IpProtocol::ROUTING),
            &routing,
            &fragment(IpProtocol::AH, 0, false),
            &ah,
            &padded(IpProtocol::UDP),
        ]
        .concat();
        let whole = [&chain[..], b"datagram"].concat();
        let octets = emitted(&whole, |packet| {
            Ipv6Repr::new(A, B, IpProtocol::HOP_BY_HOP).emit(packet)
        });
        let packet = Ipv6Packet::parse(&octets).unwrap();
        let extensions = packet.extensions().unwrap();
        assert_eq!(extensions.as_slice(), chain);
        let order: Vec<(u8, &str)> = extensions
            .iter()
            .map(|(next, extension)| {
                let kind = match extension {
                    Ipv6Extension::HopByHop(_) => "hop-by-hop",
                    Ipv6Extension::DestinationOptions(_) => "destination",
                    Ipv6Extension::Routing(_) => "routing",
                    Ipv6Extension::Fragment(_) => "fragment",
                    Ipv6Extension::Authentication(_) => "authentication",
                };
                (next.0, kind)
            })
            .collect();
        let expected = [
            (60, "hop-by-hop"),
            (43, "destination"),
            (44, "routing"),
            (51, "fragment"),
            (60, "authentication"),
            (17, "destination"),
        ];
        assert_eq!(order, expected);
        let upper = extensions.upper_layer();
        assert_eq!(
            (upper.protocol, upper.payload),
            (IpProtocol::UDP, &b"datagram"[..])
        );
        assert_eq!(upper.offset, 40 + chain.len());
        assert!(upper.fragment.unwrap().is_atomic() && upper.is_start());
        for length in 0..chain.len() {
            let cut = &chain[..length];
            let error = parse(IpProtocol::HOP_BY_HOP, cut).unwrap_err();
            assert!(error.is_truncated(), "{length}: {error}");
            assert!(error.offset >= 40 && error.offset <= 40 + length);
        }
    }

    // RFC 8504 §5.3 MAY: a node limits the number of extension headers.
    #[test]
    fn sixteen_headers_and_no_more() {
        let kind = IpProtocol::DESTINATION_OPTIONS;
        for count in 1..=20 {
            let mut chain = padded(kind).repeat(count - 1);
            chain.extend(padded(IpProtocol::NO_NEXT_HEADER));
            let parsed = parse(kind, &chain);
            if count <= Ipv6Extensions::MAX {
                assert_eq!(parsed.unwrap().iter().count(), count);
            } else {
                let at = 40 + 8 * Ipv6Extensions::MAX;
                let expected = ParseError::unsupported("IPv6 extension header", at, 60);
                assert_eq!(parsed.unwrap_err(), expected);
            }
        }
    }

    // RFC 8200 §4.1 MUST: hop-by-hop options come right behind the IPv6 header, or not at all.
    #[test]
    fn hop_by_hop_options_come_first() {
        for first in [
            padded(IpProtocol::HOP_BY_HOP),
            fragment(IpProtocol::HOP_BY_HOP, 0, true),
            fragment(IpProtocol::HOP_BY_HOP, 0, false),
        ] {
            let chain = [first, padded(IpProtocol::UDP)].concat();
            let kind = if first[4] == 0xca {
                IpProtocol::FRAGMENT
            } else {
                IpProtocol::DESTINATION_OPTIONS
            };
            let error = parse(kind, &chain).unwrap_err();
            let what = "IPv6 hop-by-hop header, not first,";
            assert_eq!(error, ParseError::bad_value(what, 48, 0));
        }
        let twice = [padded(IpProtocol::HOP_BY_HOP), padded(IpProtocol::UDP)].concat();
        assert!(parse(IpProtocol::HOP_BY_HOP, &twice).is_err());
    }

    #[test]
    fn what_is_no_extension_header_ends_the_walk() {
        for number in 0..=255 {
            let is_extension = matches!(number, 0 | 43 | 44 | 51 | 60);
            assert_eq!(IpProtocol(number).is_ipv6_extension(), is_extension);
            if !is_extension {
                let parsed = parse(IpProtocol(number), b"anything").unwrap();
                assert_eq!(parsed.upper_layer().payload, b"anything");
                assert_eq!(parsed.as_slice(), b"");
            }
        }
    }
}

mod section_4_2 {
    use super::*;

    /// A destination options header with these options, whose length with it must be a multiple of
    /// eight.
    fn with_options(options: &[u8]) -> Vec<u8> {
        let length = options.len() + 2;
        assert!(length.is_multiple_of(8));
        [&[17, (length / 8 - 1) as u8][..], options].concat()
    }

    fn first_error(options: &[u8]) -> ParseError {
        parse(IpProtocol::DESTINATION_OPTIONS, &with_options(options)).unwrap_err()
    }

    // RFC 8200 §4.2 MUST (format): an option has a type, and a length that counts its data alone.
    // RFC 8200 §4.2 MUST (pad1): Pad1 is a lone octet.
    #[test]
    fn kinds_of_options() {
        let octets = with_options(&[
            0, 5, 2, 0, 0, 0, 1, 0, 0xc2, 4, 0, 1, 0, 0, 0x63, 1, 9, 0, 0x63, 0, 1, 0,
        ]);
        for kind in [IpProtocol::HOP_BY_HOP, IpProtocol::DESTINATION_OPTIONS] {
            let parsed = parse(kind, &octets).unwrap();
            let (next, extension) = parsed.iter().next().unwrap();
            assert_eq!(next, IpProtocol::UDP);
            let list = match extension {
                Ipv6Extension::HopByHop(list) | Ipv6Extension::DestinationOptions(list) => list,
                other => panic!("{other:?}"),
            };
            let options: Vec<(u8, &[u8])> = list
                .iter()
                .map(|option| (option.kind, option.data))
                .collect();
            let expected: [(u8, &[u8]); 9] = [
                (0, &[]),
                (5, &[0, 0]),
                (0, &[]),
                (1, &[]),
                (0xc2, &[0, 1, 0, 0]),
                (0x63, &[9]),
                (0, &[]),
                (0x63, &[]),
                (1, &[]),
            ];
            assert_eq!(options, expected);
        }
    }

    #[test]
    fn options_that_run_off_their_header() {
        let truncated = |at, needed, left| ParseError::truncated("IPv6 option", at, needed, left);
        assert_eq!(first_error(&[1, 5, 0, 0, 0, 0]), truncated(42, 7, 6));
        assert_eq!(first_error(&[1, 1, 0, 5, 2, 0]), truncated(45, 4, 3));
        assert_eq!(first_error(&[1, 3, 0, 0, 0, 5]), truncated(47, 2, 1));
        // The octets behind the header are not the option's.
        let octets = [&with_options(&[1, 5, 0, 0, 0, 0])[..], &[0; 8]].concat();
        assert!(parse(IpProtocol::HOP_BY_HOP, &octets).is_err());
    }

    // RFC 8200 §4.2 MUST (action): the two highest bits say what to do with an unknown option.
    // RFC 8200 §4.2 MUST (change): the third says whether it changes on the way.
    #[test]
    fn bits_of_the_type() {
        for (kind, action, changes) in [
            (0x05, 0, false),
            (0x3e, 0, true),
            (0x4f, 1, false),
            (0x8a, 2, false),
            (0xc2, 3, false),
            (0xe3, 3, true),
        ] {
            let kind = Ipv6OptionKind(kind);
            assert_eq!(
                (kind.action_if_unknown(), kind.may_change()),
                (action, changes)
            );
        }
        assert_eq!(Ipv6OptionKind::JUMBO_PAYLOAD.to_string(), "jumbo payload");
    }
}

mod section_4_4 {
    use super::*;

    fn routing(routing_type: u8, segments_left: u8, addresses: &[Ipv6Addr]) -> Vec<u8> {
        let mut octets = vec![17, addresses.len() as u8 * 2, routing_type, segments_left];
        octets.extend([0; 4]);
        for address in addresses {
            octets.extend(address.octets());
        }
        octets
    }

    // RFC 8200 §4.4 MUST: the receiver sees the type and the segments left, whatever the type.
    // RFC 5095 §3 MUST: type 0 can be told and treated as an unknown type.
    #[test]
    fn types_and_addresses() {
        for routing_type in [0, 2, 3, 4, 253, 255] {
            let octets = routing(routing_type, 1, &[B, C]);
            let parsed = parse(IpProtocol::ROUTING, &octets).unwrap();
            let Some((_, Ipv6Extension::Routing(header))) = parsed.iter().next() else {
                panic!("a routing header");
            };
            assert_eq!(header.routing_type, routing_type);
            assert_eq!(header.segments_left, 1);
            assert_eq!(header.data, &octets[4..]);
            let addresses: Vec<Ipv6Addr> = header.addresses().collect();
            if matches!(routing_type, 0 | 2) {
                assert_eq!(addresses, [B, C]);
            } else {
                assert!(addresses.is_empty());
            }
        }
    }

    #[test]
    fn an_odd_length_and_too_many_segments() {
        let mut octets = routing(0, 99, &[B]);
        // 16 octets: half an address.
        octets[1] = 1;
        let parsed = parse(IpProtocol::ROUTING, &octets).unwrap();
        let Some((_, Ipv6Extension::Routing(header))) = parsed.iter().next() else {
            panic!("a routing header");
        };
        assert_eq!(header.addresses().count(), 0);
        assert_eq!(header.segments_left, 99);
        assert_eq!(parsed.upper_layer().payload.len(), 8);
    }

    #[test]
    fn cut_anywhere() {
        let octets = routing(2, 1, &[C]);
        for length in 0..octets.len() {
            let error = parse(IpProtocol::ROUTING, &octets[..length]).unwrap_err();
            let needed = if length < 8 { 8 } else { 24 };
            let expected = ParseError::truncated("IPv6 routing header", 40, needed, length);
            assert_eq!(error, expected);
        }
    }
}

mod section_4_5 {
    use super::*;

    const HEADER: Ipv6FragmentHeader = Ipv6FragmentHeader {
        next_header: IpProtocol::UDP,
        offset: 1232,
        more_fragments: true,
        identification: 0xcafe_0001,
    };

    #[test]
    fn every_field() {
        let octets = octets("11ff 04d7 cafe 0001 9c40 0035 0010 0000");
        let parsed = parse(IpProtocol::FRAGMENT, &octets).unwrap();
        let expected = (IpProtocol::UDP, Ipv6Extension::Fragment(HEADER));
        assert_eq!(parsed.iter().next(), Some(expected));
        let upper = parsed.upper_layer();
        assert_eq!(upper.fragment, Some(HEADER));
        assert!(!upper.is_start() && !HEADER.is_atomic());
        let written = emitted(&octets[8..], |packet| HEADER.emit(packet));
        // Reserved bits are ignored, and sent as zero.
        assert_eq!(written[..4], [0x11, 0x00, 0x04, 0xd1]);
        assert_eq!(written[4..], octets[4..]);
    }

    #[test]
    fn headers_behind_a_later_fragment_are_not_looked_at() {
        let octets = [
            &fragment(IpProtocol::DESTINATION_OPTIONS, 8, true)[..],
            &[0xff; 8],
        ]
        .concat();
        let upper = parse(IpProtocol::FRAGMENT, &octets).unwrap().upper_layer();
        assert_eq!(upper.protocol, IpProtocol::DESTINATION_OPTIONS);
        assert_eq!(upper.payload, [0xff; 8]);
        assert!(!upper.is_start());
    }

    #[test]
    fn headers_that_the_first_fragment_cuts_off() {
        // A whole header, and then one of which eight octets of 24 are there.
        let chain = [
            fragment(IpProtocol::DESTINATION_OPTIONS, 0, true),
            padded(IpProtocol::DESTINATION_OPTIONS),
            [17, 2, 1, 20, 0, 0, 0, 0],
        ]
        .concat();
        let parsed = parse(IpProtocol::FRAGMENT, &chain).unwrap();
        assert_eq!(parsed.iter().count(), 2);
        let upper = parsed.upper_layer();
        assert_eq!(upper.protocol, IpProtocol::DESTINATION_OPTIONS);
        assert_eq!((upper.payload, upper.offset), (&chain[16..], 56));
        let parsed = parse(IpProtocol::FRAGMENT, &chain[..8]).unwrap();
        assert_eq!(parsed.upper_layer().payload, b"");
        // A whole packet with the same header has no more to come.
        let atomic = [
            &fragment(IpProtocol::DESTINATION_OPTIONS, 0, false)[..],
            &chain[8..],
        ]
        .concat();
        let error = parse(IpProtocol::FRAGMENT, &atomic).unwrap_err();
        let what = "IPv6 destination options header";
        assert_eq!(error, ParseError::truncated(what, 56, 24, 8));
        // And what is wrong is wrong, cut off or not.
        let bad = [
            &fragment(IpProtocol::AH, 0, true)[..],
            &[17, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let error = parse(IpProtocol::FRAGMENT, &bad).unwrap_err();
        assert_eq!(
            error,
            ParseError::bad_length("Authentication Header length", 49, 8)
        );
    }

    #[test]
    fn a_second_fragment_header() {
        for more in [false, true] {
            let chain = [
                fragment(IpProtocol::FRAGMENT, 0, more),
                fragment(IpProtocol::UDP, 8, false),
            ]
            .concat();
            let error = parse(IpProtocol::FRAGMENT, &chain).unwrap_err();
            let what = "second IPv6 fragment header";
            assert_eq!(error, ParseError::bad_value(what, 48, 44));
        }
    }

    #[test]
    fn what_cannot_be_written() {
        let unaligned = |what, length| EmitError::Unaligned {
            what,
            length,
            multiple: 8,
        };
        let odd = Ipv6FragmentHeader {
            offset: 1234,
            ..HEADER
        };
        assert_refused(8, unaligned("IPv6 fragment offset", 1234), |packet| {
            odd.emit(packet)
        });
        assert_refused(12, unaligned("IPv6 fragment payload", 12), |packet| {
            HEADER.emit(packet)
        });
        let last = Ipv6FragmentHeader {
            offset: 0xfff8,
            more_fragments: false,
            ..HEADER
        };
        assert_eq!(emitted(&[1; 7], |packet| last.emit(packet)).len(), 15);
        let expected = EmitError::TooLong {
            what: "IPv6 fragment payload",
            length: 8,
            limit: 7,
        };
        assert_refused(8, expected, |packet| last.emit(packet));
    }
}

mod section_4_7 {
    use super::*;

    // RFC 8200 §4.7 MUST: octets behind "no next header" are ignored.
    #[test]
    fn no_next_header() {
        let octets = [&padded(IpProtocol::NO_NEXT_HEADER)[..], b"whatever"].concat();
        let upper = parse(IpProtocol::HOP_BY_HOP, &octets)
            .unwrap()
            .upper_layer();
        assert_eq!(upper.protocol, IpProtocol::NO_NEXT_HEADER);
        assert_eq!(upper.payload, b"whatever");
    }
}

mod section_8_1 {
    use super::*;

    // RFC 8200 §8.1 MUST (pseudo-header): the upper layer's length and not the payload length, and
    // its protocol and not the Next Header of the IPv6 header.
    #[test]
    fn behind_extension_headers() {
        let addresses = PseudoHeader::V6 {
            source: A,
            destination: B,
        };
        let segment = emitted(b"data", |packet| {
            TcpRepr {
                source_port: 1,
                destination_port: 2,
                ..TcpRepr::default()
            }
            .emit(packet, &addresses)
        });
        let payload = [&padded(IpProtocol::TCP)[..], &segment].concat();
        let octets = emitted(&payload, |packet| {
            Ipv6Repr::new(A, B, IpProtocol::HOP_BY_HOP).emit(packet)
        });
        let packet = Ipv6Packet::parse(&octets).unwrap();
        let upper = packet.upper_layer().unwrap();
        let segment = TcpSegment::parse(upper.payload).unwrap();
        assert_eq!(segment.verify_checksum(&packet.pseudo_header()), Ok(()));
    }
}
