//! Properties: the contract, determinism, the table against a model, the forwarding table against
//! the table, and that nothing panics.

use std::collections::BTreeMap;

use core::time::Duration;

use packet_buffer::wire::Ipv4Prefix;
use packet_buffer::{Instant, RandomSource as _};
use proptest::prelude::*;
use rip::config::*;
use rip::engine::*;
use rip::rib::{NextHop, *};
use rip::wire::*;
use rip::{Ipv4, Ipv6};
use testkit::{ContractChecker, SeededRandom};

use crate::support::*;

fn prefix(n: u8) -> Ipv4Prefix {
    let length = [8, 16, 24, 24, 32][usize::from(n) % 5];
    Ipv4Prefix::new(core::net::Ipv4Addr::new(20 + n % 7, n % 3, n, 1), length).unwrap()
}

/// What is done to a router.
#[derive(Debug, Clone)]
enum Do {
    Hear { host: u8, routes: Vec<(u8, u8)> },
    Wait(u16),
    Link(bool),
    Local(u8, bool),
    Request(u16),
    Garbage(Vec<u8>),
}

fn something() -> impl Strategy<Value = Do> {
    prop_oneof![
        6 => (2..6u8, prop::collection::vec((any::<u8>(), 0..=17u8), 0..8))
            .prop_map(|(host, routes)| Do::Hear { host, routes }),
        3 => (0..400u16).prop_map(Do::Wait),
        1 => any::<bool>().prop_map(Do::Link),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(n, add)| Do::Local(n, add)),
        1 => any::<u16>().prop_map(Do::Request),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Do::Garbage),
    ]
}

fn frame(source: &str, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Ipv4::write(source.parse().unwrap(), &mut frame);
    frame.extend(port.to_be_bytes());
    Ipv4::write("224.0.0.9".parse().unwrap(), &mut frame);
    frame.extend(520u16.to_be_bytes());
    frame.push(1);
    frame.extend(payload);
    frame
}

fn config(paths: u8) -> Config<Ipv4> {
    Config {
        max_paths: paths,
        max_prefixes: 60,
        max_neighbors: 3,
        max_routes_per_neighbor: 30,
        switch_at_half_timeout: false,
        redistribute: vec![Redistribution::all(Source::Static)],
        ..Config::default()
    }
}

fn router(paths: u8) -> Router<Ipv4> {
    let mut router = Router::new(config(paths), SeededRandom::new(1));
    for (id, text) in [(1, "10.0.1.1/24"), (2, "10.0.2.1/24")] {
        let mut link = InterfaceConfig::new(vec![v4(text)]);
        link.pacing.burst = 1;
        link.split_horizon = SplitHorizon::PoisonedReverse;
        let now = Instant::ZERO;
        router
            .engine
            .add_interface(now, InterfaceId(id), link)
            .unwrap();
    }
    router
}

fn local(n: u8) -> LocalRoute<Ipv4> {
    LocalRoute {
        prefix: prefix(n),
        source: Source::Static,
        distance: if n.is_multiple_of(2) { 1 } else { 200 },
        metric: 1 + n % 15,
        tag: 0,
        next_hop: NextHop {
            interface: None,
            address: core::net::Ipv4Addr::UNSPECIFIED,
        },
    }
}

