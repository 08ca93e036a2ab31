//! Numbers by prefix: exact and longest-prefix lookups, and the order of prefixes.
//!
//! A tree bitmap (Eatherton, Dittia, Varghese, 2004): each node stands for five bits of the address.
//! It holds the values of the 31 prefixes that end within them, and up to 32 nodes that go on, all
//! told by one bitmap of 63 bits in the order of prefixes, so that going on in that order is one
//! instruction. Values and nodes of a node lie in one block each, in two arrays.
//!
//! It stands here because the trie crates that we know need `std`, and this crate does not; `prefix-trie`
//! is its peer in the benches.
//!
//! A prefix takes at most 8 nodes (IPv4) or 26 (IPv6) of 16 octets; in tables that are found in
//! practice, about one for each prefix or less.

use alloc::vec::Vec;

use crate::growth::reserve_for_one;

/// Bits of the address that a node stands for.
const STRIDE: u8 = 5;
/// Nodes on the way to the longest prefix, at the most.
const DEPTH: usize = 128 / STRIDE as usize + 1;

/// The place in the order of prefixes of each prefix that ends in a node, at its index in breadth
/// order (`2^d - 1 + bits`, `d` from 0 to 5; the last 32 are those that go on).
const ORDER: [u8; 63] = order();
/// The places of the prefixes, without those that go on.
const VALUES: u64 = places(0, 31);
/// The places of those that go on.
const CHILDREN: u64 = places(31, 63);
/// For each five bits: the places of the prefixes that they start with.
const COVERS: [u64; 32] = covers();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler; below 63"
)]
const fn order() -> [u8; 63] {
    let mut order = [0; 63];
    let mut index = 0;
    while index < 63 {
        let depth = (index as u32 + 1).ilog2();
        let bits = index as u32 + 1 - (1 << depth);
        // Each step down goes past the prefix itself, and to the right past the whole left half.
        let mut place = depth;
        let mut step = 1;
        while step <= depth {
            if bits >> (depth - step) & 1 == 1 {
                place += (1 << (6 - step)) - 1;
            }
            step += 1;
        }
        order[index] = place as u8;
        index += 1;
    }
    order
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn places(from: usize, to: usize) -> u64 {
    let mut places = 0;
    let mut index = from;
    while index < to {
        places |= 1 << ORDER[index];
        index += 1;
    }
    places
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn covers() -> [u64; 32] {
    let mut covers = [0; 32];
    let mut bits = 0;
    while bits < 32 {
        let mut depth = 0;
        while depth < 5 {
            covers[bits] |= 1 << ORDER[(1 << depth) - 1 + (bits >> (5 - depth))];
            depth += 1;
        }
        bits += 1;
    }
    covers
}

/// The place of the prefix that ends `depth` bits into a node with these bits; `depth` is 5 for
/// one that goes on.
fn place(depth: u8, bits: usize) -> u8 {
    let index = (1usize << depth) - 1 + bits;
    ORDER.get(index).copied().unwrap_or(0)
}

/// Ones below this place.
fn below(place: u8) -> u64 {
    (1u64 << place) - 1
}

/// `count` bits of the key, from the bit `from` on. Keys are left-aligned.
fn bits(key: u128, from: u8, count: u8) -> usize {
    if count == 0 {
        return 0;
    }
    // The last node of an IPv6 address stands for bits beyond its end, which are zero.
    let shifted = key << from;
    usize::try_from(shifted >> (128 - u32::from(count))).unwrap_or(0)
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    present: u64,
    values: u32,
    children: u32,
}

impl Node {
    fn has(&self, place: u8) -> bool {
        self.present >> place & 1 == 1
    }

    fn value_rank(&self, place: u8) -> u32 {
        (self.present & VALUES & below(place)).count_ones()
    }

    fn child_rank(&self, place: u8) -> u32 {
        (self.present & CHILDREN & below(place)).count_ones()
    }

    fn value_count(&self) -> u32 {
        (self.present & VALUES).count_ones()
    }

    fn child_count(&self) -> u32 {
        (self.present & CHILDREN).count_ones()
    }
}

/// Numbers by prefix. A key is the bits of an address, left-aligned in 128.
#[derive(Debug)]
pub(super) struct Trie {
    root: Node,
    nodes: Blocks<Node>,
    values: Blocks<u32>,
}

/// Where a node lies: nowhere for the root.
type Place = Option<u32>;

impl Trie {
    pub(super) fn new() -> Self {
        Self {
            root: Node::default(),
            nodes: Blocks::new(),
            values: Blocks::new(),
        }
    }

    fn node(&self, place: Place) -> Node {
        place.map_or(self.root, |index| self.nodes.get(index))
    }

    fn set_node(&mut self, place: Place, node: Node) {
        match place {
            None => self.root = node,
            Some(index) => self.nodes.set(index, node),
        }
    }

    /// The number of exactly this prefix.
    pub(super) fn get(&self, key: u128, length: u8) -> Option<u32> {
        let mut node = self.root;
        let mut from = 0;
        while length - from >= STRIDE {
            let place = place(STRIDE, bits(key, from, STRIDE));
            if !node.has(place) {
                return None;
            }
            node = self.nodes.get(node.children + node.child_rank(place));
            from += STRIDE;
        }
        let depth = length - from;
        let place = place(depth, bits(key, from, depth));
        node.has(place)
            .then(|| self.values.get(node.values + node.value_rank(place)))
    }

    /// Gives the prefix this number; it must not have one.
    pub(super) fn insert(&mut self, key: u128, length: u8, value: u32) {
        let mut at: Place = None;
        let mut from = 0;
        loop {
            let mut node = self.node(at);
            let depth = (length - from).min(STRIDE);
            let place = place(depth, bits(key, from, depth));
            if depth < STRIDE {
                debug_assert!(!node.has(place), "the prefix has a number");
                let rank = node.value_rank(place);
                let count = node.value_count();
                node.values = self.values.insert(node.values, count, rank, value);
                node.present |= 1 << place;
                self.set_node(at, node);
                return;
            }
            let rank = node.child_rank(place);
            if !node.has(place) {
                let count = node.child_count();
                node.children = self
                    .nodes
                    .insert(node.children, count, rank, Node::default());
                node.present |= 1 << place;
                self.set_node(at, node);
            }
            at = Some(node.children + rank);
            from += STRIDE;
        }
    }

    /// Takes the number of a prefix away.
    pub(super) fn remove(&mut self, key: u128, length: u8) -> Option<u32> {
        let mut path: [(Place, u8); DEPTH] = [(None, 0); DEPTH];
        let mut used = 0;
        let mut at: Place = None;
        let mut from = 0;
        while length - from >= STRIDE {
            let node = self.node(at);
            let place = place(STRIDE, bits(key, from, STRIDE));
            if !node.has(place) {
                return None;
            }
            *path.get_mut(used)? = (at, place);
            used += 1;
            at = Some(node.children + node.child_rank(place));
            from += STRIDE;
        }
        let mut node = self.node(at);
        let depth = length - from;
        let place = place(depth, bits(key, from, depth));
        if !node.has(place) {
            return None;
        }
        let rank = node.value_rank(place);
        let removed = self.values.get(node.values + rank);
        node.values = self.values.remove(node.values, node.value_count(), rank);
        node.present &= !(1 << place);
        self.set_node(at, node);
        // Nodes that hold nothing any more go, from the bottom up.
        while node.present == 0 && used > 0 {
            used -= 1;
            let Some(&(at, place)) = path.get(used) else {
                break;
            };
            node = self.node(at);
            let rank = node.child_rank(place);
            node.children = self.nodes.remove(node.children, node.child_count(), rank);
            node.present &= !(1 << place);
            self.set_node(at, node);
        }
        Some(removed)
    }

    /// The number of the longest prefix of the address of which `accept` says yes.
    #[inline]
    pub(super) fn longest(
        &self,
        key: u128,
        bits_of_family: u8,
        mut accept: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        // The longest is most likely to be accepted, so the way down remembers the last node with a
        // match alone. In the rare other case it is gone again, not as far.
        let mut end = bits_of_family;
        loop {
            let mut found: Option<(u64, Node, u8)> = None;
            let mut node = self.root;
            let mut from = 0;
            loop {
                let chunk = bits(key, from, STRIDE);
                let matches = node.present & COVERS.get(chunk).copied().unwrap_or(0);
                if matches != 0 {
                    found = Some((matches, node, from));
                }
                let place = place(STRIDE, chunk);
                if from + STRIDE > end || !node.has(place) {
                    break;
                }
                node = self.nodes.get(node.children + node.child_rank(place));
                from += STRIDE;
            }
            let (mut matches, node, from) = found?;
            while let Some(place) = matches.checked_ilog2() {
                #[expect(clippy::cast_possible_truncation, reason = "below 64")]
                let value = self.values.get(node.values + node.value_rank(place as u8));
                if accept(value) {
                    return Some(value);
                }
                matches &= !(1 << place);
            }
            end = from.checked_sub(1)?;
        }
    }

    /// The number of the first prefix in the order of prefixes; with `after`, of the first behind
    /// that prefix, which need not be there.
    pub(super) fn next(&self, after: Option<(u128, u8)>) -> Option<u32> {
        let Some((key, length)) = after else {
            return self.first_from(self.root, 0);
        };
        // Along the way to the prefix, what lies to the right of the way; the deepest comes first.
        let mut path: [(Node, u8); DEPTH] = [(Node::default(), 0); DEPTH];
        let mut used = 0;
        let mut node = self.root;
        let mut from = 0;
        loop {
            let depth = (length - from).min(STRIDE);
            let place = place(depth, bits(key, from, depth));
            *path.get_mut(used)? = (node, place + 1);
            used += 1;
            if depth < STRIDE || !node.has(place) {
                break;
            }
            node = self.nodes.get(node.children + node.child_rank(place));
            from += STRIDE;
        }
        path.iter()
            .take(used)
            .rev()
            .find_map(|&(node, place)| self.first_from(node, place))
    }

    /// The first number in a node at this place or behind it, or in what goes on from there.
    fn first_from(&self, mut node: Node, mut from: u8) -> Option<u32> {
        loop {
            let rest = node.present & !below(from);
            if rest == 0 {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "below 64")]
            let place = rest.trailing_zeros() as u8;
            if VALUES >> place & 1 == 1 {
                return Some(self.values.get(node.values + node.value_rank(place)));
            }
            // A node is never empty, so there is something further down.
            node = self.nodes.get(node.children + node.child_rank(place));
            from = 0;
        }
    }
}

/// The sizes of blocks.
const SIZES: [u32; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// The class of the smallest block for so many.
fn class(count: u32) -> usize {
    SIZES
        .iter()
        .position(|&size| size >= count)
        .unwrap_or(SIZES.len() - 1)
}

/// Short rows of items of one kind in one array.
#[derive(Debug)]
struct Blocks<T> {
    items: Vec<T>,
    /// Blocks that are free, by class.
    free: [Vec<u32>; SIZES.len()],
}

impl<T: Copy + Default> Blocks<T> {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            free: Default::default(),
        }
    }

    #[inline]
    fn get(&self, index: u32) -> T {
        self.items.get(index as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, index: u32, item: T) {
        if let Some(place) = self.items.get_mut(index as usize) {
            *place = item;
        }
    }

    fn allocate(&mut self, class: usize) -> u32 {
        if let Some(block) = self.free.get_mut(class).and_then(Vec::pop) {
            return block;
        }
        let size = SIZES.get(class).copied().unwrap_or(32) as usize;
        // The number of prefixes is bounded far below what 32 bits count.
        let block = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        reserve_for_one(&mut self.items, size);
        self.items.resize(self.items.len() + size, T::default());
        block
    }

    fn release(&mut self, block: u32, class: usize) {
        if let Some(free) = self.free.get_mut(class) {
            reserve_for_one(free, 1);
            free.push(block);
        }
    }

    /// Puts an item at `rank` into the block of `count`, and returns where the block lies then.
    fn insert(&mut self, block: u32, count: u32, rank: u32, item: T) -> u32 {
        let (from, to) = (class(count), class(count + 1));
        let moved = if count == 0 || from != to {
            let moved = self.allocate(to);
            for index in 0..count {
                let item = self.get(block + index);
                self.set(moved + index, item);
            }
            if count > 0 {
                self.release(block, from);
            }
            moved
        } else {
            block
        };
        for index in (rank..count).rev() {
            let item = self.get(moved + index);
            self.set(moved + index + 1, item);
        }
        self.set(moved + rank, item);
        moved
    }

    /// Takes the item at `rank` out of the block of `count`, and returns where the block lies then.
    fn remove(&mut self, block: u32, count: u32, rank: u32) -> u32 {
        for index in rank + 1..count {
            let item = self.get(block + index);
            self.set(block + index - 1, item);
        }
        let from = class(count);
        if count == 1 {
            self.release(block, from);
            return 0;
        }
        let to = class(count - 1);
        if from == to {
            return block;
        }
        let moved = self.allocate(to);
        for index in 0..count - 1 {
            let item = self.get(block + index);
            self.set(moved + index, item);
        }
        self.release(block, from);
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::btree_map::{BTreeMap, Entry};
    use proptest::prelude::*;

    #[test]
    fn the_order_within_a_node_is_that_of_prefixes() {
        // Left-aligned in five bits, with the length behind: the order of (network, length).
        let mut prefixes: Vec<(usize, usize, u8)> = Vec::new();
        for depth in 0..=5usize {
            for bits in 0..1 << depth {
                let index = (1 << depth) - 1 + bits;
                prefixes.push((bits << (5 - depth), depth, ORDER[index]));
            }
        }
        prefixes.sort_unstable();
        let places: Vec<u8> = prefixes.iter().map(|&(_, _, place)| place).collect();
        assert_eq!(places, (0..63).collect::<Vec<u8>>());
        assert_eq!(VALUES.count_ones(), 31);
        assert_eq!(CHILDREN.count_ones(), 32);
        assert_eq!(VALUES & CHILDREN, 0);
    }

    fn mask(length: u8) -> u128 {
        if length == 0 {
            0
        } else {
            u128::MAX << (128 - length)
        }
    }

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
                (u128::from(a) << 120 | u128::from(b & 3) << (at & !7)) & mask(bits)
            })
        };
        let operation = prop_oneof![
            4 => (key(), 0..=bits).prop_map(|(key, length)| Operation::Insert(key & mask(length), length)),
            2 => any::<usize>().prop_map(Operation::Remove),
            1 => key().prop_map(Operation::Longest),
            1 => (key(), 0..=bits).prop_map(|(key, length)| Operation::Next(key & mask(length), length)),
        ];
        prop::collection::vec(operation, 0..200)
    }

    fn against_a_map(bits: u8, operations: Vec<Operation>) -> Result<(), TestCaseError> {
        let mut trie = Trie::new();
        let mut model: BTreeMap<(u128, u8), u32> = BTreeMap::new();
        for (number, operation) in (0..).zip(operations) {
            match operation {
                Operation::Insert(key, length) => {
                    prop_assert_eq!(trie.get(key, length), model.get(&(key, length)).copied());
                    if let Entry::Vacant(vacant) = model.entry((key, length)) {
                        trie.insert(key, length, number);
                        vacant.insert(number);
                    }
                }
                Operation::Remove(at) => {
                    let Some(&(key, length)) = model.keys().nth(at % model.len().max(1)) else {
                        continue;
                    };
                    prop_assert_eq!(trie.remove(key, length), model.remove(&(key, length)));
                    prop_assert_eq!(trie.remove(key, length), None);
                }
                Operation::Longest(key) => {
                    let longest = |odd: bool| {
                        model
                            .iter()
                            .filter(|((network, length), value)| {
                                key & mask(*length) == *network && (!odd || *value % 2 == 1)
                            })
                            .max_by_key(|((_, length), _)| *length)
                            .map(|(_, &value)| value)
                    };
                    prop_assert_eq!(trie.longest(key, bits, |_| true), longest(false));
                    prop_assert_eq!(trie.longest(key, bits, |v| v % 2 == 1), longest(true));
                }
                Operation::Next(key, length) => {
                    use core::ops::Bound::{Excluded, Unbounded};
                    let next = model.range((Excluded((key, length)), Unbounded)).next();
                    prop_assert_eq!(trie.next(Some((key, length))), next.map(|(_, &v)| v));
                }
            }
            prop_assert_eq!(trie.next(None), model.values().next().copied());
        }
        for (key, length) in model.keys().copied().collect::<Vec<_>>() {
            prop_assert!(trie.remove(key, length).is_some());
        }
        prop_assert_eq!(trie.root.present, 0);
        let free = |free: &[Vec<u32>]| -> usize {
            free.iter()
                .zip(SIZES)
                .map(|(blocks, size)| blocks.len() * size as usize)
                .sum()
        };
        prop_assert_eq!(free(&trie.nodes.free), trie.nodes.items.len());
        prop_assert_eq!(free(&trie.values.free), trie.values.items.len());
        Ok(())
    }

    proptest! {
        #[test]
        fn ipv4_agrees_with_a_map(operations in operations(32)) {
            against_a_map(32, operations)?;
        }

        #[test]
        fn ipv6_agrees_with_a_map(operations in operations(128)) {
            against_a_map(128, operations)?;
        }
    }
}
