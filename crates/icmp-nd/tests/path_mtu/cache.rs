//! The cache: RFC 1191 §3, §5, §6.3, §7; RFC 8201 §4, §5; RFC 8021; what RFC 5927 §7 asks of it.

use super::support::*;
use icmp_nd::pmtu::{
    Config, ConfigError, Confirmation, Discard, Event, Increase, PLATEAUS, Path, PathMtu, Report,
};
use packet_buffer::Instant;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

const VERIFIED: Confirmation = Confirmation::Verified;
const UNVERIFIED: Confirmation = Confirmation::Unverified;

fn mtu(mtu: u32) -> PathMtu {
    PathMtu {
        mtu,
        dont_fragment: true,
    }
}

mod rfc8201_section4 {
    use super::*;

    // RFC 8201 §4 MUST (minimum): less than 1280 octets is discarded, and nothing changes.
    // RFC 8021 §4 SHOULD (atomic): so no atomic fragment comes of it.
    #[test]
    fn reports_below_1280_are_discarded() {
        let mut cache = cache(Config::default());
        for below in [0, 56, 68, 1279] {
            let report = Report::new(v6(), below).with_packet_length(1500);
            let result = cache.handle_report(Instant::ZERO, &report, 1500, VERIFIED);
            assert_eq!(result, Err(Discard::BelowMinimum), "{below}");
        }
        assert_eq!(cache.lookup(&v6(), 1500), mtu(1500));
        assert_eq!(cache.stats().below_minimum, 4);
        assert!(cache.is_empty() && cache.poll_event().is_none());
        let report = Report::new(v6(), 1280).with_packet_length(1500);
        let result = cache.handle_report(Instant::ZERO, &report, 1500, VERIFIED);
        assert_eq!(result, Ok(mtu(1280)));
    }

    // RFC 8201 §4 MUST (never-raise): nor above what is known, nor above the link's MTU.
    #[test]
    fn a_report_never_raises() {
        let mut cache = cache(Config::default());
        let report = |mtu| Report::new(v6(), mtu).with_packet_length(9000);
        let now = Instant::ZERO;
        cache
            .handle_report(now, &report(1400), 9000, VERIFIED)
            .unwrap();
        for larger in [1400, 1401, 1500, 8999] {
            let result = cache.handle_report(now, &report(larger), 9000, VERIFIED);
            assert_eq!(result, Err(Discard::NoReduction), "{larger}");
        }
        assert_eq!(cache.lookup(&v6(), 9000), mtu(1400));
        // The link's own MTU is what other paths have.
        let other = Path::to("2001:db8:9::9".parse().unwrap());
        let report = Report::new(other, 1500).with_packet_length(9000);
        let result = cache.handle_report(now, &report, 1500, VERIFIED);
        assert_eq!(result, Err(Discard::NoReduction));
        assert_eq!(cache.stats().no_reduction, 5);
    }

    // RFC 8201 §4 MUST (five-minutes): a shorter time-out is refused, and the recommended one is the
    // default.
    // RFC 8201 §4 SHOULD (age): when it is over, the path is as wide as its link again.
    #[test]
    fn an_increase_is_tried_after_ten_minutes() {
        let early = Config {
            timeout: Duration::from_secs(299),
            ..Config::default()
        };
        let random = &mut testkit::SeededRandom::new(1);
        let refused = icmp_nd::pmtu::PathMtuCache::new(early, random);
        assert_eq!(refused.err(), Some(ConfigError::Timeout));

        let mut cache = cache(Config::default());
        let start = Instant::from_secs(100);
        let report = Report::new(v6(), 1400).with_packet_length(9000);
        cache.handle_report(start, &report, 9000, VERIFIED).unwrap();
        assert_eq!(cache.poll_timeout(), Some(Instant::from_secs(700)));
        cache.handle_timeout(Instant::from_micros(699_999_999));
        assert_eq!(cache.lookup(&v6(), 9000), mtu(1400));
        // A further report puts it off.
        let report = Report::new(v6(), 1300).with_packet_length(1400);
        let again = Instant::from_secs(699);
        // The clock has been further than that already.
        let ends = Instant::from_micros(1_299_999_999);
        cache.handle_report(again, &report, 9000, VERIFIED).unwrap();
        assert_eq!(cache.poll_timeout(), Some(ends));
        cache.handle_timeout(Instant::from_secs(1_299));
        assert_eq!(cache.lookup(&v6(), 9000), mtu(1300));
        cache.handle_timeout(ends);
        assert_eq!(cache.lookup(&v6(), 9000), mtu(9000));
        assert_eq!(cache.poll_timeout(), None);
        let events: Vec<Event> = std::iter::from_fn(|| cache.poll_event()).collect();
        let path = v6();
        // RFC 8201 §5.4: transports hear of every change.
        let reduced = |mtu| Event::Reduced { path, mtu };
        let increased = Event::Increased { path, mtu: None };
        assert_eq!(events, [reduced(1400), reduced(1300), increased]);
    }

