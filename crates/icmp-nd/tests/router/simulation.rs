//! A router and hosts on simulated links: they find each other, and the router says what it cannot do.

use super::support::*;
use icmp_nd::router::RouteTarget;
use packet_buffer::Instant;
use packet_buffer::wire::icmpv6_code::{ParameterProblem, TimeExceeded, Unreachable};
use packet_buffer::wire::{Icmpv6Repr, Icmpv6Type, IpProtocol, Ipv6Repr};
use std::net::Ipv6Addr;
use std::time::Duration;
use testkit::{LinkConfig, Network, NodeId, assert_deterministic, for_each_seed};

struct Lab {
    network: Network,
    router: NodeId,
    alice: NodeId,
    bob: NodeId,
    carol: NodeId,
}

/// Alice and carol on the LAN of 9000 octets, bob on the link of 1500.
fn lab(seed: u64, link: &LinkConfig) -> Lab {
    let mut network = Network::new(seed);
    let mut config = two_links();
    // A prefix that lies on alice's link, of which she does not know, and one behind a router there.
    let on_link = RouteTarget::OnLink { port: 0 };
    config
        .routes
        .push(("2001:db8:77::/64".parse().unwrap(), on_link));
    let behind = RouteTarget::Via {
        port: 0,
        gateway: ip("fe80::77"),
    };
    config
        .routes
        .push(("2001:db8:88::/48".parse().unwrap(), behind));
    config
        .routes
        .push(("2001:db8:dead::/48".parse().unwrap(), RouteTarget::Reject));
    config
        .routes
        .push(("2001:db8:beef::/48".parse().unwrap(), RouteTarget::Prohibit));
    config
        .routes
        .push(("2001:db8:cafe::/48".parse().unwrap(), RouteTarget::Discard));
    let node = router(config, network.random("router"));
    let router = network.add_node("router", node);
    let mut host = |name: &str, last, mtu| {
        let node = HostNode::new(last, mtu, network.random(name));
        network.add_node(name, node)
    };
    let (alice, bob) = (host("alice", 1, 9000), host("bob", 2, 1500));
    let carol = host("carol", 3, 9000);
    let lan = network.add_lan("wide");
    for end in [(router, 0), (alice, 0), (carol, 0)] {
        network.attach(lan, end, link.clone());
    }
    network.add_link("narrow", bob, (router, 1), link.clone());
    Lab {
        network,
        router,
        alice,
        bob,
        carol,
    }
}

impl Lab {
    fn configured(seed: u64, link: &LinkConfig) -> Self {
        let mut lab = lab(seed, link);
        let hosts = [lab.alice, lab.bob, lab.carol];
        lab.network
            .run_until_condition(Instant::from_secs(120), |network| {
                hosts
                    .iter()
                    .all(|&it| network.node::<HostNode>(it).global().is_some())
            })
            .expect("all hosts have addresses");
        lab
    }

    fn address(&self, host: NodeId) -> Ipv6Addr {
        self.network.node::<HostNode>(host).global().unwrap()
    }

    fn alice(&mut self) -> &mut HostNode {
        self.network.node_mut(self.alice)
    }

    /// What alice gets back within some seconds.
    fn answers(&mut self) -> Vec<Received> {
        self.network.run_for(Duration::from_secs(6));
        std::mem::take(&mut self.alice().received)
    }
}

#[test]
fn hosts_configure_themselves_and_talk_through_the_router() {
    for_each_seed(0..10, |seed| {
        let lossy = LinkConfig {
            loss: 0.1,
            jitter: Duration::from_millis(2),
            duplicate: 0.05,
            ..LinkConfig::default()
        };
        let mut lab = Lab::configured(seed, &lossy);
        assert!(lab.address(lab.bob).to_string().starts_with("2001:db8:2:"));
        let bob = lab.address(lab.bob);
        let mut replies = 0;
        for _ in 0..20 {
            lab.alice().ping(bob, 104);
            lab.network.run_for(Duration::from_secs(1));
        }
        for received in lab.answers() {
            if matches!(received.message, Icmpv6Repr::EchoReply { .. }) {
                assert_eq!((received.source, received.hop_limit), (bob, 63));
                replies += 1;
            }
        }
        assert!(replies >= 5, "{replies} of 20 pings were answered");
        assert!(
            lab.network
                .node::<RouterNode>(lab.router)
                .0
                .stats()
                .forwarded
                > 20
        );
    });
}

