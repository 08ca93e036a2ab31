//! Where translation and firewall meet.

use super::{FirewallRouter, Loaded};
use crate::gateway::packets::{describe, tcp, udp};
use core::net::SocketAddr;
use packet_buffer::wire::{Icmpv4Message, IpPacket, TcpFlags};
use packet_buffer::{Instant, PacketBuf};
use testkit::SeededRandom;

const FILE: &str = include_str!("../../firewall.toml");
const INSIDE: usize = 0;
const DMZ: usize = 1;
const OUTSIDE: usize = 2;
const NOW: Instant = Instant::from_secs(1);

fn router(from: &str, to: &str) -> FirewallRouter {
    let text = FILE.replace(from, to);
    assert!(from == to || text != FILE, "{from}");
    let loaded = Loaded::parse(&text).unwrap();
    loaded.build(&mut SeededRandom::new(1)).unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn syn(from: &str, to: &str) -> PacketBuf {
    tcp(at(from), at(to), TcpFlags::SYN, (1, 0), b"").unwrap()
}

/// What comes of a packet: interfaces, and packets as lines.
fn enter(
    router: &mut FirewallRouter,
    interface: usize,
    packet: &PacketBuf,
) -> Vec<(usize, String)> {
    router.handle_input(NOW, interface, packet.as_slice());
    core::iter::from_fn(|| router.poll_transmit())
        .map(|(interface, packet)| (interface, describe(packet.as_slice())))
        .collect()
}

#[test]
fn a_hairpin_is_asked_about() {
    let mut open = router("", "");
    let packet = syn("192.168.7.10:40000", "203.0.113.1:80");
    let seen = enter(&mut open, INSIDE, &packet);
    let [(DMZ, line)] = &seen[..] else {
        panic!("{seen:?}");
    };
    let (mapped, server) = line[4..].split_once(" > ").unwrap();
    assert!(
        mapped.starts_with("203.0.113.1:") && server == "192.168.8.80:80 SYN",
        "{line}"
    );
    // The answer comes back the same way, and nothing else does.
    let flags = TcpFlags::SYN | TcpFlags::ACK;
    let answer = tcp(at("192.168.8.80:80"), at(mapped), flags, (9, 2), b"").unwrap();
    let wanted = "TCP 203.0.113.1:80 > 192.168.7.10:40000 SYN, ACK".to_owned();
    assert_eq!(enter(&mut open, DMZ, &answer), [(INSIDE, wanted)]);
    let other = syn("192.168.8.80:81", mapped);
    assert_eq!(enter(&mut open, DMZ, &other), []);
    let spoofed = syn("192.168.99.10:40000", "203.0.113.1:80");
    assert_eq!(enter(&mut open, INSIDE, &spoofed), []);

    let rule = "rules from inside to dmz { drop tcp port 80 }\nrules to self {";
    let mut closed = router("rules to self {", rule);
    assert_eq!(enter(&mut closed, INSIDE, &packet), []);
    assert_eq!(closed.firewall().unwrap().sessions(), (0, 0));
}

#[test]
fn what_the_firewall_refuses_aloud_names_no_host_inside() {
    let mut router = router(
        "web: accept tcp to @web-servers port { 80, 443 }",
        "web: reject tcp",
    );
    let seen = enter(
        &mut router,
        OUTSIDE,
        &syn("198.51.100.7:5000", "203.0.113.1:80"),
    );
    let wanted = "TCP 203.0.113.1:80 > 198.51.100.7:5000 RST, ACK".to_owned();
    assert_eq!(seen, [(OUTSIDE, wanted)]);
}

#[test]
fn neither_do_its_icmp_errors() {
    let mut router = router("names: accept udp", "names: reject udp");
    let question = udp(at("198.51.100.7:5000"), at("203.0.113.1:53"), b"question").unwrap();
    router.handle_input(NOW, OUTSIDE, question.as_slice());
    let (interface, error) = router.poll_transmit().unwrap();
    assert_eq!(interface, OUTSIDE);
    let Ok(IpPacket::V4(ip)) = IpPacket::parse(error.as_slice()) else {
        panic!("no packet");
    };
    assert_eq!(ip.source().to_string(), "203.0.113.1");
    let message = Icmpv4Message::parse(ip.payload()).unwrap();
    message.verify_checksum().unwrap();
    // Behind the header of 8 octets, the packet as it was sent.
    let quoted = message.payload();
    assert!(!quoted.windows(4).any(|four| four == [192, 168, 8, 80]));
    assert!(quoted.windows(4).any(|four| four == [203, 0, 113, 1]));
}

#[test]
fn two_clients_of_one_port_are_not_mixed_up_at_the_proxy() {
    let mut router = router("", "");
    let first = syn("192.168.7.10:40000", "198.51.100.80:80");
    assert_eq!(enter(&mut router, INSIDE, &first).len(), 1);
    // The proxy's socket could not tell this connection from the first.
    let second = syn("192.168.7.10:40000", "198.51.100.81:80");
    assert_eq!(enter(&mut router, INSIDE, &second), []);
    let other = syn("192.168.7.11:40000", "198.51.100.81:80");
    assert_eq!(enter(&mut router, INSIDE, &other).len(), 1);
    let originals = router.originals().unwrap();
    let server = originals.server(at("192.168.7.10:40000"));
    assert_eq!(server, Some(at("198.51.100.80:80")));
}
