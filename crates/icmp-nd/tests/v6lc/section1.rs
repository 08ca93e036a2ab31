//! Section 1: the IPv6 specification.

use crate::packets::{
    DESTINATION, FRAGMENT, HOP_BY_HOP, NO_NEXT, Packet, ROUTING, echo_request, ip,
};
use crate::support::{
    ALL_NODES, ALL_ROUTERS, Lab, NUT_GLOBAL, NUT_LL, PARAMETER_PROBLEM, RUT_B, Seen, TIME_EXCEEDED,
    TN1, TN1_GLOBAL, TN1_LL, TN2, TN2_GLOBAL, TN3_GLOBAL, assert_error, assert_no_errors,
    assert_silence, secs,
};
use icmp_nd::router::RouteTarget;

/// What the router has sent out on link A that came from a neighbor on link B.
fn forwarded(lab: &mut Lab, packet: &Packet) -> Vec<Seen> {
    lab.clear();
    lab.send(TN1, packet);
    lab.run(secs(1));
    let source = packet.source;
    let all = lab.seen().into_iter();
    all.filter(|it| it.port == TN2.port && it.ip().source() == source)
        .collect()
}

/// The router forwards it, changing nothing but the hop limit, by one.
fn assert_forwarded(packet: &Packet) {
    let mut lab = Lab::router();
    let seen = forwarded(&mut lab, packet);
    assert_eq!(seen.len(), 1, "{:?}", lab.last_discard());
    let expected = packet.clone().hop_limit(packet.hop_limit - 1);
    assert_eq!(seen[0].octets, expected.octets());
    assert_eq!(seen[0].to, TN2.mac);
}

/// An echo request from TN1 to TN2 through the router.
fn transit() -> Packet {
    Packet::icmp(TN1_GLOBAL, TN2_GLOBAL, echo_request(1, 8))
}

/// An echo request from TN1 to the host.
fn to_host() -> Packet {
    Packet::icmp(TN1_LL, NUT_LL, echo_request(1, 8))
}

fn assert_answered(packet: &Packet) {
    let mut lab = Lab::host();
    let replies = lab.replies(TN1, packet);
    assert_eq!(
        replies.len(),
        1,
        "{:?} {:?}",
        lab.seen(),
        lab.last_discard()
    );
    assert_no_errors(&lab.seen());
}

fn assert_ignored(packet: &Packet) {
    let mut lab = Lab::host();
    let seen = lab.exchange(TN1, packet);
    assert_silence(&seen);
    lab.assert_alive();
}

fn assert_host_error(packet: &Packet, kind: u8, code: u8, word: u32) {
    let mut lab = Lab::host();
    let seen = lab.exchange(TN1, packet);
    assert_error(&seen, kind, code, word, packet);
    lab.assert_alive();
}

fn assert_router_error(packet: &Packet, kind: u8, code: u8, word: u32) {
    let mut lab = Lab::router();
    let seen = lab.exchange(TN1, packet);
    assert_error(&seen, kind, code, word, packet);
    assert!(
        seen.iter()
            .all(|it| it.port == TN1.port || it.icmp().is_none_or(|it| it.0 > 130))
    );
    lab.assert_alive();
}

fn assert_router_silent(packet: &Packet) {
    let mut lab = Lab::router();
    let seen = lab.exchange(TN1, packet);
    assert_silence(&seen);
    lab.assert_alive();
}

mod s_1_1 {
    use super::*;

    fn version(version: u8) {
        assert_ignored(&Packet {
            version,
            ..to_host()
        });
    }

    /// v6LC.1.1.1 | Version Field (v0)
    #[test]
    fn version_0() {
        version(0);
    }

    /// v6LC.1.1.1 | Version Field (v4)
    #[test]
    fn version_4() {
        version(4);
    }

    /// v6LC.1.1.1 | Version Field (v5)
    #[test]
    fn version_5() {
        version(5);
    }

    /// v6LC.1.1.1 | Version Field (v7)
    #[test]
    fn version_7() {
        version(7);
    }

    /// v6LC.1.1.1 | Version Field (v15)
    #[test]
    fn version_15() {
        version(15);
    }

