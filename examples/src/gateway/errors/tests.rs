#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::packets::{ping, udp};
use super::super::{Gateway, GatewayConfig, Interface, Outcome, Route};
use core::net::IpAddr;
use nat::{Action, Forward, Matching, Nat, Pool, Profile, Rule, Side, Target};
use packet_buffer::fragment::ReassemblerConfig;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpPacket, IpProtocol, Ipv4Prefix,
    QuotedIpv4, icmpv4_code, icmpv6_code,
};
use packet_buffer::{Instant, PacketBuf};
use testkit::SeededRandom;

const NOW: Instant = Instant::from_secs(1);
const LAN: usize = 0;
const NORTH: usize = 1;
const SOUTH: usize = 2;

fn interface(name: &str, addresses: &[&str], mtu: usize, side: Side) -> Interface {
    Interface {
        name: name.to_owned(),
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
        networks: Vec::new(),
        mtu,
        side,
        reverse_path: false,
    }
}

/// A LAN with a small MTU, and two ways to everybody else: what is far is routed by `far`.
fn gateway(far: usize, nat: Option<Nat>) -> Gateway {
    let side = if nat.is_some() {
        Side::Outside
    } else {
        Side::Inside
    };
    let config = GatewayConfig {
        interfaces: vec![
            interface(
                "lan",
                &["192.168.1.1", "2001:db8:1::1"],
                1_300,
                Side::Inside,
            ),
            interface("north", &["10.0.1.1", "2001:db8:f:1::1"], 1_500, side),
            interface("south", &["10.0.2.1", "2001:db8:f:2::1"], 1_500, side),
        ],
        routes: vec![
            Route::V4("192.168.1.0/24".parse().unwrap(), LAN),
            Route::V6("2001:db8:1::/64".parse().unwrap(), LAN),
            Route::V4(Ipv4Prefix::ALL, far),
            Route::V6("::/0".parse().unwrap(), far),
        ],
        reassembler: Some(ReassemblerConfig::default()),
        firewall_outside: false,
        fill_options: false,
        max_transmits: 16,
    };
    Gateway::new(config, nat, None, Box::new(SeededRandom::new(1))).unwrap()
}

/// One address outside; its port 80 is that of a host inside.
fn translator() -> Nat {
    let outside = "10.0.1.1".parse().unwrap();
    let mut config = Profile::Rfc.config(16);
    config.pools.push(Pool::of(outside));
    config.rules.push(Rule {
        matching: Matching::all(),
        action: Action::Napt(Profile::Rfc.napt(0)),
    });
    config.forwards.push(Forward {
        protocol: Some(IpProtocol::UDP),
        outside,
        ports: 80..=80,
        source: Ipv4Prefix::ALL,
        targets: vec![Target::new("192.168.1.80".parse().unwrap(), 80)],
    });
    config.local.push(outside);
    Nat::new(config, Box::new(SeededRandom::new(2))).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn only(gateway: &mut Gateway) -> (usize, PacketBuf) {
    let sent = gateway.poll_transmit().unwrap();
    assert!(gateway.poll_transmit().is_none());
    sent
}

/// Whether an error says that a host, or an address, is unreachable.
fn is_host_unreachable(error: &[u8]) -> bool {
    match IpPacket::parse(error).unwrap() {
        IpPacket::V4(ip) => {
            let message = Icmpv4Message::parse(ip.payload()).unwrap();
            message.verify_checksum().unwrap();
            let host = icmpv4_code::Unreachable::HOST;
            matches!(message.to_repr(), Icmpv4Repr::DestinationUnreachable { code, .. } if code == host)
        }
        IpPacket::V6(ip) => {
            let upper = ip.upper_layer().unwrap();
            let message = Icmpv6Message::parse(upper.payload).unwrap();
            message.verify_checksum(&ip.pseudo_header()).unwrap();
            let address = icmpv6_code::Unreachable::ADDRESS;
            matches!(message.to_repr(), Icmpv6Repr::DestinationUnreachable { code, .. } if code == address)
        }
    }
}

fn ends(packet: &[u8]) -> (IpAddr, IpAddr) {
    let ip = IpPacket::parse(packet).unwrap();
    (ip.source(), ip.destination())
}

#[test]
fn an_error_goes_the_way_that_leads_back_and_not_the_one_that_the_packet_came() {
    let mut gateway = gateway(SOUTH, None);
    for (from, to, own) in [
        ("203.0.113.9", "192.168.1.7", "10.0.2.1"),
        ("2001:db8:9::9", "2001:db8:1::7", "2001:db8:f:2::1"),
    ] {
        let (from, to) = (address(from), address(to));
        let (a, b) = ((from, 1_000).into(), (to, 1_000).into());
        let mut packet = udp(a, b, &[7; 1_400]).unwrap();
        if from.is_ipv4() {
            // It must not be cut.
            let IpPacket::V4(ip) = IpPacket::parse(packet.as_slice()).unwrap() else {
                unreachable!()
            };
            let mut repr = ip.to_repr();
            repr.dont_fragment = true;
            let payload = ip.payload().to_vec();
            packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, &payload);
            repr.emit(&mut packet).unwrap();
        }
        let outcome = gateway.handle_input(NOW, NORTH, packet.as_slice());
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        let (egress, error) = only(&mut gateway);
        assert_eq!(egress, SOUTH);
        assert_eq!(ends(error.as_slice()), (address(own), from));
    }
}

