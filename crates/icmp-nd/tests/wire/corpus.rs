//! The committed fuzz inputs, seeds and past crashers alike, run on every `cargo test`.

use crate::exercise::{exercise, round_trip};
use std::fs;
use std::path::{Path, PathBuf};

/// Runs `check` on every input of a fuzz target, and says how many seeds there were.
fn replay(target: &str, check: impl Fn(&[u8])) -> usize {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let seeds = files(&fuzz.join("corpus").join(target));
    let regressions = files(&fuzz.join("regressions").join(target));
    for path in seeds.iter().chain(&regressions) {
        eprintln!("{}", path.display());
        check(&fs::read(path).unwrap());
    }
    seeds.len()
}

/// The files in a folder, which need not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_none_or(|extension| extension != "md"));
    files.sort();
    files
}

#[test]
fn icmp_nd_parse() {
    assert!(replay("icmp_nd_parse", exercise) >= 24);
}

#[test]
fn icmp_nd_round_trip() {
    assert!(replay("icmp_nd_round_trip", round_trip) >= 24);
}
