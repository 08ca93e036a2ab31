//! What an interface tells: events, reasons to discard, counters.

use crate::address::AddressEvent;
use crate::mld::ListenerDiscard;
use crate::neighbor::NeighborEvent;
use crate::validation::{MldError, NdError, NdErrorCounters};
use crate::wire::{DomainName, RouterPreference};
use alloc::string::String;
use core::net::Ipv6Addr;
use packet_buffer::wire::Ipv6Prefix;

/// Why a packet was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// The message breaks a rule of RFC 4861 §6.1, §7.1 or §8.1.
    #[error(transparent)]
    Invalid(#[from] NdError),
    /// A multicast listener message breaks a rule of RFC 3810 §6.2.
    #[error(transparent)]
    InvalidListener(MldError),
    /// A multicast listener message that says nothing to a listener.
    #[error(transparent)]
    Listener(ListenerDiscard),
    /// A message for routers, and this is a host; or the other way round.
    #[error("the message is for the other role")]
    OtherRole,
    /// Router Advertisements or Redirects are switched off.
    #[error("switched off by configuration")]
    SwitchedOff,
    /// More Router Advertisements, or Redirects, than the rate allows.
    #[error("more of these messages than the rate allows")]
    RateLimited,
    /// A solicitation for an address that is not this interface's.
    #[error("the target {0} is not an address of this interface")]
    NotTarget(Ipv6Addr),
    /// A solicitation for an address that is still tested, by someone who wants to talk to it.
    #[error("the target {0} is tentative")]
    TentativeTarget(Ipv6Addr),
    /// A message of this interface's own, come back.
    #[error("our own message came back")]
    Looped,
    /// An advertisement for an address that is not in the neighbor cache, or without the link-layer
    /// address that is asked for.
    #[error("an advertisement about {0} that nobody asked for")]
    Unasked(Ipv6Addr),
    /// A Redirect that does not come from the first hop to its destination.
    #[error("{0} is not the first hop to the redirected destination")]
    NotFirstHop(Ipv6Addr),
    /// A Redirect to this interface itself, or about it.
    #[error("the redirect is about an address of this interface")]
    RedirectToSelf,
    /// No room for another redirected destination.
    #[error("too many destinations are redirected already")]
    TooManyRedirects,
    /// The link-layer address in an option is a group's or none at all.
    #[error("a link-layer address that cannot be a station's")]
    LinkAddress,
    /// The message comes from an address of this interface.
    #[error("the source is an address of this interface")]
    OwnSource,
    /// IPv6 is off on the interface.
    #[error("IPv6 is off on the interface")]
    Disabled,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// To an address of the interface.
    Address(AddressEvent),
    /// To a neighbor.
    Neighbor(NeighborEvent<Ipv6Addr>),
    /// A router became a default router.
    DefaultRouterAdded {
        /// Its link-local address.
        router: Ipv6Addr,
        /// How much it wants to be used.
        preference: RouterPreference,
    },
    /// A router is no default router any more: it said so, its lifetime is over, or it became a host.
    DefaultRouterRemoved {
        /// Its link-local address.
        router: Ipv6Addr,
    },
    /// Addresses of a prefix are on the link.
    PrefixAdded(Ipv6Prefix),
    /// They are not any more.
    PrefixRemoved(Ipv6Prefix),
    /// A router tells that it has a route.
    RouteAdded {
        /// Where to.
        prefix: Ipv6Prefix,
        /// Through whom.
        router: Ipv6Addr,
    },
    /// It has not any more.
    RouteRemoved {
        /// Where to.
        prefix: Ipv6Prefix,
        /// Through whom.
        router: Ipv6Addr,
    },
    /// A destination has a better first hop.
    Redirected {
        /// The destination.
        destination: Ipv6Addr,
        /// The first hop: the destination itself, or a router.
        target: Ipv6Addr,
    },
    /// The largest packet of the link has changed.
    LinkMtu(u32),
    /// A router says whether DHCPv6 is there: the M and O flags, when they change.
    Dhcpv6 {
        /// Addresses by DHCPv6.
        managed: bool,
        /// Other configuration by DHCPv6.
        other: bool,
    },
    /// A parameter of the network became known.
    ParameterAdded(Parameter),
    /// Its lifetime is over, or the router took it back.
    ParameterRemoved(Parameter),
    /// A host asks for routers; for [`Role::Router`](super::Role::Router).
    RouterSolicited {
        /// Who; unspecified for a host without an address.
        source: Ipv6Addr,
    },
}

