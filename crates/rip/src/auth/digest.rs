//! The digests (RFC 2082 §3.2.1, RFC 4822 §2.5).

use super::{Algorithm, Key, LongKeys};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// A digest of 16 to 64 octets.
pub(super) struct Digest {
    octets: [u8; 64],
    length: usize,
}

impl Digest {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn new(digest: &[u8]) -> Self {
        let mut octets = [0; 64];
        let length = digest.len().min(octets.len());
        for (octet, from) in octets.iter_mut().zip(digest) {
            *octet = *from;
        }
        Self { octets, length }
    }
}

/// What stands in for the digest while it is computed: 0x878fe1f3, over and over.
// RFC 4822 §2.5 MUST (apad): the authentication data are filled with it first.
const APAD: [u8; 64] = {
    let mut octets = [0; 64];
    let mut at = 0;
    while at < 64 {
        #[expect(clippy::indexing_slicing, reason = "computed while compiling")]
        {
            octets[at] = [0x87, 0x8f, 0xe1, 0xf3][at % 4];
        }
        at += 1;
    }
    octets
};

/// The digest over `covered`, which is the message up to and with the first four octets of the
/// trailer.
pub(super) fn compute(key: &Key, covered: &[u8]) -> Digest {
    match key.algorithm {
        Algorithm::KeyedMd5 => keyed_md5(key.secret.expose(), covered),
        Algorithm::HmacSha1 => hmac!(Sha1, key, covered),
        Algorithm::HmacSha224 => hmac!(Sha224, key, covered),
        Algorithm::HmacSha256 => hmac!(Sha256, key, covered),
        Algorithm::HmacSha384 => hmac!(Sha384, key, covered),
        Algorithm::HmacSha512 => hmac!(Sha512, key, covered),
    }
}

// RFC 2082 §3.2.1 MUST (digest): over message and secret, which is padded with zeroes to 16 octets.
fn keyed_md5(secret: &[u8], covered: &[u8]) -> Digest {
    let mut padded = Zeroizing::new([0; 16]);
    for (octet, from) in padded.iter_mut().zip(secret) {
        *octet = *from;
    }
    let digest = Md5::new()
        .chain_update(covered)
        .chain_update(padded.as_slice())
        .finalize();
    Digest::new(&digest)
}

// A macro, for the bounds of a generic function over `Hmac` are longer than its body.
macro_rules! hmac {
    ($hash:ty, $key:expr, $covered:expr) => {{
        let key: &Key = $key;
        let length = key.algorithm.digest_length();
        let secret = key.secret.expose();
        let apad = APAD.get(..length).unwrap_or_default();
        let hashed;
        let secret = if key.long_keys == LongKeys::Rfc4822 && secret.len() > length {
            hashed = Zeroizing::new(<[u8; 64]>::from(Digest::new(&<$hash>::digest(secret))));
            hashed.get(..length).unwrap_or_default()
        } else {
            secret
        };
        // HMAC takes secrets of any length: the error is never taken.
        match Hmac::<$hash>::new_from_slice(secret) {
            Ok(mac) => {
                let mac = mac.chain_update($covered).chain_update(apad);
                Digest::new(&mac.finalize().into_bytes())
            }
            Err(_) => Digest::new(&[]),
        }
    }};
}
use hmac;

impl From<Digest> for [u8; 64] {
    fn from(digest: Digest) -> Self {
        digest.octets
    }
}
