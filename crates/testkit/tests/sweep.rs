//! The no-panic sweep reaches what it says it reaches.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

extern crate alloc;

mod common;

use alloc::collections::BTreeSet;
use common::run_alone;
use testkit::sweep;

#[test]
fn every_prefix_and_every_octet() {
    let good = [0x12, 0x00, 0x81];
    let mut seen = BTreeSet::new();
    let count = sweep(&good, |variant| {
        assert!(seen.insert(variant.to_vec()), "{variant:x?} comes twice");
    });
    assert_eq!(count, seen.len());
    for length in 0..=3 {
        assert!(seen.contains(&good[..length]));
    }
    for at in 0..3 {
        for bad in [0x00, 0xff, good[at] ^ 0x01, good[at] ^ 0x80, !good[at]] {
            let mut variant = good;
            variant[at] = bad;
            assert!(seen.contains(&variant[..]), "{variant:x?}");
        }
    }
    // Four prefixes, five changes of 0x12, three of 0x00 (of which 0xff is two), five of 0x81.
    assert_eq!(count, 4 + 5 + 3 + 5);
    assert_eq!(sweep(&[], |_| {}), 1);
}

#[test]
fn long_inputs_are_swept_in_bounded_work() {
    let good = vec![0x55; 65_535];
    let mut lengths = BTreeSet::new();
    let mut changed = BTreeSet::new();
    let count = sweep(&good, |variant| {
        lengths.insert(variant.len());
        if let Some(at) = variant.iter().position(|&octet| octet != 0x55) {
            changed.insert(at);
        }
    });
    assert!(count < 6 * 1_033, "{count}");
    for reached in [&lengths, &changed] {
        assert!((0..512).all(|at| reached.contains(&at)));
        assert!((65_528..65_535).all(|at| reached.contains(&at)));
        let reached: Vec<_> = reached.iter().collect();
        assert!(reached.windows(2).all(|pair| pair[1] - pair[0] <= 128));
    }
    assert!(lengths.contains(&65_535));
}

#[test]
#[ignore = "fails on purpose"]
fn fails_on_one_variant() {
    sweep(&[0xaa, 0xbb], |variant| {
        if variant == [0xaa, 0x3b] {
            panic!("there");
        }
    });
}

#[test]
fn the_variant_that_fails_is_printed() {
    let (passed, error) = run_alone("fails_on_one_variant", &[]);
    assert!(!passed);
    let expected = "the sweep had changed octet 1 from 0xbb to 0x3b\naa3b\n";
    assert!(error.contains(expected), "{error}");
}
