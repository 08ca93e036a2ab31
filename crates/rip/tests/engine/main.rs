//! The engine, by the sections of the RFCs.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod properties;
mod reconfigure;
mod rfc1058;
mod rfc2080;
mod rfc2091;
mod rfc2453_receive;
mod rfc2453_send;
mod steps;
