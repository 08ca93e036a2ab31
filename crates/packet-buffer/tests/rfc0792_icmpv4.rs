//! ICMP for IPv4 (RFC 792), with the next hop's MTU (RFC 1191), multi-part messages (RFC 4884) and
//! the longer quotes of RFC 1812 §4.3.2.3.
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

use core::net::{IpAddr, Ipv4Addr};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv4Type, IpProtocol, QuotedPacket, TransportIds, icmpv4_code,
};
use packet_buffer::{EmitError, ParseError};
use support::{
    assert_every_bit_counts, assert_every_cut_is_truncated, assert_refused, emitted, octets,
};

/// What is quoted: UDP from 192.0.2.1 port 40000 to 198.51.100.7 port 53, 36 octets.
const QUOTE: &str = "4500 0024 1234 4000 3e11 3e59 c000 0201 c633 6407
                     9c40 0035 0010 bc5b 7175 6573 7469 6f6e";

/// A message with its checksum: type and code, what follows the checksum, and the payload.
fn message(type_and_code: &str, rest: &str, payload: &[u8]) -> Vec<u8> {
    let mut octets = octets(&format!("{type_and_code} 0000 {rest}"));
    octets.extend(payload);
    let checksum = packet_buffer::checksum::internet_checksum(&octets);
    octets[2..4].copy_from_slice(&checksum.to_be_bytes());
    octets
}

mod echo {
    use super::*;

    const REQUEST: &str = "0800 5435 1234 0001 6162 6364 6566 6768";

    #[test]
    fn every_field() {
        let octets = octets(REQUEST);
        let message = Icmpv4Message::parse(&octets).unwrap();
        assert_eq!(message.message_type(), Icmpv4Type::ECHO_REQUEST);
        assert_eq!((message.code(), message.checksum()), (0, 0x5435));
        assert_eq!(message.rest_of_header(), [0x12, 0x34, 0, 1]);
        assert_eq!(message.payload(), b"abcdefgh");
        assert_eq!(message.verify_checksum(), Ok(()));
        assert!(message.quoted_packet().is_none());
        assert_eq!(message.extension_octets(), b"");
        let repr = Icmpv4Repr::EchoRequest {
            identifier: 0x1234,
            sequence_number: 1,
        };
        assert_eq!(message.to_repr(), repr);
        assert_eq!(emitted(b"abcdefgh", |packet| repr.emit(packet)), octets);
    }

    // RFC 792 §Echo MUST (reply): the answer has the request's identifier, sequence number and data.
    #[test]
    fn the_answer() {
        let request = octets(REQUEST);
        let request = Icmpv4Message::parse(&request).unwrap();
        let Icmpv4Repr::EchoRequest {
            identifier,
            sequence_number,
        } = request.to_repr()
        else {
            panic!("an echo request");
        };
        let reply = Icmpv4Repr::EchoReply {
            identifier,
            sequence_number,
        };
        let octets = emitted(request.payload(), |packet| reply.emit(packet));
        // Only the type differs, and the checksum by as much.
        assert_eq!(octets[..4], [0, 0, 0x5c, 0x35]);
        assert_eq!(octets[4..], support::octets(REQUEST)[4..]);
        let message = Icmpv4Message::parse(&octets).unwrap();
        assert_eq!(message.to_repr(), reply);
    }

    // RFC 792 §Message MUST (checksum): the sum covers the message from its type on.
    #[test]
    fn the_checksum() {
        assert_every_bit_counts(&octets(REQUEST), |octets| {
            Icmpv4Message::parse(octets).is_ok_and(|it| it.verify_checksum().is_ok())
        });
        // An odd number of octets.
        assert_every_bit_counts(&message("0800", "1234 0001", b"abc"), |octets| {
            Icmpv4Message::parse(octets).is_ok_and(|it| it.verify_checksum().is_ok())
        });
        let mut octets = octets(REQUEST);
        octets[3] ^= 1;
        let error = Icmpv4Message::parse(&octets).unwrap().verify_checksum();
        let expected = ParseError::bad_checksum("ICMP checksum", 2, 0x5434);
        assert_eq!(error, Err(expected));
    }

