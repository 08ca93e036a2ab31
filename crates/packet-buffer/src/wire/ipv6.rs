//! Internet Protocol version 6: the fixed header (RFC 8200 §3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-----------+---+---------------------------------------+
//! |Version| DSCP      |ECN|              Flow Label               |
//! +-------+-----------+---+-------+---------------+---------------+
//! |        Payload Length         |  Next Header  |   Hop Limit   |
//! +-------------------------------+---------------+---------------+
//! |                   Source Address, 16 octets                   |
//! +---------------------------------------------------------------+
//! |                Destination Address, 16 octets                 |
//! +---------------------------------------------------------------+
//! ```

use super::{IpProtocol, Ipv6Extensions, PseudoHeader, UpperLayer, be16, be32, field};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv6Addr;

/// A received IPv6 packet.
#[derive(Debug, Clone, Copy)]
pub struct Ipv6Packet<'a> {
    /// The whole packet: the header and what the payload length says.
    octets: &'a [u8],
    header: &'a [u8; 40],
    payload: &'a [u8],
}

impl<'a> Ipv6Packet<'a> {
    /// Octets of the fixed header.
    pub const HEADER_LEN: usize = 40;

    /// Checks a packet's fixed header: version and payload length.
    ///
    /// Octets behind the payload length are padding of the link and left out. Extension headers
    /// are checked by [`extensions`](Self::extensions). Jumbograms (RFC 2675) read as packets with
    /// an empty payload, whose hop-by-hop header is then missing.
    ///
    /// # Errors
    ///
    /// Truncated, when the header or what the payload length promises is not there; bad value, for
    /// another version.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = octets.split_first_chunk::<40>() else {
            return Err(ParseError::truncated("IPv6 header", 0, 40, octets.len()));
        };
        let version = header[0] >> 4;
        if version != 6 {
            return Err(ParseError::bad_value("IPv6 version", 0, u32::from(version)));
        }
        let length = usize::from(be16::<4, 40>(header));
        let Some(payload) = rest.get(..length) else {
            return Err(ParseError::truncated(
                "IPv6 packet",
                0,
                40 + length,
                octets.len(),
            ));
        };
        Ok(Self {
            octets: octets.get(..40 + length).unwrap_or_default(),
            header,
            payload,
        })
    }

    /// Differentiated services code point, 0 to 63 (RFC 2474).
    #[inline]
    pub fn dscp(&self) -> u8 {
        self.traffic_class() >> 2
    }

    /// Explicit congestion notification, 0 to 3 (RFC 3168).
    #[inline]
    pub fn ecn(&self) -> u8 {
        self.traffic_class() & 0x03
    }

    #[inline]
    fn traffic_class(&self) -> u8 {
        self.header[0] << 4 | self.header[1] >> 4
    }

    /// The flow label, 20 bits (RFC 6437).
    #[inline]
    pub fn flow_label(&self) -> u32 {
        be32::<0, 40>(self.header) & 0x000f_ffff
    }

    /// Octets behind the fixed header.
    #[inline]
    pub fn payload_length(&self) -> usize {
        self.payload.len()
    }

    /// What the payload starts with: an extension header or the upper layer.
    #[inline]
    pub fn next_header(&self) -> IpProtocol {
        IpProtocol(self.header[6])
    }

    /// Hops that the packet may still make.
    #[inline]
    pub fn hop_limit(&self) -> u8 {
        self.header[7]
    }

    /// Where the packet comes from.
    #[inline]
    pub fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from(*field::<8, 16, 40>(self.header))
    }

    /// Where the packet goes: with a routing header, the next hop that it names.
    #[inline]
    pub fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from(*field::<24, 16, 40>(self.header))
    }

    /// What follows the fixed header, extension headers first.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole packet, header first, without padding that followed it.
    #[inline]
    pub fn as_slice(&self) -> &'a [u8] {
        self.octets
    }

    /// Checks the extension headers; offsets in errors count from the start of the packet.
    ///
    /// # Errors
    ///
    /// What [`Ipv6Extensions::parse`] says.
    #[inline]
    pub fn extensions(&self) -> Result<Ipv6Extensions<'a>, ParseError> {
        Ipv6Extensions::parse(self.next_header(), self.payload, Self::HEADER_LEN)
    }

    /// What the packet carries behind its extension headers.
    ///
    /// # Errors
    ///
    /// What [`Ipv6Extensions::parse`] says.
    #[inline]
    pub fn upper_layer(&self) -> Result<UpperLayer<'a>, ParseError> {
        let next_header = self.next_header();
        if !next_header.is_ipv6_extension() {
            let (payload, offset) = (self.payload, Self::HEADER_LEN);
            return Ok(UpperLayer {
                protocol: next_header,
                payload,
                offset,
                fragment: None,
            });
        }
        Ok(self.extensions()?.upper_layer())
    }

    /// The addresses as transport checksums cover them, for packets without a routing header that
    /// still has segments left.
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        PseudoHeader::V6 {
            source: self.source(),
            destination: self.destination(),
        }
    }

    /// The fixed header as values.
    pub fn to_repr(&self) -> Ipv6Repr {
        Ipv6Repr {
            source: self.source(),
            destination: self.destination(),
            next_header: self.next_header(),
            hop_limit: self.hop_limit(),
            dscp: self.dscp(),
            ecn: self.ecn(),
            flow_label: self.flow_label(),
        }
    }
}

