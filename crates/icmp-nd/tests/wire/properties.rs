//! Values of any kind to octets and back, and any octets to values and back.

use crate::exercise::{exercise, round_trip};
use core::net::{IpAddr, Ipv6Addr};
use icmp_nd::PacketBuf;
use icmp_nd::wire::{
    DomainName, ExtensionClass, ExtensionObjectRepr, IcmpExtensions, InterfaceInformation,
    InterfaceRole, MldMessage, MldQueryV2Repr, MldRepr, MplsLabelStackEntry,
    MulticastAddressRecordRepr, MulticastRecordType, NdMessage, NdOptionKind, NdOptionRepr, NdRepr,
    NeighborAdvertisementRepr, Pref64, PrefixInformation, RawObject, RouteInformation,
    RouterAdvertisementRepr, RouterPreference, emit_extensions, emit_quote_v4, emit_quote_v6,
};
use packet_buffer::wire::{Icmpv6Message, Ipv6Packet, Ipv6Prefix, MacAddr};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn addresses() -> impl Strategy<Value = Ipv6Addr> {
    any::<[u8; 16]>().prop_map(Ipv6Addr::from)
}

fn preferences() -> impl Strategy<Value = RouterPreference> {
    prop_oneof![
        Just(RouterPreference::Low),
        Just(RouterPreference::Medium),
        Just(RouterPreference::High),
    ]
}

prop_compose! {
    fn prefixes()(
        network in addresses(),
        prefix_length in 0u8..=128,
        flags: (bool, bool, bool),
        lifetimes: (u32, u32),
    ) -> PrefixInformation {
        let (on_link, autonomous, router_address) = flags;
        // Bits behind the length are sent only where they are part of an address.
        let address = if router_address {
            network
        } else {
            Ipv6Prefix::new(network, prefix_length).unwrap().network()
        };
        PrefixInformation {
            address,
            prefix_length,
            on_link,
            autonomous,
            router_address,
            valid_lifetime: lifetimes.0,
            preferred_lifetime: lifetimes.1,
        }
    }
}

fn names() -> impl Strategy<Value = DomainName> {
    vec("[!-~]{1,20}", 1..6).prop_map(|labels| {
        let escaped: Vec<_> = labels
            .iter()
            .map(|label| label.replace('\\', "\\\\").replace('.', "\\."))
            .collect();
        escaped.join(".").parse().unwrap()
    })
}

fn nd_options() -> impl Strategy<Value = NdOptionRepr<'static>> {
    let data = || (0usize..6).prop_flat_map(|units| vec(any::<u8>(), units * 8 + 6));
    prop_oneof![
        any::<[u8; 6]>().prop_map(|mac| NdOptionRepr::SourceLinkLayerAddress(MacAddr(mac))),
        any::<[u8; 6]>().prop_map(|mac| NdOptionRepr::TargetLinkLayerAddress(MacAddr(mac))),
        prefixes().prop_map(NdOptionRepr::PrefixInformation),
        (0usize..20)
            .prop_flat_map(|units| vec(any::<u8>(), units * 8))
            .prop_map(|packet| NdOptionRepr::RedirectedHeader(packet.into())),
        any::<u32>().prop_map(NdOptionRepr::Mtu),
        (addresses(), 0u8..=128, preferences(), any::<u32>()).prop_map(
            |(network, length, preference, lifetime)| {
                NdOptionRepr::RouteInformation(RouteInformation {
                    prefix: Ipv6Prefix::new(network, length).unwrap(),
                    preference,
                    lifetime,
                })
            }
        ),
        (any::<u32>(), vec(addresses(), 1..8)).prop_map(|(lifetime, servers)| {
            NdOptionRepr::RecursiveDnsServers {
                lifetime,
                servers: servers.into(),
            }
        }),
        (any::<u32>(), vec(names(), 1..5)).prop_map(|(lifetime, domains)| {
            NdOptionRepr::DnsSearchList {
                lifetime,
                domains: domains.into(),
            }
        }),
        data().prop_map(|nonce| NdOptionRepr::Nonce(nonce.into())),
        "[ -~]{1,80}".prop_map(|uri| NdOptionRepr::CaptivePortal(uri.into())),
        (addresses(), 0usize..6, 0u16..=0x1fff).prop_map(|(network, code, units)| {
            let length = [96, 64, 56, 48, 40, 32][code];
            NdOptionRepr::Pref64(Pref64 {
                prefix: Ipv6Prefix::new(network, length).unwrap(),
                lifetime: units * 8,
            })
        }),
        (100u8..=255, data()).prop_map(|(kind, data)| NdOptionRepr::Other {
            kind: NdOptionKind(kind),
            data: data.into(),
        }),
    ]
}

