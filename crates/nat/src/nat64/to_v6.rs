//! From IPv4 to IPv6 (RFC 7915 §4).

use super::icmp;
use super::translate::{
    Addresses, TranslateConfig, TranslateError, addresses_delta, checksum_offset,
    icmpv6_pseudo_header, patch_echo, patch_transport,
};
use core::net::Ipv6Addr;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Type, Icmpv6Repr, IpProtocol, Ipv4OptionKind, Ipv4Packet, Ipv6Packet,
    Ipv6Repr, PseudoHeader, QuotedIpv4, QuotedPacket, UdpDatagram,
};

/// Translates an IPv4 packet in place into an IPv6 packet.
///
/// A fragment stays one: it gets a fragment header. A packet that may be fragmented and comes out
/// longer than the IPv6 link takes is the caller's to fragment, and so is a TTL that has run out
/// and a packet that may not be fragmented (see [`Nat64`](super::Nat64), which does all that).
///
/// Checksums are patched, so that one that is wrong stays wrong; those of ICMP errors are verified
/// and computed anew. A UDP datagram without a checksum gets one.
///
/// # Errors
///
/// [`TranslateError`], with the packet unchanged.
pub fn ipv4_to_ipv6(
    packet: &mut PacketBuf,
    addresses: &Addresses<Ipv6Addr>,
    config: &TranslateConfig,
) -> Result<(), TranslateError> {
    let ip = Ipv4Packet::parse(packet.as_slice())?;
    refuse_source_route(&ip)?;
    let (protocol, header_len, length) = (ip.protocol(), ip.header_len(), ip.total_length());
    let (source, destination) = (addresses.source, addresses.destination);
    let mut header = header_for(&ip, addresses, config);
    let fragment = ip.is_fragment().then(|| {
        fragment_header(
            header.next_header,
            ip.fragment_offset(),
            ip.more_fragments(),
            ip.identification(),
        )
    });
    let delta = addresses_delta((ip.source(), ip.destination()), (source, destination), true);
    let payload = ip.payload();

    if protocol == IpProtocol::ICMP {
        // RFC 7915 §4.2 MUST (fragments): the checksum of ICMPv6 covers the length of the whole
        // message, which a fragment does not tell.
        if fragment.is_some() {
            return Err(TranslateError::FragmentedIcmp);
        }
        let message = Icmpv4Message::parse(payload)?;
        if message.message_type().is_error() {
            let out = translate_error(&message, addresses, config)?;
            return finish(packet, out, &header);
        }
        // RFC 7915 §4.2 MUST (queries): echoes become echoes; other queries, and what is for one
        // link only, are dropped.
        let Some(echo) = icmp::echo_to_v6(message.message_type()) else {
            return Err(icmp::none(message.message_type().0, message.code()));
        };
        let delta = icmpv6_pseudo_header(source, destination, payload.len());
        strip(packet, header_len, length);
        patch_echo(packet.as_mut_slice(), echo.0, delta);
        header.emit(packet)?;
        return Ok(());
    }

    let is_start = ip.fragment_offset() == 0;
    let mut computed = None;
    if is_start && let Some(at) = checksum_offset(protocol) {
        let Some(field) = payload.get(at..).and_then(<[u8]>::first_chunk::<2>) else {
            return Err(TranslateError::Tiny);
        };
        if protocol == IpProtocol::UDP && *field == [0, 0] {
            // RFC 7915 §4.5 SHOULD (no-checksum): a whole datagram gets the checksum that it lacks;
            // of a fragmented one nothing is translated.
            if fragment.is_some() {
                return Err(TranslateError::NoUdpChecksum);
            }
            let udp = UdpDatagram::parse(payload)?;
            let pseudo = PseudoHeader::V6 {
                source,
                destination,
            };
            let octets = payload.get(..udp.length()).unwrap_or_default();
            let sum = pseudo.sum(IpProtocol::UDP, octets.len()).add_bytes(octets);
            computed = Some(match sum.checksum() {
                0 => 0xffff,
                checksum => checksum,
            });
        }
    }
    strip(packet, header_len, length);
    if let Some(checksum) = computed {
        let field = packet.as_mut_slice().get_mut(6..);
        if let Some(field) = field.and_then(<[u8]>::first_chunk_mut::<2>) {
            *field = u16::to_be_bytes(checksum);
        }
    } else if is_start {
        // RFC 7915 §4.5 MUST (checksums): those that cover the pseudo-header are updated.
        patch_transport(protocol, packet.as_mut_slice(), delta);
    }
    if let Some(fragment) = fragment {
        packet.prepend_slice(&fragment);
        header.next_header = IpProtocol::FRAGMENT;
    }
    // At most 65535 - 20 + 8 octets: it fits.
    header.emit(packet)?;
    Ok(())
}

