//! What happens by itself as time goes by.

use alloc::vec::Vec;
use core::time::Duration;

use packet_buffer::Instant;

use super::circuit::Expired;
use super::discard::count;
use super::interface::Walk;
use super::learner::{make_unreachable, settle};
use super::{Engine, Event, InterfaceId};
use crate::family::Family;
use crate::rib::Timer;

impl<F: Family> Engine<F> {
    pub(super) fn run_timers(&mut self) {
        let now = self.now;
        while let Some((slot, _)) = self.due(Timer::Timeout) {
            count(&mut self.stats.timed_out);
            self.expire(slot);
        }
        while let Some((slot, _)) = self.due(Timer::Garbage) {
            self.collect(slot);
        }
        if self.neighbor_check.is_some_and(|at| at <= now) {
            self.check_neighbors();
        }
        let due: Vec<InterfaceId> = self
            .interfaces
            .values()
            .filter(|interface| interface.next_update.is_some_and(|at| at <= now))
            .map(|interface| interface.id)
            .collect();
        for interface in due {
            self.start_update(interface);
        }
        self.run_circuits();
        if self.table_full_told && !self.rib.table().is_full() {
            self.table_full_told = false;
        }
    }

    /// A route whose timer of this kind is due.
    fn due(&self, timer: Timer) -> Option<(u32, Instant)> {
        self.rib
            .table()
            .first_due(timer)
            .filter(|(_, deadline)| *deadline <= self.now)
    }

    /// A route is not usable any more.
    pub(super) fn expire(&mut self, slot: u32) {
        let garbage_at = self.now + self.config.timers.garbage;
        let table = self.rib.table_mut();
        let Some(destination) = table.path(slot).map(|path| path.destination) else {
            return;
        };
        let before = table.head(destination);
        make_unreachable(table, destination, slot, garbage_at);
        settle(table, &mut self.stats, destination, before, true);
    }

    // RFC 2453 §3.8 MUST (garbage): when the timer ends, the route is removed from the table.
    fn collect(&mut self, slot: u32) {
        let table = self.rib.table_mut();
        let Some(destination) = table.path(slot).map(|path| path.destination) else {
            return;
        };
        table.remove_path(slot);
        table.remove_if_unused(destination);
    }

    /// Forgets neighbors that were silent for as long as routes live. Those of demand circuits may
    /// be.
    fn check_neighbors(&mut self) {
        let timeout = self.config.timers.timeout;
        let now = self.now;
        let mut next: Option<Instant> = None;
        let mut lost = Vec::new();
        for (&(interface, address), neighbor) in &mut self.neighbors {
            let circuit = self
                .interfaces
                .get(&interface)
                .is_some_and(|interface| interface.circuit.is_some());
            if circuit {
                continue;
            }
            if self.rib.table().routes_through(neighbor.gateway)
                < self.config.max_routes_per_neighbor
            {
                neighbor.limit_told = false;
            }
            let deadline = neighbor.last_heard + timeout;
            if deadline <= now {
                lost.push((interface, address));
            } else {
                next = Some(next.map_or(deadline, |next| next.min(deadline)));
            }
        }
        self.neighbor_check = next;
        for (interface, address) in lost {
            self.lose_neighbor(interface, address);
        }
    }

    // RFC 2453 §3.8 MUST (periodic): every 30 seconds, a complete update to every neighbor.
    fn start_update(&mut self, id: InterfaceId) {
        let timers = self.config.timers;
        let now = self.now;
        let jitter = self.random_up_to(timers.jitter.saturating_mul(2));
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return;
        };
        let interval = interface.config.update.unwrap_or(timers.update);
        // RFC 2453 §3.8 MUST (clock): the time until the next does not depend on how long this one
        // takes, nor on when it came to be sent.
        let interval = (interval + jitter)
            .saturating_sub(timers.jitter)
            .max(Duration::from_millis(500));
        let scheduled = interface.next_update.unwrap_or(now);
        let next = scheduled + interval;
        interface.next_update = Some(if next > now { next } else { now + interval });
        let Some(version) = interface.update_version() else {
            interface.next_update = None;
            return;
        };
        if interface.regular.is_some() {
            // It takes longer than the interval: the one that is being sent goes on.
            count(&mut self.stats.update_overrun);
            return;
        }
        interface.regular = Some(Walk::new(version));
        interface.forget_withdrawn(now);
        F::begin_update(&mut interface.state, now);
        // RFC 2453 §3.10.1 MUST (superseded): a complete update tells of all changes.
        interface.triggered.running = false;
        interface.triggered.summarised.clear();
        self.rib.table_mut().cursor_to_end(interface.cursor);
    }

    fn run_circuits(&mut self) {
        let now = self.now;
        let mut lost = Vec::new();
        for interface in self.interfaces.values_mut() {
            let Some(circuit) = &mut interface.circuit else {
                continue;
            };
            match circuit.handle_timeout(now) {
                None => {}
                Some(Expired::Down) => {
                    let event = Event::CircuitDown {
                        interface: interface.id,
                    };
                    self.events.push(&mut self.stats, event);
                }
                Some(Expired::RoutesLost) => lost.push(interface.id),
            }
        }
        for interface in lost {
            // RFC 2091 §6.4 MUST (unreachable): after that, routes through the circuit are gone.
            let gateways: Vec<u32> = self
                .neighbors
                .range((interface, F::UNSPECIFIED)..)
                .take_while(|((on, _), _)| *on == interface)
                .map(|(_, neighbor)| neighbor.gateway)
                .collect();
            for gateway in gateways {
                self.expire_through(gateway);
            }
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let table = self.rib.table();
        let routes = [Timer::Timeout, Timer::Garbage]
            .into_iter()
            .filter_map(|timer| Some(table.first_due(timer)?.1));
        let interfaces = self.interfaces.values().flat_map(|interface| {
            let token = (self.has_work(interface) && !interface.bucket.is_ready(self.now))
                .then(|| interface.bucket.ready_at());
            let circuit = interface
                .circuit
                .as_ref()
                .and_then(|circuit| circuit.timeout());
            [
                interface.next_update,
                self.triggered_at(interface),
                token,
                circuit,
            ]
            .into_iter()
            .flatten()
        });
        routes.chain(interfaces).chain(self.neighbor_check).min()
    }
}
