//! The least that safe reading takes: casting octets to structures, and checking lengths.

use super::Fields;
use core::net::{Ipv4Addr, Ipv6Addr};
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Ethernet {
    _addresses: [u8; 12],
    ethertype: U16,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Ipv4 {
    version_and_length: u8,
    _type_of_service: u8,
    total_length: U16,
    _fragment: [u8; 4],
    _time_to_live: u8,
    protocol: u8,
    _checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Ipv6 {
    version_and_flow: U32,
    payload_length: U16,
    next_header: u8,
    _hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Tcp {
    source_port: U16,
    destination_port: U16,
    sequence: U32,
    _acknowledgment: U32,
    offset_and_flags: U16,
    _window: U16,
    _checksum: U16,
    _urgent: U16,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Udp {
    source_port: U16,
    destination_port: U16,
    length: U16,
    _checksum: U16,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Echo {
    message_type: u8,
    code: u8,
    _checksum: U16,
    word: U32,
}

#[inline]
fn ethernet(frame: &[u8], ethertype: u16) -> Option<&[u8]> {
    let (header, rest) = Ethernet::ref_from_prefix(frame).ok()?;
    (header.ethertype.get() == ethertype).then_some(rest)
}

#[inline]
fn ipv6(packet: &[u8], protocol: u8) -> Option<(&Ipv6, &[u8])> {
    let (header, rest) = Ipv6::ref_from_prefix(packet).ok()?;
    if header.version_and_flow.get() >> 28 != 6 || header.next_header != protocol {
        return None;
    }
    Some((
        header,
        rest.get(..usize::from(header.payload_length.get()))?,
    ))
}

#[inline]
pub(super) fn tcp(frame: &[u8]) -> Option<Fields<Ipv4Addr>> {
    let packet = ethernet(frame, 0x0800)?;
    let (ip, _) = Ipv4::ref_from_prefix(packet).ok()?;
    let header_length = usize::from(ip.version_and_length & 0x0f) * 4;
    if ip.version_and_length >> 4 != 4 || header_length < 20 || ip.protocol != 6 {
        return None;
    }
    let total_length = usize::from(ip.total_length.get());
    let segment = packet.get(header_length..total_length)?;
    let (tcp, _) = Tcp::ref_from_prefix(segment).ok()?;
    let offset = usize::from(tcp.offset_and_flags.get() >> 12) * 4;
    if offset < 20 {
        return None;
    }
    Some(Fields {
        source: ip.source.into(),
        destination: ip.destination.into(),
        ports: (tcp.source_port.get(), tcp.destination_port.get()),
        sequence: tcp.sequence.get(),
        flags: tcp.offset_and_flags.get() & 0xff,
        payload: segment.get(offset..)?.len(),
    })
}

#[inline]
pub(super) fn udp(frame: &[u8]) -> Option<Fields<Ipv6Addr>> {
    let (ip, datagram) = ipv6(ethernet(frame, 0x86dd)?, 17)?;
    let (udp, _) = Udp::ref_from_prefix(datagram).ok()?;
    let payload = datagram.get(8..usize::from(udp.length.get()))?;
    Some(Fields {
        source: ip.source.into(),
        destination: ip.destination.into(),
        ports: (udp.source_port.get(), udp.destination_port.get()),
        sequence: 0,
        flags: 0,
        payload: payload.len(),
    })
}

#[inline]
pub(super) fn echo(frame: &[u8]) -> Option<Fields<Ipv6Addr>> {
    let (ip, message) = ipv6(ethernet(frame, 0x86dd)?, 58)?;
    let (echo, payload) = Echo::ref_from_prefix(message).ok()?;
    Some(Fields {
        source: ip.source.into(),
        destination: ip.destination.into(),
        ports: (u16::from(echo.message_type), u16::from(echo.code)),
        sequence: echo.word.get(),
        flags: 0,
        payload: payload.len(),
    })
}
