//! Deadlines of numbered slots in one ordered structure.

use alloc::vec::Vec;
use packet_buffer::Instant;

/// A binary heap of deadlines that knows where each slot stands, so that a deadline is moved or
/// removed in place and no dead ones pile up. Slots are small numbers that the owner gives out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    /// The heap: the earliest deadline first. Equal ones are in the order of their slots.
    heap: Vec<(Instant, u32)>,
    /// Where each slot stands in the heap.
    position: Vec<Option<u32>>,
}

fn index(number: u32) -> usize {
    // 32 bits fit `usize` wherever `alloc` has the memory for that many slots.
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl Timers {
    /// Sets, moves or, with `None`, removes the deadline of `slot`.
    pub(crate) fn set(&mut self, slot: u32, deadline: Option<Instant>) {
        let slot_index = index(slot);
        if self.position.len() <= slot_index {
            if deadline.is_none() {
                return;
            }
            self.position.resize(slot_index.saturating_add(1), None);
        }
        let at = self.position.get(slot_index).copied().flatten();
        match (at, deadline) {
            (None, None) => {}
            (None, Some(deadline)) => {
                self.heap.push((deadline, slot));
                self.sift_up(self.heap.len() - 1);
            }
            (Some(at), Some(deadline)) => {
                let at = index(at);
                if let Some(node) = self.heap.get_mut(at) {
                    node.0 = deadline;
                }
                let at = self.sift_up(at);
                self.sift_down(at);
            }
            (Some(at), None) => self.remove_at(index(at)),
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|&(deadline, _)| deadline)
    }

    /// Takes a slot whose deadline is not after `now`, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let &(deadline, slot) = self.heap.first()?;
        if deadline > now {
            return None;
        }
        self.remove_at(0);
        Some(slot)
    }

    fn remove_at(&mut self, at: usize) {
        let last = self.heap.len().saturating_sub(1);
        self.swap(at, last);
        if let Some((_, slot)) = self.heap.pop()
            && let Some(position) = self.position.get_mut(index(slot))
        {
            *position = None;
        }
        if at < self.heap.len() {
            let at = self.sift_up(at);
            self.sift_down(at);
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        if a < self.heap.len() && b < self.heap.len() {
            self.heap.swap(a, b);
        }
        self.note(a);
        self.note(b);
    }

    fn note(&mut self, at: usize) {
        if let Some(&(_, slot)) = self.heap.get(at)
            && let Some(position) = self.position.get_mut(index(slot))
        {
            *position = Some(number(at));
        }
    }

    /// Whether the node at `a` comes before that at `b`.
    fn before(&self, a: usize, b: usize) -> bool {
        match (self.heap.get(a), self.heap.get(b)) {
            (Some(a), Some(b)) => a < b,
            _ => false,
        }
    }

    fn sift_up(&mut self, mut at: usize) -> usize {
        self.note(at);
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.before(at, parent) {
                break;
            }
            self.swap(at, parent);
            at = parent;
        }
        at
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut least = at;
            if self.before(left, least) {
                least = left;
            }
            if self.before(right, least) {
                least = right;
            }
            if least == at {
                return;
            }
            self.swap(at, least);
            at = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_map(operations in proptest::collection::vec(
            (0u32..40, proptest::option::of(0u64..100), proptest::bool::weighted(0.2)), 0..400,
        )) {
            let (mut timers, mut model) = (Timers::default(), BTreeMap::new());
            for (slot, deadline, pop) in operations {
                let deadline = deadline.map(Instant::from_micros);
                if pop {
                    let now = Instant::from_micros(50);
                    let due = model.iter().map(|(&slot, &at)| (at, slot)).min();
                    let due = due.filter(|&(at, _)| at <= now).map(|(_, slot)| slot);
                    prop_assert_eq!(timers.pop_due(now), due);
                    due.map(|slot| model.remove(&slot));
                } else {
                    timers.set(slot, deadline);
                    match deadline {
                        Some(deadline) => model.insert(slot, deadline),
                        None => model.remove(&slot),
                    };
                }
                prop_assert_eq!(timers.next(), model.values().min().copied());
            }
        }
    }
}
