//! Redirects: RFC 4861 §8, RFC 1122 §3.2.2.2.

use crate::support::{
    Bench, OWN, PEER, ROUTER, icmpv4, link_local, nd, prefix, router_advertisement, secs, v4, v6,
};
use core::net::Ipv6Addr;
use icmp_nd::host::Event;
use icmp_nd::neighbor::State;
use icmp_nd::wire::{NdOptionRepr, NdRepr};
use packet_buffer::wire::{ArpRepr, Icmpv4Repr, IpProtocol, Ipv4Repr, MacAddr, icmpv4_code};

const SECOND: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xfd]);

fn far() -> Ipv6Addr {
    v6("2001:db8:ffff::1")
}

fn bench(accept: bool) -> Bench {
    let mut bench = Bench::with(|config| {
        config.nd.accept_redirects = accept;
        config.nd.limits.max_redirected = 2;
    });
    bench.take(&router_advertisement(
        ROUTER,
        1800,
        &[prefix("2001:db8::/64", "LA", 3600)],
    ));
    bench.run_for(secs(2));
    bench.send(far());
    bench.sent.clear();
    bench
}

fn redirect(
    from: MacAddr,
    target: Ipv6Addr,
    destination: Ipv6Addr,
    mac: Option<MacAddr>,
) -> Vec<u8> {
    let option = mac.map(NdOptionRepr::TargetLinkLayerAddress);
    let message = NdRepr::Redirect {
        target,
        destination,
    };
    nd(
        from,
        link_local(from),
        link_local(OWN),
        message,
        option.as_slice(),
    )
}

// RFC 4861 §8.3 SHOULD (entry): IPv6 Ready v6LC.2.3.1, the destination is on the link.
// RFC 4861 §8.3 MUST (stale): IPv6 Ready v6LC.2.3.1, the destination is on the link.
#[test]
fn v6lc_2_3_1_redirected_to_the_destination_itself() {
    let mut bench = bench(true);
    bench.take(&redirect(ROUTER, far(), far(), Some(PEER)));
    assert_eq!(bench.state(far()), Some(State::Stale));
    assert!(
        !bench
            .host()
            .nd()
            .neighbors()
            .get(far())
            .unwrap()
            .is_router()
    );
    bench.send(far());
    assert_eq!(bench.udp(), [PEER]);
    // Without the option, it is asked for.
    let other = v6("2001:db8:ffff::2");
    bench.take(&redirect(ROUTER, other, other, None));
    bench.send(other);
    assert_eq!(bench.solicitations().len(), 1);
}

// RFC 4861 §8.3 MUST (is-router): IPv6 Ready v6LC.2.3.4, another router; 2.3.7, twice.
#[test]
fn v6lc_2_3_4_redirected_to_another_router() {
    let mut bench = bench(true);
    let second = link_local(SECOND);
    bench.take(&redirect(ROUTER, second, far(), Some(SECOND)));
    bench.send(far());
    assert_eq!(bench.udp(), [SECOND]);
    assert!(
        bench
            .host()
            .nd()
            .neighbors()
            .get(second)
            .unwrap()
            .is_router()
    );
    let redirected = icmp_nd::nd::Event::Redirected {
        destination: far(),
        target: second,
    };
    assert!(bench.events().contains(&Event::Nd(redirected)));
    // The first router is not the first hop any more; the second is.
    bench.refuse(
        &redirect(ROUTER, link_local(PEER), far(), Some(PEER)),
        "NotFirstHop",
    );
    bench.take(&redirect(SECOND, link_local(PEER), far(), Some(PEER)));
    bench.send(far());
    assert_eq!(bench.udp(), [PEER]);
}

