//! Stateful NAT64 (RFC 6146).

use super::config::{
    Nat64Binding, Nat64Config, Nat64ConfigError, Nat64Drop, Nat64Event, Nat64Side, Nat64Stats,
    Nat64Verdict,
};
use super::tables::{Ends, Tables};
use super::tcp::TcpState;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet_buffer::fragment::{Ipv4Identifications, Reassembler};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// A packet that the translator sends besides those that it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nat64Transmit {
    /// Where it goes out.
    pub to: Nat64Side,
}

/// A stateful translator: hosts with IPv6 share a pool of IPv4 addresses.
///
/// It is a filter with state: [`process`](Self::process) translates a packet in place, decrements
/// its hop limit and says where it goes. Further fragments, ICMP errors of its own and probes come
/// out of [`poll_transmit`](Self::poll_transmit), which is to be polled after every call.
///
/// Fragments are put together before they are translated, and the packet is fragmented again where
/// it does not fit: ports, and checksums of ICMP and of UDP without one, need the whole.
///
/// # Limits
///
/// Sessions, bindings, bindings of a subscriber, waiting SYNs, fragments, errors and events are
/// bounded by [`Nat64Config`]. When one is full, what is new is dropped, counted and told; no
/// session and no binding is ever taken from anyone.
pub struct Nat64 {
    pub(super) config: Nat64Config,
    pub(super) tables: Tables,
    pub(super) random: Box<dyn RandomSource + Send>,
    pub(super) reassembler: Reassembler,
    pub(super) identifications: Ipv4Identifications,
    /// SYNs from outside that wait for one from inside, by (Z, z, T, t).
    pub(super) stored: BTreeMap<(Ends<Ipv4Addr>, Ends<Ipv4Addr>), StoredSyn>,
    pub(super) events: VecDeque<Nat64Event>,
    pub(super) transmits: VecDeque<(Nat64Side, PacketBuf)>,
    pub(super) stats: Nat64Stats,
    /// The second in which errors are counted, and how many were sent in it.
    pub(super) error_budget: (u64, u32),
    latest: Instant,
}

pub(super) struct StoredSyn {
    pub(super) deadline: Instant,
    pub(super) packet: Box<[u8]>,
}

