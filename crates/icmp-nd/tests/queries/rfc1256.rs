//! Router discovery for IPv4, host and router.

use super::*;
use icmp_nd::irdp::{ALL_ROUTERS, ALL_SYSTEMS, *};
use testkit::{Discarded, LinkConfig, Network, Node, Port, for_each_seed};

const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 253);

fn subnet() -> Ipv4Prefix {
    "192.0.2.0/24".parse().unwrap()
}

fn host() -> IrdpHost {
    let config = IrdpHostConfig::new(ME, vec![subnet()]);
    IrdpHost::new(Instant::ZERO, config, random(1)).unwrap()
}

fn advertised(address: Ipv4Addr, preference: i32) -> Advertised {
    Advertised {
        address,
        prefix: subnet(),
        preference,
    }
}

fn router() -> IrdpRouter {
    let config = IrdpRouterConfig::new(vec![advertised(ROUTER, 5), advertised(SECOND, 7)]);
    IrdpRouter::new(Instant::ZERO, config, random(2)).unwrap()
}

fn advertisement(lifetime: u16, addresses: &[(Ipv4Addr, i32)]) -> Vec<u8> {
    let addresses: Vec<RouterAddress> = addresses
        .iter()
        .map(|&(address, preference)| RouterAddress {
            address,
            preference,
        })
        .collect();
    let mut out = PacketBuf::new();
    Icmpv4RouterAdvertisementRepr {
        code: 0,
        lifetime,
        addresses: &addresses,
    }
    .emit(&mut out)
    .unwrap();
    ipv4(ROUTER, ALL_SYSTEMS, &out)
}

fn solicitation(source: Ipv4Addr) -> Vec<u8> {
    query(source, ALL_ROUTERS, &Icmpv4Query::RouterSolicitation)
}

/// When a machine acted, until `until`.
fn times(router: &mut IrdpRouter, until: Instant, mut seen: impl FnMut(&[u8])) -> Vec<Instant> {
    let mut times = Vec::new();
    while let Some(now) = router.poll_timeout().filter(|&now| now <= until) {
        router.handle_timeout(now);
        let mut out = PacketBuf::new();
        if let Some(to) = router.poll_transmit(&mut out) {
            assert_eq!(to, ALL_SYSTEMS);
            times.push(now);
            seen(out.as_slice());
        }
    }
    times
}

mod section_4 {
    use super::*;

    // RFC 1256 §4.1 MUST (max-interval): 4 to 1800 seconds.
    // RFC 1256 §4.1 MUST (min-interval): 3 seconds to the greatest.
    // RFC 1256 §4.1 MUST (lifetime): from the greatest interval to 9000 seconds.
    #[test]
    fn bounds_of_the_configuration() {
        use IrdpRouterConfigError as E;
        let good = IrdpRouterConfig::new(vec![advertised(ROUTER, 0)]);
        let refused = |change: &dyn Fn(&mut IrdpRouterConfig)| {
            let mut config = good.clone();
            change(&mut config);
            IrdpRouter::new(Instant::ZERO, config, random(1)).err()
        };
        let seconds = Duration::from_secs;
        assert_eq!(refused(&|_| {}), None);
        assert_eq!(refused(&|c| c.addresses.clear()), Some(E::Addresses(0)));
        assert_eq!(
            refused(&|c| c.max_interval = seconds(3)),
            Some(E::MaxInterval)
        );
        assert_eq!(
            refused(&|c| c.max_interval = seconds(1_801)),
            Some(E::MaxInterval)
        );
        assert_eq!(
            refused(&|c| c.min_interval = seconds(2)),
            Some(E::MinInterval)
        );
        assert_eq!(
            refused(&|c| c.min_interval = seconds(601)),
            Some(E::MinInterval)
        );
        assert_eq!(refused(&|c| c.lifetime = 599), Some(E::Lifetime(599)));
        assert_eq!(refused(&|c| c.lifetime = 9_001), Some(E::Lifetime(9_001)));
    }

