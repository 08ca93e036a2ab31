//! Arrays that grow in chunks, or by a quarter and not to their double, and rows of slots.

use alloc::vec::Vec;

/// Makes room for `further` items. A table that lives long had better not hold room for as many
/// routes again as it has.
pub(crate) fn reserve_for_one<T>(items: &mut Vec<T>, further: usize) {
    if items.capacity() - items.len() < further {
        let quarter = items.capacity() / 4;
        items.reserve_exact(quarter.max(further).max(16));
    }
}

/// Items of a chunk.
const CHUNK: usize = 512;

/// An array in chunks: it grows without moving what is there, and without room for much more.
#[derive(Debug)]
struct Chunks<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Chunks<T> {
    const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    fn len(&self) -> usize {
        match self.chunks.split_last() {
            Some((last, full)) => full.len() * CHUNK + last.len(),
            None => 0,
        }
    }

    #[inline]
    fn get(&self, index: u32) -> Option<&T> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    #[inline]
    fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(item),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }
}

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// Items that keep their numbers; the numbers of items that are gone are used again.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    items: Chunks<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self {
            items: Chunks::new(),
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
        self.items.get(slot)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.items.get_mut(slot)?.as_mut()
    }

    /// The callers bound the number of items far below what 32 bits count.
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            if let Some(place) = self.items.get_mut(slot) {
                *place = Some(item);
            }
            return slot;
        }
        let slot = self.end();
        self.items.push(Some(item));
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let item = self.items.get_mut(slot)?.take()?;
        reserve_for_one(&mut self.free, 1);
        self.free.push(slot);
        Some(item)
    }
}
