//! Packets for simulations, of both versions of IP, and packets as a line of text.

use anyhow::{Context, Result, bail};
use core::net::{IpAddr, SocketAddr};
use packet_buffer::PacketBuf;
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv6Repr, IpPacket, IpProtocol, Ipv4Repr, Ipv6Repr, PseudoHeader, TcpFlags,
    TcpRepr, UdpRepr,
};

/// A UDP datagram.
///
/// # Errors
///
/// When the ends are of two versions.
pub fn udp(from: SocketAddr, to: SocketAddr, data: &[u8]) -> Result<PacketBuf> {
    let mut packet = PacketBuf::from(data);
    let udp = UdpRepr {
        source_port: from.port(),
        destination_port: to.port(),
    };
    udp.emit(&mut packet, &pseudo_header(from.ip(), to.ip())?)?;
    with_header(from.ip(), to.ip(), IpProtocol::UDP, packet)
}

/// A TCP segment with its sequence and acknowledgment numbers, and data.
///
/// # Errors
///
/// When the ends are of two versions.
pub fn tcp(
    from: SocketAddr,
    to: SocketAddr,
    flags: TcpFlags,
    (sequence_number, acknowledgment_number): (u32, u32),
    data: &[u8],
) -> Result<PacketBuf> {
    let mut packet = PacketBuf::from(data);
    let tcp = TcpRepr {
        source_port: from.port(),
        destination_port: to.port(),
        sequence_number,
        acknowledgment_number,
        flags,
        window: 65_535,
        ..TcpRepr::default()
    };
    tcp.emit(&mut packet, &pseudo_header(from.ip(), to.ip())?)?;
    with_header(from.ip(), to.ip(), IpProtocol::TCP, packet)
}

/// An echo request.
///
/// # Errors
///
/// When the ends are of two versions.
pub fn ping(from: IpAddr, to: IpAddr) -> Result<PacketBuf> {
    let mut packet = PacketBuf::from(&b"ping"[..]);
    let (identifier, sequence_number) = (77, 1);
    let header = pseudo_header(from, to)?;
    let protocol = match header {
        PseudoHeader::V4 { .. } => {
            let echo = Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            };
            echo.emit(&mut packet)?;
            IpProtocol::ICMP
        }
        PseudoHeader::V6 { .. } => {
            let echo = Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            };
            echo.emit(&mut packet, &header)?;
            IpProtocol::ICMPV6
        }
    };
    with_header(from, to, protocol, packet)
}

/// What checksums cover.
///
/// # Errors
///
/// When the addresses are of two versions.
pub fn pseudo_header(from: IpAddr, to: IpAddr) -> Result<PseudoHeader> {
    Ok(match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => PseudoHeader::V4 {
            source,
            destination,
        },
        (IpAddr::V6(source), IpAddr::V6(destination)) => PseudoHeader::V6 {
            source,
            destination,
        },
        _ => bail!("{from} and {to} are of two versions of IP"),
    })
}

/// A packet with an IP header in front.
fn with_header(
    from: IpAddr,
    to: IpAddr,
    protocol: IpProtocol,
    mut packet: PacketBuf,
) -> Result<PacketBuf> {
    match pseudo_header(from, to)? {
        PseudoHeader::V4 {
            source,
            destination,
        } => Ipv4Repr::new(source, destination, protocol).emit(&mut packet)?,
        PseudoHeader::V6 {
            source,
            destination,
        } => Ipv6Repr::new(source, destination, protocol).emit(&mut packet)?,
    }
    Ok(packet)
}

/// Where a packet of TCP or UDP comes from.
///
/// # Errors
///
/// When it has no ports.
pub fn source(packet: &[u8]) -> Result<SocketAddr> {
    let ip = IpPacket::parse(packet)?;
    let (_, payload) = transport(&ip);
    let port = payload.first_chunk::<2>().context("no port")?;
    Ok(SocketAddr::new(ip.source(), u16::from_be_bytes(*port)))
}

/// A packet as a line: protocol, ends, and the flags of a TCP segment.
pub fn describe(packet: &[u8]) -> String {
    let Ok(ip) = IpPacket::parse(packet) else {
        return "a packet".to_owned();
    };
    let (protocol, payload) = transport(&ip);
    let (source, destination) = (ip.source(), ip.destination());
    let ends = match payload {
        [a, b, c, d, ..] if protocol.has_ports() => {
            let end = |address, high: u8, low: u8| {
                SocketAddr::new(address, u16::from_be_bytes([high, low]))
            };
            format!("{} > {}", end(source, *a, *b), end(destination, *c, *d))
        }
        _ => format!("{source} > {destination}"),
    };
    match payload.get(13) {
        Some(flags) if protocol == IpProtocol::TCP => {
            format!("{protocol} {ends} {}", TcpFlags((*flags).into()))
        }
        _ => format!("{protocol} {ends}"),
    }
}

fn transport<'a>(ip: &'a IpPacket<'a>) -> (IpProtocol, &'a [u8]) {
    match ip {
        IpPacket::V4(v4) => (v4.protocol(), v4.payload()),
        IpPacket::V6(v6) => v6.upper_layer().map_or((v6.next_header(), &[]), |upper| {
            (upper.protocol, upper.payload)
        }),
    }
}
