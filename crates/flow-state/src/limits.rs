//! Rates and counts, one by one or by key, in bounded memory.
//!
//! Keyed limits stand on [`FlowTable`], so they are flood-proof: a key's place comes from a hash
//! drawn per table, memory is reserved once, and there is a policy for the full table.

use core::net::IpAddr;
use flow_table::{Config, ConfigError, FlowKey, FlowTable, NewFlow, WhenFull};
pub use packet_buffer::rate::{Rate, TokenBucket};
use packet_buffer::{Instant, RandomSource};
use thiserror::Error;

/// The address that a limit counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey([u64; 2]);

impl SourceKey {
    /// The address itself; of an IPv6 address the prefix of 64 bits, since one host has that many
    /// addresses to send from.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self([0, 0xffff_0000_0000 | v4.to_bits() as u64]),
            IpAddr::V6(v6) => Self([(v6.to_bits() >> 64) as u64, 1 << 63]),
        }
    }
}

impl FlowKey for SourceKey {
    type Words = [u64; 2];

    #[inline]
    fn words(&self) -> [u64; 2] {
        self.0
    }
}

/// A token bucket for each key.
///
/// When there are more keys than buckets, the one that is full soonest is given up: a key that comes
/// back finds a full bucket. A flood of new keys thus evades the limit of each, so set a
/// limit for all beside it.
#[derive(Debug)]
pub struct KeyedBuckets<K: FlowKey = SourceKey> {
    rate: Rate,
    table: FlowTable<K, TokenBucket>,
    refused: u64,
}

impl<K: FlowKey> KeyedBuckets<K> {
    /// Buckets for up to `capacity` keys.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when `capacity` is 0 or there is no memory for it.
    pub fn new<R: RandomSource + ?Sized>(
        rate: Rate,
        capacity: usize,
        random: &mut R,
    ) -> Result<Self, ConfigError> {
        let config = Config {
            when_full: WhenFull::EvictLowestClass,
            ..Config::new(capacity)
        };
        Ok(Self {
            rate,
            table: FlowTable::new(config, random)?,
            refused: 0,
        })
    }

    /// Takes one token of `key`'s bucket; `false` when there is none.
    pub fn take(&mut self, now: Instant, key: K) -> bool {
        self.expire(now);
        if let Some((_, mut entry)) = self.table.lookup(now, &key) {
            let bucket = entry.value_mut();
            let taken = bucket.take(now, &self.rate);
            let full_at = bucket.full_at();
            if taken {
                entry.set_deadline(full_at);
            } else {
                self.refused = self.refused.saturating_add(1);
            }
            return taken;
        }
        let mut bucket = TokenBucket::new();
        if !bucket.take(now, &self.rate) {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        let new = NewFlow {
            original: key,
            reply: key,
            deadline: bucket.full_at(),
            class: 0,
            value: bucket,
        };
        // Refused only when probing finds no place, which then costs the limit and not the packet.
        let _ = self.table.insert(now, new);
        true
    }

    /// Keys that have a bucket which is not full.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no key has.
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Events that were over the limit.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    fn expire(&mut self, now: Instant) {
        if self.table.poll_timeout().is_some_and(|at| at <= now) {
            self.table.handle_timeout(now);
            while self.table.poll_expired().is_some() {}
        }
    }
}

/// Why a count was not raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OverLimit {
    /// The key has as many as it may.
    #[error("the limit of {0} is reached")]
    Limit(u32),
    /// There is no room for another key.
    #[error("there is no room for another key")]
    Full,
}

/// How many of something each key has: flows of a source, ports of a subscriber.
///
/// Keys with a count of zero take no room. When there is no room for another key, its count is
/// refused: those that have something keep it.
#[derive(Debug)]
pub struct KeyedCounts<K: FlowKey = SourceKey> {
    limit: u32,
    table: FlowTable<K, u32>,
    refused: u64,
}

impl<K: FlowKey> KeyedCounts<K> {
    /// Counts of up to `limit` for each of up to `capacity` keys.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when `capacity` is 0 or there is no memory for it.
    pub fn new<R: RandomSource + ?Sized>(
        limit: u32,
        capacity: usize,
        random: &mut R,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            limit,
            table: FlowTable::new(Config::new(capacity), random)?,
            refused: 0,
        })
    }

    /// Raises the count of `key` by one, and returns it.
    ///
    /// # Errors
    ///
    /// [`OverLimit`]; the count is as it was.
    pub fn acquire(&mut self, key: K) -> Result<u32, OverLimit> {
        let limit = OverLimit::Limit(self.limit);
        let refusal = if let Some((_, mut entry)) = self.table.lookup(Self::NOW, &key) {
            let count = entry.value_mut();
            if *count < self.limit {
                *count += 1;
                return Ok(*count);
            }
            limit
        } else if self.limit == 0 {
            limit
        } else {
            let new = NewFlow {
                original: key,
                reply: key,
                deadline: Instant::MAX,
                class: 0,
                value: 1,
            };
            match self.table.insert(Self::NOW, new) {
                Ok(_) => return Ok(1),
                Err(_) => OverLimit::Full,
            }
        };
        self.refused = self.refused.saturating_add(1);
        Err(refusal)
    }

    /// Lowers the count of `key` by one, and returns it. A key without a count stays at zero.
    pub fn release(&mut self, key: K) -> u32 {
        let Some((_, mut entry)) = self.table.lookup(Self::NOW, &key) else {
            return 0;
        };
        let count = entry.value_mut();
        *count = count.saturating_sub(1);
        let left = *count;
        if left == 0 {
            let id = entry.id();
            self.table.remove(id);
        }
        left
    }

    /// The count of `key`.
    pub fn count(&self, key: K) -> u32 {
        self.table
            .find(Self::NOW, &key)
            .and_then(|found| self.table.get(found.id))
            .map_or(0, |entry| *entry.value)
    }

    /// Keys that have a count.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no key has.
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// How often a count was not raised.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts do not depend on the time.
    const NOW: Instant = Instant::from_micros(0);
}
