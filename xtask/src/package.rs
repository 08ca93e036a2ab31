//! The packages that would go to a registry.
//!
//! For each published crate: its manifest says what a registry shows, the package has the files that a user needs
//! and no others, and it builds from what is in it. Cargo makes all packages in one go, each with those before it as
//! its dependencies, so that nothing has to be published to try it.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use cargo_metadata::Package;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

/// What `cargo xtask package` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Do not build what was packed.
    #[arg(long)]
    no_verify: bool,
}

/// What CI runs.
pub(crate) const CI: Options = Options { no_verify: false };

/// Files that each package has.
const REQUIRED: [&str; 5] = [
    "CHANGELOG.md",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "src/lib.rs",
];
/// What cargo adds.
const BY_CARGO: [&str; 3] = [".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"];
/// A crate of protocol code is smaller than this; a capture that slipped in is not.
const MOST_FILES: usize = 300;

/// Packs all published crates.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut faults = Vec::new();
    for package in workspace.published() {
        let name = package.name.as_str();
        let complain = |text: String| format!("{name}: {text}");
        faults.extend(manifest(package).into_iter().map(complain));
        let list = process::output(process::cargo(&workspace.root).args([
            "package",
            "--list",
            "--allow-dirty",
            "--package",
            name,
        ]))?;
        let files: BTreeSet<&str> = list.lines().collect();
        faults.extend(contents(&files).into_iter().map(complain));
        println!("  {name} {}: {} files", package.version, files.len());
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }

    let place = Place::new(workspace)?;
    let mut command = process::cargo(&workspace.root);
    // Quietly: it tells of each test that stays out.
    command.args(["package", "--quiet", "--allow-dirty", "--target-dir"]);
    command.arg(&place.target);
    for package in workspace.published() {
        command.args(["--package", &package.name]);
    }
    if options.no_verify {
        command.arg("--no-verify");
    }
    process::run(&mut command)
}

/// Where one run packs and builds; what it left is removed when this is dropped.
///
/// Cargo shows the packages to each other as a registry of its own, unpacks them beside those of the real registries
/// under a name made of this registry's folder, and takes a version that it has unpacked or built before for the same
/// one. A folder that no run has had before keeps it from building against the packages of an older commit.
struct Place {
    target: PathBuf,
    /// Where cargo unpacks, and what was there before.
    unpacked: PathBuf,
    before: BTreeSet<OsString>,
}

impl Place {
    fn new(workspace: &Workspace) -> Result<Self> {
        let random = RandomState::new().build_hasher().finish();
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let unpacked = home
            .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
            .context("cargo's home is not known: set CARGO_HOME")?
            .join("registry/src");
        Ok(Self {
            target: workspace.target.join(format!("package-{random:016x}")),
            before: folders(&unpacked),
            unpacked,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays for want of a right is in nobody's way: its name does not come again.
        let _ = fs::remove_dir_all(&self.target);
        for folder in folders(&self.unpacked).difference(&self.before) {
            // A registry has the name of its host before the dash; a folder has none.
            if folder.as_encoded_bytes().starts_with(b"-") {
                let _ = fs::remove_dir_all(self.unpacked.join(folder));
            }
        }
    }
}

/// The names in a folder, none when there is no such folder.
fn folders(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}

/// What a manifest lacks.
fn manifest(package: &Package) -> Vec<String> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    require(filled(&package.description), "no description");
    require(filled(&package.license), "no licence");
    require(package.readme.is_some(), "no readme");
    require(package.rust_version.is_some(), "no rust-version");
    require(!package.authors.is_empty(), "no authors");
    require(!package.categories.is_empty(), "no categories");
    require(
        (1..=5).contains(&package.keywords.len()),
        "a registry takes one to five keywords",
    );
    for dependency in &package.dependencies {
        let needed = dependency.kind != cargo_metadata::DependencyKind::Development;
        if needed && dependency.path.is_some() && dependency.req.comparators.is_empty() {
            faults.push(format!("dependency `{}` has no version", dependency.name));
        }
    }
    faults
}

/// What a package has too much or too little.
fn contents(files: &BTreeSet<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    for file in REQUIRED {
        if !files.contains(file) {
            faults.push(format!("the package has no {file}"));
        }
    }
    for file in files {
        let known = REQUIRED.contains(file)
            || BY_CARGO.contains(file)
            || (file.starts_with("src/") && file.ends_with(".rs"));
        if !known {
            faults.push(format!("the package has {file}, which no user needs"));
        }
    }
    if files.len() > MOST_FILES {
        faults.push(format!("the package has {} files", files.len()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surplus_and_lack() {
        let mut files: BTreeSet<&str> = REQUIRED.into_iter().chain(BY_CARGO).collect();
        files.insert("src/wire/mod.rs");
        assert_eq!(contents(&files), Vec::<String>::new());
        files.insert("tests/captures.rs");
        files.insert("src/vector.bin");
        files.remove("LICENSE");
        assert_eq!(
            contents(&files),
            [
                "the package has no LICENSE",
                "the package has src/vector.bin, which no user needs",
                "the package has tests/captures.rs, which no user needs",
            ]
        );
    }
}
