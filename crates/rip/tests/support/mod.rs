//! A router in a test: driven by hand, or as a node of a simulated network.

#![allow(dead_code, reason = "each test binary uses its part")]

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use packet_buffer::{Instant, PacketBuf};
use rip::config::{Config, InterfaceAddress, InterfaceConfig};
use rip::engine::{Discard, Engine, InterfaceId, Received, Transmit};
use rip::wire::*;
use rip::{Family, Ipv4, Ipv6};
use testkit::{Discarded, Node, Port, SeededRandom};

/// What the tests need of a family besides what the engine does.
pub(crate) trait Wire: Family {
    const OCTETS: usize;
    fn write(address: Self::Address, out: &mut Vec<u8>);
    fn read(octets: &[u8]) -> Self::Address;
    fn is_group(address: Self::Address) -> bool;
}

impl Wire for Ipv4 {
    const OCTETS: usize = 4;
    fn write(address: Ipv4Addr, out: &mut Vec<u8>) {
        out.extend(address.octets());
    }
    fn read(octets: &[u8]) -> Ipv4Addr {
        Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap())
    }
    fn is_group(address: Ipv4Addr) -> bool {
        address.is_multicast() || address.octets()[3] == 255
    }
}

impl Wire for Ipv6 {
    const OCTETS: usize = 16;
    fn write(address: Ipv6Addr, out: &mut Vec<u8>) {
        out.extend(address.octets());
    }
    fn read(octets: &[u8]) -> Ipv6Addr {
        Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap())
    }
    fn is_group(address: Ipv6Addr) -> bool {
        address.is_multicast()
    }
}

pub(crate) fn v4(text: &str) -> InterfaceAddress<Ipv4> {
    address(text)
}

pub(crate) fn v6(text: &str) -> InterfaceAddress<Ipv6> {
    address(text)
}

pub(crate) fn address<F: Family>(text: &str) -> InterfaceAddress<F> {
    let (address, length) = text.split_once('/').expect("ADDRESS/LENGTH");
    InterfaceAddress {
        address: address.parse().ok().expect("an address"),
        prefix_length: length.parse().expect("a length"),
    }
}

/// A router as a node. Port `n` is interface `n`. A frame is source, port, destination, port, hop
/// limit, payload; those for others are not for it.
pub(crate) struct Router<F: Wire> {
    pub(crate) engine: Engine<F>,
    /// The routes that a forwarding table would have.
    pub(crate) forwarding: std::collections::BTreeMap<F::Prefix, rip::rib::Route<F>>,
}

impl<F: Wire> Router<F> {
    pub(crate) fn new(config: Config<F>, random: SeededRandom) -> Self {
        Self {
            engine: Engine::new(config, Box::new(random)).expect("a good configuration"),
            forwarding: Default::default(),
        }
    }

    /// Brings the forwarding table up to date.
    pub(crate) fn forward(&mut self) {
        use rip::rib::RouteChange::{Add, Replace, Withdraw};
        while let Some(change) = self.engine.poll_route_change() {
            match change {
                Add(route) => {
                    let before = self.forwarding.insert(route.prefix, route);
                    assert!(before.is_none(), "added twice");
                }
                Replace(route) => {
                    let before = self.forwarding.insert(route.prefix, route);
                    assert!(before.is_some(), "replaced and not there");
                }
                Withdraw(prefix) => {
                    assert!(self.forwarding.remove(&prefix).is_some(), "withdrawn twice");
                }
            }
        }
    }
}

impl<F: Wire> Node for Router<F> {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let header = 2 * F::OCTETS + 5;
        if frame.len() < header {
            return Err(Discarded::new("short"));
        }
        let n = F::OCTETS;
        let received = Received {
            interface: InterfaceId(port as u32),
            source: F::read(&frame[..n]),
            source_port: u16::from_be_bytes([frame[n], frame[n + 1]]),
            destination: F::read(&frame[n + 2..2 * n + 2]),
            hop_limit: Some(frame[2 * n + 4]),
            payload: &frame[header..],
        };
        self.engine
            .handle_input(now, &received)
            .map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let mut payload = PacketBuf::with_headroom(64);
        let transmit = self.engine.poll_transmit(&mut payload)?;
        let mut frame = Vec::new();
        F::write(transmit.source, &mut frame);
        frame.extend(transmit.source_port.to_be_bytes());
        F::write(transmit.destination, &mut frame);
        frame.extend(transmit.destination_port.to_be_bytes());
        frame.push(transmit.hop_limit);
        frame.extend(payload.as_slice());
        out.append_slice(&frame);
        Some(transmit.interface.0 as usize)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }

    fn fingerprint(&self) -> Option<u64> {
        use core::hash::{Hash as _, Hasher as _};
        let mut hasher = std::hash::DefaultHasher::new();
        for route in self.engine.rib().routes() {
            route.hash(&mut hasher);
        }
        for neighbor in self.engine.neighbors() {
            (neighbor.interface, neighbor.address, neighbor.routes).hash(&mut hasher);
        }
        Some(hasher.finish())
    }
}

