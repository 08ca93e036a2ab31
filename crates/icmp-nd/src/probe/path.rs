//! A routed path as a test double: packets in, answers out, no device and no privilege.

use crate::generation::{
    Arrival, ErrorOptions, build_ipv4_error, build_ipv6_error, ipv4_error_permitted,
    ipv6_error_permitted,
};
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpPacket, IpProtocol, TcpFlags, TcpRepr,
    TcpSegment, UdpDatagram, icmpv4_code, icmpv6_code,
};
use packet_buffer::{IpPacketMut, PacketBuf};

/// A router of a [`SimPath`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimHop {
    /// Its addresses, of either version. With several of one version there are as many routers side by side, and
    /// the flow of a packet decides which it meets.
    pub addresses: Vec<IpAddr>,
    /// The time that a packet takes to it from the hop before.
    pub delay: Duration,
    /// Octets of an IP packet that the link behind it takes. Default: 1500.
    pub mtu: usize,
    /// Whether it forwards, but never answers.
    pub silent: bool,
    /// A multi-part extension structure that its time exceeded messages carry; empty for none.
    pub extensions: Vec<u8>,
    /// Whether it forwards nothing and answers with this code of Destination Unreachable (ICMPv4's and
    /// ICMPv6's).
    pub unreachable: Option<(u8, u8)>,
}

impl SimHop {
    /// A router with an address of each version that packets meet, 1 ms from the hop before.
    pub fn new(addresses: impl Into<Vec<IpAddr>>) -> Self {
        Self {
            addresses: addresses.into(),
            delay: Duration::from_millis(1),
            mtu: 1_500,
            silent: false,
            extensions: Vec::new(),
            unreachable: None,
        }
    }
}

/// A path of routers to a destination that answers echo requests, refuses UDP by Port Unreachable and TCP by RST,
/// and accepts TCP at open ports.
///
/// It has no state: an answer follows from the packet alone. Loss, rate limits and reordering are for what is around
/// it. Tools can be tried against it without a network, as the examples `ping` and `traceroute` do.
///
/// ```
/// use icmp_nd::probe::{SimHop, SimPath};
/// use icmp_nd::PacketBuf;
/// use packet_buffer::wire::*;
///
/// let router = SimHop::new(vec![[10, 0, 0, 1].into()]);
/// let path = SimPath::new(vec![router], vec![[198, 51, 100, 7].into()]);
/// let mut request = PacketBuf::new();
/// Icmpv4Repr::EchoRequest { identifier: 1, sequence_number: 1 }.emit(&mut request)?;
/// let header = Ipv4Repr::new([192, 0, 2, 1].into(), [198, 51, 100, 7].into(), IpProtocol::ICMP);
/// Ipv4Repr { time_to_live: 1, ..header }.emit(&mut request)?;
///
/// let mut answer = PacketBuf::new();
/// let after = path.answer(request.as_slice(), &mut answer).expect("the router answers");
/// assert_eq!(after, core::time::Duration::from_millis(2));
/// assert_eq!(Ipv4Packet::parse(answer.as_slice())?.source(), std::net::Ipv4Addr::new(10, 0, 0, 1));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimPath {
    /// The routers, the nearest first.
    pub hops: Vec<SimHop>,
    /// Addresses of the destination.
    pub destinations: Vec<IpAddr>,
    /// TCP ports that are open there.
    pub open_ports: Vec<u16>,
    /// The time that a packet takes from the last router to the destination. Default: 1 ms.
    pub last_delay: Duration,
}

impl SimPath {
    /// A path through `hops` to a destination with these addresses.
    pub fn new(hops: Vec<SimHop>, destinations: Vec<IpAddr>) -> Self {
        Self {
            hops,
            destinations,
            open_ports: vec![],
            last_delay: Duration::from_millis(1),
        }
    }

