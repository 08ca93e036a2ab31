//! A router whose neighbors are played by the test.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use rip::config::{Config, InterfaceAddress, InterfaceConfig};
use rip::engine::{Discard, Engine, Event, InterfaceId, Received, Stats, Transmit};
use rip::rib::Route;
use rip::wire::{
    Command, RipEntryRepr, RipMessage, RipMessageRepr, RipngEntryRepr, RipngMessage,
    RipngMessageRepr,
};
use rip::{Family, Ipv4, Ipv6};
use testkit::SeededRandom;

/// The router has 192.0.2.1/24 here, or fe80::1 and 2001:db8:1::1/64.
pub(crate) const LEFT: InterfaceId = InterfaceId(1);
/// And 198.51.100.1/24 here, or fe80::1:1 and 2001:db8:2::1/64.
pub(crate) const RIGHT: InterfaceId = InterfaceId(2);

/// A neighbor on the left.
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Another one there.
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
/// A neighbor on the right.
pub(crate) const RIGHT_PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
/// A neighbor of RIPng on the left.
pub(crate) const PEER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
/// Another one there.
pub(crate) const OTHER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 3);

pub(crate) struct Sent<F: Family> {
    pub(crate) at: Instant,
    pub(crate) to: Transmit<F>,
    pub(crate) payload: Vec<u8>,
}

impl<F: Family> Sent<F> {
    pub(crate) fn command(&self) -> Command {
        Command(self.payload[0])
    }
}

impl Sent<Ipv4> {
    pub(crate) fn message(&self) -> RipMessage<'_> {
        RipMessage::parse(&self.payload).unwrap()
    }

    /// Prefixes (by the mask that is in the entry) and metrics.
    pub(crate) fn routes(&self) -> Vec<(String, u32)> {
        let route = |entry: rip::wire::RipEntry<'_>| {
            let bits = entry.subnet_mask().to_bits().leading_ones();
            (format!("{}/{bits}", entry.address()), entry.metric())
        };
        self.message().entries().map(route).collect()
    }

    pub(crate) fn metric(&self, prefix: &str) -> Option<u32> {
        let found = self.routes().into_iter().find(|(of, _)| of == prefix);
        found.map(|(_, metric)| metric)
    }
}

/// All routes of some messages.
pub(crate) fn routes_of(sent: &[Sent<Ipv4>]) -> Vec<(String, u32)> {
    sent.iter()
        .filter(|sent| sent.command() == Command::RESPONSE)
        .flat_map(Sent::routes)
        .collect()
}

pub(crate) struct Lab<F: Family> {
    pub(crate) engine: Engine<F>,
    pub(crate) now: Instant,
}

impl<F: Family> Lab<F> {
    fn new(config: Config<F>, interfaces: [(InterfaceId, InterfaceConfig<F>); 2]) -> Self {
        let mut engine = Engine::new(config, Box::new(SeededRandom::new(7))).unwrap();
        let now = Instant::from_secs(1_000);
        for (id, interface) in interfaces {
            engine.add_interface(now, id, interface).unwrap();
        }
        Self { engine, now }
    }

    /// Whatever waits to be sent and may be sent now.
    pub(crate) fn drain(&mut self) -> Vec<Sent<F>> {
        let mut all = Vec::new();
        let mut packet = PacketBuf::with_headroom(64);
        while let Some(to) = self.engine.poll_transmit(&mut packet) {
            all.push(Sent {
                at: self.now,
                to,
                payload: packet.as_slice().to_vec(),
            });
            packet.reset(64);
        }
        all
    }

