//! Changing a packet in place: addresses, ports and hop counts, with their checksums.

use crate::ParseError;
use crate::checksum::ChecksumDelta;
use crate::wire::{
    IpPacket, IpProtocol, Ipv6Extension, Ipv6Extensions, Ipv6OptionKind, Ipv6Packet, QuotedPacket,
};
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
    /// The packet ends within its transport header, as a tiny first fragment does (RFC 1858), so
    /// that its checksum cannot be patched.
    #[error("the packet ends within its transport header")]
    Tiny,
}

/// An IP packet that is changed in place.
///
/// Only changes that keep the length are possible, and each patches the checksums that cover it
/// (RFC 1624): the IPv4 header's, and that of TCP, UDP, UDP-Lite, DCCP, ICMP and ICMPv6. A UDP
/// checksum of zero stays zero. The port of an ICMP echo, or of another ICMP query, is its
/// identifier.
///
/// Later fragments have no transport header; of a quoted packet, only what the quote reaches is
/// patched. Padding behind the packet stays as it is.
///
/// Where an IPv6 routing header has segments left, the transport checksum covers the last of them
/// and not the header's destination (RFC 8200 §8.1); with a home address option, it covers that and
/// not the header's source (RFC 6275 §11.3.1). A new address then leaves the checksum alone.
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
    covered: Covered,
    /// Whether the packet is whole, or a first fragment, and ends within its transport header.
    is_tiny: bool,
}

/// Which addresses of the IP header the transport checksum covers.
#[derive(Debug, Clone, Copy)]
struct Covered {
    source: bool,
    destination: bool,
}

impl Covered {
    const BOTH: Self = Self {
        source: true,
        destination: true,
    };
}

/// Where the transport header of a packet is.
struct Place {
    /// `None` when there is no header: a later fragment, or a quote that does not reach it.
    protocol: Option<IpProtocol>,
    /// Where it starts, in octets from the start of the packet.
    offset: usize,
    /// Where the packet ends; what follows is padding.
    end: usize,
    covered: Covered,
}

