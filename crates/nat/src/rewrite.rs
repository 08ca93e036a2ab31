//! Changing addresses, ports and identifiers of a packet, with the checksums that cover them.

use core::net::Ipv4Addr;
use flow_table::Ipv4FlowKey;
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::IpProtocol;

/// Where the parts of an IPv4 packet are that a translation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Where the transport header starts, in octets from the start of the packet.
    pub transport: usize,
    /// What the transport header is; `None` in later fragments, which have none.
    pub protocol: Option<IpProtocol>,
    /// Where the packet ends; what follows is padding of the link.
    pub end: usize,
}

/// How the octets that checksums cover change.
#[derive(Clone, Copy)]
struct Deltas {
    addresses: ChecksumDelta,
    ports: ChecksumDelta,
}

#[inline]
fn deltas(from: &Ipv4FlowKey, to: &Ipv4FlowKey) -> Deltas {
    Deltas {
        addresses: ChecksumDelta::new()
            .replace_u32(from.source().to_bits(), to.source().to_bits())
            .replace_u32(from.destination().to_bits(), to.destination().to_bits()),
        ports: ChecksumDelta::new()
            .replace_u16(from.source_port(), to.source_port())
            .replace_u16(from.destination_port(), to.destination_port()),
    }
}

/// Turns a packet of the flow `from` into one of the flow `to`, in place.
///
/// The packet has been parsed: its headers are there. Checksums are patched, so that one that was
/// wrong stays wrong (RFC 1624), and a UDP checksum of zero stays zero. `from` and `to` have the
/// ports that [`FlowPacket`](flow_state::FlowPacket) gives keys: of an ICMP query, the identifier
/// and the query's class.
// RFC 768: a UDP checksum of zero is none; computed as zero, it is sent as all ones.
#[inline]
pub fn translate(packet: &mut [u8], layout: &Layout, from: &Ipv4FlowKey, to: &Ipv4FlowKey) {
    let deltas = deltas(from, to);
    let Some(packet) = packet.get_mut(..layout.end) else {
        return;
    };
    let Some((header, transport)) = packet.split_at_mut_checked(layout.transport) else {
        return;
    };
    if let Some(header) = header.first_chunk_mut::<20>() {
        header[12..16].copy_from_slice(&to.source().octets());
        header[16..20].copy_from_slice(&to.destination().octets());
        patch(header, 10, |old| deltas.addresses.apply(old));
    }
    let both = deltas.addresses.and(deltas.ports);
    match layout.protocol {
        Some(IpProtocol::TCP) => {
            if let Some(header) = transport.first_chunk_mut::<20>() {
                header[..4].copy_from_slice(&port_octets(to));
                patch(header, 16, |old| both.apply(old));
            }
        }
        Some(IpProtocol::UDP | IpProtocol::UDP_LITE) => {
            if let Some(header) = transport.first_chunk_mut::<8>() {
                header[..4].copy_from_slice(&port_octets(to));
                patch(header, 6, |old| both.apply_udp(old));
            }
        }
        other => translate_rare(transport, other, from, to, deltas.ports, both),
    }
}

/// The translation of transport headers that few packets have.
#[inline(never)]
fn translate_rare(
    transport: &mut [u8],
    protocol: Option<IpProtocol>,
    from: &Ipv4FlowKey,
    to: &Ipv4FlowKey,
    ports: ChecksumDelta,
    both: ChecksumDelta,
) {
    match protocol {
        Some(IpProtocol::DCCP) => {
            write_ports(transport, to);
            patch(transport, 6, |old| both.apply(old));
        }
        Some(IpProtocol::ICMP) => {
            // One of the two ports is the identifier, and the other does not change.
            let (old, new) = if from.source_port() == to.source_port() {
                (from.destination_port(), to.destination_port())
            } else {
                (from.source_port(), to.source_port())
            };
            if old != new {
                write(transport, 4, new);
                patch(transport, 2, |old| ports.apply(old));
            }
        }
        Some(IpProtocol::SCTP) if ports_differ(from, to) => {
            write_ports(transport, to);
            crate::sctp::write_checksum(transport);
        }
        // The call id of PPTP's version 1; other tunnels have no port.
        Some(IpProtocol::GRE) if from.destination_port() != to.destination_port() => {
            write(transport, 6, to.destination_port());
        }
        _ => {}
    }
}

