//! All mappings, by outside and by inside endpoint.

use super::links::Links;
use super::slot::{Slot, SlotKind};
use super::{Endpoint, MappingInfo, PortKind};
use crate::ports::{PortSpace, Wish};
use crate::secret_map::SecretMap;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use core::time::Duration;
use flow_table::{FlowHash, Ipv4FlowKey, NhHash, prefetch};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, RandomSource};

/// A mapping to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewMapping {
    pub(crate) protocol: PortKind,
    pub(crate) inside: Endpoint,
    /// The address that a mapping of [`SlotKind::Address`] is for.
    pub(crate) peer: Ipv4Addr,
    pub(crate) rule: u16,
    pub(crate) kind: SlotKind,
}

/// What became of a mapping whose session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Others use it.
    Still,
    /// It is gone.
    Gone {
        /// What it was.
        mapping: MappingInfo,
        /// Whether its address has a port again, and had none before.
        has_again: bool,
    },
}

/// The ports of one outside address and protocol, and the mappings that have them.
struct Space {
    ports: PortSpace,
    /// Empty until the first mapping; then one for each port. Plain words, so that the allocator
    /// hands out pages that are zero already and not touched before they are used.
    slots: Vec<[u32; 4]>,
}

/// The outside addresses that are shared, and their mappings.
pub(crate) struct MappingTable {
    /// In order.
    addresses: Vec<Ipv4Addr>,
    /// For each address the ports that its pool has.
    ranges: Vec<RangeInclusive<u16>>,
    /// By address, then protocol.
    spaces: Vec<Option<Box<Space>>>,
    /// By protocol: links to the first mapping of each hash of an inside endpoint.
    heads: [Vec<u32>; PortKind::COUNT],
    links: Links,
    /// How many of those there are for each protocol, a power of two.
    buckets: usize,
    /// Mappings of [`SlotKind::Address`].
    by_peer: SecretMap<u32>,
    hash: NhHash,
    quarantine: Duration,
    reserved: Vec<(Ipv4Addr, PortKind, RangeInclusive<u16>)>,
    len: usize,
}

impl MappingTable {
    /// A table for these addresses; `expected` mappings have short chains.
    pub(crate) fn new(
        mut pools: Vec<(Ipv4Addr, RangeInclusive<u16>)>,
        reserved: Vec<(Ipv4Addr, PortKind, RangeInclusive<u16>)>,
        expected: usize,
        quarantine: Duration,
        random: &mut dyn RandomSource,
    ) -> Self {
        pools.sort_by_key(|(address, _)| *address);
        pools.dedup_by_key(|(address, _)| *address);
        let (addresses, ranges): (Vec<_>, Vec<_>) = pools.into_iter().unzip();
        let spaces = addresses.len() * PortKind::COUNT;
        let hash = NhHash::from_random(random);
        Self {
            spaces: (0..spaces).map(|_| None).collect(),
            links: Links::of(addresses.len()),
            addresses,
            ranges,
            heads: Default::default(),
            buckets: (expected / 2).next_power_of_two().clamp(64, 1 << 24),
            by_peer: SecretMap::new(hash.clone()),
            hash,
            quarantine,
            reserved,
            len: 0,
        }
    }

    /// The secret of the hash function.
    pub(crate) const fn secret(&self) -> &NhHash {
        &self.hash
    }

    /// Mappings.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The number of a shared address.
    #[inline]
    pub(crate) fn index_of(&self, address: Ipv4Addr) -> Option<u16> {
        // Where the addresses are one range, an address says where it is.
        let (first, last) = (self.addresses.first()?, self.addresses.last()?);
        let offset = address.to_bits().checked_sub(first.to_bits())?;
        if address > *last {
            return None;
        }
        if self.addresses.get(offset as usize) == Some(&address) {
            return u16::try_from(offset).ok();
        }
        self.search_address(address)
    }

