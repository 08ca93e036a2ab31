//! Messages of `icmp-nd` with fields of any values: what is written reads the same, and what cannot
//! be written leaves the buffer as it was.
#![no_main]

use arbitrary::Arbitrary;
use icmp_nd::wire::{
    DomainNameRef, ExtensionClass, ExtensionObjectRepr, IcmpExtensions, InterfaceAddress,
    InterfaceIdentification, InterfaceInformation, InterfaceRole, MldMessage, MldQueryV2Repr,
    MldRepr, MplsLabelStackEntry, MulticastAddressRecordRepr, MulticastRecordType, NdMessage,
    NdOptionKind, NdOptionRepr, NdRepr, NeighborAdvertisementRepr, Pref64, PrefixInformation,
    RawObject, RouteInformation, RouterAdvertisementRepr, RouterPreference, emit_extensions,
    emit_quote_v4, emit_quote_v6,
};
use icmp_nd::{EmitError, PacketBuf};
use libfuzzer_sys::fuzz_target;
use packet_buffer::wire::{Icmpv6Message, Ipv6Prefix, MacAddr, PseudoHeader};
use std::net::IpAddr;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    headroom: u8,
    held: u8,
    addresses: ([u8; 16], [u8; 16]),
    message: Message<'a>,
}

#[derive(Debug, Arbitrary)]
enum Message<'a> {
    Nd(Nd, Vec<NdOpt<'a>>),
    Query {
        code: u16,
        group: [u8; 16],
        suppress: bool,
        robustness: u8,
        interval: u8,
        sources: Vec<[u8; 16]>,
    },
    Report(Vec<Record<'a>>),
    Extensions(&'a [u8], u16, Vec<Object<'a>>),
}

#[derive(Debug, Arbitrary)]
enum Nd {
    RouterSolicitation,
    RouterAdvertisement(u8, (bool, bool, bool), u8, u16, u32, u32),
    NeighborSolicitation([u8; 16]),
    NeighborAdvertisement(bool, bool, bool, [u8; 16]),
    Redirect([u8; 16], [u8; 16]),
}

#[derive(Debug, Arbitrary)]
enum NdOpt<'a> {
    Source([u8; 6]),
    Target([u8; 6]),
    Prefix([u8; 16], u8, (bool, bool, bool), u32, u32),
    Redirected(&'a [u8]),
    Mtu(u32),
    Route([u8; 16], u8, u8, u32),
    Servers(u32, Vec<[u8; 16]>),
    Domains(u32, &'a [u8]),
    Nonce(&'a [u8]),
    Portal(&'a str),
    Pref64([u8; 16], u8, u16),
    Other(u8, &'a [u8]),
}

#[derive(Debug, Arbitrary)]
struct Record<'a> {
    record_type: u8,
    group: [u8; 16],
    sources: Vec<[u8; 16]>,
    auxiliary: &'a [u8],
}

#[derive(Debug, Arbitrary)]
enum Object<'a> {
    Labels(Vec<(u32, u8, bool, u8)>),
    Interface(
        u8,
        Option<u32>,
        Option<IpAddr>,
        Option<&'a str>,
        Option<u32>,
    ),
    Name(&'a str),
    Index(u32),
    Address(IpAddr),
    OtherAddress(u16, &'a [u8]),
    Other(u8, u8, &'a [u8]),
}

fn preference(number: u8) -> RouterPreference {
    RouterPreference::from_flags(number).unwrap_or_default()
}

fn nd(message: &Nd) -> NdRepr {
    match *message {
        Nd::RouterSolicitation => NdRepr::RouterSolicitation,
        Nd::RouterAdvertisement(cur_hop_limit, flags, number, lifetime, reachable, retrans) => {
            NdRepr::RouterAdvertisement(RouterAdvertisementRepr {
                cur_hop_limit,
                managed: flags.0,
                other_configuration: flags.1,
                home_agent: flags.2,
                preference: match lifetime {
                    0 => RouterPreference::Medium,
                    _ => preference(number),
                },
                router_lifetime: lifetime,
                reachable_time: reachable,
                retrans_timer: retrans,
            })
        }
        Nd::NeighborSolicitation(target) => NdRepr::NeighborSolicitation {
            target: target.into(),
        },
        Nd::NeighborAdvertisement(router, solicited, override_, target) => {
            NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
                router,
                solicited,
                override_,
                target: target.into(),
            })
        }
        Nd::Redirect(target, destination) => NdRepr::Redirect {
            target: target.into(),
            destination: destination.into(),
        },
    }
}

/// The option, and whether it reads back as it is: not so where writing pads or cuts, or where the
/// octets make another kind of option.
fn option<'a>(option: &NdOpt<'a>) -> (NdOptionRepr<'a>, bool) {
    match option {
        NdOpt::Source(mac) => (NdOptionRepr::SourceLinkLayerAddress(MacAddr(*mac)), true),
        NdOpt::Target(mac) => (NdOptionRepr::TargetLinkLayerAddress(MacAddr(*mac)), true),
        NdOpt::Prefix(address, prefix_length, flags, valid_lifetime, preferred_lifetime) => {
            let prefix = PrefixInformation {
                address: (*address).into(),
                prefix_length: *prefix_length,
                on_link: flags.0,
                autonomous: flags.1,
                router_address: flags.2,
                valid_lifetime: *valid_lifetime,
                preferred_lifetime: *preferred_lifetime,
            };
            let is_exact = flags.2 || Ipv6Prefix::exact(prefix.address, *prefix_length).is_some();
            (NdOptionRepr::PrefixInformation(prefix), is_exact)
        }
        NdOpt::Redirected(packet) => {
            let is_exact = packet.len().is_multiple_of(8) && packet.len() <= 2032;
            (NdOptionRepr::RedirectedHeader((*packet).into()), is_exact)
        }
        NdOpt::Mtu(mtu) => (NdOptionRepr::Mtu(*mtu), true),
        NdOpt::Route(network, length, number, lifetime) => {
            let route = RouteInformation {
                prefix: Ipv6Prefix::new((*network).into(), length % 129).unwrap(),
                preference: preference(*number),
                lifetime: *lifetime,
            };
            (NdOptionRepr::RouteInformation(route), true)
        }
        NdOpt::Servers(lifetime, servers) => {
            let repr = NdOptionRepr::RecursiveDnsServers {
                lifetime: *lifetime,
                servers: servers.iter().map(|&server| server.into()).collect(),
            };
            (repr, true)
        }
        NdOpt::Domains(lifetime, octets) => {
            let mut rest = *octets;
            let mut domains = Vec::new();
            while let Ok((name, after)) = DomainNameRef::parse(rest) {
                domains.push(name.to_owned());
                rest = after;
            }
            let repr = NdOptionRepr::DnsSearchList {
                lifetime: *lifetime,
                domains: domains.into(),
            };
            (repr, true)
        }
        NdOpt::Nonce(nonce) => (NdOptionRepr::Nonce((*nonce).into()), true),
        NdOpt::Portal(uri) => (NdOptionRepr::CaptivePortal((*uri).into()), true),
        NdOpt::Pref64(network, length, lifetime) => {
            let prefix = Pref64 {
                prefix: Ipv6Prefix::new((*network).into(), length % 129).unwrap(),
                lifetime: *lifetime,
            };
            (NdOptionRepr::Pref64(prefix), true)
        }
        NdOpt::Other(kind, data) => {
            let kind = NdOptionKind(*kind);
            let repr = NdOptionRepr::Other {
                kind,
                data: (*data).into(),
            };
            (repr, kind.name().is_none())
        }
    }
}

fn object<'a>(object: &Object<'a>) -> ExtensionObjectRepr<'a> {
    match *object {
        Object::Labels(ref labels) => {
            let entries: Vec<_> = labels
                .iter()
                .map(
                    |&(label, traffic_class, bottom_of_stack, ttl)| MplsLabelStackEntry {
                        label,
                        traffic_class,
                        bottom_of_stack,
                        ttl,
                    },
                )
                .collect();
            ExtensionObjectRepr::MplsLabelStack(entries.into())
        }
        Object::Interface(role, index, address, name, mtu) => {
            let role = match role % 4 {
                0 => InterfaceRole::Incoming,
                1 => InterfaceRole::IncomingSubIp,
                2 => InterfaceRole::Outgoing,
                _ => InterfaceRole::NextHop,
            };
            ExtensionObjectRepr::InterfaceInformation(InterfaceInformation {
                role,
                index,
                address,
                name,
                mtu,
            })
        }
        Object::Name(name) => identification(InterfaceIdentification::Name(name)),
        Object::Index(index) => identification(InterfaceIdentification::Index(index)),
        Object::Address(address) => identification(InterfaceIdentification::Address(
            InterfaceAddress::Ip(address),
        )),
        Object::OtherAddress(family, octets) => {
            identification(InterfaceIdentification::Address(InterfaceAddress::Other {
                family,
                octets,
            }))
        }
        Object::Other(class, c_type, payload) => ExtensionObjectRepr::Other(RawObject {
            // The known classes have objects of their own.
            class: ExtensionClass(class | 0x04),
            c_type,
            payload,
        }),
    }
}

fn identification(interface: InterfaceIdentification<'_>) -> ExtensionObjectRepr<'_> {
    ExtensionObjectRepr::InterfaceIdentification(interface)
}

fuzz_target!(|input: Input<'_>| {
    let mut packet = PacketBuf::with_headroom(usize::from(input.headroom));
    packet.append(usize::from(input.held));
    let before = packet.clone();
    let pseudo_header = PseudoHeader::V6 {
        source: input.addresses.0.into(),
        destination: input.addresses.1.into(),
    };
    let result = match &input.message {
        Message::Nd(message, options) => put_nd(message, options, &mut packet, &pseudo_header),
        Message::Query {
            code,
            group,
            suppress,
            robustness,
            interval,
            sources,
        } => {
            let repr = MldRepr::QueryV2(MldQueryV2Repr {
                max_response_code: *code,
                group: (*group).into(),
                suppress_router_processing: *suppress,
                robustness: *robustness,
                query_interval_code: *interval,
                sources: sources.iter().map(|&source| source.into()).collect(),
            });
            put_mld(&repr, &mut packet, &pseudo_header)
        }
        Message::Report(records) => {
            let records = records.iter().map(|record| MulticastAddressRecordRepr {
                record_type: MulticastRecordType(record.record_type),
                group: record.group.into(),
                sources: record.sources.iter().map(|&source| source.into()).collect(),
                auxiliary: record.auxiliary.into(),
            });
            let records = records.collect();
            put_mld(&MldRepr::ReportV2 { records }, &mut packet, &pseudo_header)
        }
        Message::Extensions(original, limit, objects) => {
            let objects: Vec<_> = objects.iter().map(object).collect();
            put_quotes(original, usize::from(*limit), &objects);
            emit_extensions(&objects, &mut packet).map(|()| {
                let length = packet.len() - before.len();
                let read = IcmpExtensions::parse(&packet.as_slice()[..length], 0);
                let read: Vec<_> = read.unwrap().iter().map(|o| o.to_repr()).collect();
                // Zeroes at the end of a name are padding, and cannot be told from it.
                assert_eq!(read, objects);
            })
        }
    };
    match result {
        Ok(()) => assert!(packet.as_slice().ends_with(before.as_slice())),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(packet, before, "a failed emit changes nothing");
        }
    }
});

