//! The neighbor cache: entries, Neighbor Unreachability Detection, the queue of waiting packets.
