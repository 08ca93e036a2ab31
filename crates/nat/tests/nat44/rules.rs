//! N23, N25, N28, N29, N32, N33, N36 to N40: limits, checksums, other protocols, static and dynamic
//! NAT, forwards, twice NAT.

use crate::support::*;
use core::net::Ipv4Addr;
use nat::{
    Action, Alias, DropReason, Endpoint, ExplicitError, ExplicitRequest, Filtering, Forward,
    LimitKind, Matching, Nat, NatConfigError, NatEvent, PacketBuf, Pool, Profile, Rule, Target,
    Verdict, WhenFull,
};
use packet_buffer::wire::{IpProtocol, Ipv4Packet, Ipv4Repr};
use std::collections::{HashMap, HashSet};

fn rule(source: &str, action: Action) -> Rule {
    Rule {
        matching: Matching::from_prefix(source.parse().unwrap()),
        action,
    }
}

fn events(nat: &mut Nat) -> Vec<NatEvent> {
    core::iter::from_fn(|| nat.poll_event()).collect()
}

// RFC 6888 §3 MUST NOT (req-11-b): nothing that is there makes room.
// RFC 6888 §3 SHOULD (req-11-c): the operator is told.
// RFC 6888 §3 MUST (req-11-a): the packet is dropped.
#[test]
fn n23_exhaustion_is_nobody_elses_loss() {
    let mut config = config(Profile::Rfc);
    config.pools[0].ports = 2_000..=2_009;
    let mut nat = nat(config);
    let outsides: Vec<_> = (0..10)
        .map(|n| map(&mut nat, at(0), end(A, 5_000 + n), end(SERVER, 53)))
        .collect();
    let before: Vec<_> = nat.mappings().collect();
    events(&mut nat);
    for n in 0..100 {
        let more = udp(end(B, 6_000 + n), end(SERVER, 53));
        assert_eq!(drop_of(&mut nat, at(0), Inside, more), DropReason::NoPort);
    }
    assert_eq!(nat.mappings().collect::<Vec<_>>(), before);
    assert_eq!(nat.stats().dropped(DropReason::NoPort), 100);
    let told = events(&mut nat);
    assert!(
        matches!(
            told[..],
            [NatEvent::PortsExhausted {
                pool: 0,
                subscriber: B,
                ..
            }]
        ),
        "once a second: {told:?}"
    );
    for outside in outsides {
        pass(&mut nat, at(1), Outside, udp(end(SERVER, 53), outside));
    }
}

// RFC 6888 §3 MUST (req-4): ports of a subscriber.
// RFC 6888 §3 SHOULD (req-5): sessions of a subscriber, and how fast they come.
#[test]
fn n25_limits_of_a_subscriber() {
    let mut base = config(Profile::Rfc);
    base.limits.mappings_per_subscriber = Some(3);
    let mut nat = nat(base.clone());
    for n in 0..3 {
        map(&mut nat, at(0), end(A, 5_000 + n), end(SERVER, 53));
    }
    // One of its mappings may be used for more; another one it does not get, for no protocol.
    map(&mut nat, at(0), end(A, 5_000), end(OTHER, 53));
    for more in [
        udp(end(A, 5_003), end(SERVER, 53)),
        tcp(end(A, 5_003), end(SERVER, 80), "S", 1, 0),
        echo(A, SERVER, 1),
    ] {
        assert_eq!(drop_of(&mut nat, at(0), Inside, more), DropReason::Limit);
    }
    assert!(events(&mut nat).iter().any(|event| matches!(
        event,
        NatEvent::LimitReached {
            subscriber: A,
            limit: LimitKind::Mappings,
            ..
        }
    )));
    // Others are not affected, and what ends makes room.
    map(&mut nat, at(0), end(B, 5_000), end(SERVER, 53));
    run_until(&mut nat, at(302));
    map(&mut nat, at(302), end(A, 5_009), end(SERVER, 53));

    base.limits.mappings_per_subscriber = None;
    base.limits.sessions_per_subscriber = Some(2);
    let mut nat = crate::support::nat(base.clone());
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    map(&mut nat, at(0), end(A, 5_000), end(OTHER, 53));
    let third = udp(end(A, 5_000), end(OTHER, 54));
    assert_eq!(drop_of(&mut nat, at(0), Inside, third), DropReason::Limit);
    // Sessions that strangers open count as well.
    let stranger = udp(end(OTHER, 99), outside);
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, stranger),
        DropReason::Limit
    );

    base.limits.sessions_per_subscriber = None;
    base.limits.new_sessions = Some(nat_rate(2, 5));
    let mut nat = crate::support::nat(base);
    let mut allowed = |second: u64| {
        (0..50u16)
            .filter(|n| {
                let port = 5_000 + 50 * second as u16 + n;
                let mut packet = udp(end(A, port), end(SERVER, 53));
                nat.process(at(second), Inside, &mut packet) == Verdict::Forward { hairpin: false }
            })
            .count()
    };
    assert_eq!((allowed(0), allowed(1), allowed(2)), (5, 2, 2));
}

