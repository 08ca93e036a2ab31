//! The receiver.

use super::header::{Header, PSH, URG};
use super::{Form, mask};
use crate::ncp::VjParameters;
use alloc::vec::Vec;
use packet_buffer::{Cursor, PacketBuf, ParseError};

/// Why a packet was dropped. It is where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The compressed header cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The packet that is to fill a slot is not a TCP segment.
    #[error("the packet that is to fill a slot is not a TCP segment")]
    NotTcp,
    /// The slot is above what was agreed.
    #[error("slot {0} is above what was agreed")]
    Slot(u8),
    /// No header is in the slot, or none since the last error.
    #[error("there is no header in the slot")]
    Empty,
    /// A packet was lost, and this one does not name its slot.
    #[error("a packet was lost before this one, which does not name its slot")]
    Tossed,
    /// With its header the packet would be longer than an IPv4 packet can be.
    #[error("the packet would be longer than 65535 octets")]
    TooLong,
}

/// Counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecompressorStats {
    /// Packets that filled a slot.
    pub uncompressed: u64,
    /// Packets that were put back together.
    pub compressed: u64,
    /// Packets that were dropped because one before them was lost.
    pub tossed: u64,
    /// Packets that were dropped for other reasons.
    pub errors: u64,
}

/// Puts the headers of TCP segments back.
///
/// A lost packet makes later headers of its connection wrong, which TCP's checksum finds; the
/// sender then sends its packet again, and that fills the slot anew (RFC 1144 §4.1).
pub struct Decompressor {
    max_slot_id: u8,
    slots: Vec<Option<Header>>,
    last_slot: Option<u8>,
    /// Packets that do not name their slot are dropped, until one does.
    tosses: bool,
    stats: DecompressorStats,
}

impl Decompressor {
    /// A decompressor that takes this.
    pub const fn new(parameters: &VjParameters) -> Self {
        Self {
            max_slot_id: parameters.max_slot_id,
            slots: Vec::new(),
            last_slot: None,
            tosses: false,
            stats: DecompressorStats {
                uncompressed: 0,
                compressed: 0,
                tossed: 0,
                errors: 0,
            },
        }
    }

    /// Counters.
    pub const fn stats(&self) -> &DecompressorStats {
        &self.stats
    }

    /// A frame was lost: it could have been any connection's, so packets that do not name theirs are
    /// dropped from now on.
    // RFC 1144 §4.1 MUST (toss): after an error, packets without a slot are dropped until one has it.
    pub const fn line_error(&mut self) {
        self.tosses = true;
    }

    /// Puts an IPv4 packet back together, in place.
    ///
    /// # Errors
    ///
    /// [`DecompressError`]; the packet is where it was. What follows may be dropped too, until a
    /// packet names its slot.
    pub fn decompress(
        &mut self,
        form: Form,
        packet: &mut PacketBuf,
    ) -> Result<(), DecompressError> {
        let result = match form {
            Form::Ip => return Ok(()),
            Form::Uncompressed => self.fill(packet),
            Form::Compressed => self.restore(packet),
        };
        match result {
            Ok(()) if form == Form::Uncompressed => self.stats.uncompressed += 1,
            Ok(()) => self.stats.compressed += 1,
            Err(DecompressError::Tossed) => self.stats.tossed += 1,
            Err(_) => {
                self.stats.errors += 1;
                self.tosses = true;
            }
        }
        result
    }

    fn fill(&mut self, packet: &mut PacketBuf) -> Result<(), DecompressError> {
        let Some(protocol) = packet.as_mut_slice().get_mut(9) else {
            return Err(DecompressError::NotTcp);
        };
        let id = core::mem::replace(protocol, 6);
        let header = if id > self.max_slot_id {
            Err(DecompressError::Slot(id))
        } else {
            Header::read(packet.as_slice()).ok_or(DecompressError::NotTcp)
        };
        let header = header.inspect_err(|_| {
            if let Some(protocol) = packet.as_mut_slice().get_mut(9) {
                *protocol = id;
            }
        })?;
        let index = usize::from(id);
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(header);
        }
        self.last_slot = Some(id);
        self.tosses = false;
        Ok(())
    }

    fn restore(&mut self, packet: &mut PacketBuf) -> Result<(), DecompressError> {
        let mut cursor = Cursor::new(packet.as_slice());
        let what = "compressed TCP header";
        let bits = cursor.u8(what)?;
        let id = if bits & mask::CONNECTION != 0 {
            cursor.u8(what)?
        } else if self.tosses {
            return Err(DecompressError::Tossed);
        } else {
            self.last_slot.ok_or(DecompressError::Empty)?
        };
        if id > self.max_slot_id {
            return Err(DecompressError::Slot(id));
        }
        let slot = self.slots.get(usize::from(id)).and_then(Option::as_ref);
        let mut header = slot.ok_or(DecompressError::Empty)?.clone();
        header.set_checksum(cursor.u16(what)?);
        header.set_flag(PSH, bits & mask::PUSH != 0);
        apply(bits, &mut header, &mut cursor)?;
        let data = cursor.rest().len();
        if !header.finish(data) {
            return Err(DecompressError::TooLong);
        }
        let compressed = packet.len() - data;
        packet.trim_front(compressed);
        packet.prepend_slice(header.as_slice());
        if let Some(slot) = self.slots.get_mut(usize::from(id)) {
            *slot = Some(header);
        }
        self.last_slot = Some(id);
        self.tosses = false;
        Ok(())
    }
}

/// Applies the differences that follow the checksum.
fn apply(bits: u8, header: &mut Header, cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    let data = header.data_len();
    match bits & mask::SPECIAL {
        mask::ECHOED => {
            header.set_acknowledgment(header.acknowledgment().wrapping_add(data));
            header.set_sequence(header.sequence().wrapping_add(data));
        }
        mask::TRANSFER => header.set_sequence(header.sequence().wrapping_add(data)),
        _ => {
            header.set_flag(URG, bits & mask::URGENT != 0);
            if bits & mask::URGENT != 0 {
                header.set_urgent(number(cursor)?);
            }
            if bits & mask::WINDOW != 0 {
                header.set_window(header.window().wrapping_add(number(cursor)?));
            }
            if bits & mask::ACKNOWLEDGMENT != 0 {
                let delta = u32::from(number(cursor)?);
                header.set_acknowledgment(header.acknowledgment().wrapping_add(delta));
            }
            if bits & mask::SEQUENCE != 0 {
                let delta = u32::from(number(cursor)?);
                header.set_sequence(header.sequence().wrapping_add(delta));
            }
        }
    }
    let delta = if bits & mask::IDENTIFICATION != 0 {
        number(cursor)?
    } else {
        1
    };
    header.set_identification(header.identification().wrapping_add(delta));
    Ok(())
}

/// A number of a compressed header: an octet, or a zero and two octets.
fn number(cursor: &mut Cursor<'_>) -> Result<u16, ParseError> {
    let what = "compressed TCP header";
    match cursor.u8(what)? {
        0 => cursor.u16(what),
        value => Ok(u16::from(value)),
    }
}

impl core::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decompressor")
            .field("slots", &self.slots.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