// RFC 7915 §4.1 MUST (source-route): an unexpired source route is refused; other options are ignored.
pub(super) fn refuse_source_route(ip: &Ipv4Packet<'_>) -> Result<(), TranslateError> {
    for option in ip.options() {
        let kind = Ipv4OptionKind(option.kind);
        let is_route = kind == Ipv4OptionKind::LOOSE_SOURCE_ROUTE
            || kind == Ipv4OptionKind::STRICT_SOURCE_ROUTE;
        // The pointer counts from the option's start, at 1; behind the end, the route has run out.
        let pointer = option.data.first().copied().map_or(0, usize::from);
        if is_route && pointer <= option.octets.len() {
            return Err(TranslateError::SourceRoute);
        }
    }
    Ok(())
}

// RFC 7915 §4.1 MUST (fields): traffic class, flow label, next header and hop limit.
fn header_for(
    ip: &Ipv4Packet<'_>,
    addresses: &Addresses<Ipv6Addr>,
    config: &TranslateConfig,
) -> Ipv6Repr {
    Ipv6Repr {
        source: addresses.source,
        destination: addresses.destination,
        next_header: protocol_to_v6(ip.protocol()),
        hop_limit: ip.time_to_live(),
        dscp: if config.copies_traffic_class {
            ip.dscp()
        } else {
            0
        },
        ecn: if config.copies_traffic_class {
            ip.ecn()
        } else {
            0
        },
        flow_label: 0,
    }
}

/// Leaves the payload alone: no header, no padding of the link.
fn strip(packet: &mut PacketBuf, header_len: usize, length: usize) {
    packet.truncate(length);
    packet.trim_front(header_len);
}

const fn protocol_to_v6(protocol: IpProtocol) -> IpProtocol {
    match protocol {
        IpProtocol::ICMP => IpProtocol::ICMPV6,
        other => other,
    }
}

// RFC 7915 §4.1 MUST (fragment): offset and M are copied, and the identification into the low 16 bits.
fn fragment_header(next: IpProtocol, offset: u16, more: bool, identification: u16) -> [u8; 8] {
    let [a, b] = (offset | u16::from(more)).to_be_bytes();
    let [c, d] = identification.to_be_bytes();
    [next.0, 0, a, b, 0, 0, c, d]
}

/// Replaces the packet by the ICMPv6 message in `out`, with `header` in front.
fn finish(
    packet: &mut PacketBuf,
    mut out: PacketBuf,
    header: &Ipv6Repr,
) -> Result<(), TranslateError> {
    header.emit(&mut out)?;
    packet.reset(PacketBuf::DEFAULT_HEADROOM);
    packet.append_slice(out.as_slice());
    Ok(())
}

