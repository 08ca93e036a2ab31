//! A router, and path MTU discovery, under any sequence of frames, times and commands.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/icmp-nd/tests/exercise/router_ops.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::router_ops(octets));
