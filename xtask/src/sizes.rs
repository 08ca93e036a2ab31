//! The length of source files: a file is one room, about 200 to 600 lines.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Lines above which a file is named.
const LARGE: usize = 600;
/// Lines above which a file outside the tests is refused.
const LIMIT: usize = 1_000;

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Large,
    Refused,
}

/// Counts the lines of every Rust file that git knows or would add.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let listing = process::output(
        Command::new("git")
            .args([
                "ls-files",
                "--cached",
                "--others",
                "--exclude-standard",
                "*.rs",
            ])
            .current_dir(&workspace.root),
    )?;
    let (mut files, mut refused) = (0, 0);
    for name in listing.lines() {
        let path = workspace.root.join(name);
        if !path.exists() {
            continue; // deleted, and git does not know yet
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        let lines = text.lines().count();
        files += 1;
        match verdict(Path::new(name), lines) {
            Verdict::Good => {}
            Verdict::Large => println!("  {lines:>5} {name}: over {LARGE}; would it be two?"),
            Verdict::Refused => {
                refused += 1;
                println!("  {lines:>5} {name}: over {LIMIT}");
            }
        }
    }
    if refused > 0 {
        bail!("files longer than {LIMIT} lines: {refused}");
    }
    if files == 0 {
        bail!("no Rust file found under {}", workspace.root.display());
    }
    println!("{files} files, none over {LIMIT} lines outside the tests");
    Ok(())
}

fn verdict(path: &Path, lines: usize) -> Verdict {
    match lines {
        0..=LARGE => Verdict::Good,
        _ if lines <= LIMIT || is_test(path) => Verdict::Large,
        _ => Verdict::Refused,
    }
}

/// Whether a file holds tests only: it stands under `tests/` or is called `tests.rs`.
pub(crate) fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path
            .parent()
            .is_some_and(|parent| parent.iter().any(|part| part == "tests"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let source = Path::new("crates/rip/src/lib.rs");
        assert_eq!(verdict(source, 600), Verdict::Good);
        assert_eq!(verdict(source, 601), Verdict::Large);
        assert_eq!(verdict(source, 1_000), Verdict::Large);
        assert_eq!(verdict(source, 1_001), Verdict::Refused);
        for test in ["crates/rip/tests/sim.rs", "crates/rip/src/wire/tests.rs"] {
            assert_eq!(verdict(Path::new(test), 1_001), Verdict::Large);
        }
        assert_eq!(
            verdict(Path::new("crates/rip/src/contests.rs"), 1_001),
            Verdict::Refused
        );
    }
}
