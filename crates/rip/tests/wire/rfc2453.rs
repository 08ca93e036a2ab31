//! RIP-2 (RFC 2453): its messages and the tests on them.

use super::*;
use packet_buffer::{ParseError, ParseErrorKind};
use rip::wire::datagram::{DatagramError, check_hop_limit, check_ipv4_source, check_response_port};
use rip::wire::{Command, MessageError, NextHop, RequestKind, RipEntryRepr};

mod section_3_6_message_format {
    use super::*;

    // RFC 2453 §3.6 MUST (commands): 1 and 2; the obsolete ones are ignored.
    #[test]
    fn commands() {
        for command in 0..=u8::MAX {
            let mut octets = message(2, 2, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 1);
            octets[0] = command;
            if Command(command).has_update_header() {
                octets.splice(4..4, [1, 0, 0, 0]);
            }
            let parsed = RipMessage::parse(&octets).unwrap();
            let expected = match command {
                1 | 2 | 9 | 10 | 11 => Ok(()),
                other => Err(MessageError::Command(Command(other))),
            };
            assert_eq!(parsed.check(25), expected);
        }
    }

    // RFC 2453 §3.6 MUST (25-entries): up to 25, authentication among them.
    #[test]
    fn up_to_25_entries() {
        let entry = &message(2, 2, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 1)[4..];
        let with = |count| [&[2, 2, 0, 0], &entry.repeat(count)[..]].concat();
        for count in 0..=25 {
            let octets = with(count);
            let parsed = RipMessage::parse(&octets).unwrap();
            assert_eq!((parsed.entry_count(), parsed.check(25)), (count, Ok(())));
        }
        let refused = |count| Err(MessageError::TooManyEntries { count, limit: 25 });
        let octets = with(26);
        assert_eq!(RipMessage::parse(&octets).unwrap().check(25), refused(26));
        let mut octets = with(26);
        octets[4..8].copy_from_slice(&[0xff, 0xff, 0, 2]);
        let parsed = RipMessage::parse(&octets).unwrap();
        assert_eq!((parsed.entry_count(), parsed.check(25)), (25, refused(26)));
        // As long as UDP allows: refused by its count, without work that grows with it.
        let octets = with(3_275);
        let parsed = RipMessage::parse(&octets).unwrap();
        assert_eq!(parsed.check(25), refused(3_275));
    }

    #[test]
    fn every_length_that_is_not_whole_entries() {
        let good = message(2, 2, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 1);
        for length in 0..4 {
            let error = RipMessage::parse(&good[..length]).unwrap_err();
            assert_eq!(error, ParseError::truncated("RIP header", 0, 4, length));
        }
        let long = good.repeat(3);
        for length in 4..=long.len() {
            let parsed = RipMessage::parse(&long[..length]);
            match parsed {
                Ok(parsed) => assert_eq!(length, 4 + 20 * parsed.entry_count()),
                Err(error) => {
                    assert_ne!((length - 4) % 20, 0);
                    assert_eq!(error.kind, ParseErrorKind::BadLength { length });
                }
            }
        }
    }
}

mod section_3_7_addressing {
    use super::*;

    // RFC 2453 §3.7 MUST (default): 0.0.0.0 is the default route, whatever its mask.
    #[test]
    fn the_default_route() {
        for mask in ["0.0.0.0", "255.255.255.0", "255.0.255.0"] {
            let route = judge("0.0.0.0", mask, "0.0.0.0", 1).unwrap();
            assert_eq!(route.prefix, packet_buffer::wire::Ipv4Prefix::ALL);
            assert!(!route.host_bits);
        }
    }
}

mod section_3_9_1_request_messages {
    use super::*;

    fn kind(entries: &[RipEntryRepr]) -> RequestKind {
        let mut octets = vec![1, 2, 0, 0];
        entries
            .iter()
            .for_each(|entry| octets.extend(entry.octets()));
        RipMessage::parse(&octets).unwrap().request_kind()
    }

    // RFC 2453 §3.9.1 MUST (whole-table): exactly one entry, family 0, metric 16.
    #[test]
    fn the_whole_table_is_asked_for_in_one_way() {
        let all = RipEntryRepr::WHOLE_TABLE;
        let route = RipEntryRepr::route("10.0.0.0/8".parse().unwrap(), 16);
        assert_eq!(kind(&[]), RequestKind::Nothing);
        assert_eq!(kind(&[all]), RequestKind::WholeTable);
        assert_eq!(kind(&[all.with_metric(1)]), RequestKind::Entries);
        assert_eq!(kind(&[all.with_metric(0)]), RequestKind::Entries);
        assert_eq!(kind(&[all, all]), RequestKind::Entries);
        assert_eq!(kind(&[all, route]), RequestKind::Entries);
        assert_eq!(kind(&[route]), RequestKind::Entries);
        let default = RipEntryRepr {
            address_family: 2,
            ..all
        };
        assert_eq!(kind(&[default]), RequestKind::Entries);
        let large = RipEntryRepr {
            metric: 0x0100_0010,
            ..all
        };
        assert_eq!(kind(&[large]), RequestKind::Entries);
    }
}

