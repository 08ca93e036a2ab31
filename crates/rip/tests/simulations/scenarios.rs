//! What can happen in a network, one scenario after the other.

use std::collections::BTreeSet;

use core::time::Duration;

use packet_buffer::{Instant, PacketBuf};
use rip::Ipv4;
use rip::auth::{Algorithm, AuthOptions, Authentication, Key, KeyChain, Lifetime, Secret};
use rip::config::*;
use rip::engine::*;
use rip::rib::Source;
use testkit::{LinkConfig, for_each_seed};

use crate::support::*;
use crate::topology::*;

fn plain() -> LinkConfig {
    LinkConfig::default()
}

/// An interface on which there is always something to say.
fn talkative(address: &str) -> InterfaceConfig<Ipv4> {
    let mut link = InterfaceConfig::new(vec![v4(address)]);
    link.default_route = Some(DefaultRoute { metric: 1, tag: 0 });
    link
}

/// A chain of routers.
fn chain(seed: u64, routers: usize, config: &Config<Ipv4>) -> Net {
    let mut net = Net::new(seed, routers, config);
    for router in 1..routers {
        net.connect(router - 1, router, 1, plain(), |_| {});
    }
    net
}

#[test]
fn fifteen_hops_are_the_end_of_the_world() {
    let mut net = chain(1, 17, &fast());
    net.converge(seconds(30));
    assert_eq!(net.metric(14, 0), 15);
    assert_eq!(net.metric(15, 0), 16);
    assert!(net.route(15, 0).is_none());
    net.check_forwarding();
}

#[test]
fn the_tail_of_a_ring_of_five() {
    // Both legs of the poison are lost; it counts, and ends.
    for_each_seed(0..3, |seed| {
        let mut net = Net::new(seed, 6, &fast());
        let tail = net.connect(0, 1, 1, plain(), |_| {});
        for (a, b) in [(1, 2), (2, 3), (3, 4), (4, 5), (5, 1)] {
            net.connect(a, b, 1, plain(), |_| {});
        }
        net.converge(seconds(20));
        net.set_up(tail, false, true);
        for edge in [1, 5] {
            net.change_link(edge, |link| link.loss = 1.0);
        }
        net.run(seconds(2));
        for edge in [1, 5] {
            net.change_link(edge, |link| link.loss = 0.0);
        }
        net.converge(seconds(16 * 7 + 36));
        // Afterwards no metric to the dead network is finite again.
        for _ in 0..300 {
            net.run(Duration::from_millis(200));
            assert!((1..6).all(|router| net.metric(router, 0) == 16));
        }
    });
}

#[test]
fn one_way_loss_up_to_a_third() {
    for_each_seed(0..3, |seed| {
        let mut net = Net::new(seed, 4, &fast());
        for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
            let loss = 0.1 * (seed + 1) as f64;
            let link = LinkConfig { loss, ..plain() };
            net.connect(a, b, 1, link, |_| {});
        }
        net.converge(seconds(90));
    });
}

#[test]
fn updates_of_many_routers_do_not_fall_into_step() {
    // Fifty routers on a network that start at the same moment: with jitter they are spread after a
    // while; without, those that started together stay together.
    let spread = |jitter: u64| {
        let mut config = fast();
        config.timers.jitter = Duration::from_millis(jitter);
        let mut times = Vec::new();
        for seed in 0..50 {
            let mut bench = Bench::<Ipv4>::seeded(config.clone(), seed);
            bench.interface(ONE, talkative("10.0.1.1/24"));
            // The first update of all at the same moment.
            let first = bench.run(2)[1].0 - Instant::ZERO;
            for (at, _) in bench.run(600) {
                times.push((at - Instant::ZERO).saturating_sub(first));
            }
        }
        // How many of the tenths of the interval have updates in the last minute.
        let tenths: BTreeSet<u128> = times
            .iter()
            .filter(|at| **at > seconds(540))
            .map(|at| at.as_millis() % 6_000 / 600)
            .collect();
        tenths.len()
    };
    assert!(spread(1_000) >= 9, "{}", spread(1_000));
    assert!(spread(0) <= 2, "{}", spread(0));
}

