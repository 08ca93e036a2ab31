//! IPv4: RFC 1122 §3.2.1, RFC 1812 §5.3, RFC 7126.

use icmp_nd::generation::LinkDelivery;
use icmp_nd::reception::{Destination, Ipv4Context, Reason, SourceRoutes, Verdict, ipv4};
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    HeaderOptions, Icmpv4Repr, IpProtocol, Ipv4Repr, icmpv4_code::ParameterProblem,
    icmpv4_code::TimeExceeded, icmpv4_code::Unreachable,
};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const PROTOCOLS: [IpProtocol; 2] = [IpProtocol::ICMP, IpProtocol::UDP];
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn host(destination: Destination) -> Ipv4Context<'static> {
    Ipv4Context::new(destination, &PROTOCOLS)
}

fn emit(header: &Ipv4Repr) -> Vec<u8> {
    let mut packet = PacketBuf::from_slice(64, &[0, 7, 0, 7, 0, 8, 0, 0]);
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn header(source: Ipv4Addr, destination: Ipv4Addr) -> Ipv4Repr {
    Ipv4Repr::new(source, destination, IpProtocol::UDP)
}

fn with_options(options: &[u8]) -> Vec<u8> {
    emit(&Ipv4Repr {
        options: HeaderOptions::from_slice(options).unwrap(),
        ..header(PEER, OWN)
    })
}

/// With a header checksum over whatever the octets have become.
fn resealed(mut octets: Vec<u8>) -> Vec<u8> {
    let length = usize::from(octets[0] & 15) * 4;
    octets[10..12].fill(0);
    let sum = packet_buffer::checksum::Sum::new().add_bytes(&octets[..length]);
    octets[10..12].copy_from_slice(&sum.checksum().to_be_bytes());
    octets
}

fn dropped(octets: &[u8], context: &Ipv4Context<'_>) -> Option<Reason> {
    match ipv4(octets, context) {
        Verdict::Drop(reason) => Some(reason),
        Verdict::Deliver { .. } | Verdict::Forward => None,
        other => panic!("{other:?}"),
    }
}

fn problem(pointer: u8, reason: Reason) -> Verdict<'static, Icmpv4Repr> {
    let error = Icmpv4Repr::ParameterProblem {
        code: ParameterProblem::POINTER,
        pointer,
        quoted_words: 0,
    };
    Verdict::Error { error, reason }
}

// RFC 1122 §3.2.1.2 MUST: a bad checksum is dropped before all else.
#[test]
fn the_checksum_comes_first() {
    let mut octets = emit(&header(PEER, OWN));
    octets[8] ^= 1;
    assert_eq!(
        dropped(&octets, &host(Destination::Own)),
        Some(Reason::Checksum)
    );
    // With options that cannot be read, too.
    let mut octets = with_options(&[7, 0, 0, 0]);
    octets[8] ^= 1;
    assert_eq!(
        dropped(&octets, &host(Destination::Own)),
        Some(Reason::Checksum)
    );
    let octets = resealed([&[0x65][..], &emit(&header(PEER, OWN))[1..]].concat());
    let reason = dropped(&octets, &host(Destination::Own));
    assert!(matches!(reason, Some(Reason::Malformed(_))));
}

// RFC 1122 §3.2.1.3 MUST (source): broadcast and multicast sources.
// RFC 1122 §3.2.1.3 MUST (loopback): 127/8 from outside.
// RFC 1122 §3.2.1.3 MUST (zero): 0.0.0.0 as destination.
#[test]
fn martians() {
    let own = host(Destination::Own);
    let from = |source: [u8; 4], context: &Ipv4Context<'_>| {
        dropped(&emit(&header(source.into(), OWN)), context)
    };
    assert_eq!(from([255, 255, 255, 255], &own), Some(Reason::SourceGroup));
    assert_eq!(from([224, 0, 0, 1], &own), Some(Reason::SourceGroup));
    let directed = Ipv4Context {
        source_is_broadcast: true,
        ..own
    };
    assert_eq!(from([192, 0, 2, 255], &directed), Some(Reason::SourceGroup));
    for martian in [[127, 0, 0, 1], [127, 9, 9, 9], [0, 0, 0, 1], [240, 0, 0, 1]] {
        assert_eq!(
            from(martian, &own),
            Some(Reason::SourceMartian),
            "{martian:?}"
        );
    }
    // A host that has no address yet.
    assert_eq!(from([0, 0, 0, 0], &own), None);
    let land = Ipv4Context {
        source_is_own: true,
        ..own
    };
    assert_eq!(from([192, 0, 2, 2], &land), Some(Reason::SourceMartian));
    for destination in [[0, 0, 0, 0], [0, 1, 2, 3], [127, 0, 0, 1], [250, 0, 0, 1]] {
        let octets = emit(&header(PEER, destination.into()));
        assert_eq!(
            dropped(&octets, &own),
            Some(Reason::DestinationMartian),
            "{destination:?}"
        );
    }
    let inside = Ipv4Context {
        loopback: true,
        ..own
    };
    let octets = emit(&header([127, 0, 0, 1].into(), [127, 0, 0, 1].into()));
    assert_eq!(dropped(&octets, &inside), None);
}

