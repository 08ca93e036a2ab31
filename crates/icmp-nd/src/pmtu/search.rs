//! Which size to probe next (RFC 8899 §5.3).

use super::plateau_above;

/// How a search goes through the sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Search {
    /// Up the [plateaus](super::PLATEAUS), one after the other: each costs a round trip, and only
    /// the first that does not fit costs lost probes. What lies between the last that fits and the
    /// first that does not is searched by halves down to `granularity` octets; 0 leaves that out.
    Plateaus {
        /// Octets of unused MTU that are not worth another probe; 0 to stop at plateaus.
        granularity: u32,
    },
    /// The largest size first; where it does not fit, by halves down to `granularity` octets, from
    /// 1.
    Binary {
        /// Octets of unused MTU that are not worth another probe.
        granularity: u32,
    },
}

impl Default for Search {
    fn default() -> Self {
        Self::Plateaus { granularity: 0 }
    }
}

/// What is known of the sizes: all up to `fits` get through, none from `fails` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    fits: u32,
    fails: u32,
    /// Whether `fails` was found out, and is not just beyond the maximum.
    narrowed: bool,
    /// What a router has reported: the likeliest size.
    hint: Option<u32>,
}

impl Range {
    /// Nothing is known between `fits` and `max`.
    pub(super) const fn new(fits: u32, max: u32) -> Self {
        Self {
            fits,
            fails: max.saturating_add(1),
            narrowed: false,
            hint: None,
        }
    }

    pub(super) fn fits(&mut self, size: u32) {
        self.fits = self.fits.max(size);
    }

    pub(super) fn fails(&mut self, size: u32) {
        if size < self.fails {
            self.fails = size;
            self.narrowed = true;
        }
    }

    /// A router says that `mtu` fits.
    pub(super) fn reported(&mut self, mtu: u32) {
        self.fails(mtu.saturating_add(1));
        self.hint = Some(mtu);
    }

    /// The next size to try: above all that fit, below all that fail; `None` when it is not worth
    /// another probe.
    pub(super) fn next(&self, search: Search) -> Option<u32> {
        let gap = self.fails.saturating_sub(self.fits);
        if gap <= 1 {
            return None;
        }
        if let Some(hint) = self.hint
            && hint > self.fits
            && hint < self.fails
        {
            return Some(hint);
        }
        let largest = self.fails - 1;
        let halves = |granularity: u32| {
            let granularity = granularity.max(1);
            (gap > granularity).then(|| self.fits + gap / 2)
        };
        match search {
            Search::Plateaus { granularity } => {
                let plateau = plateau_above(self.fits);
                if plateau > self.fits && plateau <= largest {
                    return Some(plateau);
                }
                match (self.narrowed, granularity) {
                    // The link's own MTU need not be a plateau.
                    (false, _) => Some(largest),
                    (true, 0) => None,
                    (true, _) => halves(granularity),
                }
            }
            Search::Binary { .. } if !self.narrowed => Some(largest),
            Search::Binary { granularity } => halves(granularity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The sizes that a search probes on a path that takes `path` octets, and what it finds.
    fn run(search: Search, base: u32, max: u32, path: u32) -> (Vec<u32>, u32) {
        let mut range = Range::new(base, max);
        let mut probed = Vec::new();
        let mut found = base;
        while let Some(size) = range.next(search) {
            probed.push(size);
            assert!(probed.len() < 100, "{search:?} does not end: {probed:?}");
            if size <= path {
                range.fits(size);
                found = size;
            } else {
                range.fails(size);
            }
        }
        (probed, found)
    }

    #[test]
    fn plateaus_lose_probes_at_one_size_only() {
        let search = Search::Plateaus { granularity: 0 };
        let (probed, found) = run(search, 1280, 9000, 1500);
        assert_eq!(probed, [1492, 1500, 2002]);
        assert_eq!(found, 1500);
        assert_eq!(run(search, 1280, 9001, 9001).1, 9001);
        assert_eq!(run(search, 1280, 1480, 1480).1, 1480);
    }

    #[test]
    fn a_report_is_tried_first() {
        let mut range = Range::new(1280, 9000);
        range.reported(1400);
        let search = Search::default();
        assert_eq!(range.next(search), Some(1400));
        range.fits(1400);
        assert_eq!(range.next(search), None);
    }

    proptest! {
        #[test]
        fn every_search_ends_within_its_granularity(
            base in 68u32..3_000, above in 0u32..65_000, path in 0u32..65_000, granularity in 0u32..64,
        ) {
            let max = base + above;
            let path = base + path.min(above);
            for search in [Search::Plateaus { granularity }, Search::Binary { granularity }] {
                let (probed, found) = run(search, base, max, path);
                prop_assert!(probed.iter().all(|&size| size > base && size <= max));
                prop_assert!(found <= path);
                prop_assert!(probed.len() <= 34, "{} probes", probed.len());
                let exact = !matches!(search, Search::Plateaus { granularity: 0 });
                if exact {
                    prop_assert!(path - found <= granularity.max(1), "{found} of {path}");
                }
            }
        }
    }
}
