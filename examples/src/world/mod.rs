//! The internetwork: hosts, routers, translators and firewalls of the crates, joined by simulated links.

pub mod acts;
mod assemble;
mod counters;
pub mod ethernet;
pub mod host;
pub mod journal;
pub mod live;
pub mod model;
pub mod page;
pub mod ppp;
pub mod random;
pub mod router;
pub mod run;
pub mod scenario;
pub mod stage;
pub mod tcp;

#[cfg(test)]
mod tests;