#[test]
fn what_the_router_tells_its_neighbors() {
    let mut lab = Lab::configured(1, &LinkConfig::default());
    let bob = lab.address(lab.bob);
    let unreachable = |code| Icmpv6Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
    };
    let router = ip("2001:db8:1::1");
    // RFC 4443 §3.1 SHOULD (no-route): code 0.
    // RFC 4443 §2.2 MUST (other): from an address of the router.
    // RFC 4443 §3.1 SHOULD (address): code 3, after three solicitations.
    // RFC 4861 §7.2.2 MUST (unreachable): for a packet that waited.
    for (to, code) in [
        ("2001:db8:ffff::1", Unreachable::NO_ROUTE),
        ("2001:db8:dead::1", Unreachable::REJECT_ROUTE),
        ("2001:db8:beef::1", Unreachable::ADMINISTRATIVELY_PROHIBITED),
        ("2001:db8:2::999", Unreachable::ADDRESS),
    ] {
        lab.alice().ping(ip(to), 104);
        let answers = lab.answers();
        assert_eq!(answers.len(), 1, "{to}");
        assert_eq!(answers[0].message, unreachable(code), "{to}");
        assert_eq!(answers[0].source, router);
        assert_eq!(answers[0].length, 104 + 48);
    }
    lab.alice().ping(ip("2001:db8:cafe::1"), 104);
    assert_eq!(lab.answers(), []);
    // RFC 4443 §3.1 SHOULD (port): code 4.
    // RFC 4443 §2.2 MUST (own): from the address that was asked.
    lab.alice().send_udp(ip("2001:db8:2::1"));
    let answers = lab.answers();
    assert_eq!(answers[0].message, unreachable(Unreachable::PORT));
    assert_eq!(answers[0].source, ip("2001:db8:2::1"));
    // RFC 4443 §3.1 MUST (scope): from a link-local address to another link.
    let link_local = lab.alice().nd.addresses().usable_link_local().unwrap();
    let header = Ipv6Repr::new(link_local, bob, IpProtocol::ICMPV6);
    lab.alice().ping_with(header, 104);
    let answers = lab.answers();
    assert_eq!(answers[0].message, unreachable(Unreachable::BEYOND_SCOPE));
    // RFC 4443 §3.2 MUST (send): the MTU of the next link.
    lab.alice().ping(bob, 1501);
    let answers = lab.answers();
    assert_eq!(answers[0].message, Icmpv6Repr::PacketTooBig { mtu: 1500 });
    assert_eq!(answers[0].length, 1280);
    lab.alice().ping(bob, 1500);
    assert!(matches!(
        lab.answers()[0].message,
        Icmpv6Repr::EchoReply { .. }
    ));
    // RFC 8200 §3 MUST (decrement): one hop less each.
    // RFC 4443 §3.3 MUST: at zero it is told.
    let alice = lab.address(lab.alice);
    let header = Ipv6Repr {
        hop_limit: 1,
        ..Ipv6Repr::new(alice, bob, IpProtocol::ICMPV6)
    };
    lab.alice().ping_with(header, 104);
    let exceeded = Icmpv6Repr::TimeExceeded {
        code: TimeExceeded::TRANSIT,
        quoted_words: 0,
    };
    assert_eq!(lab.answers()[0].message, exceeded);
    // A protocol that the router does not speak.
    let header = Ipv6Repr::new(alice, router, IpProtocol(143));
    lab.alice().ping_with(header, 104);
    let problem = Icmpv6Repr::ParameterProblem {
        code: ParameterProblem::NEXT_HEADER,
        pointer: 6,
    };
    assert_eq!(lab.answers()[0].message, problem);
    let stats = lab.network.node::<RouterNode>(lab.router).0.stats();
    assert_eq!((stats.no_route, stats.rejected), (1, 3));
    assert_eq!(
        (stats.too_big, stats.beyond_scope, stats.unreachable),
        (1, 1, 1)
    );
    assert_eq!(stats.errors.sent_ipv6, 9);
}

