//! The tags of discovery packets (RFC 2516 §5, Appendix A).
//!
//! ```text
//!  0      2        4        4+n
//! +------+--------+---------+
//! | type | length | value   |   length = n
//! ```

use packet_buffer::{Cursor, EmitError, PacketBuf, ParseError};

packet_buffer::code_points! {
    /// The type of a tag.
    pub struct TagKind(u16) {
        /// Nothing follows.
        END_OF_LIST = 0x0000 => "End-Of-List",
        /// A service; empty for any.
        SERVICE_NAME = 0x0101 => "Service-Name",
        /// The concentrator's name.
        AC_NAME = 0x0102 => "AC-Name",
        /// The client's own, to know answers by.
        HOST_UNIQ = 0x0103 => "Host-Uniq",
        /// The concentrator's own, which the client returns.
        AC_COOKIE = 0x0104 => "AC-Cookie",
        /// A vendor's own; access nodes put the line's name here.
        VENDOR_SPECIFIC = 0x0105 => "Vendor-Specific",
        /// A relay's own, which both ends return.
        RELAY_SESSION_ID = 0x0110 => "Relay-Session-Id",
        /// Octets of PPP payload that the client can take (RFC 4638 §4).
        PPP_MAX_PAYLOAD = 0x0120 => "PPP-Max-Payload",
        /// The service cannot be had.
        SERVICE_NAME_ERROR = 0x0201 => "Service-Name-Error",
        /// The concentrator is not able to.
        AC_SYSTEM_ERROR = 0x0202 => "AC-System-Error",
        /// Another error.
        GENERIC_ERROR = 0x0203 => "Generic-Error",
    }
}

impl TagKind {
    /// Whether the tag says that something went wrong; its value is a text then.
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::SERVICE_NAME_ERROR | Self::AC_SYSTEM_ERROR | Self::GENERIC_ERROR
        )
    }
}

/// One tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Its type.
    pub kind: TagKind,
    /// Its value.
    pub value: &'a [u8],
}

/// Tags that have been checked from front to back. Unknown and repeated ones are kept, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags<'a> {
    /// Whole tags, without End-Of-List and what is behind it.
    octets: &'a [u8],
}

impl<'a> Tags<'a> {
    /// Checks that the payload of a discovery packet is a list of tags. It ends with its octets or
    /// with End-Of-List; what is behind that is not looked at.
    ///
    /// # Errors
    ///
    /// Truncated, when a tag runs off the end; bad length for an End-Of-List with a value.
    // RFC 2516 §A MAY (end-of-list): the list may end with its octets as well.
    // RFC 2516 §5 MUST (unknown): types that are not known are passed over.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        let mut end = 0;
        while !cursor.is_empty() {
            let kind = TagKind(cursor.u16("PPPoE tag")?);
            let at = cursor.offset();
            let length = usize::from(cursor.u16("PPPoE tag")?);
            if kind == TagKind::END_OF_LIST {
                if length != 0 {
                    return Err(ParseError::bad_length("End-Of-List", at, length));
                }
                break;
            }
            cursor.take(length, "PPPoE tag")?;
            end = cursor.offset();
        }
        Ok(Self {
            octets: octets.get(..end).unwrap_or_default(),
        })
    }

    /// The tags in wire order.
    pub const fn iter(&self) -> TagIter<'a> {
        TagIter { rest: self.octets }
    }

    /// The value of the first tag of a type.
    pub fn find(&self, kind: TagKind) -> Option<&'a [u8]> {
        self.find_all(kind).next()
    }

    /// The values of all tags of a type.
    pub fn find_all(&self, kind: TagKind) -> impl Iterator<Item = &'a [u8]> {
        let tags = self.iter().filter(move |tag| tag.kind == kind);
        tags.map(|tag| tag.value)
    }

    /// The value of the only tag of a type; `None` when there is none, or more than one.
    pub fn only(&self, kind: TagKind) -> Option<&'a [u8]> {
        let mut values = self.find_all(kind);
        let first = values.next()?;
        values.next().is_none().then_some(first)
    }

    /// The first tag that says that something went wrong.
    pub fn error(&self) -> Option<Tag<'a>> {
        self.iter().find(|tag| tag.kind.is_error())
    }

    /// The PPP-Max-Payload, where it means something.
    // RFC 4638 §4 MUST (ignore): a value of 1492 or less is as good as none.
    pub fn max_payload(&self) -> Option<u16> {
        let value = <[u8; 2]>::try_from(self.find(TagKind::PPP_MAX_PAYLOAD)?).ok()?;
        let value = u16::from_be_bytes(value);
        (value > super::DEFAULT_MAX_PAYLOAD).then_some(value)
    }
}

impl<'a> IntoIterator for Tags<'a> {
    type Item = Tag<'a>;
    type IntoIter = TagIter<'a>;

    fn into_iter(self) -> TagIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Tags<'a> {
    type Item = Tag<'a>;
    type IntoIter = TagIter<'a>;

    fn into_iter(self) -> TagIter<'a> {
        self.iter()
    }
}

/// Iterator over [`Tags`].
#[derive(Debug, Clone)]
pub struct TagIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TagIter<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let (&[a, b, c, d], rest) = self.rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([c, d]));
        // The list was checked: the value is there.
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        let kind = TagKind(u16::from_be_bytes([a, b]));
        Some(Tag { kind, value })
    }
}

impl core::iter::FusedIterator for TagIter<'_> {}

/// Appends a tag to `packet`.
///
/// # Errors
///
/// Too long, when the value has more than 65,535 octets.
pub fn append_tag(packet: &mut PacketBuf, kind: TagKind, value: &[u8]) -> Result<(), EmitError> {
    let Ok(length) = u16::try_from(value.len()) else {
        return Err(EmitError::TooLong {
            what: "PPPoE tag",
            length: value.len(),
            limit: usize::from(u16::MAX),
        });
    };
    packet.append_slice(&kind.0.to_be_bytes());
    packet.append_slice(&length.to_be_bytes());
    packet.append_slice(value);
    Ok(())
}
