//! The states of Datagram Packetization Layer PMTUD, and how they follow each other (RFC 8899 §5.2).

/// The state of a search for the path MTU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The peer has not been heard: nothing is probed.
    Disabled,
    /// Waits for a confirmation that packets of BASE_PLPMTU get through.
    Base,
    /// Looks for something larger.
    Searching,
    /// The largest size is known, until PMTU_RAISE_TIMER ends.
    SearchComplete,
    /// Not even BASE_PLPMTU gets through: packets of MIN_PLPMTU are used.
    Error,
}

impl State {
    /// All states, in the order of the RFC.
    pub const ALL: [Self; 5] = [
        Self::Disabled,
        Self::Base,
        Self::Searching,
        Self::SearchComplete,
        Self::Error,
    ];
}

/// What can happen to a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepEvent {
    /// The packetization layer knows that the peer is there.
    Connected,
    /// The packetization layer has lost the peer.
    Disconnected,
    /// A probe got through, and larger sizes remain.
    Acked,
    /// A probe got through, and no larger size remains to be tried.
    AckedLast,
    /// MAX_PROBES probes of one size were lost, or a router reported it too big; smaller sizes
    /// above PLPMTU remain.
    SizeFailed,
    /// The same, and nothing remains.
    Exhausted,
    /// Packets of PLPMTU do not get through any more.
    BlackHole,
    /// A router reports less than PLPMTU, and not less than BASE_PLPMTU.
    TooBigBelowPlpmtu,
    /// A router reports less than BASE_PLPMTU.
    TooBigBelowBase,
    /// PMTU_RAISE_TIMER has ended.
    RaiseTimer,
}

impl StepEvent {
    /// All events.
    pub const ALL: [Self; 10] = [
        Self::Connected,
        Self::Disconnected,
        Self::Acked,
        Self::AckedLast,
        Self::SizeFailed,
        Self::Exhausted,
        Self::BlackHole,
        Self::TooBigBelowPlpmtu,
        Self::TooBigBelowBase,
        Self::RaiseTimer,
    ];
}

/// What a transition does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// No probe is outstanding any more and no timer runs.
    Stop,
    /// PLPMTU becomes MIN_PLPMTU.
    UseMin,
    /// PLPMTU becomes BASE_PLPMTU.
    UseBase,
    /// PLPMTU becomes the size of the probe that got through.
    UseProbed,
    /// The search starts anew between PLPMTU and MAX_PLPMTU.
    RestartSearch,
    /// A probe of BASE_PLPMTU is to be sent.
    ProbeBase,
    /// A probe of the next size is to be sent.
    ProbeNext,
    /// PMTU_RAISE_TIMER starts, and CONFIRMATION_TIMER where it is used.
    StartTimers,
}

/// What a transition does.
pub type Actions = &'static [Action];

/// The transition table of RFC 8899 §5.2, figure 5. A combination that the figure does not have
/// changes nothing.
///
/// ```
/// use icmp_nd::pmtu::{Action, State, StepEvent, step};
///
/// let (state, actions) = step(State::SearchComplete, StepEvent::BlackHole);
/// assert_eq!(state, State::Base);
/// assert_eq!(actions, [Action::Stop, Action::UseBase, Action::ProbeBase]);
/// ```
// RFC 8899 §5.2 MUST (states): the states and transitions of figure 5.
pub const fn step(state: State, event: StepEvent) -> (State, Actions) {
    use Action as A;
    use State as S;
    use StepEvent as E;
    match (state, event) {
        (S::Disabled, E::Connected) => (S::Base, &[A::UseBase, A::ProbeBase]),
        (S::Disabled, _) => (S::Disabled, &[]),
        (_, E::Disconnected) => (S::Disabled, &[A::Stop]),

        (S::Base | S::Error, E::Acked) => {
            (S::Searching, &[A::UseBase, A::RestartSearch, A::ProbeNext])
        }
        (S::Base | S::Error, E::AckedLast) => (S::SearchComplete, &[A::UseBase, A::StartTimers]),
        (S::Base, E::Exhausted | E::TooBigBelowBase) => {
            (S::Error, &[A::Stop, A::UseMin, A::ProbeBase])
        }
        (S::Error, E::Exhausted) => (S::Error, &[A::ProbeBase]),

        (S::Searching, E::Acked) => (S::Searching, &[A::UseProbed, A::ProbeNext]),
        (S::Searching, E::AckedLast) => (S::SearchComplete, &[A::UseProbed, A::StartTimers]),
        (S::Searching, E::SizeFailed) => (S::Searching, &[A::ProbeNext]),
        (S::Searching, E::Exhausted) => (S::SearchComplete, &[A::StartTimers]),

        (S::SearchComplete, E::RaiseTimer) => {
            (S::Searching, &[A::Stop, A::RestartSearch, A::ProbeNext])
        }

        (S::Searching | S::SearchComplete, E::BlackHole | E::TooBigBelowPlpmtu) => {
            (S::Base, &[A::Stop, A::UseBase, A::ProbeBase])
        }
        (S::Searching | S::SearchComplete, E::TooBigBelowBase) => {
            (S::Error, &[A::Stop, A::UseMin, A::ProbeBase])
        }
        (state, _) => (state, &[]),
    }
}
