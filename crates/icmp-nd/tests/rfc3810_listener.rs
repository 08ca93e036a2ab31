//! The listener side of multicast listener discovery: RFC 3810, RFC 2710, RFC 3590.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "listener/attacks.rs"]
mod attacks;
#[path = "listener/interface.rs"]
mod interface;
#[path = "listener/properties.rs"]
mod properties;
#[path = "listener/rfc2710.rs"]
mod rfc2710;
#[path = "listener/rfc3810.rs"]
mod rfc3810;
#[path = "listener/support.rs"]
mod support;
