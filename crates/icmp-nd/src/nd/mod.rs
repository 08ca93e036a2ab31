//! Neighbor Discovery on one interface (RFC 4861): prefix list, default routers, destination cache, next-hop determination.
//!
//! An [`Interface`] is what RFC 4861 §5.1 calls the conceptual data structures of a host, with the
//! machine that fills and uses them. It reads and writes IPv6 packets; the header of the link is its
//! owner's (`host::Host`, `router::Router`, or a program's own stack).
//!
//! ```text
//!                       handle_input           send
//!                            |                   |
//!   Router Advertisement     v                   v
//!   ------------------> default routers, <-- next-hop ---> destination <-- Redirect
//!                       routes, prefixes     determination    cache
//!                       parameters               |
//!                       addresses (SLAAC, DAD)   v
//!   Neighbor Advert. -----------------------> neighbor cache --> poll_transmit
//! ```
//!
//! | for | see | RFC |
//! |---|---|---|
//! | the machine | [`Interface`] | 4861, 4191, 4311, 7559 |
//! | its limits and switches | [`InterfaceConfig`] | |
//! | what happened | [`Event`], [`Parameter`] | 8106, 8781, 8910 |
//! | why a message was ignored | [`Discard`], [`InterfaceStats`] | 4861, 6583 |

mod advertised;
mod config;
mod destinations;
mod interface;
mod parameters;
mod receive;
mod report;
mod routes;
mod send;
mod solicitor;
mod transmit;

pub use config::{
    InterfaceConfig, InterfaceConfigError, InterfaceLimits, Role, SolicitationConfig,
};
pub(crate) use destinations::Destinations;
pub use interface::Interface;
pub use report::{Discard, Event, InterfaceStats, Parameter};
pub use routes::{OnLinkPrefix, Route};
pub use send::{SendError, Sent};

use core::net::Ipv6Addr;

/// All nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of the link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
