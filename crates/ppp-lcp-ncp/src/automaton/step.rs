//! States, events, actions, and the transitions between them.

use core::fmt;
use core::ops::BitOr;

/// The state of a control protocol (RFC 1661 §4.2), numbered as in the RFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum State {
    /// The lower layer is down, and nobody asked for this one.
    #[default]
    Initial = 0,
    /// The lower layer is down, and this one is to open when it comes up.
    Starting = 1,
    /// The lower layer is up, and this one is not to open.
    Closed = 2,
    /// This layer was opened, and has finished: the peer may start it again.
    Stopped = 3,
    /// A Terminate-Request was sent because of a close from above.
    Closing = 4,
    /// A Terminate-Request was sent or answered, not because of a close from above.
    Stopping = 5,
    /// A Configure-Request was sent; neither side's is acknowledged.
    ReqSent = 6,
    /// The peer has acknowledged our Configure-Request.
    AckRcvd = 7,
    /// We have acknowledged the peer's Configure-Request.
    AckSent = 8,
    /// Both are acknowledged.
    Opened = 9,
}

impl State {
    /// All states, in the RFC's order.
    pub const ALL: [Self; 10] = [
        Self::Initial,
        Self::Starting,
        Self::Closed,
        Self::Stopped,
        Self::Closing,
        Self::Stopping,
        Self::ReqSent,
        Self::AckRcvd,
        Self::AckSent,
        Self::Opened,
    ];

    /// Whether the Restart timer runs in this state (RFC 1661 §4.4).
    // RFC 1661 §4.4 MUST (restart-timer): it runs while an answer is awaited, and is stopped in all
    // other states.
    pub const fn runs_restart_timer(self) -> bool {
        matches!(
            self,
            Self::Closing | Self::Stopping | Self::ReqSent | Self::AckRcvd | Self::AckSent
        )
    }

    /// Whether the lower layer is up.
    pub const fn is_lower_layer_up(self) -> bool {
        !matches!(self, Self::Initial | Self::Starting)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initial => "initial",
            Self::Starting => "starting",
            Self::Closed => "closed",
            Self::Stopped => "stopped",
            Self::Closing => "closing",
            Self::Stopping => "stopping",
            Self::ReqSent => "req-sent",
            Self::AckRcvd => "ack-rcvd",
            Self::AckSent => "ack-sent",
            Self::Opened => "opened",
        })
    }
}

/// What can happen (RFC 1661 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The lower layer is ready to carry packets.
    Up,
    /// The lower layer is no longer ready.
    Down,
    /// The layer may be opened: an administrator, or the layer above, wants it.
    Open,
    /// The layer must not stay open.
    Close,
    /// `TO+`: the Restart timer has expired, and the restart counter is not used up.
    TimeoutRetry,
    /// `TO-`: the Restart timer has expired, and the restart counter is used up.
    TimeoutExhausted,
    /// `RCR+`: an acceptable Configure-Request.
    ConfigureRequestGood,
    /// `RCR-`: an unacceptable Configure-Request.
    ConfigureRequestBad,
    /// `RCA`: a Configure-Ack.
    ConfigureAck,
    /// `RCN`: a Configure-Nak or Configure-Reject.
    ConfigureNakOrReject,
    /// `RTR`: a Terminate-Request.
    TerminateRequest,
    /// `RTA`: a Terminate-Ack.
    TerminateAck,
    /// `RUC`: a packet of an unknown code.
    UnknownCode,
    /// `RXJ+`: a Code-Reject or Protocol-Reject that can be lived with.
    RejectTolerable,
    /// `RXJ-`: a Code-Reject or Protocol-Reject of something that cannot be done without.
    RejectFatal,
    /// `RXR`: an Echo-Request, Echo-Reply or Discard-Request.
    Echo,
}

impl Event {
    /// All events, in the order of the RFC's table.
    pub const ALL: [Self; 16] = [
        Self::Up,
        Self::Down,
        Self::Open,
        Self::Close,
        Self::TimeoutRetry,
        Self::TimeoutExhausted,
        Self::ConfigureRequestGood,
        Self::ConfigureRequestBad,
        Self::ConfigureAck,
        Self::ConfigureNakOrReject,
        Self::TerminateRequest,
        Self::TerminateAck,
        Self::UnknownCode,
        Self::RejectTolerable,
        Self::RejectFatal,
        Self::Echo,
    ];
}

/// What a transition asks for (RFC 1661 §4.4): a set, carried out in the order of its constants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Actions(u16);

