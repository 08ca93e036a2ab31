//! What a receiver checks before it believes a Neighbor Discovery message (RFC 4861 §6.1, §7.1, §8.1).
