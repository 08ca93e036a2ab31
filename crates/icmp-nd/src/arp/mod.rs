//! ARP for IPv4: resolution and conflict detection (RFC 826, RFC 5227).
//!
//! [`Arp`] resolves the neighbors of one Ethernet link with the same cache and the same reachability
//! states as Neighbor Discovery ([`neighbor`](crate::neighbor)): an address in use is polled by
//! unicast before it is given up (RFC 1122 §2.3.2.1). It answers requests for its own addresses and
//! proxied ones, and finds out before and while it uses an address whether another station has it.
//!
//! | for | see | RFC |
//! |---|---|---|
//! | the machine | [`Arp`] | 826, 1122 §2.3.2, 5227 |
//! | times, limits, what is believed | [`ArpConfig`], [`ConflictPolicy`] | 5227 §1.1, §2.4 |
//! | the state of an own address | [`OwnAddress`], [`OwnState`] | 5227 §2 |
//!
//! # What is believed
//!
//! ARP has no proof of anything. What this machine does about it:
//!
//! * Only a reply to a question that is open confirms an entry. What comes unasked at most replaces the
//!   link-layer address of an entry that is there, and leaves it STALE; and that is off with
//!   [`ArpConfig::accept_unsolicited`].
//! * A new entry is made only by a request for one of the addresses of this host.
//! * Senders outside of the configured networks, and link-layer addresses that are a group's, are
//!   refused; with [`ArpConfig::match_link_source`] those as well that differ from the frame's source.
//! * Permanent entries are never changed.

mod config;
mod conflict;
mod machine;
mod receive;

pub use config::{ArpConfig, ArpConfigError, ConflictPolicy};
pub use conflict::{OwnAddress, OwnState};
pub use machine::{AddressError, Arp, Transmit};
pub use receive::{Discard, Event, Stats};
