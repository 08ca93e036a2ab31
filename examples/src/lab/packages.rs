//! Debian packages that tests take files from without installing them. They come by apt, and are kept beside the
//! build for the next run.

use anyhow::{Context, Result, bail, ensure};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The keys that Debian signs its lists with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Gives what was fetched, or says why the test is skipped without it: an archive can be out of reach.
pub fn or_skip(test: &str, fetched: Result<PathBuf>) -> Option<PathBuf> {
    fetched
        .inspect_err(|why| {
            // Not `println!`, whose output the test harness keeps to itself when a test passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why:#}");
        })
        .ok()
}

/// The folder with the sources of a package, as its authors made them.
///
/// # Errors
///
/// When apt cannot get them.
pub fn debian_source(package: &str) -> Result<PathBuf> {
    kept(&format!("{package}-source"), |folder| {
        let (archive, release) = archive()?;
        let list = folder.join("apt.list");
        let line = format!("deb-src [signed-by={KEYRING}] {archive} {release} main\n");
        std::fs::write(&list, line)?;
        std::fs::create_dir_all(folder.join("lists/partial"))?;
        let options = [
            "-qq".to_owned(),
            format!("-oDir::Etc::SourceList={}", list.display()),
            "-oDir::Etc::SourceParts=/dev/null".to_owned(),
            format!("-oDir::State::Lists={}", folder.join("lists").display()),
            // The folder is not one of apt's own user.
            "-oAPT::Sandbox::User=root".to_owned(),
        ];
        let apt = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command.args(&options).args(arguments).current_dir(folder);
            run(&mut command)
        };
        apt(&["update"])?;
        apt(&["source", "--download-only", package])?;
        let tar = find(folder, |name| name.contains(".orig.tar"))?;
        std::fs::create_dir(folder.join("files"))?;
        let mut unpack = Command::new("tar");
        unpack.arg("-xf").arg(tar).arg("-C");
        run(unpack.arg(folder.join("files")).arg("--strip-components=1"))?;
        Ok(folder.join("files"))
    })
}

/// The folder with the files of a package, as they would be installed.
///
/// # Errors
///
/// When apt cannot get it.
pub fn debian_package(package: &str) -> Result<PathBuf> {
    kept(package, |folder| {
        let mut fetch = Command::new("apt-get");
        let options = ["-qq", "-oAPT::Sandbox::User=root", "download", package];
        run(fetch.args(options).current_dir(folder))?;
        let archive = find(folder, |name| name.ends_with(".deb"))?;
        let mut unpack = Command::new("dpkg-deb");
        run(unpack.arg("-x").arg(&archive).arg(folder.join("files")))?;
        std::fs::remove_file(archive)?;
        Ok(folder.join("files"))
    })
}

/// What a package of Debian's depends on whose name begins so: the kernel's newest image, for one.
///
/// # Errors
///
/// When apt does not know.
pub fn dependency(package: &str, prefix: &str) -> Result<String> {
    let text = run(Command::new("apt-cache").args(["depends", package]))?;
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "));
    let name = names.into_iter().find(|name| name.starts_with(prefix));
    let name = name.with_context(|| format!("{package} depends on no {prefix}"))?;
    Ok(name.to_owned())
}

/// What `make` has made of an empty folder once: it ends where later runs look for it only when it is whole.
fn kept(name: &str, make: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    // target/PROFILE/deps/TEST, and target/interop
    let target = test.ancestors().nth(3).context("no target folder")?;
    let folder = target.join("interop").join(name);
    if !folder.exists() {
        let making = target
            .join("interop")
            .join(format!("{name}.{}", std::process::id()));
        std::fs::create_dir_all(&making)?;
        let made = make(&making).and_then(|made| Ok(std::fs::rename(made, &folder)?));
        std::fs::remove_dir_all(&making)?;
        made.with_context(|| format!("apt did not give {name}"))?;
    }
    Ok(folder)
}

/// Where Debian's packages come from on this machine, and which release it is.
fn archive() -> Result<(String, String)> {
    let mut command = Command::new("apt-get");
    let format = "$(ORIGIN) $(LABEL) $(CODENAME) $(REPO_URI)";
    command.args(["indextargets", "--format", format, "Created-By: Packages"]);
    let text = run(&mut command)?;
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        // Updates have the same names with a suffix.
        if let ["Debian", "Debian", release, archive] = *words
            && !release.contains('-')
        {
            return Ok((archive.to_owned(), release.to_owned()));
        }
    }
    bail!("apt knows no archive of Debian's");
}

fn find(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(&is_wanted) {
            return Ok(path);
        }
    }
    bail!("apt has left nothing in {}", folder.display())
}

/// Runs a command to its end and gives what it printed.
///
/// # Errors
///
/// When it cannot be started or fails; the error holds what it printed.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} failed with {}:\n{text}{errors}",
        output.status
    );
    Ok(text)
}
