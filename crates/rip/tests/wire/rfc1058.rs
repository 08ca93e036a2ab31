//! RIP-1 (RFC 1058).

use super::*;
use rip::wire::{Command, MessageError, RipEntryRepr};

mod section_3_1_message_formats {
    use super::*;

    #[test]
    fn every_field() {
        let octets = octets(
            "02 01 0000
             0002 0000 0a000300 00000000 00000000 00000001
             0002 0000 c0a80400 00000000 00000000 00000002",
        );
        let message = RipMessage::parse(&octets).unwrap();
        assert_eq!(
            (message.command(), message.version()),
            (Command::RESPONSE, 1)
        );
        assert_eq!(message.must_be_zero(), 0);
        assert!(message.authentication().is_none() && message.update_header().is_none());
        assert_eq!(message.check(25), Ok(()));
        let entries: Vec<_> = message.entries().map(|entry| entry.to_repr()).collect();
        let expected = [
            RipEntryRepr::route_v1(v4("10.0.3.0"), 1),
            RipEntryRepr::route_v1(v4("192.168.4.0"), 2),
        ];
        assert_eq!(entries, expected);
    }

    #[test]
    fn a_route_of_version_1_has_neither_tag_nor_next_hop() {
        // `check` refuses such a message; the entry by itself ignores what it has no business with.
        let octets = octets("02 01 0000  0002 0007 0a000000 ff000000 c0000202 00000001");
        let parsed = RipMessage::parse(&octets).unwrap();
        let route = parsed.routes(&[]).next().unwrap().unwrap();
        assert_eq!((route.route_tag, route.next_hop.router()), (0, None));
        assert_eq!(route.prefix, "10.0.0.0/8".parse().unwrap());
        assert_eq!(parsed.check(25), Err(MessageError::MustBeZero));
    }

    #[test]
    fn there_is_no_authentication_in_version_1() {
        let octets = octets("02 01 0000  ffff 0002 61626300 00000000 00000000 00000000");
        let message = RipMessage::parse(&octets).unwrap();
        assert!(message.authentication().is_none());
        let route = message.routes(&[]).next().unwrap();
        assert_eq!(route, Err(EntryError::AddressFamily(0xffff)));
    }
}

mod section_3_2_addressing {
    use super::*;

    /// The receiver is 172.16.5.1 with the mask 255.255.255.0.
    fn inferred(address: &str) -> Result<String, EntryError> {
        let octets = message(1, 2, [address, "0.0.0.0", "0.0.0.0"], 1);
        let addresses = [interface("198.51.100.1", 30), interface("172.16.5.1", 24)];
        let parsed = RipMessage::parse(&octets).unwrap();
        let route = parsed.routes(&addresses).next().unwrap();
        route.map(|route| route.prefix.to_string())
    }

    // RFC 1058 §3.2 MUST (addresses): network, subnet, host or default, by what is known of masks.
    #[test]
    fn what_an_address_without_a_mask_means() {
        assert_eq!(inferred("172.16.9.0").as_deref(), Ok("172.16.9.0/24"));
        assert_eq!(inferred("172.16.9.7").as_deref(), Ok("172.16.9.7/32"));
        assert_eq!(inferred("172.16.0.0").as_deref(), Ok("172.16.0.0/16"));
        assert_eq!(inferred("150.3.0.0").as_deref(), Ok("150.3.0.0/16"));
        assert_eq!(inferred("150.3.1.0").as_deref(), Ok("150.3.1.0/32"));
        assert_eq!(inferred("150.3.1.1").as_deref(), Ok("150.3.1.1/32"));
        assert_eq!(inferred("10.0.0.0").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(inferred("203.0.113.0").as_deref(), Ok("203.0.113.0/24"));
        assert_eq!(inferred("198.51.100.4").as_deref(), Ok("198.51.100.4/30"));
        assert_eq!(inferred("0.0.0.0").as_deref(), Ok("0.0.0.0/0"));
    }

    #[test]
    fn destinations_that_cannot_be() {
        assert_eq!(inferred("0.0.0.1"), Err(EntryError::NetworkZero));
        assert_eq!(inferred("127.0.0.0"), Err(EntryError::Loopback));
        assert_eq!(inferred("224.0.0.9"), Err(EntryError::Multicast));
        assert_eq!(inferred("241.0.0.0"), Err(EntryError::Reserved));
        assert_eq!(inferred("255.255.255.255"), Err(EntryError::Broadcast));
        assert_eq!(inferred("172.16.5.255"), Err(EntryError::Broadcast));
    }
}

mod section_3_4_input_processing {
    use super::*;

    // RFC 1058 §3.4 MUST (version-0): ignored.
    #[test]
    fn version_zero() {
        let octets = message(0, 2, ["10.0.0.0", "0.0.0.0", "0.0.0.0"], 1);
        let message = RipMessage::parse(&octets).unwrap();
        assert_eq!(message.check(25), Err(MessageError::Version(0)));
    }

    /// Each octet that must be zero in a message of version 1, by its offset.
    const MUST_BE_ZERO: [usize; 12] = [2, 3, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19];

    // RFC 1058 §3.4 MUST (must-be-zero): one such octet, and the whole message is ignored.
    #[test]
    fn each_octet_that_must_be_zero() {
        let mut good = message(1, 2, ["10.0.0.0", "0.0.0.0", "0.0.0.0"], 1);
        good.extend_from_within(4..);
        assert_eq!(RipMessage::parse(&good).unwrap().check(25), Ok(()));
        let second = MUST_BE_ZERO.iter().filter(|at| **at >= 4).map(|at| at + 20);
        for at in MUST_BE_ZERO.into_iter().chain(second) {
            let mut bad = good.clone();
            bad[at] = 1;
            let parsed = RipMessage::parse(&bad).unwrap();
            assert_eq!(
                parsed.check(25),
                Err(MessageError::MustBeZero),
                "octet {at}"
            );
            // The same octets are no reason in version 2 and later.
            for version in [2, 3, 255] {
                bad[1] = version;
                assert_eq!(
                    RipMessage::parse(&bad).unwrap().check(25),
                    Ok(()),
                    "octet {at}"
                );
            }
        }
    }
}
