//! Packet buffers, checked wire formats and checksums.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod buffer;
pub mod checksum;
mod cursor;
mod error;
pub mod random;
pub mod time;
pub mod tlv;

pub use buffer::PacketBuf;
pub use cursor::Cursor;
pub use error::{EmitError, ParseError, ParseErrorKind};
pub use random::RandomSource;
pub use time::Instant;
