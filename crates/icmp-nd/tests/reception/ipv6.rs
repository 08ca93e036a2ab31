//! IPv6. Names of the IPv6 Ready Core tests (v6LC) stand with the tests that show the same.

use icmp_nd::generation::LinkDelivery;
use icmp_nd::reception::{
    Destination, Ipv6Context, Ipv6Verdict, Reason, ReceptionCounters, Verdict, ipv6,
};
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    Icmpv6Repr, IpProtocol, Ipv6OptionKind, Ipv6Packet, Ipv6Repr, icmpv6_code::ParameterProblem,
    icmpv6_code::TimeExceeded,
};
use proptest::prelude::*;
use std::net::Ipv6Addr;

const PROTOCOLS: [IpProtocol; 2] = [IpProtocol::ICMPV6, IpProtocol::UDP];
const UDP: u8 = 17;

fn peer() -> Ipv6Addr {
    "2001:db8::1".parse().unwrap()
}

fn own() -> Ipv6Addr {
    "2001:db8::2".parse().unwrap()
}

fn host(destination: Destination) -> Ipv6Context<'static> {
    Ipv6Context::new(destination, &PROTOCOLS)
}

fn router(destination: Destination) -> Ipv6Context<'static> {
    Ipv6Context::router(destination, &PROTOCOLS)
}

fn packet_with(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next: u8,
    hop_limit: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = PacketBuf::from_slice(64, payload);
    let header = Ipv6Repr {
        hop_limit,
        ..Ipv6Repr::new(source, destination, IpProtocol(next))
    };
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

fn packet(next: u8, payload: &[u8]) -> Vec<u8> {
    packet_with(peer(), own(), next, 64, payload)
}

/// A hop-by-hop or destination options header with one option of this type, in front of UDP.
fn option(kind: u8) -> [u8; 8] {
    [UDP, 0, kind, 4, 1, 2, 3, 4]
}

fn problem(code: ParameterProblem, pointer: u32, reason: Reason) -> Ipv6Verdict<'static> {
    Verdict::Error {
        error: Icmpv6Repr::ParameterProblem { code, pointer },
        reason,
    }
}

const UDP_HEADER: [u8; 8] = [0, 7, 0, 7, 0, 8, 0, 0];

fn with_udp(headers: &[u8]) -> Vec<u8> {
    [headers, &UDP_HEADER].concat()
}

fn assert_delivers(packet: &[u8], context: &Ipv6Context<'_>, at: usize) {
    match ipv6(packet, context) {
        Verdict::Deliver {
            protocol,
            payload,
            offset,
        } => {
            assert_eq!((protocol, offset), (IpProtocol::UDP, at));
            assert_eq!(payload, UDP_HEADER);
        }
        other => panic!("{other:?}"),
    }
}

mod rfc8200_section3 {
    use super::*;

    // RFC 8200 §3 MUST (version): v6LC.1.1.1, version field.
    // RFC 8200 §3 MUST (payload-length): v6LC.1.1.5, payload length.
    #[test]
    fn version_and_payload_length() {
        for version in (0..16).filter(|it| *it != 6) {
            let mut octets = packet(UDP, &UDP_HEADER);
            octets[0] = version << 4;
            let verdict = ipv6(&octets, &host(Destination::Own));
            assert!(matches!(verdict, Verdict::Drop(Reason::Malformed(_))));
        }
        // Longer than what there is; shorter is padding of the link.
        let mut octets = packet(UDP, &UDP_HEADER);
        octets[5] = 9;
        let verdict = ipv6(&octets, &host(Destination::Own));
        assert!(matches!(verdict, Verdict::Drop(Reason::Malformed(_))));
        let mut octets = packet(UDP, &UDP_HEADER);
        octets.extend([0; 13]);
        assert_delivers(&octets, &host(Destination::Own), 40);
    }

    // RFC 8200 §3 MUST (zero-hop-limit): v6LC.1.1.8, hop limit zero at an end node.
    #[test]
    fn a_hop_limit_of_zero_is_fine_at_the_destination() {
        for hop_limit in [0, 1] {
            let octets = packet_with(peer(), own(), UDP, hop_limit, &UDP_HEADER);
            assert_delivers(&octets, &host(Destination::Own), 40);
            assert_delivers(&octets, &router(Destination::Own), 40);
        }
    }

