//! A flow as the table takes it, shows it and gives it back.

use crate::index::Code;
use crate::key::Direction;
use crate::wheel::{Armed, Wheel};
use packet_buffer::Instant;

/// Names a flow for as long as it lives, and nothing after that.
///
/// It is a slot and the slot's generation. A slot that has been through 2^32 - 1 generations is
/// retired, so an id is never given out twice by one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl FlowId {
    /// Where the flow stands, from 0 up to and including the table's capacity: for what is kept
    /// beside the table, in an array. Flows that come later stand in the same place.
    #[inline]
    pub const fn slot(self) -> u32 {
        self.slot
    }
}

/// A flow to be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewFlow<K, V> {
    /// The key of packets from the side that opened the flow.
    pub original: K,
    /// The key of packets of the answering side. Without address translation that is
    /// `original.reversed()`.
    pub reply: K,
    /// When the flow expires unless its deadline is put off; [`Instant::MAX`] for never.
    pub deadline: Instant,
    /// How much the flow is worth when the table is full: the lowest class is evicted first.
    pub class: u8,
    /// What the caller keeps about the flow.
    pub value: V,
}

/// What an insert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inserted<K, V> {
    /// The new flow.
    pub id: FlowId,
    /// The flow that had to go to make room. Release what it holds, as after
    /// [`poll_expired`](crate::FlowTable::poll_expired).
    pub evicted: Option<Flow<K, V>>,
}

/// A flow that has left the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flow<K, V> {
    /// What it was called. No other flow ever has this id.
    pub id: FlowId,
    /// The key of packets from the side that opened the flow.
    pub original: K,
    /// The key of packets of the answering side.
    pub reply: K,
    /// When it expired or would have.
    pub deadline: Instant,
    /// Its class.
    pub class: u8,
    /// The caller's value.
    pub value: V,
}

/// A live flow in the table, to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowRef<'a, K, V> {
    /// What it is called.
    pub id: FlowId,
    /// The key of packets from the side that opened the flow.
    pub original: &'a K,
    /// The key of packets of the answering side.
    pub reply: &'a K,
    /// When it expires unless that is put off.
    pub deadline: Instant,
    /// Its class.
    pub class: u8,
    /// The caller's value.
    pub value: &'a V,
}

/// A live flow in the table, to update.
pub struct FlowMut<'a, K, V> {
    pub(crate) entry: &'a mut Entry<K, V>,
    pub(crate) wheel: &'a mut Wheel,
    pub(crate) slot: u32,
}

impl<K, V> FlowMut<'_, K, V> {
    /// What it is called.
    #[inline]
    pub fn id(&self) -> FlowId {
        self.entry.id(self.slot)
    }

    /// The key of packets from the side that opened the flow.
    #[inline]
    pub fn original(&self) -> &K {
        &self.entry.keys[0]
    }

    /// The key of packets of the answering side.
    #[inline]
    pub fn reply(&self) -> &K {
        &self.entry.keys[1]
    }

    /// When it expires unless that is put off.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.entry.deadline
    }

    /// Changes when it expires; [`Instant::MAX`] for never.
    ///
    /// To put the deadline off, as each packet does, is a single store. So is to bring it forward, as
    /// long as the flow is looked at in time anyway: once, a flow whose deadline goes back and forth
    /// costs a few cache lines more. A deadline that has passed already ends the flow: it is no longer
    /// found, and comes out of [`poll_expired`](crate::FlowTable::poll_expired) within a second.
    #[inline]
    pub fn set_deadline(&mut self, deadline: Instant) {
        let before = core::mem::replace(&mut self.entry.deadline, deadline);
        if deadline < before {
            self.wheel
                .move_forward(self.slot, &mut self.entry.armed, deadline);
        }
    }

    /// Its class: how much it is worth when the table is full.
    #[inline]
    pub fn class(&self) -> u8 {
        self.entry.class
    }

    /// Changes the class.
    #[inline]
    pub fn set_class(&mut self, class: u8) {
        self.entry.class = class;
    }

    /// The caller's value.
    #[inline]
    pub fn value(&self) -> &V {
        &self.entry.value
    }

    /// The caller's value, to change.
    #[inline]
    pub fn value_mut(&mut self) -> &mut V {
        &mut self.entry.value
    }
}

impl<K: core::fmt::Debug, V: core::fmt::Debug> core::fmt::Debug for FlowMut<'_, K, V> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.entry.show(self.slot).fmt(f)
    }
}

/// What a slot holds. The variant costs no octet: it is told by [`Mark`], which has only one value.
pub(crate) enum Slot<K, V> {
    Used(Entry<K, V>),
    /// The generation that the next flow in the slot will have.
    Free(u32),
}

/// See [`Slot`].
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Mark {
    Used = 1,
}

/// A flow in its slot. What a hit reads and writes comes first and last, next to the caller's
/// value.
#[repr(C)]
pub(crate) struct Entry<K, V> {
    /// The original and the reply key.
    pub(crate) keys: [K; 2],
    pub(crate) deadline: Instant,
    pub(crate) generation: u32,
    pub(crate) class: u8,
    pub(crate) mark: Mark,
    /// Where the wheel has the slot.
    pub(crate) armed: Armed,
    pub(crate) value: V,
}

impl<K, V> Slot<K, V> {
    #[inline]
    pub(crate) const fn used(&self) -> Option<&Entry<K, V>> {
        match self {
            Self::Used(entry) => Some(entry),
            Self::Free(_) => None,
        }
    }

    #[inline]
    pub(crate) const fn used_mut(&mut self) -> Option<&mut Entry<K, V>> {
        match self {
            Self::Used(entry) => Some(entry),
            Self::Free(_) => None,
        }
    }
}

impl<K, V> Entry<K, V> {
    #[inline]
    pub(crate) const fn id(&self, slot: u32) -> FlowId {
        FlowId {
            slot,
            generation: self.generation,
        }
    }

    /// The key that `code` stands for.
    #[inline]
    pub(crate) const fn key(&self, code: Code) -> &K {
        let [original, reply] = &self.keys;
        match code.direction() {
            Direction::Original => original,
            Direction::Reply => reply,
        }
    }

    /// A flow is live until its deadline.
    #[inline]
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        self.deadline > now
    }

    #[inline]
    pub(crate) const fn show(&self, slot: u32) -> FlowRef<'_, K, V> {
        FlowRef {
            id: self.id(slot),
            original: &self.keys[0],
            reply: &self.keys[1],
            deadline: self.deadline,
            class: self.class,
            value: &self.value,
        }
    }

    pub(crate) fn into_flow(self, slot: u32) -> Flow<K, V> {
        let id = self.id(slot);
        let [original, reply] = self.keys;
        Flow {
            id,
            original,
            reply,
            deadline: self.deadline,
            class: self.class,
            value: self.value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ipv4FlowKey, Ipv6FlowKey};

    #[test]
    fn a_slot_is_both_keys_and_16_octets_and_the_value() {
        assert_eq!(size_of::<Slot<Ipv4FlowKey, [u64; 2]>>(), 32 + 16 + 16);
        assert_eq!(size_of::<Slot<Ipv6FlowKey, [u64; 2]>>(), 80 + 16 + 16);
        assert_eq!(size_of::<Slot<Ipv4FlowKey, ()>>(), 32 + 16);
    }
}
