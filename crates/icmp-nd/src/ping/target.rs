//! What is known of one target: requests within the window, and statistics.

use super::config::Target;
use crate::probe::RttStats;
use alloc::collections::VecDeque;
use core::time::Duration;
use packet_buffer::Instant;

/// What came of the requests to a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TargetStats {
    /// Requests made.
    pub sent: u64,
    /// Requests answered by a reply, late ones among them.
    pub received: u64,
    /// Replies to requests that had been answered.
    pub duplicates: u64,
    /// First replies that came after the timeout.
    pub late: u64,
    /// First replies that came after the reply to a later request.
    pub reordered: u64,
    /// Replies with other data than was sent.
    pub corrupt: u64,
    /// Errors about requests, redirects not among them.
    pub errors: u64,
    /// Redirects.
    pub redirects: u64,
    /// Requests that no answer to came in time, those answered late among them.
    pub timeouts: u64,
    /// Round-trip times of first replies.
    pub rtt: RttStats,
}

impl TargetStats {
    /// Requests without a reply so far, those in flight among them.
    pub const fn missing(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    InFlight,
    TimedOut,
    Failed,
    Answered,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) token: u64,
    pub(super) sent_at: Instant,
    pub(super) state: State,
}

/// One target.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) target: Target,
    /// Requests `first` and later, in order.
    window: VecDeque<Request>,
    /// The sequence of the first request in the window; requests are counted from 1.
    first: u32,
    /// Every request before this one is resolved.
    oldest: u32,
    /// The greatest sequence that was answered.
    highest_answered: u32,
    pub(super) in_flight: usize,
    /// Requests that wait to be polled.
    pub(super) unsent: usize,
    /// When the next request is due; `None` when there will be none, or while it waits for room.
    pub(super) next_send: Option<Instant>,
    /// Whether a request was due and waits for an answer or a timeout.
    pub(super) stalled: bool,
    /// When it was last in the order of timers.
    pub(super) timer: Option<Instant>,
    pub(super) finished: bool,
    pub(super) stats: TargetStats,
}

impl Peer {
    pub(super) fn new(target: Target, first_send: Instant) -> Self {
        Self {
            target,
            window: VecDeque::new(),
            first: 1,
            oldest: 1,
            highest_answered: 0,
            in_flight: 0,
            unsent: 0,
            next_send: Some(first_send),
            stalled: false,
            timer: None,
            finished: false,
            stats: TargetStats::default(),
        }
    }

    /// The sequence of the request made last; 0 before the first.
    fn last(&self) -> u32 {
        let length = u32::try_from(self.window.len()).unwrap_or(u32::MAX);
        self.first.wrapping_add(length).wrapping_sub(1)
    }

    /// Enters a request and gives its sequence. The oldest makes room; it is never in flight, because
    /// fewer may be than the window has room for.
    pub(super) fn push(&mut self, now: Instant, token: u64, window: usize) -> u32 {
        while self.window.len() >= window {
            if let Some(old) = self.window.pop_front()
                && old.state == State::InFlight
            {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            self.first = self.first.wrapping_add(1);
        }
        self.window.push_back(Request {
            token,
            sent_at: now,
            state: State::InFlight,
        });
        self.in_flight += 1;
        self.advance();
        self.stats.sent += 1;
        self.last()
    }

    /// The whole sequence for a sequence number on the wire, if that request is remembered.
    pub(super) fn find(&self, sequence_number: u16) -> Option<(u32, Request)> {
        let last = self.last();
        let [_, _, high, low] = last.to_be_bytes();
        let age = u16::from_be_bytes([high, low]).wrapping_sub(sequence_number);
        let sequence = last.wrapping_sub(u32::from(age));
        Some((sequence, self.request(sequence)?))
    }

    /// A request by its whole sequence.
    pub(super) fn request(&self, sequence: u32) -> Option<Request> {
        let at = usize::try_from(sequence.wrapping_sub(self.first)).ok()?;
        self.window.get(at).copied()
    }

    /// Notes what became of a request; gives what it was before.
    pub(super) fn resolve(&mut self, sequence: u32, state: State) {
        let at = usize::try_from(sequence.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(request) = self.window.get_mut(at) {
            if request.state == State::InFlight {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            request.state = state;
        }
        self.advance();
        if state == State::Answered {
            // Sequences within the window do not wrap past each other.
            let ahead = sequence.wrapping_sub(self.highest_answered);
            if ahead < u32::MAX / 2 {
                self.highest_answered = sequence;
            }
        }
    }

    /// Whether a later request than this one was answered.
    pub(super) fn is_overtaken(&self, sequence: u32) -> bool {
        let behind = self.highest_answered.wrapping_sub(sequence);
        behind != 0 && behind < u32::MAX / 2
    }

    /// The oldest request in flight. All have the same patience, so it times out first.
    fn oldest_in_flight(&self) -> Option<(u32, Instant)> {
        if self.in_flight == 0 {
            return None;
        }
        let request = self.request(self.oldest)?;
        Some((self.oldest, request.sent_at))
    }

    /// Moves `oldest` to a request in flight, or behind the last. A resolved request is never in flight
    /// again, so it only moves forward.
    fn advance(&mut self) {
        while self.oldest != self.last().wrapping_add(1)
            && self
                .request(self.oldest)
                .is_none_or(|request| request.state != State::InFlight)
        {
            self.oldest = self.oldest.wrapping_add(1);
        }
    }

    /// A request that has timed out at `now`.
    pub(super) fn timed_out(&self, now: Instant, timeout: Duration) -> Option<u32> {
        let (sequence, sent_at) = self.oldest_in_flight()?;
        (sent_at + timeout <= now).then_some(sequence)
    }

    /// When something is due next.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let expiry = self
            .oldest_in_flight()
            .map(|(_, sent_at)| sent_at + timeout);
        [self.next_send, expiry].into_iter().flatten().min()
    }
}
