//! What Linux's tracker does with a segment.
//!
//! It has the published windows in mind and departs from them: it learns from segments that it refuses, lets what is
//! only late pass, and remembers segments that it let through for what they may draw. Found by experiment (millions of
//! random segments, none of them answered otherwise by a kernel); where it departs from an RFC, [`TcpPolicy`]'s
//! documentation says so.

use super::fit::mixture;
use super::flags::{Flags, Last};
use super::window::{MAX_ACK_WINDOW, Scale, Scales, Side, distance};
use super::{SegmentKind, Step, TcpFlow, TcpPolicy, TcpState, step};
use crate::packet::TcpSegment;
use crate::{Invalid, Verdict};
use flow_table::Direction;
use packet_buffer::wire::TcpFlags;

/// How a segment stands to the windows.
enum Found {
    /// Within them, or nobody minds.
    In,
    /// Late, or over the window by no more than what is borne.
    Tolerated,
    /// Out of them.
    Out(Invalid),
}

/// What becomes of a RST.
enum Reset {
    /// Its numbers are held against the windows; whether it then ends the connection.
    Compared { ends: bool },
    /// It is taken as it is; whether it ends the connection.
    Believed { ends: bool },
    /// It cannot be.
    Refused,
}

const fn is_before(a: u32, b: u32) -> bool {
    distance(a, b) < 0
}

const fn is_after(a: u32, b: u32) -> bool {
    is_before(b, a)
}

impl Last {
    const fn of_kind(kind: SegmentKind) -> Self {
        match kind {
            SegmentKind::Syn => Self::Syn,
            SegmentKind::SynAck => Self::SynAck,
            SegmentKind::Fin => Self::Fin,
            SegmentKind::Ack => Self::Ack,
            SegmentKind::Rst => Self::Rst,
        }
    }
}

impl TcpFlow {
    /// What the first segment tells: a SYN, or an ACK in the middle of a connection.
    pub(super) fn begin_as_linux(
        &mut self,
        policy: &TcpPolicy,
        kind: SegmentKind,
        segment: &TcpSegment<'_>,
    ) {
        self.flags.set(Flags::ZERO_WINDOW, true);
        if kind == SegmentKind::Syn {
            self.start_as_linux(Direction::Original, segment);
        } else {
            let window = u32::from(segment.window);
            *self.pair_mut(Direction::Original).0 =
                Side::from_middle(segment.sequence_end(), window);
            self.state = TcpState::Established;
            self.flags.set(Flags::both(Flags::PICKED_UP), true);
            self.flags.set(Flags::both(Flags::SACK), true);
            self.compare_as_linux(policy, Direction::Original, kind, segment);
        }
        self.note(Direction::Original, Last::of_kind(kind));
    }

    /// Looks at the next segment.
    pub(super) fn handle_as_linux(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment<'_>,
    ) -> Verdict {
        let before = self.state;
        let mut next = match step(before, direction, kind) {
            Step::To(next) => next,
            Step::EstablishedIfSimultaneous if self.flags.has(Flags::SIMULTANEOUS) => {
                TcpState::Established
            }
            Step::EstablishedIfSimultaneous => before,
            Step::Invalid => return Verdict::Invalid(Invalid::State),
            Step::Reopen => return Verdict::Reopen,
            Step::ReopenIfEnded
                if self.flags.has(Flags::FIN) || self.last_was(Last::Rst, direction) =>
            {
                return Verdict::Reopen;
            }
            Step::ReopenIfEnded | Step::Ignore
                if kind == SegmentKind::SynAck
                    && self.last_was(Last::Syn, direction.reversed())
                    && segment.acknowledgment_number == self.last =>
            {
                self.resynchronize_as_linux(direction);
                TcpState::SynReceived
            }
            Step::ReopenIfEnded | Step::Ignore => {
                self.ignore_as_linux(direction, kind, segment);
                return Verdict::Ignore;
            }
        };
        if next == TcpState::SynSent2 {
            self.flags.set(Flags::SIMULTANEOUS, true);
        }
        // RFC 5961 §4.2: the answer to a SYN that was let through is a challenge ACK; it does not acknowledge the FIN.
        if before == TcpState::LastAck
            && next == TcpState::TimeWait
            && kind == SegmentKind::Ack
            && self.last_was(Last::Syn, direction.reversed())
            && self.flags.has(Flags::CHALLENGE)
        {
            self.flags.set(Flags::CHALLENGE, false);
            self.pass(direction);
            return Verdict::Ignore;
        }
        let mut is_compared = true;
        if kind == SegmentKind::Rst {
            let ends;
            (is_compared, ends) = match self.reset_as_linux(policy, direction, segment) {
                Reset::Compared { ends } => (true, ends),
                Reset::Believed { ends } => (false, ends),
                Reset::Refused => return Verdict::Invalid(Invalid::RstOutOfWindow),
            };
            if !ends {
                next = before;
            }
        }
        if is_compared {
            match self.compare_as_linux(policy, direction, kind, segment) {
                Found::In => {}
                Found::Tolerated => {
                    self.pass(direction);
                    return Verdict::Ignore;
                }
                Found::Out(why) => {
                    self.refuse(direction, kind);
                    let is_reset = kind == SegmentKind::Rst;
                    return Verdict::Invalid(if is_reset {
                        Invalid::RstOutOfWindow
                    } else {
                        why
                    });
                }
            }
        }
        self.accept_as_linux(direction, kind, before, next)
    }

