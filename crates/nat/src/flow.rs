//! What a translator keeps about one session, as a value for a flow table's entry.

use crate::config::Side;
use crate::rewrite::{Layout, translate};
use flow_state::{FlowPacket, FlowState, Invalid, TcpPolicy, Timers, Transport, Verdict};
use flow_table::{Direction, Ipv4FlowKey};
use packet_buffer::Instant;

/// One translated session: its protocol state, and where its ends are.
///
/// The translation itself is in the two keys of the flow table's entry. A packet of one direction
/// becomes the reverse of the other direction's key, so nothing of it is kept twice:
///
/// | | as it arrives | as it leaves |
/// |---|---|---|
/// | original direction | `original` | `reply.reversed()` |
/// | reply direction | `reply` | `original.reversed()` |
///
/// [`Nat`](crate::Nat) keeps one of these for each session. A gateway that tracks flows itself can
/// put it into its own entries, beside a firewall's value:
///
/// ```
/// use core::net::Ipv4Addr;
/// use flow_state::{Direction, FlowPacket, Ipv4FlowKey, TcpPolicy, Timers, Verdict};
/// use nat::{Instant, NatFlow, PacketBuf, Side};
/// # use packet_buffer::wire::*;
///
/// # let (inside, server) = (Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::new(198, 51, 100, 53));
/// # let mut packet = PacketBuf::with_headroom(64);
/// # let addresses = PseudoHeader::V4 { source: inside, destination: server };
/// # UdpRepr { source_port: 40_000, destination_port: 53 }.emit(&mut packet, &addresses)?;
/// # Ipv4Repr::new(inside, server, IpProtocol::UDP).emit(&mut packet)?;
/// let (policy, now) = (TcpPolicy::Strict, Instant::ZERO);
/// let parsed = FlowPacket::parse(packet.as_slice())?;
/// let mut flow = NatFlow::new(&policy, now, &parsed, Side::Inside, Side::Outside)?;
///
/// // The gateway's own table has these keys.
/// let outside = (Ipv4Addr::new(203, 0, 113, 1), 61_000);
/// let original = Ipv4FlowKey::new((inside, 40_000), (server, 53), 17, 0);
/// let reply = Ipv4FlowKey::new((server, 53), outside, 17, 0);
/// NatFlow::translate(packet.as_mut_slice(), Direction::Original, &original, &reply);
/// assert_eq!(Ipv4Packet::parse(packet.as_slice())?.source(), outside.0);
/// assert_eq!(flow.timeout(&Timers::rfc()).as_secs(), 300);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatFlow {
    state: FlowState,
    /// The rule that the session was made by.
    pub(crate) rule: u16,
    pub(crate) flags: FlowFlags,
}

/// What a session holds, and where its ends are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FlowFlags(pub(crate) u16);

impl FlowFlags {
    pub(crate) const INITIATOR_OUTSIDE: Self = Self(1 << 0);
    pub(crate) const RESPONDER_OUTSIDE: Self = Self(1 << 1);
    /// The initiator's outside endpoint is a mapping in the table.
    pub(crate) const SOURCE_MAPPING: Self = Self(1 << 2);
    /// It is a port shared with sessions to other destinations.
    pub(crate) const SOURCE_CROWD: Self = Self(1 << 3);
    /// The responder's outside endpoint is a mapping in the table.
    pub(crate) const DESTINATION_MAPPING: Self = Self(1 << 4);
    /// The session keeps the initiator's mapping open.
    pub(crate) const KEEPS_SOURCE: Self = Self(1 << 5);
    /// The session keeps the responder's mapping open.
    pub(crate) const KEEPS_DESTINATION: Self = Self(1 << 6);
    /// The initiator's outside address is bound to it as long as it has sessions.
    pub(crate) const SOURCE_ADDRESS: Self = Self(1 << 7);
    /// The same of the responder's.
    pub(crate) const DESTINATION_ADDRESS: Self = Self(1 << 8);
    /// An application layer gateway looks at its packets.
    pub(crate) const ALG: Self = Self(1 << 9);
    /// The session counts for a subscriber.
    pub(crate) const COUNTED: Self = Self(1 << 10);
    /// The inside endpoint prefers this outside port for further destinations.
    pub(crate) const STICKY: Self = Self(1 << 11);
    /// The peer is noted as one that may come in.
    pub(crate) const PEER: Self = Self(1 << 12);
    /// A tunnel whose reply key was learned: only addresses are translated.
    pub(crate) const LEARNED: Self = Self(1 << 14);
    /// The subscriber is paired with its outside address.
    pub(crate) const PAIRED: Self = Self(1 << 15);

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn set(&mut self, other: Self) {
        self.0 |= other.0;
    }

