//! The formats of Neighbor Discovery messages (RFC 4861 §4.1 to §4.5).

use crate::support::{address, assert_nd_both_ways, icmpv6, octets, packet};
use core::slice::from_ref;
use icmp_nd::wire::{
    NdMessage, NdOptionKind, NdOptionRepr, NdRepr, NeighborAdvertisementRepr, PrefixInformation,
    RouterAdvertisement, RouterAdvertisementRepr, RouterPreference,
};
use icmp_nd::{EmitError, PacketBuf, ParseError};
use packet_buffer::wire::{MacAddr, PseudoHeader};

const MAC_1: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const MAC_2: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

mod section_4_1 {
    use super::*;

    // RFC 4861 §4.1 MUST (hop-limit): the vector has it, and octet by octet equals what is written.
    // RFC 4861 §4.1 MUST (reserved): so has it code and reserved field.
    #[test]
    fn router_solicitation() {
        let options = [NdOptionRepr::SourceLinkLayerAddress(MAC_1)];
        assert_nd_both_ways(
            "nd-router-solicitation",
            NdRepr::RouterSolicitation,
            &options,
        );
        assert_nd_both_ways(
            "nd-router-solicitation-unspecified",
            NdRepr::RouterSolicitation,
            &[],
        );
        assert_eq!(packet("nd-router-solicitation")[7], 255);
    }
}

mod section_4_2 {
    use super::*;

    #[test]
    fn router_advertisement() {
        let prefix = PrefixInformation {
            address: address("2001:db8:1::"),
            prefix_length: 64,
            on_link: true,
            autonomous: true,
            router_address: false,
            valid_lifetime: 86_400,
            preferred_lifetime: 14_400,
        };
        let with_address = PrefixInformation {
            address: address("2001:db8:1::ff"),
            router_address: true,
            valid_lifetime: u32::MAX,
            preferred_lifetime: u32::MAX,
            ..prefix
        };
        assert_nd_both_ways(
            "nd-router-advertisement",
            NdRepr::RouterAdvertisement(RouterAdvertisementRepr {
                cur_hop_limit: 64,
                managed: true,
                other_configuration: true,
                home_agent: false,
                preference: RouterPreference::High,
                router_lifetime: 1800,
                reachable_time: 30_000,
                retrans_timer: 1000,
            }),
            &[
                NdOptionRepr::SourceLinkLayerAddress(MAC_1),
                NdOptionRepr::Mtu(1500),
                NdOptionRepr::PrefixInformation(prefix),
                NdOptionRepr::PrefixInformation(with_address),
            ],
        );
        assert_nd_both_ways(
            "nd-router-advertisement-final",
            NdRepr::RouterAdvertisement(RouterAdvertisementRepr::default()),
            &[],
        );
    }

    #[test]
    fn each_flag_is_its_own_bit() {
        let packet = packet("nd-router-advertisement-final");
        let mut message = icmpv6(&packet).to_vec();
        for (bit, expected) in [
            (0x80, [true, false, false]),
            (0x40, [false, true, false]),
            (0x20, [false, false, true]),
            (0x04, [false; 3]),
        ] {
            message[5] = bit;
            let view = RouterAdvertisement::parse(&message).unwrap();
            let flags = [
                view.is_managed(),
                view.has_other_configuration(),
                view.is_home_agent(),
            ];
            assert_eq!((flags, view.flags()), (expected, bit));
        }
    }
}

mod section_4_3 {
    use super::*;

    #[test]
    fn neighbor_solicitation() {
        let target = address("fe80::2");
        assert_nd_both_ways(
            "nd-neighbor-solicitation",
            NdRepr::NeighborSolicitation { target },
            &[NdOptionRepr::SourceLinkLayerAddress(MAC_1)],
        );
        assert_nd_both_ways(
            "nd-neighbor-solicitation-dad-nonce",
            NdRepr::NeighborSolicitation { target },
            &[NdOptionRepr::Nonce(octets("a1a2a3a4a5a6").into())],
        );
    }
}

mod section_4_4 {
    use super::*;

