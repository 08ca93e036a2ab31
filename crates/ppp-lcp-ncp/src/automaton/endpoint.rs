//! One end of a control protocol.

use super::negotiation::{Judgement, Negotiation, Offer};
use super::step::{Actions, Event, State, step};
use crate::wire::{Code, ConfigOptions, ControlPacket, ControlRepr};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, ParseError, RandomSource};

/// Control packets that may wait to be sent. What is too many is dropped and counted, as a line
/// would lose it.
const MAX_OUTBOX: usize = 16;

/// Layer events that may wait to be fetched; with more, the oldest goes and is counted.
const MAX_EVENTS: usize = 16;

/// Times and counts of an [`Endpoint`] (RFC 1661 §4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointConfig {
    /// The Restart timer. Default: 3 s.
    pub restart_timer: Duration,
    /// Configure-Requests without an answer until the peer is given up; at least 1. Default: 10.
    pub max_configure: u32,
    /// Terminate-Requests without an answer until the layer ends anyhow; at least 1. Default: 2.
    pub max_terminate: u32,
    /// Configure-Naks in a row until they become Configure-Rejects. Default: 5.
    pub max_failure: u32,
    /// Requests refused on either side, without the layer having opened, until the negotiation is
    /// given up: it does not converge. At least 1. Default: 40.
    pub max_refusals: u32,
    /// The RFC's passive option: when the peer does not answer, the layer waits for it instead of
    /// finishing. Default: false.
    pub passive: bool,
    /// The RFC's restart option: opening a layer that is stopped, stopping or open already takes it
    /// down and up again. Default: false.
    pub restart_on_open: bool,
}

impl Default for EndpointConfig {
    // RFC 1661 §4.6 MUST (configurable): the timer and the counters are settings; the defaults are
    // the RFC's.
    fn default() -> Self {
        Self {
            restart_timer: Duration::from_secs(3),
            max_configure: 10,
            max_terminate: 2,
            max_failure: 5,
            max_refusals: 40,
            passive: false,
            restart_on_open: false,
        }
    }
}

/// A value of [`EndpointConfig`] cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct EndpointConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl EndpointConfig {
    fn check(&self) -> Result<(), EndpointConfigError> {
        let at_least_one = [
            ("max_configure", self.max_configure),
            ("max_terminate", self.max_terminate),
            ("max_refusals", self.max_refusals),
        ];
        for (field, value) in at_least_one {
            if value == 0 {
                let problem = "must be at least 1";
                return Err(EndpointConfigError { field, problem });
            }
        }
        if self.restart_timer.is_zero() {
            return Err(EndpointConfigError {
                field: "restart_timer",
                problem: "must not be zero",
            });
        }
        Ok(())
    }
}

/// What the layers above and below are told (RFC 1661 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerEvent {
    /// This-Layer-Up: the layer is open.
    Up,
    /// This-Layer-Down: it is open no longer.
    Down,
    /// This-Layer-Started: the lower layer is needed.
    Started,
    /// This-Layer-Finished: the lower layer is not needed any more.
    Finished,
    /// The negotiation was given up because it did not converge; `Finished` follows.
    NotConverged,
}

/// Why a control packet was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// The packet or its options cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The lower layer is down.
    #[error("the lower layer is down")]
    LowerLayerDown,
    /// The answer is for another request than the last, or the last has been answered.
    #[error("identifier {identifier} is not that of a request that waits for an answer")]
    StaleAnswer {
        /// The packet's.
        identifier: u8,
    },
    /// A Configure-Ack does not have the options of the request.
    #[error("the options of the Configure-Ack are not those of the request")]
    AckDiffers,
    /// A Configure-Reject has an option that the request does not have.
    #[error("the Configure-Reject has an option of type {kind} that the request does not have")]
    RejectDiffers {
        /// The option's type.
        kind: u8,
    },
    /// A Code-Reject does not quote a packet.
    #[error("the Code-Reject does not quote a packet")]
    EmptyCodeReject,
}

