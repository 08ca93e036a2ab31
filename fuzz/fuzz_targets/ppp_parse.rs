//! Every view of PPP on any octets; what it takes can be written, and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/ppp-lcp-ncp/tests/wire/exercise.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::exercise(octets));
