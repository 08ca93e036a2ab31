//! How a router is set up, and what it tells.

use super::advertise::AdvertiserEvent;
use super::advertise_config::{AdvertiserConfig, AdvertiserConfigError};
use super::redirect::RedirectStats;
use super::routes::RouteTarget;
use crate::address::ManualAddress;
use crate::generation::{
    GenerationConfig, GenerationConfigError, GenerationStats, RateLimitConfig, Silence,
};
use crate::nd;
use crate::reception::{Reason, ReceptionCounters};
use alloc::vec::Vec;
use packet_buffer::ParseError;
use packet_buffer::fragment::{FragmentDiscard, ReassemblerConfig, ReassemblerConfigError};
use packet_buffer::wire::{Ipv6Prefix, MacAddr};
use thiserror::Error;

/// One interface of a [`Router`](super::Router), on an Ethernet.
#[derive(Debug, Clone)]
pub struct RouterInterface {
    /// Neighbor Discovery. The role is set to router, and addresses are not autoconfigured.
    pub nd: nd::InterfaceConfig,
    /// Addresses beside the link-local one; their prefixes are on the link.
    pub addresses: Vec<ManualAddress>,
    /// What is advertised; `None` for an interface that does not advertise.
    pub advertise: Option<AdvertiserConfig>,
    /// Whether neighbors are told of better first hops. Default: true.
    pub redirects: bool,
    /// Addresses elsewhere for which solicitations are answered (RFC 4861 §7.2.8).
    pub proxied: Vec<Ipv6Prefix>,
}

impl RouterInterface {
    /// An interface that neither advertises nor has an address beside its link-local one.
    pub fn new(link_address: MacAddr) -> Self {
        Self {
            nd: nd::InterfaceConfig::new(link_address),
            addresses: Vec::new(),
            advertise: None,
            redirects: true,
            proxied: Vec::new(),
        }
    }
}

/// How a [`Router`](super::Router) is set up.
#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// The interfaces; their ports are their places in the list.
    pub interfaces: Vec<RouterInterface>,
    /// Routes beside those of the interfaces' own prefixes.
    pub routes: Vec<(Ipv6Prefix, RouteTarget)>,
    /// ICMPv6 errors.
    pub errors: GenerationConfig,
    /// How often redirects are sent. Default: as errors.
    pub redirect_limit: RateLimitConfig,
    /// Fragments of packets to the router itself.
    pub reassembly: ReassemblerConfig,
    /// Frames that wait for [`Router::poll_transmit`](super::Router::poll_transmit), from 1; further
    /// ones are dropped and counted. Default: 1,024.
    pub max_queue: usize,
}

impl RouterConfig {
    /// A router with these interfaces, and the defaults.
    pub fn new(interfaces: Vec<RouterInterface>) -> Self {
        Self {
            interfaces,
            routes: Vec::new(),
            errors: GenerationConfig::default(),
            redirect_limit: RateLimitConfig::default(),
            reassembly: ReassemblerConfig::default(),
            max_queue: 1_024,
        }
    }
}

