//! A dual-stack host on a TAP device, which the Linux kernel takes for a real one.
//!
//! ```text
//! sudo target/release/examples/tap_host                      # Ethernet: a TAP device
//! ping 192.0.2.2;  ping 2001:db8::2;  arping -I inw0 192.0.2.2;  ndisc6 2001:db8::2 inw0
//! echo hi | nc -u -w1 192.0.2.2 7;  traceroute 192.0.2.2
//!
//! sudo target/release/examples/tap_host --ping 192.0.2.1     # it pings the kernel
//! sudo target/release/examples/tap_host --json --capture host.pcapng
//!
//! sudo target/release/examples/tap_host --tun                # IP without Ethernet: a TUN device
//! ```
//!
//! It tests its addresses, configures others from routers that advertise, resolves neighbors, answers
//! echo and timestamp requests and UDP echo, obeys redirects and path MTUs, and says what happens to
//! it. With `--tun` there is no link to configure: a smaller host answers ping and UDP echo.

extern crate alloc;

use alloc::sync::Arc;
use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use icmp_nd::address::TemporaryConfig;
use icmp_nd::host::HostConfig;
use icmp_nd::ping::PingConfig;
use icmp_nd::query::{InterfaceQuestion, Question};
use internetwork::echo_host::{EchoHost, EchoHostConfig};
use internetwork::lab::pause;
use internetwork::live_host::{LiveHost, LiveHostConfig, to_json, to_text};
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::pcapng::{Direction, InterfaceId, LinkType, PcapngWriter};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// A dual-stack host on a TAP device: configures itself, answers, and pings.
#[derive(Parser)]
struct Options {
    /// Use a TUN device (IP packets) instead of a TAP device (Ethernet frames): only ping and UDP echo.
    #[arg(long)]
    tun: bool,
    /// The name of the device.
    #[arg(long, default_value = "inw0")]
    device: String,
    /// An address of the host, with the length of its prefix or without (24 and 64 then); may be given
    /// several times.
    #[arg(long = "address", default_values = ["192.0.2.2/24", "2001:db8::2/64"], value_parser = address)]
    addresses: Vec<(IpAddr, u8)>,
    /// Only addresses that routers advertise, and the link-local one.
    #[arg(long, conflicts_with_all = ["addresses", "tun"])]
    no_address: bool,
    /// A default gateway for IPv4; may be given several times.
    #[arg(long = "gateway")]
    gateways: Vec<Ipv4Addr>,
    /// Looks for IPv4 routers (RFC 1256) and takes the one that is preferred most for a gateway.
    #[arg(long, conflicts_with = "tun")]
    router_discovery: bool,
    /// An address with prefix length for the kernel's end; may be given several times.
    #[arg(long = "kernel-address", default_values = ["192.0.2.1/24", "2001:db8::1/64"], value_parser = address)]
    kernel_addresses: Vec<(IpAddr, u8)>,
    /// None for the kernel's end.
    #[arg(long, conflicts_with = "kernel_addresses")]
    no_kernel_address: bool,
    /// The host's MAC address.
    #[arg(long, default_value = "02:00:5e:10:00:02")]
    mac: MacAddr,
    /// Octets of the largest IP packet on the link.
    #[arg(long, default_value_t = 1500)]
    mtu: u16,
    /// How long addresses are tested before they are used.
    #[arg(long, value_enum, default_value = "quick")]
    address_test: AddressTest,
    /// Milliseconds until the host begins, in which the kernel sets up its own end.
    #[arg(long, default_value_t = 0)]
    link_delay: u64,
    /// Temporary addresses too (RFC 8981).
    #[arg(long)]
    temporary: bool,
    /// How long a neighbor is taken for reachable, in milliseconds, until a router tells.
    #[arg(long, default_value_t = 30_000)]
    reachable_time: u64,
    /// How long a neighbor in doubt is not asked, in milliseconds.
    #[arg(long, default_value_t = 5_000)]
    delay_first_probe: u64,
    /// An IPv6 group to listen to; may be given several times.
    #[arg(long = "join")]
    groups: Vec<Ipv6Addr>,
    /// Whom to ping, as soon as there is an address to ping from; may be given several times.
    #[arg(long = "ping")]
    ping_targets: Vec<IpAddr>,
    /// Requests to each.
    #[arg(long, default_value_t = 4)]
    count: u32,
    /// Milliseconds between them.
    #[arg(long, default_value_t = 1000)]
    interval: u64,
    /// Octets of data in them.
    #[arg(long, default_value_t = 56)]
    size: usize,
    /// They must not be fragmented, by this host or (IPv4) on the way.
    #[arg(long)]
    dont_fragment: bool,
    /// Whom to ask for the time (ICMP timestamp); may be given several times.
    #[arg(long = "ask-time")]
    ask_time: Vec<Ipv4Addr>,
    /// Whom to ask about the interface with its own address (extended echo); may be given several times.
    #[arg(long = "ask-interface")]
    ask_interface: Vec<IpAddr>,
    /// Ends when all pings and questions have ended.
    #[arg(long)]
    until_asked: bool,
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

/// How addresses are tested.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AddressTest {
    /// With the times of RFC 5227 and RFC 4862, which allow for slow links.
    Full,
    /// In about a second: the kernel at the other end of the device answers at once.
    Quick,
    /// Not at all.
    Off,
}

