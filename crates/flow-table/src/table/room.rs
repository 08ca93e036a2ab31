//! How flows come into slots and index, and leave them.

use super::{EVICTION_SAMPLE, FlowTable};
use crate::arch::prefetch;
use crate::config::{Refusal, WhenFull};
use crate::flow::{Flow, FlowId, NewFlow, Slot};
use crate::hash::FlowHash;
use crate::index::Code;
use crate::key::{Direction, FlowKey};
use core::iter;
use packet_buffer::Instant;

/// How many flows that come up are fetched together.
const TOGETHER: usize = 16;

impl<K: FlowKey, V, S: FlowHash> FlowTable<K, V, S> {
    /// Makes sure that no live flow other than `except` has `key`, whose hash is `hash` and which
    /// is to be a flow's key of the given direction.
    pub(super) fn free_key(
        &mut self,
        now: Instant,
        hash: u64,
        key: &K,
        direction: Direction,
        except: Option<FlowId>,
    ) -> Result<(), Refusal> {
        let Some(code) = self.find_code(hash, key) else {
            return Ok(());
        };
        match self.slots.get(code.slot()).and_then(Slot::used) {
            Some(entry) if entry.is_live(now) => {
                let with = entry.id(code.slot());
                if Some(with) == except {
                    return Ok(());
                }
                Err(Refusal::Clash {
                    key: direction,
                    with,
                })
            }
            _ => {
                self.expire(code.slot());
                Ok(())
            }
        }
    }

    /// Finds a slot for a new flow, files its keys under it, and says who must go for it.
    pub(super) fn make_room(
        &mut self,
        now: Instant,
        flow: &NewFlow<K, V>,
    ) -> Result<(u32, Option<u32>), Refusal> {
        let original = self.hash_of(&flow.original);
        let reply = self.hash_of(&flow.reply);
        self.index.prefetch(original);
        self.index.prefetch(reply);
        if !self.is_full()
            && let Some(slot) = self.next_slot()
            && self.file_alone(original, reply, slot)
        {
            self.wheel.unlink(slot);
            return Ok((slot, None));
        }
        self.make_room_slowly(now, flow, original, reply)
    }

    /// Files both keys of a new flow where nothing stands in the way; says whether that was so.
    #[inline]
    fn file_alone(&mut self, original: u64, reply: u64, slot: u32) -> bool {
        let code = Code::new(slot, Direction::Original);
        if !self.index.insert_alone(original, code) {
            return false;
        }
        // Two equal keys have one hash, so the second one is not alone.
        let is_filed = self
            .index
            .insert_alone(reply, Code::new(slot, Direction::Reply));
        if !is_filed {
            self.index.remove(original, code);
        }
        is_filed
    }

    /// As [`make_room`](Self::make_room), whatever stands in the way.
    #[cold]
    fn make_room_slowly(
        &mut self,
        now: Instant,
        flow: &NewFlow<K, V>,
        original: u64,
        reply: u64,
    ) -> Result<(u32, Option<u32>), Refusal> {
        self.free_key(now, original, &flow.original, Direction::Original, None)?;
        self.free_key(now, reply, &flow.reply, Direction::Reply, None)?;
        let victim = if self.is_full() {
            Some(self.choose_victim(now, flow.class).ok_or(Refusal::Full)?)
        } else {
            None
        };
        let slot = self.next_slot().ok_or(Refusal::Full)?;
        let code = Code::new(slot, Direction::Original);
        self.file(original, code)?;
        if flow.reply != flow.original {
            let filed = self.file(reply, Code::new(slot, Direction::Reply));
            if let Err(refusal) = filed {
                self.index.remove(original, code);
                return Err(refusal);
            }
        }
        self.wheel.unlink(slot);
        Ok((slot, victim))
    }

    pub(super) fn file(&mut self, hash: u64, code: Code) -> Result<(), Refusal> {
        let distance = self
            .index
            .insert(hash, code)
            .map_err(|_| Refusal::Crowded)?;
        self.stats.longest_probe = self.stats.longest_probe.max(distance as u64);
        Ok(())
    }

    /// Replaces the reply key in the index.
    pub(super) fn index_reply(
        &mut self,
        id: FlowId,
        original: K,
        before: K,
        after: K,
    ) -> Result<(), Refusal> {
        let hash = self.hash_of(&after);
        let now = self.wheel.latest();
        self.free_key(now, hash, &after, Direction::Reply, Some(id))?;
        if after == before {
            return Ok(());
        }
        let code = Code::new(id.slot, Direction::Reply);
        if after != original {
            self.file(hash, code)?;
        }
        if before != original {
            self.index.remove(self.hash_of(&before), code);
        }
        Ok(())
    }

    /// Whether a new flow needs another one to go.
    pub(super) fn is_full(&self) -> bool {
        let retired = usize::try_from(self.stats.retired_slots).unwrap_or(usize::MAX);
        self.len.saturating_add(retired) >= self.config.capacity
    }

    /// A free slot; it stays on the free list.
    pub(super) fn next_slot(&mut self) -> Option<u32> {
        if let Some(slot) = self.wheel.first_free() {
            return Some(slot);
        }
        let slot = self.slots.add()?;
        self.wheel.add_slot();
        self.wheel.free(slot);
        Some(slot)
    }

