//! Running every fuzz target for some seconds.
//!
//! Targets are built as `cargo fuzz` builds them: libFuzzer's coverage, AddressSanitizer and
//! debug assertions, on the nightly toolchain where there is one and else on this one with its
//! nightly-only flags unlocked. Nothing is written to the tree but `fuzz/artifacts/`, which git
//! ignores: what a run adds to the corpus goes to the target folder.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

/// What `cargo xtask fuzz-smoke` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(default_value_t = 10)]
    seconds: u64,
    /// Run this target alone; may be given several times.
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Targets that run at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

/// Options as the `fuzz` stage uses them.
pub(crate) const CI: Options = Options {
    seconds: 10,
    targets: Vec::new(),
    jobs: 2,
};

/// Seconds that a target may take beyond its own: to read its corpus, and to end.
const GRACE: u64 = 120;

/// The flags of a build for libFuzzer.
const FLAGS: [&str; 12] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-stack-depth",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Zsanitizer=address",
    "--cfg",
    "fuzzing",
];

/// The fuzz package's folder.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("fuzz")
}

/// Lints the targets; they are a workspace of their own.
pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    process::run(
        process::cargo(&folder(workspace))
            .args(["clippy", "--all-targets", "--target-dir"])
            .arg(workspace.target.join("fuzz"))
            .args(["--", "-D", "warnings"]),
    )
}

/// Builds all targets, replays their regressions and lets each run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    smoke(&folder(workspace), &workspace.target.join("fuzz"), options)
}

fn smoke(fuzz: &Path, target_folder: &Path, options: &Options) -> Result<()> {
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml"))
        .with_context(|| format!("cannot read {}", fuzz.join("Cargo.toml").display()))?;
    let targets = chosen(target_names(&manifest)?, &options.targets)?;
    let binaries = build(fuzz, target_folder, &targets)?;

    let queue = Mutex::new(targets.iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    // Nothing that holds a lock can panic, so the data is whole in any case.
                    let next = queue
                        .lock()
                        .unwrap_or_else(|poison| poison.into_inner())
                        .next();
                    let Some(name) = next else { break };
                    let result = Target {
                        name,
                        fuzz,
                        binary: binaries.join(name),
                        scratch: target_folder.join("smoke").join(name),
                    }
                    .smoke(options.seconds);
                    results
                        .lock()
                        .unwrap_or_else(|poison| poison.into_inner())
                        .push((name, result));
                }
            });
        }
    });
    let mut results = results
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    results.sort_by_key(|(name, _)| *name);

    println!(
        "{:<36} {:>12} {:>9} {:>15} {:>6}  crash",
        "target", "executions", "exec/s", "coverage", "new"
    );
    let mut crashes = Vec::new();
    for (name, result) in results {
        let (stats, crash) = result.with_context(|| format!("fuzz target {name}"))?;
        let growth = format!("{} -> {}", stats.coverage_before, stats.coverage_after);
        println!(
            "{name:<36} {:>12} {:>9} {growth:>15} {:>6}  {}",
            stats.executions,
            stats.per_second,
            stats.coverage_after.saturating_sub(stats.coverage_before),
            if crash.is_some() { "YES" } else { "no" },
        );
        crashes.extend(crash.map(|crash| (name, crash)));
    }
    for (name, crash) in &crashes {
        println!(
            "\n{name}:\n{}\nto reproduce: {}",
            crash.output, crash.reproduce
        );
    }
    if !crashes.is_empty() {
        bail!(
            "{} of {} fuzz targets crashed",
            crashes.len(),
            targets.len()
        );
    }
    Ok(())
}

/// The names of the `[[bin]]` entries of a manifest.
fn target_names(manifest: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        bin: Vec<Bin>,
    }
    #[derive(Deserialize)]
    struct Bin {
        name: String,
    }
    let manifest: Manifest = toml::from_str(manifest).context("fuzz/Cargo.toml")?;
    let names: Vec<String> = manifest.bin.into_iter().map(|bin| bin.name).collect();
    ensure!(!names.is_empty(), "fuzz/Cargo.toml has no [[bin]]");
    Ok(names)
}

/// Those of the targets that were asked for; all when none was.
fn chosen(all: Vec<String>, asked: &[String]) -> Result<Vec<String>> {
    for name in asked {
        ensure!(
            all.contains(name),
            "there is no fuzz target `{name}`; there are {}",
            all.join(", ")
        );
    }
    Ok(all
        .into_iter()
        .filter(|name| asked.is_empty() || asked.contains(name))
        .collect())
}

/// Builds the targets and gives the folder of their programs.
fn build(fuzz: &Path, target_folder: &Path, targets: &[String]) -> Result<PathBuf> {
    let mut command = if process::succeeds("rustup", &["run", "nightly", "rustc", "--version"]) {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo"]).current_dir(fuzz);
        command
    } else {
        let mut command = process::cargo(fuzz);
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    };
    let rustc = process::output(Command::new("rustc").arg("-vV"))?;
    let host = rustc
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not say what its host is")?;
    command
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        // With a target given, build scripts and procedural macros are built without the flags.
        .args(["build", "--release", "--target", host, "--target-dir"])
        .arg(target_folder);
    for name in targets {
        command.args(["--bin", name]);
    }
    process::run(&mut command)?;
    Ok(target_folder.join(host).join("release"))
}

struct Target<'a> {
    name: &'a str,
    fuzz: &'a Path,
    binary: PathBuf,
    /// What this run writes: new inputs and its log.
    scratch: PathBuf,
}

struct Crash {
    /// The end of what the target printed.
    output: String,
    /// The command that runs the input again.
    reproduce: String,
}

