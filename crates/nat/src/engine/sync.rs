//! Sessions as another translator can take them over.

use super::Nat;
use super::source::Source;
use crate::config::{Action, Mapping, Side, transplant};
use crate::event::NatEvent;
use crate::flow::{FlowFlags, NatFlow};
use crate::mapping::{Endpoint, Held, NewMapping, PortKind, SlotKind};
use crate::verdict::bump;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::FlowState;
use flow_table::{FlowRef, Ipv4FlowKey, NewFlow, Refusal};
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;
use thiserror::Error;

/// A session, with all that another translator of the same configuration needs to go on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRecord {
    /// The key of the initiator's packets as they arrive.
    pub original: Ipv4FlowKey,
    /// The key of the answering packets as they arrive.
    pub reply: Ipv4FlowKey,
    /// Where the initiator is.
    pub initiator: Side,
    /// Where the answering end is.
    pub responder: Side,
    /// How long the session lives without packets.
    pub remaining: Duration,
    /// The state of the protocol.
    pub state: FlowState,
    /// What it holds of shared addresses; opaque.
    pub holds: u16,
}

/// Why a session is not taken over. Nothing is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The record contradicts itself or the configuration: another rule, another pool.
    #[error("the record does not fit the configuration")]
    Inconsistent,
    /// The outside endpoint is somebody else's here.
    #[error("the outside endpoint belongs to another mapping")]
    Taken,
    /// A session with one of the keys is here already.
    #[error("a session with one of the keys is here already")]
    Clash,
    /// There is no room.
    #[error("there is no room for the session")]
    Full,
}

/// Flags that say what a session holds; the others follow from elsewhere.
const HOLDS: u16 = FlowFlags::SOURCE_MAPPING.0
    | FlowFlags::SOURCE_CROWD.0
    | FlowFlags::DESTINATION_MAPPING.0
    | FlowFlags::SOURCE_ADDRESS.0
    | FlowFlags::DESTINATION_ADDRESS.0
    | FlowFlags::KEEPS_SOURCE.0
    | FlowFlags::KEEPS_DESTINATION.0
    | FlowFlags::STICKY.0
    | FlowFlags::PEER.0
    | FlowFlags::LEARNED.0;

/// The mappings that were made for a session: those of its source and of its destination.
type Made = [Option<(NewMapping, Endpoint)>; 2];

/// No session lives longer than this, whatever a record says.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

