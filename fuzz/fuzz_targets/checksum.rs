//! The Internet checksum in all its forms.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/packet-buffer/tests/exercise/checksum.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::checksum(octets));
