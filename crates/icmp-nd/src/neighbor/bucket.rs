//! A token bucket.

use core::time::Duration;
use packet_buffer::Instant;

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Times a second in the long run. Zero is never, once the burst is used up.
    pub per_second: u32,
    /// Times at once, after a quiet time. Zero is never at all.
    pub burst: u32,
}

impl RateLimit {
    /// No limit that a packet rate reaches.
    pub const UNLIMITED: Self = Self {
        per_second: u32::MAX,
        burst: u32::MAX,
    };
}

/// Counts tokens in millionths, so that none is lost to rounding.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    limit: RateLimit,
    micro_tokens: u64,
    filled: Instant,
}

impl TokenBucket {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            micro_tokens: u64::from(limit.burst) * 1_000_000,
            filled: Instant::ZERO,
        }
    }

    /// Takes a token; false when there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed: Duration = now - self.filled;
        self.filled = self.filled.max(now);
        let micros = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        let most = u64::from(self.limit.burst) * 1_000_000;
        let gained = micros.saturating_mul(u64::from(self.limit.per_second));
        self.micro_tokens = self.micro_tokens.saturating_add(gained).min(most);
        match self.micro_tokens.checked_sub(1_000_000) {
            Some(rest) => {
                self.micro_tokens = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate() {
        let mut bucket = TokenBucket::new(RateLimit {
            per_second: 10,
            burst: 3,
        });
        let now = Instant::from_secs(1);
        let taken = |bucket: &mut TokenBucket, now| (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(taken(&mut bucket, now), 3);
        assert_eq!(taken(&mut bucket, now + Duration::from_millis(99)), 0);
        assert_eq!(taken(&mut bucket, now + Duration::from_millis(100)), 1);
        assert_eq!(
            taken(&mut bucket, now),
            0,
            "a clock that runs back gives nothing"
        );
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(60)), 3);
    }
}
