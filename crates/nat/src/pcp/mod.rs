//! Hosts ask for mappings: the server's side of the Port Control Protocol (RFC 6887) and of its
//! predecessor NAT-PMP (RFC 6886).
//!
//! [`PcpServer`] reads requests and writes responses; the mappings are those of a [`PortMapper`],
//! which is what [`Nat`](crate::Nat) is. Both protocols use UDP port 5351 and are told apart by the
//! version.

mod answers;
mod config;
mod mapper;
mod nat;
pub mod nat_pmp;
mod requests;
mod server;
pub mod wire;

pub use config::{PcpConfig, PcpDiscard, PcpEvent, PcpMapping, PcpStats, PcpTransmit};
pub use mapper::{MapFailure, MapRequest, PortMapper};
pub use server::{PcpServer, SERVER_PORT};
