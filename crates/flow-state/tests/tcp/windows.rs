//! The windows of van Rooij's paper, and what a kernel does otherwise.

use super::model::{ACK, LINUX, STRICT, SYN, both, data, established, invalid, segment};
use flow_state::packet::TcpSegment;
use flow_state::{Direction, Invalid, TcpFlow, TcpPolicy, TcpState, Timers, Verdict};
use packet_buffer::wire::TcpFlags;
use proptest::prelude::*;

use Direction::{Original, Reply};

#[test]
fn bound_one_the_right_edge() {
    // The receiver has offered 1000 octets from 1001 on.
    let last = data(5_001, 1_001, 1_000, 1_000);
    let over = data(5_002, 1_001, 1_000, 1_000);
    let mut flow = established(&STRICT, 1_000);
    assert_eq!(
        flow.handle(&STRICT, Reply, &over),
        invalid(Invalid::OverWindow)
    );
    assert_eq!(flow.handle(&STRICT, Reply, &last), Verdict::Accept);

    // The kernel lets pass what reaches over by up to another window.
    let mut flow = established(&LINUX, 1_000);
    assert_eq!(flow.handle(&LINUX, Reply, &over), Verdict::Accept);
    let edge = data(6_999, 1_001, 1_000, 1);
    let behind = data(7_002, 1_001, 1_000, 1);
    let mut flow = established(&LINUX, 1_000);
    assert_eq!(
        flow.handle(&LINUX, Reply, &behind),
        invalid(Invalid::OverWindow)
    );
    assert_eq!(flow.handle(&LINUX, Reply, &edge), Verdict::Ignore);
}

#[test]
fn bound_two_the_left_edge() {
    let mut flow = established(&STRICT, 1_000);
    assert_eq!(
        flow.handle(&STRICT, Reply, &data(5_001, 1_001, 1_000, 1_000)),
        Verdict::Accept
    );
    // Its end may lie as far back as the largest window.
    let oldest = data(5_000, 1_001, 1_000, 1);
    assert_eq!(flow.handle(&STRICT, Reply, &oldest), Verdict::Accept);
    let older = data(4_999, 1_001, 1_000, 1);
    assert_eq!(
        flow.handle(&STRICT, Reply, &older),
        invalid(Invalid::UnderWindow)
    );
    assert_eq!(flow.handle(&LINUX, Reply, &older), Verdict::Ignore);
}

#[test]
fn bound_three_what_is_acknowledged_was_sent() {
    for policy in [STRICT, LINUX] {
        let mut flow = established(&policy, 1_000);
        let ahead = segment(ACK, 5_001, 1_002, 1_000);
        assert_eq!(
            flow.handle(&policy, Reply, &ahead),
            invalid(Invalid::AckOfUnsent)
        );
        assert_eq!(
            flow.handle(&policy, Original, &data(1_001, 5_001, 1_000, 1)),
            Verdict::Accept
        );
        assert_eq!(flow.handle(&policy, Reply, &ahead), Verdict::Accept);
    }
}

#[test]
fn bound_three_counts_selective_acknowledgments() {
    // SACK of 1201..1301, with two words of padding.
    let mut options = vec![1, 1, 5, 10];
    options.extend(1_201u32.to_be_bytes());
    options.extend(1_301u32.to_be_bytes());
    let sack = TcpSegment {
        options: &options,
        ..segment(ACK, 5_001, 1_001, 1_000)
    };
    assert_eq!(sack.sack_right_edge(), Some(1_301));
    let mut flow = established(&STRICT, 1_000);
    assert_eq!(
        flow.handle(&STRICT, Reply, &sack),
        invalid(Invalid::AckOfUnsent)
    );
    assert_eq!(
        flow.handle(&STRICT, Original, &data(1_201, 5_001, 1_000, 100)),
        Verdict::Accept
    );
    assert_eq!(flow.handle(&STRICT, Reply, &sack), Verdict::Accept);
}

