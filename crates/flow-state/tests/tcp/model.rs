//! Two ends that talk through a tracker, and segments made by hand.

use flow_state::packet::TcpSegment;
use flow_state::{Direction, Invalid, TcpFlow, TcpPolicy, TcpState, Verdict};
use packet_buffer::wire::TcpFlags;

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;
pub(crate) const RST: TcpFlags = TcpFlags::RST;

pub(crate) fn both(a: TcpFlags, b: TcpFlags) -> TcpFlags {
    a | b
}

/// Data of zeroes.
pub(crate) static DATA: [u8; 65_535] = [0; 65_535];

pub(crate) fn segment(flags: TcpFlags, seq: u32, ack: u32, window: u16) -> TcpSegment<'static> {
    TcpSegment {
        source_port: 40_000,
        destination_port: 80,
        sequence_number: seq,
        acknowledgment_number: ack,
        flags,
        window,
        options: &[],
        payload: &[],
    }
}

pub(crate) fn data(seq: u32, ack: u32, window: u16, length: usize) -> TcpSegment<'static> {
    TcpSegment {
        payload: &DATA[..length],
        ..segment(ACK, seq, ack, window)
    }
}

/// A connection after the handshake: the opener's next number is 1001, the other's 5001, both with
/// this window.
pub(crate) fn established(policy: &TcpPolicy, window: u16) -> TcpFlow {
    let mut flow = TcpFlow::new(policy, &segment(SYN, 1_000, 0, window)).unwrap();
    for (direction, next) in [
        (
            Direction::Reply,
            segment(both(SYN, ACK), 5_000, 1_001, window),
        ),
        (Direction::Original, segment(ACK, 1_001, 5_001, window)),
    ] {
        assert_eq!(flow.handle(policy, direction, &next), Verdict::Accept);
    }
    assert_eq!(flow.state(), TcpState::Established);
    assert!(flow.is_assured() && flow.is_replied());
    flow
}

pub(crate) const STRICT: TcpPolicy = TcpPolicy::Strict;
pub(crate) const LINUX: TcpPolicy = TcpPolicy::linux();

pub(crate) fn invalid(why: Invalid) -> Verdict {
    Verdict::Invalid(why)
}