    /// Goes where a segment leads that was found right.
    fn accept_as_linux(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        before: TcpState,
        next: TcpState,
    ) -> Verdict {
        self.note(direction, Last::of_kind(kind));
        self.flags.set(Flags::RST_PENDING, kind == SegmentKind::Rst);
        if next == TcpState::FinWait && before != next {
            self.flags.set(Flags::FIN, true);
        }
        self.state = next;
        let mut verdict = Verdict::Accept;
        if self.is_replied() {
            let was_open = matches!(before, TcpState::SynReceived | TcpState::Established);
            if was_open && next == TcpState::Established {
                self.flags.set(Flags::ASSURED, true);
            }
        } else if kind == SegmentKind::Rst {
            return Verdict::Delete;
        } else if kind == SegmentKind::Syn && before == TcpState::SynSent {
            // A SYN that is sent again does not prolong the life of what nobody has answered.
            verdict = Verdict::Ignore;
        }
        self.pass(direction);
        verdict
    }

    /// Remembers of a segment that it was the last, and which way it went.
    pub(super) const fn note(&mut self, direction: Direction, last: Last) {
        self.flags.set_field(Flags::LAST, 7, last.bits());
        let is_reply = matches!(direction, Direction::Reply);
        self.flags.set(Flags::LAST_IS_REPLY, is_reply);
    }

    fn last(&self) -> Last {
        Last::of_bits(self.flags.field(Flags::LAST, 7))
    }

    /// What a FIN or RST leaves that was refused on a connection with both ends alive, unless both have ended it.
    fn refuse(&mut self, direction: Direction, kind: SegmentKind) {
        let ends = matches!(kind, SegmentKind::Fin | SegmentKind::Rst);
        let has_ended = [Last::Fin, Last::Rst]
            .into_iter()
            .any(|last| self.last_was(last, direction.reversed()));
        if self.is_assured() && ends && !has_ended {
            self.note(direction, Last::of_kind(kind));
        }
    }

    /// Takes what a SYN says of its side.
    fn start_as_linux(&mut self, direction: Direction, segment: &TcpSegment<'_>) {
        let sender = self.pair_mut(direction).0;
        *sender = Side {
            max_ack: sender.max_ack,
            ..Side::from_syn(segment.sequence_end(), segment.window)
        };
        // Without any option, what was known of options stays.
        if !segment.options.is_empty() {
            self.scales.set(direction, Scale::offered(segment));
            let sack = Flags::of(Flags::SACK, direction);
            self.flags.set(sack, segment.permits_sack());
            self.flags.set(Flags::of(Flags::ACKED, direction), false);
            let unacknowledged = Flags::of(Flags::UNACKNOWLEDGED, direction);
            self.flags.set(unacknowledged, false);
        }
        if direction == Direction::Reply {
            self.scales.agree_on_values();
        }
    }

    /// Takes over what was noted of a SYN that was let through: the ends have synchronized anew.
    fn resynchronize_as_linux(&mut self, direction: Direction) {
        let other = direction.reversed();
        let opener = Side::from_syn(self.last, self.last_window);
        let (sender, receiver) = self.pair_mut(direction);
        (*sender, *receiver) = (Side::default(), opener);
        self.scales = Scales::NOT_OFFERED;
        let scale = Scale::of_bits(self.flags.field(Flags::LAST_SCALE, 0x0f));
        self.scales.set(other, scale);
        let permits_sack = self.flags.has(Flags::LAST_SACK);
        let gone = Flags::both(Flags::ACKED)
            | Flags::both(Flags::UNACKNOWLEDGED)
            | Flags::both(Flags::SACK)
            | Flags::FIN
            | Flags::of(Flags::PICKED_UP, other)
            | Flags::CHALLENGE;
        self.flags.set(gone, false);
        self.flags.set(Flags::of(Flags::SACK, other), permits_sack);
    }

