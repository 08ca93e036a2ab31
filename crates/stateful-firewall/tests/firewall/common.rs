//! A firewall with three legs, and packets to send through it.

use packet_buffer::wire::{
    HeaderOptions, Icmpv4Repr, Icmpv6Repr, IpPacket, IpProtocol, Ipv4Repr, Ipv6Repr, PseudoHeader,
    TcpFlags, TcpOption, TcpRepr, UdpRepr, icmpv4_code,
};
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::model::{
    Action, Condition, Interface, Policy, PortRange, Protocol, Rule, Zone,
};
use stateful_firewall::{
    CompiledPolicy, Event, Firewall, FirewallConfig, InterfaceId, Path, Verdict,
};
use std::net::{IpAddr, SocketAddr};
use testkit::SeededRandom;

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;
pub(crate) const FIN: TcpFlags = TcpFlags::FIN;
pub(crate) const RST: TcpFlags = TcpFlags::RST;
pub(crate) const PSH: TcpFlags = TcpFlags::PSH;

pub(crate) fn end(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Addresses of both ends, for checksums.
pub(crate) fn pseudo(from: IpAddr, to: IpAddr) -> PseudoHeader {
    match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => PseudoHeader::V4 {
            source,
            destination,
        },
        (IpAddr::V6(source), IpAddr::V6(destination)) => PseudoHeader::V6 {
            source,
            destination,
        },
        _ => panic!("two families"),
    }
}

/// Puts an IP header in front.
pub(crate) fn ip(
    from: IpAddr,
    to: IpAddr,
    protocol: IpProtocol,
    mut packet: PacketBuf,
) -> PacketBuf {
    match pseudo(from, to) {
        PseudoHeader::V4 {
            source,
            destination,
        } => Ipv4Repr::new(source, destination, protocol)
            .emit(&mut packet)
            .unwrap(),
        PseudoHeader::V6 {
            source,
            destination,
        } => Ipv6Repr::new(source, destination, protocol)
            .emit(&mut packet)
            .unwrap(),
    }
    packet
}

/// A TCP segment to be.
#[derive(Clone)]
pub(crate) struct Tcp {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) repr: TcpRepr,
    pub(crate) data: Vec<u8>,
}

pub(crate) fn tcp(from: SocketAddr, to: SocketAddr, flags: TcpFlags, seq: u32, ack: u32) -> Tcp {
    Tcp {
        from,
        to,
        repr: TcpRepr {
            source_port: from.port(),
            destination_port: to.port(),
            sequence_number: seq,
            acknowledgment_number: ack,
            flags,
            window: 8_192,
            ..TcpRepr::default()
        },
        data: Vec::new(),
    }
}

impl Tcp {
    pub(crate) fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    pub(crate) fn window(mut self, window: u16) -> Self {
        self.repr.window = window;
        self
    }

