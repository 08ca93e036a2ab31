//! The fragments of one datagram.

use super::{AbandonReason, Fragment, FragmentDiscard, FragmentKey, MAX_LENGTH, UNIT};
use super::{patch_ipv4, patch_ipv6};
use crate::PacketBuf;
use crate::wire::IpProtocol;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// ECN code points (RFC 3168 §5).
const NOT_ECT: u8 = 0b00;
const CE: u8 = 0b11;

/// Fragments of one datagram that have arrived, none of which overlap.
///
/// RFC 815 keeps a list of holes inside one buffer of the full size. Here the fragments themselves
/// are kept, sorted: what is missing follows from them, and a single octet at the far end does not
/// make anyone allocate 64 KiB.
#[derive(Debug, Default)]
pub(super) struct Datagram {
    pieces: Vec<Piece>,
    /// Payload octets in all pieces.
    received: usize,
    /// Where the datagram ends, once the last fragment has arrived.
    end: Option<u16>,
    /// What the first fragment, which is `pieces[0]` then, says about its headers.
    first: Option<Headers>,
    /// One bit for each ECN code point that was seen.
    ecn_seen: u8,
}

#[derive(Debug)]
struct Piece {
    start: u16,
    end: u16,
    /// The payload; of the first fragment, the whole packet.
    octets: Box<[u8]>,
}

#[derive(Debug, Clone, Copy)]
struct Headers {
    len: usize,
    next_header_at: usize,
    protocol: IpProtocol,
    ecn: u8,
}

/// Where a fragment belongs among those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In front of the piece with this index.
    At(usize),
    /// Nowhere: the datagram cannot be right.
    Nowhere(AbandonReason),
}

impl Datagram {
    /// How many fragments are there.
    pub(super) fn fragments(&self) -> usize {
        self.pieces.len()
    }

    /// Octets that [`store`](Self::store) copies.
    pub(super) fn stored_octets(fragment: &Fragment<'_>) -> usize {
        Self::octets_to_store(fragment).len()
    }

    /// Octets that the pieces are charged for, counted anew.
    #[cfg(test)]
    pub(super) fn counted_octets(&self) -> usize {
        let of = |piece: &Piece| piece.octets.len() + PIECE_OVERHEAD;
        self.pieces.iter().map(of).sum()
    }

