//! SCTP associations (RFC 9260), one path of them.

use crate::packet::SctpPacket;
use crate::{Invalid, SctpTimers, Verdict};
use core::time::Duration;
use flow_table::Direction;

/// Where an association stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SctpState {
    /// INIT, or the answer to it, has been sent.
    CookieWait,
    /// COOKIE ECHO has been sent.
    CookieEchoed,
    /// Open.
    Established,
    /// A SHUTDOWN has been sent.
    ShutdownSent,
    /// It was acknowledged.
    ShutdownAckSent,
    /// A path of an association that was opened over another: only heartbeats have been seen.
    HeartbeatSent,
    /// ABORT or SHUTDOWN COMPLETE has been sent.
    Closed,
}

/// Chunk types (RFC 9260 §3.2).
mod chunk {
    pub(super) const DATA: u8 = 0;
    pub(super) const INIT: u8 = 1;
    pub(super) const INIT_ACK: u8 = 2;
    pub(super) const HEARTBEAT: u8 = 4;
    pub(super) const HEARTBEAT_ACK: u8 = 5;
    pub(super) const ABORT: u8 = 6;
    pub(super) const SHUTDOWN: u8 = 7;
    pub(super) const SHUTDOWN_ACK: u8 = 8;
    pub(super) const COOKIE_ECHO: u8 = 10;
    pub(super) const COOKIE_ACK: u8 = 11;
    pub(super) const SHUTDOWN_COMPLETE: u8 = 14;
}

/// One chunk: type, flags, value.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    kind: u8,
    flags: u8,
    value: &'a [u8],
}

/// The chunks of a packet.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Invalid>;

    fn next(&mut self) -> Option<Self::Item> {
        let [kind, flags, high, low, ..] = *self.0 else {
            let is_rest = !self.0.is_empty();
            self.0 = &[];
            return is_rest.then_some(Err(Invalid::Chunks));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(value) = self.0.get(4..length) else {
            self.0 = &[];
            return Some(Err(Invalid::Chunks));
        };
        // Chunks are padded to words, the last one perhaps not.
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(Chunk { kind, flags, value }))
    }
}

/// The state of one path of an SCTP association.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SctpFlow {
    /// The tag that packets in each direction carry; 0 while it is not known.
    pub(crate) tags: [u32; 2],
    pub(crate) state: SctpState,
    pub(crate) is_replied: bool,
    pub(crate) is_assured: bool,
}

impl SctpFlow {
    /// An association that starts with a packet in [`Direction::Original`]: INIT, or a heartbeat on
    /// another path of one that exists.
    ///
    /// # Errors
    ///
    /// [`Invalid::Chunks`] for chunks that cannot be read, [`Invalid::VerificationTag`] for an INIT with a tag,
    /// [`Invalid::State`] for any other packet.
    pub fn new(packet: &SctpPacket<'_>) -> Result<Self, Invalid> {
        let mut flow = Self {
            tags: [0; 2],
            state: SctpState::CookieWait,
            is_replied: false,
            is_assured: false,
        };
        let mut chunks = Chunks(packet.chunks);
        let first = chunks.next().ok_or(Invalid::Chunks)??;
        match first.kind {
            chunk::INIT => {
                // RFC 9260 §8.5.1: an INIT has the tag 0 and stands alone.
                if packet.verification_tag != 0 {
                    return Err(Invalid::VerificationTag);
                }
                if chunks.next().is_some() {
                    return Err(Invalid::Chunks);
                }
                flow.tags = [0, initiate_tag(&first)?];
            }
            chunk::HEARTBEAT => {
                flow.state = SctpState::HeartbeatSent;
                flow.tags = [packet.verification_tag, 0];
            }
            _ => return Err(Invalid::State),
        }
        for chunk in chunks {
            chunk?;
        }
        Ok(flow)
    }

    /// Looks at the next packet.
    pub fn handle(&mut self, direction: Direction, packet: &SctpPacket<'_>) -> Verdict {
        let mut after = *self;
        let mut is_any = false;
        for chunk in Chunks(packet.chunks) {
            is_any = true;
            let moved = chunk.and_then(|chunk| after.chunk(direction, packet, &chunk));
            if let Err(why) = moved {
                return Verdict::Invalid(why);
            }
        }
        if !is_any {
            return Verdict::Invalid(Invalid::Chunks);
        }
        after.is_replied |= direction == Direction::Reply;
        *self = after;
        Verdict::Accept
    }

