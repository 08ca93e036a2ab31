//! Compression and encryption of what the network phase sends.

use super::config::{LinkConfig, LinkConfigError};
use super::control::Pair;
use super::event::{CloseReason, LinkDiscard, LinkEvent, Phase};
use super::machine::Link;
use crate::auth::MsChapV2Keys;
use crate::automaton::LayerEvent;
use crate::ccp::{Ccp, CcpConfig, CcpNegotiation};
use crate::ecp::{Ecp, EcpConfig, EcpEncryptor, EcpNegotiation};
use crate::wire::{PppPacket, PppProtocol};
use alloc::boxed::Box;
use packet_buffer::random::fork;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// What packets go through.
#[derive(Debug)]
pub(super) struct Protection {
    /// Encryption by ECP, and what goes through it: compression, and encryption by MPPE.
    pub(super) controls: Pair<Ecp, Ccp>,
    /// Whether compression was told to be up.
    told_ccp: bool,
    /// Whether encryption was.
    told_ecp: bool,
    /// Whether CCP waits for ECP.
    holds_ccp: bool,
    /// Whether the network control protocols wait for encryption.
    holds_networks: bool,
    /// What a packet was before it was compressed.
    uncompressed: PacketBuf,
    /// What a packet was before it was encrypted by ECP.
    decrypted: PacketBuf,
}

impl Protection {
    pub(super) fn new(
        config: &LinkConfig,
        random: &mut Box<dyn RandomSource + Send>,
    ) -> Result<Self, LinkConfigError> {
        let ccp = match &config.ccp {
            Some(ccp) => {
                let negotiation = CcpNegotiation::new(ccp.clone());
                Some(Box::new(Ccp::new(config.ncp, negotiation, fork(random))?))
            }
            None => None,
        };
        let ecp = match &config.ecp {
            Some(ecp) => {
                let negotiation = EcpNegotiation::new(ecp.clone());
                Some(Box::new(Ecp::new(config.ncp, negotiation, fork(random))?))
            }
            None => None,
        };
        Ok(Self {
            controls: Pair {
                first: ecp,
                second: ccp,
            },
            told_ccp: false,
            told_ecp: false,
            holds_ccp: false,
            holds_networks: false,
            uncompressed: PacketBuf::new(),
            decrypted: PacketBuf::new(),
        })
    }

    const fn ccp(&self) -> Option<&Ccp> {
        match &self.controls.second {
            Some(ccp) => Some(ccp),
            None => None,
        }
    }

    const fn ecp(&self) -> Option<&Ecp> {
        match &self.controls.first {
            Some(ecp) => Some(ecp),
            None => None,
        }
    }

    /// Begins, with the octets of information that the peer takes.
    fn begin(&mut self, now: Instant, mru: usize) {
        self.holds_ccp = true;
        self.holds_networks = true;
        if let Some(ecp) = &mut self.controls.first {
            ecp.set_peer_limit(mru);
            ecp.open(now);
            ecp.lower_up(now);
        }
    }

    /// Begins CCP, with the octets of information that the peer takes and those that we take.
    fn begin_ccp(&mut self, now: Instant, mru: usize, our_mru: usize, keys: Option<&MsChapV2Keys>) {
        self.holds_ccp = false;
        if let Some(ccp) = &mut self.controls.second {
            ccp.set_peer_limit(mru);
            ccp.set_receive_limit(our_mru.max(1500) + 2);
            ccp.open(now);
            ccp.lower_up(now, keys.cloned());
        }
    }

    pub(super) fn end(&mut self, now: Instant) {
        self.holds_ccp = false;
        self.holds_networks = false;
        self.controls.lower_down(now);
    }

    /// Whether nothing may go in clear.
    fn is_required(&self) -> bool {
        let ccp = self.ccp();
        let ecp = self.ecp();
        ccp.is_some_and(|ccp| ccp.negotiation().config().requires_encryption())
            || ecp.is_some_and(|ecp| ecp.negotiation().config().required)
    }

    /// Whether packets from the peer may have come encrypted.
    pub(super) fn is_encrypting(&self) -> bool {
        self.ccp().is_some_and(Ccp::is_encrypting) || self.ecp().is_some_and(Ecp::is_encrypting)
    }

