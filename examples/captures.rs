//! Compares our reading of the reference captures with tshark's, and prints what it found.
//!
//! ```text
//! INTERNETWORK_SHARED=... cargo run --example captures            # all captures
//! INTERNETWORK_SHARED=... cargo run --example captures -- icmp    # those in captures/icmp
//! ```
//!
//! It fails on any difference that is not excused.

#![forbid(unsafe_code)]

use anyhow::{Context, Result, bail};
use clap::Parser;
use internetwork::compare::Report;
use testkit::captures;

/// Compares our reading of the reference captures with tshark's.
#[derive(Debug, Parser)]
struct Arguments {
    /// A folder of `captures/`; all of them where none is given.
    folder: Option<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let captures = match &arguments.folder {
        Some(folder) => captures::in_folder(folder),
        None => captures::all(),
    };
    let captures = captures.with_context(|| {
        let variable = captures::SHARED_VARIABLE;
        format!("{variable} must name the folder that has captures/")
    })?;
    let mut report = Report::default();
    for capture in &captures {
        report.add(capture);
    }
    print!("{report}");
    if !report.differences.is_empty() {
        bail!("{} keys differ", report.differences.len());
    }
    // A single folder does not need every excuse.
    let stale = report.stale();
    if arguments.folder.is_none() && !stale.is_empty() {
        bail!("no frame needs: {}", stale.join("; "));
    }
    Ok(())
}
