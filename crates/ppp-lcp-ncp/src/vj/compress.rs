//! The sender.

use super::header::{ACK, FIN, Header, PSH, RST, SYN, URG};
use super::{Form, mask};
use crate::ncp::VjParameters;
use alloc::vec::Vec;
use packet_buffer::PacketBuf;

/// Octets of the longest compressed header: mask, slot, checksum, and four numbers of three octets.
const MAX_COMPRESSED: usize = 1 + 1 + 2 + 5 * 3;

/// Counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompressorStats {
    /// Packets that went as they were.
    pub as_is: u64,
    /// Packets that filled a slot.
    pub uncompressed: u64,
    /// Packets that went as differences.
    pub compressed: u64,
    /// Slots that were taken from another connection.
    pub evicted: u64,
}

/// Compresses the headers of TCP segments.
///
/// When more connections are active than there are slots, the one that was longest without a packet
/// loses its slot.
pub struct Compressor {
    max_slot_id: u8,
    compress_slot_id: bool,
    /// The slots in use, the last used first.
    slots: Vec<Slot>,
    last_slot: Option<u8>,
    stats: CompressorStats,
}

struct Slot {
    id: u8,
    header: Header,
}

impl Compressor {
    /// A compressor for a receiver that takes this.
    pub const fn new(parameters: &VjParameters) -> Self {
        Self {
            max_slot_id: if parameters.max_slot_id > 254 {
                254
            } else {
                parameters.max_slot_id
            },
            compress_slot_id: parameters.compress_slot_id,
            slots: Vec::new(),
            last_slot: None,
            stats: CompressorStats {
                as_is: 0,
                uncompressed: 0,
                compressed: 0,
                evicted: 0,
            },
        }
    }

    /// Counters.
    pub const fn stats(&self) -> &CompressorStats {
        &self.stats
    }

    /// Compresses an IPv4 packet in place, and says what it is now.
    pub fn compress(&mut self, packet: &mut PacketBuf) -> Form {
        let form = self.try_compress(packet);
        match form {
            Form::Ip => self.stats.as_is += 1,
            Form::Uncompressed => self.stats.uncompressed += 1,
            Form::Compressed => self.stats.compressed += 1,
        }
        form
    }

    fn try_compress(&mut self, packet: &mut PacketBuf) -> Form {
        // RFC 1144 §3.2.3 MUST (as-is): packets that are not TCP, fragments, and segments that begin or
        // end a connection go as they are.
        let Some(header) = Header::read(packet.as_slice()) else {
            return Form::Ip;
        };
        if header.flags() & (SYN | FIN | RST | ACK) != ACK {
            return Form::Ip;
        }
        let found = self
            .slots
            .iter()
            .position(|slot| slot.header.is_same_connection(&header));
        let Some(found) = found else {
            let id = self.free_slot();
            self.slots.insert(0, Slot { id, header });
            return self.send_uncompressed(id, packet);
        };
        let mut slot = self.slots.remove(found);
        let id = slot.id;
        let differences = differences(&slot.header, &header);
        let checksum = header.checksum();
        let header_len = header.len();
        slot.header = header;
        self.slots.insert(0, slot);
        let Some(differences) = differences else {
            return self.send_uncompressed(id, packet);
        };
        let mut compressed = Encoder::default();
        if self.compress_slot_id && self.last_slot == Some(id) {
            compressed.push(differences.mask);
        } else {
            compressed.push(differences.mask | mask::CONNECTION);
            compressed.push(id);
        }
        self.last_slot = Some(id);
        let [high, low] = checksum.to_be_bytes();
        compressed.push(high);
        compressed.push(low);
        for octet in differences.numbers.as_slice() {
            compressed.push(*octet);
        }
        packet.trim_front(header_len);
        packet.prepend_slice(compressed.as_slice());
        Form::Compressed
    }

