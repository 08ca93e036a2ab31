//! A translator between packets from both sides in any order, held to what nobody may see broken: no two inside
//! endpoints share an outside one where they must not, what was translated translates back, nothing of the inside's
//! addresses leaves, checksums stay right.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use core::net::Ipv4Addr;
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use nat::{
    Action, Filtering, Mapping, Matching, Nat, NatConfig, Pool, Profile, Rule, Side, Verdict,
    WhenFull,
};
use packet_buffer::wire::{
    Icmpv4Repr, IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr,
    UdpDatagram, UdpRepr, icmpv4_code,
};
use packet_buffer::{Instant, PacketBuf};
use std::collections::BTreeMap;
use testkit::SeededRandom;

const EXTERNAL: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)];

#[derive(Debug, Arbitrary)]
enum Kind {
    Udp,
    Tcp { flags: u8, seq: u8, ack: u8 },
    Echo,
    EchoReply,
    Other(u8),
}

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    /// From an inside host to an outside one.
    Out {
        host: u8,
        port: u8,
        peer: u8,
        peer_port: u8,
        kind: Kind,
    },
    /// From outside to an outside address.
    In {
        peer: u8,
        peer_port: u8,
        address: bool,
        port: u16,
        kind: Kind,
    },
    /// The answer to a packet that went out before.
    Answer {
        which: u8,
        kind: Kind,
    },
    /// An error about one.
    Error {
        which: u8,
        code: u8,
        cut: u8,
    },
    /// Any octets.
    Raw {
        inside: bool,
        octets: &'a [u8],
    },
    /// A fragment of a datagram.
    Fragment {
        inside: bool,
        id: u8,
        offset: u8,
        more: bool,
        length: u8,
    },
    Wait(u16),
    Drain,
}

fn inside(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 10 + host % 4)
}

fn outside(peer: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, 1 + peer % 3)
}

fn packet(kind: &Kind, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> PacketBuf {
    let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, b"data");
    let addresses = PseudoHeader::V4 {
        source: from.0,
        destination: to.0,
    };
    let protocol = match *kind {
        Kind::Udp => {
            let header = UdpRepr {
                source_port: from.1,
                destination_port: to.1,
            };
            header.emit(&mut packet, &addresses).expect("it fits");
            IpProtocol::UDP
        }
        Kind::Tcp { flags, seq, ack } => {
            let header = TcpRepr {
                source_port: from.1,
                destination_port: to.1,
                sequence_number: u32::from(seq),
                acknowledgment_number: u32::from(ack),
                flags: TcpFlags(flags.into()),
                window: 1_000,
                ..TcpRepr::default()
            };
            header.emit(&mut packet, &addresses).expect("it fits");
            IpProtocol::TCP
        }
        Kind::Echo => {
            let (identifier, sequence_number) = (from.1, 1);
            let message = Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            };
            message.emit(&mut packet).expect("it fits");
            IpProtocol::ICMP
        }
        Kind::EchoReply => {
            let (identifier, sequence_number) = (to.1, 1);
            let message = Icmpv4Repr::EchoReply {
                identifier,
                sequence_number,
            };
            message.emit(&mut packet).expect("it fits");
            IpProtocol::ICMP
        }
        Kind::Other(protocol) => IpProtocol([33, 47, 50, 132, 253][usize::from(protocol) % 5]),
    };
    Ipv4Repr::new(from.0, to.0, protocol)
        .emit(&mut packet)
        .expect("it fits");
    packet
}

/// What the first octet of an input chooses.
struct Choice {
    profile: Profile,
    mapping: Mapping,
    filtering: Filtering,
    evicts: bool,
    room: usize,
    limits: bool,
}

impl Choice {
    fn of(octet: u8) -> Self {
        let mut rest = octet;
        let mut one_of = |count: u8| {
            let chosen = rest % count;
            rest /= count;
            chosen
        };
        Self {
            profile: match one_of(3) {
                0 => Profile::Rfc,
                1 => Profile::LinuxCompat,
                _ => Profile::CloudGateway,
            },
            mapping: match one_of(3) {
                0 => Mapping::EndpointIndependent,
                1 => Mapping::AddressDependent,
                _ => Mapping::AddressAndPortDependent,
            },
            filtering: match one_of(3) {
                0 => Filtering::EndpointIndependent,
                1 => Filtering::AddressDependent,
                _ => Filtering::AddressAndPortDependent,
            },
            evicts: one_of(2) == 1,
            room: if one_of(2) == 1 { 10 } else { 48 },
            limits: one_of(2) == 1,
        }
    }
}

fn config(choice: &Choice) -> NatConfig {
    let profile = choice.profile;
    let mut config = profile.config(choice.room);
    if choice.evicts {
        config.when_full = WhenFull::EvictUnanswered;
    }
    if choice.limits {
        config.limits.sessions_per_subscriber = Some(8);
        config.limits.mappings_per_subscriber = Some(5);
    }
    config.pools = vec![Pool::of_range(EXTERNAL[0]..=EXTERNAL[1])];
    config.pools[0].ports = 1_000..=1_015;
    let mut napt = profile.napt(0);
    if profile == Profile::Rfc {
        (napt.mapping, napt.filtering) = (choice.mapping, choice.filtering);
    }
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(napt),
    }];
    config.max_events = 64;
    config
}

