//! The binding information bases and the session tables (RFC 6146 §3.1, §3.2).
//!
//! All protocols share one table of each kind: the protocol is part of the key. A binding has two
//! keys, by which each side finds it, and so has a session. Keys of the IPv4 side hold addresses as
//! `::ffff:a.b.c.d`, and differ by their zone from all keys of the IPv6 side.

use super::config::{Nat64Binding, Nat64Config, Nat64Drop};
use super::ports::{Likeness, PortSet};
use super::tcp::TcpState;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use flow_table::{Config, ConfigError, Flow, FlowId, FlowTable, Ipv6FlowKey, NewFlow};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, RandomSource};

const V6: u16 = 0;
const V4: u16 = 1;
/// For the second key of tables that need only one.
const UNUSED: u16 = 2;

/// A transport address: with the identifier as the port, of an ICMP query.
pub(super) type Ends<A> = (A, u16);

/// What names a session on either side: its IPv6 host first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tuple<A> {
    /// TCP, UDP, or ICMP; never ICMPv6.
    pub(super) protocol: IpProtocol,
    /// The end inside: (X', x) or (T, t).
    pub(super) inside: Ends<A>,
    /// The end outside: (Y', y) or (Z, z).
    pub(super) outside: Ends<A>,
}

fn v6_key(tuple: &Tuple<Ipv6Addr>) -> Ipv6FlowKey {
    Ipv6FlowKey::new(tuple.inside, tuple.outside, tuple.protocol.0, V6)
}

fn v4_key(tuple: &Tuple<Ipv4Addr>) -> Ipv6FlowKey {
    let mapped = |(address, port): Ends<Ipv4Addr>| (address.to_ipv6_mapped(), port);
    let (outside, inside) = (mapped(tuple.outside), mapped(tuple.inside));
    Ipv6FlowKey::new(outside, inside, tuple.protocol.0, V4)
}

const NOWHERE: Ends<Ipv6Addr> = (Ipv6Addr::UNSPECIFIED, 0);

fn v4_of(address: Ipv6Addr) -> Ipv4Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// A session, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) binding: FlowId,
    /// Of TCP sessions.
    pub(super) tcp: TcpState,
}

#[derive(Debug, Clone, Copy)]
struct Binding {
    sessions: u32,
    is_static: bool,
}

#[derive(Debug, Clone, Copy)]
struct Subscriber {
    bindings: u32,
    /// Index of its address in the pool.
    address: usize,
}

/// A session with both its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: FlowId,
    pub(super) v6: Tuple<Ipv6Addr>,
    pub(super) v4: Tuple<Ipv4Addr>,
}

fn found(id: FlowId, original: &Ipv6FlowKey, reply: &Ipv6FlowKey) -> Found {
    let protocol = IpProtocol(original.protocol());
    Found {
        id,
        v6: Tuple {
            protocol,
            inside: (original.source(), original.source_port()),
            outside: (original.destination(), original.destination_port()),
        },
        v4: Tuple {
            protocol,
            inside: (v4_of(reply.destination()), reply.destination_port()),
            outside: (v4_of(reply.source()), reply.source_port()),
        },
    }
}

/// A session that was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) id: FlowId,
    /// The binding of a session that had expired and made room.
    pub(super) displaced: Option<FlowId>,
}

/// Ports of one address of the pool.
struct Pool {
    address: Ipv4Addr,
    tcp: PortSet,
    udp: PortSet,
    icmp: PortSet,
}

impl Pool {
    fn ports(&mut self, protocol: IpProtocol) -> &mut PortSet {
        match protocol {
            IpProtocol::TCP => &mut self.tcp,
            IpProtocol::UDP => &mut self.udp,
            _ => &mut self.icmp,
        }
    }
}

pub(super) struct Tables {
    sessions: FlowTable<Ipv6FlowKey, Session>,
    bindings: FlowTable<Ipv6FlowKey, Binding>,
    /// For each binding and IPv4 host, how many sessions they have.
    peers: FlowTable<Ipv6FlowKey, u32>,
    subscribers: FlowTable<Ipv6FlowKey, Subscriber>,
    pools: Box<[Pool]>,
    max_bindings_per_subscriber: u32,
    subscriber_mask: u128,
}