fn address(text: &str) -> Result<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.parse()?, Some(length.parse()?)),
        None => (text.parse()?, None),
    };
    let (most, usual) = match address {
        IpAddr::V4(_) => (32, 24),
        IpAddr::V6(_) => (128, 64),
    };
    let length = length.unwrap_or(usual);
    ensure!(length <= most, "a prefix of {length} bits");
    Ok((address, length))
}

impl Options {
    fn host(&self) -> Result<LiveHostConfig> {
        let mut host = HostConfig::with_mtu(self.mac, self.mtu.into());
        let reachable = Duration::from_millis(self.reachable_time);
        host.nd.base_reachable_time = reachable;
        for timing in [&mut host.nd.neighbor.timing, &mut host.arp.neighbor.timing] {
            timing.reachable_time = reachable;
            timing.delay_first_probe_time = Duration::from_millis(self.delay_first_probe);
        }
        // The largest packet is 45 fragments on Ethernet, all of which may have to wait.
        for neighbor in [&mut host.nd.neighbor, &mut host.arp.neighbor] {
            neighbor.max_packets_per_neighbor = 64;
        }
        host.nd.address.temporary = self.temporary.then(TemporaryConfig::default);
        match self.address_test {
            AddressTest::Full => {}
            AddressTest::Quick => {
                host.arp.probe_wait = Duration::from_millis(50);
                host.arp.probe_num = 2;
                host.arp.probe_min = Duration::from_millis(150);
                host.arp.probe_max = Duration::from_millis(250);
                host.arp.announce_wait = Duration::from_millis(400);
                host.nd.address.max_solicitation_delay = Duration::from_millis(50);
                host.nd.solicitation.max_delay = Duration::from_millis(50);
                host.nd.solicitation.interval = Duration::from_secs(1);
            }
            AddressTest::Off => {
                host.arp.probe = false;
                host.nd.address.dad_transmits = 0;
            }
        }
        let addresses = match self.no_address {
            true => Vec::new(),
            false => self.addresses.clone(),
        };
        let time = self.ask_time.iter();
        let time = time.map(|asked| (IpAddr::V4(*asked), Question::Timestamp));
        let interface = self.ask_interface.iter().map(|asked| {
            let interface = InterfaceQuestion::Address(*asked);
            let question = Question::ExtendedEcho {
                local: true,
                interface,
            };
            (*asked, question)
        });
        Ok(LiveHostConfig {
            host,
            addresses,
            gateways: self.gateways.clone(),
            router_discovery: self.router_discovery,
            groups: self.groups.clone(),
            ping: PingConfig {
                count: Some(self.count),
                interval: Duration::from_millis(self.interval),
                payload_len: self.size,
                dont_fragment: self.dont_fragment,
                ..PingConfig::default()
            },
            ping_targets: self.ping_targets.clone(),
            questions: time.chain(interface).collect(),
        })
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let device = open(&options).with_context(|| {
        format!(
            "cannot make the device {}: it needs root (CAP_NET_ADMIN)",
            options.device
        )
    })?;
    pause(Duration::from_millis(options.link_delay));
    let clock = StdClock::new();
    let station: Box<dyn Station> = if options.tun {
        Box::new(TunHost::new(&options)?)
    } else {
        let config = options.host()?;
        Box::new(LiveHost::new(clock.now(), config, time_of_day()?)?)
    };
    Live::new(options, clock, device, station)?.run()
}

/// What runs on a device.
trait Station {
    /// Takes a frame, or says why not.
    fn handle_input(&mut self, now: Instant, frame: &[u8]) -> core::result::Result<(), String>;
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool;
    /// An event, as an object.
    fn poll_event(&mut self) -> Option<serde_json::Value>;
    /// Whether it has asked all that it was to ask.
    fn is_done(&self) -> bool {
        false
    }
    /// The counters that matter most, as an object, and all of them as text.
    fn counters(&self) -> (serde_json::Value, String);
}

impl Station for LiveHost {
    fn handle_input(&mut self, now: Instant, frame: &[u8]) -> core::result::Result<(), String> {
        Self::handle_input(self, now, frame).map_err(|why| why.to_string())
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        Self::poll_transmit(self, out)
    }

