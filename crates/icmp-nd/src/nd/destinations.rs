//! The destination cache (RFC 4861 §5.1, RFC 1122 §3.3.1.3), for both address families.

use crate::hash::{HashMap, new_map};
use crate::neighbor::NeighborAddress;
use alloc::vec::Vec;
use packet_buffer::RandomSource;

/// The next hops of destinations to which packets were sent lately. What route selection has found
/// holds until the lists change ([`forget_selected`](Self::forget_selected)); what a Redirect has
/// said holds until its next hop is gone.
#[derive(Debug)]
pub(crate) struct Destinations<A> {
    index: HashMap<A, u32>,
    slots: Vec<Slot<A>>,
    max: usize,
    max_redirected: usize,
    redirected: usize,
    /// Entries of earlier generations do not hold.
    generation: u64,
    /// Where the search for an entry that was not used lately goes on.
    hand: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot<A> {
    destination: A,
    next_hop: A,
    redirected: bool,
    used: bool,
    generation: u64,
}

impl<A: NeighborAddress> Destinations<A> {
    pub(crate) fn new(max: usize, max_redirected: usize, random: &mut dyn RandomSource) -> Self {
        Self {
            index: new_map(random),
            slots: Vec::new(),
            max,
            max_redirected,
            redirected: 0,
            generation: 0,
            hand: 0,
        }
    }

    fn slot_mut(&mut self, destination: A) -> Option<&mut Slot<A>> {
        let slot = *self.index.get(&destination)?;
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    /// The next hop of a destination that is remembered, marked as used.
    #[inline]
    pub(crate) fn next_hop(&mut self, destination: A) -> Option<A> {
        let generation = self.generation;
        let slot = self.slot_mut(destination)?;
        if !slot.redirected && slot.generation != generation {
            return None;
        }
        slot.used = true;
        Some(slot.next_hop)
    }

    /// The same without marking.
    pub(crate) fn peek(&self, destination: A) -> Option<A> {
        let slot = usize::try_from(*self.index.get(&destination)?).ok()?;
        let slot = self.slots.get(slot)?;
        (slot.redirected || slot.generation == self.generation).then_some(slot.next_hop)
    }

    /// Whether packets were sent there lately.
    pub(crate) fn contains(&self, destination: A) -> bool {
        self.index.contains_key(&destination)
    }

    /// Remembers what route selection has found. Says whether another destination was forgotten.
    pub(crate) fn insert(&mut self, destination: A, next_hop: A) -> bool {
        self.put(destination, next_hop, false)
    }

    /// Remembers what a Redirect has said; false when there are too many of those.
    pub(crate) fn redirect(&mut self, destination: A, target: A) -> bool {
        let known = self.slot_mut(destination).is_some_and(|it| it.redirected);
        if !known && self.redirected >= self.max_redirected {
            return false;
        }
        self.put(destination, target, true);
        true
    }

    fn put(&mut self, destination: A, next_hop: A, redirected: bool) -> bool {
        let new = Slot {
            destination,
            next_hop,
            redirected,
            used: true,
            generation: self.generation,
        };
        if let Some(slot) = self.slot_mut(destination) {
            let old = core::mem::replace(slot, new);
            self.redirected -= usize::from(old.redirected);
            self.redirected += usize::from(redirected);
            return false;
        }
        self.redirected += usize::from(redirected);
        if self.slots.len() < self.max
            && let Ok(slot) = u32::try_from(self.slots.len())
        {
            self.slots.push(new);
            self.index.insert(destination, slot);
            return false;
        }
        // The second-chance clock: each entry that was used since the hand last passed stays for
        // one more round, so at most one round is walked.
        loop {
            self.hand = if self.hand + 1 < self.slots.len() {
                self.hand + 1
            } else {
                0
            };
            let Some(slot) = self.slots.get_mut(self.hand) else {
                return false;
            };
            if core::mem::take(&mut slot.used) {
                continue;
            }
            let old = core::mem::replace(slot, new);
            self.redirected -= usize::from(old.redirected);
            if let Some(slot) = self.index.remove(&old.destination) {
                self.index.insert(destination, slot);
            }
            return true;
        }
    }

    /// Route selection is to be asked again for all destinations but redirected ones.
    pub(crate) const fn forget_selected(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Forgets every redirect to a next hop that is gone.
    pub(crate) fn forget_redirects_to(&mut self, next_hop: A) {
        if self.redirected == 0 {
            return;
        }
        for slot in &mut self.slots {
            if slot.redirected && slot.next_hop == next_hop {
                slot.redirected = false;
                slot.generation = self.generation.wrapping_sub(1);
                self.redirected -= 1;
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.slots.clear();
        self.redirected = 0;
        self.hand = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}