mod section_3_9_2_response_messages {
    use super::*;

    // RFC 2453 §3.9.2 MUST (port): a response comes from port 520.
    #[test]
    fn the_port() {
        assert_eq!(check_response_port(520, 520), Ok(()));
        for port in [0, 519, 521, 1024, 65535] {
            let refused = Err(DatagramError::SourcePort(port));
            assert_eq!(check_response_port(port, 520), refused);
        }
    }

    // RFC 2453 §3.9.2 MUST (source): on a network of the interface, and not the receiver.
    #[test]
    fn the_source() {
        let addresses = [interface("192.0.2.1", 24), interface("198.51.100.1", 31)];
        let check = |source| check_ipv4_source(v4(source), &addresses);
        assert_eq!(check("192.0.2.2"), Ok(()));
        assert_eq!(
            check("198.51.100.0"),
            Ok(()),
            "both ends of a /31 are hosts"
        );
        assert_eq!(check("192.0.2.1"), Err(DatagramError::SourceOwn));
        assert_eq!(check("198.51.100.1"), Err(DatagramError::SourceOwn));
        assert_eq!(check("192.0.3.2"), Err(DatagramError::SourceOffLink));
        assert_eq!(check("198.51.100.2"), Err(DatagramError::SourceOffLink));
        for martian in ["0.0.0.0", "127.0.0.1", "224.0.0.9", "255.255.255.255"] {
            assert_eq!(
                check(martian),
                Err(DatagramError::SourceMartian),
                "{martian}"
            );
        }
        for end in ["192.0.2.0", "192.0.2.255"] {
            assert_eq!(check(end), Err(DatagramError::SourceMartian), "{end}");
        }
        let off_link = Err(DatagramError::SourceOffLink);
        assert_eq!(check_ipv4_source(v4("192.0.2.2"), &[]), off_link);
        // Two addresses in one network: neither is a neighbor's.
        let both = [interface("192.0.2.1", 24), interface("192.0.2.9", 24)];
        let own = Err(DatagramError::SourceOwn);
        assert_eq!(check_ipv4_source(v4("192.0.2.9"), &both), own);
    }

    #[test]
    fn the_hop_limit_is_asked_for_by_the_caller() {
        assert_eq!(check_hop_limit(255, 255), Ok(()));
        assert_eq!(check_hop_limit(1, 0), Ok(()));
        let refused = DatagramError::HopLimit {
            received: 254,
            required: 255,
        };
        assert_eq!(check_hop_limit(254, 255), Err(refused));
    }

    // RFC 2453 §3.9.2 MUST (family): skipped, and the next is looked at.
    #[test]
    fn families() {
        let verdict = |family| {
            let octets = message(2, family, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 1);
            RipMessage::parse(&octets).unwrap().routes(&[]).next()
        };
        assert!(matches!(verdict(2), Some(Ok(_))));
        for family in [0, 1, 3, 10, 0x0200, 0xfffe] {
            assert_eq!(
                verdict(family),
                Some(Err(EntryError::AddressFamily(family)))
            );
        }
    }

    // RFC 2453 §3.9.2 MUST (metric): from 1 to 16, in all four octets.
    #[test]
    fn metrics() {
        let metric = |metric| judge("10.0.0.0", "255.0.0.0", "0.0.0.0", metric);
        for good in 1..=16 {
            assert_eq!(u32::from(metric(good).unwrap().metric), good);
        }
        assert_eq!(metric(0), Err(EntryError::MetricZero));
        for bad in [17, 255, 256, 0x0100_0001, u32::MAX] {
            assert_eq!(metric(bad), Err(EntryError::MetricTooLarge(bad)));
        }
    }

