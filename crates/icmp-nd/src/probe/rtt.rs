//! Statistics of round-trip times, in bounded memory.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

/// Buckets for each power of two.
const PER_OCTAVE: usize = 8;
/// Times below this many microseconds have a bucket each.
const EXACT: u64 = 8;
/// Powers of two that are told apart above those: times of 2^31 microseconds (36 minutes) and more
/// share the last bucket.
const OCTAVES: usize = 28;
const BUCKETS: usize = PER_OCTAVE * (OCTAVES + 1);

/// Round-trip times: least, average, greatest, deviation, jitter and percentiles.
///
/// Takes the same memory whatever is recorded: about a kilobyte once there is something.
///
/// ```
/// use core::time::Duration;
/// use icmp_nd::probe::RttStats;
///
/// let mut times = RttStats::default();
/// for millis in [10, 20, 30] {
///     times.record(Duration::from_millis(millis));
/// }
/// assert_eq!(times.average(), Some(Duration::from_millis(20)));
/// assert_eq!(times.deviation(), Some(Duration::from_micros(8_164)));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RttStats {
    count: u64,
    min: u64,
    max: u64,
    last: u64,
    sum: u64,
    sum_of_squares: u128,
    /// Sixteen times the smoothed jitter.
    jitter_16: u64,
    buckets: Option<Box<[u32; BUCKETS]>>,
}

impl RttStats {
    /// Adds a time. Parts of a microsecond are dropped.
    pub fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if self.count == 0 {
            self.min = micros;
            self.max = micros;
        } else {
            self.min = self.min.min(micros);
            self.max = self.max.max(micros);
            // RFC 3550 §6.4.1: J += (|D| - J) / 16, kept with four more bits.
            let difference = self.last.abs_diff(micros);
            let decayed =
                self.jitter_16 - (self.jitter_16.saturating_add(8) >> 4).min(self.jitter_16);
            self.jitter_16 = decayed.saturating_add(difference);
        }
        self.last = micros;
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(micros);
        let square = u128::from(micros) * u128::from(micros);
        self.sum_of_squares = self.sum_of_squares.saturating_add(square);
        let buckets = self.buckets.get_or_insert_with(|| Box::new([0; BUCKETS]));
        if let Some(bucket) = buckets.get_mut(bucket_of(micros)) {
            *bucket = bucket.saturating_add(1);
        }
    }

    /// Times recorded.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The shortest; `None` when there are none, as everywhere here.
    pub fn min(&self) -> Option<Duration> {
        self.known(self.min)
    }

    /// The longest.
    pub fn max(&self) -> Option<Duration> {
        self.known(self.max)
    }

    /// The latest.
    pub fn last(&self) -> Option<Duration> {
        self.known(self.last)
    }

    /// The average.
    pub fn average(&self) -> Option<Duration> {
        self.sum.checked_div(self.count).map(Duration::from_micros)
    }

    /// The standard deviation of all times, which ping calls mdev.
    pub fn deviation(&self) -> Option<Duration> {
        let count = u128::from(self.count);
        let sum = u128::from(self.sum);
        // The variance times count squared: count * sum of squares - sum^2.
        let scaled = count
            .saturating_mul(self.sum_of_squares)
            .saturating_sub(sum.saturating_mul(sum));
        let root = scaled.isqrt().checked_div(count)?;
        Some(Duration::from_micros(
            u64::try_from(root).unwrap_or(u64::MAX),
        ))
    }

    /// The smoothed difference between one time and the next (RFC 3550 §6.4.1).
    pub fn jitter(&self) -> Option<Duration> {
        self.known(self.jitter_16 >> 4)
    }

    /// A time that `percent` of all times do not exceed, 12.5 percent too high at the most.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let buckets = self.buckets.as_ref()?;
        let total: u64 = buckets.iter().map(|&count| u64::from(count)).sum();
        let wanted = total
            .saturating_mul(u64::from(percent.min(100)))
            .div_ceil(100)
            .max(1);
        let mut seen = 0;
        for (bucket, &count) in buckets.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted {
                let micros = last_of(bucket).clamp(self.min, self.max);
                return Some(Duration::from_micros(micros));
            }
        }
        self.max()
    }

    fn known(&self, micros: u64) -> Option<Duration> {
        (self.count > 0).then_some(Duration::from_micros(micros))
    }
}

/// The bucket of a time: those of one power of two are split evenly.
fn bucket_of(micros: u64) -> usize {
    if micros < EXACT {
        return usize::try_from(micros).unwrap_or(0);
    }
    let octave = micros.ilog2();
    let within = (micros >> (octave - 3)) & 7;
    let octave = usize::try_from(octave - 3).unwrap_or(0);
    let within = usize::try_from(within).unwrap_or(0);
    (PER_OCTAVE * (octave + 1) + within).min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn last_of(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    if bucket < EXACT {
        return bucket;
    }
    let (octave, within) = (bucket / 8 - 1, bucket % 8);
    ((8 + within + 1) << octave) - 1
}

impl fmt::Debug for RttStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RttStats")
            .field("count", &self.count)
            .field("min", &self.min())
            .field("average", &self.average())
            .field("max", &self.max())
            .field("deviation", &self.deviation())
            .field("jitter", &self.jitter())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_begins_where_the_last_ends() {
        for bucket in 0..BUCKETS - 1 {
            let last = last_of(bucket);
            assert_eq!(bucket_of(last), bucket);
            assert_eq!(bucket_of(last + 1), bucket + 1);
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_within_an_eighth() {
        let mut stats = RttStats::default();
        assert_eq!(stats.percentile(50), None);
        for micros in 1..=100_000 {
            stats.record(Duration::from_micros(micros));
        }
        for percent in [1, 10, 50, 90, 95, 99] {
            let exact = u64::from(percent) * 1_000;
            let told = stats.percentile(percent).unwrap().as_micros();
            let told = u64::try_from(told).unwrap();
            assert!(
                (exact..=exact + exact / 8).contains(&told),
                "{percent}: {told}"
            );
        }
        assert_eq!(stats.percentile(100), Some(Duration::from_millis(100)));
    }

    #[test]
    fn jitter_settles_at_the_mean_difference() {
        let mut stats = RttStats::default();
        for n in 0..1_000u32 {
            let millis = if n.is_multiple_of(2) { 10 } else { 14 };
            stats.record(Duration::from_millis(millis));
        }
        let jitter = stats.jitter().unwrap();
        assert!((3_900..4_100).contains(&jitter.as_micros()), "{jitter:?}");
    }

    #[test]
    fn huge_times_saturate() {
        let mut stats = RttStats::default();
        stats.record(Duration::MAX);
        stats.record(Duration::MAX);
        assert_eq!(stats.max(), Some(Duration::from_micros(u64::MAX)));
        assert!(stats.average().is_some() && stats.deviation().is_some());
    }
}