    #[test]
    fn neighbor_advertisement() {
        let solicited = NeighborAdvertisementRepr {
            router: false,
            solicited: true,
            override_: true,
            target: address("fe80::2"),
        };
        let options = [NdOptionRepr::TargetLinkLayerAddress(MAC_2)];
        assert_nd_both_ways(
            "nd-neighbor-advertisement",
            NdRepr::NeighborAdvertisement(solicited),
            &options,
        );
        let unsolicited = NeighborAdvertisementRepr {
            router: true,
            solicited: false,
            ..solicited
        };
        assert_nd_both_ways(
            "nd-neighbor-advertisement-unsolicited",
            NdRepr::NeighborAdvertisement(unsolicited),
            &options,
        );
    }
}

mod section_4_5 {
    use super::*;

    #[test]
    fn redirect() {
        let packet = packet("nd-redirect");
        let message = NdMessage::parse(icmpv6(&packet)).unwrap();
        let header = message
            .options()
            .as_tlv_list()
            .find(NdOptionKind::REDIRECTED_HEADER.0)
            .unwrap();
        let quoted = header.data[6..].to_vec();
        assert_eq!((quoted[0] >> 4, quoted.len()), (6, 56));
        assert_nd_both_ways(
            "nd-redirect",
            NdRepr::Redirect {
                target: address("fe80::3"),
                destination: address("2001:db8:9::9"),
            },
            &[
                NdOptionRepr::TargetLinkLayerAddress(MAC_2),
                NdOptionRepr::RedirectedHeader(quoted.into()),
            ],
        );
    }
}

#[test]
fn every_cut_of_a_message_without_options_is_truncated() {
    for name in [
        "nd-router-solicitation-unspecified",
        "nd-router-advertisement-final",
    ] {
        let packet = packet(name);
        let message = icmpv6(&packet);
        for length in 0..message.len() {
            let error = NdMessage::parse(&message[..length]).unwrap_err();
            assert!(error.is_truncated() && error.offset == 0, "{length}");
        }
    }
    let error = NdMessage::parse(&[128, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(error, ParseError::unsupported("ND message", 0, 128));
    let error = RouterAdvertisement::parse(&[133; 16]).unwrap_err();
    assert_eq!(error, ParseError::bad_value("Router Advertisement", 0, 133));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let pseudo_header = PseudoHeader::V6 {
        source: address("fe80::1"),
        destination: address("ff02::2"),
    };
    let mut packet = PacketBuf::from_slice(8, &[1; 12]);
    assert_eq!(
        NdRepr::RouterSolicitation.emit(&[], &mut packet, &pseudo_header),
        Err(EmitError::Unaligned {
            what: "ND options",
            length: 12,
            multiple: 8
        })
    );
    let mut packet = PacketBuf::from_slice(8, &[1; 65_528]);
    assert_eq!(
        NdRepr::RouterSolicitation.emit(&[], &mut packet, &pseudo_header),
        Err(EmitError::TooLong {
            what: "ND message",
            length: 65_536,
            limit: 65_535
        })
    );
    assert_eq!(packet.as_slice(), [1; 65_528]);
    // Nor what was all right before it.
    let mac = NdOptionRepr::SourceLinkLayerAddress(MAC_1);
    let result = NdRepr::RouterSolicitation.emit(from_ref(&mac), &mut packet, &pseudo_header);
    assert!(matches!(
        result,
        Err(EmitError::TooLong { length: 65_544, .. })
    ));
    assert_eq!(packet.as_slice(), [1; 65_528]);
    let mut packet = PacketBuf::from_slice(64, &[1; 8]);
    let options = [NdOptionRepr::Nonce((&[1; 7]).into()), mac];
    let result = NdRepr::RouterSolicitation.emit(&options, &mut packet, &pseudo_header);
    assert!(matches!(
        result,
        Err(EmitError::Unaligned { length: 9, .. })
    ));
    assert_eq!(packet.as_slice(), [1; 8]);
}

/// Options that are written already stand behind those that are given.
#[test]
fn options_in_the_buffer_are_kept() {
    let mut packet = PacketBuf::from_slice(64, &octets("0501 0000 000005dc"));
    let source = address("fe80::1");
    let mac = NdOptionRepr::SourceLinkLayerAddress(MAC_1);
    NdRepr::RouterSolicitation
        .emit_packet(&[mac], &mut packet, source, address("ff02::2"))
        .unwrap();
    let message = NdMessage::parse(icmpv6(packet.as_slice())).unwrap();
    let kinds: Vec<_> = message
        .options()
        .iter()
        .map(|option| option.kind())
        .collect();
    assert_eq!(
        kinds,
        [NdOptionKind::SOURCE_LINK_LAYER_ADDRESS, NdOptionKind::MTU]
    );
}
