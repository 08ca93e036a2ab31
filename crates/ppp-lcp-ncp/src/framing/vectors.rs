//! Which code does the work.

use super::block::Portable;
use super::decode::Scanner;
use super::encode::escape;
use core::fmt;

#[cfg(target_arch = "x86_64")]
use super::arch::{Avx2, Avx512};

/// The instructions that an [`Encoder`](super::Encoder) and a [`Decoder`](super::Decoder) use: by
/// themselves the widest that the processor has. The frames are the same with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorUnit(Unit);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl VectorUnit {
    /// None: safe code that runs everywhere.
    pub const PORTABLE: Self = Self(Unit::Portable);

    /// The widest that the processor has.
    pub fn best() -> Self {
        Self::available().last().unwrap_or(Self::PORTABLE)
    }

    /// All that the processor has, the widest last.
    pub fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let more = [
            Avx2::detect().map(Unit::Avx2),
            Avx512::detect().map(Unit::Avx512),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let more = [];
        let units = core::iter::once(Unit::Portable).chain(more.into_iter().flatten());
        units.map(Self)
    }

    /// Writes `octets` with their escapes to `out`, which has twice their room and two blocks more.
    #[inline]
    pub(super) fn escape(self, octets: &[u8], accm: u32, out: &mut [u8]) -> usize {
        match self.0 {
            Unit::Portable => escape(Portable, octets, accm, out),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(unit) => unit.escape(octets, accm, out),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(unit) => unit.escape(octets, accm, out),
        }
    }

    #[inline]
    pub(super) fn scan(self, scanner: &mut Scanner, input: &mut &[u8]) -> Option<usize> {
        match self.0 {
            Unit::Portable => scanner.scan(Portable, input),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(unit) => unit.scan(scanner, input),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(unit) => unit.scan(scanner, input),
        }
    }
}

impl Default for VectorUnit {
    fn default() -> Self {
        Self::best()
    }
}

impl fmt::Display for VectorUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Unit::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(_) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(_) => "AVX-512 VBMI2",
        })
    }
}
