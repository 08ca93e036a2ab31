//! The addresses of an interface.

use super::config::{AddressConfig, AddressConfigError, AddressStats, IdentifierScheme};
use super::entry::{AddressEntry, AddressOrigin, AddressState, Dad};
use super::lifetime::Lifetime;
use super::selection::{SourceCandidate, select_source};
use super::slaac::AutoPrefix;
use super::{InterfaceIdentifier, StableInput, solicited_node};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::wire::Ipv6Prefix;
use packet_buffer::{Instant, RandomSource};

/// What has happened to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressEvent {
    /// The test has found no other node with the address: it may be used.
    Assigned {
        /// The address.
        address: Ipv6Addr,
    },
    /// Another node has the address that was tested; [`Removed`](Self::Removed) follows.
    Duplicate {
        /// The address.
        address: Ipv6Addr,
        /// What is tested next in its place; `None` when there is nothing more to try.
        retry: Option<Ipv6Addr>,
    },
    /// Another node advertises an address that is assigned here.
    Conflict {
        /// The address.
        address: Ipv6Addr,
    },
    /// The preferred lifetime is over.
    Deprecated {
        /// The address.
        address: Ipv6Addr,
    },
    /// The address is gone.
    Removed {
        /// The address.
        address: Ipv6Addr,
        /// Why.
        reason: RemovalReason,
    },
    /// The link-local address was a duplicate and no other could be had: IPv6 is off on the interface
    /// until it is started again.
    Disabled,
}

/// Why an address is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemovalReason {
    /// Its valid lifetime is over.
    Expired,
    /// Another node has it.
    Duplicate,
    /// The caller removed it.
    Command,
    /// The interface was started or stopped, or IPv6 was turned off on it.
    Interface,
}

/// A group of which the interface becomes or ceases to be a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupChange {
    /// Listen from now on.
    Join(Ipv6Addr),
    /// Listen no longer.
    Leave(Ipv6Addr),
}

/// An address that the caller configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManualAddress {
    /// The address.
    pub address: Ipv6Addr,
    /// Bits of its prefix, 128 at most.
    pub prefix_length: u8,
    /// Whether other nodes may have it as well: it is not tested then.
    pub anycast: bool,
    /// How long it is preferred.
    pub preferred: Lifetime,
    /// How long it is valid.
    pub valid: Lifetime,
}

impl ManualAddress {
    /// A unicast address for ever.
    pub const fn new(address: Ipv6Addr, prefix_length: u8) -> Self {
        Self {
            address,
            prefix_length,
            anycast: false,
            preferred: Lifetime::Infinite,
            valid: Lifetime::Infinite,
        }
    }

    /// An anycast address for ever.
    pub const fn anycast(address: Ipv6Addr, prefix_length: u8) -> Self {
        Self {
            anycast: true,
            ..Self::new(address, prefix_length)
        }
    }
}

/// Why an address was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// It is multicast, loopback or unspecified, or its prefix length is above 128.
    #[error("not an address that an interface can have")]
    NotUnicast,
    /// The interface has it already.
    #[error("the interface has the address already")]
    Exists,
    /// The interface has as many addresses as it may.
    #[error("no room for a further address")]
    AddressLimit,
    /// The interface is not started, or IPv6 is off on it.
    #[error("IPv6 is off on the interface")]
    Disabled,
    /// Nothing is left of the valid lifetime, or it is shorter than the preferred one.
    #[error("the valid lifetime is zero, or shorter than the preferred one")]
    Lifetime,
}

/// The addresses of an interface: their states, timers and tests.
///
/// The calls of the machine contract, with values instead of packets: inputs are
/// [`handle_prefix`](Self::handle_prefix), [`handle_solicitation`](Self::handle_solicitation) and
/// [`handle_advertisement`](Self::handle_advertisement); [`poll_transmit`](Self::poll_transmit) gives
/// solicitations to send and [`poll_group`](Self::poll_group) the groups to join first.
///
/// Memory is bounded by [`AddressConfig::max_addresses`] and [`AddressConfig::max_prefixes`].
pub struct AddressTable {
    pub(super) config: AddressConfig,
    pub(super) random: Box<dyn RandomSource + Send>,
    pub(super) stats: AddressStats,
    pub(super) entries: Vec<AddressEntry>,
    pub(super) prefixes: Vec<AutoPrefix>,
    pub(super) retrans_timer: Duration,
    pub(super) started: bool,
    pub(super) disabled: bool,
    /// Link-local addresses that were duplicates, which is DAD_Counter too.
    pub(super) link_local_attempts: u8,
    now: Instant,
    /// Groups that [`poll_group`](Self::poll_group) has given out.
    announced: BTreeSet<Ipv6Addr>,
    events: VecDeque<AddressEvent>,
    deadline: Option<Instant>,
    /// When the first solicitation since the start may go out.
    first_at: Instant,
}

