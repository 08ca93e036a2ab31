//! N1 to N7: mappings, pools, ports, timers (RFC 4787 §4, RFC 5382 §4.1, RFC 6888 §3).

use crate::support::*;
use core::time::Duration;
use nat::{Action, Mapping, Matching, Pool, Pooling, PortClasses, Profile, Reserved, Rule};
use packet_buffer::wire::IpProtocol;
use std::collections::{HashMap, HashSet};

// RFC 4787 §4.1 MUST (req-1): one outside endpoint for all destinations.
#[test]
fn n1_udp_mappings_are_endpoint_independent() {
    let mut nat = simple(Profile::Rfc);
    let inside = end(A, 40_000);
    let first = map(&mut nat, at(0), inside, end(SERVER, 53));
    assert_eq!(map(&mut nat, at(0), inside, end(SERVER, 54)), first);
    assert_eq!(map(&mut nat, at(0), inside, end(OTHER, 53)), first);
    assert_ne!(map(&mut nat, at(0), end(A, 40_002), end(SERVER, 53)), first);
    assert_ne!(map(&mut nat, at(0), end(B, 40_000), end(SERVER, 53)), first);
    assert_eq!((nat.session_count(), nat.mapping_count()), (5, 3));
}

// RFC 5382 §4.1 MUST (req-1): for TCP too.
#[test]
fn n1_tcp_mappings_are_endpoint_independent() {
    let mut nat = simple(Profile::Rfc);
    let inside = end(A, 40_000);
    let mut syn = |to| pass(&mut nat, at(0), Inside, tcp(inside, to, "S", 1, 0)).from;
    let first = syn(end(SERVER, 80));
    assert_eq!(syn(end(SERVER, 443)), first);
    assert_eq!(syn(end(OTHER, 80)), first);
}

// RFC 5508 §3.1 SHOULD (req-1-a): mappings of ICMP queries do not depend on the outside host.
#[test]
fn n1_icmp_query_mappings_are_endpoint_independent() {
    let mut nat = simple(Profile::Rfc);
    let first = pass(&mut nat, at(0), Inside, echo(A, SERVER, 7)).from;
    assert_eq!(pass(&mut nat, at(0), Inside, echo(A, OTHER, 7)).from, first);
    assert_ne!(pass(&mut nat, at(0), Inside, echo(B, OTHER, 7)).from, first);
}

/// How many outside ports three destinations give: the same address and port, the address with
/// another port, another address.
fn ports_by_mapping(mapping: Mapping) -> (bool, bool) {
    let mut config = config(Profile::Rfc);
    napt(&mut config).mapping = mapping;
    let mut nat = nat(config);
    let inside = end(A, 40_000);
    let first = map(&mut nat, at(0), inside, end(SERVER, 53));
    let other_port = map(&mut nat, at(0), inside, end(SERVER, 54));
    let other_address = map(&mut nat, at(0), inside, end(OTHER, 53));
    // Answers find their way in each case.
    for (outside, server) in [
        (first, end(SERVER, 53)),
        (other_port, end(SERVER, 54)),
        (other_address, end(OTHER, 53)),
    ] {
        let back = pass(&mut nat, at(1), Outside, udp(server, outside));
        assert_eq!(back.to, inside);
    }
    (other_port == first, other_address == first)
}

#[test]
fn mapping_behavior_is_a_choice() {
    assert_eq!(ports_by_mapping(Mapping::EndpointIndependent), (true, true));
    assert_eq!(ports_by_mapping(Mapping::AddressDependent), (true, false));
    let (same_port, same_address) = ports_by_mapping(Mapping::AddressAndPortDependent);
    assert!(!same_port && !same_address);
}

fn pool_of(addresses: &[[u8; 4]], pooling: Pooling) -> nat::NatConfig {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 10_000;
    config.limits.max_subscribers = 10_000;
    config.pools = vec![Pool {
        addresses: addresses
            .iter()
            .map(|&address| address.into()..=address.into())
            .collect(),
        ports: 1..=u16::MAX,
        pooling,
    }];
    config
}

