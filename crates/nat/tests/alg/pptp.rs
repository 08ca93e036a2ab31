//! PPTP: two hosts with the same call id to one server.

use crate::support::*;
use core::net::Ipv4Addr;
use flow_state::application::pptp::Message;
use nat::alg::Pptp;
use nat::{Nat, PacketBuf, Side};
use packet_buffer::wire::*;

fn message(control_type: u16, body: &[u8]) -> Vec<u8> {
    let length = (12 + body.len()) as u16;
    let mut octets = length.to_be_bytes().to_vec();
    octets.extend([0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
    octets.extend(control_type.to_be_bytes());
    octets.extend([0, 0]);
    octets.extend(body);
    octets
}

/// RFC 2637 §2.7: call id first, 168 octets in all.
fn call_request(id: u16) -> Vec<u8> {
    let mut body = vec![0; 156];
    body[..2].copy_from_slice(&id.to_be_bytes());
    message(7, &body)
}

/// RFC 2637 §2.8: call id, peer's call id, result.
fn call_reply(id: u16, peer: u16) -> Vec<u8> {
    let mut body = vec![0; 20];
    body[..2].copy_from_slice(&id.to_be_bytes());
    body[2..4].copy_from_slice(&peer.to_be_bytes());
    body[4] = 1;
    message(8, &body)
}

/// A GRE packet of version 1, for a call id.
fn gre(from: Ipv4Addr, to: Ipv4Addr, call_id: u16) -> PacketBuf {
    let [a, b] = call_id.to_be_bytes();
    let mut packet =
        PacketBuf::from(&[0x30, 0x01, 0x88, 0x0b, 0, 4, a, b, 0, 0, 0, 1, 1, 2, 3, 4][..]);
    Ipv4Repr::new(from, to, IpProtocol::GRE)
        .emit(&mut packet)
        .unwrap();
    packet
}

fn call_id_of(packet: &PacketBuf) -> (Ipv4Addr, u16) {
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    (
        ip.destination(),
        u16::from_be_bytes([ip.payload()[6], ip.payload()[7]]),
    )
}

fn call(nat: &mut Nat, host: Ipv4Addr, id: u16) -> (Connection, u16) {
    let server = (SERVER, 1723);
    let mut control = Connection::open(nat, Side::Inside, (host, 40_000), server, server);
    let start = message(1, &[0; 144]);
    assert_eq!(control.send(nat, 0, &start).unwrap(), start);
    let sent = control.send(nat, 0, &call_request(id)).unwrap();
    let outside = Message::parse(&sent, 0).unwrap().call_id.unwrap().value;
    assert_eq!(sent[14..], call_request(id)[14..]);
    (control, outside)
}

#[test]
fn two_hosts_with_one_call_id() {
    let mut nat = nat();
    nat.add_alg(Box::new(Pptp::new()));
    let (mut first, a) = call(&mut nat, HOST, 7);
    let (mut second, b) = call(&mut nat, OTHER, 7);
    assert_ne!(a, b);
    for (control, outside) in [(&mut first, a), (&mut second, b)] {
        let got = control.send(&mut nat, 1, &call_reply(99, outside)).unwrap();
        assert_eq!(got, call_reply(99, 7));
    }
    // The server's packets find their hosts, with the ids that those have given.
    for (outside, host) in [(a, HOST), (b, OTHER)] {
        let got = through(&mut nat, Side::Outside, gre(SERVER, EXTERNAL, outside)).unwrap();
        assert_eq!(call_id_of(&got), (host, 7));
        let got = through(&mut nat, Side::Outside, gre(SERVER, EXTERNAL, outside)).unwrap();
        assert_eq!(call_id_of(&got), (host, 7));
    }
    // And the hosts' packets the server.
    let sent = through(&mut nat, Side::Inside, gre(HOST, SERVER, 99)).unwrap();
    assert_eq!(call_id_of(&sent), (SERVER, 99));
    assert!(through(&mut nat, Side::Outside, gre(STRANGER, EXTERNAL, a)).is_err());
}

#[test]
fn repetitions_and_messages_in_a_row() {
    let mut nat = nat();
    nat.add_alg(Box::new(Pptp::new()));
    let server = (SERVER, 1723);
    let mut control = Connection::open(&mut nat, Side::Inside, (HOST, 40_000), server, server);
    let both = [call_request(7), call_request(8)].concat();
    let again = control.packet(0, &both);
    let sent = control.send(&mut nat, 0, &both).unwrap();
    let repeated = control.deliver(&mut nat, 0, again).unwrap();
    assert_eq!(sent, repeated);
    let first = Message::parse(&sent, 0).unwrap();
    let second = Message::parse(&sent, first.length).unwrap();
    assert_ne!(first.call_id.unwrap().value, second.call_id.unwrap().value);
    // What is no message ends it, and passes.
    assert_eq!(
        control.send(&mut nat, 0, b"GET / HTTP/1.1").unwrap(),
        b"GET / HTTP/1.1"
    );
    assert_eq!(
        control.send(&mut nat, 0, &call_request(9)).unwrap(),
        call_request(9)
    );
}

#[test]
fn nothing_near_a_message_panics() {
    let mut nat = nat();
    nat.add_alg(Box::new(Pptp::new()));
    let (control, _) = call(&mut nat, HOST, 7);
    testkit::sweep(&call_request(11), |data| {
        let packet = control.packet(0, data);
        let _ = through(&mut nat, Side::Inside, packet);
    });
    assert!(nat.session_count() < 5);
}
