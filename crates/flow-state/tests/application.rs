//! What application protocols announce, and what is not believed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "tests"
)]

mod application {
    mod dns;
    mod ftp;
    mod no_panic;
    mod pptp;
    mod sip;
    mod tftp;
}
