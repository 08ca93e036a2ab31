//! One end of CCP, with what it agreed on.

use super::mppe::{MppeEncryptor, MppeError, is_encrypted};
use super::negotiation::{CcpConfig, CcpNegotiation};
use super::transform::{Compressor, Decompressor, Failure};
use crate::auth::MsChapV2Keys;
use crate::automaton::{Discard, Endpoint, TransformProtocol, Transforms};
use crate::wire::{Code, ControlPacket, PppProtocol};
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
/// Packets are to be sent in the order in which [`poll_transmit`](TransformProtocol::poll_transmit) and
/// [`compress`](TransformProtocol::compress) give them: a method begins, and begins anew, between two packets.
pub type Ccp = TransformProtocol<CcpTransforms>;

/// What packets go through where CCP has agreed on it.
pub struct CcpTransforms {
    keys: Option<MsChapV2Keys>,
    compressor: Option<Compressor>,
    decompressor: Option<Decompressor>,
    reset: Option<Reset>,
    receive_limit: usize,
    stats: CcpStats,
}

impl Default for CcpTransforms {
    fn default() -> Self {
        Self {
            keys: None,
            compressor: None,
            decompressor: None,
            reset: None,
            receive_limit: 1502,
            stats: CcpStats::default(),
        }
    }
}

impl Ccp {
    /// The link is in its network phase, and MS-CHAP-V2 gave these keys, if it was spoken.
    pub fn lower_up(&mut self, now: Instant, keys: Option<MsChapV2Keys>) {
        self.endpoint.negotiation_mut().set_has_keys(keys.is_some());
        self.transforms.keys = keys;
        self.endpoint.lower_up(now, &mut *self.random);
    }

    /// Sets how many octets of protocol and information come out of a packet at most. Default: 1502.
    pub const fn set_receive_limit(&mut self, octets: usize) {
        self.transforms.receive_limit = octets;
    }

    /// Configures anew, for the next negotiation.
    pub(crate) fn set_config(&mut self, config: CcpConfig) {
        self.endpoint.negotiation_mut().set_config(config);
    }

    /// Whether encryption of both directions was agreed on.
    pub fn is_encrypting(&self) -> bool {
        self.is_open() && self.negotiation().is_encrypted()
    }

    /// Whether packets to the peer are encrypted now.
    pub fn encrypts(&self) -> bool {
        self.is_open() && matches!(self.transforms.compressor, Some(Compressor::Mppe(_)))
    }

    /// Whether there are keys with which nothing was encrypted yet.
    pub fn has_fresh_keys(&self) -> bool {
        let transforms = &self.transforms;
        let used = match (&transforms.compressor, &transforms.decompressor) {
            (Some(Compressor::Mppe(mppe)), _) if mppe.is_used() => true,
            (_, Some(Decompressor::Mppe(mppe))) => mppe.is_used(),
            _ => false,
        };
        transforms.keys.is_some() && !used
    }

    /// Octets by which a packet to the peer grows at most.
    pub fn overhead(&self) -> usize {
        match &self.transforms.compressor {
            Some(Compressor::Mppe(_)) => MppeEncryptor::OVERHEAD,
            // What would grow goes as it is.
            _ => 0,
        }
    }

    /// Counters.
    pub const fn stats(&self) -> &CcpStats {
        &self.transforms.stats
    }

