//! From IPv6 to IPv4 (RFC 7915 §5).

use super::icmp;
use super::translate::{
    Addresses, TranslateConfig, TranslateError, addresses_delta, checksum_offset, patch_echo,
    patch_transport, without_icmpv6_pseudo_header,
};
use core::net::Ipv4Addr;
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv6Message, Icmpv6Type, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Extension,
    Ipv6Packet, QuotedIpv6, QuotedPacket, UpperLayer,
};
use packet_buffer::{PacketBuf, ParseError, checksum};

/// The longest IPv4 packet that may still be fragmented on its way: the IPv6 packet that it was
/// went through every link.
const ALWAYS_FITS: usize = 1_260;

/// Translates an IPv6 packet in place into an IPv4 packet.
///
/// `identification` is for a packet that may be fragmented on its way, which is one of up to 1,260
/// octets; a fragment keeps the low 16 bits of its own. A hop limit that has run out and a packet
/// that is too long for the IPv4 link are the caller's (see [`Nat64`](super::Nat64)).
///
/// Checksums are patched, so that one that is wrong stays wrong; those of ICMPv6 errors are
/// verified and computed anew.
///
/// # Errors
///
/// [`TranslateError`], with the packet unchanged.
pub fn ipv6_to_ipv4(
    packet: &mut PacketBuf,
    addresses: &Addresses<Ipv4Addr>,
    config: &TranslateConfig,
    identification: u16,
) -> Result<(), TranslateError> {
    translate(packet, addresses, config, identification, false)
}

/// The same; a packet that `was_fragmented`, and was put together, may be fragmented again.
pub(super) fn translate(
    packet: &mut PacketBuf,
    addresses: &Addresses<Ipv4Addr>,
    config: &TranslateConfig,
    identification: u16,
    was_fragmented: bool,
) -> Result<(), TranslateError> {
    let ip = Ipv6Packet::parse(packet.as_slice())?;
    let upper = check_extensions(&ip)?;
    let (source, destination) = (addresses.source, addresses.destination);
    let mut header = Ipv4Repr {
        time_to_live: ip.hop_limit(),
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
        ..Ipv4Repr::new(source, destination, protocol_to_v4(upper.protocol))
    };
    if let Some(fragment) = upper.fragment {
        // RFC 7915 §5.1.1 MUST: offset, M and the low 16 bits of the identification are copied, and
        // the packet may be fragmented.
        header.fragment_offset = fragment.offset;
        header.more_fragments = fragment.more_fragments;
        header.identification = low_half(fragment.identification);
        header.dont_fragment = false;
    }

    if upper.protocol == IpProtocol::ICMPV6 {
        if upper.fragment.is_some_and(|fragment| !fragment.is_atomic()) {
            return Err(TranslateError::FragmentedIcmp);
        }
        let message = Icmpv6Message::parse(upper.payload)?;
        if message.message_type().is_error() {
            message.verify_checksum(&ip.pseudo_header())?;
            let mut out = translate_error(&message, addresses, config)?;
            set_flags(
                &mut header,
                out.len(),
                upper.fragment.is_some(),
                was_fragmented,
                identification,
            );
            header.emit(&mut out)?;
            packet.reset(PacketBuf::DEFAULT_HEADROOM);
            packet.append_slice(out.as_slice());
            return Ok(());
        }
        // RFC 7915 §5.2 MUST (queries): echoes become echoes; Neighbor Discovery, multicast
        // listeners and what is not known are dropped.
        let Some(echo) = icmp::echo_to_v4(message.message_type()) else {
            return Err(icmp::none(message.message_type().0, message.code()));
        };
        let length = upper.payload.len();
        let delta = without_icmpv6_pseudo_header(ip.source(), ip.destination(), length);
        set_flags(
            &mut header,
            length,
            upper.fragment.is_some(),
            was_fragmented,
            identification,
        );
        check_length(&header, length)?;
        strip(packet, upper.offset, length);
        patch_echo(packet.as_mut_slice(), echo.0, delta);
        header.emit(packet)?;
        return Ok(());
    }

    let is_start = upper.is_start();
    if is_start
        && let Some(at) = checksum_offset(upper.protocol)
        && upper.payload.len() < at + 2
    {
        return Err(TranslateError::Tiny);
    }
    let delta = addresses_delta(
        (source, destination),
        (ip.source(), ip.destination()),
        false,
    );
    let (protocol, offset, length) = (upper.protocol, upper.offset, upper.payload.len());
    set_flags(
        &mut header,
        length,
        upper.fragment.is_some(),
        was_fragmented,
        identification,
    );
    check_length(&header, length)?;
    strip(packet, offset, length);
    if is_start {
        // RFC 7915 §5.5 MUST: checksums that cover the pseudo-header are updated.
        patch_transport(protocol, packet.as_mut_slice(), delta);
    }
    header.emit(packet)?;
    Ok(())
}

