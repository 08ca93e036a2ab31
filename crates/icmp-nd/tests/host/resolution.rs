//! Address resolution and unreachability detection: RFC 4861 §7.2 and §7.3.

use crate::support::{
    Bench, OWN, PEER, Said, advertisement, echo6, link_local, millis, nd, secs, solicitation, v6,
};
use core::net::Ipv6Addr;
use icmp_nd::host::Event;
use icmp_nd::neighbor::State;
use icmp_nd::wire::{NdOptionRepr, NdRepr, NeighborAdvertisementRepr, solicited_node};
use packet_buffer::wire::MacAddr;

const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

fn peer() -> Ipv6Addr {
    link_local(PEER)
}

// RFC 4861 §7.2.2 MUST (slla): a multicast solicitation tells the sender's link-layer address.
// RFC 4861 §7.2.2 SHOULD (source): its source is that of the packet that prompted it.
#[test]
fn a_packet_to_an_unknown_neighbor_asks_for_it() {
    let mut bench = Bench::new();
    bench.send(peer());
    let said = bench.said();
    let group = solicited_node(peer());
    let expected = Said::Nd {
        source: link_local(OWN),
        destination: group,
        message: NdRepr::NeighborSolicitation { target: peer() },
        options: vec![NdOptionRepr::SourceLinkLayerAddress(OWN)],
    };
    assert_eq!(said, [(MacAddr::for_ipv6_multicast(group), expected)]);
    assert_eq!(bench.state(peer()), Some(State::Incomplete));
}

// IPv6 Ready v6LC.2.1.5: three solicitations, RetransTimer apart, and then an error.
// RFC 4861 §7.2.2 MUST (unreachable): what waited is not forgotten in silence.
#[test]
fn v6lc_2_1_5_three_solicitations_and_then_unreachable() {
    let mut bench = Bench::new();
    let start = bench.now;
    bench.send(peer());
    bench.run_for(secs(10));
    let times: Vec<_> = bench
        .solicitations()
        .iter()
        .map(|it| it.0 - start)
        .collect();
    assert_eq!(times, [secs(0), secs(1), secs(2)]);
    assert_eq!(bench.state(peer()), None);
    let unreachable = Event::Unreachable {
        source: link_local(OWN).into(),
        destination: peer().into(),
    };
    assert!(bench.events().contains(&unreachable));
    assert_eq!(bench.host().nd().neighbors().stats().unresolved, 1);
}

// RFC 4861 §7.2.2 MUST (queue): IPv6 Ready v6LC.2.1.2, the newest packets stay.
#[test]
fn v6lc_2_1_2_the_newest_packets_wait() {
    let mut bench = Bench::with(|config| config.nd.neighbor.max_packets_per_neighbor = 3);
    for octets in [1usize, 2, 3, 4, 5] {
        bench
            .send_octets(peer().into(), &vec![0; octets], false)
            .unwrap();
    }
    bench.sent.clear();
    bench.take(&advertisement(
        PEER,
        peer(),
        link_local(OWN),
        "SO",
        Some(PEER),
    ));
    let lengths: Vec<_> = bench
        .sent
        .iter()
        .map(|(_, frame)| frame.len() - 14 - 40 - 8)
        .collect();
    assert_eq!(lengths, [3, 4, 5], "in order");
    assert_eq!(bench.host().nd().neighbors().stats().packets_replaced, 2);
    assert_eq!(bench.host().nd().neighbors().waiting(), (0, 0));
}

// RFC 4861 §7.3.3: REACHABLE, STALE, DELAY, PROBE, gone; with the times of §10.
#[test]
fn a_neighbor_that_falls_silent_is_probed_and_forgotten() {
    let mut bench = Bench::new();
    bench.make_reachable(peer(), PEER);
    let confirmed = bench.now;
    bench.run_for(secs(14));
    assert_eq!(
        bench.state(peer()),
        Some(State::Reachable),
        "half of 30 s at least"
    );
    bench.run_for(secs(32));
    assert_eq!(
        bench.state(peer()),
        Some(State::Stale),
        "one and a half at most"
    );
    bench.sent.clear();
    let _ = confirmed;

    bench.send(peer());
    assert_eq!(bench.udp(), [PEER], "packets go on");
    assert_eq!(bench.state(peer()), Some(State::Delay));
    let start = bench.now;
    bench.run_for(millis(4999));
    assert_eq!(bench.said(), []);
    bench.run_for(secs(4));
    assert_eq!(bench.state(peer()), None);
    let probes = bench.solicitations();
    let times: Vec<_> = probes.iter().map(|it| it.0 - start).collect();
    assert_eq!(times, [secs(5), secs(6), secs(7)]);
    assert!(probes.iter().all(|it| it.1 == PEER), "unicast");
    assert_eq!(bench.host().nd().neighbors().stats().unreachable, 1);
}

