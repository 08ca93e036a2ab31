//! Secrets.

use alloc::vec::Vec;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password or shared secret. It is wiped when dropped, and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The octets of a secret. MS-CHAP-V2 reads them as UTF-8.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same, in a time that depends on the lengths only.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

/// In constant time.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for Secret {}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
