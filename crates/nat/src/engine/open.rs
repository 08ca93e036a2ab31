//! New sessions.

use super::destination::{Destination, peer_kind};
use super::source::Source;
use super::{Alarm, Forward, Nat, is_syn, may_fragment};
use crate::config::{Action, Filtering, Pooling, Side};
use crate::event::NatEvent;
use crate::flow::{FlowFlags, NatFlow};
use crate::mapping::{Endpoint, NewMapping, PortKind};
use crate::rewrite::Layout;
use crate::verdict::{DropReason, bump};
use core::net::Ipv4Addr;
use flow_state::FlowPacket;
use flow_table::{Direction, Ipv4FlowKey, NewFlow, Refusal};
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;

/// What becomes of a packet that no session is known of.
pub(super) enum Opened {
    /// It opened one, and how it is changed has been filled in.
    Session,
    /// It passes as it is.
    Bypass,
    /// It is the router's own.
    Local,
}

/// Everything that a new session is made of. What was just written in parts is left where it is: to copy it as a whole,
/// processors wait until all that was written has reached the cache.
struct Plan<'a> {
    flow: &'a NatFlow,
    /// What the initiator's packets become: this source, and the destination below.
    source: &'a Source,
    destination: Endpoint,
    /// What of the responder is translated.
    target: Option<Destination>,
    responder: Side,
}

impl Nat {
    /// Opens a session for a packet that belongs to none, and fills in how that is changed.
    pub(super) fn open(
        &mut self,
        now: Instant,
        side: Side,
        key: &Ipv4FlowKey,
        packet: &FlowPacket<'_>,
        forward: &mut Option<Forward>,
    ) -> Result<Opened, DropReason> {
        // What a new session is written to lies all over the memory, and some of it is known already.
        self.sessions.fetch_room();
        self.fetch_new(key);
        self.sweep(now);
        match side {
            Side::Inside => {
                let opened = self.open_from_inside(now, key, packet, forward);
                if opened.is_err() {
                    self.subscribers.tidy(now, key.source());
                }
                opened
            }
            Side::Outside => self.open_from_outside(now, key, packet, forward),
        }
    }

    /// Asks the processor to fetch where the mapping of a sender is searched for.
    pub(super) fn fetch_new(&self, key: &Ipv4FlowKey) {
        if let Some(kind) = PortKind::of(IpProtocol(key.protocol())) {
            self.mappings.fetch_inside(kind, Endpoint::source_of(key));
        }
    }

    fn open_from_inside(
        &mut self,
        now: Instant,
        key: &Ipv4FlowKey,
        packet: &FlowPacket<'_>,
        forward: &mut Option<Forward>,
    ) -> Result<Opened, DropReason> {
        let protocol = IpProtocol(key.protocol());
        let wanted = Endpoint::destination_of(key);
        let mut target = None;
        if self.is_outside_address(wanted.address) {
            target = self.resolve(protocol, wanted, key.source());
            if target.is_none() {
                return if self.config.local.contains(&wanted.address) {
                    Ok(Opened::Local)
                } else {
                    Err(DropReason::NoMapping)
                };
            }
        } else if self.config.local.contains(&wanted.address) {
            return Ok(Opened::Local);
        }
        let destination = match &target {
            Some(target) => target.inside,
            None => {
                let real = self.real_of(wanted.address).unwrap_or(wanted.address);
                Endpoint::new(real, wanted.port)
            }
        };
        // What the state refuses must not cost a port.
        let responder = if target.is_some() {
            Side::Inside
        } else {
            Side::Outside
        };
        let flow = NatFlow::new(&self.config.tcp, now, packet, Side::Inside, responder);
        let mut source = Source::unchanged(key);
        self.translate_source(now, key, destination, target.is_some(), &mut source)?;
        if source.bypasses && destination == wanted {
            return Ok(Opened::Bypass);
        }
        self.sessions
            .fetch_index(&reply_of(key, destination, source.outside));
        let flow = match flow {
            Ok(flow) => flow,
            Err(why) => {
                self.undo_source(now, protocol, key.source(), destination, &source);
                return Err(DropReason::Invalid(why));
            }
        };
        if let Some(target) = &target
            && !(self.permits(
                target,
                PortKind::of(protocol),
                wanted,
                source.outside.address,
            ) && self.lets_in(protocol, wanted, source.outside))
        {
            self.undo_source(now, protocol, key.source(), destination, &source);
            return Err(DropReason::Filtered);
        }
        let plan = Plan {
            flow: &flow,
            source: &source,
            destination,
            target,
            responder,
        };
        self.begin(now, key, packet, &plan, forward)?;
        Ok(Opened::Session)
    }

