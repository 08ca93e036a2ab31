//! ARP: RFC 826, RFC 1122 §2.3.2, RFC 5227.

use crate::support::{Bench, OWN, PEER, ROUTER, Said, arp, secs, v4};
use core::net::Ipv4Addr;
use icmp_nd::arp::{ConflictPolicy, Event as ArpEvent};
use icmp_nd::host::{Event, SendError};
use icmp_nd::neighbor::State;
use packet_buffer::wire::{ArpOperation, ArpRepr, MacAddr};

const ME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const HIM: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn request(from: MacAddr, source: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp(MacAddr::BROADCAST, ArpRepr::request(from, source, target))
}

fn reply(from: MacAddr, source: Ipv4Addr) -> Vec<u8> {
    let packet = ArpRepr {
        operation: ArpOperation::REPLY,
        sender_hardware_address: from,
        sender_protocol_address: source,
        target_hardware_address: OWN,
        target_protocol_address: ME,
    };
    arp(OWN, packet)
}

fn state(bench: &Bench, address: Ipv4Addr) -> Option<State> {
    bench
        .host()
        .arp()
        .neighbors()
        .get(address)
        .map(|it| it.state())
}

// RFC 826, "Packet Reception": sender and target change places.
// RFC 826, "Packet Reception": and the asker is known from then on.
#[test]
fn a_request_is_answered() {
    let mut bench = Bench::new();
    bench.take(&request(PEER, HIM, ME));
    let expected = ArpRepr {
        operation: ArpOperation::REPLY,
        sender_hardware_address: OWN,
        sender_protocol_address: ME,
        target_hardware_address: PEER,
        target_protocol_address: HIM,
    };
    assert_eq!(bench.said(), [(PEER, Said::Arp(expected))]);
    assert_eq!(state(&bench, HIM), Some(State::Stale));
    bench.send(HIM);
    assert_eq!(bench.udp(), [PEER]);
}

#[test]
fn resolution_retries_and_gives_up() {
    let mut bench = Bench::new();
    let start = bench.now;
    bench.send(HIM);
    bench.run_for(secs(5));
    let times: Vec<_> = bench.sent.iter().map(|it| it.0 - start).collect();
    assert_eq!(times, [secs(0), secs(1), secs(2)]);
    let expected = Said::Arp(ArpRepr::request(OWN, ME, HIM));
    assert!(
        bench
            .said()
            .iter()
            .all(|it| *it == (MacAddr::BROADCAST, expected.clone()))
    );
    let unreachable = Event::Unreachable {
        source: ME.into(),
        destination: HIM.into(),
    };
    assert!(bench.events().contains(&unreachable));
}

// RFC 1122 §2.3.2.2 SHOULD: the packet that waits is sent with the answer.
#[test]
fn an_entry_in_use_is_polled_by_unicast() {
    let mut bench = Bench::new();
    bench.send(HIM);
    bench.take(&reply(PEER, HIM));
    assert_eq!(bench.udp(), [PEER]);
    assert_eq!(state(&bench, HIM), Some(State::Reachable));
    bench.run_for(secs(46));
    bench.send(HIM);
    bench.sent.clear();
    bench.run_for(secs(5));
    let expected = Said::Arp(ArpRepr::request(OWN, ME, HIM));
    assert_eq!(bench.said(), [(PEER, expected)]);
    bench.take(&reply(PEER, HIM));
    assert_eq!(state(&bench, HIM), Some(State::Reachable));
}

// RFC 826, "Packet Reception": and what else is refused, with a counter each.
#[test]
fn what_is_not_believed() {
    let mut bench = Bench::new();
    bench.refuse(&reply(PEER, HIM), "Unasked");
    bench.refuse(&request(MacAddr::BROADCAST, HIM, ME), "LinkSource");
    bench.refuse(&request(PEER, v4("198.51.100.1"), ME), "OffLink");
    bench.refuse(&request(PEER, v4("192.0.2.255"), ME), "SenderProtocol");
    bench.refuse(&request(PEER, v4("224.0.0.1"), ME), "SenderProtocol");
    bench.refuse(&request(PEER, HIM, v4("192.0.2.3")), "NotTarget");
    let mut other_hardware = request(PEER, HIM, ME);
    other_hardware[15] = 6;
    bench.refuse(&other_hardware, "ARP hardware type");
    let mut group = request(PEER, HIM, ME);
    group[14 + 8] = 3;
    bench.refuse(&group, "SenderHardware");
    assert_eq!(bench.host().arp().neighbors().len(), 0);
    let stats = bench.host().arp().stats();
    assert_eq!(
        (stats.unasked, stats.off_link, stats.sender_protocol),
        (1, 1, 2)
    );
    assert_eq!(
        (stats.not_target, stats.malformed, stats.sender_hardware),
        (1, 1, 1)
    );
}