/// Does all of it under the eyes of the contract; a trace of what came out.
fn drive(paths: u8, actions: &[Do], seed: u64) -> String {
    use core::fmt::Write as _;
    let mut checker = ContractChecker::new("router", router(paths), SeededRandom::new(seed));
    let mut now = Instant::from_secs(1);
    let mut trace = String::new();
    for action in actions {
        match action {
            Do::Hear { host, routes } => {
                let entries = routes
                    .iter()
                    .map(|(n, metric)| RipEntryRepr::route(prefix(*n), 1).with_metric(*metric));
                let payload = message(Command::RESPONSE, 2, entries);
                let frame = frame(&format!("10.0.1.{host}"), 520, &payload);
                let _ = checker.handle_input(now, 1, &frame);
            }
            Do::Wait(seconds) => {
                let until = now + Duration::from_secs(u64::from(*seconds));
                while let Some(next) = checker.poll_timeout().filter(|next| *next <= until) {
                    now = next;
                    checker.handle_timeout(now);
                    checker.settle(now, |port, frame| {
                        writeln!(trace, "{now} {port} {}", hex::encode(frame)).unwrap();
                    });
                }
                now = until;
                checker.handle_timeout(now);
            }
            Do::Link(up) => {
                checker.node_mut().engine.set_link_up(now, ONE, *up);
            }
            Do::Local(n, true) => {
                let _ = checker.node_mut().engine.add_route(now, local(*n));
            }
            Do::Local(n, false) => {
                checker
                    .node_mut()
                    .engine
                    .remove_route(now, Source::Static, prefix(*n));
            }
            Do::Request(port) => {
                let payload = message(Command::REQUEST, 2, [RipEntryRepr::WHOLE_TABLE]);
                let _ = checker.handle_input(now, 2, &frame("10.0.2.9", *port, &payload));
            }
            Do::Garbage(octets) => {
                let _ = checker.handle_input(now, 1, &frame("10.0.1.2", 520, octets));
            }
        }
        checker.settle(now, |port, frame| {
            writeln!(trace, "{now} {port} {}", hex::encode(frame)).unwrap();
        });
        let router = checker.node_mut();
        if seed.is_multiple_of(2) || matches!(action, Do::Wait(_)) {
            router.forward();
            // The forwarding table is what is reachable in the table.
            let reachable: BTreeMap<_, _> = router
                .engine
                .rib()
                .routes()
                .filter(|route| route.metric < 16)
                .map(|route| (route.prefix, route))
                .collect();
            assert_eq!(router.forwarding, reachable);
        }
        assert!(router.engine.rib().len() <= 60);
        let on_one = router.engine.neighbors().filter(|n| n.interface == ONE);
        assert!(on_one.count() <= 3);
        assert!(router.engine.neighbors().all(|n| n.routes <= 30));
        for route in router.engine.rib().routes() {
            assert!((1..=16).contains(&route.metric));
            assert!(route.next_hops.len() <= usize::from(paths));
        }
    }
    trace
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_contract_the_limits_and_the_forwarding_table(
        actions in prop::collection::vec(something(), 0..60),
        paths in 1..4u8,
        seed: u64,
    ) {
        let once = drive(paths, &actions, seed);
        prop_assert_eq!(once, drive(paths, &actions, seed), "the same inputs give the same octets");
    }

    #[test]
    fn the_table_agrees_with_a_model(
        steps in prop::collection::vec(
            (2..5u8, prop::collection::vec((any::<u8>(), 1..=16u8), 1..6), 0..100u64),
            1..60,
        ),
    ) {
        // One route a prefix, by the words of RFC 2453 §3.9.2.
        struct Model { metric: u8, from: u8, deadline: u64 }
        let mut model: BTreeMap<Ipv4Prefix, Model> = BTreeMap::new();
        let mut bench = Bench::new(Config { switch_at_half_timeout: false, ..Config::default() });
        bench.interface(ONE, InterfaceConfig::new(vec![v4("10.0.1.1/24")]));
        let start = bench.now;
        let mut seconds = 0;
        for (host, routes, wait) in steps {
            let entries = routes.iter().map(|(n, metric)| RipEntryRepr::route(prefix(*n), *metric));
            let payload = message(Command::RESPONSE, 2, entries);
            bench.receive(ONE, &format!("10.0.1.{host}"), &payload).unwrap();
            for (n, metric) in routes {
                let metric = (metric + 1).min(16);
                let dead = |deadline| Model { metric: 16, from: host, deadline };
                match model.get_mut(&prefix(n)) {
                    None if metric < 16 => {
                        let deadline = seconds + 180;
                        model.insert(prefix(n), Model { metric, from: host, deadline });
                    }
                    Some(known) if known.from == host && metric == 16 && known.metric < 16 => {
                        *known = dead(seconds + 120);
                    }
                    Some(known) if metric < 16 && (known.from == host || metric < known.metric) => {
                        *known = Model { metric, from: host, deadline: seconds + 180 };
                    }
                    _ => {}
                }
            }
            bench.run(wait);
            seconds += wait;
            let now = seconds;
            model.retain(|_, known| {
                if known.metric < 16 && known.deadline <= now {
                    *known = Model { metric: 16, from: known.from, deadline: known.deadline + 120 };
                }
                known.metric < 16 || known.deadline > now
            });
            let table: Vec<_> = bench.engine.rib().routes()
                .filter(|route| route.source == Source::Rip)
                .map(|route| (route.prefix, route.metric, route.next_hops.first().address.octets()[3]))
                .collect();
            let expected: Vec<_> = model.iter()
                .map(|(prefix, known)| (*prefix, known.metric, known.from))
                .collect();
            prop_assert_eq!(table, expected, "{} s after the start", bench.now.as_secs() - start.as_secs());
            for probe in 0..8 {
                let address = core::net::Ipv4Addr::new(20 + probe, 1, probe * 3, 1);
                let longest = model.iter()
                    .filter(|(prefix, known)| prefix.contains(address) && known.metric < 16)
                    .max_by_key(|(prefix, _)| prefix.length())
                    .map(|(prefix, _)| *prefix);
                let found = bench.engine.rib().lookup(address).map(|route| route.prefix);
                prop_assert_eq!(found, longest);
            }
        }
    }
}

