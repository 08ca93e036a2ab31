//! The messages: what is read, what is refused and why, and what is written.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod captures;
mod exercise;
mod no_panic;
mod rfc1058;
mod rfc2080;
mod rfc2091;
mod rfc2453;
mod round_trip;

use core::net::{Ipv4Addr, Ipv6Addr};
use rip::wire::{EntryError, InterfaceAddress, RipMessage, RipRoute};

/// Octets written in hexadecimal, with spaces anywhere.
fn octets(text: &str) -> Vec<u8> {
    hex::decode(text.replace(char::is_whitespace, "")).unwrap()
}

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// The interface's address and the length of its network.
fn interface(address: &str, length: u8) -> InterfaceAddress {
    let address = v4(address);
    InterfaceAddress {
        address,
        network: packet_buffer::wire::Ipv4Prefix::new(address, length).unwrap(),
    }
}

/// A message of one entry: version, family and tag, then the four words.
fn message(version: u8, family: u16, words: [&str; 3], metric: u32) -> Vec<u8> {
    let mut octets = vec![2, version, 0, 0];
    octets.extend(family.to_be_bytes());
    octets.extend([0, 0]);
    for word in words {
        octets.extend(v4(word).octets());
    }
    octets.extend(metric.to_be_bytes());
    octets
}

/// What becomes of a RIP-2 entry on 192.0.2.0/24, where the receiver is 192.0.2.1.
fn judge(address: &str, mask: &str, next_hop: &str, metric: u32) -> Result<RipRoute, EntryError> {
    let octets = message(2, 2, [address, mask, next_hop], metric);
    let parsed = RipMessage::parse(&octets).unwrap();
    let addresses = [interface("192.0.2.1", 24)];
    parsed.routes(&addresses).next().unwrap()
}