#[test]
fn bound_four_acknowledgments_do_not_lag() {
    let big = |policy: &TcpPolicy| {
        let mut flow = established(policy, 65_535);
        for number in 0..70u32 {
            let seq = 1_001 + number * 1_000;
            assert_eq!(
                flow.handle(policy, Original, &data(seq, 5_001, 65_535, 1_000)),
                Verdict::Accept
            );
            let ack = segment(ACK, 5_001, seq + 1_000, 65_535);
            assert_eq!(flow.handle(policy, Reply, &ack), Verdict::Accept);
        }
        flow
    };
    // 71001 was sent, so an acknowledgment of 5001 lags by 66000.
    let lagging = segment(ACK, 5_001, 5_001, 65_535);
    let too_old = segment(ACK, 5_001, 5_000, 65_535);
    let mut flow = big(&STRICT);
    assert_eq!(flow.handle(&STRICT, Reply, &lagging), Verdict::Accept);
    assert_eq!(
        flow.handle(&STRICT, Reply, &too_old),
        invalid(Invalid::AckTooOld)
    );
    assert_eq!(big(&LINUX).handle(&LINUX, Reply, &too_old), Verdict::Ignore);
}

/// A handshake in which each side offers a scale or none; the tracker after it.
fn scaled(policy: &TcpPolicy, opener: Option<u8>, other: Option<u8>) -> TcpFlow {
    let option = |shift: Option<u8>| shift.map_or(vec![], |shift| vec![3, 3, shift, 1]);
    let (a, b) = (option(opener), option(other));
    let syn = TcpSegment {
        options: &a,
        ..segment(SYN, 1_000, 0, 1_000)
    };
    let answer = TcpSegment {
        options: &b,
        ..segment(both(SYN, ACK), 5_000, 1_001, 1_000)
    };
    let mut flow = TcpFlow::new(policy, &syn).unwrap();
    assert_eq!(flow.handle(policy, Reply, &answer), Verdict::Accept);
    assert_eq!(
        flow.handle(policy, Original, &segment(ACK, 1_001, 5_001, 1_000)),
        Verdict::Accept
    );
    flow
}

#[test]
fn scaling_counts_when_both_offer_it() {
    // The opener's last window of 1000 stands for 8000.
    let (last, over) = (
        data(12_001, 1_001, 1_000, 1_000),
        data(12_002, 1_001, 1_000, 1_000),
    );
    let mut flow = scaled(&STRICT, Some(3), Some(0));
    assert_eq!(
        flow.handle(&STRICT, Reply, &over),
        invalid(Invalid::OverWindow)
    );
    assert_eq!(flow.handle(&STRICT, Reply, &last), Verdict::Accept);
    // One side alone does not scale.
    for scales in [(Some(3), None), (None, Some(3)), (None, None)] {
        let mut flow = scaled(&STRICT, scales.0, scales.1);
        let over = data(5_002, 1_001, 1_000, 1_000);
        assert_eq!(
            flow.handle(&STRICT, Reply, &over),
            invalid(Invalid::OverWindow)
        );
    }
    // A shift over 14 counts as 14.
    let window = 1_000 << 14;
    let mut flow = scaled(&STRICT, Some(15), Some(0));
    let over = data(5_001 + window, 1_001, 1_000, 1);
    assert_eq!(
        flow.handle(&STRICT, Reply, &over),
        invalid(Invalid::OverWindow)
    );
    assert_eq!(
        flow.handle(&STRICT, Reply, &data(5_000 + window, 1_001, 1_000, 1)),
        Verdict::Accept
    );
}

#[test]
fn connections_are_taken_up_in_the_middle_or_not() {
    let middle = data(70_000, 9_000, 100, 10);
    assert_eq!(TcpFlow::new(&STRICT, &middle), Err(Invalid::NotSyn));
    let tight = TcpPolicy::LinuxCompat {
        be_liberal: false,
        loose: false,
        ignore_invalid_rst: false,
        max_retrans: 3,
    };
    assert_eq!(TcpFlow::new(&tight, &middle), Err(Invalid::NotSyn));
    for policy in [LINUX, TcpPolicy::Loose] {
        let mut flow = TcpFlow::new(&policy, &middle).unwrap();
        assert!(flow.is_picked_up());
        // Its windows are guesses, so nothing is out of them.
        assert_eq!(
            flow.handle(&policy, Reply, &data(9_000, 70_010, 100, 1_400)),
            Verdict::Accept
        );
        assert_eq!(
            flow.handle(&policy, Original, &data(170_010, 10_400, 100, 1)),
            Verdict::Accept
        );
        for flags in [SYN | ACK, TcpFlags::FIN | ACK, TcpFlags::RST] {
            assert_eq!(
                TcpFlow::new(&policy, &segment(flags, 1, 1, 1)),
                Err(Invalid::NotSyn)
            );
        }
    }
}