// RFC 4861 §7.3.1: upper layers confirm, and nothing is probed.
#[test]
fn a_confirmation_of_an_upper_layer_saves_the_probe() {
    let mut bench = Bench::new();
    bench.take(&solicitation(PEER, peer(), link_local(OWN)));
    bench.send(peer());
    assert_eq!(bench.state(peer()), Some(State::Delay));
    let now = bench.now;
    bench.host_mut().confirm_reachable(now, peer().into());
    bench.sent.clear();
    bench.run_for(secs(10));
    assert_eq!(bench.state(peer()), Some(State::Reachable));
    assert_eq!(bench.said(), []);
}

// RFC 4861 §7.2.3 MUST (target): only for addresses of ours.
// RFC 4861 §7.2.3 SHOULD (entry): the sender becomes known.
// RFC 4861 §7.2.3 MUST (stale): STALE, and no more.
// RFC 4861 §7.2.4 MUST (solicited): the answer is solicited, and overrides.
// RFC 4861 §7.2.4 MUST (tlla): it tells the link-layer address.
// RFC 4861 §7.2.4 MUST (source): from the target.
#[test]
fn v6lc_2_1_8_a_solicitation_is_answered_and_makes_an_entry() {
    let mut bench = Bench::new();
    let own = link_local(OWN);
    bench.take(&solicitation(PEER, peer(), own));
    let answer = NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
        router: false,
        solicited: true,
        override_: true,
        target: own,
    });
    let expected = Said::Nd {
        source: own,
        destination: peer(),
        message: answer,
        options: vec![NdOptionRepr::TargetLinkLayerAddress(OWN)],
    };
    assert_eq!(bench.said(), [(PEER, expected)]);
    // The answer was a packet to a STALE neighbor.
    assert_eq!(bench.state(peer()), Some(State::Delay));
    // Another address of the same group, and one of another.
    bench.refuse(
        &solicitation(PEER, peer(), v6("fe80::1:ff:fe00:1")),
        "NotTarget",
    );
    assert_eq!(bench.host().nd().stats().not_target, 1);
    bench.refuse(
        &solicitation(PEER, peer(), v6("fe80::1:ff:fe00:9")),
        "NotListening",
    );
}

// RFC 4861 §7.2.4 MUST (unspecified): who tests an address of ours hears, with all nodes, that it
// is in use: DAD defence (RFC 4862 §5.4.3).
#[test]
fn an_assigned_address_is_defended() {
    let mut bench = Bench::new();
    let own = link_local(OWN);
    bench.take(&solicitation(PEER, Ipv6Addr::UNSPECIFIED, own));
    let said = bench.said();
    let [
        (
            to,
            Said::Nd {
                destination,
                message,
                ..
            },
        ),
    ] = &said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!(
        (*to, *destination),
        (MacAddr([0x33, 0x33, 0, 0, 0, 1]), v6("ff02::1"))
    );
    let NdRepr::NeighborAdvertisement(answer) = message else {
        panic!("{message:?}")
    };
    assert_eq!((answer.solicited, answer.override_), (false, true));
}

// RFC 4861 §7.2.3: a unicast solicitation without the option; the asker has to be resolved first.
#[test]
fn an_asker_that_tells_no_address_is_asked_back() {
    let mut bench = Bench::new();
    let own = link_local(OWN);
    let message = NdRepr::NeighborSolicitation { target: own };
    bench.take(&nd(PEER, peer(), own, message, &[]));
    assert_eq!(bench.solicitations().len(), 1, "an answer waits");
    assert_eq!(bench.state(peer()), Some(State::Incomplete));
    bench.take(&advertisement(PEER, peer(), own, "SO", Some(PEER)));
    let said = bench.said();
    assert!(
        matches!(
            &said[..],
            [(
                PEER,
                Said::Nd {
                    message: NdRepr::NeighborAdvertisement(_),
                    ..
                }
            )]
        ),
        "{said:?}"
    );
}

