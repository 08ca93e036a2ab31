//! The firewall as a router uses it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test; what fails here must be seen"
)]

mod acls;
mod application;
mod attacks;
mod common;
mod fragments;
mod helpers;
mod limits;
mod logs;
mod no_panic;
mod pair;
mod pair_readers;
mod policy;
mod rfc2979_transparency;
mod rfc5961_blind_attacks;
mod sessions;
mod syn_proxy;
mod zones;
