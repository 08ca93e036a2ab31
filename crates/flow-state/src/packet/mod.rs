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
use packet_buffer::wire::{IpPacket, IpProtocol};
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
    fragment: Option<Fragment<'a>>,
}

impl<'a> FlowPacket<'a> {
    /// Reads a packet; its key is in zone 0. Octets behind the packet are padding of the link and
    /// left out.
    ///
    /// # Errors
    ///
    /// [`PacketError`]: a header is cut short or contradicts itself.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, PacketError> {
        Self::parse_in_zone(octets, 0)
    }

    /// As [`parse`](Self::parse), with the key in `zone`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    #[inline]
    pub fn parse_in_zone(octets: &'a [u8], zone: u16) -> Result<Self, PacketError> {
        let ip = IpPacket::parse(octets)?;
        let (protocol, payload, offset, fragment) = match &ip {
            IpPacket::V4(packet) => {
                let fragment = if packet.is_fragment() {
                    Fragment::parse(u32::from(zone), &ip)?
                } else {
                    None
                };
                let payload = packet.payload();
                (packet.protocol(), payload, packet.header_len(), fragment)
            }
            IpPacket::V6(packet) => {
                let upper = packet.upper_layer()?;
                let fragment = if upper.fragment.is_some() {
                    Fragment::parse(u32::from(zone), &ip)?
                } else {
                    None
                };
                (upper.protocol, upper.payload, upper.offset, fragment)
            }
        };
        let is_v6 = matches!(ip, IpPacket::V6(_));
        let is_fragment = fragment.is_some_and(|fragment| !fragment.is_atomic());
        let is_later = fragment.is_some_and(|fragment| !fragment.is_first());
        let (transport, (from, to)) = if is_later {
            (Transport::LaterFragment, (0, 0))
        } else {
            parse_transport(protocol, payload, is_v6, is_fragment)
                .map_err(|error| error.offset_by(offset))?
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
            fragment,
        })
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

    /// The fragment that the packet is, when it is one (or an atomic one, RFC 6946).
    #[inline]
    pub const fn fragment(&self) -> Option<&Fragment<'a>> {
        self.fragment.as_ref()
    }

    /// Whether the packet is a fragment, and other packets hold the rest of its datagram.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| !fragment.is_atomic())
    }

    /// Checks the checksums of the IPv4 header and of the transport protocol, as far as one packet
    /// can: not those of datagrams in fragments.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    pub fn verify(&self) -> Result<(), ParseError> {
        verify::verify(self)
    }
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
