//! What these tests share: messages, and nodes of the simulated network.

use icmp_nd::address::ManualAddress;
use icmp_nd::nd::{Interface, InterfaceConfig, Sent};
use icmp_nd::router::{AdvertisedPrefix, AdvertiserConfig, Router, RouterConfig, RouterInterface};
use icmp_nd::validation::{NdLimits, ValidNd, nd};
use icmp_nd::wire::{NdMessage, NdOptionRepr, NdRepr};
use packet_buffer::wire::{
    EtherType, EthernetFrame, EthernetRepr, Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv6Packet,
    Ipv6Repr, MacAddr, UdpRepr,
};
use packet_buffer::{Instant, PacketBuf};
use std::collections::VecDeque;
use std::net::Ipv6Addr;
use testkit::{Discarded, Node, Port, SeededRandom};

pub(crate) const ROUTER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
pub(crate) const HOST_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 1]);

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// A message with its IPv6 header.
pub(crate) fn message(
    repr: NdRepr,
    options: &[NdOptionRepr<'_>],
    source: &str,
    destination: &str,
) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom(64);
    repr.emit_packet(options, &mut packet, ip(source), ip(destination))
        .unwrap();
    packet.as_slice().to_vec()
}

/// Hands a message to `use_it`, validated.
pub(crate) fn validated<T>(packet: &[u8], use_it: impl FnOnce(&ValidNd<'_>) -> T) -> T {
    let packet = Ipv6Packet::parse(packet).unwrap();
    let upper = packet.upper_layer().unwrap();
    use_it(&nd(&packet, &upper, &NdLimits::default()).unwrap())
}

/// A router as a node of the simulation.
pub(crate) struct RouterNode(pub(crate) Router);

impl Node for RouterNode {
    fn handle_input(&mut self, now: Instant, port: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.0
            .handle_input(now, port, frame)
            .map_err(Discarded::new)
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        self.0.poll_transmit(out)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

/// Two interfaces, 2001:db8:1::/64 with an MTU of 9000 and 2001:db8:2::/64 with 1500, both advertised.
pub(crate) fn two_links() -> RouterConfig {
    let interface = |number: u8, mtu: u32| {
        let prefix = format!("2001:db8:{number}::");
        let mac = MacAddr([2, 0, 0, 0, 1, number]);
        let mut interface = RouterInterface::new(mac);
        interface.nd.link_mtu = mtu;
        let address = ip(&format!("{prefix}1"));
        interface.addresses.push(ManualAddress::new(address, 64));
        let prefix = format!("{prefix}/64").parse().unwrap();
        interface.advertise = Some(AdvertiserConfig {
            prefixes: vec![AdvertisedPrefix::new(prefix)],
            link_address: Some(mac),
            ..AdvertiserConfig::default()
        });
        interface
    };
    RouterConfig::new(vec![interface(1, 9000), interface(2, 1500)])
}

pub(crate) fn router(config: RouterConfig, random: SeededRandom) -> RouterNode {
    let mut router = Router::new(config, Box::new(random)).unwrap();
    router.start(Instant::ZERO);
    RouterNode(router)
}

/// What a host has received that is not Neighbor Discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) source: Ipv6Addr,
    pub(crate) hop_limit: u8,
    pub(crate) message: Icmpv6Repr,
    pub(crate) length: usize,
}

/// A host that configures itself, sends what it is told to, and answers echo requests.
pub(crate) struct HostNode {
    pub(crate) nd: Interface,
    latest: Instant,
    queue: VecDeque<PacketBuf>,
    pub(crate) received: Vec<Received>,
}

impl HostNode {
    pub(crate) fn new(last: u8, mtu: u32, random: SeededRandom) -> Self {
        let config = InterfaceConfig {
            link_mtu: mtu,
            ..InterfaceConfig::new(MacAddr([2, 0, 0, 0, 2, last]))
        };
        let mut nd = Interface::new(config, Box::new(random)).unwrap();
        nd.start(Instant::ZERO);
        Self {
            nd,
            latest: Instant::ZERO,
            queue: VecDeque::new(),
            received: Vec::new(),
        }
    }

    pub(crate) fn global(&self) -> Option<Ipv6Addr> {
        let addresses = self.nd.addresses().iter().filter(|it| it.is_usable());
        let mut addresses = addresses.map(|it| it.address());
        addresses.find(|it| !it.is_unicast_link_local())
    }

    /// Sends an echo request in a packet of `length` octets.
    pub(crate) fn ping(&mut self, to: Ipv6Addr, length: usize) {
        let source = self.nd.select_source(to).unwrap();
        let header = Ipv6Repr::new(source, to, IpProtocol::ICMPV6);
        self.ping_with(header, length);
    }

    pub(crate) fn ping_with(&mut self, header: Ipv6Repr, length: usize) {
        let request = Icmpv6Repr::EchoRequest {
            identifier: 1,
            sequence_number: 1,
        };
        self.send_icmp(header, request, &vec![0xa5; length - 48]);
    }

    pub(crate) fn send_udp(&mut self, to: Ipv6Addr) {
        let source = self.nd.select_source(to).unwrap();
        let header = Ipv6Repr::new(source, to, IpProtocol::UDP);
        let mut packet = PacketBuf::from_slice(128, b"hello");
        let ports = UdpRepr {
            source_port: 4000,
            destination_port: 9,
        };
        ports.emit(&mut packet, &header.pseudo_header()).unwrap();
        header.emit(&mut packet).unwrap();
        self.send(packet);
    }

    pub(crate) fn send_icmp(&mut self, header: Ipv6Repr, message: Icmpv6Repr, data: &[u8]) {
        let mut packet = PacketBuf::from_slice(128, data);
        message.emit(&mut packet, &header.pseudo_header()).unwrap();
        header.emit(&mut packet).unwrap();
        self.send(packet);
    }

    fn send(&mut self, mut packet: PacketBuf) {
        if let Sent::Now(station) = self.nd.send(self.latest, &mut packet).unwrap() {
            self.send_to(station, packet);
        }
    }

    /// Past Neighbor Discovery.
    pub(crate) fn send_to(&mut self, station: MacAddr, mut packet: PacketBuf) {
        let own = self.nd.link_address();
        let header = EthernetRepr::new(station, own, EtherType::IPV6);
        header.emit(&mut packet).unwrap();
        self.queue.push_back(packet);
    }

    fn receive(&mut self, frame: &[u8]) -> Result<(), Discarded> {
        let frame = EthernetFrame::parse(frame).map_err(Discarded::new)?;
        let station = frame.destination();
        if station != self.nd.link_address() && !station.is_multicast() {
            return Err(Discarded::new("for another station"));
        }
        let packet = Ipv6Packet::parse(frame.payload()).map_err(Discarded::new)?;
        if !self.nd.accepts(packet.destination()) {
            return Err(Discarded::new("for another node"));
        }
        let upper = packet.upper_layer().map_err(Discarded::new)?;
        let message = Icmpv6Message::parse(upper.payload).map_err(Discarded::new)?;
        if NdMessage::is_type(message.message_type()) {
            let result = self.nd.handle_input(self.latest, &packet, &upper);
            return result.map_err(Discarded::new);
        }
        let addresses = packet.pseudo_header();
        if upper.fragment.is_none() {
            message
                .verify_checksum(&addresses)
                .map_err(Discarded::new)?;
        }
        self.received.push(Received {
            source: packet.source(),
            hop_limit: packet.hop_limit(),
            message: message.to_repr(),
            length: packet.as_slice().len(),
        });
        if let Icmpv6Repr::EchoRequest {
            identifier,
            sequence_number,
        } = message.to_repr()
        {
            let reply = Icmpv6Repr::EchoReply {
                identifier,
                sequence_number,
            };
            let (source, to) = (packet.destination(), packet.source());
            let data = message.payload().to_vec();
            self.send_icmp(Ipv6Repr::new(source, to, IpProtocol::ICMPV6), reply, &data);
        }
        Ok(())
    }
}

impl Node for HostNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.latest = self.latest.max(now);
        self.receive(frame)
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.nd.handle_timeout(self.latest);
    }
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        if let Some(frame) = self.queue.pop_front() {
            *out = frame;
            return Some(0);
        }
        out.reset(64);
        let station = self.nd.poll_transmit(out)?;
        let header = EthernetRepr::new(station, self.nd.link_address(), EtherType::IPV6);
        header.emit(out).unwrap();
        Some(0)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.nd.poll_timeout()
    }
}
