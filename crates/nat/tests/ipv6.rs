//! Translation between and within address families: NPTv6, NAT64.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "ipv6/rfc6052_addresses.rs"]
mod rfc6052_addresses;
#[path = "ipv6/rfc6146_nat64.rs"]
mod rfc6146_nat64;
#[path = "ipv6/rfc6146_tcp.rs"]
mod rfc6146_tcp;
#[path = "ipv6/rfc6296_nptv6.rs"]
mod rfc6296_nptv6;
#[path = "ipv6/rfc7915_headers.rs"]
mod rfc7915_headers;
#[path = "ipv6/rfc7915_icmp.rs"]
mod rfc7915_icmp;
#[path = "ipv6/support.rs"]
mod support;