    /// v6LC.1.1.2 | Traffic Class Non-Zero (End Node)
    #[test]
    fn traffic_class_to_a_host() {
        assert_answered(&Packet {
            traffic_class: 32,
            ..to_host()
        });
    }

    /// v6LC.1.1.3 | Traffic Class Non-Zero - Intermediate Node (Routers Only)
    #[test]
    fn traffic_class_through_a_router() {
        assert_forwarded(&Packet {
            traffic_class: 32,
            ..transit()
        });
    }

    /// v6LC.1.1.3a | Flow Label Non-Zero
    #[test]
    fn flow_label_to_a_host() {
        let packet = Packet {
            flow_label: 0x34567,
            ..to_host()
        };
        let mut lab = Lab::host();
        let replies = lab.replies(TN1, &packet);
        assert_eq!(replies.len(), 1);
        assert!([0, 0x34567].contains(&replies[0].ip().flow_label()));
    }

    /// v6LC.1.1.4b | Flow Label Non-Zero - RUT forwards Non-Zero Flow Label
    #[test]
    fn flow_label_through_a_router() {
        assert_forwarded(&Packet {
            flow_label: 0x34567,
            ..transit()
        });
    }

    /// v6LC.1.1.5a | Payload Length (Payload Length Odd)
    #[test]
    fn odd_payload_length() {
        assert_answered(&Packet::icmp(TN1_LL, NUT_LL, echo_request(1, 43)));
    }

    /// v6LC.1.1.5b | Payload Length - RUT forwards Payload Length Odd
    #[test]
    fn odd_payload_length_through_a_router() {
        assert_forwarded(&Packet::icmp(TN1_GLOBAL, TN2_GLOBAL, echo_request(1, 43)));
    }

    /// v6LC.1.1.5c | Payload Length (Payload Length Even)
    #[test]
    fn even_payload_length() {
        assert_answered(&Packet::icmp(TN1_LL, NUT_LL, echo_request(1, 42)));
    }

    /// v6LC.1.1.6a | No Next Header after IPv6 Header
    #[test]
    fn no_next_header() {
        assert_ignored(&Packet {
            next: NO_NEXT,
            ..to_host()
        });
    }

    /// v6LC.1.1.6b | No Next Header after IPv6 Header - RUT Forwards No Next Header
    #[test]
    fn no_next_header_through_a_router() {
        assert_forwarded(&Packet {
            next: NO_NEXT,
            ..transit()
        });
    }

    /// v6LC.1.1.7a | Unrecognised Next Header in IPv6 Header
    #[test]
    fn unrecognised_next_header() {
        let packet = Packet {
            next: 138,
            ..to_host()
        };
        assert_host_error(&packet, PARAMETER_PROBLEM, 1, 6);
    }

    /// An echo request announced as destination options: read as such, it is a header of eight octets
    /// whose Next Header, 128, nobody knows.
    ///
    /// v6LC.1.1.7b | Unexpected Next Header in IPv6 Header
    #[test]
    fn unexpected_next_header() {
        let mut packet = to_host();
        packet.next = DESTINATION;
        // Where checksum, identifier and sequence number stand: PadN over all six octets.
        packet.payload = vec![128, 0, 1, 4, 0, 0, 0, 0];
        assert_host_error(&packet, PARAMETER_PROBLEM, 1, 40);
    }

    /// v6LC.1.1.8 | Hop Limit Zero - End Node
    #[test]
    fn hop_limit_zero_to_a_host() {
        assert_answered(&to_host().hop_limit(0));
    }

    /// v6LC.1.1.9 | Hop Limit Decrement - Intermediate Node (Routers Only)
    #[test]
    fn hop_limit_counts_down() {
        assert_forwarded(&transit().hop_limit(15));
    }
}

mod s_1_1_10 {
    use super::*;

    fn not_forwarded(packet: &Packet) {
        let mut lab = Lab::router();
        let seen = forwarded(&mut lab, packet);
        assert!(seen.is_empty(), "{seen:?}");
        lab.assert_alive();
    }

    fn from_to(source: &str, destination: &str) -> Packet {
        Packet::icmp(source, destination, echo_request(1, 8))
    }

