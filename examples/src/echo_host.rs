//! A small host on a link without link-layer addresses, as a TUN device is: it answers ICMP and
//! ICMPv6 echo requests, and UDP echo (RFC 862).
//!
//! It is sans-IO as all machines of this workspace: `tap_host --tun` gives it packets, the tests give
//! it packets of their own. There is nobody to resolve and nothing to configure, so that packet-buffer
//! alone is enough; the host for Ethernet is [`live_host`](crate::live_host).

use alloc::collections::VecDeque;
use core::net::IpAddr;
use packet_buffer::fragment::{
    FragmentDiscard, FragmentError, Ipv4Fragmenter, Ipv4Identifications, Ipv6Fragmenter,
    Ipv6Identifications, Reassembler, ReassemblerConfig, ReassemblerConfigError, Reassembly,
};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv6Message, Icmpv6Repr, IpPacket, IpProtocol, Ipv4Packet,
    Ipv4Repr, Ipv6Packet, Ipv6Repr, PseudoHeader, UdpDatagram, UdpRepr,
};
use packet_buffer::{EmitError, Instant, PacketBuf, ParseError, RandomSource};
use thiserror::Error;

/// The port of the echo service (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// What the host needs to know.
#[derive(Debug, Clone)]
pub struct EchoHostConfig {
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// The largest IP packet that it sends, in octets; larger ones are sent as fragments.
    pub mtu: u16,
}

