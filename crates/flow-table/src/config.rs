//! How a table is set up, what it refuses, and what it counts.

use crate::flow::FlowId;
use crate::key::Direction;
use core::fmt;
use thiserror::Error;

/// The most flows that a table can be made for.
pub const MAX_CAPACITY: usize = 1 << 30;

/// How a [`FlowTable`](crate::FlowTable) is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The most flows held at a time, from 1 to [`MAX_CAPACITY`]. Memory for them is reserved when
    /// the table is made ([`FlowTable::octets_for`](crate::FlowTable::octets_for) says how much)
    /// and never grows.
    pub capacity: usize,
    /// What an insert does when the table is full. Default: [`WhenFull::Refuse`].
    pub when_full: WhenFull,
    /// The most flows that one [`handle_timeout`](crate::FlowTable::handle_timeout) looks at, at
    /// least 1. Default: 1,024. What is left over is due again 1 ms later.
    pub sweep_budget: usize,
}

impl Config {
    /// A table of `capacity` flows, the rest by default.
    pub const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            when_full: WhenFull::Refuse,
            sweep_budget: 1_024,
        }
    }

    pub(crate) const fn check(&self) -> Result<(), ConfigError> {
        if self.capacity == 0 || self.capacity > MAX_CAPACITY {
            return Err(ConfigError::Capacity(self.capacity));
        }
        if self.sweep_budget == 0 {
            return Err(ConfigError::SweepBudget);
        }
        Ok(())
    }
}

/// What an insert does when the table is full.
///
/// Under either policy a flow that has expired and waits for
/// [`poll_expired`](crate::FlowTable::poll_expired) makes room first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Refuses the new flow: established flows live on, whoever tries to push them out.
    #[default]
    Refuse,
    /// Looks at the next [`EVICTION_SAMPLE`](crate::EVICTION_SAMPLE) slots, going round the table,
    /// and evicts the flow of the lowest class among them, of several the one that expires first.
    /// A flow of a higher class than the new one is never evicted: when the sample has none other,
    /// the new flow is refused, and the next insert looks at other slots.
    ///
    /// Give half-open flows a lower class than established ones, and new flows start in the lower:
    /// a flood of half-open flows then turns over among itself.
    EvictLowestClass,
}

/// Why a table cannot be made. Each kind names the field of [`Config`] to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `capacity` is 0 or more than [`MAX_CAPACITY`].
    #[error("capacity: {0} flows; it must be from 1 to {MAX_CAPACITY}")]
    Capacity(usize),
    /// `sweep_budget` is 0.
    #[error("sweep_budget: it must be at least 1")]
    SweepBudget,
    /// There is no memory for `capacity` flows.
    #[error("capacity: no memory for {0} flows")]
    OutOfMemory(usize),
}

/// Why a flow was not inserted, with its value given back. The table is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct InsertError<V> {
    /// Why.
    pub reason: Refusal,
    /// The value of the flow.
    pub value: V,
}

/// Does not show the value, so that `unwrap` asks nothing of its type.
impl<V> fmt::Debug for InsertError<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertError")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// Why the table refused a flow or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another live flow has the key.
    #[error("the {key} key is in use by another flow")]
    Clash {
        /// Which of the new flow's keys is in use.
        key: Direction,
        /// The flow that uses it, as either of its keys.
        with: FlowId,
    },
    /// The table is full, and nothing may be evicted for the new flow.
    #[error("the table is full")]
    Full,
    /// Too many keys hash to the same place. Without an attacker who knows the hash that does not
    /// happen; see [`MAX_PROBES`](crate::MAX_PROBES).
    #[error("the index has no room near the key's place")]
    Crowded,
}

/// Why a flow's reply key was not changed. The table is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// There is no such live flow.
    #[error("no such flow")]
    NotFound,
    /// The new key was refused.
    #[error("{0}")]
    Refused(Refusal),
}

/// Why a table was not rehashed. The table is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RehashError {
    /// There is no memory for a second index.
    #[error("no memory for a second index")]
    OutOfMemory,
    /// The new hash crowds some place. Try again.
    #[error("the new hash crowds some place")]
    Crowded,
}

/// What a table has done and refused since it was made. All counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Flows inserted.
    pub inserted: u64,
    /// Flows whose deadline passed.
    pub expired: u64,
    /// Flows evicted to make room.
    pub evicted: u64,
    /// Flows removed by the caller, not counting [`clear`](crate::FlowTable::clear).
    pub removed: u64,
    /// Inserts and rekeys refused because another flow has the key.
    pub refused_clash: u64,
    /// Inserts refused because the table was full.
    pub refused_full: u64,
    /// Inserts and rekeys refused because the index had no room near the key's place.
    pub refused_crowded: u64,
    /// Slots looked at by [`handle_timeout`](crate::FlowTable::handle_timeout), flows that were
    /// merely put off included.
    pub visited: u64,
    /// Calls of [`handle_timeout`](crate::FlowTable::handle_timeout) that ran out of budget.
    pub sweeps_cut_short: u64,
    /// The most flows held at a time.
    pub high_water: u64,
    /// The most buckets that a key ever landed from its home.
    pub longest_probe: u64,
    /// Slots that are out of use for good because their generations are used up, each after 2^32
    /// flows. The capacity is lower by as many.
    pub retired_slots: u64,
}

/// How well keys are spread over the index; see
/// [`FlowTable::probe_report`](crate::FlowTable::probe_report).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeReport {
    /// Keys in the index: two per flow, or one where both keys of a flow are equal.
    pub keys: usize,
    /// Buckets that all keys together are away from their homes. With a good hash, about one per
    /// 40 keys in a full table.
    pub displacement: u64,
}