    fn poll_event(&mut self) -> Option<serde_json::Value> {
        self.poll_note().map(|note| to_json(&note))
    }

    fn is_done(&self) -> bool {
        self.has_probed()
    }

    fn counters(&self) -> (serde_json::Value, String) {
        let (host, services) = (self.host().stats(), self.stats());
        let (nd, arp) = (self.host().nd().stats(), self.host().arp().stats());
        let errors = self.host().generator().stats();
        let (neighbors, limits) = (
            self.host().nd().neighbors().stats(),
            self.host().nd().config(),
        );
        let discovery = self.discovery_stats().unwrap_or_default();
        let value = json!({
            "event": "stopped", "frames": host.frames, "frames_sent": host.frames_sent,
            "echo_replies": host.echo_replies, "timestamp_replies": host.timestamp_replies,
            "udp_echoes": services.udp_echoes, "udp_rejected": services.udp_rejected,
            "errors_ipv4": errors.sent_ipv4, "errors_ipv6": errors.sent_ipv6,
            "fragmented": host.fragmented, "redirects": host.redirects + nd.redirects,
            "unreachable": host.unreachable, "malformed": host.malformed,
            "arp_requests": arp.requests_sent, "arp_replies": arp.replies_sent,
            "neighbor_solicitations": nd.neighbor_solicitations_sent,
            "neighbor_advertisements": nd.neighbor_advertisements_sent,
            "router_solicitations": nd.router_solicitations_sent,
            "router_advertisements": nd.router_advertisements,
            "ipv4_router_solicitations": discovery.solicitations,
            "ipv4_router_advertisements": discovery.advertisements,
            "paths_narrowed": self.host().path_mtu().stats().reduced,
            "router_advertisements_limited": nd.router_advertisements_limited,
            "redirects_limited": nd.redirects_limited,
            "refused_redirects": nd.not_first_hop + nd.too_many_redirects,
            "advertisements_ignored": neighbors.advertisements_ignored + nd.unasked,
            "solicitations_limited": neighbors.solicitations_limited,
            "neighbors": self.host().nd().neighbors().len(),
            "most_neighbors": limits.neighbor.max_entries,
            "destinations": self.host().nd().destinations(),
            "most_destinations": limits.limits.max_destinations,
            "prefixes": self.host().nd().prefixes().len(),
            "most_prefixes": limits.limits.max_prefixes,
            "default_routers": self.host().nd().default_routers().count(),
            "most_default_routers": limits.limits.max_default_routers,
            "no_place": nd.prefixes_full + nd.default_routers_full + nd.routes_full + nd.parameters_full,
        });
        let text = format!(
            "{services:#?}\n{host:#?}\n{arp:#?}\n{nd:#?}\n{errors:#?}\n{:#?}",
            self.host().path_mtu().stats()
        );
        (value, text)
    }
}

/// The small host for TUN devices.
struct TunHost {
    host: EchoHost,
    /// The event that it is ready.
    ready: Option<serde_json::Value>,
}

impl TunHost {
    fn new(options: &Options) -> Result<Self> {
        let addresses: Vec<IpAddr> = options.addresses.iter().map(|it| it.0).collect();
        let texts: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        let config = EchoHostConfig {
            addresses,
            mtu: options.mtu,
        };
        Ok(Self {
            host: EchoHost::new(config, &mut OsRandom)?,
            ready: Some(json!({"event": "ready", "addresses": texts})),
        })
    }
}

impl Station for TunHost {
    fn handle_input(&mut self, now: Instant, frame: &[u8]) -> core::result::Result<(), String> {
        let result = self.host.handle_input(now, frame);
        result.map_err(|why| why.to_string())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.host.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.host.poll_timeout()
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        self.host.poll_transmit(out)
    }

