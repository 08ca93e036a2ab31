//! The firewall as a router uses it.

mod common;
mod sessions;
mod zones;
