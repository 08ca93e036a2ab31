//! RFC 3810: version 2.

use crate::support::{Bench, GROUP, SOURCE, Said, exclude, include, ip, millis, record, secs};
use icmp_nd::Instant;
use icmp_nd::mld::{Compatibility, Filter, ListenError, ListenerConfig, ListenerConfigError};
use icmp_nd::wire::{MldQueryV2Repr, MldRepr, MulticastRecordType as Type};

mod section_4 {
    use super::*;

    #[test]
    fn filters_decide_what_is_listened_to() {
        let mut bench = Bench::up();
        let accepts = |bench: &Bench, source: &str| bench.listener.accepts(ip(GROUP), ip(source));
        assert!(!accepts(&bench, "2001:db8::1"));
        bench.listen(include(&["2001:db8::1"]));
        assert!(accepts(&bench, "2001:db8::1") && !accepts(&bench, "2001:db8::2"));
        bench.listen(exclude(&["2001:db8::1"]));
        assert!(!accepts(&bench, "2001:db8::1") && accepts(&bench, "2001:db8::2"));
        bench.listen(Filter::NONE);
        assert!(!accepts(&bench, "2001:db8::2"));
        assert!(bench.listener.accepts(ip("ff02::1"), ip("fe80::2")));
        assert_eq!(bench.listener.groups().count(), 0);
    }

    #[test]
    fn what_cannot_be_listened_to() {
        let mut bench = Bench::up();
        let now = bench.now;
        let listener = &mut bench.listener;
        assert_eq!(
            listener.join(now, ip("2001:db8::1")),
            Err(ListenError::NotMulticast)
        );
        let wrong = include(&["ff0e::1"]);
        assert_eq!(
            listener.listen(now, ip(GROUP), wrong),
            Err(ListenError::Source)
        );
        assert!(!listener.leave(now, ip(GROUP)));
        bench.drain();
        assert_eq!(bench.sent, []);
    }

    #[test]
    fn configurations_that_contradict_themselves() {
        let check = |change: fn(&mut ListenerConfig)| {
            let mut config = ListenerConfig::default();
            change(&mut config);
            let random = Box::new(testkit::SeededRandom::new(1));
            icmp_nd::mld::Listener::new(config, random).err()
        };
        assert_eq!(check(|_| {}), None);
        assert_eq!(
            check(|it| it.robustness = 0),
            Some(ListenerConfigError::Robustness)
        );
        assert_eq!(
            check(|it| it.robustness = 8),
            Some(ListenerConfigError::Robustness)
        );
        assert_eq!(check(|it| it.mtu = 1279), Some(ListenerConfigError::Mtu));
        assert_eq!(
            check(|it| it.max_sources = 75),
            Some(ListenerConfigError::Sources)
        );
        assert_eq!(check(|it| it.max_sources = 74), None);
        let zero = |it: &mut ListenerConfig| it.query_interval = secs(0);
        assert_eq!(check(zero), Some(ListenerConfigError::Interval));
    }
}

mod section_5_2 {
    use super::*;

    // RFC 3810 §5.2.13 MUST (source): a link-local address, or the unspecified one while there is none.
    // RFC 3810 §5.2.14 MUST (destination): reports go to ff02::16.
    // RFC 3590 §4 SHOULD (again): with a link-local address everything is reported once more.
    #[test]
    fn addresses_of_reports() {
        let mut bench = Bench::new(ListenerConfig::default(), 1);
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.run_for(secs(5));
        for (_, source, destination, said) in bench.sent.drain(..) {
            assert_eq!((source, destination), (ip("::"), ip("ff02::16")));
            assert_eq!(said, record(Type::CHANGE_TO_EXCLUDE_MODE, GROUP, &[]));
        }
        bench.listener.set_source(bench.now, Some(ip(SOURCE)));
        bench.run_for(secs(5));
        assert_eq!(bench.sent.len(), 2);
        for (_, source, _, said) in bench.sent.drain(..) {
            assert_eq!(source, ip(SOURCE));
            assert_eq!(said, record(Type::CHANGE_TO_EXCLUDE_MODE, GROUP, &[]));
        }
        bench.listener.set_source(bench.now, Some(ip(SOURCE)));
        bench.run_for(secs(5));
        assert_eq!(bench.sent, []);
    }

