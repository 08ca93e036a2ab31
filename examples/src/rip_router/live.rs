//! The engine of one protocol among the kernel's interfaces and sockets.

use super::config::{LiveFamily, ProtocolConfig};
use super::fib::Fib;
use super::netlink::{Gateway, Link};
use super::snapshot::{self, counters};
use super::sockets::{Recipient, RipSocket};
use super::state::Sequences;
use alloc::collections::{BTreeMap, BTreeSet};
use anyhow::{Context, Result, anyhow};
use core::net::IpAddr;
use packet_buffer::random::OsRandom;
use packet_buffer::{Instant, PacketBuf};
use rip::config::InterfaceAddress;
use rip::engine::{Engine, Event, InterfaceId, Received};
use rip::rib::{LocalRoute, NextHop, Route, RouteChange, Source};
use std::os::fd::{AsFd as _, BorrowedFd};

/// Datagrams that are read from a socket in one go, before anything else gets its turn.
const READ_AT_ONCE: usize = 256;
/// Octets of the longest UDP payload.
const LONGEST: usize = 65_536;

/// An interface on which the protocol runs.
#[derive(Debug)]
struct Port<F: LiveFamily> {
    name: String,
    socket: RipSocket,
    addresses: Vec<InterfaceAddress<F>>,
    mtu: usize,
    up: bool,
    send_errors: u64,
}

/// A protocol that runs.
pub struct Live<F: LiveFamily> {
    engine: Engine<F>,
    config: ProtocolConfig<F>,
    receive_buffer: usize,
    /// Sequence numbers of an earlier run, and of interfaces that are gone.
    saved: Sequences,
    ports: BTreeMap<u32, Port<F>>,
    connected: BTreeSet<(u32, F::Prefix)>,
    /// Interfaces that could not be used, so that it is said once.
    unusable: BTreeSet<u32>,
    names: BTreeMap<u32, String>,
    packet: PacketBuf,
    buffer: Vec<u8>,
}

impl<F: LiveFamily> Live<F> {
    /// Starts the engine, without interfaces yet; `saved` are the sequence numbers of an earlier run.
    ///
    /// # Errors
    ///
    /// When the configuration cannot work.
    pub fn start(
        config: ProtocolConfig<F>,
        receive_buffer: usize,
        saved: Sequences,
        now: Instant,
    ) -> Result<Self> {
        let engine = Engine::new(config.router.clone(), Box::new(OsRandom));
        let mut engine = engine.map_err(|why| anyhow!("{}: {why}", F::NAME))?;
        for route in &config.statics {
            let added = engine.add_route(now, *route);
            added.map_err(|why| anyhow!("static route {}: {why}", route.prefix))?;
        }
        Ok(Self {
            engine,
            config,
            receive_buffer,
            saved,
            ports: BTreeMap::new(),
            connected: BTreeSet::new(),
            unusable: BTreeSet::new(),
            names: BTreeMap::new(),
            packet: PacketBuf::new(),
            buffer: vec![0; LONGEST],
        })
    }

    /// Adapts to the kernel's interfaces; those in `went_down` were down in between.
    pub fn adapt(&mut self, now: Instant, links: &BTreeMap<u32, Link>, went_down: &[u32]) {
        let gone: Vec<u32> = self.ports.keys().copied().collect();
        for index in gone.into_iter().filter(|index| !links.contains_key(index)) {
            self.remove_port(now, index);
        }
        self.names = links
            .iter()
            .map(|(i, link)| (*i, link.name.clone()))
            .collect();
        let mut connected = BTreeSet::new();
        for link in links.values() {
            let runs = !link.loopback && self.config.interface(&link.name).is_some();
            if runs {
                self.adapt_port(now, link, went_down.contains(&link.index));
            } else if self.config.connected && link.up {
                let networks = addresses::<F>(link);
                let networks = networks
                    .iter()
                    .filter(|(address, _)| !is_local(F::ip(*address)));
                connected.extend(networks.filter_map(|(address, length)| {
                    Some((link.index, F::prefix(*address, *length)?))
                }));
            }
        }
        for (index, prefix) in connected.difference(&self.connected) {
            let route = LocalRoute {
                prefix: *prefix,
                source: Source::Connected,
                distance: 0,
                metric: 1,
                tag: 0,
                next_hop: NextHop {
                    interface: Some(InterfaceId(*index)),
                    address: F::UNSPECIFIED,
                },
            };
            if let Err(why) = self.engine.add_route(now, route) {
                tracing::warn!("{}: the network {prefix} is left out: {why}", F::NAME);
            }
        }
        for (_, prefix) in self.connected.difference(&connected) {
            // The same network may have moved to another interface.
            if !connected.iter().any(|(_, other)| other == prefix) {
                self.engine.remove_route(now, Source::Connected, *prefix);
            }
        }
        self.connected = connected;
    }

