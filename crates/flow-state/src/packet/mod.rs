//! One pass over a packet: its flow key, and what state tracking needs of its headers.

mod error;
mod icmp;
mod key;
mod transport;
mod verify;

pub use error::PacketError;
pub use icmp::{IcmpError, IcmpQuery};
pub use key::Key;
pub use transport::{DccpHeader, GreHeader, SctpPacket, TcpSegment, Transport, UdpDatagram};

use flow_table::{Ipv4FlowKey, Ipv6FlowKey};
use packet_buffer::fragment::Fragment;
use packet_buffer::wire::{IpPacket, IpProtocol, Ipv4Packet};
use packet_buffer::{Cursor, ParseError};

/// An IP packet of either version, read as far as the transport header.
///
/// # Keys
///
/// | protocol | source port | destination port |
/// |---|---|---|
/// | TCP, UDP, UDP-Lite, DCCP, SCTP | the source port | the destination port |
/// | ICMP request | the identifier | 0 for echo, else the request's type |
/// | answer to an ICMP request | 0 for echo, else the request's type | the identifier |
/// | GRE version 1 (PPTP) | 0 | the call id, which is the receiver's |
/// | everything else, later fragments too | 0 | 0 |
///
/// So the reversed key of a request is the key of its answer. ICMP errors have a key of their own
/// that no flow has; [`IcmpError::expected`] is the one to look up.
///
/// ```
/// use flow_state::packet::{FlowPacket, Transport};
/// # let mut packet = packet_buffer::PacketBuf::with_headroom(64);
/// # use packet_buffer::wire::*;
/// # let (a, b) = ([192, 0, 2, 1].into(), [198, 51, 100, 53].into());
/// # let addresses = PseudoHeader::V4 { source: a, destination: b };
/// # UdpRepr { source_port: 40_000, destination_port: 53 }.emit(&mut packet, &addresses)?;
/// # Ipv4Repr::new(a, b, IpProtocol::UDP).emit(&mut packet)?;
///
/// let query = FlowPacket::parse(packet.as_slice())?;
/// query.verify()?; // checksums; a caller may choose not to
/// assert_eq!(query.key().to_string(), "17 192.0.2.1:40000 > 198.51.100.53:53");
/// assert!(matches!(query.transport(), Transport::Udp(_)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FlowPacket<'a> {
    ip: IpPacket<'a>,
    key: Key,
    protocol: IpProtocol,
    transport: Transport<'a>,
    /// Where the transport header starts.
    offset: usize,
    part: Part,
}

/// What of its datagram a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All of it.
    Whole,
    /// All of it, with a fragment header (RFC 6946).
    Atomic,
    /// The beginning.
    First,
    /// What follows the beginning.
    Later,
}

impl Part {
    const fn of(fragment: Option<&Fragment<'_>>) -> Self {
        match fragment {
            None => Self::Whole,
            Some(fragment) if fragment.is_atomic() => Self::Atomic,
            Some(fragment) if fragment.is_first() => Self::First,
            Some(_) => Self::Later,
        }
    }
}

impl<'a> FlowPacket<'a> {
    /// Reads a packet; its key is in zone 0. Octets behind the packet are padding of the link and
    /// left out.
    ///
    /// # Errors
    ///
    /// [`PacketError`]: a header is cut short or contradicts itself.
    #[inline(always)]
    pub fn parse(octets: &'a [u8]) -> Result<Self, PacketError> {
        Self::parse_in_zone(octets, 0)
    }

    /// As [`parse`](Self::parse), with the key in `zone`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    #[inline(always)]
    pub fn parse_in_zone(octets: &'a [u8], zone: u16) -> Result<Self, PacketError> {
        let Some((ip, transport, (from, to))) = plain(octets) else {
            return Self::parse_any(octets, zone);
        };
        let protocol = ip.protocol();
        let ends = ((ip.source(), from), (ip.destination(), to));
        Ok(Self {
            key: Key::V4(Ipv4FlowKey::new(ends.0, ends.1, protocol.0, zone)),
            ip: IpPacket::V4(ip),
            protocol,
            transport,
            offset: Ipv4Packet::MIN_HEADER_LEN,
            part: Part::Whole,
        })
    }