    fn poll_event(&mut self) -> Option<serde_json::Value> {
        self.ready.take()
    }

    fn counters(&self) -> (serde_json::Value, String) {
        let stats = self.host.stats();
        let value = json!({
            "event": "stopped", "frames": stats.received, "echo_replies": stats.echo_replies,
            "udp_echoes": stats.udp_echoes, "discarded": stats.discarded,
        });
        (value, format!("{stats:#?}"))
    }
}

/// The run loop.
struct Live {
    options: Options,
    clock: StdClock,
    device: SyncDevice,
    station: Box<dyn Station>,
    capture: Option<Capture>,
    stopped: Arc<AtomicBool>,
    /// What was read, and what is to be written.
    frame: Vec<u8>,
    out: PacketBuf,
}

impl Live {
    /// Frames that are read before events are told and timers looked at.
    const BATCH: usize = 64;

    fn new(
        options: Options,
        clock: StdClock,
        device: SyncDevice,
        station: Box<dyn Station>,
    ) -> Result<Self> {
        let capture = options.capture.as_deref();
        let capture = capture.map(|path| Capture::create(path, &options));
        let capture = capture.transpose()?;
        let stopped = Arc::new(AtomicBool::new(false));
        ctrlc::set_handler({
            let stopped = Arc::clone(&stopped);
            move || stopped.store(true, Ordering::Relaxed)
        })?;
        Ok(Self {
            frame: vec![0; usize::from(options.mtu) + 64],
            options,
            clock,
            device,
            station,
            capture,
            stopped,
            out: PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM),
        })
    }

    fn run(mut self) -> Result<()> {
        self.tell(&json!({"event": "started", "device": self.options.device}));
        while !self.stopped.load(Ordering::Relaxed) {
            let now = self.clock.now();
            self.station.handle_timeout(now);
            self.transmit(now)?;
            while let Some(event) = self.station.poll_event() {
                self.tell(&event);
            }
            if self.options.until_asked && self.station.is_done() {
                break;
            }
            self.wait()?;
            self.receive()?;
        }
        let (value, text) = self.station.counters();
        if self.options.json {
            println!("{value}");
        } else {
            println!("{text}");
        }
        Ok(())
    }

    /// Until a frame arrives, something is due, or a fifth of a second is over.
    fn wait(&self) -> Result<()> {
        let due = self.station.poll_timeout().unwrap_or(Instant::MAX);
        let patience = (due - self.clock.now()).min(Duration::from_millis(200));
        let timeout = Timespec::try_from(patience)?;
        match poll(
            &mut [PollFd::new(&self.device, PollFlags::IN)],
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(why) => Err(why).context("cannot wait for the device"),
        }
    }