    fn adapt_port(&mut self, now: Instant, link: &Link, was_down: bool) {
        let addresses: Vec<_> = addresses::<F>(link)
            .into_iter()
            .map(|(address, prefix_length)| InterfaceAddress {
                address,
                prefix_length,
            })
            .collect();
        let id = InterfaceId(link.index);
        // A device of another name or size is set up anew.
        let mtu = usize::try_from(link.mtu).unwrap_or(usize::MAX);
        let changed = |port: &Port<F>| port.name != link.name || port.mtu != mtu;
        if self.ports.get(&link.index).is_some_and(changed) {
            self.remove_port(now, link.index);
        }
        if let Some(port) = self.ports.get_mut(&link.index) {
            if was_down && port.up {
                tracing::info!("{}: {} went down", F::NAME, link.name);
                self.engine.set_link_up(now, id, false);
                port.up = false;
            }
            if port.addresses != addresses {
                tracing::info!("{}: {} has other addresses", F::NAME, link.name);
                self.engine.set_addresses(now, id, addresses.clone());
                port.addresses = addresses;
            }
            if port.up != link.up {
                let state = if link.up { "up" } else { "down" };
                tracing::info!("{}: {} is {state}", F::NAME, link.name);
                self.engine.set_link_up(now, id, link.up);
                port.up = link.up;
            }
            return;
        }
        match self.add_port(now, link, mtu, addresses) {
            Ok(()) => {
                self.unusable.remove(&link.index);
                tracing::info!("{}: runs on {}", F::NAME, link.name);
            }
            Err(why) if self.unusable.insert(link.index) => {
                tracing::warn!("{}: cannot run on {}: {why:#}", F::NAME, link.name);
            }
            Err(_) => {}
        }
    }

    fn add_port(
        &mut self,
        now: Instant,
        link: &Link,
        mtu: usize,
        addresses: Vec<InterfaceAddress<F>>,
    ) -> Result<()> {
        let config = self
            .config
            .interface(&link.name)
            .context("not configured")?;
        let socket = match F::ip(F::UNSPECIFIED) {
            IpAddr::V4(_) => RipSocket::open_v4(&link.name, link.index, self.receive_buffer)?,
            IpAddr::V6(_) => RipSocket::open_v6(&link.name, link.index, self.receive_buffer)?,
        };
        let mut config = config.clone();
        config.addresses.clone_from(&addresses);
        config.mtu = mtu.min(65_535);
        let id = InterfaceId(link.index);
        let added = self.engine.add_interface(now, id, config);
        added.map_err(|why| anyhow!("{why}"))?;
        if let Some(saved) = self.saved.get(&link.name) {
            F::restore(&mut self.engine, id, saved);
        }
        if !link.up {
            self.engine.set_link_up(now, id, false);
        }
        let port = Port {
            name: link.name.clone(),
            socket,
            addresses,
            mtu,
            up: link.up,
            send_errors: 0,
        };
        self.ports.insert(link.index, port);
        Ok(())
    }

    fn remove_port(&mut self, now: Instant, index: u32) {
        if let Some(port) = self.ports.remove(&index) {
            if let Some(state) = F::sequence_state(&self.engine, InterfaceId(index)) {
                self.saved.insert(port.name.clone(), state);
            }
            tracing::info!("{}: {} is gone", F::NAME, port.name);
            self.engine.remove_interface(now, InterfaceId(index));
        }
    }

