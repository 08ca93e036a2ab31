//! Mappings on request, and how ports are divided: PCP, NAT-PMP, deterministic NAT, port blocks,
//! logs.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "control/port_blocks.rs"]
mod port_blocks;
#[path = "control/rfc6886_nat_pmp.rs"]
mod rfc6886_nat_pmp;
#[path = "control/rfc6887_pcp.rs"]
mod rfc6887_pcp;
#[path = "control/rfc7422_deterministic.rs"]
mod rfc7422_deterministic;
#[path = "control/rfc8158_log.rs"]
mod rfc8158_log;
#[path = "control/support.rs"]
mod support;
