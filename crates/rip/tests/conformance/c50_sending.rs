//! Checks 50 to 61: what is sent, when and to whom.

use crate::lab::{LEFT, Lab, OTHER, PEER, RIGHT, Sent, response, route, routes_of};
use core::time::Duration;
use packet_buffer::Instant;
use rip::Ipv4;
use rip::auth::{Authentication, Secret};
use rip::config::{SendVersion, SplitHorizon};
use rip::wire::{Command, RIP_GROUP};

const NET: &str = "10.0.0.0/8";

fn on(interface: rip::engine::InterfaceId, sent: &[Sent<Ipv4>]) -> Vec<&Sent<Ipv4>> {
    sent.iter()
        .filter(|sent| sent.to.interface == interface)
        .collect()
}

/// Prefixes of 10.0.0.0/8, all different.
fn many(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| format!("10.{}.{}.0/24", i / 256, i % 256))
        .collect()
}

fn learn(lab: &mut Lab<Ipv4>, prefixes: &[String], metric: u8) {
    for part in prefixes.chunks(25) {
        let entries: Vec<_> = part.iter().map(|prefix| route(prefix, metric)).collect();
        assert_eq!(lab.hear(&response(&entries)), Ok(()));
    }
}

/// Moments at which regular updates began on the right.
fn updates(sent: &[Sent<Ipv4>]) -> Vec<Instant> {
    on(RIGHT, sent).iter().map(|sent| sent.at).collect()
}

#[test]
fn check_050_every_30_s_with_up_to_5_s_of_jitter_and_no_drift() {
    let mut lab = Lab::v4();
    let begins = updates(&lab.seconds(30 * 60));
    let gaps: Vec<_> = begins.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((55..=65).contains(&gaps.len()), "{}", gaps.len());
    let (least, most) = (Duration::from_secs(25), Duration::from_secs(35));
    assert!(
        gaps.iter().all(|gap| (least..=most).contains(gap)),
        "{gaps:?}"
    );
    let different = gaps.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(different > 50, "the jitter is drawn anew each time");
    // A caller that comes late does not move the clock: the next update is when it would have been.
    let mut late = Lab::v4();
    let due = late.engine.poll_timeout().unwrap();
    late.now = due + Duration::from_secs(3);
    late.engine.handle_timeout(late.now);
    late.drain();
    let next = late.engine.poll_timeout().unwrap();
    assert!(next <= due + most, "{:?}", next - due);
}

#[test]
fn check_051_triggered_updates() {
    let mut lab = Lab::v4_with(|config, _| {
        // Far from any regular update.
        config.timers.update = Duration::from_secs(100);
    });
    learn(&mut lab, &many(3), 1);
    let first = lab.seconds(6);
    // The first change is told at once, and what comes behind it waits for 1 to 5 s.
    learn(&mut lab, &["11.0.0.0/8".to_owned()], 1);
    let begin = lab.now;
    let at_once = lab.drain();
    assert_eq!(routes_of(&at_once).len(), 1);
    learn(&mut lab, &["12.0.0.0/8".to_owned()], 1);
    learn(&mut lab, &["13.0.0.0/8".to_owned()], 1);
    assert!(lab.drain().is_empty());
    let held = lab.seconds(6);
    let expected = [("12.0.0.0/8".to_owned(), 2), ("13.0.0.0/8".to_owned(), 2)];
    assert_eq!(
        routes_of(&held),
        expected,
        "only what has changed, and together"
    );
    let waited = held[0].at - begin;
    assert!((1..=5).contains(&waited.as_secs()), "{waited:?}");
    // The flags are cleared: nothing more is told.
    assert!(routes_of(&lab.seconds(6)).is_empty());
    assert_eq!(routes_of(&first).len(), 3);
    // When a regular update is due within the hold, it takes the place of the triggered one.
    let mut lab = Lab::v4();
    let regular = lab.engine.poll_timeout().unwrap();
    lab.run(regular - lab.now - Duration::from_millis(500));
    learn(&mut lab, &["11.0.0.0/8".to_owned()], 1);
    lab.drain();
    learn(&mut lab, &["12.0.0.0/8".to_owned()], 1);
    let sent = lab.run(Duration::from_millis(20_000));
    let told = on(RIGHT, &sent)
        .iter()
        .filter(|sent| sent.metric("12.0.0.0/8").is_some())
        .count();
    assert_eq!(told, 1, "once, by the regular update");
}

