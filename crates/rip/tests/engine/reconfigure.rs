//! Interfaces that are set up anew while they run: what they no longer take in or announce.

use packet_buffer::wire::Ipv4Prefix;
use rip::Ipv4;
use rip::config::*;
use rip::rib::RouteChange;

use crate::support::*;

const HEARD: [(&str, u8); 3] = [
    ("172.16.0.0/16", 1),
    ("192.168.1.0/24", 1),
    ("198.51.100.0/24", 4),
];

/// Deny what lies in these.
fn deny(networks: &[&str]) -> Filter<Ipv4> {
    let rule = |text: &&str| FilterRule::within(Action::Deny, text.parse().unwrap());
    Filter {
        rules: networks.iter().map(rule).collect(),
        otherwise: Action::Permit,
    }
}

fn link(address: &str, change: impl FnOnce(&mut InterfaceConfig<Ipv4>)) -> InterfaceConfig<Ipv4> {
    let mut link = InterfaceConfig::new(vec![v4(address)]);
    change(&mut link);
    link
}

fn set_up_one(bench: &mut Bench<Ipv4>, change: impl FnOnce(&mut InterfaceConfig<Ipv4>)) {
    let one = link("10.0.1.1/24", change);
    let now = bench.now;
    bench.engine.reconfigure_interface(now, ONE, one).unwrap();
}

fn set_up_two(bench: &mut Bench<Ipv4>, change: impl FnOnce(&mut InterfaceConfig<Ipv4>)) {
    let two = link("10.0.2.1/24", change);
    let now = bench.now;
    bench.engine.reconfigure_interface(now, TWO, two).unwrap();
}

/// Three routes of a neighbor on the first link, of which the second has heard.
fn learned(config: Config<Ipv4>) -> Bench<Ipv4> {
    let mut bench = two_links(config);
    bench.receive(ONE, "10.0.1.2", &response(&HEARD)).unwrap();
    bench.run(10);
    bench
}

/// The neighbor goes on telling its routes; what the second link hears of some of them meanwhile.
fn told_meanwhile(bench: &mut Bench<Ipv4>, seconds: u64, networks: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..seconds / 10 {
        bench.receive(ONE, "10.0.1.2", &response(&HEARD)).unwrap();
        let sent = bench.run(10);
        let is_meant = |route: &String| networks.iter().any(|it| route.starts_with(it));
        all.extend(told(&sent, TWO).into_iter().filter(is_meant));
    }
    all
}

// RFC 2453 §3.4.4: what becomes unreachable is told; the neighbors need not time it out.
#[test]
fn what_is_not_announced_any_more_is_told_as_unreachable_for_a_while() {
    let mut bench = learned(Config::default());
    set_up_two(&mut bench, |two| two.filter_out = deny(&["172.16.0.0/12"]));
    // At once, with all the rest.
    assert_eq!(
        told(&bench.run(1), TWO),
        [
            "10.0.1.0/24 1",
            "172.16.0.0/16 16",
            "192.168.1.0/24 2",
            "198.51.100.0/24 5"
        ]
    );
    // The router itself goes on using it.
    assert_eq!(bench.metric("172.16.0.0/16"), Some(2));
    // As long as a route that is gone: 120 seconds, with an update every 25 to 35.
    let meanwhile = told_meanwhile(&mut bench, 120, &["172.16.0.0"]);
    assert!((3..=4).contains(&meanwhile.len()), "{meanwhile:?}");
    assert!(meanwhile.iter().all(|it| it == "172.16.0.0/16 16"));
    let after = told_meanwhile(&mut bench, 200, &["172.16.0.0", "192.168.1.0"]);
    assert!(after.len() >= 5, "{after:?}");
    assert!(after.iter().all(|it| it == "192.168.1.0/24 2"), "{after:?}");
}

#[test]
fn what_is_announced_again_is_told_at_once() {
    let mut bench = learned(Config::default());
    set_up_two(&mut bench, |two| two.filter_out = deny(&["172.16.0.0/12"]));
    bench.run(10);
    set_up_two(&mut bench, |_| {});
    let sent = told(&bench.run(1), TWO);
    assert!(sent.contains(&"172.16.0.0/16 2".to_owned()), "{sent:?}");
    let meanwhile = told_meanwhile(&mut bench, 200, &["172.16.0.0"]);
    assert!(meanwhile.iter().all(|it| it == "172.16.0.0/16 2"));
}

