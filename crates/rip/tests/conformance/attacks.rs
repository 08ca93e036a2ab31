//! Attacks: what each one gets, which bound holds it, and which counter tells.

use crate::lab::{
    LEFT, Lab, OTHER, PEER, RIGHT, RIGHT_PEER, message, raw, request, response, response6, route,
    route6,
};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, RandomSource as _};
use rip::auth::{
    Algorithm, AuthError, AuthOptions, Authentication, Authenticator, Key, KeyChain, Secret,
};
use rip::config::{Action, Filter, FilterRule, ReceiveVersion};
use rip::engine::{Discard, Event, Received};
use rip::wire::{Command, RipEntryRepr, RipMessageRepr};
use rip::{Family as _, Ipv4, Ipv6};
use testkit::SeededRandom;

const NET: &str = "10.0.0.0/8";

fn keys() -> Authentication {
    let key = Key::new(1, Algorithm::HmacSha256, Secret::new(b"only we know"));
    Authentication::Cryptographic(KeyChain::new([key]).unwrap())
}

fn authenticated() -> Lab<Ipv4> {
    Lab::v4_with(|_, link| link.switches.authentication = keys())
}

/// What somebody who has the key sends with this sequence number.
fn sealed(sequence: u32, entries: &[RipEntryRepr]) -> Vec<u8> {
    let mut sender = Authenticator::new(keys(), AuthOptions::default());
    let mut packet = PacketBuf::with_headroom(64);
    for entry in entries {
        packet.append_slice(&entry.octets());
    }
    let header = RipMessageRepr::new(Command::RESPONSE, 2);
    let now = Instant::from_secs(u64::from(sequence));
    sender.seal(now, &header, &mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// All counters of what was refused, by message.
fn refused(lab: &Lab<Ipv4>) -> u64 {
    let s = lab.stats();
    s.malformed
        + s.source_port
        + s.source_martian
        + s.source_own
        + s.source_off_link
        + s.hop_limit
        + s.version
        + s.must_be_zero
        + s.command
        + s.too_many_entries
        + s.authentication
        + s.replayed
        + s.empty_request
        + s.request_refused
        + s.request_limit
        + s.neighbor_limit
        + s.not_a_circuit
}

/// S1: octets of any kind, and near misses of good messages, are refused one by one, each in a counter.
#[test]
fn s01_parsers_do_not_read_beyond_what_there_is() {
    let mut random = SeededRandom::new(1);
    for mut lab in [Lab::v4(), authenticated()] {
        let good = [
            response(&[route(NET, 1)]),
            request(&[RipEntryRepr::WHOLE_TABLE]),
            sealed(5_000, &[route(NET, 1), route("11.0.0.0/8", 1)]),
        ];
        let mut handed_in = 0;
        for good in good {
            testkit::sweep(&good, |octets| {
                let _ = lab.hear(octets);
                handed_in += 1;
            });
        }
        for _ in 0..20_000 {
            let mut octets = vec![0; random.below(560) as usize];
            random.fill(&mut octets);
            if let [command, version, ..] = &mut octets[..] {
                *command %= 12;
                *version %= 4;
            }
            let _ = lab.hear(&octets);
            handed_in += 1;
            lab.run(Duration::from_millis(1));
        }
        let stats = lab.stats();
        assert_eq!(stats.received + refused(&lab), handed_in);
        assert!(stats.malformed > 1_000 && stats.version > 100, "{stats:?}");
        // Nothing grew beyond its bound.
        assert!(lab.engine.neighbors().count() <= 1);
        lab.seconds(1);
    }
}

/// S2: routes from a host that has no key; and where there are no keys, filters hold what they can.
#[test]
fn s02_routes_from_anybody_on_the_link() {
    let mut lab = authenticated();
    let forged = response(&[route("0.0.0.0/0", 1)]);
    let discard = lab.refuses(&Lab::<Ipv4>::datagram(&forged), |stats| {
        stats.authentication
    });
    assert_eq!(discard, Discard::Authentication(AuthError::Missing));

    let within = FilterRule::within(Action::Permit, NET.parse().unwrap());
    let only = Filter {
        rules: vec![within],
        otherwise: Action::Deny,
    };
    let mut lab = Lab::v4_with(|_, link| {
        link.filter_in = only.clone();
        // And from this link only: what has crossed a router has less.
        link.min_hop_limit = 255;
    });
    let remote = Received {
        hop_limit: Some(64),
        ..Lab::<Ipv4>::datagram(&forged)
    };
    lab.refuses(&remote, |stats| stats.hop_limit);
    let received = Received {
        hop_limit: Some(255),
        ..remote
    };
    assert_eq!(lab.input(&received), Ok(()));
    assert_eq!((lab.route("0.0.0.0/0"), lab.stats().filtered), (None, 1));
}

/// S3: a source of another interface's network does not get past the authentication of this one, nor
/// does it get onto the other.
#[test]
fn s03_the_interface_is_the_one_that_the_datagram_came_in_on() {
    let mut lab = authenticated();
    let mut open = lab.engine.stats().source_off_link;
    let forged = response(&[route(NET, 1)]);
    for (interface, source) in [(LEFT, RIGHT_PEER), (RIGHT, PEER)] {
        let received = Received {
            interface,
            source,
            ..Lab::<Ipv4>::datagram(&forged)
        };
        lab.refuses(&received, |stats| stats.source_off_link);
        open += 1;
    }
    assert_eq!(lab.stats().source_off_link, open);
}

mod s04_replays {
    use super::*;

    #[test]
    fn an_old_message_does_not_bring_back_a_route() {
        let mut lab = authenticated();
        let old = sealed(5_000, &[route(NET, 1)]);
        assert_eq!(lab.hear(&old), Ok(()));
        assert_eq!(lab.hear(&sealed(5_030, &[route(NET, 16)])), Ok(()));
        lab.refuses(&Lab::<Ipv4>::datagram(&old), |stats| stats.replayed);
        // Nor later, when the neighbor is gone, nor after a restart that knows the numbers.
        lab.seconds(400);
        assert_eq!(lab.engine.neighbors().count(), 0);
        lab.refuses(&Lab::<Ipv4>::datagram(&old), |stats| stats.replayed);
        let saved = lab.engine.sequence_state(LEFT).unwrap();
        let mut restarted = authenticated();
        assert!(restarted.engine.restore_sequence_state(LEFT, &saved));
        restarted.refuses(&Lab::<Ipv4>::datagram(&old), |stats| stats.replayed);
        assert_eq!(restarted.hear(&sealed(5_031, &[route(NET, 1)])), Ok(()));
    }

    #[test]
    fn a_restarted_router_is_not_locked_out_by_its_own_numbers() {
        // By the clock; without one, by the numbers that were saved.
        let mut neighbor = Authenticator::new(keys(), AuthOptions::default());
        let mut hears = |lab: &mut Lab<Ipv4>| {
            let sent = lab.seconds(60);
            let right = sent.iter().filter(|sent| sent.to.interface == RIGHT);
            let verdicts: Vec<_> = right
                .map(|sent| neighbor.verify(lab.now, RIGHT_PEER, &sent.message()))
                .collect();
            assert!(!verdicts.is_empty());
            verdicts.iter().all(Result::is_ok)
        };
        let with_clock = |unix_time_at_epoch| {
            Lab::v4_with(|_, link| {
                link.switches.authentication = keys();
                link.switches.auth_options.unix_time_at_epoch = unix_time_at_epoch;
            })
        };
        let mut lab = with_clock(1_700_000_000);
        lab.seconds(3_600);
        assert!(hears(&mut lab));
        let saved = lab.engine.sequence_state(RIGHT).unwrap();
        let mut restarted = with_clock(1_700_004_000);
        assert!(hears(&mut restarted));
        let mut without_clock = with_clock(0);
        assert!(without_clock.engine.restore_sequence_state(RIGHT, &saved));
        let state = restarted.engine.sequence_state(RIGHT).unwrap();
        assert!(without_clock.engine.restore_sequence_state(RIGHT, &state));
        assert!(hears(&mut without_clock));
        let mut forgetful = with_clock(0);
        assert!(
            !hears(&mut forgetful),
            "which is why the state is to be saved"
        );
    }

    #[test]
    fn a_number_near_the_end_does_not_lock_a_neighbor_out() {
        let jump = AuthOptions {
            max_jump: Some(7 * 86_400),
            ..AuthOptions::default()
        };
        let mut lab = Lab::v4_with(|_, link| {
            link.switches.authentication = keys();
            link.switches.auth_options = jump;
        });
        assert_eq!(lab.hear(&sealed(5_000, &[route(NET, 1)])), Ok(()));
        // Another holder of the key forges it in the neighbor's name.
        let poison = sealed(u32::MAX - 1, &[route(NET, 16)]);
        lab.refuses(&Lab::<Ipv4>::datagram(&poison), |stats| stats.replayed);
        assert_eq!(lab.hear(&sealed(5_030, &[route(NET, 1)])), Ok(()));
        assert_eq!(lab.metric(NET), Some(2));
    }
}

/// S5: answers are longer than requests. Only sources on the link get one, so many a second, to one
/// port if so set up, and none in version 1 unless it is switched on.
#[test]
fn s05_no_amplifier() {
    let mut lab = Lab::v4();
    for i in 0..200u32 {
        let entries = [route(&format!("10.{i}.0.0/16"), 1)];
        assert_eq!(lab.hear_from(RIGHT_PEER, &response(&entries)), Ok(()));
    }
    lab.seconds(10);
    let all = request(&[RipEntryRepr::WHOLE_TABLE]);
    let v1 = message(Command::REQUEST, 1, &[RipEntryRepr::WHOLE_TABLE]);
    let victim = Received {
        source: [203, 0, 113, 7].into(),
        ..Lab::<Ipv4>::datagram(&all)
    };
    lab.refuses(&victim, |stats| stats.source_off_link);
    lab.refuses(&Lab::<Ipv4>::datagram(&v1), |stats| stats.version);
    // On the link, a second of requests at full speed:
    let mut sent = Vec::new();
    for _ in 0..1_000 {
        let _ = lab.hear(&all);
        sent.extend(lab.run(Duration::from_millis(1)));
    }
    sent.retain(|sent| sent.to.destination == PEER);
    let octets: usize = sent.iter().map(|sent| sent.payload.len()).sum();
    // 200 messages a second, whatever is asked for.
    assert!(sent.len() <= 210, "{}", sent.len());
    assert!(octets <= 210 * 504, "{octets}");
    assert!(lab.stats().request_limit > 900);
}

/// S6: infinity in the name of the owner takes a route away where there is no authentication; with it,
/// only holders of the key can. The counters of the neighbor and of changes show the flapping.
#[test]
fn s06_poison_in_the_name_of_the_owner() {
    let poison = response(&[route(NET, 16)]);
    let mut lab = authenticated();
    assert_eq!(lab.hear(&sealed(5_000, &[route(NET, 1)])), Ok(()));
    lab.refuses(&Lab::<Ipv4>::datagram(&poison), |stats| {
        stats.authentication
    });
    assert_eq!(lab.metric(NET), Some(2));
    let failed = lab.events().into_iter().filter(
        |event| matches!(event, Event::AuthenticationFailed { source, .. } if *source == PEER),
    );
    assert_eq!(failed.count(), 1);

    let mut lab = Lab::v4();
    assert_eq!(lab.hear(&response(&[route(NET, 1)])), Ok(()));
    // Not from another address, and not from another link.
    assert_eq!(lab.hear_from(OTHER, &poison), Ok(()));
    assert_eq!(lab.metric(NET), Some(2));
    // A thousand changes make no more messages than the hold between triggered updates allows.
    lab.seconds(6);
    let before = lab.stats().route_changes;
    let mut sent = Vec::new();
    for i in 0..1_000 {
        let metric = if i % 2 == 0 { 16 } else { 1 };
        assert_eq!(lab.hear(&response(&[route(NET, metric)])), Ok(()));
        sent.extend(lab.run(Duration::from_millis(10)));
    }
    assert_eq!(lab.stats().route_changes - before, 1_000);
    let right = sent
        .iter()
        .filter(|sent| sent.to.interface == RIGHT)
        .count();
    assert!(right <= 12, "{right} messages in 10 s");
}

mod s07_floods_of_routes {
    use super::*;

    fn flood(lab: &mut Lab<Ipv4>, source: Ipv4Addr, first: u32, count: u32) {
        for part in 0..count / 25 {
            let entries: Vec<_> = (0..25)
                .map(|i| {
                    let number = first + part * 25 + i;
                    let address = Ipv4Addr::from_bits(0x0a00_0000 + number * 256);
                    raw(&address.to_string(), "255.255.255.0", 1)
                })
                .collect();
            assert_eq!(lab.hear_from(source, &response(&entries)), Ok(()));
        }
    }

    #[test]
    fn a_neighbor_has_as_many_routes_as_it_may() {
        let mut lab = Lab::v4_with(|config, _| config.max_routes_per_neighbor = 1_000);
        flood(&mut lab, PEER, 0, 5_000);
        let of_peer = lab.engine.neighbors().next().unwrap().routes;
        assert_eq!(of_peer, 1_000);
        assert_eq!(lab.stats().neighbor_routes, 4_000);
        let told = Event::NeighborRouteLimit {
            interface: LEFT,
            address: PEER,
        };
        let events = lab.events();
        assert_eq!(events.iter().filter(|event| **event == told).count(), 1);
        // Others are not held up, and what is there stays and is kept up.
        assert_eq!(
            lab.hear_from(OTHER, &response(&[route("11.0.0.0/8", 1)])),
            Ok(())
        );
        assert_eq!(lab.metric("11.0.0.0/8"), Some(2));
        flood(&mut lab, PEER, 0, 5_000);
        assert_eq!(lab.metric("10.0.0.0/24"), Some(2));
    }

    #[test]
    fn the_table_has_a_limit_and_the_routers_own_routes_are_in_it() {
        let mut lab = Lab::v4_with(|config, _| config.max_prefixes = 500);
        flood(&mut lab, PEER, 0, 5_000);
        assert_eq!(lab.engine.rib().len(), 500);
        assert_eq!(lab.stats().table_full, 5_000 - 498);
        let events = lab.events();
        assert_eq!(
            events
                .iter()
                .filter(|event| **event == Event::TableFull)
                .count(),
            1
        );
        assert_eq!(lab.metric("192.0.2.0/24"), Some(1));
        // It drains when the flood is over.
        lab.seconds(301);
        assert_eq!(lab.engine.rib().len(), 2);
        flood(&mut lab, OTHER, 9_000, 100);
        assert_eq!(lab.engine.rib().len(), 102);
    }

    #[test]
    fn a_large_table_leaves_in_no_burst() {
        let mut lab = Lab::v4();
        flood(&mut lab, PEER, 0, 10_000);
        let begin = lab.now;
        let sent = lab.seconds(10);
        let right: Vec<_> = sent
            .iter()
            .filter(|sent| sent.to.interface == RIGHT)
            .collect();
        assert!(right.len() >= 400);
        for window in right.windows(21) {
            let took = window[20].at - window[0].at;
            // 8 at once, and then 200 a second.
            assert!(took >= Duration::from_millis(60), "21 messages in {took:?}");
        }
        assert!(right[399].at - begin < Duration::from_secs(8));
    }
}

/// S8: senders that do not pass authentication become no neighbors; those that do are bounded.
#[test]
fn s08_floods_of_neighbors() {
    let address = |i: u32| Ipv4Addr::from_bits(0xc000_0200 + 2 + i % 250);
    let mut lab = authenticated();
    let forged = response(&[route(NET, 1)]);
    for i in 0..250 {
        assert!(lab.hear_from(address(i), &forged).is_err());
    }
    assert_eq!(lab.engine.neighbors().count(), 0);
    assert_eq!(lab.engine.sequence_state(LEFT).unwrap().received, []);
    // Nor do events grow: those for which there is no room are counted.
    assert!(lab.events().len() <= 64);

    let mut lab = Lab::v4_with(|config, _| config.max_neighbors = 8);
    for i in 0..250 {
        let prefix = format!("10.{i}.0.0/16");
        let taken = lab.hear_from(address(i), &response(&[route(&prefix, 1)]));
        assert_eq!(taken.is_ok(), i < 8, "{i}");
        if let Err(discard) = taken {
            assert_eq!(discard, Discard::NeighborLimit);
        }
    }
    assert_eq!(lab.engine.neighbors().count(), 8);
    assert_eq!(lab.stats().neighbor_limit, 242);
    // One without routes makes room.
    let withdraw = response(&[route("10.3.0.0/16", 16)]);
    assert_eq!(lab.hear_from(address(3), &withdraw), Ok(()));
    lab.seconds(130);
    assert_eq!(
        lab.hear_from(address(99), &response(&[route("10.99.0.0/16", 1)])),
        Ok(())
    );
    assert_eq!(lab.engine.neighbors().count(), 8);
}

/// S9: next hops that are no routers of this link, and this router itself, lead nowhere.
#[test]
fn s09_next_hops_that_loop() {
    let mut lab = Lab::v4();
    let via = |hop: &str| route(NET, 1).with_next_hop(hop.parse().unwrap());
    assert_eq!(lab.hear(&response(&[via("192.0.2.1")])), Ok(()));
    assert_eq!((lab.route(NET), lab.stats().entry_next_hop_self), (None, 1));
    for hop in ["192.0.2.255", "192.0.2.0", "127.0.0.1", "224.0.0.9"] {
        assert_eq!(lab.hear(&response(&[via(hop)])), Ok(()));
    }
    assert_eq!((lab.route(NET), lab.stats().entry_next_hop), (None, 4));
    assert_eq!(lab.hear(&response(&[via("203.0.113.1")])), Ok(()));
    assert_eq!(
        (lab.next_hop(NET), lab.stats().next_hop_off_link),
        (Some(PEER), 1)
    );
    let mut lab = Lab::v6();
    let own: Ipv6Addr = "fe80::1".parse().unwrap();
    let entries = [
        rip::wire::RipngEntryRepr::next_hop(own),
        route6("2001:db8:a::/48", 1),
    ];
    assert_eq!(lab.hear(&response6(&entries)), Ok(()));
    assert_eq!(
        (
            lab.route("2001:db8:a::/48"),
            lab.stats().entry_next_hop_self
        ),
        (None, 1)
    );
}

/// S10: secrets are in no log, and comparisons are of constant time (`subtle`).
#[test]
fn s10_secrets_stay_secret() {
    let lab = authenticated();
    let mut shown = format!("{:?}", lab.engine.sequence_state(LEFT));
    shown += &format!("{:?} {:?}", keys(), AuthError::Digest);
    let mut lab = lab;
    let forged = response(&[route(NET, 1)]);
    shown += &format!("{:?} {:?}", lab.hear(&forged), lab.events());
    assert!(!shown.contains("only we know"));
    assert!(
        !shown.contains(
            &format!("{:?}", b"only we know")
                .trim_matches(['[', ']'])
                .to_owned()
        )
    );
}

/// S11: when the next update comes cannot be told from those before.
#[test]
fn s11_the_jitter_cannot_be_guessed() {
    let mut lab = Lab::v4();
    let sent = lab.seconds(3_600);
    let begins: Vec<_> = sent
        .iter()
        .filter(|sent| sent.to.interface == RIGHT)
        .map(|sent| sent.at)
        .collect();
    let gaps: Vec<_> = begins
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_millis())
        .collect();
    assert!(gaps.len() > 100);
    // From 25 to 35 s in steps far below a second; all tenths of the range come up.
    let mut tenths = [0; 10];
    for gap in &gaps {
        tenths[((gap - 25_000) / 1_001) as usize] += 1;
    }
    assert!(tenths.iter().all(|count| *count > 0), "{tenths:?}");
    let mut sorted = gaps.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert!(sorted.len() * 10 > gaps.len() * 9, "hardly any comes twice");
}

/// Each kind of bad input that there is, in one counter each; and the table is as it was.
#[test]
fn bad_input_leaves_the_table_unharmed() {
    let mut lab = Lab::v4_with(|_, link| link.switches.receive = ReceiveVersion::Both);
    assert_eq!(lab.hear(&response(&[route(NET, 1)])), Ok(()));
    let (before, _) = lab.state();
    let good = response(&[route("11.0.0.0/8", 1)]);
    let with = |received: Received<'_, Ipv4>, lab: &mut Lab<Ipv4>| {
        assert!(lab.input(&received).is_err());
    };
    let datagram = Lab::<Ipv4>::datagram;
    let oversized = response(&[route("11.0.0.0/8", 1); 100]);
    let cut = &good[..20];
    let mut unclean = crate::lab::response_v1("11.0.0.0", 1);
    unclean[2] = 1;
    with(datagram(cut), &mut lab);
    with(datagram(&oversized), &mut lab);
    with(datagram(&unclean), &mut lab);
    with(
        Received {
            source_port: 521,
            ..datagram(&good)
        },
        &mut lab,
    );
    with(
        Received {
            source: [203, 0, 113, 9].into(),
            ..datagram(&good)
        },
        &mut lab,
    );
    with(
        Received {
            source: Ipv4Addr::LOCALHOST,
            ..datagram(&good)
        },
        &mut lab,
    );
    let stats = lab.stats();
    let counted = [
        stats.malformed,
        stats.too_many_entries,
        stats.must_be_zero,
        stats.source_port,
        stats.source_off_link,
        stats.source_martian,
    ];
    assert_eq!(counted, [1; 6]);
    let entries = [
        raw("11.0.0.0", "255.0.0.0", 0),
        raw("11.0.0.0", "255.0.0.0", 17),
        raw("127.0.0.0", "255.0.0.0", 1),
        raw("0.1.0.0", "255.255.0.0", 1),
        raw("224.0.0.0", "240.0.0.0", 1),
        raw("11.0.0.0", "255.0.255.0", 1),
        RipEntryRepr {
            address_family: 7,
            ..route("11.0.0.0/8", 1)
        },
    ];
    assert_eq!(lab.hear(&response(&entries)), Ok(()));
    assert_eq!(lab.state().0, before);
    let stats = lab.stats();
    let counted = [
        stats.entry_metric,
        stats.entry_martian,
        stats.entry_mask,
        stats.entry_family,
    ];
    assert_eq!(counted, [2, 3, 1, 1]);
    assert_eq!(lab.engine.interface_stats(LEFT).unwrap().bad_routes, 7);
    assert_eq!(lab.engine.interface_stats(LEFT).unwrap().bad_messages, 6);
    // RIPng has the same counters.
    let mut lab = Lab::v6();
    let good = response6(&[route6("2001:db8:a::/48", 1)]);
    let received = Received {
        destination: Ipv6::GROUP,
        ..Lab::<Ipv6>::datagram(&good[..23])
    };
    lab.refuses(&received, |stats| stats.malformed);
}
