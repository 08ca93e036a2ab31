//! The Authentication Header as an extension header of IPv6 (RFC 4302 §2): where it ends.
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

use packet_buffer::ParseError;
use packet_buffer::wire::{IpProtocol, Ipv6Extension, Ipv6Extensions};
use support::octets;

/// UDP follows; SPI 1001, sequence number 7, and the octets of an integrity check value.
fn header(words: u8) -> Vec<u8> {
    let mut header = octets("11 00 0000 0000 1001 0000 0007");
    header[1] = words;
    header.resize((usize::from(words) + 2) * 4, 0xcc);
    header
}

mod section_2_2 {
    use super::*;

    // RFC 4302 §2.2 MUST: the length counts words of 32 bits, less two.
    #[test]
    fn the_length_is_not_that_of_other_extension_headers() {
        for words in 1..=255 {
            let header = header(words);
            let octets = [&header[..], b"datagram"].concat();
            let parsed = Ipv6Extensions::parse(IpProtocol::AH, &octets, 40).unwrap();
            let (next, extension) = parsed.iter().next().unwrap();
            assert_eq!(next, IpProtocol::UDP);
            assert_eq!(extension, Ipv6Extension::Authentication(&header));
            let upper = parsed.upper_layer();
            assert_eq!(upper.payload, b"datagram");
            assert_eq!(upper.offset, 40 + header.len());
            assert_eq!(upper.protocol, IpProtocol::UDP);
        }
    }

    /// A length of zero says eight octets, which do not hold the fixed fields.
    #[test]
    fn a_length_of_zero() {
        let octets = [header(0), vec![0; 64]].concat();
        let error = Ipv6Extensions::parse(IpProtocol::AH, &octets, 40).unwrap_err();
        let expected = ParseError::bad_length("Authentication Header length", 41, 8);
        assert_eq!(error, expected);
    }

    #[test]
    fn cut_anywhere() {
        let header = header(4);
        for length in 0..header.len() {
            let cut = &header[..length];
            let error = Ipv6Extensions::parse(IpProtocol::AH, cut, 40).unwrap_err();
            let needed = if length < 8 { 8 } else { 24 };
            let what = "Authentication Header";
            assert_eq!(error, ParseError::truncated(what, 40, needed, length));
        }
    }

    #[test]
    fn one_within_another() {
        let mut outer = header(1);
        outer[0] = IpProtocol::AH.0;
        let octets = [&outer[..], &header(4), b"x"].concat();
        let parsed = Ipv6Extensions::parse(IpProtocol::AH, &octets, 0).unwrap();
        assert_eq!(parsed.iter().count(), 2);
        assert_eq!(parsed.upper_layer().payload, b"x");
        assert_eq!(parsed.as_slice().len(), 12 + 24);
    }
}
