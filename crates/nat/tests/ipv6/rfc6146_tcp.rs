//! RFC 6146 §3.5.2: the state machine against a transcription, and sessions that go through it.

use crate::rfc6146_nat64::*;
use crate::support::*;
use core::time::Duration;
use nat::Instant;
use nat::nat64::{
    Nat64Drop, Nat64Event, Nat64Filtering, Nat64Side, Nat64Verdict, TcpEvent, TcpLifetime,
    TcpState, step,
};
use packet_buffer::PacketBuf;
use packet_buffer::wire::*;

// RFC 6146 §3.5.2.2 MUST (table): every state and event. `-` is deleted, `=` unchanged; E and T are
// the lifetimes TCP_EST and TCP_TRANS, `.` leaves the lifetime; `!` sends a probe.
#[test]
fn the_whole_table() {
    const STATES: [(TcpState, &str); 7] = [
        (TcpState::V4Init, "v4 init"),
        (TcpState::V6Init, "v6 init"),
        (TcpState::Established, "established"),
        (TcpState::V4FinRcv, "v4 fin"),
        (TcpState::V6FinRcv, "v6 fin"),
        (TcpState::V4FinV6FinRcv, "both fin"),
        (TcpState::Trans, "trans"),
    ];
    const EVENTS: [TcpEvent; 7] = [
        TcpEvent::V6Syn,
        TcpEvent::V4Syn,
        TcpEvent::V6Fin,
        TcpEvent::V4Fin,
        TcpEvent::Rst,
        TcpEvent::Other,
        TcpEvent::Timeout,
    ];
    const TABLE: [[&str; 7]; 7] = [
        // V6 SYN, V4 SYN, V6 FIN, V4 FIN, RST, other, timeout
        ["established E", "= T", "= .", "= .", "= .", "= .", "- ."],
        ["= T", "established E", "= .", "= .", "= .", "= .", "- ."],
        [
            "= E", "= E", "v6 fin .", "v4 fin .", "trans T", "= E", "trans T!",
        ],
        ["= E", "= E", "both fin T", "= E", "= E", "= E", "- ."],
        ["= E", "= E", "= E", "both fin T", "= E", "= E", "- ."],
        ["= .", "= .", "= .", "= .", "= .", "= .", "- ."],
        [
            "established E",
            "established E",
            "established E",
            "established E",
            "= .",
            "established E",
            "- .",
        ],
    ];
    for ((state, name), row) in STATES.into_iter().zip(TABLE) {
        for (event, expected) in EVENTS.into_iter().zip(row) {
            let got = step(state, event);
            let next = match got.next {
                None => "-",
                Some(next) if next == state => "=",
                Some(next) => STATES.iter().find(|(it, _)| *it == next).unwrap().1,
            };
            let lifetime = match got.lifetime {
                TcpLifetime::Keep => ".",
                TcpLifetime::Established => "E",
                TcpLifetime::Transitory => "T",
            };
            let probe = if got.probe { "!" } else { "" };
            assert_eq!(
                format!("{next} {lifetime}{probe}"),
                expected,
                "{name}, {event:?}"
            );
        }
    }
}

fn out(flags: TcpFlags) -> PacketBuf {
    tcp_v6((host(), 40_001), (server6(), 80), flags)
}

/// A segment of the server, to where the binding is.
fn back(lab: &Lab, flags: TcpFlags) -> PacketBuf {
    let binding = lab.nat64.iter_bindings().next().unwrap();
    tcp_v4((server4(), 80), (binding.v4, binding.v4_port), flags)
}

fn state(lab: &Lab) -> Option<TcpState> {
    lab.nat64
        .iter_sessions()
        .next()
        .and_then(|session| session.tcp)
}

fn established() -> Lab {
    let mut lab = Lab::new(config());
    lab.v6(out(TcpFlags::SYN)).unwrap();
    let answer = back(&lab, TcpFlags::SYN | TcpFlags::ACK);
    lab.v4(answer).unwrap();
    lab.v6(out(TcpFlags::ACK)).unwrap();
    assert_eq!(state(&lab), Some(TcpState::Established));
    lab
}

fn lives_for(lab: &Lab) -> Duration {
    lab.nat64.iter_sessions().next().unwrap().deadline - lab.now
}

