//! IP encapsulation within IP (RFC 2003).
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "tests; each uses a part of what they share"
)]

mod support;

use core::net::Ipv4Addr;
use packet_buffer::wire::{HeaderOptions, IpProtocol, Ipv4Packet, Ipv4Repr};
use support::emitted;

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const AGENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const CARE_OF: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 99);

fn inner(change: impl FnOnce(&mut Ipv4Repr)) -> Vec<u8> {
    let mut repr = Ipv4Repr::new(PEER, HOST, IpProtocol::UDP);
    change(&mut repr);
    emitted(b"datagram", |packet| repr.emit(packet))
}

/// The outer header for `inner`, and the whole as it is sent.
fn tunnelled(inner: &[u8]) -> (Ipv4Repr, Vec<u8>) {
    let view = Ipv4Packet::parse(inner).unwrap();
    let outer = Ipv4Repr::ip_in_ip(&view, AGENT, CARE_OF);
    let octets = emitted(inner, |packet| outer.emit(packet));
    (outer, octets)
}

mod section_3_1 {
    use super::*;

    // RFC 2003 §3.1 MUST (protocol): the outer header names protocol 4 and the tunnel's ends.
    #[test]
    fn the_outer_header() {
        let inner = inner(|_| {});
        let (_, octets) = tunnelled(&inner);
        let outer = Ipv4Packet::parse(&octets).unwrap();
        assert_eq!(outer.protocol(), IpProtocol::IPV4);
        assert_eq!((outer.source(), outer.destination()), (AGENT, CARE_OF));
        assert_eq!(outer.header_len(), 20);
        assert_eq!(outer.total_length(), inner.len() + 20);
        assert_eq!(outer.verify_checksum(), Ok(()));
        assert_eq!(outer.time_to_live(), 64);
    }

    // RFC 2003 §3.1 MUST NOT: the inner header is not changed on its way through the tunnel.
    #[test]
    fn the_inner_packet_comes_out_as_it_went_in() {
        let inner = inner(|repr| repr.time_to_live = 3);
        let (_, octets) = tunnelled(&inner);
        let outer = Ipv4Packet::parse(&octets).unwrap();
        assert_eq!(outer.payload(), inner);
        let view = Ipv4Packet::parse(outer.payload()).unwrap();
        assert_eq!((view.source(), view.time_to_live()), (PEER, 3));
        assert_eq!(view.verify_checksum(), Ok(()));
    }

    // RFC 2003 §3.1 MUST (df): "don't fragment" of the inner header is set in the outer.
    #[test]
    fn dont_fragment_is_copied() {
        for dont_fragment in [false, true] {
            let inner = inner(|repr| repr.dont_fragment = dont_fragment);
            assert_eq!(tunnelled(&inner).0.dont_fragment, dont_fragment);
        }
        // Even where the inner packet is a fragment, the outer is a packet of its own.
        let fragment = inner(|repr| {
            repr.dont_fragment = false;
            repr.more_fragments = true;
            repr.fragment_offset = 8;
            repr.identification = 7;
        });
        let (outer, _) = tunnelled(&fragment);
        assert!(!outer.more_fragments);
        assert_eq!(outer.fragment_offset, 0);
    }

    // RFC 2003 §3.1 MUST (tos): the type of service is that of the inner header.
    #[test]
    fn the_type_of_service_is_copied() {
        for dscp in 0..64 {
            for ecn in 0..4 {
                let inner = inner(|repr| (repr.dscp, repr.ecn) = (dscp, ecn));
                let (outer, octets) = tunnelled(&inner);
                assert_eq!((outer.dscp, outer.ecn), (dscp, ecn));
                assert_eq!(octets[1], inner[1]);
            }
        }
    }

    // RFC 2003 §3.1 SHOULD NOT: options of the inner header are not copied.
    #[test]
    fn options_stay_inside() {
        let options = HeaderOptions::from_slice(&[148, 4, 0, 0]).unwrap();
        let inner = inner(|repr| repr.options = options);
        let (outer, octets) = tunnelled(&inner);
        assert!(outer.options.is_empty());
        assert_eq!(octets[20..], inner);
    }
}
