//! Every parser and every accessor of `icmp-nd`'s messages, and both validations, on any octets.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/icmp-nd/tests/exercise/mod.rs"]
#[allow(dead_code, reason = "the other half is icmp_nd_round_trip's")]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::exercise(octets));
