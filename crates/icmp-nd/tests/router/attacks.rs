//! What attackers on and off the link do to a router.

use super::support::*;
use icmp_nd::router::{RouterDiscard, RouterInterface};
use icmp_nd::wire::{NdOptionRepr, NdRepr};
use packet_buffer::wire::{EtherType, EthernetRepr, Icmpv6Repr, IpProtocol, Ipv6Repr, MacAddr};
use packet_buffer::{Instant, PacketBuf};
use std::time::Duration;
use testkit::SeededRandom;

/// A router with tested addresses; the frames of its start are gone.
fn up() -> (RouterNode, Instant) {
    let mut node = router(two_links(), SeededRandom::new(1));
    let mut now = Instant::ZERO;
    let mut frame = PacketBuf::new();
    while now < Instant::from_secs(60) {
        now = node.0.poll_timeout().unwrap();
        node.0.handle_timeout(now);
        while node.0.poll_transmit(&mut frame).is_some() {}
    }
    (node, now)
}

fn framed(packet: &[u8], to: MacAddr, from: MacAddr) -> Vec<u8> {
    let mut frame = PacketBuf::from_slice(64, packet);
    EthernetRepr::new(to, from, EtherType::IPV6)
        .emit(&mut frame)
        .unwrap();
    frame.as_slice().to_vec()
}

