//! The address families that the engine runs over.

use core::fmt::{Debug, Display};
use core::hash::Hash;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix, PrefixParseError};

use crate::config::{Ipv4Switches, Ipv6Switches};

/// An address family: [`Ipv4`], over which RIP versions 1 and 2 run, or [`Ipv6`], over which RIPng
/// runs. It is sealed.
pub trait Family: Sized + Copy + Debug + Eq + Hash + Send + Sync + 'static + Protocol {
    /// An address.
    type Address: Copy + Debug + Display + Eq + Ord + Hash + FromStr + Send + Sync + 'static;
    /// A prefix, which is what a route leads to.
    type Prefix: Copy
        + Debug
        + Display
        + Eq
        + Ord
        + Hash
        + FromStr<Err = PrefixParseError>
        + Send
        + Sync
        + 'static;
    /// What an interface is told that only this family has.
    type Switches: Clone + Debug + Default + Send + 'static;

    /// The UDP port of the protocol: 520 (RFC 2453 §3.6) or 521 (RFC 2080 §2.1).
    const PORT: u16;
    /// The group of all routers that speak the protocol: 224.0.0.9 (RFC 2453 §4.5) or ff02::9
    /// (RFC 2080 §2.5).
    const GROUP: Self::Address;
    /// The address of all zeroes, which stands for none.
    const UNSPECIFIED: Self::Address;
    /// Bits of an address.
    const BITS: u8;

    /// The prefix of `length` bits in which `address` lies; `None` when that is longer than an
    /// address.
    fn prefix(address: Self::Address, length: u8) -> Option<Self::Prefix>;
    /// The lowest address of a prefix.
    fn network(prefix: &Self::Prefix) -> Self::Address;
    /// The length of a prefix in bits.
    fn length(prefix: &Self::Prefix) -> u8;
    /// Whether the address lies in the prefix.
    fn contains(prefix: &Self::Prefix, address: Self::Address) -> bool {
        Self::prefix(address, Self::length(prefix)) == Some(*prefix)
    }
    /// Whether every address of `inner` lies in `outer`.
    fn covers(outer: &Self::Prefix, inner: &Self::Prefix) -> bool {
        Self::length(outer) <= Self::length(inner) && Self::contains(outer, Self::network(inner))
    }
}

/// RIP versions 1 and 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ipv4 {}

/// RIPng.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ipv6 {}

impl Family for Ipv4 {
    type Address = Ipv4Addr;
    type Prefix = Ipv4Prefix;
    type Switches = Ipv4Switches;

    const PORT: u16 = 520;
    const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 9);
    const UNSPECIFIED: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const BITS: u8 = 32;

    #[inline]
    fn prefix(address: Ipv4Addr, length: u8) -> Option<Ipv4Prefix> {
        Ipv4Prefix::new(address, length)
    }

    #[inline]
    fn network(prefix: &Ipv4Prefix) -> Ipv4Addr {
        prefix.network()
    }

    #[inline]
    fn length(prefix: &Ipv4Prefix) -> u8 {
        prefix.length()
    }
}

impl Family for Ipv6 {
    type Address = Ipv6Addr;
    type Prefix = Ipv6Prefix;
    type Switches = Ipv6Switches;

    const PORT: u16 = 521;
    const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 9);
    const UNSPECIFIED: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
    const BITS: u8 = 128;

    #[inline]
    fn prefix(address: Ipv6Addr, length: u8) -> Option<Ipv6Prefix> {
        Ipv6Prefix::new(address, length)
    }

    #[inline]
    fn network(prefix: &Ipv6Prefix) -> Ipv6Addr {
        prefix.network()
    }

    #[inline]
    fn length(prefix: &Ipv6Prefix) -> u8 {
        prefix.length()
    }
}

use crate::engine::Protocol;
