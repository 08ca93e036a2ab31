//! A dual-stack host for a live link: [`icmp_nd::host::Host`] with what its caller has to add.
//!
//! The IP layer is the crate's. Here are the services above it: UDP echo (RFC 862), errors for other
//! ports, and pings and questions of the host's own, which start when there is an address to ask from.

mod discovery;
mod note;
mod probes;

pub use note::{Note, to_json, to_text};

use alloc::collections::VecDeque;
use anyhow::{Context, Result, ensure};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use discovery::Discovery;
use icmp_nd::address::ManualAddress;
use icmp_nd::host::{Discard, Host, HostConfig, Outgoing, Received, Rejection};
use icmp_nd::ping::PingConfig;
use icmp_nd::query::Question;
use packet_buffer::random::OsRandom;
use packet_buffer::wire::{IpPacket, IpProtocol, Ipv4Prefix, Ipv6Prefix, UdpDatagram, UdpRepr};
use packet_buffer::{Instant, PacketBuf};
use probes::Probes;

/// The port of the echo service (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// Milliseconds.
const DAY: u64 = 86_400_000;

/// Notes that wait to be read; when there are more, the oldest is dropped.
const MAX_NOTES: usize = 1024;

/// What the host is told at the start.
#[derive(Debug, Clone)]
pub struct LiveHostConfig {
    /// The IP layer.
    pub host: HostConfig,
    /// Addresses, with the lengths of their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Default gateways for IPv4; of IPv6, routers tell.
    pub gateways: Vec<Ipv4Addr>,
    /// Whether routers are asked for by RFC 1256: the one that is preferred most becomes a default
    /// gateway.
    pub router_discovery: bool,
    /// IPv6 groups to listen to.
    pub groups: Vec<Ipv6Addr>,
    /// How to ping.
    pub ping: PingConfig,
    /// Whom to ping.
    pub ping_targets: Vec<IpAddr>,
    /// Whom to ask what.
    pub questions: Vec<(IpAddr, Question)>,
}

/// What the services have done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// Datagrams sent back.
    pub udp_echoes: u64,
    /// Datagrams for other ports; the sender was told, if it may be.
    pub udp_rejected: u64,
    /// Datagrams that cannot be read, or whose checksum is wrong.
    pub udp_malformed: u64,
    /// Datagrams to the echo port that are not sent back: from another echo port, from port 0, to a
    /// group.
    pub udp_ignored: u64,
    /// Packets that could not be sent.
    pub not_sent: u64,
}

/// The host with its services.
#[derive(Debug)]
pub struct LiveHost {
    host: Host,
    probes: Probes,
    discovery: Option<Discovery>,
    addresses: Vec<IpAddr>,
    is_ready: bool,
    notes: VecDeque<Note>,
    stats: ServiceStats,
}

impl LiveHost {
    /// A host whose link is up. `time_of_day` is that at `now`, in milliseconds since midnight UT.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration.
    pub fn new(now: Instant, config: LiveHostConfig, time_of_day: u32) -> Result<Self> {
        let mut host = Host::new(config.host, Box::new(OsRandom))?;
        host.set_time_of_day(now, time_of_day);
        host.start(now);
        let mut addresses = Vec::new();
        for (address, length) in config.addresses {
            let refused = || format!("the address {address}/{length}");
            match address {
                IpAddr::V4(it) => {
                    let added = host.add_ipv4_address(now, it, length);
                    added.with_context(refused)?;
                }
                IpAddr::V6(it) => {
                    let added = host.add_ipv6_address(now, &ManualAddress::new(it, length));
                    added.with_context(refused)?;
                    // What shares the prefix is on the link: so it is meant when a length is given.
                    let prefix = Ipv6Prefix::new(it, length).with_context(refused)?;
                    ensure!(host.add_ipv6_prefix(prefix), "too many prefixes");
                }
            }
            addresses.push(address);
        }
        for gateway in &config.gateways {
            let added = host.add_ipv4_route(Ipv4Prefix::ALL, *gateway);
            ensure!(added, "too many gateways");
        }
        for group in config.groups {
            ensure!(host.join(group), "{group} cannot be listened to");
        }
        let at_zero = u64::from(time_of_day) + DAY - now.as_millis() % DAY;
        let mut probes = Probes::new(config.ping, config.ping_targets, config.questions)?;
        probes.set_time_of_day_at_zero(at_zero % DAY);
        let discovery = config.router_discovery;
        Ok(Self {
            host,
            probes,
            discovery: discovery.then(|| Discovery::new(config.gateways)),
            addresses,
            is_ready: false,
            notes: VecDeque::new(),
            stats: ServiceStats::default(),
        })
    }

