//! Holding our packets against a kernel's.
//!
//! The two may choose different ports for a mapping. What ours corresponds to the kernel's is
//! learned from the first packet of a flow, must not change, and is put into packets that come in
//! later. Everything else must be equal, octet by octet, but for what a router's own messages leave open.

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use packet_buffer::IpPacketMut;
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::{IpPacket, IpProtocol};

/// A flow as seen from outside: protocol, outside address, the kernel's port or identifier, peer,
/// and its port.
type Flow = (u8, IpAddr, u16, IpAddr, u16);

/// An outside address and port.
type Outside = (IpAddr, u16);

/// Our ports for the kernel's, and our addresses where several are shared.
#[derive(Debug, Clone, Default)]
pub struct Translation {
    ours: BTreeMap<Flow, Outside>,
    /// The kernel's for ours: a bijection.
    kernels: BTreeMap<Flow, Outside>,
    /// The addresses that are shared.
    pool: Vec<IpAddr>,
}

/// How a packet of ours stands to the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Same,
    /// Not the same; what differs.
    Different(String),
}

impl Translation {
    /// For a translator that shares these addresses, and may choose any of them.
    pub fn of_pool(pool: Vec<IpAddr>) -> Self {
        Self {
            pool,
            ..Self::default()
        }
    }

    /// Puts our ports into a packet that comes in from outside. Checksums are patched, so that bad
    /// ones stay bad.
    pub fn rewrite(&self, octets: &mut [u8]) {
        if self.ours.is_empty() {
            return;
        }
        let Ok(ip) = IpPacket::parse(octets) else {
            return;
        };
        let (protocol, offset, is_error) = match &ip {
            IpPacket::V4(v4) => {
                let is_error = v4.protocol() == IpProtocol::ICMP
                    && matches!(v4.payload().first(), Some(3 | 4 | 5 | 11 | 12));
                (
                    v4.protocol(),
                    v4.header_len(),
                    is_error && v4.fragment_offset() == 0,
                )
            }
            IpPacket::V6(_) => return,
        };
        if is_error {
            self.rewrite_quoted(octets, offset);
            return;
        }
        let is_answer =
            protocol != IpProtocol::ICMP || matches!(octets.get(offset), Some(0 | 14 | 16 | 18));
        let Ok(mut packet) = IpPacketMut::parse(octets) else {
            return;
        };
        let (Some(from), Some(to)) = (packet.source_port(), packet.destination_port()) else {
            return;
        };
        let peer_port = if protocol == IpProtocol::ICMP {
            0
        } else {
            from
        };
        let flow = (
            protocol.0,
            packet.destination(),
            to,
            packet.source(),
            peer_port,
        );
        if let Some(ours) = self.ours.get(&flow).filter(|_| is_answer) {
            let _ = packet.set_destination(ours.0, Some(ours.1));
        }
    }

    /// The same in the packet that an ICMP error quotes, whose source is the outside end.
    fn rewrite_quoted(&self, octets: &mut [u8], offset: usize) {
        let Some((header, quote)) = octets.split_at_mut_checked(offset + 8) else {
            return;
        };
        let protocol = quote.get(9).copied().unwrap_or_default();
        let Ok(mut quoted) = IpPacketMut::parse_quoted(quote) else {
            return;
        };
        let Some(from) = quoted.source_port() else {
            return;
        };
        let to = quoted.destination_port().unwrap_or_default();
        let peer_port = if protocol == IpProtocol::ICMP.0 {
            0
        } else {
            to
        };
        let flow = (
            protocol,
            quoted.source(),
            from,
            quoted.destination(),
            peer_port,
        );
        if let Some(ours) = self.ours.get(&flow)
            && let Ok(delta) = quoted.set_source(ours.0, Some(ours.1))
        {
            patch(header, offset + 2, delta);
        }
    }

