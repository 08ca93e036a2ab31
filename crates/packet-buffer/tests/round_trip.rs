//! Values to octets and back, for every format and every field; and the hand-made packets octet by
//! octet.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "exercise/round_trip.rs"]
mod exercise;
mod vectors;

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::{
    ArpOperation, ArpPacket, ArpRepr, EtherType, EthernetFrame, EthernetRepr, GrePacket, GreRepr,
    HeaderOptions, Icmpv4Message, Icmpv4Repr, Icmpv4Type, Icmpv6Message, Icmpv6Repr, Icmpv6Type,
    IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Extension, Ipv6Extensions, Ipv6FragmentHeader,
    Ipv6Packet, Ipv6Repr, MacAddr, PseudoHeader, SackBlocks, TcpFlags, TcpOption, TcpOptionKind,
    TcpRepr, TcpSegment, UdpDatagram, UdpRepr, VlanTag, VlanTags, icmpv4_code, icmpv6_code,
};
use packet_buffer::{EmitError, PacketBuf};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// What is carried: short mostly, of odd and even lengths.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..64),
        1 => vec(any::<u8>(), 1000..1501),
        1 => Just(Vec::new()),
    ]
}

/// Puts `emit`'s header in front of `payload`.
fn written(
    payload: &[u8],
    emit: impl FnOnce(&mut PacketBuf) -> Result<(), EmitError>,
) -> Result<PacketBuf, EmitError> {
    let mut packet = PacketBuf::from_slice(8, payload);
    emit(&mut packet)?;
    assert!(packet.as_slice().ends_with(payload));
    Ok(packet)
}

prop_compose! {
    fn pseudo_headers()(is_v4: bool, source: [u8; 16], destination: [u8; 16]) -> PseudoHeader {
        let v4 = |octets: [u8; 16]| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]);
        if is_v4 {
            PseudoHeader::V4 { source: v4(source), destination: v4(destination) }
        } else {
            PseudoHeader::V6 { source: source.into(), destination: destination.into() }
        }
    }
}

prop_compose! {
    fn ethernet_headers()(
        destination: [u8; 6],
        source: [u8; 6],
        tags in vec((any::<bool>(), any::<u16>()), 0..=VlanTags::MAX),
        ethertype in (0x600..=u16::MAX).prop_map(EtherType),
    ) -> EthernetRepr {
        let mut vlan_tags = VlanTags::NONE;
        for (is_service, tci) in &tags {
            let tpid = if *is_service { EtherType::SERVICE_VLAN } else { EtherType::VLAN };
            assert!(vlan_tags.push(VlanTag { tpid, tci: *tci }));
        }
        // Fewer than four tags and the type of one would read as a tag more.
        let ethertype = if ethertype.is_vlan() { EtherType::IPV6 } else { ethertype };
        EthernetRepr {
            destination: MacAddr(destination),
            source: MacAddr(source),
            vlan_tags,
            ethertype,
        }
    }
}

prop_compose! {
    fn arp_packets()(
        operation: u16,
        sender: ([u8; 6], [u8; 4]),
        target: ([u8; 6], [u8; 4]),
    ) -> ArpRepr {
        ArpRepr {
            operation: ArpOperation(operation),
            sender_hardware_address: MacAddr(sender.0),
            sender_protocol_address: sender.1.into(),
            target_hardware_address: MacAddr(target.0),
            target_protocol_address: target.1.into(),
        }
    }
}

/// IPv4 options that are whole.
fn ipv4_options() -> impl Strategy<Value = HeaderOptions> {
    let option = prop_oneof![
        Just(vec![1]),
        (2u8.., vec(any::<u8>(), 0..12)).prop_map(|(kind, data)| {
            let mut octets = vec![kind, data.len() as u8 + 2];
            octets.extend(data);
            octets
        }),
    ];
    vec(option, 0..6).prop_map(|options| {
        let mut octets = Vec::new();
        for option in options {
            if octets.len() + option.len() <= HeaderOptions::MAX {
                octets.extend(option);
            }
        }
        HeaderOptions::from_slice(&octets).unwrap()
    })
}

