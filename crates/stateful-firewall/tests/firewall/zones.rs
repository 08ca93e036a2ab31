//! Levels, zones, and rules between them.

use crate::common::*;
use stateful_firewall::model::{Action, Rule};
use stateful_firewall::{DropReason, Reason, Verdict};

#[test]
fn the_three_legged_dmz_works_from_defaults() {
    let hosts = [
        (INSIDE, end("10.0.0.2:1000")),
        (DMZ, end("10.0.1.2:1000")),
        (OUTSIDE, end("198.51.100.2:1000")),
    ];
    for (from, source) in hosts {
        for (to, destination) in hosts {
            if from == to {
                continue;
            }
            let mut bench = Bench::strict(&three_legs());
            let verdict = bench.pass(from, to, &udp(source, destination, b"x"));
            // Inside, DMZ, outside: numbered from the trusted side on.
            assert_eq!(verdict.is_accept(), from < to, "{from:?} {to:?}");
            let answer = bench.pass(to, from, &udp(destination, source, b"y"));
            // Back to where it came from it is an answer, or goes down by itself.
            assert!(answer.is_accept(), "{from:?} {to:?}");
        }
    }
}

#[test]
fn a_rule_opens_the_dmz_to_the_outside_and_nothing_else() {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        name: "web".into(),
        from: vec!["outside".into()],
        to: vec!["dmz".into()],
        ..allow("tcp", 443)
    }];
    let mut bench = Bench::strict(&policy);
    let (client, server) = (end("198.51.100.9:4000"), end("10.0.1.2:443"));
    let syn = tcp(client, server, SYN, 1, 0).build();
    assert!(bench.pass(OUTSIDE, DMZ, &syn).is_accept());
    let verdict = bench.pass(
        OUTSIDE,
        INSIDE,
        &tcp(client, end("10.0.0.2:443"), SYN, 1, 0).build(),
    );
    assert!(matches!(
        verdict,
        Verdict::Drop(DropReason::Policy(Reason::Levels { .. }))
    ));
    let other = tcp(client, end("10.0.1.2:80"), SYN, 1, 0).build();
    assert!(!bench.pass(OUTSIDE, DMZ, &other).is_accept());
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn a_rule_denies_what_levels_allow() {
    let mut policy = three_legs();
    policy.rules = vec![Rule {
        action: Action::Drop,
        ..allow("udp", 53)
    }];
    let mut bench = Bench::strict(&policy);
    let (client, server) = (end("10.0.0.2:4000"), end("198.51.100.2:53"));
    assert!(!bench.out(&udp(client, server, b"q")).is_accept());
    bench.out_passes(&udp(client, end("198.51.100.2:54"), b"q"));
}
