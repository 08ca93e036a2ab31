//! What a NAT and a firewall both know of a flow: keys of packets, TCP windows and states, timers, application helpers; sans-IO, no_std.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, ParseErrorKind, RandomSource};
