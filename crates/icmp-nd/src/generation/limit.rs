//! Token buckets: one a destination, and one for all.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::fmt;
use core::hash::BuildHasher as _;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;
use packet_buffer::rate::{Rate, TokenBucket};
use packet_buffer::{Instant, RandomSource};

/// How a [`RateLimiter`] is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// Errors to one destination. Default: 6 at once, one a second.
    pub per_destination: Rate,
    /// Errors to all destinations together. Default: 50 at once, 1,000 a second.
    pub global: Rate,
    /// Destinations that are remembered, at least 1. Default: 1,024. When there are more, the one that
    /// was longest without an error is forgotten, and counted; the global limit holds all the same.
    pub destinations: usize,
    /// Bits of an IPv6 destination that are looked at, 0 to 128: who owns a prefix has more addresses
    /// than any table. Default: 64.
    pub ipv6_prefix_len: u8,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            per_destination: Rate {
                interval: Duration::from_secs(1),
                burst: 6,
            },
            global: Rate {
                interval: Duration::from_millis(1),
                burst: 50,
            },
            destinations: 1_024,
            ipv6_prefix_len: 64,
        }
    }
}

/// Which limit was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limited {
    /// That of the destination.
    Destination,
    /// That of all destinations together.
    Global,
}

struct Entry {
    key: IpAddr,
    bucket: TokenBucket,
    /// Where it stands in `order`.
    used: u64,
}

/// Limits errors per destination and in all (RFC 4443 §2.4 (f), RFC 1812 §4.3.2.8).
///
/// The global bucket spends zero, one or two tokens on an error, at random: who counts the errors
/// that reach himself cannot tell how many went elsewhere (CVE-2020-25705).
///
/// ```
/// use icmp_nd::generation::{Limited, RateLimitConfig, RateLimiter};
/// use icmp_nd::Instant;
/// use packet_buffer::random::OsRandom;
///
/// let mut limiter = RateLimiter::new(RateLimitConfig::default(), Box::new(OsRandom));
/// let peer = [192, 0, 2, 1].into();
/// for _ in 0..6 {
///     assert_eq!(limiter.take(Instant::ZERO, peer), Ok(()));
/// }
/// assert_eq!(limiter.take(Instant::ZERO, peer), Err(Limited::Destination));
/// assert_eq!(limiter.take(Instant::from_secs(1), peer), Ok(()));
/// ```
pub struct RateLimiter {
    config: RateLimitConfig,
    random: Box<dyn RandomSource + Send>,
    hasher: SeedableRandomState,
    destinations: HashTable<Entry>,
    /// Destinations by when they were last used.
    order: BTreeMap<u64, IpAddr>,
    next_use: u64,
    global: TokenBucket,
    latest: Instant,
    forgotten: u64,
}

impl RateLimiter {
    /// A limiter whose buckets are full. A `destinations` of 0 is taken as 1, a prefix
    /// length above 128 as 128.
    pub fn new(config: RateLimitConfig, mut random: Box<dyn RandomSource + Send>) -> Self {
        let hasher = SeedableRandomState::with_seed(random.next_u64(), SharedSeed::global_fixed());
        Self {
            config,
            random,
            hasher,
            destinations: HashTable::new(),
            order: BTreeMap::new(),
            next_use: 0,
            global: TokenBucket::new(),
            latest: Instant::ZERO,
            forgotten: 0,
        }
    }

    /// Takes a token for an error to `destination`. Only when both buckets have one, both spend it.
    ///
    /// # Errors
    ///
    /// The limit that was hit; the state is unchanged.
    // RFC 4443 §2.4 MUST (f): the rate of errors is limited.
    // RFC 1812 §4.3.2.8 SHOULD: a router can limit it.
    pub fn take(&mut self, now: Instant, destination: IpAddr) -> Result<(), Limited> {
        // A clock that runs backwards counts as the latest time seen.
        let now = self.latest.max(now);
        let key = self.key(destination);
        let hash = self.hasher.hash_one(key);
        let mut bucket = self
            .destinations
            .find(hash, |entry| entry.key == key)
            .map_or(TokenBucket::new(), |entry| entry.bucket);
        if !bucket.take(now, &self.config.per_destination) {
            return Err(Limited::Destination);
        }
        if !self.global.is_ready(now, &self.config.global) {
            return Err(Limited::Global);
        }
        // On average one.
        let tokens = self.random.below(3);
        self.global.spend(now, &self.config.global, tokens);
        self.latest = now;
        self.remember(hash, key, bucket);
        Ok(())
    }

    /// Destinations that are remembered.
    pub fn destinations(&self) -> usize {
        self.destinations.len()
    }

    /// Destinations that were forgotten because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What of an address is looked at.
    fn key(&self, destination: IpAddr) -> IpAddr {
        match destination {
            IpAddr::V4(_) => destination,
            IpAddr::V6(address) => {
                let host_bits = 128 - u32::from(self.config.ipv6_prefix_len.min(128));
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        }
    }

    fn remember(&mut self, hash: u64, key: IpAddr, bucket: TokenBucket) {
        self.next_use += 1;
        let used = self.next_use;
        if let Some(entry) = self.destinations.find_mut(hash, |entry| entry.key == key) {
            self.order.remove(&entry.used);
            entry.bucket = bucket;
            entry.used = used;
        } else {
            if self.destinations.len() >= self.config.destinations.max(1)
                && let Some((_, oldest)) = self.order.pop_first()
            {
                let oldest_hash = self.hasher.hash_one(oldest);
                if let Ok(entry) = self
                    .destinations
                    .find_entry(oldest_hash, |entry| entry.key == oldest)
                {
                    let _removed = entry.remove();
                    self.forgotten += 1;
                }
            }
            let hasher = &self.hasher;
            self.destinations
                .insert_unique(hash, Entry { key, bucket, used }, |entry| {
                    hasher.hash_one(entry.key)
                });
        }
        self.order.insert(used, key);
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("config", &self.config)
            .field("destinations", &self.destinations.len())
            .field("forgotten", &self.forgotten)
            .finish_non_exhaustive()
    }
}
