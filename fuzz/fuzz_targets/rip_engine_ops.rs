//! Routers of both families under any sequence of messages, commands and times, held to the machine
//! contract and to their limits. One interface authenticates, and gets messages that pass as well.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use packet_buffer::{Instant, PacketBuf};
use rip::auth::{Algorithm, AuthOptions, Authentication, Authenticator, Key, KeyChain, Secret};
use rip::config::*;
use rip::engine::{Engine, InterfaceId};
use rip::rib::{LocalRoute, NextHop, Source};
use rip::wire::{Command, RipMessageRepr, UpdateHeader};
use rip::{Ipv4, Ipv6};
use std::collections::BTreeMap;
use support::{Router, Wire, address};
use testkit::{ContractChecker, SeededRandom};

#[allow(
    unreachable_pub,
    reason = "the module is shared with the crate's own tests"
)]
#[path = "../../crates/rip/tests/support/mod.rs"]
mod support;

/// What happens to a router.
#[derive(Debug, Arbitrary)]
enum Op<'a> {
    /// A datagram of any octets.
    Datagram {
        on: u8,
        host: u8,
        port: u8,
        octets: &'a [u8],
    },
    /// A message with a good header.
    Message {
        on: u8,
        host: u8,
        port: u8,
        command: u8,
        version: u8,
        entries: Vec<Entry>,
    },
    /// The same, authenticated.
    Sealed {
        host: u8,
        command: u8,
        update: (bool, u16),
        entries: Vec<Entry>,
    },
    Wait(u32),
    Link(u8, bool),
    Addresses(u8, u8),
    Remove(u8),
    Add(u8),
    Reconfigure(u8, u16),
    Static(Entry, bool),
    Drain,
    ShutDown,
}

/// An entry, near to those that are good.
#[derive(Debug, Clone, Copy, Arbitrary)]
struct Entry {
    net: [u8; 2],
    length: u8,
    metric: u8,
    tag: u8,
    hop: u8,
    odd: u8,
}

/// What differs between the families.
trait Fuzzed: Wire {
    const LENGTHS: u8;
    fn host(on: u8, host: u8) -> Self::Address;
    fn addresses(on: u8, choice: u8) -> Vec<InterfaceAddress<Self>>;
    fn switches(on: u8, choice: u16) -> Self::Switches;
    fn entry(entry: &Entry) -> [u8; 20];
    fn net(entry: &Entry) -> Self::Prefix;
}

fn keys() -> Authentication {
    let key = Key::new(3, Algorithm::HmacSha256, Secret::new(b"fuzz"));
    Authentication::Cryptographic(KeyChain::new([key]).expect("one key"))
}

impl Fuzzed for Ipv4 {
    const LENGTHS: u8 = 33;

    fn host(on: u8, host: u8) -> core::net::Ipv4Addr {
        core::net::Ipv4Addr::new(10, 0, on % 4, host % 8)
    }

    fn addresses(on: u8, choice: u8) -> Vec<InterfaceAddress<Ipv4>> {
        match choice % 4 {
            0 => vec![],
            1 => vec![address(&format!("10.0.{on}.1/24"))],
            2 => vec![address(&format!("10.0.{on}.1/29")), address("150.1.1.1/24")],
            _ => vec![address(&format!("10.0.{on}.3/31"))],
        }
    }

    fn switches(on: u8, choice: u16) -> Ipv4Switches {
        let mut switches = Ipv4Switches {
            send: [
                SendVersion::V2,
                SendVersion::V1Compatible,
                SendVersion::None,
                SendVersion::V1,
            ][usize::from(choice) % 4],
            receive: ReceiveVersion::Both,
            ..Ipv4Switches::default()
        };
        if on == 3 {
            switches.send = SendVersion::V2;
            switches.authentication = keys();
        }
        switches
    }

    fn entry(entry: &Entry) -> [u8; 20] {
        let mut octets = [0; 20];
        octets[1] = if entry.odd == 1 { entry.tag } else { 2 };
        octets[3] = if entry.odd & 2 == 0 { entry.tag } else { 0 };
        octets[4..7].copy_from_slice(&[entry.net[0] % 40, entry.net[1] % 8, entry.odd]);
        let mask = Self::net(entry);
        octets[8..12].copy_from_slice(&mask.netmask().octets());
        if entry.hop % 3 == 1 {
            octets[12..16].copy_from_slice(&[10, 0, entry.hop % 5, entry.hop % 7]);
        }
        octets[19] = entry.metric % 19;
        octets
    }

    fn net(entry: &Entry) -> Self::Prefix {
        let net = core::net::Ipv4Addr::new(entry.net[0] % 40, entry.net[1] % 8, entry.odd, 0);
        packet_buffer::wire::Ipv4Prefix::new(net, entry.length % Self::LENGTHS).expect("a length")
    }
}

