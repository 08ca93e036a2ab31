//! Every parser and every accessor of the messages, on any octets, and everything that was read
//! written again.
//!
//! [`exercise`] is shared by the no-panic sweep and by the fuzz target `icmp_nd_parse`,
//! [`round_trip`] by the properties and by `icmp_nd_round_trip`.

use icmp_nd::validation::{self, NdLimits};
use icmp_nd::wire::{
    ExtendedEchoReply, ExtendedEchoRequest, ExtensionObject, IcmpExtensions, Icmpv4Error,
    Icmpv4Query, Icmpv4RouterAdvertisement, Icmpv4RouterAdvertisementRepr, Icmpv6Error, MldMessage,
    NdMessage, NdOption, NdOptions, emit_extensions,
};
use icmp_nd::{EmitError, PacketBuf, ParseError, ParseErrorKind};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv6Message, IpPacket, IpProtocol, Ipv6Packet, PseudoHeader,
};

/// Addresses for messages that come without an IP header.
const ADDRESSES: PseudoHeader = PseudoHeader::V6 {
    source: core::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
    destination: core::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
};

/// Gives `octets` to every parser, as a packet and as a message, and looks at all that comes out.
pub(crate) fn exercise(octets: &[u8]) {
    icmpv4(octets);
    icmpv6(octets);
    checked(NdOptions::parse(octets, 0), octets.len());
    extensions(octets);
    match IpPacket::parse(octets) {
        Ok(IpPacket::V4(ip)) => {
            if ip.protocol() == IpProtocol::ICMP {
                icmpv4(ip.payload());
            }
        }
        Ok(IpPacket::V6(ip)) => ipv6(&ip),
        Err(_) => {}
    }
}

/// The value of a result, or a look at its error, which was found in `length` octets.
fn checked<T>(result: Result<T, ParseError>, length: usize) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(error.offset <= length, "{error} points behind {length}");
            if let ParseErrorKind::Truncated { needed, available } = error.kind {
                assert!(needed > available && available <= length, "{error}");
            }
            None
        }
    }
}

