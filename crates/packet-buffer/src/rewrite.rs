//! Changing a packet in place: addresses, ports and hop counts, with their checksums.

use crate::ParseError;
use crate::checksum::ChecksumDelta;
use crate::wire::{IpPacket, IpProtocol, Ipv4Packet, Ipv6Packet, QuotedPacket};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// Why a packet could not be changed. It is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The new address is of the other IP version.
    #[error("the new address is not of the packet's IP version")]
    AddressFamily,
    /// The packet has no port or identifier to change: another protocol, a later fragment, an ICMP
    /// error, or a quote that ends before it.
    #[error("the packet has no port or identifier")]
    NoPort,
}

/// An IP packet that is changed in place.
///
/// Only changes that keep the length are possible, and each patches the checksums that cover it
/// (RFC 1624): the IPv4 header's, and that of TCP, UDP, UDP-Lite, DCCP, ICMP and ICMPv6. A UDP
/// checksum of zero stays zero. The port of an ICMP echo, or of another ICMP query, is its
/// identifier.
///
/// Later fragments have no transport header; of a quoted packet, only what the quote reaches is
/// patched.
///
/// ```
/// use core::net::Ipv4Addr;
/// use packet_buffer::{IpPacketMut, PacketBuf, wire::*};
///
/// # let mut packet = PacketBuf::with_headroom(64);
/// # let inside = Ipv4Addr::new(192, 168, 1, 9);
/// # let server = Ipv4Addr::new(198, 51, 100, 7);
/// # let addresses = PseudoHeader::V4 { source: inside, destination: server };
/// # UdpRepr { source_port: 40_000, destination_port: 53 }.emit(&mut packet, &addresses)?;
/// # Ipv4Repr::new(inside, server, IpProtocol::UDP).emit(&mut packet)?;
/// let outside = Ipv4Addr::new(203, 0, 113, 1);
/// let mut rewrite = IpPacketMut::parse(packet.as_mut_slice())?;
/// rewrite.set_source(outside.into(), Some(61_000))?;
/// rewrite.decrement_hop_limit();
///
/// let ip = Ipv4Packet::parse(packet.as_slice())?;
/// ip.verify_checksum()?;
/// assert_eq!((ip.source(), ip.time_to_live()), (outside, 63));
/// let udp = UdpDatagram::parse(ip.payload())?;
/// udp.verify_checksum(&ip.pseudo_header())?;
/// assert_eq!(udp.source_port(), 61_000);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IpPacketMut<'a> {
    header: HeaderMut<'a>,
    transport: TransportMut<'a>,
}

/// The fixed IP header.
#[derive(Debug)]
enum HeaderMut<'a> {
    V4(&'a mut [u8; 20]),
    V6(&'a mut [u8; 40]),
}

/// What of the transport header depends on addresses and ports.
#[derive(Debug)]
enum TransportMut<'a> {
    /// TCP, UDP, UDP-Lite, DCCP.
    Ports {
        ports: &'a mut [u8; 4],
        /// Missing when a quote ends before it.
        checksum: Option<&'a mut [u8; 2]>,
        /// Whether zero means that there is no checksum.
        is_udp: bool,
    },
    /// ICMP and ICMPv6, queries and others.
    Icmp {
        checksum: &'a mut [u8; 2],
        /// Present in queries.
        identifier: Option<&'a mut [u8; 2]>,
        covers_addresses: bool,
    },
    /// Nothing that depends on addresses, or nothing that is known.
    Other,
}

impl<'a> IpPacketMut<'a> {
    /// Checks a whole packet, as [`IpPacket::parse`] does, and finds its transport header.
    ///
    /// # Errors
    ///
    /// What [`IpPacket::parse`], and for IPv6 the walk over extension headers, say.
    #[inline]
    pub fn parse(octets: &'a mut [u8]) -> Result<Self, ParseError> {
        let (protocol, offset) = match IpPacket::parse(octets)? {
            IpPacket::V4(packet) => start_of_v4(&packet),
            IpPacket::V6(packet) => start_of_v6(&packet)?,
        };
        Self::new(octets, protocol, offset)
    }

