//! Access lists, security groups, anti-spoofing.

use crate::common::*;
use packet_buffer::PacketBuf;
use packet_buffer::fragment::Ipv4Fragmenter;
use packet_buffer::wire::Ipv4Packet;
use stateful_firewall::model::{
    Acl, AclEntry, AddressItem, Addresses, Condition, FragmentMatch, GroupRule, PortRange,
    ReversePath, SecurityGroup,
};
use stateful_firewall::{
    CompiledPolicy, DropReason, Facts, GroupSide, InterfaceId, Part, Path, Reason, Routes, Verdict,
    language,
};
use std::net::IpAddr;

fn entry(number: u16, permit: bool, condition: Condition) -> AclEntry {
    AclEntry {
        number,
        permit,
        condition,
        log: false,
    }
}

fn to_port(port: u16) -> Condition {
    Condition {
        protocols: vec!["tcp".parse().unwrap()],
        destination_ports: vec![PortRange::single(port)],
        ..Condition::default()
    }
}

fn from_port(port: u16) -> Condition {
    Condition {
        protocols: vec!["tcp".parse().unwrap()],
        source_ports: vec![PortRange::single(port)],
        ..Condition::default()
    }
}

#[test]
fn a_network_acl_asks_both_ways_and_denies_what_it_does_not_name() {
    let mut policy = three_legs();
    policy.acls = vec![
        Acl {
            name: "in".into(),
            // Out of order on purpose: numbers count.
            entries: vec![
                entry(200, true, from_port(80)),
                entry(100, false, from_port(81)),
            ],
        },
        Acl {
            name: "out".into(),
            entries: vec![entry(1, true, to_port(80)), entry(2, true, to_port(81))],
        },
    ];
    policy.interfaces[2].acl_in = Some("in".into());
    policy.interfaces[2].acl_out = Some("out".into());
    let mut bench = Bench::strict(&policy);
    let client = end("10.0.0.2:40000");
    bench.connect(client, end("198.51.100.2:80"));
    // Port 81 gets out, and its answers do not come back: the session does not help.
    let server = end("198.51.100.2:81");
    bench.out_passes(&tcp(client, server, SYN, 1, 0).build());
    let answer = tcp(server, client, SYN | ACK, 9, 2).build();
    assert_eq!(
        bench.back(&answer),
        Verdict::Drop(DropReason::AclIn(Some(100)))
    );
    let other = tcp(client, end("198.51.100.2:82"), SYN, 1, 0).build();
    assert_eq!(bench.out(&other), Verdict::Drop(DropReason::AclOut(None)));
    assert_eq!(bench.firewall.stats().acl, 2);
    let count = |list, entry| bench.firewall.acl_counters(list, entry).unwrap().packets;
    assert_eq!(
        [
            count("in", Some(100)),
            count("in", Some(200)),
            count("in", None)
        ],
        [1, 1, 0]
    );
    assert_eq!(
        [
            count("out", Some(1)),
            count("out", Some(2)),
            count("out", None)
        ],
        [2, 1, 1]
    );
    assert_eq!(bench.firewall.acl_counters("in", Some(7)), None);
}

#[test]
fn an_acl_sees_every_field() {
    let text = "
        zone a level 1
        interface e0 zone a
        acl x {
            10 deny tcp flags syn,fin/syn,fin
            20 permit icmp type 8/0
            30 deny fragments later
            40 permit udp from 10.0.0.0/8 port 1024-65535 to not 10.9.0.0/16 port 53 dscp 46 in e0
        }";
    let policy = language::compile(text).unwrap();
    let ask = |facts: &Facts| policy.acl("x", facts).unwrap();
    let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
    let mut facts = Facts::new(
        a,
        b,
        "tcp"
            .parse::<stateful_firewall::model::Protocol>()
            .unwrap()
            .0,
    );
    facts.tcp_flags = Some(SYN | FIN);
    assert_eq!(ask(&facts), (false, Some(10)));
    facts.tcp_flags = Some(SYN);
    assert_eq!(ask(&facts), (false, None));
    facts.part = Part::Later;
    facts.tcp_flags = None;
    assert_eq!(ask(&facts), (false, Some(30)));
    let mut facts = Facts::new(
        a,
        b,
        "icmp"
            .parse::<stateful_firewall::model::Protocol>()
            .unwrap()
            .0,
    );
    facts.icmp = Some((8, 0));
    assert_eq!(ask(&facts), (true, Some(20)));
    facts.icmp = Some((8, 1));
    assert_eq!(ask(&facts), (false, None));
    let mut facts = Facts::new(
        a,
        b,
        "udp"
            .parse::<stateful_firewall::model::Protocol>()
            .unwrap()
            .0,
    );
    facts.ports = Some((5_000, 53));
    facts.dscp = 46;
    facts.in_interface = Some(InterfaceId::new(0));
    assert_eq!(ask(&facts), (true, Some(40)));
    for change in [
        |facts: &mut Facts| facts.dscp = 0,
        |facts: &mut Facts| facts.in_interface = None,
        |facts: &mut Facts| facts.ports = Some((1_023, 53)),
        |facts: &mut Facts| facts.ports = Some((5_000, 54)),
        |facts: &mut Facts| facts.ports = None,
        |facts: &mut Facts| facts.source = "11.0.0.1".parse().unwrap(),
        |facts: &mut Facts| facts.destination = "10.9.1.1".parse().unwrap(),
        |facts: &mut Facts| {
            facts.protocol = "tcp"
                .parse::<stateful_firewall::model::Protocol>()
                .unwrap()
                .0
        },
    ] {
        let mut changed = facts;
        change(&mut changed);
        assert_eq!(ask(&changed), (false, None), "{changed:?}");
    }
}

