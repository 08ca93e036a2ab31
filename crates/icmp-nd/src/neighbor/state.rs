//! The reachability states and their transitions, as one pure function.

use core::fmt;
use core::ops::BitOr;

/// The reachability state of a neighbor (RFC 4861 §7.3.2). That there is no entry is `None` of an
/// `Option<State>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The link-layer address is being asked for; packets wait.
    Incomplete,
    /// The neighbor was known to be reachable within the last ReachableTime.
    Reachable,
    /// The neighbor may be reachable; nothing is done until a packet is sent to it.
    Stale,
    /// A packet was sent; upper layers have some seconds to confirm that it arrived.
    Delay,
    /// The neighbor is being asked, unicast, whether it is there.
    Probe,
}

impl State {
    /// Whether packets go out at once: all states with a link-layer address.
    pub const fn is_usable(self) -> bool {
        !matches!(self, Self::Incomplete)
    }
}

/// What a message says about the link-layer address, compared with the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Supplied {
    /// The message has no link-layer address option.
    Nothing,
    /// The address that the entry has.
    Same,
    /// Another one than the entry has, or one where the entry has none.
    Different,
}

/// What can happen to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A packet is to be sent to the neighbor.
    Send,
    /// RetransTimer has passed since the last solicitation.
    RetransmitTimeout {
        /// Whether MAX_MULTICAST_SOLICIT, or in PROBE MAX_UNICAST_SOLICIT, were sent.
        exhausted: bool,
    },
    /// DELAY_FIRST_PROBE_TIME has passed.
    DelayTimeout,
    /// ReachableTime has passed since the last confirmation.
    ReachableTimeout,
    /// An upper layer, or other proof, says that packets arrive (RFC 4861 §7.3.1).
    Confirmed,
    /// A Neighbor Advertisement for the address, or an ARP reply.
    Advertisement {
        /// It answers a solicitation of ours.
        solicited: bool,
        /// It may replace the link-layer address.
        overrides: bool,
        /// The target link-layer address option.
        supplied: Supplied,
    },
    /// A Neighbor or Router Solicitation or a Router Advertisement from the address, a Redirect to
    /// it, or an ARP request from it.
    Heard {
        /// The source link-layer address option (target, in a Redirect).
        supplied: Supplied,
    },
}

/// What a transition asks for: a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Actions(u16);

impl Actions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The entry is made.
    pub const CREATE: Self = Self(1 << 0);
    /// The entry is removed.
    pub const DISCARD: Self = Self(1 << 1);
    /// A solicitation goes to the solicited-node multicast address (to broadcast, with ARP).
    pub const SOLICIT_MULTICAST: Self = Self(1 << 2);
    /// A solicitation goes to the cached link-layer address.
    pub const SOLICIT_UNICAST: Self = Self(1 << 3);
    /// RetransTimer starts.
    pub const START_RETRANSMIT: Self = Self(1 << 4);
    /// DELAY_FIRST_PROBE_TIME starts.
    pub const START_DELAY: Self = Self(1 << 5);
    /// ReachableTime starts: reachability is confirmed.
    pub const START_REACHABLE: Self = Self(1 << 6);
    /// The supplied link-layer address is written into the entry.
    pub const RECORD_ADDRESS: Self = Self(1 << 7);
    /// The packets that waited are sent.
    pub const SEND_QUEUED: Self = Self(1 << 8);
    /// The packets that waited are answered with "address unreachable".
    pub const SEND_ERROR: Self = Self(1 << 9);
    /// IsRouter takes the value of the advertisement's R flag.
    pub const UPDATE_IS_ROUTER: Self = Self(1 << 10);

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
}

impl BitOr for Actions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Actions, &str); 11] = [
            (Actions::CREATE, "CREATE"),
            (Actions::DISCARD, "DISCARD"),
            (Actions::SOLICIT_MULTICAST, "SOLICIT_MULTICAST"),
            (Actions::SOLICIT_UNICAST, "SOLICIT_UNICAST"),
            (Actions::START_RETRANSMIT, "START_RETRANSMIT"),
            (Actions::START_DELAY, "START_DELAY"),
            (Actions::START_REACHABLE, "START_REACHABLE"),
            (Actions::RECORD_ADDRESS, "RECORD_ADDRESS"),
            (Actions::SEND_QUEUED, "SEND_QUEUED"),
            (Actions::SEND_ERROR, "SEND_ERROR"),
            (Actions::UPDATE_IS_ROUTER, "UPDATE_IS_ROUTER"),
        ];
        let names = NAMES.iter().filter(|(action, _)| self.contains(*action));
        f.debug_set().entries(names.map(|(_, name)| name)).finish()
    }
}

