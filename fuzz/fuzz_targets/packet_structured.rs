//! Headers of any values in a row: what is written reads the same.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use packet_buffer::wire::{
    ArpOperation, ArpPacket, ArpRepr, EtherType, EthernetFrame, EthernetRepr, GrePacket, GreRepr,
    HeaderOptions, Icmpv4Message, Icmpv4Repr, Icmpv4Type, Icmpv6Message, Icmpv6Repr, Icmpv6Type,
    IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Extension, Ipv6Extensions, Ipv6FragmentHeader,
    Ipv6Packet, Ipv6Repr, MacAddr, PseudoHeader, SackBlocks, TcpFlags, TcpOption, TcpOptionKind,
    TcpRepr, TcpSegment, UdpDatagram, UdpRepr, VlanTag, VlanTags, icmpv4_code, icmpv6_code,
};
use packet_buffer::{EmitError, PacketBuf};

/// The headers from the inside out, and what they carry. Each header in turn is written in front of
/// all that came before it.
#[derive(Debug, Arbitrary)]
struct Input<'a> {
    headroom: u8,
    payload: &'a [u8],
    headers: Vec<Header<'a>>,
}

/// A header, with fields of any values.
#[derive(Debug, Arbitrary)]
enum Header<'a> {
    Ethernet {
        destination: [u8; 6],
        source: [u8; 6],
        tags: [Option<(bool, u16)>; 4],
        ethertype: u16,
    },
    Arp {
        operation: u16,
        sender: ([u8; 6], [u8; 4]),
        target: ([u8; 6], [u8; 4]),
    },
    Ipv4 {
        addresses: ([u8; 4], [u8; 4]),
        protocol: u8,
        time_to_live: u8,
        dscp: u8,
        ecn: u8,
        identification: u16,
        flags: (bool, bool, bool),
        fragment_offset: u16,
        options: &'a [u8],
    },
    Ipv6 {
        addresses: ([u8; 16], [u8; 16]),
        next_header: u8,
        hop_limit: u8,
        dscp: u8,
        ecn: u8,
        flow_label: u32,
    },
    Fragment {
        next_header: u8,
        offset: u16,
        more_fragments: bool,
        identification: u32,
    },
    Udp {
        addresses: Addresses,
        ports: (u16, u16),
        has_checksum: bool,
    },
    Tcp {
        addresses: Addresses,
        ports: (u16, u16),
        numbers: (u32, u32),
        flags: u16,
        window: u16,
        urgent_pointer: u16,
        options: Vec<Opt<'a>>,
    },
    Icmpv4 {
        variant: u8,
        code: u8,
        rest: [u8; 4],
    },
    Icmpv6 {
        addresses: Addresses,
        variant: u8,
        code: u8,
        word: u32,
    },
    Gre {
        protocol: u16,
        checksum: bool,
        key: Option<u32>,
        sequence_number: Option<u32>,
    },
    EnhancedGre {
        call_id: u16,
        sequence_number: Option<u32>,
        acknowledgment_number: Option<u32>,
    },
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Addresses {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

#[derive(Debug, Arbitrary)]
enum Opt<'a> {
    NoOperation,
    MaximumSegmentSize(u16),
    WindowScale(u8),
    SackPermitted,
    Sack(&'a [u8]),
    Timestamps(u32, u32),
    Other(u8, &'a [u8]),
}

impl From<Addresses> for PseudoHeader {
    fn from(addresses: Addresses) -> Self {
        match addresses {
            Addresses::V4(source, destination) => Self::V4 {
                source: source.into(),
                destination: destination.into(),
            },
            Addresses::V6(source, destination) => Self::V6 {
                source: source.into(),
                destination: destination.into(),
            },
        }
    }
}

fuzz_target!(|input: Input<'_>| {
    let mut packet = PacketBuf::with_headroom(usize::from(input.headroom));
    packet.append_slice(input.payload);
    for header in input.headers.iter().take(40) {
        let before = packet.clone();
        match put(header, &mut packet) {
            Ok(()) => assert!(packet.as_slice().ends_with(before.as_slice())),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert_eq!(packet, before, "a failed emit changes nothing");
            }
        }
    }
});

