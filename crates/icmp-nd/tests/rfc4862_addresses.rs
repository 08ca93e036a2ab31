//! Addresses of an interface, by RFC: 4862, 4429, 7527, 7217, 8981, 6724 and those they stand on.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "addresses/attacks.rs"]
mod attacks;
#[path = "addresses/identifiers.rs"]
mod identifiers;
#[path = "addresses/properties.rs"]
mod properties;
#[path = "addresses/rfc4429.rs"]
mod rfc4429;
#[path = "addresses/rfc4862.rs"]
mod rfc4862;
#[path = "addresses/rfc6724.rs"]
mod rfc6724;
#[path = "addresses/rfc7217.rs"]
mod rfc7217;
#[path = "addresses/rfc7527.rs"]
mod rfc7527;
#[path = "addresses/rfc8981.rs"]
mod rfc8981;
#[path = "addresses/support.rs"]
mod support;
