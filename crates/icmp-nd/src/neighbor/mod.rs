//! The neighbor cache: entries, Neighbor Unreachability Detection, the queue of waiting packets.
//!
//! The same shape serves Neighbor Discovery (RFC 4861 §7.2, §7.3) and ARP (RFC 826, RFC 1122
//! §2.3.2); it is generic over the address family.
//!
//! | part | what |
//! |---|---|
//! | [`step`] | the transitions of RFC 4861 appendix C, a pure function |
//! | [`Neighbor`] | one entry with its timer, of use on its own |
//! | [`NeighborCache`] | many, bounded, with the packets that wait for them |
//!
//! The cache writes no packets: [`NeighborCache::poll_output`] says what is to be solicited and which
//! packets can go where.
//!
//! # When it is full
//!
//! Entries are of four kinds, each in the order of age. A neighbor that a packet is to be sent to
//! takes the place of an unresolved one, then of a STALE one. One that only spoke up takes the
//! place of a STALE one, then of an unresolved one. Entries in use (REACHABLE, DELAY, PROBE) give way
//! to pinned ones alone, which are default routers and configured entries; those give way to
//! nothing. Unresolved entries have a limit of their own within which the newest stay, so that a
//! scan of the link (RFC 6583) costs only those. Of the packets for one neighbor the newest stay
//! (RFC 4861 §7.2.2).

mod cache;
mod config;
mod entry;
mod lists;
mod state;
mod store;
mod timers;

pub use cache::{NeighborAddress, NeighborCache};
pub use config::{
    NeighborConfig, NeighborConfigError, NeighborEvent, NeighborStats, Output, Resolution,
    reachable_time,
};
pub use entry::{Advertised, Neighbor, NudTiming};
pub use packet_buffer::rate::Rate;
pub use state::{Actions, Event, State, Supplied, step};
