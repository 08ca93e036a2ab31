//! Attacks, by the numbers of the threat list: 1 exhaustion, 2 hash flooding, 3 port search, 4 blind
//! segments, 5 forged ICMP, 7 gateways (in `hooks`), 8 port theft, 9 prediction, 10 log floods, 11
//! time, 12 impossible sources, 13 options, 14 lengths, 15 split handshake, 18 leaks, 19 sync (in
//! `sync`). Fragments (6) are in `fragments`.

use crate::support::*;
use core::net::Ipv4Addr;
use core::time::Duration;
use nat::{Action, DropReason, Filtering, Instant, Nat, PacketBuf, Profile, Verdict};
use packet_buffer::wire::{
    HeaderOptions, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr, icmpv4_code,
};
use std::collections::HashSet;

/// C3.1: a flood from outside makes no session where nothing is open, and one from inside stays
/// within the table and the subscriber's share.
#[test]
fn c1_floods_of_sessions() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 500;
    config.limits.sessions_per_subscriber = Some(100);
    config.limits.max_subscribers = 50;
    let mut nat = nat(config);
    for n in 0..5_000u32 {
        let source = Ipv4Addr::from_bits(0x0b00_0000 + n);
        drop_of(
            &mut nat,
            at(0),
            Outside,
            tcp(end(source, 9), end(EXTERNAL, 80), "S", n, 0),
        );
    }
    assert_eq!(nat.session_count(), 0);
    // The SYNs that are to be answered are bounded, too.
    assert!(nat.stats().syns_not_noted >= 5_000 - 1_024);
    for n in 0..5_000u16 {
        let mut packet = udp(end(A, n), end(SERVER, 53));
        let _ = nat.process(at(0), Inside, &mut packet);
    }
    assert_eq!(nat.session_count(), 100);
    // Another host still gets its own.
    map(&mut nat, at(0), end(B, 5_000), end(SERVER, 53));
    // Forged inside sources fill the list of subscribers, and not more.
    for n in 0..1_000u32 {
        let mut packet = udp(
            end(Ipv4Addr::from_bits(0x0a02_0000 + n), 1),
            end(SERVER, 53),
        );
        let _ = nat.process(at(0), Inside, &mut packet);
    }
    assert!(nat.subscriber_count() <= 50 && nat.session_count() <= 500);
}

/// C3.2: endpoints that an attacker names do not gather in one place. Whatever the hash, a chain of
/// 20,000 would take this test minutes.
#[test]
fn c2_many_endpoints_of_an_arithmetic_progression() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 20_000;
    config.max_events = 0;
    let mut nat = nat(config);
    for step in [1u32, 0x1_0000 / 64] {
        for n in 0..10_000u32 {
            let bits = 0x0a00_0100u32.wrapping_add(n * step);
            let mut packet = udp(
                end(Ipv4Addr::from_bits(bits & 0x0aff_ffff | 0x0a00_0001), 4_000),
                end(SERVER, 53),
            );
            let _ = nat.process(at(0), Inside, &mut packet);
        }
    }
    assert!(nat.session_count() > 10_000);
}

/// C3.3: when all ports are in use, a packet costs no search.
#[test]
fn c3_an_exhausted_pool_is_told_at_once() {
    for profile in [Profile::Rfc, Profile::CloudGateway] {
        let mut config = config(profile);
        config.max_sessions = 66_000;
        config.max_events = 16;
        config.icmp.prohibited = false;
        config.pools[0].ports = 1_024..=65_535;
        let mut nat = nat(config);
        let mut made = 0;
        for n in 0..66_000u32 {
            let inside = end(
                Ipv4Addr::from_bits(0x0a01_0000 + n / 500),
                10_000 + (n % 500) as u16,
            );
            let mut packet = udp(inside, end(SERVER, 53));
            made += u32::from(
                nat.process(at(0), Inside, &mut packet) == Verdict::Forward { hairpin: false },
            );
        }
        let limit = if profile == Profile::Rfc {
            64_512
        } else {
            55_000
        };
        assert_eq!(made, limit);
        // A hundred thousand refusals: with a search of all ports each, this would take minutes.
        let refused = udp(end(A, 1_024), end(SERVER, 53));
        for _ in 0..100_000 {
            let mut packet = refused.clone();
            assert_eq!(
                nat.process(at(0), Inside, &mut packet),
                Verdict::Drop(DropReason::NoPort)
            );
        }
    }
}