fn nd_messages() -> impl Strategy<Value = NdRepr> {
    let advertisements = (
        any::<(u8, bool, bool, bool)>(),
        preferences(),
        any::<(u16, u32, u32)>(),
    );
    prop_oneof![
        Just(NdRepr::RouterSolicitation),
        advertisements.prop_map(|(head, preference, times)| {
            let (router_lifetime, reachable_time, retrans_timer) = times;
            NdRepr::RouterAdvertisement(RouterAdvertisementRepr {
                cur_hop_limit: head.0,
                managed: head.1,
                other_configuration: head.2,
                home_agent: head.3,
                preference: match router_lifetime {
                    0 => RouterPreference::Medium,
                    _ => preference,
                },
                router_lifetime,
                reachable_time,
                retrans_timer,
            })
        }),
        addresses().prop_map(|target| NdRepr::NeighborSolicitation { target }),
        (any::<(bool, bool, bool)>(), addresses()).prop_map(|(flags, target)| {
            NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
                router: flags.0,
                solicited: flags.1,
                override_: flags.2,
                target,
            })
        }),
        (addresses(), addresses()).prop_map(|(target, destination)| NdRepr::Redirect {
            target,
            destination
        }),
    ]
}

fn records() -> impl Strategy<Value = MulticastAddressRecordRepr<'static>> {
    let auxiliary = (0usize..4).prop_flat_map(|words| vec(any::<u8>(), words * 4));
    let parts = (any::<u8>(), addresses(), vec(addresses(), 0..4), auxiliary);
    parts.prop_map(
        |(record_type, group, sources, auxiliary)| MulticastAddressRecordRepr {
            record_type: MulticastRecordType(record_type),
            group,
            sources: sources.into(),
            auxiliary: auxiliary.into(),
        },
    )
}

fn mld_messages() -> impl Strategy<Value = MldRepr<'static>> {
    prop_oneof![
        (any::<u16>(), addresses()).prop_map(|(max_response_delay, group)| MldRepr::QueryV1 {
            max_response_delay,
            group
        }),
        addresses().prop_map(|group| MldRepr::Report { group }),
        addresses().prop_map(|group| MldRepr::Done { group }),
        (
            any::<(u16, bool, u8)>(),
            0u8..8,
            addresses(),
            vec(addresses(), 0..5)
        )
            .prop_map(|(codes, robustness, group, sources)| {
                MldRepr::QueryV2(MldQueryV2Repr {
                    max_response_code: codes.0,
                    group,
                    suppress_router_processing: codes.1,
                    robustness,
                    query_interval_code: codes.2,
                    sources: sources.into(),
                })
            }),
        vec(records(), 0..5).prop_map(|records| MldRepr::ReportV2 { records }),
    ]
}

/// An interface without its name, and its name.
type Interface = (InterfaceInformation<'static>, Option<String>);

fn interfaces() -> impl Strategy<Value = Interface> {
    let roles = prop_oneof![
        Just(InterfaceRole::Incoming),
        Just(InterfaceRole::IncomingSubIp),
        Just(InterfaceRole::Outgoing),
        Just(InterfaceRole::NextHop),
    ];
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ];
    let parts = (
        roles,
        any::<(Option<u32>, Option<u32>)>(),
        option::of(address),
        option::of("[a-z0-9/.]{0,63}"),
    );
    parts.prop_map(|(role, (index, mtu), address, name)| {
        let interface = InterfaceInformation {
            index,
            address,
            mtu,
            ..InterfaceInformation::new(role)
        };
        (interface, name)
    })
}

prop_compose! {
    fn labels()(label in 0u32..1 << 20, traffic_class in 0u8..8, bottom_of_stack: bool, ttl: u8)
        -> MplsLabelStackEntry
    {
        MplsLabelStackEntry { label, traffic_class, bottom_of_stack, ttl }
    }
}

