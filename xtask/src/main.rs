//! The developer tool of this workspace.
//!
//! `cargo xtask ci` runs every check in the order in which it is likely to fail; each stage is also
//! a subcommand of its own. `cargo xtask --help` lists them.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a program for the developer's machine, not a library"
)]

mod arrows;
mod ci;
mod examples;
mod fuzz;
mod interop;
mod licences;
mod no_std;
mod package;
mod process;
mod report;
mod rfc;
mod semver;
mod sizes;
mod workspace;

use crate::workspace::Workspace;
use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Checks and chores of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run all checks, fast ones first.
    Ci(ci::Options),
    /// Check which crate of the workspace depends on which.
    Arrows,
    /// Link a `#![no_std]` program with every published crate, default features off.
    NoStd,
    /// Print which RFC requirements are cited in code and which have a test.
    Rfc(rfc::Options),
    /// Check the length of every source file.
    Sizes,
    /// Check the licence of every package that is linked in.
    Licences,
    /// Run `cargo deny check`: advisories, licences, duplicates and sources.
    Deny,
    /// Run `cargo semver-checks`: every published crate against its last release, or a commit.
    Semver(semver::Options),
    /// Make the package of every published crate, and look at what is in it.
    Package(package::Options),
    /// Measure, and write the comparison tables of README.md.
    Report(report::Options),
    /// Run every fuzz target for some seconds.
    FuzzSmoke(fuzz::Options),
    /// Run the examples that need no root.
    Examples,
    /// Compare our reading of captures with a dissector's.
    Captures {
        /// Folder of captures with expected readings; that of `INTERNETWORK_SHARED` when not given.
        folder: Option<PathBuf>,
    },
    /// Run the tests against real peers in network namespaces; needs root.
    Interop(interop::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::load()?;
    match task {
        Task::Ci(options) => ci::run(&workspace, &options),
        Task::Arrows => arrows::run(&workspace),
        Task::NoStd => no_std::run(&workspace),
        Task::Rfc(options) => rfc::run(&workspace, &options),
        Task::Sizes => sizes::run(&workspace),
        Task::Licences => licences::run(&workspace),
        Task::Deny => licences::deny(&workspace),
        Task::Semver(options) => semver::run(&workspace, &options),
        Task::Package(options) => package::run(&workspace, &options),
        Task::Report(options) => report::run(&workspace, &options),
        Task::FuzzSmoke(options) => fuzz::run(&workspace, &options),
        Task::Examples => examples::run(&workspace),
        Task::Captures { folder } => examples::captures(&workspace, folder.as_deref()),
        Task::Interop(options) => interop::run(&workspace, &options),
    }
}
