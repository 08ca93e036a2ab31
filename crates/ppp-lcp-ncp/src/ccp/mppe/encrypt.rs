//! The sender.

use super::keys::MppeKey;
use super::{COUNT_MASK, ENCRYPTED, FLUSHED, MppeMode, is_flag};
use core::fmt;
use packet_buffer::PacketBuf;
use rc4::{Rc4, StreamCipher};

/// Encrypts packets.
pub struct MppeEncryptor {
    key: MppeKey,
    cipher: Rc4,
    mode: MppeMode,
    /// The count of the next packet.
    count: u16,
    /// The next packet starts the tables again.
    flush: bool,
    used: bool,
}

impl MppeEncryptor {
    /// Octets that a packet grows by: the header, and the protocol that goes inside.
    pub const OVERHEAD: usize = 4;

    /// A sender that begins.
    pub fn new(key: MppeKey, mode: MppeMode) -> Self {
        let cipher = key.cipher();
        Self {
            key,
            cipher,
            mode,
            count: 0,
            flush: false,
            used: false,
        }
    }

    /// Encrypts protocol and information, which `packet` holds, in place, and puts the header in
    /// front.
    // RFC 3078 §3 SHOULD NOT (padding): that is all.
    pub fn encrypt(&mut self, packet: &mut PacketBuf) {
        self.used = true;
        // RFC 3078 §3 MUST (count): 0 follows 4095.
        let count = self.count;
        self.count = count.wrapping_add(1) & COUNT_MASK;
        let mut bits = ENCRYPTED;
        let flush = core::mem::take(&mut self.flush);
        // RFC 3078 §7.1 MUST (stateless): without state, the key changes with each packet.
        let changes = self.mode.is_stateless()
            || is_flag(count)
            || (flush && self.mode == MppeMode::StatefulRekeyed);
        if changes {
            self.key.change();
        }
        if changes || flush {
            // RFC 3078 §8.2 MUST (reinitialize): the next packet after a Reset-Request starts the
            // tables again, and says so.
            self.cipher = self.key.cipher();
            bits |= FLUSHED;
        }
        self.cipher.apply_keystream(packet.as_mut_slice());
        packet.prepend_slice(&(bits | count).to_be_bytes());
    }

    /// The peer has lost a packet. Without state there is nothing to do.
    pub const fn reset(&mut self) {
        self.flush = !self.mode.is_stateless();
    }

    /// Whether anything was encrypted.
    pub const fn is_used(&self) -> bool {
        self.used
    }
}

impl fmt::Debug for MppeEncryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MppeEncryptor")
            .field("key", &self.key)
            .field("mode", &self.mode)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
