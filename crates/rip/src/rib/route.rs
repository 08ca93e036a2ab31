//! A route, and what happens to it.

use alloc::vec::Vec;

use crate::engine::InterfaceId;
use crate::family::Family;

/// Where a route comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The network of an interface.
    Connected,
    /// Configuration.
    Static,
    /// Learned from a neighbor by this engine.
    Rip,
    /// Another protocol, under a number of the caller's.
    Other(u8),
}

/// One way on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHop<F: Family> {
    /// The interface; `None` for a route that leads nowhere, which is announced all the same.
    pub interface: Option<InterfaceId>,
    /// The router on the link; [`F::UNSPECIFIED`](Family::UNSPECIFIED) when the destination itself
    /// is on the link.
    pub address: F::Address,
}

/// The ways on of a route: one, or several of equal cost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextHops<F: Family> {
    first: NextHop<F>,
    /// Does not allocate while it is empty.
    further: Vec<NextHop<F>>,
}

impl<F: Family> NextHops<F> {
    /// A single one.
    pub const fn one(first: NextHop<F>) -> Self {
        Self {
            first,
            further: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, further: NextHop<F>) {
        self.further.push(further);
    }

    /// The first.
    pub fn first(&self) -> NextHop<F> {
        self.first
    }

    /// How many there are; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.further.len() + 1
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = NextHop<F>> + '_ {
        core::iter::once(self.first).chain(self.further.iter().copied())
    }
}

/// The best route to a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route<F: Family> {
    /// Where it leads.
    pub prefix: F::Prefix,
    /// Where it comes from.
    pub source: Source,
    /// The administrative distance of the source.
    pub distance: u8,
    /// The metric, from 1 to 15; 16 for a route that is unreachable and waits for its removal.
    pub metric: u8,
    /// The route tag.
    pub tag: u16,
    /// The ways on.
    pub next_hops: NextHops<F>,
}

/// A route that the router has from elsewhere than the engine's neighbors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalRoute<F: Family> {
    /// Where it leads.
    pub prefix: F::Prefix,
    /// Where it comes from; not [`Source::Rip`]. There is one route of a source to a prefix.
    pub source: Source,
    /// The administrative distance, from 0 to 254.
    pub distance: u8,
    /// The metric, from 1 to 15.
    pub metric: u8,
    /// The route tag.
    pub tag: u16,
    /// The way on.
    pub next_hop: NextHop<F>,
}

/// A change of the best route to a prefix, for a forwarding table. Between two polls, only the
/// newest state of a prefix counts; what came and went in between is not told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RouteChange<F: Family> {
    /// There was no route to this prefix.
    Add(Route<F>),
    /// This one takes the place of the one that was told before.
    Replace(Route<F>),
    /// There is no usable route to this prefix any more.
    Withdraw(F::Prefix),
}

impl<F: Family> RouteChange<F> {
    /// The prefix that it is about.
    pub fn prefix(&self) -> F::Prefix {
        match self {
            Self::Add(route) | Self::Replace(route) => route.prefix,
            Self::Withdraw(prefix) => *prefix,
        }
    }
}
