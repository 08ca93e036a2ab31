//! Resets.

use super::fit::Fit;
use super::flags::{Flags, Last};
use super::window::distance;
use super::{SegmentKind, TcpFlow, TcpPolicy, TcpState};
use crate::packet::TcpSegment;
use crate::{Invalid, Verdict};
use flow_table::Direction;
use packet_buffer::wire::TcpFlags;

impl TcpFlow {
    /// Looks at a RST.
    pub(super) fn reset(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
    ) -> Verdict {
        // RFC 9293 §3.10.7.3: who has sent a SYN believes no RST but one that acknowledges it; a forger who
        // knows ports alone would end what has just begun.
        if self.state == TcpState::SynSent
            && direction == Direction::Reply
            && !segment.flags.contains(TcpFlags::ACK)
            && !matches!(policy, TcpPolicy::Loose)
        {
            return Verdict::Invalid(Invalid::State);
        }
        let is_exact = match self.is_exact_reset(policy, direction, segment) {
            Ok(is_exact) => is_exact,
            Err(why) => return Verdict::Invalid(why),
        };
        let mut after = *self;
        if !self.answers_ignored(direction, segment)
            && matches!(
                after.fit(policy, direction, SegmentKind::Rst, segment),
                Fit::Out(_)
            )
        {
            return Verdict::Invalid(Invalid::RstOutOfWindow);
        }
        if is_exact {
            if !self.is_replied() {
                return Verdict::Delete;
            }
            after.enter(direction, SegmentKind::Rst, TcpState::Closed);
            after.pass(direction);
            *self = after;
            return Verdict::Accept;
        }
        // RFC 5961 §3.2 MUST (challenge): the receiver answers with a challenge ACK, and the connection lives on.
        self.pass(direction);
        Verdict::Ignore
    }

    /// Whether a RST answers a segment that was ignored, as the receiver of one does that knows
    /// nothing of the connection.
    fn answers_ignored(&self, direction: Direction, segment: &TcpSegment<'_>) -> bool {
        let other = direction.reversed();
        // RFC 9293 §3.10.7.3: an ACK in SYN-SENT that is none of that SYN draws a RST with its
        // number.
        let of_ack = self.last_was(Last::IgnoredAck, other) && segment.sequence_number == self.last;
        // RFC 9293 §3.10.7.1: a SYN without a connection draws a RST that acknowledges it.
        let of_syn = self.last_was(Last::Syn, other)
            && segment.flags.contains(TcpFlags::ACK)
            && segment.acknowledgment_number == self.last;
        of_ack || of_syn
    }

    /// Whether a RST has exactly the number that makes its receiver believe it.
    fn is_exact_reset(
        &self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
    ) -> Result<bool, Invalid> {
        let receiver = self.pair(direction).1;
        let seq = segment.sequence_number;
        let has_acked = self
            .flags
            .has(Flags::of(Flags::ACKED, direction.reversed()));
        let is_live = self.state == TcpState::Established && self.is_assured();
        if !has_acked || self.answers_ignored(direction, segment) || seq == 0 && !is_live {
            return Ok(true);
        }
        // RFC 5961 §3.2 MUST (outside): what is out of the window is dropped.
        // RFC 5961 §3.2 MUST (exact): what matches exactly is believed.
        let lead = distance(seq, receiver.max_ack);
        if lead < 0 && !policy.ignores_invalid_rst() {
            return Err(Invalid::RstOutOfWindow);
        }
        // A RST right behind the sender's own data is what a program makes that closes with data
        // unread.
        let is_behind_own = self.last_was(Last::Ack, direction) && seq == self.last;
        Ok(lead == 0 || is_behind_own || !is_live || matches!(policy, TcpPolicy::Loose))
    }
}