fn nat_rate(per_second: u32, burst: u32) -> flow_state::limits::Rate {
    flow_state::limits::Rate::per_second(per_second, burst)
}

// RFC 6888 §3 MUST (req-9): mappings can be asked for (the Port Control Protocol stands on this).
#[test]
fn n28_mappings_on_request() {
    let mut nat = simple(Profile::Rfc);
    let inside = Endpoint::new(B, 8_080);
    let request = ExplicitRequest {
        protocol: IpProtocol::TCP,
        inside,
        suggested: Endpoint::new(EXTERNAL, 8_000),
        only_suggested: false,
        lifetime: core::time::Duration::from_secs(1_000),
    };
    let mapping = nat.open_mapping(at(0), &request).unwrap();
    assert_eq!(mapping.outside, Endpoint::new(EXTERNAL, 8_000));
    assert_eq!((mapping.expires, mapping.is_renewed), (at(1_000), false));
    // Anyone comes in, and the host's own sessions use the mapping.
    let outside = end(EXTERNAL, 8_000);
    pass(
        &mut nat,
        at(0),
        Outside,
        tcp(end(OTHER, 9), outside, "S", 1, 0),
    );
    let syn = tcp(end(B, 8_080), end(SERVER, 80), "S", 1, 0);
    assert_eq!(pass(&mut nat, at(0), Inside, syn).from, outside);
    // It stays without sessions, and can be renewed.
    run_until(&mut nat, at(900));
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 1));
    assert_eq!(nat.explicit_mappings().count(), 1);
    let again = nat.open_mapping(at(900), &request).unwrap();
    assert_eq!((again.outside, again.expires), (mapping.outside, at(1_900)));
    assert!(again.is_renewed);
    assert_eq!(nat.poll_timeout(), Some(at(1_900)));
    run_until(&mut nat, at(1_900));
    assert_eq!(nat.mapping_count(), 0);
    drop_of(
        &mut nat,
        at(1_900),
        Outside,
        tcp(end(OTHER, 9), outside, "S", 1, 0),
    );

    // Where nothing else will do, and it is taken.
    nat.open_mapping(at(3_000), &request).unwrap();
    let strict = ExplicitRequest {
        inside: Endpoint::new(A, 8_080),
        only_suggested: true,
        ..request
    };
    assert_eq!(
        nat.open_mapping(at(3_000), &strict),
        Err(ExplicitError::NotAvailable)
    );
    let loose = ExplicitRequest {
        only_suggested: false,
        ..strict
    };
    let other = nat.open_mapping(at(3_000), &loose).unwrap();
    assert_ne!(other.outside.port, 8_000);
    assert!(nat.close_mapping(at(3_000), IpProtocol::TCP, strict.inside));
    assert!(!nat.close_mapping(at(3_000), IpProtocol::TCP, strict.inside));
    let icmp = ExplicitRequest {
        protocol: IpProtocol::ICMP,
        ..request
    };
    assert_eq!(
        nat.open_mapping(at(3_000), &icmp),
        Err(ExplicitError::Protocol)
    );
}

// RFC 6888 §4 SHOULD NOT (req-12): destinations are not logged.
#[test]
fn n29_logs_have_no_destinations_unless_asked_for() {
    let mut nat = simple(Profile::Rfc);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    map(&mut nat, at(0), end(A, 5_000), end(OTHER, 53));
    run_until(&mut nat, at(302));
    // RFC 6888 §5 SHOULD (req-14): one record for the mapping's begin and one for its end, however
    // many sessions.
    let told = events(&mut nat);
    let [
        NatEvent::MappingCreated { mapping, .. },
        NatEvent::MappingDeleted { mapping: gone, .. },
    ] = told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(mapping.inside, Endpoint::new(A, 5_000));
    assert_eq!(
        (gone.inside, gone.outside),
        (mapping.inside, mapping.outside)
    );

    let mut config = config(Profile::Rfc);
    config.session_events = true;
    let mut nat = crate::support::nat(config);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    run_until(&mut nat, at(302));
    let told = events(&mut nat);
    assert!(
        told.iter()
            .any(|event| matches!(event, NatEvent::SessionCreated { .. }))
    );
    assert!(
        told.iter()
            .any(|event| matches!(event, NatEvent::SessionDeleted { .. }))
    );
}

