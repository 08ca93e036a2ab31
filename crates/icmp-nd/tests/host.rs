//! The neighbor cache, ARP, Neighbor Discovery on an interface, and the host on top of them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[global_allocator]
static ALLOCATOR: testkit::CountingAllocator = testkit::CountingAllocator;

#[path = "host/allocations.rs"]
mod allocations;
#[path = "host/arp.rs"]
mod arp;
#[path = "host/attacks.rs"]
mod attacks;
#[path = "host/cache.rs"]
mod cache;
#[path = "exercise/host_ops.rs"]
mod exercise;
#[path = "host/icmp.rs"]
mod icmp;
#[path = "host/lan.rs"]
mod lan;
#[path = "host/redirect.rs"]
mod redirect;
#[path = "host/resolution.rs"]
mod resolution;
#[path = "host/routers.rs"]
mod routers;
#[path = "host/states.rs"]
mod states;
#[path = "host/support.rs"]
mod support;

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Any frames, times and commands: the machine contract and the limits hold.
    #[test]
    fn any_operations(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        exercise::host_ops(&octets);
    }
}