struct Bench {
    nat: Nat,
    choice: Choice,
    now: Instant,
    /// What went out, as it left.
    sent: Vec<PacketBuf>,
}

impl Bench {
    fn put(&mut self, side: Side, mut packet: PacketBuf) -> (Verdict, PacketBuf) {
        let before = packet.as_slice().to_vec();
        let verdict = self.nat.process(self.now, side, &mut packet);
        if matches!(verdict, Verdict::Forward { .. }) && side == Side::Inside {
            let ip = Ipv4Packet::parse(packet.as_slice()).expect("it was translated");
            assert!(EXTERNAL.contains(&ip.source()), "{} leaves", ip.source());
            ip.verify_checksum()
                .expect("the header's checksum is patched");
        }
        if !matches!(verdict, Verdict::Forward { .. } | Verdict::Held) {
            assert_eq!(packet.as_slice(), before, "{verdict:?} changed the packet");
        }
        (verdict, packet)
    }

    fn out(&mut self, packet: PacketBuf) {
        let before = packet.clone();
        let (verdict, after) = self.put(Side::Inside, packet);
        if verdict != (Verdict::Forward { hairpin: false }) {
            return;
        }
        let (Ok(IpPacket::V4(was)), Ok(IpPacket::V4(is))) = (
            IpPacket::parse(before.as_slice()),
            IpPacket::parse(after.as_slice()),
        ) else {
            return;
        };
        if was.protocol() == IpProtocol::UDP && !was.is_fragment() {
            // Its answer finds the way back.
            let (Ok(was_udp), Ok(is_udp)) = (
                UdpDatagram::parse(was.payload()),
                UdpDatagram::parse(is.payload()),
            ) else {
                return;
            };
            let from = (is.destination(), is_udp.destination_port());
            let to = (is.source(), is_udp.source_port());
            let (verdict, back) = self.put(Side::Outside, packet_of_udp(from, to));
            assert_eq!(verdict, Verdict::Forward { hairpin: false });
            let back = Ipv4Packet::parse(back.as_slice()).expect("it was translated");
            let udp = UdpDatagram::parse(back.payload()).expect("it was translated");
            udp.verify_checksum(&back.pseudo_header()).expect("patched");
            assert_eq!(
                (back.destination(), udp.destination_port()),
                (was.source(), was_udp.source_port())
            );
        }
        if self.sent.len() < 64 {
            self.sent.push(after);
        }
    }

    fn sent(&self, which: u8) -> Option<&PacketBuf> {
        self.sent.get(usize::from(which) % self.sent.len().max(1))
    }

    fn answer(&self, which: u8, kind: &Kind) -> Option<PacketBuf> {
        let ip = Ipv4Packet::parse(self.sent(which)?.as_slice()).ok()?;
        let port = |at: usize| Some(u16::from_be_bytes(*ip.payload().get(at..)?.first_chunk()?));
        let (ours, theirs) = match ip.protocol() {
            IpProtocol::ICMP => (port(4)?, 0),
            _ => (port(0)?, port(2)?),
        };
        Some(packet(
            kind,
            (ip.destination(), theirs),
            (ip.source(), ours),
        ))
    }

