//! How often something may be done: the one token bucket of this crate.

use core::time::Duration;
use packet_buffer::Instant;

/// How often: `burst` at once after a quiet time, and one more each `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time in which one is earned; parts of a microsecond are rounded up. Zero lifts the limit.
    pub interval: Duration,
    /// How many may be saved up; 0 is taken as 1.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        interval: Duration::ZERO,
        burst: u32::MAX,
    };

    /// So many a second in the long run, 1,000,000 at the most, and so many at once. With a `number` of
    /// 0 none is earned.
    pub const fn per_second(number: u32, burst: u32) -> Self {
        let interval = match Duration::from_secs(1).checked_div(number) {
            // Zero would be no limit.
            Some(interval) if interval.is_zero() => Duration::from_nanos(1),
            Some(interval) => interval,
            None => Duration::MAX,
        };
        Self { interval, burst }
    }
}

/// A bucket: `burst` tokens, one of which is earned each `interval`.
///
/// It is kept as the moment when it will be full again, which is all there is to know: an empty
/// bucket is full after `burst` intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    pub(crate) const FULL: Self = Self {
        full_at: Instant::ZERO,
    };

    /// The bucket after `tokens` more are taken at `now`; `None` when there is not one.
    pub(crate) fn take(self, now: Instant, rate: &Rate, tokens: u32) -> Option<Self> {
        // In whole microseconds, rounded up, as instants are.
        let interval = (Instant::ZERO + rate.interval) - Instant::ZERO;
        let full_at = self.full_at.max(now);
        // There is a token when at most burst - 1 intervals are missing.
        let missing = full_at - now;
        let is_empty = missing > interval.saturating_mul(rate.burst.saturating_sub(1));
        // What is full at the end of time is never full again.
        if is_empty || (full_at == Instant::MAX && !missing.is_zero()) {
            return None;
        }
        let full_at = full_at + interval.saturating_mul(tokens);
        Some(Self { full_at })
    }
}

/// A bucket with its rate, and a clock that only goes forward.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    rate: Rate,
    bucket: Bucket,
    latest: Instant,
}

impl Limiter {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self {
            rate,
            bucket: Bucket::FULL,
            latest: Instant::ZERO,
        }
    }

    /// Takes a token; false when there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.latest = self.latest.max(now);
        match self.bucket.take(self.latest, &self.rate, 1) {
            Some(bucket) => {
                self.bucket = bucket;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limiter: &mut Limiter, now: Instant) -> usize {
        (0..100).filter(|_| limiter.take(now)).count()
    }

    #[test]
    fn burst_then_rate() {
        let mut limiter = Limiter::new(Rate::per_second(10, 3));
        let now = Instant::from_secs(1);
        assert_eq!(taken(&mut limiter, now), 3);
        assert_eq!(taken(&mut limiter, now + Duration::from_millis(99)), 0);
        assert_eq!(taken(&mut limiter, now + Duration::from_millis(100)), 1);
        assert_eq!(
            taken(&mut limiter, now),
            0,
            "a clock that runs back gives nothing"
        );
        assert_eq!(taken(&mut limiter, now + Duration::from_secs(60)), 3);
    }

    #[test]
    fn the_ends_of_the_range() {
        let now = Instant::from_secs(1);
        assert_eq!(taken(&mut Limiter::new(Rate::UNLIMITED), now), 100);
        assert_eq!(taken(&mut Limiter::new(Rate::per_second(1, 0)), now), 1);
        let mut never = Limiter::new(Rate::per_second(0, 2));
        assert!(taken(&mut never, now) <= 2);
        assert_eq!(taken(&mut never, now + Duration::from_secs(1 << 40)), 0);
        assert_eq!(taken(&mut Limiter::new(Rate::per_second(3, 64)), now), 64);
        // A microsecond each is the most that can be counted.
        let mut fast = Limiter::new(Rate::per_second(u32::MAX, 2));
        assert_eq!(taken(&mut fast, now), 2);
        assert_eq!(taken(&mut fast, now + Duration::from_micros(1)), 1);
    }
}