#[test]
fn a_flapping_link_makes_no_storm() {
    let mut net = chain(3, 3, &fast());
    net.converge(seconds(20));
    let interface = InterfaceId(2);
    let sent = |net: &Net| {
        let stats = net.router(1).engine.interface_stats(interface);
        stats.unwrap().triggered_updates
    };
    let before = sent(&net);
    for flap in 0..200 {
        net.set_up(0, flap % 2 == 1, true);
        net.run(Duration::from_millis(100));
    }
    // 20 seconds, one each 0.2 s at the most.
    let count = sent(&net) - before;
    assert!((10..=100).contains(&count), "{count}");
    net.converge(seconds(20));
}

#[test]
fn a_late_update_of_a_dead_route_does_not_stay() {
    // RFC 2453 §3.8: while it waits to be removed, it can come back, from who has it.
    let mut net = chain(5, 3, &fast());
    net.converge(seconds(20));
    net.set_up(0, false, true);
    net.converge(seconds(10));
    net.run(seconds(20));
    net.set_up(0, true, true);
    net.converge(seconds(20));
    net.run(seconds(60));
    assert_eq!(net.wrong(), Vec::<String>::new());
}

#[test]
fn two_domains_and_tags_that_keep_routes_from_coming_back() {
    // Two borders hand routes of domain A to domain B with tag 7, and back what has no tag 7.
    let deny_tag = Filter {
        rules: vec![FilterRule {
            tag: Some(7),
            ..FilterRule::within(Action::Deny, "0.0.0.0/0".parse().unwrap())
        }],
        otherwise: Action::Permit,
    };
    let rule = |tag| Redistribution {
        source: Source::Other(1),
        metric: Some(1),
        tag,
        filter: deny_tag.clone(),
    };
    let mut into_b = fast();
    into_b.redistribute.push(rule(Some(7)));
    let mut into_a = fast();
    into_a.redistribute.push(rule(None));
    // Each domain is a chain of three; both ends of one border on both ends of the other.
    let mut net_a = chain(11, 3, &into_a);
    let mut net_b = chain(12, 3, &into_b);
    for router in 0..3 {
        let engine = &mut net_b.router_mut(router).engine;
        let own = own_route(router);
        engine.remove_route(Instant::ZERO, own.source, own.prefix);
        engine
            .add_route(Instant::ZERO, own_route(100 + router))
            .unwrap();
    }
    for _ in 0..60 {
        net_a.run(seconds(1));
        net_b.run(seconds(1));
        for (a, b) in [(2, 0), (0, 2)] {
            copy(&mut net_a, a, &mut net_b, b);
            copy(&mut net_b, b, &mut net_a, a);
        }
    }
    // Each domain knows the other's networks, A's with the tag.
    let in_b = net_b.router(1).engine.rib().get(&own_net(1)).unwrap();
    assert_eq!((in_b.source, in_b.tag), (Source::Rip, 7));
    let in_a = net_a.router(1).engine.rib().get(&own_net(101)).unwrap();
    assert_eq!((in_a.source, in_a.tag), (Source::Rip, 0));
    // And A's own have not come back to it by way of B.
    assert_eq!(net_a.wrong(), Vec::<String>::new());
    let back = net_a.router(1).engine.rib().routes().filter(|r| r.tag == 7);
    assert_eq!(back.count(), 0);
}

/// Hands the routes that RIP has learned in one domain to a router of the other.
fn copy(from: &mut Net, at: usize, to: &mut Net, there: usize) {
    let now = to.network.now();
    let routes: Vec<_> = from
        .router(at)
        .engine
        .rib()
        .routes()
        .filter(|route| route.source == Source::Rip && route.metric < 16)
        .collect();
    for route in routes {
        let local = rip::rib::LocalRoute {
            prefix: route.prefix,
            source: Source::Other(1),
            distance: 130,
            metric: 1,
            tag: route.tag,
            next_hop: rip::rib::NextHop {
                interface: None,
                address: core::net::Ipv4Addr::UNSPECIFIED,
            },
        };
        to.router_mut(there).engine.add_route(now, local).unwrap();
    }
}