    fn open_from_outside(
        &mut self,
        now: Instant,
        key: &Ipv4FlowKey,
        packet: &FlowPacket<'_>,
        forward: &mut Option<Forward>,
    ) -> Result<Opened, DropReason> {
        let protocol = IpProtocol(key.protocol());
        let wanted = Endpoint::destination_of(key);
        if self.is_outside_address(key.source()) {
            return Err(DropReason::Source);
        }
        let expected = self.expected(now, key);
        let target = match &expected {
            Some(expected) => {
                let (inside, is_mapped) = expected.target();
                Some(Destination::expected(inside, is_mapped))
            }
            None => self.resolve(protocol, wanted, key.source()),
        };
        let Some(target) = target else {
            if self.config.local.contains(&wanted.address) {
                return Ok(Opened::Local);
            }
            return if self.bypasses(wanted, Endpoint::source_of(key), protocol) {
                Ok(Opened::Bypass)
            } else {
                Err(DropReason::NoMapping)
            };
        };
        if !self.permits(&target, PortKind::of(protocol), wanted, key.source())
            || !self.lets_in(protocol, wanted, Endpoint::source_of(key))
        {
            return Err(DropReason::Filtered);
        }
        let flow = NatFlow::new(&self.config.tcp, now, packet, Side::Outside, Side::Inside)
            .map_err(DropReason::Invalid)?;
        self.admit(now, target.inside.address, false)?;
        let mut source = Source::unchanged(key);
        source.outside.address = self.alias_of(key.source()).unwrap_or(key.source());
        source.rule = target.rule;
        let plan = Plan {
            flow: &flow,
            source: &source,
            destination: target.inside,
            target: Some(target),
            responder: Side::Inside,
        };
        let inside = plan.destination.address;
        let begun = self.begin(now, key, packet, &plan, forward);
        if begun.is_err() {
            self.subscribers.tidy(now, inside);
        }
        begun?;
        if expected.is_some() {
            self.met(now, key);
        }
        Ok(Opened::Session)
    }

    /// Whether the filters of a mapping that was asked for let a sender in.
    fn lets_in(&self, protocol: IpProtocol, outside: Endpoint, sender: Endpoint) -> bool {
        PortKind::of(protocol).is_none_or(|kind| self.explicits.lets_in(kind, outside, sender))
    }