// RFC 6888 §5 SHOULD (req-13): every port can be used.
#[test]
fn n29_every_port_is_used() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 70_000;
    config.max_events = 0;
    config.pools[0].ports = 1_024..=u16::MAX;
    let mut nat = nat(config);
    let mut ports = HashSet::new();
    for n in 0..64_512u32 {
        let host = Ipv4Addr::from_bits(0x0a01_0000 + n / 1_000);
        let inside = end(host, 10_000 + (n % 1_000) as u16);
        assert!(ports.insert(map(&mut nat, at(0), inside, end(SERVER, 53)).port()));
    }
    let more = udp(end(A, 1_024), end(SERVER, 53));
    assert_eq!(drop_of(&mut nat, at(0), Inside, more), DropReason::NoPort);
}

// N32. RFC 768, RFC 1624.
#[test]
fn n32_udp_checksums() {
    let mut nat = simple(Profile::Rfc);
    // None stays none.
    let mut packet = udp(end(A, 5_000), end(SERVER, 53));
    packet.as_mut_slice()[26..28].fill(0);
    let sent = pass_packet(&mut nat, at(0), Inside, packet);
    assert_eq!(sent.as_slice()[26..28], [0, 0]);
    // A wrong one stays wrong by as much.
    let mut packet = udp(end(A, 5_000), end(SERVER, 53));
    add_to_word(packet.as_mut_slice(), 26, 0x1234);
    let mut sent = pass_packet(&mut nat, at(0), Inside, packet);
    add_to_word(sent.as_mut_slice(), 26, !0x1234);
    ends(&sent);
    // Of many, each comes out right, and none as zero.
    for data in 0..=u16::MAX {
        if data % 16 != 0 && data > 0x100 {
            continue;
        }
        let packet = udp_with(end(A, 5_000), end(SERVER, 53), &data.to_be_bytes());
        let sent = pass_packet(&mut nat, at(0), Inside, packet);
        ends(&sent);
        assert_ne!(sent.as_slice()[26..28], [0, 0]);
    }
}

fn portless(from: Ipv4Addr, to: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> PacketBuf {
    ip(from, to, protocol, PacketBuf::from_slice(64, payload))
}

/// N33: SCTP keeps its port where it can, and has its checksum computed where it cannot.
#[test]
fn n33_sctp() {
    fn init(from: Ipv4Addr, port: u16) -> PacketBuf {
        // Common header, then INIT: tag 0 in the header, initiate tag 0x01020304.
        let mut packet = vec![0; 12];
        packet[..2].copy_from_slice(&port.to_be_bytes());
        packet[2..4].copy_from_slice(&3_868u16.to_be_bytes());
        packet.extend([1, 0, 0, 20, 1, 2, 3, 4, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9]);
        let checksum = crc32c(&packet);
        packet[8..12].copy_from_slice(&checksum.to_le_bytes());
        portless(from, SERVER, IpProtocol::SCTP, &packet)
    }
    fn crc32c(octets: &[u8]) -> u32 {
        let mut crc = !0u32;
        for octet in octets {
            crc ^= u32::from(*octet);
            for _ in 0..8 {
                crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            }
        }
        !crc
    }
    let mut nat = simple(Profile::LinuxCompat);
    let first = pass_packet(&mut nat, at(0), Inside, init(A, 5_000));
    assert_eq!(first.as_slice()[20..22], 5_000u16.to_be_bytes());
    let second = pass_packet(&mut nat, at(0), Inside, init(B, 5_000));
    let mut payload = second.as_slice()[20..].to_vec();
    assert_ne!(payload[..2], 5_000u16.to_be_bytes());
    let checksum = u32::from_le_bytes(payload[8..12].try_into().unwrap());
    payload[8..12].fill(0);
    assert_eq!(crc32c(&payload), checksum);
    // A wrong checksum is not made right.
    let mut config = config(Profile::Rfc);
    config.verify_transport_checksums = false;
    let mut nat = crate::support::nat(config);
    let mut bad = init(A, 5_000);
    bad.as_mut_slice()[50] ^= 1;
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, bad),
        DropReason::BadChecksum
    );
}

