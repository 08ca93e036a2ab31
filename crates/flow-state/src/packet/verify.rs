//! Checksums.

use super::{FlowPacket, Transport};
use packet_buffer::ParseError;
use packet_buffer::checksum::Sum;
use packet_buffer::wire::{IpPacket, IpProtocol, PseudoHeader};

/// Castagnoli's CRC, as SCTP uses it (RFC 9260 appendix A).
const CRC32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// The CRC32c of an SCTP packet, as its header has it, with the field itself taken as zero.
pub(crate) fn sctp_checksum(octets: &[u8]) -> Option<u32> {
    let (head, rest) = octets.split_first_chunk::<12>()?;
    let (before, _) = head.split_first_chunk::<8>()?;
    let mut digest = CRC32C.digest();
    digest.update(before);
    digest.update(&[0; 4]);
    digest.update(rest);
    Some(digest.finalize().swap_bytes())
}

/// Checks what nearly all packets have, TCP over IPv4, without a detour.
#[inline]
pub(super) fn verify(packet: &FlowPacket<'_>) -> Result<(), ParseError> {
    if let (IpPacket::V4(ip), Transport::Tcp(_), false) =
        (packet.ip(), packet.transport(), packet.is_fragment())
    {
        let octets = packet.transport_octets();
        let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
        let sum = Sum::new()
            .add_u32(ip.source().to_bits())
            .add_u32(ip.destination().to_bits())
            .add_u16(u16::from(IpProtocol::TCP.0))
            .add_u16(length)
            .add_bytes(octets);
        if sum.is_valid() && ip.verify_checksum().is_ok() {
            return Ok(());
        }
    }
    verify_any(packet)
}

#[inline(never)]
fn verify_any(packet: &FlowPacket<'_>) -> Result<(), ParseError> {
    if let IpPacket::V4(ip) = packet.ip() {
        ip.verify_checksum()?;
    }
    // The octets that a transport checksum covers are spread over the fragments.
    if packet.is_fragment() {
        return Ok(());
    }
    let octets = packet.transport_octets();
    let pseudo_header = packet.ip().pseudo_header();
    let (is_valid, what, at) = match packet.transport() {
        Transport::Tcp(_) => {
            let is_valid = over(&pseudo_header, IpProtocol::TCP, octets);
            (is_valid, "TCP checksum", 16)
        }
        Transport::Udp(datagram) if packet.protocol() == IpProtocol::UDP => {
            // RFC 768: zero is none. RFC 8200 §8.1: over IPv6 there must be one.
            let is_valid = match datagram.checksum {
                0 => !packet.key().is_ipv6(),
                _ => octets
                    .get(..8 + datagram.payload.len())
                    .is_some_and(|octets| over(&pseudo_header, IpProtocol::UDP, octets)),
            };
            (is_valid, "UDP checksum", 6)
        }
        Transport::Udp(_) => (
            udp_lite_is_valid(&pseudo_header, octets),
            "UDP-Lite checksum",
            6,
        ),
        Transport::IcmpQuery(_) | Transport::IcmpError(_) | Transport::IcmpOther { .. } => {
            let is_valid = if packet.key().is_ipv6() {
                over(&pseudo_header, IpProtocol::ICMPV6, octets)
            } else {
                Sum::new().add_bytes(octets).is_valid()
            };
            (is_valid, "ICMP checksum", 2)
        }
        Transport::Sctp(header) => {
            let is_valid = sctp_checksum(octets) == Some(header.checksum);
            (is_valid, "SCTP checksum", 8)
        }
        Transport::Dccp(_) => (dccp_is_valid(&pseudo_header, octets), "DCCP checksum", 6),
        _ => return Ok(()),
    };
    if is_valid {
        return Ok(());
    }
    let found = word_at(octets, at);
    Err(ParseError::bad_checksum(what, at, found).offset_by(packet.transport_offset()))
}

fn word_at(octets: &[u8], at: usize) -> u16 {
    match octets.get(at..) {
        Some([high, low, ..]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

fn over(pseudo_header: &PseudoHeader, protocol: IpProtocol, octets: &[u8]) -> bool {
    pseudo_header
        .sum(protocol, octets.len())
        .add_bytes(octets)
        .is_valid()
}

/// RFC 3828 §3.1: the checksum covers as many octets as the header says, 0 for all.
fn udp_lite_is_valid(pseudo_header: &PseudoHeader, octets: &[u8]) -> bool {
    let coverage = match usize::from(word_at(octets, 4)) {
        0 => octets.len(),
        1..8 => return false,
        coverage => coverage,
    };
    let Some(covered) = octets.get(..coverage) else {
        return false;
    };
    word_at(octets, 6) != 0
        && pseudo_header
            .sum(IpProtocol::UDP_LITE, octets.len())
            .add_bytes(covered)
            .is_valid()
}

/// RFC 4340 §9.2: the checksum covers the header and as many words of data as the coverage says, all of it for 0.
fn dccp_is_valid(pseudo_header: &PseudoHeader, octets: &[u8]) -> bool {
    let [_, _, _, _, offset, coverage, ..] = *octets else {
        return false;
    };
    let covered = match coverage & 0x0f {
        0 => octets.len(),
        words => (usize::from(offset) + usize::from(words) - 1) * 4,
    };
    let Some(covered) = octets.get(..covered) else {
        return false;
    };
    pseudo_header
        .sum(IpProtocol::DCCP, octets.len())
        .add_bytes(covered)
        .is_valid()
}
