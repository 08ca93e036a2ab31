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

mod probe_ping;
mod probe_support;
mod probe_traceroute;
