//! Networks of routers on simulated links.

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

mod convergence;
mod infinity;
mod scenarios;
mod topology;
