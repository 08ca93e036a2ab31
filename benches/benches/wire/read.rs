//! Reading, by each contender in its own way. What a parser does not check and a receiver must, the
//! version of IP, is checked here. (pnet checks only that the fixed part of each header is there; only
//! etherparse, and ours where it says so, go over IPv6 extension headers.)

mod cast;

use crate::names::{CAST, ETHERPARSE, OURS, OURS_EXTENSIONS, PNET, SMOLTCP, SMOLTCP_REPR};
use core::hint::black_box;
use core::net::{Ipv4Addr, Ipv6Addr};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use internetwork_benches::Group;
use packet_buffer::wire::{
    EtherType, EthernetFrame, Icmpv6Message, IpProtocol, Ipv4Packet, Ipv6Packet, TcpSegment,
    UdpDatagram,
};
use pnet_packet::Packet;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire as smol;

/// What is taken out of a frame.
#[derive(Clone, Copy)]
struct Fields<A> {
    source: A,
    destination: A,
    /// Ports; type and code of ICMP.
    ports: (u16, u16),
    /// Sequence number; identifier and sequence number of an echo.
    sequence: u32,
    flags: u16,
    payload: usize,
}

trait Address {
    fn word(self) -> u64;
}

impl Address for Ipv4Addr {
    #[inline(always)]
    fn word(self) -> u64 {
        u64::from(self.to_bits())
    }
}

impl Address for Ipv6Addr {
    #[inline(always)]
    fn word(self) -> u64 {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.octets();
        u64::from_ne_bytes([a, b, c, d, e, f, g, h]).wrapping_add(u64::from_ne_bytes(rest))
    }
}

impl<A: Address> Fields<A> {
    #[inline(always)]
    fn sum(self) -> u64 {
        let ports = u32::from(self.ports.0) << 16 | u32::from(self.ports.1);
        let words = [
            self.source.word(),
            self.destination.word(),
            u64::from(ports),
            u64::from(self.sequence),
            u64::from(self.flags),
            self.payload as u64,
        ];
        words.into_iter().fold(0, u64::wrapping_add)
    }
}

/// A group of readers; the first is ours.
struct Readers<'a> {
    group: Group<'a>,
    frames: &'a [Vec<u8>],
    expected: Option<u64>,
}

impl<'a> Readers<'a> {
    fn new(name: &str, frames: &'a [Vec<u8>]) -> Self {
        Self {
            group: Group::new(name, u32::try_from(frames.len()).unwrap()),
            frames,
            expected: None,
        }
    }

