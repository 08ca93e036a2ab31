//! A bucket of tokens.

use core::time::Duration;
use packet_buffer::Instant;

/// A bucket that fills at an even rate, and starts full.
///
/// It is told by one moment: when it would be full. Each token that is taken moves that moment on
/// by the time in which one token comes; it may not lie further ahead than a whole bucket takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Microseconds for a token.
    interval: u64,
    /// Microseconds for all but one of them.
    room: u64,
    full_at: Instant,
}

impl Bucket {
    /// `per_second` is at least 1 and at most a million; `size` at least 1.
    pub(super) fn new(per_second: u32, size: u32) -> Self {
        let interval = 1_000_000 / u64::from(per_second.max(1));
        Self {
            interval: interval.max(1),
            room: interval.max(1) * u64::from(size.max(1) - 1),
            full_at: Instant::ZERO,
        }
    }

    /// Changes rate and size, and keeps what was taken.
    pub(super) fn resize(&mut self, per_second: u32, size: u32) {
        *self = Self {
            full_at: self.full_at,
            ..Self::new(per_second, size)
        };
    }

    /// When there is a token.
    pub(super) fn ready_at(&self) -> Instant {
        self.full_at - Duration::from_micros(self.room)
    }

    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.ready_at() <= now
    }

    /// Takes a token, of which [`is_ready`](Self::is_ready) has said that it is there.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + Duration::from_micros(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(200, 4);
        let mut now = Instant::from_secs(1);
        for _ in 0..4 {
            assert!(bucket.is_ready(now));
            bucket.take(now);
        }
        assert!(!bucket.is_ready(now));
        assert_eq!(bucket.ready_at(), now + Duration::from_millis(5));
        now = bucket.ready_at();
        bucket.take(now);
        assert!(!bucket.is_ready(now + Duration::from_micros(4_999)));
        // After a pause there is one bucket, and not more.
        now += Duration::from_secs(60);
        let mut taken = 0;
        while bucket.is_ready(now) {
            bucket.take(now);
            taken += 1;
        }
        assert_eq!(taken, 4);
    }
}
