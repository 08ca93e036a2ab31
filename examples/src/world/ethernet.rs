//! A router's port on an Ethernet: neighbors of both versions, and advertisements to hosts.

use super::journal::Journal;
use super::random::Randomness;
use alloc::collections::VecDeque;
use anyhow::{Context as _, Result};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use icmp_nd::address::ManualAddress;
use icmp_nd::arp::{self, Arp, ArpConfig};
use icmp_nd::nd::{Interface, InterfaceConfig, Role, Sent};
use icmp_nd::neighbor::NeighborEvent;
use icmp_nd::router::{Advertiser, AdvertiserConfig};
use icmp_nd::validation::{self, NdLimits};
use icmp_nd::wire::NdMessage;
use packet_buffer::wire::{
    EtherType, EthernetFrame, EthernetRepr, Icmpv6Message, IpPacket, IpProtocol, Ipv6Packet,
    MacAddr,
};
use packet_buffer::{Instant, PacketBuf};
use testkit::Discarded;

/// Frames that wait; further ones are dropped.
const MAX_FRAMES: usize = 4_096;

/// The group of RIPng routers (RFC 2080 §2).
const RIP_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 9);

/// How a port is set up.
#[derive(Debug, Clone)]
pub struct EthernetSetup {
    /// Its link-layer address.
    pub link_address: MacAddr,
    /// The largest packet, in octets.
    pub mtu: u32,
    /// Its addresses with the lengths of their prefixes, beside the link-local one.
    pub addresses: Vec<(IpAddr, u8)>,
    /// What is advertised to hosts; `None` where there are none.
    pub advertise: Option<AdvertiserConfig>,
}

/// A port; see the [module's documentation](self).
pub struct EthernetPort {
    name: String,
    node: String,
    journal: Journal,
    setup: EthernetSetup,
    arp: Arp,
    nd: Interface,
    advertiser: Option<Advertiser>,
    frames: VecDeque<PacketBuf>,
    unreachable: VecDeque<PacketBuf>,
    dropped: u64,
}