    fn reader<A: Address>(
        mut self,
        name: &str,
        read: impl Fn(&'a [u8]) -> Option<Fields<A>> + 'a,
    ) -> Self {
        let frames = self.frames;
        let sum = move || {
            black_box(frames)
                .iter()
                .map(|frame| read(frame).map_or(0, Fields::sum))
                .fold(0, u64::wrapping_add)
        };
        assert_eq!(sum(), *self.expected.get_or_insert(sum()), "{name}");
        // A frame that was not understood counts as nothing.
        assert_ne!(sum(), 0, "{name}");
        self.group = self.group.item(name, sum);
        self
    }
}

/// The goals for reading without checksums.
fn goals(group: Group<'_>) -> Group<'_> {
    group
        .at_most(1.15, CAST)
        .at_most(0.9, SMOLTCP)
        .at_most(0.2, ETHERPARSE)
}

pub(crate) fn tcp<'a>(name: &str, frames: &'a [Vec<u8>]) -> Group<'a> {
    let ours = |frame: &'a [u8]| {
        let ethernet = EthernetFrame::parse(frame).ok()?;
        if ethernet.ethertype() != EtherType::IPV4 {
            return None;
        }
        let ip = Ipv4Packet::parse(ethernet.payload()).ok()?;
        if ip.protocol() != IpProtocol::TCP {
            return None;
        }
        let tcp = TcpSegment::parse(ip.payload()).ok()?;
        Some(Fields {
            source: ip.source(),
            destination: ip.destination(),
            ports: (tcp.source_port(), tcp.destination_port()),
            sequence: tcp.sequence_number(),
            flags: tcp.flags().0 & 0xff,
            payload: tcp.payload().len(),
        })
    };
    let smoltcp = |frame: &'a [u8]| {
        let ethernet = smol::EthernetFrame::new_checked(frame).ok()?;
        if ethernet.ethertype() != smol::EthernetProtocol::Ipv4 {
            return None;
        }
        let ip = smol::Ipv4Packet::new_checked(ethernet.payload()).ok()?;
        if ip.version() != 4 || ip.next_header() != smol::IpProtocol::Tcp {
            return None;
        }
        let tcp = smol::TcpPacket::new_checked(ip.payload()).ok()?;
        let flags = [
            tcp.fin(),
            tcp.syn(),
            tcp.rst(),
            tcp.psh(),
            tcp.ack(),
            tcp.urg(),
        ];
        let flags = flags
            .into_iter()
            .zip(0..)
            .map(|(flag, bit)| u16::from(flag) << bit);
        Some(Fields {
            source: ip.src_addr(),
            destination: ip.dst_addr(),
            ports: (tcp.src_port(), tcp.dst_port()),
            sequence: tcp.seq_number().0.cast_unsigned(),
            flags: flags.sum(),
            payload: tcp.payload().len(),
        })
    };
    let etherparse = |frame: &'a [u8]| {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) =
            (packet.net, packet.transport)
        else {
            return None;
        };
        Some(Fields {
            source: ip.header().source_addr(),
            destination: ip.header().destination_addr(),
            ports: (tcp.source_port(), tcp.destination_port()),
            sequence: tcp.sequence_number(),
            flags: u16::from(*tcp.header_slice().get(13)?),
            payload: tcp.payload().len(),
        })
    };
    let pnet = |frame: &'a [u8]| {
        let ethernet = pnet_packet::ethernet::EthernetPacket::new(frame)?;
        if ethernet.get_ethertype() != pnet_packet::ethernet::EtherTypes::Ipv4 {
            return None;
        }
        let ip = pnet_packet::ipv4::Ipv4Packet::new(ethernet.payload())?;
        if ip.get_next_level_protocol() != pnet_packet::ip::IpNextHeaderProtocols::Tcp {
            return None;
        }
        let tcp = pnet_packet::tcp::TcpPacket::new(ip.payload())?;
        Some(Fields {
            source: ip.get_source(),
            destination: ip.get_destination(),
            ports: (tcp.get_source(), tcp.get_destination()),
            sequence: tcp.get_sequence(),
            flags: u16::from(tcp.get_flags()),
            payload: tcp.payload().len(),
        })
    };
    let readers = Readers::new(name, frames)
        .reader(OURS, ours)
        .reader(CAST, cast::tcp)
        .reader(SMOLTCP, smoltcp)
        .reader(ETHERPARSE, etherparse)
        .reader(PNET, pnet);
    goals(readers.group)
}

/// The packet and what it carries, which must be of `protocol`.
#[inline]
fn our_ipv6<const EXTENSIONS: bool>(
    frame: &[u8],
    protocol: IpProtocol,
) -> Option<(Ipv6Packet<'_>, &[u8])> {
    let ethernet = EthernetFrame::parse(frame).ok()?;
    if ethernet.ethertype() != EtherType::IPV6 {
        return None;
    }
    let ip = Ipv6Packet::parse(ethernet.payload()).ok()?;
    let (found, payload) = if EXTENSIONS {
        let upper = ip.upper_layer().ok()?;
        (upper.protocol, upper.payload)
    } else {
        (ip.next_header(), ip.payload())
    };
    (found == protocol).then_some((ip, payload))
}

#[inline]
fn our_udp<const EXTENSIONS: bool>(frame: &[u8]) -> Option<Fields<Ipv6Addr>> {
    let (ip, payload) = our_ipv6::<EXTENSIONS>(frame, IpProtocol::UDP)?;
    let udp = UdpDatagram::parse(payload).ok()?;
    Some(Fields {
        source: ip.source(),
        destination: ip.destination(),
        ports: (udp.source_port(), udp.destination_port()),
        sequence: 0,
        flags: 0,
        payload: udp.payload().len(),
    })
}

