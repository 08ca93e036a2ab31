//! One end of CCP, with what it agreed on.

use super::mppe::{MppeEncryptor, MppeError, is_encrypted};
use super::negotiation::{CcpConfig, CcpNegotiation};
use super::transform::{Compressor, Decompressor, Failure};
use crate::auth::MsChapV2Keys;
use crate::automaton::{
    Discard, Endpoint, EndpointConfig, EndpointConfigError, EndpointStats, LayerEvent, Received,
    State,
};
use crate::wire::{Code, ControlPacket, PppProtocol};
use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// The time until a Reset-Request is sent again.
const RESET_TIMER: Duration = Duration::from_secs(1);

/// Reset-Requests without an answer until CCP is closed.
const MAX_RESETS: u32 = 10;

/// Why a packet was not decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CcpDiscard {
    /// Nothing was agreed on.
    #[error("no compression was agreed on")]
    NotOpen,
    /// A packet was lost before, and the peer has not answered the Reset-Request yet.
    #[error("the Reset-Request has not been answered yet")]
    AwaitsReset,
    /// MPPE says why.
    #[error("MPPE: {0}")]
    Mppe(#[from] MppeError),
    /// The packet is in clear where it has to be encrypted.
    #[error("{0} in clear")]
    InClear(PppProtocol),
}

/// Counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CcpStats {
    /// Packets that were sent compressed or encrypted.
    pub compressed: u64,
    /// Packets that were sent as they were, because they did not become shorter.
    pub sent_as_is: u64,
    /// Packets that were decompressed or decrypted.
    pub decompressed: u64,
    /// Packets that came as they were.
    pub received_as_is: u64,
    /// Packets with which the history was found to be lost.
    pub lost: u64,
    /// Packets that were discarded until the peer answered a Reset-Request.
    pub awaiting_reset: u64,
    /// Encrypted packets that were late, forged or not encrypted at all.
    pub refused: u64,
    /// Packets that came in clear where they have to be encrypted.
    pub in_clear: u64,
    /// Packets that came before anything was agreed on.
    pub not_open: u64,
    /// Reset-Requests sent.
    pub resets_sent: u64,
    /// Reset-Requests received.
    pub resets_received: u64,
    /// Reset-Acks that answer no request.
    pub stale_reset_acks: u64,
}

/// A Reset-Request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Reset {
    identifier: u8,
    deadline: Instant,
    sent: u32,
}

/// One end of CCP, and what packets go through.
///
/// Packets are to be sent in the order in which [`poll_transmit`](Self::poll_transmit) and
/// [`compress`](Self::compress) give them: a method begins, and begins anew, between two packets.
pub struct Ccp {
    endpoint: Endpoint<CcpNegotiation>,
    random: Box<dyn RandomSource + Send>,
    keys: Option<MsChapV2Keys>,
    compressor: Option<Compressor>,
    decompressor: Option<Decompressor>,
    reset: Option<Reset>,
    receive_limit: usize,
    stats: CcpStats,
}

