//! Mappings: which inside endpoint an outside endpoint stands for.
//!
//! The entry of a mapping lies at the place of its outside port, so that packets from outside find
//! it without a search; inside endpoints find theirs by a keyed hash.

mod crowd;
mod links;
mod slot;
mod table;

pub(crate) use crowd::Crowds;
pub(crate) use slot::{MAX_RULES, SlotKind};
pub(crate) use table::{Held, MappingTable, NewMapping};

use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};
use flow_table::Ipv4FlowKey;
use packet_buffer::wire::IpProtocol;

/// An address and a port: the identifier of an ICMP query, the call id of a PPTP tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address.
    pub address: Ipv4Addr,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// An address and a port.
    #[inline]
    pub const fn new(address: Ipv4Addr, port: u16) -> Self {
        Self { address, port }
    }

    /// Both in the lower 48 bits.
    #[inline]
    pub(crate) const fn bits(self) -> u128 {
        (self.address.to_bits() as u128) << 16 | self.port as u128
    }

    /// Where packets with the key come from.
    #[inline]
    pub const fn source_of(key: &Ipv4FlowKey) -> Self {
        Self::new(key.source(), key.source_port())
    }

    /// Where packets with the key go.
    #[inline]
    pub const fn destination_of(key: &Ipv4FlowKey) -> Self {
        Self::new(key.destination(), key.destination_port())
    }
}

impl From<SocketAddrV4> for Endpoint {
    fn from(address: SocketAddrV4) -> Self {
        Self::new(*address.ip(), address.port())
    }
}

/// `address:port`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

/// The protocols that have ports of their own, each with a number space of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PortKind {
    Tcp,
    Udp,
    Icmp,
    Sctp,
    Dccp,
    UdpLite,
    Gre,
}

impl PortKind {
    pub(crate) const COUNT: usize = 7;

    pub(crate) const fn of(protocol: IpProtocol) -> Option<Self> {
        Some(match protocol {
            IpProtocol::TCP => Self::Tcp,
            IpProtocol::UDP => Self::Udp,
            IpProtocol::ICMP => Self::Icmp,
            IpProtocol::SCTP => Self::Sctp,
            IpProtocol::DCCP => Self::Dccp,
            IpProtocol::UDP_LITE => Self::UdpLite,
            IpProtocol::GRE => Self::Gre,
            _ => return None,
        })
    }

    pub(crate) const fn protocol(self) -> IpProtocol {
        match self {
            Self::Tcp => IpProtocol::TCP,
            Self::Udp => IpProtocol::UDP,
            Self::Icmp => IpProtocol::ICMP,
            Self::Sctp => IpProtocol::SCTP,
            Self::Dccp => IpProtocol::DCCP,
            Self::UdpLite => IpProtocol::UDP_LITE,
            Self::Gre => IpProtocol::GRE,
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The protocol in front of what fills the lower `width` bits of a key.
    pub(crate) const fn before(self, width: u32, rest: u128) -> u128 {
        (self as u128) << width | rest
    }

    /// Whether port numbers have meanings, so that classes of them count.
    pub(crate) const fn has_classes(self) -> bool {
        !matches!(self, Self::Icmp | Self::Gre)
    }
}

/// A mapping, as it is listed and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct MappingInfo {
    /// The transport protocol.
    pub protocol: IpProtocol,
    /// The endpoint inside.
    pub inside: Endpoint,
    /// What stands for it outside.
    pub outside: Endpoint,
    /// Sessions that use it.
    pub sessions: u16,
    /// Whether it was asked for (by PCP, or the embedding program) and stays without sessions.
    pub is_explicit: bool,
}