    #[test]
    fn cut_anywhere() {
        let header = &octets(REQUEST)[..8];
        assert_every_cut_is_truncated(header, |octets| Icmpv4Message::parse(octets).map(drop));
        let error = Icmpv4Message::parse(&header[..7]).unwrap_err();
        assert_eq!(error, ParseError::truncated("ICMP header", 0, 8, 7));
    }

    #[test]
    fn an_echo_with_a_code_is_not_one() {
        let octets = message("0801", "1234 0001", b"");
        let repr = Icmpv4Message::parse(&octets).unwrap().to_repr();
        let expected = Icmpv4Repr::Other {
            message_type: Icmpv4Type::ECHO_REQUEST,
            code: 1,
            rest: [0x12, 0x34, 0, 1],
        };
        assert_eq!(repr, expected);
        assert_eq!(emitted(b"", |packet| repr.emit(packet)), octets);
    }

    #[test]
    fn the_longest_message() {
        let repr = Icmpv4Repr::EchoReply {
            identifier: 1,
            sequence_number: 2,
        };
        let limit = 65_535 - 20 - 8;
        let octets = emitted(&vec![0xa5; limit], |packet| repr.emit(packet));
        let message = Icmpv4Message::parse(&octets).unwrap();
        assert_eq!(message.verify_checksum(), Ok(()));
        let expected = EmitError::TooLong {
            what: "ICMP payload",
            length: limit + 1,
            limit,
        };
        assert_refused(limit + 1, expected, |packet| repr.emit(packet));
    }
}

mod errors {
    use super::*;

    // RFC 1122 §3.2.2 MUST: five types are errors; no error is sent about one of them.
    #[test]
    fn which_types_are_errors() {
        for message_type in 0..=255 {
            let is_error = matches!(message_type, 3 | 4 | 5 | 11 | 12);
            assert_eq!(Icmpv4Type(message_type).is_error(), is_error);
            let octets = [&[message_type, 0, 0, 0, 0, 0, 0, 0][..], &octets(QUOTE)].concat();
            let message = Icmpv4Message::parse(&octets).unwrap();
            assert_eq!(
                message.quoted_packet().is_some(),
                is_error,
                "{message_type}"
            );
        }
    }

    #[test]
    fn each_error_as_values() {
        let quote = octets(QUOTE);
        for (type_and_code, rest, repr) in [
            (
                "0303",
                "0000 0000",
                Icmpv4Repr::DestinationUnreachable {
                    code: icmpv4_code::Unreachable::PORT,
                    quoted_words: 0,
                    next_hop_mtu: 0,
                },
            ),
            (
                "0501",
                "c000 02fe",
                Icmpv4Repr::Redirect {
                    code: icmpv4_code::Redirect::HOST,
                    gateway: Ipv4Addr::new(192, 0, 2, 254),
                },
            ),
            (
                "0b01",
                "0000 0000",
                Icmpv4Repr::TimeExceeded {
                    code: icmpv4_code::TimeExceeded::REASSEMBLY,
                    quoted_words: 0,
                },
            ),
            (
                "0c00",
                "1400 0000",
                Icmpv4Repr::ParameterProblem {
                    code: icmpv4_code::ParameterProblem::POINTER,
                    pointer: 20,
                    quoted_words: 0,
                },
            ),
            (
                "0400",
                "0000 0000",
                Icmpv4Repr::Other {
                    message_type: Icmpv4Type::SOURCE_QUENCH,
                    code: 0,
                    rest: [0; 4],
                },
            ),
        ] {
            let octets = message(type_and_code, rest, &quote);
            let view = Icmpv4Message::parse(&octets).unwrap();
            assert_eq!(view.to_repr(), repr);
            assert_eq!(emitted(&quote, |packet| repr.emit(packet)), octets);
            let quoted = view.quoted_packet().unwrap().unwrap();
            assert_eq!(quoted.source(), IpAddr::from([192, 0, 2, 1]));
        }
    }

    // RFC 1191 §4 MUST: the low half of the second word is the MTU of the next hop.
    #[test]
    fn the_mtu_of_the_next_hop() {
        let octets = message("0304", "0000 05d4", &octets(QUOTE));
        let repr = Icmpv4Message::parse(&octets).unwrap().to_repr();
        let expected = Icmpv4Repr::DestinationUnreachable {
            code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
            quoted_words: 0,
            next_hop_mtu: 1492,
        };
        assert_eq!(repr, expected);
        let quote = &octets[8..];
        assert_eq!(emitted(quote, |packet| repr.emit(packet)), octets);
    }

