//! Pools and rules.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use packet_buffer::wire::{IpProtocol, Ipv4Prefix};

/// Outside addresses that are shared, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The addresses, in any number of ranges, which need not touch.
    // RFC 6888 §3 MUST (req-3): contiguous and non-contiguous ranges can be configured.
    pub addresses: Vec<RangeInclusive<Ipv4Addr>>,
    /// The ports that mappings may have. Default: all but 0.
    pub ports: RangeInclusive<u16>,
    /// How the address of a mapping is chosen.
    pub pooling: Pooling,
}

impl Pool {
    /// A pool of one address, with all ports.
    pub fn of(address: Ipv4Addr) -> Self {
        Self::of_range(address..=address)
    }

    /// A pool of one range of addresses, with all ports.
    pub fn of_range(addresses: RangeInclusive<Ipv4Addr>) -> Self {
        Self {
            addresses: Vec::from([addresses]),
            ports: 1..=u16::MAX,
            pooling: Pooling::Paired,
        }
    }

    /// All addresses of a prefix.
    pub fn of_prefix(prefix: Ipv4Prefix) -> Self {
        Self::of_range(prefix.network()..=prefix.last())
    }
}

/// How the address of a mapping is chosen from a pool (RFC 4787 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pooling {
    /// All mappings of an inside address have the same outside address.
    // RFC 4787 §4.1 RECOMMENDED (req-2): address pooling is "paired".
    // RFC 6888 §3 MUST (req-2): that is the default.
    #[default]
    Paired,
    /// Each mapping may have another outside address.
    Arbitrary,
}

/// What packets a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Where they come from.
    pub source: Ipv4Prefix,
    /// Where they go.
    pub destination: Ipv4Prefix,
    /// The protocol; `None` for all.
    pub protocol: Option<IpProtocol>,
    /// The destination port, where the protocol has ports.
    pub destination_ports: RangeInclusive<u16>,
}

impl Matching {
    /// All packets from a prefix.
    pub const fn from_prefix(source: Ipv4Prefix) -> Self {
        Self {
            source,
            destination: Ipv4Prefix::ALL,
            protocol: None,
            destination_ports: 0..=u16::MAX,
        }
    }

    /// All packets.
    pub const fn all() -> Self {
        Self::from_prefix(Ipv4Prefix::ALL)
    }

    /// Whether a packet is meant.
    pub fn contains(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        destination_port: u16,
    ) -> bool {
        self.source.contains(source)
            && self.destination.contains(destination)
            && self.protocol.is_none_or(|wanted| wanted == protocol)
            && self.destination_ports.contains(&destination_port)
    }
}

/// What becomes of packets from inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which packets.
    pub matching: Matching,
    /// What becomes of them.
    pub action: Action,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The packet is forwarded as it is.
    // RFC 6888 §3 MUST (req-6): translation can be turned off for destinations.
    Bypass,
    /// The packet is dropped.
    Drop,
    /// Many inside addresses share outside ones, by ports (NAPT).
    Napt(Napt),
    /// Each inside address gets an outside one of a pool for as long as it has sessions; ports stay
    /// (basic NAT).
    Dynamic {
        /// Which pool: an index into [`NatConfig::pools`](super::NatConfig::pools).
        pool: usize,
        /// Who may come in to an inside address that has an outside one.
        filtering: Filtering,
    },
    /// Each inside address has an outside one for good, and sessions begin from either side; ports
    /// stay. The two prefixes are of the same length, and the rule's source is the inside one.
    Static {
        /// The outside prefix.
        outside: Ipv4Prefix,
    },
}

/// How ports are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Napt {
    /// Which pool: an index into [`NatConfig::pools`](super::NatConfig::pools).
    pub pool: usize,
    /// When a mapping is used again.
    pub mapping: Mapping,
    /// Who may come in through a mapping.
    pub filtering: Filtering,
    /// How ports are chosen.
    pub ports: PortChoice,
    /// Whether inside hosts reach each other by their outside addresses.
    // RFC 4787 §6 MUST (req-9): hairpinning is supported.
    pub hairpin: bool,
}

