//! Tests against real peers in network namespaces.
//!
//! They are the test files `examples/tests/interop_*.rs`. `INTERNETWORK_INTEROP` turns them on:
//! without it they say that they skipped, with it they are required.
//!
//! Their peers are whole programs that run in real time, so that a machine that is busy elsewhere
//! can make one late. A file that fails is run once more, and the report at the end names it
//! whatever comes of that: a file that fails twice fails the stage.

use crate::process;
use crate::workspace::{EXAMPLES, Workspace};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// The variable that turns the tests on: `1`, or `all` for the long ones too.
const SWITCH: &str = "INTERNETWORK_INTEROP";

/// Where the examples are, from the root.
const EXAMPLES_FOLDER: &str = "examples";

/// What `cargo xtask interop` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run the long tests too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Run only the files with this in their names.
    #[arg(long)]
    pub(crate) only: Option<String>,
}

/// Installs missing peers, then runs the tests.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(reason) = obstacle() {
        bail!("the interop tests cannot run here: {reason}");
    }
    let metadata = workspace.examples_metadata()?;
    let mut packages = metadata.interop_packages;
    if options.all {
        packages.extend(metadata.interop_all_packages);
    }
    install(&packages)?;
    // The tests start the examples as a user does, and `cargo test --test` does not build them.
    process::run(process::cargo(&workspace.root).args([
        "build",
        "--release",
        "--package",
        EXAMPLES,
        "--examples",
    ]))?;
    let wanted = options.only.as_deref().unwrap_or_default();
    let mut files = test_files(&workspace.root)?;
    files.retain(|name| name.contains(wanted));
    if files.is_empty() {
        bail!("no interop test has {wanted:?} in its name");
    }
    process::run(test(workspace, options, "interop_*").arg("--no-run"))?;
    let mut report = Vec::new();
    let mut failed = 0;
    for name in &files {
        let start = process::now();
        let attempt = || {
            let mut command = test(workspace, options, name);
            process::run(command.args(["--", "--test-threads=1", "--nocapture"]))
        };
        let outcome = match attempt() {
            Ok(()) => "passed",
            Err(why) => {
                println!("{why}; once more");
                if attempt().is_ok() {
                    "passed at the second try"
                } else {
                    failed += 1;
                    "FAILED twice"
                }
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        report.push(format!("{name:<32}{seconds:>7.1} s  {outcome}"));
    }
    println!("\n{}", report.join("\n"));
    if failed > 0 {
        bail!("{failed} of {} interop test files failed", files.len());
    }
    Ok(())
}

/// `cargo test` of the interop files that the pattern names.
fn test(workspace: &Workspace, options: &Options, pattern: &str) -> Command {
    let mut command = process::cargo(&workspace.root);
    command
        .env(SWITCH, if options.all { "all" } else { "1" })
        .args([
            "test",
            "--release",
            "--package",
            EXAMPLES,
            "--test",
            pattern,
        ]);
    command
}

/// The names of the test files, in order.
fn test_files(root: &Path) -> Result<Vec<String>> {
    let directory = root.join(EXAMPLES_FOLDER).join("tests");
    let entries = std::fs::read_dir(&directory)
        .with_context(|| format!("cannot list {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if let Some(stem) = stem
            && stem.starts_with("interop_")
            && path.extension().is_some_and(|extension| extension == "rs")
        {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Why the tests cannot run on this machine, if they cannot.
pub(crate) fn obstacle() -> Option<&'static str> {
    if !is_root() {
        Some("they need root, for namespaces and raw sockets")
    } else if !process::succeeds("unshare", &["--net", "true"]) {
        Some("no network namespace can be made")
    } else {
        None
    }
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs those of the Debian packages that are not there.
fn install(packages: &[String]) -> Result<()> {
    let missing: Vec<&String> = packages.iter().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args([
            "-qq",
            "-o",
            "DPkg::Lock::Timeout=300",
            "-o",
            "Dpkg::Use-Pty=0",
        ]);
        command
    };
    process::run(apt().arg("update")).context("the interop tests need Debian packages")?;
    process::run(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(missing),
    )
}

fn is_installed(package: &str) -> bool {
    process::output(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interop_file_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let names = test_files(root).unwrap();
        assert!(names.len() > 10, "{names:?}");
        assert!(names.is_sorted());
        assert!(names.contains(&"interop_nat_router".to_owned()));
    }

    #[test]
    fn a_package_that_does_not_exist_is_not_installed() {
        assert!(!is_installed("no-such-package-of-ours"));
    }
}
