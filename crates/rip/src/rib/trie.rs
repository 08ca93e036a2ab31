//! Slots by prefix: exact and longest-prefix lookups, and the order of prefixes.
//!
//! With `std` the crate `prefix-trie` does the work. It needs `std`, as all trie crates do that we know, so that
//! without `std` an ordered map stands in: it answers the same, and takes longer over the longest prefix.
//!
//! A prefix is its network, left-aligned in 128 bits, and its length.

#[cfg(any(test, not(feature = "std")))]
mod ordered {
    use alloc::collections::BTreeMap;
    use core::ops::Bound::{Excluded, Unbounded};

    /// The fallback.
    #[derive(Debug)]
    pub(in crate::rib) struct Trie {
        slots: BTreeMap<(u128, u8), u32>,
    }

    impl Trie {
        pub(in crate::rib) fn new() -> Self {
            Self {
                slots: BTreeMap::new(),
            }
        }

        pub(in crate::rib) fn get(&self, network: u128, length: u8) -> Option<u32> {
            self.slots.get(&(network, length)).copied()
        }

        pub(in crate::rib) fn insert(&mut self, network: u128, length: u8, slot: u32) {
            self.slots.insert((network, length), slot);
        }

        pub(in crate::rib) fn remove(&mut self, network: u128, length: u8) -> Option<u32> {
            self.slots.remove(&(network, length))
        }

        /// The slot of the longest prefix of the address of which `accept` says yes.
        pub(in crate::rib) fn longest(
            &self,
            address: u128,
            bits: u8,
            mut accept: impl FnMut(u32) -> bool,
        ) -> Option<u32> {
            // What stands before the address in the order of prefixes either holds it, or shares with it as many
            // bits as any prefix of it still to be found can have.
            let mut bound = (address, bits);
            loop {
                let (&(network, length), &slot) = self.slots.range(..=bound).next_back()?;
                let common = (network ^ address).leading_zeros();
                let next = if common >= u32::from(length) {
                    if accept(slot) {
                        return Some(slot);
                    }
                    length.checked_sub(1)?
                } else {
                    u8::try_from(common).unwrap_or(bits)
                };
                bound = (super::truncate(address, next), next);
            }
        }

        /// The slot of the first prefix; with `after`, of the first behind that one, which need not be there.
        pub(in crate::rib) fn next(&self, after: Option<(u128, u8)>) -> Option<u32> {
            let from = after.map_or(Unbounded, Excluded);
            let (_, &slot) = self.slots.range((from, Unbounded)).next()?;
            Some(slot)
        }
    }
}

#[cfg(feature = "std")]
mod bitmap {
    use prefix_trie::PrefixMap;

    /// A tree bitmap.
    #[derive(Debug)]
    pub(in crate::rib) struct Trie {
        slots: PrefixMap<(u128, u8), u32>,
    }

    impl Trie {
        pub(in crate::rib) fn new() -> Self {
            Self {
                slots: PrefixMap::new(),
            }
        }

        pub(in crate::rib) fn get(&self, network: u128, length: u8) -> Option<u32> {
            self.slots.get(&(network, length)).copied()
        }

        pub(in crate::rib) fn insert(&mut self, network: u128, length: u8, slot: u32) {
            self.slots.insert((network, length), slot);
        }

        pub(in crate::rib) fn remove(&mut self, network: u128, length: u8) -> Option<u32> {
            self.slots.remove(&(network, length))
        }

        /// The slot of the longest prefix of the address of which `accept` says yes.
        #[inline]
        pub(in crate::rib) fn longest(
            &self,
            address: u128,
            bits: u8,
            mut accept: impl FnMut(u32) -> bool,
        ) -> Option<u32> {
            let (_, &slot) = self.slots.get_lpm(&(address, bits))?;
            if accept(slot) {
                return Some(slot);
            }
            // Seldom: the best has just become unreachable.
            let shorter = self.slots.cover_values(&(address, bits)).copied();
            shorter.filter(|&slot| accept(slot)).last()
        }

