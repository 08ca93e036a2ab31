//! A live router that translates addresses, between two TUN devices.
//!
//! ```text
//! cargo run --example nat_router -- --check examples/nat_router.toml   # whether a file can be used
//! cargo run --example nat_router -- --simulate                         # without root, in virtual time
//!
//! sudo target/release/examples/nat_router --top examples/nat_router.toml
//! sudo target/release/examples/nat_router --json examples/nat_router.toml
//! ```
//!
//! The devices `nat-in` and `nat-out` are each in a network namespace, when the file names one, whose
//! kernel is the host, or the router, on that side:
//!
//! ```text
//! ip -n lan link set nat-in up;   ip -n lan route add default dev nat-in src 192.168.7.10
//! ip -n wan link set nat-out up;  ip -n wan route add 203.0.113.0/24 dev nat-out
//! ```
//!
//! IPv6 hosts inside reach IPv4 hosts outside by NAT64, and IPv6 hosts as they are or under another prefix (NPTv6),
//! if the file says so; the namespaces then have routes for IPv6 too.
//!
//! With SIGHUP it reads the file again and goes over to the new rules: sessions that they still give go on, with their
//! outside endpoints; the others end. Ends with SIGINT or SIGTERM, and prints what there is.

use anyhow::{Context, Result, bail};
use clap::Parser;
use internetwork::live_router::LiveOptions;
use internetwork::nat_router::{NatFile, run, simulate};
use packet_buffer::Instant;
use std::path::PathBuf;
use testkit::SeededRandom;

/// Translates addresses between two TUN devices.
#[derive(Parser)]
struct Options {
    /// The configuration.
    file: Option<PathBuf>,
    /// Only says whether the file can be used.
    #[arg(long, conflicts_with = "simulate")]
    check: bool,
    /// Runs a scenario in virtual time, without root and without a file.
    #[arg(long, conflicts_with = "file")]
    simulate: bool,
    /// The seed of the simulation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    live: LiveOptions,
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
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = NatFile::parse(&text).with_context(|| path.display().to_string())?;
    if options.check {
        file.build(Instant::ZERO, &mut SeededRandom::new(1))
            .with_context(|| path.display().to_string())?;
        println!("{} can be used", path.display());
        return Ok(());
    }
    run(path, file, options.live)
}