    /// One chunk of a packet.
    fn chunk(
        &mut self,
        direction: Direction,
        packet: &SctpPacket<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<(), Invalid> {
        use SctpState as S;
        let tag = packet.verification_tag;
        let [original, reply] = self.tags;
        let (own, peers) = match direction {
            Direction::Original => (original, reply),
            Direction::Reply => (reply, original),
        };
        // RFC 9260 §8.5: a packet carries the tag that its receiver chose; §8.5.1 has the
        // exceptions. With the T bit it is the sender's own.
        let reflects =
            chunk.flags & 1 != 0 && matches!(chunk.kind, chunk::ABORT | chunk::SHUTDOWN_COMPLETE);
        let is_right = match chunk.kind {
            chunk::INIT => tag == 0,
            _ if reflects => tag == peers || tag == own,
            chunk::HEARTBEAT | chunk::HEARTBEAT_ACK if own == 0 => true,
            _ => tag == own,
        };
        if !is_right {
            return Err(Invalid::VerificationTag);
        }
        let next = match (chunk.kind, self.state, direction) {
            (chunk::INIT, S::Closed, Direction::Original) => S::CookieWait,
            // RFC 9260 §5.2.1: crossing and repeated INITs are answered, and change nothing yet.
            (chunk::INIT, state, _) => state,
            (chunk::INIT_ACK, S::CookieWait, Direction::Reply) => S::CookieWait,
            (chunk::INIT_ACK, state, _) if state != S::Closed => state,
            (chunk::COOKIE_ECHO, S::CookieWait, _) => S::CookieEchoed,
            (chunk::COOKIE_ACK, S::CookieEchoed, _) => S::Established,
            (chunk::SHUTDOWN, S::Established | S::HeartbeatSent, _) => S::ShutdownSent,
            (chunk::SHUTDOWN_ACK, S::Established | S::ShutdownSent, _) => S::ShutdownAckSent,
            (chunk::SHUTDOWN_COMPLETE | chunk::ABORT, _, _) => S::Closed,
            (chunk::HEARTBEAT_ACK, S::HeartbeatSent, Direction::Reply) => S::Established,
            (chunk::DATA, S::CookieWait, _) => return Err(Invalid::State),
            (_, state, _) => state,
        };
        match (chunk.kind, direction) {
            (chunk::INIT, Direction::Original) if next == S::CookieWait => {
                self.tags = [0, initiate_tag(chunk)?];
            }
            (chunk::INIT_ACK, Direction::Reply) if self.state == S::CookieWait => {
                self.tags = [initiate_tag(chunk)?, reply];
            }
            (chunk::HEARTBEAT | chunk::HEARTBEAT_ACK, _) if own == 0 => match direction {
                Direction::Original => self.tags = [tag, reply],
                Direction::Reply => self.tags = [original, tag],
            },
            _ => {}
        }
        self.is_assured |= next == S::Established && self.state == S::CookieEchoed;
        self.state = next;
        Ok(())
    }

    /// The state.
    #[inline]
    pub const fn state(&self) -> SctpState {
        self.state
    }

    /// The verification tag that packets in `direction` carry; 0 while it is not known.
    #[inline]
    pub const fn verification_tag(&self, direction: Direction) -> u32 {
        let [original, reply] = self.tags;
        match direction {
            Direction::Original => original,
            Direction::Reply => reply,
        }
    }

    /// Whether the other side has answered.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        self.is_replied
    }

    /// Whether the association has been open.
    #[inline]
    pub const fn is_assured(&self) -> bool {
        self.is_assured
    }

    /// How long the path lives from its last packet.
    #[inline]
    pub const fn timeout(&self, timers: &SctpTimers) -> Duration {
        match self.state {
            SctpState::Closed => timers.closed,
            SctpState::CookieWait => timers.cookie_wait,
            SctpState::CookieEchoed => timers.cookie_echoed,
            SctpState::Established => timers.established,
            SctpState::ShutdownSent | SctpState::ShutdownAckSent => timers.shutdown,
            SctpState::HeartbeatSent => timers.heartbeat,
        }
    }
}

/// The tag that the receiver of INIT or INIT ACK is to use. RFC 9260 §3.3.2: it is not 0.
fn initiate_tag(chunk: &Chunk<'_>) -> Result<u32, Invalid> {
    match *chunk.value {
        [a, b, c, d, ..] if chunk.value.len() >= 16 => match u32::from_be_bytes([a, b, c, d]) {
            0 => Err(Invalid::VerificationTag),
            tag => Ok(tag),
        },
        _ => Err(Invalid::Chunks),
    }
}
