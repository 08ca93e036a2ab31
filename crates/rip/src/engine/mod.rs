//! The distance-vector engine over both address families.
//!
//! | what | where in the RFCs | module |
//! |---|---|---|
//! | decisions about routes that are heard | RFC 2453 §3.9.2, RFC 2080 §2.4.2 | `learn`, `receive` |
//! | requests and their answers | RFC 2453 §3.9.1, RFC 2080 §2.4.1 | `receive` |
//! | updates, split horizon, pacing | RFC 2453 §3.4.3, §3.10, RFC 2080 §2.5, §2.6 | `transmit`, `pace` |
//! | timers | RFC 2453 §3.8, RFC 2080 §2.3 | `timers` |
//! | interfaces that come, go and change | RFC 2453 §3.4.4 | `interfaces` |
//! | versions 1 and 2 | RFC 1058, RFC 2453 §3.7, §4, §5 | `ipv4` |
//! | RIPng | RFC 2080 | `ipv6` |
//! | demand circuits | RFC 2091 | `circuit` |

mod circuit;
mod discard;
#[expect(unnameable_types, reason = "parts of what seals `Family`")]
mod interface;
mod interfaces;
mod io;
#[expect(unnameable_types, reason = "parts of what seals `Family`")]
mod ipv4;
mod ipv6;
mod learn;
mod learner;
#[expect(unnameable_types, reason = "parts of what seals `Family`")]
mod protocol;
mod receive;
mod timers;
mod transmit;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::fmt;
use core::time::Duration;

use packet_buffer::{Instant, PacketBuf, RandomSource};

use self::discard::count;
pub use self::discard::{Discard, InterfaceStats, NeighborStats, Stats};
use self::interface::Interface;
pub use self::io::{Event, InterfaceId, Neighbor, Received, Transmit};
pub(crate) use self::protocol::Protocol;
use crate::auth::SequenceState;
use crate::config::{Config, ConfigError};
use crate::family::{Family, Ipv4};
use crate::rib::{Rib, RouteChange};

/// What is known of a neighbor.
#[derive(Debug)]
struct NeighborState {
    gateway: u32,
    version: u8,
    last_heard: Instant,
    limit_told: bool,
    /// Where the destination of the next route may well be in the table.
    next: u32,
    stats: NeighborStats,
}

/// A RIP router of one address family.
///
/// See the [crate's page](crate) for how it is run. All calls that take the time count one that runs
/// backwards as the latest seen.
pub struct Engine<F: Family> {
    config: Config<F>,
    rib: Rib<F>,
    interfaces: BTreeMap<InterfaceId, Interface<F>>,
    neighbors: BTreeMap<(InterfaceId, F::Address), NeighborState>,
    /// The slots of gateways that are no neighbors.
    links: BTreeMap<Option<InterfaceId>, u32>,
    now: Instant,
    random: Box<dyn RandomSource + Send>,
    events: Events<F>,
    stats: Stats,
    /// When a neighbor may have been silent for too long.
    neighbor_check: Option<Instant>,
    table_full_told: bool,
    shutting_down: bool,
    /// The interface that sent last.
    served: Option<InterfaceId>,
}

/// Events that wait, not more than a limit of them.
#[derive(Debug)]
struct Events<F: Family> {
    waiting: VecDeque<Event<F>>,
    limit: usize,
}

impl<F: Family> Events<F> {
    fn push(&mut self, stats: &mut Stats, event: Event<F>) {
        if self.waiting.len() < self.limit {
            self.waiting.push_back(event);
        } else {
            count(&mut stats.events_dropped);
        }
    }
}

