//! Internet Protocol version 4 (RFC 791 §3.1), and what RFC 1122 §3.2.1, RFC 2474 and RFC 3168 add.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    dead_code,
    reason = "tests; each uses a part of what they share"
)]

mod support;

use core::net::Ipv4Addr;
use packet_buffer::tlv::TlvList;
use packet_buffer::wire::{
    HeaderOptions, IpPacket, IpProtocol, Ipv4OptionKind, Ipv4Packet, Ipv4Repr, PseudoHeader,
};
use packet_buffer::{EmitError, ParseError};
use support::{
    assert_every_bit_counts, assert_every_cut_is_truncated, assert_refused, emitted, octets,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// Every field has a value of its own; record route, no operation, router alert, an unknown option
/// and the end of the list.
fn packet() -> Vec<u8> {
    octets(
        "4ab9 002c 1c46 a000 4011 b7af c000 0201 c633 6407
         070b 08c0 0002 0900 0000 0001 9404 0000 6303 0500
         6461 7461",
    )
}

fn repr() -> Ipv4Repr {
    Ipv4Repr::new(SOURCE, DESTINATION, IpProtocol::UDP)
}

fn kinds(options: TlvList<'_>) -> Vec<u8> {
    options.iter().map(|option| option.kind).collect()
}

mod section_3_1 {
    use super::*;

    #[test]
    fn every_field() {
        let octets = packet();
        let packet = Ipv4Packet::parse(&octets).unwrap();
        assert_eq!(packet.header_len(), 40);
        assert_eq!(packet.total_length(), 44);
        assert_eq!((packet.dscp(), packet.ecn()), (46, 1));
        assert_eq!(packet.identification(), 0x1c46);
        assert!(packet.reserved_flag());
        assert!(!packet.dont_fragment());
        assert!(packet.more_fragments());
        assert!(packet.is_fragment());
        assert_eq!(packet.fragment_offset(), 0);
        assert_eq!(packet.time_to_live(), 64);
        assert_eq!(packet.protocol(), IpProtocol::UDP);
        assert_eq!(packet.checksum(), 0xb7af);
        assert_eq!(packet.source(), SOURCE);
        assert_eq!(packet.destination(), DESTINATION);
        assert_eq!(packet.payload(), b"data");
        assert_eq!(packet.as_slice(), octets);
        assert_eq!(packet.verify_checksum(), Ok(()));
        let addresses = PseudoHeader::V4 {
            source: SOURCE,
            destination: DESTINATION,
        };
        assert_eq!(packet.pseudo_header(), addresses);
        let repr = packet.to_repr();
        assert_eq!(repr.header_len(), 40);
        assert_eq!(repr.options.as_slice(), &octets[20..40]);
        // Four octets are not a multiple of eight, so this fragment can be read and not written.
        let refused = EmitError::Unaligned {
            what: "IPv4 fragment payload",
            length: 4,
            multiple: 8,
        };
        assert_refused(4, refused, |packet| repr.emit(packet));
    }

    #[test]
    fn both_versions_by_the_first_octet() {
        let octets = packet();
        let packet = IpPacket::parse(&octets).unwrap();
        assert!(matches!(packet, IpPacket::V4(_)));
        assert_eq!(packet.source(), SOURCE);
        assert_eq!(packet.destination(), DESTINATION);
        assert_eq!(packet.hop_limit(), 64);
        assert_eq!(packet.as_slice(), octets);
        let error = IpPacket::parse(&[]).unwrap_err();
        assert_eq!(error, ParseError::truncated("IP header", 0, 1, 0));
        let error = IpPacket::parse(&[0x55; 40]).unwrap_err();
        assert_eq!(error, ParseError::bad_value("IP version", 0, 5));
    }

    #[test]
    fn cut_anywhere() {
        assert_every_cut_is_truncated(&packet(), |octets| Ipv4Packet::parse(octets).map(drop));
        let octets = packet();
        let error = Ipv4Packet::parse(&octets[..19]).unwrap_err();
        assert_eq!(error, ParseError::truncated("IPv4 header", 0, 20, 19));
        let error = Ipv4Packet::parse(&octets[..20]).unwrap_err();
        assert_eq!(error, ParseError::truncated("IPv4 packet", 0, 44, 20));
    }

    // RFC 791 §3.1 MUST (version): the version of this format is four.
    // RFC 1122 §3.2.1.1 MUST: a packet of another version is dropped.
    #[test]
    fn another_version() {
        for version in (0..16).filter(|version| *version != 4) {
            let mut octets = packet();
            octets[0] = version << 4 | 0x0a;
            let error = Ipv4Packet::parse(&octets).unwrap_err();
            let expected = ParseError::bad_value("IPv4 version", 0, u32::from(version));
            assert_eq!(error, expected);
        }
    }

    // RFC 791 §3.1 MUST (header-length): a correct header is at least five words long.
    #[test]
    fn a_header_under_five_words() {
        for words in 0..5 {
            let mut octets = packet();
            octets[0] = 0x40 | words;
            let error = Ipv4Packet::parse(&octets).unwrap_err();
            let length = usize::from(words) * 4;
            assert_eq!(
                error,
                ParseError::bad_length("IPv4 header length", 0, length)
            );
        }
    }

    // RFC 791 §3.1 MUST (total-length): the total length counts header and data.
    #[test]
    fn the_total_length() {
        for length in 0..40 {
            let mut octets = packet();
            octets[3] = length;
            let error = Ipv4Packet::parse(&octets).unwrap_err();
            let length = usize::from(length);
            assert_eq!(
                error,
                ParseError::bad_length("IPv4 total length", 2, length)
            );
        }
        let mut octets = packet();
        octets[3] = 40;
        assert_eq!(Ipv4Packet::parse(&octets).unwrap().payload(), b"");
        octets[3] = 45;
        let error = Ipv4Packet::parse(&octets).unwrap_err();
        assert_eq!(error, ParseError::truncated("IPv4 packet", 0, 45, 44));
        // Without options, by the short way.
        let octets = emitted(b"", |packet| repr().emit(packet));
        for length in 0..20 {
            let mut octets = octets.clone();
            octets[3] = length;
            let error = Ipv4Packet::parse(&octets).unwrap_err();
            let length = usize::from(length);
            assert_eq!(
                error,
                ParseError::bad_length("IPv4 total length", 2, length)
            );
        }
    }

    #[test]
    fn padding_of_the_link_is_left_out() {
        for mut octets in [packet(), emitted(b"data", |packet| repr().emit(packet))] {
            let length = octets.len();
            octets.extend([0xee; 18]);
            let packet = Ipv4Packet::parse(&octets).unwrap();
            assert_eq!(packet.payload(), b"data");
            assert_eq!(packet.as_slice(), &octets[..length]);
            assert_eq!(packet.total_length(), length);
        }
    }

    // RFC 791 §3.1 MUST (fragment-offset): the offset counts units of eight octets.
    #[test]
    fn flags_and_offset() {
        for (word, reserved, dont, more, offset) in [
            (0x0000, false, false, false, 0),
            (0x8000, true, false, false, 0),
            (0x4000, false, true, false, 0),
            (0x2000, false, false, true, 0),
            (0x0001, false, false, false, 8),
            (0x3fff, false, false, true, 65_528),
            (0x1555, false, false, false, 0x1555 * 8),
        ] {
            let mut octets = packet();
            octets[6..8].copy_from_slice(&u16::to_be_bytes(word));
            let packet = Ipv4Packet::parse(&octets).unwrap();
            assert_eq!(packet.reserved_flag(), reserved);
            assert_eq!(packet.dont_fragment(), dont);
            assert_eq!(packet.more_fragments(), more);
            assert_eq!(packet.fragment_offset(), offset);
            assert_eq!(packet.is_fragment(), more || offset > 0);
        }
    }

    // RFC 791 §3.1 MUST (checksum): the checksum is over the header only.
    // RFC 1122 §3.2.1.2 MUST: it is verified, and the packet dropped when it is bad.
    #[test]
    fn the_header_checksum() {
        // Twenty octets and their checksum b861, options, and no options.
        let known = octets("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
        let whole = [&known[..], &[0; 0x73 - 20]].concat();
        assert_every_bit_counts(&known, |header| {
            let octets = [header, &whole[20..]].concat();
            Ipv4Packet::parse(&octets).is_ok_and(|it| it.verify_checksum().is_ok())
        });
        let with_options = packet();
        assert_every_bit_counts(&with_options[..40], |header| {
            let octets = [header, &with_options[40..]].concat();
            Ipv4Packet::parse(&octets).is_ok_and(|it| it.verify_checksum().is_ok())
        });
        let mut octets = with_options.clone();
        octets[43] ^= 0xff;
        let packet = Ipv4Packet::parse(&octets).unwrap();
        assert_eq!(packet.verify_checksum(), Ok(()), "data");
        octets[11] ^= 1;
        let packet = Ipv4Packet::parse(&octets).unwrap();
        let found = packet.checksum();
        let expected = ParseError::bad_checksum("IPv4 header checksum", 10, found);
        assert_eq!(packet.verify_checksum(), Err(expected));
    }
}

mod options {
    use super::*;

    /// A packet with these octets of options, a multiple of four.
    fn with_options(options: &[u8]) -> Vec<u8> {
        let repr = Ipv4Repr {
            options: HeaderOptions::from_slice(options).unwrap(),
            ..repr()
        };
        emitted(b"data", |packet| repr.emit(packet))
    }

    #[test]
    fn each_kind() {
        let octets = packet();
        let options = Ipv4Packet::parse(&octets).unwrap().options();
        assert_eq!(kinds(options), [7, 1, 148, 99, 0]);
        let route = options.find(Ipv4OptionKind::RECORD_ROUTE.0).unwrap();
        assert_eq!(route.data, [8, 192, 0, 2, 9, 0, 0, 0, 0]);
        assert_eq!(options.find(148).unwrap().octets, [148, 4, 0, 0]);
        assert_eq!(options.find(99).unwrap().data, [5]);
        assert!(options.find(68).is_none());
        let timestamp = with_options(&[68, 8, 9, 0, 0, 0, 0, 1]);
        let options = Ipv4Packet::parse(&timestamp).unwrap().options();
        assert_eq!(kinds(options), [68]);
        for (kind, name) in [
            (Ipv4OptionKind::LOOSE_SOURCE_ROUTE, "loose source route"),
            (Ipv4OptionKind::STRICT_SOURCE_ROUTE, "strict source route"),
        ] {
            let octets = with_options(&[kind.0, 7, 4, 10, 0, 0, 1, 0]);
            let options = Ipv4Packet::parse(&octets).unwrap().options();
            assert_eq!(kinds(options), [kind.0, 0]);
            assert_eq!(kind.to_string(), name);
        }
    }

    // RFC 791 §3.1 MUST (copied): the highest bit says whether every fragment carries the option.
    #[test]
    fn the_copied_flag() {
        for (kind, copied) in [(0, false), (1, false), (7, false), (68, false)]
            .into_iter()
            .chain([(130, true), (131, true), (137, true), (148, true)])
        {
            assert_eq!(Ipv4OptionKind(kind).is_copied(), copied, "{kind}");
        }
    }

    // RFC 791 §3.1 MUST (end-of-list): what follows the end of the list is padding.
    #[test]
    fn the_end_of_the_list() {
        // Behind the end, a length that would run off.
        let octets = with_options(&[1, 0, 7, 99, 7, 0, 0, 0]);
        let options = Ipv4Packet::parse(&octets).unwrap().options();
        assert_eq!(kinds(options), [1, 0]);
        assert_eq!(options.as_slice().len(), 8);
    }

    // RFC 1122 §3.2.1.8 MUST: options that are not understood are ignored in silence.
    #[test]
    fn unknown_and_repeated_options_are_kept_in_order() {
        let octets = with_options(&[200, 2, 94, 3, 1, 200, 3, 9]);
        let options = Ipv4Packet::parse(&octets).unwrap().options();
        assert_eq!(kinds(options), [200, 94, 200]);
        assert_eq!(Ipv4OptionKind(94).to_string(), "94");
    }

    // RFC 791 §3.1 MUST (option-length): the length counts type and length octets as well.
    #[test]
    fn illegal_lengths() {
        for length in [0, 1] {
            let octets = with_options(&[1, 7, length, 0]);
            let error = Ipv4Packet::parse(&octets).unwrap_err();
            let length = usize::from(length);
            assert_eq!(error, ParseError::bad_length("IPv4 option", 21, length));
        }
        let octets = with_options(&[1, 1, 7, 3]);
        let error = Ipv4Packet::parse(&octets).unwrap_err();
        assert_eq!(error, ParseError::truncated("IPv4 option", 22, 3, 2));
        let octets = with_options(&[1, 1, 1, 7]);
        let error = Ipv4Packet::parse(&octets).unwrap_err();
        assert_eq!(error, ParseError::truncated("IPv4 option", 23, 2, 1));
        // The option may not reach into the data.
        let octets = with_options(&[7, 6, 4, 0]);
        assert!(Ipv4Packet::parse(&octets).unwrap_err().is_truncated());
    }

    #[test]
    fn forty_octets_and_no_more() {
        let most = [&[7, 39, 4][..], &[0; 36], &[1]].concat();
        let octets = with_options(&most);
        let packet = Ipv4Packet::parse(&octets).unwrap();
        assert_eq!((packet.header_len(), packet.payload()), (60, &b"data"[..]));
        assert_eq!(packet.options().as_slice(), most);
        assert_eq!(packet.verify_checksum(), Ok(()));
        let expected = EmitError::TooLong {
            what: "header options",
            length: 41,
            limit: 40,
        };
        assert_eq!(HeaderOptions::from_slice(&[1; 41]), Err(expected));
    }

    // RFC 791 §3.1 MUST (padding): the header ends on a boundary of 32 bits; padding is zero.
    #[test]
    fn options_are_padded_with_zeroes() {
        for length in 0..=40usize {
            let options = HeaderOptions::from_slice(&vec![1; length]).unwrap();
            assert_eq!(options.len(), length.next_multiple_of(4));
            assert_eq!(options.is_empty(), length == 0);
            let (given, padding) = options.as_slice().split_at(length);
            assert!(given.iter().all(|octet| *octet == 1));
            assert!(padding.iter().all(|octet| *octet == 0));
        }
    }
}

mod writing {
    use super::*;

    #[test]
    fn as_most_packets_are() {
        let written = emitted(&[0; 0x73 - 20], |packet| {
            let repr = Ipv4Repr::new(
                Ipv4Addr::new(192, 168, 0, 1),
                Ipv4Addr::new(192, 168, 0, 199),
                IpProtocol::UDP,
            );
            repr.emit(packet)
        });
        let header = octets("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
        assert_eq!(written[..20], header);
        assert_eq!(written.len(), 0x73);
    }

    #[test]
    fn what_was_read_is_written_back() {
        let mut received = packet();
        // The last fragment may have any length.
        received[6] = 0x81;
        received[10..12].fill(0);
        let repr = Ipv4Packet::parse(&received).unwrap().to_repr();
        assert_eq!(repr.fragment_offset, 0x800);
        let written = emitted(b"data", |packet| repr.emit(packet));
        let view = Ipv4Packet::parse(&written).unwrap();
        assert_eq!(view.verify_checksum(), Ok(()));
        received[10..12].copy_from_slice(&view.checksum().to_be_bytes());
        assert_eq!(written, received);
    }

    #[test]
    fn the_longest_packet() {
        let octets = emitted(&vec![0x5a; 65_515], |packet| repr().emit(packet));
        assert_eq!(Ipv4Packet::parse(&octets).unwrap().total_length(), 65_535);
        let too_long = |length, limit| EmitError::TooLong {
            what: "IPv4 payload",
            length,
            limit,
        };
        assert_refused(65_516, too_long(65_516, 65_515), |packet| {
            repr().emit(packet)
        });
        let with_options = Ipv4Repr {
            options: HeaderOptions::from_slice(&[1; 40]).unwrap(),
            ..repr()
        };
        assert_refused(65_476, too_long(65_476, 65_475), |packet| {
            with_options.emit(packet)
        });
    }

    /// The original packet has a header as well: its data ends at 65515.
    #[test]
    fn a_fragment_that_no_packet_can_have() {
        for (fragment_offset, limit) in [(65_528, 0), (65_512, 3), (65_504, 11), (8, 65_507)] {
            let last = Ipv4Repr {
                fragment_offset,
                dont_fragment: false,
                ..repr()
            };
            let octets = emitted(&vec![0; limit], |packet| last.emit(packet));
            let read = Ipv4Packet::parse(&octets).unwrap();
            assert_eq!(read.fragment_offset(), fragment_offset);
            let expected = EmitError::TooLong {
                what: "IPv4 payload",
                length: limit + 1,
                limit,
            };
            assert_refused(limit + 1, expected, |packet| last.emit(packet));
        }
    }

    #[test]
    fn fragments_are_aligned() {
        let unaligned = |what, length| EmitError::Unaligned {
            what,
            length,
            multiple: 8,
        };
        let offset = Ipv4Repr {
            fragment_offset: 12,
            ..repr()
        };
        assert_refused(8, unaligned("IPv4 fragment offset", 12), |packet| {
            offset.emit(packet)
        });
        let more = Ipv4Repr {
            more_fragments: true,
            ..repr()
        };
        for length in (1..24).filter(|length| length % 8 != 0) {
            assert_refused(
                length,
                unaligned("IPv4 fragment payload", length),
                |packet| more.emit(packet),
            );
        }
        assert_eq!(emitted(&[0; 24], |packet| more.emit(packet)).len(), 44);
    }

    // RFC 2474 §3 MUST: the code point has six bits of the octet.
    // RFC 3168 §5 MUST: the other two are ECN's.
    #[test]
    fn six_bits_and_two() {
        for dscp in 0..64 {
            for ecn in 0..4 {
                let octets = emitted(b"", |packet| {
                    Ipv4Repr {
                        dscp,
                        ecn,
                        ..repr()
                    }
                    .emit(packet)
                });
                assert_eq!(octets[1], dscp * 4 + ecn);
                let packet = Ipv4Packet::parse(&octets).unwrap();
                assert_eq!((packet.dscp(), packet.ecn()), (dscp, ecn));
            }
        }
        let bad = |what, value| EmitError::BadValue { what, value };
        assert_refused(1, bad("IPv4 DSCP", 64), |packet| {
            Ipv4Repr { dscp: 64, ..repr() }.emit(packet)
        });
        assert_refused(1, bad("IPv4 ECN", 4), |packet| {
            Ipv4Repr { ecn: 4, ..repr() }.emit(packet)
        });
    }
}
