//! Mappings on request, and how ports are divided: PCP, NAT-PMP, deterministic NAT, port blocks,
//! logs.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "control/rfc6886_nat_pmp.rs"]
mod rfc6886_nat_pmp;
#[path = "control/rfc6887_pcp.rs"]
mod rfc6887_pcp;
#[path = "control/support.rs"]
mod support;
