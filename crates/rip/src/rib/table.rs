//! Destinations and the routes to them, threaded onto the lists that make timers and changes cheap.
//!
//! A [`Destination`] is a prefix. Its routes ([`Path`]) form a chain, the best first. Every
//! destination is on the list of changes, in the order in which its announcement last changed: a
//! sender remembers the last destination that it has told of, and what is behind it is news. A
//! destination of which the forwarding table has not heard the newest is on a second list. Routes
//! with a timer are on one of two lists; as all timers of a kind run equally long, the front is due
//! first.

use super::route::{NextHop, NextHops, Route, Source};
use super::trie::Trie;
use crate::engine::InterfaceId;
use crate::family::Family;
use crate::growth::{NONE, Slots};
use packet_buffer::Instant;

/// The metric of what cannot be reached.
pub(crate) const INFINITY: u8 = 16;

/// A prefix with routes, or of which the forwarding table has yet to hear that it has none.
#[derive(Debug)]
pub(crate) struct Destination<F: Family> {
    pub(crate) prefix: F::Prefix,
    /// The forwarding table was told of a route.
    told: bool,
    /// It is on the list of what is to be told to it.
    to_tell: bool,
    paths: u32,
    changed_before: u32,
    changed_after: u32,
    tell_before: u32,
    tell_after: u32,
}

/// Which timer runs for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// None: it is there until it is taken away.
    None,
    /// Until it is no longer used.
    Timeout,
    /// Until it is removed.
    Garbage,
}

/// What a route says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathData<F: Family> {
    pub(crate) next_hop: F::Address,
    /// The slot of the gateway.
    pub(crate) gateway: u32,
    pub(crate) tag: u16,
    pub(crate) metric: u8,
    pub(crate) distance: u8,
    pub(crate) origin: Origin,
}

/// Where a route comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A neighbor.
    Rip,
    /// An interface of the engine.
    Own,
    /// The caller.
    Caller(Source),
}

impl Origin {
    /// As it is shown.
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Rip => Source::Rip,
            Self::Own => Source::Connected,
            Self::Caller(source) => source,
        }
    }
}

/// A route to a destination.
#[derive(Debug)]
pub(crate) struct Path<F: Family> {
    due: Due,
    pub(crate) data: PathData<F>,
    pub(crate) destination: u32,
    next: u32,
    timer_before: u32,
    timer_after: u32,
}

/// Which timer runs, and until when: two bits and microseconds in eight octets, for a route has a timer and there
/// are many routes.
#[derive(Debug, Clone, Copy)]
struct Due(u64);

impl Due {
    const NEVER: Self = Self(0);

    fn new(timer: Timer, deadline: Instant) -> Self {
        let kind = match timer {
            Timer::None => return Self::NEVER,
            Timer::Timeout => 1,
            Timer::Garbage => 2,
        };
        Self(deadline.as_micros().min(u64::MAX >> 2) << 2 | kind)
    }

    fn timer(self) -> Timer {
        match self.0 & 3 {
            1 => Timer::Timeout,
            2 => Timer::Garbage,
            _ => Timer::None,
        }
    }

    fn deadline(self) -> Instant {
        match self.timer() {
            Timer::None => Instant::MAX,
            Timer::Timeout | Timer::Garbage => Instant::from_micros(self.0 >> 2),
        }
    }
}

impl<F: Family> Path<F> {
    pub(crate) fn timer(&self) -> Timer {
        self.due.timer()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.due.deadline()
    }

    /// The better comes first.
    fn rank(&self) -> (bool, u8, u8) {
        let data = &self.data;
        (data.metric >= INFINITY, data.distance, data.metric)
    }
}

/// A router on a link, or the link itself, through which routes lead.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) interface: Option<InterfaceId>,
    /// Routes that lead through it.
    pub(crate) routes: usize,
    /// It is forgotten with its last route.
    pub(crate) gone: bool,
}

/// The ends of a list.
#[derive(Debug, Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
}

