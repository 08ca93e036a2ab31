//! One connection.

use super::window::{MAX_ACK_WINDOW, NOT_OFFERED, Side, distance, offered_scale, scaled_window};
use super::{SegmentKind, Step, TcpPolicy, TcpState, step};
use crate::packet::TcpSegment;
use crate::{Invalid, TcpTimers, Verdict};
use alloc::vec::Vec;
use core::time::Duration;
use flow_table::Direction;
use packet_buffer::wire::TcpFlags;
use packet_buffer::{Cursor, ParseError};

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
    sides: [Side; 2],
    /// The end of a SYN that was ignored, or a mixture of the numbers of the last ACK.
    last: u32,
    last_window: u16,
    /// The window scale that each side has offered.
    scales: [u8; 2],
    last_scale: u8,
    state: TcpState,
    flags: Flags,
    /// How often the last ACK has been repeated.
    repeats: u8,
}

/// Single bits; those of the original direction, the reply's one bit to the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Flags(u16);

impl Flags {
    /// The side has sent an acknowledgment.
    const ACKED: u16 = 1 << 0;
    /// The side has sent the RST or the first FIN.
    const CLOSER: u16 = 1 << 2;
    /// The side has said in its SYN that it takes SACK.
    const SACK: u16 = 1 << 6;
    /// The last segment was a SYN of this side that was ignored.
    const IGNORED_SYN: u16 = 1 << 10;
    /// The ignored SYN permitted SACK; no direction.
    const IGNORED_SACK: u16 = 1 << 12;
    /// The connection was taken up in the middle; no direction.
    const PICKED_UP: u16 = 1 << 13;
    /// The handshake was completed; no direction.
    const ASSURED: u16 = 1 << 15;

    #[inline]
    const fn of(bit: u16, direction: Direction) -> u16 {
        match direction {
            Direction::Original => bit,
            Direction::Reply => bit << 1,
        }
    }

    #[inline]
    const fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    #[inline]
    fn set(&mut self, bit: u16, on: bool) {
        if on {
            self.0 |= bit;
        } else {
            self.0 &= !bit;
        }
    }
}

