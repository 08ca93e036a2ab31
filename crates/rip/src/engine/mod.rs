//! The distance-vector engine over both address families.

mod discard;
mod io;

use alloc::boxed::Box;
use alloc::vec::Vec;

use packet_buffer::{Instant, PacketBuf, RandomSource};

pub use discard::{Discard, InterfaceStats, NeighbourStats, Stats};
pub use io::{Event, InterfaceId, Neighbour, Received, Transmit};

use crate::config::{Config, ConfigError, InterfaceAddress, InterfaceConfig};
use crate::family::Family;
use crate::rib::{LocalRoute, Rib, RouteChange, Source};

/// A RIP router of one address family.
pub struct Engine<F: Family> {
    rib: Rib<F>,
    stats: Stats,
    _random: Box<dyn RandomSource + Send>,
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
            rib: Rib::new(),
            stats: Stats::default(),
            _random: random,
        })
    }

    /// Adds an interface, which is up from now on: a request for the whole table goes out.
    ///
    /// # Errors
    ///
    /// The configuration cannot work, or there is an interface of this number.
    pub fn add_interface(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        config: InterfaceConfig<F>,
    ) -> Result<(), ConfigError> {
        let _ = (now, interface);
        config.check()
    }

    /// Takes an interface away: all routes through it become unreachable, and the others are told.
    /// Nothing is sent on it any more. `false` when there is none of this number.
    pub fn remove_interface(&mut self, now: Instant, interface: InterfaceId) -> bool {
        let _ = (now, interface);
        false
    }

    /// Sets an interface up anew. Routes and neighbours stay, as far as the new configuration takes
    /// them.
    ///
    /// # Errors
    ///
    /// The configuration cannot work, or there is no interface of this number.
    pub fn reconfigure_interface(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        config: InterfaceConfig<F>,
    ) -> Result<(), ConfigError> {
        let _ = (now, interface);
        config.check()
    }

    /// The link has come up, or gone down. `false` when there is no interface of this number.
    pub fn set_link_up(&mut self, now: Instant, interface: InterfaceId, up: bool) -> bool {
        let _ = (now, interface, up);
        false
    }

    /// The addresses of an interface are these from now on. `false` when there is no interface of
    /// this number.
    pub fn set_addresses(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        addresses: Vec<InterfaceAddress<F>>,
    ) -> bool {
        let _ = (now, interface, addresses);
        false
    }

    /// Adds a route of another source, or changes it.
    ///
    /// # Errors
    ///
    /// The route cannot be, or the table is full.
    pub fn add_route(&mut self, now: Instant, route: LocalRoute<F>) -> Result<(), ConfigError> {
        let _ = (now, route);
        Ok(())
    }

    /// Takes a route of another source away; `false` when there is none.
    pub fn remove_route(&mut self, now: Instant, source: Source, prefix: F::Prefix) -> bool {
        let _ = (now, source, prefix);
        false
    }

    /// Announces all routes as unreachable, and nothing after that: poll on until
    /// [`is_shut_down`](Self::is_shut_down).
    pub fn shut_down(&mut self, now: Instant) {
        let _ = now;
    }

    /// Whether all has been said after [`shut_down`](Self::shut_down).
    pub fn is_shut_down(&self) -> bool {
        false
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
        let _ = (now, received);
        Err(Discard::UnknownInterface)
    }

    /// The time is `now`: does all that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Appends the payload of the next UDP datagram to `out`, and says where it goes.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit<F>> {
        let _ = out;
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<Event<F>> {
        None
    }

    /// What a forwarding table has to change.
    pub fn poll_route_change(&mut self) -> Option<RouteChange<F>> {
        None
    }

    /// The routing table.
    pub fn rib(&self) -> &Rib<F> {
        &self.rib
    }

    /// The neighbours that were heard, by interface.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour<F>> + '_ {
        core::iter::empty()
    }

    /// What was done and refused.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The same for one interface.
    pub fn interface_stats(&self, interface: InterfaceId) -> Option<&InterfaceStats> {
        let _ = interface;
        None
    }
}
