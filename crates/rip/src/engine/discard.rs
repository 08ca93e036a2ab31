//! Why a message was ignored, and the counters.

use thiserror::Error;

/// Why a message was ignored. The state of the engine is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Discard {
    /// There is no interface of this number.
    #[error("there is no such interface")]
    UnknownInterface,
}

/// What the engine has done and refused since it was made. All counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages taken in.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
}

/// The same for an interface (RFC 1724 §4.2 has some of these).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct InterfaceStats {
    /// Messages taken in.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages ignored.
    pub bad_messages: u64,
    /// Entries ignored.
    pub bad_routes: u64,
    /// Triggered updates sent.
    pub triggered_updates: u64,
}

/// The same for a neighbour (RFC 1724 §4.4 has the latter two).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct NeighbourStats {
    /// Messages taken in.
    pub received: u64,
    /// Messages ignored.
    pub bad_messages: u64,
    /// Entries ignored.
    pub bad_routes: u64,
}
