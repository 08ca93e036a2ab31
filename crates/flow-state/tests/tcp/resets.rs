//! Resets and what else an attacker on another path tries (RFC 5961, RFC 5927).

use super::model::{ACK, LINUX, RST, STRICT, SYN, both, data, established, invalid, segment};
use flow_state::{Direction, Invalid, TcpFlow, TcpPolicy, TcpState, Timers, Verdict};

use Direction::{Original, Reply};

#[test]
fn only_the_exact_number_resets() {
    // RFC 5961 §3.2 MUST (exact): a RST whose number is exactly the next expected one resets.
    for policy in [STRICT, LINUX] {
        for direction in [Original, Reply] {
            let next = if direction == Original { 1_001 } else { 5_001 };
            let mut flow = established(&policy, 1_000);
            assert_eq!(
                flow.handle(&policy, direction, &segment(RST, next, 0, 0)),
                Verdict::Accept
            );
            assert_eq!(flow.state(), TcpState::Closed);
        }
    }
}

#[test]
fn a_number_within_the_window_lives_on() {
    // RFC 5961 §3.2 MUST (challenge): a RST within the window that is not exact does not reset.
    for number in [5_002, 5_500, 6_001] {
        let rst = segment(RST, number, 0, 0);
        let mut flow = established(&STRICT, 1_000);
        assert_eq!(flow.handle(&STRICT, Reply, &rst), Verdict::Ignore);
        assert_eq!(flow.state(), TcpState::Established);
        // The kernel gives it ten seconds, which the next segment of either side takes back.
        let timers = Timers::linux().tcp;
        let mut flow = established(&LINUX, 1_000);
        assert_eq!(flow.handle(&LINUX, Reply, &rst), Verdict::Accept);
        assert_eq!(flow.state(), TcpState::Established);
        assert_eq!(flow.timeout(&timers), timers.closed);
        assert_eq!(
            flow.handle(&LINUX, Original, &segment(ACK, 1_001, 5_001, 1_000)),
            Verdict::Accept
        );
        assert!(flow.timeout(&timers) > timers.closed);
    }
}

#[test]
fn a_number_out_of_the_window_is_dropped() {
    // RFC 5961 §3.2 MUST (outside): a RST out of the window is silently dropped.
    for policy in [STRICT, LINUX] {
        let flow = established(&policy, 1_000);
        let mut ended = 0;
        // A sweep of the whole sequence space in steps of half a window.
        for number in (0..=u32::MAX).step_by(500 * 1_009) {
            let mut flow = flow;
            flow.handle(&policy, Reply, &segment(RST, number, 0, 0));
            ended += usize::from(flow.state() == TcpState::Closed);
        }
        assert_eq!(ended, 0);
        for number in [5_000, 1, 7_003, 5_001 + (1 << 31)] {
            let mut flow = flow;
            let found = flow.handle(&policy, Reply, &segment(RST, number, 0, 0));
            assert_eq!(found, invalid(Invalid::RstOutOfWindow), "{number}");
        }
    }
}

#[test]
fn a_reset_right_behind_the_senders_data_is_exact() {
    for policy in [STRICT, LINUX] {
        let mut flow = established(&policy, 1_000);
        assert_eq!(
            flow.handle(&policy, Reply, &data(5_001, 1_001, 1_000, 100)),
            Verdict::Accept
        );
        assert_eq!(
            flow.handle(&policy, Reply, &segment(RST, 5_101, 0, 0)),
            Verdict::Accept
        );
        assert_eq!(flow.state(), TcpState::Closed);
    }
}

#[test]
fn a_refused_connection_is_gone_at_once() {
    let refusal = segment(both(RST, ACK), 0, 1_001, 0);
    for policy in [STRICT, LINUX, TcpPolicy::Loose] {
        let mut flow = TcpFlow::new(&policy, &segment(SYN, 1_000, 0, 1_000)).unwrap();
        // One that does not acknowledge the SYN is a guess.
        let guess = segment(both(RST, ACK), 0, 8_777, 0);
        if policy != TcpPolicy::Loose {
            assert!(matches!(
                flow.handle(&policy, Reply, &guess),
                Verdict::Invalid(_)
            ));
        }
        // RFC 9293 §3.10.7.3: nor is one believed that acknowledges nothing. The kernel believes it.
        if policy == STRICT {
            let silent = segment(RST, 0, 0, 0);
            assert_eq!(
                flow.handle(&policy, Reply, &silent),
                invalid(Invalid::State)
            );
        }
        assert_eq!(flow.handle(&policy, Reply, &refusal), Verdict::Delete);
    }
}

