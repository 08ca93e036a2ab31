//! The licences of what we build with, against the list in `deny.toml`.
//!
//! `cargo deny` checks more (advisories, sources, duplicates), but has to be installed and fetches a
//! database; this check needs neither.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow, bail};
use cargo_metadata::MetadataCommand;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

/// Packages whose manifest has no licence, only a file with its text, and what we read there.
/// (`cargo deny` reads such files itself.)
const READ_BY_US: [(&str, &str); 1] = [("internet-checksum", "BSD-2-Clause")];

/// Checks the licence of every package in the lock files of the workspace and of `fuzz/`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let path = workspace.root.join("deny.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let deny: Deny = toml::from_str(&text).context("deny.toml")?;
    let allowed = deny.licenses.allow;

    let mut packages = BTreeMap::new();
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let manifest = workspace.root.join(manifest);
        if !manifest.exists() {
            continue;
        }
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .exec()
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        for package in metadata.packages {
            let licence = package.license.or_else(|| {
                let (_, read) = READ_BY_US.iter().find(|(name, _)| *package.name == *name)?;
                Some((*read).to_owned())
            });
            packages.insert(format!("{} {}", package.name, package.version), licence);
        }
    }

    let mut refused = 0;
    for (name, licence) in &packages {
        let verdict = match licence {
            None => Err(anyhow!("its manifest has no licence")),
            Some(expression) => match is_allowed(expression, &allowed) {
                Ok(true) => Ok(()),
                Ok(false) => Err(anyhow!("`{expression}` is not allowed by deny.toml")),
                Err(error) => Err(error.context(format!("`{expression}` cannot be read"))),
            },
        };
        if let Err(error) = verdict {
            refused += 1;
            println!("  {name}: {error:#}");
        }
    }
    if refused > 0 {
        bail!("packages whose licence is not allowed: {refused}");
    }
    println!(
        "{} packages, all under licences that deny.toml allows",
        packages.len()
    );
    Ok(())
}

/// How to get cargo-deny.
pub(crate) const INSTALL_DENY: &str = "`cargo install cargo-deny --locked`";

/// Whether cargo-deny is there.
pub(crate) fn deny_is_installed() -> bool {
    process::succeeds("cargo-deny", &["--version"])
}

/// Runs `cargo deny check` on both workspaces, or says how to install it.
pub(crate) fn deny(workspace: &Workspace) -> Result<()> {
    if !deny_is_installed() {
        bail!("cargo-deny is not installed: {INSTALL_DENY}");
    }
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let mut command = process::cargo(&workspace.root);
        command.args(["deny", "--manifest-path"]);
        command.arg(workspace.root.join(manifest));
        command.args(["--all-features", "check", "--config"]);
        command.arg(workspace.root.join("deny.toml"));
        process::run(&mut command)?;
    }
    Ok(())
}

/// Whether a licence expression (SPDX; `/` is an old way to write `OR`) can be met with the allowed
/// licences.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> Result<bool> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = Words {
        words: spaced.split_whitespace().collect(),
        next: 0,
    };
    let verdict = words.any(allowed)?;
    match words.take() {
        None => Ok(verdict),
        Some(word) => bail!("unexpected `{word}`"),
    }
}

struct Words<'a> {
    words: Vec<&'a str>,
    next: usize,
}

impl<'a> Words<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.next).copied();
        self.next += 1;
        word
    }

    fn take_if(&mut self, wanted: &str) -> bool {
        let found = self
            .words
            .get(self.next)
            .is_some_and(|word| *word == wanted);
        self.next += usize::from(found);
        found
    }

    fn any(&mut self, allowed: &BTreeSet<String>) -> Result<bool> {
        let mut verdict = self.all(allowed)?;
        while self.take_if("OR") {
            verdict |= self.all(allowed)?;
        }
        Ok(verdict)
    }

    fn all(&mut self, allowed: &BTreeSet<String>) -> Result<bool> {
        let mut verdict = self.one(allowed)?;
        while self.take_if("AND") {
            verdict &= self.one(allowed)?;
        }
        Ok(verdict)
    }

    fn one(&mut self, allowed: &BTreeSet<String>) -> Result<bool> {
        if self.take_if("(") {
            let verdict = self.any(allowed)?;
            if !self.take_if(")") {
                bail!("a parenthesis is not closed");
            }
            return Ok(verdict);
        }
        let name = match self.take() {
            None => bail!("a licence is missing"),
            Some(word @ (")" | "AND" | "OR" | "WITH")) => bail!("unexpected `{word}`"),
            Some(name) => name,
        };
        if self.take_if("WITH") {
            let exception = self.take().context("an exception is missing")?;
            return Ok(allowed.contains(&format!("{name} WITH {exception}")));
        }
        Ok(allowed.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str) -> Result<bool> {
        let allowed = ["MIT", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        is_allowed(expression, &allowed.map(str::to_owned).into())
    }

    #[test]
    fn expressions() {
        for allowed in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(GPL-3.0 OR MIT) AND Unicode-3.0",
            "GPL-3.0 AND ISC OR MIT",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(check(allowed).unwrap(), "{allowed}");
        }
        for refused in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "MIT WITH LLVM-exception",
            "(MIT OR ISC) AND GPL-3.0",
        ] {
            assert!(!check(refused).unwrap(), "{refused}");
        }
        for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "WITH", "MIT WITH"] {
            assert!(check(broken).is_err(), "{broken}");
        }
    }
}
