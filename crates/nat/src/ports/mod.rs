//! Port numbers: which are free, which rest after use, and which comes next.
//!
//! One [`PortSpace`] holds the ports of one outside address and one protocol (or the identifiers of
//! ICMP queries, which are numbers of the same size). Allocating and releasing take constant time
//! at any load: an exhausted space says so as fast as an empty one gives a port.

mod set;

pub use set::{Parity, PortSet};

use core::ops::RangeInclusive;
use core::time::Duration;
use packet_buffer::{Instant, RandomSource};

/// What a new mapping would like its port to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The ports that may be given at all.
    pub range: RangeInclusive<u16>,
    /// This port, if it is free.
    pub exact: Option<u16>,
    /// Ports of this parity rather than others.
    pub parity: Option<Parity>,
}

impl Wish {
    /// Any port of a range.
    pub const fn any(range: RangeInclusive<u16>) -> Self {
        Self {
            range,
            exact: None,
            parity: None,
        }
    }
}

/// The ports of one outside address and protocol.
#[derive(Debug, Clone)]
pub struct PortSpace {
    free: PortSet,
    rest: Option<Resting>,
    used: u32,
}

/// Ports that rest after use. They come back in groups: a group is open for half the quarantine,
/// and free when the whole quarantine has passed since it was closed.
#[derive(Debug, Clone)]
struct Resting {
    half: Duration,
    /// The open group, and those closed before it, latest first.
    groups: [PortSet; 3],
    /// When the open group was opened.
    opened: Instant,
}

impl PortSpace {
    /// A space whose ports in `range` are free.
    ///
    /// A port that is released is not given again for `quarantine`, and for half as long again at
    /// the most; zero for at once.
    // RFC 6888 §3 SHOULD (req-8): a port rests for 120 seconds before it is given again.
    pub fn new(range: RangeInclusive<u16>, quarantine: Duration) -> Self {
        let half = quarantine / 2;
        Self {
            free: PortSet::of(range),
            rest: (!quarantine.is_zero()).then(|| Resting {
                half,
                groups: core::array::from_fn(|_| PortSet::empty()),
                opened: Instant::ZERO,
            }),
            used: 0,
        }
    }

    /// Ports that are free.
    pub const fn free(&self) -> u32 {
        self.free.len()
    }

    /// Ports that are in use.
    pub const fn used(&self) -> u32 {
        self.used
    }

    /// Ports that rest after use.
    pub fn resting(&self) -> u32 {
        let groups = self.rest.as_ref().map(|rest| &rest.groups);
        groups.map_or(0, |groups| groups.iter().map(PortSet::len).sum())
    }

    /// Whether the port is free.
    pub fn is_free(&self, port: u16) -> bool {
        self.free.contains(port)
    }

    /// Takes a port out for good: it is used by the router itself, or forwarded.
    pub fn reserve(&mut self, port: u16) -> bool {
        self.free.remove(port)
    }

    /// Takes the port that fits the wish: the exact one if it is free, otherwise one of the range,
    /// from a random start, of the parity if there is one.
    // RFC 6056 §3.3.1: the search starts at a random port (algorithm 1 with an exhaustive search).
    pub fn allocate(
        &mut self,
        now: Instant,
        wish: &Wish,
        random: &mut dyn RandomSource,
    ) -> Option<u16> {
        self.settle(now);
        if self.free.is_empty() {
            return None;
        }
        let exact = wish.exact.filter(|port| wish.range.contains(port));
        if let Some(port) = exact
            && self.take(port)
        {
            return Some(port);
        }
        let (low, high) = (*wish.range.start(), *wish.range.end());
        let span = u32::from(high.checked_sub(low)?) + 1;
        let draw = random.below(span);
        let start = u16::try_from(u32::from(low) + draw).unwrap_or(low);
        let first = wish.parity.unwrap_or(Parity::of(start));
        let found = self
            .free
            .search(first, wish.range.clone(), start)
            .or_else(|| self.free.search(first.other(), wish.range.clone(), start))?;
        self.take(found).then_some(found)
    }

    /// The first free port of a range, of either parity; the even one of two neighbors.
    pub(crate) fn first_free(&self, range: RangeInclusive<u16>) -> Option<u16> {
        let start = *range.start();
        let even = self.free.search(Parity::Even, range.clone(), start);
        let odd = self.free.search(Parity::Odd, range, start);
        match (even, odd) {
            (Some(even), Some(odd)) => Some(even.min(odd)),
            (even, odd) => even.or(odd),
        }
    }

    /// Takes this port and no other; whether it was free.
    pub fn claim(&mut self, now: Instant, port: u16) -> bool {
        self.settle(now);
        self.take(port)
    }

    fn take(&mut self, port: u16) -> bool {
        let taken = self.free.remove(port);
        self.used += u32::from(taken);
        taken
    }

    /// Gives a port back, which was allocated or claimed.
    pub fn release(&mut self, now: Instant, port: u16) {
        self.settle(now);
        self.used = self.used.saturating_sub(1);
        match &mut self.rest {
            Some(Resting {
                groups: [open, ..], ..
            }) => open.insert(port),
            None => self.free.insert(port),
        };
    }

