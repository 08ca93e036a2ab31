//! The sender of a bundle.

use super::header::FragmentHeader;
use packet_buffer::PacketBuf;

/// A link of a bundle, as its sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberLink {
    /// Octets of information that a packet on it may have: the peer's MRU.
    pub mru: usize,
    /// Its share of the traffic beside the others: octets per second, say. 0 to send nothing.
    pub weight: u32,
}

/// Splits PPP packets and spreads them over the links of a bundle.
///
/// A packet is cut into pieces by the weights of the links, so that all of them end at about the same
/// time; pieces are not made shorter than a configured length, since each costs a header.
#[derive(Debug, Clone)]
pub struct Fragmenter {
    is_short: bool,
    min_fragment: usize,
    sequence: u32,
    /// Where the next packet begins.
    turn: usize,
}

impl Fragmenter {
    /// A fragmenter with the short header or the long one. Pieces have `min_fragment` octets at
    /// least, where a link takes as many.
    pub const fn new(is_short: bool, min_fragment: usize) -> Self {
        Self {
            is_short,
            min_fragment,
            sequence: 0,
            turn: 0,
        }
    }

    /// Splits a PPP packet, protocol and information, for these links, and hands each fragment, the
    /// information field of a multilink packet, to `send` with the number of its link. False when no
    /// link can carry anything.
    // RFC 1990 §3 MUST (sequence): fragments of the bundle are numbered one after the other.
    pub fn fragment(
        &mut self,
        packet: &[u8],
        links: &[MemberLink],
        mut send: impl FnMut(usize, PacketBuf),
    ) -> bool {
        let header_len = FragmentHeader::len(self.is_short);
        let room = |link: &MemberLink| {
            if link.weight == 0 {
                0
            } else {
                link.mru.saturating_sub(header_len)
            }
        };
        let total: u64 = links
            .iter()
            .filter(|link| room(link) > 0)
            .map(|link| u64::from(link.weight))
            .sum();
        if total == 0 {
            return false;
        }
        let mut rest = packet;
        let mut begins = true;
        while begins || !rest.is_empty() {
            let number = self.turn % links.len().max(1);
            self.turn = number + 1;
            let Some(link) = links.get(number).filter(|link| room(link) > 0) else {
                continue;
            };
            let length = u64::try_from(packet.len()).unwrap_or(u64::MAX);
            let share = length.saturating_mul(link.weight.into()).div_ceil(total);
            let share = usize::try_from(share).unwrap_or(usize::MAX);
            let piece = share.max(self.min_fragment).max(1).min(room(link));
            let (fragment, left) = rest.split_at(piece.min(rest.len()));
            rest = left;
            let header = FragmentHeader {
                begins,
                ends: rest.is_empty(),
                sequence: self.sequence,
            };
            self.sequence = self.sequence.wrapping_add(1)
                & ((1 << FragmentHeader::sequence_bits(self.is_short)) - 1);
            let mut out = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, fragment);
            header.emit(&mut out, self.is_short);
            send(number, out);
            begins = false;
        }
        true
    }
}