    // RFC 1256 §3 MUST (ttl): the time to live is 1.
    // RFC 1256 §4.3 MUST (random): intervals between both bounds, drawn anew.
    // RFC 1256 §4.3 MUST (initial): the first three at most 16 seconds apart.
    #[test]
    fn advertisements_come_in_random_intervals_the_first_ones_faster() {
        let mut router = router();
        let times = times(&mut router, Instant::from_secs(20_000), |packet| {
            let ip = Ipv4Packet::parse(packet).unwrap();
            assert_eq!((ip.time_to_live(), ip.source()), (1, ROUTER));
            let message = Icmpv4Message::parse(ip.payload()).unwrap();
            let view = Icmpv4RouterAdvertisement::parse(&message).unwrap();
            assert_eq!(view.lifetime(), 1_800);
            let addresses: Vec<RouterAddress> = view.addresses().collect();
            assert_eq!(addresses[0].address, ROUTER);
            assert_eq!(addresses[1].preference, 7);
        });
        assert!(times[0] <= Instant::from_secs(16));
        let gaps: Vec<u64> = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs())
            .collect();
        assert!(gaps[..2].iter().all(|&gap| gap <= 16), "{gaps:?}");
        assert!(
            gaps[2..].iter().all(|gap| (450..=600).contains(gap)),
            "{gaps:?}"
        );
        let different: std::collections::BTreeSet<&u64> = gaps[2..].iter().collect();
        assert!(different.len() > 10);
    }

    // RFC 1256 §4.3 MUST (response): within two seconds.
    // RFC 1256 §4.3 MUST (solicitor): to neighbors, and to who has no address.
    #[test]
    fn a_solicitation_is_answered_soon() {
        for source in [ME, Ipv4Addr::UNSPECIFIED] {
            let mut router = router();
            times(&mut router, Instant::from_secs(100), |_| {});
            let now = Instant::from_secs(200);
            router.handle_input(now, &solicitation(source)).unwrap();
            let next = router.poll_timeout().unwrap();
            assert!(next >= now && next <= now + Duration::from_secs(2));
        }
        let mut router = router();
        let stranger = solicitation([203, 0, 113, 1].into());
        assert_eq!(
            router.handle_input(Instant::ZERO, &stranger),
            Err(RouterDiscard::NoNeighbor)
        );
        assert_eq!(router.stats().no_neighbor, 1);
    }

    #[test]
    fn a_flood_of_solicitations_does_not_make_a_flood_of_answers() {
        let mut router = router();
        let mut sent = 0;
        for millis in 0..60_000 {
            let now = Instant::from_millis(millis);
            router.handle_timeout(now);
            sent += u32::from(router.poll_transmit(&mut PacketBuf::new()).is_some());
            router.handle_input(now, &solicitation(ME)).unwrap();
        }
        assert!(sent < 120, "{sent}");
    }

    // RFC 1256 §4.3 SHOULD (cease): a lifetime of 0 at the end.
    #[test]
    fn the_last_one_says_good_bye() {
        let mut router = router();
        router.stop();
        let mut out = PacketBuf::new();
        router.poll_transmit(&mut out).unwrap();
        let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
        let message = Icmpv4Message::parse(ip.payload()).unwrap();
        let view = Icmpv4RouterAdvertisement::parse(&message).unwrap();
        assert_eq!(view.lifetime(), 0);
        assert!(router.poll_transmit(&mut out).is_none());
        assert_eq!(router.poll_timeout(), None);
        assert_eq!(
            router.handle_input(Instant::ZERO, &solicitation(ME)),
            Err(RouterDiscard::Stopped)
        );
    }

    // RFC 1256 §4.2 MUST (valid): code 0, checksum, length.
    #[test]
    fn invalid_solicitations_are_ignored() {
        let mut router = router();
        let good = solicitation(ME);
        for at in 20..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(router.handle_input(Instant::ZERO, &bad).is_err());
        }
        assert_eq!(router.stats().solicitations, 0);
    }
}