prop_compose! {
    fn ipv4_headers()(
        addresses: ([u8; 4], [u8; 4]),
        protocol: u8,
        time_to_live: u8,
        dscp in 0u8..64,
        ecn in 0u8..4,
        identification: u16,
        flags: [bool; 3],
        offset in prop_oneof![Just(0u16), 0u16..7900],
        options in ipv4_options(),
    ) -> Ipv4Repr {
        Ipv4Repr {
            source: addresses.0.into(),
            destination: addresses.1.into(),
            protocol: IpProtocol(protocol),
            time_to_live,
            dscp,
            ecn,
            identification,
            reserved_flag: flags[0],
            dont_fragment: flags[1],
            more_fragments: flags[2],
            fragment_offset: offset << 3,
            options,
        }
    }
}

prop_compose! {
    fn ipv6_headers()(
        source: [u8; 16],
        destination: [u8; 16],
        next_header: u8,
        hop_limit: u8,
        dscp in 0u8..64,
        ecn in 0u8..4,
        flow_label in 0u32..=0x000f_ffff,
    ) -> Ipv6Repr {
        Ipv6Repr {
            source: Ipv6Addr::from(source),
            destination: Ipv6Addr::from(destination),
            next_header: IpProtocol(next_header),
            hop_limit,
            dscp,
            ecn,
            flow_label,
        }
    }
}

/// One TCP option, with octets of its own.
#[derive(Debug, Clone)]
enum OwnedOption {
    Plain(TcpOption<'static>),
    Sack(Vec<u8>),
    Other(u8, Vec<u8>),
}

impl OwnedOption {
    fn borrowed(&self) -> TcpOption<'_> {
        match self {
            Self::Plain(option) => *option,
            Self::Sack(octets) => TcpOption::Sack(SackBlocks::from_octets(octets).unwrap()),
            Self::Other(kind, data) => TcpOption::Other {
                kind: TcpOptionKind(*kind),
                data,
            },
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Plain(TcpOption::NoOperation) => 1,
            Self::Plain(TcpOption::SackPermitted) => 2,
            Self::Plain(TcpOption::WindowScale(_)) => 3,
            Self::Plain(TcpOption::MaximumSegmentSize(_)) => 4,
            Self::Plain(_) => 10,
            Self::Sack(octets) | Self::Other(_, octets) => 2 + octets.len(),
        }
    }
}

fn tcp_options() -> impl Strategy<Value = Vec<OwnedOption>> {
    let option = prop_oneof![
        Just(OwnedOption::Plain(TcpOption::NoOperation)),
        Just(OwnedOption::Plain(TcpOption::SackPermitted)),
        any::<u8>().prop_map(|shift| OwnedOption::Plain(TcpOption::WindowScale(shift))),
        any::<u16>().prop_map(|size| OwnedOption::Plain(TcpOption::MaximumSegmentSize(size))),
        any::<(u32, u32)>().prop_map(|(value, echo_reply)| {
            OwnedOption::Plain(TcpOption::Timestamps { value, echo_reply })
        }),
        (1usize..=4)
            .prop_flat_map(|blocks| vec(any::<u8>(), blocks * 8))
            .prop_map(OwnedOption::Sack),
        (9u8.., vec(any::<u8>(), 0..20)).prop_map(|(kind, data)| OwnedOption::Other(kind, data)),
        // Known kinds with lengths that are not theirs.
        vec(any::<u8>(), 3..8).prop_map(|data| OwnedOption::Other(2, data)),
        vec(any::<u8>(), 2..8).prop_map(|data| OwnedOption::Other(3, data)),
        vec(any::<u8>(), 1..8).prop_map(|data| OwnedOption::Other(4, data)),
        vec(any::<u8>(), 0..8).prop_map(|data| OwnedOption::Other(5, data)),
        vec(any::<u8>(), 0..8).prop_map(|data| OwnedOption::Other(8, data)),
    ];
    vec(option, 0..8).prop_map(|mut options| {
        let mut room = HeaderOptions::MAX;
        options.retain(|option| match room.checked_sub(option.len()) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        });
        options
    })
}