pub(crate) fn udp<'a>(name: &str, frames: &'a [Vec<u8>]) -> Group<'a> {
    let smoltcp = |frame: &'a [u8]| {
        let ethernet = smol::EthernetFrame::new_checked(frame).ok()?;
        if ethernet.ethertype() != smol::EthernetProtocol::Ipv6 {
            return None;
        }
        let ip = smol::Ipv6Packet::new_checked(ethernet.payload()).ok()?;
        if ip.version() != 6 || ip.next_header() != smol::IpProtocol::Udp {
            return None;
        }
        let udp = smol::UdpPacket::new_checked(ip.payload()).ok()?;
        Some(Fields {
            source: ip.src_addr(),
            destination: ip.dst_addr(),
            ports: (udp.src_port(), udp.dst_port()),
            sequence: 0,
            flags: 0,
            payload: udp.payload().len(),
        })
    };
    let etherparse = |frame: &'a [u8]| {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Udp(udp))) =
            (packet.net, packet.transport)
        else {
            return None;
        };
        Some(Fields {
            source: ip.header().source_addr(),
            destination: ip.header().destination_addr(),
            ports: (udp.source_port(), udp.destination_port()),
            sequence: 0,
            flags: 0,
            payload: udp.payload().len(),
        })
    };
    let pnet = |frame: &'a [u8]| {
        let ethernet = pnet_packet::ethernet::EthernetPacket::new(frame)?;
        if ethernet.get_ethertype() != pnet_packet::ethernet::EtherTypes::Ipv6 {
            return None;
        }
        let ip = pnet_packet::ipv6::Ipv6Packet::new(ethernet.payload())?;
        if ip.get_next_header() != pnet_packet::ip::IpNextHeaderProtocols::Udp {
            return None;
        }
        let udp = pnet_packet::udp::UdpPacket::new(ip.payload())?;
        Some(Fields {
            source: ip.get_source(),
            destination: ip.get_destination(),
            ports: (udp.get_source(), udp.get_destination()),
            sequence: 0,
            flags: 0,
            payload: udp.payload().len(),
        })
    };
    let readers = Readers::new(name, frames)
        .reader(OURS, our_udp::<false>)
        .reader(OURS_EXTENSIONS, our_udp::<true>)
        .reader(CAST, cast::udp)
        .reader(SMOLTCP, smoltcp)
        .reader(ETHERPARSE, etherparse)
        .reader(PNET, pnet);
    goals(readers.group)
}

#[inline]
fn our_echo<const EXTENSIONS: bool>(frame: &[u8]) -> Option<Fields<Ipv6Addr>> {
    let (ip, payload) = our_ipv6::<EXTENSIONS>(frame, IpProtocol::ICMPV6)?;
    let icmp = Icmpv6Message::parse(payload).ok()?;
    let word = icmp.body().first_chunk().copied().map(u32::from_be_bytes)?;
    Some(Fields {
        source: ip.source(),
        destination: ip.destination(),
        ports: (u16::from(icmp.message_type().0), u16::from(icmp.code())),
        sequence: word,
        flags: 0,
        payload: icmp.payload().len(),
    })
}