#[test]
fn a_connection_from_syn_to_fin() {
    let mut lab = established();
    assert_eq!(lives_for(&lab), Duration::from_secs(7440));
    lab.v6(out(TcpFlags::FIN | TcpFlags::ACK)).unwrap();
    assert_eq!(state(&lab), Some(TcpState::V6FinRcv));
    let fin = back(&lab, TcpFlags::FIN | TcpFlags::ACK);
    lab.v4(fin).unwrap();
    assert_eq!(state(&lab), Some(TcpState::V4FinV6FinRcv));
    assert_eq!(lives_for(&lab), Duration::from_secs(240));
    lab.v6(out(TcpFlags::ACK)).unwrap();
    lab.wait(241);
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (0, 0));
}

#[test]
fn a_reset_leaves_four_minutes_and_traffic_revives() {
    let mut lab = established();
    let reset = back(&lab, TcpFlags::RST);
    lab.v4(reset).unwrap();
    assert_eq!(state(&lab), Some(TcpState::Trans));
    assert_eq!(lives_for(&lab), Duration::from_secs(240));
    lab.v6(out(TcpFlags::ACK)).unwrap();
    assert_eq!(state(&lab), Some(TcpState::Established));
    assert_eq!(lives_for(&lab), Duration::from_secs(7440));
}

// RFC 6146 §3.5.2.2 MUST (probe): after two hours and four minutes of silence the host is asked.
#[test]
fn a_silent_connection_is_probed() {
    let mut lab = established();
    lab.wait(7440 + 1);
    assert_eq!(state(&lab), Some(TcpState::Trans));
    let (side, probe) = lab.sent.pop().unwrap();
    assert_eq!(side, Nat64Side::V6);
    assert_sound(probe.as_slice());
    let ip = Ipv6Packet::parse(probe.as_slice()).unwrap();
    assert_eq!((ip.source(), ip.destination()), (server6(), host()));
    let tcp = TcpSegment::parse(ip.payload()).unwrap();
    assert_eq!((tcp.source_port(), tcp.destination_port()), (80, 40_001));
    assert_eq!((tcp.sequence_number(), tcp.acknowledgment_number()), (0, 0));
    assert_eq!((tcp.flags(), tcp.payload().len()), (TcpFlags::ACK, 0));
    // The host lives, and answers.
    lab.v6(out(TcpFlags::ACK)).unwrap();
    assert_eq!(state(&lab), Some(TcpState::Established));
    // Or it does not.
    lab.wait(7441 + 241);
    assert_eq!(lab.nat64.sessions(), 0);
}

// RFC 6146 §3.5.2.2 MUST (closed): without a session only a SYN makes one.
#[test]
fn segments_of_no_session() {
    let mut lab = Lab::new(config());
    assert_eq!(lab.v6(out(TcpFlags::ACK)), Err(Nat64Drop::NoSession));
    assert_eq!(lab.v6(out(TcpFlags::RST)), Err(Nat64Drop::NoSession));
    assert_eq!((lab.nat64.sessions(), lab.nat64.bindings()), (0, 0));
    lab.v6(out(TcpFlags::SYN)).unwrap();
    // The host has a binding now, and its other connection may be older than the translator.
    lab.v6(tcp_v6((host(), 40_001), (server6(), 443), TcpFlags::ACK))
        .unwrap();
    assert_eq!(lab.nat64.sessions(), 1);
    let binding = lab.nat64.iter_bindings().next().unwrap();
    let stray = tcp_v4(
        (v4("198.51.100.99"), 1),
        (binding.v4, binding.v4_port),
        TcpFlags::ACK,
    );
    assert_eq!(lab.v4(stray), Err(Nat64Drop::Filtered));
}