    /// The request goes to a global address.
    ///
    /// v6LC.1.1.10a | IP Forwarding - Source and Destination Address - Request sent to
    #[test]
    fn to_global() {
        assert_forwarded(&transit());
    }

    /// With a prefix that ends in zeroes.
    ///
    /// v6LC.1.1.10b | IP Forwarding - Source and Destination Address - Request sent to Global
    #[test]
    fn to_global_with_a_prefix_that_ends_in_zeroes() {
        let mut lab = Lab::router_with(|config| {
            let gateway = ip("fe80::22");
            let via = RouteTarget::Via { port: 1, gateway };
            config.routes.push(("8000::/64".parse().unwrap(), via));
        });
        lab.answers("fe80::22", TN2, true);
        let seen = forwarded(&mut lab, &from_to(TN1_GLOBAL, "8000::22"));
        assert_eq!(seen.len(), 1);
    }

    /// The request goes to the unspecified address, which is never a destination.
    ///
    /// v6LC.1.1.10c | IP Forwarding - Source and Destination Address - Request sent to
    #[test]
    fn to_unspecified() {
        not_forwarded(&from_to(TN1_GLOBAL, "::"));
    }

    /// The request goes to the loopback address, which never leaves a node.
    ///
    /// v6LC.1.1.10d | IP Forwarding - Source and Destination Address - Request sent to
    #[test]
    fn to_loopback() {
        not_forwarded(&from_to(TN1_GLOBAL, "::1"));
    }

    /// The request comes from the unspecified address.
    ///
    /// v6LC.1.1.10e | IP Forwarding - Source and Destination Address - Request sent from
    #[test]
    fn from_unspecified() {
        not_forwarded(&from_to("::", TN2_GLOBAL));
    }

    /// The request comes from a link-local address.
    ///
    /// v6LC.1.1.10f | IP Forwarding - Source and Destination Address - Request sent from
    #[test]
    fn from_link_local() {
        not_forwarded(&from_to(TN1_LL, TN2_GLOBAL));
    }

    /// RFC 3879 took the meaning of site-local addresses away: they are forwarded as any other.
    ///
    /// v6LC.1.1.10g | IP Forwarding - Source and Destination Address - Request sent to Site-
    #[test]
    fn to_site_local() {
        let mut lab = Lab::router_with(|config| {
            let gateway = ip("fe80::22");
            let via = RouteTarget::Via { port: 1, gateway };
            config
                .routes
                .push(("fec0:0:0:1::/64".parse().unwrap(), via));
        });
        lab.answers("fe80::22", TN2, true);
        let seen = forwarded(&mut lab, &from_to(TN1_GLOBAL, "fec0:0:0:1::22"));
        assert_eq!(seen.len(), 1);
    }

    /// The router has no multicast routing: packets to groups stay on their link, without an error.
    ///
    /// v6LC.1.1.10h | IP Forwarding - Source and Destination Address - Request sent to Global
    #[test]
    fn to_a_global_group() {
        not_forwarded(&from_to(TN1_GLOBAL, "ff1e::1:2"));
        assert_router_silent(&from_to(TN1_GLOBAL, "ff1e::1:2"));
    }

    /// v6LC.1.1.10i | IP Forwarding - Source and Destination Address - Request sent to Link-
    #[test]
    fn to_a_link_local_group() {
        not_forwarded(&from_to(TN1_GLOBAL, "ff12::1:2"));
    }

    /// The reserved scope 0.
    ///
    /// v6LC.1.1.10j | IP Forwarding - Source and Destination Address - Request sent to Multicast
    #[test]
    fn to_a_group_of_scope_0() {
        not_forwarded(&from_to(TN1_GLOBAL, "ff10::1:2"));
    }

    /// The reserved scope F, which is global.
    ///
    /// v6LC.1.1.10k | IP Forwarding - Source and Destination Address - Request sent to Multicast
    #[test]
    fn to_a_group_of_scope_f() {
        not_forwarded(&from_to(TN1_GLOBAL, "ff1f::1:2"));
    }
}

mod s_1_2 {
    use super::*;

