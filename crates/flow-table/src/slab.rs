//! The slots that flows live in.

use crate::flow::Slot;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// An array of slots that grows within the memory reserved for it.
pub(crate) struct Slab<K, V> {
    slots: Vec<Slot<K, V>>,
    limit: usize,
}

impl<K, V> Slab<K, V> {
    /// Octets of a slab of up to `limit` slots.
    pub(crate) const fn octets_for(limit: usize) -> usize {
        limit.saturating_mul(size_of::<Slot<K, V>>())
    }

    /// `limit` is below 2^31.
    pub(crate) fn new(limit: usize) -> Result<Self, TryReserveError> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(limit)?;
        Ok(Self { slots, limit })
    }

    /// Slots that were ever used.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // Below the limit.
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// Adds a free slot, unless the limit is reached.
    pub(crate) fn add(&mut self) -> Option<u32> {
        if self.slots.len() >= self.limit {
            return None;
        }
        let slot = self.len();
        self.slots.push(Slot::Free(1));
        Some(slot)
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Slot<K, V>> {
        self.slots.get(slot as usize)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Slot<K, V>> {
        self.slots.get_mut(slot as usize)
    }

    /// All slots ever used, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Slot<K, V>)> {
        (0u32..).zip(&self.slots)
    }
}
