//! Compression and encryption of what the network phase sends.

use super::config::{LinkConfig, LinkConfigError};
use super::event::{CloseReason, LinkDiscard, LinkEvent, Phase, SendError};
use super::machine::Link;
use crate::auth::MsChapV2Keys;
use crate::automaton::LayerEvent;
use crate::ccp::{Ccp, CcpNegotiation};
use crate::wire::{PppPacket, PppProtocol};
use alloc::boxed::Box;
use packet_buffer::random::fork;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// What packets go through.
#[derive(Debug)]
pub(super) struct Protection {
    ccp: Option<Ccp>,
    /// Whether compression was told to be up.
    told: bool,
    /// Whether the network control protocols wait for encryption.
    holds_networks: bool,
    /// What a packet was before it was compressed.
    plain: PacketBuf,
}

impl Protection {
    pub(super) fn new(
        config: &LinkConfig,
        random: &mut Box<dyn RandomSource + Send>,
    ) -> Result<Self, LinkConfigError> {
        let ccp = match &config.ccp {
            Some(ccp) => {
                let negotiation = CcpNegotiation::new(ccp.clone());
                Some(Ccp::new(config.ncp, negotiation, fork(random))?)
            }
            None => None,
        };
        Ok(Self {
            ccp,
            told: false,
            holds_networks: false,
            plain: PacketBuf::new(),
        })
    }

    pub(super) const fn has_control(&self, protocol: PppProtocol) -> bool {
        matches!(protocol, PppProtocol::CCP) && self.ccp.is_some()
    }

    /// Begins, with the octets of information that the peer takes and those that we take.
    fn begin(&mut self, now: Instant, mru: usize, our_mru: usize, keys: Option<&MsChapV2Keys>) {
        if let Some(ccp) = &mut self.ccp {
            ccp.set_peer_limit(mru);
            ccp.set_receive_limit(our_mru.max(1500) + 2);
            ccp.open(now);
            ccp.lower_up(now, keys.cloned());
        }
    }

    pub(super) fn end(&mut self, now: Instant) {
        self.holds_networks = false;
        if let Some(ccp) = &mut self.ccp {
            ccp.lower_down(now);
        }
    }

    pub(super) fn protocol_rejected(&mut self, now: Instant, protocol: PppProtocol) {
        if let (PppProtocol::CCP | PppProtocol::COMPRESSED, Some(ccp)) = (protocol, &mut self.ccp) {
            ccp.protocol_rejected(now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(ccp) = &mut self.ccp {
            ccp.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ccp.as_ref().and_then(Ccp::poll_timeout)
    }

    pub(super) fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        let ccp = self.ccp.as_mut()?;
        ccp.poll_transmit(out).then_some(PppProtocol::CCP)
    }

    /// Whether nothing may go in clear.
    fn is_required(&self) -> bool {
        let ccp = self.ccp.as_ref();
        ccp.is_some_and(|ccp| ccp.negotiation().config().requires_encryption())
    }

    /// Whether what is required is there.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_required() || self.ccp.as_ref().is_some_and(Ccp::is_encrypting)
    }

    /// Octets by which a packet grows at most.
    fn overhead(&self) -> usize {
        self.ccp.as_ref().map_or(0, Ccp::overhead)
    }

    /// Compresses and encrypts a packet that is about to be sent; `packet` is the information of
    /// `protocol`. The answer is the protocol that it has now.
    pub(super) fn protect(
        &mut self,
        protocol: PppProtocol,
        packet: &mut PacketBuf,
    ) -> Result<PppProtocol, SendError> {
        // RFC 3078 §2 MUST (required): where encryption is required, nothing goes in clear.
        if !self.is_ready() {
            return Err(SendError::NotEncrypted);
        }
        let ccp = self.ccp.as_mut();
        if ccp.is_some_and(|ccp| ccp.compress(protocol, packet)) {
            Ok(PppProtocol::COMPRESSED)
        } else {
            Ok(protocol)
        }
    }
}

impl Link {
    /// CCP, to look at; `None` where it is not configured.
    pub const fn ccp(&self) -> Option<&Ccp> {
        self.protection.ccp.as_ref()
    }

    /// How long a network packet may be, in octets: what the peer takes, less what encryption adds.
    pub fn mtu(&self) -> usize {
        let mru = usize::from(self.lcp().peers().mru);
        mru.saturating_sub(self.protection.overhead())
    }

    /// The network phase: what packets go through is agreed on first, where it is required.
    pub(super) fn begin_protection(&mut self, now: Instant) {
        let mru = usize::from(self.lcp().peers().mru);
        let our_mru = usize::from(self.lcp().ours().mru);
        self.protection.begin(now, mru, our_mru, self.keys.as_ref());
        self.protection.holds_networks = true;
        self.release_networks(now);
    }

