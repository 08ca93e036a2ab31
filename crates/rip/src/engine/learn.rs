//! What a route that was heard does to the table (RFC 2453 §3.9.2, RFC 2080 §2.4.2).

use packet_buffer::Instant;

use crate::rib::INFINITY;

/// A route of RIP that is in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Its metric; 16 while it waits to be removed.
    pub(super) metric: u8,
    /// It leads through the router that was heard.
    pub(super) same_router: bool,
    /// Everything else about it is the same: next hop and tag.
    pub(super) same_details: bool,
    /// It was not heard of for half of the timeout, and such routes are given up.
    pub(super) half_expired: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing.
    Ignore,
    /// The route is added.
    Add,
    /// It is as it was; its timeout starts anew.
    Refresh,
    /// It takes the place of the known one.
    Adopt,
    /// The known one cannot be reached any more.
    Delete,
}

/// The decision of RFC 2453 §3.9.2, whole. `metric` has the cost of the interface in it.
// RFC 2453 §3.9.2 MUST (adopt): the same router is believed whatever it says, another one when it
// has the lower metric.
pub(super) fn decide(known: Option<Known>, metric: u8) -> Decision {
    let reachable = metric < INFINITY;
    let Some(known) = known else {
        // RFC 2453 §3.9.2 MUST (no-new-infinity): there is no point in adding an unusable route.
        return if reachable {
            Decision::Add
        } else {
            Decision::Ignore
        };
    };
    if known.same_router {
        return match (known.metric < INFINITY, reachable) {
            // RFC 2453 §3.9.2 MUST (no-restart): a deletion that has begun does not begin anew.
            (false, false) => Decision::Ignore,
            (true, false) => Decision::Delete,
            (_, true) if known.metric == metric && known.same_details => Decision::Refresh,
            (_, true) => Decision::Adopt,
        };
    }
    // RFC 2453 §3.9.2 MAY (half-timeout): a route of the same metric takes over from one that is
    // about to expire.
    if metric < known.metric || (metric == known.metric && reachable && known.half_expired) {
        Decision::Adopt
    } else {
        Decision::Ignore
    }
}

/// Whether half of the timeout is over at `now` for a route whose timeout ends at `deadline`.
pub(super) fn half_expired(now: Instant, deadline: Instant, timeout: core::time::Duration) -> bool {
    deadline - now <= timeout / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_of_decisions() {
        // Transcribed from RFC 2453 §3.9.2: known (metric, same router, same details, half expired).
        let known = |metric, same_router, same_details, half_expired| {
            Some(Known {
                metric,
                same_router,
                same_details,
                half_expired,
            })
        };
        let metrics = [1, 2, 15, 16];
        for metric in metrics {
            let expected = if metric == 16 {
                Decision::Ignore
            } else {
                Decision::Add
            };
            assert_eq!(decide(None, metric), expected);
            for before in metrics {
                for flags in 0..4 {
                    let (details, half) = (flags & 1 == 1, flags & 2 == 2);
                    let same = decide(known(before, true, details, half), metric);
                    let expected = match (before, metric) {
                        (16, 16) => Decision::Ignore,
                        (_, 16) => Decision::Delete,
                        (a, b) if a == b && details => Decision::Refresh,
                        _ => Decision::Adopt,
                    };
                    assert_eq!(same, expected, "{before} -> {metric}, {details}");
                    let other = decide(known(before, false, details, half), metric);
                    let expected = match (before, metric) {
                        (a, b) if b < a => Decision::Adopt,
                        (a, b) if a == b && b < 16 && half => Decision::Adopt,
                        _ => Decision::Ignore,
                    };
                    assert_eq!(other, expected, "{before} -> {metric}, {half}");
                }
            }
        }
    }
}
