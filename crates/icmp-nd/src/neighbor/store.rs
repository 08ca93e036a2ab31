//! Inside of the cache: slots, who makes room for whom, and what transitions ask for.

use super::cache::{NeighborAddress, NeighborCache, Released, Slot};
use super::config::{NeighborEvent, Resolution};
use super::entry::Neighbor;
use super::lists::{Kind, NIL};
use super::state::{Actions, State};
use alloc::collections::VecDeque;
use packet_buffer::Instant;
use packet_buffer::wire::MacAddr;

impl<A: NeighborAddress> NeighborCache<A> {
    /// The latest time seen, which a clock that runs backwards does not change.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(super) fn neighbor(&self, slot: u32) -> Option<Neighbor> {
        self.slots.get(index(slot))?.neighbor
    }

    pub(super) fn find(&self, address: A) -> Option<(u32, Neighbor)> {
        let slot = *self.index.get(&address)?;
        Some((slot, self.neighbor(slot)?))
    }

    #[cold]
    pub(super) fn begin_delay(&mut self, now: Instant, slot: u32, source: Option<A>) {
        let now = self.advance(now);
        let Some(neighbor) = self.neighbor(slot) else {
            return;
        };
        if let Some(entry) = self.slots.get_mut(index(slot)) {
            entry.source = source;
        }
        let mut changed = neighbor;
        let actions = changed.send(now, &self.config.timing);
        self.update(slot, neighbor, changed, actions);
    }

    #[cold]
    pub(super) fn begin_resolution(
        &mut self,
        now: Instant,
        next_hop: A,
        source: Option<A>,
    ) -> Resolution {
        let now = self.advance(now);
        let (neighbor, actions) = Neighbor::solicited(now, &self.config.timing);
        let Some(slot) = self.insert(next_hop, neighbor, false) else {
            return Resolution::Refused;
        };
        if let Some(entry) = self.slots.get_mut(index(slot)) {
            entry.source = source;
        }
        self.act(slot, actions);
        Resolution::Waiting
    }

    /// Puts a new entry into a slot, when there is room.
    pub(super) fn insert(&mut self, address: A, neighbor: Neighbor, pinned: bool) -> Option<u32> {
        let kind = kind_of(&neighbor, pinned);
        if !self.make_room(kind) {
            self.stats.refused += 1;
            return None;
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot {
                    neighbor: None,
                    address,
                    source: None,
                    kind,
                    older: NIL,
                    newer: NIL,
                    pinned,
                    solicit: None,
                    packets: VecDeque::new(),
                });
                slot
            }
        };
        let entry = self.slots.get_mut(index(slot))?;
        entry.neighbor = Some(neighbor);
        entry.address = address;
        entry.source = None;
        entry.kind = kind;
        entry.pinned = pinned;
        self.index.insert(address, slot);
        self.timers.set(slot, neighbor.deadline());
        self.link(slot, kind);
        Some(slot)
    }

    /// Makes room for an entry of `kind`; false when nothing may give way.
    pub(super) fn make_room(&mut self, kind: Kind) -> bool {
        if kind == Kind::Unresolved && self.unresolved() >= self.config.max_unresolved {
            return self.evict(Kind::Unresolved);
        }
        if self.index.len() < self.config.max_entries {
            return true;
        }
        match kind {
            Kind::Stale => self.evict(Kind::Stale) || self.evict(Kind::Unresolved),
            Kind::Unresolved | Kind::InUse => {
                self.evict(Kind::Unresolved) || self.evict(Kind::Stale)
            }
            Kind::Pinned => {
                self.evict(Kind::Unresolved) || self.evict(Kind::Stale) || self.evict(Kind::InUse)
            }
        }
    }

    pub(super) fn evict(&mut self, kind: Kind) -> bool {
        let slot = self.lists.get(kind).oldest;
        if slot == NIL {
            return false;
        }
        match kind {
            Kind::Unresolved => self.stats.evicted_unresolved += 1,
            Kind::Stale => self.stats.evicted_stale += 1,
            Kind::InUse | Kind::Pinned => self.stats.evicted_in_use += 1,
        }
        self.forget(slot);
        true
    }

    pub(super) fn has_room(&self, octets: usize) -> bool {
        self.packets < self.config.max_packets
            && self.octets.saturating_add(octets) <= self.config.max_octets
    }

    /// Makes room for a packet: gives up the neighbor that has waited longest, unless that is `own`,
    /// whose oldest packet goes then.
    pub(super) fn make_packet_room(&mut self, own: u32) -> bool {
        if self.lists.get(Kind::Unresolved).oldest != own && self.evict(Kind::Unresolved) {
            return true;
        }
        let oldest = self
            .slots
            .get_mut(index(own))
            .and_then(|entry| entry.packets.pop_front());
        let Some(oldest) = oldest else {
            return false;
        };
        self.packets -= 1;
        self.octets -= oldest.len();
        self.stats.packets_replaced += 1;
        true
    }

    /// Takes over what a transition made of a neighbor.
    pub(super) fn update(
        &mut self,
        slot: u32,
        before: Neighbor,
        after: Neighbor,
        actions: Actions,
    ) {
        let Some(entry) = self.slots.get_mut(index(slot)) else {
            return;
        };
        entry.neighbor = Some(after);
        let address = entry.address;
        let known = (before.link_address(), after.link_address());
        if let (Some(old), Some(new)) = known
            && old != new
        {
            self.stats.link_address_changed += 1;
            self.push_event(NeighborEvent::LinkAddressChanged { address, old, new });
        }
        if let (None, Some(link_address)) = known {
            self.stats.resolved += 1;
            self.push_event(NeighborEvent::Resolved {
                address,
                link_address,
            });
        }
        if actions.contains(Actions::DISCARD) {
            match before.state() {
                State::Incomplete => self.stats.unresolved += 1,
                _ => self.stats.unreachable += 1,
            }
            if actions.contains(Actions::SEND_ERROR) {
                self.release(slot, None);
            }
            self.push_event(NeighborEvent::Unreachable { address });
            self.forget(slot);
            return;
        }
        if before != after {
            self.timers.set(slot, after.deadline());
            if before.state() != after.state() || before.is_permanent() != after.is_permanent() {
                self.relist(slot);
            }
        }
        self.act(slot, actions);
    }

    pub(super) fn act(&mut self, slot: u32, actions: Actions) {
        let Some(entry) = self.slots.get_mut(index(slot)) else {
            return;
        };
        let link_address = entry.neighbor.and_then(|neighbor| neighbor.link_address());
        if actions.contains(Actions::SEND_QUEUED) {
            entry.solicit = None;
            self.release(slot, link_address);
        }
        if actions.contains(Actions::SOLICIT_UNICAST) {
            self.stats.unicast_solicitations += 1;
            self.solicit(slot, link_address);
        } else if actions.contains(Actions::SOLICIT_MULTICAST) {
            // One that is not sent counts among the tries: the entry must not live longer because
            // there are too many.
            if self.bucket.take(self.latest) {
                self.stats.multicast_solicitations += 1;
                self.solicit(slot, None);
            } else {
                self.stats.solicitations_limited += 1;
            }
        } else if actions.contains(Actions::START_REACHABLE)
            && let Some(entry) = self.slots.get_mut(index(slot))
        {
            // The question is answered before it was asked.
            entry.solicit = None;
        }
    }

    pub(super) fn solicit(&mut self, slot: u32, link_destination: Option<MacAddr>) {
        if let Some(entry) = self.slots.get_mut(index(slot))
            && entry.solicit.replace(link_destination).is_none()
        {
            // A slot stands here once at the most, unless it was given up and used again before
            // anyone polled: then the older place finds nothing.
            if self.solicitations.len() > self.slots.len().saturating_mul(2) {
                let slots = &self.slots;
                self.solicitations.retain(|&slot| {
                    let entry = slots.get(index(slot));
                    entry.is_some_and(|entry| entry.solicit.is_some())
                });
            }
            self.solicitations.push_back(slot);
        }
    }

    /// Hands out the packets that waited: to be sent, or, without an address, to be answered.
    pub(super) fn release(&mut self, slot: u32, link_address: Option<MacAddr>) {
        let Some(entry) = self.slots.get_mut(index(slot)) else {
            return;
        };
        let next_hop = entry.address;
        while let Some(packet) = entry.packets.pop_front() {
            match link_address {
                Some(link_destination) => self.released.push_back(Released {
                    next_hop,
                    link_destination,
                    packet,
                }),
                None => {
                    self.stats.packets_unreachable += 1;
                    self.unreachable.push_back((next_hop, packet));
                }
            }
        }
    }

    pub(super) fn forget(&mut self, slot: u32) {
        self.unlink(slot);
        self.timers.set(slot, None);
        let Some(entry) = self.slots.get_mut(index(slot)) else {
            return;
        };
        entry.neighbor = None;
        entry.solicit = None;
        for packet in entry.packets.drain(..) {
            self.packets -= 1;
            self.octets -= packet.len();
            self.stats.packets_evicted += 1;
        }
        self.index.remove(&entry.address);
        self.free.push(slot);
    }

    pub(super) fn push_event(&mut self, event: NeighborEvent<A>) {
        if self.events.len() >= self.config.max_entries.saturating_add(16) {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    /// Moves an entry to the newest place of the list that it belongs to.
    pub(super) fn relist(&mut self, slot: u32) {
        self.unlink(slot);
        if let Some(entry) = self.slots.get(index(slot))
            && let Some(neighbor) = &entry.neighbor
        {
            self.link(slot, kind_of(neighbor, entry.pinned));
        }
    }

    pub(super) fn link(&mut self, slot: u32, kind: Kind) {
        let list = self.lists.get_mut(kind);
        let newest = core::mem::replace(&mut list.newest, slot);
        if newest == NIL {
            list.oldest = slot;
        }
        list.len += 1;
        if let Some(entry) = self.slots.get_mut(index(newest)) {
            entry.newer = slot;
        }
        if let Some(entry) = self.slots.get_mut(index(slot)) {
            entry.kind = kind;
            entry.older = newest;
            entry.newer = NIL;
        }
    }

    pub(super) fn unlink(&mut self, slot: u32) {
        let Some(entry) = self.slots.get(index(slot)) else {
            return;
        };
        let (kind, older, newer) = (entry.kind, entry.older, entry.newer);
        match self.slots.get_mut(index(older)) {
            Some(entry) => entry.newer = newer,
            None => self.lists.get_mut(kind).oldest = newer,
        }
        match self.slots.get_mut(index(newer)) {
            Some(entry) => entry.older = older,
            None => self.lists.get_mut(kind).newest = older,
        }
        self.lists.get_mut(kind).len -= 1;
    }
}

fn kind_of(neighbor: &Neighbor, pinned: bool) -> Kind {
    match neighbor.state() {
        _ if neighbor.is_permanent() => Kind::Pinned,
        State::Incomplete => Kind::Unresolved,
        _ if pinned => Kind::Pinned,
        State::Stale => Kind::Stale,
        State::Reachable | State::Delay | State::Probe => Kind::InUse,
    }
}

/// [`NIL`] is behind all slots: a configuration has fewer entries.
pub(super) fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