    /// Writes what comes back for `packet` into `out`, in place of what it held, and says how long after the packet
    /// was sent; `None` when nothing comes back.
    pub fn answer(&self, packet: &[u8], out: &mut PacketBuf) -> Option<Duration> {
        let ip = IpPacket::parse(packet).ok()?;
        let length = ip.as_slice().len();
        let mut travelled = Duration::ZERO;
        let mut left = ip.hop_limit();
        for hop in &self.hops {
            travelled += hop.delay;
            let what = if left <= 1 {
                Some(Trouble::Expired)
            } else if let Some((v4, v6)) = hop.unreachable {
                Some(Trouble::Unreachable(v4, v6))
            } else if length > hop.mtu && !may_fragment(&ip) {
                Some(Trouble::TooBig(hop.mtu))
            } else {
                None
            };
            if let Some(what) = what {
                if hop.silent {
                    return None;
                }
                let from = pick(&hop.addresses, &ip)?;
                let extensions = match what {
                    Trouble::Expired => &hop.extensions[..],
                    _ => &[],
                };
                error(&ip, left, what, from, extensions, out)?;
                return Some(travelled * 2);
            }
            left -= 1;
        }
        travelled += self.last_delay;
        if !self.destinations.contains(&ip.destination()) {
            return None;
        }
        self.destination_answers(&ip, left, out)?;
        Some(travelled * 2)
    }

    fn destination_answers(&self, ip: &IpPacket<'_>, left: u8, out: &mut PacketBuf) -> Option<()> {
        let (protocol, octets) = match ip {
            IpPacket::V4(ip) => (ip.protocol(), ip.payload()),
            IpPacket::V6(ip) => {
                let upper = ip.upper_layer().ok()?;
                (upper.protocol, upper.payload)
            }
        };
        let addresses = ip.pseudo_header();
        let refuse = |what, out: &mut PacketBuf| error(ip, left, what, ip.destination(), &[], out);
        match protocol {
            IpProtocol::ICMP | IpProtocol::ICMPV6 => {
                echo(ip, octets, out)?;
                address(ip, protocol, out)
            }
            IpProtocol::UDP => {
                let datagram = UdpDatagram::parse(octets).ok()?;
                datagram.verify_checksum(&addresses).ok()?;
                refuse(Trouble::Port, out)
            }
            IpProtocol::TCP => {
                let segment = TcpSegment::parse(octets).ok()?;
                segment.verify_checksum(&addresses).ok()?;
                if segment.flags() != TcpFlags::SYN {
                    return None;
                }
                let is_open = self.open_ports.contains(&segment.destination_port());
                let length = u32::try_from(segment.sequence_length()).ok()?;
                out.reset(PacketBuf::DEFAULT_HEADROOM);
                let answer = TcpRepr {
                    source_port: segment.destination_port(),
                    destination_port: segment.source_port(),
                    sequence_number: if is_open { 0x1122_3344 } else { 0 },
                    acknowledgment_number: segment.sequence_number().wrapping_add(length),
                    flags: if is_open {
                        TcpFlags::SYN | TcpFlags::ACK
                    } else {
                        TcpFlags::RST | TcpFlags::ACK
                    },
                    window: if is_open { 65_535 } else { 0 },
                    ..TcpRepr::default()
                };
                answer.emit(out, &addresses.reversed()).ok()?;
                address(ip, protocol, out)
            }
            _ => refuse(Trouble::Protocol, out),
        }
    }
}

/// What stops a packet.
#[derive(Clone, Copy)]
enum Trouble {
    Expired,
    TooBig(usize),
    Unreachable(u8, u8),
    Port,
    Protocol,
}

fn may_fragment(ip: &IpPacket<'_>) -> bool {
    match ip {
        IpPacket::V4(ip) => !ip.dont_fragment(),
        IpPacket::V6(_) => false,
    }
}