/// What the numbers of a segment say.
enum Fit {
    /// They fit.
    In,
    /// They do not, and the policy lets the segment pass without a change.
    Pass,
    /// They do not.
    Out(Invalid),
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
        let end = segment.sequence_end();
        let mut flow = Self {
            sides: [Side::default(); 2],
            last: 0,
            last_window: 0,
            scales: [NOT_OFFERED; 2],
            last_scale: NOT_OFFERED,
            state: TcpState::SynSent,
            flags: Flags::default(),
            repeats: 0,
        };
        match kind {
            SegmentKind::Syn => {
                flow.start(Direction::Original, end, segment);
            }
            SegmentKind::Ack if policy.picks_up() => {
                let window = u32::from(segment.window).max(1);
                flow.sides = [
                    Side {
                        end,
                        max_end: end.wrapping_add(window),
                        max_window: window,
                        max_ack: segment.acknowledgment_number,
                    },
                    Side {
                        end: segment.acknowledgment_number,
                        max_end: segment.acknowledgment_number,
                        max_window: 0,
                        max_ack: 0,
                    },
                ];
                flow.state = TcpState::Established;
                flow.flags.set(Flags::PICKED_UP, true);
                flow.flags.set(Flags::ACKED, true);
            }
            _ => return Err(Invalid::NotSyn),
        }
        Ok(flow)
    }

    /// Looks at the next segment, which goes in `direction`.
    ///
    /// The state is changed only by segments that are accepted (an ignored SYN is remembered, so that its
    /// answer can be told from an old one's).
    pub fn handle(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
    ) -> Verdict {
        let Some(kind) = SegmentKind::of(segment.flags) else {
            return Verdict::Invalid(Invalid::Flags);
        };
        let next = match step(self.state, direction, kind) {
            Step::To(next) => next,
            Step::Invalid => return Verdict::Invalid(Invalid::State),
            Step::Reopen => return Verdict::Reopen,
            Step::ReopenByCloser if self.flags.has(Flags::of(Flags::CLOSER, direction)) => {
                return Verdict::Reopen;
            }
            Step::ReopenByCloser | Step::Ignore => {
                self.ignore(direction, kind, segment);
                return Verdict::Ignore;
            }
        };
        let mut after = *self;
        match after.fit(policy, direction, kind, segment) {
            Fit::In => {}
            Fit::Pass => {
                *self = after;
                return Verdict::Ignore;
            }
            Fit::Out(why) => return Verdict::Invalid(why),
        }
        if kind == SegmentKind::Rst {
            return self.reset(policy, direction, segment, after);
        }
        if next == TcpState::FinWait && self.state != TcpState::FinWait {
            after.flags.set(Flags::of(Flags::CLOSER, direction), true);
        }
        if self.state == TcpState::SynReceived && next == TcpState::Established {
            after.flags.set(Flags::ASSURED, true);
        }
        after.state = next;
        *self = after;
        Verdict::Accept
    }

    /// The state.
    #[inline]
    pub const fn state(&self) -> TcpState {
        self.state
    }

    /// Whether the handshake has been completed; entries that are not assured go first when a table is full.
    #[inline]
    pub const fn is_assured(&self) -> bool {
        self.flags.has(Flags::ASSURED)
    }

    /// Whether the connection was taken up in the middle, so that scaling and windows are guesses.
    #[inline]
    pub const fn is_picked_up(&self) -> bool {
        self.flags.has(Flags::PICKED_UP)
    }

    /// Whether the answering side has been seen.
    #[inline]
    pub const fn is_replied(&self) -> bool {
        let [_, reply] = &self.sides;
        reply.is_seen()
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
        if self.is_picked_up() && !self.is_replied() {
            return by_state.min(timers.unacknowledged);
        }
        by_state
    }

    /// Whether a number that an ICMP error quotes from a segment in `direction` is one that the
    /// sender has in flight (RFC 5927 §4.1).
    pub fn is_in_flight(&self, direction: Direction, sequence_number: u32) -> bool {
        let (sender, receiver) = self.pair(direction);
        let oldest = if self
            .flags
            .has(Flags::of(Flags::ACKED, direction.reversed()))
        {
            receiver.max_ack
        } else {
            sequence_number
        };
        distance(sequence_number, oldest) >= 0 && distance(sequence_number, sender.end) <= 0
    }

    #[inline]
    const fn pair(&self, direction: Direction) -> (&Side, &Side) {
        let [original, reply] = &self.sides;
        match direction {
            Direction::Original => (original, reply),
            Direction::Reply => (reply, original),
        }
    }

    #[inline]
    const fn pair_mut(&mut self, direction: Direction) -> (&mut Side, &mut Side) {
        let [original, reply] = &mut self.sides;
        match direction {
            Direction::Original => (original, reply),
            Direction::Reply => (reply, original),
        }
    }

    #[inline]
    const fn scale(&self, direction: Direction) -> u8 {
        let [original, reply] = self.scales;
        match direction {
            Direction::Original => original,
            Direction::Reply => reply,
        }
    }

    /// Takes what a SYN says of its side.
    fn start(&mut self, direction: Direction, end: u32, segment: &TcpSegment<'_>) {
        *self.pair_mut(direction).0 = Side::from_syn(end, segment.window);
        let offered = offered_scale(segment);
        let [original, reply] = &mut self.scales;
        match direction {
            Direction::Original => *original = offered,
            Direction::Reply => *reply = offered,
        }
        self.flags
            .set(Flags::of(Flags::SACK, direction), segment.permits_sack());
    }

    /// Remembers a SYN that was let through without a change, and takes it over when it is answered.
    fn ignore(&mut self, direction: Direction, kind: SegmentKind, segment: &TcpSegment<'_>) {
        if kind == SegmentKind::Syn {
            self.last = segment.sequence_end();
            self.last_window = segment.window;
            self.last_scale = offered_scale(segment);
            self.flags
                .set(Flags::of(Flags::IGNORED_SYN, direction), true);
            self.flags.set(Flags::IGNORED_SACK, segment.permits_sack());
        }
    }

    /// Compares the numbers of a segment with the windows, and moves these.
    fn fit(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment<'_>,
    ) -> Fit {
        let is_syn = segment.flags.contains(TcpFlags::SYN);
        let is_rst = kind == SegmentKind::Rst;
        let (seq, end) = (segment.sequence_number, segment.sequence_end());
        if !self.pair(direction).0.is_seen() {
            if is_syn {
                self.start(direction, end, segment);
                let [a, b] = self.scales;
                if self.pair(direction.reversed()).0.is_seen()
                    && (a == NOT_OFFERED || b == NOT_OFFERED)
                {
                    self.scales = [NOT_OFFERED; 2];
                }
            } else {
                let window = scaled_window(segment, self.scale(direction)).max(1);
                let (sender, _) = self.pair_mut(direction);
                sender.end = end;
                sender.max_window = window;
                sender.max_end = end.wrapping_add(window);
            }
        } else if self.state == TcpState::SynSent
            && is_syn
            && distance(end, self.pair(direction).0.end) > 0
        {
            self.start(direction, end, segment);
        }
        let scale = self.scale(direction);
        let (before, peer) = self.pair(direction);
        let (mut sender, mut receiver) = (*before, *peer);
        let has_ack = segment.flags.contains(TcpFlags::ACK);
        let mut ack = segment.acknowledgment_number;
        if !has_ack || (is_rst && ack == 0) {
            ack = receiver.end;
        }
        let (mut seq, mut end) = (seq, end);
        if is_rst && seq == 0 && self.state == TcpState::SynSent {
            seq = sender.end;
            end = sender.end;
        }
        if seq == end && !is_rst {
            seq = sender.end;
            end = sender.end;
        }
        if !matches!(policy, TcpPolicy::Loose) {
            let is_linux = matches!(policy, TcpPolicy::LinuxCompat { .. });
            let reach = if is_linux { seq } else { end };
            if distance(reach, sender.max_end) > 0 {
                let over = end.wrapping_sub(sender.max_end).wrapping_add(1);
                if is_linux
                    && !is_rst
                    && receiver.max_window > 0
                    && over <= receiver.max_window
                    && distance(ack, receiver.end) <= 0
                {
                    self.pair_mut(direction).0.end = end;
                    return Fit::Pass;
                }
                return Fit::Out(if is_rst {
                    Invalid::RstOutOfWindow
                } else {
                    Invalid::OverWindow
                });
            }
            if distance(ack, receiver.end) > 0 {
                return Fit::Out(Invalid::AckOfUnsent);
            }
            let oldest = sender.end.wrapping_sub(receiver.max_window).wrapping_sub(1);
            if distance(end, oldest) <= 0 {
                return if is_rst {
                    Fit::Out(Invalid::RstOutOfWindow)
                } else if is_linux {
                    Fit::Pass
                } else {
                    Fit::Out(Invalid::UnderWindow)
                };
            }
            let lag = sender.max_window.max(MAX_ACK_WINDOW);
            if distance(ack, receiver.end.wrapping_sub(lag).wrapping_sub(1)) <= 0 {
                return if is_linux {
                    Fit::Pass
                } else {
                    Fit::Out(Invalid::AckTooOld)
                };
            }
        }
        let window = scaled_window(segment, scale);
        sender.max_window = sender.max_window.max(window);
        if distance(end, sender.end) > 0 {
            sender.end = end;
        }
        if has_ack {
            let bit = Flags::of(Flags::ACKED, direction);
            if !self.flags.has(bit) || distance(ack, sender.max_ack) > 0 {
                sender.max_ack = ack;
            }
            self.flags.set(bit, true);
        }
        let may_send = ack.wrapping_add(window.max(1));
        if distance(may_send, receiver.max_end) > 0 {
            receiver.max_end = may_send;
        }
        let (own, other) = self.pair_mut(direction);
        (*own, *other) = (sender, receiver);
        Fit::In
    }

    /// A RST whose numbers are within the window.
    fn reset(
        &mut self,
        policy: &TcpPolicy,
        direction: Direction,
        segment: &TcpSegment<'_>,
        mut after: Self,
    ) -> Verdict {
        let peer = self.pair(direction).1;
        let has_acked = self
            .flags
            .has(Flags::of(Flags::ACKED, direction.reversed()));
        if has_acked && !matches!(policy, TcpPolicy::Loose) {
            // RFC 5961 §3.2: only the exact number resets; others within the window draw a
            // challenge ACK, so the connection may live on.
            match distance(segment.sequence_number, peer.max_ack) {
                0 => {}
                ..0 => return Verdict::Invalid(Invalid::RstOutOfWindow),
                _ if self.state.is_opening() => {}
                _ => return Verdict::Ignore,
            }
        }
        if direction == Direction::Reply && self.state == TcpState::SynSent && !self.is_replied() {
            return Verdict::Delete;
        }
        after.flags.set(Flags::of(Flags::CLOSER, direction), true);
        after.state = TcpState::Closed;
        *self = after;
        Verdict::Accept
    }
}