    fn free_slot(&mut self) -> u8 {
        let in_use = u8::try_from(self.slots.len()).unwrap_or(u8::MAX);
        if in_use <= self.max_slot_id {
            // Slots are given out in order and never given back.
            return in_use;
        }
        self.stats.evicted += 1;
        self.slots.pop().map_or(0, |slot| slot.id)
    }

    fn send_uncompressed(&mut self, id: u8, packet: &mut PacketBuf) -> Form {
        self.last_slot = Some(id);
        if let Some(protocol) = packet.as_mut_slice().get_mut(9) {
            *protocol = id;
        }
        Form::Uncompressed
    }
}

/// What the compressed header says, but for slot and checksum.
struct Differences {
    mask: u8,
    numbers: Encoder,
}

/// The differences between two headers of a connection. `None` when a compressed header cannot tell
/// them.
// RFC 1144 §3.2.3 MUST (differences): in the order urgent, window, acknowledgment, sequence,
// identification.
fn differences(last: &Header, header: &Header) -> Option<Differences> {
    // Of the flags, PSH and URG can be told; ECE and CWR came later than the RFC.
    let others = !(PSH | URG);
    if !header.has_same_shape(last) || header.flags() & others != last.flags() & others {
        return None;
    }
    // Receivers leave URG as it was when they read one of the special values.
    let has_special_values = last.flags() & URG == 0;
    let mut mask = 0;
    let mut numbers = Encoder::default();
    if header.flags() & URG != 0 {
        numbers.number(header.urgent());
        mask |= mask::URGENT;
    } else if header.urgent() != last.urgent() {
        // The pointer has changed without the flag; nobody should, and it cannot be told.
        return None;
    }
    let window = header.window().wrapping_sub(last.window());
    if window != 0 {
        numbers.number(window);
        mask |= mask::WINDOW;
    }
    let acknowledgment = header.acknowledgment().wrapping_sub(last.acknowledgment());
    if acknowledgment != 0 {
        numbers.number(u16::try_from(acknowledgment).ok()?);
        mask |= mask::ACKNOWLEDGMENT;
    }
    let sequence = header.sequence().wrapping_sub(last.sequence());
    if sequence != 0 {
        numbers.number(u16::try_from(sequence).ok()?);
        mask |= mask::SEQUENCE;
    }
    let data = last.data_len();
    match mask {
        // Nothing has changed: data after an acknowledgment; anything else is sent again, and may mean
        // that the receiver has lost its way.
        0 if header.data_len() == 0 || data != 0 => return None,
        mask::ECHOED | mask::TRANSFER => return None,
        _ if has_special_values
            && mask == mask::SEQUENCE | mask::ACKNOWLEDGMENT
            && sequence == acknowledgment
            && sequence == data =>
        {
            mask = mask::ECHOED;
            numbers = Encoder::default();
        }
        mask::SEQUENCE if has_special_values && sequence == data => {
            mask = mask::TRANSFER;
            numbers = Encoder::default();
        }
        _ => {}
    }
    let identification = header.identification().wrapping_sub(last.identification());
    if identification != 1 {
        numbers.number(identification);
        mask |= mask::IDENTIFICATION;
    }
    if header.flags() & PSH != 0 {
        mask |= mask::PUSH;
    }
    Some(Differences { mask, numbers })
}

/// Octets of a compressed header.
#[derive(Default)]
struct Encoder {
    octets: [u8; MAX_COMPRESSED],
    len: usize,
}

impl Encoder {
    fn push(&mut self, octet: u8) {
        if let Some(room) = self.octets.get_mut(self.len) {
            *room = octet;
            self.len += 1;
        }
    }

    /// One octet for 1 to 255, a zero and two octets for the others.
    fn number(&mut self, value: u16) {
        let [high, low] = value.to_be_bytes();
        if high != 0 || low == 0 {
            self.push(0);
            self.push(high);
        }
        self.push(low);
    }

    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

impl core::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Compressor")
            .field("slots", &self.slots.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
