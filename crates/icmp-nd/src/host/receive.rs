//! What a host makes of the frames that it receives.

use super::machine::Host;
use super::report::{Discard, Received, Rejection, silent};
use crate::generation::{Arrival, LinkDelivery, Silence};
use crate::reception::{self, Destination, Ipv4Context, Ipv6Context, Reason, Verdict};
use crate::wire::{MldMessage, NdMessage};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet_buffer::fragment::Reassembly;
use packet_buffer::wire::{
    EtherType, EthernetFrame, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpPacket, IpProtocol,
    Ipv4Packet, Ipv6Packet, MacAddr, icmpv4_code, icmpv6_code,
};
use packet_buffer::{Instant, PacketBuf};

/// All hosts of the link.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// How a packet came, and whether it was put together from fragments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) arrival: Arrival,
    pub(super) reassembled: bool,
}

impl Host {
    /// A frame has arrived, from its Ethernet header on.
    ///
    /// # Errors
    ///
    /// Why it was ignored; the state is unchanged, and a counter tells. A packet that was answered
    /// with an error was not ignored.
    pub fn handle_input(&mut self, now: Instant, frame: &[u8]) -> Result<(), Discard> {
        let now = self.advance(now);
        self.stats.frames += 1;
        let result = self.receive_frame(now, frame);
        match &result {
            Ok(()) => self.settle(),
            Err(discard) => self.stats.count(discard),
        }
        result
    }

    fn receive_frame(&mut self, now: Instant, octets: &[u8]) -> Result<(), Discard> {
        let frame = EthernetFrame::parse(octets)?;
        let (destination, source) = (frame.destination(), frame.source());
        if destination != self.link_address() && !destination.is_multicast() {
            return Err(Discard::OtherStation(destination));
        }
        if source == self.link_address() || !source.is_unicast() {
            return Err(Discard::LinkSource(source));
        }
        let arrival = Arrival {
            link: delivery(destination),
            ..Arrival::UNICAST
        };
        let way = Way {
            arrival,
            reassembled: false,
        };
        match frame.outer_ethertype() {
            EtherType::ARP => Ok(self.arp.handle_input(now, source, frame.payload())?),
            EtherType::IPV4 => self.receive_ipv4(now, frame.payload(), way),
            EtherType::IPV6 => self.receive_ipv6(now, frame.payload(), way),
            ethertype => Err(Discard::EtherType(ethertype)),
        }
    }

    fn receive_ipv4(&mut self, now: Instant, octets: &[u8], way: Way) -> Result<(), Discard> {
        let ip = Ipv4Packet::parse(octets);
        let (source, destination) = match &ip {
            Ok(ip) => (ip.source(), ip.destination()),
            Err(_) => (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED),
        };
        let is_broadcast = self.arp.is_broadcast(destination);
        let place = if self.arp.is_assigned(destination) {
            Destination::Own
        } else if is_broadcast {
            Destination::Broadcast
        } else if destination == ALL_HOSTS {
            Destination::Group
        } else {
            Destination::Elsewhere
        };
        let way = Way {
            arrival: Arrival {
                ip_broadcast: is_broadcast,
                source_is_broadcast: self.arp.is_broadcast(source),
                ..way.arrival
            },
            ..way
        };
        let context = Ipv4Context {
            source_is_broadcast: way.arrival.source_is_broadcast,
            source_is_own: self.arp.is_assigned(source),
            link: way.arrival.link,
            source_routes: self.config.source_routes,
            ..Ipv4Context::new(place, &self.protocols.0)
        };
        match reception::ipv4(octets, &context) {
            Verdict::Deliver {
                protocol, offset, ..
            } => {
                let ip = ip?;
                if protocol == IpProtocol::ICMP {
                    self.receive_icmpv4(now, &ip, &way)
                } else {
                    self.hand_up(&IpPacket::V4(ip), protocol, offset, &way)
                }
            }
            Verdict::Reassemble => self.reassemble(now, IpPacket::V4(ip?), way),
            Verdict::Error { error, reason } => self
                .send_ipv4_error(now, &error, octets, &way.arrival, destination)
                .map_err(|silence| silent(silence, reason)),
            Verdict::Drop(reason) => Err(reason.into()),
            Verdict::Forward => Err(Reason::NotForUs.into()),
        }
    }

