//! Application layer gateways (N10, attack 7): what they change, what they open, and what they do not
//! fall for.
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "alg/dns.rs"]
mod dns;
#[path = "alg/ftp.rs"]
mod ftp;
#[path = "alg/pptp.rs"]
mod pptp;
#[path = "alg/sip.rs"]
mod sip;
#[path = "alg/support.rs"]
mod support;
#[path = "alg/tftp.rs"]
mod tftp;
