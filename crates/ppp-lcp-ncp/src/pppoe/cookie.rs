//! Cookies, with which a concentrator keeps nothing about those who only ask.
//!
//! ```text
//!  0       8      9          25
//! +-------+------+----------+
//! | nonce | time | HMAC     |
//! +-------+------+----------+
//! ```
//!
//! The HMAC (SHA-256, 16 octets of it) is over nonce and time, and over the client's address,
//! VLANs, Host-Uniq and Service-Name. The nonce makes two offers to one client two cookies, so that
//! a request that is sent again can be told from one for another session.

use super::peer::PeerKey;
use alloc::boxed::Box;
use core::time::Duration;
use hmac::{Hmac, KeyInit as _, Mac as _};
use packet_buffer::{Instant, RandomSource};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// A cookie.
pub(super) type Cookie = [u8; COOKIE_LEN];

const NONCE_LEN: usize = 8;
const COOKIE_LEN: usize = NONCE_LEN + 1 + 16;

/// What a cookie stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) peer: PeerKey,
    pub(super) host_uniq: Option<&'a [u8]>,
    pub(super) service: &'a [u8],
}

/// Makes cookies and knows them again.
pub(super) struct CookieJar {
    key: Zeroizing<[u8; 32]>,
    lifetime: Duration,
}

impl CookieJar {
    /// Cookies are good for `lifetime` at least, and twice as long at most. It is not zero.
    pub(super) fn new(lifetime: Duration, random: &mut Box<dyn RandomSource + Send>) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(key.as_mut_slice());
        Self { key, lifetime }
    }

    pub(super) fn make(
        &self,
        now: Instant,
        asked: &Asked<'_>,
        random: &mut Box<dyn RandomSource + Send>,
    ) -> Cookie {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        self.compute(self.bucket(now), nonce, asked)
    }

    /// Whether the cookie is ours, and neither old nor another client's.
    // RFC 2516 §9 SHOULD (regenerate): the cookie is computed anew from what came with it.
    pub(super) fn check(&self, now: Instant, cookie: &[u8], asked: &Asked<'_>) -> Option<Cookie> {
        let cookie = <Cookie>::try_from(cookie).ok()?;
        let (nonce, rest) = cookie.split_first_chunk::<NONCE_LEN>()?;
        let time = rest.first()?;
        let latest = self.bucket(now);
        let bucket = [latest, latest.saturating_sub(1)]
            .into_iter()
            .find(|bucket| bucket.to_be_bytes().last() == Some(time))?;
        let expected = self.compute(bucket, *nonce, asked);
        bool::from(expected.ct_eq(&cookie)).then_some(cookie)
    }

    fn bucket(&self, now: Instant) -> u64 {
        let lifetime = u64::try_from(self.lifetime.as_micros()).unwrap_or(u64::MAX);
        now.as_micros() / lifetime.max(1)
    }

    fn compute(&self, bucket: u64, nonce: [u8; NONCE_LEN], asked: &Asked<'_>) -> Cookie {
        // A key shorter than the block is padded with zeroes (RFC 2104 §2); a whole block cannot be
        // refused.
        let mut block = [0; 64];
        let (start, _) = block.split_at_mut(32);
        start.copy_from_slice(self.key.as_slice());
        let mut mac = Hmac::<Sha256>::new(&block.into());
        block.zeroize();
        mac.update(&nonce);
        mac.update(&bucket.to_be_bytes());
        let (address, vlans) = asked.peer;
        mac.update(&address.0);
        mac.update(&vlans.to_be_bytes());
        mac.update(&[u8::from(asked.host_uniq.is_some())]);
        for part in [asked.host_uniq.unwrap_or_default(), asked.service] {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let mut cookie = [0; COOKIE_LEN];
        let [time, ..] = bucket.to_le_bytes();
        let parts = nonce.iter().chain([&time]).chain(&digest);
        for (octet, part) in cookie.iter_mut().zip(parts) {
            *octet = *part;
        }
        cookie
    }
}

impl core::fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CookieJar").finish_non_exhaustive()
    }
}
