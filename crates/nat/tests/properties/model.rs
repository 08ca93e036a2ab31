//! UDP and TCP in random order from both sides, against a model that remembers everything in maps
//! and knows nothing of ports and tables. All times are whole seconds.

use crate::support::*;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use nat::{DropReason, Filtering, Instant, Mapping, Nat, Profile, Verdict, WhenFull};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};

const UDP_TIMEOUT: u64 = 300;

#[derive(Debug, Clone, Copy)]
struct Session {
    ends: u64,
    keeps: bool,
}

/// What a translator with endpoint-independent mapping does with UDP, in the plainest words.
struct Model {
    filtering: Filtering,
    now: u64,
    /// By inside end and remote end.
    sessions: BTreeMap<(SocketAddrV4, SocketAddrV4), Session>,
    /// What the translator has told.
    outside: HashMap<SocketAddrV4, SocketAddrV4>,
}

impl Model {
    fn advance(&mut self, seconds: u64) {
        self.now += seconds;
        let now = self.now;
        self.sessions.retain(|_, session| session.ends > now);
        let inside: HashSet<SocketAddrV4> =
            self.sessions.keys().map(|(inside, _)| *inside).collect();
        self.outside.retain(|end, _| inside.contains(end));
    }

    fn is_live(&self, key: &(SocketAddrV4, SocketAddrV4)) -> bool {
        self.sessions
            .get(key)
            .is_some_and(|session| session.ends > self.now)
    }

    /// A packet from inside; returns what its outside end must be, if that is known.
    fn out(&mut self, inside: SocketAddrV4, remote: SocketAddrV4) -> Option<SocketAddrV4> {
        let session = Session {
            ends: self.now + UDP_TIMEOUT,
            keeps: true,
        };
        self.sessions.insert((inside, remote), session);
        self.outside.get(&inside).copied()
    }

    /// Whether a packet from outside comes in, and to whom.
    fn comes_in(&mut self, remote: SocketAddrV4, outside: SocketAddrV4) -> Option<SocketAddrV4> {
        let inside = *self
            .outside
            .iter()
            .find(|(_, mapped)| **mapped == outside)?
            .0;
        let key = (inside, remote);
        if !self.is_live(&key) {
            let of_mapping = |key: &&(SocketAddrV4, SocketAddrV4)| key.0 == inside;
            let is_open = self
                .sessions
                .iter()
                .any(|(key, session)| of_mapping(&key) && session.keeps);
            let sent_to = self.sessions.iter().any(|(key, session)| {
                key.0 == inside && key.1.ip() == remote.ip() && session.keeps
            });
            let permitted = is_open
                && match self.filtering {
                    Filtering::EndpointIndependent => true,
                    Filtering::AddressDependent => sent_to,
                    Filtering::AddressAndPortDependent => false,
                };
            if !permitted {
                return None;
            }
        }
        let keeps = self.is_live(&key) && self.sessions[&key].keeps;
        let session = Session {
            ends: self.now + UDP_TIMEOUT,
            keeps,
        };
        self.sessions.insert(key, session);
        Some(inside)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Out {
        host: u8,
        port: u8,
        remote: u8,
    },
    In {
        remote: u8,
        mapping: prop::sample::Index,
    },
    Stray {
        remote: u8,
        port: u16,
    },
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..4, 0u8..3, 0u8..6).prop_map(|(host, port, remote)| Step::Out { host, port, remote }),
        4 => (0u8..6, any::<prop::sample::Index>()).prop_map(|(remote, mapping)| Step::In { remote, mapping }),
        1 => (0u8..6, any::<u16>()).prop_map(|(remote, port)| Step::Stray { remote, port }),
        2 => prop_oneof![0u64..5, 0u64..350, Just(299), Just(300), Just(301)].prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..120)
}

fn host(host: u8, port: u8) -> SocketAddrV4 {
    end(Ipv4Addr::new(10, 0, 0, 10 + host), 5_000 + u16::from(port))
}

/// Three addresses with two ports each.
fn remote(number: u8) -> SocketAddrV4 {
    end(
        Ipv4Addr::new(198, 51, 100, number / 2),
        53 + u16::from(number % 2),
    )
}