    /// Enters a session into the table, and has it hold what it needs.
    fn begin(
        &mut self,
        now: Instant,
        key: &Ipv4FlowKey,
        packet: &FlowPacket<'_>,
        plan: &Plan<'_>,
        forward: &mut Option<Forward>,
    ) -> Result<(), DropReason> {
        let (source, destination, target) = (plan.source, plan.destination, &plan.target);
        let protocol = IpProtocol(key.protocol());
        let (mut responder, mut outside) = (destination, source.outside);
        let is_expected =
            target.is_some_and(|target| target.flags.has(FlowFlags::DESTINATION_MAPPING));
        let mut flags = plan.flow.flags.with(source.flags);
        if self.config.learn_tunnels && is_tunnel(protocol) && !is_expected {
            // What the answers carry is not known yet.
            (responder.port, outside.port) = (0, 0);
            flags.set(FlowFlags::LEARNED);
        }
        let reply = reply_of(key, responder, outside);
        if let Some(target) = target {
            flags.set(target.flags);
        }
        let from_inside = plan.flow.initiator() == Side::Inside;
        let filters_addresses = from_inside && self.filters_addresses(source.rule);
        if filters_addresses {
            flags.set(FlowFlags::PEER);
        }
        // Before anyone goes to make room: that may be the subscriber's last session.
        let subscriber = if from_inside {
            key.source()
        } else {
            destination.address
        };
        flags.set(self.enter(subscriber, from_inside, source));
        let new = NewFlow {
            original: *key,
            reply,
            deadline: now + plan.flow.timeout(&self.config.timers),
            class: 0,
            value: plan.flow.with(source.rule, flags),
        };
        // Not moved: a session that had to go is large, and seldom there.
        let inserted = self.sessions.insert(now, new);
        let inserted = match &inserted {
            Ok(inserted) => inserted,
            Err(error) => {
                self.leave(now, subscriber, flags, source.rule);
                self.undo_source(now, protocol, key.source(), destination, source);
                return Err(match error.reason {
                    Refusal::Clash { .. } => DropReason::Clash,
                    _ => {
                        let event = NatEvent::SessionsExhausted { at: now };
                        self.alarm(now, Alarm::Sessions, event);
                        DropReason::TableFull
                    }
                });
            }
        };
        let id = inserted.id;
        bump(&mut self.stats.sessions_created);
        self.hold(now, flags, key, source, destination);
        // Only now: it may have been the only other session of the mapping that this one uses.
        if let Some(evicted) = &inserted.evicted {
            bump(&mut self.stats.sessions_evicted);
            self.release(now, evicted);
        }
        let flags = flags.with(self.offer_to_algs(id));
        if self.config.session_events
            && let Some(session) = self.session(id)
        {
            self.event(NatEvent::SessionCreated { at: now, session });
        }
        let mut layout = Layout::of(packet);
        if flags.has(FlowFlags::LEARNED) {
            layout.protocol = None;
        }
        *forward = Some(Forward {
            id,
            from: *key,
            to: reply.reversed(),
            layout,
            direction: Direction::Original,
            flags,
            hairpin: from_inside && plan.responder == Side::Inside,
            is_last: false,
            promotes: false,
            is_syn: is_syn(packet),
            may_fragment: may_fragment(packet),
        });
        Ok(())
    }

    /// Counts a new session for its subscriber; returns what it holds by that.
    pub(super) fn enter(
        &mut self,
        subscriber: Ipv4Addr,
        from_inside: bool,
        source: &Source,
    ) -> FlowFlags {
        if !self.subscribers.is_needed() {
            return FlowFlags::default();
        }
        let pair = if from_inside {
            self.pair_of(source)
        } else {
            None
        };
        if !self.subscribers.enter(subscriber, pair) {
            return FlowFlags::default();
        }
        match pair {
            Some(_) => FlowFlags::COUNTED.with(FlowFlags::PAIRED),
            None => FlowFlags::COUNTED,
        }
    }

    /// A session that was counted has ended, or did not come about.
    pub(super) fn leave(
        &mut self,
        now: Instant,
        subscriber: Ipv4Addr,
        flags: FlowFlags,
        rule: u16,
    ) {
        if flags.has(FlowFlags::COUNTED) {
            let pool = if flags.has(FlowFlags::PAIRED) {
                self.pool_of(rule)
            } else {
                None
            };
            self.subscribers.leave(now, subscriber, pool);
        }
    }

