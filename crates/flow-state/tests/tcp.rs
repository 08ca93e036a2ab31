//! TCP: the transition table against a transcription, windows, resets, timers, and what no segment may do.

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

mod tcp {
    mod linux;
    mod model;
    mod resets;
    mod table;
    mod windows;
}
