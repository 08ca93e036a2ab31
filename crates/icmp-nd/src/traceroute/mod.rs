//! Finding the hops of a path.
