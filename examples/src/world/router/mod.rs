//! A router: ports, a gateway between them with or without translator and firewall, and RIP for both versions.

mod builder;
mod speak;

pub use builder::{RouterBuilder, Speaks};

use super::ethernet::EthernetPort;
use super::journal::Journal;
use super::ppp::PppPort;
use crate::gateway::{Cause, Gateway, Outcome, Route};
use alloc::collections::{BTreeMap, VecDeque};
use anyhow::{Context as _, Result};
use builder::static_route;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nat::Nat;
use packet_buffer::wire::{IpPacket, Ipv4Prefix, Ipv6Prefix};
use packet_buffer::{Instant, PacketBuf};
use rip::config::InterfaceAddress;
use rip::engine::{Engine, InterfaceId};
use rip::{Family, Ipv4, Ipv6};
use testkit::{Discarded, Node, Port};

/// Rows of a table that are shown.
pub const MAX_ROWS: usize = 60;

/// What to do when IPCP has given an address.
pub type OnAddress = Box<dyn Fn(Ipv4Addr) -> Result<Nat>>;

/// A port of a router.
pub enum AnyPort {
    /// On an Ethernet.
    Ethernet(Box<EthernetPort>),
    /// With PPP.
    Ppp(Box<PppPort>),
}

impl AnyPort {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ethernet(port) => port.name(),
            Self::Ppp(port) => port.name(),
        }
    }
}

/// What the gateway has done with packets that came in, by outcome.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    /// Each outcome, in words, and how often it was.
    pub counts: BTreeMap<String, u64>,
}

/// Events that are kept of a translator or a firewall.
const MAX_NOTES: usize = 10_000;

/// A router; see the [module's documentation](self).
pub struct RouterNode {
    name: String,
    journal: Journal,
    ports: Vec<AnyPort>,
    gateway: Gateway,
    rip: Engine<Ipv4>,
    ripng: Engine<Ipv6>,
    on_address: Option<OnAddress>,
    dials_out: Vec<usize>,
    /// Link-local addresses that RIPng was told, by port.
    link_locals: BTreeMap<usize, Ipv6Addr>,
    outcomes: Outcomes,
    latest: Instant,
    nat_notes: VecDeque<nat::NatEvent>,
    firewall_notes: VecDeque<stateful_firewall::Event>,
    route_changes: u64,
}

impl RouterNode {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ports.
    pub fn ports(&self) -> &[AnyPort] {
        &self.ports
    }

    /// A port with PPP.
    ///
    /// # Errors
    ///
    /// When it has none of that name.
    pub fn ppp(&self, name: &str) -> Result<&PppPort> {
        let mut ports = self.ports.iter();
        let found = ports.find_map(|port| match port {
            AnyPort::Ppp(port) if port.name() == name => Some(&**port),
            _ => None,
        });
        found.with_context(|| format!("{} has no port {name} with PPP", self.name))
    }

    /// A port on an Ethernet.
    ///
    /// # Errors
    ///
    /// When it has none of that name.
    pub fn ethernet(&self, name: &str) -> Result<&EthernetPort> {
        let mut ports = self.ports.iter();
        let found = ports.find_map(|port| match port {
            AnyPort::Ethernet(port) if port.name() == name => Some(&**port),
            _ => None,
        });
        found.with_context(|| format!("{} has no port {name} on an Ethernet", self.name))
    }

    /// The gateway.
    pub const fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The gateway, to change it.
    pub const fn gateway_mut(&mut self) -> &mut Gateway {
        &mut self.gateway
    }

    /// RIP, with the IPv4 routes.
    pub const fn rip(&self) -> &Engine<Ipv4> {
        &self.rip
    }

    /// RIPng, with the IPv6 routes.
    pub const fn ripng(&self) -> &Engine<Ipv6> {
        &self.ripng
    }

    /// What became of packets.
    pub const fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// How often a route has changed.
    pub const fn route_changes(&self) -> u64 {
        self.route_changes
    }

    /// What the translator has told, oldest first.
    pub const fn nat_notes(&self) -> &VecDeque<nat::NatEvent> {
        &self.nat_notes
    }

