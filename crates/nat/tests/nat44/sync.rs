//! C3.19: sessions that move to a standby.

use crate::support::*;
use nat::{DropReason, ImportError, Mapping, Nat, Profile, SessionRecord};

/// Two translators of the same configuration that draw different numbers.
fn pair(config: &nat::NatConfig) -> (Nat, Nat) {
    let make = |seed| Nat::new(config.clone(), Box::new(testkit::SeededRandom::new(seed))).unwrap();
    (make(1), make(2))
}

fn records(nat: &Nat) -> Vec<SessionRecord> {
    nat.export().collect()
}

#[test]
fn sessions_go_on_at_the_standby() {
    for mapping in [
        Mapping::EndpointIndependent,
        Mapping::AddressDependent,
        Mapping::AddressAndPortDependent,
        Mapping::PerDestination {
            limit: 9,
            sticky: true,
        },
    ] {
        let mut config = config(Profile::Rfc);
        napt(&mut config).mapping = mapping;
        let (mut active, mut standby) = pair(&config);
        let (client, server) = (end(A, 5_000), end(SERVER, 80));
        let out = pass(&mut active, at(0), Inside, tcp(client, server, "S", 100, 0)).from;
        pass(
            &mut active,
            at(0),
            Outside,
            tcp(server, out, "SA", 900, 101),
        );
        pass(
            &mut active,
            at(0),
            Inside,
            tcp(client, server, "A", 101, 901),
        );
        let dns = map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
        let ping = pass(&mut active, at(0), Inside, echo(B, OTHER, 7)).from;
        // Over a wire, to a translator whose clock began elsewhere.
        let mut octets = Vec::new();
        for record in active.export() {
            record.write(at(0), &mut octets);
        }
        let mut cursor = packet_buffer::Cursor::new(&octets);
        while cursor.remaining() > 0 {
            let record = SessionRecord::read(at(1_000_000), &mut cursor).unwrap();
            standby.import(at(1_000_000), &record).unwrap();
        }
        let now = at(1_000_001);
        pass(&mut standby, now, Outside, tcp(server, out, "A", 901, 101));
        assert_eq!(
            pass(
                &mut standby,
                now,
                Inside,
                tcp(client, server, "A", 101, 901)
            )
            .from,
            out
        );
        assert_eq!(
            pass(&mut standby, now, Outside, udp(end(SERVER, 53), dns)).to,
            client
        );
        let reply = echo_reply(OTHER, EXTERNAL, ping.port());
        assert_eq!(*pass(&mut standby, now, Outside, reply).to.ip(), B);
        assert_eq!(standby.session_count(), active.session_count());
        assert_eq!(standby.mapping_count(), active.mapping_count());
        // Blind resets are as powerless as before, and everything ends in its time.
        drop_of(&mut standby, now, Outside, tcp(server, out, "R", 5, 0));
        run_until(&mut standby, at(1_010_000));
        assert_eq!((standby.session_count(), standby.mapping_count()), (0, 0));
    }
}

#[test]
fn what_is_removed_there_is_removed_here() {
    let (mut active, mut standby) = pair(&config(Profile::Rfc));
    map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
    let record = records(&active)[0];
    standby.import(at(0), &record).unwrap();
    assert!(standby.remove_session(at(0), &record.reply));
    assert!(!standby.remove_session(at(0), &record.original));
    assert_eq!((standby.session_count(), standby.mapping_count()), (0, 0));
}

