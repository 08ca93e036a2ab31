//! A host under any sequence of frames, times and commands, held to the machine contract. The fuzz
//! target `icmp_nd_host_ops` and a property share this.

use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::host::{Event, Host, HostConfig, Outgoing, Received, Rejection};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{
    EtherType, EthernetFrame, EthernetRepr, IpProtocol, Ipv4Prefix, Ipv6Repr, MacAddr, PseudoHeader,
};
use std::collections::hash_map::DefaultHasher;
use testkit::{ContractChecker, Discarded, Node, Port, SeededRandom};

/// A host as a node of a network.
pub(crate) struct HostNode {
    pub(crate) host: Host,
    pub(crate) events: Vec<Event>,
    pub(crate) received: Vec<(Received, Vec<u8>)>,
}

impl HostNode {
    pub(crate) fn new(config: HostConfig, seed: u64) -> Self {
        let random = SeededRandom::new(seed);
        Self {
            host: Host::new(config, Box::new(random)).unwrap(),
            events: Vec::new(),
            received: Vec::new(),
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.host.poll_event() {
            self.events.push(event);
        }
        let mut packet = PacketBuf::new();
        while let Some(received) = self.host.poll_receive(&mut packet) {
            self.received.push((received, packet.as_slice().to_vec()));
        }
    }
}

impl Node for HostNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.host.handle_input(now, frame).map_err(Discarded::new);
        self.collect();
        result
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.host.handle_timeout(now);
        self.collect();
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        let destination = self.host.poll_transmit(out)?;
        let frame = EthernetFrame::parse(out.as_slice()).unwrap();
        assert_eq!(frame.destination(), destination);
        Some(0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.host.poll_timeout()
    }

    fn fingerprint(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        let nd = self.host.nd();
        let mut neighbors: Vec<_> = nd.neighbors().iter().collect();
        neighbors.sort_by_key(|it| it.0);
        for (address, it) in neighbors {
            (
                address,
                it.state(),
                it.link_address(),
                it.is_router(),
                it.deadline(),
            )
                .hash(&mut hasher);
        }
        let mut neighbors: Vec<_> = self.host.arp().neighbors().iter().collect();
        neighbors.sort_by_key(|it| it.0);
        for (address, it) in neighbors {
            (address, it.state(), it.link_address(), it.deadline()).hash(&mut hasher);
        }
        for it in nd.addresses().iter() {
            (it.address(), it.valid_until(), it.preferred_until()).hash(&mut hasher);
        }
        for it in nd.routes() {
            (it.prefix, it.router, it.until).hash(&mut hasher);
        }
        for it in nd.prefixes() {
            (it.prefix, it.until).hash(&mut hasher);
        }
        for it in nd.parameters() {
            it.hash(&mut hasher);
        }
        (nd.link_mtu(), nd.hop_limit(), nd.destinations()).hash(&mut hasher);
        (
            self.host.path_mtu().len(),
            self.host.reassembler().datagrams(),
        )
            .hash(&mut hasher);
        Some(hasher.finish())
    }
}

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

const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
/// The host's link-local address, and others on the link and beyond.
const ADDRESSES: [Ipv6Addr; 8] = [
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 3),
    Ipv6Addr::UNSPECIFIED,
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 9),
];

/// Runs what `octets` say.
pub(crate) fn host_ops(octets: &[u8]) {
    let mut input = Input(octets);
    let seed = u64::from(input.u8());
    let mut config = HostConfig::new(OWN);
    // Small limits are hit sooner.
    config.nd.neighbor.max_entries = 6;
    config.nd.neighbor.max_unresolved = 3;
    config.nd.neighbor.max_packets = 4;
    config.nd.limits.max_destinations = 4;
    config.nd.limits.max_redirected = 2;
    config.nd.limits.max_routes = 2;
    config.nd.limits.max_parameters = 3;
    config.nd.limits.max_events = 4;
    config.arp.neighbor = config.nd.neighbor;
    config.limits.max_frames = 8;
    config.limits.max_received = 4;
    let node = HostNode::new(config, seed);
    let random = SeededRandom::new(seed).fork("checker");
    let mut checker = ContractChecker::new("host", node, random);
    let mut now = Instant::from_secs(1);
    checker.node_mut().host.start(now);
    let address = Ipv4Addr::new(192, 0, 2, 1);
    checker
        .node_mut()
        .host
        .add_ipv4_address(now, address, 24)
        .unwrap();
    checker.settle(now, |_, _| {});
    while !input.0.is_empty() {
        operate(&mut checker, &mut input, &mut now);
        checker.settle(now, |_, frame| {
            EthernetFrame::parse(frame).unwrap();
        });
        let host = &checker.node().host;
        assert!(host.nd().neighbors().len() <= 6);
        assert!(host.nd().neighbors().unresolved() <= 3);
        assert!(host.nd().neighbors().waiting().0 <= 4);
        assert!(host.nd().destinations() <= 4);
        checker.node_mut().events.clear();
    }
}