fn put_nd(
    message: &Nd,
    options: &[NdOpt<'_>],
    packet: &mut PacketBuf,
    pseudo_header: &PseudoHeader,
) -> Result<(), EmitError> {
    let held = packet.len();
    let repr = nd(message);
    let (options, exact): (Vec<_>, Vec<_>) = options.iter().map(option).unzip();
    repr.emit(&options, packet, pseudo_header)?;
    let end = packet.len() - held;
    let icmp = Icmpv6Message::parse(packet.as_slice()).unwrap();
    assert_eq!(icmp.verify_checksum(pseudo_header), Ok(()));
    // What the buffer held is zeroes, which are no options.
    let read = NdMessage::parse(&packet.as_slice()[..end]).unwrap();
    assert_eq!(read.to_repr(), repr);
    let read: Vec<_> = read
        .options()
        .iter()
        .map(|option| option.to_repr())
        .collect();
    assert_eq!(read.len(), options.len());
    for ((read, written), exact) in read.iter().zip(&options).zip(exact) {
        assert_eq!(read.kind(), written.kind());
        assert!(!exact || read == written, "{read:?} was {written:?}");
    }
    Ok(())
}

fn put_mld(
    repr: &MldRepr<'_>,
    packet: &mut PacketBuf,
    pseudo_header: &PseudoHeader,
) -> Result<(), EmitError> {
    repr.emit(packet, pseudo_header)?;
    let icmp = Icmpv6Message::parse(packet.as_slice()).unwrap();
    assert_eq!(icmp.verify_checksum(pseudo_header), Ok(()));
    let read = MldMessage::parse(packet.as_slice()).unwrap();
    assert_eq!(read.to_repr(), *repr);
    Ok(())
}

fn put_quotes(original: &[u8], limit: usize, objects: &[ExtensionObjectRepr<'_>]) {
    for (unit, is_v6) in [(4, false), (8, true)] {
        let mut packet = PacketBuf::new();
        let result = if is_v6 {
            emit_quote_v6(original, limit, objects, &mut packet)
        } else {
            emit_quote_v4(original, limit, objects, &mut packet)
        };
        match result {
            Ok(words) => {
                let padded = usize::from(words) * unit;
                assert!(packet.len() <= limit);
                assert_eq!(words == 0, objects.is_empty());
                assert!(words == 0 || padded >= 128);
                if words > 0 {
                    IcmpExtensions::parse(&packet.as_slice()[padded..], 0).unwrap();
                }
            }
            Err(_) => assert!(packet.is_empty()),
        }
    }
}
