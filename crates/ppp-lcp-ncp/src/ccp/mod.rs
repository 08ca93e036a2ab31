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
//! A [`Link`](crate::link::Link) owns one, where its configuration asks for it. By itself:
//!
//! ```
//! use packet_buffer::random::OsRandom;
//! use ppp_lcp_ncp::ccp::{Ccp, CcpConfig, CcpNegotiation};
//! use ppp_lcp_ncp::wire::PppProtocol;
//! use ppp_lcp_ncp::{Instant, PacketBuf};
//!
//! let now = Instant::ZERO;
//! let mut ends = [(); 2].map(|()| {
//!     let config = CcpConfig { deflate: Some(15), ..CcpConfig::default() };
//!     let negotiation = CcpNegotiation::new(config);
//!     let mut ccp = Ccp::new(Default::default(), negotiation, Box::new(OsRandom)).unwrap();
//!     ccp.open(now);
//!     ccp.lower_up(now, None);
//!     ccp
//! });
//! let mut packet = PacketBuf::new();
//! while !ends.iter().all(Ccp::is_open) {
//!     let [a, b] = &mut ends;
//!     while a.poll_transmit(&mut packet).is_some() {
//!         b.handle_input(now, packet.as_slice())?;
//!     }
//!     ends.swap(0, 1);
//! }
//! let [a, b] = &mut ends;
//! let mut datagram = PacketBuf::from(&[0x45; 500][..]);
//! assert!(a.compress(PppProtocol::IPV4, &mut datagram));
//! assert!(datagram.len() < 50);
//! assert!(b.decompress(now, datagram.as_slice(), &mut packet)?);
//! assert_eq!(packet.as_slice()[..2], [0x21, 0x45]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
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
pub use machine::{Ccp, CcpDiscard, CcpStats, CcpTransforms};
pub use negotiation::{CcpConfig, CcpNegotiation, MppeConfig};
pub use option::{CcpMethod, CcpOptionKind, MppeBits};
pub use transform::DecompressError;