// RFC 4787 §4.1 RECOMMENDED (req-2): all mappings of an inside address have one outside address.
// RFC 6888 §3 MUST (req-2): by default.
// RFC 7857 §4 SHOULD: address pooling is paired.
#[test]
fn n2_pools_are_paired_by_default() {
    assert_eq!(Pool::of(EXTERNAL).pooling, Pooling::Paired);
    assert_eq!(Pooling::default(), Pooling::Paired);
    let addresses = [[203, 0, 113, 1], [203, 0, 113, 7], [203, 0, 113, 9]];
    let mut nat = nat(pool_of(&addresses, Pooling::Paired));
    let mut used = HashSet::new();
    for host in 1..=60 {
        let host = core::net::Ipv4Addr::new(10, 0, 1, host);
        let mut of_host = HashSet::new();
        for port in 0..10 {
            of_host.insert(*map(&mut nat, at(0), end(host, 5_000 + port), end(SERVER, 53)).ip());
            let tcp = tcp(end(host, 5_000 + port), end(SERVER, 80), "S", 1, 0);
            of_host.insert(*pass(&mut nat, at(0), Inside, tcp).from.ip());
        }
        assert_eq!(of_host.len(), 1, "{host}");
        used.extend(of_host);
    }
    assert_eq!(used.len(), 3, "the load is spread");
    // The pairing ends with the last session.
    run_until(&mut nat, at(1_000));
    assert_eq!((nat.session_count(), nat.subscriber_count()), (0, 0));
}

// RFC 6888 §3 MUST (req-3): ranges need not touch.
// RFC 6888 §3 SHOULD NOT (req-3-size): nor is their size limited, up to 65,534 addresses.
#[test]
fn n2_pools_need_not_be_contiguous() {
    let mut config = pool_of(&[[203, 0, 113, 1]], Pooling::Arbitrary);
    config.pools[0]
        .addresses
        .push([192, 0, 2, 8].into()..=[192, 0, 2, 9].into());
    config
        .pools
        .push(Pool::of_prefix("100.64.0.0/17".parse().unwrap()));
    let mut nat = nat(config);
    let mut used = HashSet::new();
    for port in 0..100 {
        used.insert(*map(&mut nat, at(0), end(A, 5_000 + port), end(SERVER, 53)).ip());
    }
    let expected: HashSet<core::net::Ipv4Addr> = [
        [203, 0, 113, 1].into(),
        [192, 0, 2, 8].into(),
        [192, 0, 2, 9].into(),
    ]
    .into();
    assert_eq!(used, expected);
}

// RFC 4787 §4.2.1 MUST NOT (req-3): no two inside endpoints have one outside endpoint.
// RFC 5382 §7.1 MUST NOT (req-7): nor for TCP.
#[test]
fn n3_ports_are_not_overloaded() {
    let mut config = config(Profile::Rfc);
    config.pools[0].ports = 2_000..=2_039;
    let mut nat = nat(config);
    let (mut of_udp, mut of_tcp) = (HashSet::new(), HashSet::new());
    for n in 0..40u8 {
        let inside = end([10, 0, 1, n].into(), 5_000);
        let server = end([198, 51, 100, n].into(), 53);
        assert!(of_udp.insert(map(&mut nat, at(0), inside, server)));
        let syn = tcp(inside, server, "S", 1, 0);
        assert!(of_tcp.insert(pass(&mut nat, at(0), Inside, syn).from));
    }
    // All are in use, and another destination is no reason to use one twice.
    let more = udp(end([10, 0, 2, 1].into(), 5_000), end(OTHER, 99));
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, more),
        nat::DropReason::NoPort
    );
}

// RFC 4787 §4.2.1 RECOMMENDED (req-3-a): ports below 1024 stay there, and others above.
#[test]
fn n3_port_classes_are_kept() {
    let mut nat = simple(Profile::Rfc);
    for n in 0..20 {
        let low = map(&mut nat, at(0), end(A, 1 + 50 * n), end(SERVER, 53));
        assert!(low.port() < 1_024, "{low}");
        let high = map(&mut nat, at(0), end(A, 1_024 + 3_000 * n), end(SERVER, 53));
        assert!(high.port() >= 1_024, "{high}");
    }
    assert_eq!(PortClasses::Linux.range(511), 1..=511);
    assert_eq!(PortClasses::Linux.range(512), 600..=1_023);
    assert_eq!(PortClasses::Linux.range(1_024), 1_024..=65_535);
    assert_eq!(PortClasses::Any.range(7), 0..=65_535);
}

