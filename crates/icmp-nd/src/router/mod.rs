//! The router side of Neighbor Discovery: advertisements, redirects, proxying.
//!
//! | for | see |
//! |---|---|
//! | sending Router Advertisements, and watching those of others | [`Advertiser`] |
//! | whether a forwarded packet deserves a redirect, and writing it | [`Redirector`] |
//! | answering for addresses of others | [`Proxy`] |
//! | a small router of all of these, that forwards between Ethernet links | [`Router`] |
//!
//! The first three are machines of their own, for one interface, that write IPv6 packets; who owns
//! one puts the link header in front, for the address that [`Transmit`] names.

mod advertise;
mod advertise_config;
mod consistency;
mod deliver;
mod forward;
mod node;
mod node_config;
mod proxy;
mod redirect;
mod routes;

pub use advertise::{
    Advertiser, AdvertiserDiscard, AdvertiserEvent, AdvertiserState, AdvertiserStats,
};
pub use advertise_config::{
    AdvertisedDns, AdvertisedPref64, AdvertisedPrefix, AdvertisedRoute, AdvertisedSearchList,
    AdvertiserConfig, AdvertiserConfigError, Lifetime,
};
pub use consistency::{Inconsistency, inconsistencies};
pub use node::Router;
pub use node_config::{
    ForwardReason, RouterConfig, RouterConfigError, RouterDiscard, RouterEvent, RouterInterface,
    RouterStats,
};
pub use proxy::{Proxy, ProxyConfig, ProxyConfigError, ProxyDiscard, ProxyStats};
pub use redirect::{
    BetterHop, RedirectContext, RedirectSilence, RedirectStats, Redirector, redirect_decision,
};
pub use routes::{RouteTable, RouteTarget};

use core::net::Ipv6Addr;
use packet_buffer::wire::MacAddr;

/// Where a packet that a machine has written is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transmit {
    /// The destination of the IPv6 header, which is on the link.
    pub destination: Ipv6Addr,
    /// Its link-layer address; `None` when it has to be resolved.
    pub link_destination: Option<MacAddr>,
}

impl Transmit {
    /// To a group, whose link-layer address follows from its address.
    const fn to_group(group: Ipv6Addr) -> Self {
        Self {
            destination: group,
            link_destination: Some(MacAddr::for_ipv6_multicast(group)),
        }
    }
}
