//! A host under the checks of the machine contract, with frames made and read by hand.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use icmp_nd::host::{Event, Host, HostConfig, Outgoing, Received};
use icmp_nd::neighbor::State;
use icmp_nd::wire::{
    NdMessage, NdOptionRepr, NdRepr, NeighborAdvertisementRepr, PrefixInformation,
    RouterAdvertisementRepr,
};
use icmp_nd::{Instant, PacketBuf};
use packet_buffer::wire::{
    ArpPacket, ArpRepr, EtherType, EthernetFrame, EthernetRepr, Icmpv4Message, Icmpv4Repr,
    Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, MacAddr,
    UdpRepr,
};
use testkit::{Contract, ContractChecker, Discarded, SeededRandom};

pub(crate) use crate::exercise::HostNode;

pub(crate) const OWN: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub(crate) const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
pub(crate) const ROUTER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xfe]);

pub(crate) fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The link-local address of a station with an EUI-64 identifier.
pub(crate) fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let mut octets = [
        0xfe,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        a ^ 2,
        b,
        c,
        0xff,
        0xfe,
        d,
        e,
        f,
    ];
    octets[8] = a ^ 2;
    octets.into()
}

/// What a frame says, as far as the tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Arp(ArpRepr),
    Nd {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        message: NdRepr,
        options: Vec<NdOptionRepr<'static>>,
    },
    Icmpv6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
        message: Icmpv6Repr,
        payload: Vec<u8>,
    },
    Icmpv4 {
        source: Ipv4Addr,
        destination: Ipv4Addr,
        message: Icmpv4Repr,
        payload: Vec<u8>,
    },
    Other(IpProtocol),
}

/// A frame with its checksums checked.
pub(crate) fn read(frame: &[u8]) -> (MacAddr, Said) {
    let frame = EthernetFrame::parse(frame).unwrap();
    let destination = frame.destination();
    let said = match frame.ethertype() {
        EtherType::ARP => Said::Arp(
            ArpPacket::parse(frame.payload())
                .unwrap()
                .to_repr()
                .unwrap(),
        ),
        EtherType::IPV4 => {
            let ip = Ipv4Packet::parse(frame.payload()).unwrap();
            ip.verify_checksum().unwrap();
            if ip.protocol() == IpProtocol::ICMP && !ip.is_fragment() {
                let icmp = Icmpv4Message::parse(ip.payload()).unwrap();
                icmp.verify_checksum().unwrap();
                Said::Icmpv4 {
                    source: ip.source(),
                    destination: ip.destination(),
                    message: icmp.to_repr(),
                    payload: icmp.payload().to_vec(),
                }
            } else {
                Said::Other(ip.protocol())
            }
        }
        _ => read_ipv6(frame.payload()),
    };
    (destination, said)
}

fn read_ipv6(packet: &[u8]) -> Said {
    let ip = Ipv6Packet::parse(packet).unwrap();
    let upper = ip.upper_layer().unwrap();
    if upper.protocol != IpProtocol::ICMPV6 || upper.fragment.is_some() {
        return Said::Other(upper.protocol);
    }
    let icmp = Icmpv6Message::parse(upper.payload).unwrap();
    icmp.verify_checksum(&ip.pseudo_header()).unwrap();
    if NdMessage::is_type(icmp.message_type()) {
        assert_eq!(ip.hop_limit(), 255);
        let message = NdMessage::parse(upper.payload).unwrap();
        return Said::Nd {
            source: ip.source(),
            destination: ip.destination(),
            message: message.to_repr(),
            options: message
                .options()
                .iter()
                .map(|it| it.to_repr().into_owned())
                .collect(),
        };
    }
    Said::Icmpv6 {
        source: ip.source(),
        destination: ip.destination(),
        hop_limit: ip.hop_limit(),
        message: icmp.to_repr(),
        payload: icmp.payload().to_vec(),
    }
}