proptest! {
    #[test]
    fn neighbor_discovery(
        repr in nd_messages(),
        options in vec(nd_options(), 0..6),
        source in addresses(),
        destination in addresses(),
    ) {
        let mut packet = PacketBuf::with_headroom(64);
        repr.emit_packet(&options, &mut packet, source, destination).unwrap();
        let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
        prop_assert_eq!((ip.source(), ip.destination()), (source, destination));
        prop_assert_eq!(ip.hop_limit(), 255);
        let icmp = Icmpv6Message::parse(ip.payload()).unwrap();
        prop_assert_eq!(icmp.verify_checksum(&ip.pseudo_header()), Ok(()));
        let message = NdMessage::parse(ip.payload()).unwrap();
        prop_assert_eq!(message.to_repr(), repr);
        let read: Vec<_> = message.options().iter().map(|o| o.to_repr()).collect();
        prop_assert_eq!(read, options);
    }

    #[test]
    fn multicast_listeners(
        repr in mld_messages(),
        source in addresses(),
        destination in addresses(),
    ) {
        let mut packet = PacketBuf::with_headroom(64);
        repr.emit_packet(&mut packet, source, destination).unwrap();
        let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
        prop_assert_eq!(ip.hop_limit(), 1);
        let upper = ip.upper_layer().unwrap();
        prop_assert_eq!(upper.payload.len(), repr.wire_len());
        let icmp = Icmpv6Message::parse(upper.payload).unwrap();
        prop_assert_eq!(icmp.verify_checksum(&ip.pseudo_header()), Ok(()));
        prop_assert_eq!(MldMessage::parse(upper.payload).unwrap().to_repr(), repr);
    }

    #[test]
    fn extension_structures(
        stacks in vec(vec(labels(), 1..5), 0..3),
        interfaces in vec(interfaces(), 0..3),
        unknown in vec((4u8..=255, any::<u8>(), vec(any::<[u8; 4]>(), 0..4)), 0..3),
        original in vec(any::<u8>(), 0..300),
    ) {
        let payloads: Vec<_> = unknown.iter().map(|(_, _, words)| words.as_flattened()).collect();
        let mut objects: Vec<_> = stacks
            .iter()
            .map(|stack| ExtensionObjectRepr::MplsLabelStack(stack[..].into()))
            .collect();
        objects.extend(interfaces.iter().map(|(interface, name)| {
            ExtensionObjectRepr::InterfaceInformation(InterfaceInformation {
                name: name.as_deref(),
                ..*interface
            })
        }));
        objects.extend(unknown.iter().zip(payloads).map(|((class, c_type, _), payload)| {
            ExtensionObjectRepr::Other(RawObject {
                class: ExtensionClass(*class),
                c_type: *c_type,
                payload,
            })
        }));
        let mut packet = PacketBuf::new();
        emit_extensions(&objects, &mut packet).unwrap();
        let structure = packet.as_slice().to_vec();
        let read: Vec<_> = IcmpExtensions::parse(&structure, 0)
            .unwrap()
            .iter()
            .map(|object| object.to_repr())
            .collect();
        prop_assert_eq!(&read, &objects);
        for (unit, emit) in [(4, emit_quote_v4 as fn(&_, _, &_, &mut _) -> _), (8, emit_quote_v6)] {
            let mut packet = PacketBuf::new();
            let words: Result<u8, _> = emit(&original, 1232, &objects, &mut packet);
            let words = usize::from(words.unwrap()) * unit;
            if objects.is_empty() {
                prop_assert_eq!((words, packet.as_slice()), (0, &original[..]));
                continue;
            }
            prop_assert!(words >= 128 && packet.len() <= 1232);
            prop_assert_eq!(&packet.as_slice()[words..], &structure[..]);
            let kept = original.len().min(words);
            prop_assert_eq!(&packet.as_slice()[..kept], &original[..kept]);
        }
    }

    #[test]
    fn any_octets(octets in vec(any::<u8>(), 0..200)) {
        exercise(&octets);
        round_trip(&octets);
    }

    /// Octets that start as a message, whose options are long as often as short.
    #[test]
    fn octets_like_messages(
        message_type in prop_oneof![Just(9u8), 10u8..19, 42u8..44, 130u8..138, Just(143u8)],
        lengths in vec((any::<u8>(), 0u8..5, vec(any::<u8>(), 0..40)), 0..6),
        head in vec(any::<u8>(), 3..40),
    ) {
        let mut octets = vec![message_type, 0];
        octets.extend(head);
        for (kind, units, data) in lengths {
            octets.extend([kind, units]);
            octets.extend(data);
        }
        exercise(&octets);
        round_trip(&octets);
    }
}
