//! RFC 4862: stateless address autoconfiguration.

use crate::support::{Bench, LINK_LOCAL, advertised, config, ip, secs};
use core::time::Duration;
use icmp_nd::Instant;
use icmp_nd::address::{
    AddError, AddressEvent, AddressOrigin, AddressState, AdvertisementVerdict, ManualAddress,
    PrefixDiscard, RemovalReason, SolicitationVerdict,
};
use icmp_nd::wire::solicited_node;

const GLOBAL: &str = "2001:db8:1::5eff:fe10:1";
const PREFIX: &str = "2001:db8:1::";

mod section_5_1 {
    use super::*;

    // RFC 4862 §5.1 MUST (transmits-zero): zero solicitations mean no detection.
    #[test]
    fn no_transmits_no_detection() {
        let mut config = config();
        config.dad_transmits = 0;
        let mut bench = Bench::new(config);
        bench.table.start(bench.now);
        bench.run_for(secs(1));
        assert_eq!(bench.sent, []);
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
        assert!(bench.groups.contains(&solicited_node(ip(LINK_LOCAL))));
        bench.advertise(PREFIX, 7200, 3600).unwrap();
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Preferred));
    }

    // RFC 4862 §5.4.2 MUST (transmits): DupAddrDetectTransmits, RetransTimer apart.
    // RFC 4862 §5.4 MUST (unique): RetransTimer after the last without a sign of another.
    #[test]
    fn so_many_transmits_so_far_apart() {
        for transmits in 1..=3u8 {
            let mut config = config();
            config.dad_transmits = transmits;
            let mut bench = Bench::new(config);
            bench.table.set_retrans_timer(Duration::from_millis(300));
            bench.table.start(bench.now);
            while bench.state(LINK_LOCAL) == Some(AddressState::Tentative) {
                let at = bench.table.poll_timeout().unwrap();
                bench.run_for(at - bench.now);
            }
            let times: Vec<Instant> = bench.sent.iter().map(|(at, _)| *at).collect();
            assert_eq!(times.len(), usize::from(transmits));
            for pair in times.windows(2) {
                assert_eq!(pair[1] - pair[0], Duration::from_millis(300));
            }
            assert_eq!(
                bench.now - *times.last().unwrap(),
                Duration::from_millis(300)
            );
            let assigned = AddressEvent::Assigned {
                address: ip(LINK_LOCAL),
            };
            assert_eq!(bench.events, [assigned]);
        }
    }
}

mod section_5_3 {
    use super::*;

    // RFC 4862 §5.3 MUST: a node forms a link-local address whenever an interface becomes enabled.
    #[test]
    fn starting_makes_the_link_local_address_again() {
        let mut bench = Bench::up(config());
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
        assert_eq!(bench.table.usable_link_local(), Some(ip(LINK_LOCAL)));
        bench.table.stop(bench.now);
        bench.drain();
        assert_eq!(bench.table.iter().count(), 0);
        assert!(bench.groups.is_empty());
        assert_eq!(bench.table.poll_timeout(), None);
        bench.table.start(bench.now);
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Tentative));
        bench.run_for(secs(3));
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
        assert_eq!(bench.sent.len(), 1);
    }

    #[test]
    fn a_restart_tests_manual_addresses_again() {
        let mut bench = Bench::up(config());
        let manual = ManualAddress::new(ip("2001:db8::7"), 64);
        bench.table.add(bench.now, &manual).unwrap();
        bench.run_for(secs(2));
        assert_eq!(bench.state("2001:db8::7"), Some(AddressState::Preferred));
        bench.table.stop(bench.now);
        assert_eq!(bench.state("2001:db8::7"), Some(AddressState::Tentative));
        assert!(!bench.table.is_local(ip("2001:db8::7")));
        bench.sent.clear();
        bench.table.start(bench.now);
        bench.run_for(secs(3));
        assert_eq!(bench.sent.len(), 2);
        assert_eq!(bench.state("2001:db8::7"), Some(AddressState::Preferred));
    }
}

mod section_5_4 {
    use super::*;

