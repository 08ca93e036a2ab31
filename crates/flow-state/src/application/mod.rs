//! Application protocols that announce other flows.
//!
//! Each module reads one protocol, as far as a gateway has to know it: which address and port a
//! message announces, and at which octets they stand, so that an address translator can replace
//! them.
//!
//! The parsers are made against NAT slipstreaming: a message counts only where the
//! protocol says that one starts (for TCP, from the first octet of the stream), only whole, and only
//! with the sender's own address. What they announce is [`Expected`](crate::Expected) by an
//! [`ExpectationTable`](crate::ExpectationTable), once, for a short time.

pub mod dns;
pub mod ftp;
mod lines;
pub mod pptp;
pub mod sip;
pub mod tftp;

pub use lines::{LineStream, StreamPosition};
