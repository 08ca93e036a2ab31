//! The flow table beside a model that does everything the slow and obvious way.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(
    unreachable_pub,
    reason = "the module is shared with the crate's own tests"
)]
#[path = "../../crates/flow-table/tests/model/mod.rs"]
mod model;

fuzz_target!(|ops: &[u8]| model::run(ops));
