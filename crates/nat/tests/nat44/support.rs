//! Packets, and a translator to put them through.

use core::net::{Ipv4Addr, SocketAddrV4};
use nat::{
    Action, Instant, Matching, Nat, NatConfig, PacketBuf, Pool, Profile, Rule, Side, Transmit,
    Verdict,
};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr,
    TcpSegment, UdpDatagram, UdpRepr, icmpv4_code,
};
use testkit::SeededRandom;

pub(crate) const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
pub(crate) const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const EXTERNAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);

#[allow(unused_imports, reason = "not every test looks at both sides")]
pub(crate) use Side::{Inside, Outside};

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::from_secs(seconds)
}

pub(crate) fn end(address: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address, port)
}

/// A profile with one address that everybody inside shares.
pub(crate) fn config(profile: Profile) -> NatConfig {
    let mut config = profile.config(1_000);
    config.pools = vec![Pool::of(EXTERNAL)];
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(profile.napt(0)),
    }];
    config.icmp.inside_address = Some(GATEWAY);
    config
}

/// Changes how the one rule of [`config`] shares ports.
pub(crate) fn napt(config: &mut NatConfig) -> &mut nat::Napt {
    match &mut config.rules[0].action {
        Action::Napt(napt) => napt,
        other => panic!("not NAPT: {other:?}"),
    }
}

pub(crate) fn nat(config: NatConfig) -> Nat {
    Nat::new(config, Box::new(SeededRandom::new(7))).unwrap()
}

/// A translator of a profile with one address.
pub(crate) fn simple(profile: Profile) -> Nat {
    nat(config(profile))
}

/// The header in front of a payload.
pub(crate) fn ip(
    from: Ipv4Addr,
    to: Ipv4Addr,
    protocol: IpProtocol,
    mut payload: PacketBuf,
) -> PacketBuf {
    Ipv4Repr::new(from, to, protocol)
        .emit(&mut payload)
        .unwrap();
    payload
}

fn pseudo(from: SocketAddrV4, to: SocketAddrV4) -> PseudoHeader {
    PseudoHeader::V4 {
        source: *from.ip(),
        destination: *to.ip(),
    }
}

pub(crate) fn udp(from: SocketAddrV4, to: SocketAddrV4) -> PacketBuf {
    udp_with(from, to, b"hello")
}

pub(crate) fn udp_with(from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::from_slice(64, data);
    let header = UdpRepr {
        source_port: from.port(),
        destination_port: to.port(),
    };
    header.emit(&mut packet, &pseudo(from, to)).unwrap();
    ip(*from.ip(), *to.ip(), IpProtocol::UDP, packet)
}

/// A TCP segment: flags as letters (`S`, `A`, `F`, `R`, `P`).
pub(crate) fn tcp(
    from: SocketAddrV4,
    to: SocketAddrV4,
    flags: &str,
    sequence_number: u32,
    acknowledgment_number: u32,
) -> PacketBuf {
    tcp_with(from, to, flags, sequence_number, acknowledgment_number, b"")
}

pub(crate) fn tcp_with(
    from: SocketAddrV4,
    to: SocketAddrV4,
    flags: &str,
    sequence_number: u32,
    acknowledgment_number: u32,
    data: &[u8],
) -> PacketBuf {
    let flags = flags.chars().fold(TcpFlags::default(), |flags, letter| {
        flags
            | match letter {
                'S' => TcpFlags::SYN,
                'A' => TcpFlags::ACK,
                'F' => TcpFlags::FIN,
                'R' => TcpFlags::RST,
                'P' => TcpFlags::PSH,
                other => panic!("no flag {other}"),
            }
    });
    let mut packet = PacketBuf::from_slice(64, data);
    let header = TcpRepr {
        source_port: from.port(),
        destination_port: to.port(),
        sequence_number,
        acknowledgment_number,
        flags,
        window: 65_000,
        ..TcpRepr::default()
    };
    header.emit(&mut packet, &pseudo(from, to)).unwrap();
    ip(*from.ip(), *to.ip(), IpProtocol::TCP, packet)
}

pub(crate) fn echo(from: Ipv4Addr, to: Ipv4Addr, identifier: u16) -> PacketBuf {
    let request = Icmpv4Repr::EchoRequest {
        identifier,
        sequence_number: 1,
    };
    icmp(from, to, request, b"ping")
}

pub(crate) fn echo_reply(from: Ipv4Addr, to: Ipv4Addr, identifier: u16) -> PacketBuf {
    let reply = Icmpv4Repr::EchoReply {
        identifier,
        sequence_number: 1,
    };
    icmp(from, to, reply, b"ping")
}

pub(crate) fn icmp(from: Ipv4Addr, to: Ipv4Addr, repr: Icmpv4Repr, data: &[u8]) -> PacketBuf {
    let mut packet = PacketBuf::from_slice(64, data);
    repr.emit(&mut packet).unwrap();
    ip(from, to, IpProtocol::ICMP, packet)
}