    /// What the firewall has told, oldest first.
    pub const fn firewall_notes(&self) -> &VecDeque<stateful_firewall::Event> {
        &self.firewall_notes
    }

    /// The carrier of a port is gone, or back: its routes are poisoned at once.
    pub fn set_carrier(&mut self, now: Instant, port: usize, is_up: bool) {
        let now = self.advance(now);
        let id = id(port);
        self.rip.set_link_up(now, id, is_up);
        self.ripng.set_link_up(now, id, is_up);
        let name = self.ports.get(port).map_or("?", AnyPort::name).to_owned();
        let state = if is_up { "up" } else { "down" };
        self.journal
            .state(now, &self.name, &format!("carrier of {name}"), state);
        self.settle(now);
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// An IP packet that came in by a port.
    fn receive(&mut self, now: Instant, port: usize, octets: &[u8]) {
        if self.receive_rip(now, port, octets) {
            return;
        }
        let is_group = IpPacket::parse(octets).is_ok_and(|it| it.destination().is_multicast());
        let outcome = if is_group {
            Outcome::Dropped(Cause::Destination)
        } else {
            self.gateway.handle_input(now, port, octets)
        };
        let words = match outcome {
            Outcome::Forwarded(_) => "forwarded".to_owned(),
            Outcome::Local => "for the router".to_owned(),
            Outcome::Held => "held: a fragment".to_owned(),
            Outcome::Refused(cause) => format!("refused: {}", cause_text(cause)),
            Outcome::Dropped(cause) => format!("dropped: {}", cause_text(cause)),
        };
        *self.outcomes.counts.entry(words).or_default() += 1;
    }

    /// Where a packet goes from a port: the next router, or the destination itself.
    fn next_hop(&self, port: usize, destination: IpAddr) -> IpAddr {
        let by_rib = match destination {
            IpAddr::V4(address) if address.is_link_local() => None,
            IpAddr::V6(address) if address.is_unicast_link_local() => None,
            IpAddr::V4(address) => gateway_to(&self.rip, port, address).map(IpAddr::V4),
            IpAddr::V6(address) => gateway_to(&self.ripng, port, address).map(IpAddr::V6),
        };
        by_rib.unwrap_or(destination)
    }

    fn send(&mut self, now: Instant, port: usize, next_hop: IpAddr, packet: PacketBuf) {
        match self.ports.get_mut(port) {
            Some(AnyPort::Ethernet(port)) => port.send(now, next_hop, packet),
            // What a line does not take yet is lost, as on any other.
            Some(AnyPort::Ppp(port)) => {
                let lost = port.send(now, packet).is_err();
                let why = "dropped: line is down".to_owned();
                *self.outcomes.counts.entry(why).or_default() += u64::from(lost);
            }
            None => {}
        }
    }

    /// Carries everything from machine to machine.
    fn settle(&mut self, now: Instant) {
        self.follow_ports(now);
        self.follow_routes(false);
        self.tell_unreachable(now);
        while let Some((port, packet)) = self.gateway.poll_transmit() {
            let destination = IpPacket::parse(packet.as_slice()).map(|it| it.destination());
            if let Ok(destination) = destination {
                let next_hop = self.next_hop(port, destination);
                self.send(now, port, next_hop, packet);
            }
        }
        self.send_rip(now);
        if let Some(nat) = self.gateway.nat_mut() {
            while let Some(event) = nat.poll_event() {
                keep(&mut self.nat_notes, event);
            }
        }
        if let Some(firewall) = self.gateway.firewall_mut() {
            while let Some(event) = firewall.poll_event() {
                keep(&mut self.firewall_notes, event);
            }
        }
        while self.rip.poll_event().is_some() {}
        while self.ripng.poll_event().is_some() {}
    }

    /// Packets that waited in vain for a neighbor: their senders are told.
    fn tell_unreachable(&mut self, now: Instant) {
        for (number, port) in self.ports.iter_mut().enumerate() {
            let AnyPort::Ethernet(port) = port else {
                continue;
            };
            while let Some(packet) = port.poll_unreachable() {
                let told = self
                    .gateway
                    .neighbor_unreachable(now, number, packet.as_slice());
                let words = if told {
                    "refused: no neighbor"
                } else {
                    "dropped: no neighbor"
                };
                *self.outcomes.counts.entry(words.to_owned()).or_default() += 1;
            }
        }
    }

    /// Addresses that have come and gone.
    fn follow_ports(&mut self, now: Instant) {
        for (number, port) in self.ports.iter_mut().enumerate() {
            match port {
                AnyPort::Ethernet(port) => {
                    let Some(link_local) = port.link_local() else {
                        continue;
                    };
                    if self.link_locals.insert(number, link_local) == Some(link_local) {
                        continue;
                    }
                    let globals = port.setup().addresses.iter().filter_map(|it| match it {
                        (IpAddr::V6(address), prefix_length) => Some(InterfaceAddress {
                            address: *address,
                            prefix_length: *prefix_length,
                        }),
                        _ => None,
                    });
                    let own = InterfaceAddress {
                        address: link_local,
                        prefix_length: 64,
                    };
                    let addresses = globals.chain([own]).collect();
                    // The prefix lengths are right: the port has them too.
                    let _ = self.ripng.set_addresses(now, id(number), addresses);
                }
                AnyPort::Ppp(port) => {
                    if !port.take_changed() {
                        continue;
                    }
                    let addresses = port.address().map(IpAddr::V4).into_iter().collect();
                    self.gateway.set_interface(number, addresses, port.mtu());
                    let peer = port.ipv4().and_then(|it| it.peer_address);
                    let default = self.dials_out.contains(&number);
                    let host = peer.and_then(|it| Ipv4::prefix(it, 32));
                    let v4 = host.into_iter().chain(
                        default
                            .then(|| Ipv4::prefix(Ipv4Addr::UNSPECIFIED, 0))
                            .flatten(),
                    );
                    for prefix in v4 {
                        if let Ok(route) =
                            static_route::<Ipv4>(prefix, number, Ipv4Addr::UNSPECIFIED)
                        {
                            let _ = self.rip.add_route(now, route);
                        }
                    }
                    if default
                        && port.is_ipv6_up()
                        && let Some(prefix) = Ipv6::prefix(Ipv6Addr::UNSPECIFIED, 0)
                        && let Ok(route) =
                            static_route::<Ipv6>(prefix, number, Ipv6Addr::UNSPECIFIED)
                    {
                        let _ = self.ripng.add_route(now, route);
                    }
                    if default
                        && self.gateway.nat().is_none()
                        && let (Some(address), Some(make)) = (port.address(), &self.on_address)
                        && let Ok(nat) = make(address)
                    {
                        self.gateway.set_nat(Some(nat));
                    }
                }
            }
        }
    }

    /// Brings the gateway's routes up to date.
    fn follow_routes(&mut self, at_start: bool) {
        let mut changed = at_start;
        while self.rip.poll_route_change().is_some() {
            self.route_changes += 1;
            changed = true;
        }
        while self.ripng.poll_route_change().is_some() {
            self.route_changes += 1;
            changed = true;
        }
        if !changed {
            return;
        }
        let v4 = self
            .rip
            .rib()
            .routes()
            .filter(|it| it.metric < 16)
            .filter_map(|route| {
                let port = number(route.next_hops.first().interface?);
                let (address, length) = (Ipv4::network(&route.prefix), Ipv4::length(&route.prefix));
                Some(Route::V4(Ipv4Prefix::new(address, length)?, port))
            });
        let v6 = self
            .ripng
            .rib()
            .routes()
            .filter(|it| it.metric < 16)
            .filter_map(|route| {
                let port = number(route.next_hops.first().interface?);
                let (address, length) = (Ipv6::network(&route.prefix), Ipv6::length(&route.prefix));
                Some(Route::V6(Ipv6Prefix::new(address, length)?, port))
            });
        // Their ports are the router's own.
        let _ = self.gateway.set_routes(v4.chain(v6).collect());
    }

    /// The routes: prefix, by whom, by which port, metric, where from.
    pub fn route_rows(&self) -> Vec<Vec<String>> {
        fn rows<F: Family>(engine: &Engine<F>, ports: &[AnyPort]) -> Vec<Vec<String>> {
            let routes = engine.rib().routes();
            routes
                .map(|route| {
                    let hop = route.next_hops.first();
                    let port = hop.interface.and_then(|it| ports.get(number(it)));
                    vec![
                        route.prefix.to_string(),
                        if hop.address == F::UNSPECIFIED {
                            "on the link".to_owned()
                        } else {
                            hop.address.to_string()
                        },
                        port.map_or("-", AnyPort::name).to_owned(),
                        route.metric.to_string(),
                        format!("{:?}", route.source).to_lowercase(),
                    ]
                })
                .collect()
        }
        let mut all = rows(&self.rip, &self.ports);
        all.extend(rows(&self.ripng, &self.ports));
        all
    }
}

/// The next router by a port on the way to a destination, if there is one.
fn gateway_to<F: Family>(engine: &Engine<F>, port: usize, to: F::Address) -> Option<F::Address> {
    let route = engine.rib().lookup(to)?;
    let mut hops = route.next_hops.iter();
    let hop = hops.find(|hop| hop.interface == Some(id(port)))?;
    (hop.address != F::UNSPECIFIED).then_some(hop.address)
}

fn keep<T>(notes: &mut VecDeque<T>, note: T) {
    if notes.len() == MAX_NOTES {
        notes.pop_front();
    }
    notes.push_back(note);
}

fn cause_text(cause: Cause) -> String {
    match cause {
        Cause::Nat(reason) => format!("translator: {reason}"),
        Cause::Nat64(reason) => format!("translator of versions: {reason:?}"),
        Cause::Prefix => "prefix that is not translated".to_owned(),
        Cause::Firewall(Some(reason)) => format!("firewall: {reason}"),
        Cause::Queue(queue) => format!("queue {queue}, which nobody reads"),
        Cause::Firewall(None) => "firewall".to_owned(),
        Cause::Header => "bad header".to_owned(),
        Cause::Source => "bad source".to_owned(),
        Cause::Destination => "for many hosts".to_owned(),
        Cause::SourceRoute => "source-routed".to_owned(),
        Cause::Option => "bad option".to_owned(),
        Cause::Fragment => "bad fragment".to_owned(),
        Cause::NoRoute => "no route".to_owned(),
        Cause::HopLimit => "hop limit used up".to_owned(),
        Cause::TooBig => "too big".to_owned(),
        Cause::NoService => "nobody serves it".to_owned(),
    }
}

fn id(port: usize) -> InterfaceId {
    InterfaceId(u32::try_from(port).unwrap_or(u32::MAX))
}

fn number(id: InterfaceId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX)
}

