//! Splitting an IPv6 packet at its source.

use super::{FragmentError, UNIT, extension, holds_header_chain, patch_ipv6};
use crate::wire::{IpProtocol, Ipv6FragmentHeader, Ipv6Packet};
use crate::{PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};

/// Splits an IPv6 packet into fragments that fit an MTU (RFC 8200 §4.5).
///
/// Only the source of a packet may do that, or of the outer packet of a tunnel. A packet that fits
/// comes out as it is, without a fragment header (RFC 8021). Nothing is allocated beside what a
/// buffer that is handed in grows by.
#[derive(Debug, Clone)]
pub struct Ipv6Fragmenter<'a> {
    packet: Ipv6Packet<'a>,
    mtu: usize,
    identification: u32,
    /// Octets of the headers that every fragment has.
    unfragmentable: usize,
    /// Where the Next Header field stands that is to name the fragment header.
    next_header_at: usize,
    /// What stands behind those headers.
    next_header: IpProtocol,
    /// Octets behind those headers that were handed out.
    sent: usize,
    done: bool,
}

impl<'a> Ipv6Fragmenter<'a> {
    /// The least MTU that a link under IPv6 has.
    pub const MIN_MTU: usize = 1280;

    /// Starts to split `packet` into packets of at most `mtu` octets. `identification` must not be
    /// that of another packet with the same source and destination that can still be under way:
    /// [`Ipv6Identifications`](super::Ipv6Identifications) gives such.
    ///
    /// # Errors
    ///
    /// MTU too small, for one under 1280, or under what the headers and eight octets need; already
    /// fragment, for a packet with a fragment header that does not fit; header chain too long;
    /// malformed, when the extension headers cannot be read.
    pub fn new(
        packet: &Ipv6Packet<'a>,
        mtu: usize,
        identification: u32,
    ) -> Result<Self, FragmentError> {
        // RFC 8200 §5 MUST (mtu): every link carries 1280 octets.
        let minimum = Self::MIN_MTU;
        if mtu < minimum {
            return Err(FragmentError::MtuTooSmall { mtu, minimum });
        }
        let mut fragmenter = Self {
            packet: *packet,
            mtu,
            identification,
            unfragmentable: Ipv6Packet::HEADER_LEN,
            next_header_at: 6,
            next_header: packet.next_header(),
            sent: 0,
            done: false,
        };
        if packet.as_slice().len() > mtu {
            fragmenter.find_unfragmentable()?;
            let minimum = fragmenter.unfragmentable + Ipv6FragmentHeader::LEN + UNIT;
            if mtu < minimum {
                return Err(FragmentError::MtuTooSmall { mtu, minimum });
            }
            // RFC 7112 §5 MUST: the first fragment includes the whole header chain.
            if !holds_header_chain(fragmenter.next_header, fragmenter.piece().0) {
                return Err(FragmentError::HeaderChainTooLong);
            }
        }
        Ok(fragmenter)
    }

    /// Finds the end of the headers that every fragment has.
    // RFC 8200 §4.5 MUST (per-fragment): these are all headers up to the routing header if there is
    // one, else up to the hop-by-hop options header if there is one, else the fixed header alone.
    fn find_unfragmentable(&mut self) -> Result<(), FragmentError> {
        let octets = self.packet.as_slice();
        let mut at = Ipv6Packet::HEADER_LEN;
        let mut next = self.packet.next_header();
        while next.is_ipv6_extension() {
            if next == IpProtocol::FRAGMENT {
                return Err(FragmentError::AlreadyFragment);
            }
            let rest = octets.get(at..).unwrap_or_default();
            let (after, length) = extension(next, rest).unwrap_or((next, UNIT));
            if length > rest.len() {
                let what = "IPv6 extension header";
                return Err(ParseError::truncated(what, at, length, rest.len()).into());
            }
            if matches!(next, IpProtocol::HOP_BY_HOP | IpProtocol::ROUTING) {
                self.next_header_at = at;
                self.next_header = after;
                self.unfragmentable = at + length;
            }
            (next, at) = (after, at + length);
        }
        Ok(())
    }

    /// What the next fragment carries, and whether it is the last.
    fn piece(&self) -> (&'a [u8], bool) {
        let from = self.unfragmentable + self.sent;
        let rest = self.packet.as_slice().get(from..).unwrap_or_default();
        let room = self.mtu - self.unfragmentable - Ipv6FragmentHeader::LEN;
        if rest.len() <= room {
            return (rest, true);
        }
        // RFC 8200 §4.5 MUST (units): all but the last are a multiple of eight octets long.
        (rest.get(..room - room % UNIT).unwrap_or_default(), false)
    }

    /// Writes the next fragment into `out`, in place of what is there and behind the headroom that
    /// `out` has; false, with `out` unchanged, when there is none left.
    pub fn next_fragment(&mut self, out: &mut PacketBuf) -> bool {
        if self.done {
            return false;
        }
        let packet = self.packet.as_slice();
        if packet.len() <= self.mtu {
            self.done = true;
            out.clear();
            out.append_slice(packet);
            return true;
        }
        let (piece, is_last) = self.piece();
        let mut header = [0; Ipv6FragmentHeader::LEN];
        header[0] = self.next_header.0;
        // The offset in units of eight stands three bits up: it is the offset in octets.
        let offset = u16::try_from(self.sent).unwrap_or(u16::MAX) & 0xfff8;
        NetworkEndian::write_u16(&mut header[2..4], offset | u16::from(!is_last));
        NetworkEndian::write_u32(&mut header[4..8], self.identification);
        out.clear();
        out.append_slice(packet.get(..self.unfragmentable).unwrap_or_default());
        out.append_slice(&header);
        out.append_slice(piece);
        let ecn = self.packet.ecn();
        patch_ipv6(
            out.as_mut_slice(),
            self.next_header_at,
            IpProtocol::FRAGMENT,
            ecn,
        );
        self.sent += piece.len();
        self.done = is_last;
        true
    }
}
