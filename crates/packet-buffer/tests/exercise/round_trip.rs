//! View to `Repr` to octets and back: the values survive, and a canonical packet survives octet by
//! octet.

use packet_buffer::wire::{
    ArpPacket, EthernetFrame, GrePacket, GreRepr, HeaderOptions, Icmpv4Message, Icmpv4Repr,
    Icmpv6Message, Icmpv6Repr, Icmpv6Type, IpProtocol, Ipv4Packet, Ipv6Extension, Ipv6Extensions,
    Ipv6FragmentHeader, Ipv6Packet, PseudoHeader, TcpOption, TcpOptionKind, TcpSegment,
    UdpDatagram,
};
use packet_buffer::{EmitError, PacketBuf};

/// Reads `octets` as every format, and writes back what was read.
pub(crate) fn round_trip(octets: &[u8]) {
    ethernet(octets);
    arp(octets);
    ipv4(octets);
    ipv6(octets);
    gre(octets);
    fragment_header(octets);
    icmpv4(octets);
    let source = [192, 0, 2, 1].into();
    let destination = [198, 51, 100, 7].into();
    transports(
        octets,
        &PseudoHeader::V4 {
            source,
            destination,
        },
    );
    if let Ok(packet) = Ipv4Packet::parse(octets) {
        transports(packet.payload(), &packet.pseudo_header());
        icmpv4(packet.payload());
        gre(packet.payload());
    }
    if let Ok(packet) = Ipv6Packet::parse(octets)
        && let Ok(upper) = packet.upper_layer()
    {
        transports(upper.payload, &packet.pseudo_header());
        gre(upper.payload);
    }
}

fn transports(octets: &[u8], pseudo_header: &PseudoHeader) {
    udp(octets, pseudo_header);
    tcp(octets, pseudo_header);
    icmpv6(octets, pseudo_header);
}

/// A buffer with `payload`, and what `emit` puts in front of it.
fn emitted(
    payload: &[u8],
    emit: impl FnOnce(&mut PacketBuf) -> Result<(), EmitError>,
) -> Result<PacketBuf, EmitError> {
    let mut packet = PacketBuf::from(payload);
    let result = emit(&mut packet);
    if result.is_err() {
        assert_eq!(packet.as_slice(), payload, "a failed emit changes nothing");
    }
    result.map(|()| packet)
}

/// Both are equal outside the 16-bit checksum field at `at`, and in it too when the one in
/// `received` `is_canonical`.
fn assert_same(received: &[u8], written: &[u8], at: usize, is_canonical: bool) {
    assert_eq!(received.len(), written.len());
    assert_eq!(received[..at], written[..at]);
    assert_eq!(received[at + 2..], written[at + 2..]);
    if is_canonical {
        assert_eq!(received[at..at + 2], written[at..at + 2], "checksum");
    }
}

fn ethernet(octets: &[u8]) {
    let Ok(frame) = EthernetFrame::parse(octets) else {
        return;
    };
    let repr = frame.to_repr();
    let packet = emitted(frame.payload(), |packet| repr.emit(packet)).unwrap();
    let length = repr.header_len() + frame.payload().len();
    assert_eq!(packet.as_slice(), &octets[..length]);
}

fn arp(octets: &[u8]) {
    let Ok(Ok(repr)) = ArpPacket::parse(octets).map(|packet| packet.to_repr()) else {
        return;
    };
    let packet = emitted(&[], |packet| repr.emit(packet)).unwrap();
    assert_eq!(packet.as_slice(), &octets[..packet.len()]);
}

fn ipv4(octets: &[u8]) {
    let Ok(received) = Ipv4Packet::parse(octets) else {
        return;
    };
    let repr = received.to_repr();
    let payload = received.payload();
    match emitted(payload, |packet| repr.emit(packet)) {
        Ok(packet) => {
            let written = Ipv4Packet::parse(packet.as_slice()).unwrap();
            assert_eq!(written.to_repr(), repr);
            assert_eq!(written.verify_checksum(), Ok(()));
            let is_canonical = received.verify_checksum().is_ok() && received.checksum() != 0xffff;
            assert_same(received.as_slice(), packet.as_slice(), 10, is_canonical);
        }
        // What is received and not sent: fragments that cannot be part of any packet.
        Err(EmitError::Unaligned { .. }) => {
            assert!(repr.more_fragments && !payload.len().is_multiple_of(8));
        }
        Err(_) => {
            let end = repr.header_len() + usize::from(repr.fragment_offset) + payload.len();
            assert!(end > 65_535);
        }
    }
}

