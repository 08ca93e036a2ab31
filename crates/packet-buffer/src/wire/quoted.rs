//! The packet that an ICMP error quotes: truncated by nature.
//!
//! An ICMPv4 error quotes the IP header and at least eight octets (RFC 792), as much as fits 576
//! octets from newer routers (RFC 1812 §4.3.2.3); an ICMPv6 error as much as fits the minimum MTU
//! (RFC 4443 §2.4). The quoted length fields tell of the original packet and not of the quote, and
//! the transport header may be cut anywhere. These views promise only what is there.

use super::{IpProtocol, Ipv6Extensions, UpperLayer, be16, be16_at, be32, be32_at, field};
use crate::ParseError;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What tells the flow of a quoted packet, beside its addresses and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportIds {
    /// The ports of TCP, UDP, UDP-Lite, DCCP or SCTP.
    Ports {
        /// The port of the quoted packet's sender.
        source: u16,
        /// The port of its receiver.
        destination: u16,
    },
    /// An ICMP query or its answer.
    IcmpQuery {
        /// The ICMP type; ICMPv6's where the protocol is ICMPv6.
        message_type: u8,
        /// The identifier.
        identifier: u16,
    },
}

/// The start of a quoted IP packet of either version.
#[derive(Debug, Clone, Copy)]
pub enum QuotedPacket<'a> {
    /// Version 4.
    V4(QuotedIpv4<'a>),
    /// Version 6.
    V6(QuotedIpv6<'a>),
}

impl<'a> QuotedPacket<'a> {
    /// Reads the version from the first octet, and the fixed header that it says.
    ///
    /// # Errors
    ///
    /// Truncated, when the fixed header is not there whole; bad value, for a version that is
    /// neither 4 nor 6; bad length, for an IPv4 header length under 20.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        match octets.first().map(|first| first >> 4) {
            Some(4) => QuotedIpv4::parse(octets).map(Self::V4),
            Some(6) => QuotedIpv6::parse(octets).map(Self::V6),
            Some(version) => Err(ParseError::bad_value(
                "quoted IP version",
                0,
                u32::from(version),
            )),
            None => Err(ParseError::truncated("quoted IP header", 0, 1, 0)),
        }
    }

    /// Where the quoted packet came from.
    pub fn source(&self) -> IpAddr {
        match self {
            Self::V4(quoted) => quoted.source().into(),
            Self::V6(quoted) => quoted.source().into(),
        }
    }

    /// Where the quoted packet went.
    pub fn destination(&self) -> IpAddr {
        match self {
            Self::V4(quoted) => quoted.destination().into(),
            Self::V6(quoted) => quoted.destination().into(),
        }
    }

    /// What the quoted packet carried, behind extension headers; `None` when these are cut off.
    pub fn protocol(&self) -> Option<IpProtocol> {
        match self {
            Self::V4(quoted) => Some(quoted.protocol()),
            Self::V6(quoted) => quoted.upper_layer().map(|upper| upper.protocol),
        }
    }

    /// What is there of the transport header and its payload; empty in a fragment that is not the
    /// first.
    pub fn transport(&self) -> &'a [u8] {
        match self {
            Self::V4(quoted) if quoted.fragment_offset() == 0 => quoted.payload(),
            Self::V6(quoted) => match quoted.upper_layer() {
                Some(upper) if upper.is_start() => upper.payload,
                _ => &[],
            },
            Self::V4(_) => &[],
        }
    }

    /// Ports or ICMP identifier, when the protocol has them and the quote reaches them.
    pub fn transport_ids(&self) -> Option<TransportIds> {
        let octets = self.transport();
        match (self.protocol()?, self) {
            (protocol, _) if protocol.has_ports() => Some(TransportIds::Ports {
                source: be16_at(octets, 0)?,
                destination: be16_at(octets, 2)?,
            }),
            (IpProtocol::ICMP, Self::V4(_)) => icmp_query(octets, &[0, 8, 13, 14, 15, 16, 17, 18]),
            (IpProtocol::ICMPV6, Self::V6(_)) => icmp_query(octets, &[128, 129]),
            _ => None,
        }
    }

    /// The sequence number of a quoted TCP segment, when the quote reaches it: a receiver checks
    /// that it is one that it has sent (RFC 5927 §4.1).
    pub fn tcp_sequence_number(&self) -> Option<u32> {
        let is_tcp = self.protocol()? == IpProtocol::TCP;
        if is_tcp {
            be32_at(self.transport(), 4)
        } else {
            None
        }
    }
}

/// Type and identifier of an ICMP message, when its type is one of `queries`.
fn icmp_query(octets: &[u8], queries: &[u8]) -> Option<TransportIds> {
    let message_type = *octets.first()?;
    let identifier = be16_at(octets, 4)?;
    let is_query = queries.contains(&message_type);
    is_query.then_some(TransportIds::IcmpQuery {
        message_type,
        identifier,
    })
}

/// The start of a quoted IPv4 packet: the fixed header is there whole.
#[derive(Debug, Clone, Copy)]
pub struct QuotedIpv4<'a> {
    octets: &'a [u8],
    header: &'a [u8; 20],
    payload: &'a [u8],
}

