//! Interfaces that come, go and change, and routes of other sources than RIP.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use packet_buffer::{Instant, PacketBuf};

use super::circuit::Circuit;
use super::discard::InterfaceStats;
use super::interface::{Interface, Triggered, Walk};
use super::learner::settle;
use super::{Engine, Event, InterfaceId};
use crate::config::{ConfigError, InterfaceAddress, InterfaceConfig};
use crate::family::Family;
use crate::rib::{INFINITY, LocalRoute, NextHop, Origin, PathData, Source, Timer};
use packet_buffer::rate::Limiter;

impl<F: Family> Engine<F> {
    /// Adds an interface, which is up from now on: a request for the whole table goes out.
    ///
    /// # Errors
    ///
    /// The configuration cannot work, or there is an interface of this number.
    pub fn add_interface(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        config: InterfaceConfig<F>,
    ) -> Result<(), ConfigError> {
        self.check(&config)?;
        if self.interfaces.contains_key(&interface) {
            return Err(ConfigError::new("interface", "there is one of this number"));
        }
        self.now = self.now.max(now);
        let table = self.rib.table_mut();
        let (pacing, requests) = (config.pacing, config.requests);
        let state = Interface {
            id: interface,
            state: F::state(&config),
            link_up: false,
            next_update: None,
            regular: None,
            cursor: table.add_cursor(),
            triggered: Triggered {
                running: false,
                limit: table.add_cursor(),
                sent: false,
                hold: None,
                summarised: BTreeSet::new(),
            },
            ask: false,
            answers: VecDeque::new(),
            answers_turn: false,
            burst: None,
            body: PacketBuf::new(),
            circuit: None,
            bucket: Limiter::new(pacing.rate()),
            requests: Limiter::new(requests.rate()),
            told: BTreeSet::new(),
            withdrawn: VecDeque::new(),
            stats: InterfaceStats::default(),
            config,
        };
        self.interfaces.insert(interface, state);
        self.bring_up(interface);
        Ok(())
    }

    fn check(&self, config: &InterfaceConfig<F>) -> Result<(), ConfigError> {
        config.check()?;
        if config
            .update
            .is_some_and(|update| update >= self.config.timers.timeout)
        {
            return Err(ConfigError::new(
                "update",
                "it must be shorter than the timeout",
            ));
        }
        Ok(())
    }

    /// Takes an interface away: all routes through it become unreachable, and the others are told.
    /// Nothing is sent on it any more. `false` when there is none of this number.
    pub fn remove_interface(&mut self, now: Instant, interface: InterfaceId) -> bool {
        if !self.interfaces.contains_key(&interface) {
            return false;
        }
        self.now = self.now.max(now);
        self.bring_down(interface);
        if let Some(interface) = self.interfaces.remove(&interface) {
            let table = self.rib.table_mut();
            table.remove_cursor(interface.cursor);
            table.remove_cursor(interface.triggered.limit);
        }
        true
    }

    /// Sets an interface up anew. Routes and neighbors stay, as far as the new configuration takes
    /// them, and an update goes out.
    ///
    /// Routes that came in on the interface and that [`filter_in`](InterfaceConfig::filter_in) denies now
    /// become unreachable. Those that were announced and are not any more, by
    /// [`filter_out`](InterfaceConfig::filter_out) and what else is left out, are announced as unreachable
    /// for as long as a route is that is gone.
    ///
    /// # Errors
    ///
    /// The configuration cannot work, or there is no interface of this number.
    pub fn reconfigure_interface(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        config: InterfaceConfig<F>,
    ) -> Result<(), ConfigError> {
        self.check(&config)?;
        let Some(state) = self.interfaces.get_mut(&interface) else {
            return Err(ConfigError::new(
                "interface",
                "there is none of this number",
            ));
        };
        self.now = self.now.max(now);
        let up = state.link_up;
        let another_kind = state.config.demand_circuit != config.demand_circuit;
        let cost_changed = state.config.cost != config.cost;
        state.bucket.set_rate(config.pacing.rate());
        state.requests.set_rate(config.requests.rate());
        let addresses = config.addresses.clone();
        let announced = state.update_version().is_some();
        let config = InterfaceConfig {
            addresses: state.config.addresses.clone(),
            ..config
        };
        let before = core::mem::replace(&mut state.config, config);
        let filters_in = before.filter_in != state.config.filter_in;
        if announced {
            let until = self.now + self.config.timers.garbage;
            state.withdraw_since(self.now, before, until);
        }
        F::update_state(&mut state.state, &state.config);
        if up && another_kind {
            self.bring_down(interface);
        }
        self.change_addresses(interface, addresses, cost_changed);
        if filters_in {
            self.filter_learned(interface);
        }
        if up && another_kind {
            self.bring_up(interface);
        } else if up && let Some(state) = self.interfaces.get_mut(&interface) {
            // What is announced may be other routes now, in another version.
            state.regular = state.update_version().map(Walk::new);
            state.ask = state.regular.is_some();
        }
        Ok(())
    }

