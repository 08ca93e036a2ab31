//! Putting packets together, and cutting them again as they came.
#![expect(
    clippy::indexing_slicing,
    reason = "a parsed IPv4 header has twenty octets"
)]

use alloc::collections::BTreeMap;
use packet_buffer::fragment::{
    Fragment, FragmentKey, Ipv4Fragmenter, Ipv6Fragmenter, Reassembler, ReassemblerConfig,
    ReassemblerConfigError, Reassembly,
};
use packet_buffer::wire::{IpPacket, Ipv4Packet};
use packet_buffer::{Instant, PacketBuf};

/// What became of a packet that may be a fragment.
pub(super) enum Taken {
    /// It is whole; the largest fragment that it came in, in octets.
    Whole(Option<usize>),
    /// Others are missing.
    Held,
    /// It cannot be right.
    Refused,
}

/// A reassembler, and how large the fragments of each packet were.
pub(super) struct Defragmenter {
    reassembler: Reassembler,
    /// Bounded as the reassembler is: entries of packets that it gives up go at its next timeout.
    largest: BTreeMap<FragmentKey, usize>,
    most: usize,
}

impl Defragmenter {
    pub(super) fn new(config: ReassemblerConfig) -> Result<Self, ReassemblerConfigError> {
        Ok(Self {
            reassembler: Reassembler::new(config)?,
            largest: BTreeMap::new(),
            most: 2 * config.max_datagrams,
        })
    }

    /// Takes a packet in; `out` holds it, or the whole one.
    pub(super) fn insert(
        &mut self,
        now: Instant,
        zone: u32,
        ip: &IpPacket<'_>,
        out: &mut PacketBuf,
    ) -> Taken {
        let key = match Fragment::parse(zone, ip) {
            Ok(None) => return Taken::Whole(None),
            Ok(Some(fragment)) => fragment.key(),
            Err(_) => return Taken::Refused,
        };
        // A fragment that comes late starts anew.
        self.reassembler.handle_timeout(now);
        while self.reassembler.poll_event().is_some() {}
        match self.reassembler.insert(now, zone, ip, out) {
            Ok(Reassembly::NotAFragment | Reassembly::Atomic) => Taken::Whole(None),
            Ok(Reassembly::Incomplete) => {
                if self.largest.len() >= self.most {
                    self.largest.clear();
                }
                let largest = self.largest.entry(key).or_default();
                *largest = (*largest).max(ip.as_slice().len());
                Taken::Held
            }
            Ok(Reassembly::Complete) => {
                let largest = self.largest.remove(&key).unwrap_or_default();
                Taken::Whole(Some(largest.max(ip.as_slice().len())))
            }
            Ok(Reassembly::Abandoned(_)) => {
                self.largest.remove(&key);
                Taken::Refused
            }
            Err(_) => Taken::Refused,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.reassembler.handle_timeout(now);
        while self.reassembler.poll_event().is_some() {}
        if self.reassembler.datagrams() == 0 {
            self.largest.clear();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.reassembler.poll_timeout()
    }
}

/// The packet in pieces of at most `mtu` octets; as it is when it fits. One that came in fragments
/// may be cut whatever its header says.
pub(super) fn cut(
    mut packet: PacketBuf,
    mtu: usize,
    came_in_fragments: bool,
    identification: u32,
) -> Vec<PacketBuf> {
    if packet.len() <= mtu {
        return vec![packet];
    }
    if came_in_fragments {
        clear_dont_fragment(packet.as_mut_slice());
    }
    let mut pieces = Vec::new();
    let mut piece = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
    match IpPacket::parse(packet.as_slice()) {
        Ok(IpPacket::V4(v4)) => {
            if let Ok(mut fragmenter) = Ipv4Fragmenter::new(&v4, mtu) {
                while fragmenter.next_fragment(&mut piece) {
                    pieces.push(piece.clone());
                }
            }
        }
        Ok(IpPacket::V6(v6)) => {
            let mtu = mtu.max(Ipv6Fragmenter::MIN_MTU);
            if let Ok(mut fragmenter) = Ipv6Fragmenter::new(&v6, mtu, identification) {
                while fragmenter.next_fragment(&mut piece) {
                    pieces.push(piece.clone());
                }
            }
        }
        Err(_) => {}
    }
    pieces
}

/// Takes the "don't fragment" mark off, and patches the checksum.
fn clear_dont_fragment(octets: &mut [u8]) {
    let is_marked = Ipv4Packet::parse(octets).is_ok_and(|packet| packet.dont_fragment());
    if is_marked {
        let old = u16::from_be_bytes([octets[6], octets[7]]);
        let new = old & !0x4000;
        let checksum = u16::from_be_bytes([octets[10], octets[11]]);
        let delta = packet_buffer::checksum::ChecksumDelta::new().replace_u16(old, new);
        octets[6..8].copy_from_slice(&new.to_be_bytes());
        octets[10..12].copy_from_slice(&delta.apply(checksum).to_be_bytes());
    }
}