/// A message that a router has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent<F: Family> {
    pub(crate) to: Transmit<F>,
    pub(crate) payload: Vec<u8>,
}

/// A router driven by hand.
pub(crate) struct Bench<F: Wire> {
    pub(crate) engine: Engine<F>,
    pub(crate) now: Instant,
}

pub(crate) const ONE: InterfaceId = InterfaceId(1);
pub(crate) const TWO: InterfaceId = InterfaceId(2);

/// Zeroes: no jitter to one side, the shortest wait.
pub(crate) struct Zeroes;

impl packet_buffer::RandomSource for Zeroes {
    fn fill(&mut self, dest: &mut [u8]) {
        dest.fill(0);
    }
}

impl<F: Wire> Bench<F> {
    pub(crate) fn new(config: Config<F>) -> Self {
        Self::seeded(config, 7)
    }

    pub(crate) fn seeded(config: Config<F>, seed: u64) -> Self {
        Self {
            engine: Engine::new(config, Box::new(SeededRandom::new(seed))).unwrap(),
            now: Instant::from_secs(1_000),
        }
    }

    /// Without jitter: updates come 25 s after each other, triggered ones wait 1 s.
    pub(crate) fn still(config: Config<F>) -> Self {
        Self {
            engine: Engine::new(config, Box::new(Zeroes)).unwrap(),
            now: Instant::from_secs(1_000),
        }
    }

    pub(crate) fn interface(&mut self, id: InterfaceId, config: InterfaceConfig<F>) -> &mut Self {
        self.engine.add_interface(self.now, id, config).unwrap();
        self
    }

    /// What is sent now.
    pub(crate) fn sent(&mut self) -> Vec<Sent<F>> {
        let mut all = Vec::new();
        let mut out = PacketBuf::with_headroom(64);
        while let Some(to) = self.engine.poll_transmit(&mut out) {
            let payload = out.as_slice().to_vec();
            all.push(Sent { to, payload });
            out.reset(64);
            assert!(all.len() < 100_000, "it does not stop sending");
        }
        all
    }

    /// Lets time pass up to `until`; what is sent, and when.
    pub(crate) fn run_until(&mut self, until: Instant) -> Vec<(Instant, Sent<F>)> {
        let mut all: Vec<_> = self.sent().into_iter().map(|s| (self.now, s)).collect();
        while let Some(next) = self.engine.poll_timeout().filter(|next| *next <= until) {
            assert!(next > self.now, "a deadline that has passed");
            self.now = next;
            self.engine.handle_timeout(next);
            all.extend(self.sent().into_iter().map(|s| (next, s)));
        }
        self.now = until;
        self.engine.handle_timeout(until);
        all.extend(self.sent().into_iter().map(|s| (until, s)));
        all
    }

    pub(crate) fn run(&mut self, for_seconds: u64) -> Vec<(Instant, Sent<F>)> {
        self.run_until(self.now + Duration::from_secs(for_seconds))
    }

    pub(crate) fn receive(
        &mut self,
        interface: InterfaceId,
        source: &str,
        payload: &[u8],
    ) -> Result<(), Discard> {
        self.receive_from(interface, source, F::PORT, payload)
    }

    pub(crate) fn receive_from(
        &mut self,
        interface: InterfaceId,
        source: &str,
        source_port: u16,
        payload: &[u8],
    ) -> Result<(), Discard> {
        let received = Received {
            interface,
            source: source.parse().ok().expect("an address"),
            source_port,
            destination: F::GROUP,
            hop_limit: Some(if F::BITS == 32 { 1 } else { 255 }),
            payload,
        };
        self.engine.handle_input(self.now, &received)
    }

    /// The metric in the table; `None` when there is no such prefix.
    pub(crate) fn metric(&self, prefix: &str) -> Option<u8> {
        Some(self.route(prefix)?.metric)
    }

