//! Extended echo (RFC 8335 §2, §2.1, §3), in both versions.

use crate::support::{icmpv6, octets, packet, pseudo_header};
use icmp_nd::wire::{
    ExtendedEchoCode, ExtendedEchoError, ExtendedEchoReply, ExtendedEchoRequest, ExtendedEchoState,
    InterfaceAddress, InterfaceIdentification,
};
use icmp_nd::{EmitError, PacketBuf};
use packet_buffer::wire::{Icmpv4Message, Icmpv6Message, Ipv4Packet};

#[track_caller]
fn assert_request_v4(name: &str, expected: ExtendedEchoRequest<'_>) {
    let packet = packet(name);
    let payload = Ipv4Packet::parse(&packet).unwrap().payload();
    let message = Icmpv4Message::parse(payload).unwrap();
    assert_eq!(ExtendedEchoRequest::parse_v4(&message), Ok(expected));
    let mut written = PacketBuf::new();
    expected.emit_v4(&mut written).unwrap();
    assert_eq!(written.as_slice(), payload);
    let refused = expected.emit_v4(&mut written);
    assert!(matches!(refused, Err(EmitError::BadValue { .. })));
    assert_eq!(written.as_slice(), payload);
}

#[track_caller]
fn assert_request_v6(name: &str, expected: ExtendedEchoRequest<'_>) {
    let packet = packet(name);
    let message = Icmpv6Message::parse(icmpv6(&packet)).unwrap();
    assert_eq!(ExtendedEchoRequest::parse_v6(&message), Ok(expected));
    let mut written = PacketBuf::new();
    expected
        .emit_v6(&mut written, &pseudo_header(&packet))
        .unwrap();
    assert_eq!(written.as_slice(), icmpv6(&packet));
}

mod section_2 {
    use super::*;

    #[test]
    fn requests() {
        let request = ExtendedEchoRequest {
            identifier: 0x77,
            sequence_number: 6,
            local: true,
            interface: InterfaceIdentification::Name("eth0.100"),
        };
        assert_request_v4("icmpv4-extended-echo-request-name", request);
        assert_request_v4(
            "icmpv4-extended-echo-request-index",
            ExtendedEchoRequest {
                sequence_number: 7,
                interface: InterfaceIdentification::Index(2),
                ..request
            },
        );
        let address = InterfaceAddress::Ip("2001:db8::3".parse().unwrap());
        assert_request_v6(
            "icmpv6-extended-echo-request-address",
            ExtendedEchoRequest {
                sequence_number: 8,
                local: false,
                interface: InterfaceIdentification::Address(address),
                ..request
            },
        );
        let address = InterfaceAddress::Other {
            family: 16_389,
            octets: &[2, 0, 0, 0, 0, 2],
        };
        assert_request_v6(
            "icmpv6-extended-echo-request-mac",
            ExtendedEchoRequest {
                sequence_number: 9,
                local: false,
                interface: InterfaceIdentification::Address(address),
                ..request
            },
        );
    }

    fn error_of(structure: &str) -> ExtendedEchoError {
        let mut message = octets("2a00 0000 0077 0601");
        message.extend(octets(structure));
        ExtendedEchoRequest::parse_v4(&Icmpv4Message::parse(&message).unwrap()).unwrap_err()
    }

    // RFC 8335 §2 MUST (one-object): none, two, another, and a broken one are all malformed.
    #[test]
    fn malformed_requests() {
        assert!(matches!(error_of(""), ExtendedEchoError::Extensions(_)));
        assert!(matches!(
            error_of("1000 0000"),
            ExtendedEchoError::Extensions(_)
        ));
        let index = "0008 0302 00000001";
        for structure in [
            "20000000".to_string(),
            format!("20000000 {index} {index}"),
            format!("20000000 {index} 0004 c800"),
            "20000000 0008 0101 00010101".to_string(),
            // C-Types 0 and 4, an index of 8 octets, no name, an address that is cut, one that is
            // not of its family, and too much behind one.
            "20000000 0008 0300 00000001".to_string(),
            "20000000 0008 0304 00000001".to_string(),
            "20000000 000c 0302 00000001 00000001".to_string(),
            "20000000 0008 0301 00000000".to_string(),
            "20000000 000c 0303 0001 08 00 0a000001".to_string(),
            "20000000 000c 0303 0001 03 00 0a000001".to_string(),
            "20000000 0010 0303 0001 04 00 0a000001 00000000".to_string(),
        ] {
            assert_eq!(
                error_of(&structure),
                ExtendedEchoError::Objects,
                "{structure}"
            );
        }
        let echo = [8, 0, 0, 0, 0, 0, 0, 0];
        let message = Icmpv4Message::parse(&echo).unwrap();
        assert_eq!(
            ExtendedEchoRequest::parse_v4(&message),
            Err(ExtendedEchoError::Type)
        );
        let short = [160, 0, 0, 0, 1];
        let message = Icmpv6Message::parse(&short).unwrap();
        let error = ExtendedEchoRequest::parse_v6(&message).unwrap_err();
        assert!(matches!(error, ExtendedEchoError::Extensions(error) if error.is_truncated()));
    }
}