    /// The sockets to wait for.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ports.values().map(|port| port.socket.as_fd())
    }

    /// When [`turn`](Self::turn) is to be called next if nothing comes in. It may lie some milliseconds behind what the
    /// engine asks for: paced messages then leave a few at a time.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let next = self.engine.poll_timeout()?;
        Some(next.max(now + self.config.patience()))
    }

    /// Does all that is due: reads what has come in, if anything may have; runs the timers, sends, tells the writer of
    /// the kernel's routes.
    pub fn turn(&mut self, now: Instant, readable: bool, fib: Option<&Fib>) {
        if readable {
            self.read(now);
        }
        self.engine.handle_timeout(now);
        self.send();
        self.report();
        while let Some(change) = self.engine.poll_route_change() {
            if let Some(fib) = fib {
                tell(fib, &change);
            }
        }
    }

    fn read(&mut self, now: Instant) {
        for (index, port) in &mut self.ports {
            for _ in 0..READ_AT_ONCE {
                let datagram = match port.socket.receive(&mut self.buffer) {
                    Ok(Some(datagram)) => datagram,
                    Ok(None) => break,
                    Err(why) => {
                        tracing::debug!("{}: {}: {why:#}", F::NAME, port.name);
                        break;
                    }
                };
                let source = F::address(datagram.source);
                let destination = F::address(datagram.destination);
                let (Some(source), Some(destination)) = (source, destination) else {
                    continue;
                };
                let received = Received {
                    interface: InterfaceId(*index),
                    source,
                    source_port: datagram.source_port,
                    destination,
                    hop_limit: Some(datagram.hop_limit),
                    payload: self.buffer.get(..datagram.length).unwrap_or_default(),
                };
                if let Err(why) = self.engine.handle_input(now, &received) {
                    tracing::debug!("{}: {} from {source}: {why}", F::NAME, port.name);
                }
            }
        }
    }

    fn send(&mut self) {
        loop {
            self.packet.clear();
            let Some(transmit) = self.engine.poll_transmit(&mut self.packet) else {
                return;
            };
            let Some(port) = self.ports.get_mut(&transmit.interface.0) else {
                continue;
            };
            let to = Recipient {
                source: F::ip(transmit.source),
                address: F::ip(transmit.destination),
                port: transmit.destination_port,
                hop_limit: transmit.hop_limit,
            };
            if let Err(why) = port.socket.send(self.packet.as_slice(), &to) {
                // Lost, as any datagram may be; the next regular update repeats it.
                port.send_errors += 1;
                let (name, to) = (&port.name, to.address);
                tracing::debug!("{}: {name}: cannot send to {to}: {why}", F::NAME);
            }
        }
    }

    fn report(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            let name = |id: InterfaceId| interface_name(&self.names, id);
            let protocol = F::NAME;
            match event {
                Event::NeighborUp { interface, address } => {
                    tracing::info!("{protocol}: neighbor {address} on {}", name(interface));
                }
                Event::NeighborDown { interface, address } => {
                    tracing::info!("{protocol}: lost neighbor {address} on {}", name(interface));
                }
                Event::AuthenticationFailed { interface, source } => {
                    tracing::warn!(
                        "{protocol}: a message of {source} on {} did not pass authentication: \
                         compare type, key and key id there with those of this router",
                        name(interface)
                    );
                }
                Event::NeighborRouteLimit { interface, address } => {
                    tracing::warn!(
                        "{protocol}: {address} on {} sends more routes than \
                         `max-routes-per-neighbor`; further ones are dropped",
                        name(interface)
                    );
                }
                Event::LastKeyExpired { interface, key_id } => {
                    tracing::warn!(
                        "{protocol}: the time of all keys of {} is over; key {key_id} stays in use \
                         until there is a new one",
                        name(interface)
                    );
                }
                Event::TableFull => {
                    tracing::warn!("{protocol}: the table is full (`max-prefixes`)");
                }
                other => tracing::info!("{protocol}: {other:?}"),
            }
        }
    }

    /// The sequence numbers of authentication, which have to survive a restart.
    pub fn sequences(&self) -> Sequences {
        let mut sequences = self.saved.clone();
        for (index, port) in &self.ports {
            if let Some(state) = F::sequence_state(&self.engine, InterfaceId(*index)) {
                sequences.insert(port.name.clone(), state);
            }
        }
        sequences
    }

    /// Announces all routes as unreachable; [`is_shut_down`](Self::is_shut_down) says when that is done.
    pub fn shut_down(&mut self, now: Instant) {
        self.engine.shut_down(now);
    }

    /// Whether all was said after [`shut_down`](Self::shut_down).
    pub fn is_shut_down(&self) -> bool {
        self.engine.is_shut_down()
    }

    /// The state, with at most `routes` routes.
    pub fn snapshot(&self, now: Instant, routes: usize) -> snapshot::Protocol {
        let interfaces = self.ports.iter().map(|(index, port)| {
            let config = self.config.interface(&port.name);
            let stats = self.engine.interface_stats(InterfaceId(*index));
            let addresses = port.addresses.iter();
            snapshot::Interface {
                name: port.name.clone(),
                up: port.up,
                cost: config.map_or(0, |config| config.cost),
                addresses: addresses
                    .map(|a| format!("{}/{}", a.address, a.prefix_length))
                    .collect(),
                receive_drops: port.socket.dropped(),
                send_errors: port.send_errors,
                counters: stats.map(counters).unwrap_or_default(),
            }
        });
        let neighbors = self.engine.neighbors().map(|neighbor| snapshot::Neighbor {
            address: F::ip(neighbor.address),
            interface: interface_name(&self.names, neighbor.interface),
            routes: neighbor.routes,
            heard: (now - neighbor.last_heard).as_secs(),
            counters: counters(&neighbor.stats),
        });
        let rib = self.engine.rib();
        snapshot::Protocol {
            name: F::NAME.to_owned(),
            interfaces: interfaces.collect(),
            neighbors: neighbors.collect(),
            route_count: rib.len(),
            routes: rib
                .routes()
                .take(routes)
                .map(|route| show_route(&route, &self.names))
                .collect(),
            counters: counters(self.engine.stats()),
        }
    }
}

