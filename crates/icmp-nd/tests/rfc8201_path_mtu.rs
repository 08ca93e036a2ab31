//! Path MTU discovery: RFC 1191, RFC 8201, RFC 8899 with RFC 4821, and the attacks of RFC 5927.

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

mod path_mtu {
    mod cache;
    mod plpmtud;
    mod properties;
    mod reports;
    mod simulation;
    mod support;
}