    pub(crate) fn options(mut self, options: &[TcpOption<'_>]) -> Self {
        self.repr.options = HeaderOptions::from_tcp_options(options).unwrap();
        self
    }

    pub(crate) fn build(&self) -> PacketBuf {
        let mut packet = PacketBuf::new();
        packet.append_slice(&self.data);
        let addresses = pseudo(self.from.ip(), self.to.ip());
        self.repr.emit(&mut packet, &addresses).unwrap();
        ip(self.from.ip(), self.to.ip(), IpProtocol::TCP, packet)
    }
}

pub(crate) fn udp(from: SocketAddr, to: SocketAddr, data: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::new();
    packet.append_slice(data);
    UdpRepr {
        source_port: from.port(),
        destination_port: to.port(),
    }
    .emit(&mut packet, &pseudo(from.ip(), to.ip()))
    .unwrap();
    ip(from.ip(), to.ip(), IpProtocol::UDP, packet)
}

pub(crate) fn ping(from: &str, to: &str, identifier: u16, is_request: bool) -> PacketBuf {
    let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let mut packet = PacketBuf::new();
    packet.append_slice(b"ping");
    let sequence_number = 1;
    match (from.is_ipv4(), is_request) {
        (true, true) => Icmpv4Repr::EchoRequest {
            identifier,
            sequence_number,
        }
        .emit(&mut packet),
        (true, false) => Icmpv4Repr::EchoReply {
            identifier,
            sequence_number,
        }
        .emit(&mut packet),
        (false, true) => Icmpv6Repr::EchoRequest {
            identifier,
            sequence_number,
        }
        .emit(&mut packet, &pseudo(from, to)),
        (false, false) => Icmpv6Repr::EchoReply {
            identifier,
            sequence_number,
        }
        .emit(&mut packet, &pseudo(from, to)),
    }
    .unwrap();
    let protocol = if from.is_ipv4() {
        IpProtocol::ICMP
    } else {
        IpProtocol::ICMPV6
    };
    ip(from, to, protocol, packet)
}

/// "Destination unreachable" about a packet, with so many octets of it.
pub(crate) fn unreachable(
    from: &str,
    to: &str,
    about: &PacketBuf,
    quote: usize,
    mtu: u16,
) -> PacketBuf {
    let mut packet = PacketBuf::new();
    let about = about.as_slice();
    packet.append_slice(about.get(..quote).unwrap_or(about));
    let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    if from.is_ipv6() {
        Icmpv6Repr::PacketTooBig { mtu: mtu.into() }
            .emit(&mut packet, &pseudo(from, to))
            .unwrap();
        return ip(from, to, IpProtocol::ICMPV6, packet);
    }
    Icmpv4Repr::DestinationUnreachable {
        code: if mtu > 0 {
            icmpv4_code::Unreachable::FRAGMENTATION_NEEDED
        } else {
            icmpv4_code::Unreachable::HOST
        },
        quoted_words: 0,
        next_hop_mtu: mtu,
    }
    .emit(&mut packet)
    .unwrap();
    ip(from, to, IpProtocol::ICMP, packet)
}

/// Inside (level 100), DMZ (50) and outside (0), an interface each.
pub(crate) fn three_legs() -> Policy {
    Policy {
        zones: vec![
            Zone::new("inside", 100),
            Zone::new("dmz", 50),
            Zone::new("outside", 0),
        ],
        interfaces: vec![
            Interface::new("in0", "inside"),
            Interface::new("dmz0", "dmz"),
            Interface::new("out0", "outside"),
        ],
        ..Policy::default()
    }
}

pub(crate) const INSIDE: InterfaceId = InterfaceId::new(0);
pub(crate) const DMZ: InterfaceId = InterfaceId::new(1);
pub(crate) const OUTSIDE: InterfaceId = InterfaceId::new(2);

/// Lets one protocol through to one port.
pub(crate) fn allow(protocol: &str, port: u16) -> Rule {
    Rule {
        condition: Condition {
            protocols: vec![protocol.parse::<Protocol>().unwrap()],
            destination_ports: vec![PortRange::single(port)],
            ..Condition::default()
        },
        action: Action::Accept,
        ..Rule::default()
    }
}

/// A firewall and its clock.
pub(crate) struct Bench {
    pub(crate) firewall: Firewall,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new(policy: &Policy, config: FirewallConfig) -> Self {
        let policy = CompiledPolicy::new(policy).unwrap();
        let random = Box::new(SeededRandom::new(7));
        Self {
            firewall: Firewall::new(config, policy, random).unwrap(),
            now: Instant::from_secs(1_000),
        }
    }

    pub(crate) fn strict(policy: &Policy) -> Self {
        Self::new(policy, FirewallConfig::new(1_024))
    }

    /// Lets time pass as an event loop does.
    pub(crate) fn wait(&mut self, seconds: u64) {
        let until = self.now + std::time::Duration::from_secs(seconds);
        while let Some(at) = self.firewall.poll_timeout()
            && at <= until
        {
            self.firewall.handle_timeout(at);
            assert!(self.firewall.poll_timeout().is_none_or(|next| next > at));
        }
        self.now = until;
    }

    pub(crate) fn pass(
        &mut self,
        from: InterfaceId,
        to: InterfaceId,
        packet: &PacketBuf,
    ) -> Verdict {
        let mut packet = packet.clone();
        self.firewall
            .process(self.now, &Path::new(from, to), &mut packet)
    }