/// A fixed IPv6 header as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv6Repr {
    /// Where the packet comes from.
    pub source: Ipv6Addr,
    /// Where the packet goes.
    pub destination: Ipv6Addr,
    /// What the payload starts with.
    pub next_header: IpProtocol,
    /// Hops that the packet may make.
    pub hop_limit: u8,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// Explicit congestion notification, 0 to 3.
    pub ecn: u8,
    /// The flow label, 20 bits; zero when the flow is not labelled.
    pub flow_label: u32,
}

impl Ipv6Repr {
    /// The hop limit that hosts use unless a router tells another.
    pub const DEFAULT_HOP_LIMIT: u8 = 64;

    /// A header as a host sends most packets: 64 hops, no flow label.
    pub const fn new(source: Ipv6Addr, destination: Ipv6Addr, next_header: IpProtocol) -> Self {
        Self {
            source,
            destination,
            next_header,
            hop_limit: Self::DEFAULT_HOP_LIMIT,
            dscp: 0,
            ecn: 0,
            flow_label: 0,
        }
    }

    /// The addresses as transport checksums cover them.
    #[inline]
    pub const fn pseudo_header(&self) -> PseudoHeader {
        PseudoHeader::V6 {
            source: self.source,
            destination: self.destination,
        }
    }

    /// Writes the header in front of `packet`, with the payload length.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: too long, when the payload exceeds 65535 octets; bad value, when
    /// DSCP, ECN or flow label do not fit their bits.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let (length, limit) = (packet.len(), usize::from(u16::MAX));
        let Ok(payload_length) = u16::try_from(length) else {
            return Err(EmitError::TooLong {
                what: "IPv6 payload",
                length,
                limit,
            });
        };
        if self.dscp > 0x3f {
            return Err(EmitError::BadValue {
                what: "IPv6 DSCP",
                value: u32::from(self.dscp),
            });
        }
        if self.ecn > 0x03 {
            return Err(EmitError::BadValue {
                what: "IPv6 ECN",
                value: u32::from(self.ecn),
            });
        }
        if self.flow_label > 0x000f_ffff {
            return Err(EmitError::BadValue {
                what: "IPv6 flow label",
                value: self.flow_label,
            });
        }
        let traffic_class = u32::from(self.dscp << 2 | self.ecn);
        let mut header = [0; Ipv6Packet::HEADER_LEN];
        let first = 6 << 28 | traffic_class << 20 | self.flow_label;
        NetworkEndian::write_u32(&mut header[0..4], first);
        NetworkEndian::write_u16(&mut header[4..6], payload_length);
        header[6] = self.next_header.0;
        header[7] = self.hop_limit;
        header[8..24].copy_from_slice(&self.source.octets());
        header[24..40].copy_from_slice(&self.destination.octets());
        packet.prepend_slice(&header);
        Ok(())
    }
}