        /// The slot of the first prefix; with `after`, of the first behind that one, which need not be there.
        pub(in crate::rib) fn next(&self, after: Option<(u128, u8)>) -> Option<u32> {
            let next = match after {
                Some(prefix) => self.slots.iter_from(&prefix, false).next(),
                None => self.slots.iter().next(),
            };
            next.map(|(_, &slot)| slot)
        }
    }
}

#[cfg(feature = "std")]
pub(super) use bitmap::Trie;
#[cfg(not(feature = "std"))]
pub(super) use ordered::Trie;

/// The first `length` bits.
#[cfg(any(test, not(feature = "std")))]
fn truncate(address: u128, length: u8) -> u128 {
    let mask = u128::MAX.checked_shl(128 - u32::from(length));
    address & mask.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Operation {
        Insert(u128, u8),
        Remove(usize),
        Longest(u128),
        Next(u128, u8),
    }

    fn operations(bits: u8) -> impl Strategy<Value = Vec<Operation>> {
        // Few distinct bits, so that prefixes lie in each other and are met again.
        let key = move || {
            (any::<u8>(), any::<u8>(), 0..128u32).prop_map(move |(a, b, at)| {
                truncate(u128::from(a) << 120 | u128::from(b & 3) << (at & !7), bits)
            })
        };
        let prefix = move || {
            (key(), 0..=bits).prop_map(|(address, length)| (truncate(address, length), length))
        };
        let operation = prop_oneof![
            4 => prefix().prop_map(|(network, length)| Operation::Insert(network, length)),
            2 => any::<usize>().prop_map(Operation::Remove),
            1 => key().prop_map(Operation::Longest),
            1 => prefix().prop_map(|(network, length)| Operation::Next(network, length)),
        ];
        prop::collection::vec(operation, 0..200)
    }

    /// What the longest prefix is, by looking at all.
    fn longest(
        model: &BTreeMap<(u128, u8), u32>,
        address: u128,
        accept: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        model
            .iter()
            .filter(|&(&(network, length), &slot)| {
                truncate(address, length) == network && accept(slot)
            })
            .max_by_key(|((_, length), _)| *length)
            .map(|(_, &slot)| slot)
    }

    macro_rules! against_a_map {
        ($trie:ty, $bits:expr, $operations:expr) => {{
            let mut trie = <$trie>::new();
            let mut model: BTreeMap<(u128, u8), u32> = BTreeMap::new();
            for (number, operation) in (0..).zip($operations) {
                match operation {
                    Operation::Insert(network, length) => {
                        let there = model.get(&(network, length)).copied();
                        prop_assert_eq!(trie.get(network, length), there);
                        trie.insert(network, length, number);
                        model.insert((network, length), number);
                    }
                    Operation::Remove(at) => {
                        let Some(&(network, length)) = model.keys().nth(at % model.len().max(1))
                        else {
                            continue;
                        };
                        let there = model.remove(&(network, length));
                        prop_assert_eq!(trie.remove(network, length), there);
                        prop_assert_eq!(trie.remove(network, length), None);
                    }
                    Operation::Longest(address) => {
                        let odd = |slot| slot % 2 == 1;
                        prop_assert_eq!(
                            trie.longest(address, $bits, |_| true),
                            longest(&model, address, |_| true)
                        );
                        prop_assert_eq!(
                            trie.longest(address, $bits, odd),
                            longest(&model, address, odd)
                        );
                    }
                    Operation::Next(network, length) => {
                        use core::ops::Bound::{Excluded, Unbounded};
                        let after = (Excluded((network, length)), Unbounded);
                        let next = model.range(after).next().map(|(_, &slot)| slot);
                        prop_assert_eq!(trie.next(Some((network, length))), next);
                    }
                }
                prop_assert_eq!(trie.next(None), model.values().next().copied());
            }
        }};
    }

    proptest! {
        #[test]
        fn ipv4_agrees_with_a_map(operations in operations(32)) {
            against_a_map!(ordered::Trie, 32, operations.clone());
            against_a_map!(Trie, 32, operations);
        }

        #[test]
        fn ipv6_agrees_with_a_map(operations in operations(128)) {
            against_a_map!(ordered::Trie, 128, operations.clone());
            against_a_map!(Trie, 128, operations);
        }
    }
}
