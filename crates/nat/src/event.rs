//! What a translator tells the program around it.

use crate::config::Side;
use crate::hooks::ShareEvent;
use crate::mapping::{Endpoint, MappingInfo};
use core::net::Ipv4Addr;
use flow_table::{FlowId, Ipv4FlowKey};
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;

/// Something happened. Each event has the time of the call that brought it about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NatEvent {
    /// A mapping was made (RFC 8158 §3, NAT44 or NAT64 BIB create).
    MappingCreated {
        /// When.
        at: Instant,
        /// The mapping.
        mapping: MappingInfo,
    },
    /// A mapping is gone.
    MappingDeleted {
        /// When.
        at: Instant,
        /// The mapping.
        mapping: MappingInfo,
    },
    /// A session began; only when [`session_events`](crate::NatConfig::session_events) is set.
    SessionCreated {
        /// When.
        at: Instant,
        /// The session.
        session: SessionInfo,
    },
    /// A session ended; only when [`session_events`](crate::NatConfig::session_events) is set.
    SessionDeleted {
        /// When.
        at: Instant,
        /// The session.
        session: SessionInfo,
    },
    /// A share of a pool was given to a subscriber, or came back (RFC 8158 §4.4, port block
    /// allocation and de-allocation).
    Share(ShareEvent),
    /// A pool had no port for a new mapping. At most one event a second for each pool.
    // RFC 6888 §3 SHOULD (req-11-c): the operator is told when resources run out.
    PortsExhausted {
        /// When.
        at: Instant,
        /// Which pool: an index into [`NatConfig::pools`](crate::NatConfig::pools).
        pool: usize,
        /// The protocol.
        protocol: IpProtocol,
        /// Who did not get one.
        subscriber: Ipv4Addr,
    },
    /// A subscriber is at one of its limits. At most one event a second.
    LimitReached {
        /// When.
        at: Instant,
        /// Who.
        subscriber: Ipv4Addr,
        /// Which limit.
        limit: LimitKind,
    },
    /// The session table was full. At most one event a second.
    SessionsExhausted {
        /// When.
        at: Instant,
    },
}

/// What a subscriber has too many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Mappings at a time.
    Mappings,
    /// Sessions at a time.
    Sessions,
    /// New sessions in a time.
    NewSessions,
    /// There is no room to keep count of another subscriber.
    Subscribers,
}

/// A session, as it is listed and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Names the session for as long as it lives.
    pub id: FlowId,
    /// The key of the initiator's packets as they arrive.
    pub original: Ipv4FlowKey,
    /// The key of the answering packets as they arrive.
    pub reply: Ipv4FlowKey,
    /// Where the initiator is.
    pub initiator: Side,
    /// Where the answering end is.
    pub responder: Side,
    /// When the session ends unless packets come.
    pub expires: Instant,
    /// The state of the protocol.
    pub state: flow_state::FlowState,
}

impl SessionInfo {
    /// The end that is inside; the initiator's, when both are.
    pub const fn inside(&self) -> Endpoint {
        match self.initiator {
            Side::Inside => Endpoint::source_of(&self.original),
            Side::Outside => Endpoint::source_of(&self.reply),
        }
    }

    /// What stands for it outside.
    pub const fn outside(&self) -> Endpoint {
        match self.initiator {
            Side::Inside => Endpoint::destination_of(&self.reply),
            Side::Outside => Endpoint::destination_of(&self.original),
        }
    }
}
