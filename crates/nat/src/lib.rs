//! Network address translation as the RFCs require: NAPT, static, NAT64, NPTv6, PCP; sans-IO, no_std.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod nat64;
pub mod nptv6;

pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};
