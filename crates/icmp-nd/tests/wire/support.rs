//! What the tests have in common.

use core::net::Ipv6Addr;
use icmp_nd::wire::{NdMessage, NdOption, NdOptionError, NdOptionRepr, NdOptions, NdRepr};
use icmp_nd::{EmitError, PacketBuf};
use packet_buffer::wire::{Ipv6Packet, PseudoHeader};

/// The octets that `text` writes in hexadecimal digits; spaces and line breaks do not count.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    hex::decode(digits).expect("pairs of hexadecimal digits")
}

/// The packet of that name in `vectors/packets.txt`, without the `ip/`.
pub(crate) fn packet(name: &str) -> Vec<u8> {
    let found = crate::vectors::all()
        .into_iter()
        .find(|(found, _)| found.strip_prefix("ip/") == Some(name));
    found.unwrap_or_else(|| panic!("no packet {name}")).1
}

pub(crate) fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

/// The ICMPv6 message in an IPv6 packet.
pub(crate) fn icmpv6(packet: &[u8]) -> &[u8] {
    let ip = Ipv6Packet::parse(packet).unwrap();
    ip.upper_layer().unwrap().payload
}

pub(crate) fn pseudo_header(packet: &[u8]) -> PseudoHeader {
    Ipv6Packet::parse(packet).unwrap().pseudo_header()
}

/// `repr` with `options` is exactly the packet of that name, in both directions.
#[track_caller]
pub(crate) fn assert_nd_both_ways(name: &str, repr: NdRepr, options: &[NdOptionRepr<'_>]) {
    let expected = packet(name);
    let ip = Ipv6Packet::parse(&expected).unwrap();
    let message = NdMessage::parse(ip.payload()).unwrap();
    assert_eq!(message.to_repr(), repr, "{name}");
    assert_eq!(message.message_type(), repr.message_type());
    let read: Vec<_> = message
        .options()
        .iter()
        .map(|option| option.to_repr())
        .collect();
    assert_eq!(read, options, "{name}");
    let mut written = PacketBuf::with_headroom(64);
    repr.emit_packet(options, &mut written, ip.source(), ip.destination())
        .unwrap();
    assert_eq!(written.as_slice(), expected, "{name}");
}

/// The single option that `text` writes is refused with `error`, and kept as it is.
#[track_caller]
pub(crate) fn assert_invalid(text: &str, error: NdOptionError) {
    let octets = octets(text);
    let options = NdOptions::parse(&octets, 0).unwrap();
    let read: Vec<_> = options.iter().collect();
    let [NdOption::Invalid(invalid)] = read[..] else {
        panic!("{text}: {read:?}");
    };
    assert_eq!(invalid.error, error, "{text}");
    assert_eq!(invalid.option.octets, octets);
    assert_eq!(invalid.kind.0, octets[0]);
    assert_eq!(written(&[read[0].to_repr()]), octets);
}

/// The single option that `text` writes.
#[track_caller]
pub(crate) fn with_option<R>(text: &str, look: impl FnOnce(NdOption<'_>) -> R) -> R {
    let octets = octets(text);
    let options = NdOptions::parse(&octets, 0).unwrap();
    let mut options = options.iter();
    let option = options.next().expect("an option");
    assert_eq!(options.next(), None);
    look(option)
}

/// The octets of options that can be written.
#[track_caller]
pub(crate) fn written(options: &[NdOptionRepr<'_>]) -> Vec<u8> {
    let mut packet = PacketBuf::new();
    let pseudo_header = PseudoHeader::V6 {
        source: Ipv6Addr::UNSPECIFIED,
        destination: Ipv6Addr::UNSPECIFIED,
    };
    NdRepr::RouterSolicitation
        .emit(options, &mut packet, &pseudo_header)
        .unwrap();
    packet.as_slice()[8..].to_vec()
}

/// The option cannot be written, and nothing is.
#[track_caller]
pub(crate) fn assert_not_written(option: NdOptionRepr<'_>, expected: EmitError) {
    assert_eq!(option.wire_len(), Err(expected));
    let pseudo_header = PseudoHeader::V6 {
        source: Ipv6Addr::UNSPECIFIED,
        destination: Ipv6Addr::UNSPECIFIED,
    };
    let mut packet = PacketBuf::from_slice(32, &[0x5a; 16]);
    let good = NdOptionRepr::Mtu(1500);
    let result = NdRepr::RouterSolicitation.emit(&[good, option], &mut packet, &pseudo_header);
    assert_eq!(result, Err(expected));
    assert_eq!(packet.as_slice(), [0x5a; 16]);
}
