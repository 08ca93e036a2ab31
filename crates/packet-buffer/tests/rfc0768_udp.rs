//! User Datagram Protocol (RFC 768), and what RFC 1122 §4.1 and RFC 8200 §8.1 add.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    dead_code,
    reason = "tests; each uses a part of what they share"
)]

mod support;

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{PseudoHeader, UdpDatagram, UdpRepr};
use packet_buffer::{EmitError, ParseError};
use support::{
    assert_every_bit_counts, assert_every_cut_is_truncated, assert_refused, emitted, octets,
};

const V4: PseudoHeader = PseudoHeader::V4 {
    source: Ipv4Addr::new(192, 0, 2, 1),
    destination: Ipv4Addr::new(198, 51, 100, 7),
};
const V6: PseudoHeader = PseudoHeader::V6 {
    source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    destination: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2),
};
const PORTS: UdpRepr = UdpRepr {
    source_port: 40_000,
    destination_port: 53,
};

/// From port 40000 to 53, "odd", with the checksum for `V4`.
fn datagram() -> Vec<u8> {
    octets("9c40 0035 000b a3c1 6f64 64")
}

mod fields {
    use super::*;

    #[test]
    fn every_field() {
        let octets = datagram();
        let datagram = UdpDatagram::parse(&octets).unwrap();
        assert_eq!(datagram.source_port(), 40_000);
        assert_eq!(datagram.destination_port(), 53);
        assert_eq!(datagram.length(), 11);
        assert_eq!(datagram.checksum(), 0xa3c1);
        assert_eq!(datagram.payload(), b"odd");
        assert_eq!(datagram.to_repr(), PORTS);
        assert_eq!(datagram.verify_checksum(&V4), Ok(()));
    }

    #[test]
    fn cut_anywhere() {
        assert_every_cut_is_truncated(&datagram(), |octets| UdpDatagram::parse(octets).map(drop));
        for length in 0..8 {
            let error = UdpDatagram::parse(&datagram()[..length]).unwrap_err();
            assert_eq!(error, ParseError::truncated("UDP header", 0, 8, length));
        }
        for length in 8..11 {
            let error = UdpDatagram::parse(&datagram()[..length]).unwrap_err();
            assert_eq!(error, ParseError::truncated("UDP datagram", 0, 11, length));
        }
    }

    // RFC 768 §Fields MUST (length): the length counts header and data, so it is at least eight.
    #[test]
    fn a_length_under_eight() {
        for length in 0..8 {
            let mut octets = datagram();
            octets[5] = length;
            let error = UdpDatagram::parse(&octets).unwrap_err();
            let expected = ParseError::bad_length("UDP length", 4, usize::from(length));
            assert_eq!(error, expected);
        }
        let mut octets = datagram();
        octets[5] = 8;
        assert_eq!(UdpDatagram::parse(&octets).unwrap().payload(), b"");
        octets[4..6].fill(0xff);
        let error = UdpDatagram::parse(&octets).unwrap_err();
        assert_eq!(error, ParseError::truncated("UDP datagram", 0, 65_535, 11));
    }

    #[test]
    fn what_follows_the_length_is_left_out() {
        let mut octets = datagram();
        octets.extend([0xff; 7]);
        let datagram = UdpDatagram::parse(&octets).unwrap();
        assert_eq!((datagram.payload(), datagram.length()), (&b"odd"[..], 11));
        assert_eq!(datagram.verify_checksum(&V4), Ok(()));
    }

    // RFC 768 §Fields MUST (pseudo-header): the checksum covers addresses, protocol and length.
    // RFC 1122 §4.1.3.4 MUST: a datagram with a bad checksum is not taken.
    #[test]
    fn the_checksum_covers_everything() {
        assert_every_bit_counts(&datagram(), |octets| {
            UdpDatagram::parse(octets).is_ok_and(|it| it.verify_checksum(&V4).is_ok())
        });
        let octets = datagram();
        let datagram = UdpDatagram::parse(&octets).unwrap();
        let other = PseudoHeader::V4 {
            source: Ipv4Addr::new(192, 0, 2, 2),
            destination: Ipv4Addr::new(198, 51, 100, 7),
        };
        let error = datagram.verify_checksum(&other).unwrap_err();
        assert_eq!(error, ParseError::bad_checksum("UDP checksum", 6, 0xa3c1));
        // Addition does not care which of both comes first.
        assert_eq!(datagram.verify_checksum(&V4.reversed()), Ok(()));
    }

