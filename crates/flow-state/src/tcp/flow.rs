//! One connection.

use super::fit::Fit;
use super::flags::{Flags, Last};
use super::window::{Scale, Scales, Side, distance};
use super::{SegmentKind, Step, TcpPolicy, TcpState, step};
use crate::packet::TcpSegment;
use crate::{Invalid, TcpTimers, Verdict};
use core::time::Duration;
use flow_table::Direction;

/// The state of one TCP connection: 44 octets.
///
/// ```
/// use flow_state::packet::TcpSegment;
/// use flow_state::{Direction, TcpFlow, TcpPolicy, TcpState, Verdict};
/// use packet_buffer::wire::TcpFlags;
///
/// let segment = |flags, sequence_number, acknowledgment_number| TcpSegment {
///     source_port: 1, destination_port: 2, sequence_number, acknowledgment_number, flags,
///     window: 1000, options: &[], payload: &[],
/// };
/// let policy = TcpPolicy::Strict;
/// let mut flow = TcpFlow::new(&policy, &segment(TcpFlags::SYN, 100, 0))?;
/// let answer = segment(TcpFlags::SYN | TcpFlags::ACK, 900, 101);
/// assert_eq!(flow.handle(&policy, Direction::Reply, &answer), Verdict::Accept);
/// // A blind reset, whose number is not the one expected, passes and ends nothing.
/// assert!(matches!(
///     flow.handle(&policy, Direction::Reply, &segment(TcpFlags::RST, 5_000, 0)),
///     Verdict::Invalid(_),
/// ));
/// let ack = segment(TcpFlags::ACK, 101, 901);
/// assert_eq!(flow.handle(&policy, Direction::Original, &ack), Verdict::Accept);
/// assert_eq!(flow.state(), TcpState::Established);
/// # Ok::<(), flow_state::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlow {
    pub(super) sides: [Side; 2],
    /// Of the last segment, by [`Last`].
    pub(super) last: u32,
    pub(super) flags: Flags,
    /// The window of an ignored SYN, or a mixture of the numbers of an ACK.
    pub(super) last_window: u16,
    pub(super) scales: Scales,
    pub(super) state: TcpState,
}

impl TcpFlow {
    /// A connection that starts with `segment`, which goes in [`Direction::Original`].
    ///
    /// # Errors
    ///
    /// [`Invalid::Flags`], or [`Invalid::NotSyn`] unless the policy takes connections up in the
    /// middle and the segment is an ACK.
    pub fn new(policy: &TcpPolicy, segment: &TcpSegment<'_>) -> Result<Self, Invalid> {
        let kind = SegmentKind::of(segment.flags).ok_or(Invalid::Flags)?;
        let mut flow = Self {
            sides: [Side::default(); 2],
            last: 0,
            flags: Flags::default(),
            last_window: 0,
            scales: Scales::NOT_OFFERED,
            state: TcpState::SynSent,
        };
        match kind {
            SegmentKind::Syn if policy.is_linux() => flow.begin_as_linux(policy, kind, segment),
            SegmentKind::Syn => flow.start(Direction::Original, segment),
            SegmentKind::Ack if policy.picks_up() && policy.is_linux() => {
                flow.begin_as_linux(policy, kind, segment);
            }
            SegmentKind::Ack if policy.picks_up() => flow.pick_up(segment),
            _ => return Err(Invalid::NotSyn),
        }
        Ok(flow)
    }

    /// Looks at the next segment, which goes in `direction`.
    ///
    /// An invalid segment changes nothing, but under [`TcpPolicy::LinuxCompat`] it may. Of one that is
    /// ignored, it is remembered what the answer to it would be.
    pub fn handle(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
    ) -> Verdict {
        if self.state == TcpState::Established && self.advance(policy, direction, segment) {
            return Verdict::Accept;
        }
        self.handle_any(policy, direction, segment)
    }

