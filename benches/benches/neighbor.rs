//! The neighbor cache beside plain maps: finding where a packet goes.
//!
//! Every item looks up known neighbors in random order, at 1, 1,024 and 65,536 entries. The cache
//! also checks the state of the neighbor; a map from address to link-layer address does not. The
//! cache of smoltcp is not public, and holds eight entries by default.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench may fail loudly"
)]

use core::hint::black_box;
use core::net::Ipv6Addr;
use icmp_nd::neighbor::{NeighborCache, NeighborConfig, Resolution};
use internetwork_benches::traffic::Random;
use internetwork_benches::{Group, run};
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, RandomSource};
use std::collections::HashMap;

const LOOKUPS: usize = 1024;

fn address(number: u32) -> Ipv6Addr {
    let [a, b, c, d] = number.to_be_bytes();
    let high = u16::from_be_bytes([a, b]);
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        0x5eff,
        0xfe10,
        high,
        u16::from_be_bytes([c, d]),
    )
}

fn link_address(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr([2, 0, a, b, c, d])
}

fn lookups(entries: u32) -> Group<'static> {
    let mut random = Random(u64::from(entries));
    let now = Instant::from_secs(1);
    let config = NeighborConfig {
        max_entries: 65_536,
        ..NeighborConfig::default()
    };
    let mut cache = NeighborCache::new(config, &mut random).unwrap();
    let mut siphash = HashMap::new();
    let mut foldhash = hashbrown::HashMap::with_hasher(foldhash::fast::RandomState::default());
    for number in 0..entries {
        let (address, link_address) = (address(number), link_address(number));
        cache.heard(now, address, Some(link_address), None);
        cache.confirm(now, address);
        siphash.insert(address, link_address);
        foldhash.insert(address, link_address);
    }
    assert_eq!(cache.len(), siphash.len());
    let wanted: Vec<_> = (0..LOOKUPS)
        .map(|_| address(RandomSource::below(&mut random, entries)))
        .collect();
    let (first, second, third) = (wanted.clone(), wanted.clone(), wanted);
    let count = u32::try_from(LOOKUPS).unwrap();
    Group::new(format!("neighbor cache lookup, {entries} entries"), count)
        .item("icmp-nd", move || {
            let mut last = MacAddr::UNSPECIFIED;
            for &address in black_box(&first[..]) {
                match cache.resolve(now, address, None) {
                    Resolution::Ready(found) => last = found,
                    other => panic!("{other:?}"),
                }
                black_box(last);
            }
            last
        })
        .item("std HashMap", move || {
            let mut last = MacAddr::UNSPECIFIED;
            for address in black_box(&second[..]) {
                last = siphash[address];
                black_box(last);
            }
            last
        })
        .item("hashbrown + foldhash", move || {
            let mut last = MacAddr::UNSPECIFIED;
            for address in black_box(&third[..]) {
                last = foldhash[address];
                black_box(last);
            }
            last
        })
        .at_most(1.0, "std HashMap")
}

fn main() {
    run([1, 1_024, 65_536].map(lookups));
}