    // RFC 4862 §5.4 MUST (anycast): anycast addresses are not tested.
    #[test]
    fn anycast_addresses_are_assigned_at_once() {
        let mut bench = Bench::up(config());
        let anycast = ManualAddress::anycast(ip("2001:db8::99"), 64);
        bench.table.add(bench.now, &anycast).unwrap();
        bench.drain();
        assert_eq!(bench.sent, []);
        assert_eq!(bench.state("2001:db8::99"), Some(AddressState::Preferred));
        assert!(bench.groups.contains(&solicited_node(ip("2001:db8::99"))));
        // RFC 4861 §7.2.4 SHOULD (anycast): the override flag is clear for anycast addresses.
        let verdict = bench.solicit("2001:db8::99", "fe80::2", None);
        let expected = SolicitationVerdict::Advertise {
            override_flag: false,
            anycast: true,
        };
        assert_eq!(verdict, expected);
        let other = bench
            .table
            .handle_advertisement(bench.now, ip("2001:db8::99"));
        assert_eq!(other, AdvertisementVerdict::Anycast);
        assert_eq!(
            bench.table.select_source(ip("2001:db8::1"), None),
            Some(ip(LINK_LOCAL))
        );
    }

    #[test]
    fn what_an_interface_cannot_have() {
        let mut bench = Bench::up(config());
        let now = bench.now;
        let mut add =
            |text: &str, length| bench.table.add(now, &ManualAddress::new(ip(text), length));
        assert_eq!(add("::", 64), Err(AddError::NotUnicast));
        assert_eq!(add("::1", 128), Err(AddError::NotUnicast));
        assert_eq!(add("ff02::1", 64), Err(AddError::NotUnicast));
        assert_eq!(add("2001:db8::1", 129), Err(AddError::NotUnicast));
        assert_eq!(add("2001:db8::1", 64), Ok(()));
        assert_eq!(add("2001:db8::1", 64), Err(AddError::Exists));
        let mut short = ManualAddress::new(ip("2001:db8::2"), 64);
        short.valid = icmp_nd::address::Lifetime::ZERO;
        assert_eq!(bench.table.add(now, &short), Err(AddError::Lifetime));
        bench.table.stop(now);
        let other = ManualAddress::new(ip("2001:db8::3"), 64);
        assert_eq!(bench.table.add(now, &other), Err(AddError::Disabled));
    }
}

mod section_5_4_2 {
    use super::*;

    // RFC 4862 §5.4.2 SHOULD (first-delay): the first message of an interface is delayed at random.
    #[test]
    fn the_first_solicitation_comes_within_a_second() {
        let mut delays = Vec::new();
        for seed in 0..50 {
            let mut bench = Bench::with_seed(config(), seed);
            bench.table.start(bench.now);
            bench.run_for(secs(3));
            let (at, probe) = bench.sent[0];
            assert!(at <= Instant::from_secs(1));
            assert_eq!(probe.target, ip(LINK_LOCAL));
            assert_eq!(probe.destination, ip("ff02::1:ff10:1"));
            delays.push(at.as_millis());
        }
        delays.sort_unstable();
        assert!(delays[5] < 300 && delays[45] > 700, "{delays:?}");
    }

    // RFC 4862 §5.4.2 SHOULD (first-delay): what is configured right after the start waits with it, and
    // what is configured later does not.
    #[test]
    fn an_address_of_the_caller_waits_for_the_first_moment_as_well() {
        for seed in 0..50 {
            let mut bench = Bench::with_seed(config(), seed);
            bench.table.start(bench.now);
            let manual = ManualAddress::new(ip("2001:db8::1"), 64);
            bench.table.add(bench.now, &manual).unwrap();
            bench.run_for(secs(3));
            let (first, _) = bench.sent[0];
            let of_it = bench
                .sent
                .iter()
                .find(|it| it.1.target == ip("2001:db8::1"));
            assert_eq!(of_it.unwrap().0, first, "seed {seed}");
            assert!(first > Instant::ZERO);
            bench.sent.clear();
            let manual = ManualAddress::new(ip("2001:db8::2"), 64);
            bench.table.add(bench.now, &manual).unwrap();
            bench.drain();
            assert_eq!(bench.sent.len(), 1, "the first message is long gone");
        }
    }