impl Place {
    /// Whether there is all of the transport header, if the protocol is one that is patched.
    #[inline]
    fn has_transport_header(&self) -> bool {
        let needed = match self.protocol {
            Some(IpProtocol::TCP) => 20,
            Some(IpProtocol::UDP | IpProtocol::UDP_LITE | IpProtocol::ICMP) => 8,
            Some(IpProtocol::DCCP) => 12,
            Some(IpProtocol::ICMPV6) => 4,
            _ => 0,
        };
        self.end.saturating_sub(self.offset) >= needed
    }
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
        /// Whether a checksum of zero is none (UDP), or not allowed (UDP-Lite).
        zero_is_none: bool,
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
        let place = match IpPacket::parse(octets)? {
            IpPacket::V4(packet) => place_in_v4(
                packet.protocol(),
                packet.fragment_offset(),
                packet.header_len(),
                packet.as_slice(),
            ),
            IpPacket::V6(packet) => {
                place_in_v6(packet.next_header(), packet.payload(), packet.as_slice())?
            }
        };
        let is_tiny = !place.has_transport_header();
        let packet = Self::new(octets, &place)?;
        Ok(Self { is_tiny, ..packet })
    }

    /// Checks the start of a packet that an ICMP error quotes, as [`QuotedPacket::parse`] does.
    ///
    /// # Errors
    ///
    /// What [`QuotedPacket::parse`] says.
    pub fn parse_quoted(octets: &'a mut [u8]) -> Result<Self, ParseError> {
        let place = match QuotedPacket::parse(octets)? {
            QuotedPacket::V4(quoted) => place_in_v4(
                quoted.protocol(),
                quoted.fragment_offset(),
                quoted.header_len(),
                quoted.as_slice(),
            ),
            QuotedPacket::V6(quoted) => {
                let (payload, packet) = (quoted.payload(), quoted.as_slice());
                // The extension headers may be cut off, or wrong.
                place_in_v6(quoted.next_header(), payload, packet).unwrap_or(Place {
                    protocol: None,
                    offset: Ipv6Packet::HEADER_LEN,
                    end: packet.len(),
                    covered: Covered::BOTH,
                })
            }
        };
        Self::new(octets, &place)
    }

    #[inline]
    fn new(octets: &'a mut [u8], place: &Place) -> Result<Self, ParseError> {
        let available = octets.len();
        let truncated = || ParseError::truncated("IP header", 0, place.offset, available);
        let is_v4 = octets.first().is_some_and(|first| first >> 4 == 4);
        let packet = octets.get_mut(..place.end).ok_or_else(truncated)?;
        // A quote can end within the IPv4 options.
        let (header, transport) = packet.split_at_mut(place.offset.min(place.end));
        let header = if is_v4 {
            HeaderMut::V4(header.first_chunk_mut().ok_or_else(truncated)?)
        } else {
            HeaderMut::V6(header.first_chunk_mut().ok_or_else(truncated)?)
        };
        let transport = match place.protocol {
            Some(protocol) => TransportMut::new(protocol, transport, is_v4),
            None => TransportMut::Other,
        };
        Ok(Self {
            header,
            transport,
            covered: place.covered,
            is_tiny: false,
        })
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
    // Always, because a caller that drops the delta then does not pay for it.
    #[inline(always)]
    fn set_end<const V4: usize, const V6: usize, const PORT: usize>(
        &mut self,
        address: IpAddr,
        port: Option<u16>,
    ) -> Result<ChecksumDelta, RewriteError> {
        if self.is_tiny {
            return Err(RewriteError::Tiny);
        }
        if port.is_some() && !self.transport.has_port() {
            return Err(RewriteError::NoPort);
        }
        let (addresses, mut own) = match (&mut self.header, address) {
            (HeaderMut::V4(header), IpAddr::V4(new)) => {
                let delta = replace_at::<V4, 4>(*header, new.octets());
                (delta, delta.and(patch_v4_header(header, delta)))
            }
            (HeaderMut::V6(header), IpAddr::V6(new)) => {
                let delta = replace_at::<V6, 16>(*header, new.octets());
                (delta, delta)
            }
            _ => return Err(RewriteError::AddressFamily),
        };
        let is_covered = if PORT == 0 {
            self.covered.source
        } else {
            self.covered.destination
        };
        let addresses = if is_covered {
            addresses
        } else {
            ChecksumDelta::new()
        };
        match &mut self.transport {
            TransportMut::Ports {
                ports,
                checksum,
                zero_is_none,
            } => {
                let mut covered = addresses;
                if let Some(new) = port {
                    let change = replace_at::<PORT, 2>(*ports, new.to_be_bytes());
                    covered = covered.and(change);
                    own = own.and(change);
                }
                if let Some(checksum) = checksum {
                    own = own.and(patch(checksum, covered, *zero_is_none));
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
                    let change = replace_at::<0, 2>(*field, new.to_be_bytes());
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
            // RFC 3828 §3.1 MUST: a UDP-Lite checksum is never zero, so it is patched as UDP's.
            IpProtocol::UDP | IpProtocol::UDP_LITE => Self::ports::<6>(octets, true),
            IpProtocol::DCCP => Self::ports::<6>(octets, false),
            IpProtocol::ICMP if is_v4 => Self::icmp(octets, false),
            IpProtocol::ICMPV6 if !is_v4 => Self::icmp(octets, true),
            _ => Self::Other,
        }
    }

    /// Ports at the front, and a checksum at `CHECKSUM`.
    #[inline]
    fn ports<const CHECKSUM: usize>(octets: &'a mut [u8], zero_is_none: bool) -> Self {
        match octets.split_first_chunk_mut::<4>() {
            Some((ports, rest)) => {
                let checksum = rest
                    .get_mut(CHECKSUM - 4..)
                    .and_then(<[u8]>::first_chunk_mut);
                Self::Ports {
                    ports,
                    checksum,
                    zero_is_none,
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
fn place_in_v4(
    protocol: IpProtocol,
    fragment_offset: u16,
    header_length: usize,
    packet: &[u8],
) -> Place {
    Place {
        protocol: (fragment_offset == 0).then_some(protocol),
        offset: header_length,
        end: packet.len(),
        covered: Covered::BOTH,
    }
}

#[inline]
fn place_in_v6(first: IpProtocol, payload: &[u8], packet: &[u8]) -> Result<Place, ParseError> {
    if first.is_ipv6_extension() {
        return place_behind_extensions(first, payload, packet);
    }
    Ok(Place {
        protocol: Some(first),
        offset: Ipv6Packet::HEADER_LEN,
        end: packet.len(),
        covered: Covered::BOTH,
    })
}

fn place_behind_extensions(
    first: IpProtocol,
    payload: &[u8],
    packet: &[u8],
) -> Result<Place, ParseError> {
    let extensions = Ipv6Extensions::parse(first, payload, Ipv6Packet::HEADER_LEN)?;
    let mut covered = Covered::BOTH;
    for (_, extension) in extensions {
        match extension {
            Ipv6Extension::Routing(routing) if routing.segments_left > 0 => {
                covered.destination = false;
            }
            Ipv6Extension::DestinationOptions(options) => {
                let home_address = Ipv6OptionKind::HOME_ADDRESS.0;
                covered.source &= options.find(home_address).is_none();
            }
            _ => {}
        }
    }
    let upper = extensions.upper_layer();
    Ok(Place {
        protocol: upper.is_start().then_some(upper.protocol),
        offset: upper.offset,
        end: packet.len(),
        covered,
    })
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

/// Overwrites the field at `AT`, which is within `octets`; returns how it changed.
#[inline]
fn replace_at<const AT: usize, const N: usize>(octets: &mut [u8], new: [u8; N]) -> ChecksumDelta {
    match octets.get_mut(AT..).and_then(<[u8]>::first_chunk_mut) {
        Some(field) => {
            let change = ChecksumDelta::new().replace_array(field, &new);
            *field = new;
            change
        }
        None => ChecksumDelta::new(),
    }
}

/// Patches a checksum field; returns how the field itself changed.
#[inline]
fn patch(field: &mut [u8; 2], delta: ChecksumDelta, zero_is_none: bool) -> ChecksumDelta {
    let old = read(field);
    let new = if zero_is_none {
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
