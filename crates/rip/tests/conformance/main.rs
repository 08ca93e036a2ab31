//! A hundred checks of what a router does with each kind of message and entry, numbered so that each
//! can be found, and attacks. A check tells where the RFC leaves a choice, and what was chosen; the
//! README has the table of these choices.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

mod attacks;
mod c01_messages;
mod c18_entries;
mod c36_version_1;
mod c40_table;
mod c50_sending;
mod c62_requests;
mod c70_ripng;
mod c81_authentication;
mod lab;