impl Ccp {
    /// An end whose lower layer is down, and that is not to open yet.
    ///
    /// # Errors
    ///
    /// [`EndpointConfigError`], which names the field.
    pub fn new(
        config: EndpointConfig,
        negotiation: CcpNegotiation,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, EndpointConfigError> {
        Ok(Self {
            endpoint: Endpoint::new(config, negotiation)?,
            random,
            keys: None,
            compressor: None,
            decompressor: None,
            reset: None,
            receive_limit: 1502,
            stats: CcpStats::default(),
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

    /// The link is in its network phase, and MS-CHAP-V2 gave these keys, if it was spoken.
    pub fn lower_up(&mut self, now: Instant, keys: Option<MsChapV2Keys>) {
        self.endpoint.negotiation_mut().set_has_keys(keys.is_some());
        self.keys = keys;
        self.endpoint.lower_up(now, &mut *self.random);
    }

    /// The link is not any more.
    pub fn lower_down(&mut self, now: Instant) {
        self.endpoint.lower_down(now, &mut *self.random);
        self.follow();
        self.keys = None;
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

    /// Sets how many octets of protocol and information come out of a packet at most. Default: 1502.
    pub const fn set_receive_limit(&mut self, octets: usize) {
        self.receive_limit = octets;
    }

    /// Configures anew, for the next negotiation.
    pub(crate) fn set_config(&mut self, config: CcpConfig) {
        self.endpoint.negotiation_mut().set_config(config);
    }

    /// The options.
    pub const fn negotiation(&self) -> &CcpNegotiation {
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
        self.is_open() && matches!(self.compressor, Some(Compressor::Mppe(_)))
    }

    /// Whether there are keys with which nothing was encrypted yet.
    pub fn has_fresh_keys(&self) -> bool {
        let used = match (&self.compressor, &self.decompressor) {
            (Some(Compressor::Mppe(mppe)), _) if mppe.is_used() => true,
            (_, Some(Decompressor::Mppe(mppe))) => mppe.is_used(),
            _ => false,
        };
        self.keys.is_some() && !used
    }

    /// Octets by which a packet to the peer grows at most.
    pub fn overhead(&self) -> usize {
        match &self.compressor {
            Some(Compressor::Mppe(_)) => MppeEncryptor::OVERHEAD,
            // What would grow goes as it is.
            _ => 0,
        }
    }

    /// Counters.
    pub const fn stats(&self) -> &CcpStats {
        &self.stats
    }

    /// Counters of the negotiation.
    pub const fn endpoint_stats(&self) -> &EndpointStats {
        self.endpoint.stats()
    }

    /// A packet of CCP has arrived.
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
            return self.on_reset(&packet);
        }
        let code = information.first().copied().map(Code);
        if code == Some(Code::CONFIGURE_REQUEST) {
            // The peer says anew what it decompresses: nothing is compressed until it is told that
            // we have understood.
            self.stop_compressor();
        }
        if self.negotiation().acknowledged_requests() != acknowledged {
            // What the peer sends behind its acknowledgement goes through what was agreed on.
            self.stop_decompressor();
            let method = self.negotiation().receive();
            self.decompressor =
                method.and_then(|method| Decompressor::new(method, self.keys.as_ref()));
        }
        self.follow();
        Ok(())
    }

    /// Compresses or encrypts a packet in place; `packet` is the information of `protocol`. True when it is
    /// of [`PppProtocol::COMPRESSED`] now, false when it goes as it is.
    pub fn compress(&mut self, protocol: PppProtocol, packet: &mut PacketBuf) -> bool {
        let is_open = self.is_open();
        let Some(compressor) = &mut self.compressor else {
            return false;
        };
        if !is_open {
            // The peer counts what goes as it is, from our acknowledgement on.
            if !matches!(compressor, Compressor::Mppe(_)) {
                compressor.compress(protocol, &mut packet.clone());
            }
            return false;
        }
        // RFC 1962 §2.1 MUST (open): nothing is compressed before CCP is open.
        let compressed = compressor.compress(protocol, packet);
        *if compressed {
            &mut self.stats.compressed
        } else {
            &mut self.stats.sent_as_is
        } += 1;
        compressed
    }

    /// Decompresses or decrypts the information of a packet of [`PppProtocol::COMPRESSED`]: protocol and
    /// information are written to `out`, in place of what it holds. False when the packet told that one
    /// before it was lost: a Reset-Request goes out.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn decompress(
        &mut self,
        now: Instant,
        information: &[u8],
        out: &mut PacketBuf,
    ) -> Result<bool, CcpDiscard> {
        if !self.is_open() {
            self.stats.not_open += 1;
            return Err(CcpDiscard::NotOpen);
        }
        let Some(decompressor) = &mut self.decompressor else {
            self.stats.not_open += 1;
            return Err(CcpDiscard::NotOpen);
        };
        // With MPPE a packet says itself that it ends the wait.
        if self.reset.is_some() && !matches!(decompressor, Decompressor::Mppe(_)) {
            self.stats.awaiting_reset += 1;
            return Err(CcpDiscard::AwaitsReset);
        }
        match decompressor.decompress(information, out, self.receive_limit) {
            Ok(()) => {
                self.reset = None;
                self.stats.decompressed += 1;
                Ok(true)
            }
            Err(Failure::Ignored(MppeError::AwaitsReset)) => {
                self.stats.awaiting_reset += 1;
                if self.reset.is_none() {
                    // The request was answered, but the packet that began anew was lost.
                    self.request_reset(now);
                    return Ok(false);
                }
                Err(CcpDiscard::AwaitsReset)
            }
            Err(Failure::Ignored(error)) => {
                self.stats.refused += 1;
                Err(error.into())
            }
            Err(Failure::Lost) => {
                self.stats.lost += 1;
                self.request_reset(now);
                Ok(false)
            }
        }
    }

    /// A packet has come as it was: the history has it too. Whether there is one is told.
    ///
    /// # Errors
    ///
    /// [`CcpDiscard::InClear`], when packets of the protocol have to be encrypted.
    pub fn pass(&mut self, protocol: PppProtocol, information: &[u8]) -> Result<bool, CcpDiscard> {
        // RFC 3078 §2 MUST (clear): what has to be encrypted is not taken in clear.
        let encrypted = self.negotiation().config().requires_encryption()
            || matches!(self.decompressor, Some(Decompressor::Mppe(_)));
        if encrypted && is_encrypted(protocol) {
            self.stats.in_clear += 1;
            return Err(CcpDiscard::InClear(protocol));
        }
        if let Some(decompressor) = &mut self.decompressor
            && self.reset.is_none()
        {
            let counts = decompressor.pass(protocol, information);
            self.stats.received_as_is += u64::from(counts);
            return Ok(counts);
        }
        Ok(false)
    }

    /// The Restart timer may have expired, or that of a Reset-Request.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now, &mut *self.random);
        if let Some(reset) = &mut self.reset
            && reset.deadline <= now
        {
            if reset.sent < MAX_RESETS {
                reset.sent += 1;
                reset.deadline = now + RESET_TIMER;
                let identifier = reset.identifier;
                self.stats.resets_sent += 1;
                self.endpoint
                    .answer_own(Code::RESET_REQUEST, identifier, &[]);
            } else {
                self.endpoint.close(now, &mut *self.random);
            }
        }
        self.follow();
    }

    /// Writes the next packet in place of what `out` holds; false when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        if !self.endpoint.poll_transmit(out) {
            return false;
        }
        // Each of these is a border between packets before and packets behind it.
        match out.as_slice().first().copied().map(Code) {
            Some(Code::CONFIGURE_REQUEST) => self.stop_decompressor(),
            Some(Code::CONFIGURE_ACK) => {
                self.stop_compressor();
                let method = self.negotiation().send();
                self.compressor =
                    method.and_then(|method| Compressor::new(method, self.keys.as_ref()));
            }
            // RFC 1962 §3.1 MUST (reset): with the Reset-Ack, the compressor begins anew.
            Some(Code::RESET_ACK) => {
                if let Some(compressor) = &mut self.compressor {
                    compressor.reset();
                }
            }
            _ => {}
        }
        true
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let reset = self.reset.map(|reset| reset.deadline);
        [self.endpoint.poll_timeout(), reset]
            .into_iter()
            .flatten()
            .min()
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<LayerEvent> {
        self.endpoint.poll_event()
    }

