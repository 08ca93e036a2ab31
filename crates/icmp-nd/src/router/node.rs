//! A small IPv6 router.

use super::Transmit;
use super::advertise::Advertiser;
use super::advertise_config::{AdvertiserConfig, AdvertiserConfigError};
use super::node_config::{
    ForwardReason, RouterConfig, RouterConfigError, RouterDiscard, RouterEvent, RouterStats,
};
use super::proxy::{Proxy, ProxyConfig};
use super::redirect::{RedirectStats, Redirector};
use super::routes::{RouteTable, RouteTarget};
use crate::address::{AddError, ManualAddress};
use crate::generation::{ErrorGenerator, LinkDelivery};
use crate::nd::{Interface, InterfaceConfigError, Role, Sent};
use crate::pmtu::PathMtuCache;
use crate::random::fork;
use crate::reception::{self, Destination, Ipv6Context, Reason, Verdict};
use crate::wire::is_solicited_node;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;
use packet_buffer::fragment::{Ipv6Identifications, Reassembler};
use packet_buffer::wire::{EtherType, EthernetFrame, IpProtocol, Ipv6Packet, Ipv6Prefix, MacAddr};
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// What a router speaks itself.
const PROTOCOLS: [IpProtocol; 2] = [IpProtocol::ICMPV6, IpProtocol::UDP];

pub(super) struct Attached {
    pub(super) nd: Interface,
    pub(super) addresses: Vec<ManualAddress>,
    pub(super) advertiser: Option<Advertiser>,
    pub(super) redirector: Option<Redirector>,
    pub(super) proxy: Option<Proxy>,
}

/// Forwards IPv6 between Ethernet links, and is the router that their hosts find by itself: it
/// advertises, answers solicitations, resolves neighbors, redirects, and tells the sources of
/// packets that it cannot forward.
///
/// The calls are those of the machine contract; frames come and go without frame check sequence. A
/// port is the place of the interface in [`RouterConfig::interfaces`].
///
/// ```
/// use icmp_nd::address::ManualAddress;
/// use icmp_nd::router::{AdvertisedPrefix, AdvertiserConfig, Router, RouterConfig, RouterInterface};
/// use icmp_nd::{Instant, PacketBuf};
/// use packet_buffer::random::OsRandom;
/// use packet_buffer::wire::MacAddr;
///
/// let mut lan = RouterInterface::new(MacAddr([2, 0, 0, 0, 0, 1]));
/// lan.addresses.push(ManualAddress::new("2001:db8:1::1".parse()?, 64));
/// lan.advertise = Some(AdvertiserConfig {
///     prefixes: vec![AdvertisedPrefix::new("2001:db8:1::/64".parse()?)],
///     ..AdvertiserConfig::default()
/// });
/// let mut router = Router::new(RouterConfig::new(vec![lan]), Box::new(OsRandom))?;
/// router.start(Instant::ZERO);
/// let mut frame = PacketBuf::new();
/// // Duplicate address detection, then advertisements.
/// let mut now = Instant::ZERO;
/// for _ in 0..20 {
///     now = router.poll_timeout().ok_or("it has timers")?.max(now);
///     router.handle_timeout(now);
///     while let Some(_port) = router.poll_transmit(&mut frame) {}
/// }
/// assert!(router.advertiser(0).ok_or("it advertises")?.stats().multicast > 0);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Router {
    pub(super) ports: Vec<Attached>,
    pub(super) routes: RouteTable,
    pub(super) generator: ErrorGenerator,
    pub(super) reassembler: Reassembler,
    pub(super) identifications: Ipv6Identifications,
    pub(super) path_mtus: PathMtuCache,
    pub(super) max_queue: usize,
    pub(super) queue: VecDeque<(usize, PacketBuf)>,
    running: bool,
    pub(super) latest: Instant,
    pub(super) stats: RouterStats,
}

