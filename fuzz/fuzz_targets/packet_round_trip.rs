//! What a parser takes can be written, and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/packet-buffer/tests/exercise/round_trip.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::round_trip(octets));