prop_compose! {
    fn tcp_headers()(
        source_port: u16,
        destination_port: u16,
        sequence_number: u32,
        acknowledgment_number: u32,
        flags in 0u16..0x1000,
        window: u16,
        urgent_pointer: u16,
    ) -> TcpRepr {
        TcpRepr {
            source_port,
            destination_port,
            sequence_number,
            acknowledgment_number,
            flags: TcpFlags(flags),
            window,
            urgent_pointer,
            options: HeaderOptions::NONE,
        }
    }
}

fn icmpv4_headers() -> impl Strategy<Value = Icmpv4Repr> {
    let with_a_repr = |message_type: u8, code: u8| match message_type {
        0 | 8 => code == 0,
        3 | 5 | 11 | 12 => true,
        _ => false,
    };
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(identifier, sequence_number)| Icmpv4Repr::EchoRequest {
            identifier,
            sequence_number
        }),
        any::<(u16, u16)>().prop_map(|(identifier, sequence_number)| Icmpv4Repr::EchoReply {
            identifier,
            sequence_number
        }),
        any::<(u8, u8, u16)>().prop_map(|(code, quoted_words, next_hop_mtu)| {
            Icmpv4Repr::DestinationUnreachable {
                code: icmpv4_code::Unreachable(code),
                quoted_words,
                next_hop_mtu,
            }
        }),
        any::<(u8, [u8; 4])>().prop_map(|(code, gateway)| Icmpv4Repr::Redirect {
            code: icmpv4_code::Redirect(code),
            gateway: gateway.into(),
        }),
        any::<(u8, u8)>().prop_map(|(code, quoted_words)| Icmpv4Repr::TimeExceeded {
            code: icmpv4_code::TimeExceeded(code),
            quoted_words,
        }),
        any::<(u8, u8, u8)>().prop_map(|(code, pointer, quoted_words)| {
            Icmpv4Repr::ParameterProblem {
                code: icmpv4_code::ParameterProblem(code),
                pointer,
                quoted_words,
            }
        }),
        any::<(u8, u8, [u8; 4])>()
            .prop_filter(
                "has a variant of its own",
                move |(message_type, code, _)| { !with_a_repr(*message_type, *code) }
            )
            .prop_map(|(message_type, code, rest)| Icmpv4Repr::Other {
                message_type: Icmpv4Type(message_type),
                code,
                rest,
            }),
    ]
}

fn icmpv6_headers() -> impl Strategy<Value = Icmpv6Repr> {
    prop_oneof![
        any::<(u8, u8)>().prop_map(|(code, quoted_words)| Icmpv6Repr::DestinationUnreachable {
            code: icmpv6_code::Unreachable(code),
            quoted_words,
        }),
        any::<u32>().prop_map(|mtu| Icmpv6Repr::PacketTooBig { mtu }),
        any::<(u8, u8)>().prop_map(|(code, quoted_words)| Icmpv6Repr::TimeExceeded {
            code: icmpv6_code::TimeExceeded(code),
            quoted_words,
        }),
        any::<(u8, u32)>().prop_map(|(code, pointer)| Icmpv6Repr::ParameterProblem {
            code: icmpv6_code::ParameterProblem(code),
            pointer,
        }),
        any::<(u16, u16)>().prop_map(|(identifier, sequence_number)| Icmpv6Repr::EchoRequest {
            identifier,
            sequence_number
        }),
        any::<(u16, u16)>().prop_map(|(identifier, sequence_number)| Icmpv6Repr::EchoReply {
            identifier,
            sequence_number
        }),
        (130u8.., any::<u8>()).prop_map(|(message_type, code)| Icmpv6Repr::Other {
            message_type: Icmpv6Type(message_type),
            code,
        }),
    ]
}

