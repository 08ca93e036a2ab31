//! The options of IPv4 and TCP headers, as octets of a header that is written.

use crate::EmitError;
use core::fmt;

/// Up to 40 octets of IPv4 or TCP options, padded to a multiple of four.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeaderOptions {
    octets: [u8; Self::MAX],
    len: u8,
}

impl HeaderOptions {
    /// Octets that fit into a header: its length field counts to 60, the fixed part is 20.
    pub const MAX: usize = 40;
    /// No options.
    pub const NONE: Self = Self {
        octets: [0; Self::MAX],
        len: 0,
    };

    /// The given octets, with zeroes (end of list) behind them up to a multiple of four.
    ///
    /// # Errors
    ///
    /// [`EmitError::TooLong`] for more than 40 octets.
    pub fn from_slice(octets: &[u8]) -> Result<Self, EmitError> {
        let mut options = Self::NONE;
        let Some(room) = options.octets.get_mut(..octets.len()) else {
            return Err(Self::too_long(octets.len()));
        };
        room.copy_from_slice(octets);
        // At most 40, and 40 is a multiple of four.
        options.len = u8::try_from(octets.len().next_multiple_of(4)).unwrap_or(0);
        Ok(options)
    }

    pub(super) const fn too_long(length: usize) -> EmitError {
        EmitError::TooLong {
            what: "header options",
            length,
            limit: Self::MAX,
        }
    }

    /// The octets with their padding.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Octets with padding: a multiple of four, at most 40.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// 32-bit words: at most 10.
    #[inline]
    pub(super) const fn words(&self) -> u8 {
        self.len / 4
    }

    /// Whether there are no options.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Default for HeaderOptions {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for HeaderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeaderOptions")
            .field(&self.as_slice())
            .finish()
    }
}
