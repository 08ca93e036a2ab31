//! Events, limits of logs, flow records.

use crate::common::*;
use stateful_firewall::model::{Action, Rule};
use stateful_firewall::{
    DropReason, EndReason, Event, FirewallConfig, LogCause, Logged, Reason, RuleId, Trouble,
};
use std::time::Duration;

#[test]
fn a_rule_logs_what_it_lets_through_and_what_it_stops() {
    let mut policy = three_legs();
    policy.rules = vec![
        Rule {
            log: true,
            mark: Some(9),
            ..allow("udp", 53)
        },
        Rule {
            log: true,
            action: Action::Drop,
            ..allow("udp", 54)
        },
        Rule {
            log: true,
            action: Action::Continue,
            ..Rule::default()
        },
    ];
    let mut bench = Bench::strict(&policy);
    let client = end("10.0.0.2:1000");
    let _ = bench.out(&udp(client, end("198.51.100.2:53"), b"q"));
    let _ = bench.out(&udp(client, end("198.51.100.2:53"), b"again"));
    let _ = bench.out(&udp(client, end("198.51.100.2:54"), b"q"));
    let _ = bench.out(&udp(client, end("198.51.100.2:55"), b"q"));
    let events = bench.events();
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let Event::Packet(log) = event else {
                panic!("{event:?}")
            };
            assert_eq!((log.ingress, log.egress), (Some(INSIDE), Some(OUTSIDE)));
            (log.cause, log.logged, log.key.unwrap().destination_port())
        })
        .collect();
    let rule = |n| LogCause::Rule(RuleId(n));
    assert_eq!(
        seen,
        [
            (rule(0), Logged::Accepted, 53),
            (
                rule(1),
                Logged::Dropped(DropReason::Policy(Reason::Rule(RuleId(1)))),
                54
            ),
            (rule(2), Logged::Noted, 55),
        ]
    );
}

// C3.10: a flood of logs.
#[test]
fn a_flood_is_logged_now_and_then_and_counted_in_between() {
    let mut policy = three_legs();
    policy.rules = vec![
        Rule {
            log: true,
            action: Action::Drop,
            ..allow("udp", 53)
        },
        Rule {
            log: true,
            ..allow("udp", 54)
        },
    ];
    let mut bench = Bench::strict(&policy);
    let client = end("10.0.0.2:1000");
    for _ in 0..10_000 {
        let verdict = bench.out(&udp(client, end("198.51.100.2:53"), b"q"));
        assert!(!verdict.is_accept(), "the limit has no say in the verdict");
    }
    // Another rule is not silenced.
    let _ = bench.out(&udp(client, end("198.51.100.2:54"), b"q"));
    let events = bench.events();
    assert_eq!(events.len(), 21);
    let Event::Packet(last) = &events[20] else {
        panic!();
    };
    assert_eq!(last.cause, LogCause::Rule(RuleId(1)));
    assert_eq!(bench.firewall.stats().logs_suppressed, 9_980);
    // The next one says how many are missing; when none comes, an event does.
    bench.now += Duration::from_millis(150);
    let _ = bench.out(&udp(client, end("198.51.100.2:53"), b"q"));
    let Event::Packet(next) = &bench.events()[0] else {
        panic!();
    };
    assert_eq!(next.suppressed, 9_980);
    for _ in 0..100 {
        let _ = bench.out(&udp(client, end("198.51.100.2:53"), b"q"));
    }
    bench.wait(60);
    let events = bench.events();
    assert!(
        matches!(
            events[..],
            [Event::Suppressed {
                cause: LogCause::Rule(RuleId(0)),
                count: 100,
                ..
            }]
        ),
        "{events:?}"
    );
}

#[test]
fn events_that_find_no_room_are_counted() {
    let mut policy = three_legs();
    policy.log_default = true;
    let config = FirewallConfig {
        events: 3,
        ..FirewallConfig::new(16)
    };
    let mut bench = Bench::new(&policy, config);
    for _ in 0..10 {
        let _ = bench.back(&udp(end("198.51.100.2:1"), end("10.0.0.2:1"), b"x"));
    }
    assert_eq!(bench.firewall.stats().events_lost, 7);
    let events = bench.events();
    assert!(matches!(events[..], [Event::Packet(first), ..] if first.cause == LogCause::Default));
    assert_eq!(events.len(), 3);
}

