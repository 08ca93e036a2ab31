//! The neighbor cache on its own: limits, who gives way, and a simple model.

use crate::support::{OWN, PEER, secs};
use core::net::Ipv4Addr;
use icmp_nd::neighbor::{
    Advertised, NeighborCache, NeighborConfig, NudTiming, Output, Rate, Resolution, State,
    reachable_time,
};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::MacAddr;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use testkit::SeededRandom;

fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, host)
}

fn cache(config: NeighborConfig) -> NeighborCache<Ipv4Addr> {
    NeighborCache::new(config, &mut SeededRandom::new(1)).unwrap()
}

fn answer(link_address: MacAddr) -> Advertised {
    Advertised {
        solicited: true,
        overrides: true,
        is_router: false,
        link_address: Some(link_address),
    }
}

fn small() -> NeighborConfig {
    NeighborConfig {
        max_entries: 4,
        max_unresolved: 2,
        max_packets_per_neighbor: 2,
        max_packets: 3,
        max_octets: 1000,
        solicitations: Rate::UNLIMITED,
        timing: NudTiming::default(),
    }
}

// RFC 6583 §6.2: unresolved entries have a limit of their own, and the newest stay.
#[test]
fn a_scan_costs_only_unresolved_entries() {
    let mut cache = cache(small());
    let now = Instant::from_secs(1);
    cache.heard(now, address(100), Some(PEER), None);
    for host in 1..=50 {
        assert_eq!(cache.resolve(now, address(host), None), Resolution::Waiting);
    }
    assert_eq!((cache.len(), cache.unresolved()), (3, 2));
    assert!(cache.get(address(100)).is_some());
    assert!(cache.get(address(49)).is_some() && cache.get(address(50)).is_some());
    assert_eq!(cache.stats().evicted_unresolved, 48);
}

#[test]
fn entries_in_use_give_way_to_pinned_ones_alone() {
    let mut cache = cache(small());
    let now = Instant::from_secs(1);
    for host in 1..=4 {
        cache.heard(now, address(host), Some(PEER), None);
    }
    // A newcomer takes the place of the oldest STALE one.
    cache.heard(now, address(5), Some(PEER), None);
    assert!(cache.get(address(1)).is_none() && cache.get(address(2)).is_some());
    for host in 2..=5 {
        cache.confirm(now, address(host));
    }
    cache.heard(now, address(6), Some(PEER), None);
    assert_eq!(cache.get(address(6)), None);
    assert_eq!(cache.resolve(now, address(7), None), Resolution::Refused);
    assert_eq!(cache.stats().refused, 2);
    assert!(cache.insert_permanent(address(8), OWN));
    assert!(
        cache.get(address(2)).is_none(),
        "the oldest of those in use"
    );
    assert_eq!(cache.stats().evicted_in_use, 1);
}

#[test]
fn a_permanent_entry_is_not_changed() {
    let mut cache = cache(small());
    let now = Instant::from_secs(1);
    assert!(cache.insert_permanent(address(1), OWN));
    cache.advertised(now, address(1), &answer(PEER));
    cache.heard(now, address(1), Some(PEER), None);
    assert_eq!(cache.resolve(now, address(1), None), Resolution::Ready(OWN));
    assert_eq!(
        (cache.stats().permanent_kept, cache.poll_timeout()),
        (2, None)
    );
}

#[test]
fn packets_that_wait_are_bounded_together() {
    let mut cache = cache(small());
    let now = Instant::from_secs(1);
    let packet = |length| PacketBuf::from(&vec![0; length][..]);
    let _ = cache.resolve(now, address(1), None);
    let _ = cache.resolve(now, address(2), None);
    for length in [10, 20] {
        cache.enqueue(address(1), packet(length)).unwrap();
        cache.enqueue(address(2), packet(length)).unwrap();
    }
    // The fourth packet of three has cost the neighbor that has waited longest.
    assert_eq!(cache.get(address(1)), None);
    assert_eq!(cache.waiting(), (2, 30));
    assert_eq!(cache.stats().packets_evicted, 2);
    assert!(
        cache.enqueue(address(2), packet(1001)).is_err(),
        "longer than all may be"
    );
    cache.enqueue(address(2), packet(990)).unwrap();
    assert_eq!(
        cache.waiting(),
        (1, 990),
        "its own oldest packets make room"
    );
    assert!(
        cache.enqueue(address(9), packet(1)).is_err(),
        "not asked for"
    );
}

