//! What the firewall says to senders whose packets it rejects.

use super::config::FirewallConfig;
use super::limits::rate;
use super::verdict::Path;
use crate::facts::InterfaceId;
use alloc::collections::VecDeque;
use core::net::IpAddr;
use flow_state::limits::{KeyedBuckets, SourceKey};
use flow_state::packet::TcpSegment;
use flow_state::{FlowPacket, Transport};
use flow_table::ConfigError;
use packet_buffer::rate::Limiter;
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv6Repr, IpPacket, IpProtocol, Ipv4Repr, Ipv6Repr, PseudoHeader, TcpFlags,
    TcpRepr, icmpv4_code, icmpv6_code,
};
use packet_buffer::{EmitError, Instant, PacketBuf, RandomSource};

/// What the packet that [`poll_transmit`](crate::Firewall::poll_transmit) has written is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The interface to send it by; `None` for the router itself.
    pub interface: Option<InterfaceId>,
    /// Whether it is a fragment of a packet that has passed, which goes the way of other packets
    /// (hop limit, next hop); otherwise the firewall itself is its author.
    pub forwarded: bool,
}

pub(super) struct Answers {
    queue: VecDeque<(Option<InterfaceId>, PacketBuf)>,
    capacity: usize,
    limiter: Limiter,
    per_source: KeyedBuckets,
    suppressed: u64,
}

impl Answers {
    pub(super) fn new(
        config: &FirewallConfig,
        random: &mut (dyn RandomSource + Send),
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            queue: VecDeque::new(),
            capacity: config.answer_queue,
            limiter: Limiter::new(rate(&config.answers)),
            per_source: KeyedBuckets::new(
                rate(&config.answers_per_source),
                config.limited_sources,
                random,
            )?,
            suppressed: 0,
        })
    }

    /// Puts a packet into the queue that needs no limit of its own.
    pub(super) fn push(&mut self, interface: Option<InterfaceId>, packet: PacketBuf) -> bool {
        if self.queue.len() >= self.capacity {
            self.suppressed = self.suppressed.wrapping_add(1);
            return false;
        }
        self.queue.push_back((interface, packet));
        true
    }

    /// Answers a packet that was rejected, unless it is of a kind that is never answered, or too
    /// many have been.
    pub(super) fn refuse(&mut self, now: Instant, path: &Path<'_>, packet: &FlowPacket<'_>) {
        if !may_be_answered(packet) {
            return;
        }
        let source = packet.key().source();
        // RFC 1812 §4.3.2.8 SHOULD (rate): limited, by parameters.
        // RFC 4443 §2.4 MUST (f): limited.
        if self.queue.len() >= self.capacity
            || !self.per_source.take(now, SourceKey::of(source))
            || !self.limiter.take(now)
        {
            self.suppressed = self.suppressed.wrapping_add(1);
            return;
        }
        let mut answer = PacketBuf::new();
        let written = match packet.transport() {
            Transport::Tcp(segment) => reset(packet, segment, &mut answer),
            _ => prohibited(path, packet, &mut answer),
        };
        if written.is_ok() {
            self.queue.push_back((path.ingress, answer));
        }
    }

    pub(super) fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        let (interface, packet) = self.queue.pop_front()?;
        *out = packet;
        Some(Transmit {
            interface,
            forwarded: false,
        })
    }

    /// Answers that were not sent.
    pub(super) const fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

/// Whether a packet may be answered with an error at all.
// RFC 1122 §3.2.2 MUST (no-error-about): neither about an ICMP error, nor about a packet to many, a
// later fragment, or one whose source is not one host.
// RFC 4443 §2.4 MUST (e): the same for ICMPv6.
fn may_be_answered(packet: &FlowPacket<'_>) -> bool {
    let key = packet.key();
    let one_host = |address| match address {
        IpAddr::V4(address) => {
            !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified()
        }
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified(),
    };
    let kind = match packet.transport() {
        // RFC 9293 §3.10.7.1 MUST (rst-never): a RST is never answered.
        Transport::Tcp(segment) => !segment.flags.contains(TcpFlags::RST),
        Transport::IcmpError(_) | Transport::LaterFragment => false,
        // RFC 4443 §2.4 (e.2): nor a redirect, which is no error there.
        Transport::IcmpOther { message_type, .. } => *message_type != 137,
        _ => true,
    };
    kind && one_host(key.source()) && one_host(key.destination())
}

