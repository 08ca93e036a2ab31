//! Tests against real peers in network namespaces.
//!
//! They are the test files `examples/tests/interop_*.rs`. `INTERNETWORK_INTEROP` turns them on:
//! without it they say that they skipped, with it they are required.

use crate::process;
use crate::workspace::{EXAMPLES, Workspace};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// The variable that turns the tests on: `1`, or `all` for the long ones too.
const SWITCH: &str = "INTERNETWORK_INTEROP";

/// What `cargo xtask interop` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run the long tests too.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Installs missing peers, then runs the tests.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(reason) = obstacle() {
        bail!("the interop tests cannot run here: {reason}");
    }
    install(&workspace.examples_metadata()?.interop_packages)?;
    // The tests start the examples as a user does, and `cargo test --test` does not build them.
    process::run(process::cargo(&workspace.root).args([
        "build",
        "--release",
        "--package",
        EXAMPLES,
        "--examples",
    ]))?;
    process::run(
        process::cargo(&workspace.root)
            .env(SWITCH, if options.all { "all" } else { "1" })
            .args([
                "test",
                "--release",
                "--package",
                EXAMPLES,
                "--test",
                "interop_*",
            ])
            .args(["--", "--test-threads=1", "--nocapture"]),
    )
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
    fn a_package_that_does_not_exist_is_not_installed() {
        assert!(!is_installed("no-such-package-of-ours"));
    }
}