/// Several IPsec clients behind one address: the answers' SPI tells whose they are.
#[test]
fn n33_esp_of_several_clients() {
    let esp = |from, to, spi: u32| {
        let mut payload = spi.to_be_bytes().to_vec();
        payload.extend([0, 0, 0, 1, 9, 9, 9, 9]);
        portless(from, to, IpProtocol::ESP, &payload)
    };
    let mut nat = simple(Profile::Rfc);
    for (client, out, back) in [(A, 0x1111, 0xaaaa_0001), (B, 0x2222, 0xbbbb_0002)] {
        let sent = pass(&mut nat, at(0), Inside, esp(client, SERVER, out));
        assert_eq!(*sent.from.ip(), EXTERNAL);
        let answer = pass(&mut nat, at(0), Outside, esp(SERVER, EXTERNAL, back));
        assert_eq!(*answer.to.ip(), client);
    }
    // Both are known now, in any order.
    for (client, back) in [(B, 0xbbbb_0002), (A, 0xaaaa_0001), (B, 0xbbbb_0002)] {
        let answer = pass(&mut nat, at(1), Outside, esp(SERVER, EXTERNAL, back));
        assert_eq!(*answer.to.ip(), client);
    }
    let stranger = esp(SERVER, EXTERNAL, 0x3333);
    assert_eq!(
        drop_of(&mut nat, at(1), Outside, stranger),
        DropReason::NoMapping
    );
    // While one waits for its answer, another must wait for its turn.
    pass(&mut nat, at(2), Inside, esp(A, SERVER, 0x4444));
    let second = esp(B, SERVER, 0x5555);
    assert_eq!(drop_of(&mut nat, at(2), Inside, second), DropReason::Clash);
    // Linux has one client for each server.
    let mut nat = simple(Profile::LinuxCompat);
    pass(&mut nat, at(0), Inside, esp(A, SERVER, 1));
    drop_of(&mut nat, at(0), Inside, esp(B, SERVER, 2));
}

#[test]
fn n33_gre_and_unknown_protocols() {
    let mut nat = simple(Profile::Rfc);
    for protocol in [IpProtocol::GRE, IpProtocol::IPV6, IpProtocol(253)] {
        let sent = pass(
            &mut nat,
            at(0),
            Inside,
            portless(A, SERVER, protocol, &[0; 16]),
        );
        assert_eq!(*sent.from.ip(), EXTERNAL);
        let back = pass(
            &mut nat,
            at(0),
            Outside,
            portless(SERVER, EXTERNAL, protocol, &[0; 16]),
        );
        assert_eq!(*back.to.ip(), A);
        if protocol == IpProtocol(253) {
            let other = portless(B, SERVER, protocol, &[0; 16]);
            assert_eq!(drop_of(&mut nat, at(0), Inside, other), DropReason::Clash);
        }
    }
}

#[test]
fn n33_dccp() {
    let request = |from: core::net::SocketAddrV4| {
        let mut payload = vec![0; 20];
        payload[..2].copy_from_slice(&from.port().to_be_bytes());
        payload[2..4].copy_from_slice(&5_001u16.to_be_bytes());
        payload[4] = 5;
        payload[8] = 1;
        portless(*from.ip(), SERVER, IpProtocol::DCCP, &payload)
    };
    let mut nat = simple(Profile::Rfc);
    let sent = pass_packet(&mut nat, at(0), Inside, request(end(A, 6_000)));
    let view = Ipv4Packet::parse(sent.as_slice()).unwrap();
    assert_eq!(view.source(), EXTERNAL);
    assert_eq!(nat.mappings().count(), 1);
    assert_eq!(nat.mappings().next().unwrap().protocol, IpProtocol::DCCP);
}