impl Router {
    /// A router that is down; [`start`](Self::start) brings it up.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense.
    pub fn new(
        config: RouterConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, RouterConfigError> {
        if config.max_queue == 0 {
            return Err(RouterConfigError::MaxQueue);
        }
        let mut routes = RouteTable::new();
        let mut ports = Vec::new();
        for (port, interface) in config.interfaces.into_iter().enumerate() {
            let mut nd = interface.nd;
            nd.role = Role::Router;
            nd.address.autoconfigure = false;
            let link_address = nd.address.link_layer;
            let as_error =
                |error: InterfaceConfigError| RouterConfigError::Interface { port, error };
            let nd = Interface::new(nd, fork(&mut random)).map_err(as_error)?;
            let advertiser = interface
                .advertise
                .map(|config| Advertiser::new(config, Ipv6Addr::UNSPECIFIED, fork(&mut random)))
                .transpose()
                .map_err(|error| RouterConfigError::Advertise { port, error })?;
            let redirector = interface
                .redirects
                .then(|| Redirector::new(config.redirect_limit, fork(&mut random)));
            let proxy = if interface.proxied.is_empty() {
                None
            } else {
                // The source follows with duplicate address detection.
                let config = ProxyConfig::new(link_address, Ipv6Addr::UNSPECIFIED);
                let too_many = |_| RouterConfigError::Proxied { port };
                let mut proxy = Proxy::new(config, fork(&mut random)).map_err(too_many)?;
                if !interface.proxied.iter().all(|&targets| proxy.add(targets)) {
                    return Err(RouterConfigError::Proxied { port });
                }
                Some(proxy)
            };
            for address in &interface.addresses {
                if let Some(prefix) = Ipv6Prefix::new(address.address, address.prefix_length) {
                    routes.insert(prefix, RouteTarget::OnLink { port });
                }
            }
            ports.push(Attached {
                nd,
                addresses: interface.addresses,
                advertiser,
                redirector,
                proxy,
            });
        }
        for (prefix, target) in config.routes {
            let (RouteTarget::OnLink { port } | RouteTarget::Via { port, .. }) = target else {
                routes.insert(prefix, target);
                continue;
            };
            if port >= ports.len() {
                return Err(RouterConfigError::Route(prefix));
            }
            routes.insert(prefix, target);
        }
        Ok(Self {
            ports,
            routes,
            generator: ErrorGenerator::new(config.errors, fork(&mut random))?,
            reassembler: Reassembler::new(config.reassembly)?,
            identifications: Ipv6Identifications::new(&mut random),
            path_mtus: PathMtuCache::with_defaults(&mut random),
            max_queue: config.max_queue,
            queue: VecDeque::new(),
            running: false,
            latest: Instant::ZERO,
            stats: RouterStats::default(),
        })
    }

    /// Brings all interfaces up: addresses are tested, and advertised when that has passed.
    pub fn start(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.running = true;
        for attached in &mut self.ports {
            attached.nd.start(self.latest);
            for address in &attached.addresses {
                // One that is wrong or there already is reported by nobody: it does not appear.
                let _ = attached.nd.add_address(self.latest, address);
            }
        }
        self.settle();
    }

    /// Ceases to advertise; everything else goes on, until the program ends.
    pub fn stop(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.running = false;
        for attached in &mut self.ports {
            if let Some(advertiser) = &mut attached.advertiser {
                advertiser.stop(self.latest);
            }
        }
    }

    /// Adds an address to an interface; its prefix is on the link.
    ///
    /// # Errors
    ///
    /// As [`Interface::add_address`]; [`AddError::Disabled`] also where there is no such interface.
    pub fn add_address(
        &mut self,
        now: Instant,
        port: usize,
        address: &ManualAddress,
    ) -> Result<(), AddError> {
        self.latest = self.latest.max(now);
        let attached = self.ports.get_mut(port).ok_or(AddError::Disabled)?;
        attached.nd.add_address(self.latest, address)?;
        if let Some(prefix) = Ipv6Prefix::new(address.address, address.prefix_length) {
            self.routes.insert(prefix, RouteTarget::OnLink { port });
        }
        self.settle();
        Ok(())
    }

    /// Changes what an interface advertises, or that it does, from now on. Says whether there is
    /// such an interface.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense; the old one stays.
    pub fn set_advertisement(
        &mut self,
        now: Instant,
        port: usize,
        config: AdvertiserConfig,
        random: &mut dyn RandomSource,
    ) -> Result<bool, AdvertiserConfigError> {
        self.latest = self.latest.max(now);
        let Some(attached) = self.ports.get_mut(port) else {
            return Ok(false);
        };
        match &mut attached.advertiser {
            Some(advertiser) => advertiser.set_config(self.latest, config)?,
            None => {
                let source = Ipv6Addr::UNSPECIFIED;
                attached.advertiser = Some(Advertiser::new(config, source, fork(random))?);
            }
        }
        self.settle();
        Ok(true)
    }

    /// Sets a route. False when it leads to an interface that is not there.
    pub fn add_route(&mut self, prefix: Ipv6Prefix, target: RouteTarget) -> bool {
        if let RouteTarget::OnLink { port } | RouteTarget::Via { port, .. } = target
            && port >= self.ports.len()
        {
            return false;
        }
        self.routes.insert(prefix, target);
        true
    }

    /// Removes a route. Says whether it was there.
    pub fn remove_route(&mut self, prefix: Ipv6Prefix) -> bool {
        self.routes.remove(prefix).is_some()
    }

    /// The routes.
    pub fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// Neighbor Discovery on an interface.
    pub fn interface(&self, port: usize) -> Option<&Interface> {
        self.ports.get(port).map(|attached| &attached.nd)
    }

    /// The advertisements of an interface, where it has any.
    pub fn advertiser(&self, port: usize) -> Option<&Advertiser> {
        self.ports.get(port)?.advertiser.as_ref()
    }

    /// Counters.
    pub fn stats(&self) -> RouterStats {
        let mut redirects = RedirectStats::default();
        for redirector in self.ports.iter().filter_map(|it| it.redirector.as_ref()) {
            let RedirectStats {
                sent,
                not_needed,
                limited,
                invalid,
            } = *redirector.stats();
            redirects.sent += sent;
            redirects.not_needed += not_needed;
            redirects.limited += limited;
            redirects.invalid += invalid;
        }
        RouterStats {
            errors: self.generator.stats(),
            redirects,
            ..self.stats
        }
    }

    /// A frame has arrived at an interface.
    ///
    /// # Errors
    ///
    /// Why it was dropped.
    pub fn handle_input(
        &mut self,
        now: Instant,
        port: usize,
        frame: &[u8],
    ) -> Result<(), RouterDiscard> {
        self.latest = self.latest.max(now);
        self.stats.received += 1;
        let result = self.receive_frame(port, frame);
        if result.is_ok() {
            self.settle();
        } else {
            self.stats.discarded += 1;
        }
        result
    }

    fn receive_frame(&mut self, port: usize, frame: &[u8]) -> Result<(), RouterDiscard> {
        let own = self.link_address(port).ok_or(RouterDiscard::NoPort)?;
        let frame = EthernetFrame::parse(frame).map_err(RouterDiscard::Frame)?;
        let station = frame.destination();
        let link = if station == own {
            LinkDelivery::Unicast
        } else if station.is_broadcast() {
            LinkDelivery::Broadcast
        } else if station.is_multicast() {
            LinkDelivery::Multicast
        } else {
            return Err(RouterDiscard::Station);
        };
        if !frame.source().is_unicast() {
            return Err(RouterDiscard::Station);
        }
        if frame.ethertype() != EtherType::IPV6 {
            return Err(RouterDiscard::NotIpv6);
        }
        self.receive(port, link, frame.payload(), false)
    }

    /// An IPv6 packet; `whole` when it was put together from fragments.
    pub(super) fn receive(
        &mut self,
        port: usize,
        link: LinkDelivery,
        octets: &[u8],
        whole: bool,
    ) -> Result<(), RouterDiscard> {
        let packet =
            Ipv6Packet::parse(octets).map_err(|error| self.dropped(Reason::Malformed(error)))?;
        let context = Ipv6Context {
            link,
            ..Ipv6Context::router(self.classify(port, packet.destination()), &PROTOCOLS)
        };
        match reception::ipv6(octets, &context) {
            Verdict::Deliver {
                protocol, payload, ..
            } => self.deliver(port, link, &packet, protocol, payload, whole),
            Verdict::Reassemble if whole => Err(self.dropped(Reason::SecondFragmentHeader)),
            Verdict::Reassemble => self.reassemble(port, link, &packet),
            Verdict::Forward => self.forward(port, link, &packet),
            Verdict::Error { error, reason } => {
                self.stats.reception.count(&reason);
                let reason = ForwardReason::Reception(reason);
                self.send_error(port, link, &error, &packet, reason)
            }
            Verdict::Drop(reason) => Err(self.dropped(reason)),
        }
    }

    pub(super) fn dropped(&mut self, reason: Reason) -> RouterDiscard {
        self.stats.reception.count(&reason);
        RouterDiscard::Packet(reason)
    }

    /// Where a destination leads, for a packet from `port`.
    fn classify(&self, port: usize, destination: Ipv6Addr) -> Destination {
        let Some(attached) = self.ports.get(port) else {
            return Destination::Elsewhere;
        };
        if destination.is_multicast() {
            let listens = attached.nd.is_listening(destination)
                || (attached.proxy.is_some() && is_solicited_node(destination));
            return if listens {
                Destination::Group
            } else {
                Destination::Elsewhere
            };
        }
        let is_own = if destination.is_unicast_link_local() {
            attached.nd.accepts(destination)
        } else {
            self.is_own(destination)
        };
        if is_own {
            Destination::Own
        } else {
            Destination::Elsewhere
        }
    }

    /// Whether a unicast address is one of this router's, on whatever interface.
    pub(super) fn is_own(&self, address: Ipv6Addr) -> bool {
        self.ports.iter().any(|it| it.nd.accepts(address))
    }

    pub(super) fn link_address(&self, port: usize) -> Option<MacAddr> {
        Some(self.ports.get(port)?.nd.link_address())
    }

    /// The time is `now`: does all that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        for attached in &mut self.ports {
            attached.nd.handle_timeout(self.latest);
            if let Some(advertiser) = &mut attached.advertiser {
                advertiser.handle_timeout(self.latest);
            }
            if let Some(proxy) = &mut attached.proxy {
                proxy.handle_timeout(self.latest);
            }
        }
        self.reassembler.handle_timeout(self.latest);
        self.path_mtus.handle_timeout(self.latest);
        self.settle();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ports = self.ports.iter().flat_map(|attached| {
            [
                attached.nd.poll_timeout(),
                attached
                    .advertiser
                    .as_ref()
                    .and_then(Advertiser::poll_timeout),
                attached.proxy.as_ref().and_then(Proxy::poll_timeout),
            ]
        });
        ports
            .chain([
                self.reassembler.poll_timeout(),
                self.path_mtus.poll_timeout(),
            ])
            .flatten()
            .min()
    }

    /// Writes the next frame to send into `out`, in place of what it held, and says through which
    /// interface it goes.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<usize> {
        if let Some((port, frame)) = self.queue.pop_front() {
            *out = frame;
            return Some(port);
        }
        (0..self.ports.len()).find(|&port| self.poll_port(port, out))
    }

    fn poll_port(&mut self, port: usize, out: &mut PacketBuf) -> bool {
        loop {
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            let Some(attached) = self.ports.get_mut(port) else {
                return false;
            };
            let to = attached.nd.poll_transmit(out).or_else(|| {
                let written = attached
                    .advertiser
                    .as_mut()
                    .and_then(|it| it.poll_transmit(out))
                    .or_else(|| attached.proxy.as_mut()?.poll_transmit(out));
                let transmit: Transmit = written?;
                match transmit.link_destination {
                    Some(link_destination) => Some(link_destination),
                    None => {
                        let next_hop = transmit.destination;
                        match attached.nd.send_via(self.latest, next_hop, out) {
                            Ok(Sent::Now(link_destination)) => Some(link_destination),
                            // It waits, or is lost: there may be a solicitation to send, or more.
                            Ok(Sent::Queued) | Err(_) => Some(MacAddr::UNSPECIFIED),
                        }
                    }
                }
            });
            let Some(link_destination) = to else {
                return false;
            };
            if link_destination != MacAddr::UNSPECIFIED
                && self.put_header(port, link_destination, out)
            {
                return true;
            }
        }
    }

    /// What has happened, interface by interface, oldest first.
    pub fn poll_event(&mut self) -> Option<RouterEvent> {
        for (port, attached) in self.ports.iter_mut().enumerate() {
            if let Some(event) = attached.nd.poll_event() {
                return Some(RouterEvent::Interface { port, event });
            }
            let event = attached
                .advertiser
                .as_mut()
                .and_then(Advertiser::poll_event);
            if let Some(event) = event {
                return Some(RouterEvent::Advertiser { port, event });
            }
        }
        None
    }

    /// Takes in what the parts have to say.
    fn settle(&mut self) {
        while self.reassembler.poll_event().is_some() {}
        while self.path_mtus.poll_event().is_some() {}
        let running = self.running;
        for port in 0..self.ports.len() {
            if let Some(attached) = self.ports.get_mut(port) {
                attached.follow_link_local(self.latest, running);
            }
            while let Some(packet) = self
                .ports
                .get_mut(port)
                .and_then(|it| it.nd.poll_unreachable())
            {
                self.tell_unreachable(port, &packet);
            }
        }
    }
}

impl Attached {
    /// Advertisements and proxied answers come from the link-local address, as soon as it has passed
    /// duplicate address detection.
    fn follow_link_local(&mut self, now: Instant, running: bool) {
        let Some(source) = self.nd.addresses().usable_link_local() else {
            return;
        };
        if let Some(advertiser) = &mut self.advertiser {
            advertiser.set_source(now, source);
            if running {
                advertiser.start(now);
                // The first one is due at once: a deadline that has come is none.
                advertiser.handle_timeout(now);
            }
        }
        if let Some(proxy) = &mut self.proxy {
            proxy.set_source(source);
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("ports", &self.ports.len())
            .field("routes", &self.routes.len())
            .field("queue", &self.queue.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
