//! Inputs that lie in files: packets made by hand, and what fuzz targets start from.

use std::fs;
use std::path::{Path, PathBuf};

/// Name and octets of each packet of a text: a line with a name, and below it lines of hexadecimal octets, which begin
/// with two spaces. Empty lines and those that begin with `#` say nothing.
///
/// ```
/// let packets = testkit::named_packets("ipv4/empty\n  45 00\n  00 14\n");
/// assert_eq!(packets, [("ipv4/empty", vec![0x45, 0, 0, 0x14])]);
/// ```
///
/// # Panics
///
/// When the text is not of that kind.
pub fn named_packets(text: &str) -> Vec<(&str, Vec<u8>)> {
    let mut packets: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix("  ") {
            None => packets.push((line, Vec::new())),
            Some(digits) => {
                let (_, octets) = packets.last_mut().expect("a name stands before the octets");
                let digits = digits.replace(' ', "");
                octets.extend(hex::decode(digits).expect("hexadecimal digits"));
            }
        }
    }
    packets
}

/// Runs `check` on every committed input of a fuzz target, its seeds and what it once failed on, and says how many
/// seeds there are. `manifest_dir` is `env!("CARGO_MANIFEST_DIR")` of a crate in the folder `crates`.
///
/// # Panics
///
/// When a file cannot be read, or `check` panics; the name of the input stands on the standard error then.
pub fn replay_seeds(manifest_dir: &str, target: &str, check: impl Fn(&[u8])) -> usize {
    let fuzz = Path::new(manifest_dir).join("../../fuzz");
    let seeds = files(&fuzz.join("corpus").join(target));
    let regressions = files(&fuzz.join("regressions").join(target));
    for path in seeds.iter().chain(&regressions) {
        eprintln!("{}", path.display());
        check(&fs::read(path).expect("a file that can be read"));
    }
    seeds.len()
}

/// The files in a folder, which need not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry that can be read").path())
        .collect();
    files.retain(|path| path.extension().is_none_or(|extension| extension != "md"));
    files.sort();
    files
}
