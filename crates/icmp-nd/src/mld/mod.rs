//! The listener side of Multicast Listener Discovery (RFC 2710, RFC 3810).
//!
//! A [`Listener`] keeps the groups that one interface listens to, tells routers when they change, and
//! answers queries. It speaks version 2, and version 1 while a querier of version 1 is on the link.
//! Switches that snoop need its reports as much as routers do: without them the Neighbor
//! Solicitations for a host's addresses do not reach it.
//!
//! | for | see | RFC |
//! |---|---|---|
//! | the machine | [`Listener`] | 3810 §6, §8 |
//! | sources of a group | [`Filter`] | 3810 §4 |
//! | the states of version 1 | [`v1_step`] | 2710 §5 |
//!
//! ```
//! # use packet_buffer::RandomSource;
//! # struct Random(u64);
//! # impl RandomSource for Random {
//! #     fn fill(&mut self, dest: &mut [u8]) {
//! #         for octet in dest {
//! #             self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
//! #             *octet = self.0.to_be_bytes()[0];
//! #         }
//! #     }
//! # }
//! use icmp_nd::mld::{Listener, ListenerConfig};
//! use icmp_nd::{Instant, PacketBuf};
//!
//! let mut listener = Listener::new(ListenerConfig::default(), Box::new(Random(1)))?;
//! listener.set_source(Instant::ZERO, Some("fe80::1".parse()?));
//! listener.join(Instant::ZERO, "ff0e::42".parse()?)?;
//!
//! let mut packet = PacketBuf::new();
//! let link_layer = listener.poll_transmit(&mut packet).ok_or("a report")?;
//! assert_eq!(link_layer.to_string(), "33:33:00:00:00:16");
//! assert!(listener.poll_timeout().is_some(), "it is repeated");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod group;
mod listener;
mod respond;
mod v1;

pub use config::{
    ListenError, ListenerConfig, ListenerConfigError, ListenerDiscard, ListenerStats,
};
pub use group::Filter;
pub use listener::{Compatibility, Listener};
pub use v1::{V1Action, V1Event, V1State, v1_step};