/// What a router tells about the network beyond the link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Parameter {
    /// A recursive DNS server (RFC 8106).
    DnsServer(Ipv6Addr),
    /// A domain in which names are searched (RFC 8106).
    SearchDomain(DomainName),
    /// The URI of a captive portal's API (RFC 8910).
    CaptivePortal(String),
    /// The prefix of a NAT64 (RFC 8781).
    Nat64Prefix(Ipv6Prefix),
}

/// Counters of an [`Interface`](super::Interface); those of its parts are apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceStats {
    /// Router Solicitations received and taken.
    pub router_solicitations: u64,
    /// Router Advertisements received and taken.
    pub router_advertisements: u64,
    /// Neighbor Solicitations received and taken.
    pub neighbor_solicitations: u64,
    /// Neighbor Advertisements received and taken.
    pub neighbor_advertisements: u64,
    /// Redirects received and taken.
    pub redirects: u64,
    /// Router Solicitations sent.
    pub router_solicitations_sent: u64,
    /// Neighbor Solicitations sent, those of duplicate address detection among them.
    pub neighbor_solicitations_sent: u64,
    /// Neighbor Advertisements sent.
    pub neighbor_advertisements_sent: u64,
    /// Messages refused by the receive checks, by reason.
    pub invalid: NdErrorCounters,
    /// [`Discard::InvalidListener`].
    pub invalid_listener: u64,
    /// [`Discard::Listener`].
    pub listener: u64,
    /// [`Discard::OtherRole`].
    pub other_role: u64,
    /// [`Discard::SwitchedOff`].
    pub switched_off: u64,
    /// Router Advertisements refused by their rate: a flood.
    pub router_advertisements_limited: u64,
    /// Redirects refused by their rate.
    pub redirects_limited: u64,
    /// [`Discard::NotTarget`].
    pub not_target: u64,
    /// [`Discard::TentativeTarget`].
    pub tentative_target: u64,
    /// [`Discard::Looped`].
    pub looped: u64,
    /// [`Discard::Unasked`].
    pub unasked: u64,
    /// [`Discard::NotFirstHop`]: someone forges redirects, or the first hop has changed.
    pub not_first_hop: u64,
    /// [`Discard::RedirectToSelf`].
    pub redirect_to_self: u64,
    /// [`Discard::TooManyRedirects`].
    pub too_many_redirects: u64,
    /// [`Discard::LinkAddress`].
    pub link_address: u64,
    /// [`Discard::OwnSource`].
    pub own_source: u64,
    /// [`Discard::Disabled`].
    pub disabled: u64,
    /// Prefixes refused for want of room.
    pub prefixes_full: u64,
    /// Default routers refused for want of room.
    pub default_routers_full: u64,
    /// Routes refused for want of room.
    pub routes_full: u64,
    /// Parameters refused for want of room.
    pub parameters_full: u64,
    /// Destinations forgotten for want of room.
    pub destinations_evicted: u64,
    /// Advertisements not sent for want of room.
    pub advertisements_full: u64,
    /// Advertised MTUs below 1280 or above the link's.
    pub mtu_ignored: u64,
    /// Advertised hop limits below the configured minimum.
    pub hop_limit_ignored: u64,
    /// Advertised times above one hour.
    pub times_ignored: u64,
    /// Options that cannot be used, in messages that were taken.
    pub options_ignored: u64,
    /// Packets that no route leads to.
    pub no_route: u64,
    /// Packets whose next hop the neighbor cache refused.
    pub neighbors_full: u64,
    /// Events that nobody fetched in time.
    pub events_dropped: u64,
}

impl InterfaceStats {
    pub(super) fn count(&mut self, discard: &Discard) {
        let counter = match discard {
            Discard::Invalid(error) => return self.invalid.count(error),
            // Two counters, which the machine counts itself.
            Discard::RateLimited => return,
            Discard::InvalidListener(_) => &mut self.invalid_listener,
            Discard::Listener(_) => &mut self.listener,
            Discard::OtherRole => &mut self.other_role,
            Discard::SwitchedOff => &mut self.switched_off,
            Discard::NotTarget(_) => &mut self.not_target,
            Discard::TentativeTarget(_) => &mut self.tentative_target,
            Discard::Looped => &mut self.looped,
            Discard::Unasked(_) => &mut self.unasked,
            Discard::NotFirstHop(_) => &mut self.not_first_hop,
            Discard::RedirectToSelf => &mut self.redirect_to_self,
            Discard::TooManyRedirects => &mut self.too_many_redirects,
            Discard::LinkAddress => &mut self.link_address,
            Discard::OwnSource => &mut self.own_source,
            Discard::Disabled => &mut self.disabled,
        };
        *counter = counter.saturating_add(1);
    }
}