// RFC 6146 §3.5.2.2 MUST (v4-syn): six seconds without an answer.
// RFC 6146 §3.5.2.2 MUST (unreachable): then a port unreachable that quotes the SYN.
#[test]
fn a_syn_that_nobody_asked_for() {
    let mut lab = Lab::new(config());
    let syn = tcp_v4((server4(), 80), (pool(), 5000), TcpFlags::SYN);
    assert_eq!(
        lab.process(Nat64Side::V4, &mut syn.clone()),
        Nat64Verdict::Held
    );
    assert_eq!(
        lab.process(Nat64Side::V4, &mut syn.clone()),
        Nat64Verdict::Held
    );
    lab.wait_for(Duration::from_millis(5_999));
    assert!(lab.sent.is_empty());
    lab.wait_for(Duration::from_millis(1));
    let (side, error) = lab.sent.pop().unwrap();
    assert_eq!((side, lab.sent.len()), (Nat64Side::V4, 0));
    assert_sound(error.as_slice());
    let ip = Ipv4Packet::parse(error.as_slice()).unwrap();
    assert_eq!(ip.destination(), server4());
    assert_eq!(ip.payload()[..2], [3, 3]);
    assert_eq!(ip.payload()[8..], *syn.as_slice());
    assert_eq!(lab.nat64.stats().syns_stored, 1);
}

// RFC 6146 §3.5.2.2 MUST (stored): a SYN of the host forgets it and establishes the session.
#[test]
fn simultaneous_open() {
    let mut lab = Lab::new(config());
    // The host has a binding already, from a connection to somewhere else.
    lab.v6(tcp_v6(
        (host(), 40_001),
        (nat64_of("198.51.100.99"), 1),
        TcpFlags::SYN,
    ))
    .unwrap();
    let syn = back(&lab, TcpFlags::SYN);
    assert_eq!(
        lab.process(Nat64Side::V4, &mut syn.clone()),
        Nat64Verdict::Held
    );
    lab.v6(out(TcpFlags::SYN)).unwrap();
    let session = lab
        .nat64
        .iter_sessions()
        .find(|it| it.v4[1] == (server4(), 80))
        .unwrap();
    assert_eq!(session.tcp, Some(TcpState::Established));
    lab.v4(syn).unwrap();
    lab.wait(10);
    assert!(lab.sent.is_empty());
}

#[test]
fn with_endpoint_independent_filtering_a_binding_is_open() {
    let mut config = config();
    config.filtering = Nat64Filtering::EndpointIndependent;
    let mut lab = Lab::new(config);
    lab.v6(out(TcpFlags::SYN)).unwrap();
    let binding = lab.nat64.iter_bindings().next().unwrap();
    let stranger = (v4("198.51.100.99"), 1234);
    let at = (binding.v4, binding.v4_port);
    lab.v4(tcp_v4(stranger, at, TcpFlags::SYN)).unwrap();
    let find = |lab: &Lab| {
        lab.nat64
            .iter_sessions()
            .find(|it| it.v4[1] == stranger)
            .unwrap()
    };
    assert_eq!(find(&lab).tcp, Some(TcpState::V4Init));
    let peer = (nat64_of("198.51.100.99"), 1234);
    lab.v6(tcp_v6(
        (host(), 40_001),
        peer,
        TcpFlags::SYN | TcpFlags::ACK,
    ))
    .unwrap();
    assert_eq!(find(&lab).tcp, Some(TcpState::Established));
}

#[test]
fn waiting_syns_are_bounded() {
    let mut config = config();
    config.max_stored_syns = 10;
    let mut lab = Lab::new(config);
    for port in 1..=20 {
        let mut syn = tcp_v4((server4(), port), (pool(), 5000), TcpFlags::SYN);
        let expected = match port {
            ..=10 => Nat64Verdict::Held,
            _ => Nat64Verdict::Drop(Nat64Drop::TableFull),
        };
        assert_eq!(lab.process(Nat64Side::V4, &mut syn), expected);
    }
    lab.wait(7);
    assert_eq!(lab.sent.len(), 10);
}

#[test]
fn deletion_is_told() {
    let mut lab = established();
    let binding = lab.nat64.iter_bindings().next().unwrap();
    assert_eq!(
        lab.nat64.poll_event(),
        Some(Nat64Event::BindingCreated(binding))
    );
    lab.wait(7441);
    lab.wait(241);
    assert_eq!(
        lab.nat64.poll_event(),
        Some(Nat64Event::BindingDeleted(binding))
    );
    assert_eq!(lab.nat64.poll_event(), None);
    assert!(lab.now > Instant::from_secs(7_000));
}
