//! The state of an interface.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use packet_buffer::{Instant, PacketBuf};

use super::circuit::Circuit;
use super::discard::InterfaceStats;
use super::io::InterfaceId;
use super::protocol::Header;
use crate::config::{Filter, InterfaceConfig};
use crate::family::Family;
use crate::rib::Cursor;
use packet_buffer::rate::Limiter;

/// An interface of the router.
#[derive(Debug)]
pub struct Interface<F: Family> {
    pub(super) id: InterfaceId,
    pub(super) config: InterfaceConfig<F>,
    pub(super) state: F::State,
    pub(super) link_up: bool,
    /// When the next regular update is due.
    pub(super) next_update: Option<Instant>,
    /// The regular update that is being sent.
    pub(super) regular: Option<Walk<F>>,
    /// Changes up to here were told.
    pub(super) cursor: Cursor,
    pub(super) triggered: Triggered<F>,
    /// A request for the whole table is to be sent.
    pub(super) ask: bool,
    /// Answers under way.
    pub(super) answers: VecDeque<Answer<F>>,
    /// Whether an answer is next, when updates and answers both wait.
    pub(super) answers_turn: bool,
    /// A message that goes to several.
    pub(super) burst: Option<Burst>,
    /// Its entries. The memory is used again.
    pub(super) body: PacketBuf,
    pub(super) circuit: Option<Circuit>,
    pub(super) bucket: Limiter,
    pub(super) requests: Limiter,
    /// Sources whose failed authentication was told.
    pub(super) told: BTreeSet<F::Address>,
    /// What was announced under earlier configurations, for as long as neighbors are told that it is no
    /// more.
    pub(super) withdrawn: VecDeque<Withdrawn<F>>,
    pub(super) stats: InterfaceStats,
}

/// Earlier configurations that are remembered; when there are more, the oldest is forgotten, and what it
/// alone announced times out at the neighbors.
const MAX_WITHDRAWN: usize = 8;

/// What an earlier configuration of the interface announced.
#[derive(Debug)]
pub(super) struct Withdrawn<F: Family> {
    filter_out: Filter<F>,
    announce_connected: bool,
    default_route: bool,
    /// Until then it is told as unreachable.
    until: Instant,
}

/// A walk over the whole table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<F: Family> {
    pub(super) version: u8,
    pub(super) place: Place<F>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Place<F: Family> {
    /// At the beginning, where a default route of the interface is announced.
    Start,
    /// Before this slot. The order does not matter, and what is added on the way is a change.
    Slot(u32),
    /// Behind this prefix, in the order of prefixes, in which the parts of a network lie together.
    Behind(Option<F::Prefix>),
}

impl<F: Family> Walk<F> {
    pub(super) const fn new(version: u8) -> Self {
        Self {
            version,
            place: Place::Start,
        }
    }
}

/// Triggered updates (RFC 2453 §3.10.1).
#[derive(Debug)]
pub(super) struct Triggered<F: Family> {
    /// One is being sent.
    pub(super) running: bool,
    /// It tells of changes up to here.
    pub(super) limit: Cursor,
    /// A message of it was sent.
    pub(super) sent: bool,
    /// Until then the next has to wait.
    pub(super) hold: Option<Instant>,
    /// Networks by class that the update has told of as a whole.
    pub(super) summarised: BTreeSet<F::Prefix>,
}

/// An answer to a request.
#[derive(Debug)]
pub(super) struct Answer<F: Family> {
    pub(super) address: F::Address,
    pub(super) port: u16,
    pub(super) version: u8,
    pub(super) what: What<F>,
}

#[derive(Debug)]
pub(super) enum What<F: Family> {
    /// The rest of the table.
    Table(Walk<F>),
    /// These entries.
    Entries(Vec<u8>),
}

/// A message that goes to several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    pub(super) header: Header,
    /// The number of the next target.
    pub(super) next: usize,
}

impl<F: Family> Interface<F> {
    /// The addresses that are not link-local, and their networks.
    pub(super) fn networks(&self) -> impl Iterator<Item = (F::Address, F::Prefix)> + '_ {
        self.config
            .addresses
            .iter()
            .filter(|own| F::is_global(own.address))
            .filter_map(|own| Some((own.address, own.prefix()?)))
    }

    /// The first address that is link-local.
    pub(super) fn link_local(&self) -> Option<F::Address> {
        self.config
            .addresses
            .iter()
            .map(|own| own.address)
            .find(|own| !F::is_global(*own))
    }

    /// Where what is sent unasked goes, by number: source and destination.
    pub(super) fn target(&self, number: usize) -> Option<(F::Address, F::Address)> {
        let group = (!self.config.passive && self.config.demand_circuit.is_none())
            .then(|| F::targets(self))
            .into_iter()
            .flatten();
        let neighbors = self
            .config
            .neighbors
            .iter()
            .filter_map(|&neighbor| Some((F::source_for(self, neighbor)?, neighbor)));
        group.chain(neighbors).nth(number)
    }

    /// Whether a regular update is being sent. On a demand circuit, the walk is part of responses.
    pub(super) fn is_updating(&self) -> bool {
        self.regular.is_some() && self.circuit.is_none()
    }

    /// The version of updates; `None` when there are none.
    pub(super) fn update_version(&self) -> Option<u8> {
        F::send_version(self).filter(|_| self.link_up && self.target(0).is_some())
    }

    /// The configuration is another one now. What `before` announced and it does not is told as
    /// unreachable until `until`.
    pub(super) fn withdraw_since(
        &mut self,
        now: Instant,
        before: InterfaceConfig<F>,
        until: Instant,
    ) {
        self.forget_withdrawn(now);
        let (old, new) = (&before, &self.config);
        let is_same = old.filter_out == new.filter_out
            && old.announce_connected == new.announce_connected
            && old.default_route.is_some() == new.default_route.is_some();
        if is_same {
            return;
        }
        if self.withdrawn.len() >= MAX_WITHDRAWN {
            self.withdrawn.pop_front();
        }
        self.withdrawn.push_back(Withdrawn {
            announce_connected: before.announce_connected,
            default_route: before.default_route.is_some(),
            filter_out: before.filter_out,
            until,
        });
    }

    /// Forgets earlier configurations of which enough was told.
    pub(super) fn forget_withdrawn(&mut self, now: Instant) {
        self.withdrawn.retain(|earlier| earlier.until > now);
    }

    /// Whether a route was announced until a while ago; `own` when it is to a network of this
    /// interface.
    pub(super) fn was_announced(
        &self,
        now: Instant,
        prefix: &F::Prefix,
        tag: u16,
        own: bool,
    ) -> bool {
        self.withdrawn.iter().any(|earlier| {
            earlier.until > now
                && (earlier.announce_connected || !own)
                && earlier.filter_out.permits(prefix, tag)
        })
    }

    /// Whether the interface had a default route of its own until a while ago.
    pub(super) fn had_default_route(&self, now: Instant) -> bool {
        let mut earlier = self.withdrawn.iter();
        earlier.any(|earlier| earlier.until > now && earlier.default_route)
    }

    /// Forgets what is being sent.
    pub(super) fn stop_sending(&mut self) {
        self.next_update = None;
        self.regular = None;
        self.triggered.running = false;
        self.triggered.hold = None;
        self.triggered.summarised.clear();
        self.ask = false;
        self.answers.clear();
        self.burst = None;
    }
}
