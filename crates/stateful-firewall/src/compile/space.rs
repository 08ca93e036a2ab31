//! Sets of addresses and numbers as sorted ranges.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// An unsigned number that ranges are made of.
pub(crate) trait Number: Copy + Ord + core::fmt::Debug {
    const MIN: Self;
    const MAX: Self;
    const BITS: u32;
    fn after(self) -> Option<Self>;
    fn before(self) -> Option<Self>;
    /// The largest block that starts at `self` and ends no later than `last`: its prefix length.
    fn block(self, last: Self) -> (u32, Self);
}

macro_rules! number {
    ($($word:ty),*) => {$(
        impl Number for $word {
            const MIN: Self = <$word>::MIN;
            const MAX: Self = <$word>::MAX;
            const BITS: u32 = <$word>::BITS;

            #[inline]
            fn after(self) -> Option<Self> {
                self.checked_add(1)
            }

            #[inline]
            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }

            fn block(self, last: Self) -> (u32, Self) {
                let mut free = self.trailing_zeros();
                loop {
                    // `free` low bits may take any value; fewer until the block fits.
                    let ones = if free >= Self::BITS {
                        Self::MAX
                    } else {
                        !(Self::MAX << free)
                    };
                    let end = self | ones;
                    if end <= last {
                        return (Self::BITS - free, end);
                    }
                    free -= 1;
                }
            }
        }
    )*};
}

number!(u8, u16, u32, u128);

/// Numbers, as sorted ranges that neither touch nor overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranges<T>(Box<[(T, T)]>);

impl<T: Number> Ranges<T> {
    pub(crate) fn all() -> Self {
        Self(Box::new([(T::MIN, T::MAX)]))
    }

    pub(crate) fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if end.after().is_none_or(|after| first <= after) => {
                    *end = (*end).max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        Self(merged.into_boxed_slice())
    }

    pub(crate) fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = Some(T::MIN);
        for (first, last) in &self.0 {
            if let (Some(start), Some(end)) = (next, first.before())
                && start <= end
            {
                gaps.push((start, end));
            }
            next = last.after();
        }
        if let Some(start) = next {
            gaps.push((start, T::MAX));
        }
        Self(gaps.into_boxed_slice())
    }

    #[inline]
    pub(crate) fn contains(&self, number: T) -> bool {
        match &*self.0 {
            [] => false,
            [(first, last)] => *first <= number && number <= *last,
            many => {
                let after = many.partition_point(|(first, _)| *first <= number);
                after
                    .checked_sub(1)
                    .and_then(|at| many.get(at))
                    .is_some_and(|(_, last)| number <= *last)
            }
        }
    }

    pub(crate) fn is_all(&self) -> bool {
        matches!(&*self.0, [(first, last)] if *first == T::MIN && *last == T::MAX)
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_slice(&self) -> &[(T, T)] {
        &self.0
    }

    /// Whether all of `other` is in here.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(first, last)| {
            let after = self.0.partition_point(|(start, _)| start <= first);
            after
                .checked_sub(1)
                .and_then(|at| self.0.get(at))
                .is_some_and(|(_, end)| last <= end)
        })
    }

    /// The ranges as prefixes, each its first number and its length in bits; `None` when they would
    /// be more than `most`.
    pub(crate) fn prefixes(&self, most: usize) -> Option<Vec<(T, u32)>> {
        let mut prefixes = Vec::new();
        for (first, last) in &self.0 {
            let mut at = *first;
            loop {
                if prefixes.len() >= most {
                    return None;
                }
                let (length, end) = at.block(*last);
                prefixes.push((at, length));
                if end >= *last {
                    break;
                }
                match end.after() {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
        Some(prefixes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spell(ranges: &Ranges<u8>) -> [bool; 256] {
        core::array::from_fn(|number| ranges.contains(u8::try_from(number).unwrap()))
    }

    proptest! {
        #[test]
        fn ranges_are_sets(parts in prop::collection::vec((any::<u8>(), any::<u8>()), 0..8)) {
            let mut set = [false; 256];
            for (first, last) in &parts {
                for number in *first..=*last {
                    set[number as usize] = true;
                }
            }
            let ranges = Ranges::new(parts);
            prop_assert_eq!(spell(&ranges), set);
            prop_assert_eq!(spell(&ranges.complement()), set.map(|held| !held));
            prop_assert!(ranges.covers(&ranges));
            prop_assert_eq!(ranges.is_all(), set.iter().all(|held| *held));
            let mut from_prefixes = [false; 256];
            for (first, length) in ranges.prefixes(1_000).unwrap() {
                let count = 1usize << (8 - length);
                prop_assert_eq!(first as usize % count, 0);
                for held in &mut from_prefixes[first as usize..first as usize + count] {
                    prop_assert!(!*held);
                    *held = true;
                }
            }
            prop_assert_eq!(from_prefixes, set);
        }

        #[test]
        fn covers_is_inclusion(
            a in prop::collection::vec((any::<u8>(), any::<u8>()), 0..6),
            b in prop::collection::vec((any::<u8>(), any::<u8>()), 0..6),
        ) {
            let (a, b) = (Ranges::new(a), Ranges::new(b));
            let (in_a, in_b) = (spell(&a), spell(&b));
            let included = in_a.iter().zip(&in_b).all(|(a, b)| *a || !*b);
            prop_assert_eq!(a.covers(&b), included);
        }
    }

    #[test]
    fn too_many_prefixes_are_refused() {
        let ranges = Ranges::new(alloc::vec![(1u16, 65_534)]);
        assert_eq!(ranges.prefixes(64).unwrap().len(), 30);
        assert!(ranges.prefixes(29).is_none());
        assert_eq!(Ranges::<u128>::all().prefixes(1), Some(alloc::vec![(0, 0)]));
    }
}
