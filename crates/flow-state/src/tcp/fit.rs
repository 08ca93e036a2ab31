//! Holding a segment's numbers against the windows.

use super::flags::{Flags, Last};
use super::window::{MAX_ACK_WINDOW, Side, distance};
use super::{SegmentKind, TcpFlow, TcpPolicy, TcpState};
use crate::Invalid;
use crate::packet::TcpSegment;
use flow_table::Direction;
use packet_buffer::wire::TcpFlags;

/// What the numbers of a segment say.
pub(super) enum Fit {
    /// They fit, or the policy does not mind.
    In,
    /// They do not, and the policy lets the segment pass without a change.
    Pass,
    /// They do not.
    Out(Invalid),
}

impl TcpFlow {
    /// Compares the numbers of a segment with the windows, and moves these.
    #[inline]
    pub(super) fn fit(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment<'_>,
    ) -> Fit {
        let is_syn = matches!(kind, SegmentKind::Syn | SegmentKind::SynAck);
        let has_ack = segment.flags.contains(TcpFlags::ACK);
        let (seq, end) = (segment.sequence_number, segment.sequence_end());
        let is_news = is_syn || !self.pair(direction).0.is_seen();
        if is_news && self.learn(direction, segment) && is_syn && !has_ack {
            // The other side's SYN says nothing of this one's.
            return Fit::In;
        }
        let window = self.scales.window(direction, segment);
        let (before, peer) = self.pair(direction);
        let (mut sender, mut receiver) = (*before, *peer);
        let ack = if has_ack {
            segment.acknowledgment_number
        } else {
            receiver.end
        };
        let sack = segment
            .sack_right_edge()
            .filter(|&edge| distance(edge, ack) > 0)
            .unwrap_or(ack);
        let found = compare(policy, &sender, &receiver, (seq, end), sack);
        match found {
            Found::Fits => {}
            Found::Overshoots => {
                self.pair_mut(direction).0.end = end;
                let unacknowledged = Flags::of(Flags::UNACKNOWLEDGED, direction);
                self.flags.set(unacknowledged, true);
                if self.is_strict(policy, direction) {
                    return Fit::Pass;
                }
                self.set_last(direction, Last::Other, 0);
                return Fit::In;
            }
            Found::LeftOf(_) if self.is_strict(policy, direction) && policy.is_linux() => {
                return Fit::Pass;
            }
            Found::LeftOf(why) | Found::Unfit(why) if self.is_strict(policy, direction) => {
                return Fit::Out(why);
            }
            Found::LeftOf(_) | Found::Unfit(_) => {
                self.set_last(direction, Last::Other, 0);
                return Fit::In;
            }
        }
        sender.max_window = sender.max_window.max(window);
        if distance(end, sender.end) > 0 {
            sender.end = end;
            self.flags
                .set(Flags::of(Flags::UNACKNOWLEDGED, direction), true);
        }
        if has_ack {
            let acked = Flags::of(Flags::ACKED, direction);
            if !self.flags.has(acked) || distance(ack, sender.max_ack) > 0 {
                sender.max_ack = ack;
            }
            self.flags.set(acked, true);
        }
        if distance(end, sender.max_end) > 0 {
            let over = end.wrapping_sub(sender.max_end);
            receiver.max_window = receiver.max_window.wrapping_add(over);
        }
        let may_send = sack.wrapping_add(window.max(1));
        if distance(may_send, receiver.max_end) > 0 {
            receiver.max_end = may_send;
        }
        if ack == receiver.end {
            let unacknowledged = Flags::of(Flags::UNACKNOWLEDGED, direction.reversed());
            self.flags.set(unacknowledged, false);
        }
        let (own, other) = self.pair_mut(direction);
        (*own, *other) = (sender, receiver);
        if kind == SegmentKind::Ack {
            self.count_repeats(policy, direction, segment, end);
        }
        Fit::In
    }

    /// Whether segments have to fit the windows. Those of a connection that was taken up in
    /// the middle are guesses.
    const fn is_strict(&self, policy: &TcpPolicy, direction: Direction) -> bool {
        match policy {
            TcpPolicy::Strict => true,
            TcpPolicy::LinuxCompat { be_liberal, .. } => {
                !*be_liberal && !self.flags.has(Flags::of(Flags::PICKED_UP, direction))
            }
            TcpPolicy::Loose => false,
        }
    }

