//! How often something may be done: a [`Rate`], and the token bucket that holds to it.
//!
//! All crates limit by these: errors that are sent, solicitations, packets of a routing protocol, lines of a log,
//! sessions of a subscriber.
//!
//! ```
//! use packet_buffer::rate::{Limiter, Rate};
//! use packet_buffer::Instant;
//! use core::time::Duration;
//!
//! let mut errors = Limiter::new(Rate::per_second(10, 2));
//! let now = Instant::from_secs(1);
//! assert_eq!([errors.take(now), errors.take(now), errors.take(now)], [true, true, false]);
//! assert_eq!(errors.ready_at(), now + Duration::from_millis(100));
//! ```

use crate::Instant;
use core::time::Duration;

/// How often: `burst` at once after a quiet time, and one more each `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// The time in which one is earned: whole microseconds, of which parts are cut off, and one at the least. Zero lifts
    /// the limit; in [`Duration::MAX`] nothing is earned, and one passes in all.
    pub interval: Duration,
    /// How many may be saved up. With 0 none ever passes, unless there is no limit.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        interval: Duration::ZERO,
        burst: u32::MAX,
    };

    /// So many a second in the long run, 1,000,000 at the most, and so many at once. With a `number` of 0 none is
    /// earned.
    pub const fn per_second(number: u32, burst: u32) -> Self {
        Self::per(Duration::from_secs(1), number, burst)
    }

    /// So many a `period` in the long run, and so many at once. With a `number` of 0 none is earned.
    pub const fn per(period: Duration, number: u32, burst: u32) -> Self {
        let interval = match period.checked_div(number) {
            // Zero would be no limit.
            Some(interval) if interval.is_zero() => Duration::from_nanos(1),
            Some(interval) => interval,
            None => Duration::MAX,
        };
        Self { interval, burst }
    }

    const fn is_unlimited(&self) -> bool {
        self.interval.is_zero()
    }

    /// In whole microseconds, as instants are. What a second is said to earn is there when the second is over.
    fn step(&self) -> Duration {
        let micros = u64::try_from(self.interval.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros.max(1))
    }
}

/// A bucket of [`burst`](Rate::burst) tokens, one of which is earned each [`interval`](Rate::interval). It starts full.
///
/// It is kept as the moment when it will be full again, which is all there is to know: 8 octets, for tables that have
/// one for each key. A clock that runs backwards neither fills nor empties it. [`Limiter`] keeps the rate beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenBucket {
    full_at: Instant,
}

impl Default for TokenBucket {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenBucket {
    /// A full bucket.
    pub const fn new() -> Self {
        Self {
            full_at: Instant::ZERO,
        }
    }

    /// When the bucket is full again, if nothing more is taken.
    pub const fn full_at(&self) -> Instant {
        self.full_at
    }

    /// When there is a token; [`Instant::MAX`] for never.
    pub fn ready_at(&self, rate: &Rate) -> Instant {
        if rate.is_unlimited() {
            return Instant::ZERO;
        }
        match rate.burst.checked_sub(1) {
            // What is full at the end of time is never full again.
            Some(others) if self.full_at < Instant::MAX => {
                self.full_at - rate.step().saturating_mul(others)
            }
            _ => Instant::MAX,
        }
    }

    /// Whether there is a token.
    pub fn is_ready(&self, now: Instant, rate: &Rate) -> bool {
        self.ready_at(rate) <= now
    }

    /// Takes a token; `false`, and the bucket unchanged, when there is none.
    pub fn take(&mut self, now: Instant, rate: &Rate) -> bool {
        let is_ready = self.is_ready(now, rate);
        if is_ready {
            self.spend(now, rate, 1);
        }
        is_ready
    }

    /// Takes so many tokens whether they are there or not: what is missing has to be earned before the next
    /// [`take`](Self::take).
    pub fn spend(&mut self, now: Instant, rate: &Rate, tokens: u32) {
        let step = if rate.is_unlimited() {
            Duration::ZERO
        } else {
            rate.step()
        };
        self.full_at = self.full_at.max(now) + step.saturating_mul(tokens);
    }
}

/// A bucket with its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limiter {
    rate: Rate,
    bucket: TokenBucket,
}

impl Limiter {
    /// With a full bucket.
    pub const fn new(rate: Rate) -> Self {
        Self {
            rate,
            bucket: TokenBucket::new(),
        }
    }

