//! `PacketBuf` beside a plain vector.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/packet-buffer/tests/exercise/buffer_ops.rs"]
mod exercise;

fuzz_target!(|octets: &[u8]| exercise::buffer_ops(octets));
