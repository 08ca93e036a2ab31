//! The IPv6 Ready core tests as simulations: specification, Neighbor Discovery, autoconfiguration, path
//! MTU and ICMPv6. Each part of the list has a test with its name in the doc comment; `table` checks that
//! by program. Where a test asks for what a newer RFC has withdrawn, what that RFC demands is tested, and
//! the comment says so.

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

#[path = "v6lc/packets.rs"]
mod packets;
#[path = "v6lc/section1.rs"]
mod section1;
#[path = "v6lc/section2_advertisements.rs"]
mod section2_advertisements;
#[path = "v6lc/section2_redirect.rs"]
mod section2_redirect;
#[path = "v6lc/section2_resolution.rs"]
mod section2_resolution;
#[path = "v6lc/section2_routers.rs"]
mod section2_routers;
#[path = "v6lc/section3.rs"]
mod section3;
#[path = "v6lc/section4.rs"]
mod section4;
#[path = "v6lc/section5.rs"]
mod section5;
#[path = "v6lc/support.rs"]
mod support;
#[path = "v6lc/table.rs"]
mod table;
