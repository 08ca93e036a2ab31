//! The comparison tables of the README, from what the benches print.
//!
//! `benches/tables.toml` says which groups of which bench make which table. Each table stands in `README.md` between
//! two comments, and is replaced by what was measured:
//!
//! ```text
//! <!-- report: NAME -->
//! <!-- end of report: NAME -->
//! ```
//!
//! What the benches printed stays in `target/report/`, so that `--reuse` writes the tables again without measuring.

mod ledger;
mod machine;
mod markers;
mod measured;
mod tables;
#[cfg(test)]
mod tests;

use crate::process;
use crate::workspace::{BENCHES, EXAMPLES, Workspace};
use anyhow::{Context, Result, bail};
use measured::Measured;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tables::{Example, Source, Table, Tables, groups_of};

/// What `cargo xtask report` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write only this table; may be given several times.
    #[arg(long, value_name = "TABLE")]
    only: Vec<String>,
    /// Take what was measured last, from target/report/.
    #[arg(long)]
    reuse: bool,
    /// Measure nothing: see that README.md and benches/tables.toml fit together.
    #[arg(long, conflicts_with_all = ["only", "reuse", "list"])]
    check: bool,
    /// Print the names of the tables.
    #[arg(long, conflicts_with_all = ["only", "reuse"])]
    list: bool,
}

/// What CI runs.
pub(crate) const CHECK: Options = Options {
    only: Vec::new(),
    reuse: false,
    check: true,
    list: false,
};

/// Measures and writes, or checks.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let path = workspace.root.join("benches/tables.toml");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", workspace.shown(&path)))?;
    let tables = Tables::parse(&text).context("benches/tables.toml")?;
    tables.check_benches(&benches(workspace)?)?;
    if options.list {
        for table in &tables.table {
            println!("{}", table.name);
        }
        return Ok(());
    }

    let readme_path = workspace.root.join("README.md");
    let mut readme = fs::read_to_string(&readme_path).context("cannot read README.md")?;
    let waiting = markers::check(&readme, &tables).context("README.md")?;
    if options.check {
        if let Some(name) = waiting.stale.first() {
            bail!(
                "README.md: table `{name}` has other rows than benches/tables.toml: \
                 `cargo xtask report --only {name}`"
            );
        }
        println!("{} tables, all in their places", tables.table.len());
        for name in waiting.empty {
            println!("`{name}` has not been measured yet: `cargo xtask report --only {name}`");
        }
        return Ok(());
    }

    for name in &options.only {
        if !tables.table.iter().any(|table| table.name == *name) {
            bail!("there is no table `{name}`; `cargo xtask report --list` prints them");
        }
    }
    let chosen: Vec<&Table> = tables
        .table
        .iter()
        .filter(|table| options.only.is_empty() || options.only.contains(&table.name))
        .collect();
    let mut report = Report::new(workspace, options.reuse)?;
    for table in &chosen {
        match report.table(table, &chosen)? {
            Ok(text) => {
                readme = markers::replace(&readme, &table.name, &text)?;
                // After each, so that what took long is not lost when the next one fails.
                fs::write(&readme_path, &readme).context("cannot write README.md")?;
                println!("\n{text}");
            }
            Err(reason) if options.only.is_empty() => {
                println!("table `{}` stays as it is: {reason}", table.name);
            }
            Err(reason) => bail!("table `{}` cannot be measured here: {reason}", table.name),
        }
    }
    Ok(())
}

/// The names of the benches that there are.
fn benches(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let package = workspace.package(BENCHES)?;
    let benches = package.targets.iter().filter(|target| target.is_bench());
    Ok(benches.map(|target| target.name.clone()).collect())
}

/// What has been measured so far.
struct Report<'a> {
    workspace: &'a Workspace,
    reuse: bool,
    /// Where output is kept.
    folder: PathBuf,
    /// By bench: one run gives the groups of all tables.
    measured: BTreeMap<String, Measured>,
}

impl<'a> Report<'a> {
    fn new(workspace: &'a Workspace, reuse: bool) -> Result<Self> {
        let folder = workspace.target.join("report");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", workspace.shown(&folder)))?;
        Ok(Self {
            workspace,
            reuse,
            folder,
            measured: BTreeMap::new(),
        })
    }