#[test]
fn lifetimes_follow_the_state() {
    let timers = Timers::linux().tcp;
    let mut flow = TcpFlow::new(&LINUX, &segment(SYN, 1_000, 0, 1_000)).unwrap();
    assert_eq!(flow.timeout(&timers).as_secs(), 120);
    let mut handle = |direction, next: TcpSegment<'_>| {
        assert_eq!(flow.handle(&LINUX, direction, &next), Verdict::Accept);
        flow.timeout(&timers).as_secs()
    };
    let fin = TcpFlags::FIN | ACK;
    assert_eq!(
        handle(Reply, segment(both(SYN, ACK), 5_000, 1_001, 1_000)),
        60
    );
    assert_eq!(handle(Original, segment(ACK, 1_001, 5_001, 1_000)), 432_000);
    // Data that is not acknowledged.
    assert_eq!(handle(Original, data(1_001, 5_001, 1_000, 10)), 300);
    assert_eq!(handle(Reply, segment(ACK, 5_001, 1_011, 1_000)), 432_000);
    // A closed window.
    assert_eq!(handle(Reply, segment(ACK, 5_001, 1_011, 0)), 300);
    assert_eq!(handle(Reply, segment(ACK, 5_001, 1_011, 1_000)), 432_000);
    // One segment, again and again.
    for expected in [432_000, 432_000, 300, 300] {
        assert_eq!(handle(Reply, segment(ACK, 5_001, 1_011, 1_000)), expected);
    }
    assert_eq!(handle(Original, segment(ACK, 1_011, 5_001, 1_000)), 432_000);
    assert_eq!(handle(Original, segment(fin, 1_011, 5_001, 1_000)), 120);
    assert_eq!(handle(Reply, segment(ACK, 5_001, 1_012, 1_000)), 60);
    assert_eq!(handle(Reply, segment(fin, 5_001, 1_012, 1_000)), 30);
    assert_eq!(handle(Original, segment(ACK, 1_012, 5_002, 1_000)), 120);
    assert_eq!(handle(Original, segment(TcpFlags::RST, 1_012, 0, 0)), 10);
}

#[test]
fn both_sides_may_open() {
    for policy in [STRICT, LINUX] {
        let mut flow = TcpFlow::new(&policy, &segment(SYN, 1_000, 0, 1_000)).unwrap();
        let mut states = vec![];
        for (direction, next) in [
            (Reply, segment(SYN, 5_000, 0, 1_000)),
            (Original, segment(both(SYN, ACK), 1_000, 5_001, 1_000)),
            (Reply, segment(both(SYN, ACK), 5_000, 1_001, 1_000)),
            (Original, segment(ACK, 1_001, 5_001, 1_000)),
        ] {
            assert!(!matches!(
                flow.handle(&policy, direction, &next),
                Verdict::Invalid(_)
            ));
            states.push(flow.state());
        }
        assert_eq!(states.first(), Some(&TcpState::SynSent2));
        assert_eq!(states.last(), Some(&TcpState::Established), "{states:?}");
    }
}

#[test]
fn a_tuple_is_used_again() {
    let policy = LINUX;
    let mut flow = established(&policy, 1_000);
    let fin = TcpFlags::FIN | ACK;
    for (direction, next) in [
        (Original, segment(fin, 1_001, 5_001, 1_000)),
        (Reply, segment(fin, 5_001, 1_002, 1_000)),
        (Original, segment(ACK, 1_002, 5_002, 1_000)),
    ] {
        assert_eq!(flow.handle(&policy, direction, &next), Verdict::Accept);
    }
    assert_eq!(flow.state(), TcpState::TimeWait);
    let again = segment(SYN, 900_000, 0, 1_000);
    assert_eq!(flow.handle(&policy, Original, &again), Verdict::Reopen);
    // While it lives, a SYN is let through, for the challenge ACK that it draws.
    let mut flow = established(&policy, 1_000);
    let before = flow;
    assert_eq!(flow.handle(&policy, Original, &again), Verdict::Ignore);
    assert_eq!(flow.state(), TcpState::Established);
    // Had the other end forgotten the connection, its answer synchronizes the tracker anew.
    let answer = segment(both(SYN, ACK), 77, 900_001, 1_000);
    assert_eq!(flow.handle(&policy, Reply, &answer), Verdict::Accept);
    assert_eq!(flow.state(), TcpState::SynReceived);
    // And without that SYN, the answer of an old connection does nothing.
    let mut flow = before;
    assert_eq!(flow.handle(&policy, Reply, &answer), Verdict::Ignore);
    assert_eq!(flow.state(), TcpState::Established);
}