    /// Reads any packet.
    #[inline(never)]
    fn parse_any(octets: &'a [u8], zone: u16) -> Result<Self, PacketError> {
        let ip = IpPacket::parse(octets)?;
        let (protocol, payload, offset, part) = match &ip {
            IpPacket::V4(packet) => {
                let part = if packet.is_fragment() {
                    part_of(&ip, zone)?
                } else {
                    Part::Whole
                };
                let payload = packet.payload();
                (packet.protocol(), payload, packet.header_len(), part)
            }
            IpPacket::V6(packet) => {
                let upper = packet.upper_layer()?;
                let part = if upper.fragment.is_some() {
                    part_of(&ip, zone)?
                } else {
                    Part::Whole
                };
                (upper.protocol, upper.payload, upper.offset, part)
            }
        };
        let is_v6 = matches!(ip, IpPacket::V6(_));
        let (transport, (from, to)) = match part {
            Part::Later => (Transport::LaterFragment, (0, 0)),
            _ => parse_transport(protocol, payload, is_v6, part == Part::First)
                .map_err(|error| error.offset_by(offset))?,
        };
        let number = protocol.0;
        let key = match &ip {
            IpPacket::V4(packet) => Key::V4(Ipv4FlowKey::new(
                (packet.source(), from),
                (packet.destination(), to),
                number,
                zone,
            )),
            IpPacket::V6(packet) => Key::V6(Ipv6FlowKey::new(
                (packet.source(), from),
                (packet.destination(), to),
                number,
                zone,
            )),
        };
        Ok(Self {
            ip,
            key,
            protocol,
            transport,
            offset,
            part,
        })
    }

    /// The key that the packet has if it can be read, without checking that it can: a hint, to
    /// fetch the flows of many packets before they are read one by one. `None` for all but whole
    /// TCP and UDP packets without IP options or extension headers. In zone 0.
    #[inline]
    pub fn peek_key(octets: &[u8]) -> Option<Key> {
        key::peek(octets)
    }

    /// The key of the packet's flow, in the packet's direction.
    #[inline]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The transport protocol; behind all extension headers for IPv6.
    #[inline]
    pub const fn protocol(&self) -> IpProtocol {
        self.protocol
    }

    /// What of the transport header tells the flow.
    #[inline]
    pub const fn transport(&self) -> &Transport<'a> {
        &self.transport
    }

    /// The IP header.
    #[inline]
    pub const fn ip(&self) -> &IpPacket<'a> {
        &self.ip
    }

    /// Where the transport header starts (in a later fragment: the payload), in octets from the
    /// start of the packet.
    #[inline]
    pub const fn transport_offset(&self) -> usize {
        self.offset
    }

    /// The transport header and all that follows.
    #[inline]
    pub fn transport_octets(&self) -> &'a [u8] {
        self.ip.as_slice().get(self.offset..).unwrap_or_default()
    }

    /// Octets of the whole packet, padding of the link left out.
    #[inline]
    pub fn len(&self) -> usize {
        self.ip.as_slice().len()
    }

    /// Never: a packet has a header.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ip.as_slice().is_empty()
    }

    /// The fragment that the packet is, when it is one (or an atomic one, RFC 6946). It is read anew
    /// from the packet: few are, and the others need not carry room for it.
    pub fn fragment(&self) -> Option<Fragment<'a>> {
        match self.part {
            Part::Whole => None,
            // It was read without an error before.
            _ => Fragment::parse(u32::from(self.key.zone()), &self.ip).unwrap_or(None),
        }
    }

    /// Whether the packet is a fragment, and other packets hold the rest of its datagram.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        matches!(self.part, Part::First | Part::Later)
    }

    /// Checks the checksums of the IPv4 header and of the transport protocol, as far as one packet
    /// can: not those of datagrams in fragments.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    #[inline]
    pub fn verify(&self) -> Result<(), ParseError> {
        verify::verify(self)
    }
}

/// The parts of a whole TCP or UDP packet over IPv4 without options, as nearly all are, and its ports.
/// `None` for others, and for those that cannot be read.
// Short, and in line with its callers: handed over in memory, a packet that was read costs as much as
// reading it.
#[inline(always)]
fn plain(octets: &[u8]) -> Option<(Ipv4Packet<'_>, Transport<'_>, (u16, u16))> {
    if octets.first() != Some(&0x45) {
        return None;
    }
    let ip = Ipv4Packet::parse(octets).ok()?;
    if ip.is_fragment() {
        return None;
    }
    match ip.protocol() {
        IpProtocol::TCP => {
            let segment = TcpSegment::read(ip.payload())?;
            let ports = (segment.source_port, segment.destination_port);
            Some((ip, Transport::Tcp(segment), ports))
        }
        IpProtocol::UDP => {
            let datagram = UdpDatagram::read(ip.payload(), false)?;
            let ports = (datagram.source_port, datagram.destination_port);
            Some((ip, Transport::Udp(datagram), ports))
        }
        _ => None,
    }
}

