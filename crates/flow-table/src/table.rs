//! The table.

mod room;

use crate::ahead::{Ahead, Hint};
use crate::arch::prefetch;
use crate::config::{
    Config, ConfigError, InsertError, ProbeReport, Refusal, RehashError, RekeyError, Stats,
};
use crate::flow::{Entry, Flow, FlowId, FlowMut, FlowRef, Inserted, Mark, NewFlow, Slot};
use crate::hash::{FlowHash, NhHash};
use crate::index::{Code, Index};
use crate::key::{Direction, FlowKey};
use crate::slab::Slab;
use crate::wheel::Wheel;
use core::time::Duration;
use packet_buffer::{Instant, RandomSource};

/// How many slots an insert into a full table looks at, under [`WhenFull::EvictLowestClass`](crate::WhenFull::EvictLowestClass).
pub const EVICTION_SAMPLE: usize = 32;

/// How many keys of a batch are in flight at once.
const BATCH: usize = 32;

/// When what a sweep has left over is due again.
const RESUME: Duration = Duration::from_millis(1);

/// Which flow a key of a batch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    /// The flow.
    pub id: FlowId,
    /// Which of its keys matched.
    pub direction: Direction,
}

/// A bounded table of flows, each found by two keys, each with a deadline.
///
/// See the [crate's documentation](crate) for what it is and how it is run.
///
/// A flow is *live* until its deadline passes. Only live flows are found, by key or by id, and only
/// live flows keep others from using their keys, whether or not
/// [`handle_timeout`](Self::handle_timeout) has come by. Time is the latest that any call was
/// handed.
///
/// Work per call is bounded: a key costs [`MAX_PROBES`](crate::MAX_PROBES) cache lines of the index
/// at most and mostly one; nothing grows, so no insert is slower than others for moving them.
pub struct FlowTable<K, V, S = NhHash> {
    hash: S,
    index: Index,
    /// One slot more than the capacity: a new flow is put in place before another one is evicted.
    slots: Slab<K, V>,
    wheel: Wheel,
    config: Config,
    /// Slots in use.
    len: usize,
    /// The latest time that `handle_timeout` saw.
    handled: Instant,
    /// The slot that eviction looks at next.
    hand: u32,
    stats: Stats,
}

impl<K: FlowKey, V, S: FlowHash> FlowTable<K, V, S> {
    /// An empty table, with its hash function drawn from `random`.
    ///
    /// All memory is reserved here. The index is also written, so that its pages exist; the slots'
    /// pages are touched when they are first used.
    ///
    /// # Errors
    ///
    /// When a field of `config` is out of range, or there is no memory for the capacity.
    pub fn new<R: RandomSource + ?Sized>(
        config: Config,
        random: &mut R,
    ) -> Result<Self, ConfigError> {
        const {
            assert!(
                size_of::<K::Words>() <= S::MAX_WORDS * size_of::<u64>(),
                "the key has more words than the hash takes"
            );
        }
        config.check()?;
        let out_of_memory = |_| ConfigError::OutOfMemory(config.capacity);
        let slots = config.capacity + 1;
        Ok(Self {
            hash: S::from_random(random),
            index: Index::new(2 * slots).map_err(out_of_memory)?,
            slots: Slab::new(slots).map_err(out_of_memory)?,
            wheel: Wheel::new(slots).map_err(out_of_memory)?,
            config,
            len: 0,
            handled: Instant::ZERO,
            hand: 0,
            stats: Stats::default(),
        })
    }

    /// Octets of memory that a table of `capacity` flows reserves.
    pub const fn octets_for(capacity: usize) -> usize {
        let slots = capacity.saturating_add(1);
        size_of::<Self>()
            .saturating_add(Slab::<K, V>::octets_for(slots))
            .saturating_add(Index::octets_for(slots.saturating_mul(2)))
            .saturating_add(Wheel::octets_for(slots))
    }

    /// Flows held: the live ones, and those that expired and were not handed out yet.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no flow is held.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The most flows that the table holds.
    #[inline]
    pub const fn capacity(&self) -> usize {
        self.config.capacity
    }

    /// What the table has done and refused since it was made.
    #[inline]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    // --- finding ---

