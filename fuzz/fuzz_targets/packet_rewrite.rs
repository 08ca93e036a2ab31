//! Rewriting keeps every checksum as right as it was, and can be undone.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/packet-buffer/tests/exercise/rewrite.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::rewrite(octets));
