//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! ```
//! use packet_buffer::checksum::{self, ChecksumDelta};
//!
//! // An IPv4 header with its checksum (octets 10 and 11) set to zero.
//! let mut header = [
//!     0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8, 0x00,
//!     0x01, 0xc0, 0xa8, 0x00, 0xc7,
//! ];
//! let sum = checksum::internet_checksum(&header);
//! assert_eq!(sum, 0xb861);
//!
//! // The time to live goes from 64 to 63: patch the checksum instead of computing it anew.
//! let patched = ChecksumDelta::new().replace_u16(0x4011, 0x3f11).apply(sum);
//! header[8] = 63;
//! assert_eq!(patched, checksum::internet_checksum(&header));
//! ```

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[expect(
    unsafe_code,
    reason = "calls of functions that are compiled for processor features"
)]
mod arch;
mod words;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use arch::blocks;
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
use words::portable as blocks;

/// A running one's complement sum of 16-bit words, over slices of any length and alignment.
///
/// Slices may follow each other at odd positions: the sum over `a` then `b` is the sum over their
/// concatenation (RFC 1071 §2, byte order independence).
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    /// The sum of all words in the machine's own byte order, not folded: 2^30 slices fit.
    native: u64,
    /// Whether an odd number of octets was summed so far.
    odd: bool,
}

impl Sum {
    /// The sum over nothing.
    #[inline]
    pub const fn new() -> Self {
        Self {
            native: 0,
            odd: false,
        }
    }

    /// Adds `octets` as if they followed all that was summed before.
    #[inline]
    #[must_use]
    pub fn add_bytes(mut self, octets: &[u8]) -> Self {
        let partial = sum(octets);
        self.native += if self.odd {
            u64::from(fold(partial).swap_bytes())
        } else {
            partial
        };
        self.odd ^= octets.len() % 2 == 1;
        self
    }

    /// Adds a 16-bit word, as it is written in network order, at an even position.
    #[inline]
    #[must_use]
    pub const fn add_u16(mut self, word: u16) -> Self {
        self.native += word.to_be() as u64;
        self
    }

    /// Adds a 32-bit word, as it is written in network order, at an even position.
    #[inline]
    #[must_use]
    pub const fn add_u32(mut self, word: u32) -> Self {
        self.native += word.to_be() as u64;
        self
    }

    /// Adds an array of an even number of octets, at an even position: [`add_bytes`](Self::add_bytes) for what is
    /// short and has a length that is known, without a loop or a call. An odd number does not compile.
    #[inline]
    #[must_use]
    pub fn add_array<const N: usize>(mut self, octets: &[u8; N]) -> Self {
        const { assert!(N.is_multiple_of(2)) };
        let (quads, pair) = octets.as_chunks::<4>();
        for quad in quads {
            self.native += u64::from(u32::from_ne_bytes(*quad));
        }
        for word in pair.as_chunks::<2>().0 {
            self.native += u64::from(u16::from_ne_bytes(*word));
        }
        self
    }

    /// The sum folded to 16 bits, not complemented: 0xffff over octets that contain their own valid
    /// checksum.
    #[inline]
    pub const fn fold(self) -> u16 {
        u16::from_be(fold(self.native))
    }

    /// The checksum to write into the header: the complement of the sum.
    #[inline]
    pub const fn checksum(self) -> u16 {
        !self.fold()
    }

    /// Whether the octets summed contained their own valid checksum.
    #[inline]
    pub const fn is_valid(self) -> bool {
        // -0 is the valid sum; +0 comes only from octets that are all zero (RFC 1071 §1).
        fold(self.native) == 0xffff
    }
}

/// The sum of `octets` in the machine's byte order, in 34 bits.
///
/// Not inlined into other crates, so it does not depend on how they are built.
fn sum(octets: &[u8]) -> u64 {
    if octets.len() < words::BLOCK {
        words::short(octets)
    } else if octets.len() <= words::AT_ONCE {
        blocks(octets)
    } else {
        sum_in_parts(octets)
    }
}

#[cold]
fn sum_in_parts(octets: &[u8]) -> u64 {
    let parts = octets.chunks(words::AT_ONCE).map(sum);
    parts.fold(0, |total, part| words::halves(total + part))
}