/// N36: what cannot be translated stays inside.
#[test]
fn n36_nothing_leaves_untranslated() {
    let mut config = config(Profile::Rfc);
    config.rules = vec![rule("10.0.0.0/24", Action::Napt(Profile::Rfc.napt(0)))];
    let mut nat = nat(config);
    for packet in [
        udp(end([10, 0, 1, 1].into(), 1), end(SERVER, 53)),
        udp(end([192, 168, 0, 1].into(), 1), end(SERVER, 53)),
        portless([10, 0, 1, 1].into(), SERVER, IpProtocol::ESP, &[0; 8]),
    ] {
        assert_eq!(drop_of(&mut nat, at(0), Inside, packet), DropReason::NoRule);
    }
    // What belongs to no state is not passed on "as it is" either.
    let stray = tcp(end(A, 5_000), end(SERVER, 80), "A", 1, 1);
    assert!(matches!(
        drop_of(&mut nat, at(0), Inside, stray),
        DropReason::Invalid(_)
    ));
    assert_eq!(nat.mapping_count(), 0, "and costs no port");
    let mut drop_all = crate::support::config(Profile::Rfc);
    drop_all.rules.insert(0, rule("10.0.0.0/8", Action::Drop));
    let mut nat = crate::support::nat(drop_all);
    let packet = udp(end(A, 1), end(SERVER, 53));
    assert_eq!(drop_of(&mut nat, at(0), Inside, packet), DropReason::Rule);
}

#[test]
fn static_hosts_and_prefixes_work_both_ways() {
    let mut config = config(Profile::Rfc);
    let outside = "192.0.2.0/24".parse().unwrap();
    config
        .rules
        .insert(0, rule("10.0.0.0/24", Action::Static { outside }));
    let mut nat = nat(config);
    let public = Ipv4Addr::new(192, 0, 2, 10);
    let out = pass(&mut nat, at(0), Inside, udp(end(A, 5_000), end(SERVER, 53)));
    assert_eq!(out.from, end(public, 5_000));
    pass(&mut nat, at(0), Outside, udp(end(SERVER, 53), out.from));
    // From outside, to a host that has not sent anything; every protocol, echo among them.
    let other = Ipv4Addr::new(192, 0, 2, 99);
    let inside = Ipv4Addr::new(10, 0, 0, 99);
    let seen = pass(
        &mut nat,
        at(0),
        Outside,
        tcp(end(OTHER, 7), end(other, 22), "S", 1, 0),
    );
    assert_eq!(seen.to, end(inside, 22));
    let back = pass(
        &mut nat,
        at(0),
        Inside,
        tcp(end(inside, 22), end(OTHER, 7), "SA", 1, 2),
    );
    assert_eq!(back.from, end(other, 22));
    let seen = pass(&mut nat, at(0), Outside, echo(OTHER, other, 5));
    assert_eq!(*seen.to.ip(), inside);
    let seen = pass(
        &mut nat,
        at(0),
        Outside,
        portless(OTHER, other, IpProtocol(253), &[0; 4]),
    );
    assert_eq!(*seen.to.ip(), inside);
    assert_eq!(nat.mapping_count(), 0);
}

#[test]
fn dynamic_addresses_are_lent_for_as_long_as_there_are_sessions() {
    let mut config = config(Profile::Rfc);
    config.pools = vec![Pool::of_range(
        [192, 0, 2, 1].into()..=[192, 0, 2, 2].into(),
    )];
    config.rules = vec![rule(
        "10.0.0.0/24",
        Action::Dynamic {
            pool: 0,
            filtering: Filtering::AddressDependent,
        },
    )];
    let mut nat = nat(config);
    let of_a = pass(&mut nat, at(0), Inside, udp(end(A, 5_000), end(SERVER, 53))).from;
    let of_b = pass(&mut nat, at(0), Inside, udp(end(B, 5_000), end(SERVER, 53))).from;
    assert_eq!((of_a.port(), of_b.port()), (5_000, 5_000));
    assert_ne!(of_a.ip(), of_b.ip());
    // The address stands for the whole host: whom it has sent to comes in, to any port.
    let seen = pass(
        &mut nat,
        at(0),
        Outside,
        udp(end(SERVER, 9), end(*of_a.ip(), 77)),
    );
    assert_eq!(seen.to, end(A, 77));
    let stranger = udp(end(OTHER, 9), end(*of_a.ip(), 77));
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, stranger),
        DropReason::Filtered
    );
    // There is no third address.
    let third = udp(end([10, 0, 0, 12].into(), 1), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, third.clone()),
        DropReason::NoPort
    );
    map(&mut nat, at(200), end(B, 5_000), end(SERVER, 53));
    run_until(&mut nat, at(302));
    let lent = pass(&mut nat, at(302), Inside, third);
    assert_eq!(lent.from.ip(), of_a.ip());
}

fn web_farm(targets: Vec<Target>) -> Nat {
    let mut config = config(Profile::Rfc);
    config.forwards.push(Forward {
        protocol: Some(IpProtocol::TCP),
        outside: EXTERNAL,
        ports: 8_000..=8_009,
        source: "198.51.100.0/24".parse().unwrap(),
        targets,
    });
    nat(config)
}