#[test]
fn an_acl_can_refuse_fragments() {
    let mut policy = three_legs();
    policy.acls = vec![Acl {
        name: "no-fragments".into(),
        entries: vec![
            entry(
                1,
                false,
                Condition {
                    fragments: FragmentMatch::Fragments,
                    ..Condition::default()
                },
            ),
            entry(2, true, Condition::default()),
        ],
    }];
    policy.interfaces[0].acl_in = Some("no-fragments".into());
    let mut bench = Bench::strict(&policy);
    let mut datagram = udp(end("10.0.0.2:1"), end("198.51.100.2:2"), &[7; 3_000]);
    // The default header says "do not fragment".
    allow_fragments(&mut datagram);
    let mut fragment = PacketBuf::new();
    let whole = Ipv4Packet::parse(datagram.as_slice()).unwrap();
    let mut cutter = Ipv4Fragmenter::new(&whole, 1_500).unwrap();
    let mut count = 0;
    while cutter.next_fragment(&mut fragment) {
        count += 1;
        assert_eq!(
            bench.out(&fragment),
            Verdict::Drop(DropReason::AclIn(Some(1)))
        );
    }
    assert_eq!(count, 3);
    bench.out_passes(&datagram);
}

fn groups() -> CompiledPolicy {
    let text = "
        zone vpc level 50
        zone internet level 0
        interface web0 zone vpc groups { web }
        interface db0 zone vpc groups { db, ops }
        interface gw zone internet
        group web {
            members { 10.0.9.9 }
            in tcp port 443 from any
            out tcp port 5432 to group:db
            out udp port 53
        }
        group db {
            members { 10.0.2.0/24 }
            in tcp port 5432 from group:web
        }
        group ops { in tcp port 22 from 10.0.0.99 }
        rule accept tcp port 443 to-zone vpc";
    language::compile(text).unwrap()
}

const WEB: InterfaceId = InterfaceId::new(0);
const DB: InterfaceId = InterfaceId::new(1);
const GATEWAY: InterfaceId = InterfaceId::new(2);

fn group_bench() -> Bench {
    let mut bench = Bench::strict(&three_legs());
    bench.firewall = stateful_firewall::Firewall::new(
        stateful_firewall::FirewallConfig::new(64),
        groups(),
        Box::new(testkit::SeededRandom::new(3)),
    )
    .unwrap();
    bench
}

#[test]
fn security_groups_add_up_and_are_stateful() {
    let mut bench = group_bench();
    let (web, db) = (end("10.0.1.5:40000"), end("10.0.2.7:5432"));
    // From a host behind an interface of the group web to one of db; and the answer.
    assert!(
        bench
            .pass(WEB, DB, &tcp(web, db, SYN, 1, 0).build())
            .is_accept()
    );
    assert!(
        bench
            .pass(DB, WEB, &tcp(db, web, SYN | ACK, 7, 2).build())
            .is_accept()
    );
    // The second group of the interface.
    let ssh = tcp(end("10.0.0.99:1"), end("10.0.2.7:22"), SYN, 1, 0).build();
    assert!(
        bench.pass(GATEWAY, DB, &ssh).reason().is_some(),
        "levels still count"
    );
    assert!(
        bench
            .firewall
            .process(
                bench.now,
                &Path {
                    ingress: None,
                    ..Path::new(GATEWAY, DB)
                },
                &mut ssh.clone()
            )
            .is_accept()
    );
    // What no group allows.
    let (sender, receiver) = (GroupSide::Sender, GroupSide::Receiver);
    for (from, to, packet, side) in [
        (
            WEB,
            DB,
            tcp(web, end("10.0.2.7:22"), SYN, 1, 0).build(),
            sender,
        ),
        (DB, GATEWAY, udp(db, end("198.51.100.1:53"), b"x"), sender),
        (
            GATEWAY,
            WEB,
            tcp(end("198.51.100.1:1"), end("10.0.1.5:80"), SYN, 1, 0).build(),
            receiver,
        ),
        (
            GATEWAY,
            DB,
            tcp(end("198.51.100.1:1"), db, SYN, 1, 0).build(),
            receiver,
        ),
    ] {
        let verdict = bench.pass(from, to, &packet);
        let reason = DropReason::Policy(Reason::Groups(side));
        assert_eq!(verdict, Verdict::Drop(reason));
    }
    // A member by address, that comes by an interface without groups.
    let member = tcp(end("10.0.9.9:1"), db, SYN, 1, 0).build();
    let verdict = bench.pass(GATEWAY, DB, &member);
    assert!(matches!(
        verdict,
        Verdict::Drop(DropReason::Policy(Reason::Levels { .. }))
    ));
    assert!(
        bench
            .pass(
                GATEWAY,
                WEB,
                &tcp(end("198.51.100.1:1"), end("10.0.1.5:443"), SYN, 1, 0).build()
            )
            .is_accept()
    );
}