impl Ends {
    const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Table<F: Family> {
    trie: Trie,
    destinations: Slots<Destination<F>>,
    paths: Slots<Path<F>>,
    gateways: Slots<Gateway>,
    changes: Ends,
    to_tell: Ends,
    timeouts: Ends,
    garbage: Ends,
    max_prefixes: usize,
    /// Senders' places on the list of changes, which must not dangle: see [`Cursor`].
    cursors: Slots<u32>,
}

/// A place on the list of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor(u32);

macro_rules! list {
    ($link:ident, $unlink:ident, $slots:ident, $before:ident, $after:ident) => {
        /// Appends to the list.
        fn $link(&mut self, mut ends: Ends, slot: u32) -> Ends {
            if let Some(item) = self.$slots.get_mut(slot) {
                item.$before = ends.last;
                item.$after = NONE;
            }
            match self.$slots.get_mut(ends.last) {
                Some(last) => last.$after = slot,
                None => ends.first = slot,
            }
            ends.last = slot;
            ends
        }

        /// Takes out of the list.
        fn $unlink(&mut self, mut ends: Ends, slot: u32) -> Ends {
            let Some(item) = self.$slots.get(slot) else {
                return ends;
            };
            let (before, after) = (item.$before, item.$after);
            match self.$slots.get_mut(before) {
                Some(item) => item.$after = after,
                None => ends.first = after,
            }
            match self.$slots.get_mut(after) {
                Some(item) => item.$before = before,
                None => ends.last = before,
            }
            ends
        }
    };
}

impl<F: Family> Table<F> {
    list!(
        link_change,
        unlink_change,
        destinations,
        changed_before,
        changed_after
    );
    list!(
        link_tell,
        unlink_tell,
        destinations,
        tell_before,
        tell_after
    );
    list!(link_timer, unlink_timer, paths, timer_before, timer_after);

    pub(crate) fn new(max_prefixes: usize) -> Self {
        Self {
            trie: Trie::new(),
            destinations: Slots::new(),
            paths: Slots::new(),
            gateways: Slots::new(),
            changes: Ends::EMPTY,
            to_tell: Ends::EMPTY,
            timeouts: Ends::EMPTY,
            garbage: Ends::EMPTY,
            max_prefixes,
            cursors: Slots::new(),
        }
    }

    // Destinations

    pub(crate) fn len(&self) -> usize {
        self.destinations.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.destinations.len() >= self.max_prefixes
    }

    /// One above the highest slot of a destination.
    pub(crate) fn end(&self) -> u32 {
        self.destinations.end()
    }

    #[inline]
    pub(crate) fn destination(&self, slot: u32) -> Option<&Destination<F>> {
        self.destinations.get(slot)
    }

    pub(crate) fn find(&self, prefix: &F::Prefix) -> Option<u32> {
        self.trie.get(F::key(F::network(prefix)), F::length(prefix))
    }

    /// The same, after a look at a slot where it may well be.
    #[inline]
    pub(crate) fn find_near(&self, prefix: &F::Prefix, guess: u32) -> Option<u32> {
        match self.destinations.get(guess) {
            Some(destination) if destination.prefix == *prefix => Some(guess),
            _ => self.find(prefix),
        }
    }

    /// The next destination in the order of prefixes.
    pub(crate) fn next(&self, after: Option<&F::Prefix>) -> Option<u32> {
        self.trie
            .next(after.map(|prefix| (F::key(F::network(prefix)), F::length(prefix))))
    }

    /// The longest prefix with a usable route.
    #[inline]
    pub(crate) fn lookup(&self, address: F::Address) -> Option<u32> {
        self.trie.longest(F::key(address), F::BITS, |slot| {
            self.best(slot)
                .is_some_and(|path| path.data.metric < INFINITY)
        })
    }

    /// The destination for a prefix, a new one where there is none; `None` when the table is full.
    pub(crate) fn find_or_add(&mut self, prefix: &F::Prefix) -> Option<u32> {
        self.find(prefix).or_else(|| self.add(prefix))
    }