    /// v6LC.1.2.1 | Next Header Zero
    #[test]
    fn next_header_zero() {
        let packet = to_host().options(HOP_BY_HOP, &[]).options(HOP_BY_HOP, &[]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 1, 40);
    }

    /// v6LC.1.2.2a | No Next Header After Extension Header
    #[test]
    fn no_next_header_after_an_extension() {
        let packet = Packet {
            next: NO_NEXT,
            ..to_host()
        };
        assert_ignored(&packet.options(DESTINATION, &[]));
    }

    /// v6LC.1.2.2b | No Next Header After Extension Header
    #[test]
    fn no_next_header_after_an_extension_through_a_router() {
        let packet = Packet {
            next: NO_NEXT,
            ..transit()
        };
        assert_forwarded(&packet.options(DESTINATION, &[]));
    }

    /// v6LC.1.2.3a | Unrecognised Next Header In Extension Header
    #[test]
    fn unrecognised_next_header_in_an_extension() {
        let packet = Packet {
            next: 138,
            ..to_host()
        };
        assert_host_error(&packet.options(DESTINATION, &[]), PARAMETER_PROBLEM, 1, 40);
    }

    /// The echo request is announced as more destination options, whose Next Header, 128, nobody
    /// knows.
    ///
    /// v6LC.1.2.3b | Unrecognised Next Header In Extension Header
    #[test]
    fn unexpected_next_header_in_an_extension() {
        let mut packet = to_host();
        packet.next = DESTINATION;
        packet.payload = vec![128, 0, 1, 4, 0, 0, 0, 0];
        assert_host_error(&packet.options(DESTINATION, &[]), PARAMETER_PROBLEM, 1, 48);
    }

    /// A fragment that is not the last and whose length is no multiple of eight.
    fn odd_fragment(packet: &Packet) -> Packet {
        packet.fragment(0, 13, 1)
    }

    /// Pointer to the option 0x87 in the options header at `at`.
    fn pointer(at: u32) -> u32 {
        at + 2
    }

    /// The error comes from the destination options.
    ///
    /// v6LC.1.2.4a | Extension Header Processing Order - Destination Options Header precedes
    #[test]
    fn options_before_a_fragment_header_and_wrong() {
        let packet = odd_fragment(&to_host())
            .options(DESTINATION, &[0x87, 0])
            .options(HOP_BY_HOP, &[]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 2, pointer(48));
    }

    /// The error comes from the fragment header.
    ///
    /// v6LC.1.2.4b | Extension Header Processing Order - Destination Options Header precedes
    #[test]
    fn options_before_a_fragment_header_that_is_wrong() {
        let packet = odd_fragment(&to_host())
            .options(DESTINATION, &[0x07, 0])
            .options(HOP_BY_HOP, &[]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 0, 4);
    }

    /// The error comes from the fragment header.
    ///
    /// v6LC.1.2.4c | Extension Header Processing Order - Fragment Header precedes Destination
    #[test]
    fn options_behind_a_fragment_header_that_is_wrong() {
        let packet =
            odd_fragment(&to_host().options(DESTINATION, &[0x87, 0])).options(HOP_BY_HOP, &[]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 0, 4);
    }

    /// The error comes from the destination options, after reassembly. It quotes the packet that was put
    /// together.
    ///
    /// v6LC.1.2.4d | Extension Header Processing Order - Fragment Header precedes Destination
    #[test]
    fn options_behind_a_fragment_header_and_wrong() {
        let whole = to_host().options(DESTINATION, &[0x87, 0]);
        let mut lab = Lab::host();
        lab.clear();
        lab.send(TN1, &whole.fragment(0, 16, 1));
        lab.send(TN1, &whole.fragment(16, whole.payload.len(), 1));
        lab.run(secs(1));
        let errors: Vec<Seen> = lab.of(PARAMETER_PROBLEM);
        assert_eq!(errors.len(), 1, "{:?}", lab.last_discard());
        let (_, code, body) = errors[0].icmp().unwrap();
        assert_eq!(code, 2);
        let at = u32::from_be_bytes(body[..4].try_into().unwrap());
        assert_eq!(
            body[4 + at as usize],
            0x87,
            "the pointer leads to the option"
        );
    }

