//! What a node does with a received packet: RFC 8200 §3 and §4, RFC 4291 §2, RFC 5095, RFC 6946, RFC 7112,
//! and RFC 1122 §3.2.1 for IPv4.

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

mod reception {
    mod ipv4;
    mod ipv6;
}
