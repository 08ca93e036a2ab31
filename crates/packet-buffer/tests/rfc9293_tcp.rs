//! Transmission Control Protocol (RFC 9293): the segment and its options, those of RFC 7323 and
//! RFC 2018 among them.
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

use core::net::Ipv4Addr;
use packet_buffer::wire::{
    HeaderOptions, PseudoHeader, SackBlocks, TcpFlags, TcpOption, TcpOptionKind, TcpRepr,
    TcpSegment,
};
use packet_buffer::{EmitError, ParseError};
use support::{
    assert_every_bit_counts, assert_every_cut_is_truncated, assert_refused, emitted, octets,
};

const ADDRESSES: PseudoHeader = PseudoHeader::V4 {
    source: Ipv4Addr::new(192, 0, 2, 1),
    destination: Ipv4Addr::new(198, 51, 100, 7),
};

/// PSH and ACK, two no-operations and timestamps, "data!".
const SEGMENT: &str = "9c40 01bb 0102 0304 0a0b 0c0d 8018 faf0 dd9c 0007
                       0101 080a 0000 0001 0000 0002 6461 7461 21";

/// A segment with these options as they are, and "data" behind them.
fn with_options(options: &[u8]) -> Vec<u8> {
    let repr = TcpRepr {
        options: HeaderOptions::from_slice(options).unwrap(),
        ..TcpRepr::default()
    };
    emitted(b"data", |packet| repr.emit(packet, &ADDRESSES))
}

fn read(octets: &[u8]) -> Vec<TcpOption<'_>> {
    TcpSegment::parse(octets).unwrap().options().collect()
}

mod section_3_1 {
    use super::*;

    #[test]
    fn every_field() {
        let octets = octets(SEGMENT);
        let segment = TcpSegment::parse(&octets).unwrap();
        assert_eq!(
            (segment.source_port(), segment.destination_port()),
            (40_000, 443)
        );
        assert_eq!(segment.sequence_number(), 0x0102_0304);
        assert_eq!(segment.acknowledgment_number(), 0x0a0b_0c0d);
        assert_eq!(segment.header_len(), 32);
        assert_eq!(segment.flags(), TcpFlags::PSH | TcpFlags::ACK);
        assert_eq!(segment.window(), 0xfaf0);
        assert_eq!(segment.checksum(), 0xdd9c);
        assert_eq!(segment.urgent_pointer(), 7);
        assert_eq!(segment.payload(), b"data!");
        assert_eq!(segment.option_list().as_slice(), &octets[20..32]);
        assert_eq!(segment.verify_checksum(&ADDRESSES), Ok(()));
        let repr = segment.to_repr();
        assert_eq!(repr.header_len(), 32);
        assert_eq!(
            emitted(b"data!", |packet| repr.emit(packet, &ADDRESSES)),
            octets
        );
    }

    #[test]
    fn cut_anywhere() {
        let header = &octets(SEGMENT)[..32];
        assert_every_cut_is_truncated(header, |octets| TcpSegment::parse(octets).map(drop));
        let error = TcpSegment::parse(&header[..19]).unwrap_err();
        assert_eq!(error, ParseError::truncated("TCP header", 0, 20, 19));
        let error = TcpSegment::parse(&header[..31]).unwrap_err();
        assert_eq!(error, ParseError::truncated("TCP header", 0, 32, 31));
    }

    #[test]
    fn a_data_offset_under_five_words() {
        for words in 0..5 {
            let mut octets = octets(SEGMENT);
            octets[12] = words << 4;
            let error = TcpSegment::parse(&octets).unwrap_err();
            let length = usize::from(words) * 4;
            assert_eq!(error, ParseError::bad_length("TCP data offset", 12, length));
        }
    }

