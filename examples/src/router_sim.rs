//! A router and two hosts in a simulated network, for `examples/router --simulate`: how a host finds
//! its addresses and its router, and how the first packets cross.

use crate::router_config::RouterFile;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use anyhow::{Context as _, Result};
use core::fmt::Write as _;
use core::net::Ipv6Addr;
use core::time::Duration;
use icmp_nd::nd::{Interface, InterfaceConfig, Sent};
use icmp_nd::router::Router;
use icmp_nd::wire::NdMessage;
use packet_buffer::wire::{
    EtherType, EthernetFrame, EthernetRepr, Icmpv6Message, Icmpv6Repr, IpProtocol, Ipv6Packet,
    Ipv6Repr, MacAddr,
};
use packet_buffer::{Instant, PacketBuf};
use std::sync::Mutex;
use testkit::{Discarded, LinkConfig, Network, Node, NodeId, Port, SeededRandom};

const CONFIG: &str = include_str!("../router.toml");

/// What went over the links, in words.
type Log = Arc<Mutex<String>>;

/// A router as a node of the simulation.
struct RouterNode(Router);

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

/// A host that configures itself, sends echo requests when told to, and answers them.
struct HostNode {
    name: &'static str,
    nd: Interface,
    latest: Instant,
    queue: VecDeque<PacketBuf>,
    replies: usize,
    too_big: Option<u32>,
    log: Log,
}

impl HostNode {
    fn new(
        name: &'static str,
        mac: MacAddr,
        mtu: u32,
        random: SeededRandom,
        log: Log,
    ) -> Result<Self> {
        let config = InterfaceConfig {
            link_mtu: mtu,
            ..InterfaceConfig::new(mac)
        };
        let mut nd = Interface::new(config, Box::new(random))?;
        nd.start(Instant::ZERO);
        Ok(Self {
            name,
            nd,
            latest: Instant::ZERO,
            queue: VecDeque::new(),
            replies: 0,
            too_big: None,
            log,
        })
    }

    /// The address that it made from an advertised prefix.
    fn global(&self) -> Option<Ipv6Addr> {
        let addresses = self.nd.addresses().iter().filter(|it| it.is_usable());
        let mut addresses = addresses.map(|it| it.address());
        addresses.find(|it| !it.is_unicast_link_local())
    }

    /// Sends an echo request with `data` octets of data.
    fn ping(&mut self, to: Ipv6Addr, data: usize) -> Result<()> {
        let source = self.nd.select_source(to).context("no source address")?;
        let request = Icmpv6Repr::EchoRequest {
            identifier: 1,
            sequence_number: 1,
        };
        self.send_icmp(source, to, request, &vec![0xa5; data])
    }

    fn send_icmp(
        &mut self,
        source: Ipv6Addr,
        to: Ipv6Addr,
        message: Icmpv6Repr,
        data: &[u8],
    ) -> Result<()> {
        let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, data);
        let header = Ipv6Repr::new(source, to, IpProtocol::ICMPV6);
        message.emit(&mut packet, &header.pseudo_header())?;
        header.emit(&mut packet)?;
        if let Sent::Now(station) = self.nd.send(self.latest, &mut packet)? {
            self.enqueue(station, packet)?;
        }
        Ok(())
    }

    fn enqueue(&mut self, station: MacAddr, mut packet: PacketBuf) -> Result<()> {
        EthernetRepr::new(station, self.nd.link_address(), EtherType::IPV6).emit(&mut packet)?;
        self.queue.push_back(packet);
        Ok(())
    }

    fn receive(&mut self, now: Instant, frame: &[u8]) -> Result<()> {
        let frame = EthernetFrame::parse(frame)?;
        let station = frame.destination();
        anyhow::ensure!(
            station == self.nd.link_address() || station.is_multicast(),
            "for another station"
        );
        let packet = Ipv6Packet::parse(frame.payload())?;
        anyhow::ensure!(self.nd.accepts(packet.destination()), "for another node");
        let upper = packet.upper_layer()?;
        let message = Icmpv6Message::parse(upper.payload)?;
        if NdMessage::is_type(message.message_type()) {
            self.nd.handle_input(now, &packet, &upper)?;
            while let Some(event) = self.nd.poll_event() {
                self.note(&format!("  {}: {event:?}", self.name));
            }
            return Ok(());
        }
        message.verify_checksum(&packet.pseudo_header())?;
        match message.to_repr() {
            Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            } => {
                let reply = Icmpv6Repr::EchoReply {
                    identifier,
                    sequence_number,
                };
                let data = message.payload().to_vec();
                self.send_icmp(packet.destination(), packet.source(), reply, &data)
            }
            Icmpv6Repr::EchoReply { .. } => {
                self.replies += 1;
                Ok(())
            }
            Icmpv6Repr::PacketTooBig { mtu } => {
                self.too_big = Some(mtu);
                Ok(())
            }
            other => anyhow::bail!("nothing to a host: {other:?}"),
        }
    }

    fn note(&self, line: &str) {
        if let Ok(mut log) = self.log.lock() {
            let _ = writeln!(log, "{line}");
        }
    }
}

