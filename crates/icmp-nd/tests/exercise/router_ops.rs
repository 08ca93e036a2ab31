//! A router under any sequence of frames, times and commands, held to the machine contract; and path
//! MTU discovery, the cache and the probes, under any sequence of calls. The fuzz target
//! `icmp_nd_router_ops` and a property share this.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::address::ManualAddress;
use icmp_nd::pmtu::{
    Config, Confirmation, Path, PathMtuCache, Plpmtud, PlpmtudConfig, Report, Search, State,
};
use icmp_nd::router::{
    AdvertisedPrefix, AdvertiserConfig, RouteTarget, Router, RouterConfig, RouterInterface,
};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{
    EtherType, EthernetFrame, EthernetRepr, IpProtocol, Ipv6Packet, Ipv6Prefix, Ipv6Repr, MacAddr,
    PseudoHeader,
};
use testkit::{ContractChecker, Discarded, Node, Port, SeededRandom};

struct RouterNode(Router);

impl RouterNode {
    fn drop_events(&mut self) {
        while self.0.poll_event().is_some() {}
    }
}

impl Node for RouterNode {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.0.handle_input(now, port, frame);
        self.drop_events();
        result.map_err(Discarded::new)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
        self.drop_events();
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
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

const fn own(port: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 1, port])
}

/// The router's addresses, and others on its links and beyond.
const ADDRESSES: [Ipv6Addr; 12] = [
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0x100),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0x101),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 5),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 5),
    Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7),
    Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 8),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1),
    Ipv6Addr::UNSPECIFIED,
];

fn address(input: &mut Input<'_>) -> Ipv6Addr {
    ADDRESSES[usize::from(input.u8()) % ADDRESSES.len()]
}

fn advertisement(number: u8) -> AdvertiserConfig {
    let prefix = Ipv6Prefix::new(ADDRESSES[usize::from(number % 2)], 64).unwrap();
    AdvertiserConfig {
        max_interval: Duration::from_secs(4 + u64::from(number)),
        prefixes: vec![AdvertisedPrefix::new(prefix); usize::from(!number.is_multiple_of(3))],
        unicast_answers: number.is_multiple_of(2),
        max_unicast_answers: 3,
        managed: number > 100,
        link_address: Some(own(0)),
        ..AdvertiserConfig::default()
    }
}

fn config() -> RouterConfig {
    let interface = |port: u8| {
        let mut interface = RouterInterface::new(own(port));
        interface.nd.link_mtu = 1500 - 220 * u32::from(port);
        // Small limits are hit sooner.
        interface.nd.neighbor.max_entries = 4;
        interface.nd.neighbor.max_unresolved = 2;
        interface.nd.neighbor.max_packets = 3;
        interface.nd.limits.max_events = 4;
        let address = ADDRESSES[usize::from(port)];
        interface.addresses.push(ManualAddress::new(address, 64));
        interface.advertise = Some(advertisement(port));
        interface
            .proxied
            .push("2001:db8:0:1:9::/80".parse().unwrap());
        interface
    };
    let mut config = RouterConfig::new(vec![interface(0), interface(1)]);
    config.max_queue = 8;
    let gateway = ADDRESSES[6];
    let via = RouteTarget::Via { port: 0, gateway };
    config
        .routes
        .push(("2001:db8:7::/48".parse().unwrap(), via));
    let reject = RouteTarget::Reject;
    config
        .routes
        .push(("2001:db8:8::/48".parse().unwrap(), reject));
    config
}

/// Runs what `octets` say.
pub(crate) fn router_ops(octets: &[u8]) {
    let mut input = Input(octets);
    if input.u8().is_multiple_of(4) {
        path_mtu_ops(&mut input);
        return;
    }
    let seed = u64::from(input.u8());
    let router = Router::new(config(), Box::new(SeededRandom::new(seed))).unwrap();
    let random = SeededRandom::new(seed).fork("checker");
    let mut checker = ContractChecker::new("router", RouterNode(router), random);
    let mut now = Instant::from_secs(1);
    checker.node_mut().0.start(now);
    settle(&mut checker, now);
    while !input.0.is_empty() {
        operate(&mut checker, &mut input, &mut now);
        settle(&mut checker, now);
        let router = &checker.node().0;
        for port in 0..2 {
            let neighbors = router.interface(port).unwrap().neighbors();
            assert!(neighbors.len() <= 4 && neighbors.unresolved() <= 2);
            assert!(neighbors.waiting().0 <= 3);
        }
    }
}

