//! Both ways to classify agree, on rules and packets made at random.

use super::*;
use crate::CompiledPolicy;
use crate::facts::{InterfaceId, Part, ZoneId};
use crate::model::{
    AddressItem, Addresses, Condition, FragmentMatch, IcmpMatch, Interface, Policy, PortRange,
    Protocol, Rule, Zone,
};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{IpProtocol, Ipv4Prefix, Ipv6Prefix, TcpFlags};
use proptest::prelude::*;

/// Addresses from few bits, so that rules and packets meet.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    (0u8..3, 0u8..4, any::<u8>()).prop_map(|(a, b, c)| Ipv4Addr::new(10 + a, b, 0, c))
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    (0u16..3, 0u16..3, any::<u8>())
        .prop_map(|(a, b, c)| Ipv6Addr::new(0x2001, 0xdb8 + a, b, 0, 0, 0, 0, u16::from(c)))
}

fn item() -> impl Strategy<Value = AddressItem> {
    prop_oneof![
        (v4(), 0u8..=32).prop_map(|(a, l)| AddressItem::V4(Ipv4Prefix::new(a, l).unwrap())),
        (v6(), 0u8..=128).prop_map(|(a, l)| AddressItem::V6(Ipv6Prefix::new(a, l).unwrap())),
        (v4(), v4()).prop_map(|(a, b)| AddressItem::V4Range(a.min(b), a.max(b))),
        (v6(), v6()).prop_map(|(a, b)| AddressItem::V6Range(a.min(b), a.max(b))),
    ]
}

fn addresses() -> impl Strategy<Value = Addresses> {
    (
        prop::collection::vec(item(), 0..4),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(items, negated)| Addresses {
            negated: negated && !items.is_empty(),
            items,
        })
}

fn ports() -> impl Strategy<Value = Vec<PortRange>> {
    let range = (0u16..40, 0u16..2000).prop_map(|(first, length)| PortRange {
        first: first * 7,
        last: first * 7 + length,
    });
    prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(range, 1..3),
        1 => (0u16..40).prop_map(|port| vec![PortRange::single(port * 7)]),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let protocols = prop_oneof![
        Just(vec![]),
        Just(vec![Protocol(IpProtocol::TCP)]),
        Just(vec![Protocol(IpProtocol::UDP), Protocol(IpProtocol::TCP)]),
        Just(vec![Protocol(IpProtocol::ICMP)]),
    ];
    (
        (protocols, addresses(), addresses(), ports(), ports()),
        prop::option::weighted(0.1, Just("syn/syn,ack".parse().unwrap())),
        prop::option::weighted(0.2, 0u8..3),
        prop_oneof![
            8 => Just(FragmentMatch::Any),
            1 => Just(FragmentMatch::Later),
            1 => Just(FragmentMatch::Whole)
        ],
        prop::option::weighted(0.1, 0u8..2),
        prop::option::weighted(0.1, 0u8..2),
    )
        .prop_map(|(five, tcp_flags, icmp, fragments, dscp, interface)| {
            let (protocols, source, destination, source_ports, destination_ports) = five;
            Condition {
                protocols,
                source,
                destination,
                source_ports,
                destination_ports,
                tcp_flags,
                icmp: icmp
                    .map(|message_type| IcmpMatch {
                        message_type,
                        code: None,
                    })
                    .into_iter()
                    .collect(),
                fragments,
                dscp: dscp.into_iter().collect(),
                in_interfaces: interface.map(|n| format!("if{n}")).into_iter().collect(),
                out_interfaces: vec![],
                users: vec![],
            }
        })
}

