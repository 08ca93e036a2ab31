//! Packets under DES or triple DES, in a chain (RFC 2419 §6, RFC 2420 §4).

use super::negotiation::EcpMethod;
use crate::auth::Secret;
use core::fmt;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use des::{Des, TdesEde3};
use packet_buffer::PacketBuf;

const BLOCK: usize = 8;

type Block = [u8; BLOCK];

/// Why a packet was not decrypted. The chain has gone on all the same, unless it was too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EcpError {
    /// The packet is not a sequence number and whole blocks.
    #[error("{0} octets are not a sequence number and whole blocks")]
    Length(usize),
    /// A packet before it was lost, and with it what this one begins with.
    #[error("packet {found} where {expected} is awaited")]
    Sequence {
        /// The packet's number.
        found: u16,
        /// The one that was awaited.
        expected: u16,
    },
    /// The padding is not what it has to be: another key, or octets that have changed on the way.
    #[error("the padding is wrong")]
    Padding,
}

/// A cipher on blocks.
#[expect(
    clippy::large_enum_variant,
    reason = "a link has two of them, and the larger is the one to use"
)]
enum Cipher {
    Des(Des),
    TripleDes(TdesEde3),
}

impl Cipher {
    /// `None` when the key does not have the length of the method.
    fn new(method: EcpMethod, key: &Secret) -> Option<Self> {
        let key = key.expose();
        Some(match method {
            EcpMethod::DeseBis => Self::Des(Des::new_from_slice(key).ok()?),
            EcpMethod::TripleDese => Self::TripleDes(TdesEde3::new_from_slice(key).ok()?),
        })
    }

    // RFC 2420 §4 MUST (chain): triple DES is one cipher on blocks, with the chain around it.
    fn encrypt(&self, block: &mut Block) {
        let mut one = (*block).into();
        match self {
            Self::Des(des) => des.encrypt_block(&mut one),
            Self::TripleDes(des) => des.encrypt_block(&mut one),
        }
        *block = one.into();
    }

    fn decrypt(&self, block: &mut Block) {
        let mut one = (*block).into();
        match self {
            Self::Des(des) => des.decrypt_block(&mut one),
            Self::TripleDes(des) => des.decrypt_block(&mut one),
        }
        *block = one.into();
    }
}

fn xor(block: &mut Block, other: &Block) {
    for (octet, other) in block.iter_mut().zip(other) {
        *octet ^= other;
    }
}

/// Encrypts packets.
pub struct EcpEncryptor {
    cipher: Cipher,
    /// The last block that was sent.
    last: Block,
    sequence: u16,
}

impl EcpEncryptor {
    /// A sender that begins with the nonce that the peer told. `None` when the key does not have
    /// [`EcpMethod::key_len`] octets.
    // RFC 2419 §6.2 MUST (first): the chain begins with the peer's nonce, encrypted.
    pub fn new(method: EcpMethod, key: &Secret, nonce: [u8; 8]) -> Option<Self> {
        let cipher = Cipher::new(method, key)?;
        let mut last = nonce;
        cipher.encrypt(&mut last);
        Some(Self {
            cipher,
            last,
            sequence: 0,
        })
    }

    // RFC 2419 §7 MUST (mru): the padding has to fit too.
    /// The longest information, in octets, whose packet has at most `mru` octets, whatever is in it.
    pub const fn room(mru: usize) -> usize {
        let blocks = mru.saturating_sub(2) / BLOCK;
        (blocks * BLOCK).saturating_sub(3)
    }

    /// Encrypts protocol and information, which `packet` holds, in place, and puts the sequence number
    /// in front.
    // RFC 2419 §6.2 MUST (chain): each block is combined with the one before it, that of the packet
    // before included.
    pub fn encrypt(&mut self, packet: &mut PacketBuf) {
        pad(packet);
        for octets in packet.as_mut_slice().chunks_exact_mut(BLOCK) {
            let mut block = self.last;
            for (octet, plain) in block.iter_mut().zip(&*octets) {
                *octet ^= plain;
            }
            self.cipher.encrypt(&mut block);
            octets.copy_from_slice(&block);
            self.last = block;
        }
        packet.prepend_slice(&self.sequence.to_be_bytes());
        // RFC 2419 §5 MUST (sequence): packets are numbered, from zero on.
        self.sequence = self.sequence.wrapping_add(1);
    }
}

/// Fills the last block. Where it is full, padding is needed only if its end could be taken for some.
// RFC 2419 §6.1 MUST (padding): with 1, 2, 3 and so on.
fn pad(packet: &mut PacketBuf) {
    let missing = match packet.len() % BLOCK {
        0 => match packet.as_slice().last() {
            Some(1..=8) => BLOCK,
            _ => 0,
        },
        over => BLOCK - over,
    };
    for (octet, value) in packet.append(missing).iter_mut().zip(1..) {
        *octet = value;
    }
}

/// How many octets of a packet are no padding; `None` when its end is neither.
fn padded(packet: &[u8]) -> Option<usize> {
    let count = match packet.last() {
        Some(&count @ 1..=8) => usize::from(count),
        _ => return Some(packet.len()),
    };
    let start = packet.len().checked_sub(count)?;
    let padding = packet.get(start..)?;
    padding
        .iter()
        .zip(1u8..)
        .all(|(&octet, value)| octet == value)
        .then_some(start)
}

/// Decrypts packets.
pub struct EcpDecryptor {
    cipher: Cipher,
    /// The last block that was received.
    last: Block,
    sequence: u16,
}

impl EcpDecryptor {
    /// A receiver that has told the peer this nonce. `None` when the key does not have
    /// [`EcpMethod::key_len`] octets.
    pub fn new(method: EcpMethod, key: &Secret, nonce: [u8; 8]) -> Option<Self> {
        let EcpEncryptor { cipher, last, .. } = EcpEncryptor::new(method, key, nonce)?;
        Some(Self {
            cipher,
            last,
            sequence: 0,
        })
    }

    /// Writes protocol and information of a packet to `out`, in place of what it holds.
    ///
    /// # Errors
    ///
    /// [`EcpError`].
    pub fn decrypt(&mut self, packet: &[u8], out: &mut PacketBuf) -> Result<(), EcpError> {
        let length = EcpError::Length(packet.len());
        let (sequence, blocks) = packet.split_first_chunk::<2>().ok_or(length)?;
        let (whole, rest) = blocks.as_chunks::<BLOCK>();
        let last = whole.last().filter(|_| rest.is_empty()).ok_or(length)?;
        let (found, expected) = (u16::from_be_bytes(*sequence), self.sequence);
        self.sequence = found.wrapping_add(1);
        let mut before = core::mem::replace(&mut self.last, *last);
        // RFC 2420 §4.2 MUST (recovery): as with DES.
        // RFC 2419 §6.4 MUST (recovery): what lies behind a lost packet cannot be read, what follows
        // that can.
        if found != expected {
            return Err(EcpError::Sequence { found, expected });
        }
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        for cipher_text in whole {
            let mut block = *cipher_text;
            self.cipher.decrypt(&mut block);
            xor(&mut block, &before);
            out.append_slice(&block);
            before = *cipher_text;
        }
        let length = padded(out.as_slice()).ok_or(EcpError::Padding)?;
        out.truncate(length);
        Ok(())
    }
}

impl fmt::Debug for EcpEncryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcpEncryptor")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EcpDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcpDecryptor")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