#[test]
fn an_equal_route_takes_over_when_the_other_falls_silent() {
    for_each_seed(0..3, |seed| {
        let mut net = Net::new(seed, 4, &fast());
        for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            net.connect(a, b, 1, plain(), |_| {});
        }
        net.converge(seconds(20));
        let hop = net.route(3, 0).unwrap().next_hops.first();
        // The router on the way falls silent: half of the timeout later the other is used, and no
        // packet was without a route.
        let edge = if hop.address.octets()[2] == 2 { 2 } else { 3 };
        net.set_up(edge, false, false);
        let mut switched = None;
        for tenth in 0..300 {
            net.run(Duration::from_millis(100));
            assert_eq!(net.metric(3, 0), 3);
            if net.route(3, 0).unwrap().next_hops.first() != hop {
                switched = Some(tenth);
                break;
            }
        }
        // 18 s after it was last heard, with the next update of the other.
        let switched = switched.expect("it switches");
        assert!((100..=260).contains(&switched), "{switched}");
    });
}

/// A receiver with a buffer of 41,600 octets which is read at 2 MB/s; how many messages are lost.
fn lost_in_a_small_buffer(pacing: Pacing) -> (usize, usize) {
    let mut bench = two_links_with(Config::default(), |_| {}, |two| two.pacing = pacing);
    for chunk in (0..10_000u32).collect::<Vec<_>>().chunks(25) {
        let routes: Vec<String> = chunk
            .iter()
            .map(|n| format!("20.{}.{}.0/24", n / 256, n % 256))
            .collect();
        let routes: Vec<(&str, u8)> = routes.iter().map(|p| (p.as_str(), 2)).collect();
        bench.receive(ONE, "10.0.1.2", &response(&routes)).unwrap();
    }
    let (mut held, mut last, mut lost, mut all) = (0.0f64, bench.now, 0, 0);
    for (at, sent) in bench.run(20) {
        if sent.to.interface != TWO {
            continue;
        }
        held = (held - (at - last).as_secs_f64() * 2e6).max(0.0);
        last = at;
        all += 1;
        // What a kernel charges for a small datagram.
        if held + 1_280.0 > 41_600.0 {
            lost += 1;
        } else {
            held += 1_280.0;
        }
        assert!(sent.payload.len() <= 504);
    }
    (all, lost)
}

#[test]
fn a_paced_sender_loses_nothing_at_a_small_receiver() {
    let (sent, lost) = lost_in_a_small_buffer(Pacing::default());
    assert!(sent >= 400, "{sent}");
    assert_eq!(lost, 0);
    // As a burst, all but the first 32 messages are lost: 800 routes.
    let burst = Pacing {
        packets_per_second: 1_000_000,
        burst: 65_535,
    };
    let (sent, lost) = lost_in_a_small_buffer(burst);
    assert!(lost * 10 > sent * 8, "{lost} of {sent}");
}

fn keyed(keys: Vec<Key>, epoch: u32) -> impl Fn(&mut InterfaceConfig<Ipv4>) {
    move |link| {
        link.switches.authentication =
            Authentication::Cryptographic(KeyChain::new(keys.clone()).unwrap());
        link.switches.auth_options = AuthOptions {
            unix_time_at_epoch: epoch,
            ..AuthOptions::default()
        };
    }
}

fn key(id: u8) -> Key {
    Key::new(id, Algorithm::HmacSha256, Secret::new(&[b'k', id]))
}

#[test]
fn a_restart_with_the_sequence_number_lost_and_kept() {
    let state = |epoch: u32, saved: bool| {
        let mut alice = Bench::new(Config::default());
        let mut bob = Bench::new(Config::default());
        let mut link = talkative("10.0.1.1/24");
        keyed(vec![key(1)], epoch)(&mut link);
        let mut other = InterfaceConfig::new(vec![v4("10.0.1.2/24")]);
        keyed(vec![key(1)], epoch)(&mut other);
        alice.interface(ONE, link.clone());
        bob.interface(ONE, other);
        for (at, sent) in alice.run(600) {
            bob.now = at;
            bob.receive(ONE, "10.0.1.1", &sent.payload).unwrap();
        }
        let kept = alice.engine.sequence_state(ONE).unwrap();
        // A new process, whose own clock starts again.
        let mut again = Bench::new(Config::default());
        again.interface(ONE, link);
        if saved {
            assert!(again.engine.restore_sequence_state(ONE, &kept));
        }
        again
            .sent()
            .iter()
            .all(|sent| bob.receive(ONE, "10.0.1.1", &sent.payload).is_ok())
    };
    assert!(
        !state(0, false),
        "without a clock and a memory, it is taken for a replay"
    );
    assert!(state(0, true));
}

