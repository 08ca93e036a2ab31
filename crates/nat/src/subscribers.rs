//! What each inside address has: counts for its limits, and the outside address it is paired with.

use crate::config::Limits;
use crate::event::LimitKind;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use flow_state::limits::TokenBucket;
use packet_buffer::Instant;

/// How many entries are looked at for one that can go, when there is no room.
const SAMPLE: usize = 32;

#[derive(Debug, Default)]
struct Subscriber {
    mappings: u32,
    sessions: u32,
    bucket: TokenBucket,
    pairs: Vec<Pair>,
}

/// The outside address that a subscriber has in one pool.
#[derive(Debug, Clone, Copy)]
struct Pair {
    pool: usize,
    address: u16,
    sessions: u32,
}

impl Subscriber {
    fn is_idle(&self, now: Instant) -> bool {
        self.sessions == 0 && self.mappings == 0 && self.bucket.full_at() <= now
    }
}

/// All subscribers that have anything.
///
/// A session holds its subscriber from [`enter`](Self::enter) to [`leave`](Self::leave).
pub(crate) struct Subscribers {
    limits: Limits,
    /// Whether there is anything to keep count of.
    is_needed: bool,
    subscribers: BTreeMap<Ipv4Addr, Subscriber>,
}

impl Subscribers {
    /// Counts are kept when there are limits, or addresses to be paired with (`has_pairs`).
    pub(crate) fn new(limits: Limits, has_pairs: bool) -> Self {
        let has_limits = limits.mappings_per_subscriber.is_some()
            || limits.sessions_per_subscriber.is_some()
            || limits.new_sessions.is_some();
        Self {
            limits,
            is_needed: has_limits || has_pairs,
            subscribers: BTreeMap::new(),
        }
    }

    /// The outside address that a subscriber is paired with in a pool.
    pub(crate) fn pair(&self, subscriber: Ipv4Addr, pool: usize) -> Option<u16> {
        let pairs = &self.subscribers.get(&subscriber)?.pairs;
        let pair = pairs.iter().find(|pair| pair.pool == pool)?;
        Some(pair.address)
    }

    /// Whether a subscriber may have another session, and another mapping for it if `maps`. Takes a
    /// token when it may.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        subscriber: Ipv4Addr,
        maps: bool,
    ) -> Result<(), LimitKind> {
        if !self.is_needed {
            return Ok(());
        }
        self.make_room(now, subscriber)?;
        let limits = &self.limits;
        let entry = self.subscribers.entry(subscriber).or_default();
        if maps
            && limits
                .mappings_per_subscriber
                .is_some_and(|limit| entry.mappings >= limit)
        {
            return Err(LimitKind::Mappings);
        }
        if limits
            .sessions_per_subscriber
            .is_some_and(|limit| entry.sessions >= limit)
        {
            return Err(LimitKind::Sessions);
        }
        if let Some(rate) = &limits.new_sessions
            && !entry.bucket.take(now, rate)
        {
            return Err(LimitKind::NewSessions);
        }
        Ok(())
    }

    fn make_room(&mut self, now: Instant, subscriber: Ipv4Addr) -> Result<(), LimitKind> {
        if self.subscribers.len() < self.limits.max_subscribers
            || self.subscribers.contains_key(&subscriber)
        {
            return Ok(());
        }
        let after = self.subscribers.range(subscriber..);
        let idle = after
            .chain(self.subscribers.range(..subscriber))
            .take(SAMPLE)
            .find(|(_, entry)| entry.is_idle(now));
        let Some((&idle, _)) = idle else {
            return Err(LimitKind::Subscribers);
        };
        self.subscribers.remove(&idle);
        Ok(())
    }

    /// A session begins; whether it is counted.
    pub(crate) fn enter(&mut self, subscriber: Ipv4Addr) -> bool {
        let entry = self.subscribers.get_mut(&subscriber);
        entry.map(|entry| entry.sessions += 1).is_some()
    }

    /// The session has its outside address from this pool.
    pub(crate) fn use_pair(&mut self, subscriber: Ipv4Addr, pool: usize, address: u16) {
        let Some(entry) = self.subscribers.get_mut(&subscriber) else {
            return;
        };
        match entry.pairs.iter_mut().find(|pair| pair.pool == pool) {
            Some(pair) => pair.sessions += 1,
            None => entry.pairs.push(Pair {
                pool,
                address,
                sessions: 1,
            }),
        }
    }

    /// A mapping begins.
    pub(crate) fn enter_mapping(&mut self, subscriber: Ipv4Addr) {
        if let Some(entry) = self.subscribers.get_mut(&subscriber) {
            entry.mappings += 1;
        }
    }

    /// A mapping ends.
    pub(crate) fn leave_mapping(&mut self, now: Instant, subscriber: Ipv4Addr) {
        if let Some(entry) = self.subscribers.get_mut(&subscriber) {
            entry.mappings = entry.mappings.saturating_sub(1);
            if entry.is_idle(now) {
                self.subscribers.remove(&subscriber);
            }
        }
    }

    /// A session ends; `pool` is where its outside address is from.
    pub(crate) fn leave(&mut self, now: Instant, subscriber: Ipv4Addr, pool: Option<usize>) {
        let Some(entry) = self.subscribers.get_mut(&subscriber) else {
            return;
        };
        entry.sessions = entry.sessions.saturating_sub(1);
        let place = entry.pairs.iter().position(|pair| Some(pair.pool) == pool);
        if let Some(place) = place
            && let Some(pair) = entry.pairs.get_mut(place)
        {
            pair.sessions = pair.sessions.saturating_sub(1);
            if pair.sessions == 0 {
                entry.pairs.swap_remove(place);
            }
        }
        if entry.is_idle(now) {
            self.subscribers.remove(&subscriber);
        }
    }

    /// A session that was admitted did not come about.
    pub(crate) fn tidy(&mut self, now: Instant, subscriber: Ipv4Addr) {
        let entry = self.subscribers.get(&subscriber);
        if entry.is_some_and(|entry| entry.is_idle(now)) {
            self.subscribers.remove(&subscriber);
        }
    }

    /// Subscribers that are kept count of.
    pub(crate) fn len(&self) -> usize {
        self.subscribers.len()
    }
}
