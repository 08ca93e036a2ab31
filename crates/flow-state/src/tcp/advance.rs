//! The usual segment: data or an acknowledgment of an open connection, within the windows.

use super::fit::{compare, mixture};
use super::flags::{Flags, Last};
use super::window::distance;
use super::{TcpFlow, TcpPolicy};
use crate::packet::TcpSegment;
use flow_table::Direction;
use packet_buffer::wire::TcpFlags;

/// The control bits that tell what a segment is.
const CONTROL: u16 =
    TcpFlags::FIN.0 | TcpFlags::SYN.0 | TcpFlags::RST.0 | TcpFlags::ACK.0 | TcpFlags::URG.0;

impl TcpFlow {
    /// Takes in a segment of an established connection that is nothing but an ACK, carries no SACK
    /// and fits the windows, as [`handle_any`](Self::handle_any) would. `false`, and nothing is
    /// changed, when it is anything else.
    #[inline]
    pub(super) fn advance(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
    ) -> bool {
        // Timestamps alone, in the usual layout (RFC 7323 appendix A).
        let has_no_sack = match segment.options {
            [] => true,
            [1, 1, 8, 10, rest @ ..] => rest.len() == 8,
            _ => false,
        };
        if segment.flags.0 & CONTROL != TcpFlags::ACK.0 || !has_no_sack {
            return false;
        }
        let window = self.scales.window(direction, segment);
        let [original, reply] = &mut self.sides;
        let (sender, receiver) = match direction {
            Direction::Original => (original, reply),
            Direction::Reply => (reply, original),
        };
        let (seq, ack) = (segment.sequence_number, segment.acknowledgment_number);
        // An IP packet's payload is far under 2^32 octets.
        let data = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
        let end = seq.wrapping_add(data);
        if !sender.is_seen() || compare(sender, receiver, end, ack).is_err() {
            return false;
        }
        let mut flags = self.flags;
        sender.max_window = sender.max_window.max(window);
        if distance(end, sender.end) > 0 {
            sender.end = end;
            flags.set(Flags::of(Flags::UNACKNOWLEDGED, direction), true);
        }
        let acked = Flags::of(Flags::ACKED, direction);
        if !flags.has(acked) || distance(ack, sender.max_ack) > 0 {
            sender.max_ack = ack;
        }
        flags.set(acked, true);
        let over = distance(end, sender.max_end);
        if over > 0 {
            receiver.max_window = receiver.max_window.wrapping_add(over.unsigned_abs());
        }
        let may_send = ack.wrapping_add(window.max(1));
        if distance(may_send, receiver.max_end) > 0 {
            receiver.max_end = may_send;
        }
        if ack == receiver.end {
            let unacknowledged = Flags::of(Flags::UNACKNOWLEDGED, direction.reversed());
            flags.set(unacknowledged, false);
        }
        let is_reply = direction == Direction::Reply;
        let mixture = mixture(segment, ack);
        // Of Linux, any segment may have come in between that left the numbers.
        let is_next = if policy.is_linux() {
            flags.has(Flags::LAST_IS_REPLY) == is_reply
        } else {
            flags.last_was(Last::Ack, direction)
        };
        let is_same = is_next && self.last == end && self.last_window == mixture;
        let repeats = if is_same {
            let repeats = (flags.repeats() + 1).min(Self::REPEATED);
            let is_enough = repeats >= u32::from(policy.max_retrans());
            if is_enough { Self::REPEATED } else { repeats }
        } else {
            0
        };
        flags.set_repeats(repeats);
        flags.set_field(Flags::LAST, 7, Last::Ack.bits());
        flags.set(Flags::LAST_IS_REPLY, is_reply);
        flags.set(Flags::ZERO_WINDOW, segment.window == 0);
        flags.set(Flags::RST_PENDING, false);
        let is_replied = flags.has(Flags::REPLIED);
        // Later segments of a connection that was taken up in the middle assure it as well.
        flags.0 |= if is_replied { Flags::ASSURED } else { 0 };
        flags.set(Flags::FIRST_REPLY, is_reply && !is_replied);
        flags.0 |= if is_reply { Flags::REPLIED } else { 0 };
        self.last = end;
        self.last_window = mixture;
        self.flags = flags;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TcpState, Verdict};
    use proptest::prelude::*;

    const OPTIONS: [&[u8]; 5] = [
        &[],
        &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        &[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9],
        &[3, 3, 2, 0],
        &[
            1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 4, 0,
        ],
    ];

    proptest! {
        /// The short way changes a flow as the long one does, or not at all.
        #[test]
        fn the_short_way_is_the_long_one(
            policy in prop_oneof![
                Just(TcpPolicy::Strict), Just(TcpPolicy::linux()), Just(TcpPolicy::Loose),
            ],
            start in any::<[u32; 2]>(),
            scales in any::<[bool; 2]>(),
            segments in proptest::collection::vec(
                (
                    any::<bool>(),
                    prop_oneof![9 => Just(0x10u16), 1 => any::<u16>().prop_map(|bits| bits & 0x3f)],
                    prop_oneof![4 => 0u32..40, 1 => Just(70_000), 1 => any::<u32>()],
                    prop_oneof![4 => 0u32..40, 1 => Just(70_000), 1 => any::<u32>()],
                    prop_oneof![4 => 0u16..80, 1 => any::<u16>()],
                    0usize..5,
                    0usize..30,
                ),
                1..40,
            ),
        ) {
            use TcpFlags as F;
            let segment = |flags, seq, ack, window, options, data| TcpSegment {
                source_port: 1, destination_port: 2, sequence_number: seq,
                acknowledgment_number: ack, flags, window, options, payload: &[0; 30][..data],
            };
            let scale = |offered: bool| if offered { OPTIONS[3] } else { OPTIONS[0] };
            let [mut ours, mut theirs] = start;
            let syn = segment(F::SYN, ours, 0, 60, scale(scales[0]), 0);
            let mut quick = TcpFlow::new(&policy, &syn).unwrap();
            ours = ours.wrapping_add(1);
            let answer = segment(F::SYN | F::ACK, theirs, ours, 60, scale(scales[1]), 0);
            theirs = theirs.wrapping_add(1);
            prop_assert_eq!(quick.handle_any(&policy, Direction::Reply, &answer), Verdict::Accept);
            let ack = segment(F::ACK, ours, theirs, 60, &[], 0);
            prop_assert_eq!(quick.handle_any(&policy, Direction::Original, &ack), Verdict::Accept);
            for (is_reply, flags, seq, ack, window, options, data) in segments {
                let mut slow = quick;
                let (direction, from, to) = if is_reply {
                    (Direction::Reply, theirs, ours)
                } else {
                    (Direction::Original, ours, theirs)
                };
                let (seq, ack) = (from.wrapping_add(seq), to.wrapping_add(ack));
                let next = segment(TcpFlags(flags), seq, ack, window, OPTIONS[options], data);
                let before = quick;
                let verdict = slow.handle_any(&policy, direction, &next);
                if quick.state() == TcpState::Established && quick.advance(&policy, direction, &next) {
                    prop_assert_eq!(verdict, Verdict::Accept);
                    prop_assert_eq!(quick, slow);
                    let end = next.sequence_end();
                    if is_reply { theirs = end } else { ours = end }
                } else {
                    prop_assert_eq!(quick, before);
                    quick = slow;
                }
            }
        }
    }
}
