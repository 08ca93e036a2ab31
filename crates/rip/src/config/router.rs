//! What holds for the whole router.

use alloc::vec::Vec;
use core::time::Duration;

use super::{ConfigError, Filter};
use crate::family::Family;
use crate::rib::Source;

/// The timers of RFC 2453 §3.8 and §3.10.1, and of RFC 2080 §2.3 and §2.5.1.
///
/// They are one set for the router: the interval between updates may be changed on an interface
/// ([`InterfaceConfig::update`](super::InterfaceConfig::update)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// From one regular update to the next; at least 1 s. Default: 30 s.
    pub update: Duration,
    /// Each interval is longer or shorter by up to this much, drawn anew each time; less than
    /// `update`. Default: 5 s.
    // RFC 2453 §3.8 MUST (jitter): 30 seconds, offset by a small random time of +/- 0 to 5 seconds.
    pub jitter: Duration,
    /// A route that is not heard of for so long is no longer used; longer than `update`.
    /// Default: 180 s.
    pub timeout: Duration,
    /// From then on it is still announced, with metric 16, for so long; at least 1 s.
    /// Default: 120 s.
    pub garbage: Duration,
    /// The shortest time between triggered updates. Default: 1 s.
    pub triggered_min: Duration,
    /// The longest; not less than `triggered_min`. Default: 5 s.
    pub triggered_max: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            update: Duration::from_secs(30),
            jitter: Duration::from_secs(5),
            timeout: Duration::from_secs(180),
            garbage: Duration::from_secs(120),
            triggered_min: Duration::from_secs(1),
            triggered_max: Duration::from_secs(5),
        }
    }
}

/// Which routes of another source than RIP are announced to neighbors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redistribution<F: Family> {
    /// The routes of this source; not [`Source::Rip`].
    pub source: Source,
    /// The metric with which they are announced, from 1 to 15; `None` for each route's own.
    pub metric: Option<u8>,
    /// The tag with which they are announced; `None` for each route's own.
    pub tag: Option<u16>,
    /// Which of them.
    pub filter: Filter<F>,
}

impl<F: Family> Redistribution<F> {
    /// All routes of `source` as they are.
    pub const fn all(source: Source) -> Self {
        Self {
            source,
            metric: None,
            tag: None,
            filter: Filter::PERMIT_ALL,
        }
    }
}

/// How a router is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config<F: Family> {
    /// The timers.
    pub timers: Timers,
    /// The administrative distance of routes that were learned. Of the routes of several sources
    /// for a prefix that with the lowest is used. Default: 120.
    pub distance: u8,
    /// The most next hops of equal metric that are used for a prefix; from 1 to 16. With 1, the
    /// route that was first is kept. Default: 1.
    pub max_paths: u8,
    /// Whether a route of the same metric takes over from one that has not been heard of for half
    /// of its timeout (RFC 2453 §3.9.2, RFC 2080 §2.4.2 leave that to the router). It matters with
    /// `max_paths` 1 only. Default: true.
    pub switch_at_half_timeout: bool,
    /// The most prefixes in the table, those of all sources together. Further ones are dropped and
    /// counted, whoever sends them. Default: 131,072.
    pub max_prefixes: usize,
    /// The most routes that are kept of one neighbor. Further ones are dropped and counted, and
    /// one event says so; those that are there stay. Default: 65,536.
    pub max_routes_per_neighbor: usize,
    /// The most neighbors that are remembered on an interface. When there are more, the one that
    /// has no routes and was heard of least recently is forgotten; when all have routes, messages
    /// of further ones are dropped and counted. Default: 64.
    pub max_neighbors: usize,
    /// The most events that wait for `poll_event`. Further ones are dropped and counted.
    /// Default: 256.
    pub max_events: usize,
    /// Which routes of other sources are announced; the first entry of a source that permits a
    /// route counts. The networks of the engine's own interfaces need none
    /// ([`announce_connected`](super::InterfaceConfig::announce_connected)). Default: none.
    pub redistribute: Vec<Redistribution<F>>,
}

impl<F: Family> Default for Config<F> {
    fn default() -> Self {
        Self {
            timers: Timers::default(),
            distance: 120,
            max_paths: 1,
            switch_at_half_timeout: true,
            max_prefixes: 131_072,
            max_routes_per_neighbor: 65_536,
            max_neighbors: 64,
            max_events: 256,
            redistribute: Vec::new(),
        }
    }
}

impl<F: Family> Config<F> {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, problem| Err(ConfigError::new(field, problem));
        let second = Duration::from_secs(1);
        let timers = &self.timers;
        if timers.update < second {
            return wrong("timers.update", "it must be at least 1 s");
        }
        if timers.jitter >= timers.update {
            return wrong("timers.jitter", "it must be less than the update interval");
        }
        if timers.timeout <= timers.update {
            return wrong(
                "timers.timeout",
                "it must be longer than the update interval",
            );
        }
        if timers.garbage < second {
            return wrong("timers.garbage", "it must be at least 1 s");
        }
        if timers.triggered_min > timers.triggered_max {
            return wrong(
                "timers.triggered_min",
                "it must not be longer than triggered_max",
            );
        }
        if timers.triggered_max > timers.update {
            return wrong(
                "timers.triggered_max",
                "it must not be longer than the update interval",
            );
        }
        let year = Duration::from_secs(366 * 86_400);
        if timers.update.max(timers.timeout).max(timers.garbage) > year {
            return wrong("timers", "none may be longer than a year");
        }
        if self.max_paths == 0 || self.max_paths > 16 {
            return wrong("max_paths", "it must be from 1 to 16");
        }
        if self.distance == 255 {
            return wrong("distance", "255 means a route that is never used");
        }
        if self.max_prefixes == 0 || self.max_prefixes > 16_777_216 {
            return wrong("max_prefixes", "it must be from 1 to 16,777,216");
        }
        if self.max_routes_per_neighbor == 0 {
            return wrong("max_routes_per_neighbor", "it must be at least 1");
        }
        if self.max_neighbors == 0 || self.max_neighbors > 65_536 {
            return wrong("max_neighbors", "it must be from 1 to 65,536");
        }
        for rule in &self.redistribute {
            if rule.source == Source::Rip {
                return wrong("redistribute", "routes of RIP are announced anyway");
            }
            if rule.metric.is_some_and(|m| !(1..=15).contains(&m)) {
                return wrong("redistribute", "a metric must be from 1 to 15");
            }
        }
        Ok(())
    }
}