// Gratuitous ARP moves an entry that is there, when that is allowed; and never makes one.
#[test]
fn gratuitous_arp() {
    for accept in [true, false] {
        let mut bench = Bench::with(|config| config.arp.accept_unsolicited = accept);
        let gratuitous = request(ROUTER, HIM, HIM);
        bench.refuse(&gratuitous, "NotTarget");
        bench.send(HIM);
        bench.take(&reply(PEER, HIM));
        assert_eq!(bench.input(&gratuitous).is_ok(), accept);
        bench.sent.clear();
        bench.send(HIM);
        assert_eq!(bench.udp(), [if accept { ROUTER } else { PEER }]);
    }
}

#[test]
fn a_proxy_answers_for_a_network() {
    let bench = Bench::new();
    let now = bench.now;
    let config = *bench.host().arp().config();
    let mut proxy =
        icmp_nd::arp::Arp::new(config, Box::new(testkit::SeededRandom::new(1))).unwrap();
    proxy.add_address(now, ME, 24).unwrap();
    let later = now + secs(10);
    while proxy.poll_timeout().is_some_and(|at| at <= later) {
        let at = proxy.poll_timeout().unwrap();
        proxy.handle_timeout(at);
    }
    let mut out = icmp_nd::PacketBuf::new();
    while proxy.poll_transmit(&mut out).is_some() {
        out.reset(0);
    }
    assert!(proxy.add_proxied("198.51.100.0/24".parse().unwrap()));
    let frame = request(PEER, HIM, v4("198.51.100.7"));
    proxy.handle_input(later, PEER, &frame[14..]).unwrap();
    let transmit = proxy.poll_transmit(&mut out).unwrap();
    assert_eq!(transmit.link_destination, PEER);
    let answer = packet_buffer::wire::ArpPacket::parse(out.as_slice())
        .unwrap()
        .to_repr()
        .unwrap();
    assert_eq!(answer.sender_protocol_address, v4("198.51.100.7"));
    assert_eq!(answer.sender_hardware_address, OWN);
    assert_eq!(proxy.stats().proxied, 1);
}

