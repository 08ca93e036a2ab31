//! The whole internetwork in one process: homes, providers, a company and an attacker, joined by simulated links
//! that carry real octets between the real crates. No root, no network, no waiting.
//!
//! ```sh
//! cargo run --release --example internetwork -- --out target/internetwork
//! ```
//!
//! It tells a story, checks that each part of it came out as it has to, and fails when one did not. With `--out` it
//! leaves a capture of every link, which Wireshark reads, and `report.html`, a page to look at in a browser.
//!
//! With `--live`, as root, the same routers stand between network namespaces, FRR, BIRD and a guest kernel's `pppd`,
//! and `ping`, `curl`, `iperf3` and `traceroute` go through them.

extern crate alloc;

use alloc::rc::Rc;
use alloc::sync::Arc;
use anyhow::{Context, Result};
use clap::Parser;
use core::cell::RefCell;
use core::sync::atomic::Ordering;
use core::time::Duration;
use indicatif::{ProgressBar, ProgressStyle};
use internetwork::world::live::{self, LiveOptions};
use internetwork::world::model::StoryLine;
use internetwork::world::page;
use internetwork::world::run::{Listener, RunConfig, run, verdict};
use internetwork::world::scenario::{self, Options, Scenario};
use internetwork::world::stage::Faults;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

/// Homes, providers, a company and an attacker in a simulated internetwork.
#[derive(Parser)]
#[command(version)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
struct Arguments {
    /// Plays only this scenario; may be given more than once.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// Lists the scenarios.
    #[arg(long)]
    list: bool,
    /// Where captures and the report go; the directory is made.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Everything that is drawn, is drawn from this: the same seed plays the same again.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints the report as JSON instead of the story.
    #[arg(long)]
    json: bool,
    /// The home dials by PPPoE, not by a serial line.
    #[arg(long)]
    pppoe: bool,
    /// Percent of frames that every link loses, beside its own.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT")]
    loss: f64,
    /// Percent of frames that arrive twice.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT")]
    duplicate: f64,
    /// Percent of frames that later ones may pass.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT")]
    reorder: f64,
    /// Percent of frames that arrive damaged.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT")]
    corrupt: f64,
    /// Seconds for which the first link of each scenario is cut, from its tenth second on.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    cut: u64,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
    /// Instead of the simulation: real links, kernels, programs, FRR, BIRD and pppd around the routers. Needs root.
    #[arg(
        long,
        conflicts_with_all = [
            "scenarios", "list", "pppoe", "loss", "duplicate", "reorder", "corrupt", "cut", "seed"
        ]
    )]
    live: bool,
    /// With --live: each thing once, in less than a minute.
    #[arg(long, requires = "live")]
    short: bool,
}

struct Terminal {
    bar: ProgressBar,
    tells: bool,
}

impl Listener for Terminal {
    fn begins(&mut self, scenario: &Scenario, number: usize, count: usize) {
        self.bar.set_message(scenario.title);
        if self.tells {
            self.bar.suspend(|| {
                println!("\n{number} of {count}: {}", scenario.title);
                for line in wrap(scenario.about, 100) {
                    println!("  {line}");
                }
                println!();
            });
        }
    }

    fn told(&mut self, line: &StoryLine) {
        self.bar.tick();
        if self.tells {
            let seconds = Duration::from_micros(line.at_us).as_secs_f64();
            self.bar.suspend(|| {
                let mut lines = wrap(&line.text, 90).into_iter();
                println!("{seconds:>9.3} s  {}", lines.next().unwrap_or_default());
                for more in lines {
                    println!("             {more}");
                }
            });
        }
    }

    fn ended(&mut self, scenario: &Scenario, failure: Option<&str>) {
        self.bar.inc(1);
        if self.tells {
            self.bar.suspend(|| match failure {
                None => println!("             All of {} came as it has to.", scenario.name),
                Some(why) => println!("             FAILED: {why}"),
            });
        }
    }
}

/// Breaks a text into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The internetwork on real links.
fn live(arguments: &Arguments) -> Result<()> {
    let options = LiveOptions {
        short: arguments.short,
        captures: arguments.out.clone(),
        ..LiveOptions::default()
    };
    let stop = Arc::clone(&options.stop);
    ctrlc::set_handler(move || stop.store(true, Ordering::Relaxed))?;
    let is_told = !arguments.json && !arguments.quiet;
    let report = live::run(&options, &mut |case| {
        if is_told {
            let mark = if case.passed { "ok  " } else { "FAIL" };
            println!("{mark} {}: {}", case.peer, case.what);
        }
    })?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("\n{}", report.table());
    }
    report.verdict()
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.live {
        return live(&arguments);
    }
    if arguments.list {
        for scenario in scenario::all() {
            println!("{:<10} {}", scenario.name, scenario.title);
        }
        return Ok(());
    }
    let faults = Faults {
        loss: arguments.loss / 100.0,
        duplicate: arguments.duplicate / 100.0,
        reorder: arguments.reorder / 100.0,
        corrupt: arguments.corrupt / 100.0,
        cut: Duration::from_secs(arguments.cut),
    };
    let percents = [
        faults.loss,
        faults.duplicate,
        faults.reorder,
        faults.corrupt,
    ];
    anyhow::ensure!(
        percents.iter().all(|part| (0.0..=1.0).contains(part)),
        "--loss, --duplicate, --reorder and --corrupt take percents, from 0 to 100"
    );
    let given: Vec<String> = std::env::args().skip(1).collect();
    let config = RunConfig {
        seed: arguments.seed,
        faults,
        options: Options {
            pppoe: arguments.pppoe,
        },
        scenarios: arguments.scenarios,
        out: arguments.out.clone(),
        command: format!(
            "cargo run --release --example internetwork -- {}",
            given.join(" ")
        ),
    };
    let count = if config.scenarios.is_empty() {
        scenario::all().len()
    } else {
        config.scenarios.len()
    };
    let bar = if arguments.json || arguments.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(u64::try_from(count)?)
    };
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {pos} of {len}  {msg}",
    )?);
    let terminal = Rc::new(RefCell::new(Terminal {
        bar: bar.clone(),
        tells: !arguments.json,
    }));
    let report = run(&config, terminal)?;
    bar.finish_and_clear();
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    if let Some(out) = &arguments.out {
        let path = out.join("report.html");
        let file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        page::write(&report, &mut BufWriter::new(file))?;
        let frames: u64 = report
            .scenarios
            .iter()
            .flat_map(|it| &it.links)
            .map(|it| it.frames)
            .sum();
        if !arguments.json {
            println!(
                "\n{frames} frames are in the captures in {}.\nLook at {} in a browser.",
                out.display(),
                path.display()
            );
        }
    } else if !arguments.json {
        println!("\nWith --out DIR it leaves captures, and a page to look at.");
    }
    verdict(&report)
}