/// Folds a sum to 16 bits with end-around carry.
#[inline]
const fn fold(sum: u64) -> u16 {
    // In the upper half of the sum of a number and its rotation is the sum of both halves, with the
    // carry out of the lower half, which is the same sum, added in.
    let sum = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
}

/// The Internet checksum of `octets` (RFC 1071): what goes into the checksum field when that field
/// was zero while summing. An odd last octet counts as the high half of a word.
#[inline]
pub fn internet_checksum(octets: &[u8]) -> u16 {
    Sum::new().add_bytes(octets).checksum()
}

/// [`internet_checksum`] by the safe loop alone, of up to 1 MiB: for benches that show what the
/// others buy.
#[doc(hidden)]
pub fn internet_checksum_portable(octets: &[u8]) -> u16 {
    !u16::from_be(fold(words::portable(octets)))
}

/// Whether `octets`, which include their checksum field, are valid.
#[inline]
pub fn is_valid(octets: &[u8]) -> bool {
    Sum::new().add_bytes(octets).is_valid()
}

/// How a change of header fields changes every checksum that covers them (RFC 1624 equation 3).
///
/// A translator gathers all its changes once and applies the delta to the IP header's checksum and
/// to the transport's. Unlike RFC 1141's equation, this one gets a checksum of zero right: the
/// patched value equals the one computed anew, except that a sum over only zeroes cannot be told
/// from 0xffff, which no header with a version or a protocol number has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChecksumDelta {
    /// Sum of ~m + m' over all changes, in the machine's own byte order. Each is below 2^33, so that
    /// 2^30 changes fit.
    native: u64,
}

impl ChecksumDelta {
    /// No change.
    #[inline]
    pub const fn new() -> Self {
        Self { native: 0 }
    }