    // RFC 2453 §3.9.2 MUST (destination): unicast, not from network 0 nor 127.
    #[test]
    fn destinations() {
        let to = |address, mask| judge(address, mask, "0.0.0.0", 1).map(|route| route.prefix);
        assert_eq!(
            to("10.0.0.0", "255.0.0.0"),
            Ok("10.0.0.0/8".parse().unwrap())
        );
        assert_eq!(
            to("223.255.255.255", "255.255.255.255").map(|p| p.length()),
            Ok(32)
        );
        for zero in ["0.0.0.1", "0.1.0.0", "0.255.255.255"] {
            assert_eq!(
                to(zero, "255.255.255.255"),
                Err(EntryError::NetworkZero),
                "{zero}"
            );
        }
        assert_eq!(to("127.0.0.0", "255.0.0.0"), Err(EntryError::Loopback));
        assert_eq!(
            to("127.0.0.1", "255.255.255.255"),
            Err(EntryError::Loopback)
        );
        assert_eq!(to("224.0.0.0", "240.0.0.0"), Err(EntryError::Multicast));
        assert_eq!(
            to("239.255.255.255", "255.255.255.255"),
            Err(EntryError::Multicast)
        );
        assert_eq!(to("240.0.0.0", "240.0.0.0"), Err(EntryError::Reserved));
        assert_eq!(to("241.0.0.0", "255.0.0.0"), Err(EntryError::Reserved));
        let host = "255.255.255.255";
        assert_eq!(to(host, host), Err(EntryError::Broadcast));
        // The broadcast address of the network that the message came from, as a host.
        assert_eq!(to("192.0.2.255", host), Err(EntryError::Broadcast));
        assert!(to("192.0.2.254", host).is_ok());
        assert!(to("192.0.3.255", host).is_ok());
    }

    // RFC 2453 §3.9.2 MUST (entry-checks): a bad entry does not spoil the others.
    #[test]
    fn a_bad_entry_between_good_ones() {
        let good = |third| message(2, 2, [third, "255.255.255.0", "0.0.0.0"], 1)[4..].to_vec();
        let bad = [
            message(2, 3, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 1),
            message(2, 2, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 0),
            message(2, 2, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 17),
            message(2, 2, ["127.0.0.0", "255.0.0.0", "0.0.0.0"], 1),
            message(2, 2, ["10.0.0.0", "255.0.255.0", "0.0.0.0"], 1),
            message(2, 2, ["10.0.0.0", "255.0.0.0", "192.0.2.1"], 1),
            message(2, 2, ["10.0.0.0", "255.0.0.0", "224.0.0.9"], 1),
            message(2, 0xffff, ["10.0.0.0", "255.0.0.0", "0.0.0.0"], 1),
        ];
        let addresses = [interface("192.0.2.1", 24)];
        for bad in &bad {
            let octets = [
                &[2, 2, 0, 0],
                &good("10.1.1.0")[..],
                &bad[4..],
                &good("10.1.2.0"),
            ]
            .concat();
            let parsed = RipMessage::parse(&octets).unwrap();
            let verdicts: Vec<_> = parsed
                .routes(&addresses)
                .map(|route| route.is_ok())
                .collect();
            assert_eq!(verdicts, [true, false, true]);
        }
    }
}

mod section_4_1_authentication {
    use super::*;

    // RFC 2453 §4.1 MUST (first-entry): authentication stands first, or nowhere.
    #[test]
    fn elsewhere_than_first() {
        let route = "0002 0000 0a000000 ff000000 00000000 00000001";
        let password = "ffff 0002 61626300 00000000 00000000 00000000";
        let octets = octets(&format!("02 02 0000 {route} {password} {route}"));
        let parsed = RipMessage::parse(&octets).unwrap();
        assert!(parsed.authentication().is_none());
        let verdicts: Vec<_> = parsed.routes(&[]).map(|route| route.err()).collect();
        let refused = Some(EntryError::AuthenticationNotFirst);
        assert_eq!(verdicts, [None, refused, None]);
        // Twice: the first is authentication, the second is not.
        let octets = super::octets(&format!("02 02 0000 {password} {password} {route}"));
        let parsed = RipMessage::parse(&octets).unwrap();
        assert!(parsed.authentication().is_some());
        let verdicts: Vec<_> = parsed.routes(&[]).map(|route| route.err()).collect();
        assert_eq!(verdicts, [refused, None]);
    }
}

mod section_4_2_route_tag {
    use super::*;

    // RFC 2453 §4.2 MUST (kept): a tag is handed on as it is.
    #[test]
    fn tags() {
        let octets = octets("02 02 0000  0002 abcd 0a000000 ff000000 00000000 00000001");
        let parsed = RipMessage::parse(&octets).unwrap();
        assert_eq!(
            parsed.routes(&[]).next().unwrap().unwrap().route_tag,
            0xabcd
        );
    }
}

