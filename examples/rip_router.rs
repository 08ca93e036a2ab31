//! A RIP and RIPng router for Linux: learns routes from its neighbors, tells them its own, and has the kernel forward.
//!
//! ```text
//! rip_router --check examples/rip_router.toml       # is the configuration right?
//! sudo rip_router examples/rip_router.toml          # runs until Ctrl-C
//! sudo rip_router --show                            # the tables of the router that runs, refreshed each second
//! sudo rip_router --json                            # the same once, for programs
//! rip_router --simulate                             # five routers on a simulated ring, without root
//! ```
//!
//! `examples/rip_router.toml` explains every setting. `--log debug` says why
//! messages are ignored.

use anyhow::{Context, Result, bail};
use clap::Parser;
use core::time::Duration;
use internetwork::rip_router::config::RouterConfig;
use internetwork::rip_router::run::{Stop, run};
use internetwork::rip_router::simulate::simulate;
use internetwork::rip_router::{control, show};
use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

/// A RIP and RIPng router: routes in the kernel, learned from neighbors.
#[derive(Parser)]
struct Options {
    /// The configuration, in TOML.
    #[arg(required_unless_present_any = ["show", "json", "simulate"])]
    config: Option<PathBuf>,
    /// Only says whether the configuration is right.
    #[arg(long)]
    check: bool,
    /// Shows the tables of a router that runs; refreshed each second on a terminal.
    #[arg(long, conflicts_with_all = ["check", "json"])]
    show: bool,
    /// Prints the state of a router that runs, as JSON.
    #[arg(long, conflicts_with = "check")]
    json: bool,
    /// Runs five routers on a simulated ring, cuts a link and heals it; needs no root.
    #[arg(long, conflicts_with_all = ["check", "show", "json"])]
    simulate: bool,
    /// The seed of the simulation.
    #[arg(long, default_value_t = 1, requires = "simulate")]
    seed: u64,
    /// Writes the packets of the simulation to this pcapng file.
    #[arg(long, requires = "simulate")]
    capture: Option<PathBuf>,
    /// The control socket of the router that runs, for --show and --json.
    #[arg(long, default_value = "/run/rip_router.sock")]
    control: PathBuf,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(long, default_value = "info")]
    log: LevelFilter,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.json {
        let snapshot = control::ask(&options.control, usize::MAX)?;
        println!("{}", serde_json::to_string_pretty(&snapshot)?);
        return Ok(());
    }
    if options.show {
        return view(&options);
    }
    if options.simulate {
        return simulate(&mut stdout(), options.seed, options.capture.as_deref());
    }
    let path = options.config.context("no configuration was given")?;
    let config = RouterConfig::read(&path)?;
    if options.check {
        println!("{}: the configuration is right", path.display());
        return Ok(());
    }
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    let stop = Stop::new()?;
    ctrlc::set_handler({
        let stop = stop.clone();
        move || stop.stop()
    })?;
    run(config, &stop)
}

/// The tables: once, or on a terminal again and again until the router or the user ends it.
fn view(options: &Options) -> Result<()> {
    let (rows, _) = rustix::termios::tcgetwinsize(stdout()).map_or((usize::MAX, 0), |size| {
        (usize::from(size.ws_row), size.ws_col)
    });
    let terminal = stdout().is_terminal();
    loop {
        // The tables of interfaces and neighbors take some lines of the screen.
        let routes = rows.saturating_sub(16).max(8);
        let snapshot = control::ask(&options.control, routes)?;
        if snapshot.protocols.is_empty() {
            bail!("the router runs no protocol");
        }
        let text = show::render(&snapshot, routes);
        let mut out = stdout().lock();
        if !terminal {
            return Ok(out.write_all(text.as_bytes())?);
        }
        // Clears the screen and starts at its top.
        write!(out, "\x1b[2J\x1b[H{text}")?;
        out.flush()?;
        drop(out);
        wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a table for people, each second")]
fn wait() {
    std::thread::sleep(Duration::from_secs(1));
}