    fn two_options(second: u8) -> Packet {
        to_host().options(DESTINATION, &[0x07, 0, second, 0])
    }

    /// The second option's bits are 01b.
    ///
    /// v6LC.1.2.5a | Option Processing Order - First Option has Most Significant Bits 00b,
    #[test]
    fn second_option_01() {
        assert_ignored(&two_options(0x47));
    }

    /// The second option's bits are 10b.
    ///
    /// v6LC.1.2.5b | Option Processing Order - First Option has Most Significant Bits 00b,
    #[test]
    fn second_option_10() {
        assert_host_error(&two_options(0x87), PARAMETER_PROBLEM, 2, 44);
    }

    /// The second option's bits are 11b.
    ///
    /// v6LC.1.2.5c | Option Processing Order - First Option has Most Significant Bits 00b,
    #[test]
    fn second_option_11() {
        assert_host_error(&two_options(0xc7), PARAMETER_PROBLEM, 2, 44);
    }
}

/// Options headers of an end node: the same eight parts for both kinds.
mod s_1_2_6_and_8 {
    use super::*;

    fn to_all_nodes() -> Packet {
        Packet::icmp(TN1_LL, ALL_NODES, echo_request(1, 8))
    }

    /// v6LC.1.2.6a | Option Processing, Hop-by-Hop Options Header (End Node) - Pad1 Option
    #[test]
    fn hop_by_hop_pad1() {
        assert_answered(&to_host().options(HOP_BY_HOP, &[0, 0, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.6b | Option Processing, Hop-by-Hop Options Header (End Node) - PadN Option
    #[test]
    fn hop_by_hop_padn() {
        assert_answered(&to_host().options(HOP_BY_HOP, &[1, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.6c | Option Processing, Hop-by-Hop Options Header (End Node) - Most Significant Bits 00b
    #[test]
    fn hop_by_hop_00() {
        assert_answered(&to_host().options(HOP_BY_HOP, &[0x07, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.6d | Option Processing, Hop-by-Hop Options Header (End Node) - Most Significant Bits 01b
    #[test]
    fn hop_by_hop_01() {
        assert_ignored(&to_host().options(HOP_BY_HOP, &[0x47, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.6e | Option Processing, Hop-by-Hop Options Header (End Node) - Most Significant Bits 10b, unicast destination
    #[test]
    fn hop_by_hop_10() {
        let packet = to_host().options(HOP_BY_HOP, &[0x87, 4, 0, 0, 0, 0]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// v6LC.1.2.6f | Option Processing, Hop-by-Hop Options Header (End Node) - Most Significant Bits 11b, unicast destination
    #[test]
    fn hop_by_hop_11() {
        let packet = to_host().options(HOP_BY_HOP, &[0xc7, 4, 0, 0, 0, 0]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// v6LC.1.2.6g | Option Processing, Hop-by-Hop Options Header (End Node) - Most Significant Bits 10b, multicast destination
    #[test]
    fn hop_by_hop_10_multicast() {
        let packet = to_all_nodes().options(HOP_BY_HOP, &[0x87, 4, 0, 0, 0, 0]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// v6LC.1.2.6h | Option Processing, Hop-by-Hop Options Header (End Node) - Most Significant Bits 11b, multicast destination
    #[test]
    fn hop_by_hop_11_multicast() {
        assert_ignored(&to_all_nodes().options(HOP_BY_HOP, &[0xc7, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.8a | Option Processing, Destination Options Header - Pad1 Option
    #[test]
    fn destination_pad1() {
        assert_answered(&to_host().options(DESTINATION, &[0, 0, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.8b | Option Processing, Destination Options Header - PadN Option
    #[test]
    fn destination_padn() {
        assert_answered(&to_host().options(DESTINATION, &[1, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.8c | Option Processing, Destination Options Header - Most Significant Bits 00b
    #[test]
    fn destination_00() {
        assert_answered(&to_host().options(DESTINATION, &[0x07, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.8d | Option Processing, Destination Options Header - Most Significant Bits 01b
    #[test]
    fn destination_01() {
        assert_ignored(&to_host().options(DESTINATION, &[0x47, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.8e | Option Processing, Destination Options Header - Most significant Bits 10b,
    #[test]
    fn destination_10() {
        let packet = to_host().options(DESTINATION, &[0x87, 4, 0, 0, 0, 0]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// v6LC.1.2.8f | Option Processing, Destination Options Header - Most Significant Bits 11b,
    #[test]
    fn destination_11() {
        let packet = to_host().options(DESTINATION, &[0xc7, 4, 0, 0, 0, 0]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// To a group.
    ///
    /// v6LC.1.2.8g | Option Processing, Destination Options Header - Most Significant Bits 10,
    #[test]
    fn destination_10_multicast() {
        let packet = to_all_nodes().options(DESTINATION, &[0x87, 4, 0, 0, 0, 0]);
        assert_host_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// To a group.
    ///
    /// v6LC.1.2.8h | Option Processing, Destination Options Header - Most Significant Bits 11,
    #[test]
    fn destination_11_multicast() {
        assert_ignored(&to_all_nodes().options(DESTINATION, &[0xc7, 4, 0, 0, 0, 0]));
    }
}

mod s_1_2_7 {
    use super::*;

    /// v6LC.1.2.7a | Option Processing, Hop-by-Hop Options Header - Pad1 Option
    #[test]
    fn pad1() {
        assert_forwarded(&transit().options(HOP_BY_HOP, &[0, 0, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.7b | Option Processing, Hop-by-Hop Options Header - PadN Option
    #[test]
    fn padn() {
        assert_forwarded(&transit().options(HOP_BY_HOP, &[1, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.7c | Option Processing, Hop-by-Hop Options Header - Most Significant Bits 00b
    #[test]
    fn bits_00() {
        assert_forwarded(&transit().options(HOP_BY_HOP, &[0x07, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.7d | Option Processing, Hop-by-Hop Options Header - Most Significant Bits 01b
    #[test]
    fn bits_01() {
        assert_router_silent(&transit().options(HOP_BY_HOP, &[0x47, 4, 0, 0, 0, 0]));
    }

    /// v6LC.1.2.7e | Option Processing, Hop-by-Hop Options Header - Most Significant Bits 10b,
    #[test]
    fn bits_10() {
        let packet = transit().options(HOP_BY_HOP, &[0x87, 4, 0, 0, 0, 0]);
        assert_router_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// v6LC.1.2.7f | Option Processing, Hop-by-Hop Options Header (Intermediate Node) - Most Significant Bits 11b unicast destination
    #[test]
    fn bits_11() {
        let packet = transit().options(HOP_BY_HOP, &[0xc7, 4, 0, 0, 0, 0]);
        assert_router_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// To a group that the router listens to.
    ///
    /// v6LC.1.2.7g | Option Processing, Hop-by-Hop Options Header (Intermediate Node) - Most Significant Bits 10b, multicast destination
    #[test]
    fn bits_10_to_all_routers() {
        let packet = Packet::icmp(TN1_GLOBAL, ALL_ROUTERS, echo_request(1, 8));
        let packet = packet.options(HOP_BY_HOP, &[0x87, 4, 0, 0, 0, 0]);
        assert_router_error(&packet, PARAMETER_PROBLEM, 2, 42);
    }

    /// To a group that the router does not listen to: it has no multicast routing, so it is not on the
    /// packet's path, and the options are none of its business (RFC 8200 §4).
    ///
    /// v6LC.1.2.7g | Option Processing, Hop-by-Hop Options Header - Most Significant Bits 10b,
    #[test]
    fn bits_10_to_a_foreign_group() {
        let packet = Packet::icmp(TN1_GLOBAL, "ff1e::1:2", echo_request(1, 8));
        assert_router_silent(&packet.options(HOP_BY_HOP, &[0x87, 4, 0, 0, 0, 0]));
    }

    /// Bits 11b to a group, which the list leaves out.
    #[test]
    fn bits_11_to_groups() {
        for group in ["ff1e::1:2", ALL_ROUTERS] {
            let packet = Packet::icmp(TN1_GLOBAL, group, echo_request(1, 8));
            assert_router_silent(&packet.options(HOP_BY_HOP, &[0xc7, 4, 0, 0, 0, 0]));
        }
    }
}

mod s_1_2_9_and_10 {
    use super::*;

    /// A routing header: type, segments left, one address.
    fn routed(packet: Packet, routing_type: u8, left: u8) -> Packet {
        let mut body = vec![2, routing_type, left, 0, 0, 0, 0];
        body.extend(ip("2001:db8:9::9").octets());
        packet.extended(ROUTING, &body)
    }

    /// v6LC.1.2.9a | Unrecognized Routing Type (End Node) - Unrecognised Routing Type 33
    #[test]
    fn host_type_33() {
        assert_host_error(&routed(to_host(), 33, 1), PARAMETER_PROBLEM, 0, 42);
        assert_answered(&routed(to_host(), 33, 0));
    }

    /// RFC 5095 withdrew type 0: it is treated as one that is not recognised.
    ///
    /// v6LC.1.2.9b | Unrecognized Routing Type (End Node) - Unrecognised Routing Type 0
    #[test]
    fn host_type_0() {
        assert_host_error(&routed(to_host(), 0, 1), PARAMETER_PROBLEM, 0, 42);
        assert_answered(&routed(to_host(), 0, 0));
    }

    fn to_router() -> Packet {
        Packet::icmp(TN1_GLOBAL, RUT_B, echo_request(1, 8))
    }

    /// v6LC.1.2.10a | Unrecognized Routing Type - Type 33
    #[test]
    fn router_type_33() {
        assert_router_error(&routed(to_router(), 33, 1), PARAMETER_PROBLEM, 0, 42);
        assert_forwarded(&routed(transit(), 33, 1));
    }

    /// RFC 5095 withdrew type 0: it is treated as one that is not recognised.
    ///
    /// v6LC.1.2.10b | Unrecognized Routing Type - Type 0
    #[test]
    fn router_type_0() {
        assert_router_error(&routed(to_router(), 0, 1), PARAMETER_PROBLEM, 0, 42);
        assert_forwarded(&routed(transit(), 0, 1));
    }
}

mod s_1_3_1 {
    use super::*;

    /// An echo request in three fragments.
    fn fragments(packet: &Packet) -> [Packet; 3] {
        let end = packet.payload.len();
        [
            packet.fragment(0, 32, 135),
            packet.fragment(32, 64, 135),
            packet.fragment(64, end, 135),
        ]
    }

    fn whole() -> Packet {
        Packet::icmp(TN1_GLOBAL, NUT_GLOBAL, echo_request(1, 80))
    }

    fn replies(packets: &[Packet]) -> Vec<Seen> {
        let mut lab = Lab::host_with_router();
        for packet in packets {
            lab.send(TN1, packet);
            lab.run(core::time::Duration::from_millis(20));
        }
        lab.run(secs(1));
        lab.of(crate::support::ECHO_REPLY)
    }

    /// v6LC.1.3.1a | Fragment Reassembly - All Fragments are Valid
    #[test]
    fn all_valid() {
        let seen = replies(&fragments(&whole()));
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].icmp().unwrap().2, whole().payload[4..]);
    }

    /// v6LC.1.3.1b | Fragment Reassembly - All Fragments are Valid, reverse order
    #[test]
    fn reverse_order() {
        let [a, b, c] = fragments(&whole());
        assert_eq!(replies(&[c, b, a]).len(), 1);
    }

    /// v6LC.1.3.1c | Fragment Reassembly - Fragment IDs Differ Between Fragments
    #[test]
    fn identifications_differ() {
        let [a, b, _] = fragments(&whole());
        let c = whole().fragment(64, 88, 136);
        assert_eq!(replies(&[a, b, c]).len(), 0);
    }

    /// v6LC.1.3.1d | Fragment Reassembly - Source Addresses Differ Between Fragments
    #[test]
    fn sources_differ() {
        let [a, b, mut c] = fragments(&whole());
        c.source = ip(TN3_GLOBAL);
        assert_eq!(replies(&[a, b, c]).len(), 0);
    }

    /// v6LC.1.3.1e | Fragment Reassembly - Destination Addresses Differ Between Fragments
    #[test]
    fn destinations_differ() {
        let [a, b, mut c] = fragments(&whole());
        c.destination = ip(NUT_LL);
        assert_eq!(replies(&[a, b, c]).len(), 0);
    }

    /// v6LC.1.3.1f | Fragment Reassembly - Reassemble to 1500
    #[test]
    fn to_1500_octets() {
        let packet = Packet::icmp(TN1_GLOBAL, NUT_GLOBAL, echo_request(1, 1_452));
        assert_eq!(packet.octets().len(), 1_500);
        let pieces = [
            packet.fragment(0, 1_024, 9),
            packet.fragment(1_024, 1_460, 9),
        ];
        let seen = replies(&pieces);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].octets.len(), 1_500);
    }

    /// Sends fragments, each after so many seconds, and waits for 70 more.
    fn over_time(packets: &[(u64, Packet)]) -> Lab {
        let mut lab = Lab::host_with_router();
        for (wait, packet) in packets {
            lab.run(secs(*wait));
            lab.send(TN1, packet);
        }
        lab.run(secs(70));
        lab
    }

    /// v6LC.1.3.1a | Reassembly Time Exceeded - Time Elapsed Between Fragments less than Sixty Seconds
    #[test]
    fn in_time() {
        let [a, b, c] = fragments(&whole());
        let lab = over_time(&[(0, a), (25, b), (30, c)]);
        assert_eq!(lab.of(crate::support::ECHO_REPLY).len(), 1);
        assert_no_errors(&lab.seen());
    }

    fn assert_time_exceeded(lab: &Lab, first: &Packet) {
        assert!(lab.of(crate::support::ECHO_REPLY).is_empty());
        assert_error(&lab.seen(), TIME_EXCEEDED, 1, 0, first);
    }

    /// v6LC.1.3.1b | Reassembly Time Exceeded - Time Exceeded Before Last Fragments Arrive
    #[test]
    fn the_last_comes_late() {
        let [a, b, c] = fragments(&whole());
        let lab = over_time(&[(0, a.clone()), (0, b), (65, c)]);
        assert_time_exceeded(&lab, &a);
    }

    /// v6LC.1.3.1c | Reassembly Time Exceeded - Time Exceeded (Global), Only First Fragment Received
    #[test]
    fn only_the_first_global() {
        let [a, _, _] = fragments(&whole());
        let lab = over_time(&[(0, a.clone())]);
        assert_time_exceeded(&lab, &a);
    }

    /// v6LC.1.3.1d | Reassembly Time Exceeded - Time Exceeded (Link-local), Only First Fragment Received
    #[test]
    fn only_the_first_link_local() {
        let packet = Packet::icmp(TN1_LL, NUT_LL, echo_request(1, 80));
        let [a, _, _] = fragments(&packet);
        let lab = over_time(&[(0, a.clone())]);
        assert_time_exceeded(&lab, &a);
    }

    /// v6LC.1.3.1e | Reassembly Time Exceeded - Time Exceeded, Only Second Fragment Received
    #[test]
    fn only_the_second() {
        let [_, b, _] = fragments(&whole());
        let lab = over_time(&[(0, b)]);
        assert_silence(&lab.seen());
    }
}

mod s_1_3 {
    use super::*;

    /// v6LC.1.3.3 | Fragment Header M-Bit Set, Payload Length Invalid
    #[test]
    fn length_that_is_no_multiple_of_eight() {
        assert_host_error(&to_host().fragment(0, 13, 1), PARAMETER_PROBLEM, 0, 4);
    }

    /// The reply is no fragment (RFC 6946).
    ///
    /// v6LC.1.3.4 | Stub Fragment Header
    #[test]
    fn stub_fragment_header() {
        let packet = to_host();
        let stub = packet.fragment(0, packet.payload.len(), 7);
        let mut lab = Lab::host();
        let replies = lab.replies(TN1, &stub);
        assert_eq!(replies.len(), 1);
        assert_ne!(replies[0].ip().next_header().0, FRAGMENT);
    }
}
