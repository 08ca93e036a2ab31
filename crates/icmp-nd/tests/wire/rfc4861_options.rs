//! Options of Neighbor Discovery (RFC 4861 §4.6), nonces (RFC 3971 §5.3.2), and options in general.

use crate::support::{
    address, assert_invalid, assert_not_written, icmpv6, octets, packet, with_option, written,
};
use icmp_nd::wire::{
    INFINITE_LIFETIME, NdMessage, NdOption, NdOptionError, NdOptionKind, NdOptionRepr, NdOptions,
    PrefixInformation,
};
use icmp_nd::{EmitError, ParseError};
use packet_buffer::wire::MacAddr;

mod section_4_6 {
    use super::*;

    // RFC 4861 §4.6 MUST (length-zero): the whole message is refused.
    #[test]
    fn a_length_of_zero_spoils_the_list() {
        let octets = octets("0501 0000 000005dc  0100 020000000001");
        assert_eq!(
            NdOptions::parse(&octets, 16),
            Err(ParseError::bad_length("ND option", 24, 0))
        );
    }

    // RFC 4861 §4.6 MUST (unknown): an unknown option is skipped, and kept.
    #[test]
    fn unknown_and_repeated_options_are_kept_in_order() {
        let text = "fd01 010203040506 0501 0000 000005dc fd02 0102030405060708090a0b0c0d0e
                    0501 0000 00000500 fd01 060504030201";
        let octets = octets(text);
        let options = NdOptions::parse(&octets, 0).unwrap();
        let reprs: Vec<_> = options.iter().map(|option| option.to_repr()).collect();
        assert_eq!(reprs.len(), 5);
        assert_eq!(reprs[1], NdOptionRepr::Mtu(1500));
        assert_eq!(reprs[3], NdOptionRepr::Mtu(1280));
        assert_eq!(reprs[4].kind(), NdOptionKind(0xfd));
        assert_eq!(written(&reprs), octets);
    }

    /// All options at once, and the octets come out as they went in.
    #[test]
    fn all_options_of_a_router_advertisement() {
        let packet = packet("nd-router-advertisement-all-options");
        let message = NdMessage::parse(icmpv6(&packet)).unwrap();
        let kinds: Vec<u8> = message.options().iter().map(|o| o.kind().0).collect();
        assert_eq!(kinds, [1, 5, 3, 24, 24, 24, 25, 25, 31, 37, 38, 253, 14]);
        assert!(
            !message
                .options()
                .iter()
                .any(|o| matches!(o, NdOption::Invalid(_)))
        );
        let reprs: Vec<_> = message
            .options()
            .iter()
            .map(|option| option.to_repr().into_owned())
            .collect();
        assert_eq!(written(&reprs), icmpv6(&packet)[16..]);
    }

