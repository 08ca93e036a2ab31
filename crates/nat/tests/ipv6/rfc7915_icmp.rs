//! RFC 7915: ICMP, its tables, and the packets that errors quote.

use crate::support::*;
use nat::nat64::{Addresses, TranslateConfig, TranslateError, ipv4_to_ipv6, ipv6_to_ipv4};
use packet_buffer::PacketBuf;
use packet_buffer::wire::*;

// A client 2001:db8::1, which is 192.0.2.1 outside; a server 198.51.100.7; a router 198.51.100.254.
const CLIENT6: &str = "2001:db8::1";
const SERVER6: &str = "64:ff9b::198.51.100.7";
const ROUTER6: &str = "64:ff9b::198.51.100.254";
const CLIENT4: &str = "192.0.2.1";
const SERVER4: &str = "198.51.100.7";
const ROUTER4: &str = "198.51.100.254";

fn sent6() -> PacketBuf {
    udp_v6((v6(CLIENT6), 4000), (v6(SERVER6), 53), &[0x5a; 100])
}

fn sent4() -> PacketBuf {
    let mut packet = sent6();
    let addresses = Addresses::new(v4(CLIENT4), v4(SERVER4));
    ipv6_to_ipv4(&mut packet, &addresses, &TranslateConfig::default(), 77).unwrap();
    packet
}

/// An ICMPv4 error about the client's packet, as ICMPv6.
fn error_to_v6(repr: Icmpv4Repr, quoted: &[u8]) -> Result<PacketBuf, TranslateError> {
    let mut packet = icmpv4(repr, (v4(ROUTER4), v4(CLIENT4)), quoted);
    let before = packet.clone();
    let addresses = Addresses {
        quoted: Some((v6(CLIENT6), v6(SERVER6))),
        ..Addresses::new(v6(ROUTER6), v6(CLIENT6))
    };
    match ipv4_to_ipv6(&mut packet, &addresses, &TranslateConfig::default()) {
        Ok(()) => Ok(packet),
        Err(error) => {
            assert_eq!(packet, before);
            Err(error)
        }
    }
}

/// An ICMPv6 error about the server's packet, as ICMPv4.
fn error_to_v4(repr: Icmpv6Repr, quoted: &[u8]) -> Result<PacketBuf, TranslateError> {
    let mut packet = icmpv6(repr, (v6(CLIENT6), v6(SERVER6)), quoted);
    let before = packet.clone();
    let addresses = Addresses {
        quoted: Some((v4(SERVER4), v4(CLIENT4))),
        ..Addresses::new(v4(CLIENT4), v4(SERVER4))
    };
    match ipv6_to_ipv4(&mut packet, &addresses, &TranslateConfig::default(), 9) {
        Ok(()) => Ok(packet),
        Err(error) => {
            assert_eq!(packet, before);
            Err(error)
        }
    }
}

/// Type, code and octets 4 to 7.
fn head6(packet: &PacketBuf) -> (u8, u8, u32) {
    assert_sound(packet.as_slice());
    let message = &packet.as_slice()[40..];
    (
        message[0],
        message[1],
        u32::from_be_bytes(message[4..8].try_into().unwrap()),
    )
}

fn head4(packet: &PacketBuf) -> (u8, u8, [u8; 4]) {
    assert_sound(packet.as_slice());
    let message = &packet.as_slice()[20..];
    (message[0], message[1], message[4..8].try_into().unwrap())
}

fn other4(message_type: u8, code: u8, rest: [u8; 4]) -> Icmpv4Repr {
    Icmpv4Repr::Other {
        message_type: Icmpv4Type(message_type),
        code,
        rest,
    }
}

// RFC 7915 §4.2 MUST (errors): the whole table, transcribed; `None` is dropped.
// RFC 7915 §4.2 MUST (protocol): a protocol unreachable points to octet 6.
#[test]
fn the_table_of_icmpv4_errors() {
    let unreachable: [Option<(u8, u8, u32)>; 17] = [
        Some((1, 0, 0)),    // network
        Some((1, 0, 0)),    // host
        Some((4, 1, 6)),    // protocol
        Some((1, 4, 0)),    // port
        Some((2, 0, 1420)), // fragmentation needed, MTU 1400 below
        Some((1, 0, 0)),    // source route failed
        Some((1, 0, 0)),
        Some((1, 0, 0)),
        Some((1, 0, 0)),
        Some((1, 1, 0)), // network prohibited
        Some((1, 1, 0)), // host prohibited
        Some((1, 0, 0)),
        Some((1, 0, 0)),
        Some((1, 1, 0)), // administratively prohibited
        None,            // precedence violation
        Some((1, 1, 0)), // precedence cutoff
        None,
    ];
    for (code, expected) in (0u8..).zip(unreachable) {
        let mtu = if code == 4 { 1400u16 } else { 0 };
        let [a, b] = mtu.to_be_bytes();
        let got = error_to_v6(other4(3, code, [0, 0, a, b]), sent4().as_slice());
        assert_eq!(
            got.ok().as_ref().map(head6),
            expected,
            "type 3, code {code}"
        );
    }
    for code in 0..2 {
        let got = error_to_v6(other4(11, code, [0; 4]), sent4().as_slice()).unwrap();
        assert_eq!(head6(&got), (3, code, 0));
    }
    for (message_type, code) in [(4, 0), (5, 0), (5, 1), (12, 1), (12, 3)] {
        let got = error_to_v6(other4(message_type, code, [0; 4]), sent4().as_slice());
        let expected = TranslateError::IcmpWithoutCounterpart { message_type, code };
        assert_eq!(got.unwrap_err(), expected);
    }
}