/// Counters of an [`Endpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndpointStats {
    /// Control packets handed in.
    pub received: u64,
    /// Control packets made.
    pub sent: u64,
    /// Packets or options that could not be read.
    pub malformed: u64,
    /// Packets while the lower layer was down.
    pub lower_layer_down: u64,
    /// Answers to no request that waits for one.
    pub stale_answers: u64,
    /// Acknowledgements and rejects that do not fit the request.
    pub mismatched_answers: u64,
    /// Code-Rejects that quote nothing.
    pub empty_code_rejects: u64,
    /// Requests that were sent again.
    pub retransmitted: u64,
    /// Packets that were dropped because too many waited to be sent.
    pub outbox_full: u64,
    /// Layer events that were dropped because nobody fetched them.
    pub events_lost: u64,
    /// Negotiations given up because they did not converge.
    pub not_converged: u64,
}

/// What became of a packet that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// The endpoint has dealt with it.
    Done,
    /// It has a code of the protocol's own, for the owner of the endpoint.
    Own(ControlPacket<'a>),
}

/// One end of a control protocol: the automaton with its timer, its counters and its packets.
///
/// The packets that [`poll_transmit`](Self::poll_transmit) writes, and those that
/// [`handle_packet`](Self::handle_packet) takes, are the information field of PPP packets of
/// [`Negotiation::PROTOCOL`].
///
/// A second answer to one request is discarded, so that a duplicated Configure-Ack does not
/// take an open layer down; the cells of the table for crossed connections are therefore reached by
/// a fresh answer only.
#[derive(Debug)]
pub struct Endpoint<N> {
    negotiation: N,
    config: EndpointConfig,
    state: State,
    restart_count: u32,
    naks: u32,
    refusals: u32,
    deadline: Option<Instant>,
    /// The last identifier that was used.
    identifier: u8,
    /// The last Configure-Request, while it waits for an answer.
    request: Option<Request>,
    /// The identifier of the last Terminate-Request.
    terminate_identifier: u8,
    /// How many octets of a packet the peer takes, for packets that quote.
    peer_limit: usize,
    outbox: VecDeque<PacketBuf>,
    events: VecDeque<LayerEvent>,
    latest: Instant,
    stats: EndpointStats,
}

/// A Configure-Request that waits for an answer.
#[derive(Debug)]
struct Request {
    identifier: u8,
    options: Vec<u8>,
}