// RFC 4443 §4.2 MUST (reply): the router answers on all its addresses.
// RFC 4443 §4.2 MUST (source): from the address that was asked, or from one of the link.
#[test]
fn the_router_answers_itself() {
    let mut lab = Lab::configured(2, &LinkConfig::default());
    let router = lab.network.node::<RouterNode>(lab.router);
    let link_local = router
        .0
        .interface(0)
        .unwrap()
        .addresses()
        .usable_link_local()
        .unwrap();
    for (to, from) in [
        ("2001:db8:1::1".to_owned(), ip("2001:db8:1::1")),
        ("2001:db8:2::1".to_owned(), ip("2001:db8:2::1")),
        (link_local.to_string(), link_local),
        ("ff02::2".to_owned(), link_local),
    ] {
        lab.alice().ping(ip(&to), 104);
        let answers = lab.answers();
        assert_eq!(answers.len(), 1, "{to}");
        assert!(matches!(answers[0].message, Icmpv6Repr::EchoReply { .. }));
        let is_group = ip(&to).is_multicast();
        assert!(
            answers[0].source == from || is_group,
            "{to}: {}",
            answers[0].source
        );
        assert_eq!(answers[0].hop_limit, 64);
    }
    // More than the link takes: in fragments.
    lab.alice().ping(ip("2001:db8:1::1"), 9000);
    assert_eq!(lab.answers().len(), 1);
}

// RFC 4443 §2.4 MUST (b): in silence.
#[test]
fn unknown_informational_messages() {
    let mut lab = Lab::configured(6, &LinkConfig::default());
    let source = lab.address(lab.alice);
    let to = ip("2001:db8:1::1");
    let header = Ipv6Repr::new(source, to, IpProtocol::ICMPV6);
    for kind in [200, 255] {
        let message = Icmpv6Repr::Other {
            message_type: Icmpv6Type(kind),
            code: 0,
        };
        lab.alice().send_icmp(header, message, &[0; 8]);
        assert_eq!(lab.answers(), []);
        assert_eq!(lab.network.last_discard(lab.router), Some("Icmpv6"));
    }
    let stats = lab.network.node::<RouterNode>(lab.router).0.stats();
    assert_eq!(stats.errors.sent_ipv6, 0);
}

// RFC 4861 §8.2 SHOULD (send): to a destination that is on the link, and to a better router.
#[test]
fn the_router_redirects_its_neighbors() {
    let mut lab = Lab::configured(3, &LinkConfig::default());
    let destination = ip("2001:db8:77::7");
    let (router, alice) = (lab.router, lab.alice);
    lab.alice().ping(destination, 104);
    lab.network.run_for(Duration::from_millis(100));
    let now = lab.network.now();
    let host = lab.network.node_mut::<HostNode>(alice);
    assert_eq!(host.nd.next_hop(now, destination), Some(destination));
    let far = ip("2001:db8:88::8");
    lab.alice().ping(far, 104);
    lab.network.run_for(Duration::from_millis(100));
    let now = lab.network.now();
    let host = lab.network.node_mut::<HostNode>(alice);
    assert_eq!(host.nd.next_hop(now, far), Some(ip("fe80::77")));
    let stats = lab.network.node::<RouterNode>(router).0.stats();
    assert_eq!(stats.redirects.sent, 2);
}

#[test]
fn a_router_that_stops_is_forgotten() {
    let mut lab = Lab::configured(4, &LinkConfig::default());
    let (router, alice) = (lab.router, lab.alice);
    assert_eq!(lab.alice().nd.default_routers().count(), 1);
    let now = lab.network.now();
    lab.network.node_mut::<RouterNode>(router).0.stop(now);
    lab.network.run_for(Duration::from_secs(10));
    let host = lab.network.node_mut::<HostNode>(alice);
    assert_eq!(host.nd.default_routers().count(), 0);
    assert_eq!(
        host.nd.prefixes().len(),
        1,
        "the prefix is still on the link"
    );
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    assert_deterministic(5, |seed| {
        let mut lab = lab(seed, &LinkConfig::default());
        lab.network.start_trace();
        lab.network.run_until(Instant::from_secs(60));
        lab.network.trace().to_owned()
    });
}
