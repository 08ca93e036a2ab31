//! Changes of sessions, for a standby.

use super::session::{DETAIL, Family, GRANTED, IMPORTED, LIMITED, Session};
use super::syn_proxy::Handshake;
use super::{EndReason, Firewall, SessionId, detail::Detail};
use crate::facts::InterfaceId;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use flow_state::{Direction, FlowState, Ipv4FlowKey, Ipv6FlowKey, Key};
use flow_table::{FlowId, NewFlow};
use packet_buffer::{Cursor, Instant, ParseError};

/// A session as a standby has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncSession {
    /// In the original direction.
    pub key: Key,
    /// The tracker's state.
    pub state: FlowState,
    /// The interface that the original direction's packets come in by. Both nodes number their
    /// interfaces alike, which the same policy sees to.
    pub ingress: Option<InterfaceId>,
    /// The interface that they go out by.
    pub egress: Option<InterfaceId>,
    /// Whether a helper or the caller let it begin, and no rule.
    pub granted: bool,
    /// What is added to the server's sequence numbers, when the firewall answered the handshake.
    pub translation: Option<u32>,
    /// How long it lives without packets from now on, to the second.
    pub remaining: Duration,
}

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMessage {
    /// The session has begun, or has changed. It replaces what was known of it.
    Set(SyncSession),
    /// The session is over.
    Gone(Key),
    /// A snapshot begins: whatever is not set again until it ends is over.
    SnapshotBegins,
    /// The snapshot is whole.
    SnapshotEnds,
}

/// Why a change was not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The session table has no room for it.
    #[error("the session table has no room")]
    Full,
}

const SET: u8 = 1;
const GONE: u8 = 2;
const BEGINS: u8 = 3;
const ENDS: u8 = 4;

const NONE: u16 = u16::MAX;

impl SyncMessage {
    /// The most octets that a message takes.
    pub const MAX_LEN: usize = 1 + 38 + 4 + 4 + 5 + FlowState::MAX_SNAPSHOT;

    /// Appends the message to `out`. `now` is the sender's time.
    pub fn write(&self, now: Instant, out: &mut Vec<u8>) {
        match self {
            Self::Set(session) => {
                out.push(SET);
                write_key(&session.key, out);
                let id = |id: Option<InterfaceId>| id.map_or(NONE, InterfaceId::number);
                out.extend_from_slice(&id(session.ingress).to_be_bytes());
                out.extend_from_slice(&id(session.egress).to_be_bytes());
                let seconds = u32::try_from(session.remaining.as_secs()).unwrap_or(u32::MAX);
                out.extend_from_slice(&seconds.to_be_bytes());
                let translated = session.translation.is_some();
                out.push(u8::from(session.granted) | u8::from(translated) << 1);
                out.extend_from_slice(&session.translation.unwrap_or(0).to_be_bytes());
                session.state.write_snapshot(now, out);
            }
            Self::Gone(key) => {
                out.push(GONE);
                write_key(key, out);
            }
            Self::SnapshotBegins => out.push(BEGINS),
            Self::SnapshotEnds => out.push(ENDS),
        }
    }

    /// Reads one message. `now` is the receiver's time.
    ///
    /// # Errors
    ///
    /// Truncated; bad value, for what does not exist.
    pub fn read(now: Instant, cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let at = cursor.offset();
        Ok(match cursor.u8("message kind")? {
            SET => {
                let key = read_key(cursor)?;
                let id = |number| (number != NONE).then_some(InterfaceId(number));
                let ingress = id(cursor.u16("interface in")?);
                let egress = id(cursor.u16("interface out")?);
                let seconds = cursor.u32("remaining seconds")?;
                let at = cursor.offset();
                let flags = cursor.u8("flags")?;
                if flags > 3 {
                    return Err(ParseError::bad_value("flags", at, flags.into()));
                }
                let translation = cursor.u32("translation")?;
                Self::Set(SyncSession {
                    key,
                    ingress,
                    egress,
                    granted: flags & 1 != 0,
                    translation: (flags & 2 != 0).then_some(translation),
                    remaining: Duration::from_secs(seconds.into()),
                    state: FlowState::read_snapshot(now, cursor)?,
                })
            }
            GONE => Self::Gone(read_key(cursor)?),
            BEGINS => Self::SnapshotBegins,
            ENDS => Self::SnapshotEnds,
            kind => return Err(ParseError::bad_value("message kind", at, kind.into())),
        })
    }
}

fn write_key(key: &Key, out: &mut Vec<u8>) {
    match key {
        Key::V4(key) => {
            out.push(4);
            out.extend_from_slice(&key.source().octets());
            out.extend_from_slice(&key.destination().octets());
        }
        Key::V6(key) => {
            out.push(6);
            out.extend_from_slice(&key.source().octets());
            out.extend_from_slice(&key.destination().octets());
        }
    }
    out.extend_from_slice(&key.source_port().to_be_bytes());
    out.extend_from_slice(&key.destination_port().to_be_bytes());
    out.push(key.protocol().0);
}