/// The router among several that the flow of the packet leads to: addresses, protocol, the first four
/// octets of the transport header, and the flow label.
fn pick(addresses: &[IpAddr], ip: &IpPacket<'_>) -> Option<IpAddr> {
    let is_v4 = ip.source().is_ipv4();
    let of_version: Vec<IpAddr> = addresses
        .iter()
        .copied()
        .filter(|address| address.is_ipv4() == is_v4)
        .collect();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |octets: &[u8]| {
        for &octet in octets {
            hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    match ip {
        IpPacket::V4(ip) => {
            mix(&ip.source().octets());
            mix(&ip.destination().octets());
            mix(&[ip.protocol().0]);
            mix(ip.payload().get(..4).unwrap_or_default());
        }
        IpPacket::V6(ip) => {
            mix(&ip.source().octets());
            mix(&ip.destination().octets());
            mix(&ip.flow_label().to_be_bytes());
            mix(ip.payload().get(..4).unwrap_or_default());
        }
    }
    let hash = hash ^ (hash >> 32);
    let count = u64::try_from(of_version.len()).ok()?;
    let at = usize::try_from(hash.checked_rem(count)?).ok()?;
    of_version.get(at).copied()
}

/// The error, about the packet as it was when `left` hops were left to it.
fn error(
    ip: &IpPacket<'_>,
    left: u8,
    trouble: Trouble,
    from: IpAddr,
    extensions: &[u8],
    out: &mut PacketBuf,
) -> Option<()> {
    let mut offending = ip.as_slice().to_vec();
    IpPacketMut::parse(&mut offending).ok()?.set_hop_limit(left);
    let options = ErrorOptions {
        extensions,
        ..ErrorOptions::default()
    };
    match (ip, from) {
        (IpPacket::V4(_), IpAddr::V4(from)) => {
            use icmpv4_code::Unreachable;
            let unreachable = |code, next_hop_mtu| Icmpv4Repr::DestinationUnreachable {
                code,
                quoted_words: 0,
                next_hop_mtu,
            };
            let message = match trouble {
                Trouble::Expired => Icmpv4Repr::TimeExceeded {
                    code: icmpv4_code::TimeExceeded::TRANSIT,
                    quoted_words: 0,
                },
                Trouble::TooBig(mtu) => {
                    let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
                    unreachable(Unreachable::FRAGMENTATION_NEEDED, mtu)
                }
                Trouble::Unreachable(code, _) => unreachable(Unreachable(code), 0),
                Trouble::Port => unreachable(Unreachable::PORT, 0),
                Trouble::Protocol => unreachable(Unreachable::PROTOCOL, 0),
            };
            ipv4_error_permitted(&offending, &Arrival::UNICAST).ok()?;
            build_ipv4_error(&message, &offending, from, &options, out).ok()
        }
        (IpPacket::V6(_), IpAddr::V6(from)) => {
            use icmpv6_code::{ParameterProblem, Unreachable};
            let unreachable = |code| Icmpv6Repr::DestinationUnreachable {
                code,
                quoted_words: 0,
            };
            let message = match trouble {
                Trouble::Expired => Icmpv6Repr::TimeExceeded {
                    code: icmpv6_code::TimeExceeded::TRANSIT,
                    quoted_words: 0,
                },
                Trouble::TooBig(mtu) => Icmpv6Repr::PacketTooBig {
                    mtu: u32::try_from(mtu).unwrap_or(u32::MAX),
                },
                Trouble::Unreachable(_, code) => unreachable(Unreachable(code)),
                Trouble::Port => unreachable(Unreachable::PORT),
                Trouble::Protocol => Icmpv6Repr::ParameterProblem {
                    code: ParameterProblem::NEXT_HEADER,
                    pointer: 6,
                },
            };
            ipv6_error_permitted(&message, &offending, &Arrival::UNICAST).ok()?;
            build_ipv6_error(&message, &offending, from, &options, out).ok()
        }
        _ => None,
    }
}

/// Writes the echo reply, without an IP header.
fn echo(ip: &IpPacket<'_>, octets: &[u8], out: &mut PacketBuf) -> Option<()> {
    match ip {
        IpPacket::V4(_) => {
            let message = Icmpv4Message::parse(octets).ok()?;
            message.verify_checksum().ok()?;
            let Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            } = message.to_repr()
            else {
                return None;
            };
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            out.append_slice(message.payload());
            let reply = Icmpv4Repr::EchoReply {
                identifier,
                sequence_number,
            };
            reply.emit(out).ok()
        }
        IpPacket::V6(ip) => {
            let addresses = ip.pseudo_header();
            let message = Icmpv6Message::parse(octets).ok()?;
            message.verify_checksum(&addresses).ok()?;
            let Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            } = message.to_repr()
            else {
                return None;
            };
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            out.append_slice(message.payload());
            let reply = Icmpv6Repr::EchoReply {
                identifier,
                sequence_number,
            };
            reply.emit(out, &addresses.reversed()).ok()
        }
    }
}

/// Puts the IP header of the answer to `ip` on.
fn address(ip: &IpPacket<'_>, protocol: IpProtocol, out: &mut PacketBuf) -> Option<()> {
    super::IpHeader {
        source: ip.destination(),
        destination: ip.source(),
        protocol,
        hop_limit: 64,
        dscp: 0,
        dont_fragment: true,
        identification: 0,
        flow_label: 0,
    }
    .emit(out)
    .ok()
}
