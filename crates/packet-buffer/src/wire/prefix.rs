//! Prefixes: the addresses that start with the same bits (RFC 4632 §3.1, RFC 4291 §2.3).

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// A text is not a prefix: `address/length`, without bits behind the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixParseError {
    /// There is no `/`.
    #[error("a prefix is written ADDRESS/LENGTH")]
    NoLength,
    /// What stands before the `/` is not an address of the family.
    #[error("the address before the `/` cannot be read")]
    Address,
    /// What stands behind the `/` is not a number, or longer than the address.
    #[error("the length behind the `/` is not a number from 0 to the address's bits")]
    Length,
    /// The address has bits set behind the length.
    #[error("the address has bits set behind the length")]
    HostBits,
}

macro_rules! prefix {
    ($(#[$doc:meta])* $name:ident, $address:ident, $word:ident, $bits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            network: $address,
            length: u8,
        }

        impl $name {
            /// The longest length, in bits: one address.
            pub const MAX_LENGTH: u8 = $bits;
            /// All addresses: the default route.
            pub const ALL: Self = Self {
                network: $address::UNSPECIFIED,
                length: 0,
            };

            /// The prefix of `length` bits in which `address` lies: its other bits are cleared.
            /// `None` when `length` is longer than an address.
            #[inline]
            pub const fn new(address: $address, length: u8) -> Option<Self> {
                if length > $bits {
                    return None;
                }
                let network = $address::from_bits(address.to_bits() & mask::$word(length));
                Some(Self { network, length })
            }

            /// The same, and `None` also when `address` has bits set behind `length`.
            #[inline]
            pub const fn exact(address: $address, length: u8) -> Option<Self> {
                match Self::new(address, length) {
                    Some(prefix) if prefix.network.to_bits() == address.to_bits() => Some(prefix),
                    _ => None,
                }
            }

            /// The prefix that holds one address.
            #[inline]
            pub const fn host(address: $address) -> Self {
                Self {
                    network: address,
                    length: $bits,
                }
            }

            /// The lowest address: the bits of the prefix, then zeroes.
            #[inline]
            pub const fn network(&self) -> $address {
                self.network
            }

            /// The highest address: the bits of the prefix, then ones.
            #[inline]
            pub const fn last(&self) -> $address {
                $address::from_bits(self.network.to_bits() | !mask::$word(self.length))
            }

            /// Bits that all addresses have in common.
            #[inline]
            pub const fn length(&self) -> u8 {
                self.length
            }

            /// The length as an address: ones, then zeroes.
            #[inline]
            pub const fn netmask(&self) -> $address {
                $address::from_bits(mask::$word(self.length))
            }

            /// Whether the address starts with these bits.
            #[inline]
            pub const fn contains(&self, address: $address) -> bool {
                address.to_bits() & mask::$word(self.length) == self.network.to_bits()
            }

            /// Whether every address of `other` lies in this prefix too.
            #[inline]
            pub const fn covers(&self, other: &Self) -> bool {
                self.length <= other.length && self.contains(other.network)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.network, self.length)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = PrefixParseError;

            fn from_str(text: &str) -> Result<Self, PrefixParseError> {
                let (address, length) = text.split_once('/').ok_or(PrefixParseError::NoLength)?;
                let address = address.parse().map_err(|_| PrefixParseError::Address)?;
                let length = length.parse().map_err(|_| PrefixParseError::Length)?;
                if length > $bits {
                    return Err(PrefixParseError::Length);
                }
                Self::exact(address, length).ok_or(PrefixParseError::HostBits)
            }
        }
    };
}

prefix! {
    /// A prefix of IPv4 addresses, with all bits behind its length zero. Shorter networks come
    /// first in the order of equal addresses.
    ///
    /// ```
    /// use core::net::Ipv4Addr;
    /// use packet_buffer::wire::Ipv4Prefix;
    ///
    /// let prefix: Ipv4Prefix = "192.0.2.0/25".parse()?;
    /// assert!(prefix.contains(Ipv4Addr::new(192, 0, 2, 127)));
    /// assert_eq!(prefix.netmask(), Ipv4Addr::new(255, 255, 255, 128));
    /// assert_eq!(Ipv4Prefix::new(Ipv4Addr::new(192, 0, 2, 99), 25), Some(prefix));
    /// # Ok::<(), packet_buffer::wire::PrefixParseError>(())
    /// ```
    Ipv4Prefix, Ipv4Addr, u32, 32
}

prefix! {
    /// A prefix of IPv6 addresses, with all bits behind its length zero. Shorter prefixes come
    /// first in the order of equal addresses.
    ///
    /// ```
    /// use core::net::Ipv6Addr;
    /// use packet_buffer::wire::Ipv6Prefix;
    ///
    /// let prefix: Ipv6Prefix = "2001:db8::/32".parse()?;
    /// assert!(prefix.covers(&"2001:db8:1::/48".parse()?));
    /// assert!(!prefix.contains(Ipv6Addr::LOCALHOST));
    /// # Ok::<(), packet_buffer::wire::PrefixParseError>(())
    /// ```
    Ipv6Prefix, Ipv6Addr, u128, 128
}

