//! The messages of RIP-1, RIP-2 and RIPng, read and written; no state, no clock.
//!
//! | format | view | `Repr` | specification |
//! |---|---|---|---|
//! | RIP-1 and RIP-2 message | [`RipMessage`] | [`RipMessageRepr`] | RFC 1058 §3.1, RFC 2453 §3.6, §4 |
//! | its route entries | [`RipEntry`], checked: [`RipRoute`] | [`RipEntryRepr`] | RFC 2453 §3.6, §4 |
//! | authentication in a RIP-2 message | [`Authentication`] | written by [`auth`](crate::auth) | RFC 2453 §4.1, RFC 4822 §2 |
//! | RIPng message | [`RipngMessage`] | [`RipngMessageRepr`] | RFC 2080 §2.1 |
//! | its route table entries | [`RipngEntry`], checked: [`RipngRoute`] | [`RipngEntryRepr`] | RFC 2080 §2.1, §2.1.1 |
//! | update header of demand circuits | [`UpdateHeader`] | the same | RFC 2091 §3.1 |
//!
//! A message is read in two steps. `parse` checks what the octets must be so that nothing is read
//! beyond them: lengths, and where authentication begins and ends. `check` tells whether a router
//! may act on the message ([`MessageError`]). The entries are then visited without a way to fail as a whole:
//! each one gives a route or its own [`EntryError`], and one that is bad does not spoil the
//! next. What depends on the datagram around the message (ports, source, hop limit) is in
//! [`datagram`].
//!
//! A message is written from the inside out: entries are appended by a writer that knows how many
//! fit ([`RipWriter`], [`RipngWriter`]), then the header goes in front of them.
//!
//! ```
//! use packet_buffer::PacketBuf;
//! use rip::wire::*;
//!
//! let mut packet = PacketBuf::with_headroom(64);
//! let mut writer = RipWriter::new(&mut packet, MAX_RIP_ENTRIES);
//! let prefix = "192.0.2.0/24".parse()?;
//! assert!(writer.push(&RipEntryRepr::route(prefix, 3)));
//! RipMessageRepr::new(Command::RESPONSE, VERSION_2).emit(&mut packet)?;
//!
//! let message = RipMessage::parse(packet.as_slice())?;
//! message.check(MAX_RIP_ENTRIES)?;
//! for route in message.routes(&[]) {
//!     let route = route?;
//!     assert_eq!((route.prefix, route.metric), (prefix, 3));
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use byteorder::{ByteOrder, NetworkEndian};
use core::net::{Ipv4Addr, Ipv6Addr};

mod authentication;
pub mod classful;
mod command;
pub mod datagram;
mod entry;
mod error;
mod message;
mod ripng;
mod triggered;
mod writer;

pub use authentication::{Authentication, AuthenticationType, CryptographicAuthentication};
pub use command::Command;
pub use entry::{InterfaceAddress, NextHop, RipEntry, RipEntryRepr, RipRoute};
pub use error::{EntryError, MessageError};
pub use message::{RequestKind, RipMessage, RipMessageRepr, RipRoutes};
pub use ripng::{
    RipngEntry, RipngEntryRepr, RipngMessage, RipngMessageRepr, RipngRoute, RipngRoutes,
};
pub use triggered::UpdateHeader;
pub use writer::{RipWriter, RipngWriter, ripng_entries_for_mtu};

/// The UDP port of RIP-1 and RIP-2 (RFC 2453 §3.6).
pub const RIP_PORT: u16 = 520;
/// The UDP port of RIPng (RFC 2080 §2).
pub const RIPNG_PORT: u16 = 521;
/// Where RIP-2 messages are multicast to (RFC 2453 §4.5).
pub const RIP_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 9);
/// Where RIPng messages are multicast to (RFC 2080 §2.5.1).
pub const RIPNG_GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 9);

/// The version field of RIP-1 (RFC 1058).
pub const VERSION_1: u8 = 1;
/// The version field of RIP-2 (RFC 2453 §4).
pub const VERSION_2: u8 = 2;
/// The version field of RIPng (RFC 2080 §2.1).
pub const RIPNG_VERSION: u8 = 1;

/// The metric of what cannot be reached (RFC 2453 §3.4.4, RFC 2080 §2.1).
pub const INFINITY: u8 = 16;

/// Entries that a RIP-1 or RIP-2 message carries at most, the one for authentication among them
/// (RFC 2453 §3.6).
pub const MAX_RIP_ENTRIES: usize = 25;
/// Octets of a RIP-1 or RIP-2 message with as many entries as it may carry.
pub const MAX_RIP_LEN: usize = HEADER_LEN + MAX_RIP_ENTRIES * ENTRY_LEN;

/// Octets of the header of all messages: command, version, two that are zero.
pub const HEADER_LEN: usize = 4;
/// Octets of an entry, in all versions.
pub const ENTRY_LEN: usize = 20;

/// The address family of IPv4 (RFC 2453 §3.6).
pub const FAMILY_IPV4: u16 = 2;
/// The address family of a request for the whole table (RFC 2453 §3.9.1).
pub const FAMILY_UNSPECIFIED: u16 = 0;
/// What stands where the address family would when the entry is authentication
/// (RFC 2453 §4.1).
pub const FAMILY_AUTHENTICATION: u16 = 0xffff;

/// The `N` octets at offset `AT` of a fixed structure of `H` octets.
#[inline(always)]
fn field<const AT: usize, const N: usize, const H: usize>(octets: &[u8; H]) -> &[u8; N] {
    const { assert!(AT + N <= H) };
    // The fallback is never taken, which the compiler sees.
    octets
        .get(AT..)
        .and_then(<[u8]>::first_chunk)
        .unwrap_or(&[0; N])
}

/// The 16-bit number in network order at offset `AT`.
#[inline(always)]
fn be16<const AT: usize, const H: usize>(octets: &[u8; H]) -> u16 {
    NetworkEndian::read_u16(field::<AT, 2, H>(octets))
}

/// The 32-bit number in network order at offset `AT`.
#[inline(always)]
fn be32<const AT: usize, const H: usize>(octets: &[u8; H]) -> u32 {
    NetworkEndian::read_u32(field::<AT, 4, H>(octets))
}

/// The IPv4 address at offset `AT`.
#[inline(always)]
fn ipv4<const AT: usize, const H: usize>(octets: &[u8; H]) -> Ipv4Addr {
    Ipv4Addr::from_bits(be32::<AT, H>(octets))
}
