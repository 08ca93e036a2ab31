//! Every parser and every accessor of the wire layer, on any octets.
//!
//! [`exercise`] is shared by the no-panic sweep and by the fuzz target `packet_parse`. It looks at
//! more than that nothing panics: what a view hands out must add up to what it was given, and an
//! error must point into the octets.

use core::fmt::{self, Write as _};
use packet_buffer::tlv::{TlvFormat, TlvList};
use packet_buffer::wire::{
    ArpPacket, EtherType, EthernetFrame, GrePacket, Icmpv4Message, Icmpv6Message, IpPacket,
    IpProtocol, Ipv4OptionKind, Ipv4Packet, Ipv6Extension, Ipv6Extensions, Ipv6OptionKind,
    Ipv6Packet, PseudoHeader, QuotedPacket, TcpOption, TcpSegment, UdpDatagram, UpperLayer,
    icmpv4_code, icmpv6_code,
};
use packet_buffer::{Cursor, IpPacketMut, ParseError, ParseErrorKind};

/// Packets within packets that are looked at.
const MAX_DEPTH: u8 = 3;

/// Gives `octets` to every parser, and calls every accessor of what it returns.
pub(crate) fn exercise(octets: &[u8]) {
    ethernet(octets, 0);
    arp(octets);
    ip(octets, 0);
    quoted(octets);
    gre(octets, 0);
    let addresses = [
        PseudoHeader::V4 {
            source: [192, 0, 2, 1].into(),
            destination: [198, 51, 100, 7].into(),
        },
        PseudoHeader::V6 {
            source: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
            destination: [0x2001, 0xdb8, 1, 0, 0, 0, 0, 2].into(),
        },
    ];
    for pseudo_header in &addresses {
        show(&(
            pseudo_header,
            pseudo_header.source(),
            pseudo_header.destination(),
        ));
        assert_eq!(pseudo_header.reversed().reversed(), *pseudo_header);
        udp(octets, pseudo_header);
        tcp(octets, pseudo_header);
        icmpv6(octets, pseudo_header);
    }
    icmpv4(octets);
    for first in [0, 43, 44, 51, 60, 17] {
        let parsed = Ipv6Extensions::parse(IpProtocol(first), octets, 0);
        if let Some(parsed) = checked(parsed, octets) {
            extensions(&parsed, octets);
        }
    }
    for format in [
        &TlvFormat::IPV4,
        &TlvFormat::TCP,
        &TlvFormat::IPV6,
        &TlvFormat::NEIGHBOR_DISCOVERY,
    ] {
        if let Some(list) = checked(TlvList::parse(format, octets, 0), octets) {
            tlvs(&list, octets);
        }
    }
    cursor(octets);
    let mut copy = octets.to_vec();
    rewriter(IpPacketMut::parse(&mut copy), octets);
    rewriter(IpPacketMut::parse_quoted(&mut copy), octets);
    assert_eq!(copy, octets, "looking at a packet does not change it");
}

/// Formats a value, and drops the text; of long ones, which are mostly payload, only the start.
fn show(value: &dyn fmt::Debug) {
    struct Room(usize);
    impl fmt::Write for Room {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    let mut room = Room(400);
    let is_whole = write!(room, "{value:?}").is_ok();
    assert!(!is_whole || room.0 < 400, "nothing was said");
}

fn say(value: &dyn fmt::Display) {
    assert!(!value.to_string().is_empty());
}

/// The value of a result, or a look at its error, which was found in `octets`.
fn checked<T>(result: Result<T, ParseError>, octets: &[u8]) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            check_error(&error, octets.len());
            None
        }
    }
}

fn check_error(error: &ParseError, length: usize) {
    show(error);
    say(error);
    assert!(!error.what.is_empty());
    assert!(error.offset <= length, "{error} points behind {length}");
    assert_eq!(error.offset_by(3).offset, error.offset + 3);
    match error.kind {
        ParseErrorKind::Truncated { needed, available } => {
            assert!(error.is_truncated());
            assert!(needed > available, "{error}");
            assert!(available <= length, "{error}");
        }
        _ => assert!(!error.is_truncated()),
    }
}