/// Whether a translation changes a port.
pub(crate) const fn ports_differ(from: &Ipv4FlowKey, to: &Ipv4FlowKey) -> bool {
    from.source_port() != to.source_port() || from.destination_port() != to.destination_port()
}

/// Gives an IPv4 packet another identification.
pub(crate) fn set_identification(packet: &mut [u8], identification: u16) {
    if let Some(header) = packet.first_chunk_mut::<20>() {
        let old = u16::from_be_bytes([header[4], header[5]]);
        header[4..6].copy_from_slice(&identification.to_be_bytes());
        let delta = ChecksumDelta::new().replace_u16(old, identification);
        patch(header, 10, |old| delta.apply(old));
    }
}

/// Gives the IPv4 packet other addresses, and leaves its payload alone: for later fragments.
pub(crate) fn set_addresses(packet: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr) {
    if let Some(header) = packet.first_chunk_mut::<20>() {
        let delta = ChecksumDelta::new()
            .replace_u32(word(header, 12), source.to_bits())
            .replace_u32(word(header, 16), destination.to_bits());
        header[12..16].copy_from_slice(&source.octets());
        header[16..20].copy_from_slice(&destination.octets());
        patch(header, 10, |old| delta.apply(old));
    }
}

/// Lowers the maximum segment size that a TCP SYN announces to `limit`, and patches the checksum.
/// `segment` is the TCP header and what follows it. Returns whether it was changed.
pub(crate) fn clamp_mss(segment: &mut [u8], limit: u16) -> bool {
    let end = segment
        .get(12)
        .map_or(0, |octet| usize::from(octet >> 4) * 4);
    let mut at = 20;
    while let Some(&[kind, length]) = segment.get(at..at + 2) {
        if at >= end || kind == 0 {
            return false;
        }
        if kind == 1 {
            at += 1;
            continue;
        }
        if kind == 2 && length == 4 && at + 4 <= end {
            let Some(&[high, low]) = segment.get(at + 2..at + 4) else {
                return false;
            };
            let old = u16::from_be_bytes([high, low]);
            if old <= limit {
                return false;
            }
            write(segment, at + 2, limit);
            // At an odd offset, the octets of the number lie in two words of the sum.
            let (old, new) = if at % 2 == 0 {
                (old, limit)
            } else {
                (old.swap_bytes(), limit.swap_bytes())
            };
            let delta = ChecksumDelta::new().replace_u16(old, new);
            patch(segment, 16, |old| delta.apply(old));
            return true;
        }
        at += usize::from(length).max(2);
    }
    false
}

/// The 32 bits at `at`.
fn word(header: &[u8; 20], at: usize) -> u32 {
    let word = header.get(at..).and_then(<[u8]>::first_chunk);
    u32::from_be_bytes(*word.unwrap_or(&[0; 4]))
}

fn write_ports(transport: &mut [u8], to: &Ipv4FlowKey) {
    if let Some(field) = transport.first_chunk_mut() {
        *field = port_octets(to);
    }
}

/// Both ports, as the header has them.
#[inline]
const fn port_octets(key: &Ipv4FlowKey) -> [u8; 4] {
    let ports = (key.source_port() as u32) << 16 | key.destination_port() as u32;
    ports.to_be_bytes()
}

fn write(octets: &mut [u8], at: usize, value: u16) {
    if let Some(field) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *field = value.to_be_bytes();
    }
}

/// Patches the checksum field at `at`.
#[inline]
pub(crate) fn patch(octets: &mut [u8], at: usize, apply: impl FnOnce(u16) -> u16) {
    if let Some(field) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        *field = apply(u16::from_be_bytes(*field)).to_be_bytes();
    }
}
