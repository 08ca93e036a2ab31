//! What a parser takes can be written, and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/rip/tests/wire/exercise.rs"]
#[allow(dead_code, reason = "a part of it")]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::round_trip(octets));
