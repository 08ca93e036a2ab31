//! The machine.

use super::config::{ArpConfig, ArpConfigError};
use super::conflict::{OwnAddress, Step};
use super::receive::{Event, Stats};
use crate::nd::{SendError, Sent};
use crate::neighbor::{NeighborCache, Output, Resolution, reachable_time};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;
use packet_buffer::wire::{ArpRepr, EtherType, Ipv4Packet, Ipv4Prefix, MacAddr};
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Where what [`Arp::poll_transmit`] has written goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The destination of the frame.
    pub link_destination: MacAddr,
    /// ARP, or IPv4 for a packet that waited.
    pub ethertype: EtherType,
}

/// Why an address was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is multicast, loopback, broadcast or unspecified.
    #[error("not an address that a host can have")]
    NotUnicast,
    /// The prefix length is above 32.
    #[error("the prefix length {0} is above 32")]
    PrefixLength(u8),
    /// The host has it already.
    #[error("the host has the address already")]
    Exists,
    /// There are as many as there may be.
    #[error("no room for a further address")]
    Full,
}

/// ARP on one Ethernet link.
///
/// The calls are those of the machine contract: ARP packets come in by
/// [`handle_input`](Self::handle_input), and [`poll_transmit`](Self::poll_transmit) gives ARP packets
/// and IPv4 packets that waited. The owner puts the header of the link in front.
pub struct Arp {
    pub(super) config: ArpConfig,
    pub(super) random: Box<dyn RandomSource + Send>,
    pub(super) neighbors: NeighborCache<Ipv4Addr>,
    pub(super) addresses: Vec<OwnAddress>,
    pub(super) proxied: Vec<Ipv4Prefix>,
    /// Probes, announcements and replies, and where they go.
    queue: VecDeque<(ArpRepr, MacAddr)>,
    /// Conflicts so far, and the last one (RFC 5227 §2.1.1).
    pub(super) conflicts: (u32, Instant),
    events: VecDeque<Event>,
    latest: Instant,
    pub(super) stats: Stats,
}

impl Arp {
    /// A machine without an address.
    ///
    /// # Errors
    ///
    /// [`ArpConfigError`], which names the field.
    pub fn new(
        config: ArpConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, ArpConfigError> {
        config.check()?;
        let mut neighbors = NeighborCache::new(config.neighbor, &mut random)?;
        let base = config.neighbor.timing.reachable_time;
        neighbors.set_reachable_time(reachable_time(base, &mut random));
        Ok(Self {
            config,
            neighbors,
            random,
            addresses: Vec::new(),
            proxied: Vec::new(),
            queue: VecDeque::new(),
            conflicts: (0, Instant::ZERO),
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: Stats::default(),
        })
    }

    /// Adds an address with the length of its network's prefix: it is probed, then announced.
    ///
    /// # Errors
    ///
    /// [`AddressError`]; nothing has changed.
    pub fn add_address(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        prefix_length: u8,
    ) -> Result<(), AddressError> {
        let now = self.advance(now);
        if !is_host(address) {
            return Err(AddressError::NotUnicast);
        }
        let prefix = Ipv4Prefix::new(address, prefix_length)
            .ok_or(AddressError::PrefixLength(prefix_length))?;
        if self.own(address).is_some() {
            return Err(AddressError::Exists);
        }
        if self.addresses.len() >= self.config.max_addresses {
            return Err(AddressError::Full);
        }
        // RFC 5227 §2.1.1 MUST (rate-limit): after MAX_CONFLICTS, one address in RATE_LIMIT_INTERVAL.
        let (conflicts, last) = self.conflicts;
        let not_before = if conflicts >= self.config.max_conflicts {
            last + self.config.rate_limit_interval
        } else {
            now
        };
        let own = OwnAddress::new(
            now,
            address,
            prefix,
            not_before,
            &self.config,
            &mut *self.random,
        );
        self.addresses.push(own);
        self.run(now);
        Ok(())
    }

    /// Removes an address. Says whether it was there.
    pub fn remove_address(&mut self, address: Ipv4Addr) -> bool {
        let before = self.addresses.len();
        self.addresses.retain(|it| it.address() != address);
        before != self.addresses.len()
    }

    /// The addresses of this host.
    pub fn addresses(&self) -> &[OwnAddress] {
        &self.addresses
    }

    /// One address.
    pub fn own(&self, address: Ipv4Addr) -> Option<&OwnAddress> {
        self.addresses.iter().find(|it| it.address() == address)
    }

    /// Whether packets to this address are for this host.
    pub fn is_assigned(&self, address: Ipv4Addr) -> bool {
        self.own(address).is_some_and(OwnAddress::is_assigned)
    }

    /// Whether the address is on the link, in the network of an own address that is not being probed
    /// any more.
    pub fn is_on_link(&self, address: Ipv4Addr) -> bool {
        let mut assigned = self.addresses.iter().filter(|it| it.is_assigned());
        assigned.any(|it| it.prefix().contains(address))
    }

    /// Whether the address is the broadcast address of the link or of a network on it.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        let mut assigned = self.addresses.iter().filter(|it| it.is_assigned());
        address.is_broadcast() || assigned.any(|it| it.broadcast() == Some(address))
    }

