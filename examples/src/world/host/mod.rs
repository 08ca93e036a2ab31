//! A host: the IP layer of `icmp_nd`, TCP of `smoltcp`, datagrams, pings and traces.

mod events;
mod segments;

use super::journal::Journal;
use super::tcp::{Fetch, TcpStack};
use crate::gateway::packets::pseudo_header;
use alloc::collections::VecDeque;
use anyhow::{Context as _, Result, ensure};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use icmp_nd::address::ManualAddress;
use icmp_nd::host::{Host, HostConfig, Outgoing, Rejection};
use icmp_nd::ping::{self, PingConfig, Pinger, Target, TargetStats};
use icmp_nd::probe::IcmpError;
use icmp_nd::traceroute::{Traceroute, TracerouteConfig};
use packet_buffer::wire::{
    IpPacket, IpProtocol, Ipv4Prefix, Ipv6Prefix, MacAddr, UdpDatagram, UdpRepr,
};
use packet_buffer::{Instant, PacketBuf, RandomSource as _};
use testkit::{Discarded, Node, Port, SeededRandom};

/// The port of the echo service (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// Datagrams that are kept.
const MAX_DATAGRAMS: usize = 10_000;

/// Errors about one ping that are kept.
const MAX_ERRORS: usize = 100;

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct HostSetup {
    /// Its link-layer address.
    pub link_address: MacAddr,
    /// The largest packet of its link, in octets.
    pub mtu: u32,
    /// Addresses with the lengths of their prefixes; of IPv6, routers tell others.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The gateway for IPv4.
    pub gateway: Option<Ipv4Addr>,
    /// Neighbors that are remembered, for each version.
    pub max_neighbors: Option<usize>,
}

/// A datagram that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// When.
    pub at: Instant,
    /// Who sent it.
    pub source: SocketAddr,
    /// To which of the host's ports.
    pub port: u16,
    /// Its data.
    pub data: Vec<u8>,
}

/// An ICMP error that came about a packet that this host has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// When.
    pub at: Instant,
    /// What it says.
    pub text: String,
}

/// A ping that was asked for.
struct Pinging {
    pinger: Pinger,
    target: ping::TargetId,
    name: String,
    errors: Vec<(IpAddr, IcmpError)>,
}

/// A host; see the [module's documentation](self).
pub struct HostNode {
    name: String,
    journal: Journal,
    host: Host,
    random: SeededRandom,
    tcp: TcpStack,
    addresses: Vec<IpAddr>,
    pings: Vec<Pinging>,
    traces: Vec<Traceroute>,
    datagrams: VecDeque<Datagram>,
    listens: Vec<u16>,
    echoes: u64,
    not_sent: Vec<String>,
    path_mtus: Vec<(Instant, String)>,
    tcp_timeout: Option<Instant>,
    latest: Instant,
}