    /// A frame has arrived.
    ///
    /// # Errors
    ///
    /// Why it was ignored.
    pub fn handle_input(&mut self, now: Instant, frame: &[u8]) -> Result<(), Discard> {
        let result = self.host.handle_input(now, frame);
        self.serve(now);
        result
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.host.handle_timeout(now);
        self.serve(now);
        self.discover(now);
        self.probe(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let discovery = self.discovery.as_ref();
        let timeouts = [
            self.host.poll_timeout(),
            self.probes.poll_timeout(),
            discovery.and_then(Discovery::poll_timeout),
        ];
        timeouts.into_iter().flatten().min()
    }

    /// Puts the next frame to send into `out`, which is empty; false when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        self.host.poll_transmit(out).is_some()
    }

    /// What has happened.
    pub fn poll_note(&mut self) -> Option<Note> {
        self.take_events();
        self.notes.pop_front()
    }

    /// The IP layer, to look at.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// What the services have done.
    pub const fn stats(&self) -> ServiceStats {
        self.stats
    }

    /// What router discovery has done; `None` when it is off.
    pub fn discovery_stats(&self) -> Option<icmp_nd::irdp::HostStats> {
        self.discovery.as_ref().map(Discovery::stats)
    }

    /// Whether every ping and question has ended, and there was one.
    pub fn has_probed(&self) -> bool {
        self.probes.is_finished()
    }

    fn take_events(&mut self) {
        while let Some(event) = self.host.poll_event() {
            self.note(Note::Host(event));
        }
    }

    fn note(&mut self, note: Note) {
        if self.notes.len() >= MAX_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    /// Takes what the IP layer has for upper layers.
    fn serve(&mut self, now: Instant) {
        let mut packet = PacketBuf::new();
        while let Some(received) = self.host.poll_receive(&mut packet) {
            match received.protocol {
                IpProtocol::UDP => self.receive_udp(now, &received, packet.as_slice()),
                IpProtocol::ICMP | IpProtocol::ICMPV6 => {
                    self.probes.handle_input(now, packet.as_slice());
                    if let Some(discovery) = &mut self.discovery {
                        discovery.handle_input(now, &received, packet.as_slice());
                    }
                }
                _ => {}
            }
        }
        if !self.is_ready && self.is_settled() {
            self.is_ready = true;
            self.take_events();
            let own = self.addresses.iter().copied();
            let own = own.filter(|it| self.host.is_own(*it)).collect();
            self.note(Note::Ready(own));
        }
    }

    fn receive_udp(&mut self, now: Instant, received: &Received, octets: &[u8]) {
        let payload = octets.get(received.payload_offset..).unwrap_or_default();
        let parsed = IpPacket::parse(octets).and_then(|packet| {
            let datagram = UdpDatagram::parse(payload)?;
            datagram.verify_checksum(&packet.pseudo_header())?;
            Ok((datagram, packet.pseudo_header().reversed()))
        });
        let Ok((datagram, back)) = parsed else {
            self.stats.udp_malformed += 1;
            return;
        };
        if datagram.destination_port() != ECHO_PORT {
            self.stats.udp_rejected += 1;
            // Whether an error may be sent is the IP layer's to judge; it counts.
            let _ = self.host.reject(now, received, octets, Rejection::Port);
            return;
        }
        // A source port of zero expects no answer, an answer from one echo port to another would never
        // end, and one to a group would make this host an amplifier.
        let port = datagram.source_port();
        if port == 0 || port == ECHO_PORT || !self.host.is_own(received.destination) {
            self.stats.udp_ignored += 1;
            return;
        }
        let mut reply = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        reply.append_slice(datagram.payload());
        let header = UdpRepr {
            source_port: ECHO_PORT,
            destination_port: port,
        };
        let outgoing = Outgoing::new(received.source, IpProtocol::UDP).from(received.destination);
        let written = header.emit(&mut reply, &back).is_ok();
        if written && self.host.send(now, &outgoing, &mut reply).is_ok() {
            self.stats.udp_echoes += 1;
        } else {
            self.stats.not_sent += 1;
        }
    }

    /// Whether the tests of all configured addresses are over.
    fn is_settled(&self) -> bool {
        self.addresses.iter().all(|address| match address {
            IpAddr::V4(it) => self.host.arp().own(*it).is_none_or(|own| own.is_assigned()),
            IpAddr::V6(it) => {
                let own = self.host.nd().addresses().get(*it);
                own.is_none_or(|own| own.is_usable())
            }
        })
    }

    fn discover(&mut self, now: Instant) {
        if let Some(discovery) = &mut self.discovery
            && let Err(why) = discovery.handle_timeout(now, &mut self.host, &mut self.notes)
        {
            self.discovery = None;
            self.note(Note::NoDiscovery(why.to_string()));
        }
    }

    fn probe(&mut self, now: Instant) {
        self.probes.start(now, &self.host, &mut self.notes);
        self.probes.handle_timeout(now);
        let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        while let Some(destination) = self.probes.poll_transmit(&mut packet) {
            if let Err(why) = self.host.send_packet(now, &mut packet) {
                self.stats.not_sent += 1;
                self.note(Note::NotSent { destination, why });
            }
            packet.reset(PacketBuf::DEFAULT_HEADROOM);
        }
        while let Some(note) = self.probes.poll_note() {
            self.note(note);
        }
    }
}