    /// The live flow that packets with this key belong to, and which of its keys it is.
    // Returned through memory, the result costs as much as a quarter of a look-up; what is seldom
    // needed is out of line anyway.
    #[inline(always)]
    pub fn lookup(&mut self, now: Instant, key: &K) -> Option<(Direction, FlowMut<'_, K, V>)> {
        let now = self.wheel.advance(now);
        let hash = self.hash_of(key);
        // Nearly always the first place whose tag fits is the one. The search of all places stays
        // out of line, so that the look-ups of a loop are short and overlap.
        if let Some(code) = self.index.likely(hash)
            && self.has_key(code, key)
        {
            return self.hit(now, code);
        }
        if !self.index.may_have(hash) {
            return None;
        }
        let code = self.search(hash, key)?;
        self.hit(now, code)
    }

    /// As [`lookup`](Self::lookup), and faster when `hint` names the flow, as [`fetch_flow`](Self::fetch_flow) or
    /// [`lookup_batch`](Self::lookup_batch) found it a moment ago. A hint that does not fit (any more), and none, cost
    /// no more than a look-up.
    #[inline(always)]
    pub fn lookup_hinted(
        &mut self,
        now: Instant,
        key: &K,
        hint: Option<Hint>,
    ) -> Option<(Direction, FlowMut<'_, K, V>)> {
        if let Some(Hint(code)) = hint {
            let now = self.wheel.advance(now);
            let entry = self.slots.get(code.slot()).and_then(Slot::used);
            if entry.is_some_and(|entry| entry.key(code) == key && entry.is_live(now)) {
                return self.hit(now, code);
            }
        }
        self.lookup(now, key)
    }

    /// Asks the processor to fetch the part of the index that a look-up of the key reads: the first step of a look-up
    /// ahead of time, see [`look_ahead`](crate::look_ahead).
    #[inline]
    pub fn fetch_index(&self, key: &K) -> Ahead {
        let hash = self.hash_of(key);
        self.index.prefetch(hash);
        Ahead(hash)
    }

    /// Asks the processor to fetch where the next flow that is inserted will be put, for when that is known some work
    /// before its keys are.
    #[inline]
    pub fn fetch_room(&self) {
        if let Some(slot) = self.wheel.first_free() {
            self.wheel.fetch(slot);
            if let Some(content) = self.slots.get(slot) {
                prefetch(content);
            }
        }
    }

    /// Asks the processor to fetch the flow that a look-up of the key finds, as far as the index says without its being
    /// read: the second step. It waits for what [`fetch_index`](Self::fetch_index) has asked for, should that not be
    /// there yet.
    #[inline]
    pub fn fetch_flow(&self, ahead: Ahead) -> Option<Hint> {
        let code = self.index.likely(ahead.0)?;
        prefetch(self.slots.get(code.slot())?);
        Some(Hint(code))
    }

    /// Looks up many keys, which is several times as fast as one by one when the table does not fit
    /// the processor's caches: the memory accesses of 32 keys overlap. `matches` gets the result
    /// for each key, in order; the shorter of the two slices says how many are looked up.
    ///
    /// The flows found are in the cache afterwards, so that [`get_mut`](Self::get_mut) is cheap.
    /// Processing one packet may remove the flow of the next one: its id then finds nothing, and
    /// never another flow. It may also insert the flow that a later key of the batch missed: look
    /// up again before inserting, or rely on [`insert`](Self::insert) refusing the clash.
    pub fn lookup_batch(&mut self, now: Instant, keys: &[K], matches: &mut [Option<Match>]) {
        let now = self.wheel.advance(now);
        for (keys, matches) in keys.chunks(BATCH).zip(matches.chunks_mut(BATCH)) {
            // Three passes: each asks for the memory that the next one reads.
            let mut hashes = [0; BATCH];
            for (key, hash) in keys.iter().zip(&mut hashes) {
                *hash = self.hash_of(key);
                self.index.prefetch(*hash);
            }
            let mut likely = [None; BATCH];
            for ((_, hash), likely) in keys.iter().zip(&hashes).zip(&mut likely) {
                *likely = self.index.likely(*hash);
                if let Some(code) = *likely
                    && let Some(slot) = self.slots.get(code.slot())
                {
                    prefetch(slot);
                }
            }
            let hints = hashes.iter().zip(&likely);
            for ((key, (hash, likely)), found) in keys.iter().zip(hints).zip(matches) {
                *found = self.finish(now, *hash, key, *likely);
            }
        }
    }

