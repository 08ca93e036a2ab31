//! What the tests of this workspace stand on: a simulated network, seeded randomness, checks of the
//! machine contract, a reader of reference captures, a writer of new ones, and the no-panic sweep.
//!
//! | for | see |
//! |---|---|
//! | machines that talk over links that lose, delay, duplicate, reorder, corrupt | [`Network`], [`Node`], [`LinkConfig`] |
//! | many seeds, and the one that failed again | [`for_each_seed`], [`SeededRandom`] |
//! | the machine contract, in simulations and fuzzers | [`contract`] |
//! | looking at a simulation with Wireshark | [`Tap`], [`pcapng`] |
//! | real packets with a dissector's reading | [`captures`] |
//! | parsers that must not panic | [`sweep()`], [`replay_seeds`] |
//! | what is allocated | [`CountingAllocator`] |
//!
//! # Two nodes on a lossy link
//!
//! A node that sends a ping each second until a pong comes back, and one that answers:
//!
//! ```
//! use core::time::Duration;
//! use packet_buffer::{Instant, PacketBuf};
//! use testkit::{Discarded, LinkConfig, Network, Node, Port, for_each_seed};
//!
//! struct Pinger {
//!     next: Option<Instant>,
//!     to_send: usize,
//!     answered: bool,
//! }
//!
//! impl Node for Pinger {
//!     fn handle_input(&mut self, _: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
//!         if frame != b"pong" {
//!             return Err(Discarded::new("not a pong"));
//!         }
//!         self.answered = true;
//!         self.next = None;
//!         Ok(())
//!     }
//!     fn handle_timeout(&mut self, now: Instant) {
//!         if self.next.is_some_and(|next| next <= now) {
//!             self.to_send += 1;
//!             self.next = Some(now + Duration::from_secs(1));
//!         }
//!     }
//!     fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
//!         self.to_send = self.to_send.checked_sub(1)?;
//!         out.append_slice(b"ping");
//!         Some(0)
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         self.next
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Responder {
//!     pongs: usize,
//! }
//!
//! impl Node for Responder {
//!     fn handle_input(&mut self, _: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
//!         if frame != b"ping" {
//!             return Err(Discarded::new("not a ping"));
//!         }
//!         self.pongs += 1;
//!         Ok(())
//!     }
//!     fn handle_timeout(&mut self, _: Instant) {}
//!     fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
//!         self.pongs = self.pongs.checked_sub(1)?;
//!         out.append_slice(b"pong");
//!         Some(0)
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         None
//!     }
//! }
//!
//! for_each_seed(0..20, |seed| {
//!     let mut network = Network::new(seed);
//!     let pinger = Pinger { next: Some(Instant::from_secs(1)), to_send: 0, answered: false };
//!     let alice = network.add_node("alice", pinger);
//!     let bob = network.add_node("bob", Responder::default());
//!     let lossy = LinkConfig { loss: 0.3, corrupt: 0.1, ..LinkConfig::default() };
//!     network.add_link("wire", alice, bob, lossy);
//!
//!     let limit = Instant::from_secs(60);
//!     network
//!         .run_until_condition(limit, |network| network.node::<Pinger>(alice).answered)
//!         .expect("a pong comes back within a minute");
//! });
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test tooling: a failed expectation is a failed test"
)]

extern crate alloc;

mod arch;
pub mod captures;
pub mod contract;
mod host;
mod inputs;
mod net;
mod node;
pub mod pcapng;
mod random;
mod seed;
mod sweep;
mod tap;

pub use arch::CountingAllocator;
pub use contract::{Contract, ContractChecker, assert_deterministic};
pub use host::{Heard, Host};
pub use inputs::{named_packets, replay_seeds};
pub use net::{
    BurstLoss, ByteStream, End, LinkConfig, LinkCounters, LinkId, Network, NodeCounters, NodeId,
    NotReached,
};
pub use node::{Discarded, Node, Port};
pub use pcapng::LinkType;
pub use random::SeededRandom;
pub use seed::{
    SEED_VARIABLE, SEEDS_VARIABLE, SeedGuard, for_each_seed, parse_seed, seed_from_env, seeds,
};
pub use sweep::sweep;
pub use tap::{Tap, Tapped};
