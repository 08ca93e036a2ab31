//! Generic Routing Encapsulation (RFC 2784), its key and sequence number (RFC 2890), and the
//! enhanced form of PPTP (RFC 2637 §4.1).
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

use packet_buffer::wire::{EtherType, GrePacket, GreRepr};
use packet_buffer::{EmitError, ParseError};
use support::{
    assert_every_bit_counts, assert_every_cut_is_truncated, assert_refused, emitted, octets,
};

/// A header of version 0 with all that it can have.
const ALL: GreRepr = GreRepr::Standard {
    protocol: EtherType::IPV4,
    checksum: true,
    key: Some(0x0102_0304),
    sequence_number: Some(9),
};

mod rfc_2784 {
    use super::*;

    #[test]
    fn the_shortest_header() {
        let octets = octets("0000 0800 dead beef");
        let packet = GrePacket::parse(&octets).unwrap();
        assert_eq!(packet.protocol(), EtherType::IPV4);
        assert_eq!(packet.flags_and_version(), 0);
        assert_eq!(packet.checksum(), None);
        assert_eq!(packet.verify_checksum(), Ok(()));
        assert_eq!(packet.payload(), [0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(packet.to_repr(), GreRepr::new(EtherType::IPV4));
        let written = emitted(packet.payload(), |buffer| packet.to_repr().emit(buffer));
        assert_eq!(written, octets);
    }

    // RFC 2784 §2.2 MUST: a receiver takes and processes the checksum.
    // RFC 2784 §2.5 MUST: it covers the header and the payload.
    #[test]
    fn the_checksum() {
        let octets = octets("8000 0800 c961 0000 dead beef 11");
        let packet = GrePacket::parse(&octets).unwrap();
        assert_eq!(packet.checksum(), Some(0xc961));
        assert_eq!(packet.verify_checksum(), Ok(()));
        let written = emitted(packet.payload(), |buffer| packet.to_repr().emit(buffer));
        assert_eq!(written, octets);
        let is_valid = |octets: &[u8]| {
            let packet = GrePacket::parse(octets);
            packet.is_ok_and(|it| it.checksum().is_some() && it.verify_checksum().is_ok())
        };
        assert_every_bit_counts(&octets, is_valid);
        let mut octets = octets;
        octets[8] ^= 1;
        let error = GrePacket::parse(&octets).unwrap().verify_checksum();
        let expected = ParseError::bad_checksum("GRE checksum", 4, 0xc961);
        assert_eq!(error, Err(expected));
    }

    // RFC 2784 §2.3 MUST (discarded): a packet with one of bits 1, 4 and 5 is discarded. (Bits 2
    // and 3 are RFC 2890's.)
    #[test]
    fn flags_of_rfc_1701() {
        for bit in [0x4000u16, 0x0800, 0x0400] {
            for version in [0, 1] {
                let flags = bit | version;
                let octets = [&flags.to_be_bytes()[..], &[8, 0, 0, 0, 0, 0, 0, 0]].concat();
                let error = GrePacket::parse(&octets).unwrap_err();
                let expected = ParseError::unsupported("GRE flags", 0, u32::from(flags));
                assert_eq!(error, expected);
            }
        }
    }

    // RFC 2784 §2.3 MUST (ignored): bits 6 to 12 are ignored, and sent as zero.
    #[test]
    fn reserved_flags() {
        for bit in (3..10).map(|shift| 1u16 << shift) {
            let octets = [&bit.to_be_bytes()[..], &[0x08, 0x00, 0xaa]].concat();
            let packet = GrePacket::parse(&octets).unwrap();
            assert_eq!(packet.flags_and_version(), bit);
            assert_eq!(packet.payload(), [0xaa]);
            let written = emitted(packet.payload(), |buffer| packet.to_repr().emit(buffer));
            assert_eq!(written, [0, 0, 0x08, 0x00, 0xaa]);
        }
    }

    // RFC 2784 §2.3.1 MUST: the version is zero (and one is PPTP's).
    #[test]
    fn other_versions() {
        for version in 2..8 {
            let error = GrePacket::parse(&[0, version, 8, 0, 0]).unwrap_err();
            let expected = ParseError::unsupported("GRE version", 1, u32::from(version));
            assert_eq!(error, expected);
        }
    }

    // RFC 2784 §2.6 MUST: the half of the word behind the checksum is sent as zero.
    #[test]
    fn the_reserved_half() {
        let octets = octets("8000 0800 0000 1234 dead");
        let repr = GrePacket::parse(&octets).unwrap().to_repr();
        assert_eq!(
            emitted(&[0xde, 0xad], |packet| repr.emit(packet))[6..8],
            [0, 0]
        );
    }

    #[test]
    fn cut_anywhere() {
        let whole = emitted(b"", |packet| ALL.emit(packet));
        assert_every_cut_is_truncated(&whole, |octets| GrePacket::parse(octets).map(drop));
        let error = GrePacket::parse(&whole[..3]).unwrap_err();
        assert_eq!(error, ParseError::truncated("GRE header", 0, 4, 3));
        for length in 4..16 {
            let error = GrePacket::parse(&whole[..length]).unwrap_err();
            assert_eq!(error, ParseError::truncated("GRE header", 0, 16, length));
        }
        // The flag of an acknowledgment number means nothing in version 0.
        let error = GrePacket::parse(&octets("2080 0800 0000")).unwrap_err();
        assert_eq!(error, ParseError::truncated("GRE header", 0, 8, 6));
    }
}

mod rfc_2890 {
    use super::*;

    // RFC 2890 §2 MUST (key): the key stands behind the checksum.
    // RFC 2890 §2 MUST (sequence): the sequence number stands behind the key.
    #[test]
    fn all_combinations() {
        for bits in 0..8u8 {
            let repr = GreRepr::Standard {
                protocol: EtherType::IPV6,
                checksum: bits & 4 != 0,
                key: (bits & 2 != 0).then_some(0xaabb_ccdd),
                sequence_number: (bits & 1 != 0).then_some(0x1122_3344),
            };
            let octets = emitted(b"x", |packet| repr.emit(packet));
            let packet = GrePacket::parse(&octets).unwrap();
            assert_eq!(packet.to_repr(), repr);
            assert_eq!(packet.payload(), b"x");
            assert_eq!(packet.verify_checksum(), Ok(()));
            assert_eq!(octets.len(), 5 + 4 * bits.count_ones() as usize);
            assert_eq!(octets[0] >> 4, (bits & 4) << 1 | bits & 3);
            let mut at = 4 + usize::from(bits & 4);
            for (bit, field) in [(2, [0xaa, 0xbb, 0xcc, 0xdd]), (1, [0x11, 0x22, 0x33, 0x44])] {
                if bits & bit != 0 {
                    assert_eq!(octets[at..at + 4], field);
                    at += 4;
                }
            }
        }
    }
}

mod rfc_2637_section_4_1 {
    use super::*;

    const DATA: &str = "3081 880b 0008 0042 0000 0011 0000 0010 ff03 c021 0101 0004";
    const REPR: GreRepr = GreRepr::Enhanced {
        call_id: 0x42,
        sequence_number: Some(17),
        acknowledgment_number: Some(16),
    };

    // RFC 2637 §4.1 MUST (fields): the key holds payload length and call identifier, and an
    // acknowledgment number can follow.
    #[test]
    fn every_field() {
        let octets = octets(DATA);
        let packet = GrePacket::parse(&octets).unwrap();
        assert_eq!(packet.protocol(), EtherType::PPP);
        assert_eq!(packet.flags_and_version(), 0x3081);
        assert_eq!(packet.to_repr(), REPR);
        assert_eq!(packet.payload(), &octets[16..]);
        assert_eq!(
            (packet.checksum(), packet.verify_checksum()),
            (None, Ok(()))
        );
        assert_eq!(
            emitted(packet.payload(), |buffer| REPR.emit(buffer)),
            octets
        );
        let acknowledgment = GreRepr::Enhanced {
            call_id: 0x42,
            sequence_number: None,
            acknowledgment_number: Some(17),
        };
        let expected = support::octets("2081 880b 0000 0042 0000 0011");
        assert_eq!(emitted(b"", |packet| acknowledgment.emit(packet)), expected);
    }

    #[test]
    fn the_payload_length() {
        let mut octets = octets(DATA);
        octets.extend([0xee; 4]);
        let payload = GrePacket::parse(&octets).unwrap().payload();
        assert_eq!(payload, &octets[16..24], "what follows is left out");
        octets[5] = 13;
        let error = GrePacket::parse(&octets).unwrap_err();
        let expected = ParseError::bad_length("enhanced GRE payload length", 4, 13);
        assert_eq!(error, expected);
    }

    // RFC 2637 §4.1 MUST (flags): the key is there, and a checksum is not.
    // RFC 2637 §4.1 MUST (protocol): the protocol type is 880b.
    #[test]
    fn headers_that_cannot_be() {
        let bad_flags = |flags| ParseError::bad_value("enhanced GRE flags", 0, flags);
        for (at, octet, expected) in [
            (0, 0x10, bad_flags(0x1081)),
            (0, 0xb0, bad_flags(0xb081)),
            (
                3,
                0x0c,
                ParseError::bad_value("enhanced GRE protocol", 2, 0x880c),
            ),
        ] {
            let mut octets = octets(DATA);
            octets[at] = octet;
            assert_eq!(GrePacket::parse(&octets).unwrap_err(), expected);
        }
        let header = &octets(DATA)[..16];
        for length in 0..16 {
            let error = GrePacket::parse(&header[..length]).unwrap_err();
            let needed = if length < 4 { 4 } else { 16 };
            assert_eq!(
                error,
                ParseError::truncated("GRE header", 0, needed, length)
            );
        }
    }

    #[test]
    fn the_longest_payload() {
        let octets = emitted(&vec![7; 65_535], |packet| REPR.emit(packet));
        assert_eq!(GrePacket::parse(&octets).unwrap().payload().len(), 65_535);
        let expected = EmitError::TooLong {
            what: "enhanced GRE payload",
            length: 65_536,
            limit: 65_535,
        };
        assert_refused(65_536, expected, |packet| REPR.emit(packet));
    }
}
