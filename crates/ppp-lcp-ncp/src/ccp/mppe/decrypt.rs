//! The receiver.

use super::keys::MppeKey;
use super::{COMPRESSED, COUNT_MASK, ENCRYPTED, FLUSHED, MppeMode, is_flag};
use crate::wire::{PppPacket, PppProtocol};
use core::fmt;
use packet_buffer::PacketBuf;
use rc4::{Rc4, StreamCipher};

/// Half of the counts: what is further ahead lies behind.
const HALF: u16 = 0x0800;

/// Resets in a row that a sender may have changed its key with.
const MAX_RESETS: u16 = 8;

/// Lost packets behind which a compressed TCP header is still believed.
const MAX_VJ_LOST: u16 = 32;

/// Why a packet was not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MppeError {
    /// There is no header, or nothing behind it.
    #[error("{0} octets are no packet")]
    Short(usize),
    /// The packet is not encrypted, or compressed beside.
    #[error("the bits {0:#06x} are not those of an encrypted packet")]
    Bits(u16),
    /// The packet is an old one, or not from the peer.
    #[error("packet {found} where {expected} is awaited")]
    Late {
        /// Its count.
        found: u16,
        /// The one that is awaited.
        expected: u16,
    },
    /// A packet was lost, and the tables with it: the peer has to be asked for a reset.
    #[error("packet {found} where {expected} is awaited: one was lost")]
    Lost {
        /// Its count.
        found: u16,
        /// The one that was awaited.
        expected: u16,
    },
    /// The reset has not come yet.
    #[error("the reset has not come yet")]
    AwaitsReset,
    /// What comes out is not a packet: another key, or octets that have changed on the way.
    #[error("what comes out is not a packet")]
    Garbage,
}

/// Decrypts packets.
pub struct MppeDecryptor {
    key: MppeKey,
    cipher: Rc4,
    mode: MppeMode,
    /// The count of the next packet.
    count: u16,
    awaits_reset: bool,
    used: bool,
}

impl MppeDecryptor {
    /// A receiver that begins.
    pub fn new(key: MppeKey, mode: MppeMode) -> Self {
        let cipher = key.cipher();
        Self {
            key,
            cipher,
            mode,
            count: 0,
            awaits_reset: false,
            used: false,
        }
    }

    /// Writes protocol and information of a packet to `out`, in place of what it holds.
    ///
    /// A packet that cannot be right changes nothing, so that forged ones cannot move the keys on; at
    /// most 2048 key changes are tried for one. Without [`MppeMode::Stateless`], both of the ways in which
    /// senders reset are understood.
    ///
    /// # Errors
    ///
    /// [`MppeError`]. With [`Lost`](MppeError::Lost) the receiver waits for a reset; with any
    /// other it is as it was.
    pub fn decrypt(&mut self, packet: &[u8], out: &mut PacketBuf) -> Result<(), MppeError> {
        let Some((&[high, low], text)) = packet
            .split_first_chunk::<2>()
            .filter(|(_, text)| !text.is_empty())
        else {
            return Err(MppeError::Short(packet.len()));
        };
        let header = u16::from_be_bytes([high, low]);
        // RFC 3078 §3 MUST (encrypted): with MPPE each packet is encrypted, and none compressed beside.
        if header & ENCRYPTED == 0 || header & COMPRESSED != 0 {
            return Err(MppeError::Bits(header & !COUNT_MASK));
        }
        let flushed = header & FLUSHED != 0;
        // RFC 3078 §3 MUST (flushed): without state, each packet says that the tables are new.
        if self.mode.is_stateless() && !flushed {
            return Err(MppeError::Bits(header & !COUNT_MASK));
        }
        let count = header & COUNT_MASK;
        if self.mode.is_stateless() {
            self.decrypt_stateless(count, text, out)
        } else {
            self.decrypt_stateful(count, flushed, text, out)
        }
    }

    /// Whether a reset is awaited.
    pub const fn awaits_reset(&self) -> bool {
        self.awaits_reset
    }

    /// Whether anything was decrypted.
    pub const fn is_used(&self) -> bool {
        self.used
    }

    fn decrypt_stateless(
        &mut self,
        count: u16,
        text: &[u8],
        out: &mut PacketBuf,
    ) -> Result<(), MppeError> {
        let expected = self.count;
        let lost = count.wrapping_sub(expected) & COUNT_MASK;
        if lost >= HALF {
            let found = count;
            return Err(MppeError::Late { found, expected });
        }
        // RFC 3078 §8.1 MUST (catch-up): the key changes once for each packet that was sent.
        let mut key = self.key.clone();
        for _ in 0..=lost {
            key.change();
        }
        let cipher = key.cipher();
        self.commit(key, cipher, count, lost, text, out)
    }