    /// Who must go for a new flow of the given class.
    pub(super) fn choose_victim(&mut self, now: Instant, class: u8) -> Option<u32> {
        if let Some(slot) = self.wheel.first_expired() {
            return Some(slot);
        }
        if self.config.when_full == WhenFull::Refuse {
            return None;
        }
        let mut victim = None;
        for _ in 0..EVICTION_SAMPLE.min(self.slots.len() as usize) {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let at = self.hand;
            self.hand += 1;
            let Some(entry) = self.slots.get(at).and_then(Slot::used) else {
                continue;
            };
            let live = entry.is_live(now);
            if live && entry.class > class {
                continue;
            }
            let rank = (live, entry.class, entry.deadline, at);
            if victim.is_none_or(|least| rank < least) {
                victim = Some(rank);
            }
        }
        victim.map(|(.., slot)| slot)
    }

    /// Removes a victim, which is either live, or overdue, or expired already.
    pub(super) fn take_out(&mut self, slot: u32) -> Option<Flow<K, V>> {
        let overdue = self
            .slots
            .get(slot)
            .and_then(Slot::used)
            .is_some_and(|entry| !entry.is_live(self.wheel.latest()));
        if !overdue {
            self.unindex(slot);
            self.stats.evicted = self.stats.evicted.wrapping_add(1);
        } else if self.wheel.first_expired() != Some(slot) {
            self.expire(slot);
        }
        self.vacate(slot)
    }

    /// The hashes of a flow's keys, whose places in the index are on their way into the cache.
    fn fetch_keys(&self, slot: u32) -> Option<[u64; 2]> {
        let entry = self.slots.get(slot).and_then(Slot::used)?;
        let hashes = [self.hash_of(&entry.keys[0]), self.hash_of(&entry.keys[1])];
        for hash in hashes {
            self.index.prefetch(hash);
        }
        Some(hashes)
    }

    /// Takes a flow's keys out of the index, if they are there.
    pub(super) fn unindex(&mut self, slot: u32) {
        if let Some(hashes) = self.fetch_keys(slot) {
            self.unindex_hashed(slot, hashes);
        }
    }

    /// The same, with the hashes of the keys.
    fn unindex_hashed(&mut self, slot: u32, [original, reply]: [u64; 2]) {
        // Keys that are equal are filed once, and there is nothing to remove the second time.
        self.index
            .remove(original, Code::new(slot, Direction::Original));
        self.index.remove(reply, Code::new(slot, Direction::Reply));
    }

    /// Takes a flow whose deadline has passed out of index and wheel, to be handed out.
    pub(super) fn expire(&mut self, slot: u32) {
        self.unindex(slot);
        self.note_expired(slot);
    }

    fn note_expired(&mut self, slot: u32) {
        self.wheel.unlink(slot);
        self.wheel.expire(slot);
        self.stats.expired = self.stats.expired.wrapping_add(1);
    }

    /// Looks at up to `budget` flows that come up in the wheel together, of which `first` is the first. Returns how many
    /// these were.
    ///
    /// Their slots are fetched together, and then their places in the index, so that these accesses overlap.
    pub(super) fn visit_some(&mut self, now: Instant, first: u32, budget: usize) -> usize {
        let mut slots = [first; TOGETHER];
        let following = iter::successors(Some(first), |&slot| self.wheel.following(slot));
        let mut count = 0;
        for (place, slot) in slots.iter_mut().zip(following).take(budget) {
            *place = slot;
            count += 1;
            if let Some(content) = self.slots.get(slot) {
                prefetch(content);
            }
        }
        let mut keys = [None; TOGETHER];
        for (keys, &slot) in keys.iter_mut().zip(&slots).take(count) {
            if !self.is_live(now, slot) {
                *keys = self.fetch_keys(slot);
            }
        }
        // None of these is moved for another one.
        for (&slot, keys) in slots.iter().zip(keys).take(count) {
            self.visit(now, slot, keys);
        }
        count
    }

    fn is_live(&self, now: Instant, slot: u32) -> bool {
        let entry = self.slots.get(slot).and_then(Slot::used);
        entry.is_some_and(|entry| entry.is_live(now))
    }

    /// Looks at a flow that came up in the wheel; its deadline has passed when there are hashes of its keys.
    fn visit(&mut self, now: Instant, slot: u32, keys: Option<[u64; 2]>) {
        self.stats.visited = self.stats.visited.wrapping_add(1);
        match self.slots.get_mut(slot).and_then(Slot::used_mut) {
            Some(entry) if entry.is_live(now) => {
                self.wheel.unlink(slot);
                entry.armed = self.wheel.arm(slot, entry.deadline);
            }
            _ => {
                if let Some(keys) = keys {
                    self.unindex_hashed(slot, keys);
                }
                self.note_expired(slot);
            }
        }
    }

    /// Empties a slot whose keys are out of the index.
    pub(super) fn vacate(&mut self, slot: u32) -> Option<Flow<K, V>> {
        let content = self.slots.get_mut(slot)?;
        let generation = content.used()?.generation;
        let next = generation.checked_add(1);
        let Slot::Used(entry) = core::mem::replace(content, Slot::Free(next.unwrap_or(0))) else {
            return None;
        };
        self.wheel.unlink(slot);
        if next.is_some() {
            self.wheel.free(slot);
        } else {
            self.stats.retired_slots += 1;
        }
        self.len -= 1;
        Some(entry.into_flow(slot))
    }
}
