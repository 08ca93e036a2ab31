//! Messages that are sent (RFC 2453 §3.10, RFC 2080 §2.5).

use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Unbounded};

use packet_buffer::{Instant, PacketBuf};

use super::circuit::Next;
use super::discard::count;
use super::interface::{Answer, Burst, Interface, Place, Walk, What};
use super::protocol::{Announced, Form, Header, Writer};
use super::{Engine, InterfaceId, Transmit};
use crate::config::{Config, SplitHorizon, offset_of};
use crate::family::Family;
use crate::rib::{INFINITY, Origin, Table};
use crate::wire::{Command, UpdateHeader};

/// What is looked at to write an update.
struct Source<'a, F: Family> {
    table: &'a Table<F>,
    config: &'a Config<F>,
    interface: &'a Interface<F>,
    /// The router shuts down: everything is unreachable.
    poison: bool,
    now: Instant,
}

impl<F: Family> Source<'_, F> {
    /// How a destination is announced on the interface, if it is.
    fn announced(&self, slot: u32) -> Option<Announced<F>> {
        let destination = self.table.destination(slot)?;
        let best = self.table.best(slot)?;
        let prefix = destination.prefix;
        let link = &self.interface.config;
        if link.default_route.is_some() && F::length(&prefix) == 0 {
            return None; // The interface has one of its own.
        }
        let here = Some(self.interface.id);
        let (mut metric, mut tag) = (best.data.metric, best.data.tag);
        let mut next_hop = None;
        let mut is_own = false;
        match best.data.origin {
            Origin::Own => {
                let gateway = self.table.next_hop(best).interface;
                // Who is on the network knows of it.
                if gateway == here && link.split_horizon != SplitHorizon::Off {
                    return None;
                }
                is_own = gateway == here;
            }
            Origin::Caller(source) => {
                let rule = self.config.redistribute.iter().find(|rule| {
                    rule.source == source && rule.filter.permits(&prefix, best.data.tag)
                })?;
                if metric < INFINITY {
                    metric = rule.metric.unwrap_or(metric);
                }
                tag = rule.tag.unwrap_or(tag);
            }
            Origin::Rip => {
                // RFC 2453 §3.4.3 MUST (split-horizon): not back to where it was learned.
                let learned_here = self
                    .table
                    .best_paths(slot)
                    .any(|path| self.table.next_hop(path).interface == here);
                match link.split_horizon {
                    SplitHorizon::Simple if learned_here => return None,
                    // RFC 2453 §3.4.3 MUST (poisoned-reverse): or as unreachable.
                    SplitHorizon::PoisonedReverse if learned_here => metric = INFINITY,
                    _ => {}
                }
            }
        }
        if is_own && !link.announce_connected || !link.filter_out.permits(&prefix, tag) {
            if !self.interface.was_announced(self.now, &prefix, tag, is_own) {
                return None;
            }
            // Neighbors that have it from this router are told that it is no more.
            metric = INFINITY;
        }
        metric = metric
            .saturating_add(offset_of(&link.offset_out, &prefix))
            .min(INFINITY);
        if self.poison {
            metric = INFINITY;
        }
        // RFC 2453 §4.4 MUST (next-hop): a router on the network of the message may be named.
        if metric < INFINITY && best.data.next_hop != F::UNSPECIFIED {
            let hop = self.table.next_hop(best);
            let on_link =
                hop.interface == here && F::source_for(self.interface, hop.address).is_some();
            next_hop = on_link.then_some(hop.address);
        }
        Some(Announced {
            prefix,
            metric,
            tag,
            next_hop,
        })
    }

    /// The default route of the interface.
    fn default_route(&self) -> Option<Announced<F>> {
        let prefix = F::prefix(F::UNSPECIFIED, 0)?;
        let (metric, tag) = match self.interface.config.default_route {
            Some(route) if !self.poison => (route.metric, route.tag),
            Some(route) => (INFINITY, route.tag),
            None => {
                let of_table = self.table.find(&prefix);
                let is_gone = self.interface.had_default_route(self.now)
                    && of_table.is_none_or(|slot| self.announced(slot).is_none());
                is_gone.then_some((INFINITY, 0))?
            }
        };
        Some(Announced {
            prefix,
            metric,
            tag,
            next_hop: None,
        })
    }

    /// A network by class, announced for its parts, and the last of them. `first` is the first
    /// destination in it.
    // RFC 2453 §3.7 MUST (summary): one route for the whole network, with the lowest metric.
    fn summary(
        &self,
        network: &F::Prefix,
        first: u32,
    ) -> (Option<Announced<F>>, Option<F::Prefix>) {
        let mut last = None;
        let mut metric: Option<u8> = None;
        let mut next = Some(first);
        while let Some(slot) = next {
            let Some(prefix) = self.table.destination(slot).map(|d| d.prefix) else {
                break;
            };
            if !F::covers(network, &prefix) {
                break;
            }
            if let Some(entry) = self.announced(slot) {
                metric = Some(metric.map_or(entry.metric, |m| m.min(entry.metric)));
            }
            last = Some(prefix);
            next = self.table.next(last.as_ref());
        }
        let entry = metric.map(|metric| Announced {
            prefix: *network,
            metric,
            tag: 0,
            next_hop: None,
        });
        (entry, last)
    }

    /// The first destination in a network.
    fn first_in(&self, network: &F::Prefix) -> Option<u32> {
        self.table
            .find(network)
            .or_else(|| self.table.next(Some(network)))
    }

    /// Writes a message of a walk; true when the walk has ended.
    fn fill(&self, walk: &mut Walk<F>, capacity: usize, body: &mut PacketBuf) -> bool {
        let mut writer = Writer::new(walk.version, capacity);
        let mut push = |entry: &Announced<F>| F::push(body, &mut writer, entry);
        loop {
            match &mut walk.place {
                Place::Start => {
                    if let Some(entry) = self.default_route() {
                        push(&entry);
                    }
                    walk.place = if F::is_classful(walk.version) {
                        Place::Behind(None)
                    } else {
                        Place::Slot(0)
                    };
                }
                Place::Slot(slot) => {
                    while *slot < self.table.end() {
                        // RFC 2453 §3.10 MUST (25): as many messages as it takes.
                        if let Some(entry) = self.announced(*slot)
                            && !push(&entry)
                        {
                            return false;
                        }
                        *slot += 1;
                    }
                    return true;
                }
                Place::Behind(last) => {
                    let Some(slot) = self.table.next(last.as_ref()) else {
                        return true;
                    };
                    let Some(prefix) = self.table.destination(slot).map(|d| d.prefix) else {
                        return true;
                    };
                    let (entry, end) = match F::form(self.interface, walk.version, &prefix) {
                        Form::Omitted => (None, Some(prefix)),
                        Form::Itself => (self.announced(slot), Some(prefix)),
                        Form::Within(network) => self.summary(&network, slot),
                    };
                    if let Some(entry) = entry
                        && !push(&entry)
                    {
                        return false;
                    }
                    *last = end;
                }
            }
        }
    }
}

