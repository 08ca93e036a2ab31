//! The index: from a hash to the slots that may hold its key.
//!
//! An open-addressed table of buckets of one cache line each. A bucket has eight places of a 16-bit
//! tag and a 32-bit code (slot and direction), so that one vector comparison checks all. A key that finds its home bucket full goes to the
//! next bucket that has room, at most [`MAX_PROBES`] buckets from home; each bucket that it passed
//! counts it, and a look-up goes on past a bucket only while that count is not 0. So there are no
//! tombstones, removing leaves no trace, and an absent key mostly costs one cache line.
//!
//! Three fifths of the places are in use at most, where 6 buckets in 100 overflow.
//! The index is made once, in full, and never grows: no insert has to move others.

use crate::arch::{TAGS, match_tags, prefetch};
use crate::key::Direction;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// The most buckets, of one cache line each, that any look-up or insert touches per key.
///
/// With a random hash and a full table, two fifths of the places around any home are free on average, and the chance
/// that none of 256 is lies below 2^-44.
pub const MAX_PROBES: usize = 32;

/// How many keys how many buckets are for: when the table is full, three fifths of the places are in use.
const KEYS: usize = 24;
const BUCKETS: usize = 5;

/// A slot of the slab and the direction whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(u32);

impl Code {
    /// `slot` is below 2^31.
    #[inline]
    pub(crate) const fn new(slot: u32, direction: Direction) -> Self {
        let bit = match direction {
            Direction::Original => 0,
            Direction::Reply => 1,
        };
        Self(slot << 1 | bit)
    }

    #[inline]
    pub(crate) const fn slot(self) -> u32 {
        self.0 >> 1
    }

    #[inline]
    pub(crate) const fn direction(self) -> Direction {
        if self.0 & 1 == 0 {
            Direction::Original
        } else {
            Direction::Reply
        }
    }
}

/// No room within [`MAX_PROBES`] buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    /// Eight tags of 16 bits from the lowest bits up, 0 where the place is free.
    tags: [u64; 2],
    codes: [u32; TAGS],
    /// How many keys passed this bucket on their way from home. At most [`MAX_PROBES`] times eight.
    passed: u32,
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    const EMPTY: Self = Self {
        tags: [0; 2],
        codes: [0; TAGS],
        passed: 0,
    };

    const fn passed_one_more(&mut self) {
        self.passed += 1;
    }

    const fn passed_one_less(&mut self) {
        self.passed -= 1;
    }

    /// Sets the tag at `place`, which is below [`TAGS`].
    fn set_tag(&mut self, place: usize, tag: u16) {
        if let Some(word) = self.tags.get_mut(place / 4) {
            let shift = place % 4 * 16;
            *word = *word & !(0xffff << shift) | u64::from(tag) << shift;
        }
    }

    /// The first code with this tag for which `is_it` holds.
    #[inline]
    fn find(&self, tag: u16, mut is_it: impl FnMut(Code) -> bool) -> Option<Code> {
        places(match_tags(&self.tags, tag))
            .filter_map(|place| self.codes.get(place))
            .map(|&code| Code(code))
            .find(|&code| is_it(code))
    }
}

/// The bits of `mask`, lowest first.
#[inline]
fn places(mut mask: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let place = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        Some(place)
    })
}

pub(crate) struct Index {
    buckets: Vec<Bucket>,
}

impl Index {
    /// Buckets of an index of `keys` keys.
    pub(crate) const fn buckets_for(keys: usize) -> usize {
        // A small index needs some room to spare: its buckets are few, and chance is not averaged.
        (keys / KEYS + 1).saturating_mul(BUCKETS).saturating_add(2)
    }

    /// Octets of an index of `keys` keys.
    pub(crate) const fn octets_for(keys: usize) -> usize {
        Self::buckets_for(keys).saturating_mul(size_of::<Bucket>())
    }

    pub(crate) fn new(keys: usize) -> Result<Self, TryReserveError> {
        let count = Self::buckets_for(keys);
        let mut buckets = Vec::new();
        buckets.try_reserve_exact(count)?;
        buckets.resize(count, Bucket::EMPTY);
        Ok(Self { buckets })
    }