#[test]
fn a_syn_does_not_touch_an_open_connection() {
    // RFC 5961 §4.2 MUST: whatever its number, a SYN in a synchronized state draws a challenge ACK
    // and nothing else.
    for policy in [STRICT, LINUX, TcpPolicy::Loose] {
        for number in [0, 1_000, 1_001, 1_500, u32::MAX] {
            let mut flow = established(&policy, 1_000);
            let syn = segment(SYN, number, 0, 1_000);
            assert_eq!(flow.handle(&policy, Original, &syn), Verdict::Ignore);
            assert_eq!(flow.state(), TcpState::Established);
            assert_eq!(flow.handle(&policy, Reply, &syn), invalid(Invalid::State));
            // The challenge ACK and the data after it are as before.
            assert_eq!(
                flow.handle(&policy, Reply, &segment(ACK, 5_001, 1_001, 1_000)),
                Verdict::Accept
            );
            assert_eq!(
                flow.handle(&policy, Original, &data(1_001, 5_001, 1_000, 9)),
                Verdict::Accept
            );
        }
    }
}

#[test]
fn a_challenge_ack_does_not_acknowledge_the_last_fin() {
    let mut flow = established(&LINUX, 1_000);
    let fin = both(packet_buffer::wire::TcpFlags::FIN, ACK);
    assert_eq!(
        flow.handle(&LINUX, Original, &segment(fin, 1_001, 5_001, 1_000)),
        Verdict::Accept
    );
    assert_eq!(
        flow.handle(&LINUX, Reply, &segment(fin, 5_001, 1_002, 1_000)),
        Verdict::Accept
    );
    assert_eq!(flow.state(), TcpState::LastAck);
    assert_eq!(
        flow.handle(&LINUX, Original, &segment(SYN, 7, 0, 1_000)),
        Verdict::Ignore
    );
    assert_eq!(
        flow.handle(&LINUX, Reply, &segment(ACK, 5_002, 1_002, 1_000)),
        Verdict::Ignore
    );
    assert_eq!(flow.state(), TcpState::LastAck);
}

#[test]
fn icmp_errors_quote_numbers_in_flight() {
    // RFC 5927 §4.1 MUST: the quoted number is one of data that was sent and is not acknowledged.
    let mut flow = established(&STRICT, 1_000);
    assert_eq!(
        flow.handle(&STRICT, Original, &data(1_001, 5_001, 1_000, 100)),
        Verdict::Accept
    );
    for (number, expected) in [
        (1_000, false),
        (1_001, true),
        (1_100, true),
        (1_101, true),
        (1_102, false),
    ] {
        assert_eq!(flow.is_in_flight(Original, number), expected, "{number}");
    }
    assert_eq!(
        flow.handle(&STRICT, Reply, &segment(ACK, 5_001, 1_101, 1_000)),
        Verdict::Accept
    );
    assert!(!flow.is_in_flight(Original, 1_001));
}

#[test]
fn liberal_settings_let_more_pass() {
    let liberal = TcpPolicy::LinuxCompat {
        be_liberal: true,
        loose: true,
        ignore_invalid_rst: true,
        max_retrans: 3,
    };
    let mut flow = established(&liberal, 1_000);
    assert_eq!(
        flow.handle(&liberal, Reply, &data(900_000, 1_001, 1_000, 4)),
        Verdict::Accept
    );
    // An old RST passes and ends nothing.
    assert_ne!(
        flow.handle(&liberal, Reply, &segment(RST, 4_900, 0, 0)),
        invalid(Invalid::RstOutOfWindow),
    );
    assert_eq!(flow.state(), TcpState::Established);
}