mod section_2_1 {
    use super::*;

    // RFC 8335 §2.1 MUST (name-padding): zeroes up to a multiple of four octets.
    #[test]
    fn names_are_padded() {
        for (name, length) in [("a", 4), ("eth0", 4), ("eth01", 8)] {
            let request = ExtendedEchoRequest {
                identifier: 1,
                sequence_number: 1,
                local: true,
                interface: InterfaceIdentification::Name(name),
            };
            let mut packet = PacketBuf::new();
            request.emit_v4(&mut packet).unwrap();
            assert_eq!(packet.len(), 8 + 4 + 4 + length);
            let message = Icmpv4Message::parse(packet.as_slice()).unwrap();
            assert_eq!(ExtendedEchoRequest::parse_v4(&message), Ok(request));
        }
    }

    #[test]
    fn what_cannot_be_is_not_written() {
        let long = "a".repeat(256);
        let other = |family, octets| {
            InterfaceIdentification::Address(InterfaceAddress::Other { family, octets })
        };
        for interface in [
            InterfaceIdentification::Name(""),
            InterfaceIdentification::Name("a\0b"),
            InterfaceIdentification::Name(&long),
            other(1, &[1, 2, 3, 4]),
            other(16_389, &[0; 256]),
        ] {
            let request = ExtendedEchoRequest {
                identifier: 1,
                sequence_number: 1,
                local: true,
                interface,
            };
            let mut packet = PacketBuf::new();
            assert!(request.emit_v4(&mut packet).is_err(), "{interface:?}");
            assert!(packet.is_empty());
        }
    }
}

mod section_3 {
    use super::*;

    #[test]
    fn replies() {
        let expected = ExtendedEchoReply {
            state: ExtendedEchoState::REACHABLE,
            active: true,
            ipv4: true,
            ..ExtendedEchoReply::new(ExtendedEchoCode::NO_ERROR, 0x77, 6)
        };
        let packet_v4 = packet("icmpv4-extended-echo-reply");
        let payload = Ipv4Packet::parse(&packet_v4).unwrap().payload();
        let message = Icmpv4Message::parse(payload).unwrap();
        assert_eq!(ExtendedEchoReply::parse_v4(&message), Ok(expected));
        let mut written = PacketBuf::new();
        expected.emit_v4(&mut written).unwrap();
        assert_eq!(written.as_slice(), payload);
        let expected = ExtendedEchoReply {
            ipv6: true,
            sequence_number: 8,
            ..expected
        };
        let packet = packet("icmpv6-extended-echo-reply");
        let message = Icmpv6Message::parse(icmpv6(&packet)).unwrap();
        assert_eq!(ExtendedEchoReply::parse_v6(&message), Ok(expected));
        let mut written = PacketBuf::new();
        expected
            .emit_v6(&mut written, &pseudo_header(&packet))
            .unwrap();
        assert_eq!(written.as_slice(), icmpv6(&packet));
    }

    #[test]
    fn a_state_has_three_bits() {
        let reply = ExtendedEchoReply {
            state: ExtendedEchoState(8),
            ..ExtendedEchoReply::new(ExtendedEchoCode::MALFORMED_QUERY, 1, 1)
        };
        let mut packet = PacketBuf::new();
        assert_eq!(
            reply.emit_v4(&mut packet),
            Err(EmitError::BadValue {
                what: "extended echo state",
                value: 8
            })
        );
        assert!(packet.is_empty());
    }
}
