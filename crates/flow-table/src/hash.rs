//! Keyed hashes over 64-bit words, and what each of them stands against.

use packet_buffer::RandomSource;

/// A family of hash functions, one of which a table draws when it is made.
///
/// All 64 bits must be good: the upper ones choose the place, and the lowest 15 tell keys apart
/// that share it.
pub trait FlowHash {
    /// The longest key that the hash takes, in words. Making a table of longer keys does not
    /// compile.
    const MAX_WORDS: usize;

    /// Draws a function of the family.
    fn from_random<R: RandomSource + ?Sized>(random: &mut R) -> Self;

    /// The hash of a key. All keys of a table have the same number of words.
    fn hash(&self, words: &[u64]) -> u64;
}

/// NH over 64-bit words, folded and mixed with a secret multiplier: the default.
///
/// With a random word *k* per word of the key, NH is the sum of (*x* + *k*)(*x'* + *k'*) over the
/// pairs *x*, *x'* of words, as a 128-bit number: the hash at the heart of UMAC (Black, Halevi,
/// Krawczyk, Krovetz, Rogaway, CRYPTO '99). Whatever two keys an attacker names, the chance that NH
/// gives both the same 128 bits is at most 2^-64. Its two halves are then folded into 64 bits with
/// exclusive or, and those are mixed by a shift and a random odd factor, which is a bijection and
/// breaks up the regular spacing that products leave between keys in arithmetic progression. The
/// fold has no such proof; that structured sets of keys spread like random ones is tested.
///
/// **Stands against** an attacker who picks addresses and ports freely, who knows this code, who
/// sends any number of packets, but who does not know the words drawn: he cannot name a set of keys
/// that crowds the table. Hashes do not leave the table; the trace that they leave is the time of a
/// look-up, which differs by a few cache lines at most, since probing is bounded by
/// [`MAX_PROBES`](crate::MAX_PROBES): tens of nanoseconds, seen across a network.
///
/// **Does not stand against** an attacker who learns hashes, or which keys share a place: one who
/// reads the memory, or who runs on the same processor and watches its caches. NH is algebra, not
/// cryptography; enough outputs give the words away. Where such an attacker is in the picture, take
/// [`SipHash13`], or draw anew from time to time with
/// [`FlowTable::rehash`](crate::FlowTable::rehash). What he wins is bounded all the same: look-ups
/// of at most [`MAX_PROBES`](crate::MAX_PROBES) cache lines, and refused flows.
#[derive(Clone)]
pub struct NhHash {
    words: [[u64; 2]; Self::PAIRS],
    factor: u64,
}

impl NhHash {
    const PAIRS: usize = 4;
}

impl FlowHash for NhHash {
    const MAX_WORDS: usize = 2 * Self::PAIRS;

    fn from_random<R: RandomSource + ?Sized>(random: &mut R) -> Self {
        Self {
            words: core::array::from_fn(|_| [random.next_u64(), random.next_u64()]),
            // Odd, so that multiplying by it is a bijection.
            factor: random.next_u64() | 1,
        }
    }

    #[inline]
    fn hash(&self, words: &[u64]) -> u64 {
        let mut sum = 0u128;
        for (pair, [a, b]) in words.chunks(2).zip(&self.words) {
            // A last word without a partner is paired with 0.
            let (x, y) = match *pair {
                [x, y] => (x, y),
                [x] => (x, 0),
                _ => (0, 0),
            };
            let product = u128::from(x.wrapping_add(*a)) * u128::from(y.wrapping_add(*b));
            sum = sum.wrapping_add(product);
        }
        let folded = low_64(sum) ^ low_64(sum >> 64);
        (folded ^ (folded >> 32)).wrapping_mul(self.factor)
    }
}

#[inline]
const fn low_64(value: u128) -> u64 {
    (value & 0xffff_ffff_ffff_ffff) as u64
}

/// The words drawn are secret.
impl core::fmt::Debug for NhHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NhHash").finish_non_exhaustive()
    }
}

/// SipHash-1-3 over the words with a 128-bit key.
///
/// **Stands against** an attacker who picks keys, and who even learns which of them share a place:
/// SipHash is designed as a pseudorandom function, so that outputs tell nothing about others. The
/// variant with one and three rounds is the one that many languages' hash tables use.
///
/// It costs several nanoseconds a packet more than [`NhHash`], and its long chain of
/// dependent steps keeps the processor from overlapping look-ups; batches hide part of that.
#[derive(Clone)]
pub struct SipHash13 {
    key: [u64; 2],
}

impl FlowHash for SipHash13 {
    const MAX_WORDS: usize = 31;

    fn from_random<R: RandomSource + ?Sized>(random: &mut R) -> Self {
        Self {
            key: [random.next_u64(), random.next_u64()],
        }
    }

    #[inline]
    fn hash(&self, words: &[u64]) -> u64 {
        let [k0, k1] = self.key;
        // "somepseudorandomlygeneratedbytes", the constants of the SipHash paper.
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        for &word in words {
            absorb(&mut v, word);
        }
        // The last block: no octets are left over, and the length in octets modulo 256 on top.
        absorb(&mut v, (words.len() as u64) << 59);
        v[2] ^= 0xff;
        round(&mut v);
        round(&mut v);
        round(&mut v);
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

/// Takes in one word, with one round.
#[inline]
const fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

/// One SipRound.
#[inline]
const fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

/// The key is secret.
impl core::fmt::Debug for SipHash13 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SipHash13").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::hash::Hasher as _;
    use proptest::prelude::*;
    use std::collections::hash_map::DefaultHasher;

    /// Gives these octets, again and again.
    struct Octets<'a>(core::iter::Cycle<core::slice::Iter<'a, u8>>);

    impl RandomSource for Octets<'_> {
        fn fill(&mut self, dest: &mut [u8]) {
            for (octet, random) in dest.iter_mut().zip(&mut self.0) {
                *octet = *random;
            }
        }
    }

    proptest! {
        #[test]
        fn siphash_is_that_of_the_standard_library(
            words in proptest::collection::vec(any::<u64>(), 0..31),
        ) {
            // The standard library's default hasher is SipHash-1-3 with the key 0.
            let mut theirs = DefaultHasher::new();
            for word in &words {
                theirs.write(&word.to_le_bytes());
            }
            let ours = SipHash13::from_random(&mut Octets([0].iter().cycle()));
            prop_assert_eq!(ours.hash(&words), theirs.finish());
        }

        #[test]
        fn nh_is_the_sum_of_products(words: [u64; 5], random: [u8; 72]) {
            let drawn: Vec<u64> = random
                .as_chunks::<8>()
                .0
                .iter()
                .map(|octets| u64::from_ne_bytes(*octets))
                .collect();
            let factor = |n: usize| {
                let word = words.get(n).copied().unwrap_or(0);
                u128::from(word.wrapping_add(drawn[n]))
            };
            let sum = (factor(0) * factor(1))
                .wrapping_add(factor(2) * factor(3))
                .wrapping_add(factor(4) * factor(5));
            let [low, high] = [sum, sum >> 64].map(|half| (half & 0xffff_ffff_ffff_ffff) as u64);
            let folded = low ^ high;
            let expected = (folded ^ (folded >> 32)).wrapping_mul(drawn[8] | 1);
            let hash = NhHash::from_random(&mut Octets(random.iter().cycle()));
            prop_assert_eq!(hash.hash(&words), expected);
        }
    }
}