impl Nat {
    /// All live sessions, for a standby. Those of rules that lend whole addresses (basic NAT from a
    /// pool) take the loan along: the inside address has the same outside one there.
    pub fn export(&self) -> impl Iterator<Item = SessionRecord> + '_ {
        self.sessions.iter().map(|flow| self.record(&flow))
    }

    /// The session that a key belongs to, in either direction, as [`export`](Self::export) has it.
    pub fn record_of(&self, key: &Ipv4FlowKey) -> Option<SessionRecord> {
        let found = self.sessions.find(self.now, key)?;
        Some(self.record(&self.sessions.get(found.id)?))
    }

    fn record(&self, flow: &FlowRef<'_, Ipv4FlowKey, NatFlow>) -> SessionRecord {
        SessionRecord {
            original: *flow.original,
            reply: *flow.reply,
            initiator: flow.value.initiator(),
            responder: flow.value.responder(),
            remaining: flow.deadline - self.now,
            state: *flow.value.state(),
            holds: flow.value.flags.0 & HOLDS,
        }
    }

    /// Puts a live session back to what [`record_of`](Self::record_of) said of it: its last packet did not get
    /// through, because whoever comes behind this translator dropped it. Returns whether there is such a session.
    pub fn restore(&mut self, now: Instant, record: &SessionRecord) -> bool {
        let now = self.advance(now);
        let Some((_, mut flow)) = self.sessions.lookup(now, &record.original) else {
            return false;
        };
        if *flow.original() != record.original || *flow.reply() != record.reply {
            return false;
        }
        flow.value_mut().set_state(record.state);
        flow.set_deadline(now + record.remaining.min(LONGEST));
        flow.set_class(u8::from(record.state.is_assured()));
        true
    }

    /// Takes a session over, with the same outside endpoint. The record is checked against the
    /// configuration: one that was forged, or repeated, or does not fit the rules, changes nothing.
    ///
    /// That is also how rules are changed: make a translator of the new configuration and have it
    /// import what the old one exports. Sessions whose rule is gone are refused.
    ///
    /// # Errors
    ///
    /// [`ImportError`].
    pub fn import(&mut self, now: Instant, record: &SessionRecord) -> Result<(), ImportError> {
        let now = self.advance(now);
        self.sweep(now);
        let (rule, flags) = self.check_record(record)?;
        if self.sessions.find(now, &record.original).is_some()
            || self.sessions.find(now, &record.reply).is_some()
        {
            return Err(ImportError::Clash);
        }
        let key = &record.original;
        let protocol = IpProtocol(key.protocol());
        let source = Endpoint::destination_of(&record.reply);
        let destination = Endpoint::source_of(&record.reply);
        let wanted = Endpoint::destination_of(key);
        let taken = Source::holding(source, rule, flags);
        let mut made = Made::default();
        if let Err(error) = self.claim_all(now, key, &taken, destination, &mut made) {
            self.unclaim(now, made);
            return Err(error);
        }
        let ends = (key.source(), destination.address);
        if let Err(error) = self.take_loans(&taken, ends, wanted.address) {
            self.undo_source(now, protocol, key.source(), destination, &taken);
            self.unclaim(now, made);
            return Err(error);
        }
        let mut flow =
            NatFlow::restored(record.state, record.initiator, record.responder).with(rule, flags);
        let from_inside = record.initiator == Side::Inside;
        let subscriber = if from_inside {
            key.source()
        } else {
            destination.address
        };
        self.subscribers.expect(now, subscriber);
        flow.flags.set(self.enter(subscriber, from_inside, &taken));
        let flags = flow.flags;
        let new = NewFlow {
            original: *key,
            reply: record.reply,
            deadline: now + record.remaining.min(LONGEST),
            class: u8::from(record.state.is_assured()),
            value: flow,
        };
        match self.sessions.insert(now, new) {
            Ok(inserted) => {
                bump(&mut self.stats.sessions_created);
                self.hold(now, flags, key, &taken, destination);
                for (new, outside) in made.into_iter().flatten() {
                    self.note_made(now, &new, outside);
                }
                // Only now: it may have been the only other session of a mapping that this one uses.
                if let Some(evicted) = inserted.evicted {
                    bump(&mut self.stats.sessions_evicted);
                    self.release(now, &evicted);
                }
                Ok(())
            }
            Err(error) => {
                self.leave(now, subscriber, flags, rule);
                self.undo_source(now, protocol, key.source(), destination, &taken);
                self.unclaim(now, made);
                if flags.has(FlowFlags::DESTINATION_ADDRESS) {
                    self.bindings.release(wanted.address, false);
                }
                Err(match error.reason {
                    Refusal::Clash { .. } => ImportError::Clash,
                    _ => ImportError::Full,
                })
            }
        }
    }

    /// The rule that a record's session falls under here, and what of its flags can be true.
    fn check_record(&self, record: &SessionRecord) -> Result<(u16, FlowFlags), ImportError> {
        let (original, reply) = (&record.original, &record.reply);
        let flags = FlowFlags(record.holds & HOLDS);
        let from_inside = record.initiator == Side::Inside;
        let wrong = Err(ImportError::Inconsistent);
        if original.protocol() != reply.protocol()
            || original.zone() != reply.zone()
            || record.initiator == Side::Outside && record.responder == Side::Outside
            || record.holds != flags.0
            || record.remaining.is_zero()
            || !is_of(&record.state, IpProtocol(original.protocol()))
        {
            return wrong;
        }
        let holds_source = flags.has(FlowFlags::SOURCE_MAPPING.with(FlowFlags::SOURCE_CROWD));
        if holds_source && !from_inside {
            return wrong;
        }
        // The end inside that a rule speaks of, and where it sends to.
        let (inside, to) = if from_inside {
            (original.source(), Endpoint::destination_of(original))
        } else {
            (reply.source(), Endpoint::destination_of(reply))
        };
        let protocol = IpProtocol(original.protocol());
        let found = self.rule_for(inside, to.address, protocol, to.port);
        let rule = found.map_or(u16::MAX, |(index, _)| index);
        if holds_source {
            let Some(Action::Napt(napt)) = found.map(|(_, rule)| &rule.action) else {
                return wrong;
            };
            let index = self.mappings.index_of(reply.destination());
            let members = self.pools.get(napt.pool).map(|pool| &pool.members);
            let is_member = index.is_some_and(|index| {
                members.is_some_and(|members| members.binary_search(&index).is_ok())
            });
            // How the mapping is held follows from the rule.
            let shares = matches!(napt.mapping, Mapping::PerDestination { .. });
            if !is_member || flags.has(FlowFlags::SOURCE_CROWD) && !shares {
                return wrong;
            }
        } else if from_inside && reply.destination() != original.source() {
            // Only a fixed translation has no state of its own: it must be the one of the rules.
            let source = original.source();
            let fixed = self.fixed_outside(source);
            let is_lent = flags.has(FlowFlags::SOURCE_ADDRESS);
            if fixed != Some(reply.destination()) && !is_lent && !flags.has(FlowFlags::LEARNED) {
                return wrong;
            }
        }
        if flags.has(FlowFlags::SOURCE_ADDRESS) {
            let keeps_port = reply.destination_port() == original.source_port();
            if holds_source || !from_inside || !keeps_port || self.lends(rule).is_none() {
                return wrong;
            }
        }
        if flags.has(FlowFlags::DESTINATION_ADDRESS) {
            let keeps_port = reply.source_port() == original.destination_port();
            let is_mapped = flags.has(FlowFlags::DESTINATION_MAPPING);
            if is_mapped || record.responder != Side::Inside || !keeps_port {
                return wrong;
            }
        }
        let is_held = FlowFlags::DESTINATION_MAPPING
            .with(FlowFlags::DESTINATION_ADDRESS)
            .with(FlowFlags::LEARNED);
        let (wanted, found) = (
            Endpoint::destination_of(original),
            Endpoint::source_of(reply),
        );
        if wanted != found && !flags.has(is_held) && !self.gives(protocol, wanted, found) {
            return wrong;
        }
        let needs_mapping = flags.has(FlowFlags::DESTINATION_MAPPING);
        if needs_mapping && self.mappings.index_of(original.destination()).is_none() {
            return wrong;
        }
        Ok((rule, flags))
    }

    /// Whether a destination becomes another one without a mapping: by a forward, a fixed translation or an alias.
    fn gives(&self, protocol: IpProtocol, wanted: Endpoint, found: Endpoint) -> bool {
        let keeps_port = wanted.port == found.port;
        let forwards = self.config.forwards.iter().any(|forward| {
            let offset = wanted.port.wrapping_sub(*forward.ports.start());
            let has_ports = protocol.has_ports();
            let is_meant = forward.outside == wanted.address
                && forward.protocol.is_none_or(|meant| meant == protocol)
                && (!has_ports || forward.ports.contains(&wanted.port));
            is_meant
                && forward.targets.iter().any(|target| {
                    let port = match target.first_port {
                        Some(first) if has_ports => first.wrapping_add(offset),
                        _ => wanted.port,
                    };
                    (target.address, port) == (found.address, found.port)
                })
        });
        let aliased = self.config.aliases.iter().any(|alias| {
            alias.alias.contains(wanted.address)
                && transplant(wanted.address, alias.alias, alias.real) == found.address
        });
        let is_fixed = self.fixed_outside(found.address) == Some(wanted.address);
        forwards || keeps_port && (aliased || is_fixed)
    }

    /// The pool that a rule lends addresses of.
    fn lends(&self, rule: u16) -> Option<usize> {
        match self.config.rules.get(usize::from(rule))?.action {
            Action::Dynamic { pool, .. } => Some(pool),
            _ => None,
        }
    }

    /// Takes over the addresses that are lent to the ends of a session: to the initiator, and to the responder, whose
    /// outside address is `wanted`.
    fn take_loans(
        &mut self,
        source: &Source,
        (initiator, responder): (Ipv4Addr, Ipv4Addr),
        wanted: Ipv4Addr,
    ) -> Result<(), ImportError> {
        let lent = source.outside.address;
        if source.flags.has(FlowFlags::SOURCE_ADDRESS) {
            let pool = self.lends(source.rule).ok_or(ImportError::Inconsistent)?;
            if !self.bindings.bind_to(pool, initiator, lent, source.rule) {
                return Err(ImportError::Taken);
            }
        }
        if source.flags.has(FlowFlags::DESTINATION_ADDRESS) {
            let rules = self.config.rules.iter().zip(0u16..);
            let found = rules
                .filter(|(rule, _)| rule.matching.source.contains(responder))
                .find_map(|(rule, index)| match rule.action {
                    Action::Dynamic { pool, .. } => Some((pool, index)),
                    _ => None,
                });
            let is_bound = found
                .is_some_and(|(pool, rule)| self.bindings.bind_to(pool, responder, wanted, rule));
            if !is_bound {
                return Err(match found {
                    Some(_) => ImportError::Taken,
                    None => ImportError::Inconsistent,
                });
            }
        }
        Ok(())
    }

    /// What stands for an inside address by a static rule.
    fn fixed_outside(&self, inside: Ipv4Addr) -> Option<Ipv4Addr> {
        self.config.rules.iter().find_map(|rule| match rule.action {
            Action::Static { outside } if rule.matching.source.contains(inside) => {
                Some(transplant(inside, rule.matching.source, outside))
            }
            _ => None,
        })
    }

    /// Claims what a session of these ends has outside, and notes in `made` which mappings had to be made for it.
    fn claim_all(
        &mut self,
        now: Instant,
        key: &Ipv4FlowKey,
        source: &Source,
        destination: Endpoint,
        made: &mut Made,
    ) -> Result<(), ImportError> {
        let Some(kind) = PortKind::of(IpProtocol(key.protocol())) else {
            return Ok(());
        };
        let (outside, wanted) = (source.outside, Endpoint::destination_of(key));
        let [of_source, of_destination] = made;
        if source.flags.has(FlowFlags::SOURCE_MAPPING) {
            let inside = Endpoint::source_of(key);
            let peer = destination.address;
            *of_source = self.claim(now, kind, inside, outside, peer, source.rule)?;
        }
        if source.flags.has(FlowFlags::DESTINATION_MAPPING) {
            let peer = outside.address;
            *of_destination = self.claim(now, kind, destination, wanted, peer, source.rule)?;
        }
        // Last, so that nothing that fails behind it has to take it back.
        if source.flags.has(FlowFlags::SOURCE_CROWD) && !self.join_crowd(kind, outside, destination)
        {
            return Err(ImportError::Taken);
        }
        Ok(())
    }

    /// Takes back mappings that were made for a session that did not come about.
    fn unclaim(&mut self, now: Instant, made: Made) {
        for (new, outside) in made.into_iter().flatten() {
            let kind = new.protocol;
            if let Some(Held::Gone { has_again, .. }) = self.mappings.unmake(now, kind, outside) {
                self.freed(now, kind, new.inside.address, outside, has_again);
            }
        }
    }

    /// Makes sure that an outside endpoint stands for an inside one; returns the mapping that had to
    /// be made.
    fn claim(
        &mut self,
        now: Instant,
        kind: PortKind,
        inside: Endpoint,
        outside: Endpoint,
        peer: Ipv4Addr,
        rule: u16,
    ) -> Result<Option<(NewMapping, Endpoint)>, ImportError> {
        if let Some(slot) = self.mappings.by_outside(kind, outside) {
            return if slot.inside() == inside {
                Ok(None)
            } else {
                Err(ImportError::Taken)
            };
        }
        let action = self
            .config
            .rules
            .get(usize::from(rule))
            .map(|rule| &rule.action);
        let slot_kind = match action {
            Some(Action::Napt(napt)) => match napt.mapping {
                Mapping::AddressDependent => SlotKind::Address,
                Mapping::AddressAndPortDependent => SlotKind::Session,
                Mapping::EndpointIndependent | Mapping::PerDestination { .. } => SlotKind::Endpoint,
            },
            _ => SlotKind::Endpoint,
        };
        if slot_kind == SlotKind::Endpoint && self.mappings.by_inside(kind, inside).is_some() {
            return Err(ImportError::Taken);
        }
        let new = NewMapping {
            protocol: kind,
            inside,
            peer,
            rule,
            kind: slot_kind,
        };
        if !self.mappings.take_at(now, kind, outside) {
            return Err(ImportError::Taken);
        }
        self.note_taken(now, inside.address, outside);
        self.mappings.make(outside, &new);
        Ok(Some((new, outside)))
    }

    /// Takes a port that is shared between destinations.
    fn join_crowd(&mut self, kind: PortKind, outside: Endpoint, destination: Endpoint) -> bool {
        let index = self.mappings.index_of(outside.address);
        index.is_some_and(|index| {
            let crowd = (index, kind, destination);
            self.crowds.claim(crowd, outside.port)
        })
    }

    fn note_made(&mut self, now: Instant, new: &NewMapping, outside: Endpoint) {
        bump(&mut self.stats.mappings_created);
        self.subscribers.expect(now, new.inside.address);
        self.subscribers.enter_mapping(new.inside.address);
        if let Some(mapping) = self.mapping_at(new.protocol, outside) {
            self.mapping_event(NatEvent::MappingCreated { at: now, mapping }, &mapping);
        }
    }

    /// Ends the session that a key belongs to, in either direction, as a standby does when it is
    /// told so. Returns whether there was one.
    pub fn remove_session(&mut self, now: Instant, key: &Ipv4FlowKey) -> bool {
        let now = self.advance(now);
        let found = self.sessions.find(now, key);
        if let Some(found) = found {
            self.end(now, found.id);
        }
        found.is_some()
    }

    /// Ends all sessions that have an outside address, and the mappings that were asked for there:
    /// the address is lost, or moves elsewhere. Returns how many sessions ended.
    pub fn flush_address(&mut self, now: Instant, outside: Ipv4Addr) -> usize {
        let now = self.advance(now);
        let uses = |key: Ipv4Addr| key == outside;
        let ids: Vec<_> = self
            .sessions
            .iter()
            .filter(|flow| uses(flow.reply.destination()) || uses(flow.original.destination()))
            .map(|flow| flow.id)
            .collect();
        for id in &ids {
            self.end(now, *id);
        }
        let explicit: Vec<_> = self
            .explicit_mappings()
            .filter(|(mapping, _)| mapping.outside.address == outside)
            .map(|(mapping, _)| (mapping.protocol, mapping.inside))
            .collect();
        for (protocol, inside) in explicit {
            self.close_mapping(now, protocol, inside);
        }
        ids.len()
    }
}

/// Whether a state is one of the protocol's.
const fn is_of(state: &FlowState, protocol: IpProtocol) -> bool {
    match state {
        FlowState::Tcp(_) => matches!(protocol, IpProtocol::TCP),
        FlowState::Udp(_) => matches!(protocol, IpProtocol::UDP | IpProtocol::UDP_LITE),
        FlowState::Icmp(_) => matches!(protocol, IpProtocol::ICMP),
        FlowState::Sctp(_) => matches!(protocol, IpProtocol::SCTP),
        FlowState::Dccp(_) => matches!(protocol, IpProtocol::DCCP),
        FlowState::Generic(_) => {
            PortKind::of(protocol).is_none() || matches!(protocol, IpProtocol::GRE)
        }
    }
}
