//! A live router that translates addresses: [`crate::gateway`] around the crate `nat`, with its
//! application layer gateways and its PCP server, between two TUN devices.

mod file;
mod live;
mod node;
mod show;
mod simulate;

pub use file::{Nat64File, NatFile, Nptv6File, SideFile};
pub use live::run;
pub use node::{NatRouter, Note, Replaced};
pub(crate) use show::nat_event;
pub use show::{session_table, to_json};
pub use simulate::simulate;

/// The number of the inside interface.
pub const INSIDE: usize = 0;
/// The number of the outside interface.
pub const OUTSIDE: usize = 1;