    /// Checks the start of a packet that an ICMP error quotes, as [`QuotedPacket::parse`] does.
    ///
    /// # Errors
    ///
    /// What [`QuotedPacket::parse`] says.
    pub fn parse_quoted(octets: &'a mut [u8]) -> Result<Self, ParseError> {
        let (protocol, offset) = match QuotedPacket::parse(octets)? {
            QuotedPacket::V4(quoted) if quoted.fragment_offset() == 0 => {
                (Some(quoted.protocol()), quoted.header_len())
            }
            QuotedPacket::V4(quoted) => (None, quoted.header_len()),
            QuotedPacket::V6(quoted) => match quoted.upper_layer() {
                Some(upper) => (upper.is_start().then_some(upper.protocol), upper.offset),
                None => (None, Ipv6Packet::HEADER_LEN),
            },
        };
        Self::new(octets, protocol, offset)
    }

    /// `offset` is where the transport header starts; `protocol` is `None` when there is none.
    #[inline]
    fn new(
        octets: &'a mut [u8],
        protocol: Option<IpProtocol>,
        offset: usize,
    ) -> Result<Self, ParseError> {
        let available = octets.len();
        let truncated = || ParseError::truncated("IP header", 0, offset, available);
        let is_v4 = octets.first().is_some_and(|first| first >> 4 == 4);
        // A quote can end within the IPv4 options.
        let (header, transport) = octets.split_at_mut(offset.min(available));
        let header = if is_v4 {
            HeaderMut::V4(header.first_chunk_mut().ok_or_else(truncated)?)
        } else {
            HeaderMut::V6(header.first_chunk_mut().ok_or_else(truncated)?)
        };
        let transport = match protocol {
            Some(protocol) => TransportMut::new(protocol, transport, is_v4),
            None => TransportMut::Other,
        };
        Ok(Self { header, transport })
    }

    /// Where the packet comes from.
    pub fn source(&self) -> IpAddr {
        match &self.header {
            HeaderMut::V4(header) => v4_at::<12>(header).into(),
            HeaderMut::V6(header) => v6_at::<8>(header).into(),
        }
    }

    /// Where the packet goes.
    pub fn destination(&self) -> IpAddr {
        match &self.header {
            HeaderMut::V4(header) => v4_at::<16>(header).into(),
            HeaderMut::V6(header) => v6_at::<24>(header).into(),
        }
    }

    /// The source port, or the identifier of an ICMP query.
    pub fn source_port(&self) -> Option<u16> {
        match &self.transport {
            TransportMut::Ports { ports, .. } => Some(NetworkEndian::read_u16(&ports[0..2])),
            TransportMut::Icmp { identifier, .. } => identifier.as_ref().map(|id| read(id)),
            TransportMut::Other => None,
        }
    }

    /// The destination port, or the identifier of an ICMP query.
    pub fn destination_port(&self) -> Option<u16> {
        match &self.transport {
            TransportMut::Ports { ports, .. } => Some(NetworkEndian::read_u16(&ports[2..4])),
            TransportMut::Icmp { identifier, .. } => identifier.as_ref().map(|id| read(id)),
            TransportMut::Other => None,
        }
    }

    /// Changes the source address and, when `port` is given, the source port (or the identifier of
    /// an ICMP query).
    ///
    /// Returns how the packet's own octets changed, all patched checksums included: what an ICMP
    /// error that quotes this packet applies to its own checksum.
    ///
    /// # Errors
    ///
    /// [`RewriteError`], with the packet unchanged.
    #[inline]
    pub fn set_source(
        &mut self,
        address: IpAddr,
        port: Option<u16>,
    ) -> Result<ChecksumDelta, RewriteError> {
        self.set_end::<12, 8, 0>(address, port)
    }

    /// Changes the destination address and, when `port` is given, the destination port (or the
    /// identifier of an ICMP query). Returns what [`set_source`](Self::set_source) does.
    ///
    /// # Errors
    ///
    /// [`RewriteError`], with the packet unchanged.
    #[inline]
    pub fn set_destination(
        &mut self,
        address: IpAddr,
        port: Option<u16>,
    ) -> Result<ChecksumDelta, RewriteError> {
        self.set_end::<16, 24, 2>(address, port)
    }

