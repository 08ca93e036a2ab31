//! Counting to infinity (RFC 2453 §3.4.1 to §3.4.4): it ends at 16, and how long it takes.

use core::time::Duration;

use rip::Ipv4;
use rip::config::*;
use testkit::{LinkConfig, for_each_seed};

use crate::topology::*;

/// What is tried.
#[derive(Debug, Clone, Copy)]
struct Rules {
    split_horizon: SplitHorizon,
    triggered: bool,
}

/// The RFC's timers. Without triggered updates, there is one in each interval at the most: the first
/// cannot be switched off.
fn config(rules: Rules) -> Config<Ipv4> {
    let mut config = Config {
        redistribute: fast().redistribute,
        ..Config::default()
    };
    if !rules.triggered {
        config.timers.triggered_min = config.timers.update;
        config.timers.triggered_max = config.timers.update;
    }
    config
}

/// Routers 1, 2 and 3 in a triangle, and router 0 behind router 1. Router 0 goes away; what is sent
/// on `deaf` links is lost for a while. How long until nobody has a route to it, and the metrics
/// that router 3 went through.
fn count(seed: u64, rules: Rules, deaf: &[(usize, Duration)]) -> (Duration, Vec<u8>) {
    let mut net = Net::new(seed, 4, &config(rules));
    let change = |link: &mut InterfaceConfig<Ipv4>| link.split_horizon = rules.split_horizon;
    let tail = net.connect(0, 1, 1, LinkConfig::default(), change);
    for (a, b) in [(1, 2), (1, 3), (2, 3)] {
        net.connect(a, b, 1, LinkConfig::default(), change);
    }
    net.converge(seconds(200));
    net.run(seconds(100));
    net.set_up(tail, false, true);
    for &(edge, _) in deaf {
        net.change_link(edge, |link| link.loss = 1.0);
    }
    let start = net.network.now();
    let mut seen = Vec::new();
    loop {
        let elapsed = net.network.now() - start;
        for &(edge, until) in deaf {
            if elapsed >= until {
                net.change_link(edge, |link| link.loss = 0.0);
            }
        }
        let metric = net.metric(3, 0);
        if seen.last() != Some(&metric) {
            seen.push(metric);
        }
        if (1..4).all(|router| net.metric(router, 0) == 16) {
            return (elapsed, seen);
        }
        // Sixteen rounds of updates, and a timeout.
        let limit = seconds(16 * 35 + 180);
        assert!(elapsed < limit, "{rules:?}: it does not end: {seen:?}");
        net.run(Duration::from_millis(100));
    }
}

#[test]
fn it_ends_at_sixteen_and_the_rules_shorten_it() {
    // The poison from router 1 to router 3 is lost.
    let lost = [(2, seconds(20))];
    println!("| split horizon | triggered updates | nothing lost | poison lost on one leg |");
    println!("|---|---|---|---|");
    let mut all = Vec::new();
    for split_horizon in [
        SplitHorizon::Off,
        SplitHorizon::Simple,
        SplitHorizon::PoisonedReverse,
    ] {
        for triggered in [true, false] {
            let rules = Rules {
                split_horizon,
                triggered,
            };
            let mut longest = [Duration::ZERO; 2];
            let mut counted = Vec::new();
            for_each_seed(0..3, |seed| {
                let (clean, seen) = count(seed, rules, &[]);
                assert_eq!(seen.last(), Some(&16), "{seen:?}");
                let (lossy, seen) = count(seed, rules, &lost);
                assert_eq!(seen.last(), Some(&16), "{seen:?}");
                longest[0] = longest[0].max(clean);
                if lossy >= longest[1] {
                    longest[1] = lossy;
                    counted = seen;
                }
            });
            println!(
                "| {split_horizon:?} | {triggered} | {:.1} s | {:.1} s {counted:?} |",
                longest[0].as_secs_f64(),
                longest[1].as_secs_f64()
            );
            all.push((rules, longest));
        }
    }
    for (rules, [clean, _]) in &all {
        if rules.triggered {
            // The news is everywhere before a regular update.
            assert!(*clean < seconds(30), "{rules:?}: {clean:?}");
        }
    }
    // Where it counts, triggered updates make it a matter of seconds a step.
    let of = |wanted: bool| {
        let all = all.iter().filter(|(rules, _)| rules.triggered == wanted);
        all.map(|(_, [_, lossy])| *lossy).max().unwrap()
    };
    assert!(of(true) < of(false));
}

#[test]
fn the_next_hop_keeps_two_routers_from_counting() {
    // Without split horizon, router 1 hears of its own route from router 2, with itself as the next
    // hop, and ignores it.
    for_each_seed(0..4, |seed| {
        let mut net = Net::new(seed, 3, &fast());
        let off = |link: &mut InterfaceConfig<Ipv4>| link.split_horizon = SplitHorizon::Off;
        let tail = net.connect(0, 1, 1, LinkConfig::default(), off);
        net.connect(1, 2, 1, LinkConfig::default(), off);
        net.converge(seconds(15));
        net.set_up(tail, false, true);
        for _ in 0..200 {
            net.run(Duration::from_millis(50));
            assert!(
                [2, 16].contains(&net.metric(1, 0)),
                "a way through router 2"
            );
        }
        assert_eq!((net.metric(1, 0), net.metric(2, 0)), (16, 16));
    });
}
