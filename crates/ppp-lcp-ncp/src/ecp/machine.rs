//! One end of ECP, with what it agreed on.

use super::chain::{EcpDecryptor, EcpEncryptor, EcpError};
use super::negotiation::{Agreed, EcpConfig, EcpNegotiation};
use crate::automaton::{
    Discard, Endpoint, EndpointConfig, EndpointConfigError, EndpointStats, LayerEvent, Received,
    State,
};
use crate::wire::{Code, PppProtocol, PppRepr};
use alloc::boxed::Box;
use core::fmt;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EcpDiscard {
    /// Nothing was agreed on.
    #[error("no encryption was agreed on")]
    NotOpen,
    /// The packet cannot be one.
    #[error(transparent)]
    Packet(#[from] EcpError),
    /// The packet is in clear where it has to be encrypted.
    #[error("{0} in clear")]
    InClear(PppProtocol),
}

/// Counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EcpStats {
    /// Packets that were encrypted.
    pub encrypted: u64,
    /// Packets that were decrypted.
    pub decrypted: u64,
    /// Packets that could not be read because one before them was lost.
    pub lost: u64,
    /// Packets that are not whole blocks, or whose padding is wrong.
    pub refused: u64,
    /// Packets that came in clear where they have to be encrypted.
    pub in_clear: u64,
    /// Packets that came before anything was agreed on.
    pub not_open: u64,
    /// Reset-Requests received. They are answered; the chain needs none.
    pub resets_received: u64,
}

/// One end of ECP, and what packets are encrypted with.
pub struct Ecp {
    endpoint: Endpoint<EcpNegotiation>,
    random: Box<dyn RandomSource + Send>,
    encryptor: Option<EcpEncryptor>,
    decryptor: Option<EcpDecryptor>,
    stats: EcpStats,
}

impl Ecp {
    /// An end whose lower layer is down, and that is not to open yet.
    ///
    /// # Errors
    ///
    /// [`EndpointConfigError`], which names the field.
    pub fn new(
        config: EndpointConfig,
        negotiation: EcpNegotiation,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, EndpointConfigError> {
        Ok(Self {
            endpoint: Endpoint::new(config, negotiation)?,
            random,
            encryptor: None,
            decryptor: None,
            stats: EcpStats::default(),
        })
    }

    /// It may open.
    pub fn open(&mut self, now: Instant) {
        self.endpoint.open(now, &mut *self.random);
        self.follow();
    }

    /// It must not stay open.
    pub fn close(&mut self, now: Instant) {
        self.endpoint.close(now, &mut *self.random);
        self.follow();
    }

    /// The link is in its network phase.
    pub fn lower_up(&mut self, now: Instant) {
        self.endpoint.lower_up(now, &mut *self.random);
    }

    /// The link is not any more.
    pub fn lower_down(&mut self, now: Instant) {
        self.endpoint.lower_down(now, &mut *self.random);
        self.follow();
    }

    /// The peer does not know the protocol.
    pub fn protocol_rejected(&mut self, now: Instant) {
        self.endpoint.protocol_rejected(now, &mut *self.random);
        self.follow();
    }

    /// Sets how many octets of information the peer takes (its MRU).
    pub const fn set_peer_limit(&mut self, octets: usize) {
        self.endpoint.set_peer_limit(octets);
    }

    /// Configures anew, for the next negotiation.
    pub(crate) fn set_config(&mut self, config: EcpConfig) {
        self.endpoint.negotiation_mut().set_config(config);
    }

    /// The options.
    pub const fn negotiation(&self) -> &EcpNegotiation {
        self.endpoint.negotiation()
    }

    /// The state of the automaton.
    pub const fn state(&self) -> State {
        self.endpoint.state()
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.endpoint.is_open()
    }

    /// Whether encryption of both directions was agreed on.
    pub fn is_encrypting(&self) -> bool {
        self.is_open() && self.negotiation().is_encrypted()
    }

    /// Whether packets to the peer are encrypted now.
    pub fn encrypts(&self) -> bool {
        self.is_open() && self.encryptor.is_some()
    }

    /// Counters.
    pub const fn stats(&self) -> &EcpStats {
        &self.stats
    }

    /// Counters of the negotiation.
    pub const fn endpoint_stats(&self) -> &EndpointStats {
        self.endpoint.stats()
    }

    /// A packet of ECP has arrived.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_packet(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard> {
        let acknowledged = self.negotiation().acknowledged_requests();
        let received = self
            .endpoint
            .handle_packet(now, information, &mut *self.random)?;
        if let Received::Own(packet) = received {
            let identifier = packet.identifier();
            if packet.code() != Code::RESET_REQUEST {
                // None was asked for.
                return Err(Discard::StaleAnswer { identifier });
            }
            self.stats.resets_received += 1;
            if self.is_open() {
                // RFC 1968 §3.1 MUST (reset-ack): it is answered, with its identifier.
                self.endpoint.answer_own(Code::RESET_ACK, identifier, &[]);
            }
            return Ok(());
        }
        if information.first().copied().map(Code) == Some(Code::CONFIGURE_REQUEST) {
            self.encryptor = None;
        }
        if self.negotiation().acknowledged_requests() != acknowledged {
            let (receive, _) = self.negotiation().agreed();
            self.decryptor = receive.and_then(|(method, nonce)| {
                EcpDecryptor::new(method, self.negotiation().config().key(method)?, nonce)
            });
        }
        self.follow();
        Ok(())
    }