impl Actions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `tld`, This-Layer-Down: the upper layers are told.
    pub const THIS_LAYER_DOWN: Self = Self(1 << 0);
    /// `irc`, Initialize-Restart-Count: to Max-Terminate or Max-Configure.
    pub const INIT_RESTART_COUNT: Self = Self(1 << 1);
    /// `zrc`, Zero-Restart-Count: to zero, so that the next timeout is the last.
    pub const ZERO_RESTART_COUNT: Self = Self(1 << 2);
    /// `scr`, Send-Configure-Request.
    pub const SEND_CONFIGURE_REQUEST: Self = Self(1 << 3);
    /// `sca`, Send-Configure-Ack.
    pub const SEND_CONFIGURE_ACK: Self = Self(1 << 4);
    /// `scn`, Send-Configure-Nak, or Reject.
    pub const SEND_CONFIGURE_NAK: Self = Self(1 << 5);
    /// `str`, Send-Terminate-Request.
    pub const SEND_TERMINATE_REQUEST: Self = Self(1 << 6);
    /// `sta`, Send-Terminate-Ack.
    pub const SEND_TERMINATE_ACK: Self = Self(1 << 7);
    /// `scj`, Send-Code-Reject.
    pub const SEND_CODE_REJECT: Self = Self(1 << 8);
    /// `ser`, Send-Echo-Reply.
    pub const SEND_ECHO_REPLY: Self = Self(1 << 9);
    /// `tlu`, This-Layer-Up: the upper layers are told.
    pub const THIS_LAYER_UP: Self = Self(1 << 10);
    /// `tls`, This-Layer-Started: the lower layer is needed.
    pub const THIS_LAYER_STARTED: Self = Self(1 << 11);
    /// `tlf`, This-Layer-Finished: the lower layer is no longer needed.
    pub const THIS_LAYER_FINISHED: Self = Self(1 << 12);

    /// Names as the RFC abbreviates them.
    const NAMES: [(Self, &'static str); 13] = [
        (Self::THIS_LAYER_DOWN, "tld"),
        (Self::INIT_RESTART_COUNT, "irc"),
        (Self::ZERO_RESTART_COUNT, "zrc"),
        (Self::SEND_CONFIGURE_REQUEST, "scr"),
        (Self::SEND_CONFIGURE_ACK, "sca"),
        (Self::SEND_CONFIGURE_NAK, "scn"),
        (Self::SEND_TERMINATE_REQUEST, "str"),
        (Self::SEND_TERMINATE_ACK, "sta"),
        (Self::SEND_CODE_REJECT, "scj"),
        (Self::SEND_ECHO_REPLY, "ser"),
        (Self::THIS_LAYER_UP, "tlu"),
        (Self::THIS_LAYER_STARTED, "tls"),
        (Self::THIS_LAYER_FINISHED, "tlf"),
    ];

    /// Whether all of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Actions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter();
        let names = names.filter(|(action, _)| self.contains(*action));
        f.debug_list().entries(names.map(|(_, name)| name)).finish()
    }
}

const TLD: Actions = Actions::THIS_LAYER_DOWN;
const IRC: Actions = Actions::INIT_RESTART_COUNT;
const ZRC: Actions = Actions::ZERO_RESTART_COUNT;
const SCR: Actions = Actions::SEND_CONFIGURE_REQUEST;
const SCA: Actions = Actions::SEND_CONFIGURE_ACK;
const SCN: Actions = Actions::SEND_CONFIGURE_NAK;
const STR: Actions = Actions::SEND_TERMINATE_REQUEST;
const STA: Actions = Actions::SEND_TERMINATE_ACK;
const SCJ: Actions = Actions::SEND_CODE_REJECT;
const SER: Actions = Actions::SEND_ECHO_REPLY;
const TLU: Actions = Actions::THIS_LAYER_UP;
const TLS: Actions = Actions::THIS_LAYER_STARTED;
const TLF: Actions = Actions::THIS_LAYER_FINISHED;
const NONE: Actions = Actions::NONE;

/// The transition table of RFC 1661 §4.1. `None` where the table has a dash: the event cannot happen in
/// that state, and a caller to whom it seems to happen ignores it.
///
/// Of the RFC's options this function has none: the restart option (`r`) is a `Down` and an `Up` by
/// the caller, the passive option (`p`) leaves This-Layer-Finished out, and crossed connections
/// (`x`) are for the caller to log.
// RFC 1661 §4.1 MUST: this is the table.
pub const fn step(state: State, event: Event) -> Option<(State, Actions)> {
    match event {
        Event::Up => on_up(state),
        Event::Down => on_down(state),
        Event::Open => Some(on_open(state)),
        Event::Close => Some(on_close(state)),
        Event::TimeoutRetry => on_timeout_retry(state),
        Event::TimeoutExhausted => on_timeout_exhausted(state),
        // Packets arrive over a lower layer that is up.
        _ if !state.is_lower_layer_up() => None,
        Event::ConfigureRequestGood => Some(on_configure_request(state, true)),
        Event::ConfigureRequestBad => Some(on_configure_request(state, false)),
        Event::ConfigureAck => Some(on_configure_ack(state)),
        Event::ConfigureNakOrReject => Some(on_configure_nak(state)),
        Event::TerminateRequest => Some(on_terminate_request(state)),
        Event::TerminateAck => Some(on_terminate_ack(state)),
        Event::UnknownCode => Some((state, SCJ)),
        Event::RejectTolerable => Some(match state {
            State::AckRcvd => (State::ReqSent, NONE),
            _ => (state, NONE),
        }),
        Event::RejectFatal => Some(on_fatal_reject(state)),
        Event::Echo => Some(match state {
            State::Opened => (state, SER),
            _ => (state, NONE),
        }),
    }
}

