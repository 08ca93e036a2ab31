//! What a router is told.
