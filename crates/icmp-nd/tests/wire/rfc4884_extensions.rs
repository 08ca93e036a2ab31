//! Multi-part ICMP messages (RFC 4884), and the MPLS label stack object (RFC 4950).

use crate::support::{icmpv6, octets, packet};
use icmp_nd::wire::{
    ExtensionClass, ExtensionError, ExtensionObject, ExtensionObjectRepr, ExtensionPart,
    IcmpExtensions, Icmpv4Error, Icmpv6Error, MplsLabelStackEntry, RawObject, emit_extensions,
    emit_quote_v4, emit_quote_v6,
};
use icmp_nd::{EmitError, PacketBuf, ParseError, ParseErrorKind};
use packet_buffer::wire::{Icmpv4Message, Icmpv4Repr, Icmpv6Message, Ipv4Packet, icmpv4_code};

fn v4(packet: &[u8]) -> Result<Icmpv4Error<'_>, ParseError> {
    let ip = Ipv4Packet::parse(packet).unwrap();
    Icmpv4Error::parse(Icmpv4Message::parse(ip.payload()).unwrap())
}

fn v6(packet: &[u8]) -> Result<Icmpv6Error<'_>, ParseError> {
    Icmpv6Error::parse(Icmpv6Message::parse(icmpv6(packet)).unwrap())
}

const LABELS: [MplsLabelStackEntry; 2] = [
    MplsLabelStackEntry {
        label: 16_001,
        traffic_class: 2,
        bottom_of_stack: false,
        ttl: 254,
    },
    MplsLabelStackEntry {
        label: 24,
        traffic_class: 0,
        bottom_of_stack: true,
        ttl: 1,
    },
];

fn labels() -> ExtensionObjectRepr<'static> {
    ExtensionObjectRepr::MplsLabelStack(LABELS[..].into())
}

mod section_3 {
    use super::*;

    // RFC 4884 §3 MUST (least-quote): a short packet gets zeroes up to 128 octets.
    // RFC 4884 §3 MUST (padding): a longer one up to four octets, in ICMPv6 up to eight.
    #[test]
    fn quotes_are_padded() {
        for (length, padded_v4, padded_v6) in [
            (28, 128, 128),
            (127, 128, 128),
            (128, 128, 128),
            (129, 132, 136),
            (133, 136, 136),
            (137, 140, 144),
        ] {
            let original = vec![0x45; length];
            for (unit, padded) in [(4, padded_v4), (8, padded_v6)] {
                let mut packet = PacketBuf::new();
                let emit = if unit == 4 {
                    emit_quote_v4
                } else {
                    emit_quote_v6
                };
                let words = emit(&original, 548, &[labels()], &mut packet).unwrap();
                assert_eq!(usize::from(words) * unit, padded, "{length}");
                assert_eq!(packet.as_slice()[..length], original);
                assert!(packet.as_slice()[length..padded].iter().all(|&o| o == 0));
                let extensions = IcmpExtensions::parse(&packet.as_slice()[padded..], 0).unwrap();
                assert!(extensions.mpls().unwrap().entries().eq(LABELS));
            }
        }
    }

    #[test]
    fn quotes_are_cut_to_the_limit() {
        let original = vec![0x45; 1500];
        let mut packet = PacketBuf::new();
        assert_eq!(emit_quote_v4(&original, 548, &[], &mut packet), Ok(0));
        assert_eq!(packet.as_slice(), &original[..548]);
        let mut packet = PacketBuf::new();
        let words = emit_quote_v4(&original, 548, &[labels()], &mut packet).unwrap();
        // 16 octets of extensions, and 532 of the packet.
        assert_eq!((words, packet.len()), (133, 548));
        let mut packet = PacketBuf::new();
        let words = emit_quote_v6(&original, 1232, &[labels()], &mut packet).unwrap();
        assert_eq!((words, packet.len()), (152, 1232));
        // The length field ends at 255 words.
        let original = vec![0x45; 9000];
        let mut packet = PacketBuf::new();
        let words = emit_quote_v4(&original, 9000, &[labels()], &mut packet).unwrap();
        assert_eq!((words, packet.len()), (255, 1020 + 16));
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let mut packet = PacketBuf::new();
        let result = emit_quote_v4(&[0x45; 20], 143, &[labels()], &mut packet);
        assert_eq!(
            result,
            Err(EmitError::TooLong {
                what: "ICMP extensions behind a quoted packet",
                length: 144,
                limit: 143
            })
        );
        assert!(packet.is_empty());
        emit_quote_v4(&[0x45; 20], 144, &[labels()], &mut packet).unwrap();
        let before = packet.clone();
        let result = emit_quote_v4(&[0x45; 20], 144, &[labels()], &mut packet);
        assert!(matches!(result, Err(EmitError::BadValue { .. })));
        assert_eq!(packet, before);
    }

