//! Network control protocols: IPCP (RFC 1332, RFC 1877) and IPV6CP (RFC 5072).
//!
//! An [`Ncp`] is one end of one of them: an [`Endpoint`](crate::automaton::Endpoint) and its
//! randomness. What it negotiates is its type: [`Ipcp`] and [`Ipv6cp`].

mod ipcp;
mod ipv6cp;
mod machine;

pub use ipcp::{IpcpConfig, IpcpNegotiation, IpcpOptionKind, IpcpValues, VjParameters};
pub use ipv6cp::{InterfaceIdentifier, Ipv6cpConfig, Ipv6cpNegotiation, Ipv6cpOptionKind};
pub use machine::{Ipcp, Ipv6cp, Ncp};
