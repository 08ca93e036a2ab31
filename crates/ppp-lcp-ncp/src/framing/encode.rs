//! Packets to frames.

use super::block::{BLOCK, Lanes, low_bits};
use super::fcs;
use super::parameters::FramingParameters;
use super::vectors::VectorUnit;
use super::{ESCAPE, ESCAPE_MASK, FLAG};
use packet_buffer::PacketBuf;

const ADDRESS_AND_CONTROL: [u8; 2] = [0xff, 0x03];

/// What a frame has beside its packet: flags, Address and Control fields and the longer check
/// sequence, all escaped.
const OVERHEAD: usize = 2 + 2 * (ADDRESS_AND_CONTROL.len() + 4);

/// Octets of which it does not pay to make a block.
const FEW: usize = 12;

/// Makes frames of PPP packets.
///
/// Frames share the flag between them: the first begins with one, and each ends with one (RFC 1662
/// §3.1).
#[derive(Debug, Clone)]
pub struct Encoder {
    /// Whether the receiver has not seen a flag that could begin the next frame.
    idle: bool,
    unit: VectorUnit,
}

impl Encoder {
    /// An encoder whose first frame begins with a flag.
    pub fn new() -> Self {
        Self::with_unit(VectorUnit::best())
    }

    /// The same, with instructions of the caller's choice.
    pub const fn with_unit(unit: VectorUnit) -> Self {
        Self { idle: true, unit }
    }

    /// Nothing was sent for long, or the line may have been disturbed: the next frame begins with a
    /// flag of its own, so that noise does not become a part of it.
    pub const fn idle(&mut self) {
        self.idle = true;
    }

    /// Appends a frame to `out`. `packet` is protocol and information, as
    /// [`Link::poll_transmit`](crate::link::Link::poll_transmit) and
    /// [`Link::encapsulate`](crate::link::Link::encapsulate) make them; a protocol that is one octet
    /// already stays as it is.
    ///
    /// The frame has at most twice as many octets as the packet, and 14 more. For a moment it takes
    /// as much tailroom, and 128 octets more.
    pub fn encode(&mut self, parameters: &FramingParameters, packet: &[u8], out: &mut PacketBuf) {
        let is_lcp = packet.starts_with(&[0xc0, 0x21]);
        let packet = match packet {
            // RFC 1662 §3.2 MUST NOT (acfc-lcp): LCP is never compressed; its first octet is not zero.
            [0, rest @ ..]
                if parameters.protocol_field_compression
                    && rest.first().is_some_and(|low| low & 1 == 1) =>
            {
                rest
            }
            packet => packet,
        };
        let header: &[u8] = if parameters.address_and_control_field_compression && !is_lcp {
            &[]
        } else {
            &ADDRESS_AND_CONTROL
        };
        let which = parameters.check_sequence();
        let fcs = fcs::over(which, self.unit, [header, packet]);
        let start = out.len();
        let room = packet.len().saturating_mul(2) + OVERHEAD + 2 * BLOCK;
        let mut writer = Writer {
            out: out.append(room),
            length: 0,
            accm: parameters.accm,
        };
        if core::mem::take(&mut self.idle) {
            writer.put(FLAG);
        }
        writer.escape_few(header);
        writer.escape(self.unit, packet);
        writer.escape_few(fcs.get(..which.size()).unwrap_or_default());
        writer.put(FLAG);
        let length = writer.length;
        out.truncate(start + length);
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a frame where there is room for it.
struct Writer<'a> {
    out: &'a mut [u8],
    length: usize,
    accm: u32,
}

impl Writer<'_> {
    #[inline]
    fn put(&mut self, octet: u8) {
        if let Some(place) = self.out.get_mut(self.length) {
            *place = octet;
        }
        self.length += 1;
    }

    /// Octets that are too few to make a block of, without a branch that depends on them.
    #[inline]
    fn escape_few(&mut self, octets: &[u8]) {
        for &octet in octets {
            let escaped = is_escaped(octet, self.accm);
            self.put(ESCAPE);
            self.length -= usize::from(escaped ^ 1);
            self.put(octet ^ (escaped * ESCAPE_MASK));
        }
    }

    #[inline]
    fn escape(&mut self, unit: VectorUnit, octets: &[u8]) {
        if octets.len() <= FEW {
            return self.escape_few(octets);
        }
        let room = self.out.get_mut(self.length..).unwrap_or_default();
        self.length += unit.escape(octets, self.accm, room);
    }
}

/// 1 for an octet that is escaped.
// RFC 1662 §4.2 MUST (escape): flag and escape are always escaped, control characters as the map
// of the receiver says.
#[inline]
fn is_escaped(octet: u8, accm: u32) -> u8 {
    let is_mapped = (octet < 32) & (accm >> (octet & 31) & 1 == 1);
    u8::from(is_mapped | (octet == FLAG) | (octet == ESCAPE))
}

/// Writes `octets` with their escapes to the front of `out`, which has twice their room and two
/// blocks more, and returns how many octets that makes.
#[inline(always)]
pub(super) fn escape<L: Lanes>(lanes: L, octets: &[u8], accm: u32, out: &mut [u8]) -> usize {
    let mut length = 0;
    let (blocks, rest) = octets.as_chunks::<BLOCK>();
    for block in blocks {
        let special = lanes.special(block, accm);
        let Some(room) = out.get_mut(length..).and_then(<[u8]>::first_chunk_mut) else {
            break;
        };
        length += lanes.expand(block, special, room);
    }
    if rest.is_empty() {
        return length;
    }
    let mut block = [0; BLOCK];
    if let Some(part) = block.get_mut(..rest.len()) {
        part.copy_from_slice(rest);
    }
    let special = lanes.special(&block, accm) & low_bits(rest.len());
    if let Some(room) = out.get_mut(length..).and_then(<[u8]>::first_chunk_mut) {
        // The octets that only fill the block are not escaped, and lie behind the others.
        length += lanes.expand(&block, special, room);
        length -= BLOCK - rest.len();
    }
    length
}
