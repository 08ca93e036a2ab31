//! Where the machines of a node draw from: a seed in a simulation, the system on live links.

use packet_buffer::RandomSource;
use packet_buffer::random::OsRandom;
use testkit::SeededRandom;

/// See the [module's documentation](self).
#[derive(Debug, Clone)]
pub enum Randomness {
    /// A seed: the same again in each run.
    Seeded(Box<SeededRandom>),
    /// The operating system.
    System,
}

impl Randomness {
    /// A source of its own for `label`; of the system's, which has no labels, another handle.
    #[must_use]
    pub fn fork(&self, label: &str) -> Self {
        match self {
            Self::Seeded(random) => random.fork(label).into(),
            Self::System => Self::System,
        }
    }
}

impl From<SeededRandom> for Randomness {
    fn from(random: SeededRandom) -> Self {
        Self::Seeded(Box::new(random))
    }
}

impl RandomSource for Randomness {
    fn fill(&mut self, dest: &mut [u8]) {
        match self {
            Self::Seeded(random) => random.fill(dest),
            Self::System => OsRandom.fill(dest),
        }
    }
}