    /// Has a new session hold its mappings and addresses, as its flags say.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        flags: FlowFlags,
        key: &Ipv4FlowKey,
        source: &Source,
        destination: Endpoint,
    ) {
        let protocol = IpProtocol(key.protocol());
        let kind = PortKind::of(protocol);
        let outside_of_target = Endpoint::destination_of(key);
        let subscriber = if flags.has(FlowFlags::INITIATOR_OUTSIDE) {
            destination.address
        } else {
            key.source()
        };
        if let Some(kind) = kind {
            let keeps = flags.has(FlowFlags::KEEPS_SOURCE);
            if let Some(slot_kind) = source.makes {
                let new = NewMapping {
                    protocol: kind,
                    inside: Endpoint::source_of(key),
                    peer: destination.address,
                    rule: source.rule,
                    kind: slot_kind,
                };
                self.mappings.make_held(source.outside, &new, keeps);
            } else if flags.has(FlowFlags::SOURCE_MAPPING) {
                self.mappings.hold(kind, source.outside, keeps);
            }
            if flags.has(FlowFlags::DESTINATION_MAPPING) {
                let keeps = flags.has(FlowFlags::KEEPS_DESTINATION);
                self.mappings.hold(kind, outside_of_target, keeps);
            }
            if flags.has(FlowFlags::STICKY) {
                let inside = Endpoint::source_of(key);
                let key = sticky_key(kind, inside);
                self.sticky.get_or_insert(key, (source.outside, 0)).1 += 1;
            }
        }
        if flags.has(FlowFlags::SOURCE_CROWD) {
            self.subscribers.enter_mapping(subscriber);
        }
        if source.makes.is_some() {
            self.subscribers.enter_mapping(subscriber);
            bump(&mut self.stats.mappings_created);
            if self.config.max_events > 0
                && let Some(kind) = kind
                && let Some(mapping) = self.mapping_at(kind, source.outside)
            {
                self.mapping_event(NatEvent::MappingCreated { at: now, mapping }, &mapping);
            }
        }
        if flags.has(FlowFlags::SOURCE_ADDRESS) {
            self.bindings.hold(source.outside.address);
        }
        if flags.has(FlowFlags::DESTINATION_ADDRESS) {
            self.bindings.hold(outside_of_target.address);
        }
        if flags.has(FlowFlags::PEER) {
            let key = peer_key(kind, flags, source.outside, destination.address);
            *self.peers.get_or_insert(key, 0) += 1;
        }
    }

    /// The pool and the address of it that a source is paired with, if its pool pairs.
    fn pair_of(&self, source: &Source) -> Option<(usize, u16)> {
        let rule = self.config.rules.get(usize::from(source.rule))?;
        let Action::Napt(napt) = &rule.action else {
            return None;
        };
        let pairs = self.config.pools.get(napt.pool)?.pooling == Pooling::Paired;
        let members = self.pools.get(napt.pool)?.members.len();
        let index = self.mappings.index_of(source.outside.address)?;
        (pairs && members > 1).then_some((napt.pool, index))
    }

    /// Whether a rule lets in whom the inside has sent to, by address.
    fn filters_addresses(&self, rule: u16) -> bool {
        let rule = self.config.rules.get(usize::from(rule));
        let filtering = match rule.map(|rule| &rule.action) {
            Some(Action::Napt(napt)) => napt.filtering,
            Some(Action::Dynamic { filtering, .. }) => *filtering,
            _ => return false,
        };
        filtering == Filtering::AddressDependent
    }
}

/// The key of the answers to packets that are seen as coming from `outside`.
fn reply_of(key: &Ipv4FlowKey, destination: Endpoint, outside: Endpoint) -> Ipv4FlowKey {
    Ipv4FlowKey::new(
        (destination.address, destination.port),
        (outside.address, outside.port),
        key.protocol(),
        key.zone(),
    )
}

/// Where it is noted that an inside endpoint has sent to an address.
pub(super) fn peer_key(
    kind: Option<PortKind>,
    flags: FlowFlags,
    outside: Endpoint,
    peer: Ipv4Addr,
) -> u128 {
    // An address that stands for one host alone is open as a whole.
    let outside = if flags.has(FlowFlags::SOURCE_ADDRESS) {
        Endpoint::new(outside.address, 0)
    } else {
        outside
    };
    peer_of(kind, outside, peer)
}

/// The same, of an outside endpoint that is known to be the right one.
pub(super) fn peer_of(kind: Option<PortKind>, outside: Endpoint, peer: Ipv4Addr) -> u128 {
    let kind = u128::from(peer_kind(kind));
    kind << 80 | outside.bits() << 32 | peer.to_bits() as u128
}

/// Where it is noted that an inside endpoint could not keep its port.
pub(super) const fn sticky_key(kind: PortKind, inside: Endpoint) -> u128 {
    kind.before(48, inside.bits())
}

/// Protocols whose answers carry another number than their requests.
pub(super) const fn is_tunnel(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::ESP | IpProtocol::GRE)
}
