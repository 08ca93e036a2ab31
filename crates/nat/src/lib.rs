//! Network address translation that behaves as the RFCs require.
//!
//! [`Nat`] translates IPv4 packets in place, on a flow table of its own: no sockets, no clock, no
//! threads. It is handed every packet that goes from one side to the other, and says what is to be
//! done with each.
//!
//! | for | see | specification |
//! |---|---|---|
//! | many inside hosts behind few addresses | [`Napt`], [`Pool`] | RFC 3022, 4787, 5382, 5508, 7857 |
//! | one address each, fixed or lent | [`Action::Static`], [`Action::Dynamic`] | RFC 3022 |
//! | services inside, over several servers | [`Forward`] | RFC 2663 |
//! | both ends translated (twice NAT) | [`Alias`] | RFC 2663 §4.3 |
//! | carriers: limits, pairing, quarantine, port blocks, fixed shares, logs | [`Limits`], [`Pooling`], [`port_block`], [`deterministic`], [`log`] | RFC 6888, 7422, 8158 |
//! | mappings on request | [`pcp`], [`Nat::open_mapping`] | RFC 6887, 6886 |
//! | protocols that carry addresses | [`alg`], [`hooks`] | |
//! | IPv6 inside, IPv4 outside | [`nat64`] | RFC 6146, 7915, 6052 |
//! | one IPv6 prefix for another | [`nptv6`] | RFC 6296 |
//! | which kind of translator is this? | [`classify`] | RFC 5780 §4.3 to §4.5 |
//! | a standby | [`Nat::export`], [`Nat::import`], [`SessionRecord`] | |
//! | translation in a flow table of your own | [`NatFlow`], [`translate`] | |
//!
//! [`Profile`]s are named behaviors: what the RFCs ask for (the default), what the Linux kernel does,
//! what a cloud's gateway does. Each fills a [`NatConfig`], every field of which can be changed.
//!
//! # Run loop
//!
//! ```
//! use core::net::Ipv4Addr;
//! use nat::{Action, Instant, Matching, Nat, PacketBuf, Pool, Profile, Rule, Side, Verdict};
//! # struct Random(u64);
//! # impl packet_buffer::RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
//! #             *octet = (self.0 >> 56) as u8;
//! #         }
//! #     }
//! # }
//! # use packet_buffer::wire::*;
//! # fn query(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> PacketBuf {
//! #     let mut packet = PacketBuf::with_headroom(64);
//! #     let addresses = PseudoHeader::V4 { source: from.0, destination: to.0 };
//! #     let udp = UdpRepr { source_port: from.1, destination_port: to.1 };
//! #     udp.emit(&mut packet, &addresses).unwrap();
//! #     Ipv4Repr::new(from.0, to.0, IpProtocol::UDP).emit(&mut packet).unwrap();
//! #     packet
//! # }
//! # let random = Box::new(Random(1));
//!
//! // 10.0.0.0/8 shares two addresses: those of pool 0, the first that is pushed.
//! let mut config = Profile::Rfc.config(65_536);
//! let addresses = Ipv4Addr::new(203, 0, 113, 1)..=Ipv4Addr::new(203, 0, 113, 2);
//! config.pools.push(Pool::of_range(addresses));
//! config.rules.push(Rule {
//!     matching: Matching::from_prefix("10.0.0.0/8".parse()?),
//!     action: Action::Napt(Profile::Rfc.napt(0)),
//! });
//! config.icmp.inside_address = Some(Ipv4Addr::new(10, 0, 0, 1));
//! let mut nat = Nat::new(config, random)?;
//!
//! let (host, server) = ((Ipv4Addr::new(10, 0, 0, 7), 5_000), (Ipv4Addr::new(198, 51, 100, 53), 53));
//! let mut packets = vec![(Instant::from_secs(1), Side::Inside, query(host, server))];
//! let mut out = PacketBuf::new();
//! while let Some((now, side, mut packet)) = packets.pop() {
//!     // What is due comes first; an event loop sleeps until then at the most.
//!     if nat.poll_timeout().is_some_and(|due| due <= now) {
//!         nat.handle_timeout(now);
//!     }
//!     match nat.process(now, side, &mut packet) {
//!         // Send it on: back to where it came from, when it is hairpinned.
//!         Verdict::Forward { hairpin: false } if side == Side::Inside => {
//!             let ip = Ipv4Packet::parse(packet.as_slice())?;
//!             let udp = UdpDatagram::parse(ip.payload())?;
//!             let answer = query(server, (ip.source(), udp.source_port()));
//!             packets.push((now, Side::Outside, answer));
//!         }
//!         Verdict::Forward { .. } => {
//!             let ip = Ipv4Packet::parse(packet.as_slice())?;
//!             assert_eq!(ip.destination(), host.0);
//!         }
//!         Verdict::Drop(why) => println!("dropped: {why}"),
//!         Verdict::Local => println!("for the router itself"),
//!         Verdict::Held => {} // a fragment
//!     }
//!     // Fragments that have waited, and what the translator itself says.
//!     while let Some(transmit) = nat.poll_transmit(&mut out) {
//!         println!("{} octets to the {:?}", out.len(), transmit.to);
//!     }
//!     while let Some(event) = nat.poll_event() {
//!         println!("{event:?}");
//!     }
//! }
//! assert_eq!((nat.stats().outbound, nat.stats().inbound), (1, 1));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Services inside
//!
//! What is asked for from outside needs a [`Forward`] (or a mapping on request); everything else is dropped.
//!
//! ```
//! use nat::{Forward, NatConfig, Profile, Target};
//! use packet_buffer::wire::{IpProtocol, Ipv4Prefix};
//!
//! let mut config: NatConfig = Profile::Rfc.config(65_536);
//! config.forwards.push(Forward {
//!     protocol: Some(IpProtocol::TCP),
//!     outside: [203, 0, 113, 1].into(),
//!     ports: 8080..=8080,
//!     source: Ipv4Prefix::ALL,
//!     targets: vec![Target::new([10, 0, 0, 5].into(), 80)],
//! });
//! ```
//!
//! # Where it stands in a router
//!
//! The router checks the packet, takes its hop and answers what has none left, *before* the
//! translator sees it; so such packets make no sessions, and errors quote what their sender sent. It
//! sends "fragmentation needed" for its own links and cuts packets, *after* it. Packets between hosts
//! of one side do not come here, except those from inside to an outside address.
//!
//! # What does not leave
//!
//! A packet that no rule translates, or that its session's state refuses, is dropped: there is no
//! verdict that lets it pass with an inside address. Packets that are left out of translation on
//! purpose have a rule that says so ([`Action::Bypass`]).
//!
//! # Limits and policies
//!
//! | what can grow | bound | when it is full |
//! |---|---|---|
//! | sessions | [`NatConfig::max_sessions`] | [`WhenFull`]: refused, or an unanswered one goes |
//! | ports | the pools' | [`DropReason::NoPort`], event, ICMP 3/13; never another's mapping |
//! | sessions of one mapping | 65,535 | no more from outside |
//! | what one subscriber has | [`Limits`] | [`DropReason::Limit`], event, ICMP 3/13 |
//! | fragments | [`Fragments`] | dropped |
//! | SYNs that wait for an answer | [`UnsolicitedSyn`] | not answered |
//! | events, packets to send | [`NatConfig::max_events`], [`NatConfig::max_transmits`] | dropped |
//! | answers of its own | [`Icmp::rate`] | not sent |
//!
//! Each has a counter in [`Nat::stats`]. Ports are found in constant time at any load ([`ports`]).
//!
//! # Memory
//!
//! A session takes 131 octets, its table's index and links included. Endpoint-independent mapping
//! adds 16 octets for each port of an outside address that is in use for a protocol (1 MiB an
//! address, of which only the pages that are used are touched) and 2 for each session. The table of
//! sessions is reserved at construction; packets of known sessions allocate nothing.
//!
//! # Limits and non-goals
//!
//! - One [`Nat`] is one `&mut`. Shard by inside address, each shard with addresses of its own.
//! - Two sides. A third (a DMZ) is another translator, or a side of the inside.
//! - ICMP queries to a shared address name no inside host and are the router's.
//! - AH cannot pass: it signs the addresses.
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

pub mod alg;
mod bindings;
mod classify;
mod config;
pub mod deterministic;
mod engine;
mod event;
mod flow;
pub mod hooks;
pub mod log;
mod mapping;
pub mod nat64;
pub mod nptv6;
pub mod pcp;
pub mod port_block;
pub mod ports;
mod rewrite;
mod sctp;
mod secret_map;
mod subscribers;
mod verdict;

pub use classify::{Classification, MappingBehavior, classify};
pub use config::{
    Action, Alias, Filtering, Forward, Fragments, Icmp, Limits, Mapping, Matching, Napt, NatConfig,
    NatConfigError, Pool, Pooling, PortChoice, PortClasses, Profile, Reserved, Rule, Side, Target,
    UnsolicitedSyn, VirtualReassembly, WhenFull,
};
pub use engine::{
    ExplicitError, ExplicitMapping, ExplicitRequest, ImportError, Nat, RemoteFilter, SessionRecord,
    Transmit,
};
pub use event::{LimitKind, NatEvent, SessionInfo};
pub use flow::NatFlow;
pub use mapping::{Endpoint, MappingInfo};
pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};
pub use rewrite::{Layout, translate};
pub use verdict::{DropReason, Stats, Verdict};
