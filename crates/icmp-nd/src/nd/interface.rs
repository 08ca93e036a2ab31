//! The machine.

use super::config::{InterfaceConfig, InterfaceConfigError, Role};
use super::destinations::Destinations;
use super::parameters::Parameters;
use super::report::{Event, InterfaceStats, Parameter};
use super::routes::{Lists, OnLinkPrefix, Route};
use super::solicitor::{Solicitor, below};
use super::transmit::Advertisement;
use super::{ALL_NODES, ALL_ROUTERS};
use crate::address::{AddError, AddressTable, GroupChange, ManualAddress, solicited_node};
use crate::mld::Listener;
use crate::neighbor::{Actions, NeighborCache, NeighborEvent, reachable_time};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::fmt;
use core::net::Ipv6Addr;
use core::time::Duration;
use foldhash::fast::SeedableRandomState;
use packet_buffer::rate::Limiter;
use packet_buffer::wire::{Ipv6Prefix, MacAddr};
use packet_buffer::{Instant, RandomSource};

/// A ReachableTime is drawn again after this time, as "every few hours" (RFC 4861 §6.3.4).
const REDRAW_INTERVAL: Duration = Duration::from_secs(2 * 3600);

/// Neighbor Discovery on one interface of a host or a router.
///
/// The calls are those of the machine contract: IPv6 packets come in by
/// [`handle_input`](Self::handle_input), Neighbor Discovery messages alone; all packets to send come
/// out of [`poll_transmit`](Self::poll_transmit), with the link-layer address where they go. The
/// owner's own packets take [`send`](Self::send).
///
/// ```
/// use icmp_nd::nd::{Interface, InterfaceConfig, Sent};
/// use icmp_nd::{Instant, PacketBuf};
/// use packet_buffer::wire::MacAddr;
/// # struct Random(u64);
/// # impl icmp_nd::RandomSource for Random {
/// #     fn fill(&mut self, dest: &mut [u8]) {
/// #         for octet in dest {
/// #             self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
/// #             *octet = self.0.to_be_bytes()[0];
/// #         }
/// #     }
/// # }
///
/// let config = InterfaceConfig::new(MacAddr([2, 0, 0, 0, 0, 1]));
/// let mut interface = Interface::new(config, Box::new(Random(1)))?;
/// interface.start(Instant::ZERO);
/// let mut now = Instant::ZERO;
/// let mut out = PacketBuf::with_headroom(64);
/// while interface.addresses().usable_link_local().is_none() {
///     now = interface.poll_timeout().ok_or("nothing to wait for")?;
///     interface.handle_timeout(now);
///     out.reset(64);
///     while let Some(link_destination) = interface.poll_transmit(&mut out) {
///         // An Ethernet header in front of `out`, and it goes to `link_destination`.
///         assert!(link_destination.is_multicast());
///         out.reset(64);
///     }
/// }
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Interface {
    pub(super) config: InterfaceConfig,
    pub(super) random: Box<dyn RandomSource + Send>,
    pub(super) addresses: AddressTable,
    pub(super) neighbors: NeighborCache<Ipv6Addr>,
    pub(super) listener: Listener,
    pub(super) lists: Lists,
    pub(super) destinations: Destinations<Ipv6Addr>,
    pub(super) parameters: Parameters,
    pub(super) solicitor: Solicitor,
    pub(super) link_mtu: u32,
    pub(super) hop_limit: u8,
    pub(super) base_reachable_time: Duration,
    /// When ReachableTime is drawn again.
    redraw: Option<Instant>,
    /// The M and O flags last heard.
    pub(super) dhcpv6: (bool, bool),
    groups: BTreeSet<Ipv6Addr>,
    pub(super) proxied: BTreeSet<Ipv6Addr>,
    /// Advertisements to send.
    pub(super) advertisements: VecDeque<Advertisement>,
    /// Advertisements that wait for a random time, by when and in order.
    pub(super) delayed: BTreeMap<(Instant, u64), Advertisement>,
    pub(super) delayed_count: u64,
    /// Unsolicited advertisements that are left to send, and when.
    announcements: Option<(u8, Instant)>,
    pub(super) router_advertisement_bucket: Limiter,
    pub(super) redirect_bucket: Limiter,
    /// Picks the router of a destination among equal ones.
    pub(super) spread: SeedableRandomState,
    events: VecDeque<Event>,
    latest: Instant,
    pub(super) stats: InterfaceStats,
}

