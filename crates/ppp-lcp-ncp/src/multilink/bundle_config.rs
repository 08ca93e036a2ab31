//! What a bundle is told, what it tells, and what it refuses.

use super::reassemble::ReassemblyDiscard;
use crate::lcp::LcpConfig;
use crate::link::{LinkConfig, LinkConfigError, LinkDiscard, LinkEvent};
use core::time::Duration;
use packet_buffer::ParseError;

/// What a [`Bundle`](super::Bundle) is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleConfig {
    /// What is above the links: the network control protocols, compression, idle and session timers, the
    /// queue. LCP, authentication, echoes and what else belongs to one link are not looked at.
    pub link: LinkConfig,
    /// Links at a time; at least 1. Default: 16.
    pub max_links: usize,
    /// Octets of the shortest fragment that a packet is cut into. Default: 64.
    pub min_fragment: usize,
    /// Fragments that may wait for others, 1 to 1024. Default: 256.
    pub max_fragments: usize,
    /// Octets of those fragments; at least 65,535. Default: 262,144.
    pub max_fragment_octets: usize,
    /// How long a fragment waits for others. Default: 1 s.
    pub fragment_timeout: Duration,
}

impl Default for BundleConfig {
    fn default() -> Self {
        Self {
            link: LinkConfig::default(),
            max_links: 16,
            min_fragment: 64,
            max_fragments: 256,
            max_fragment_octets: 262_144,
            fragment_timeout: Duration::from_secs(1),
        }
    }
}

impl BundleConfig {
    /// Leaves out what belongs to one link.
    pub(super) fn normalize(&mut self) {
        self.link.lcp = LcpConfig {
            magic: false,
            ..LcpConfig::default()
        };
        self.link.echo_interval = None;
        self.link.close_when_poor = false;
        self.link.on_demand = false;
        self.link.hold_network = false;
    }

    pub(super) fn check(&self) -> Result<(), LinkConfigError> {
        let part = "bundle";
        let fail = |field, problem| {
            Err(LinkConfigError {
                part,
                field,
                problem,
            })
        };
        self.link.check()?;
        if self.max_links == 0 {
            return fail("max_links", "must be at least 1");
        }
        // A quarter of the numbers of the short header, which the peer may want.
        if self.max_fragments == 0 || self.max_fragments > 1024 {
            return fail("max_fragments", "must be 1 to 1024");
        }
        if self.max_fragment_octets < 65_535 {
            return fail("max_fragment_octets", "must be at least 65535");
        }
        if self.fragment_timeout.is_zero() {
            return fail("fragment_timeout", "must not be zero");
        }
        Ok(())
    }
}

/// Why a link may not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum JoinRefusal {
    /// It does not wait for that: it is not up, not authenticated, or has networks of its own.
    #[error("the link does not wait for its network phase")]
    NotHeld,
    /// Multilink was not agreed on in both directions.
    #[error("multilink was not agreed on")]
    NoMultilink,
    /// It leads to another peer.
    #[error("the link leads to another peer")]
    OtherPeer,
    /// It leads to the same peer, which takes other packets on it.
    #[error("the link was negotiated with another MRRU or header")]
    OtherParameters,
    /// There are as many links as may be.
    #[error("there are as many links as may be")]
    Full,
}

/// What a bundle tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleEvent {
    /// A link carries packets now.
    Joined {
        /// Its number.
        member: usize,
    },
    /// A link carries packets no longer. It stays a member until it is
    /// [removed](super::Bundle::remove), and carries them again when it has come up anew.
    Left {
        /// Its number.
        member: usize,
    },
    /// What one link tells.
    Link {
        /// Its number.
        member: usize,
        /// What it tells.
        event: LinkEvent,
    },
    /// What the networks above the links tell.
    Network(LinkEvent),
    /// The networks have ended: the last link has left, or they have ended by themselves and the links
    /// close.
    Closed,
}

/// Why a packet was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleDiscard {
    /// There is no such link.
    #[error("there is no link {0}")]
    NoLink(usize),
    /// There is no whole protocol field.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The link, or the network above the links, says why.
    #[error(transparent)]
    Link(#[from] LinkDiscard),
    /// The fragment is of no use.
    #[error(transparent)]
    Fragment(#[from] ReassemblyDiscard),
}

/// Counters, beside those of the links, of the network above them and of the reassembler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BundleStats {
    /// PPP packets handed in.
    pub received: u64,
    /// Packets among them that were ignored.
    pub ignored: u64,
    /// Packets that came through the bundle and have no place there.
    pub not_for_bundle: u64,
    /// Packets that were cut into fragments.
    pub packets: u64,
    /// Fragments sent.
    pub fragments: u64,
    /// Packets that no link could carry.
    pub not_carried: u64,
    /// Links that were refused.
    pub refused_links: u64,
    /// Network packets that were dropped because nobody fetched them.
    pub packets_lost: u64,
    /// Events that were dropped because nobody fetched them.
    pub events_lost: u64,
}
