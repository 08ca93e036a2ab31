//! Random networks converge to shortest paths, within what the timers allow.

use core::time::Duration;

use packet_buffer::RandomSource as _;
use testkit::{LinkConfig, SeededRandom, for_each_seed};

use crate::topology::*;

#[test]
fn without_loss_triggered_updates_are_enough() {
    for_each_seed(0..5, |seed| {
        let routers = 8 + 8 * (seed as usize % 5);
        let mut net = Net::random(seed, routers, &LinkConfig::default());
        // At each hop it waits for a triggered update at the most.
        let took = net.converge(seconds(12));
        net.check_forwarding();
        println!("seed {seed}: {routers} routers converge in {took:?}");
    });
}

#[test]
fn fifty_routers_with_loss_and_flaps() {
    for_each_seed(0..2, |seed| {
        let lossy = LinkConfig {
            loss: 0.15,
            duplicate: 0.05,
            jitter: Duration::from_millis(40),
            ..LinkConfig::default()
        };
        let mut net = Net::random(100 + seed, 50, &lossy);
        net.run(seconds(20));
        let mut random = SeededRandom::new(seed).fork("flaps");
        for _ in 0..12 {
            let edge = random.below(net.edges.len() as u32) as usize;
            let (up, seen) = (!net.edges[edge].up, random.chance(0.7));
            net.set_up(edge, up, seen || up);
            net.run(Duration::from_millis(u64::from(random.below(4_000))));
        }
        for edge in 0..net.edges.len() {
            if !net.edges[edge].up {
                net.set_up(edge, true, true);
            }
        }
        // The worst: what was cut in silence times out, counts up while it is lost, and comes back
        // with one of the regular updates, hop by hop.
        let took = net.converge(seconds(36 + 24 + 60));
        println!("seed {seed}: 50 routers converge {took:?} after the last flap");
        for edge in 0..net.edges.len() {
            net.change_link(edge, |link| link.loss = 0.0);
        }
        net.converge(seconds(60));
        net.run(seconds(15));
        assert_eq!(net.wrong(), Vec::<String>::new());
        net.check_forwarding();
    });
}

#[test]
fn a_partition_is_seen_and_heals() {
    for_each_seed(0..4, |seed| {
        // Two triangles with one link between them.
        let mut net = Net::new(seed, 6, &fast());
        for (a, b) in [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)] {
            net.connect(a, b, 1, LinkConfig::default(), |_| {});
        }
        let bridge = net.connect(2, 3, 1, LinkConfig::default(), |_| {});
        net.converge(seconds(12));
        net.set_up(bridge, false, true);
        net.converge(seconds(20));
        net.check_forwarding();
        net.run(seconds(30));
        assert!(net.route(0, 5).is_none(), "it is gone from the table too");
        net.set_up(bridge, true, true);
        net.converge(seconds(12));
        net.check_forwarding();
    });
}

#[test]
fn a_seed_gives_the_same_octets() {
    testkit::assert_deterministic(9, |seed| {
        let lossy = LinkConfig {
            loss: 0.1,
            ..LinkConfig::default()
        };
        let mut net = Net::random(seed, 10, &lossy);
        net.network.start_trace();
        net.run(seconds(60));
        net.network.trace().to_owned()
    });
}
