//! PPTP (RFC 2637): the control connection agrees on call ids, by which GRE packets find their host.

use super::segment::Parts;
use super::{LIFETIME, MAX_SESSIONS};
use crate::config::Side;
use crate::hooks::{Alg, AlgContext, AlgSession, AlgVerdict, Expect};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use flow_state::application::pptp::{Message, PORT};
use flow_table::{Direction, FlowId};
use packet_buffer::wire::{IpProtocol, TcpFlags};
use packet_buffer::{Instant, PacketBuf};

/// Calls of one control connection that are kept.
const MAX_CALLS: usize = 16;
/// Starts of segments that are remembered, for repetitions.
const MAX_STARTS: usize = 8;

/// Gives each call an id of its own outside, so that several hosts have calls to one server.
#[derive(Debug, Default)]
pub struct Pptp {
    sessions: BTreeMap<FlowId, Session>,
}

#[derive(Debug, Default)]
struct Session {
    streams: [Stream; 2],
    /// Call ids of the inside host, and what they are outside.
    calls: Vec<(u16, u16)>,
}

/// Where messages start in one direction.
#[derive(Debug, Default)]
struct Stream {
    /// Where the next message starts; `None` before the SYN, and when the thread is lost.
    next: Option<u32>,
    /// Segments that began with a message.
    starts: Vec<u32>,
}

impl Pptp {
    /// For control connections to port 1723.
    pub const fn new() -> Self {
        Self {
            sessions: BTreeMap::new(),
        }
    }
}

impl Alg for Pptp {
    fn name(&self) -> &'static str {
        "PPTP"
    }

    fn wants(&self, session: &AlgSession) -> bool {
        session.original.protocol() == IpProtocol::TCP.0
            && session.reply.source_port() == PORT
            && self.sessions.len() < MAX_SESSIONS
    }

    fn handle(
        &mut self,
        _now: Instant,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> AlgVerdict {
        let Some(parts) = Parts::of(packet.as_slice()) else {
            return AlgVerdict::Pass;
        };
        let session = self.sessions.entry(context.session().id).or_default();
        match session.look(&parts, packet, context) {
            Some(()) => AlgVerdict::Pass,
            None => AlgVerdict::Drop,
        }
    }

    fn closed(&mut self, id: FlowId) {
        self.sessions.remove(&id);
    }
}

impl Session {
    /// Goes through the messages of a segment. `None` when it must not go on.
    fn look(
        &mut self,
        parts: &Parts,
        packet: &mut PacketBuf,
        context: &mut dyn AlgContext,
    ) -> Option<()> {
        let (direction, session) = (context.direction(), *context.session());
        let number = parts.sequence_number;
        let [original, reply] = &mut self.streams;
        let (stream, side) = match direction {
            Direction::Original => (original, session.initiator),
            Direction::Reply => (reply, session.responder),
        };
        if parts.flags.contains(TcpFlags::SYN) {
            stream.next = Some(number.wrapping_add(1));
            return Some(());
        }
        let data = parts.payload_of(packet.as_slice()).to_vec();
        let is_new = stream.next == Some(number);
        if data.is_empty() || !(is_new || stream.starts.contains(&number)) {
            return Some(());
        }
        let mut at = 0;
        while at < data.len() {
            // A message that is cut, or is none, is the end of what can be followed.
            let Ok(message) = Message::parse(&data, at) else {
                if is_new {
                    stream.next = None;
                }
                return Some(());
            };
            // The sender's own id, when the sender is inside, becomes the one outside.
            if side == Side::Inside
                && let Some(id) = message.call_id
            {
                let outside = outside_id(&mut self.calls, id.value, &session, context)?;
                parts.patch(packet.as_mut_slice(), id.offset, outside.to_be_bytes());
            }
            // The receiver's id, when the receiver is inside, becomes its own again.
            if side == Side::Outside
                && let Some(id) = message.peer_call_id
                && let Some((inside, _)) =
                    self.calls.iter().find(|(_, outside)| *outside == id.value)
            {
                parts.patch(packet.as_mut_slice(), id.offset, inside.to_be_bytes());
            }
            at += message.length;
        }
        if is_new {
            let length = u32::try_from(data.len()).ok()?;
            stream.next = Some(number.wrapping_add(length));
            if stream.starts.len() >= MAX_STARTS {
                stream.starts.remove(0);
            }
            stream.starts.push(number);
        }
        Some(())
    }
}

/// The id outside of a call of the inside host.
fn outside_id(
    calls: &mut Vec<(u16, u16)>,
    inside: u16,
    session: &AlgSession,
    context: &mut dyn AlgContext,
) -> Option<u16> {
    let known = calls.iter().find(|(id, _)| *id == inside);
    if let Some((_, outside)) = known {
        return Some(*outside);
    }
    let peer = match session.initiator {
        Side::Inside => session.reply.source(),
        Side::Outside => session.original.source(),
    };
    let outside = context.expect(&Expect {
        protocol: IpProtocol::GRE,
        inside_port: inside,
        peer: Some(peer),
        peer_port: None,
        lifetime: LIFETIME,
        outside_port: None,
    })?;
    if calls.len() >= MAX_CALLS {
        calls.remove(0);
    }
    calls.push((inside, outside.port));
    Some(outside.port)
}
