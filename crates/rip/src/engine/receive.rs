//! Messages that arrive.

use alloc::vec::Vec;

use packet_buffer::{Instant, PacketBuf};

use super::discard::count;
use super::interface::{Answer, Walk, What};
use super::learner::Learner;
use super::protocol::Incoming;
use super::{Discard, Engine, Event, NeighborState, NeighborStats, Received};
use crate::family::Family;
use crate::rib::{INFINITY, Origin, Timer};
use crate::wire::{Command, RequestKind, UpdateHeader};

/// Sources on an interface of which it is remembered that their failed authentication was told.
const MAX_TOLD: usize = 64;

impl<F: Family> Engine<F> {
    pub(super) fn receive(
        &mut self,
        now: Instant,
        received: &Received<'_, F>,
    ) -> Result<(), Discard> {
        let interface = self
            .interfaces
            .get(&received.interface)
            .ok_or(Discard::UnknownInterface)?;
        if !interface.link_up {
            return Err(Discard::InterfaceDown);
        }
        let incoming = F::check(interface, received)?;
        if self.shutting_down && incoming.command != Command::UPDATE_ACKNOWLEDGE {
            return Err(Discard::ShutDown);
        }
        match incoming.command {
            Command::REQUEST => self.request(now, received, &incoming),
            Command::RESPONSE => self.response(now, received, &incoming, false),
            _ => self.circuit_message(now, received, &incoming),
        }
    }

    /// Tests the authentication, the last of all tests.
    // RFC 4822 §3.2.2: nothing changes before a message has passed.
    fn verify(
        &mut self,
        now: Instant,
        received: &Received<'_, F>,
        incoming: &Incoming<'_, F>,
    ) -> Result<(), Discard> {
        let interface = self
            .interfaces
            .get_mut(&received.interface)
            .ok_or(Discard::UnknownInterface)?;
        F::verify(
            &mut interface.state,
            now,
            received.source,
            &incoming.message,
        )?;
        interface.told.remove(&received.source);
        count(&mut interface.stats.received);
        if let Some(event) = F::poll_auth_event(&mut interface.state) {
            let event = Event::key_expired(received.interface, event);
            self.events.push(&mut self.stats, event);
        }
        Ok(())
    }

    // RFC 2453 §3.9.1, RFC 2080 §2.4.1.
    fn request(
        &mut self,
        now: Instant,
        received: &Received<'_, F>,
        incoming: &Incoming<'_, F>,
    ) -> Result<(), Discard> {
        let interface = self
            .interfaces
            .get(&received.interface)
            .ok_or(Discard::UnknownInterface)?;
        let policy = &interface.config.requests;
        let refused = match incoming.request {
            // RFC 2453 §3.9.1 MUST (empty): no entries, no answer.
            RequestKind::Nothing => return Err(Discard::EmptyRequest),
            RequestKind::WholeTable => {
                received.source_port != F::PORT && !policy.whole_table_to_any_port
            }
            RequestKind::Entries => !policy.specific,
        };
        let passive =
            interface.config.passive && !interface.config.neighbors.contains(&received.source);
        if refused || passive || policy.per_second == 0 {
            return Err(Discard::RequestRefused);
        }
        if F::source_for(interface, received.source).is_none() {
            return Err(Discard::RequestRefused);
        }
        if !interface.requests.is_ready(now) || interface.answers.len() >= policy.max_pending {
            return Err(Discard::RequestLimit);
        }
        let version = incoming.version.min(2);
        let what = if incoming.request == RequestKind::WholeTable {
            What::Table(Walk::new(version))
        } else {
            let table = self.rib.table();
            let metric = |prefix: &F::Prefix| {
                table
                    .find(prefix)
                    .and_then(|slot| table.best(slot))
                    .map_or(INFINITY, |path| path.data.metric)
            };
            let mut body = PacketBuf::new();
            F::answer(interface, incoming, metric, &mut body);
            What::Entries(Vec::from(body.as_slice()))
        };
        self.verify(now, received, incoming)?;
        if let Some(interface) = self.interfaces.get_mut(&received.interface) {
            interface.requests.take(now);
            // RFC 2453 §3.9.1 MUST (to-the-port): the answer goes to where the request came from.
            interface.answers.push_back(Answer {
                address: received.source,
                port: received.source_port,
                version,
                what,
            });
        }
        count(&mut self.stats.answered);
        Ok(())
    }

    // RFC 2453 §3.9.2, RFC 2080 §2.4.2.
    fn response(
        &mut self,
        now: Instant,
        received: &Received<'_, F>,
        incoming: &Incoming<'_, F>,
        permanent: bool,
    ) -> Result<(), Discard> {
        let key = (received.interface, received.source);
        let room = self.room_for_neighbor(key);
        if let Room::None = room {
            return Err(Discard::NeighborLimit);
        }
        self.verify(now, received, incoming)?;
        // State is made for those who have passed only.
        if let Room::Of(address) = room {
            self.now = now;
            self.lose_neighbor(received.interface, address);
        }
        self.learn(now, received, incoming, permanent);
        Ok(())
    }

