//! Once made, a table does not allocate, whatever happens to it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use core::net::Ipv4Addr;
use core::time::Duration;
use flow_table::{Config, FlowTable, Ipv4FlowKey, NewFlow, WhenFull};
use packet_buffer::{Instant, RandomSource};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use testkit::SeededRandom;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let mut random = SeededRandom::new(1);
    let config = Config {
        when_full: WhenFull::EvictLowestClass,
        sweep_budget: 50,
        ..Config::new(1_000)
    };
    let mut table = FlowTable::<Ipv4FlowKey, u64>::new(config, &mut random).unwrap();
    let mut keys = [Ipv4FlowKey::new((Ipv4Addr::LOCALHOST, 0), (Ipv4Addr::LOCALHOST, 0), 6, 0); 64];
    let mut matches = [None; 64];
    let mut now = Instant::ZERO;

    let region = Region::new(ALLOCATOR);
    for step in 0..20_000u32 {
        now += Duration::from_millis(7);
        let source = (Ipv4Addr::from_bits(random.below(3_000)), 1);
        let original = Ipv4FlowKey::new(source, (Ipv4Addr::LOCALHOST, 2), 17, 0);
        keys[step as usize % keys.len()] = original.reversed();
        if let Some((_, mut flow)) = table.lookup(now, &original) {
            flow.set_deadline(now + Duration::from_secs(u64::from(step % 900)));
            *flow.value_mut() += 1;
        } else {
            let new = NewFlow {
                original,
                reply: original.reversed(),
                deadline: now + Duration::from_secs(30),
                class: u8::try_from(step % 3).unwrap(),
                value: 0,
            };
            // Refused now and then, when all that is looked at has a higher class.
            let _ = table.insert(now, new);
        }
        if step % 16 == 0 {
            table.lookup_batch(now, &keys, &mut matches);
            if let Some(hit) = matches.iter().flatten().next() {
                let other = Ipv4FlowKey::new((Ipv4Addr::BROADCAST, 1), source, 17, 0);
                let _ = table.rekey(hit.id, other);
            }
            if let Some(hit) = matches.iter().flatten().last() {
                table.remove(hit.id);
            }
        }
        if table.poll_timeout().is_some_and(|at| at <= now) {
            table.handle_timeout(now);
            while table.poll_expired().is_some() {}
        }
    }
    let change = region.change();

    // All of it has really happened.
    let stats = table.stats();
    assert!(stats.inserted > 3_000, "{stats:?}");
    assert!(stats.expired > 100, "{stats:?}");
    assert!(stats.evicted > 100, "{stats:?}");
    assert!(stats.removed > 100, "{stats:?}");
    assert_eq!(stats.high_water, 1_000);
    assert_eq!(
        (
            change.allocations,
            change.reallocations,
            change.deallocations
        ),
        (0, 0, 0)
    );
}
