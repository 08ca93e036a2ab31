//! Large tables between routers: what it takes to learn and to announce them again, ours beside FRR and BIRD.

use super::lab::{Kind, Ours};
use super::netlink::Netlink;
use super::sockets::{RIP_GROUP, RIP_PORT, Recipient, RipSocket};
use crate::lab::{Bird, Frr, IpFamily, Namespace, Usage, connect, pause};
use alloc::sync::Arc;
use anyhow::{Context, Result, bail};
use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use packet_buffer::PacketBuf;
use packet_buffer::time::StdClock;
use packet_buffer::wire::Ipv4Prefix;
use rip::wire::{Command, MAX_RIP_ENTRIES, RipEntryRepr, RipMessage, RipMessageRepr, VERSION_2};
use serde_json::Value;

/// The first of the networks that are announced: 20.0.0.0/24, 20.0.1.0/24 and so on.
const FIRST: u32 = 0x1400_0000;

/// The network of number `index`.
fn network(index: u32) -> Ipv4Prefix {
    let address = Ipv4Addr::from_bits(FIRST + (index << 8));
    Ipv4Prefix::new(address, 24).unwrap_or(Ipv4Prefix::ALL)
}

/// One experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experiment {
    /// The router under test.
    pub kind: Kind,
    /// How many networks are announced to it.
    pub routes: u32,
    /// Messages a second; `None` for one burst, as FRR and BIRD send.
    pub rate: Option<u32>,
    /// Whether it writes the routes into its kernel.
    pub fib: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Routes that it learned.
    pub learned: u32,
    /// How long that took, from the first message on; `None` when it did not learn all in time.
    pub learn_time: Option<Duration>,
    /// What the routing daemon spent on learning.
    pub learn: Usage,
    /// What `zebra` spent on it, for FRR.
    pub zebra: Usage,
    /// Networks that its neighbor heard of.
    pub heard: u32,
    /// From the first message until it had heard of all.
    pub heard_time: Option<Duration>,
    /// What the routing daemon spent until then.
    pub total: Usage,
    /// Datagrams that were lost because its receive buffer was full.
    pub drops: u64,
}

/// The router under test.
enum Device {
    Ours(Ours),
    Frr(Frr),
    Bird(Bird),
}

impl Device {
    fn start(namespace: &Namespace, kind: Kind, fib: bool) -> Result<Self> {
        let interfaces = ["eth0", "eth1"];
        Ok(match kind {
            Kind::Ours => {
                let mut text = format!("kernel.install = {fib}\n[rip]\nmax-prefixes = 1000000\n");
                text.push_str("max-routes-per-neighbor = 1000000\n");
                for name in interfaces {
                    // As fast as the sender here, so that both have the same time.
                    let _ = write!(
                        text,
                        "[[rip.interface]]\nname = \"{name}\"\n\
                         pacing = {{ packets-per-second = 1000, burst = 8 }}\n"
                    );
                }
                Self::Ours(Ours::start_quietly(namespace, &text)?)
            }
            Kind::Frr => {
                let ripd = "router rip\n network eth0\n network eth1\n";
                let deny = "route-map D deny 1\nip protocol rip route-map D\n";
                let zebra = if fib { "" } else { deny };
                Self::Frr(Frr::start(namespace, &[("zebra", zebra), ("ripd", ripd)])?)
            }
            Kind::Bird => {
                let kernel = "protocol kernel { ipv4 { export where source = RTS_RIP; }; }\n";
                let kernel = if fib { kernel } else { "" };
                Self::Bird(Bird::start(
                    namespace,
                    &format!(
                        "router id 2.2.2.2;\nprotocol device {{}}\n{kernel}\
                         protocol rip r4 {{ ipv4 {{ import all; export all; }}; \
                         interface \"eth*\" {{}}; }}\n"
                    ),
                )?)
            }
        })
    }

