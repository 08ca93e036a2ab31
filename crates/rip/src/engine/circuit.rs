//! Demand circuits (RFC 2091): what is outstanding with the one peer of such an interface.
//!
//! Routes are sent once and acknowledged, message by message: one response is outstanding at a time,
//! and is sent again until its sequence number comes back. A request asks for the whole table, and is
//! sent again until a response comes. What is learned does not time out, until the peer says "flush":
//! what it does not tell again from then on is gone after the timeout.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use packet_buffer::Instant;

use crate::config::DemandCircuit;

/// Acknowledgements that wait to be sent. The peer sends nothing else before it has one, so more
/// than a few are repetitions.
const MAX_ACKNOWLEDGEMENTS: usize = 4;

/// Something that is sent again and again until it is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeated {
    /// Transmissions so far.
    pub(super) sent: u32,
    /// When the next is due; `None` when it is, and waits to be sent.
    pub(super) next: Option<Instant>,
}

impl Repeated {
    const NEW: Self = Self {
        sent: 0,
        next: None,
    };

    /// It was sent.
    fn sent(&mut self, next: Instant) {
        self.sent = self.sent.saturating_add(1);
        self.next = Some(next);
    }

    fn is_ready(&self) -> bool {
        self.next.is_none()
    }
}

/// A response that is not acknowledged yet.
#[derive(Debug)]
pub(super) struct Outstanding {
    pub(super) entries: Vec<u8>,
    pub(super) flush: bool,
    pub(super) sequence: u16,
    pub(super) repeated: Repeated,
}

/// What a circuit is to send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Acknowledgement(u16),
    Request,
    Response,
}

/// What a timer has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// The peer has not answered for long: the circuit counts as down.
    Down,
    /// It was down for too long: its routes are gone.
    RoutesLost,
}

/// The state of a circuit.
#[derive(Debug)]
pub(super) struct Circuit {
    config: DemandCircuit,
    /// The peer is believed to be reachable.
    pub(super) up: bool,
    request: Option<Repeated>,
    outstanding: Option<Outstanding>,
    /// The number of the next response.
    sequence: u16,
    /// The last response taken in.
    heard: Option<u16>,
    acknowledgements: VecDeque<u16>,
    /// The whole table is to be sent, from the start.
    pub(super) restart: bool,
    /// When routes are given up, while the circuit is down.
    lost_at: Option<Instant>,
}

impl Circuit {
    /// A circuit whose link is up: both sides have to hear everything anew.
    pub(super) fn new(config: DemandCircuit, sequence: u16) -> Self {
        Self {
            config,
            up: true,
            request: Some(Repeated::NEW),
            outstanding: None,
            sequence,
            heard: None,
            acknowledgements: VecDeque::new(),
            restart: true,
            lost_at: None,
        }
    }

    /// Something was heard; true when the circuit was down.
    pub(super) fn heard(&mut self) -> bool {
        self.lost_at = None;
        let was_down = !self.up;
        self.up = true;
        if was_down {
            // RFC 2091 §3.4 MUST (circuit-up): everything is told anew.
            self.outstanding = None;
            self.restart = true;
            self.request.get_or_insert(Repeated::NEW);
        }
        was_down
    }

    /// The peer asks for the whole table.
    pub(super) fn requested(&mut self) {
        // What is outstanding is part of an older answer.
        self.outstanding = None;
        self.restart = true;
    }

    /// A response has come; false when it is one that was taken in already.
    // RFC 2091 §4.3 MUST (acknowledge): each response is acknowledged, a repeated one as well.
    pub(super) fn responded(&mut self, sequence: u16) -> bool {
        self.request = None;
        if !self.acknowledgements.contains(&sequence) {
            if self.acknowledgements.len() >= MAX_ACKNOWLEDGEMENTS {
                self.acknowledgements.pop_front();
            }
            self.acknowledgements.push_back(sequence);
        }
        let new = self.heard != Some(sequence);
        self.heard = Some(sequence);
        new
    }

    pub(super) fn awaits(&self, sequence: u16) -> bool {
        self.outstanding
            .as_ref()
            .is_some_and(|outstanding| outstanding.sequence == sequence)
    }

    /// The acknowledgement that was awaited has come.
    pub(super) fn acknowledged(&mut self) {
        self.outstanding = None;
    }

    /// Whether a further response may be sent.
    pub(super) fn is_free(&self) -> bool {
        self.up && self.outstanding.is_none()
    }

    /// A further response.
    pub(super) fn respond(&mut self, entries: Vec<u8>, flush: bool) {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.outstanding = Some(Outstanding {
            entries,
            flush,
            sequence,
            repeated: Repeated::NEW,
        });
    }

    /// What is to be sent.
    pub(super) fn next(&self) -> Option<Next> {
        if let Some(&sequence) = self.acknowledgements.front() {
            return Some(Next::Acknowledgement(sequence));
        }
        if self.request.as_ref().is_some_and(Repeated::is_ready) {
            return Some(Next::Request);
        }
        self.outstanding
            .as_ref()
            .is_some_and(|outstanding| outstanding.repeated.is_ready())
            .then_some(Next::Response)
    }

    pub(super) fn outstanding(&self) -> Option<&Outstanding> {
        self.outstanding.as_ref()
    }

    /// It was sent.
    pub(super) fn sent(&mut self, now: Instant, next: Next) {
        match next {
            Next::Acknowledgement(_) => {
                self.acknowledgements.pop_front();
            }
            Next::Request => {
                // While the circuit is down, the peer is asked now and then.
                let interval = if self.up {
                    self.config.retransmission
                } else {
                    self.slow()
                };
                if let Some(request) = &mut self.request {
                    request.sent(now + interval);
                }
            }
            Next::Response => {
                if let Some(outstanding) = &mut self.outstanding {
                    outstanding.repeated.sent(now + self.config.retransmission);
                }
            }
        }
    }

    fn slow(&self) -> Duration {
        self.config
            .retransmission
            .saturating_mul(self.config.max_transmissions)
    }

    /// The next deadline.
    pub(super) fn timeout(&self) -> Option<Instant> {
        let request = self.request.as_ref().and_then(|request| request.next);
        let outstanding = self
            .outstanding
            .as_ref()
            .and_then(|outstanding| outstanding.repeated.next);
        [request, outstanding, self.lost_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// The time is `now`.
    // RFC 2091 §6.3 MUST (retransmission): what is not answered is sent again, up to a limit, after
    // which the peer counts as unreachable.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Expired> {
        let limit = self.config.max_transmissions;
        let due = |repeated: &mut Repeated| {
            let due = repeated.next.is_some_and(|next| next <= now);
            if due {
                repeated.next = None;
            }
            due && repeated.sent >= limit
        };
        let mut given_up = self.request.as_mut().is_some_and(due);
        if let Some(outstanding) = &mut self.outstanding {
            given_up |= due(&mut outstanding.repeated);
        }
        if given_up && self.up {
            self.up = false;
            self.outstanding = None;
            self.request = Some(Repeated {
                sent: limit,
                next: Some(now + self.slow()),
            });
            // RFC 2091 §6.4 MUST (oversubscription): the circuit may only be busy; its routes are kept
            // for a while.
            self.lost_at = Some(now + self.config.oversubscription);
            return Some(Expired::Down);
        }
        if self.lost_at.is_some_and(|at| at <= now) {
            self.lost_at = None;
            return Some(Expired::RoutesLost);
        }
        None
    }
}
