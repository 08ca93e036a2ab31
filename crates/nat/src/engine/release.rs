//! The end of sessions, and what they give back.

use super::open::{is_tunnel, peer_key, sticky_key};
use super::{Nat, has_closed};
use crate::config::Action;
use crate::event::{NatEvent, SessionInfo};
use crate::flow::{FlowFlags, NatFlow};
use crate::mapping::{Endpoint, Held, MappingInfo, PortKind};
use crate::verdict::bump;
use core::net::Ipv4Addr;
use flow_table::{Direction, Flow, FlowHash, FlowId, Ipv4FlowKey};
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;

/// A mapping that is kept until a session has been opened anew: its protocol and its outside endpoint.
pub(super) type Kept = Option<(PortKind, Endpoint)>;

impl Nat {
    /// Ends a session in whose place another one begins, and keeps its mappings for that.
    pub(super) fn end_to_reopen(&mut self, now: Instant, id: FlowId) -> [Kept; 2] {
        let Some(flow) = self.sessions.get(id) else {
            return [None; 2];
        };
        let flags = flow.value.flags;
        let source = Endpoint::destination_of(flow.reply);
        let wanted = Endpoint::destination_of(flow.original);
        let kind = PortKind::of(IpProtocol(flow.original.protocol()));
        let mut keep = |flag, outside| {
            let kind = kind.filter(|_| flags.has(flag))?;
            self.mappings.hold(kind, outside, true)?;
            Some((kind, outside))
        };
        let kept = [
            keep(FlowFlags::SOURCE_MAPPING, source),
            keep(FlowFlags::DESTINATION_MAPPING, wanted),
        ];
        self.end(now, id);
        kept
    }

    /// Lets go of what was kept, whether or not a session has it now.
    pub(super) fn let_go(&mut self, now: Instant, kept: [Kept; 2]) {
        for (kind, outside) in kept.into_iter().flatten() {
            let held = self.mappings.release(now, kind, outside, true, true);
            self.after_release(now, kind, held);
        }
    }

    /// Ends a session now.
    pub(super) fn end(&mut self, now: Instant, id: FlowId) {
        if let Some(flow) = self.sessions.remove(id) {
            self.release(now, &flow);
        }
    }

    /// Gives back what a session held that has left the table.
    pub(super) fn release(&mut self, now: Instant, flow: &Flow<Ipv4FlowKey, NatFlow>) {
        bump(&mut self.stats.sessions_ended);
        let flags = flow.value.flags;
        let protocol = IpProtocol(flow.original.protocol());
        let kind = PortKind::of(protocol);
        let from_inside = !flags.has(FlowFlags::INITIATOR_OUTSIDE);
        let source = Endpoint::destination_of(&flow.reply);
        let responder = Endpoint::source_of(&flow.reply);
        let wanted = Endpoint::destination_of(&flow.original);
        let subscriber = if from_inside {
            flow.original.source()
        } else {
            responder.address
        };
        // RFC 6888 §3 MAY (req-8-a): a TCP port whose connection was seen to end may be used again.
        let seen = !has_closed(flow.value.state());
        if let Some(kind) = kind {
            if flags.has(FlowFlags::SOURCE_MAPPING) {
                let keeps = flags.has(FlowFlags::KEEPS_SOURCE);
                let held = self.mappings.release(now, kind, source, keeps, seen);
                self.after_release(now, kind, held);
            }
            if flags.has(FlowFlags::DESTINATION_MAPPING) {
                let keeps = flags.has(FlowFlags::KEEPS_DESTINATION);
                let held = self.mappings.release(now, kind, wanted, keeps, seen);
                self.after_release(now, kind, held);
            }
            if flags.has(FlowFlags::SOURCE_CROWD)
                && let Some(index) = self.mappings.index_of(source.address)
            {
                self.crowds.release((index, kind, responder), source.port);
                self.subscribers.leave_mapping(now, subscriber);
            }
            if flags.has(FlowFlags::STICKY) {
                let key = sticky_key(kind, Endpoint::source_of(&flow.original));
                if let Some((_, sessions)) = self.sticky.get_mut(key) {
                    *sessions = sessions.saturating_sub(1);
                    if *sessions == 0 {
                        self.sticky.remove(key);
                    }
                }
            }
        }
        if flags.has(FlowFlags::SOURCE_ADDRESS) {
            self.bindings.release(source.address, true);
        }
        if flags.has(FlowFlags::DESTINATION_ADDRESS) {
            self.bindings.release(wanted.address, true);
        }
        if flags.has(FlowFlags::PEER) {
            let key = peer_key(kind, flags, source, responder.address);
            if let Some(sessions) = self.peers.get_mut(key) {
                *sessions = sessions.saturating_sub(1);
                if *sessions == 0 {
                    self.peers.remove(key);
                }
            }
        }
        if flags.has(FlowFlags::ALG) {
            self.close_alg(now, flow.id);
        }
        self.leave(now, subscriber, flags, flow.value.rule);
        if self.config.session_events {
            let session = SessionInfo {
                id: flow.id,
                original: flow.original,
                reply: flow.reply,
                initiator: flow.value.initiator(),
                responder: flow.value.responder(),
                expires: flow.deadline,
                state: *flow.value.state(),
            };
            self.event(NatEvent::SessionDeleted { at: now, session });
        }
    }

