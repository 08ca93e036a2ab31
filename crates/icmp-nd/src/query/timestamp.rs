//! What the four times of a timestamp exchange tell.

use crate::wire::{IcmpTimestamp, TimestampFields};

/// Offset and round-trip time out of one timestamp exchange (RFC 792).
///
/// ```text
/// ours     originate ----.            .---> arrival
///                         \          /
/// theirs                   receive  transmit
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampEstimate {
    /// The fields of the reply.
    pub fields: TimestampFields,
    /// How far the peer's clock is ahead of ours, in milliseconds, from -43,200,000 up to and not
    /// 43,200,000: half the difference of both ways, and so wrong by half of their asymmetry. `None` when a time is not in
    /// milliseconds since midnight UT.
    pub offset_millis: Option<i32>,
    /// The time on the way, without that at the peer, in milliseconds. `None` as above, and when the peer's times make it
    /// negative.
    pub round_trip_millis: Option<u32>,
}

impl TimestampEstimate {
    /// From a reply that arrived when our clock said `arrival`. Midnight may lie between any two of the times.
    pub fn new(fields: TimestampFields, arrival: IcmpTimestamp) -> Self {
        let mut estimate = Self {
            fields,
            offset_millis: None,
            round_trip_millis: None,
        };
        let ours = fields.originate.millis().zip(arrival.millis());
        let theirs = fields.receive.millis().zip(fields.transmit.millis());
        if let (Some((originate, arrival)), Some((receive, transmit))) = (ours, theirs) {
            let there = difference(receive, originate);
            let back = difference(transmit, arrival);
            // Both ways wrapped apart: what they measure is near half a day.
            let back = there + wrapped(back - there);
            let offset = wrapped((there + back).div_euclid(2));
            estimate.offset_millis = i32::try_from(offset).ok();
            let whole = difference(arrival, originate);
            let at_peer = difference(transmit, receive);
            estimate.round_trip_millis = u32::try_from(wrapped(whole - at_peer)).ok();
        }
        estimate
    }
}

const DAY: i64 = IcmpTimestamp::DAY as i64;

/// `a` minus `b`, the short way round the day.
fn difference(a: u32, b: u32) -> i64 {
    wrapped(i64::from(a) - i64::from(b))
}

/// The same time of day, from minus half a day up to half a day.
fn wrapped(millis: i64) -> i64 {
    (millis + DAY / 2).rem_euclid(DAY) - DAY / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(originate: u32, receive: u32, transmit: u32, arrival: u32) -> TimestampEstimate {
        let fields = TimestampFields {
            identifier: 0,
            sequence_number: 0,
            originate: IcmpTimestamp(originate),
            receive: IcmpTimestamp(receive),
            transmit: IcmpTimestamp(transmit),
        };
        TimestampEstimate::new(fields, IcmpTimestamp(arrival))
    }

    #[test]
    fn offsets_across_midnight() {
        let day = IcmpTimestamp::DAY;
        for offset in [0, 1, 250, 40_000_000, day - 1, day - 250] {
            for originate in [0, 5, 43_200_000, day - 5, day - 1] {
                let theirs = |ours: u32| (ours + offset) % day;
                let at = |after: u32| (originate + after) % day;
                let estimate = estimate(originate, theirs(at(10)), theirs(at(13)), at(23));
                let wanted = wrapped(i64::from(offset));
                assert_eq!(estimate.offset_millis.map(i64::from), Some(wanted));
                assert_eq!(estimate.round_trip_millis, Some(20));
            }
        }
    }

    #[test]
    fn times_of_another_kind_tell_nothing() {
        let estimate = estimate(5, 0x8000_0005, 0x8000_0006, 10);
        assert_eq!(estimate.offset_millis, None);
        assert_eq!(estimate.round_trip_millis, None);
    }

    #[test]
    fn a_peer_that_takes_longer_than_the_whole_tells_no_round_trip() {
        assert_eq!(estimate(0, 0, 100, 10).round_trip_millis, None);
    }
}