#[test]
fn the_state_is_small() {
    assert_eq!(size_of::<TcpFlow>(), 44);
    assert_eq!(size_of::<flow_state::FlowState>(), 44);
}

/// One end of a transfer, as a plain and correct TCP has it.
#[derive(Clone, Copy)]
struct End {
    next: u32,
    acked: u32,
    window: u16,
}

proptest! {
    /// Whatever two correct ends send, in order and with data lost on the way behind the tracker,
    /// no policy refuses.
    #[test]
    fn correct_ends_are_never_refused(
        start: (u32, u32),
        windows in (1u16.., 1u16..),
        moves in proptest::collection::vec((any::<bool>(), 0usize..3_000, any::<bool>()), 1..60),
    ) {
        for policy in [STRICT, LINUX, TcpPolicy::Loose] {
            let mut flow = TcpFlow::new(&policy, &segment(SYN, start.0, 0, windows.0)).unwrap();
            let a = End { next: start.0.wrapping_add(1), acked: start.1.wrapping_add(1), window: windows.0 };
            let b = End { next: start.1.wrapping_add(1), acked: a.next, window: windows.1 };
            let answer = segment(both(SYN, ACK), start.1, a.next, windows.1);
            prop_assert_eq!(flow.handle(&policy, Reply, &answer), Verdict::Accept);
            let last = segment(ACK, a.next, b.next, windows.0);
            prop_assert_eq!(flow.handle(&policy, Original, &last), Verdict::Accept);
            let mut ends = [a, b];
            for (from_a, length, is_lost) in &moves {
                let (direction, from, to) = if *from_a { (Original, 0, 1) } else { (Reply, 1, 0) };
                // No more than the other's window, from what it has acknowledged.
                let in_flight = ends[from].next.wrapping_sub(ends[to].acked);
                let room = usize::from(ends[to].window).saturating_sub(in_flight as usize);
                let length = (*length).min(room);
                let sent = data(ends[from].next, ends[from].acked, ends[from].window, length);
                prop_assert_eq!(flow.handle(&policy, direction, &sent), Verdict::Accept);
                ends[from].next = ends[from].next.wrapping_add(length as u32);
                if !is_lost && in_flight == 0 {
                    ends[to].acked = ends[from].next;
                    let ack = segment(ACK, ends[to].next, ends[to].acked, ends[to].window);
                    prop_assert_eq!(flow.handle(&policy, direction.reversed(), &ack), Verdict::Accept);
                }
            }
        }
    }

    /// No segment panics, and an invalid one changes nothing, if it is not the kernel's policy.
    #[test]
    fn invalid_segments_change_nothing(
        first: (u16, u32, u32, u16),
        segments in proptest::collection::vec(
            (any::<bool>(), any::<u16>(), any::<u32>(), any::<u32>(), any::<u16>(), 0usize..1_500,
             proptest::collection::vec(any::<u8>(), 0..40)), 0..40),
    ) {
        for policy in [STRICT, LINUX, TcpPolicy::Loose] {
            let opening = segment(TcpFlags(first.0), first.1, first.2, first.3);
            let mut flow = TcpFlow::new(&policy, &opening)
                .unwrap_or_else(|_| established(&policy, first.3));
            for (is_reply, flags, seq, ack, window, length, options) in &segments {
                // Half of the numbers near those of the connection, so that some fit.
                let near = |number: u32, base: u32| if number & 1 == 0 { base.wrapping_add(number >> 20) } else { number };
                let next = TcpSegment {
                    options,
                    ..data(near(*seq, 1_001), near(*ack, 1_001), *window, *length)
                };
                let next = TcpSegment { flags: TcpFlags(*flags & 0x3f), ..next };
                let before = flow;
                let direction = if *is_reply { Reply } else { Original };
                let verdict = flow.handle(&policy, direction, &next);
                if matches!(verdict, Verdict::Invalid(_)) {
                    prop_assert_eq!(flow.state(), before.state());
                    prop_assert!(flow == before || policy == LINUX);
                }
                let _ = flow.timeout(&Timers::linux().tcp);
                let _ = flow.is_in_flight(direction, *seq);
            }
        }
    }
}
