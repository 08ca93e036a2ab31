//! Timestamps and information (RFC 792), address masks (RFC 950, Appendix I).

use crate::support::packet;
use icmp_nd::wire::{IcmpTimestamp, Icmpv4Query, TimestampFields};
use icmp_nd::{EmitError, PacketBuf, ParseErrorKind};
use packet_buffer::wire::{Icmpv4Message, Ipv4Packet};

#[track_caller]
fn assert_both_ways(name: &str, query: Icmpv4Query) {
    let packet = packet(name);
    let expected = Ipv4Packet::parse(&packet).unwrap().payload();
    let message = Icmpv4Message::parse(expected).unwrap();
    assert_eq!(Icmpv4Query::parse(&message), Ok(query));
    assert_eq!(query.message_type(), message.message_type());
    let mut written = PacketBuf::new();
    query.emit(&mut written).unwrap();
    assert_eq!(written.as_slice(), expected, "{name}");
    // Without the last octet it is none of these, and with another code neither.
    if expected.len() > 8 {
        let message = Icmpv4Message::parse(&expected[..expected.len() - 1]).unwrap();
        assert!(Icmpv4Query::parse(&message).unwrap_err().is_truncated());
    }
    let mut other = expected.to_vec();
    other[1] = 7;
    let error = Icmpv4Query::parse(&Icmpv4Message::parse(&other).unwrap()).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::BadValue { value: 7 });
}

#[test]
fn timestamps() {
    let request = TimestampFields {
        identifier: 0x77,
        sequence_number: 3,
        originate: IcmpTimestamp(43_200_000),
        receive: IcmpTimestamp(0),
        transmit: IcmpTimestamp(0),
    };
    assert_both_ways(
        "icmpv4-timestamp-request",
        Icmpv4Query::TimestampRequest(request),
    );
    let reply = TimestampFields {
        receive: IcmpTimestamp(43_200_017),
        transmit: IcmpTimestamp(0x8000_0012),
        ..request
    };
    assert_both_ways("icmpv4-timestamp-reply", Icmpv4Query::TimestampReply(reply));
    assert_eq!(reply.receive.millis(), Some(43_200_017));
    // The high bit marks a time that is not in milliseconds since midnight.
    assert_eq!(reply.transmit.millis(), None);
}

#[test]
fn the_day_wraps() {
    let of = IcmpTimestamp::from_millis;
    assert_eq!(of(0), IcmpTimestamp(0));
    assert_eq!(of(86_399_999), IcmpTimestamp(86_399_999));
    assert_eq!(of(86_400_000 * 20_000 + 5), IcmpTimestamp(5));
    assert!(of(u64::MAX).millis().is_some());
}

#[test]
fn information_and_masks() {
    let (identifier, sequence_number) = (0x77, 4);
    assert_both_ways(
        "icmpv4-information-request",
        Icmpv4Query::InformationRequest {
            identifier,
            sequence_number,
        },
    );
    assert_both_ways(
        "icmpv4-address-mask-reply",
        Icmpv4Query::AddressMaskReply {
            identifier,
            sequence_number: 5,
            mask: [255, 255, 255, 0].into(),
        },
    );
}

#[test]
fn types_that_are_none_of_these() {
    for message_type in [0, 3, 8, 9, 11, 12, 42, 255] {
        let octets = [message_type, 0, 0, 0, 0, 0, 0, 0];
        let error = Icmpv4Query::parse(&Icmpv4Message::parse(&octets).unwrap()).unwrap_err();
        let value = u32::from(message_type);
        assert_eq!(error.kind, ParseErrorKind::Unsupported { value });
    }
}

#[test]
fn what_is_too_long_is_not_written() {
    let query = Icmpv4Query::AddressMaskRequest {
        identifier: 1,
        sequence_number: 1,
        mask: [0; 4].into(),
    };
    let mut packet = PacketBuf::from_slice(64, &[1; 65_504]);
    let result = query.emit(&mut packet);
    assert!(matches!(result, Err(EmitError::TooLong { .. })));
    assert_eq!(packet.as_slice(), [1; 65_504]);
}
