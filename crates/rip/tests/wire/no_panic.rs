//! Whatever the octets are, reading returns.

use super::*;
use crate::exercise::{authenticators, exercise, round_trip};
use packet_buffer::{Instant, PacketBuf};
use rip::wire::{Command, RipEntryRepr, RipMessageRepr, RipWriter};
use testkit::sweep;

#[test]
fn every_cut_and_every_changed_octet() {
    let mut packet = PacketBuf::new();
    let mut writer = RipWriter::new(&mut packet, 20);
    let mut entry = RipEntryRepr::route("10.1.0.0/16".parse().unwrap(), 3);
    while writer.push(&entry) {
        entry = entry.with_tag(9).with_next_hop(v4("192.0.2.9"));
    }
    let mut variants = 0;
    for mut authenticator in authenticators() {
        for command in [
            Command::REQUEST,
            Command::RESPONSE,
            Command::UPDATE_RESPONSE,
        ] {
            let header = match command {
                Command::UPDATE_RESPONSE => {
                    RipMessageRepr::with_update(command, 2, rip::wire::UpdateHeader::new(true, 1))
                }
                _ => RipMessageRepr::new(command, 2),
            };
            let mut message = packet.clone();
            authenticator
                .seal(Instant::ZERO, &header, &mut message)
                .unwrap();
            // One receiver with no, and one with this authentication; all of them would take long.
            let mut receivers = [authenticators().swap_remove(0), authenticator.clone()];
            variants += sweep(message.as_slice(), |octets| {
                exercise(octets, &mut receivers);
                round_trip(octets);
            });
        }
    }
    assert!(variants > 40_000, "{variants}");
}

#[test]
fn first_words() {
    let mut receivers = authenticators();
    for tail in [0x00, 0x02, 0xff] {
        for command in 0..=u8::MAX {
            for version in [0, 1, 2, 3, 0xff] {
                for length in [4, 8, 24, 28, 44, 64, 104] {
                    let mut octets = vec![tail; length];
                    octets[..2].copy_from_slice(&[command, version]);
                    exercise(&octets, &mut receivers);
                }
            }
        }
    }
}
