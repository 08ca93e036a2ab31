//! Proof that the published crates, and the sample of a program on bare metal, need no standard library.
//!
//! For each crate a small `#![no_std]`, `#![no_main]` program is written to `target/no-std/`, which
//! depends on the crate with its default features off, and linked for the host without the C
//! library and its start-up files. No bare-metal target has to be installed. Three things can make
//! it fail: `std` anywhere in the crate's graph brings a second panic handler, an undefined symbol
//! means that code relies on an operating system, and the crate may not compile at all.
//!
//! Before it says that all is well it convinces itself that it can say otherwise: two small crates,
//! one with `std` and one with a function of the C library, have to be refused.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = include_str!("../templates/no_std_program.rs");

/// The package that shows how to drive a machine without an operating system.
const SAMPLE: &str = "internetwork-no-std";

/// A crate that has to be refused, and what the refusal has to speak of.
struct Negative {
    name: &'static str,
    source: &'static str,
    complaint: &'static str,
}

const NEGATIVES: [Negative; 2] = [
    Negative {
        name: "uses-std",
        source: "pub fn hostname() -> Option<String> {\n    std::env::var(\"HOSTNAME\").ok()\n}\n",
        complaint: "panic_impl",
    },
    Negative {
        name: "uses-libc",
        source: "#![no_std]\nunsafe extern \"C\" {\n    fn getpid() -> i32;\n}\n\
                 pub fn process() -> i32 {\n    unsafe { getpid() }\n}\n",
        complaint: "undefined symbol: getpid",
    },
];

/// Proves it for every published crate.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let proof = Proof::new(workspace)?;
    proof.convince()?;
    let mut crates = 0;
    let sample = workspace.package(SAMPLE)?;
    for package in workspace.published().chain([sample]) {
        let folder = package
            .manifest_path
            .parent()
            .context("a manifest without a folder")?;
        proof
            .link(&package.name, folder.as_std_path())?
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("{} is not no_std", package.name))?;
        println!(
            "  {}: links without std and without a C library",
            package.name
        );
        crates += 1;
    }
    if crates <= 1 {
        bail!("no published crate found under crates/");
    }
    Ok(())
}

/// Where programs are written and built.
struct Proof {
    folder: PathBuf,
    /// The workspace's lock file: the proof takes the same versions.
    lock: PathBuf,
}

impl Proof {
    fn new(workspace: &Workspace) -> Result<Self> {
        let rustc = process::output(Command::new("rustc").arg("-vV"))?;
        // The linker option that takes in the whole crate is LLD's, the default linker there.
        if !rustc
            .lines()
            .any(|line| line == "host: x86_64-unknown-linux-gnu")
        {
            bail!("the proof is linked on x86_64-unknown-linux-gnu only");
        }
        Ok(Self {
            folder: workspace.target.join("no-std"),
            lock: workspace.root.join("Cargo.lock"),
        })
    }

    /// Sees that crates which are not no_std are refused, and for the right reason.
    fn convince(&self) -> Result<()> {
        for negative in &NEGATIVES {
            let folder = self.folder.join("refused").join(negative.name);
            write(
                &folder.join("Cargo.toml"),
                &format!(
                    "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
                    negative.name
                ),
            )?;
            write(&folder.join("src/lib.rs"), negative.source)?;
            match self.link(negative.name, &folder)? {
                Ok(()) => bail!("the proof does not hold: {} was not refused", negative.name),
                Err(complaint) if complaint.contains(negative.complaint) => {}
                Err(complaint) => bail!(
                    "{} was refused, but not for `{}`:\n{complaint}",
                    negative.name,
                    negative.complaint
                ),
            }
        }
        println!("  a crate with std and one with a C function were refused, as they should be");
        Ok(())
    }

    /// Links a program with the crate in `path`; the inner error is the compiler's complaint.
    fn link(&self, name: &str, path: &Path) -> Result<Result<(), String>> {
        let folder = self.folder.join(name);
        let library = name.replace('-', "_");
        write(&folder.join("Cargo.toml"), &manifest(name, path))?;
        write(
            &folder.join("src/main.rs"),
            &PROGRAM.replace("CRATE", &library),
        )?;
        fs::copy(&self.lock, folder.join("Cargo.lock"))
            .with_context(|| format!("cannot copy {}", self.lock.display()))?;
        let output = process::cargo(&folder)
            .args(["rustc", "--quiet", "--release", "--target-dir"])
            .arg(self.folder.join("target"))
            .arg("--")
            .args(
                ["-nostdlib", "-nostartfiles", "-static"].map(|flag| format!("-Clink-arg={flag}")),
            )
            // Every symbol of the crate, used here or not, and what it needs in turn.
            .arg(format!("-Clink-arg=-Wl,--undefined-glob=*{library}*"))
            .arg("-Clink-arg=-Wl,--no-gc-sections")
            .output()
            .context("cannot start cargo")?;
        Ok(if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        })
    }
}

fn manifest(name: &str, path: &Path) -> String {
    let path = toml::Value::from(path.to_string_lossy().as_ref());
    format!(
        "[package]\nname = \"proof-of-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [workspace]\n\n\
         [dependencies]\n{name} = {{ path = {path}, default-features = false }}\n\n\
         [profile.release]\npanic = \"abort\"\n"
    )
}

/// Writes a file and the folders above it, unless it says this already: cargo goes by its time.
fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