    #[must_use]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl NatFlow {
    /// A session that begins with `packet`.
    ///
    /// # Errors
    ///
    /// [`Invalid`], when no session begins with such a packet.
    pub fn new(
        policy: &TcpPolicy,
        now: Instant,
        packet: &FlowPacket<'_>,
        initiator: Side,
        responder: Side,
    ) -> Result<Self, Invalid> {
        let state = FlowState::new(policy, now, packet)?;
        Ok(Self::restored(state, initiator, responder))
    }

    /// A session that goes on with the state that another translator kept of it.
    pub const fn restored(state: FlowState, initiator: Side, responder: Side) -> Self {
        let mut flags = FlowFlags(0);
        if matches!(initiator, Side::Outside) {
            flags.set(FlowFlags::INITIATOR_OUTSIDE);
        }
        if matches!(responder, Side::Outside) {
            flags.set(FlowFlags::RESPONDER_OUTSIDE);
        }
        Self {
            state,
            rule: 0,
            flags,
        }
    }

    /// The same session, made by a rule and holding what the flags say.
    pub(crate) const fn with(mut self, rule: u16, flags: FlowFlags) -> Self {
        self.rule = rule;
        self.flags.set(flags);
        self
    }

    /// Puts another state in place of the protocol's.
    pub(crate) const fn set_state(&mut self, state: FlowState) {
        self.state = state;
    }

    /// Looks at the next packet of the session, before it is translated.
    #[inline]
    pub fn handle(
        &mut self,
        policy: &TcpPolicy,
        now: Instant,
        direction: Direction,
        packet: &FlowPacket<'_>,
    ) -> Verdict {
        self.state.handle(policy, now, direction, packet)
    }

    /// How long the session lives from its last packet.
    #[inline]
    pub fn timeout(&self, timers: &Timers) -> core::time::Duration {
        self.state.timeout(timers)
    }

    /// The state of the protocol.
    pub const fn state(&self) -> &FlowState {
        &self.state
    }

    /// Where the end is that opened the session.
    #[inline]
    pub const fn initiator(&self) -> Side {
        if self.flags.has(FlowFlags::INITIATOR_OUTSIDE) {
            Side::Outside
        } else {
            Side::Inside
        }
    }

    /// Where the answering end is: inside too, when the session is hairpinned.
    #[inline]
    pub const fn responder(&self) -> Side {
        if self.flags.has(FlowFlags::RESPONDER_OUTSIDE) {
            Side::Outside
        } else {
            Side::Inside
        }
    }

    /// Where packets of a direction come from.
    #[inline]
    pub const fn comes_from(&self, direction: Direction) -> Side {
        match direction {
            Direction::Original => self.initiator(),
            Direction::Reply => self.responder(),
        }
    }

    /// Whether both ends are inside.
    #[inline]
    pub const fn is_hairpin(&self) -> bool {
        !self.flags.has(FlowFlags(
            FlowFlags::INITIATOR_OUTSIDE.0 | FlowFlags::RESPONDER_OUTSIDE.0,
        ))
    }

    /// The key that a packet of `direction` has before translation, and after.
    #[inline]
    pub const fn keys(
        direction: Direction,
        original: &Ipv4FlowKey,
        reply: &Ipv4FlowKey,
    ) -> (Ipv4FlowKey, Ipv4FlowKey) {
        match direction {
            Direction::Original => (*original, reply.reversed()),
            Direction::Reply => (*reply, original.reversed()),
        }
    }

    /// Translates a whole packet, or a first fragment, of a session with these keys, in place.
    /// Packets that cannot be read stay as they are.
    pub fn translate(
        packet: &mut [u8],
        direction: Direction,
        original: &Ipv4FlowKey,
        reply: &Ipv4FlowKey,
    ) {
        let Ok(parsed) = FlowPacket::parse(packet) else {
            return;
        };
        Self::translate_read(Layout::of(&parsed), packet, direction, original, reply);
    }

    /// The same for a packet that was read already, as a gateway does to track it: `layout` is
    /// [`Layout::of`] what it was read as.
    #[inline]
    pub fn translate_read(
        layout: Layout,
        packet: &mut [u8],
        direction: Direction,
        original: &Ipv4FlowKey,
        reply: &Ipv4FlowKey,
    ) {
        let (from, to) = Self::keys(direction, original, reply);
        translate(packet, &layout, &from, &to);
    }
}

impl Layout {
    /// Where the parts of a parsed packet are.
    #[inline]
    pub fn of(packet: &FlowPacket<'_>) -> Self {
        let is_later = matches!(packet.transport(), Transport::LaterFragment);
        Self {
            transport: packet.transport_offset(),
            protocol: if is_later {
                None
            } else {
                Some(packet.protocol())
            },
            end: packet.len(),
        }
    }
}

/// What every session pays, beside its keys and deadline.
const _: () = assert!(size_of::<NatFlow>() <= 48);