    /// Compresses or encrypts a packet in place; `packet` is the information of `protocol`. True when it is
    /// of [`PppProtocol::COMPRESSED`] now, false when it goes as it is.
    pub fn compress(&mut self, protocol: PppProtocol, packet: &mut PacketBuf) -> bool {
        let is_open = self.is_open();
        let Some(compressor) = &mut self.transforms.compressor else {
            return false;
        };
        if !is_open {
            // The peer counts what goes as it is, from our acknowledgement on.
            if !matches!(compressor, Compressor::Mppe(_)) {
                compressor.compress(protocol, &mut packet.clone());
            }
            return false;
        }
        // RFC 1962 §2.1 MUST (open): nothing is compressed before CCP is open,
        // RFC 3078 §3 MUST (open): nor encrypted.
        let compressed = compressor.compress(protocol, packet);
        *if compressed {
            &mut self.transforms.stats.compressed
        } else {
            &mut self.transforms.stats.sent_as_is
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
            self.transforms.stats.not_open += 1;
            return Err(CcpDiscard::NotOpen);
        }
        let Some(decompressor) = &mut self.transforms.decompressor else {
            self.transforms.stats.not_open += 1;
            return Err(CcpDiscard::NotOpen);
        };
        // With MPPE a packet says itself that it ends the wait.
        if self.transforms.reset.is_some() && !matches!(decompressor, Decompressor::Mppe(_)) {
            self.transforms.stats.awaiting_reset += 1;
            return Err(CcpDiscard::AwaitsReset);
        }
        match decompressor.decompress(information, out, self.transforms.receive_limit) {
            Ok(()) => {
                self.transforms.reset = None;
                self.transforms.stats.decompressed += 1;
                Ok(true)
            }
            Err(Failure::Ignored(MppeError::AwaitsReset)) => {
                self.transforms.stats.awaiting_reset += 1;
                if self.transforms.reset.is_none() {
                    // The request was answered, but the packet that began anew was lost.
                    self.transforms.request_reset(&mut self.endpoint, now);
                    return Ok(false);
                }
                Err(CcpDiscard::AwaitsReset)
            }
            Err(Failure::Ignored(error)) => {
                self.transforms.stats.refused += 1;
                Err(error.into())
            }
            Err(Failure::Lost) => {
                self.transforms.stats.lost += 1;
                self.transforms.request_reset(&mut self.endpoint, now);
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
            || matches!(self.transforms.decompressor, Some(Decompressor::Mppe(_)));
        if encrypted && is_encrypted(protocol) {
            self.transforms.stats.in_clear += 1;
            return Err(CcpDiscard::InClear(protocol));
        }
        if let Some(decompressor) = &mut self.transforms.decompressor
            && self.transforms.reset.is_none()
        {
            let counts = decompressor.pass(protocol, information);
            self.transforms.stats.received_as_is += u64::from(counts);
            return Ok(counts);
        }
        Ok(false)
    }
}

impl CcpTransforms {
    // RFC 1962 §3.1 MUST (reset-request): who has lost the history asks the peer to begin anew.
    fn request_reset(&mut self, endpoint: &mut Endpoint<CcpNegotiation>, now: Instant) {
        if self.reset.is_none() {
            let identifier = endpoint.send_own(Code::RESET_REQUEST, &[]);
            self.stats.resets_sent += 1;
            self.reset = Some(Reset {
                identifier,
                deadline: now + RESET_TIMER,
                sent: 1,
            });
        }
    }

    /// Keys that were used never encrypt from their start again: two packets under the same octets of
    /// RC4 tell their difference to everybody.
    fn spend_keys(&mut self, endpoint: &mut Endpoint<CcpNegotiation>) {
        self.keys = None;
        endpoint.negotiation_mut().set_has_keys(false);
    }
}

impl Transforms for CcpTransforms {
    type Negotiation = CcpNegotiation;

    fn acknowledged(negotiation: &CcpNegotiation) -> u32 {
        negotiation.acknowledged_requests()
    }

    fn begin_send(&mut self, endpoint: &mut Endpoint<CcpNegotiation>) {
        let method = endpoint.negotiation().send();
        self.compressor = method.and_then(|method| Compressor::new(method, self.keys.as_ref()));
    }

    fn stop_send(&mut self, endpoint: &mut Endpoint<CcpNegotiation>) {
        if let Some(Compressor::Mppe(mppe)) = self.compressor.take()
            && mppe.is_used()
        {
            self.spend_keys(endpoint);
        }
    }

    // RFC 1962 §3.1 MUST (reset): with the Reset-Ack, the compressor begins anew.
    fn reset_send(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.reset();
        }
    }

    fn begin_receive(&mut self, endpoint: &mut Endpoint<CcpNegotiation>) {
        let method = endpoint.negotiation().receive();
        self.decompressor = method.and_then(|method| Decompressor::new(method, self.keys.as_ref()));
    }

    fn stop_receive(&mut self, endpoint: &mut Endpoint<CcpNegotiation>) {
        self.reset = None;
        if let Some(Decompressor::Mppe(mppe)) = self.decompressor.take()
            && mppe.is_used()
        {
            self.spend_keys(endpoint);
        }
    }

    fn on_own(
        &mut self,
        endpoint: &mut Endpoint<CcpNegotiation>,
        packet: &ControlPacket<'_>,
    ) -> Result<(), Discard> {
        let identifier = packet.identifier();
        if packet.code() == Code::RESET_REQUEST {
            self.stats.resets_received += 1;
            if endpoint.is_open() {
                // RFC 1962 §3.1 MUST (reset-ack): it is answered, with its identifier.
                endpoint.answer_own(Code::RESET_ACK, identifier, &[]);
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

    fn handle_timeout(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint<CcpNegotiation>,
        random: &mut dyn RandomSource,
    ) {
        let Some(reset) = &mut self.reset else {
            return;
        };
        if reset.deadline > now {
            return;
        }
        if reset.sent < MAX_RESETS {
            reset.sent += 1;
            reset.deadline = now + RESET_TIMER;
            self.stats.resets_sent += 1;
            endpoint.answer_own(Code::RESET_REQUEST, reset.identifier, &[]);
        } else {
            endpoint.close(now, random);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.reset.map(|reset| reset.deadline)
    }

    fn lower_down(&mut self) {
        self.keys = None;
    }
}

impl fmt::Debug for CcpTransforms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CcpTransforms")
            .field("compressor", &self.compressor)
            .field("decompressor", &self.decompressor)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
