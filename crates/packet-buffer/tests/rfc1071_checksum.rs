//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "tests; each uses a part of what they share"
)]

#[path = "exercise/checksum.rs"]
mod exercise;
mod support;

use packet_buffer::checksum::{ChecksumDelta, Sum, internet_checksum, is_valid};
use proptest::prelude::*;
use support::octets;

mod section_1 {
    use super::*;

    // RFC 1071 §1 MUST (complement): the checksum is the complement of the one's complement sum.
    // RFC 1071 §1 MUST (check): with the checksum in it, the sum is all ones.
    #[test]
    fn computing_and_checking() {
        let mut header = octets("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7");
        let checksum = internet_checksum(&header);
        assert_eq!(checksum, 0xb861);
        assert_eq!(Sum::new().add_bytes(&header).checksum(), checksum);
        assert!(!is_valid(&header));
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert!(is_valid(&header));
        assert_eq!(Sum::new().add_bytes(&header).fold(), 0xffff);
        assert!(Sum::new().add_bytes(&header).is_valid());
    }

    // RFC 1071 §1 MUST (odd): a last octet without a partner is the high half of a word.
    #[test]
    fn an_odd_number_of_octets() {
        assert_eq!(Sum::new().add_bytes(&[0x12]).fold(), 0x1200);
        assert_eq!(Sum::new().add_bytes(&[0x12, 0x34, 0x56]).fold(), 0x6834);
    }

    #[test]
    fn nothing_and_zeroes() {
        assert_eq!(Sum::new().fold(), 0);
        assert_eq!(internet_checksum(&[]), 0xffff);
        assert_eq!(internet_checksum(&[0; 20]), 0xffff);
        assert!(!is_valid(&[0; 20]));
        assert!(is_valid(&[0xff; 20]));
    }
}

mod section_2 {
    use super::*;

    // RFC 1071 §2 MUST (order): the sum does not depend on the order and grouping of the words.
    #[test]
    fn words_in_any_order() {
        let words = [0x0001u16, 0xf203, 0xf4f5, 0xf6f7];
        let forward = words
            .iter()
            .fold(Sum::new(), |sum, word| sum.add_u16(*word));
        let backward = words
            .iter()
            .rev()
            .fold(Sum::new(), |sum, word| sum.add_u16(*word));
        assert_eq!((forward.fold(), backward.fold()), (0xddf2, 0xddf2));
        let longs = Sum::new().add_u32(0xf4f5_f6f7).add_u32(0x0001_f203);
        assert_eq!(longs.fold(), 0xddf2);
    }

    // RFC 1071 §2 MUST (byte-order): octets that are swapped in all words give a swapped sum.
    #[test]
    fn swapped_octets() {
        let swapped = octets("0100 03f2 f5f4 f7f6");
        assert_eq!(Sum::new().add_bytes(&swapped).fold(), 0xf2dd);
        // A part at an odd position is such a one.
        let sum = Sum::new()
            .add_bytes(&[0x00])
            .add_bytes(&octets("01f2 03f4 f5f6 f7"));
        assert_eq!(sum.fold(), 0xddf2);
    }
}

mod section_3 {
    use super::*;

    // RFC 1071 §3 MUST: the sum of these eight octets is ddf2.
    #[test]
    fn the_numerical_example() {
        let octets = octets("0001 f203 f4f5 f6f7");
        assert_eq!(Sum::new().add_bytes(&octets).fold(), 0xddf2);
        for at in 0..=8 {
            let (first, second) = octets.split_at(at);
            let sum = Sum::new().add_bytes(first).add_bytes(second);
            assert_eq!(sum.fold(), 0xddf2, "split at {at}");
        }
    }
}

mod rfc_1624 {
    use super::*;

    // RFC 1624 §3 MUST: the new checksum is ~(~HC + ~m + m').
    #[test]
    fn equation_3() {
        let mut header = octets("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
        let delta = ChecksumDelta::new().replace_u16(0x4011, 0x3f11);
        let patched = delta.apply(0xb861);
        assert_eq!(patched, 0xb961);
        header[8] = 0x3f;
        header[10..12].copy_from_slice(&patched.to_be_bytes());
        assert!(is_valid(&header));
        let back = ChecksumDelta::new().replace_u16(0x3f11, 0x4011);
        assert_eq!(back.apply(patched), 0xb861);
        assert_eq!(delta.and(back).apply(0xb861), 0xb861);
    }

    // RFC 1624 §4 MUST: where RFC 1141's equation gives ffff, this one gives zero.
    #[test]
    fn the_corner_case() {
        let delta = ChecksumDelta::new().replace_u16(0x5555, 0x3285);
        assert_eq!(delta.apply(0xdd2f), 0x0000);
        let longer = ChecksumDelta::new().replace_u32(0x0000_5555, 0x0000_3285);
        assert_eq!(longer.apply(0xdd2f), 0x0000);
        let longest = ChecksumDelta::new().replace_u128(0x5555, 0x3285);
        assert_eq!(longest.apply(0xdd2f), 0x0000);
    }

    #[test]
    fn every_checksum_and_no_change() {
        for checksum in 0..=0xffff {
            assert_eq!(ChecksumDelta::new().apply(checksum), checksum);
            let same = ChecksumDelta::new().replace_u16(0x1234, 0x1234);
            let patched = same.apply(checksum);
            assert_eq!(patched % 0xffff, checksum % 0xffff);
        }
    }

    /// As many changes as never happen in one packet.
    #[test]
    fn a_million_changes() {
        let mut delta = ChecksumDelta::new();
        let mut checksum = 0x1234;
        for i in 0..1_000_000u32 {
            let change = ChecksumDelta::new().replace_u32(i, i.wrapping_mul(77));
            checksum = change.apply(checksum);
            delta = delta.and(change);
        }
        assert_eq!(delta.apply(0x1234), checksum);
    }
}

proptest! {
    #[test]
    fn all_forms_agree(octets in proptest::collection::vec(any::<u8>(), 24..600)) {
        exercise::checksum(&octets);
    }

    #[test]
    fn all_forms_agree_about_ones_and_zeroes(
        control in any::<[u8; 24]>(),
        octet in prop_oneof![Just(0u8), Just(0xff)],
        length in 0usize..600,
    ) {
        exercise::checksum(&[&control[..], &vec![octet; length]].concat());
    }
}