#[test]
fn check_052_routes_that_are_deleted_trigger() {
    let mut lab = Lab::v4();
    learn(&mut lab, &[NET.to_owned()], 1);
    lab.seconds(6);
    let before = lab.engine.interface_stats(RIGHT).unwrap().triggered_updates;
    learn(&mut lab, &[NET.to_owned()], 16);
    let sent = lab.run(Duration::from_millis(5_001));
    assert!(routes_of(&sent).contains(&(NET.to_owned(), 16)));
    assert!(lab.engine.interface_stats(RIGHT).unwrap().triggered_updates > before);
}

#[test]
fn check_053_split_horizon_in_regular_and_triggered_updates() {
    let table = [
        (SplitHorizon::Simple, None),
        (SplitHorizon::PoisonedReverse, Some(16)),
        (SplitHorizon::Off, Some(2)),
    ];
    for (split_horizon, back) in table {
        let mut lab = Lab::v4_with(|_, link| link.split_horizon = split_horizon);
        learn(&mut lab, &[NET.to_owned()], 1);
        let triggered = lab.run(Duration::from_millis(5_001));
        let regular = lab.seconds(36);
        for sent in [&triggered, &regular] {
            let told = |interface| on(interface, sent).iter().find_map(|sent| sent.metric(NET));
            assert_eq!(told(LEFT), back, "{split_horizon:?}");
            assert_eq!(told(RIGHT), Some(2), "{split_horizon:?}");
        }
    }
}

#[test]
fn check_054_25_entries_and_24_with_a_password_which_stands_first() {
    let password = || Authentication::Password(Secret::new(b"s3cret"));
    for (authentication, most) in [(Authentication::None, 25), (password(), 24)] {
        let own = rip::rib::NextHop {
            interface: None,
            address: core::net::Ipv4Addr::UNSPECIFIED,
        };
        let mut lab = Lab::v4_with(|config, link| {
            link.switches.authentication = authentication.clone();
            config.redistribute = vec![rip::config::Redistribution::all(rip::rib::Source::Static)];
        });
        for prefix in many(60) {
            let route = rip::rib::LocalRoute {
                prefix: prefix.parse().unwrap(),
                source: rip::rib::Source::Static,
                distance: 1,
                metric: 1,
                tag: 0,
                next_hop: own,
            };
            lab.engine.add_route(lab.now, route).unwrap();
        }
        let sent = lab.seconds(40);
        let counts: Vec<_> = on(RIGHT, &sent)
            .iter()
            .map(|sent| sent.message().entry_count())
            .collect();
        assert!(counts.iter().all(|count| *count <= most), "{counts:?}");
        assert!(counts.contains(&most), "{counts:?}");
        for sent in &sent {
            assert!(sent.payload.len() <= 504);
            let message = sent.message();
            assert_eq!(message.check(25), Ok(()));
            assert_eq!(message.authentication().is_some(), most == 24);
        }
    }
}

#[test]
fn check_055_zero_where_zero_must_be() {
    for (send, version) in [
        (SendVersion::V1, 1),
        (SendVersion::V1Compatible, 2),
        (SendVersion::V2, 2),
    ] {
        let mut lab = Lab::v4_with(|_, link| link.switches.send = send);
        learn(&mut lab, &[NET.to_owned()], 1);
        let sent = lab.seconds(60);
        assert!(!sent.is_empty());
        for sent in &sent {
            let message = sent.message();
            assert_eq!((message.version(), message.must_be_zero()), (version, 0));
            assert!(version != 1 || message.entries().all(|entry| entry.is_clean_v1()));
        }
    }
}