impl Node for HostNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.latest = self.latest.max(now);
        self.receive(self.latest, frame).map_err(Discarded::new)
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        self.nd.handle_timeout(self.latest);
        while let Some(event) = self.nd.poll_event() {
            self.note(&format!("  {}: {event:?}", self.name));
        }
    }
    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        if let Some(frame) = self.queue.pop_front() {
            *out = frame;
            return Some(0);
        }
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        let station = self.nd.poll_transmit(out)?;
        let header = EthernetRepr::new(station, self.nd.link_address(), EtherType::IPV6);
        header.emit(out).ok()?;
        Some(0)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.nd.poll_timeout()
    }
}

/// Runs the simulation and gives what happened, in words. The same each time.
///
/// # Errors
///
/// When something does not happen that should.
pub fn run() -> Result<String> {
    let mut network = Network::new(1);
    let mut router = Router::new(
        RouterFile::parse(CONFIG)?.to_config()?,
        Box::new(network.random("router")),
    )?;
    router.start(Instant::ZERO);
    let log = Log::default();
    let host = |name, last, mtu, network: &Network| {
        let random = network.random(name);
        HostNode::new(
            name,
            MacAddr([2, 0, 0x5e, 0x10, 2, last]),
            mtu,
            random,
            Arc::clone(&log),
        )
    };
    let router = network.add_node("router", RouterNode(router));
    let alice = host("alice", 1, 9000, &network)?;
    let alice = network.add_node("alice", alice);
    let bob = host("bob", 2, 1500, &network)?;
    let bob = network.add_node("bob", bob);
    network.add_link("wide", alice, (router, 0), LinkConfig::default());
    network.add_link("narrow", bob, (router, 1), LinkConfig::default());

    let note = |line: &str| {
        if let Ok(mut log) = log.lock() {
            let _ = writeln!(log, "{line}");
        }
    };
    note("alice and bob come up; the router tests its addresses and advertises:");
    let address = |network: &Network, node: NodeId| network.node::<HostNode>(node).global();
    network
        .run_until_condition(Instant::from_secs(30), |network| {
            address(network, alice).is_some() && address(network, bob).is_some()
        })
        .map_err(|_| anyhow::anyhow!("no addresses within 30 s"))?;
    let of = |network: &Network, node| address(network, node).context("no address");
    let (from, to) = (of(&network, alice)?, of(&network, bob)?);
    note(&format!(
        "after {} s alice is {from} and bob is {to}; alice pings bob through the router:",
        network.now()
    ));
    network.node_mut::<HostNode>(alice).ping(to, 56)?;
    network
        .run_until_condition(network.now() + Duration::from_secs(5), |network| {
            network.node::<HostNode>(alice).replies == 1
        })
        .map_err(|_| anyhow::anyhow!("no echo reply within 5 s"))?;
    note(&format!("bob has answered; {} s", network.now()));
    note("alice sends 8000 octets, which bob's link does not take:");
    network.node_mut::<HostNode>(alice).ping(to, 8_000 - 48)?;
    network
        .run_until_condition(network.now() + Duration::from_secs(5), |network| {
            network.node::<HostNode>(alice).too_big.is_some()
        })
        .map_err(|_| anyhow::anyhow!("no Packet Too Big within 5 s"))?;
    let too_big = network.node::<HostNode>(alice).too_big;
    note(&format!(
        "  alice: Packet Too Big, MTU {}",
        too_big.unwrap_or_default()
    ));
    note("the router ceases to advertise:");
    let now = network.now();
    network.node_mut::<RouterNode>(router).0.stop(now);
    network.run_for(Duration::from_secs(10));
    let routers = network.node::<HostNode>(alice).nd.default_routers().count();
    anyhow::ensure!(routers == 0, "alice still has a default router");
    note("alice and bob have no default router any more");
    let log = log.lock().map_err(|_| anyhow::anyhow!("the log is lost"))?;
    Ok(log.clone())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_simulation_comes_to_its_end() {
        let text = super::run().unwrap();
        assert!(text.contains("Packet Too Big, MTU 1500"), "{text}");
        assert!(text.contains("DnsServer(2001:db8:1::53)"), "{text}");
        assert_eq!(text, super::run().unwrap());
    }
}
