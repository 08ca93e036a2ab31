//! Many neighbors.

use super::config::{
    NeighborConfig, NeighborConfigError, NeighborEvent, NeighborStats, Output, Resolution,
};
use super::entry::{Advertised, Neighbor, NudTiming};
use super::lists::{Kind, Lists};
use super::state::{Actions, State};
use super::store::index;
use super::timers::Timers;
use crate::hash::{HashMap, new_map};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::hash::Hash;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet_buffer::rate::Limiter;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// An address that a cache is keyed by.
pub trait NeighborAddress: Copy + Eq + Hash + Ord + Debug {}

impl NeighborAddress for Ipv4Addr {}
impl NeighborAddress for Ipv6Addr {}

/// The neighbors of one link: bounded, with the packets that wait for an answer.
///
/// A caller that has a packet asks [`resolve`](Self::resolve); when it has to wait, the packet can
/// be left with [`enqueue`](Self::enqueue). Messages come in by [`advertised`](Self::advertised)
/// and [`heard`](Self::heard). What is to be sent comes out of [`poll_output`](Self::poll_output).
///
/// ```
/// use core::net::Ipv6Addr;
/// use icmp_nd::neighbor::*;
/// use icmp_nd::{Instant, PacketBuf};
/// use packet_buffer::wire::MacAddr;
/// # struct Random(u32);
/// # impl icmp_nd::RandomSource for Random {
/// #     fn fill(&mut self, dest: &mut [u8]) { dest.fill(7) }
/// # }
/// # let mut random = Random(1);
///
/// let mut cache = NeighborCache::<Ipv6Addr>::new(NeighborConfig::default(), &mut random)?;
/// let (now, peer) = (Instant::from_secs(1), "fe80::1".parse()?);
/// assert_eq!(cache.resolve(now, peer, None), Resolution::Waiting);
/// cache.enqueue(peer, PacketBuf::from(&b"a packet"[..])).map_err(|_| "too long")?;
/// assert!(matches!(cache.poll_output(), Some(Output::Solicit { target, .. }) if target == peer));
///
/// let link_address = MacAddr([2, 0, 0, 0, 0, 1]);
/// let advertised = Advertised {
///     solicited: true,
///     overrides: true,
///     is_router: false,
///     link_address: Some(link_address),
/// };
/// cache.advertised(now, peer, &advertised);
/// assert!(matches!(cache.poll_output(), Some(Output::Packet { .. })));
/// assert_eq!(cache.resolve(now, peer, None), Resolution::Ready(link_address));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NeighborCache<A> {
    pub(super) config: NeighborConfig,
    pub(super) index: HashMap<A, u32>,
    pub(super) slots: Vec<Slot<A>>,
    pub(super) free: Vec<u32>,
    pub(super) lists: Lists,
    pub(super) timers: Timers,
    pub(super) bucket: Limiter,
    /// Slots with a solicitation to send.
    pub(super) solicitations: VecDeque<u32>,
    /// Packets to send, which were in an entry's queue.
    pub(super) released: VecDeque<Released<A>>,
    /// Packets to answer.
    pub(super) unreachable: VecDeque<(A, PacketBuf)>,
    /// Packets in the entries, in `released` and in `unreachable`.
    pub(super) packets: usize,
    /// Octets of those.
    pub(super) octets: usize,
    pub(super) events: VecDeque<NeighborEvent<A>>,
    pub(super) latest: Instant,
    pub(super) stats: NeighborStats,
}

#[derive(Debug)]
pub(super) struct Released<A> {
    pub(super) next_hop: A,
    pub(super) link_destination: MacAddr,
    pub(super) packet: PacketBuf,
}

#[derive(Debug)]
pub(super) struct Slot<A> {
    /// `None` for a free slot.
    pub(super) neighbor: Option<Neighbor>,
    pub(super) address: A,
    /// The source of the packet that the last solicitation is for.
    pub(super) source: Option<A>,
    pub(super) kind: Kind,
    pub(super) older: u32,
    pub(super) newer: u32,
    pub(super) pinned: bool,
    /// A solicitation waits to be fetched; where it goes.
    pub(super) solicit: Option<Option<MacAddr>>,
    pub(super) packets: VecDeque<PacketBuf>,
}

impl<A: NeighborAddress> NeighborCache<A> {
    /// An empty cache. `random` is for the seed of the hash.
    ///
    /// # Errors
    ///
    /// [`NeighborConfigError`], which names the field.
    pub fn new(
        config: NeighborConfig,
        random: &mut dyn RandomSource,
    ) -> Result<Self, NeighborConfigError> {
        config.check()?;
        Ok(Self {
            index: new_map(random),
            slots: Vec::new(),
            free: Vec::new(),
            lists: Lists::EMPTY,
            timers: Timers::default(),
            bucket: Limiter::new(config.solicitations),
            solicitations: VecDeque::new(),
            released: VecDeque::new(),
            unreachable: VecDeque::new(),
            packets: 0,
            octets: 0,
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: NeighborStats::default(),
            config,
        })
    }