    #[test]
    fn paths_are_told_apart_by_destination_zone_and_flow() {
        let flow = v6().with_flow_label(0x777);
        let report = Report::new(flow, 1400).with_packet_length(1500);
        // By default a destination has one path.
        let mut cache = cache(Config::default());
        cache
            .handle_report(Instant::ZERO, &report, 1500, VERIFIED)
            .unwrap();
        assert_eq!(cache.lookup(&v6(), 1500), mtu(1400));
        assert_eq!(cache.lookup(&v6().in_zone(2), 1500), mtu(1500));
        assert_eq!(cache.lookup(&v4(), 1500), mtu(1500));
        let per_flow = Config {
            per_flow: true,
            ..Config::default()
        };
        let mut cache = super::cache(per_flow);
        cache
            .handle_report(Instant::ZERO, &report, 1500, VERIFIED)
            .unwrap();
        assert_eq!(cache.lookup(&v6(), 1500), mtu(1500));
        assert_eq!(cache.lookup(&flow, 1500), mtu(1400));
        cache.forget(&flow);
        assert_eq!(cache.lookup(&flow, 1500), mtu(1500));
    }
}

mod rfc1191_section3 {
    use super::*;

    // RFC 1191 §3 MUST (floor): whatever a report says, the estimate stays at 68 octets or above.
    #[test]
    fn the_floor_is_configured_and_never_below_68() {
        for (floor, reported, expected) in [
            (552, 68, 552),
            (552, 551, 552),
            (552, 552, 552),
            (68, 68, 68),
            (68, 100, 100),
        ] {
            let mut cache = cache(Config {
                ipv4_floor: floor,
                ..Config::default()
            });
            let report = Report::new(v4(), reported).with_packet_length(1500);
            let result = cache.handle_report(Instant::ZERO, &report, 1500, VERIFIED);
            // Below the floor, routers fragment: the path is not given up.
            let dont_fragment = reported >= floor;
            let expected = PathMtu {
                mtu: expected,
                dont_fragment,
            };
            assert_eq!(result, Ok(expected), "{floor} {reported}");
            assert_eq!(cache.lookup(&v4(), 1500), expected);
        }
        let mut cache = cache(Config::default());
        let report = Report::new(v4(), 67).with_packet_length(1500);
        let result = cache.handle_report(Instant::ZERO, &report, 1500, VERIFIED);
        assert_eq!(result, Err(Discard::BelowMinimum));
        let low = Config {
            ipv4_floor: 67,
            ..Config::default()
        };
        let random = &mut testkit::SeededRandom::new(1);
        let refused = icmp_nd::pmtu::PathMtuCache::new(low, random);
        assert_eq!(refused.err(), Some(ConfigError::Ipv4Floor));
    }

    // RFC 1191 §3 MUST (never-raise): the contents of a message never increase the estimate.
    #[test]
    fn a_report_never_raises() {
        let mut cache = cache(Config::default());
        let report = |mtu| Report::new(v4(), mtu).with_packet_length(1500);
        let now = Instant::ZERO;
        cache
            .handle_report(now, &report(1000), 1500, VERIFIED)
            .unwrap();
        let result = cache.handle_report(now, &report(1400), 1500, VERIFIED);
        assert_eq!(result, Err(Discard::NoReduction));
        assert_eq!(cache.lookup(&v4(), 1500), mtu(1000));
    }