#[test]
fn nothing_near_a_good_message_panics() {
    let mut bench = two_links(Config::default());
    let good = [
        message(Command::REQUEST, 2, [RipEntryRepr::WHOLE_TABLE]),
        message(Command::REQUEST, 1, [RipEntryRepr::WHOLE_TABLE]),
        response(&[
            ("192.168.1.0/24", 3),
            ("0.0.0.0/0", 1),
            ("10.0.1.255/32", 2),
        ]),
        vec![11, 2, 0, 0, 1, 0, 0, 1],
        vec![9, 2, 0, 0, 1, 0, 0, 0],
    ];
    let mut variants = 0;
    for octets in good {
        variants += testkit::sweep(&octets, |variant| {
            let _ = bench.receive(ONE, "10.0.1.2", variant);
            bench.now += Duration::from_millis(200);
            bench.engine.handle_timeout(bench.now);
            bench.sent();
        });
    }
    let mut ng = Bench::<Ipv6>::new(Config::default());
    ng.interface(ONE, InterfaceConfig::new(vec![v6("fe80::1/64")]));
    let octets = message_ng(
        Command::RESPONSE,
        [
            RipngEntryRepr::next_hop("fe80::9".parse().unwrap()),
            RipngEntryRepr::route("2001:db8::/32".parse().unwrap(), 2),
        ],
    );
    variants += testkit::sweep(&octets, |variant| {
        let _ = ng.receive(ONE, "fe80::2", variant);
        ng.sent();
    });
    assert!(variants > 700, "{variants}");
}

#[test]
fn random_octets_change_nothing() {
    let mut bench = two_links(Config::default());
    let mut random = SeededRandom::new(3);
    let before: Vec<_> = bench.engine.rib().routes().collect();
    for _ in 0..20_000 {
        let mut octets = vec![0; random.between(0, 120)];
        random.fill(&mut octets);
        let _ = bench.receive(ONE, "10.0.1.2", &octets);
    }
    assert_eq!(before, bench.engine.rib().routes().collect::<Vec<_>>());
    // A few were requests, and were answered.
    let peer = core::net::Ipv4Addr::new(10, 0, 1, 2);
    assert!(bench.sent().iter().all(|sent| sent.to.destination == peer));
}
