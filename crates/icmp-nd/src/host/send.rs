//! What a host sends.

use super::machine::Host;
use super::report::SendError;
use crate::nd::{self, Sent};
use crate::pmtu::Path;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::fragment::{Ipv4Fragmenter, Ipv6Fragmenter};
use packet_buffer::wire::{
    EtherType, HeaderOptions, IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr,
    MacAddr,
};
use packet_buffer::{Instant, PacketBuf};

/// The header of a packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// An address of this host, or `None` for the one that
    /// [`select_source`](Host::select_source) picks. Checksums of upper layers cover it, so a caller
    /// whose protocol has one asks first.
    pub source: Option<IpAddr>,
    /// Where the packet goes.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: IpProtocol,
    /// Time to live or hop limit; `None` for the host's: for IPv6 what routers advertise, and 1 for
    /// groups.
    pub hop_limit: Option<u8>,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// Explicit congestion notification, 0 to 3.
    pub ecn: u8,
    /// Flow label of an IPv6 packet, 20 bits.
    pub flow_label: u32,
    /// Whether a packet that the path does not carry whole is refused; else it goes as fragments.
    pub dont_fragment: bool,
    /// Options of an IPv4 header.
    pub options: HeaderOptions,
}

impl Outgoing {
    /// A packet with the host's defaults, which may be fragmented.
    pub const fn new(destination: IpAddr, protocol: IpProtocol) -> Self {
        Self {
            source: None,
            destination,
            protocol,
            hop_limit: None,
            dscp: 0,
            ecn: 0,
            flow_label: 0,
            dont_fragment: false,
            options: HeaderOptions::NONE,
        }
    }

    /// The same from this address.
    #[must_use]
    pub const fn from(self, source: IpAddr) -> Self {
        Self {
            source: Some(source),
            ..self
        }
    }
}