    #[test]
    fn many_groups_take_many_packets() {
        let mut bench = Bench::up();
        let group = |n: u16| format!("ff0e::{n:x}");
        let sources: Vec<String> = (0..50).map(|n| format!("2001:db8::{n:x}")).collect();
        let sources: Vec<&str> = sources.iter().map(|it| it.as_str()).collect();
        for n in 0..100 {
            let filter = if n % 10 == 0 {
                include(&sources)
            } else {
                Filter::ALL
            };
            bench
                .listener
                .listen(bench.now, ip(&group(n)), filter)
                .unwrap();
        }
        bench.run_for(secs(5));
        bench.sent.clear();
        bench.query(1_000, "::", &[]);
        bench.run_for(secs(1));
        let mut answered = Vec::new();
        for said in bench.said() {
            let Said::V2(records) = said else {
                panic!("{said:?}")
            };
            answered.extend(records.iter().map(|it| it.1));
        }
        answered.sort_unstable();
        let all: Vec<_> = (0..100).map(|n| ip(&group(n))).collect();
        assert_eq!(answered, all);
        assert!(bench.sent.len() >= 10);
    }
}

mod section_6 {
    use super::*;

    // RFC 3810 §6 MUST (exempt): no message is sent about ff02::1, nor about scopes 0 and 1.
    #[test]
    fn groups_that_are_not_told() {
        let mut bench = Bench::up();
        for group in ["ff02::1", "ff01::2", "ff00::5"] {
            bench.listener.join(bench.now, ip(group)).unwrap();
            bench.run_for(secs(3));
            bench.query(100, "::", &[]);
            bench.query(100, group, &[]);
            bench.query_v1(100, "::");
            bench.run_for(secs(300));
            assert!(bench.listener.leave(bench.now, ip(group)));
            bench.run_for(secs(3));
        }
        assert_eq!(bench.sent, []);
    }
}

mod section_6_1 {
    use super::*;

    // RFC 3810 §6.1 MUST (report): a change of the state of the interface is told at once.
    // RFC 3810 §6.1 MUST (robustness): it is told Robustness Variable times in all.
    // RFC 3810 §6.1 MUST (interval): at random, up to the Unsolicited Report Interval.
    #[test]
    fn a_change_is_told_at_once_and_again() {
        for robustness in 1..=4u8 {
            for seed in 0..20 {
                let config = ListenerConfig {
                    robustness,
                    ..ListenerConfig::default()
                };
                let mut bench = Bench::up_with(config, seed);
                bench.listener.join(bench.now, ip(GROUP)).unwrap();
                bench.drain();
                assert_eq!(bench.sent.len(), 1);
                bench.run_for(secs(10));
                assert_eq!(bench.sent.len(), usize::from(robustness));
                for pair in bench.sent.windows(2) {
                    let gap = pair[1].0 - pair[0].0;
                    assert!(gap > secs(0) && gap <= secs(1), "{gap:?}");
                }
                assert_eq!(bench.listener.poll_timeout(), None);
            }
        }
    }