impl Fuzzed for Ipv6 {
    const LENGTHS: u8 = 129;

    fn host(on: u8, host: u8) -> core::net::Ipv6Addr {
        let first = if host & 16 == 0 { 0xfe80 } else { 0x2001 };
        core::net::Ipv6Addr::new(first, 0, 0, u16::from(on % 4), 0, 0, 0, u16::from(host % 8))
    }

    fn addresses(on: u8, choice: u8) -> Vec<InterfaceAddress<Ipv6>> {
        match choice % 4 {
            0 => vec![],
            1 => vec![address(&format!("fe80::{on}:0:0:0:1/64"))],
            2 => vec![
                address("fe80::1/64"),
                address(&format!("2001:0:0:{on}::1/64")),
            ],
            _ => vec![address(&format!("2001:0:0:{on}::1/64"))],
        }
    }

    fn switches(_: u8, choice: u16) -> Ipv6Switches {
        Ipv6Switches {
            send: choice % 5 != 1,
            receive: choice % 5 != 2,
        }
    }

    fn entry(entry: &Entry) -> [u8; 20] {
        let mut octets = [0; 20];
        octets[..2].copy_from_slice(&[0x20 + (entry.odd & 0xc0), 1]);
        octets[2..4].copy_from_slice(&[entry.net[0] % 4, entry.net[1] % 16]);
        if entry.hop % 4 == 1 {
            octets[..2].copy_from_slice(&[0xfe, 0x80]);
            octets[15] = entry.hop;
        }
        octets[17] = entry.tag;
        octets[18] = entry.length;
        octets[19] = if entry.hop % 4 == 1 {
            0xff
        } else {
            entry.metric % 19
        };
        octets
    }

    fn net(entry: &Entry) -> Self::Prefix {
        let net = core::net::Ipv6Addr::new(0x2001, u16::from(entry.net[0]), 0, 0, 0, 0, 0, 0);
        packet_buffer::wire::Ipv6Prefix::new(net, entry.length % Self::LENGTHS).expect("a length")
    }
}

const MAX_PREFIXES: usize = 24;
const MAX_OF_NEIGHBOR: usize = 10;
const MAX_NEIGHBORS: usize = 3;

fn interface<F: Fuzzed>(on: u8, choice: u16) -> InterfaceConfig<F> {
    let mut link = InterfaceConfig::new(F::addresses(on, (choice >> 8) as u8));
    link.switches = F::switches(on, choice);
    link.cost = 1 + (choice % 3) as u8;
    link.passive = choice & 0x10 != 0;
    link.split_horizon = [
        SplitHorizon::Simple,
        SplitHorizon::PoisonedReverse,
        SplitHorizon::Off,
    ][usize::from(choice >> 5) % 3];
    link.pacing = Pacing {
        packets_per_second: 20,
        burst: 1 + u32::from(choice % 3),
    };
    if choice & 0x80 != 0 {
        link.neighbors = vec![F::host(on, 2)];
        link.default_route = Some(DefaultRoute { metric: 2, tag: 1 });
    }
    if F::BITS == 32 && choice & 0x1000 != 0 && choice & 0x80 != 0 {
        link.demand_circuit = Some(DemandCircuit::default());
    }
    link
}

fn frame<F: Fuzzed>(on: u8, host: u8, port: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    F::write(F::host(on, host), &mut frame);
    let port = if port & 3 == 0 {
        u16::from(port)
    } else {
        F::PORT
    };
    frame.extend(port.to_be_bytes());
    F::write(F::GROUP, &mut frame);
    frame.extend(F::PORT.to_be_bytes());
    frame.push(255);
    frame.extend(payload);
    frame
}