    /// Where a packet to `next_hop` goes; asks, when that is not known. `source` is the packet's
    /// source address, for the solicitation.
    ///
    /// A packet to a STALE neighbor starts the check that it is still there.
    #[inline]
    pub fn resolve(&mut self, now: Instant, next_hop: A, source: Option<A>) -> Resolution {
        if let Some(&slot) = self.index.get(&next_hop)
            && let Some(entry) = self.slots.get(index(slot))
            && let Some(neighbor) = &entry.neighbor
        {
            return match (neighbor.state(), neighbor.link_address()) {
                (State::Stale, Some(address)) => {
                    self.begin_delay(now, slot, source);
                    Resolution::Ready(address)
                }
                (_, Some(address)) => Resolution::Ready(address),
                (_, None) => Resolution::Waiting,
            };
        }
        self.begin_resolution(now, next_hop, source)
    }

    /// Leaves a packet to wait for `next_hop`, to which [`resolve`](Self::resolve) has just said
    /// [`Resolution::Waiting`].
    ///
    /// # Errors
    ///
    /// The packet, when it is too long to wait, or the neighbor is not known; a counter tells.
    // RFC 4861 §7.2.2 MUST (queue): a small queue for each neighbor, at least one packet long; when
    // it overflows the newest packet replaces the oldest.
    pub fn enqueue(&mut self, next_hop: A, packet: PacketBuf) -> Result<(), PacketBuf> {
        let Some(&slot) = self.index.get(&next_hop) else {
            self.stats.packets_refused += 1;
            return Err(packet);
        };
        let length = packet.len();
        if length > self.config.max_octets {
            self.stats.packets_refused += 1;
            return Err(packet);
        }
        if let Some(entry) = self.slots.get_mut(index(slot))
            && entry.packets.len() >= self.config.max_packets_per_neighbor
            && let Some(oldest) = entry.packets.pop_front()
        {
            self.packets -= 1;
            self.octets -= oldest.len();
            self.stats.packets_replaced += 1;
        }
        while !self.has_room(length) && self.make_packet_room(slot) {}
        let has_room = self.has_room(length);
        match self.slots.get_mut(index(slot)) {
            Some(entry) if has_room => {
                entry.packets.push_back(packet);
                self.packets += 1;
                self.octets += length;
                self.stats.packets_queued += 1;
                Ok(())
            }
            _ => {
                self.stats.packets_refused += 1;
                Err(packet)
            }
        }
    }

    /// An advertisement for `target`, or an ARP reply from it. What was done; nothing when there is
    /// no such entry, since an advertisement makes none (RFC 4861 §7.2.5).
    // RFC 4861 §7.2.5 SHOULD (no-entry): an advertisement for an address without an entry is
    // discarded.
    pub fn advertised(&mut self, now: Instant, target: A, advertised: &Advertised) -> Actions {
        let now = self.advance(now);
        let Some((slot, neighbor)) = self.find(target) else {
            self.stats.advertisements_ignored += 1;
            return Actions::NONE;
        };
        if neighbor.is_permanent() {
            self.stats.permanent_kept += 1;
            return Actions::NONE;
        }
        let mut changed = neighbor;
        let actions = changed.advertised(now, advertised, &self.config.timing);
        if !actions.contains(Actions::UPDATE_IS_ROUTER) {
            match neighbor.state() {
                State::Incomplete => self.stats.advertisements_ignored += 1,
                _ => self.stats.override_refused += 1,
            }
        } else if neighbor.is_router() && !advertised.is_router {
            self.push_event(NeighborEvent::NoRouter { address: target });
        }
        self.update(slot, neighbor, changed, actions);
        actions
    }

    /// A solicitation or Router Advertisement from `source`, a Redirect to it, or an ARP request from
    /// it, with its link-layer address or without. Makes an entry when there is none.
    ///
    /// IsRouter is set to `is_router` where that is given: true for a Router Advertisement, false
    /// for a Router Solicitation; other messages do not tell.
    pub fn heard(
        &mut self,
        now: Instant,
        source: A,
        link_address: Option<MacAddr>,
        is_router: Option<bool>,
    ) -> Actions {
        let now = self.advance(now);
        let Some((slot, neighbor)) = self.find(source) else {
            let Some(link_address) = link_address else {
                return Actions::NONE;
            };
            let mut neighbor = Neighbor::heard_from(link_address);
            neighbor.set_router(is_router.unwrap_or(false));
            return match self.insert(source, neighbor, false) {
                Some(_) => Actions::CREATE | Actions::RECORD_ADDRESS,
                None => Actions::NONE,
            };
        };
        if neighbor.is_permanent() {
            self.stats.permanent_kept += 1;
            return Actions::NONE;
        }
        let mut changed = neighbor;
        let actions = changed.heard(now, link_address, &self.config.timing);
        if let Some(is_router) = is_router {
            if neighbor.is_router() && !is_router {
                self.push_event(NeighborEvent::NoRouter { address: source });
            }
            changed.set_router(is_router);
        }
        self.update(slot, neighbor, changed, actions);
        actions
    }

