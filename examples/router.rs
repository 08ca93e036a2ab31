//! An IPv6 router on TAP devices, from which the Linux kernel configures itself.
//!
//! ```text
//! target/release/examples/router --simulate                   # no root: a router and two hosts
//!
//! sudo target/release/examples/router examples/router.toml    # one TAP device for each interface
//! ip -6 route show dev inwr0;  rdisc6 -1 inwr0;  ping 2001:db8:1::1
//! ```
//!
//! It tests its addresses, advertises prefixes, routes, DNS and the rest, answers solicitations,
//! forwards between its devices, redirects, and reports what it cannot forward. A device may be moved
//! into another network namespace while it runs. `--capture` keeps what went over the links.

extern crate alloc;

use alloc::sync::Arc;
use anyhow::{Context, Result};
use clap::Parser;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use icmp_nd::router::{AdvertiserEvent, Router, RouterEvent};
use internetwork::router_config::RouterFile;
use internetwork::router_sim;
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use packet_buffer::{Instant, PacketBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use testkit::pcapng::{Direction, InterfaceId, LinkType, PcapngWriter};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// An IPv6 router on TAP devices: advertises, forwards, redirects, reports.
#[derive(Parser)]
struct Options {
    /// The configuration: TOML, see examples/router.toml.
    #[arg(required_unless_present = "simulate")]
    config: Option<PathBuf>,
    /// Reads the configuration, says what is wrong with it, and ends.
    #[arg(long, requires = "config")]
    check: bool,
    /// Shows a router and two hosts in a simulated network, packet by packet.
    #[arg(long, conflicts_with = "config")]
    simulate: bool,
    /// Prints events and counters as one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Writes all frames to this pcapng file.
    #[arg(long)]
    capture: Option<PathBuf>,
    /// Says why each ignored frame was ignored.
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.simulate {
        print!("{}", router_sim::run()?);
        return Ok(());
    }
    let path = options.config.as_deref().context("no configuration")?;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = RouterFile::parse(&text)?;
    let router = Router::new(file.to_config()?, Box::new(OsRandom))?;
    if options.check {
        println!(
            "{}: {} interfaces and {} routes",
            path.display(),
            file.interfaces.len(),
            router.routes().len()
        );
        return Ok(());
    }
    Live::new(&options, &file, router)?.run()
}

/// The router and its devices.
struct Live {
    router: Router,
    devices: Vec<SyncDevice>,
    names: Vec<String>,
    capture: Option<Capture>,
    clock: StdClock,
    stopped: Arc<AtomicBool>,
    json: bool,
    verbose: bool,
    /// When the status line was printed last.
    status_at: Instant,
}

impl Live {
    fn new(options: &Options, file: &RouterFile, router: Router) -> Result<Self> {
        let mut devices = Vec::new();
        let mut names = Vec::new();
        for interface in &file.interfaces {
            let device = DeviceBuilder::new()
                .name(&interface.device)
                .layer(Layer::L2)
                .mtu(interface.mtu)
                .build_sync()
                .with_context(|| {
                    format!(
                        "cannot make the device {}: it needs root (CAP_NET_ADMIN)",
                        interface.device
                    )
                })?;
            device.set_nonblocking(true)?;
            devices.push(device);
            names.push(interface.device.clone());
        }
        let capture = options.capture.as_deref();
        let capture = capture
            .map(|path| Capture::create(path, &names))
            .transpose()?;
        let stopped = Arc::new(AtomicBool::new(false));
        ctrlc::set_handler({
            let stopped = Arc::clone(&stopped);
            move || stopped.store(true, Ordering::Relaxed)
        })?;
        Ok(Self {
            router,
            devices,
            names,
            capture,
            clock: StdClock::new(),
            stopped,
            json: options.json,
            verbose: options.verbose,
            status_at: Instant::ZERO,
        })
    }

    fn run(&mut self) -> Result<()> {
        self.router.start(self.clock.now());
        self.say(
            &json!({ "event": "started", "devices": self.names }),
            || {
                format!(
                    "routes between {}; Ctrl-C ends it",
                    self.names.join(" and ")
                )
            },
        );
        let mut good_bye = None;
        loop {
            let now = self.clock.now();
            if self.router.poll_timeout().is_some_and(|at| at <= now) {
                self.router.handle_timeout(now);
            }
            self.transmit(now)?;
            self.events(now);
            if self.stopped.load(Ordering::Relaxed) && good_bye.is_none() {
                self.router.stop(now);
                good_bye = Some(now + Duration::from_secs(15));
                continue;
            }
            if let Some(end) = good_bye
                && (now >= end || self.has_ceased())
            {
                break;
            }
            self.status(now);
            self.wait()?;
            self.receive()?;
        }
        self.events(self.clock.now());
        let stats = self.router.stats();
        self.say(
            &json!({
                "event": "stopped", "received": stats.received, "forwarded": stats.forwarded,
                "delivered": stats.delivered, "echo_replies": stats.echo_replies,
                "errors": stats.errors.sent_ipv6, "redirects": stats.redirects.sent,
                "too_big": stats.too_big, "no_route": stats.no_route,
                "unreachable": stats.unreachable, "discarded": stats.discarded,
            }),
            || {
                format!(
                    "received: {}, forwarded: {}, delivered: {}, echo_replies: {}, errors: {}, \
                     redirects: {}, too_big: {}, no_route: {}, unreachable: {}, discarded: {}",
                    stats.received,
                    stats.forwarded,
                    stats.delivered,
                    stats.echo_replies,
                    stats.errors.sent_ipv6,
                    stats.redirects.sent,
                    stats.too_big,
                    stats.no_route,
                    stats.unreachable,
                    stats.discarded
                )
            },
        );
        Ok(())
    }

    /// Whether the last advertisement of every interface is out.
    fn has_ceased(&self) -> bool {
        use icmp_nd::router::AdvertiserState;
        (0..self.devices.len())
            .filter_map(|port| self.router.advertiser(port))
            .all(|it| it.state() == AdvertiserState::Off)
    }

    /// Until a frame arrives, something is due, or a fifth of a second is over.
    fn wait(&self) -> Result<()> {
        let due = self.router.poll_timeout().unwrap_or(Instant::MAX);
        let patience = (due - self.clock.now()).min(Duration::from_millis(200));
        let timeout = Timespec::try_from(patience)?;
        let fds: Vec<BorrowedFd<'_>> = self.devices.iter().map(|it| it.as_fd()).collect();
        let mut fds: Vec<PollFd<'_>> = fds
            .iter()
            .map(|fd| PollFd::new(fd, PollFlags::IN))
            .collect();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(why) => Err(why).context("cannot wait for the devices"),
        }
    }

    /// All frames that have arrived, up to a few at a time.
    fn receive(&mut self) -> Result<()> {
        let mut frame = vec![0; 65_600];
        for port in 0..self.devices.len() {
            for _ in 0..64 {
                let Some(device) = self.devices.get(port) else {
                    break;
                };
                let length = match device.recv(&mut frame) {
                    Ok(length) => length,
                    Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                    // A device that is down, or on its way into another namespace.
                    Err(why) if why.raw_os_error() == Some(77) => break,
                    Err(why) => return Err(why).context("cannot read from a device"),
                };
                let now = self.clock.now();
                let octets = frame.get(..length).unwrap_or_default();
                record(&mut self.capture, port, now, octets, Direction::Inbound)?;
                if let Err(why) = self.router.handle_input(now, port, octets)
                    && self.verbose
                {
                    println!("{now} ignored {length} octets: {why}");
                }
                self.transmit(now)?;
            }
        }
        Ok(())
    }

    fn transmit(&mut self, now: Instant) -> Result<()> {
        let mut frame = PacketBuf::new();
        while let Some(port) = self.router.poll_transmit(&mut frame) {
            record(
                &mut self.capture,
                port,
                now,
                frame.as_slice(),
                Direction::Outbound,
            )?;
            let Some(device) = self.devices.get(port) else {
                continue;
            };
            match device.send(frame.as_slice()) {
                // A full queue, or a device that is down, loses frames, as any link may.
                Err(why)
                    if why.kind() == ErrorKind::WouldBlock
                        || matches!(why.raw_os_error(), Some(5 | 77 | 100)) => {}
                sent => sent.map(drop).context("cannot write to a device")?,
            }
        }
        Ok(())
    }

    fn events(&mut self, now: Instant) {
        while let Some(event) = self.router.poll_event() {
            let (port, text) = match &event {
                RouterEvent::Interface { port, event } => (*port, format!("{event:?}")),
                RouterEvent::Advertiser {
                    port,
                    event: AdvertiserEvent::Inconsistent { router, what },
                } => (
                    *port,
                    format!("{router} advertises something else: {what:?}"),
                ),
                RouterEvent::Advertiser { port, event } => (*port, format!("{event:?}")),
                other => (0, format!("{other:?}")),
            };
            let device = self.names.get(port).map_or("", String::as_str);
            self.say(
                &json!({
                    "event": "interface", "at": now.as_micros(), "device": device, "what": text,
                }),
                || format!("{now} {device}: {text}"),
            );
        }
    }

    /// A line about how it goes, on a terminal.
    fn status(&mut self, now: Instant) {
        if self.json || !std::io::stdout().is_terminal() || now < self.status_at {
            return;
        }
        self.status_at = now + Duration::from_secs(1);
        let stats = self.router.stats();
        let neighbors: usize = (0..self.devices.len())
            .filter_map(|port| self.router.interface(port))
            .map(|it| it.neighbors().len())
            .sum();
        print!(
            "\r{} s: {} received, {} forwarded, {} errors, {} redirects, {neighbors} neighbors \x1b[K",
            now.as_secs(),
            stats.received,
            stats.forwarded,
            stats.errors.sent_ipv6,
            stats.redirects.sent
        );
        // A status line that cannot be shown is no reason to stop.
        let _ = std::io::stdout().flush();
    }

    fn say(&self, value: &serde_json::Value, text: impl FnOnce() -> String) {
        if self.json {
            println!("{value}");
        } else {
            println!("{}", text());
        }
    }
}

/// A capture of the links.
struct Capture {
    writer: PcapngWriter<BufWriter<File>>,
    interfaces: Vec<InterfaceId>,
}

impl Capture {
    fn create(path: &Path, names: &[String]) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut writer = PcapngWriter::new(BufWriter::new(file))?;
        let mut interfaces = Vec::new();
        for name in names {
            interfaces.push(writer.add_interface(name, LinkType::ETHERNET)?);
        }
        Ok(Self { writer, interfaces })
    }
}

/// Adds a frame to the capture, if there is one.
fn record(
    capture: &mut Option<Capture>,
    port: usize,
    now: Instant,
    octets: &[u8],
    direction: Direction,
) -> Result<()> {
    if let Some(Capture { writer, interfaces }) = capture
        && let Some(interface) = interfaces.get(port)
    {
        writer.write(*interface, now, direction, "", octets)?;
        writer.flush()?;
    }
    Ok(())
}
