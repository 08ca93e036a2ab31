//! The sessions of a concentrator.

use super::cookie::Cookie;
use super::peer::{Peer, PeerKey};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use packet_buffer::{Instant, RandomSource};

/// A session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) peer: Peer,
    /// By which a request that comes again is known.
    pub(super) cookie: Cookie,
    /// Octets of PPP payload.
    pub(super) max_payload: u16,
    /// The PPP-Max-Payload that the client sent.
    pub(super) asked_payload: Option<u16>,
    /// When it ends unless it is confirmed; `None` once it is.
    pub(super) half_open_until: Option<Instant>,
}

/// Sessions by number, by client, and by the time at which they end unless they are confirmed.
#[derive(Debug, Default)]
pub(super) struct Table {
    sessions: BTreeMap<u16, Session>,
    by_peer: BTreeMap<PeerKey, Vec<u16>>,
    half_open: BTreeSet<(Instant, u16)>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn half_open(&self) -> usize {
        self.half_open.len()
    }

    pub(super) fn get(&self, number: u16) -> Option<&Session> {
        self.sessions.get(&number)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u16> {
        self.sessions.keys().copied()
    }

    pub(super) fn of_peer(&self, peer: PeerKey) -> &[u16] {
        self.by_peer.get(&peer).map_or(&[], Vec::as_slice)
    }

    /// The session that a request with this cookie has opened.
    pub(super) fn by_cookie(&self, peer: PeerKey, cookie: &Cookie) -> Option<(u16, &Session)> {
        self.of_peer(peer).iter().find_map(|number| {
            let session = self.sessions.get(number)?;
            (session.cookie == *cookie).then_some((*number, session))
        })
    }

    /// Adds a session under a number that is hard to guess; `None` when there is no number left.
    // RFC 2516 §5.4 MUST (unique): no two sessions have one.
    // RFC 2516 §4 MUST NOT (ffff): 0xffff is reserved; 0 means that there is no session.
    pub(super) fn insert(
        &mut self,
        session: Session,
        random: &mut dyn RandomSource,
    ) -> Option<u16> {
        let mut number = 0;
        for _ in 0..16 {
            number = random.next_u16();
            if self.is_free(number) {
                break;
            }
        }
        if !self.is_free(number) {
            // Half of the numbers are free at least: the next one is not far.
            let next = (number..u16::MAX).find(|number| self.is_free(*number));
            number = next.or_else(|| (1..number).find(|number| self.is_free(*number)))?;
        }
        self.sessions.insert(number, session);
        self.by_peer
            .entry(session.peer.key())
            .or_default()
            .push(number);
        if let Some(until) = session.half_open_until {
            self.half_open.insert((until, number));
        }
        Some(number)
    }

    fn is_free(&self, number: u16) -> bool {
        number != 0 && number != u16::MAX && !self.sessions.contains_key(&number)
    }

    pub(super) fn remove(&mut self, number: u16) -> Option<Session> {
        let session = self.sessions.remove(&number)?;
        let key = session.peer.key();
        if let Some(numbers) = self.by_peer.get_mut(&key) {
            numbers.retain(|it| *it != number);
            if numbers.is_empty() {
                self.by_peer.remove(&key);
            }
        }
        if let Some(until) = session.half_open_until {
            self.half_open.remove(&(until, number));
        }
        Some(session)
    }

    /// False when there is no such session.
    pub(super) fn confirm(&mut self, number: u16) -> bool {
        let Some(session) = self.sessions.get_mut(&number) else {
            return false;
        };
        if let Some(until) = session.half_open_until.take() {
            self.half_open.remove(&(until, number));
        }
        true
    }

    /// When the first session ends for want of a confirmation, and which.
    pub(super) fn next_to_end(&self) -> Option<(Instant, u16)> {
        self.half_open.first().copied()
    }
}
