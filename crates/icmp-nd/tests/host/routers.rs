//! Routers and prefixes: RFC 4861 §5.2, §6.3; RFC 4191; RFC 4311; RFC 7559.

use crate::support::{
    Bench, OWN, PEER, ROUTER, Said, advertisement, link_local, millis, prefix,
    router_advertisement, router_advertisement_with, secs, v6,
};
use icmp_nd::host::{Event, SendError};
use icmp_nd::nd::{self, Parameter};
use icmp_nd::neighbor::State;
use icmp_nd::wire::{
    NdOptionRepr, NdRepr, RouteInformation, RouterAdvertisementRepr, RouterPreference,
};
use packet_buffer::wire::{Icmpv6Type, MacAddr};
use testkit::SeededRandom;

const SECOND: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xfd]);
const THIRD: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xfc]);

fn far() -> core::net::Ipv6Addr {
    v6("2001:db8:ffff::1")
}

/// A host with an address in 2001:db8::/64.
fn configured() -> Bench {
    let mut bench = Bench::new();
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8::/64", "LA", 3600)],
    ));
    bench.run_for(secs(3));
    bench.sent.clear();
    bench
}

/// Makes a router answer.
fn answer(bench: &mut Bench, router: MacAddr) {
    let frame = advertisement(
        router,
        link_local(router),
        link_local(OWN),
        "RSO",
        Some(router),
    );
    bench.take(&frame);
}

fn preference(from: MacAddr, preference: RouterPreference) -> Vec<u8> {
    let message = RouterAdvertisementRepr {
        router_lifetime: 1800,
        preference,
        ..RouterAdvertisementRepr::default()
    };
    router_advertisement_with(from, message, &[])
}

// RFC 4861 §5.2: on the link directly, elsewhere through the router; without one, nowhere.
// RFC 4861 §5.1 MUST (link-local-prefix): link-local addresses are always on the link.
#[test]
fn v6lc_2_2_18_next_hop_determination() {
    let mut bench = Bench::new();
    assert_eq!(bench.try_send(far()), Err(SendError::NoRoute));
    bench.send(link_local(PEER));
    assert_eq!(bench.state(link_local(PEER)), Some(State::Incomplete));

    let mut bench = configured();
    bench.send(far());
    assert_eq!(bench.udp(), [ROUTER]);
    bench.send(v6("2001:db8::77"));
    assert_eq!(
        bench.state(v6("2001:db8::77")),
        Some(State::Incomplete),
        "on the link"
    );
    assert_eq!(bench.solicitations().len(), 1);
}

// RFC 4861 §6.3.4 MUST NOT (no-l-flag): a prefix without the L flag is not on the link.
// IPv6 Ready v6LC.2.1.3.
#[test]
fn v6lc_2_1_3_a_prefix_without_the_on_link_flag() {
    let mut bench = Bench::new();
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8::/64", "A", 3600)],
    ));
    bench.run_for(secs(3));
    bench.send(v6("2001:db8::77"));
    assert_eq!(bench.udp(), [ROUTER]);
    // And a later one without the flag does not take back the flag of an earlier one.
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8::/64", "LA", 3600)],
    ));
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8::/64", "A", 0)],
    ));
    assert_eq!(bench.host().nd().prefixes().len(), 1);
}

// RFC 4861 §6.3.4 MUST (prefix-timeout): a lifetime of zero takes the prefix back at once.
// RFC 4861 §6.3.4 MUST (prefix-zero): of an unknown prefix it says nothing.
// RFC 4861 §6.3.4 SHOULD (link-local-prefix): the link-local prefix is ignored.
#[test]
fn on_link_prefixes_come_and_go() {
    let mut bench = Bench::new();
    let mut advertise = |option| bench.take(&router_advertisement(ROUTER, 1800, &[option]));
    advertise(prefix("2001:db8:1::/64", "L", 100));
    advertise(prefix("2001:db8:2::/64", "L", 0));
    advertise(prefix("fe80::/64", "L", 100));
    advertise(prefix("2001:db8:3::/64", "L", 5));
    assert_eq!(bench.host().nd().prefixes().len(), 2);
    bench.run_for(secs(5));
    assert_eq!(bench.host().nd().prefixes().len(), 1, "one is over");
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8:1::/64", "L", 0)],
    ));
    assert_eq!(bench.host().nd().prefixes(), []);
    let removed = nd::Event::PrefixRemoved("2001:db8:1::/64".parse().unwrap());
    assert!(bench.events().contains(&Event::Nd(removed)));
}