// RFC 7915 §4.2 MUST (pointer): figure 3, transcribed.
#[test]
fn pointers_into_an_ipv4_header() {
    const FIGURE_3: [Option<u32>; 21] = [
        Some(0),
        Some(1),
        Some(4),
        Some(4),
        None,
        None,
        None,
        None,
        Some(7),
        Some(6),
        None,
        None,
        Some(8),
        Some(8),
        Some(8),
        Some(8),
        Some(24),
        Some(24),
        Some(24),
        Some(24),
        None,
    ];
    for code in [0, 2] {
        for (pointer, expected) in (0u8..).zip(FIGURE_3) {
            let got = error_to_v6(other4(12, code, [pointer, 0, 0, 0]), sent4().as_slice());
            let got = got.ok().as_ref().map(head6);
            assert_eq!(got, expected.map(|pointer| (4, 0, pointer)), "{pointer}");
        }
    }
}

// RFC 7915 §4.2 MUST (mtu): the least of three, and never below 1280.
// RFC 7915 §4.2 MUST (plateau): zero is the next plateau below the quoted packet.
#[test]
fn the_mtu_of_a_packet_too_big() {
    let with = |mtu: u16, quoted_length: u16, config: TranslateConfig| {
        let mut quoted = sent4();
        quoted.as_mut_slice()[2..4].copy_from_slice(&quoted_length.to_be_bytes());
        let [a, b] = mtu.to_be_bytes();
        let repr = other4(3, 4, [0, 0, a, b]);
        let mut packet = icmpv4(repr, (v4(ROUTER4), v4(CLIENT4)), quoted.as_slice());
        let addresses = Addresses {
            quoted: Some((v6(CLIENT6), v6(SERVER6))),
            ..Addresses::new(v6(ROUTER6), v6(CLIENT6))
        };
        ipv4_to_ipv6(&mut packet, &addresses, &config).unwrap();
        u32::from_be_bytes(packet.as_slice()[44..48].try_into().unwrap())
    };
    let wide = TranslateConfig {
        ipv4_mtu: 9000,
        ipv6_mtu: 9000,
        ..TranslateConfig::default()
    };
    assert_eq!(with(1400, 1500, wide), 1420);
    assert_eq!(with(576, 1500, wide), 1280);
    assert_eq!(with(65_535, 1500, wide), 9000);
    assert_eq!(
        with(
            65_535,
            1500,
            TranslateConfig {
                ipv4_mtu: 1300,
                ..wide
            }
        ),
        1320
    );
    assert_eq!(with(0, 1500, wide), 1512);
    assert_eq!(with(0, 4352, wide), 2022);
    assert_eq!(with(0, 600, wide), 1280);
}

// RFC 7915 §4.3 MUST: what the client reads is what it has sent.
#[test]
fn the_quoted_packet_is_the_clients() {
    for cut in [28, 36, sent4().len()] {
        let sent = sent4();
        let quoted = &sent.as_slice()[..cut];
        let packet = error_to_v6(other4(3, 3, [0; 4]), quoted).unwrap();
        let mut original = sent6().as_slice()[..cut + 20].to_vec();
        let got = &packet.as_slice()[48..];
        original[7] = got[7]; // the hop limit is not restored
        assert_eq!(got, original);
        let ip = Ipv6Packet::parse(packet.as_slice()).unwrap();
        assert_eq!((ip.source(), ip.destination()), (v6(ROUTER6), v6(CLIENT6)));
    }
}

// RFC 7915 §4.3 MUST (nested): an error about an error; echoes are translated.
#[test]
fn quoted_icmpv4() {
    let request = Icmpv4Repr::EchoRequest {
        identifier: 5,
        sequence_number: 6,
    };
    let ping = icmpv4(request, (v4(CLIENT4), v4(SERVER4)), b"ping");
    let packet = error_to_v6(other4(11, 0, [0; 4]), ping.as_slice()).unwrap();
    assert_sound(packet.as_slice());
    assert_eq!(packet.as_slice()[48 + 40], 128);
    let error = icmpv4(
        other4(3, 3, [0; 4]),
        (v4(CLIENT4), v4(SERVER4)),
        sent4().as_slice(),
    );
    let result = error_to_v6(other4(11, 0, [0; 4]), error.as_slice());
    assert_eq!(result.unwrap_err(), TranslateError::NestedError);
}

