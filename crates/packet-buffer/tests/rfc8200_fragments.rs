//! Fragmentation and reassembly over IPv6: RFC 8200 §4.5, RFC 5722, RFC 6946, RFC 7112.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "reassembly_support/mod.rs"]
mod support;

use core::time::Duration;
use packet_buffer::PacketBuf;
use packet_buffer::fragment::{
    AbandonReason, FirstFragmentPolicy, Fragment, FragmentDiscard, FragmentError, FragmentKey,
    Ipv6Fragmenter, Ipv6Identifications, ReassemblerConfig, Reassembly, ReassemblyEvent,
};
use packet_buffer::wire::icmpv6_code::ParameterProblem;
use packet_buffer::wire::{IpPacket, IpProtocol, Ipv6Extension, Ipv6Packet, Ipv6Repr};
use support::*;

/// A hop-by-hop header of 8 octets of padding.
fn hop_by_hop(next: IpProtocol) -> Vec<u8> {
    vec![next.0, 0, 1, 4, 0, 0, 0, 0]
}

/// A routing header of an unknown type with nothing left to visit, 16 octets.
fn routing(next: IpProtocol) -> Vec<u8> {
    vec![next.0, 1, 253, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
}

/// A destination options header of `octets` octets of padding.
fn destination(next: IpProtocol, octets: usize) -> Vec<u8> {
    let mut header = vec![0; octets];
    header[0] = next.0;
    header[1] = (octets / 8 - 1) as u8;
    header
}

/// A packet with extension headers, the last of which names `payload`'s protocol itself.
fn packet6(first: IpProtocol, extensions: &[Vec<u8>], payload: &[u8]) -> Vec<u8> {
    let mut packet = PacketBuf::from(payload);
    packet.prepend_slice(&extensions.concat());
    let header = Ipv6Repr {
        dscp: 46,
        ecn: 1,
        flow_label: 0xabcde,
        ..Ipv6Repr::new(A6, B6, first)
    };
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn split(packet: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    let packet = Ipv6Packet::parse(packet).unwrap();
    let mut fragmenter = Ipv6Fragmenter::new(&packet, mtu, 0x00c0_ffee)?;
    let mut out = PacketBuf::with_headroom(14);
    let mut fragments = vec![];
    while fragmenter.next_fragment(&mut out) {
        assert!(out.len() <= mtu);
        assert_eq!(out.headroom(), 14);
        fragments.push(out.as_slice().to_vec());
    }
    assert!(!fragmenter.next_fragment(&mut out));
    Ok(fragments)
}

/// Offset, "more fragments" and payload octets of each.
fn layout(fragments: &[Vec<u8>]) -> Vec<(u16, bool, usize)> {
    let of = |octets: &Vec<u8>| {
        let upper = Ipv6Packet::parse(octets).unwrap().upper_layer().unwrap();
        let header = upper.fragment.unwrap();
        assert_eq!(header.identification, 0x00c0_ffee);
        (
            header.offset,
            header.more_fragments,
            octets.len() - header_end(octets),
        )
    };
    fragments.iter().map(of).collect()
}

/// Where the fragment header of a packet ends, whose unfragmentable part has no AH.
fn header_end(octets: &[u8]) -> usize {
    let (mut next, mut at) = (octets[6], 40);
    while next != IpProtocol::FRAGMENT.0 {
        next = octets[at];
        at += (usize::from(octets[at + 1]) + 1) * 8;
    }
    at + 8
}

mod section_4_5_fragmentation {
    use super::*;

    // RFC 8200 §4.5 MUST (units): all but the last are a multiple of eight octets long.
    #[test]
    fn a_datagram_without_extension_headers() {
        let packet = packet6(IpProtocol::UDP, &[], &pattern(3000));
        let fragments = split(&packet, 1500).unwrap();
        assert_eq!(
            layout(&fragments),
            [(0, true, 1448), (1448, true, 1448), (2896, false, 104)]
        );
        for fragment in &fragments {
            let fragment = Ipv6Packet::parse(fragment).unwrap();
            assert_eq!(fragment.next_header(), IpProtocol::FRAGMENT);
            assert_eq!((fragment.dscp(), fragment.ecn()), (46, 1));
            assert_eq!(fragment.flow_label(), 0xabcde);
            assert_eq!(fragment.upper_layer().unwrap().protocol, IpProtocol::UDP);
        }
        assert_eq!(Bench::new().assemble(&fragments), packet);
    }

    // RFC 8200 §4.5 MUST (per-fragment): every fragment has the headers up to the routing header;
    // what follows is in the first fragment alone.
    #[test]
    fn headers_up_to_the_routing_header_are_in_every_fragment() {
        let extensions = [
            hop_by_hop(IpProtocol::DESTINATION_OPTIONS),
            destination(IpProtocol::ROUTING, 8),
            routing(IpProtocol::DESTINATION_OPTIONS),
            destination(IpProtocol::UDP, 24),
        ];
        let packet = packet6(IpProtocol::HOP_BY_HOP, &extensions, &pattern(2000));
        let fragments = split(&packet, 1280).unwrap();
        assert_eq!(layout(&fragments), [(0, true, 1200), (1200, false, 824)]);
        for (fragment, follows) in fragments.iter().zip([true, false]) {
            let fragment = Ipv6Packet::parse(fragment).unwrap();
            let extensions = fragment.extensions().unwrap();
            let nexts: Vec<_> = extensions.iter().map(|(next, _)| next).collect();
            let mut expected = vec![
                IpProtocol::DESTINATION_OPTIONS,
                IpProtocol::ROUTING,
                IpProtocol::FRAGMENT,
                IpProtocol::DESTINATION_OPTIONS,
            ];
            if follows {
                expected.push(IpProtocol::UDP);
            }
            assert_eq!(nexts, expected);
        }
        assert_eq!(Bench::new().assemble(&fragments), packet);
    }

    // RFC 8200 §4.5 MUST (per-fragment): without a routing header, the hop-by-hop header alone.
    #[test]
    fn the_hop_by_hop_header_is_in_every_fragment() {
        let extensions = [
            hop_by_hop(IpProtocol::DESTINATION_OPTIONS),
            destination(IpProtocol::UDP, 16),
        ];
        let packet = packet6(IpProtocol::HOP_BY_HOP, &extensions, &pattern(2000));
        let fragments = split(&packet, 1280).unwrap();
        assert_eq!(layout(&fragments), [(0, true, 1224), (1224, false, 792)]);
        let second = Ipv6Packet::parse(&fragments[1]).unwrap();
        let second = second.extensions().unwrap();
        assert!(matches!(
            second.iter().next(),
            Some((_, Ipv6Extension::HopByHop(_)))
        ));
        assert_eq!(second.iter().count(), 2);
        assert_eq!(Bench::new().assemble(&fragments), packet);
    }

    #[test]
    fn a_packet_that_fits_gets_no_fragment_header() {
        let packet = packet6(IpProtocol::UDP, &[], &pattern(1240));
        assert_eq!(split(&packet, 1280).unwrap(), [packet]);
    }

    // RFC 8200 §5 MUST (mtu): every link carries 1280 octets.
    #[test]
    fn an_mtu_under_1280_is_refused() {
        let packet = packet6(IpProtocol::UDP, &[], &pattern(100));
        assert_eq!(
            split(&packet, 1279),
            Err(FragmentError::MtuTooSmall {
                mtu: 1279,
                minimum: 1280
            })
        );
    }

    #[test]
    fn headers_in_every_fragment_can_leave_no_room() {
        let mut options = destination(IpProtocol::ROUTING, 1240);
        options[0] = IpProtocol::ROUTING.0;
        let extensions = [options, routing(IpProtocol::UDP)];
        let packet = packet6(IpProtocol::DESTINATION_OPTIONS, &extensions, &pattern(100));
        let minimum = 40 + 1240 + 16 + 8 + 8;
        assert_eq!(
            split(&packet, 1280),
            Err(FragmentError::MtuTooSmall { mtu: 1280, minimum })
        );
    }

    #[test]
    fn a_fragment_is_not_split_again() {
        let fragment = fragment6(7, 0, true, &pattern(1448));
        assert_eq!(split(&fragment, 1280), Err(FragmentError::AlreadyFragment));
    }

    #[test]
    fn broken_extension_headers_are_refused() {
        let mut broken = packet6(
            IpProtocol::ROUTING,
            &[routing(IpProtocol::UDP)],
            &pattern(1300),
        );
        broken[41] = 255;
        assert!(matches!(
            split(&broken, 1280),
            Err(FragmentError::Malformed(_))
        ));
    }

    // RFC 8200 §4.5 MUST (identification): it differs from that of any other recent packet with
    // the same source and destination.
    #[test]
    fn identifications_differ_and_do_not_count() {
        let mut source = Ipv6Identifications::new(&mut Random(5));
        let ids: Vec<u32> = (0..2000).map(|_| source.next(A6, B6)).collect();
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        let near = ids
            .windows(2)
            .filter(|pair| pair[0].abs_diff(pair[1]) < 1 << 16);
        assert!(near.count() < 5);
        let back: Vec<u32> = (0..2000).map(|_| source.next(B6, A6)).collect();
        let steps = |ids: &[u32]| -> Vec<u32> {
            ids.windows(2)
                .map(|pair| pair[1].wrapping_sub(pair[0]))
                .collect()
        };
        assert_ne!(steps(&ids), steps(&back));
    }
}

mod section_4_5_reassembly {
    use super::*;

    // RFC 8200 §4.5 MUST (unfragmentable): the headers are those of the first fragment.
    // RFC 8200 §4.5 MUST (next-header): and so is the protocol.
    // RFC 8200 §4.5 MUST (key): the Next Header does not tell packets apart.
    #[test]
    fn headers_and_protocol_are_those_of_the_first_fragment() {
        let header = Ipv6Repr {
            hop_limit: 9,
            ..Ipv6Repr::new(A6, B6, IpProtocol::HOP_BY_HOP)
        };
        let own = hop_by_hop(IpProtocol::FRAGMENT);
        let first = fragment6_of(header, &own, IpProtocol::UDP, 1, 0, true, &pattern(16));
        let other = Ipv6Repr::new(A6, B6, IpProtocol::FRAGMENT);
        let last = fragment6_of(other, &[], IpProtocol::TCP, 1, 16, false, &[7; 3]);
        for order in [[&first, &last], [&last, &first]] {
            let whole = Bench::new().assemble(&order.map(Clone::clone));
            let whole = Ipv6Packet::parse(&whole).unwrap();
            assert_eq!(whole.hop_limit(), 9);
            assert_eq!(whole.payload_length(), 8 + 16 + 3);
            let extensions = whole.extensions().unwrap();
            assert_eq!(extensions.as_slice(), hop_by_hop(IpProtocol::UDP));
            assert_eq!(extensions.upper_layer().protocol, IpProtocol::UDP);
            assert_eq!(
                extensions.upper_layer().payload,
                [&pattern(16)[..], &[7; 3]].concat()
            );
        }
    }

    // RFC 8200 §4.5 MUST (key): source, destination and identification do.
    #[test]
    fn fragments_of_different_packets_are_not_mixed() {
        let mut bench = Bench::new();
        bench.hold(&fragment6(1, 0, true, &[1; 8]));
        bench.hold(&fragment6(2, 8, false, &[2; 8]));
        for (source, destination) in [(B6, B6), (A6, A6)] {
            let header = Ipv6Repr::new(source, destination, IpProtocol::FRAGMENT);
            bench.hold(&fragment6_of(
                header,
                &[],
                IpProtocol::UDP,
                1,
                8,
                false,
                &[2; 8],
            ));
        }
        assert_eq!(
            bench.insert(&fragment6(1, 8, false, &[2; 8])),
            Ok(Reassembly::Complete)
        );
    }

    // RFC 8200 §4.5 MUST (unaligned): discarded, with Parameter Problem, code 0, that points to the
    // Payload Length field.
    #[test]
    fn an_unaligned_fragment() {
        let mut octets = fragment6(1, 0, false, &[0; 9]);
        octets[43] |= 1;
        let discard = Bench::new().refuse(&octets);
        assert!(matches!(
            discard,
            FragmentDiscard::Unaligned { length: 9, .. }
        ));
        let problem = discard.icmpv6_parameter_problem();
        assert_eq!(problem, Some((ParameterProblem::HEADER_FIELD, 4)));
    }

    // RFC 8200 §4.5 MUST (too-long): discarded, with Parameter Problem, code 0, that points to the
    // Fragment Offset field.
    #[test]
    fn a_fragment_that_reaches_too_far() {
        let far = |extensions: &[u8], first, length| {
            let header = Ipv6Repr::new(A6, B6, first);
            let offset = 65_520;
            let payload = vec![0; length];
            fragment6_of(
                header,
                extensions,
                IpProtocol::UDP,
                1,
                offset,
                false,
                &payload,
            )
        };
        Bench::new().hold(&far(&[], IpProtocol::FRAGMENT, 15));
        let hop_by_hop = hop_by_hop(IpProtocol::FRAGMENT);
        Bench::new().hold(&far(&hop_by_hop, IpProtocol::HOP_BY_HOP, 7));
        let discard = Bench::new().refuse(&far(&hop_by_hop, IpProtocol::HOP_BY_HOP, 8));
        assert!(matches!(
            discard,
            FragmentDiscard::TooLong { length: 65_536, .. }
        ));
        let problem = discard.icmpv6_parameter_problem();
        assert_eq!(problem, Some((ParameterProblem::HEADER_FIELD, 50)));
        // An offset and a length that exceed the field of the fragment header itself.
        let mut octets = far(&[], IpProtocol::FRAGMENT, 15);
        octets[42..44].copy_from_slice(&0xfff8u16.to_be_bytes());
        let discard = Bench::new().refuse(&octets);
        let problem = discard.icmpv6_parameter_problem();
        assert_eq!(problem, Some((ParameterProblem::HEADER_FIELD, 42)));
    }

    // RFC 8200 §4.5 MUST (timeout): 60 seconds from the fragment that arrives first.
    // RFC 8200 §4.5 MUST (expired): all is discarded, and ICMP is sent if the first fragment was
    // received.
    #[test]
    fn the_time_runs_out() {
        let mut bench = Bench::new();
        let first = fragment6(1, 0, true, &pattern(1448));
        bench.hold(&fragment6(1, 1448, true, &[0; 8]));
        let deadline = bench.now + Duration::from_secs(60);
        bench.now = deadline - Duration::from_secs(1);
        bench.hold(&first);
        assert_eq!(bench.reassembler.poll_timeout(), Some(deadline));
        bench.reassembler.handle_timeout(deadline);
        let Some(ReassemblyEvent::TimedOut {
            key,
            first_fragment,
        }) = bench.reassembler.poll_event()
        else {
            panic!("no event");
        };
        assert_eq!(
            key,
            FragmentKey::V6 {
                zone: 0,
                source: A6,
                destination: B6,
                identification: 1
            }
        );
        let quote = first_fragment.unwrap();
        assert_eq!(quote.as_slice(), &first[..1232]);
        assert!(quote.headroom() >= 48, "room for the ICMP error around it");
        assert_eq!(bench.reassembler.datagrams(), 0);
    }

    // RFC 8200 §4.5 MAY (duplicate): an exact duplicate is ignored.
    #[test]
    fn an_exact_duplicate_is_ignored() {
        let mut bench = Bench::new();
        let first = fragment6(1, 0, true, &[1; 16]);
        bench.hold(&first);
        assert_eq!(bench.refuse(&first), FragmentDiscard::Duplicate);
        assert_eq!(
            bench.insert(&fragment6(1, 16, false, &[2; 5])),
            Ok(Reassembly::Complete)
        );
    }

    // RFC 8200 §5 MUST: packets of 1500 octets after reassembly are accepted, whatever the limits
    // are set to.
    #[test]
    fn the_least_limits_hold_1500_octets() {
        let config = ReassemblerConfig {
            max_octets: ReassemblerConfig::MIN_OCTETS,
            max_octets_per_source: ReassemblerConfig::MIN_OCTETS,
            max_datagrams: 1,
            max_datagrams_per_source: 1,
            ..ReassemblerConfig::default()
        };
        let packet = packet6(IpProtocol::UDP, &[], &pattern(1460));
        let mut fragments = split(&packet, 1280).unwrap();
        fragments.reverse();
        assert_eq!(Bench::with(config).assemble(&fragments), packet);
    }

    #[test]
    fn broken_headers_before_the_fragment_header_are_refused() {
        let mut bench = Bench::new();
        // A hop-by-hop header that runs off the end.
        let header = Ipv6Repr::new(A6, B6, IpProtocol::HOP_BY_HOP);
        let mut extension = hop_by_hop(IpProtocol::FRAGMENT);
        extension[1] = 9;
        let cut = fragment6_of(header, &extension, IpProtocol::UDP, 1, 0, true, &[0; 8]);
        assert!(matches!(bench.refuse(&cut), FragmentDiscard::Malformed(_)));
        // One that is not first.
        let two = [
            hop_by_hop(IpProtocol::HOP_BY_HOP),
            hop_by_hop(IpProtocol::FRAGMENT),
        ]
        .concat();
        let second = fragment6_of(header, &two, IpProtocol::UDP, 1, 0, true, &[0; 8]);
        assert!(matches!(
            bench.refuse(&second),
            FragmentDiscard::Malformed(_)
        ));
        // Too many.
        let header = Ipv6Repr::new(A6, B6, IpProtocol::DESTINATION_OPTIONS);
        let mut many = destination(IpProtocol::DESTINATION_OPTIONS, 8).repeat(17);
        many[16 * 8] = IpProtocol::FRAGMENT.0;
        let many = fragment6_of(header, &many, IpProtocol::UDP, 1, 0, true, &[0; 8]);
        assert!(matches!(bench.refuse(&many), FragmentDiscard::Malformed(_)));
        // A fragment header that is cut off.
        let header = Ipv6Repr::new(A6, B6, IpProtocol::FRAGMENT);
        let mut short = PacketBuf::from(&[17u8, 0, 0, 1, 0, 0, 0][..]);
        header.emit(&mut short).unwrap();
        assert!(matches!(
            bench.refuse(short.as_slice()),
            FragmentDiscard::Malformed(_)
        ));
        // A fragment of a fragment.
        let nested = fragment6_of(header, &[], IpProtocol::FRAGMENT, 1, 0, true, &[0; 16]);
        assert!(matches!(
            bench.refuse(&nested),
            FragmentDiscard::Malformed(_)
        ));
        assert_eq!(bench.reassembler.stats().malformed, 5);
    }
}

mod rfc_5722_section_4 {
    use super::*;

    // RFC 5722 §4 MUST (overlap): the datagram is discarded in silence.
    // RFC 5722 §4 MUST (not-yet-received): so are the fragments that come later.
    #[test]
    fn an_overlap_ends_the_datagram_for_good() {
        let mut bench = Bench::new();
        bench.hold(&fragment6(1, 0, true, &[1; 16]));
        let overlap = bench.insert(&fragment6(1, 8, true, &[2; 16]));
        assert_eq!(overlap, Ok(Reassembly::Abandoned(AbandonReason::Overlap)));
        assert_eq!(
            bench.refuse(&fragment6(1, 0, true, &[1; 16])),
            FragmentDiscard::GivenUp
        );
        assert_eq!(
            bench.refuse(&fragment6(1, 16, false, &[1; 16])),
            FragmentDiscard::GivenUp
        );
        let deadline = bench.now + Duration::from_secs(60);
        assert_eq!(bench.reassembler.poll_timeout(), Some(deadline));
        bench.reassembler.handle_timeout(deadline);
        assert_eq!(bench.reassembler.poll_event(), None, "in silence");
        assert_eq!(
            (bench.reassembler.datagrams(), bench.reassembler.octets()),
            (0, 0)
        );
        let stats = bench.reassembler.stats();
        assert_eq!((stats.overlap, stats.given_up, stats.timed_out), (1, 2, 0));
        // The identification can be used again.
        bench.assemble(&[
            fragment6(1, 0, true, &[1; 16]),
            fragment6(1, 16, false, &[1; 16]),
        ]);
    }
}

mod rfc_6946_section_4 {
    use super::*;

    // RFC 6946 §4 MUST: an atomic fragment is processed in isolation from fragments with the same
    // addresses and identification.
    #[test]
    fn an_atomic_fragment_is_not_mixed() {
        let mut bench = Bench::new();
        bench.hold(&fragment6(1, 0, true, &[1; 8]));
        let octets = bench.reassembler.octets();
        assert_eq!(
            bench.insert(&fragment6(1, 0, false, &pattern(13))),
            Ok(Reassembly::Atomic)
        );
        let whole = Ipv6Packet::parse(bench.out.as_slice()).unwrap();
        assert_eq!(whole.next_header(), IpProtocol::UDP);
        assert_eq!(whole.payload(), pattern(13));
        assert_eq!(bench.reassembler.octets(), octets);
        assert_eq!(
            bench.insert(&fragment6(1, 8, false, &[2; 8])),
            Ok(Reassembly::Complete)
        );
        let stats = bench.reassembler.stats();
        assert_eq!((stats.atomic, stats.reassembled, stats.overlap), (1, 1, 0));
    }

    #[test]
    fn headers_around_the_fragment_header_stay() {
        let header = Ipv6Repr::new(A6, B6, IpProtocol::HOP_BY_HOP);
        let own = hop_by_hop(IpProtocol::FRAGMENT);
        let next = IpProtocol::NO_NEXT_HEADER;
        let atomic = fragment6_of(header, &own, next, 1, 0, false, &[]);
        let mut bench = Bench::new();
        assert_eq!(bench.insert(&atomic), Ok(Reassembly::Atomic));
        let whole = Ipv6Packet::parse(bench.out.as_slice()).unwrap();
        assert_eq!(whole.payload(), hop_by_hop(next));
    }
}

mod rfc_7112_section_5 {
    use super::*;

    // RFC 7112 §5 MUST: a host puts the whole header chain into the first fragment.
    #[test]
    fn a_chain_that_does_not_fit_is_not_split() {
        // 40 octets, the fragment header, and 1232 - 8 octets of options leave 8 octets.
        let options = |octets, next| {
            packet6(
                IpProtocol::DESTINATION_OPTIONS,
                &[destination(next, octets)],
                &[0x50; 100],
            )
        };
        assert_eq!(
            split(&options(1224, IpProtocol::UDP), 1280).unwrap().len(),
            2
        );
        let tcp = split(&options(1224, IpProtocol::TCP), 1280);
        assert_eq!(tcp, Err(FragmentError::HeaderChainTooLong));
        let udp = split(&options(1232, IpProtocol::UDP), 1280);
        assert_eq!(udp, Err(FragmentError::HeaderChainTooLong));
        assert_eq!(
            split(&options(1208, IpProtocol::TCP), 1280).unwrap().len(),
            2
        );
    }

    // RFC 7112 §5 SHOULD (receive): a first fragment without the whole chain is discarded.
    // RFC 7112 §5 SHOULD (report): Parameter Problem, code 3, with pointer zero.
    #[test]
    fn a_first_fragment_without_the_whole_chain() {
        let first = |next, payload: &[u8]| {
            let header = Ipv6Repr::new(A6, B6, IpProtocol::FRAGMENT);
            fragment6_of(header, &[], next, 1, 0, true, payload)
        };
        let mut tcp = [0; 24];
        tcp[12] = 0x70;
        let options = |next, octets| destination(next, octets);
        let cut = [
            first(IpProtocol::TCP, &tcp[..16]),
            first(IpProtocol::TCP, &tcp[..24]),
            first(IpProtocol::SCTP, &[0; 8]),
            first(IpProtocol::IPV6, &[0x60; 32]),
            first(
                IpProtocol::DESTINATION_OPTIONS,
                &options(IpProtocol::UDP, 16)[..8],
            ),
            first(
                IpProtocol::DESTINATION_OPTIONS,
                &options(IpProtocol::UDP, 16),
            ),
            first(
                IpProtocol::DESTINATION_OPTIONS,
                &[
                    options(IpProtocol::ROUTING, 8),
                    routing(IpProtocol::UDP)[..8].to_vec(),
                ]
                .concat(),
            ),
        ];
        for packet in &cut {
            let mut bench = Bench::new();
            let discard = bench.refuse(packet);
            assert_eq!(discard, FragmentDiscard::IncompleteHeaderChain);
            let problem = discard.icmpv6_parameter_problem();
            assert_eq!(
                problem,
                Some((ParameterProblem::INCOMPLETE_HEADER_CHAIN, 0))
            );
            assert_eq!(bench.reassembler.stats().incomplete_header_chain, 1);
            let lenient = FirstFragmentPolicy {
                whole_ipv6_header_chain: false,
                ..Default::default()
            };
            let config = ReassemblerConfig {
                first_fragment: lenient,
                ..Default::default()
            };
            Bench::with(config).hold(packet);
        }
        tcp[12] = 0x60;
        let whole = [
            first(IpProtocol::TCP, &tcp),
            first(IpProtocol::UDP, &[0; 8]),
            first(IpProtocol::ICMPV6, &[0; 8]),
            first(IpProtocol::NO_NEXT_HEADER, &[0; 8]),
            first(
                IpProtocol::DESTINATION_OPTIONS,
                &[options(IpProtocol::UDP, 8), vec![0; 8]].concat(),
            ),
        ];
        for packet in &whole {
            Bench::new().hold(packet);
        }
        // Later fragments have none of it, and atomic ones are no first fragments.
        let header = Ipv6Repr::new(A6, B6, IpProtocol::FRAGMENT);
        let of =
            |offset, more| fragment6_of(header, &[], IpProtocol::TCP, 1, offset, more, &[0; 8]);
        for packet in [of(8, true), of(0, false)] {
            let packet = IpPacket::parse(&packet).unwrap();
            let fragment = Fragment::parse(0, &packet).unwrap().unwrap();
            assert_eq!(FirstFragmentPolicy::STRICT.check(&fragment), Ok(()));
        }
    }
}
