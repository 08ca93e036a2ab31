//! Packets of sessions, and packets that are denied, do not allocate.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test; what fails here must be seen"
)]

use packet_buffer::wire::{IpProtocol, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr};
use stateful_firewall::{
    Firewall, FirewallConfig, Instant, InterfaceId, PacketBuf, Path, Verdict, language,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::time::Duration;
use testkit::SeededRandom;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn segment(from: ([u8; 4], u16), to: ([u8; 4], u16), repr: TcpRepr) -> PacketBuf {
    let mut packet = PacketBuf::new();
    let (source, destination) = (from.0.into(), to.0.into());
    let repr = TcpRepr {
        source_port: from.1,
        destination_port: to.1,
        window: 8_192,
        ..repr
    };
    let addresses = PseudoHeader::V4 {
        source,
        destination,
    };
    repr.emit(&mut packet, &addresses).unwrap();
    Ipv4Repr::new(source, destination, IpProtocol::TCP)
        .emit(&mut packet)
        .unwrap();
    packet
}

fn main() {
    let mut text = String::from(
        "zone inside level 100\nzone outside level 0\ninterface in0 zone inside\ninterface out0 zone outside\n",
    );
    for n in 0..200 {
        text += &format!("rule accept tcp to 192.0.2.{n} port {} log\n", 1_000 + n);
    }
    let policy = language::compile(&text).unwrap();
    let random = Box::new(SeededRandom::new(1));
    let mut firewall = Firewall::new(FirewallConfig::new(10_000), policy, random).unwrap();
    let (inside, outside) = (InterfaceId::new(0), InterfaceId::new(1));
    let (out, back) = (Path::new(inside, outside), Path::new(outside, inside));
    let (client, server) = (([10, 0, 0, 2], 40_000), ([198, 51, 100, 2], 80));
    let repr = |flags, sequence_number, acknowledgment_number| TcpRepr {
        flags,
        sequence_number,
        acknowledgment_number,
        ..TcpRepr::default()
    };
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    let mut now = Instant::from_secs(1);
    let mut up = segment(client, server, repr(syn, 1_000, 0));
    assert!(firewall.process(now, &out, &mut up).is_accept());
    let mut down = segment(server, client, repr(syn | ack, 5_000, 1_001));
    assert!(firewall.process(now, &back, &mut down).is_accept());
    let mut up = segment(client, server, repr(ack, 1_001, 5_001));
    let mut down = segment(server, client, repr(ack, 5_001, 1_001));
    let mut denied = segment(([198, 51, 100, 9], 5), client, repr(syn, 1, 0));
    let mut stray = segment(([198, 51, 100, 3], 1), client, repr(ack, 1, 1));
    let mut batch = [up.clone(), down.clone(), up.clone(), down.clone()];
    let mut verdicts = [Verdict::Held; 4];
    // Events and limits of logs take their room once.
    for _ in 0..2_000 {
        let _ = firewall.process(now, &back, &mut stray);
        let _ = firewall.process(now, &back, &mut denied);
    }
    while firewall.poll_event().is_some() {}

    let region = Region::new(ALLOCATOR);
    for _ in 0..10_000 {
        now += Duration::from_micros(100);
        assert!(firewall.process(now, &out, &mut up).is_accept());
        assert!(firewall.process(now, &back, &mut down).is_accept());
        assert!(!firewall.process(now, &back, &mut denied).is_accept());
        assert!(!firewall.process(now, &back, &mut stray).is_accept());
        firewall.process_batch(now, &[out, back, out, back], &mut batch, &mut verdicts);
        assert!(verdicts.iter().all(Verdict::is_accept));
        firewall.handle_timeout(now);
        while firewall.poll_event().is_some() {}
    }
    let change = region.change();
    assert_eq!(
        (change.allocations, change.reallocations),
        (0, 0),
        "{change:?}"
    );
    println!("70,000 packets, no allocation");
}