// RFC 7915 §4.2 MUST (queries): only echoes have counterparts.
// RFC 7915 §5.2 MUST (queries): and back.
#[test]
fn queries() {
    let addresses6 = Addresses::new(v6(SERVER6), v6(CLIENT6));
    let addresses4 = Addresses::new(v4(SERVER4), v4(CLIENT4));
    let config = TranslateConfig::default();
    for message_type in (0..=255u8).filter(|kind| ![3, 4, 5, 11, 12].contains(kind)) {
        let repr = other4(message_type, 0, [0, 1, 0, 2]);
        let original = icmpv4(repr, (v4(SERVER4), v4(CLIENT4)), b"odd");
        let mut packet = original.clone();
        let result = ipv4_to_ipv6(&mut packet, &addresses6, &config);
        if message_type == 0 || message_type == 8 {
            result.unwrap();
            assert_eq!(
                head6(&packet),
                (if message_type == 0 { 129 } else { 128 }, 0, 0x10002)
            );
            ipv6_to_ipv4(&mut packet, &addresses4, &config, 0).unwrap();
            assert_eq!(packet.as_slice()[20..], original.as_slice()[20..]);
        } else {
            assert!(result.is_err(), "{message_type}");
        }
    }
    for message_type in (130..=255u8).map(Icmpv6Type) {
        let repr = Icmpv6Repr::Other {
            message_type,
            code: 0,
        };
        let mut packet = icmpv6(repr, (v6(CLIENT6), v6(SERVER6)), &[0; 24]);
        let result = ipv6_to_ipv4(&mut packet, &addresses4, &config, 0);
        let expected = TranslateError::IcmpWithoutCounterpart {
            message_type: message_type.0,
            code: 0,
        };
        assert_eq!(result, Err(expected));
    }
}

// RFC 7915 §4.2 MUST (fragments): of an echo nothing is translated.
#[test]
fn fragmented_icmp() {
    let mut packet = PacketBuf::from(&[8, 0, 0, 0, 0, 1, 0, 1][..]);
    let repr = Ipv4Repr {
        more_fragments: true,
        dont_fragment: false,
        ..Ipv4Repr::new(v4(SERVER4), v4(CLIENT4), IpProtocol::ICMP)
    };
    repr.emit(&mut packet).unwrap();
    let addresses = Addresses::new(v6(SERVER6), v6(CLIENT6));
    let result = ipv4_to_ipv6(&mut packet, &addresses, &TranslateConfig::default());
    assert_eq!(result, Err(TranslateError::FragmentedIcmp));
}

fn received6() -> PacketBuf {
    udp_v6((v6(SERVER6), 53), (v6(CLIENT6), 4000), &[0xa5; 60])
}

// RFC 7915 §5.2 MUST (errors): the whole table, transcribed.
// RFC 7915 §5.2 MUST (mtu): MTU - 20.
#[test]
fn the_table_of_icmpv6_errors() {
    let code = icmpv6_code::Unreachable;
    let unreachable: [Option<(u8, u8)>; 8] = [
        Some((3, 1)),
        Some((3, 10)),
        Some((3, 1)),
        Some((3, 1)),
        Some((3, 3)),
        None,
        None,
        None,
    ];
    for (number, expected) in (0u8..).zip(unreachable) {
        let repr = Icmpv6Repr::DestinationUnreachable {
            code: code(number),
            quoted_words: 0,
        };
        let got = error_to_v4(repr, received6().as_slice());
        let got = got
            .ok()
            .as_ref()
            .map(head4)
            .map(|(kind, code, _)| (kind, code));
        assert_eq!(got, expected, "{number}");
    }
    let too_big = |mtu| {
        head4(&error_to_v4(Icmpv6Repr::PacketTooBig { mtu }, received6().as_slice()).unwrap())
    };
    assert_eq!(too_big(1400), (3, 4, [0, 0, 0x05, 0x64]));
    assert_eq!(too_big(9000), (3, 4, [0, 0, 0x05, 0xc8]));
    for number in 0..2 {
        let code = icmpv6_code::TimeExceeded(number);
        let repr = Icmpv6Repr::TimeExceeded {
            code,
            quoted_words: 0,
        };
        let got = error_to_v4(repr, received6().as_slice()).unwrap();
        assert_eq!(head4(&got), (11, number, [0; 4]));
    }
    let problem = |number, pointer| {
        let code = icmpv6_code::ParameterProblem(number);
        error_to_v4(
            Icmpv6Repr::ParameterProblem { code, pointer },
            received6().as_slice(),
        )
    };
    assert_eq!(head4(&problem(1, 6).unwrap()), (3, 2, [0; 4]));
    assert!(problem(2, 0).is_err());
    assert!(problem(3, 0).is_err());
}