    /// Whether the encryption of ECP is there, if it is required.
    fn is_ecp_ready(&self) -> bool {
        let ecp = self.ecp();
        ecp.is_none_or(|ecp| !ecp.negotiation().config().required || ecp.is_encrypting())
    }

    /// Whether what is required is there.
    fn is_ready(&self) -> bool {
        let ccp = self.ccp();
        self.is_ecp_ready()
            && ccp.is_none_or(|ccp| {
                !ccp.negotiation().config().requires_encryption() || ccp.is_encrypting()
            })
    }

    /// Whether a network packet may go: it is encrypted, where it has to be.
    pub(super) fn may_send(&self) -> bool {
        let ccp = self.ccp();
        let ecp = self.ecp();
        ccp.is_none_or(|ccp| !ccp.negotiation().config().requires_encryption() || ccp.encrypts())
            && ecp.is_none_or(|ecp| !ecp.negotiation().config().required || ecp.encrypts())
    }

    // RFC 1962 §2.1 MUST (mru): what goes out is no longer than the peer takes.
    /// How long the information of a packet may be, where the peer takes so much.
    fn room(&self, mru: usize) -> usize {
        let room = match self.ecp() {
            Some(ecp) if ecp.encrypts() => EcpEncryptor::room(mru),
            _ => mru,
        };
        room.saturating_sub(self.ccp().map_or(0, Ccp::overhead))
    }

    /// Encrypts a packet that is about to be sent by ECP; `packet` is the information of `protocol`. The
    /// answer is the protocol that it has now.
    pub(super) fn encrypt(&mut self, protocol: PppProtocol, packet: &mut PacketBuf) -> PppProtocol {
        let ecp = self.controls.first.as_deref_mut();
        if ecp.is_some_and(|ecp| ecp.encrypt(protocol, packet)) {
            PppProtocol::ENCRYPTED
        } else {
            protocol
        }
    }

    /// Compresses and encrypts a network packet that is about to be sent; `packet` is the information of
    /// `protocol`. The answer is the protocol that it has now.
    pub(super) fn protect(&mut self, protocol: PppProtocol, packet: &mut PacketBuf) -> PppProtocol {
        // RFC 1968 §2.2 MUST (order): what is compressed and encrypted is compressed first.
        let ccp = self.controls.second.as_deref_mut();
        let protocol = if ccp.is_some_and(|ccp| ccp.compress(protocol, packet)) {
            PppProtocol::COMPRESSED
        } else {
            protocol
        };
        self.encrypt(protocol, packet)
    }
}

impl Link {
    /// CCP, to look at; `None` where it is not configured.
    pub const fn ccp(&self) -> Option<&Ccp> {
        self.protection.ccp()
    }

    /// ECP, to look at; `None` where it is not configured.
    pub const fn ecp(&self) -> Option<&Ecp> {
        self.protection.ecp()
    }

    /// Configures CCP anew, for its next negotiation: what is required can depend on the peer's name.
    /// False where it is not configured.
    ///
    /// # Errors
    ///
    /// [`LinkConfigError`], which names the field; nothing has changed.
    pub fn set_ccp_config(&mut self, config: CcpConfig) -> Result<bool, LinkConfigError> {
        LinkConfigError::check_part("ccp", config.problem())?;
        let ccp = self.protection.controls.second.as_deref_mut();
        Ok(ccp.map(|ccp| ccp.set_config(config)).is_some())
    }

    /// The same for ECP: keys can depend on the peer's name.
    ///
    /// # Errors
    ///
    /// [`LinkConfigError`], which names the field; nothing has changed.
    pub fn set_ecp_config(&mut self, config: EcpConfig) -> Result<bool, LinkConfigError> {
        LinkConfigError::check_part("ecp", config.problem())?;
        let ecp = self.protection.controls.first.as_deref_mut();
        Ok(ecp.map(|ecp| ecp.set_config(config)).is_some())
    }

