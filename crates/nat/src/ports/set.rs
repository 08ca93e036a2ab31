//! A set of port numbers with constant-time search.

use alloc::boxed::Box;
use alloc::vec;
use core::ops::RangeInclusive;

/// Words of 64 bits that hold a bit for each port.
const WORDS: usize = 1024;
/// Words that hold a bit for each of [`WORDS`].
const SUMMARIES: usize = 16;

/// Which ports of a range a search may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parity {
    /// Even ports, 0 among them.
    Even,
    /// Odd ports.
    Odd,
}

impl Parity {
    /// The parity of a port.
    #[inline]
    pub const fn of(port: u16) -> Self {
        if port & 1 == 0 { Self::Even } else { Self::Odd }
    }

    /// The other one.
    #[inline]
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }
}

/// A set of the numbers from 0 to 65535, as a bitmap of three levels: 8 KiB of bits, a bit for each
/// word of those that is not empty, and a bit for each word of these.
///
/// Even and odd ports lie apart, so that a search for one parity is as fast as one for both. Every
/// search looks at five words at the most, however full the set is.
///
/// ```
/// use nat::ports::{Parity, PortSet};
///
/// let mut set = PortSet::empty();
/// set.insert(5_000);
/// set.insert(6_001);
/// assert_eq!(set.search(Parity::Even, 1_024..=65_535, 40_000), Some(5_000));
/// assert_eq!(set.search(Parity::Odd, 1_024..=6_000, 40_000), None);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PortSet {
    words: Box<[u64]>,
    summaries: [u64; SUMMARIES],
    top: u16,
    len: u32,
}

/// Where the bit of a port is: even ports in the lower half, odd ones in the upper.
#[inline]
const fn position(port: u16) -> u16 {
    port.rotate_right(1)
}

/// The port of a bit.
#[inline]
const fn port_at(position: u16) -> u16 {
    position.rotate_left(1)
}

impl PortSet {
    /// A set without any port.
    pub fn empty() -> Self {
        Self {
            words: vec![0; WORDS].into_boxed_slice(),
            summaries: [0; SUMMARIES],
            top: 0,
            len: 0,
        }
    }

    /// The set of all ports in a range.
    pub fn of(range: RangeInclusive<u16>) -> Self {
        let mut set = Self::empty();
        for parity in [Parity::Even, Parity::Odd] {
            if let Some((low, high)) = positions(parity, &range) {
                set.fill(low, high);
            }
        }
        set
    }

    /// Adds the ports of all positions from `low` to `high`.
    fn fill(&mut self, low: u16, high: u16) {
        for index in low >> 6..=high >> 6 {
            let mut bits = u64::MAX;
            if index == low >> 6 {
                bits &= u64::MAX << (low & 63);
            }
            if index == high >> 6 {
                bits &= u64::MAX >> (63 - (high & 63));
            }
            self.add_word(usize::from(index), bits);
        }
    }

    /// Ports in the set.
    #[inline]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the port is in the set.
    #[inline]
    pub fn contains(&self, port: u16) -> bool {
        let position = position(port);
        self.words
            .get(usize::from(position >> 6))
            .is_some_and(|word| word >> (position & 63) & 1 != 0)
    }

    /// Adds a port; whether it is new.
    pub fn insert(&mut self, port: u16) -> bool {
        let position = position(port);
        let is_new = self.add_word(usize::from(position >> 6), 1 << (position & 63));
        is_new != 0
    }

    /// Adds the ports of one word; returns how many are new.
    fn add_word(&mut self, index: usize, bits: u64) -> u32 {
        let Some(word) = self.words.get_mut(index) else {
            return 0;
        };
        let new = (bits & !*word).count_ones();
        *word |= bits;
        if *word != 0
            && let Some(summary) = self.summaries.get_mut(index >> 6)
        {
            *summary |= 1 << (index & 63);
            self.top |= 1 << (index >> 6);
        }
        self.len += new;
        new
    }

