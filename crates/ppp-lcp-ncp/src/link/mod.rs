//! The phases of a link as one machine (RFC 1661 §3).
//!
//! ```text
//! Dead --lower_up--> Establish --LCP opens--> Authenticate --proved--> Network
//!   ^                    |                         |                      |
//!   +---- Terminate <----+---------- fails --------+------- closes -------+
//! ```
//!
//! A [`Link`] owns LCP, the two sides of authentication and the network control protocols, and lets
//! each speak in its phase only. It works on PPP packets: protocol and information. What carries them is
//! the caller's: HDLC-like frames on a serial line, or PPPoE.

mod authentication;
mod bundled;
mod config;
mod control;
mod data;
mod demand;
mod event;
mod machine;
mod messages;
mod network;
mod path;
mod protection;
mod quality;
mod timers;

pub use bundled::BundleIdentity;
pub use config::{LinkConfig, LinkConfigError};
pub use event::{
    AuthRole, CloseReason, LinkDiscard, LinkEvent, LinkStats, LinkTransmit, Phase, SendError,
};
pub use machine::Link;