impl AddressTable {
    /// An empty table; [`start`](Self::start) begins.
    ///
    /// # Errors
    ///
    /// The configuration contradicts itself.
    pub fn new(
        config: AddressConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, AddressConfigError> {
        config.check()?;
        Ok(Self {
            retrans_timer: config.retrans_timer,
            config,
            random,
            stats: AddressStats::default(),
            entries: Vec::new(),
            prefixes: Vec::new(),
            started: false,
            disabled: false,
            link_local_attempts: 0,
            now: Instant::ZERO,
            announced: BTreeSet::new(),
            events: VecDeque::new(),
            deadline: None,
            first_at: Instant::ZERO,
        })
    }

    /// The interface has come up: makes the link-local address and tests it and those that the
    /// caller configured. What was autoconfigured before is gone.
    // RFC 4862 §5.3 MUST: a node forms a link-local address whenever an interface becomes enabled.
    pub fn start(&mut self, now: Instant) {
        let now = self.advance(now);
        self.drop_automatic();
        (self.started, self.disabled) = (true, false);
        self.link_local_attempts = 0;
        // RFC 4862 §5.4.2 SHOULD (first-delay): the first message of an interface is delayed at random.
        let delay = self.random_delay(self.config.max_solicitation_delay);
        self.first_at = now + delay;
        for entry in &mut self.entries {
            entry.dad = Dad::Waiting(self.first_at);
        }
        let address = self.link_local();
        if let Some(address) = address.filter(|&address| self.get(address).is_none()) {
            let manual = ManualAddress::new(address, 64);
            let mut entry = self.entry(now, &manual, AddressOrigin::LinkLocal, delay);
            entry.optimistic = self.config.optimistic;
            // There is always room for the link-local address.
            if self.entries.len() >= self.config.max_addresses
                && let Some(last) = self.entries.last().map(AddressEntry::address)
            {
                self.remove_because(last, RemovalReason::Interface);
                self.stats.address_limit += 1;
            }
            self.push_entry(entry);
        }
        self.run(now);
    }

    /// The interface has gone down: what was autoconfigured is gone, and what the caller configured
    /// is unusable until the next [`start`](Self::start).
    pub fn stop(&mut self, now: Instant) {
        let now = self.advance(now);
        self.drop_automatic();
        self.started = false;
        for entry in &mut self.entries {
            entry.dad = Dad::Waiting(Instant::MAX);
        }
        self.run(now);
    }

    /// Adds an address of the caller's, which is tested first.
    ///
    /// # Errors
    ///
    /// The table is unchanged, for the reason given.
    pub fn add(&mut self, now: Instant, manual: &ManualAddress) -> Result<(), AddError> {
        let address = manual.address;
        let no_unicast =
            address.is_multicast() || address.is_unspecified() || address.is_loopback();
        if no_unicast || manual.prefix_length > 128 {
            return Err(AddError::NotUnicast);
        }
        if !self.started || self.disabled {
            return Err(AddError::Disabled);
        }
        if manual.valid.is_zero() || manual.preferred > manual.valid {
            return Err(AddError::Lifetime);
        }
        if self.get(address).is_some() {
            return Err(AddError::Exists);
        }
        if self.entries.len() >= self.config.max_addresses {
            self.stats.address_limit += 1;
            return Err(AddError::AddressLimit);
        }
        let now = self.advance(now);
        // RFC 4862 §5.4.2 SHOULD (first-delay): one that is configured right after the start waits as well.
        let delay = self.first_at - now;
        let entry = self.entry(now, manual, AddressOrigin::Manual, delay);
        self.push_entry(entry);
        self.run(now);
        Ok(())
    }

    /// Removes an address. One that was autoconfigured is not made again while its prefix is valid.
    /// Says whether it was there.
    pub fn remove(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        let now = self.advance(now);
        let origin = self.get(address).map(AddressEntry::origin);
        if let Some(known) = self.prefix_of_mut(address) {
            known.suppressed |= origin == Some(AddressOrigin::Autoconfigured);
            known.temporary_suppressed |= origin == Some(AddressOrigin::Temporary);
        }
        let removed = self.remove_because(address, RemovalReason::Command);
        self.run(now);
        removed
    }

    /// RetransTimer, as a router advertises it: between the solicitations of tests that begin or go on
    /// from now. Under a millisecond counts as one.
    pub fn set_retrans_timer(&mut self, retrans_timer: Duration) {
        self.retrans_timer = retrans_timer.max(Duration::from_millis(1));
    }

    /// Does all that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.run(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<AddressEvent> {
        self.events.pop_front()
    }

