//! Multicast Listener Discovery (RFC 3810 §5, §6.2, §8.1; RFC 2710 §3).

use crate::support::{address, icmpv6, octets, packet, pseudo_header};
use core::net::Ipv6Addr;
use icmp_nd::validation::{self, MldError};
use icmp_nd::wire::{
    MldMessage, MldQuery, MldQueryV2Repr, MldRepr, MulticastAddressRecordRepr, MulticastRecordType,
    encode_max_response, encode_query_interval,
};
use icmp_nd::{EmitError, PacketBuf, ParseError};
use packet_buffer::wire::{Icmpv6Message, IpProtocol, Ipv6Packet, Ipv6Repr};

/// `repr` is exactly the packet of that name, in both directions.
#[track_caller]
fn assert_both_ways(name: &str, repr: &MldRepr<'_>) {
    let expected = packet(name);
    let ip = Ipv6Packet::parse(&expected).unwrap();
    let message = MldMessage::parse(icmpv6(&expected)).unwrap();
    assert_eq!(message.to_repr(), *repr);
    assert_eq!(message.message_type(), repr.message_type());
    let mut written = PacketBuf::with_headroom(64);
    repr.emit_packet(&mut written, ip.source(), ip.destination())
        .unwrap();
    assert_eq!(written.as_slice(), expected, "{name}");
    let upper = ip.upper_layer().unwrap();
    let valid = validation::mld(&ip, &upper).unwrap();
    assert_eq!(valid.message().to_repr(), *repr);
    assert_eq!(
        (valid.source(), valid.destination()),
        (ip.source(), ip.destination())
    );
}

mod section_5 {
    use super::*;

    // RFC 3810 §5 MUST (router-alert): the vectors have it, and equal what is written.
    #[test]
    fn version_1() {
        let group = address("ff02::1:ff00:1");
        assert_both_ways(
            "mld-query-v1",
            &MldRepr::QueryV1 {
                max_response_delay: 10_000,
                group: Ipv6Addr::UNSPECIFIED,
            },
        );
        assert_both_ways("mld-report-v1", &MldRepr::Report { group });
        assert_both_ways("mld-done", &MldRepr::Done { group });
    }

    #[test]
    fn queries_of_version_2() {
        let general = MldQueryV2Repr::general(10_000, 2, 125);
        assert_both_ways("mld-query-v2", &MldRepr::QueryV2(general));
        let sources = [address("2001:db8::1"), address("2001:db8::2")];
        let repr = MldRepr::QueryV2(MldQueryV2Repr {
            max_response_code: 0x8765,
            group: address("ff3e::8000:1"),
            suppress_router_processing: true,
            robustness: 2,
            query_interval_code: 0x8f,
            sources: sources[..].into(),
        });
        assert_both_ways("mld-query-v2-sources", &repr);
        let packet = packet("mld-query-v2-sources");
        let query = MldQuery::parse(icmpv6(&packet)).unwrap();
        assert_eq!(query.version(), 2);
        assert_eq!(query.max_response_delay(), (0x765 | 0x1000) << 3);
        assert_eq!(query.query_interval(), Some((0xf | 0x10) << 3));
        assert!(query.suppresses_router_processing());
        assert_eq!(query.sources().len(), 2);
    }

    #[test]
    fn reports_of_version_2() {
        let sources = [address("2001:db8::1"), address("2001:db8::2")];
        let other = [address("2001:db8::3")];
        let records = [
            MulticastAddressRecordRepr::new(
                MulticastRecordType::CHANGE_TO_EXCLUDE_MODE,
                address("ff02::1:ff00:1"),
                &[],
            ),
            MulticastAddressRecordRepr {
                auxiliary: octets("aabbccdd").into(),
                ..MulticastAddressRecordRepr::new(
                    MulticastRecordType::MODE_IS_INCLUDE,
                    address("ff3e::8000:1"),
                    &sources,
                )
            },
            // A type that nobody knows yet.
            MulticastAddressRecordRepr::new(MulticastRecordType(9), address("ff02::9"), &other),
        ];
        let records = records.to_vec();
        assert_both_ways("mld-report-v2", &MldRepr::ReportV2 { records });
        let packet = packet("mld-report-v2");
        let Ok(MldMessage::ReportV2(report)) = MldMessage::parse(icmpv6(&packet)) else {
            panic!("it is a report");
        };
        assert_eq!(report.record_count(), 3);
        let auxiliary: Vec<_> = report.records().map(|r| r.auxiliary().len()).collect();
        assert_eq!(auxiliary, [0, 4, 0]);
    }

