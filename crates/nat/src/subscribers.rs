//! What each inside address has: counts for its limits, and the outside address it is paired with.

use crate::config::Limits;
use crate::event::LimitKind;
use crate::secret_map::SecretMap;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use flow_state::limits::TokenBucket;
use flow_table::NhHash;
use packet_buffer::Instant;

/// How many entries are looked at for one that can go, when there is no room.
const SAMPLE: usize = 32;

#[derive(Debug)]
struct Subscriber {
    address: Ipv4Addr,
    mappings: u32,
    sessions: u32,
    bucket: TokenBucket,
    /// The first pair that has sessions, and those of further pools.
    pair: Option<Pair>,
    more: Vec<Pair>,
}

/// The outside address that a subscriber has in one pool.
#[derive(Debug, Clone, Copy)]
struct Pair {
    pool: usize,
    address: u16,
    sessions: u32,
}

impl Subscriber {
    const fn new(address: Ipv4Addr) -> Self {
        Self {
            address,
            mappings: 0,
            sessions: 0,
            bucket: TokenBucket::new(),
            pair: None,
            more: Vec::new(),
        }
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.sessions == 0 && self.mappings == 0 && self.bucket.full_at() <= now
    }

    #[inline]
    fn pair(&self, pool: usize) -> Option<&Pair> {
        match &self.pair {
            Some(pair) if pair.pool == pool => Some(pair),
            _ => self.more.iter().find(|pair| pair.pool == pool),
        }
    }

    #[inline]
    fn pair_mut(&mut self, pool: usize) -> Option<&mut Pair> {
        match &mut self.pair {
            Some(pair) if pair.pool == pool => Some(pair),
            _ => self.more.iter_mut().find(|pair| pair.pool == pool),
        }
    }

    /// A session less has its address from the pool.
    fn unpair(&mut self, pool: usize) {
        let Some(pair) = self.pair_mut(pool) else {
            return;
        };
        pair.sessions = pair.sessions.saturating_sub(1);
        if pair.sessions > 0 {
            return;
        }
        if self.pair.is_some_and(|pair| pair.pool == pool) {
            self.pair = self.more.pop();
        } else {
            self.more.retain(|pair| pair.pool != pool);
        }
    }
}

/// All subscribers that have anything.
///
/// A session holds its subscriber from [`enter`](Self::enter) to [`leave`](Self::leave).
pub(crate) struct Subscribers {
    limits: Limits,
    /// Whether there is anything to keep count of.
    is_needed: bool,
    /// Without gaps, in no order.
    subscribers: Vec<Subscriber>,
    /// Where they are, by address.
    places: SecretMap<usize>,
    /// Where the last one is that was asked about: a session asks several times.
    last: usize,
    /// Where the search for one that can go goes on.
    hand: usize,
}

impl Subscribers {
    /// Counts are kept when there are limits, or addresses to be paired with (`has_pairs`).
    pub(crate) const fn new(limits: Limits, has_pairs: bool, secret: NhHash) -> Self {
        let has_limits = limits.mappings_per_subscriber.is_some()
            || limits.sessions_per_subscriber.is_some()
            || limits.new_sessions.is_some();
        Self {
            limits,
            is_needed: has_limits || has_pairs,
            subscribers: Vec::new(),
            places: SecretMap::new(secret),
            last: 0,
            hand: 0,
        }
    }

    /// Whether there is anything to keep count of.
    #[inline]
    pub(crate) const fn is_needed(&self) -> bool {
        self.is_needed
    }

    /// Where a subscriber is.
    #[inline]
    fn place_of(&self, subscriber: Ipv4Addr) -> Option<usize> {
        let last = self.subscribers.get(self.last);
        if last.is_some_and(|last| last.address == subscriber) {
            return Some(self.last);
        }
        self.places.get(key(subscriber)).copied()
    }

    #[inline]
    fn entry(&mut self, subscriber: Ipv4Addr) -> Option<&mut Subscriber> {
        self.last = self.place_of(subscriber)?;
        self.subscribers.get_mut(self.last)
    }

