//! RIPng (RFC 2080): its messages and the tests on them.

use super::*;
use packet_buffer::wire::Ipv6Prefix;
use packet_buffer::{EmitError, PacketBuf, ParseError, ParseErrorKind};
use rip::wire::datagram::{DatagramError, check_hop_limit, check_ipv6_source, check_response_port};
use rip::wire::{
    Command, MessageError, RIPNG_PORT, RequestKind, RipngEntryRepr, RipngMessage, RipngMessageRepr,
    RipngRoute, RipngWriter, ripng_entries_for_mtu,
};

fn entry(prefix: &str, length: u8, metric: u8) -> RipngEntryRepr {
    RipngEntryRepr {
        prefix: v6(prefix),
        route_tag: 0,
        prefix_length: length,
        metric,
    }
}

fn response(entries: &[RipngEntryRepr]) -> Vec<u8> {
    let mut octets = vec![2, 1, 0, 0];
    entries
        .iter()
        .for_each(|entry| octets.extend(entry.octets()));
    octets
}

fn routes(entries: &[RipngEntryRepr]) -> Vec<Result<RipngRoute, EntryError>> {
    let octets = response(entries);
    RipngMessage::parse(&octets).unwrap().routes().collect()
}

fn judge(prefix: &str, length: u8, metric: u8) -> Result<RipngRoute, EntryError> {
    routes(&[entry(prefix, length, metric)])[0]
}

fn prefix(text: &str) -> Ipv6Prefix {
    text.parse().unwrap()
}

mod section_2_1_message_format {
    use super::*;

    #[test]
    fn every_field() {
        let octets = octets(
            "02 01 0000
             20010db8 10000000 00000000 00000000 1234 40 05",
        );
        let message = RipngMessage::parse(&octets).unwrap();
        assert_eq!(
            (message.command(), message.version()),
            (Command::RESPONSE, 1)
        );
        assert_eq!((message.must_be_zero(), message.entry_count()), (0, 1));
        let entry = message.entries().next().unwrap();
        assert_eq!(entry.prefix(), v6("2001:db8:1000::"));
        assert_eq!(
            (entry.route_tag(), entry.prefix_length(), entry.metric()),
            (0x1234, 64, 5)
        );
        assert!(!entry.is_next_hop());
        assert_eq!(entry.to_repr().octets(), octets[4..]);
        let route = message.routes().next().unwrap().unwrap();
        assert_eq!(route.prefix, prefix("2001:db8:1000::/64"));
        assert_eq!((route.metric, route.route_tag), (5, 0x1234));
        assert_eq!((route.next_hop, route.host_bits), (None, false));
    }

    // RFC 2080 §2.1 MUST (version): 1 and no other.
    #[test]
    fn versions_and_commands() {
        let mut octets = response(&[entry("2001:db8::", 32, 1)]);
        for version in 0..=u8::MAX {
            octets[1] = version;
            let expected = match version {
                1 => Ok(()),
                other => Err(MessageError::Version(other)),
            };
            assert_eq!(RipngMessage::parse(&octets).unwrap().check(), expected);
        }
        octets[1] = 1;
        for command in 0..=u8::MAX {
            octets[0] = command;
            let expected = match command {
                1 | 2 => Ok(()),
                other => Err(MessageError::Command(Command(other))),
            };
            assert_eq!(RipngMessage::parse(&octets).unwrap().check(), expected);
        }
    }

    #[test]
    fn every_length_that_is_not_whole_entries() {
        let octets = response(&[entry("2001:db8::", 32, 1); 4]);
        for length in 0..=octets.len() {
            match RipngMessage::parse(&octets[..length]) {
                Ok(message) => assert_eq!(length, 4 + 20 * message.entry_count()),
                Err(error) if length < 4 => {
                    assert_eq!(error, ParseError::truncated("RIPng header", 0, 4, length));
                }
                Err(error) => {
                    assert_ne!((length - 4) % 20, 0);
                    assert_eq!(error.kind, ParseErrorKind::BadLength { length });
                }
            }
        }
    }

    // RFC 2080 §2.1 MUST (mtu): as many entries as fit behind the headers.
    #[test]
    fn entries_for_an_mtu() {
        let table = [
            (0, 0),
            (52, 0),
            (71, 0),
            (72, 1),
            (1280, 61),
            (1500, 72),
            (9000, 447),
        ];
        for (mtu, entries) in table {
            assert_eq!(ripng_entries_for_mtu(mtu), entries, "{mtu}");
            assert!(mtu < 52 || 52 + entries * 20 <= mtu);
        }
        let mut packet = PacketBuf::with_headroom(64);
        let mut writer = RipngWriter::new(&mut packet, ripng_entries_for_mtu(1500));
        while writer.push(&entry("2001:db8::", 32, 1), None) {}
        assert!(writer.is_full() && writer.len() == 72);
        RipngMessageRepr::new(Command::RESPONSE)
            .emit(&mut packet)
            .unwrap();
        assert_eq!(packet.len(), 1444);
    }

