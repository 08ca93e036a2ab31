//! What a parser of `icmp-nd` takes can be written, and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/icmp-nd/tests/exercise/mod.rs"]
#[allow(dead_code, reason = "the other half is icmp_nd_parse's")]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::round_trip(octets));
