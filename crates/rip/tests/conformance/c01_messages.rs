//! Checks 1 to 17: whether a message is listened to at all.

use crate::lab::{LEFT, Lab, OTHER, PEER, RIGHT, message, request, response, response_v1, route};
use packet_buffer::wire::UdpDatagram;
use rip::Ipv4;
use rip::config::{ReceiveVersion, SendVersion};
use rip::engine::{Discard, Received};
use rip::wire::datagram::DatagramError;
use rip::wire::{Command, MessageError, RipEntryRepr};

const NET: &str = "10.0.0.0/8";

fn good() -> Vec<u8> {
    response(&[route(NET, 1)])
}

#[test]
fn check_001_response_from_another_port_is_ignored() {
    let mut lab = Lab::v4();
    let octets = good();
    for source_port in [0, 521, 1024, 65_535] {
        let received = Received {
            source_port,
            ..Lab::<Ipv4>::datagram(&octets)
        };
        let discard = lab.refuses(&received, |stats| stats.source_port);
        let expected = Discard::Datagram(DatagramError::SourcePort(source_port));
        assert_eq!(discard, expected);
    }
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(lab.metric(NET), Some(2));
}

#[test]
fn check_002_source_off_every_connected_network_is_ignored() {
    let mut lab = Lab::v4();
    let octets = good();
    let received = Received {
        source: [203, 0, 113, 1].into(),
        ..Lab::<Ipv4>::datagram(&octets)
    };
    lab.refuses(&received, |stats| stats.source_off_link);
}

#[test]
fn check_003_source_of_another_interfaces_network_is_ignored() {
    let mut lab = Lab::v4();
    let octets = good();
    // 198.51.100.2 is on the link to the right, and the datagram came in on the left.
    let received = Received {
        source: [198, 51, 100, 2].into(),
        ..Lab::<Ipv4>::datagram(&octets)
    };
    lab.refuses(&received, |stats| stats.source_off_link);
    assert_eq!(
        lab.input(&Received {
            interface: RIGHT,
            ..received
        }),
        Ok(())
    );
}

#[test]
fn check_004_own_address_as_source_is_ignored() {
    let mut lab = Lab::v4();
    let octets = good();
    let received = Received {
        source: [192, 0, 2, 1].into(),
        ..Lab::<Ipv4>::datagram(&octets)
    };
    lab.refuses(&received, |stats| stats.source_own);
}

#[test]
fn check_005_version_0_is_discarded() {
    let mut lab = Lab::v4_with(|_, link| link.switches.receive = ReceiveVersion::Both);
    let mut octets = good();
    octets[1] = 0;
    lab.refuses(&Lab::<Ipv4>::datagram(&octets), |stats| stats.version);
}

#[test]
fn check_006_version_1_with_a_field_that_must_be_zero_is_discarded() {
    let mut lab = Lab::v4_with(|_, link| link.switches.receive = ReceiveVersion::Both);
    let clean = response_v1("10.0.0.0", 1);
    for at in [2, 3, 6, 7, 12, 15, 16, 19] {
        let mut octets = clean.clone();
        octets[at] = 1;
        let discard = lab.refuses(&Lab::<Ipv4>::datagram(&octets), |stats| stats.must_be_zero);
        assert_eq!(
            discard,
            Discard::Message(MessageError::MustBeZero),
            "octet {at}"
        );
    }
    assert_eq!(lab.hear(&clean), Ok(()));
    assert_eq!(lab.metric(NET), Some(2));
}

#[test]
fn check_007_versions_above_2_are_processed_as_version_2() {
    let mut lab = Lab::v4();
    let mut octets = good();
    octets[1] = 3;
    octets[2..4].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(lab.metric(NET), Some(2));
}

#[test]
fn check_008_version_2_with_a_nonzero_header_field_is_accepted() {
    let mut lab = Lab::v4();
    let mut octets = good();
    octets[2..4].copy_from_slice(&[0xab, 0xcd]);
    assert_eq!(lab.hear(&octets), Ok(()));
    assert_eq!(lab.metric(NET), Some(2));
}

#[test]
fn check_009_other_commands_are_ignored() {
    let mut lab = Lab::v4();
    for command in [0, 3, 4, 5, 6, 7, 8, 12, 255] {
        let mut octets = good();
        octets[0] = command;
        let discard = lab.refuses(&Lab::<Ipv4>::datagram(&octets), |stats| stats.command);
        let expected = Discard::Message(MessageError::Command(Command(command)));
        assert_eq!(discard, expected);
        assert!(lab.drain().is_empty(), "command {command} is not answered");
    }
}

#[test]
fn check_010_messages_that_end_in_or_behind_the_header() {
    let mut lab = Lab::v4();
    let octets = good();
    for length in 0..4 {
        lab.refuses(&Lab::<Ipv4>::datagram(&octets[..length]), |stats| {
            stats.malformed
        });
    }
    let state = lab.state().0;
    // Decision: a response without entries is one of a neighbor that has none to tell.
    assert_eq!(lab.hear(&octets[..4]), Ok(()));
    assert_eq!(lab.state().0, state);
}