    #[test]
    fn commands_of_demand_circuits_are_not_ripngs() {
        let mut packet = PacketBuf::new();
        let error = RipngMessageRepr::new(Command::UPDATE_RESPONSE).emit(&mut packet);
        assert!(matches!(error, Err(EmitError::BadValue { value: 10, .. })));
        assert!(packet.is_empty());
    }
}

mod section_2_1_1_next_hop {
    use super::*;

    fn hops(entries: &[RipngEntryRepr]) -> Vec<Result<Option<Ipv6Addr>, EntryError>> {
        routes(entries)
            .into_iter()
            .map(|route| route.map(|route| route.next_hop))
            .collect()
    }

    // RFC 2080 §2.1.1 MUST (next-hop): for all entries behind it, until the next one.
    #[test]
    fn a_next_hop_holds_until_the_next_one() {
        let route = entry("2001:db8::", 32, 1);
        let (a, b) = (v6("fe80::a"), v6("fe80::b"));
        let entries = [
            route,
            RipngEntryRepr::next_hop(a),
            route,
            route,
            RipngEntryRepr::next_hop(b),
            route,
            RipngEntryRepr::next_hop(Ipv6Addr::UNSPECIFIED),
            route,
            RipngEntryRepr::next_hop(a),
        ];
        let expected = [Ok(None), Ok(Some(a)), Ok(Some(a)), Ok(Some(b)), Ok(None)];
        assert_eq!(hops(&entries), expected);
    }

    #[test]
    fn what_is_not_link_local_is_the_sender() {
        let route = entry("2001:db8::", 32, 1);
        for other in [
            "2001:db8::1",
            "ff02::9",
            "::1",
            "fec0::1",
            "::ffff:192.0.2.1",
        ] {
            let entries = [
                RipngEntryRepr::next_hop(v6("fe80::a")),
                RipngEntryRepr::next_hop(v6(other)),
                route,
            ];
            let expected = [Err(EntryError::NextHopNotLinkLocal), Ok(None)];
            assert_eq!(
                hops(&entries),
                expected,
                "{other}: the old one must not stay"
            );
        }
        // All of fe80::/10.
        let entries = [RipngEntryRepr::next_hop(v6("febf::1")), route];
        assert_eq!(hops(&entries), [Ok(Some(v6("febf::1")))]);
    }

    // RFC 2080 §2.1.1 MUST (ignored): tag and length of a next hop.
    #[test]
    fn tag_and_length_of_a_next_hop_mean_nothing() {
        let hop = RipngEntryRepr {
            route_tag: 0xffff,
            prefix_length: 200,
            ..RipngEntryRepr::next_hop(v6("fe80::a"))
        };
        let entries = [hop, entry("2001:db8::", 32, 1)];
        assert_eq!(hops(&entries), [Ok(Some(v6("fe80::a")))]);
    }

    #[test]
    fn a_bad_entry_keeps_the_next_hop_of_the_others() {
        let entries = [
            RipngEntryRepr::next_hop(v6("fe80::a")),
            entry("ff00::", 8, 1),
            entry("2001:db8::", 32, 1),
        ];
        let expected = [Err(EntryError::Multicast), Ok(Some(v6("fe80::a")))];
        assert_eq!(hops(&entries), expected);
    }

    // RFC 2080 §2.1.1 MUST (next-hop-written): zero tag and length, and only where it changes.
    #[test]
    fn the_writer_puts_next_hops_where_they_change() {
        let route = entry("2001:db8::", 32, 1);
        let (a, b) = (Some(v6("fe80::a")), Some(v6("fe80::b")));
        let mut packet = PacketBuf::with_headroom(64);
        let mut writer = RipngWriter::new(&mut packet, 9);
        let pushed = [None, a, a, b, None].map(|hop| writer.push(&route, hop));
        assert_eq!((pushed, writer.len()), ([true; 5], 8));
        assert!(
            !writer.push(&route, a),
            "room for one is not room for a next hop and a route"
        );
        assert!(writer.push(&route, None) && writer.is_full());
        RipngMessageRepr::new(Command::RESPONSE)
            .emit(&mut packet)
            .unwrap();
        let message = RipngMessage::parse(packet.as_slice()).unwrap();
        let hops: Vec<_> = message
            .routes()
            .map(|route| route.unwrap().next_hop)
            .collect();
        assert_eq!(hops, [None, a, a, b, None, None]);
        let marker = message.entries().find(|entry| entry.is_next_hop()).unwrap();
        assert_eq!((marker.route_tag(), marker.prefix_length()), (0, 0));
    }
}

mod section_2_4_1_request_messages {
    use super::*;