    /// The home bucket of a hash: its upper bits, scaled to the number of buckets.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        let scaled = (u128::from(hash) * self.buckets.len() as u128) >> 64;
        // Below the number of buckets, which is a usize.
        usize::try_from(scaled).unwrap_or(0)
    }

    /// The tag of a hash: its lower bits, which the home bucket hardly depends on, and never 0.
    #[inline]
    const fn tag(hash: u64) -> u16 {
        (hash & 0xffff) as u16 | 0x8000
    }

    #[inline]
    const fn after(&self, bucket: usize) -> usize {
        let next = bucket + 1;
        if next == self.buckets.len() { 0 } else { next }
    }

    /// Fetches the home bucket of `hash` into the cache.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if let Some(bucket) = self.buckets.get(self.home(hash)) {
            prefetch(bucket);
        }
    }

    /// The first code in the home bucket of `hash` whose tag fits: most likely the right one.
    #[inline]
    pub(crate) fn likely(&self, hash: u64) -> Option<Code> {
        let bucket = self.buckets.get(self.home(hash))?;
        let place = match_tags(&bucket.tags, Self::tag(hash)).trailing_zeros();
        bucket.codes.get(place as usize).map(|&code| Code(code))
    }

    /// Whether a key with such a hash may be there, as far as its home bucket says.
    #[inline]
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let bucket = self.buckets.get(self.home(hash));
        bucket.is_some_and(|bucket| {
            bucket.passed != 0 || match_tags(&bucket.tags, Self::tag(hash)) != 0
        })
    }

    /// The first code under `hash` for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(Code) -> bool) -> Option<Code> {
        let home = self.home(hash);
        let bucket = self.buckets.get(home)?;
        let found = bucket.find(Self::tag(hash), &mut is_it);
        if found.is_some() || bucket.passed == 0 {
            return found;
        }
        self.find_after(home, Self::tag(hash), is_it)
    }

    /// Goes on behind the home bucket.
    #[cold]
    fn find_after(
        &self,
        home: usize,
        tag: u16,
        mut is_it: impl FnMut(Code) -> bool,
    ) -> Option<Code> {
        let mut at = home;
        for _ in 1..MAX_PROBES {
            at = self.after(at);
            let bucket = self.buckets.get(at)?;
            let found = bucket.find(tag, &mut is_it);
            if found.is_some() || bucket.passed == 0 {
                return found;
            }
        }
        None
    }

    /// Adds `code` under `hash` at once where a look at the home bucket says that no key with such a hash is there, and
    /// that there is room: nearly always. Says whether it did.
    #[inline]
    pub(crate) fn insert_alone(&mut self, hash: u64, code: Code) -> bool {
        let (home, tag) = (self.home(hash), Self::tag(hash));
        let Some(bucket) = self.buckets.get_mut(home) else {
            return false;
        };
        if bucket.passed != 0 || match_tags(&bucket.tags, tag) != 0 {
            return false;
        }
        let place = match_tags(&bucket.tags, 0).trailing_zeros() as usize;
        let Some(free) = bucket.codes.get_mut(place) else {
            return false;
        };
        *free = code.0;
        bucket.set_tag(place, tag);
        true
    }

    /// Adds `code` under `hash`, and says how many buckets from home it landed.
    pub(crate) fn insert(&mut self, hash: u64, code: Code) -> Result<usize, Crowded> {
        let home = self.home(hash);
        let mut at = home;
        for distance in 0..MAX_PROBES.min(self.buckets.len()) {
            let next = self.after(at);
            let bucket = self.buckets.get_mut(at).ok_or(Crowded)?;
            let place = match_tags(&bucket.tags, 0).trailing_zeros() as usize;
            if let Some(free) = bucket.codes.get_mut(place) {
                *free = code.0;
                bucket.set_tag(place, Self::tag(hash));
                self.each_on_the_way(home, distance, Bucket::passed_one_more);
                return Ok(distance);
            }
            at = next;
        }
        Err(Crowded)
    }

    /// Removes `code`, which was added under `hash`; does nothing when it is not there.
    pub(crate) fn remove(&mut self, hash: u64, code: Code) {
        let tag = Self::tag(hash);
        let home = self.home(hash);
        let mut at = home;
        for distance in 0..MAX_PROBES {
            let next = self.after(at);
            let Some(bucket) = self.buckets.get_mut(at) else {
                return;
            };
            let found = places(match_tags(&bucket.tags, tag))
                .find(|&place| bucket.codes.get(place) == Some(&code.0));
            if let Some(place) = found {
                bucket.set_tag(place, 0);
                self.each_on_the_way(home, distance, Bucket::passed_one_less);
                return;
            }
            if bucket.passed == 0 {
                return;
            }
            at = next;
        }
    }

    /// Changes the first `distance` buckets from `home` on.
    #[inline]
    fn each_on_the_way(&mut self, home: usize, distance: usize, change: fn(&mut Bucket)) {
        let mut at = home;
        for _ in 0..distance {
            let next = self.after(at);
            if let Some(bucket) = self.buckets.get_mut(at) {
                change(bucket);
            }
            at = next;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.fill(Bucket::EMPTY);
    }

    /// Keys in the index, and buckets that they passed, all together.
    pub(crate) fn probes(&self) -> (usize, u64) {
        let keys = |bucket: &Bucket| TAGS - match_tags(&bucket.tags, 0).count_ones() as usize;
        let passed = self
            .buckets
            .iter()
            .map(|bucket| u64::from(bucket.passed))
            .sum();
        (self.buckets.iter().map(keys).sum(), passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash with the given home bucket, in an index of `index`'s size, and tag.
    fn hash(index: &Index, home: usize, tag: u16) -> u64 {
        let count = index.buckets.len() as u128;
        let first = ((home as u128) << 64).div_ceil(count);
        let hash = (u64::try_from(first).unwrap() | 0xffff) & !0xffff | u64::from(tag);
        let hash = hash + 0x1_0000;
        assert_eq!(index.home(hash), home);
        hash
    }

    fn code(slot: u32) -> Code {
        Code::new(slot, Direction::Reply)
    }

    #[test]
    fn a_code_is_a_slot_and_a_direction() {
        for direction in [Direction::Original, Direction::Reply] {
            let code = Code::new(0x3fff_ffff, direction);
            assert_eq!(code.slot(), 0x3fff_ffff);
            assert_eq!(code.direction(), direction);
        }
    }

    #[test]
    fn keys_overflow_to_the_next_buckets_and_around_the_end() {
        let mut index = Index::new(100).unwrap();
        let last = index.buckets.len() - 1;
        let hash = hash(&index, last, 7);
        for slot in 0..25 {
            let distance = index.insert(hash, code(slot)).unwrap();
            assert_eq!(distance, slot as usize / TAGS);
        }
        assert_eq!(index.buckets[last].passed, 17);
        assert_eq!(index.buckets[0].passed, 9);
        assert_eq!(index.buckets[1].passed, 1);
        assert_eq!(index.probes(), (25, 27));
        for slot in 0..25 {
            assert_eq!(index.find(hash, |c| c == code(slot)), Some(code(slot)));
        }
        assert_eq!(index.find(hash, |c| c == code(25)), None);
        // Removed in another order than added, each is gone and the others stay.
        for slot in (0..25).step_by(2).chain((1..25).step_by(2)) {
            index.remove(hash, code(slot));
            index.remove(hash, code(slot));
            assert_eq!(index.find(hash, |c| c == code(slot)), None);
        }
        assert_eq!(index.probes(), (0, 0));
    }

    #[test]
    fn a_crowd_is_refused_and_leaves_no_trace() {
        let mut index = Index::new(1_000).unwrap();
        let hash = hash(&index, 3, 9);
        let room = u32::try_from(MAX_PROBES * TAGS).unwrap();
        for slot in 0..room {
            index.insert(hash, code(slot)).unwrap();
        }
        let before = index.probes();
        assert_eq!(index.insert(hash, code(room)), Err(Crowded));
        assert_eq!(index.probes(), before);
        // A look-up of an absent key looks at MAX_PROBES buckets and no more.
        let mut seen = 0;
        assert_eq!(
            index.find(hash, |_| {
                seen += 1;
                false
            }),
            None
        );
        assert_eq!(seen, room);
        index.remove(hash, code(0));
        assert_eq!(index.insert(hash, code(room)), Ok(0));
    }

    #[test]
    fn every_place_of_the_smallest_index_is_used_before_it_refuses() {
        let mut index = Index::new(2).unwrap();
        let room = u32::try_from(index.buckets.len() * TAGS).unwrap();
        for slot in 0..room {
            index.insert(0, code(slot)).unwrap();
        }
        assert_eq!(index.insert(0, code(room)), Err(Crowded));
        assert_eq!(index.find(0, |_| false), None);
    }

    #[test]
    fn a_zero_tag_is_not_a_free_place() {
        let mut index = Index::new(2).unwrap();
        index.insert(0, code(5)).unwrap();
        assert_eq!(index.find(0, |_| true), Some(code(5)));
        assert_eq!(index.likely(0), Some(code(5)));
        assert_eq!(index.probes().0, 1);
    }
}
