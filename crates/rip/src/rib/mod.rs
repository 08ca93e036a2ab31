//! The routing table: routes by source, longest-prefix match, changes for a forwarding table.
//!
//! Of the routes to a prefix, the one of the source with the lowest administrative distance is used,
//! and of those the one with the lowest metric. RIP keeps no second best route (RFC 2453 §3.9.2): it
//! has one to a prefix, or several of the same metric.
//!
//! A route takes about 100 to 125 octets (IPv4) in a table of any size, by how its prefixes lie. No two tables of all routes are
//! kept: what neighbors and the forwarding table have yet to hear is threaded through the same
//! records.

mod route;
mod table;
mod trie;

use crate::config::Config;
use crate::family::Family;
pub use route::{LocalRoute, NextHop, NextHops, Route, RouteChange, Source};
pub(crate) use table::{Cursor, INFINITY, Origin, PathData, Table, Timer};

/// The routing table of an [`Engine`](crate::engine::Engine): for each prefix, the routes of all
/// sources and which is the best.
#[derive(Debug)]
pub struct Rib<F: Family> {
    table: Table<F>,
}

impl<F: Family> Rib<F> {
    pub(crate) fn new(config: &Config<F>) -> Self {
        Self {
            table: Table::new(config.max_prefixes),
        }
    }

    pub(crate) fn table(&self) -> &Table<F> {
        &self.table
    }

    pub(crate) fn table_mut(&mut self) -> &mut Table<F> {
        &mut self.table
    }

    /// The route that packets to `address` take: the longest prefix that is reachable. A route with
    /// one next hop does not allocate.
    #[inline]
    pub fn lookup(&self, address: F::Address) -> Option<Route<F>> {
        self.table.route(self.table.lookup(address)?)
    }

    /// The best route to exactly this prefix, reachable or not.
    pub fn get(&self, prefix: &F::Prefix) -> Option<Route<F>> {
        self.table.route(self.table.find(prefix)?)
    }

    /// The routes of all sources to exactly this prefix, the best first. Each has one next hop.
    pub fn candidates(&self, prefix: &F::Prefix) -> impl Iterator<Item = Route<F>> + '_ {
        let prefix = *prefix;
        let destination = self.table.find(&prefix);
        destination
            .into_iter()
            .flat_map(|destination| self.table.paths_to(destination))
            .map(move |(_, path)| Route {
                prefix,
                source: path.data.origin.source(),
                distance: path.data.distance,
                metric: path.data.metric,
                tag: path.data.tag,
                next_hops: NextHops::one(self.table.next_hop(path)),
            })
    }

    /// The best route to each prefix, in the order of prefixes.
    pub fn routes(&self) -> impl Iterator<Item = Route<F>> + '_ {
        let mut last = None;
        core::iter::from_fn(move || {
            loop {
                let slot = self.table.next(last.as_ref())?;
                last = Some(self.table.destination(slot)?.prefix);
                if let Some(route) = self.table.route(slot) {
                    return Some(route);
                }
            }
        })
    }

    /// How many prefixes there are, unreachable ones among them.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