/// Writes the header in front of `packet` and reads it back.
fn put(header: &Header<'_>, packet: &mut PacketBuf) -> Result<(), EmitError> {
    match *header {
        Header::Ethernet { .. } | Header::Arp { .. } => put_link(header, packet),
        Header::Ipv4 { .. } => put_ipv4(header, packet),
        Header::Ipv6 {
            addresses,
            next_header,
            hop_limit,
            dscp,
            ecn,
            flow_label,
        } => {
            let repr = Ipv6Repr {
                source: addresses.0.into(),
                destination: addresses.1.into(),
                next_header: IpProtocol(next_header),
                hop_limit,
                dscp,
                ecn,
                flow_label,
            };
            let payload = packet.as_slice().to_vec();
            repr.emit(packet)?;
            let view = Ipv6Packet::parse(packet.as_slice()).expect("it was just written");
            assert_eq!((view.to_repr(), view.payload()), (repr, &payload[..]));
            Ok(())
        }
        Header::Fragment {
            next_header,
            offset,
            more_fragments,
            identification,
        } => {
            let repr = Ipv6FragmentHeader {
                next_header: IpProtocol(next_header),
                offset,
                more_fragments,
                identification,
            };
            repr.emit(packet)?;
            // What follows may be anything, and another extension header that is wrong.
            if let Ok(parsed) = Ipv6Extensions::parse(IpProtocol::FRAGMENT, packet.as_slice(), 0) {
                let first = parsed.iter().next();
                let expected = Ipv6Extension::Fragment(repr);
                assert_eq!(first, Some((repr.next_header, expected)));
            } else {
                assert!(repr.next_header.is_ipv6_extension());
            }
            Ok(())
        }
        Header::Udp { .. } | Header::Tcp { .. } => put_transport(header, packet),
        Header::Icmpv4 { .. } | Header::Icmpv6 { .. } => put_icmp(header, packet),
        Header::Gre { .. } | Header::EnhancedGre { .. } => put_gre(header, packet),
    }
}

fn put_link(header: &Header<'_>, packet: &mut PacketBuf) -> Result<(), EmitError> {
    match *header {
        Header::Ethernet {
            destination,
            source,
            tags,
            ethertype,
        } => {
            let mut vlan_tags = VlanTags::NONE;
            for (is_service, tci) in tags.into_iter().flatten() {
                let tpid = if is_service {
                    EtherType::SERVICE_VLAN
                } else {
                    EtherType::VLAN
                };
                assert!(vlan_tags.push(VlanTag { tpid, tci }));
            }
            let repr = EthernetRepr {
                destination: MacAddr(destination),
                source: MacAddr(source),
                vlan_tags,
                ethertype: EtherType(ethertype),
            };
            let payload = packet.as_slice().to_vec();
            repr.emit(packet)?;
            // The type of a tag makes a tag of what follows.
            if !repr.ethertype.is_vlan() || vlan_tags.as_slice().len() == VlanTags::MAX {
                let view = EthernetFrame::parse(packet.as_slice()).expect("it was just written");
                assert_eq!((view.to_repr(), view.payload()), (repr, &payload[..]));
            }
        }
        Header::Arp {
            operation,
            sender,
            target,
        } => {
            let repr = ArpRepr {
                operation: ArpOperation(operation),
                sender_hardware_address: MacAddr(sender.0),
                sender_protocol_address: sender.1.into(),
                target_hardware_address: MacAddr(target.0),
                target_protocol_address: target.1.into(),
            };
            repr.emit(packet)?;
            let view = ArpPacket::parse(packet.as_slice()).expect("it was just written");
            assert_eq!(view.to_repr(), Ok(repr));
        }
        _ => {}
    }
    Ok(())
}

