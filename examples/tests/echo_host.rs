//! The echo host in a simulated network: what comes back over links that lose, reorder, duplicate
//! and corrupt is right, and the machine contract holds.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::net::Ipv4Addr;
use internetwork::echo_host::{Discard, ECHO_PORT, EchoHost, EchoHostConfig, EchoHostStats};
use packet_buffer::checksum::internet_checksum;
use packet_buffer::fragment::{Ipv4Fragmenter, Reassembler, ReassemblerConfig, Reassembly};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr, PseudoHeader,
    UdpDatagram, UdpRepr,
};
use packet_buffer::{Instant, PacketBuf, RandomSource};
use testkit::{Discarded, Host, LinkConfig, Network, NodeId, Port, for_each_seed};

const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The host as a node of the simulation.
struct EchoNode(EchoHost);

impl testkit::Node for EchoNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.0.handle_input(now, frame).map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out).then_some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

fn echo_host(random: &mut impl RandomSource) -> EchoHost {
    let config = EchoHostConfig {
        addresses: vec![OWN.into()],
        mtu: 1500,
    };
    EchoHost::new(config, random).unwrap()
}

fn network(seed: u64, link: &LinkConfig) -> (Network, NodeId, NodeId) {
    let mut network = Network::new(seed);
    let host = echo_host(&mut network.random("identifications"));
    let host = network.add_node("host", EchoNode(host));
    let peer = network.add_node("peer", Host::default());
    network.add_link("wire", peer, host, link.clone());
    (network, peer, host)
}

fn stats(network: &Network, host: NodeId) -> EchoHostStats {
    network.node::<EchoNode>(host).0.stats()
}

/// Packets of a UDP datagram to the echo port, in fragments where it needs them.
fn udp(identification: u16, data: &[u8]) -> Vec<Vec<u8>> {
    let mut packet = PacketBuf::from(data);
    let header = UdpRepr {
        source_port: 40_000,
        destination_port: ECHO_PORT,
    };
    let addresses = PseudoHeader::V4 {
        source: PEER,
        destination: OWN,
    };
    header.emit(&mut packet, &addresses).unwrap();
    let header = Ipv4Repr {
        dont_fragment: false,
        identification,
        ..Ipv4Repr::new(PEER, OWN, IpProtocol::UDP)
    };
    header.emit(&mut packet).unwrap();
    let packet = Ipv4Packet::parse(packet.as_slice()).unwrap();
    let mut fragments = Ipv4Fragmenter::new(&packet, 1500).unwrap();
    let mut fragment = PacketBuf::new();
    let mut packets = Vec::new();
    while fragments.next_fragment(&mut fragment) {
        packets.push(fragment.as_slice().to_vec());
    }
    packets
}

/// The data of all whole UDP datagrams among the packets that the peer heard.
fn echoed(network: &Network, peer: NodeId) -> Vec<Vec<u8>> {
    let mut reassembler = Reassembler::new(ReassemblerConfig::default()).unwrap();
    let mut data = Vec::new();
    for heard in network.node::<Host>(peer).heard() {
        let Ok(packet) = Ipv4Packet::parse(&heard.frame) else {
            continue;
        };
        if packet.verify_checksum().is_err() {
            continue;
        }
        let mut whole = PacketBuf::new();
        let packet = IpPacket::V4(packet);
        let whole = match reassembler.insert(heard.at, 0, &packet, &mut whole) {
            Ok(Reassembly::NotAFragment) => packet.as_slice(),
            Ok(Reassembly::Complete) => whole.as_slice(),
            _ => continue,
        };
        let packet = Ipv4Packet::parse(whole).unwrap();
        let Ok(datagram) = UdpDatagram::parse(packet.payload()) else {
            continue;
        };
        if datagram.verify_checksum(&packet.pseudo_header()).is_ok() {
            data.push(datagram.payload().to_vec());
        }
    }
    data
}