    /// Lets time go by, deadline after deadline, and returns what was sent meanwhile.
    pub(crate) fn run(&mut self, time: Duration) -> Vec<Sent<F>> {
        let end = self.now + time;
        let mut all = self.drain();
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            all.extend(self.drain());
        }
        self.now = end;
        self.engine.handle_timeout(end);
        all.extend(self.drain());
        all
    }

    pub(crate) fn seconds(&mut self, seconds: u64) -> Vec<Sent<F>> {
        self.run(Duration::from_secs(seconds))
    }

    pub(crate) fn input(&mut self, received: &Received<'_, F>) -> Result<(), Discard> {
        self.engine.handle_input(self.now, received)
    }

    pub(crate) fn stats(&self) -> Stats {
        *self.engine.stats()
    }

    /// The best route to a prefix.
    pub(crate) fn route(&self, prefix: &str) -> Option<Route<F>> {
        self.engine.rib().get(&prefix.parse().unwrap())
    }

    pub(crate) fn metric(&self, prefix: &str) -> Option<u8> {
        self.route(prefix).map(|route| route.metric)
    }

    pub(crate) fn next_hop(&self, prefix: &str) -> Option<F::Address> {
        Some(self.route(prefix)?.next_hops.first().address)
    }

    pub(crate) fn events(&mut self) -> Vec<Event<F>> {
        core::iter::from_fn(|| self.engine.poll_event()).collect()
    }

    /// Everything that a message may not change: routes and neighbors.
    pub(crate) fn state(&self) -> (Vec<Route<F>>, usize) {
        let routes = self.engine.rib().routes().collect();
        (routes, self.engine.neighbors().count())
    }
}

pub(crate) fn address<F: Family>(text: &str, prefix_length: u8) -> InterfaceAddress<F> {
    InterfaceAddress {
        address: text.parse().ok().unwrap(),
        prefix_length,
    }
}

impl Lab<Ipv4> {
    pub(crate) fn v4() -> Self {
        Self::v4_with(|_, _| {})
    }

    /// Both interfaces are changed alike.
    pub(crate) fn v4_with(
        mut change: impl FnMut(&mut Config<Ipv4>, &mut InterfaceConfig<Ipv4>),
    ) -> Self {
        let mut config = Config::default();
        let interface = |address| InterfaceConfig::new(vec![address]);
        let mut left = interface(address("192.0.2.1", 24));
        let mut right = interface(address("198.51.100.1", 24));
        change(&mut config, &mut left);
        change(&mut config, &mut right);
        let mut lab = Self::new(config, [(LEFT, left), (RIGHT, right)]);
        // Requests, and first updates.
        lab.seconds(6);
        lab.events();
        lab
    }

    /// A datagram as a neighbor on the left sends it.
    pub(crate) fn datagram(payload: &[u8]) -> Received<'_, Ipv4> {
        Received {
            interface: LEFT,
            source: PEER,
            source_port: 520,
            destination: Ipv4::GROUP,
            hop_limit: Some(1),
            payload,
        }
    }

    /// Hands in what the neighbor on the left sends.
    pub(crate) fn hear(&mut self, payload: &[u8]) -> Result<(), Discard> {
        self.input(&Self::datagram(payload))
    }

    /// The same from another neighbor on the left.
    pub(crate) fn hear_from(&mut self, source: Ipv4Addr, payload: &[u8]) -> Result<(), Discard> {
        let interface = if source == RIGHT_PEER { RIGHT } else { LEFT };
        self.input(&Received {
            interface,
            source,
            ..Self::datagram(payload)
        })
    }

    /// Asserts that a message is discarded, and that nothing but the counter changes.
    pub(crate) fn refuses(
        &mut self,
        received: &Received<'_, Ipv4>,
        counter: fn(&Stats) -> u64,
    ) -> Discard {
        let (state, before) = (self.state(), counter(&self.stats()));
        let discard = self.input(received).unwrap_err();
        assert_eq!(self.state(), state, "{discard}");
        assert_eq!(counter(&self.stats()), before + 1, "{discard}");
        discard
    }
}

impl Lab<Ipv6> {
    pub(crate) fn v6() -> Self {
        Self::v6_with(|_| {})
    }

