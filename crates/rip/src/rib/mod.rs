//! The routing table: routes by source, longest-prefix match, changes for a forwarding table.

mod route;

use crate::family::Family;
pub use route::{LocalRoute, NextHop, NextHops, Route, RouteChange, Source};

/// The routing table of an [`Engine`](crate::engine::Engine): for each prefix, the routes of all
/// sources and which is the best.
#[derive(Debug)]
pub struct Rib<F: Family> {
    routes: alloc::vec::Vec<Route<F>>,
}

impl<F: Family> Rib<F> {
    /// The route that packets to `address` take: the longest prefix that is reachable.
    pub fn lookup(&self, address: F::Address) -> Option<Route<F>> {
        self.routes
            .iter()
            .filter(|route| F::contains(&route.prefix, address))
            .max_by_key(|route| F::length(&route.prefix))
            .cloned()
    }

    /// The best route to exactly this prefix, reachable or not.
    pub fn get(&self, prefix: &F::Prefix) -> Option<Route<F>> {
        self.routes
            .iter()
            .find(|route| route.prefix == *prefix)
            .cloned()
    }

    /// The best route to each prefix, in the order of prefixes.
    pub fn routes(&self) -> impl Iterator<Item = Route<F>> + '_ {
        self.routes.iter().cloned()
    }

    /// How many prefixes there are, unreachable ones among them.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    pub(crate) fn new() -> Self {
        Self {
            routes: alloc::vec::Vec::new(),
        }
    }
}