/// Walks the extension headers, which have no counterpart and are left out.
// RFC 7915 §5.1 MUST NOT: a packet whose routing header has segments left is not translated.
pub(super) fn check_extensions<'a>(ip: &Ipv6Packet<'a>) -> Result<UpperLayer<'a>, TranslateError> {
    let extensions = ip.extensions()?;
    let mut pointer = Ipv6Packet::HEADER_LEN;
    let mut seen_fragment = false;
    for (_, extension) in extensions.iter() {
        match extension {
            Ipv6Extension::Routing(routing) if routing.segments_left > 0 => {
                return Err(TranslateError::SegmentsLeft {
                    pointer: u32::try_from(pointer + 3).unwrap_or(u32::MAX),
                });
            }
            Ipv6Extension::Authentication(_) => return Err(TranslateError::AuthenticationHeader),
            Ipv6Extension::Fragment(fragment) => {
                seen_fragment = !fragment.is_atomic();
                pointer += 8;
                continue;
            }
            _ => {}
        }
        if seen_fragment {
            return Err(TranslateError::HeadersInFragment);
        }
        let length = ip.as_slice().get(pointer + 1).copied().unwrap_or(0);
        pointer += 8 * (usize::from(length) + 1);
    }
    let upper = extensions.upper_layer();
    if upper.protocol.is_ipv6_extension() {
        // The headers of a first fragment are cut off.
        return Err(TranslateError::HeadersInFragment);
    }
    Ok(upper)
}

// RFC 7915 §5.1 MUST (df): a packet of up to 1260 octets may be fragmented, and has an identification
// of its own; a longer one may not.
fn set_flags(
    header: &mut Ipv4Repr,
    payload: usize,
    has_fragment: bool,
    was_fragmented: bool,
    identification: u16,
) {
    if has_fragment {
        return;
    }
    header.dont_fragment = !was_fragmented && payload + Ipv4Packet::MIN_HEADER_LEN > ALWAYS_FITS;
    if !header.dont_fragment {
        header.identification = identification;
    }
}

/// What [`Ipv4Repr::emit`] would refuse, before anything is changed.
fn check_length(header: &Ipv4Repr, payload: usize) -> Result<(), TranslateError> {
    let end = usize::from(header.fragment_offset) + payload;
    if end + Ipv4Packet::MIN_HEADER_LEN > usize::from(u16::MAX) {
        return Err(ParseError::bad_length("IPv6 payload length", 4, end).into());
    }
    if header.more_fragments && !payload.is_multiple_of(8) {
        return Err(ParseError::bad_length("IPv6 fragment payload", 4, payload).into());
    }
    Ok(())
}

/// Leaves `length` octets behind `offset` alone.
fn strip(packet: &mut PacketBuf, offset: usize, length: usize) {
    packet.trim_front(offset);
    packet.truncate(length);
}

const fn protocol_to_v4(protocol: IpProtocol) -> IpProtocol {
    match protocol {
        IpProtocol::ICMPV6 => IpProtocol::ICMP,
        other => other,
    }
}

fn low_half(word: u32) -> u16 {
    let [_, _, a, b] = word.to_be_bytes();
    u16::from_be_bytes([a, b])
}

