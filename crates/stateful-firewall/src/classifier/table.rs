//! The hash table of a tuple: built once, never changed.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u64,
    start: u32,
    /// 0 when the place is empty.
    len: u32,
}

/// From the hash of a packet's bits to the rules filed there, best first.
#[derive(Debug, Clone)]
pub(super) struct Table {
    places: Box<[Place]>,
    rules: Box<[u32]>,
    most: usize,
}

impl Table {
    /// A table of places, each with its rules in ascending order.
    pub(super) fn new(filed: &[(u64, Vec<u32>)]) -> Self {
        let size = (filed.len().saturating_mul(2)).next_power_of_two();
        let mut places = vec![Place::default(); size];
        let mut rules = Vec::with_capacity(filed.iter().map(|(_, list)| list.len()).sum());
        let mut most = 0;
        for (hash, list) in filed {
            let (Ok(start), Ok(len)) = (u32::try_from(rules.len()), u32::try_from(list.len()))
            else {
                continue;
            };
            rules.extend_from_slice(list);
            most = most.max(list.len());
            let mut at = index(*hash, size);
            // Half of the places are empty.
            while let Some(place) = places.get_mut(at) {
                if place.len == 0 {
                    *place = Place {
                        hash: *hash,
                        start,
                        len,
                    };
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
        Self {
            places: places.into_boxed_slice(),
            rules: rules.into_boxed_slice(),
            most,
        }
    }

    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// The rules filed under `hash`.
    #[inline]
    pub(super) fn get(&self, hash: u64) -> &[u32] {
        let mut at = index(hash, self.places.len());
        loop {
            match self.places.get(at) {
                Some(place) if place.len != 0 => {
                    if place.hash == hash {
                        let start = place.start as usize;
                        return self
                            .rules
                            .get(start..start + place.len as usize)
                            .unwrap_or_default();
                    }
                }
                _ => return &[],
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }
}

/// Where the search for `hash` starts in a table of `size` places, a power of two.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low bits are what is wanted"
)]
const fn index(hash: u64, size: usize) -> usize {
    hash as usize & (size - 1)
}
