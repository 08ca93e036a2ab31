//! The committed fuzz inputs, seeds and past crashers alike, run on every `cargo test`.

use crate::exercise::{exercise, round_trip};
use testkit::replay_seeds;

fn replay(target: &str, check: impl Fn(&[u8])) -> usize {
    replay_seeds(env!("CARGO_MANIFEST_DIR"), target, check)
}

#[test]
fn icmp_nd_parse() {
    assert!(replay("icmp_nd_parse", exercise) >= 24);
}

#[test]
fn icmp_nd_round_trip() {
    assert!(replay("icmp_nd_round_trip", round_trip) >= 24);
}
