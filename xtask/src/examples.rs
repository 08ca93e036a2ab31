//! Running the examples that need no root, and the comparison with captures.
//!
//! `[package.metadata.internetwork]` in `examples/Cargo.toml` has the lines to run. Every example
//! is either among them or in `not_in_ci` with the reason, so that none is forgotten.

use crate::process;
use crate::workspace::{EXAMPLES, ExamplesMetadata, Workspace};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The variable that names the folder of shared captures and vectors.
pub(crate) const SHARED: &str = "INTERNETWORK_SHARED";

/// An example that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Builds all examples and runs the registered lines.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = workspace.examples_metadata()?;
    let examples: BTreeSet<&str> = workspace
        .package(EXAMPLES)?
        .targets
        .iter()
        .filter(|target| target.is_example())
        .map(|target| target.name.as_str())
        .collect();
    check(&examples, &metadata)?;

    process::run(process::cargo(&workspace.root).args([
        "build",
        "--release",
        "--package",
        EXAMPLES,
        "--examples",
    ]))?;
    let logs = workspace.target.join("examples-output");
    fs::create_dir_all(&logs)?;
    for (number, line) in metadata.ci.iter().enumerate() {
        let Some((name, arguments)) = line.split_first() else {
            continue; // `check` refuses an empty line
        };
        println!("$ {}", line.join(" "));
        let log = logs.join(format!("{number}-{name}.txt"));
        let mut command = Command::new(workspace.target.join("release/examples").join(name));
        command.args(arguments).current_dir(&workspace.root);
        let status = process::run_logged(&mut command, &log, LIMIT)?;
        let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        match status {
            Some(status) if status.success() => {
                println!("  ok, {} lines of output", output.lines().count());
            }
            ended => {
                println!("{}", process::tail(&output, 40));
                let how = ended.map_or_else(
                    || format!("did not end within {} s", LIMIT.as_secs()),
                    |status| status.to_string(),
                );
                bail!("example `{}`: {how}", line.join(" "));
            }
        }
    }
    println!("lines run: {}", metadata.ci.len());
    Ok(())
}

/// Sees that examples and registered lines fit together.
fn check(examples: &BTreeSet<&str>, metadata: &ExamplesMetadata) -> Result<()> {
    let mut registered = BTreeSet::new();
    for line in &metadata.ci {
        let Some(name) = line.first() else {
            bail!("`ci` of examples/Cargo.toml has an empty line");
        };
        registered.insert(name.as_str());
    }
    for name in metadata.not_in_ci.keys() {
        ensure!(
            registered.insert(name),
            "example `{name}` is both in `ci` and in `not_in_ci` of examples/Cargo.toml"
        );
    }
    for name in examples {
        ensure!(
            registered.contains(name),
            "example `{name}` is neither in `ci` nor in `not_in_ci` of examples/Cargo.toml"
        );
    }
    for name in registered {
        ensure!(
            examples.contains(name),
            "examples/Cargo.toml names `{name}`, which is no example"
        );
    }
    Ok(())
}

/// Compares our reading of captures with a dissector's; the example of that name does it.
pub(crate) fn captures(workspace: &Workspace, folder: Option<&Path>) -> Result<()> {
    let mut command = process::cargo(&workspace.root);
    command
        .args(["run", "--release", "--quiet", "--package", EXAMPLES])
        .args(["--example", "captures", "--"])
        .args(folder);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(text: &str) -> ExamplesMetadata {
        toml::from_str(text).unwrap()
    }

    fn verdict(text: &str) -> String {
        let examples = ["dissect", "tap_host"].into();
        check(&examples, &metadata(text))
            .map_or_else(|error| error.to_string(), |()| "good".to_owned())
    }

    #[test]
    fn every_example_is_registered_once() {
        assert_eq!(
            verdict("ci = [['dissect', '-'], ['dissect']]\nnot_in_ci = { tap_host = 'root' }"),
            "good"
        );
        assert_eq!(
            verdict("ci = [['dissect']]"),
            "example `tap_host` is neither in `ci` nor in `not_in_ci` of examples/Cargo.toml"
        );
        assert_eq!(
            verdict("ci = [['dissect'], ['tap_host']]\nnot_in_ci = { tap_host = 'root' }"),
            "example `tap_host` is both in `ci` and in `not_in_ci` of examples/Cargo.toml"
        );
        assert_eq!(
            verdict("ci = [['dissect'], ['tap_host'], ['gone']]"),
            "examples/Cargo.toml names `gone`, which is no example"
        );
        assert_eq!(
            verdict("ci = [[]]"),
            "`ci` of examples/Cargo.toml has an empty line"
        );
    }
}
