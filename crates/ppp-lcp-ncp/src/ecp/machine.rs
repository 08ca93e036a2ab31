//! One end of ECP, with what it agreed on.

use super::chain::{EcpDecryptor, EcpEncryptor, EcpError};
use super::negotiation::{EcpConfig, EcpNegotiation};
use crate::automaton::{Discard, Endpoint, TransformProtocol, Transforms};
use crate::wire::{Code, ControlPacket, PppProtocol, PppRepr};
use packet_buffer::{Instant, PacketBuf};

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
pub type Ecp = TransformProtocol<EcpTransforms>;

/// What packets are encrypted with where ECP has agreed on it.
#[derive(Debug, Default)]
pub struct EcpTransforms {
    encryptor: Option<EcpEncryptor>,
    decryptor: Option<EcpDecryptor>,
    stats: EcpStats,
}

impl Ecp {
    /// The link is in its network phase.
    pub fn lower_up(&mut self, now: Instant) {
        self.endpoint.lower_up(now, &mut *self.random);
    }

    /// Configures anew, for the next negotiation.
    pub(crate) fn set_config(&mut self, config: EcpConfig) {
        self.endpoint.negotiation_mut().set_config(config);
    }

    /// Whether encryption of both directions was agreed on.
    pub fn is_encrypting(&self) -> bool {
        self.is_open() && self.negotiation().is_encrypted()
    }

    /// Whether packets to the peer are encrypted now.
    pub fn encrypts(&self) -> bool {
        self.is_open() && self.transforms.encryptor.is_some()
    }

    /// Counters.
    pub const fn stats(&self) -> &EcpStats {
        &self.transforms.stats
    }

    /// Encrypts a packet in place; `packet` is the information of `protocol`. True when it is of
    /// [`PppProtocol::ENCRYPTED`] now, false when nothing was agreed on.
    // RFC 1968 §2.1 MUST (open): nothing is encrypted before ECP is open.
    // RFC 2419 §6 MUST NOT (lcp-ecp): packets of LCP and ECP are not encrypted.
    pub fn encrypt(&mut self, protocol: PppProtocol, packet: &mut PacketBuf) -> bool {
        if !self.is_open() || protocol == PppProtocol::ECP || !protocol.is_network_phase() {
            return false;
        }
        let Some(encryptor) = &mut self.transforms.encryptor else {
            return false;
        };
        PppRepr::new(protocol).emit(packet);
        encryptor.encrypt(packet);
        self.transforms.stats.encrypted += 1;
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
        let Some(decryptor) = self.transforms.decryptor.as_mut().filter(|_| is_open) else {
            self.transforms.stats.not_open += 1;
            return Err(EcpDiscard::NotOpen);
        };
        match decryptor.decrypt(information, out) {
            Ok(()) => {
                self.transforms.stats.decrypted += 1;
                Ok(true)
            }
            Err(error @ EcpError::Length(_)) => {
                self.transforms.stats.refused += 1;
                Err(error.into())
            }
            Err(EcpError::Padding) => {
                self.transforms.stats.refused += 1;
                Ok(false)
            }
            Err(EcpError::Sequence { .. }) => {
                self.transforms.stats.lost += 1;
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
            self.transforms.stats.in_clear += 1;
            return Err(EcpDiscard::InClear(protocol));
        }
        Ok(())
    }
}

impl Transforms for EcpTransforms {
    type Negotiation = EcpNegotiation;

    fn acknowledged(negotiation: &EcpNegotiation) -> u32 {
        negotiation.acknowledged_requests()
    }

    fn begin_send(&mut self, endpoint: &mut Endpoint<EcpNegotiation>) {
        let negotiation = endpoint.negotiation();
        let (_, send) = negotiation.agreed();
        self.encryptor = send.and_then(|(method, nonce)| {
            EcpEncryptor::new(method, negotiation.config().key(method)?, nonce)
        });
    }

    fn stop_send(&mut self, _: &mut Endpoint<EcpNegotiation>) {
        self.encryptor = None;
    }

    // The chain goes on from packet to packet, and mends itself.
    fn reset_send(&mut self) {}

    fn begin_receive(&mut self, endpoint: &mut Endpoint<EcpNegotiation>) {
        let negotiation = endpoint.negotiation();
        let (receive, _) = negotiation.agreed();
        self.decryptor = receive.and_then(|(method, nonce)| {
            EcpDecryptor::new(method, negotiation.config().key(method)?, nonce)
        });
    }

    fn stop_receive(&mut self, _: &mut Endpoint<EcpNegotiation>) {
        self.decryptor = None;
    }

    fn on_own(
        &mut self,
        endpoint: &mut Endpoint<EcpNegotiation>,
        packet: &ControlPacket<'_>,
    ) -> Result<(), Discard> {
        let identifier = packet.identifier();
        if packet.code() != Code::RESET_REQUEST {
            // None was asked for.
            return Err(Discard::StaleAnswer { identifier });
        }
        self.stats.resets_received += 1;
        if endpoint.is_open() {
            // RFC 1968 §3.1 MUST (reset-ack): it is answered, with its identifier.
            endpoint.answer_own(Code::RESET_ACK, identifier, &[]);
        }
        Ok(())
    }
}