    /// Of the first fragment the headers are needed too, and what follows them when the time runs
    /// out and an ICMP message quotes the fragment.
    fn octets_to_store<'a>(fragment: &Fragment<'a>) -> &'a [u8] {
        if fragment.is_first() {
            fragment.as_slice()
        } else {
            fragment.payload()
        }
    }

    /// Finds the place of a fragment.
    ///
    /// # Errors
    ///
    /// Duplicate.
    pub(super) fn place(&self, fragment: &Fragment<'_>) -> Result<Place, FragmentDiscard> {
        let (start, end, is_last) = (
            fragment.offset(),
            fragment.end(),
            !fragment.more_fragments(),
        );
        let furthest = self.pieces.last().map_or(0, |piece| piece.end);
        let conflicts = match self.end {
            Some(known) if is_last => end != known,
            Some(known) => end >= known,
            None => is_last && end < furthest,
        };
        if conflicts {
            return Ok(Place::Nowhere(AbandonReason::ConflictingEnd));
        }
        let index = self.pieces.partition_point(|piece| piece.start < start);
        let before = index
            .checked_sub(1)
            .and_then(|index| self.pieces.get(index));
        let after = self.pieces.get(index);
        if let Some(same) = after.filter(|piece| piece.start == start && piece.end == end)
            && is_last == (self.end == Some(end))
            && self.payload_of(same) == fragment.payload()
        {
            // RFC 8200 §4.5 MAY (duplicate): a fragment that is exactly a duplicate of another is
            // ignored, and the datagram lives on.
            return Err(FragmentDiscard::Duplicate);
        }
        if before.is_some_and(|piece| piece.end > start)
            || after.is_some_and(|piece| piece.start < end)
        {
            return Ok(Place::Nowhere(AbandonReason::Overlap));
        }
        Ok(Place::At(index))
    }

    /// Keeps a copy of a fragment at the place that [`place`](Self::place) has found for it.
    pub(super) fn store(&mut self, index: usize, fragment: &Fragment<'_>) {
        if fragment.is_first() {
            self.first = Some(Headers {
                len: fragment.header_len(),
                next_header_at: fragment.next_header_at(),
                protocol: fragment.protocol(),
                ecn: fragment.ecn(),
            });
        }
        if !fragment.more_fragments() {
            self.end = Some(fragment.end());
        }
        self.received += fragment.payload().len();
        self.ecn_seen |= 1 << fragment.ecn();
        let piece = Piece {
            start: fragment.offset(),
            end: fragment.end(),
            octets: Self::octets_to_store(fragment).into(),
        };
        self.pieces.insert(index.min(self.pieces.len()), piece);
    }

    /// Whether nothing is missing. Pieces do not overlap and none reaches behind the end, so
    /// counting is enough.
    pub(super) fn is_complete(&self) -> bool {
        self.end
            .is_some_and(|end| self.received == usize::from(end))
    }

    /// The first fragment as it was received, headers first.
    pub(super) fn first_fragment(&self) -> Option<&[u8]> {
        self.first?;
        self.pieces.first().map(|piece| &*piece.octets)
    }

    /// Writes the whole packet into `out`, in place of what is there. The datagram is complete.
    ///
    /// # Errors
    ///
    /// With `out` unchanged: too long; ECN conflict.
    pub(super) fn assemble(
        &self,
        key: &FragmentKey,
        out: &mut PacketBuf,
    ) -> Result<(), AbandonReason> {
        let (Some(first), Some(packet)) = (self.first, self.first_fragment()) else {
            return Ok(());
        };
        let ecn = self.ecn(first.ecn)?;
        // RFC 8200 §4.5 MUST (unfragmentable): the headers in front of the fragment header of the
        // first fragment are those of the packet, whatever the other fragments have there.
        let (headers, counted) = match key {
            FragmentKey::V4 { .. } => (first.len, first.len),
            FragmentKey::V6 { .. } => (first.len - UNIT, first.len - UNIT - 40),
        };
        if counted + self.received > MAX_LENGTH {
            return Err(AbandonReason::TooLong);
        }
        out.clear();
        out.append_slice(packet.get(..headers).unwrap_or_default());
        for piece in &self.pieces {
            out.append_slice(self.payload_of(piece));
        }
        match key {
            FragmentKey::V4 { .. } => {
                // RFC 791 §3.2 MUST (whole): the packet has the header of the first fragment, with
                // the total length that it now has, and is no fragment.
                let flags = u16::from(packet.get(6).copied().unwrap_or_default() & 0xc0) << 8;
                patch_ipv4(out.as_mut_slice(), headers, flags, ecn);
            }
            FragmentKey::V6 { .. } => {
                // RFC 8200 §4.5 MUST (next-header): what follows the headers is what the fragment
                // header of the first fragment says.
                patch_ipv6(
                    out.as_mut_slice(),
                    first.next_header_at,
                    first.protocol,
                    ecn,
                );
            }
        }
        Ok(())
    }

    /// What the ECN field of the whole packet says, where that of the first fragment says `first`.
    fn ecn(&self, first: u8) -> Result<u8, AbandonReason> {
        // RFC 3168 §5.3 MUST (ce): where any fragment says that congestion was experienced, the
        // packet says so, or it is dropped.
        if self.ecn_seen & 1 << CE == 0 {
            // RFC 3168 §5.3 MUST NOT (same): a code point that all fragments carry is not changed.
            return Ok(first);
        }
        // RFC 3168 §5.3 MUST NOT (not-ect): the packet does not say so where any fragment came from
        // a sender that would not understand.
        if self.ecn_seen & 1 << NOT_ECT != 0 {
            return Err(AbandonReason::EcnConflict);
        }
        Ok(CE)
    }

    fn payload_of<'a>(&self, piece: &'a Piece) -> &'a [u8] {
        let skip = match self.first {
            Some(headers) if piece.start == 0 => headers.len,
            _ => 0,
        };
        piece.octets.get(skip..).unwrap_or_default()
    }
}

/// Upper bound of the memory that a stored fragment takes beside its octets: a [`Piece`] in a
/// vector that doubles as it grows, and the allocator's own header of the octets.
pub(super) const PIECE_OVERHEAD: usize = 64;
const _: () = assert!(2 * size_of::<Piece>() + 16 <= PIECE_OVERHEAD);

/// Upper bound of what the vector of pieces takes beyond that while it is small.
pub(super) const VECTOR_OVERHEAD: usize = 4 * size_of::<Piece>() + 16;
