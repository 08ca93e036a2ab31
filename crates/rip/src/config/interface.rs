//! What holds for one interface.

use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::rate::Rate;

use super::{ConfigError, Filter, Offset};
use crate::auth::{AuthOptions, Authentication};
use crate::family::Family;

/// An address of an interface and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterfaceAddress<F: Family> {
    /// The address.
    pub address: F::Address,
    /// Bits of the prefix that is on the link.
    pub prefix_length: u8,
}

impl<F: Family> InterfaceAddress<F> {
    /// The prefix on the link; `None` when the length is longer than an address.
    pub fn prefix(&self) -> Option<F::Prefix> {
        F::prefix(self.address, self.prefix_length)
    }
}

/// What is sent on an IPv4 interface: the switch of RFC 2453 §5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SendVersion {
    /// Nothing ("none").
    None,
    /// Version 1, to the broadcast address ("RIP-1").
    V1,
    /// Version 2, to the broadcast address, which routers of version 1 read too
    /// ("RIP-1 compatible").
    V1Compatible,
    /// Version 2, to 224.0.0.9 ("RIP-2").
    #[default]
    V2,
}

/// What is taken in on an IPv4 interface: the switch of RFC 2453 §5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReceiveVersion {
    /// Nothing.
    None,
    /// Version 1 only.
    V1,
    /// Version 2 and later only.
    #[default]
    V2,
    /// Both.
    Both,
}

/// What only an IPv4 interface is told.
#[derive(Debug, Clone, Default)]
pub struct Ipv4Switches {
    /// What is sent. Default: version 2.
    pub send: SendVersion,
    /// What is taken in. Default: version 2.
    pub receive: ReceiveVersion,
    /// How messages of version 2 are authenticated. Version 1 cannot be, and is ignored where there
    /// is authentication. Default: not at all.
    pub authentication: Authentication,
    /// What can be chosen about sequence numbers.
    pub auth_options: AuthOptions,
}

/// What only an IPv6 interface is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv6Switches {
    /// Whether anything is sent. Default: true.
    pub send: bool,
    /// Whether anything is taken in. Default: true.
    pub receive: bool,
}

impl Default for Ipv6Switches {
    fn default() -> Self {
        Self {
            send: true,
            receive: true,
        }
    }
}

/// How a route is announced on the interface through which it leads (RFC 2453 §3.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SplitHorizon {
    /// Like everywhere else.
    Off,
    /// It is left out.
    #[default]
    Simple,
    /// With metric 16.
    PoisonedReverse,
}

/// How fast messages leave: a bucket of tokens, of which each message takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pacing {
    /// Messages a second; from 1 to 1,000,000. Default: 200, at which a receiver with a small
    /// buffer loses none.
    pub packets_per_second: u32,
    /// Messages that may leave at once after a pause; from 1 to 65,535. Default: 8.
    pub burst: u32,
}

impl Pacing {
    pub(crate) const fn rate(&self) -> Rate {
        Rate::per_second(self.packets_per_second, self.burst)
    }
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            packets_per_second: 200,
            burst: 8,
        }
    }
}

/// Who is answered (RFC 2453 §3.9.1, RFC 2080 §2.4.1). Senders that are not on the link never are:
/// an answer is longer than its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestPolicy {
    /// Whether a request for the whole table is answered when it comes from another port than the
    /// protocol's, as monitors send it. Default: true.
    pub whole_table_to_any_port: bool,
    /// Whether requests for single routes are answered. Default: true.
    pub specific: bool,
    /// Requests that are answered in each second, by a bucket of this size; 0 answers none.
    /// Further ones are dropped and counted. Default: 10.
    pub per_second: u32,
    /// Answers of the whole table that are under way at a time on the interface; further requests
    /// are dropped and counted. Default: 4.
    pub max_pending: usize,
}

impl RequestPolicy {
    pub(crate) const fn rate(&self) -> Rate {
        Rate::per_second(self.per_second, self.per_second)
    }
}

impl Default for RequestPolicy {
    fn default() -> Self {
        Self {
            whole_table_to_any_port: true,
            specific: true,
            per_second: 10,
            max_pending: 4,
        }
    }
}

/// A default route that is announced on an interface, whether or not there is one in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DefaultRoute {
    /// Its metric, from 1 to 15.
    pub metric: u8,
    /// Its route tag.
    pub tag: u16,
}

/// An interface to a circuit that costs while it carries packets (RFC 2091): routes are sent once,
/// acknowledged, and do not time out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DemandCircuit {
    /// From one transmission to the next while no acknowledgement comes; at least 1 s.
    /// Default: 5 s.
    pub retransmission: Duration,
    /// Transmissions without an acknowledgement after which the circuit counts as down: routes
    /// through it are no longer used, until a request or response is heard. Default: 10.
    pub max_transmissions: u32,
    /// How long routes through a circuit that could not be had are kept before they count as
    /// unreachable (oversubscription, RFC 2091 §6). Default: 180 s.
    pub oversubscription: Duration,
}

impl Default for DemandCircuit {
    fn default() -> Self {
        Self {
            retransmission: Duration::from_secs(5),
            max_transmissions: 10,
            oversubscription: Duration::from_secs(180),
        }
    }
}

