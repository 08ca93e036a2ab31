//! The checks that a receiver makes before a message counts, as pure functions.
//!
//! [`nd`] checks a Neighbor Discovery message by RFC 4861 §6.1, §7.1 and §8.1. What passes is a
//! [`ValidNd`], whose only source it is: later layers take it without further checks of the format.
//! What stays with them is what depends on their state: whether a Redirect comes from the current
//! first hop, whether a target is theirs, whether an MTU or a lifetime makes sense.

mod nd;
mod nd_error;

pub use nd::{NdLimits, ValidNd, nd};
pub use nd_error::{NdError, NdErrorCounters};
