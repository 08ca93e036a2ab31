//! Several hosts on a LAN that loses, duplicates and reorders, under the machine contract.

use crate::support::{HostNode, link_local, prefix, router_advertisement, secs, v4};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::host::{HostConfig, Outgoing};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{Icmpv4Repr, Icmpv6Repr, IpProtocol, Ipv6Repr, MacAddr};
use testkit::{Host as Source, LinkConfig, Network, NodeId, assert_deterministic, for_each_seed};

fn mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number])
}

fn ipv4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, number)
}

/// Hosts 1 to `count`, and a radio that sends what it is told.
fn lan(seed: u64, count: u8, link: &LinkConfig) -> (Network, Vec<NodeId>, NodeId) {
    let mut network = Network::new(seed);
    let lan = network.add_lan("lan");
    let mut hosts = Vec::new();
    for number in 1..=count {
        let node = HostNode::new(HostConfig::new(mac(number)), seed * 100 + u64::from(number));
        let id = network.add_node(&format!("host {number}"), node);
        network.attach(lan, (id, 0), link.clone());
        let node = network.node_mut::<HostNode>(id);
        node.host.start(Instant::ZERO);
        node.host
            .add_ipv4_address(Instant::ZERO, ipv4(number), 24)
            .unwrap();
        hosts.push(id);
    }
    let source = network.add_node("source", Source::default());
    network.attach(lan, (source, 0), link.clone());
    (network, hosts, source)
}

fn ping(node: &mut HostNode, now: Instant, to: IpAddr, sequence_number: u16) {
    let identifier = 1;
    let Some(source) = node.host.select_source(to) else {
        return;
    };
    let mut packet = PacketBuf::from(&b"are you there?"[..]);
    let protocol = match (source, to) {
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let pseudo_header = Ipv6Repr::new(source, to, IpProtocol::ICMPV6).pseudo_header();
            let echo = Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            };
            echo.emit(&mut packet, &pseudo_header).unwrap();
            IpProtocol::ICMPV6
        }
        _ => {
            let echo = Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            };
            echo.emit(&mut packet).unwrap();
            IpProtocol::ICMP
        }
    };
    let _ = node
        .host
        .send(now, &Outgoing::new(to, protocol), &mut packet);
}

fn bad_link() -> LinkConfig {
    LinkConfig {
        loss: 0.15,
        duplicate: 0.1,
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(20),
        ..LinkConfig::default()
    }
}

/// Everybody pings everybody, in both versions, until all have been answered.
#[test]
fn hosts_find_each_other_over_a_bad_lan() {
    for_each_seed(0..8, |seed| {
        let (mut network, hosts, source) = lan(seed, 4, &bad_link());
        for _ in 0..12 {
            let advertisement =
                router_advertisement(mac(0xfe), 1800, &[prefix("2001:db8::/64", "LA", 3600)]);
            network.node_mut::<Source>(source).send(0, &advertisement);
            network.run_for(secs(1));
        }
        network.run_for(secs(10));
        let global = |number: u8| {
            let identifier = link_local(mac(number)).to_bits() & u128::from(u64::MAX);
            let network: Ipv6Addr = "2001:db8::".parse().unwrap();
            Ipv6Addr::from(network.to_bits() | identifier)
        };
        let mut expected = Vec::new();
        for number in 1..=4u8 {
            expected.extend([
                IpAddr::V4(ipv4(number)),
                link_local(mac(number)).into(),
                global(number).into(),
            ]);
        }
        for round in 0..40u16 {
            for (at, &id) in hosts.iter().enumerate() {
                let now = network.now();
                let node = network.node_mut::<HostNode>(id);
                let own = &expected[at * 3..at * 3 + 3];
                for to in expected.iter().filter(|it| !own.contains(it)) {
                    let answered = node.received.iter().any(|it| it.0.source == *to);
                    if !answered {
                        ping(node, now, *to, round);
                    }
                }
            }
            network.run_for(secs(1));
        }
        for (at, &id) in hosts.iter().enumerate() {
            let node = network.node::<HostNode>(id);
            let own = &expected[at * 3..at * 3 + 3];
            for to in expected.iter().filter(|it| !own.contains(it)) {
                assert!(
                    node.received.iter().any(|it| it.0.source == *to),
                    "host {} never heard {to}",
                    at + 1
                );
            }
        }
    });
}