    /// There is proof that packets arrive at `address`: an acknowledgement of new data, an answer
    /// to a request (RFC 4861 §7.3.1).
    pub fn confirm(&mut self, now: Instant, address: A) -> Actions {
        let now = self.advance(now);
        let Some((slot, neighbor)) = self.find(address) else {
            return Actions::NONE;
        };
        let mut changed = neighbor;
        let actions = changed.confirm(now, &self.config.timing);
        self.update(slot, neighbor, changed, actions);
        actions
    }

    /// Enters a neighbor by configuration; no message changes it. False when there is no room.
    pub fn insert_permanent(&mut self, address: A, link_address: MacAddr) -> bool {
        let neighbor = Neighbor::permanent(link_address);
        if let Some((slot, old)) = self.find(address) {
            let actions = if old.state().is_usable() {
                Actions::NONE
            } else {
                Actions::SEND_QUEUED
            };
            self.update(slot, old, neighbor, actions);
            return true;
        }
        self.insert(address, neighbor, true).is_some()
    }

    /// Keeps the entry of `address`, a default router, from making room for others; or does not
    /// any more. The caller pins few.
    pub fn set_pinned(&mut self, address: A, pinned: bool) {
        let Some(&slot) = self.index.get(&address) else {
            return;
        };
        if let Some(entry) = self.slots.get_mut(index(slot)) {
            entry.pinned = pinned;
        }
        self.relist(slot);
    }

    /// Forgets a neighbor. Packets that waited are dropped, and counted as evicted.
    pub fn remove(&mut self, address: A) -> Option<Neighbor> {
        let (slot, neighbor) = self.find(address)?;
        self.forget(slot);
        Some(neighbor)
    }

    /// Forgets all neighbors, permanent ones too.
    pub fn clear(&mut self) {
        while let Some((_, &slot)) = self.index.iter().next() {
            self.forget(slot);
        }
    }

    /// The entry of `address`.
    #[inline]
    pub fn get(&self, address: A) -> Option<&Neighbor> {
        let slot = self.index.get(&address)?;
        self.slots.get(index(*slot))?.neighbor.as_ref()
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (A, &Neighbor)> {
        let slots = self.slots.iter();
        slots.filter_map(|slot| Some((slot.address, slot.neighbor.as_ref()?)))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many of them are INCOMPLETE.
    pub const fn unresolved(&self) -> usize {
        self.lists.get(Kind::Unresolved).len
    }

    /// How many packets wait, and their octets.
    pub const fn waiting(&self) -> (usize, usize) {
        (self.packets, self.octets)
    }

    /// The times and counts in force.
    pub const fn timing(&self) -> &NudTiming {
        &self.config.timing
    }

    /// Sets ReachableTime, as drawn by [`reachable_time`](super::reachable_time). Timers that run
    /// stay.
    pub const fn set_reachable_time(&mut self, reachable_time: Duration) {
        self.config.timing.reachable_time = reachable_time;
    }

    /// Sets RetransTimer. Timers that run stay.
    pub const fn set_retrans_timer(&mut self, retrans_timer: Duration) {
        self.config.timing.retrans_timer = retrans_timer;
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        while let Some(slot) = self.timers.pop_due(now) {
            let Some(neighbor) = self.neighbor(slot) else {
                continue;
            };
            let mut changed = neighbor;
            let actions = changed.timeout(now, &self.config.timing);
            self.update(slot, neighbor, changed, actions);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// What is to be sent next: first the packets that can go.
    pub fn poll_output(&mut self) -> Option<Output<A>> {
        if let Some(released) = self.released.pop_front() {
            self.packets -= 1;
            self.octets -= released.packet.len();
            return Some(Output::Packet {
                next_hop: released.next_hop,
                link_destination: released.link_destination,
                packet: released.packet,
            });
        }
        while let Some(slot) = self.solicitations.pop_front() {
            // An entry that has gone, or was answered meanwhile, wants no solicitation any more.
            if let Some(entry) = self.slots.get_mut(index(slot))
                && let Some(link_destination) = entry.solicit.take()
            {
                return Some(Output::Solicit {
                    target: entry.address,
                    link_destination,
                    source: entry.source,
                });
            }
        }
        None
    }

    /// A packet that waited in vain for the neighbor that is named: its source is told "address
    /// unreachable", if it may be told.
    // RFC 4861 §7.2.2 MUST (unreachable): when no answer comes, a Destination Unreachable with code 3
    // is returned for each packet that waited.
    pub fn poll_unreachable(&mut self) -> Option<(A, PacketBuf)> {
        let (next_hop, packet) = self.unreachable.pop_front()?;
        self.packets -= 1;
        self.octets -= packet.len();
        Some((next_hop, packet))
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<NeighborEvent<A>> {
        self.events.pop_front()
    }

    /// What was done and refused so far.
    pub const fn stats(&self) -> &NeighborStats {
        &self.stats
    }
}
