//! A gateway with one entry for translation and firewall, beside the two apart.
#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use alloc::collections::BTreeMap;
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::{TcpPolicy, Timers};
use internetwork::one_entry::{OneEntry, Setup};
use nat::{
    Action, Filtering, Mapping, Matching, Nat, NatConfig, Pool, PortChoice, PortClasses, Profile,
    Rule, Side,
};
use packet_buffer::wire::{
    IpProtocol, Ipv4Packet, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr, UdpRepr,
};
use packet_buffer::{Instant, PacketBuf};
use proptest::prelude::*;
use stateful_firewall::{Firewall, FirewallConfig, Path, language};
use testkit::SeededRandom;

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const POLICY: &str = "zone inside level 100\nzone outside level 0\n\
    interface lan0 zone inside\ninterface wan0 zone outside\n\
    rules from inside to outside {\naccept tcp port 443\naccept udp port 53\ndrop\n}\n\
    rules from outside to inside {\ndrop\n}\n";

/// A translator behind a firewall.
struct Apart {
    nat: Nat,
    firewall: Firewall,
    paths: [Path<'static>; 2],
}

impl Apart {
    fn new() -> Self {
        let mut config: NatConfig = Profile::Rfc.config(256);
        config.pools = vec![Pool::of(OUTSIDE)];
        let mut napt = Profile::Rfc.napt(0);
        napt.mapping = Mapping::AddressAndPortDependent;
        napt.filtering = Filtering::AddressAndPortDependent;
        napt.ports = PortChoice {
            preserve: true,
            parity: false,
            contiguity: false,
            classes: PortClasses::Any,
        };
        config.rules = vec![Rule {
            matching: Matching::all(),
            action: Action::Napt(napt),
        }];
        // As the firewall and the one entry: what is broken changes no state, and what is believed is the same.
        config.verify_transport_checksums = true;
        config.tcp = TcpPolicy::Strict;
        config.quarantine = Duration::ZERO;
        config.forget_refused = true;
        let policy = language::compile(POLICY).unwrap();
        let [lan, wan] = ["lan0", "wan0"].map(|name| policy.interface(name).unwrap());
        let mut rules = FirewallConfig::new(256);
        rules.timers = Timers::rfc();
        (rules.half_open.most, rules.half_open.adaptive_from) = (256, 256);
        Self {
            nat: Nat::new(config, Box::new(SeededRandom::new(1))).unwrap(),
            firewall: Firewall::new(rules, policy, Box::new(SeededRandom::new(2))).unwrap(),
            paths: [Path::new(lan, wan), Path::new(wan, lan)],
        }
    }