    /// Takes a port out; whether it was there.
    pub fn remove(&mut self, port: u16) -> bool {
        let position = position(port);
        let index = usize::from(position >> 6);
        let Some(word) = self.words.get_mut(index) else {
            return false;
        };
        let bit = 1 << (position & 63);
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        self.len -= 1;
        if *word == 0
            && let Some(summary) = self.summaries.get_mut(index >> 6)
        {
            *summary &= !(1 << (index & 63));
            if *summary == 0 {
                self.top &= !(1 << (index >> 6));
            }
        }
        true
    }

    /// Moves all ports of `other` into this set, and leaves `other` empty.
    pub fn take_all(&mut self, other: &mut Self) {
        if other.is_empty() {
            return;
        }
        for index in 0..WORDS {
            let bits = other.words.get_mut(index).map(core::mem::take);
            self.add_word(index, bits.unwrap_or(0));
        }
        other.summaries = [0; SUMMARIES];
        other.top = 0;
        other.len = 0;
    }

    /// All ports, the even ones first.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let mut next = Some(0u16);
        core::iter::from_fn(move || {
            let found = self.first_from(next?)?;
            next = found.checked_add(1);
            Some(port_at(found))
        })
    }

    /// The first port of that parity in `range` that comes at or after `start`, going round at the
    /// end of the range. `start` may lie anywhere.
    pub fn search(&self, parity: Parity, range: RangeInclusive<u16>, start: u16) -> Option<u16> {
        let (low, high) = positions(parity, &range)?;
        let start = match parity {
            Parity::Even => start >> 1,
            Parity::Odd => start >> 1 | 1 << 15,
        };
        let start = if (low..=high).contains(&start) {
            start
        } else {
            low
        };
        let found = self.first_from(start).filter(|&found| found <= high);
        let found = found.or_else(|| {
            let found = self.first_from(low)?;
            (found < start).then_some(found)
        });
        found.map(port_at)
    }

    /// The first bit that is set at or after `position`.
    #[inline]
    fn first_from(&self, position: u16) -> Option<u16> {
        let index = usize::from(position >> 6);
        let word = self.words.get(index)? & (u64::MAX << (position & 63));
        if word != 0 {
            return Some((position & !63) | low_bit(word));
        }
        // The next word that is not empty, in the same summary or in a later one.
        let after = index + 1;
        let summary_index = after >> 6;
        let summary = self.summaries.get(summary_index)? & (u64::MAX << (after & 63));
        let index = if summary != 0 {
            summary_index << 6 | usize::from(low_bit(summary))
        } else {
            let later = u32::from(self.top) & (u32::MAX << (summary_index + 1));
            if later == 0 {
                return None;
            }
            let summary_index = later.trailing_zeros() as usize;
            let summary = self.summaries.get(summary_index)?;
            summary_index << 6 | usize::from(low_bit(*summary))
        };
        let word = self.words.get(index)?;
        let base = u16::try_from(index << 6).ok()?;
        Some(base | low_bit(*word))
    }
}

/// The first and last position of ports of that parity in the range; `None` when there is none.
fn positions(parity: Parity, range: &RangeInclusive<u16>) -> Option<(u16, u16)> {
    let (mut low, mut high) = (*range.start(), *range.end());
    if low > high {
        return None;
    }
    if Parity::of(low) != parity {
        low = low.checked_add(1)?;
    }
    if Parity::of(high) != parity {
        high = high.checked_sub(1)?;
    }
    (low <= high).then(|| (position(low), position(high)))
}

/// The number of the lowest bit that is set; `word` is not 0.
#[inline]
const fn low_bit(word: u64) -> u16 {
    // 63 at most.
    (word.trailing_zeros() & 63) as u16
}