    #[test]
    fn names() {
        assert_eq!(
            icmpv4_code::Unreachable(13).to_string(),
            "communication administratively prohibited"
        );
        assert_eq!(icmpv4_code::TimeExceeded(9).to_string(), "9");
        assert_eq!(Icmpv4Type::REDIRECT.to_string(), "redirect");
    }
}

mod quotes {
    use super::*;

    fn ports() -> TransportIds {
        TransportIds::Ports {
            source: 40_000,
            destination: 53,
        }
    }

    #[test]
    fn every_field() {
        let octets =
            octets("46b9 0028 1234 e001 3e11 abcd c000 0201 c633 6407 9404 0000 9c40 0035");
        let QuotedPacket::V4(quoted) = QuotedPacket::parse(&octets).unwrap() else {
            panic!("version 4");
        };
        assert_eq!((quoted.header_len(), quoted.total_length()), (24, 40));
        assert_eq!(quoted.type_of_service(), 0xb9);
        assert_eq!(quoted.identification(), 0x1234);
        assert!(quoted.reserved_flag() && quoted.dont_fragment() && quoted.more_fragments());
        assert_eq!(quoted.fragment_offset(), 8);
        assert_eq!(quoted.time_to_live(), 62);
        assert_eq!(quoted.protocol(), IpProtocol::UDP);
        assert_eq!(quoted.checksum(), 0xabcd);
        assert_eq!(quoted.source(), Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(quoted.destination(), Ipv4Addr::new(198, 51, 100, 7));
        assert_eq!(quoted.option_octets(), [0x94, 4, 0, 0]);
        assert_eq!(quoted.payload(), [0x9c, 0x40, 0, 0x35]);
        assert_eq!(quoted.as_slice(), octets);
        // A later fragment has no transport header.
        let packet = QuotedPacket::V4(quoted);
        assert_eq!(packet.transport(), b"");
        assert_eq!(packet.transport_ids(), None);
        assert_eq!(packet.protocol(), Some(IpProtocol::UDP));
    }

    // RFC 792 §Unreachable MUST (quote): an error quotes the header and eight octets of data.
    // RFC 1812 §4.3.2.3 SHOULD: and as much more as fits 576 octets.
    #[test]
    fn of_every_length() {
        let whole = octets(QUOTE);
        for length in 0..=whole.len() {
            let octets = message("0303", "0000 0000", &whole[..length]);
            let message = Icmpv4Message::parse(&octets).unwrap();
            let quoted = message.quoted_packet().unwrap();
            let available = length;
            if length == 0 {
                let error = ParseError::truncated("quoted IP header", 8, 1, 0);
                assert_eq!(quoted.unwrap_err(), error);
            } else if length < 20 {
                let error = ParseError::truncated("quoted IPv4 header", 8, 20, available);
                assert_eq!(quoted.unwrap_err(), error);
            } else {
                let quoted = quoted.unwrap();
                assert_eq!(quoted.destination(), IpAddr::from([198, 51, 100, 7]));
                assert_eq!(quoted.transport(), &whole[20..length]);
                let ids = (length >= 24).then(ports);
                assert_eq!(quoted.transport_ids(), ids, "{length}");
                assert_eq!(quoted.tcp_sequence_number(), None);
            }
        }
    }

    #[test]
    fn what_follows_the_quoted_packet_is_not_its_own() {
        let mut octets = octets(QUOTE);
        octets.extend([0xee; 20]);
        let quoted = QuotedPacket::parse(&octets).unwrap();
        assert_eq!(quoted.transport(), &octets[20..36]);
        // A total length that is less than the header is wrong, and does not hide the header.
        octets[2..4].copy_from_slice(&[0, 7]);
        let quoted = QuotedPacket::parse(&octets).unwrap();
        assert_eq!(quoted.transport(), b"");
    }

    #[test]
    fn tcp_and_its_sequence_number() {
        let whole = octets(
            "4500 0028 1234 4000 4006 0000 c000 0201 c633 6407
             9c40 01bb 0102 0304 0000 0000 5002 faf0 0000 0000",
        );
        for length in 20..=40 {
            let quoted = QuotedPacket::parse(&whole[..length]).unwrap();
            let expected = (length >= 28).then_some(0x0102_0304);
            assert_eq!(quoted.tcp_sequence_number(), expected);
            assert_eq!(quoted.transport_ids().is_some(), length >= 24);
        }
    }

    #[test]
    fn icmp_queries() {
        for message_type in 0..=255 {
            let mut octets =
                octets("4500 0024 1234 4000 4001 0000 c000 0201 c633 6407 0000 0000 abcd 0001");
            octets[20] = message_type;
            let is_query = matches!(message_type, 0 | 8 | 13..=18);
            let expected = TransportIds::IcmpQuery {
                message_type,
                identifier: 0xabcd,
            };
            let ids = QuotedPacket::parse(&octets).unwrap().transport_ids();
            assert_eq!(ids, is_query.then_some(expected), "{message_type}");
            let cut = QuotedPacket::parse(&octets[..25]).unwrap();
            assert_eq!(cut.transport_ids(), None);
        }
    }

    #[test]
    fn that_are_no_packets() {
        let mut octets = octets(QUOTE);
        octets[0] = 0x44;
        let error = QuotedPacket::parse(&octets).unwrap_err();
        let expected = ParseError::bad_length("quoted IPv4 header length", 0, 16);
        assert_eq!(error, expected);
        octets[0] = 0x75;
        let error = QuotedPacket::parse(&octets).unwrap_err();
        assert_eq!(error, ParseError::bad_value("quoted IP version", 0, 7));
        let octets = message("0b00", "0000 0000", &octets);
        let message = Icmpv4Message::parse(&octets).unwrap();
        let error = message.quoted_packet().unwrap().unwrap_err();
        assert_eq!(error, ParseError::bad_value("quoted IP version", 8, 7));
    }
}

mod multi_part_messages {
    use super::*;