/// Which part of its datagram a packet is that says that it is a fragment.
#[cold]
fn part_of(ip: &IpPacket<'_>, zone: u16) -> Result<Part, PacketError> {
    let fragment = Fragment::parse(u32::from(zone), ip)?;
    Ok(Part::of(fragment.as_ref()))
}

/// The ports of a GRE packet's key.
#[inline]
const fn gre_ports(header: &GreHeader) -> (u16, u16) {
    match header.call_id {
        Some(call) => (0, call),
        None => (0, 0),
    }
}

/// Reads the transport header, and the ports that the packet's key has.
#[inline]
fn parse_transport(
    protocol: IpProtocol,
    octets: &[u8],
    is_ipv6: bool,
    is_fragment: bool,
) -> Result<(Transport<'_>, (u16, u16)), ParseError> {
    Ok(match protocol {
        IpProtocol::TCP => {
            let segment = TcpSegment::parse(octets)?;
            let ports = (segment.source_port, segment.destination_port);
            (Transport::Tcp(segment), ports)
        }
        IpProtocol::UDP => {
            let datagram = UdpDatagram::parse(octets, is_fragment)?;
            let ports = (datagram.source_port, datagram.destination_port);
            (Transport::Udp(datagram), ports)
        }
        IpProtocol::ICMP if !is_ipv6 => parse_icmp(octets, false)?,
        IpProtocol::ICMPV6 if is_ipv6 => parse_icmp(octets, true)?,
        _ => parse_rare(protocol, octets)?,
    })
}

/// Reads an ICMP message.
fn parse_icmp(octets: &[u8], is_ipv6: bool) -> Result<(Transport<'_>, (u16, u16)), ParseError> {
    Ok(match icmp::parse(octets, is_ipv6)? {
        icmp::Message::Query(query, ports) => (Transport::IcmpQuery(query), ports),
        icmp::Message::Error(error) => (Transport::IcmpError(error), (0, 0)),
        icmp::Message::Other { message_type, code } => {
            (Transport::IcmpOther { message_type, code }, (0, 0))
        }
    })
}

/// Reads the headers of protocols that few packets have.
fn parse_rare(
    protocol: IpProtocol,
    octets: &[u8],
) -> Result<(Transport<'_>, (u16, u16)), ParseError> {
    let mut cursor = Cursor::new(octets);
    Ok(match protocol {
        IpProtocol::UDP_LITE => {
            // RFC 3828 §3.1: where UDP has its length, UDP-Lite has the coverage of the checksum.
            let source_port = cursor.u16("UDP-Lite source port")?;
            let destination_port = cursor.u16("UDP-Lite destination port")?;
            cursor.take(2, "UDP-Lite checksum coverage")?;
            let checksum = cursor.u16("UDP-Lite checksum")?;
            let datagram = UdpDatagram {
                source_port,
                destination_port,
                checksum,
                payload: cursor.rest(),
            };
            (Transport::Udp(datagram), (source_port, destination_port))
        }
        IpProtocol::SCTP => {
            let packet = SctpPacket::parse(octets)?;
            let ports = (packet.source_port, packet.destination_port);
            (Transport::Sctp(packet), ports)
        }
        IpProtocol::DCCP => {
            let header = DccpHeader::parse(octets)?;
            let ports = (header.source_port, header.destination_port);
            (Transport::Dccp(header), ports)
        }
        IpProtocol::GRE => {
            let header = GreHeader::parse(octets)?;
            (Transport::Gre(header), gre_ports(&header))
        }
        IpProtocol::ESP => {
            let spi = cursor.u32("ESP SPI")?;
            let sequence_number = cursor.u32("ESP sequence number")?;
            let esp = Transport::Esp {
                spi,
                sequence_number,
            };
            (esp, (0, 0))
        }
        IpProtocol::AH => {
            cursor.take(4, "AH header")?;
            let spi = cursor.u32("AH SPI")?;
            (Transport::Ah { spi }, (0, 0))
        }
        other => (Transport::Other(other), (0, 0)),
    })
}
