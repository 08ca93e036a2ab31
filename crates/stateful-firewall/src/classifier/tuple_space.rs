//! All tuples of one address family.

use super::cell::{Point, Shape, Word, cells};
use super::table::Table;
use crate::compile::Matcher;
use crate::facts::Facts;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A place with more candidates than this is filed anew without rounding.
const CROWDED: usize = 8;

#[derive(Debug, Clone)]
struct Tuple {
    shape: Shape,
    /// The lowest rule in it.
    best: u32,
    table: Table,
}

#[derive(Debug, Clone)]
pub(super) struct TupleSpace<T> {
    /// In the order of their best rules.
    tuples: Box<[Tuple]>,
    family: core::marker::PhantomData<T>,
}

type Filed<T> = BTreeMap<Shape, BTreeMap<u64, Vec<(u32, Shape, Point<T>)>>>;

fn file<T: Word>(filed: &mut Filed<T>, under: Shape, rule: u32, shape: Shape, point: Point<T>) {
    filed
        .entry(under)
        .or_default()
        .entry(point.hash(&under))
        .or_default()
        .push((rule, shape, point));
}

impl<T: Word> TupleSpace<T> {
    /// Files the conditions, each under `cells` cells at most.
    pub(super) fn new(matchers: &[Matcher], cells_per_rule: usize) -> Self {
        let mut coarse = Filed::new();
        for (rule, matcher) in (0u32..).zip(matchers) {
            for (shape, point) in cells::<T>(matcher, cells_per_rule) {
                file(&mut coarse, shape.rounded::<T>(), rule, shape, point);
            }
        }
        let mut fine = Filed::new();
        for (under, places) in coarse {
            for (_, candidates) in places {
                let crowded = candidates.len() > CROWDED;
                for (rule, shape, point) in candidates {
                    let under = if crowded { shape } else { under };
                    file(&mut fine, under, rule, shape, point);
                }
            }
        }
        let mut tuples: Vec<Tuple> = fine
            .into_iter()
            .map(|(shape, places)| {
                let mut best = u32::MAX;
                let places: Vec<(u64, Vec<u32>)> = places
                    .into_iter()
                    .map(|(hash, candidates)| {
                        let mut rules: Vec<u32> =
                            candidates.into_iter().map(|(rule, ..)| rule).collect();
                        rules.sort_unstable();
                        rules.dedup();
                        best = best.min(rules.first().copied().unwrap_or(u32::MAX));
                        (hash, rules)
                    })
                    .collect();
                Tuple {
                    shape,
                    best,
                    table: Table::new(&places),
                }
            })
            .collect();
        tuples.sort_by_key(|tuple| tuple.best);
        Self {
            tuples: tuples.into_boxed_slice(),
            family: core::marker::PhantomData,
        }
    }

    pub(super) fn tuples(&self) -> usize {
        self.tuples.len()
    }

    pub(super) fn most_candidates(&self) -> usize {
        self.tuples
            .iter()
            .map(|tuple| tuple.table.most())
            .max()
            .unwrap_or(0)
    }

    /// The first condition that holds, of those at `start` and behind it.
    #[inline]
    pub(super) fn first(
        &self,
        matchers: &[Matcher],
        facts: &Facts,
        [source, destination]: [T; 2],
        start: usize,
    ) -> Option<usize> {
        let (source_port, destination_port) = facts.ports.unwrap_or((0, 0));
        let point = Point {
            source,
            destination,
            ports: [source_port, destination_port],
            protocol: facts.protocol.0,
            from: facts.from.0,
            to: facts.to.0,
        };
        let mut found = usize::MAX;
        for tuple in &self.tuples {
            if tuple.best as usize >= found {
                break;
            }
            for candidate in tuple.table.get(point.hash(&tuple.shape)) {
                let candidate = *candidate as usize;
                if candidate >= found {
                    break;
                }
                if candidate >= start
                    && matchers
                        .get(candidate)
                        .is_some_and(|matcher| matcher.holds(facts))
                {
                    found = candidate;
                    break;
                }
            }
        }
        (found != usize::MAX).then_some(found)
    }
}