mod section_5 {
    use super::*;

    // RFC 1256 §5.3 MUST (solicitations): three, three seconds apart.
    // RFC 1256 §5.3 SHOULD (delay): the first within a second.
    #[test]
    fn it_asks_three_times() {
        let mut host = host();
        let mut asked = Vec::new();
        while let Some(now) = host.poll_timeout() {
            host.handle_timeout(now);
            let mut out = PacketBuf::new();
            if let Some(to) = host.poll_transmit(&mut out) {
                assert_eq!(to, ALL_ROUTERS);
                let ip = Ipv4Packet::parse(out.as_slice()).unwrap();
                assert_eq!((ip.time_to_live(), ip.source()), (1, ME));
                asked.push(now);
            }
        }
        assert_eq!(asked.len(), 3);
        assert!(asked[0] <= Instant::from_secs(1));
        assert_eq!(asked[2] - asked[1], Duration::from_secs(3));
    }

    // RFC 1256 §5.3 MUST (stop): no more once a router is known.
    #[test]
    fn it_stops_asking_when_it_hears() {
        let mut host = host();
        let now = host.poll_timeout().unwrap();
        host.handle_timeout(now);
        // One that never is a default router does not count.
        let never = advertisement(60, &[(SECOND, RouterAddress::NEVER_DEFAULT)]);
        host.handle_input(now, &never).unwrap();
        assert_eq!(host.default_router(), None);
        assert!(host.poll_transmit(&mut PacketBuf::new()).is_some());
        let good = advertisement(60, &[(ROUTER, 0)]);
        host.handle_input(now, &good).unwrap();
        assert!(host.poll_timeout().unwrap() >= now + Duration::from_secs(60));
    }

    // RFC 1256 §5.3 MUST (highest): the one that is preferred most.
    // RFC 1256 §5.3 MUST NOT (ineligible): never one with the least value.
    // RFC 1256 §5.3 MUST (lifetime): no longer than its lifetime.
    #[test]
    fn the_best_that_lives_is_the_default() {
        let mut host = host();
        let now = Instant::from_secs(10);
        host.handle_input(now, &advertisement(100, &[(ROUTER, -5)]))
            .unwrap();
        assert_eq!(host.default_router(), Some(ROUTER));
        let better = [(SECOND, 3), (PEER, RouterAddress::NEVER_DEFAULT)];
        host.handle_input(now, &advertisement(50, &better)).unwrap();
        assert_eq!(host.default_router(), Some(SECOND));
        assert_eq!(host.routers().len(), 3);
        host.handle_timeout(Instant::from_secs(60));
        assert_eq!(host.default_router(), Some(ROUTER));
        // A lifetime of 0 ends it at once.
        host.handle_input(Instant::from_secs(61), &advertisement(0, &[(ROUTER, -5)]))
            .unwrap();
        assert_eq!(host.default_router(), None);
        let events: Vec<HostEvent> = core::iter::from_fn(|| host.poll_event()).collect();
        assert_eq!(
            events,
            [
                HostEvent::DefaultRouter(Some(ROUTER)),
                HostEvent::DefaultRouter(Some(SECOND)),
                HostEvent::Gone(SECOND),
                HostEvent::Gone(PEER),
                HostEvent::DefaultRouter(Some(ROUTER)),
                HostEvent::Gone(ROUTER),
                HostEvent::DefaultRouter(None),
            ]
        );
    }

    // RFC 1256 §5.3 MUST (neighbors): only those in a subnet of the host's.
    #[test]
    fn strangers_are_no_routers() {
        let mut host = host();
        let stranger = [203, 0, 113, 1].into();
        let forged = advertisement(60, &[(stranger, 100)]);
        assert_eq!(
            host.handle_input(Instant::ZERO, &forged),
            Err(HostDiscard::NoNeighbor)
        );
        let mixed = advertisement(60, &[(stranger, 100), (ROUTER, 0)]);
        host.handle_input(Instant::ZERO, &mixed).unwrap();
        assert_eq!(host.default_router(), Some(ROUTER));
        let stats = host.stats();
        assert_eq!((stats.no_neighbor, stats.addresses_ignored), (1, 1));
    }

