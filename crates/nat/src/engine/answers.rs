//! What the translator itself sends, and when.

use super::Nat;
use crate::config::{NatConfig, Side, UnsolicitedSyn};
use crate::verdict::{DropReason, Stats, bump};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::net::Ipv4Addr;
use core::time::Duration;
use flow_state::{FlowPacket, Transport};
use flow_table::Ipv4FlowKey;
use packet_buffer::rate::Limiter;
use packet_buffer::wire::{
    Icmpv4Repr, IpPacket, IpProtocol, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr, icmpv4_code,
};
use packet_buffer::{Instant, PacketBuf};

/// How long an unsolicited SYN is not answered.
const SYN_PATIENCE: Duration = Duration::from_secs(6);

/// Octets that an ICMP error may have with its IP header (RFC 1812 §4.3.2.3).
const MAX_ERROR: usize = 576;

/// Where a packet that [`poll_transmit`](Nat::poll_transmit) gave goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transmit {
    /// To which side.
    pub to: Side,
    /// Whether the packet is one that was handed in before, a fragment or what was put together
    /// of some; otherwise the translator wrote it.
    pub is_forwarded: bool,
}

/// Packets that wait to be sent, and SYNs that wait to be answered.
pub(super) struct Answers {
    queue: VecDeque<(Transmit, PacketBuf)>,
    max: usize,
    limiter: Limiter,
    syns: BTreeMap<Ipv4FlowKey, NotedSyn>,
    syn_deadlines: BTreeSet<(Instant, Ipv4FlowKey)>,
    max_syns: usize,
}

/// An unsolicited SYN: enough of it to be quoted.
struct NotedSyn {
    deadline: Instant,
    quote: PacketBuf,
}

impl Answers {
    pub(super) fn new(config: &NatConfig) -> Self {
        Self {
            queue: VecDeque::with_capacity(config.max_transmits),
            max: config.max_transmits,
            limiter: Limiter::new(config.icmp.rate),
            syns: BTreeMap::new(),
            syn_deadlines: BTreeSet::new(),
            max_syns: match config.unsolicited_syn {
                UnsolicitedSyn::Drop => 0,
                UnsolicitedSyn::Answer { max_noted } => max_noted,
            },
        }
    }

