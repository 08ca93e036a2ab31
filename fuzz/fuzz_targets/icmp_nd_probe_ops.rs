//! Ping, traceroute, queries and router discovery under any sequence of packets, times and polls.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/icmp-nd/tests/exercise/probe_ops.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::probe_ops(octets));
