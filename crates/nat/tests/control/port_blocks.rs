//! Blocks of ports: one address and few records a subscriber, limits, and what comes back.

use crate::support::*;
use core::net::Ipv4Addr;
use nat::hooks::{Partition, ShareEvent};
use nat::pcp::wire::{PcpOption, ResultCode};
use nat::port_block::{PortBlocks, PortBlocksConfig};
use nat::{Instant, Nat, NatEvent, Pool, Side, Verdict};
use packet_buffer::wire::{IpProtocol, Ipv4Packet};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use testkit::SeededRandom;

const LAST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 4);

fn config() -> PortBlocksConfig {
    PortBlocksConfig {
        addresses: vec![EXTERNAL..=LAST],
        ports: 1024..=1535,
        block_size: 64,
        max_blocks: 3,
    }
}

fn blocks(config: PortBlocksConfig) -> PortBlocks {
    PortBlocks::new(config, Box::new(SeededRandom::new(3))).unwrap()
}

fn nat_with_blocks() -> Nat {
    let mut config_of_nat = nat_config();
    config_of_nat.pools = vec![Pool::of_range(EXTERNAL..=LAST)];
    config_of_nat.quarantine = core::time::Duration::ZERO;
    let mut nat = Nat::new(config_of_nat, Box::new(SeededRandom::new(7))).unwrap();
    nat.set_partition(0, Box::new(blocks(config())));
    nat
}

fn send(nat: &mut Nat, now: Instant, from: (Ipv4Addr, u16)) -> Option<(Ipv4Addr, u16)> {
    let mut packet = packet(IpProtocol::UDP, from, (PEER, 53));
    match nat.process(now, Side::Inside, &mut packet) {
        Verdict::Forward { .. } => {
            let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
            Some((
                ip.source(),
                u16::from_be_bytes([ip.payload()[0], ip.payload()[1]]),
            ))
        }
        _ => None,
    }
}

fn shares(nat: &mut Nat) -> Vec<ShareEvent> {
    core::iter::from_fn(|| nat.poll_event())
        .filter_map(|event| match event {
            NatEvent::Share(share) => Some(share),
            NatEvent::MappingCreated { .. } | NatEvent::MappingDeleted { .. } => {
                panic!("{event:?}")
            }
            _ => None,
        })
        .collect()
}

// RFC 6888 §4 REQ-14 SHOULD (blocks): 192 mappings, three records; and three when all are gone.
// RFC 6888 §3 REQ-4 MUST: the fourth block is refused.
// RFC 6888 §3 REQ-2 MUST: all are of one address.
#[test]
fn three_records_for_192_mappings() {
    let mut nat = nat_with_blocks();
    let now = Instant::from_secs(1);
    let mut seen = BTreeSet::new();
    for port in 0..192 {
        let (address, port) = send(&mut nat, now, (HOST, 2000 + port)).unwrap();
        assert!(seen.insert((address, port)));
    }
    assert_eq!(send(&mut nat, now, (HOST, 5000)), None);
    let addresses: BTreeSet<_> = seen.iter().map(|(address, _)| *address).collect();
    assert_eq!(addresses.len(), 1);
    let given = shares(&mut nat);
    assert_eq!(given.len(), 3);
    for share in &given {
        assert!(share.is_given && share.subscriber == HOST && share.at == now);
        assert_eq!(share.block.last - share.block.first, 63);
    }
    // Who had a port follows from the records alone.
    for (address, port) in seen {
        let block = given.iter().find(|share| {
            share.block.address == address && (share.block.first..=share.block.last).contains(&port)
        });
        assert!(block.is_some());
    }
    while let Some(at) = nat.poll_timeout() {
        nat.handle_timeout(at);
    }
    let back = shares(&mut nat);
    assert_eq!(back.iter().filter(|share| !share.is_given).count(), 3);
    assert_eq!(back.len(), 3);
}

#[test]
fn every_block_is_one_subscribers() {
    let mut nat = nat_with_blocks();
    let now = Instant::from_secs(1);
    // 32 blocks for 40 subscribers.
    let served =
        (0..40).filter(|host| send(&mut nat, now, (Ipv4Addr::new(10, 0, 1, *host), 9)).is_some());
    assert_eq!(served.count(), 32);
    let given = shares(&mut nat);
    let distinct: BTreeSet<_> = given.iter().map(|share| share.block).collect();
    assert_eq!((given.len(), distinct.len()), (32, 32));
    // Who has a block lacks nothing.
    let first = given[0].subscriber;
    for port in 0..63 {
        assert!(send(&mut nat, now, (first, 100 + port)).is_some());
    }
}