    /// Gives a port back that needs no rest, because nobody outside has seen it.
    pub fn release_unused(&mut self, port: u16) {
        self.used = self.used.saturating_sub(1);
        self.free.insert(port);
    }

    /// Frees the groups whose time has come. At most three steps of constant length.
    fn settle(&mut self, now: Instant) {
        let Some(rest) = &mut self.rest else {
            return;
        };
        let mut since = now - rest.opened;
        for _ in 0..rest.groups.len() {
            if since < rest.half {
                return;
            }
            // The open group closes; the oldest one has rested long enough.
            let [open, closed, oldest] = &mut rest.groups;
            self.free.take_all(oldest);
            core::mem::swap(closed, oldest);
            core::mem::swap(open, closed);
            rest.opened += rest.half;
            since = now - rest.opened;
        }
        if since >= rest.half {
            // All groups have come by; the rest of the time has nothing in it.
            rest.opened = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use testkit::SeededRandom;

    const AT: fn(u64) -> Instant = Instant::from_secs;

    #[test]
    fn every_port_is_given_once_and_then_none() {
        let mut random = SeededRandom::new(1);
        let mut space = PortSpace::new(1_024..=65_535, Duration::ZERO);
        let wish = Wish::any(1_024..=65_535);
        let mut seen = HashSet::new();
        for _ in 0..64_512 {
            assert!(seen.insert(space.allocate(AT(0), &wish, &mut random).unwrap()));
        }
        assert_eq!(space.allocate(AT(0), &wish, &mut random), None);
        assert_eq!((space.free(), space.used()), (0, 64_512));
        space.release(AT(0), 40_000);
        assert_eq!(space.allocate(AT(0), &wish, &mut random), Some(40_000));
    }

    #[test]
    fn the_exact_port_then_its_parity_then_any() {
        let mut random = SeededRandom::new(2);
        let mut space = PortSpace::new(100..=103, Duration::ZERO);
        let wish = Wish {
            range: 100..=103,
            exact: Some(102),
            parity: Some(Parity::Even),
        };
        let given: Vec<u16> =
            core::iter::from_fn(|| space.allocate(AT(0), &wish, &mut random)).collect();
        assert_eq!(given[..2], [102, 100]);
        assert_eq!(given.len(), 4);
    }

    #[test]
    fn ports_rest_for_the_quarantine() {
        let mut random = SeededRandom::new(3);
        let mut space = PortSpace::new(7..=7, Duration::from_secs(120));
        let wish = Wish::any(7..=7);
        let mut now = AT(5);
        for pause in [0, 59, 61, 1_000, 30, 100_000] {
            now += Duration::from_secs(pause);
            assert_eq!(space.allocate(now, &wish, &mut random), Some(7));
            space.release(now, 7);
            assert_eq!((space.free(), space.resting(), space.used()), (0, 1, 0));
            let early = now + Duration::from_micros(119_999_999);
            assert_eq!(space.allocate(early, &wish, &mut random), None);
            now += Duration::from_secs(180);
        }
        assert!(space.claim(now, 7));
        space.release_unused(7);
        assert!(space.claim(now, 7));
    }

    #[test]
    fn ports_are_spread_over_the_range() {
        let mut random = SeededRandom::new(4);
        let mut buckets = [0u32; 16];
        for _ in 0..4_000 {
            let mut space = PortSpace::new(0..=15, Duration::ZERO);
            let port = space.allocate(AT(0), &Wish::any(0..=15), &mut random);
            buckets[usize::from(port.unwrap())] += 1;
        }
        // 250 each on average; a generator that is not biased stays well within.
        assert!(
            buckets.iter().all(|&n| (180..330).contains(&n)),
            "{buckets:?}"
        );
    }

    proptest! {
        /// Whatever happens: no port is given twice, none while it rests, and none is lost.
        #[test]
        fn no_port_is_given_twice_or_too_early(
            steps in proptest::collection::vec((0u64..200, 0usize..3, any::<prop::sample::Index>()), 1..80),
        ) {
            let mut random = SeededRandom::new(5);
            let mut space = PortSpace::new(10..=29, Duration::from_secs(120));
            let (mut now, mut held) = (AT(0), Vec::new());
            let mut released = std::collections::HashMap::new();
            for (pause, what, which) in steps {
                now += Duration::from_secs(pause);
                if what == 0 && !held.is_empty() {
                    let port: u16 = held.swap_remove(which.index(held.len()));
                    space.release(now, port);
                    released.insert(port, now);
                } else if let Some(port) = space.allocate(now, &Wish::any(10..=29), &mut random) {
                    prop_assert!(!held.contains(&port));
                    if let Some(at) = released.get(&port) {
                        prop_assert!(now - *at >= Duration::from_secs(120));
                    }
                    held.push(port);
                }
                prop_assert_eq!(space.used() as usize, held.len());
                prop_assert_eq!(space.free() + space.resting() + space.used(), 20);
            }
        }
    }
}