fn connection(profile: Profile) -> (Nat, core::net::SocketAddrV4) {
    let mut nat = simple(profile);
    let (client, server) = (end(A, 5_000), end(SERVER, 80));
    let out = pass(
        &mut nat,
        at(0),
        Inside,
        tcp(client, server, "S", 1_000_000, 0),
    )
    .from;
    pass(
        &mut nat,
        at(0),
        Outside,
        tcp(server, out, "SA", 5_000_000, 1_000_001),
    );
    pass(
        &mut nat,
        at(0),
        Inside,
        tcp(client, server, "A", 1_000_001, 5_000_001),
    );
    (nat, out)
}

/// C3.4: resets, SYNs and data that somebody off the path sends, all over the number space.
#[test]
fn c4_blind_segments_end_nothing() {
    for profile in [Profile::Rfc, Profile::LinuxCompat, Profile::CloudGateway] {
        let (mut nat, out) = connection(profile);
        let expires = nat.sessions().next().unwrap().expires;
        let mut passed = 0;
        for n in 0..511u32 {
            let number = n.wrapping_mul(0x0080_4020).wrapping_add(77_777_777);
            let mut reset = tcp(end(SERVER, 80), out, "R", number, 0);
            passed += u32::from(
                nat.process(at(0), Outside, &mut reset) == Verdict::Forward { hairpin: false },
            );
            let mut syn = tcp(end(SERVER, 80), out, "S", number, 0);
            let _ = nat.process(at(0), Outside, &mut syn);
        }
        assert_eq!(passed, 0, "{profile:?}");
        assert_eq!(nat.sessions().next().unwrap().expires, expires);
        // An acknowledgment of data that was never sent does not pass either.
        let mut ack = tcp(end(SERVER, 80), out, "A", 5_000_001, 3_000_000);
        assert!(matches!(
            nat.process(at(0), Outside, &mut ack),
            Verdict::Drop(_)
        ));
        pass(
            &mut nat,
            at(1),
            Outside,
            tcp(end(SERVER, 80), out, "A", 5_000_001, 1_000_001),
        );
    }
}

/// C3.5: ICMP errors that cannot be true.
#[test]
fn c5_forged_errors() {
    let (mut nat, out) = connection(Profile::Rfc);
    let genuine = tcp(out, end(SERVER, 80), "A", 1_000_001, 5_000_001);
    let quote = genuine.as_slice()[..28].to_vec();
    let repr = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
        quoted_words: 0,
        next_hop_mtu: 68,
    };
    let mut refused = |reason: DropReason, side, packet: PacketBuf| {
        assert_eq!(drop_of(&mut nat, at(0), side, packet), reason);
    };
    // A sequence number that is not in flight.
    let forged = tcp(out, end(SERVER, 80), "A", 9, 5_000_001);
    refused(
        DropReason::IcmpForged,
        Outside,
        unreachable(OTHER, &forged, 8),
    );
    // For another address than that which sent the packet.
    refused(
        DropReason::IcmpForged,
        Outside,
        icmp(OTHER, [203, 0, 113, 99].into(), repr, &quote),
    );
    // From the wrong side.
    let inverted = tcp(end(SERVER, 80), out, "A", 1, 1);
    refused(
        DropReason::WrongSide,
        Inside,
        icmp(A, EXTERNAL, repr, &quote),
    );
    refused(
        DropReason::WrongSide,
        Outside,
        unreachable(
            OTHER,
            &{
                // A packet that the server sent, quoted by somebody outside.
                tcp(end(SERVER, 80), end(A, 5_000), "A", 5_000_001, 1_000_001)
            },
            8,
        ),
    );
    refused(
        DropReason::IcmpUnrelated,
        Outside,
        unreachable(OTHER, &tcp(out, end(OTHER, 80), "A", 1, 1), 8),
    );
    // About an ICMP error.
    let nested = icmp(EXTERNAL, OTHER, repr, &inverted.as_slice()[..28]);
    refused(
        DropReason::IcmpUnrelated,
        Outside,
        icmp(OTHER, EXTERNAL, repr, nested.as_slice()),
    );
    // A quote that is too short to tell.
    for octets in [0, 1, 19, 20, 23, 27] {
        refused(
            DropReason::IcmpUnrelated,
            Outside,
            icmp(OTHER, EXTERNAL, repr, &quote[..octets]),
        );
    }
    // A link that carries less than any link does.
    let tiny = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::FRAGMENTATION_NEEDED,
        quoted_words: 0,
        next_hop_mtu: 67,
    };
    refused(
        DropReason::IcmpForged,
        Outside,
        icmp(OTHER, EXTERNAL, tiny, &quote),
    );
    assert_eq!(nat.stats().icmp_errors, 0);
    // And the genuine one passes.
    pass_packet(
        &mut nat,
        at(0),
        Outside,
        icmp(OTHER, EXTERNAL, repr, &quote),
    );
}