#[test]
fn c19_repeated_and_forged_records_change_nothing() {
    let (mut active, mut standby) = pair(&config(Profile::Rfc));
    map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
    let record = records(&active)[0];
    standby.import(at(0), &record).unwrap();
    assert_eq!(standby.import(at(0), &record), Err(ImportError::Clash));
    let (sessions, mappings) = (
        standby.session_count(),
        standby.mappings().collect::<Vec<_>>(),
    );

    let key = |from: core::net::SocketAddrV4, to: core::net::SocketAddrV4, protocol| {
        flow_state::Ipv4FlowKey::new(
            (*from.ip(), from.port()),
            (*to.ip(), to.port()),
            protocol,
            0,
        )
    };
    let outside = record.reply.destination_port();
    // The outside endpoint of A, for B: a split brain, or a lie.
    let theft = SessionRecord {
        original: key(end(B, 9), end(OTHER, 9), 17),
        reply: key(end(OTHER, 9), end(EXTERNAL, outside), 17),
        ..record
    };
    assert_eq!(standby.import(at(0), &theft), Err(ImportError::Taken));
    let other = SessionRecord {
        original: key(end(B, 9), end(OTHER, 9), 17),
        reply: key(end(OTHER, 9), end(EXTERNAL, outside ^ 2), 17),
        ..record
    };
    let lies = [
        SessionRecord {
            holds: u16::MAX,
            ..other
        },
        SessionRecord { holds: 0, ..other },
        SessionRecord {
            initiator: Outside,
            ..other
        },
        SessionRecord {
            initiator: Outside,
            responder: Outside,
            ..other
        },
        SessionRecord {
            remaining: core::time::Duration::ZERO,
            ..other
        },
        SessionRecord {
            reply: key(end(OTHER, 9), end([203, 0, 113, 99].into(), 5), 17),
            ..other
        },
        SessionRecord {
            original: key(end(B, 9), end(OTHER, 9), 6),
            reply: key(end(OTHER, 9), end(EXTERNAL, 700), 6),
            ..other
        },
    ];
    for lie in lies {
        assert_eq!(
            standby.import(at(0), &lie),
            Err(ImportError::Inconsistent),
            "{lie:?}"
        );
    }
    assert_eq!(standby.session_count(), sessions);
    assert_eq!(standby.mappings().collect::<Vec<_>>(), mappings);
    standby.import(at(0), &other).unwrap();
}

#[test]
fn a_full_standby_says_so() {
    let mut config = config(Profile::Rfc);
    config.max_sessions = 2;
    let (mut active, mut standby) = pair(&config);
    map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
    for n in 0..2 {
        map(&mut standby, at(0), end(B, 6_000 + n), end(SERVER, 53));
    }
    let record = records(&active)[0];
    assert_eq!(standby.import(at(0), &record), Err(ImportError::Full));
    assert_eq!(standby.mapping_count(), 2);
    let more = udp(end(A, 1), end(SERVER, 53));
    assert_eq!(
        drop_of(&mut standby, at(0), Inside, more),
        DropReason::TableFull
    );
}

#[test]
fn damaged_records_are_refused_or_harmless() {
    let (mut active, mut standby) = pair(&config(Profile::Rfc));
    let (client, server) = (end(A, 5_000), end(SERVER, 80));
    pass(&mut active, at(0), Inside, tcp(client, server, "S", 100, 0));
    map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
    let mut variants = 0;
    for record in records(&active) {
        let mut octets = Vec::new();
        record.write(at(0), &mut octets);
        assert!(octets.len() <= SessionRecord::MAX_LEN);
        let mut cursor = packet_buffer::Cursor::new(&octets);
        assert_eq!(SessionRecord::read(at(0), &mut cursor), Ok(record));
        for length in 0..octets.len() {
            let mut cursor = packet_buffer::Cursor::new(&octets[..length]);
            assert!(SessionRecord::read(at(0), &mut cursor).is_err());
        }
        variants += testkit::sweep(&octets, |octets| {
            let mut cursor = packet_buffer::Cursor::new(octets);
            if let Ok(record) = SessionRecord::read(at(0), &mut cursor) {
                let _ = standby.import(at(0), &record);
            }
        });
    }
    assert!(variants > 500);
    run_until(&mut standby, at(60 * 86_400));
    assert_eq!((standby.session_count(), standby.mapping_count()), (0, 0));
}

