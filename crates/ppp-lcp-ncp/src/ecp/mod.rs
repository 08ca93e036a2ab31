//! The Encryption Control Protocol (RFC 1968), with DESE-bis (RFC 2419) and 3DESE (RFC 2420).
//!
//! ```text
//!  a packet of protocol 0x0053
//!  0          2
//! +----------+--------------------------------------------------------------------
//! | sequence | under DES in CBC: protocol (2 octets), information, padding 1, 2, 3...
//! +----------+--------------------------------------------------------------------
//! ```
//!
//! Both ends know the key beforehand; each tells a nonce with which the other begins. The chain
//! of blocks goes on from packet to packet: a lost packet costs the one behind it and no more.
//!
//! There is no proof of integrity in it, and DES is weak: where there is a choice, something above PPP
//! encrypts better.

mod chain;
mod machine;
mod negotiation;

pub use chain::{EcpDecryptor, EcpEncryptor, EcpError};
pub use machine::{Ecp, EcpDiscard, EcpStats, EcpTransforms};
pub use negotiation::{EcpConfig, EcpMethod, EcpNegotiation, EcpOptionKind};
