//! What paths carry of TCP's segments.

use super::HostNode;
use icmp_nd::pmtu;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{IpPacket, TcpFlags, TcpSegment};

impl HostNode {
    /// A segment cut to what its path carries. The stack keeps its maximum segment size for the life of a
    /// connection, where a path may turn out narrower (RFC 1191 §6.5, RFC 8201 §5.4).
    pub(super) fn fit_path(&self, octets: &[u8]) -> Vec<PacketBuf> {
        let whole = || vec![PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, octets)];
        let Ok(ip) = IpPacket::parse(octets) else {
            return whole();
        };
        let link_mtu = match &ip {
            IpPacket::V4(_) => self.host.config().ipv4_mtu,
            IpPacket::V6(_) => self.host.nd().link_mtu(),
        };
        let path = pmtu::Path::to(ip.destination());
        let limit = self.host.path_mtu().lookup(&path, link_mtu).mtu;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if octets.len() <= limit {
            return whole();
        }
        cut_segment(&ip, limit).unwrap_or_else(whole)
    }
}

/// A TCP segment as several; `None` when it is none that can be cut.
fn cut_segment(ip: &IpPacket<'_>, limit: usize) -> Option<Vec<PacketBuf>> {
    let payload = match ip {
        IpPacket::V4(v4) => v4.payload(),
        IpPacket::V6(v6) => v6.upper_layer().ok()?.payload,
    };
    let segment = TcpSegment::parse(payload).ok()?;
    let headers = ip.as_slice().len().checked_sub(segment.payload().len())?;
    let room = limit.checked_sub(headers).filter(|room| *room > 0)?;
    let mut pieces = Vec::new();
    let mut sequence_number = segment.sequence_number();
    let mut chunks = segment.payload().chunks(room).peekable();
    while let Some(chunk) = chunks.next() {
        let mut repr = segment.to_repr();
        repr.sequence_number = sequence_number;
        if chunks.peek().is_some() {
            // What ends the data belongs to the last.
            repr.flags = TcpFlags(repr.flags.0 & !(TcpFlags::FIN | TcpFlags::PSH).0);
        }
        let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, chunk);
        repr.emit(&mut packet, &ip.pseudo_header()).ok()?;
        match ip {
            IpPacket::V4(v4) => v4.to_repr().emit(&mut packet).ok()?,
            IpPacket::V6(v6) => v6.to_repr().emit(&mut packet).ok()?,
        }
        pieces.push(packet);
        sequence_number = sequence_number.wrapping_add(u32::try_from(chunk.len()).ok()?);
    }
    Some(pieces)
}