/// A checksum error must say what the field holds.
fn check_checksum(result: Result<(), ParseError>, found: u16, octets: &[u8]) {
    if let Err(error) = result {
        check_error(&error, octets.len());
        assert_eq!(error.kind, ParseErrorKind::BadChecksum { found });
    }
}

fn cursor(octets: &[u8]) {
    let mut cursor = Cursor::new(octets);
    let mut sizes = [1, 2, 3, 4, 8, 4, 16, 5].into_iter().cycle();
    let failed = loop {
        let before = cursor;
        let size = sizes.next().unwrap_or(1);
        let result = match size {
            1 => cursor.u8("octet").map(|_| ()),
            2 => cursor.u16("word").map(|_| ()),
            3 => cursor.u24("three octets").map(|_| ()),
            4 => cursor.u32("word").and(cursor.ipv4("address")).map(|_| ()),
            8 => cursor.u64("long word").map(|_| ()),
            16 => cursor.ipv6("address").map(|_| ()),
            _ => cursor.sub(size, "structure").map(|sub| show(&sub)),
        };
        assert_eq!(cursor.offset() + cursor.remaining(), octets.len());
        if result.is_err() {
            break result;
        }
        assert!(cursor.offset() > before.offset());
    };
    let finished = cursor.finish("all");
    assert_eq!(finished.is_ok(), cursor.is_empty());
    checked(failed, octets);
    checked(finished, octets);
    assert_eq!(cursor.peek_rest(), cursor.rest());
    assert!(cursor.is_empty());
}

