//! The router: tells its addresses now and then, and when it is asked.

use super::{ALL_SYSTEMS, icmp, random_up_to, within};
use crate::wire::{Icmpv4Query, Icmpv4RouterAdvertisementRepr, RouterAddress};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::wire::{IpProtocol, Ipv4Prefix, Ipv4Repr};
use packet_buffer::{Instant, PacketBuf, ParseError, RandomSource};
use thiserror::Error;

/// MAX_INITIAL_ADVERT_INTERVAL (RFC 1256 §4.3).
const MAX_INITIAL_ADVERT_INTERVAL: Duration = Duration::from_secs(16);
/// MAX_INITIAL_ADVERTISEMENTS.
const MAX_INITIAL_ADVERTISEMENTS: u32 = 3;
/// MAX_RESPONSE_DELAY.
const MAX_RESPONSE_DELAY: Duration = Duration::from_secs(2);

/// An address of the router's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertised {
    /// The address.
    pub address: Ipv4Addr,
    /// Its subnet: who asks must be in one, or have no address yet.
    pub prefix: Ipv4Prefix,
    /// How much it is preferred; [`RouterAddress::NEVER_DEFAULT`] for no default router.
    pub preference: i32,
}

/// How an [`IrdpRouter`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IrdpRouterConfig {
    /// The addresses to advertise, 1 to 255. The first is the source of advertisements.
    pub addresses: Vec<Advertised>,
    /// AdvertisementAddress: 224.0.0.1, or 255.255.255.255 on links without multicast. Default:
    /// 224.0.0.1.
    pub advertisement_address: Ipv4Addr,
    /// MaxAdvertisementInterval, 4 s to 1800 s. Default: 600 s.
    pub max_interval: Duration,
    /// MinAdvertisementInterval, 3 s to the greatest. Default: three quarters of that.
    pub min_interval: Duration,
    /// AdvertisementLifetime in seconds, from the greatest interval to 9000. Default: three times that
    /// interval.
    pub lifetime: u16,
}

impl IrdpRouterConfig {
    /// A router with these addresses, the rest by default.
    pub const fn new(addresses: Vec<Advertised>) -> Self {
        Self {
            addresses,
            advertisement_address: ALL_SYSTEMS,
            max_interval: Duration::from_secs(600),
            min_interval: Duration::from_secs(450),
            lifetime: 1_800,
        }
    }

    // RFC 1256 §4.1 MUST (max-interval): 4 seconds to 1800.
    // RFC 1256 §4.1 MUST (min-interval): 3 seconds to the greatest interval.
    // RFC 1256 §4.1 MUST (lifetime): from the greatest interval to 9000 seconds.
    fn check(&self) -> Result<(), IrdpRouterConfigError> {
        use IrdpRouterConfigError as E;
        if self.addresses.is_empty() || self.addresses.len() > 255 {
            return Err(E::Addresses(self.addresses.len()));
        }
        let seconds = Duration::from_secs;
        if !(seconds(4)..=seconds(1_800)).contains(&self.max_interval) {
            return Err(E::MaxInterval);
        }
        if !(seconds(3)..=self.max_interval).contains(&self.min_interval) {
            return Err(E::MinInterval);
        }
        let lifetime = seconds(u64::from(self.lifetime));
        if lifetime < self.max_interval || lifetime > seconds(9_000) {
            return Err(E::Lifetime(self.lifetime));
        }
        Ok(())
    }
}

/// Why a router cannot be made. Each names the field of [`IrdpRouterConfig`] to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IrdpRouterConfigError {
    /// `addresses` has none, or more than 255.
    #[error("addresses: {0}; it must be 1 to 255")]
    Addresses(usize),
    /// `max_interval` is out of its range.
    #[error("max_interval: it must be from 4 to 1800 seconds")]
    MaxInterval,
    /// `min_interval` is out of its range.
    #[error("min_interval: it must be from 3 seconds to max_interval")]
    MinInterval,
    /// `lifetime` is out of its range.
    #[error("lifetime: {0} seconds; it must be from max_interval to 9000")]
    Lifetime(u16),
}

/// Why a packet was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RouterDiscard {
    /// The packet or the message cannot be read, or a checksum is wrong.
    #[error("malformed: {0}")]
    Malformed(ParseError),
    /// It is no router solicitation.
    #[error("not a router solicitation")]
    NotSolicitation,
    /// Its source is neither a neighbor nor 0.0.0.0.
    #[error("the source is no neighbor")]
    NoNeighbor,
    /// The router has stopped.
    #[error("the router has stopped")]
    Stopped,
}

/// What a router has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RouterStats {
    /// Advertisements written.
    pub advertisements: u64,
    /// Solicitations taken.
    pub solicitations: u64,
    /// Ignored: cannot be read, or wrong checksum.
    pub malformed: u64,
    /// Ignored: not a router solicitation.
    pub not_solicitation: u64,
    /// Ignored: not from a neighbor.
    pub no_neighbor: u64,
    /// Ignored: after the router was stopped.
    pub stopped: u64,
}