    // RFC 4862 §5.4.2 SHOULD (multicast-delay): all hosts that heard it would start at once.
    #[test]
    fn a_multicast_advertisement_delays_the_test() {
        let mut delays = Vec::new();
        for seed in 0..20 {
            let mut bench = Bench::with_seed(config(), seed);
            bench.table.start(bench.now);
            bench.run_for(secs(5));
            bench.sent.clear();
            let start = bench.now;
            let mut prefix = advertised(PREFIX, 7200, 3600);
            prefix.multicast = true;
            bench.table.handle_prefix(start, &prefix).unwrap();
            bench.run_for(secs(3));
            delays.push(bench.sent[0].0 - start);
        }
        assert!(delays.iter().all(|&delay| delay <= secs(1)));
        assert!(
            delays
                .iter()
                .any(|&delay| delay > Duration::from_millis(500))
        );
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 7200, 3600).unwrap();
        assert_eq!(bench.sent.len(), 1, "a unicast one delays nothing");
    }
}

mod section_5_4_3 {
    use super::*;

    fn tentative() -> Bench {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 7200, 3600).unwrap();
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Tentative));
        bench
    }

    // RFC 4862 §5.4.3 MUST (duplicate): a solicitation by another node that tests the same address.
    #[test]
    fn another_tester_makes_it_a_duplicate() {
        let mut bench = tentative();
        let verdict = bench.solicit(GLOBAL, "::", None);
        assert_eq!(verdict, SolicitationVerdict::Duplicate);
        assert_eq!(bench.state(GLOBAL), None);
        let address = ip(GLOBAL);
        let reason = RemovalReason::Duplicate;
        let retry = None;
        assert_eq!(
            bench.events,
            [
                AddressEvent::Duplicate { address, retry },
                AddressEvent::Removed { address, reason }
            ]
        );
        assert!(!bench.table.is_disabled());
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
        // The next advertisement does not start it again.
        bench.advertise(PREFIX, 7200, 3600).unwrap();
        assert_eq!(bench.state(GLOBAL), None);
        assert_eq!(bench.table.stats().duplicates, 1);
    }

    // RFC 4862 §5.4.3 MUST (duplicate): also before our own solicitation has been sent.
    #[test]
    fn a_duplicate_is_seen_before_the_first_solicitation() {
        let mut bench = Bench::new(config());
        bench.table.start(bench.now);
        assert_eq!(
            bench.solicit(LINK_LOCAL, "::", None),
            SolicitationVerdict::Duplicate
        );
        bench.run_for(secs(10));
        assert_eq!(bench.sent, []);
    }

    // RFC 4862 §5.4.3 MUST (resolution): one from a unicast address is silently ignored.
    #[test]
    fn resolvers_get_no_answer() {
        let mut bench = tentative();
        let verdict = bench.solicit(GLOBAL, "fe80::2", None);
        assert_eq!(verdict, SolicitationVerdict::Tentative);
        bench.run_for(secs(2));
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Preferred));
        assert_eq!(bench.table.stats().tentative_targets, 1);
    }

    #[test]
    fn assigned_addresses_are_defended() {
        let mut bench = tentative();
        bench.run_for(secs(2));
        let answer = SolicitationVerdict::Advertise {
            override_flag: true,
            anycast: false,
        };
        assert_eq!(bench.solicit(GLOBAL, "::", None), answer);
        assert_eq!(bench.solicit(GLOBAL, "fe80::2", None), answer);
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Preferred));
        let other = bench.solicit("2001:db8:1::9", "::", None);
        assert_eq!(other, SolicitationVerdict::NotOurs);
    }
}

mod section_5_4_4 {
    use super::*;

