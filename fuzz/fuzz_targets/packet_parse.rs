//! Every parser and every accessor, on any octets.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/packet-buffer/tests/exercise/mod.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::exercise(octets));
