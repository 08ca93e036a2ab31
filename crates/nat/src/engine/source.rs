//! What stands outside for who sends inside.

use super::open::sticky_key;
use super::{Alarm, Nat, PoolState};
use crate::config::{Action, Mapping, Napt, Pooling, transplant};
use crate::event::NatEvent;
use crate::flow::FlowFlags;
use crate::mapping::{Endpoint, MappingTable, PortKind, SlotKind};
use crate::ports::{Parity, PortSet, Wish};
use crate::verdict::DropReason;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use flow_table::Ipv4FlowKey;
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, RandomSource};

/// How many shares of a subscriber are looked at.
const SHARES_TRIED: usize = 64;

/// How many addresses of a pool are tried where the ports of a class are used up.
const ADDRESSES_TRIED: usize = 8;

/// What stands for an inside endpoint, taken but not yet held by a session.
///
/// It is filled in where it stands: handed on as a result it is put together and taken apart octet by octet, for which
/// processors wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// What stands for it.
    pub(super) outside: Endpoint,
    /// What the session holds then.
    pub(super) flags: FlowFlags,
    /// The rule.
    pub(super) rule: u16,
    /// What mapping is to be made of it, whose port has been taken.
    pub(super) makes: Option<SlotKind>,
    /// Whether a rule says that the sender is seen as it is.
    pub(super) bypasses: bool,
}

impl Source {
    /// The sender is seen as it is.
    pub(super) const fn unchanged(key: &Ipv4FlowKey) -> Self {
        Self::fixed(Endpoint::source_of(key), u16::MAX)
    }

    const fn fixed(outside: Endpoint, rule: u16) -> Self {
        Self::holding(outside, rule, FlowFlags(0))
    }

    /// A mapping that a session is going to hold.
    const fn mapped(outside: Endpoint, rule: u16) -> Self {
        let flags = FlowFlags::SOURCE_MAPPING.with(FlowFlags::KEEPS_SOURCE);
        Self::holding(outside, rule, flags)
    }

    /// What the session holds is in the flags.
    pub(super) const fn holding(outside: Endpoint, rule: u16, flags: FlowFlags) -> Self {
        Self {
            outside,
            flags,
            rule,
            makes: None,
            bypasses: false,
        }
    }
}

impl Nat {
    /// Finds what stands for the sender of a packet from inside, and puts it into `source`, which is the sender as it
    /// is so far. `destination` is where the packet goes after translation, and `hairpin` whether that is inside.
    pub(super) fn translate_source(
        &mut self,
        now: Instant,
        key: &Ipv4FlowKey,
        destination: Endpoint,
        hairpin: bool,
        source: &mut Source,
    ) -> Result<(), DropReason> {
        let protocol = IpProtocol(key.protocol());
        let inside = Endpoint::source_of(key);
        let (target, port) = (key.destination(), key.destination_port());
        let Some((index, rule)) = self.rule_for(inside.address, target, protocol, port) else {
            return Err(DropReason::NoRule);
        };
        match &rule.action {
            Action::Bypass => source.bypasses = true,
            Action::Drop => return Err(DropReason::Rule),
            Action::Static { outside } => {
                let address = transplant(inside.address, rule.matching.source, *outside);
                self.admit(now, inside.address, false)?;
                *source = Source::fixed(Endpoint::new(address, inside.port), index);
            }
            Action::Dynamic { pool, .. } => {
                let pool = *pool;
                self.admit(now, inside.address, false)?;
                let bound = self.bindings.bind(pool, inside.address, index);
                let Some(address) = bound else {
                    self.tell_exhausted(now, pool, protocol, inside.address);
                    return Err(DropReason::NoPort);
                };
                let outside = Endpoint::new(address, inside.port);
                *source = Source::holding(outside, index, FlowFlags::SOURCE_ADDRESS);
            }
            Action::Napt(napt) => {
                // RFC 4787 §6 MUST (req-9-a): a hairpinned packet has the outside source.
                if hairpin && !napt.hairpin {
                    return Err(DropReason::Rule);
                }
                let napt = napt.clone();
                self.share(now, key, destination, index, &napt, source)?;
            }
        }
        Ok(())
    }

