//! What a route takes from the allocator, and that nothing is taken once all is known.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    reason = "tests"
)]

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::alloc::System;

use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix};
use packet_buffer::{Instant, PacketBuf};
use rip::config::{Config, InterfaceAddress, InterfaceConfig};
use rip::engine::{Engine, InterfaceId, Received};
use rip::wire::{Command, RipEntryRepr, RipMessageRepr, RipngEntryRepr, RipngMessageRepr};
use rip::{Family, Ipv4, Ipv6};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use testkit::SeededRandom;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SECOND: Duration = Duration::from_secs(1);

/// Prefixes as they are in tables: a few lengths, spread over the space.
fn v4(n: u32) -> Ipv4Prefix {
    let length = [24, 24, 24, 22, 23, 24, 20, 24, 19, 24][n as usize % 10];
    let spread = n.wrapping_mul(0x9e37_79b1) >> 8;
    // Every /16 of a third of the space.
    let address = 0x1400_0000 + (spread % 0x4000) * 0x1_0000 / 4 + (n << 8) % 0x100_0000;
    Ipv4Prefix::new(Ipv4Addr::from_bits(address), length).unwrap()
}

fn v6(n: u32) -> Ipv6Prefix {
    let length = [48, 48, 32, 48, 44, 48, 40, 48, 36, 48][n as usize % 10];
    let spread = u128::from(n.wrapping_mul(0x9e37_79b1) >> 20);
    let bits = 0x2001_0000u128 << 96 | spread << 96 | u128::from(n) << 80;
    Ipv6Prefix::new(Ipv6Addr::from_bits(bits), length).unwrap()
}

struct Bench<F: Family> {
    engine: Engine<F>,
    now: Instant,
    out: PacketBuf,
    messages: Vec<Vec<u8>>,
    source: F::Address,
}

impl<F: Family> Bench<F> {
    fn new(
        addresses: [InterfaceAddress<F>; 2],
        source: F::Address,
        messages: Vec<Vec<u8>>,
    ) -> Self {
        let config = Config {
            max_routes_per_neighbor: 1 << 20,
            max_prefixes: 1 << 20,
            ..Config::default()
        };
        let mut engine = Engine::new(config, Box::new(SeededRandom::new(1))).unwrap();
        let now = Instant::from_secs(1);
        for (number, address) in (1..).zip(addresses) {
            let mut link = InterfaceConfig::new(vec![address]);
            link.pacing.packets_per_second = 1_000_000;
            link.pacing.burst = 65_535;
            engine
                .add_interface(now, InterfaceId(number), link)
                .unwrap();
        }
        let out = PacketBuf::with_capacity(64, 2_048);
        Self {
            engine,
            now,
            out,
            messages,
            source,
        }
    }

    fn hear_all(&mut self) {
        for message in &self.messages {
            let received = Received {
                interface: InterfaceId(1),
                source: self.source,
                source_port: F::PORT,
                destination: F::GROUP,
                hop_limit: None,
                payload: message,
            };
            self.engine.handle_input(self.now, &received).unwrap();
        }
    }

    /// Sends all; how many messages.
    fn send_all(&mut self) -> usize {
        let mut sent = 0;
        loop {
            self.out.reset(64);
            if self.engine.poll_transmit(&mut self.out).is_none() {
                return sent;
            }
            sent += 1;
        }
    }

    fn run(&mut self, time: Duration) -> usize {
        let until = self.now + time;
        let mut sent = 0;
        while let Some(next) = self.engine.poll_timeout().filter(|next| *next <= until) {
            self.now = next;
            self.engine.handle_timeout(next);
            sent += self.send_all();
        }
        self.now = until;
        sent
    }
}

fn bench_v4(routes: u32) -> Bench<Ipv4> {
    let numbers: Vec<u32> = (0..routes).collect();
    let messages = numbers.chunks(25).map(|chunk| {
        let mut packet = PacketBuf::with_headroom(64);
        for &n in chunk {
            packet.append_slice(&RipEntryRepr::route(v4(n), 2).octets());
        }
        RipMessageRepr::new(Command::RESPONSE, 2)
            .emit(&mut packet)
            .unwrap();
        packet.as_slice().to_vec()
    });
    let address = |text: &str| InterfaceAddress {
        address: text.parse().unwrap(),
        prefix_length: 24,
    };
    Bench::new(
        [address("10.0.1.1"), address("10.0.2.1")],
        "10.0.1.2".parse().unwrap(),
        messages.collect(),
    )
}

fn bench_v6(routes: u32) -> Bench<Ipv6> {
    let numbers: Vec<u32> = (0..routes).collect();
    let messages = numbers.chunks(72).map(|chunk| {
        let mut packet = PacketBuf::with_headroom(64);
        for &n in chunk {
            packet.append_slice(&RipngEntryRepr::route(v6(n), 2).octets());
        }
        RipngMessageRepr::new(Command::RESPONSE)
            .emit(&mut packet)
            .unwrap();
        packet.as_slice().to_vec()
    });
    let address = |text: &str| InterfaceAddress {
        address: text.parse().unwrap(),
        prefix_length: 64,
    };
    Bench::new(
        [address("fe80::1"), address("fe80::1")],
        "fe80::2".parse().unwrap(),
        messages.collect(),
    )
}

fn per_route<F: Family>(mut bench: Bench<F>) -> f64 {
    bench.run(10 * SECOND);
    let region = Region::new(ALLOCATOR);
    bench.hear_all();
    bench.send_all();
    bench.run(40 * SECOND);
    let stats = region.change();
    let held = stats.bytes_allocated - stats.bytes_deallocated;
    let routes = bench.engine.rib().len();
    let octets = held as f64 / routes as f64;
    println!("{routes} routes: {octets:.1} octets a route");
    octets
}

/// One test, for the counters are of the whole process.
#[test]
fn a_route_takes_little_and_steady_state_nothing() {
    for routes in [10_000, 100_000] {
        let octets = per_route(bench_v4(routes));
        assert!(octets <= 128.0, "{octets} octets a route of IPv4");
    }
    for routes in [10_000, 100_000] {
        let octets = per_route(bench_v6(routes));
        assert!(octets <= 165.0, "{octets} octets a route of IPv6");
    }

    // Refreshed and announced round after round, a table allocates nothing.
    let mut bench = bench_v4(10_000);
    for _ in 0..3 {
        bench.hear_all();
        bench.run(30 * SECOND);
    }
    let region = Region::new(ALLOCATOR);
    let mut sent = 0;
    for _ in 0..10 {
        bench.hear_all();
        sent += bench.run(30 * SECOND);
    }
    let stats = region.change();
    assert!(sent > 3_000, "{sent} messages were sent");
    assert_eq!(stats.reallocations, 0);
    // The list of interfaces whose update is due, once an update.
    assert!(stats.allocations < 50, "{} allocations", stats.allocations);
    assert_eq!(bench.engine.rib().len(), 10_002);
}