impl<F: Family> Engine<F> {
    pub(super) fn transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit<F>> {
        // The interfaces take turns.
        let mut next = self.served;
        for _ in 0..=self.interfaces.len() {
            let after = next.map_or(Unbounded, Excluded);
            let id = *self
                .interfaces
                .range((after, Unbounded))
                .next()
                .or_else(|| self.interfaces.iter().next())?
                .0;
            next = Some(id);
            let Some(interface) = self.interfaces.get(&id) else {
                continue;
            };
            if !interface.bucket.is_ready(self.now) || !self.has_work(interface) {
                continue;
            }
            if let Some(transmit) = self.transmit_on(id, out) {
                self.served = Some(id);
                return Some(transmit);
            }
        }
        None
    }

    /// Whether something waits to be sent.
    pub(super) fn has_work(&self, interface: &Interface<F>) -> bool {
        interface.burst.is_some()
            || interface.ask
            || !interface.answers.is_empty()
            || interface.is_updating()
            || self.triggered_is_ready(interface)
            || self.circuit_has_work(interface)
    }

    fn circuit_has_work(&self, interface: &Interface<F>) -> bool {
        let Some(circuit) = &interface.circuit else {
            return false;
        };
        circuit.next().is_some()
            || circuit.is_free()
                && (circuit.restart || self.rib.table().peek_change(interface.cursor).is_some())
    }