    // RFC 3810 §6.1 MUST (change): a change of mode is told with TO_IN or TO_EX, one of sources with ALLOW and BLOCK.
    #[test]
    fn what_is_told_of_each_change() {
        let (a, b, c) = ("2001:db8::a", "2001:db8::b", "2001:db8::c");
        let cases = [
            (
                Filter::NONE,
                include(&[a]),
                vec![(Type::ALLOW_NEW_SOURCES, vec![a])],
            ),
            (
                include(&[a]),
                include(&[a, b]),
                vec![(Type::ALLOW_NEW_SOURCES, vec![b])],
            ),
            (
                include(&[a, b]),
                include(&[b]),
                vec![(Type::BLOCK_OLD_SOURCES, vec![a])],
            ),
            (
                include(&[a, b]),
                include(&[b, c]),
                vec![
                    (Type::ALLOW_NEW_SOURCES, vec![c]),
                    (Type::BLOCK_OLD_SOURCES, vec![a]),
                ],
            ),
            (
                include(&[a]),
                Filter::NONE,
                vec![(Type::BLOCK_OLD_SOURCES, vec![a])],
            ),
            (
                include(&[a]),
                exclude(&[b]),
                vec![(Type::CHANGE_TO_EXCLUDE_MODE, vec![b])],
            ),
            (
                Filter::NONE,
                Filter::ALL,
                vec![(Type::CHANGE_TO_EXCLUDE_MODE, vec![])],
            ),
            (
                exclude(&[a]),
                include(&[b]),
                vec![(Type::CHANGE_TO_INCLUDE_MODE, vec![b])],
            ),
            (
                Filter::ALL,
                Filter::NONE,
                vec![(Type::CHANGE_TO_INCLUDE_MODE, vec![])],
            ),
            (
                exclude(&[a, b]),
                exclude(&[b, c]),
                vec![
                    (Type::ALLOW_NEW_SOURCES, vec![a]),
                    (Type::BLOCK_OLD_SOURCES, vec![c]),
                ],
            ),
        ];
        for (before, after, expected) in cases {
            let mut bench = Bench::up();
            bench.listen(before.clone());
            bench.run_for(secs(5));
            bench.sent.clear();
            bench.listen(after.clone());
            bench.run_for(secs(5));
            let records = expected
                .iter()
                .map(|(kind, sources)| {
                    (*kind, ip(GROUP), sources.iter().map(|it| ip(it)).collect())
                })
                .collect();
            let told = Said::V2(records);
            assert_eq!(
                bench.said(),
                [told.clone(), told],
                "{before:?} to {after:?}"
            );
        }
    }

    // RFC 3810 §6.1 MUST (mode-first): while a change of mode is told, the record has that mode and all sources.
    #[test]
    fn changes_are_merged() {
        let (a, b) = ("2001:db8::a", "2001:db8::b");
        let mut bench = Bench::up();
        bench.listen(exclude(&[a]));
        bench.listen(exclude(&[a, b]));
        bench.run_for(secs(5));
        assert_eq!(
            bench.said(),
            [
                record(Type::CHANGE_TO_EXCLUDE_MODE, GROUP, &[a]),
                record(Type::CHANGE_TO_EXCLUDE_MODE, GROUP, &[a, b]),
                record(Type::CHANGE_TO_EXCLUDE_MODE, GROUP, &[a, b]),
            ]
        );
        // Sources that are told while another is already: each twice in all.
        let mut bench = Bench::up();
        bench.listen(include(&[a]));
        bench.listen(include(&[a, b]));
        bench.run_for(secs(5));
        assert_eq!(
            bench.said(),
            [
                record(Type::ALLOW_NEW_SOURCES, GROUP, &[a]),
                record(Type::ALLOW_NEW_SOURCES, GROUP, &[a, b]),
                record(Type::ALLOW_NEW_SOURCES, GROUP, &[b]),
            ]
        );
    }

    #[test]
    fn joined_and_left_before_anything_was_said_is_told_as_left() {
        let mut bench = Bench::up();
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        assert!(bench.listener.leave(bench.now, ip(GROUP)));
        bench.run_for(secs(5));
        let left = record(Type::CHANGE_TO_INCLUDE_MODE, GROUP, &[]);
        assert_eq!(bench.said(), [left.clone(), left]);
        assert_eq!(bench.listener.poll_timeout(), None);
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.sent.clear();
        bench.drain();
        assert_eq!(bench.sent.len(), 1);
    }

    #[test]
    fn more_changes_than_sources_fit_are_told_as_the_whole_state() {
        let mut bench = Bench::up();
        let names: Vec<String> = (0..100).map(|n| format!("2001:db8::{n:x}")).collect();
        let names: Vec<&str> = names.iter().map(|it| it.as_str()).collect();
        bench.listen(include(&names[..50]));
        bench.listen(include(&names[50..]));
        bench.run_for(secs(5));
        let whole = record(Type::CHANGE_TO_INCLUDE_MODE, GROUP, &names[50..]);
        assert_eq!(bench.said()[1..], [whole.clone(), whole]);
    }
}

