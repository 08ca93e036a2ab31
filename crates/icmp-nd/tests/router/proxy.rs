//! Proxy Neighbor Advertisements: RFC 4861 §7.2.8.

use super::support::*;
use icmp_nd::router::{Proxy, ProxyConfig, ProxyDiscard};
use icmp_nd::wire::{NdMessage, NdOptionRepr, NdRepr, solicited_node};
use packet_buffer::{Instant, PacketBuf};
use std::time::Duration;
use testkit::SeededRandom;

fn proxy(max_answers: usize) -> Proxy {
    let config = ProxyConfig {
        max_answers,
        ..ProxyConfig::new(ROUTER_MAC, ip("fe80::1"))
    };
    let mut proxy = Proxy::new(config, Box::new(SeededRandom::new(1))).unwrap();
    assert!(proxy.add("2001:db8:9::/64".parse().unwrap()));
    assert!(proxy.add("2001:db8:1::7/128".parse().unwrap()));
    proxy
}

fn ask(proxy: &mut Proxy, target: &str, source: &str) -> Result<(), ProxyDiscard> {
    let target = ip(target);
    let slla = [NdOptionRepr::SourceLinkLayerAddress(HOST_MAC)];
    let options = if source == "::" { &[][..] } else { &slla };
    let group = solicited_node(target).to_string();
    let packet = message(
        NdRepr::NeighborSolicitation { target },
        options,
        source,
        &group,
    );
    validated(&packet, |valid| proxy.handle_input(Instant::ZERO, valid))
}

// RFC 4861 §7.2.8 SHOULD (delay): up to a second.
// RFC 4861 §7.2.8 MUST (override): O is clear.
// RFC 4861 §7.2.8 MUST (link-address): with the proxy's own link-layer address.
#[test]
fn an_answer_for_somebody_else() {
    for (source, destination, solicited) in [
        ("2001:db8:1::5", "2001:db8:1::5", true),
        // Duplicate address detection: the address is taken.
        ("::", "ff02::1", false),
    ] {
        let mut proxy = proxy(256);
        ask(&mut proxy, "2001:db8:9::1234", source).unwrap();
        // A repeated question has one answer.
        ask(&mut proxy, "2001:db8:9::1234", source).unwrap();
        let due = proxy.poll_timeout().unwrap();
        assert!(due - Instant::ZERO <= Duration::from_secs(1));
        let mut out = PacketBuf::new();
        assert_eq!(proxy.poll_transmit(&mut out), None);
        proxy.handle_timeout(due);
        let transmit = proxy.poll_transmit(&mut out).unwrap();
        assert_eq!(transmit.destination, ip(destination));
        assert_eq!(
            transmit.link_destination.is_some_and(|it| it == HOST_MAC),
            solicited
        );
        validated(out.as_slice(), |valid| {
            let NdMessage::NeighborAdvertisement(it) = valid.message() else {
                panic!("not an advertisement");
            };
            assert_eq!(valid.source(), ip("fe80::1"));
            assert_eq!(it.target(), ip("2001:db8:9::1234"));
            assert!(!it.is_override() && it.is_router());
            assert_eq!(it.is_solicited(), solicited);
            assert_eq!(it.options().target_mac(), Some(ROUTER_MAC));
        });
        assert_eq!(proxy.poll_transmit(&mut out), None);
        assert_eq!((proxy.stats().answered, proxy.stats().merged), (1, 1));
    }
}

#[test]
fn only_for_those_whom_it_was_told() {
    let mut proxy = proxy(256);
    assert!(proxy.answers_for(ip("2001:db8:1::7")));
    assert!(!proxy.answers_for(ip("2001:db8:1::8")));
    let result = ask(&mut proxy, "2001:db8:1::8", "2001:db8:1::5");
    assert_eq!(result, Err(ProxyDiscard::NotProxied));
    ask(&mut proxy, "2001:db8:1::7", "2001:db8:1::5").unwrap();
    // The node is back home: the answer that waits is not given.
    proxy.remove("2001:db8:1::7/128".parse().unwrap());
    assert_eq!(proxy.poll_timeout(), None);
    assert_eq!(proxy.targets().len(), 1);
    let packet = message(NdRepr::RouterSolicitation, &[], "fe80::5", "ff02::2");
    let result = validated(&packet, |valid| proxy.handle_input(Instant::ZERO, valid));
    assert_eq!(result, Err(ProxyDiscard::NotASolicitation));
}

/// A scan of a proxied prefix fills the queue, and no more.
#[test]
fn a_scan_is_bounded() {
    let mut proxy = proxy(32);
    let mut full = 0;
    for number in 0..5_000 {
        let target = format!("2001:db8:9::{number:x}");
        match ask(&mut proxy, &target, "2001:db8:1::5") {
            Ok(()) => {}
            Err(ProxyDiscard::Full) => full += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(full, 5_000 - 32);
    assert_eq!(proxy.stats().full, full);
    proxy.handle_timeout(Instant::from_secs(1));
    let mut out = PacketBuf::new();
    let answers = std::iter::from_fn(|| proxy.poll_transmit(&mut out)).count();
    assert_eq!(answers, 32);
}