    /// As [`handle`](Self::handle), whatever the segment is.
    #[inline(never)]
    pub(super) fn handle_any(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
    ) -> Verdict {
        let Some(kind) = SegmentKind::of(segment.flags) else {
            return Verdict::Invalid(Invalid::Flags);
        };
        if policy.is_linux() {
            return self.handle_as_linux(policy, direction, kind, segment);
        }
        let next = match step(self.state, direction, kind) {
            Step::To(next) => next,
            Step::EstablishedIfSimultaneous if self.flags.has(Flags::SIMULTANEOUS) => {
                TcpState::Established
            }
            Step::EstablishedIfSimultaneous => self.state,
            Step::Invalid => return Verdict::Invalid(Invalid::State),
            Step::Reopen => return Verdict::Reopen,
            Step::ReopenIfEnded
                if self.flags.has(Flags::FIN) || self.last_was(Last::Rst, direction) =>
            {
                return Verdict::Reopen;
            }
            Step::ReopenIfEnded | Step::Ignore if self.resynchronize(direction, kind, segment) => {
                TcpState::SynReceived
            }
            Step::ReopenIfEnded | Step::Ignore => {
                self.ignore(direction, kind, segment);
                return Verdict::Ignore;
            }
        };
        if kind == SegmentKind::Rst {
            return self.reset(policy, direction, segment);
        }
        // RFC 5961 §4.2: the answer to a SYN that was let through is a challenge ACK; it does not
        // acknowledge the FIN.
        if self.state == TcpState::LastAck
            && next == TcpState::TimeWait
            && self.last_was(Last::Syn, direction.reversed())
        {
            self.set_last(direction, Last::Other, 0);
            self.pass(direction);
            return Verdict::Ignore;
        }
        let mut after = *self;
        match after.fit(policy, direction, kind, segment) {
            Fit::In => {}
            Fit::Out(why) => return Verdict::Invalid(why),
        }
        after.enter(direction, kind, next);
        after.pass(direction);
        *self = after;
        Verdict::Accept
    }

    /// The state.
    #[inline]
    pub const fn state(&self) -> TcpState {
        self.state
    }

    /// Whether the handshake has been completed, or packets have gone both ways of a connection
    /// that was taken up in the middle.
    #[inline]
    pub const fn is_assured(&self) -> bool {
        self.flags.has(Flags::ASSURED)
    }

    /// Whether the connection was taken up in the middle, so that its windows are guesses.
    #[inline]
    pub const fn is_picked_up(&self) -> bool {
        self.flags.has(Flags::both(Flags::PICKED_UP))
    }