    /// Remembers a segment that was let through without a change, for the answer to it.
    fn ignore_as_linux(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment<'_>,
    ) {
        self.note(direction, Last::of_kind(kind));
        self.last = segment.sequence_end();
        self.flags.set(Flags::ZERO_WINDOW, segment.window == 0);
        self.last_window = segment.window;
        match (kind, direction) {
            (SegmentKind::Syn, Direction::Original) => {
                let scale = Scale::offered(segment).bits();
                self.flags.set_field(Flags::LAST_SCALE, 0x0f, scale);
                self.flags.set(Flags::LAST_SACK, segment.permits_sack());
                // One bit: a simultaneous open is no longer of interest.
                let is_closing = self.state == TcpState::LastAck;
                self.flags.set(Flags::CHALLENGE, is_closing);
            }
            (SegmentKind::Ack, _) => {
                self.last_window = mixture(segment, segment.acknowledgment_number);
                if self.state == TcpState::SynSent {
                    // The opener has not acknowledged anything yet, so its place is free.
                    let [opener, _] = &mut self.sides;
                    opener.max_ack = segment.acknowledgment_number;
                }
            }
            _ => {}
        }
        self.pass(direction);
    }

    /// What becomes of a RST, before its numbers are held against the windows.
    fn reset_as_linux(
        &self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
    ) -> Reset {
        // Once a connection is closing, any RST is believed: its ends may have begun another.
        if self.state.is_closing() {
            return Reset::Believed { ends: true };
        }
        let other = direction.reversed();
        let receiver = self.pair(direction).1;
        let (seq, ack) = (segment.sequence_number, segment.acknowledgment_number);
        let mut ends = true;
        if self.flags.has(Flags::of(Flags::ACKED, other)) && self.last() != Last::Syn {
            let is_live = self.state == TcpState::Established && self.is_assured();
            if seq == 0 && !is_live {
                return Reset::Compared { ends };
            }
            if is_before(seq, receiver.max_ack) && !policy.ignores_invalid_rst() {
                return Reset::Refused;
            }
            // A RST right behind the sender's own data is what a program makes that closes with data unread.
            let is_behind_own = self.last_was(Last::Ack, direction) && seq == self.last;
            if !is_live || seq == receiver.max_ack || is_behind_own {
                return Reset::Compared { ends };
            }
            ends = false;
        }
        // What answers a segment that was let through, as the receiver of one does that knows nothing of the connection;
        // of an ACK, whichever way the RST goes.
        let answers_syn = self.is_replied() && self.last_was(Last::Syn, other);
        let answers_ack = !self.is_assured() && self.last() == Last::Ack;
        let answers_challenge = self.state == TcpState::SynSent
            && self.last_was(Last::Ack, Direction::Reply)
            && seq == self.pair(Direction::Original).0.max_ack;
        if (answers_syn || answers_ack) && ack == self.last || answers_challenge {
            return Reset::Believed { ends };
        }
        Reset::Compared { ends }
    }

