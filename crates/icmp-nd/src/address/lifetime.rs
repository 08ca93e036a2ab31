//! Lifetimes of prefixes and addresses, and the two-hour rule.

use core::time::Duration;
use packet_buffer::Instant;

/// What a single advertisement cannot shorten a valid lifetime below (RFC 4862 §5.5.3).
pub const TWO_HOURS: Duration = Duration::from_secs(7_200);

/// A lifetime as messages carry it. The infinite one is longer than all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifetime {
    /// So long from now on.
    Finite(Duration),
    /// For ever: all ones on the wire.
    Infinite,
}

impl Lifetime {
    /// No time at all.
    pub const ZERO: Self = Self::Finite(Duration::ZERO);

    /// From the 32 bits of an option, in seconds.
    // RFC 4861 §4.6.2 MUST (infinity): a lifetime of all ones has no end.
    pub const fn from_secs(seconds: u32) -> Self {
        if seconds == u32::MAX {
            Self::Infinite
        } else {
            let [a, b, c, d] = seconds.to_be_bytes();
            Self::Finite(Duration::from_secs(u64::from_be_bytes([
                0, 0, 0, 0, a, b, c, d,
            ])))
        }
    }

    /// Whether nothing is left.
    pub const fn is_zero(self) -> bool {
        matches!(self, Self::Finite(duration) if duration.is_zero())
    }

    /// The moment of its end, counted from `now`; `None` for never.
    pub const fn until(self, now: Instant) -> Option<Instant> {
        match self {
            Self::Finite(duration) => Some(now.saturating_add(duration)),
            Self::Infinite => None,
        }
    }

    /// What is left at `now` until `until`; `None` is never.
    pub const fn remaining(until: Option<Instant>, now: Instant) -> Self {
        match until {
            Some(until) => Self::Finite(until.saturating_duration_since(now)),
            None => Self::Infinite,
        }
    }
}

/// When an address stops being valid after its prefix was advertised again: the two-hour rule of
/// RFC 4862 §5.5.3 (e). `until` is the present end, `None` for never; so is the result.
///
/// An advertisement may lengthen the lifetime at will, and shorten it to two hours; it goes below only
/// when it was `authenticated`.
///
/// ```
/// use core::time::Duration;
/// use icmp_nd::Instant;
/// use icmp_nd::address::{Lifetime, updated_valid_until};
///
/// let hours = |n: u64| Instant::ZERO + Duration::from_secs(n * 3_600);
/// let received = Lifetime::Finite(Duration::from_secs(60));
/// assert_eq!(updated_valid_until(hours(0), Some(hours(24)), received, false), Some(hours(2)));
/// assert_eq!(updated_valid_until(hours(0), Some(hours(1)), received, false), Some(hours(1)));
/// ```
pub fn updated_valid_until(
    now: Instant,
    until: Option<Instant>,
    received: Lifetime,
    authenticated: bool,
) -> Option<Instant> {
    let remaining = Lifetime::remaining(until, now);
    let two_hours = Lifetime::Finite(TWO_HOURS);
    // RFC 4862 §5.5.3 MUST (longer): more than two hours, or more than what is left, is taken.
    if received > two_hours || received > remaining || authenticated {
        received.until(now)
    // RFC 4862 §5.5.3 MUST (two-hours-left): with two hours or less left the option is ignored.
    } else if remaining <= two_hours {
        until
    // RFC 4862 §5.5.3 MUST (two-hours): otherwise two hours are left.
    } else {
        two_hours.until(now)
    }
}
