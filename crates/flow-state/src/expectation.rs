//! Flows that another flow has announced.

use crate::packet::Key;
use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;
use core::time::Duration;
use flow_table::Direction;
use packet_buffer::Instant;
use packet_buffer::wire::IpProtocol;
use thiserror::Error;

/// A flow that an application protocol has announced: who may open it, and to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expected {
    /// The transport protocol.
    pub protocol: IpProtocol,
    /// The zone of the flow's key.
    pub zone: u16,
    /// Who opens it; `None` for anyone, which no parser of this crate says.
    pub source: Option<IpAddr>,
    /// From which port; `None` for any.
    pub source_port: Option<u16>,
    /// Where it goes.
    pub destination: IpAddr,
    /// To which port, or what stands for it in a [`Key`].
    pub destination_port: u16,
    /// The direction of the announcing flow in which the opener's packets go.
    pub direction: Direction,
    /// How long the announcement holds.
    pub lifetime: Duration,
}

impl Expected {
    /// Whether a flow that starts with a packet of this key is the one.
    pub fn matches(&self, key: &Key) -> bool {
        self.protocol == key.protocol()
            && self.zone == key.zone()
            && self.destination == key.destination()
            && self.destination_port == key.destination_port()
            && self.source.is_none_or(|source| source == key.source())
            && self
                .source_port
                .is_none_or(|port| port == key.source_port())
    }
}

/// How an [`ExpectationTable`] is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectationConfig {
    /// The most announcements at a time.
    pub capacity: usize,
    /// The most of one owner.
    pub per_owner: usize,
}

/// 4,096 announcements, 8 of one owner.
impl Default for ExpectationConfig {
    fn default() -> Self {
        Self {
            capacity: 4_096,
            per_owner: 8,
        }
    }
}

/// Names an announcement; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExpectationId(u64);

/// Why an announcement was refused. The table is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotExpected {
    /// The table is full.
    #[error("there is no room for another expectation")]
    Full,
    /// The owner has as many as it may.
    #[error("the flow has announced as many flows as it may")]
    OwnerFull,
}

/// What has happened to announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ExpectationStats {
    /// Taken in.
    pub inserted: u64,
    /// Same as one that was there, whose time was renewed.
    pub renewed: u64,
    /// Used by a flow.
    pub used: u64,
    /// Run out.
    pub expired: u64,
    /// Removed with their owner.
    pub removed: u64,
    /// Refused because the table was full.
    pub refused_full: u64,
    /// Refused because the owner had as many as it may.
    pub refused_owner: u64,
}

/// Announced flows: bounded, used once, and gone when their time or their owner's is over.
///
/// `O` tells who announced (a [`FlowId`](flow_table::FlowId)), `T` is what the caller keeps with it.
/// Searching takes logarithmic time whatever keys an attacker picks.
///
/// ```
/// use core::time::Duration;
/// use flow_state::{Direction, Expected, ExpectationTable, Instant, Key};
/// use packet_buffer::wire::IpProtocol;
///
/// let mut table = ExpectationTable::<u32, &str>::new(Default::default());
/// let data = Expected {
///     protocol: IpProtocol::TCP,
///     zone: 0,
///     source: Some([198, 51, 100, 21].into()),
///     source_port: None,
///     destination: [192, 0, 2, 1].into(),
///     destination_port: 50_000,
///     direction: Direction::Reply,
///     lifetime: Duration::from_secs(60),
/// };
/// table.insert(Instant::from_secs(0), 7, data, "FTP data")?;
///
/// let syn = Key::new(
///     ([198, 51, 100, 21].into(), 20), ([192, 0, 2, 1].into(), 50_000), IpProtocol::TCP,
/// ).unwrap();
/// let (_, owner, what) = table.take(Instant::from_secs(1), &syn).unwrap();
/// assert_eq!((owner, what), (7, "FTP data"));
/// assert!(table.take(Instant::from_secs(1), &syn).is_none()); // one flow, and no second
/// # Ok::<(), flow_state::NotExpected>(())
/// ```
#[derive(Debug, Clone)]
pub struct ExpectationTable<O, T> {
    config: ExpectationConfig,
    now: Instant,
    next_id: u64,
    entries: BTreeMap<ExpectationId, Entry<O, T>>,
    by_destination: BTreeSet<(IpProtocol, u16, IpAddr, u16, ExpectationId)>,
    by_owner: BTreeSet<(O, ExpectationId)>,
    by_deadline: BTreeSet<(Instant, ExpectationId)>,
    stats: ExpectationStats,
}

#[derive(Debug, Clone)]
struct Entry<O, T> {
    expected: Expected,
    owner: O,
    deadline: Instant,
    value: T,
}

impl<O: Copy + Ord, T> ExpectationTable<O, T> {
    /// An empty table.
    pub const fn new(config: ExpectationConfig) -> Self {
        Self {
            config,
            now: Instant::from_micros(0),
            next_id: 0,
            entries: BTreeMap::new(),
            by_destination: BTreeSet::new(),
            by_owner: BTreeSet::new(),
            by_deadline: BTreeSet::new(),
            stats: ExpectationStats {
                inserted: 0,
                renewed: 0,
                used: 0,
                expired: 0,
                removed: 0,
                refused_full: 0,
                refused_owner: 0,
            },
        }
    }