    // RFC 8200 §3 MUST (hop-limit): v6LC.5.1.5, hop limit exceeded: 0 and 1.
    #[test]
    fn a_router_reports_a_hop_limit_that_is_used_up() {
        for hop_limit in [0, 1] {
            let octets = packet_with(peer(), own(), UDP, hop_limit, &UDP_HEADER);
            let expected = Verdict::Error {
                error: Icmpv6Repr::TimeExceeded {
                    code: TimeExceeded::TRANSIT,
                    quoted_words: 0,
                },
                reason: Reason::HopLimit,
            };
            assert_eq!(ipv6(&octets, &router(Destination::Elsewhere)), expected);
        }
        let octets = packet_with(peer(), own(), UDP, 2, &UDP_HEADER);
        assert_eq!(
            ipv6(&octets, &router(Destination::Elsewhere)),
            Verdict::Forward
        );
    }

    /// v6LC.1.1.2 to 1.1.4: traffic class and flow label do not matter.
    #[test]
    fn traffic_class_and_flow_label_do_not_matter() {
        let mut octets = packet(UDP, &UDP_HEADER);
        octets[..4].copy_from_slice(&[0x6f, 0xff, 0xff, 0xff]);
        assert_delivers(&octets, &host(Destination::Own), 40);
        assert_eq!(
            ipv6(&octets, &router(Destination::Elsewhere)),
            Verdict::Forward
        );
    }
}

mod addresses {
    use super::*;

    fn verdict(source: &str, destination: &str, context: &Ipv6Context<'_>) -> Option<Reason> {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        let octets = packet_with(source, destination, UDP, 64, &UDP_HEADER);
        match ipv6(&octets, context) {
            Verdict::Drop(reason) => Some(reason),
            Verdict::Deliver { .. } | Verdict::Forward => None,
            other => panic!("{other:?}"),
        }
    }

    // RFC 4291 §2.7 MUST (source): no multicast source.
    // RFC 4291 §2.5.3 MUST (loopback-source): no loopback address from outside.
    // RFC 4291 §2.5.3 MUST (loopback): nor to it.
    // RFC 4291 §2.5.2 MUST (unspecified): nor to the unspecified address.
    #[test]
    fn sources_and_destinations_that_cannot_be() {
        let own = host(Destination::Own);
        assert_eq!(
            verdict("ff02::1", "2001:db8::2", &own),
            Some(Reason::SourceGroup)
        );
        assert_eq!(
            verdict("::1", "2001:db8::2", &own),
            Some(Reason::SourceMartian)
        );
        assert_eq!(
            verdict("2001:db8::1", "::1", &own),
            Some(Reason::DestinationMartian)
        );
        assert_eq!(
            verdict("2001:db8::1", "::", &own),
            Some(Reason::DestinationMartian)
        );
        let inside = Ipv6Context {
            loopback: true,
            ..own
        };
        assert_eq!(verdict("::1", "::1", &inside), None);
        // A node without an address speaks up.
        assert_eq!(verdict("::", "2001:db8::2", &own), None);
    }

    // RFC 4291 §2.7 MUST (reserved-scope): scope 0, and the scope of one interface.
    #[test]
    fn groups() {
        let group = host(Destination::Group);
        let elsewhere = router(Destination::Elsewhere);
        assert_eq!(verdict("2001:db8::1", "ff02::1", &group), None);
        assert_eq!(
            verdict("2001:db8::1", "ff00::1", &group),
            Some(Reason::DestinationMartian)
        );
        assert_eq!(
            verdict("2001:db8::1", "ff01::1", &group),
            Some(Reason::DestinationMartian)
        );
        // Nobody listens; a router without multicast routing does not pass it on either.
        assert_eq!(
            verdict("2001:db8::1", "ff0e::7", &elsewhere),
            Some(Reason::NotListening)
        );
    }

    // RFC 4291 §2.5.6 MUST (link-local): to a link-local address.
    // RFC 4291 §2.5.2 MUST (unspecified-source): from the unspecified address.
    #[test]
    fn what_a_router_does_not_forward() {
        let forward = router(Destination::Elsewhere);
        assert_eq!(
            verdict("2001:db8::1", "fe80::2", &forward),
            Some(Reason::Scope)
        );
        assert_eq!(verdict("::", "2001:db8::2", &forward), Some(Reason::Scope));
        assert_eq!(verdict("2001:db8::1", "2001:db8::2", &forward), None);
        let flooded = Ipv6Context {
            link: LinkDelivery::Multicast,
            ..forward
        };
        assert_eq!(
            verdict("2001:db8::1", "2001:db8::2", &flooded),
            Some(Reason::LinkBroadcast)
        );
        let host = host(Destination::Elsewhere);
        assert_eq!(
            verdict("2001:db8::1", "2001:db8::2", &host),
            Some(Reason::NotForUs)
        );
    }
}

