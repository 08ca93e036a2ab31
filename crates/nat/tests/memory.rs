//! Octets that a session takes, all in, counted by the allocator.

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

use core::net::Ipv4Addr;
use nat::{NatConfig, PacketBuf, Pool, Profile, Verdict};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use support::*;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Sessions: hosts with 63 ports each, as many as the ports of an address.
const SESSIONS: u32 = 64_512;

/// Octets for each of [`SESSIONS`] sessions, `per_port` of them from each inside port.
fn octets_per_session(profile: Profile, per_port: u32, change: impl Fn(&mut NatConfig)) -> usize {
    let mut config = config(profile);
    config.max_sessions = SESSIONS as usize;
    config.max_events = 0;
    config.pools = vec![Pool {
        ports: 1_024..=u16::MAX,
        pooling: nat::Pooling::Arbitrary,
        ..Pool::of_range([203, 0, 113, 0].into()..=[203, 0, 113, 0].into())
    }];
    change(&mut config);
    let region = Region::new(ALLOCATOR);
    let mut nat = nat(config);
    let mut packet = PacketBuf::new();
    for n in 0..SESSIONS {
        let (endpoint, session) = (n / per_port, n % per_port);
        let inside = end(
            Ipv4Addr::from_bits(0x0a00_0001 + endpoint / 63),
            1_024 + (endpoint % 63) as u16,
        );
        let server = end(
            Ipv4Addr::from_bits(0xc633_0001 + n % 1_000),
            1_024 + session as u16,
        );
        packet = udp(inside, server);
        let verdict = nat.process(at(0), Inside, &mut packet);
        assert_eq!(verdict, Verdict::Forward { hairpin: false }, "{n}");
    }
    let stats = region.change();
    assert_eq!(nat.session_count(), SESSIONS as usize);
    let held = stats.bytes_allocated - stats.bytes_deallocated - packet.len();
    held / SESSIONS as usize
}

#[test]
fn octets_of_a_session() {
    // The worst case of endpoint-independent mapping: a mapping for each session.
    let mapped = octets_per_session(Profile::Rfc, 1, |config| {
        config.quarantine = core::time::Duration::ZERO;
    });
    let shared = octets_per_session(Profile::CloudGateway, 8, |_| {});
    println!("octets per session, each with a mapping of its own: {mapped}");
    println!("sharing ports between 1,000 destinations: {shared}");
    // Both keys, 16 octets of deadline, 35 of index and links, 48 of state; then 16 for each port of
    // the address, and the hash of inside endpoints.
    assert!(mapped <= 150, "{mapped}");
    assert!(shared <= 137, "{shared}");
}
