//! The machine.

use super::config::{HostConfig, HostConfigError};
use super::report::{Discard, Event, HostStats, Received};
use super::routes::{Ipv4Route, Routes};
use crate::address::{AddError, ManualAddress};
use crate::arp::{self, AddressError, Arp};
use crate::generation::ErrorGenerator;
use crate::nd::Interface;
use crate::neighbor::NeighborEvent;
use crate::pmtu::PathMtuCache;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::fragment::{
    Ipv4Identifications, Ipv6Identifications, Reassembler, ReassemblyEvent,
};
use packet_buffer::wire::{
    EtherType, EthernetRepr, Icmpv4Repr, Icmpv6Repr, IpPacket, IpProtocol, Ipv4Prefix, Ipv6Prefix,
    MacAddr, icmpv4_code, icmpv6_code,
};
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Buffers that are kept to be used again.
const POOL: usize = 64;

/// The IP layer of a dual-stack host on one Ethernet link.
///
/// The calls are those of the machine contract, with frames; [`poll_receive`](Self::poll_receive)
/// gives the packets that are for the caller, and [`send`](Self::send) takes the caller's.
pub struct Host {
    pub(super) config: HostConfig,
    /// What is spoken above IP: ICMP of either version, and the caller's.
    pub(super) protocols: (Vec<IpProtocol>, Vec<IpProtocol>),
    pub(super) nd: Interface,
    pub(super) arp: Arp,
    pub(super) routes: Routes,
    pub(super) generator: ErrorGenerator,
    pub(super) path_mtu: PathMtuCache,
    pub(super) reassembler: Reassembler,
    pub(super) ipv4_identifications: Ipv4Identifications,
    pub(super) ipv6_identifications: Ipv6Identifications,
    /// Frames to send.
    pub(super) frames: VecDeque<PacketBuf>,
    /// Packets for the caller.
    pub(super) received: VecDeque<(Received, PacketBuf)>,
    /// Octets of those.
    pub(super) received_octets: usize,
    pool: Vec<PacketBuf>,
    /// Milliseconds since midnight UT at a moment, for timestamps.
    pub(super) time_of_day: Option<(Instant, u32)>,
    events: VecDeque<Event>,
    latest: Instant,
    pub(super) stats: HostStats,
}