fn ipv6(octets: &[u8]) {
    let Ok(received) = Ipv6Packet::parse(octets) else {
        return;
    };
    let repr = received.to_repr();
    let packet = emitted(received.payload(), |packet| repr.emit(packet)).unwrap();
    assert_eq!(packet.as_slice(), received.as_slice());
}

fn fragment_header(octets: &[u8]) {
    let Ok(parsed) = Ipv6Extensions::parse(IpProtocol::FRAGMENT, octets, 0) else {
        return;
    };
    let Some((_, Ipv6Extension::Fragment(header))) = parsed.iter().next() else {
        panic!("the first header is a fragment header");
    };
    let payload = &octets[Ipv6FragmentHeader::LEN..];
    match emitted(payload, |packet| header.emit(packet)) {
        Ok(packet) => {
            // Reserved bits are written as zero.
            let mut canonical = octets.to_vec();
            canonical[1] = 0;
            canonical[3] &= !0x06;
            assert_eq!(packet.as_slice(), canonical);
        }
        Err(EmitError::Unaligned { .. }) => {
            assert!(header.more_fragments && !payload.len().is_multiple_of(8));
        }
        Err(_) => assert!(usize::from(header.offset) + payload.len() > 65_535),
    }
}

fn udp(octets: &[u8], pseudo_header: &PseudoHeader) {
    let Ok(received) = UdpDatagram::parse(octets) else {
        return;
    };
    let repr = received.to_repr();
    let datagram = &octets[..received.length()];
    let packet = emitted(received.payload(), |packet| {
        repr.emit(packet, pseudo_header)
    });
    let packet = packet.unwrap();
    let written = UdpDatagram::parse(packet.as_slice()).unwrap();
    assert_eq!(written.verify_checksum(pseudo_header), Ok(()));
    assert_ne!(written.checksum(), 0);
    let is_valid = received.verify_checksum(pseudo_header).is_ok();
    let is_canonical = is_valid && received.checksum() != 0;
    assert_same(datagram, packet.as_slice(), 6, is_canonical);

    let packet = emitted(received.payload(), |packet| {
        repr.emit_without_checksum(packet)
    });
    let is_canonical = received.checksum() == 0;
    assert_same(datagram, packet.unwrap().as_slice(), 6, is_canonical);
}

fn tcp(octets: &[u8], pseudo_header: &PseudoHeader) {
    let Ok(received) = TcpSegment::parse(octets) else {
        return;
    };
    let repr = received.to_repr();
    let Ok(packet) = emitted(received.payload(), |packet| {
        repr.emit(packet, pseudo_header)
    }) else {
        assert!(octets.len() > 65_535);
        return;
    };
    let written = TcpSegment::parse(packet.as_slice()).unwrap();
    assert_eq!(written.to_repr(), repr);
    assert_eq!(written.verify_checksum(pseudo_header), Ok(()));
    let is_valid = received.verify_checksum(pseudo_header).is_ok();
    let is_canonical = is_valid && received.checksum() != 0xffff;
    assert_same(octets, packet.as_slice(), 16, is_canonical);
    tcp_options(&received);
}

/// The options as values give the same octets, up to padding behind the end of the list.
fn tcp_options(received: &TcpSegment<'_>) {
    let options: Vec<TcpOption<'_>> = received.options().collect();
    let written = HeaderOptions::from_tcp_options(&options).unwrap();
    let mut canonical = received.option_list().as_slice().to_vec();
    let used: usize = received
        .option_list()
        .iter()
        .map(|it| it.octets.len())
        .sum();
    canonical[used..].fill(0);
    canonical.truncate(used.next_multiple_of(4));
    assert_eq!(written.as_slice(), canonical);
    for option in options {
        if let TcpOption::Other { kind, data } = option {
            assert_ne!(kind, TcpOptionKind::END_OF_LIST);
            assert_ne!(kind, TcpOptionKind::NO_OPERATION);
            assert!(data.len() <= 38);
        }
    }
}

