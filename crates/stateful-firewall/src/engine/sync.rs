//! Changes of sessions, for a standby.

use super::detail::Detail;
use super::session::{DETAIL, Family, GRANTED, IMPORTED, LIMITED, Session};
use super::syn_proxy::Handshake;
use super::sync_message::SyncMessage;
use super::{Announced, EndReason, Firewall, SessionId, SyncError, SyncExpectation, SyncSession};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use flow_state::{Direction, Expected, FlowState, Ipv4FlowKey, Ipv6FlowKey, Key};
use flow_table::{FlowId, NewFlow};
use packet_buffer::Instant;

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
    /// Sessions that a filter is reading are not told of: a standby could not go on reading, and drops
    /// what comes of them after a takeover. They are told of when their filter has seen enough.
    pub fn poll_sync(&mut self) -> Option<SyncMessage> {
        self.changes.queue.pop_front()
    }

    /// All sessions, and what their helpers expect, between the two marks of a snapshot: for a standby that starts, or has missed something.
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
        let expected = self.expectations.waiting().filter_map(
            move |(expected, owner, announced, deadline)| {
                self.sync_expectation(now, owner, expected, announced, deadline)
            },
        );
        core::iter::once(SyncMessage::SnapshotBegins)
            .chain(v4)
            .chain(v6)
            .chain(expected)
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
        let (mut translation, mut helper) = (None, None);
        if session.has(DETAIL) {
            // Whoever reads the session has not begun yet, and says so when it has.
            let detail = self.details.get(&K::session_id(id))?;
            if detail.is_read() {
                return None;
            }
            helper = detail.helper;
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
            helper,
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

    fn sync_expectation(
        &self,
        now: Instant,
        owner: SessionId,
        expected: &Expected,
        announced: &Announced,
        deadline: Instant,
    ) -> Option<SyncMessage> {
        Some(SyncMessage::Expects(SyncExpectation {
            owner: self.session(owner)?.key,
            expected: Expected {
                lifetime: deadline.saturating_duration_since(now),
                ..*expected
            },
            opener: announced.opener,
        }))
    }

    /// Tells the standby of a connection that a helper expects.
    pub(super) fn tell_expected(
        &mut self,
        owner: SessionId,
        expected: &Expected,
        announced: &Announced,
    ) {
        if !self.changes.is_on() {
            return;
        }
        let deadline = self.now + expected.lifetime;
        let message = self.sync_expectation(self.now, owner, expected, announced, deadline);
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
            SyncMessage::Expects(told) => self.expect_too(now, told),
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

    /// The session of a key.
    fn session_with(&self, now: Instant, key: &Key) -> Option<SessionId> {
        match key {
            Key::V4(key) => self.tables.v4.find(now, key).map(|it| SessionId::V4(it.id)),
            Key::V6(key) => self.tables.v6.find(now, key).map(|it| SessionId::V6(it.id)),
        }
    }

    /// Expects what a helper of the other node does. Without its session nothing is expected.
    fn expect_too(&mut self, now: Instant, told: &SyncExpectation) -> Result<(), SyncError> {
        let Some(owner) = self.session_with(now, &told.owner) else {
            return Ok(());
        };
        let announced = Announced {
            rule: self.session(owner).and_then(|session| session.rule),
            opener: told.opener,
        };
        self.expectations
            .insert(now, owner, told.expected, announced)
            .map(drop)
            .map_err(|_| SyncError::Full)
    }

    fn take_over<K: Family>(
        &mut self,
        now: Instant,
        key: K,
        told: &SyncSession,
    ) -> Result<(), SyncError> {
        // What its helper expects outlives the change.
        let expected: Vec<(Expected, Announced, Instant)> = self
            .session_with(now, &told.key)
            .into_iter()
            .flat_map(|owner| self.expectations.waiting_of(owner))
            .map(|(expected, announced, deadline)| (*expected, *announced, deadline))
            .collect();
        self.let_go(now, &key);
        if told.granted {
            // It may be one that was expected, which is used once.
            self.expectations.take(now, &told.key);
        }
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
        let has_detail = told.translation.is_some() || told.helper.is_some();
        session.set(DETAIL, has_detail);
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
        if has_detail {
            let handshake = told
                .translation
                .map(|delta| Handshake::taken_over(now, delta));
            self.proxied += usize::from(handshake.is_some());
            let detail = Detail::taken_over(told.key, handshake, told.helper);
            self.details.insert(id, detail);
        }
        for (expected, announced, deadline) in expected {
            let lifetime = deadline.saturating_duration_since(now);
            let expected = Expected {
                lifetime,
                ..expected
            };
            // There was room for it.
            let _ = self.expectations.insert(now, id, expected, announced);
        }
        self.records.taken_over(now, inserted.id, id);
        Ok(())
    }
}