    /// The link has come up, or gone down. `false` when there is no interface of this number.
    pub fn set_link_up(&mut self, now: Instant, interface: InterfaceId, up: bool) -> bool {
        let Some(state) = self.interfaces.get(&interface) else {
            return false;
        };
        let was_up = state.link_up;
        self.now = self.now.max(now);
        match (was_up, up) {
            (false, true) => self.bring_up(interface),
            (true, false) => self.bring_down(interface),
            _ => {}
        }
        true
    }

    /// The addresses of an interface are these from now on. Neighbors that are not on the link any
    /// more are gone, and routes through them become unreachable. `false` when there is no
    /// interface of this number.
    pub fn set_addresses(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        addresses: Vec<InterfaceAddress<F>>,
    ) -> bool {
        let well_formed = addresses.iter().all(|address| address.prefix().is_some());
        if !well_formed || !self.interfaces.contains_key(&interface) {
            return false;
        }
        self.now = self.now.max(now);
        self.change_addresses(interface, addresses, false);
        true
    }

    fn change_addresses(
        &mut self,
        interface: InterfaceId,
        addresses: Vec<InterfaceAddress<F>>,
        anew: bool,
    ) {
        let Some(state) = self.interfaces.get_mut(&interface) else {
            return;
        };
        let before: Vec<F::Prefix> = state.networks().map(|(_, network)| network).collect();
        let could_send = state.update_version().is_some();
        state.config.addresses = addresses;
        F::update_state(&mut state.state, &state.config);
        if !state.link_up {
            return;
        }
        let after: Vec<F::Prefix> = state.networks().map(|(_, network)| network).collect();
        let lost: Vec<F::Address> = self
            .neighbors
            .range((interface, F::UNSPECIFIED)..)
            .map(|(&(on, address), _)| (on, address))
            .take_while(|(on, _)| *on == interface)
            .map(|(_, address)| address)
            .filter(|address| F::source_for(state, *address).is_none())
            .collect();
        let starts = !could_send && state.update_version().is_some();
        for prefix in before.iter().filter(|prefix| !after.contains(prefix)) {
            self.withdraw(Origin::Own, prefix);
        }
        for prefix in after {
            if anew || !before.contains(&prefix) {
                self.add_own(interface, &prefix);
            }
        }
        for address in lost {
            self.lose_neighbor(interface, address);
        }
        if starts {
            self.start_sending(interface);
        }
    }

    fn bring_up(&mut self, interface: InterfaceId) {
        let Some(state) = self.interfaces.get_mut(&interface) else {
            return;
        };
        state.link_up = true;
        let networks: Vec<F::Prefix> = state.networks().map(|(_, network)| network).collect();
        for prefix in networks {
            self.add_own(interface, &prefix);
        }
        self.start_sending(interface);
    }