mod section_6_2 {
    use super::*;

    // RFC 3810 §6.2 MUST (random): a random delay up to what the query says.
    // RFC 3810 §6.3 MUST (answer): the current state, or what of the sources asked about is listened to.
    #[test]
    fn a_general_query_is_answered_within_its_delay() {
        let mut delays = Vec::new();
        for seed in 0..40 {
            let mut bench = Bench::joined(seed);
            bench.query(10_000, "::", &[]);
            let asked = bench.now;
            bench.run_for(secs(20));
            assert_eq!(bench.said(), [record(Type::MODE_IS_EXCLUDE, GROUP, &[])]);
            delays.push(bench.sent[0].0 - asked);
        }
        delays.sort_unstable();
        assert!(delays[39] <= secs(10));
        assert!(delays[8] < secs(4) && delays[32] > secs(6), "{delays:?}");
    }

    // RFC 3810 §6.2 MUST (schedule): the five rules for when an answer is given.
    #[test]
    fn rule_1_an_answer_that_comes_sooner_is_enough() {
        let mut bench = Bench::joined(1);
        bench.query(100, "::", &[]);
        bench.query(60_000, "::", &[]);
        bench.query(60_000, GROUP, &[]);
        bench.run_for(secs(100));
        assert_eq!(bench.sent.len(), 1);
        assert!(bench.sent[0].0 < Instant::from_secs(6));
    }

    #[test]
    fn rule_2_a_general_query_replaces_a_later_answer() {
        for seed in 0..20 {
            let mut bench = Bench::joined(seed);
            bench.query(600_000, "::", &[]);
            bench.query(100, "::", &[]);
            bench.run_for(millis(100));
            assert_eq!(bench.sent.len(), 1);
            bench.run_for(secs(700));
            assert_eq!(bench.sent.len(), 1);
        }
    }

    #[test]
    fn rule_3_a_group_is_answered_by_its_own_timer() {
        let mut bench = Bench::joined(1);
        bench.query(1_000, GROUP, &[]);
        bench.query(1_000, "ff0e::43", &[]);
        bench.run_for(secs(2));
        assert_eq!(bench.said(), [record(Type::MODE_IS_EXCLUDE, GROUP, &[])]);
    }

    #[test]
    fn rule_4_a_group_query_makes_the_answer_about_the_whole_group() {
        let (a, b) = ("2001:db8::a", "2001:db8::b");
        let mut bench = Bench::up();
        bench.listen(include(&[a, b]));
        bench.run_for(secs(5));
        bench.sent.clear();
        bench.query(1_000, GROUP, &[a]);
        bench.query(1_000, GROUP, &[]);
        bench.run_for(secs(2));
        assert_eq!(
            bench.said(),
            [record(Type::MODE_IS_INCLUDE, GROUP, &[a, b])]
        );
        bench.sent.clear();
        bench.query(1_000, GROUP, &[]);
        bench.query(1_000, GROUP, &[a]);
        bench.run_for(secs(2));
        assert_eq!(
            bench.said(),
            [record(Type::MODE_IS_INCLUDE, GROUP, &[a, b])]
        );
    }

    #[test]
    fn rule_5_sources_of_several_queries_are_put_together() {
        let (a, b, c, d) = ("2001:db8::a", "2001:db8::b", "2001:db8::c", "2001:db8::d");
        let mut bench = Bench::up();
        bench.listen(include(&[a, b, d]));
        bench.run_for(secs(5));
        bench.sent.clear();
        bench.query(1_000, GROUP, &[a]);
        bench.query(1_000, GROUP, &[b, c]);
        bench.run_for(secs(2));
        assert_eq!(
            bench.said(),
            [record(Type::MODE_IS_INCLUDE, GROUP, &[a, b])]
        );
        // In EXCLUDE mode: those that are not excluded.
        bench.listen(exclude(&[a]));
        bench.run_for(secs(5));
        bench.sent.clear();
        bench.query(1_000, GROUP, &[a, c]);
        bench.run_for(secs(2));
        assert_eq!(bench.said(), [record(Type::MODE_IS_INCLUDE, GROUP, &[c])]);
        // None of them: no answer.
        bench.sent.clear();
        bench.query(1_000, GROUP, &[a]);
        bench.run_for(secs(2));
        assert_eq!(bench.sent, []);
    }