/// An ICMP "port unreachable" about a packet, cut to its header and `octets` more.
pub(crate) fn unreachable(from: Ipv4Addr, about: &PacketBuf, octets: usize) -> PacketBuf {
    let quoted = Ipv4Packet::parse(about.as_slice()).unwrap();
    let length = (quoted.header_len() + octets).min(about.len());
    let repr = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::PORT,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    icmp(from, quoted.source(), repr, &about.as_slice()[..length])
}

/// What a packet says of its ends, after all its checksums were found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
}

/// The ends of a packet; of an ICMP query, its identifier stands for both ports.
pub(crate) fn ends(packet: &PacketBuf) -> Ends {
    let view = Ipv4Packet::parse(packet.as_slice()).unwrap();
    view.verify_checksum().unwrap();
    let (from, to) = match view.protocol() {
        IpProtocol::UDP => {
            let udp = UdpDatagram::parse(view.payload()).unwrap();
            udp.verify_checksum(&view.pseudo_header()).unwrap();
            (udp.source_port(), udp.destination_port())
        }
        IpProtocol::TCP => {
            let tcp = TcpSegment::parse(view.payload()).unwrap();
            tcp.verify_checksum(&view.pseudo_header()).unwrap();
            (tcp.source_port(), tcp.destination_port())
        }
        IpProtocol::ICMP => {
            let icmp = Icmpv4Message::parse(view.payload()).unwrap();
            icmp.verify_checksum().unwrap();
            match icmp.to_repr() {
                Icmpv4Repr::EchoRequest { identifier, .. }
                | Icmpv4Repr::EchoReply { identifier, .. } => (identifier, identifier),
                _ => (0, 0),
            }
        }
        _ => (0, 0),
    };
    Ends {
        from: end(view.source(), from),
        to: end(view.destination(), to),
    }
}

/// Puts a packet through that must come out on the other side, and returns its ends then.
#[track_caller]
pub(crate) fn pass(nat: &mut Nat, now: Instant, side: Side, packet: PacketBuf) -> Ends {
    ends(&pass_packet(nat, now, side, packet))
}

/// Puts a packet through that must come out on the other side.
#[track_caller]
pub(crate) fn pass_packet(
    nat: &mut Nat,
    now: Instant,
    side: Side,
    mut packet: PacketBuf,
) -> PacketBuf {
    let verdict = nat.process(now, side, &mut packet);
    assert_eq!(verdict, Verdict::Forward { hairpin: false });
    packet
}

/// Puts a packet through that must come back to the inside.
#[track_caller]
pub(crate) fn hairpin(nat: &mut Nat, now: Instant, mut packet: PacketBuf) -> PacketBuf {
    let verdict = nat.process(now, Inside, &mut packet);
    assert_eq!(verdict, Verdict::Forward { hairpin: true });
    packet
}

/// Puts a packet in that must be dropped, unchanged, and returns why.
#[track_caller]
pub(crate) fn drop_of(
    nat: &mut Nat,
    now: Instant,
    side: Side,
    mut packet: PacketBuf,
) -> nat::DropReason {
    let before = packet.clone();
    match nat.process(now, side, &mut packet) {
        Verdict::Drop(reason) => {
            assert_eq!(packet, before, "a dropped packet was changed");
            reason
        }
        other => panic!("not dropped: {other:?}"),
    }
}

/// Sends a packet from inside and returns the outside end that it has then.
#[track_caller]
pub(crate) fn map(
    nat: &mut Nat,
    now: Instant,
    from: SocketAddrV4,
    to: SocketAddrV4,
) -> SocketAddrV4 {
    pass(nat, now, Inside, udp(from, to)).from
}

/// Lets the time pass, second by second where something is due.
pub(crate) fn run_until(nat: &mut Nat, until: Instant) {
    while let Some(due) = nat.poll_timeout()
        && due <= until
    {
        nat.handle_timeout(due);
    }
    nat.handle_timeout(until);
}

/// All that the translator has to send.
pub(crate) fn transmits(nat: &mut Nat) -> Vec<(Transmit, PacketBuf)> {
    let mut all = Vec::new();
    let mut out = PacketBuf::new();
    while let Some(transmit) = nat.poll_transmit(&mut out) {
        all.push((transmit, out.clone()));
    }
    all
}

/// Adds to the 16-bit word at `at`, as checksums add.
pub(crate) fn add_to_word(octets: &mut [u8], at: usize, more: u16) {
    let word = u16::from_be_bytes([octets[at], octets[at + 1]]);
    let sum = u32::from(word) + u32::from(more);
    let folded = (sum & 0xffff) + (sum >> 16);
    octets[at..at + 2].copy_from_slice(&(folded as u16).to_be_bytes());
}