/// N38: rules change by making a translator of the new ones; live sessions go on where they still
/// fit, with the same outside endpoints, and are refused where they do not.
#[test]
fn n38_rules_change_and_sessions_go_on() {
    let rule = |source: &str| nat::Rule {
        matching: nat::Matching::from_prefix(source.parse().unwrap()),
        action: nat::Action::Napt(Profile::Rfc.napt(0)),
    };
    let mut old = config(Profile::Rfc);
    old.rules = vec![rule("10.0.0.10/32"), rule("10.0.0.11/32")];
    let mut new = old.clone();
    new.rules = vec![rule("192.168.0.0/16"), rule("10.0.0.11/32")];
    let mut before = Nat::new(old, Box::new(testkit::SeededRandom::new(1))).unwrap();
    let mut after = Nat::new(new, Box::new(testkit::SeededRandom::new(2))).unwrap();
    let of_a = map(&mut before, at(0), end(A, 5_000), end(SERVER, 53));
    let of_b = map(&mut before, at(0), end(B, 5_000), end(SERVER, 53));
    let results: Vec<_> = before
        .export()
        .map(|record| after.import(at(0), &record))
        .collect();
    assert_eq!(results, [Err(ImportError::Inconsistent), Ok(())]);
    assert_eq!(map(&mut after, at(1), end(B, 5_000), end(SERVER, 53)), of_b);
    drop_of(&mut after, at(1), Outside, udp(end(SERVER, 53), of_a));
    assert_eq!((after.session_count(), after.mapping_count()), (1, 1));
}

/// Basic NAT from a pool: the address that an inside one has been lent is the same at the standby, for its live
/// sessions, for those that it begins there, and for those that come in.
#[test]
fn lent_addresses_stay_with_whom_they_were_lent() {
    let mut config = config(Profile::Rfc);
    let addresses = [203, 0, 113, 10].into()..=[203, 0, 113, 12].into();
    config.pools.push(nat::Pool::of_range(addresses));
    config.rules = vec![nat::Rule {
        matching: nat::Matching::all(),
        action: nat::Action::Dynamic {
            pool: config.pools.len() - 1,
            filtering: nat::Filtering::AddressDependent,
        },
    }];
    let (mut active, mut standby) = pair(&config);
    let of_b = map(&mut active, at(0), end(B, 5_000), end(SERVER, 53));
    let of_a = map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
    // One that comes in, from an address that A has sent to.
    pass(
        &mut active,
        at(0),
        Outside,
        udp(end(SERVER, 99), end(*of_a.ip(), 7_000)),
    );
    let all = records(&active);
    assert_eq!(all.len(), 3);
    // In another order, so that nothing but the record says whose address is whose.
    for record in all.iter().rev() {
        let mut octets = Vec::new();
        record.write(at(0), &mut octets);
        let mut cursor = packet_buffer::Cursor::new(&octets);
        let record = SessionRecord::read(at(0), &mut cursor).unwrap();
        standby.import(at(0), &record).unwrap();
        assert_eq!(standby.import(at(0), &record), Err(ImportError::Clash));
    }
    for (inside, outside) in [(A, of_a), (B, of_b)] {
        let new = map(&mut standby, at(1), end(inside, 6_000), end(OTHER, 53));
        assert_eq!(new.ip(), outside.ip());
        let answer = udp(end(SERVER, 53), outside);
        let found = pass(&mut standby, at(1), Outside, answer);
        assert_eq!(found.to, end(inside, 5_000));
    }
    // Somebody else's address is not to be had, and nothing is left of the attempt.
    let (mut active, mut other) = pair(&config);
    map(&mut other, at(0), end(A, 5_000), end(SERVER, 53));
    // To another server, so that nothing but the address is in the way.
    map(&mut active, at(0), end(B, 5_000), end(OTHER, 53));
    let record = records(&active)[0];
    assert_eq!(other.import(at(0), &record), Err(ImportError::Taken));
    assert_eq!(other.session_count(), 1);
    // When all sessions are over, the addresses are free again.
    run_until(&mut standby, at(10_000));
    assert_eq!(standby.session_count(), 0);
    for n in 0..3 {
        let inside = end([10, 0, 7, n].into(), 5_000);
        map(&mut standby, at(10_001), inside, end(SERVER, 53));
    }
}