/// What libFuzzer says at the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stats {
    executions: u64,
    per_second: u64,
    /// Edges that the corpus reached, and then the whole run.
    coverage_before: u64,
    coverage_after: u64,
}

impl Target<'_> {
    fn smoke(&self, seconds: u64) -> Result<(Stats, Option<Crash>)> {
        let grown = self.scratch.join("corpus");
        let artifacts = self.fuzz.join("artifacts").join(self.name);
        for folder in [&grown, &artifacts] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let prefix = format!("-artifact_prefix={}/", artifacts.display());

        let regressions = files(&self.fuzz.join("regressions").join(self.name))?;
        if !regressions.is_empty() {
            let mut command = Command::new(&self.binary);
            command.arg(&prefix).args(&regressions);
            if let (_, Some(crash)) = self.run(&mut command, GRACE)? {
                return Ok((Stats::default(), Some(crash)));
            }
        }

        let mut command = Command::new(&self.binary);
        command
            .arg(format!("-max_total_time={seconds}"))
            .args(["-print_final_stats=1", "-timeout=10"])
            .arg(&prefix)
            // libFuzzer writes to the first folder and only reads the others.
            .arg(&grown);
        let committed = self.fuzz.join("corpus").join(self.name);
        if committed.is_dir() {
            command.arg(&committed);
        }
        let (log, crash) = self.run(&mut command, seconds + GRACE)?;
        let stats = stats(&log);
        ensure!(
            crash.is_some() || stats.executions > 0,
            "it ran nothing:\n{}",
            process::tail(&log, 20)
        );
        Ok((stats, crash))
    }

    /// Runs the target; what it printed, and its crash if it did not end well.
    fn run(&self, command: &mut Command, seconds: u64) -> Result<(String, Option<Crash>)> {
        // libFuzzer prints a stack of its own; Rust's would push the panic's message out of sight.
        command.env("RUST_BACKTRACE", "0");
        let path = self.scratch.join("log.txt");
        let status = process::run_logged(command, &path, Duration::from_secs(seconds))?;
        let log = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        if status.is_some_and(|status| status.success()) {
            return Ok((log, None));
        }
        let mut output = process::tail(&log, 60);
        if status.is_none() {
            output.push_str(&format!("\nit did not end within {seconds} s"));
        }
        let reproduce = match failing_input(&log) {
            Some(input) => process::line(Command::new(&self.binary).arg(input)),
            None => process::line(command),
        };
        Ok((log, Some(Crash { output, reproduce })))
    }
}

/// The files of a folder, sorted; none when there is no folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The file with the input that crashed: libFuzzer has just written it or, when it replays files,
/// was running it.
fn failing_input(log: &str) -> Option<&str> {
    let written = log
        .lines()
        .find_map(|line| Some(line.split_once("Test unit written to ")?.1));
    let replayed = log
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Running: "));
    replayed.or(written).map(str::trim)
}

fn stats(log: &str) -> Stats {
    let final_stat = |name: &str| {
        log.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
            .unwrap_or(0)
    };
    let mut coverages = log.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| *word == "cov:")?;
        words
            .next()?
            .parse::<u64>()
            .ok()
            .map(|value| (line.contains("INITED"), value))
    });
    let before = coverages
        .clone()
        .find(|(inited, _)| *inited)
        .map_or(0, |(_, value)| value);
    Stats {
        executions: final_stat("stat::number_of_executed_units:"),
        per_second: final_stat("stat::average_exec_per_sec:"),
        coverage_before: before,
        coverage_after: coverages.next_back().map_or(before, |(_, value)| value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_manifests_programs() {
        let manifest =
            "[package]\nname = 'fuzz'\n[[bin]]\nname = 'a'\npath = 'a.rs'\n[[bin]]\nname = 'b'\n";
        let all = target_names(manifest).unwrap();
        assert_eq!(all, ["a", "b"]);
        assert_eq!(chosen(all.clone(), &[]).unwrap(), ["a", "b"]);
        assert_eq!(chosen(all.clone(), &["b".to_owned()]).unwrap(), ["b"]);
        assert_eq!(
            chosen(all, &["c".to_owned()]).unwrap_err().to_string(),
            "there is no fuzz target `c`; there are a, b"
        );
        assert!(target_names("[package]\nname = 'fuzz'\n").is_err());
    }

    #[test]
    fn what_libfuzzer_says() {
        let log = "\
INFO: Running with entropic power schedule (0xFF, 100).
#2\tINITED cov: 11 ft: 12 corp: 1/1b exec/s: 0 rss: 40Mb
#9\tNEW    cov: 14 ft: 16 corp: 2/3b lim: 4 exec/s: 0 rss: 40Mb L: 2/2 MS: 1 ChangeByte-
#999\tDONE   cov: 15 ft: 17 corp: 2/3b lim: 4 exec/s: 333 rss: 40Mb
stat::number_of_executed_units: 999
stat::average_exec_per_sec:     333
";
        assert_eq!(
            stats(log),
            Stats {
                executions: 999,
                per_second: 333,
                coverage_before: 11,
                coverage_after: 15,
            }
        );
        assert_eq!(stats("nothing"), Stats::default());
        let crash = "x\nartifact_prefix='a/'; Test unit written to a/crash-00\nBase64: AA==\n";
        assert_eq!(failing_input(crash), Some("a/crash-00"));
        assert_eq!(
            failing_input("Running: a\nExecuted a\nRunning: b\nx"),
            Some("b")
        );
        let both = format!("Running: regressions/one\n{crash}");
        assert_eq!(failing_input(&both), Some("regressions/one"));
        assert_eq!(failing_input(log), None);
    }
}