#[test]
fn changes_add_up() {
    let mut bench = learned(Config::default());
    let networks = ["172.16.0.0", "192.168.1.0"];
    set_up_two(&mut bench, |two| two.filter_out = deny(&["172.16.0.0/12"]));
    bench.run(60);
    let both = ["172.16.0.0/12", "192.168.0.0/16"];
    set_up_two(&mut bench, |two| two.filter_out = deny(&both));
    let sent = told(&bench.run(1), TWO);
    assert!(sent.contains(&"172.16.0.0/16 16".to_owned()), "{sent:?}");
    assert!(sent.contains(&"192.168.1.0/24 16".to_owned()), "{sent:?}");
    // Half of the time is over for the first.
    told_meanwhile(&mut bench, 60, &networks);
    let meanwhile = told_meanwhile(&mut bench, 50, &networks);
    assert!(!meanwhile.is_empty());
    assert!(meanwhile.iter().all(|it| it == "192.168.1.0/24 16"));
    told_meanwhile(&mut bench, 20, &networks);
    assert_eq!(told_meanwhile(&mut bench, 100, &networks), [""; 0]);
    // However often it is done, it ends.
    for n in 0..50 {
        let network = format!("172.{n}.0.0/16");
        set_up_two(&mut bench, |two| two.filter_out = deny(&[&network]));
    }
    set_up_two(&mut bench, |two| two.filter_out = deny(&both));
    told_meanwhile(&mut bench, 130, &networks);
    assert_eq!(told_meanwhile(&mut bench, 100, &networks), [""; 0]);
}

#[test]
fn a_default_route_and_own_networks_that_are_not_announced_any_more() {
    let route = DefaultRoute { metric: 3, tag: 8 };
    let off = |two: &mut InterfaceConfig<Ipv4>| two.split_horizon = SplitHorizon::Off;
    let mut bench = two_links_with(
        Config::default(),
        |_| {},
        |two| {
            off(two);
            two.default_route = Some(route);
        },
    );
    set_up_two(&mut bench, |two| {
        off(two);
        two.announce_connected = false;
    });
    assert_eq!(
        told(&bench.run(1), TWO),
        ["0.0.0.0/0 16", "10.0.1.0/24 1", "10.0.2.0/24 16"]
    );
    // A default route that is learned meanwhile is the one that counts.
    bench
        .receive(ONE, "10.0.1.2", &response(&[("0.0.0.0/0", 5)]))
        .unwrap();
    let mut sent = told(&bench.run(40), TWO);
    sent.dedup();
    assert_eq!(sent, ["0.0.0.0/0 6", "10.0.1.0/24 1", "10.0.2.0/24 16"]);
}

#[test]
fn what_was_learned_and_may_not_be_any_more_is_withdrawn() {
    let mut bench = learned(Config::default());
    while bench.engine.poll_route_change().is_some() {}
    set_up_one(&mut bench, |one| one.filter_in = deny(&["192.168.0.0/16"]));
    assert_eq!(bench.metric("192.168.1.0/24"), Some(16));
    assert_eq!(bench.metric("172.16.0.0/16"), Some(2));
    let prefix: Ipv4Prefix = "192.168.1.0/24".parse().unwrap();
    assert_eq!(
        bench.engine.poll_route_change(),
        Some(RouteChange::Withdraw(prefix))
    );
    assert_eq!(bench.engine.poll_route_change(), None);
    assert_eq!(told(&bench.run(6), TWO), ["192.168.1.0/24 16"]);
    // The neighbor goes on telling it, in vain; after the garbage time it is gone.
    told_meanwhile(&mut bench, 130, &[]);
    assert_eq!(bench.metric("192.168.1.0/24"), None);
    assert_eq!(bench.metric("172.16.0.0/16"), Some(2));
    // Until it may be learned again.
    set_up_one(&mut bench, |_| {});
    told_meanwhile(&mut bench, 10, &[]);
    assert_eq!(bench.metric("192.168.1.0/24"), Some(2));
}

#[test]
fn another_way_takes_the_place_of_the_one_that_is_denied() {
    let mut bench = learned(Config {
        max_paths: 2,
        ..Config::default()
    });
    bench
        .receive(TWO, "10.0.2.2", &response(&[("192.168.1.0/24", 1)]))
        .unwrap();
    assert_eq!(bench.route("192.168.1.0/24").unwrap().next_hops.len(), 2);
    // The tag counts as well; and routes of other links are not meant.
    set_up_one(&mut bench, |one| {
        one.filter_in = deny(&["192.168.0.0/16"]);
    });
    let route = bench.route("192.168.1.0/24").unwrap();
    assert_eq!((route.metric, route.next_hops.len()), (2, 1));
    assert_eq!(route.next_hops.first().interface, Some(TWO));
    let other_tag = Filter {
        rules: vec![FilterRule {
            tag: Some(77),
            ..FilterRule::within(Action::Deny, "0.0.0.0/0".parse().unwrap())
        }],
        otherwise: Action::Permit,
    };
    set_up_one(&mut bench, |one| one.filter_in = other_tag);
    assert_eq!(bench.metric("172.16.0.0/16"), Some(2));
}
