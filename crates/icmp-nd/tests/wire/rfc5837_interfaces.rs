//! Interface information objects (RFC 5837 §4).

use crate::support::octets;
use icmp_nd::PacketBuf;
use icmp_nd::wire::{
    ExtensionError, ExtensionObject, ExtensionObjectRepr, IcmpExtensions, InterfaceInformation,
    InterfaceRole, emit_extensions,
};

/// The object with that C-Type and payload.
fn read<R>(c_type: u8, payload: &str, look: impl FnOnce(ExtensionObject<'_>) -> R) -> R {
    let payload = octets(payload);
    let length = payload.len() + 4;
    let mut structure = octets(&format!("20000000 {length:04x} 02{c_type:02x}"));
    structure.extend(payload);
    let extensions = IcmpExtensions::parse(&structure, 0).unwrap();
    look(extensions.iter().next().unwrap())
}

#[track_caller]
fn assert_both_ways(c_type: u8, payload: &str, expected: InterfaceInformation<'_>) {
    read(c_type, payload, |object| {
        assert_eq!(object, ExtensionObject::InterfaceInformation(expected));
        let mut written = PacketBuf::new();
        emit_extensions(&[object.to_repr()], &mut written).unwrap();
        assert_eq!(written.as_slice()[8..], octets(payload));
        assert_eq!(written.as_slice()[7], c_type);
    });
}

#[track_caller]
fn assert_invalid(c_type: u8, payload: &str, expected: ExtensionError) {
    read(c_type, payload, |object| match object {
        ExtensionObject::Invalid { error, .. } => assert_eq!(error, expected),
        other => panic!("{other:?}"),
    });
}

mod section_4_1 {
    use super::*;

    #[test]
    fn roles() {
        for (bits, role) in [
            (0x00, InterfaceRole::Incoming),
            (0x40, InterfaceRole::IncomingSubIp),
            (0x80, InterfaceRole::Outgoing),
            (0xc0, InterfaceRole::NextHop),
        ] {
            assert_both_ways(bits, "", InterfaceInformation::new(role));
        }
    }

    // RFC 5837 §4.1 MUST (order): index, address, name, MTU, each when its bit says so.
    #[test]
    fn every_combination_of_sub_objects() {
        for bits in 0u8..16 {
            let has = |bit: u8| bits & bit != 0;
            let mut payload = String::new();
            if has(8) {
                payload += "00000007";
            }
            if has(4) {
                payload += "0001 0000 cb007101";
            }
            if has(2) {
                payload += "08 6574683000 0000";
            }
            if has(1) {
                payload += "00002328";
            }
            let expected = InterfaceInformation {
                role: InterfaceRole::Outgoing,
                index: has(8).then_some(7),
                address: has(4).then_some([203, 0, 113, 1].into()),
                name: has(2).then_some("eth0"),
                mtu: has(1).then_some(9000),
            };
            assert_both_ways(0x80 | bits, &payload, expected);
            payload.retain(|digit| digit != ' ');
            if bits != 0 {
                // A part is missing, and something is too much.
                let cut = &payload[..payload.len() - 8];
                let result = read(0x80 | bits, cut, |object| {
                    matches!(object, ExtensionObject::Invalid { .. })
                });
                assert!(result, "{bits}");
            }
            payload += "00000000";
            assert_invalid(0x80 | bits, &payload, ExtensionError::Trailing);
        }
    }
}

mod section_4_2 {
    use super::*;

    #[test]
    fn addresses() {
        let expected = InterfaceInformation {
            address: Some("2001:db8::ffff".parse().unwrap()),
            ..InterfaceInformation::new(InterfaceRole::NextHop)
        };
        let payload = "0002 0000 20010db800000000000000000000ffff";
        assert_both_ways(0xc4, payload, expected);
        assert_invalid(0x04, "0003 0000 00000000", ExtensionError::AddressFamily(3));
        assert_invalid(0x04, "0002 0000 00000000", ExtensionError::Truncated);
    }
}

mod section_4_3 {
    use super::*;

    // RFC 5837 §4.3 MUST (length): a multiple of four, 64 at most.
    #[test]
    fn names() {
        for (length, error) in [(0, true), (3, true), (4, false), (64, false), (68, true)] {
            let payload = format!("{length:02x}{}", "61".repeat(67));
            read(0x02, &payload, |object| match object {
                ExtensionObject::Invalid { error: found, .. } if error => {
                    assert_eq!(found, ExtensionError::NameLength(length));
                }
                // What is left over is too much.
                ExtensionObject::Invalid { error: found, .. } => {
                    assert_eq!(found, ExtensionError::Trailing);
                }
                other => panic!("{other:?}"),
            });
        }
        assert_invalid(0x02, "08616263 61626364 00000000", ExtensionError::Trailing);
        assert_invalid(0x02, "08616263", ExtensionError::Truncated);
        assert_invalid(0x02, "04610062", ExtensionError::Name);
        assert_invalid(0x02, "04fffe00", ExtensionError::Name);
        let longest = "a".repeat(63);
        let of = |name| {
            ExtensionObjectRepr::InterfaceInformation(InterfaceInformation {
                name: Some(name),
                ..InterfaceInformation::new(InterfaceRole::Incoming)
            })
        };
        assert_eq!(of(&longest).wire_len(), Ok(68));
        let too_long = "a".repeat(64);
        assert!(of(&too_long).wire_len().is_err());
        assert!(of("a\0b").wire_len().is_err());
    }
}