/// All that is sent is IPv6 that fits its link, and no error is about an error.
fn settle(checker: &mut ContractChecker<RouterNode>, now: Instant) {
    checker.settle(now, |port, frame| {
        let frame = EthernetFrame::parse(frame).unwrap();
        assert_eq!(frame.source(), own(u8::try_from(port).unwrap()));
        let packet = Ipv6Packet::parse(frame.payload()).unwrap();
        assert!(packet.as_slice().len() <= 1500 - 220 * port);
        assert_ne!(packet.hop_limit(), 0);
    });
}

fn operate(checker: &mut ContractChecker<RouterNode>, input: &mut Input<'_>, now: &mut Instant) {
    match input.u8() % 8 {
        // A packet of any octets behind the fixed header.
        0 | 1 => {
            let (source, destination) = (address(input), address(input));
            let header = Ipv6Repr {
                hop_limit: input.u8(),
                ..Ipv6Repr::new(source, destination, IpProtocol(input.u8()))
            };
            let length = usize::from(input.u8());
            let padding = usize::from(input.u8()) * 8;
            let mut packet = PacketBuf::from_slice(128, input.take(length));
            let _zeroes = packet.append(padding);
            header.emit(&mut packet).unwrap();
            receive(checker, *now, input.u8(), packet);
        }
        // An ICMPv6 message with a right checksum.
        2..=4 => {
            let numbers = [133, 133, 134, 135, 135, 136, 137, 128, 128, 2, 1, 200];
            let number = numbers[usize::from(input.u8()) % numbers.len()];
            let (source, destination) = (address(input), address(input));
            let mut message = vec![number, 0, 0, 0];
            message.extend_from_slice(input.take(4));
            if matches!(number, 135..=137) {
                message.extend(address(input).octets());
            }
            if number == 137 {
                message.extend(address(input).octets());
            }
            if number == 2 {
                let quoted = Ipv6Repr::new(destination, source, IpProtocol::ICMPV6);
                let mut packet = PacketBuf::from_slice(64, &[129; 64]);
                quoted.emit(&mut packet).unwrap();
                message.extend_from_slice(packet.as_slice());
            }
            let length = usize::from(input.u8());
            message.extend_from_slice(input.take(length));
            let pseudo_header = PseudoHeader::V6 {
                source,
                destination,
            };
            let sum = pseudo_header.sum(IpProtocol::ICMPV6, message.len());
            let checksum = sum.add_bytes(&message).checksum();
            message[2..4].copy_from_slice(&checksum.to_be_bytes());
            let mut packet = PacketBuf::from_slice(128, &message);
            let header = Ipv6Repr {
                hop_limit: 255,
                ..Ipv6Repr::new(source, destination, IpProtocol::ICMPV6)
            };
            header.emit(&mut packet).unwrap();
            receive(checker, *now, input.u8(), packet);
        }
        // Time passes, and what is due is done, or done late.
        5 | 6 => {
            *now += Duration::from_millis(u64::from(input.u16()));
            while let Some(at) = checker.poll_timeout().filter(|at| at <= now) {
                let late = input.u8().is_multiple_of(4);
                checker.handle_timeout(if late { *now } else { at });
                settle(checker, at.max(*now));
            }
        }
        _ => {
            let number = input.u8();
            let prefix = Ipv6Prefix::new(address(input), number % 129).unwrap();
            let mut random = SeededRandom::new(u64::from(number));
            let router = &mut checker.node_mut().0;
            match number / 8 % 5 {
                0 => router.stop(*now),
                1 => router.start(*now),
                2 => {
                    let port = usize::from(number % 3);
                    let config = advertisement(number);
                    let _ = router.set_advertisement(*now, port, config, &mut random);
                }
                3 => {
                    let port = usize::from(number % 3);
                    router.add_route(prefix, RouteTarget::OnLink { port });
                }
                _ => {
                    router.remove_route(prefix);
                }
            }
            checker.node_mut().drop_events();
        }
    }
}