/// What a transition needs to know of the packet that caused it.
#[derive(Default)]
struct Cause<'a> {
    /// The packet's identifier, for the answer.
    identifier: u8,
    /// The answer to a Configure-Request.
    answer: Option<Code>,
    /// What the answer has behind its header.
    data: &'a [u8],
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
    pub fn handle_packet<'a>(
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

    /// Writes the next control packet in place of what `out` holds; false when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        let Some(packet) = self.outbox.pop_front() else {
            return false;
        };
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        out.append_slice(packet.as_slice());
        true
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

    fn dispatch<'a>(
        &mut self,
        now: Instant,
        information: &'a [u8],
        random: &mut dyn RandomSource,
    ) -> Result<Received<'a>, Discard> {
        let packet = ControlPacket::parse(information)?;
        if !self.state.is_lower_layer_up() {
            return Err(Discard::LowerLayerDown);
        }
        match packet.code() {
            Code::CONFIGURE_REQUEST => self.on_configure_request(now, &packet, random)?,
            Code::CONFIGURE_ACK => self.on_configure_ack(now, &packet, random)?,
            Code::CONFIGURE_NAK | Code::CONFIGURE_REJECT => {
                self.on_configure_nak(now, &packet, random)?;
            }
            Code::TERMINATE_REQUEST => {
                let now = self.advance(now);
                self.run_with(now, Event::TerminateRequest, &cause(&packet), random);
            }
            Code::TERMINATE_ACK => {
                let now = self.advance(now);
                self.run(now, Event::TerminateAck, random);
            }
            Code::CODE_REJECT => self.on_code_reject(now, &packet, random)?,
            code if N::is_own_code(code) => {
                self.advance(now);
                return Ok(Received::Own(packet));
            }
            _ => {
                let now = self.advance(now);
                let quoted = packet.as_slice();
                // RFC 1661 §5.6 MUST (truncated): the quote is cut to the peer's MRU.
                let room = self.peer_limit.saturating_sub(ControlPacket::HEADER_LEN);
                let cause = Cause {
                    data: quoted.get(..room).unwrap_or(quoted),
                    ..cause(&packet)
                };
                self.run_with(now, Event::UnknownCode, &cause, random);
            }
        }
        Ok(Received::Done)
    }

    fn on_configure_request(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        let request = parse_options(packet)?;
        let now = self.advance(now);
        // What is learned from an earlier negotiation does not bind a new one.
        if self.state == State::Stopped {
            self.restart(random);
        }
        let (code, options) = self.judge(&request);
        let cause = Cause {
            answer: Some(code),
            data: &options,
            ..cause(packet)
        };
        let event = if code == Code::CONFIGURE_ACK {
            Event::ConfigureRequestGood
        } else {
            Event::ConfigureRequestBad
        };
        if self.answers_requests() {
            if code == Code::CONFIGURE_ACK {
                self.naks = 0;
                self.negotiation.accept(&request);
            } else {
                self.naks += u32::from(code == Code::CONFIGURE_NAK);
                self.refusals += 1;
                self.negotiation.refuse(&request, code, random);
            }
        }
        self.run_with(now, event, &cause, random);
        self.give_up_if_endless(now, random);
        Ok(())
    }

    /// Whether a Configure-Request is answered in this state with what was judged.
    const fn answers_requests(&self) -> bool {
        matches!(
            self.state,
            State::Stopped | State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
        )
    }

    /// The answer to a request: its code and its options.
    // RFC 1661 §5.4 MUST (reject-first): options that are not recognizable are rejected before
    // values are talked about.
    // RFC 1661 §5.2 MUST (copy): an acknowledgement has the very options of the request.
    fn judge(&self, request: &ConfigOptions<'_>) -> (Code, Vec<u8>) {
        let gives_up_naks = self.naks >= self.config.max_failure;
        let mut rejected = Vec::new();
        let mut naked = PacketBuf::new();
        let mut seen = [false; 256];
        for option in request {
            let judgement = match seen.get_mut(usize::from(option.kind)) {
                // RFC 1661 §6 MUST NOT (once): an option is not listed more than once.
                Some(true) => Judgement::Reject,
                Some(first) => {
                    *first = true;
                    self.negotiation.judge(&option)
                }
                None => Judgement::Reject,
            };
            match judgement {
                Judgement::Ack => {}
                // RFC 1661 §4.6 MUST (max-failure): further Naks become Rejects.
                Judgement::Nak(_) if gives_up_naks => rejected.extend_from_slice(option.octets),
                Judgement::Nak(wanted) | Judgement::Insist(wanted) => {
                    wanted.append_to(&mut naked);
                }
                Judgement::Reject => rejected.extend_from_slice(option.octets),
            }
        }
        if !rejected.is_empty() {
            return (Code::CONFIGURE_REJECT, rejected);
        }
        if !gives_up_naks {
            let mut missing = Offer::default();
            self.negotiation.missing(request, &mut missing);
            for option in missing.options() {
                option.append_to(&mut naked);
            }
        }
        if naked.is_empty() {
            (Code::CONFIGURE_ACK, request.as_slice().to_vec())
        } else {
            (Code::CONFIGURE_NAK, naked.as_slice().to_vec())
        }
    }

    fn on_configure_ack(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        // RFC 1661 §5.2 MUST (match): identifier and options are those of the last request.
        if let Some(request) = self.outstanding(packet)?
            && request.options != packet.data()
        {
            return Err(Discard::AckDiffers);
        }
        let now = self.advance(now);
        if self.request.take().is_some() {
            self.negotiation.acknowledged();
        }
        self.run_with(now, Event::ConfigureAck, &cause(packet), random);
        Ok(())
    }

    fn on_configure_nak(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        // RFC 1661 §5.3 MUST (match): the identifier is that of the last request.
        let request = self.outstanding(packet)?;
        let options = parse_options(packet)?;
        let is_reject = packet.code() == Code::CONFIGURE_REJECT;
        if let (Some(request), true) = (request, is_reject) {
            // RFC 1661 §5.4 MUST (subset): what is rejected was requested, in the same order.
            let asked = ConfigOptions::parse(&request.options)?;
            let mut asked = asked.iter();
            for option in &options {
                if !asked.any(|one| one.octets == option.octets) {
                    let kind = option.kind;
                    return Err(Discard::RejectDiffers { kind });
                }
            }
        }
        let now = self.advance(now);
        if self.request.take().is_some() {
            self.refusals += 1;
            for option in &options {
                if is_reject {
                    self.negotiation.rejected(&option);
                } else {
                    self.negotiation.naked(&option, random);
                }
            }
        }
        self.run_with(now, Event::ConfigureNakOrReject, &cause(packet), random);
        self.give_up_if_endless(now, random);
        Ok(())
    }

    /// The options of the request that `packet` answers; `None` in the states in which no answer is
    /// awaited and any is answered with a Terminate-Ack.
    fn outstanding(&self, packet: &ControlPacket<'_>) -> Result<Option<&Request>, Discard> {
        let identifier = packet.identifier();
        match (&self.request, self.state) {
            (_, State::Closed | State::Stopped) => Ok(None),
            (Some(request), _) if identifier == request.identifier => Ok(Some(request)),
            _ => Err(Discard::StaleAnswer { identifier }),
        }
    }

    fn on_code_reject(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        let Some(&rejected) = packet.data().first() else {
            return Err(Discard::EmptyCodeReject);
        };
        let now = self.advance(now);
        // Without the codes of the automaton there is no protocol; the others can be done without.
        let event = if (Code::CONFIGURE_REQUEST.0..=Code::CODE_REJECT.0).contains(&rejected) {
            Event::RejectFatal
        } else {
            Event::RejectTolerable
        };
        self.run(now, event, random);
        Ok(())
    }

    /// Two ends that refuse each other's options for ever would talk for ever.
    fn give_up_if_endless(&mut self, now: Instant, random: &mut dyn RandomSource) {
        let negotiates = matches!(self.state, State::ReqSent | State::AckRcvd | State::AckSent);
        if negotiates && self.refusals >= self.config.max_refusals {
            self.stats.not_converged += 1;
            self.push_event(LayerEvent::NotConverged);
            self.run(now, Event::TimeoutExhausted, random);
        }
    }

    fn restart(&mut self, random: &mut dyn RandomSource) {
        self.naks = 0;
        self.refusals = 0;
        self.request = None;
        self.negotiation.restart(random);
    }

    fn run(&mut self, now: Instant, event: Event, random: &mut dyn RandomSource) {
        self.run_with(now, event, &Cause::default(), random);
    }

    /// One transition.
    fn run_with(
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

    fn send(&mut self, code: Code, identifier: u8, data: &[u8]) {
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

    fn push_event(&mut self, event: LayerEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_lost += 1;
        }
        self.events.push_back(event);
    }

    /// The latest time seen, which a clock that runs backwards does not change.
    fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }
}

/// What an answer copies from a packet.
fn cause<'a>(packet: &ControlPacket<'_>) -> Cause<'a> {
    Cause {
        identifier: packet.identifier(),
        ..Cause::default()
    }
}

fn parse_options<'a>(packet: &ControlPacket<'a>) -> Result<ConfigOptions<'a>, ParseError> {
    let options = ConfigOptions::parse(packet.data());
    options.map_err(|error| error.offset_by(ControlPacket::HEADER_LEN))
}