/// Puts an Ethernet header in front.
pub(crate) fn frame(
    source: MacAddr,
    destination: MacAddr,
    ethertype: EtherType,
    mut packet: PacketBuf,
) -> Vec<u8> {
    let header = EthernetRepr::new(destination, source, ethertype);
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// Where a frame to an IPv6 destination goes, when unicast goes to the host under test.
fn mac_of(destination: Ipv6Addr) -> MacAddr {
    if destination.is_multicast() {
        MacAddr::for_ipv6_multicast(destination)
    } else {
        OWN
    }
}

pub(crate) fn nd(
    from: MacAddr,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: NdRepr,
    options: &[NdOptionRepr<'_>],
) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    message
        .emit_packet(options, &mut packet, source, destination)
        .unwrap();
    frame(from, mac_of(destination), EtherType::IPV6, packet)
}

pub(crate) fn solicitation(from: MacAddr, source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let message = NdRepr::NeighborSolicitation { target };
    let options = [NdOptionRepr::SourceLinkLayerAddress(from)];
    let options = if source.is_unspecified() {
        &[][..]
    } else {
        &options[..]
    };
    let group = icmp_nd::wire::solicited_node(target);
    nd(from, source, group, message, options)
}

pub(crate) fn advertisement(
    from: MacAddr,
    target: Ipv6Addr,
    destination: Ipv6Addr,
    flags: &str,
    link_address: Option<MacAddr>,
) -> Vec<u8> {
    let message = NdRepr::NeighborAdvertisement(NeighborAdvertisementRepr {
        router: flags.contains('R'),
        solicited: flags.contains('S'),
        override_: flags.contains('O'),
        target,
    });
    let option = link_address.map(NdOptionRepr::TargetLinkLayerAddress);
    nd(from, target, destination, message, option.as_slice())
}

pub(crate) fn router_advertisement(
    from: MacAddr,
    lifetime: u16,
    options: &[NdOptionRepr<'_>],
) -> Vec<u8> {
    let message = RouterAdvertisementRepr {
        router_lifetime: lifetime,
        ..RouterAdvertisementRepr::default()
    };
    router_advertisement_with(from, message, options)
}

pub(crate) fn router_advertisement_with(
    from: MacAddr,
    message: RouterAdvertisementRepr,
    options: &[NdOptionRepr<'_>],
) -> Vec<u8> {
    let mut all = vec![NdOptionRepr::SourceLinkLayerAddress(from)];
    all.extend_from_slice(options);
    let message = NdRepr::RouterAdvertisement(message);
    nd(from, link_local(from), v6("ff02::1"), message, &all)
}

pub(crate) fn prefix(text: &str, flags: &str, lifetime: u32) -> NdOptionRepr<'static> {
    let (address, length) = text.split_once('/').unwrap();
    NdOptionRepr::PrefixInformation(PrefixInformation {
        address: v6(address),
        prefix_length: length.parse().unwrap(),
        on_link: flags.contains('L'),
        autonomous: flags.contains('A'),
        router_address: false,
        valid_lifetime: lifetime,
        preferred_lifetime: lifetime,
    })
}

pub(crate) fn echo6(from: MacAddr, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    icmpv6(from, source, destination, ECHO6, b"echo data")
}

pub(crate) const ECHO6: Icmpv6Repr = Icmpv6Repr::EchoRequest {
    identifier: 7,
    sequence_number: 1,
};

pub(crate) fn icmpv6(
    from: MacAddr,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    message: Icmpv6Repr,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = PacketBuf::from_slice(64, payload);
    let ip = Ipv6Repr::new(source, destination, IpProtocol::ICMPV6);
    message.emit(&mut packet, &ip.pseudo_header()).unwrap();
    ip.emit(&mut packet).unwrap();
    frame(from, mac_of(destination), EtherType::IPV6, packet)
}

pub(crate) fn icmpv4(
    from: MacAddr,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    message: Icmpv4Repr,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = PacketBuf::from_slice(64, payload);
    message.emit(&mut packet).unwrap();
    Ipv4Repr::new(source, destination, IpProtocol::ICMP)
        .emit(&mut packet)
        .unwrap();
    let to = if destination.octets()[3] == 255 {
        MacAddr::BROADCAST
    } else {
        OWN
    };
    frame(from, to, EtherType::IPV4, packet)
}

pub(crate) fn arp(to: MacAddr, packet: ArpRepr) -> Vec<u8> {
    let mut out = PacketBuf::with_headroom(64);
    packet.emit(&mut out).unwrap();
    frame(packet.sender_hardware_address, to, EtherType::ARP, out)
}

/// One host, driven by hand.
pub(crate) struct Bench {
    pub(crate) checker: ContractChecker<HostNode>,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<(Instant, Vec<u8>)>,
}

impl Bench {
    /// A host that has been up for ten seconds: its addresses are assigned, and what it said until
    /// then is forgotten.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut HostConfig)) -> Self {
        let mut bench = Self::fresh(|config| {
            config.nd.solicitation.enabled = false;
            change(config);
        });
        bench.start();
        bench.run_for(secs(10));
        bench.sent.clear();
        bench
    }

    /// A host whose link is down.
    pub(crate) fn fresh(change: impl FnOnce(&mut HostConfig)) -> Self {
        let mut config = HostConfig::new(OWN);
        change(&mut config);
        let node = HostNode::new(config, 1);
        let mut checker = ContractChecker::new("host", node, SeededRandom::new(2));
        checker.set_contract(Contract::default());
        Self {
            checker,
            now: Instant::from_secs(1),
            sent: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self) {
        let now = self.now;
        let node = self.checker.node_mut();
        node.host.start(now);
        node.host
            .add_ipv4_address(now, v4("192.0.2.1"), 24)
            .unwrap();
        self.settle();
    }

    pub(crate) fn host(&self) -> &Host {
        &self.checker.node().host
    }

    pub(crate) fn host_mut(&mut self) -> &mut Host {
        &mut self.checker.node_mut().host
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.checker.node_mut().events)
    }

    pub(crate) fn received(&mut self) -> Vec<(Received, Vec<u8>)> {
        core::mem::take(&mut self.checker.node_mut().received)
    }

    pub(crate) fn settle(&mut self) {
        let (now, sent) = (self.now, &mut self.sent);
        self.checker
            .settle(now, |_, frame| sent.push((now, frame.to_vec())));
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while let Some(at) = self.checker.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.checker.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub(crate) fn input(&mut self, frame: &[u8]) -> Result<(), Discarded> {
        let result = self.checker.handle_input(self.now, 0, frame);
        self.settle();
        result
    }

    /// An input that has to be taken.
    pub(crate) fn take(&mut self, frame: &[u8]) {
        self.input(frame).unwrap();
    }

    /// An input that has to be refused, for this reason.
    pub(crate) fn refuse(&mut self, frame: &[u8], reason: &str) {
        let discarded = self.input(frame).unwrap_err();
        assert!(
            discarded.reason().contains(reason),
            "{discarded} is not {reason}"
        );
    }

    /// Sends a UDP datagram.
    pub(crate) fn send(&mut self, destination: impl Into<IpAddr>) {
        self.try_send(destination).unwrap();
    }

    pub(crate) fn try_send(
        &mut self,
        destination: impl Into<IpAddr>,
    ) -> Result<(), icmp_nd::host::SendError> {
        self.send_octets(destination.into(), b"data", false)
    }

    pub(crate) fn send_octets(
        &mut self,
        destination: IpAddr,
        octets: &[u8],
        dont_fragment: bool,
    ) -> Result<(), icmp_nd::host::SendError> {
        let now = self.now;
        let host = self.host_mut();
        let source = host.select_source(destination);
        let source = source.ok_or(icmp_nd::host::SendError::NoSource)?;
        let pseudo_header = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Ipv4Repr::new(source, destination, IpProtocol::UDP).pseudo_header()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Ipv6Repr::new(source, destination, IpProtocol::UDP).pseudo_header()
            }
            _ => unreachable!(),
        };
        let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, octets);
        let udp = UdpRepr {
            source_port: 1000,
            destination_port: 2000,
        };
        udp.emit(&mut packet, &pseudo_header).unwrap();
        let outgoing = Outgoing {
            dont_fragment,
            ..Outgoing::new(destination, IpProtocol::UDP)
        };
        let result = host.send(now, &outgoing, &mut packet);
        self.settle();
        result
    }

    /// What was sent since it was last asked.
    pub(crate) fn said(&mut self) -> Vec<(MacAddr, Said)> {
        let sent = core::mem::take(&mut self.sent);
        sent.iter().map(|(_, frame)| read(frame)).collect()
    }

    /// The solicitations among it: when, where to, and for whom.
    pub(crate) fn solicitations(&mut self) -> Vec<(Instant, MacAddr, Ipv6Addr)> {
        let sent = core::mem::take(&mut self.sent);
        let of = |(at, frame): &(Instant, Vec<u8>)| match read(frame) {
            (
                to,
                Said::Nd {
                    message: NdRepr::NeighborSolicitation { target },
                    ..
                },
            ) => Some((*at, to, target)),
            _ => None,
        };
        sent.iter().filter_map(of).collect()
    }

    /// The station to which the UDP datagrams went.
    pub(crate) fn udp(&mut self) -> Vec<MacAddr> {
        let said = self.said();
        let udp = said
            .into_iter()
            .filter(|(_, said)| *said == Said::Other(IpProtocol::UDP));
        udp.map(|(to, _)| to).collect()
    }

    pub(crate) fn state(&self, address: Ipv6Addr) -> Option<State> {
        self.host()
            .nd()
            .neighbors()
            .get(address)
            .map(|it| it.state())
    }

    /// Makes `address` a REACHABLE neighbor at `mac`.
    pub(crate) fn make_reachable(&mut self, address: Ipv6Addr, mac: MacAddr) {
        self.send(address);
        self.take(&advertisement(
            mac,
            address,
            link_local(OWN),
            "SO",
            Some(mac),
        ));
        assert_eq!(self.state(address), Some(State::Reachable));
        self.sent.clear();
    }
}