    /// A new destination for a prefix that has none; `None` when the table is full.
    pub(crate) fn add(&mut self, prefix: &F::Prefix) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        let slot = self.destinations.insert(Destination {
            prefix: *prefix,
            told: false,
            to_tell: false,
            paths: NONE,
            changed_before: NONE,
            changed_after: NONE,
            tell_before: NONE,
            tell_after: NONE,
        });
        self.trie
            .insert(F::key(F::network(prefix)), F::length(prefix), slot);
        self.changes = self.link_change(self.changes, slot);
        Some(slot)
    }

    /// Forgets a destination that has no routes, unless the forwarding table has yet to hear so.
    pub(crate) fn remove_if_unused(&mut self, slot: u32) {
        let Some(destination) = self.destinations.get(slot) else {
            return;
        };
        if destination.paths != NONE || destination.told {
            return;
        }
        let (prefix, to_tell) = (destination.prefix, destination.to_tell);
        if to_tell {
            self.to_tell = self.unlink_tell(self.to_tell, slot);
        }
        self.leave_changes(slot);
        self.trie
            .remove(F::key(F::network(&prefix)), F::length(&prefix));
        self.destinations.remove(slot);
    }

    // Routes

    #[inline]
    pub(crate) fn path(&self, slot: u32) -> Option<&Path<F>> {
        self.paths.get(slot)
    }

    /// One above the highest slot of a route.
    pub(crate) fn paths_end(&self) -> u32 {
        self.paths.end()
    }

    /// The best route, by slot and with what it says.
    pub(crate) fn head(&self, destination: u32) -> Option<(u32, PathData<F>)> {
        let slot = self.destinations.get(destination)?.paths;
        Some((slot, self.paths.get(slot)?.data))
    }

    /// The best route.
    #[inline]
    pub(crate) fn best(&self, destination: u32) -> Option<&Path<F>> {
        self.paths.get(self.destinations.get(destination)?.paths)
    }

    /// The routes to a destination, the best first.
    pub(crate) fn paths_to(&self, destination: u32) -> impl Iterator<Item = (u32, &Path<F>)> {
        let mut next = self
            .destinations
            .get(destination)
            .map_or(NONE, |destination| destination.paths);
        core::iter::from_fn(move || {
            let slot = next;
            let path = self.paths.get(slot)?;
            next = path.next;
            Some((slot, path))
        })
    }

    /// The best route and those that are used beside it.
    pub(crate) fn best_paths(&self, destination: u32) -> impl Iterator<Item = &Path<F>> {
        let mut first = None;
        self.paths_to(destination)
            .map(|(_, path)| path)
            .take_while(move |path| {
                let rank = *first.get_or_insert((path.rank(), path.data.origin));
                rank == (path.rank(), path.data.origin)
            })
    }

    pub(crate) fn add_path(&mut self, destination: u32, data: PathData<F>) -> u32 {
        if let Some(gateway) = self.gateways.get_mut(data.gateway) {
            gateway.routes += 1;
        }
        let slot = self.paths.insert(Path {
            due: Due::NEVER,
            data,
            destination,
            next: NONE,
            timer_before: NONE,
            timer_after: NONE,
        });
        self.link_path(slot);
        slot
    }

    /// Changes what a route says, and puts it where it belongs among the others.
    pub(crate) fn change_path(&mut self, slot: u32, data: PathData<F>) {
        let Some(path) = self.paths.get_mut(slot) else {
            return;
        };
        let (before, rank) = (path.data, path.rank());
        path.data = data;
        let moved = path.rank() != rank;
        if before.gateway != data.gateway {
            if let Some(gateway) = self.gateways.get_mut(data.gateway) {
                gateway.routes += 1;
            }
            self.leave_gateway(before.gateway);
        }
        if moved {
            self.unlink_path(slot);
            self.link_path(slot);
        }
    }