    /// Whether another packet fits the queue.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < self.max
    }

    pub(super) fn push(&mut self, transmit: Transmit, packet: PacketBuf, stats: &mut Stats) {
        if self.has_room() {
            self.queue.push_back((transmit, packet));
        } else {
            bump(&mut stats.transmits_dropped);
        }
    }

    pub(super) fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        let (transmit, packet) = self.queue.pop_front()?;
        *out = packet;
        Some(transmit)
    }

    /// Whether another packet of the translator's own may be sent.
    fn may_send(&mut self, now: Instant, stats: &mut Stats) -> bool {
        let may = self.limiter.take(now);
        bump(if may {
            &mut stats.answers_sent
        } else {
            &mut stats.answers_limited
        });
        may
    }

    fn send(&mut self, now: Instant, to: Side, packet: PacketBuf, stats: &mut Stats) {
        if self.may_send(now, stats) {
            let transmit = Transmit {
                to,
                is_forwarded: false,
            };
            self.push(transmit, packet, stats);
        }
    }

    /// Notes a SYN that is answered later, unless the inside opens the same connection.
    fn note_syn(&mut self, now: Instant, key: &Ipv4FlowKey, quote: &[u8], stats: &mut Stats) {
        if self.syns.contains_key(key) {
            return;
        }
        if self.syns.len() >= self.max_syns {
            bump(&mut stats.syns_not_noted);
            return;
        }
        let deadline = now + SYN_PATIENCE;
        let quote = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, quote);
        self.syns.insert(*key, NotedSyn { deadline, quote });
        self.syn_deadlines.insert((deadline, *key));
    }

    /// Forgets the SYN that has this key, because the inside opened the same connection.
    pub(super) fn forget_syn(&mut self, key: &Ipv4FlowKey) {
        if self.syns.is_empty() {
            return;
        }
        if let Some(noted) = self.syns.remove(key) {
            self.syn_deadlines.remove(&(noted.deadline, *key));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.syn_deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Answers the SYNs whose time has come.
    // RFC 5382 §4.3 SHOULD (req-4): then "port unreachable" answers the SYN.
    pub(super) fn handle_timeout(&mut self, now: Instant, stats: &mut Stats) {
        while let Some(&(deadline, key)) = self.syn_deadlines.first()
            && deadline <= now
        {
            self.syn_deadlines.pop_first();
            let Some(noted) = self.syns.remove(&key) else {
                continue;
            };
            let code = icmpv4_code::Unreachable::PORT;
            let from = key.destination();
            if let Some(error) = unreachable(noted.quote, code, from, key.source()) {
                self.send(now, Side::Outside, error, stats);
            }
        }
    }
}

/// An ICMP "destination unreachable" from `from` to `to`, about the packet that `quote` starts
/// with.
fn unreachable(
    mut quote: PacketBuf,
    code: icmpv4_code::Unreachable,
    from: Ipv4Addr,
    to: Ipv4Addr,
) -> Option<PacketBuf> {
    quote.truncate(MAX_ERROR - 28);
    let error = Icmpv4Repr::DestinationUnreachable {
        code,
        quoted_words: 0,
        next_hop_mtu: 0,
    };
    error.emit(&mut quote).ok()?;
    Ipv4Repr::new(from, to, IpProtocol::ICMP)
        .emit(&mut quote)
        .ok()?;
    Some(quote)
}

impl Nat {
    /// Answers a packet that opened no session, where that is the policy.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        side: Side,
        packet: &FlowPacket<'_>,
        reason: DropReason,
    ) {
        let IpPacket::V4(ip) = packet.ip() else {
            return;
        };
        match (side, reason, packet.transport()) {
            // RFC 5508 §6 SHOULD (req-8): "administratively prohibited" answers what gets no session.
            (Side::Inside, DropReason::NoPort | DropReason::Limit | DropReason::TableFull, _)
                if self.config.icmp.prohibited =>
            {
                let Some(from) = self.config.icmp.inside_address else {
                    return;
                };
                let quote = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, ip.as_slice());
                let code = icmpv4_code::Unreachable::ADMINISTRATIVELY_PROHIBITED;
                if let Some(error) = unreachable(quote, code, from, ip.source()) {
                    let stats = &mut self.stats;
                    self.answers.send(now, Side::Inside, error, stats);
                }
            }
            (Side::Inside, DropReason::Invalid(_), Transport::Tcp(segment))
                if self.config.reset_unknown_tcp && !segment.flags.contains(TcpFlags::RST) =>
            {
                if let Some(reset) = reset(ip, segment) {
                    let stats = &mut self.stats;
                    self.answers.send(now, Side::Inside, reset, stats);
                }
            }
            (
                Side::Outside,
                DropReason::NoMapping | DropReason::Filtered,
                Transport::Tcp(segment),
            ) if segment.flags.contains(TcpFlags::SYN)
                && !segment.flags.contains(TcpFlags::ACK) =>
            {
                // Only addresses of the translator: others are none of its business.
                if let flow_state::Key::V4(key) = packet.key()
                    && self.is_outside_address(key.destination())
                {
                    let octets = ip.as_slice();
                    let quote = octets.get(..MAX_ERROR - 28).unwrap_or(octets);
                    self.answers.note_syn(now, &key, quote, &mut self.stats);
                }
            }
            _ => {}
        }
    }
}

/// The reset that a TCP host sends for a segment of no connection (RFC 9293 §3.10.7.1).
fn reset(
    ip: &packet_buffer::wire::Ipv4Packet<'_>,
    segment: &flow_state::packet::TcpSegment<'_>,
) -> Option<PacketBuf> {
    let (sequence_number, acknowledgment_number, flags) = if segment.flags.contains(TcpFlags::ACK) {
        (segment.acknowledgment_number, 0, TcpFlags::RST)
    } else {
        let flags = TcpFlags::RST | TcpFlags::ACK;
        (0, segment.sequence_end(), flags)
    };
    let repr = TcpRepr {
        source_port: segment.destination_port,
        destination_port: segment.source_port,
        sequence_number,
        acknowledgment_number,
        flags,
        ..TcpRepr::default()
    };
    let (source, destination) = (ip.destination(), ip.source());
    let addresses = PseudoHeader::V4 {
        source,
        destination,
    };
    let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
    repr.emit(&mut packet, &addresses).ok()?;
    Ipv4Repr::new(source, destination, IpProtocol::TCP)
        .emit(&mut packet)
        .ok()?;
    Some(packet)
}
