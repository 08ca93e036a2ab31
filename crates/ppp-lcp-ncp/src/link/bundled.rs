//! Links that are members of a bundle, and the link that a bundle is to the networks above it.

use super::config::{LinkConfig, LinkConfigError};
use super::event::Phase;
use super::machine::Link;
use crate::auth::MsChapV2Keys;
use crate::lcp::{EndpointDiscriminator, LcpValues};
use alloc::boxed::Box;
use alloc::vec::Vec;
use packet_buffer::{Instant, RandomSource};

/// Which bundle a link belongs to (RFC 1990 §5.1.3), and how packets go through it. Links that have all
/// of it in common are one bundle's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BundleIdentity {
    /// What the peer is known by, where it says so.
    pub endpoint: Option<EndpointDiscriminator>,
    /// The name by which the peer has authenticated itself; empty when it has not.
    pub name: Vec<u8>,
    /// Octets of a packet that we take.
    pub our_mrru: u16,
    /// Octets of a packet that the peer takes.
    pub peers_mrru: u16,
    /// Whether we take the short header.
    pub our_short_sequence_number: bool,
    /// Whether the peer takes it.
    pub peers_short_sequence_number: bool,
}

impl Link {
    /// Which bundle the link belongs to; `None` unless LCP is open and both ends have an MRRU.
    // RFC 1990 §5.1.3 MUST (same-bundle): endpoint discriminator and authenticated name decide.
    pub fn bundle_identity(&self) -> Option<BundleIdentity> {
        if !self.lcp.is_open() {
            return None;
        }
        let (ours, peers) = (self.lcp.ours(), self.lcp.peers());
        Some(BundleIdentity {
            endpoint: peers.endpoint,
            name: self.peer_name.clone(),
            our_mrru: ours.mrru?,
            peers_mrru: peers.mrru?,
            our_short_sequence_number: ours.short_sequence_number,
            peers_short_sequence_number: peers.short_sequence_number,
        })
    }

    /// Whether the network phase waits for [`start_network`](Self::start_network), or for the link to
    /// join a [`Bundle`](crate::multilink::Bundle).
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// Whether it carries the packets of a bundle.
    pub(crate) const fn is_in_bundle(&self) -> bool {
        self.in_bundle
    }

    /// The network phase begins without networks of its own.
    pub(crate) fn join_bundle(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.held {
            self.held = false;
            self.in_bundle = true;
            self.timers.session = self.config.session_timeout.map(|timeout| now + timeout);
            self.enter(Phase::Network);
            self.settle(now);
        }
    }

    /// A fragment goes out on the link.
    pub(crate) fn fragment_sent(&mut self, octets: usize) {
        self.stats.sent += 1;
        let framing = self.framing();
        self.count_sent(octets, &framing);
    }

    /// A packet of the bundle has come in on the link.
    pub(crate) fn fragment_received(&mut self, octets: usize) {
        self.stats.received += 1;
        self.count_received(octets);
    }

    /// The link that a bundle is to the networks: LCP is open, with options that nobody negotiates.
    // RFC 1990 §2 MUST (virtual): no ACCM, magic number or link quality monitoring; compressed protocol,
    // address and control fields.
    pub(crate) fn bundle_head(
        config: LinkConfig,
        random: Box<dyn RandomSource + Send>,
        identity: &BundleIdentity,
        keys: Option<MsChapV2Keys>,
        now: Instant,
    ) -> Result<Self, LinkConfigError> {
        let values = |mrru| LcpValues {
            mru: mrru,
            accm: 0,
            protocol_field_compression: true,
            address_and_control_field_compression: true,
            ..LcpValues::default()
        };
        let mut head = Self::new(config, random)?;
        head.is_lower_layer_up = true;
        head.keys = keys;
        head.lcp
            .assume_open(values(identity.our_mrru), values(identity.peers_mrru));
        let now = head.advance(now);
        head.begin_network(now);
        head.settle(now);
        Ok(head)
    }
}
