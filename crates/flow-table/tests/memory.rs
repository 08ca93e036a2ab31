//! Octets that a million flows take, counted by the allocator.

#![allow(clippy::unwrap_used, reason = "tests")]

use core::net::{Ipv4Addr, Ipv6Addr};
use flow_table::{Config, FlowKey, FlowTable, Ipv4FlowKey, Ipv6FlowKey, NewFlow};
use packet_buffer::Instant;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use testkit::SeededRandom;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FLOWS: u32 = 1_000_000;

/// A user's value without padding of its own.
type Value = [u64; 4];

/// Octets allocated for each flow of a full table, without the user's value.
fn octets_per_flow<K: FlowKey>(keys: impl Fn(u32) -> (K, K)) -> usize {
    let region = Region::new(ALLOCATOR);
    let mut table =
        FlowTable::<K, Value>::new(Config::new(FLOWS as usize), &mut SeededRandom::new(1)).unwrap();
    for n in 0..FLOWS {
        let (original, reply) = keys(n);
        let new = NewFlow {
            original,
            reply,
            deadline: Instant::from_secs(100),
            class: 0,
            value: [0; 4],
        };
        table.insert(Instant::ZERO, new).unwrap();
    }
    assert_eq!(table.len(), FLOWS as usize);
    assert!(table.find(Instant::ZERO, &keys(FLOWS - 1).1).is_some());
    let stats = region.change();
    let held = stats.bytes_allocated - stats.bytes_deallocated;
    let promised = FlowTable::<K, Value>::octets_for(FLOWS as usize);
    // The test harness allocates a little beside.
    assert!(held.abs_diff(promised) <= 10_000, "{held} of {promised}");
    held / FLOWS as usize - size_of::<Value>()
}

#[test]
fn a_flow_found_by_both_keys_takes_at_most_100_octets_or_190() {
    let server = |n: u32| u16::try_from(n & 0xffff).unwrap();
    let ipv4 = octets_per_flow(|n| {
        let inside = (Ipv4Addr::from_bits(0x0a00_0000 + (n >> 8)), server(n));
        let key = Ipv4FlowKey::new(inside, (Ipv4Addr::new(198, 51, 100, 7), 443), 6, 0);
        (key, key.reversed())
    });
    assert!(ipv4 <= 100, "{ipv4} octets per IPv4 flow");
    let ipv6 = octets_per_flow(|n| {
        let inside = (
            Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n >> 8)),
            server(n),
        );
        let key = Ipv6FlowKey::new(inside, (Ipv6Addr::LOCALHOST, 443), 6, 0);
        (key, key.reversed())
    });
    assert!(ipv6 <= 190, "{ipv6} octets per IPv6 flow");
    println!("octets per flow apart from the value: {ipv4} for IPv4, {ipv6} for IPv6");
}