// RFC 4861 §6.3.4 MUST (lifetime-zero): the router says that it is none any more.
// RFC 4861 §6.3.5 MUST (destinations): those that it served find another.
#[test]
fn v6lc_2_2_14_router_lifetime() {
    let mut bench = configured();
    bench.take(&router_advertisement(SECOND, 1800, &[]));
    bench.take(&router_advertisement(ROUTER, 0, &[]));
    bench.send(far());
    assert_eq!(bench.udp(), [SECOND]);
    bench.take(&router_advertisement(SECOND, 2, &[]));
    bench.run_for(secs(2));
    assert_eq!(
        bench.try_send(far()),
        Err(SendError::NoRoute),
        "its lifetime is over"
    );
    let removed = Event::Nd(nd::Event::DefaultRouterRemoved {
        router: link_local(SECOND),
    });
    assert!(bench.events().contains(&removed));
}

// RFC 4861 §7.2.5 MUST (is-router): IsRouter takes the value of the R flag.
// RFC 4861 §7.2.5 MUST (router-to-host): IPv6 Ready v6LC.2.1.21, the R flag goes off.
#[test]
fn v6lc_2_1_21_a_router_that_becomes_a_host() {
    let mut bench = configured();
    bench.take(&router_advertisement(SECOND, 1800, &[]));
    answer(&mut bench, ROUTER);
    bench.send(far());
    bench.said();
    let router = link_local(ROUTER);
    for flags in ["", "S", "O", "SO"] {
        let mut bench = configured();
        answer(&mut bench, ROUTER);
        assert_eq!(bench.host().nd().default_routers().count(), 1);
        bench.take(&advertisement(
            ROUTER,
            router,
            link_local(OWN),
            flags,
            Some(ROUTER),
        ));
        assert_eq!(bench.host().nd().default_routers().count(), 0, "{flags}");
        assert_eq!(bench.try_send(far()), Err(SendError::NoRoute));
    }
}

// RFC 4861 §6.3.4 MUST (is-router): IPv6 Ready v6LC.2.2.17.
// RFC 4861 §6.3.4 MUST (stale): the entry that an advertisement makes is STALE.
#[test]
fn v6lc_2_2_17_an_advertisement_makes_a_router() {
    let mut bench = Bench::new();
    bench.take(&router_advertisement(ROUTER, 0, &[]));
    let neighbor = bench
        .host()
        .nd()
        .neighbors()
        .get(link_local(ROUTER))
        .unwrap();
    assert_eq!(
        (neighbor.state(), neighbor.is_router()),
        (State::Stale, true)
    );
    assert_eq!(bench.host().nd().default_routers().count(), 0);
}

// RFC 4861 §6.3.4 SHOULD (hop-limit): IPv6 Ready v6LC.2.2.13, zero says nothing.
// RFC 4861 §6.3.4 SHOULD (reachable-time): IPv6 Ready v6LC.2.2.15.
// RFC 4861 §6.3.4 SHOULD (retrans-timer): likewise.
// RFC 4861 §6.3.4 SHOULD (mtu): from 1280 to the link's own.
#[test]
fn v6lc_2_2_13_parameters_of_the_link() {
    let mut bench = Bench::new();
    let message = |cur_hop_limit, reachable_time, retrans_timer| RouterAdvertisementRepr {
        cur_hop_limit,
        reachable_time,
        retrans_timer,
        ..RouterAdvertisementRepr::default()
    };
    let advertise = |bench: &mut Bench, message, mtu| {
        let option = NdOptionRepr::Mtu(mtu);
        bench.take(&router_advertisement_with(ROUTER, message, &[option]));
    };
    advertise(&mut bench, message(15, 10_000, 5_000), 1400);
    advertise(&mut bench, message(0, 0, 0), 1279);
    advertise(&mut bench, message(3, u32::MAX, u32::MAX), 1501);
    let nd = bench.host().nd();
    assert_eq!((nd.hop_limit(), nd.link_mtu()), (15, 1400));
    let timing = nd.neighbors().timing();
    assert_eq!(timing.retrans_timer, secs(5));
    assert!((secs(5)..=secs(15)).contains(&timing.reachable_time));
    let stats = nd.stats();
    assert_eq!(
        (
            stats.mtu_ignored,
            stats.hop_limit_ignored,
            stats.times_ignored
        ),
        (2, 1, 2)
    );
    let start = bench.now;
    bench.send(link_local(PEER));
    bench.run_for(secs(20));
    let times: Vec<_> = bench
        .solicitations()
        .iter()
        .map(|it| it.0 - start)
        .collect();
    assert_eq!(times, [secs(0), secs(5), secs(10)], "v6LC.2.1.5 with 5 s");
}