fn ethernet(octets: &[u8], depth: u8) {
    let Some(frame) = checked(EthernetFrame::parse(octets), octets) else {
        return;
    };
    show(&frame);
    show(&frame.to_repr());
    for address in [frame.source(), frame.destination()] {
        say(&address);
        assert!(address.is_multicast() || !address.is_broadcast());
        assert!(!(address.is_multicast() && address.is_unicast()));
        show(&address.is_local());
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    let tags = frame.vlan_tags();
    for tag in tags.as_slice() {
        assert!(tag.tpid.is_vlan() && tag.id() < 4096 && tag.priority() < 8);
        show(&tag.drop_eligible());
    }
    assert_eq!(frame.header_len(), 14 + 4 * tags.as_slice().len());
    let first = tags.as_slice().first();
    assert_eq!(
        frame.outer_ethertype(),
        first.map_or(frame.ethertype(), |tag| tag.tpid)
    );
    say(&frame.ethertype());
    let (rest, payload) = (&octets[frame.header_len()..], frame.payload());
    assert!(rest.starts_with(payload));
    assert!(frame.ethertype().is_length() || rest == payload);
    carried(frame.ethertype(), payload, depth);
}

fn carried(ethertype: EtherType, payload: &[u8], depth: u8) {
    if depth == MAX_DEPTH {
        return;
    }
    match ethertype {
        EtherType::IPV4 | EtherType::IPV6 => ip(payload, depth + 1),
        EtherType::ARP => arp(payload),
        EtherType::TRANSPARENT_ETHERNET => ethernet(payload, depth + 1),
        _ => {}
    }
}

fn arp(octets: &[u8]) {
    let Some(packet) = checked(ArpPacket::parse(octets), octets) else {
        return;
    };
    show(&packet);
    show(&(packet.hardware_type(), packet.protocol_type()));
    say(&packet.operation());
    let addresses = [
        packet.sender_hardware_address(),
        packet.sender_protocol_address(),
        packet.target_hardware_address(),
        packet.target_protocol_address(),
    ];
    assert!(octets[8..].starts_with(&addresses.concat()));
    if let Some(repr) = checked(packet.to_repr(), octets) {
        show(&repr);
        assert_eq!(addresses.concat().len(), 20);
    }
}

fn ip(octets: &[u8], depth: u8) {
    if let Some(packet) = checked(IpPacket::parse(octets), octets) {
        show(&packet);
        show(&(packet.source(), packet.destination(), packet.hop_limit()));
        show(&packet.pseudo_header());
        assert!(octets.starts_with(packet.as_slice()));
    }
    if let Some(packet) = checked(Ipv4Packet::parse(octets), octets) {
        ipv4(&packet, octets, depth);
    }
    if let Some(packet) = checked(Ipv6Packet::parse(octets), octets) {
        ipv6(&packet, octets, depth);
    }
}

fn ipv4(packet: &Ipv4Packet<'_>, octets: &[u8], depth: u8) {
    show(packet);
    show(&packet.to_repr());
    check_checksum(packet.verify_checksum(), packet.checksum(), octets);
    show(&(packet.dscp(), packet.ecn(), packet.identification()));
    show(&(packet.reserved_flag(), packet.dont_fragment()));
    show(&(packet.source(), packet.destination(), packet.time_to_live()));
    say(&packet.protocol());
    let is_whole = packet.fragment_offset() == 0 && !packet.more_fragments();
    assert_eq!(packet.is_fragment(), !is_whole);
    assert!(packet.fragment_offset().is_multiple_of(8));

    let whole = packet.as_slice();
    assert!(octets.starts_with(whole));
    assert_eq!(packet.total_length(), whole.len());
    assert_eq!(packet.header_len() + packet.payload().len(), whole.len());
    assert!(whole.ends_with(packet.payload()));
    tlvs(&packet.options(), &whole[20..packet.header_len()]);
    for option in packet.options() {
        say(&Ipv4OptionKind(option.kind));
        show(&Ipv4OptionKind(option.kind).is_copied());
    }
    if packet.fragment_offset() == 0 {
        let (protocol, payload) = (packet.protocol(), packet.payload());
        upper_layer(protocol, payload, &packet.pseudo_header(), depth);
    }
}

fn ipv6(packet: &Ipv6Packet<'_>, octets: &[u8], depth: u8) {
    show(packet);
    show(&packet.to_repr());
    assert!(packet.dscp() < 64 && packet.ecn() < 4 && packet.flow_label() < 1 << 20);
    show(&(packet.source(), packet.destination(), packet.hop_limit()));
    say(&packet.next_header());
    let whole = packet.as_slice();
    assert!(octets.starts_with(whole));
    assert_eq!(40 + packet.payload_length(), whole.len());
    assert_eq!(&whole[40..], packet.payload());
    let parsed = checked(packet.extensions(), octets);
    let upper = checked(packet.upper_layer(), octets);
    assert_eq!(parsed.map(|parsed| parsed.upper_layer()), upper);
    if let (Some(parsed), Some(upper)) = (parsed, upper) {
        extensions(&parsed, packet.payload());
        assert_eq!(&whole[upper.offset..], upper.payload);
        if upper.is_start() {
            let pseudo_header = packet.pseudo_header();
            upper_layer(upper.protocol, upper.payload, &pseudo_header, depth);
        }
    }
}

fn extensions(parsed: &Ipv6Extensions<'_>, octets: &[u8]) {
    let upper: UpperLayer<'_> = parsed.upper_layer();
    show(parsed);
    show(&upper);
    assert_eq!([parsed.as_slice(), upper.payload].concat(), octets);
    let (mut count, mut last) = (0, None);
    for (next, extension) in *parsed {
        count += 1;
        last = Some(next);
        show(&extension);
        match extension {
            Ipv6Extension::HopByHop(list) | Ipv6Extension::DestinationOptions(list) => {
                assert!((list.as_slice().len() + 2).is_multiple_of(8));
                tlvs(&list, list.as_slice());
                for option in list {
                    let kind = Ipv6OptionKind(option.kind);
                    say(&kind);
                    assert!(kind.action_if_unknown() < 4);
                    show(&kind.may_change());
                }
            }
            Ipv6Extension::Routing(routing) => {
                assert!((routing.data.len() + 4).is_multiple_of(8));
                let addresses = routing.addresses().count();
                assert!(addresses * 16 <= routing.data.len());
            }
            Ipv6Extension::Fragment(header) => {
                assert_eq!(upper.fragment, Some(header));
                let is_atomic = header.offset == 0 && !header.more_fragments;
                assert_eq!(header.is_atomic(), is_atomic);
                assert!(header.offset.is_multiple_of(8));
            }
            Ipv6Extension::Authentication(header) => {
                assert!(header.len() >= 12 && header.len().is_multiple_of(4));
            }
        }
    }
    assert!(count <= Ipv6Extensions::MAX);
    assert_eq!(parsed.iter().count(), count);
    assert_eq!(count == 0, parsed.as_slice().is_empty());
    assert!(last.is_none_or(|last| last == upper.protocol));
}

fn upper_layer(protocol: IpProtocol, octets: &[u8], pseudo_header: &PseudoHeader, depth: u8) {
    if depth == MAX_DEPTH {
        return;
    }
    show(&(protocol.name(), protocol.is_ipv6_extension()));
    match protocol {
        IpProtocol::UDP => udp(octets, pseudo_header),
        IpProtocol::TCP => tcp(octets, pseudo_header),
        IpProtocol::ICMP => icmpv4(octets),
        IpProtocol::ICMPV6 => icmpv6(octets, pseudo_header),
        IpProtocol::GRE => gre(octets, depth + 1),
        IpProtocol::IPV4 | IpProtocol::IPV6 => ip(octets, depth + 1),
        _ => {}
    }
}

fn udp(octets: &[u8], pseudo_header: &PseudoHeader) {
    let Some(datagram) = checked(UdpDatagram::parse(octets), octets) else {
        return;
    };
    show(&datagram);
    show(&datagram.to_repr());
    show(&(datagram.source_port(), datagram.destination_port()));
    assert_eq!(datagram.length(), 8 + datagram.payload().len());
    assert!(octets[8..].starts_with(datagram.payload()));
    let verdict = datagram.verify_checksum(pseudo_header);
    check_checksum(verdict, datagram.checksum(), octets);
}

fn tcp(octets: &[u8], pseudo_header: &PseudoHeader) {
    let Some(segment) = checked(TcpSegment::parse(octets), octets) else {
        return;
    };
    show(&segment);
    show(&segment.to_repr());
    show(&(segment.source_port(), segment.destination_port()));
    show(&(segment.sequence_number(), segment.acknowledgment_number()));
    show(&(segment.window(), segment.urgent_pointer()));
    say(&segment.flags());
    assert_eq!(segment.flags().0 >> 12, 0);
    let (header, payload) = octets.split_at(segment.header_len());
    assert_eq!(segment.payload(), payload);
    let extra = segment.sequence_length() - payload.len();
    assert_eq!(extra, (segment.flags().0 & 3).count_ones() as usize);
    let verdict = segment.verify_checksum(pseudo_header);
    check_checksum(verdict, segment.checksum(), octets);
    tlvs(&segment.option_list(), &header[20..]);
    assert_eq!(
        segment.options().count(),
        segment.option_list().iter().count()
    );
    for option in segment.options() {
        show(&option);
        say(&option.kind());
        if let TcpOption::Sack(blocks) = option {
            assert!((1..=4).contains(&blocks.iter().count()));
        }
    }
}

fn icmpv4(octets: &[u8]) {
    let Some(message) = checked(Icmpv4Message::parse(octets), octets) else {
        return;
    };
    show(&message);
    show(&message.to_repr());
    assert_eq!(message.to_repr().message_type(), message.message_type());
    check_checksum(message.verify_checksum(), message.checksum(), octets);
    say(&message.message_type());
    say(&icmpv4_code::Unreachable(message.code()));
    say(&icmpv4_code::Redirect(message.code()));
    say(&icmpv4_code::TimeExceeded(message.code()));
    say(&icmpv4_code::ParameterProblem(message.code()));
    assert_eq!(message.rest_of_header(), octets[4..8]);
    assert_eq!(message.payload(), &octets[8..]);
    assert!(message.payload().ends_with(message.extension_octets()));
    let is_error = message.message_type().is_error();
    assert_eq!(message.quoted_packet().is_some(), is_error);
    if let Some(result) = message.quoted_packet()
        && let Some(packet) = checked(result, octets)
    {
        quoted_packet(&packet, message.payload());
    }
}

fn icmpv6(octets: &[u8], pseudo_header: &PseudoHeader) {
    let Some(message) = checked(Icmpv6Message::parse(octets), octets) else {
        return;
    };
    show(&message);
    show(&message.to_repr());
    assert_eq!(message.to_repr().message_type(), message.message_type());
    let verdict = message.verify_checksum(pseudo_header);
    check_checksum(verdict, message.checksum(), octets);
    say(&message.message_type());
    say(&icmpv6_code::Unreachable(message.code()));
    say(&icmpv6_code::TimeExceeded(message.code()));
    say(&icmpv6_code::ParameterProblem(message.code()));
    assert_eq!(message.body(), &octets[4..]);
    assert!(message.body().ends_with(message.payload()));
    assert!(message.payload().ends_with(message.extension_octets()));
    let is_error = message.message_type().is_error();
    assert_eq!(message.quoted_packet().is_some(), is_error);
    if let Some(result) = message.quoted_packet()
        && let Some(packet) = checked(result, octets)
    {
        quoted_packet(&packet, message.payload());
    }
}

fn quoted(octets: &[u8]) {
    if let Some(packet) = checked(QuotedPacket::parse(octets), octets) {
        quoted_packet(&packet, octets);
    }
}

fn quoted_packet(packet: &QuotedPacket<'_>, octets: &[u8]) {
    show(packet);
    show(&(packet.source(), packet.destination(), packet.protocol()));
    show(&(packet.transport_ids(), packet.tcp_sequence_number()));
    let (whole, payload) = match packet {
        QuotedPacket::V4(quoted) => {
            show(&(quoted.type_of_service(), quoted.identification()));
            show(&(quoted.reserved_flag(), quoted.dont_fragment()));
            show(&(quoted.more_fragments(), quoted.fragment_offset()));
            show(&(quoted.time_to_live(), quoted.protocol(), quoted.checksum()));
            show(&(quoted.source(), quoted.destination(), quoted.total_length()));
            assert!((20..=60).contains(&quoted.header_len()));
            let there = 20 + quoted.option_octets().len() + quoted.payload().len();
            assert_eq!(there, quoted.as_slice().len());
            (quoted.as_slice(), quoted.payload())
        }
        QuotedPacket::V6(quoted) => {
            show(&(quoted.traffic_class(), quoted.flow_label()));
            show(&(quoted.payload_length(), quoted.next_header()));
            show(&(quoted.source(), quoted.destination(), quoted.hop_limit()));
            show(&quoted.upper_layer());
            assert_eq!(40 + quoted.payload().len(), quoted.as_slice().len());
            (quoted.as_slice(), quoted.payload())
        }
    };
    assert!(octets.starts_with(whole));
    assert!(payload.ends_with(packet.transport()));
}

fn gre(octets: &[u8], depth: u8) {
    let Some(packet) = checked(GrePacket::parse(octets), octets) else {
        return;
    };
    show(&packet);
    show(&packet.to_repr());
    show(&packet.flags_and_version());
    say(&packet.protocol());
    if let Err(error) = packet.verify_checksum() {
        check_error(&error, octets.len());
        let found = packet.checksum().expect("only a checksum can be bad");
        assert_eq!(error.kind, ParseErrorKind::BadChecksum { found });
    }
    let payload = packet.payload();
    let is_standard = packet.flags_and_version() & 7 == 0;
    assert!(octets.len() >= payload.len() + 4);
    assert!(!is_standard || octets.ends_with(payload));
    carried(packet.protocol(), payload, depth);
}

fn tlvs(list: &TlvList<'_>, octets: &[u8]) {
    show(list);
    assert_eq!(list.as_slice(), octets);
    assert_eq!(list.is_empty(), octets.is_empty());
    let mut at = 0;
    for option in *list {
        assert_eq!(option.octets[0], option.kind);
        assert!(octets[at..].starts_with(option.octets));
        assert!(option.octets.ends_with(option.data));
        assert_eq!(option.is_lone_octet(), option.octets.len() == 1);
        let first = list.find(option.kind).expect("it is in the list");
        assert_eq!(first.kind, option.kind);
        at += option.octets.len();
    }
    assert!(at <= octets.len());
}

fn rewriter(result: Result<IpPacketMut<'_>, ParseError>, octets: &[u8]) {
    if let Some(packet) = checked(result, octets) {
        show(&packet);
        show(&(packet.source(), packet.destination(), packet.hop_limit()));
        assert_eq!(
            packet.source_port().is_some(),
            packet.destination_port().is_some()
        );
    }
}
