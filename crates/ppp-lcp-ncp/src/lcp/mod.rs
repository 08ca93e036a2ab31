//! The Link Control Protocol (RFC 1661 §5 and §6, RFC 1570, RFC 1990 §5).
//!
//! [`Lcp`] is one end of it: an [`Endpoint`](crate::automaton::Endpoint) that negotiates
//! [`LcpNegotiation`], and the packets that LCP has beside that: echoes, rejects of protocols,
//! identification.
//!
//! | option | type | RFC | asked for | accepted |
//! |---|---:|---|---|---|
//! | Maximum-Receive-Unit | 1 | 1661 §6.1 | when not 1500 | within limits |
//! | Async-Control-Character-Map | 2 | 1662 §7.1 | on asynchronous links | any |
//! | Authentication-Protocol | 3 | 1661 §6.2 | by the authenticator | what the config allows |
//! | Quality-Protocol | 4 | 1661 §6.3, 1989 | when configured | when configured |
//! | Magic-Number | 5 | 1661 §6.4 | yes | any but our own and 0 |
//! | Protocol-Field-Compression | 7 | 1661 §6.5 | yes | yes |
//! | Address-and-Control-Field-Compression | 8 | 1661 §6.6 | yes | yes |
//! | FCS-Alternatives | 9 | 1570 §3.1 | when configured | when configured |
//! | Multilink-MRRU | 17 | 1990 §5.1.1 | when configured | when configured |
//! | Short-Sequence-Number | 18 | 1990 §5.1.2 | when configured | when configured |
//! | Endpoint-Discriminator | 19 | 1990 §5.1.3 | when configured | any |
//!
//! All others, callback among them, are rejected.

mod config;
mod machine;
mod negotiation;
mod option;

pub use config::{LcpConfig, LcpConfigError, Limits, MultilinkConfig};
pub use machine::{Lcp, LcpDiscard, LcpEvent, LcpStats};
pub use negotiation::LcpNegotiation;
pub use option::{
    AuthMethod, EndpointDiscriminator, FcsAlternatives, LcpOption, LcpOptionKind, LcpValues,
};