    /// Takes an announcement in. One that the same owner has made before, and that no flow has used, is
    /// renewed, with the new value.
    ///
    /// # Errors
    ///
    /// [`NotExpected`], when there is no room.
    pub fn insert(
        &mut self,
        now: Instant,
        owner: O,
        expected: Expected,
        value: T,
    ) -> Result<ExpectationId, NotExpected> {
        self.expire(now);
        let owned = self.of_owner(owner);
        let count = owned.clone().count();
        let same = owned.map(|(_, id)| *id).find(|id| {
            self.entries
                .get(id)
                .is_some_and(|entry| entry.expected == expected)
        });
        let deadline = self.now.saturating_add(expected.lifetime);
        if let Some(id) = same {
            if let Some(entry) = self.entries.get_mut(&id) {
                self.by_deadline.remove(&(entry.deadline, id));
                entry.deadline = deadline;
                entry.value = value;
            }
            self.by_deadline.insert((deadline, id));
            self.stats.renewed += 1;
            return Ok(id);
        }
        if count >= self.config.per_owner {
            self.stats.refused_owner += 1;
            return Err(NotExpected::OwnerFull);
        }
        if self.entries.len() >= self.config.capacity {
            self.stats.refused_full += 1;
            return Err(NotExpected::Full);
        }
        let id = ExpectationId(self.next_id);
        self.next_id += 1;
        self.by_destination.insert(by_destination(&expected, id));
        self.by_owner.insert((owner, id));
        self.by_deadline.insert((deadline, id));
        let entry = Entry {
            expected,
            owner,
            deadline,
            value,
        };
        self.entries.insert(id, entry);
        self.stats.inserted += 1;
        Ok(id)
    }

    /// The announcement that a flow which starts with a packet of this key uses; it is gone then.
    pub fn take(&mut self, now: Instant, key: &Key) -> Option<(Expected, O, T)> {
        if self.entries.is_empty() {
            return None;
        }
        self.expire(now);
        let id = self.search(key)?;
        let taken = self.detach(id)?;
        self.stats.used += 1;
        Some(taken)
    }

    /// As [`take`](Self::take), and the announcement stays.
    pub fn find(&self, now: Instant, key: &Key) -> Option<(&Expected, O, &T)> {
        let entry = self.entries.get(&self.search(key)?)?;
        let is_live = entry.deadline > self.now.max(now);
        is_live.then_some((&entry.expected, entry.owner, &entry.value))
    }

    /// Removes one announcement.
    pub fn remove(&mut self, id: ExpectationId) -> Option<(Expected, O, T)> {
        let removed = self.detach(id)?;
        self.stats.removed += 1;
        Some(removed)
    }

    /// Removes all that an owner has announced, because it has ended.
    pub fn remove_owner(&mut self, owner: O) {
        loop {
            let first = self.of_owner(owner).next().copied();
            let Some((_, id)) = first else { return };
            self.remove(id);
        }
    }

    /// Removes what has run out.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
    }

    /// When the next announcement runs out.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// Announcements that wait for their flows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every announcement that waits, with its owner.
    pub fn iter(&self) -> impl Iterator<Item = (ExpectationId, &Expected, O)> {
        self.entries
            .iter()
            .map(|(id, entry)| (*id, &entry.expected, entry.owner))
    }

    /// Every announcement that waits: with its owner, the caller's value, and when it runs out.
    pub fn waiting(&self) -> impl Iterator<Item = (&Expected, O, &T, Instant)> {
        self.entries
            .values()
            .map(|entry| (&entry.expected, entry.owner, &entry.value, entry.deadline))
    }

    /// Those of one owner.
    pub fn waiting_of(&self, owner: O) -> impl Iterator<Item = (&Expected, &T, Instant)> {
        self.of_owner(owner)
            .filter_map(|(_, id)| self.entries.get(id))
            .map(|entry| (&entry.expected, &entry.value, entry.deadline))
    }

    /// What has happened.
    pub const fn stats(&self) -> &ExpectationStats {
        &self.stats
    }

    fn of_owner(&self, owner: O) -> impl Iterator<Item = &(O, ExpectationId)> + Clone {
        self.by_owner
            .range((owner, ExpectationId(0))..=(owner, ExpectationId(u64::MAX)))
    }

    /// The one that matches, the latest first: a later announcement replaces an older one in spirit.
    fn search(&self, key: &Key) -> Option<ExpectationId> {
        let end = |id| {
            (
                key.protocol(),
                key.zone(),
                key.destination(),
                key.destination_port(),
                ExpectationId(id),
            )
        };
        self.by_destination
            .range(end(0)..=end(u64::MAX))
            .rev()
            // Owners are bounded in what they announce, not in how many agree on a destination.
            .take(Self::MAX_SEARCH)
            .map(|(.., id)| *id)
            .find(|id| {
                self.entries
                    .get(id)
                    .is_some_and(|entry| entry.expected.matches(key))
            })
    }

    /// Announcements for one destination that are looked at.
    const MAX_SEARCH: usize = 64;

    fn expire(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some(&(deadline, id)) = self.by_deadline.first()
            && deadline <= self.now
        {
            self.detach(id);
            self.stats.expired += 1;
        }
    }

    fn detach(&mut self, id: ExpectationId) -> Option<(Expected, O, T)> {
        let entry = self.entries.remove(&id)?;
        self.by_destination
            .remove(&by_destination(&entry.expected, id));
        self.by_owner.remove(&(entry.owner, id));
        self.by_deadline.remove(&(entry.deadline, id));
        Some((entry.expected, entry.owner, entry.value))
    }
}

fn by_destination(
    expected: &Expected,
    id: ExpectationId,
) -> (IpProtocol, u16, IpAddr, u16, ExpectationId) {
    (
        expected.protocol,
        expected.zone,
        expected.destination,
        expected.destination_port,
        id,
    )
}
