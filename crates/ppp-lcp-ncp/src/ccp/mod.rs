//! The Compression Control Protocol (RFC 1962), and what it agrees on: MPPE, Deflate and BSD Compress.
//!
//! | method | what it does | specification |
//! |---|---|---|
//! | [`CcpMethod::Mppe`] | encrypts, with keys of 40, 56 or 128 bits from MS-CHAP-V2 | RFC 3078, RFC 3079 |
//! | [`CcpMethod::Deflate`] | compresses with a history of up to 32 KiB | RFC 1979 |
//! | [`CcpMethod::BsdCompress`] | compresses with a dictionary of up to 2^15 strings | RFC 1977 |
//!
//! Each direction has its own: a Configure-Request says what its sender can decompress. A [`Ccp`] is one
//! end of it. A method begins with the packet behind the Configure-Ack that agrees on it; packets
//! that went as they were count too. A lost packet costs those behind it until the peer has
//! answered a Reset-Request; MPPE without state loses nothing but the packet.
//!
//! Memory: deflate takes about 300 KiB to send and 45 KiB to receive; BSD Compress up to 260 KiB a
//! direction; MPPE less than 1 KiB.

mod bsd;
mod deflate;
mod machine;
pub mod mppe;
mod negotiation;
mod option;
mod transform;

pub use bsd::{BsdCompressor, BsdDecompressor};
pub use deflate::{DeflateCompressor, DeflateDecompressor};
pub use machine::{Ccp, CcpDiscard, CcpStats};
pub use negotiation::{CcpConfig, CcpNegotiation, MppeConfig};
pub use option::{CcpMethod, CcpOptionKind, MppeBits};
pub use transform::DecompressError;
