//! Application layer gateways: they change the addresses and ports that protocols carry in their
//! payload, and let the connections in that such payload announces.
//!
//! None is there unless the program adds it, each by itself:
//!
//! ```
//! # use nat::{Nat, NatConfig, Profile};
//! # fn add(nat: &mut Nat) {
//! nat.add_alg(Box::new(nat::alg::Ftp::new()));
//! nat.add_alg(Box::new(nat::alg::Tftp::new()));
//! # }
//! ```
//!
//! | gateway | what it does |
//! |---|---|
//! | [`Ftp`] | data connections, active (PORT, EPRT) and passive (227, 229), with sequence adjustment |
//! | [`Tftp`] | the server answers from a port of its own choice |
//! | [`Sip`] | addresses in headers and session descriptions, ports of media |
//! | [`Pptp`] | call ids of GRE |
//! | [`Dns`] | addresses in answers that another realm knows differently (RFC 2694) |
//!
//! # Safety
//!
//! A gateway opens a way in only when the protocol has reached the state in which it would, in a
//! session to the protocol's own server port, where a message starts; only for the host that sends
//! the message, to the peer that it sends to, to a port that is not privileged, for one connection,
//! and for a short time. What cannot be parsed and would leave with an inside address is dropped.

mod dns;
mod ftp;
mod pptp;
mod segment;
mod sip;
mod tftp;

pub use dns::{AddressPair, Dns};
pub use ftp::Ftp;
pub use pptp::Pptp;
pub use sip::Sip;
pub use tftp::Tftp;

use core::time::Duration;

/// Sessions that a gateway takes at a time; further ones are translated without it.
const MAX_SESSIONS: usize = 4_096;
/// How long an announced connection is waited for.
const LIFETIME: Duration = Duration::from_secs(60);
