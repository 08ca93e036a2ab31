//! RFC requirements: which are listed, which are cited in code and which have a test.
//!
//! Each crate lists its requirements in `rfc-requirements.toml`, or in the files of a folder
//! `rfc-requirements`; comments beside the code and in the
//! tests cite them. `CONTRIBUTING.md` has the convention. The two are kept in step: a citation
//! that no list has is an error.

mod requirements;
mod scan;
#[cfg(test)]
mod tests;

use crate::sizes::is_test;
use crate::workspace::{EXAMPLES, Workspace};
use anyhow::{Context, Result, bail};
use requirements::{Key, Requirement};
use scan::{Citation, Scan};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The list of a crate, beside its `Cargo.toml`: one file, or a folder of files of the same name
/// without the ending.
const LIST: &str = "rfc-requirements.toml";

/// What `cargo xtask rfc` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Crates to print; all when none is given.
    crates: Vec<String>,
    /// Fail also when a requirement has no test and no exception.
    #[arg(long)]
    strict: bool,
    /// Print entries for the citations that no list has, to be pasted into one.
    #[arg(long)]
    missing: bool,
}

/// Options as the `ci` stage uses them.
pub(crate) const CI: Options = Options {
    crates: Vec::new(),
    strict: true,
    missing: false,
};

/// A crate's list, and the crate's own citations.
struct Ledger {
    name: String,
    requirements: Vec<Requirement>,
    citations: Vec<Citation>,
}

impl Ledger {
    fn counts(&self) -> Counts {
        let tested: BTreeSet<&Key> = self
            .citations
            .iter()
            .filter(|citation| citation.in_test)
            .map(|citation| &citation.key)
            .collect();
        let rfcs: BTreeSet<u32> = self.requirements.iter().map(|it| it.key.rfc).collect();
        let count = |test: &dyn Fn(&Requirement) -> bool| {
            self.requirements.iter().filter(|it| test(it)).count()
        };
        Counts {
            name: self.name.clone(),
            rfcs: rfcs.len(),
            requirements: self.requirements.len(),
            tested: count(&|it| tested.contains(&it.key)),
            excepted: count(&|it| !tested.contains(&it.key) && it.exception.is_some()),
        }
    }
}

/// What a crate lists, in numbers.
pub(crate) struct Counts {
    pub(crate) name: String,
    pub(crate) rfcs: usize,
    pub(crate) requirements: usize,
    pub(crate) tested: usize,
    /// Without a test, but with a reason.
    pub(crate) excepted: usize,
}

/// The numbers of all crates that list requirements.
pub(crate) fn counts(workspace: &Workspace) -> Result<Vec<Counts>> {
    let books = read(workspace)?;
    let listing = books
        .ledgers
        .iter()
        .filter(|it| !it.requirements.is_empty());
    Ok(listing.map(Ledger::counts).collect())
}

/// All lists and citations.
struct Books {
    ledgers: Vec<Ledger>,
    /// Citations that no list has, by the crate in which they stand.
    unlisted: BTreeMap<String, Vec<Citation>>,
    /// What cannot be read.
    complaints: Vec<String>,
}

/// Reads them.
fn read(workspace: &Workspace) -> Result<Books> {
    let mut ledgers = Vec::new();
    let mut complaints = Vec::new();
    for package in workspace.crates() {
        let folder = package
            .manifest_path
            .parent()
            .context("a manifest without a folder")?;
        let folder = folder.as_std_path();
        let requirements = read_lists(workspace, folder)?;
        let mut scan = Scan::default();
        for part in ["src", "tests"] {
            scan.add(read_sources(workspace, &folder.join(part))?);
        }
        complaints.extend(scan.malformed);
        ledgers.push(Ledger {
            name: package.name.to_string(),
            requirements,
            citations: scan.citations,
        });
    }

    // A test among the examples shows a requirement of whichever crate lists it.
    let examples = workspace
        .package(EXAMPLES)?
        .manifest_path
        .with_file_name("tests");
    let shared = read_sources(workspace, examples.as_std_path())?;
    complaints.extend(shared.malformed);

    let unlisted = distribute(&mut ledgers, shared.citations);
    Ok(Books {
        ledgers,
        unlisted,
        complaints,
    })
}

/// Prints the report and fails when lists and citations are out of step.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Books {
        ledgers,
        unlisted,
        mut complaints,
    } = read(workspace)?;
    if options.missing {
        for (name, citations) in &unlisted {
            println!("# {name}\n{}", requirements::draft(citations));
        }
        return Ok(());
    }
    for (name, citations) in &unlisted {
        for citation in citations {
            complaints.push(format!(
                "{}: {} is not in {name}'s {LIST}",
                citation.place, citation.key
            ));
        }
    }

    for wanted in &options.crates {
        if !ledgers.iter().any(|ledger| ledger.name == *wanted) {
            bail!("there is no crate `{wanted}`");
        }
    }
    let mut untested = 0;
    for ledger in &ledgers {
        let report = report(ledger);
        untested += report.untested;
        if options.crates.is_empty() || options.crates.contains(&ledger.name) {
            print!("{}", report.text);
        }
    }

    for complaint in &complaints {
        println!("error: {complaint}");
    }
    if !complaints.is_empty() {
        bail!(
            "citations and lists are out of step in {} places; `cargo xtask rfc --missing` prints \
             entries to paste",
            complaints.len()
        );
    }
    if options.strict && untested > 0 {
        bail!("requirements with neither a test nor an exception: {untested}");
    }
    Ok(())
}