    fn receive_ipv6(&mut self, now: Instant, octets: &[u8], way: Way) -> Result<(), Discard> {
        let ip = Ipv6Packet::parse(octets);
        let (source, destination) = match &ip {
            Ok(ip) => (ip.source(), ip.destination()),
            Err(_) => (Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
        };
        if self.nd.addresses().is_local(source) {
            return Err(Discard::OwnSource);
        }
        let place = match (self.nd.accepts(destination), destination.is_multicast()) {
            (true, true) => Destination::Group,
            (true, false) => Destination::Own,
            (false, _) => Destination::Elsewhere,
        };
        let context = Ipv6Context {
            link: way.arrival.link,
            ..Ipv6Context::new(place, &self.protocols.1)
        };
        match reception::ipv6(octets, &context) {
            Verdict::Deliver {
                protocol,
                payload,
                offset,
            } => {
                let ip = ip?;
                if protocol == IpProtocol::ICMPV6 {
                    self.receive_icmpv6(now, &ip, payload, offset, &way)
                } else {
                    self.hand_up(&IpPacket::V6(ip), protocol, offset, &way)
                }
            }
            Verdict::Reassemble => self.reassemble(now, IpPacket::V6(ip?), way),
            Verdict::Error { error, reason } => self
                .send_ipv6_error(now, &error, octets, &way.arrival, destination)
                .map_err(|silence| silent(silence, reason)),
            Verdict::Drop(reason) => Err(reason.into()),
            Verdict::Forward => Err(Reason::NotForUs.into()),
        }
    }

    fn reassemble(&mut self, now: Instant, packet: IpPacket<'_>, way: Way) -> Result<(), Discard> {
        let mut whole = self.take_buffer();
        let result = self.reassembler.insert(now, 0, &packet, &mut whole);
        let outcome = match result {
            Ok(Reassembly::Atomic | Reassembly::Complete) => {
                let way = Way {
                    reassembled: true,
                    ..way
                };
                let outcome = match packet {
                    IpPacket::V4(_) => self.receive_ipv4(now, whole.as_slice(), way),
                    IpPacket::V6(_) => self.receive_ipv6(now, whole.as_slice(), way),
                };
                // The fragments were taken, so the frame was not ignored; the counters tell what became
                // of the packet.
                if let Err(discard) = &outcome {
                    self.stats.count(discard);
                }
                Ok(())
            }
            Ok(Reassembly::NotAFragment | Reassembly::Incomplete | Reassembly::Abandoned(_)) => {
                Ok(())
            }
            Err(discard) => self.refused_fragment(now, &packet, discard, &way),
        };
        self.give_back(whole);
        outcome
    }

    /// Some fragments are answered with an error (RFC 8200 §4.5).
    fn refused_fragment(
        &mut self,
        now: Instant,
        packet: &IpPacket<'_>,
        discard: packet_buffer::fragment::FragmentDiscard,
        way: &Way,
    ) -> Result<(), Discard> {
        let (IpPacket::V6(ip), Some((code, pointer))) =
            (packet, discard.icmpv6_parameter_problem())
        else {
            return Err(discard.into());
        };
        let error = Icmpv6Repr::ParameterProblem { code, pointer };
        let destination = ip.destination();
        self.send_ipv6_error(now, &error, ip.as_slice(), &way.arrival, destination)
            .map_err(|_| discard.into())
    }

    fn receive_icmpv6(
        &mut self,
        now: Instant,
        ip: &Ipv6Packet<'_>,
        payload: &[u8],
        offset: usize,
        way: &Way,
    ) -> Result<(), Discard> {
        let message = Icmpv6Message::parse(payload)?;
        let message_type = message.message_type();
        if NdMessage::is_type(message_type) || MldMessage::is_type(message_type) {
            if way.reassembled {
                return Err(Discard::FragmentedNd);
            }
            let upper = ip.upper_layer()?;
            return Ok(self.nd.handle_input(now, ip, &upper)?);
        }
        message.verify_checksum(&ip.pseudo_header())?;
        self.icmpv6(now, ip, &message, offset, way)
    }

    /// Keeps a copy of a packet for the caller.
    pub(super) fn hand_up(
        &mut self,
        packet: &IpPacket<'_>,
        protocol: IpProtocol,
        payload_offset: usize,
        way: &Way,
    ) -> Result<(), Discard> {
        let received = Received {
            source: packet.source(),
            destination: packet.destination(),
            protocol,
            payload_offset,
            hop_limit: packet.hop_limit(),
            arrival: way.arrival,
        };
        let mut buffer = self.take_buffer();
        buffer.append_slice(packet.as_slice());
        self.deliver(received, buffer)
    }

    /// Answers a packet that the caller has received and cannot use with an error, if one may be
    /// sent: nobody listens on its port, or a filter forbids it.
    ///
    /// # Errors
    ///
    /// Why none was sent.
    // RFC 1122 §3.2.2.1 SHOULD (port): a datagram to a port where nobody listens is reported.
    // RFC 4443 §3.1 SHOULD (port): likewise.
    pub fn reject(
        &mut self,
        now: Instant,
        received: &Received,
        packet: &[u8],
        rejection: Rejection,
    ) -> Result<(), Silence> {
        let now = self.advance(now);
        match received.destination {
            IpAddr::V4(destination) => {
                let code = match rejection {
                    Rejection::Port => icmpv4_code::Unreachable::PORT,
                    Rejection::AdministrativelyProhibited => {
                        icmpv4_code::Unreachable::ADMINISTRATIVELY_PROHIBITED
                    }
                };
                let error = Icmpv4Repr::DestinationUnreachable {
                    code,
                    quoted_words: 0,
                    next_hop_mtu: 0,
                };
                self.send_ipv4_error(now, &error, packet, &received.arrival, destination)
            }
            IpAddr::V6(destination) => {
                let code = match rejection {
                    Rejection::Port => icmpv6_code::Unreachable::PORT,
                    Rejection::AdministrativelyProhibited => {
                        icmpv6_code::Unreachable::ADMINISTRATIVELY_PROHIBITED
                    }
                };
                let error = Icmpv6Repr::DestinationUnreachable {
                    code,
                    quoted_words: 0,
                };
                self.send_ipv6_error(now, &error, packet, &received.arrival, destination)
            }
        }
    }

    pub(super) fn send_ipv4_error(
        &mut self,
        now: Instant,
        error: &Icmpv4Repr,
        packet: &[u8],
        arrival: &Arrival,
        destination: Ipv4Addr,
    ) -> Result<(), Silence> {
        let source = if self.arp.is_assigned(destination) {
            Some(destination)
        } else {
            let mut own = self.arp.addresses().iter().filter(|it| it.is_assigned());
            own.next().map(|it| it.address())
        };
        let source = source.ok_or(Silence::AmbiguousSource)?;
        let mut out = self.take_buffer();
        let result = self
            .generator
            .ipv4(now, error, packet, arrival, source, &mut out);
        self.finish_error(now, result, out)
    }

    pub(super) fn send_ipv6_error(
        &mut self,
        now: Instant,
        error: &Icmpv6Repr,
        packet: &[u8],
        arrival: &Arrival,
        destination: Ipv6Addr,
    ) -> Result<(), Silence> {
        // RFC 4443 §2.2 MUST (source): the address that the packet was sent to, when it is a unicast one.
        let peer = Ipv6Packet::parse(packet).map(|ip| ip.source());
        let peer = peer.map_err(Silence::Unreadable)?;
        let source = self.answering_ipv6(destination, peer);
        let source = source.ok_or(Silence::AmbiguousSource)?;
        let arrival = Arrival {
            source_is_anycast: arrival.source_is_anycast || self.nd.is_known_anycast(peer),
            ..*arrival
        };
        let mut out = self.take_buffer();
        let result = self
            .generator
            .ipv6(now, error, packet, &arrival, source, &mut out);
        self.finish_error(now, result, out)
    }

    fn finish_error(
        &mut self,
        now: Instant,
        result: Result<(), Silence>,
        mut out: PacketBuf,
    ) -> Result<(), Silence> {
        if result.is_ok() {
            // What cannot be sent is lost, as any packet can be; the counters tell.
            if self.transmit(now, &mut out, false).is_err() {
                self.stats.no_answer += 1;
            }
        }
        self.give_back(out);
        result
    }
}

fn delivery(destination: MacAddr) -> LinkDelivery {
    if destination.is_broadcast() {
        LinkDelivery::Broadcast
    } else if destination.is_multicast() {
        LinkDelivery::Multicast
    } else {
        LinkDelivery::Unicast
    }
}