    fn learn(
        &mut self,
        now: Instant,
        received: &Received<'_, F>,
        incoming: &Incoming<'_, F>,
        permanent: bool,
    ) {
        let key = (received.interface, received.source);
        let Some(interface) = self.interfaces.get_mut(&received.interface) else {
            return;
        };
        let mut new = false;
        let neighbor = self.neighbors.entry(key).or_insert_with(|| {
            new = true;
            NeighborState {
                gateway: self.rib.table_mut().add_gateway(Some(received.interface)),
                version: incoming.version,
                last_heard: now,
                limit_told: false,
                next: 0,
                stats: NeighborStats::default(),
            }
        });
        neighbor.version = incoming.version;
        neighbor.last_heard = now;
        count(&mut neighbor.stats.received);
        if new {
            let event = Event::NeighborUp {
                interface: received.interface,
                address: received.source,
            };
            self.events.push(&mut self.stats, event);
        }
        let deadline = now + self.config.timers.timeout;
        self.neighbor_check.get_or_insert(deadline);
        let mut bad = 0;
        let mut learner = Learner {
            now,
            interface: received.interface,
            config: &self.config,
            link: &interface.config,
            sender: received.source,
            neighbor,
            table: self.rib.table_mut(),
            stats: &mut self.stats,
            events: &mut self.events,
            table_full_told: &mut self.table_full_told,
            permanent,
        };
        F::for_each_route(interface, incoming, |heard| match heard {
            Ok(heard) => learner.hear(&heard),
            Err(error) => {
                learner.stats.count_entry(&error);
                bad += 1;
            }
        });
        neighbor.stats.bad_routes = neighbor.stats.bad_routes.wrapping_add(bad);
        interface.stats.bad_routes = interface.stats.bad_routes.wrapping_add(bad);
    }

    /// Whether there is room for a neighbor, or whose place it can take.
    fn room_for_neighbor(&self, key: (super::InterfaceId, F::Address)) -> Room<F> {
        if self.neighbors.contains_key(&key) {
            return Room::Free;
        }
        let on_interface = self
            .neighbors
            .range((key.0, F::UNSPECIFIED)..)
            .take_while(|((interface, _), _)| *interface == key.0);
        if on_interface.clone().count() < self.config.max_neighbors {
            return Room::Free;
        }
        on_interface
            .filter(|(_, neighbor)| self.rib.table().routes_through(neighbor.gateway) == 0)
            .min_by_key(|(_, neighbor)| neighbor.last_heard)
            .map_or(Room::None, |((_, address), _)| Room::Of(*address))
    }

    /// Update request, response and acknowledgement (RFC 2091 §4).
    fn circuit_message(
        &mut self,
        now: Instant,
        received: &Received<'_, F>,
        incoming: &Incoming<'_, F>,
    ) -> Result<(), Discard> {
        let interface = self
            .interfaces
            .get(&received.interface)
            .ok_or(Discard::UnknownInterface)?;
        let peer = interface.config.neighbors.first();
        let (Some(circuit), Some(update), true) = (
            &interface.circuit,
            incoming.update,
            peer == Some(&received.source),
        ) else {
            return Err(Discard::NotACircuit);
        };
        let UpdateHeader {
            flush,
            sequence_number,
            ..
        } = update;
        if incoming.command == Command::UPDATE_ACKNOWLEDGE && !circuit.awaits(sequence_number) {
            return Err(Discard::UnexpectedAcknowledgement(sequence_number));
        }
        let response = incoming.command == Command::UPDATE_RESPONSE;
        if response
            && let Room::None = self.room_for_neighbor((received.interface, received.source))
        {
            return Err(Discard::NeighborLimit);
        }
        self.verify(now, received, incoming)?;
        self.now = now;
        let Some(circuit) = self
            .interfaces
            .get_mut(&received.interface)
            .and_then(|interface| interface.circuit.as_mut())
        else {
            return Ok(());
        };
        let came_up = circuit.heard();
        match incoming.command {
            Command::UPDATE_REQUEST => circuit.requested(),
            Command::UPDATE_ACKNOWLEDGE => circuit.acknowledged(),
            _ => {
                // RFC 2091 §4.2 MUST (once): a repeated response is acknowledged and no more.
                if circuit.responded(sequence_number) {
                    if flush {
                        self.flush(now, received);
                    }
                    self.learn(now, received, incoming, true);
                }
            }
        }
        if came_up {
            let interface = received.interface;
            let event = Event::CircuitUp { interface };
            self.events.push(&mut self.stats, event);
        }
        Ok(())
    }

    /// What the peer does not tell again from now on is gone after the timeout. Looks at every route
    /// once.
    // RFC 2091 §6.1 MUST (database-timer): a flush starts the timers of all routes of the peer.
    fn flush(&mut self, now: Instant, received: &Received<'_, F>) {
        let key = (received.interface, received.source);
        let Some(neighbor) = self.neighbors.get(&key) else {
            return;
        };
        let gateway = neighbor.gateway;
        let deadline = now + self.config.timers.timeout;
        let table = self.rib.table_mut();
        for slot in 0..table.paths_end() {
            let known = table.path(slot).is_some_and(|path| {
                path.data.gateway == gateway
                    && path.data.origin == Origin::Rip
                    && path.timer() == Timer::None
            });
            if known {
                table.set_timer(slot, Timer::Timeout, deadline);
            }
        }
    }

    /// Counts a message that was ignored where it belongs.
    pub(super) fn count_discard(&mut self, received: &Received<'_, F>, discard: &Discard) {
        self.stats.count_discard(discard);
        let Some(interface) = self.interfaces.get_mut(&received.interface) else {
            return;
        };
        count(&mut interface.stats.bad_messages);
        let key = (received.interface, received.source);
        if let Some(neighbor) = self.neighbors.get_mut(&key) {
            count(&mut neighbor.stats.bad_messages);
        }
        if matches!(discard, Discard::Authentication(_))
            && !interface.told.contains(&received.source)
            && interface.told.len() < MAX_TOLD
        {
            interface.told.insert(received.source);
            let event = Event::AuthenticationFailed {
                interface: received.interface,
                source: received.source,
            };
            self.events.push(&mut self.stats, event);
        }
    }
}

/// Room for a neighbor.
enum Room<F: Family> {
    /// There is some.
    Free,
    /// In place of this one.
    Of(F::Address),
    /// There is none.
    None,
}