fn read_key(cursor: &mut Cursor<'_>) -> Result<Key, ParseError> {
    let at = cursor.offset();
    let family = cursor.u8("address family")?;
    let ports = |cursor: &mut Cursor<'_>| -> Result<_, ParseError> {
        Ok((
            cursor.u16("source port")?,
            cursor.u16("destination port")?,
            cursor.u8("protocol")?,
        ))
    };
    match family {
        4 => {
            let (from, to): (Ipv4Addr, Ipv4Addr) =
                (cursor.ipv4("source")?, cursor.ipv4("destination")?);
            let (source, destination, protocol) = ports(cursor)?;
            let key = Ipv4FlowKey::new((from, source), (to, destination), protocol, 0);
            Ok(Key::V4(key))
        }
        6 => {
            let (from, to): (Ipv6Addr, Ipv6Addr) =
                (cursor.ipv6("source")?, cursor.ipv6("destination")?);
            let (source, destination, protocol) = ports(cursor)?;
            let key = Ipv6FlowKey::new((from, source), (to, destination), protocol, 0);
            Ok(Key::V6(key))
        }
        other => Err(ParseError::bad_value("address family", at, other.into())),
    }
}

/// Changes that wait to be sent.
pub(super) struct Changes {
    queue: VecDeque<SyncMessage>,
    capacity: usize,
    lost: u64,
    /// While a snapshot is received: sessions that were there before it, by their time.
    receiving: Option<Instant>,
}

impl Changes {
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            capacity,
            lost: 0,
            receiving: None,
        }
    }

    /// Whether anybody wants to know.
    #[inline]
    pub(super) const fn is_on(&self) -> bool {
        self.capacity > 0
    }

    fn push(&mut self, message: SyncMessage) {
        if self.queue.len() < self.capacity {
            self.queue.push_back(message);
        } else {
            self.lost = self.lost.wrapping_add(1);
        }
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}

/// How far a deadline has to move for a standby to be told, at the most.
const REFRESH: Duration = Duration::from_secs(64);

/// Whether a deadline that moves from one time to another crosses a mark. Marks lie as far apart as
/// the timer allows, so that a standby hears of a busy session now and then and not with each packet.
pub(super) fn crosses_mark(before: Instant, after: Instant, timeout: Duration) -> bool {
    let apart = (timeout / 4).min(REFRESH).as_micros().max(1_000_000);
    let mark = |at: Instant| u128::from(at.as_micros()) / apart;
    mark(before) != mark(after)
}

impl Firewall {
    /// A change for the standby, oldest first. Nothing is told unless
    /// [`FirewallConfig::sync_queue`](crate::FirewallConfig::sync_queue) says so; when the queue
    /// overflows, which [`Stats::sync_lost`](crate::Stats::sync_lost) counts, the standby needs a
    /// [`snapshot`](Self::snapshot).
    ///
    /// Sessions that a filter is reading are not told of: a standby could not go on reading. Nor is
    /// what helpers know and expect.
    pub fn poll_sync(&mut self) -> Option<SyncMessage> {
        self.changes.queue.pop_front()
    }