    // RFC 9293 §3.1 MUST (MUST-2): the sender generates the checksum.
    // RFC 9293 §3.1 MUST (MUST-3): the receiver checks it.
    #[test]
    fn the_checksum() {
        assert_every_bit_counts(&octets(SEGMENT), |octets| {
            TcpSegment::parse(octets).is_ok_and(|it| it.verify_checksum(&ADDRESSES).is_ok())
        });
        let mut octets = octets(SEGMENT);
        octets[36] ^= 1;
        let segment = TcpSegment::parse(&octets).unwrap();
        let expected = ParseError::bad_checksum("TCP checksum", 16, 0xdd9c);
        assert_eq!(segment.verify_checksum(&ADDRESSES), Err(expected));
        // Zero is no way to go without.
        octets[16..18].fill(0);
        let segment = TcpSegment::parse(&octets).unwrap();
        assert!(segment.verify_checksum(&ADDRESSES).is_err());
    }

    #[test]
    fn all_flags_and_reserved_bits() {
        for flags in 0..0x1000 {
            let repr = TcpRepr {
                flags: TcpFlags(flags),
                ..TcpRepr::default()
            };
            let octets = emitted(b"", |packet| repr.emit(packet, &ADDRESSES));
            let segment = TcpSegment::parse(&octets).unwrap();
            assert_eq!(segment.flags(), TcpFlags(flags));
            assert_eq!(segment.header_len(), 20);
            let syn_and_fin = usize::from(flags & 1) + usize::from(flags >> 1 & 1);
            assert_eq!(segment.sequence_length(), syn_and_fin);
        }
        let bad = TcpRepr {
            flags: TcpFlags(0x1000),
            ..TcpRepr::default()
        };
        let expected = EmitError::BadValue {
            what: "TCP flags",
            value: 0x1000,
        };
        assert_refused(3, expected, |packet| bad.emit(packet, &ADDRESSES));
    }

    #[test]
    fn flags_by_name() {
        let mut flags = TcpFlags::SYN;
        flags |= TcpFlags::ACK;
        assert_eq!(flags.to_string(), "SYN, ACK");
        assert_eq!(format!("{flags:?}"), "TcpFlags(SYN, ACK)");
        assert!(flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::SYN | TcpFlags::FIN));
        assert!(flags.intersects(TcpFlags::SYN | TcpFlags::FIN));
        assert!(!flags.intersects(TcpFlags::RST));
        assert_eq!(TcpFlags(0).to_string(), "none");
        assert_eq!(TcpFlags(0x0e01).to_string(), "FIN, reserved 0xe");
        assert_eq!(
            TcpFlags(0x01f0).to_string(),
            "ACK, URG, ECE, CWR, reserved 0x1"
        );
    }

    #[test]
    fn the_longest_segment() {
        let repr = TcpRepr {
            options: HeaderOptions::from_slice(&[1; 40]).unwrap(),
            ..TcpRepr::default()
        };
        let limit = 65_475;
        let octets = emitted(&vec![1; limit], |packet| repr.emit(packet, &ADDRESSES));
        let segment = TcpSegment::parse(&octets).unwrap();
        assert_eq!(segment.verify_checksum(&ADDRESSES), Ok(()));
        assert_eq!(segment.sequence_length(), limit);
        let expected = EmitError::TooLong {
            what: "TCP data",
            length: limit + 1,
            limit,
        };
        assert_refused(limit + 1, expected, |packet| repr.emit(packet, &ADDRESSES));
    }

    // RFC 9293 §3.1 MUST (MUST-5): options can come in any segment.
    // RFC 9293 §3.1 MUST (MUST-6): unknown options are passed over by their length.
    // RFC 9293 §3.1 MUST (MUST-68): all options but the end and no-operation have a length.
    #[test]
    fn unknown_options_are_kept_and_passed_over() {
        let octets = with_options(&[99, 3, 7, 253, 4, 1, 2, 99, 2, 2, 4, 5, 0xb4, 1, 1, 1]);
        let other = |kind, data| TcpOption::Other {
            kind: TcpOptionKind(kind),
            data,
        };
        let expected = [
            other(99, &[7]),
            other(253, &[1, 2]),
            other(99, &[]),
            TcpOption::MaximumSegmentSize(1460),
            TcpOption::NoOperation,
            TcpOption::NoOperation,
            TcpOption::NoOperation,
        ];
        assert_eq!(read(&octets), expected);
        let written = HeaderOptions::from_tcp_options(&expected).unwrap();
        assert_eq!(written.as_slice(), &octets[20..36]);
    }

    // RFC 9293 §3.1 MUST (MUST-7): an illegal length, zero for one, is handled.
    #[test]
    fn illegal_lengths() {
        for kind in [2, 3, 4, 5, 8, 99, 255] {
            for length in [0, 1] {
                let octets = with_options(&[1, kind, length, 0]);
                let error = TcpSegment::parse(&octets).unwrap_err();
                let length = usize::from(length);
                assert_eq!(error, ParseError::bad_length("TCP option", 21, length));
            }
            // Beyond the header, though not beyond the segment.
            let octets = with_options(&[1, 1, kind, 3]);
            let error = TcpSegment::parse(&octets).unwrap_err();
            assert_eq!(error, ParseError::truncated("TCP option", 22, 3, 2));
            let octets = with_options(&[1, 1, 1, kind]);
            let error = TcpSegment::parse(&octets).unwrap_err();
            assert_eq!(error, ParseError::truncated("TCP option", 23, 2, 1));
        }
    }

    // RFC 9293 §3.1 MUST (MUST-69): the header is filled with zeroes behind the end of the options.
    #[test]
    fn padding() {
        let options = HeaderOptions::from_tcp_options(&[TcpOption::WindowScale(7)]).unwrap();
        assert_eq!(options.as_slice(), [3, 3, 7, 0]);
        let octets = with_options(&[3, 3, 7]);
        let expected = [TcpOption::WindowScale(7), TcpOption::EndOfList];
        assert_eq!(read(&octets), expected);
        // What a sender put there does not matter.
        let octets = with_options(&[0, 2, 0, 99]);
        assert_eq!(read(&octets), [TcpOption::EndOfList]);
    }
}

