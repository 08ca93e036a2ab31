//! The data path: packets of networks on their way out and in.
//!
//! ```text
//!  send, encapsulate:  IP --> headers compressed (VJ) --> compressed, encrypted (CCP) --> PPP packet
//!  handle_input:       IP <-- headers put back        <-- decrypted, decompressed     <-- PPP packet
//! ```

use super::event::{LinkDiscard, LinkTransmit, SendError};
use super::machine::Link;
use crate::ncp::IpcpValues;
use crate::vj::{Compressor, Decompressor, Form};
use crate::wire::{PppProtocol, PppRepr};
use packet_buffer::{Instant, PacketBuf};

/// Header compression, as IPCP has agreed on it for each direction.
#[derive(Debug, Default)]
pub(super) struct Vj {
    pub(super) send: Option<Compressor>,
    pub(super) receive: Option<Decompressor>,
}

impl Vj {
    // RFC 1332 §4 MUST (direction): each end says what it takes; the directions differ.
    pub(super) fn new(values: &IpcpValues) -> Self {
        Self {
            send: values.vj_send.as_ref().map(Compressor::new),
            receive: values.vj_receive.as_ref().map(Decompressor::new),
        }
    }
}

impl Link {
    /// The compression of TCP/IP headers to the peer, where IPCP has agreed on it.
    pub const fn vj_compressor(&self) -> Option<&Compressor> {
        self.networks.vj.send.as_ref()
    }

    /// The decompression of TCP/IP headers from the peer, where IPCP has agreed on it.
    pub const fn vj_decompressor(&self) -> Option<&Decompressor> {
        self.networks.vj.receive.as_ref()
    }

    /// Makes a PPP packet of a network packet: the protocol goes in front of what `packet` holds,
    /// which is compressed and encrypted as was agreed. [`framing`](Self::framing) says how it is to
    /// be framed. Packets have to go in the order in which they went through here; and before others
    /// that [`poll_transmit`](Self::poll_transmit) gives later.
    ///
    /// # Errors
    ///
    /// [`SendError`], which is counted; the packet is where it was.
    pub fn encapsulate(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        packet: &mut PacketBuf,
    ) -> Result<(), SendError> {
        if !self.is_open(protocol) {
            self.stats.send_not_open += 1;
            self.wake(now);
            return Err(SendError::NotOpen(protocol));
        }
        let (length, mru) = (packet.len(), self.mtu());
        if length > mru {
            self.stats.send_too_long += 1;
            return Err(SendError::TooLong { length, mru });
        }
        // RFC 3078 §2 MUST (required): where encryption is required, nothing goes in clear.
        if !self.protection.may_send() {
            self.stats.send_not_encrypted += 1;
            return Err(SendError::NotEncrypted);
        }
        let protocol = match &mut self.networks.vj.send {
            Some(compressor) if protocol == PppProtocol::IPV4 => {
                compressor.compress(packet).protocol()
            }
            _ => protocol,
        };
        let protocol = self.protection.protect(protocol, packet);
        let now = self.advance(now);
        self.timers.used(now, self.config().idle_timeout);
        self.stats.sent += 1;
        let framing = self.framing();
        PppRepr {
            protocol,
            compress_protocol: framing.protocol_field_compression,
            address_and_control: false,
        }
        .emit(packet);
        self.count_sent(packet.len(), &framing);
        Ok(())
    }

    /// The next packet of the queue whose protocol is open, encapsulated.
    pub(super) fn poll_queue(&mut self, out: &mut PacketBuf) -> Option<LinkTransmit> {
        loop {
            let networks = &self.networks;
            let (protocol, packet) = self.queue.pop(|protocol| networks.is_open(protocol))?;
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            out.append_slice(&packet);
            if self.encapsulate(self.latest, protocol, out).is_ok() {
                let framing = self.framing();
                return Some(LinkTransmit { framing, protocol });
            }
        }
    }

    /// A packet of a network that is configured.
    pub(super) fn receive_data(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        // RFC 1661 §3.6 MUST (not-open): packets of a supported protocol that is not open are
        // silently discarded.
        if !self.is_open(protocol) {
            return Err(LinkDiscard::NotOpen(protocol));
        }
        let now = self.advance(now);
        self.timers.used(now, self.config().idle_timeout);
        self.stats.delivered += 1;
        data.reset(PacketBuf::DEFAULT_HEADROOM);
        data.append_slice(information);
        Ok(Some(protocol))
    }

    /// A packet with a header that refers to another, or is one that others will refer to.
    pub(super) fn receive_vj(
        &mut self,
        now: Instant,
        protocol: PppProtocol,
        information: &[u8],
        data: &mut PacketBuf,
    ) -> Result<Option<PppProtocol>, LinkDiscard> {
        if !self.is_open(PppProtocol::IPV4) {
            return Err(LinkDiscard::NotOpen(protocol));
        }
        let now = self.advance(now);
        let (Some(decompressor), Some(form)) = (&mut self.networks.vj.receive, Form::of(protocol))
        else {
            // RFC 1332 §4 MUST (agreed): headers are compressed only where it was agreed on.
            self.reject_protocol(protocol, information);
            return Ok(None);
        };
        data.reset(PacketBuf::DEFAULT_HEADROOM);
        data.append_slice(information);
        if decompressor.decompress(form, data).is_err() {
            // What follows may be dropped for it, so it was not ignored.
            self.stats.vj_refused += 1;
            return Ok(None);
        }
        self.timers.used(now, self.config().idle_timeout);
        self.stats.delivered += 1;
        Ok(Some(PppProtocol::IPV4))
    }
}
