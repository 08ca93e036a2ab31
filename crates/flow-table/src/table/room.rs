//! How flows come into slots and index, and leave them.

use super::{EVICTION_SAMPLE, FlowTable, codes};
use crate::arch::prefetch;
use crate::config::{Refusal, WhenFull};
use crate::flow::{Flow, FlowId, NewFlow, Slot};
use crate::hash::FlowHash;
use crate::index::Code;
use crate::key::{Direction, FlowKey};
use packet_buffer::Instant;

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

    /// Takes a flow's keys out of the index, if they are there.
    pub(super) fn unindex(&mut self, slot: u32) {
        let Some(entry) = self.slots.get(slot).and_then(Slot::used) else {
            return;
        };
        let [original, reply] = entry.keys;
        let hashes = [self.hash_of(&original), self.hash_of(&reply)];
        for hash in hashes {
            self.index.prefetch(hash);
        }
        for ((code, _), hash) in codes(slot, &original, &reply).zip(hashes) {
            self.index.remove(hash, code);
        }
    }

    /// Takes a flow whose deadline has passed out of index and wheel, to be handed out.
    pub(super) fn expire(&mut self, slot: u32) {
        self.unindex(slot);
        self.wheel.unlink(slot);
        self.wheel.expire(slot);
        self.stats.expired = self.stats.expired.wrapping_add(1);
    }

    /// Looks at a flow that came up in the wheel.
    pub(super) fn visit(&mut self, now: Instant, slot: u32) {
        if let Some(next) = self.wheel.following(slot)
            && let Some(content) = self.slots.get(next)
        {
            prefetch(content);
        }
        self.stats.visited = self.stats.visited.wrapping_add(1);
        match self.slots.get_mut(slot).and_then(Slot::used_mut) {
            Some(entry) if entry.is_live(now) => {
                self.wheel.unlink(slot);
                entry.armed = self.wheel.arm(slot, entry.deadline);
            }
            _ => self.expire(slot),
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
