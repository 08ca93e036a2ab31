//! Preferences of routers and routes (RFC 4191 §2).

use crate::support::{assert_invalid, icmpv6, packet, with_option, written};
use icmp_nd::PacketBuf;
use icmp_nd::wire::{
    NdOption, NdOptionError, NdOptionRepr, NdRepr, RouteInformation, RouterAdvertisement,
    RouterAdvertisementRepr, RouterPreference,
};
use packet_buffer::wire::PseudoHeader;

const PREFERENCES: [(u8, Option<RouterPreference>); 4] = [
    (0b00 << 3, Some(RouterPreference::Medium)),
    (0b01 << 3, Some(RouterPreference::High)),
    (0b10 << 3, None),
    (0b11 << 3, Some(RouterPreference::Low)),
];

mod section_2_1 {
    use super::*;

    #[test]
    fn the_order_is_that_of_preference() {
        assert!(RouterPreference::Low < RouterPreference::Medium);
        assert!(RouterPreference::Medium < RouterPreference::High);
        for (flags, preference) in PREFERENCES {
            assert_eq!(RouterPreference::from_flags(flags | 0xe7), preference);
            if let Some(preference) = preference {
                assert_eq!(preference.to_flags(), flags);
            }
        }
    }
}

mod section_2_2 {
    use super::*;

    // RFC 4191 §2.2 MUST (reserved-preference): it reads as medium.
    // RFC 4191 §2.2 MUST (lifetime-zero): so does every value without a router lifetime.
    #[test]
    fn preference_of_a_router() {
        let packet = packet("nd-router-advertisement");
        let mut message = icmpv6(&packet).to_vec();
        for (flags, preference) in PREFERENCES {
            message[5] = flags;
            message[6..8].copy_from_slice(&[0, 1]);
            let view = RouterAdvertisement::parse(&message).unwrap();
            let expected = preference.unwrap_or(RouterPreference::Medium);
            assert_eq!(view.preference(), expected);
            message[6..8].copy_from_slice(&[0, 0]);
            let view = RouterAdvertisement::parse(&message).unwrap();
            assert_eq!(view.preference(), RouterPreference::Medium);
        }
    }

    // RFC 4191 §2.2 MUST (medium-without-lifetime): the bits are sent as zero.
    #[test]
    fn a_router_without_lifetime_sends_no_preference() {
        let mut packet = PacketBuf::new();
        let pseudo_header = PseudoHeader::V6 {
            source: [0; 16].into(),
            destination: [0; 16].into(),
        };
        let repr = RouterAdvertisementRepr {
            preference: RouterPreference::High,
            ..RouterAdvertisementRepr::default()
        };
        NdRepr::RouterAdvertisement(repr)
            .emit(&[], &mut packet, &pseudo_header)
            .unwrap();
        assert_eq!(packet.as_slice()[5], 0);
    }
}

mod section_2_3 {
    use super::*;

    fn route(text: &str) -> RouteInformation {
        with_option(text, |option| match option {
            NdOption::RouteInformation(route) => route,
            other => panic!("{other:?}"),
        })
    }

    // RFC 4191 §2.3 MUST (length): as short as the prefix allows, or longer.
    #[test]
    fn lengths_that_hold_the_prefix() {
        let zero = "00".repeat(8);
        let rest = "20010db8000000aa".to_string();
        for (text, prefix) in [
            ("1801 0000 00000258".to_string(), "::/0"),
            (format!("1802 0000 00000258 {rest}"), "::/0"),
            (format!("1803 0000 00000258 {rest}{zero}"), "::/0"),
            (format!("1802 0100 00000258 {rest}"), "::/1"),
            (format!("1802 4000 00000258 {rest}"), "2001:db8:0:aa::/64"),
            (
                format!("1803 4000 00000258 {rest}{zero}"),
                "2001:db8:0:aa::/64",
            ),
            (
                format!("1803 4100 00000258 {rest}{zero}"),
                "2001:db8:0:aa::/65",
            ),
            (
                format!("1803 8000 00000258 {rest}{zero}"),
                "2001:db8:0:aa::/128",
            ),
        ] {
            let route = route(&text);
            assert_eq!(route.prefix.to_string(), prefix, "{text}");
            assert_eq!(route.lifetime, 600);
        }
    }

    // RFC 4191 §2.3 MUST (length): others are not taken.
    #[test]
    fn lengths_that_do_not() {
        let error = NdOptionError::RouteInformationLength;
        assert_invalid("1801 0100 00000258", error);
        assert_invalid("1802 4100 00000258 20010db8000000aa", error);
        assert_invalid(&format!("1804 0000 00000258 {}", "00".repeat(24)), error);
        let text = format!("1803 8100 00000258 {}", "00".repeat(16));
        assert_invalid(&text, NdOptionError::PrefixLength(129));
    }

    // RFC 4191 §2.3 MUST (reserved-preference): the route is ignored.
    #[test]
    fn the_reserved_preference() {
        assert_invalid("1801 0010 00000258", NdOptionError::ReservedPreference);
    }

    // RFC 4191 §2.3 MUST (bits-behind): they are ignored, and not sent.
    #[test]
    fn bits_behind_the_length() {
        let route = route("1802 3018 ffffffff 20010db8000000aa");
        assert_eq!(route.prefix.to_string(), "2001:db8::/48");
        assert_eq!(route.preference, RouterPreference::Low);
        let octets = written(&[NdOptionRepr::RouteInformation(route)]);
        assert_eq!(
            octets,
            crate::support::octets("1802 3018 ffffffff 20010db800000000")
        );
    }
}
