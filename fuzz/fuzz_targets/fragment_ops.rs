//! Fragmentation and reassembly, under any sequence of fragments and times.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/packet-buffer/tests/exercise/fragment_ops.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::fragment_ops(octets));
