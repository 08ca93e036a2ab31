//! Properties: a router that hears the listener knows what it listens to, and the machine contract
//! holds whatever happens.

use crate::support::{Bench, GROUP, SOURCE, Said, ip, millis};
use core::net::Ipv6Addr;
use icmp_nd::mld::{Filter, Listener, ListenerConfig};
use icmp_nd::validation;
use icmp_nd::wire::{MldQueryV2Repr, MldRepr, MulticastRecordType as Type};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{Ipv6Packet, MacAddr};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use testkit::{ContractChecker, Discarded, Node, Port, SeededRandom};

#[derive(Debug, Clone)]
enum Operation {
    Listen {
        group: u8,
        exclude: bool,
        sources: u8,
    },
    Wait(u16),
    Query {
        delay: u16,
        group: Option<u8>,
    },
    QueryV1 {
        delay: u16,
        group: Option<u8>,
    },
    Report(u8),
    Source(bool),
    Reset,
}

fn operation() -> impl Strategy<Value = Operation> {
    let group = || prop::option::of(0..3u8);
    prop_oneof![
        4 => (0..3u8, any::<bool>(), any::<u8>())
            .prop_map(|(group, exclude, sources)| Operation::Listen { group, exclude, sources }),
        4 => (0..3_000u16).prop_map(Operation::Wait),
        2 => (0..3_000u16, group()).prop_map(|(delay, group)| Operation::Query { delay, group }),
        1 => (0..3_000u16, group()).prop_map(|(delay, group)| Operation::QueryV1 { delay, group }),
        1 => (0..3u8).prop_map(Operation::Report),
        1 => any::<bool>().prop_map(Operation::Source),
        1 => Just(Operation::Reset),
    ]
}

fn group(n: u8) -> Ipv6Addr {
    let [a, b, c, d, e, f, g, _] = ip(GROUP).segments();
    Ipv6Addr::new(a, b, c, d, e, f, g, 0x100 + u16::from(n))
}

fn filter(exclude: bool, bits: u8) -> Filter {
    let named = (0..8u16).filter(|n| bits & (1 << n) != 0);
    let sources = named.map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n));
    if exclude {
        Filter::Exclude(sources.collect())
    } else {
        Filter::Include(sources.collect())
    }
}

/// What a router makes of the records, when only one listener is on its link.
#[derive(Default)]
struct Router {
    groups: BTreeMap<Ipv6Addr, Filter>,
}

