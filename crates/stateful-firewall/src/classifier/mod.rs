//! Finding the first rule whose condition holds.
//!
//! A [`Classifier`] has two ways. The *linear* one asks rule after rule: it is the reference, and the
//! faster one for few rules. The *tuple space* (Srinivasan, Suri and Varghese, SIGCOMM 1999) files
//! rules under those bits of the packet that they fix: rules that fix the same bits, a *tuple*,
//! share a hash table, and a packet looks into one place of each table. Tuples are asked in the
//! order of their best rule, and the search ends when no tuple left can hold a better one than was
//! found.
//!
//! What is found in a table is only a candidate, whose whole condition is asked. So everything may
//! be filed more coarsely than it is: prefix lengths are rounded down to few steps, so that there are
//! few tuples (Daly et al., TupleMerge, ToN 2019), and a rule that would fall apart into too many
//! prefixes is filed under what these have in common. A property test holds both ways equal.
//!
//! Candidates in one place are asked one by one. Rules that differ in nothing but TCP flags, ICMP
//! types, interfaces, DSCP or users stand in one place.

mod cell;
mod table;
mod tuple_space;

use crate::compile::Matcher;
use crate::facts::Facts;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;
use tuple_space::TupleSpace;

/// The most rules that are asked one by one.
const LINEAR: usize = 16;

/// The most cells that all rules of a list are filed under together.
const CELLS: usize = 1 << 22;

/// The most cells that one rule is filed under in one address family.
const CELLS_PER_RULE: usize = 64;

/// Conditions in the order of their priority.
#[derive(Debug, Clone)]
pub(crate) struct Classifier {
    matchers: Box<[Matcher]>,
    spaces: Option<Box<(TupleSpace<u32>, TupleSpace<u128>)>>,
}

impl Classifier {
    pub(crate) fn new(matchers: Vec<Matcher>) -> Self {
        let spaces = (matchers.len() > LINEAR).then(|| Self::spaces(&matchers));
        Self {
            matchers: matchers.into_boxed_slice(),
            spaces,
        }
    }

    /// As [`new`](Self::new), with the tuple space however few the rules are.
    #[cfg(test)]
    pub(crate) fn with_tuples(matchers: Vec<Matcher>) -> Self {
        let spaces = Some(Self::spaces(&matchers));
        Self {
            matchers: matchers.into_boxed_slice(),
            spaces,
        }
    }

    fn spaces(matchers: &[Matcher]) -> Box<(TupleSpace<u32>, TupleSpace<u128>)> {
        let cells = (CELLS / matchers.len().max(1)).clamp(1, CELLS_PER_RULE);
        Box::new((
            TupleSpace::new(matchers, cells),
            TupleSpace::new(matchers, cells),
        ))
    }

    pub(crate) fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The first condition that holds, of those at `start` and behind it.
    #[inline]
    pub(crate) fn first(&self, facts: &Facts, start: usize) -> Option<usize> {
        let Some(spaces) = &self.spaces else {
            return self.first_linear(facts, start);
        };
        match (facts.source, facts.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => spaces.0.first(
                &self.matchers,
                facts,
                [source.to_bits(), destination.to_bits()],
                start,
            ),
            (IpAddr::V6(source), IpAddr::V6(destination)) => spaces.1.first(
                &self.matchers,
                facts,
                [source.to_bits(), destination.to_bits()],
                start,
            ),
            // No packet is of two families.
            _ => None,
        }
    }

    /// The same, asking one by one.
    #[inline]
    pub(crate) fn first_linear(&self, facts: &Facts, start: usize) -> Option<usize> {
        let behind = self.matchers.get(start..)?;
        let at = behind.iter().position(|matcher| matcher.holds(facts))?;
        Some(start + at)
    }

    /// Tuples over IPv4 and over IPv6, and the most candidates in one place.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        self.spaces
            .as_ref()
            .map_or((0, 0, self.matchers.len()), |spaces| {
                let most = spaces.0.most_candidates().max(spaces.1.most_candidates());
                (spaces.0.tuples(), spaces.1.tuples(), most)
            })
    }
}

#[cfg(test)]
mod tests;