    /// Notes what a mapping's end means for others.
    pub(super) fn after_release(&mut self, now: Instant, kind: PortKind, held: Option<Held>) {
        let Some(Held::Gone { mapping, has_again }) = held else {
            return;
        };
        bump(&mut self.stats.mappings_ended);
        self.freed(
            now,
            kind,
            mapping.inside.address,
            mapping.outside,
            has_again,
        );
        self.subscribers.leave_mapping(now, mapping.inside.address);
        if self.config.max_events > 0 {
            self.mapping_event(NatEvent::MappingDeleted { at: now, mapping }, &mapping);
        }
    }

    /// Notes that a subscriber's port is free. `has_again` is whether its address had none.
    pub(super) fn freed(
        &mut self,
        now: Instant,
        kind: PortKind,
        subscriber: Ipv4Addr,
        outside: Endpoint,
        has_again: bool,
    ) {
        if let Some(pool) = self.partitioned_pool_of(outside.address)
            && let Some(partition) = self.partitions.get_mut(&pool)
        {
            partition.released(now, subscriber, outside.address, outside.port);
            self.tell_shares(pool);
        }
        if has_again && let Some(index) = self.mappings.index_of(outside.address) {
            for pool in &mut self.pools {
                pool.open_again(kind, index);
            }
        }
    }

    /// Notes that a port has been taken for a mapping of a subscriber's, wherever it is.
    pub(super) fn note_taken(&mut self, now: Instant, subscriber: Ipv4Addr, outside: Endpoint) {
        if let Some(pool) = self.partitioned_pool_of(outside.address)
            && let Some(partition) = self.partitions.get_mut(&pool)
        {
            partition.taken(now, subscriber, outside.address, outside.port);
        }
    }

    /// The pool that an address is of, if ports of that are divided among subscribers.
    fn partitioned_pool_of(&self, address: Ipv4Addr) -> Option<usize> {
        if self.partitions.is_empty() {
            return None;
        }
        let index = self.mappings.index_of(address)?;
        let mut pools = self.partitions.keys().copied();
        pools.find(|pool| {
            let members = self.pools.get(*pool).map(|pool| &pool.members);
            members.is_some_and(|members| members.binary_search(&index).is_ok())
        })
    }

    /// Gives the event of a mapping, unless that of its share says enough.
    pub(super) fn mapping_event(&mut self, event: NatEvent, mapping: &MappingInfo) {
        let pool = self.partitioned_pool_of(mapping.outside.address);
        let partition = pool.and_then(|pool| self.partitions.get(&pool));
        if !partition.is_some_and(|partition| partition.stands_for_mappings()) {
            self.event(event);
        }
    }

    /// Hands on what a partition has to tell.
    pub(super) fn tell_shares(&mut self, pool: usize) {
        while let Some(partition) = self.partitions.get_mut(&pool)
            && let Some(event) = partition.poll_event()
        {
            self.event(NatEvent::Share(event));
        }
    }

    /// The pool of a rule.
    pub(super) fn pool_of(&self, rule: u16) -> Option<usize> {
        match &self.config.rules.get(usize::from(rule))?.action {
            Action::Napt(napt) => Some(napt.pool),
            Action::Dynamic { pool, .. } => Some(*pool),
            _ => None,
        }
    }

    /// A session as it is listed.
    pub(super) fn session(&self, id: FlowId) -> Option<SessionInfo> {
        let flow = self.sessions.get(id)?;
        Some(SessionInfo {
            id,
            original: *flow.original,
            reply: *flow.reply,
            initiator: flow.value.initiator(),
            responder: flow.value.responder(),
            expires: flow.deadline,
            state: *flow.value.state(),
        })
    }

    /// A mapping as it is listed.
    pub(super) fn mapping_at(&self, kind: PortKind, outside: Endpoint) -> Option<MappingInfo> {
        let slot = self.mappings.by_outside(kind, outside)?;
        Some(MappingInfo {
            protocol: kind.protocol(),
            inside: slot.inside(),
            outside,
            sessions: slot.sessions(),
            is_explicit: slot.is_explicit(),
        })
    }

    /// A number that depends on an address and on a secret.
    pub(super) fn spread(&self, address: Ipv4Addr) -> u64 {
        // The lower bits are the worse ones.
        self.hash.hash(&[u64::from(address.to_bits())]) >> 16
    }

    /// Gives the number that the first answer of a tunnel carries to the session that waits for it.
    /// Returns whether one did.
    pub(super) fn learn(&mut self, now: Instant, key: &Ipv4FlowKey) -> bool {
        if !self.config.learn_tunnels || !is_tunnel(IpProtocol(key.protocol())) {
            return false;
        }
        let waiting = Ipv4FlowKey::new(
            (key.source(), 0),
            (key.destination(), 0),
            key.protocol(),
            key.zone(),
        );
        let Some(found) = self.sessions.find(now, &waiting) else {
            return false;
        };
        found.direction == Direction::Reply && self.sessions.rekey(found.id, *key).is_ok()
    }
}
