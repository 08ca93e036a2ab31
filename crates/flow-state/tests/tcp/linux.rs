//! What Linux does where it departs from the published rules, each as a kernel was seen to do it.

use super::model::{ACK, LINUX, RST, SYN, both, data, established, invalid, segment};
use flow_state::packet::TcpSegment;
use flow_state::{Direction, Invalid, TcpFlow, TcpPolicy, TcpState, Timers, Verdict};
use packet_buffer::wire::TcpFlags;

use Direction::{Original, Reply};

const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
const RST_ACK: TcpFlags = TcpFlags(TcpFlags::RST.0 | TcpFlags::ACK.0);
const FIN_ACK: TcpFlags = TcpFlags(TcpFlags::FIN.0 | TcpFlags::ACK.0);
const FAR: u32 = 900_000_000;

fn opening() -> TcpFlow {
    TcpFlow::new(&LINUX, &segment(SYN, 1_000, 0, 500)).unwrap()
}

/// Plays segments, and returns what became of the last.
fn play(flow: &mut TcpFlow, segments: &[(Direction, TcpSegment<'_>, bool)]) -> Verdict {
    let mut last = Verdict::Ignore;
    for (number, (direction, next, passes)) in segments.iter().enumerate() {
        last = flow.handle(&LINUX, *direction, next);
        let found = !matches!(last, Verdict::Invalid(_));
        assert_eq!(found, *passes, "segment {number}: {last:?}");
    }
    last
}

#[test]
fn a_refused_syn_ack_says_where_its_sender_is() {
    let mut flow = opening();
    // It acknowledges what was not sent, and yet the next segment of that side is held against it.
    let refused = segment(SYN_ACK, 5_000, 2_000, 500);
    play(
        &mut flow,
        &[
            (Reply, refused, false),
            (Reply, segment(RST_ACK, FAR, 1_001, 0), false),
            (Reply, segment(RST_ACK, 5_001, 1_001, 0), true),
        ],
    );
    // Under the published rules it says nothing.
    let strict = TcpPolicy::Strict;
    let mut flow = TcpFlow::new(&strict, &segment(SYN, 1_000, 0, 500)).unwrap();
    let before = flow;
    let verdict = flow.handle(&strict, Reply, &refused);
    assert_eq!(verdict, invalid(Invalid::AckOfUnsent));
    assert_eq!(flow, before);
}

#[test]
fn a_reset_may_answer_what_was_let_through() {
    // An ACK in SYN-SENT: a RST with its acknowledgment as number, or that acknowledges its end, from either side.
    for (direction, reset, passes) in [
        (Original, segment(RST, 1_001, 0, 0), true),
        (Original, segment(RST_ACK, FAR, 7_000, 0), true),
        (Reply, segment(RST_ACK, FAR, 7_000, 0), true),
        (Reply, segment(RST_ACK, FAR, 7_001, 0), false),
    ] {
        let mut flow = opening();
        play(
            &mut flow,
            &[
                (Reply, segment(SYN_ACK, 5_000, 2_000, 500), false),
                (Reply, segment(ACK, 7_000, 1_001, 500), true),
                (direction, reset, passes),
            ],
        );
        let ended = flow.state() == TcpState::Closed;
        assert_eq!(ended, passes);
    }
    // A SYN on a live connection: only a RST of the other side.
    for (direction, passes) in [(Reply, true), (Original, false)] {
        let mut flow = established(&LINUX, 500);
        play(
            &mut flow,
            &[
                (Original, segment(SYN, 7_777, 0, 500), true),
                (direction, segment(RST_ACK, FAR, 7_778, 0), passes),
            ],
        );
        assert_eq!(flow.state() == TcpState::Closed, passes);
    }
}

#[test]
fn a_syn_that_is_sent_again_prolongs_nothing() {
    let mut flow = opening();
    let again = segment(SYN, 1_000, 0, 500);
    assert_eq!(flow.handle(&LINUX, Original, &again), Verdict::Ignore);
    // Once the other side has sent anything, it does.
    play(&mut flow, &[(Reply, segment(ACK, 5_000, 9, 500), true)]);
    assert_eq!(flow.handle(&LINUX, Original, &again), Verdict::Accept);
}

#[test]
fn a_refused_fin_counts_as_the_last_segment() {
    let burst = data(5_001, 1_001, 1_000, 100);
    let behind = segment(RST, 5_101, 0, 0);
    let mut flow = established(&LINUX, 1_000);
    play(&mut flow, &[(Reply, burst, true), (Reply, behind, true)]);
    assert_eq!(flow.state(), TcpState::Closed);
    // The RST behind the sender's data is no longer exact when its refused FIN came in between.
    let mut flow = established(&LINUX, 1_000);
    let fin = segment(FIN_ACK, FAR, 1_001, 1_000);
    play(
        &mut flow,
        &[
            (Reply, burst, true),
            (Reply, fin, false),
            (Reply, behind, true),
        ],
    );
    assert_eq!(flow.state(), TcpState::Established);
    assert_eq!(flow.timeout(&Timers::linux().tcp).as_secs(), 10);
}

#[test]
fn selective_acknowledgments_count_where_they_were_permitted() {
    let mut options = vec![1, 1, 5, 10];
    options.extend(1_051u32.to_be_bytes());
    options.extend(1_101u32.to_be_bytes());
    for (permits, passes) in [(true, false), (false, true)] {
        // Scale zero keeps the options from being empty.
        let offered: &[u8] = if permits {
            &[4, 2, 1, 1]
        } else {
            &[3, 3, 0, 1]
        };
        let syn = TcpSegment {
            options: offered,
            ..segment(SYN, 1_000, 0, 500)
        };
        let mut flow = TcpFlow::new(&LINUX, &syn).unwrap();
        let ahead = TcpSegment {
            options: &options,
            ..segment(ACK, 5_001, 1_001, 500)
        };
        play(
            &mut flow,
            &[
                (Reply, segment(both(SYN, ACK), 5_000, 1_001, 500), true),
                (Original, segment(ACK, 1_001, 5_001, 500), true),
                // It acknowledges octets that were not sent.
                (Reply, ahead, passes),
            ],
        );
    }
}

#[test]
fn the_answering_side_stays_a_guess_after_a_new_handshake() {
    let mut flow = TcpFlow::new(&LINUX, &segment(ACK, 1_000, 5_000, 500)).unwrap();
    play(
        &mut flow,
        &[
            (Original, segment(SYN, 70_000, 0, 500), true),
            (Reply, segment(SYN_ACK, 9_000, 70_001, 500), true),
            (Original, segment(ACK, 70_001, 9_001, 500), true),
            (Reply, data(FAR, 70_001, 500, 1), true),
            (Original, data(FAR, 9_001, 500, 1), false),
        ],
    );
    assert!(flow.is_picked_up());
}