    /// An extension structure of version 2 with one object.
    const EXTENSION: &str = "2000 dd95 0008 0101 0000 0161";

    fn padded_quote() -> Vec<u8> {
        let mut quote = octets(QUOTE);
        quote.resize(128, 0);
        quote
    }

    // RFC 4884 §4 MUST (length): the length of the quote, in words of 32 bits, tells where the
    // extension begins.
    #[test]
    fn the_extension_is_split_off() {
        let payload = [padded_quote(), octets(EXTENSION)].concat();
        for (type_and_code, rest) in [
            ("0300", "0020 0000"),
            ("0b00", "0020 0000"),
            ("0c00", "0020 0000"),
        ] {
            let octets = message(type_and_code, rest, &payload);
            let message = Icmpv4Message::parse(&octets).unwrap();
            assert_eq!(message.extension_octets(), support::octets(EXTENSION));
            let quoted = message.quoted_packet().unwrap().unwrap();
            // The zeroes that fill the quote up to 128 octets are not the packet's.
            assert_eq!(quoted.transport().len(), 16);
            let written = emitted(&payload, |packet| message.to_repr().emit(packet));
            assert_eq!(written, octets);
        }
    }

    #[test]
    fn other_types_have_none() {
        let payload = [padded_quote(), octets(EXTENSION)].concat();
        for type_and_code in ["0400", "0501", "0800", "0d00"] {
            let octets = message(type_and_code, "0020 0000", &payload);
            let message = Icmpv4Message::parse(&octets).unwrap();
            assert_eq!(message.extension_octets(), b"", "{type_and_code}");
        }
    }

    // RFC 4884 §5 MUST (no-length): without a length, all that follows is the quote.
    #[test]
    fn lengths_that_lie() {
        let payload = [padded_quote(), octets(EXTENSION)].concat();
        let words = payload.len() / 4;
        for length in 0..=255usize {
            let rest = format!("00{length:02x} 0000");
            let octets = message("0b00", &rest, &payload);
            let message = Icmpv4Message::parse(&octets).unwrap();
            let extension = message.extension_octets();
            if length == 0 || length > words {
                assert_eq!(extension, b"", "{length}");
                let quoted = message.quoted_packet().unwrap().unwrap();
                assert_eq!(quoted.transport().len(), 16);
            } else {
                assert_eq!(extension, &payload[length * 4..]);
                let is_header_there = length >= 5;
                let quoted = message.quoted_packet().unwrap();
                assert_eq!(quoted.is_ok(), is_header_there, "{length}");
            }
        }
    }
}