    /// Changes the address at `V4` or `V6` of the header and the port at `PORT`.
    #[inline]
    fn set_end<const V4: usize, const V6: usize, const PORT: usize>(
        &mut self,
        address: IpAddr,
        port: Option<u16>,
    ) -> Result<ChecksumDelta, RewriteError> {
        if port.is_some() && !self.transport.has_port() {
            return Err(RewriteError::NoPort);
        }
        let (addresses, mut own) = match (&mut self.header, address) {
            (HeaderMut::V4(header), IpAddr::V4(new)) => {
                let old = v4_at::<V4>(header);
                let delta = ChecksumDelta::new().replace_u32(old.to_bits(), new.to_bits());
                if let Some(field) = header.get_mut(V4..V4 + 4) {
                    field.copy_from_slice(&new.octets());
                }
                (delta, delta.and(patch_v4_header(header, delta)))
            }
            (HeaderMut::V6(header), IpAddr::V6(new)) => {
                let old = v6_at::<V6>(header);
                let delta = ChecksumDelta::new().replace_u128(old.to_bits(), new.to_bits());
                if let Some(field) = header.get_mut(V6..V6 + 16) {
                    field.copy_from_slice(&new.octets());
                }
                (delta, delta)
            }
            _ => return Err(RewriteError::AddressFamily),
        };
        match &mut self.transport {
            TransportMut::Ports {
                ports,
                checksum,
                is_udp,
            } => {
                let mut covered = addresses;
                if let Some(new) = port {
                    let field = if PORT == 0 {
                        &mut ports[0..2]
                    } else {
                        &mut ports[2..4]
                    };
                    let change =
                        ChecksumDelta::new().replace_u16(NetworkEndian::read_u16(field), new);
                    NetworkEndian::write_u16(field, new);
                    covered = covered.and(change);
                    own = own.and(change);
                }
                if let Some(checksum) = checksum {
                    own = own.and(patch(checksum, covered, *is_udp));
                }
            }
            TransportMut::Icmp {
                checksum,
                identifier,
                covers_addresses,
            } => {
                let mut covered = if *covers_addresses {
                    addresses
                } else {
                    ChecksumDelta::new()
                };
                if let (Some(field), Some(new)) = (identifier, port) {
                    let change = ChecksumDelta::new().replace_u16(read(field), new);
                    **field = new.to_be_bytes();
                    covered = covered.and(change);
                    own = own.and(change);
                }
                own = own.and(patch(checksum, covered, false));
            }
            TransportMut::Other => {}
        }
        Ok(own)
    }

    /// The remaining hops: IPv4's time to live, IPv6's hop limit.
    pub fn hop_limit(&self) -> u8 {
        match &self.header {
            HeaderMut::V4(header) => header[8],
            HeaderMut::V6(header) => header[7],
        }
    }

    /// Changes the time to live or hop limit.
    #[inline]
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        match &mut self.header {
            HeaderMut::V4(header) => {
                let old = NetworkEndian::read_u16(&header[8..10]);
                header[8] = hop_limit;
                let new = NetworkEndian::read_u16(&header[8..10]);
                patch_v4_header(header, ChecksumDelta::new().replace_u16(old, new));
            }
            HeaderMut::V6(header) => header[7] = hop_limit,
        }
    }

    /// Takes one hop, as a router does; returns what is left, or `None`, with the packet unchanged,
    /// when it may not be forwarded.
    // RFC 1812 §5.3.1 MUST: a router decrements the TTL by at least one and drops at zero.
    #[inline]
    pub fn decrement_hop_limit(&mut self) -> Option<u8> {
        let left = self.hop_limit().checked_sub(1).filter(|&left| left > 0)?;
        self.set_hop_limit(left);
        Some(left)
    }
}

