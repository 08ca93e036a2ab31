//! The checks that a receiver makes before a message counts, as pure functions.
//!
//! [`nd`] checks a Neighbor Discovery message by RFC 4861 §6.1, §7.1 and §8.1. What passes is a
//! [`ValidNd`], whose only source it is: later layers take it without further checks of the format.
//! What stays with them is what depends on their state: whether a Redirect comes from the current
//! first hop, whether a target is theirs, whether an MTU or a lifetime makes sense. [`mld`] and
//! [`ValidMld`] are the same for multicast listeners (RFC 3810 §6.2).
//!
//! ```
//! use icmp_nd::PacketBuf;
//! use icmp_nd::validation::{self, NdError, NdLimits};
//! use icmp_nd::wire::{ALL_ROUTERS, NdRepr};
//! use packet_buffer::wire::Ipv6Packet;
//!
//! let mut packet = PacketBuf::with_headroom(64);
//! NdRepr::RouterSolicitation.emit_packet(&[], &mut packet, "fe80::1".parse()?, ALL_ROUTERS)?;
//! let check = |octets: &[u8]| {
//!     let ip = Ipv6Packet::parse(octets).expect("a packet");
//!     let upper = ip.upper_layer().expect("without extension headers");
//!     validation::nd(&ip, &upper, &NdLimits::default()).map(|valid| valid.source())
//! };
//! assert_eq!(check(packet.as_slice()), Ok("fe80::1".parse()?));
//! packet.as_mut_slice()[7] = 254; // it was forwarded
//! assert_eq!(check(packet.as_slice()), Err(NdError::HopLimit(254)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod mld;
mod nd;
mod nd_error;

pub use mld::{MldError, ValidMld, mld};
pub use nd::{NdLimits, ValidNd, nd};
pub use nd_error::{NdError, NdErrorCounters};
