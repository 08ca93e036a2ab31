//! The algorithms of MS-CHAP-V2 (RFC 2759 §8) and the keys that it gives (RFC 3079 §3).

use super::Secret;
use alloc::string::String;
use core::fmt;
use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use md4::Md4;
use packet_buffer::ParseError;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAGIC_SERVER_TO_CLIENT: &[u8] = b"Magic server to client signing constant";
const MAGIC_MORE_ITERATIONS: &[u8] = b"Pad to make it do more than one iteration";
const MAGIC_MASTER_KEY: &[u8] = b"This is the MPPE Master Key";

/// The value field of an MS-CHAP-V2 response (RFC 2759 §4).
///
/// ```text
///  0                16         24            48      49
/// +----------------+----------+-------------+-------+
/// | Peer-Challenge | reserved | NT-Response | Flags |
/// +----------------+----------+-------------+-------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MsChapV2Response {
    /// A random number of the peer's.
    pub peer_challenge: [u8; 16],
    /// The proof.
    pub nt_response: [u8; 24],
}

impl MsChapV2Response {
    /// Octets of the value.
    pub const LEN: usize = 49;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// Bad length, when it does not have [`LEN`](Self::LEN) octets.
    pub fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let bad_length = ParseError::bad_length("MS-CHAP-V2 response", 0, value.len());
        let value: &[u8; Self::LEN] = value.try_into().map_err(|_| bad_length)?;
        let mut response = Self {
            peer_challenge: [0; 16],
            nt_response: [0; 24],
        };
        let (peer_challenge, rest) = value.split_at(16);
        response.peer_challenge.copy_from_slice(peer_challenge);
        if let Some(nt_response) = rest.get(8..32) {
            response.nt_response.copy_from_slice(nt_response);
        }
        Ok(response)
    }

    /// Writes the value.
    pub fn to_octets(&self) -> [u8; Self::LEN] {
        let mut value = [0; Self::LEN];
        let (peer_challenge, rest) = value.split_at_mut(16);
        peer_challenge.copy_from_slice(&self.peer_challenge);
        // RFC 2759 §4 MUST (zero): the reserved octets and the flags are zero.
        if let Some(nt_response) = rest.get_mut(8..32) {
            nt_response.copy_from_slice(&self.nt_response);
        }
        value
    }
}

/// NtPasswordHash: MD4 over the password in UTF-16, little end first (RFC 2759 §8.3). A password that is not
/// UTF-8 is read octet by octet, as Latin-1.
pub fn nt_password_hash(password: &Secret) -> Zeroizing<[u8; 16]> {
    let mut digest = Md4::new();
    let mut units = |text: &str| {
        for unit in text.encode_utf16() {
            digest.update(unit.to_le_bytes());
        }
    };
    match core::str::from_utf8(password.expose()) {
        Ok(text) => units(text),
        Err(_) => {
            let text: String = password.expose().iter().copied().map(char::from).collect();
            units(&Zeroizing::new(text));
        }
    }
    Zeroizing::new(digest.finalize().into())
}

fn password_hash_hash(password: &Secret) -> Zeroizing<[u8; 16]> {
    let hash = nt_password_hash(password);
    Zeroizing::new(Md4::digest(hash.as_slice()).into())
}

/// ChallengeHash: both challenges and the user's name in eight octets (RFC 2759 §8.2). A domain in
/// front of the name, up to a backslash, does not count.
pub fn challenge_hash(
    peer_challenge: &[u8; 16],
    authenticator_challenge: &[u8; 16],
    user_name: &[u8],
) -> [u8; 8] {
    let name = user_name.rsplit(|&octet| octet == b'\\').next();
    let mut digest = Sha1::new();
    digest.update(peer_challenge);
    digest.update(authenticator_challenge);
    digest.update(name.unwrap_or_default());
    first(&digest.finalize())
}

/// GenerateNTResponse (RFC 2759 §8.1).
pub fn nt_response(
    authenticator_challenge: &[u8; 16],
    peer_challenge: &[u8; 16],
    user_name: &[u8],
    password: &Secret,
) -> [u8; 24] {
    let challenge = challenge_hash(peer_challenge, authenticator_challenge, user_name);
    challenge_response(&challenge, &nt_password_hash(password))
}

