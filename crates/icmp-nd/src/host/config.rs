//! Configuration of a host.

use crate::arp::{ArpConfig, ArpConfigError};
use crate::generation::{GenerationConfig, GenerationConfigError};
use crate::nd::{InterfaceConfig, InterfaceConfigError};
use crate::pmtu;
use crate::query::ExtendedEchoPolicy;
use crate::reception::SourceRoutes;
use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::fragment::{ReassemblerConfig, ReassemblerConfigError};
use packet_buffer::wire::{IpProtocol, MacAddr};

/// How a [`Host`](super::Host) works.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// IPv6: addresses, Neighbor Discovery, the link's MTU for IPv6. Its role must be host.
    pub nd: InterfaceConfig,
    /// IPv4: ARP.
    pub arp: ArpConfig,
    /// The largest IPv4 packet of the link, in octets, 68 at least. Default: 1500.
    pub ipv4_mtu: u32,
    /// Time to live of IPv4 packets. Default: 64.
    pub ipv4_time_to_live: u8,
    /// What the caller speaks above IP, beside ICMP. Packets of other protocols are answered with an
    /// error. Default: UDP.
    pub protocols: Vec<IpProtocol>,
    /// Whether echo requests are answered. Default: true.
    pub answer_echo: bool,
    /// Whether ICMP echo requests to a broadcast or multicast address are answered too, which lets
    /// others use this host as an amplifier (RFC 2644). Default: false.
    pub answer_broadcast_echo: bool,
    /// Whether ICMPv6 echo requests to a group are answered, as RFC 4443 §4.2 asks. Default: true.
    pub answer_multicast_echo: bool,
    /// Whether timestamp requests are answered (RFC 1122 §3.2.2.8). Default: true.
    pub answer_timestamp: bool,
    /// Who may ask about the host's interface and its neighbors (extended echo, RFC 8335), which are told by
    /// address. Default: nobody.
    pub extended_echo: ExtendedEchoPolicy,
    /// Whether ICMP Redirects are obeyed; those of IPv6 have a switch of their own in
    /// [`nd`](Self::nd). Default: true.
    pub accept_redirects: bool,
    /// What becomes of IPv4 source routes. Default: dropped.
    pub source_routes: SourceRoutes,
    /// How long a gateway that does not answer ARP is avoided, when there is another
    /// (RFC 1122 §3.3.1.4). Default: 60 s.
    pub dead_gateway_interval: Duration,
    /// Errors that are sent.
    pub generation: GenerationConfig,
    /// Path MTUs.
    pub path_mtu: pmtu::Config,
    /// Packets in fragments.
    pub reassembler: ReassemblerConfig,
    /// What bounds the memory that others can fill, beside the limits of the parts.
    pub limits: HostLimits,
}

/// Limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimits {
    /// Frames that wait to be sent; a packet that does not fit with all its fragments is dropped.
    /// Default: 256.
    pub max_frames: usize,
    /// Packets that wait for the caller; further ones are dropped. Default: 256.
    pub max_received: usize,
    /// Octets of those. Default: 1 MiB.
    pub max_received_octets: usize,
    /// IPv4 destinations whose next hop is remembered. Default: 4096.
    pub max_destinations: usize,
    /// Of those, the ones that a Redirect has made. Default: 256.
    pub max_redirected: usize,
    /// IPv4 routes, gateways among them. Default: 64.
    pub max_routes: usize,
    /// Events of the host itself that wait to be fetched. Default: 256.
    pub max_events: usize,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            max_frames: 256,
            max_received: 256,
            max_received_octets: 1 << 20,
            max_destinations: 4096,
            max_redirected: 256,
            max_routes: 64,
            max_events: 256,
        }
    }
}

impl HostConfig {
    /// The defaults, for a host with this link-layer address.
    pub fn new(link_address: MacAddr) -> Self {
        Self {
            nd: InterfaceConfig::new(link_address),
            arp: ArpConfig::new(link_address),
            ipv4_mtu: 1500,
            ipv4_time_to_live: 64,
            protocols: [IpProtocol::UDP].into(),
            answer_echo: true,
            answer_broadcast_echo: false,
            answer_multicast_echo: true,
            answer_timestamp: true,
            extended_echo: ExtendedEchoPolicy::default(),
            accept_redirects: true,
            source_routes: SourceRoutes::Drop,
            dead_gateway_interval: Duration::from_secs(60),
            generation: GenerationConfig::default(),
            path_mtu: pmtu::Config::default(),
            reassembler: ReassemblerConfig::default(),
            limits: HostLimits::default(),
        }
    }

    /// The defaults for a link that carries packets of `mtu` octets.
    pub fn with_mtu(link_address: MacAddr, mtu: u32) -> Self {
        let mut config = Self::new(link_address);
        config.nd.link_mtu = mtu;
        config.ipv4_mtu = mtu;
        config
    }

    pub(super) fn check(&self) -> Result<(), HostConfigError> {
        if self.nd.address.link_layer != self.arp.link_address {
            return Err(HostConfigError::LinkAddresses);
        }
        if self.nd.role != crate::nd::Role::Host {
            return Err(HostConfigError::Role);
        }
        if self.ipv4_mtu < pmtu::IPV4_MIN_MTU {
            return Err(HostConfigError::Ipv4Mtu(self.ipv4_mtu));
        }
        if self.ipv4_time_to_live == 0 {
            return Err(HostConfigError::TimeToLive);
        }
        let limits = &self.limits;
        if limits.max_destinations == 0 || limits.max_redirected > limits.max_destinations {
            return Err(HostConfigError::Destinations);
        }
        Ok(())
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostConfigError {
    /// ARP and Neighbor Discovery have different link-layer addresses.
    #[error("nd.address.link_layer, arp.link_address: must be the same")]
    LinkAddresses,
    /// The interface is a router's.
    #[error("nd.role: must be host")]
    Role,
    /// Less than every IPv4 link carries.
    #[error("ipv4_mtu: {0} octets are less than 68")]
    Ipv4Mtu(u32),
    /// A time to live of zero reaches nobody.
    #[error("ipv4_time_to_live: must be at least 1")]
    TimeToLive,
    /// There is room for no destination, or for fewer than may be redirected.
    #[error("limits.max_destinations: must be at least 1, and at least max_redirected")]
    Destinations,
    /// Neighbor Discovery's part.
    #[error("nd: {0}")]
    Nd(#[from] InterfaceConfigError),
    /// ARP's part.
    #[error("arp: {0}")]
    Arp(#[from] ArpConfigError),
    /// The errors' part.
    #[error("generation: {0}")]
    Generation(#[from] GenerationConfigError),
    /// The path MTUs' part.
    #[error("path_mtu: {0}")]
    PathMtu(#[from] pmtu::ConfigError),
    /// The fragments' part.
    #[error("reassembler: {0}")]
    Reassembler(#[from] ReassemblerConfigError),
}