/// What is wrong with a [`RouterConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RouterConfigError {
    /// An interface's Neighbor Discovery.
    #[error("interface {port}: {error}")]
    Interface {
        /// The interface.
        port: usize,
        /// What is wrong.
        error: nd::InterfaceConfigError,
    },
    /// An interface's advertisements.
    #[error("interface {port}: {error}")]
    Advertise {
        /// The interface.
        port: usize,
        /// What is wrong.
        error: AdvertiserConfigError,
    },
    /// Errors.
    #[error("errors: {0}")]
    Errors(#[from] GenerationConfigError),
    /// Reassembly.
    #[error("reassembly: {0}")]
    Reassembly(#[from] ReassemblerConfigError),
    /// A route leads to an interface that is not there.
    #[error("the route to {0} leads to no interface")]
    Route(Ipv6Prefix),
    /// No frame could ever wait.
    #[error("max_queue is 0")]
    MaxQueue,
    /// More prefixes are proxied than a proxy takes.
    #[error("interface {port}: too many proxied prefixes")]
    Proxied {
        /// The interface.
        port: usize,
    },
}

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RouterDiscard {
    /// There is no such interface.
    #[error("there is no such interface")]
    NoPort,
    /// The frame cannot be read.
    #[error("the frame cannot be read: {0}")]
    Frame(ParseError),
    /// The frame is for another station, or from a group.
    #[error("the frame is for another station, or from a group")]
    Station,
    /// The frame does not carry IPv6.
    #[error("the frame does not carry IPv6")]
    NotIpv6,
    /// The packet is not to be received or forwarded.
    #[error("{0}")]
    Packet(Reason),
    /// The packet was dropped, and no error may be sent about it.
    #[error("{reason}, and no error is sent: {silence}")]
    Silent {
        /// Why it was dropped; `None` where there was no way to forward it.
        reason: ForwardReason,
        /// Why no error is sent.
        silence: Silence,
    },
    /// The packet was dropped by a route that says so.
    #[error("a route discards the packet")]
    Discarded,
    /// The fragment is of no use.
    #[error("{0}")]
    Fragment(FragmentDiscard),
    /// A Neighbor Discovery message was ignored.
    #[error("{0}")]
    Nd(nd::Discard),
    /// An ICMPv6 message is wrong, or nothing to this router.
    #[error("the ICMPv6 message is wrong, or nothing to a router")]
    Icmpv6,
    /// Too many packets wait for their neighbors, or there are too many neighbors.
    #[error("{0}")]
    Neighbor(nd::SendError),
    /// Too many frames wait to be sent.
    #[error("too many frames wait to be sent")]
    QueueFull,
}

/// Why a packet got an error for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ForwardReason {
    /// Its headers are wrong, or its hop limit used up.
    #[error("{0}")]
    Reception(Reason),
    /// No route leads to its destination.
    #[error("no route to the destination")]
    NoRoute,
    /// A route rejects it.
    #[error("a route rejects the packet")]
    Rejected,
    /// It would leave the zone of its source.
    #[error("beyond the scope of the source")]
    BeyondScope,
    /// It is too big for the next link.
    #[error("too big for the next link")]
    TooBig,
    /// Nobody listens on the port.
    #[error("nobody listens on the port")]
    Port,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouterEvent {
    /// To the interface's addresses, neighbors and hosts.
    Interface {
        /// The interface.
        port: usize,
        /// What.
        event: nd::Event,
    },
    /// To its advertisements.
    Advertiser {
        /// The interface.
        port: usize,
        /// What.
        event: AdvertiserEvent,
    },
}

/// What a router has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouterStats {
    /// Frames received.
    pub received: u64,
    /// Packets forwarded, those that wait for their next hop among them.
    pub forwarded: u64,
    /// Packets for the router itself.
    pub delivered: u64,
    /// Echo replies.
    pub echo_replies: u64,
    /// Packets put together from fragments.
    pub reassembled: u64,
    /// Packets without a route.
    pub no_route: u64,
    /// Packets that a route rejects, prohibits or discards.
    pub rejected: u64,
    /// Packets that would have left the zone of their source.
    pub beyond_scope: u64,
    /// Packets that were too big for their next link.
    pub too_big: u64,
    /// Packets whose next hop did not answer.
    pub unreachable: u64,
    /// Packets that found no room to wait for their next hop.
    pub neighbors_full: u64,
    /// Frames that found no room in the queue.
    pub queue_full: u64,
    /// Frames dropped, whatever the reason.
    pub discarded: u64,
    /// Why packets were not received.
    pub reception: ReceptionCounters,
    /// ICMPv6 errors.
    pub errors: GenerationStats,
    /// Redirects of all interfaces.
    pub redirects: RedirectStats,
}