    /// Answers requests for addresses in `prefix` with the own link-layer address, as a proxy
    /// (RFC 1027). False when there are too many.
    pub fn add_proxied(&mut self, prefix: Ipv4Prefix) -> bool {
        if self.proxied.contains(&prefix) {
            return true;
        }
        let has_room = self.proxied.len() < self.config.max_proxied;
        if has_room {
            self.proxied.push(prefix);
        }
        has_room
    }

    /// Answers for them no longer. Says whether it did.
    pub fn remove_proxied(&mut self, prefix: Ipv4Prefix) -> bool {
        let before = self.proxied.len();
        self.proxied.retain(|it| *it != prefix);
        before != self.proxied.len()
    }

    /// Enters a neighbor by configuration. False when there is no room.
    pub fn add_permanent_neighbor(&mut self, address: Ipv4Addr, link_address: MacAddr) -> bool {
        self.neighbors.insert_permanent(address, link_address)
    }

    /// Announces an assigned address (gratuitous ARP). Says whether it is one.
    pub fn announce(&mut self, address: Ipv4Addr) -> bool {
        let assigned = self.is_assigned(address);
        if assigned {
            self.send_announcement(address);
        }
        assigned
    }

    /// There is proof that packets arrive at `address` (RFC 1122 §2.3.2.1: advice from the layers
    /// above).
    pub fn confirm_reachable(&mut self, now: Instant, address: Ipv4Addr) {
        let now = self.advance(now);
        self.neighbors.confirm(now, address);
        self.settle();
    }