impl Tables {
    pub(super) fn new(
        config: &Nat64Config,
        random: &mut dyn RandomSource,
    ) -> Result<Self, ConfigError> {
        let pools: Vec<Pool> = config
            .pool
            .iter()
            .map(|address| Pool {
                address: *address,
                tcp: PortSet::new(config.lowest_port.max(1)),
                udp: PortSet::new(config.lowest_port.max(1)),
                icmp: PortSet::new(0),
            })
            .collect();
        let bits = u32::from(config.subscriber_prefix);
        Ok(Self {
            sessions: FlowTable::new(Config::new(config.max_sessions), random)?,
            bindings: FlowTable::new(Config::new(config.max_bindings), random)?,
            peers: FlowTable::new(Config::new(config.max_sessions), random)?,
            subscribers: FlowTable::new(Config::new(config.max_bindings), random)?,
            pools: pools.into_boxed_slice(),
            max_bindings_per_subscriber: config.max_bindings_per_subscriber,
            subscriber_mask: u128::MAX << (128 - bits),
        })
    }

    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn bindings(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Found, Session, Instant)> {
        self.sessions.iter().map(|flow| {
            (
                found(flow.id, flow.original, flow.reply),
                *flow.value,
                flow.deadline,
            )
        })
    }

    pub(super) fn iter_bindings(&self) -> impl Iterator<Item = Nat64Binding> {
        self.bindings
            .iter()
            .map(|flow| binding(flow.original, flow.reply))
    }

    pub(super) fn is_of_pool(&self, address: Ipv4Addr) -> bool {
        self.pools.iter().any(|pool| pool.address == address)
    }

    /// The session of a packet from the IPv6 side.
    pub(super) fn find_v6(&self, now: Instant, tuple: &Tuple<Ipv6Addr>) -> Option<Found> {
        self.find(now, &v6_key(tuple))
    }

    /// The session of a packet from the IPv4 side.
    pub(super) fn find_v4(&self, now: Instant, tuple: &Tuple<Ipv4Addr>) -> Option<Found> {
        self.find(now, &v4_key(tuple))
    }

    fn find(&self, now: Instant, key: &Ipv6FlowKey) -> Option<Found> {
        let id = self.sessions.find(now, key)?.id;
        let flow = self.sessions.get(id)?;
        Some(found(id, flow.original, flow.reply))
    }

    /// Changes a session's state and, when it is given, its deadline.
    pub(super) fn touch(&mut self, id: FlowId, tcp: TcpState, deadline: Option<Instant>) {
        if let Some(mut flow) = self.sessions.get_mut(id) {
            flow.value_mut().tcp = tcp;
            if let Some(deadline) = deadline {
                flow.set_deadline(deadline);
            }
        }
    }

    pub(super) fn tcp_state(&self, id: FlowId) -> Option<TcpState> {
        self.sessions.get(id).map(|flow| flow.value.tcp)
    }

    /// The IPv4 end of an IPv6 end that has a binding.
    pub(super) fn binding_of(
        &self,
        now: Instant,
        protocol: IpProtocol,
        inside: Ends<Ipv6Addr>,
    ) -> Option<(FlowId, Ends<Ipv4Addr>)> {
        let key = Ipv6FlowKey::new(inside, NOWHERE, protocol.0, V6);
        let id = self.bindings.find(now, &key)?.id;
        let binding = binding(&key, self.bindings.get(id)?.reply);
        Some((id, (binding.v4, binding.v4_port)))
    }

    /// The IPv6 end of an IPv4 end that has a binding.
    pub(super) fn binding_at(
        &self,
        now: Instant,
        protocol: IpProtocol,
        inside: Ends<Ipv4Addr>,
    ) -> Option<(FlowId, Ends<Ipv6Addr>)> {
        let end = (inside.0.to_ipv6_mapped(), inside.1);
        let key = Ipv6FlowKey::new(NOWHERE, end, protocol.0, V4);
        let id = self.bindings.find(now, &key)?.id;
        let binding = binding(self.bindings.get(id)?.original, &key);
        Some((id, (binding.v6, binding.v6_port)))
    }

    /// Whether a binding has a session with an IPv4 host, at any port.
    pub(super) fn has_peer(
        &self,
        now: Instant,
        protocol: IpProtocol,
        inside: Ends<Ipv4Addr>,
        outside: Ipv4Addr,
    ) -> bool {
        let (key, _) = peer_keys(protocol, inside, outside);
        self.peers.find(now, &key).is_some()
    }

