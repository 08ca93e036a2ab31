//! Multi-part ICMP messages (RFC 4884 §7, §8): a structure of objects behind a quoted packet.
//!
//! ```text
//!  0                 2          4        6           7        8
//! +---------+-------+----------+--------+-----------+--------+---------------+
//! | 2, 4 b. | zero  | Checksum | Length | Class-Num | C-Type | Payload       | more objects
//! +---------+-------+----------+--------+-----------+--------+---------------+
//!  |<------ structure ------->| |<---------------- object --------------->|
//! ```
//!
//! Lengths of objects count octets and their header of four; they are multiples of four.

mod interface;
mod mpls;
mod repr;

pub use interface::{
    InterfaceAddress, InterfaceIdentification, InterfaceInformation, InterfaceRole,
};
pub use mpls::{MplsLabelStack, MplsLabelStackEntry};
pub use repr::{ExtensionObjectRepr, emit_extensions, emit_quote_v4, emit_quote_v6};

use super::be16;
use packet_buffer::checksum::Sum;
use packet_buffer::{Cursor, ParseError};

packet_buffer::code_points! {
    /// The class of an extension object.
    pub struct ExtensionClass(u8) {
        /// The MPLS label stack of the quoted packet as it arrived (RFC 4950).
        MPLS_LABEL_STACK = 1 => "MPLS label stack",
        /// An interface of the router (RFC 5837).
        INTERFACE_INFORMATION = 2 => "interface information",
        /// The interface that an extended echo is about (RFC 8335 §2.1).
        INTERFACE_IDENTIFICATION = 3 => "interface identification",
    }
}

/// Octets of the header of the structure, and of each object.
const HEADER_LEN: usize = 4;
/// The version of the structure.
const VERSION: u8 = 2;

/// An extension structure whose version, checksum and objects' lengths were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpExtensions<'a> {
    objects: &'a [u8],
}

impl<'a> IcmpExtensions<'a> {
    /// Checks a structure that fills `octets`, which start `offset` octets into the message.
    ///
    /// A checksum of zero was not computed by the sender, and stands.
    ///
    /// # Errors
    ///
    /// Truncated, when the header or an object is not there whole; unsupported, for another
    /// version; bad checksum; bad length, for an object shorter than its header, or not a multiple
    /// of four octets.
    // RFC 4884 §7 MUST (version): 2. A zero checksum says that none was transmitted.
    pub fn parse(octets: &'a [u8], offset: usize) -> Result<Self, ParseError> {
        const WHAT: &str = "ICMP extension structure";
        let Some((header, objects)) = octets.split_first_chunk::<HEADER_LEN>() else {
            let available = octets.len();
            return Err(ParseError::truncated(WHAT, offset, HEADER_LEN, available));
        };
        let version = header[0] >> 4;
        if version != VERSION {
            return Err(ParseError::unsupported(WHAT, offset, u32::from(version)));
        }
        let checksum = be16::<2, HEADER_LEN>(header);
        if checksum != 0 && !Sum::new().add_bytes(octets).is_valid() {
            return Err(ParseError::bad_checksum(
                WHAT,
                offset.saturating_add(2),
                checksum,
            ));
        }
        let mut cursor = Cursor::at(objects, offset.saturating_add(HEADER_LEN));
        while !cursor.is_empty() {
            RawObject::read(&mut cursor)?;
        }
        Ok(Self { objects })
    }

    /// The objects in wire order; unknown, repeated and invalid ones included.
    pub fn iter(&self) -> impl Iterator<Item = ExtensionObject<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.objects);
        core::iter::from_fn(move || {
            let object = RawObject::read(&mut cursor).ok()?;
            Some(ExtensionObject::read(object))
        })
    }

    /// The first MPLS label stack.
    pub fn mpls(&self) -> Option<MplsLabelStack<'a>> {
        self.iter().find_map(|object| match object {
            ExtensionObject::MplsLabelStack(stack) => Some(stack),
            _ => None,
        })
    }
}

