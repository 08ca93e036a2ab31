//! What is read of the application layer.

mod filter;

pub use filter::{Filter, FilterId, Refused};
