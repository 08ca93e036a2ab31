//! Randomness, as a source that the caller hands in.

use alloc::boxed::Box;
use sha2::{Digest, Sha256};

/// A cryptographically secure source of random octets.
///
/// Machines take one when they are made. It has no default and there is no global one: a simulation
/// hands in a seeded generator and gets the same octets each time, a router hands in the operating
/// system's (`OsRandom`, with the `std` feature).
///
/// What is drawn ends up as identifiers, ports, initial sequence numbers, hash keys and jitter that
/// an attacker must not be able to guess; an implementation must be a CSPRNG.
pub trait RandomSource {
    /// Fills all of `dest` with random octets.
    fn fill(&mut self, dest: &mut [u8]);

    /// A random 16-bit number, all values alike.
    fn next_u16(&mut self) -> u16 {
        let mut octets = [0; 2];
        self.fill(&mut octets);
        u16::from_ne_bytes(octets)
    }

    /// A random 32-bit number, all values alike.
    fn next_u32(&mut self) -> u32 {
        let mut octets = [0; 4];
        self.fill(&mut octets);
        u32::from_ne_bytes(octets)
    }

    /// A random 64-bit number, all values alike.
    fn next_u64(&mut self) -> u64 {
        let mut octets = [0; 8];
        self.fill(&mut octets);
        u64::from_ne_bytes(octets)
    }

    /// A random number from 0 up to, and not, `bound`, all values alike; 0 when `bound` is 0.
    fn below(&mut self, bound: u32) -> u32 {
        // Multiply and shift; what would make some values likelier is drawn again. The chance of a
        // redraw is below one half each time.
        let bound = u64::from(bound);
        loop {
            let product = u64::from(self.next_u32()) * bound;
            let low = product & 0xffff_ffff;
            // The threshold is below the bound, and takes a division.
            if low >= bound || low >= (1 << 32) % bound.max(1) {
                // The high half of a product of two 32-bit numbers fits 32 bits.
                return u32::try_from(product >> 32).unwrap_or(0);
            }
        }
    }
}

impl<R: RandomSource + ?Sized> RandomSource for &mut R {
    fn fill(&mut self, dest: &mut [u8]) {
        (**self).fill(dest);
    }
}

impl<R: RandomSource + ?Sized> RandomSource for Box<R> {
    fn fill(&mut self, dest: &mut [u8]) {
        (**self).fill(dest);
    }
}

/// A source of its own, whose seed is drawn from `random`: for a machine that is handed one source and
/// owns several machines. Each gets the same octets again when `random` gives the same.
///
/// The octets are SHA-256 over the seed and a counter, 32 at a time.
pub fn fork(random: &mut dyn RandomSource) -> Box<dyn RandomSource + Send> {
    let mut seed = [0; 32];
    random.fill(&mut seed);
    Box::new(Fork {
        seed,
        counter: 0,
        block: [0; 32],
        used: 32,
    })
}

struct Fork {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl RandomSource for Fork {
    fn fill(&mut self, dest: &mut [u8]) {
        for octet in dest {
            if self.used >= self.block.len() {
                let mut hash = Sha256::new();
                hash.update(self.seed);
                hash.update(self.counter.to_be_bytes());
                self.block = hash.finalize().into();
                self.counter = self.counter.wrapping_add(1);
                self.used = 0;
            }
            *octet = self.block.get(self.used).copied().unwrap_or(0);
            self.used += 1;
        }
    }
}

/// Another source's octets, of which it fetches 256 at a time: for a machine that draws a few octets for many packets,
/// when each call of the source costs more than these (a call of the operating system).
///
/// What is drawn is the other source's octets in order; what is left of 256 is passed over when a number does not fit.
/// From 64 octets on, what is drawn comes from the other source at once. Octets that were handed out are overwritten.
pub struct Buffered<R> {
    source: R,
    octets: [u8; 256],
    used: usize,
}

/// From so many octets on, the buffer is passed by.
const MANY: usize = 64;

impl<R: RandomSource> Buffered<R> {
    /// Fetches nothing yet.
    pub const fn new(source: R) -> Self {
        Self {
            source,
            octets: [0; 256],
            used: 256,
        }
    }

    /// The next `N` octets, of which there are fewer than [`MANY`].
    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > self.octets.len() {
            self.source.fill(&mut self.octets);
            self.used = 0;
        }
        let rest = self.octets.get_mut(self.used..).unwrap_or_default();
        self.used += N;
        rest.first_chunk_mut()
            .map_or([0; N], |taken| core::mem::replace(taken, [0; N]))
    }
}