    /// Sends an IPv4 packet to a neighbor. [`Sent::Now`] leaves it to the caller to put it on the
    /// link.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the packet is where it was.
    pub fn send(
        &mut self,
        now: Instant,
        next_hop: Ipv4Addr,
        packet: &mut PacketBuf,
    ) -> Result<Sent, SendError> {
        let source = Ipv4Packet::parse(packet.as_slice())?.source();
        match self.neighbors.resolve(now, next_hop, Some(source)) {
            Resolution::Ready(link_address) => Ok(Sent::Now(link_address)),
            // RFC 1122 §2.3.2.2 SHOULD: at least one packet for an unresolved address waits, the latest.
            Resolution::Waiting => {
                let taken = core::mem::take(packet);
                match self.neighbors.enqueue(next_hop, taken) {
                    Ok(()) => Ok(Sent::Queued),
                    Err(refused) => {
                        *packet = refused;
                        Err(SendError::QueueFull)
                    }
                }
            }
            Resolution::Refused => Err(SendError::NeighborsFull),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.neighbors.handle_timeout(now);
        self.run(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let addresses = self.addresses.iter().filter_map(|it| it.deadline).min();
        [addresses, self.neighbors.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Writes the next packet to send in front of what `out` holds, which is nothing or padding. An
    /// IPv4 packet that waited comes in a buffer of its own, which takes the place of `out`.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        if let Some((packet, link_destination)) = self.queue.pop_front() {
            return self.write(&packet, link_destination, out);
        }
        while let Some(output) = self.neighbors.poll_output() {
            match output {
                Output::Packet {
                    link_destination,
                    packet,
                    ..
                } => {
                    *out = packet;
                    return Some(Transmit {
                        link_destination,
                        ethertype: EtherType::IPV4,
                    });
                }
                Output::Solicit {
                    target,
                    link_destination,
                    source,
                } => {
                    let Some(source) = self.source_for(target, source) else {
                        continue;
                    };
                    let request = ArpRepr::request(self.config.link_address, source, target);
                    self.stats.requests_sent += 1;
                    let link_destination = link_destination.unwrap_or(MacAddr::BROADCAST);
                    return self.write(&request, link_destination, out);
                }
            }
        }
        None
    }

    /// A packet that waited for a neighbor that did not answer, for its sender to be told: "host
    /// unreachable", if it may be told.
    pub fn poll_unreachable(&mut self) -> Option<PacketBuf> {
        let (_, packet) = self.neighbors.poll_unreachable()?;
        Some(packet)
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The cache.
    pub const fn neighbors(&self) -> &NeighborCache<Ipv4Addr> {
        &self.neighbors
    }

    /// Counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The configuration.
    pub const fn config(&self) -> &ArpConfig {
        &self.config
    }

    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// The source of a packet is that of the request for its next hop when it is an own address;
    /// else one in the target's network, else the first.
    fn source_for(&self, target: Ipv4Addr, source: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let assigned = || self.addresses.iter().filter(|it| it.is_assigned());
        source
            .filter(|&source| self.is_assigned(source))
            .or_else(|| {
                let mut assigned = assigned();
                let near = assigned.find(|it| it.prefix().contains(target));
                near.map(OwnAddress::address)
            })
            .or_else(|| assigned().next().map(OwnAddress::address))
    }

    fn write(
        &self,
        packet: &ArpRepr,
        link_destination: MacAddr,
        out: &mut PacketBuf,
    ) -> Option<Transmit> {
        packet.emit(out).ok()?;
        Some(Transmit {
            link_destination,
            ethertype: EtherType::ARP,
        })
    }

    pub(super) fn send_announcement(&mut self, address: Ipv4Addr) {
        // RFC 5227 §2.3 MUST (announcement): sender and target protocol address are the new address.
        let packet = ArpRepr::request(self.config.link_address, address, address);
        self.stats.announcements_sent += 1;
        self.push_reply(packet, MacAddr::BROADCAST);
    }

    pub(super) fn push_reply(&mut self, packet: ArpRepr, link_destination: MacAddr) {
        // Probes and announcements are few, and must not be lost to a flood of requests.
        let most = self
            .config
            .max_replies
            .saturating_add(self.config.max_addresses.saturating_mul(2));
        let is_reply = !link_destination.is_broadcast();
        let most = if is_reply {
            self.config.max_replies
        } else {
            most
        };
        if self.queue.len() >= most {
            self.stats.replies_full += 1;
        } else {
            self.queue.push_back((packet, link_destination));
        }
    }

    fn run(&mut self, now: Instant) {
        let mut at = 0;
        while let Some(own) = self.addresses.get_mut(at) {
            let address = own.address();
            match own.step(now, &self.config, &mut *self.random) {
                None => at += 1,
                Some(Step::Probe) => {
                    // RFC 5227 §2.1.1 MUST (probe): the sender protocol address is zero.
                    let source = Ipv4Addr::UNSPECIFIED;
                    let packet = ArpRepr::request(self.config.link_address, source, address);
                    self.stats.probes_sent += 1;
                    self.push_reply(packet, MacAddr::BROADCAST);
                }
                Some(Step::AssignAndAnnounce) => {
                    if self.config.announce_num > 0 {
                        self.send_announcement(address);
                    }
                    self.push_event(Event::Assigned { address });
                }
                Some(Step::Announce) => self.send_announcement(address),
            }
        }
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        while let Some(event) = self.neighbors.poll_event() {
            self.push_event(Event::Neighbor(event));
        }
    }

    pub(super) fn push_event(&mut self, event: Event) {
        if self.events.len() >= self.config.max_events {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }
}

/// Whether one host can have the address.
pub(super) fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first < 224 && !address.is_loopback()
}

impl fmt::Debug for Arp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arp")
            .field("link_address", &self.config.link_address)
            .field("addresses", &self.addresses)
            .field("neighbors", &self.neighbors.len())
            .finish_non_exhaustive()
    }
}