#[test]
fn ports_and_ranges_are_forwarded() {
    let mut nat = web_farm(vec![Target::new(B, 80)]);
    for n in [0, 5, 9] {
        let service = end(EXTERNAL, 8_000 + n);
        let seen = pass(
            &mut nat,
            at(0),
            Outside,
            tcp(end(OTHER, 7), service, "S", 1, 0),
        );
        assert_eq!(seen.to, end(B, 80 + n));
        let back = tcp(end(B, 80 + n), end(OTHER, 7), "SA", 1, 2);
        assert_eq!(pass(&mut nat, at(0), Inside, back).from, service);
    }
    for (from, port) in [
        (OTHER, 8_010),
        (OTHER, 7_999),
        ([192, 0, 2, 1].into(), 8_000),
    ] {
        let syn = tcp(end(from, 7), end(EXTERNAL, port), "S", 1, 0);
        assert_eq!(
            drop_of(&mut nat, at(0), Outside, syn),
            DropReason::NoMapping
        );
    }
    let datagram = udp(end(OTHER, 7), end(EXTERNAL, 8_000));
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, datagram),
        DropReason::NoMapping
    );
}

#[test]
fn the_load_is_spread_by_weight_and_clients_stay() {
    let heavy = Target {
        weight: 3,
        ..Target::new(A, 80)
    };
    let off = Target {
        weight: 0,
        ..Target::new([10, 0, 0, 99].into(), 80)
    };
    let mut nat = web_farm(vec![heavy, off, Target::new(B, 80)]);
    let mut counts: HashMap<Ipv4Addr, u32> = HashMap::new();
    for client in 1..=200u8 {
        let client = Ipv4Addr::new(198, 51, 100, client);
        let servers: HashSet<Ipv4Addr> = (1..4)
            .map(|port| {
                let syn = tcp(end(client, port), end(EXTERNAL, 8_000), "S", 1, 0);
                *pass(&mut nat, at(0), Outside, syn).to.ip()
            })
            .collect();
        assert_eq!(servers.len(), 1);
        *counts.entry(*servers.iter().next().unwrap()).or_default() += 1;
    }
    assert_eq!(counts.len(), 2);
    assert!((120..=180).contains(&counts[&A]), "{counts:?}");
}

#[test]
fn twice_nat_changes_both_ends() {
    let mut config = config(Profile::Rfc);
    let outside = "192.0.2.0/24".parse().unwrap();
    config
        .rules
        .insert(0, rule("10.0.0.0/24", Action::Static { outside }));
    config.aliases.push(Alias {
        alias: "172.16.1.0/24".parse().unwrap(),
        real: "198.51.100.0/24".parse().unwrap(),
    });
    let mut nat = nat(config);
    let alias = Ipv4Addr::new(172, 16, 1, 10);
    let out = pass(&mut nat, at(0), Inside, udp(end(A, 5_000), end(alias, 53)));
    assert_eq!(
        (out.from, out.to),
        (end([192, 0, 2, 10].into(), 5_000), end(SERVER, 53))
    );
    let back = pass(&mut nat, at(0), Outside, udp(end(SERVER, 53), out.from));
    assert_eq!((back.from, back.to), (end(alias, 53), end(A, 5_000)));
    // Opened from outside, the inside sees the alias too.
    let seen = pass(
        &mut nat,
        at(0),
        Outside,
        udp(end(OTHER, 9), end([192, 0, 2, 11].into(), 7)),
    );
    assert_eq!(
        (seen.from, seen.to),
        (end([172, 16, 1, 20].into(), 9), end(B, 7))
    );
}

/// N38: an address that is lost takes its sessions with it, and nothing else.
#[test]
fn n38_a_lost_address_is_flushed() {
    let mut config = config(Profile::Rfc);
    config.pools = vec![Pool::of_range(
        [203, 0, 113, 1].into()..=[203, 0, 113, 2].into(),
    )];
    let mut nat = nat(config);
    let mut of_address: HashMap<Ipv4Addr, usize> = HashMap::new();
    for host in 0..40u8 {
        let out = map(
            &mut nat,
            at(0),
            end([10, 0, 1, host].into(), 5_000),
            end(SERVER, 53),
        );
        *of_address.entry(*out.ip()).or_default() += 1;
    }
    let lost = Ipv4Addr::new(203, 0, 113, 1);
    assert_eq!(nat.flush_address(at(1), lost), of_address[&lost]);
    assert_eq!(nat.session_count(), 40 - of_address[&lost]);
    assert!(
        nat.mappings()
            .all(|mapping| mapping.outside.address != lost)
    );
    assert_eq!(nat.mapping_count(), nat.session_count());
}