/// How an interface is set up.
#[derive(Debug, Clone)]
pub struct InterfaceConfig<F: Family> {
    /// Its addresses. RIP version 1 and 2 need one: unnumbered links are not supported (RFC 2453
    /// §5.4). RIPng needs a link-local one. The networks of those that are not link-local are
    /// routes of the source [`Connected`](crate::rib::Source::Connected) while the interface is up.
    pub addresses: Vec<InterfaceAddress<F>>,
    /// The longest IP packet in octets; at least 576 for IPv4 and 1,280 for IPv6. Default: 1,500.
    pub mtu: usize,
    /// What the link adds to the metric of what is learned through it; from 1 to 15. Default: 1.
    pub cost: u8,
    /// Whether the networks on the link are announced. Default: true.
    pub announce_connected: bool,
    /// The versions and other switches of the family.
    pub switches: F::Switches,
    /// Whether nothing is sent to the group or the broadcast address: neighbors in `neighbors`
    /// are still served, and what is heard is still learned. Requests of others are not answered.
    /// Default: false.
    pub passive: bool,
    /// Routers that get updates by unicast (RFC 2453 §3.10 names them for networks without
    /// broadcast). They must be on the link.
    pub neighbors: Vec<F::Address>,
    /// The interval of regular updates, where it is not the router's. At least 1 s, and less than
    /// the router's timeout.
    pub update: Option<Duration>,
    /// Split horizon. Default: simple.
    pub split_horizon: SplitHorizon,
    /// Which routes are learned. Default: all.
    pub filter_in: Filter<F>,
    /// Which routes are announced. Default: all.
    pub filter_out: Filter<F>,
    /// What is added to metrics that are learned.
    pub offset_in: Vec<Offset<F>>,
    /// What is added to metrics that are announced.
    pub offset_out: Vec<Offset<F>>,
    /// A default route to announce here.
    pub default_route: Option<DefaultRoute>,
    /// How fast messages leave.
    pub pacing: Pacing,
    /// Who is answered.
    pub requests: RequestPolicy,
    /// The least hop limit or TTL with which a message is taken in; 255 keeps out all senders
    /// beyond the link (RFC 5082). 0, the default, takes all in: RIP sends 1. RIPng wants 255
    /// whatever this says.
    pub min_hop_limit: u8,
    /// Makes it a demand circuit. Its one peer is the one entry of `neighbors`.
    pub demand_circuit: Option<DemandCircuit>,
}

impl<F: Family> InterfaceConfig<F> {
    /// An interface with these addresses, and defaults otherwise.
    pub fn new(addresses: Vec<InterfaceAddress<F>>) -> Self {
        Self {
            addresses,
            mtu: 1_500,
            cost: 1,
            announce_connected: true,
            switches: F::Switches::default(),
            passive: false,
            neighbors: Vec::new(),
            update: None,
            split_horizon: SplitHorizon::Simple,
            filter_in: Filter::PERMIT_ALL,
            filter_out: Filter::PERMIT_ALL,
            offset_in: Vec::new(),
            offset_out: Vec::new(),
            default_route: None,
            pacing: Pacing::default(),
            requests: RequestPolicy::default(),
            min_hop_limit: 0,
            demand_circuit: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, problem| Err(ConfigError::new(field, problem));
        if self.addresses.iter().any(|a| a.prefix().is_none()) {
            return wrong("addresses", "a prefix is longer than an address");
        }
        let least = if F::BITS == 32 { 576 } else { 1_280 };
        if self.mtu < least || self.mtu > 65_535 {
            return wrong("mtu", "it must be from 576 (IPv6: 1280) to 65535");
        }
        if self.cost == 0 || self.cost > 15 {
            return wrong("cost", "it must be from 1 to 15");
        }
        let offsets = self.offset_in.iter().chain(&self.offset_out);
        if offsets.into_iter().any(|offset| offset.metric > 16) {
            return wrong("offset_in, offset_out", "an offset must be from 0 to 16");
        }
        if let Some(route) = self.default_route
            && !(1..=15).contains(&route.metric)
        {
            return wrong("default_route", "its metric must be from 1 to 15");
        }
        if self.pacing.packets_per_second == 0 || self.pacing.packets_per_second > 1_000_000 {
            return wrong(
                "pacing.packets_per_second",
                "it must be from 1 to 1,000,000",
            );
        }
        if self.pacing.burst == 0 || self.pacing.burst > 65_535 {
            return wrong("pacing.burst", "it must be from 1 to 65,535");
        }
        if self
            .update
            .is_some_and(|update| update < Duration::from_secs(1))
        {
            return wrong("update", "it must be at least 1 s");
        }
        F::check_switches(&self.switches)?;
        if let Some(circuit) = &self.demand_circuit {
            if F::BITS != 32 {
                return wrong("demand_circuit", "RIPng has none");
            }
            if self.neighbors.len() != 1 {
                return wrong(
                    "demand_circuit",
                    "it needs its peer as the one entry of `neighbors`",
                );
            }
            if circuit.retransmission < Duration::from_secs(1) {
                return wrong("demand_circuit.retransmission", "it must be at least 1 s");
            }
            if circuit.max_transmissions == 0 {
                return wrong("demand_circuit.max_transmissions", "it must be at least 1");
            }
        }
        Ok(())
    }
}