    // RFC 4862 §5.4.4 MUST (tentative): the tentative address is not unique.
    #[test]
    fn an_advertisement_for_a_tentative_address() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 7200, 3600).unwrap();
        let verdict = bench.table.handle_advertisement(bench.now, ip(GLOBAL));
        assert_eq!(verdict, AdvertisementVerdict::Duplicate);
        assert_eq!(bench.state(GLOBAL), None);
    }

    #[test]
    fn an_advertisement_for_an_assigned_address_is_told_and_changes_nothing() {
        let mut bench = Bench::up(config());
        let verdict = bench.table.handle_advertisement(bench.now, ip(LINK_LOCAL));
        assert_eq!(verdict, AdvertisementVerdict::Conflict);
        bench.drain();
        let address = ip(LINK_LOCAL);
        assert_eq!(bench.events, [AddressEvent::Conflict { address }]);
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
        assert_eq!(bench.table.stats().conflicts, 1);
        let other = bench.table.handle_advertisement(bench.now, ip("fe80::77"));
        assert_eq!(other, AdvertisementVerdict::NotOurs);
    }
}

mod section_5_4_5 {
    use super::*;

    // RFC 4862 §5.4.5 SHOULD (disable): without its link-local address the interface has no IPv6.
    #[test]
    fn a_duplicate_hardware_address_turns_ipv6_off() {
        let mut bench = Bench::new(config());
        bench.table.start(bench.now);
        let manual = ManualAddress::new(ip("2001:db8::7"), 64);
        bench.table.add(bench.now, &manual).unwrap();
        bench.run_for(secs(1));
        bench.table.handle_advertisement(bench.now, ip(LINK_LOCAL));
        bench.drain();
        assert!(bench.table.is_disabled());
        assert_eq!(bench.events.last(), Some(&AddressEvent::Disabled));
        assert_eq!(bench.table.iter().count(), 0);
        assert!(bench.groups.is_empty());
        assert_eq!(
            bench.advertise(PREFIX, 7200, 3600),
            Err(PrefixDiscard::Disabled)
        );
        assert_eq!(bench.table.add(bench.now, &manual), Err(AddError::Disabled));
        assert_eq!(bench.table.poll_timeout(), None);
        bench.table.start(bench.now);
        bench.run_for(secs(3));
        assert!(!bench.table.is_disabled());
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
    }
}

mod section_5_5_3 {
    use super::*;
    use icmp_nd::address::{AddressStats, AdvertisedPrefix};

    fn refused(change: fn(&mut AdvertisedPrefix)) -> (PrefixDiscard, AddressStats) {
        let mut bench = Bench::up(config());
        let mut prefix = advertised(PREFIX, 7200, 3600);
        change(&mut prefix);
        let discard = bench.table.handle_prefix(bench.now, &prefix).unwrap_err();
        bench.run_for(secs(5));
        assert_eq!(bench.table.iter().count(), 1, "only the link-local address");
        assert_eq!(bench.sent, []);
        (discard, *bench.table.stats())
    }