// RFC 4861 §4.1 MUST (unspecified): without an address, the option is left out.
// RFC 4861 §6.3.7 SHOULD (delay): and IPv6 Ready v6LC.2.2.1: three at most, 4 s apart.
// RFC 7559 §2.1 MUST: by default without end, at intervals that double.
#[test]
fn v6lc_2_2_1_router_solicitations() {
    let times = |max| {
        let mut bench = Bench::fresh(|config| config.nd.solicitation.max = max);
        let start = bench.now;
        bench.start();
        bench.run_for(secs(600));
        let of = |(at, frame): &(icmp_nd::Instant, Vec<u8>)| match crate::support::read(frame).1 {
            Said::Nd {
                message: NdRepr::RouterSolicitation,
                source,
                options,
                ..
            } => {
                assert_eq!(source.is_unspecified(), options.is_empty());
                Some(*at - start)
            }
            _ => None,
        };
        bench.sent.iter().filter_map(of).collect::<Vec<_>>()
    };
    let classic = times(Some(3));
    assert_eq!(classic.len(), 3);
    assert!(classic[0] <= secs(1));
    assert_eq!(
        (classic[1] - classic[0], classic[2] - classic[1]),
        (secs(4), secs(4))
    );

    let endless = times(None);
    let mut expected = secs(4);
    for pair in endless.windows(2) {
        let interval = pair[1] - pair[0];
        assert!(
            interval >= expected * 9 / 10 && interval <= expected * 11 / 10,
            "{endless:?}"
        );
        expected *= 2;
    }
    assert_eq!(endless.len(), 8, "{endless:?}");
}

// IPv6 Ready v6LC.2.2.2: only a valid advertisement stops the solicitations.
#[test]
fn v6lc_2_2_2_what_stops_the_solicitations() {
    let mut bench = Bench::fresh(|_| {});
    bench.start();
    bench.run_for(secs(2));
    let mut forwarded = router_advertisement(ROUTER, 1800, &[]);
    forwarded[14 + 7] = 254;
    bench.refuse(&forwarded, "HopLimit");
    bench.take(&router_advertisement(SECOND, 0, &[]));
    bench.sent.clear();
    bench.run_for(secs(6));
    let solicits = |bench: &mut Bench| {
        let said = bench.said();
        let is = |it: &&(MacAddr, Said)| {
            matches!(
                it.1,
                Said::Nd {
                    message: NdRepr::RouterSolicitation,
                    ..
                }
            )
        };
        said.iter().filter(is).count()
    };
    assert_eq!(solicits(&mut bench), 1);
    bench.take(&router_advertisement(ROUTER, 1800, &[]));
    bench.run_for(secs(60));
    assert_eq!(solicits(&mut bench), 0);
}

// RFC 4861 §6.2.6 MUST (host): IPv6 Ready v6LC.2.2.3.
#[test]
fn v6lc_2_2_3_a_host_ignores_router_solicitations() {
    let mut bench = Bench::new();
    let source = link_local(PEER);
    let frame = crate::support::nd(PEER, source, v6("ff02::1"), NdRepr::RouterSolicitation, &[]);
    bench.refuse(&frame, "OtherRole");
    assert_eq!(bench.state(source), None);
}

// RFC 4191 §3.2 MUST (longest): the longest prefix, then the preference.
#[test]
fn routes_and_preferences() {
    let mut bench = configured();
    bench.take(&preference(SECOND, RouterPreference::High));
    bench.send(far());
    assert_eq!(bench.udp(), [SECOND], "preferred");
    let route = NdOptionRepr::RouteInformation(RouteInformation {
        prefix: "2001:db8:ffff::/48".parse().unwrap(),
        preference: RouterPreference::Low,
        lifetime: 100,
    });
    bench.take(&router_advertisement(
        THIRD,
        0,
        core::slice::from_ref(&route),
    ));
    bench.send(far());
    assert_eq!(bench.udp(), [THIRD], "longer");
    bench.send(v6("2001:db8:1::1"));
    assert_eq!(bench.udp(), [SECOND], "not for others");
    bench.run_for(secs(100));
    bench.sent.clear();
    bench.send(far());
    assert!(bench.udp().first() != Some(&THIRD), "its lifetime is over");
}