impl Interface {
    /// An interface that is down; [`start`](Self::start) brings it up.
    ///
    /// # Errors
    ///
    /// [`InterfaceConfigError`], which names the field.
    pub fn new(
        config: InterfaceConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, InterfaceConfigError> {
        config.check()?;
        let limits = config.limits;
        let addresses =
            AddressTable::new(config.address.clone(), crate::random::fork(&mut random))?;
        let listener = Listener::new(config.listener.clone(), crate::random::fork(&mut random))?;
        let mut neighbors = NeighborCache::new(config.neighbor, &mut random)?;
        neighbors.set_reachable_time(reachable_time(config.base_reachable_time, &mut random));
        Ok(Self {
            addresses,
            neighbors,
            listener,
            lists: Lists::default(),
            destinations: Destinations::new(
                limits.max_destinations,
                limits.max_redirected,
                &mut random,
            ),
            parameters: Parameters::default(),
            solicitor: Solicitor::new(config.solicitation),
            link_mtu: config.link_mtu,
            hop_limit: config.hop_limit,
            base_reachable_time: config.base_reachable_time,
            redraw: None,
            dhcpv6: (false, false),
            groups: BTreeSet::new(),
            proxied: BTreeSet::new(),
            advertisements: VecDeque::new(),
            delayed: BTreeMap::new(),
            delayed_count: 0,
            announcements: None,
            router_advertisement_bucket: Limiter::new(limits.router_advertisements),
            redirect_bucket: Limiter::new(limits.redirects),
            spread: crate::hash::new_hasher(&mut random),
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: InterfaceStats::default(),
            config,
            random,
        })
    }

    /// The link has come up: makes and tests the addresses, asks for routers. All that was learned
    /// before is forgotten.
    pub fn start(&mut self, now: Instant) {
        let now = self.advance(now);
        self.forget();
        self.addresses.start(now);
        // RFC 4291 §2.8 MUST (router-groups): a router listens to all-routers, and says so.
        if self.config.role == Role::Router {
            self.update_group(ALL_ROUTERS);
        }
        self.redraw = Some(now + REDRAW_INTERVAL);
        if self.config.role == Role::Host {
            self.solicitor.start(now, &mut *self.random);
        }
        self.settle();
    }

    /// The link has gone down.
    pub fn stop(&mut self, now: Instant) {
        let now = self.advance(now);
        self.forget();
        self.addresses.stop(now);
        self.redraw = None;
        self.settle();
        // What was left is not told: the link is down.
        self.listener.reset();
    }

    fn forget(&mut self) {
        self.neighbors.clear();
        self.listener.reset();
        self.lists.clear();
        self.destinations.clear();
        self.parameters.clear();
        self.solicitor.stop();
        self.advertisements.clear();
        self.delayed.clear();
        self.announcements = None;
        self.link_mtu = self.config.link_mtu;
        self.hop_limit = self.config.hop_limit;
        self.set_base_reachable_time(self.config.base_reachable_time);
        self.set_retrans_timer(self.config.neighbor.timing.retrans_timer);
        self.dhcpv6 = (false, false);
    }

    /// Adds an address by configuration; it is tested first.
    ///
    /// # Errors
    ///
    /// As [`AddressTable::add`].
    pub fn add_address(&mut self, now: Instant, address: &ManualAddress) -> Result<(), AddError> {
        let now = self.advance(now);
        self.addresses.add(now, address)?;
        self.settle();
        Ok(())
    }

    /// Removes an address. Says whether it was there.
    pub fn remove_address(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        let now = self.advance(now);
        let removed = self.addresses.remove(now, address);
        self.settle();
        removed
    }

    /// Says that the addresses of a prefix are on the link, whatever routers advertise: a configured
    /// address alone does not say so (RFC 5942 §4). False when there are as many as
    /// [`InterfaceLimits::max_prefixes`](super::InterfaceLimits::max_prefixes).
    pub fn add_on_link_prefix(&mut self, prefix: Ipv6Prefix) -> bool {
        let configured = &mut self.lists.configured;
        let is_known = configured.contains(&prefix);
        if !is_known && configured.len() >= self.config.limits.max_prefixes {
            return false;
        }
        if !is_known {
            configured.push(prefix);
            self.destinations.forget_selected();
        }
        true
    }

    /// Takes back what [`add_on_link_prefix`](Self::add_on_link_prefix) said. Says whether it had.
    pub fn remove_on_link_prefix(&mut self, prefix: Ipv6Prefix) -> bool {
        let before = self.lists.configured.len();
        self.lists.configured.retain(|it| *it != prefix);
        self.destinations.forget_selected();
        self.lists.configured.len() < before
    }

    /// Listens to a multicast group. False when there are too many.
    pub fn join(&mut self, group: Ipv6Addr) -> bool {
        if self.groups.contains(&group) {
            return true;
        }
        if !group.is_multicast() || self.groups.len() >= self.config.limits.max_groups {
            return false;
        }
        self.groups.insert(group);
        self.update_group(group);
        true
    }

    /// Listens to a group no longer. Says whether it did.
    pub fn leave(&mut self, group: Ipv6Addr) -> bool {
        let left = self.groups.remove(&group);
        self.update_group(group);
        left
    }

    /// Answers solicitations for an address of another node, with its own link-layer address, as a
    /// proxy (RFC 4861 §7.2.8). False when there are too many.
    pub fn add_proxied(&mut self, address: Ipv6Addr) -> bool {
        if self.proxied.contains(&address) {
            return true;
        }
        if self.proxied.len() >= self.config.limits.max_proxied {
            return false;
        }
        self.proxied.insert(address);
        self.update_group(solicited_node(address));
        true
    }

    /// Answers for an address no longer. Says whether it did.
    pub fn remove_proxied(&mut self, address: Ipv6Addr) -> bool {
        let removed = self.proxied.remove(&address);
        self.update_group(solicited_node(address));
        removed
    }

    /// Enters a neighbor by configuration. False when there is no room.
    pub fn add_permanent_neighbor(&mut self, address: Ipv6Addr, link_address: MacAddr) -> bool {
        self.neighbors.insert_permanent(address, link_address)
    }

    /// Tells all nodes this interface's link-layer address, unasked, as when it has moved to other
    /// hardware (RFC 4861 §7.2.6).
    pub fn announce(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.config.max_neighbor_advertisement > 0 {
            self.announcements = Some((self.config.max_neighbor_advertisement, now));
            self.run_announcements(now);
        }
    }

    /// There is proof that packets to `destination` arrive, so its next hop is reachable
    /// (RFC 4861 §7.3.1).
    pub fn confirm_reachable(&mut self, now: Instant, destination: Ipv6Addr) {
        let now = self.advance(now);
        if let Some(next_hop) = self.first_hop(destination) {
            self.neighbors.confirm(now, next_hop);
            self.settle();
        }
    }

    /// Whether packets to this destination are for this node: an assigned address, or a group that
    /// it listens to.
    pub fn accepts(&self, destination: Ipv6Addr) -> bool {
        if destination.is_multicast() {
            self.is_listening(destination)
        } else {
            self.addresses.is_local(destination)
        }
    }

    /// Whether an address is known to be an anycast one: the subnet-router anycast address of a prefix
    /// of the link (RFC 4291 §2.6.1). Links between two routers have none (RFC 6164).
    pub fn is_known_anycast(&self, address: Ipv6Addr) -> bool {
        let is_first = |prefix: &Ipv6Prefix| prefix.network() == address && prefix.length() < 127;
        let own = self.addresses.iter();
        own.filter_map(|it| Ipv6Prefix::new(it.address(), it.prefix_length()))
            .any(|prefix| is_first(&prefix))
            || self.prefixes().iter().any(|it| is_first(&it.prefix))
    }

    /// Whether the interface listens to a group.
    pub fn is_listening(&self, group: Ipv6Addr) -> bool {
        let [_, scope, ..] = group.octets();
        match group {
            ALL_NODES => true,
            ALL_ROUTERS => self.config.role == Role::Router,
            _ if scope & 0x0f == 1 => group.segments() == [0xff01, 0, 0, 0, 0, 0, 0, 1],
            _ => {
                self.addresses.is_listening(group)
                    || self.groups.contains(&group)
                    || self.proxied.iter().any(|&it| solicited_node(it) == group)
            }
        }
    }

    /// The source for packets to `destination` (RFC 6724). `None` when there is no usable address.
    pub fn select_source(&self, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        let next_hop = if destination.is_multicast() {
            None
        } else {
            self.first_hop(destination)
        };
        self.addresses.select_source(destination, next_hop)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.addresses.handle_timeout(now);
        self.neighbors.handle_timeout(now);
        self.listener.handle_timeout(now);
        self.solicitor.handle_timeout(now, &mut *self.random);
        while let Some(prefix) = self.lists.expired_prefix(now) {
            self.destinations.forget_selected();
            self.push_event(Event::PrefixRemoved(prefix));
        }
        while let Some(route) = self.lists.expired_route(now) {
            self.route_is_gone(&route);
        }
        while let Some(parameter) = self.parameters.expired(now) {
            self.push_event(Event::ParameterRemoved(parameter));
        }
        while let Some(entry) = self.delayed.first_entry()
            && entry.key().0 <= now
        {
            let advertisement = entry.remove();
            self.send_advertisement(now, advertisement);
        }
        self.run_announcements(now);
        if self.redraw.is_some_and(|redraw| redraw <= now) {
            self.set_base_reachable_time(self.base_reachable_time);
            self.redraw = Some(now + REDRAW_INTERVAL).filter(|&redraw| redraw > now);
        }
        self.settle();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.addresses.poll_timeout(),
            self.neighbors.poll_timeout(),
            self.listener.poll_timeout(),
            self.solicitor.deadline,
            self.lists.deadline,
            self.parameters.deadline,
            self.delayed.first_key_value().map(|(&(at, _), _)| at),
            self.announcements.map(|(_, at)| at),
            self.redraw,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The interface's own link-layer address.
    pub const fn link_address(&self) -> MacAddr {
        self.config.address.link_layer
    }

    /// The configuration.
    pub const fn config(&self) -> &InterfaceConfig {
        &self.config
    }

    /// The addresses.
    pub const fn addresses(&self) -> &AddressTable {
        &self.addresses
    }

    /// The neighbor cache.
    pub const fn neighbors(&self) -> &NeighborCache<Ipv6Addr> {
        &self.neighbors
    }

    /// The groups that routers and switches are told of.
    pub const fn listener(&self) -> &Listener {
        &self.listener
    }

    /// The prefix list as routers have told it, without the link-local prefix, which is always on it.
    pub fn prefixes(&self) -> &[OnLinkPrefix] {
        &self.lists.prefixes
    }

    /// Whether packets to an address need no router.
    pub fn is_on_link(&self, address: Ipv6Addr) -> bool {
        self.lists.is_on_link(address)
    }

    /// The default router list and the routes of RFC 4191: the former are those to
    /// [`Ipv6Prefix::ALL`].
    pub fn routes(&self) -> &[Route] {
        &self.lists.routes
    }

    /// The default routers.
    pub fn default_routers(&self) -> impl Iterator<Item = &Route> {
        let routes = self.lists.routes.iter();
        routes.filter(|route| route.prefix == Ipv6Prefix::ALL)
    }

    /// What routers tell about the network: what, who, and until when (`None` for ever).
    pub fn parameters(&self) -> impl Iterator<Item = (&Parameter, Ipv6Addr, Option<Instant>)> {
        self.parameters.iter()
    }

    /// Whether packets were sent to the destination lately, and not too many to others since.
    pub fn is_known_destination(&self, destination: Ipv6Addr) -> bool {
        self.destinations.contains(destination)
    }

    /// Entries of the destination cache.
    pub fn destinations(&self) -> usize {
        self.destinations.len()
    }

    /// The largest packet of the link, in octets, as configured or advertised.
    pub const fn link_mtu(&self) -> u32 {
        self.link_mtu
    }

    /// CurHopLimit: the hop limit for packets.
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Counters.
    pub const fn stats(&self) -> &InterfaceStats {
        &self.stats
    }

    /// The latest time seen.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(super) fn set_base_reachable_time(&mut self, base: Duration) {
        self.base_reachable_time = base;
        let drawn = reachable_time(base, &mut *self.random);
        self.neighbors.set_reachable_time(drawn);
    }

    pub(super) fn set_retrans_timer(&mut self, retrans_timer: Duration) {
        self.neighbors.set_retrans_timer(retrans_timer);
        self.addresses.set_retrans_timer(retrans_timer);
    }

    /// Draws a random time up to the configured one for an anycast answer.
    pub(super) fn anycast_delay(&mut self) -> Duration {
        below(self.config.max_anycast_delay, &mut *self.random)
    }

    fn run_announcements(&mut self, now: Instant) {
        while let Some((left, at)) = self.announcements
            && at <= now
        {
            let next = now + self.neighbors.timing().retrans_timer;
            // RFC 4861 §7.2.6 MUST (interval): at least RetransTimer lies between two of them.
            self.announcements = (left > 1 && next > now).then_some((left - 1, next));
            let usable = self.addresses.iter().filter(|it| it.is_usable());
            let targets: alloc::vec::Vec<_> = usable
                .map(|it| Advertisement::unsolicited(it.address(), !it.is_anycast()))
                .collect();
            for advertisement in targets {
                self.queue_advertisement(advertisement);
            }
        }
    }

    /// Listens to a group, or not, as the addresses, the caller and the role demand.
    fn update_group(&mut self, group: Ipv6Addr) {
        if self.addresses.is_disabled() {
            return;
        }
        if self.is_listening(group) {
            // A group for which there is no room is not told; it is still listened to.
            let _ = self.listener.join(self.latest, group);
        } else {
            self.listener.leave(self.latest, group);
        }
    }

    /// A neighbor has told where it is.
    pub(super) fn heard(
        &mut self,
        now: Instant,
        source: Ipv6Addr,
        link_address: Option<MacAddr>,
        is_router: Option<bool>,
    ) {
        let actions = self.neighbors.heard(now, source, link_address, is_router);
        // A router that was given up is back.
        if actions.contains(Actions::CREATE) && self.lists.is_router(source) {
            self.neighbors.set_pinned(source, true);
            self.destinations.forget_selected();
        }
    }

    /// Takes in what the parts have to say.
    pub(super) fn settle(&mut self) {
        if self.addresses.is_disabled() {
            // RFC 4862 §5.4.5 SHOULD (disable): nothing is sent any more, not even to ask for routers.
            self.listener.reset();
            self.solicitor.stop();
            self.advertisements.clear();
            self.delayed.clear();
            self.announcements = None;
        }
        while let Some(change) = self.addresses.poll_group() {
            let (GroupChange::Join(group) | GroupChange::Leave(group)) = change;
            self.update_group(group);
        }
        let source = self.addresses.usable_link_local();
        self.listener.set_source(self.latest, source);
        while let Some(event) = self.addresses.poll_event() {
            self.push_event(Event::Address(event));
        }
        while let Some(event) = self.neighbors.poll_event() {
            match event {
                NeighborEvent::Unreachable { address } => {
                    // RFC 4861 §7.3.3 SHOULD: next-hop determination is performed again.
                    self.destinations.forget_redirects_to(address);
                    if self.lists.is_router(address) {
                        self.destinations.forget_selected();
                    }
                }
                NeighborEvent::Resolved { address, .. } if self.lists.is_router(address) => {
                    self.neighbors.set_pinned(address, true);
                    self.destinations.forget_selected();
                }
                NeighborEvent::NoRouter { address } => self.router_is_gone(address),
                _ => {}
            }
            self.push_event(Event::Neighbor(event));
        }
    }

    /// RFC 4861 §7.2.5: a neighbor that was a router is none any more.
    // RFC 4861 §7.2.5 MUST (router-to-host): it leaves the default router list, and the destination
    // cache is brought up to date.
    fn router_is_gone(&mut self, router: Ipv6Addr) {
        while let Some(route) = self.lists.route_through(router) {
            self.route_is_gone(&route);
        }
        self.destinations.forget_redirects_to(router);
    }

    /// An entry has left the lists.
    pub(super) fn route_is_gone(&mut self, route: &Route) {
        let (prefix, router) = (route.prefix, route.router);
        // RFC 4861 §6.3.5 MUST (destinations): entries that used the router find another.
        self.destinations.forget_selected();
        if !self.lists.is_router(router) {
            self.neighbors.set_pinned(router, false);
        }
        self.push_event(if prefix == Ipv6Prefix::ALL {
            Event::DefaultRouterRemoved { router }
        } else {
            Event::RouteRemoved { prefix, router }
        });
    }

    pub(super) fn push_event(&mut self, event: Event) {
        if self.events.len() >= self.config.limits.max_events {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface")
            .field("link_address", &self.link_address())
            .field("addresses", &self.addresses)
            .field("neighbors", &self.neighbors.len())
            .field("routes", &self.lists.routes)
            .finish_non_exhaustive()
    }
}
