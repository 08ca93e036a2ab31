//! RFC 1962 and what it agrees on: MPPE (RFC 3078, RFC 3079), Deflate (RFC 1979) and BSD Compress
//! (RFC 1977), by themselves and over a link.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod bsd_compress;
mod deflate;
mod link;
mod mppe;
mod negotiation;
mod simulation;

use packet_buffer::RandomSource;
use testkit::SeededRandom;

/// An IPv4 datagram that compresses well.
fn text(number: usize) -> Vec<u8> {
    let mut datagram = vec![0x45, 0, 0, 0];
    while datagram.len() < 600 {
        datagram.extend_from_slice(format!("line {number} of many that are alike, ").as_bytes());
    }
    with_length(datagram)
}

/// One that does not.
fn noise(seed: u64) -> Vec<u8> {
    let mut datagram = vec![0x45; 600];
    SeededRandom::new(seed).fill(&mut datagram[1..]);
    with_length(datagram)
}

fn with_length(mut datagram: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
    datagram[2..4].copy_from_slice(&length);
    datagram
}
