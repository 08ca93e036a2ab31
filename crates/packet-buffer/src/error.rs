//! What can be wrong with received octets, and with a packet that one tries to write.

use thiserror::Error;

/// Why octets could not be read as the structure that they claim to be.
///
/// The error is `Copy` and never allocates, so that refusing a packet costs no more than accepting
/// it. It says *what* was being read ([`what`](Self::what)), *where* ([`offset`](Self::offset), in
/// octets from the start of the slice that was given to `parse`) and *why*
/// ([`kind`](Self::kind)).
///
/// ```
/// use packet_buffer::{ParseError, ParseErrorKind, wire::UdpDatagram};
///
/// let error = UdpDatagram::parse(&[0x00, 0x07, 0x00]).unwrap_err();
/// assert_eq!(error.kind, ParseErrorKind::Truncated { needed: 8, available: 3 });
/// assert_eq!(error.to_string(), "UDP header at octet 0: 8 octets are needed and 3 are left");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{what} at octet {offset}: {kind}")]
#[non_exhaustive]
pub struct ParseError {
    /// Why the octets were refused.
    pub kind: ParseErrorKind,
    /// The structure or field that was being read, as the RFC names it.
    pub what: &'static str,
    /// Where that structure or field starts, in octets from the start of the parsed slice.
    pub offset: usize,
}

/// The kinds of [`ParseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The structure needs more octets than are there.
    #[error("{needed} octets are needed and {available} are left")]
    Truncated {
        /// Octets that the structure needs.
        needed: usize,
        /// Octets that are there.
        available: usize,
    },
    /// A length field has a value that cannot be right, whatever follows.
    #[error("a length of {length} octets cannot be right")]
    BadLength {
        /// The length in octets, as the field gives it.
        length: usize,
    },
    /// A field has a value that the specification forbids.
    #[error("the value {value:#x} is not allowed")]
    BadValue {
        /// The value found.
        value: u32,
    },
    /// The checksum does not match the octets it covers.
    #[error("the checksum {found:#06x} does not match the octets that it covers")]
    BadChecksum {
        /// The checksum field as received.
        found: u16,
    },
    /// The value is allowed, but this crate does not go further with it.
    #[error("the value {value:#x} is not supported")]
    Unsupported {
        /// The value found.
        value: u32,
    },
}

impl ParseError {
    // All constructors are inlined: a call that writes the error into the `Result` of a `parse`
    // would force the good results through memory as well.

    /// An error of any kind. Protocol crates use it for their own formats.
    #[inline]
    #[cold]
    pub const fn new(kind: ParseErrorKind, what: &'static str, offset: usize) -> Self {
        Self { kind, what, offset }
    }

    /// `what` needs `needed` octets at `offset`, and only `available` are there.
    #[inline]
    #[cold]
    pub const fn truncated(
        what: &'static str,
        offset: usize,
        needed: usize,
        available: usize,
    ) -> Self {
        Self::new(
            ParseErrorKind::Truncated { needed, available },
            what,
            offset,
        )
    }

    /// The length field `what` at `offset` says `length`, which cannot be right.
    #[inline]
    #[cold]
    pub const fn bad_length(what: &'static str, offset: usize, length: usize) -> Self {
        Self::new(ParseErrorKind::BadLength { length }, what, offset)
    }

    /// The field `what` at `offset` has the forbidden value `value`.
    #[inline]
    #[cold]
    pub const fn bad_value(what: &'static str, offset: usize, value: u32) -> Self {
        Self::new(ParseErrorKind::BadValue { value }, what, offset)
    }

    /// The checksum field `what` at `offset` holds `found`, which does not match.
    #[inline]
    #[cold]
    pub const fn bad_checksum(what: &'static str, offset: usize, found: u16) -> Self {
        Self::new(ParseErrorKind::BadChecksum { found }, what, offset)
    }

    /// The field `what` at `offset` has a legal `value` that is not supported.
    #[inline]
    #[cold]
    pub const fn unsupported(what: &'static str, offset: usize, value: u32) -> Self {
        Self::new(ParseErrorKind::Unsupported { value }, what, offset)
    }

    /// The same error, seen from an enclosing structure that starts `octets` earlier.
    #[must_use]
    pub const fn offset_by(mut self, octets: usize) -> Self {
        self.offset = self.offset.saturating_add(octets);
        self
    }

    /// Whether more octets could have made the difference (the capture or the quote was cut).
    pub const fn is_truncated(&self) -> bool {
        matches!(self.kind, ParseErrorKind::Truncated { .. })
    }
}

/// Why a packet could not be written. The buffer is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The packet would be longer than its length field can say.
    #[error("{what}: {length} octets do not fit; the limit is {limit}")]
    TooLong {
        /// The structure or field, as the RFC names it.
        what: &'static str,
        /// Octets that there are.
        length: usize,
        /// Octets that may be.
        limit: usize,
    },
    /// A length that must be a multiple of some number of octets is not.
    #[error("{what}: {length} octets is not a multiple of {multiple}")]
    Unaligned {
        /// The structure or field, as the RFC names it.
        what: &'static str,
        /// Octets that there are.
        length: usize,
        /// What the length must be a multiple of.
        multiple: usize,
    },
    /// A value does not fit into its field, or may not be sent.
    #[error("{what}: the value {value:#x} cannot be sent")]
    BadValue {
        /// The field, as the RFC names it.
        what: &'static str,
        /// The value given.
        value: u32,
    },
}