    fn receive(&mut self) -> Result<()> {
        for _ in 0..Self::BATCH {
            let length = match self.device.recv(&mut self.frame) {
                Ok(length) => length,
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                // A device that is down, or on its way into another namespace.
                Err(why) if why.raw_os_error() == Some(77) => break,
                Err(why) => return Err(why).context("cannot read from the device"),
            };
            let now = self.clock.now();
            let octets = self.frame.get(..length).unwrap_or_default();
            record(&mut self.capture, now, octets, Direction::Inbound)?;
            if let Err(why) = self.station.handle_input(now, octets)
                && self.options.verbose
            {
                self.tell(&json!({"event": "ignored", "octets": length, "why": why.to_string()}));
            }
            self.transmit(now)?;
        }
        Ok(())
    }

    fn transmit(&mut self, now: Instant) -> Result<()> {
        while self.station.poll_transmit(&mut self.out) {
            let octets = self.out.as_slice();
            record(&mut self.capture, now, octets, Direction::Outbound)?;
            match self.device.send(octets) {
                // A full queue, or a device that is down, loses frames, as any link may.
                Err(why)
                    if why.kind() == ErrorKind::WouldBlock
                        || matches!(why.raw_os_error(), Some(5 | 77 | 100)) => {}
                sent => sent.map(drop).context("cannot write to the device")?,
            }
            self.out.reset(PacketBuf::DEFAULT_HEADROOM);
        }
        Ok(())
    }

    fn tell(&self, event: &serde_json::Value) {
        let now = self.clock.now();
        if self.options.json {
            let mut event = event.clone();
            if let Some(object) = event.as_object_mut() {
                object.insert("at_us".to_owned(), now.as_micros().into());
            }
            println!("{event}");
            return;
        }
        match (
            event.get("event").and_then(|it| it.as_str()),
            event.get("addresses"),
        ) {
            (Some("ready"), Some(serde_json::Value::Array(own))) if !own.is_empty() => {
                let own: Vec<&str> = own.iter().filter_map(|it| it.as_str()).collect();
                let device = &self.options.device;
                println!(
                    "{device} is at {} and answers; Ctrl-C ends it",
                    own.join(" and ")
                );
            }
            _ => println!("{now} {}", to_text(event)),
        }
    }
}

/// Milliseconds since midnight UT.
#[expect(
    clippy::disallowed_methods,
    reason = "the time of day that timestamp replies carry"
)]
fn time_of_day() -> Result<u32> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(u32::try_from(since.as_millis() % 86_400_000)?)
}

/// Makes the device and sets up the kernel's end.
fn open(options: &Options) -> Result<SyncDevice> {
    let layer = if options.tun { Layer::L3 } else { Layer::L2 };
    let device = DeviceBuilder::new()
        .name(&options.device)
        .layer(layer)
        .mtu(options.mtu)
        .build_sync()?;
    device.set_nonblocking(true)?;
    if !options.no_kernel_address {
        for (address, length) in &options.kernel_addresses {
            match address {
                IpAddr::V4(address) => device.add_address_v4(*address, *length)?,
                IpAddr::V6(address) => device.add_address_v6(*address, *length)?,
            }
        }
    }
    Ok(device)
}

/// A capture of the link.
struct Capture {
    writer: PcapngWriter<BufWriter<File>>,
    interface: InterfaceId,
}

impl Capture {
    fn create(path: &Path, options: &Options) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut writer = PcapngWriter::new(BufWriter::new(file))?;
        let link_type = if options.tun {
            LinkType::RAW
        } else {
            LinkType::ETHERNET
        };
        let interface = writer.add_interface(&options.device, link_type)?;
        Ok(Self { writer, interface })
    }
}

/// Adds a frame to the capture, if there is one.
fn record(
    capture: &mut Option<Capture>,
    now: Instant,
    octets: &[u8],
    direction: Direction,
) -> Result<()> {
    if let Some(Capture { writer, interface }) = capture {
        writer.write(*interface, now, direction, "", octets)?;
        writer.flush()?;
    }
    Ok(())
}