    /// Makes a binding, with a port of the subscriber's address.
    // RFC 6146 §3.5.1.1 MUST (address): all bindings of a host have the same IPv4 address.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        protocol: IpProtocol,
        inside: Ends<Ipv6Addr>,
        random: &mut dyn RandomSource,
    ) -> Result<(FlowId, Nat64Binding), Nat64Drop> {
        let host = inside.0.to_bits() & self.subscriber_mask;
        let (key, second) = subscriber_keys(host);
        let known = self.subscribers.find(now, &key);
        let subscriber = known.and_then(|found| self.subscribers.get(found.id));
        let (held, index) = match subscriber {
            Some(flow) => (flow.value.bindings, flow.value.address),
            None => {
                let count = u32::try_from(self.pools.len()).unwrap_or(u32::MAX);
                let drawn = random.below(count);
                (0, usize::try_from(drawn).unwrap_or(0))
            }
        };
        if held >= self.max_bindings_per_subscriber {
            return Err(Nat64Drop::SubscriberLimit);
        }
        let pool = self.pools.get_mut(index).ok_or(Nat64Drop::NoPort)?;
        let likeness = if protocol == IpProtocol::ICMP {
            Likeness::Identifier
        } else {
            Likeness::Port
        };
        let address = pool.address;
        let ports = pool.ports(protocol);
        let port = ports
            .allocate(inside.1, likeness, random)
            .ok_or(Nat64Drop::NoPort)?;
        let result = self.insert_binding(now, protocol, inside, (address, port), false);
        let subscriber = Subscriber {
            bindings: held + 1,
            address: index,
        };
        match (result, known) {
            (Ok(made), Some(found)) => {
                if let Some(mut flow) = self.subscribers.get_mut(found.id) {
                    *flow.value_mut() = subscriber;
                }
                Ok(made)
            }
            (Ok(made), None) => {
                let new = NewFlow {
                    original: key,
                    reply: second,
                    deadline: Instant::MAX,
                    class: 0,
                    value: subscriber,
                };
                // There are no more subscribers than bindings.
                if self.subscribers.insert(now, new).is_err() {
                    self.bindings.remove(made.0);
                    self.release(protocol, (address, port));
                    return Err(Nat64Drop::TableFull);
                }
                Ok(made)
            }
            (Err(error), _) => {
                self.release(protocol, (address, port));
                Err(error)
            }
        }
    }

    /// Makes a binding that stays.
    pub(super) fn bind_static(
        &mut self,
        now: Instant,
        wanted: Nat64Binding,
    ) -> Result<(), Nat64Drop> {
        let pool = self.pools.iter_mut().find(|pool| pool.address == wanted.v4);
        let pool = pool.ok_or(Nat64Drop::NoPort)?;
        if !pool.ports(wanted.protocol).take(wanted.v4_port) {
            return Err(Nat64Drop::NoPort);
        }
        let (inside, outside) = ((wanted.v6, wanted.v6_port), (wanted.v4, wanted.v4_port));
        let result = self.insert_binding(now, wanted.protocol, inside, outside, true);
        if result.is_err() {
            self.release(wanted.protocol, outside);
        }
        result.map(drop)
    }

    fn insert_binding(
        &mut self,
        now: Instant,
        protocol: IpProtocol,
        inside: Ends<Ipv6Addr>,
        outside: Ends<Ipv4Addr>,
        is_static: bool,
    ) -> Result<(FlowId, Nat64Binding), Nat64Drop> {
        let original = Ipv6FlowKey::new(inside, NOWHERE, protocol.0, V6);
        let end = (outside.0.to_ipv6_mapped(), outside.1);
        let reply = Ipv6FlowKey::new(NOWHERE, end, protocol.0, V4);
        let new = NewFlow {
            original,
            reply,
            deadline: Instant::MAX,
            class: 0,
            value: Binding {
                sessions: 0,
                is_static,
            },
        };
        let inserted = self.bindings.insert(now, new);
        let id = inserted.map_err(|_| Nat64Drop::TableFull)?.id;
        Ok((id, binding(&original, &reply)))
    }

    fn release(&mut self, protocol: IpProtocol, end: Ends<Ipv4Addr>) {
        if let Some(pool) = self.pools.iter_mut().find(|pool| pool.address == end.0) {
            pool.ports(protocol).release(end.1);
        }
    }

    /// Makes a session of a binding.
    pub(super) fn open(
        &mut self,
        now: Instant,
        v6: &Tuple<Ipv6Addr>,
        v4: &Tuple<Ipv4Addr>,
        session: Session,
        deadline: Instant,
    ) -> Result<Opened, Nat64Drop> {
        let new = NewFlow {
            original: v6_key(v6),
            reply: v4_key(v4),
            deadline,
            class: 0,
            value: session,
        };
        let inserted = self.sessions.insert(now, new);
        let inserted = inserted.map_err(|_| Nat64Drop::TableFull)?;
        let id = inserted.id;
        // Only a session that had expired makes room.
        let displaced = inserted
            .evicted
            .map(|flow| self.unlink(now, &flow).1.binding);
        if let Some(mut binding) = self.bindings.get_mut(session.binding) {
            binding.value_mut().sessions += 1;
        }
        let (key, second) = peer_keys(v4.protocol, v4.inside, v4.outside.0);
        if let Some(found) = self.peers.find(now, &key) {
            if let Some(mut flow) = self.peers.get_mut(found.id) {
                *flow.value_mut() += 1;
            }
        } else {
            let new = NewFlow {
                original: key,
                reply: second,
                deadline: Instant::MAX,
                class: 0,
                value: 1,
            };
            // There are no more peers than sessions.
            if self.peers.insert(now, new).is_err() {
                self.sessions.remove(id);
                if let Some(mut binding) = self.bindings.get_mut(session.binding) {
                    binding.value_mut().sessions -= 1;
                }
                return Err(Nat64Drop::TableFull);
            }
        }
        Ok(Opened { id, displaced })
    }

    /// Removes a binding that has no session, unless it is static.
    pub(super) fn unbind_if_idle(&mut self, now: Instant, id: FlowId) -> Option<Nat64Binding> {
        let flow = self.bindings.get(id)?;
        if flow.value.sessions > 0 || flow.value.is_static {
            return None;
        }
        let flow = self.bindings.remove(id)?;
        let gone = binding(&flow.original, &flow.reply);
        self.release(gone.protocol, (gone.v4, gone.v4_port));
        let (key, _) = subscriber_keys(gone.v6.to_bits() & self.subscriber_mask);
        if let Some(found) = self.subscribers.find(now, &key)
            && let Some(mut flow) = self.subscribers.get_mut(found.id)
        {
            flow.value_mut().bindings -= 1;
            if flow.value().bindings == 0 {
                self.subscribers.remove(found.id);
            }
        }
        Some(gone)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sessions.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.sessions.handle_timeout(now);
        self.bindings.handle_timeout(now);
        self.peers.handle_timeout(now);
        self.subscribers.handle_timeout(now);
    }

    /// A session whose lifetime has run out. It is out of the table; the caller opens it again, or
    /// calls [`unbind_if_idle`](Self::unbind_if_idle).
    pub(super) fn poll_expired(&mut self, now: Instant) -> Option<(Found, Session)> {
        let flow = self.sessions.poll_expired()?;
        Some(self.unlink(now, &flow))
    }

    /// Ends a session; returns its binding.
    pub(super) fn close(&mut self, now: Instant, id: FlowId) -> Option<FlowId> {
        let flow = self.sessions.remove(id)?;
        Some(self.unlink(now, &flow).1.binding)
    }

    /// Takes a session off the counts of its binding and its peer.
    fn unlink(&mut self, now: Instant, flow: &Flow<Ipv6FlowKey, Session>) -> (Found, Session) {
        let expired = found(flow.id, &flow.original, &flow.reply);
        if let Some(mut binding) = self.bindings.get_mut(flow.value.binding) {
            let count = &mut binding.value_mut().sessions;
            *count = count.saturating_sub(1);
        }
        let v4 = expired.v4;
        let (key, _) = peer_keys(v4.protocol, v4.inside, v4.outside.0);
        if let Some(found) = self.peers.find(now, &key)
            && let Some(mut flow) = self.peers.get_mut(found.id)
        {
            *flow.value_mut() -= 1;
            if *flow.value() == 0 {
                self.peers.remove(found.id);
            }
        }
        (expired, flow.value)
    }
}

fn peer_keys(
    protocol: IpProtocol,
    inside: Ends<Ipv4Addr>,
    outside: Ipv4Addr,
) -> (Ipv6FlowKey, Ipv6FlowKey) {
    let inside = (inside.0.to_ipv6_mapped(), inside.1);
    let outside = (outside.to_ipv6_mapped(), 0);
    let key = |zone| Ipv6FlowKey::new(outside, inside, protocol.0, zone);
    (key(V4), key(UNUSED))
}

fn subscriber_keys(host: u128) -> (Ipv6FlowKey, Ipv6FlowKey) {
    let host = (Ipv6Addr::from_bits(host), 0);
    let key = |zone| Ipv6FlowKey::new(host, NOWHERE, 0, zone);
    (key(V6), key(UNUSED))
}

fn binding(original: &Ipv6FlowKey, reply: &Ipv6FlowKey) -> Nat64Binding {
    Nat64Binding {
        protocol: IpProtocol(original.protocol()),
        v6: original.source(),
        v6_port: original.source_port(),
        v4: v4_of(reply.destination()),
        v4_port: reply.destination_port(),
    }
}
