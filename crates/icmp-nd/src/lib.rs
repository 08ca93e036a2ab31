//! ICMP for IPv4 and IPv6, Neighbor Discovery and what belongs to it, sans-IO and `no_std`.

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