    // RFC 1191 §3 MUST (five-minutes): no increase within five minutes of a report.
    // RFC 1191 §3 MUST (one-minute): nor within one minute of an increase.
    // RFC 1191 §3 SHOULD (two-minutes): by default within two.
    #[test]
    fn increases_by_plateaus_keep_their_distance() {
        let config = Config {
            increase: Increase::Plateau,
            ..Config::default()
        };
        let fast = Config {
            raise_interval: Duration::from_secs(59),
            ..config.clone()
        };
        let random = &mut testkit::SeededRandom::new(1);
        let refused = icmp_nd::pmtu::PathMtuCache::new(fast, random);
        assert_eq!(refused.err(), Some(ConfigError::RaiseInterval));

        let mut cache = cache(config);
        let report = Report::new(v4(), 1006).with_packet_length(1500);
        cache
            .handle_report(Instant::ZERO, &report, 1500, VERIFIED)
            .unwrap();
        let mut seen = Vec::new();
        while let Some(at) = cache.poll_timeout() {
            cache.handle_timeout(at);
            seen.push((at.as_secs(), cache.lookup(&v4(), 1500).mtu));
        }
        assert_eq!(seen, [(600, 1280), (720, 1492), (840, 1500)]);
        assert!(cache.is_empty());
    }
}

mod rfc1191_section7 {
    use super::*;

    // RFC 1191 §7 MUST (plateau): the next lower plateau is taken when no next-hop MTU is told.
    // RFC 1191 §5 MUST (4.2bsd): a total length that is not below the estimate is reduced by the
    // header's length first.
    #[test]
    fn old_routers_tell_no_mtu() {
        let mut cache = cache(Config {
            ipv4_floor: 68,
            ..Config::default()
        });
        let mut estimate = 9000;
        let mut seen = Vec::new();
        while estimate > 68 {
            // A router of 4.2BSD's descent counts the header twice.
            let report = Report::new(v4(), 0).with_packet_length(estimate + 20);
            let result = cache.handle_report(Instant::ZERO, &report, 9000, VERIFIED);
            estimate = result.unwrap().mtu;
            seen.push(estimate);
        }
        assert_eq!(
            seen,
            [8166, 4352, 2002, 1500, 1492, 1280, 1006, 508, 296, 68]
        );
        assert_eq!(cache.stats().plateaus, 10);
        let report = Report::new(v4(), 0).with_packet_length(68);
        let result = cache.handle_report(Instant::ZERO, &report, 9000, VERIFIED);
        assert_eq!(result, Err(Discard::NoReduction));
    }

    #[test]
    fn the_table_holds_the_plateaus_of_the_rfc() {
        let rfc = [
            68, 296, 508, 1006, 1492, 2002, 4352, 8166, 17_914, 32_000, 65_535,
        ];
        assert!(rfc.iter().all(|it| PLATEAUS.contains(it)));
        assert!(PLATEAUS.is_sorted());
    }

    // A zero means nothing over IPv6, where no such router ever was.
    #[test]
    fn no_plateaus_over_ipv6() {
        let mut cache = cache(Config::default());
        let report = Report::new(v6(), 0).with_packet_length(1500);
        let result = cache.handle_report(Instant::ZERO, &report, 1500, VERIFIED);
        assert_eq!(result, Err(Discard::BelowMinimum));
    }
}

mod attacks {
    use super::*;