#[test]
fn what_comes_from_a_link_local_address_is_answered_on_its_link() {
    let mut gateway = gateway(SOUTH, None);
    let packet = ping(address("fe80::9"), address("2001:db8:1::7")).unwrap();
    assert!(gateway.neighbor_unreachable(NOW, NORTH, packet.as_slice()));
    assert_eq!(only(&mut gateway).0, NORTH);
}

#[test]
fn who_sends_to_nobody_is_told() {
    let mut gateway = gateway(SOUTH, None);
    for (from, to, own) in [
        ("203.0.113.9", "192.168.1.7", "10.0.2.1"),
        ("2001:db8:9::9", "2001:db8:1::7", "2001:db8:f:2::1"),
    ] {
        let packet = ping(address(from), address(to)).unwrap();
        assert!(gateway.neighbor_unreachable(NOW, LAN, packet.as_slice()));
        let (egress, error) = only(&mut gateway);
        assert_eq!(egress, SOUTH);
        assert_eq!(ends(error.as_slice()), (address(own), address(from)));
        assert!(is_host_unreachable(error.as_slice()));
        // Of errors nobody is told, and the router not of its own packets.
        assert!(!gateway.neighbor_unreachable(NOW, LAN, error.as_slice()));
        let own = ping(address(own), address(to)).unwrap();
        assert!(!gateway.neighbor_unreachable(NOW, LAN, own.as_slice()));
        assert!(gateway.poll_transmit().is_none());
    }
    assert!(!gateway.neighbor_unreachable(NOW, LAN, b"no packet"));
}

/// Source and destination of the packet that an error quotes.
fn quoted(error: &[u8]) -> (IpAddr, IpAddr) {
    let IpPacket::V4(ip) = IpPacket::parse(error).unwrap() else {
        unreachable!()
    };
    let message = Icmpv4Message::parse(ip.payload()).unwrap();
    let quoted = QuotedIpv4::parse(message.payload()).unwrap();
    (quoted.source().into(), quoted.destination().into())
}

#[test]
fn a_translated_sender_is_told_of_its_own_packet() {
    let mut gateway = gateway(NORTH, Some(translator()));
    let (host, far) = (address("192.168.1.7"), address("203.0.113.9"));
    let packet = udp((host, 5_000).into(), (far, 53).into(), b"question").unwrap();
    let outcome = gateway.handle_input(NOW, LAN, packet.as_slice());
    assert_eq!(outcome, Outcome::Forwarded(NORTH));
    let (_, sent) = only(&mut gateway);
    assert_eq!(ends(sent.as_slice()), (address("10.0.1.1"), far));

    assert!(gateway.neighbor_unreachable(NOW, NORTH, sent.as_slice()));
    let (egress, error) = only(&mut gateway);
    assert_eq!(egress, LAN);
    assert!(is_host_unreachable(error.as_slice()));
    assert_eq!(ends(error.as_slice()), (address("192.168.1.1"), host));
    assert_eq!(quoted(error.as_slice()), (host, far));
    // What no host has sent, nobody is told of.
    let own = udp((address("10.0.1.1"), 9).into(), (far, 53).into(), b"").unwrap();
    assert!(!gateway.neighbor_unreachable(NOW, NORTH, own.as_slice()));
    assert!(gateway.poll_transmit().is_none());
}

#[test]
fn who_asks_a_forwarded_port_hears_of_the_address_that_it_asked() {
    let mut gateway = gateway(NORTH, Some(translator()));
    let (far, own) = (address("203.0.113.9"), address("10.0.1.1"));
    let packet = udp((far, 5_000).into(), (own, 80).into(), b"question").unwrap();
    let outcome = gateway.handle_input(NOW, NORTH, packet.as_slice());
    assert_eq!(outcome, Outcome::Forwarded(LAN));
    let (_, sent) = only(&mut gateway);
    assert_eq!(ends(sent.as_slice()), (far, address("192.168.1.80")));

    assert!(gateway.neighbor_unreachable(NOW, LAN, sent.as_slice()));
    let (egress, error) = only(&mut gateway);
    assert_eq!(egress, NORTH);
    assert!(is_host_unreachable(error.as_slice()));
    assert_eq!(ends(error.as_slice()), (own, far));
    assert_eq!(quoted(error.as_slice()), (far, own));
}