/// The ICMPv6 error for an ICMPv4 error.
fn translate_error(
    message: &Icmpv4Message<'_>,
    addresses: &Addresses<Ipv6Addr>,
    config: &TranslateConfig,
) -> Result<PacketBuf, TranslateError> {
    message.verify_checksum()?;
    let repr = message.to_repr();
    let quoted = match message.quoted_packet() {
        Some(Ok(QuotedPacket::V4(quoted))) => quoted,
        Some(Err(error)) => return Err(error.into()),
        _ => return Err(icmp::none(message.message_type().0, message.code())),
    };
    let mut error = icmp::to_v6(&repr, quoted.total_length(), config)?;
    let inner = addresses.quoted.ok_or(TranslateError::NoQuotedAddresses)?;
    let mut out = PacketBuf::new();
    quoted_to_v6(&quoted, inner, config, &mut out)?;

    // RFC 4443 §2.4: an error is not longer than the minimum MTU.
    let room = 1_280 - Ipv6Packet::HEADER_LEN - 8;
    let extension = message.extension_octets();
    let words = match &mut error {
        Icmpv6Repr::DestinationUnreachable { quoted_words, .. }
        | Icmpv6Repr::TimeExceeded { quoted_words, .. }
            if !extension.is_empty() && extension.len() < room - 128 =>
        {
            Some(quoted_words)
        }
        _ => None,
    };
    if let Some(words) = words {
        // RFC 7915 §4.2 MUST (extensions): the length of the quoted packet, which RFC 4884 puts in
        // front of extensions, is set anew.
        let room = (room - extension.len()) / 8 * 8;
        out.truncate(room);
        let padded = out.len().next_multiple_of(8).max(128);
        out.append(padded - out.len());
        *words = u8::try_from(padded / 8).unwrap_or(0);
        out.append_slice(extension);
    } else {
        out.truncate(room);
    }
    let pseudo = PseudoHeader::V6 {
        source: addresses.source,
        destination: addresses.destination,
    };
    error.emit(&mut out, &pseudo)?;
    Ok(out)
}

/// Writes what there is of a quoted packet into `out`, translated.
// RFC 7915 §4.3 MUST: the quoted packet is translated as any other, except for its hop limit.
fn quoted_to_v6(
    quoted: &QuotedIpv4<'_>,
    (source, destination): (Ipv6Addr, Ipv6Addr),
    config: &TranslateConfig,
    out: &mut PacketBuf,
) -> Result<(), TranslateError> {
    let protocol = quoted.protocol();
    out.append_slice(quoted.payload());
    let length = usize::from(quoted.total_length()).saturating_sub(quoted.header_len());
    let is_fragment = quoted.more_fragments() || quoted.fragment_offset() != 0;
    if quoted.fragment_offset() == 0 {
        if protocol == IpProtocol::ICMP {
            // RFC 7915 §4.3 MUST (nested): an error within an error is not translated.
            let Some(first) = out.as_slice().first().copied() else {
                return Err(TranslateError::NestedError);
            };
            let echo = icmp::echo_to_v6(Icmpv4Type(first)).ok_or(TranslateError::NestedError)?;
            let delta = icmpv6_pseudo_header(source, destination, length);
            patch_echo(out.as_mut_slice(), echo.0, delta);
        } else {
            let delta = addresses_delta(
                (quoted.source(), quoted.destination()),
                (source, destination),
                true,
            );
            patch_transport(protocol, out.as_mut_slice(), delta);
        }
    }
    let mut next_header = protocol_to_v6(protocol);
    let mut payload_length = length;
    if is_fragment {
        out.prepend_slice(&fragment_header(
            next_header,
            quoted.fragment_offset(),
            quoted.more_fragments(),
            quoted.identification(),
        ));
        next_header = IpProtocol::FRAGMENT;
        payload_length += 8;
    }
    let type_of_service = if config.copies_traffic_class {
        quoted.type_of_service()
    } else {
        0
    };
    let header = Ipv6Repr {
        dscp: type_of_service >> 2,
        ecn: type_of_service & 3,
        hop_limit: quoted.time_to_live(),
        ..Ipv6Repr::new(source, destination, next_header)
    };
    header.emit(out)?;
    let field = out.as_mut_slice().get_mut(4..);
    if let Some(field) = field.and_then(<[u8]>::first_chunk_mut::<2>) {
        *field = u16::try_from(payload_length)
            .unwrap_or(u16::MAX)
            .to_be_bytes();
    }
    Ok(())
}