// RFC 4787 §4.2.2 RECOMMENDED (req-4): even stays even and odd stays odd.
// RFC 7857 §9 MAY: parity can be turned off.
#[test]
fn n4_port_parity_is_kept() {
    let mut nat = simple(Profile::Rfc);
    for port in 5_000..5_060 {
        let outside = map(&mut nat, at(0), end(A, port), end(SERVER, 53));
        assert_eq!(outside.port() % 2, port % 2);
    }
    // Without, both come up.
    let mut config = config(Profile::Rfc);
    napt(&mut config).ports.parity = false;
    let mut nat = crate::support::nat(config);
    let parities: HashSet<u16> = (0..40)
        .map(|n| map(&mut nat, at(0), end(A, 5_000 + 2 * n), end(SERVER, 53)).port() % 2)
        .collect();
    assert_eq!(parities.len(), 2);
}

#[test]
fn n4_pairs_of_ports_stay_pairs_where_asked_for() {
    let mut config = config(Profile::Rfc);
    napt(&mut config).ports.contiguity = true;
    let mut nat = nat(config);
    for n in 0..10 {
        let even = map(&mut nat, at(0), end(A, 5_000 + 2 * n), end(SERVER, 53));
        let odd = map(&mut nat, at(0), end(A, 5_001 + 2 * n), end(SERVER, 53));
        assert_eq!(odd.port(), even.port() + 1);
    }
}

#[test]
fn n4_ports_are_preserved_where_asked_for() {
    let mut config = config(Profile::Rfc);
    napt(&mut config).ports.preserve = true;
    let mut nat = nat(config);
    assert_eq!(
        map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53)).port(),
        5_000
    );
    assert_ne!(
        map(&mut nat, at(0), end(B, 5_000), end(SERVER, 53)).port(),
        5_000
    );
}

// RFC 4787 §4.3 MUST NOT (req-5): no mapping of UDP ends within two minutes.
// RFC 4787 §4.3 RECOMMENDED (req-5-c): five minutes are the default.
// RFC 4787 §4.3 MAY (req-5-b): the timer can be set.
#[test]
fn n5_udp_mappings_last_five_minutes() {
    let mut nat = simple(Profile::Rfc);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    run_until(&mut nat, at(299));
    pass(&mut nat, at(299), Outside, udp(end(SERVER, 53), outside));
    let mut nat = simple(Profile::Rfc);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    run_until(&mut nat, at(302));
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
    drop_of(&mut nat, at(302), Outside, udp(end(SERVER, 53), outside));

    let mut config = config(Profile::Rfc);
    config.timers.udp = Duration::from_secs(1_000);
    let mut nat = crate::support::nat(config);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    run_until(&mut nat, at(999));
    assert_eq!(nat.session_count(), 1);
}

// RFC 4787 §4.3 MUST (req-6): packets from inside put the end off.
// RFC 4787 §4.3 MAY (req-6-b): packets from outside do too, unless that is turned off.
#[test]
fn n6_refresh_directions() {
    for inbound_refresh in [true, false] {
        let mut config = config(Profile::Rfc);
        config.inbound_refresh = inbound_refresh;
        let mut nat = nat(config);
        let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
        let expires = |nat: &nat::Nat| nat.sessions().next().unwrap().expires;
        assert_eq!(expires(&nat), at(300));
        map(&mut nat, at(100), end(A, 5_000), end(SERVER, 53));
        assert_eq!(expires(&nat), at(400));
        pass(&mut nat, at(200), Outside, udp(end(SERVER, 53), outside));
        assert_eq!(expires(&nat), at(if inbound_refresh { 500 } else { 400 }));
    }
}

// RFC 7857 §7 SHOULD NOT: whom the inside has never sent to cannot keep a mapping open.
#[test]
fn n6_strangers_do_not_keep_a_mapping_open() {
    let mut nat = simple(Profile::Rfc);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    // Filtering is endpoint-independent: strangers come in, as long as the inside's own session
    // lives.
    pass(&mut nat, at(200), Outside, udp(end(OTHER, 1), outside));
    pass(&mut nat, at(299), Outside, udp(end(OTHER, 1), outside));
    run_until(&mut nat, at(302));
    // The one who is in stays until his own time is over, and lets nobody else in.
    pass(&mut nat, at(302), Outside, udp(end(OTHER, 1), outside));
    let other = udp(end(OTHER, 2), outside);
    assert_eq!(
        drop_of(&mut nat, at(302), Outside, other),
        nat::DropReason::NoMapping
    );
    run_until(&mut nat, at(700));
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
}

