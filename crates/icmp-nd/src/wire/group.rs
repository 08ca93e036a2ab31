//! The multicast groups of IPv6 that these protocols use (RFC 4291 §2.7.1, RFC 3810 §5.2.14).

use core::net::Ipv6Addr;

/// All nodes on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers on the link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// All routers on the link that speak MLDv2.
pub const ALL_MLDV2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

/// ff02::1:ff00:0/104, as a number.
const SOLICITED_NODE: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;

/// The solicited-node group of a unicast or anycast `address`: ff02::1:ff and its last three octets.
// RFC 4291 §2.7.1 MUST (solicited-node): the low-order 24 bits of the address are appended.
#[inline]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(SOLICITED_NODE | address.to_bits() & 0x00ff_ffff)
}

/// Whether `group` is the solicited-node group of some address.
#[inline]
pub const fn is_solicited_node(group: Ipv6Addr) -> bool {
    group.to_bits() >> 24 == SOLICITED_NODE >> 24
}
