//! A gateway of `nat` and `stateful-firewall` that answers JSON lines, to be held against a kernel's packets.
//!
//! ```text
//! cargo run --example packet_oracle < lines
//! cargo run --example packet_oracle -- --replay FOLDER
//! ```
//!
//! The protocol is that of [`internetwork::packet_oracle`]. With `--replay`, recorded cases of a folder
//! are played and compared instead.

use clap::Parser;
use internetwork::packet_oracle::{Case, PacketOracle, Tally, replay};
use std::fs;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::path::PathBuf;

/// Answers JSON lines as a gateway, or plays recorded cases.
#[derive(Parser)]
struct Arguments {
    /// Plays the recorded cases of this folder and says what differs.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Only cases whose name has this in it.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut oracle = PacketOracle::new();
    if let Some(folder) = &arguments.replay {
        return play(&mut oracle, folder, &arguments.only);
    }
    for line in stdin().lock().lines() {
        let answer = oracle.answer(&line?)?;
        let mut out = stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn play(oracle: &mut PacketOracle, folder: &PathBuf, only: &str) -> anyhow::Result<()> {
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut tally = Tally::default();
    for file in files {
        let case: Case = serde_json::from_slice(&fs::read(&file)?)?;
        if case.name.contains(only) {
            replay(oracle, &case, &mut tally)?;
        }
    }
    for difference in &tally.differences {
        println!("{difference}");
    }
    println!(
        "{} cases, {} packets in, {} out, {} differences, {} cases skipped",
        tally.cases,
        tally.packets,
        tally.outputs,
        tally.differences.len(),
        tally.skipped.len(),
    );
    Ok(())
}