    /// The rate.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Changes the rate. What was taken stays taken, in time.
    pub const fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// When there is a token; [`Instant::MAX`] for never.
    pub fn ready_at(&self) -> Instant {
        self.bucket.ready_at(&self.rate)
    }

    /// Whether there is a token.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.ready_at() <= now
    }

    /// Takes a token; `false`, and the bucket unchanged, when there is none.
    pub fn take(&mut self, now: Instant) -> bool {
        self.bucket.take(now, &self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(limiter: &mut Limiter, now: Instant) -> usize {
        (0..100).filter(|_| limiter.take(now)).count()
    }

    #[test]
    fn the_burst_and_then_the_rate() {
        let mut limiter = Limiter::new(Rate::per_second(10, 3));
        let now = Instant::from_secs(1);
        assert_eq!(taken(&mut limiter, now), 3);
        assert!(!limiter.is_ready(now));
        assert_eq!(limiter.ready_at(), now + Duration::from_millis(100));
        assert_eq!(taken(&mut limiter, now + Duration::from_millis(99)), 0);
        assert_eq!(taken(&mut limiter, now + Duration::from_millis(100)), 1);
        assert_eq!(taken(&mut limiter, now), 0, "a clock that runs back");
        assert_eq!(taken(&mut limiter, now + Duration::from_secs(60)), 3);
    }

    #[test]
    fn the_ends_of_the_range() {
        let now = Instant::from_secs(1);
        let mut unlimited = Limiter::new(Rate::UNLIMITED);
        assert_eq!(taken(&mut unlimited, now), 100);
        assert_eq!(taken(&mut unlimited, Instant::ZERO), 100);
        let mut none = Limiter::new(Rate::per_second(1, 0));
        assert_eq!((taken(&mut none, now), none.ready_at()), (0, Instant::MAX));
        let mut once = Limiter::new(Rate::per_second(0, 2));
        assert_eq!(taken(&mut once, now), 1);
        assert_eq!(taken(&mut once, now + Duration::from_secs(1 << 40)), 0);
        assert_eq!(taken(&mut Limiter::new(Rate::per_second(3, 64)), now), 64);
        // A microsecond each is the most that can be counted.
        let mut fast = Limiter::new(Rate::per_second(u32::MAX, 2));
        assert_eq!(taken(&mut fast, now), 2);
        assert_eq!(taken(&mut fast, now + Duration::from_micros(1)), 1);
    }

    #[test]
    fn debts_are_earned_first() {
        let rate = Rate::per_second(10, 2);
        let (mut bucket, now) = (TokenBucket::new(), Instant::from_secs(1));
        bucket.spend(now, &rate, 4);
        assert_eq!(bucket.ready_at(&rate), now + Duration::from_millis(300));
        assert_eq!(bucket.full_at(), now + Duration::from_millis(400));
    }

    #[test]
    fn another_rate_keeps_what_was_taken() {
        let now = Instant::from_secs(1);
        let mut limiter = Limiter::new(Rate::per_second(1, 2));
        assert_eq!(taken(&mut limiter, now), 2);
        limiter.set_rate(Rate::per_second(1, 3));
        assert_eq!(limiter.rate().burst, 3);
        assert_eq!(taken(&mut limiter, now), 1);
    }

    proptest! {
        /// Whatever the times, no more pass than burst and rate allow, and none is refused that they allow.
        #[test]
        fn no_more_and_no_less_than_burst_and_rate(
            number in 1u32..50,
            burst in 1u32..20,
            waits in prop::collection::vec(0u64..200, 1..200),
        ) {
            let rate = Rate::per_second(number, burst);
            let step = 1_000_000 / u64::from(number);
            let (mut bucket, mut now) = (TokenBucket::new(), Instant::from_secs(1));
            // Microseconds that are saved up.
            let mut saved = u64::from(burst) * step;
            for wait in waits {
                now += Duration::from_millis(wait);
                saved = (saved + wait * 1_000).min(u64::from(burst) * step);
                prop_assert_eq!(bucket.is_ready(now, &rate), saved >= step);
                prop_assert_eq!(bucket.take(now, &rate), saved >= step);
                saved = saved.checked_sub(step).unwrap_or(saved);
            }
        }
    }
}