/// Why a packet was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Discard {
    /// A header cannot be right.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The packet is for another host.
    #[error("not addressed to this host")]
    NotForUs,
    /// The source cannot be answered: a group, a broadcast, or no address.
    #[error("the source address {0} cannot be answered")]
    BadSource(IpAddr),
    /// Nobody here speaks the protocol.
    #[error("protocol {0} is not spoken here")]
    Protocol(IpProtocol),
    /// Nobody listens on the port.
    #[error("nobody listens on UDP port {0}")]
    Port(u16),
    /// A message that is neither a request for an echo nor of any use to this host.
    #[error("a message that asks for nothing")]
    NoRequest,
    /// The fragment was refused.
    #[error("fragment: {0}")]
    Fragment(#[from] FragmentDiscard),
    /// The reply cannot be written.
    #[error("the reply cannot be written: {0}")]
    Reply(#[from] EmitError),
    /// The reply cannot be split for the link.
    #[error("the reply cannot be split: {0}")]
    Split(#[from] FragmentError),
    /// All fragment identifications for this peer are in use (RFC 6864 §4.3).
    #[error("all fragment identifications for this peer are in use")]
    NoIdentification,
    /// Too many replies wait for the link.
    #[error("the queue of replies is full")]
    QueueFull,
}

/// What the host has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EchoHostStats {
    /// Packets that came in.
    pub received: u64,
    /// Packets that were ignored; the caller was told why.
    pub discarded: u64,
    /// ICMP and ICMPv6 echo replies.
    pub echo_replies: u64,
    /// UDP datagrams sent back.
    pub udp_echoes: u64,
    /// Packets put together from fragments.
    pub reassembled: u64,
    /// Packets put together from fragments and then ignored.
    pub reassembled_discarded: u64,
    /// Replies dropped because the queue was full.
    pub queue_full: u64,
}

/// The host.
pub struct EchoHost {
    config: EchoHostConfig,
    reassembler: Reassembler,
    ipv4_identifications: Ipv4Identifications,
    ipv6_identifications: Ipv6Identifications,
    /// Packets to send; at most [`EchoHost::QUEUE`].
    queue: VecDeque<PacketBuf>,
    stats: EchoHostStats,
}

impl EchoHost {
    /// Packets that wait to be sent at the most; a reply that does not fit is dropped whole and
    /// counted. One of 65535 octets is 45 fragments of 1500.
    pub const QUEUE: usize = 256;

    /// A host that has heard nothing yet. `random` is for fragment identifications.
    ///
    /// # Errors
    ///
    /// None with the default limits of the reassembler.
    pub fn new(
        config: EchoHostConfig,
        random: &mut impl RandomSource,
    ) -> Result<Self, ReassemblerConfigError> {
        Ok(Self {
            config,
            reassembler: Reassembler::new(ReassemblerConfig::default())?,
            ipv4_identifications: Ipv4Identifications::new(random),
            ipv6_identifications: Ipv6Identifications::new(random),
            queue: VecDeque::new(),
            stats: EchoHostStats::default(),
        })
    }

    /// What the host has done so far.
    pub fn stats(&self) -> EchoHostStats {
        self.stats
    }

    /// A packet has arrived.
    ///
    /// # Errors
    ///
    /// Why it was ignored.
    pub fn handle_input(&mut self, now: Instant, packet: &[u8]) -> Result<(), Discard> {
        self.stats.received += 1;
        let result = self.handle_ip(now, packet);
        self.stats.discarded += u64::from(result.is_err());
        result
    }

    /// The time is `now`: gives up on packets whose fragments are missing for too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.reassembler.handle_timeout(now);
        while self.reassembler.poll_event().is_some() {}
    }

    /// Writes the next packet to send into `out`; false when there is none.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> bool {
        match self.queue.pop_front() {
            Some(packet) => {
                *out = packet;
                true
            }
            None => false,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.reassembler.poll_timeout()
    }

    fn handle_ip(&mut self, now: Instant, octets: &[u8]) -> Result<(), Discard> {
        let packet = IpPacket::parse(octets)?;
        if !self.is_own(packet.destination()) {
            return Err(Discard::NotForUs);
        }
        let source = packet.source();
        if !can_be_answered(source) {
            return Err(Discard::BadSource(source));
        }
        if let IpPacket::V4(packet) = &packet {
            packet.verify_checksum()?;
        }
        let mut whole = PacketBuf::new();
        match self.reassembler.insert(now, 0, &packet, &mut whole)? {
            Reassembly::NotAFragment => self.handle_whole(now, &packet),
            Reassembly::Atomic | Reassembly::Complete => {
                self.stats.reassembled += 1;
                // The fragment itself was taken, whatever the packet turns out to be.
                let answered = IpPacket::parse(whole.as_slice())
                    .map_err(Discard::from)
                    .and_then(|packet| self.handle_whole(now, &packet));
                self.stats.reassembled_discarded += u64::from(answered.is_err());
                Ok(())
            }
            Reassembly::Incomplete | Reassembly::Abandoned(_) => Ok(()),
        }
    }

    /// Answers a packet that is not a fragment.
    fn handle_whole(&mut self, now: Instant, packet: &IpPacket<'_>) -> Result<(), Discard> {
        let addresses = packet.pseudo_header();
        let back = addresses.reversed();
        let (protocol, payload) = match packet {
            IpPacket::V4(packet) => (packet.protocol(), packet.payload()),
            IpPacket::V6(packet) => {
                let upper = packet.upper_layer()?;
                (upper.protocol, upper.payload)
            }
        };
        let mut reply = PacketBuf::with_capacity(PacketBuf::DEFAULT_HEADROOM, payload.len());
        match (protocol, addresses) {
            (IpProtocol::UDP, _) => {
                let datagram = UdpDatagram::parse(payload)?;
                datagram.verify_checksum(&addresses)?;
                // A source port of zero expects no answer, and an answer from one echo port to
                // another would never end.
                let port = datagram.source_port();
                if datagram.destination_port() != ECHO_PORT || port == 0 || port == ECHO_PORT {
                    return Err(Discard::Port(datagram.destination_port()));
                }
                reply.append_slice(datagram.payload());
                let header = UdpRepr {
                    source_port: ECHO_PORT,
                    destination_port: port,
                };
                header.emit(&mut reply, &back)?;
            }
            (IpProtocol::ICMP, PseudoHeader::V4 { .. }) => {
                let message = Icmpv4Message::parse(payload)?;
                message.verify_checksum()?;
                let Icmpv4Repr::EchoRequest {
                    identifier,
                    sequence_number,
                } = message.to_repr()
                else {
                    return Err(Discard::NoRequest);
                };
                reply.append_slice(message.payload());
                let header = Icmpv4Repr::EchoReply {
                    identifier,
                    sequence_number,
                };
                header.emit(&mut reply)?;
            }
            (IpProtocol::ICMPV6, PseudoHeader::V6 { .. }) => {
                let message = Icmpv6Message::parse(payload)?;
                message.verify_checksum(&addresses)?;
                let Icmpv6Repr::EchoRequest {
                    identifier,
                    sequence_number,
                } = message.to_repr()
                else {
                    return Err(Discard::NoRequest);
                };
                reply.append_slice(message.payload());
                let header = Icmpv6Repr::EchoReply {
                    identifier,
                    sequence_number,
                };
                header.emit(&mut reply, &back)?;
            }
            (other, _) => return Err(Discard::Protocol(other)),
        }
        let queued = self.queue.len();
        if let Err(why) = self.send_ip(now, protocol, &back, reply) {
            // No part of a reply is of use without the rest.
            self.queue.truncate(queued);
            return Err(why);
        }
        if protocol == IpProtocol::UDP {
            self.stats.udp_echoes += 1;
        } else {
            self.stats.echo_replies += 1;
        }
        Ok(())
    }

    /// Puts an IP header in front of `packet`, and sends it whole or in fragments.
    fn send_ip(
        &mut self,
        now: Instant,
        protocol: IpProtocol,
        addresses: &PseudoHeader,
        mut packet: PacketBuf,
    ) -> Result<(), Discard> {
        let mtu = usize::from(self.config.mtu);
        let mut fragment = PacketBuf::new();
        match *addresses {
            PseudoHeader::V4 {
                source,
                destination,
            } => {
                let mut header = Ipv4Repr::new(source, destination, protocol);
                if header.header_len() + packet.len() <= mtu {
                    header.emit(&mut packet)?;
                    return self.send(packet);
                }
                // RFC 6864 §4.3: only what is fragmented needs an identification.
                header.dont_fragment = false;
                header.identification = self
                    .ipv4_identifications
                    .next(now, source, destination, protocol)
                    .ok_or(Discard::NoIdentification)?;
                header.emit(&mut packet)?;
                let packet = Ipv4Packet::parse(packet.as_slice())?;
                let mut fragments = Ipv4Fragmenter::new(&packet, mtu)?;
                while fragments.next_fragment(&mut fragment) {
                    self.send(fragment.clone())?;
                }
            }
            PseudoHeader::V6 {
                source,
                destination,
            } => {
                Ipv6Repr::new(source, destination, protocol).emit(&mut packet)?;
                if packet.len() <= mtu {
                    return self.send(packet);
                }
                let identification = self.ipv6_identifications.next(source, destination);
                let packet = Ipv6Packet::parse(packet.as_slice())?;
                let mut fragments = Ipv6Fragmenter::new(&packet, mtu, identification)?;
                while fragments.next_fragment(&mut fragment) {
                    self.send(fragment.clone())?;
                }
            }
        }
        Ok(())
    }

    /// Queues a packet.
    fn send(&mut self, packet: PacketBuf) -> Result<(), Discard> {
        if self.queue.len() == Self::QUEUE {
            self.stats.queue_full += 1;
            return Err(Discard::QueueFull);
        }
        self.queue.push_back(packet);
        Ok(())
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.config.addresses.contains(&address)
    }
}

/// Whether `source` is one host's address, so that an answer to it has one receiver.
fn can_be_answered(source: IpAddr) -> bool {
    let is_broadcast = matches!(source, IpAddr::V4(address) if address.is_broadcast());
    !source.is_unspecified() && !source.is_multicast() && !source.is_loopback() && !is_broadcast
}