impl Node for RouterNode {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let now = self.advance(now);
        let result = match self.ports.get_mut(port) {
            Some(AnyPort::Ethernet(ethernet)) => match ethernet.handle_input(now, frame) {
                Ok(Some(packet)) => {
                    self.receive(now, port, packet);
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(why) => Err(why),
            },
            Some(AnyPort::Ppp(ppp)) => {
                let packets = ppp.handle_input(now, frame)?;
                for packet in packets {
                    self.receive(now, port, &packet);
                }
                Ok(())
            }
            None => Err(Discarded::new("there is no such port")),
        };
        self.settle(now);
        result
    }

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        for port in &mut self.ports {
            match port {
                AnyPort::Ethernet(port) => port.handle_timeout(now),
                AnyPort::Ppp(port) => port.handle_timeout(now),
            }
        }
        self.gateway.handle_timeout(now);
        self.rip.handle_timeout(now);
        self.ripng.handle_timeout(now);
        self.settle(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let now = self.latest;
        self.settle(now);
        self.ports.iter_mut().position(|port| match port {
            AnyPort::Ethernet(port) => port.poll_transmit(now, out),
            AnyPort::Ppp(port) => port.poll_transmit(now, out),
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let ports = self.ports.iter().filter_map(|port| match port {
            AnyPort::Ethernet(port) => port.poll_timeout(),
            AnyPort::Ppp(port) => port.poll_timeout(),
        });
        let machines = [
            self.gateway.poll_timeout(),
            self.rip.poll_timeout(),
            self.ripng.poll_timeout(),
        ];
        ports.chain(machines.into_iter().flatten()).min()
    }
}
