//! Puts the decisions of [`decide`] into the table.

use packet_buffer::Instant;

use super::discard::{Stats, count};
use super::learn::{Decision, Known, decide, half_expired};
use super::protocol::Heard;
use super::{Event, Events, InterfaceId, NeighborState};
use crate::config::{Config, InterfaceConfig, offset_of};
use crate::family::Family;
use crate::rib::{INFINITY, Origin, PathData, Table, Timer};

/// What stands around a response while its routes are taken in.
pub(super) struct Learner<'a, F: Family> {
    pub(super) now: Instant,
    pub(super) interface: InterfaceId,
    pub(super) config: &'a Config<F>,
    pub(super) link: &'a InterfaceConfig<F>,
    pub(super) sender: F::Address,
    pub(super) neighbor: &'a mut NeighborState,
    pub(super) table: &'a mut Table<F>,
    pub(super) stats: &'a mut Stats,
    pub(super) events: &'a mut Events<F>,
    pub(super) table_full_told: &'a mut bool,
    /// Routes do not time out.
    pub(super) permanent: bool,
}

impl<F: Family> Learner<'_, F> {
    /// Takes a route in.
    pub(super) fn hear(&mut self, heard: &Heard<F>) {
        count(&mut self.stats.entries);
        if heard.host_bits {
            count(&mut self.stats.host_bits);
        }
        if heard.off_link {
            count(&mut self.stats.next_hop_off_link);
        }
        if !self.link.filter_in.permits(&heard.prefix, heard.tag) {
            count(&mut self.stats.filtered);
            return;
        }
        // RFC 2453 §3.9.2 MUST (cost): metric = MIN (metric + cost, infinity).
        let metric = heard
            .metric
            .saturating_add(self.link.cost)
            .saturating_add(offset_of(&self.link.offset_in, &heard.prefix))
            .min(INFINITY);
        let data = PathData {
            next_hop: heard.next_hop.unwrap_or(self.sender),
            gateway: self.neighbor.gateway,
            tag: heard.tag,
            metric,
            distance: self.config.distance,
            origin: Origin::Rip,
        };
        // Routers tell their tables in the same order each time, in which the slots were filled.
        let guess = self.neighbor.next;
        let Some(destination) = self.table.find_near(&heard.prefix, guess) else {
            if decide(None, metric) == Decision::Add {
                self.add(None, &heard.prefix, data);
            }
            return;
        };
        self.neighbor.next = destination.wrapping_add(1);

        // The route through the sender, or else the best there is.
        let mut known: Option<u32> = None;
        let mut routes = 0;
        let mut lowest = INFINITY;
        let mut same_router = false;
        for (slot, path) in self.table.paths_to(destination) {
            if path.data.origin != Origin::Rip {
                continue;
            }
            routes += 1;
            lowest = lowest.min(path.data.metric);
            if path.data.gateway == data.gateway {
                same_router = true;
                known = Some(slot);
            } else if known.is_none() {
                known = Some(slot);
            }
        }
        let Some((slot, path)) = known.and_then(|slot| Some((slot, self.table.path(slot)?))) else {
            if decide(None, metric) == Decision::Add {
                self.add(Some(destination), &heard.prefix, data);
            }
            return;
        };
        let before = path.data;
        let timeout = self.config.timers.timeout;
        let decision = decide(
            Some(Known {
                metric: if same_router { before.metric } else { lowest },
                same_router,
                same_details: before
                    == PathData {
                        metric: before.metric,
                        ..data
                    },
                half_expired: self.config.switch_at_half_timeout
                    && self.config.max_paths == 1
                    && path.timer() == Timer::Timeout
                    && half_expired(self.now, path.deadline(), timeout),
            }),
            metric,
        );
        let several = usize::from(self.config.max_paths);
        if !same_router && metric == lowest && metric < INFINITY && routes < several {
            self.add(Some(destination), &heard.prefix, data);
            return;
        }
        match decision {
            Decision::Ignore | Decision::Add => {}
            Decision::Refresh => self.start_timeout(slot),
            Decision::Delete => self.delete(destination, slot),
            Decision::Adopt => {
                if !same_router && !self.has_room(data.gateway) {
                    return;
                }
                self.adopt(destination, slot, data);
            }
        }
    }

    fn start_timeout(&mut self, slot: u32) {
        if self.permanent {
            self.table.set_timer(slot, Timer::None, Instant::MAX);
        } else {
            let deadline = self.now + self.config.timers.timeout;
            self.table.set_timer(slot, Timer::Timeout, deadline);
        }
    }

    /// Whether the neighbor may have one more route.
    fn has_room(&mut self, gateway: u32) -> bool {
        if self.table.routes_through(gateway) < self.config.max_routes_per_neighbor {
            return true;
        }
        count(&mut self.stats.neighbor_routes);
        if !self.neighbor.limit_told {
            self.neighbor.limit_told = true;
            let event = Event::NeighborRouteLimit {
                interface: self.interface,
                address: self.sender,
            };
            self.events.push(self.stats, event);
        }
        false
    }

    fn add(&mut self, destination: Option<u32>, prefix: &F::Prefix, data: PathData<F>) {
        if !self.has_room(data.gateway) {
            return;
        }
        let Some(destination) = destination.or_else(|| self.table.add(prefix)) else {
            count(&mut self.stats.table_full);
            if !*self.table_full_told {
                *self.table_full_told = true;
                self.events.push(self.stats, Event::TableFull);
            }
            return;
        };
        self.neighbor.next = destination.wrapping_add(1);
        let before = self.table.head(destination);
        let slot = self.table.add_path(destination, data);
        self.start_timeout(slot);
        settle(self.table, self.stats, destination, before, true);
    }

    /// The route says something else now, or leads elsewhere. Others of RIP that are worse go.
    fn adopt(&mut self, destination: u32, slot: u32, data: PathData<F>) {
        let before = self.table.head(destination);
        let own = self.table.path(slot).map(|path| path.data.metric);
        let worse_than_others = own.is_some_and(|own| data.metric > own)
            && self
                .others(destination, slot)
                .any(|metric| metric < data.metric);
        if worse_than_others {
            // One of several ways has become longer than the others.
            self.table.remove_path(slot);
        } else {
            self.table.change_path(slot, data);
            self.start_timeout(slot);
            loop {
                let worse = self.table.paths_to(destination).find(|(other, path)| {
                    *other != slot
                        && path.data.origin == Origin::Rip
                        && path.data.metric > data.metric
                });
                let Some((worse, _)) = worse else { break };
                self.table.remove_path(worse);
            }
        }
        settle(self.table, self.stats, destination, before, true);
    }

    /// The metrics of other routes of RIP.
    fn others(&self, destination: u32, slot: u32) -> impl Iterator<Item = u8> + '_ {
        self.table
            .paths_to(destination)
            .filter(move |(other, path)| *other != slot && path.data.origin == Origin::Rip)
            .map(|(_, path)| path.data.metric)
    }

    fn delete(&mut self, destination: u32, slot: u32) {
        let before = self.table.head(destination);
        make_unreachable(
            self.table,
            destination,
            slot,
            self.now + self.config.timers.garbage,
        );
        settle(self.table, self.stats, destination, before, true);
    }
}