fn rule() -> impl Strategy<Value = Rule> {
    let zones = || {
        prop_oneof![
            3 => Just(vec![]),
            1 => Just(vec!["a".to_string()]),
            1 => Just(vec!["a".to_string(), "b".to_string()]),
        ]
    };
    (condition(), zones(), zones()).prop_map(|(condition, from, to)| Rule {
        condition,
        from,
        to,
        ..Rule::default()
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let ends = prop_oneof![
        (v4(), v4()).prop_map(|(a, b)| (IpAddr::V4(a), IpAddr::V4(b))),
        (v6(), v6()).prop_map(|(a, b)| (IpAddr::V6(a), IpAddr::V6(b))),
    ];
    (
        ends,
        0u8..4,
        (0u16..50, 0u16..50),
        any::<u8>(),
        (0u16..3, 0u16..3, 0u16..2),
        0u8..2,
    )
        .prop_map(
            |((source, destination), kind, (a, b), bits, (from, to, interface), dscp)| {
                let protocol = match kind {
                    0 => IpProtocol::TCP,
                    1 => IpProtocol::UDP,
                    2 => IpProtocol::ICMP,
                    _ => IpProtocol(47),
                };
                let mut facts = Facts::new(source, destination, protocol);
                facts.part = match bits & 7 {
                    0 => Part::First,
                    1 => Part::Later,
                    _ => Part::Whole,
                };
                if facts.part != Part::Later {
                    facts.ports = (kind < 2).then_some((a * 7, b * 7));
                    facts.tcp_flags = (kind == 0).then_some(TcpFlags(u16::from(bits)));
                    facts.icmp = (kind == 2).then_some((bits >> 6, 0));
                }
                facts.dscp = dscp;
                facts.from = ZoneId(from);
                facts.to = ZoneId(to);
                facts.in_interface = Some(InterfaceId(interface));
                facts
            },
        )
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy {
        zones: vec![Zone::new("a", 50), Zone::new("b", 10)],
        interfaces: vec![Interface::new("if0", "a"), Interface::new("if1", "b")],
        rules,
        ..Policy::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn tuple_space_agrees_with_the_linear_search(
        rules in prop::collection::vec(rule(), 1..60),
        packets in prop::collection::vec(facts(), 1..60),
        start in 0usize..20,
    ) {
        // Rules that can never match are refused one by one.
        let mut good = Vec::new();
        for rule in rules {
            if CompiledPolicy::new(&policy(vec![rule.clone()])).is_ok() {
                good.push(rule);
            }
        }
        let compiled = CompiledPolicy::new(&policy(good)).unwrap();
        let matchers = compiled.classifier.matchers().to_vec();
        let classifier = Classifier::with_tuples(matchers);
        for facts in &packets {
            prop_assert_eq!(
                classifier.first(facts, start),
                classifier.first_linear(facts, start)
            );
        }
    }
}

#[test]
fn ten_thousand_hosts_are_spread_over_the_table() {
    let rules = (0..10_000u32)
        .map(|n| Rule {
            condition: Condition {
                protocols: vec![Protocol(IpProtocol::TCP)],
                destination: AddressItem::V4(Ipv4Prefix::host(Ipv4Addr::from_bits(
                    0x0a00_0000 + n * 3,
                )))
                .into(),
                destination_ports: vec![PortRange::single(443)],
                ..Condition::default()
            },
            ..Rule::default()
        })
        .collect();
    let compiled = CompiledPolicy::new(&policy(rules)).unwrap();
    let (tuples, _, most) = compiled.shape();
    assert_eq!((tuples, most), (1, 1));
    let destination = Ipv4Addr::from_bits(0x0a00_0000 + 9_999 * 3);
    let mut facts = Facts::new(
        Ipv4Addr::LOCALHOST.into(),
        destination.into(),
        IpProtocol::TCP,
    );
    facts.ports = Some((1, 443));
    assert_eq!(compiled.classifier.first(&facts, 0), Some(9_999));
    facts.ports = Some((1, 444));
    assert_eq!(compiled.classifier.first(&facts, 0), None);
}

#[test]
fn a_rule_of_many_prefixes_is_filed_coarsely() {
    // 30 by 30 prefixes of ports, times 62 of addresses.
    let range = PortRange {
        first: 1,
        last: 65_534,
    };
    let rule = Rule {
        condition: Condition {
            source: AddressItem::V4Range(Ipv4Addr::from_bits(1), Ipv4Addr::from_bits(u32::MAX - 1))
                .into(),
            source_ports: vec![range],
            destination_ports: vec![range],
            ..Condition::default()
        },
        ..Rule::default()
    };
    let compiled = CompiledPolicy::new(&policy(vec![rule; 40])).unwrap();
    let mut facts = Facts::new(
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::LOCALHOST.into(),
        IpProtocol::UDP,
    );
    facts.ports = Some((7, 9));
    assert_eq!(compiled.classifier.first(&facts, 0), Some(0));
    assert_eq!(compiled.classifier.first(&facts, 17), Some(17));
    facts.ports = Some((7, 65_535));
    assert_eq!(compiled.classifier.first(&facts, 0), None);
}