impl<R: RandomSource> RandomSource for Buffered<R> {
    fn fill(&mut self, dest: &mut [u8]) {
        if dest.len() >= MANY {
            return self.source.fill(dest);
        }
        for octet in dest {
            [*octet] = self.take();
        }
    }

    #[inline]
    fn next_u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.take())
    }

    #[inline]
    fn next_u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.take())
    }

    #[inline]
    fn next_u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.take())
    }
}

/// What will be drawn is secret.
impl<R> core::fmt::Debug for Buffered<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Buffered").finish_non_exhaustive()
    }
}

#[cfg(feature = "std")]
pub use self::os::OsRandom;

#[cfg(feature = "std")]
mod os {
    use super::RandomSource;

    /// The operating system's random source.
    ///
    /// # Panics
    ///
    /// [`RandomSource::fill`] panics when the operating system cannot give randomness at all (an
    /// early boot environment without an entropy source): going on with octets that can be guessed
    /// would be worse.
    #[derive(Debug, Clone, Copy, Default)]
    pub struct OsRandom;

    impl RandomSource for OsRandom {
        #[expect(
            clippy::expect_used,
            reason = "documented: without randomness there is no safe way on"
        )]
        fn fill(&mut self, dest: &mut [u8]) {
            getrandom::fill(dest).expect("the operating system gives no randomness");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_differ_and_repeat() {
        struct Fixed(u8);
        impl RandomSource for Fixed {
            fn fill(&mut self, dest: &mut [u8]) {
                dest.fill(self.0);
            }
        }
        let draw = |seed: u8| {
            let mut forked = fork(&mut Fixed(seed));
            let mut octets = [0; 80];
            forked.fill(&mut octets);
            octets
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1)[..32], draw(1)[32..64]);
    }

    struct Counter(u32);

    impl RandomSource for Counter {
        fn fill(&mut self, dest: &mut [u8]) {
            for chunk in dest.chunks_mut(4) {
                self.0 = self.0.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                chunk.copy_from_slice(&self.0.to_be_bytes()[..chunk.len()]);
            }
        }
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut random = Counter(1);
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 700), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }

    /// Of the 2^32 numbers one has to go, or 3 would not divide what is left: 0.
    #[test]
    fn what_would_make_a_value_likelier_is_drawn_again() {
        struct Of([u32; 3], usize);
        impl RandomSource for Of {
            fn fill(&mut self, dest: &mut [u8]) {
                dest.copy_from_slice(&self.0[self.1].to_ne_bytes());
                self.1 += 1;
            }
        }
        let mut random = Of([0, u32::MAX, 1], 0);
        assert_eq!((random.below(3), random.1), (2, 2));
        assert_eq!((random.below(3), random.1), (0, 3));
        // A power of two divides them all.
        let mut random = Of([0; 3], 0);
        assert_eq!((random.below(4), random.1), (0, 1));
    }

    #[test]
    fn a_buffer_hands_on_what_its_source_gives_each_octet_once() {
        /// 0, 1, 2 and so on, and how often it was asked.
        struct Up(u8, usize);
        impl RandomSource for &mut Up {
            fn fill(&mut self, dest: &mut [u8]) {
                self.1 += 1;
                for octet in dest {
                    *octet = self.0;
                    self.0 = self.0.wrapping_add(1);
                }
            }
        }
        let mut source = Up(0, 0);
        let mut buffered = Buffered::new(&mut source);
        for n in 0..16u8 {
            let first = n * 15;
            assert_eq!(buffered.next_u64().to_ne_bytes()[7], first + 7);
            assert_eq!(buffered.next_u32().to_ne_bytes()[3], first + 11);
            assert_eq!(buffered.next_u16().to_ne_bytes()[1], first + 13);
            let mut last = [0];
            buffered.fill(&mut last);
            assert_eq!(last, [first + 14]);
        }
        // Sixteen are left, of which the next three numbers take twelve.
        for n in [243, 247, 251] {
            assert_eq!(buffered.next_u32().to_ne_bytes()[3], n);
        }
        // Eight do not fit any more; what is left over and handed out is not there twice.
        assert_eq!(buffered.next_u64().to_ne_bytes()[0], 0);
        assert_eq!(buffered.octets[..9], [0, 0, 0, 0, 0, 0, 0, 0, 8]);
        // Many octets come from the source itself.
        let mut many = [0; MANY];
        buffered.fill(&mut many);
        assert_eq!((many[0], many[63]), (0, 63));
        assert_eq!(source.1, 3);
    }

    #[cfg(feature = "std")]
    #[test]
    fn the_os_source_fills() {
        let mut octets = [0; 64];
        OsRandom.fill(&mut octets);
        assert_ne!(octets, [0; 64]);
    }
}
