//! Doubly linked lists over the slots of a slab, with the links in an array of their own: a slot is
//! in at most one list, and moving it never allocates.

use crate::arch::prefetch;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// No slot, or (as `previous`) in no list.
const NONE: u32 = u32::MAX;
/// Marks a `previous` that is not a slot but a list: this slot is its first.
const HEAD: u32 = 1 << 31;

#[derive(Clone, Copy)]
struct Link {
    next: u32,
    previous: u32,
}

const FREE_STANDING: Link = Link {
    next: NONE,
    previous: NONE,
};

/// Octets that the links take per slot.
pub(crate) const OCTETS_PER_SLOT: usize = size_of::<Link>();

pub(crate) struct Lists {
    heads: Vec<u32>,
    links: Vec<Link>,
}

impl Lists {
    /// `lists` empty lists, with memory for `slots` slots.
    pub(crate) fn new(lists: usize, slots: usize) -> Result<Self, TryReserveError> {
        let mut heads = Vec::new();
        heads.try_reserve_exact(lists)?;
        heads.resize(lists, NONE);
        let mut links = Vec::new();
        links.try_reserve_exact(slots)?;
        Ok(Self { heads, links })
    }

    /// Takes one more slot into the books, in no list.
    pub(crate) fn add_slot(&mut self) {
        self.links.push(FREE_STANDING);
    }

    /// The first slot of a list.
    #[inline]
    pub(crate) fn first(&self, list: u32) -> Option<u32> {
        self.heads
            .get(list as usize)
            .copied()
            .filter(|&slot| slot != NONE)
    }

    /// Asks the processor to fetch the links of `slot`.
    #[inline]
    pub(crate) fn fetch(&self, slot: u32) {
        if let Some(link) = self.links.get(slot as usize) {
            prefetch(link);
        }
    }

    /// The slot that follows `slot` in its list.
    #[inline]
    pub(crate) fn next(&self, slot: u32) -> Option<u32> {
        self.links
            .get(slot as usize)
            .map(|link| link.next)
            .filter(|&slot| slot != NONE)
    }

    /// Puts `slot`, which is in no list, at the front of `list`.
    pub(crate) fn push(&mut self, list: u32, slot: u32) {
        let Some(head) = self.heads.get_mut(list as usize) else {
            return;
        };
        let next = core::mem::replace(head, slot);
        if let Some(link) = self.links.get_mut(slot as usize) {
            *link = Link {
                next,
                previous: HEAD | list,
            };
        }
        if let Some(link) = self.links.get_mut(next as usize) {
            link.previous = slot;
        }
    }

    /// Takes `slot` out of the list that it is in, if any; returns the list when that is empty now.
    pub(crate) fn unlink(&mut self, slot: u32) -> Option<u32> {
        let link = self.links.get_mut(slot as usize)?;
        let Link { next, previous } = core::mem::replace(link, FREE_STANDING);
        if previous == NONE {
            return None;
        }
        if let Some(link) = self.links.get_mut(next as usize) {
            link.previous = previous;
        }
        if previous & HEAD == 0 {
            if let Some(link) = self.links.get_mut(previous as usize) {
                link.next = next;
            }
            return None;
        }
        let list = previous & !HEAD;
        if let Some(head) = self.heads.get_mut(list as usize) {
            *head = next;
        }
        (next == NONE).then_some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn slots(lists: &Lists, list: u32) -> Vec<u32> {
        core::iter::successors(lists.first(list), |&slot| lists.next(slot)).collect()
    }

    #[test]
    fn slots_move_between_lists() {
        let mut lists = Lists::new(2, 5).unwrap();
        for slot in 0..5 {
            lists.add_slot();
            lists.push(slot % 2, slot);
        }
        assert_eq!(slots(&lists, 0), [4, 2, 0]);
        assert_eq!(slots(&lists, 1), [3, 1]);
        assert_eq!(lists.unlink(2), None);
        assert_eq!(lists.unlink(2), None);
        assert_eq!(slots(&lists, 0), [4, 0]);
        lists.push(1, 2);
        assert_eq!(slots(&lists, 1), [2, 3, 1]);
        assert_eq!(lists.unlink(4), None);
        assert_eq!(lists.unlink(0), Some(0));
        assert_eq!(slots(&lists, 0), vec![]);
        assert_eq!(lists.unlink(1), None);
        assert_eq!(lists.unlink(2), None);
        assert_eq!(lists.unlink(3), Some(1));
    }
}