mod section_3_2 {
    use super::*;

    // RFC 9293 §3.1 MUST (MUST-4): end of list, no-operation and maximum segment size are known.
    #[test]
    fn the_mandatory_options() {
        let octets = with_options(&[1, 2, 4, 0x05, 0xb4, 0]);
        let expected = [
            TcpOption::NoOperation,
            TcpOption::MaximumSegmentSize(1460),
            TcpOption::EndOfList,
        ];
        assert_eq!(read(&octets), expected);
    }

    // RFC 9293 §3.2 MUST (MUST-64): options can begin at any octet.
    #[test]
    fn at_every_alignment() {
        for shift in 0..8 {
            let mut options = vec![1; shift];
            options.extend([8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
            let octets = with_options(&options);
            let timestamps = TcpOption::Timestamps {
                value: 1,
                echo_reply: 2,
            };
            assert_eq!(read(&octets)[shift], timestamps);
        }
    }

    #[test]
    fn known_options_of_other_lengths_are_kept_as_they_are() {
        for (kind, good) in [(2, 4), (3, 3), (4, 2), (8, 10)] {
            for length in (2..20u8).filter(|length| *length != good) {
                let mut options = vec![kind, length];
                options.resize(usize::from(length), 0x11);
                let octets = with_options(&options);
                let expected = TcpOption::Other {
                    kind: TcpOptionKind(kind),
                    data: &options[2..],
                };
                assert_eq!(read(&octets)[0], expected);
            }
        }
    }

    #[test]
    fn more_than_forty_octets() {
        let timestamps = TcpOption::Timestamps {
            value: 1,
            echo_reply: 2,
        };
        let four = HeaderOptions::from_tcp_options(&[timestamps; 4]).unwrap();
        assert_eq!(four.len(), 40);
        let too_long = |length| EmitError::TooLong {
            what: "header options",
            length,
            limit: 40,
        };
        let mut options = vec![timestamps; 4];
        options.push(TcpOption::NoOperation);
        assert_eq!(HeaderOptions::from_tcp_options(&options), Err(too_long(41)));
        let long = TcpOption::Other {
            kind: TcpOptionKind(99),
            data: &[0; 300],
        };
        assert_eq!(HeaderOptions::from_tcp_options(&[long]), Err(too_long(300)));
    }

    #[test]
    fn kinds_without_a_length_carry_no_data() {
        for kind in [TcpOptionKind::END_OF_LIST, TcpOptionKind::NO_OPERATION] {
            let option = TcpOption::Other { kind, data: &[] };
            let expected = EmitError::BadValue {
                what: "TCP option kind",
                value: u32::from(kind.0),
            };
            assert_eq!(HeaderOptions::from_tcp_options(&[option]), Err(expected));
        }
    }
}

mod rfc_7323 {
    use super::*;

    // RFC 7323 §2.2 MUST: the window scale option has three octets, the last of them the shift.
    // RFC 7323 §3.2 MUST: the timestamps option has ten, value and echo reply.
    #[test]
    fn window_scale_and_timestamps() {
        let options = [
            TcpOption::WindowScale(14),
            TcpOption::Timestamps {
                value: 0x0102_0304,
                echo_reply: 0x0506_0708,
            },
        ];
        let octets = HeaderOptions::from_tcp_options(&options).unwrap();
        let expected = [3, 3, 14, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0];
        assert_eq!(octets.as_slice(), expected);
        assert_eq!(read(&with_options(octets.as_slice()))[..2], options);
        // A shift over 14 is the receiver's to cap; it is told as it came.
        let octets = with_options(&[3, 3, 200]);
        assert_eq!(read(&octets)[0], TcpOption::WindowScale(200));
    }
}

mod rfc_2018 {
    use super::*;

    // RFC 2018 §2 MUST: "SACK permitted" has two octets.
    // RFC 2018 §3 MUST: a block is a left and a right edge of 32 bits each.
    #[test]
    fn permission_and_blocks() {
        let edges = octets("0100 0000 0100 0400 0100 1000 0100 1400");
        let blocks = SackBlocks::from_octets(&edges).unwrap();
        let pairs: Vec<(u32, u32)> = blocks.iter().collect();
        let expected = [(0x0100_0000, 0x0100_0400), (0x0100_1000, 0x0100_1400)];
        assert_eq!(pairs, expected);
        assert_eq!(format!("{blocks:?}"), format!("{expected:?}"));
        let options = [TcpOption::SackPermitted, TcpOption::Sack(blocks)];
        let written = HeaderOptions::from_tcp_options(&options).unwrap();
        assert_eq!(written.as_slice()[..4], [4, 2, 5, 18]);
        assert_eq!(read(&with_options(written.as_slice()))[..2], options);
    }

    #[test]
    fn up_to_four_blocks() {
        for blocks in 1..=4 {
            let edges = vec![7; 8 * blocks];
            let option = TcpOption::Sack(SackBlocks::from_octets(&edges).unwrap());
            let written = HeaderOptions::from_tcp_options(&[option]).unwrap();
            assert_eq!(read(&with_options(written.as_slice()))[0], option);
        }
        let refused = SackBlocks::from_octets(&[0; 40]).unwrap_err();
        let expected = EmitError::TooLong {
            what: "SACK blocks",
            length: 40,
            limit: 32,
        };
        assert_eq!(refused, expected);
        let refused = SackBlocks::from_octets(&[0; 12]).unwrap_err();
        let expected = EmitError::Unaligned {
            what: "SACK blocks",
            length: 12,
            multiple: 8,
        };
        assert_eq!(refused, expected);
    }

    #[test]
    fn parts_of_a_block_are_no_sack() {
        for length in [2, 6, 9, 11, 17, 33] {
            let mut options = vec![5, length];
            options.resize(usize::from(length), 0);
            let octets = with_options(&options);
            assert!(
                matches!(read(&octets)[0], TcpOption::Other { .. }),
                "{length}"
            );
        }
    }
}