    fn peer(number: u32) -> Path {
        let base = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 5, 0, 0, 0, 0, 0));
        Path::to(IpAddr::V6(Ipv6Addr::from(base + u128::from(number))))
    }

    fn report(number: u32, mtu: u32) -> Report {
        Report::new(peer(number), mtu).with_packet_length(1500)
    }

    // RFC 5927 §7.2 SHOULD (length): what fits was not dropped for its length.
    #[test]
    fn a_report_about_a_packet_that_fits_is_a_lie() {
        let mut cache = cache(Config::default());
        for length in [1280, 1300, 1399, 1400] {
            let report = Report::new(v6(), 1400).with_packet_length(length);
            let result = cache.handle_report(Instant::ZERO, &report, 1500, VERIFIED);
            assert_eq!(result, Err(Discard::Fits));
        }
        assert_eq!(cache.stats().fits, 4);
        assert!(cache.is_empty());
    }

    // RFC 8899 §3 MUST (validate): what the transports do not know has no effect.
    #[test]
    fn a_report_that_the_caller_refuses_changes_nothing() {
        let mut cache = cache(Config::default());
        let refused = Confirmation::Refused;
        let result = cache.handle_report(Instant::ZERO, &report(1, 1300), 1500, refused);
        assert_eq!(result, Err(Discard::Refused));
        assert_eq!(cache.stats().refused, 1);
        assert!(cache.is_empty() && cache.poll_timeout().is_none());
    }

    /// A flood of reports that nobody can verify, each about another destination.
    #[test]
    fn a_flood_of_unverified_reports_leaves_verified_paths_alone() {
        let config = Config {
            capacity: 64,
            unverified_capacity: 16,
            ..Config::default()
        };
        let mut cache = cache(config);
        for number in 0..60 {
            let result = cache.handle_report(Instant::ZERO, &report(number, 1400), 1500, VERIFIED);
            result.unwrap();
        }
        for number in 1_000..51_000 {
            let now = Instant::from_millis(u64::from(number));
            cache
                .handle_report(now, &report(number, 1280), 1500, UNVERIFIED)
                .unwrap();
            assert!(cache.len() <= 64);
        }
        for number in 0..60 {
            assert_eq!(cache.lookup(&peer(number), 1500), mtu(1400), "{number}");
        }
        assert_eq!(cache.stats().evicted, 50_000 - 4);
        assert_eq!(cache.stats().unverified, 50_000);
        assert!(cache.stats().events_dropped > 49_000);
    }

    #[test]
    fn verified_paths_push_out_unverified_ones_first_and_then_the_oldest() {
        let config = Config {
            capacity: 4,
            unverified_capacity: 2,
            ..Config::default()
        };
        let mut cache = cache(config);
        let at = Instant::from_secs;
        for (number, confirmation) in [(0, UNVERIFIED), (1, VERIFIED), (2, VERIFIED), (3, VERIFIED)]
        {
            let now = at(u64::from(number));
            cache
                .handle_report(now, &report(number, 1400), 1500, confirmation)
                .unwrap();
        }
        cache
            .handle_report(at(4), &report(4, 1400), 1500, VERIFIED)
            .unwrap();
        assert_eq!(cache.lookup(&peer(0), 1500).mtu, 1500);
        // No unverified path is left to give way to an unverified one.
        let result = cache.handle_report(at(5), &report(5, 1400), 1500, UNVERIFIED);
        assert_eq!(result, Err(Discard::Full));
        assert_eq!(cache.stats().full, 1);
        cache
            .handle_report(at(6), &report(6, 1400), 1500, VERIFIED)
            .unwrap();
        assert_eq!(cache.lookup(&peer(1), 1500).mtu, 1500);
        assert_eq!(cache.lookup(&peer(2), 1500).mtu, 1400);
        assert_eq!(cache.len(), 4);
    }

    /// Once a transport has confirmed a path, guesses about it do not make it the first to go.
    #[test]
    fn a_confirmed_path_stays_confirmed() {
        let config = Config {
            capacity: 2,
            unverified_capacity: 2,
            ..Config::default()
        };
        let mut cache = cache(config);
        let now = Instant::ZERO;
        cache
            .handle_report(now, &report(1, 1400), 1500, VERIFIED)
            .unwrap();
        cache
            .handle_report(now, &report(1, 1300), 1500, UNVERIFIED)
            .unwrap();
        cache
            .handle_report(now, &report(2, 1300), 1500, UNVERIFIED)
            .unwrap();
        cache
            .handle_report(now, &report(3, 1300), 1500, UNVERIFIED)
            .unwrap();
        assert_eq!(cache.lookup(&peer(1), 1500).mtu, 1300);
        assert_eq!(cache.lookup(&peer(2), 1500).mtu, 1500);
    }
}

mod probed {
    use super::*;

    /// What a packetization layer finds out goes both ways, within the link's MTU.
    #[test]
    fn a_probe_may_raise_and_reduce() {
        let mut cache = cache(Config::default());
        let now = Instant::ZERO;
        let report = Report::new(v6(), 1280).with_packet_length(9000);
        cache.handle_report(now, &report, 9000, UNVERIFIED).unwrap();
        cache.handle_probed(now, &v6(), 1500, 9000).unwrap();
        assert_eq!(cache.lookup(&v6(), 9000), mtu(1500));
        cache.handle_probed(now, &v6(), 9000, 9000).unwrap();
        assert!(cache.is_empty());
        cache.handle_probed(now, &v6(), 1280, 9000).unwrap();
        assert_eq!(cache.lookup(&v6(), 9000), mtu(1280));
        let below = cache.handle_probed(now, &v6(), 1279, 9000);
        assert_eq!(below, Err(Discard::BelowMinimum));
        let events: Vec<Event> = std::iter::from_fn(|| cache.poll_event()).collect();
        let path = v6();
        assert_eq!(
            events,
            [
                Event::Reduced { path, mtu: 1280 },
                Event::Increased {
                    path,
                    mtu: Some(1500)
                },
                Event::Increased { path, mtu: None },
                Event::Reduced { path, mtu: 1280 },
            ]
        );
    }
}