    /// Compares a forwarded packet.
    pub fn forwarded(&mut self, kernel: &[u8], ours: &[u8]) -> Comparison {
        let (kernel, mut own) = (normal(kernel), normal(ours));
        if kernel == own {
            return Comparison::Same;
        }
        if let Some(found) = self.learn(&kernel, &mut own)
            && kernel == own
        {
            let (flow, outside) = found;
            let reverse = (flow.0, outside.0, outside.1, flow.3, flow.4);
            let theirs = (flow.1, flow.2);
            let is_kept = *self.ours.entry(flow).or_insert(outside) == outside;
            let is_alone = *self.kernels.entry(reverse).or_insert(theirs) == theirs;
            if is_kept && is_alone {
                return Comparison::Same;
            }
            return Comparison::Different("another port for the same flow".to_owned());
        }
        let at = kernel.iter().zip(&own).position(|(a, b)| a != b);
        Comparison::Different(format!(
            "octet {} of {} and {}",
            at.unwrap_or_else(|| kernel.len().min(own.len())),
            kernel.len(),
            own.len(),
        ))
    }

    /// Puts the kernel's source port in place of ours, and its address if both are of the pool; the flow, and our
    /// outside end.
    fn learn(&self, kernel: &[u8], own: &mut [u8]) -> Option<(Flow, Outside)> {
        let mut copy = kernel.to_vec();
        let theirs = IpPacketMut::parse(&mut copy).ok()?;
        let (port, peer) = (theirs.source_port()?, theirs.destination());
        let protocol = *kernel.get(9)?;
        let peer_port = if protocol == IpProtocol::ICMP.0 {
            0
        } else {
            theirs.destination_port()?
        };
        let mut packet = IpPacketMut::parse(own).ok()?;
        let outside = (packet.source(), packet.source_port()?);
        let source = theirs.source();
        let is_shared = [source, outside.0]
            .iter()
            .all(|address| self.pool.contains(address));
        let source = if is_shared { source } else { outside.0 };
        packet.set_source(source, Some(port)).ok()?;
        Some(((protocol, source, port, peer, peer_port), outside))
    }

    /// Compares a message that the router itself has written: addresses, protocol, type, code,
    /// pointer or MTU, and what both quote.
    pub fn answered(kernel: &[u8], ours: &[u8]) -> Comparison {
        let (Ok(a), Ok(b)) = (IpPacket::parse(kernel), IpPacket::parse(ours)) else {
            return Comparison::Different("unreadable".to_owned());
        };
        if (a.source(), a.destination()) != (b.source(), b.destination()) {
            return Comparison::Different("addresses".to_owned());
        }
        let payload = |ip: &IpPacket<'_>| match ip {
            IpPacket::V4(v4) => (v4.protocol(), v4.payload().to_vec()),
            IpPacket::V6(v6) => (v6.next_header(), v6.payload().to_vec()),
        };
        let ((protocol, a), (other, b)) = (payload(&a), payload(&b));
        if protocol != other {
            return Comparison::Different("protocol".to_owned());
        }
        if protocol == IpProtocol::TCP {
            return if a.get(..14) == b.get(..14) {
                Comparison::Same
            } else {
                Comparison::Different("TCP header".to_owned())
            };
        }
        // Type and code; then all behind the checksum that both have.
        let length = a.len().min(b.len());
        let same = a.get(..2) == b.get(..2) && a.get(4..length) == b.get(4..length) && length >= 8;
        if same {
            Comparison::Same
        } else {
            Comparison::Different("ICMP message".to_owned())
        }
    }
}

/// Patches a checksum.
fn patch(octets: &mut [u8], at: usize, delta: ChecksumDelta) {
    if let Some([high, low]) = octets.get_mut(at..at + 2) {
        let checksum = u16::from_be_bytes([*high, *low]);
        [*high, *low] = delta.apply(checksum).to_be_bytes();
    }
}

/// The packet without what each side draws anew: the identification of IPv6 fragments.
fn normal(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    if octets.first().is_some_and(|first| first >> 4 == 6)
        && octets.get(6) == Some(&IpProtocol::FRAGMENT.0)
        && let Some(identification) = octets.get_mut(44..48)
    {
        identification.fill(0);
    }
    octets
}
