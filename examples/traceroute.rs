//! Finds the hops of a path: by UDP, ICMP or TCP, on one flow or over several, with the MTU along the way.
//!
//! ```text
//! cargo run -p internetwork-examples --example traceroute -- --simulate      # no network, no root
//! sudo target/release/examples/traceroute 192.0.2.2
//! sudo target/release/examples/traceroute --icmp --mtu 2001:db8::2           # the MTU along the path
//! sudo target/release/examples/traceroute --tcp --port 443 --flows 16 HOST   # routers side by side
//! sudo target/release/examples/traceroute --mtr HOST                         # round after round, until Ctrl-C
//! ```

extern crate alloc;

use alloc::sync::Arc;
use anyhow::{Context, Result};
use clap::Parser;
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use icmp_nd::traceroute::{
    Event, FlowPolicy, Outcome, ProbeKind, Schedule, Traceroute, TracerouteConfig,
};
use internetwork::probe_net::{
    ProbeNet, RawNet, SimulatedNet, Writes, interface_mtu, resolve, source_for,
};
use internetwork::trace_report::{Observations, as_json, table};
use packet_buffer::PacketBuf;
use packet_buffer::random::OsRandom;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::process::ExitCode;
use testkit::SeededRandom;

/// Finds the hops of a path.
#[derive(Parser)]
struct Options {
    /// The destination: a name or an address.
    #[arg(required_unless_present = "simulate")]
    host: Option<String>,
    /// IPv4 only.
    #[arg(short = '4')]
    ipv4: bool,
    /// IPv6 only.
    #[arg(short = '6', conflicts_with = "ipv4")]
    ipv6: bool,
    /// Echo requests instead of UDP.
    #[arg(long, short = 'I', conflicts_with = "tcp")]
    icmp: bool,
    /// TCP SYN instead of UDP.
    #[arg(long, short = 'T')]
    tcp: bool,
    /// The destination port of UDP (33434) or TCP (80).
    #[arg(long, short)]
    port: Option<u16>,
    /// The source port.
    #[arg(long)]
    source_port: Option<u16>,
    /// Probes to each hop.
    #[arg(long, short = 'q', default_value_t = 3)]
    queries: u32,
    /// The first hop.
    #[arg(long, short, default_value_t = 1)]
    first: u8,
    /// The last hop.
    #[arg(long, short = 'm', default_value_t = 30)]
    max: u8,
    /// Hops without an answer in a row after which it is given up.
    #[arg(long, default_value_t = 30)]
    silent: u8,
    /// Seconds after which an answer is late.
    #[arg(long, short = 'w', default_value_t = 3.0)]
    timeout: f64,
    /// Seconds from one probe to the next.
    #[arg(long, short = 'z', default_value_t = 0.02)]
    pause: f64,
    /// Probes that may be unanswered at a time.
    #[arg(long, short = 'N', default_value_t = 16)]
    in_flight: usize,
    /// Octets of a probe; with --mtu, what is begun with (the interface's MTU).
    #[arg(long)]
    size: Option<usize>,
    /// Finds the MTU along the path (F= where it shrinks).
    #[arg(long)]
    mtu: bool,
    /// Flows that the probes of a hop go to in turn: shows routers side by side.
    #[arg(long, conflicts_with = "vary")]
    flows: Option<u16>,
    /// Every probe to a flow of its own, as the first traceroute did.
    #[arg(long)]
    vary: bool,
    /// Round after round, as mtr does.
    #[arg(long)]
    mtr: bool,
    /// With --mtr, the rounds (without end if not given; 10 with --simulate).
    #[arg(long, requires = "mtr")]
    rounds: Option<u32>,
    /// With --mtr, seconds from one round to the next.
    #[arg(long, short, default_value_t = 1.0)]
    interval: f64,
    /// One JSON value at the end instead of the table.
    #[arg(long)]
    json: bool,
    /// A simulated path of seven routers instead of the network.
    #[arg(long)]
    simulate: bool,
    /// The part of the answers that the simulated path loses, 0 to 1.
    #[arg(long, default_value_t = 0.05)]
    loss: f64,
    /// What the simulated path draws its randomness from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(Some(Outcome::Reached { .. })) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("traceroute: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Option<Outcome>> {
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    ctrlc::set_handler(move || {
        // A second time means now.
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    let (name, destination, source) = ends(options)?;
    let mut net = open(options, destination)?;
    let random: Box<dyn icmp_nd::RandomSource + Send> = if options.simulate {
        Box::new(SeededRandom::new(options.seed))
    } else {
        Box::new(OsRandom)
    };
    let config = config(options, source, destination.ip())?;
    if !options.json {
        println!(
            "{name} ({}) by {}, {} octets, {} hops at most",
            destination.ip(),
            format!("{:?}", config.kind).to_uppercase(),
            config.packet_len,
            config.max_ttl
        );
    }
    let mut observations = Observations::new(config.dscp);
    let mut trace = Traceroute::new(net.now(), config, random)?;
    let mut screen = Screen::new(options);
    let mut packet = PacketBuf::new();
    while trace.outcome().is_none() {
        if stopped.load(Ordering::Relaxed) {
            trace.stop();
        }
        trace.handle_timeout(net.now());
        packet.reset(64);
        while let Some(probe) = trace.poll_transmit(&mut packet) {
            if let Err(error) = net.send(packet.as_slice(), destination) {
                screen.complain(&format!("hop {}: {error}", probe.ttl));
            }
            packet.reset(64);
        }
        while let Some(event) = trace.poll_event() {
            if let Event::Answer(answer) = &event {
                observations.note(answer);
            }
            screen.progress(&event);
        }
        screen.redraw(&trace, &observations);
        let soon = net.now() + Duration::from_millis(200);
        let deadline = trace.poll_timeout().map_or(soon, |at| at.min(soon));
        if let Some(incoming) = net.receive(deadline)?
            && let Some(received) = incoming.received()
        {
            // Other programs' messages come too; the counters tell of them.
            let _ = trace.handle_message(incoming.at, &received);
        }
    }
    screen.clear();
    if options.json {
        let value = as_json(&trace, &observations, &destination.ip().to_string());
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print!("{}", table(&trace, &observations));
    }
    Ok(trace.outcome())
}

/// The name, the address and the source.
fn ends(options: &Options) -> Result<(String, SocketAddr, IpAddr)> {
    if options.simulate {
        let address = SimulatedNet::destination(options.ipv6);
        let source = SimulatedNet::source(address);
        return Ok(("simulated".to_owned(), (address, 0).into(), source));
    }
    let host = options.host.as_deref().context("no host")?;
    let address = resolve(host, options.ipv4, options.ipv6)?;
    Ok((host.to_owned(), address, source_for(address)?))
}

fn open(options: &Options, destination: SocketAddr) -> Result<Box<dyn ProbeNet>> {
    if options.simulate {
        return Ok(Box::new(SimulatedNet::new(options.seed, options.loss)));
    }
    let (ipv4, ipv6) = (destination.is_ipv4(), destination.is_ipv6());
    Ok(Box::new(RawNet::open(
        ipv4,
        ipv6,
        options.tcp,
        Writes::Packets,
    )?))
}

fn config(options: &Options, source: IpAddr, destination: IpAddr) -> Result<TracerouteConfig> {
    let seconds = |name, value: f64| {
        Duration::try_from_secs_f64(value).with_context(|| format!("--{name} {value}"))
    };
    let defaults = TracerouteConfig::new(source, destination);
    let packet_len = match options.size {
        Some(size) => size,
        None if options.mtu => interface_mtu(source).unwrap_or(1_500).min(65_535),
        None => defaults.packet_len,
    };
    let rounds = options.rounds.or(options.simulate.then_some(10));
    Ok(TracerouteConfig {
        kind: match (options.icmp, options.tcp) {
            (true, _) => ProbeKind::Icmp,
            (_, true) => ProbeKind::Tcp,
            _ => ProbeKind::Udp,
        },
        source_port: options.source_port,
        destination_port: options.port,
        flows: match (options.flows, options.vary) {
            (Some(flows), _) => FlowPolicy::Spread(flows),
            (None, true) => FlowPolicy::Vary,
            (None, false) => FlowPolicy::Stable,
        },
        schedule: if options.mtr {
            Schedule::Rounds {
                rounds,
                interval: seconds("interval", options.interval)?,
            }
        } else {
            let probes_per_hop = options.flows.map_or(0, u32::from).max(options.queries);
            Schedule::ByHop { probes_per_hop }
        },
        first_ttl: options.first,
        max_ttl: options.max,
        silent_hops: options.silent,
        timeout: seconds("timeout", options.timeout)?,
        send_interval: seconds("pause", options.pause)?,
        max_in_flight: options.in_flight,
        packet_len,
        mtu_discovery: options.mtu,
        ..defaults
    })
}

/// What is shown while the trace runs: the table of mtr on a terminal, or a line of progress.
struct Screen {
    /// Redraws the table.
    table: bool,
    /// Shows a line of progress.
    line: bool,
    answers: u64,
    farthest: u8,
    round: u32,
}

impl Screen {
    fn new(options: &Options) -> Self {
        let table = options.mtr && !options.json && stdout().is_terminal();
        Self {
            table,
            line: !table && stderr().is_terminal(),
            answers: 0,
            farthest: 0,
            round: 1,
        }
    }

    fn progress(&mut self, event: &Event) {
        if let Event::Answer(answer) = event {
            self.answers += 1;
            self.farthest = self.farthest.max(answer.ttl);
            if self.line {
                eprint!("\rhop {}, {} answers", self.farthest, self.answers);
            }
        }
    }

    fn redraw(&mut self, trace: &Traceroute, observations: &Observations) {
        if self.table && trace.round() != self.round {
            self.round = trace.round();
            let mut out = stdout().lock();
            // Home, and clear what follows. A terminal that is gone ends the program elsewhere.
            let _ = write!(out, "\x1b[H\x1b[J{}", table(trace, observations));
            let _ = out.flush();
        }
    }

    fn complain(&self, what: &str) {
        self.clear();
        eprintln!("{what}");
    }

    fn clear(&self) {
        if self.line {
            eprint!("\r\x1b[K");
        }
    }
}
