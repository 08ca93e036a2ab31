//! Pings hosts, several at a time if you like, and tells late, repeated, reordered and damaged answers and errors
//! apart.
//!
//! ```text
//! cargo run -p internetwork-examples --example ping -- --simulate            # no network, no root
//! sudo target/release/examples/ping 192.0.2.2 2001:db8::2 --interval 0.2
//! target/release/examples/ping --count 3 --json 192.0.2.2                    # no root where ICMP sockets are allowed
//! ```
//!
//! With root (CAP_NET_RAW) it uses raw sockets and sees ICMP errors; without, ICMP datagram sockets.

extern crate alloc;

use alloc::sync::Arc;
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use icmp_nd::ping::{
    Event, Framing, Pattern, PingConfig, Pinger, RttStats, Target, TargetId, TargetStats,
};
use internetwork::probe_net::{
    DatagramNet, ProbeNet, RawNet, SimulatedNet, Writes, resolve, source_for,
};
use packet_buffer::PacketBuf;
use packet_buffer::random::OsRandom;
use serde_json::{Value, json};
use std::io::{Write as _, stdout};
use std::process::ExitCode;
use testkit::SeededRandom;

/// Pings hosts and tells what comes back.
#[derive(Parser)]
struct Options {
    /// Hosts: names or addresses, a link-local one with its zone (fe80::1%eth0).
    #[arg(required_unless_present = "simulate")]
    hosts: Vec<String>,
    /// IPv4 only.
    #[arg(short = '4')]
    ipv4: bool,
    /// IPv6 only.
    #[arg(short = '6', conflicts_with = "ipv4")]
    ipv6: bool,
    /// Requests to each host; without end if not given (5 with --simulate).
    #[arg(long, short)]
    count: Option<u32>,
    /// Seconds from one request to the next.
    #[arg(long, short, default_value_t = 1.0)]
    interval: f64,
    /// Seconds after which an answer is late.
    #[arg(long, short = 'W', default_value_t = 2.0)]
    timeout: f64,
    /// Seconds after which everything ends.
    #[arg(long, short = 'w')]
    deadline: Option<f64>,
    /// Octets of data.
    #[arg(long, short, default_value_t = 56)]
    size: usize,
    /// Hexadecimal octets that the data repeats (deadbeef).
    #[arg(long, short)]
    pattern: Option<String>,
    /// Time to live or hop limit.
    #[arg(long, short, default_value_t = 64)]
    ttl: u8,
    /// IPv4 requests must not be fragmented. Needs raw sockets.
    #[arg(long, short = 'D')]
    dont_fragment: bool,
    /// Only the summary.
    #[arg(long, short)]
    quiet: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// A simulated path of seven routers instead of the network.
    #[arg(long)]
    simulate: bool,
    /// The part of the answers that the simulated path loses, 0 to 1.
    #[arg(long, default_value_t = 0.1)]
    loss: f64,
    /// What the simulated path draws its randomness from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A host that is pinged.
struct Host {
    name: String,
    address: SocketAddr,
    id: TargetId,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ping: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Pings; says whether every host has answered.
fn run(options: &Options) -> Result<bool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    ctrlc::set_handler(move || {
        // A second time means now.
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    let targets = targets(options)?;
    let mut config = config(options)?;
    let mut net = open(options, &targets, &mut config)?;
    let random: Box<dyn icmp_nd::RandomSource + Send> = if options.simulate {
        Box::new(SeededRandom::new(options.seed))
    } else {
        Box::new(OsRandom)
    };
    let mut pinger = Pinger::new(config, random)?;
    let mut hosts = Vec::new();
    for (name, address, source) in targets {
        let target = Target::new(source, address.ip());
        let id = pinger
            .add_target(net.now(), target)
            .with_context(|| name.clone())?;
        if !options.json {
            println!(
                "PING {name} ({}): {} octets of data",
                address.ip(),
                options.size
            );
        }
        hosts.push(Host { name, address, id });
    }

    let mut packet = PacketBuf::new();
    let mut told_to_stop = false;
    while !pinger.is_finished() {
        if stopped.load(Ordering::Relaxed) && !told_to_stop {
            told_to_stop = true;
            pinger.stop();
        }
        pinger.handle_timeout(net.now());
        packet.reset(64);
        while let Some(transmit) = pinger.poll_transmit(&mut packet) {
            let host = host(&hosts, transmit.target);
            if let Some(host) = host
                && let Err(error) = net.send(packet.as_slice(), host.address)
                && !options.quiet
            {
                eprintln!("{}: seq={}: {error}", host.name, transmit.sequence);
            }
            packet.reset(64);
        }
        while let Some(event) = pinger.poll_event() {
            tell(options, &hosts, &event)?;
        }
        let soon = net.now() + Duration::from_millis(200);
        let deadline = pinger.poll_timeout().map_or(soon, |at| at.min(soon));
        if let Some(incoming) = net.receive(deadline)?
            && let Some(received) = incoming.received()
        {
            // Other programs' messages come too; the counters tell of them.
            let _ = pinger.handle_message(incoming.at, &received);
        }
    }
    while let Some(event) = pinger.poll_event() {
        tell(options, &hosts, &event)?;
    }
    let mut all_answered = true;
    for host in &hosts {
        let stats = pinger.target_stats(host.id).context("statistics")?;
        all_answered &= stats.received > 0;
        summarize(options, host, stats)?;
    }
    Ok(all_answered)
}

/// Names, addresses and sources.
fn targets(options: &Options) -> Result<Vec<(String, SocketAddr, IpAddr)>> {
    if options.simulate {
        let address = SimulatedNet::destination(options.ipv6);
        let source = SimulatedNet::source(address);
        return Ok(vec![("simulated".to_owned(), (address, 0).into(), source)]);
    }
    let target = |host: &String| {
        let address = resolve(host, options.ipv4, options.ipv6)?;
        Ok((host.clone(), address, source_for(address)?))
    };
    options.hosts.iter().map(target).collect()
}

fn config(options: &Options) -> Result<PingConfig> {
    let seconds = |name, value: f64| {
        Duration::try_from_secs_f64(value).with_context(|| format!("--{name} {value}"))
    };
    let count = options.count.or(options.simulate.then_some(5));
    let pattern = match &options.pattern {
        None => Pattern::Counting,
        Some(digits) => Pattern::Repeating(hexadecimal(digits)?),
    };
    Ok(PingConfig {
        interval: seconds("interval", options.interval)?,
        timeout: seconds("timeout", options.timeout)?,
        deadline: options
            .deadline
            .map(|value| seconds("deadline", value))
            .transpose()?,
        count,
        payload_len: options.size,
        pattern,
        hop_limit: options.ttl,
        dont_fragment: options.dont_fragment,
        ..PingConfig::default()
    })
}

fn hexadecimal(digits: &str) -> Result<Vec<u8>> {
    let octets = digits.as_bytes().chunks(2).map(|pair| {
        let text = core::str::from_utf8(pair)?;
        Ok(u8::from_str_radix(text, 16)?)
    });
    let octets: Result<Vec<u8>> = octets.collect();
    octets.with_context(|| format!("--pattern {digits}: not hexadecimal"))
}

/// Raw sockets where they are allowed, an ICMP socket where not.
fn open(
    options: &Options,
    targets: &[(String, SocketAddr, IpAddr)],
    config: &mut PingConfig,
) -> Result<Box<dyn ProbeNet>> {
    if options.simulate {
        return Ok(Box::new(SimulatedNet::new(options.seed, options.loss)));
    }
    let ipv4 = targets.iter().any(|(_, address, _)| address.is_ipv4());
    let ipv6 = targets.iter().any(|(_, address, _)| address.is_ipv6());
    let writes = if options.dont_fragment {
        Writes::Packets
    } else {
        config.framing = Framing::IcmpMessage;
        Writes::Messages {
            hop_limit: options.ttl,
        }
    };
    let refused = match RawNet::open(ipv4, ipv6, false, writes) {
        Ok(net) => return Ok(Box::new(net)),
        Err(refused) => refused,
    };
    if ipv4 && ipv6 || options.dont_fragment {
        bail!(refused);
    }
    let Ok(net) = DatagramNet::open(ipv6, options.ttl) else {
        bail!(refused);
    };
    if !options.json {
        eprintln!("no raw sockets: ICMP errors are not seen");
    }
    config.identifier = Some(net.identifier());
    ensure!(options.size >= 8, "--size: without raw sockets, 8 at least");
    Ok(Box::new(net))
}

fn host(hosts: &[Host], id: TargetId) -> Option<&Host> {
    hosts.get(id.index())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn tell(options: &Options, hosts: &[Host], event: &Event) -> Result<()> {
    if options.quiet {
        return Ok(());
    }
    let mut out = stdout().lock();
    if options.json {
        writeln!(out, "{}", as_json(hosts, event))?;
        return Ok(());
    }
    match event {
        Event::Reply(reply) => {
            write!(
                out,
                "{} octets from {}: seq={}",
                reply.octets, reply.from, reply.sequence
            )?;
            if let Some(hops) = reply.hop_limit {
                write!(out, " ttl={hops}")?;
            }
            write!(out, " time={:.3} ms", millis(reply.rtt))?;
            for (is_so, word) in [
                (reply.late, "late"),
                (reply.duplicate, "repeated"),
                (reply.reordered, "reordered"),
            ] {
                if is_so {
                    write!(out, " ({word})")?;
                }
            }
            if let Some(at) = reply.first_difference {
                write!(out, " (damaged from octet {at})")?;
            }
            writeln!(out)?;
        }
        Event::Error {
            from,
            sequence,
            error,
            rtt,
            ..
        } => writeln!(
            out,
            "from {from}: seq={sequence} {error} time={:.3} ms",
            millis(*rtt)
        )?,
        Event::Timeout { target, sequence } => {
            let name = host(hosts, *target).map_or("", |host| &host.name);
            writeln!(out, "no answer from {name}: seq={sequence}")?;
        }
        _ => {}
    }
    Ok(())
}

fn as_json(hosts: &[Host], event: &Event) -> Value {
    let name = |id| host(hosts, id).map(|host| host.name.as_str());
    match event {
        Event::Reply(reply) => json!({
            "event": "reply",
            "host": name(reply.target),
            "from": reply.from.to_string(),
            "sequence": reply.sequence,
            "octets": reply.octets,
            "ttl": reply.hop_limit,
            "rtt_ms": millis(reply.rtt),
            "late": reply.late,
            "duplicate": reply.duplicate,
            "reordered": reply.reordered,
            "first_difference": reply.first_difference,
        }),
        Event::Error {
            target,
            from,
            sequence,
            error,
            rtt,
        } => {
            let (message_type, code) = error.type_and_code();
            json!({
                "event": "error",
                "host": name(*target),
                "from": from.to_string(),
                "sequence": sequence,
                "error": error.to_string(),
                "type": message_type,
                "code": code,
                "mtu": error.packet_too_big(),
                "rtt_ms": millis(*rtt),
            })
        }
        Event::Timeout { target, sequence } => json!({
            "event": "timeout",
            "host": name(*target),
            "sequence": sequence,
        }),
        Event::Finished { target } => json!({"event": "finished", "host": name(*target)}),
        _ => Value::Null,
    }
}

fn summarize(options: &Options, host: &Host, stats: &TargetStats) -> Result<()> {
    let mut out = stdout().lock();
    let percent = |part: u64| part as f64 * 100.0 / stats.sent.max(1) as f64;
    let lost = stats
        .missing()
        .saturating_sub(stats.errors.min(stats.missing()));
    if options.json {
        let summary = json!({
            "event": "summary",
            "host": host.name,
            "address": host.address.ip().to_string(),
            "sent": stats.sent,
            "received": stats.received,
            "lost": lost,
            "errors": stats.errors,
            "late": stats.late,
            "duplicates": stats.duplicates,
            "reordered": stats.reordered,
            "corrupt": stats.corrupt,
            "rtt": rtt_json(&stats.rtt),
        });
        writeln!(out, "{summary}")?;
        return Ok(());
    }
    writeln!(out, "\n--- {} ({}) ---", host.name, host.address.ip())?;
    write!(
        out,
        "{} sent, {} received, {lost} lost ({:.1}%)",
        stats.sent,
        stats.received,
        percent(lost)
    )?;
    for (count, word) in [
        (stats.errors, "errors"),
        (stats.late, "late"),
        (stats.duplicates, "repeated"),
        (stats.reordered, "reordered"),
        (stats.corrupt, "damaged"),
        (stats.redirects, "redirects"),
    ] {
        if count > 0 {
            write!(out, ", {count} {word}")?;
        }
    }
    writeln!(out)?;
    let ms = |time: Option<Duration>| millis(time.unwrap_or_default());
    if stats.rtt.count() > 0 {
        writeln!(
            out,
            "rtt min/avg/max/mdev = {:.3}/{:.3}/{:.3}/{:.3} ms, jitter {:.3} ms, \
             50/95/99% within {:.3}/{:.3}/{:.3} ms",
            ms(stats.rtt.min()),
            ms(stats.rtt.average()),
            ms(stats.rtt.max()),
            ms(stats.rtt.deviation()),
            ms(stats.rtt.jitter()),
            ms(stats.rtt.percentile(50)),
            ms(stats.rtt.percentile(95)),
            ms(stats.rtt.percentile(99)),
        )?;
    }
    Ok(())
}

fn rtt_json(rtt: &RttStats) -> Value {
    let ms = |time: Option<Duration>| time.map(millis);
    json!({
        "min_ms": ms(rtt.min()),
        "avg_ms": ms(rtt.average()),
        "max_ms": ms(rtt.max()),
        "mdev_ms": ms(rtt.deviation()),
        "jitter_ms": ms(rtt.jitter()),
        "p50_ms": ms(rtt.percentile(50)),
        "p95_ms": ms(rtt.percentile(95)),
        "p99_ms": ms(rtt.percentile(99)),
    })
}