// RFC 6583 §7.2: a scan takes the solicitations of a scan, and no probes of known neighbors.
#[test]
fn solicitations_are_limited_and_probes_are_not() {
    let mut config = small();
    config.max_unresolved = 4;
    config.solicitations = Rate::per_second(1, 2);
    let mut cache = cache(config);
    let now = Instant::from_secs(10);
    cache.heard(now, address(100), Some(PEER), None);
    let _ = cache.resolve(now, address(100), None);
    for host in 1..=3 {
        let _ = cache.resolve(now, address(host), None);
    }
    let mut solicited = 0;
    while cache.poll_output().is_some() {
        solicited += 1;
    }
    assert_eq!((solicited, cache.stats().solicitations_limited), (2, 1));
    for second in 11..=15 {
        cache.handle_timeout(Instant::from_secs(second));
    }
    let probes = core::iter::from_fn(|| cache.poll_output());
    let unicast = |it: &Output<Ipv4Addr>| {
        matches!(
            it,
            Output::Solicit {
                link_destination: Some(PEER),
                ..
            }
        )
    };
    assert_eq!(probes.filter(unicast).count(), 1);
}

#[test]
fn reachable_time_is_drawn_from_half_to_one_and_a_half() {
    let mut random = SeededRandom::new(3);
    let drawn: Vec<_> = (0..1000)
        .map(|_| reachable_time(secs(30), &mut random))
        .collect();
    assert!(drawn.iter().all(|it| (secs(15)..=secs(45)).contains(it)));
    assert!(drawn.iter().any(|it| *it < secs(17)) && drawn.iter().any(|it| *it > secs(43)));
}

#[derive(Debug, Clone)]
enum Operation {
    Send(u8, usize),
    Answer(u8, u8),
    Heard(u8, u8),
    Confirm(u8),
    Remove(u8),
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let host = 0u8..12;
    prop_oneof![
        4 => (host.clone(), 1usize..400).prop_map(|(a, b)| Operation::Send(a, b)),
        2 => (host.clone(), 0u8..3).prop_map(|(a, b)| Operation::Answer(a, b)),
        2 => (host.clone(), 0u8..3).prop_map(|(a, b)| Operation::Heard(a, b)),
        1 => host.clone().prop_map(Operation::Confirm),
        1 => host.prop_map(Operation::Remove),
        2 => (0u64..9_000).prop_map(Operation::Wait),
    ]
}

/// What is true of every cache, and a model of one without limits that are ever met.
#[derive(Default)]
struct Model {
    addresses: BTreeMap<Ipv4Addr, MacAddr>,
    waiting: BTreeMap<Ipv4Addr, VecDeque<usize>>,
}