#[test]
fn check_011_lengths_that_are_not_whole_entries_are_dropped() {
    // Decision: the whole message is dropped, not only what is behind the last whole entry.
    let mut lab = Lab::v4();
    let octets = [good(), vec![0; 20]].concat();
    for length in (5..24).chain(25..44) {
        lab.refuses(&Lab::<Ipv4>::datagram(&octets[..length]), |stats| {
            stats.malformed
        });
    }
}

#[test]
fn check_012_more_than_25_entries_are_dropped() {
    // Decision: dropped. RFC 2453 §3.6 sets the limit, and no router in use sends more.
    let mut lab = Lab::v4();
    let entries = vec![route(NET, 1); 26];
    let octets = response(&entries);
    lab.refuses(&Lab::<Ipv4>::datagram(&octets), |stats| {
        stats.too_many_entries
    });
    assert_eq!(lab.hear(&response(&entries[..25])), Ok(()));
}

#[test]
fn check_013_unicast_multicast_and_broadcast_are_accepted() {
    let mut lab = Lab::v4();
    for (i, destination) in ["192.0.2.1", "224.0.0.9", "192.0.2.255", "255.255.255.255"]
        .iter()
        .enumerate()
    {
        let octets = response(&[route(&format!("10.{i}.0.0/16"), 1)]);
        let destination = destination.parse().unwrap();
        let received = Received {
            destination,
            ..Lab::<Ipv4>::datagram(&octets)
        };
        assert_eq!(lab.input(&received), Ok(()));
        assert_eq!(lab.metric(&format!("10.{i}.0.0/16")), Some(2));
    }
}

#[test]
fn check_014_the_ttl_is_not_checked_unless_asked_for() {
    let mut lab = Lab::v4();
    let octets = good();
    for hop_limit in [Some(1), Some(2), Some(64), Some(255), None] {
        let received = Received {
            hop_limit,
            ..Lab::<Ipv4>::datagram(&octets)
        };
        assert_eq!(lab.input(&received), Ok(()));
    }
    // The option keeps out everything that has crossed a router.
    let mut lab = Lab::v4_with(|_, link| link.min_hop_limit = 255);
    let received = Received {
        hop_limit: Some(254),
        ..Lab::<Ipv4>::datagram(&octets)
    };
    lab.refuses(&received, |stats| stats.hop_limit);
    let received = Received {
        hop_limit: Some(255),
        ..received
    };
    assert_eq!(lab.input(&received), Ok(()));
}

#[test]
fn check_015_a_udp_checksum_of_zero_is_accepted() {
    // The engine takes what is in the datagram; the datagram's own reader says yes to no checksum.
    let payload = good();
    let mut udp = vec![2, 8, 2, 8];
    udp.extend((8 + payload.len() as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(&payload);
    let datagram = UdpDatagram::parse(&udp).unwrap();
    let addresses = packet_buffer::wire::PseudoHeader::V4 {
        source: PEER,
        destination: rip::wire::RIP_GROUP,
    };
    assert_eq!(datagram.verify_checksum(&addresses), Ok(()));
    let mut lab = Lab::v4();
    assert_eq!(lab.hear(datagram.payload()), Ok(()));
    assert_eq!(lab.metric(NET), Some(2));
}

#[test]
fn check_016_sources_that_no_host_has_are_ignored() {
    let mut lab = Lab::v4();
    let octets = good();
    for source in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.9",
        "255.255.255.255",
        "192.0.2.255",
    ] {
        let source = source.parse().unwrap();
        let received = Received {
            source,
            ..Lab::<Ipv4>::datagram(&octets)
        };
        lab.refuses(&received, |stats| stats.source_martian);
    }
}

#[test]
fn check_017_the_receive_switch() {
    let of = |version| match version {
        1 => response_v1("10.0.0.0", 1),
        _ => good(),
    };
    let table = [
        (ReceiveVersion::None, false, false),
        (ReceiveVersion::V1, true, false),
        (ReceiveVersion::V2, false, true),
        (ReceiveVersion::Both, true, true),
    ];
    for (receive, v1, v2) in table {
        let mut lab = Lab::v4_with(|_, link| link.switches.receive = receive);
        for (version, accepted) in [(1, v1), (2, v2)] {
            let octets = of(version);
            if accepted {
                assert_eq!(lab.hear(&octets), Ok(()), "{receive:?} {version}");
            } else {
                let received = Lab::<Ipv4>::datagram(&octets);
                let discard = lab.refuses(&received, |stats| stats.version);
                assert_eq!(discard, Discard::VersionNotReceived(version));
            }
        }
    }
    // What is sent is another switch.
    let mut lab = Lab::v4_with(|_, link| link.switches.send = SendVersion::None);
    assert_eq!(lab.hear(&good()), Ok(()));
    assert!(lab.seconds(60).is_empty());
    let asked = request(&[RipEntryRepr::WHOLE_TABLE]);
    lab.refuses(&Lab::<Ipv4>::datagram(&asked), |stats| stats.version);
    // An interface that there is not.
    let octets = message(Command::RESPONSE, 2, &[]);
    let received = Received {
        interface: rip::engine::InterfaceId(9),
        source: OTHER,
        ..Lab::<Ipv4>::datagram(&octets)
    };
    lab.refuses(&received, |stats| stats.unknown_interface);
    assert!(lab.engine.set_link_up(lab.now, LEFT, false));
    lab.refuses(&Lab::<Ipv4>::datagram(&octets), |stats| {
        stats.interface_down
    });
}
