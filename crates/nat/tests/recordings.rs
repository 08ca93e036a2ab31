//! What the Linux kernel did with the same packets under rules of its own: static NAT, pools, port
//! forwarding, hairpinning, twice NAT, exhaustion. The recordings are not part of the repository;
//! without `INTERNETWORK_SHARED` the test says that it skipped.
//!
//! The cases with masquerading and a filter are replayed by the examples, through a whole router.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use nat::{
    Action, Alias, Forward, Instant, Matching, Nat, NatConfig, PacketBuf, Pool, Pooling, Profile,
    Rule, Side, Target, Verdict,
};
use packet_buffer::IpPacketMut;
use packet_buffer::wire::{Icmpv4Message, IpProtocol, Ipv4Packet};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use testkit::SeededRandom;

/// Cases whose rules this file states.
const CASES: [&str; 17] = [
    "hairpin_dynamic_mapping",
    "hairpin_external_source",
    "hairpin_icmp_error",
    "hairpin_self",
    "hairpin_tcp",
    "pf_inside_server_own_flows_keep_port",
    "pf_tcp_in",
    "pf_udp_in",
    "static_1to1",
    "static_prefix_map",
    "twice_nat",
    "udp_exhaustion_4_ports",
    "udp_exhaustion_recovers",
    "udp_fully_random_port",
    "udp_pool_not_paired",
    "udp_pool_persistent_paired",
    "udp_random_port",
];

/// Cases with rules of their own that are left out, and why.
const LEFT_OUT: [(&str, &str); 4] = [
    (
        "hairpin_internal_source",
        "RFC 4787 §6: a hairpinned packet has the external source",
    ),
    (
        "dnat_round_robin",
        "each client stays with one server, whichever the kernel's turn",
    ),
    (
        "stateless_1to1",
        "RFC 5508 §4.2: the kernel leaves the quoted packet untranslated",
    ),
    (
        "tcp_reject_rst",
        "a reset for a rejected connection is a firewall's",
    ),
];

const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

fn rule(source: &str, action: Action) -> Rule {
    Rule {
        matching: Matching::from_prefix(source.parse().unwrap()),
        action,
    }
}

/// The rules of a case, as this crate says them.
fn config(case: &str) -> NatConfig {
    let profile = Profile::LinuxCompat;
    let mut config = profile.config(10_000);
    let mut pool = Pool::of(ROUTER);
    let mut napt = profile.napt(0);
    config.local = vec![ROUTER, Ipv4Addr::new(10, 0, 0, 1)];
    let forward = |protocol, port: u16, target: u16| Forward {
        protocol: Some(protocol),
        outside: ROUTER,
        ports: port..=port,
        source: "0.0.0.0/0".parse().unwrap(),
        targets: vec![Target::new([10, 0, 0, 3].into(), target)],
    };
    let five_and_six = [203, 0, 113, 5].into()..=[203, 0, 113, 6].into();
    match case {
        _ if case.starts_with("hairpin_") || case.starts_with("pf_") => {
            napt.hairpin = true;
            config.forwards = vec![
                forward(IpProtocol::UDP, 7_000, 6_000),
                forward(IpProtocol::TCP, 8_080, 80),
            ];
        }
        "static_1to1" => {
            let outside = "203.0.113.5/32".parse().unwrap();
            config
                .rules
                .push(rule("10.0.0.2/32", Action::Static { outside }));
        }
        "static_prefix_map" => {
            let outside = "203.0.113.64/26".parse().unwrap();
            config
                .rules
                .push(rule("10.0.0.0/26", Action::Static { outside }));
        }
        "twice_nat" => {
            pool = Pool::of([203, 0, 113, 6].into());
            config.aliases.push(Alias {
                alias: "198.51.100.99/32".parse().unwrap(),
                real: "198.51.100.10/32".parse().unwrap(),
            });
        }
        "udp_exhaustion_4_ports" => {
            pool = Pool::of([203, 0, 113, 5].into());
            pool.ports = 40_000..=40_003;
        }
        "udp_exhaustion_recovers" => {
            pool = Pool::of([203, 0, 113, 5].into());
            pool.ports = 40_000..=40_001;
            config.timers.udp = core::time::Duration::from_secs(1);
        }
        "udp_fully_random_port" | "udp_random_port" => napt.ports.preserve = false,
        "udp_pool_not_paired" => {
            pool = Pool::of_range(five_and_six);
            pool.pooling = Pooling::Arbitrary;
        }
        "udp_pool_persistent_paired" => pool = Pool::of_range(five_and_six),
        other => panic!("no rules for {other}"),
    }
    config.pools = vec![pool];
    config.rules.push(rule("0.0.0.0/0", Action::Napt(napt)));
    config
}

/// Ends of a packet after its checksums were found right, and of an ICMP error what it quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    protocol: u8,
    from: SocketAddrV4,
    to: SocketAddrV4,
    quoted: Option<Vec<u8>>,
    hops: u8,
}