// RFC 4861 §8.1 MUST (first-hop): IPv6 Ready v6LC.2.3.3 and 2.3.15, and nothing changes.
#[test]
fn v6lc_2_3_3_redirects_that_are_not_believed() {
    let mut bench = bench(true);
    bench.refuse(
        &redirect(PEER, link_local(PEER), far(), Some(PEER)),
        "NotFirstHop",
    );
    assert_eq!(bench.state(link_local(PEER)), None, "no entry either");
    let own = link_local(OWN);
    bench.refuse(&redirect(ROUTER, own, far(), Some(PEER)), "RedirectToSelf");
    let multicast = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
    bench.refuse(
        &redirect(ROUTER, link_local(PEER), far(), Some(multicast)),
        "LinkAddress",
    );
    let mut forwarded = redirect(ROUTER, link_local(PEER), far(), Some(PEER));
    forwarded[14 + 7] = 64;
    bench.refuse(&forwarded, "HopLimit");
    bench.send(far());
    assert_eq!(bench.udp(), [ROUTER]);
    let stats = *bench.host().nd().stats();
    assert_eq!(
        (
            stats.not_first_hop,
            stats.redirect_to_self,
            stats.link_address
        ),
        (1, 1, 1)
    );
}

#[test]
fn redirects_can_be_switched_off() {
    let mut bench = bench(false);
    bench.refuse(&redirect(ROUTER, far(), far(), Some(PEER)), "SwitchedOff");
    bench.send(far());
    assert_eq!(bench.udp(), [ROUTER]);
}

// RFC 4861 §7.3.3 SHOULD: when the new first hop is gone, next-hop determination is done again.
#[test]
fn a_redirect_to_someone_who_is_gone_is_forgotten() {
    let mut bench = bench(true);
    bench.take(&redirect(ROUTER, link_local(SECOND), far(), Some(SECOND)));
    bench.send(far());
    bench.run_for(secs(9));
    assert_eq!(bench.state(link_local(SECOND)), None);
    bench.take(&router_advertisement(ROUTER, 1800, &[]));
    bench.sent.clear();
    bench.send(far());
    assert_eq!(bench.udp(), [ROUTER]);
}

#[test]
fn redirects_are_bounded() {
    let mut bench = bench(true);
    for host in 0..2u16 {
        let to = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 1, host);
        bench.take(&redirect(ROUTER, to, to, Some(PEER)));
    }
    let to = v6("2001:db8:ffff::1:9");
    bench.refuse(&redirect(ROUTER, to, to, Some(PEER)), "TooManyRedirects");
    assert_eq!(bench.host().nd().stats().too_many_redirects, 1);
}

// RFC 1122 §3.2.2.2 MUST: obeyed: from the first hop, to a neighbor.
// RFC 1122 §3.2.2.2 SHOULD (source): obeyed: from the first hop, to a neighbor.
// RFC 1122 §3.2.2.2 SHOULD (same-net): obeyed: from the first hop, to a neighbor.
#[test]
fn an_ipv4_redirect() {
    let mut bench = Bench::new();
    let (gateway, better) = (v4("192.0.2.254"), v4("192.0.2.253"));
    let far = v4("198.51.100.1");
    bench
        .host_mut()
        .add_ipv4_route("0.0.0.0/0".parse().unwrap(), gateway);
    for (address, mac) in [(gateway, ROUTER), (better, SECOND)] {
        let request = ArpRepr::request(mac, address, v4("192.0.2.1"));
        bench.take(&crate::support::arp(MacAddr::BROADCAST, request));
    }
    bench.send(far);
    assert_eq!(bench.udp(), [ROUTER]);
    let quoted = |source| {
        let mut packet = icmp_nd::PacketBuf::from(&[0; 8][..]);
        Ipv4Repr::new(source, far, IpProtocol::UDP)
            .emit(&mut packet)
            .unwrap();
        packet.as_slice().to_vec()
    };
    let redirect = |from, source, to, quoted: &[u8]| {
        let message = Icmpv4Repr::Redirect {
            code: icmpv4_code::Redirect::HOST,
            gateway: to,
        };
        icmpv4(from, source, v4("192.0.2.1"), message, quoted)
    };
    let own = quoted(v4("192.0.2.1"));
    let foreign = quoted(v4("192.0.2.77"));
    bench.refuse(&redirect(SECOND, better, better, &own), "Redirect");
    bench.refuse(
        &redirect(ROUTER, gateway, v4("203.0.113.1"), &own),
        "Redirect",
    );
    bench.refuse(&redirect(ROUTER, gateway, better, &foreign), "ForeignQuote");
    bench.take(&redirect(ROUTER, gateway, better, &own));
    bench.send(far);
    assert_eq!(bench.udp(), [SECOND]);
    assert_eq!(bench.host().stats().redirects_refused, 2);
}