    #[test]
    fn a_record_that_is_cut_spoils_the_report() {
        let packet = packet("mld-report-v2");
        let message = icmpv6(&packet);
        for length in 0..message.len() {
            let error = MldMessage::parse(&message[..length]).unwrap_err();
            assert!(error.is_truncated(), "{length}: {error}");
        }
        // More behind the records is ignored.
        let mut longer = message.to_vec();
        longer.extend([1, 2, 3]);
        let read = MldMessage::parse(&longer).unwrap();
        assert_eq!(
            read.to_repr(),
            MldMessage::parse(message).unwrap().to_repr()
        );
    }

    #[test]
    fn what_cannot_be_is_not_written() {
        let packet = packet("mld-query-v2");
        let pseudo_header = pseudo_header(&packet);
        let refused = |repr: &MldRepr<'_>, held: usize, expected: EmitError| {
            let payload = vec![0x5a; held];
            let mut packet = PacketBuf::from(&payload[..]);
            assert_eq!(repr.emit(&mut packet, &pseudo_header), Err(expected));
            assert_eq!(packet.as_slice(), payload);
        };
        let bad = |what, value| EmitError::BadValue { what, value };
        refused(
            &MldRepr::QueryV2(MldQueryV2Repr::general(1, 8, 1)),
            0,
            bad("MLD robustness variable", 8),
        );
        let v1 = MldRepr::QueryV1 {
            max_response_delay: 1,
            group: Ipv6Addr::UNSPECIFIED,
        };
        refused(&v1, 4, bad("additional data behind an MLDv1 query", 4));
        let with_auxiliary = |length: usize| {
            let record = MulticastAddressRecordRepr {
                auxiliary: vec![0; length].into(),
                ..MulticastAddressRecordRepr::new(MulticastRecordType(1), address("ff02::9"), &[])
            };
            MldRepr::ReportV2 {
                records: vec![record],
            }
        };
        let what = "MLD auxiliary data";
        let unaligned = EmitError::Unaligned {
            what,
            length: 3,
            multiple: 4,
        };
        refused(&with_auxiliary(3), 0, unaligned);
        let too_long = EmitError::TooLong {
            what,
            length: 1024,
            limit: 1020,
        };
        refused(&with_auxiliary(1024), 0, too_long);
        let too_long = EmitError::TooLong {
            what: "MLD message",
            length: 65_536,
            limit: 65_535,
        };
        refused(&with_auxiliary(0), 65_508, too_long);
        let mut packet = PacketBuf::from_slice(0, &[0; 65_500]);
        let destination = address("ff02::16");
        let source = address("fe80::1");
        let result = with_auxiliary(0).emit_packet(&mut packet, source, destination);
        assert!(matches!(result, Err(EmitError::TooLong { .. })));
        assert_eq!(packet.len(), 65_500);
    }
}

mod section_5_1_3 {
    use super::*;

    // RFC 3810 §5.1.3 MUST (code): short times are themselves, long ones have an exponent.
    // RFC 3810 §5.1.9 MUST (code): likewise, in one octet.
    #[test]
    fn times() {
        assert_eq!(encode_max_response(10_000), 10_000);
        assert_eq!(encode_max_response(0x7fff), 0x7fff);
        assert_eq!(encode_max_response(0x8000), 0x8000);
        assert_eq!(encode_max_response(0x8007), 0x8000);
        assert_eq!(encode_max_response(0x8008), 0x8001);
        assert_eq!(encode_query_interval(125), 125);
        assert_eq!(encode_query_interval(128), 0x80);
        assert_eq!(encode_query_interval(600), 0xa2);
    }
}

/// The hop-by-hop header that follows an IPv6 header, changed, and the hop limit and source.
fn changed(
    name: &str,
    source: &str,
    hop_limit: u8,
    hop_by_hop: Option<&str>,
) -> Result<(), MldError> {
    let packet = packet(name);
    let ip = Ipv6Packet::parse(&packet).unwrap();
    let message = MldMessage::parse(icmpv6(&packet)).unwrap().to_repr();
    let next_header = match hop_by_hop {
        Some(_) => IpProtocol::HOP_BY_HOP,
        None => IpProtocol::ICMPV6,
    };
    let ip = Ipv6Repr {
        hop_limit,
        ..Ipv6Repr::new(address(source), ip.destination(), next_header)
    };
    let mut written = PacketBuf::with_headroom(64);
    message.emit(&mut written, &ip.pseudo_header()).unwrap();
    if let Some(text) = hop_by_hop {
        written.prepend_slice(&octets(text));
    }
    ip.emit(&mut written).unwrap();
    let ip = Ipv6Packet::parse(written.as_slice()).unwrap();
    let upper = ip.upper_layer().unwrap();
    validation::mld(&ip, &upper).map(|_| ())
}

