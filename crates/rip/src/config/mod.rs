//! What a router is told.
//!
//! [`Config`] holds for the router, [`InterfaceConfig`] for one of its interfaces. Both are plain
//! values with defaults that follow the RFCs; they are checked once, when the engine is given them.

mod error;
mod filter;
mod interface;
mod router;

pub use error::ConfigError;
pub(crate) use filter::offset_of;
pub use filter::{Action, Filter, FilterRule, Offset};
pub use interface::{
    DefaultRoute, DemandCircuit, InterfaceAddress, InterfaceConfig, Ipv4Switches, Ipv6Switches,
    Pacing, ReceiveVersion, RequestPolicy, SendVersion, SplitHorizon,
};
pub use router::{Config, Redistribution, Timers};