impl Host {
    /// Sends an upper layer's packet: writes the IP header in front of it, finds the way, splits it
    /// where the path needs that. On success `payload` is empty: the same buffer, or another that was used
    /// before.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the payload is then behind the headers that were written.
    pub fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: &mut PacketBuf,
    ) -> Result<(), SendError> {
        let source = match outgoing.source {
            Some(source) => source,
            None => self
                .select_source(outgoing.destination)
                .ok_or(SendError::NoSource)?,
        };
        match (source, outgoing.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let is_group = destination.is_multicast();
                let default = if is_group {
                    1
                } else {
                    self.config.ipv4_time_to_live
                };
                Ipv4Repr {
                    time_to_live: outgoing.hop_limit.unwrap_or(default),
                    dscp: outgoing.dscp,
                    ecn: outgoing.ecn,
                    dont_fragment: outgoing.dont_fragment,
                    options: outgoing.options,
                    ..Ipv4Repr::new(source, destination, outgoing.protocol)
                }
                .emit(payload)?;
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let default = if destination.is_multicast() {
                    1
                } else {
                    self.nd.hop_limit()
                };
                Ipv6Repr {
                    hop_limit: outgoing.hop_limit.unwrap_or(default),
                    dscp: outgoing.dscp,
                    ecn: outgoing.ecn,
                    flow_label: outgoing.flow_label,
                    ..Ipv6Repr::new(source, destination, outgoing.protocol)
                }
                .emit(payload)?;
            }
            _ => return Err(SendError::Version),
        }
        self.send_checked(now, payload, outgoing.dont_fragment)
    }

    /// Sends a whole IP packet of the caller's making, as a prober does. An IPv6 packet is split
    /// when the path needs that; an IPv4 one when it allows that.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the packet is where it was.
    pub fn send_packet(&mut self, now: Instant, packet: &mut PacketBuf) -> Result<(), SendError> {
        self.send_checked(now, packet, false)
    }

    fn send_checked(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        dont_fragment: bool,
    ) -> Result<(), SendError> {
        let now = self.advance(now);
        let (source, destination) = {
            let ip = IpPacket::parse(packet.as_slice())?;
            (ip.source(), ip.destination())
        };
        if !self.is_own(source) {
            return Err(SendError::ForeignSource(source));
        }
        if self.is_own(destination) {
            return Err(SendError::OwnDestination);
        }
        let martian = destination.is_unspecified() || destination.is_loopback();
        if martian {
            return Err(SendError::Destination(destination));
        }
        self.transmit(now, packet, dont_fragment)?;
        self.stats.sent += 1;
        Ok(())
    }

    /// Sends a packet of this host.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        dont_fragment: bool,
    ) -> Result<(), SendError> {
        let mtu = self.mtu_of(packet.as_slice())?;
        let length = packet.len();
        let limit = usize::try_from(mtu).unwrap_or(usize::MAX);
        match packet.as_slice().first().map(|first| first >> 4) {
            Some(4) if length <= limit => self.transmit_ipv4(now, packet),
            Some(6) if length <= limit => self.transmit_ipv6(now, packet),
            _ if dont_fragment => Err(SendError::TooBig { mtu }),
            Some(4) => self.fragment_ipv4(now, packet, mtu),
            _ => self.fragment_ipv6(now, packet, mtu),
        }
    }

    /// What the path of the packet carries.
    fn mtu_of(&self, packet: &[u8]) -> Result<u32, SendError> {
        Ok(match IpPacket::parse(packet)? {
            IpPacket::V4(ip) => {
                let path = Path::to(ip.destination().into());
                self.path_mtu.lookup(&path, self.config.ipv4_mtu).mtu
            }
            IpPacket::V6(ip) => {
                let path = Path::to(ip.destination().into()).with_flow_label(ip.flow_label());
                self.path_mtu.lookup(&path, self.nd.link_mtu()).mtu
            }
        })
    }

    fn fragment_ipv4(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        mtu: u32,
    ) -> Result<(), SendError> {
        let ip = Ipv4Packet::parse(packet.as_slice())?;
        if ip.dont_fragment() {
            return Err(SendError::TooBig { mtu });
        }
        let identification = self
            .ipv4_identifications
            .next(now, ip.source(), ip.destination(), ip.protocol())
            .ok_or(SendError::NoIdentification)?;
        let mut repr = ip.to_repr();
        repr.identification = identification;
        let mut whole = self.take_buffer();
        whole.append_slice(ip.payload());
        repr.emit(&mut whole)?;
        let size = usize::try_from(mtu).unwrap_or(usize::MAX);
        let result = self.send_fragments_ipv4(now, &whole, size);
        self.give_back(whole);
        if result.is_ok() {
            packet.clear();
        }
        result
    }

    fn send_fragments_ipv4(
        &mut self,
        now: Instant,
        whole: &PacketBuf,
        mtu: usize,
    ) -> Result<(), SendError> {
        let ip = Ipv4Packet::parse(whole.as_slice())?;
        let mut fragmenter = Ipv4Fragmenter::new(&ip, mtu)?;
        self.check_room(ip.payload().len(), mtu.saturating_sub(ip.header_len()))?;
        self.stats.fragmented += 1;
        let mut piece = self.take_buffer();
        while fragmenter.next_fragment(&mut piece) {
            self.transmit_ipv4(now, &mut piece)?;
            let next = self.take_buffer();
            self.give_back(core::mem::replace(&mut piece, next));
        }
        self.give_back(piece);
        Ok(())
    }

    fn fragment_ipv6(
        &mut self,
        now: Instant,
        packet: &mut PacketBuf,
        mtu: u32,
    ) -> Result<(), SendError> {
        let ip = Ipv6Packet::parse(packet.as_slice())?;
        let identification = self
            .ipv6_identifications
            .next(ip.source(), ip.destination());
        let size = usize::try_from(mtu).unwrap_or(usize::MAX);
        let mut fragmenter = Ipv6Fragmenter::new(&ip, size, identification)?;
        self.check_room(ip.payload().len(), size.saturating_sub(48))?;
        self.stats.fragmented += 1;
        let mut piece = self.take_buffer();
        while fragmenter.next_fragment(&mut piece) {
            self.transmit_ipv6(now, &mut piece)?;
            let next = self.take_buffer();
            self.give_back(core::mem::replace(&mut piece, next));
        }
        self.give_back(piece);
        packet.clear();
        Ok(())
    }

    /// A packet goes with all its fragments or not at all.
    fn check_room(&mut self, payload: usize, piece: usize) -> Result<(), SendError> {
        let pieces = payload.div_ceil((piece & !7).max(8));
        if self.frames.len().saturating_add(pieces) > self.config.limits.max_frames {
            self.stats.transmit_queue_full += 1;
            return Err(SendError::QueueFull);
        }
        Ok(())
    }

    fn transmit_ipv4(&mut self, now: Instant, packet: &mut PacketBuf) -> Result<(), SendError> {
        let destination = Ipv4Packet::parse(packet.as_slice())?.destination();
        let link_destination = if self.arp.is_broadcast(destination) {
            MacAddr::BROADCAST
        } else if destination.is_multicast() {
            MacAddr::for_ipv4_multicast(destination)
        } else {
            match self.resolve_ipv4(now, destination, packet)? {
                Sent::Now(link_destination) => link_destination,
                Sent::Queued => return Ok(()),
            }
        };
        self.push_frame(link_destination, EtherType::IPV4, packet)
    }

    fn resolve_ipv4(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        packet: &mut PacketBuf,
    ) -> Result<Sent, SendError> {
        let next_hop = self
            .routes
            .next_hop(now, destination, &self.arp)
            .ok_or(SendError::NoRoute)?;
        self.arp.send(now, next_hop, packet).map_err(from_nd)
    }

    fn transmit_ipv6(&mut self, now: Instant, packet: &mut PacketBuf) -> Result<(), SendError> {
        match self.nd.send(now, packet).map_err(from_nd)? {
            Sent::Now(link_destination) => {
                self.push_frame(link_destination, EtherType::IPV6, packet)
            }
            Sent::Queued => Ok(()),
        }
    }

    fn push_frame(
        &mut self,
        link_destination: MacAddr,
        ethertype: EtherType,
        packet: &mut PacketBuf,
    ) -> Result<(), SendError> {
        if self.frames.len() >= self.config.limits.max_frames {
            self.stats.transmit_queue_full += 1;
            return Err(SendError::QueueFull);
        }
        // Another buffer in its place, so that whoever sends again and again need not allocate.
        let spare = self.take_buffer();
        let mut frame = core::mem::replace(packet, spare);
        // The header is always writable: there are no tags.
        let _ = self.write_ethernet(link_destination, ethertype, &mut frame);
        self.frames.push_back(frame);
        Ok(())
    }

    /// The address from which this host speaks to a peer that has sent to `destination`.
    pub(super) fn answering_ipv6(&self, destination: Ipv6Addr, peer: Ipv6Addr) -> Option<Ipv6Addr> {
        let own = self.nd.addresses().get(destination);
        let unicast = own.is_some_and(|it| it.is_usable() && !it.is_anycast());
        if unicast {
            Some(destination)
        } else {
            self.nd.select_source(peer)
        }
    }
}

fn from_nd(error: nd::SendError) -> SendError {
    match error {
        nd::SendError::Parse(error) => SendError::Parse(error),
        nd::SendError::NoRoute => SendError::NoRoute,
        nd::SendError::NeighborsFull | nd::SendError::QueueFull => SendError::QueueFull,
    }
}