    /// The Markdown of a table, or why there is none on this machine.
    fn table(&mut self, table: &Table, chosen: &[&Table]) -> Result<Result<String, String>> {
        let rows = match table.source()? {
            Source::Example(example) => return self.example(example),
            Source::Ledger => return Ok(Ok(ledger::markdown(self.workspace)?)),
            Source::Rows(rows) => rows,
        };
        for row in &rows {
            if !self.measured.contains_key(row.bench) {
                // One run gives what all the tables want of it.
                let output = self.bench(row.bench, &groups_of(row.bench, chosen))?;
                let measured = Measured::parse(&output)
                    .with_context(|| format!("what bench `{}` prints", row.bench))?;
                self.measured.insert(row.bench.to_owned(), measured);
            }
        }
        Ok(Ok(table.markdown(&rows, &self.measured)?))
    }

    /// What a bench prints about these groups, the machine in the first line.
    fn bench(&self, bench: &str, groups: &BTreeSet<String>) -> Result<String> {
        let file = self.folder.join(format!("{bench}.md"));
        if self.reuse {
            return fs::read_to_string(&file).with_context(|| {
                format!(
                    "nothing was measured before in {}",
                    self.workspace.shown(&file)
                )
            });
        }
        let cargo = |extra: &[&str]| {
            let mut command = process::cargo(&self.workspace.root);
            command.args(["bench", "--package", BENCHES, "--bench", bench]);
            command.args(extra);
            command
        };
        // Apart from the measurement, which it would disturb.
        process::run(&mut cargo(&["--no-run"]))?;
        let mut command = cargo(&["--quiet", "--", "--ratios"]);
        command.args(groups);
        let (printed, load) = measure(&mut command)?;
        let output = format!("{}\n{printed}", machine::line(&load));
        fs::write(&file, &output)
            .with_context(|| format!("cannot write {}", self.workspace.shown(&file)))?;
        Ok(output)
    }

    /// What an example prints, or why it cannot.
    fn example(&self, example: &Example) -> Result<Result<String, String>> {
        let file = self.folder.join(format!("{}.md", example.name));
        let output = if self.reuse {
            fs::read_to_string(&file).with_context(|| {
                format!(
                    "nothing was measured before in {}",
                    self.workspace.shown(&file)
                )
            })?
        } else {
            if process::output(Command::new("id").arg("-u"))?.trim() != "0" {
                return Ok(Err("it needs root".to_owned()));
            }
            for program in &example.needs {
                if !process::succeeds("sh", &["-c", &format!("command -v {program}")]) {
                    return Ok(Err(format!("`{program}` is not installed")));
                }
            }
            // It starts the other examples by itself.
            process::run(process::cargo(&self.workspace.root).args([
                "build",
                "--release",
                "--package",
                EXAMPLES,
                "--examples",
            ]))?;
            let program = self.workspace.target.join("release/examples");
            let mut command = Command::new(program.join(&example.name));
            command
                .args(&example.arguments)
                .current_dir(&self.workspace.root);
            let (printed, load) = measure(&mut command)?;
            let output = format!("{}\n{printed}", machine::line(&load));
            fs::write(&file, &output)
                .with_context(|| format!("cannot write {}", self.workspace.shown(&file)))?;
            output
        };
        let machine = machine::of_output(&output)?;
        let lines: Vec<&str> = output
            .lines()
            .filter(|line| line.starts_with('|'))
            .collect();
        if lines.len() < 3 {
            bail!("example `{}` printed no table", example.name);
        }
        Ok(Ok(format!(
            "{}\n\n{}",
            lines.join("\n"),
            machine::shown(&machine)
        )))
    }
}

/// Runs a command and gives what it printed, with the higher load of before and after.
fn measure(command: &mut Command) -> Result<(String, String)> {
    println!("$ {}", process::line(command));
    let before = machine::load();
    let printed = process::output(command.stderr(Stdio::inherit()))?;
    let load = [before, machine::load()]
        .into_iter()
        .flatten()
        .max_by(f64::total_cmp)
        .map_or_else(|| "unknown".to_owned(), |load| format!("{load:.1}"));
    Ok((printed, load))
}