impl<'a> QuotedIpv4<'a> {
    /// Checks the version and that the fixed header is there.
    ///
    /// # Errors
    ///
    /// Truncated, when it is not; bad value, for another version; bad length, for a header length
    /// under 20.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, _)) = octets.split_first_chunk::<20>() else {
            return Err(ParseError::truncated(
                "quoted IPv4 header",
                0,
                20,
                octets.len(),
            ));
        };
        if header[0] >> 4 != 4 {
            let version = u32::from(header[0] >> 4);
            return Err(ParseError::bad_value("quoted IPv4 version", 0, version));
        }
        let header_length = usize::from(header[0] & 0x0f) * 4;
        if header_length < 20 {
            return Err(ParseError::bad_length(
                "quoted IPv4 header length",
                0,
                header_length,
            ));
        }
        // A quote longer than the packet is padding, or garbage behind it.
        let total_length = usize::from(be16::<2, 20>(header)).max(header_length);
        let quoted = octets.get(..total_length).unwrap_or(octets);
        let payload = quoted.get(header_length..).unwrap_or_default();
        Ok(Self {
            octets: quoted,
            header,
            payload,
        })
    }

    /// Octets of the original header with its options: 20 to 60. The quote may have fewer.
    pub fn header_len(&self) -> usize {
        usize::from(self.header[0] & 0x0f) * 4
    }

    /// Octets of the original packet, as its header says.
    pub fn total_length(&self) -> u16 {
        be16::<2, 20>(self.header)
    }

    /// The octet that holds DSCP and ECN.
    pub fn type_of_service(&self) -> u8 {
        self.header[1]
    }

    /// The original identification.
    pub fn identification(&self) -> u16 {
        be16::<4, 20>(self.header)
    }

    /// The flag that must be zero.
    pub fn reserved_flag(&self) -> bool {
        self.header[6] & 0x80 != 0
    }

    /// Whether the original packet was not to be fragmented.
    pub fn dont_fragment(&self) -> bool {
        self.header[6] & 0x40 != 0
    }

    /// Whether another fragment followed it.
    pub fn more_fragments(&self) -> bool {
        self.header[6] & 0x20 != 0
    }

    /// Where the original fragment belonged, in octets.
    pub fn fragment_offset(&self) -> u16 {
        (be16::<6, 20>(self.header) & 0x1fff) << 3
    }

    /// Hops that were left where the error arose.
    pub fn time_to_live(&self) -> u8 {
        self.header[8]
    }

    /// What the packet carried.
    pub fn protocol(&self) -> IpProtocol {
        IpProtocol(self.header[9])
    }

    /// The header checksum as quoted. Routers quote it before or after they changed the header, so
    /// it proves nothing.
    pub fn checksum(&self) -> u16 {
        be16::<10, 20>(self.header)
    }

    /// Where the packet came from.
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from(*field::<12, 4, 20>(self.header))
    }

    /// Where the packet went.
    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from(*field::<16, 4, 20>(self.header))
    }

    /// What is there of the options, not checked.
    pub fn option_octets(&self) -> &'a [u8] {
        let end = self.header_len().min(self.octets.len());
        self.octets.get(20..end).unwrap_or_default()
    }

    /// What is there behind the header.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// All that was quoted of the packet.
    pub fn as_slice(&self) -> &'a [u8] {
        self.octets
    }
}

/// The start of a quoted IPv6 packet: the fixed header is there whole.
#[derive(Debug, Clone, Copy)]
pub struct QuotedIpv6<'a> {
    octets: &'a [u8],
    header: &'a [u8; 40],
    payload: &'a [u8],
}

impl<'a> QuotedIpv6<'a> {
    /// Checks the version and that the fixed header is there.
    ///
    /// # Errors
    ///
    /// Truncated, when it is not; bad value, for another version.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = octets.split_first_chunk::<40>() else {
            return Err(ParseError::truncated(
                "quoted IPv6 header",
                0,
                40,
                octets.len(),
            ));
        };
        if header[0] >> 4 != 6 {
            let version = u32::from(header[0] >> 4);
            return Err(ParseError::bad_value("quoted IPv6 version", 0, version));
        }
        let length = usize::from(be16::<4, 40>(header));
        let payload = rest.get(..length).unwrap_or(rest);
        let octets = octets.get(..40 + payload.len()).unwrap_or(octets);
        Ok(Self {
            octets,
            header,
            payload,
        })
    }

    /// Traffic class: DSCP and ECN.
    pub fn traffic_class(&self) -> u8 {
        self.header[0] << 4 | self.header[1] >> 4
    }

    /// The flow label, 20 bits.
    pub fn flow_label(&self) -> u32 {
        be32::<0, 40>(self.header) & 0x000f_ffff
    }

    /// Octets behind the original's fixed header, as it says.
    pub fn payload_length(&self) -> u16 {
        be16::<4, 40>(self.header)
    }

    /// What followed the fixed header.
    pub fn next_header(&self) -> IpProtocol {
        IpProtocol(self.header[6])
    }

    /// Hops that were left where the error arose.
    pub fn hop_limit(&self) -> u8 {
        self.header[7]
    }

    /// Where the packet came from.
    pub fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from(*field::<8, 16, 40>(self.header))
    }

    /// Where the packet went.
    pub fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from(*field::<24, 16, 40>(self.header))
    }

    /// What the packet carried behind its extension headers; `None` when they are cut off or wrong.
    pub fn upper_layer(&self) -> Option<UpperLayer<'a>> {
        let extensions = Ipv6Extensions::parse(self.next_header(), self.payload, 40);
        extensions.ok().map(|extensions| extensions.upper_layer())
    }

    /// What is there behind the fixed header.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// All that was quoted of the packet.
    pub fn as_slice(&self) -> &'a [u8] {
        self.octets
    }
}
