//! The router side of Neighbor Discovery: RFC 4861 §6.2, §7.2.8 and §8.2, RFC 4191, and a router that
//! forwards between simulated links.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "tests"
)]

mod router {
    mod advertiser;
    mod attacks;
    mod listener;
    mod proxy;
    mod redirects;
    mod simulation;
    mod support;
}

#[path = "exercise/router_ops.rs"]
mod exercise;

proptest::proptest! {
    /// The fuzz target's operations, on random octets.
    #[test]
    fn any_operations(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        exercise::router_ops(&octets);
    }
}
