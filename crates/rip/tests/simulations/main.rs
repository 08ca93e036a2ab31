//! Networks of routers on simulated links.

#[path = "../support/mod.rs"]
mod support;

mod convergence;
mod infinity;
mod scenarios;
mod topology;