mod rfc8200_section4 {
    use super::*;

    // RFC 8200 §4 SHOULD (next-header): v6LC.1.1.7 and 1.2.3, unrecognized next header.
    #[test]
    fn an_unknown_next_header_is_pointed_to() {
        let code = ParameterProblem::NEXT_HEADER;
        let own = host(Destination::Own);
        let expected = problem(code, 6, Reason::UnknownProtocol(143));
        assert_eq!(ipv6(&packet(143, &[0; 8]), &own), expected);
        let mut headers = [option(0x1e), option(0x1e)].concat();
        headers[0] = 60;
        headers[8] = 143;
        let expected = problem(code, 48, Reason::UnknownProtocol(143));
        assert_eq!(ipv6(&packet(60, &headers), &own), expected);
        // ESP and AH are just protocols to a node that does not speak them.
        for number in [50, 51] {
            let expected = problem(code, 6, Reason::UnknownProtocol(number));
            assert_eq!(ipv6(&packet(number, &[0; 16]), &own), expected);
        }
    }

    // RFC 8200 §4.1 MUST (first): v6LC.1.2.1, next header zero.
    #[test]
    fn hop_by_hop_options_stand_first_or_not_at_all() {
        let mut headers = [option(0x1e), option(0x1e)].concat();
        headers[0] = 0;
        let expected = problem(ParameterProblem::NEXT_HEADER, 40, Reason::HopByHopNotFirst);
        for first in [60, 0] {
            let octets = packet(first, &with_udp(&headers));
            assert_eq!(ipv6(&octets, &host(Destination::Own)), expected);
        }
    }

    // RFC 8200 §4.7 MUST (ignore): v6LC.1.1.6 and 1.2.2, no next header.
    #[test]
    fn nothing_follows_no_next_header() {
        let octets = packet(59, &[1, 2, 3]);
        let nothing = Verdict::Drop(Reason::NoNextHeader);
        assert_eq!(ipv6(&octets, &host(Destination::Own)), nothing);
        assert_eq!(
            ipv6(&octets, &router(Destination::Elsewhere)),
            Verdict::Forward
        );
        let mut headers = option(0x1e).to_vec();
        headers[0] = 59;
        assert_eq!(
            ipv6(&packet(60, &headers), &host(Destination::Own)),
            nothing
        );
    }

    // RFC 8200 §4.1 SHOULD (any-order): v6LC.1.2.4, extension header processing order.
    // RFC 8200 §4 MUST (strict-order): the first problem counts.
    #[test]
    fn headers_are_processed_in_the_order_of_the_packet() {
        let routing = [60u8, 0, 0, 0, 0, 0, 0, 0];
        let mut destination = option(0x1e);
        destination[0] = 43;
        let mut last = option(0x1e);
        last[0] = UDP;
        let headers = [destination, routing, last].concat();
        assert_delivers(
            &packet(60, &with_udp(&headers)),
            &host(Destination::Own),
            64,
        );
        // A fragment header with an unaligned length behind an unknown option, and the reverse.
        let unaligned = [UDP, 0, 0, 1, 0, 0, 0, 1];
        let mut bad = option(0x9e);
        bad[0] = 44;
        let octets = packet(60, &[&bad[..], &unaligned, &[0; 9]].concat());
        let expected = problem(ParameterProblem::OPTION, 42, Reason::UnknownOption(0x9e));
        assert_eq!(ipv6(&octets, &host(Destination::Own)), expected);
        let mut fragment = unaligned;
        fragment[0] = 60;
        let octets = packet(44, &[&fragment[..], &option(0x9e), &[0; 9]].concat());
        let expected = problem(ParameterProblem::HEADER_FIELD, 4, Reason::FragmentUnaligned);
        assert_eq!(ipv6(&octets, &host(Destination::Own)), expected);
    }