    /// Shares outside addresses by ports.
    fn share(
        &mut self,
        now: Instant,
        key: &Ipv4FlowKey,
        destination: Endpoint,
        rule: u16,
        napt: &Napt,
        source: &mut Source,
    ) -> Result<(), DropReason> {
        let protocol = IpProtocol(key.protocol());
        let inside = Endpoint::source_of(key);
        let kind = match PortKind::of(protocol) {
            Some(PortKind::Gre) | None => {
                *source = Source::fixed(self.share_address(now, key, napt)?, rule);
                return Ok(());
            }
            Some(kind) => kind,
        };
        // A mapping that was asked for explicitly is used whatever the rule says.
        let (slot_kind, found) = match napt.mapping {
            Mapping::EndpointIndependent => {
                (SlotKind::Endpoint, self.mappings.by_inside(kind, inside))
            }
            Mapping::AddressDependent => {
                let found = self.mappings.by_peer(kind, inside, destination.address);
                let found = found.or_else(|| self.mappings.by_inside(kind, inside));
                (SlotKind::Address, found)
            }
            Mapping::AddressAndPortDependent => {
                (SlotKind::Session, self.mappings.by_inside(kind, inside))
            }
            Mapping::PerDestination { limit, sticky } => {
                // What was asked for explicitly stands for all destinations.
                if let Some(outside) = self.mappings.by_inside(kind, inside) {
                    return self.reuse(now, kind, inside, outside, rule, source);
                }
                let limits = (limit, sticky);
                *source = self.share_port(now, kind, key, destination, rule, napt, limits)?;
                return Ok(());
            }
        };
        if let Some(outside) = found {
            return self.reuse(now, kind, inside, outside, rule, source);
        }
        self.admit(now, inside.address, true)?;
        let wish = self.wish(kind, inside, napt);
        let taken = self.take_port(now, napt.pool, kind, &wish, inside.address);
        let Some(outside) = taken else {
            self.tell_exhausted(now, napt.pool, protocol, inside.address);
            return Err(DropReason::NoPort);
        };
        *source = Source::mapped(outside, rule);
        source.makes = Some(slot_kind);
        Ok(())
    }

    /// Uses a mapping that is there for one session more.
    fn reuse(
        &mut self,
        now: Instant,
        kind: PortKind,
        inside: Endpoint,
        outside: Endpoint,
        rule: u16,
        source: &mut Source,
    ) -> Result<(), DropReason> {
        let slot = self.mappings.by_outside(kind, outside);
        if slot.is_some_and(|slot| slot.sessions() == u16::MAX) {
            return Err(DropReason::Limit);
        }
        self.admit(now, inside.address, false)?;
        *source = Source::mapped(outside, rule);
        Ok(())
    }

    /// What a new mapping of an inside endpoint would like its port to be.
    fn wish(&self, kind: PortKind, inside: Endpoint, napt: &Napt) -> Wish {
        let pool = self.config.pools.get(napt.pool);
        let pool_range = pool.map_or(1..=u16::MAX, |pool| pool.ports.clone());
        if !kind.has_classes() {
            return Wish {
                range: 0..=u16::MAX,
                exact: napt.ports.preserve.then_some(inside.port),
                parity: None,
            };
        }
        let class = napt.ports.classes.range(inside.port);
        let range = intersect(&class, &pool_range).unwrap_or(pool_range);
        let neighbor = if napt.ports.contiguity {
            self.next_to_neighbor(kind, inside)
        } else {
            None
        };
        Wish {
            range,
            exact: neighbor.or(napt.ports.preserve.then_some(inside.port)),
            parity: napt.ports.parity.then(|| Parity::of(inside.port)),
        }
    }

