//! Writes the seeds of the RIP targets in `corpus/`. The same come out every time; inputs that a
//! fuzzer found stay.
//!
//! Run it in this folder with `cargo run --example seeds_rip`.

#[path = "../../crates/rip/tests/wire/exercise.rs"]
#[allow(dead_code, reason = "a part of it")]
mod exercise;

mod support;

use packet_buffer::{Instant, PacketBuf};
use rip::wire::{
    Command, RipEntryRepr, RipMessageRepr, RipWriter, RipngEntryRepr, RipngMessageRepr,
    RipngWriter, UpdateHeader,
};
use std::io;
use support::{octets, write};

fn main() -> io::Result<()> {
    let prefix = "198.51.100.0/24".parse().expect("a prefix");
    let route = RipEntryRepr::route(prefix, 3).with_tag(7);
    let next_hop = route.with_next_hop([192, 0, 2, 9].into());
    let requests = [RipEntryRepr::WHOLE_TABLE];
    let routes = [route, next_hop, route.with_metric(16)];
    let update = UpdateHeader::new(true, 1);
    let messages = [
        (
            "request",
            RipMessageRepr::new(Command::REQUEST, 2),
            &requests[..],
        ),
        (
            "response",
            RipMessageRepr::new(Command::RESPONSE, 2),
            &routes[..],
        ),
        (
            "update",
            RipMessageRepr::with_update(Command::UPDATE_RESPONSE, 2, update),
            &routes[..1],
        ),
        (
            "acknowledge",
            RipMessageRepr::with_update(Command::UPDATE_ACKNOWLEDGE, 2, update),
            &[],
        ),
    ];
    for (number, mut authenticator) in exercise::authenticators().into_iter().enumerate() {
        for (name, header, entries) in messages {
            let mut packet = PacketBuf::new();
            let mut writer = RipWriter::new(&mut packet, 20);
            entries.iter().for_each(|entry| {
                writer.push(entry);
            });
            let sealed = authenticator.seal(Instant::ZERO, &header, &mut packet);
            sealed.expect("it can be sealed");
            let file = format!("{name}-{number}");
            write("rip_parse", &file, packet.as_slice())?;
            if number == 0 {
                write("rip_round_trip", &file, packet.as_slice())?;
            }
        }
    }
    let mut packet = PacketBuf::new();
    packet.append_slice(&RipEntryRepr::route_v1([10, 0, 0, 0].into(), 1).octets());
    let header = RipMessageRepr::new(Command::RESPONSE, 1);
    header.emit(&mut packet).expect("it can be written");
    write("rip_parse", "version-1", packet.as_slice())?;
    write("rip_round_trip", "version-1", packet.as_slice())?;
    let mut packet = PacketBuf::new();
    let mut writer = RipngWriter::new(&mut packet, 10);
    let route = RipngEntryRepr::route("2001:db8::/32".parse().expect("a prefix"), 2);
    writer.push(&route, None);
    writer.push(&route, "fe80::1".parse().ok());
    writer.push(&route.with_metric(17), None);
    let header = RipngMessageRepr::new(Command::RESPONSE);
    header.emit(&mut packet).expect("it can be written");
    write("rip_parse", "ripng", packet.as_slice())?;
    write("rip_round_trip", "ripng", packet.as_slice())?;
    // Octets of any kind are structured inputs.
    for seed in 0..16u32 {
        write(
            "rip_structured",
            &format!("numbers-{seed:02}"),
            &numbers(seed),
        )?;
    }
    Ok(())
}

/// Octets of a linear congruential generator, small ones among them.
fn numbers(seed: u32) -> Vec<u8> {
    octets(seed, 64 + seed * 24, |state| {
        let octet = (state >> 24) as u8;
        if seed.is_multiple_of(2) {
            octet
        } else {
            octet % 8
        }
    })
}
