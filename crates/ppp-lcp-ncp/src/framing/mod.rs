//! HDLC-like framing for octet streams (RFC 1662): serial lines, ptys, sockets.
//!
//! ```text
//! +------+---------+---------+----------+-------------+---------+------+
//! | Flag | Address | Control | Protocol | information |   FCS   | Flag |
//! | 0x7e |  0xff   |  0x03   | 1 or 2   |             |  2 or 4 | 0x7e |
//! +------+---------+---------+----------+-------------+---------+------+
//!        |<- in here, 0x7d and an octet XOR 0x20 stand for 0x7e, 0x7d ->|
//!        |   and the control characters of the receiver's map           |
//! ```
//!
//! An [`Encoder`] makes frames of PPP packets, a [`Decoder`] finds packets in a stream that comes in
//! chunks of any size. Both look at 64 octets together, with the vector instructions that the processor
//! turns out to have ([`VectorUnit`]), and take about as long whatever the octets are: a peer cannot
//! make them slow.
//!
//! ```
//! use ppp_lcp_ncp::framing::{Decoder, Encoder, FramingParameters};
//! use ppp_lcp_ncp::PacketBuf;
//!
//! let packet = [0xc0, 0x21, 1, 1, 0, 4];
//! let mut stream = PacketBuf::new();
//! Encoder::new().encode(&FramingParameters::DEFAULT, &packet, &mut stream);
//! assert_eq!(stream.as_slice()[..5], [0x7e, 0xff, 0x7d, 0x23, 0xc0]);
//!
//! let mut decoder = Decoder::new(1500);
//! let mut found = Vec::new();
//! for chunk in stream.as_slice().chunks(3) {
//!     let mut chunk = chunk;
//!     while let Some(frame) = decoder.next_frame(&mut chunk) {
//!         found.push(frame.to_vec());
//!     }
//! }
//! assert_eq!(found, [[&[0xff, 0x03], &packet[..]].concat()]);
//! ```

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "instructions of processor features")]
mod arch;
mod block;
mod decode;
mod encode;
mod fcs;
mod parameters;
mod vectors;

pub use decode::{Decoder, DecoderStats};
pub use encode::Encoder;
pub use fcs::{Fcs, fcs16, fcs32};
pub use parameters::FramingParameters;
pub use vectors::VectorUnit;

/// Begins and ends a frame.
pub const FLAG: u8 = 0x7e;

/// The octet behind it was changed by [`ESCAPE_MASK`].
pub const ESCAPE: u8 = 0x7d;

/// What an escaped octet is XORed with.
pub const ESCAPE_MASK: u8 = 0x20;