/// The ICMPv4 error for an ICMPv6 error.
fn translate_error(
    message: &Icmpv6Message<'_>,
    addresses: &Addresses<Ipv4Addr>,
    config: &TranslateConfig,
) -> Result<PacketBuf, TranslateError> {
    let quoted = match message.quoted_packet() {
        Some(Ok(QuotedPacket::V6(quoted))) => quoted,
        Some(Err(error)) => return Err(error.into()),
        _ => return Err(icmp::none(message.message_type().0, message.code())),
    };
    let mut error = icmp::to_v4(&message.to_repr(), config)?;
    let inner = addresses.quoted.ok_or(TranslateError::NoQuotedAddresses)?;
    let mut out = PacketBuf::new();
    quoted_to_v4(&quoted, inner, config, &mut out)?;

    let extension = message.extension_octets();
    let room = ALWAYS_FITS - Ipv4Packet::MIN_HEADER_LEN - 8;
    let words = match &mut error {
        Icmpv4Repr::DestinationUnreachable { quoted_words, .. }
        | Icmpv4Repr::TimeExceeded { quoted_words, .. }
            if !extension.is_empty() && extension.len() < room - 128 =>
        {
            Some(quoted_words)
        }
        _ => None,
    };
    if let Some(words) = words {
        // RFC 7915 §5.2 MUST (extensions): the length of the quoted packet is set anew.
        let room = ((room - extension.len()) / 4 * 4).min(4 * usize::from(u8::MAX));
        out.truncate(room);
        let padded = out.len().next_multiple_of(4).max(128);
        out.append(padded - out.len());
        *words = u8::try_from(padded / 4).unwrap_or(0);
        out.append_slice(extension);
    } else {
        out.truncate(room);
    }
    error.emit(&mut out)?;
    Ok(out)
}

/// Writes what there is of a quoted packet into `out`, translated.
// RFC 7915 §5.3 MUST: the quoted packet is translated as any other, except for its hop limit.
fn quoted_to_v4(
    quoted: &QuotedIpv6<'_>,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    config: &TranslateConfig,
    out: &mut PacketBuf,
) -> Result<(), TranslateError> {
    let Some(upper) = quoted.upper_layer() else {
        let length = quoted.payload().len();
        return Err(ParseError::truncated("quoted IPv6 headers", 40, length + 1, length).into());
    };
    out.append_slice(upper.payload);
    let headers = upper.offset.saturating_sub(Ipv6Packet::HEADER_LEN);
    let length = usize::from(quoted.payload_length()).saturating_sub(headers);
    if upper.is_start() {
        if upper.protocol == IpProtocol::ICMPV6 {
            // RFC 7915 §5.3 MUST (nested): an error within an error is not translated.
            let Some(first) = upper.payload.first().copied() else {
                return Err(TranslateError::NestedError);
            };
            let echo = icmp::echo_to_v4(Icmpv6Type(first)).ok_or(TranslateError::NestedError)?;
            let delta = without_icmpv6_pseudo_header(quoted.source(), quoted.destination(), length);
            patch_echo(out.as_mut_slice(), echo.0, delta);
        } else {
            let delta = addresses_delta(
                (source, destination),
                (quoted.source(), quoted.destination()),
                false,
            );
            patch_transport(upper.protocol, out.as_mut_slice(), delta);
        }
    }
    let traffic_class = if config.copies_traffic_class {
        quoted.traffic_class()
    } else {
        0
    };
    let mut header = [0; Ipv4Packet::MIN_HEADER_LEN];
    let total = length + Ipv4Packet::MIN_HEADER_LEN;
    header[0] = 0x45;
    header[1] = traffic_class;
    let [a, b] = u16::try_from(total).unwrap_or(u16::MAX).to_be_bytes();
    header[2..4].copy_from_slice(&[a, b]);
    let word = match upper.fragment {
        Some(fragment) => {
            header[4..6].copy_from_slice(&low_half(fragment.identification).to_be_bytes());
            u16::from(fragment.more_fragments) << 13 | fragment.offset >> 3
        }
        None => u16::from(total > ALWAYS_FITS) << 14,
    };
    header[6..8].copy_from_slice(&word.to_be_bytes());
    header[8] = quoted.hop_limit();
    header[9] = protocol_to_v4(upper.protocol).0;
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    let sum = checksum::internet_checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    out.prepend_slice(&header);
    Ok(())
}
