//! Packet buffers, checked wire formats and checksums.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod buffer;
pub mod checksum;
mod code_point;
mod cursor;
mod error;
pub mod random;
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
