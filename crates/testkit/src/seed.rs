//! Seeds: from the environment, one after the other, and printed when a test fails.

use core::cell::Cell;
use core::fmt::Write as _;
use core::ops::Range;
use std::env;

/// The environment variable that replays one seed: decimal, or hexadecimal after `0x`.
pub const SEED_VARIABLE: &str = "INTERNETWORK_SEED";

/// The environment variable that says how many seeds a test runs that asks for [`seeds`]: a decimal
/// number.
pub const SEEDS_VARIABLE: &str = "INTERNETWORK_SEEDS";

/// The seeds from 0 up to as many as [`SEEDS_VARIABLE`] says, or up to `default` where it is not set.
///
/// # Panics
///
/// When the variable is set to something that is not a number.
pub fn seeds(default: u64) -> Range<u64> {
    let Ok(text) = env::var(SEEDS_VARIABLE) else {
        return 0..default;
    };
    match text.trim().parse() {
        Ok(number) => 0..number,
        Err(_) => panic!("{SEEDS_VARIABLE}={text:?} is not a number"),
    }
}

/// The seed that [`SEED_VARIABLE`] gives, or `default` where it is not set.
///
/// # Panics
///
/// When the variable is set to something that is not a seed: to run with another seed than the one
/// asked for would mislead.
pub fn seed_from_env(default: u64) -> u64 {
    replayed_seed().unwrap_or(default)
}

/// Reads a seed: decimal, or hexadecimal after `0x`. `None` when it is neither.
pub fn parse_seed(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Runs `body` with each of the seeds. When it panics, the seed and the command that replays it are
/// printed. When [`SEED_VARIABLE`] is set, `body` runs with that seed only.
///
/// ```
/// let mut runs = 0;
/// testkit::for_each_seed(0..10, |seed| {
///     let network = testkit::Network::new(seed);
///     assert_eq!(network.seed(), seed);
///     runs += 1;
/// });
/// assert!(runs > 0);
/// ```
pub fn for_each_seed(seeds: impl IntoIterator<Item = u64>, mut body: impl FnMut(u64)) {
    if let Some(seed) = replayed_seed() {
        let _guard = SeedGuard::new(seed);
        body(seed);
        return;
    }
    for seed in seeds {
        let _guard = SeedGuard::new(seed);
        body(seed);
    }
}

/// Prints its seed, and the command that replays it, when it is dropped by a panic.
#[derive(Debug)]
pub struct SeedGuard {
    seed: u64,
}

thread_local! {
    /// The seed that a panic of this thread has printed: guards lie within each other.
    static PRINTED: Cell<Option<u64>> = const { Cell::new(None) };
}

impl SeedGuard {
    /// Guards what follows in the scope.
    pub fn new(seed: u64) -> Self {
        PRINTED.set(None);
        Self { seed }
    }

    /// The seed that it guards.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl Drop for SeedGuard {
    fn drop(&mut self) {
        if std::thread::panicking() && PRINTED.replace(Some(self.seed)) != Some(self.seed) {
            eprintln!(
                "failed with seed {:#x}; to replay: {}",
                self.seed,
                replay_command(self.seed)
            );
        }
    }
}

fn replayed_seed() -> Option<u64> {
    let text = env::var(SEED_VARIABLE).ok()?;
    let seed = parse_seed(&text);
    assert!(
        seed.is_some(),
        "{SEED_VARIABLE}={text:?} is not a seed: give a decimal number, or a hexadecimal one after 0x"
    );
    seed
}

/// The command line that runs the present test again with `seed`.
fn replay_command(seed: u64) -> String {
    let mut command = format!("{SEED_VARIABLE}={seed:#x} cargo test");
    // Cargo tells a test which package it belongs to, and libtest names the thread after the test.
    if let Ok(package) = env::var("CARGO_PKG_NAME") {
        let _ = write!(command, " -p {package}");
    }
    match std::thread::current().name() {
        Some(test) if test != "main" => {
            let _ = write!(command, " {test} -- --exact");
        }
        _ => {}
    }
    command
}
