//! One neighbor.

use super::state::{Actions, Event, State, Supplied, step};
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::MacAddr;

/// The times and counts of Neighbor Unreachability Detection (RFC 4861 §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NudTiming {
    /// ReachableTime: how long a confirmation holds. The owner draws it around BaseReachableTime;
    /// see [`reachable_time`](super::reachable_time). Default: 30 s.
    pub reachable_time: Duration,
    /// RetransTimer: the time between two solicitations of one neighbor. Default: 1 s.
    pub retrans_timer: Duration,
    /// DELAY_FIRST_PROBE_TIME: how long upper layers have to confirm. Default: 5 s.
    pub delay_first_probe_time: Duration,
    /// MAX_MULTICAST_SOLICIT: solicitations before a neighbor is given up. Default: 3.
    pub max_multicast_solicit: u8,
    /// MAX_UNICAST_SOLICIT: probes before a known neighbor is given up. Default: 3.
    pub max_unicast_solicit: u8,
}

impl Default for NudTiming {
    fn default() -> Self {
        Self {
            reachable_time: Duration::from_secs(30),
            retrans_timer: Duration::from_secs(1),
            delay_first_probe_time: Duration::from_secs(5),
            max_multicast_solicit: 3,
            max_unicast_solicit: 3,
        }
    }
}

/// What a Neighbor Advertisement says about its target (RFC 4861 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertised {
    /// The S flag: it answers a solicitation.
    pub solicited: bool,
    /// The O flag: it may replace the cached link-layer address.
    pub overrides: bool,
    /// The R flag: the sender is a router.
    pub is_router: bool,
    /// The target link-layer address option.
    pub link_address: Option<MacAddr>,
}

/// An entry of the neighbor cache: the state of one neighbor, its link-layer address and its timer.
/// [`NeighborCache`](super::NeighborCache) holds many; the value works on its own as well, where
/// there is one peer only.
///
/// ```
/// use icmp_nd::Instant;
/// use icmp_nd::neighbor::{Actions, Advertised, Neighbor, NudTiming, State};
/// use packet_buffer::wire::MacAddr;
///
/// let (timing, start) = (NudTiming::default(), Instant::from_secs(1));
/// let (mut peer, actions) = Neighbor::solicited(start, &timing);
/// assert!(actions.contains(Actions::SOLICIT_MULTICAST));
///
/// let answer = Advertised {
///     solicited: true,
///     overrides: true,
///     is_router: false,
///     link_address: Some(MacAddr([2, 0, 0, 0, 0, 1])),
/// };
/// let actions = peer.advertised(start, &answer, &timing);
/// assert!(actions.contains(Actions::SEND_QUEUED));
/// assert_eq!(peer.state(), State::Reachable);
/// assert_eq!(peer.deadline(), Some(start + timing.reachable_time));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbor {
    state: State,
    is_router: bool,
    permanent: bool,
    /// Solicitations since the state was entered.
    solicitations: u8,
    /// Unspecified in INCOMPLETE.
    link_address: MacAddr,
    deadline: Option<Instant>,
}

impl Neighbor {
    /// A neighbor to which a first packet is to be sent. The actions say to solicit it.
    pub fn solicited(now: Instant, timing: &NudTiming) -> (Self, Actions) {
        let mut neighbor = Self::new(State::Incomplete, MacAddr::UNSPECIFIED);
        let (_, actions) = step(None, Event::Send);
        neighbor.start_timers(now, actions, timing);
        (neighbor, actions)
    }

    /// A neighbor that has told its link-layer address unasked: STALE.
    pub const fn heard_from(link_address: MacAddr) -> Self {
        Self::new(State::Stale, link_address)
    }

    /// A neighbor whose link-layer address is configured: always REACHABLE, and no message changes
    /// it.
    pub const fn permanent(link_address: MacAddr) -> Self {
        let mut neighbor = Self::new(State::Reachable, link_address);
        neighbor.permanent = true;
        neighbor
    }

    const fn new(state: State, link_address: MacAddr) -> Self {
        Self {
            state,
            is_router: false,
            permanent: false,
            solicitations: 0,
            link_address,
            deadline: None,
        }
    }

    /// The reachability state.
    #[inline]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The link-layer address; `None` in INCOMPLETE.
    #[inline]
    pub const fn link_address(&self) -> Option<MacAddr> {
        match self.state {
            State::Incomplete => None,
            _ => Some(self.link_address),
        }
    }

