//! Where other parts, of this crate or of yours, reach into the translation: application layer
//! gateways, and allocation of ports by subscriber.

use crate::config::Side;
use crate::mapping::Endpoint;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use core::time::Duration;
use flow_table::{Direction, FlowId, Ipv4FlowKey};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf};

/// What an [`Alg`] is told about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlgSession {
    /// Names the session for as long as it lives.
    pub id: FlowId,
    /// The key of the initiator's packets as they arrive, before translation.
    pub original: Ipv4FlowKey,
    /// The key of the answering packets as they arrive, before translation.
    pub reply: Ipv4FlowKey,
    /// Where the initiator is.
    pub initiator: Side,
    /// Where the answering end is: inside too, when the session is hairpinned.
    pub responder: Side,
}

impl AlgSession {
    /// The end that is inside: the initiator's where both are.
    pub const fn inside(&self) -> Endpoint {
        match self.initiator {
            Side::Inside => Endpoint::source_of(&self.original),
            Side::Outside => Endpoint::source_of(&self.reply),
        }
    }

    /// How the inside end is seen from outside.
    pub const fn outside(&self) -> Endpoint {
        match self.initiator {
            Side::Inside => Endpoint::destination_of(&self.reply),
            Side::Outside => Endpoint::destination_of(&self.original),
        }
    }

    /// The other end, as the inside end sees it.
    pub const fn peer(&self) -> Endpoint {
        match self.initiator {
            Side::Inside => Endpoint::destination_of(&self.original),
            Side::Outside => Endpoint::destination_of(&self.reply),
        }
    }
}

/// What an [`Alg`] decides about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlgVerdict {
    /// The packet goes on, changed or not.
    Pass,
    /// The packet is dropped.
    Drop,
}

/// A connection that an [`Alg`] expects to the inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// The transport protocol.
    pub protocol: IpProtocol,
    /// The inside port (or call id) that the connection is for. Its address is that of the
    /// session's own inside end: no ALG opens another host.
    pub inside_port: u16,
    /// Only from this address; `None` for any.
    pub peer: Option<Ipv4Addr>,
    /// Only from this port; `None` for any.
    pub peer_port: Option<u16>,
    /// How long the expectation stands.
    pub lifetime: Duration,
    /// This outside port, and no other; `None` for any.
    pub outside_port: Option<u16>,
}

/// What an [`Alg`] may ask of the translation while it looks at a packet.
pub trait AlgContext {
    /// The session that the packet belongs to.
    fn session(&self) -> &AlgSession;

    /// Which way the packet goes.
    fn direction(&self) -> Direction;

    /// Maps a port of the session's inside end to an outside port, on the outside address of the
    /// session, and lets one connection in to it. Returns how it is reached from outside; `None`
    /// when there is no port or no room, or the port is privileged (below 1024).
    ///
    /// Asked again for the same inside port while the expectation stands, it returns the same
    /// answer and puts the deadline off.
    fn expect(&mut self, expect: &Expect) -> Option<Endpoint>;

    /// Withdraws what [`expect`](Self::expect) opened at this outside port.
    fn withdraw(&mut self, protocol: IpProtocol, outside: Endpoint);

    /// How an inside endpoint is mapped now, if it is.
    fn mapped(&self, protocol: IpProtocol, inside: Endpoint) -> Option<Endpoint>;
}

/// An application layer gateway: it sees every packet of the sessions that it asked for, and may
/// change their payload.
pub trait Alg: Send {
    /// What it is called, in lists.
    fn name(&self) -> &'static str;

    /// Whether it wants a session that is about to begin.
    fn wants(&self, session: &AlgSession) -> bool;

    /// Looks at one packet of a session, in either direction. Addresses and ports in its headers
    /// are translated already, and checksums are right if they were right before.
    ///
    /// The payload may be changed in place or by another one, of another length; the ALG keeps the
    /// headers and checksums right, and shifts sequence numbers from then on.
    fn handle(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> AlgVerdict;

    /// Sees a packet of a session of its before it is tracked and translated. A gateway that changes
    /// the length of TCP data puts acknowledgment numbers back here to what the sender of the data
    /// counts, because that is what the session's state knows.
    fn before(&mut self, id: FlowId, direction: Direction, packet: &mut PacketBuf) {
        let _ = (id, direction, packet);
    }

    /// A session of its has ended: what is kept about it can go.
    fn closed(&mut self, id: FlowId);
}

/// A part of the ports of one outside address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The outside address.
    pub address: Ipv4Addr,
    /// Its ports.
    pub ports: RangeInclusive<u16>,
}

/// Divides the ports of a pool among subscribers: port blocks, or a fixed calculation.
///
/// The translation asks for shares in order, and takes a port from the first that has one.
pub trait Partition: Send {
    /// The `index`th share that the subscriber has now, counted from 0.
    fn share(&self, subscriber: Ipv4Addr, index: usize) -> Option<Share>;

    /// Gives the subscriber one share more, when all that it has are used up; `None` when it may
    /// not have more.
    fn grow(&mut self, now: Instant, subscriber: Ipv4Addr) -> Option<Share>;

    /// A port of a share is taken by a mapping of the subscriber.
    fn taken(&mut self, now: Instant, subscriber: Ipv4Addr, address: Ipv4Addr, port: u16);

    /// The mapping is gone.
    fn released(&mut self, now: Instant, subscriber: Ipv4Addr, address: Ipv4Addr, port: u16);

    /// Whether the events of shares tell who has which port, so that mappings need no events of
    /// their own. Default: no.
    fn stands_for_mappings(&self) -> bool {
        false
    }

    /// The next share that was given out or came back; the translator hands it on as its own event.
    /// Default: none.
    fn poll_event(&mut self) -> Option<ShareEvent> {
        None
    }
}

/// Ports in a row of one outside address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortBlock {
    /// The outside address.
    pub address: Ipv4Addr,
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

/// A share was given to a subscriber, or came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareEvent {
    /// When.
    pub at: Instant,
    /// Whose it is, or was.
    pub subscriber: Ipv4Addr,
    /// Its ports.
    pub block: PortBlock,
    /// Whether it was given; otherwise it came back.
    pub is_given: bool,
}
