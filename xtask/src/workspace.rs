//! The workspace as cargo describes it.

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, Package};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The package in which protocol crates meet.
pub(crate) const EXAMPLES: &str = "internetwork-examples";
/// The package that measures.
pub(crate) const BENCHES: &str = "internetwork-benches";

/// Where the workspace is and what is in it.
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The packages of the workspace, sorted by name, without those of the registry.
    pub(crate) packages: Vec<Package>,
}

/// `[package.metadata.internetwork]` of the examples package.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExamplesMetadata {
    /// Lines to run without root: an example's name, then its arguments.
    pub(crate) ci: Vec<Vec<String>>,
    /// Examples that are not run so, and why.
    pub(crate) not_in_ci: BTreeMap<String, String>,
    /// The Debian packages that the interop tests need.
    pub(crate) interop_packages: Vec<String>,
    /// Those that only the long ones need besides.
    pub(crate) interop_all_packages: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .no_deps()
            .exec()
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let mut packages = metadata.packages;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: metadata.workspace_root.into(),
            target: metadata.target_directory.into(),
            packages,
        })
    }

    /// The packages under `crates/`, published or not.
    pub(crate) fn crates(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.is_crate(package))
    }

    /// The crates that are published: all of `crates/` that do not say `publish = false`.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.crates().filter(|package| is_published(package))
    }

    /// Whether a package stands under `crates/`.
    pub(crate) fn is_crate(&self, package: &Package) -> bool {
        package
            .manifest_path
            .starts_with(self.root.join("crates").to_string_lossy().as_ref())
    }

    /// The package of that name.
    pub(crate) fn package(&self, name: &str) -> Result<&Package> {
        self.packages
            .iter()
            .find(|package| package.name.as_str() == name)
            .with_context(|| format!("the workspace has no package `{name}`"))
    }

    /// What the examples package registers for this tool.
    pub(crate) fn examples_metadata(&self) -> Result<ExamplesMetadata> {
        let package = self.package(EXAMPLES)?;
        match package.metadata.get("internetwork") {
            None => Ok(ExamplesMetadata::default()),
            Some(value) => serde_json::from_value(value.clone()).with_context(|| {
                format!(
                    "[package.metadata.internetwork] of {}",
                    package.manifest_path
                )
            }),
        }
    }

    /// A path below the root as it is shown to people.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Whether a package may go to a registry: its manifest does not say `publish = false`.
pub(crate) fn is_published(package: &Package) -> bool {
    package
        .publish
        .as_ref()
        .is_none_or(|registries| !registries.is_empty())
}

/// Whether this run is the continuous integration's (`CI=true`), where nothing may be skipped.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
