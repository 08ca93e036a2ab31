//! What rules can see of a packet.

use core::net::IpAddr;
use packet_buffer::wire::{IpProtocol, TcpFlags};

/// An interface of a policy, by its number. [`Firewall::interface`](crate::Firewall::interface) finds
/// it by name; it stays the same over reloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub(crate) u16);

impl InterfaceId {
    /// The interface with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// A zone of a policy, by its number. 0 is the firewall itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub(crate) u16);

impl ZoneId {
    /// The firewall itself.
    pub const SELF: Self = Self(0);

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// Which part of an IP packet this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// A fragment with the transport header.
    First,
    /// A fragment without the transport header.
    Later,
}

/// What rules can see of a packet: its headers, its path, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facts {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes. Of the same family as the source.
    pub destination: IpAddr,
    /// What it carries; over IPv6 the protocol behind all extension headers.
    pub protocol: IpProtocol,
    /// Source and destination port; `None` for protocols without, and later fragments.
    pub ports: Option<(u16, u16)>,
    /// Control bits of a TCP segment.
    pub tcp_flags: Option<TcpFlags>,
    /// Type and code of an ICMP or ICMPv6 message.
    pub icmp: Option<(u8, u8)>,
    /// Which part of a packet it is.
    pub part: Part,
    /// Differentiated services code point.
    pub dscp: u8,
    /// The interface that it came in by; `None` when the firewall itself sends it.
    pub in_interface: Option<InterfaceId>,
    /// The interface that it goes out by; `None` when it is for the firewall itself.
    pub out_interface: Option<InterfaceId>,
    /// The zone that it comes from.
    pub from: ZoneId,
    /// The zone that it goes to.
    pub to: ZoneId,
    /// The users and groups of users that its source belongs to, a bit for each name that
    /// [`CompiledPolicy::users`](crate::CompiledPolicy::users) lists.
    pub users: u64,
}

impl Facts {
    /// A packet of `protocol` between two addresses, whole, from and to the firewall itself; the
    /// fields that matter are to be set.
    pub const fn new(source: IpAddr, destination: IpAddr, protocol: IpProtocol) -> Self {
        Self {
            source,
            destination,
            protocol,
            ports: None,
            tcp_flags: None,
            icmp: None,
            part: Part::Whole,
            dscp: 0,
            in_interface: None,
            out_interface: None,
            from: ZoneId::SELF,
            to: ZoneId::SELF,
            users: 0,
        }
    }
}
