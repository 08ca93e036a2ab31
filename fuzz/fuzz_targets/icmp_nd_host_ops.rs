//! A dual-stack host under any sequence of frames, times and commands.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/icmp-nd/tests/exercise/host_ops.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::host_ops(octets));