// RFC 1122 §3.2.1.3 MUST (not-for-us): what is for others is dropped in silence.
// RFC 1122 §3.3.6 SHOULD: a unicast packet in a link-layer broadcast.
#[test]
fn destinations() {
    let octets = emit(&header(PEER, OWN));
    assert_eq!(
        dropped(&octets, &host(Destination::Elsewhere)),
        Some(Reason::NotForUs)
    );
    let broadcast = |destination| Ipv4Context {
        link: LinkDelivery::Broadcast,
        ..host(destination)
    };
    assert_eq!(
        dropped(&octets, &broadcast(Destination::Own)),
        Some(Reason::LinkBroadcast)
    );
    let all = emit(&header(PEER, Ipv4Addr::BROADCAST));
    assert_eq!(dropped(&all, &broadcast(Destination::Broadcast)), None);
    let group = emit(&header(PEER, [224, 0, 0, 1].into()));
    assert_eq!(dropped(&group, &broadcast(Destination::Group)), None);
    assert_eq!(
        dropped(&group, &broadcast(Destination::Elsewhere)),
        Some(Reason::NotListening)
    );
}

// RFC 1812 §5.3.1 MUST: the time to live in transit.
// RFC 1122 §3.2.1.7 MUST (received): but not at the destination.
// RFC 1812 §5.3.4 MUST: link-layer broadcasts are not forwarded.
// RFC 1812 §5.3.7 SHOULD: nor is what cannot be answered.
// RFC 3927 §2.7 MUST: nor what is link-local.
#[test]
fn forwarding() {
    let forward = Ipv4Context::router(Destination::Elsewhere, &PROTOCOLS);
    let octets = emit(&header(PEER, OWN));
    assert_eq!(ipv4(&octets, &forward), Verdict::Forward);
    for time_to_live in [0, 1] {
        let octets = emit(&Ipv4Repr {
            time_to_live,
            ..header(PEER, OWN)
        });
        let error = Icmpv4Repr::TimeExceeded {
            code: TimeExceeded::TRANSIT,
            quoted_words: 0,
        };
        let reason = Reason::HopLimit;
        assert_eq!(ipv4(&octets, &forward), Verdict::Error { error, reason });
        assert_eq!(dropped(&octets, &host(Destination::Own)), None);
    }
    let flooded = Ipv4Context {
        link: LinkDelivery::Multicast,
        ..forward
    };
    assert_eq!(dropped(&octets, &flooded), Some(Reason::LinkBroadcast));
    for (source, destination) in [
        ([0, 0, 0, 0], [192, 0, 2, 9]),
        ([169, 254, 1, 1], [192, 0, 2, 9]),
        ([192, 0, 2, 1], [169, 254, 1, 1]),
    ] {
        let octets = emit(&header(source.into(), destination.into()));
        assert_eq!(dropped(&octets, &forward), Some(Reason::Scope));
    }
}