    /// IsRouter: what the neighbor last said about being a router.
    #[inline]
    pub const fn is_router(&self) -> bool {
        self.is_router
    }

    /// Whether the entry is configured and not learned.
    #[inline]
    pub const fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// When [`timeout`](Self::timeout) is to be called.
    #[inline]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets IsRouter: true with a Router Advertisement, false with a Router Solicitation.
    pub const fn set_router(&mut self, is_router: bool) {
        self.is_router = is_router;
    }

    /// A packet is sent to the neighbor, or is to be.
    #[inline]
    pub fn send(&mut self, now: Instant, timing: &NudTiming) -> Actions {
        if self.state == State::Stale {
            self.apply(now, Event::Send, None, timing)
        } else {
            Actions::NONE
        }
    }

    /// An advertisement for the neighbor's address has come.
    pub fn advertised(
        &mut self,
        now: Instant,
        advertised: &Advertised,
        timing: &NudTiming,
    ) -> Actions {
        let event = Event::Advertisement {
            solicited: advertised.solicited,
            overrides: advertised.overrides,
            supplied: self.compare(advertised.link_address),
        };
        let actions = self.apply(now, event, advertised.link_address, timing);
        if actions.contains(Actions::UPDATE_IS_ROUTER) {
            // RFC 4861 §7.2.5 MUST (is-router): IsRouter takes the value of the R flag.
            self.is_router = advertised.is_router;
        }
        actions
    }

    /// A solicitation or Router Advertisement from the neighbor, or a Redirect to it, has come, with
    /// its link-layer address or without.
    pub fn heard(
        &mut self,
        now: Instant,
        link_address: Option<MacAddr>,
        timing: &NudTiming,
    ) -> Actions {
        let supplied = self.compare(link_address);
        self.apply(now, Event::Heard { supplied }, link_address, timing)
    }

    /// There is proof that packets arrive at the neighbor (RFC 4861 §7.3.1).
    pub fn confirm(&mut self, now: Instant, timing: &NudTiming) -> Actions {
        self.apply(now, Event::Confirmed, None, timing)
    }

    /// Does what is due. With [`Actions::DISCARD`] the neighbor is to be forgotten.
    pub fn timeout(&mut self, now: Instant, timing: &NudTiming) -> Actions {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Actions::NONE;
        }
        self.deadline = None;
        let most = match self.state {
            State::Incomplete => timing.max_multicast_solicit,
            _ => timing.max_unicast_solicit,
        };
        let event = match self.state {
            State::Incomplete | State::Probe => Event::RetransmitTimeout {
                exhausted: self.solicitations >= most,
            },
            State::Delay => Event::DelayTimeout,
            State::Reachable | State::Stale => Event::ReachableTimeout,
        };
        self.apply(now, event, None, timing)
    }

    fn compare(&self, link_address: Option<MacAddr>) -> Supplied {
        match link_address {
            None => Supplied::Nothing,
            Some(address) if self.link_address() == Some(address) => Supplied::Same,
            Some(_) => Supplied::Different,
        }
    }

    fn apply(
        &mut self,
        now: Instant,
        event: Event,
        link_address: Option<MacAddr>,
        timing: &NudTiming,
    ) -> Actions {
        if self.permanent {
            return Actions::NONE;
        }
        let (state, actions) = step(Some(self.state), event);
        // A neighbor that is to be forgotten stays what it was until its owner does so.
        let state = state.unwrap_or(self.state);
        if state != self.state {
            self.state = state;
            self.solicitations = 0;
            self.deadline = None;
        }
        if let (true, Some(address)) = (actions.contains(Actions::RECORD_ADDRESS), link_address) {
            self.link_address = address;
        }
        self.start_timers(now, actions, timing);
        actions
    }

    fn start_timers(&mut self, now: Instant, actions: Actions, timing: &NudTiming) {
        for (action, duration) in [
            (Actions::START_RETRANSMIT, timing.retrans_timer),
            (Actions::START_DELAY, timing.delay_first_probe_time),
            (Actions::START_REACHABLE, timing.reachable_time),
        ] {
            if actions.contains(action) {
                // A deadline is always ahead, whatever the configuration says.
                self.deadline = Some(now + duration.max(Duration::from_micros(1)));
            }
        }
        if actions.contains(Actions::START_RETRANSMIT) {
            self.solicitations = self.solicitations.saturating_add(1);
        }
    }
}
