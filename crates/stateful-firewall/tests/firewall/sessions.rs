//! Sessions: begun by the first packet, kept by the others.

use crate::common::*;
use stateful_firewall::{Class, Direction, DropReason, Invalid, Verdict};

const CLIENT: &str = "10.0.0.2:40000";
const SERVER: &str = "198.51.100.2:80";

#[test]
fn replies_pass_without_a_rule() {
    for (client, server) in [
        (CLIENT, SERVER),
        ("[2001:db8:1::2]:40000", "[2001:db8:2::2]:80"),
    ] {
        let (client, server) = (end(client), end(server));
        let mut bench = Bench::strict(&three_legs());
        bench.connect(client, server);
        let data = tcp(server, client, ACK | PSH, 5_001, 1_001)
            .data(b"hello")
            .build();
        assert!(matches!(
            bench.back(&data),
            Verdict::Accept {
                class: Class::Established(Direction::Reply),
                ..
            }
        ));
        assert_eq!(bench.sessions(), 1);
    }
}

#[test]
fn what_fits_no_session_is_dropped_and_leaves_no_state() {
    let (client, server) = (end(CLIENT), end(SERVER));
    let mut bench = Bench::strict(&three_legs());
    let stray = tcp(client, server, ACK, 1, 1).build();
    assert_eq!(
        bench.out(&stray),
        Verdict::Drop(DropReason::Invalid(Invalid::NotSyn))
    );
    assert!(!bench.back(&udp(server, client, b"x")).is_accept());
    assert_eq!(bench.sessions(), 0);
    assert_eq!(bench.firewall.stats().invalid, 1);
    assert_eq!(bench.firewall.stats().policy, 1);
}

#[test]
fn an_unanswered_syn_is_given_up_after_half_a_minute() {
    let (client, server) = (end(CLIENT), end(SERVER));
    let mut bench = Bench::strict(&three_legs());
    let _ = bench.out(&tcp(client, server, SYN, 1, 0).build());
    bench.wait(29);
    assert_eq!(bench.sessions(), 1);
    bench.wait(3);
    assert_eq!((bench.sessions(), bench.firewall.half_open()), (0, 0));
    assert_eq!(bench.firewall.stats().sessions_expired, 1);
}

#[test]
fn an_established_connection_may_be_idle_for_an_hour() {
    let (client, server) = (end(CLIENT), end(SERVER));
    let mut bench = Bench::strict(&three_legs());
    bench.connect(client, server);
    bench.wait(3_599);
    let data = tcp(server, client, ACK, 5_001, 1_001).data(b"x").build();
    bench.back_passes(&data);
    bench.wait(3_602);
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn a_ping_is_answered_and_an_unasked_answer_is_dropped() {
    let mut bench = Bench::strict(&three_legs());
    let answer = ping("198.51.100.2", "10.0.0.2", 7, false);
    assert_eq!(
        bench.back(&answer),
        Verdict::Drop(DropReason::Invalid(Invalid::NoRequest))
    );
    bench.out_passes(&ping("10.0.0.2", "198.51.100.2", 7, true));
    bench.back_passes(&answer);
}

#[test]
fn errors_about_a_session_pass_to_its_end() {
    let (client, server) = (end(CLIENT), end(SERVER));
    let mut bench = Bench::strict(&three_legs());
    let syn = tcp(client, server, SYN, 1_000, 0).build();
    let _ = bench.out(&syn);
    let error = unreachable("203.0.113.9", "10.0.0.2", &syn, 28, 0);
    assert!(matches!(
        bench.back(&error),
        Verdict::Accept {
            class: Class::Related,
            ..
        }
    ));
    // To another host; about another packet; about a number that was never sent.
    let elsewhere = unreachable("203.0.113.9", "10.0.0.3", &syn, 28, 0);
    assert_eq!(bench.back(&elsewhere), Verdict::Drop(DropReason::Unrelated));
    let other = tcp(client, end("198.51.100.3:80"), SYN, 1_000, 0).build();
    let error = unreachable("203.0.113.9", "10.0.0.2", &other, 28, 0);
    assert_eq!(bench.back(&error), Verdict::Drop(DropReason::Unrelated));
    let forged = tcp(client, server, SYN, 77_000, 0).build();
    let error = unreachable("203.0.113.9", "10.0.0.2", &forged, 28, 0);
    assert_eq!(bench.back(&error), Verdict::Drop(DropReason::BadQuote));
}
