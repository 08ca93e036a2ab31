//! Attacks from the link and through a router: what holds, what is dropped, and which counter tells.

use crate::support::{
    Bench, OWN, PEER, ROUTER, advertisement, arp, echo6, icmpv6, link_local, nd, prefix,
    router_advertisement, secs, solicitation, v4, v6,
};
use core::net::Ipv6Addr;
use icmp_nd::neighbor::State;
use icmp_nd::wire::{NdOptionRepr, NdRepr, RouteInformation, RouterPreference};
use packet_buffer::wire::{ArpRepr, Icmpv6Repr, MacAddr};

fn station(number: u32) -> MacAddr {
    let [_, a, b, c] = number.to_be_bytes();
    MacAddr([2, 0, 1, a, b, c])
}

fn configured() -> Bench {
    let mut bench = Bench::new();
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8::/64", "LA", 86_400)],
    ));
    bench.run_for(secs(3));
    bench.make_reachable(link_local(PEER), PEER);
    bench
}

// Cache exhaustion (RFC 6583): packets to 5000 addresses that nobody has.
#[test]
fn a_scan_of_the_link_leaves_known_neighbors_alone() {
    let mut bench = configured();
    for host in 0..5_000u16 {
        let to = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0xdead, 0, 0, host);
        let _ = bench.try_send(to);
    }
    let neighbors = bench.host().nd().neighbors();
    assert_eq!(neighbors.unresolved(), 256);
    assert!(neighbors.waiting().0 <= 256);
    assert_eq!(bench.state(link_local(PEER)), Some(State::Reachable));
    assert!(bench.state(link_local(ROUTER)).is_some());
    assert_eq!(bench.host().nd().default_routers().count(), 1);
    let stats = *bench.host().nd().neighbors().stats();
    assert!(stats.evicted_unresolved > 4_000, "the counter that tells");
    assert!(stats.solicitations_limited > 4_000);
    assert!(bench.solicitations().len() <= 201);
    // A neighbor that answers is resolved in the middle of it.
    let late = v6("2001:db8::77");
    bench.run_for(secs(1));
    bench.send(late);
    bench.take(&advertisement(
        station(7),
        late,
        link_local(OWN),
        "SO",
        Some(station(7)),
    ));
    assert_eq!(bench.state(late), Some(State::Reachable));
}

// Solicitations from 5000 made-up neighbors: STALE entries come and go, those in use stay.
#[test]
fn a_flood_of_solicitations() {
    let mut bench = configured();
    for number in 0..5_000u32 {
        let mac = station(number);
        let _ = bench.input(&solicitation(mac, link_local(mac), link_local(OWN)));
    }
    let neighbors = bench.host().nd().neighbors();
    assert!(neighbors.len() <= 1024);
    assert_eq!(bench.state(link_local(PEER)), Some(State::Reachable));
    assert!(
        bench.state(link_local(ROUTER)).is_some(),
        "a router is pinned"
    );
    let stats = *bench.host().nd().neighbors().stats();
    assert!(
        stats.evicted_stale + stats.refused > 0,
        "the counter that tells"
    );
}

// Poisoning (RFC 3756): unsolicited advertisements and solicitations in a neighbor's name.
#[test]
fn poisoning_is_noticed_and_verified() {
    let mut bench = configured();
    let (victim, own) = (link_local(PEER), link_local(OWN));
    let attacker = station(666);
    bench.take(&advertisement(attacker, victim, own, "S", Some(attacker)));
    let neighbor = bench.host().nd().neighbors().get(victim).unwrap();
    assert_eq!(
        neighbor.link_address(),
        Some(PEER),
        "without Override it only raises doubt"
    );
    bench.take(&advertisement(
        attacker,
        victim,
        v6("ff02::1"),
        "O",
        Some(attacker),
    ));
    let neighbor = bench.host().nd().neighbors().get(victim).unwrap();
    assert_eq!(
        (neighbor.state(), neighbor.link_address()),
        (State::Stale, Some(attacker))
    );
    let stats = bench.host().nd().neighbors().stats();
    assert_eq!((stats.override_refused, stats.link_address_changed), (1, 1));
    // Never an entry for someone who is not there.
    bench.refuse(
        &advertisement(attacker, v6("fe80::99"), own, "O", Some(attacker)),
        "Unasked",
    );
    // Nor an address that a whole group has.
    let group = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
    bench.refuse(
        &advertisement(attacker, victim, own, "SO", Some(group)),
        "LinkAddress",
    );
}