    /// The outside address that a subscriber is paired with in a pool.
    pub(crate) fn pair(&self, subscriber: Ipv4Addr, pool: usize) -> Option<u16> {
        let subscriber = self.subscribers.get(self.place_of(subscriber)?)?;
        Some(subscriber.pair(pool)?.address)
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
        match self.place_of(subscriber) {
            Some(place) => self.last = place,
            None => self.add(now, subscriber)?,
        }
        let limits = &self.limits;
        let Some(entry) = self.subscribers.get_mut(self.last) else {
            return Ok(());
        };
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

    /// A subscriber's session was admitted by another translator. It is counted for the subscriber if there is room
    /// for one more of these, whatever the limits are here.
    pub(crate) fn expect(&mut self, now: Instant, subscriber: Ipv4Addr) {
        if self.is_needed && self.place_of(subscriber).is_none() {
            // Not to be counted is better than to be cut off.
            let _ = self.add(now, subscriber);
        }
    }

    /// Adds a subscriber, which is the last one asked about then.
    fn add(&mut self, now: Instant, subscriber: Ipv4Addr) -> Result<(), LimitKind> {
        if self.subscribers.len() >= self.limits.max_subscribers {
            self.make_room(now)?;
        }
        self.last = self.subscribers.len();
        self.subscribers.push(Subscriber::new(subscriber));
        self.places.insert(key(subscriber), self.last);
        Ok(())
    }

    fn make_room(&mut self, now: Instant) -> Result<(), LimitKind> {
        for _ in 0..SAMPLE.min(self.subscribers.len()) {
            self.hand += 1;
            if self.hand >= self.subscribers.len() {
                self.hand = 0;
            }
            let entry = self.subscribers.get(self.hand);
            if entry.is_some_and(|entry| entry.is_idle(now)) {
                self.remove(self.hand);
                return Ok(());
            }
        }
        Err(LimitKind::Subscribers)
    }

    /// Removes the subscriber at a place, which another one takes.
    fn remove(&mut self, place: usize) {
        if place >= self.subscribers.len() {
            return;
        }
        let gone = self.subscribers.swap_remove(place);
        self.places.remove(key(gone.address));
        if let Some(moved) = self.subscribers.get(place) {
            self.places.insert(key(moved.address), place);
        }
    }

    /// A session begins; whether it is counted. `pair` is the pool that pairs, and the address of it that the session
    /// has.
    pub(crate) fn enter(&mut self, subscriber: Ipv4Addr, pair: Option<(usize, u16)>) -> bool {
        let Some(entry) = self.entry(subscriber) else {
            return false;
        };
        entry.sessions += 1;
        let Some((pool, address)) = pair else {
            return true;
        };
        if let Some(pair) = entry.pair_mut(pool) {
            pair.sessions += 1;
            return true;
        }
        let pair = Pair {
            pool,
            address,
            sessions: 1,
        };
        if entry.pair.is_none() {
            entry.pair = Some(pair);
        } else {
            entry.more.push(pair);
        }
        true
    }

    /// A mapping begins.
    pub(crate) fn enter_mapping(&mut self, subscriber: Ipv4Addr) {
        if let Some(entry) = self.entry(subscriber) {
            entry.mappings += 1;
        }
    }

    /// A mapping ends.
    pub(crate) fn leave_mapping(&mut self, now: Instant, subscriber: Ipv4Addr) {
        if let Some(entry) = self.entry(subscriber) {
            entry.mappings = entry.mappings.saturating_sub(1);
            if entry.is_idle(now) {
                self.remove(self.last);
            }
        }
    }

    /// A session ends; `pool` is where its outside address is from.
    pub(crate) fn leave(&mut self, now: Instant, subscriber: Ipv4Addr, pool: Option<usize>) {
        let Some(entry) = self.entry(subscriber) else {
            return;
        };
        entry.sessions = entry.sessions.saturating_sub(1);
        if let Some(pool) = pool {
            entry.unpair(pool);
        }
        if entry.is_idle(now) {
            self.remove(self.last);
        }
    }

    /// A session that was admitted did not come about.
    pub(crate) fn tidy(&mut self, now: Instant, subscriber: Ipv4Addr) {
        let entry = self.entry(subscriber);
        if entry.is_some_and(|entry| entry.is_idle(now)) {
            self.remove(self.last);
        }
    }

    /// Subscribers that are kept count of.
    pub(crate) const fn len(&self) -> usize {
        self.subscribers.len()
    }
}

fn key(subscriber: Ipv4Addr) -> u128 {
    u128::from(subscriber.to_bits())
}