impl HostNode {
    /// A host whose link is up.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn new(
        name: &str,
        setup: HostSetup,
        random: SeededRandom,
        journal: &Journal,
    ) -> Result<Self> {
        let mut config = HostConfig::with_mtu(setup.link_address, setup.mtu);
        config.protocols = vec![IpProtocol::UDP, IpProtocol::TCP];
        if let Some(most) = setup.max_neighbors {
            config.nd.neighbor.max_entries = most;
            config.arp.neighbor.max_entries = most;
        }
        let mut host = Host::new(config, Box::new(random.fork("host")))?;
        let start = Instant::ZERO;
        host.start(start);
        for (address, length) in setup.addresses {
            match address {
                IpAddr::V4(address) => host.add_ipv4_address(start, address, length)?,
                IpAddr::V6(address) => {
                    host.add_ipv6_address(start, &ManualAddress::new(address, length))?;
                    let prefix = Ipv6Prefix::new(address, length).context("a prefix")?;
                    ensure!(host.add_ipv6_prefix(prefix), "too many prefixes");
                }
            }
        }
        if let Some(gateway) = setup.gateway {
            ensure!(
                host.add_ipv4_route(Ipv4Prefix::ALL, gateway),
                "too many routes"
            );
        }
        let seed = random.fork("tcp").next_u64();
        Ok(Self {
            name: name.to_owned(),
            journal: journal.clone(),
            host,
            tcp: TcpStack::new(usize::try_from(setup.mtu)?, seed),
            random,
            addresses: Vec::new(),
            pings: Vec::new(),
            traces: Vec::new(),
            datagrams: VecDeque::new(),
            listens: vec![ECHO_PORT],
            echoes: 0,
            not_sent: Vec::new(),
            path_mtus: Vec::new(),
            tcp_timeout: None,
            latest: Instant::ZERO,
        })
    }

    /// The IP layer, to look at.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The IP layer, to change it.
    pub const fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// TCP, to look at.
    pub const fn tcp(&self) -> &TcpStack {
        &self.tcp
    }

    /// The usable addresses beyond the link.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The first usable address of a version beyond the link.
    pub fn address(&self, is_v6: bool) -> Option<IpAddr> {
        self.addresses
            .iter()
            .copied()
            .find(|it| it.is_ipv6() == is_v6)
    }

    /// Datagrams that came to ports that are listened to, oldest first.
    pub const fn datagrams(&self) -> &VecDeque<Datagram> {
        &self.datagrams
    }

    /// Datagrams that were sent back by the echo service.
    pub const fn echoes(&self) -> u64 {
        self.echoes
    }

    /// Why packets could not be sent.
    pub fn not_sent(&self) -> &[String] {
        &self.not_sent
    }

    /// Changes of path MTUs, in words.
    pub fn path_mtus(&self) -> &[(Instant, String)] {
        &self.path_mtus
    }

    /// Serves a page by TCP.
    pub fn serve(&mut self, port: u16, page: Vec<u8>) {
        self.tcp.serve(port, page);
    }

    /// Keeps datagrams to a port.
    pub fn listen(&mut self, port: u16) {
        self.listens.push(port);
    }

    /// Asks a server for its page; the number of the request.
    ///
    /// # Errors
    ///
    /// When there is no address to ask from.
    pub fn fetch(&mut self, now: Instant, server: SocketAddr, patience: Duration) -> Result<usize> {
        let source = self.host.select_source(server.ip());
        let source =
            source.with_context(|| format!("{} has no address for {server}", self.name))?;
        let number = self.tcp.fetch(now, source, server, patience);
        self.settle(now);
        Ok(number)
    }

    /// What became of a request.
    ///
    /// # Errors
    ///
    /// When there was none of that number.
    pub fn fetched(&self, number: usize) -> Result<&Fetch> {
        self.tcp
            .fetched(number)
            .context("there was no such request")
    }

    /// Sends a datagram.
    ///
    /// # Errors
    ///
    /// When it cannot be sent.
    pub fn send_udp(
        &mut self,
        now: Instant,
        port: u16,
        to: SocketAddr,
        data: &[u8],
        dont_fragment: bool,
    ) -> Result<()> {
        let source = self.host.select_source(to.ip());
        let source = source.with_context(|| format!("{} has no address for {to}", self.name))?;
        let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, data);
        let header = UdpRepr {
            source_port: port,
            destination_port: to.port(),
        };
        header.emit(&mut packet, &pseudo_header(source, to.ip())?)?;
        let mut outgoing = Outgoing::new(to.ip(), IpProtocol::UDP).from(source);
        outgoing.dont_fragment = dont_fragment;
        self.host.send(now, &outgoing, &mut packet)?;
        Ok(())
    }

    /// Sends an IP packet of whatever content.
    pub fn send_raw(&mut self, now: Instant, mut packet: PacketBuf) {
        if let Err(why) = self.host.send_packet(now, &mut packet) {
            self.note_not_sent(&why);
        }
    }

    fn note_not_sent(&mut self, why: &icmp_nd::host::SendError) {
        if self.not_sent.len() < 1_000 {
            self.not_sent.push(why.to_string());
        }
    }

    /// Pings; the number of the ping.
    ///
    /// # Errors
    ///
    /// When there is no address to ask from.
    pub fn ping(&mut self, now: Instant, to: IpAddr, config: PingConfig) -> Result<usize> {
        let source = self.host.select_source(to);
        let source = source.with_context(|| format!("{} has no address for {to}", self.name))?;
        let random = self.random.fork(&format!("ping {}", self.pings.len()));
        let mut pinger = Pinger::new(config, Box::new(random))?;
        let target = pinger.add_target(now, Target::new(source, to))?;
        pinger.handle_timeout(now);
        self.pings.push(Pinging {
            pinger,
            target,
            name: to.to_string(),
            errors: Vec::new(),
        });
        self.settle(now);
        Ok(self.pings.len() - 1)
    }

    /// What came of a ping.
    ///
    /// # Errors
    ///
    /// When there was none of that number.
    pub fn pinged(&self, number: usize) -> Result<&TargetStats> {
        let ping = self.pings.get(number);
        let stats = ping.and_then(|it| it.pinger.target_stats(it.target));
        stats.context("there was no such ping")
    }

    /// The errors that came about a ping, and from whom.
    ///
    /// # Errors
    ///
    /// When there was none of that number.
    pub fn ping_errors(&self, number: usize) -> Result<&[(IpAddr, IcmpError)]> {
        let ping = self.pings.get(number).context("there was no such ping")?;
        Ok(&ping.errors)
    }

    /// Whether a ping is over.
    pub fn has_pinged(&self, number: usize) -> bool {
        self.pings
            .get(number)
            .is_none_or(|it| it.pinger.is_finished())
    }

    /// Traces a path; the number of the trace. `config` gets the source.
    ///
    /// # Errors
    ///
    /// When there is no address to ask from, or the configuration makes no sense.
    pub fn trace(
        &mut self,
        now: Instant,
        to: IpAddr,
        change: impl FnOnce(&mut TracerouteConfig),
    ) -> Result<usize> {
        let source = self.host.select_source(to);
        let source = source.with_context(|| format!("{} has no address for {to}", self.name))?;
        let mut config = TracerouteConfig::new(source, to);
        change(&mut config);
        let random = self.random.fork(&format!("trace {}", self.traces.len()));
        let mut trace = Traceroute::new(now, config, Box::new(random))?;
        trace.handle_timeout(now);
        self.traces.push(trace);
        self.settle(now);
        Ok(self.traces.len() - 1)
    }

    /// A trace.
    ///
    /// # Errors
    ///
    /// When there was none of that number.
    pub fn traced(&self, number: usize) -> Result<&Traceroute> {
        self.traces.get(number).context("there was no such trace")
    }

    fn settle(&mut self, now: Instant) {
        let mut packet = PacketBuf::new();
        while let Some(received) = self.host.poll_receive(&mut packet) {
            match received.protocol {
                IpProtocol::TCP => self.tcp.handle_input(now, packet.as_slice()),
                IpProtocol::UDP => self.receive_udp(now, &received, packet.as_slice()),
                _ => {
                    for ping in &mut self.pings {
                        let _ = ping.pinger.handle_input(now, packet.as_slice());
                    }
                    for trace in &mut self.traces {
                        let _ = trace.handle_input(now, packet.as_slice());
                    }
                }
            }
        }
        self.follow_events(now);
        self.follow_addresses();
        self.tcp.run(now);
        while let Some(octets) = self.tcp.poll_transmit() {
            for segment in self.fit_path(&octets) {
                self.send_raw(now, segment);
            }
        }
        let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        for ping in &mut self.pings {
            while ping.pinger.poll_transmit(&mut packet).is_some() {
                // One that cannot be sent counts as lost.
                let _ = self.host.send_packet(now, &mut packet);
                packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
            }
            while let Some(event) = ping.pinger.poll_event() {
                let state = match event {
                    ping::Event::Reply(reply) => format!("{} answered", reply.sequence),
                    ping::Event::Error {
                        sequence,
                        error,
                        from,
                        ..
                    } => {
                        if ping.errors.len() < MAX_ERRORS {
                            ping.errors.push((from, error));
                        }
                        format!("{sequence}: {error}")
                    }
                    ping::Event::Timeout { sequence, .. } => format!("{sequence} lost"),
                    _ => continue,
                };
                let machine = format!("ping {}", ping.name);
                self.journal.state(now, &self.name, &machine, state);
            }
        }
        for trace in &mut self.traces {
            while trace.poll_transmit(&mut packet).is_some() {
                let _ = self.host.send_packet(now, &mut packet);
                packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
            }
            while trace.poll_event().is_some() {}
        }
        self.tcp_timeout = self.tcp.poll_timeout(now);
    }

    fn receive_udp(&mut self, now: Instant, received: &icmp_nd::host::Received, octets: &[u8]) {
        let payload = octets.get(received.payload_offset..).unwrap_or_default();
        let parsed = IpPacket::parse(octets).and_then(|packet| {
            let datagram = UdpDatagram::parse(payload)?;
            datagram.verify_checksum(&packet.pseudo_header())?;
            Ok(datagram)
        });
        let Ok(datagram) = parsed else { return };
        // A trace may wait for what comes to its own port.
        let port = datagram.destination_port();
        if !self.listens.contains(&port) {
            // Whether an error may be sent is the IP layer's to judge; it counts.
            let _ = self.host.reject(now, received, octets, Rejection::Port);
            return;
        }
        let source = SocketAddr::new(received.source, datagram.source_port());
        if port == ECHO_PORT && datagram.source_port() != ECHO_PORT {
            self.echoes += 1;
            let data = datagram.payload().to_vec();
            let _ = self.send_udp(now, ECHO_PORT, source, &data, false);
        }
        if self.datagrams.len() == MAX_DATAGRAMS {
            self.datagrams.pop_front();
        }
        self.datagrams.push_back(Datagram {
            at: now,
            source,
            port,
            data: datagram.payload().to_vec(),
        });
    }

    fn follow_addresses(&mut self) {
        let v4 = self
            .host
            .arp()
            .addresses()
            .iter()
            .filter(|it| it.is_assigned());
        let v4 = v4.map(|it| IpAddr::V4(it.address()));
        let v6 = self.host.nd().addresses().iter();
        let v6 = v6.filter(|it| it.is_usable() && !it.address().is_unicast_link_local());
        let addresses: Vec<IpAddr> = v4.chain(v6.map(|it| IpAddr::V6(it.address()))).collect();
        if addresses != self.addresses {
            self.tcp.set_addresses(&addresses);
            self.addresses = addresses;
        }
    }

    /// The neighbors: address, link-layer address, state.
    pub fn neighbor_rows(&self) -> Vec<Vec<String>> {
        let v4 = self.host.arp().neighbors().iter();
        let v6 = self.host.nd().neighbors().iter();
        v4.map(|(address, it)| (address.to_string(), it))
            .chain(v6.map(|(address, it)| (address.to_string(), it)))
            .map(|(address, it)| {
                vec![
                    address,
                    it.link_address()
                        .map_or_else(|| "?".to_owned(), |it| it.to_string()),
                    format!("{:?}", it.state()).to_lowercase(),
                ]
            })
            .collect()
    }
}

impl Node for HostNode {
    fn handle_input(&mut self, now: Instant, _: Port, frame: &[u8]) -> Result<(), Discarded> {
        self.latest = self.latest.max(now);
        let now = self.latest;
        let result = self.host.handle_input(now, frame).map_err(Discarded::new);
        self.settle(now);
        result
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        self.host.handle_timeout(now);
        for ping in &mut self.pings {
            ping.pinger.handle_timeout(now);
        }
        for trace in &mut self.traces {
            trace.handle_timeout(now);
        }
        self.settle(now);
    }

    fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Port> {
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        let sent = self.host.poll_transmit(out);
        sent.map(|_| 0)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let pings = self.pings.iter().filter_map(|it| it.pinger.poll_timeout());
        let traces = self.traces.iter().filter_map(Traceroute::poll_timeout);
        let machines = [self.host.poll_timeout(), self.tcp_timeout];
        pings
            .chain(traces)
            .chain(machines.into_iter().flatten())
            .min()
    }
}
