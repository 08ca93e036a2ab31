//! Session keys (RFC 3079 §3, RFC 3078 §7).

use crate::auth::MsChapV2Keys;
use core::fmt;
use rc4::{KeyInit, Rc4, StreamCipher};
use sha1::{Digest, Sha1};
use zeroize::{Zeroize, Zeroizing};

const PAD_1: [u8; 40] = [0; 40];
const PAD_2: [u8; 40] = [0xf2; 40];
const CLIENT_TO_SERVER: &[u8] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";
const SERVER_TO_CLIENT: &[u8] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";

/// How long keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MppeStrength {
    /// 40 bits: eight octets, of which three are known.
    Bits40,
    /// 56 bits: eight octets, of which one is known.
    Bits56,
    /// 128 bits.
    Bits128,
}

impl MppeStrength {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] = [Self::Bits128, Self::Bits56, Self::Bits40];

    /// Octets of a key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Bits40 | Self::Bits56 => 8,
            Self::Bits128 => 16,
        }
    }

    /// What the first octets of a session key are overwritten with (RFC 3079 §3.1).
    const fn salt(self) -> &'static [u8] {
        match self {
            Self::Bits40 => &[0xd1, 0x26, 0x9e],
            Self::Bits56 => &[0xd1],
            Self::Bits128 => &[],
        }
    }
}

/// The keys of one direction: the start key, and the session key that comes of it and changes. They
/// are wiped when dropped, and never printed.
#[derive(Clone)]
pub struct MppeKey {
    start: Zeroizing<[u8; 16]>,
    session: Zeroizing<[u8; 16]>,
    strength: MppeStrength,
}

impl MppeKey {
    /// The initial session key of a start key. Of the latter the first
    /// [`key_len`](MppeStrength::key_len) octets count; it can come from
    /// [`MsChapV2Keys::mppe_send_key`], or from a server that has authenticated the peer for us.
    pub fn new(start_key: &[u8; 16], strength: MppeStrength) -> Self {
        let mut key = Self {
            start: Zeroizing::new(*start_key),
            session: Zeroizing::new(*start_key),
            strength,
        };
        key.session = key.digest();
        key.weaken();
        key
    }

    /// The start key.
    pub fn start_key(&self) -> &[u8] {
        self.start
            .get(..self.strength.key_len())
            .unwrap_or_default()
    }

    /// The session key of now.
    pub fn session_key(&self) -> &[u8] {
        self.session
            .get(..self.strength.key_len())
            .unwrap_or_default()
    }

    /// How long the keys are.
    pub const fn strength(&self) -> MppeStrength {
        self.strength
    }

    /// Changes the session key.
    // RFC 3078 §7.3 MUST (change): out of the start key and the last session key, and under RC4 with
    // itself.
    pub fn change(&mut self) {
        self.session = self.digest();
        let mut cipher = self.cipher();
        let length = self.strength.key_len();
        if let Some(session) = self.session.get_mut(..length) {
            cipher.apply_keystream(session);
        }
        self.weaken();
    }

    /// The tables of RC4 under the session key, at their start.
    pub(super) fn cipher(&self) -> Rc4 {
        // Keys of 8 and 16 octets are lengths that RC4 takes.
        Rc4::new_from_slice(self.session_key()).unwrap_or_else(|_| Rc4::new(&[0; 32].into()))
    }

    /// GetNewKeyFromSHA.
    fn digest(&self) -> Zeroizing<[u8; 16]> {
        let mut digest = Sha1::new();
        digest.update(self.start_key());
        digest.update(PAD_1);
        digest.update(self.session_key());
        digest.update(PAD_2);
        first_16(digest)
    }

    // RFC 3079 §3.1 MUST (salt): the first octets of keys that are to be weak are known to everybody.
    fn weaken(&mut self) {
        let salt = self.strength.salt();
        if let Some(known) = self.session.get_mut(..salt.len()) {
            known.copy_from_slice(salt);
        }
    }
}

impl fmt::Debug for MppeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MppeKey")
            .field("strength", &self.strength)
            .finish_non_exhaustive()
    }
}

impl MsChapV2Keys {
    /// The keys for packets to the peer.
    pub fn mppe_send_key(&self, strength: MppeStrength) -> MppeKey {
        self.mppe_key(strength, true)
    }

    /// The keys for packets from the peer.
    pub fn mppe_receive_key(&self, strength: MppeStrength) -> MppeKey {
        self.mppe_key(strength, false)
    }

    /// GetAsymmetricStartKey.
    // RFC 3079 §3.4 MUST (directions): what one side sends with, the other receives with.
    fn mppe_key(&self, strength: MppeStrength, is_send: bool) -> MppeKey {
        let direction = if is_send == self.is_server() {
            SERVER_TO_CLIENT
        } else {
            CLIENT_TO_SERVER
        };
        let mut digest = Sha1::new();
        digest.update(self.master_key());
        digest.update(PAD_1);
        digest.update(direction);
        digest.update(PAD_2);
        MppeKey::new(&first_16(digest), strength)
    }
}

fn first_16(digest: Sha1) -> Zeroizing<[u8; 16]> {
    let mut octets: [u8; 20] = digest.finalize().into();
    let first = octets.first_chunk().copied().unwrap_or([0; 16]);
    octets.zeroize();
    Zeroizing::new(first)
}
