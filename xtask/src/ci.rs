//! All checks, in one ordered table.

use crate::workspace::{BENCHES, Workspace, in_ci};
use crate::{
    arrows, examples, fuzz, interop, licences, no_std, package, process, report, rfc, semver, sizes,
};
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Duration;

/// What `cargo xtask ci` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave a stage out; may be given several times.
    #[arg(long, value_name = "STAGE", conflicts_with = "only")]
    skip: Vec<String>,
    /// Run this stage alone; may be given several times.
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Go on after a stage has failed, and fail at the end.
    #[arg(long)]
    keep_going: bool,
    /// Print the stages and run none.
    #[arg(long)]
    list: bool,
}

/// One line of the table.
struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<Outcome>,
}

enum Outcome {
    Passed,
    Skipped(String),
}

/// The stages: those that take a second, then those that compile, then those that run for long.
const STAGES: [Stage; 19] = [
    Stage {
        name: "fmt",
        about: "formatting",
        run: |workspace| fmt(workspace).map(passed),
    },
    Stage {
        name: "sizes",
        about: "length of source files",
        run: |workspace| sizes::run(workspace).map(passed),
    },
    Stage {
        name: "arrows",
        about: "which crate depends on which",
        run: |workspace| arrows::run(workspace).map(passed),
    },
    Stage {
        name: "rfc",
        about: "RFC requirements and their citations",
        run: |workspace| rfc::run(workspace, &rfc::CI).map(passed),
    },
    Stage {
        name: "licences",
        about: "licences of dependencies",
        run: |workspace| licences::run(workspace).map(passed),
    },
    Stage {
        name: "report",
        about: "places of the README's tables",
        run: |workspace| report::run(workspace, &report::CHECK).map(passed),
    },
    Stage {
        name: "deny",
        about: "advisories, sources and bans, where cargo-deny is installed",
        run: deny,
    },
    Stage {
        name: "clippy",
        about: "lints as errors",
        run: |workspace| clippy(workspace).map(passed),
    },
    Stage {
        name: "no-std",
        about: "published crates without std",
        run: |workspace| no_std::run(workspace).map(passed),
    },
    Stage {
        name: "package",
        about: "what would be published: its files, and that it builds",
        run: |workspace| package::run(workspace, &package::CI).map(passed),
    },
    Stage {
        name: "semver",
        about: "changes of interfaces, where cargo-semver-checks is installed",
        run: semver,
    },
    Stage {
        name: "docs",
        about: "documentation, warnings as errors",
        run: |workspace| docs(workspace).map(passed),
    },
    Stage {
        name: "test",
        about: "the README's test command",
        run: |workspace| test(workspace).map(passed),
    },
    Stage {
        name: "examples",
        about: "examples that need no root",
        run: |workspace| examples::run(workspace).map(passed),
    },
    Stage {
        name: "captures",
        about: "captures against a dissector's reading",
        run: captures,
    },
    Stage {
        name: "benches",
        about: "every benchmark once, not measured",
        run: |workspace| benches(workspace).map(passed),
    },
    Stage {
        name: "fuzz-clippy",
        about: "lints of the fuzz targets",
        run: |workspace| fuzz::clippy(workspace).map(passed),
    },
    Stage {
        name: "fuzz",
        about: "every fuzz target for ten seconds",
        run: |workspace| fuzz::run(workspace, &fuzz::CI).map(passed),
    },
    Stage {
        name: "interop",
        about: "real peers in network namespaces",
        run: interop,
    },
];

/// Runs the stages that the options leave.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    for name in options.skip.iter().chain(&options.only) {
        if !STAGES.iter().any(|stage| stage.name == name) {
            bail!("there is no stage `{name}`; `cargo xtask ci --list` prints them");
        }
    }
    let chosen = STAGES.iter().filter(|stage| {
        let named = |names: &[String]| names.iter().any(|name| name == stage.name);
        !named(&options.skip) && (options.only.is_empty() || named(&options.only))
    });
    if options.list {
        for stage in chosen {
            println!("{:<12} {}", stage.name, stage.about);
        }
        return Ok(());
    }

    let start = process::now();
    let mut lines = Vec::new();
    let mut failed = 0;
    for stage in chosen {
        println!("\n=== {}: {}", stage.name, stage.about);
        let begin = process::now();
        let result = (stage.run)(workspace);
        let took = seconds(begin.elapsed());
        let verdict = match result {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
            Err(error) => {
                failed += 1;
                format!("FAILED: {error:#}")
            }
        };
        println!("--- {}: {verdict} ({took})", stage.name);
        lines.push(format!("{:<12} {took:>8}  {verdict}", stage.name));
        if failed > 0 && !options.keep_going {
            break;
        }
    }
    println!("\n=== {} in all", seconds(start.elapsed()));
    println!("{}", lines.join("\n"));
    if failed > 0 {
        bail!("{failed} of {} stages failed", lines.len());
    }
    Ok(())
}

