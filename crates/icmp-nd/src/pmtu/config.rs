//! How the cache is set up, what it tells and what it counts.

use super::IPV4_MIN_MTU;
use super::report::{Discard, Path};
use core::time::Duration;
use thiserror::Error;

/// How a [`PathMtuCache`](super::PathMtuCache) is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The most paths with a reduced MTU, from 1 to 65,536. Default: 1,024.
    pub capacity: usize,
    /// The most paths among them that no transport has confirmed; at most `capacity`. Default:
    /// 256.
    pub unverified_capacity: usize,
    /// How long a reduced MTU is believed, from 5 minutes; then an increase is tried. Default: 10
    /// minutes, twice the minimum, as RFC 1191 §3 and RFC 8201 §4 recommend.
    pub timeout: Duration,
    /// How an increase is tried. Default: [`Increase::LinkMtu`].
    pub increase: Increase,
    /// How long after an increase by one plateau the next one is tried, from 1 minute
    /// ([`Increase::Plateau`]). Default: 2 minutes, twice the minimum, as RFC 1191 §3 recommends.
    pub raise_interval: Duration,
    /// The least path MTU that is believed of IPv4, from 68 to 65,535. A report of less sets the
    /// path MTU to this, and allows routers to fragment ([`PathMtu::dont_fragment`] is false): a
    /// forged report cannot make packets tiny, and a true one does not stop the traffic. Default:
    /// 552.
    pub ipv4_floor: u32,
    /// Whether flows of IPv6 with different labels have paths of their own, which takes an entry a
    /// flow. Default: false, all flows to a destination share the smallest MTU.
    pub per_flow: bool,
    /// Events that wait for [`PathMtuCache::poll_event`](super::PathMtuCache::poll_event), from 1; further ones are dropped and
    /// counted. Default: 256.
    pub max_events: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            capacity: 1_024,
            unverified_capacity: 256,
            timeout: Duration::from_secs(600),
            increase: Increase::LinkMtu,
            raise_interval: Duration::from_secs(120),
            ipv4_floor: 552,
            per_flow: false,
            max_events: 256,
        }
    }
}

impl Config {
    /// The most paths that a cache can be made for.
    pub const MAX_CAPACITY: usize = 65_536;
    /// The least [`timeout`](Self::timeout).
    pub const MIN_TIMEOUT: Duration = Duration::from_secs(300);
    /// The least [`raise_interval`](Self::raise_interval).
    pub const MIN_RAISE_INTERVAL: Duration = Duration::from_secs(60);

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.capacity == 0 || self.capacity > Self::MAX_CAPACITY {
            return Err(ConfigError::Capacity);
        }
        if self.unverified_capacity > self.capacity {
            return Err(ConfigError::UnverifiedCapacity);
        }
        // RFC 8201 §4 MUST (five-minutes): no increase is tried within 5 minutes of a report.
        // RFC 1191 §3 MUST (five-minutes): no increase is tried within 5 minutes of a report.
        if self.timeout < Self::MIN_TIMEOUT {
            return Err(ConfigError::Timeout);
        }
        // RFC 1191 §3 MUST (one-minute): nor within 1 minute of an increase that worked.
        if self.raise_interval < Self::MIN_RAISE_INTERVAL {
            return Err(ConfigError::RaiseInterval);
        }
        // RFC 1191 §3 MUST (floor): the estimate never goes below 68 octets.
        if !(IPV4_MIN_MTU..=65_535).contains(&self.ipv4_floor) {
            return Err(ConfigError::Ipv4Floor);
        }
        if self.max_events == 0 {
            return Err(ConfigError::MaxEvents);
        }
        Ok(())
    }
}

/// What is wrong with a [`Config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The capacity is not from 1 to 65,536.
    #[error("capacity is not from 1 to 65536 paths")]
    Capacity,
    /// More unverified paths than paths.
    #[error("unverified_capacity is more than capacity")]
    UnverifiedCapacity,
    /// The time-out is shorter than both RFCs allow.
    #[error("timeout is below 5 minutes (RFC 1191 §3, RFC 8201 §4)")]
    Timeout,
    /// Increases would follow each other faster than RFC 1191 allows.
    #[error("raise_interval is below 1 minute (RFC 1191 §3)")]
    RaiseInterval,
    /// The IPv4 floor is not from 68 to 65,535.
    #[error("ipv4_floor is not from 68 to 65535 octets")]
    Ipv4Floor,
    /// No room for a single event.
    #[error("max_events is 0")]
    MaxEvents,
}

/// How the cache finds out that a path has become wider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Increase {
    /// The path is forgotten, and the next packet is as long as the link allows (RFC 1191 §6.3).
    LinkMtu,
    /// The path MTU goes up one plateau at a time (RFC 1191 §7.1), which loses fewer octets on paths
    /// that stay narrow.
    Plateau,
}

/// How long a packet may be on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathMtu {
    /// Octets of the longest packet.
    pub mtu: u32,
    /// Whether packets are to be sent with "don't fragment" set. False for IPv4 paths narrower than
    /// [`Config::ipv4_floor`]: routers then fragment what does not fit.
    pub dont_fragment: bool,
}

/// What transports want to hear (RFC 1191 §6.2, RFC 8201 §5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// Packets on the path must be shorter from now on, and those that were lost may be sent again.
    Reduced {
        /// The path.
        path: Path,
        /// Octets of the longest packet.
        mtu: u32,
    },
    /// Longer packets may be tried.
    Increased {
        /// The path.
        path: Path,
        /// Octets of the longest packet that is worth a try; `None` for what the link allows.
        mtu: Option<u32>,
    },
}

/// What a cache has seen and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Paths that became narrower.
    pub reduced: u64,
    /// Paths that were given a wider MTU because time had passed or a probe got through.
    pub increased: u64,
    /// Reports that no transport confirmed, among those that took effect.
    pub unverified: u64,
    /// Reports without a next-hop MTU, for which a plateau was taken.
    pub plateaus: u64,
    /// Reports that were raised to [`Config::ipv4_floor`].
    pub floored: u64,
    /// Paths that made room for another.
    pub evicted: u64,
    /// Events that found no room.
    pub events_dropped: u64,
    /// Errors that are no report ([`Discard::NotAReport`]).
    pub not_a_report: u64,
    /// Reports whose quote is unusable or contradicts the error ([`Discard::Quote`],
    /// [`Discard::QuoteVersion`], [`Discard::NotTheSource`], [`Discard::MayFragment`]).
    pub bad_quote: u64,
    /// Reports about packets that are not ours ([`Discard::Refused`]).
    pub refused: u64,
    /// Reports about packets that fit ([`Discard::Fits`]).
    pub fits: u64,
    /// Reports of less than the minimum ([`Discard::BelowMinimum`]).
    pub below_minimum: u64,
    /// Reports that would not reduce ([`Discard::NoReduction`]).
    pub no_reduction: u64,
    /// Reports that found no room ([`Discard::Full`]).
    pub full: u64,
}

impl Stats {
    pub(super) fn count(&mut self, discard: &Discard) {
        let counter = match discard {
            Discard::NotAReport => &mut self.not_a_report,
            Discard::Quote(_)
            | Discard::QuoteVersion
            | Discard::NotTheSource
            | Discard::MayFragment => &mut self.bad_quote,
            Discard::Refused => &mut self.refused,
            Discard::Fits => &mut self.fits,
            Discard::BelowMinimum => &mut self.below_minimum,
            Discard::NoReduction => &mut self.no_reduction,
            Discard::Full => &mut self.full,
        };
        *counter += 1;
    }
}
