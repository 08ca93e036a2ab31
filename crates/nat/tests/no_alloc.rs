//! In steady state, no packet makes the translator allocate.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "nat44/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;

use nat::{NatConfig, PacketBuf, Profile, Verdict};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use support::*;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Packets of sessions that are there: UDP, TCP, queries, and ICMP errors, both ways.
fn steady(config: NatConfig, what: &str) {
    let mut nat = nat(config);
    let mut packets = Vec::new();
    for host in 0..50u8 {
        let inside = end([10, 0, 1, host].into(), 5_000);
        let out = pass(&mut nat, at(0), Inside, udp(inside, end(SERVER, 53))).from;
        packets.push((Inside, udp(inside, end(SERVER, 53))));
        packets.push((Outside, udp(end(SERVER, 53), out)));
        let sent = udp(out, end(SERVER, 53));
        packets.push((Outside, unreachable(OTHER, &sent, 8)));
        let server = end(SERVER, 80);
        let out = pass(&mut nat, at(0), Inside, tcp(inside, server, "S", 1, 0)).from;
        pass(&mut nat, at(0), Outside, tcp(server, out, "SA", 9, 2));
        packets.push((Inside, tcp(inside, server, "A", 2, 10)));
        packets.push((Outside, tcp(server, out, "A", 10, 2)));
        let out = pass(&mut nat, at(0), Inside, echo(*inside.ip(), SERVER, 7)).from;
        packets.push((Inside, echo(*inside.ip(), SERVER, 7)));
        packets.push((Outside, echo_reply(SERVER, EXTERNAL, out.port())));
    }
    let dropped = [
        (Inside, tcp(end(B, 9), end(SERVER, 80), "A", 1, 1)),
        (Outside, udp(end(OTHER, 9), end(EXTERNAL, 1))),
    ];
    let mut buffers: Vec<PacketBuf> = packets.iter().map(|(_, packet)| packet.clone()).collect();
    let mut batches: Vec<Vec<PacketBuf>> = [Inside, Outside]
        .iter()
        .map(|side| {
            let of_side = packets.iter().filter(|(from, _)| from == side);
            of_side.map(|(_, packet)| packet.clone()).collect()
        })
        .collect();
    let originals = batches.clone();
    let mut spare: Vec<PacketBuf> = dropped.iter().map(|(_, packet)| packet.clone()).collect();
    let mut verdicts = vec![Verdict::Local; 400];

    let region = Region::new(ALLOCATOR);
    let mut forwarded = 0u32;
    for round in 1..40u64 {
        let now = at(round);
        for ((side, packet), buffer) in packets.iter().zip(&mut buffers) {
            buffer.clear();
            buffer.append_slice(packet.as_slice());
            let verdict = nat.process(now, *side, buffer);
            forwarded += u32::from(verdict == Verdict::Forward { hairpin: false });
        }
        for ((side, batch), original) in [Inside, Outside].iter().zip(&mut batches).zip(&originals)
        {
            for (buffer, packet) in batch.iter_mut().zip(original) {
                buffer.clear();
                buffer.append_slice(packet.as_slice());
            }
            nat.process_batch(now, *side, batch, &mut verdicts);
        }
        for ((side, packet), buffer) in dropped.iter().zip(&mut spare) {
            buffer.clear();
            buffer.append_slice(packet.as_slice());
            let _ = nat.process(now, *side, buffer);
        }
        nat.handle_timeout(now);
    }
    let stats = region.change();
    assert_eq!(forwarded, 39 * 350);
    assert_eq!(stats.allocations, 0, "{what}: {stats:?}");
    assert_eq!(stats.reallocations, 0, "{what}: {stats:?}");
}

fn main() {
    for profile in [Profile::Rfc, Profile::LinuxCompat, Profile::CloudGateway] {
        let mut config = config(profile);
        // An answer of the translator's own is a packet of its own.
        config.reset_unknown_tcp = false;
        steady(config, &format!("{profile:?}"));
    }
    println!("no allocations in 70,200 packets");
}