    // RFC 8200 §4 MUST (on-the-way): a router looks at hop-by-hop options alone.
    #[test]
    fn a_router_does_not_look_behind_hop_by_hop_options() {
        let forward = router(Destination::Elsewhere);
        let octets = packet(60, &with_udp(&option(0x9e)));
        assert_eq!(ipv6(&octets, &forward), Verdict::Forward);
        assert_eq!(ipv6(&packet(143, &[0; 8]), &forward), Verdict::Forward);
        let octets = packet(0, &with_udp(&option(0x9e)));
        let expected = problem(ParameterProblem::OPTION, 42, Reason::UnknownOption(0x9e));
        assert_eq!(ipv6(&octets, &forward), expected);
        // The router alert (RFC 2711) is known.
        let alert = [UDP, 0, 5, 2, 0, 0, 1, 0];
        assert_eq!(
            ipv6(&packet(0, &with_udp(&alert)), &forward),
            Verdict::Forward
        );
    }

    // RFC 4443 §3.4 SHOULD: a header or option with a wrong length is pointed to.
    #[test]
    fn wrong_lengths() {
        let own = host(Destination::Own);
        let code = ParameterProblem::HEADER_FIELD;
        let mut long = option(0x1e);
        long[1] = 9;
        let expected = problem(code, 41, Reason::HeaderTruncated);
        assert_eq!(ipv6(&packet(60, &with_udp(&long)), &own), expected);
        let expected = problem(code, 6, Reason::HeaderTruncated);
        assert_eq!(ipv6(&packet(60, &[]), &own), expected);
        let mut overrun = option(0x1e);
        overrun[3] = 5;
        let expected = problem(code, 43, Reason::OptionLength);
        assert_eq!(ipv6(&packet(60, &with_udp(&overrun)), &own), expected);
        // The type of an option without its length, in the last octet.
        let alone = [UDP, 0, 0, 0, 0, 0, 0, 0x1e];
        let expected = problem(code, 47, Reason::OptionLength);
        assert_eq!(ipv6(&packet(60, &with_udp(&alone)), &own), expected);
    }

    // RFC 8504 §5.3 MAY: sixteen headers, and not one more.
    #[test]
    fn the_number_of_headers_is_limited() {
        let chain = |count: usize| {
            let mut headers = option(0x1e).repeat(count);
            for header in headers.chunks_mut(8).rev().skip(1) {
                header[0] = 60;
            }
            packet(60, &with_udp(&headers))
        };
        assert_delivers(&chain(16), &host(Destination::Own), 40 + 16 * 8);
        let octets = chain(17);
        let verdict = ipv6(&octets, &host(Destination::Own));
        assert_eq!(verdict, Verdict::Drop(Reason::TooManyHeaders));
    }
}

mod rfc8200_section4_2 {
    use super::*;

