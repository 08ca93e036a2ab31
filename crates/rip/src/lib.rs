//! Routers that speak RIP version 1, version 2 and RIPng.
//!
//! An [`Engine`](engine::Engine) is a router of one address family: [`Ipv4`] with versions 1 and 2
//! side by side, or [`Ipv6`] with RIPng. It is sans-IO and `no_std` (with `alloc`): UDP datagrams
//! and the time go in; datagrams, deadlines, events and changes of routes come out. The crate opens no
//! socket, reads no clock and draws no randomness of its own.
//!
//! # A run loop
//!
//! Two routers, and a clock that jumps from deadline to deadline. A program puts its sockets where
//! this hands messages over, and its forwarding table where this prints.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use core::time::Duration;
//! use packet_buffer::random::OsRandom;
//! use rip::config::{Config, InterfaceAddress, InterfaceConfig};
//! use rip::engine::{Engine, InterfaceId, Received};
//! use rip::rib::RouteChange;
//! use rip::{Instant, Ipv4, PacketBuf};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let link = InterfaceId(1); // between the two
//! let stub = InterfaceId(2); // behind the second, which says nothing there
//! let address = |last_but_one: u8, last: u8| InterfaceAddress::<Ipv4> {
//!     address: Ipv4Addr::new(192, 0, last_but_one, last),
//!     prefix_length: 24,
//! };
//! let mut now = Instant::from_secs(1);
//! let mut routers = Vec::new();
//! for host in [1, 2] {
//!     let mut router = Engine::<Ipv4>::new(Config::default(), Box::new(OsRandom))?;
//!     router.add_interface(now, link, InterfaceConfig::new(vec![address(2, host)]))?;
//!     routers.push(router);
//! }
//! let mut passive = InterfaceConfig::new(vec![address(9, 1)]);
//! passive.passive = true;
//! routers[1].add_interface(now, stub, passive)?;
//!
//! let mut learned = Vec::new();
//! let mut out = PacketBuf::with_headroom(64);
//! while now < Instant::from_secs(60) {
//!     // Everything that wants to be sent.
//!     for from in [0, 1] {
//!         while let Some(to) = routers[from].poll_transmit(&mut out) {
//!             let received = Received {
//!                 interface: to.interface,
//!                 source: to.source,
//!                 source_port: to.source_port,
//!                 destination: to.destination,
//!                 hop_limit: Some(to.hop_limit),
//!                 payload: out.as_slice(),
//!             };
//!             // The other router; an error says why it ignored the message.
//!             let _ = routers[1 - from].handle_input(now, &received);
//!         }
//!     }
//!     // What the forwarding table has to change, and what a log should say.
//!     while let Some(change) = routers[0].poll_route_change() {
//!         if let RouteChange::Add(route) = change {
//!             learned.push(format!("{} metric {}", route.prefix, route.metric));
//!         }
//!     }
//!     while routers[0].poll_event().is_some() {}
//!     // Then sleep, until the first deadline or a datagram.
//!     let deadlines = routers.iter().filter_map(|router| router.poll_timeout());
//!     now = deadlines.min().unwrap_or(now + Duration::from_secs(1));
//!     for router in &mut routers {
//!         router.handle_timeout(now);
//!     }
//! }
//! assert_eq!(learned, ["192.0.2.0/24 metric 1", "192.0.9.0/24 metric 2"]);
//! let route = routers[0].rib().lookup(Ipv4Addr::new(192, 0, 9, 77)).expect("it was learned");
//! assert_eq!(route.next_hops.first().address, Ipv4Addr::new(192, 0, 2, 2));
//! # Ok(())
//! # }
//! ```
//!
//! # Where is what
//!
//! | section | what | module |
//! |---|---|---|
//! | RFC 1058 §3.1, RFC 2453 §3.6, §4 | messages and entries of versions 1 and 2, each check with its own error | [`wire`] |
//! | RFC 2080 §2.1 | messages and entries of RIPng, packed to the MTU | [`wire`] |
//! | RFC 2453 §4.1, §5.2, RFC 2082, RFC 4822 | passwords, keyed MD5, HMAC-SHA, key ids, lifetimes, sequence numbers | [`auth`] |
//! | RFC 2453 §5.1 | what is sent and received, by interface | [`config::Ipv4Switches`] |
//! | RFC 1058 §3.2, RFC 2453 §3.7 | networks by class, subnets, summaries | [`wire::classful`], [`engine`] |
//! | RFC 2453 §3.4.3, RFC 2080 §2.6 | split horizon and poisoned reverse | [`config::SplitHorizon`], [`engine`] |
//! | RFC 2453 §3.8, RFC 2080 §2.3 | timers | [`config::Timers`], [`engine`] |
//! | RFC 2453 §3.9.1, RFC 2080 §2.4.1 | requests | [`config::RequestPolicy`], [`engine`] |
//! | RFC 2453 §3.9.2, RFC 2080 §2.4.2 | responses | [`engine`] |
//! | RFC 2453 §3.10, RFC 2080 §2.5 | updates, triggered updates | [`engine`] |
//! | RFC 2453 §4.2, §4.4 | route tags, next hops | [`rib`], [`engine`] |
//! | RFC 2091 | demand circuits | [`config::DemandCircuit`], [`engine`] |
//! | RFC 1724 §4 | counters of its MIB | [`engine::InterfaceStats`], [`engine::NeighborStats`] |
//!
//! # Driving it
//!
//! * **Interfaces** are the caller's to watch: [`add_interface`](engine::Engine::add_interface),
//!   [`set_link_up`](engine::Engine::set_link_up), [`set_addresses`](engine::Engine::set_addresses),
//!   [`remove_interface`](engine::Engine::remove_interface). A network that goes down is announced as
//!   unreachable at once.
//! * **Sockets**: one for each interface, so that [`Received::interface`](engine::Received) is the one
//!   that a datagram came in on, whatever its source says. Give them a large receive buffer: other
//!   routers send their tables without a pause.
//! * **Other routes** come in with [`add_route`](engine::Engine::add_route), and are announced as
//!   [`Config::redistribute`](config::Config::redistribute) says.
//! * **The forwarding table** follows [`poll_route_change`](engine::Engine::poll_route_change). It may be
//!   slow: what changed several times in the meantime is told once.
//! * **At the end**, [`shut_down`](engine::Engine::shut_down), and poll on until all is said.
//!
//! # Choices
//!
//! Where the RFCs leave a choice, this is what is taken:
//!
//! | question | answer |
//! |---|---|
//! | One update timer or one for each interface? | One for each, each with its own jitter, so that a router does not load all its links at once. |
//! | Is the first triggered update held back? | No: it leaves at once, and the next waits for 1 to 5 s. |
//! | How fast does a table leave? | By a bucket of tokens for each interface, [200 messages a second](config::Pacing). A table is written as it leaves, with what holds then; nothing is queued. |
//! | A route of the same metric from another router? | Is ignored, until the one in use has not been heard of for half of its timeout; or is used beside it ([`Config::max_paths`](config::Config::max_paths)). |
//! | Bits behind the mask? | Are cleared, and counted. |
//! | A next hop that is the router itself? | The entry is ignored: so two routers do not count to infinity, even without split horizon. |
//! | A next hop off the link? | The sender is taken instead, and it is counted. |
//! | Who may ask for the table? | Hosts on the link, from any port, [ten times a second](config::RequestPolicy). |
//! | More routes of a neighbor than allowed? | Are dropped; those that are there stay. The same holds for the whole table. |
//! | Version 1 together with authentication? | Is ignored, and cannot be sent. |
//! | An interface without a route to tell of? | Sends no empty updates. |
//!
//! # Costs
//!
//! A route takes about 115 octets (IPv4) or 155 (IPv6), and in steady state nothing is allocated. No
//! call looks at routes that it does not change or send, but for two: an interface that goes down, and
//! a flush of a demand circuit.
//!
//! # Limits and non-goals
//!
//! RIP has no authentication for RIPng (RFC 2080 leaves that to IPsec) and no unnumbered IPv4 links
//! (RFC 2453 §5.4). Policy beyond prefix lists, tags and offsets is the caller's, who sees every route
//! in the change stream and may withhold it.
//!
//! # Features
//!
//! * `std` (default): adapters of `packet-buffer`, and longest-prefix matches by the crate `prefix-trie`; without it an
//!   ordered map answers the same, more slowly.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod auth;
pub mod config;
pub mod engine;
mod family;
mod growth;
pub mod rib;
pub mod wire;

pub use family::{Family, Ipv4, Ipv6};
pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};

/// The code in the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