    pub(crate) fn v6_with(mut change: impl FnMut(&mut InterfaceConfig<Ipv6>)) -> Self {
        let interface = |local: &str, global: &str| {
            InterfaceConfig::new(vec![address(local, 64), address(global, 64)])
        };
        let mut left = interface("fe80::1", "2001:db8:1::1");
        let mut right = interface("fe80::1:1", "2001:db8:2::1");
        change(&mut left);
        change(&mut right);
        let mut lab = Self::new(Config::default(), [(LEFT, left), (RIGHT, right)]);
        lab.seconds(6);
        lab.events();
        lab
    }

    pub(crate) fn datagram(payload: &[u8]) -> Received<'_, Ipv6> {
        Received {
            interface: LEFT,
            source: PEER6,
            source_port: 521,
            destination: Ipv6::GROUP,
            hop_limit: Some(255),
            payload,
        }
    }

    pub(crate) fn hear(&mut self, payload: &[u8]) -> Result<(), Discard> {
        self.input(&Self::datagram(payload))
    }

    pub(crate) fn refuses(
        &mut self,
        received: &Received<'_, Ipv6>,
        counter: fn(&Stats) -> u64,
    ) -> Discard {
        let (state, before) = (self.state(), counter(&self.stats()));
        let discard = self.input(received).unwrap_err();
        assert_eq!(self.state(), state, "{discard}");
        assert_eq!(counter(&self.stats()), before + 1, "{discard}");
        discard
    }
}

/// A message of these entries.
pub(crate) fn message(command: Command, version: u8, entries: &[RipEntryRepr]) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    for entry in entries {
        packet.append_slice(&entry.octets());
    }
    let header = RipMessageRepr::new(command, version);
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// A response of version 2.
pub(crate) fn response(entries: &[RipEntryRepr]) -> Vec<u8> {
    message(Command::RESPONSE, 2, entries)
}

/// A response of version 1.
pub(crate) fn response_v1(address: &str, metric: u8) -> Vec<u8> {
    let entry = RipEntryRepr::route_v1(address.parse().unwrap(), metric);
    message(Command::RESPONSE, 1, &[entry])
}

pub(crate) fn request(entries: &[RipEntryRepr]) -> Vec<u8> {
    message(Command::REQUEST, 2, entries)
}

pub(crate) fn route(prefix: &str, metric: u8) -> RipEntryRepr {
    RipEntryRepr::route(prefix.parse().unwrap(), metric)
}

/// An entry with any address and mask.
pub(crate) fn raw(address: &str, mask: &str, metric: u32) -> RipEntryRepr {
    RipEntryRepr {
        address: address.parse().unwrap(),
        subnet_mask: mask.parse().unwrap(),
        metric,
        ..route("10.0.0.0/8", 1)
    }
}

pub(crate) fn message6(command: Command, entries: &[RipngEntryRepr]) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    for entry in entries {
        packet.append_slice(&entry.octets());
    }
    RipngMessageRepr::new(command).emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

pub(crate) fn response6(entries: &[RipngEntryRepr]) -> Vec<u8> {
    message6(Command::RESPONSE, entries)
}

pub(crate) fn route6(prefix: &str, metric: u8) -> RipngEntryRepr {
    RipngEntryRepr::route(prefix.parse().unwrap(), metric)
}

/// An entry with any address and length.
pub(crate) fn raw6(address: &str, prefix_length: u8, metric: u8) -> RipngEntryRepr {
    RipngEntryRepr {
        prefix: address.parse().unwrap(),
        route_tag: 0,
        prefix_length,
        metric,
    }
}

/// Entries of a message of RIPng, next hops among them.
pub(crate) fn entries6(payload: &[u8]) -> Vec<RipngEntryRepr> {
    let message = RipngMessage::parse(payload).unwrap();
    message.entries().map(|entry| entry.to_repr()).collect()
}