    #[test]
    fn who_has_left_does_not_answer() {
        let mut bench = Bench::joined(1);
        bench.query(60_000, GROUP, &[]);
        assert!(bench.listener.leave(bench.now, ip(GROUP)));
        bench.run_for(secs(100));
        let left = record(Type::CHANGE_TO_INCLUDE_MODE, GROUP, &[]);
        assert_eq!(bench.said(), [left.clone(), left]);
    }
}

mod section_8_2_1 {
    use super::*;

    fn is_v1(bench: &Bench) -> bool {
        matches!(bench.listener.compatibility(), Compatibility::V1 { .. })
    }

    // RFC 3810 §8.2.1 MUST (older): a query of version 1 sets the timer and the mode.
    // RFC 3810 §8.2.1 MUST (back): without an older querier version 2 is spoken again.
    // RFC 3810 §9.12 MUST: robustness times the query interval, and the response interval.
    #[test]
    fn an_older_querier_makes_the_listener_speak_version_1_for_a_while() {
        let mut bench = Bench::joined(1);
        let start = bench.now;
        bench.query_v1(10_000, "::");
        let until = start + secs(2 * 125 + 10);
        assert_eq!(bench.listener.compatibility(), Compatibility::V1 { until });
        bench.run_for(secs(20));
        assert_eq!(bench.said(), [Said::Report(ip(GROUP))]);
        bench.query_v1(1_000, "::");
        let until = bench.now + secs(251);
        assert_eq!(bench.listener.compatibility(), Compatibility::V1 { until });
        bench.run_for(secs(250));
        assert!(is_v1(&bench));
        bench.run_for(secs(1));
        assert_eq!(bench.listener.compatibility(), Compatibility::V2);
        bench.sent.clear();
        bench.query(1_000, "::", &[]);
        bench.run_for(secs(2));
        assert_eq!(bench.said(), [record(Type::MODE_IS_EXCLUDE, GROUP, &[])]);
    }

    // RFC 3810 §9.1 MUST (qrv): the querier's variable is taken over; 0 means the default.
    #[test]
    fn what_the_querier_tells_is_used() {
        let mut bench = Bench::joined(1);
        let query = |robustness| MldRepr::QueryV2(MldQueryV2Repr::general(100, robustness, 60));
        bench.hear(&query(5)).unwrap();
        bench.run_for(secs(1));
        bench.sent.clear();
        bench.listener.join(bench.now, ip("ff0e::43")).unwrap();
        bench.run_for(secs(10));
        assert_eq!(bench.sent.len(), 5);
        bench.query_v1(1_000, "ff0e::99");
        let until = bench.now + secs(5 * 60 + 1);
        assert_eq!(bench.listener.compatibility(), Compatibility::V1 { until });
        bench.run_for(secs(302));
        bench.hear(&query(0)).unwrap();
        bench.run_for(secs(1));
        bench.sent.clear();
        bench.listener.join(bench.now, ip("ff0e::44")).unwrap();
        bench.run_for(secs(10));
        assert_eq!(bench.sent.len(), 2);
    }

    // RFC 3810 §8.2.1 MUST (cancel): a change of mode cancels all pending responses and repetitions.
    #[test]
    fn a_change_of_mode_forgets_what_was_pending() {
        let mut bench = Bench::up();
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.drain();
        bench.query(8_000, "::", &[]);
        bench.query(8_000, GROUP, &[]);
        bench.sent.clear();
        bench.query_v1(1_000, "ff0e::99");
        bench.run_for(secs(200));
        assert_eq!(bench.sent, []);
        bench.query_v1(60_000, "::");
        bench.run_for(secs(1));
        bench.listener.reset();
        bench.run_for(secs(100));
        assert_eq!(bench.sent, []);
        assert_eq!(bench.listener.compatibility(), Compatibility::V2);
    }
}
