//! Arrays that grow by a quarter and not to their double, and rows of slots.

use alloc::vec::Vec;

/// Makes room for `further` items. A table that lives long had better not hold room for as many
/// routes again as it has.
pub(crate) fn reserve_for_one<T>(items: &mut Vec<T>, further: usize) {
    if items.capacity() - items.len() < further {
        let quarter = items.capacity() / 4;
        items.reserve_exact(quarter.max(further).max(16));
    }
}

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// Items that keep their numbers; the numbers of items that are gone are used again.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self {
            items: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    /// One above the highest number that was ever used.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.items.len()).unwrap_or(NONE)
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        self.items.get(slot as usize)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.items.get_mut(slot as usize)?.as_mut()
    }

    /// The callers bound the number of items far below what 32 bits count.
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            if let Some(place) = self.items.get_mut(slot as usize) {
                *place = Some(item);
            }
            return slot;
        }
        let slot = self.end();
        reserve_for_one(&mut self.items, 1);
        self.items.push(Some(item));
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let item = self.items.get_mut(slot as usize)?.take()?;
        reserve_for_one(&mut self.free, 1);
        self.free.push(slot);
        Some(item)
    }
}