    /// The port that makes a pair with what the other port of the inside endpoint's pair has.
    fn next_to_neighbor(&self, kind: PortKind, inside: Endpoint) -> Option<u16> {
        let neighbor = Endpoint::new(inside.address, inside.port ^ 1);
        let outside = self.mappings.by_inside(kind, neighbor)?;
        match Parity::of(inside.port) {
            Parity::Odd => outside.port.checked_add(1),
            Parity::Even => outside.port.checked_sub(1),
        }
    }

    /// Takes a port at one of the pool's addresses, for a mapping of a subscriber's.
    pub(super) fn take_port(
        &mut self,
        now: Instant,
        pool_index: usize,
        kind: PortKind,
        wish: &Wish,
        subscriber: Ipv4Addr,
    ) -> Option<Endpoint> {
        let config = self.config.pools.get(pool_index)?;
        let is_paired = config.pooling == Pooling::Paired;
        let any = || widened(kind, config.ports.clone());
        if self.partitions.contains_key(&pool_index) {
            return self.take_in_share(now, pool_index, kind, wish, subscriber);
        }
        let pool = self.pools.get_mut(pool_index)?;
        let random = &mut self.random;
        if is_paired
            && pool.members.len() > 1
            && let Some(index) = self.subscribers.pair(subscriber, pool_index)
        {
            // RFC 4787 §4.1 RECOMMENDED (req-2): all mappings of the inside address have this one.
            let taken = self.mappings.take(now, index, kind, wish, random);
            return taken.or_else(|| self.mappings.take(now, index, kind, &any(), random));
        }
        pool.reopen(now, self.config.quarantine / 2);
        let mut last = None;
        for _ in 0..ADDRESSES_TRIED {
            let Some((place, index)) = pool.pick(kind, &self.mappings, random) else {
                break;
            };
            let taken = self.mappings.take(now, index, kind, wish, random);
            if self.mappings.free_ports(index, kind) == 0 {
                pool.close(kind, place);
            }
            if taken.is_some() {
                return taken;
            }
            last = Some(index);
            if pool.members.len() == 1 {
                break;
            }
        }
        // No address has a port of the class any more, as far as was tried.
        self.mappings.take(now, last?, kind, &any(), random)
    }

    /// Takes a port in the subscriber's share of a pool.
    fn take_in_share(
        &mut self,
        now: Instant,
        pool: usize,
        kind: PortKind,
        wish: &Wish,
        subscriber: Ipv4Addr,
    ) -> Option<Endpoint> {
        let partition = self.partitions.get_mut(&pool)?;
        let mut taken = None;
        for index in 0..SHARES_TRIED {
            let share = partition.share(subscriber, index);
            let grown = share.is_none();
            let Some(share) = share.or_else(|| partition.grow(now, subscriber)) else {
                break;
            };
            let Some(address) = self.mappings.index_of(share.address) else {
                continue;
            };
            // Ports of a share are too few for classes.
            let wish = Wish {
                range: share.ports,
                ..wish.clone()
            };
            let random = &mut self.random;
            taken = self.mappings.take(now, address, kind, &wish, random);
            if taken.is_some() || grown {
                break;
            }
        }
        if let Some(outside) = taken {
            partition.taken(now, subscriber, outside.address, outside.port);
        }
        self.tell_shares(pool);
        taken
    }

    /// Takes this port for a mapping of a subscriber's, if it lies in a share of that one where the pool is divided.
    pub(super) fn take_port_at(
        &mut self,
        now: Instant,
        pool: usize,
        kind: PortKind,
        outside: Endpoint,
        subscriber: Ipv4Addr,
    ) -> Option<Endpoint> {
        if let Some(partition) = self.partitions.get(&pool) {
            let mut shares =
                (0..SHARES_TRIED).map_while(|index| partition.share(subscriber, index));
            shares.find(|share| {
                share.address == outside.address && share.ports.contains(&outside.port)
            })?;
        }
        if !self.mappings.take_at(now, kind, outside) {
            return None;
        }
        if let Some(partition) = self.partitions.get_mut(&pool) {
            partition.taken(now, subscriber, outside.address, outside.port);
        }
        Some(outside)
    }

