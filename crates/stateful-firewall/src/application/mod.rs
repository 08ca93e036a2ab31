//! What is read of the application layer: names that are asked for, and what a scanner is shown.
//!
//! A rule that says `filter NAME` has its sessions read: TCP is put back in order, within bounds,
//! before it is read, and a segment that completes a request is held against the filter before it
//! goes on. So cutting a request into pieces, sending them out of order or twice does not get it past
//! the filter, and neither do segments that disagree about the same octets, whether by an attacker
//! who wants the firewall to read something else than the server, or by an accident.

mod dns;
mod domains;
mod filter;
mod http;
mod identity;
mod inspection;
mod proxy;
mod reader;
mod stream;
mod tls;

pub use domains::{DomainList, MAX_NAME};
pub(crate) use filter::CompiledFilter;
pub use filter::{Filter, FilterId, Refused};
pub(crate) use identity::IdentityMap;
pub(crate) use inspection::{Inspection, datagram};
pub use inspection::{Scanned, Scanner};
pub use proxy::ProxyFilter;