/// Two hosts with the same link-layer address, and so the same link-local address, and the same IPv4
/// address: at most one of each survives when they can hear each other.
#[test]
fn duplicates_are_found() {
    for_each_seed(0..8, |seed| {
        let mut network = Network::new(seed);
        let lan = network.add_lan("lan");
        let mut ids = Vec::new();
        for number in 1..=2u8 {
            let mut config = HostConfig::new(mac(number));
            config.arp.conflict_policy = icmp_nd::arp::ConflictPolicy::DefendOnce;
            let id = network.add_node(
                &format!("host {number}"),
                HostNode::new(config, seed * 10 + u64::from(number)),
            );
            network.attach(lan, (id, 0), LinkConfig::default());
            let node = network.node_mut::<HostNode>(id);
            node.host.start(Instant::ZERO);
            node.host
                .add_ipv4_address(Instant::ZERO, v4("192.0.2.7"), 24)
                .unwrap();
            let same = icmp_nd::address::ManualAddress::new("2001:db8::7".parse().unwrap(), 64);
            node.host.add_ipv6_address(Instant::ZERO, &same).unwrap();
            ids.push(id);
        }
        network.run_for(secs(60));
        let has = |id: NodeId, address: IpAddr| network.node::<HostNode>(id).host.is_own(address);
        for address in ["192.0.2.7", "2001:db8::7"] {
            let address = address.parse().unwrap();
            let count = ids.iter().filter(|&&id| has(id, address)).count();
            assert!(count <= 1, "{count} hosts have {address}");
        }
    });
}

/// A host whose hardware is replaced: the others notice by the announcements or by probing.
#[test]
fn a_host_that_leaves_and_comes_back_is_found_again() {
    for_each_seed(0..4, |seed| {
        let (mut network, hosts, _) = lan(seed, 2, &LinkConfig::default());
        network.run_for(secs(10));
        let round = |network: &mut Network, sequence| {
            let now = network.now();
            ping(
                network.node_mut::<HostNode>(hosts[0]),
                now,
                ipv4(2).into(),
                sequence,
            );
            ping(
                network.node_mut::<HostNode>(hosts[0]),
                now,
                link_local(mac(2)).into(),
                sequence,
            );
            network.run_for(secs(1));
            network
                .node_mut::<HostNode>(hosts[0])
                .received
                .drain(..)
                .count()
        };
        assert_eq!(round(&mut network, 1), 2);
        network.set_end_up((hosts[1], 0), false);
        let mut answers = 0;
        for sequence in 0..60 {
            answers += round(&mut network, sequence);
        }
        assert_eq!(answers, 0);
        let node = network.node::<HostNode>(hosts[0]);
        assert!(
            node.host.nd().neighbors().stats().unreachable >= 1,
            "noticed"
        );
        network.set_end_up((hosts[1], 0), true);
        network.run_for(secs(5));
        // What waited for it arrives too.
        assert!(round(&mut network, 100) >= 2);
    });
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    assert_deterministic(7, |seed| {
        let (mut network, hosts, _) = lan(seed, 3, &bad_link());
        network.start_trace();
        network.run_for(secs(8));
        for _ in 0..5 {
            let now = network.now();
            ping(
                network.node_mut::<HostNode>(hosts[0]),
                now,
                ipv4(2).into(),
                1,
            );
            ping(
                network.node_mut::<HostNode>(hosts[1]),
                now,
                link_local(mac(3)).into(),
                1,
            );
            network.run_for(secs(2));
        }
        network.trace().to_owned()
    });
}

#[test]
fn what_is_sent_takes_the_place_of_what_the_buffer_held() {
    let frames = |used: &[u8]| {
        let mut host = HostNode::new(HostConfig::new(mac(1)), 7).host;
        host.start(Instant::ZERO);
        host.add_ipv4_address(Instant::ZERO, ipv4(1), 24).unwrap();
        let mut frames = Vec::new();
        let mut out = PacketBuf::from(used);
        for _ in 0..20 {
            while host.poll_transmit(&mut out).is_some() {
                frames.push(out.as_slice().to_vec());
            }
            let Some(due) = host.poll_timeout() else {
                break;
            };
            host.handle_timeout(due);
        }
        frames
    };
    let clean = frames(&[]);
    assert!(clean.len() > 3, "{}", clean.len());
    assert_eq!(frames(b"the frame before"), clean);
    // None grows by the one before it.
    assert!(clean.iter().all(|frame| frame.len() < 150), "{clean:?}");
}