proptest! {
    /// With room for all, packets come out in order at the address that was told last.
    #[test]
    fn agrees_with_a_model(operations in proptest::collection::vec(operation(), 1..120)) {
        let mut cache = cache(NeighborConfig {
            max_packets: 10_000,
            max_octets: 10_000_000,
            max_packets_per_neighbor: 3,
            ..NeighborConfig::default()
        });
        let mut model = Model::default();
        let mut now = Instant::from_secs(1);
        for operation in operations {
            match operation {
                Operation::Send(host, length) => {
                    let host = address(host);
                    match cache.resolve(now, host, None) {
                        Resolution::Ready(mac) => prop_assert_eq!(model.addresses.get(&host), Some(&mac)),
                        Resolution::Waiting => {
                            prop_assert!(!model.addresses.contains_key(&host));
                            cache.enqueue(host, PacketBuf::from(&vec![0; length][..])).unwrap();
                            let queue = model.waiting.entry(host).or_default();
                            queue.push_back(length);
                            if queue.len() > 3 {
                                queue.pop_front();
                            }
                        }
                        Resolution::Refused => prop_assert!(false),
                    }
                }
                Operation::Answer(host, mac) => {
                    let (host, mac) = (address(host), MacAddr([2, 0, 0, 0, 0, mac]));
                    cache.advertised(now, host, &answer(mac));
                    if cache.get(host).is_some() {
                        model.addresses.insert(host, mac);
                    }
                }
                Operation::Heard(host, mac) => {
                    let (host, mac) = (address(host), MacAddr([2, 0, 0, 0, 0, mac]));
                    cache.heard(now, host, Some(mac), None);
                    model.addresses.insert(host, mac);
                }
                Operation::Confirm(host) => {
                    cache.confirm(now, address(host));
                }
                Operation::Remove(host) => {
                    cache.remove(address(host));
                    model.addresses.remove(&address(host));
                    model.waiting.remove(&address(host));
                }
                Operation::Wait(millis) => {
                    now += core::time::Duration::from_millis(millis);
                    while cache.poll_timeout().is_some_and(|at| at <= now) {
                        cache.handle_timeout(now);
                    }
                }
            }
            while let Some(output) = cache.poll_output() {
                if let Output::Packet { next_hop, link_destination, packet } = output {
                    prop_assert_eq!(model.addresses.get(&next_hop), Some(&link_destination));
                    let waited = model.waiting.get_mut(&next_hop).and_then(VecDeque::pop_front);
                    prop_assert_eq!(waited, Some(packet.len()));
                }
            }
            while let Some((next_hop, packet)) = cache.poll_unreachable() {
                let waited = model.waiting.get_mut(&next_hop).and_then(VecDeque::pop_front);
                prop_assert_eq!(waited, Some(packet.len()));
            }
            model.addresses.retain(|host, _| cache.get(*host).is_some());
            model.waiting.retain(|_, queue| !queue.is_empty());
            let waiting: usize = model.waiting.values().map(VecDeque::len).sum();
            prop_assert_eq!(cache.waiting().0, waiting);
            for (host, neighbor) in cache.iter() {
                prop_assert_eq!(neighbor.link_address(), model.addresses.get(&host).copied());
            }
        }
    }

    /// With little room, the limits hold after every call.
    #[test]
    fn limits_hold(operations in proptest::collection::vec(operation(), 1..200)) {
        let mut cache = cache(small());
        let mut now = Instant::from_secs(1);
        for operation in operations {
            match operation {
                Operation::Send(host, length) => {
                    if cache.resolve(now, address(host), None) == Resolution::Waiting {
                        let _ = cache.enqueue(address(host), PacketBuf::from(&vec![0; length][..]));
                    }
                }
                Operation::Answer(host, mac) => {
                    cache.advertised(now, address(host), &answer(MacAddr([2, 0, 0, 0, 0, mac])));
                }
                Operation::Heard(host, mac) => {
                    let mac = MacAddr([2, 0, 0, 0, 0, mac]);
                    cache.heard(now, address(host), Some(mac), Some(mac.0[5] == 1));
                }
                Operation::Confirm(host) => {
                    cache.confirm(now, address(host));
                }
                Operation::Remove(host) => cache.set_pinned(address(host), host % 2 == 0),
                Operation::Wait(millis) => {
                    now += core::time::Duration::from_millis(millis);
                    cache.handle_timeout(now);
                }
            }
            let unresolved = cache.iter().filter(|it| it.1.state() == State::Incomplete).count();
            prop_assert_eq!(cache.unresolved(), unresolved);
            prop_assert_eq!(cache.len(), cache.iter().count());
            prop_assert!(cache.len() <= 4 && unresolved <= 2);
            let (packets, octets) = cache.waiting();
            prop_assert!(packets <= 3 && octets <= 1000);
            let deadline = cache.iter().filter_map(|it| it.1.deadline()).min();
            prop_assert_eq!(cache.poll_timeout(), deadline);
            if packets % 2 == 0 {
                while cache.poll_output().is_some() {}
                while cache.poll_unreachable().is_some() {}
            }
        }
    }
}