/// The transitions of Neighbor Unreachability Detection (RFC 4861 appendix C).
///
/// Where the appendix, which is a summary, and §7.2.5 differ, this follows §7.2.5:
///
/// * REACHABLE, any advertisement without Override that brings another address: STALE. The appendix
///   has that for solicited ones only.
/// * Not INCOMPLETE, a solicited advertisement without an address: REACHABLE, since hosts answer
///   a unicast probe without the option (§7.2.4). The appendix leaves the state.
/// * INCOMPLETE, an advertisement without an address: ignored as a whole.
///
/// An event that cannot happen in a state, such as a timer that is not running, changes nothing.
pub const fn step(state: Option<State>, event: Event) -> (Option<State>, Actions) {
    use State::{Delay, Incomplete, Probe, Reachable, Stale};
    let Some(current) = state else {
        return step_without_entry(event);
    };
    match (current, event) {
        (Incomplete, Event::RetransmitTimeout { exhausted: false }) => (
            state,
            Actions::SOLICIT_MULTICAST.union(Actions::START_RETRANSMIT),
        ),
        (Incomplete, Event::RetransmitTimeout { exhausted: true }) => {
            (None, Actions::DISCARD.union(Actions::SEND_ERROR))
        }
        (
            Incomplete,
            Event::Advertisement {
                supplied: Supplied::Nothing,
                ..
            }
            | Event::Heard {
                supplied: Supplied::Nothing,
            },
        ) => (state, Actions::NONE),
        (Incomplete, Event::Advertisement { solicited, .. }) => {
            let actions = Actions::RECORD_ADDRESS
                .union(Actions::SEND_QUEUED)
                .union(Actions::UPDATE_IS_ROUTER);
            if solicited {
                (Some(Reachable), actions.union(Actions::START_REACHABLE))
            } else {
                (Some(Stale), actions)
            }
        }
        (Incomplete, Event::Heard { .. }) => (
            Some(Stale),
            Actions::RECORD_ADDRESS.union(Actions::SEND_QUEUED),
        ),
        // A confirmation proves nothing about an address that is not known.
        (Incomplete, _) => (state, Actions::NONE),

        (_, Event::Confirmed) => (Some(Reachable), Actions::START_REACHABLE),
        (
            _,
            Event::Advertisement {
                solicited,
                overrides,
                supplied,
            },
        ) => step_advertised(current, solicited, overrides, supplied),
        (
            _,
            Event::Heard {
                supplied: Supplied::Different,
            },
        ) => (Some(Stale), Actions::RECORD_ADDRESS),
        (_, Event::Heard { .. }) => (state, Actions::NONE),

        (Reachable, Event::ReachableTimeout) => (Some(Stale), Actions::NONE),
        (Stale, Event::Send) => (Some(Delay), Actions::START_DELAY),
        (Delay, Event::DelayTimeout) => (
            Some(Probe),
            Actions::SOLICIT_UNICAST.union(Actions::START_RETRANSMIT),
        ),
        (Probe, Event::RetransmitTimeout { exhausted: false }) => (
            state,
            Actions::SOLICIT_UNICAST.union(Actions::START_RETRANSMIT),
        ),
        (Probe, Event::RetransmitTimeout { exhausted: true }) => (None, Actions::DISCARD),
        _ => (state, Actions::NONE),
    }
}

const fn step_without_entry(event: Event) -> (Option<State>, Actions) {
    match event {
        Event::Send => (
            Some(State::Incomplete),
            Actions::CREATE
                .union(Actions::SOLICIT_MULTICAST)
                .union(Actions::START_RETRANSMIT),
        ),
        Event::Heard {
            supplied: Supplied::Same | Supplied::Different,
        } => (
            Some(State::Stale),
            Actions::CREATE.union(Actions::RECORD_ADDRESS),
        ),
        // An advertisement never makes an entry.
        _ => (None, Actions::NONE),
    }
}

/// RFC 4861 §7.2.5, for entries with a link-layer address.
const fn step_advertised(
    state: State,
    solicited: bool,
    overrides: bool,
    supplied: Supplied,
) -> (Option<State>, Actions) {
    let mut actions = Actions::UPDATE_IS_ROUTER;
    let differs = matches!(supplied, Supplied::Different);
    if differs && !overrides {
        // RFC 4861 §7.2.5 MUST NOT (override): without Override, another address is not taken. It
        // only makes one doubt the cached one.
        return match state {
            State::Reachable => (Some(State::Stale), Actions::NONE),
            _ => (Some(state), Actions::NONE),
        };
    }
    if differs {
        actions = actions.union(Actions::RECORD_ADDRESS);
    }
    if solicited {
        (
            Some(State::Reachable),
            actions.union(Actions::START_REACHABLE),
        )
    } else if differs {
        (Some(State::Stale), actions)
    } else {
        (Some(state), actions)
    }
}