#[test]
fn what_no_rule_was_asked_about_is_logged_by_its_kind() {
    let mut bench = Bench::strict(&three_legs());
    let mut bad = udp(end("10.0.0.2:1"), end("198.51.100.2:1"), b"x");
    let last = bad.len() - 1;
    bad.as_mut_slice()[last] ^= 1;
    let _ = bench.out(&bad);
    let _ = bench.out(&tcp(end("10.0.0.2:1"), end("198.51.100.2:1"), ACK, 1, 1).build());
    let mut short = bad.clone();
    short.truncate(10);
    let _ = bench.out(&short);
    let causes: Vec<_> = bench
        .events()
        .iter()
        .map(|event| match event {
            Event::Packet(log) => (log.cause, log.key.is_some()),
            _ => panic!(),
        })
        .collect();
    assert_eq!(
        causes,
        [
            (LogCause::Other(Trouble::Header), true),
            (LogCause::Other(Trouble::Invalid), true),
            (LogCause::Other(Trouble::Header), false),
        ]
    );
    let stats = bench.firewall.stats();
    assert_eq!((stats.checksum, stats.invalid, stats.malformed), (1, 1, 1));
}

#[test]
fn sessions_are_accounted() {
    let config = FirewallConfig {
        accounting: true,
        log_sessions: true,
        ..FirewallConfig::new(16)
    };
    let mut bench = Bench::new(&three_legs(), config);
    let (client, server) = (end("10.0.0.2:1000"), end("198.51.100.2:80"));
    bench.connect(client, server);
    let data = tcp(server, client, ACK, 5_001, 1_001)
        .data(&[1; 60])
        .build();
    let verdict = bench.back(&data);
    let stateful_firewall::Verdict::Accept {
        session: Some(id), ..
    } = verdict
    else {
        panic!();
    };
    assert_eq!(bench.firewall.session_counts(id), Some(([2, 2], [80, 140])));
    let begun = bench.now;
    bench.wait(10);
    let reset = tcp(client, server, RST, 1_001, 0).build();
    bench.out_passes(&reset);
    let last = bench.now;
    bench.wait(20);
    let events = bench.events();
    let [
        Event::SessionBegun {
            key, rule: None, ..
        },
        Event::SessionEnded(record),
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(record.key, *key);
    assert_eq!(
        (record.begun, record.last, record.reason),
        (begun, last, EndReason::Expired)
    );
    assert_eq!((record.packets, record.octets), ([3, 2], [120, 140]));
    assert_eq!(record.tcp_flags, 0x02 | 0x10 | 0x04);
    assert_eq!(bench.firewall.session_counts(id), None);
}

#[test]
fn the_flow_log_adds_up_accepted_and_dropped_packets() {
    let config = FirewallConfig {
        flow_log: Some(Duration::from_secs(60)),
        flow_log_flows: 3,
        ..FirewallConfig::new(16)
    };
    let mut bench = Bench::new(&three_legs(), config);
    let (client, server) = (end("10.0.0.2:1000"), end("198.51.100.2:53"));
    for _ in 0..5 {
        let _ = bench.out(&udp(client, server, b"query"));
        bench.wait(1);
    }
    let _ = bench.back(&udp(server, client, b"answer"));
    let _ = bench.back(&udp(end("198.51.100.9:1"), client, b"no"));
    let _ = bench.back(&udp(end("198.51.100.9:2"), client, b"one too many"));
    bench.wait(60);
    let events = bench.events();
    let first = events.iter().find_map(|event| match event {
        Event::FlowLog(line) if line.packets == 5 => Some(line.to_string()),
        _ => None,
    });
    assert_eq!(
        first.unwrap(),
        "10.0.0.2 198.51.100.2 1000 53 17 5 165 1000 1004 ACCEPT"
    );
    let mut lines: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::FlowLog(line) => Some((
                line.key.source().to_string(),
                line.accepted,
                line.packets,
                line.octets,
                line.end.as_secs() - line.start.as_secs(),
            )),
            _ => None,
        })
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            ("10.0.0.2".to_string(), true, 5, 5 * 33, 4),
            ("198.51.100.2".to_string(), true, 1, 34, 0),
            ("198.51.100.9".to_string(), false, 1, 30, 0),
        ]
    );
    assert_eq!(bench.firewall.stats().flow_log_skipped, 1);
}
