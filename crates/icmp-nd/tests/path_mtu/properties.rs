//! The machines against any sequence of calls.

use super::support::*;
use icmp_nd::pmtu::{
    Config, Confirmation, Increase, Path, Plpmtud, PlpmtudConfig, Report, Search, State,
};
use packet_buffer::Instant;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

fn path(number: u8) -> Path {
    match number & 1 {
        0 => Path::to(IpAddr::V4(Ipv4Addr::new(198, 51, 100, number))),
        _ => Path::to(IpAddr::V6(Ipv6Addr::from(
            0x2001_0db8u128 << 96 | u128::from(number),
        ))),
    }
}

proptest! {
    /// What a report does to a path never makes it wider, never goes below the minimum, and never
    /// makes the table larger than it may be.
    #[test]
    fn the_cache_keeps_its_promises(
        calls in proptest::collection::vec(
            (any::<u8>(), 0u32..10_000, 0u32..10_000, 0u8..4, 0u64..400), 1..200
        ),
        plateau: bool,
        capacity in 1usize..20,
        unverified in 0usize..20,
    ) {
        let config = Config {
            capacity,
            unverified_capacity: unverified.min(capacity),
            increase: if plateau { Increase::Plateau } else { Increase::LinkMtu },
            max_events: 8,
            ..Config::default()
        };
        let mut cache = cache(config);
        let mut now = Instant::ZERO;
        let link = 9000;
        for (number, mtu, length, kind, wait) in calls {
            now += Duration::from_secs(wait);
            if cache.poll_timeout().is_some_and(|at| at <= now) {
                cache.handle_timeout(now);
            }
            prop_assert!(cache.poll_timeout().is_none_or(|at| at > now));
            let path = path(number % 32);
            let before = cache.lookup(&path, link).mtu;
            let minimum = if path.destination.is_ipv4() { 68 } else { 1280 };
            let report = Report::new(path, mtu).with_packet_length(length);
            let confirmation = match kind {
                0 => Confirmation::Refused,
                1 => Confirmation::Unverified,
                _ => Confirmation::Verified,
            };
            let deadline = cache.poll_timeout();
            let result = cache.handle_report(now, &report, link, confirmation);
            let after = cache.lookup(&path, link).mtu;
            match result {
                Ok(told) => {
                    prop_assert_eq!(told.mtu, after);
                    prop_assert!(after <= before && after >= minimum);
                }
                Err(_) => {
                    prop_assert_eq!(after, before);
                    prop_assert_eq!(cache.poll_timeout(), deadline);
                }
            }
            prop_assert!(cache.len() <= capacity);
        }
        // In the end every path is as wide as its link.
        let mut steps = 0;
        while let Some(at) = cache.poll_timeout() {
            cache.handle_timeout(at);
            steps += 1;
            prop_assert!(steps < 1_000);
        }
        prop_assert!(cache.is_empty());
    }

    /// On a path that loses nothing but what is too long, every search finds a size that gets
    /// through, and the largest plateau that does.
    #[test]
    fn a_search_finds_the_path(path in 1280u32..9001, binary: bool) {
        let search = if binary {
            Search::Binary { granularity: 8 }
        } else {
            Search::Plateaus { granularity: 8 }
        };
        let config = PlpmtudConfig { search, ..PlpmtudConfig::ipv6(9001) };
        let mut machine = Plpmtud::new(config).unwrap();
        machine.handle_connected(Instant::ZERO);
        let mut now = Instant::ZERO;
        while machine.state() != State::SearchComplete {
            if let Some(probe) = machine.poll_probe() {
                prop_assert!(probe.size <= 9001);
                if probe.size <= path {
                    machine.handle_ack(now, probe).unwrap();
                }
            } else {
                now = machine.poll_timeout().unwrap();
                machine.handle_timeout(now);
            }
        }
        prop_assert!(machine.plpmtu() <= path && path - machine.plpmtu() <= 8);
    }

    /// Any calls in any order: PLPMTU stays between minimum and maximum, deadlines lie ahead.
    #[test]
    fn no_call_leads_plpmtud_astray(
        calls in proptest::collection::vec((0u8..9, 0u32..10_000, 0u64..100_000), 0..200),
        confirm: bool,
    ) {
        let config = PlpmtudConfig {
            confirmation_timer: confirm.then(|| Duration::from_secs(30)),
            ..PlpmtudConfig::ipv4(9000)
        };
        let mut machine = Plpmtud::new(config).unwrap();
        let mut now = Instant::ZERO;
        let mut last = None;
        for (call, size, wait) in calls {
            now += Duration::from_millis(wait);
            match call {
                0 => machine.handle_connected(now),
                1 if size < 100 => machine.handle_disconnected(now),
                2 => machine.handle_data_loss(now, size),
                3 => machine.handle_data_ack(now, size),
                4 => { let _ = machine.handle_packet_too_big(now, size, 9000); }
                5 => last.into_iter().for_each(|probe| { let _ = machine.handle_ack(now, probe); }),
                6 => last.into_iter().for_each(|probe| { let _ = machine.handle_loss(now, probe); }),
                7 => last = machine.poll_probe().or(last),
                _ => {
                    machine.handle_timeout(now);
                    prop_assert!(machine.poll_timeout().is_none_or(|at| at > now));
                }
            }
            prop_assert!((68..=9000).contains(&machine.plpmtu()));
            if machine.state() == State::Disabled {
                prop_assert_eq!(machine.poll_probe(), None);
                prop_assert_eq!(machine.poll_timeout(), None);
            }
        }
    }
}
