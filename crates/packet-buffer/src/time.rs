//! The time, as a value that the caller hands in.
//!
//! Nothing in these crates reads a clock. An [`Instant`] counts microseconds from an epoch that the
//! caller picks (the start of the program, of the simulation, of the capture); durations are
//! [`core::time::Duration`]. With the `std` feature, `StdClock` turns the operating system's
//! monotonic clock into instants.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A moment, in microseconds since an epoch of the caller's choice.
///
/// All arithmetic saturates: an instant never wraps around.
///
/// ```
/// use core::time::Duration;
/// use packet_buffer::time::Instant;
///
/// let start = Instant::from_secs(10);
/// let later = start + Duration::from_millis(250);
/// assert_eq!(later - start, Duration::from_millis(250));
/// assert_eq!(start - later, Duration::ZERO); // never negative
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant {
    micros: u64,
}

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self { micros: 0 };
    /// The last moment that can be told: 584,542 years after the epoch.
    pub const MAX: Self = Self { micros: u64::MAX };

    /// `micros` microseconds after the epoch.
    #[inline]
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// `millis` milliseconds after the epoch.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self {
            micros: millis.saturating_mul(1_000),
        }
    }

    /// `secs` seconds after the epoch.
    #[inline]
    pub const fn from_secs(secs: u64) -> Self {
        Self {
            micros: secs.saturating_mul(1_000_000),
        }
    }

    /// Microseconds since the epoch.
    #[inline]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// Whole milliseconds since the epoch.
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.micros / 1_000
    }

    /// Whole seconds since the epoch.
    #[inline]
    pub const fn as_secs(self) -> u64 {
        self.micros / 1_000_000
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[inline]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }

    /// `self` plus `duration`, or [`Instant::MAX`] where that cannot be told. Parts of a
    /// microsecond are rounded up, so that a timer never fires early.
    #[inline]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let nanos = duration.subsec_nanos();
        let micros = duration
            .as_secs()
            .saturating_mul(1_000_000)
            .saturating_add(nanos.div_ceil(1_000) as u64);
        Self {
            micros: self.micros.saturating_add(micros),
        }
    }

    /// `self` minus `duration`, or the epoch where that would be earlier.
    #[inline]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        let micros = duration
            .as_secs()
            .saturating_mul(1_000_000)
            .saturating_add(duration.subsec_micros() as u64);
        Self {
            micros: self.micros.saturating_sub(micros),
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[inline]
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl AddAssign<Duration> for Instant {
    #[inline]
    fn add_assign(&mut self, duration: Duration) {
        *self = self.saturating_add(duration);
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    #[inline]
    fn sub(self, duration: Duration) -> Self {
        self.saturating_sub(duration)
    }
}

impl Sub for Instant {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// Seconds since the epoch with six decimals, as capture tools print it.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:06}",
            self.micros / 1_000_000,
            self.micros % 1_000_000
        )
    }
}

#[cfg(feature = "std")]
pub use self::clock::StdClock;

#[cfg(feature = "std")]
mod clock {
    use super::Instant;

    /// The operating system's monotonic clock as [`Instant`]s; the epoch is the moment when the
    /// clock was made.
    #[derive(Debug, Clone, Copy)]
    pub struct StdClock {
        start: std::time::Instant,
    }

    impl StdClock {
        /// A clock that starts at [`Instant::ZERO`] now.
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that may read the clock"
        )]
        #[expect(
            clippy::new_without_default,
            reason = "a default that reads a clock would surprise"
        )]
        pub fn new() -> Self {
            Self {
                start: std::time::Instant::now(),
            }
        }

        /// The present moment.
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that may read the clock"
        )]
        pub fn now(&self) -> Instant {
            self.instant(std::time::Instant::now())
        }

        /// The given moment; moments before the clock was made become [`Instant::ZERO`].
        pub fn instant(&self, moment: std::time::Instant) -> Instant {
            Instant::ZERO + moment.saturating_duration_since(self.start)
        }

        /// The operating system's instant for `instant`, to sleep until; `None` where it cannot
        /// tell a moment so far away.
        pub fn std_instant(&self, instant: Instant) -> Option<std::time::Instant> {
            self.start.checked_add(instant - Instant::ZERO)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Instant::MAX + Duration::from_secs(1), Instant::MAX);
        assert_eq!(Instant::ZERO - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(Instant::ZERO + Duration::MAX, Instant::MAX);
        assert_eq!(Instant::MAX - Duration::MAX, Instant::ZERO);
        assert_eq!(Instant::from_secs(u64::MAX), Instant::MAX);
    }

    #[test]
    fn a_timer_never_fires_early() {
        let deadline = Instant::ZERO + Duration::from_nanos(1);
        assert_eq!(deadline.as_micros(), 1);
        assert_eq!((Instant::ZERO + Duration::from_nanos(1_000)).as_micros(), 1);
        assert_eq!((Instant::ZERO + Duration::from_nanos(1_001)).as_micros(), 2);
    }

    #[test]
    fn display_is_seconds() {
        assert_eq!(
            alloc::format!("{}", Instant::from_micros(12_000_345)),
            "12.000345"
        );
    }

    #[cfg(feature = "std")]
    #[test]
    fn the_std_clock_goes_forward_and_back() {
        let clock = StdClock::new();
        let a = clock.now();
        let b = clock.now();
        assert!(a <= b);
        let there = clock.std_instant(Instant::from_millis(5)).unwrap();
        assert_eq!(clock.instant(there), Instant::from_millis(5));
    }
}
