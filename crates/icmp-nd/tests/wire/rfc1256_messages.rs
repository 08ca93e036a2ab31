//! Router solicitations and advertisements of ICMPv4 (RFC 1256 §3, §4.2, §5.2).

use crate::support::packet;
use icmp_nd::wire::{
    Icmpv4Query, Icmpv4RouterAdvertisement, Icmpv4RouterAdvertisementRepr, RouterAddress,
};
use icmp_nd::{EmitError, PacketBuf, ParseError, ParseErrorKind};
use packet_buffer::wire::{Icmpv4Message, Ipv4Packet};

fn payload(packet: &[u8]) -> &[u8] {
    Ipv4Packet::parse(packet).unwrap().payload()
}

fn parse(octets: &[u8]) -> Result<Icmpv4RouterAdvertisement<'_>, ParseError> {
    Icmpv4RouterAdvertisement::parse(&Icmpv4Message::parse(octets).unwrap())
}

mod section_3 {
    use super::*;

    #[test]
    fn advertisement() {
        let packet = packet("icmpv4-router-advertisement");
        let advertisement = parse(payload(&packet)).unwrap();
        let expected = [
            RouterAddress {
                address: [192, 0, 2, 1].into(),
                preference: 0,
            },
            RouterAddress {
                address: [192, 0, 2, 2].into(),
                preference: RouterAddress::NEVER_DEFAULT,
            },
        ];
        assert_eq!(advertisement.lifetime(), 1800);
        assert_eq!(advertisement.entry_len(), 8);
        assert!(advertisement.addresses().eq(expected));
        let mut written = PacketBuf::new();
        Icmpv4RouterAdvertisementRepr {
            code: 0,
            lifetime: 1800,
            addresses: &expected,
        }
        .emit(&mut written)
        .unwrap();
        assert_eq!(written.as_slice(), payload(&packet));
    }

    /// Entries may be longer, and extensions may follow (RFC 5944 §2.1).
    #[test]
    fn longer_entries_and_what_follows_them() {
        let packet = packet("icmpv4-router-advertisement-mobile");
        let advertisement = parse(payload(&packet)).unwrap();
        assert_eq!(advertisement.code(), Icmpv4RouterAdvertisement::CODE_MOBILE);
        assert_eq!(advertisement.entry_len(), 12);
        let addresses: Vec<_> = advertisement.addresses().collect();
        assert_eq!((addresses.len(), addresses[0].preference), (1, 10));
        assert_eq!(advertisement.trailing()[0], 0x10);
    }

    #[test]
    fn counts_that_do_not_fit_are_not_written() {
        let router = RouterAddress {
            address: [192, 0, 2, 1].into(),
            preference: 0,
        };
        let many = vec![router; 256];
        let emit = |addresses: &[RouterAddress], packet: &mut PacketBuf| {
            let lifetime = 1;
            let code = 0;
            Icmpv4RouterAdvertisementRepr {
                code,
                lifetime,
                addresses,
            }
            .emit(packet)
        };
        let mut packet = PacketBuf::new();
        let what = "router addresses";
        assert_eq!(
            emit(&[], &mut packet),
            Err(EmitError::BadValue { what, value: 0 })
        );
        assert!(matches!(
            emit(&many, &mut packet),
            Err(EmitError::TooLong { length: 256, .. })
        ));
        emit(&many[..255], &mut packet).unwrap();
        assert_eq!(packet.len(), 8 + 255 * 8);
        let mut packet = PacketBuf::from_slice(64, &[7; 65_500]);
        assert!(emit(&many[..9], &mut packet).is_err());
        assert_eq!(packet.as_slice(), [7; 65_500]);
    }
}

mod section_4_2 {
    use super::*;

    // RFC 1256 §4.2 MUST (valid): the code is 0. That eight octets are there is the header's check.
    #[test]
    fn solicitation() {
        let packet = packet("icmpv4-router-solicitation");
        let mut octets = payload(&packet).to_vec();
        let message = Icmpv4Message::parse(&octets).unwrap();
        assert_eq!(
            Icmpv4Query::parse(&message),
            Ok(Icmpv4Query::RouterSolicitation)
        );
        let mut written = PacketBuf::new();
        Icmpv4Query::RouterSolicitation.emit(&mut written).unwrap();
        assert_eq!(written.as_slice(), octets);
        assert!(Icmpv4Message::parse(&octets[..7]).is_err());
        octets[1] = 1;
        let message = Icmpv4Message::parse(&octets).unwrap();
        let expected = ParseError::bad_value("ICMP code", 1, 1);
        assert_eq!(Icmpv4Query::parse(&message), Err(expected));
    }
}

mod section_5_2 {
    use super::*;

    // RFC 1256 §5.2 MUST (valid): each of the conditions fails on its own.
    #[test]
    fn advertisement() {
        let packet = packet("icmpv4-router-advertisement");
        let good = payload(&packet);
        let changed = |at: usize, value: u8| {
            let mut octets = good.to_vec();
            octets[at] = value;
            parse(&octets).map(|_| ()).unwrap_err()
        };
        assert_eq!(
            changed(0, 10).kind,
            ParseErrorKind::Unsupported { value: 10 }
        );
        assert_eq!(changed(1, 1), ParseError::bad_value("ICMP code", 1, 1));
        let what = "number of router addresses";
        assert_eq!(changed(4, 0), ParseError::bad_value(what, 4, 0));
        let what = "router address entry size";
        assert_eq!(changed(5, 1), ParseError::bad_value(what, 5, 1));
        let truncated =
            |needed, available| ParseError::truncated("router addresses", 8, needed, available);
        assert_eq!(changed(4, 3), truncated(24, 16));
        assert_eq!(changed(5, 3), truncated(24, 16));
        assert_eq!(parse(&good[..23]).unwrap_err(), truncated(16, 15));
    }
}
