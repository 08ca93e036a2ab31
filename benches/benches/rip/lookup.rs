//! Longest-prefix matches. Ours hands out the whole route, which lies in two further records; the
//! peers have the next hop alone as their value.

use crate::{Random, prefixes};
use alloc::rc::Rc;
use core::hint::black_box;
use core::net::Ipv4Addr;
use internetwork_benches::Group;
use ipnet::Ipv4Net;
use packet_buffer::Instant;
use prefix_trie::PrefixMap;
use rip::Ipv4;
use rip::config::Config;
use rip::engine::Engine;
use rip::rib::{LocalRoute, NextHop, Source};

const BATCH: usize = 1_024;

pub(crate) fn groups() -> Vec<Group<'static>> {
    [10_000, 100_000, 1_000_000]
        .into_iter()
        .map(group)
        .collect()
}

/// One of sixteen routers.
fn gateway(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc000_0201 + number % 16)
}

fn group(count: usize) -> Group<'static> {
    let table = prefixes(count);
    let mut random = Random(3);
    // Addresses in random prefixes, many more than one run takes.
    let addresses: Rc<[Ipv4Addr]> = (0..BATCH * 256)
        .map(|_| {
            let prefix = table[random.below(table.len())];
            let host = random.next() as u32 & !prefix.netmask().to_bits();
            Ipv4Addr::from_bits(prefix.network().to_bits() | host)
        })
        .collect();
    let mut turn = 0;
    let mut batch = {
        let addresses = addresses.clone();
        move || {
            turn = (turn + 1) % 256;
            let addresses = addresses.clone();
            (addresses, turn * BATCH)
        }
    };
    let mut batch_of_trie = batch.clone();
    let mut batch_of_array = batch.clone();

    let config = Config {
        max_prefixes: 1 << 21,
        ..Config::default()
    };
    let mut engine = Engine::<Ipv4>::new(config, Box::new(Random(1))).unwrap();
    for (number, prefix) in (0..).zip(&table) {
        let route = LocalRoute {
            prefix: *prefix,
            source: Source::Static,
            distance: 1,
            metric: 1,
            tag: 0,
            next_hop: NextHop {
                interface: None,
                address: gateway(number),
            },
        };
        engine.add_route(Instant::from_secs(1), route).unwrap();
    }
    let mut trie = PrefixMap::<Ipv4Net, Ipv4Addr>::new();
    for (number, prefix) in (0..).zip(&table) {
        let net = Ipv4Net::new(prefix.network(), prefix.length()).unwrap();
        trie.insert(net, gateway(number));
    }
    // DIR-24: nothing here is longer than 24 bits.
    let mut sorted = table;
    sorted.sort_by_key(packet_buffer::wire::Ipv4Prefix::length);
    let mut array = vec![0u32; 1 << 24];
    for prefix in &sorted {
        let first = (prefix.network().to_bits() >> 8) as usize;
        let last = (prefix.last().to_bits() >> 8) as usize;
        array[first..=last].fill(prefix.network().to_bits());
    }

    Group::new(format!("rip/lookup/{count}"), BATCH as u32)
        .item("ours", move || {
            let (addresses, from) = batch();
            let mut sum = 0u32;
            for address in &addresses[from..from + BATCH] {
                let route = engine.rib().lookup(black_box(*address)).unwrap();
                sum = sum.wrapping_add(route.next_hops.first().address.to_bits());
            }
            sum
        })
        .item("prefix-trie", move || {
            let (addresses, from) = batch_of_trie();
            let mut sum = 0u32;
            for address in &addresses[from..from + BATCH] {
                let (_, hop) = trie.get_lpm(&black_box(*address).into()).unwrap();
                sum = sum.wrapping_add(hop.to_bits());
            }
            sum
        })
        .item("array of 2^24", move || {
            let (addresses, from) = batch_of_array();
            let mut sum = 0u32;
            for address in &addresses[from..from + BATCH] {
                sum = sum.wrapping_add(array[(black_box(*address).to_bits() >> 8) as usize]);
            }
            sum
        })
}