pub(crate) fn echo<'a>(name: &str, frames: &'a [Vec<u8>]) -> Group<'a> {
    let smoltcp = |frame: &'a [u8]| {
        let ethernet = smol::EthernetFrame::new_checked(frame).ok()?;
        if ethernet.ethertype() != smol::EthernetProtocol::Ipv6 {
            return None;
        }
        let ip = smol::Ipv6Packet::new_checked(ethernet.payload()).ok()?;
        if ip.version() != 6 || ip.next_header() != smol::IpProtocol::Icmpv6 {
            return None;
        }
        let icmp = smol::Icmpv6Packet::new_checked(ip.payload()).ok()?;
        Some(Fields {
            source: ip.src_addr(),
            destination: ip.dst_addr(),
            ports: (
                u16::from(u8::from(icmp.msg_type())),
                u16::from(icmp.msg_code()),
            ),
            sequence: u32::from(icmp.echo_ident()) << 16 | u32::from(icmp.echo_seq_no()),
            flags: 0,
            payload: icmp.payload().len(),
        })
    };
    let etherparse = |frame: &'a [u8]| {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) =
            (packet.net, packet.transport)
        else {
            return None;
        };
        Some(Fields {
            source: ip.header().source_addr(),
            destination: ip.header().destination_addr(),
            ports: (u16::from(icmp.type_u8()), u16::from(icmp.code_u8())),
            sequence: u32::from_be_bytes(icmp.bytes5to8()),
            flags: 0,
            payload: icmp.payload().len(),
        })
    };
    let pnet = |frame: &'a [u8]| {
        let ethernet = pnet_packet::ethernet::EthernetPacket::new(frame)?;
        if ethernet.get_ethertype() != pnet_packet::ethernet::EtherTypes::Ipv6 {
            return None;
        }
        let ip = pnet_packet::ipv6::Ipv6Packet::new(ethernet.payload())?;
        if ip.get_next_header() != pnet_packet::ip::IpNextHeaderProtocols::Icmpv6 {
            return None;
        }
        let echo = pnet_packet::icmpv6::echo_request::EchoRequestPacket::new(ip.payload())?;
        let (identifier, sequence) = (echo.get_identifier(), echo.get_sequence_number());
        let (kind, code) = (echo.get_icmpv6_type(), echo.get_icmpv6_code());
        Some(Fields {
            source: ip.get_source(),
            destination: ip.get_destination(),
            ports: (u16::from(kind.0), u16::from(code.0)),
            sequence: u32::from(identifier) << 16 | u32::from(sequence),
            flags: 0,
            payload: echo.payload().len(),
        })
    };
    let readers = Readers::new(name, frames)
        .reader(OURS, our_echo::<false>)
        .reader(OURS_EXTENSIONS, our_echo::<true>)
        .reader(CAST, cast::echo)
        .reader(SMOLTCP, smoltcp)
        .reader(ETHERPARSE, etherparse)
        .reader(PNET, pnet);
    goals(readers.group)
}

/// With the checksums of IPv4 and TCP.
pub(crate) fn tcp_verified<'a>(name: &str, frames: &'a [Vec<u8>]) -> Group<'a> {
    let ours = |frame: &'a [u8]| {
        let ethernet = EthernetFrame::parse(frame).ok()?;
        if ethernet.ethertype() != EtherType::IPV4 {
            return None;
        }
        let ip = Ipv4Packet::parse(ethernet.payload()).ok()?;
        ip.verify_checksum().ok()?;
        if ip.protocol() != IpProtocol::TCP {
            return None;
        }
        let tcp = TcpSegment::parse(ip.payload()).ok()?;
        tcp.verify_checksum(&ip.pseudo_header()).ok()?;
        Some(Fields {
            source: ip.source(),
            destination: ip.destination(),
            ports: (tcp.source_port(), tcp.destination_port()),
            sequence: tcp.sequence_number(),
            flags: 0,
            payload: tcp.payload().len(),
        })
    };
    let checksums = ChecksumCapabilities::default();
    let smoltcp = move |frame: &'a [u8]| {
        let ethernet = smol::EthernetFrame::new_checked(frame).ok()?;
        if ethernet.ethertype() != smol::EthernetProtocol::Ipv4 {
            return None;
        }
        let packet = smol::Ipv4Packet::new_checked(ethernet.payload()).ok()?;
        let ip = smol::Ipv4Repr::parse(&packet, &checksums).ok()?;
        if ip.next_header != smol::IpProtocol::Tcp {
            return None;
        }
        let segment = smol::TcpPacket::new_checked(packet.payload()).ok()?;
        let (source, destination) = (ip.src_addr.into(), ip.dst_addr.into());
        let tcp = smol::TcpRepr::parse(&segment, &source, &destination, &checksums).ok()?;
        Some(Fields {
            source: ip.src_addr,
            destination: ip.dst_addr,
            ports: (tcp.src_port, tcp.dst_port),
            sequence: tcp.seq_number.0.cast_unsigned(),
            flags: 0,
            payload: tcp.payload.len(),
        })
    };
    let readers = Readers::new(name, frames)
        .reader(OURS, ours)
        .reader(SMOLTCP_REPR, smoltcp);
    readers.group.at_most(0.65, SMOLTCP_REPR)
}
