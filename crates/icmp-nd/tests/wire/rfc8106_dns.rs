//! DNS servers and search lists in Router Advertisements (RFC 8106 §5).

use crate::support::{address, assert_invalid, assert_not_written, octets, with_option, written};
use icmp_nd::EmitError;
use icmp_nd::wire::{DomainName, DomainNameError, NdOption, NdOptionError, NdOptionRepr};

mod section_5_1 {
    use super::*;

    #[test]
    fn servers_in_order() {
        let text = "1905 0000 000004b0 20010db8000000000000000000000053
                    20010db8000000000000000000000054";
        with_option(text, |option| {
            let NdOption::RecursiveDnsServers(list) = option else {
                panic!("{option:?}");
            };
            assert_eq!(list.lifetime(), 1200);
            let servers: Vec<_> = list.servers().collect();
            assert_eq!(servers, [address("2001:db8::53"), address("2001:db8::54")]);
            assert_eq!(written(&[option.to_repr()]), octets(text));
        });
    }

    #[test]
    fn as_many_as_the_length_can_say() {
        let of = |count| NdOptionRepr::RecursiveDnsServers {
            lifetime: 1,
            servers: vec![address("2001:db8::53"); count].into(),
        };
        assert_eq!(of(126).wire_len(), Ok(2024));
        let refused = |length| EmitError::TooLong {
            what: "recursive DNS servers",
            length,
            limit: 2040,
        };
        assert_eq!(of(127).wire_len(), Ok(2040));
        assert_not_written(of(128), refused(2056));
        assert_not_written(
            of(0),
            EmitError::BadValue {
                what: "recursive DNS servers",
                value: 0,
            },
        );
    }
}

mod section_5_2 {
    use super::*;

    // RFC 8106 §5.2 MUST (padding): zeroes up to a multiple of eight octets.
    #[test]
    fn names_and_padding() {
        let text = "1f04 0000 000004b0 076578616d706c65 03636f6d00 0161 00 0000000000000000";
        with_option(text, |option| {
            let NdOption::DnsSearchList(list) = option else {
                panic!("{option:?}");
            };
            assert_eq!(list.lifetime(), 1200);
            let names: Vec<_> = list.domains().map(|name| name.to_string()).collect();
            assert_eq!(names, ["example.com", "a"]);
            // Written as short as it can be.
            let expected = "1f03 0000 000004b0 076578616d706c65 03636f6d00 0161 00";
            assert_eq!(written(&[option.to_repr()]), octets(expected));
        });
    }

    // RFC 8106 §5.2 MUST (no-compression): a pointer is no label.
    #[test]
    fn names_that_are_none() {
        let name = NdOptionError::SearchListName;
        let head = "1f02 0000 000004b0";
        assert_invalid(
            &format!("{head} 0161c00800000000"),
            name(DomainNameError::LongLabel),
        );
        assert_invalid(
            &format!("{head} 0861626364656667"),
            name(DomainNameError::Truncated),
        );
        assert_invalid(
            &format!("{head} 0761626364656667"),
            name(DomainNameError::Truncated),
        );
        assert_invalid(
            &format!("{head} 0161000000000001"),
            NdOptionError::SearchListPadding,
        );
        assert_invalid(
            &format!("{head} 0000000000000000"),
            NdOptionError::SearchListLength,
        );
        // 256 octets in labels of one.
        let long = format!(
            "1f22 0000 000004b0 {} {}",
            "0161".repeat(128),
            "00".repeat(8)
        );
        assert_invalid(&long, name(DomainNameError::LongName));
    }

    #[test]
    fn a_list_without_names_is_not_written() {
        let error = EmitError::BadValue {
            what: "DNS search list",
            value: 0,
        };
        let domains = Vec::new().into();
        assert_not_written(
            NdOptionRepr::DnsSearchList {
                lifetime: 1,
                domains,
            },
            error,
        );
        let name: DomainName = "a.example".parse().unwrap();
        let many = NdOptionRepr::DnsSearchList {
            lifetime: 1,
            domains: vec![name; 400].into(),
        };
        assert!(matches!(many.wire_len(), Err(EmitError::TooLong { .. })));
    }
}

mod section_5_3_1 {
    use super::*;

    // RFC 8106 §5.3.1 MUST (rdnss-length): an even length, with which a parser that trusts it reads
    // half an address as the next option, and a length under 3.
    #[test]
    fn lengths_of_server_lists() {
        let error = NdOptionError::RecursiveDnsServersLength;
        for units in [1usize, 2, 4, 6, 254] {
            let text = format!("19{units:02x} 0000 000004b0 {}", "20".repeat(units * 8 - 8));
            assert_invalid(&text, error);
        }
    }

    // RFC 8106 §5.3.1 MUST (dnssl-length): a length under 2.
    #[test]
    fn lengths_of_search_lists() {
        assert_invalid("1f01 0000 000004b0", NdOptionError::SearchListLength);
    }
}