    /// Takes what the first segment of a side says, or a SYN that is sent again with another number;
    /// whether that was the first.
    #[inline(never)]
    fn learn(&mut self, direction: Direction, segment: &TcpSegment<'_>) -> bool {
        let is_syn = segment.flags.contains(TcpFlags::SYN);
        let end = segment.sequence_end();
        let sender = self.pair(direction).0;
        if sender.is_seen() {
            // RFC 9293 §3.4.1: a SYN that is sent again may have a later number, when the sender
            // has restarted.
            let may_restart = matches!(
                (self.state, direction),
                (TcpState::SynSent, Direction::Original) | (TcpState::SynReceived, _)
            );
            if may_restart && is_syn && distance(end, sender.end) > 0 {
                self.start(direction, segment);
            }
            return false;
        }
        if is_syn {
            self.start(direction, segment);
            self.scales.agree();
            return true;
        }
        let window = self.scales.window(direction, segment);
        let ack = segment.acknowledgment_number;
        let (sender, receiver) = self.pair_mut(direction);
        *sender = Side::from_middle(end, window);
        if !receiver.is_seen() {
            (receiver.end, receiver.max_end) = (ack, ack);
        } else if ack == receiver.end.wrapping_add(1) {
            // The answer to a keep-alive of one octet that was sent before the flow was known.
            receiver.end = ack;
        }
        true
    }

    /// A count of repetitions that is as high as the policy bears.
    pub(super) const REPEATED: u32 = 0xff;

    /// Counts how often one ACK, which ends at `end`, is repeated.
    #[inline]
    fn count_repeats(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
        end: u32,
    ) {
        let mixture = mixture(segment);
        let is_same = self.last == end && self.last_window == mixture;
        if self.last_was(Last::Ack, direction) && is_same {
            let repeats = (self.flags.repeats() + 1).min(Self::REPEATED);
            let is_enough = repeats >= u32::from(policy.max_retrans());
            self.flags
                .set_repeats(if is_enough { Self::REPEATED } else { repeats });
        } else {
            self.flags.set_repeats(0);
        }
        self.flags.set(Flags::ZERO_WINDOW, segment.window == 0);
        self.last_window = mixture;
        self.set_last(direction, Last::Ack, end);
    }
}

/// The numbers of an ACK, mixed: different segments of one end that mix to the same word cut a timer
/// short, at worst.
#[inline]
pub(super) const fn mixture(segment: &TcpSegment<'_>) -> u16 {
    let [a, b, c, d] = segment.acknowledgment_number.to_be_bytes();
    let [e, f, g, h] = segment.sequence_number.to_be_bytes();
    segment.window
        ^ u16::from_be_bytes([a, b]).rotate_left(3)
        ^ u16::from_be_bytes([c, d]).rotate_left(7)
        ^ u16::from_be_bytes([e, f]).rotate_left(11)
        ^ u16::from_be_bytes([g, h]).rotate_left(13)
}

/// How a segment stands to the windows.
pub(super) enum Found {
    /// Within them.
    Fits,
    /// It reaches over, by no more than what the policy bears.
    Overshoots,
    /// Left of them.
    LeftOf(Invalid),
    /// Out of them.
    Unfit(Invalid),
}

impl Found {
    #[inline]
    pub(super) const fn fits(&self) -> bool {
        matches!(self, Self::Fits)
    }
}

/// Compares the numbers of a segment with the windows.
#[inline]
pub(super) fn compare(
    policy: &TcpPolicy,
    sender: &Side,
    receiver: &Side,
    (seq, end): (u32, u32),
    ack: u32,
) -> Found {
    // van Rooij §3.2, the four bounds.
    let reach = if policy.is_linux() { seq } else { end };
    let is_right_of = distance(reach, sender.max_end) > 0;
    let is_left_of = distance(end, sender.end.wrapping_sub(receiver.max_window)) < 0;
    let acks_unsent = distance(ack, receiver.end) > 0;
    let lag = sender.max_window.max(MAX_ACK_WINDOW);
    let acks_old = distance(ack, receiver.end.wrapping_sub(lag)) < 0;
    if is_right_of {
        let over = end.wrapping_sub(sender.max_end).wrapping_add(1);
        let is_near = policy.is_linux() && over <= receiver.max_window;
        if is_near && !is_left_of && !acks_unsent && !acks_old {
            return Found::Overshoots;
        }
        return Found::Unfit(Invalid::OverWindow);
    }
    if acks_unsent {
        Found::Unfit(Invalid::AckOfUnsent)
    } else if is_left_of {
        Found::LeftOf(Invalid::UnderWindow)
    } else if acks_old {
        Found::LeftOf(Invalid::AckTooOld)
    } else {
        Found::Fits
    }
}