impl Host {
    /// A host whose link is down; [`start`](Self::start) brings it up.
    ///
    /// # Errors
    ///
    /// [`HostConfigError`], which names the field.
    pub fn new(
        config: HostConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, HostConfigError> {
        config.check()?;
        let random = &mut *random;
        let with = |icmp| {
            let mut protocols = config.protocols.clone();
            protocols.push(icmp);
            protocols
        };
        Ok(Self {
            protocols: (with(IpProtocol::ICMP), with(IpProtocol::ICMPV6)),
            nd: Interface::new(config.nd.clone(), crate::random::fork(random))?,
            arp: Arp::new(config.arp, crate::random::fork(random))?,
            routes: Routes::new(&config.limits, random),
            generator: ErrorGenerator::new(config.generation, crate::random::fork(random))?,
            path_mtu: PathMtuCache::new(config.path_mtu.clone(), random)?,
            reassembler: Reassembler::new(config.reassembler)?,
            ipv4_identifications: Ipv4Identifications::new(random),
            ipv6_identifications: Ipv6Identifications::new(random),
            frames: VecDeque::new(),
            received: VecDeque::new(),
            received_octets: 0,
            pool: Vec::new(),
            time_of_day: None,
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: HostStats::default(),
            config,
        })
    }

    /// The link has come up: IPv6 begins to configure itself.
    pub fn start(&mut self, now: Instant) {
        let now = self.advance(now);
        self.nd.start(now);
        self.settle();
    }

    /// The link has gone down: what IPv6 has learned is forgotten.
    pub fn stop(&mut self, now: Instant) {
        let now = self.advance(now);
        self.nd.stop(now);
        self.settle();
    }

    /// Adds an IPv4 address with the length of its network's prefix. It is probed first
    /// (RFC 5227), unless that is switched off.
    ///
    /// # Errors
    ///
    /// As [`Arp::add_address`].
    pub fn add_ipv4_address(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        prefix_length: u8,
    ) -> Result<(), AddressError> {
        let now = self.advance(now);
        self.arp.add_address(now, address, prefix_length)?;
        self.routes.destinations.forget_selected();
        self.settle();
        Ok(())
    }

    /// Removes an IPv4 address. Says whether it was there.
    pub fn remove_ipv4_address(&mut self, address: Ipv4Addr) -> bool {
        self.routes.destinations.forget_selected();
        self.arp.remove_address(address)
    }

    /// Adds an IPv6 address; it is tested first (RFC 4862).
    ///
    /// # Errors
    ///
    /// As [`Interface::add_address`].
    pub fn add_ipv6_address(
        &mut self,
        now: Instant,
        address: &ManualAddress,
    ) -> Result<(), AddError> {
        let now = self.advance(now);
        self.nd.add_address(now, address)?;
        self.settle();
        Ok(())
    }

    /// Removes an IPv6 address. Says whether it was there.
    pub fn remove_ipv6_address(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        let now = self.advance(now);
        let removed = self.nd.remove_address(now, address);
        self.settle();
        removed
    }

    /// Says that the addresses of an IPv6 prefix are on the link, as
    /// [`Interface::add_on_link_prefix`]. Without it, a configured address reaches only what routers
    /// tell of.
    pub fn add_ipv6_prefix(&mut self, prefix: Ipv6Prefix) -> bool {
        self.nd.add_on_link_prefix(prefix)
    }

    /// Takes that back. Says whether it was there.
    pub fn remove_ipv6_prefix(&mut self, prefix: Ipv6Prefix) -> bool {
        self.nd.remove_on_link_prefix(prefix)
    }

    /// Adds an IPv4 route through a gateway on the link. Of several with the same prefix the first
    /// that answers is used. False when there are too many.
    pub fn add_ipv4_route(&mut self, prefix: Ipv4Prefix, gateway: Ipv4Addr) -> bool {
        self.routes.add(prefix, gateway)
    }

    /// Removes an IPv4 route. Says whether it was there.
    pub fn remove_ipv4_route(&mut self, prefix: Ipv4Prefix, gateway: Ipv4Addr) -> bool {
        self.routes.remove(prefix, gateway)
    }

    /// The IPv4 routes through gateways.
    pub fn ipv4_routes(&self) -> &[Ipv4Route] {
        &self.routes.routes
    }

    /// Listens to an IPv6 multicast group, and tells routers. False when there are too many.
    pub fn join(&mut self, group: Ipv6Addr) -> bool {
        self.nd.join(group)
    }

    /// Listens to a group no longer. Says whether it did.
    pub fn leave(&mut self, group: Ipv6Addr) -> bool {
        self.nd.leave(group)
    }

    /// Tells the host the time of day, in milliseconds since midnight UT, for timestamp replies.
    /// Until then they carry the time since the epoch of [`Instant`], marked as not standard.
    pub const fn set_time_of_day(&mut self, now: Instant, millis: u32) {
        self.time_of_day = Some((now, millis));
    }

    /// There is proof that packets to `destination` arrive: its next hop is reachable.
    pub fn confirm_reachable(&mut self, now: Instant, destination: IpAddr) {
        let now = self.advance(now);
        match destination {
            IpAddr::V6(destination) => self.nd.confirm_reachable(now, destination),
            IpAddr::V4(destination) => {
                if let Some(next_hop) = self.routes.first_hop(now, destination, &self.arp) {
                    self.arp.confirm_reachable(now, next_hop);
                }
            }
        }
        self.settle();
    }

    /// The source address for packets to `destination`: RFC 6724 for IPv6; for IPv4 an address in
    /// the network of the next hop. `None` when there is none.
    pub fn select_source(&self, destination: IpAddr) -> Option<IpAddr> {
        match destination {
            IpAddr::V6(destination) => self.nd.select_source(destination).map(IpAddr::V6),
            IpAddr::V4(destination) => self.select_ipv4_source(destination).map(IpAddr::V4),
        }
    }

    // RFC 1122 §3.3.4.3 SHOULD (source): an address of the network through which the packet goes.
    fn select_ipv4_source(&self, destination: Ipv4Addr) -> Option<Ipv4Addr> {
        let first_hop = self
            .routes
            .first_hop(self.latest, destination, &self.arp)
            .unwrap_or(destination);
        let assigned = || self.arp.addresses().iter().filter(|it| it.is_assigned());
        let near = assigned().find(|it| it.prefix().contains(first_hop));
        near.or_else(|| assigned().next()).map(|it| it.address())
    }

    /// Whether packets to this address are for this host.
    pub fn is_own(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.arp.is_assigned(address),
            IpAddr::V6(address) => self.nd.addresses().is_local(address),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.nd.handle_timeout(now);
        self.arp.handle_timeout(now);
        self.path_mtu.handle_timeout(now);
        self.reassembler.handle_timeout(now);
        while let Some(event) = self.reassembler.poll_event() {
            if let ReassemblyEvent::TimedOut {
                first_fragment: Some(packet),
                ..
            } = event
            {
                self.reassembly_time_exceeded(now, &packet);
            }
        }
        self.settle();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.nd.poll_timeout(),
            self.arp.poll_timeout(),
            self.path_mtu.poll_timeout(),
            self.reassembler.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Puts the next frame to send into `out`, in place of what it held, and says where it goes. The buffer in
    /// `out` may be exchanged for another, so that nothing is copied.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<MacAddr> {
        if !out.is_empty() {
            out.reset(PacketBuf::DEFAULT_HEADROOM);
        }
        let link_destination = self.next_frame(out)?;
        self.stats.frames_sent += 1;
        Some(link_destination)
    }

    fn next_frame(&mut self, out: &mut PacketBuf) -> Option<MacAddr> {
        if let Some(frame) = self.frames.pop_front() {
            let empty = core::mem::replace(out, frame);
            self.give_back(empty);
            let destination = out.as_slice().first_chunk::<6>();
            return destination.copied().map(MacAddr);
        }
        if let Some(transmit) = self.arp.poll_transmit(out) {
            let link_destination = transmit.link_destination;
            self.write_ethernet(link_destination, transmit.ethertype, out)?;
            return Some(link_destination);
        }
        let link_destination = self.nd.poll_transmit(out)?;
        self.write_ethernet(link_destination, EtherType::IPV6, out)?;
        Some(link_destination)
    }

    /// Puts the next packet that is for the caller into `packet`, from its IP header on. The buffer
    /// in `packet` is exchanged for another, so that nothing is copied.
    pub fn poll_receive(&mut self, packet: &mut PacketBuf) -> Option<Received> {
        let (received, buffer) = self.received.pop_front()?;
        self.received_octets -= buffer.len();
        let old = core::mem::replace(packet, buffer);
        self.give_back(old);
        Some(received)
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if let Some(event) = self.nd.poll_event() {
            return Some(Event::Nd(event));
        }
        self.path_mtu.poll_event().map(Event::PathMtu)
    }

    /// Neighbor Discovery, to look at: addresses, routers, parameters, its counters.
    pub const fn nd(&self) -> &Interface {
        &self.nd
    }

    /// ARP, to look at.
    pub const fn arp(&self) -> &Arp {
        &self.arp
    }

    /// The path MTUs, to look at.
    pub const fn path_mtu(&self) -> &PathMtuCache {
        &self.path_mtu
    }

    /// The errors that were sent and not sent.
    pub const fn generator(&self) -> &ErrorGenerator {
        &self.generator
    }

    /// The fragments that wait, to look at.
    pub const fn reassembler(&self) -> &Reassembler {
        &self.reassembler
    }

    /// The host's own link-layer address.
    pub const fn link_address(&self) -> MacAddr {
        self.nd.link_address()
    }

    /// The configuration.
    pub const fn config(&self) -> &HostConfig {
        &self.config
    }

    /// Counters.
    pub const fn stats(&self) -> &HostStats {
        &self.stats
    }

    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Takes in what the parts have to say.
    pub(super) fn settle(&mut self) {
        while let Some(event) = self.arp.poll_event() {
            match event {
                arp::Event::Neighbor(NeighborEvent::Unreachable { address }) => {
                    let interval = self.config.dead_gateway_interval;
                    self.routes.is_dead(self.latest, address, interval);
                }
                arp::Event::Assigned { .. } | arp::Event::GivenUp { .. } => {
                    self.routes.destinations.forget_selected();
                }
                _ => {}
            }
            self.push_event(Event::Arp(event));
        }
        while let Some(packet) = self.nd.poll_unreachable() {
            self.neighbor_unreachable(&packet);
        }
        while let Some(packet) = self.arp.poll_unreachable() {
            self.neighbor_unreachable(&packet);
        }
    }

    /// A packet of this host waited in vain.
    fn neighbor_unreachable(&mut self, packet: &PacketBuf) {
        self.stats.unreachable += 1;
        if let Ok(ip) = IpPacket::parse(packet.as_slice()) {
            let (source, destination) = (ip.source(), ip.destination());
            self.push_event(Event::Unreachable {
                source,
                destination,
            });
        }
    }

    /// Fragments were missing for too long: the sender is told, when the first one is there.
    // RFC 1122 §3.3.2 MUST (time-exceeded): Time Exceeded with code 1, when fragment zero is there.
    // RFC 8200 §4.5 SHOULD: likewise.
    fn reassembly_time_exceeded(&mut self, now: Instant, packet: &PacketBuf) {
        let Ok(ip) = IpPacket::parse(packet.as_slice()) else {
            return;
        };
        let arrival = crate::generation::Arrival::UNICAST;
        let _ = match ip.destination() {
            IpAddr::V4(own) => {
                let error = Icmpv4Repr::TimeExceeded {
                    code: icmpv4_code::TimeExceeded::REASSEMBLY,
                    quoted_words: 0,
                };
                self.send_ipv4_error(now, &error, packet.as_slice(), &arrival, own)
            }
            IpAddr::V6(own) => {
                let error = Icmpv6Repr::TimeExceeded {
                    code: icmpv6_code::TimeExceeded::REASSEMBLY,
                    quoted_words: 0,
                };
                self.send_ipv6_error(now, &error, packet.as_slice(), &arrival, own)
            }
        };
    }

    pub(super) fn push_event(&mut self, event: Event) {
        if self.events.len() >= self.config.limits.max_events {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    /// An empty buffer with headroom for all headers.
    pub(super) fn take_buffer(&mut self) -> PacketBuf {
        let mut buffer = self.pool.pop().unwrap_or_default();
        buffer.reset(PacketBuf::DEFAULT_HEADROOM);
        buffer
    }

    pub(super) fn give_back(&mut self, buffer: PacketBuf) {
        if self.pool.len() < POOL && buffer.headroom() + buffer.len() + buffer.tailroom() > 0 {
            self.pool.push(buffer);
        }
    }

    pub(super) fn write_ethernet(
        &self,
        destination: MacAddr,
        ethertype: EtherType,
        packet: &mut PacketBuf,
    ) -> Option<()> {
        let header = EthernetRepr::new(destination, self.link_address(), ethertype);
        header.emit(packet).ok()
    }

    /// Keeps a packet for the caller.
    pub(super) fn deliver(&mut self, received: Received, packet: PacketBuf) -> Result<(), Discard> {
        let octets = self.received_octets.saturating_add(packet.len());
        let limits = &self.config.limits;
        if self.received.len() >= limits.max_received || octets > limits.max_received_octets {
            self.give_back(packet);
            return Err(Discard::ReceiveQueueFull);
        }
        self.stats.received += 1;
        self.received_octets = octets;
        self.received.push_back((received, packet));
        Ok(())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("nd", &self.nd)
            .field("arp", &self.arp)
            .field("frames", &self.frames.len())
            .field("received", &self.received.len())
            .finish_non_exhaustive()
    }
}