    /// Whether the answering side has sent something that passed.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        self.flags.has(Flags::REPLIED)
    }

    /// How long the connection lives from the last accepted segment.
    pub fn timeout(&self, timers: &TcpTimers) -> Duration {
        let by_state = match self.state {
            TcpState::SynSent | TcpState::SynSent2 => timers.syn_sent,
            TcpState::SynReceived => timers.syn_received,
            TcpState::Established => timers.established,
            TcpState::FinWait => timers.fin_wait,
            TcpState::CloseWait => timers.close_wait,
            TcpState::LastAck => timers.last_ack,
            TcpState::TimeWait => timers.time_wait,
            TcpState::Closed => timers.closed,
        };
        let is_repeated = self.flags.repeats() == Self::REPEATED;
        if is_repeated && by_state > timers.retransmission {
            return timers.retransmission;
        }
        if self.flags.has(Flags::RST_PENDING) {
            return timers.closed;
        }
        let unacknowledged = Flags::both(Flags::UNACKNOWLEDGED);
        if self.flags.has(Flags::ZERO_WINDOW | unacknowledged)
            || self.state == TcpState::Established && !self.is_replied()
            || self.state == TcpState::Established && self.flags.has(Flags::FIRST_REPLY)
        {
            return by_state.min(timers.unacknowledged);
        }
        by_state
    }

    /// Whether a number that an ICMP error quotes from a segment in `direction` is one that the
    /// sender has in flight (RFC 5927 §4.1).
    // RFC 5927 §4.1 MUST: the quoted number is of data in flight.
    pub const fn is_in_flight(&self, direction: Direction, sequence_number: u32) -> bool {
        let (sender, receiver) = self.pair(direction);
        let has_acked = self
            .flags
            .has(Flags::of(Flags::ACKED, direction.reversed()));
        distance(sequence_number, sender.end) <= 0
            && (!has_acked || distance(sequence_number, receiver.max_ack) >= 0)
    }

    /// Forgets what was seen of sequence numbers and windows, and keeps state and scales: for a
    /// standby that takes over a connection and may have missed its latest segments. The next
    /// segment of each direction says where the connection is, as for one that is taken up in the
    /// middle.
    pub fn forget_windows(&mut self) {
        self.sides = [Side::default(); 2];
        self.flags.set(Flags::both(Flags::ACKED), false);
        self.flags.set(Flags::both(Flags::UNACKNOWLEDGED), false);
    }

    #[inline]
    pub(super) const fn pair(&self, direction: Direction) -> (&Side, &Side) {
        let [original, reply] = &self.sides;
        match direction {
            Direction::Original => (original, reply),
            Direction::Reply => (reply, original),
        }
    }

    #[inline]
    pub(super) const fn pair_mut(&mut self, direction: Direction) -> (&mut Side, &mut Side) {
        let [original, reply] = &mut self.sides;
        match direction {
            Direction::Original => (original, reply),
            Direction::Reply => (reply, original),
        }
    }

    /// Takes what a SYN says of its side.
    pub(super) fn start(&mut self, direction: Direction, segment: &TcpSegment<'_>) {
        *self.pair_mut(direction).0 = Side::from_syn(segment.sequence_end(), segment.window);
        self.scales.set(direction, Scale::offered(segment));
    }

    /// Guesses windows from an ACK in the middle of a connection.
    fn pick_up(&mut self, segment: &TcpSegment<'_>) {
        let ack = segment.acknowledgment_number;
        self.sides = [
            Side::from_middle(segment.sequence_end(), u32::from(segment.window)),
            Side {
                end: ack,
                max_end: ack,
                ..Side::default()
            },
        ];
        self.state = TcpState::Established;
        self.flags.set(Flags::both(Flags::PICKED_UP), true);
        self.flags.set(Flags::ZERO_WINDOW, true);
    }

    /// Notes that a segment has passed.
    #[inline]
    pub(super) fn pass(&mut self, direction: Direction) {
        let is_first = direction == Direction::Reply && !self.is_replied();
        self.flags.set(Flags::FIRST_REPLY, is_first);
        if direction == Direction::Reply {
            self.flags.set(Flags::REPLIED, true);
        }
    }

    /// Goes to the state that an accepted segment leads to.
    pub(super) fn enter(&mut self, direction: Direction, kind: SegmentKind, next: TcpState) {
        if next == TcpState::FinWait {
            self.flags.set(Flags::FIN, true);
        }
        if next == TcpState::SynSent2 {
            self.flags.set(Flags::SIMULTANEOUS, true);
        }
        // Later segments of a connection that was taken up in the middle assure it as well.
        if next == TcpState::Established && self.is_replied() {
            self.flags.set(Flags::ASSURED, true);
        }
        match kind {
            SegmentKind::Ack => {}
            SegmentKind::Rst => self.set_last(direction, Last::Rst, 0),
            _ => self.set_last(direction, Last::Other, 0),
        }
        self.state = next;
    }

    pub(super) const fn set_last(&mut self, direction: Direction, last: Last, number: u32) {
        self.note(direction, last);
        self.last = number;
    }

    /// Whether the last segment was of this kind and went in this direction.
    pub(super) fn last_was(&self, last: Last, direction: Direction) -> bool {
        self.flags.last_was(last, direction)
    }

    /// Remembers a segment that was let through without a change, for the answer to it.
    fn ignore(&mut self, direction: Direction, kind: SegmentKind, segment: &TcpSegment<'_>) {
        match kind {
            SegmentKind::Syn => {
                self.last_window = segment.window;
                let scale = Scale::offered(segment).bits();
                self.flags.set_field(Flags::LAST_SCALE, 0x0f, scale);
                self.set_last(direction, Last::Syn, segment.sequence_end());
            }
            SegmentKind::Ack => {
                let ack = segment.acknowledgment_number;
                self.set_last(direction, Last::IgnoredAck, ack);
            }
            _ => self.set_last(direction, Last::Other, 0),
        }
        self.flags.set(Flags::ZERO_WINDOW, segment.window == 0);
        self.pass(direction);
    }

    /// Whether the segment is the SYN-ACK that answers an ignored SYN: the ends have
    /// synchronized anew, and so does the flow.
    fn resynchronize(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment<'_>,
    ) -> bool {
        let answers = kind == SegmentKind::SynAck
            && self.last_was(Last::Syn, direction.reversed())
            && segment.acknowledgment_number == self.last;
        if answers {
            let (own, other) = (Side::default(), Side::from_syn(self.last, self.last_window));
            let (sender, receiver) = self.pair_mut(direction);
            (*sender, *receiver) = (own, other);
            self.scales = Scales::NOT_OFFERED;
            let scale = Scale::of_bits(self.flags.field(Flags::LAST_SCALE, 0x0f));
            self.scales.set(direction.reversed(), scale);
            // What was known of the old connection says little of the new one.
            self.flags.0 &= Flags::REPLIED
                | Flags::FIRST_REPLY
                | Flags::ASSURED
                | Flags::of(Flags::PICKED_UP, direction);
        }
        answers
    }
}
