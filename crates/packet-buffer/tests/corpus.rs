//! The committed fuzz inputs, seeds and past crashes alike, run on every `cargo test`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "exercise/buffer_ops.rs"]
mod buffer_ops;
#[path = "exercise/checksum.rs"]
mod checksum;
mod exercise;
#[path = "exercise/fragment_ops.rs"]
mod fragment_ops;
#[path = "exercise/rewrite.rs"]
mod rewrite;
#[path = "exercise/round_trip.rs"]
mod round_trip;

use testkit::replay_seeds;

fn replay(target: &str, check: impl Fn(&[u8])) -> usize {
    replay_seeds(env!("CARGO_MANIFEST_DIR"), target, check)
}

#[test]
fn packet_parse() {
    assert!(replay("packet_parse", exercise::exercise) >= 24);
}

#[test]
fn packet_round_trip() {
    assert!(replay("packet_round_trip", round_trip::round_trip) >= 24);
}

#[test]
fn packet_rewrite() {
    assert!(replay("packet_rewrite", rewrite::rewrite) >= 24);
}

#[test]
fn checksum() {
    assert!(replay("checksum", checksum::checksum) >= 12);
}

#[test]
fn buffer_ops() {
    assert!(replay("buffer_ops", buffer_ops::buffer_ops) >= 12);
}

#[test]
fn fragment_ops() {
    assert!(replay("fragment_ops", fragment_ops::fragment_ops) >= 12);
}

/// These are values in an encoding of its own, which no parser minds.
#[test]
fn packet_structured() {
    assert!(replay("packet_structured", exercise::exercise) >= 12);
}