    // RFC 1256 §5.2 MUST (valid): code, checksum, counts and lengths.
    #[test]
    fn invalid_advertisements_are_ignored() {
        let good = advertisement(60, &[(ROUTER, 0), (SECOND, 1)]);
        let variants = testkit::sweep(&good, |packet| {
            let mut host = host();
            if packet != good {
                assert!(host.handle_input(Instant::ZERO, packet).is_err());
                assert_eq!(host.default_router(), None);
            }
        });
        assert!(variants > 100);
    }

    #[test]
    fn a_flood_of_routers_is_bounded_and_keeps_the_best() {
        let mut host = host();
        host.handle_input(Instant::ZERO, &advertisement(600, &[(ROUTER, 50)]))
            .unwrap();
        for last in 2..250 {
            let address = Ipv4Addr::new(192, 0, 2, last);
            let forged = advertisement(600, &[(address, i32::from(last) - 300)]);
            host.handle_input(Instant::ZERO, &forged).unwrap();
            assert!(host.routers().len() <= 32);
        }
        assert!(host.stats().routers_dropped > 200);
        assert!(host.routers().iter().any(|router| router.address == ROUTER));
    }
}

struct HostNode(IrdpHost);

impl Node for HostNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.0.handle_input(now, frame).map_err(Discarded::new)
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out).map(|_| 0)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

struct RouterNode(IrdpRouter);

impl Node for RouterNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.0.handle_input(now, frame).map_err(Discarded::new)
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out).map(|_| 0)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

/// Hosts and routers on a LAN that loses, repeats, reorders and damages.
#[test]
fn hosts_find_the_best_router_on_a_bad_lan() {
    for_each_seed(0..40, |seed| {
        let mut network = Network::new(seed);
        let lan = network.add_lan("lan");
        let bad = LinkConfig {
            loss: 0.2,
            duplicate: 0.1,
            reorder: 0.1,
            corrupt: 0.1,
            ..LinkConfig::default()
        };
        let mut hosts = Vec::new();
        for n in 1..=3 {
            let config = IrdpHostConfig::new([192, 0, 2, n].into(), vec![subnet()]);
            let random = Box::new(network.random(&format!("host {n}")));
            let host = IrdpHost::new(Instant::ZERO, config, random).unwrap();
            let node = network.add_node(&format!("host {n}"), HostNode(host));
            network.attach(lan, node, bad.clone());
            hosts.push(node);
        }
        let mut routers = Vec::new();
        for (address, preference) in [(ROUTER, 1), (SECOND, 2)] {
            let config = IrdpRouterConfig {
                max_interval: Duration::from_secs(10),
                min_interval: Duration::from_secs(5),
                lifetime: 30,
                ..IrdpRouterConfig::new(vec![advertised(address, preference)])
            };
            let random = Box::new(network.random(&address.to_string()));
            let router = IrdpRouter::new(Instant::ZERO, config, random).unwrap();
            let node = network.add_node(&address.to_string(), RouterNode(router));
            network.attach(lan, node, bad.clone());
            routers.push(node);
        }
        network.run_until(Instant::from_secs(120));
        for &host in &hosts {
            let best = network.node::<HostNode>(host).0.default_router();
            assert_eq!(best, Some(SECOND));
        }
        // The better one says good-bye; who does not hear it waits for its lifetime.
        network.node_mut::<RouterNode>(routers[1]).0.stop();
        network.run_for(Duration::from_secs(31));
        for &host in &hosts {
            let best = network.node::<HostNode>(host).0.default_router();
            assert_eq!(best, Some(ROUTER));
        }
    });
}
