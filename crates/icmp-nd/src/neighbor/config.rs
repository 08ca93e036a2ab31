//! Limits, counters, and what the cache says.

use super::entry::NudTiming;
use core::time::Duration;
use packet_buffer::rate::Rate;
use packet_buffer::wire::MacAddr;
use packet_buffer::{PacketBuf, RandomSource};

/// The limits of a [`NeighborCache`](super::NeighborCache).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighborConfig {
    /// Entries of all kinds. Default: 1024.
    pub max_entries: usize,
    /// Entries that wait for an answer, INCOMPLETE; a scan of the link's addresses makes such
    /// (RFC 6583 §6.2). Default: 256.
    pub max_unresolved: usize,
    /// Packets that wait for one neighbor; at least 1 (RFC 4861 §7.2.2). Default: 8.
    pub max_packets_per_neighbor: usize,
    /// Packets that wait for all neighbors. Default: 256.
    pub max_packets: usize,
    /// Octets of those packets. Default: 262,144.
    pub max_octets: usize,
    /// Solicitations for neighbors that are not known yet. Probes of known ones are not counted:
    /// those must not suffer from a scan (RFC 6583 §7.2). Default: 100 a second, 200 at once.
    pub solicitations: Rate,
    /// Times and counts.
    pub timing: NudTiming,
}

impl Default for NeighborConfig {
    fn default() -> Self {
        Self {
            max_entries: 1024,
            max_unresolved: 256,
            max_packets_per_neighbor: 8,
            max_packets: 256,
            max_octets: 262_144,
            solicitations: Rate::per_second(100, 200),
            timing: NudTiming::default(),
        }
    }
}

/// A limit of [`NeighborConfig`] cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct NeighborConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl NeighborConfig {
    pub(crate) fn check(&self) -> Result<(), NeighborConfigError> {
        let at_least_one = [
            ("max_entries", self.max_entries),
            ("max_unresolved", self.max_unresolved),
            ("max_packets_per_neighbor", self.max_packets_per_neighbor),
            ("max_packets", self.max_packets),
        ];
        for (field, value) in at_least_one {
            if value == 0 {
                return Err(NeighborConfigError {
                    field,
                    problem: "must be at least 1",
                });
            }
        }
        if u32::try_from(self.max_entries).is_err() {
            return Err(NeighborConfigError {
                field: "max_entries",
                problem: "must fit 32 bits",
            });
        }
        Ok(())
    }
}

/// MIN_RANDOM_FACTOR and MAX_RANDOM_FACTOR: a ReachableTime is drawn from half to one and a half of
/// `base` (RFC 4861 §6.3.2, §10). It is to be drawn again every few hours, and when `base` changes.
pub fn reachable_time(base: Duration, random: &mut dyn RandomSource) -> Duration {
    let thousandths = 500 + random.below(1001);
    base.saturating_mul(thousandths) / 1000
}

/// Something that the owner of the cache is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<A> {
    /// A solicitation for `target`.
    Solicit {
        /// Whose link-layer address is wanted.
        target: A,
        /// Where it goes: to the cached address, or, with `None`, to the solicited-node multicast
        /// address (to broadcast, with ARP).
        link_destination: Option<MacAddr>,
        /// The source of the packet that prompted it, to be its source when it is an address of
        /// the interface (RFC 4861 §7.2.2).
        source: Option<A>,
    },
    /// A packet that waited, and can go.
    Packet {
        /// The neighbor.
        next_hop: A,
        /// Where it is.
        link_destination: MacAddr,
        /// The packet.
        packet: PacketBuf,
    },
}

/// What happened to a neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NeighborEvent<A> {
    /// The link-layer address is known now.
    Resolved {
        /// The neighbor.
        address: A,
        /// Where it is.
        link_address: MacAddr,
    },
    /// Another link-layer address has replaced the known one: it moved, or someone poses as it.
    LinkAddressChanged {
        /// The neighbor.
        address: A,
        /// Where it was.
        old: MacAddr,
        /// Where it says it is.
        new: MacAddr,
    },
    /// It did not answer, and is forgotten.
    Unreachable {
        /// The neighbor.
        address: A,
    },
    /// It said that it is no router any more (RFC 4861 §7.2.5).
    NoRouter {
        /// The neighbor.
        address: A,
    },
}

/// What became of a packet's next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Resolution {
    /// Packets can go there now.
    Ready(MacAddr),
    /// The neighbor is being asked; the packet can wait with
    /// [`enqueue`](super::NeighborCache::enqueue).
    Waiting,
    /// There is no room for another neighbor.
    Refused,
}

/// Counters of a [`NeighborCache`](super::NeighborCache).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NeighborStats {
    /// Neighbors that were asked for and answered.
    pub resolved: u64,
    /// Neighbors that were asked for and did not answer.
    pub unresolved: u64,
    /// Known neighbors that stopped answering.
    pub unreachable: u64,
    /// Neighbors whose link-layer address was replaced.
    pub link_address_changed: u64,
    /// Advertisements with another address and without Override, which was not taken.
    pub override_refused: u64,
    /// Advertisements for addresses that are not in the cache, or without the address that is asked
    /// for: ignored.
    pub advertisements_ignored: u64,
    /// Messages that would have changed a permanent entry.
    pub permanent_kept: u64,
    /// Solicitations by multicast or broadcast.
    pub multicast_solicitations: u64,
    /// Probes by unicast.
    pub unicast_solicitations: u64,
    /// Solicitations that were not sent, since the limit of all was reached.
    pub solicitations_limited: u64,
    /// Unresolved entries that made room: a scan, if there are many.
    pub evicted_unresolved: u64,
    /// STALE entries that made room.
    pub evicted_stale: u64,
    /// Entries in use that made room for a pinned one.
    pub evicted_in_use: u64,
    /// Neighbors that were refused, since all entries are in use.
    pub refused: u64,
    /// Packets that waited.
    pub packets_queued: u64,
    /// Packets that made room for newer ones to the same neighbor.
    pub packets_replaced: u64,
    /// Packets that were dropped with an entry that made room.
    pub packets_evicted: u64,
    /// Packets that were refused, since too many wait or are too long.
    pub packets_refused: u64,
    /// Packets whose neighbor did not answer.
    pub packets_unreachable: u64,
    /// Events that nobody fetched in time.
    pub events_dropped: u64,
}