    fn has_changes(&self, interface: &Interface<F>) -> bool {
        interface.circuit.is_none()
            && interface.link_up
            && !self.shutting_down
            && self.rib.table().peek_change(interface.cursor).is_some()
            && interface.update_version().is_some()
    }

    /// Whether a triggered update is being sent, or can begin.
    fn triggered_is_ready(&self, interface: &Interface<F>) -> bool {
        interface.triggered.running
            || interface.triggered.hold.is_none_or(|hold| hold <= self.now)
                && self.has_changes(interface)
    }

    /// When a triggered update can begin that has to wait until then.
    // RFC 2453 §3.10.1 MAY (suppressed): not when a regular update is due by then.
    pub(super) fn triggered_at(&self, interface: &Interface<F>) -> Option<Instant> {
        let hold = interface.triggered.hold.filter(|hold| *hold > self.now)?;
        let waits = !interface.triggered.running
            && interface.next_update.is_none_or(|regular| regular > hold)
            && self.has_changes(interface);
        waits.then_some(hold)
    }

    fn transmit_on(&mut self, id: InterfaceId, out: &mut PacketBuf) -> Option<Transmit<F>> {
        loop {
            if let Some(transmit) = self.send_circuit(id, out) {
                return Some(transmit);
            }
            if let Some(sent) = self.send_burst(id, out) {
                match sent {
                    Some(transmit) => return Some(transmit),
                    None => continue,
                }
            }
            let interface = self.interfaces.get(&id)?;
            let updates =
                interface.ask || interface.regular.is_some() || self.triggered_is_ready(interface);
            let answers = !interface.answers.is_empty();
            if answers && (interface.answers_turn || !updates) {
                if let Some(interface) = self.interfaces.get_mut(&id) {
                    interface.answers_turn = false;
                }
                if let Some(transmit) = self.send_answer(id, out) {
                    return Some(transmit);
                }
                continue;
            }
            if !updates {
                return None;
            }
            self.prepare_update(id)?;
        }
    }

    /// The next message of a burst; `Some(None)` when it has ended or this one could not be sent.
    #[expect(clippy::option_option, reason = "none, ended, sent")]
    fn send_burst(&mut self, id: InterfaceId, out: &mut PacketBuf) -> Option<Option<Transmit<F>>> {
        let interface = self.interfaces.get_mut(&id)?;
        let burst = interface.burst?;
        let Some((source, destination)) = interface.target(burst.next) else {
            interface.burst = None;
            return Some(None);
        };
        interface.burst = Some(Burst {
            next: burst.next + 1,
            ..burst
        });
        // What was the last target would keep the engine busy for one more poll.
        if interface.target(burst.next + 1).is_none() {
            interface.burst = None;
        }
        out.append_slice(interface.body.as_slice());
        let transmit = Transmit {
            interface: id,
            source,
            source_port: F::PORT,
            destination,
            destination_port: F::PORT,
            hop_limit: F::hop_limit(interface),
        };
        Some(self.seal(id, &burst.header, out).then_some(transmit))
    }