#[test]
fn keys_roll_over_although_clocks_differ() {
    // Key 2 is sent from 60 s on, and accepted from 30 s; key 1 is accepted until 90 s. The clocks
    // differ by 20 s.
    let at = Instant::from_secs;
    let keys = vec![
        key(1)
            .sent(Lifetime::before(at(60)))
            .accepted(Lifetime::before(at(90))),
        key(2)
            .sent(Lifetime::since(at(60)))
            .accepted(Lifetime::since(at(30))),
    ];
    let mut net = Net::new(4, 2, &fast());
    net.connect(0, 1, 1, plain(), keyed(keys.clone(), 1_000));
    net.converge(seconds(10));
    net.run(seconds(200));
    for router in 0..2 {
        let stats = net.router(router).engine.stats();
        assert_eq!((stats.authentication, stats.replayed), (0, 0));
    }
    assert_eq!(net.wrong(), Vec::<String>::new());
    // And one after the other, with clocks that differ.
    let mut sender = Bench::new(Config::default());
    let mut receiver = Bench::new(Config::default());
    sender.now = at(1);
    receiver.now = at(1);
    let mut one = talkative("10.0.1.1/24");
    keyed(keys.clone(), 1_000)(&mut one);
    let mut two = InterfaceConfig::new(vec![v4("10.0.1.2/24")]);
    keyed(keys, 1_000)(&mut two);
    sender.interface(ONE, one);
    receiver.interface(ONE, two);
    let mut heard = 0;
    for (sent_at, sent) in sender.run(150) {
        receiver.now = sent_at + seconds(20);
        receiver.receive(ONE, "10.0.1.1", &sent.payload).unwrap();
        heard += 1;
    }
    assert!(heard >= 4, "{heard}");
}

#[test]
fn a_demand_circuit_over_a_lossy_line_says_all_and_falls_silent() {
    for_each_seed(0..5, |seed| {
        let mut net = Net::new(seed, 4, &fast());
        net.connect(0, 1, 1, plain(), |_| {});
        net.connect(2, 3, 1, plain(), |_| {});
        let line = LinkConfig {
            loss: 0.3,
            duplicate: 0.1,
            ..plain()
        };
        let circuit = net.connect(1, 2, 1, line, |link| {
            let own = link.addresses[0].address.octets();
            let peer = [own[0], own[1], own[2], 3 - own[3]];
            link.neighbors = vec![peer.into()];
            link.demand_circuit = Some(DemandCircuit::default());
        });
        net.converge(seconds(90));
        net.change_link(circuit, |link| link.loss = 0.0);
        net.run(seconds(20));
        // Nothing crosses the line while nothing changes.
        let sent = |net: &Net| {
            let stats = net.router(1).engine.interface_stats(InterfaceId(2));
            stats.unwrap().sent
        };
        let before = sent(&net);
        net.run(seconds(300));
        assert_eq!(sent(&net), before);
        assert_eq!(net.wrong(), Vec::<String>::new());
        // A change crosses it, and nothing else.
        let now = net.network.now();
        let route = own_route(0);
        net.router_mut(0)
            .engine
            .remove_route(now, Source::Static, route.prefix);
        net.run(seconds(3));
        assert_eq!(net.metric(3, 0), 16);
        assert!(sent(&net) <= before + 4, "{}", sent(&net) - before);
    });
}

#[test]
fn nothing_is_sent_into_a_buffer_that_nobody_polls() {
    // Polls may come late: the messages are written when they are asked for, with what holds then.
    let mut bench = two_links(Config::default());
    bench
        .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 3)]))
        .unwrap();
    bench
        .receive(ONE, "10.0.1.2", &response(&[("192.168.1.0/24", 5)]))
        .unwrap();
    let mut out = PacketBuf::new();
    bench.engine.poll_transmit(&mut out).unwrap();
    assert_eq!(out.as_slice().last(), Some(&6));
}