    /// All sessions, between the two marks of a snapshot: for a standby that starts, or has missed something.
    pub fn snapshot(&self) -> impl Iterator<Item = SyncMessage> + '_ {
        let now = self.now;
        let v4 = self.tables.v4.iter().filter_map(move |flow| {
            self.sync_session::<Ipv4FlowKey>(
                now,
                flow.id,
                *flow.original,
                flow.value,
                flow.deadline,
            )
        });
        let v6 = self.tables.v6.iter().filter_map(move |flow| {
            self.sync_session::<Ipv6FlowKey>(
                now,
                flow.id,
                *flow.original,
                flow.value,
                flow.deadline,
            )
        });
        core::iter::once(SyncMessage::SnapshotBegins)
            .chain(v4)
            .chain(v6)
            .chain(core::iter::once(SyncMessage::SnapshotEnds))
    }

    fn sync_session<K: Family>(
        &self,
        now: Instant,
        id: FlowId,
        key: K,
        session: &Session,
        deadline: Instant,
    ) -> Option<SyncMessage> {
        let mut translation = None;
        if session.has(DETAIL)
            && let Some(detail) = self.details.get(&K::session_id(id))
        {
            if detail.is_read() {
                return None;
            }
            translation = match &detail.handshake {
                // Until the server has answered there is nothing to take over.
                Some(handshake) => Some(handshake.delta()?),
                None => None,
            };
        }
        Some(SyncMessage::Set(SyncSession {
            key: key.to_key(),
            state: session.state,
            ingress: session.ingress(Direction::Original),
            egress: session.ingress(Direction::Reply),
            granted: session.has(GRANTED),
            translation,
            remaining: deadline.saturating_duration_since(now),
        }))
    }

    /// Tells the standby of a session as it is now.
    pub(super) fn tell<K: Family>(&mut self, now: Instant, id: FlowId) {
        if !self.changes.is_on() {
            return;
        }
        let Some(flow) = K::table(&self.tables).get(id) else {
            return;
        };
        let message = self.sync_session::<K>(now, id, *flow.original, flow.value, flow.deadline);
        if let Some(message) = message {
            self.changes.push(message);
        }
    }

    /// Tells the standby that a session is over.
    pub(super) fn tell_gone(&mut self, key: Key, reason: EndReason) {
        if self.changes.is_on() && reason != EndReason::Synchronised {
            self.changes.push(SyncMessage::Gone(key));
        }
    }

    /// Takes over a change that the active node has told. The rule that a session counts for is the
    /// one that this node's policy finds for it; limits are not asked.
    ///
    /// After a takeover, TCP windows may have moved on since the last change: of each direction one
    /// segment is taken without a look at its window, and windows are learned from it.
    ///
    /// # Errors
    ///
    /// When the table has no room. Nothing has changed then.
    pub fn apply(&mut self, now: Instant, message: &SyncMessage) -> Result<(), SyncError> {
        let now = self.advance(now);
        match message {
            SyncMessage::Set(session) => match session.key {
                Key::V4(key) => self.take_over(now, key, session),
                Key::V6(key) => self.take_over(now, key, session),
            },
            SyncMessage::Gone(key) => {
                match key {
                    Key::V4(key) => self.let_go(now, key),
                    Key::V6(key) => self.let_go(now, key),
                }
                Ok(())
            }
            SyncMessage::SnapshotBegins => {
                self.changes.receiving = Some(now);
                self.mark_stale::<Ipv4FlowKey>(true);
                self.mark_stale::<Ipv6FlowKey>(true);
                Ok(())
            }
            SyncMessage::SnapshotEnds => {
                if self.changes.receiving.take().is_some() {
                    self.drop_stale::<Ipv4FlowKey>(now);
                    self.drop_stale::<Ipv6FlowKey>(now);
                }
                Ok(())
            }
        }
    }

    fn mark_stale<K: Family>(&mut self, stale: bool) {
        let ids: Vec<FlowId> = K::table(&self.tables).iter().map(|flow| flow.id).collect();
        for id in ids {
            if let Some(mut flow) = K::table_mut(&mut self.tables).get_mut(id) {
                flow.value_mut().set(super::session::STALE, stale);
            }
        }
    }

    fn drop_stale<K: Family>(&mut self, now: Instant) {
        let ids: Vec<FlowId> = K::table(&self.tables)
            .iter()
            .filter(|flow| flow.value.has(super::session::STALE))
            .map(|flow| flow.id)
            .collect();
        for id in ids {
            self.end::<K>(now, id, EndReason::Synchronised);
        }
    }

    fn let_go<K: Family>(&mut self, now: Instant, key: &K) {
        if let Some(found) = K::table(&self.tables).find(now, key) {
            self.end::<K>(now, found.id, EndReason::Synchronised);
        }
    }

    fn take_over<K: Family>(
        &mut self,
        now: Instant,
        key: K,
        told: &SyncSession,
    ) -> Result<(), SyncError> {
        self.let_go(now, &key);
        let flags = IMPORTED | if told.granted { GRANTED } else { 0 };
        let mut state = told.state;
        if let FlowState::Tcp(tcp) = &mut state
            && !tcp.state().is_opening()
        {
            tcp.forget_windows();
        }
        let mut session = Session::new(state, None, told.ingress, told.egress, flags);
        if !told.granted {
            let rule = self.still_allowed(now, &told.key, &session).flatten();
            session.set_rule(rule);
            if let Some(rule) = rule {
                let limited = self.limits.recount(rule, told.key.source());
                session.set(LIMITED, limited);
            }
        }
        session.set(DETAIL, told.translation.is_some());
        let new = NewFlow {
            original: key,
            reply: key.reply(),
            // It was last told of at a mark; until the next one it may be busy.
            deadline: now + told.remaining + REFRESH,
            class: session.class(),
            value: session,
        };
        let inserted = match K::table_mut(&mut self.tables).insert(now, new) {
            Ok(inserted) => inserted,
            Err(_) => {
                if session.has(LIMITED)
                    && let Some(rule) = session.rule()
                {
                    self.limits.release(rule, told.key.source());
                }
                return Err(SyncError::Full);
            }
        };
        if let Some(evicted) = &inserted.evicted {
            self.ended::<K>(now, evicted, EndReason::Evicted);
        }
        if session.is_half_open() {
            self.half_open += 1;
        }
        let id: SessionId = K::session_id(inserted.id);
        if let Some(delta) = told.translation {
            self.proxied += 1;
            let handshake = Handshake::taken_over(now, delta);
            self.details
                .insert(id, Detail::of_handshake(told.key, handshake));
        }
        self.records.taken_over(now, inserted.id, id);
        Ok(())
    }
}
