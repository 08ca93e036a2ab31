//! What the firewall says of a packet.

use crate::application::Refused;
use crate::compile::Reason;
use crate::facts::InterfaceId;
use core::fmt;
use core::net::IpAddr;
use flow_state::{Direction, Invalid, PacketError};
use flow_table::FlowId;
use packet_buffer::ParseError;
use packet_buffer::fragment::{AbandonReason, FragmentDiscard};
use thiserror::Error;

/// Where routes go, for anti-spoofing: the caller's routing table.
pub trait Routes {
    /// The interface by which packets to `address` go out; `None` without a route.
    fn interface_to(&self, address: IpAddr) -> Option<InterfaceId>;
}

/// The way of a packet through the router that the firewall is part of.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    /// The interface that it came in by; `None` when the router itself sends it.
    pub ingress: Option<InterfaceId>,
    /// The interface that it will go out by; `None` when it is for the router itself.
    pub egress: Option<InterfaceId>,
    /// The routing table, for interfaces whose policy asks for the reverse path. Without one, that
    /// check is not made.
    pub routes: Option<&'a dyn Routes>,
    /// An address of the router for the source of ICMP errors. Without one, it is the destination
    /// of the packet that is refused.
    pub address: Option<IpAddr>,
}

impl Path<'_> {
    /// From one interface to another, without a routing table.
    pub const fn new(ingress: InterfaceId, egress: InterfaceId) -> Self {
        Self {
            ingress: Some(ingress),
            egress: Some(egress),
            routes: None,
            address: None,
        }
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Path")
            .field("ingress", &self.ingress)
            .field("egress", &self.egress)
            .finish_non_exhaustive()
    }
}

/// A session, for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionId {
    /// In the table of IPv4 sessions.
    V4(FlowId),
    /// In the table of IPv6 sessions.
    V6(FlowId),
}

/// What a packet is to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It has begun one.
    New,
    /// It belongs to one.
    Established(Direction),
    /// It is an ICMP error about one, or begins one that a helper expected.
    Related,
    /// It has none: ICMP messages that are neither queries nor errors, and packets that a caller's
    /// queue admits.
    Stateless,
}

/// What is to be done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It goes on.
    Accept {
        /// Its session.
        session: Option<SessionId>,
        /// What it is to it.
        class: Class,
        /// The mark of the rule that accepted the session; 0 without one.
        mark: u32,
    },
    /// It is dropped in silence.
    Drop(DropReason),
    /// It is dropped, and its sender told: [`poll_transmit`](crate::Firewall::poll_transmit) has the
    /// answer, unless too many have been sent.
    Reject(DropReason),
    /// The caller decides: it drops the packet, or takes the connection over, or lets it pass with
    /// [`admit`](crate::Firewall::admit).
    Queue(u16),
    /// It is a fragment that waits for others of its packet.
    Held,
    /// The firewall has answered it itself: [`poll_transmit`](crate::Firewall::poll_transmit) has
    /// the answer.
    Consumed,
}

impl Verdict {
    /// Whether the packet goes on.
    pub const fn is_accept(&self) -> bool {
        matches!(self, Self::Accept { .. })
    }

    /// Why the packet does not go on.
    pub const fn reason(&self) -> Option<DropReason> {
        match self {
            Self::Drop(reason) | Self::Reject(reason) => Some(*reason),
            _ => None,
        }
    }
}

/// Which limit a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// New sessions of the rule in a time.
    Rate,
    /// New sessions of the rule from one source in a time.
    RatePerSource,
    /// Sessions of the rule.
    Sessions,
    /// Sessions of the rule from one source.
    SessionsPerSource,
    /// Connections whose handshake is not complete.
    HalfOpen,
    /// Sessions whose application layer is read.
    Inspected,
}

/// Why a packet does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DropReason {
    /// A header is cut short or contradicts itself.
    #[error("malformed: {0}")]
    Malformed(PacketError),
    /// A checksum is wrong.
    #[error("checksum: {0}")]
    Checksum(ParseError),
    /// The IPv4 header has options.
    #[error("the packet has IP options")]
    Options,
    /// The packet says by which way it is to be sent (RFC 791, RFC 5095).
    #[error("the packet is source-routed")]
    SourceRoute,
    /// The source is no address that a host can have.
    #[error("the source {0} is no host's address")]
    Martian(IpAddr),
    /// Source and destination are the same.
    #[error("source and destination are the same")]
    Land,
    /// The address does not occur on the Internet.
    #[error("{0} is not routed on the Internet")]
    Bogon(IpAddr),
    /// The way back to the source is not the way that the packet came.
    #[error("the route to {0} is another")]
    ReversePath(IpAddr),
    /// The policy does not have the interface.
    #[error("the policy does not have the interface")]
    Interface,
    /// An access list denies it: the number of the entry, none for the implicit denial.
    #[error("an access list for packets that come in denies it (entry {0:?})")]
    AclIn(Option<u16>),
    /// The same for packets that go out.
    #[error("an access list for packets that go out denies it (entry {0:?})")]
    AclOut(Option<u16>),
    /// The tracker says that it belongs to no session.
    #[error("invalid: {0}")]
    Invalid(Invalid),
    /// An ICMP error about no session, or not to its end.
    #[error("the ICMP error is about no session")]
    Unrelated,
    /// An ICMP error whose quote cannot be true: a sequence number that is not in flight, an MTU
    /// that is too low.
    #[error("the ICMP error quotes what cannot be")]
    BadQuote,
    /// More ICMP errors to one host than in order.
    #[error("too many ICMP errors to one host")]
    TooManyErrors,
    /// It belongs to a session, and comes from or goes to another zone.
    #[error("the session is between other zones")]
    WrongZone,
    /// Rules or levels deny it.
    #[error("policy: {0}")]
    Policy(Reason),
    /// A limit is reached.
    #[error("limit: {0:?}")]
    Limit(Limit),
    /// The session table is full.
    #[error("the session table is full")]
    TableFull,
    /// Fragments are dropped.
    #[error("the packet is a fragment")]
    Fragment,
    /// A fragment that cannot be right, or for which there is no room.
    #[error("fragment: {0}")]
    BadFragment(FragmentDiscard),
    /// Fragments contradict each other.
    #[error("fragments: {0}")]
    Fragments(AbandonReason),
    /// The application layer asks for what it may not have.
    #[error("application: {0}")]
    Application(Refused),
    /// A segment during the firewall's own handshake that does not fit it.
    #[error("the segment does not fit the handshake with the firewall")]
    SynProxy,
}