    /// v6LC.1.2.6 (hop-by-hop, host), 1.2.7 (hop-by-hop, router), 1.2.8 (destination options).
    // RFC 8200 §4.2 MUST (00): skipped.
    // RFC 8200 §4.2 MUST (01): dropped in silence.
    // RFC 8200 §4.2 MUST (10): reported, to a group too.
    // RFC 8200 §4.2 MUST (11): reported, but not to a group.
    #[test]
    fn the_two_highest_bits_of_an_unknown_option() {
        let group: Ipv6Addr = "ff02::1".parse().unwrap();
        for header in [0, 60] {
            for (kind, unicast, multicast) in [
                (0x1e, None, None),
                (0x5e, Some(false), Some(false)),
                (0x9e, Some(true), Some(true)),
                (0xde, Some(true), Some(false)),
            ] {
                for (to, context, reported) in [
                    (own(), host(Destination::Own), unicast),
                    (group, host(Destination::Group), multicast),
                ] {
                    let octets = packet_with(peer(), to, header, 64, &with_udp(&option(kind)));
                    let verdict = ipv6(&octets, &context);
                    let reason = Reason::UnknownOption(kind);
                    match reported {
                        None => assert_delivers(&octets, &context, 48),
                        Some(false) => assert_eq!(verdict, Verdict::Drop(reason)),
                        Some(true) => {
                            let expected = problem(ParameterProblem::OPTION, 42, reason);
                            assert_eq!(verdict, expected);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn padding_and_options_that_the_caller_knows() {
        let own = host(Destination::Own);
        for header in [0, 60] {
            for padding in [[UDP, 0, 0, 0, 0, 0, 0, 0], [UDP, 0, 1, 4, 0, 0, 0, 0]] {
                assert_delivers(&packet(header, &with_udp(&padding)), &own, 48);
            }
        }
        let known = [Ipv6OptionKind(0xde)];
        let context = Ipv6Context {
            options: &known,
            ..own
        };
        assert_delivers(&packet(60, &with_udp(&option(0xde))), &context, 48);
    }

    /// v6LC.1.2.5: option processing order.
    // RFC 8200 §4.2 MUST (order): of two unknown options, the first decides.
    #[test]
    fn the_first_option_decides() {
        let both = |a, b| [UDP, 1, a, 4, 0, 0, 0, 0, b, 4, 0, 0, 0, 0, 1, 0];
        let octets = packet(60, &with_udp(&both(0x5e, 0x9e)));
        let verdict = ipv6(&octets, &host(Destination::Own));
        assert_eq!(verdict, Verdict::Drop(Reason::UnknownOption(0x5e)));
        let octets = packet(60, &with_udp(&both(0x1e, 0x9e)));
        let expected = problem(ParameterProblem::OPTION, 48, Reason::UnknownOption(0x9e));
        assert_eq!(ipv6(&octets, &host(Destination::Own)), expected);
    }
}

mod rfc8200_section4_4 {
    use super::*;

    fn routing(kind: u8, segments_left: u8) -> Vec<u8> {
        let mut header = vec![UDP, 2, kind, segments_left, 0, 0, 0, 0];
        header.extend(peer().octets());
        with_udp(&header)
    }

    // RFC 8200 §4.4 MUST (no-segments): ignored.
    // RFC 8200 §4.4 MUST (segments): v6LC.1.2.9 and 1.2.10, unrecognized routing type 33.
    // RFC 5095 §3 MUST: type 0 is not followed; neither is any other.
    #[test]
    fn no_routing_header_is_followed() {
        for kind in [0, 2, 3, 4, 33, 253] {
            let own = host(Destination::Own);
            assert_delivers(&packet(43, &routing(kind, 0)), &own, 64);
            let expected = problem(
                ParameterProblem::HEADER_FIELD,
                42,
                Reason::RoutingHeader(kind),
            );
            for context in [own, router(Destination::Own)] {
                assert_eq!(ipv6(&packet(43, &routing(kind, 1)), &context), expected);
            }
            let octets = packet(43, &routing(kind, 1));
            let on_the_way = ipv6(&octets, &router(Destination::Elsewhere));
            assert_eq!(on_the_way, Verdict::Forward);
        }
    }
}

mod rfc8200_section4_5 {
    use super::*;

    fn fragment(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
        let [high, low] = (offset | u16::from(more)).to_be_bytes();
        let header = [next, 0, high, low, 0, 0, 0, 9];
        packet(44, &[&header[..], payload].concat())
    }

    // RFC 8200 §4.5 MUST (unaligned): v6LC.1.3.3, points to the payload length.
    // RFC 8200 §4.5 MUST (too-long): points to the fragment offset.
    #[test]
    fn lengths_of_fragments() {
        let own = host(Destination::Own);
        let code = ParameterProblem::HEADER_FIELD;
        let verdict = |octets: Vec<u8>| match ipv6(&octets, &own) {
            Verdict::Reassemble => Verdict::Reassemble,
            Verdict::Error { error, reason } => Verdict::Error { error, reason },
            other => panic!("{other:?}"),
        };
        assert_eq!(
            verdict(fragment(UDP, 0, true, &[0; 16])),
            Verdict::Reassemble
        );
        assert_eq!(
            verdict(fragment(UDP, 16, false, &[0; 3])),
            Verdict::Reassemble
        );
        let expected = problem(code, 4, Reason::FragmentUnaligned);
        assert_eq!(verdict(fragment(UDP, 0, true, &[0; 15])), expected);
        let expected = problem(code, 42, Reason::FragmentTooLong);
        assert_eq!(verdict(fragment(UDP, 65_528, false, &[0; 8])), expected);
        assert_eq!(
            verdict(fragment(UDP, 65_528, false, &[0; 7])),
            Verdict::Reassemble
        );
    }

    /// v6LC.1.3.4: a fragment header with nothing behind it but the whole.
    // RFC 6946 §4 MUST: an atomic fragment is delivered on its own.
    #[test]
    fn an_atomic_fragment_is_whole() {
        let octets = fragment(UDP, 0, false, &UDP_HEADER);
        assert_delivers(&octets, &host(Destination::Own), 48);
        // A fragment within a fragment, which no sender makes.
        let mut nested = vec![44u8, 0, 0, 0, 0, 0, 0, 1];
        nested.extend([UDP, 0, 0, 0, 0, 0, 0, 2]);
        let octets = packet(44, &with_udp(&nested));
        let verdict = ipv6(&octets, &host(Destination::Own));
        assert_eq!(verdict, Verdict::Drop(Reason::SecondFragmentHeader));
    }

    // RFC 7112 §5 MUST (chain): the first fragment holds all headers.
    // RFC 7112 §5 SHOULD (report): code 3, pointer zero.
    #[test]
    fn a_first_fragment_without_all_headers() {
        let expected = problem(
            ParameterProblem::INCOMPLETE_HEADER_CHAIN,
            0,
            Reason::IncompleteHeaderChain,
        );
        let own = host(Destination::Own);
        let tcp = 6;
        assert_eq!(ipv6(&fragment(tcp, 0, true, &[0; 16]), &own), expected);
        assert_eq!(
            ipv6(&fragment(tcp, 0, true, &[0; 24]), &own),
            Verdict::Reassemble
        );
        // The TCP header's own length counts.
        let mut long = [0; 24];
        long[12] = 0x80;
        assert_eq!(ipv6(&fragment(tcp, 0, true, &long), &own), expected);
        // Options that go on in the second fragment.
        let mut options = option(0x1e);
        options[1] = 1;
        assert_eq!(ipv6(&fragment(60, 0, true, &options), &own), expected);
        let whole = [&option(0x1e)[..], &UDP_HEADER].concat();
        assert_eq!(
            ipv6(&fragment(60, 0, true, &whole), &own),
            Verdict::Reassemble
        );
        // What follows in later fragments is no header.
        assert_eq!(
            ipv6(&fragment(tcp, 8, true, &[0; 8]), &own),
            Verdict::Reassemble
        );
        // A router forwards all of them.
        let octets = fragment(tcp, 0, true, &[0; 16]);
        let verdict = ipv6(&octets, &router(Destination::Elsewhere));
        assert_eq!(verdict, Verdict::Forward);
    }
}

#[test]
fn each_reason_has_a_counter() {
    let mut counters = ReceptionCounters::default();
    let octets = packet(143, &[0; 8]);
    for context in [host(Destination::Own), host(Destination::Elsewhere)] {
        match ipv6(&octets, &context) {
            Verdict::Drop(reason) | Verdict::Error { reason, .. } => counters.count(&reason),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((counters.unknown_protocol, counters.not_for_us), (1, 1));
    assert_eq!(counters.total(), 2);
}

proptest! {
    /// Any octets: no panic, and a pointer that lies within the packet.
    #[test]
    fn pointers_lie_within_the_packet(
        next: u8,
        mut payload in proptest::collection::vec(any::<u8>(), 0..120),
        kind in 0u8..4,
        is_router: bool,
        short in 0u8..4,
    ) {
        // Lengths that fit now and then.
        if let Some(length) = payload.get_mut(1) {
            *length %= short + 1;
        }
        let next = [0, 43, 44, 60, next][usize::from(kind) % 5];
        let octets = packet(next, &payload);
        for destination in [Destination::Own, Destination::Group, Destination::Elsewhere] {
            let context = Ipv6Context { is_router, ..host(destination) };
            match ipv6(&octets, &context) {
                Verdict::Error { error: Icmpv6Repr::ParameterProblem { pointer, .. }, .. } => {
                    prop_assert!((pointer as usize) < octets.len());
                }
                Verdict::Deliver { payload, offset, .. } => {
                    prop_assert_eq!(payload, &octets[offset..]);
                    // packet-buffer's walk comes to the same place.
                    let packet = Ipv6Packet::parse(&octets).unwrap();
                    let upper = packet.upper_layer().unwrap();
                    prop_assert_eq!(upper.offset, offset);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn any_octets_return(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        for destination in [Destination::Own, Destination::Elsewhere] {
            let _ = ipv6(&octets, &router(destination));
        }
    }
}
