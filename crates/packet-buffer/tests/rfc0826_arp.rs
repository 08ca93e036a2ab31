//! Address Resolution Protocol (RFC 826).
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "tests; each uses a part of what they share"
)]

mod support;

use core::net::Ipv4Addr;
use packet_buffer::ParseError;
use packet_buffer::wire::{ArpOperation, ArpPacket, ArpRepr, EtherType, MacAddr};
use support::{assert_every_cut_is_truncated, emitted, octets};

/// Who has 192.0.2.2? Tell 02:00:5e:10:00:01 at 192.0.2.1.
const REQUEST: &str = "0001 0800 0604 0001 0200 5e10 0001 c000 0201 0000 0000 0000 c000 0202";

mod packet_format {
    use super::*;

    #[test]
    fn every_field() {
        let octets = octets(REQUEST);
        let packet = ArpPacket::parse(&octets).unwrap();
        assert_eq!(packet.hardware_type(), ArpPacket::HARDWARE_ETHERNET);
        assert_eq!(packet.protocol_type(), EtherType::IPV4);
        assert_eq!(packet.operation(), ArpOperation::REQUEST);
        assert_eq!(packet.sender_hardware_address(), [2, 0, 0x5e, 0x10, 0, 1]);
        assert_eq!(packet.sender_protocol_address(), [192, 0, 2, 1]);
        assert_eq!(packet.target_hardware_address(), [0; 6]);
        assert_eq!(packet.target_protocol_address(), [192, 0, 2, 2]);
        let repr = packet.to_repr().unwrap();
        assert_eq!(emitted(b"", |packet| repr.emit(packet)), octets);
        assert_eq!(octets.len(), ArpRepr::LEN);
    }

    // RFC 826 §Format MUST (lengths): the addresses are as long as the packet says.
    #[test]
    fn addresses_of_any_length() {
        let octets = octets("0006 0800 0201 0009 0a0b 01 0c0d 02");
        let packet = ArpPacket::parse(&octets).unwrap();
        assert_eq!(packet.sender_hardware_address(), [0x0a, 0x0b]);
        assert_eq!(packet.sender_protocol_address(), [1]);
        assert_eq!(packet.target_hardware_address(), [0x0c, 0x0d]);
        assert_eq!(packet.target_protocol_address(), [2]);
        assert_eq!(packet.operation(), ArpOperation::INVERSE_REPLY);
        let none = support::octets("0001 0800 0000 0001");
        let packet = ArpPacket::parse(&none).unwrap();
        assert_eq!(packet.target_protocol_address(), b"");
        let most = [&support::octets("0001 0800 ffff 0001")[..], &[7; 1020]].concat();
        assert_every_cut_is_truncated(&most, |octets| ArpPacket::parse(octets).map(drop));
    }

    #[test]
    fn cut_anywhere() {
        let octets = octets(REQUEST);
        assert_every_cut_is_truncated(&octets, |octets| ArpPacket::parse(octets).map(drop));
        let error = ArpPacket::parse(&octets[..7]).unwrap_err();
        assert_eq!(error, ParseError::truncated("ARP header", 0, 8, 7));
        let error = ArpPacket::parse(&octets[..27]).unwrap_err();
        assert_eq!(error, ParseError::truncated("ARP addresses", 8, 20, 19));
    }

    #[test]
    fn padding_of_the_link_is_left_out() {
        let padded = [octets(REQUEST), vec![0xee; 18]].concat();
        let packet = ArpPacket::parse(&padded).unwrap();
        assert_eq!(packet.target_protocol_address(), [192, 0, 2, 2]);
    }
}

mod packet_reception {
    use super::*;

    fn changed(at: usize, to: u8) -> Result<ArpRepr, ParseError> {
        let mut octets = octets(REQUEST);
        octets[at] = to;
        ArpPacket::parse(&octets).unwrap().to_repr()
    }

    // RFC 826 §Reception MUST (hardware): a packet of another hardware type is not processed.
    // RFC 826 §Reception MUST (protocol): nor one of another protocol.
    #[test]
    fn other_hardware_and_other_protocols() {
        let error = ParseError::unsupported("ARP hardware type", 0, 6);
        assert_eq!(changed(1, 6), Err(error));
        let error = ParseError::unsupported("ARP protocol type", 2, 0x0801);
        assert_eq!(changed(3, 1), Err(error));
        let error = ParseError::bad_length("ARP hardware address", 4, 5);
        assert_eq!(changed(4, 5), Err(error));
        let error = ParseError::bad_length("ARP protocol address", 5, 3);
        assert_eq!(changed(5, 3), Err(error));
        assert_eq!(changed(7, 99).unwrap().operation, ArpOperation(99));
    }

    // RFC 826 §Reception MUST (reply): the answer swaps both ends and puts in the own addresses.
    #[test]
    fn the_answer() {
        let request = ArpPacket::parse(&octets(REQUEST))
            .unwrap()
            .to_repr()
            .unwrap();
        let sender = MacAddr([2, 0, 0x5e, 0x10, 0, 1]);
        let (source, target) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
        assert_eq!(request, ArpRepr::request(sender, source, target));
        let reply = request.reply(MacAddr([2, 0, 0x5e, 0x10, 0, 2]));
        let written = emitted(b"", |packet| reply.emit(packet));
        let expected =
            octets("0001 0800 0604 0002 0200 5e10 0002 c000 0202 0200 5e10 0001 c000 0201");
        assert_eq!(written, expected);
    }
}