    /// Encrypts a packet in place; `packet` is the information of `protocol`. True when it is of
    /// [`PppProtocol::ENCRYPTED`] now, false when nothing was agreed on.
    // RFC 1968 §2.1 MUST (open): nothing is encrypted before ECP is open.
    // RFC 2419 §6 MUST NOT (lcp-ecp): packets of LCP and ECP are not encrypted.
    pub fn encrypt(&mut self, protocol: PppProtocol, packet: &mut PacketBuf) -> bool {
        if !self.is_open() || protocol == PppProtocol::ECP || !protocol.is_network_phase() {
            return false;
        }
        let Some(encryptor) = &mut self.encryptor else {
            return false;
        };
        PppRepr::new(protocol).emit(packet);
        encryptor.encrypt(packet);
        self.stats.encrypted += 1;
        true
    }

    /// Decrypts the information of a packet of [`PppProtocol::ENCRYPTED`]: protocol and information are
    /// written to `out`, in place of what it holds. False when it cannot be read, but has moved the chain
    /// on.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn decrypt(&mut self, information: &[u8], out: &mut PacketBuf) -> Result<bool, EcpDiscard> {
        let is_open = self.is_open();
        let Some(decryptor) = self.decryptor.as_mut().filter(|_| is_open) else {
            self.stats.not_open += 1;
            return Err(EcpDiscard::NotOpen);
        };
        match decryptor.decrypt(information, out) {
            Ok(()) => {
                self.stats.decrypted += 1;
                Ok(true)
            }
            Err(error @ EcpError::Length(_)) => {
                self.stats.refused += 1;
                Err(error.into())
            }
            Err(EcpError::Padding) => {
                self.stats.refused += 1;
                Ok(false)
            }
            Err(EcpError::Sequence { .. }) => {
                self.stats.lost += 1;
                Ok(false)
            }
        }
    }

    /// Looks at a packet that has come in clear.
    ///
    /// # Errors
    ///
    /// [`EcpDiscard::InClear`], when packets of the protocol have to be encrypted.
    // RFC 1968 §2.1 MUST (clear): where encryption is open or required, data in clear is not taken.
    pub fn pass(&mut self, protocol: PppProtocol) -> Result<(), EcpDiscard> {
        let encrypted = self.negotiation().config().required
            || (self.is_open() && self.negotiation().receive().is_some());
        if encrypted && protocol != PppProtocol::ECP && protocol.is_network_phase() {
            self.stats.in_clear += 1;
            return Err(EcpDiscard::InClear(protocol));
        }
        Ok(())
    }

    /// The Restart timer may have expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now, &mut *self.random);
        self.follow();
    }

    /// Writes the next packet in place of what `out` holds; false when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        if !self.endpoint.poll_transmit(out) {
            return false;
        }
        match out.as_slice().first().copied().map(Code) {
            Some(Code::CONFIGURE_REQUEST) => self.decryptor = None,
            Some(Code::CONFIGURE_ACK) => {
                let (_, send) = self.negotiation().agreed();
                self.encryptor = send.and_then(|send| self.new_encryptor(send));
            }
            _ => {}
        }
        true
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<LayerEvent> {
        self.endpoint.poll_event()
    }

    fn new_encryptor(&self, (method, nonce): Agreed) -> Option<EcpEncryptor> {
        let key = self.negotiation().config().key(method)?;
        EcpEncryptor::new(method, key, nonce)
    }

    /// What was agreed on ends with the negotiation.
    fn follow(&mut self) {
        let negotiates = matches!(
            self.state(),
            State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
        );
        if !negotiates {
            self.encryptor = None;
            self.decryptor = None;
        }
    }
}

impl fmt::Debug for Ecp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ecp")
            .field("state", &self.state())
            .field("encryptor", &self.encryptor)
            .field("decryptor", &self.decryptor)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
