//! Probers, the querier and router discovery under any sequence of packets, times and polls, held to the machine
//! contract; the decisions and responders on the same packets. The fuzz target `icmp_nd_probe_ops` and a property
//! share this.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::generation::{Arrival, ErrorGenerator, GenerationConfig, LinkDelivery};
use icmp_nd::irdp::{Advertised, IrdpHost, IrdpHostConfig, IrdpRouter, IrdpRouterConfig};
use icmp_nd::ping::{PingConfig, Pinger, Target};
use icmp_nd::probe::{SimHop, SimPath};
use icmp_nd::query::{
    ExtendedEchoPolicy, InterfaceQuestion, Querier, QuerierConfig, Question, ResponderContext,
    ResponderPolicy, respond_ipv4, respond_ipv6,
};
use icmp_nd::traceroute::{FlowPolicy, ProbeKind, Schedule, Traceroute, TracerouteConfig};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpPacket, icmpv4_code,
};
use testkit::{ContractChecker, Discarded, Node, Port, SeededRandom};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
const HERE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const THERE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7));

/// Octets that decide what happens next; zeroes when they are used up.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }
}

/// Any of the machines.
enum Machine {
    Ping(Pinger),
    Trace(Traceroute),
    Query(Querier),
    Host(IrdpHost),
    Router(IrdpRouter),
}

impl Node for Machine {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        match self {
            Self::Ping(ping) => {
                let result = ping.handle_input(now, frame);
                while ping.poll_event().is_some() {}
                result.map_err(Discarded::new)
            }
            Self::Trace(trace) => {
                let result = trace.handle_input(now, frame);
                while trace.poll_event().is_some() {}
                result.map_err(Discarded::new)
            }
            Self::Query(query) => query.handle_input(now, frame).map_err(Discarded::new),
            Self::Host(host) => host.handle_input(now, frame).map_err(Discarded::new),
            Self::Router(router) => router.handle_input(now, frame).map_err(Discarded::new),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Ping(ping) => ping.handle_timeout(now),
            Self::Trace(trace) => trace.handle_timeout(now),
            Self::Query(query) => query.handle_timeout(now),
            Self::Host(host) => host.handle_timeout(now),
            Self::Router(router) => router.handle_timeout(now),
        }
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        match self {
            Self::Ping(ping) => ping.poll_transmit(out).map(|_| 0),
            Self::Trace(trace) => trace.poll_transmit(out).map(|_| 0),
            Self::Query(query) => query.poll_transmit(out).map(|_| 0),
            Self::Host(host) => host.poll_transmit(out).map(|_| 0),
            Self::Router(router) => router.poll_transmit(out).map(|_| 0),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Ping(ping) => ping.poll_timeout(),
            Self::Trace(trace) => trace.poll_timeout(),
            Self::Query(query) => query.poll_timeout(),
            Self::Host(host) => host.poll_timeout(),
            Self::Router(router) => router.poll_timeout(),
        }
    }
}