fn icmpv4(octets: &[u8]) {
    let Ok(received) = Icmpv4Message::parse(octets) else {
        return;
    };
    let repr = received.to_repr();
    let Ok(packet) = emitted(received.payload(), |packet| repr.emit(packet)) else {
        assert!(octets.len() > 65_515);
        return;
    };
    let written = Icmpv4Message::parse(packet.as_slice()).unwrap();
    assert_eq!(written.to_repr(), repr);
    assert_eq!(written.verify_checksum(), Ok(()));
    // Octets without a meaning are written as zero.
    let mut canonical = octets.to_vec();
    match repr {
        Icmpv4Repr::DestinationUnreachable { .. } => canonical[4] = 0,
        Icmpv4Repr::TimeExceeded { .. } => {
            canonical[4] = 0;
            canonical[6..8].fill(0);
        }
        Icmpv4Repr::ParameterProblem { .. } => canonical[6..8].fill(0),
        _ => {}
    }
    let is_valid = received.verify_checksum().is_ok() && received.checksum() != 0xffff;
    // Over nothing but zeroes, the checksum is 0xffff.
    let is_canonical = canonical == octets && is_valid;
    assert_same(&canonical, packet.as_slice(), 2, is_canonical);
}

fn icmpv6(octets: &[u8], pseudo_header: &PseudoHeader) {
    let Ok(received) = Icmpv6Message::parse(octets) else {
        return;
    };
    let repr = received.to_repr();
    let payload = match repr {
        Icmpv6Repr::Other { .. } => received.body(),
        _ => received.payload(),
    };
    let Ok(packet) = emitted(payload, |packet| repr.emit(packet, pseudo_header)) else {
        assert!(octets.len() > 65_531);
        return;
    };
    let written = Icmpv6Message::parse(packet.as_slice()).unwrap();
    assert_eq!(written.to_repr(), repr);
    assert_eq!(written.verify_checksum(pseudo_header), Ok(()));
    let mut canonical = octets.to_vec();
    match received.message_type() {
        Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED => canonical[5..8].fill(0),
        Icmpv6Type::PACKET_TOO_BIG => canonical[1] = 0,
        _ => {}
    }
    let is_valid = received.verify_checksum(pseudo_header).is_ok() && received.checksum() != 0xffff;
    let is_canonical = canonical == octets && is_valid;
    assert_same(&canonical, packet.as_slice(), 2, is_canonical);
}

fn gre(octets: &[u8]) {
    let Ok(received) = GrePacket::parse(octets) else {
        return;
    };
    let repr = received.to_repr();
    let packet = emitted(received.payload(), |packet| repr.emit(packet)).unwrap();
    let written = GrePacket::parse(packet.as_slice()).unwrap();
    assert_eq!(written.to_repr(), repr);
    assert_eq!(written.payload(), received.payload());
    assert_eq!(written.verify_checksum(), Ok(()));
    let mut canonical = octets[..packet.len()].to_vec();
    match repr {
        GreRepr::Standard { checksum, .. } => {
            // Reserved bits, and the reserved half of the checksum's word.
            canonical[0] &= 0xb0;
            canonical[1] = 0;
            if checksum {
                canonical[6..8].fill(0);
                let is_canonical = canonical == octets
                    && received.verify_checksum().is_ok()
                    && received.checksum() != Some(0xffff);
                assert_same(&canonical, packet.as_slice(), 4, is_canonical);
                return;
            }
        }
        GreRepr::Enhanced { .. } => {
            canonical[0] &= 0x30;
            canonical[1] &= 0x81;
        }
    }
    assert_eq!(packet.as_slice(), canonical);
}