    pub(crate) fn out(&mut self, packet: &PacketBuf) -> Verdict {
        self.pass(INSIDE, OUTSIDE, packet)
    }

    pub(crate) fn back(&mut self, packet: &PacketBuf) -> Verdict {
        self.pass(OUTSIDE, INSIDE, packet)
    }

    /// A packet out, which has to be accepted.
    #[track_caller]
    pub(crate) fn out_passes(&mut self, packet: &PacketBuf) {
        let verdict = self.out(packet);
        assert!(verdict.is_accept(), "{verdict:?}");
    }

    /// A packet back, which has to be accepted.
    #[track_caller]
    pub(crate) fn back_passes(&mut self, packet: &PacketBuf) {
        let verdict = self.back(packet);
        assert!(verdict.is_accept(), "{verdict:?}");
    }

    /// A handshake from `client` to `server`; sequence numbers are 1001 and 5001 after it.
    pub(crate) fn connect(&mut self, client: SocketAddr, server: SocketAddr) {
        self.out_passes(&tcp(client, server, SYN, 1_000, 0).build());
        let answer = tcp(server, client, SYN | ACK, 5_000, 1_001).build();
        assert!(self.back(&answer).is_accept());
        let last = tcp(client, server, ACK, 1_001, 5_001).build();
        assert!(self.out(&last).is_accept());
    }

    pub(crate) fn sessions(&self) -> usize {
        let (v4, v6) = self.firewall.sessions();
        v4 + v6
    }

    pub(crate) fn transmitted(&mut self) -> Vec<(Option<InterfaceId>, PacketBuf)> {
        let mut packets = Vec::new();
        let mut packet = PacketBuf::new();
        while let Some(transmit) = self.firewall.poll_transmit(&mut packet) {
            packets.push((transmit.interface, packet.clone()));
        }
        packets
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.firewall.poll_event()).collect()
    }
}

/// The source and destination of a packet.
pub(crate) fn ends(packet: &PacketBuf) -> (IpAddr, IpAddr) {
    let packet = IpPacket::parse(packet.as_slice()).unwrap();
    (packet.source(), packet.destination())
}

/// Clears "do not fragment", and gives an identification.
pub(crate) fn allow_fragments(packet: &mut PacketBuf) {
    let header = &mut packet.as_mut_slice()[..20];
    header[4..6].copy_from_slice(&[0x12, 0x34]);
    header[6] = 0;
    header[10..12].fill(0);
    let checksum = packet_buffer::checksum::internet_checksum(header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Cuts an IPv4 packet.
pub(crate) fn cut(packet: &PacketBuf, mtu: usize) -> Vec<PacketBuf> {
    let mut packet = packet.clone();
    allow_fragments(&mut packet);
    let whole = packet_buffer::wire::Ipv4Packet::parse(packet.as_slice()).unwrap();
    let mut cutter = packet_buffer::fragment::Ipv4Fragmenter::new(&whole, mtu).unwrap();
    let mut fragments = Vec::new();
    let mut fragment = PacketBuf::new();
    while cutter.next_fragment(&mut fragment) {
        fragments.push(fragment.clone());
    }
    fragments
}

/// A ClientHello of TLS, which may name a server.
pub(crate) fn client_hello(name: Option<&str>) -> Vec<u8> {
    let mut extensions = vec![0, 10, 0, 2, 0, 0];
    if let Some(name) = name {
        let length = name.len() as u16;
        extensions.extend([0, 0]);
        extensions.extend((length + 5).to_be_bytes());
        extensions.extend((length + 3).to_be_bytes());
        extensions.push(0);
        extensions.extend(length.to_be_bytes());
        extensions.extend(name.as_bytes());
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    message
}

/// A handshake message in records of so many octets.
pub(crate) fn records(message: &[u8], size: usize) -> Vec<u8> {
    message
        .chunks(size)
        .flat_map(|part| {
            let mut record = vec![22, 3, 1];
            record.extend((part.len() as u16).to_be_bytes());
            record.extend(part);
            record
        })
        .collect()
}