    /// Each has its own reason, and none takes the others with it.
    #[test]
    fn all_options_that_cannot_be_used() {
        let packet = packet("nd-router-advertisement-invalid-options");
        let message = NdMessage::parse(icmpv6(&packet)).unwrap();
        let errors: Vec<_> = message
            .options()
            .iter()
            .map(|option| match option {
                NdOption::Invalid(invalid) => invalid.error,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(errors.len(), 15);
        let reprs: Vec<_> = message.options().iter().map(|o| o.to_repr()).collect();
        assert_eq!(written(&reprs), icmpv6(&packet)[16..]);
    }

    #[test]
    fn data_of_another_length_is_not_written() {
        assert_not_written(
            NdOptionRepr::Other {
                kind: NdOptionKind(253),
                data: [0; 7][..].into(),
            },
            EmitError::Unaligned {
                what: "ND option",
                length: 9,
                multiple: 8,
            },
        );
        assert_not_written(
            NdOptionRepr::Other {
                kind: NdOptionKind(253),
                data: [0; 2046][..].into(),
            },
            EmitError::TooLong {
                what: "ND option",
                length: 2048,
                limit: 2040,
            },
        );
    }
}

mod section_4_6_1 {
    use super::*;

    // RFC 2464 §6 MUST: one unit of eight octets, with the six of the address at its end.
    #[test]
    fn link_layer_addresses() {
        let mac = MacAddr([2, 0, 0x5e, 0x10, 0, 1]);
        with_option("0101 02005e100001", |option| {
            assert_eq!(option.to_repr(), NdOptionRepr::SourceLinkLayerAddress(mac));
        });
        with_option("0201 02005e100001", |option| {
            assert_eq!(option.to_repr(), NdOptionRepr::TargetLinkLayerAddress(mac));
        });
    }

    /// Those of other links are longer: they are kept, and are no Ethernet address.
    #[test]
    fn of_other_links() {
        let text = "0102 0001020304050607 000000000000";
        with_option(text, |option| {
            let NdOption::SourceLinkLayerAddress(address) = option else {
                panic!("{option:?}");
            };
            assert_eq!(address.mac(), None);
            assert_eq!(address.as_slice().len(), 14);
            assert_eq!(written(&[option.to_repr()]), octets(text));
        });
    }

    #[test]
    fn the_first_of_a_kind_is_found() {
        let octets =
            octets("0501 0000 000005dc 0201 000000000002 0101 000000000001 0101 0000000000ff");
        let options = NdOptions::parse(&octets, 0).unwrap();
        assert_eq!(options.source_mac(), Some(MacAddr([0, 0, 0, 0, 0, 1])));
        assert_eq!(options.target_mac(), Some(MacAddr([0, 0, 0, 0, 0, 2])));
        assert_eq!(options.nonce(), None);
    }
}

mod section_4_6_2 {
    use super::*;

    const PREFIX: PrefixInformation = PrefixInformation {
        address: core::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xff),
        prefix_length: 60,
        on_link: false,
        autonomous: true,
        router_address: false,
        valid_lifetime: INFINITE_LIFETIME,
        preferred_lifetime: 5,
    };

    // RFC 4861 §4.6.2 MUST (bits-behind): what is behind the length is not sent, and not used.
    #[test]
    fn bits_behind_the_length() {
        let text = "0304 2080 00000001 00000001 00000000 20010db8ffff00000000000000000001";
        with_option(text, |option| match option {
            NdOption::PrefixInformation(read) => {
                assert_eq!(read.address, address("2001:db8::"));
            }
            other => panic!("{other:?}"),
        });
        let text = "0304 20a0 00000001 00000001 00000000 20010db8ffff00000000000000000001";
        with_option(text, |option| match option {
            NdOption::PrefixInformation(read) => {
                assert_eq!(read.address, address("2001:db8:ffff::1"));
                assert_eq!(read.prefix().to_string(), "2001:db8::/32");
            }
            other => panic!("{other:?}"),
        });
        let octets = written(&[NdOptionRepr::PrefixInformation(PREFIX)]);
        assert_eq!(octets[16..], address("2001:db8::").octets());
        assert_eq!(PREFIX.prefix().to_string(), "2001:db8::/60");
        let address = PrefixInformation {
            router_address: true,
            ..PREFIX
        };
        let octets = written(&[NdOptionRepr::PrefixInformation(address)]);
        assert_eq!(octets[16..], PREFIX.address.octets());
    }

    // RFC 4861 §4.6.2 MUST (prefix-length): more than 128 bits are no prefix.
    #[test]
    fn a_prefix_longer_than_an_address() {
        let text = "0304 81c0 00000001 00000001 00000000 20010db8000000000000000000000000";
        assert_invalid(text, NdOptionError::PrefixLength(129));
        assert_not_written(
            NdOptionRepr::PrefixInformation(PrefixInformation {
                prefix_length: 129,
                ..PREFIX
            }),
            EmitError::BadValue {
                what: "prefix length",
                value: 129,
            },
        );
    }

    #[test]
    fn another_length() {
        let error = NdOptionError::PrefixInformationLength;
        assert_invalid("0301 40c000000001", error);
        assert_invalid(&format!("0305 40c0 {}", "00".repeat(36)), error);
    }
}

mod section_4_6_3 {
    use super::*;

    #[test]
    fn a_redirected_packet_is_padded_and_cut() {
        let short = NdOptionRepr::RedirectedHeader([0x60, 1, 2][..].into());
        assert_eq!(
            written(&[short]),
            octets("0402 000000000000 6001020000000000")
        );
        let long = vec![0xaa; 3000];
        let octets = written(&[NdOptionRepr::RedirectedHeader(long.into())]);
        assert_eq!((octets.len(), octets[1]), (2040, 255));
        assert_eq!(octets[8..], [0xaa; 2032]);
        with_option("0401 000000000000", |option| {
            assert_eq!(option, NdOption::RedirectedHeader(&[]));
        });
    }
}

mod section_4_6_4 {
    use super::*;

    #[test]
    fn mtu() {
        with_option("0501 ffff 00002329", |option| {
            assert_eq!(option, NdOption::Mtu(9001));
        });
        assert_invalid(
            "0502 0000 00002329 0000000000000000",
            NdOptionError::MtuLength,
        );
    }
}

mod nonces {
    use super::*;

    #[test]
    fn of_any_length_that_fits() {
        for length in [6, 14, 2038] {
            let nonce = vec![7; length];
            let octets = written(&[NdOptionRepr::Nonce(nonce.clone().into())]);
            let options = NdOptions::parse(&octets, 0).unwrap();
            assert_eq!(options.nonce(), Some(&nonce[..]));
        }
        assert_not_written(
            NdOptionRepr::Nonce([0; 8][..].into()),
            EmitError::Unaligned {
                what: "nonce",
                length: 10,
                multiple: 8,
            },
        );
    }
}
