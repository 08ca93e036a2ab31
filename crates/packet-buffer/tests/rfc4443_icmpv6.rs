//! ICMP for IPv6 (RFC 4443), with multi-part messages (RFC 4884).
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

use core::net::{IpAddr, Ipv6Addr};
use packet_buffer::wire::{
    Icmpv6Message, Icmpv6Repr, Icmpv6Type, IpProtocol, PseudoHeader, QuotedPacket, TransportIds,
    icmpv6_code,
};
use packet_buffer::{EmitError, ParseError};
use support::{
    assert_every_bit_counts, assert_every_cut_is_truncated, assert_refused, emitted, octets,
};

const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
const ADDRESSES: PseudoHeader = PseudoHeader::V6 {
    source: A,
    destination: B,
};
const ECHO: Icmpv6Repr = Icmpv6Repr::EchoRequest {
    identifier: 0x1234,
    sequence_number: 1,
};
/// From A to B, echo request with eight octets of data.
const REQUEST: &str = "8000 8074 1234 0001 6162 6364 6566 6768";
/// What is quoted: UDP from A port 40000 to B port 53, 16 octets.
const QUOTE: &str = "6b9a bcde 0010 1140 2001 0db8 0000 0000 0000 0000 0000 0001
                     2001 0db8 0001 0000 0000 0000 0000 0002
                     9c40 0035 0010 4d22 7175 6573 7469 6f6e";

/// A message of `repr` and `payload`; then the same with other octets behind the checksum.
fn error(repr: Icmpv6Repr, payload: &[u8]) -> Vec<u8> {
    emitted(payload, |packet| repr.emit(packet, &ADDRESSES))
}

mod section_2_1 {
    use super::*;

    // RFC 4443 §2.1 MUST: the high bit of the type tells information from errors.
    #[test]
    fn errors_and_information() {
        for message_type in 0..=255 {
            let is_error = message_type < 128;
            assert_eq!(Icmpv6Type(message_type).is_error(), is_error);
            let octets = [&[message_type, 0, 0, 0, 0, 0, 0, 0][..], &octets(QUOTE)].concat();
            let message = Icmpv6Message::parse(&octets).unwrap();
            assert_eq!(
                message.quoted_packet().is_some(),
                is_error,
                "{message_type}"
            );
        }
    }

    #[test]
    fn every_field() {
        let octets = octets(REQUEST);
        let message = Icmpv6Message::parse(&octets).unwrap();
        assert_eq!(message.message_type(), Icmpv6Type::ECHO_REQUEST);
        assert_eq!((message.code(), message.checksum()), (0, 0x8074));
        assert_eq!(message.body(), &octets[4..]);
        assert_eq!(message.payload(), b"abcdefgh");
        assert_eq!(message.extension_octets(), b"");
        assert_eq!(message.to_repr(), ECHO);
        assert_eq!(error(ECHO, b"abcdefgh"), octets);
    }