/// A route is not usable any more. It is kept for its announcement as unreachable, unless there is
/// another to take its place.
// RFC 2453 §3.8 MUST (deletion): the metric becomes infinity, and the garbage timer starts.
pub(super) fn make_unreachable<F: Family>(
    table: &mut Table<F>,
    destination: u32,
    slot: u32,
    garbage_at: Instant,
) {
    let replaced = table
        .paths_to(destination)
        .any(|(other, path)| other != slot && path.data.metric < INFINITY);
    let Some(path) = table.path(slot) else { return };
    if replaced {
        table.remove_path(slot);
        return;
    }
    let data = PathData {
        metric: INFINITY,
        ..path.data
    };
    table.change_path(slot, data);
    table.set_timer(slot, Timer::Garbage, garbage_at);
}

/// Routes to a destination were changed; `before` was the best of them. `members` says that
/// further ones may have come or gone.
pub(super) fn settle<F: Family>(
    table: &mut Table<F>,
    stats: &mut Stats,
    destination: u32,
    before: Option<(u32, PathData<F>)>,
    members: bool,
) {
    let after = table.head(destination);
    if after.is_some_and(|(_, data)| data.metric < INFINITY) {
        // RFC 2453 §3.8 MUST (replaced): a new route ends the deletion of the old one.
        loop {
            let unusable = table
                .paths_to(destination)
                .find(|(_, path)| path.data.metric >= INFINITY)
                .map(|(slot, _)| slot);
            let Some(slot) = unusable else { break };
            table.remove_path(slot);
        }
    }
    // A route of RIP behind one of another source is nobody's business.
    let seen = members && after.is_some_and(|(_, data)| data.origin == Origin::Rip);
    if before != after || seen {
        // RFC 2453 §3.9.2 MUST (change-flag): neighbors hear of it.
        table.changed(destination);
        table.forwarding_changed(destination);
        count(&mut stats.route_changes);
    }
    table.remove_if_unused(destination);
}
