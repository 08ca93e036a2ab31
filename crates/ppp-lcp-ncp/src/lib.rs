//! PPP from the first flag octet to IP packets, sans-IO and `no_std`.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod auth;
pub mod automaton;
pub mod ccp;
pub mod ecp;
pub mod framing;
pub mod lcp;
pub mod link;
pub mod lqr;
pub mod multilink;
pub mod ncp;
pub mod pppoe;
pub mod vj;
pub mod wire;

pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};

/// The code in the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