    /// Asks the neighbors for their tables, and begins with updates.
    fn start_sending(&mut self, interface: InterfaceId) {
        let timers = self.config.timers;
        let wait = self.random_between(timers.triggered_min, timers.triggered_max);
        let sequence = self.random.next_u16();
        let now = self.now;
        let Some(state) = self.interfaces.get_mut(&interface) else {
            return;
        };
        if state.update_version().is_none() || self.shutting_down {
            return;
        }
        if let Some(circuit) = state.config.demand_circuit {
            state.circuit = Some(Circuit::new(circuit, sequence));
            return;
        }
        // The first update tells all of it.
        self.rib.table_mut().cursor_to_end(state.cursor);
        // RFC 2453 §3.9.1 MUST (ask): a router that comes up asks for the whole table.
        state.ask = true;
        state.next_update = Some(now + wait);
    }

    // RFC 2453 §3.4.4 MUST (down): routes through a network that is gone are told to be so at once.
    fn bring_down(&mut self, interface: InterfaceId) {
        let Some(state) = self.interfaces.get_mut(&interface) else {
            return;
        };
        state.link_up = false;
        state.stop_sending();
        state.circuit = None;
        state.told.clear();
        // The neighbors forget all that leads over a link that is down.
        state.withdrawn.clear();
        let networks: Vec<F::Prefix> = state.networks().map(|(_, network)| network).collect();
        for prefix in networks {
            self.withdraw(Origin::Own, &prefix);
        }
        let neighbors: Vec<F::Address> = self
            .neighbors
            .range((interface, F::UNSPECIFIED)..)
            .map(|(key, _)| *key)
            .take_while(|(on, _)| *on == interface)
            .map(|(_, address)| address)
            .collect();
        for address in neighbors {
            self.lose_neighbor(interface, address);
        }
    }

    /// Forgets a neighbor; routes through it become unreachable.
    pub(super) fn lose_neighbor(&mut self, interface: InterfaceId, address: F::Address) {
        let Some(neighbor) = self.neighbors.remove(&(interface, address)) else {
            return;
        };
        let gateway = neighbor.gateway;
        if self.rib.table().routes_through(gateway) > 0 {
            self.expire_through(gateway);
        }
        self.rib.table_mut().remove_gateway(gateway);
        if let Some(state) = self.interfaces.get_mut(&interface) {
            F::neighbor_lost(&mut state.state, address);
        }
        let event = Event::NeighborDown { interface, address };
        self.events.push(&mut self.stats, event);
    }

    /// Routes through the gateway become unreachable. Looks at every route once.
    pub(super) fn expire_through(&mut self, gateway: u32) {
        for slot in 0..self.rib.table().paths_end() {
            let path = self.rib.table().path(slot);
            if path.is_some_and(|path| {
                path.data.gateway == gateway
                    && path.data.origin == Origin::Rip
                    && path.data.metric < INFINITY
            }) {
                self.expire(slot);
            }
        }
    }

    /// Routes that were learned on the interface and that its filter denies become unreachable. Looks at
    /// every route once.
    fn filter_learned(&mut self, interface: InterfaceId) {
        for slot in 0..self.rib.table().paths_end() {
            let table = self.rib.table();
            let is_denied = table.path(slot).is_some_and(|path| {
                let data = &path.data;
                let here = table.next_hop(path).interface == Some(interface);
                let prefix = table.destination(path.destination).map(|it| it.prefix);
                let filter = self.interfaces.get(&interface);
                let filter = filter.map(|it| &it.config.filter_in);
                let permits = |prefix| filter.is_some_and(|it| it.permits(&prefix, data.tag));
                here && data.origin == Origin::Rip
                    && data.metric < INFINITY
                    && prefix.is_some_and(|prefix| !permits(prefix))
            });
            if is_denied {
                self.expire(slot);
            }
        }
    }

    fn add_own(&mut self, interface: InterfaceId, prefix: &F::Prefix) {
        let Some(cost) = self.interfaces.get(&interface).map(|i| i.config.cost) else {
            return;
        };
        let data = PathData {
            next_hop: F::UNSPECIFIED,
            gateway: self.link(Some(interface)),
            tag: 0,
            // RFC 2453 §3.6: a network that is connected has the cost of its interface.
            metric: cost,
            distance: 0,
            origin: Origin::Own,
        };
        // When there is no room, it is missing from announcements, and counted.
        self.put(prefix, data);
    }