#[test]
fn n6_an_answered_stranger_is_no_stranger() {
    let mut nat = simple(Profile::Rfc);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    pass(&mut nat, at(100), Outside, udp(end(OTHER, 1), outside));
    pass(&mut nat, at(200), Inside, udp(end(A, 5_000), end(OTHER, 1)));
    // The first session ends; the inside has taken up the second.
    run_until(&mut nat, at(400));
    assert_eq!(nat.session_count(), 1);
    pass(&mut nat, at(400), Outside, udp(end(SERVER, 99), outside));
}

// RFC 7857 §8 SHOULD NOT: ICMP errors and resets do not refresh.
#[test]
fn n6_errors_and_resets_do_not_refresh() {
    let mut nat = simple(Profile::Rfc);
    let expires = |nat: &nat::Nat| nat.sessions().next().unwrap().expires;
    let query = udp(end(A, 5_000), end(SERVER, 53));
    let sent = pass_packet(&mut nat, at(0), Inside, query);
    let mut answer = udp(end(SERVER, 53), ends(&sent).from);
    assert_eq!(
        nat.process(at(10), Outside, &mut answer),
        nat::Verdict::Forward { hairpin: false }
    );
    pass_packet(&mut nat, at(100), Outside, unreachable(OTHER, &sent, 8));
    pass_packet(&mut nat, at(100), Inside, unreachable(A, &answer, 8));
    assert_eq!(expires(&nat), at(310));

    let mut nat = simple(Profile::Rfc);
    let (client, server) = (end(A, 5_000), end(SERVER, 80));
    let out = pass(&mut nat, at(0), Inside, tcp(client, server, "S", 100, 0)).from;
    pass(&mut nat, at(0), Outside, tcp(server, out, "SA", 900, 101));
    pass(&mut nat, at(0), Inside, tcp(client, server, "A", 101, 901));
    // Only what is left of the transitory timer.
    pass(&mut nat, at(100), Inside, tcp(client, server, "R", 101, 0));
    assert_eq!(expires(&nat), at(340));
}

// RFC 4787 §4.4 MUST (req-7): an outside host with an inside address is reached all the same, under
// an alias.
#[test]
fn n7_conflicting_addresses() {
    let mut config = config(Profile::Rfc);
    config.aliases.push(nat::Alias {
        alias: "172.16.0.0/24".parse().unwrap(),
        real: "10.0.0.0/24".parse().unwrap(),
    });
    let mut nat = nat(config);
    let alias = core::net::Ipv4Addr::new(172, 16, 0, 11);
    let out = pass(&mut nat, at(0), Inside, udp(end(A, 5_000), end(alias, 53)));
    assert_eq!((*out.from.ip(), out.to), (EXTERNAL, end(B, 53)));
    let back = pass(&mut nat, at(0), Outside, udp(end(B, 53), out.from));
    assert_eq!((back.from, back.to), (end(alias, 53), end(A, 5_000)));
}

/// RFC 7857 §5, §6: the same number means another mapping for another protocol.
// RFC 7857 §5 SHOULD: mappings depend on the protocol.
// RFC 7857 §6 SHOULD: and so do filters.
#[test]
fn n31_protocols_have_mappings_of_their_own() {
    let mut config = config(Profile::Rfc);
    napt(&mut config).ports.preserve = true;
    let mut nat = nat(config);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    let syn = tcp(end(OTHER, 1), outside, "S", 1, 0);
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, syn),
        nat::DropReason::NoMapping
    );
    // Another host may have the same number for TCP.
    let syn = tcp(end(B, 5_000), end(SERVER, 80), "S", 1, 0);
    assert_eq!(pass(&mut nat, at(0), Inside, syn).from, outside);
}

// RFC 7857 §10 SHOULD: ports that are not preserved are hard to guess.
// RFC 6888 §5 SHOULD (req-15): so are those of a carrier's translator.
#[test]
fn n31_ports_are_random() {
    let mut nat = simple(Profile::Rfc);
    let mut steps = HashMap::new();
    let mut last = 0u16;
    let mut range = (u16::MAX, 0);
    for n in 0..400 {
        let port = map(&mut nat, at(0), end(A, 10_000 + n), end(SERVER, 53)).port();
        *steps.entry(port.wrapping_sub(last)).or_insert(0) += 1;
        last = port;
        range = (range.0.min(port), range.1.max(port));
    }
    assert!(steps.values().all(|&times| times < 4), "steps repeat");
    assert!(range.0 < 4_000 && range.1 > 62_000, "{range:?}");
}

