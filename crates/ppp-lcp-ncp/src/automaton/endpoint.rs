//! One end of a control protocol.

use super::event::{
    Discard, EndpointConfig, EndpointConfigError, EndpointStats, LayerEvent, Received,
};
use super::negotiation::{Negotiation, Offer};
use super::step::{Actions, Event, State, step};
use crate::wire::{Code, ControlPacket, ControlRepr, PppProtocol};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Control packets that may wait to be sent. What is too many is dropped and counted, as a line
/// would lose it.
const MAX_OUTBOX: usize = 16;

/// Layer events that may wait to be fetched; with more, the oldest goes and is counted.
const MAX_EVENTS: usize = 16;

/// One end of a control protocol: the automaton with its timer, its counters and its packets.
///
/// The packets that [`poll_transmit`](Self::poll_transmit) writes, and those that
/// [`handle_input`](Self::handle_input) takes, are the information field of PPP packets of
/// [`Negotiation::PROTOCOL`].
///
/// A second answer to one request is discarded, so that a duplicated Configure-Ack does not
/// take an open layer down; the cells of the table for crossed connections are therefore reached by
/// a fresh answer only.
#[derive(Debug)]
pub struct Endpoint<N> {
    pub(super) negotiation: N,
    pub(super) config: EndpointConfig,
    pub(super) state: State,
    pub(super) restart_count: u32,
    pub(super) naks: u32,
    pub(super) refusals: u32,
    pub(super) deadline: Option<Instant>,
    /// The last identifier that was used.
    pub(super) identifier: u8,
    /// The last Configure-Request, while it waits for an answer.
    pub(super) request: Option<Request>,
    /// The identifier of the last Terminate-Request.
    pub(super) terminate_identifier: u8,
    /// How many octets of a packet the peer takes, for packets that quote.
    pub(super) peer_limit: usize,
    pub(super) outbox: VecDeque<PacketBuf>,
    pub(super) events: VecDeque<LayerEvent>,
    pub(super) latest: Instant,
    pub(super) stats: EndpointStats,
}

/// A Configure-Request that waits for an answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) identifier: u8,
    pub(super) options: Vec<u8>,
}

/// What a transition needs to know of the packet that caused it.
#[derive(Default)]
pub(super) struct Cause<'a> {
    /// The packet's identifier, for the answer.
    pub(super) identifier: u8,
    /// The answer to a Configure-Request.
    pub(super) answer: Option<Code>,
    /// What the answer has behind its header.
    pub(super) data: &'a [u8],
}

impl<N: Negotiation> Endpoint<N> {
    /// An endpoint in the state Initial.
    ///
    /// # Errors
    ///
    /// [`EndpointConfigError`], which names the field.
    pub fn new(config: EndpointConfig, negotiation: N) -> Result<Self, EndpointConfigError> {
        config.check()?;
        Ok(Self {
            negotiation,
            config,
            state: State::Initial,
            restart_count: 0,
            naks: 0,
            refusals: 0,
            deadline: None,
            identifier: 0,
            request: None,
            terminate_identifier: 0,
            peer_limit: 1500,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            latest: Instant::ZERO,
            stats: EndpointStats::default(),
        })
    }

    /// The options.
    pub const fn negotiation(&self) -> &N {
        &self.negotiation
    }

    /// The options, to change what is asked for in the next negotiation.
    pub const fn negotiation_mut(&mut self) -> &mut N {
        &mut self.negotiation
    }

    /// The state of the automaton.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the layer is open.
    pub fn is_open(&self) -> bool {
        self.state == State::Opened
    }

    /// Counters.
    pub const fn stats(&self) -> &EndpointStats {
        &self.stats
    }

    /// Sets how many octets of information the peer takes (its MRU): packets that quote are cut to
    /// it. Default: 1500.
    pub const fn set_peer_limit(&mut self, octets: usize) {
        self.peer_limit = octets;
    }

    /// The layer may open (the event Open).
    pub fn open(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let now = self.advance(now);
        let restarts = matches!(self.state, State::Stopped | State::Stopping | State::Opened);
        self.run(now, Event::Open, random);
        if self.config.restart_on_open && restarts {
            self.run(now, Event::Down, random);
            self.run(now, Event::Up, random);
        }
    }

    /// The layer must not stay open (the event Close).
    pub fn close(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let now = self.advance(now);
        self.run(now, Event::Close, random);
    }

    /// The lower layer is ready (the event Up).
    pub fn lower_up(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let now = self.advance(now);
        self.run(now, Event::Up, random);
    }

