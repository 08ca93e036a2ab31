//! A live firewall: [`crate::gateway`] around the crate `stateful-firewall`, with the translator `nat`
//! where the file has one, between any number of TUN devices.

mod explain;
mod file;
mod live;
mod node;
mod record;
mod show;
mod simulate;
#[cfg(test)]
mod tests;

pub use explain::explain;
pub use file::{FirewallFile, InterfaceFile, Loaded, LogFile, ProxyFile};
pub use live::run;
pub use node::{FirewallRouter, GatewayDrop, Note};
pub use record::to_json;
pub use show::{counters, rule_table, session_table};
pub use simulate::simulate;