    fn kind(entries: &[RipngEntryRepr]) -> RequestKind {
        let octets = response(entries);
        RipngMessage::parse(&octets).unwrap().request_kind()
    }

    // RFC 2080 §2.4.1 MUST (whole-table): one entry, ::/0, metric 16.
    #[test]
    fn the_whole_table_is_asked_for_in_one_way() {
        let all = RipngEntryRepr::WHOLE_TABLE;
        assert_eq!(all, entry("::", 0, 16));
        assert_eq!(kind(&[]), RequestKind::Nothing);
        assert_eq!(kind(&[all]), RequestKind::WholeTable);
        assert_eq!(kind(&[all, all]), RequestKind::Entries);
        for other in [entry("::", 0, 1), entry("::", 1, 16), entry("::1", 0, 16)] {
            assert_eq!(kind(&[other]), RequestKind::Entries);
        }
    }
}

mod section_2_4_2_response_messages {
    use super::*;

    // RFC 2080 §2.4.2 MUST (port): a response comes from port 521.
    #[test]
    fn the_port() {
        assert_eq!(check_response_port(521, RIPNG_PORT), Ok(()));
        let refused = Err(DatagramError::SourcePort(520));
        assert_eq!(check_response_port(520, RIPNG_PORT), refused);
    }

    // RFC 2080 §2.4.2 MUST (source): link-local, and not the receiver's own.
    #[test]
    fn the_source() {
        let own = [v6("fe80::1"), v6("2001:db8::1")];
        let check = |source| check_ipv6_source(v6(source), own);
        assert_eq!(check("fe80::2"), Ok(()));
        assert_eq!(check("fe80::1"), Err(DatagramError::SourceOwn));
        for other in [
            "2001:db8::1",
            "2001:db8::2",
            "::",
            "::1",
            "ff02::9",
            "fec0::2",
        ] {
            assert_eq!(
                check(other),
                Err(DatagramError::SourceNotLinkLocal),
                "{other}"
            );
        }
    }

    // RFC 2080 §2.4.2 MUST (hop-limit): 255, or a router was in between.
    #[test]
    fn the_hop_limit() {
        assert_eq!(check_hop_limit(255, 255), Ok(()));
        assert!(check_hop_limit(254, 255).is_err());
    }

    // RFC 2080 §2.4.2 MUST (prefix): no multicast, no link-local, no length above 128.
    #[test]
    fn prefixes() {
        let to = |text, length| judge(text, length, 1).map(|route| route.prefix);
        assert_eq!(to("2001:db8::", 32), Ok(prefix("2001:db8::/32")));
        assert_eq!(to("2001:db8::1", 128), Ok(prefix("2001:db8::1/128")));
        assert_eq!(to("::", 0), Ok(Ipv6Prefix::ALL));
        assert_eq!(to("fc00::", 7), Ok(prefix("fc00::/7")));
        for length in [129, 200, 255] {
            assert_eq!(
                to("2001:db8::", length),
                Err(EntryError::PrefixLength(length))
            );
        }
        assert_eq!(to("ff02::9", 128), Err(EntryError::Multicast));
        assert_eq!(to("ff00::", 8), Err(EntryError::Multicast));
        assert_eq!(to("fe80::", 10), Err(EntryError::LinkLocal));
        assert_eq!(to("fe80::1", 128), Err(EntryError::LinkLocal));
        assert_eq!(to("::1", 128), Err(EntryError::Loopback));
        assert_eq!(to("2001:db8::", 0), Err(EntryError::DefaultWithAddress));
        assert_eq!(to("ff02::9", 0), Err(EntryError::DefaultWithAddress));
    }

    #[test]
    fn bits_behind_the_length_are_cleared_and_told() {
        let route = judge("2001:db8:1:2::3", 48, 1).unwrap();
        assert_eq!(route.prefix, prefix("2001:db8:1::/48"));
        assert!(route.host_bits);
    }

    // RFC 2080 §2.4.2 MUST (metric): from 1 to 16.
    #[test]
    fn metrics() {
        for metric in 0..=254 {
            let expected = match metric {
                0 => Err(EntryError::MetricZero),
                1..=16 => Ok(metric),
                _ => Err(EntryError::MetricTooLarge(u32::from(metric))),
            };
            let found = judge("2001:db8::", 32, metric).map(|route| route.metric);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_bad_entry_between_good_ones() {
        let good = entry("2001:db8::", 32, 1);
        let bad = [
            entry("ff02::", 16, 1),
            entry("fe80::", 64, 1),
            entry("2001:db8::", 129, 1),
            entry("2001:db8::", 32, 0),
            entry("2001:db8::", 32, 17),
            entry("::1", 128, 1),
        ];
        for bad in bad {
            let verdicts: Vec<_> = routes(&[good, bad, good])
                .iter()
                .map(Result::is_ok)
                .collect();
            assert_eq!(verdicts, [true, false, true], "{bad:?}");
        }
    }
}