// RFC 4861 §7.2.5 SHOULD (no-entry): an advertisement makes no entry.
#[test]
fn v6lc_2_1_16_an_advertisement_that_nobody_asked_for_is_ignored() {
    let mut bench = Bench::new();
    for flags in ["", "S", "O", "SO", "RSO"] {
        bench.refuse(
            &advertisement(PEER, peer(), link_local(OWN), flags, Some(PEER)),
            "Unasked",
        );
    }
    assert_eq!(bench.state(peer()), None);
    assert_eq!(bench.host().nd().stats().unasked, 5);
}

// RFC 4861 §7.2.5 MUST NOT (override): without Override the cached address stays.
#[test]
fn v6lc_2_1_18_what_an_advertisement_does_to_a_reachable_neighbor() {
    for (flags, link_address, state, mac) in [
        ("", Some(PEER), State::Reachable, PEER),
        ("", Some(OTHER), State::Stale, PEER),
        ("O", Some(PEER), State::Reachable, PEER),
        ("O", Some(OTHER), State::Stale, OTHER),
        ("S", Some(PEER), State::Reachable, PEER),
        ("S", Some(OTHER), State::Stale, PEER),
        ("SO", Some(OTHER), State::Reachable, OTHER),
        ("S", None, State::Reachable, PEER),
        ("", None, State::Reachable, PEER),
    ] {
        let mut bench = Bench::new();
        bench.make_reachable(peer(), PEER);
        bench.take(&advertisement(
            OTHER,
            peer(),
            link_local(OWN),
            flags,
            link_address,
        ));
        let neighbor = bench.host().nd().neighbors().get(peer()).unwrap();
        let found = (neighbor.state(), neighbor.link_address());
        assert_eq!(found, (state, Some(mac)), "{flags} {link_address:?}");
    }
}

// IPv6 Ready v6LC.2.1.17: an advertisement without the option does not end INCOMPLETE.
#[test]
fn v6lc_2_1_17_an_answer_without_an_address_is_none() {
    let mut bench = Bench::new();
    bench.send(peer());
    bench.refuse(
        &advertisement(PEER, peer(), link_local(OWN), "S", None),
        "Unasked",
    );
    assert_eq!(bench.state(peer()), Some(State::Incomplete));
    bench.take(&advertisement(
        PEER,
        peer(),
        link_local(OWN),
        "",
        Some(PEER),
    ));
    assert_eq!(bench.state(peer()), Some(State::Stale));
}

// RFC 4861 §7.2.6 MUST (interval): unsolicited advertisements are RetransTimer apart.
#[test]
fn a_change_of_hardware_is_announced() {
    let mut config = icmp_nd::nd::InterfaceConfig::new(OWN);
    config.max_neighbor_advertisement = 3;
    let random = Box::new(testkit::SeededRandom::new(1));
    let mut interface = icmp_nd::nd::Interface::new(config, random).unwrap();
    let mut now = icmp_nd::Instant::ZERO;
    interface.start(now);
    let mut out = icmp_nd::PacketBuf::new();
    let mut times = Vec::new();
    let mut announced = false;
    while now < icmp_nd::Instant::from_secs(9) {
        while interface.poll_transmit(&mut out).is_some() {
            let ip = packet_buffer::wire::Ipv6Packet::parse(out.as_slice()).unwrap();
            let first = ip.upper_layer().unwrap().payload[0];
            if first == 136 {
                times.push(now);
            }
            out.reset(64);
        }
        if now >= icmp_nd::Instant::from_secs(3) && !announced {
            announced = true;
            interface.announce(now);
            continue;
        }
        now = interface.poll_timeout().unwrap().min(now + secs(1));
        interface.handle_timeout(now);
    }
    assert_eq!(times.len(), 3);
    assert_eq!(times[1] - times[0], secs(1));
    assert_eq!(times[2] - times[1], secs(1));
}