fn receive(
    checker: &mut ContractChecker<RouterNode>,
    now: Instant,
    way: u8,
    mut packet: PacketBuf,
) {
    let port = way % 2;
    let destination = match way / 2 % 8 {
        0 => MacAddr::BROADCAST,
        1 | 2 => MacAddr([0x33, 0x33, 0, 0, 0, 1]),
        _ => own(port),
    };
    let source = MacAddr([2, 0, 0, 0, 0, 2]);
    let header = EthernetRepr::new(destination, source, EtherType::IPV6);
    header.emit(&mut packet).unwrap();
    let _ = checker.handle_input(now, usize::from(port), packet.as_slice());
}

/// The cache and the probes of path MTU discovery.
fn path_mtu_ops(input: &mut Input<'_>) {
    let mut random = SeededRandom::new(1);
    let config = Config {
        capacity: 4,
        unverified_capacity: 2,
        per_flow: input.u8().is_multiple_of(2),
        max_events: 4,
        ..Config::default()
    };
    let mut cache = PathMtuCache::new(config, &mut random).unwrap();
    let mut search = Plpmtud::new(PlpmtudConfig {
        search: match input.u8() % 3 {
            0 => Search::Plateaus { granularity: 0 },
            1 => Search::Plateaus { granularity: 16 },
            _ => Search::Binary { granularity: 1 },
        },
        confirmation_timer: Some(Duration::from_secs(20)),
        ..PlpmtudConfig::ipv4(9000)
    })
    .unwrap();
    let mut now = Instant::ZERO;
    let mut probe = None;
    while !input.0.is_empty() {
        let (call, number, mtu) = (input.u8(), input.u8(), u32::from(input.u16()));
        let destination = match number % 2 {
            0 => IpAddr::from([192, 0, 2, number]),
            _ => IpAddr::V6(ADDRESSES[usize::from(number) % ADDRESSES.len()]),
        };
        let path = Path::to(destination).with_flow_label(u32::from(number / 64));
        let before = cache.lookup(&path, 9000);
        match call % 12 {
            0..=2 => {
                let length = u32::from(input.u16());
                let report = Report::new(path, mtu).with_packet_length(length);
                let confirmation = match call % 3 {
                    0 => Confirmation::Refused,
                    1 => Confirmation::Unverified,
                    _ => Confirmation::Verified,
                };
                let result = cache.handle_report(now, &report, 9000, confirmation);
                let after = cache.lookup(&path, 9000);
                assert!(after.mtu <= before.mtu);
                assert_eq!(result.is_err(), after == before);
            }
            3 => {
                let _ = cache.handle_probed(now, &path, mtu, 9000);
            }
            4 => cache.forget(&path),
            5 => search.handle_connected(now),
            6 if number == 0 => search.handle_disconnected(now),
            6 => search.handle_data_loss(now, mtu),
            7 => {
                let _ = search.handle_packet_too_big(now, mtu, 9000);
            }
            8 => probe = search.poll_probe().or(probe),
            9 => {
                let _ = probe.map(|probe| search.handle_ack(now, probe));
            }
            10 => {
                let _ = probe.map(|probe| search.handle_loss(now, probe));
            }
            _ => {
                now += Duration::from_millis(u64::from(mtu) * 10);
                cache.handle_timeout(now);
                search.handle_timeout(now);
                assert!(cache.poll_timeout().is_none_or(|at| at > now));
                assert!(search.poll_timeout().is_none_or(|at| at > now));
                while cache.poll_event().is_some() {}
                let _ = search.poll_event();
            }
        }
        assert!(cache.len() <= 4);
        let after = cache.lookup(&path, 9000).mtu;
        let minimum = if path.destination.is_ipv4() { 68 } else { 1280 };
        assert!((minimum..=9000).contains(&after));
        assert!((68..=9000).contains(&search.plpmtu()));
        assert!(search.state() != State::Disabled || search.poll_timeout().is_none());
    }
}
