//! ICMP for IPv4 and IPv6, Neighbor Discovery and what belongs to it, sans-IO and `no_std`.
//!
//! The crate turns octets and the time into octets, deadlines and events. It opens no socket, reads
//! no clock and draws no randomness of its own: the time is an argument, and a [`RandomSource`] is
//! handed in. So the same code serves a host on a TAP device, a router that bypasses the kernel, a
//! prober with raw sockets, a simulation and a fuzzer.
//!
//! # What is here
//!
//! From the octets up; each layer is of use without those behind it.
//!
//! | module | what | specifications |
//! |---|---|---|
//! | [`wire`] | the messages, read and written | RFC 792, 950, 1256, 2710, 3810, 3971 §5.3, 4191, 4861 §4, 4884, 4950, 5837, 8106, 8335, 8781, 8910 |
//! | [`validation`] | what a receiver checks before a message counts | RFC 4861 §6.1, §7.1, §8.1, RFC 3810 §6.2, RFC 6980 |
//! | [`generation`] | when an error may be sent, what it quotes, how often | RFC 1122 §3.2.2, RFC 1812 §4.3.2, RFC 4443 §2.4 |
//! | [`reception`] | what a node does with a packet, extension headers included | RFC 8200 §4, RFC 1122 §3.2.1 |
//! | [`neighbor`] | the neighbor cache and its reachability states | RFC 4861 §7.3, appendix C |
//! | [`arp`] | resolution and conflicts of IPv4 addresses | RFC 826, RFC 5227 |
//! | [`address`] | IPv6 addresses: autoconfiguration, duplicates, lifetimes, selection | RFC 4862, 4429, 7527, 7217, 8981, 6724 |
//! | [`mld`] | which groups an interface listens to | RFC 2710, RFC 3810 |
//! | [`nd`] | Neighbor Discovery of one interface | RFC 4861, RFC 4191 |
//! | [`pmtu`] | path MTUs, as reported and as probed | RFC 1191, 8201, 4821, 8899, 5927 |
//! | [`irdp`] | router discovery for IPv4 | RFC 1256 |
//! | [`host`] | a dual-stack host on one Ethernet link | RFC 1122, RFC 8504 |
//! | [`router`] | the router's side: advertisements, redirects, proxying, forwarding | RFC 4861 §6.2, §8.2, RFC 4191 |
//! | [`ping`], [`traceroute`], [`query`] | probers | RFC 792, 4443, 8335, 4884 |
//!
//! # Messages
//!
//! ```
//! use icmp_nd::PacketBuf;
//! use icmp_nd::validation::{self, NdLimits};
//! use icmp_nd::wire::{NdMessage, NdOptionRepr, NdRepr, solicited_node};
//! use packet_buffer::wire::{Ipv6Packet, MacAddr};
//!
//! // Who has fe80::2?
//! let target = "fe80::2".parse()?;
//! let own = NdOptionRepr::SourceLinkLayerAddress(MacAddr([2, 0, 0, 0, 0, 1]));
//! let mut packet = PacketBuf::with_headroom(64);
//! NdRepr::NeighborSolicitation { target }
//!     .emit_packet(&[own], &mut packet, "fe80::1".parse()?, solicited_node(target))?;
//!
//! // The other side checks all that RFC 4861 §7.1.1 asks for, and reads.
//! let ip = Ipv6Packet::parse(packet.as_slice())?;
//! let valid = validation::nd(&ip, &ip.upper_layer()?, &NdLimits::default())?;
//! let NdMessage::NeighborSolicitation(solicitation) = valid.message() else {
//!     panic!("that is what was sent");
//! };
//! assert_eq!(solicitation.target(), target);
//! assert_eq!(solicitation.options().source_mac(), Some(MacAddr([2, 0, 0, 0, 0, 1])));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Run loop
//!
//! Two hosts on one wire, and a clock that jumps from deadline to deadline. A program puts its device where this hands
//! frames over, and waits where this jumps.
//!
//! ```
//! use icmp_nd::host::{Host, HostConfig, Outgoing};
//! use icmp_nd::{Instant, PacketBuf};
//! use packet_buffer::wire::{Icmpv4Repr, IpProtocol, MacAddr};
//! # struct Random(u64);
//! # impl icmp_nd::RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
//! #             *octet = self.0.to_be_bytes()[0];
//! #         }
//! #     }
//! # }
//!
//! let mut now = Instant::ZERO;
//! let mut hosts = Vec::new();
//! for number in [1, 2] {
//!     let config = HostConfig::new(MacAddr([2, 0, 0, 0, 0, number]));
//!     let mut host = Host::new(config, Box::new(Random(number.into())))?;
//!     host.start(now);
//!     host.add_ipv4_address(now, [192, 0, 2, number].into(), 24)?;
//!     hosts.push(host);
//! }
//! let (mut frame, mut packet) = (PacketBuf::new(), PacketBuf::new());
//! let (mut asked, mut answered) = (false, None);
//! while answered.is_none() {
//!     // Everything that wants to be sent. An error says why the other host ignored a frame.
//!     for from in [0, 1] {
//!         while hosts[from].poll_transmit(&mut frame).is_some() {
//!             let _ = hosts[1 - from].handle_input(now, frame.as_slice());
//!         }
//!     }
//!     // Packets for the program, and what a log should say.
//!     while let Some(received) = hosts[0].poll_receive(&mut packet) {
//!         answered = Some(received.source);
//!     }
//!     for host in &mut hosts {
//!         while host.poll_event().is_some() {}
//!     }
//!     // Addresses are tested for some seconds; then the first host pings the second.
//!     let other = [192, 0, 2, 2].into();
//!     if !asked && hosts.iter().all(|host| host.select_source(other).is_some()) {
//!         let mut ping = PacketBuf::from(&b"are you there?"[..]);
//!         Icmpv4Repr::EchoRequest { identifier: 1, sequence_number: 1 }.emit(&mut ping)?;
//!         hosts[0].send(now, &Outgoing::new(other, IpProtocol::ICMP), &mut ping)?;
//!         asked = true;
//!         continue;
//!     }
//!     // Then sleep, until the first deadline or a frame.
//!     now = hosts.iter().filter_map(Host::poll_timeout).min().ok_or("nothing to wait for")?;
//!     for host in &mut hosts {
//!         host.handle_timeout(now);
//!     }
//! }
//! assert_eq!(answered, Some([192, 0, 2, 2].into()));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! The probers ([`ping`], [`traceroute`], [`query`]) have the same calls and stand beside a host, or on raw sockets.
//!
//! # Bad input
//!
//! Octets that are no message give a [`ParseError`] that says what was read, where and why; messages
//! that a receiver must not believe have an error each ([`validation::NdError`],
//! [`validation::MldError`]). Options that cannot be used are told one by one
//! ([`wire::NdOptionError`]) and leave the others standing. Everything that a peer can make grow has a
//! bound and a counter, which the machine's `stats()` shows.
//!
//! # Limits and non-goals
//!
//! SEND (RFC 3971) has its nonce here and nothing else. Multicast routing, and with it the
//! querier's side of MLD, is not here, nor are DHCPv6, node information queries (RFC 4620) and fast
//! handovers (RFC 5568): their messages and options are kept as octets.
//!
//! # Features
//!
//! * `std` (default): the adapters of `packet-buffer`; nothing else changes.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod address;
pub mod arp;
pub mod generation;
mod hash;
pub mod host;
pub mod irdp;
pub mod mld;
pub mod nd;
pub mod neighbor;
pub mod ping;
pub mod pmtu;
pub mod probe;
pub mod query;
pub mod reception;
pub mod router;
pub mod traceroute;
pub mod validation;
pub mod wire;

use packet_buffer::random;

pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};

/// The code in the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