    // RFC 768 §Fields MUST (odd-length): an odd number of octets is summed as if a zero followed.
    #[test]
    fn the_octet_behind_an_odd_datagram_is_not_summed() {
        assert_eq!(
            emitted(b"odd", |packet| PORTS.emit(packet, &V4)),
            datagram()
        );
        let even = emitted(b"odd\0", |packet| PORTS.emit(packet, &V4));
        // Two lengths are greater by one each: that of the header and that of the pseudo-header.
        assert_eq!(even[6..8], (0xa3c1u16 - 2).to_be_bytes());
    }

    // RFC 768 §Fields MUST (zero-checksum): a checksum computed as zero is sent as all ones.
    #[test]
    fn a_sum_that_gives_zero() {
        // Without data, the checksum for ports 0 and 0; a source port of that size makes it zero.
        for pseudo_header in [V4, V6] {
            let first = emitted(b"", |packet| {
                UdpRepr {
                    source_port: 0,
                    destination_port: 0,
                }
                .emit(packet, &pseudo_header)
            });
            let source_port = u16::from_be_bytes([first[6], first[7]]);
            let written = emitted(b"", |packet| {
                UdpRepr {
                    source_port,
                    destination_port: 0,
                }
                .emit(packet, &pseudo_header)
            });
            assert_eq!(written[6..8], [0xff, 0xff]);
            let datagram = UdpDatagram::parse(&written).unwrap();
            assert_eq!(datagram.verify_checksum(&pseudo_header), Ok(()));
        }
    }

    // RFC 768 §Fields MUST (no-checksum): zero says that the sender computed none.
    // RFC 8200 §8.1 MUST: over IPv6, a receiver discards a datagram with a zero checksum.
    #[test]
    fn a_checksum_of_zero() {
        let octets = emitted(b"odd", |packet| PORTS.emit_without_checksum(packet));
        let datagram = UdpDatagram::parse(&octets).unwrap();
        assert_eq!(datagram.checksum(), 0);
        assert_eq!(datagram.verify_checksum(&V4), Ok(()));
        let error = datagram.verify_checksum(&V6).unwrap_err();
        assert_eq!(error, ParseError::bad_checksum("UDP checksum", 6, 0));
    }

    #[test]
    fn the_longest_datagram() {
        let limit = 65_527;
        let longest = emitted(&vec![0x5a; limit], |packet| PORTS.emit(packet, &V6));
        let datagram = UdpDatagram::parse(&longest).unwrap();
        assert_eq!(datagram.length(), 65_535);
        assert_eq!(datagram.verify_checksum(&V6), Ok(()));
        let expected = EmitError::TooLong {
            what: "UDP payload",
            length: limit + 1,
            limit,
        };
        assert_refused(limit + 1, expected, |packet| PORTS.emit(packet, &V4));
        assert_refused(limit + 1, expected, |packet| {
            PORTS.emit_without_checksum(packet)
        });
    }
}

mod pseudo_header_of_ipv6 {
    use super::*;

    // RFC 8200 §8.1 MUST (pseudo-header): transport checksums cover the IPv6 addresses, the length
    // in 32 bits and the upper layer's protocol number.
    #[test]
    fn a_known_sum() {
        let written = emitted(b"question", |packet| PORTS.emit(packet, &V6));
        assert_eq!(written, octets("9c40 0035 0010 4d22 7175 6573 7469 6f6e"));
        assert_every_bit_counts(&written, |octets| {
            UdpDatagram::parse(octets).is_ok_and(|it| it.verify_checksum(&V6).is_ok())
        });
    }
}
