//! Ping and traceroute over simulated paths: what they find, what they tell apart, what they ignore, and what
//! they never exceed.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

#[path = "exercise/probe_ops.rs"]
mod exercise;
mod probe_ping;
mod probe_support;
mod probe_traceroute;

/// What the fuzz target `icmp_nd_probe_ops` runs, on random octets.
#[test]
fn any_sequence_of_operations_keeps_the_contract() {
    use packet_buffer::RandomSource as _;
    testkit::for_each_seed(0..2_000, |seed| {
        let mut random = testkit::SeededRandom::new(seed);
        let mut octets = vec![0; random.between(0, 600)];
        random.fill(&mut octets);
        exercise::probe_ops(&octets);
    });
}