    /// A 16-bit word at an even position goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub const fn replace_u16(mut self, old: u16, new: u16) -> Self {
        self.native += !old.to_be() as u64 + new.to_be() as u64;
        self
    }

    /// A 32-bit word at an even position goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub const fn replace_u32(mut self, old: u32, new: u32) -> Self {
        self.native += !old.to_be() as u64 + new.to_be() as u64;
        self
    }

    /// A 128-bit word (an IPv6 address) at an even position goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub fn replace_u128(self, old: u128, new: u128) -> Self {
        self.replace_array(&old.to_be_bytes(), &new.to_be_bytes())
    }

    /// An even number of octets at an even position goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub(crate) fn replace_array<const N: usize>(mut self, old: &[u8; N], new: &[u8; N]) -> Self {
        const { assert!(N.is_multiple_of(2)) };
        let ((old, old_pair), (new, new_pair)) = (old.as_chunks::<4>(), new.as_chunks::<4>());
        for (old, new) in old.iter().zip(new) {
            self.native +=
                u64::from(!u32::from_ne_bytes(*old)) + u64::from(u32::from_ne_bytes(*new));
        }
        let (old, new) = (old_pair.as_chunks::<2>().0, new_pair.as_chunks::<2>().0);
        for (old, new) in old.iter().zip(new) {
            self.native +=
                u64::from(!u16::from_ne_bytes(*old)) + u64::from(u16::from_ne_bytes(*new));
        }
        self
    }

    /// Both changes, one after the other.
    #[inline]
    #[must_use]
    pub const fn and(mut self, other: Self) -> Self {
        self.native += words::halves(other.native);
        self
    }

    /// The checksum after the changes: HC' = ~(~HC + ~m + m').
    #[inline]
    pub const fn apply(self, checksum: u16) -> u16 {
        u16::from_be(!fold(self.native + !checksum.to_be() as u64))
    }

    /// The same for UDP over IPv4, where 0 means that the sender computed none: such a checksum
    /// stays 0, and a computed one never becomes 0 (RFC 768).
    #[inline]
    pub const fn apply_udp(self, checksum: u16) -> u16 {
        if checksum == 0 {
            return 0;
        }
        let patched = self.apply(checksum);
        if patched == 0 { 0xffff } else { patched }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data")]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// RFC 1071 §4.1 written down word by word.
    fn by_words(octets: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(u16::from_be_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]));
            if sum > 0xffff {
                sum -= 0xffff;
            }
        }
        u16::try_from(sum).unwrap()
    }

    // RFC 1071 §3 MUST: the sum of the example octets is ddf2.
    #[test]
    fn the_example_of_rfc_1071() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::new().add_bytes(&octets).fold(), 0xddf2);
        assert_eq!(internet_checksum(&octets), !0xddf2);
    }

    // RFC 1624 §4 MUST: the example where equation 2 gives 0xffff and equation 3 gives 0.
    #[test]
    fn the_example_of_rfc_1624() {
        let patched = ChecksumDelta::new()
            .replace_u16(0x5555, 0x3285)
            .apply(0xdd2f);
        assert_eq!(patched, 0x0000);
    }

    #[test]
    fn a_udp_checksum_of_zero_stays_and_never_appears() {
        let delta = ChecksumDelta::new().replace_u16(0x5555, 0x3285);
        assert_eq!(delta.apply_udp(0), 0);
        assert_eq!(delta.apply_udp(0xdd2f), 0xffff);
    }

    #[test]
    fn every_length_and_alignment() {
        let octets: Vec<u8> = (0..2200u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for start in 0..33 {
            for length in (0..300).chain([511, 512, 513, 1499, 1500, 1501, 2047, 2048, 2049]) {
                let slice = &octets[start..start + length];
                assert_eq!(
                    Sum::new().add_bytes(slice).fold(),
                    by_words(slice),
                    "{start} {length}"
                );
            }
        }
    }

    #[test]
    fn an_array_counts_as_its_octets() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0xff, 0xfe];
        let by_array = Sum::new().add_array(&octets).add_array(&[0xab, 0xcd]);
        let by_bytes = Sum::new().add_bytes(&octets).add_bytes(&[0xab, 0xcd]);
        assert_eq!(by_array.fold(), by_bytes.fold());
        assert_eq!(
            by_array.fold(),
            by_words(&[&octets[..], &[0xab, 0xcd]].concat())
        );
    }

    #[test]
    fn long_runs_of_ones_do_not_overflow() {
        for length in [0xffff, 0x10000, 1 << 20, (1 << 20) + 1] {
            let octets = alloc::vec![0xff; length];
            assert_eq!(Sum::new().add_bytes(&octets).fold(), by_words(&octets));
        }
    }

    #[test]
    fn slices_that_are_summed_in_parts() {
        let octets: Vec<u8> = (0..2 * words::AT_ONCE as u32 + 3)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for length in [words::AT_ONCE + 1, words::AT_ONCE + 2, octets.len()] {
            let slice = &octets[..length];
            assert_eq!(Sum::new().add_bytes(slice).fold(), by_words(slice));
        }
    }

    proptest! {
        #[test]
        fn any_slices_in_a_row(parts in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..400), 0..6)) {
            let mut sum = Sum::new();
            for part in &parts {
                sum = sum.add_bytes(part);
            }
            prop_assert_eq!(sum.fold(), by_words(&parts.concat()));
        }

        #[test]
        fn a_patched_checksum_equals_a_new_one(
            mut octets in proptest::collection::vec(any::<u8>(), 40),
            at in 0usize..9,
            new in any::<u128>(),
        ) {
            octets[39] = 1; // never all zero
            let old_sum = internet_checksum(&octets);
            let at = at * 2;
            let old = u128::from_be_bytes(octets[at..at + 16].try_into().unwrap());
            octets[at..at + 16].copy_from_slice(&new.to_be_bytes());
            let delta = ChecksumDelta::new().replace_u128(old, new);
            prop_assert_eq!(delta.apply(old_sum), internet_checksum(&octets));
            let halves = ChecksumDelta::new()
                .replace_u32((old >> 96) as u32, (new >> 96) as u32)
                .replace_u32((old >> 64) as u32, (new >> 64) as u32)
                .and(ChecksumDelta::new()
                    .replace_u32((old >> 32) as u32, (new >> 32) as u32)
                    .replace_u16((old >> 16) as u16, (new >> 16) as u16)
                    .replace_u16(old as u16, new as u16));
            prop_assert_eq!(halves.apply(old_sum), internet_checksum(&octets));
        }
    }
}
