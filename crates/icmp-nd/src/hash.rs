//! Hash maps whose keys come from the network.

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use packet_buffer::RandomSource;

/// A map keyed by addresses; the hash is seeded, since peers choose the keys.
pub(crate) type HashMap<K, V> = hashbrown::HashMap<K, V, SeedableRandomState>;

/// A hash with a seed of its own.
pub(crate) fn new_hasher(random: &mut dyn RandomSource) -> SeedableRandomState {
    SeedableRandomState::with_seed(random.next_u64(), SharedSeed::global_fixed())
}

/// An empty map with a hash of its own.
pub(crate) fn new_map<K, V>(random: &mut dyn RandomSource) -> HashMap<K, V> {
    HashMap::with_hasher(new_hasher(random))
}