impl core::fmt::Debug for PortSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PortSet")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// What a search must return, by trying each port.
    fn slow(
        set: &BTreeSet<u16>,
        parity: Parity,
        range: &RangeInclusive<u16>,
        start: u16,
    ) -> Option<u16> {
        let fits = |port: &&u16| Parity::of(**port) == parity && range.contains(*port);
        let candidates: Vec<u16> = set.iter().filter(fits).copied().collect();
        // Counting from the first port of the right parity at or after the start.
        let from = match parity {
            Parity::Even => start & !1,
            Parity::Odd => start | 1,
        };
        let inside = range.contains(&from);
        let after = candidates.iter().find(|&&port| !inside || port >= from);
        after.or(candidates.first()).copied()
    }

    #[test]
    fn positions_and_ports_are_one_to_one() {
        for port in 0..=u16::MAX {
            assert_eq!(port_at(position(port)), port);
        }
    }

    #[test]
    fn the_whole_range() {
        let set = PortSet::of(0..=u16::MAX);
        assert_eq!((set.len(), set.iter().count()), (65_536, 65_536));
        assert_eq!(PortSet::of(RangeInclusive::new(7, 6)).len(), 0);
    }

    #[test]
    fn the_ends_of_the_number_range() {
        let mut set = PortSet::empty();
        assert_eq!(set.search(Parity::Odd, 0..=65_535, 7), None);
        assert!(set.insert(65_535) && set.insert(0));
        assert!(!set.insert(0));
        assert_eq!(set.search(Parity::Odd, 0..=65_535, 65_535), Some(65_535));
        assert_eq!(set.search(Parity::Even, 0..=65_535, 65_535), Some(0));
        assert_eq!(set.search(Parity::Even, 1..=1, 0), None);
        assert!(set.remove(0) && !set.remove(0));
        assert_eq!(set.iter().collect::<Vec<_>>(), [65_535]);
    }

    proptest! {
        #[test]
        fn a_range_is_its_ports(low: u16, span in 0u16..400) {
            let range = low..=low.saturating_add(span);
            let set = PortSet::of(range.clone());
            let ports: BTreeSet<u16> = set.iter().collect();
            prop_assert_eq!(set.len() as usize, ports.len());
            prop_assert_eq!(ports, range.collect::<BTreeSet<u16>>());
        }

        #[test]
        fn agrees_with_a_set_of_numbers(
            ports in proptest::collection::vec(prop_oneof![any::<u16>(), 0u16..300], 0..60),
            removed in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
            searches in proptest::collection::vec(
                (any::<bool>(), any::<u16>(), any::<u16>(), any::<u16>()), 0..20),
        ) {
            let (mut set, mut model) = (PortSet::empty(), BTreeSet::new());
            for &port in &ports {
                prop_assert_eq!(set.insert(port), model.insert(port));
            }
            if !ports.is_empty() {
                for index in removed {
                    let port = *index.get(&ports);
                    prop_assert_eq!(set.remove(port), model.remove(&port));
                }
            }
            prop_assert_eq!(set.len() as usize, model.len());
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), model.clone());
            for (odd, low, high, start) in searches {
                let parity = if odd { Parity::Odd } else { Parity::Even };
                let range = low.min(high)..=low.max(high);
                let found = set.search(parity, range.clone(), start);
                prop_assert_eq!(found, slow(&model, parity, &range, start));
            }
        }

        #[test]
        fn taking_all_is_the_union(
            a in proptest::collection::btree_set(any::<u16>(), 0..60),
            b in proptest::collection::btree_set(any::<u16>(), 0..60),
        ) {
            let (mut first, mut second) = (PortSet::empty(), PortSet::empty());
            a.iter().for_each(|&port| { first.insert(port); });
            b.iter().for_each(|&port| { second.insert(port); });
            first.take_all(&mut second);
            prop_assert!(second.is_empty());
            prop_assert_eq!(second, PortSet::empty());
            let union: BTreeSet<u16> = a.union(&b).copied().collect();
            prop_assert_eq!(first.len() as usize, union.len());
            prop_assert_eq!(first.iter().collect::<BTreeSet<_>>(), union);
        }
    }
}
