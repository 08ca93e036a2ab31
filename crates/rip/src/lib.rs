//! RIPv1, RIPv2 and RIPng, sans-IO and `no_std`.

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