fn ipv6(ip: &Ipv6Packet<'_>) {
    let Ok(upper) = ip.upper_layer() else {
        return;
    };
    match validation::nd(ip, &upper, &NdLimits::default()) {
        Ok(valid) => {
            assert_eq!(ip.hop_limit(), 255);
            assert!(valid.message().options().iter().count() <= 64);
            assert!(!valid.source().is_multicast());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match validation::mld(ip, &upper) {
        Ok(valid) => assert!(MldMessage::is_type(valid.message().message_type())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if upper.protocol == IpProtocol::ICMPV6 {
        icmpv6(upper.payload);
    }
}

fn icmpv4(octets: &[u8]) {
    let Ok(message) = Icmpv4Message::parse(octets) else {
        return;
    };
    if let Some(query) = checked(Icmpv4Query::parse(&message), octets.len()) {
        assert_eq!(query.message_type(), message.message_type());
    }
    let advertisement = Icmpv4RouterAdvertisement::parse(&message);
    if let Some(advertisement) = checked(advertisement, octets.len()) {
        let addresses = advertisement.addresses();
        let length = addresses.len() * advertisement.entry_len();
        assert_eq!(8 + length + advertisement.trailing().len(), octets.len());
        assert_eq!(addresses.count(), usize::from(octets[4]));
    }
    if let Some(error) = checked(Icmpv4Error::parse(message), octets.len()) {
        assert_eq!(error.quoted.as_slice()[0] >> 4, 4);
        assert!(error.quoted.as_slice().len() + 8 <= octets.len());
        if let Some(extensions) = error.extensions.extensions() {
            objects(&extensions);
        }
    }
    let _ = ExtendedEchoRequest::parse_v4(&message).map_err(|error| error.to_string());
    checked(ExtendedEchoReply::parse_v4(&message), octets.len());
}

fn icmpv6(octets: &[u8]) {
    if let Some(message) = checked(NdMessage::parse(octets), octets.len()) {
        assert!(NdMessage::is_type(message.message_type()));
        let mut length = message.to_repr().header_len();
        for option in message.options().as_tlv_list() {
            length += option.octets.len();
        }
        assert_eq!(length, octets.len());
        options(&message.options());
    }
    if let Some(message) = checked(MldMessage::parse(octets), octets.len()) {
        match message {
            MldMessage::Query(query) => {
                assert_eq!(query.version() == 1, octets.len() == 24);
                assert!(query.max_response_delay() <= 8_387_584);
                assert!(query.robustness() <= 7);
                let length = query.sources().len() * 16;
                assert!(length <= octets.len());
            }
            MldMessage::ReportV2(report) => {
                assert_eq!(report.records().count(), usize::from(report.record_count()));
            }
            MldMessage::Report { .. } | MldMessage::Done { .. } => assert!(octets.len() >= 24),
        }
    }
    let Ok(message) = Icmpv6Message::parse(octets) else {
        return;
    };
    if let Some(error) = checked(Icmpv6Error::parse(message), octets.len()) {
        assert_eq!(error.quoted.as_slice()[0] >> 4, 6);
        if let Some(extensions) = error.extensions.extensions() {
            objects(&extensions);
        }
    }
    let _ = ExtendedEchoRequest::parse_v6(&message).map_err(|error| error.to_string());
    checked(ExtendedEchoReply::parse_v6(&message), octets.len());
}

fn options(options: &NdOptions<'_>) {
    for (option, raw) in options.iter().zip(options.as_tlv_list()) {
        assert_eq!(option.kind().0, raw.kind);
        match option {
            NdOption::RecursiveDnsServers(list) => {
                assert_eq!(list.servers().len() * 16 + 8, raw.octets.len());
            }
            NdOption::DnsSearchList(list) => {
                let mut length = 0;
                for name in list.domains() {
                    assert!(name.labels().count() > 0 && !name.to_string().is_empty());
                    length += name.as_wire().len();
                }
                assert!(length > 0 && length + 8 <= raw.octets.len());
            }
            NdOption::CaptivePortal(uri) => assert!(!uri.is_empty() && !uri.contains('\0')),
            NdOption::PrefixInformation(prefix) => {
                assert_eq!(prefix.prefix().length(), prefix.prefix_length);
            }
            NdOption::Pref64(prefix) => assert!(prefix.prefix.length() >= 32),
            NdOption::Invalid(invalid) => {
                assert!(!invalid.error.to_string().is_empty());
                assert_eq!(invalid.option, raw);
            }
            _ => {}
        }
    }
    assert_eq!(options.iter().count(), options.as_tlv_list().iter().count());
}

fn extensions(octets: &[u8]) {
    if let Some(extensions) = checked(IcmpExtensions::parse(octets, 0), octets.len()) {
        objects(&extensions);
    }
}

fn objects(extensions: &IcmpExtensions<'_>) {
    for object in extensions.iter() {
        if let ExtensionObject::Invalid { error, .. } = object {
            assert!(!error.to_string().is_empty());
        }
    }
    if let Some(stack) = extensions.mpls() {
        assert!(stack.entries().len() > 0);
    }
}

/// Reads `octets` as every message, writes back what was read, and reads that.
pub(crate) fn round_trip(octets: &[u8]) {
    messages_v4(octets);
    messages_v6(octets, &ADDRESSES);
    structure(octets);
    match IpPacket::parse(octets) {
        Ok(IpPacket::V4(ip)) => messages_v4(ip.payload()),
        Ok(IpPacket::V6(ip)) => {
            if let Ok(upper) = ip.upper_layer() {
                messages_v6(upper.payload, &ip.pseudo_header());
            }
        }
        Err(_) => {}
    }
}

/// A buffer with `payload`, and what `emit` puts in front of it.
fn emitted(
    payload: &[u8],
    emit: impl FnOnce(&mut PacketBuf) -> Result<(), EmitError>,
) -> PacketBuf {
    let mut packet = PacketBuf::from(payload);
    emit(&mut packet).expect("what was read can be written");
    packet
}

fn messages_v4(octets: &[u8]) {
    let Ok(message) = Icmpv4Message::parse(octets) else {
        return;
    };
    if let Ok(query) = Icmpv4Query::parse(&message) {
        let packet = emitted(&[], |packet| query.emit(packet));
        let written = Icmpv4Message::parse(packet.as_slice()).unwrap();
        assert_eq!(written.verify_checksum(), Ok(()));
        assert_eq!(Icmpv4Query::parse(&written), Ok(query));
        assert_eq!(packet.as_slice()[8..], octets[8..packet.len()]);
    }
    if let Ok(advertisement) = Icmpv4RouterAdvertisement::parse(&message) {
        let addresses: Vec<_> = advertisement.addresses().collect();
        let repr = Icmpv4RouterAdvertisementRepr {
            code: advertisement.code(),
            lifetime: advertisement.lifetime(),
            addresses: &addresses,
        };
        let packet = emitted(advertisement.trailing(), |packet| repr.emit(packet));
        let written = Icmpv4Message::parse(packet.as_slice()).unwrap();
        assert_eq!(written.verify_checksum(), Ok(()));
        let read = Icmpv4RouterAdvertisement::parse(&written).unwrap();
        assert!(read.addresses().eq(addresses.iter().copied()));
        assert_eq!(read.trailing(), advertisement.trailing());
    }
    if let Ok(request) = ExtendedEchoRequest::parse_v4(&message) {
        let packet = emitted(&[], |packet| request.emit_v4(packet));
        let written = Icmpv4Message::parse(packet.as_slice()).unwrap();
        assert_eq!(ExtendedEchoRequest::parse_v4(&written), Ok(request));
    }
    if let Ok(reply) = ExtendedEchoReply::parse_v4(&message) {
        let packet = emitted(&[], |packet| reply.emit_v4(packet));
        let written = Icmpv4Message::parse(packet.as_slice()).unwrap();
        assert_eq!(ExtendedEchoReply::parse_v4(&written), Ok(reply));
    }
    if let Ok(error) = Icmpv4Error::parse(message)
        && let Some(extensions) = error.extensions.extensions()
    {
        objects_again(&extensions);
    }
}

fn messages_v6(octets: &[u8], pseudo_header: &PseudoHeader) {
    if let Ok(message) = NdMessage::parse(octets) {
        let repr = message.to_repr();
        let options: Vec<_> = message.options().iter().map(|o| o.to_repr()).collect();
        let packet = emitted(&[], |packet| repr.emit(&options, packet, pseudo_header));
        verify(packet.as_slice(), pseudo_header);
        let written = NdMessage::parse(packet.as_slice()).unwrap();
        assert_eq!(written.to_repr(), repr);
        let again: Vec<_> = written.options().iter().map(|o| o.to_repr()).collect();
        assert_eq!(again, options);
        // The lengths that options give add up.
        let lengths = options.iter().map(|option| option.wire_len().unwrap());
        assert_eq!(lengths.sum::<usize>() + repr.header_len(), packet.len());
    }
    if let Ok(message) = MldMessage::parse(octets) {
        let repr = message.to_repr();
        let packet = emitted(&[], |packet| repr.emit(packet, pseudo_header));
        verify(packet.as_slice(), pseudo_header);
        assert_eq!(packet.len(), repr.wire_len());
        assert_eq!(
            MldMessage::parse(packet.as_slice()).unwrap().to_repr(),
            repr
        );
    }
    let Ok(message) = Icmpv6Message::parse(octets) else {
        return;
    };
    if let Ok(request) = ExtendedEchoRequest::parse_v6(&message) {
        let packet = emitted(&[], |packet| request.emit_v6(packet, pseudo_header));
        let written = Icmpv6Message::parse(packet.as_slice()).unwrap();
        assert_eq!(ExtendedEchoRequest::parse_v6(&written), Ok(request));
    }
    if let Ok(reply) = ExtendedEchoReply::parse_v6(&message) {
        let packet = emitted(&[], |packet| reply.emit_v6(packet, pseudo_header));
        let written = Icmpv6Message::parse(packet.as_slice()).unwrap();
        assert_eq!(ExtendedEchoReply::parse_v6(&written), Ok(reply));
    }
    if let Ok(error) = Icmpv6Error::parse(message)
        && let Some(extensions) = error.extensions.extensions()
    {
        objects_again(&extensions);
    }
}

fn verify(octets: &[u8], pseudo_header: &PseudoHeader) {
    let message = Icmpv6Message::parse(octets).unwrap();
    assert_eq!(message.verify_checksum(pseudo_header), Ok(()));
}

fn structure(octets: &[u8]) {
    if let Ok(extensions) = IcmpExtensions::parse(octets, 0) {
        objects_again(&extensions);
    }
}

fn objects_again(extensions: &IcmpExtensions<'_>) {
    let reprs: Vec<_> = extensions.iter().map(|object| object.to_repr()).collect();
    let packet = emitted(&[], |packet| emit_extensions(&reprs, packet));
    let read = IcmpExtensions::parse(packet.as_slice(), 0).unwrap();
    let again: Vec<_> = read.iter().map(|object| object.to_repr()).collect();
    assert_eq!(again, reprs);
}