    fn on_reset(&mut self, packet: &ControlPacket<'_>) -> Result<(), Discard> {
        let identifier = packet.identifier();
        if packet.code() == Code::RESET_REQUEST {
            self.stats.resets_received += 1;
            if self.is_open() {
                // RFC 1962 §3.1 MUST (reset-ack): it is answered, with its identifier.
                self.endpoint.answer_own(Code::RESET_ACK, identifier, &[]);
            }
            return Ok(());
        }
        // RFC 1962 §3.1 MUST (solicited): who has not asked has nothing to reset.
        match self.reset {
            Some(reset) if reset.identifier == identifier => {
                self.reset = None;
                if let Some(decompressor) = &mut self.decompressor {
                    decompressor.reset();
                }
                Ok(())
            }
            _ => {
                self.stats.stale_reset_acks += 1;
                Err(Discard::StaleAnswer { identifier })
            }
        }
    }

    // RFC 1962 §3.1 MUST (reset-request): who has lost the history asks the peer to begin anew.
    fn request_reset(&mut self, now: Instant) {
        if self.reset.is_none() {
            let identifier = self.endpoint.send_own(Code::RESET_REQUEST, &[]);
            self.stats.resets_sent += 1;
            self.reset = Some(Reset {
                identifier,
                deadline: now + RESET_TIMER,
                sent: 1,
            });
        }
    }

    /// What was agreed on ends with the negotiation.
    fn follow(&mut self) {
        let negotiates = matches!(
            self.state(),
            State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
        );
        if !negotiates {
            self.stop_compressor();
            self.stop_decompressor();
        }
    }

    fn stop_compressor(&mut self) {
        if let Some(Compressor::Mppe(mppe)) = self.compressor.take()
            && mppe.is_used()
        {
            self.spend_keys();
        }
    }

    fn stop_decompressor(&mut self) {
        self.reset = None;
        if let Some(Decompressor::Mppe(mppe)) = self.decompressor.take()
            && mppe.is_used()
        {
            self.spend_keys();
        }
    }

    /// Keys that were used never encrypt from their start again: two packets under the same octets of
    /// RC4 tell their difference to everybody.
    fn spend_keys(&mut self) {
        self.keys = None;
        self.endpoint.negotiation_mut().set_has_keys(false);
    }
}

impl fmt::Debug for Ccp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ccp")
            .field("state", &self.state())
            .field("compressor", &self.compressor)
            .field("decompressor", &self.decompressor)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