fn run<F: Fuzzed>(choices: [u16; 3], ops: &[Op<'_>]) {
    let config = Config::<F> {
        max_prefixes: MAX_PREFIXES,
        max_routes_per_neighbor: MAX_OF_NEIGHBOR,
        max_neighbors: MAX_NEIGHBORS,
        max_events: 8,
        max_paths: 1 + (choices[0] % 3) as u8,
        redistribute: vec![Redistribution::all(Source::Static)],
        ..Config::default()
    };
    let router: Router<F> = Router::new(config, SeededRandom::new(1));
    let mut checker = ContractChecker::new("router", router, SeededRandom::new(2));
    let mut now = Instant::from_secs(1);
    for (on, choice) in (1..).zip(choices) {
        let engine: &mut Engine<F> = &mut checker.node_mut().engine;
        let _ = engine.add_interface(now, InterfaceId(on.into()), interface(on, choice));
    }
    let mut sender = Authenticator::new(keys(), AuthOptions::default());
    for op in ops {
        let on = |number: &u8| number % 3 + 1;
        match op {
            Op::Datagram {
                on: number,
                host,
                port,
                octets,
            } => {
                let frame = frame::<F>(on(number), *host, *port, octets);
                let _ = checker.handle_input(now, on(number).into(), &frame);
            }
            Op::Message {
                on: number,
                host,
                port,
                command,
                version,
                entries,
            } => {
                let mut octets = vec![*command % 12, *version % 4, 0, 0];
                if F::BITS == 128 {
                    octets[1] = 1;
                }
                octets.extend(entries.iter().take(80).flat_map(F::entry));
                let frame = frame::<F>(on(number), *host, *port, &octets);
                let _ = checker.handle_input(now, on(number).into(), &frame);
            }
            Op::Sealed {
                host,
                command,
                update,
                entries,
            } => {
                let command = Command([1, 2, 2, 9, 10, 11][usize::from(*command) % 6]);
                let header = RipMessageRepr {
                    command,
                    version: 2,
                    update: command
                        .has_update_header()
                        .then(|| UpdateHeader::new(update.0, update.1)),
                };
                let mut packet = PacketBuf::with_headroom(64);
                for entry in entries.iter().take(23) {
                    packet.append_slice(&Ipv4::entry(entry));
                }
                sender
                    .seal(now, &header, &mut packet)
                    .expect("a key that is valid");
                let frame = frame::<F>(3, *host, 1, packet.as_slice());
                let _ = checker.handle_input(now, 3, &frame);
            }
            Op::Wait(millis) => {
                let until = now + Duration::from_millis(u64::from(*millis) % 200_000);
                for _ in 0..200 {
                    let Some(next) = checker.poll_timeout().filter(|next| *next <= until) else {
                        break;
                    };
                    now = next;
                    checker.handle_timeout(now);
                    checker.settle(now, |_, _| {});
                }
                now = until;
                checker.handle_timeout(now);
            }
            Op::Link(number, up) => {
                let id = InterfaceId(on(number).into());
                checker.node_mut().engine.set_link_up(now, id, *up);
            }
            Op::Addresses(number, choice) => {
                let id = InterfaceId(on(number).into());
                let addresses = F::addresses(on(number), *choice);
                checker.node_mut().engine.set_addresses(now, id, addresses);
            }
            Op::Remove(number) => {
                let id = InterfaceId(on(number).into());
                checker.node_mut().engine.remove_interface(now, id);
            }
            Op::Add(number) => {
                let id = InterfaceId(on(number).into());
                let link = interface(on(number), choices[usize::from(on(number)) - 1]);
                let _ = checker.node_mut().engine.add_interface(now, id, link);
            }
            Op::Reconfigure(number, choice) => {
                let id = InterfaceId(on(number).into());
                let link = interface(on(number), *choice);
                let _ = checker
                    .node_mut()
                    .engine
                    .reconfigure_interface(now, id, link);
            }
            Op::Static(entry, true) => {
                let route = LocalRoute {
                    prefix: F::net(entry),
                    source: Source::Static,
                    distance: entry.tag,
                    metric: entry.metric % 18,
                    tag: entry.tag.into(),
                    next_hop: NextHop {
                        interface: (entry.hop & 1 == 0).then_some(InterfaceId(1)),
                        address: F::host(1, entry.hop),
                    },
                };
                let _ = checker.node_mut().engine.add_route(now, route);
            }
            Op::Static(entry, false) => {
                let engine = &mut checker.node_mut().engine;
                engine.remove_route(now, Source::Static, F::net(entry));
            }
            Op::Drain => check_forwarding(checker.node_mut()),
            Op::ShutDown => checker.node_mut().engine.shut_down(now),
        }
        checker.settle(now, |_, _| {});
        let engine = &checker.node().engine;
        assert!(engine.rib().len() <= MAX_PREFIXES);
        let mut on_interface = BTreeMap::new();
        for neighbor in engine.neighbors() {
            *on_interface.entry(neighbor.interface).or_insert(0) += 1;
            assert!(neighbor.routes <= MAX_OF_NEIGHBOR);
        }
        assert!(on_interface.values().all(|count| *count <= MAX_NEIGHBORS));
        assert!(engine.rib().routes().all(|r| (1..=16).contains(&r.metric)));
    }
    check_forwarding(checker.node_mut());
}

/// After all changes, the forwarding table is what is reachable.
fn check_forwarding<F: Fuzzed>(router: &mut Router<F>) {
    router.forward();
    let reachable: BTreeMap<_, _> = router
        .engine
        .rib()
        .routes()
        .filter(|route| route.metric < 16)
        .map(|route| (route.prefix, route))
        .collect();
    assert_eq!(router.forwarding, reachable);
}

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let Ok((ipv6, choices)) = <(bool, [u16; 3])>::arbitrary(&mut input) else {
        return;
    };
    let Ok(ops) = Vec::<Op<'_>>::arbitrary_take_rest(input) else {
        return;
    };
    if ipv6 {
        run::<Ipv6>(choices, &ops);
    } else {
        run::<Ipv4>(choices, &ops);
    }
});