fn operate(checker: &mut ContractChecker<HostNode>, input: &mut Input<'_>, now: &mut Instant) {
    match input.u8() % 10 {
        // A frame of any octets.
        0 => {
            let ethertype = [EtherType::ARP, EtherType::IPV4, EtherType::IPV6];
            let ethertype = ethertype[usize::from(input.u8()) % 3];
            let length = usize::from(input.u16() % 256);
            let packet = PacketBuf::from_slice(64, input.take(length));
            receive(checker, *now, OWN, ethertype, packet);
        }
        // A Neighbor Discovery or other ICMPv6 message that passes the checks of its frame.
        1..=3 => {
            let numbers = [133, 134, 134, 135, 135, 136, 136, 137, 128, 130, 2, 1];
            let number = numbers[usize::from(input.u8()) % numbers.len()];
            let source = ADDRESSES[usize::from(input.u8()) % 8];
            let destination = ADDRESSES[usize::from(input.u8()) % 8];
            let mut message = vec![number, 0, 0, 0];
            message.extend_from_slice(input.take(4));
            if matches!(number, 135..=137) {
                message.extend(ADDRESSES[usize::from(input.u8()) % 8].octets());
            }
            if number == 137 {
                message.extend(ADDRESSES[usize::from(input.u8()) % 8].octets());
            }
            let length = usize::from(input.u8());
            message.extend_from_slice(input.take(length));
            icmpv6(checker, *now, source, destination, message);
        }
        // An ARP packet about this network.
        4 => {
            let host = |octet: u8| [192, 0, 2, octet % 4];
            let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1 + input.u8() % 2, 2, 0, 0, 0, 0];
            packet.push(input.u8() % 4);
            packet.extend(host(input.u8()));
            packet.extend(OWN.0);
            packet.extend(host(input.u8()));
            let packet = PacketBuf::from_slice(64, &packet);
            receive(checker, *now, MacAddr::BROADCAST, EtherType::ARP, packet);
        }
        // Time passes, and what is due is done, or done late.
        5 | 6 => {
            *now += Duration::from_millis(u64::from(input.u16()));
            while let Some(at) = checker.poll_timeout().filter(|at| at <= now) {
                let late = input.u8().is_multiple_of(4);
                checker.handle_timeout(if late { *now } else { at });
                checker.settle(at.max(*now), |_, _| {});
            }
        }
        7 => {
            let to = match input.u8() {
                octet @ 0..128 => IpAddr::V6(ADDRESSES[usize::from(octet) % 8]),
                octet => IpAddr::V4(Ipv4Addr::new(192, 0, 2 + octet % 2, octet % 8)),
            };
            let length = usize::from(input.u16() % 4000);
            let mut packet = PacketBuf::from_slice(64, &vec![0; length]);
            let outgoing = Outgoing {
                dont_fragment: input.u8().is_multiple_of(2),
                ..Outgoing::new(to, IpProtocol::UDP)
            };
            let _ = checker.node_mut().host.send(*now, &outgoing, &mut packet);
        }
        8 => {
            let mut received = core::mem::take(&mut checker.node_mut().received);
            if let Some((received, packet)) = received.pop() {
                let host = &mut checker.node_mut().host;
                let _ = host.reject(*now, &received, &packet, Rejection::Port);
            }
        }
        _ => {
            let number = input.u8();
            let address = ADDRESSES[usize::from(number) % 8];
            let host = &mut checker.node_mut().host;
            match number / 8 % 8 {
                0 => drop(
                    host.add_ipv6_address(*now, &icmp_nd::address::ManualAddress::new(address, 64)),
                ),
                1 => {
                    host.remove_ipv6_address(*now, address);
                }
                2 => {
                    host.join(address);
                }
                3 => {
                    host.leave(address);
                }
                4 => host.confirm_reachable(*now, address.into()),
                5 => {
                    host.add_ipv4_route(Ipv4Prefix::ALL, Ipv4Addr::new(192, 0, 2, number % 4));
                }
                6 => host.stop(*now),
                _ => host.start(*now),
            }
        }
    }
}

fn receive(
    checker: &mut ContractChecker<HostNode>,
    now: Instant,
    destination: MacAddr,
    ethertype: EtherType,
    mut packet: PacketBuf,
) {
    let source = MacAddr([2, 0, 0, 0, 0, 2]);
    let header = EthernetRepr::new(destination, source, ethertype);
    header.emit(&mut packet).unwrap();
    let _ = checker.handle_input(now, 0, packet.as_slice());
}

fn icmpv6(
    checker: &mut ContractChecker<HostNode>,
    now: Instant,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    mut message: Vec<u8>,
) {
    let pseudo_header = PseudoHeader::V6 {
        source,
        destination,
    };
    let sum = pseudo_header.sum(IpProtocol::ICMPV6, message.len());
    let checksum = sum.add_bytes(&message).checksum();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut packet = PacketBuf::from_slice(128, &message);
    let ip = Ipv6Repr {
        hop_limit: 255,
        ..Ipv6Repr::new(source, destination, IpProtocol::ICMPV6)
    };
    ip.emit(&mut packet).unwrap();
    let to = if destination.is_multicast() {
        MacAddr::for_ipv6_multicast(destination)
    } else {
        OWN
    };
    receive(checker, now, to, EtherType::IPV6, packet);
}
