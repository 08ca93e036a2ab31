//! Link-layer addresses.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// A 48-bit MAC address (EUI-48), as Ethernet carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(
    /// The octets in wire order.
    pub [u8; 6],
);

impl MacAddr {
    /// All stations on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// All zeroes: no address.
    pub const UNSPECIFIED: Self = Self([0; 6]);

    /// Whether frames to this address go to all stations.
    pub const fn is_broadcast(&self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }

    /// Whether frames to this address go to a group of stations; true for broadcast as well.
    pub const fn is_multicast(&self) -> bool {
        self.0[0] & 0x01 != 0
    }

    /// Whether the address can be one station's own.
    pub const fn is_unicast(&self) -> bool {
        !self.is_multicast() && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Whether the address was assigned locally and not by the maker of the hardware.
    pub const fn is_local(&self) -> bool {
        self.0[0] & 0x02 != 0
    }

    /// Where a packet to the IPv4 multicast `group` goes: 01:00:5e and its low 23 bits
    /// (RFC 1112 §6.4).
    pub const fn for_ipv4_multicast(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// Where a packet to the IPv6 multicast `group` goes: 33:33 and its last four octets
    /// (RFC 2464 §7).
    pub const fn for_ipv6_multicast(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

/// Six pairs of hexadecimal digits with colons: `02:00:5e:10:00:01`.
impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six pairs of hexadecimal digits with colons or hyphens between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a MAC address is six pairs of hexadecimal digits with colons, as in 02:00:5e:10:00:01")]
pub struct MacAddrParseError;

impl FromStr for MacAddr {
    type Err = MacAddrParseError;

    fn from_str(text: &str) -> Result<Self, MacAddrParseError> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().ok_or(MacAddrParseError)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(MacAddrParseError);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| MacAddrParseError)?;
        }
        if parts.next().is_some() {
            return Err(MacAddrParseError);
        }
        Ok(Self(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_round_trip() {
        let address: MacAddr = "02:00:5E:10-00-01".parse().unwrap();
        assert_eq!(address.to_string(), "02:00:5e:10:00:01");
        for bad in [
            "",
            "02:00:5e:10:00",
            "02:00:5e:10:00:01:02",
            "2:0:5e:10:0:1",
            "+2:00:5e:10:00:01",
        ] {
            assert_eq!(bad.parse::<MacAddr>(), Err(MacAddrParseError), "{bad}");
        }
    }

    // RFC 1112 §6.4 MUST: the low-order 23 bits of the group go into 01-00-5e-00-00-00.
    #[test]
    fn ipv4_groups_map_to_ethernet() {
        let group = Ipv4Addr::new(239, 255, 0, 9);
        assert_eq!(
            MacAddr::for_ipv4_multicast(group).to_string(),
            "01:00:5e:7f:00:09"
        );
    }

    // RFC 2464 §7 MUST: 3333 followed by the last four octets of the group.
    #[test]
    fn ipv6_groups_map_to_ethernet() {
        let group = "ff02::1:ff12:3456".parse().unwrap();
        assert_eq!(
            MacAddr::for_ipv6_multicast(group).to_string(),
            "33:33:ff:12:34:56"
        );
    }

    #[test]
    fn kinds_of_addresses() {
        assert!(MacAddr::BROADCAST.is_broadcast() && MacAddr::BROADCAST.is_multicast());
        assert!(!MacAddr::UNSPECIFIED.is_unicast());
        let own = MacAddr([2, 0, 0, 0, 0, 1]);
        assert!(own.is_unicast() && own.is_local() && !own.is_multicast());
    }
}
