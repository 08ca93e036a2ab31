//! Secrets, keys, and which of them is valid when.

use super::KeyError;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use packet_buffer::Instant;
use zeroize::Zeroizing;

/// A secret: wiped when it is dropped, and not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// A copy of the octets.
    pub fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How the digest over message and secret is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// MD5 over the message and the secret, padded with zeroes to 16 octets (RFC 2082 §3.2.1).
    KeyedMd5,
    /// HMAC-SHA-1 (RFC 4822 §2.5).
    HmacSha1,
    /// HMAC-SHA-224.
    HmacSha224,
    /// HMAC-SHA-256.
    HmacSha256,
    /// HMAC-SHA-384.
    HmacSha384,
    /// HMAC-SHA-512.
    HmacSha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::KeyedMd5,
        Self::HmacSha1,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// Octets of the digest.
    #[inline]
    pub const fn digest_length(self) -> usize {
        match self {
            Self::KeyedMd5 => 16,
            Self::HmacSha1 => 20,
            Self::HmacSha224 => 28,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }
}

/// What becomes of an HMAC secret that is longer than the digest. Secrets of at most the
/// digest's length give the same digest either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LongKeys {
    /// It is replaced by its hash when it is longer than the hash function's block of 64 or 128
    /// octets (RFC 2104 §2). Routers in use do this.
    #[default]
    Rfc2104,
    /// It is replaced by its hash when it is longer than the digest, which is how RFC 4822 §2.5
    /// words it.
    Rfc4822,
}

/// From when until when something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Lifetime {
    /// The first moment; `None` for always before.
    pub from: Option<Instant>,
    /// The first moment after it; `None` for ever.
    pub until: Option<Instant>,
}

impl Lifetime {
    /// All time.
    pub const ALWAYS: Self = Self {
        from: None,
        until: None,
    };

    /// From `from` until just before `until`.
    pub const fn between(from: Instant, until: Instant) -> Self {
        Self {
            from: Some(from),
            until: Some(until),
        }
    }

    /// From `from` on.
    pub const fn since(from: Instant) -> Self {
        Self {
            from: Some(from),
            until: None,
        }
    }

    /// Until just before `until`.
    pub const fn before(until: Instant) -> Self {
        Self {
            from: None,
            until: Some(until),
        }
    }

    /// Whether it holds at `now`.
    #[inline]
    pub fn contains(&self, now: Instant) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// Whether it is over at `now`. One that never begins is not.
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// A secret, what is done with it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What the message names it by.
    pub id: u8,
    /// How the digest is made.
    pub algorithm: Algorithm,
    /// The secret; at most 16 octets for keyed MD5.
    pub secret: Secret,
    /// When messages are sent with it.
    pub send: Lifetime,
    /// When messages with it are accepted. Let it begin before and end after that of sending, so
    /// that clocks may differ.
    pub accept: Lifetime,
    /// What becomes of a long secret.
    pub long_keys: LongKeys,
}

impl Key {
    /// A key that is always valid.
    pub const fn new(id: u8, algorithm: Algorithm, secret: Secret) -> Self {
        Self {
            id,
            algorithm,
            secret,
            send: Lifetime::ALWAYS,
            accept: Lifetime::ALWAYS,
            long_keys: LongKeys::Rfc2104,
        }
    }

    /// The key with a lifetime for sending.
    #[must_use]
    pub fn sent(mut self, send: Lifetime) -> Self {
        self.send = send;
        self
    }

    /// The key with a lifetime for accepting.
    #[must_use]
    pub fn accepted(mut self, accept: Lifetime) -> Self {
        self.accept = accept;
        self
    }

    fn check(&self) -> Result<(), KeyError> {
        let length = self.secret.expose().len();
        match self.algorithm {
            _ if length == 0 => Err(KeyError::EmptySecret),
            Algorithm::KeyedMd5 if length > 16 => Err(KeyError::SecretTooLong { length }),
            _ => Ok(()),
        }
    }
}

/// The keys of an interface; at least one, each with an id of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChain {
    keys: Vec<Key>,
}

/// A key, and whether it is used although its time is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) key: &'a Key,
    pub(super) expired: bool,
}

impl KeyChain {
    /// A chain of these keys.
    ///
    /// # Errors
    ///
    /// No keys, two of one id, or a secret that cannot be.
    pub fn new(keys: impl Into<Vec<Key>>) -> Result<Self, KeyError> {
        let keys = keys.into();
        if keys.is_empty() {
            return Err(KeyError::NoKeys);
        }
        let mut seen = [false; 256];
        for key in &keys {
            key.check()?;
            if let Some(seen) = seen.get_mut(usize::from(key.id))
                && core::mem::replace(seen, true)
            {
                return Err(KeyError::DuplicateId(key.id));
            }
        }
        Ok(Self { keys })
    }

    /// The keys, in the order given.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key to send with: of those valid, the one whose lifetime began last; of equals, the one
    /// listed last. When all are over, the one that ended last.
    // RFC 2082 §4.2 MUST (newest): the key that became valid last is sent with.
    pub(super) fn for_sending(&self, now: Instant) -> Option<Chosen<'_>> {
        let valid = self.keys.iter().filter(|key| key.send.contains(now));
        if let Some(key) = valid.max_by_key(|key| key.send.from) {
            return Some(Chosen {
                key,
                expired: false,
            });
        }
        self.last_to_end(now, |key| key.send)
    }

    /// The key of `id`, if it is accepted now. When none is any more, the one that ended last.
    pub(super) fn for_accepting(&self, now: Instant, id: u8) -> Option<Chosen<'_>> {
        let key = self.find(id)?;
        if key.accept.contains(now) {
            return Some(Chosen {
                key,
                expired: false,
            });
        }
        if self.keys.iter().any(|key| key.accept.contains(now)) {
            return None;
        }
        self.last_to_end(now, |key| key.accept)
            .filter(|chosen| chosen.key.id == id)
    }

    pub(super) fn find(&self, id: u8) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    // RFC 2082 §4.3 MUST (last-key): the last key stays when its time is over; there is no way
    // back to no authentication.
    fn last_to_end(&self, now: Instant, lifetime: impl Fn(&Key) -> Lifetime) -> Option<Chosen<'_>> {
        let over = self.keys.iter().filter(|key| lifetime(key).is_over(now));
        let key = over.max_by_key(|key| lifetime(key).until)?;
        Some(Chosen { key, expired: true })
    }
}