    #[test]
    fn cut_anywhere() {
        let parse = |octets: &[u8]| Icmpv6Message::parse(octets).map(drop);
        assert_every_cut_is_truncated(&octets(REQUEST)[..8], parse);
        let error = Icmpv6Message::parse(&[128, 0, 0]).unwrap_err();
        assert_eq!(error, ParseError::truncated("ICMPv6 header", 0, 4, 3));
        for message_type in 0..=255 {
            let result = Icmpv6Message::parse(&[message_type, 0, 0, 0, 0, 0, 0]).map(drop);
            let expected = if message_type <= 129 {
                Err(ParseError::truncated("ICMPv6 message", 0, 8, 7))
            } else {
                Ok(())
            };
            assert_eq!(result, expected, "{message_type}");
        }
        let short = Icmpv6Message::parse(&[143, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((short.body(), short.payload()), (&[0; 3][..], &b""[..]));
    }
}

mod section_2_3 {
    use super::*;

    // RFC 4443 §2.3 MUST: the checksum covers the message and the pseudo-header of IPv6.
    #[test]
    fn the_checksum() {
        assert_every_bit_counts(&octets(REQUEST), |octets| {
            Icmpv6Message::parse(octets).is_ok_and(|it| it.verify_checksum(&ADDRESSES).is_ok())
        });
        let octets = octets(REQUEST);
        let message = Icmpv6Message::parse(&octets).unwrap();
        let other = PseudoHeader::V6 {
            source: A,
            destination: A,
        };
        let expected = ParseError::bad_checksum("ICMPv6 checksum", 2, 0x8074);
        assert_eq!(message.verify_checksum(&other), Err(expected));
    }
}

mod section_3 {
    use super::*;

    #[test]
    fn each_error_as_values() {
        let quote = octets(QUOTE);
        for (start, repr) in [
            (
                "0104 0000 0000",
                Icmpv6Repr::DestinationUnreachable {
                    code: icmpv6_code::Unreachable::PORT,
                    quoted_words: 0,
                },
            ),
            ("0200 0000 0500", Icmpv6Repr::PacketTooBig { mtu: 1280 }),
            (
                "0301 0000 0000",
                Icmpv6Repr::TimeExceeded {
                    code: icmpv6_code::TimeExceeded::REASSEMBLY,
                    quoted_words: 0,
                },
            ),
            (
                "0401 0000 0028",
                Icmpv6Repr::ParameterProblem {
                    code: icmpv6_code::ParameterProblem::NEXT_HEADER,
                    pointer: 40,
                },
            ),
        ] {
            let octets = error(repr, &quote);
            let start = support::octets(start);
            assert_eq!(octets[..2], start[..2]);
            assert_eq!(octets[4..8], start[2..]);
            let message = Icmpv6Message::parse(&octets).unwrap();
            assert_eq!(message.to_repr(), repr);
            assert_eq!(message.verify_checksum(&ADDRESSES), Ok(()));
            let quoted = message.quoted_packet().unwrap().unwrap();
            assert_eq!(quoted.source(), IpAddr::V6(A));
        }
    }

    // RFC 4443 §3.2 MUST: the receiver of a Packet Too Big ignores its code.
    #[test]
    fn a_packet_too_big_with_a_code() {
        let mut octets = error(Icmpv6Repr::PacketTooBig { mtu: 1300 }, &octets(QUOTE));
        octets[1] = 7;
        let message = Icmpv6Message::parse(&octets).unwrap();
        assert_eq!(message.to_repr(), Icmpv6Repr::PacketTooBig { mtu: 1300 });
    }

    // RFC 4443 §3.4 MUST: the pointer can be beyond the end of what is quoted.
    #[test]
    fn a_pointer_beyond_the_quote() {
        let repr = Icmpv6Repr::ParameterProblem {
            code: icmpv6_code::ParameterProblem::HEADER_FIELD,
            pointer: u32::MAX,
        };
        let octets = error(repr, &octets(QUOTE));
        assert_eq!(Icmpv6Message::parse(&octets).unwrap().to_repr(), repr);
    }

    #[test]
    fn names() {
        assert_eq!(
            icmpv6_code::Unreachable(6).to_string(),
            "reject route to destination"
        );
        assert_eq!(icmpv6_code::ParameterProblem(9).to_string(), "9");
        assert_eq!(Icmpv6Type::PACKET_TOO_BIG.to_string(), "packet too big");
    }
}

mod section_4 {
    use super::*;

    // RFC 4443 §4.2 MUST: the answer has the request's identifier, sequence number and data.
    #[test]
    fn the_answer_to_an_echo() {
        let reply = Icmpv6Repr::EchoReply {
            identifier: 0x1234,
            sequence_number: 1,
        };
        let octets = emitted(b"abcdefgh", |packet| {
            reply.emit(packet, &ADDRESSES.reversed())
        });
        assert_eq!(octets[0], 129);
        assert_eq!(octets[4..], support::octets(REQUEST)[4..]);
        let message = Icmpv6Message::parse(&octets).unwrap();
        assert_eq!(message.verify_checksum(&ADDRESSES.reversed()), Ok(()));
        assert_eq!(message.to_repr(), reply);
    }

    #[test]
    fn messages_of_other_protocols() {
        // A neighbor solicitation: four reserved octets, and the target.
        let body = [&[0; 4][..], &B.octets()].concat();
        let repr = Icmpv6Repr::Other {
            message_type: Icmpv6Type::NEIGHBOR_SOLICITATION,
            code: 0,
        };
        let octets = error(repr, &body);
        assert_eq!(octets.len(), 24);
        let message = Icmpv6Message::parse(&octets).unwrap();
        assert_eq!((message.to_repr(), message.body()), (repr, &body[..]));
        assert_eq!(message.verify_checksum(&ADDRESSES), Ok(()));
        assert!(message.quoted_packet().is_none());
        let empty = error(repr, b"");
        assert_eq!(empty.len(), 4);
        let message = Icmpv6Message::parse(&empty).unwrap();
        assert_eq!(message.verify_checksum(&ADDRESSES), Ok(()));
    }

    #[test]
    fn the_longest_message() {
        let octets = error(ECHO, &vec![0xa5; 65_527]);
        let message = Icmpv6Message::parse(&octets).unwrap();
        assert_eq!(message.verify_checksum(&ADDRESSES), Ok(()));
        let expected = EmitError::TooLong {
            what: "ICMPv6 payload",
            length: 65_528,
            limit: 65_527,
        };
        assert_refused(65_528, expected, |packet| ECHO.emit(packet, &ADDRESSES));
    }
}

mod quotes {
    use super::*;

    #[test]
    fn every_field() {
        let octets = octets(QUOTE);
        let QuotedPacket::V6(quoted) = QuotedPacket::parse(&octets).unwrap() else {
            panic!("version 6");
        };
        assert_eq!(quoted.traffic_class(), 0xb9);
        assert_eq!(quoted.flow_label(), 0xabcde);
        assert_eq!(quoted.payload_length(), 16);
        assert_eq!(quoted.next_header(), IpProtocol::UDP);
        assert_eq!(quoted.hop_limit(), 64);
        assert_eq!((quoted.source(), quoted.destination()), (A, B));
        assert_eq!(quoted.payload(), &octets[40..]);
        assert_eq!(quoted.as_slice(), octets);
        assert_eq!(quoted.upper_layer().unwrap().offset, 40);
    }

    // RFC 4443 §2.4 MUST (quote): an error quotes as much of the packet as fits; a reader takes
    // what there is.
    #[test]
    fn of_every_length() {
        let whole = octets(QUOTE);
        for length in 0..=whole.len() {
            let octets = error(Icmpv6Repr::PacketTooBig { mtu: 1280 }, &whole[..length]);
            let message = Icmpv6Message::parse(&octets).unwrap();
            let quoted = message.quoted_packet().unwrap();
            if length < 40 {
                let (what, needed) = match length {
                    0 => ("quoted IP header", 1),
                    _ => ("quoted IPv6 header", 40),
                };
                let expected = ParseError::truncated(what, 8, needed, length);
                assert_eq!(quoted.unwrap_err(), expected);
            } else {
                let quoted = quoted.unwrap();
                assert_eq!(quoted.transport(), &whole[40..length]);
                let ids = (length >= 44).then_some(TransportIds::Ports {
                    source: 40_000,
                    destination: 53,
                });
                assert_eq!(quoted.transport_ids(), ids);
                assert_eq!(quoted.protocol(), Some(IpProtocol::UDP));
            }
        }
    }

    #[test]
    fn behind_extension_headers() {
        let mut octets = octets(QUOTE)[..40].to_vec();
        octets[6] = 0;
        octets.extend(support::octets("3a00 0104 0000 0000 8000 0000 abcd 0001"));
        let length = octets.len();
        let quoted = QuotedPacket::parse(&octets).unwrap();
        assert_eq!(quoted.protocol(), Some(IpProtocol::ICMPV6));
        let ids = TransportIds::IcmpQuery {
            message_type: 128,
            identifier: 0xabcd,
        };
        assert_eq!(quoted.transport_ids(), Some(ids));
        for cut in 40..48 {
            let quoted = QuotedPacket::parse(&octets[..cut]).unwrap();
            assert_eq!(quoted.protocol(), None, "{cut}");
            assert_eq!(quoted.transport(), b"");
        }
        // Only echoes are queries.
        for message_type in 0..=255 {
            octets[48] = message_type;
            let ids = QuotedPacket::parse(&octets[..length])
                .unwrap()
                .transport_ids();
            assert_eq!(ids.is_some(), matches!(message_type, 128 | 129));
        }
    }

    #[test]
    fn of_a_later_fragment() {
        let mut octets = octets(QUOTE)[..40].to_vec();
        octets[6] = 44;
        octets.extend(support::octets("1100 0008 cafe 0001 9c40 0035 0010 0000"));
        let quoted = QuotedPacket::parse(&octets).unwrap();
        assert_eq!(quoted.protocol(), Some(IpProtocol::UDP));
        assert_eq!(quoted.transport(), b"");
        assert_eq!(quoted.transport_ids(), None);
        octets[43] = 1;
        let quoted = QuotedPacket::parse(&octets).unwrap();
        assert!(quoted.transport_ids().is_some(), "the first has the ports");
    }
}

mod multi_part_messages {
    use super::*;

    const EXTENSION: &str = "2000 dd95 0008 0101 0000 0161";

    fn payload() -> Vec<u8> {
        let mut payload = octets(QUOTE);
        payload.resize(128, 0);
        payload.extend(octets(EXTENSION));
        payload
    }

    fn time_exceeded(quoted_words: u8) -> Icmpv6Repr {
        Icmpv6Repr::TimeExceeded {
            code: icmpv6_code::TimeExceeded::TRANSIT,
            quoted_words,
        }
    }

    // RFC 4884 §4 MUST (length-v6): ICMPv6 counts the quote in words of 64 bits.
    #[test]
    fn the_extension_is_split_off() {
        let unreachable = Icmpv6Repr::DestinationUnreachable {
            code: icmpv6_code::Unreachable::NO_ROUTE,
            quoted_words: 16,
        };
        for repr in [unreachable, time_exceeded(16)] {
            let octets = error(repr, &payload());
            assert_eq!(octets[4..8], [16, 0, 0, 0]);
            let message = Icmpv6Message::parse(&octets).unwrap();
            assert_eq!(message.extension_octets(), support::octets(EXTENSION));
            let quoted = message.quoted_packet().unwrap().unwrap();
            assert_eq!(quoted.transport().len(), 16);
            assert_eq!(message.to_repr(), repr);
        }
        // The first octet of an MTU or a pointer is no length.
        let big = Icmpv6Repr::PacketTooBig { mtu: 0x1000_0000 };
        let octets = error(big, &payload());
        assert_eq!(
            Icmpv6Message::parse(&octets).unwrap().extension_octets(),
            b""
        );
    }

    #[test]
    fn lengths_that_lie() {
        let payload = payload();
        for words in 0..=255 {
            let octets = error(time_exceeded(words), &payload);
            let message = Icmpv6Message::parse(&octets).unwrap();
            let length = usize::from(words) * 8;
            let expected = match payload.get(length..) {
                Some(rest) if words > 0 => rest,
                _ => b"",
            };
            assert_eq!(message.extension_octets(), expected, "{words}");
            let is_header_there = words == 0 || words >= 5;
            assert_eq!(message.quoted_packet().unwrap().is_ok(), is_header_there);
        }
    }
}