// ARP: gratuitous replies in the gateway's name, with the switch off.
#[test]
fn arp_poisoning_with_the_switch_off() {
    let mut bench = Bench::with(|config| config.arp.accept_unsolicited = false);
    let gateway = v4("192.0.2.254");
    bench.take(&arp(
        MacAddr::BROADCAST,
        ArpRepr::request(ROUTER, gateway, v4("192.0.2.1")),
    ));
    for _ in 0..100 {
        let forged = ArpRepr {
            operation: packet_buffer::wire::ArpOperation::REPLY,
            sender_hardware_address: PEER,
            sender_protocol_address: gateway,
            target_hardware_address: OWN,
            target_protocol_address: v4("192.0.2.1"),
        };
        bench.refuse(&arp(OWN, forged), "Unasked");
    }
    let neighbor = bench.host().arp().neighbors().get(gateway).unwrap();
    assert_eq!(neighbor.link_address(), Some(ROUTER));
    assert_eq!(bench.host().arp().stats().unasked, 100);
}

// Redirects in the router's name: the first hop alone is believed, and only so many.
#[test]
fn a_flood_of_forged_redirects() {
    let mut bench = configured();
    let mut taken = 0;
    for host in 0..1_000u16 {
        let to = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host);
        let message = NdRepr::Redirect {
            target: link_local(PEER),
            destination: to,
        };
        let own = link_local(OWN);
        bench.refuse(
            &nd(PEER, link_local(PEER), own, message, &[]),
            "NotFirstHop",
        );
        taken += usize::from(
            bench
                .input(&nd(ROUTER, link_local(ROUTER), own, message, &[]))
                .is_ok(),
        );
    }
    let stats = bench.host().nd().stats();
    assert_eq!(stats.not_first_hop, 1_000);
    assert_eq!(taken, 64, "the burst of the rate");
    assert_eq!(stats.redirects_limited, 936);
}

// RA flood: what was there first stays, and every list has an end.
#[test]
fn a_flood_of_router_advertisements() {
    let mut bench = configured();
    let before = bench.host().nd().addresses().iter().count();
    for number in 0..2_000u32 {
        let [_, _, a, b] = number.to_be_bytes();
        let mut options = Vec::new();
        for part in 0..8u16 {
            let network =
                Ipv6Addr::new(0x2001, 0xdb8, 0xbad, u16::from_be_bytes([a, b]), 0, 0, 0, 0);
            let text = format!(
                "{}/64",
                Ipv6Addr::from(network.to_bits() | u128::from(part) << 80)
            );
            options.push(prefix(&text, "LA", 86_400));
            options.push(NdOptionRepr::RouteInformation(RouteInformation {
                prefix: format!("2001:db8:{part:x}:{number:x}::/64")
                    .parse()
                    .unwrap(),
                preference: RouterPreference::High,
                lifetime: 86_400,
            }));
            options.push(NdOptionRepr::RecursiveDnsServers {
                lifetime: 86_400,
                servers: vec![Ipv6Addr::from(network.to_bits() | u128::from(part))].into(),
            });
        }
        let _ = bench.input(&router_advertisement(station(number), 1800, &options));
        if number % 20 == 0 {
            bench.run_for(secs(1));
        }
    }
    let nd = bench.host().nd();
    assert!(nd.prefixes().len() <= 32 && nd.default_routers().count() <= 16);
    assert!(nd.routes().len() <= 16 + 64 && nd.parameters().count() <= 64);
    assert!(nd.addresses().iter().count() <= 32 && before >= 2);
    assert_eq!(
        nd.default_routers().next().unwrap().router,
        link_local(ROUTER),
        "the old one stays"
    );
    assert!(nd.neighbors().len() <= 1024);
    let stats = nd.stats();
    assert!(stats.router_advertisements_limited > 0 && stats.default_routers_full > 0);
    assert!(stats.prefixes_full > 0 && stats.routes_full > 0 && stats.parameters_full > 0);
}

// RFC 5927 §4 SHOULD: an error that quotes somebody else's packet is ignored.
// Smurf by IPv6 and echo with impossible sources; a Packet Too Big that was never asked for.
#[test]
fn spoofed_sources_and_errors() {
    let mut bench = configured();
    bench.refuse(&echo6(PEER, v6("ff02::1"), link_local(OWN)), "SourceGroup");
    bench.refuse(&echo6(PEER, link_local(OWN), v6("ff02::1")), "OwnSource");
    let mut quoted = icmp_nd::PacketBuf::from(&[0; 8][..]);
    let foreign = v6("2001:db8::bad");
    let ip = packet_buffer::wire::Ipv6Repr::new(
        foreign,
        v6("2001:db8:1::1"),
        packet_buffer::wire::IpProtocol::UDP,
    );
    ip.emit(&mut quoted).unwrap();
    let message = Icmpv6Repr::PacketTooBig { mtu: 1280 };
    let own = link_local(OWN);
    bench.refuse(
        &icmpv6(PEER, link_local(PEER), own, message, quoted.as_slice()),
        "ForeignQuote",
    );
    assert_eq!(bench.host().stats().foreign_quote, 1);
}