/// N38 for services: a session by a forward that is gone is refused, and so is one that was never given.
#[test]
fn n38_sessions_of_a_forward_go_with_it() {
    let forward = |port: u16, target: core::net::Ipv4Addr| nat::Forward {
        protocol: Some(packet_buffer::wire::IpProtocol::TCP),
        outside: EXTERNAL,
        ports: port..=port,
        source: packet_buffer::wire::Ipv4Prefix::ALL,
        targets: vec![nat::Target::new(target, 80)],
    };
    let mut old = config(Profile::Rfc);
    old.forwards = vec![forward(8_080, A), forward(8_081, B)];
    let mut new = old.clone();
    // One goes, and one has another server.
    new.forwards = vec![forward(8_080, A), forward(8_082, B)];
    let mut before = Nat::new(old.clone(), Box::new(testkit::SeededRandom::new(1))).unwrap();
    for port in [8_080, 8_081] {
        let syn = tcp(end(SERVER, 5_000), end(EXTERNAL, port), "S", 100, 0);
        pass(&mut before, at(0), Outside, syn);
    }
    let import = |config: &nat::NatConfig| {
        let mut after = Nat::new(config.clone(), Box::new(testkit::SeededRandom::new(2))).unwrap();
        let mut results: Vec<_> = before
            .export()
            .map(|record| {
                let port = record.original.destination_port();
                (port, after.import(at(0), &record))
            })
            .collect();
        results.sort_by_key(|(port, _)| *port);
        results
    };
    assert_eq!(import(&old), [(8_080, Ok(())), (8_081, Ok(()))]);
    let gone = Err(ImportError::Inconsistent);
    assert_eq!(import(&new), [(8_080, Ok(())), (8_081, gone)]);
    new.forwards = vec![forward(8_080, B), forward(8_081, B)];
    assert_eq!(import(&new), [(8_080, gone), (8_081, Ok(()))]);
}

/// What a subscriber has is counted at the standby, too: its limits, and the outside address that all of its mappings
/// have.
#[test]
fn limits_and_the_paired_address_go_along() {
    let mut config = config(Profile::Rfc);
    let addresses = [203, 0, 113, 10].into()..=[203, 0, 113, 41].into();
    config.pools = vec![nat::Pool::of_range(addresses)];
    config.limits.sessions_per_subscriber = Some(3);
    config.limits.mappings_per_subscriber = Some(3);
    let (mut active, mut standby) = pair(&config);
    let first = map(&mut active, at(0), end(A, 5_000), end(SERVER, 53));
    let second = map(&mut active, at(0), end(A, 5_001), end(SERVER, 53));
    assert_eq!(first.ip(), second.ip());
    for record in active.export() {
        standby.import(at(0), &record).unwrap();
        // One that is refused counts for nobody.
        assert_eq!(standby.import(at(0), &record), Err(ImportError::Clash));
    }
    assert_eq!(standby.subscriber_count(), 1);
    let third = map(&mut standby, at(0), end(A, 5_002), end(SERVER, 53));
    assert_eq!(third.ip(), first.ip());
    let fourth = udp(end(A, 5_003), end(SERVER, 53));
    let refused = drop_of(&mut standby, at(0), Inside, fourth.clone());
    assert_eq!(refused, DropReason::Limit);
    // With a session that ends, room comes for another one; with the last one the subscriber is forgotten.
    assert!(standby.remove_session(at(0), &records(&active)[0].original));
    pass(&mut standby, at(0), Inside, fourth);
    run_until(&mut standby, at(10_000));
    assert_eq!(
        (standby.session_count(), standby.subscriber_count()),
        (0, 0)
    );
}