/// N39: hop counts are the router's, and a packet that it drops never comes here; a packet that is
/// dropped here is as it came, so that an error shows what its sender sent.
#[test]
fn n39_a_dropped_packet_is_as_it_came() {
    let mut nat = simple(Profile::Rfc);
    let mut packet = udp(end(A, 5_000), end(SERVER, 53));
    // `drop_of` compares; one that cannot be read, one without a rule, one that is refused.
    packet.as_mut_slice()[8] = 0;
    drop_of(&mut nat, at(0), Inside, packet);
    let hops = packet_hops(&pass_packet(
        &mut nat,
        at(0),
        Inside,
        udp(end(A, 1), end(SERVER, 53)),
    ));
    assert_eq!(hops, 64, "the translator takes no hop");
}

fn packet_hops(packet: &PacketBuf) -> u8 {
    Ipv4Packet::parse(packet.as_slice()).unwrap().time_to_live()
}

/// N40: what is dropped leaves no state.
#[test]
fn n40_a_dropped_packet_leaves_no_state() {
    let mut config = config(Profile::Rfc);
    napt(&mut config).filtering = Filtering::AddressAndPortDependent;
    config.max_sessions = 3;
    let mut nat = nat(config);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    for n in 0..1_000u16 {
        drop_of(&mut nat, at(0), Outside, udp(end(OTHER, n), outside));
        drop_of(
            &mut nat,
            at(0),
            Outside,
            udp(end(OTHER, n), end(EXTERNAL, n)),
        );
        drop_of(
            &mut nat,
            at(0),
            Inside,
            tcp(end(B, 1_024 + n), end(SERVER, 80), "A", 1, 1),
        );
        drop_of(
            &mut nat,
            at(0),
            Inside,
            tcp(end(B, 1_024 + n), end(SERVER, 80), "SF", 1, 1),
        );
    }
    assert_eq!((nat.session_count(), nat.mapping_count()), (1, 1));
    map(&mut nat, at(0), end(A, 5_001), end(SERVER, 53));
    map(&mut nat, at(0), end(A, 5_002), end(SERVER, 53));
    // The table is full: the mapping that was made for the packet goes again.
    let more = udp(end(A, 5_003), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, more),
        DropReason::TableFull
    );
    assert_eq!((nat.session_count(), nat.mapping_count()), (3, 3));
}

#[test]
fn a_full_table_can_give_up_the_unanswered() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 3;
    config.when_full = WhenFull::EvictUnanswered;
    let mut nat = nat(config);
    let (client, server) = (end(A, 5_000), end(SERVER, 80));
    let out = pass(&mut nat, at(0), Inside, tcp(client, server, "S", 1, 0)).from;
    pass(&mut nat, at(0), Outside, tcp(server, out, "SA", 9, 2));
    pass(&mut nat, at(0), Inside, tcp(client, server, "A", 2, 10));
    for n in 0..100 {
        map(&mut nat, at(0), end(B, 6_000 + n), end(SERVER, 53));
    }
    assert_eq!((nat.session_count(), nat.mapping_count()), (3, 3));
    assert_eq!(nat.stats().sessions_evicted, 98);
    pass(&mut nat, at(1), Outside, tcp(server, out, "A", 10, 2));
}