/// An object that is not interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawObject<'a> {
    /// What the object is about.
    pub class: ExtensionClass,
    /// Its kind within the class.
    pub c_type: u8,
    /// What follows its header; a multiple of four octets.
    pub payload: &'a [u8],
}

impl<'a> RawObject<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        const WHAT: &str = "ICMP extension object";
        let at = cursor.offset();
        let available = cursor.remaining();
        let header = cursor.array::<HEADER_LEN>(WHAT)?;
        let length = usize::from(be16::<0, HEADER_LEN>(header));
        let Some(rest) = length.checked_sub(HEADER_LEN) else {
            return Err(ParseError::bad_length(WHAT, at, length));
        };
        if !length.is_multiple_of(4) {
            return Err(ParseError::bad_length(WHAT, at, length));
        }
        let payload = cursor.take(rest, WHAT);
        Ok(Self {
            class: ExtensionClass(header[2]),
            c_type: header[3],
            payload: payload.map_err(|_| ParseError::truncated(WHAT, at, length, available))?,
        })
    }
}

/// Why an object of a known class cannot be used. It is then ignored, and the others stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The C-Type is not known.
    #[error("the C-Type {0} is not known")]
    CType(u8),
    /// A label stack has no entries.
    #[error("a label stack has one entry at least")]
    EmptyLabelStack,
    /// A sub-object is not there whole.
    #[error("a sub-object is cut")]
    Truncated,
    /// An address is of a family that is neither 1 (IPv4) nor 2 (IPv6).
    #[error("the address family {0} is not known")]
    AddressFamily(u16),
    /// An address has a length that is not its family's.
    #[error("an address of {0} octets is not of its family")]
    AddressLength(u8),
    /// The length octet of a name is not a multiple of four from 4 to 64.
    #[error("a name of {0} octets is not a multiple of four from 4 to 64")]
    NameLength(u8),
    /// A name is not UTF-8, has a zero octet within, or is empty or too long to name an interface.
    #[error("a name is not UTF-8, has a zero octet within, or is empty or too long")]
    Name,
    /// Something follows the sub-objects.
    #[error("something follows the sub-objects")]
    Trailing,
}

/// One object of an extension structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionObject<'a> {
    /// The labels of the quoted packet.
    MplsLabelStack(MplsLabelStack<'a>),
    /// An interface of the router.
    InterfaceInformation(InterfaceInformation<'a>),
    /// The interface that an extended echo is about.
    InterfaceIdentification(InterfaceIdentification<'a>),
    /// An object of a class that is not known here.
    Other(RawObject<'a>),
    /// An object of a known class that cannot be used.
    Invalid {
        /// The object as it was received.
        object: RawObject<'a>,
        /// Why it cannot be used.
        error: ExtensionError,
    },
}

impl<'a> ExtensionObject<'a> {
    fn read(object: RawObject<'a>) -> Self {
        let read = match object.class {
            ExtensionClass::MPLS_LABEL_STACK => {
                MplsLabelStack::read(&object).map(Self::MplsLabelStack)
            }
            ExtensionClass::INTERFACE_INFORMATION => {
                InterfaceInformation::read(&object).map(Self::InterfaceInformation)
            }
            ExtensionClass::INTERFACE_IDENTIFICATION => {
                InterfaceIdentification::read(&object).map(Self::InterfaceIdentification)
            }
            _ => Ok(Self::Other(object)),
        };
        read.unwrap_or_else(|error| Self::Invalid { object, error })
    }

    /// The object as values that can be written; unknown and invalid ones stay as they are.
    pub fn to_repr(&self) -> ExtensionObjectRepr<'a> {
        match *self {
            Self::MplsLabelStack(stack) => {
                ExtensionObjectRepr::MplsLabelStack(stack.entries().collect())
            }
            Self::InterfaceInformation(interface) => {
                ExtensionObjectRepr::InterfaceInformation(interface)
            }
            Self::InterfaceIdentification(interface) => {
                ExtensionObjectRepr::InterfaceIdentification(interface)
            }
            Self::Other(object) | Self::Invalid { object, .. } => {
                ExtensionObjectRepr::Other(object)
            }
        }
    }
}
