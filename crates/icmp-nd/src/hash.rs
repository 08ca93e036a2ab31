//! Hash maps whose keys come from the network.

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use packet_buffer::RandomSource;

/// A map keyed by addresses; the hash is seeded, since peers choose the keys.
pub(crate) type HashMap<K, V> = hashbrown::HashMap<K, V, SeedableRandomState>;

/// An empty map with a seed of its own.
pub(crate) fn new_map<K, V>(random: &mut dyn RandomSource) -> HashMap<K, V> {
    let seed = random.next_u64();
    HashMap::with_hasher(SeedableRandomState::with_seed(
        seed,
        SharedSeed::global_fixed(),
    ))
}