// RFC 7857 §3 MAY: one port for destinations that differ, and one session for each five-tuple.
#[test]
fn n30_overlapping_ports_where_destinations_differ() {
    let mut config = config(Profile::CloudGateway);
    config.pools[0].ports = 2_000..=2_001;
    let mut nat = nat(config);
    let mut seen = HashSet::new();
    for server in [end(SERVER, 80), end(SERVER, 81), end(OTHER, 80)] {
        for host in [A, B] {
            let out = pass(
                &mut nat,
                at(0),
                Inside,
                tcp(end(host, 5_000), server, "S", 1, 0),
            );
            assert!(seen.insert((out.from, out.to)));
            let back = pass(&mut nat, at(0), Outside, tcp(server, out.from, "SA", 1, 2));
            assert_eq!(back.to, end(host, 5_000));
        }
        let more = tcp(end(A, 5_001), server, "S", 1, 0);
        assert_eq!(
            drop_of(&mut nat, at(0), Inside, more),
            nat::DropReason::NoPort
        );
    }
    assert_eq!(nat.session_count(), 6);
}

#[test]
fn cloud_gateway_counts_sessions_to_each_destination() {
    let mut config = config(Profile::CloudGateway);
    napt(&mut config).mapping = Mapping::PerDestination {
        limit: 3,
        sticky: false,
    };
    let mut nat = nat(config);
    for port in 0..3 {
        map(&mut nat, at(0), end(A, 5_000 + port), end(SERVER, 53));
    }
    let more = udp(end(A, 5_003), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, more),
        nat::DropReason::NoPort
    );
    // To another port of the destination, or by another protocol, there is room.
    map(&mut nat, at(0), end(A, 5_003), end(SERVER, 54));
    let reason = nat::DropReason::NoPort;
    assert_eq!(nat.stats().dropped(reason), 1);
    assert!(matches!(
        nat.poll_event(),
        Some(nat::NatEvent::PortsExhausted { pool: 0, .. })
    ));
    // What ends makes room.
    run_until(&mut nat, at(400));
    map(&mut nat, at(400), end(A, 5_009), end(SERVER, 53));
}

// RFC 6888 §3 MUST (req-6): translation can be turned off for destinations and ports.
#[test]
fn n26_destinations_can_be_left_out() {
    let mut config = config(Profile::Rfc);
    let mut matching = Matching::all();
    matching.destination = "198.51.100.20/32".parse().unwrap();
    matching.protocol = Some(IpProtocol::UDP);
    matching.destination_ports = 5_000..=5_010;
    let action = Action::Bypass;
    config.rules.insert(0, Rule { matching, action });
    let mut nat = nat(config);
    let out = pass(&mut nat, at(0), Inside, udp(end(A, 1), end(OTHER, 5_005)));
    assert_eq!(out.from, end(A, 1));
    let back = pass(&mut nat, at(0), Outside, udp(end(OTHER, 5_005), end(A, 1)));
    assert_eq!(back.to, end(A, 1));
    assert_eq!((nat.session_count(), nat.stats().bypassed), (0, 2));
    let translated = pass(&mut nat, at(0), Inside, udp(end(A, 1), end(OTHER, 5_011)));
    assert_eq!(*translated.from.ip(), EXTERNAL);
    // Only what is left out comes in.
    let stranger = udp(end(SERVER, 5_005), end(A, 1));
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, stranger),
        nat::DropReason::NoMapping
    );
}

// RFC 6888 §3 SHOULD (req-8): a port rests for 120 s.
#[test]
fn n27_ports_rest() {
    let mut config = config(Profile::Rfc);
    config.pools[0].ports = 2_000..=2_000;
    let mut nat = nat(config);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    run_until(&mut nat, at(302));
    assert_eq!(nat.mapping_count(), 0);
    let early = udp(end(B, 5_000), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut nat, at(415), Inside, early),
        nat::DropReason::NoPort
    );
    map(&mut nat, at(485), end(B, 5_000), end(SERVER, 53));
}

