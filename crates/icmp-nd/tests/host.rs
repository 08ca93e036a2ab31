//! The neighbor cache, ARP, Neighbor Discovery on an interface, and the host on top of them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "host/arp.rs"]
mod arp;
#[path = "host/attacks.rs"]
mod attacks;
#[path = "host/cache.rs"]
mod cache;
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
