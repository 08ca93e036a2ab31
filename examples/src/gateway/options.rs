//! IPv4 options that concern a router (RFC 791 §3.1, RFC 1812 §4.2.2.6 and §5.2.4).
#![expect(
    clippy::indexing_slicing,
    reason = "a parsed header has all octets of its options"
)]

use core::net::Ipv4Addr;
use packet_buffer::Instant;
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::{IpPacket, Ipv4Packet, Ipv6Extension, Ipv6OptionKind};

const RECORD_ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;

/// Whether the sender wants to say by which way the packet goes.
pub(super) fn is_source_routed(ip: &IpPacket<'_>) -> bool {
    let IpPacket::V4(v4) = ip else {
        return false;
    };
    v4.options()
        .iter()
        .any(|option| matches!(option.kind, LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE))
}

/// Whether a hop-by-hop option of an IPv6 packet asks routers that do not know it to discard the
/// packet (RFC 8200 §4.2).
pub(super) fn must_be_discarded(ip: &IpPacket<'_>) -> bool {
    let IpPacket::V6(v6) = ip else {
        return false;
    };
    let Ok(extensions) = v6.extensions() else {
        return false;
    };
    extensions.iter().any(|(_, extension)| match extension {
        Ipv6Extension::HopByHop(options) => options.iter().any(|option| {
            let kind = Ipv6OptionKind(option.kind);
            kind.name().is_none() && kind.action_if_unknown() != 0
        }),
        _ => false,
    })
}

/// Writes the address of the interface by which the packet goes out, and the time, where an option
/// has room for it.
pub(super) fn fill(octets: &mut [u8], address: Ipv4Addr, now: Instant) {
    let Ok(packet) = Ipv4Packet::parse(octets) else {
        return;
    };
    let end = packet.header_len();
    let mut at = Ipv4Packet::MIN_HEADER_LEN;
    let mut delta = ChecksumDelta::new();
    while at < end {
        match octets[at] {
            0 => break,
            1 => at += 1,
            kind => {
                // The view has checked the lengths of all options.
                let length = usize::from(octets[at + 1]);
                let option = &mut octets[at..at + length];
                let before = option.to_vec();
                match kind {
                    RECORD_ROUTE => record_route(option, address),
                    TIMESTAMP => timestamp(option, address, now),
                    _ => {}
                }
                delta = delta.and(change(&before, option, at));
                at += length;
            }
        }
    }
    let checksum = u16::from_be_bytes([octets[10], octets[11]]);
    octets[10..12].copy_from_slice(&delta.apply(checksum).to_be_bytes());
}

/// How a checksum changes by octets that start at `at` of what it covers.
fn change(before: &[u8], after: &[u8], at: usize) -> ChecksumDelta {
    let mut delta = ChecksumDelta::new();
    for (index, (old, new)) in before.iter().zip(after).enumerate() {
        let word = |octet: u8| {
            if (at + index).is_multiple_of(2) {
                u16::from_be_bytes([octet, 0])
            } else {
                u16::from(octet)
            }
        };
        if old != new {
            delta = delta.replace_u16(word(*old), word(*new));
        }
    }
    delta
}

/// Type, length, pointer (from 1), addresses.
fn record_route(option: &mut [u8], address: Ipv4Addr) {
    let Some(pointer) = option.get(2).map(|&pointer| usize::from(pointer)) else {
        return;
    };
    if pointer >= 4
        && let Some(place) = option.get_mut(pointer - 1..pointer + 3)
    {
        place.copy_from_slice(&address.octets());
        option[2] += 4;
    }
}

/// Type, length, pointer, overflow and flag, times with or without addresses.
fn timestamp(option: &mut [u8], address: Ipv4Addr, now: Instant) {
    let [_, _, pointer, overflow_and_flag, ..] = *option else {
        return;
    };
    let (pointer, flag) = (usize::from(pointer), overflow_and_flag & 0x0f);
    // RFC 791 §3.1: milliseconds since midnight, with the highest bit set where that is not known.
    let millis = u32::try_from(now.as_millis() % 86_400_000).unwrap_or_default() | 0x8000_0000;
    let size = if flag == 0 { 4 } else { 8 };
    if pointer < 5 || flag > 1 {
        return;
    }
    match option.get_mut(pointer - 1..pointer - 1 + size) {
        Some(place) if size == 8 => {
            place[..4].copy_from_slice(&address.octets());
            place[4..].copy_from_slice(&millis.to_be_bytes());
            option[2] += 8;
        }
        Some(place) => {
            place.copy_from_slice(&millis.to_be_bytes());
            option[2] += 4;
        }
        // The overflow counts routers that found no room.
        None if overflow_and_flag < 0xf0 => option[3] += 0x10,
        None => {}
    }
}