fn gre_headers() -> impl Strategy<Value = GreRepr> {
    prop_oneof![
        (
            any::<u16>(),
            any::<bool>(),
            option::of(any::<u32>()),
            option::of(any::<u32>())
        )
            .prop_map(
                |(protocol, checksum, key, sequence_number)| GreRepr::Standard {
                    protocol: EtherType(protocol),
                    checksum,
                    key,
                    sequence_number,
                }
            ),
        (
            any::<u16>(),
            option::of(any::<u32>()),
            option::of(any::<u32>())
        )
            .prop_map(|(call_id, sequence_number, acknowledgment_number)| {
                GreRepr::Enhanced {
                    call_id,
                    sequence_number,
                    acknowledgment_number,
                }
            }),
    ]
}

proptest! {
    #[test]
    fn ethernet(repr in ethernet_headers(), payload in payloads()) {
        let packet = written(&payload, |packet| repr.emit(packet)).unwrap();
        prop_assert_eq!(packet.len(), repr.header_len() + payload.len());
        let frame = EthernetFrame::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(frame.to_repr(), repr);
        prop_assert_eq!(frame.payload(), payload);
    }

    #[test]
    fn arp(repr in arp_packets(), padding in vec(any::<u8>(), 0..20)) {
        let packet = written(&padding, |packet| repr.emit(packet)).unwrap();
        prop_assert_eq!(packet.len(), ArpRepr::LEN + padding.len());
        prop_assert_eq!(ArpPacket::parse(packet.as_slice()).unwrap().to_repr(), Ok(repr));
    }

    #[test]
    fn ipv4(repr in ipv4_headers(), mut payload in payloads(), padding in 0usize..40) {
        if repr.more_fragments {
            payload.truncate(payload.len() / 8 * 8);
        }
        let mut packet = written(&payload, |packet| repr.emit(packet)).unwrap();
        prop_assert_eq!(packet.len(), repr.header_len() + payload.len());
        packet.append(padding);
        let view = Ipv4Packet::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.to_repr(), repr);
        prop_assert_eq!(view.payload(), payload);
        prop_assert_eq!(view.verify_checksum(), Ok(()));
        prop_assert_eq!(view.pseudo_header(), repr.pseudo_header());
    }

    #[test]
    fn ipv6(repr in ipv6_headers(), payload in payloads(), padding in 0usize..40) {
        let mut packet = written(&payload, |packet| repr.emit(packet)).unwrap();
        packet.append(padding);
        let view = Ipv6Packet::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.to_repr(), repr);
        prop_assert_eq!(view.payload(), payload);
        prop_assert_eq!(view.pseudo_header(), repr.pseudo_header());
    }

    #[test]
    fn ipv6_fragment_header(
        next_header: u8,
        offset in 0u16..8192,
        more_fragments: bool,
        identification: u32,
        words in 0usize..16,
    ) {
        let header = Ipv6FragmentHeader {
            next_header: IpProtocol(next_header),
            offset: offset << 3,
            more_fragments,
            identification,
        };
        // What follows must not read as another extension header.
        let header = Ipv6FragmentHeader {
            next_header: if header.next_header.is_ipv6_extension() {
                IpProtocol::UDP
            } else {
                header.next_header
            },
            ..header
        };
        let payload = vec![0; words * 8];
        match written(&payload, |packet| header.emit(packet)) {
            Err(error) => {
                prop_assert!(usize::from(header.offset) + payload.len() > 65_535, "{}", error);
            }
            Ok(packet) => {
                let parsed = Ipv6Extensions::parse(IpProtocol::FRAGMENT, packet.as_slice(), 40);
                let parsed = parsed.unwrap();
                prop_assert_eq!(parsed.upper_layer().payload, payload);
                let only = parsed.iter().next();
                prop_assert_eq!(
                    only,
                    Some((header.next_header, Ipv6Extension::Fragment(header)))
                );
            }
        }
    }

    #[test]
    fn udp(
        source_port: u16,
        destination_port: u16,
        pseudo_header in pseudo_headers(),
        payload in payloads(),
    ) {
        let repr = UdpRepr { source_port, destination_port };
        let packet = written(&payload, |packet| repr.emit(packet, &pseudo_header)).unwrap();
        let view = UdpDatagram::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.to_repr(), repr);
        prop_assert_eq!(view.payload(), &payload);
        prop_assert_eq!(view.verify_checksum(&pseudo_header), Ok(()));
        prop_assert_ne!(view.checksum(), 0);
        let packet = written(&payload, |packet| repr.emit_without_checksum(packet)).unwrap();
        let view = UdpDatagram::parse(packet.as_slice()).unwrap();
        prop_assert_eq!((view.to_repr(), view.checksum()), (repr, 0));
    }

    #[test]
    fn tcp(
        repr in tcp_headers(),
        options in tcp_options(),
        pseudo_header in pseudo_headers(),
        payload in payloads(),
    ) {
        let options: Vec<TcpOption<'_>> = options.iter().map(OwnedOption::borrowed).collect();
        let repr = TcpRepr {
            options: HeaderOptions::from_tcp_options(&options).unwrap(),
            ..repr
        };
        let packet = written(&payload, |packet| repr.emit(packet, &pseudo_header)).unwrap();
        prop_assert_eq!(packet.len(), repr.header_len() + payload.len());
        let view = TcpSegment::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.to_repr(), repr);
        prop_assert_eq!(view.payload(), &payload);
        prop_assert_eq!(view.verify_checksum(&pseudo_header), Ok(()));
        let read: Vec<TcpOption<'_>> = view.options().collect();
        prop_assert!(read.starts_with(&options), "{:?}", read);
        prop_assert!(read[options.len()..].iter().all(|it| *it == TcpOption::EndOfList));
    }

    #[test]
    fn icmpv4(repr in icmpv4_headers(), payload in payloads()) {
        let packet = written(&payload, |packet| repr.emit(packet)).unwrap();
        let view = Icmpv4Message::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.to_repr(), repr);
        prop_assert_eq!(view.payload(), &payload);
        prop_assert_eq!(view.verify_checksum(), Ok(()));
    }

    #[test]
    fn icmpv6(
        repr in icmpv6_headers(),
        pseudo_header in pseudo_headers(),
        payload in payloads(),
    ) {
        let packet = written(&payload, |packet| repr.emit(packet, &pseudo_header)).unwrap();
        let view = Icmpv6Message::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.to_repr(), repr);
        let read = match repr {
            Icmpv6Repr::Other { .. } => view.body(),
            _ => view.payload(),
        };
        prop_assert_eq!(read, payload);
        prop_assert_eq!(view.verify_checksum(&pseudo_header), Ok(()));
    }

    #[test]
    fn gre(repr in gre_headers(), payload in payloads()) {
        let packet = written(&payload, |packet| repr.emit(packet)).unwrap();
        let view = GrePacket::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(view.to_repr(), repr);
        prop_assert_eq!(view.payload(), &payload);
        prop_assert_eq!(view.verify_checksum(), Ok(()));
        prop_assert_eq!(view.protocol(), repr.protocol());
    }

    /// Whatever a parser takes can be written, and reads the same.
    #[test]
    fn any_octets(octets in vec(any::<u8>(), 0..120)) {
        exercise::round_trip(&octets);
    }
}

#[test]
fn the_vectors_octet_by_octet() {
    let mut count = 0;
    for (name, octets) in vectors::all() {
        eprintln!("{name}");
        exercise::round_trip(&octets);
        count += 1;
        // The vectors are canonical, so the outermost header comes back with its checksum.
        if let ("ip", Ok(packet)) = (name.split('/').next().unwrap(), Ipv4Packet::parse(&octets)) {
            let written = written(packet.payload(), |buffer| packet.to_repr().emit(buffer));
            assert_eq!(written.unwrap().as_slice(), octets);
        }
    }
    assert!(count >= 60, "{count}");
}

/// Every cut and changed octet that still parses is written back as it was, too.
#[test]
fn what_is_near_the_vectors() {
    for (_, octets) in vectors::all() {
        testkit::sweep(&octets, exercise::round_trip);
    }
}