    /// Shares a port that may serve sessions to other destinations too.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one rule and one packet"
    )]
    fn share_port(
        &mut self,
        now: Instant,
        kind: PortKind,
        key: &Ipv4FlowKey,
        destination: Endpoint,
        rule: u16,
        napt: &Napt,
        (limit, sticky): (u32, bool),
    ) -> Result<Source, DropReason> {
        let inside = Endpoint::source_of(key);
        self.admit(now, inside.address, true)?;
        let mut wish = self.wish(kind, inside, napt);
        let stuck = self
            .sticky
            .get(sticky_key(kind, inside))
            .map(|(outside, _)| *outside);
        if let Some(outside) = stuck.filter(|_| sticky) {
            wish.exact = Some(outside.port);
        }
        let paired = self.subscribers.pair(inside.address, napt.pool);
        let Some(pool) = self.pools.get_mut(napt.pool) else {
            return Err(DropReason::NoRule);
        };
        let count = pool.members.len();
        let first = match stuck.and_then(|outside| self.mappings.index_of(outside.address)) {
            Some(index) => pool.place_of(index),
            None => paired.and_then(|index| pool.place_of(index)),
        };
        let first = first.unwrap_or_else(|| random_below(count, &mut self.random));
        let tries = if paired.is_some() {
            1
        } else {
            count.min(ADDRESSES_TRIED)
        };
        let protocol = IpProtocol(key.protocol());
        for step in 0..tries {
            let Some(&index) = pool.members.get((first + step) % count) else {
                break;
            };
            let Some(address) = self.mappings.address(index) else {
                break;
            };
            let crowd = (index, kind, destination);
            let is_open = |port: u16| {
                let outside = Endpoint::new(address, port);
                let reply = Ipv4FlowKey::new(
                    (destination.address, destination.port),
                    (outside.address, outside.port),
                    protocol.0,
                    key.zone(),
                );
                self.mappings.by_outside(kind, outside).is_none()
                    && !self.mappings.is_reserved(kind, outside)
                    && self.sessions.find(now, &reply).is_none()
            };
            let port = self
                .crowds
                .allocate(crowd, &wish, limit, is_open, &mut self.random);
            if let Some(port) = port {
                let outside = Endpoint::new(address, port);
                let mut flags = FlowFlags::SOURCE_CROWD;
                if sticky && port != inside.port {
                    flags.set(FlowFlags::STICKY);
                }
                return Ok(Source::holding(outside, rule, flags));
            }
        }
        self.tell_exhausted(now, napt.pool, protocol, inside.address);
        Err(DropReason::NoPort)
    }

    /// Shares an address with a protocol that has no ports: the ends tell sessions apart.
    fn share_address(
        &mut self,
        now: Instant,
        key: &Ipv4FlowKey,
        napt: &Napt,
    ) -> Result<Endpoint, DropReason> {
        let inside = Endpoint::source_of(key);
        self.admit(now, inside.address, false)?;
        let paired = self.subscribers.pair(inside.address, napt.pool);
        let Some(pool) = self.pools.get(napt.pool) else {
            return Err(DropReason::NoRule);
        };
        let index = match paired {
            Some(index) => index,
            None => {
                let place = random_below(pool.members.len(), &mut self.random);
                *pool.members.get(place).ok_or(DropReason::NoRule)?
            }
        };
        let address = self.mappings.address(index).ok_or(DropReason::NoRule)?;
        Ok(Endpoint::new(address, inside.port))
    }

    /// Asks whether a subscriber may have another session, and tells when it may not.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        subscriber: Ipv4Addr,
        maps: bool,
    ) -> Result<(), DropReason> {
        self.subscribers
            .admit(now, subscriber, maps)
            .map_err(|limit| {
                let event = NatEvent::LimitReached {
                    at: now,
                    subscriber,
                    limit,
                };
                self.alarm(now, Alarm::Limit, event);
                DropReason::Limit
            })
    }

    fn tell_exhausted(
        &mut self,
        now: Instant,
        pool: usize,
        protocol: IpProtocol,
        subscriber: Ipv4Addr,
    ) {
        let event = NatEvent::PortsExhausted {
            at: now,
            pool,
            protocol,
            subscriber,
        };
        self.alarm(now, Alarm::Ports(pool), event);
    }

    /// Takes back what no session came to hold. `inside` is whose it would have been.
    pub(super) fn undo_source(
        &mut self,
        now: Instant,
        protocol: IpProtocol,
        inside: Ipv4Addr,
        destination: Endpoint,
        source: &Source,
    ) {
        let outside = source.outside;
        if let Some(kind) = PortKind::of(protocol) {
            if source.flags.has(FlowFlags::SOURCE_CROWD)
                && let Some(index) = self.mappings.index_of(outside.address)
            {
                self.crowds
                    .release((index, kind, destination), outside.port);
            }
            if source.makes.is_some() {
                self.give_back(now, kind, inside, outside);
            }
        }
        if source.flags.has(FlowFlags::SOURCE_ADDRESS) {
            self.bindings.release(outside.address, false);
        }
    }

    /// Gives a port back that was taken for a mapping, which was not made.
    pub(super) fn give_back(
        &mut self,
        now: Instant,
        kind: PortKind,
        subscriber: Ipv4Addr,
        outside: Endpoint,
    ) {
        let has_again = self.mappings.give_back(kind, outside);
        self.freed(now, kind, subscriber, outside, has_again);
    }
}