impl EthernetPort {
    /// A port that is up.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn new(
        node: &str,
        name: &str,
        setup: EthernetSetup,
        random: &Randomness,
        journal: &Journal,
    ) -> Result<Self> {
        let start = Instant::ZERO;
        let random = random.fork(name);
        let arp_config = ArpConfig::new(setup.link_address);
        let mut arp = Arp::new(arp_config, Box::new(random.fork("arp")))?;
        let mut config = InterfaceConfig {
            role: Role::Router,
            link_mtu: setup.mtu,
            ..InterfaceConfig::new(setup.link_address)
        };
        config.address.autoconfigure = false;
        let mut nd = Interface::new(config, Box::new(random.fork("nd")))?;
        nd.start(start);
        anyhow::ensure!(nd.join(RIP_ROUTERS), "no room for a group");
        for (address, length) in &setup.addresses {
            match address {
                IpAddr::V4(address) => arp.add_address(start, *address, *length)?,
                IpAddr::V6(address) => {
                    nd.add_address(start, &ManualAddress::new(*address, *length))?;
                    let prefix = packet_buffer::wire::Ipv6Prefix::new(*address, *length);
                    nd.add_on_link_prefix(prefix.context("the length of a prefix")?);
                }
            }
        }
        let advertiser = setup.advertise.clone();
        let advertiser = advertiser
            .map(|config| {
                let random = Box::new(random.fork("advertiser"));
                Advertiser::new(config, Ipv6Addr::UNSPECIFIED, random)
            })
            .transpose()?;
        Ok(Self {
            name: name.to_owned(),
            node: node.to_owned(),
            journal: journal.clone(),
            setup,
            arp,
            nd,
            advertiser,
            frames: VecDeque::new(),
            unreachable: VecDeque::new(),
            dropped: 0,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is set up.
    pub const fn setup(&self) -> &EthernetSetup {
        &self.setup
    }

    /// ARP, to look at.
    pub const fn arp(&self) -> &Arp {
        &self.arp
    }

    /// Neighbor Discovery, to look at.
    pub const fn nd(&self) -> &Interface {
        &self.nd
    }

    /// The link-local address, once it may be used.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.nd.addresses().usable_link_local()
    }

    /// Frames that found no room, or could not be made.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A frame has come in: the IP packet in it, when it is for the router to look at.
    ///
    /// # Errors
    ///
    /// Why it was ignored.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        frame: &'a [u8],
    ) -> Result<Option<&'a [u8]>, Discarded> {
        let frame = EthernetFrame::parse(frame).map_err(Discarded::new)?;
        let station = frame.destination();
        let is_ours = station == self.setup.link_address;
        if !is_ours && !station.is_multicast() {
            return Err(Discarded::new("for another station"));
        }
        match frame.ethertype() {
            EtherType::ARP => {
                let taken = self.arp.handle_input(now, frame.source(), frame.payload());
                self.settle(now);
                taken.map(|()| None).map_err(Discarded::new)
            }
            EtherType::IPV4 => Ok(Some(frame.payload())),
            EtherType::IPV6 => self.receive_ipv6(now, frame.payload()),
            other => Err(Discarded::new(other)),
        }
    }

    fn receive_ipv6<'a>(
        &mut self,
        now: Instant,
        octets: &'a [u8],
    ) -> Result<Option<&'a [u8]>, Discarded> {
        let packet = Ipv6Packet::parse(octets).map_err(Discarded::new)?;
        let upper = packet.upper_layer().map_err(Discarded::new)?;
        let message = (upper.protocol == IpProtocol::ICMPV6)
            .then(|| Icmpv6Message::parse(upper.payload).ok())
            .flatten();
        let is_nd = message.is_some_and(|it| NdMessage::is_type(it.message_type()));
        if !is_nd {
            let listens =
                !packet.destination().is_multicast() || self.nd.accepts(packet.destination());
            return if listens {
                Ok(Some(octets))
            } else {
                Err(Discarded::new("a group that nobody here listens to"))
            };
        }
        let taken = self.nd.handle_input(now, &packet, &upper);
        let mut result = taken.map(|()| None).map_err(Discarded::new);
        let limits = NdLimits {
            options: self.nd.config().limits.message.options,
        };
        if let Some(advertiser) = &mut self.advertiser
            && let Ok(valid) = validation::nd(&packet, &upper, &limits)
            && advertiser.handle_input(now, &valid).is_ok()
        {
            result = Ok(None);
        }
        self.settle(now);
        result
    }

    /// Sends a packet to a station on the link: the next hop, or the group or broadcast address that it is for.
    pub fn send(&mut self, now: Instant, next_hop: IpAddr, mut packet: PacketBuf) {
        let sent = match next_hop {
            IpAddr::V4(group) if group.is_multicast() => {
                Some(Sent::Now(MacAddr::for_ipv4_multicast(group)))
            }
            IpAddr::V4(address) if self.arp.is_broadcast(address) => {
                Some(Sent::Now(MacAddr::BROADCAST))
            }
            IpAddr::V4(address) => self.arp.send(now, address, &mut packet).ok(),
            IpAddr::V6(group) if group.is_multicast() => {
                Some(Sent::Now(MacAddr::for_ipv6_multicast(group)))
            }
            IpAddr::V6(address) => self.nd.send_via(now, address, &mut packet).ok(),
        };
        match sent {
            Some(Sent::Now(station)) => self.push(station, packet),
            Some(Sent::Queued) => {}
            None => self.dropped += 1,
        }
        self.settle(now);
    }

    fn push(&mut self, station: MacAddr, mut packet: PacketBuf) {
        let ethertype = match IpPacket::parse(packet.as_slice()) {
            Ok(IpPacket::V6(_)) => EtherType::IPV6,
            _ => EtherType::IPV4,
        };
        let header = EthernetRepr::new(station, self.setup.link_address, ethertype);
        if header.emit(&mut packet).is_ok() && self.frames.len() < MAX_FRAMES {
            self.frames.push_back(packet);
        } else {
            self.dropped += 1;
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.arp.handle_timeout(now);
        self.nd.handle_timeout(now);
        if let Some(advertiser) = &mut self.advertiser {
            advertiser.handle_timeout(now);
        }
        self.settle(now);
    }

    /// When that is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let advertiser = self.advertiser.as_ref().and_then(Advertiser::poll_timeout);
        [self.arp.poll_timeout(), self.nd.poll_timeout(), advertiser]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next frame to send.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut PacketBuf) -> bool {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                *out = frame;
                return true;
            }
            if !self.write(now) {
                return false;
            }
        }
    }

    /// Has the machines write what they have to say. Whether there was something.
    fn write(&mut self, now: Instant) -> bool {
        let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
        if let Some(transmit) = self.arp.poll_transmit(&mut packet) {
            let header = EthernetRepr::new(
                transmit.link_destination,
                self.setup.link_address,
                transmit.ethertype,
            );
            if header.emit(&mut packet).is_ok() {
                self.frames.push_back(packet);
            }
            return true;
        }
        if let Some(station) = self.nd.poll_transmit(&mut packet) {
            self.push(station, packet);
            return true;
        }
        let written = self
            .advertiser
            .as_mut()
            .and_then(|it| it.poll_transmit(&mut packet));
        match written {
            Some(transmit) => {
                self.send(now, IpAddr::V6(transmit.destination), packet);
                true
            }
            None => false,
        }
    }

    /// A packet whose next hop did not answer.
    pub fn poll_unreachable(&mut self) -> Option<PacketBuf> {
        self.unreachable.pop_front()
    }

    fn settle(&mut self, now: Instant) {
        if let (Some(source), Some(advertiser)) = (self.link_local(), &mut self.advertiser) {
            advertiser.set_source(now, source);
            advertiser.start(now);
            advertiser.handle_timeout(now);
            while advertiser.poll_event().is_some() {}
        }
        while let Some(packet) = self.arp.poll_unreachable() {
            self.unreachable.push_back(packet);
        }
        while let Some(packet) = self.nd.poll_unreachable() {
            self.unreachable.push_back(packet);
        }
        while let Some(event) = self.arp.poll_event() {
            if let arp::Event::Neighbor(event) = event {
                self.note_neighbor(now, &event);
            }
        }
        while let Some(event) = self.nd.poll_event() {
            if let icmp_nd::nd::Event::Neighbor(event) = event {
                self.note_neighbor(now, &event);
            }
        }
    }

    fn note_neighbor<A: Copy + core::fmt::Display>(&self, now: Instant, event: &NeighborEvent<A>) {
        let (address, state) = match event {
            NeighborEvent::Resolved {
                address,
                link_address,
            } => (*address, link_address.to_string()),
            NeighborEvent::LinkAddressChanged { address, new, .. } => (*address, new.to_string()),
            NeighborEvent::Unreachable { address } => (*address, "unreachable".to_owned()),
            _ => return,
        };
        let machine = format!("neighbor {address} on {}", self.name);
        self.journal.state(now, &self.node, &machine, state);
    }

    /// The neighbors: address, link-layer address, state.
    pub fn neighbor_rows(&self) -> Vec<Vec<String>> {
        fn row<A: core::fmt::Display>(
            port: &str,
            address: A,
            it: &icmp_nd::neighbor::Neighbor,
        ) -> Vec<String> {
            vec![
                port.to_owned(),
                address.to_string(),
                it.link_address()
                    .map_or_else(|| "?".to_owned(), |it| it.to_string()),
                format!("{:?}", it.state()).to_lowercase(),
            ]
        }
        let v4 = self.arp.neighbors().iter();
        let v6 = self.nd.neighbors().iter();
        v4.map(|(address, it)| row(&self.name, address, it))
            .chain(v6.map(|(address, it)| row(&self.name, address, it)))
            .collect()
    }

    /// The addresses that may be used, with their ports.
    pub fn address_lines(&self) -> Vec<String> {
        let v4 = self
            .arp
            .addresses()
            .iter()
            .map(|it| format!("{} {}/{}", self.name, it.address(), it.prefix().length()));
        let v6 = self.nd.addresses().iter();
        let v6 = v6
            .filter(|it| it.is_usable())
            .map(|it| format!("{} {}", self.name, it.address()));
        v4.chain(v6).collect()
    }

    /// The usable addresses; the gateway's errors come from them.
    pub fn usable(&self) -> Vec<IpAddr> {
        let v4 = self.arp.addresses().iter().filter(|it| it.is_assigned());
        let v4 = v4.map(|it| IpAddr::V4(it.address()));
        let global = |it: &&icmp_nd::address::AddressEntry| {
            it.is_usable() && !it.address().is_unicast_link_local()
        };
        let v6 = self.nd.addresses().iter().filter(global);
        v4.chain(v6.map(|it| IpAddr::V6(it.address()))).collect()
    }

    /// The first IPv4 address.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.arp.addresses().first().map(arp::OwnAddress::address)
    }
}
