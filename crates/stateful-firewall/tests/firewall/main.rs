//! The firewall as a router uses it.

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
mod policy;
mod sessions;
mod syn_proxy;
mod zones;
