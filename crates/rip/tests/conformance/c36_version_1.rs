//! Checks 36 to 39: version 1.

use crate::lab::{Lab, RIGHT, RIGHT_PEER, message, response, response_v1, route};
use rip::Ipv4;
use rip::config::{ReceiveVersion, SendVersion};
use rip::engine::{Discard, Received};
use rip::wire::{Command, RipEntryRepr};

fn both() -> Lab<Ipv4> {
    Lab::v4_with(|_, link| link.switches.receive = ReceiveVersion::Both)
}

/// The prefixes that are announced on the right, and their metrics.
fn announced(lab: &mut Lab<Ipv4>) -> Vec<(String, u32)> {
    let sent = lab.seconds(40);
    let right = sent.iter().filter(|sent| {
        sent.to.interface == RIGHT && sent.command() == Command::RESPONSE && sent.payload[1] == 1
    });
    let mut all: Vec<_> = right
        .flat_map(|sent| {
            let entries = sent.message().entries();
            entries
                .map(|entry| (entry.address().to_string(), entry.metric()))
                .collect::<Vec<_>>()
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn check_036_addresses_of_the_networks_on_the_link() {
    let mut lab = Lab::v4_with(|_, link| {
        link.switches.receive = ReceiveVersion::Both;
        // A subnet of 172.16.0.0 on each link, beside what there is.
        let third = link.addresses[0].address.octets()[0];
        let address = [172, 16, third, 1].into();
        link.addresses.push(rip::config::InterfaceAddress {
            address,
            prefix_length: 24,
        });
    });
    // Decision: the mask of the interface for what is clean under it, a host otherwise; a foreign
    // address with host bits is a host (RFC 2453 §3.7), where FRR drops it.
    let table = [
        ("172.16.9.0", "172.16.9.0/24"),
        ("172.16.9.7", "172.16.9.7/32"),
        ("150.3.1.1", "150.3.1.1/32"),
        ("150.3.1.0", "150.3.1.0/32"),
    ];
    for (address, prefix) in table {
        assert_eq!(lab.hear(&response_v1(address, 1)), Ok(()));
        assert_eq!(lab.metric(prefix), Some(2), "{address}");
    }
}

#[test]
fn check_037_foreign_networks_have_the_mask_of_their_class() {
    let mut lab = both();
    for (address, prefix) in [
        ("10.0.0.0", "10.0.0.0/8"),
        ("150.3.0.0", "150.3.0.0/16"),
        ("203.0.113.0", "203.0.113.0/24"),
        ("0.0.0.0", "0.0.0.0/0"),
    ] {
        assert_eq!(lab.hear(&response_v1(address, 1)), Ok(()));
        assert_eq!(lab.metric(prefix), Some(2), "{address}");
    }
}

#[test]
fn check_038_subnets_stay_inside_and_the_border_announces_one_network() {
    let mut lab = Lab::v4_with(|_, link| link.switches.send = SendVersion::V1);
    let octets = response(&[
        route("172.16.1.0/24", 5),
        route("172.16.2.0/24", 3),
        route("172.16.3.7/32", 9),
        route("10.0.0.0/8", 4),
        route("0.0.0.0/0", 2),
        route("192.168.0.0/16", 1),
    ]);
    assert_eq!(lab.hear(&octets), Ok(()));
    let mut announced = announced(&mut lab);
    announced.retain(|(address, _)| address != "192.0.2.0");
    let expected = [("0.0.0.0", 3), ("10.0.0.0", 5), ("172.16.0.0", 4)];
    let expected = expected.map(|(address, metric)| (address.to_owned(), metric));
    // One route for 172.16.0.0 with the lowest metric; the host is in it; a supernet cannot be said.
    assert_eq!(announced, expected);
}

#[test]
fn check_039_a_version_1_request_is_answered_in_version_1_or_not_at_all() {
    let all = message(Command::REQUEST, 1, &[RipEntryRepr::WHOLE_TABLE]);
    let received = Received {
        interface: RIGHT,
        source: RIGHT_PEER,
        ..Lab::<Ipv4>::datagram(&all)
    };
    for send in [SendVersion::V1, SendVersion::V1Compatible] {
        let mut lab = Lab::v4_with(|_, link| {
            link.switches.send = send;
            link.switches.receive = ReceiveVersion::Both;
        });
        assert_eq!(lab.hear(&response(&[route("10.0.0.0/8", 1)])), Ok(()));
        lab.seconds(1);
        assert_eq!(lab.input(&received), Ok(()));
        let answer = lab.drain();
        let answer = answer
            .iter()
            .find(|sent| sent.to.destination == RIGHT_PEER)
            .unwrap();
        assert_eq!(
            (answer.command(), answer.payload[1]),
            (Command::RESPONSE, 1)
        );
        assert_eq!(answer.message().check(25), Ok(()));
    }
    let mut lab = both();
    let discard = lab.refuses(&received, |stats| stats.version);
    assert_eq!(discard, Discard::VersionNotSent(1));
    assert!(lab.drain().is_empty());
}
