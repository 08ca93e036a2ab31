//! Keys that an attacker picks do not crowd a table whose hash he does not know.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::net::{Ipv4Addr, Ipv6Addr};
use flow_table::{
    Config, FlowHash, FlowKey, FlowTable, Ipv4FlowKey, Ipv6FlowKey, MAX_PROBES, NewFlow, NhHash,
    Refusal, SipHash13,
};
use packet_buffer::{Instant, RandomSource};
use testkit::SeededRandom;

/// The hash that everybody knows.
struct Zeros;

impl RandomSource for Zeros {
    fn fill(&mut self, dest: &mut [u8]) {
        dest.fill(0);
    }
}

struct Outcome {
    refused: usize,
    /// Buckets from home, per 1,000 keys in the table.
    displaced: u64,
    longest: u64,
}

/// Fills a table that has just the capacity for it with these flows.
fn fill<K: FlowKey, S: FlowHash>(random: &mut dyn RandomSource, flows: &[(K, K)]) -> Outcome {
    let mut table = FlowTable::<K, (), S>::new(Config::new(flows.len()), random).unwrap();
    let mut refused = 0;
    for (original, reply) in flows {
        let new = NewFlow {
            original: *original,
            reply: *reply,
            deadline: Instant::MAX,
            class: 0,
            value: (),
        };
        match table
            .insert(Instant::ZERO, new)
            .map_err(|error| error.reason)
        {
            Ok(_) => {}
            Err(Refusal::Crowded) => refused += 1,
            Err(reason) => panic!("{reason}"),
        }
    }
    assert_eq!(table.stats().refused_crowded, refused as u64);
    assert_eq!(table.len() + refused, flows.len());
    let report = table.probe_report();
    Outcome {
        refused,
        displaced: report.displacement * 1_000 / report.keys as u64,
        longest: table.stats().longest_probe,
    }
}

/// What a hash of which nothing is known to the attacker must do: as well as chance would.
fn assert_spread(name: &str, outcome: &Outcome) {
    assert_eq!(outcome.refused, 0, "{name}");
    assert!(outcome.displaced <= 30, "{name}: {}", outcome.displaced);
    assert!(outcome.longest <= 8, "{name}: {}", outcome.longest);
}

#[test]
fn keys_that_collide_under_the_known_hash_spread_under_a_drawn_one() {
    const FLOWS: usize = 20_000;
    // Both keys of each flow fall into 1/16 of the table, if the hash is the one without a key.
    let known = NhHash::from_random(&mut Zeros);
    let crowded = |key: &Ipv4FlowKey| known.hash(&key.words()) >> 60 == 0;
    let keys: Vec<_> = (0..)
        .map(|n: u32| {
            let source = (Ipv4Addr::from_bits(0x0a00_0000 + n / 50_000), 1);
            let port = u16::try_from(n % 50_000).unwrap();
            Ipv4FlowKey::new(source, (Ipv4Addr::new(198, 51, 100, 7), port), 6, 0)
        })
        .filter(crowded)
        .take(2 * FLOWS)
        .collect();
    let flows: Vec<_> = keys
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[a, b]| (*a, *b))
        .collect();

    let under_known = fill::<_, NhHash>(&mut Zeros, &flows);
    assert!(under_known.refused > FLOWS / 2, "{}", under_known.refused);
    assert_eq!(under_known.longest, MAX_PROBES as u64 - 1);
    for seed in 0..4 {
        let random = &mut SeededRandom::new(seed);
        assert_spread("drawn", &fill::<_, NhHash>(random, &flows));
        assert_spread("SipHash", &fill::<_, SipHash13>(random, &flows));
    }
}

/// Sets of keys with much structure: scans, sweeps, strides.
fn structured_ipv4() -> Vec<(&'static str, Vec<(Ipv4FlowKey, Ipv4FlowKey)>)> {
    const FLOWS: u32 = 20_000;
    let server = Ipv4Addr::new(198, 51, 100, 7);
    let set = |make: &dyn Fn(u32) -> Ipv4FlowKey| {
        (0..FLOWS)
            .map(|n| {
                let key = make(n);
                (key, key.reversed())
            })
            .collect()
    };
    let port = |n: u32| u16::try_from(n & 0xffff).unwrap();
    let host = |n: u32| Ipv4Addr::from_bits(0x0a00_0000 + n);
    vec![
        (
            "port scan",
            set(&|n| Ipv4FlowKey::new((host(1), 1), (server, port(n)), 6, 0)),
        ),
        (
            "all source ports",
            set(&|n| Ipv4FlowKey::new((host(1), port(n)), (server, 443), 6, 0)),
        ),
        (
            "address sweep",
            set(&|n| Ipv4FlowKey::new((host(1), 1), (host(n + 2), 443), 6, 0)),
        ),
        (
            "stride of 256",
            set(&|n| Ipv4FlowKey::new((host(n << 8), 1), (server, 443), 6, 0)),
        ),
        (
            "200 hosts with 200 ports",
            set(&|n| Ipv4FlowKey::new((host(n / 200), port(n % 200)), (server, 443), 6, 0)),
        ),
        (
            "address and port in step",
            set(&|n| Ipv4FlowKey::new((host(n), port(n)), (server, 443), 6, 0)),
        ),
        (
            "zones",
            set(&|n| Ipv4FlowKey::new((host(1), 1), (server, 443), 6, port(n))),
        ),
        (
            "high bits",
            set(&|n| {
                let address = Ipv4Addr::from_bits(n.reverse_bits());
                Ipv4FlowKey::new((address, 1), (server, 443), 6, 0)
            }),
        ),
    ]
}

#[test]
fn structured_keys_spread_like_random_ones() {
    for (name, flows) in structured_ipv4() {
        for seed in 0..4 {
            assert_spread(
                name,
                &fill::<_, NhHash>(&mut SeededRandom::new(seed), &flows),
            );
        }
        let mapped: Vec<_> = flows
            .iter()
            .map(|(original, reply)| (Ipv6FlowKey::from(*original), Ipv6FlowKey::from(*reply)))
            .collect();
        for seed in 0..4 {
            assert_spread(
                name,
                &fill::<_, NhHash>(&mut SeededRandom::new(seed), &mapped),
            );
        }
    }
}

#[test]
fn interface_identifiers_and_prefixes_spread_like_random_ones() {
    type Sweep = fn(u128) -> u128;
    let sweeps: [(&str, Sweep); 3] = [
        ("hosts of a prefix", |n| 0x2001_0db8 << 96 | n),
        ("prefixes with one host", |n| {
            0x2001_0db8 << 96 | n << 64 | 1
        }),
        ("both", |n| 0x2001_0db8 << 96 | n << 64 | n),
    ];
    for (name, address) in sweeps {
        let flows: Vec<_> = (0..20_000)
            .map(|n| {
                let source = (Ipv6Addr::from_bits(address(n)), 1);
                let key = Ipv6FlowKey::new(source, (Ipv6Addr::LOCALHOST, 443), 6, 0);
                (key, key.reversed())
            })
            .collect();
        for seed in 0..4 {
            assert_spread(
                name,
                &fill::<_, NhHash>(&mut SeededRandom::new(seed), &flows),
            );
        }
    }
}
