//! What the programs share that write seeds.

use std::path::Path;
use std::{fs, io};

/// So many octets, each picked from the next state of a linear congruential generator: the same in every run.
#[allow(dead_code, reason = "not every program has seeds by chance")]
pub(crate) fn octets(seed: u32, length: u32, pick: impl Fn(u32) -> u8) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9);
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pick(state)
    };
    (0..length).map(next).collect()
}

/// Writes a seed of a target.
pub(crate) fn write(target: &str, name: &str, octets: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), octets)
}