/// When an inside endpoint (address and port) keeps its outside one (RFC 4787 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mapping {
    /// For all destinations.
    // RFC 4787 §4.1 MUST (req-1): endpoint-independent mapping.
    // RFC 5382 §4.1 MUST (req-1): for TCP too.
    EndpointIndependent,
    /// For all ports of one destination address.
    AddressDependent,
    /// For one destination address and port: each session has a port of its own.
    AddressAndPortDependent,
    /// For one destination address and port, and an outside port may serve sessions to different
    /// destinations (port overloading): as a cloud's gateway or the Linux kernel does.
    // RFC 7857 §3 MAY: ports overlap where the destinations differ.
    PerDestination {
        /// Sessions to one destination address, port and protocol from one outside address.
        limit: u32,
        /// Whether an inside endpoint that could not keep its port prefers the one that it got
        /// instead for further destinations.
        sticky: bool,
    },
}

/// Which packets from outside may use a mapping (RFC 4787 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filtering {
    /// All.
    EndpointIndependent,
    /// Those from addresses that the inside endpoint has sent to.
    AddressDependent,
    /// Those from addresses and ports that it has sent to.
    AddressAndPortDependent,
}

/// How outside ports are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortChoice {
    /// The inside port is kept when it is free.
    pub preserve: bool,
    /// Even ports become even ones, and odd ports odd ones, as long as there are some.
    // RFC 4787 §4.2.2 RECOMMENDED (req-4): port parity is preserved.
    pub parity: bool,
    /// The port next to that of an inside endpoint's neighbor is preferred, so that a pair of ports
    /// stays a pair.
    pub contiguity: bool,
    /// Which ports may stand for which.
    pub classes: PortClasses,
}

/// Which outside ports may stand for an inside port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortClasses {
    /// Any of the pool.
    Any,
    /// Ports below 1024 for those below 1024, others for others.
    // RFC 4787 §4.2.1 RECOMMENDED (req-3-a): well-known ports stay well-known.
    WellKnown,
    /// Ports below 512, from 512 to 1023, and others, as the Linux kernel does.
    Linux,
}

impl PortClasses {
    /// The ports that may stand for `port`.
    pub const fn range(self, port: u16) -> RangeInclusive<u16> {
        match (self, port) {
            (Self::Any, _) => 0..=u16::MAX,
            (Self::WellKnown, 0..1024) => 1..=1023,
            (Self::Linux, 0..512) => 1..=511,
            (Self::Linux, 512..1024) => 600..=1023,
            (Self::WellKnown | Self::Linux, 1024..) => 1024..=u16::MAX,
        }
    }
}

/// A service inside that is reached from outside (port forwarding, destination NAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The protocol; `None` for all, those without ports among them.
    pub protocol: Option<IpProtocol>,
    /// The outside address.
    pub outside: Ipv4Addr,
    /// The outside ports, for protocols that have them.
    pub ports: RangeInclusive<u16>,
    /// From where.
    pub source: Ipv4Prefix,
    /// Who serves it: one of them is chosen for each session, by a hash of the source address, so
    /// that a client stays with its server.
    pub targets: Vec<Target>,
}

/// A server behind a [`Forward`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Its address.
    pub address: Ipv4Addr,
    /// The port that stands for the first of the forward's; those that follow stand for the next.
    /// `None` when ports stay.
    pub first_port: Option<u16>,
    /// How many clients it gets, compared with others; 0 for none.
    pub weight: u16,
}

impl Target {
    /// A server that serves a forwarded port or range under its own first port.
    pub const fn new(address: Ipv4Addr, first_port: u16) -> Self {
        Self {
            address,
            first_port: Some(first_port),
            weight: 1,
        }
    }
}

/// An outside network that the inside sees under other addresses, of the same number: with a rule
/// that translates sources, both addresses of a packet change (twice NAT, RFC 2663 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alias {
    /// The addresses that the inside uses.
    pub alias: Ipv4Prefix,
    /// The addresses outside.
    pub real: Ipv4Prefix,
}

/// Ports of an outside address that the router itself uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The address.
    pub address: Ipv4Addr,
    /// The protocol.
    pub protocol: IpProtocol,
    /// The ports.
    pub ports: RangeInclusive<u16>,
}

/// The address that stands in `to` where `address` stands in `from`; the prefixes are of the same
/// length.
pub(crate) const fn transplant(address: Ipv4Addr, from: Ipv4Prefix, to: Ipv4Prefix) -> Ipv4Addr {
    let host = address.to_bits() & !from.netmask().to_bits();
    Ipv4Addr::from_bits(to.network().to_bits() | host)
}
