//! A firewall that terminates connections: a rule gives them to the caller, whose sockets hold what
//! clients send to a filter of HTTP hosts and paths and TLS server names.
//!
//! ```text
//! cargo run --example proxy_firewall
//! cargo run --example proxy_firewall -- --json
//! ```
//!
//! Runs by itself and without root: clients, proxy and servers are sockets on the loopback interface. The
//! example `firewall` has the same proxy between real hosts.

use anyhow::Result;
use clap::Parser;
use internetwork::proxy_firewall::simulate;

/// Terminates connections and filters them.
#[derive(Parser)]
struct Options {
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    print!("{}", simulate(options.json)?);
    Ok(())
}