impl<F: Family> Engine<F> {
    /// A router without interfaces. `random` draws the jitter of updates.
    ///
    /// # Errors
    ///
    /// The configuration cannot work.
    pub fn new(
        config: Config<F>,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            rib: Rib::new(&config),
            events: Events {
                waiting: VecDeque::new(),
                limit: config.max_events,
            },
            config,
            interfaces: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            links: BTreeMap::new(),
            now: Instant::ZERO,
            random,
            stats: Stats::default(),
            neighbor_check: None,
            table_full_told: false,
            shutting_down: false,
            served: None,
        })
    }

    /// A UDP datagram has arrived.
    ///
    /// # Errors
    ///
    /// It was ignored, and nothing but the counters has changed.
    pub fn handle_input(
        &mut self,
        now: Instant,
        received: &Received<'_, F>,
    ) -> Result<(), Discard> {
        let now = self.now.max(now);
        let result = self.receive(now, received);
        match &result {
            Ok(()) => {
                self.now = now;
                count(&mut self.stats.received);
            }
            Err(discard) => self.count_discard(received, discard),
        }
        result
    }

    /// The time is `now`: does all that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.run_timers();
    }

    /// Writes the payload of the next UDP datagram into `out`, in place of what it held, and says where
    /// it goes. An empty buffer keeps its headroom, for the headers in front; one that is used again gets
    /// [`PacketBuf::DEFAULT_HEADROOM`].
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit<F>> {
        if !out.is_empty() {
            out.reset(PacketBuf::DEFAULT_HEADROOM);
        }
        self.transmit(out)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_timeout()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<Event<F>> {
        self.events.waiting.pop_front()
    }

    /// What a forwarding table has to change. Nobody has to ask: for a prefix of which nothing was
    /// told, nothing is kept either.
    pub fn poll_route_change(&mut self) -> Option<RouteChange<F>> {
        self.rib.table_mut().poll_change()
    }

    /// The routing table.
    pub fn rib(&self) -> &Rib<F> {
        &self.rib
    }

    /// The neighbors that were heard, by interface.
    pub fn neighbors(&self) -> impl Iterator<Item = Neighbor<F>> + '_ {
        self.neighbors
            .iter()
            .map(|(&(interface, address), neighbor)| Neighbor {
                interface,
                address,
                version: neighbor.version,
                last_heard: neighbor.last_heard,
                routes: self.rib.table().routes_through(neighbor.gateway),
                stats: neighbor.stats,
            })
    }

    /// What was done and refused.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The same for one interface.
    pub fn interface_stats(&self, interface: InterfaceId) -> Option<&InterfaceStats> {
        Some(&self.interfaces.get(&interface)?.stats)
    }

    /// A time from zero to `longest`, all alike.
    fn random_up_to(&mut self, longest: Duration) -> Duration {
        let span = longest.as_micros().saturating_add(1);
        let drawn = (u128::from(self.random.next_u64()) * span) >> 64;
        Duration::from_micros(u64::try_from(drawn).unwrap_or(u64::MAX))
    }

    /// A time between the two, which is `low` when `high` is lower.
    fn random_between(&mut self, low: Duration, high: Duration) -> Duration {
        low + self.random_up_to(high.saturating_sub(low))
    }
}

impl Engine<Ipv4> {
    /// The sequence numbers of authentication on an interface, which have to outlive a restart.
    pub fn sequence_state(&self, interface: InterfaceId) -> Option<SequenceState> {
        Some(
            self.interfaces
                .get(&interface)?
                .state
                .authenticator
                .export(),
        )
    }

    /// Takes over sequence numbers that were saved before a restart. `false` when there is no
    /// interface of this number.
    pub fn restore_sequence_state(
        &mut self,
        interface: InterfaceId,
        saved: &SequenceState,
    ) -> bool {
        let Some(interface) = self.interfaces.get_mut(&interface) else {
            return false;
        };
        interface.state.authenticator.restore(saved);
        true
    }
}

impl<F: Family> fmt::Debug for Engine<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("now", &self.now)
            .field("prefixes", &self.rib.len())
            .field("interfaces", &self.interfaces.len())
            .field("neighbors", &self.neighbors.len())
            .finish_non_exhaustive()
    }
}