const fn on_up(state: State) -> Option<(State, Actions)> {
    match state {
        State::Initial => Some((State::Closed, NONE)),
        State::Starting => Some((State::ReqSent, IRC.union(SCR))),
        _ => None,
    }
}

const fn on_down(state: State) -> Option<(State, Actions)> {
    match state {
        State::Initial | State::Starting => None,
        State::Closed | State::Closing => Some((State::Initial, NONE)),
        State::Stopped => Some((State::Starting, TLS)),
        State::Stopping | State::ReqSent | State::AckRcvd | State::AckSent => {
            Some((State::Starting, NONE))
        }
        State::Opened => Some((State::Starting, TLD)),
    }
}

const fn on_open(state: State) -> (State, Actions) {
    match state {
        State::Initial => (State::Starting, TLS),
        State::Closed => (State::ReqSent, IRC.union(SCR)),
        State::Closing => (State::Stopping, NONE),
        _ => (state, NONE),
    }
}

const fn on_close(state: State) -> (State, Actions) {
    match state {
        State::Initial => (State::Initial, NONE),
        State::Starting => (State::Initial, TLF),
        State::Closed | State::Stopped => (State::Closed, NONE),
        State::Closing | State::Stopping => (State::Closing, NONE),
        State::ReqSent | State::AckRcvd | State::AckSent => (State::Closing, IRC.union(STR)),
        State::Opened => (State::Closing, TLD.union(IRC).union(STR)),
    }
}

const fn on_timeout_retry(state: State) -> Option<(State, Actions)> {
    match state {
        State::Closing | State::Stopping => Some((state, STR)),
        // The acknowledgement that was received was for the request that now is sent again.
        State::ReqSent | State::AckRcvd => Some((State::ReqSent, SCR)),
        State::AckSent => Some((State::AckSent, SCR)),
        _ => None,
    }
}

const fn on_timeout_exhausted(state: State) -> Option<(State, Actions)> {
    match state {
        State::Closing => Some((State::Closed, TLF)),
        State::Stopping | State::ReqSent | State::AckRcvd | State::AckSent => {
            Some((State::Stopped, TLF))
        }
        _ => None,
    }
}

const fn on_configure_request(state: State, good: bool) -> (State, Actions) {
    let answer = if good { SCA } else { SCN };
    match state {
        State::Initial | State::Starting | State::Closing | State::Stopping => (state, NONE),
        State::Closed => (State::Closed, STA),
        State::Stopped => {
            let next = if good { State::AckSent } else { State::ReqSent };
            (next, IRC.union(SCR).union(answer))
        }
        State::ReqSent | State::AckSent => {
            let next = if good { State::AckSent } else { State::ReqSent };
            (next, answer)
        }
        State::AckRcvd if good => (State::Opened, SCA.union(TLU)),
        State::AckRcvd => (State::AckRcvd, SCN),
        State::Opened => {
            let next = if good { State::AckSent } else { State::ReqSent };
            (next, TLD.union(SCR).union(answer))
        }
    }
}

const fn on_configure_ack(state: State) -> (State, Actions) {
    match state {
        State::Initial | State::Starting | State::Closing | State::Stopping => (state, NONE),
        State::Closed | State::Stopped => (state, STA),
        State::ReqSent => (State::AckRcvd, IRC),
        // Crossed connections.
        State::AckRcvd => (State::ReqSent, SCR),
        State::AckSent => (State::Opened, IRC.union(TLU)),
        State::Opened => (State::ReqSent, TLD.union(SCR)),
    }
}

const fn on_configure_nak(state: State) -> (State, Actions) {
    match state {
        State::Initial | State::Starting | State::Closing | State::Stopping => (state, NONE),
        State::Closed | State::Stopped => (state, STA),
        State::ReqSent | State::AckSent => (state, IRC.union(SCR)),
        // Crossed connections.
        State::AckRcvd => (State::ReqSent, SCR),
        State::Opened => (State::ReqSent, TLD.union(SCR)),
    }
}

const fn on_terminate_request(state: State) -> (State, Actions) {
    match state {
        State::AckRcvd | State::AckSent => (State::ReqSent, STA),
        State::Opened => (State::Stopping, TLD.union(ZRC).union(STA)),
        _ => (state, STA),
    }
}

const fn on_terminate_ack(state: State) -> (State, Actions) {
    match state {
        State::Closing => (State::Closed, TLF),
        State::Stopping => (State::Stopped, TLF),
        State::AckRcvd => (State::ReqSent, NONE),
        State::Opened => (State::ReqSent, TLD.union(SCR)),
        _ => (state, NONE),
    }
}

const fn on_fatal_reject(state: State) -> (State, Actions) {
    match state {
        State::Initial | State::Starting => (state, NONE),
        State::Closed | State::Closing => (State::Closed, TLF),
        State::Stopped | State::Stopping | State::ReqSent | State::AckRcvd | State::AckSent => {
            (State::Stopped, TLF)
        }
        State::Opened => (State::Stopping, TLD.union(IRC).union(STR)),
    }
}