// RFC 7915 §5.2 MUST (pointer): figure 6, transcribed.
#[test]
fn pointers_into_an_ipv6_header() {
    let figure_6 = |pointer: u32| match pointer {
        0 => Some(0),
        1 => Some(1),
        2 | 3 => None,
        4 | 5 => Some(2),
        6 => Some(9),
        7 => Some(8),
        8..=23 => Some(12),
        24..=39 => Some(16),
        _ => None,
    };
    for pointer in 0..60 {
        let code = icmpv6_code::ParameterProblem::HEADER_FIELD;
        let repr = Icmpv6Repr::ParameterProblem { code, pointer };
        let got = error_to_v4(repr, received6().as_slice()).ok();
        let got = got.as_ref().map(head4);
        assert_eq!(
            got,
            figure_6(pointer).map(|pointer| (12, 0, [pointer, 0, 0, 0]))
        );
    }
}

// RFC 7915 §5.3 MUST: the server reads what it has sent.
// RFC 7915 §5.3 MUST (nested): an error about an error is dropped.
#[test]
fn the_quoted_packet_is_the_servers() {
    let mut sent = received6();
    let addresses = Addresses::new(v4(SERVER4), v4(CLIENT4));
    ipv6_to_ipv4(&mut sent, &addresses, &TranslateConfig::default(), 0).unwrap();
    let code = icmpv6_code::Unreachable::PORT;
    let repr = Icmpv6Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
    };
    let packet = error_to_v4(repr, received6().as_slice()).unwrap();
    assert_eq!(head4(&packet), (3, 3, [0; 4]));
    let quoted = &packet.as_slice()[28..];
    assert_eq!(quoted[6..], sent.as_slice()[6..]);
    let nested = icmpv6(repr, (v6(SERVER6), v6(CLIENT6)), received6().as_slice());
    let result = error_to_v4(repr, nested.as_slice());
    assert_eq!(result.unwrap_err(), TranslateError::NestedError);
}

// RFC 7915 §4.2 MUST (extensions): the length in front of an extension counts in eights.
// RFC 7915 §5.2 MUST (extensions): and in fours the other way.
#[test]
fn extensions_behind_the_quoted_packet() {
    let extension = [0x20, 0, 0x12, 0x34, 0, 8, 1, 1, 0xde, 0xad, 0xbe, 0xef];
    let mut quoted = sent4().as_slice().to_vec();
    quoted.resize(128, 0);
    quoted.extend(extension);
    let packet = error_to_v6(other4(11, 0, [0, 32, 0, 0]), &quoted).unwrap();
    assert_sound(packet.as_slice());
    let message = Icmpv6Message::parse(&packet.as_slice()[40..]).unwrap();
    assert_eq!(message.extension_octets(), extension);
    assert_eq!(message.body()[0], 19); // 128 + 20 octets, in eights

    let mut quoted = received6().as_slice().to_vec();
    quoted.resize(152, 0);
    quoted.extend(extension);
    let code = icmpv6_code::TimeExceeded::TRANSIT;
    let packet = error_to_v4(
        Icmpv6Repr::TimeExceeded {
            code,
            quoted_words: 19,
        },
        &quoted,
    )
    .unwrap();
    assert_sound(packet.as_slice());
    let message = Icmpv4Message::parse(&packet.as_slice()[20..]).unwrap();
    assert_eq!(message.extension_octets(), extension);
    assert_eq!(message.rest_of_header()[1], 32);
}

#[test]
fn a_long_quote_is_cut_to_the_minimum_mtu() {
    let long = udp_v4((v4(CLIENT4), 1), (v4(SERVER4), 2), &[0; 1400]);
    let packet = error_to_v6(other4(3, 4, [0, 0, 5, 0]), long.as_slice()).unwrap();
    assert_eq!(packet.len(), 1280);
    assert_sound(packet.as_slice());
}

#[test]
fn an_error_with_a_wrong_checksum_is_refused() {
    let mut packet = icmpv4(
        other4(3, 3, [0; 4]),
        (v4(ROUTER4), v4(CLIENT4)),
        sent4().as_slice(),
    );
    packet.as_mut_slice()[22] ^= 0xff;
    let addresses = Addresses {
        quoted: Some((v6(CLIENT6), v6(SERVER6))),
        ..Addresses::new(v6(ROUTER6), v6(CLIENT6))
    };
    let result = ipv4_to_ipv6(&mut packet, &addresses, &TranslateConfig::default());
    assert!(matches!(result, Err(TranslateError::Parse(_))));
}
