//! RFC 2710: version 1, while a querier of version 1 is on the link.

use crate::support::{Bench, GROUP, SOURCE, Said, include, ip, secs};
use icmp_nd::mld::{ListenerDiscard, V1Action, V1Event, V1State, v1_step};
use icmp_nd::wire::MldRepr;

fn v1() -> Bench {
    let mut bench = Bench::up();
    bench.query_v1(1_000, "ff0e::99");
    bench
}

mod section_5 {
    use super::*;
    use V1Action::{ClearFlag, ResetTimer, SendDone, SendReport, SetFlag, StartTimer, StopTimer};
    use V1Event::{QueryReceived, ReportReceived, StartListening, StopListening, TimerExpired};
    use V1State::{DelayingListener, IdleListener, NonListener};

    // RFC 2710 §5 MUST (table): the states and transitions of a listener.
    #[test]
    fn the_whole_table() {
        let stop = |last_reporter| StopListening { last_reporter };
        let query = |sooner| QueryReceived { sooner };
        let table: &[(V1State, V1Event, V1State, &[V1Action])] = &[
            (
                NonListener,
                StartListening,
                DelayingListener,
                &[SendReport, SetFlag, StartTimer],
            ),
            (NonListener, stop(true), NonListener, &[]),
            (NonListener, stop(false), NonListener, &[]),
            (NonListener, query(true), NonListener, &[]),
            (NonListener, query(false), NonListener, &[]),
            (NonListener, ReportReceived, NonListener, &[]),
            (NonListener, TimerExpired, NonListener, &[]),
            (DelayingListener, StartListening, DelayingListener, &[]),
            (
                DelayingListener,
                stop(true),
                NonListener,
                &[StopTimer, SendDone],
            ),
            (DelayingListener, stop(false), NonListener, &[StopTimer]),
            (
                DelayingListener,
                query(true),
                DelayingListener,
                &[ResetTimer],
            ),
            (DelayingListener, query(false), DelayingListener, &[]),
            (
                DelayingListener,
                ReportReceived,
                IdleListener,
                &[StopTimer, ClearFlag],
            ),
            (
                DelayingListener,
                TimerExpired,
                IdleListener,
                &[SendReport, SetFlag],
            ),
            (IdleListener, StartListening, IdleListener, &[]),
            (IdleListener, stop(true), NonListener, &[SendDone]),
            (IdleListener, stop(false), NonListener, &[]),
            (IdleListener, query(true), DelayingListener, &[StartTimer]),
            (IdleListener, query(false), DelayingListener, &[StartTimer]),
            (IdleListener, ReportReceived, IdleListener, &[]),
            (IdleListener, TimerExpired, IdleListener, &[]),
        ];
        for &(state, event, next, actions) in table {
            assert_eq!(
                v1_step(state, event),
                (next, actions),
                "{state:?} {event:?}"
            );
        }
        assert_eq!(table.len(), 3 * 7);
    }
}

mod section_4 {
    use super::*;

    #[test]
    fn joining_sends_a_report_and_another_within_ten_seconds() {
        let mut bench = v1();
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.run_for(secs(20));
        assert_eq!(
            bench.said(),
            [Said::Report(ip(GROUP)), Said::Report(ip(GROUP))]
        );
        let (_, source, destination, _) = bench.sent[0];
        assert_eq!((source, destination), (ip(SOURCE), ip(GROUP)));
        assert!(bench.sent[1].0 - bench.sent[0].0 <= secs(10));
    }

    // RFC 2710 §3 MUST (done): a Done goes to all routers.
    #[test]
    fn leaving_sends_a_done_when_the_last_report_was_ours() {
        let mut bench = v1();
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.run_for(secs(20));
        bench.sent.clear();
        assert!(bench.listener.leave(bench.now, ip(GROUP)));
        bench.run_for(secs(20));
        assert_eq!(bench.said(), [Said::Done(ip(GROUP))]);
        assert_eq!(bench.sent[0].2, ip("ff02::2"));
        assert_eq!(bench.listener.groups().count(), 0);
    }

    // RFC 2710 §4 MUST (suppress): another listener's report saves ours.
    #[test]
    fn a_report_of_another_saves_ours_and_the_done() {
        let mut bench = v1();
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.run_for(secs(20));
        bench.sent.clear();
        bench.query_v1(10_000, "::");
        let report = MldRepr::Report { group: ip(GROUP) };
        assert_eq!(bench.hear(&report), Ok(()));
        assert_eq!(bench.hear(&report), Err(ListenerDiscard::NotPending));
        let other = MldRepr::Report {
            group: ip("ff0e::43"),
        };
        assert_eq!(bench.hear(&other), Err(ListenerDiscard::NotPending));
        bench.run_for(secs(20));
        assert!(bench.listener.leave(bench.now, ip(GROUP)));
        bench.run_for(secs(20));
        assert_eq!(bench.sent, []);
        let stats = bench.listener.stats();
        assert_eq!((stats.suppressed, stats.not_pending), (1, 2));
    }

    #[test]
    fn queries_of_both_kinds_are_answered_within_their_delay() {
        for (delay, group) in [(5_000, "::"), (5_000, GROUP)] {
            let mut bench = v1();
            bench.listener.join(bench.now, ip(GROUP)).unwrap();
            bench.listener.join(bench.now, ip("ff0e::43")).unwrap();
            bench.run_for(secs(20));
            bench.sent.clear();
            let asked = bench.now;
            bench.query_v1(delay, group);
            bench.run_for(secs(20));
            let expected = if group == "::" { 2 } else { 1 };
            assert_eq!(bench.sent.len(), expected);
            assert!(bench.sent.iter().all(|it| it.0 - asked <= secs(5)));
        }
    }

    #[test]
    fn a_shorter_delay_brings_the_report_forward() {
        let mut bench = v1();
        bench.listener.join(bench.now, ip(GROUP)).unwrap();
        bench.run_for(secs(20));
        bench.sent.clear();
        bench.query_v1(60_000, "::");
        bench.query_v1(100, GROUP);
        let asked = bench.now;
        bench.run_for(secs(100));
        assert_eq!(bench.sent.len(), 1);
        assert!(bench.sent[0].0 - asked <= secs(1));
    }

    #[test]
    fn sources_cannot_be_told_in_version_1() {
        let mut bench = v1();
        bench.listen(include(&["2001:db8::1"]));
        bench.run_for(secs(20));
        bench.sent.clear();
        bench.listen(include(&["2001:db8::1", "2001:db8::2"]));
        bench.run_for(secs(20));
        assert_eq!(bench.sent, []);
        assert!(bench.listener.accepts(ip(GROUP), ip("2001:db8::2")));
    }

    #[test]
    fn messages_for_routers_are_ignored() {
        let mut bench = Bench::joined(1);
        let before = format!("{:?}", bench.listener);
        for repr in [
            MldRepr::Report { group: ip(GROUP) },
            MldRepr::Done { group: ip(GROUP) },
            MldRepr::ReportV2 {
                records: (&[][..]).into(),
            },
        ] {
            assert_eq!(bench.hear(&repr), Err(ListenerDiscard::ForRouters));
        }
        assert_eq!(format!("{:?}", bench.listener), before);
        assert_eq!(bench.listener.stats().for_routers, 3);
    }
}