/// The router's side of router discovery on one interface.
pub struct IrdpRouter {
    config: IrdpRouterConfig,
    random: Box<dyn RandomSource + Send>,
    /// Advertisements that were due.
    due: u32,
    next: Option<Instant>,
    /// Whether `next` answers a solicitation.
    responding: bool,
    to_send: bool,
    stopped: bool,
    latest: Instant,
    stats: RouterStats,
}

impl IrdpRouter {
    /// A router whose first advertisement is due within 16 seconds.
    ///
    /// # Errors
    ///
    /// [`IrdpRouterConfigError`], which names the field.
    pub fn new(
        now: Instant,
        config: IrdpRouterConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, IrdpRouterConfigError> {
        config.check()?;
        let first = within(now, MAX_INITIAL_ADVERT_INTERVAL, &mut *random);
        Ok(Self {
            config,
            random,
            due: 0,
            next: Some(first),
            responding: false,
            to_send: false,
            stopped: false,
            latest: now,
            stats: RouterStats::default(),
        })
    }

    /// What was done.
    pub const fn stats(&self) -> &RouterStats {
        &self.stats
    }

    /// The interface ceases to advertise: a last advertisement with a lifetime of 0 is to be polled.
    // RFC 1256 §4.3 SHOULD (cease): hosts are told to forget the router.
    pub fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.next = None;
            self.to_send = true;
        }
    }

    /// Takes a whole IPv4 packet.
    ///
    /// # Errors
    ///
    /// [`RouterDiscard`], with the state unchanged.
    pub fn handle_input(&mut self, now: Instant, packet: &[u8]) -> Result<(), RouterDiscard> {
        let now = self.latest.max(now);
        let result = self.take(now, packet);
        if let Err(discard) = result {
            let counter = match discard {
                RouterDiscard::Malformed(_) => &mut self.stats.malformed,
                RouterDiscard::NotSolicitation => &mut self.stats.not_solicitation,
                RouterDiscard::NoNeighbor => &mut self.stats.no_neighbor,
                RouterDiscard::Stopped => &mut self.stats.stopped,
            };
            *counter += 1;
        }
        result
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        self.due = self.due.saturating_add(1);
        self.to_send = true;
        self.responding = false;
        // RFC 1256 §4.3 MUST (random): each interval is drawn anew between both bounds.
        let (least, most) = (self.config.min_interval, self.config.max_interval);
        let spread = most.saturating_sub(least);
        let mut interval = least + random_up_to(spread, &mut *self.random);
        // RFC 1256 §4.3 MUST (initial): the first few come faster.
        if self.due < MAX_INITIAL_ADVERTISEMENTS {
            interval = interval.min(MAX_INITIAL_ADVERT_INTERVAL);
        }
        self.next = Some(now + interval);
    }

    /// Writes the next packet into `out`, behind its headroom, and says where it goes.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Ipv4Addr> {
        if !core::mem::take(&mut self.to_send) {
            return None;
        }
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        let addresses: Vec<RouterAddress> = self
            .config
            .addresses
            .iter()
            .map(|advertised| RouterAddress {
                address: advertised.address,
                preference: advertised.preference,
            })
            .collect();
        let repr = Icmpv4RouterAdvertisementRepr {
            code: 0,
            lifetime: if self.stopped {
                0
            } else {
                self.config.lifetime
            },
            addresses: &addresses,
        };
        repr.emit(out).ok()?;
        let source = self.config.addresses.first()?.address;
        let destination = self.config.advertisement_address;
        let header = Ipv4Repr {
            // RFC 1256 §3 MUST (ttl): the time to live is 1 for multicast.
            time_to_live: 1,
            ..Ipv4Repr::new(source, destination, IpProtocol::ICMP)
        };
        header.emit(out).ok()?;
        self.stats.advertisements += 1;
        Some(destination)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` when it has stopped.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next.map(|next| next.max(self.latest))
    }

    fn take(&mut self, now: Instant, packet: &[u8]) -> Result<(), RouterDiscard> {
        let (ip, message) = icmp(packet)
            .map_err(RouterDiscard::Malformed)?
            .ok_or(RouterDiscard::NotSolicitation)?;
        match Icmpv4Query::parse(&message) {
            Ok(Icmpv4Query::RouterSolicitation) => {}
            _ => return Err(RouterDiscard::NotSolicitation),
        }
        // RFC 1256 §4.3 MUST (solicitor): only a neighbor, or one without an address, is answered.
        let source = ip.source();
        let is_neighbor = self
            .config
            .addresses
            .iter()
            .any(|advertised| advertised.prefix.contains(source));
        if !source.is_unspecified() && !is_neighbor {
            return Err(RouterDiscard::NoNeighbor);
        }
        if self.stopped {
            return Err(RouterDiscard::Stopped);
        }
        self.latest = now;
        self.stats.solicitations += 1;
        // RFC 1256 §4.3 MUST (response): within two seconds, drawn at random; of many that ask at once, one
        // answer serves all.
        if self.responding {
            return Ok(());
        }
        self.responding = true;
        let response = within(now, MAX_RESPONSE_DELAY, &mut *self.random);
        self.next = Some(self.next.map_or(response, |next| next.min(response)));
        Ok(())
    }
}

impl fmt::Debug for IrdpRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IrdpRouter")
            .field("config", &self.config)
            .field("stopped", &self.stopped)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
