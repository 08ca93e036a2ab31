//! The internetwork: hosts, routers, translators and firewalls of the crates, joined by simulated links.

pub mod model;
pub mod page;
