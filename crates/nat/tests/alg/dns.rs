//! DNS: a name's address is one that its reader can reach.

use crate::support::*;
use core::net::Ipv4Addr;
use flow_state::application::dns::Message;
use nat::alg::{AddressPair, Dns};
use nat::{Nat, Side};

/// A response for `www` with these addresses, behind pointers to the question's name.
fn response(addresses: &[Ipv4Addr]) -> Vec<u8> {
    let mut octets = vec![
        0xab,
        0xcd,
        0x81,
        0x80,
        0,
        1,
        0,
        addresses.len() as u8,
        0,
        0,
        0,
        0,
    ];
    octets.extend(b"\x03www\x07example\x00\x00\x01\x00\x01");
    for address in addresses {
        octets.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        octets.extend(address.octets());
    }
    octets
}

fn query() -> Vec<u8> {
    let mut octets = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    octets.extend(b"\x03www\x07example\x00\x00\x01\x00\x01");
    octets
}

fn with_dns() -> Nat {
    let mut nat = nat();
    nat.add_alg(Box::new(Dns::new(vec![
        AddressPair {
            inside: "10.0.0.32/27".parse().unwrap(),
            outside: "203.0.113.32/27".parse().unwrap(),
        },
        AddressPair {
            inside: "10.9.0.0/16".parse().unwrap(),
            outside: "192.0.2.0/24".parse().unwrap(),
        },
    ])));
    nat
}

#[test]
fn an_answer_from_outside_names_the_inside_address() {
    let mut nat = with_dns();
    let sent = through(
        &mut nat,
        Side::Inside,
        udp((HOST, 4000), (SERVER, 53), &query()),
    )
    .unwrap();
    let (from, to, payload) = read(&sent);
    assert_eq!(payload, query());
    let ours = Ipv4Addr::new(203, 0, 113, 40);
    let data = response(&[ours, STRANGER]);
    let got = through(&mut nat, Side::Outside, udp(to, from, &data)).unwrap();
    let (_, to, payload) = read(&got);
    assert_eq!(to, (HOST, 4000));
    let message = Message::parse(&payload).unwrap();
    let addresses: Vec<_> = message.addresses.iter().map(|it| it.address).collect();
    assert_eq!(addresses, [Ipv4Addr::new(10, 0, 0, 40), STRANGER]);
    assert_eq!(payload.len(), data.len());
}

#[test]
fn an_answer_from_a_server_inside_names_the_outside_address() {
    let mut config = config();
    config.forwards[0].protocol = Some(packet_buffer::wire::IpProtocol::UDP);
    config.forwards[0].ports = 53..=53;
    config.forwards[0].targets = vec![nat::Target::new(HOST, 53)];
    let mut nat = Nat::new(config, Box::new(testkit::SeededRandom::new(7))).unwrap();
    let pairs = vec![AddressPair {
        inside: "10.0.0.32/27".parse().unwrap(),
        outside: "203.0.113.32/27".parse().unwrap(),
    }];
    nat.add_alg(Box::new(Dns::new(pairs)));
    let sent = udp((SERVER, 4000), (EXTERNAL, 53), &query());
    let (from, to, _) = read(&through(&mut nat, Side::Outside, sent).unwrap());
    let answer = udp(to, from, &response(&[Ipv4Addr::new(10, 0, 0, 41)]));
    let (from, _, payload) = read(&through(&mut nat, Side::Inside, answer).unwrap());
    assert_eq!(from, (EXTERNAL, 53));
    let message = Message::parse(&payload).unwrap();
    assert_eq!(message.addresses[0].address, Ipv4Addr::new(203, 0, 113, 41));
}

#[test]
fn nothing_near_an_answer_panics() {
    let mut nat = with_dns();
    let sent = through(
        &mut nat,
        Side::Inside,
        udp((HOST, 4000), (SERVER, 53), &query()),
    )
    .unwrap();
    let (from, to, _) = read(&sent);
    let variants = testkit::sweep(&response(&[Ipv4Addr::new(203, 0, 113, 40)]), |data| {
        let got = through(&mut nat, Side::Outside, udp(to, from, data)).unwrap();
        assert_eq!(read(&got).2.len(), data.len());
    });
    assert!(variants > 100);
}