    pub(crate) fn remove_path(&mut self, slot: u32) {
        self.set_timer(slot, Timer::None, Instant::MAX);
        self.unlink_path(slot);
        if let Some(path) = self.paths.remove(slot) {
            self.leave_gateway(path.data.gateway);
        }
    }

    fn leave_gateway(&mut self, slot: u32) {
        if let Some(gateway) = self.gateways.get_mut(slot) {
            gateway.routes -= 1;
            if gateway.gone && gateway.routes == 0 {
                self.gateways.remove(slot);
            }
        }
    }

    pub(crate) fn add_gateway(&mut self, interface: Option<InterfaceId>) -> u32 {
        self.gateways.insert(Gateway {
            interface,
            routes: 0,
            gone: false,
        })
    }

    /// Routes that lead through a gateway.
    pub(crate) fn routes_through(&self, slot: u32) -> usize {
        self.gateways.get(slot).map_or(0, |gateway| gateway.routes)
    }

    /// Forgets a gateway, once no route leads through it any more.
    pub(crate) fn remove_gateway(&mut self, slot: u32) {
        if let Some(gateway) = self.gateways.get_mut(slot) {
            gateway.gone = true;
            if gateway.routes == 0 {
                self.gateways.remove(slot);
            }
        }
    }

    /// Behind all that are as good: of equals the first stays the first.
    fn link_path(&mut self, slot: u32) {
        let Some(path) = self.paths.get(slot) else {
            return;
        };
        let (destination, rank) = (path.destination, path.rank());
        let (mut before, mut after) = (
            NONE,
            self.destinations
                .get(destination)
                .map_or(NONE, |destination| destination.paths),
        );
        while let Some(other) = self.paths.get(after) {
            if other.rank() > rank {
                break;
            }
            (before, after) = (after, other.next);
        }
        if let Some(path) = self.paths.get_mut(slot) {
            path.next = after;
        }
        self.set_next_path(destination, before, slot);
    }

    fn unlink_path(&mut self, slot: u32) {
        let Some(path) = self.paths.get(slot) else {
            return;
        };
        let (destination, next) = (path.destination, path.next);
        let before = self
            .paths_to(destination)
            .find(|(_, path)| path.next == slot)
            .map_or(NONE, |(before, _)| before);
        self.set_next_path(destination, before, next);
    }

    fn set_next_path(&mut self, destination: u32, before: u32, next: u32) {
        if let Some(path) = self.paths.get_mut(before) {
            path.next = next;
        } else if let Some(destination) = self.destinations.get_mut(destination) {
            destination.paths = next;
        }
    }

    // Timers

    /// Starts the timer of a route, in place of the one that runs.
    pub(crate) fn set_timer(&mut self, slot: u32, timer: Timer, deadline: Instant) {
        let Some(path) = self.paths.get(slot) else {
            return;
        };
        match path.timer() {
            Timer::None => {}
            Timer::Timeout => self.timeouts = self.unlink_timer(self.timeouts, slot),
            Timer::Garbage => self.garbage = self.unlink_timer(self.garbage, slot),
        }
        match timer {
            Timer::None => {}
            Timer::Timeout => self.timeouts = self.link_timer(self.timeouts, slot),
            Timer::Garbage => self.garbage = self.link_timer(self.garbage, slot),
        }
        if let Some(path) = self.paths.get_mut(slot) {
            path.due = Due::new(timer, deadline);
        }
    }

    /// The route whose timer of this kind is due first.
    pub(crate) fn first_due(&self, timer: Timer) -> Option<(u32, Instant)> {
        let slot = match timer {
            Timer::None => return None,
            Timer::Timeout => self.timeouts.first,
            Timer::Garbage => self.garbage.first,
        };
        Some((slot, self.paths.get(slot)?.deadline()))
    }

    // Changes, for neighbors

    /// What is announced of the destination has changed.
    pub(crate) fn changed(&mut self, slot: u32) {
        self.leave_changes(slot);
        self.changes = self.link_change(self.changes, slot);
    }

