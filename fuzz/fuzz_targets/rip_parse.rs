//! Every message of RIP-1, RIP-2 and RIPng, every accessor and every verdict on any octets, with
//! authentication of each kind.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/rip/tests/wire/exercise.rs"]
#[allow(dead_code, reason = "a part of it")]
mod exercise;

fuzz_target!(|octets: &[u8]| {
    exercise::exercise(octets, &mut exercise::authenticators());
});