/// C3.8: an inside host cannot take the place of a service, whatever port it sends from.
#[test]
fn c8_forwarded_ports_cannot_be_stolen() {
    for profile in [Profile::Rfc, Profile::CloudGateway] {
        let mut config = config(profile);
        napt(&mut config).ports.preserve = true;
        config.forwards.push(nat::Forward {
            protocol: Some(IpProtocol::UDP),
            outside: EXTERNAL,
            ports: 5_000..=5_000,
            source: "0.0.0.0/0".parse().unwrap(),
            targets: vec![nat::Target::new(B, 53)],
        });
        let mut nat = nat(config);
        let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 99));
        assert_ne!(outside.port(), 5_000);
        let query = pass(
            &mut nat,
            at(0),
            Outside,
            udp(end(SERVER, 99), end(EXTERNAL, 5_000)),
        );
        assert_eq!(query.to, end(B, 53));
    }
}

/// C3.9: ports do not follow from each other, nor do they repeat with another seed.
#[test]
fn c9_ports_cannot_be_predicted() {
    let ports = |seed: u64| -> Vec<u16> {
        let mut nat = Nat::new(
            config(Profile::Rfc),
            Box::new(testkit::SeededRandom::new(seed)),
        )
        .unwrap();
        (0..50)
            .map(|n| map(&mut nat, at(0), end(A, 5_000 + n), end(SERVER, 53)).port())
            .collect()
    };
    assert_eq!(ports(1), ports(1), "the same seed gives the same ports");
    let (first, second) = (ports(1), ports(2));
    let common = first.iter().filter(|port| second.contains(port)).count();
    assert!(common < 5, "{common}");
}

/// C3.10: events wait in bounded room, and what is lost is counted.
#[test]
fn c10_floods_of_events() {
    let mut config = config(Profile::Rfc);
    config.max_events = 10;
    let mut nat = nat(config);
    for n in 0..100 {
        map(&mut nat, at(0), end(A, 5_000 + n), end(SERVER, 53));
    }
    let events = core::iter::from_fn(|| nat.poll_event()).count();
    assert_eq!((events, nat.stats().events_dropped), (10, 90));
}

/// C3.11: a clock that runs backwards or far ahead.
#[test]
fn c11_time() {
    let mut nat = simple(Profile::Rfc);
    let outside = map(&mut nat, at(1_000), end(A, 5_000), end(SERVER, 53));
    // Backwards: counts as the latest seen.
    pass(&mut nat, at(3), Outside, udp(end(SERVER, 53), outside));
    assert_eq!(nat.sessions().next().unwrap().expires, at(1_300));
    // To the microsecond.
    let last = at(1_300) - Duration::from_micros(1);
    pass(&mut nat, last, Outside, udp(end(SERVER, 53), outside));
    drop_of(
        &mut nat,
        last + Duration::from_secs(300),
        Outside,
        udp(end(SERVER, 53), outside),
    );
    // More milliseconds than 32 bits hold, and the end of time.
    let far = at(50 * 86_400 + 5_000_000);
    map(&mut nat, far, end(A, 5_000), end(SERVER, 53));
    run_until(&mut nat, far + Duration::from_secs(302));
    assert_eq!(nat.session_count(), 0);
    nat.handle_timeout(Instant::MAX);
    let mut packet = udp(end(A, 5_000), end(SERVER, 53));
    let _ = nat.process(Instant::MAX, Inside, &mut packet);
}

