//! The host: asks when it starts, and keeps the routers that it hears of.

use super::{ALL_ROUTERS, icmp, within};
use crate::wire::{Icmpv4Query, Icmpv4RouterAdvertisement, RouterAddress};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::wire::{Icmpv4Type, IpProtocol, Ipv4Prefix, Ipv4Repr};
use packet_buffer::{Instant, PacketBuf, ParseError, RandomSource};
use thiserror::Error;

/// How an [`IrdpHost`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IrdpHostConfig {
    /// The source of solicitations: an address of the interface, or 0.0.0.0 while there is none.
    pub source: Ipv4Addr,
    /// The subnets of the interface: only routers in one of them are taken.
    pub subnets: Vec<Ipv4Prefix>,
    /// Whether the host asks for routers at all; it listens in any case. Default: yes.
    pub perform_router_discovery: bool,
    /// SolicitationAddress: 224.0.0.2, or 255.255.255.255 on links without multicast. Default:
    /// 224.0.0.2.
    pub solicitation_address: Ipv4Addr,
    /// MAX_SOLICITATION_DELAY: the first solicitation comes within this time. Default: 1 s.
    pub max_solicitation_delay: Duration,
    /// SOLICITATION_INTERVAL, at least a microsecond. Default: 3 s.
    pub solicitation_interval: Duration,
    /// MAX_SOLICITATIONS. Default: 3.
    pub max_solicitations: u32,
    /// Routers that are kept, at least 1. When there are more, the least preferred gives way to one that is
    /// preferred more, else the new one is dropped and counted. Default: 32.
    pub max_routers: usize,
}

impl IrdpHostConfig {
    /// A host with this address and these subnets, the rest by default.
    pub const fn new(source: Ipv4Addr, subnets: Vec<Ipv4Prefix>) -> Self {
        Self {
            source,
            subnets,
            perform_router_discovery: true,
            solicitation_address: ALL_ROUTERS,
            max_solicitation_delay: Duration::from_secs(1),
            solicitation_interval: Duration::from_secs(3),
            max_solicitations: 3,
            max_routers: 32,
        }
    }
}

/// Why a host cannot be made. Each names the field of [`IrdpHostConfig`] to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IrdpHostConfigError {
    /// `solicitation_interval` is under a microsecond.
    #[error("solicitation_interval: it must be at least a microsecond")]
    SolicitationInterval,
    /// `max_routers` is 0.
    #[error("max_routers: it must be at least 1")]
    MaxRouters,
}

/// A router that a host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRouter {
    /// Its address.
    pub address: Ipv4Addr,
    /// How much it is preferred; [`RouterAddress::NEVER_DEFAULT`] is never a default router.
    pub preference: i32,
    /// When it is forgotten unless it advertises again.
    pub expires_at: Instant,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostEvent {
    /// The default router is another one, or there is none any more. Routes by redirects through the
    /// old one are to be deleted when it is gone (RFC 1122 §3.3.1.6).
    DefaultRouter(Option<Ipv4Addr>),
    /// A router is gone: its lifetime has passed, or it said so.
    Gone(Ipv4Addr),
}

/// Why a packet was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum HostDiscard {
    /// The packet or the message cannot be read, or a checksum is wrong.
    #[error("malformed: {0}")]
    Malformed(ParseError),
    /// It is no router advertisement.
    #[error("not a router advertisement")]
    NotAdvertisement,
    /// None of its addresses is in a subnet of the interface.
    #[error("no address of the advertisement is a neighbor's")]
    NoNeighbor,
}

/// What a host has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HostStats {
    /// Solicitations made.
    pub solicitations: u64,
    /// Advertisements taken.
    pub advertisements: u64,
    /// Ignored: cannot be read, or wrong checksum.
    pub malformed: u64,
    /// Ignored: not a router advertisement.
    pub not_advertisement: u64,
    /// Ignored: no address of a neighbor.
    pub no_neighbor: u64,
    /// Addresses ignored because they are not neighbors'.
    pub addresses_ignored: u64,
    /// Routers dropped because there were too many.
    pub routers_dropped: u64,
}