impl Nat64 {
    /// Checks the configuration and reserves memory for the tables.
    ///
    /// # Errors
    ///
    /// [`Nat64ConfigError`], which names the field.
    pub fn new(
        config: Nat64Config,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, Nat64ConfigError> {
        config.check()?;
        let no_memory = |_| Nat64ConfigError {
            field: "max_sessions",
            problem: "too many, or no memory for so many",
        };
        let tables = Tables::new(&config, &mut *random).map_err(no_memory)?;
        let reassembler =
            Reassembler::new(config.reassembly).map_err(|error| Nat64ConfigError {
                field: "reassembly",
                problem: error.problem,
            })?;
        // A packet of up to 1260 octets may be fragmented, but seldom is: numbers may come again
        // as soon as all were used.
        let identifications = Ipv4Identifications::with_lifetime(&mut *random, Duration::ZERO);
        Ok(Self {
            config,
            tables,
            random,
            reassembler,
            identifications,
            stored: BTreeMap::new(),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            stats: Nat64Stats::default(),
            error_budget: (0, 0),
            latest: Instant::ZERO,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &Nat64Config {
        &self.config
    }

    /// What was done and refused since the translator was made.
    pub const fn stats(&self) -> Nat64Stats {
        self.stats
    }

    /// Sessions that live.
    pub fn sessions(&self) -> usize {
        self.tables.sessions()
    }

    /// Bindings that live.
    pub fn bindings(&self) -> usize {
        self.tables.bindings()
    }

    /// All bindings, in no particular order.
    pub fn iter_bindings(&self) -> impl Iterator<Item = Nat64Binding> {
        self.tables.iter_bindings()
    }

    /// All sessions, in no particular order.
    pub fn iter_sessions(&self) -> impl Iterator<Item = Nat64Session> {
        self.tables.iter().map(|(found, session, deadline)| {
            let tcp = (found.v6.protocol == IpProtocol::TCP).then_some(session.tcp);
            Nat64Session {
                protocol: found.v6.protocol,
                v6: [found.v6.inside, found.v6.outside],
                v4: [found.v4.inside, found.v4.outside],
                tcp,
                deadline,
            }
        })
    }

    /// Makes a binding that stays, for a server inside: `protocol` is TCP, UDP, or ICMP.
    ///
    /// # Errors
    ///
    /// No port, when the address is not of the pool or the port taken; table full.
    // RFC 6146 §3.1 MUST (static): entries can be made by an administrator.
    pub fn bind_static(&mut self, now: Instant, binding: Nat64Binding) -> Result<(), Nat64Drop> {
        let now = self.advance(now);
        self.tables.bind_static(now, binding)
    }

    /// Translates a packet that came in on `side`, in place. Whatever the verdict is but
    /// [`Forward`](Nat64Verdict::Forward), the packet is not to be sent.
    pub fn process(
        &mut self,
        now: Instant,
        side: Nat64Side,
        packet: &mut PacketBuf,
    ) -> Nat64Verdict {
        let now = self.advance(now);
        if self.tables.poll_timeout().is_some_and(|at| at <= now) {
            self.expire(now);
        }
        let verdict = match side {
            Nat64Side::V6 => self.ipv6_packet(now, packet),
            Nat64Side::V4 => self.ipv4_packet(now, packet, false),
        };
        let verdict = verdict.unwrap_or_else(Nat64Verdict::Drop);
        match verdict {
            Nat64Verdict::Forward { to, .. } => {
                let counter = match to {
                    Nat64Side::V4 => &mut self.stats.to_v4,
                    Nat64Side::V6 => &mut self.stats.to_v6,
                };
                *counter = counter.wrapping_add(1);
            }
            Nat64Verdict::Drop(reason) => self.stats.count(reason),
            Nat64Verdict::NotForUs | Nat64Verdict::Held => {}
        }
        verdict
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` when nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stored = self.stored.values().map(|stored| stored.deadline).min();
        [
            self.tables.poll_timeout(),
            self.reassembler.poll_timeout(),
            stored,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Ends what has run out.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.expire(now);
        self.reassembler.handle_timeout(now);
        while self.reassembler.poll_event().is_some() {}
        // RFC 6146 §3.5.2.2 MUST (unreachable): a SYN for which none came is answered with a port
        // unreachable that quotes it.
        let due: Vec<_> = self
            .stored
            .iter()
            .filter(|(_, stored)| stored.deadline <= now)
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            if let Some(stored) = self.stored.remove(&key) {
                self.report_port_unreachable(now, &stored.packet);
            }
        }
    }

    /// Moves the next packet to be sent into `out`, in place of what is there.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Nat64Transmit> {
        let (to, packet) = self.transmits.pop_front()?;
        out.clear();
        out.append_slice(packet.as_slice());
        Some(Nat64Transmit { to })
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Nat64Event> {
        self.events.pop_front()
    }
}

impl fmt::Debug for Nat64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nat64")
            .field("sessions", &self.sessions())
            .field("bindings", &self.bindings())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// A session, for listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat64Session {
    /// TCP, UDP, or ICMP for queries.
    pub protocol: IpProtocol,
    /// Address and port on the IPv6 side: the host's, the server's. A query's identifier is the
    /// host's port.
    pub v6: [(Ipv6Addr, u16); 2],
    /// Address and port on the IPv4 side: the host's, the server's.
    pub v4: [(Ipv4Addr, u16); 2],
    /// The state of a TCP session.
    pub tcp: Option<TcpState>,
    /// When it ends if no packet comes.
    pub deadline: Instant,
}