impl TcpFlow {
    /// Writes the state: see [`FlowState::write_snapshot`](crate::FlowState::write_snapshot).
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for side in &self.sides {
            for number in [side.end, side.max_end, side.max_window, side.max_ack] {
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out.extend_from_slice(&self.last.to_be_bytes());
        out.extend_from_slice(&self.last_window.to_be_bytes());
        out.extend_from_slice(&self.flags.0.to_be_bytes());
        let state = TcpState::ALL.iter().position(|state| *state == self.state);
        let state = state.and_then(|place| u8::try_from(place).ok());
        let [original, reply] = self.scales;
        out.extend_from_slice(&[
            original,
            reply,
            self.last_scale,
            state.unwrap_or(u8::MAX),
            self.repeats,
        ]);
    }

    /// Reads what [`write`](Self::write) has written.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut sides = [Side::default(); 2];
        for side in &mut sides {
            side.end = cursor.u32("TCP end")?;
            side.max_end = cursor.u32("TCP window end")?;
            side.max_window = cursor.u32("TCP window")?;
            side.max_ack = cursor.u32("TCP acknowledgment")?;
        }
        let last = cursor.u32("TCP last number")?;
        let last_window = cursor.u16("TCP last window")?;
        let flags = Flags(cursor.u16("TCP flags")?);
        let at = cursor.offset();
        let &[original, reply, last_scale, state, repeats] =
            cursor.array("TCP scales and state")?;
        for scale in [original, reply, last_scale] {
            if scale > 14 && scale != NOT_OFFERED {
                return Err(ParseError::bad_value("TCP window scale", at, scale.into()));
            }
        }
        let state = TcpState::ALL
            .get(usize::from(state))
            .ok_or(ParseError::bad_value("TCP state", at + 3, state.into()))?;
        Ok(Self {
            sides,
            last,
            last_window,
            scales: [original, reply],
            last_scale,
            state: *state,
            flags,
            repeats,
        })
    }
}