    #[inline(never)]
    fn search_address(&self, address: Ipv4Addr) -> Option<u16> {
        let index = self.addresses.binary_search(&address).ok()?;
        u16::try_from(index).ok()
    }

    pub(crate) fn address(&self, index: u16) -> Option<Ipv4Addr> {
        self.addresses.get(usize::from(index)).copied()
    }

    /// Whether the router itself, or a forward, uses the port.
    pub(crate) fn is_reserved(&self, protocol: PortKind, outside: Endpoint) -> bool {
        self.reserved.iter().any(|(address, kind, ports)| {
            *address == outside.address && *kind == protocol && ports.contains(&outside.port)
        })
    }

    /// Ports that are free at an address, as far as is known without making room for them.
    pub(crate) fn free_ports(&self, index: u16, protocol: PortKind) -> u32 {
        match self.space(index, protocol) {
            Some(space) => space.ports.free(),
            None => self
                .ranges
                .get(usize::from(index))
                .map_or(0, |range| range.len().try_into().unwrap_or(0)),
        }
    }

    fn space(&self, index: u16, protocol: PortKind) -> Option<&Space> {
        let at = usize::from(index) * PortKind::COUNT + protocol.index();
        self.spaces.get(at)?.as_deref()
    }

    fn space_mut(&mut self, index: u16, protocol: PortKind) -> Option<&mut Space> {
        let at = usize::from(index) * PortKind::COUNT + protocol.index();
        self.spaces.get_mut(at)?.as_deref_mut()
    }

    /// The space, made when it is used for the first time.
    fn open_space(&mut self, index: u16, protocol: PortKind) -> Option<&mut Space> {
        let at = usize::from(index) * PortKind::COUNT + protocol.index();
        let place = self.spaces.get_mut(at)?;
        if place.is_none() {
            let range = self.ranges.get(usize::from(index))?.clone();
            // Identifiers have no port 0 to spare.
            let range = if protocol.has_classes() {
                range
            } else {
                0..=u16::MAX
            };
            let mut ports = PortSpace::new(range, self.quarantine);
            let address = self.addresses.get(usize::from(index))?;
            for (_, _, reserved) in self
                .reserved
                .iter()
                .filter(|(at, kind, _)| at == address && *kind == protocol)
            {
                for port in reserved.clone() {
                    ports.reserve(port);
                }
            }
            let slots = Vec::new();
            *place = Some(Box::new(Space { ports, slots }));
        }
        place.as_deref_mut()
    }

    fn slot(&self, handle: u32, protocol: PortKind) -> Option<Slot> {
        let (index, port) = split(handle);
        let words = self.space(index, protocol)?.slots.get(usize::from(port))?;
        Some(Slot::from_words(*words)).filter(Slot::is_used)
    }

    /// Changes a slot that is in use.
    fn update<T>(
        &mut self,
        handle: u32,
        protocol: PortKind,
        change: impl FnOnce(&mut Slot) -> T,
    ) -> Option<T> {
        let (index, port) = split(handle);
        let space = self.space_mut(index, protocol)?;
        let words = space.slots.get_mut(usize::from(port))?;
        let mut slot = Slot::from_words(*words);
        if !slot.is_used() {
            return None;
        }
        let result = change(&mut slot);
        *words = slot.words();
        Some(result)
    }

    fn hash_of(&self, inside: Endpoint, protocol: PortKind) -> u64 {
        let word = u64::from(inside.address.to_bits()) << 16 | u64::from(inside.port);
        self.hash.hash(&[word, protocol.index() as u64])
    }

    fn bucket(&self, hash: u64) -> usize {
        // The upper bits are the good ones; there are fewer buckets than 2^32.
        (hash >> 32) as usize & (self.buckets - 1)
    }

    /// The mapping that has an outside endpoint.
    pub(crate) fn by_outside(&self, protocol: PortKind, outside: Endpoint) -> Option<Slot> {
        let index = self.index_of(outside.address)?;
        self.slot(join(index, outside.port), protocol)
    }