    fn decrypt_stateful(
        &mut self,
        count: u16,
        flushed: bool,
        text: &[u8],
        out: &mut PacketBuf,
    ) -> Result<(), MppeError> {
        let expected = self.count;
        let lost = count.wrapping_sub(expected) & COUNT_MASK;
        if !flushed {
            if self.awaits_reset {
                // RFC 3078 §8.2 SHOULD (silent): until a flushed packet comes, others are discarded.
                return Err(MppeError::AwaitsReset);
            }
            if lost != 0 {
                // RFC 3078 §8.2 MUST (reset-request): a loss is answered with a Reset-Request.
                self.awaits_reset = true;
                let found = count;
                return Err(MppeError::Lost { found, expected });
            }
        }
        // RFC 3078 §8.2 MUST (missed-flags): keys that changed with lost packets change here too.
        let flags_lost = (count >> 8).wrapping_sub(expected >> 8) & 0xf;
        let changes = flags_lost + u16::from(is_flag(count));
        let mut key = self.key.clone();
        for _ in 0..changes {
            key.change();
        }
        if !flushed {
            return if changes == 0 {
                self.continue_stateful(count, text, out)
            } else {
                let cipher = key.cipher();
                self.commit(key, cipher, count, lost, text, out)
            };
        }
        // RFC 3078 §8.2 MUST (flushed): the tables start again.
        // RFC 3078 §8.2 MUST (resume): with the count of the packet.
        if is_flag(count) && lost == 0 {
            let cipher = key.cipher();
            return self.commit(key, cipher, count, lost, text, out);
        }
        // A sender may have changed its key with each reset, those whose packets were lost included.
        let mut likely = key.clone();
        let sure = lost.max(MAX_VJ_LOST + 1);
        for _ in 0..=MAX_RESETS {
            let (candidate, cipher) = (key.clone(), key.cipher());
            if self
                .commit(candidate, cipher, count, sure, text, out)
                .is_ok()
            {
                return Ok(());
            }
            key.change();
        }
        if self.mode == MppeMode::StatefulRekeyed && !is_flag(count) {
            likely.change();
        }
        let cipher = likely.cipher();
        self.commit(likely, cipher, count, lost.max(1), text, out)
    }

    /// The next packet of a run: the tables go on.
    fn continue_stateful(
        &mut self,
        count: u16,
        text: &[u8],
        out: &mut PacketBuf,
    ) -> Result<(), MppeError> {
        write(&mut self.cipher, text, out);
        self.count = count.wrapping_add(1) & COUNT_MASK;
        self.used = true;
        if is_packet(out.as_slice(), 0) {
            return Ok(());
        }
        // The tables have gone on: either they or the packet are wrong.
        self.awaits_reset = true;
        Err(MppeError::Lost {
            found: count,
            expected: self.count,
        })
    }

    /// Decrypts with new tables, and keeps them if a packet comes out.
    fn commit(
        &mut self,
        key: MppeKey,
        mut cipher: Rc4,
        count: u16,
        lost: u16,
        text: &[u8],
        out: &mut PacketBuf,
    ) -> Result<(), MppeError> {
        write(&mut cipher, text, out);
        if !is_packet(out.as_slice(), lost) {
            return Err(MppeError::Garbage);
        }
        self.key = key;
        self.cipher = cipher;
        self.count = count.wrapping_add(1) & COUNT_MASK;
        self.awaits_reset = false;
        self.used = true;
        Ok(())
    }
}

fn write(cipher: &mut Rc4, text: &[u8], out: &mut PacketBuf) {
    out.reset(PacketBuf::DEFAULT_HEADROOM);
    out.append_slice(text);
    cipher.apply_keystream(out.as_mut_slice());
}

/// Whether octets can be a packet that MPPE carries. The further the count has jumped, which a forged
/// packet can have it do, the surer it has to be.
// RFC 3078 §3 MUST (range): only protocols 0x0021 to 0x00fa are encrypted.
fn is_packet(octets: &[u8], lost: u16) -> bool {
    let Ok(packet) = PppPacket::parse_protocol(octets) else {
        return false;
    };
    let (protocol, information) = (packet.protocol(), packet.information());
    if lost == 0 {
        return is_encrypted(protocol) && protocol.is_valid();
    }
    let length = |field: Option<&[u8; 2]>, header: usize| {
        field.is_some_and(|&field| {
            usize::from(u16::from_be_bytes(field)) + header == information.len()
        })
    };
    let version = information.first().map(|octet| octet >> 4);
    match protocol {
        PppProtocol::IPV4 | PppProtocol::VJ_UNCOMPRESSED => {
            let field = information.get(2..).and_then(<[u8]>::first_chunk);
            version == Some(4) && length(field, 0)
        }
        PppProtocol::IPV6 => {
            let field = information.get(4..).and_then(<[u8]>::first_chunk);
            version == Some(6) && length(field, 40)
        }
        // After many losses TCP sends again, and VJ then sends the whole header.
        PppProtocol::VJ_COMPRESSED => lost <= MAX_VJ_LOST,
        _ => false,
    }
}

/// Whether packets of a protocol are encrypted at all.
pub(in crate::ccp) const fn is_encrypted(protocol: PppProtocol) -> bool {
    protocol.0 >= 0x0021 && protocol.0 <= 0x00fa
}

impl fmt::Debug for MppeDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MppeDecryptor")
            .field("key", &self.key)
            .field("mode", &self.mode)
            .field("count", &self.count)
            .field("awaits_reset", &self.awaits_reset)
            .finish_non_exhaustive()
    }
}