// RFC 5227 §2.1.1 MUST (wait): the first probe waits for a random time up to PROBE_WAIT.
// RFC 5227 §2.1.1 MUST (probe): the sender protocol address is zero.
// RFC 5227 §2.1.1 MUST (interval): from PROBE_MIN to PROBE_MAX, at random; and ANNOUNCE_WAIT after the last one.
// RFC 5227 §2.3 MUST (announcement): sender and target protocol address are the new address.
#[test]
fn an_address_is_probed_and_announced() {
    let mut bench = Bench::fresh(|_| {});
    let start = bench.now;
    bench.start();
    assert_eq!(bench.try_send(HIM), Err(SendError::NoSource), "not yet");
    bench.run_for(secs(12));
    let mut probes = Vec::new();
    let mut announcements = Vec::new();
    for (at, frame) in &bench.sent {
        if let (MacAddr::BROADCAST, Said::Arp(packet)) = crate::support::read(frame) {
            assert_eq!(packet.target_protocol_address, ME);
            assert_eq!(packet.operation, ArpOperation::REQUEST);
            match packet.sender_protocol_address {
                Ipv4Addr::UNSPECIFIED => probes.push(*at - start),
                ME => announcements.push(*at - start),
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!((probes.len(), announcements.len()), (3, 2));
    assert!(probes[0] <= secs(1));
    for pair in probes.windows(2) {
        assert!(
            (secs(1)..=secs(2)).contains(&(pair[1] - pair[0])),
            "{probes:?}"
        );
    }
    assert_eq!(announcements[0] - probes[2], secs(2));
    assert_eq!(announcements[1] - announcements[0], secs(2));
    assert!(
        bench
            .events()
            .contains(&Event::Arp(ArpEvent::Assigned { address: ME }))
    );
}

// RFC 5227 §2.1.1 MUST (conflict): while it is probed, the address is given up.
// RFC 5227 §2.1.1 SHOULD (simultaneous): while it is probed, the address is given up.
#[test]
fn an_address_that_another_station_has_is_not_used() {
    let conflicts = [
        reply(PEER, ME),
        request(PEER, ME, HIM),
        request(PEER, Ipv4Addr::UNSPECIFIED, ME),
    ];
    for conflict in conflicts {
        let mut bench = Bench::fresh(|_| {});
        bench.start();
        bench.run_for(secs(2));
        bench.take(&conflict);
        assert_eq!(bench.host().arp().addresses(), []);
        let given_up = ArpEvent::GivenUp {
            address: ME,
            link_address: PEER,
        };
        assert!(bench.events().contains(&Event::Arp(given_up)));
    }
}

// RFC 5227 §2.4 MUST (detect): any packet, request or reply, whose sender protocol address is ours.
// RFC 5227 §2.4 MUST (cease): with a second conflict within DEFEND_INTERVAL the address is given up.
// RFC 5227 §2.4 MUST NOT (defend-interval): never more than one defence in DEFEND_INTERVAL.
#[test]
fn an_assigned_address_is_defended_by_policy() {
    for (policy, defences, kept) in [
        (ConflictPolicy::GiveUp, 0, false),
        (ConflictPolicy::DefendOnce, 1, false),
        (ConflictPolicy::DefendAlways, 1, true),
    ] {
        let mut bench = Bench::with(|config| config.arp.conflict_policy = policy);
        for _ in 0..3 {
            let _ = bench.input(&request(PEER, ME, HIM));
        }
        let announcement = Said::Arp(ArpRepr::request(OWN, ME, ME));
        let said = bench.said();
        let count = said.iter().filter(|it| it.1 == announcement).count();
        assert_eq!(count, defences, "{policy:?}");
        assert_eq!(bench.host().is_own(ME.into()), kept);
    }
    // Conflicts that are far apart are each answered.
    let mut bench = Bench::new();
    for _ in 0..4 {
        bench.take(&request(PEER, ME, HIM));
        bench.run_for(secs(11));
    }
    assert!(bench.host().is_own(ME.into()));
    assert_eq!(bench.host().arp().stats().conflicts, 4);
}

// RFC 5227 §2.1.1 MUST (rate-limit): after MAX_CONFLICTS, one try in RATE_LIMIT_INTERVAL.
#[test]
fn tries_become_slow_after_many_conflicts() {
    let mut bench = Bench::fresh(|config| config.arp.max_conflicts = 1);
    bench.start();
    bench.run_for(secs(2));
    bench.take(&reply(PEER, ME));
    bench.sent.clear();
    let now = bench.now;
    bench
        .host_mut()
        .add_ipv4_address(now, v4("192.0.2.5"), 24)
        .unwrap();
    bench.run_for(secs(59));
    let is_arp = |it: &(MacAddr, Said)| matches!(it.1, Said::Arp(_));
    assert!(!bench.said().iter().any(is_arp));
    bench.run_for(secs(10));
    assert!(bench.said().iter().any(is_arp));
}

// RFC 1122 §3.3.1.4 MUST (dead-gateway): a gateway that has failed is not used while there is another.
// RFC 1122 §3.3.1.1 MUST (local): what is on the link goes there directly, all else through a gateway.
#[test]
fn a_dead_gateway_is_replaced() {
    let mut bench = Bench::new();
    let (first, second) = (v4("192.0.2.254"), v4("192.0.2.253"));
    for gateway in [first, second] {
        assert!(
            bench
                .host_mut()
                .add_ipv4_route("0.0.0.0/0".parse().unwrap(), gateway)
        );
    }
    let far = v4("198.51.100.1");
    bench.send(far);
    bench.run_for(secs(4));
    let asked = |bench: &mut Bench| {
        let of = |(_, said): (MacAddr, Said)| match said {
            Said::Arp(it) => Some(it.target_protocol_address),
            _ => None,
        };
        bench.said().into_iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(asked(&mut bench), [first; 3]);
    bench.send(far);
    assert_eq!(asked(&mut bench), [second]);
    bench.take(&reply(PEER, second));
    assert_eq!(bench.udp(), [PEER]);
}