    /// The outside endpoint that an inside one is mapped to, for all destinations.
    pub(crate) fn by_inside(&self, protocol: PortKind, inside: Endpoint) -> Option<Endpoint> {
        let heads = self.heads.get(protocol.index())?;
        let hash = self.hash_of(inside, protocol);
        let mut link = *heads.get(self.bucket(hash))?;
        // Slots lie all over the memory: those that the link to them rules out are not read.
        while self.links.leads_on(link, hash) {
            let handle = self.links.handle(link);
            let slot = self.slot(handle, protocol)?;
            if slot.inside() == inside {
                return self.endpoint(handle);
            }
            link = slot.next();
        }
        None
    }

    /// The outside endpoint that an inside one is mapped to for one address.
    pub(crate) fn by_peer(
        &self,
        protocol: PortKind,
        inside: Endpoint,
        peer: Ipv4Addr,
    ) -> Option<Endpoint> {
        let handle = self.by_peer.get(peer_key(protocol, inside, peer))?;
        self.endpoint(*handle)
    }

    fn endpoint(&self, handle: u32) -> Option<Endpoint> {
        let (index, port) = split(handle);
        Some(Endpoint::new(self.address(index)?, port))
    }

    /// Takes a port of an address for a mapping, which [`make`](Self::make) makes then.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        index: u16,
        protocol: PortKind,
        wish: &Wish,
        random: &mut dyn RandomSource,
    ) -> Option<Endpoint> {
        let space = self.open_space(index, protocol)?;
        let port = space.ports.allocate(now, wish, random)?;
        self.fetch_slot(index, protocol, port);
        self.endpoint(join(index, port))
    }

    /// Takes this port and no other; whether it was free.
    pub(crate) fn take_at(&mut self, now: Instant, protocol: PortKind, outside: Endpoint) -> bool {
        let index = self.index_of(outside.address);
        let space = index.and_then(|index| self.open_space(index, protocol));
        space.is_some_and(|space| space.ports.claim(now, outside.port))
    }

    /// Gives a port back that was taken, and that nothing came of; whether the address had none left.
    pub(crate) fn give_back(&mut self, protocol: PortKind, outside: Endpoint) -> bool {
        let index = self.index_of(outside.address);
        let space = index.and_then(|index| self.space_mut(index, protocol));
        space.is_some_and(|space| {
            let had_none = space.ports.free() == 0;
            space.ports.release_unused(outside.port);
            had_none
        })
    }

    /// Makes a mapping of a port that was taken, without sessions.
    pub(crate) fn make(&mut self, outside: Endpoint, new: &NewMapping) -> Option<()> {
        self.write(outside, new, |_| {})
    }

    /// Makes a mapping of a port that was taken, with one session.
    pub(crate) fn make_held(
        &mut self,
        outside: Endpoint,
        new: &NewMapping,
        keeps: bool,
    ) -> Option<()> {
        self.write(outside, new, |slot| {
            // There is none yet, so that there can be one.
            let _ = slot.add(keeps);
        })
    }

    #[inline]
    fn write(
        &mut self,
        outside: Endpoint,
        new: &NewMapping,
        with: impl FnOnce(&mut Slot),
    ) -> Option<()> {
        let protocol = new.protocol;
        let index = self.index_of(outside.address)?;
        let handle = join(index, outside.port);
        let mut next = Links::NONE;
        match new.kind {
            SlotKind::Endpoint => {
                let hash = self.hash_of(new.inside, protocol);
                let (bucket, buckets) = (self.bucket(hash), self.buckets);
                let heads = self.heads.get_mut(protocol.index())?;
                if heads.is_empty() {
                    *heads = vec![Links::NONE; buckets];
                }
                let head = heads.get_mut(bucket)?;
                next = *head;
                *head = self.links.to(handle, hash, next == Links::NONE);
            }
            SlotKind::Address => {
                let key = peer_key(protocol, new.inside, new.peer);
                self.by_peer.insert(key, handle);
                next = new.peer.to_bits();
            }
            SlotKind::Session => {}
        }
        let space = self.space_mut(index, protocol)?;
        if space.slots.is_empty() {
            space.slots = vec![[0; 4]; 1 << 16];
        }
        let mut slot = Slot::new(new.inside, new.rule, new.kind, next);
        with(&mut slot);
        *space.slots.get_mut(usize::from(outside.port))? = slot.words();
        self.len += 1;
        Some(())
    }

    /// A session more uses the mapping; `None` when it has as many as can be counted.
    pub(crate) fn hold(
        &mut self,
        protocol: PortKind,
        outside: Endpoint,
        keeps: bool,
    ) -> Option<()> {
        let index = self.index_of(outside.address)?;
        self.update(join(index, outside.port), protocol, |slot| slot.add(keeps))?
    }

    /// A session that came from outside is now kept by the inside.
    pub(crate) fn keep(&mut self, protocol: PortKind, outside: Endpoint) {
        if let Some(index) = self.index_of(outside.address) {
            self.update(join(index, outside.port), protocol, Slot::keep);
        }
    }

    /// Asks the processor to fetch what the release of a session with these keys reads.
    pub(crate) fn fetch(&self, reply: &Ipv4FlowKey, original: &Ipv4FlowKey) {
        let Some(protocol) = PortKind::of(IpProtocol(reply.protocol())) else {
            return;
        };
        self.fetch_inside(protocol, Endpoint::source_of(original));
        if let Some(index) = self.index_of(reply.destination()) {
            self.fetch_slot(index, protocol, reply.destination_port());
        }
    }

    /// Asks the processor to fetch where the search for the mapping of an inside endpoint begins.
    pub(crate) fn fetch_inside(&self, protocol: PortKind, inside: Endpoint) {
        let bucket = self.bucket(self.hash_of(inside, protocol));
        let heads = self.heads.get(protocol.index());
        if let Some(head) = heads.and_then(|heads| heads.get(bucket)) {
            prefetch(head);
        }
    }

    fn fetch_slot(&self, index: u16, protocol: PortKind, port: u16) {
        let space = self.space(index, protocol);
        if let Some(words) = space.and_then(|space| space.slots.get(usize::from(port))) {
            prefetch(words);
        }
    }

    /// Makes a mapping stay without sessions, or not any more; then it goes when it has none.
    pub(crate) fn set_explicit(
        &mut self,
        now: Instant,
        protocol: PortKind,
        outside: Endpoint,
        explicit: bool,
    ) -> Option<Held> {
        let handle = join(self.index_of(outside.address)?, outside.port);
        let sessions = self.update(handle, protocol, |slot| {
            slot.set_explicit(explicit);
            slot.sessions()
        })?;
        if explicit || sessions > 0 {
            return Some(Held::Still);
        }
        let (index, _) = split(handle);
        let slot = self.slot(handle, protocol)?;
        self.discard(now, protocol, index, outside, &slot, true)
    }

    /// A session less uses the mapping, which goes with the last one. `seen` is whether any packet has shown the port
    /// outside.
    pub(crate) fn release(
        &mut self,
        now: Instant,
        protocol: PortKind,
        outside: Endpoint,
        keeps: bool,
        seen: bool,
    ) -> Option<Held> {
        let index = self.index_of(outside.address)?;
        let space = self.space_mut(index, protocol)?;
        let words = space.slots.get_mut(usize::from(outside.port))?;
        let mut slot = Slot::from_words(*words);
        if !slot.is_used() {
            return None;
        }
        if !slot.remove(keeps) {
            *words = slot.words();
            return Some(Held::Still);
        }
        self.discard(now, protocol, index, outside, &slot, seen)
    }

    /// Takes a mapping back that no session has come to use, and frees its port at once.
    pub(crate) fn unmake(
        &mut self,
        now: Instant,
        protocol: PortKind,
        outside: Endpoint,
    ) -> Option<Held> {
        let index = self.index_of(outside.address)?;
        let slot = self.slot(join(index, outside.port), protocol)?;
        self.discard(now, protocol, index, outside, &slot, false)
    }

    /// Ends the mapping of an outside endpoint, at an address of this number, whose slot holds this.
    fn discard(
        &mut self,
        now: Instant,
        protocol: PortKind,
        index: u16,
        outside: Endpoint,
        slot: &Slot,
        seen: bool,
    ) -> Option<Held> {
        let (inside, handle) = (slot.inside(), join(index, outside.port));
        match slot.kind() {
            SlotKind::Endpoint => self.unlink(handle, protocol, slot),
            SlotKind::Address => {
                let key = peer_key(protocol, inside, slot.peer());
                if self.by_peer.get(key) == Some(&handle) {
                    self.by_peer.remove(key);
                }
            }
            SlotKind::Session => {}
        }
        let space = self.space_mut(index, protocol)?;
        *space.slots.get_mut(usize::from(outside.port))? = Slot::EMPTY.words();
        let had_none = space.ports.free() == 0;
        if seen {
            space.ports.release(now, outside.port);
        } else {
            space.ports.release_unused(outside.port);
        }
        let has_again = had_none && space.ports.free() > 0;
        self.len -= 1;
        let mapping = MappingInfo {
            protocol: protocol.protocol(),
            inside,
            outside,
            sessions: 0,
            is_explicit: false,
        };
        Some(Held::Gone { mapping, has_again })
    }

    /// Takes a mapping out of the chain of its hash.
    fn unlink(&mut self, handle: u32, protocol: PortKind, slot: &Slot) {
        let bucket = self.bucket(self.hash_of(slot.inside(), protocol));
        let links = self.links;
        let heads = self.heads.get_mut(protocol.index());
        let Some(head) = heads.and_then(|heads| heads.get_mut(bucket)) else {
            return;
        };
        if links.handle(*head) == handle {
            *head = slot.next();
            return;
        }
        // The mapping before it, and where the link to that one is: in the head, or in another mapping.
        let (mut before, mut link_in) = (links.handle(*head), None);
        while let Some(found) = self.slot(before, protocol) {
            if links.handle(found.next()) == handle {
                self.update(before, protocol, |found| found.set_next(slot.next()));
                if slot.next() == Links::NONE {
                    self.mark_last(bucket, protocol, link_in);
                }
                return;
            }
            (before, link_in) = (links.handle(found.next()), Some(before));
        }
    }

    /// Notes in the link that is in a mapping, or in the head, that no other mapping follows the one that it leads to.
    fn mark_last(&mut self, bucket: usize, protocol: PortKind, link_in: Option<u32>) {
        let links = self.links;
        match link_in {
            Some(handle) => {
                self.update(handle, protocol, |slot| {
                    slot.set_next(links.last(slot.next()));
                });
            }
            None => {
                let heads = self.heads.get_mut(protocol.index());
                if let Some(head) = heads.and_then(|heads| heads.get_mut(bucket)) {
                    *head = links.last(*head);
                }
            }
        }
    }

    /// All mappings, in the order of outside addresses, protocols and ports.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MappingInfo> + '_ {
        const KINDS: [PortKind; PortKind::COUNT] = [
            PortKind::Tcp,
            PortKind::Udp,
            PortKind::Icmp,
            PortKind::Sctp,
            PortKind::Dccp,
            PortKind::UdpLite,
            PortKind::Gre,
        ];
        let spaces = self.spaces.chunks(PortKind::COUNT).zip(&self.addresses);
        spaces.flat_map(|(spaces, address)| {
            spaces.iter().zip(KINDS).flat_map(move |(space, kind)| {
                let slots = space.as_deref().map_or(&[][..], |space| &space.slots);
                (0..=u16::MAX).zip(slots).filter_map(move |(port, words)| {
                    let slot = Slot::from_words(*words);
                    slot.is_used().then(|| MappingInfo {
                        protocol: kind.protocol(),
                        inside: slot.inside(),
                        outside: Endpoint::new(*address, port),
                        sessions: slot.sessions(),
                        is_explicit: slot.is_explicit(),
                    })
                })
            })
        })
    }
}