// RFC 4191 §3.2 MUST (reachable): a router that does not answer is not used while another does.
// RFC 4191 §3.5 SHOULD (probe): it is asked now and then whether it is back.
// RFC 4861 §6.3.6 SHOULD (round-robin): with none that answers, all take turns.
// IPv6 Ready v6LC.2.2.11.
#[test]
fn v6lc_2_2_11_a_router_that_falls_silent_is_replaced() {
    let mut bench = configured();
    bench.take(&preference(ROUTER, RouterPreference::High));
    bench.take(&router_advertisement(SECOND, 1800, &[]));
    bench.send(far());
    assert_eq!(bench.udp(), [ROUTER]);
    // Nobody answers its probes; the other one does.
    for _ in 0..12 {
        bench.run_for(secs(1));
        bench.send(far());
        let answered = bench
            .host()
            .nd()
            .neighbors()
            .get(link_local(SECOND))
            .is_some();
        if answered {
            answer(&mut bench, SECOND);
        }
    }
    let asked = bench.solicitations();
    let is_probe = |it: &&(icmp_nd::Instant, MacAddr, core::net::Ipv6Addr)| {
        it.1.is_multicast() && it.2 == link_local(ROUTER)
    };
    assert_eq!(
        asked.iter().filter(is_probe).count(),
        3,
        "asked whether it is back, once a minute"
    );
    bench.send(far());
    assert_eq!(bench.udp(), [SECOND]);
    bench.take(&preference(ROUTER, RouterPreference::High));
    bench.send(far());
    assert_eq!(bench.udp(), [ROUTER], "it is back");
}

// RFC 4311 §3 SHOULD: destinations are spread, and each stays with its router.
#[test]
fn equal_routers_share_the_destinations() {
    let shares = |load_sharing| {
        let mut bench = Bench::with(|config| config.nd.load_sharing = load_sharing);
        bench.take(&router_advertisement(
            ROUTER,
            1800,
            &[prefix("2001:db8::/64", "LA", 3600)],
        ));
        bench.take(&router_advertisement(SECOND, 1800, &[]));
        bench.run_for(secs(2));
        bench.sent.clear();
        for host in 0..64u16 {
            bench.send(core::net::Ipv6Addr::new(
                0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host,
            ));
        }
        let first = bench.udp();
        for host in 0..64u16 {
            bench.send(core::net::Ipv6Addr::new(
                0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host,
            ));
        }
        assert_eq!(bench.udp(), first, "each destination stays with its router");
        first.iter().filter(|&&to| to == ROUTER).count()
    };
    assert_eq!(shares(false), 64);
    assert!((16..=48).contains(&shares(true)));
}

// RFC 8106 §5.1 MUST (lifetime-zero): what routers tell beside.
#[test]
fn parameters_of_the_network() {
    let mut bench = Bench::new();
    let server = v6("2001:db8::53");
    let servers = |lifetime| NdOptionRepr::RecursiveDnsServers {
        lifetime,
        servers: vec![server].into(),
    };
    let portal = NdOptionRepr::CaptivePortal("https://example.net/api".into());
    bench.take(&router_advertisement(ROUTER, 1800, &[servers(100), portal]));
    bench.take(&router_advertisement(SECOND, 1800, &[servers(10)]));
    let known = |bench: &Bench| {
        let it = bench.host().nd().parameters();
        it.filter(|it| *it.0 == Parameter::DnsServer(server))
            .count()
    };
    assert_eq!(
        (known(&bench), bench.host().nd().parameters().count()),
        (2, 3)
    );
    bench.events();
    bench.run_for(secs(10));
    assert_eq!(known(&bench), 1);
    assert_eq!(bench.events(), [], "another router still stands for it");
    bench.take(&router_advertisement(ROUTER, 1800, &[servers(0)]));
    let removed = nd::Event::ParameterRemoved(Parameter::DnsServer(server));
    assert_eq!(bench.events(), [Event::Nd(removed)]);
}

// RFC 4861 §6.2.6 MUST (is-router): in the router's role, who asks is no router.
#[test]
fn a_router_tells_of_who_asks() {
    let mut config = nd::InterfaceConfig::new(OWN);
    config.role = nd::Role::Router;
    let mut interface = nd::Interface::new(config, Box::new(SeededRandom::new(1))).unwrap();
    let mut now = icmp_nd::Instant::ZERO;
    interface.start(now);
    for _ in 0..20 {
        now += millis(500);
        interface.handle_timeout(now);
    }
    while interface.poll_event().is_some() {}
    let source = link_local(PEER);
    let options = [NdOptionRepr::SourceLinkLayerAddress(PEER)];
    let frame = crate::support::nd(
        PEER,
        source,
        v6("ff02::2"),
        NdRepr::RouterSolicitation,
        &options,
    );
    let ip = packet_buffer::wire::Ipv6Packet::parse(&frame[14..]).unwrap();
    let upper = ip.upper_layer().unwrap();
    assert_eq!(upper.payload[0], Icmpv6Type::ROUTER_SOLICITATION.0);
    interface.handle_input(now, &ip, &upper).unwrap();
    assert_eq!(
        interface.poll_event(),
        Some(nd::Event::RouterSolicited { source })
    );
    let neighbor = interface.neighbors().get(source).unwrap();
    assert_eq!(
        (neighbor.state(), neighbor.is_router()),
        (State::Stale, false)
    );
}
