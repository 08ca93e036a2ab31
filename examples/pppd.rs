//! A PPP daemon: one end of a link over a serial device, a pty, a Unix socket or Ethernet (PPPoE), with a TUN
//! device for its packets.
//!
//! ```text
//! pppd --simulate                                       # two ends on a line in memory, explained, without root
//! pppd --check examples/pppd.toml                       # is the configuration right?
//! sudo pppd --line tty:/dev/ttyUSB0,115200 --tun ppp0   # until Ctrl-C or the peer ends it
//! sudo pppd examples/pppd.toml --set lcp.mru=1400       # any setting of the file, from the command line
//! sudo pppd --line pppoe:eth0 --tun ppp0                # a client of PPPoE on an interface
//! sudo pppd --line pty --tun ppp0                       # prints the device for another program to open
//! ```
//!
//! `examples/pppd.toml` explains every setting. On a terminal there is a status line with the phase and counters;
//! `--json` prints an event a line instead. `--log debug` says why packets are ignored.

use anyhow::Result;
use clap::Parser;
use internetwork::pppd::config::Settings;
use internetwork::pppd::run::{Stop, Telling, run};
use internetwork::pppd::simulate::simulate;
use std::io::stdout;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

/// One end of a PPP link.
#[derive(Parser)]
struct Options {
    /// The configuration, in TOML.
    config: Option<PathBuf>,
    /// What carries the link: tty:DEVICE[,SPEED], pty, unix:PATH, listen:PATH, pppoe:INTERFACE or
    /// pppoe-server:INTERFACE.
    /// Given more than once, the lines are a multilink bundle.
    #[arg(long)]
    line: Vec<String>,
    /// The TUN device to make; without one, packets that arrive are dropped.
    #[arg(long)]
    tun: Option<String>,
    /// A setting of the file, such as lcp.mru=1400 or auth.name='me'; it goes before the file's.
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    over: Vec<String>,
    /// Only says whether the configuration is right.
    #[arg(long)]
    check: bool,
    /// Brings up two ends on a line in memory; needs no root.
    #[arg(long, conflicts_with_all = ["check", "line", "tun"])]
    simulate: bool,
    /// The seed of the simulation.
    #[arg(long, default_value_t = 1, requires = "simulate")]
    seed: u64,
    /// Prints events and counters as JSON, one a line.
    #[arg(long)]
    json: bool,
    /// Writes the PPP packets to this pcapng file.
    #[arg(long)]
    capture: Option<PathBuf>,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(long, default_value = "info")]
    log: LevelFilter,
}

fn main() -> Result<()> {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    if options.simulate {
        return simulate(&mut stdout(), options.seed, options.json);
    }
    let mut over = options.over;
    // Literal strings of TOML's.
    let quoted = |text: &String| format!("'{text}'");
    match &options.line[..] {
        [] => {}
        [line] => over.push(format!("line = {}", quoted(line))),
        lines => {
            let lines: Vec<String> = lines.iter().map(quoted).collect();
            over.push(format!("lines = [{}]", lines.join(", ")));
        }
    }
    over.extend(
        options
            .tun
            .iter()
            .map(|tun| format!("tun.device = {}", quoted(tun))),
    );
    let settings = Settings::read(options.config.as_deref(), &over)?;
    if options.check {
        println!("the configuration is right: {settings:#?}");
        return Ok(());
    }
    let stop = Stop::new()?;
    ctrlc::set_handler({
        let stop = stop.clone();
        move || stop.stop()
    })?;
    let telling = Telling {
        json: options.json,
        capture: options.capture,
    };
    run(settings, &telling, &stop)
}
