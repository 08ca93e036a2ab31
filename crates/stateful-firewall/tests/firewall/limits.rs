//! Limits: what is over them is dropped and leaves nothing.

use crate::common::*;
use stateful_firewall::model::{Limits, Policy, Rate, Rule};
use stateful_firewall::{DropReason, FirewallConfig, HalfOpen, Limit, RuleId, Verdict};
use std::net::SocketAddr;

fn limited(limits: Limits) -> Policy {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        limits,
        ..allow("udp", 53)
    }];
    policy
}

fn source(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::new([10, 0, high, low].into(), 1_000)
}

fn ask(bench: &mut Bench, from: SocketAddr) -> Verdict {
    bench.out(&udp(from, end("198.51.100.2:53"), b"q"))
}

#[test]
fn new_sessions_in_a_time() {
    let rate = Rate {
        burst: 4,
        ..Rate::per_second(2)
    };
    let mut bench = Bench::strict(&limited(Limits {
        rate: Some(rate),
        ..Limits::default()
    }));
    for number in 0..4 {
        assert!(ask(&mut bench, source(number)).is_accept());
    }
    assert_eq!(
        ask(&mut bench, source(4)),
        Verdict::Drop(DropReason::Limit(Limit::Rate))
    );
    // Packets of sessions are no new sessions.
    assert!(ask(&mut bench, source(0)).is_accept());
    bench.wait(1);
    assert!(ask(&mut bench, source(4)).is_accept());
    assert_eq!(bench.sessions(), 5);
    assert_eq!(bench.firewall.rule_counters(RuleId(0)).unwrap().sessions, 5);
}

#[test]
fn sessions_at_a_time() {
    let mut bench = Bench::strict(&limited(Limits {
        sessions: Some(3),
        ..Limits::default()
    }));
    for number in 0..3 {
        assert!(ask(&mut bench, source(number)).is_accept());
    }
    assert_eq!(
        ask(&mut bench, source(3)),
        Verdict::Drop(DropReason::Limit(Limit::Sessions))
    );
    bench.wait(302);
    assert!(ask(&mut bench, source(3)).is_accept());
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn one_source_does_not_use_up_what_others_may() {
    let mut bench = Bench::strict(&limited(Limits {
        sessions_per_source: Some(2),
        rate_per_source: Some(Rate::per_second(100)),
        ..Limits::default()
    }));
    let mut from = source(1);
    for port in 0..2 {
        from.set_port(1_000 + port);
        assert!(ask(&mut bench, from).is_accept());
    }
    from.set_port(1_005);
    assert_eq!(
        ask(&mut bench, from),
        Verdict::Drop(DropReason::Limit(Limit::SessionsPerSource))
    );
    assert!(ask(&mut bench, source(2)).is_accept());
    bench.wait(302);
    assert!(ask(&mut bench, from).is_accept());
}

#[test]
fn the_rate_of_one_source() {
    let mut bench = Bench::strict(&limited(Limits {
        sessions_per_source: Some(50),
        rate_per_source: Some(Rate::per_second(3)),
        ..Limits::default()
    }));
    let mut from = source(1);
    let mut passed = 0;
    for port in 0..10 {
        from.set_port(1_000 + port);
        passed += u32::from(ask(&mut bench, from).is_accept());
    }
    assert_eq!(passed, 3);
    assert_eq!(bench.firewall.stats().limit, 7);
    // What was refused was not counted as a session of the source.
    for second in 0..20 {
        bench.wait(1);
        for port in 0..3 {
            from.set_port(2_000 + second * 10 + port);
            let verdict = ask(&mut bench, from);
            assert_eq!(
                verdict.is_accept(),
                3 + second * 3 + port < 50,
                "{second} {verdict:?}"
            );
        }
    }
}

// C3.1: half-open connections.
#[test]
fn half_open_connections_are_bounded_and_time_out_faster_the_more_they_are() {
    let config = FirewallConfig {
        half_open: HalfOpen {
            most: 100,
            adaptive_from: 50,
            cookies_from: None,
        },
        ..FirewallConfig::new(1_000)
    };
    let mut bench = Bench::new(&three_legs(), config);
    let server = end("198.51.100.2:80");
    for number in 0..100 {
        bench.out_passes(&tcp(source(number), server, SYN, 1, 0).build());
    }
    assert_eq!(bench.firewall.half_open(), 100);
    let one_more = tcp(source(200), server, SYN, 1, 0).build();
    assert_eq!(
        bench.out(&one_more),
        Verdict::Drop(DropReason::Limit(Limit::HalfOpen))
    );
    // Other protocols are not in the way.
    bench.out_passes(&udp(source(200), server, b"x"));
    // The last ones had a second, the first ones half a minute.
    bench.wait(5);
    let left = bench.firewall.half_open();
    assert!((50..95).contains(&left), "{left}");
    bench.wait(40);
    assert_eq!(bench.firewall.half_open(), 0);
    bench.connect(source(1), server);
    assert_eq!(bench.firewall.half_open(), 0);
}