/// No two sessions share what tells them apart outside, and every mapping counts the sessions that have its outside
/// endpoint. Where ports are shared between destinations (`shares`) there is none.
fn check_invariants(nat: &Nat, shares: bool) {
    let mut seen = HashSet::new();
    let mut users: HashMap<_, u16> = HashMap::new();
    for session in nat.sessions() {
        assert!(seen.insert(session.reply), "{session:?}");
        assert!(seen.insert(session.original), "{session:?}");
        let outside = match session.initiator {
            Inside => (
                session.reply.destination(),
                session.reply.destination_port(),
            ),
            Outside => (
                session.original.destination(),
                session.original.destination_port(),
            ),
        };
        *users
            .entry((session.original.protocol(), outside))
            .or_default() += 1;
    }
    let mut mapped = HashMap::new();
    for mapping in nat.mappings() {
        let outside = (mapping.outside.address, mapping.outside.port);
        let before = mapped.insert((mapping.protocol.0, outside), mapping.sessions);
        assert_eq!(before, None);
    }
    assert_eq!(mapped, if shares { HashMap::new() } else { users });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn udp_agrees_with_the_model(
        steps in steps(),
        filtering in prop_oneof![
            Just(Filtering::EndpointIndependent),
            Just(Filtering::AddressDependent),
            Just(Filtering::AddressAndPortDependent),
        ],
        seed: u64,
    ) {
        let mut config = config(Profile::Rfc);
        napt(&mut config).filtering = filtering;
        config.quarantine = Duration::ZERO;
        let mut nat = Nat::new(config, Box::new(testkit::SeededRandom::new(seed))).unwrap();
        let mut model = Model {
            filtering,
            now: 0,
            sessions: BTreeMap::new(),
            outside: HashMap::new(),
        };
        // All outside ends that ever were, stale ones among them.
        let mut known = vec![end(EXTERNAL, 2_000)];
        for step in steps {
            let now = Instant::from_secs(model.now);
            match step {
                Step::Wait(seconds) => {
                    model.advance(seconds);
                    run_until(&mut nat, Instant::from_secs(model.now));
                    check_invariants(&nat, false);
                }
                Step::Out { host: h, port, remote: r } => {
                    let (inside, to) = (host(h, port), remote(r));
                    let seen = pass(&mut nat, now, Inside, udp(inside, to));
                    prop_assert_eq!(seen.to, to);
                    if let Some(expected) = model.out(inside, to) {
                        prop_assert_eq!(seen.from, expected);
                    } else {
                        prop_assert!(!model.outside.values().any(|outside| *outside == seen.from));
                        model.outside.insert(inside, seen.from);
                        known.push(seen.from);
                    }
                    // What went out translates back.
                    let back = pass(&mut nat, now, Outside, udp(to, seen.from));
                    prop_assert_eq!((back.from, back.to), (to, inside));
                }
                Step::In { remote: r, mapping } => {
                    let (from, to) = (remote(r), *mapping.get(&known));
                    let mut packet = udp(from, to);
                    let verdict = nat.process(now, Outside, &mut packet);
                    match model.comes_in(from, to) {
                        Some(inside) => {
                            prop_assert_eq!(verdict, Verdict::Forward { hairpin: false });
                            prop_assert_eq!(ends(&packet).to, inside);
                        }
                        None => prop_assert!(matches!(
                            verdict,
                            Verdict::Drop(DropReason::NoMapping | DropReason::Filtered)
                        ), "{:?}", verdict),
                    }
                }
                Step::Stray { remote: r, port } => {
                    let to = end(EXTERNAL, port);
                    let mut packet = udp(remote(r), to);
                    let verdict = nat.process(now, Outside, &mut packet);
                    let expected = model.comes_in(remote(r), to);
                    prop_assert_eq!(matches!(verdict, Verdict::Forward { .. }), expected.is_some());
                }
            }
            prop_assert_eq!(nat.mapping_count(), model.outside.len());
        }
        run_until(&mut nat, Instant::from_secs(model.now + 10_000));
        prop_assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
    }

    /// Every behavior, few ports, all protocols: sessions never share what tells them apart, what
    /// goes out translates back to who sent it, and everything is given back in the end.
    #[test]
    fn no_behavior_mixes_sessions_up(
        packets in proptest::collection::vec(
            (any::<bool>(), 0u8..6, 0u8..4, 0u8..6, 0usize..6, 0u64..40), 1..150),
        mapping in prop_oneof![
            Just(Mapping::EndpointIndependent),
            Just(Mapping::AddressDependent),
            Just(Mapping::AddressAndPortDependent),
            Just(Mapping::PerDestination { limit: 3, sticky: false }),
            Just(Mapping::PerDestination { limit: 100, sticky: true }),
        ],
        preserve: bool,
        // Sessions that nobody has answered make room for new ones, or new ones are refused.
        evicts: bool,
        room in 5usize..26,
        seed: u64,
    ) {
        let mut config = config(Profile::Rfc);
        config.max_sessions = room;
        config.when_full = if evicts { WhenFull::EvictUnanswered } else { WhenFull::Refuse };
        config.quarantine = Duration::from_secs(if preserve { 0 } else { 60 });
        config.pools = vec![nat::Pool {
            ports: 2_000..=2_011,
            ..nat::Pool::of_range([203, 0, 113, 1].into()..=[203, 0, 113, 2].into())
        }];
        napt(&mut config).mapping = mapping;
        napt(&mut config).ports.preserve = preserve;
        let make = |seed| Nat::new(config.clone(), Box::new(testkit::SeededRandom::new(seed))).unwrap();
        let mut nat = make(seed);
        let mut now = Instant::ZERO;
        // Outside ends by protocol, so that packets from outside hit something.
        let mut known: Vec<SocketAddrV4> = Vec::new();
        for (n, (from_inside, h, port, r, what, pause)) in packets.into_iter().enumerate() {
            now += Duration::from_secs(pause);
            run_until(&mut nat, now);
            let (inside, server) = (host(h, port), remote(r));
            if from_inside {
                let mut packet = match what {
                    0 | 1 => udp(inside, server),
                    2 => tcp(inside, server, "S", 1, 0),
                    3 => tcp(inside, server, "A", 2, 2),
                    4 => tcp(inside, server, "RA", 2, 2),
                    _ => echo(*inside.ip(), *server.ip(), inside.port()),
                };
                if nat.process(now, Inside, &mut packet) == (Verdict::Forward { hairpin: false }) {
                    let seen = ends(&packet);
                    prop_assert!([1, 2].contains(&seen.from.ip().octets()[3]));
                    known.push(seen.from);
                    // An answer to what went out, or none, so that the session may have to go for another one.
                    let answer = match what {
                        _ if pause % 4 != 0 => None,
                        0 | 1 => Some(udp(server, seen.from)),
                        2 => Some(tcp(server, seen.from, "SA", 1, 2)),
                        3 | 4 => None,
                        _ => Some(echo_reply(*server.ip(), *seen.from.ip(), seen.from.port())),
                    };
                    if let Some(answer) = answer {
                        let back = pass(&mut nat, now, Outside, answer);
                        prop_assert_eq!(back.to, inside);
                    }
                }
            } else if let Some(to) = known.get(usize::from(h) * 7 % known.len().max(1)) {
                let mut packet = match what {
                    0..=2 => udp(server, *to),
                    3 => tcp(server, *to, "S", 1, 0),
                    4 => tcp(server, *to, "R", 2, 0),
                    _ => unreachable(*server.ip(), &udp(*to, server), 8),
                };
                let _ = nat.process(now, Outside, &mut packet);
            }
            if n % 4 == 0 {
                check_invariants(&nat, matches!(mapping, Mapping::PerDestination { .. }));
            }
            prop_assert!(nat.session_count() <= room);
        }
        run_until(&mut nat, now + Duration::from_secs(10_000));
        prop_assert_eq!((nat.session_count(), nat.mapping_count()), (0, 0));
        prop_assert_eq!(nat.subscriber_count(), 0);
        prop_assert_eq!(nat.stats().sessions_created, nat.stats().sessions_ended);
        prop_assert_eq!(nat.stats().mappings_created, nat.stats().mappings_ended);
    }
}