    /// As [`lookup`](Self::lookup), without access to the flow and without taking note of the time.
    #[inline]
    pub fn find(&self, now: Instant, key: &K) -> Option<Match> {
        let now = now.max(self.wheel.latest());
        let hash = self.hash_of(key);
        let likely = self.index.likely(hash);
        self.finish(now, hash, key, likely)
    }

    /// The live flow with this id.
    #[inline]
    pub fn get(&self, id: FlowId) -> Option<FlowRef<'_, K, V>> {
        let entry = self.slots.get(id.slot)?.used()?;
        (entry.generation == id.generation && entry.is_live(self.wheel.latest()))
            .then(|| entry.show(id.slot))
    }

    /// The live flow with this id, to update.
    #[inline]
    pub fn get_mut(&mut self, id: FlowId) -> Option<FlowMut<'_, K, V>> {
        let entry = self.slots.get_mut(id.slot)?.used_mut()?;
        if entry.generation != id.generation || !entry.is_live(self.wheel.latest()) {
            return None;
        }
        Some(FlowMut {
            entry,
            wheel: &mut self.wheel,
            slot: id.slot,
        })
    }

    /// All live flows, in no particular order: to list them, or to bring a standby up to date.
    ///
    /// Goes through all slots ever used.
    pub fn iter(&self) -> impl Iterator<Item = FlowRef<'_, K, V>> {
        let now = self.wheel.latest();
        self.slots.iter().filter_map(move |(slot, content)| {
            let entry = content.used()?;
            entry.is_live(now).then(|| entry.show(slot))
        })
    }

    // --- changing ---

    /// Adds a flow. The two keys may be equal (a packet from an address and port to itself); the
    /// flow is then found by it as [`Direction::Original`].
    ///
    /// Flows whose deadline has passed but that have not been swept yet give up their keys, and go
    /// the way of all expired flows, through [`poll_expired`](Self::poll_expired).
    ///
    /// # Errors
    ///
    /// When one of the keys is in use, the table is full and the [policy](crate::WhenFull) finds nothing
    /// to evict, or the index is crowded. The table is unchanged and the value comes back.
    pub fn insert(
        &mut self,
        now: Instant,
        flow: NewFlow<K, V>,
    ) -> Result<Inserted<K, V>, InsertError<V>> {
        let now = self.wheel.advance(now);
        let (slot, victim) = match self.make_room(now, &flow) {
            Ok(places) => places,
            Err(reason) => {
                self.count_refusal(reason);
                let value = flow.value;
                return Err(InsertError { reason, value });
            }
        };
        self.wheel.skip_if_empty();
        let armed = self.wheel.arm(slot, flow.deadline);
        let mut generation = 1;
        if let Some(content) = self.slots.get_mut(slot) {
            if let Slot::Free(next) = *content {
                generation = next;
            }
            *content = Slot::Used(Entry {
                keys: [flow.original, flow.reply],
                deadline: flow.deadline,
                generation,
                class: flow.class,
                mark: Mark::Used,
                armed,
                value: flow.value,
            });
        }
        self.len += 1;
        let evicted = victim.and_then(|victim| self.take_out(victim));
        self.stats.inserted = self.stats.inserted.wrapping_add(1);
        self.stats.high_water = self.stats.high_water.max(self.len as u64);
        Ok(Inserted {
            id: FlowId { slot, generation },
            evicted,
        })
    }

    /// Gives a flow another reply key, as when a translation is decided on after the flow was
    /// noted.
    ///
    /// # Errors
    ///
    /// When there is no such live flow, another flow has the key, or the index is crowded. The
    /// table is unchanged.
    pub fn rekey(&mut self, id: FlowId, reply: K) -> Result<(), RekeyError> {
        let Some(flow) = self.get(id) else {
            return Err(RekeyError::NotFound);
        };
        let (original, before) = (*flow.original, *flow.reply);
        if let Err(reason) = self.index_reply(id, original, before, reply) {
            self.count_refusal(reason);
            return Err(RekeyError::Refused(reason));
        }
        if let Some(entry) = self.slots.get_mut(id.slot).and_then(Slot::used_mut) {
            entry.keys[1] = reply;
        }
        Ok(())
    }

    /// Removes a flow, also one that has expired and was not handed out yet.
    pub fn remove(&mut self, id: FlowId) -> Option<Flow<K, V>> {
        let entry = self.slots.get(id.slot)?.used()?;
        if entry.generation != id.generation {
            return None;
        }
        self.unindex(id.slot);
        let flow = self.vacate(id.slot)?;
        self.stats.removed = self.stats.removed.wrapping_add(1);
        Some(flow)
    }

    /// Removes all flows and drops their values. Goes through all slots ever used.
    pub fn clear(&mut self) {
        self.index.clear();
        for slot in 0..self.slots.len() {
            drop(self.vacate(slot));
        }
    }

    /// Draws another hash function and files all keys anew, for when the present one may have been
    /// found out. Ids stay valid.
    ///
    /// Goes through all slots ever used and allocates a second index for the time being: a matter
    /// of maintenance, not of the packet path.
    ///
    /// # Errors
    ///
    /// When there is no memory for the second index or, which chance hardly ever brings about, the
    /// new hash crowds it. The table is unchanged.
    pub fn rehash<R: RandomSource + ?Sized>(&mut self, random: &mut R) -> Result<(), RehashError> {
        let hash = S::from_random(random);
        let mut index =
            Index::new(2 * (self.config.capacity + 1)).map_err(|_| RehashError::OutOfMemory)?;
        for flow in self.iter() {
            for (code, key) in codes(flow.id.slot, flow.original, flow.reply) {
                index
                    .insert(hash.hash(key.words().as_ref()), code)
                    .map_err(|_| RehashError::Crowded)?;
            }
        }
        self.index = index;
        self.hash = hash;
        Ok(())
    }

    /// How well keys are spread over the index. Goes through all of it: for diagnosis.
    pub fn probe_report(&self) -> ProbeReport {
        let (keys, displacement) = self.index.probes();
        ProbeReport { keys, displacement }
    }

    // --- time ---

    /// Looks at the flows whose time has come by `now`: those whose deadline has passed are made
    /// ready for [`poll_expired`](Self::poll_expired), the others are put off. At most
    /// [`Config::sweep_budget`] flows are looked at; what is left is due 1 ms later, and calls before
    /// that do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.wheel.advance(now);
        let cut_short = self.wheel.next_due().is_some_and(|due| due <= self.handled);
        if cut_short && now < self.handled + RESUME {
            return;
        }
        self.handled = now;
        let mut left = self.config.sweep_budget;
        while left > 0 {
            let Some(first) = self.wheel.come_up(now) else {
                return;
            };
            left = left.saturating_sub(self.visit_some(now, first, left));
        }
        if self.wheel.come_up(now).is_some() {
            self.stats.sweeps_cut_short = self.stats.sweeps_cut_short.wrapping_add(1);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` when no flow has a
    /// deadline.
    ///
    /// A whole second: at the latest the one that ends when the earliest deadline has passed, and
    /// earlier when a flow has been put off meanwhile and must be looked at. After a sweep that ran
    /// out of budget, 1 ms after that sweep.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.wheel.next_due()?;
        Some(if due > self.handled {
            due
        } else {
            self.handled + RESUME
        })
    }

    /// Takes out a flow that expired; `None` when [`handle_timeout`](Self::handle_timeout) has
    /// found no more.
    ///
    /// Until it is taken out it holds its slot. Calls may come at any time and late.
    pub fn poll_expired(&mut self) -> Option<Flow<K, V>> {
        let slot = self.wheel.first_expired()?;
        self.vacate(slot)
    }

    // --- inside ---

    #[inline]
    fn hash_of(&self, key: &K) -> u64 {
        self.hash.hash(key.words().as_ref())
    }

    /// The flow that `code` stands for, if it is live, to update.
    #[inline]
    fn hit(&mut self, now: Instant, code: Code) -> Option<(Direction, FlowMut<'_, K, V>)> {
        let slot = code.slot();
        let entry = self.slots.get_mut(slot)?.used_mut()?;
        if !entry.is_live(now) {
            return None;
        }
        let flow = FlowMut {
            entry,
            wheel: &mut self.wheel,
            slot,
        };
        Some((code.direction(), flow))
    }

    /// Whether `code` stands for `key`.
    #[inline]
    fn has_key(&self, code: Code, key: &K) -> bool {
        self.slots
            .get(code.slot())
            .and_then(Slot::used)
            .is_some_and(|entry| entry.key(code) == key)
    }

    /// The code of the flow that has the key, live or not.
    #[inline]
    fn find_code(&self, hash: u64, key: &K) -> Option<Code> {
        self.index.find(hash, |code| self.has_key(code, key))
    }

    /// As [`find_code`](Self::find_code), out of line.
    #[inline(never)]
    fn search(&self, hash: u64, key: &K) -> Option<Code> {
        self.find_code(hash, key)
    }

    /// Ends a look-up that has got as far as the likely place.
    #[inline]
    fn finish(&self, now: Instant, hash: u64, key: &K, likely: Option<Code>) -> Option<Match> {
        let code = match likely {
            Some(code) if self.has_key(code, key) => code,
            _ => self.search(hash, key)?,
        };
        let entry = self.slots.get(code.slot())?.used()?;
        entry.is_live(now).then(|| Match {
            id: entry.id(code.slot()),
            direction: code.direction(),
        })
    }

    fn count_refusal(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Clash { .. } => &mut self.stats.refused_clash,
            Refusal::Full => &mut self.stats.refused_full,
            Refusal::Crowded => &mut self.stats.refused_crowded,
        };
        *counter = counter.wrapping_add(1);
    }
}

/// The codes that a flow is filed under: two, or one when its keys are equal.
fn codes<'a, K: Eq>(
    slot: u32,
    original: &'a K,
    reply: &'a K,
) -> impl Iterator<Item = (Code, &'a K)> {
    let first = (Code::new(slot, Direction::Original), original);
    let second = (Code::new(slot, Direction::Reply), reply);
    core::iter::once(first).chain((reply != original).then_some(second))
}

impl<K, V, S> core::fmt::Debug for FlowTable<K, V, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FlowTable")
            .field("len", &self.len)
            .field("config", &self.config)
            .field("latest", &self.wheel.latest())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ipv4FlowKey;
    use core::net::Ipv4Addr;

    struct Sevens;

    impl RandomSource for Sevens {
        fn fill(&mut self, dest: &mut [u8]) {
            dest.fill(7);
        }
    }

    fn flow() -> NewFlow<Ipv4FlowKey, ()> {
        let end = |n| (Ipv4Addr::new(10, 0, 0, n), 1);
        let original = Ipv4FlowKey::new(end(1), end(2), 17, 0);
        NewFlow {
            original,
            reply: original.reversed(),
            deadline: Instant::MAX,
            class: 0,
            value: (),
        }
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired() {
        let mut table = FlowTable::<Ipv4FlowKey, ()>::new(Config::new(2), &mut Sevens).unwrap();
        let first = table.insert(Instant::ZERO, flow()).unwrap().id;
        let entry = table.slots.get_mut(first.slot).and_then(Slot::used_mut);
        entry.unwrap().generation = u32::MAX;
        let last = table.find(Instant::ZERO, &flow().original).unwrap().id;
        assert!(table.remove(last).is_some());
        assert_eq!(table.stats().retired_slots, 1);

        // Another slot is used, and the capacity is one less.
        let next = table.insert(Instant::ZERO, flow()).unwrap().id;
        assert_ne!(next.slot, first.slot);
        let other = NewFlow {
            original: Ipv4FlowKey::new((Ipv4Addr::LOCALHOST, 1), (Ipv4Addr::LOCALHOST, 2), 6, 0),
            reply: Ipv4FlowKey::new((Ipv4Addr::LOCALHOST, 2), (Ipv4Addr::LOCALHOST, 1), 6, 0),
            ..flow()
        };
        let error = table.insert(Instant::ZERO, other).unwrap_err();
        assert_eq!(error.reason, Refusal::Full);
        table.clear();
        assert!(table.insert(Instant::ZERO, other).is_ok());
        assert_eq!(table.len(), 1);
    }
}