fn echo(source: &str, destination: &str) -> Vec<u8> {
    let mut packet = PacketBuf::from_slice(64, &[0; 56]);
    let header = Ipv6Repr::new(ip(source), ip(destination), IpProtocol::ICMPV6);
    let request = Icmpv6Repr::EchoRequest {
        identifier: 1,
        sequence_number: 1,
    };
    request.emit(&mut packet, &header.pseudo_header()).unwrap();
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn count_frames(node: &mut RouterNode) -> usize {
    let mut frame = PacketBuf::new();
    std::iter::from_fn(|| node.0.poll_transmit(&mut frame)).count()
}

/// RFC 6583: a scan of a link's addresses. The cache stays within its bounds, and so do the
/// solicitations and the errors.
#[test]
fn a_scan_of_the_link() {
    let (mut node, mut now) = up();
    let mut sent = 0;
    for number in 0..20_000u32 {
        now += Duration::from_micros(500);
        let packet = echo(
            "2001:db8:1::bad",
            &format!("2001:db8:2::{:x}:{:x}", number >> 8, number & 255),
        );
        let frame = framed(&packet, ROUTER_MAC, HOST_MAC);
        let _ = node.0.handle_input(now, 0, &frame);
        if node.0.poll_timeout().is_some_and(|at| at <= now) {
            node.0.handle_timeout(now);
        }
        sent += count_frames(&mut node);
    }
    let interface = node.0.interface(1).unwrap();
    let config = interface.config().neighbor;
    assert!(interface.neighbors().unresolved() <= config.max_unresolved);
    assert!(interface.neighbors().len() <= config.max_entries);
    let (packets, octets) = interface.neighbors().waiting();
    assert!(packets <= config.max_packets && octets <= config.max_octets);
    assert!(sent < 20_000, "{sent} frames for 20000 packets");
    // At most one error a second to one host.
    assert!(node.0.stats().errors.sent_ipv6 <= 6 + 11 + 1);
}

/// A flood of solicitations from many sources: one advertisement in three seconds.
#[test]
fn a_flood_of_router_solicitations() {
    let (mut node, mut now) = up();
    let before = node.0.advertiser(0).unwrap().stats().multicast;
    for number in 0..10_000u32 {
        now += Duration::from_millis(1);
        let source = format!("fe80::{:x}:{:x}", number >> 8, number & 255);
        let mac = MacAddr([2, 9, 9, 9, (number >> 8) as u8, number as u8]);
        let slla = [NdOptionRepr::SourceLinkLayerAddress(mac)];
        let packet = message(NdRepr::RouterSolicitation, &slla, &source, "ff02::2");
        let group = MacAddr::for_ipv6_multicast(ip("ff02::2"));
        let _ = node.0.handle_input(now, 0, &framed(&packet, group, mac));
        if node.0.poll_timeout().is_some_and(|at| at <= now) {
            node.0.handle_timeout(now);
        }
        while node.0.poll_event().is_some() {}
        let _ = count_frames(&mut node);
    }
    let stats = *node.0.advertiser(0).unwrap().stats();
    assert!(
        stats.multicast - before <= 5,
        "{}",
        stats.multicast - before
    );
    let interface = node.0.interface(0).unwrap();
    assert!(interface.neighbors().len() <= interface.config().neighbor.max_entries);
}

/// Packets that claim to come from the router, from nowhere, or that came as a broadcast.
#[test]
fn spoofed_sources_and_broadcasts() {
    let (mut node, now) = up();
    let mut refused = |packet: &[u8], to: MacAddr| {
        let result = node.0.handle_input(now, 0, &framed(packet, to, HOST_MAC));
        assert!(
            matches!(result, Err(RouterDiscard::Packet(_))),
            "{result:?}"
        );
        assert_eq!(count_frames(&mut node), 0);
    };
    refused(&echo("2001:db8:2::1", "2001:db8:2::5"), ROUTER_MAC);
    refused(&echo("::1", "2001:db8:2::5"), ROUTER_MAC);
    refused(&echo("ff02::1", "2001:db8:2::5"), ROUTER_MAC);
    refused(&echo("::", "2001:db8:2::5"), ROUTER_MAC);
    refused(&echo("2001:db8:1::5", "fe80::5"), ROUTER_MAC);
    refused(&echo("2001:db8:1::5", "ff0e::5"), ROUTER_MAC);
    // One frame, many forwarders: a storm.
    refused(&echo("2001:db8:1::5", "2001:db8:2::5"), MacAddr::BROADCAST);
    refused(
        &echo("2001:db8:1::5", "2001:db8:2::5"),
        MacAddr([0x33, 0x33, 0, 0, 0, 1]),
    );
    let frame = framed(&echo("2001:db8:1::5", "2001:db8:2::5"), HOST_MAC, HOST_MAC);
    assert_eq!(
        node.0.handle_input(now, 0, &frame),
        Err(RouterDiscard::Station)
    );
    assert_eq!(
        node.0.handle_input(now, 9, &frame),
        Err(RouterDiscard::NoPort)
    );
    assert_eq!(node.0.stats().reception.martian, 3);
}

/// RFC 5927, RFC 8201: forged reports about packets that the router never sent.
#[test]
fn forged_packet_too_big() {
    let (mut node, now) = up();
    let mut forge = |quoted: &[u8], mtu: u32| {
        let mut packet = PacketBuf::from_slice(64, quoted);
        let header = Ipv6Repr::new(
            ip("2001:db8:1::bad"),
            ip("2001:db8:1::1"),
            IpProtocol::ICMPV6,
        );
        let report = Icmpv6Repr::PacketTooBig { mtu };
        report.emit(&mut packet, &header.pseudo_header()).unwrap();
        header.emit(&mut packet).unwrap();
        let frame = framed(packet.as_slice(), ROUTER_MAC, HOST_MAC);
        node.0.handle_input(now, 0, &frame)
    };
    let icmp = |result| assert_eq!(result, Err(RouterDiscard::Icmpv6));
    // An echo request, which the router never sends; another source; too small.
    icmp(forge(&echo("2001:db8:1::1", "2001:db8:1::5"), 1400));
    icmp(forge(&echo("2001:db8:1::6", "2001:db8:1::5"), 1400));
    icmp(forge(&echo("2001:db8:1::1", "2001:db8:1::5"), 1000));
}

#[test]
fn any_frame_returns() {
    let (mut node, now) = up();
    let seeds = [
        framed(
            &echo("2001:db8:1::5", "2001:db8:2::5"),
            ROUTER_MAC,
            HOST_MAC,
        ),
        framed(
            &echo("2001:db8:1::5", "2001:db8:1::1"),
            ROUTER_MAC,
            HOST_MAC,
        ),
        framed(
            &message(NdRepr::RouterSolicitation, &[], "fe80::5", "ff02::2"),
            MacAddr([0x33, 0x33, 0, 0, 0, 2]),
            HOST_MAC,
        ),
    ];
    for seed in &seeds {
        testkit::sweep(seed, |frame| {
            let _ = node.0.handle_input(now, 0, frame);
            let _ = count_frames(&mut node);
        });
    }
}

#[test]
fn configurations_that_make_no_sense() {
    use icmp_nd::router::{RouteTarget, Router, RouterConfig, RouterConfigError as E};
    let make = |config| Router::new(config, Box::new(SeededRandom::new(1))).err();
    let mut config = two_links();
    config.max_queue = 0;
    assert_eq!(make(config), Some(E::MaxQueue));
    let mut config = two_links();
    let prefix = "2001:db8:9::/48".parse().unwrap();
    config
        .routes
        .push((prefix, RouteTarget::OnLink { port: 2 }));
    assert_eq!(make(config), Some(E::Route(prefix)));
    let mut interface = RouterInterface::new(ROUTER_MAC);
    interface.nd.link_mtu = 1000;
    let error = make(RouterConfig::new(vec![interface]));
    assert!(matches!(error, Some(E::Interface { port: 0, .. })));
}