    /// Compares the numbers of a segment with the windows, and moves these.
    fn compare_as_linux(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment<'_>,
    ) -> Found {
        let has_ack = segment.flags.contains(TcpFlags::ACK);
        let (mut seq, mut end) = (segment.sequence_number, segment.sequence_end());
        let mut ack = segment.acknowledgment_number;
        let mut sack = ack;
        if self.flags.has(Flags::of(Flags::SACK, direction.reversed()))
            && let Some(edge) = segment.sack_right_edge()
            && is_after(edge, ack)
        {
            sack = edge;
        }
        if self.learn_as_linux(direction, segment, sack) && !has_ack {
            return Found::In;
        }
        let (before, peer) = self.pair(direction);
        let (mut sender, mut receiver) = (*before, *peer);
        let is_rst = kind == SegmentKind::Rst;
        if !has_ack || is_rst && ack == 0 {
            ack = receiver.end;
            sack = ack;
        }
        if is_rst && seq == 0 && self.state == TcpState::SynSent {
            (seq, end) = (sender.end, sender.end);
        }
        let is_liberal =
            policy.is_liberal() || self.flags.has(Flags::of(Flags::PICKED_UP, direction));
        let oldest = receiver
            .end
            .wrapping_sub(sender.max_window.max(MAX_ACK_WINDOW));
        // van Rooij §3.2, the four bounds.
        let is_left = !is_after(
            end,
            sender.end.wrapping_sub(receiver.max_window).wrapping_sub(1),
        );
        let acks_unsent = !is_before(sack, receiver.end.wrapping_add(1));
        let acks_old = !is_after(sack, oldest.wrapping_sub(1));
        let found = if !is_before(seq, sender.max_end.wrapping_add(1)) {
            let over = end.wrapping_sub(sender.max_end).wrapping_add(1);
            let is_near = receiver.is_seen() && over <= receiver.max_window;
            if is_near && !is_left && !acks_unsent && !acks_old {
                self.pair_mut(direction).0.end = end;
                let unacknowledged = Flags::of(Flags::UNACKNOWLEDGED, direction);
                self.flags.set(unacknowledged, true);
                Found::Tolerated
            } else {
                Found::Out(Invalid::OverWindow)
            }
        } else if acks_unsent {
            Found::Out(Invalid::AckOfUnsent)
        } else if receiver.is_seen() && is_left || acks_old {
            Found::Tolerated
        } else {
            Found::In
        };
        if !matches!(found, Found::In) {
            return if is_liberal { Found::In } else { found };
        }
        let window = self.scales.window(direction, segment);
        let offered = window.wrapping_add(sack.wrapping_sub(ack));
        sender.max_window = sender.max_window.max(offered);
        if is_after(end, sender.end) {
            sender.end = end;
            let unacknowledged = Flags::of(Flags::UNACKNOWLEDGED, direction);
            self.flags.set(unacknowledged, true);
        }
        if has_ack {
            let acked = Flags::of(Flags::ACKED, direction);
            if !self.flags.has(acked) || is_after(ack, sender.max_ack) {
                sender.max_ack = ack;
            }
            self.flags.set(acked, true);
        }
        if receiver.is_seen() && is_after(end, sender.max_end) {
            let over = end.wrapping_sub(sender.max_end);
            receiver.max_window = receiver.max_window.wrapping_add(over);
        }
        let may_send = sack.wrapping_add(window);
        if is_after(may_send, receiver.max_end.wrapping_sub(1)) {
            receiver.max_end = may_send.wrapping_add(u32::from(window == 0));
        }
        if ack == receiver.end {
            let unacknowledged = Flags::of(Flags::UNACKNOWLEDGED, direction.reversed());
            self.flags.set(unacknowledged, false);
        }
        let (own, other) = self.pair_mut(direction);
        (*own, *other) = (sender, receiver);
        if kind == SegmentKind::Ack {
            self.count_repeats_as_linux(policy, direction, segment, ack);
        }
        Found::In
    }

    /// Takes what the first segment of a side says, or a SYN that is sent again with another number, even if the segment
    /// turns out to be wrong; whether such a SYN's numbers need no comparison if it acknowledges nothing.
    fn learn_as_linux(
        &mut self,
        direction: Direction,
        segment: &TcpSegment<'_>,
        sack: u32,
    ) -> bool {
        let is_syn = segment.flags.contains(TcpFlags::SYN);
        let end = segment.sequence_end();
        let sender = self.pair(direction).0;
        let is_first = !sender.is_seen();
        if is_syn {
            // RFC 9293 §3.4.1: a SYN that is sent again may have a later number, when the sender has restarted.
            let is_again = is_after(end, sender.end)
                && matches!(self.state, TcpState::SynSent | TcpState::SynReceived);
            if is_first || is_again {
                self.start_as_linux(direction, segment);
            }
            return is_first || is_again && direction == Direction::Reply;
        }
        if is_first {
            let window = self.scales.window(direction, segment);
            let (sender, receiver) = self.pair_mut(direction);
            *sender = Side {
                max_ack: sender.max_ack,
                ..Side::from_middle(end, window)
            };
            if !receiver.is_seen() {
                (receiver.end, receiver.max_end) = (sack, sack);
            } else if sack == receiver.end.wrapping_add(1) {
                // The answer to a keep-alive of one octet that was sent before the flow was known.
                receiver.end = sack;
            }
        }
        false
    }

    /// Counts how often one ACK is repeated.
    fn count_repeats_as_linux(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
        ack: u32,
    ) {
        let (end, mixture) = (segment.sequence_end(), mixture(segment, ack));
        let is_same_way = self.flags.has(Flags::LAST_IS_REPLY) == (direction == Direction::Reply);
        if is_same_way && self.last == end && self.last_window == mixture {
            self.repeat(policy);
            return;
        }
        self.flags.set_repeats(0);
        self.flags.set(Flags::ZERO_WINDOW, segment.window == 0);
        (self.last, self.last_window) = (end, mixture);
    }
}