fn put_ipv4(header: &Header<'_>, packet: &mut PacketBuf) -> Result<(), EmitError> {
    let Header::Ipv4 {
        addresses,
        protocol,
        time_to_live,
        dscp,
        ecn,
        identification,
        flags,
        fragment_offset,
        options,
    } = *header
    else {
        return Ok(());
    };
    let repr = Ipv4Repr {
        source: addresses.0.into(),
        destination: addresses.1.into(),
        protocol: IpProtocol(protocol),
        time_to_live,
        dscp,
        ecn,
        identification,
        reserved_flag: flags.0,
        dont_fragment: flags.1,
        more_fragments: flags.2,
        fragment_offset,
        options: HeaderOptions::from_slice(options)?,
    };
    let payload = packet.as_slice().to_vec();
    repr.emit(packet)?;
    // Options are written as they are given, and need not be options.
    match Ipv4Packet::parse(packet.as_slice()) {
        Ok(view) => {
            assert_eq!((view.to_repr(), view.payload()), (repr, &payload[..]));
            assert_eq!(view.verify_checksum(), Ok(()));
        }
        Err(error) => assert_eq!(error.what, "IPv4 option"),
    }
    Ok(())
}

fn put_transport(header: &Header<'_>, packet: &mut PacketBuf) -> Result<(), EmitError> {
    let payload = packet.as_slice().to_vec();
    match header {
        Header::Udp {
            addresses,
            ports,
            has_checksum,
        } => {
            let pseudo_header = PseudoHeader::from(*addresses);
            let repr = UdpRepr {
                source_port: ports.0,
                destination_port: ports.1,
            };
            if *has_checksum {
                repr.emit(packet, &pseudo_header)?;
            } else {
                repr.emit_without_checksum(packet)?;
            }
            let view = UdpDatagram::parse(packet.as_slice()).expect("it was just written");
            assert_eq!((view.to_repr(), view.payload()), (repr, &payload[..]));
            assert_eq!(view.checksum() != 0, *has_checksum);
            let is_v4 = matches!(addresses, Addresses::V4(..));
            let verdict = view.verify_checksum(&pseudo_header);
            assert_eq!(verdict.is_ok(), *has_checksum || is_v4);
        }
        Header::Tcp {
            addresses,
            ports,
            numbers,
            flags,
            window,
            urgent_pointer,
            options,
        } => {
            let pseudo_header = PseudoHeader::from(*addresses);
            let options: Result<Vec<_>, _> = options.iter().map(option).collect();
            let options = options?;
            let repr = TcpRepr {
                source_port: ports.0,
                destination_port: ports.1,
                sequence_number: numbers.0,
                acknowledgment_number: numbers.1,
                flags: TcpFlags(*flags),
                window: *window,
                urgent_pointer: *urgent_pointer,
                options: HeaderOptions::from_tcp_options(&options)?,
            };
            repr.emit(packet, &pseudo_header)?;
            let view = TcpSegment::parse(packet.as_slice()).expect("it was just written");
            assert_eq!((view.to_repr(), view.payload()), (repr, &payload[..]));
            assert_eq!(view.verify_checksum(&pseudo_header), Ok(()));
            let octets = HeaderOptions::from_tcp_options(&view.options().collect::<Vec<_>>());
            assert_eq!(octets, Ok(repr.options));
        }
        _ => {}
    }
    Ok(())
}

fn option<'a>(option: &Opt<'a>) -> Result<TcpOption<'a>, EmitError> {
    Ok(match *option {
        Opt::NoOperation => TcpOption::NoOperation,
        Opt::MaximumSegmentSize(size) => TcpOption::MaximumSegmentSize(size),
        Opt::WindowScale(shift) => TcpOption::WindowScale(shift),
        Opt::SackPermitted => TcpOption::SackPermitted,
        Opt::Sack(octets) => TcpOption::Sack(SackBlocks::from_octets(octets)?),
        Opt::Timestamps(value, echo_reply) => TcpOption::Timestamps { value, echo_reply },
        Opt::Other(kind, data) => TcpOption::Other {
            kind: TcpOptionKind(kind),
            data,
        },
    })
}