    /// The slot of a gateway that is no neighbor.
    fn link(&mut self, interface: Option<InterfaceId>) -> u32 {
        let table = self.rib.table_mut();
        *self
            .links
            .entry(interface)
            .or_insert_with(|| table.add_gateway(interface))
    }

    /// Adds a route of another source, or changes it.
    ///
    /// # Errors
    ///
    /// The route cannot be, or the table is full.
    pub fn add_route(&mut self, now: Instant, route: LocalRoute<F>) -> Result<(), ConfigError> {
        let wrong = |field, problem| Err(ConfigError::new(field, problem));
        if route.source == Source::Rip {
            return wrong("source", "routes of RIP are learned");
        }
        if !(1..INFINITY).contains(&route.metric) {
            return wrong("metric", "it must be from 1 to 15");
        }
        if route.distance == 255 {
            return wrong("distance", "255 means a route that is never used");
        }
        self.now = self.now.max(now);
        let NextHop { interface, address } = route.next_hop;
        let data = PathData {
            next_hop: address,
            gateway: self.link(interface),
            tag: route.tag,
            metric: route.metric,
            distance: route.distance,
            origin: Origin::Caller(route.source),
        };
        if self.put(&route.prefix, data) {
            Ok(())
        } else {
            wrong("prefix", "the table is full")
        }
    }

    /// Takes a route of another source away; `false` when there is none.
    pub fn remove_route(&mut self, now: Instant, source: Source, prefix: F::Prefix) -> bool {
        self.now = self.now.max(now);
        self.withdraw(Origin::Caller(source), &prefix)
    }

    /// Adds a route that is not RIP's, or changes it; false when the table is full.
    fn put(&mut self, prefix: &F::Prefix, data: PathData<F>) -> bool {
        let table = self.rib.table_mut();
        let Some(destination) = table.find_or_add(prefix) else {
            self.note_table_full();
            return false;
        };
        let before = table.head(destination);
        let known = table
            .paths_to(destination)
            .find(|(_, path)| path.data.origin == data.origin)
            .map(|(slot, _)| slot);
        match known {
            Some(slot) => {
                table.set_timer(slot, Timer::None, Instant::MAX);
                table.change_path(slot, data);
            }
            None => {
                table.add_path(destination, data);
            }
        }
        settle(table, &mut self.stats, destination, before, false);
        true
    }

    fn withdraw(&mut self, origin: Origin, prefix: &F::Prefix) -> bool {
        let table = self.rib.table();
        let found = table.find(prefix).and_then(|destination| {
            table
                .paths_to(destination)
                .find(|(_, path)| path.data.origin == origin && path.data.metric < INFINITY)
                .map(|(slot, _)| slot)
        });
        let Some(slot) = found else {
            return false;
        };
        self.expire(slot);
        true
    }

    pub(super) fn note_table_full(&mut self) {
        super::count(&mut self.stats.table_full);
        if !self.table_full_told {
            self.table_full_told = true;
            self.events.push(&mut self.stats, Event::TableFull);
        }
    }

    /// Announces all routes as unreachable, and nothing after that: poll on until
    /// [`is_shut_down`](Self::is_shut_down).
    // RFC 2453 §3.4.4: what becomes unreachable is told at once; the neighbors need not time it out.
    pub fn shut_down(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.shutting_down {
            return;
        }
        self.shutting_down = true;
        for interface in self.interfaces.values_mut() {
            let version = interface.update_version();
            if let Some(circuit) = &mut interface.circuit {
                circuit.requested();
                continue;
            }
            interface.stop_sending();
            interface.regular = version.map(Walk::new);
        }
    }

    /// Whether all has been said after [`shut_down`](Self::shut_down).
    pub fn is_shut_down(&self) -> bool {
        self.shutting_down
            && self.interfaces.values().all(|interface| {
                let circuit = interface.circuit.as_ref();
                let silent = circuit
                    .is_none_or(|circuit| !circuit.up || (circuit.is_free() && !circuit.restart));
                silent && interface.regular.is_none() && interface.burst.is_none()
            })
    }
}