    fn usage(&self) -> Result<(Usage, Usage)> {
        Ok(match self {
            Self::Ours(ours) => (Usage::of(ours.process_id()?)?, Usage::default()),
            Self::Bird(bird) => (Usage::of(bird.process_id())?, Usage::default()),
            Self::Frr(frr) => {
                let of = |daemon: &str| Usage::of(frr.process_id(daemon).context("it ended")?);
                (of("ripd")?, of("zebra")?)
            }
        })
    }

    /// How many routes it has learned, or, with `fib`, written into its kernel.
    fn learned(&self, namespace: &Namespace, fib: bool) -> Result<u32> {
        if fib {
            let protocol = if matches!(self, Self::Bird(_)) {
                "bird"
            } else {
                "rip"
            };
            let count = namespace.count_routes(IpFamily::V4, protocol)?;
            return Ok(u32::try_from(count)?);
        }
        Ok(match self {
            Self::Ours(ours) => {
                let snapshot = ours.snapshot(0)?;
                let protocol = snapshot.protocol("RIP").context("RIP runs")?;
                // Less the two networks of its own.
                u32::try_from(protocol.route_count.saturating_sub(2))?
            }
            Self::Bird(bird) => u32::try_from(bird.count_routes("r4")?)?,
            Self::Frr(frr) => {
                let text = frr.show("show ip route summary json")?;
                let summary: Value = serde_json::from_str(&text)?;
                let routes = summary.get("routes").and_then(Value::as_array);
                let rip = routes.into_iter().flatten().filter(|entry| {
                    let kind = entry.get("type").and_then(Value::as_str);
                    kind.is_some_and(|kind| kind.starts_with("rip"))
                });
                let counts = rip.filter_map(|entry| entry.get("rib").and_then(Value::as_u64));
                u32::try_from(counts.sum::<u64>())?
            }
        })
    }
}

/// Opens a RIP socket inside a namespace, on `eth0`.
fn socket(namespace: &Namespace) -> Result<RipSocket> {
    namespace.enter(|| {
        let links = Netlink::connect()?.links()?;
        let link = links.values().find(|link| link.name == "eth0");
        RipSocket::open_v4("eth0", link.context("no eth0")?.index, 64 << 20)
    })
}

