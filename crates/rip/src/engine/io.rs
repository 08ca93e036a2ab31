//! What goes into the engine and comes out of it.

use packet_buffer::Instant;

use super::NeighborStats;
use crate::auth::AuthEvent;
use crate::family::Family;

/// The caller's number of an interface, such as the kernel's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u32);

/// A UDP datagram that has arrived.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a, F: Family> {
    /// The interface on which it came in (not the one whose network the source is of: that could
    /// be forged).
    pub interface: InterfaceId,
    /// The IP source address.
    pub source: F::Address,
    /// The UDP source port.
    pub source_port: u16,
    /// The IP destination address.
    pub destination: F::Address,
    /// The TTL or hop limit of the IP header; `None` when it is not known, which
    /// counts as 255 where a least one is asked for.
    pub hop_limit: Option<u8>,
    /// The UDP payload.
    pub payload: &'a [u8],
}

/// Where a UDP datagram goes, of which the buffer holds the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transmit<F: Family> {
    /// The interface on which it leaves.
    pub interface: InterfaceId,
    /// The IP source address, which is one of the interface.
    pub source: F::Address,
    /// The UDP source port.
    pub source_port: u16,
    /// The IP destination address.
    pub destination: F::Address,
    /// The UDP destination port.
    pub destination_port: u16,
    /// The TTL or hop limit.
    pub hop_limit: u8,
}

/// What has happened, for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event<F: Family> {
    /// A router was heard that was not known.
    NeighborUp {
        /// Where.
        interface: InterfaceId,
        /// Its address.
        address: F::Address,
    },
    /// A neighbor was not heard of for the timeout of routes, or its interface went down.
    NeighborDown {
        /// Where.
        interface: InterfaceId,
        /// Its address.
        address: F::Address,
    },
    /// A message did not pass authentication. It is told once for each source between two messages
    /// of it that pass.
    AuthenticationFailed {
        /// Where.
        interface: InterfaceId,
        /// The source that the message gave.
        source: F::Address,
    },
    /// A neighbor has sent more routes than are kept of one. It is told once until its routes are
    /// fewer again.
    NeighborRouteLimit {
        /// Where.
        interface: InterfaceId,
        /// Its address.
        address: F::Address,
    },
    /// The time of all keys of an interface is over; the last stays in use (RFC 4822 §4.3).
    LastKeyExpired {
        /// Where.
        interface: InterfaceId,
        /// The last key.
        key_id: u8,
    },
    /// The table is full. It is told once until it is no longer so.
    TableFull,
    /// The peer of a demand circuit does not answer: its routes are not used.
    CircuitDown {
        /// Which.
        interface: InterfaceId,
    },
    /// It answers again.
    CircuitUp {
        /// Which.
        interface: InterfaceId,
    },
}

impl<F: Family> Event<F> {
    pub(super) fn key_expired(interface: InterfaceId, event: AuthEvent) -> Self {
        let AuthEvent::LastKeyExpired { key_id } = event;
        Self::LastKeyExpired { interface, key_id }
    }
}

/// A neighbor that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbor<F: Family> {
    /// Where.
    pub interface: InterfaceId,
    /// Its address.
    pub address: F::Address,
    /// The version of its last message.
    pub version: u8,
    /// When it was last heard.
    pub last_heard: Instant,
    /// How many routes are in use that lead to it.
    pub routes: usize,
    /// Counters.
    pub stats: NeighborStats,
}
