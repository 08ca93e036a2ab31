//! The translator against a simple model, in batches, in a simulated network, and fed with octets
//! that are nearly packets.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "properties/batch.rs"]
mod batch;
#[path = "properties/model.rs"]
mod model;
#[path = "properties/no_panic.rs"]
mod no_panic;
#[path = "properties/simulation.rs"]
mod simulation;
#[path = "nat44/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