/// Counts the networks that were heard of at least once.
struct Sink {
    heard: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Sink {
    fn start(namespace: &Namespace, routes: u32) -> Result<Self> {
        let mut socket = socket(namespace)?;
        let heard = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let sink = Self {
            heard: Arc::clone(&heard),
            ended: Arc::clone(&ended),
        };
        std::thread::spawn(move || -> Result<()> {
            let mut buffer = vec![0; 65_536];
            let mut seen = vec![false; usize::try_from(routes)?];
            while !ended.load(Ordering::Relaxed) {
                let Some(datagram) = socket.receive(&mut buffer)? else {
                    pause(Duration::from_millis(2));
                    continue;
                };
                let octets = buffer.get(..datagram.length).unwrap_or_default();
                let Ok(message) = RipMessage::parse(octets) else {
                    continue;
                };
                for entry in message.entries().filter(|entry| entry.metric() < 16) {
                    let index = entry.address().to_bits().checked_sub(FIRST);
                    let index = index.and_then(|i| usize::try_from(i >> 8).ok());
                    if let Some(flag) = index.and_then(|index| seen.get_mut(index))
                        && !*flag
                    {
                        *flag = true;
                        heard.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            Ok(())
        });
        Ok(sink)
    }

    fn heard(&self) -> u32 {
        u32::try_from(self.heard.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Announces `routes` networks once, in messages of 25.
fn announce(socket: &RipSocket, routes: u32, rate: Option<u32>) -> Result<()> {
    let to = Recipient {
        source: IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)),
        address: IpAddr::V4(RIP_GROUP),
        port: RIP_PORT,
        hop_limit: 1,
    };
    let clock = StdClock::new();
    let start = clock.now();
    let mut packet = PacketBuf::new();
    let mut next = 0;
    let mut sent: u32 = 0;
    while next < routes {
        packet.clear();
        let end = routes.min(next + u32::try_from(MAX_RIP_ENTRIES)?);
        for index in next..end {
            RipEntryRepr::route(network(index), 1).emit(&mut packet);
        }
        RipMessageRepr::new(Command::RESPONSE, VERSION_2).emit(&mut packet)?;
        while let Err(why) = socket.send(packet.as_slice(), &to) {
            if why.kind() != std::io::ErrorKind::WouldBlock {
                return Err(why).context("cannot send");
            }
            pause(Duration::from_millis(1));
        }
        next = end;
        sent += 1;
        if let Some(rate) = rate {
            let due = start + Duration::from_secs(1) * sent / rate;
            let early = due - clock.now();
            if early > Duration::from_millis(2) {
                pause(early);
            }
        }
    }
    Ok(())
}

/// Datagrams that the kernel dropped at RIP sockets of a namespace, which are those of the router under test.
fn drops(namespace: &Namespace) -> Result<u64> {
    let text = namespace.run("cat", &["/proc/net/udp"])?;
    let rip = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let local = words.get(1)?;
        // 0208 is port 520.
        local
            .ends_with(":0208")
            .then(|| words.last()?.parse::<u64>().ok())?
    });
    Ok(rip.sum())
}

/// Runs one experiment: a sender, the router under test and a listener, each in a namespace of its own.
///
/// # Errors
///
/// When something cannot be started; that routes are not learned is a result and no error.
pub fn run(experiment: &Experiment) -> Result<Outcome> {
    let sender = Namespace::new("scalet")?;
    let device_namespace = Namespace::new("scaled")?;
    let listener = Namespace::new("scales")?;
    device_namespace.forward()?;
    connect(
        (&sender, "eth0", &["10.0.1.1/24"]),
        (&device_namespace, "eth0", &["10.0.1.2/24"]),
    )?;
    connect(
        (&listener, "eth0", &["10.0.2.3/24"]),
        (&device_namespace, "eth1", &["10.0.2.2/24"]),
    )?;
    let device = Device::start(&device_namespace, experiment.kind, experiment.fib)?;
    // ripd does not hear groups earlier.
    pause(Duration::from_secs(4));
    let source = socket(&sender)?;
    let sink = Sink::start(&listener, experiment.routes)?;
    let (before, zebra_before) = device.usage()?;
    let clock = StdClock::new();
    let start = clock.now();
    let mut outcome = Outcome::default();
    let all = experiment.routes;
    std::thread::scope(|scope| -> Result<()> {
        let ended = Arc::new(AtomicBool::new(false));
        let rounds = scope.spawn({
            let ended = Arc::clone(&ended);
            move || -> Result<()> {
                // Rounds every 30 seconds, as a router's regular updates.
                for round in 0_u32..3 {
                    while clock.now() - start < Duration::from_secs(30) * round {
                        if ended.load(Ordering::Relaxed) {
                            return Ok(());
                        }
                        pause(Duration::from_millis(20));
                    }
                    announce(&source, all, experiment.rate)?;
                }
                Ok(())
            }
        });
        let mut watch = || -> Result<()> {
            while clock.now() - start < Duration::from_secs(75) {
                if outcome.learn_time.is_none() {
                    outcome.learned = device.learned(&device_namespace, experiment.fib)?;
                    if outcome.learned >= all {
                        outcome.learn_time = Some(clock.now() - start);
                        let (daemon, zebra) = device.usage()?;
                        outcome.learn = daemon.since(&before);
                        outcome.zebra = zebra.since(&zebra_before);
                    }
                }
                outcome.heard = sink.heard();
                if outcome.heard_time.is_none() && outcome.heard >= all {
                    outcome.heard_time = Some(clock.now() - start);
                    outcome.total = device.usage()?.0.since(&before);
                }
                if outcome.heard_time.is_some() && outcome.learn_time.is_some() {
                    break;
                }
                pause(Duration::from_millis(100));
            }
            Ok(())
        };
        let watched = watch();
        ended.store(true, Ordering::Relaxed);
        match rounds.join() {
            Ok(result) => result?,
            Err(_) => bail!("the sender has failed"),
        }
        watched
    })?;
    if outcome.learn_time.is_none() {
        let (daemon, zebra) = device.usage()?;
        outcome.learn = daemon.since(&before);
        outcome.zebra = zebra.since(&zebra_before);
    }
    if outcome.heard_time.is_none() {
        outcome.total = device.usage()?.0.since(&before);
    }
    outcome.drops = drops(&device_namespace)?;
    Ok(outcome)
}

/// What came of a whole router that announces its table to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerOutcome {
    /// The most routes that were there at once.
    pub learned: u32,
    /// From the first route until all were there; `None` when they never were.
    pub time: Option<Duration>,
    /// Datagrams that were lost because the receive buffer was full.
    pub drops: u64,
}

/// A router of kind `from` announces `routes` networks to one of kind `to`; timers of 10, 60 and 40 seconds, and no more
/// than 65 seconds.
///
/// # Errors
///
/// When something cannot be started.
pub fn run_peers(from: Kind, to: Kind, routes: u32) -> Result<PeerOutcome> {
    let source = Namespace::new("peers")?;
    let target = Namespace::new("peerd")?;
    source.forward()?;
    target.forward()?;
    connect(
        (&source, "eth0", &["10.0.1.1/24"]),
        (&target, "eth0", &["10.0.1.2/24"]),
    )?;
    let device = start_peer(&target, to, 0)?;
    pause(Duration::from_secs(4));
    let clock = StdClock::new();
    let _source = start_peer(&source, from, routes)?;
    let mut outcome = PeerOutcome::default();
    let begin = clock.now();
    let mut first = None;
    while clock.now() - begin < Duration::from_secs(65) {
        let learned = device.learned(&target, true)?;
        outcome.learned = outcome.learned.max(learned);
        if learned > 0 && first.is_none() {
            first = Some(clock.now());
        }
        if learned >= routes {
            outcome.time = first.map(|first| clock.now() - first);
            break;
        }
        pause(Duration::from_millis(100));
    }
    outcome.drops = drops(&target)?;
    Ok(outcome)
}

fn start_peer(namespace: &Namespace, kind: Kind, routes: u32) -> Result<Device> {
    let list = |before: &str, after: &str| {
        let mut text = String::new();
        for index in 0..routes {
            let _ = writeln!(text, "{before}{}{after}", network(index));
        }
        text
    };
    Ok(match kind {
        Kind::Ours => {
            let mut text =
                "[rip]\ntimers = { update = 10, jitter = 1, timeout = 60, garbage = 40 }\n\
                            redistribute = [{ source = \"static\" }]\n\
                            [[rip.interface]]\nname = \"eth0\"\n"
                    .to_owned();
            text.push_str(&list("[[rip.static]]\nprefix = \"", "\""));
            Device::Ours(Ours::start_quietly(namespace, &text)?)
        }
        Kind::Frr => {
            if routes > 0 {
                let file = std::env::temp_dir().join(format!("{}-routes", namespace.name()));
                std::fs::write(&file, list("route add blackhole ", ""))?;
                let done = namespace.run("ip", &["-batch", &file.display().to_string()]);
                std::fs::remove_file(&file)?;
                done?;
            }
            let redistribute = if routes > 0 {
                " redistribute kernel\n"
            } else {
                ""
            };
            let ripd = format!("router rip\n timers basic 10 60 40\n network eth0\n{redistribute}");
            Device::Frr(Frr::start(namespace, &[("ripd", &ripd)])?)
        }
        Kind::Bird => {
            let routes = list(" route ", " blackhole;");
            Device::Bird(Bird::start(
                namespace,
                &format!(
                    "router id 9.9.9.9;\nprotocol device {{ scan time 5; }}\n\
                     protocol kernel {{ ipv4 {{ export where source = RTS_RIP; }}; }}\n\
                     protocol static {{ ipv4;\n{routes} }}\n\
                     protocol rip r4 {{ ipv4 {{ import all; export all; }}; interface \"eth0\" \
                     {{ update time 10; timeout time 60; garbage time 40; }}; }}\n"
                ),
            )?)
        }
    })
}