const ALERT: Option<&str> = Some("3a00 0502 0000 0100");
const ALL: [&str; 6] = [
    "mld-query-v1",
    "mld-report-v1",
    "mld-done",
    "mld-query-v2",
    "mld-query-v2-sources",
    "mld-report-v2",
];

mod section_6_2 {
    use super::*;

    // RFC 3810 §6.2 MUST (hop-limit): each other is refused.
    // RFC 3810 §6.2 MUST (router-alert): no hop-by-hop header, or one without it, is refused.
    #[test]
    fn hop_limit_and_router_alert() {
        for name in ALL {
            assert_eq!(changed(name, "fe80::7", 1, ALERT), Ok(()));
            for hop_limit in [0, 2, 64, 255] {
                let expected = Err(MldError::HopLimit(hop_limit));
                assert_eq!(changed(name, "fe80::7", hop_limit, ALERT), expected);
            }
            let expected = Err(MldError::NoRouterAlert);
            assert_eq!(changed(name, "fe80::7", 1, None), expected);
            let padding = Some("3a00 0104 00000000");
            assert_eq!(changed(name, "fe80::7", 1, padding), expected);
        }
    }

    // RFC 3810 §6.2 MUST (source): a query from another than a link-local address is refused.
    // RFC 3810 §5.2.13 MUST (source): a report may come from the unspecified address.
    #[test]
    fn source() {
        for name in ALL {
            let is_query = name.contains("query");
            let expected = MldError::SourceNotLinkLocal(address("2001:db8::7"));
            assert_eq!(changed(name, "2001:db8::7", 1, ALERT), Err(expected));
            let expected = if is_query {
                Err(MldError::SourceNotLinkLocal(Ipv6Addr::UNSPECIFIED))
            } else {
                Ok(())
            };
            assert_eq!(changed(name, "::", 1, ALERT), expected, "{name}");
        }
    }

    #[test]
    fn checksum_and_group() {
        for name in ALL {
            let mut packet = packet(name);
            let last = packet.len() - 1;
            packet[last] ^= 1;
            let ip = Ipv6Packet::parse(&packet).unwrap();
            let upper = ip.upper_layer().unwrap();
            let found = Icmpv6Message::parse(upper.payload).unwrap().checksum();
            let error = validation::mld(&ip, &upper).unwrap_err();
            assert_eq!(error, MldError::Checksum(found), "{name}");
        }
        let group = address("2001:db8::1");
        for repr in [MldRepr::Report { group }, MldRepr::Done { group }] {
            let mut packet = PacketBuf::with_headroom(64);
            repr.emit_packet(&mut packet, address("fe80::7"), address("ff02::2"))
                .unwrap();
            let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
            let error = validation::mld(&ip, &ip.upper_layer().unwrap()).unwrap_err();
            assert_eq!(error, MldError::Group(group));
        }
    }

    #[test]
    fn other_packets_are_not_mld() {
        let packet = packet("nd-neighbor-solicitation");
        let ip = Ipv6Packet::parse(&packet).unwrap();
        let error = validation::mld(&ip, &ip.upper_layer().unwrap()).unwrap_err();
        assert_eq!(error, MldError::NotMld);
    }
}

mod section_8_1 {
    use super::*;

    // RFC 3810 §8.1 MUST (versions): the length alone tells the version.
    #[test]
    fn the_length_tells_the_version() {
        let packet = packet("mld-query-v2");
        let message = icmpv6(&packet);
        assert_eq!(MldQuery::parse(&message[..24]).unwrap().version(), 1);
        for length in 25..28 {
            let expected = ParseError::bad_length("MLD query", 0, length);
            assert_eq!(MldQuery::parse(&message[..length]).unwrap_err(), expected);
        }
        assert_eq!(MldQuery::parse(message).unwrap().version(), 2);
        // In version 1 the field is the time, whatever it is.
        let mut long = message[..24].to_vec();
        long[4..6].copy_from_slice(&[0xff, 0xff]);
        let query = MldQuery::parse(&long).unwrap();
        assert_eq!(query.max_response_delay(), 0xffff);
        assert_eq!((query.query_interval(), query.robustness()), (None, 0));
    }
}