/// C3.12: sources that no host has; packets from a host to itself; the translator's own addresses
/// from outside.
#[test]
fn c12_impossible_sources() {
    let mut nat = simple(Profile::Rfc);
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    for source in [
        [0, 0, 0, 0],
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [224, 0, 0, 5],
        [240, 0, 0, 1],
        [255, 255, 255, 255],
    ] {
        for side in [Inside, Outside] {
            let packet = udp(end(source.into(), 5_000), end(SERVER, 53));
            assert_eq!(drop_of(&mut nat, at(0), side, packet), DropReason::Source);
        }
    }
    for destination in [[224, 0, 0, 1], [255, 255, 255, 255], [127, 0, 0, 1]] {
        let packet = udp(end(A, 5_000), end(destination.into(), 53));
        assert_eq!(drop_of(&mut nat, at(0), Inside, packet), DropReason::Source);
    }
    let land = tcp(end(A, 80), end(A, 80), "S", 1, 0);
    assert_eq!(drop_of(&mut nat, at(0), Inside, land), DropReason::Source);
    let land = tcp(end(EXTERNAL, 80), end(EXTERNAL, 80), "S", 1, 0);
    assert_eq!(drop_of(&mut nat, at(0), Outside, land), DropReason::Source);
    // A packet from outside that claims to be a session's other direction.
    let forged = udp(end(A, 5_000), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, forged),
        DropReason::WrongSide
    );
    assert_eq!(nat.session_count(), 1);
}

/// C3.13: IP options are kept, and checksums stay right.
#[test]
fn c13_options() {
    let mut nat = simple(Profile::Rfc);
    let mut payload = PacketBuf::from_slice(64, &[0x13, 0x88, 0, 53, 0, 9, 0, 0, 7]);
    let header = Ipv4Repr {
        options: HeaderOptions::from_slice(&[7, 7, 4, 0, 0, 0, 0, 0]).unwrap(),
        ..Ipv4Repr::new(A, SERVER, IpProtocol::UDP)
    };
    header.emit(&mut payload).unwrap();
    let sent = pass_packet(&mut nat, at(0), Inside, payload);
    let ip = Ipv4Packet::parse(sent.as_slice()).unwrap();
    ip.verify_checksum().unwrap();
    assert_eq!((ip.source(), ip.header_len()), (EXTERNAL, 28));
}

/// C3.14: lengths that contradict each other, and padding of the link.
#[test]
fn c14_lengths() {
    let mut nat = simple(Profile::Rfc);
    let good = udp(end(A, 5_000), end(SERVER, 53));
    // Longer than it is; shorter than its header.
    for length in [34u16, 19, 0, u16::MAX] {
        let mut bad = good.clone();
        bad.as_mut_slice()[2..4].copy_from_slice(&length.to_be_bytes());
        let reason = drop_of(&mut nat, at(0), Inside, bad);
        assert_eq!(reason, DropReason::Malformed);
    }
    // UDP's own length.
    for length in [7u16, 14, u16::MAX] {
        let mut bad = good.clone();
        bad.as_mut_slice()[24..26].copy_from_slice(&length.to_be_bytes());
        assert_eq!(drop_of(&mut nat, at(0), Inside, bad), DropReason::Malformed);
    }
    // A TCP header that reaches over the packet, or ends before it begins.
    for offset in [0x00, 0x40, 0xf0] {
        let mut bad = tcp(end(A, 5_000), end(SERVER, 80), "S", 1, 0);
        bad.as_mut_slice()[32] = offset;
        assert_eq!(drop_of(&mut nat, at(0), Inside, bad), DropReason::Malformed);
    }
    let mut padded = good;
    padded.append_slice(&[0xee; 20]);
    let sent = pass_packet(&mut nat, at(0), Inside, padded);
    assert!(sent.as_slice().ends_with(&[0xee; 20]), "padding stays");
    ends(&sent);
    assert_eq!(nat.session_count(), 1);
}

