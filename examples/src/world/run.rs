//! Runs scenarios.

use super::assemble::assemble;
use super::model::{Report, StoryLine};
use super::scenario::{self, Options, Scenario};
use super::stage::{Faults, Stage};
use anyhow::{Context as _, Result, ensure};
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct RunConfig {
    /// What is drawn, is drawn from this.
    pub seed: u64,
    /// Faults beside the scenarios' own.
    pub faults: Faults,
    /// What scenarios are told.
    pub options: Options,
    /// The names of the scenarios; empty for all.
    pub scenarios: Vec<String>,
    /// Where captures go.
    pub out: Option<PathBuf>,
    /// The command line that runs it again.
    pub command: String,
}

/// Who hears what goes on.
pub trait Listener {
    /// A scenario begins: which, and of how many.
    fn begins(&mut self, scenario: &Scenario, number: usize, count: usize);
    /// Something was told.
    fn told(&mut self, line: &StoryLine);
    /// The scenario is over; why it failed, if it did.
    fn ended(&mut self, scenario: &Scenario, failure: Option<&str>);
}

/// Runs what is asked for.
///
/// # Errors
///
/// When there is no such scenario, or a file cannot be written. Scenarios that fail are in the report.
pub fn run(
    config: &RunConfig,
    listener: alloc::rc::Rc<core::cell::RefCell<dyn Listener>>,
) -> Result<Report> {
    let all = scenario::all();
    let known = |name: &String| all.iter().any(|it| it.name == name);
    if let Some(name) = config.scenarios.iter().find(|name| !known(name)) {
        let names: Vec<_> = all.iter().map(|it| it.name).collect();
        anyhow::bail!(
            "there is no scenario {name}; there are {}",
            names.join(", ")
        );
    }
    let chosen: Vec<_> = all
        .iter()
        .filter(|it| {
            config.scenarios.is_empty() || config.scenarios.iter().any(|name| it.name == name)
        })
        .collect();
    if let Some(out) = &config.out {
        std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    }
    let mut scenarios = Vec::new();
    for (number, scenario) in (1..).zip(&chosen) {
        listener.borrow_mut().begins(scenario, number, chosen.len());
        let ears = alloc::rc::Rc::clone(&listener);
        let tell = Box::new(move |line: &StoryLine| ears.borrow_mut().told(line));
        let (ended, failure) = play(
            scenario,
            config,
            Stage::new(config.seed, config.faults, tell),
        );
        listener.borrow_mut().ended(scenario, failure.as_deref());
        let out: Option<&Path> = config.out.as_deref();
        scenarios.push(assemble(scenario, ended, failure, out)?);
    }
    Ok(Report {
        seed: config.seed,
        command: config.command.clone(),
        faults: config.faults.words(),
        scenarios,
    })
}

/// Plays one; a panic is a failure too.
fn play(
    scenario: &Scenario,
    config: &RunConfig,
    mut stage: Stage,
) -> (super::stage::Ended, Option<String>) {
    let played = catch_unwind(AssertUnwindSafe(|| {
        (scenario.play)(&mut stage, &config.options)
    }));
    let failure = match played {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(format!("{why:#}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(format!("a panic: {}", text.unwrap_or("without a message")))
        }
    };
    (stage.end(), failure)
}

/// Fails when a scenario has.
///
/// # Errors
///
/// The first failure, and how many there are.
pub fn verdict(report: &Report) -> Result<()> {
    let failed: Vec<_> = report
        .scenarios
        .iter()
        .filter_map(|it| Some(format!("{}: {}", it.name, it.failure.as_ref()?)))
        .collect();
    ensure!(
        failed.is_empty(),
        "{} of {} scenarios failed:\n{}",
        failed.len(),
        report.scenarios.len(),
        failed.join("\n")
    );
    Ok(())
}