/// The RST that refuses a segment.
// RFC 9293 §3.10.7.1 MUST (rst-with-ack): with the number that the segment acknowledges.
// RFC 9293 §3.10.7.1 MUST (rst-without-ack): or else acknowledging the segment.
pub(super) fn reset(
    packet: &FlowPacket<'_>,
    segment: &TcpSegment<'_>,
    out: &mut PacketBuf,
) -> Result<(), EmitError> {
    let mut repr = TcpRepr {
        source_port: segment.destination_port,
        destination_port: segment.source_port,
        flags: TcpFlags::RST,
        ..TcpRepr::default()
    };
    if segment.flags.contains(TcpFlags::ACK) {
        repr.sequence_number = segment.acknowledgment_number;
    } else {
        repr.flags |= TcpFlags::ACK;
        repr.acknowledgment_number = segment.sequence_end();
    }
    let addresses = packet.ip().pseudo_header().reversed();
    repr.emit(out, &addresses)?;
    ip(&addresses, IpProtocol::TCP, out)
}

/// The RST that takes a segment's place on its way: the receiver's connection ends.
pub(super) fn reset_onward(
    packet: &FlowPacket<'_>,
    segment: &TcpSegment<'_>,
    out: &mut PacketBuf,
) -> Result<(), EmitError> {
    let repr = TcpRepr {
        source_port: segment.source_port,
        destination_port: segment.destination_port,
        sequence_number: segment.sequence_number,
        acknowledgment_number: segment.acknowledgment_number,
        flags: TcpFlags::RST | TcpFlags::ACK,
        ..TcpRepr::default()
    };
    let addresses = packet.ip().pseudo_header();
    repr.emit(out, &addresses)?;
    ip(&addresses, IpProtocol::TCP, out)
}

/// Writes the IP header of a packet of the firewall's own.
pub(super) fn ip(
    addresses: &PseudoHeader,
    protocol: IpProtocol,
    out: &mut PacketBuf,
) -> Result<(), EmitError> {
    match *addresses {
        PseudoHeader::V4 {
            source,
            destination,
        } => Ipv4Repr::new(source, destination, protocol).emit(out),
        PseudoHeader::V6 {
            source,
            destination,
        } => Ipv6Repr::new(source, destination, protocol).emit(out),
    }
}

/// Octets of an IPv4 packet with an ICMP error at the most.
// RFC 1812 §4.3.2.3 SHOULD (quote): as much as fits.
const ICMPV4_LENGTH: usize = 576;
/// Octets of an IPv6 packet with an ICMP error at the most.
// RFC 4443 §2.4 MUST (c): as much as fits.
const ICMPV6_LENGTH: usize = 1280;

/// "Communication administratively prohibited" (RFC 4443 §3.1).
// RFC 1812 §5.2.7.1 MAY (prohibited): code 13.
fn prohibited(
    path: &Path<'_>,
    packet: &FlowPacket<'_>,
    out: &mut PacketBuf,
) -> Result<(), EmitError> {
    match packet.ip() {
        IpPacket::V4(ip) => {
            let quote = ip.as_slice();
            out.append_slice(quote.get(..ICMPV4_LENGTH - 28).unwrap_or(quote));
            Icmpv4Repr::DestinationUnreachable {
                code: icmpv4_code::Unreachable::ADMINISTRATIVELY_PROHIBITED,
                quoted_words: 0,
                next_hop_mtu: 0,
            }
            .emit(out)?;
            let source = match path.address {
                Some(IpAddr::V4(address)) => address,
                _ => ip.destination(),
            };
            Ipv4Repr::new(source, ip.source(), IpProtocol::ICMP).emit(out)
        }
        IpPacket::V6(ip) => {
            let quote = ip.as_slice();
            out.append_slice(quote.get(..ICMPV6_LENGTH - 48).unwrap_or(quote));
            let source = match path.address {
                Some(IpAddr::V6(address)) => address,
                _ => ip.destination(),
            };
            let addresses = PseudoHeader::V6 {
                source,
                destination: ip.source(),
            };
            Icmpv6Repr::DestinationUnreachable {
                code: icmpv6_code::Unreachable::ADMINISTRATIVELY_PROHIBITED,
                quoted_words: 0,
            }
            .emit(out, &addresses)?;
            Ipv6Repr::new(source, ip.source(), IpProtocol::ICMPV6).emit(out)
        }
    }
}