    /// The next group to join or leave: solicited-node groups of the addresses. All of them are to be
    /// taken before [`poll_transmit`](Self::poll_transmit). All-nodes is not among them.
    pub fn poll_group(&mut self) -> Option<GroupChange> {
        let wanted = |group: Ipv6Addr, entries: &[AddressEntry]| {
            let mut joined = entries.iter().filter(|entry| entry.joined);
            joined.any(|entry| solicited_node(entry.address) == group)
        };
        let left = self.announced.iter().copied();
        let left = left.into_iter().find(|&it| !wanted(it, &self.entries));
        if let Some(group) = left {
            self.announced.remove(&group);
            return Some(GroupChange::Leave(group));
        }
        let joined = self.entries.iter().filter(|entry| entry.joined);
        let mut groups = joined.map(|entry| solicited_node(entry.address));
        let group = groups.find(|group| !self.announced.contains(group))?;
        self.announced.insert(group);
        Some(GroupChange::Join(group))
    }

    /// Whether the interface listens to this solicited-node group.
    pub fn is_listening(&self, group: Ipv6Addr) -> bool {
        let mut joined = self.entries.iter().filter(|entry| entry.joined);
        joined.any(|entry| solicited_node(entry.address) == group)
    }

    /// All addresses, in the order in which they were made.
    pub fn iter(&self) -> core::slice::Iter<'_, AddressEntry> {
        self.entries.iter()
    }

    /// An address, in whatever state.
    pub fn get(&self, address: Ipv6Addr) -> Option<&AddressEntry> {
        self.entries.iter().find(|entry| entry.address == address)
    }

    /// Whether packets to this address are for this node: it is assigned, or optimistic.
    pub fn is_local(&self, address: Ipv6Addr) -> bool {
        self.get(address).is_some_and(AddressEntry::is_usable)
    }

    /// The link-local address that the interface speaks from, once it is usable.
    pub fn usable_link_local(&self) -> Option<Ipv6Addr> {
        let usable = |entry: &&AddressEntry| {
            super::is_link_local(entry.address) && entry.is_usable() && !entry.anycast
        };
        self.entries.iter().find(usable).map(AddressEntry::address)
    }

    /// The source for packets to `destination` (RFC 6724), through the router `next_hop` if there is
    /// one. `None` when there is no usable address at all.
    pub fn select_source(
        &self,
        destination: Ipv6Addr,
        next_hop: Option<Ipv6Addr>,
    ) -> Option<Ipv6Addr> {
        let usable = self
            .entries
            .iter()
            .filter(|it| it.is_usable() && !it.anycast);
        let candidates = usable.map(|entry| SourceCandidate {
            // RFC 4429 §3.1 MUST (deprecated): optimistic addresses rank with the deprecated ones.
            deprecated: entry.state() != AddressState::Preferred,
            advertised_by_next_hop: next_hop.is_some_and(|hop| entry.advertisers.contains(&hop)),
            temporary: entry.origin == AddressOrigin::Temporary,
            ..SourceCandidate::new(entry.address, entry.prefix_length)
        });
        let (policy, preferences) = (&self.config.policy, self.config.preferences);
        select_source(candidates, destination, policy, preferences).map(|it| it.address)
    }

    /// Whether IPv6 is off on the interface because its link-local address was a duplicate.
    pub const fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// The configuration.
    pub const fn config(&self) -> &AddressConfig {
        &self.config
    }

    /// What was counted.
    pub const fn stats(&self) -> &AddressStats {
        &self.stats
    }

    /// The latest time seen.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Does all that is due, and finds the next deadline.
    pub(super) fn run(&mut self, now: Instant) {
        // Each step ends a timer or moves it beyond `now`; what a step adds is bounded by the room
        // for addresses and the number of attempts.
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        while let Some(entry) = self.entries.iter_mut().find(|it| due(it.deadline())) {
            let address = entry.address;
            if due(entry.valid_until) {
                // RFC 4862 §5.5.4 MUST (invalid): the address is removed with its valid lifetime.
                self.remove_because(address, RemovalReason::Expired);
            } else if due(entry.regenerate_at) {
                self.regenerate(now, address);
            } else if due(entry.preferred_until) && !entry.deprecated {
                // RFC 4862 §5.5.4 MUST (deprecated): with its preferred lifetime it becomes deprecated.
                entry.deprecated = true;
                self.push_event(AddressEvent::Deprecated { address });
            } else {
                self.run_dad(now, address);
            }
        }
        self.prefixes.retain(|known| !due(known.valid_until));
        let entries = self.entries.iter().filter_map(AddressEntry::deadline);
        let prefixes = self.prefixes.iter().filter_map(|known| known.valid_until);
        // The end of time is never.
        self.deadline = entries
            .chain(prefixes)
            .min()
            .filter(|&at| at < Instant::MAX);
    }

    pub(super) fn find_mut(&mut self, address: Ipv6Addr) -> Option<&mut AddressEntry> {
        self.entries
            .iter_mut()
            .find(|entry| entry.address == address)
    }

    pub(super) fn prefix_of(&self, address: Ipv6Addr) -> Option<&AutoPrefix> {
        self.prefixes
            .iter()
            .find(|known| known.prefix.contains(address))
    }

    pub(super) fn prefix_of_mut(&mut self, address: Ipv6Addr) -> Option<&mut AutoPrefix> {
        self.prefixes
            .iter_mut()
            .find(|known| known.prefix.contains(address))
    }

    pub(super) fn join(&mut self, address: Ipv6Addr) {
        if let Some(entry) = self.find_mut(address) {
            entry.joined = true;
        }
    }

    pub(super) fn push_event(&mut self, event: AddressEvent) {
        if self.events.len() >= self.config.max_addresses.saturating_mul(4) {
            self.events.pop_front();
            self.stats.events_lost += 1;
        }
        self.events.push_back(event);
    }

    pub(super) fn push_entry(&mut self, mut entry: AddressEntry) {
        // An optimistic address is used from now on, so its group is listened to from now on.
        entry.joined = entry.optimistic;
        self.entries.push(entry);
    }

    pub(super) fn take_entry(&mut self, address: Ipv6Addr) -> Option<AddressEntry> {
        let at = self.entries.iter().position(|it| it.address == address)?;
        Some(self.entries.remove(at))
    }

    fn remove_because(&mut self, address: Ipv6Addr, reason: RemovalReason) -> bool {
        let removed = self.take_entry(address).is_some();
        if removed {
            self.push_event(AddressEvent::Removed { address, reason });
        }
        removed
    }

    fn drop_automatic(&mut self) {
        self.prefixes.clear();
        let automatic = |entry: &AddressEntry| entry.origin != AddressOrigin::Manual;
        while let Some(entry) = self.entries.iter().find(|it| automatic(it)) {
            self.remove_because(entry.address, RemovalReason::Interface);
        }
        for entry in &mut self.entries {
            (entry.joined, entry.to_send) = (false, false);
            entry.nonces.clear();
        }
    }

    /// Turns IPv6 off on the interface.
    pub(super) fn disable(&mut self) {
        self.disabled = true;
        self.prefixes.clear();
        while let Some(entry) = self.entries.first() {
            self.remove_because(entry.address, RemovalReason::Interface);
        }
        self.push_event(AddressEvent::Disabled);
    }

    /// From no time at all to `longest`, both among them.
    pub(super) fn random_delay(&mut self, longest: Duration) -> Duration {
        // Multiply and shift: what that leaves uneven is below one part in 2^32 for any lifetime.
        let span = longest.as_micros().min(1 << 48) + 1;
        let micros = (u128::from(self.random.next_u64()) * span) >> 64;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The link-local address of this attempt.
    pub(super) fn link_local(&self) -> Option<Ipv6Addr> {
        let prefix = Ipv6Prefix::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64)?;
        self.identifier(prefix, self.link_local_attempts)
            .in_prefix(prefix)
    }

    /// The stable address of this attempt in the prefix that contains `address`.
    pub(super) fn stable_address(&self, address: Ipv6Addr) -> Option<Ipv6Addr> {
        let known = self.prefix_of(address)?;
        self.identifier(known.prefix, known.dad_counter)
            .in_prefix(known.prefix)
    }

    fn identifier(&self, prefix: Ipv6Prefix, dad_counter: u8) -> InterfaceIdentifier {
        match &self.config.identifiers {
            IdentifierScheme::Eui64 => InterfaceIdentifier::eui64(self.config.link_layer),
            IdentifierScheme::Stable {
                key,
                interface,
                network_id,
            } => {
                let input = StableInput {
                    prefix,
                    interface,
                    network_id,
                    dad_counter,
                };
                InterfaceIdentifier::stable(key, &input).identifier
            }
        }
    }

    fn entry(
        &self,
        now: Instant,
        manual: &ManualAddress,
        origin: AddressOrigin,
        delay: Duration,
    ) -> AddressEntry {
        AddressEntry {
            address: manual.address,
            prefix_length: manual.prefix_length,
            origin,
            anycast: manual.anycast,
            optimistic: false,
            dad: Dad::Waiting(now + delay),
            to_send: false,
            nonces: Vec::new(),
            joined: false,
            deprecated: manual.preferred.is_zero(),
            preferred_until: manual.preferred.until(now),
            valid_until: manual.valid.until(now),
            created: now,
            desync: Duration::ZERO,
            regenerate_at: None,
            advertisers: Vec::new(),
        }
    }
}

impl fmt::Debug for AddressTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressTable")
            .field("entries", &self.entries)
            .field("prefixes", &self.prefixes)
            .field("started", &self.started)
            .field("disabled", &self.disabled)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