impl Ipv4Prefix {
    /// The prefix of a network address and its mask. `None` when the mask is not ones, then
    /// zeroes; bits of `address` behind the mask are cleared.
    pub const fn from_netmask(address: Ipv4Addr, netmask: Ipv4Addr) -> Option<Self> {
        let ones = netmask.to_bits().leading_ones();
        #[expect(clippy::cast_possible_truncation, reason = "32 at most")]
        let length = ones as u8;
        if mask::u32(length) == netmask.to_bits() {
            Self::new(address, length)
        } else {
            None
        }
    }
}

mod mask {
    /// `length` ones, then zeroes; `length` is 32 at most.
    pub(super) const fn u32(length: u8) -> u32 {
        if length == 0 {
            0
        } else {
            u32::MAX << (32 - length)
        }
    }

    /// `length` ones, then zeroes; `length` is 128 at most.
    pub(super) const fn u128(length: u8) -> u128 {
        if length == 0 {
            0
        } else {
            u128::MAX << (128 - length)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_range_of_lengths() {
        assert_eq!("0.0.0.0/0".parse(), Ok(Ipv4Prefix::ALL));
        assert_eq!("::/0".parse(), Ok(Ipv6Prefix::ALL));
        assert!(Ipv4Prefix::ALL.contains(Ipv4Addr::BROADCAST));
        let host = Ipv4Prefix::host(Ipv4Addr::BROADCAST);
        assert_eq!((host.length(), host.last()), (32, Ipv4Addr::BROADCAST));
        assert_eq!(Ipv4Prefix::new(Ipv4Addr::LOCALHOST, 33), None);
        assert_eq!(Ipv6Prefix::new(Ipv6Addr::LOCALHOST, 129), None);
        assert_eq!(Ipv6Prefix::ALL.last(), Ipv6Addr::from_bits(u128::MAX));
    }

    #[test]
    fn what_is_not_a_prefix_says_why() {
        let error = |text: &str| text.parse::<Ipv4Prefix>().unwrap_err();
        assert_eq!(error("192.0.2.0"), PrefixParseError::NoLength);
        assert_eq!(error("192.0.2/24"), PrefixParseError::Address);
        assert_eq!(error("192.0.2.0/33"), PrefixParseError::Length);
        assert_eq!(error("192.0.2.0/x"), PrefixParseError::Length);
        assert_eq!(error("192.0.2.1/24"), PrefixParseError::HostBits);
        assert!("192.0.2.0/24".parse::<Ipv6Prefix>().is_err());
    }

    #[test]
    fn masks_with_holes_are_refused() {
        let address = Ipv4Addr::new(10, 1, 2, 3);
        let of = |mask: [u8; 4]| Ipv4Prefix::from_netmask(address, mask.into());
        assert_eq!(of([255, 0, 0, 0]), "10.0.0.0/8".parse().ok());
        assert_eq!(of([0, 0, 0, 0]), Some(Ipv4Prefix::ALL));
        assert_eq!(of([255, 255, 255, 255]), Some(Ipv4Prefix::host(address)));
        assert_eq!(of([255, 0, 255, 0]), None);
        assert_eq!(of([0, 255, 255, 255]), None);
    }

    proptest! {
        #[test]
        fn a_prefix_contains_its_ends_and_nothing_next_to_them(bits: u32, length in 0u8..=32) {
            let prefix = Ipv4Prefix::new(Ipv4Addr::from_bits(bits), length).unwrap();
            let (first, last) = (prefix.network().to_bits(), prefix.last().to_bits());
            prop_assert!(prefix.contains(prefix.network()) && prefix.contains(prefix.last()));
            prop_assert!(first <= bits && bits <= last);
            if let Some(below) = first.checked_sub(1) {
                prop_assert!(!prefix.contains(Ipv4Addr::from_bits(below)));
            }
            if let Some(above) = last.checked_add(1) {
                prop_assert!(!prefix.contains(Ipv4Addr::from_bits(above)));
            }
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
            prop_assert_eq!(Ipv4Prefix::from_netmask(prefix.network(), prefix.netmask()), Some(prefix));
        }

        #[test]
        fn covering_is_containing_both_ends(a: u128, b: u128, la in 0u8..=128, lb in 0u8..=128) {
            // Close to each other, so that both answers come up.
            let b = a ^ (b >> 64);
            let a = Ipv6Prefix::new(Ipv6Addr::from_bits(a), la).unwrap();
            let b = Ipv6Prefix::new(Ipv6Addr::from_bits(b), lb).unwrap();
            prop_assert_eq!(a.covers(&b), a.contains(b.network()) && a.contains(b.last()));
            prop_assert_eq!(b.to_string().parse(), Ok(b));
        }
    }
}