// RFC 6888 §3 MAY (req-8-a): a TCP port may be used again when the connection was seen to end.
#[test]
fn n27_tcp_ports_rest_only_where_the_end_was_not_seen() {
    let mut config = config(Profile::Rfc);
    config.pools[0].ports = 2_000..=2_000;
    let mut nat = nat(config);
    let (client, server) = (end(A, 5_000), end(SERVER, 80));
    let out = pass(&mut nat, at(0), Inside, tcp(client, server, "S", 100, 0)).from;
    pass(&mut nat, at(0), Outside, tcp(server, out, "SA", 900, 101));
    pass(&mut nat, at(0), Inside, tcp(client, server, "A", 101, 901));
    pass(&mut nat, at(0), Inside, tcp(client, server, "FA", 101, 901));
    pass(&mut nat, at(0), Outside, tcp(server, out, "FA", 901, 102));
    pass(&mut nat, at(0), Inside, tcp(client, server, "A", 102, 902));
    run_until(&mut nat, at(242));
    assert_eq!(nat.session_count(), 0);
    pass(
        &mut nat,
        at(242),
        Inside,
        tcp(end(B, 1_024), server, "S", 1, 0),
    );
}

// N37: the router's own ports and forwarded ones are nobody's.
#[test]
fn n37_reserved_ports_are_not_given() {
    let mut config = config(Profile::Rfc);
    config.pools[0].ports = 2_000..=2_003;
    config.reserved.push(Reserved {
        address: EXTERNAL,
        protocol: IpProtocol::UDP,
        ports: 2_001..=2_001,
    });
    config.forwards.push(nat::Forward {
        protocol: Some(IpProtocol::UDP),
        outside: EXTERNAL,
        ports: 2_002..=2_002,
        source: "0.0.0.0/0".parse().unwrap(),
        targets: vec![nat::Target::new(B, 53)],
    });
    let mut nat = nat(config);
    let given: HashSet<u16> = (0..2)
        .map(|n| map(&mut nat, at(0), end(A, 5_000 + n), end(SERVER, 53)).port())
        .collect();
    assert_eq!(given, [2_000, 2_003].into());
    let more = udp(end(A, 5_009), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, more),
        nat::DropReason::NoPort
    );
}

/// The session that has to make room may be the only other one of the mapping that the new one uses: the mapping stays,
/// and its port is nobody else's.
#[test]
fn a_mapping_outlives_the_session_that_makes_room() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 1;
    config.when_full = nat::WhenFull::EvictUnanswered;
    config.quarantine = Duration::ZERO;
    let mut active = nat::Nat::new(config, Box::new(testkit::SeededRandom::new(1))).unwrap();
    let first = map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
    let record = active.export().next().unwrap();
    let second = map(&mut active, at(0), end(A, 5_000), end(OTHER, 53));
    assert_eq!(first, second);
    assert_eq!((active.session_count(), active.mapping_count()), (1, 1));
    let mappings: Vec<_> = active.mappings().map(|mapping| mapping.sessions).collect();
    assert_eq!(mappings, [1]);
    // So it is when a session is taken over.
    active.import(at(0), &record).unwrap();
    assert_eq!((active.session_count(), active.mapping_count()), (1, 1));
    run_until(&mut active, at(10_000));
    assert_eq!((active.session_count(), active.mapping_count()), (0, 0));
}

/// A mapping that is for one address ends with the last session, whoever that is with: who it was for finds a new one then,
/// and not what has become of the port.
#[test]
fn n1_a_mapping_for_one_address_is_forgotten_as_a_whole() {
    let mut config = config(Profile::Rfc);
    napt(&mut config).mapping = Mapping::AddressDependent;
    napt(&mut config).filtering = nat::Filtering::EndpointIndependent;
    config.quarantine = Duration::ZERO;
    config.pools = vec![Pool {
        ports: 2_000..=2_000,
        ..Pool::of(EXTERNAL)
    }];
    let mut nat = nat::Nat::new(config, Box::new(testkit::SeededRandom::new(1))).unwrap();
    let first = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    // Somebody else comes in, and stays longer.
    for second in [100, 200, 300, 400] {
        let seen = pass(&mut nat, at(second), Outside, udp(end(OTHER, 9), first));
        assert_eq!(seen.to, end(A, 5_000));
        pass(
            &mut nat,
            at(second),
            Inside,
            udp(end(A, 5_000), end(OTHER, 9)),
        );
    }
    run_until(&mut nat, at(401));
    assert_eq!((nat.session_count(), nat.mapping_count()), (1, 1));
    run_until(&mut nat, at(2_000));
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
    // The only port is another host's now.
    let of_other = map(&mut nat, at(2_000), end(B, 5_000), end(SERVER, 53));
    assert_eq!(of_other, first);
    let refused = drop_of(
        &mut nat,
        at(2_000),
        Inside,
        udp(end(A, 5_000), end(SERVER, 53)),
    );
    assert_eq!(refused, nat::DropReason::NoPort);
}
