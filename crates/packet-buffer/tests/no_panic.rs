//! Nothing that stands near a good packet makes a parser or an accessor panic, or say something
//! that cannot be.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod exercise;
mod vectors;

use exercise::exercise;
use packet_buffer::wire::{EthernetFrame, Ipv4Packet, Ipv6Packet};

#[test]
fn every_cut_and_every_changed_octet_of_every_vector() {
    let mut variants = 0;
    for (_, octets) in vectors::all() {
        variants += testkit::sweep(&octets, exercise);
    }
    assert!(variants > 20_000, "{variants}");
}

/// The upper layers on their own: a sweep of the whole packet seldom gets behind a broken IP header.
#[test]
fn every_cut_and_every_changed_octet_of_every_payload() {
    for (name, octets) in vectors::all() {
        match name.split_once('/').map(|(layer, _)| layer) {
            Some("ethernet") => {
                let frame = EthernetFrame::parse(&octets).unwrap();
                testkit::sweep(frame.payload(), exercise);
            }
            Some("ip") if octets[0] >> 4 == 4 => {
                let packet = Ipv4Packet::parse(&octets).unwrap();
                testkit::sweep(packet.payload(), exercise);
            }
            Some("ip") => {
                let packet = Ipv6Packet::parse(&octets).unwrap();
                testkit::sweep(packet.payload(), exercise);
            }
            _ => {}
        }
    }
}

/// The two octets that say the most: version, lengths, offsets, flags, types.
#[test]
fn first_words() {
    for tail in [0x00, 0x08, 0xff] {
        for first in 0..=u8::MAX {
            for second in [0x00, 0x01, 0x05, 0x40, 0x7f, 0x80, 0xff] {
                let mut octets = [tail; 48];
                octets[..2].copy_from_slice(&[first, second]);
                exercise(&octets);
            }
        }
    }
}