    /// How long a network packet may be, in octets: what the peer and the path to it take, less what encryption adds.
    pub fn mtu(&self) -> usize {
        self.protection.room(usize::from(self.reach()))
    }

    /// The network phase: what packets go through is agreed on first, where it is required.
    pub(super) fn begin_protection(&mut self, now: Instant) {
        let mru = usize::from(self.reach());
        self.protection.begin(now, mru);
        self.release(now);
    }

    /// How long the information of a control packet may be: those are encrypted by ECP too.
    pub(super) fn control_room(&self) -> usize {
        let reach = usize::from(self.reach());
        self.protection
            .ecp()
            .map_or(reach, |_| EcpEncryptor::room(reach))
    }

    /// Lets begin what waits for encryption, when what is required is there.
    fn release(&mut self, now: Instant) {
        let mru = self.control_room();
        let our_mru = usize::from(self.lcp().ours().mru);
        if self.protection.holds_ccp && self.protection.is_ecp_ready() {
            self.protection
                .begin_ccp(now, mru, our_mru, self.keys.as_ref());
        }
        if self.protection.holds_networks && self.protection.is_ready() {
            self.protection.holds_networks = false;
            self.networks.begin(now, mru);
        }
    }

    /// A packet of the network phase.
    // RFC 1962 §2 MUST (phase): in others it does not come here.
    // RFC 1968 §2 MUST (phase): nor does ECP.
    pub(super) fn receive_network(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        let controls = &mut self.protection.controls;
        match (protocol, &mut controls.first) {
            (PppProtocol::ECP, Some(_)) => self.receive_protection(now, protocol, information),
            (PppProtocol::ENCRYPTED, Some(ecp)) => {
                let mut decrypted = core::mem::take(&mut self.protection.decrypted);
                let result = match ecp.decrypt(information, &mut decrypted) {
                    Ok(is_whole) => {
                        let packet = Some(decrypted.as_slice()).filter(|_| is_whole);
                        self.receive_inner(now, PppProtocol::ENCRYPTED, packet, data)
                    }
                    Err(discard) => Err(discard.into()),
                };
                self.protection.decrypted = decrypted;
                result
            }
            (_, Some(ecp)) => {
                ecp.pass(protocol)?;
                self.receive_decrypted(now, protocol, information, data)
            }
            (_, None) => self.receive_decrypted(now, protocol, information, data),
        }
    }

    /// A packet, as it was before it was encrypted by ECP.
    fn receive_decrypted(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        let controls = &mut self.protection.controls;
        match (protocol, &mut controls.second) {
            (PppProtocol::CCP, Some(_)) => self.receive_protection(now, protocol, information),
            (PppProtocol::COMPRESSED, Some(ccp)) => {
                let mut uncompressed = core::mem::take(&mut self.protection.uncompressed);
                let result = match ccp.decompress(now, information, &mut uncompressed) {
                    Ok(is_whole) => {
                        let packet = Some(uncompressed.as_slice()).filter(|_| is_whole);
                        self.receive_inner(now, PppProtocol::COMPRESSED, packet, data)
                    }
                    Err(discard) => Err(discard.into()),
                };
                self.protection.uncompressed = uncompressed;
                result
            }
            (_, Some(ccp)) => {
                let counted = ccp.pass(protocol, information)?;
                let result = self.receive_plain(now, protocol, information, data);
                self.forgive(result, counted)
            }
            (_, None) => self.receive_plain(now, protocol, information, data),
        }
    }

    /// A packet of ECP or CCP.
    fn receive_protection(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        let controls = &mut self.protection.controls;
        if let Some(result) = controls.handle_input(now, protocol, information) {
            result.map_err(|discard| LinkDiscard::Ncp(protocol, discard))?;
            self.advance(now);
        }
        Ok(None)
    }

