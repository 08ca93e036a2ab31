//! A bounded, expiring table of flows, for NAT and firewalls.
//!
//! # What it is
//!
//! A [`FlowTable`] maps flow keys ([`Ipv4FlowKey`], [`Ipv6FlowKey`], or a [`FlowKey`] of your own)
//! to values of your own. It differs from a hash map in what a gateway needs:
//!
//! - **Two keys an entry.** Packets of both directions of a flow find the same entry, with one
//!   look-up, and learn which [`Direction`] they go in; also when address translation makes the two
//!   keys differ.
//! - **Deadlines.** Each entry has one. A hit puts it off with a single store; a timer wheel hands
//!   out what has expired, without ever scanning the table.
//! - **Bounds.** Capacity, memory and work per call are bounded, and there is a policy for the full
//!   table ([`WhenFull`]). Nothing is moved or resized, so no insert is slow, and after
//!   construction nothing allocates.
//! - **Floods.** Places are chosen by a hash that is drawn per table ([`NhHash`], or [`SipHash13`];
//!   their pages say which attacker each stands against).
//! - **Batches.** [`look_ahead`] fetches the flows of many packets together before they are worked on one by
//!   one, and [`FlowTable::lookup_batch`] overlaps the memory accesses of many keys.
//! - **Ids.** A [`FlowId`] names an entry for side tables, timers and logs; it is never reused.
//!
//! The table has no idea of protocols: TCP states, translations and rule verdicts are your value's.
//! A gateway that does NAT and filtering puts both values into one entry, which halves the memory
//! accesses of a packet.
//!
//! # Run loop
//!
//! ```
//! use core::net::Ipv4Addr;
//! use core::time::Duration;
//! use flow_table::{Config, Direction, FlowTable, Ipv4FlowKey, NewFlow};
//! use packet_buffer::Instant;
//! # struct Random(u64);
//! # impl packet_buffer::RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
//! #             *octet = (self.0 >> 56) as u8;
//! #         }
//! #     }
//! # }
//! # let mut random = Random(1);
//!
//! /// What this gateway keeps about a flow: packets in each direction.
//! type Counters = [u64; 2];
//!
//! let timeout = Duration::from_secs(300);
//! let mut table = FlowTable::<Ipv4FlowKey, Counters>::new(Config::new(65_536), &mut random)?;
//!
//! // A query goes out at 0 s, the answer comes in at 1 s.
//! let query = Ipv4FlowKey::new(
//!     (Ipv4Addr::new(192, 0, 2, 1), 40_000),
//!     (Ipv4Addr::new(198, 51, 100, 53), 53),
//!     17,
//!     0,
//! );
//! let packets = [
//!     (Instant::from_secs(0), query),
//!     (Instant::from_secs(1), query.reversed()),
//! ];
//! for (now, key) in packets {
//!     // What has expired until now leaves first.
//!     if table.poll_timeout().is_some_and(|at| at <= now) {
//!         table.handle_timeout(now);
//!         while let Some(flow) = table.poll_expired() {
//!             println!("{} has ended: {:?}", flow.original, flow.value);
//!         }
//!     }
//!     if let Some((direction, mut flow)) = table.lookup(now, &key) {
//!         flow.set_deadline(now + timeout);
//!         flow.value_mut()[direction.index()] += 1;
//!     } else {
//!         // A new flow; a firewall asks its rules first.
//!         let new = NewFlow {
//!             original: key,
//!             reply: key.reversed(),
//!             deadline: now + timeout,
//!             class: 0,
//!             value: [1, 0],
//!         };
//!         table.insert(now, new)?;
//!     }
//! }
//!
//! let (direction, flow) = table.lookup(Instant::from_secs(2), &query.reversed()).unwrap();
//! assert_eq!(direction, Direction::Reply);
//! assert_eq!(*flow.value(), [1, 1]);
//!
//! // Nothing happens for five minutes: the event loop sleeps until the table's next deadline, finds
//! // that the flow was put off once, and sleeps again.
//! let mut ended = None;
//! while let Some(at) = table.poll_timeout() {
//!     table.handle_timeout(at);
//!     ended = ended.or(table.poll_expired());
//! }
//! assert_eq!(ended.unwrap().deadline, Instant::from_secs(301));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Time and randomness
//!
//! Both are handed in. Calls that depend on the time take `now`; a `now` that runs backwards counts
//! as the latest seen. An entry is live until its deadline, to the microsecond: no look-up returns
//! it later, swept or not. It leaves the table at the end of the second in which the deadline
//! falls, when [`FlowTable::handle_timeout`] is called as [`FlowTable::poll_timeout`] asks; that is
//! the granularity of expiry.
//!
//! The wheel looks at an entry when the deadline that it knows comes up, and puts it off when the
//! entry was hit meanwhile: once per timeout, however many hits there were. A deadline more than
//! 512 s away costs one look more, one that is days away another one for each three days.
//!
//! The table draws its hash from the [`RandomSource`](packet_buffer::RandomSource) at construction,
//! and again in [`FlowTable::rehash`]; nothing else is random. Same configuration, seed and calls:
//! same results.
//!
//! # Memory
//!
//! All of it is reserved by [`FlowTable::new`], for the capacity asked for
//! ([`FlowTable::octets_for`]): per entry both keys, 16 octets of deadline, generation and class,
//! the value, 8 octets of links, and 27 octets of index. That is 83 octets for IPv4 and 131 for
//! IPv6, the value apart. The index is written at once; the entries' pages are touched as they are
//! first used, so on systems that commit memory lazily a generous capacity costs little.
//!
//! Look-ups in big tables wait for memory, and half of that is the translation of addresses: huge
//! pages help (with glibc: `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`). A value of 16 octets makes an
//! IPv4 entry 64 octets long; keep what a packet does not touch out of the value, in a table of
//! its own by [`FlowId`].
//!
//! # Limits and non-goals
//!
//! - One table is one `&mut`: no locks, no sharing. Shard by the hash that your network card or
//!   dispatcher uses, one table a core.
//! - Two keys per entry, no more and no ranges. Endpoint-independent mappings, quotas per source and
//!   expectations are tables of their own.
//! - No protocol knowledge, no port allocation.
//! - The capacity is fixed. To grow, make another table and move the flows over
//!   ([`FlowTable::iter`]), which is also how a standby is brought up to date.
//!
//! # Features
//!
//! `std` (default) adds nothing but the `std` adapters of `packet-buffer`; the crate is `no_std` and
//! needs `alloc`.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

mod ahead;
mod arch;
mod config;
mod flow;
mod hash;
mod index;
mod key;
mod lists;
mod slab;
mod table;
mod wheel;

pub use ahead::{Ahead, Hint, look_ahead};
pub use arch::prefetch;
pub use config::{
    Config, ConfigError, InsertError, MAX_CAPACITY, ProbeReport, Refusal, RehashError, RekeyError,
    Stats, WhenFull,
};
pub use flow::{Flow, FlowId, FlowMut, FlowRef, Inserted, NewFlow};
pub use hash::{FlowHash, NhHash, SipHash13};
pub use index::MAX_PROBES;
pub use key::{Direction, FlowKey, Ipv4FlowKey, Ipv6FlowKey};
pub use table::{EVICTION_SAMPLE, FlowTable, Match};