#[test]
fn requests_keep_to_the_blocks_too() {
    let mut lab = Lab::new();
    lab.nat = nat_with_blocks();
    let answer = lab.map(600, tcp(80, 0), &[]);
    assert_eq!(answer.result, ResultCode::SUCCESS);
    let share = shares(&mut lab.nat)[0].block;
    let outside = lab.server.mappings().next().unwrap().external;
    assert_eq!(outside.ip(), share.address);
    assert!((share.first..=share.last).contains(&outside.port()));
    // A port of another's block is not to be had, one of the own is.
    let foreign = if share.first == 1024 { 1535 } else { 1024 };
    let strict = [PcpOption::PreferFailure];
    let refused = lab.map(600, tcp(81, foreign), &strict);
    assert_eq!(refused.result, ResultCode::CANNOT_PROVIDE_EXTERNAL);
    let free = (share.first..=share.last)
        .find(|port| *port != outside.port())
        .unwrap();
    let mut own = tcp(81, free);
    own.external_address = share.address.into();
    assert_eq!(lab.map(600, own, &strict).result, ResultCode::SUCCESS);
    lab.wait(601);
    let back = shares(&mut lab.nat);
    assert_eq!(back.len(), 1);
    assert!(!back[0].is_given);
}

#[test]
fn what_cannot_be_divided() {
    let field = |config| {
        PortBlocks::new(config, Box::new(SeededRandom::new(1)))
            .err()
            .unwrap()
            .field
    };
    assert_eq!(
        field(PortBlocksConfig {
            block_size: 0,
            ..config()
        }),
        "block_size"
    );
    assert_eq!(
        field(PortBlocksConfig {
            block_size: 513,
            ..config()
        }),
        "block_size"
    );
    assert_eq!(
        field(PortBlocksConfig {
            addresses: vec![],
            ..config()
        }),
        "addresses"
    );
    let wide = vec![Ipv4Addr::UNSPECIFIED..=Ipv4Addr::BROADCAST];
    assert_eq!(
        field(PortBlocksConfig {
            addresses: wide,
            ..config()
        }),
        "addresses"
    );
}

proptest! {
    /// Against a plain model: who has which ports, whatever is taken and given back.
    #[test]
    fn any_use(
        seed: u64,
        steps in proptest::collection::vec((0u8..3, 0u8..12, any::<u16>()), 1..300),
    ) {
        let mut blocks = PortBlocks::new(config(), Box::new(SeededRandom::new(seed))).unwrap();
        let now = Instant::ZERO;
        let mut ports: BTreeMap<Ipv4Addr, Vec<(Ipv4Addr, u16)>> = BTreeMap::new();
        for (kind, host, pick) in steps {
            let host = Ipv4Addr::new(10, 0, 0, host);
            let held = ports.entry(host).or_default();
            if kind == 0 {
                if !held.is_empty() {
                    let (address, port) = held.swap_remove(usize::from(pick) % held.len());
                    blocks.released(now, host, address, port);
                }
            } else {
                // A port of what there is, or of a new block.
                let mut index = 0;
                let mut wanted = None;
                while wanted.is_none() {
                    let Some(share) = blocks.share(host, index).or_else(|| blocks.grow(now, host)) else { break };
                    wanted = share.ports.map(|port| (share.address, port)).find(|it| !held.contains(it));
                    index += 1;
                }
                match wanted {
                    Some((address, port)) => {
                        held.push((address, port));
                        blocks.taken(now, host, address, port);
                    }
                    None => prop_assert!(held.len() == 192 || blocks.free_blocks() < 32),
                }
            }
            for (owner, held) in &ports {
                for (address, port) in held {
                    prop_assert_eq!(blocks.owner(*address, *port), Some(*owner));
                }
            }
        }
        for (owner, held) in ports {
            for (address, port) in held {
                blocks.released(now, owner, address, port);
            }
        }
        prop_assert_eq!(blocks.free_blocks(), 32);
        let (mut given, mut back) = (0, 0);
        while let Some(event) = blocks.poll_event() {
            if event.is_given { given += 1 } else { back += 1 }
        }
        prop_assert_eq!(given, back);
    }
}

/// A session that finds the table full has taken a port of a block by then. Port and block come back.
#[test]
fn what_came_to_nothing_keeps_no_block() {
    let mut config_of_nat = nat_config();
    config_of_nat.pools = vec![Pool::of_range(EXTERNAL..=LAST)];
    config_of_nat.quarantine = core::time::Duration::ZERO;
    config_of_nat.max_sessions = 1;
    config_of_nat.when_full = nat::WhenFull::Refuse;
    let mut nat = Nat::new(config_of_nat, Box::new(SeededRandom::new(7))).unwrap();
    nat.set_partition(0, Box::new(blocks(config())));
    let now = Instant::from_secs(1);
    assert!(send(&mut nat, now, (HOST, 9)).is_some());
    let other = Ipv4Addr::new(10, 0, 1, 1);
    for _ in 0..3 {
        assert_eq!(send(&mut nat, now, (other, 9)), None);
    }
    let of_other: Vec<_> = shares(&mut nat)
        .into_iter()
        .filter(|share| share.subscriber == other)
        .map(|share| share.is_given)
        .collect();
    assert_eq!(of_other, [true, false, true, false, true, false]);
    assert_eq!(nat.mapping_count(), 1);
}