    /// Puts header and authentication around the entries, and counts; false when that cannot be.
    fn seal(&mut self, id: InterfaceId, header: &Header, out: &mut PacketBuf) -> bool {
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return false;
        };
        if !F::seal(&mut interface.state, self.now, header, out) {
            out.clear();
            count(&mut self.stats.not_sent);
            return false;
        }
        if let Some(event) = F::poll_auth_event(&mut interface.state) {
            let event = super::Event::key_expired(id, event);
            self.events.push(&mut self.stats, event);
        }
        interface.bucket.take(self.now);
        count(&mut interface.stats.sent);
        count(&mut self.stats.sent);
        true
    }

    /// Writes the entries of the next message that goes to all, unless it turns out that there is
    /// nothing to tell. `None` when the interface is gone.
    fn prepare_update(&mut self, id: InterfaceId) -> Option<()> {
        let triggered = self.triggered_is_ready(self.interfaces.get(&id)?);
        let interface = self.interfaces.get_mut(&id)?;
        let mut body = core::mem::take(&mut interface.body);
        body.clear();
        let version = F::send_version(interface);
        let Some(version) = version else {
            // It was switched off in the meantime.
            interface.stop_sending();
            return Some(());
        };
        interface.answers_turn = true;
        let mut command = Command::RESPONSE;
        if interface.ask {
            interface.ask = false;
            command = Command::REQUEST;
            F::whole_table(&mut body);
        } else if triggered {
            self.fill_triggered(id, version, &mut body);
        } else if let Some(mut walk) = interface.regular {
            let interface = self.interfaces.get(&id)?;
            let source = Source {
                table: self.rib.table(),
                config: &self.config,
                interface,
                poison: self.shutting_down,
                now: self.now,
            };
            let capacity = F::capacity(interface, self.now, walk.version);
            let ended = source.fill(&mut walk, capacity, &mut body);
            let interface = self.interfaces.get_mut(&id)?;
            interface.regular = (!ended).then_some(walk);
        }
        let interface = self.interfaces.get_mut(&id)?;
        if !body.is_empty() {
            let header = Header {
                command,
                version,
                update: None,
            };
            interface.burst = Some(Burst { header, next: 0 });
        }
        interface.body = body;
        Some(())
    }

    /// Writes the next message of a triggered update.
    // RFC 2453 §3.10.1 MUST (changed-only): only routes that have changed.
    fn fill_triggered(&mut self, id: InterfaceId, version: u8, body: &mut PacketBuf) {
        let now = self.now;
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return;
        };
        let limit = interface.triggered.limit;
        if !interface.triggered.running {
            interface.triggered.running = true;
            interface.triggered.sent = false;
            interface.triggered.summarised.clear();
            F::begin_update(&mut interface.state, now);
            self.rib.table_mut().cursor_to_end(limit);
        }
        let ended = self.fill_changes(id, version, body, Some(limit));
        let timers = self.config.timers;
        // RFC 2453 §3.10.1 MUST (hold): then a random time of 1 to 5 seconds before the next.
        let hold = now + self.random_between(timers.triggered_min, timers.triggered_max);
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return;
        };
        if !body.is_empty() && !interface.triggered.sent {
            interface.triggered.sent = true;
            count(&mut interface.stats.triggered_updates);
        }
        if ended {
            interface.triggered.running = false;
            interface.triggered.summarised.clear();
            if interface.triggered.sent {
                interface.triggered.hold = Some(hold);
            }
        }
    }

    /// Writes changes that were not told yet, up to `limit`; true when those were all.
    fn fill_changes(
        &mut self,
        id: InterfaceId,
        version: u8,
        body: &mut PacketBuf,
        limit: Option<crate::rib::Cursor>,
    ) -> bool {
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return true;
        };
        let cursor = interface.cursor;
        let mut summarised = core::mem::take(&mut interface.triggered.summarised);
        let capacity = F::capacity(interface, self.now, version);
        let mut writer = Writer::new(version, capacity);
        let ended = loop {
            let table = self.rib.table();
            if limit.is_some_and(|limit| table.cursors_meet(cursor, limit)) {
                break true;
            }
            let Some(slot) = table.peek_change(cursor) else {
                break true;
            };
            let Some(interface) = self.interfaces.get(&id) else {
                break true;
            };
            let source = Source {
                table,
                config: &self.config,
                interface,
                poison: self.shutting_down,
                now: self.now,
            };
            let Some(prefix) = table.destination(slot).map(|d| d.prefix) else {
                break true;
            };
            let form = if F::is_classful(version) {
                F::form(interface, version, &prefix)
            } else {
                Form::Itself
            };
            let (entry, network) = match form {
                Form::Omitted => (None, None),
                Form::Itself => (source.announced(slot), None),
                Form::Within(network) if summarised.contains(&network) => (None, None),
                Form::Within(network) => {
                    let first = source.first_in(&network);
                    let entry = first.and_then(|first| source.summary(&network, first).0);
                    (entry, Some(network))
                }
            };
            if let Some(entry) = entry
                && !F::push(body, &mut writer, &entry)
            {
                break false;
            }
            if let Some(network) = network {
                summarised.insert(network);
            }
            self.rib.table_mut().skip_change(cursor);
        };
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.triggered.summarised = summarised;
        }
        ended
    }

    fn send_answer(&mut self, id: InterfaceId, out: &mut PacketBuf) -> Option<Transmit<F>> {
        let interface = self.interfaces.get_mut(&id)?;
        let mut answer = interface.answers.pop_front()?;
        let mut more = false;
        match &mut answer.what {
            What::Entries(entries) => out.append_slice(entries),
            What::Table(walk) => {
                let interface = self.interfaces.get(&id)?;
                let source = Source {
                    table: self.rib.table(),
                    config: &self.config,
                    interface,
                    poison: false,
                    now: self.now,
                };
                let capacity = F::capacity(interface, self.now, answer.version);
                more = !source.fill(walk, capacity, out);
            }
        }
        if out.is_empty() {
            return None;
        }
        let header = Header {
            command: Command::RESPONSE,
            version: answer.version,
            update: None,
        };
        let interface = self.interfaces.get_mut(&id)?;
        let source = F::source_for(interface, answer.address);
        let hop_limit = F::hop_limit(interface);
        let Answer { address, port, .. } = answer;
        if more {
            interface.answers.push_back(answer);
        }
        let source = source?;
        self.seal(id, &header, out).then_some(Transmit {
            interface: id,
            source,
            source_port: F::PORT,
            destination: address,
            destination_port: port,
            hop_limit,
        })
    }

    /// The next message of a demand circuit (RFC 2091 §4).
    fn send_circuit(&mut self, id: InterfaceId, out: &mut PacketBuf) -> Option<Transmit<F>> {
        self.prepare_response(id);
        let interface = self.interfaces.get_mut(&id)?;
        let (source, destination) = interface.target(0)?;
        let version = F::send_version(interface)?;
        let circuit = interface.circuit.as_mut()?;
        let next = circuit.next()?;
        let (command, update) = match next {
            Next::Acknowledgement(sequence) => (
                Command::UPDATE_ACKNOWLEDGE,
                UpdateHeader::new(false, sequence),
            ),
            Next::Request => {
                F::whole_table(out);
                (Command::UPDATE_REQUEST, UpdateHeader::REQUEST)
            }
            Next::Response => {
                let outstanding = circuit.outstanding()?;
                out.append_slice(&outstanding.entries);
                let update = UpdateHeader::new(outstanding.flush, outstanding.sequence);
                (Command::UPDATE_RESPONSE, update)
            }
        };
        circuit.sent(self.now, next);
        let hop_limit = F::hop_limit(interface);
        let header = Header {
            command,
            version,
            update: Some(update),
        };
        self.seal(id, &header, out).then_some(Transmit {
            interface: id,
            source,
            source_port: F::PORT,
            destination,
            destination_port: F::PORT,
            hop_limit,
        })
    }

    /// Makes the next response of a demand circuit, when none is outstanding.
    fn prepare_response(&mut self, id: InterfaceId) {
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return;
        };
        let Some(circuit) = &mut interface.circuit else {
            return;
        };
        if !circuit.is_free() {
            return;
        }
        // RFC 2091 §4.2 MUST (flush): the first message of a whole table says that it is one.
        let flush = core::mem::take(&mut circuit.restart);
        let Some(version) = F::send_version(interface) else {
            return;
        };
        if flush {
            interface.regular = Some(Walk::new(version));
            self.rib.table_mut().cursor_to_end(interface.cursor);
        }
        let mut body = PacketBuf::new();
        if let Some(mut walk) = interface.regular {
            let source = Source {
                table: self.rib.table(),
                config: &self.config,
                interface,
                poison: self.shutting_down,
                now: self.now,
            };
            let capacity = F::capacity(interface, self.now, version);
            let ended = source.fill(&mut walk, capacity, &mut body);
            interface.regular = (!ended).then_some(walk);
        } else {
            // RFC 2091 §3.4 MUST (changes): afterwards, only what changes is told.
            self.fill_changes(id, version, &mut body, None);
        }
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return;
        };
        // A whole table without routes is told as well.
        if (flush || !body.is_empty())
            && let Some(circuit) = &mut interface.circuit
        {
            circuit.respond(Vec::from(body.as_slice()), flush);
        }
    }
}
