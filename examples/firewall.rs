//! A live firewall between any number of TUN devices, for IPv4 and IPv6.
//!
//! ```text
//! cargo run --example firewall -- --check examples/firewall.toml   # whether a file can be used
//! cargo run --example firewall -- --simulate                       # without root, in virtual time
//! cargo run --example firewall -- examples/firewall.toml \
//!     --explain "fw-out tcp 198.51.100.7:40000 > 203.0.113.1:80"   # which rule decides, and why
//!
//! sudo target/release/examples/firewall --top examples/firewall.toml
//! sudo target/release/examples/firewall --json examples/firewall.toml
//! ```
//!
//! Each device is in a network namespace, when the file names one, whose kernel is the host, or the
//! router, on that side:
//!
//! ```text
//! ip -n lan link set fw-in up;   ip -n lan route add default dev fw-in src 192.168.7.10
//! ip -n dmz link set fw-dmz up;  ip -n dmz route add default dev fw-dmz src 192.168.8.80
//! ip -n wan link set fw-out up;  ip -n wan route add 203.0.113.0/24 dev fw-out
//! ```
//!
//! SIGHUP loads the rules anew, and so does `--control PATH reload` over the control socket that the
//! file may name; `--control PATH sessions`, `rules` and `counters` ask. The other tables of the file
//! are read when the program starts. Ends with SIGINT or SIGTERM, and prints what there is.

use anyhow::{Context, Result, bail};
use clap::Parser;
use internetwork::control_socket;
use internetwork::firewall::{Loaded, explain, run, simulate};
use internetwork::live_router::LiveOptions;
use std::path::PathBuf;
use testkit::SeededRandom;

/// Filters between TUN devices.
#[derive(Parser)]
struct Options {
    /// The configuration; with --control, what is asked.
    file: Option<PathBuf>,
    /// Only says whether the file can be used, and which rules never can be.
    #[arg(long, conflicts_with = "simulate")]
    check: bool,
    /// Says which rule of the file decides about a packet:
    /// INTERFACE tcp|udp|icmp SOURCE > DESTINATION [FLAGS].
    #[arg(long, value_name = "PACKET", conflicts_with_all = ["simulate", "check"])]
    explain: Option<String>,
    /// Runs a scenario in virtual time, without root and without a file.
    #[arg(long, conflicts_with = "file")]
    simulate: bool,
    /// The seed of the simulation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    live: LiveOptions,
    /// Asks the firewall whose control socket this is: reload, sessions, rules or counters.
    #[arg(long, value_name = "SOCKET", conflicts_with = "simulate")]
    control: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.simulate {
        print!("{}", simulate(options.seed, options.live.json)?);
        return Ok(());
    }
    let Some(path) = &options.file else {
        bail!("which file? (or --simulate)");
    };
    if let Some(socket) = &options.control {
        print!(
            "{}",
            control_socket::ask(socket, path.to_str().unwrap_or_default())?
        );
        return Ok(());
    }
    let loaded = Loaded::read(path)?;
    if let Some(line) = &options.explain {
        print!("{}", explain(&loaded, line)?);
        return Ok(());
    }
    if options.check {
        let named = || path.display().to_string();
        let router = loaded
            .build(&mut SeededRandom::new(1))
            .with_context(named)?;
        println!("{} can be used", path.display());
        if let Some(policy) = router.policy() {
            for finding in policy.check().findings {
                let rule = policy.rule_name(finding.rule).unwrap_or("?");
                println!("{rule}: {}", finding.kind);
            }
        }
        return Ok(());
    }
    run(path, &loaded, options.live)
}