    fn error(&self, which: u8, code: u8, cut: u8) -> Option<PacketBuf> {
        let sent = self.sent(which)?;
        let quoted = sent.as_slice();
        let quoted = quoted.get(..quoted.len() - usize::from(cut % 16))?;
        let ip = Ipv4Packet::parse(sent.as_slice()).ok()?;
        let mut error = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, quoted);
        Icmpv4Repr::DestinationUnreachable {
            code: icmpv4_code::Unreachable(code % 16),
            quoted_words: 0,
            next_hop_mtu: 1_400,
        }
        .emit(&mut error)
        .ok()?;
        Ipv4Repr::new(Ipv4Addr::new(192, 0, 2, 1), ip.source(), IpProtocol::ICMP)
            .emit(&mut error)
            .ok()?;
        Some(error)
    }

    /// Outside endpoints and whose they are.
    fn check(&self) {
        let mut owners = BTreeMap::new();
        for session in self.nat.sessions() {
            assert!(session.original != session.reply);
            let shared = self.choice.profile != Profile::Rfc;
            let outside = (
                session.reply.destination(),
                session.reply.destination_port(),
                session.reply.protocol(),
                shared.then(|| (session.reply.source(), session.reply.source_port())),
            );
            let with_ports = matches!(session.reply.protocol(), 6 | 17);
            if !with_ports || session.initiator != Side::Inside {
                continue;
            }
            let inside = (session.original.source(), session.original.source_port());
            let owner = owners.entry(outside).or_insert(inside);
            assert_eq!(*owner, inside, "{outside:?} is shared");
        }
        assert!(self.nat.session_count() <= self.choice.room);
    }

    /// Every mapping counts the sessions that use it, those among them that have run out and were not swept yet. Goes
    /// through all ports there are.
    fn check_mappings(&self) {
        if self.choice.profile != Profile::Rfc {
            return;
        }
        let mut users: BTreeMap<_, u16> = BTreeMap::new();
        for session in self.nat.sessions() {
            if !matches!(session.reply.protocol(), 6 | 17) {
                continue;
            }
            let (address, port) = match session.initiator {
                Side::Inside => (
                    session.reply.destination(),
                    session.reply.destination_port(),
                ),
                Side::Outside => (
                    session.original.destination(),
                    session.original.destination_port(),
                ),
            };
            *users
                .entry((session.reply.protocol(), address, port))
                .or_default() += 1;
        }
        let live = self.nat.sessions().count();
        for mapping in self.nat.mappings() {
            let outside = (
                mapping.protocol.0,
                mapping.outside.address,
                mapping.outside.port,
            );
            if matches!(mapping.protocol, IpProtocol::TCP | IpProtocol::UDP) {
                let used = users.remove(&outside).unwrap_or(0);
                assert!(used <= mapping.sessions, "{mapping:?}");
                assert!(used == mapping.sessions || live < self.nat.session_count());
            }
        }
        assert!(users.is_empty(), "{users:?} have no mapping");
    }

    fn apply(&mut self, op: Op<'_>) {
        match op {
            Op::Out {
                host,
                port,
                peer,
                peer_port,
                kind,
            } => {
                let from = (inside(host), 1_000 + u16::from(port % 16));
                self.out(packet(
                    &kind,
                    from,
                    (outside(peer), 50 + u16::from(peer_port % 4)),
                ));
            }
            Op::In {
                peer,
                peer_port,
                address,
                port,
                kind,
            } => {
                let from = (outside(peer), 50 + u16::from(peer_port % 4));
                let to = (EXTERNAL[usize::from(address)], 1_000 + port % 20);
                let _ = self.put(Side::Outside, packet(&kind, from, to));
            }
            Op::Answer { which, kind } => {
                if let Some(packet) = self.answer(which, &kind) {
                    let _ = self.put(Side::Outside, packet);
                }
            }
            Op::Error { which, code, cut } => {
                if let Some(error) = self.error(which, code, cut) {
                    let (verdict, after) = self.put(Side::Outside, error);
                    if matches!(verdict, Verdict::Forward { .. }) {
                        let ip = Ipv4Packet::parse(after.as_slice()).expect("translated");
                        // Whose the port is now: its first owner's session may have ended.
                        assert_eq!(ip.destination().octets()[..3], [10, 0, 0]);
                    }
                }
            }
            Op::Raw { inside, octets } => {
                let side = if inside { Side::Inside } else { Side::Outside };
                let packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, octets);
                let _ = self.put(side, packet);
            }
            Op::Fragment {
                inside: from_inside,
                id,
                offset,
                more,
                length,
            } => {
                let (side, from, to) = match from_inside {
                    true => (Side::Inside, inside(id), outside(id)),
                    false => (Side::Outside, outside(id), EXTERNAL[0]),
                };
                let octets = vec![0x5a; usize::from(length / 8) * 8 + 8];
                let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, &octets);
                let header = Ipv4Repr {
                    identification: u16::from(id % 4),
                    dont_fragment: false,
                    more_fragments: more,
                    fragment_offset: u16::from(offset) * 8,
                    ..Ipv4Repr::new(from, to, IpProtocol::UDP)
                };
                if header.emit(&mut packet).is_ok() {
                    let _ = self.put(side, packet);
                }
            }
            Op::Wait(seconds) => {
                self.now += Duration::from_secs(u64::from(seconds % 600));
                if self.nat.poll_timeout().is_some_and(|at| at <= self.now) {
                    self.nat.handle_timeout(self.now);
                    assert!(self.nat.poll_timeout().is_none_or(|at| at > self.now));
                }
            }
            Op::Drain => {
                let mut out = PacketBuf::new();
                for _ in 0..1_000 {
                    if self.nat.poll_transmit(&mut out).is_none() {
                        break;
                    }
                }
                assert!(self.nat.poll_transmit(&mut out).is_none(), "it never ends");
                for _ in 0..1_000 {
                    if self.nat.poll_event().is_none() {
                        break;
                    }
                }
            }
        }
    }
}

fn packet_of_udp(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> PacketBuf {
    packet(&Kind::Udp, from, to)
}

fuzz_target!(|octets: &[u8]| {
    let Some((&choice, octets)) = octets.split_first() else {
        return;
    };
    let random = Box::new(SeededRandom::new(u64::from(choice)));
    let choice = Choice::of(choice);
    let nat = Nat::new(config(&choice), random).expect("the configuration is good");
    let mut bench = Bench {
        nat,
        choice,
        now: Instant::from_secs(1),
        sent: Vec::new(),
    };
    let mut input = Unstructured::new(octets);
    for n in 1..=200 {
        if input.is_empty() {
            break;
        }
        let Ok(op) = Op::arbitrary(&mut input) else {
            break;
        };
        bench.apply(op);
        bench.check();
        if n % 64 == 0 {
            bench.check_mappings();
        }
    }
    bench.check_mappings();
});