// RFC 4861 §7.2.7 SHOULD (delay): and no override, for an anycast address.
// IPv6 Ready v6LC.2.1.14.
#[test]
fn v6lc_2_1_14_an_anycast_address_answers_late_and_without_override() {
    let mut bench = Bench::new();
    let anycast = v6("2001:db8::fff0");
    let now = bench.now;
    let manual = icmp_nd::address::ManualAddress::anycast(anycast, 64);
    bench.host_mut().add_ipv6_address(now, &manual).unwrap();
    bench.run_for(secs(2));
    bench.sent.clear();
    bench.take(&solicitation(PEER, peer(), anycast));
    assert_eq!(bench.said(), [], "not at once");
    bench.run_for(millis(1001));
    let said = bench.said();
    let [
        (
            PEER,
            Said::Nd {
                message: NdRepr::NeighborAdvertisement(answer),
                source,
                ..
            },
        ),
    ] = &said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!(*source, link_local(OWN));
    assert_eq!((answer.solicited, answer.override_), (true, false));
}

// RFC 4861 §7.2.3 MUST NOT (is-router): IPv6 Ready v6LC.2.1.13, a solicitation says nothing of routers.
#[test]
fn v6lc_2_1_13_a_solicitation_leaves_is_router_alone() {
    let mut bench = Bench::new();
    bench.make_reachable(peer(), PEER);
    bench.take(&advertisement(
        PEER,
        peer(),
        link_local(OWN),
        "RSO",
        Some(PEER),
    ));
    bench.take(&solicitation(PEER, peer(), link_local(OWN)));
    assert!(
        bench
            .host()
            .nd()
            .neighbors()
            .get(peer())
            .unwrap()
            .is_router()
    );
}

// IPv6 Ready v6LC.2.1.6: the probe comes from the address that the traffic has.
#[test]
fn v6lc_2_1_6_the_probe_has_the_source_of_the_traffic() {
    let mut bench = Bench::new();
    let global = v6("2001:db8::1");
    let now = bench.now;
    let manual = icmp_nd::address::ManualAddress::new(global, 64);
    bench.host_mut().add_ipv6_address(now, &manual).unwrap();
    bench.run_for(secs(3));
    bench.take(&solicitation(PEER, peer(), global));
    bench.sent.clear();
    // An echo to the global address is answered from it.
    bench.take(&echo6(PEER, peer(), global));
    bench.run_for(secs(5));
    let said = bench.said();
    let probe = said.iter().find_map(|(to, said)| match said {
        Said::Nd {
            source,
            message: NdRepr::NeighborSolicitation { .. },
            ..
        } => Some((*to, *source)),
        _ => None,
    });
    assert_eq!(probe, Some((PEER, global)));
}

/// An interface on its own that has been up for three seconds.
fn interface(role: icmp_nd::nd::Role) -> (icmp_nd::nd::Interface, icmp_nd::Instant) {
    let mut config = icmp_nd::nd::InterfaceConfig::new(OWN);
    config.role = role;
    let random = Box::new(testkit::SeededRandom::new(1));
    let mut interface = icmp_nd::nd::Interface::new(config, random).unwrap();
    interface.start(icmp_nd::Instant::ZERO);
    let mut now = icmp_nd::Instant::ZERO;
    for _ in 0..30 {
        now += millis(100);
        interface.handle_timeout(now);
        drain(&mut interface);
    }
    (interface, now)
}

fn drain(interface: &mut icmp_nd::nd::Interface) -> Vec<Vec<u8>> {
    let mut out = icmp_nd::PacketBuf::new();
    let mut packets = Vec::new();
    while interface.poll_transmit(&mut out).is_some() {
        packets.push(out.as_slice().to_vec());
        out.reset(0);
    }
    packets
}

fn input(
    interface: &mut icmp_nd::nd::Interface,
    now: icmp_nd::Instant,
    frame: &[u8],
) -> Result<(), icmp_nd::nd::Discard> {
    let ip = packet_buffer::wire::Ipv6Packet::parse(&frame[14..]).unwrap();
    interface.handle_input(now, &ip, &ip.upper_layer().unwrap())
}