/// Any port of the pool.
fn widened(kind: PortKind, range: RangeInclusive<u16>) -> Wish {
    Wish::any(if kind.has_classes() {
        range
    } else {
        0..=u16::MAX
    })
}

fn intersect(a: &RangeInclusive<u16>, b: &RangeInclusive<u16>) -> Option<RangeInclusive<u16>> {
    let both = *a.start().max(b.start())..=*a.end().min(b.end());
    (!both.is_empty()).then_some(both)
}

fn random_below(count: usize, random: &mut dyn RandomSource) -> usize {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    random.below(count) as usize
}

impl PoolState {
    fn place_of(&self, index: u16) -> Option<usize> {
        self.members.binary_search(&index).ok()
    }

    /// Takes all addresses to have ports again, once ports that rested may be free.
    fn reopen(&mut self, now: Instant, every: core::time::Duration) {
        if !every.is_zero() && now - self.reopened >= every {
            self.reopened = now;
            self.open.clear();
        }
    }

    /// An address that may have free ports: of two that chance picks, the one that has more.
    fn pick(
        &mut self,
        kind: PortKind,
        mappings: &MappingTable,
        random: &mut dyn RandomSource,
    ) -> Option<(u16, u16)> {
        if let [only] = *self.members {
            return Some((0, only));
        }
        let count = u16::try_from(self.members.len()).unwrap_or(u16::MAX);
        let last = count.checked_sub(1)?;
        let open = self
            .open
            .entry(kind)
            .or_insert_with(|| PortSet::of(0..=last));
        let mut best: Option<(u32, u16, u16)> = None;
        for _ in 0..2 {
            let start = u16::try_from(random.below(u32::from(count))).unwrap_or(0);
            let parity = Parity::of(start);
            let place = open
                .search(parity, 0..=last, start)
                .or_else(|| open.search(parity.other(), 0..=last, start))?;
            let index = *self.members.get(usize::from(place))?;
            let free = mappings.free_ports(index, kind);
            if best.is_none_or(|(most, ..)| free > most) {
                best = Some((free, place, index));
            }
        }
        best.map(|(_, place, index)| (place, index))
    }

    /// An address has no port left.
    fn close(&mut self, kind: PortKind, place: u16) {
        if let Some(open) = self.open.get_mut(&kind) {
            open.remove(place);
        }
    }

    /// An address has a port again.
    pub(super) fn open_again(&mut self, kind: PortKind, index: u16) {
        if self.members.len() > 1
            && let Some(place) = self.place_of(index)
            && let Some(open) = self.open.get_mut(&kind)
        {
            open.insert(u16::try_from(place).unwrap_or(0));
        }
    }
}
