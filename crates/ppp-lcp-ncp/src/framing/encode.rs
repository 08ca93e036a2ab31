//! Packets to frames.

use super::fcs;
use super::parameters::FramingParameters;
use super::scan::{LANES, plain_len};
use super::{ESCAPE, ESCAPE_MASK, FLAG};
use packet_buffer::PacketBuf;

const ADDRESS_AND_CONTROL: [u8; 2] = [0xff, 0x03];

/// Makes frames of PPP packets.
///
/// Frames share the flag between them: the first begins with one, and each ends with one (RFC 1662
/// §3.1).
#[derive(Debug, Clone)]
pub struct Encoder {
    /// Whether the receiver has not seen a flag that could begin the next frame.
    idle: bool,
    escapes: Escapes,
}

/// Which octets are escaped with one map.
#[derive(Debug, Clone)]
struct Escapes {
    accm: u32,
    /// 1 for each octet that is escaped.
    table: [u8; 256],
}

impl Escapes {
    // RFC 1662 §4.2 MUST (escape): flag and escape are always escaped, control characters as the map
    // of the receiver says.
    fn new(accm: u32) -> Self {
        let mut table = [0; 256];
        for (octet, escaped) in (0u32..).zip(&mut table) {
            let is_mapped = octet < 32 && accm >> octet & 1 == 1;
            let is_special = octet == u32::from(FLAG) || octet == u32::from(ESCAPE);
            *escaped = u8::from(is_mapped || is_special);
        }
        Self { accm, table }
    }

    fn append(&self, octets: &[u8], out: &mut PacketBuf) {
        let controls = self.accm != 0;
        let mut rest = octets;
        while !rest.is_empty() {
            let (plain, behind) = rest.split_at(plain_len(rest, controls));
            out.append_slice(plain);
            let (lanes, behind) = behind.split_at(behind.len().min(LANES));
            self.append_lanes(lanes, out);
            rest = behind;
        }
    }

    /// Eight octets at most, each of which may double, without a branch that depends on them.
    fn append_lanes(&self, lanes: &[u8], out: &mut PacketBuf) {
        let mut escaped = [0; 2 * LANES];
        let mut length = 0;
        for octet in lanes {
            let is = self.table.get(usize::from(*octet)).copied().unwrap_or(1);
            if let Some(place) = escaped.get_mut(length) {
                *place = ESCAPE;
            }
            length += usize::from(is);
            if let Some(place) = escaped.get_mut(length) {
                *place = *octet ^ (is * ESCAPE_MASK);
            }
            length += 1;
        }
        out.append_slice(escaped.get(..length).unwrap_or_default());
    }
}

impl Encoder {
    /// An encoder whose first frame begins with a flag.
    pub fn new() -> Self {
        Self {
            idle: true,
            escapes: Escapes::new(FramingParameters::DEFAULT.accm),
        }
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
    /// The frame has at most twice as many octets as the packet, and 14 more.
    pub fn encode(&mut self, parameters: &FramingParameters, packet: &[u8], out: &mut PacketBuf) {
        if self.escapes.accm != parameters.accm {
            self.escapes = Escapes::new(parameters.accm);
        }
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
        let (fcs, size) = fcs::over(parameters.check_sequence(), [header, packet]);
        if core::mem::take(&mut self.idle) {
            out.append_slice(&[FLAG]);
        }
        self.escapes.append(header, out);
        self.escapes.append(packet, out);
        self.escapes
            .append(fcs.get(..size).unwrap_or_default(), out);
        out.append_slice(&[FLAG]);
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}