    /// What came out of a packet of `outer`; `None` when nothing did.
    fn receive_inner(
        &mut self,
        now: Instant,
        outer: PppProtocol,
        packet: Option<&[u8]>,
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        // The packet has moved the history on, whatever is in it.
        let now = self.advance(now);
        let Some(packet) = packet else {
            return Ok(None);
        };
        let Ok(packet) = PppPacket::parse_protocol(packet) else {
            self.stats.malformed += 1;
            return Ok(None);
        };
        let (protocol, information) = (packet.protocol(), packet.information());
        let result = match (outer, protocol) {
            // Nothing is put into a packet twice.
            (PppProtocol::ENCRYPTED, PppProtocol::ENCRYPTED | PppProtocol::ECP) => None,
            (PppProtocol::ENCRYPTED, _) if protocol.is_network_phase() => {
                Some(self.receive_decrypted(now, protocol, information, data))
            }
            (PppProtocol::COMPRESSED, PppProtocol::COMPRESSED | PppProtocol::ENCRYPTED) => None,
            // Only network packets are compressed.
            (PppProtocol::COMPRESSED, PppProtocol(0..=0x3fff)) => {
                Some(self.receive_plain(now, protocol, information, data))
            }
            _ => None,
        };
        let phase = self.phase();
        let result = result.unwrap_or(Err(LinkDiscard::Phase(protocol, phase)));
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

    /// Takes in what CCP and ECP tell; false when they tell nothing more.
    pub(super) fn settle_protection(&mut self, now: Instant) -> bool {
        match self.protection.controls.poll_event() {
            Some((PppProtocol::ECP, event)) => self.on_ecp(now, event),
            Some((_, event)) => self.on_ccp(now, event),
            None => return false,
        }
        true
    }

    fn on_ccp(&mut self, now: Instant, event: LayerEvent) {
        let Some(ccp) = self.protection.ccp() else {
            return;
        };
        match event {
            LayerEvent::Up => {
                let negotiation = ccp.negotiation();
                let (receive, send) = (negotiation.receive(), negotiation.send());
                self.protection.told_ccp = true;
                self.push_event(LinkEvent::CompressionUp { receive, send });
                self.release_or_end(now);
            }
            LayerEvent::Down => {
                // Keys are used once: without new ones there is no encryption again. Where nothing has
                // been encrypted yet, only an acknowledgement was lost.
                let can_return = ccp.has_fresh_keys();
                if core::mem::take(&mut self.protection.told_ccp) {
                    self.push_event(LinkEvent::CompressionDown);
                }
                self.hold_or_end(now, can_return);
            }
            LayerEvent::Finished => self.hold_or_end(now, false),
            LayerEvent::Started | LayerEvent::NotConverged => {}
        }
    }

    fn on_ecp(&mut self, now: Instant, event: LayerEvent) {
        let Some(ecp) = self.protection.ecp() else {
            return;
        };
        match event {
            LayerEvent::Up => {
                let negotiation = ecp.negotiation();
                let (receive, send) = (negotiation.receive(), negotiation.send());
                self.protection.told_ecp = true;
                self.push_event(LinkEvent::EncryptionUp { receive, send });
                self.release_or_end(now);
            }
            LayerEvent::Down => {
                if core::mem::take(&mut self.protection.told_ecp) {
                    self.push_event(LinkEvent::EncryptionDown);
                }
                self.hold_or_end(now, true);
            }
            LayerEvent::Finished => self.hold_or_end(now, false),
            LayerEvent::Started | LayerEvent::NotConverged => {}
        }
    }

    /// One of the two is open: what waits for it begins, unless it is not what is required.
    fn release_or_end(&mut self, now: Instant) {
        let protection = &self.protection;
        let is_settled = |ccp: &Ccp| ccp.is_open() && !ccp.is_encrypting();
        let lacks_ecp = protection.ecp().is_some_and(Ecp::is_open) && !protection.is_ecp_ready();
        let lacks_ccp = protection.ccp().is_some_and(is_settled) && !protection.is_ready();
        if lacks_ecp || lacks_ccp {
            self.end_unprotected(now);
        } else {
            self.release(now);
        }
    }

    /// One of the two is not open any more: the networks wait for it, if it can come back.
    fn hold_or_end(&mut self, now: Instant, can_return: bool) {
        if self.phase() != Phase::Network || self.protection.is_ready() {
            return;
        }
        if can_return {
            self.protection.holds_networks = true;
            self.networks.controls.lower_down(now);
        } else {
            self.end_unprotected(now);
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