fn see(octets: &[u8]) -> Seen {
    let ip = Ipv4Packet::parse(octets).unwrap();
    ip.verify_checksum().unwrap();
    let mut copy = octets.to_vec();
    let view = IpPacketMut::parse(&mut copy).unwrap();
    let ports = (
        view.source_port().unwrap_or(0),
        view.destination_port().unwrap_or(0),
    );
    let mut quoted = None;
    if ip.protocol() == IpProtocol::ICMP {
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        message.verify_checksum().unwrap();
        if message.message_type().is_error() {
            quoted = Some(message.payload().to_vec());
        }
    }
    Seen {
        protocol: ip.protocol().0,
        from: SocketAddrV4::new(ip.source(), ports.0),
        to: SocketAddrV4::new(ip.destination(), ports.1),
        quoted,
        hops: ip.time_to_live(),
    }
}

/// Outside ends of the kernel's and of ours, by protocol and remote end.
type Ends = HashMap<(u8, SocketAddrV4, SocketAddrV4), SocketAddrV4>;

struct Replay {
    nat: Nat,
    ours: Ends,
}

impl Replay {
    /// Hands a packet in, as the router does after it took its hop; returns what is sent on, and
    /// whether it goes out.
    fn inject(&mut self, now: Instant, from: Side, octets: &[u8]) -> Option<(Seen, bool)> {
        let mut packet = PacketBuf::from_slice(64, octets);
        let seen = see(octets);
        {
            let mut change = IpPacketMut::parse(packet.as_mut_slice()).unwrap();
            change.decrement_hop_limit().unwrap();
            if from == Side::Outside
                && let Some(own) = self.ours.get(&(seen.protocol, seen.to, seen.from))
            {
                let port = change.destination_port().map(|_| own.port());
                change.set_destination(IpAddr::V4(*own.ip()), port).unwrap();
            }
        }
        match self.nat.process(now, from, &mut packet) {
            Verdict::Forward { hairpin } => {
                Some((see(packet.as_slice()), (from == Side::Inside) != hairpin))
            }
            _ => None,
        }
    }

    /// Replays a case; returns how many packets the kernel sent on, with which ours agree.
    fn run(&mut self, name: &str, case: &Value) -> usize {
        let mut agreed = 0;
        for step in case["steps"].as_array().unwrap() {
            let now = Instant::from_millis(step["at_ms"].as_u64().unwrap());
            let from = if step["if"] == "in" {
                Side::Inside
            } else {
                Side::Outside
            };
            let octets = hex::decode(step["pkt"].as_str().unwrap()).unwrap();
            let outputs = step["out"].as_array().unwrap();
            let theirs = outputs.iter().find(|out| out["kind"] == "forward");
            let ours = self.inject(now, from, &octets);
            let what = format!("{name}, step {}: {}", step["step"], step["desc"]);
            let Some(theirs) = theirs else {
                assert_eq!(ours, None, "{what}");
                continue;
            };
            let (mut ours, goes_out) = ours.unwrap_or_else(|| panic!("{what}: dropped"));
            let octets = hex::decode(theirs["pkt"].as_str().unwrap()).unwrap();
            let expected = see(&octets);
            assert_eq!(goes_out, theirs["if"] == "out", "{what}");
            if goes_out {
                // The choice of the outside end is each one's own, as long as it is one of the pool
                // and stays.
                let key = (expected.protocol, expected.from, expected.to);
                let known = *self.ours.entry(key).or_insert(ours.from);
                assert_eq!(ours.from, known, "{what}");
                ours.from = expected.from;
            }
            assert_eq!(ours, expected, "{what}");
            agreed += 1;
        }
        agreed
    }
}

#[test]
fn the_kernel_does_the_same() {
    let Some(shared) = std::env::var_os("INTERNETWORK_SHARED") else {
        println!("skipped: INTERNETWORK_SHARED is not set");
        return;
    };
    let folder = PathBuf::from(shared).join("labs/natfw/out/tun/cases");
    if !folder.is_dir() {
        println!("skipped: there are no recordings in {}", folder.display());
        return;
    }
    let (mut packets, mut forwarded) = (0, 0);
    for name in CASES {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let case: Value = serde_json::from_str(&text).unwrap();
        let nat = Nat::new(config(name), Box::new(SeededRandom::new(1))).unwrap();
        let mut replay = Replay {
            nat,
            ours: Ends::new(),
        };
        let of_case = replay.run(name, &case);
        assert!(of_case > 0, "{name}: nothing was forwarded");
        forwarded += of_case;
        packets += case["steps"].as_array().unwrap().len();
    }
    println!(
        "{} cases, {packets} packets, {forwarded} of them forwarded: no difference",
        CASES.len()
    );
    for (name, why) in LEFT_OUT {
        println!("left out: {name}: {why}");
    }
}