    /// Whether the packet goes on.
    fn process(&mut self, now: Instant, side: Side, packet: &mut PacketBuf) -> bool {
        let [out, back] = self.paths;
        let translates = |nat: &mut Nat, packet: &mut PacketBuf| {
            matches!(nat.process(now, side, packet), nat::Verdict::Forward { .. })
        };
        match side {
            Side::Inside => {
                self.firewall.process(now, &out, packet).is_accept()
                    && translates(&mut self.nat, packet)
            }
            Side::Outside => {
                translates(&mut self.nat, packet)
                    && self.firewall.process(now, &back, packet).is_accept()
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.firewall.handle_timeout(now);
        self.nat.handle_timeout(now);
    }
}

fn together() -> OneEntry {
    let policy = language::compile(POLICY).unwrap();
    let interfaces = ["lan0", "wan0"].map(|name| policy.interface(name).unwrap());
    let setup = Setup {
        sessions: 256,
        outside: OUTSIDE,
        ports: 1..=u16::MAX,
        timers: Timers::rfc(),
        interfaces,
    };
    OneEntry::new(setup, policy, Box::new(SeededRandom::new(3))).unwrap()
}

/// One step of a sequence: which of a few connections, from which side, and what.
#[derive(Debug, Clone, Copy)]
struct Step {
    connection: usize,
    from_inside: bool,
    flags: u16,
    numbers: (u32, u32),
    data: usize,
    pause: Duration,
    breaks_checksum: bool,
}

/// The ends of connection `n`: of few hosts and ports, some to services that no rule lets be used.
fn ends(n: usize) -> (IpProtocol, (Ipv4Addr, u16), (Ipv4Addr, u16)) {
    let client = Ipv4Addr::new(10, 0, 0, 2 + (n % 3) as u8);
    let server = Ipv4Addr::new(198, 51, 100, 7 + (n % 2) as u8);
    let (protocol, port) = [
        (IpProtocol::TCP, 443),
        (IpProtocol::UDP, 53),
        (IpProtocol::TCP, 443),
        (IpProtocol::TCP, 25),
        (IpProtocol::UDP, 123),
    ][n % 5];
    (protocol, (client, 40_000 + (n % 2) as u16), (server, port))
}

/// The packet of a step, where the inside end is seen at `inside`.
fn packet(step: &Step, inside: (Ipv4Addr, u16)) -> PacketBuf {
    let (protocol, _, server) = ends(step.connection);
    let (from, to) = if step.from_inside {
        (inside, server)
    } else {
        (server, inside)
    };
    let mut packet = PacketBuf::from_slice(64, &[7; 40][..step.data]);
    let addresses = PseudoHeader::V4 {
        source: from.0,
        destination: to.0,
    };
    if protocol == IpProtocol::TCP {
        let header = TcpRepr {
            source_port: from.1,
            destination_port: to.1,
            sequence_number: step.numbers.0,
            acknowledgment_number: step.numbers.1,
            flags: TcpFlags(step.flags),
            window: 500,
            ..TcpRepr::default()
        };
        header.emit(&mut packet, &addresses).unwrap();
    } else {
        let header = UdpRepr {
            source_port: from.1,
            destination_port: to.1,
        };
        header.emit(&mut packet, &addresses).unwrap();
    }
    let mut ip = Ipv4Repr::new(from.0, to.0, protocol);
    ip.dont_fragment = true;
    ip.emit(&mut packet).unwrap();
    if step.breaks_checksum {
        let last = packet.len() - 1;
        packet.as_mut_slice()[last] ^= 0x55;
    }
    packet
}

fn step() -> impl Strategy<Value = Step> {
    let flags = prop_oneof![
        3 => Just(0x02u16), 3 => Just(0x12), 6 => Just(0x10), 1 => Just(0x11), 1 => Just(0x04),
        1 => Just(0x14), 1 => 0u16..0x40,
    ];
    let pause = prop_oneof![
        8 => (0u64..1_500).prop_map(Duration::from_millis),
        1 => Just(Duration::from_secs(20_000)),
    ];
    (
        0usize..30,
        any::<bool>(),
        flags,
        (0u32..4, 0u32..4),
        0usize..40,
        pause,
        proptest::bool::weighted(0.05),
    )
        .prop_map(
            |(connection, from_inside, flags, numbers, data, pause, breaks_checksum)| Step {
                connection,
                from_inside,
                flags,
                numbers: (numbers.0 * 20, numbers.1 * 20),
                data: if flags & 0x02 == 0 { data } else { 0 },
                pause,
                breaks_checksum,
            },
        )
}

/// The source of a packet.
fn source(packet: &PacketBuf) -> (Ipv4Addr, u16) {
    let octets = packet.as_slice();
    let port = u16::from_be_bytes([octets[20], octets[21]]);
    (Ipv4Packet::parse(octets).unwrap().source(), port)
}

/// A TCP connection of the sequence's, from its start to data both ways.
fn handshake(connection: usize) -> Vec<Step> {
    let step = |from_inside, flags, numbers, data| Step {
        connection,
        from_inside,
        flags,
        numbers,
        data,
        pause: Duration::ZERO,
        breaks_checksum: false,
    };
    vec![
        step(true, 0x02, (0, 0), 0),
        step(false, 0x12, (0, 1), 0),
        step(true, 0x10, (1, 1), 20),
        step(false, 0x10, (1, 21), 20),
        step(true, 0x10, (21, 21), 0),
    ]
}

/// Feeds both, and returns how many packets went on, and how many did not.
fn compare(steps: &[Step]) -> Result<[usize; 2], TestCaseError> {
    let (mut apart, mut together) = (Apart::new(), together());
    let mut now = Instant::from_secs(100);
    // How each connection is seen from outside, by the one and by the other.
    let mut seen: BTreeMap<_, [(Ipv4Addr, u16); 2]> = BTreeMap::new();
    let mut counts = [0; 2];
    for step in steps {
        now += step.pause;
        apart.handle_timeout(now);
        together.handle_timeout(now);
        let (protocol, client, server) = ends(step.connection);
        let connection = (protocol.0, client, server);
        let nobody = [(OUTSIDE, 9), (OUTSIDE, 9)];
        let outside = seen.get(&connection).copied().unwrap_or(nobody);
        let (side, inside) = if step.from_inside {
            (Side::Inside, [client; 2])
        } else {
            (Side::Outside, outside)
        };
        let [mut one, mut other] = inside.map(|inside| packet(step, inside));
        let passes = apart.process(now, side, &mut one);
        let result = together.process(now, side, &mut other);
        prop_assert_eq!(passes, result.is_ok(), "{:?}: {:?}", step, result);
        counts[usize::from(!passes)] += 1;
        if !passes {
            continue;
        }
        if step.from_inside {
            let ends = [source(&one), source(&other)];
            prop_assert!(ends.iter().all(|end| end.0 == OUTSIDE));
            seen.insert(connection, ends);
            // But for the port, they are the same.
            prop_assert!(
                flow_state::FlowPacket::parse(other.as_slice())
                    .unwrap()
                    .verify()
                    .is_ok()
            );
            prop_assert_eq!(&one.as_slice()[22..24], &other.as_slice()[22..24]);
        } else {
            prop_assert_eq!(one.as_slice(), other.as_slice());
        }
        prop_assert_eq!(one.len(), other.len());
    }
    Ok(counts)
}

proptest! {
    /// Over random sequences of packets, one entry says what two say apart.
    #[test]
    fn one_entry_says_what_two_say(steps in proptest::collection::vec(step(), 1..120)) {
        compare(&steps)?;
    }

    /// The same with connections that are open.
    #[test]
    fn one_entry_says_what_two_say_of_open_connections(
        connections in proptest::collection::vec(0usize..6, 1..5),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut all: Vec<Step> = connections.iter().flat_map(|n| handshake(n * 5)).collect();
        all.extend(steps);
        let [passed, _] = compare(&all)?;
        prop_assert!(passed >= 5);
    }
}

#[test]
fn a_connection_goes_through_and_strangers_do_not() {
    let mut steps = handshake(0);
    let mut stranger = steps[1];
    stranger.connection = 2;
    steps.push(stranger);
    let mut forbidden = steps[0];
    forbidden.connection = 3;
    steps.push(forbidden);
    assert_eq!(compare(&steps).unwrap(), [5, 2]);
}