#[test]
fn a_ping_is_answered() {
    let (mut network, peer, host) = network(1, &LinkConfig::default());
    let mut packet = PacketBuf::with_headroom(64);
    packet.append_slice(b"payload");
    let request = Icmpv4Repr::EchoRequest {
        identifier: 7,
        sequence_number: 8,
    };
    request.emit(&mut packet).unwrap();
    Ipv4Repr::new(PEER, OWN, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    network.node_mut::<Host>(peer).send(0, packet.as_slice());
    network.run_until(Instant::from_secs(1));

    let heard = network.node::<Host>(peer).frames();
    assert_eq!(heard.len(), 1);
    let reply = Ipv4Packet::parse(heard[0]).unwrap();
    assert_eq!((reply.source(), reply.destination()), (OWN, PEER));
    let reply = Icmpv4Message::parse(reply.payload()).unwrap();
    reply.verify_checksum().unwrap();
    let expected = Icmpv4Repr::EchoReply {
        identifier: 7,
        sequence_number: 8,
    };
    assert_eq!(reply.to_repr(), expected);
    assert_eq!(reply.payload(), b"payload");
    let stats = stats(&network, host);
    assert_eq!((stats.echo_replies, stats.discarded), (1, 0));
}

#[test]
fn what_comes_back_over_a_bad_link_is_what_was_sent() {
    let link = LinkConfig {
        loss: 0.05,
        duplicate: 0.1,
        reorder: 0.2,
        corrupt: 0.05,
        corrupt_bits: 3,
        ..LinkConfig::default()
    };
    let (mut returned, mut undetected) = (0, 0);
    for_each_seed(0..40, |seed| {
        let (mut network, peer, host) = network(seed, &link);
        let mut random = network.random("data");
        let mut sent = Vec::new();
        for identification in 0..30 {
            let mut data = vec![0; random.between(0, 9_000)];
            random.fill(&mut data);
            for packet in udp(identification, &data) {
                network.node_mut::<Host>(peer).send(0, &packet);
            }
            sent.push(data);
            network.run_for(core::time::Duration::from_millis(50));
        }
        // Long enough for the host to give up on what is missing.
        network.run_until(Instant::from_secs(120));
        let echoed = echoed(&network, peer);
        for data in &echoed {
            // Two flipped bits in the same column of two words cancel each other: no Internet
            // checksum sees that.
            let same_sum = |sent: &&Vec<u8>| {
                sent.len() == data.len() && internet_checksum(sent) == internet_checksum(data)
            };
            let nearly = sent.iter().find(same_sum);
            assert!(nearly.is_some(), "{} octets that nobody sent", data.len());
            undetected += usize::from(!sent.contains(data));
        }
        returned += echoed.len();
        assert_eq!(network.node::<EchoNode>(host).0.poll_timeout(), None);
    });
    // Of 1200 datagrams of up to seven fragments each way, many come back in spite of it all.
    assert!(returned > 300, "only {returned} came back");
    assert!(
        undetected * 50 < returned,
        "{undetected} of {returned} were changed"
    );
}

#[test]
fn what_is_not_for_it_is_ignored_with_a_reason() {
    let mut random = testkit::SeededRandom::new(1);
    let mut host = echo_host(&mut random);
    let now = Instant::ZERO;
    let refuse = |host: &mut EchoHost, change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = udp(1, b"data")[0].clone();
        change(&mut packet);
        let error = host.handle_input(now, &packet).unwrap_err();
        assert!(
            !host.poll_transmit(&mut PacketBuf::new()),
            "an answer to a refused packet"
        );
        error
    };
    let mut other = PacketBuf::from(&b"data"[..]);
    let elsewhere = Ipv4Repr::new(PEER, Ipv4Addr::new(192, 0, 2, 9), IpProtocol::UDP);
    elsewhere.emit(&mut other).unwrap();
    let error = refuse(&mut host, &|packet| *packet = other.as_slice().to_vec());
    assert_eq!(error, Discard::NotForUs);
    let error = refuse(&mut host, &|packet| packet[8] ^= 1);
    assert!(matches!(error, Discard::Parse(_)), "{error}");
    let error = refuse(&mut host, &|packet| packet.truncate(16));
    assert!(
        matches!(error, Discard::Parse(error) if error.is_truncated()),
        "{error}"
    );
    assert_eq!(host.stats().discarded, 3);
}

#[test]
fn the_queue_is_bounded() {
    let mut random = testkit::SeededRandom::new(1);
    let mut host = echo_host(&mut random);
    let request = udp(1, b"data").remove(0);
    for _ in 0..EchoHost::QUEUE {
        host.handle_input(Instant::ZERO, &request).unwrap();
    }
    let error = host.handle_input(Instant::ZERO, &request).unwrap_err();
    assert_eq!(error, Discard::QueueFull);
    assert_eq!(host.stats().queue_full, 1);
    let mut sent = 0;
    while host.poll_transmit(&mut PacketBuf::new()) {
        sent += 1;
    }
    assert_eq!(sent, EchoHost::QUEUE);
    host.handle_input(Instant::ZERO, &request).unwrap();
}

#[test]
fn no_endless_echo_between_echo_ports() {
    let mut random = testkit::SeededRandom::new(1);
    let mut host = echo_host(&mut random);
    let mut packet = PacketBuf::with_headroom(64);
    let header = UdpRepr {
        source_port: ECHO_PORT,
        destination_port: ECHO_PORT,
    };
    let addresses = PseudoHeader::V4 {
        source: PEER,
        destination: OWN,
    };
    header.emit(&mut packet, &addresses).unwrap();
    Ipv4Repr::new(PEER, OWN, IpProtocol::UDP)
        .emit(&mut packet)
        .unwrap();
    let error = host
        .handle_input(Instant::ZERO, packet.as_slice())
        .unwrap_err();
    assert_eq!(error, Discard::Port(ECHO_PORT));
}
