//! The MPLS label stack object (RFC 4950 §3).

use super::{ExtensionError, RawObject};
use byteorder::{ByteOrder, NetworkEndian};
use packet_buffer::EmitError;

/// One entry of a label stack (RFC 3032 §2.1).
///
/// ```text
///  0                   20    23  24       32
/// +-------------------+-----+---+--------+
/// | Label             | Exp | S | TTL    |   bits
/// +-------------------+-----+---+--------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MplsLabelStackEntry {
    /// The label, 20 bits.
    pub label: u32,
    /// The traffic class (RFC 5462), 3 bits; called experimental use before.
    pub traffic_class: u8,
    /// S: whether this is the last entry of the stack.
    pub bottom_of_stack: bool,
    /// The time to live.
    pub ttl: u8,
}

impl MplsLabelStackEntry {
    #[inline]
    fn from_word(word: u32) -> Self {
        let [.., flags, ttl] = word.to_be_bytes();
        Self {
            label: word >> 12,
            traffic_class: (flags >> 1) & 0x7,
            bottom_of_stack: flags & 1 != 0,
            ttl,
        }
    }

    pub(super) fn to_word(self) -> u32 {
        self.label << 12
            | u32::from(self.traffic_class) << 9
            | u32::from(self.bottom_of_stack) << 8
            | u32::from(self.ttl)
    }

    pub(super) fn check(&self) -> Result<(), EmitError> {
        let bad = |what, value| Err(EmitError::BadValue { what, value });
        if self.label > 0x000f_ffff {
            return bad("MPLS label", self.label);
        }
        if self.traffic_class > 0x7 {
            return bad("MPLS traffic class", u32::from(self.traffic_class));
        }
        Ok(())
    }
}

/// The labels with which the quoted packet arrived; one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MplsLabelStack<'a> {
    entries: &'a [[u8; 4]],
}

impl<'a> MplsLabelStack<'a> {
    /// The C-Type of the incoming stack, which is the only one.
    pub(super) const C_TYPE: u8 = 1;

    pub(super) fn read(object: &RawObject<'a>) -> Result<Self, ExtensionError> {
        // RFC 4950 §3 MUST (c-type): 1 is the incoming label stack.
        if object.c_type != Self::C_TYPE {
            return Err(ExtensionError::CType(object.c_type));
        }
        let (entries, _) = object.payload.as_chunks::<4>();
        if entries.is_empty() {
            return Err(ExtensionError::EmptyLabelStack);
        }
        Ok(Self { entries })
    }

    /// The entries, from the top of the stack on.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = MplsLabelStackEntry> + use<'a> {
        self.entries
            .iter()
            .map(|word| MplsLabelStackEntry::from_word(NetworkEndian::read_u32(word)))
    }
}