// RFC 4861 §7.2.8 SHOULD (proxy): a proxy answers late, and does not override.
#[test]
fn a_proxied_address_is_answered_for() {
    let (mut interface, now) = interface(icmp_nd::nd::Role::Router);
    let away = v6("fe80::aaaa");
    assert!(interface.add_proxied(away));
    assert!(interface.is_listening(solicited_node(away)));
    input(&mut interface, now, &solicitation(PEER, peer(), away)).unwrap();
    assert!(
        drain(&mut interface).iter().all(|it| it[40] != 136),
        "not at once"
    );
    interface.handle_timeout(now + secs(1));
    let packets = drain(&mut interface);
    let answer = packets
        .iter()
        .find(|it| it[6] == 58 && it[40] == 136)
        .unwrap();
    assert_eq!(answer[44] & 0x60, 0x40, "solicited, without override");
    assert_eq!(answer[48..64], away.octets());
}

// RFC 4861 §8.2 MUST NOT: a router does not believe Redirects.
#[test]
fn a_router_ignores_redirects() {
    let (mut interface, now) = interface(icmp_nd::nd::Role::Router);
    let message = NdRepr::Redirect {
        target: peer(),
        destination: v6("2001:db8::9"),
    };
    let frame = nd(PEER, peer(), link_local(OWN), message, &[]);
    let refused = input(&mut interface, now, &frame);
    assert_eq!(refused, Err(icmp_nd::nd::Discard::OtherRole));
}

// RFC 4862 §5.4.2 MUST: the test of an address comes from the unspecified address.
#[test]
fn the_test_of_an_address_has_no_source() {
    let mut bench = Bench::fresh(|_| {});
    bench.start();
    bench.run_for(secs(1));
    let said = bench.said();
    let test = said.iter().find_map(|(_, said)| match said {
        Said::Nd {
            source,
            message: NdRepr::NeighborSolicitation { target },
            options,
            ..
        } => Some((*source, *target, options.len())),
        _ => None,
    });
    assert_eq!(
        test,
        Some((Ipv6Addr::UNSPECIFIED, link_local(OWN), 1)),
        "and a nonce"
    );
}

// RFC 4861 §6.1.2 MUST (other-options): options that do not belong into a message are ignored.
#[test]
fn options_that_do_not_belong_are_ignored() {
    let mut bench = Bench::new();
    let options = [
        NdOptionRepr::TargetLinkLayerAddress(OTHER),
        NdOptionRepr::RedirectedHeader([0; 8][..].into()),
    ];
    bench.take(&crate::support::router_advertisement(PEER, 1800, &options));
    let neighbor = bench.host().nd().neighbors().get(peer()).unwrap();
    assert_eq!(neighbor.link_address(), Some(PEER));
    assert_eq!(bench.host().nd().default_routers().count(), 1);
}

// RFC 5942 §4: an address alone says nothing about what is on the link; the caller can.
#[test]
fn a_configured_address_reaches_the_prefix_that_is_configured_too() {
    let mut bench = Bench::new();
    let now = bench.now;
    let (own, other) = (v6("2001:db8:5::1"), v6("2001:db8:5::2"));
    let manual = icmp_nd::address::ManualAddress::new(own, 64);
    bench.host_mut().add_ipv6_address(now, &manual).unwrap();
    bench.run_for(secs(3));
    let no_route = Err(icmp_nd::host::SendError::NoRoute);
    assert_eq!(bench.try_send(other), no_route);

    let prefix = packet_buffer::wire::Ipv6Prefix::new(own, 64).unwrap();
    assert!(bench.host_mut().add_ipv6_prefix(prefix));
    assert!(bench.host_mut().add_ipv6_prefix(prefix), "again");
    bench.send(other);
    assert_eq!(bench.state(other), Some(State::Incomplete));
    // No router can take it back, and it outlives a link that goes down.
    bench.take(&crate::support::router_advertisement(
        PEER,
        0,
        &[crate::support::prefix("2001:db8:5::/64", "L", 0)],
    ));
    assert!(bench.host().nd().is_on_link(other));
    let now = bench.now;
    bench.host_mut().stop(now);
    assert!(bench.host().nd().is_on_link(other));

    assert!(bench.host_mut().remove_ipv6_prefix(prefix));
    assert!(!bench.host_mut().remove_ipv6_prefix(prefix));
    assert!(!bench.host().nd().is_on_link(other));
}