    /// A whole error, as a router writes it.
    #[test]
    fn time_exceeded_with_labels() {
        let packet = packet("icmpv4-time-exceeded-mpls");
        let ip = Ipv4Packet::parse(&packet).unwrap();
        let error = v4(&packet).unwrap();
        let original = error.quoted.as_slice();
        assert_eq!(original.len(), 32);
        let mut written = PacketBuf::with_headroom(64);
        let quoted_words = emit_quote_v4(original, 548, &[labels()], &mut written).unwrap();
        Icmpv4Repr::TimeExceeded {
            code: icmpv4_code::TimeExceeded::TRANSIT,
            quoted_words,
        }
        .emit(&mut written)
        .unwrap();
        assert_eq!(written.as_slice(), ip.payload());
    }
}

mod section_4 {
    use super::*;

    #[test]
    fn the_length_tells_where_extensions_start() {
        let packet = packet("icmpv4-unreachable-interfaces");
        let error = v4(&packet).unwrap();
        assert_eq!(error.quoted.total_length(), 130);
        assert_eq!(error.quoted.as_slice().len(), 130);
        let ExtensionPart::Present(extensions) = error.extensions else {
            panic!("{:?}", error.extensions);
        };
        assert_eq!(error.extensions.extensions(), Some(extensions));
        let objects: Vec<_> = extensions.iter().collect();
        assert_eq!(objects.len(), 4);
        assert_eq!(
            objects[3],
            ExtensionObject::Other(RawObject {
                class: ExtensionClass(200),
                c_type: 3,
                payload: &[1, 2, 3, 4]
            })
        );
        // Written again, the structure is the same.
        let reprs: Vec<_> = objects.iter().map(ExtensionObject::to_repr).collect();
        let mut written = PacketBuf::new();
        emit_extensions(&reprs, &mut written).unwrap();
        assert_eq!(written.as_slice(), error.message.extension_octets());
    }

    #[test]
    fn icmpv6_counts_eight_octets() {
        let packet = packet("icmpv6-time-exceeded-mpls");
        let error = v6(&packet).unwrap();
        let extensions = error.extensions.extensions().unwrap();
        assert!(extensions.mpls().unwrap().entries().eq(LABELS));
        assert_eq!(extensions.iter().count(), 2);
    }

    /// Extensions that cannot be read do not take the error with them.
    #[test]
    fn a_broken_structure_leaves_the_quoted_packet() {
        let packet = packet("icmpv4-unreachable-bad-extension");
        let error = v4(&packet).unwrap();
        assert_eq!(error.quoted.source().to_string(), "192.0.2.1");
        assert_eq!(
            error.extensions,
            ExtensionPart::Invalid(ParseError::bad_checksum(
                "ICMP extension structure",
                8 + 128 + 2,
                0xffff
            ))
        );
    }
}

mod section_5_5 {
    use super::*;

    // RFC 4884 §5.5 MUST (legacy): without a length, a structure behind 128 octets counts when its
    // version and checksum are right.
    #[test]
    fn senders_from_before() {
        let packet = packet("icmpv4-time-exceeded-mpls-legacy");
        let error = v4(&packet).unwrap();
        let ExtensionPart::Legacy(extensions) = error.extensions else {
            panic!("{:?}", error.extensions);
        };
        assert!(extensions.mpls().unwrap().entries().eq(LABELS));
        // In turn: another version, another checksum, none.
        let start = 20 + 8 + 128;
        for (at, octets) in [(0, [0x10, 0]), (2, [1, 2]), (2, [0, 0])] {
            let mut other = packet.clone();
            other[start + at..][..2].copy_from_slice(&octets);
            let error = v4(&other).unwrap();
            assert_eq!(error.extensions, ExtensionPart::None);
            assert_eq!(error.quoted.as_slice().len(), 32);
        }
    }
}

mod section_7 {
    use super::*;

    // RFC 4884 §7 MUST (version): others are not read. A checksum of zero says nothing.
    #[test]
    fn version_and_checksum() {
        let parse = |text: &str| IcmpExtensions::parse(&octets(text), 10).map(|_| ());
        assert_eq!(parse("2000 0000"), Ok(()));
        assert_eq!(parse("2000 dfff"), Ok(()));
        let what = "ICMP extension structure";
        for version in [0, 1, 3, 15] {
            let expected = ParseError::unsupported(what, 10, version);
            assert_eq!(parse(&format!("{version:x}000 0000")), Err(expected));
        }
        let expected = ParseError::bad_checksum(what, 12, 0xdffe);
        assert_eq!(parse("2000 dffe"), Err(expected));
        assert_eq!(parse("2000 00"), Err(ParseError::truncated(what, 10, 4, 3)));
    }
}

mod section_8 {
    use super::*;

    #[test]
    fn lengths_of_objects() {
        let parse = |text: &str| IcmpExtensions::parse(&octets(text), 0).map(|_| ());
        let what = "ICMP extension object";
        for (length, kind) in [
            (0, ParseErrorKind::BadLength { length: 0 }),
            (3, ParseErrorKind::BadLength { length: 3 }),
            (5, ParseErrorKind::BadLength { length: 5 }),
        ] {
            let text = format!("20000000 {length:04x} c801 00000000");
            assert_eq!(parse(&text), Err(ParseError::new(kind, what, 4)));
        }
        let expected = ParseError::truncated(what, 8, 12, 8);
        assert_eq!(
            parse("20000000 0004 c801 000c c801 00000000"),
            Err(expected)
        );
        assert_eq!(
            parse("20000000 0004"),
            Err(ParseError::truncated(what, 4, 4, 2))
        );
    }