fn put_icmp(header: &Header<'_>, packet: &mut PacketBuf) -> Result<(), EmitError> {
    let payload = packet.as_slice().to_vec();
    match *header {
        Header::Icmpv4 {
            variant,
            code,
            rest,
        } => {
            let [a, b, c, d] = rest;
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let repr = match variant % 7 {
                0 => Icmpv4Repr::EchoRequest {
                    identifier: high,
                    sequence_number: low,
                },
                1 => Icmpv4Repr::EchoReply {
                    identifier: high,
                    sequence_number: low,
                },
                2 => Icmpv4Repr::DestinationUnreachable {
                    code: icmpv4_code::Unreachable(code),
                    quoted_words: b,
                    next_hop_mtu: low,
                },
                3 => Icmpv4Repr::Redirect {
                    code: icmpv4_code::Redirect(code),
                    gateway: rest.into(),
                },
                4 => Icmpv4Repr::TimeExceeded {
                    code: icmpv4_code::TimeExceeded(code),
                    quoted_words: b,
                },
                5 => Icmpv4Repr::ParameterProblem {
                    code: icmpv4_code::ParameterProblem(code),
                    pointer: a,
                    quoted_words: b,
                },
                // Types without a variant of their own.
                _ => Icmpv4Repr::Other {
                    message_type: Icmpv4Type(13 + variant / 7),
                    code,
                    rest,
                },
            };
            repr.emit(packet)?;
            let view = Icmpv4Message::parse(packet.as_slice()).expect("it was just written");
            assert_eq!((view.to_repr(), view.payload()), (repr, &payload[..]));
            assert_eq!(view.verify_checksum(), Ok(()));
        }
        Header::Icmpv6 {
            addresses,
            variant,
            code,
            word,
        } => {
            let pseudo_header = PseudoHeader::from(addresses);
            let [quoted_words, ..] = word.to_be_bytes();
            let (identifier, sequence_number) = ((word >> 16) as u16, word as u16);
            let repr = match variant % 7 {
                0 => Icmpv6Repr::DestinationUnreachable {
                    code: icmpv6_code::Unreachable(code),
                    quoted_words,
                },
                1 => Icmpv6Repr::PacketTooBig { mtu: word },
                2 => Icmpv6Repr::TimeExceeded {
                    code: icmpv6_code::TimeExceeded(code),
                    quoted_words,
                },
                3 => Icmpv6Repr::ParameterProblem {
                    code: icmpv6_code::ParameterProblem(code),
                    pointer: word,
                },
                4 => Icmpv6Repr::EchoRequest {
                    identifier,
                    sequence_number,
                },
                5 => Icmpv6Repr::EchoReply {
                    identifier,
                    sequence_number,
                },
                _ => Icmpv6Repr::Other {
                    message_type: Icmpv6Type(130 + variant / 7),
                    code,
                },
            };
            repr.emit(packet, &pseudo_header)?;
            let view = Icmpv6Message::parse(packet.as_slice()).expect("it was just written");
            let carried = match repr {
                Icmpv6Repr::Other { .. } => view.body(),
                _ => view.payload(),
            };
            assert_eq!((view.to_repr(), carried), (repr, &payload[..]));
            assert_eq!(view.verify_checksum(&pseudo_header), Ok(()));
        }
        _ => {}
    }
    Ok(())
}

fn put_gre(header: &Header<'_>, packet: &mut PacketBuf) -> Result<(), EmitError> {
    let repr = match *header {
        Header::Gre {
            protocol,
            checksum,
            key,
            sequence_number,
        } => GreRepr::Standard {
            protocol: EtherType(protocol),
            checksum,
            key,
            sequence_number,
        },
        Header::EnhancedGre {
            call_id,
            sequence_number,
            acknowledgment_number,
        } => GreRepr::Enhanced {
            call_id,
            sequence_number,
            acknowledgment_number,
        },
        _ => return Ok(()),
    };
    let payload = packet.as_slice().to_vec();
    repr.emit(packet)?;
    let view = GrePacket::parse(packet.as_slice()).expect("it was just written");
    assert_eq!((view.to_repr(), view.payload()), (repr, &payload[..]));
    assert_eq!(view.verify_checksum(), Ok(()));
    Ok(())
}