impl<'a> TransportMut<'a> {
    #[inline]
    fn new(protocol: IpProtocol, octets: &'a mut [u8], is_v4: bool) -> Self {
        match protocol {
            IpProtocol::TCP => Self::ports::<16>(octets, false),
            IpProtocol::UDP => Self::ports::<6>(octets, true),
            IpProtocol::UDP_LITE | IpProtocol::DCCP => Self::ports::<6>(octets, false),
            IpProtocol::ICMP if is_v4 => Self::icmp(octets, false),
            IpProtocol::ICMPV6 if !is_v4 => Self::icmp(octets, true),
            _ => Self::Other,
        }
    }

    /// Ports at the front, and a checksum at `CHECKSUM`.
    #[inline]
    fn ports<const CHECKSUM: usize>(octets: &'a mut [u8], is_udp: bool) -> Self {
        match octets.split_first_chunk_mut::<4>() {
            Some((ports, rest)) => {
                let checksum = rest
                    .get_mut(CHECKSUM - 4..)
                    .and_then(<[u8]>::first_chunk_mut);
                Self::Ports {
                    ports,
                    checksum,
                    is_udp,
                }
            }
            None => Self::Other,
        }
    }

    #[inline]
    fn icmp(octets: &'a mut [u8], is_v6: bool) -> Self {
        let Some((&mut [message_type, _], rest)) = octets.split_first_chunk_mut::<2>() else {
            return Self::Other;
        };
        let Some((checksum, rest)) = rest.split_first_chunk_mut::<2>() else {
            return Self::Other;
        };
        let is_query = if is_v6 {
            matches!(message_type, 128 | 129)
        } else {
            matches!(message_type, 0 | 8 | 13..=18)
        };
        let identifier = if is_query {
            rest.first_chunk_mut()
        } else {
            None
        };
        Self::Icmp {
            checksum,
            identifier,
            covers_addresses: is_v6,
        }
    }

    /// Whether there is a port or identifier.
    #[inline]
    fn has_port(&self) -> bool {
        match self {
            Self::Ports { .. } => true,
            Self::Icmp { identifier, .. } => identifier.is_some(),
            Self::Other => false,
        }
    }
}

#[inline]
fn start_of_v4(packet: &Ipv4Packet<'_>) -> (Option<IpProtocol>, usize) {
    let protocol = (packet.fragment_offset() == 0).then(|| packet.protocol());
    (protocol, packet.header_len())
}

#[inline]
fn start_of_v6(packet: &Ipv6Packet<'_>) -> Result<(Option<IpProtocol>, usize), ParseError> {
    let upper = packet.upper_layer()?;
    Ok((upper.is_start().then_some(upper.protocol), upper.offset))
}

#[inline]
fn read(field: &[u8; 2]) -> u16 {
    NetworkEndian::read_u16(field)
}

/// The IPv4 address at `AT`.
#[inline]
fn v4_at<const AT: usize>(header: &[u8; 20]) -> Ipv4Addr {
    // The fallback is never taken, which the compiler sees.
    let octets = header.get(AT..).and_then(<[u8]>::first_chunk::<4>);
    Ipv4Addr::from(*octets.unwrap_or(&[0; 4]))
}

/// The IPv6 address at `AT`.
#[inline]
fn v6_at<const AT: usize>(header: &[u8; 40]) -> Ipv6Addr {
    let octets = header.get(AT..).and_then(<[u8]>::first_chunk::<16>);
    Ipv6Addr::from(*octets.unwrap_or(&[0; 16]))
}

/// Patches a checksum field; returns how the field itself changed.
#[inline]
fn patch(field: &mut [u8; 2], delta: ChecksumDelta, is_udp: bool) -> ChecksumDelta {
    let old = read(field);
    let new = if is_udp {
        delta.apply_udp(old)
    } else {
        delta.apply(old)
    };
    *field = new.to_be_bytes();
    ChecksumDelta::new().replace_u16(old, new)
}

/// Patches the header checksum of IPv4; returns how the field itself changed.
#[inline]
fn patch_v4_header(header: &mut [u8; 20], delta: ChecksumDelta) -> ChecksumDelta {
    let old = NetworkEndian::read_u16(&header[10..12]);
    let new = delta.apply(old);
    NetworkEndian::write_u16(&mut header[10..12], new);
    ChecksumDelta::new().replace_u16(old, new)
}