/// By what a mapping of [`SlotKind::Address`] is found.
const fn peer_key(protocol: PortKind, inside: Endpoint, peer: Ipv4Addr) -> u128 {
    protocol.before(80, inside.bits() << 32 | peer.to_bits() as u128)
}

/// The number of a mapping: of its outside address, and its port.
const fn join(index: u16, port: u16) -> u32 {
    (index as u32) << 16 | port as u32
}

const fn split(handle: u32) -> (u16, u16) {
    ((handle >> 16) as u16, (handle & 0xffff) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;
    use testkit::SeededRandom;

    const NOW: Instant = Instant::ZERO;
    const KIND: PortKind = PortKind::Udp;

    /// Every chain's links say of its last mapping that it is that, and of no other.
    fn check_links(table: &MappingTable) {
        let links = table.links;
        let knows = links.last(0) != 0;
        for head in &table.heads[KIND.index()] {
            let mut link = *head;
            while link != Links::NONE {
                let slot = table.slot(links.handle(link), KIND).unwrap();
                let is_last = slot.next() == Links::NONE;
                assert_eq!(links.last(link) == link, is_last || !knows);
                link = slot.next();
            }
        }
    }

    proptest! {
        /// However mappings come and go, each is found by its inside endpoint, and no other is.
        #[test]
        fn mappings_are_found_by_their_inside_endpoints(
            many in any::<bool>(),
            steps in proptest::collection::vec((any::<bool>(), 0u16..400), 1..600),
        ) {
            let count: u32 = if many { 5_000 } else { 3 };
            let first = Ipv4Addr::new(100, 64, 0, 0).to_bits();
            let pools = (0..count).map(|n| (Ipv4Addr::from_bits(first + n), 1..=u16::MAX)).collect();
            let mut random = SeededRandom::new(1);
            // As few chains as there can be: 64.
            let mut table = MappingTable::new(pools, Vec::new(), 1, Duration::ZERO, &mut random);
            let mut model = BTreeMap::new();
            for (is_new, port) in steps {
                let inside = Endpoint::new(Ipv4Addr::new(10, 0, 0, 1), port);
                prop_assert_eq!(table.by_inside(KIND, inside), model.get(&port).copied());
                if is_new && !model.contains_key(&port) {
                    let index = u16::try_from(random.below(count)).unwrap();
                    let outside =
                        table.take(NOW, index, KIND, &Wish::any(1..=u16::MAX), &mut random).unwrap();
                    let new = NewMapping {
                        protocol: KIND,
                        inside,
                        peer: Ipv4Addr::UNSPECIFIED,
                        rule: 0,
                        kind: SlotKind::Endpoint,
                    };
                    prop_assert!(table.make(outside, &new).is_some());
                    model.insert(port, outside);
                } else if !is_new && let Some(outside) = model.remove(&port) {
                    let gone = table.unmake(NOW, KIND, outside);
                    prop_assert!(gone.is_some());
                }
                prop_assert_eq!(table.len(), model.len());
                check_links(&table);
            }
            for port in 0..400 {
                let inside = Endpoint::new(Ipv4Addr::new(10, 0, 0, 1), port);
                prop_assert_eq!(table.by_inside(KIND, inside), model.get(&port).copied());
            }
        }
    }
}
