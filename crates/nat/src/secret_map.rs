//! A hash map whose keys a peer may choose: they are hashed with secret words, so that nobody can name
//! keys that collide.

use flow_table::{FlowHash, NhHash};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A map from what packets carry, packed into one number.
pub(crate) struct SecretMap<V> {
    table: HashTable<(u128, V)>,
    secret: NhHash,
}

#[inline]
fn hash(secret: &NhHash, key: u128) -> u64 {
    let words = [
        (key & 0xffff_ffff_ffff_ffff) as u64,
        (key >> 64 & 0xffff_ffff_ffff_ffff) as u64,
    ];
    // The table takes the lower bits for the place, and the upper ones are the better mixed.
    secret.hash(&words).rotate_left(32)
}

impl<V> SecretMap<V> {
    /// An empty map, whose secret is `secret`.
    pub(crate) const fn new(secret: NhHash) -> Self {
        Self {
            table: HashTable::new(),
            secret,
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub(crate) fn get(&self, key: u128) -> Option<&V> {
        if self.table.is_empty() {
            return None;
        }
        let found = self
            .table
            .find(hash(&self.secret, key), |(own, _)| *own == key)?;
        Some(&found.1)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u128) -> Option<&mut V> {
        let hash = hash(&self.secret, key);
        let found = self.table.find_mut(hash, |(own, _)| *own == key)?;
        Some(&mut found.1)
    }

    pub(crate) fn contains(&self, key: u128) -> bool {
        self.get(key).is_some()
    }

    /// The value of a key, which is `value` if there was none.
    pub(crate) fn get_or_insert(&mut self, key: u128, value: V) -> &mut V {
        let secret = &self.secret;
        let entry = self.table.entry(
            hash(secret, key),
            |(own, _)| *own == key,
            |(own, _)| hash(secret, *own),
        );
        let entry = match entry {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(free) => free.insert((key, value)).into_mut(),
        };
        &mut entry.1
    }

    /// Gives a key a value, in place of the one that it had.
    pub(crate) fn insert(&mut self, key: u128, value: V)
    where
        V: Copy,
    {
        *self.get_or_insert(key, value) = value;
    }

    pub(crate) fn remove(&mut self, key: u128) -> Option<V> {
        let hash = hash(&self.secret, key);
        let found = self.table.find_entry(hash, |(own, _)| *own == key).ok()?;
        let ((_, value), _) = found.remove();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;
    use testkit::SeededRandom;

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0u8..4, 0u8..24, any::<u16>()), 1..200)) {
            let mut map = SecretMap::new(NhHash::from_random(&mut SeededRandom::new(1)));
            let mut model = BTreeMap::new();
            for (what, key, value) in steps {
                let key = u128::from(key) << (u32::from(key) * 5);
                match what {
                    0 => {
                        map.insert(key, value);
                        model.insert(key, value);
                    }
                    1 => prop_assert_eq!(map.remove(key), model.remove(&key)),
                    2 => {
                        let found = *map.get_or_insert(key, value);
                        prop_assert_eq!(found, *model.entry(key).or_insert(value));
                    }
                    _ => prop_assert_eq!(map.get_mut(key).copied(), model.get(&key).copied()),
                }
                prop_assert_eq!(map.get(key), model.get(&key));
                prop_assert_eq!(map.contains(key), model.contains_key(&key));
                prop_assert_eq!(map.len(), model.len());
            }
        }
    }
}
