//! What the tests of ping and traceroute share: the machines and a simulated path as nodes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::ping::{self, Pinger};
use icmp_nd::probe::{SimHop, SimPath};
use icmp_nd::traceroute::{self, Traceroute};
use icmp_nd::{Instant, PacketBuf};
use testkit::{Discarded, Node, Port, SeededRandom};

pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
pub const HERE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
pub const THERE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xdead, 0, 0, 0, 0, 7));

pub fn random(seed: u64) -> Box<SeededRandom> {
    Box::new(SeededRandom::new(seed))
}

/// The address of hop `n`, of the version of `like`.
pub fn router(n: u8, like: IpAddr) -> IpAddr {
    side_router(n, 1, like)
}

/// The address of the router `side` among those of hop `n`.
pub fn side_router(n: u8, side: u8, like: IpAddr) -> IpAddr {
    if like.is_ipv4() {
        Ipv4Addr::new(10, n, 0, side).into()
    } else {
        Ipv6Addr::new(
            0x2001,
            0xdb8,
            0xf000 + u16::from(n),
            0,
            0,
            0,
            0,
            u16::from(side),
        )
        .into()
    }
}

/// A path of `n` routers, each with an address of both versions.
pub fn path(n: u8) -> SimPath {
    let hop = |n| SimHop::new(vec![router(n, HERE), router(n, HERE6)]);
    let mut path = SimPath::new((1..=n).map(hop).collect(), vec![THERE, THERE6]);
    path.open_ports = vec![443];
    path
}

/// A simulated path as a node.
pub struct PathNode {
    pub path: SimPath,
    /// Answers on their way.
    waiting: Vec<(Instant, u64, Vec<u8>)>,
    next: u64,
    ready: std::collections::VecDeque<Vec<u8>>,
    latest: Instant,
    pub seen: Vec<Vec<u8>>,
}

impl PathNode {
    pub fn new(path: SimPath) -> Self {
        Self {
            path,
            waiting: Vec::new(),
            next: 0,
            ready: std::collections::VecDeque::new(),
            latest: Instant::ZERO,
            seen: Vec::new(),
        }
    }
}

impl Node for PathNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let now = self.latest.max(now);
        let mut out = PacketBuf::new();
        let Some(after) = self.path.answer(frame, &mut out) else {
            return Err(Discarded::new("no answer"));
        };
        self.latest = now;
        self.seen.push(frame.to_vec());
        self.next += 1;
        self.waiting
            .push((now + after, self.next, out.as_slice().to_vec()));
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.waiting.sort();
        while self
            .waiting
            .first()
            .is_some_and(|(at, ..)| *at <= self.latest)
        {
            self.ready.push_back(self.waiting.remove(0).2);
        }
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        out.append_slice(&self.ready.pop_front()?);
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.iter().map(|(at, ..)| *at).min()
    }
}

/// A pinger as a node, with all that it told.
pub struct PingNode {
    pub pinger: Pinger,
    pub events: Vec<(Instant, ping::Event)>,
    latest: Instant,
}

impl PingNode {
    pub fn new(pinger: Pinger) -> Self {
        Self {
            pinger,
            events: Vec::new(),
            latest: Instant::ZERO,
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.pinger.poll_event() {
            self.events.push((self.latest, event));
        }
    }
}

impl Node for PingNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.latest = self.latest.max(now);
        let result = self.pinger.handle_input(now, frame);
        self.collect();
        result.map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.pinger.handle_timeout(now);
        self.collect();
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let transmit = self.pinger.poll_transmit(out).map(|_| 0);
        self.collect();
        transmit
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.pinger.poll_timeout()
    }
}

/// A trace as a node, with all that it told.
pub struct TraceNode {
    pub trace: Traceroute,
    pub events: Vec<traceroute::Event>,
    pub sent: Vec<(traceroute::Transmit, Vec<u8>)>,
}

impl TraceNode {
    pub fn new(trace: Traceroute) -> Self {
        Self {
            trace,
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.trace.poll_event() {
            self.events.push(event);
        }
    }

    pub fn answers(&self) -> Vec<traceroute::Answer> {
        let answer = |event: &traceroute::Event| match event {
            traceroute::Event::Answer(answer) => Some(*answer),
            _ => None,
        };
        self.events.iter().filter_map(answer).collect()
    }
}

impl Node for TraceNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.trace.handle_input(now, frame);
        self.collect();
        result.map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.trace.handle_timeout(now);
        self.collect();
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let transmit = self.trace.poll_transmit(out)?;
        self.sent.push((transmit, out.as_slice().to_vec()));
        self.collect();
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.trace.poll_timeout()
    }
}

/// A link that does everything to frames that a bad one does.
pub fn bad_link() -> testkit::LinkConfig {
    testkit::LinkConfig {
        loss: 0.1,
        duplicate: 0.1,
        reorder: 0.1,
        reorder_delay: Duration::from_millis(40),
        corrupt: 0.1,
        ..testkit::LinkConfig::default()
    }
}