/// The machine that the input asks for; `None` where its configuration is refused.
fn machine(input: &mut Input<'_>, random: &SeededRandom) -> Option<Machine> {
    let start = Instant::ZERO;
    let random = Box::new(random.fork("machine"));
    let (source, destination) = if input.u8() & 1 == 0 {
        (HERE, THERE)
    } else {
        (HERE6, THERE6)
    };
    let prefix = "192.0.2.0/24".parse().ok()?;
    Some(match input.u8() % 6 {
        0 => {
            let config = PingConfig {
                interval: Duration::from_micros(u64::from(input.u16())),
                timeout: Duration::from_millis(u64::from(input.u8())),
                count: (input.u8() & 1 == 0).then_some(u32::from(input.u8())),
                deadline: (input.u8() & 1 == 0).then_some(Duration::from_millis(300)),
                payload_len: usize::from(input.u8()),
                max_in_flight: usize::from(input.u8() % 8),
                window: usize::from(input.u8() % 16),
                ..PingConfig::default()
            };
            let mut ping = Pinger::new(config, random).ok()?;
            let _ = ping.add_target(start, Target::new(source, destination));
            let _ = ping.add_target(start, Target::new(HERE, Ipv4Addr::new(224, 0, 0, 1).into()));
            Machine::Ping(ping)
        }
        1 | 2 => {
            let config = TracerouteConfig {
                kind: [ProbeKind::Udp, ProbeKind::Icmp, ProbeKind::Tcp]
                    [usize::from(input.u8() % 3)],
                flows: [FlowPolicy::Stable, FlowPolicy::Spread(3), FlowPolicy::Vary]
                    [usize::from(input.u8() % 3)],
                schedule: if input.u8() & 1 == 0 {
                    Schedule::ByHop {
                        probes_per_hop: u32::from(input.u8() % 4),
                    }
                } else {
                    Schedule::Rounds {
                        rounds: (input.u8() & 1 == 0).then_some(u32::from(input.u8())),
                        interval: Duration::from_millis(u64::from(input.u8())),
                    }
                },
                first_ttl: input.u8() % 4,
                max_ttl: input.u8(),
                silent_hops: input.u8() % 8,
                timeout: Duration::from_millis(u64::from(input.u8())),
                send_interval: Duration::from_micros(u64::from(input.u16())),
                max_in_flight: usize::from(input.u8() % 8),
                window: usize::from(input.u8() % 16),
                packet_len: usize::from(input.u16() % 2_000),
                mtu_discovery: input.u8() & 1 == 0,
                max_responders: usize::from(input.u8() % 4),
                ..TracerouteConfig::new(source, destination)
            };
            Machine::Trace(Traceroute::new(start, config, random).ok()?)
        }
        3 => {
            let question = match input.u8() % 4 {
                0 => Question::Timestamp,
                1 => Question::AddressMask,
                2 => Question::Information,
                _ => Question::ExtendedEcho {
                    local: true,
                    interface: InterfaceQuestion::Index(u32::from(input.u16())),
                },
            };
            let config = QuerierConfig::new(source, destination, question);
            Machine::Query(Querier::new(start, config, random).ok()?)
        }
        4 => {
            let config = IrdpHostConfig {
                max_routers: usize::from(input.u8() % 4),
                ..IrdpHostConfig::new(Ipv4Addr::new(192, 0, 2, 1), vec![prefix])
            };
            Machine::Host(IrdpHost::new(start, config, random).ok()?)
        }
        _ => {
            let router = Advertised {
                address: Ipv4Addr::new(192, 0, 2, 254),
                prefix,
                preference: i32::from(input.u8()),
            };
            let config = IrdpRouterConfig::new(vec![router; usize::from(input.u8() % 3)]);
            Machine::Router(IrdpRouter::new(start, config, random).ok()?)
        }
    })
}

/// A path through three routers, one of them one of two.
fn path() -> SimPath {
    let hop = |n: u8| {
        let v4 = Ipv4Addr::new(10, n, 0, 1).into();
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0xf0, u16::from(n), 0, 0, 0, 1).into();
        SimHop::new(vec![v4, v6])
    };
    let mut path = SimPath::new(vec![hop(1), hop(2), hop(3)], vec![THERE, THERE6]);
    if let [_, second, third] = &mut path.hops[..] {
        second.mtu = 1_300;
        third.addresses.push(Ipv4Addr::new(10, 3, 0, 2).into());
    }
    path
}

/// Runs what the octets say.
pub(crate) fn probe_ops(octets: &[u8]) {
    let mut input = Input(octets);
    let random = SeededRandom::new(u64::from(input.u16()));
    let Some(machine) = machine(&mut input, &random) else {
        return;
    };
    let mut checker = ContractChecker::new("machine", machine, random.fork("checker"));
    let mut generator =
        ErrorGenerator::new(GenerationConfig::default(), Box::new(random.fork("errors")))
            .expect("the defaults are good");
    let path = path();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut now = Instant::ZERO;
    while !input.0.is_empty() {
        match input.u8() % 6 {
            0 => {
                now += Duration::from_micros(u64::from(input.u16()) * 16);
                checker.handle_timeout(now);
            }
            1 => {
                if let Some(deadline) = checker.poll_timeout() {
                    now = now.max(deadline);
                    checker.handle_timeout(now);
                }
            }
            2 => {
                checker.settle(now, |_, probe| {
                    IpPacket::parse(probe).expect("what is sent is a packet");
                    let mut out = PacketBuf::new();
                    if path.answer(probe, &mut out).is_some() {
                        packets.push(out.as_slice().to_vec());
                    }
                    packets.push(probe.to_vec());
                });
                if packets.len() > 32 {
                    packets.drain(..16);
                }
            }
            3 => {
                // A true answer, perhaps damaged, perhaps with its checksums right again.
                let Some(packet) = packets.get(usize::from(input.u8()) % packets.len().max(1))
                else {
                    continue;
                };
                let mut packet = packet.clone();
                for _ in 0..input.u8() % 4 {
                    let at = usize::from(input.u16()) % packet.len().max(1);
                    let bits = input.u8();
                    if let Some(octet) = packet.get_mut(at) {
                        *octet ^= bits;
                    }
                }
                if input.u8() & 1 == 0 {
                    packet = repaired(&packet).unwrap_or(packet);
                }
                let _ = checker.handle_input(now, 0, &packet);
                respond(&mut input, now, &mut generator, &packet);
            }
            4 => {
                let length = usize::from(input.u8());
                let packet = input.take(length);
                let _ = checker.handle_input(now, 0, packet);
                let packet = packet.to_vec();
                respond(&mut input, now, &mut generator, &packet);
            }
            _ => {
                if input.u8() & 7 == 0 {
                    match checker.node_mut() {
                        Machine::Ping(ping) => ping.stop(),
                        Machine::Trace(trace) => trace.stop(),
                        Machine::Router(router) => router.stop(),
                        Machine::Query(_) | Machine::Host(_) => {}
                    }
                }
            }
        }
    }
}

