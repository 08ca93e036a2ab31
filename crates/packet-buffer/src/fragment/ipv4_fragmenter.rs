//! Splitting an IPv4 packet.

use super::{FragmentError, MAX_LENGTH, UNIT, patch_ipv4};
use crate::wire::{Ipv4OptionKind, Ipv4Packet};
use crate::{PacketBuf, ParseError};

/// Splits an IPv4 packet into fragments that fit an MTU (RFC 791 §3.2).
///
/// The packet may be a fragment itself, which is then split further. A packet that fits comes out
/// as it is. Nothing is allocated beside what a buffer that is handed in grows by.
///
/// The identification is that of the packet: a host that sends a packet that may be fragmented
/// gives it one of [`Ipv4Identifications`](super::Ipv4Identifications).
#[derive(Debug, Clone)]
pub struct Ipv4Fragmenter<'a> {
    packet: Ipv4Packet<'a>,
    mtu: usize,
    /// The header of all fragments but the first: `later_len` octets.
    later: [u8; 60],
    later_len: usize,
    /// Payload octets that were handed out.
    sent: usize,
    done: bool,
}

impl<'a> Ipv4Fragmenter<'a> {
    /// Starts to split `packet` into packets of at most `mtu` octets.
    ///
    /// # Errors
    ///
    /// Don't fragment, when the packet does not fit and may not be split; MTU too small, when the
    /// header and eight octets do not fit; malformed, for a fragment that cannot be a fragment.
    pub fn new(packet: &Ipv4Packet<'a>, mtu: usize) -> Result<Self, FragmentError> {
        let mut later = [0; 60];
        let mut later_len = 0;
        if packet.total_length() > mtu {
            // RFC 6864 §4.3 MUST NOT (df): a packet marked "don't fragment" is not fragmented.
            // RFC 6864 §4.3 MUST NOT (clear-df): nor is the mark taken off.
            if packet.dont_fragment() {
                return Err(FragmentError::DontFragment { mtu });
            }
            let minimum = packet.header_len() + UNIT;
            if mtu < minimum {
                return Err(FragmentError::MtuTooSmall { mtu, minimum });
            }
            let length = packet.payload().len();
            if packet.more_fragments() && !length.is_multiple_of(UNIT) {
                let error = ParseError::bad_length("IPv4 fragment payload", 2, length);
                return Err(error.into());
            }
            let end = usize::from(packet.fragment_offset()) + length;
            if end > MAX_LENGTH {
                return Err(ParseError::bad_length("IPv4 fragment end", 6, end).into());
            }
            later_len = header_of_later(packet, &mut later);
        }
        Ok(Self {
            packet: *packet,
            mtu,
            later,
            later_len,
            sent: 0,
            done: false,
        })
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
        // RFC 791 §3.2 MUST (copied): options without the copied flag are in the first fragment only.
        let header = if self.sent == 0 {
            packet.get(..self.packet.header_len()).unwrap_or_default()
        } else {
            self.later.get(..self.later_len).unwrap_or_default()
        };
        let rest = self.packet.payload().get(self.sent..).unwrap_or_default();
        let room = self.mtu - header.len();
        let is_last = rest.len() <= room;
        // RFC 791 §3.2 MUST (units): fragments are cut at multiples of eight octets.
        let length = if is_last {
            rest.len()
        } else {
            room - room % UNIT
        };
        out.clear();
        out.append_slice(header);
        out.append_slice(rest.get(..length).unwrap_or_default());

        // RFC 791 §3.2 MUST (more): all but the last have the flag "more fragments"; the last has
        // that of the packet that is split.
        let more = !is_last || self.packet.more_fragments();
        let offset = usize::from(self.packet.fragment_offset()) + self.sent;
        let word = u16::from(self.packet.reserved_flag()) << 15
            | u16::from(more) << 13
            | u16::try_from(offset / UNIT).unwrap_or(0x1fff);
        patch_ipv4(out.as_mut_slice(), header.len(), word, self.packet.ecn());
        self.sent += length;
        self.done = is_last;
        true
    }
}

/// Writes the header of the fragments behind the first, with copied options only; returns its
/// length.
fn header_of_later(packet: &Ipv4Packet<'_>, header: &mut [u8; 60]) -> usize {
    let mut len = Ipv4Packet::MIN_HEADER_LEN;
    let mut append = |at: usize, octets: &[u8]| {
        if let Some(room) = header.get_mut(at..at + octets.len()) {
            room.copy_from_slice(octets);
        }
    };
    append(0, packet.as_slice().get(..len).unwrap_or_default());
    for option in packet.options() {
        if Ipv4OptionKind(option.kind).is_copied() {
            append(len, option.octets);
            len += option.octets.len();
        }
    }
    // What follows the options up to a multiple of four is zero: the end of the list.
    len = len.next_multiple_of(4);
    let words = u8::try_from(len / 4).unwrap_or(15);
    header[0] = 0x40 | words;
    len
}
