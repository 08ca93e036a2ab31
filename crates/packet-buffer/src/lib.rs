//! Packets as the protocol crates of this workspace share them: a buffer with headroom, checked
//! views and writers of the common headers, the Internet checksum, fragments, and the time.
//!
//! Everything here is sans-IO and `no_std` (with `alloc`): octets go in and come out, the time is an
//! argument, randomness is handed in. The crate opens no socket, reads no clock, spawns no thread
//! and keeps no global state.
//!
//! # A packet in, a packet out
//!
//! ```
//! use packet_buffer::PacketBuf;
//! use packet_buffer::wire::*;
//!
//! /// Answers an ICMP echo request, as a host does.
//! fn echo(request: &[u8], reply: &mut PacketBuf) -> Result<(), Box<dyn core::error::Error>> {
//!     let ip = Ipv4Packet::parse(request)?; // all lengths are checked here, once
//!     ip.verify_checksum()?;
//!     let icmp = Icmpv4Message::parse(ip.payload())?;
//!     icmp.verify_checksum()?;
//!     if let Icmpv4Repr::EchoRequest { identifier, sequence_number } = icmp.to_repr() {
//!         reply.reset(PacketBuf::DEFAULT_HEADROOM); // keeps its memory
//!         reply.append_slice(icmp.payload());
//!         Icmpv4Repr::EchoReply { identifier, sequence_number }.emit(reply)?;
//!         Ipv4Repr::new(ip.destination(), ip.source(), IpProtocol::ICMP).emit(reply)?;
//!     }
//!     Ok(())
//! }
//! # let mut request = PacketBuf::with_headroom(64);
//! # request.append_slice(b"data");
//! # Icmpv4Repr::EchoRequest { identifier: 1, sequence_number: 2 }.emit(&mut request)?;
//! # let (a, b) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
//! # Ipv4Repr::new(a, b, IpProtocol::ICMP).emit(&mut request)?;
//! # let mut reply = PacketBuf::new();
//! # echo(request.as_slice(), &mut reply)?;
//! # assert_eq!(Ipv4Packet::parse(reply.as_slice())?.destination(), a);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What is here
//!
//! | module | what | specifications |
//! |---|---|---|
//! | [`PacketBuf`] | an owned packet with room in front and behind | |
//! | [`Cursor`] | checked reading from front to back | |
//! | [`tlv`] | one walk for all lists of options | RFC 791, 4861, 8200, 9293 |
//! | [`checksum`] | the Internet checksum, and patching it | RFC 1071, 1624 |
//! | [`wire`] | Ethernet, ARP, IPv4, IPv6, UDP, TCP, ICMP, GRE: views and writers | see there |
//! | [`IpPacketMut`] | addresses, ports and hop counts changed in place | RFC 1624 |
//! | [`fragment`] | fragmentation and bounded reassembly | RFC 791, 815, 5722, 6946, 8200 |
//! | [`time`] | [`Instant`], and an adapter for the system's clock | |
//! | [`random`] | [`RandomSource`], an adapter for the system's source, and a buffer for one | |
//! | [`rate`] | how often something may be done: rates and token buckets | |
//!
//! # Errors
//!
//! Bad octets give a [`ParseError`] that says what was read, at which octet, and why it was refused.
//! A packet that cannot be written gives an [`EmitError`] and leaves the buffer as it was. Nothing
//! here panics on input, and no input makes anything allocate beyond a bound that its docs state.
//!
//! # Time and randomness
//!
//! Calls that need the time take `now: `[`Instant`], microseconds from an epoch of the caller's
//! choice. Machines that need randomness take a [`RandomSource`] when they are made. With the `std`
//! feature, [`time::StdClock`] and [`random::OsRandom`] connect both to the operating system.
//!
//! # Limits and non-goals
//!
//! The formats are those that more than one protocol crate needs; what one protocol alone uses (all
//! of Neighbor Discovery, PPP's options) lives in its crate. IPv6 jumbograms (RFC 2675) are refused.
//! There are no setters on views: a packet is read, or written anew, or patched by
//! [`IpPacketMut`].
//!
//! # Features
//!
//! * `std` (default): the adapters [`time::StdClock`] and [`random::OsRandom`]; nothing else changes.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod buffer;
pub mod checksum;
mod code_point;
mod cursor;
mod error;
pub mod fragment;
pub mod random;
pub mod rate;
mod rewrite;
pub mod time;
pub mod tlv;
pub mod wire;

pub use buffer::PacketBuf;
pub use cursor::Cursor;
pub use error::{EmitError, ParseError, ParseErrorKind};
pub use random::RandomSource;
pub use rewrite::{IpPacketMut, RewriteError};
pub use time::Instant;

/// The code in the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
