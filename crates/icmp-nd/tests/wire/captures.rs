//! Real packets against a dissector's reading of them: every Neighbor Discovery and MLD message, and
//! every ICMP error, is read, and read as there.

use crate::exercise::{exercise, round_trip};
use icmp_nd::validation::{self, NdError, NdLimits};
use icmp_nd::wire::{MldMessage, NdMessage};
use packet_buffer::wire::{EtherType, EthernetFrame, Icmpv6Message, IpProtocol, Ipv6Packet};
use testkit::{LinkType, captures};

/// The IPv6 packet in an Ethernet frame.
fn ipv6(frame: &[u8]) -> Option<Ipv6Packet<'_>> {
    let frame = EthernetFrame::parse(frame).ok()?;
    let is_ipv6 = frame.ethertype() == EtherType::IPV6;
    is_ipv6.then(|| Ipv6Packet::parse(frame.payload()).ok())?
}

#[test]
fn neighbor_discovery_and_listeners() {
    testkit::skip_without_shared!();
    let (mut nd, mut mld) = (0, 0);
    for folder in ["nd", "icmp", "frag", "mobileip", "misc"] {
        for capture in captures::in_folder(folder).expect("the folder is there") {
            if capture.link_type != LinkType::ETHERNET {
                continue;
            }
            for (frame, expected) in capture.sound_frames() {
                let Some(ip) = ipv6(&frame.data) else {
                    continue;
                };
                let Ok(upper) = ip.upper_layer() else {
                    continue;
                };
                if upper.protocol != IpProtocol::ICMPV6 || !upper.is_start() {
                    continue;
                }
                let name = &capture.name;
                let message_type = expected.number("icmpv6.type");
                if let Ok(message) = NdMessage::parse(upper.payload) {
                    let found = u64::from(message.message_type().0);
                    assert_eq!(message_type, Some(found), "{name}");
                    let result = validation::nd(&ip, &upper, &NdLimits::default());
                    let icmp = Icmpv6Message::parse(upper.payload).unwrap();
                    let is_right = icmp.verify_checksum(&ip.pseudo_header()).is_ok();
                    let says_checksum = matches!(result, Err(NdError::Checksum(_)));
                    assert!(!says_checksum || !is_right, "{name}");
                    nd += 1;
                }
                if let Ok(message) = MldMessage::parse(upper.payload) {
                    let found = u64::from(message.message_type().0);
                    assert_eq!(message_type, Some(found), "{name}");
                    mld += 1;
                }
            }
        }
    }
    assert!(nd >= 50 && mld >= 5, "{nd} ND messages, {mld} of MLD");
}

/// Crafted ones too: nothing panics, and what is read is written.
#[test]
fn all_frames_are_survived_and_written_again() {
    testkit::skip_without_shared!();
    let mut frames = 0;
    for folder in ["nd", "icmp", "frag", "mobileip", "misc"] {
        for capture in captures::in_folder(folder).expect("the folder is there") {
            for frame in &capture.frames {
                exercise(&frame.data);
                if capture.link_type == LinkType::ETHERNET
                    && let Ok(ethernet) = EthernetFrame::parse(&frame.data)
                {
                    exercise(ethernet.payload());
                    round_trip(ethernet.payload());
                }
                frames += 1;
            }
        }
    }
    assert!(frames > 200, "{frames}");
}
