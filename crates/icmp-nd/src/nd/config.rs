//! Configuration of an interface.

use crate::address::{AddressConfig, AddressConfigError};
use crate::mld::{ListenerConfig, ListenerConfigError};
use crate::neighbor::{NeighborConfig, NeighborConfigError, Rate};
use crate::validation::NdLimits;
use core::time::Duration;
use packet_buffer::wire::MacAddr;

/// Whether the interface belongs to a host or to a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// Learns from Router Advertisements and Redirects, and asks for routers.
    #[default]
    Host,
    /// Says of itself that it is a router, listens to all-routers, and learns from neither.
    Router,
}

/// How an [`Interface`](super::Interface) works.
#[derive(Debug, Clone)]
pub struct InterfaceConfig {
    /// Addresses, and the interface's own link-layer address.
    pub address: AddressConfig,
    /// The neighbor cache.
    pub neighbor: NeighborConfig,
    /// The groups that routers and switches are told of.
    pub listener: ListenerConfig,
    /// Host or router. Default: host.
    pub role: Role,
    /// The largest IPv6 packet of the link, in octets, 1280 at least; a router can advertise less.
    /// Default: 1500.
    pub link_mtu: u32,
    /// CurHopLimit until a router advertises another. Default: 64.
    pub hop_limit: u8,
    /// Advertised hop limits below this are ignored: a low one cuts the host off (RFC 4861 §11.2).
    /// Default: 8.
    pub min_hop_limit: u8,
    /// BaseReachableTime until a router advertises another. Default: 30 s.
    pub base_reachable_time: Duration,
    /// Whether a host learns from Router Advertisements. Default: true.
    pub accept_router_advertisements: bool,
    /// Whether a host learns from Redirects. Default: true.
    pub accept_redirects: bool,
    /// Whether destinations are spread over routers that are equally good (RFC 4311).
    /// Default: true.
    pub load_sharing: bool,
    /// How a host asks for routers.
    pub solicitation: SolicitationConfig,
    /// MAX_ANYCAST_DELAY_TIME: the longest random delay before an advertisement for an anycast or
    /// proxied address. Default: 1 s.
    pub max_anycast_delay: Duration,
    /// MAX_NEIGHBOR_ADVERTISEMENT: unsolicited advertisements that tell of a changed link-layer
    /// address. Default: 3.
    pub max_neighbor_advertisement: u8,
    /// What bounds the memory that others can fill.
    pub limits: InterfaceLimits,
}

/// How a host asks for routers (RFC 4861 §6.3.7, RFC 7559).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SolicitationConfig {
    /// Whether it asks. Default: true.
    pub enabled: bool,
    /// MAX_RTR_SOLICITATION_DELAY: the longest random delay before the first. Default: 1 s.
    pub max_delay: Duration,
    /// RTR_SOLICITATION_INTERVAL: the time to the next. Default: 4 s.
    pub interval: Duration,
    /// MAX_RTR_SOLICITATIONS at that interval, as RFC 4861 had it; or, with `None`, without end at
    /// intervals that double (RFC 7559). Default: none.
    pub max: Option<u8>,
    /// MRT: the longest interval (RFC 7559 §2.1). Default: 3600 s.
    pub max_interval: Duration,
}

impl Default for SolicitationConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_delay: Duration::from_secs(1),
            interval: Duration::from_secs(4),
            max: None,
            max_interval: Duration::from_secs(3600),
        }
    }
}

/// Limits. When a list is full, what is there stays, and what is new is refused and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceLimits {
    /// Options in one message. Default: 64.
    pub message: NdLimits,
    /// Router Advertisements that are looked at. Default: 16 a second, 64 at once.
    pub router_advertisements: Rate,
    /// Redirects that are looked at. Default: 16 a second, 64 at once.
    pub redirects: Rate,
    /// On-link prefixes. Default: 32.
    pub max_prefixes: usize,
    /// Default routers. Default: 16.
    pub max_default_routers: usize,
    /// Routes of Route Information options. Default: 64.
    pub max_routes: usize,
    /// Destinations whose next hop is remembered. When full, one that was not used lately is
    /// forgotten. Default: 4096.
    pub max_destinations: usize,
    /// Of those, the ones that a Redirect has made. Default: 256.
    pub max_redirected: usize,
    /// DNS servers, search domains, NAT64 prefixes and captive portals, together. Default: 64.
    pub max_parameters: usize,
    /// Addresses of others for which this interface answers. Default: 256.
    pub max_proxied: usize,
    /// Groups that the caller listens to. Default: 128.
    pub max_groups: usize,
    /// Advertisements that wait to be sent. Default: 64.
    pub max_advertisements: usize,
    /// Events that wait to be fetched. Default: 256.
    pub max_events: usize,
}

impl Default for InterfaceLimits {
    fn default() -> Self {
        let sixteen_a_second = Rate::per_second(16, 64);
        Self {
            message: NdLimits::default(),
            router_advertisements: sixteen_a_second,
            redirects: sixteen_a_second,
            max_prefixes: 32,
            max_default_routers: 16,
            max_routes: 64,
            max_destinations: 4096,
            max_redirected: 256,
            max_parameters: 64,
            max_proxied: 256,
            max_groups: 128,
            max_advertisements: 64,
            max_events: 256,
        }
    }
}

impl InterfaceConfig {
    /// The defaults, for an interface with this link-layer address.
    pub fn new(link_layer: MacAddr) -> Self {
        Self {
            address: AddressConfig::new(link_layer),
            neighbor: NeighborConfig::default(),
            listener: ListenerConfig::default(),
            role: Role::Host,
            link_mtu: 1500,
            hop_limit: 64,
            min_hop_limit: 8,
            base_reachable_time: Duration::from_secs(30),
            accept_router_advertisements: true,
            accept_redirects: true,
            load_sharing: true,
            solicitation: SolicitationConfig::default(),
            max_anycast_delay: Duration::from_secs(1),
            max_neighbor_advertisement: 3,
            limits: InterfaceLimits::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), InterfaceConfigError> {
        if self.link_mtu < 1280 {
            return Err(InterfaceConfigError::LinkMtu(self.link_mtu));
        }
        if self.hop_limit == 0 {
            return Err(InterfaceConfigError::HopLimit);
        }
        let limits = &self.limits;
        if limits.max_destinations == 0 || limits.max_redirected > limits.max_destinations {
            return Err(InterfaceConfigError::Destinations);
        }
        if self.solicitation.interval.is_zero() {
            return Err(InterfaceConfigError::SolicitationInterval);
        }
        Ok(())
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InterfaceConfigError {
    /// The addresses' part.
    #[error("address: {0}")]
    Address(#[from] AddressConfigError),
    /// The neighbor cache's part.
    #[error("neighbor: {0}")]
    Neighbor(#[from] NeighborConfigError),
    /// The multicast listener's part.
    #[error("listener: {0}")]
    Listener(#[from] ListenerConfigError),
    /// A link of less than 1280 octets cannot carry IPv6.
    #[error("link_mtu: {0} octets are less than 1280")]
    LinkMtu(u32),
    /// A hop limit of zero reaches nobody.
    #[error("hop_limit: must be at least 1")]
    HopLimit,
    /// There is room for no destination, or for fewer than may be redirected.
    #[error("limits.max_destinations: must be at least 1, and at least max_redirected")]
    Destinations,
    /// Solicitations would follow each other without a pause.
    #[error("solicitation.interval: must not be zero")]
    SolicitationInterval,
}