fn passed((): ()) -> Outcome {
    Outcome::Passed
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn fmt(workspace: &Workspace) -> Result<()> {
    process::run(process::cargo(&workspace.root).args(["fmt", "--all", "--check"]))?;
    // The scenarios are found when their crate is compiled, which rustfmt does not do.
    let folder = workspace.root.join("examples/src/world/scenario");
    let mut scenarios = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        scenarios.push(entry?.path());
    }
    let mut rustfmt = Command::new("rustfmt");
    process::run(
        rustfmt
            .args(["--edition", "2024", "--check"])
            .args(scenarios),
    )?;
    process::run(process::cargo(&fuzz::folder(workspace)).args(["fmt", "--check"]))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    process::run(process::cargo(&workspace.root).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    // The libraries as a user without std gets them.
    let mut command = process::cargo(&workspace.root);
    command.args(["clippy", "--no-default-features", "--lib"]);
    for package in workspace.published() {
        command.args(["--package", &package.name]);
    }
    process::run(command.args(["--", "-D", "warnings"]))
}

fn docs(workspace: &Workspace) -> Result<()> {
    process::run(
        process::cargo(&workspace.root)
            .env("RUSTDOCFLAGS", "-D warnings")
            .args(["doc", "--workspace", "--no-deps"]),
    )
}

fn test(workspace: &Workspace) -> Result<()> {
    let readme = std::fs::read_to_string(workspace.root.join("README.md"))
        .context("cannot read README.md")?;
    let line = test_command(&readme).context("README.md shows no `cargo test` in a code block")?;
    process::run(process::cargo(&workspace.root).args(line.split_whitespace().skip(1)))
}

/// The first line of a code block that starts with `cargo test`.
fn test_command(readme: &str) -> Option<&str> {
    let mut in_block = false;
    for line in readme.lines().map(str::trim) {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block && (line == "cargo test" || line.starts_with("cargo test ")) {
            return line
                .split_once('#')
                .map_or(Some(line), |(command, _)| Some(command.trim()));
        }
    }
    None
}

fn captures(workspace: &Workspace) -> Result<Outcome> {
    if std::env::var_os(examples::SHARED).is_none() {
        return Ok(Outcome::Skipped(format!("{} is not set", examples::SHARED)));
    }
    examples::captures(workspace, None).map(passed)
}

fn benches(workspace: &Workspace) -> Result<()> {
    let mut command = process::cargo(&workspace.root);
    // Tables of millions of flows take long to fill.
    command.env("FLOW_BENCH", "quick");
    command.args(["bench", "--package", BENCHES, "--benches", "--", "--test"]);
    process::run(&mut command)
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    if !licences::deny_is_installed() {
        let how = licences::INSTALL_DENY;
        return Ok(Outcome::Skipped(format!(
            "cargo-deny is not installed: {how}"
        )));
    }
    licences::deny(workspace).map(passed)
}

fn semver(workspace: &Workspace) -> Result<Outcome> {
    if !semver::is_installed() {
        let how = semver::INSTALL;
        return Ok(Outcome::Skipped(format!(
            "cargo-semver-checks is not installed: {how}"
        )));
    }
    semver::run(workspace, &semver::CI).map(passed)
}

fn interop(workspace: &Workspace) -> Result<Outcome> {
    match interop::obstacle() {
        Some(reason) if !in_ci() => Ok(Outcome::Skipped(reason.to_owned())),
        _ => interop::run(
            workspace,
            &interop::Options {
                all: false,
                only: None,
            },
        )
        .map(passed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn stage_names_are_distinct() {
        let names: BTreeSet<&str> = STAGES.iter().map(|stage| stage.name).collect();
        assert_eq!(names.len(), STAGES.len());
    }

    #[test]
    fn the_test_command_is_the_readmes() {
        let readme =
            "cargo test in prose\n```sh\ncargo build\ncargo test --workspace  # all\n```\n";
        assert_eq!(test_command(readme), Some("cargo test --workspace"));
        assert_eq!(test_command("```\ncargo test\n```"), Some("cargo test"));
        assert_eq!(
            test_command("cargo test --workspace\n```\ncargo testing\n```"),
            None
        );
    }
}