    // RFC 4862 §5.5.3 MUST: the steps (a) to (e).
    #[test]
    fn a_prefix_makes_an_address() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 7200, 3600).unwrap();
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Tentative));
        assert!(!bench.table.is_local(ip(GLOBAL)));
        bench.run_for(secs(1));
        let entry = bench.table.get(ip(GLOBAL)).unwrap();
        assert_eq!(entry.state(), AddressState::Preferred);
        assert_eq!(entry.origin(), AddressOrigin::Autoconfigured);
        assert_eq!(entry.prefix_length(), 64);
        assert_eq!(entry.advertisers(), [ip("fe80::1")]);
        assert_eq!(bench.lifetimes(GLOBAL), (7199, 3599));
    }

    // RFC 4862 §5.5.3 MUST (autonomous): without the flag the option is silently ignored.
    #[test]
    fn not_autonomous() {
        let (discard, stats) = refused(|prefix| prefix.autonomous = false);
        assert_eq!(
            (discard, stats.not_autonomous),
            (PrefixDiscard::NotAutonomous, 1)
        );
    }

    // RFC 4862 §5.5.3 MUST (link-local): the link-local prefix is silently ignored.
    #[test]
    fn link_local_and_multicast() {
        let (discard, stats) = refused(|prefix| prefix.prefix = ip("fe80::"));
        assert_eq!((discard, stats.prefix_scope), (PrefixDiscard::Scope, 1));
        let (discard, _) = refused(|prefix| prefix.prefix = ip("ff02::"));
        assert_eq!(discard, PrefixDiscard::Scope);
    }

    // RFC 4862 §5.5.3 MUST (preferred-exceeds-valid): such an option is silently ignored.
    #[test]
    fn preferred_for_longer_than_valid() {
        let change = |prefix: &mut AdvertisedPrefix| {
            prefix.preferred = icmp_nd::address::Lifetime::from_secs(7201);
        };
        let (discard, stats) = refused(change);
        assert_eq!(
            (discard, stats.preferred_exceeds_valid),
            (PrefixDiscard::PreferredExceedsValid, 1)
        );
        let infinite = |prefix: &mut AdvertisedPrefix| {
            prefix.preferred = icmp_nd::address::Lifetime::Infinite;
        };
        assert_eq!(refused(infinite).0, PrefixDiscard::PreferredExceedsValid);
    }

    // RFC 4862 §5.5.3 MUST (length): prefix and identifier make 128 bits, or the option is ignored.
    #[test]
    fn other_lengths() {
        for length in [0, 1, 48, 63, 65, 127, 128, 129, 255] {
            let mut bench = Bench::up(config());
            let mut prefix = advertised(PREFIX, 7200, 3600);
            prefix.prefix_length = length;
            let result = bench.table.handle_prefix(bench.now, &prefix);
            assert_eq!(result, Err(PrefixDiscard::PrefixLength), "{length}");
        }
    }

    // RFC 4862 §5.5.3 MUST (zero): a new prefix forms an address if its valid lifetime is not zero.
    #[test]
    fn a_new_prefix_without_lifetime() {
        let change = |prefix: &mut AdvertisedPrefix| {
            prefix.valid = icmp_nd::address::Lifetime::ZERO;
            prefix.preferred = icmp_nd::address::Lifetime::ZERO;
        };
        let (discard, stats) = refused(change);
        assert_eq!(
            (discard, stats.zero_lifetime),
            (PrefixDiscard::ZeroLifetime, 1)
        );
    }

    #[test]
    fn not_on_a_router() {
        let mut config = config();
        config.autoconfigure = false;
        let mut bench = Bench::up(config);
        assert_eq!(
            bench.advertise(PREFIX, 7200, 3600),
            Err(PrefixDiscard::Disabled)
        );
        assert_eq!(bench.table.stats().disabled, 1);
    }

    // RFC 4862 §5.5.3 MUST (preferred): the preferred lifetime is reset to what was received.
    #[test]
    fn the_preferred_lifetime_goes_both_ways() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 100_000, 50_000).unwrap();
        bench.run_for(secs(2));
        bench.advertise(PREFIX, 100_000, 10).unwrap();
        assert_eq!(bench.lifetimes(GLOBAL), (100_000, 10));
        bench.advertise(PREFIX, 100_000, 60_000).unwrap();
        assert_eq!(bench.lifetimes(GLOBAL), (100_000, 60_000));
        bench.advertise(PREFIX, 100_000, 0).unwrap();
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Deprecated));
        bench.advertise(PREFIX, 100_000, 60).unwrap();
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Preferred));
    }

    /// Valid lifetime left and received, and what is left afterwards.
    fn two_hours(before: u32, received: u32) -> u64 {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, before, 60).unwrap();
        bench.advertise(PREFIX, received, received.min(60)).unwrap();
        bench.lifetimes(GLOBAL).0
    }

    // RFC 4862 §5.5.3 MUST (longer): more than two hours, or more than what is left, is taken.
    #[test]
    fn longer_lifetimes_are_taken() {
        assert_eq!(two_hours(10_000, 7201), 7201);
        assert_eq!(two_hours(86_400, 100_000), 100_000);
        assert_eq!(two_hours(600, 601), 601);
        assert_eq!(two_hours(u32::MAX, 7201), 7201);
        // RFC 4861 §4.6.2 MUST (infinity): a lifetime of all ones has no end.
        assert_eq!(two_hours(600, u32::MAX), u64::MAX);
    }

    // RFC 4862 §5.5.3 MUST (two-hours-left): with two hours or less left the option is ignored.
    #[test]
    fn with_little_left_it_stays() {
        assert_eq!(two_hours(7200, 7199), 7200);
        assert_eq!(two_hours(600, 599), 600);
        assert_eq!(two_hours(600, 0), 600);
    }

    // RFC 4862 §5.5.3 MUST (two-hours): otherwise two hours are left.
    #[test]
    fn with_much_left_two_hours_remain() {
        assert_eq!(two_hours(7201, 7200), 7200);
        assert_eq!(two_hours(86_400, 600), 7200);
        assert_eq!(two_hours(86_400, 0), 7200);
        assert_eq!(two_hours(u32::MAX, 0), 7200);
    }

    #[test]
    fn the_rule_is_counted_and_an_authenticated_advertisement_is_free_of_it() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 86_400, 60).unwrap();
        bench.advertise(PREFIX, 600, 60).unwrap();
        assert_eq!(bench.table.stats().two_hour_rule, 1);
        let mut prefix = advertised(PREFIX, 600, 60);
        prefix.authenticated = true;
        bench.table.handle_prefix(bench.now, &prefix).unwrap();
        assert_eq!(bench.lifetimes(GLOBAL), (600, 60));
        prefix.valid = icmp_nd::address::Lifetime::ZERO;
        prefix.preferred = icmp_nd::address::Lifetime::ZERO;
        bench.table.handle_prefix(bench.now, &prefix).unwrap();
        assert_eq!(bench.state(GLOBAL), None);
    }
}