// RFC 1122 §3.2.2.1 SHOULD (protocol): protocol unreachable.
#[test]
fn an_unknown_protocol() {
    let octets = emit(&Ipv4Repr::new(PEER, OWN, IpProtocol(143)));
    let error = Icmpv4Repr::DestinationUnreachable {
        code: Unreachable::PROTOCOL,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    let reason = Reason::UnknownProtocol(143);
    assert_eq!(
        ipv4(&octets, &host(Destination::Own)),
        Verdict::Error { error, reason }
    );
}

#[test]
fn fragments() {
    let own = host(Destination::Own);
    let fragment = |fragment_offset, more_fragments| {
        let header = Ipv4Repr {
            dont_fragment: false,
            fragment_offset,
            more_fragments,
            ..header(PEER, OWN)
        };
        emit(&header)
    };
    assert_eq!(ipv4(&fragment(0, true), &own), Verdict::Reassemble);
    assert_eq!(ipv4(&fragment(800, false), &own), Verdict::Reassemble);
    // Ping of death: the offset is the last that there is.
    let mut octets = fragment(800, false);
    octets[6..8].copy_from_slice(&0x1fff_u16.to_be_bytes());
    assert_eq!(
        dropped(&resealed(octets), &own),
        Some(Reason::FragmentTooLong)
    );
    let mut octets = fragment(0, true);
    octets[3] = 27;
    assert_eq!(
        dropped(&resealed(octets), &own),
        Some(Reason::FragmentUnaligned)
    );
}

mod section3_2_1_8 {
    use super::*;

    // RFC 1122 §3.2.1.8 MUST (unknown): in silence.
    #[test]
    fn an_unknown_option_is_ignored() {
        let octets = with_options(&[0x9e, 4, 1, 2, 1, 1, 148, 4, 0, 0, 0]);
        assert_eq!(dropped(&octets, &host(Destination::Own)), None);
    }

    // RFC 1122 §3.2.2.5 SHOULD: reported with a pointer.
    #[test]
    fn wrong_lengths_and_pointers() {
        let own = host(Destination::Own);
        let verdict = |options: &[u8]| match ipv4(&with_options(options), &own) {
            Verdict::Error { error, reason } => Verdict::Error { error, reason },
            other => panic!("{options:?}: {other:?}"),
        };
        let length = Reason::OptionLength;
        assert_eq!(verdict(&[7, 0, 0, 0]), problem(21, length));
        assert_eq!(verdict(&[1, 7, 1, 0]), problem(22, length));
        assert_eq!(verdict(&[1, 7, 9, 4]), problem(22, length));
        assert_eq!(verdict(&[1, 1, 1, 7]), problem(23, length));
        // Record route: the pointer is 4 at least, and what is left is whole addresses.
        let record = Reason::BadOption(7);
        assert_eq!(verdict(&[7, 7, 3, 0, 0, 0, 0]), problem(22, record));
        assert_eq!(verdict(&[7, 7, 5, 0, 0, 0, 0]), problem(22, record));
        assert_eq!(verdict(&[7, 2]), problem(21, record));
        let stamp = Reason::BadOption(68);
        assert_eq!(verdict(&[68, 8, 4, 0, 0, 0, 0, 0]), problem(22, stamp));
        assert_eq!(verdict(&[68, 8, 5, 1, 0, 0, 0, 0]), problem(22, stamp));
        for fine in [
            &[7, 7, 4, 0, 0, 0, 0][..],
            &[7, 7, 8, 1, 2, 3, 4],
            &[68, 8, 5, 0, 0, 0, 0, 0],
            &[68, 12, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(dropped(&with_options(fine), &own), None, "{fine:?}");
        }
    }

    // RFC 1122 §3.2.1.8 MUST NOT (two-routes): the second one is pointed to.
    #[test]
    fn two_source_routes() {
        let octets = with_options(&[131, 3, 4, 137, 3, 4]);
        let expected = problem(23, Reason::BadOption(137));
        assert_eq!(ipv4(&octets, &host(Destination::Own)), expected);
    }

    // RFC 1122 §3.3.5 MUST NOT: a host does not forward along a source route.
    #[test]
    fn source_routes() {
        for kind in [131, 137] {
            let open = with_options(&[kind, 7, 4, 10, 0, 0, 1]);
            let done = with_options(&[kind, 7, 8, 10, 0, 0, 1]);
            let own = host(Destination::Own);
            let reason = Reason::SourceRoute;
            assert_eq!(dropped(&open, &own), Some(reason));
            assert_eq!(dropped(&done, &own), Some(reason));
            let refuse = Ipv4Context {
                source_routes: SourceRoutes::Refuse,
                ..own
            };
            let error = Icmpv4Repr::DestinationUnreachable {
                code: Unreachable::SOURCE_ROUTE_FAILED,
                quoted_words: 0,
                next_hop_mtu: 0,
            };
            assert_eq!(ipv4(&done, &refuse), Verdict::Error { error, reason });
            let accept = Ipv4Context {
                source_routes: SourceRoutes::AcceptFinal,
                ..own
            };
            assert_eq!(dropped(&done, &accept), None);
            assert_eq!(dropped(&open, &accept), Some(reason));
            let forward = Ipv4Context::router(Destination::Elsewhere, &PROTOCOLS);
            assert_eq!(dropped(&open, &forward), Some(reason));
        }
    }
}

proptest! {
    #[test]
    fn pointers_lie_within_the_header(options in proptest::collection::vec(any::<u8>(), 0..41)) {
        let octets = with_options(&options[..options.len().min(40)]);
        let header = u8::try_from(octets.len() - 8).unwrap();
        if let Verdict::Error { error: Icmpv4Repr::ParameterProblem { pointer, .. }, .. } =
            ipv4(&octets, &host(Destination::Own))
        {
            prop_assert!((20..header).contains(&pointer));
        }
    }

    #[test]
    fn any_octets_return(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        for destination in [Destination::Own, Destination::Elsewhere] {
            let _ = ipv4(&octets, &Ipv4Context::router(destination, &PROTOCOLS));
        }
    }
}
