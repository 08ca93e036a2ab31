//! The translator between IPv4 and IPv4, by RFC and by attack.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "nat44/attacks.rs"]
mod attacks;
#[path = "nat44/basics.rs"]
mod basics;
#[path = "nat44/filtering.rs"]
mod filtering;
#[path = "nat44/fragments.rs"]
mod fragments;
#[path = "nat44/hooks.rs"]
mod hooks;
#[path = "nat44/icmp.rs"]
mod icmp;
#[path = "nat44/mapping.rs"]
mod mapping;
#[path = "nat44/rules.rs"]
mod rules;
#[path = "nat44/support.rs"]
mod support;
#[path = "nat44/sync.rs"]
mod sync;
#[path = "nat44/tcp.rs"]
mod tcp;
