//! Randomness that a seed determines.

use core::time::Duration;
use packet_buffer::RandomSource;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A ChaCha8 generator: the same seed gives the same octets on every machine.
///
/// A simulation draws from many generators that are [forked](Self::fork) from one by label, so
/// that a node or a link that is added does not change what the others draw.
///
/// ```
/// use packet_buffer::RandomSource;
/// use testkit::SeededRandom;
///
/// let root = SeededRandom::new(42);
/// let (mut alice, mut bob) = (root.fork("alice"), root.fork("bob"));
/// assert_ne!(alice.next_u64(), bob.next_u64());
/// assert_eq!(root.fork("alice").next_u64(), SeededRandom::new(42).fork("alice").next_u64());
/// ```
#[derive(Debug, Clone)]
pub struct SeededRandom {
    key: [u8; 32],
    stream: ChaCha8Rng,
}

impl SeededRandom {
    /// The generator of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self::with_key(key)
    }

    /// A generator of its own for `label`, independent of this one and of all other labels.
    ///
    /// It depends on the seed and the labels that led here, and not on what was drawn: forks may
    /// be made in any order. The same label gives the same generator again.
    #[must_use]
    pub fn fork(&self, label: &str) -> Self {
        // The key is passed through ChaCha once for each eight octets of the label, which are the
        // stream number. The length comes first, so that no label continues another; counted down
        // from the top, it is never stream 0, from which `fill` draws.
        let mut key = derive(self.key, u64::MAX - label.len() as u64);
        for chunk in label.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            key = derive(key, u64::from_le_bytes(word));
        }
        Self::with_key(key)
    }

    /// True with this probability, which is from 0 (never) to 1 (always).
    pub fn chance(&mut self, probability: f64) -> bool {
        if probability <= 0.0 {
            return false;
        }
        // 53 random bits are all that the fraction of an `f64` holds.
        let unit = (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        unit < probability
    }

    /// A number from `low` to `high`, both among them.
    ///
    /// # Panics
    ///
    /// When `low` is above `high`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        assert!(low <= high, "no number lies between {low} and {high}");
        let span = (high - low) as u128 + 1;
        let product = u128::from(self.next_u64()) * span;
        low + usize::try_from(product >> 64).expect("below the span")
    }

    /// A whole number of microseconds from zero to `longest`.
    pub fn duration_up_to(&mut self, longest: Duration) -> Duration {
        let micros = usize::try_from(longest.as_micros()).unwrap_or(usize::MAX);
        Duration::from_micros(self.between(0, micros) as u64)
    }

    fn with_key(key: [u8; 32]) -> Self {
        Self {
            key,
            stream: ChaCha8Rng::from_seed(key),
        }
    }
}

impl RandomSource for SeededRandom {
    fn fill(&mut self, dest: &mut [u8]) {
        self.stream.fill_bytes(dest);
    }
}

/// The first 32 octets of ChaCha8 with this key and stream number.
fn derive(key: [u8; 32], stream: u64) -> [u8; 32] {
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(stream);
    let mut derived = [0; 32];
    generator.fill_bytes(&mut derived);
    derived
}
