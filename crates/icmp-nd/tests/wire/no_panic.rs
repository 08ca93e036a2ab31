//! Nothing that stands near a good packet makes a parser or an accessor panic, or say something that
//! cannot be.

use crate::exercise::{exercise, round_trip};
use crate::vectors;
use packet_buffer::wire::IpPacket;

fn both(octets: &[u8]) {
    exercise(octets);
    round_trip(octets);
}

#[test]
fn every_cut_and_every_changed_octet_of_every_vector() {
    let mut variants = 0;
    for (_, octets) in vectors::all() {
        variants += testkit::sweep(&octets, both);
    }
    assert!(variants > 17_000, "{variants}");
}

/// The messages on their own: a sweep of the whole packet seldom gets behind a broken IP header.
#[test]
fn every_cut_and_every_changed_octet_of_every_message() {
    for (_, octets) in vectors::all() {
        let message = match IpPacket::parse(&octets).unwrap() {
            IpPacket::V4(ip) => ip.payload(),
            IpPacket::V6(ip) => ip.upper_layer().unwrap().payload,
        };
        testkit::sweep(message, both);
    }
}

/// Every type with every code, and with every octet behind them.
#[test]
fn first_octets() {
    for tail in [0x00, 0x01, 0x08, 0xff] {
        for message_type in 0..=u8::MAX {
            for fifth in [0, 1, 2, 16, 31, 32, 33, 127, 128, 255] {
                let mut octets = [tail; 64];
                octets[0] = message_type;
                octets[1] = fifth & 1;
                octets[4] = fifth;
                both(&octets);
            }
        }
    }
}
