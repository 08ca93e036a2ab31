//! Large RIP tables: our router beside FRR and BIRD, fed by the same sender, in one run.
//!
//! ```text
//! cargo build --release --examples
//! sudo target/release/examples/rip_scale                     # 1k, 10k and 100k routes, paced and in one burst
//! sudo target/release/examples/rip_scale --routes 10000 --fib
//! sudo target/release/examples/rip_scale --peers             # whole tables from router to router
//! ```
//!
//! Each experiment has namespaces of its own: a sender, the router under test, and a listener to which it announces
//! what it has learned. CPU time is that of all threads, with the kernel's part; memory is what the resident size grew
//! by. FRR's `ripd` hands its routes to `zebra`, which is counted by itself.

use anyhow::Result;
use clap::{Parser, ValueEnum};
use core::time::Duration;
use internetwork::rip_router::lab::Kind;
use internetwork::rip_router::scale::{Experiment, Outcome, run, run_peers};

/// A router under test.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    Ours,
    Frr,
    Bird,
}

impl From<Who> for Kind {
    fn from(who: Who) -> Self {
        match who {
            Who::Ours => Self::Ours,
            Who::Frr => Self::Frr,
            Who::Bird => Self::Bird,
        }
    }
}

/// Measures routers with large tables. It needs root, FRR and BIRD.
#[derive(Parser)]
struct Options {
    /// How many routes.
    #[arg(long, value_delimiter = ',', default_values = ["1000", "10000", "100000"])]
    routes: Vec<u32>,
    /// Which routers.
    #[arg(long, value_delimiter = ',', default_values = ["ours", "bird", "frr"])]
    who: Vec<Who>,
    /// Messages a second of the paced sender.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Write the routes into the kernel too.
    #[arg(long)]
    fib: bool,
    /// Instead: each router announces a whole table to each other one.
    #[arg(long)]
    peers: bool,
    /// Print Markdown, with the versions of the routers: what `cargo xtask report` puts into the README.
    #[arg(long, conflicts_with = "peers")]
    markdown: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.peers {
        return peers(&options);
    }
    if options.markdown {
        return markdown(&options);
    }
    let fib = if options.fib {
        "kernel routes"
    } else {
        "no kernel routes"
    };
    println!("{fib}; memory and CPU of the routing daemon, zebra by itself");
    println!(
        "{:>7} {:>7} {:5} {:>10} {:>12} {:>10} {:>9} {:>9} {:>11} {:>12} {:>7}",
        "routes",
        "sender",
        "who",
        "learned in",
        "us per route",
        "zebra us",
        "B/route",
        "zebra B",
        "all told in",
        "us in + out",
        "dropped"
    );
    for routes in &options.routes {
        for rate in [Some(options.rate), None] {
            for who in &options.who {
                let experiment = Experiment {
                    kind: (*who).into(),
                    routes: *routes,
                    rate,
                    fib: options.fib,
                };
                print(&experiment, &run(&experiment)?);
            }
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for a table")]
fn print(experiment: &Experiment, outcome: &Outcome) {
    let routes = f64::from(experiment.routes);
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / routes;
    let octets = |resident: u64| resident as f64 / routes;
    let time = |time: Option<Duration>, reached: u32| match time {
        Some(time) => format!("{:.2} s", time.as_secs_f64()),
        None => format!("never: {reached}"),
    };
    println!(
        "{:>7} {:>7} {:5} {:>10} {:>12.2} {:>10.2} {:>9.0} {:>9.0} {:>11} {:>12.2} {:>7}",
        experiment.routes,
        experiment
            .rate
            .map_or("burst".to_owned(), |rate| format!("{rate}/s")),
        format!("{:?}", experiment.kind).to_lowercase(),
        time(outcome.learn_time, outcome.learned),
        micros(outcome.learn.cpu),
        micros(outcome.zebra.cpu),
        octets(outcome.learn.resident),
        octets(outcome.zebra.resident),
        time(outcome.heard_time, outcome.heard),
        micros(outcome.total.cpu),
        outcome.drops,
    );
}

/// A table with a column for each router.
#[expect(clippy::cast_precision_loss, reason = "for a table")]
fn markdown(options: &Options) -> Result<()> {
    let names: Vec<String> = options.who.iter().map(|who| named(*who)).collect();
    for routes in &options.routes {
        let mut paced = Vec::new();
        let mut burst = Vec::new();
        for who in &options.who {
            for (rate, outcomes) in [(Some(options.rate), &mut paced), (None, &mut burst)] {
                let experiment = Experiment {
                    kind: (*who).into(),
                    routes: *routes,
                    rate,
                    fib: options.fib,
                };
                outcomes.push(run(&experiment)?);
            }
        }
        let row = |label: &str, outcomes: &[Outcome], cell: &dyn Fn(&Outcome) -> String| {
            let cells: Vec<String> = outcomes.iter().map(cell).collect();
            println!("| {label} | {} |", cells.join(" | "));
        };
        let learned = |outcome: &Outcome| match outcome.learn_time {
            Some(time) => format!("{:.2} s", time.as_secs_f64()),
            None => format!("never; {}", outcome.learned),
        };
        println!(
            "| `rip`, {routes} routes at {} messages a second, whole processes | {} |",
            options.rate,
            names.join(" | ")
        );
        println!("|---|{}", "---:|".repeat(names.len()));
        row("learned after", &paced, &learned);
        row(
            "processor time a route, kernel included",
            &paced,
            &|outcome| {
                let time = outcome.learn.cpu.as_secs_f64() * 1e6 / f64::from(*routes);
                format!("{time:.1} us")
            },
        );
        row("memory a route, octets", &paced, &|outcome| {
            format!("{:.0}", outcome.learn.resident as f64 / f64::from(*routes))
        });
        row("the same routes in one burst", &burst, &learned);
        row("messages lost of the burst", &burst, &|outcome| {
            outcome.drops.to_string()
        });
    }
    Ok(())
}

/// A router with its version, as it stands at the head of its column.
fn named(who: Who) -> String {
    let (name, program, arguments) = match who {
        Who::Ours => return "ours".to_owned(),
        Who::Bird => ("BIRD", "bird", "--version"),
        Who::Frr => ("FRR ripd", "/usr/lib/frr/ripd", "--version"),
    };
    let output = std::process::Command::new(program).arg(arguments).output();
    let output = output.map(|output| [output.stdout, output.stderr].concat());
    let text = output.map(|output| String::from_utf8_lossy(&output).into_owned());
    // "BIRD version 2.0.12", "ripd version 8.4.4"
    let version = text.ok().and_then(|text| {
        let (_, rest) = text.split_once("version ")?;
        rest.split_whitespace().next().map(str::to_owned)
    });
    format!("{name} {}", version.unwrap_or_default())
}

fn peers(options: &Options) -> Result<()> {
    println!("a table from router to router, into the kernel; from the first route to the last");
    for routes in &options.routes {
        for from in &options.who {
            for to in &options.who {
                let (from, to) = (Kind::from(*from), Kind::from(*to));
                let outcome = run_peers(from, to, *routes)?;
                let time = match outcome.time {
                    Some(time) => format!("all after {:.2} s", time.as_secs_f64()),
                    None => format!("never all, at most {}", outcome.learned),
                };
                let (from, to) = (format!("{from:?}"), format!("{to:?}"));
                println!(
                    "{routes:>7} {from:>4} -> {to:4} {time}; {} dropped",
                    outcome.drops
                );
            }
        }
    }
    Ok(())
}
