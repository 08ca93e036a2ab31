//! What a host does again and again allocates nothing, once its buffers and tables are there.

use crate::support::{
    OWN, PEER, advertisement, arp, echo6, frame, icmpv4, link_local, secs, solicitation, v4, v6,
};
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::address::ManualAddress;
use icmp_nd::host::{Host, HostConfig, Outgoing};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{
    ArpOperation, ArpRepr, EtherType, Icmpv4Repr, IpPacket, IpProtocol, Ipv4Repr, Ipv6Repr,
    MacAddr, UdpRepr,
};
use testkit::{CountingAllocator, SeededRandom};

/// A host with an address of each version, which have passed their tests, and its buffers.
struct Bench {
    host: Host,
    now: Instant,
    out: PacketBuf,
    packet: PacketBuf,
    reply: PacketBuf,
    frames: u64,
    /// What the peer says when it is asked whether it is there: by ARP, and of which address.
    reachable: [(Option<Ipv6Addr>, Vec<u8>); 3],
    probes: u64,
}

impl Bench {
    fn new() -> Self {
        let mut config = HostConfig::new(OWN);
        config.nd.solicitation.enabled = false;
        let mut host = Host::new(config, Box::new(SeededRandom::new(1))).unwrap();
        host.start(Instant::ZERO);
        host.add_ipv4_address(Instant::ZERO, v4("192.0.2.1"), 24)
            .unwrap();
        let manual = ManualAddress::new(v6("2001:db8::1"), 64);
        host.add_ipv6_address(Instant::ZERO, &manual).unwrap();
        assert!(host.add_ipv6_prefix("2001:db8::/64".parse().unwrap()));
        let mut bench = Self {
            host,
            now: Instant::ZERO,
            out: PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM),
            packet: PacketBuf::new(),
            reply: PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM),
            frames: 0,
            reachable: [
                (None, arp_packet(ArpOperation::REPLY, OWN)),
                (Some(PEER6), advertised(PEER6, v6("2001:db8::1"))),
                (
                    Some(link_local(PEER)),
                    advertised(link_local(PEER), link_local(OWN)),
                ),
            ],
            probes: 0,
        };
        while bench.now < Instant::from_secs(30) {
            bench.pass(Duration::from_millis(100));
        }
        for own in ["192.0.2.1", "2001:db8::1"] {
            assert!(bench.host.is_own(own.parse().unwrap()), "{own}");
        }
        bench
    }

    /// Time passes, and what is due is sent.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.host.handle_timeout(self.now);
        self.drain();
    }

    fn receive(&mut self, frame: &[u8]) {
        self.host.handle_input(self.now, frame).unwrap();
        // The datagrams go back to where they came from.
        while let Some(received) = self.host.poll_receive(&mut self.packet) {
            let ip = IpPacket::parse(self.packet.as_slice()).unwrap();
            let data = &self.packet.as_slice()[received.payload_offset + 8..];
            self.reply.append_slice(data);
            let ports = UdpRepr {
                source_port: 7,
                destination_port: 4000,
            };
            let back = ip.pseudo_header().reversed();
            ports.emit(&mut self.reply, &back).unwrap();
            let outgoing =
                Outgoing::new(received.source, IpProtocol::UDP).from(received.destination);
            self.host
                .send(self.now, &outgoing, &mut self.reply)
                .unwrap();
        }
        self.drain();
    }

    /// Sends all, and answers for the peer where it is asked.
    fn drain(&mut self) {
        while self.host.poll_transmit(&mut self.out).is_some() {
            let asked = asked(self.out.as_slice());
            self.frames += 1;
            self.out.reset(PacketBuf::DEFAULT_HEADROOM);
            let answer = self.reachable.iter().find(|it| Some(it.0) == asked);
            if let Some((_, answer)) = answer {
                self.probes += 1;
                self.host.handle_input(self.now, answer).unwrap();
            }
        }
        while self.host.poll_event().is_some() {}
    }
}

const PEER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// Whether a frame asks for a neighbor by ARP, or for which by Neighbor Discovery.
fn asked(frame: &[u8]) -> Option<Option<Ipv6Addr>> {
    let of_peer = frame.get(38..42) == Some(&[192, 0, 2, 2]);
    match (
        &frame[12..14],
        &frame[20..22],
        frame.get(54),
        frame.get(62..78),
    ) {
        ([8, 6], [0, 1], ..) if of_peer => Some(None),
        ([0x86, 0xdd], _, Some(135), Some(target)) => {
            let target: [u8; 16] = target.try_into().unwrap();
            Some(Some(target.into()))
        }
        _ => None,
    }
}

fn advertised(target: Ipv6Addr, to: Ipv6Addr) -> Vec<u8> {
    advertisement(PEER, target, to, "SO", Some(PEER))
}

fn arp_packet(operation: ArpOperation, to: MacAddr) -> Vec<u8> {
    let target = if operation == ArpOperation::REQUEST {
        MacAddr::UNSPECIFIED
    } else {
        OWN
    };
    let packet = ArpRepr {
        operation,
        sender_hardware_address: PEER,
        sender_protocol_address: v4("192.0.2.2"),
        target_hardware_address: target,
        target_protocol_address: v4("192.0.2.1"),
    };
    arp(to, packet)
}

const PORTS: UdpRepr = UdpRepr {
    source_port: 4000,
    destination_port: 7,
};

fn udp4(data: &[u8]) -> Vec<u8> {
    let ip = Ipv4Repr::new(v4("192.0.2.2"), v4("192.0.2.1"), IpProtocol::UDP);
    let mut packet = PacketBuf::from_slice(64, data);
    PORTS.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    frame(PEER, OWN, EtherType::IPV4, packet)
}

fn udp6(data: &[u8]) -> Vec<u8> {
    let ip = Ipv6Repr::new(PEER6, v6("2001:db8::1"), IpProtocol::UDP);
    let mut packet = PacketBuf::from_slice(64, data);
    PORTS.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    frame(PEER, OWN, EtherType::IPV6, packet)
}

#[test]
fn echo_datagrams_and_neighbors() {
    let data = [0x5a; 1000];
    let echo = Icmpv4Repr::EchoRequest {
        identifier: 1,
        sequence_number: 1,
    };
    let own6 = v6("2001:db8::1");
    // Each is answered by one frame.
    let answered = [
        icmpv4(PEER, v4("192.0.2.2"), v4("192.0.2.1"), echo, &data),
        echo6(PEER, PEER6, own6),
        echo6(PEER, link_local(PEER), link_local(OWN)),
        udp4(&data),
        udp6(&data),
        arp_packet(ArpOperation::REQUEST, MacAddr::BROADCAST),
        solicitation(PEER, PEER6, own6),
    ];
    let mut bench = Bench::new();
    let rounds = |bench: &mut Bench| {
        for _ in 0..20_000 {
            for frame in &answered {
                bench.receive(frame);
            }
            bench.pass(Duration::from_millis(3));
        }
    };
    // A minute of simulated time, in which all states of the neighbors are seen.
    rounds(&mut bench);
    let (before, frames) = (CountingAllocator::allocations(), bench.frames);
    let probes = bench.probes;
    rounds(&mut bench);
    let allocations = CountingAllocator::allocations() - before;
    let (frames, probes) = (bench.frames - frames, bench.probes - probes);
    assert_eq!(frames - probes, 20_000 * answered.len() as u64);
    assert!(probes >= 3, "{probes} probes of neighbors");
    assert_eq!(allocations, 0, "in {frames} frames");
    let address = IpAddr::V6(own6);
    assert!(bench.host.is_own(address) && bench.now > Instant::ZERO + secs(100));
}
