//! Extension structures that are written, and the quoted packet in front of them.

use super::{
    ExtensionClass, HEADER_LEN, InterfaceIdentification, InterfaceInformation, MplsLabelStack,
    MplsLabelStackEntry, RawObject, VERSION,
};
use crate::wire::Writer;
use alloc::borrow::Cow;
use packet_buffer::checksum::Sum;
use packet_buffer::{EmitError, PacketBuf};

/// An object as values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtensionObjectRepr<'a> {
    /// The labels with which the quoted packet arrived; one at least.
    MplsLabelStack(Cow<'a, [MplsLabelStackEntry]>),
    /// An interface of the router.
    InterfaceInformation(InterfaceInformation<'a>),
    /// The interface that an extended echo is about.
    InterfaceIdentification(InterfaceIdentification<'a>),
    /// Any other object; its payload is a multiple of four octets; in ICMPv6, of eight.
    Other(RawObject<'a>),
}

impl ExtensionObjectRepr<'_> {
    /// The class of the object.
    pub const fn class(&self) -> ExtensionClass {
        match self {
            Self::MplsLabelStack(_) => ExtensionClass::MPLS_LABEL_STACK,
            Self::InterfaceInformation(_) => ExtensionClass::INTERFACE_INFORMATION,
            Self::InterfaceIdentification(_) => ExtensionClass::INTERFACE_IDENTIFICATION,
            Self::Other(object) => object.class,
        }
    }

    /// Its kind within the class.
    pub const fn c_type(&self) -> u8 {
        match self {
            Self::MplsLabelStack(_) => MplsLabelStack::C_TYPE,
            Self::InterfaceInformation(interface) => interface.c_type(),
            Self::InterfaceIdentification(interface) => interface.c_type(),
            Self::Other(object) => object.c_type,
        }
    }

    /// Octets of the object with its header: a multiple of four, 65532 at most.
    ///
    /// # Errors
    ///
    /// Bad value, for an empty label stack, a label over 20 bits, a name with a zero in it; too
    /// long, for a name or a payload that its length field cannot say; unaligned, for another
    /// object's payload that is not a multiple of four octets; in ICMPv6, of eight.
    pub fn wire_len(&self) -> Result<usize, EmitError> {
        let payload = match self {
            Self::MplsLabelStack(entries) if entries.is_empty() => {
                return Err(EmitError::BadValue {
                    what: "MPLS label stack",
                    value: 0,
                });
            }
            Self::MplsLabelStack(entries) => {
                entries.iter().try_for_each(MplsLabelStackEntry::check)?;
                entries.len().saturating_mul(4)
            }
            Self::InterfaceInformation(interface) => interface.check()?,
            Self::InterfaceIdentification(interface) => interface.check()?,
            Self::Other(object) => object.payload.len(),
        };
        let length = payload.saturating_add(HEADER_LEN);
        if !length.is_multiple_of(4) {
            return Err(EmitError::Unaligned {
                what: "ICMP extension object",
                length,
                multiple: 4,
            });
        }
        let limit = usize::from(u16::MAX);
        if length > limit {
            return Err(EmitError::TooLong {
                what: "ICMP extension object",
                length,
                limit,
            });
        }
        Ok(length)
    }

    /// Writes the object, whose length was checked.
    fn write(&self, writer: &mut Writer<'_>) {
        let length = self.wire_len().unwrap_or_default();
        writer.u16(u16::try_from(length).unwrap_or_default());
        writer.put(&[self.class().0, self.c_type()]);
        match self {
            Self::MplsLabelStack(entries) => {
                for entry in entries.iter() {
                    writer.u32(entry.to_word());
                }
            }
            Self::InterfaceInformation(interface) => interface.write(writer),
            Self::InterfaceIdentification(interface) => interface.write(writer),
            Self::Other(object) => writer.put(object.payload),
        }
    }
}

/// Octets of the structure with `objects`.
fn structure_len(objects: &[ExtensionObjectRepr<'_>]) -> Result<usize, EmitError> {
    let mut length = HEADER_LEN;
    for object in objects {
        length = length.saturating_add(object.wire_len()?);
    }
    let limit = usize::from(u16::MAX);
    if length > limit {
        return Err(EmitError::TooLong {
            what: "ICMP extension structure",
            length,
            limit,
        });
    }
    Ok(length)
}

/// Writes a structure with `objects` and its checksum in front of `packet`. The structure has to be
/// the last part of a message, so what `packet` holds mostly is nothing.
///
/// # Errors
///
/// With the packet unchanged: what an object says ([`ExtensionObjectRepr::wire_len`]); too long,
/// for more than 65535 octets.
pub fn emit_extensions(
    objects: &[ExtensionObjectRepr<'_>],
    packet: &mut PacketBuf,
) -> Result<(), EmitError> {
    let length = structure_len(objects)?;
    let room = packet.prepend(length);
    let mut writer = Writer::new(room);
    writer.put(&[VERSION << 4, 0, 0, 0]);
    for object in objects {
        object.write(&mut writer);
    }
    let checksum = Sum::new().add_bytes(room).checksum();
    if let Some(field) = room.get_mut(2..4) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    Ok(())
}

/// The least octets of a quoted packet in front of extensions: those who know nothing of RFC 4884
/// look for extensions behind these.
// RFC 4884 §3 MUST (least-quote): zeroes fill the quote up to 128 octets.
const MIN_QUOTE: usize = 128;

/// Writes the payload of an ICMPv4 error into `packet`, which has to be empty: as much of
/// `original` as fits into `limit` octets, and behind it, where there are `objects`, zeroes up to
/// 128 octets and a multiple of four, and the extension structure. Returns the length for the
/// error's header ([`quoted_words`](packet_buffer::wire::Icmpv4Repr::TimeExceeded)): 0 without
/// objects.
///
/// `limit` is of the whole payload: 548 for errors of 576 octets without IP options.
///
/// # Errors
///
/// With the packet unchanged: what an object says; too long, when the structure and 128 octets in
/// front of it do not fit the limit; bad value, when `packet` is not empty.
pub fn emit_quote_v4(
    original: &[u8],
    limit: usize,
    objects: &[ExtensionObjectRepr<'_>],
    packet: &mut PacketBuf,
) -> Result<u8, EmitError> {
    emit_quote(original, limit, objects, 4, packet)
}

/// The same for ICMPv6, whose lengths count eight octets.
///
/// `limit` is of the whole payload: 1232 for errors of 1280 octets without extension headers.
///
/// # Errors
///
/// As [`emit_quote_v4`].
pub fn emit_quote_v6(
    original: &[u8],
    limit: usize,
    objects: &[ExtensionObjectRepr<'_>],
    packet: &mut PacketBuf,
) -> Result<u8, EmitError> {
    emit_quote(original, limit, objects, 8, packet)
}

fn emit_quote(
    original: &[u8],
    limit: usize,
    objects: &[ExtensionObjectRepr<'_>],
    unit: usize,
    packet: &mut PacketBuf,
) -> Result<u8, EmitError> {
    if !packet.is_empty() {
        return Err(EmitError::BadValue {
            what: "octets behind a quoted packet",
            value: u32::try_from(packet.len()).unwrap_or(u32::MAX),
        });
    }
    if objects.is_empty() {
        packet.append_slice(original.get(..limit).unwrap_or(original));
        return Ok(0);
    }
    let extensions = structure_len(objects)?;
    let needed = extensions.saturating_add(MIN_QUOTE);
    if needed > limit {
        return Err(EmitError::TooLong {
            what: "ICMP extensions behind a quoted packet",
            length: needed,
            limit,
        });
    }
    // The most that the length field can say, too.
    let room = (limit - extensions).min(usize::from(u8::MAX) * unit);
    let room = room - room % unit;
    let quoted = original.get(..room).unwrap_or(original);
    // RFC 4884 §3 MUST (padding): zeroes up to a multiple of four octets; in ICMPv6, of eight.
    let padded = quoted.len().next_multiple_of(unit).max(MIN_QUOTE);
    // The structure is written first, then the quote in front of it.
    emit_extensions(objects, packet)?;
    let front = packet.prepend(padded);
    for (to, from) in front.iter_mut().zip(quoted) {
        *to = *from;
    }
    Ok(u8::try_from(padded / unit).unwrap_or(u8::MAX))
}