    fn leave_changes(&mut self, slot: u32) {
        let before = self
            .destinations
            .get(slot)
            .map_or(NONE, |destination| destination.changed_before);
        for index in 0..self.cursors.end() {
            if let Some(place) = self.cursors.get_mut(index)
                && *place == slot
            {
                *place = before;
            }
        }
        self.changes = self.unlink_change(self.changes, slot);
    }

    /// A new place, behind all changes so far.
    pub(crate) fn add_cursor(&mut self) -> Cursor {
        Cursor(self.cursors.insert(self.changes.last))
    }

    pub(crate) fn remove_cursor(&mut self, cursor: Cursor) {
        self.cursors.remove(cursor.0);
    }

    /// Puts the place behind all changes so far.
    pub(crate) fn cursor_to_end(&mut self, cursor: Cursor) {
        let last = self.changes.last;
        if let Some(place) = self.cursors.get_mut(cursor.0) {
            *place = last;
        }
    }

    /// Whether both are the same place.
    pub(crate) fn cursors_meet(&self, a: Cursor, b: Cursor) -> bool {
        self.cursors.get(a.0) == self.cursors.get(b.0)
    }

    /// The next destination that has changed.
    pub(crate) fn peek_change(&self, cursor: Cursor) -> Option<u32> {
        let place = *self.cursors.get(cursor.0)?;
        let next = self
            .destinations
            .get(place)
            .map_or(self.changes.first, |destination| destination.changed_after);
        (next != NONE).then_some(next)
    }

    /// Goes past the next destination that has changed.
    pub(crate) fn skip_change(&mut self, cursor: Cursor) {
        if let Some(next) = self.peek_change(cursor)
            && let Some(place) = self.cursors.get_mut(cursor.0)
        {
            *place = next;
        }
    }

    // Changes, for the forwarding table

    /// What the forwarding table is to do with the destination has changed.
    pub(crate) fn forwarding_changed(&mut self, slot: u32) {
        if let Some(destination) = self.destinations.get_mut(slot)
            && !destination.to_tell
        {
            destination.to_tell = true;
            self.to_tell = self.link_tell(self.to_tell, slot);
        }
    }

    /// The next change for the forwarding table.
    pub(crate) fn poll_change(&mut self) -> Option<super::RouteChange<F>> {
        loop {
            let slot = self.to_tell.first;
            let destination = self.destinations.get(slot)?;
            let (prefix, told) = (destination.prefix, destination.told);
            self.to_tell = self.unlink_tell(self.to_tell, slot);
            let route = self.route(slot).filter(|route| route.metric < INFINITY);
            if let Some(destination) = self.destinations.get_mut(slot) {
                destination.to_tell = false;
                destination.told = route.is_some();
            }
            if route.is_none() {
                self.remove_if_unused(slot);
            }
            return Some(match route {
                Some(route) if told => super::RouteChange::Replace(route),
                Some(route) => super::RouteChange::Add(route),
                None if told => super::RouteChange::Withdraw(prefix),
                None => continue,
            });
        }
    }

    // Views

    /// The way on of a route.
    pub(crate) fn next_hop(&self, path: &Path<F>) -> NextHop<F> {
        NextHop {
            interface: self
                .gateways
                .get(path.data.gateway)
                .and_then(|gateway| gateway.interface),
            address: path.data.next_hop,
        }
    }

    /// The best route to a destination, as it is shown.
    pub(crate) fn route(&self, slot: u32) -> Option<Route<F>> {
        let prefix = self.destinations.get(slot)?.prefix;
        let mut paths = self.best_paths(slot);
        let best = paths.next()?;
        let mut next_hops = NextHops::one(self.next_hop(best));
        for path in paths {
            next_hops.push(self.next_hop(path));
        }
        Some(Route {
            prefix,
            source: best.data.origin.source(),
            distance: best.data.distance,
            metric: best.data.metric,
            tag: best.data.tag,
            next_hops,
        })
    }
}