/// C3.15: a peer that answers a SYN by a SYN of its own instead of by one with ACK.
#[test]
fn c15_split_handshake() {
    let mut nat = simple(Profile::Rfc);
    let (client, server) = (end(A, 5_000), end(SERVER, 80));
    let out = pass(&mut nat, at(0), Inside, tcp(client, server, "S", 100, 0)).from;
    pass(&mut nat, at(0), Outside, tcp(server, out, "S", 900, 0));
    pass(&mut nat, at(0), Inside, tcp(client, server, "SA", 100, 901));
    pass(&mut nat, at(0), Outside, tcp(server, out, "A", 901, 101));
    // The directions of the session are still the right ones.
    let session = nat.sessions().next().unwrap();
    assert_eq!((session.initiator, session.inside().address), (Inside, A));
}

/// C3.18: whatever a session thinks of a packet, it never leaves with an inside address.
#[test]
fn c18_no_inside_address_leaks() {
    for profile in [Profile::Rfc, Profile::LinuxCompat, Profile::CloudGateway] {
        let (mut nat, _) = connection(profile);
        for flags in ["S", "SA", "A", "F", "FA", "R", "RA", "P", "SF", ""] {
            for number in [0, 1_000_001, 1_050_000, 0x9000_0000] {
                let mut packet = tcp(end(A, 5_000), end(SERVER, 80), flags, number, 5_000_001);
                if let Verdict::Forward { .. } = nat.process(at(1), Inside, &mut packet) {
                    assert_eq!(*ends(&packet).from.ip(), EXTERNAL);
                }
            }
        }
        for protocol in 0..=255u8 {
            let mut packet = ip(
                A,
                SERVER,
                IpProtocol(protocol),
                PacketBuf::from_slice(64, &[0; 24]),
            );
            if let Verdict::Forward { .. } = nat.process(at(1), Inside, &mut packet) {
                let view = Ipv4Packet::parse(packet.as_slice()).unwrap();
                assert_eq!(view.source(), EXTERNAL, "protocol {protocol}");
            }
        }
    }
}

/// C3.20: large rule sets are checked in time that grows with their size.
#[test]
fn c20_large_rule_sets() {
    let mut base = config(Profile::Rfc);
    base.pools = vec![nat::Pool::of_prefix("100.64.0.0/17".parse().unwrap())];
    for n in 0..1_000u32 {
        let mut matching = nat::Matching::all();
        matching.source =
            packet_buffer::wire::Ipv4Prefix::host(Ipv4Addr::from_bits(0x0b00_0000 + n));
        base.rules.insert(
            0,
            nat::Rule {
                matching,
                action: Action::Drop,
            },
        );
    }
    let mut nat = nat(base.clone());
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    assert!(outside.ip().octets().starts_with(&[100, 64]));
    base.rules.resize(1_025, base.rules[0].clone());
    let refused = Nat::new(base, Box::new(testkit::SeededRandom::new(1)));
    assert_eq!(
        refused.map(|_| ()).unwrap_err(),
        nat::NatConfigError::TooManyRules
    );
}

/// One mapping has no more sessions than can be counted, whoever floods it.
#[test]
fn sessions_of_a_mapping_are_bounded() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 70_000;
    config.max_events = 0;
    napt(&mut config).filtering = Filtering::EndpointIndependent;
    let mut nat = nat(config);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    let mut reasons = HashSet::new();
    for n in 0..66_000u32 {
        let from = end(Ipv4Addr::from_bits(0x0b00_0000 + n), 9);
        let mut packet = udp(from, outside);
        if let Verdict::Drop(reason) = nat.process(at(0), Outside, &mut packet) {
            reasons.insert(reason);
        }
    }
    assert_eq!(nat.session_count(), 65_535);
    assert_eq!(reasons, [DropReason::NoMapping].into());
    run_until(&mut nat, at(400));
    for _ in 0..100 {
        nat.handle_timeout(at(500));
    }
    run_until(&mut nat, at(600));
    assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
}
