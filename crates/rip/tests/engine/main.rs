//! The engine, by the sections of the RFCs.

#[path = "../support/mod.rs"]
mod support;

mod properties;
mod rfc1058;
mod rfc2080;
mod rfc2091;
mod rfc2453;
mod steps;