mod section_5_5_4 {
    use super::*;

    // RFC 4862 §5.5.4 MUST (deprecated): with its preferred lifetime it becomes deprecated.
    // RFC 4862 §5.5.4 MUST (invalid): the address is removed with its valid lifetime.
    #[test]
    fn addresses_age() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 200, 100).unwrap();
        bench.run_for(secs(99));
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Preferred));
        assert_eq!(
            bench.table.select_source(ip("2001:db8:2::1"), None),
            Some(ip(GLOBAL))
        );
        bench.events.clear();
        bench.run_for(secs(1));
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Deprecated));
        let address = ip(GLOBAL);
        assert_eq!(bench.events, [AddressEvent::Deprecated { address }]);
        assert!(
            bench.table.is_local(address),
            "deprecated addresses still receive"
        );
        bench.events.clear();
        bench.run_for(secs(100));
        assert_eq!(bench.state(GLOBAL), None);
        let reason = RemovalReason::Expired;
        assert_eq!(bench.events, [AddressEvent::Removed { address, reason }]);
        assert!(!bench.groups.contains(&ip("ff02::1:ff10:1")) || bench.state(LINK_LOCAL).is_some());
        assert_eq!(bench.table.poll_timeout(), None);
    }

    #[test]
    fn one_late_call_does_it_all() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 200, 100).unwrap();
        bench.now += secs(10_000);
        bench.table.handle_timeout(bench.now);
        bench.drain();
        assert_eq!(bench.state(GLOBAL), None);
        assert_eq!(bench.table.poll_timeout(), None);
    }

    // RFC 4862 §5.5.4 SHOULD (new-communication): new communication takes a preferred address.
    #[test]
    fn new_communication_avoids_deprecated_addresses() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 7200, 0).unwrap();
        bench.advertise("2001:db8:9::", 7200, 3600).unwrap();
        bench.run_for(secs(2));
        let source = bench.table.select_source(ip("2001:db8:1::1"), None);
        assert_eq!(source, Some(ip("2001:db8:9::5eff:fe10:1")));
        bench.table.remove(bench.now, ip("2001:db8:9::5eff:fe10:1"));
        let source = bench.table.select_source(ip("2001:db8:1::1"), None);
        assert_eq!(
            source,
            Some(ip(GLOBAL)),
            "rather than one of too small a scope"
        );
    }
}
