//! Packets and their keys, flows of protocols other than TCP, expectations and limits.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "tests"
)]

mod flows {
    mod bounds;
    mod packets;
    mod protocols;
}