mod section_4_3_subnet_mask {
    use super::*;

    // RFC 2453 §4.3 MUST (no-mask): a mask of zero is none, and the class decides.
    #[test]
    fn no_mask() {
        let to = |address| judge(address, "0.0.0.0", "0.0.0.0", 1).unwrap();
        assert_eq!(to("10.0.0.0").prefix, "10.0.0.0/8".parse().unwrap());
        assert_eq!(to("10.1.0.0").prefix, "10.1.0.0/32".parse().unwrap());
        assert_eq!(to("172.16.0.0").prefix, "172.16.0.0/16".parse().unwrap());
        assert!(!to("10.1.0.0").host_bits);
    }

    #[test]
    fn masks_with_holes() {
        for mask in ["255.255.0.255", "0.0.0.1", "128.0.0.1", "254.255.0.0"] {
            let refused = EntryError::SubnetMask(v4(mask).to_bits());
            assert_eq!(
                judge("100.64.0.25", mask, "0.0.0.0", 1),
                Err(refused),
                "{mask}"
            );
        }
        for length in 1..=32 {
            // Its first bit is set, so that no mask leaves network 0 of it.
            let prefix = packet_buffer::wire::Ipv4Prefix::new(v4("164.64.0.25"), length).unwrap();
            let mask = prefix.netmask().to_string();
            let route = judge("164.64.0.25", &mask, "0.0.0.0", 1).unwrap();
            assert_eq!(route.prefix, prefix);
        }
    }

    // RFC 2453 §4.3 MUST (applied): the mask yields the part that is not the host's.
    #[test]
    fn bits_behind_the_mask_are_cleared_and_told() {
        let route = judge("10.1.2.3", "255.255.0.0", "0.0.0.0", 1).unwrap();
        assert_eq!(route.prefix, "10.1.0.0/16".parse().unwrap());
        assert!(route.host_bits);
        assert!(
            !judge("10.1.0.0", "255.255.0.0", "0.0.0.0", 1)
                .unwrap()
                .host_bits
        );
    }
}

mod section_4_4_next_hop {
    use super::*;

    fn next_hop(next_hop: &str) -> Result<NextHop, EntryError> {
        judge("10.0.0.0", "255.0.0.0", next_hop, 1).map(|route| route.next_hop)
    }

    // RFC 2453 §4.4 SHOULD (off-link): as if it were 0.0.0.0.
    #[test]
    fn on_the_link_or_the_sender() {
        assert_eq!(next_hop("0.0.0.0"), Ok(NextHop::Sender));
        assert_eq!(next_hop("192.0.2.7"), Ok(NextHop::Router(v4("192.0.2.7"))));
        assert_eq!(next_hop("198.51.100.7"), Ok(NextHop::OffLink));
        assert_eq!(NextHop::OffLink.router(), None);
    }

    #[test]
    fn what_no_router_has_for_an_address() {
        assert_eq!(next_hop("192.0.2.1"), Err(EntryError::NextHopSelf));
        let martians = [
            "127.0.0.1",
            "224.0.0.9",
            "240.0.0.1",
            "255.255.255.255",
            "0.0.0.1",
            "192.0.2.0",
            "192.0.2.255",
        ];
        for martian in martians {
            let refused = Err(EntryError::NextHopMartian);
            assert_eq!(next_hop(martian), refused, "{martian}");
        }
        // A /31 has no broadcast address (RFC 3021).
        let pair = [interface("192.0.2.1", 31)];
        let judged = NextHop::judge(v4("192.0.2.0"), &pair);
        assert_eq!(judged, Ok(NextHop::Router(v4("192.0.2.0"))));
    }
}

mod section_5_compatibility {
    use super::*;

    // RFC 2453 §5 MUST (version-1): checked in version 1, and in no later one.
    #[test]
    fn later_versions_are_read_as_version_2() {
        for version in [3, 4, 255] {
            let mut octets = message(version, 2, ["10.1.0.0", "255.255.0.0", "192.0.2.9"], 3);
            octets[2..4].copy_from_slice(&[0xab, 0xcd]);
            let parsed = RipMessage::parse(&octets).unwrap();
            assert_eq!((parsed.check(25), parsed.must_be_zero()), (Ok(()), 0xabcd));
            let addresses = [interface("192.0.2.1", 24)];
            let route = parsed.routes(&addresses).next().unwrap().unwrap();
            assert_eq!(route.prefix, "10.1.0.0/16".parse().unwrap());
            assert_eq!(route.next_hop.router(), Some(v4("192.0.2.9")));
        }
    }
}
