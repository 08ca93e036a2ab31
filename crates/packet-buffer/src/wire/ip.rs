//! What both versions of IP share: protocol numbers and the pseudo-header.

use super::{Ipv4Packet, Ipv6Packet};
use crate::ParseError;
use crate::checksum::Sum;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

crate::code_points! {
    /// What an IP packet carries: IPv4's Protocol and IPv6's Next Header.
    pub struct IpProtocol(u8) {
        /// IPv6 hop-by-hop options header.
        HOP_BY_HOP = 0 => "hop-by-hop options",
        /// Internet Control Message Protocol for IPv4.
        ICMP = 1 => "ICMP",
        /// Internet Group Management Protocol.
        IGMP = 2 => "IGMP",
        /// IPv4 within IP (RFC 2003).
        IPV4 = 4 => "IPv4",
        /// Transmission Control Protocol.
        TCP = 6 => "TCP",
        /// User Datagram Protocol.
        UDP = 17 => "UDP",
        /// Datagram Congestion Control Protocol.
        DCCP = 33 => "DCCP",
        /// IPv6 within IP (RFC 2473, RFC 4213).
        IPV6 = 41 => "IPv6",
        /// IPv6 routing header.
        ROUTING = 43 => "routing header",
        /// IPv6 fragment header.
        FRAGMENT = 44 => "fragment header",
        /// Generic Routing Encapsulation.
        GRE = 47 => "GRE",
        /// Encapsulating Security Payload.
        ESP = 50 => "ESP",
        /// Authentication Header.
        AH = 51 => "AH",
        /// Minimal encapsulation within IP (RFC 2004).
        MINIMAL_ENCAPSULATION = 55 => "minimal encapsulation",
        /// Internet Control Message Protocol for IPv6.
        ICMPV6 = 58 => "ICMPv6",
        /// IPv6: nothing follows.
        NO_NEXT_HEADER = 59 => "no next header",
        /// IPv6 destination options header.
        DESTINATION_OPTIONS = 60 => "destination options",
        /// Stream Control Transmission Protocol.
        SCTP = 132 => "SCTP",
        /// IPv6 mobility header (RFC 6275).
        MOBILITY = 135 => "mobility header",
        /// Lightweight User Datagram Protocol.
        UDP_LITE = 136 => "UDP-Lite",
    }
}

impl IpProtocol {
    /// Whether the number stands for an IPv6 extension header that this crate's walk goes through.
    #[inline]
    pub const fn is_ipv6_extension(self) -> bool {
        matches!(
            self,
            Self::HOP_BY_HOP
                | Self::ROUTING
                | Self::FRAGMENT
                | Self::DESTINATION_OPTIONS
                | Self::AH
        )
    }

    /// Whether the protocol's header starts with a source and a destination port of 16 bits each.
    #[inline]
    pub const fn has_ports(self) -> bool {
        matches!(
            self,
            Self::TCP | Self::UDP | Self::DCCP | Self::SCTP | Self::UDP_LITE
        )
    }
}

/// The addresses that a transport checksum covers beside the segment itself (RFC 9293 §3.1,
/// RFC 8200 §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PseudoHeader {
    /// Over IPv4.
    V4 {
        /// The source address of the IP header.
        source: Ipv4Addr,
        /// The destination address of the IP header.
        destination: Ipv4Addr,
    },
    /// Over IPv6.
    V6 {
        /// The source address of the IP header.
        source: Ipv6Addr,
        /// The address of the final destination: with a routing header, its last address.
        destination: Ipv6Addr,
    },
}

impl PseudoHeader {
    /// The sum over the pseudo-header of a segment of `protocol` with `length` octets.
    #[inline]
    pub fn sum(&self, protocol: IpProtocol, length: usize) -> Sum {
        // Lengths over 65535 exist in IPv6 jumbograms only, whose pseudo-header has 32 bits.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let sum = Sum::new().add_u16(u16::from(protocol.0)).add_u32(length);
        match self {
            Self::V4 {
                source,
                destination,
            } => sum
                .add_array(&source.octets())
                .add_array(&destination.octets()),
            Self::V6 {
                source,
                destination,
            } => sum
                .add_array(&source.octets())
                .add_array(&destination.octets()),
        }
    }

    /// The source address.
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(*source),
            Self::V6 { source, .. } => IpAddr::V6(*source),
        }
    }

    /// The destination address.
    pub const fn destination(&self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(*destination),
            Self::V6 { destination, .. } => IpAddr::V6(*destination),
        }
    }

    /// The pseudo-header of the answer: source and destination swapped.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        match *self {
            Self::V4 {
                source,
                destination,
            } => Self::V4 {
                source: destination,
                destination: source,
            },
            Self::V6 {
                source,
                destination,
            } => Self::V6 {
                source: destination,
                destination: source,
            },
        }
    }
}

/// A received IP packet of either version.
#[derive(Debug, Clone, Copy)]
pub enum IpPacket<'a> {
    /// Version 4.
    V4(Ipv4Packet<'a>),
    /// Version 6.
    V6(Ipv6Packet<'a>),
}

impl<'a> IpPacket<'a> {
    /// Reads the version from the first octet, and the header that it says.
    ///
    /// # Errors
    ///
    /// Truncated, when there is no octet; bad value, for a version that is neither 4 nor 6; or what
    /// [`Ipv4Packet::parse`] or [`Ipv6Packet::parse`] say.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        match octets.first().map(|first| first >> 4) {
            Some(4) => Ipv4Packet::parse(octets).map(Self::V4),
            Some(6) => Ipv6Packet::parse(octets).map(Self::V6),
            Some(version) => Err(ParseError::bad_value("IP version", 0, u32::from(version))),
            None => Err(ParseError::truncated("IP header", 0, 1, 0)),
        }
    }

    /// Where the packet comes from.
    pub fn source(&self) -> IpAddr {
        match self {
            Self::V4(packet) => packet.source().into(),
            Self::V6(packet) => packet.source().into(),
        }
    }

    /// Where the packet goes.
    pub fn destination(&self) -> IpAddr {
        match self {
            Self::V4(packet) => packet.destination().into(),
            Self::V6(packet) => packet.destination().into(),
        }
    }

    /// The addresses as transport checksums cover them.
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        match self {
            Self::V4(packet) => packet.pseudo_header(),
            Self::V6(packet) => packet.pseudo_header(),
        }
    }

    /// The remaining hops: IPv4's time to live, IPv6's hop limit.
    pub fn hop_limit(&self) -> u8 {
        match self {
            Self::V4(packet) => packet.time_to_live(),
            Self::V6(packet) => packet.hop_limit(),
        }
    }

    /// The whole packet, without padding that followed it.
    #[inline]
    pub fn as_slice(&self) -> &'a [u8] {
        match self {
            Self::V4(packet) => packet.as_slice(),
            Self::V6(packet) => packet.as_slice(),
        }
    }
}
