//! The data path: packets of networks on their way out and in.

use super::event::{LinkDiscard, SendError};
use super::machine::Link;
use crate::wire::{PppProtocol, PppRepr};
use packet_buffer::{Instant, PacketBuf};

impl Link {
    /// Makes a PPP packet of a network packet: the protocol goes in front of what `packet` holds.
    /// [`framing`](Self::framing) says how it is to be framed.
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
            return Err(SendError::NotOpen(protocol));
        }
        let (length, mru) = (packet.len(), self.mtu());
        if length > mru {
            self.stats.send_too_long += 1;
            return Err(SendError::TooLong { length, mru });
        }
        let Ok(protocol) = self.protection.protect(protocol, packet) else {
            self.stats.send_not_encrypted += 1;
            return Err(SendError::NotEncrypted);
        };
        let now = self.advance(now);
        self.timers.used(now, self.config().idle_timeout);
        self.stats.sent += 1;
        PppRepr {
            protocol,
            compress_protocol: self.framing().protocol_field_compression,
            address_and_control: false,
        }
        .emit(packet);
        Ok(())
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
}
