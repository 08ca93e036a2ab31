//! RFC 7422: the calculation, both ways, and the translator that keeps to it.

use crate::support::*;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use nat::deterministic::{Deterministic, DeterministicError, DeterministicPartition, Owner};
use nat::hooks::{Partition, PortBlock};
use nat::{Instant, Nat, NatEvent, Side, Verdict};
use packet_buffer::wire::{IpProtocol, Ipv4Packet};
use proptest::prelude::*;
use testkit::SeededRandom;

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> RangeInclusive<Ipv4Addr> {
    v4(first)..=v4(last)
}

/// §2.2: 14 subscribers of 192.0.2.1, ports from 1024 on, and two blocks for who needs more.
fn example() -> Deterministic {
    let inside = range("198.51.100.1", "198.51.100.14");
    Deterministic::new(inside, range("192.0.2.1", "192.0.2.1"), 1024, 14, 2).unwrap()
}

// RFC 7422 §2 MUST (size): 64512 / 16.
// RFC 7422 §2 MUST (sequential): 1024 to 5055, 5056 to 9087, and so on.
// RFC 7422 §2 MUST (reverse): and back.
#[test]
fn the_example() {
    let map = example();
    assert_eq!(map.ports_per_subscriber(), 4032);
    let share = |host: u8| map.share(Ipv4Addr::new(198, 51, 100, host)).unwrap().ports;
    assert_eq!(share(1), 1024..=5055);
    assert_eq!(share(2), 5056..=9087);
    assert_eq!(share(14), 53_440..=57_471);
    assert_eq!(map.share(v4("198.51.100.15")), None);
    let owner = |port| map.owner(v4("192.0.2.1"), port);
    assert_eq!(owner(1023), Owner::Nobody);
    assert_eq!(owner(1024), Owner::Subscriber(v4("198.51.100.1")));
    assert_eq!(owner(57_471), Owner::Subscriber(v4("198.51.100.14")));
    let block = PortBlock {
        address: v4("192.0.2.1"),
        first: 57_472,
        last: 61_503,
    };
    assert_eq!(owner(60_000), Owner::Dynamic(block));
    assert_eq!(
        owner(65_535),
        Owner::Dynamic(PortBlock {
            first: 61_504,
            last: 65_535,
            ..block
        })
    );
    assert_eq!(map.owner(v4("192.0.2.2"), 2000), Owner::Nobody);
}

#[test]
fn what_cannot_be_divided() {
    let make = |outside: RangeInclusive<Ipv4Addr>, ratio, dynamic| {
        let inside = range("10.0.0.0", "10.0.0.255");
        Deterministic::new(inside, outside, 1024, ratio, dynamic).unwrap_err()
    };
    let one = range("192.0.2.1", "192.0.2.1");
    let few = DeterministicError::TooFewAddresses {
        needed: 4,
        available: 1,
    };
    assert_eq!(make(one.clone(), 64, 0), few);
    assert_eq!(make(one.clone(), 0, 0), DeterministicError::TooFewPorts);
    assert_eq!(make(one, 65_000, 65_000), DeterministicError::TooFewPorts);
    assert_eq!(
        make(range("192.0.2.2", "192.0.2.1"), 64, 0),
        DeterministicError::Empty
    );
}

// RFC 7422 §2 SHOULD (dynamic): who has used up its ports gets more from the rest.
// RFC 7422 §2 SHOULD (log): and only that is logged.
#[test]
fn the_translator_keeps_to_it() {
    let inside = range("10.0.0.10", "10.0.0.11");
    let outside = EXTERNAL..=EXTERNAL;
    // 64 ports for each of two, and eight blocks of 64.
    let map =
        Deterministic::new(inside, outside, 65_536u32.saturating_sub(640) as u16, 2, 8).unwrap();
    assert_eq!(map.ports_per_subscriber(), 64);
    let mut nat = Nat::new(nat_config(), Box::new(SeededRandom::new(7))).unwrap();
    let random = Box::new(SeededRandom::new(8));
    nat.set_partition(
        0,
        Box::new(DeterministicPartition::new(map.clone(), 2, random)),
    );
    let now = Instant::from_secs(1);
    let mut send = |from: Ipv4Addr, port: u16| {
        let mut packet = packet(IpProtocol::UDP, (from, port), (PEER, 53));
        match nat.process(now, Side::Inside, &mut packet) {
            Verdict::Forward { .. } => {
                let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
                Some(u16::from_be_bytes([ip.payload()[0], ip.payload()[1]]))
            }
            _ => None,
        }
    };
    let own = map.share(HOST).unwrap().ports;
    for port in 0..64 {
        assert!(own.contains(&send(HOST, 1000 + port).unwrap()));
    }
    for port in 64..192 {
        let given = send(HOST, 1000 + port).unwrap();
        assert!(matches!(map.owner(EXTERNAL, given), Owner::Dynamic(_)));
    }
    assert_eq!(send(HOST, 5000), None);
    let other = send(OTHER, 1).unwrap();
    assert_eq!(map.owner(EXTERNAL, other), Owner::Subscriber(OTHER));
    let events: Vec<NatEvent> = core::iter::from_fn(|| nat.poll_event()).collect();
    let shares: Vec<_> = events
        .iter()
        .filter(|it| matches!(it, NatEvent::Share(_)))
        .collect();
    assert_eq!(shares.len(), 2);
    assert!(
        !events
            .iter()
            .any(|it| matches!(it, NatEvent::MappingCreated { .. }))
    );
}

#[test]
fn without_dynamic_blocks_there_is_nothing_more() {
    let map = Deterministic::new(HOST..=HOST, EXTERNAL..=EXTERNAL, 65_000, 1, 0).unwrap();
    let random = Box::new(SeededRandom::new(8));
    let mut partition = DeterministicPartition::new(map, 2, random);
    assert!(partition.share(HOST, 0).is_some());
    assert_eq!(partition.share(HOST, 1), None);
    assert_eq!(partition.grow(Instant::ZERO, HOST), None);
}

proptest! {
    /// The calculation turns round, and no port is two subscribers'.
    #[test]
    fn there_and_back(
        start: u32, count in 1u32..2000, ratio in 1u16..400, dynamic in 0u16..40,
        reserved in 0u16..20_000, outside: u32, which: u32, port: u16,
    ) {
        let start = start.min(u32::MAX - count);
        let addresses = count.div_ceil(u32::from(ratio));
        let outside = outside.min(u32::MAX - addresses);
        let inside = start.into()..=(start + count - 1).into();
        let pool = Ipv4Addr::from_bits(outside)..=Ipv4Addr::from_bits(outside + addresses - 1);
        let map = Deterministic::new(inside, pool.clone(), reserved, ratio, dynamic).unwrap();
        let subscriber = Ipv4Addr::from_bits(start + which % count);
        let share = map.share(subscriber).unwrap();
        prop_assert!(pool.contains(&share.address) && *share.ports.start() >= reserved);
        for port in [*share.ports.start(), *share.ports.end()] {
            prop_assert_eq!(map.owner(share.address, port), Owner::Subscriber(subscriber));
        }
        let asked = Ipv4Addr::from_bits(outside + which % addresses);
        match map.owner(asked, port) {
            Owner::Subscriber(owner) => {
                let share = map.share(owner).unwrap();
                prop_assert!(share.address == asked && share.ports.contains(&port));
            }
            Owner::Dynamic(block) => {
                prop_assert!(block.address == asked && (block.first..=block.last).contains(&port));
            }
            Owner::Nobody => {}
        }
    }
}
