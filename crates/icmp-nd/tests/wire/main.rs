//! The messages, by RFC; what holds for all of them is in `round_trip`, `no_panic` and `captures`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod captures;
mod corpus;
#[path = "../exercise/mod.rs"]
mod exercise;
mod no_panic;
mod properties;
mod rfc0792_queries;
mod rfc1256_messages;
mod rfc3810_messages;
mod rfc4191_routes;
mod rfc4861_messages;
mod rfc4861_options;
mod rfc4861_validation;
mod rfc4884_extensions;
mod rfc5837_interfaces;
mod rfc8106_dns;
mod rfc8335_extended_echo;
mod rfc8781_pref64;
mod rfc8910_captive_portal;
mod support;
#[path = "../vectors/mod.rs"]
mod vectors;