    #[test]
    fn objects_that_cannot_be_are_not_written() {
        let mut packet = PacketBuf::from_slice(8, &[9; 4]);
        let mut refused = |object: ExtensionObjectRepr<'_>| {
            let error = emit_extensions(&[labels(), object], &mut packet).unwrap_err();
            assert_eq!(packet.as_slice(), [9; 4]);
            error
        };
        let raw = |payload| {
            ExtensionObjectRepr::Other(RawObject {
                class: ExtensionClass(200),
                c_type: 0,
                payload,
            })
        };
        assert!(matches!(
            refused(raw(&[0; 6])),
            EmitError::Unaligned { length: 10, .. }
        ));
        assert!(matches!(
            refused(raw(&[0; 65_532])),
            EmitError::TooLong { length: 65_536, .. }
        ));
        let stack = |entries: Vec<_>| ExtensionObjectRepr::MplsLabelStack(entries.into());
        assert!(matches!(
            refused(stack(vec![])),
            EmitError::BadValue { value: 0, .. }
        ));
        let [entry, _] = LABELS;
        let label = 1 << 20;
        let error = refused(stack(vec![MplsLabelStackEntry { label, ..entry }]));
        assert_eq!(
            error,
            EmitError::BadValue {
                what: "MPLS label",
                value: label
            }
        );
        let traffic_class = 8;
        let error = refused(stack(vec![MplsLabelStackEntry {
            traffic_class,
            ..entry
        }]));
        assert_eq!(
            error,
            EmitError::BadValue {
                what: "MPLS traffic class",
                value: 8
            }
        );
    }
}

mod rfc4950_section_3 {
    use super::*;

    // RFC 4950 §3 MUST (c-type): others are no label stack, nor is one without labels.
    #[test]
    fn objects_that_are_no_label_stack() {
        let error_of = |text: &str| {
            let octets = octets(text);
            let extensions = IcmpExtensions::parse(&octets, 0).unwrap();
            let object = extensions.iter().next();
            let Some(ExtensionObject::Invalid { error, object }) = object else {
                panic!("{object:?}");
            };
            assert_eq!(object.payload, &octets[8..]);
            error
        };
        let c_type = error_of("20000000 0008 0102 00010101");
        assert_eq!(c_type, ExtensionError::CType(2));
        let empty = error_of("20000000 0004 0101");
        assert_eq!(empty, ExtensionError::EmptyLabelStack);
    }
}

/// An error of one version that quotes a packet of the other is from nobody who saw that packet.
#[test]
fn the_quoted_packet_is_of_the_errors_version() {
    let ipv4_in_6 = packet("icmpv6-quotes-ipv4");
    let expected = ParseError::truncated("quoted IPv6 header", 8, 40, 32);
    assert_eq!(v6(&ipv4_in_6).unwrap_err(), expected);
    // Long enough to be one, its version is what counts.
    let octets = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &[0x45; 60]].concat();
    let error = Icmpv6Error::parse(Icmpv6Message::parse(&octets).unwrap()).unwrap_err();
    assert_eq!(error, ParseError::bad_value("quoted IPv6 version", 8, 4));
    let octets = [&[3, 1, 0, 0, 0, 0, 0, 0][..], &[0x60; 60]].concat();
    let error = Icmpv4Error::parse(Icmpv4Message::parse(&octets).unwrap()).unwrap_err();
    assert_eq!(error, ParseError::bad_value("quoted IPv4 version", 8, 6));
}

#[test]
fn what_is_no_error_has_no_parts() {
    let echo = [8, 0, 0, 0, 0, 0, 0, 0, 0x45];
    let error = Icmpv4Error::parse(Icmpv4Message::parse(&echo).unwrap()).unwrap_err();
    assert_eq!(error, ParseError::unsupported("ICMP error", 0, 8));
    let echo = [128, 0, 0, 0, 0, 0, 0, 0, 0x60];
    let error = Icmpv6Error::parse(Icmpv6Message::parse(&echo).unwrap()).unwrap_err();
    assert_eq!(error, ParseError::unsupported("ICMPv6 error", 0, 128));
}

/// A redirect, whose octets 4 to 7 are an address, and a Packet Too Big, where they are an MTU, tell
/// no length.
#[test]
fn errors_without_a_length_field() {
    let packet = packet("icmpv4-redirect");
    let error = v4(&packet).unwrap();
    assert_eq!(error.extensions, ExtensionPart::None);
    assert_eq!(error.quoted.as_slice().len(), 32);
    let packet = crate::support::packet("icmpv6-packet-too-big");
    let error = v6(&packet).unwrap();
    assert_eq!(error.extensions, ExtensionPart::None);
    assert_eq!(error.quoted.payload_length(), 12);
}