#[test]
fn check_056_multicast_or_broadcast_with_ttl_1() {
    let broadcast = "192.0.2.255".parse().unwrap();
    let table = [
        (SendVersion::V1, broadcast),
        (SendVersion::V1Compatible, broadcast),
        (SendVersion::V2, RIP_GROUP),
    ];
    for (send, destination) in table {
        let mut lab = Lab::v4_with(|_, link| link.switches.send = send);
        let sent = lab.seconds(60);
        let left = on(LEFT, &sent);
        assert!(!left.is_empty());
        assert!(
            left.iter().all(|sent| sent.to.destination == destination),
            "{send:?}"
        );
        assert!(sent.iter().all(|sent| sent.to.hop_limit == 1));
    }
}

#[test]
fn check_057_from_port_520_to_port_520() {
    let mut lab = Lab::v4();
    let sent = lab.seconds(60);
    assert!(!sent.is_empty());
    assert!(
        sent.iter()
            .all(|sent| (sent.to.source_port, sent.to.destination_port) == (520, 520))
    );
    let own = [
        "192.0.2.1".parse().unwrap(),
        "198.51.100.1".parse().unwrap(),
    ];
    assert!(sent.iter().all(|sent| own.contains(&sent.to.source)));
}

#[test]
fn check_058_what_is_unreachable_is_told() {
    let mut lab = Lab::v4();
    learn(&mut lab, &[NET.to_owned()], 1);
    lab.seconds(10);
    learn(&mut lab, &[NET.to_owned()], 16);
    lab.seconds(6);
    let regular = lab.seconds(36);
    let told = on(RIGHT, &regular).iter().find_map(|sent| sent.metric(NET));
    assert_eq!(told, Some(16));
}

#[test]
fn check_059_a_next_hop_is_named_on_its_own_network_only() {
    let mut lab = Lab::v4_with(|_, link| link.split_horizon = SplitHorizon::Off);
    learn(&mut lab, &[NET.to_owned()], 1);
    let sent = lab.run(Duration::from_millis(5_001));
    let hop = |interface| {
        on(interface, &sent).iter().find_map(|sent| {
            let entries = sent.message().entries();
            let mut of = entries.filter(|entry| entry.address().octets()[0] == 10);
            of.next().map(|entry| entry.next_hop())
        })
    };
    assert_eq!(
        hop(LEFT),
        Some(PEER),
        "who hears it there may go to the neighbor itself"
    );
    assert_eq!(hop(RIGHT), Some([0, 0, 0, 0].into()));
}

#[test]
fn check_060_neighbors_by_unicast() {
    let mut lab = Lab::v4_with(|_, link| {
        link.passive = true;
        if link.addresses[0].address.octets()[0] == 192 {
            link.neighbors = vec![PEER, OTHER];
        }
    });
    let sent = lab.seconds(60);
    assert!(
        on(RIGHT, &sent).is_empty(),
        "passive, and without neighbors"
    );
    let to: alloc::collections::BTreeSet<_> = sent.iter().map(|sent| sent.to.destination).collect();
    assert_eq!(to.into_iter().collect::<Vec<_>>(), [PEER, OTHER]);
    assert!(sent.iter().any(|sent| sent.command() == Command::RESPONSE));
}

#[test]
fn check_061_at_the_end_everything_is_unreachable() {
    let mut lab = Lab::v4();
    learn(&mut lab, &[NET.to_owned()], 1);
    lab.seconds(10);
    lab.engine.shut_down(lab.now);
    let sent = lab.seconds(5);
    let right = on(RIGHT, &sent);
    assert!(right.iter().any(|sent| sent.metric(NET) == Some(16)));
    assert!(
        right
            .iter()
            .any(|sent| sent.metric("192.0.2.0/24") == Some(16))
    );
    assert!(routes_of(&sent).iter().all(|(_, metric)| *metric == 16));
    assert!(lab.engine.is_shut_down());
    assert!(lab.seconds(100).is_empty());
}