/// ChallengeResponse: the challenge under three DES keys out of the hash (RFC 2759 §8.5).
fn challenge_response(challenge: &[u8; 8], password_hash: &[u8; 16]) -> [u8; 24] {
    let mut keys = Zeroizing::new([0; 21]);
    if let Some(hash) = keys.get_mut(..16) {
        hash.copy_from_slice(password_hash);
    }
    let mut response = [0; 24];
    for (key, block) in keys.chunks_exact(7).zip(response.chunks_exact_mut(8)) {
        let mut one = (*challenge).into();
        Des::new(&(*expand_key(key)).into()).encrypt_block(&mut one);
        block.copy_from_slice(&one);
    }
    response
}

/// Seven octets as a DES key of eight, whose lowest bits are parity and do not count.
fn expand_key(key: &[u8]) -> Zeroizing<[u8; 8]> {
    let bits = key
        .iter()
        .fold(0u64, |bits, &octet| (bits << 8) | u64::from(octet));
    let mut expanded = Zeroizing::new([0; 8]);
    for (index, octet) in (0u32..).zip(expanded.iter_mut()) {
        let seven = bits >> (49 - 7 * index) & 0x7f;
        *octet = u8::try_from(seven << 1).unwrap_or_default();
    }
    expanded
}

/// GenerateAuthenticatorResponse: what the authenticator proves itself with, 20 octets, which the
/// Success packet has in hexadecimal (RFC 2759 §8.7).
pub fn authenticator_response(
    password: &Secret,
    nt_response: &[u8; 24],
    peer_challenge: &[u8; 16],
    authenticator_challenge: &[u8; 16],
    user_name: &[u8],
) -> [u8; 20] {
    let mut digest = Sha1::new();
    digest.update(password_hash_hash(password).as_slice());
    digest.update(nt_response);
    digest.update(MAGIC_SERVER_TO_CLIENT);
    let signed = digest.finalize();
    let mut digest = Sha1::new();
    digest.update(signed);
    digest.update(challenge_hash(
        peer_challenge,
        authenticator_challenge,
        user_name,
    ));
    digest.update(MAGIC_MORE_ITERATIONS);
    digest.finalize().into()
}

/// What MS-CHAP-V2 gives for MPPE: the master key (RFC 3079 §3.1). It is wiped when dropped, and
/// never printed.
#[derive(Clone)]
pub struct MsChapV2Keys {
    master_key: Zeroizing<[u8; 16]>,
    is_server: bool,
}

impl MsChapV2Keys {
    /// The keys of a session that was authenticated with this response. `is_server` is true for the
    /// authenticator.
    pub fn new(password: &Secret, nt_response: &[u8; 24], is_server: bool) -> Self {
        let mut digest = Sha1::new();
        digest.update(password_hash_hash(password).as_slice());
        digest.update(nt_response);
        digest.update(MAGIC_MASTER_KEY);
        let master_key = Zeroizing::new(first(&digest.finalize()));
        Self {
            master_key,
            is_server,
        }
    }

    /// GetMasterKey's result.
    pub fn master_key(&self) -> &[u8; 16] {
        &self.master_key
    }

    /// Whether these are the authenticator's.
    pub const fn is_server(&self) -> bool {
        self.is_server
    }
}

impl PartialEq for MsChapV2Keys {
    fn eq(&self, other: &Self) -> bool {
        let same = self
            .master_key
            .as_slice()
            .ct_eq(other.master_key.as_slice());
        bool::from(same) && self.is_server == other.is_server
    }
}

impl Eq for MsChapV2Keys {}

impl fmt::Debug for MsChapV2Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MsChapV2Keys")
            .field("is_server", &self.is_server)
            .finish_non_exhaustive()
    }
}

/// The first octets of a longer array.
fn first<const N: usize>(octets: &[u8]) -> [u8; N] {
    octets.first_chunk().copied().unwrap_or([0; N])
}