/// The packet with an ICMP checksum and an IP header that are right.
fn repaired(packet: &[u8]) -> Option<Vec<u8>> {
    let mut out = PacketBuf::new();
    match IpPacket::parse(packet).ok()? {
        IpPacket::V4(ip) => {
            let message = Icmpv4Message::parse(ip.payload()).ok()?;
            out.append_slice(message.payload());
            let header = Icmpv4Repr::Other {
                message_type: message.message_type(),
                code: message.code(),
                rest: message.rest_of_header(),
            };
            header.emit(&mut out).ok()?;
            ip.to_repr().emit(&mut out).ok()?;
        }
        IpPacket::V6(ip) => {
            let message = Icmpv6Message::parse(ip.payload()).ok()?;
            out.append_slice(message.body());
            let header = Icmpv6Repr::Other {
                message_type: message.message_type(),
                code: message.code(),
            };
            header.emit(&mut out, &ip.pseudo_header()).ok()?;
            ip.to_repr().emit(&mut out).ok()?;
        }
    }
    Some(out.as_slice().to_vec())
}

/// Decisions and responders on the same packet.
fn respond(input: &mut Input<'_>, now: Instant, generator: &mut ErrorGenerator, packet: &[u8]) {
    let flags = input.u8();
    let arrival = Arrival {
        link: [
            LinkDelivery::Unicast,
            LinkDelivery::Multicast,
            LinkDelivery::Broadcast,
        ][usize::from(flags % 3)],
        ip_broadcast: flags & 0x10 != 0,
        source_is_broadcast: flags & 0x20 != 0,
        source_is_anycast: flags & 0x40 != 0,
        loopback: flags & 0x80 != 0,
    };
    let mut out = PacketBuf::new();
    let port = Icmpv4Repr::DestinationUnreachable {
        code: icmpv4_code::Unreachable::PORT,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    let (me, me6) = (Ipv4Addr::new(192, 0, 2, 9), Ipv6Addr::LOCALHOST);
    if generator
        .ipv4(now, &port, packet, &arrival, me, &mut out)
        .is_ok()
    {
        assert!(out.len() <= 576);
        IpPacket::parse(out.as_slice()).expect("an error is a packet");
    }
    let too_big = Icmpv6Repr::PacketTooBig { mtu: 1_280 };
    if generator
        .ipv6(now, &too_big, packet, &arrival, me6, &mut out)
        .is_ok()
    {
        assert!(out.len() <= 1_280);
        IpPacket::parse(out.as_slice()).expect("an error is a packet");
    }
    let policy = ResponderPolicy {
        information: true,
        address_mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
        extended_echo: ExtendedEchoPolicy {
            local_sources: vec![HERE, HERE6],
            neighbor_sources: vec![HERE, HERE6],
            by_name: true,
            by_index: true,
            by_address: true,
        },
        ..ResponderPolicy::default()
    };
    let context = ResponderContext {
        ipv4_address: Some(me),
        ipv6_address: Some(me6),
        time_of_day: Some(5),
        interfaces: None,
    };
    if respond_ipv4(&policy, packet, &arrival, &context, &mut out).is_ok() {
        IpPacket::parse(out.as_slice()).expect("an answer is a packet");
    }
    if respond_ipv6(&policy, packet, &arrival, &context, &mut out).is_ok() {
        IpPacket::parse(out.as_slice()).expect("an answer is a packet");
    }
}