/// The host's side of router discovery on one interface.
pub struct IrdpHost {
    config: IrdpHostConfig,
    routers: Vec<KnownRouter>,
    default: Option<Ipv4Addr>,
    /// Solicitations that were made; `next_solicitation` is `None` when there will be none.
    solicited: u32,
    next_solicitation: Option<Instant>,
    to_send: bool,
    events: VecDeque<HostEvent>,
    latest: Instant,
    stats: HostStats,
}

/// Events that wait to be polled; when there are more, the oldest is dropped.
const MAX_EVENTS: usize = 128;

impl IrdpHost {
    /// A host that knows no router and asks within a second.
    ///
    /// # Errors
    ///
    /// [`IrdpHostConfigError`], which names the field.
    pub fn new(
        now: Instant,
        config: IrdpHostConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, IrdpHostConfigError> {
        if config.solicitation_interval < Duration::from_micros(1) {
            return Err(IrdpHostConfigError::SolicitationInterval);
        }
        if config.max_routers == 0 {
            return Err(IrdpHostConfigError::MaxRouters);
        }
        // RFC 1256 §5.3 SHOULD (delay): hosts that start together do not ask together.
        let asks = config.perform_router_discovery && config.max_solicitations > 0;
        let first = asks.then(|| within(now, config.max_solicitation_delay, &mut *random));
        Ok(Self {
            config,
            routers: Vec::new(),
            default: None,
            solicited: 0,
            next_solicitation: first,
            to_send: false,
            events: VecDeque::new(),
            latest: now,
            stats: HostStats::default(),
        })
    }

    /// The default router: of those that may be one, the one that is preferred most; of equals, the one that
    /// was heard of first.
    pub fn default_router(&self) -> Option<Ipv4Addr> {
        self.default
    }

    /// All routers that are known.
    pub fn routers(&self) -> &[KnownRouter] {
        &self.routers
    }

    /// What was done.
    pub const fn stats(&self) -> &HostStats {
        &self.stats
    }

    /// Takes a whole IPv4 packet.
    ///
    /// # Errors
    ///
    /// [`HostDiscard`], with the state unchanged.
    pub fn handle_input(&mut self, now: Instant, packet: &[u8]) -> Result<(), HostDiscard> {
        let now = self.latest.max(now);
        let result = self.take(now, packet);
        if let Err(discard) = result {
            let counter = match discard {
                HostDiscard::Malformed(_) => &mut self.stats.malformed,
                HostDiscard::NotAdvertisement => &mut self.stats.not_advertisement,
                HostDiscard::NoNeighbor => &mut self.stats.no_neighbor,
            };
            *counter += 1;
        }
        result
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if self.next_solicitation.is_some_and(|at| at <= now) {
            // RFC 1256 §5.3 MUST (solicitations): MAX_SOLICITATIONS at the most, SOLICITATION_INTERVAL
            // apart.
            self.solicited += 1;
            self.to_send = true;
            let more = self.solicited < self.config.max_solicitations;
            self.next_solicitation = more.then(|| now + self.config.solicitation_interval);
        }
        self.forget(now);
    }

    /// Writes the next packet into `out`, behind its headroom, and says where it goes.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Ipv4Addr> {
        if !core::mem::take(&mut self.to_send) {
            return None;
        }
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        let destination = self.config.solicitation_address;
        Icmpv4Query::RouterSolicitation.emit(out).ok()?;
        let header = Ipv4Repr {
            // RFC 1256 §3 MUST (ttl): the time to live is 1 for multicast.
            time_to_live: 1,
            ..Ipv4Repr::new(self.config.source, destination, IpProtocol::ICMP)
        };
        header.emit(out).ok()?;
        self.stats.solicitations += 1;
        Some(destination)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self.routers.iter().map(|router| router.expires_at).min();
        let next = [self.next_solicitation, expiry].into_iter().flatten().min();
        next.map(|at| at.max(self.latest))
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<HostEvent> {
        self.events.pop_front()
    }

    fn take(&mut self, now: Instant, packet: &[u8]) -> Result<(), HostDiscard> {
        let (_, message) = icmp(packet)
            .map_err(HostDiscard::Malformed)?
            .ok_or(HostDiscard::NotAdvertisement)?;
        if message.message_type() != Icmpv4Type::ROUTER_ADVERTISEMENT {
            return Err(HostDiscard::NotAdvertisement);
        }
        let advertisement =
            Icmpv4RouterAdvertisement::parse(&message).map_err(HostDiscard::Malformed)?;
        // RFC 1256 §5.3 MUST (neighbors): addresses outside the host's own subnets are ignored.
        let is_neighbor = |address: &RouterAddress| {
            let subnets = &self.config.subnets;
            subnets
                .iter()
                .any(|subnet| subnet.contains(address.address))
        };
        let all = advertisement.addresses().len();
        let neighbors: Vec<RouterAddress> = advertisement
            .addresses()
            .filter(|address| is_neighbor(address))
            .collect();
        if neighbors.is_empty() {
            return Err(HostDiscard::NoNeighbor);
        }
        self.latest = now;
        let lifetime = Duration::from_secs(u64::from(advertisement.lifetime()));
        self.stats.advertisements += 1;
        let ignored = u64::try_from(all - neighbors.len()).unwrap_or(0);
        self.stats.addresses_ignored += ignored;
        let mut may_be_default = false;
        for address in neighbors {
            may_be_default |= address.preference != RouterAddress::NEVER_DEFAULT;
            self.update(now, &address, lifetime);
        }
        // RFC 1256 §5.3 MUST (stop): no more solicitations once a router has been heard.
        if may_be_default && !lifetime.is_zero() {
            self.next_solicitation = None;
            self.to_send = false;
        }
        self.forget(now);
        Ok(())
    }

    fn update(&mut self, now: Instant, address: &RouterAddress, lifetime: Duration) {
        let router = KnownRouter {
            address: address.address,
            preference: address.preference,
            expires_at: now + lifetime,
        };
        let known = self
            .routers
            .iter_mut()
            .find(|known| known.address == address.address);
        if let Some(known) = known {
            *known = router;
            return;
        }
        if lifetime.is_zero() {
            return;
        }
        if self.routers.len() >= self.config.max_routers {
            self.stats.routers_dropped += 1;
            let least = self
                .routers
                .iter()
                .enumerate()
                .min_by_key(|(_, known)| known.preference);
            match least {
                Some((at, known)) if known.preference < router.preference => {
                    let gone = self.routers.remove(at);
                    self.push_event(HostEvent::Gone(gone.address));
                }
                _ => return,
            }
        }
        self.routers.push(router);
    }

    /// Forgets routers whose lifetime has passed, and picks the default router.
    fn forget(&mut self, now: Instant) {
        // RFC 1256 §5.3 MUST (lifetime): an address is used no longer than its lifetime.
        let mut at = 0;
        while let Some(router) = self.routers.get(at) {
            if router.expires_at <= now {
                let gone = self.routers.remove(at);
                self.push_event(HostEvent::Gone(gone.address));
            } else {
                at += 1;
            }
        }
        // RFC 1256 §5.3 MUST (highest): the one with the highest preference.
        // RFC 1256 §5.3 MUST NOT (ineligible): never one with the least value.
        let mut best: Option<&KnownRouter> = None;
        for router in &self.routers {
            let eligible = router.preference != RouterAddress::NEVER_DEFAULT;
            if eligible && best.is_none_or(|best| router.preference > best.preference) {
                best = Some(router);
            }
        }
        let default = best.map(|router| router.address);
        if default != self.default {
            self.default = default;
            self.push_event(HostEvent::DefaultRouter(default));
        }
    }

    fn push_event(&mut self, event: HostEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

impl fmt::Debug for IrdpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IrdpHost")
            .field("default", &self.default)
            .field("routers", &self.routers)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
