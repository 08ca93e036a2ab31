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
        let end = segment.sequence_end();
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
        let found = compare(&sender, &receiver, end, sack);
        match found {
            Ok(()) => {}
            Err(_) if policy.is_liberal() => {
                self.set_last(direction, Last::Other, 0);
                return Fit::In;
            }
            Err(why) => return Fit::Out(why),
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
        let mixture = mixture(segment, segment.acknowledgment_number);
        let is_same = self.last == end && self.last_window == mixture;
        if self.last_was(Last::Ack, direction) && is_same {
            self.repeat(policy);
        } else {
            self.flags.set_repeats(0);
        }
        self.flags.set(Flags::ZERO_WINDOW, segment.window == 0);
        self.last_window = mixture;
        self.set_last(direction, Last::Ack, end);
    }

    /// Counts one more repetition.
    pub(super) fn repeat(&mut self, policy: &TcpPolicy) {
        let repeats = (self.flags.repeats() + 1).min(Self::REPEATED);
        let is_enough = repeats >= u32::from(policy.max_retrans());
        self.flags
            .set_repeats(if is_enough { Self::REPEATED } else { repeats });
    }
}

/// The numbers of an ACK, mixed: different segments of one end that mix to the same word cut a timer
/// short, at worst.
#[inline]
pub(super) const fn mixture(segment: &TcpSegment<'_>, ack: u32) -> u16 {
    let [a, b, c, d] = ack.to_be_bytes();
    let [e, f, g, h] = segment.sequence_number.to_be_bytes();
    segment.window
        ^ u16::from_be_bytes([a, b]).rotate_left(3)
        ^ u16::from_be_bytes([c, d]).rotate_left(7)
        ^ u16::from_be_bytes([e, f]).rotate_left(11)
        ^ u16::from_be_bytes([g, h]).rotate_left(13)
}

/// Compares the numbers of a segment with the windows.
#[inline]
pub(super) fn compare(sender: &Side, receiver: &Side, end: u32, ack: u32) -> Result<(), Invalid> {
    // van Rooij §3.2, the four bounds.
    let lag = sender.max_window.max(MAX_ACK_WINDOW);
    if distance(end, sender.max_end) > 0 {
        Err(Invalid::OverWindow)
    } else if distance(ack, receiver.end) > 0 {
        Err(Invalid::AckOfUnsent)
    } else if distance(end, sender.end.wrapping_sub(receiver.max_window)) < 0 {
        Err(Invalid::UnderWindow)
    } else if distance(ack, receiver.end.wrapping_sub(lag)) < 0 {
        Err(Invalid::AckTooOld)
    } else {
        Ok(())
    }
}
