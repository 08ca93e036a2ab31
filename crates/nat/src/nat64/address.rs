//! IPv4 addresses within IPv6 addresses (RFC 6052 §2.2).
//!
//! ```text
//! +--+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+
//! |PL| 0-------------32--40--48--56--64--72--80--88--96--104---------|
//! +--+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+
//! |32|     prefix    |v4(32)         | u | suffix                    |
//! |40|     prefix        |v4(24)     | u |(8)| suffix                |
//! |48|     prefix            |v4(16) | u | (16)  | suffix            |
//! |56|     prefix                |(8)| u |  v4(24)   | suffix        |
//! |64|     prefix                    | u |   v4(32)      | suffix    |
//! |96|     prefix                                    |    v4(32)     |
//! +--+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+
//! ```

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::wire::Ipv6Prefix;
use thiserror::Error;

/// Why a prefix cannot hold IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Pref64Error {
    /// The length is not one of 32, 40, 48, 56, 64 and 96 bits.
    #[error("a prefix for IPv4 addresses has 32, 40, 48, 56, 64 or 96 bits, not {0}")]
    Length(u8),
    /// Bits 64 to 71 are not zero.
    #[error("bits 64 to 71 of the prefix are not zero")]
    ReservedOctet,
}

/// A prefix under which the whole IPv4 Internet is reached: RFC 6146 calls it Pref64::/n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pref64 {
    prefix: Ipv6Prefix,
    /// Where the four octets of the IPv4 address stand.
    places: [usize; 4],
}

impl Pref64 {
    /// The well-known prefix 64:ff9b::/96 (RFC 6052 §2.1).
    pub const WELL_KNOWN: Self = Self {
        prefix: match Ipv6Prefix::new(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96) {
            Some(prefix) => prefix,
            None => Ipv6Prefix::ALL,
        },
        places: [12, 13, 14, 15],
    };

    /// Checks a prefix.
    ///
    /// # Errors
    ///
    /// [`Pref64Error`].
    // RFC 6052 §2.2 MUST (lengths): prefixes are 32, 40, 48, 56, 64 or 96 bits long.
    // RFC 6052 §2.2 MUST (u): bits 64 to 71 of the address are zero.
    pub fn new(prefix: Ipv6Prefix) -> Result<Self, Pref64Error> {
        let places = match prefix.length() {
            32 => [4, 5, 6, 7],
            40 => [5, 6, 7, 9],
            48 => [6, 7, 9, 10],
            56 => [7, 9, 10, 11],
            64 => [9, 10, 11, 12],
            96 => [12, 13, 14, 15],
            length => return Err(Pref64Error::Length(length)),
        };
        if prefix.network().octets()[8] != 0 {
            return Err(Pref64Error::ReservedOctet);
        }
        Ok(Self { prefix, places })
    }

    /// The prefix.
    pub const fn prefix(&self) -> Ipv6Prefix {
        self.prefix
    }

    /// Whether the prefix is 64:ff9b::/96.
    pub fn is_well_known(&self) -> bool {
        self.prefix == Self::WELL_KNOWN.prefix
    }

    /// Whether the address is one of an IPv4 host.
    pub const fn contains(&self, address: Ipv6Addr) -> bool {
        self.prefix.contains(address)
    }

    /// The IPv6 address of an IPv4 host.
    // RFC 6052 §2.3 MUST: the prefix, the octet u, the IPv4 address, and a suffix of zeroes.
    #[inline]
    pub fn embed(&self, address: Ipv4Addr) -> Ipv6Addr {
        let mut octets = self.prefix.network().octets();
        for (place, octet) in self.places.into_iter().zip(address.octets()) {
            if let Some(field) = octets.get_mut(place) {
                *field = octet;
            }
        }
        Ipv6Addr::from(octets)
    }

    /// The IPv4 address within an IPv6 address; `None` when that lies outside the prefix. The
    /// suffix is ignored.
    // RFC 6052 §2.3 MUST (extract): the other way round, with the octet u skipped.
    // RFC 6052 §2.2 MUST (suffix): the bits behind the IPv4 address are ignored by receivers.
    #[inline]
    pub fn extract(&self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        if !self.contains(address) {
            return None;
        }
        let octets = address.octets();
        let at = |place: usize| octets.get(place).copied().unwrap_or(0);
        let [a, b, c, d] = self.places;
        Some(Ipv4Addr::new(at(a), at(b), at(c), at(d)))
    }

    /// Whether an IPv4 address may be reached under the prefix: with the well-known one, only those
    /// that are global.
    // RFC 6052 §3.1 MUST NOT: the well-known prefix does not represent addresses that are not global.
    pub fn may_represent(&self, address: Ipv4Addr) -> bool {
        !self.is_well_known() || is_global(address)
    }
}

/// Whether an address is of the global Internet: not private (RFC 1918), shared (RFC 6598),
/// loopback, link-local, of this network, reserved or multicast. The blocks of documentation count
/// as global.
pub(crate) fn is_global(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || a >= 224
        || (a == 100 && b & 0xc0 == 64))
}
