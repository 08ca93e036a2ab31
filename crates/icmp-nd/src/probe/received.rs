//! A message that may answer a probe, whichever way it was received.

use core::net::{IpAddr, Ipv4Addr};
use packet_buffer::ParseError;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv6Message, IpPacket, IpProtocol, PseudoHeader, TcpSegment,
};

/// A message as it was received: what an IP packet carried, and what is known of its header.
///
/// Raw sockets and devices give whole packets ([`Received::from_ip`]); IPv6 raw sockets and ICMP
/// datagram sockets of Linux give the message alone, with its source beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom; `None` where the system does not tell. The checksum of an ICMPv6 message or a TCP
    /// segment is then taken as verified by the system.
    pub destination: Option<IpAddr>,
    /// Hops that were left; `None` where the system does not tell.
    pub hop_limit: Option<u8>,
    /// What `octets` is.
    pub protocol: IpProtocol,
    /// The message, header first.
    pub octets: &'a [u8],
}

impl<'a> Received<'a> {
    /// Reads a whole IP packet.
    ///
    /// # Errors
    ///
    /// What [`IpPacket::parse`] says; bad checksum, for an IPv4 header with a wrong one; unsupported,
    /// for a fragment.
    pub fn from_ip(packet: &'a [u8]) -> Result<Self, ParseError> {
        let ip = IpPacket::parse(packet)?;
        let (protocol, octets) = match &ip {
            IpPacket::V4(ip) => {
                ip.verify_checksum()?;
                if ip.is_fragment() {
                    let value = u32::from(ip.fragment_offset());
                    return Err(ParseError::unsupported("IPv4 fragment", 6, value));
                }
                (ip.protocol(), ip.payload())
            }
            IpPacket::V6(ip) => {
                let upper = ip.upper_layer()?;
                if let Some(fragment) = upper.fragment
                    && !fragment.is_atomic()
                {
                    let value = u32::from(fragment.offset);
                    return Err(ParseError::unsupported("IPv6 fragment", 40, value));
                }
                (upper.protocol, upper.payload)
            }
        };
        Ok(Self {
            source: ip.source(),
            destination: Some(ip.destination()),
            hop_limit: Some(ip.hop_limit()),
            protocol,
            octets,
        })
    }

    /// The ICMP message of this IP version, with its checksum verified.
    pub(crate) fn icmp(&self) -> Result<Option<Icmp<'a>>, ParseError> {
        match (self.source, self.protocol) {
            (IpAddr::V4(_), IpProtocol::ICMP) => {
                let message = Icmpv4Message::parse(self.octets)?;
                message.verify_checksum()?;
                Ok(Some(Icmp::V4(message)))
            }
            (IpAddr::V6(_), IpProtocol::ICMPV6) => {
                let message = Icmpv6Message::parse(self.octets)?;
                if let Some(pseudo_header) = self.pseudo_header() {
                    message.verify_checksum(&pseudo_header)?;
                }
                Ok(Some(Icmp::V6(message)))
            }
            _ => Ok(None),
        }
    }

    /// The TCP segment, with its checksum verified where the addresses are known.
    pub(crate) fn tcp(&self) -> Result<Option<TcpSegment<'a>>, ParseError> {
        if self.protocol != IpProtocol::TCP {
            return Ok(None);
        }
        let segment = TcpSegment::parse(self.octets)?;
        if let Some(pseudo_header) = self.pseudo_header() {
            segment.verify_checksum(&pseudo_header)?;
        }
        Ok(Some(segment))
    }

    fn pseudo_header(&self) -> Option<PseudoHeader> {
        pseudo_header(self.source, self.destination?)
    }
}

/// An ICMP message of either version.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Icmp<'a> {
    V4(Icmpv4Message<'a>),
    V6(Icmpv6Message<'a>),
}

/// The pseudo-header between two addresses of one version.
pub(crate) fn pseudo_header(source: IpAddr, destination: IpAddr) -> Option<PseudoHeader> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Some(PseudoHeader::V4 {
            source,
            destination,
        }),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Some(PseudoHeader::V6 {
            source,
            destination,
        }),
        _ => None,
    }
}

/// Whether the address stands for many, so that answers come from others than itself.
pub(crate) fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_multicast() || address == Ipv4Addr::BROADCAST,
        IpAddr::V6(address) => address.is_multicast(),
    }
}