impl Router {
    fn hear(&mut self, said: &Said) {
        let Said::V2(records) = said else {
            return;
        };
        for (record_type, group, sources) in records {
            let sources: BTreeSet<Ipv6Addr> = sources.iter().copied().collect();
            let known = self.groups.entry(*group).or_insert(Filter::NONE);
            match (*record_type, known) {
                (Type::MODE_IS_INCLUDE | Type::CHANGE_TO_INCLUDE_MODE, known) => {
                    *known = Filter::Include(sources);
                }
                (Type::MODE_IS_EXCLUDE | Type::CHANGE_TO_EXCLUDE_MODE, known) => {
                    *known = Filter::Exclude(sources);
                }
                (Type::ALLOW_NEW_SOURCES, Filter::Include(known)) => known.extend(sources),
                (Type::ALLOW_NEW_SOURCES, Filter::Exclude(known)) => {
                    known.retain(|it| !sources.contains(it));
                }
                (Type::BLOCK_OLD_SOURCES, Filter::Include(known)) => {
                    known.retain(|it| !sources.contains(it));
                }
                (Type::BLOCK_OLD_SOURCES, Filter::Exclude(known)) => known.extend(sources),
                (other, _) => panic!("{other:?}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn a_router_learns_the_filters(
        operations in prop::collection::vec(operation(), 1..40),
        seed: u64,
    ) {
        let mut bench = Bench::up_with(ListenerConfig::default(), seed);
        let mut router = Router::default();
        for operation in operations {
            match operation {
                Operation::Listen { group: n, exclude, sources } => {
                    let filter = filter(exclude, sources);
                    bench.listener.listen(bench.now, group(n), filter).unwrap();
                    if sources % 2 == 0 {
                        bench.drain();
                    }
                }
                Operation::Wait(time) => bench.run_for(millis(time.into())),
                Operation::Query { delay, group: of } => {
                    let of = of.map_or(Ipv6Addr::UNSPECIFIED, group).to_string();
                    bench.query(delay.into(), &of, &[]);
                }
                // Version 1 cannot tell sources.
                _ => {}
            }
            for (_, _, _, said) in bench.sent.drain(..) {
                router.hear(&said);
            }
        }
        bench.run_for(millis(10_000));
        for (_, _, _, said) in bench.sent.drain(..) {
            router.hear(&said);
        }
        for n in 0..3 {
            let wanted = bench.listener.filter(group(n)).cloned().unwrap_or(Filter::NONE);
            let known = router.groups.get(&group(n)).cloned().unwrap_or(Filter::NONE);
            prop_assert_eq!(known, wanted);
        }
        prop_assert_eq!(bench.listener.poll_timeout(), None);
    }

    #[test]
    fn the_contract_holds(
        operations in prop::collection::vec(operation(), 1..60),
        seed: u64,
    ) {
        let random = SeededRandom::new(seed);
        let listener = Listener::new(ListenerConfig::default(), Box::new(random.fork("own"))).unwrap();
        let mut checker = ContractChecker::new("listener", Alone { listener }, random);
        let mut now = Instant::ZERO;
        for operation in operations {
            let message = match operation {
                Operation::Listen { group: n, exclude, sources } => {
                    let filter = filter(exclude, sources);
                    let listener = &mut checker.node_mut().listener;
                    listener.listen(now, group(n), filter).unwrap();
                    None
                }
                Operation::Wait(time) => {
                    let end = now + millis(time.into());
                    while let Some(at) = checker.poll_timeout().filter(|&at| at <= end) {
                        checker.handle_timeout(at);
                        checker.settle(at, |_, _| {});
                    }
                    now = end;
                    None
                }
                Operation::Query { delay, group: of } => Some(MldRepr::QueryV2(MldQueryV2Repr {
                    group: of.map_or(Ipv6Addr::UNSPECIFIED, group),
                    ..MldQueryV2Repr::general(delay.into(), 3, 20)
                })),
                Operation::QueryV1 { delay, group: of } => Some(MldRepr::QueryV1 {
                    max_response_delay: delay,
                    group: of.map_or(Ipv6Addr::UNSPECIFIED, group),
                }),
                Operation::Report(n) => Some(MldRepr::Report { group: group(n) }),
                Operation::Source(known) => {
                    let listener = &mut checker.node_mut().listener;
                    listener.set_source(now, known.then(|| ip(SOURCE)));
                    None
                }
                Operation::Reset => {
                    checker.node_mut().listener.reset();
                    None
                }
            };
            if let Some(message) = message {
                let mut packet = PacketBuf::new();
                message.emit_packet(&mut packet, ip("fe80::99"), ip("ff02::1")).unwrap();
                let _ = checker.handle_input(now, 0, packet.as_slice());
            }
            checker.settle(now, |_, _| {});
        }
    }
}

/// A listener that is a node of its own.
struct Alone {
    listener: Listener,
}

impl Node for Alone {
    fn handle_input(&mut self, now: Instant, _: Port, octets: &[u8]) -> Result<(), Discarded> {
        let ip = Ipv6Packet::parse(octets).map_err(Discarded::new)?;
        let upper = ip.upper_layer().map_err(Discarded::new)?;
        let valid = validation::mld(&ip, &upper).map_err(Discarded::new)?;
        self.listener
            .handle_input(now, &valid)
            .map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.listener.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let link_layer: MacAddr = self.listener.poll_transmit(out)?;
        assert!(link_layer.is_multicast());
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.listener.poll_timeout()
    }
}
