//! Messages of RIP and RIPng as IP packets, for routers that have no sockets.

use super::sockets::{RIP_PORT, RIPNG_PORT};
use crate::gateway::packets::pseudo_header;
use core::net::IpAddr;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    IpPacket, IpProtocol, Ipv4Repr, Ipv6Repr, PseudoHeader, UdpDatagram, UdpRepr,
};
use rip::engine::{InterfaceId, Received, Transmit};
use rip::{Family, Ipv4, Ipv6};

/// What a packet brings to an engine.
pub enum Heard<'a> {
    /// For RIP.
    Rip(Received<'a, Ipv4>),
    /// For RIPng.
    Ripng(Received<'a, Ipv6>),
}

/// Reads a packet that came in by an interface; `None` when it is neither RIP's nor RIPng's.
pub fn heard(interface: InterfaceId, octets: &[u8]) -> Option<Heard<'_>> {
    let packet = IpPacket::parse(octets).ok()?;
    let (payload, protocol) = match &packet {
        IpPacket::V4(v4) if !v4.is_fragment() => (v4.payload(), v4.protocol()),
        IpPacket::V4(_) => return None,
        IpPacket::V6(v6) => {
            let upper = v6.upper_layer().ok()?;
            (upper.payload, upper.protocol)
        }
    };
    if protocol != IpProtocol::UDP {
        return None;
    }
    let datagram = UdpDatagram::parse(payload).ok()?;
    datagram.verify_checksum(&packet.pseudo_header()).ok()?;
    match &packet {
        IpPacket::V4(v4) if datagram.destination_port() == RIP_PORT => Some(Heard::Rip(Received {
            interface,
            source: v4.source(),
            source_port: datagram.source_port(),
            destination: v4.destination(),
            hop_limit: Some(v4.time_to_live()),
            payload: datagram.payload(),
        })),
        IpPacket::V6(v6) if datagram.destination_port() == RIPNG_PORT => {
            Some(Heard::Ripng(Received {
                interface,
                source: v6.source(),
                source_port: datagram.source_port(),
                destination: v6.destination(),
                hop_limit: Some(v6.hop_limit()),
                payload: datagram.payload(),
            }))
        }
        _ => None,
    }
}

/// Puts UDP's and IP's headers in front of a message; `None` when it is longer than a packet can be.
pub fn wrap<F: Family>(transmit: &Transmit<F>, message: &mut PacketBuf) -> Option<()>
where
    F::Address: Into<IpAddr>,
{
    let udp = UdpRepr {
        source_port: transmit.source_port,
        destination_port: transmit.destination_port,
    };
    let (source, destination) = (transmit.source.into(), transmit.destination.into());
    let addresses = pseudo_header(source, destination).ok()?;
    udp.emit(message, &addresses).ok()?;
    match addresses {
        PseudoHeader::V4 {
            source,
            destination,
        } => {
            let ip = Ipv4Repr {
                time_to_live: transmit.hop_limit,
                ..Ipv4Repr::new(source, destination, IpProtocol::UDP)
            };
            ip.emit(message).ok()
        }
        PseudoHeader::V6 {
            source,
            destination,
        } => {
            let ip = Ipv6Repr {
                hop_limit: transmit.hop_limit,
                ..Ipv6Repr::new(source, destination, IpProtocol::UDP)
            };
            ip.emit(message).ok()
        }
    }
}
