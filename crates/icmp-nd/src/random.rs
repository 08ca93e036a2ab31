//! Several random sources from one.

use alloc::boxed::Box;
use packet_buffer::RandomSource;
use sha2::{Digest, Sha256};

/// SHA-256 over a seed and a counter: a source of its own for each of the machines that an
/// interface is made of, when the caller hands in one.
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

/// A source whose seed is drawn from `random`.
pub(crate) fn fork(random: &mut dyn RandomSource) -> Box<dyn RandomSource + Send> {
    let mut seed = [0; 32];
    random.fill(&mut seed);
    Box::new(Fork {
        seed,
        counter: 0,
        block: [0; 32],
        used: 32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_differ_and_repeat() {
        let draw = |seed: u8| {
            struct Fixed(u8);
            impl RandomSource for Fixed {
                fn fill(&mut self, dest: &mut [u8]) {
                    dest.fill(self.0);
                }
            }
            let mut forked = fork(&mut Fixed(seed));
            let mut octets = [0; 80];
            forked.fill(&mut octets);
            octets
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1)[..32], draw(1)[32..64]);
    }
}