#[test]
fn configurations_that_cannot_be_are_refused() {
    let refuse = |change: &dyn Fn(&mut nat::NatConfig)| {
        let mut config = config(Profile::Rfc);
        change(&mut config);
        Nat::new(config, Box::new(testkit::SeededRandom::new(1)))
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(
        refuse(&|config| config.max_sessions = 0),
        NatConfigError::Sessions(_)
    ));
    assert_eq!(
        refuse(&|config| config.pools[0].addresses.clear()),
        NatConfigError::EmptyPool(0)
    );
    assert_eq!(
        refuse(&|config| config.pools.push(Pool::of(EXTERNAL))),
        NatConfigError::SharedAddress(1)
    );
    assert_eq!(
        refuse(&|config| napt(config).pool = 1),
        NatConfigError::NoSuchPool(0)
    );
    let outside = "192.0.2.0/25".parse().unwrap();
    assert_eq!(
        refuse(&|config| config
            .rules
            .push(rule("10.0.0.0/24", Action::Static { outside }))),
        NatConfigError::PrefixLengths {
            what: "rules",
            index: 1
        }
    );
    let forward = |targets: Vec<Target>| Forward {
        protocol: None,
        outside: EXTERNAL,
        ports: 10..=20,
        source: "0.0.0.0/0".parse().unwrap(),
        targets,
    };
    for targets in [vec![], vec![Target::new(A, 65_530)]] {
        assert_eq!(
            refuse(&|config| config.forwards.push(forward(targets.clone()))),
            NatConfigError::BadForward(0)
        );
    }
    let text = NatConfigError::PrefixLengths {
        what: "aliases",
        index: 3,
    }
    .to_string();
    assert_eq!(text, "aliases[3]: the prefixes are not of the same length");
}

#[test]
fn packets_for_the_router_are_left_to_it() {
    let mut config = config(Profile::Rfc);
    config.local = vec![EXTERNAL, GATEWAY];
    let mut nat = nat(config);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    for (side, packet) in [
        (Outside, udp(end(OTHER, 1), end(EXTERNAL, 161))),
        (Outside, echo(OTHER, EXTERNAL, 1)),
        (Inside, udp(end(A, 1), end(GATEWAY, 53))),
        (Inside, echo(A, EXTERNAL, 1)),
    ] {
        let mut local = packet.clone();
        assert_eq!(nat.process(at(0), side, &mut local), Verdict::Local);
        assert_eq!(local, packet);
    }
    pass(&mut nat, at(0), Outside, udp(end(SERVER, 53), outside));
    let header = Ipv4Repr::new(A, SERVER, IpProtocol::UDP);
    assert_eq!(header.header_len(), 20);
}

/// A forward of everything takes protocols without ports along, whatever its port range.
#[test]
fn a_whole_address_is_forwarded() {
    let mut config = config(Profile::Rfc);
    config.learn_tunnels = false;
    config.forwards.push(Forward {
        protocol: None,
        outside: [192, 0, 2, 77].into(),
        ports: 1_000..=1_999,
        source: "0.0.0.0/0".parse().unwrap(),
        targets: vec![Target::new(B, 5_000)],
    });
    let mut nat = nat(config);
    let address = Ipv4Addr::new(192, 0, 2, 77);
    let seen = pass(
        &mut nat,
        at(0),
        Outside,
        udp(end(OTHER, 9), end(address, 1_234)),
    );
    assert_eq!(seen.to, end(B, 5_234));
    for protocol in [IpProtocol::ESP, IpProtocol::GRE, IpProtocol(253)] {
        let packet = portless(OTHER, address, protocol, &[0; 16]);
        assert_eq!(*pass(&mut nat, at(0), Outside, packet).to.ip(), B);
    }
    assert_eq!(
        *pass(&mut nat, at(0), Outside, echo(OTHER, address, 5))
            .to
            .ip(),
        B
    );
    let other = udp(end(OTHER, 9), end(address, 2_000));
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, other),
        DropReason::NoMapping
    );
}

/// A pool of many addresses without quarantine is used up to the last port of the last address.
#[test]
fn a_large_pool_is_used_up_and_given_back() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 3_000;
    config.quarantine = core::time::Duration::ZERO;
    config.pools = vec![Pool {
        ports: 2_000..=2_009,
        pooling: nat::Pooling::Arbitrary,
        ..Pool::of_prefix("192.0.2.0/24".parse().unwrap())
    }];
    let mut nat = nat(config);
    for round in 0..2u64 {
        let now = at(round * 1_000);
        let mut seen = HashSet::new();
        for n in 0..2_560u16 {
            let host = Ipv4Addr::from_bits(0x0a01_0000 + u32::from(n / 40));
            let outside = map(&mut nat, now, end(host, 5_000 + n % 40), end(SERVER, 53));
            assert!(seen.insert(outside));
        }
        let more = udp(end(A, 5_000), end(SERVER, 53));
        assert_eq!(drop_of(&mut nat, now, Inside, more), DropReason::NoPort);
        run_until(&mut nat, at(round * 1_000 + 400));
        for _ in 0..5 {
            nat.handle_timeout(at(round * 1_000 + 500));
        }
        run_until(&mut nat, at(round * 1_000 + 600));
        assert_eq!(nat.mapping_count(), 0);
    }
}