    /// The lower layer is gone (the event Down). Packets that wait to be sent go with it.
    pub fn lower_down(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let now = self.advance(now);
        self.outbox.clear();
        self.run(now, Event::Down, random);
    }

    /// The peer rejected the protocol as a whole, by a Protocol-Reject.
    // RFC 1661 §5.7 MUST (stop): the implementation stops sending packets of that protocol.
    pub fn protocol_rejected(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let now = self.advance(now);
        self.run(now, Event::RejectFatal, random);
    }

    /// The layer is open without having been negotiated: what both ends would have agreed on is known
    /// beforehand.
    pub(crate) const fn assume_open(&mut self) {
        self.state = State::Opened;
    }

    /// A control packet has arrived; `information` may have padding at its end.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        information: &'a [u8],
        random: &mut dyn RandomSource,
    ) -> Result<Received<'a>, Discard> {
        self.stats.received += 1;
        let result = self.dispatch(now, information, random);
        if let Err(discard) = &result {
            let stats = &mut self.stats;
            *match discard {
                Discard::Parse(_) => &mut stats.malformed,
                Discard::LowerLayerDown => &mut stats.lower_layer_down,
                Discard::StaleAnswer { .. } => &mut stats.stale_answers,
                Discard::AckDiffers | Discard::RejectDiffers { .. } => {
                    &mut stats.mismatched_answers
                }
                Discard::EmptyCodeReject => &mut stats.empty_code_rejects,
            } += 1;
        }
        result
    }

    /// The Restart timer may have expired.
    pub fn handle_timeout(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let now = self.advance(now);
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.deadline = None;
        if self.restart_count > 0 {
            self.stats.retransmitted += 1;
            self.run(now, Event::TimeoutRetry, random);
        } else {
            self.run(now, Event::TimeoutExhausted, random);
        }
    }

    /// Writes the next control packet in place of what `out` holds, and says which protocol's
    /// information it is: [`Negotiation::PROTOCOL`]. `None` when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<PppProtocol> {
        let packet = self.outbox.pop_front()?;
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        out.append_slice(packet.as_slice());
        Some(N::PROTOCOL)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// What the other layers are told, oldest first.
    pub fn poll_event(&mut self) -> Option<LayerEvent> {
        self.events.pop_front()
    }

    /// Queues a packet of the protocol's own, with a fresh identifier, which is returned.
    pub fn send_own(&mut self, code: Code, data: &[u8]) -> u8 {
        let identifier = self.next_identifier();
        self.send(code, identifier, data);
        identifier
    }

    /// Queues an answer of the protocol's own.
    pub fn answer_own(&mut self, code: Code, identifier: u8, data: &[u8]) {
        self.send(code, identifier, data);
    }

    /// Two ends that refuse each other's options for ever would talk for ever.
    pub(super) fn give_up_if_endless(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let negotiates = matches!(self.state, State::ReqSent | State::AckRcvd | State::AckSent);
        if negotiates && self.refusals >= self.config.max_refusals {
            self.stats.not_converged += 1;
            self.push_event(LayerEvent::NotConverged);
            self.run(now, Event::TimeoutExhausted, random);
        }
    }

    pub(super) fn restart(&mut self, random: &mut dyn RandomSource) {
        self.naks = 0;
        self.refusals = 0;
        self.request = None;
        self.negotiation.restart(random);
    }

    pub(super) fn run(&mut self, now: Instant, event: Event, random: &mut dyn RandomSource) {
        self.run_with(now, event, &Cause::default(), random);
    }

    /// One transition.
    pub(super) fn run_with(
        &mut self,
        now: Instant,
        event: Event,
        cause: &Cause<'_>,
        random: &mut dyn RandomSource,
    ) {
        let Some((next, mut actions)) = step(self.state, event) else {
            return;
        };
        let begins = matches!(
            (self.state, event),
            (State::Starting, Event::Up) | (State::Closed, Event::Open)
        );
        if begins {
            self.restart(random);
        }
        if self.config.passive && event == Event::TimeoutExhausted && self.state != State::Closing {
            // RFC 1661 §4.1 MAY (passive): the lower layer stays up for the peer to start.
            actions = actions.without(Actions::THIS_LAYER_FINISHED);
        }
        if self.state == State::Opened && next != State::Opened {
            // A layer that was open negotiates anew, with a fresh allowance.
            self.naks = 0;
            self.refusals = 0;
        }
        self.state = next;
        self.act(now, event, actions, cause);
        if !next.runs_restart_timer() {
            self.deadline = None;
        }
    }

    /// Carries out the actions of a transition, in the order that the table gives them.
    fn act(&mut self, now: Instant, event: Event, actions: Actions, cause: &Cause<'_>) {
        let again = event == Event::TimeoutRetry;
        if actions.contains(Actions::THIS_LAYER_DOWN) {
            self.push_event(LayerEvent::Down);
        }
        if actions.contains(Actions::INIT_RESTART_COUNT) {
            self.restart_count = if actions.contains(Actions::SEND_TERMINATE_REQUEST) {
                self.config.max_terminate
            } else {
                self.config.max_configure
            };
        }
        if actions.contains(Actions::ZERO_RESTART_COUNT) {
            // RFC 1661 §4.4 MUST (zrc): the timer runs once, so that the peer can end first.
            self.restart_count = 0;
            self.deadline = Some(now + self.config.restart_timer);
        }
        if actions.contains(Actions::SEND_CONFIGURE_REQUEST) {
            self.send_configure_request(now, again);
        }
        let answers = actions.contains(Actions::SEND_CONFIGURE_ACK)
            || actions.contains(Actions::SEND_CONFIGURE_NAK);
        if let (true, Some(code)) = (answers, cause.answer) {
            self.send(code, cause.identifier, cause.data);
        }
        if actions.contains(Actions::SEND_TERMINATE_REQUEST) {
            self.send_terminate_request(now, again);
        }
        if actions.contains(Actions::SEND_TERMINATE_ACK) {
            // RFC 1661 §5.5 MUST (copy): with the identifier of the request.
            self.send(Code::TERMINATE_ACK, cause.identifier, &[]);
        }
        if actions.contains(Actions::SEND_CODE_REJECT) {
            // RFC 1661 §5.6 MUST (identifier): each Code-Reject has a fresh one.
            let identifier = self.next_identifier();
            self.send(Code::CODE_REJECT, identifier, cause.data);
        }
        if actions.contains(Actions::THIS_LAYER_UP) {
            self.naks = 0;
            self.refusals = 0;
            self.push_event(LayerEvent::Up);
        }
        if actions.contains(Actions::THIS_LAYER_STARTED) {
            self.push_event(LayerEvent::Started);
        }
        if actions.contains(Actions::THIS_LAYER_FINISHED) {
            self.push_event(LayerEvent::Finished);
        }
    }

    // RFC 1661 §5.1 MUST (identifier): it changes with the options, and after an answer; a request that
    // is sent again may keep it.
    fn send_configure_request(&mut self, now: Instant, again: bool) {
        self.restart_count = self.restart_count.saturating_sub(1);
        self.deadline = Some(now + self.config.restart_timer);
        let mut offer = Offer::default();
        self.negotiation.request(&mut offer);
        let mut options = PacketBuf::new();
        for option in offer.options() {
            option.append_to(&mut options);
        }
        let options = options.as_slice().to_vec();
        let identifier = match &self.request {
            Some(last) if again && last.options == options => last.identifier,
            _ => self.next_identifier(),
        };
        self.send(Code::CONFIGURE_REQUEST, identifier, &options);
        self.request = Some(Request {
            identifier,
            options,
        });
    }

    fn send_terminate_request(&mut self, now: Instant, again: bool) {
        self.request = None;
        self.restart_count = self.restart_count.saturating_sub(1);
        self.deadline = Some(now + self.config.restart_timer);
        if !again {
            self.terminate_identifier = self.next_identifier();
        }
        self.send(Code::TERMINATE_REQUEST, self.terminate_identifier, &[]);
    }

    pub(super) fn send(&mut self, code: Code, identifier: u8, data: &[u8]) {
        let mut packet = PacketBuf::from_slice(ControlPacket::HEADER_LEN, data);
        let header = ControlRepr { code, identifier };
        if self.outbox.len() >= MAX_OUTBOX || header.emit(&mut packet).is_err() {
            self.stats.outbox_full += 1;
            return;
        }
        self.stats.sent += 1;
        self.outbox.push_back(packet);
    }

    const fn next_identifier(&mut self) -> u8 {
        self.identifier = self.identifier.wrapping_add(1);
        self.identifier
    }

    pub(super) fn push_event(&mut self, event: LayerEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_lost += 1;
        }
        self.events.push_back(event);
    }

    /// The latest time seen, which a clock that runs backwards does not change.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }
}