/// Gives each shared citation to the crates that list it; what nobody lists is returned, by the
/// name of the crate (or of the examples) in which it stands.
fn distribute(ledgers: &mut [Ledger], shared: Vec<Citation>) -> BTreeMap<String, Vec<Citation>> {
    let mut unlisted: BTreeMap<String, Vec<Citation>> = BTreeMap::new();
    for ledger in ledgers.iter_mut() {
        let listed: BTreeSet<&Key> = ledger.requirements.iter().map(|entry| &entry.key).collect();
        for citation in &ledger.citations {
            if !listed.contains(&citation.key) {
                unlisted
                    .entry(ledger.name.clone())
                    .or_default()
                    .push(citation.clone());
            }
        }
    }
    for citation in shared {
        let mut found = false;
        for ledger in ledgers.iter_mut() {
            if ledger
                .requirements
                .iter()
                .any(|entry| entry.key == citation.key)
            {
                found = true;
                ledger.citations.push(citation.clone());
            }
        }
        if !found {
            unlisted
                .entry(EXAMPLES.to_owned())
                .or_default()
                .push(citation);
        }
    }
    unlisted
}

/// What is printed for one crate.
struct Report {
    text: String,
    /// Requirements without a test and without an exception.
    untested: usize,
}

fn report(ledger: &Ledger) -> Report {
    let (mut in_code, mut in_test) = (BTreeSet::new(), BTreeSet::new());
    for citation in &ledger.citations {
        if citation.in_test {
            in_test.insert(&citation.key);
        } else {
            in_code.insert(&citation.key);
        }
    }
    let mut by_rfc: BTreeMap<u32, Vec<&Requirement>> = BTreeMap::new();
    for entry in &ledger.requirements {
        by_rfc.entry(entry.key.rfc).or_default().push(entry);
    }

    let mut text = format!("{}\n", ledger.name);
    let mut untested = 0;
    if by_rfc.is_empty() {
        text.push_str("  no requirements listed\n");
    }
    for (rfc, entries) in by_rfc {
        let count = |test: &dyn Fn(&Requirement) -> bool| {
            entries.iter().filter(|entry| test(entry)).count()
        };
        let open = |entry: &Requirement| !in_test.contains(&entry.key) && entry.exception.is_none();
        untested += count(&open);
        let _ = writeln!(
            text,
            "  RFC {rfc}: {} listed, {} cited in code, {} with a test, {} without, {} excepted",
            entries.len(),
            count(&|entry| in_code.contains(&entry.key)),
            count(&|entry| in_test.contains(&entry.key)),
            count(&open),
            count(&|entry| entry.exception.is_some()),
        );
        for entry in entries {
            let mark = match (&entry.exception, open(entry)) {
                (Some(why), _) => format!("not done ({why})"),
                (None, true) if in_code.contains(&entry.key) => "no test".to_owned(),
                (None, true) => "no code cited, no test".to_owned(),
                (None, false) => continue,
            };
            let _ = writeln!(
                text,
                "    {mark}: {}: {}",
                entry.key.without_rfc(),
                entry.text
            );
        }
    }
    Report { text, untested }
}

/// Reads the list of the crate in `folder`, and the files of a list that is in parts.
fn read_lists(workspace: &Workspace, folder: &Path) -> Result<Vec<Requirement>> {
    let whole = folder.join(LIST);
    let mut files = Vec::new();
    if whole.exists() {
        files.push(whole.clone());
    }
    let parts = whole.with_extension("");
    if parts.is_dir() {
        for entry in fs::read_dir(&parts)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut requirements: Vec<Requirement> = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let part =
            requirements::parse(&text).with_context(|| workspace.shown(&file).to_string())?;
        for requirement in &part {
            if requirements
                .iter()
                .any(|known| known.key == requirement.key)
            {
                let shown = workspace.shown(&file);
                bail!("{shown}: {} is in another file already", requirement.key);
            }
        }
        requirements.extend(part);
    }
    Ok(requirements)
}

/// Reads all Rust files below a folder, which need not exist.
fn read_sources(workspace: &Workspace, folder: &Path) -> Result<Scan> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        sources.push((workspace.shown(&path).to_string().into(), text));
    }
    Ok(scan::scan(&sources, is_test))
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}