#[test]
fn groups_only_allow() {
    // There is no way to write a denial, and members cannot be negated.
    let mut policy = three_legs();
    policy.groups = vec![SecurityGroup {
        name: "g".into(),
        members: Addresses {
            items: vec!["10.0.0.1".parse::<AddressItem>().unwrap()],
            negated: true,
        },
        inbound: vec![GroupRule::default()],
        outbound: vec![],
    }];
    let error = CompiledPolicy::new(&policy).unwrap_err();
    assert!(error.to_string().contains("negated"), "{error}");
}

struct Table;

impl Routes for Table {
    fn interface_to(&self, address: IpAddr) -> Option<InterfaceId> {
        let IpAddr::V4(address) = address else {
            return None;
        };
        match address.octets() {
            [10, 0, 0, _] => Some(INSIDE),
            [10, 0, 1, _] => Some(DMZ),
            [10, ..] => None,
            _ => Some(OUTSIDE),
        }
    }
}

// RFC 3704 §2.2 MUST (strict): by the same interface.
// RFC 3704 §2.4 MUST (loose): by any.
#[test]
fn sources_are_held_to_the_routing_table() {
    for (mode, expected) in [
        (ReversePath::Off, [true, true, true]),
        (ReversePath::Loose, [true, true, false]),
        (ReversePath::Strict, [true, false, false]),
    ] {
        let mut policy = three_legs();
        policy.interfaces[0].reverse_path = mode;
        let mut bench = Bench::strict(&policy);
        let path = Path {
            routes: Some(&Table),
            ..Path::new(INSIDE, OUTSIDE)
        };
        let passes = ["10.0.0.2:1", "10.0.1.2:1", "10.7.0.2:1"].map(|source| {
            let mut packet = udp(end(source), end("198.51.100.2:2"), b"x");
            bench
                .firewall
                .process(bench.now, &path, &mut packet)
                .is_accept()
        });
        assert_eq!(passes, expected, "{mode:?}");
        let spoofed = expected.iter().filter(|passes| !**passes).count();
        assert_eq!(bench.firewall.stats().spoofed, spoofed as u64);
    }
}

#[test]
fn bogons_do_not_cross_an_interface_to_the_internet() {
    let mut policy = three_legs();
    policy.interfaces[2].bogons = true;
    policy.rules = vec![allow("udp", 53)];
    let mut bench = Bench::strict(&policy);
    for source in [
        "10.1.2.3",
        "100.64.0.1",
        "169.254.1.1",
        "172.16.0.1",
        "192.168.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.9",
        "2001:db8::1",
        "fc00::1",
        "4000::1",
    ] {
        let source: IpAddr = source.parse().unwrap();
        let target = if source.is_ipv4() {
            "8.8.4.4:53"
        } else {
            "[2600::1]:53"
        };
        let packet = udp((source, 1).into(), end(target), b"x");
        let verdict = bench.back(&packet);
        assert_eq!(
            verdict,
            Verdict::Drop(DropReason::Bogon(source)),
            "{source}"
        );
    }
    for (source, target) in [("1.1.1.1:9", "8.8.4.4:53"), ("[2600::2]:9", "[2600::1]:53")] {
        bench.back_passes(&udp(end(source), end(target), b"x"));
    }
    let to_private = udp(end("8.8.4.4:1"), end("192.168.1.1:53"), b"x");
    assert_eq!(
        bench.out(&to_private),
        Verdict::Drop(DropReason::Bogon("192.168.1.1".parse().unwrap()))
    );
}
