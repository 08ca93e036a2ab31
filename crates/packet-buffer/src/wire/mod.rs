//! The headers that more than one protocol crate needs, read and written.
//!
//! Each format has two types, side by side in one file:
//!
//! * a **view** ([`Ipv4Packet`], [`TcpSegment`], ...) borrows received octets. Its only constructor
//!   is `parse`, which checks everything that any accessor will touch, the ranges of options
//!   included; the accessors then cannot fail. Views have no setters, so parsed means valid.
//! * a **`Repr`** ([`Ipv4Repr`], [`TcpRepr`], ...) holds the fields as values. Its `emit` writes the
//!   header in front of what is in a [`PacketBuf`](crate::PacketBuf) already, and computes lengths,
//!   padding and checksums itself.
//!
//! Checksums are not part of `parse`: a router has no business with a transport checksum, and a
//! host checks it once. `verify_checksum` does that.
//!
//! | format | view | `Repr` | specification |
//! |---|---|---|---|
//! | Ethernet II, 802.1Q tags | [`EthernetFrame`] | [`EthernetRepr`] | RFC 894, IEEE 802.1Q |
//! | ARP | [`ArpPacket`] | [`ArpRepr`] | RFC 826 |
//! | IPv4 | [`Ipv4Packet`] | [`Ipv4Repr`] | RFC 791, RFC 1122 |
//! | IPv6 | [`Ipv6Packet`] | [`Ipv6Repr`] | RFC 8200 |
//! | IPv6 extension headers | [`Ipv6Extensions`] | [`Ipv6FragmentHeader`] | RFC 8200 §4, RFC 4302 |
//! | UDP | [`UdpDatagram`] | [`UdpRepr`] | RFC 768, RFC 8200 §8.1 |
//! | TCP | [`TcpSegment`] | [`TcpRepr`] | RFC 9293, RFC 7323, RFC 2018 |
//! | ICMPv4 header, echo, errors | [`Icmpv4Message`] | [`Icmpv4Repr`] | RFC 792, RFC 1191, RFC 4884 |
//! | ICMPv6 header, echo, errors | [`Icmpv6Message`] | [`Icmpv6Repr`] | RFC 4443, RFC 4884 |
//! | the packet quoted by an ICMP error | [`QuotedPacket`] | | RFC 792, RFC 1812 §4.3.2.3 |
//! | GRE, enhanced GRE | [`GrePacket`] | [`GreRepr`] | RFC 2784, RFC 2890, RFC 2637 |
//! | prefixes | [`Ipv4Prefix`], [`Ipv6Prefix`] | | RFC 4632, RFC 4291 |
//! | IP within IP | [`Ipv4Packet`] | [`Ipv4Repr::ip_in_ip`] | RFC 2003 |
//!
//! A packet is read from the outside in and written from the inside out:
//!
//! ```
//! use core::net::Ipv4Addr;
//! use packet_buffer::PacketBuf;
//! use packet_buffer::wire::*;
//!
//! let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
//! let mut packet = PacketBuf::with_headroom(64);
//! packet.append_slice(b"hello");
//! UdpRepr { source_port: 5000, destination_port: 7 }
//!     .emit(&mut packet, &PseudoHeader::V4 { source, destination })?;
//! Ipv4Repr::new(source, destination, IpProtocol::UDP).emit(&mut packet)?;
//!
//! let ip = Ipv4Packet::parse(packet.as_slice())?;
//! ip.verify_checksum()?;
//! let udp = UdpDatagram::parse(ip.payload())?;
//! udp.verify_checksum(&ip.pseudo_header())?;
//! assert_eq!(udp.payload(), b"hello");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use byteorder::{ByteOrder, NetworkEndian};

mod address;
mod arp;
mod ethernet;
mod gre;
mod icmpv4;
mod icmpv6;
mod ip;
mod ipv4;
mod ipv6;
mod ipv6_extension;
mod options;
mod prefix;
mod quoted;
mod tcp;
mod udp;

pub use address::{MacAddr, MacAddrParseError};
pub use arp::{ArpOperation, ArpPacket, ArpRepr};
pub use ethernet::{EtherType, EthernetFrame, EthernetRepr, VlanTag, VlanTags};
pub use gre::{GrePacket, GreRepr};
pub use icmpv4::{Icmpv4Message, Icmpv4Repr, Icmpv4Type, icmpv4_code};
pub use icmpv6::{Icmpv6Message, Icmpv6Repr, Icmpv6Type, icmpv6_code};
pub use ip::{IpPacket, IpProtocol, PseudoHeader};
pub use ipv4::{Ipv4OptionKind, Ipv4Packet, Ipv4Repr};
pub use ipv6::{Ipv6Packet, Ipv6Repr};
pub use ipv6_extension::{
    Ipv6Extension, Ipv6ExtensionIter, Ipv6Extensions, Ipv6FragmentHeader, Ipv6OptionKind,
    Ipv6RoutingHeader, UpperLayer,
};
pub use options::HeaderOptions;
pub use prefix::{Ipv4Prefix, Ipv6Prefix, PrefixParseError};
pub use quoted::{QuotedIpv4, QuotedIpv6, QuotedPacket, TransportIds};
pub use tcp::{SackBlocks, TcpFlags, TcpOption, TcpOptionKind, TcpRepr, TcpSegment};
pub use udp::{UdpDatagram, UdpRepr};

/// The `N` octets at offset `AT` of a fixed header of `H` octets.
#[inline(always)]
fn field<const AT: usize, const N: usize, const H: usize>(header: &[u8; H]) -> &[u8; N] {
    const { assert!(AT + N <= H) };
    // The fallback is never taken, which the compiler sees.
    header
        .get(AT..)
        .and_then(<[u8]>::first_chunk)
        .unwrap_or(&[0; N])
}

/// The 16-bit number in network order at offset `AT`.
#[inline(always)]
fn be16<const AT: usize, const H: usize>(header: &[u8; H]) -> u16 {
    NetworkEndian::read_u16(field::<AT, 2, H>(header))
}

/// The 32-bit number in network order at offset `AT`.
#[inline(always)]
fn be32<const AT: usize, const H: usize>(header: &[u8; H]) -> u32 {
    NetworkEndian::read_u32(field::<AT, 4, H>(header))
}

/// The 16-bit number in network order at offset `at` of a slice of any length.
#[inline]
fn be16_at(octets: &[u8], at: usize) -> Option<u16> {
    let (word, _) = octets.get(at..)?.split_first_chunk::<2>()?;
    Some(NetworkEndian::read_u16(word))
}

/// The 32-bit number in network order at offset `at` of a slice of any length.
#[inline]
fn be32_at(octets: &[u8], at: usize) -> Option<u32> {
    let (word, _) = octets.get(at..)?.split_first_chunk::<4>()?;
    Some(NetworkEndian::read_u32(word))
}
