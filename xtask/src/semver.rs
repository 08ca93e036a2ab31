//! Changes of the public interface that a version number has to tell of, by `cargo semver-checks`.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::process::Command;

/// How to get it.
pub(crate) const INSTALL: &str = "`cargo install cargo-semver-checks --locked`";

/// What `cargo xtask semver` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The commit or tag to compare with; the last release's tag when not given.
    #[arg(long, value_name = "REVISION")]
    since: Option<String>,
}

/// What CI runs.
pub(crate) const CI: Options = Options { since: None };

/// Whether cargo-semver-checks is there.
pub(crate) fn is_installed() -> bool {
    process::succeeds("cargo-semver-checks", &["--version"])
}

/// Compares every published crate with what it was. Without a release there is nothing to compare with.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if !is_installed() {
        bail!("cargo-semver-checks is not installed: {INSTALL}");
    }
    let Some(since) = options.since.clone().or_else(|| last_release(workspace)) else {
        println!(
            "nothing has been released yet: no tag `v*`; `--since REVISION` compares with any commit"
        );
        return Ok(());
    };
    let mut command = process::cargo(&workspace.root);
    command.args(["semver-checks", "--baseline-rev", &since]);
    for package in workspace.published() {
        command.args(["--package", &package.name]);
    }
    process::run(&mut command)
}

/// The tag `v*` that comes last before the checked out commit.
fn last_release(workspace: &Workspace) -> Option<String> {
    let mut command = Command::new("git");
    command
        .args(["describe", "--tags", "--abbrev=0", "--match", "v*"])
        .current_dir(&workspace.root);
    let tag = process::output(&mut command).ok()?;
    Some(tag.trim().to_owned())
}
