//! Sessions as another translator can take them over.

use super::Nat;
use super::source::Source;
use crate::config::{Action, Mapping, Side};
use crate::event::NatEvent;
use crate::flow::{FlowFlags, NatFlow};
use crate::mapping::{Endpoint, NewMapping, PortKind, SlotKind};
use crate::verdict::bump;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::FlowState;
use flow_table::{Ipv4FlowKey, NewFlow, Refusal};
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
    | FlowFlags::KEEPS_SOURCE.0
    | FlowFlags::KEEPS_DESTINATION.0
    | FlowFlags::STICKY.0
    | FlowFlags::PEER.0
    | FlowFlags::LEARNED.0;

/// No session lives longer than this, whatever a record says.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

impl Nat {
    /// All live sessions, for a standby. Sessions of rules that lend whole addresses (basic NAT
    /// from a pool) are left out: their addresses would have to be the same there.
    pub fn export(&self) -> impl Iterator<Item = SessionRecord> + '_ {
        let lends = FlowFlags::SOURCE_ADDRESS.with(FlowFlags::DESTINATION_ADDRESS);
        let flows = self.sessions.iter();
        flows
            .filter(move |flow| !flow.value.flags.has(lends))
            .map(|flow| SessionRecord {
                original: *flow.original,
                reply: *flow.reply,
                initiator: flow.value.initiator(),
                responder: flow.value.responder(),
                remaining: flow.deadline - self.now,
                state: *flow.value.state(),
                holds: flow.value.flags.0 & HOLDS,
            })
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
        let mut taken = Source {
            outside: source,
            flags,
            rule,
            made: None,
        };
        let mut made = None;
        if let Some(kind) = PortKind::of(protocol) {
            if flags.has(FlowFlags::SOURCE_MAPPING) {
                let inside = Endpoint::source_of(key);
                taken.made = self.claim(now, kind, inside, source, destination.address, rule)?;
            }
            if flags.has(FlowFlags::SOURCE_CROWD) && !self.join_crowd(kind, source, destination) {
                return Err(ImportError::Taken);
            }
            if flags.has(FlowFlags::DESTINATION_MAPPING) {
                let claimed = self.claim(now, kind, destination, wanted, source.address, rule);
                made = claimed.inspect_err(|_| {
                    self.undo_source(now, protocol, destination, &taken);
                })?;
            }
        }
        let flow =
            NatFlow::restored(record.state, record.initiator, record.responder).with(rule, flags);
        let new = NewFlow {
            original: *key,
            reply: record.reply,
            deadline: now + record.remaining.min(LONGEST),
            class: u8::from(record.state.is_assured()),
            value: flow,
        };
        match self.sessions.insert(now, new) {
            Ok(inserted) => {
                if let Some(evicted) = inserted.evicted {
                    self.release(now, &evicted);
                }
                bump(&mut self.stats.sessions_created);
                if let Some(made) = made {
                    self.note_made(now, made.protocol, &made, wanted);
                }
                self.hold(now, inserted.id, key, &taken, destination);
                Ok(())
            }
            Err(error) => {
                self.undo_source(now, protocol, destination, &taken);
                if let Some(made) = made {
                    self.mappings.undo(now, &made, wanted);
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
            if fixed != Some(reply.destination()) && !flags.has(FlowFlags::LEARNED) {
                return wrong;
            }
        }
        let needs_mapping = flags.has(FlowFlags::DESTINATION_MAPPING);
        if needs_mapping && self.mappings.index_of(original.destination()).is_none() {
            return wrong;
        }
        Ok((rule, flags))
    }

    /// What stands for an inside address by a static rule.
    fn fixed_outside(&self, inside: Ipv4Addr) -> Option<Ipv4Addr> {
        self.config.rules.iter().find_map(|rule| match rule.action {
            Action::Static { outside } if rule.matching.source.contains(inside) => Some(
                crate::config::transplant(inside, rule.matching.source, outside),
            ),
            _ => None,
        })
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
    ) -> Result<Option<NewMapping>, ImportError> {
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
        match self.mappings.create_at(now, outside, &new) {
            Some(_) => Ok(Some(new)),
            None => Err(ImportError::Taken),
        }
    }

    /// Takes a port that is shared between destinations.
    fn join_crowd(&mut self, kind: PortKind, outside: Endpoint, destination: Endpoint) -> bool {
        let index = self.mappings.index_of(outside.address);
        index.is_some_and(|index| {
            let crowd = (index, kind, destination);
            self.crowds.claim(crowd, outside.port)
        })
    }

    fn note_made(&mut self, now: Instant, kind: PortKind, new: &NewMapping, outside: Endpoint) {
        bump(&mut self.stats.mappings_created);
        self.subscribers.enter_mapping(new.inside.address);
        if let Some(mapping) = self.mapping_at(kind, outside) {
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