    /// Lets the network control protocols begin, when what is required is there.
    fn release_networks(&mut self, now: Instant) {
        if self.protection.holds_networks && self.protection.is_ready() {
            self.protection.holds_networks = false;
            let mru = usize::from(self.lcp().peers().mru);
            self.networks.begin(now, mru);
        }
    }

    /// A packet of the network phase.
    pub(super) fn receive_network(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        match (protocol, &mut self.protection.ccp) {
            (PppProtocol::CCP, Some(ccp)) => {
                let result = ccp.handle_packet(now, information);
                result.map_err(|discard| LinkDiscard::Ncp(protocol, discard))?;
                self.advance(now);
                Ok(None)
            }
            (PppProtocol::COMPRESSED, Some(_)) => self.receive_compressed(now, information, data),
            (_, Some(ccp)) => {
                let counted = ccp.pass(protocol, information)?;
                let result = self.receive_plain(now, protocol, information, data);
                self.forgive(result, counted)
            }
            (_, None) => self.receive_plain(now, protocol, information, data),
        }
    }

    fn receive_compressed(
        &mut self,
        now: Instant,
        information: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        let Some(ccp) = &mut self.protection.ccp else {
            return Err(LinkDiscard::NotOpen(PppProtocol::COMPRESSED));
        };
        let mut plain = core::mem::take(&mut self.protection.plain);
        let result = match ccp.decompress(now, information, &mut plain) {
            Ok(true) => self.receive_inner(now, plain.as_slice(), data),
            Ok(false) => {
                self.advance(now);
                Ok(None)
            }
            Err(discard) => Err(discard.into()),
        };
        self.protection.plain = plain;
        result
    }

    /// What came out of a packet. It is not compressed again.
    fn receive_inner(
        &mut self,
        now: Instant,
        packet: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        // The packet has moved the history on, whatever is in it.
        let now = self.advance(now);
        let Ok(packet) = PppPacket::parse_protocol(packet) else {
            self.stats.malformed += 1;
            return Ok(None);
        };
        let protocol = packet.protocol();
        // Only network packets are compressed, and once.
        if protocol.0 > 0x3fff || protocol == PppProtocol::COMPRESSED {
            self.stats.wrong_phase += 1;
            return Ok(None);
        }
        let result = self.receive_plain(now, protocol, packet.information(), data);
        self.forgive(result, true)
    }

    /// A packet that is of no use has moved the history on all the same: it counts, but was not ignored.
    fn forgive(
        &mut self,
        result: Result<Option<PppProtocol>, LinkDiscard>,
        has_moved: bool,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        match result {
            Err(discard) if has_moved => {
                self.stats.count(&discard);
                Ok(None)
            }
            other => other,
        }
    }

    /// Takes in what CCP tells; false when it tells nothing more.
    pub(super) fn settle_protection(&mut self, now: Instant) -> bool {
        let Some(event) = self.protection.ccp.as_mut().and_then(Ccp::poll_event) else {
            return false;
        };
        self.on_ccp(now, event);
        true
    }

    fn on_ccp(&mut self, now: Instant, event: LayerEvent) {
        let Some(ccp) = &self.protection.ccp else {
            return;
        };
        match event {
            LayerEvent::Up => {
                let negotiation = ccp.negotiation();
                let (receive, send) = (negotiation.receive(), negotiation.send());
                self.protection.told = true;
                self.push_event(LinkEvent::CompressionUp { receive, send });
                if self.protection.is_ready() {
                    self.release_networks(now);
                } else {
                    self.end_unprotected(now);
                }
            }
            LayerEvent::Down => {
                if core::mem::take(&mut self.protection.told) {
                    self.push_event(LinkEvent::CompressionDown);
                }
                if !self.protection.is_required() {
                    return;
                }
                // Keys are used once: without new ones there is no encryption again. Where nothing has
                // been encrypted yet, only an acknowledgement was lost.
                if self
                    .protection
                    .ccp
                    .as_ref()
                    .is_some_and(Ccp::has_fresh_keys)
                {
                    self.protection.holds_networks = true;
                    self.networks.end(now);
                } else {
                    self.end_unprotected(now);
                }
            }
            LayerEvent::Finished => self.end_unprotected(now),
            LayerEvent::Started | LayerEvent::NotConverged => {}
        }
    }

    /// Ends a link that has to be encrypted and is not.
    // RFC 3078 §2 SHOULD (terminate): a link whose encryption cannot be agreed on is terminated.
    fn end_unprotected(&mut self, now: Instant) {
        if self.phase() == Phase::Network && self.protection.is_required() {
            self.end(now, CloseReason::NotEncrypted);
        }
    }
}