fn interface_name(names: &BTreeMap<u32, String>, InterfaceId(index): InterfaceId) -> String {
    let name = names.get(&index);
    name.map_or_else(|| format!("interface {index}"), Clone::clone)
}

/// A route as the table view has it.
pub fn show_route<F: LiveFamily>(
    route: &Route<F>,
    names: &BTreeMap<u32, String>,
) -> snapshot::Route {
    let hops = route.next_hops.iter().filter_map(|hop| {
        Some(snapshot::NextHop {
            gateway: (hop.address != F::UNSPECIFIED).then(|| F::ip(hop.address)),
            interface: interface_name(names, hop.interface?),
        })
    });
    snapshot::Route {
        prefix: route.prefix.to_string(),
        source: match route.source {
            Source::Connected => "connected".to_owned(),
            Source::Static => "static".to_owned(),
            Source::Rip => "rip".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        },
        metric: route.metric,
        tag: route.tag,
        next_hops: hops.collect(),
        reachable: route.metric < 16,
    }
}

/// Networks of our own are in the kernel already: only what was learned is written.
fn tell<F: LiveFamily>(fib: &Fib, change: &RouteChange<F>) {
    let prefix = change.prefix();
    let destination = (F::ip(F::network(&prefix)), F::length(&prefix));
    let learned = |route: &Route<F>| -> Vec<Gateway> {
        if route.source != Source::Rip {
            return Vec::new();
        }
        let hops = route.next_hops.iter().filter_map(|hop| {
            Some(Gateway {
                address: F::ip(hop.address),
                index: hop.interface?.0,
            })
        });
        hops.collect()
    };
    match change {
        RouteChange::Add(route) if route.source != Source::Rip => {}
        RouteChange::Add(route) | RouteChange::Replace(route) => {
            fib.set(destination, learned(route));
        }
        RouteChange::Withdraw(_) => fib.set(destination, Vec::new()),
    }
}

fn addresses<F: LiveFamily>(link: &Link) -> Vec<(F::Address, u8)> {
    let v4 = link.v4.iter().map(|(a, length)| (IpAddr::V4(*a), *length));
    let v6 = link.v6.iter().map(|(a, length)| (IpAddr::V6(*a), *length));
    let all = v4.chain(v6);
    all.filter_map(|(ip, length)| Some((F::address(ip)?, length)))
        .collect()
}

/// An address that means nothing beyond this host or link.
const fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}
