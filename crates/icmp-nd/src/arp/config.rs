//! Configuration.

use crate::neighbor::{NeighborConfig, NeighborConfigError};
use core::time::Duration;
use packet_buffer::wire::MacAddr;

/// What a host does when another station uses its address (RFC 5227 §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConflictPolicy {
    /// (a) Gives the address up at once.
    GiveUp,
    /// (b) Defends it once, and gives it up when another conflict follows within DEFEND_INTERVAL.
    #[default]
    DefendOnce,
    /// (c) Defends it for ever, once in DEFEND_INTERVAL: for servers and routers.
    DefendAlways,
}

/// How an [`Arp`](super::Arp) machine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArpConfig {
    /// The station's own address.
    pub link_address: MacAddr,
    /// The cache. BaseReachableTime is the time after which an entry in use is polled.
    pub neighbor: NeighborConfig,
    /// Whether an address is probed before it is used. Default: true.
    pub probe: bool,
    /// PROBE_WAIT: the longest random delay before the first probe. Default: 1 s.
    pub probe_wait: Duration,
    /// PROBE_NUM. Default: 3.
    pub probe_num: u8,
    /// PROBE_MIN: the shortest time between probes. Default: 1 s.
    pub probe_min: Duration,
    /// PROBE_MAX: the longest. Default: 2 s.
    pub probe_max: Duration,
    /// ANNOUNCE_WAIT: from the last probe to the first announcement. Default: 2 s.
    pub announce_wait: Duration,
    /// ANNOUNCE_NUM. Default: 2.
    pub announce_num: u8,
    /// ANNOUNCE_INTERVAL. Default: 2 s.
    pub announce_interval: Duration,
    /// MAX_CONFLICTS: after so many, new addresses are tried at RATE_LIMIT_INTERVAL. Default: 10.
    pub max_conflicts: u32,
    /// RATE_LIMIT_INTERVAL. Default: 60 s.
    pub rate_limit_interval: Duration,
    /// DEFEND_INTERVAL: the least time between defences of an address. Default: 10 s.
    pub defend_interval: Duration,
    /// What to do when another station uses an address of ours. Default: defend once.
    pub conflict_policy: ConflictPolicy,
    /// Whether what comes unasked (gratuitous ARP) may replace the link-layer address of an entry, as
    /// the failover of routers and servers needs. Default: true.
    pub accept_unsolicited: bool,
    /// Whether the sender hardware address must be the source of the frame. Default: false.
    pub match_link_source: bool,
    /// Own addresses. Default: 16.
    pub max_addresses: usize,
    /// Networks for which this host answers as a proxy. Default: 64.
    pub max_proxied: usize,
    /// Replies that wait to be sent. Default: 64.
    pub max_replies: usize,
    /// Events that wait to be fetched. Default: 256.
    pub max_events: usize,
}

impl ArpConfig {
    /// The defaults, for a station with this address.
    pub fn new(link_address: MacAddr) -> Self {
        Self {
            link_address,
            neighbor: NeighborConfig::default(),
            probe: true,
            probe_wait: Duration::from_secs(1),
            probe_num: 3,
            probe_min: Duration::from_secs(1),
            probe_max: Duration::from_secs(2),
            announce_wait: Duration::from_secs(2),
            announce_num: 2,
            announce_interval: Duration::from_secs(2),
            max_conflicts: 10,
            rate_limit_interval: Duration::from_secs(60),
            defend_interval: Duration::from_secs(10),
            conflict_policy: ConflictPolicy::DefendOnce,
            accept_unsolicited: true,
            match_link_source: false,
            max_addresses: 16,
            max_proxied: 64,
            max_replies: 64,
            max_events: 256,
        }
    }

    pub(super) fn check(&self) -> Result<(), ArpConfigError> {
        if !self.link_address.is_unicast() {
            return Err(ArpConfigError::LinkAddress(self.link_address));
        }
        if self.probe_min > self.probe_max {
            return Err(ArpConfigError::ProbeInterval);
        }
        if self.probe && self.probe_num == 0 {
            return Err(ArpConfigError::ProbeNum);
        }
        Ok(())
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArpConfigError {
    /// The station's address is a group's or none.
    #[error("link_address: {0} cannot be a station's")]
    LinkAddress(MacAddr),
    /// PROBE_MIN is above PROBE_MAX.
    #[error("probe_min: above probe_max")]
    ProbeInterval,
    /// Probing with no probes.
    #[error("probe_num: must be at least 1 when addresses are probed")]
    ProbeNum,
    /// The neighbor cache's part.
    #[error("neighbor: {0}")]
    Neighbor(#[from] NeighborConfigError),
}