    pub(crate) fn route(&self, prefix: &str) -> Option<rip::rib::Route<F>> {
        self.engine.rib().get(&prefix.parse().unwrap())
    }

    pub(crate) fn next_hop(&self, prefix: &str) -> Option<F::Address> {
        Some(self.route(prefix)?.next_hops.first().address)
    }
}

/// A response of version 2.
pub(crate) fn response(routes: &[(&str, u8)]) -> Vec<u8> {
    message(
        Command::RESPONSE,
        2,
        routes
            .iter()
            .map(|(prefix, metric)| RipEntryRepr::route(prefix.parse().unwrap(), *metric)),
    )
}

pub(crate) fn message(
    command: Command,
    version: u8,
    entries: impl IntoIterator<Item = RipEntryRepr>,
) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    for entry in entries {
        packet.append_slice(&entry.octets());
    }
    RipMessageRepr::new(command, version)
        .emit(&mut packet)
        .unwrap();
    packet.as_slice().to_vec()
}

pub(crate) fn response_ng(routes: &[(&str, u8)]) -> Vec<u8> {
    message_ng(
        Command::RESPONSE,
        routes
            .iter()
            .map(|(prefix, metric)| RipngEntryRepr::route(prefix.parse().unwrap(), *metric)),
    )
}

pub(crate) fn message_ng(
    command: Command,
    entries: impl IntoIterator<Item = RipngEntryRepr>,
) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    for entry in entries {
        packet.append_slice(&entry.octets());
    }
    RipngMessageRepr::new(command).emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// The routes of a response, as text: `PREFIX METRIC [tag TAG] [via NEXT HOP]`.
pub(crate) fn routes(sent: &Sent<Ipv4>) -> Vec<String> {
    let message = RipMessage::parse(&sent.payload).unwrap();
    message
        .entries()
        .map(|entry| {
            let repr = entry.to_repr();
            let destination = if message.version() == 1 {
                repr.address.to_string()
            } else {
                packet_buffer::wire::Ipv4Prefix::from_netmask(repr.address, repr.subnet_mask)
                    .expect("a mask")
                    .to_string()
            };
            let mut text = format!("{destination} {}", repr.metric);
            if repr.route_tag != 0 {
                text += &format!(" tag {}", repr.route_tag);
            }
            if !repr.next_hop.is_unspecified() {
                text += &format!(" via {}", repr.next_hop);
            }
            text
        })
        .collect()
}

pub(crate) fn routes_ng(sent: &Sent<Ipv6>) -> Vec<String> {
    let message = RipngMessage::parse(&sent.payload).unwrap();
    message
        .entries()
        .map(|entry| {
            let repr = entry.to_repr();
            if entry.is_next_hop() {
                return format!("via {}", repr.prefix);
            }
            let mut text = format!("{}/{} {}", repr.prefix, repr.prefix_length, repr.metric);
            if repr.route_tag != 0 {
                text += &format!(" tag {}", repr.route_tag);
            }
            text
        })
        .collect()
}

/// All routes of responses on an interface, in order.
pub(crate) fn told(sent: &[(Instant, Sent<Ipv4>)], interface: InterfaceId) -> Vec<String> {
    let mut all: Vec<String> = sent
        .iter()
        .filter(|(_, sent)| sent.to.interface == interface && sent.payload[0] == 2)
        .flat_map(|(_, sent)| routes(sent))
        .collect();
    all.sort();
    all
}

/// A router with two interfaces, 10.0.1.1/24 and 10.0.2.1/24, which has said what it says at the
/// start.
pub(crate) fn two_links(config: Config<Ipv4>) -> Bench<Ipv4> {
    two_links_with(config, |_| {}, |_| {})
}

pub(crate) fn two_links_with(
    config: Config<Ipv4>,
    one: impl FnOnce(&mut InterfaceConfig<Ipv4>),
    two: impl FnOnce(&mut InterfaceConfig<Ipv4>),
) -> Bench<Ipv4> {
    let mut bench = Bench::new(config);
    let mut first = InterfaceConfig::new(vec![v4("10.0.1.1/24")]);
    one(&mut first);
    let mut second = InterfaceConfig::new(vec![v4("10.0.2.1/24")]);
    two(&mut second);
    bench.interface(ONE, first).interface(TWO, second);
    bench.run(12);
    bench
}
