//! IPv6 addresses of an interface: autoconfiguration, duplicate detection, lifetimes, selection.
//!
//! | for | see | RFC |
//! |---|---|---|
//! | the low half of an address | [`InterfaceIdentifier`], [`StableKey`] | 4291, 7217, 8981, 5453 |
//! | all addresses of an interface with their states and timers | [`AddressTable`] | 4862, 4429, 7527, 7217, 8981 |
//! | what a prefix advertised again does to lifetimes | [`updated_valid_until`] | 4862 §5.5.3 |
//! | which source, which destination first | [`PolicyTable`], [`SourceCandidate`], [`order_destinations`] | 6724 |
//!
//! The table is a machine without a wire: it is told what was received as values, and says as
//! values what to send. `nd::Interface` owns one and does the messages.
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
//! use icmp_nd::Instant;
//! use icmp_nd::address::{AddressConfig, AddressState, AddressTable};
//! use packet_buffer::wire::MacAddr;
//!
//! let config = AddressConfig::new(MacAddr([0x02, 0, 0x5e, 0x10, 0, 1]));
//! let mut table = AddressTable::new(config, Box::new(Random(7)))?;
//! table.start(Instant::ZERO);
//!
//! // A random delay, one solicitation, a second of silence: the link-local address is assigned.
//! while let Some(deadline) = table.poll_timeout() {
//!     table.handle_timeout(deadline);
//!     while let Some(probe) = table.poll_transmit() {
//!         assert_eq!(probe.target, "fe80::5eff:fe10:1".parse::<core::net::Ipv6Addr>()?);
//!     }
//! }
//! let entry = table.iter().next().ok_or("no address")?;
//! assert_eq!(entry.state(), AddressState::Preferred);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod dad;
mod entry;
mod identifier;
mod lifetime;
mod selection;
mod slaac;
mod table;

pub use config::{
    AddressConfig, AddressConfigError, AddressStats, IdentifierScheme, TemporaryConfig,
};
pub use dad::{AdvertisementVerdict, DadSolicitation, SolicitationVerdict, SolicitedTarget};
pub use entry::{AddressEntry, AddressOrigin, AddressState};
pub use identifier::{InterfaceIdentifier, StableIdentifier, StableInput, StableKey};
pub use lifetime::{Lifetime, TWO_HOURS, updated_valid_until};
pub use selection::{
    DestinationCandidate, Policy, PolicyTable, Scope, SourceCandidate, SourcePreferences,
    common_prefix_length, compare_sources, order_destinations, select_source,
};
pub use slaac::{AdvertisedPrefix, PrefixDiscard};
pub use table::{AddError, AddressEvent, AddressTable, GroupChange, ManualAddress, RemovalReason};

pub use crate::wire::solicited_node;
use core::net::Ipv6Addr;

/// Whether `address` lies in fe80::/10.
pub const fn is_link_local(address: Ipv6Addr) -> bool {
    let [first, ..] = address.segments();
    first & 0xffc0 == 0xfe80
}
