//! The machine.

use super::config::{PingConfig, PingConfigError, Target};
use super::event::{Discard, Event, PingStats, Reply, TargetError, TargetId, Transmit};
use super::payload::{TOKEN_LEN, token_matches};
use super::quoted::quoted_request;
use super::target::{Peer, State, TargetStats};
use crate::hash::{self, HashMap};
use crate::probe::{Framing, IcmpError, IpHeader, Received};
use crate::probe::{Icmp, is_group, pseudo_header};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use packet_buffer::wire::{Icmpv4Repr, Icmpv4Type, Icmpv6Repr, IpProtocol, QuotedPacket};
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// Sends echo requests and tells what comes back. See the [module](super) for what is told.
pub struct Pinger {
    config: PingConfig,
    random: Box<dyn RandomSource + Send>,
    identifier: u16,
    peers: Vec<Peer>,
    by_address: HashMap<IpAddr, usize>,
    /// Targets that are multicast or broadcast addresses.
    groups: Vec<usize>,
    /// When a target has something to do.
    timers: BTreeSet<(Instant, usize)>,
    /// Requests that wait to be polled: at most `max_in_flight` of each target.
    to_send: VecDeque<(usize, u32)>,
    events: VecDeque<Event>,
    ends_at: Option<Instant>,
    latest: Instant,
    stats: PingStats,
}

impl Pinger {
    /// A pinger without targets.
    ///
    /// # Errors
    ///
    /// [`PingConfigError`], which names the field.
    pub fn new(
        config: PingConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, PingConfigError> {
        config.check()?;
        let identifier = config.identifier.unwrap_or_else(|| random.next_u16());
        let by_address = hash::new_map(&mut *random);
        Ok(Self {
            config,
            random,
            identifier,
            peers: Vec::new(),
            by_address,
            groups: Vec::new(),
            timers: BTreeSet::new(),
            to_send: VecDeque::new(),
            events: VecDeque::new(),
            ends_at: None,
            latest: Instant::ZERO,
            stats: PingStats::default(),
        })
    }

    /// Adds a target. Its first request is due at once, or staggered behind those of the targets
    /// before it.
    ///
    /// # Errors
    ///
    /// [`TargetError`], with the state unchanged.
    pub fn add_target(&mut self, now: Instant, target: Target) -> Result<TargetId, TargetError> {
        if target.source.is_ipv4() != target.destination.is_ipv4() {
            return Err(TargetError::VersionMismatch);
        }
        if self.by_address.contains_key(&target.destination) {
            return Err(TargetError::Duplicate);
        }
        if self.peers.len() >= self.config.max_targets {
            return Err(TargetError::TooMany);
        }
        self.latest = self.latest.max(now);
        let index = self.peers.len();
        let places = u32::try_from(index).unwrap_or(u32::MAX);
        let first = self.latest + self.config.stagger.saturating_mul(places);
        self.peers.push(Peer::new(target, first));
        self.by_address.insert(target.destination, index);
        if is_group(target.destination) {
            self.groups.push(index);
        }
        if self.ends_at.is_none() {
            self.ends_at = self.config.deadline.map(|after| self.latest + after);
        }
        self.update_timer(index);
        Ok(TargetId(index))
    }

    /// Sends no more requests; those in flight are waited for.
    pub fn stop(&mut self) {
        for index in 0..self.peers.len() {
            if let Some(peer) = self.peers.get_mut(index) {
                peer.next_send = None;
                peer.stalled = false;
            }
            self.update_timer(index);
            self.finish_if_done(index);
        }
    }

    /// The identifier of all requests.
    pub fn identifier(&self) -> u16 {
        self.identifier
    }

    /// What came of the requests to a target; `None` for another pinger's target.
    pub fn target_stats(&self, target: TargetId) -> Option<&TargetStats> {
        self.peers.get(target.0).map(|peer| &peer.stats)
    }

    /// What was ignored and dropped.
    pub const fn stats(&self) -> &PingStats {
        &self.stats
    }

    /// Whether every target is finished. Not so before the first is added.
    pub fn is_finished(&self) -> bool {
        !self.peers.is_empty() && self.peers.iter().all(|peer| peer.finished)
    }

    /// Takes a whole IP packet.
    ///
    /// # Errors
    ///
    /// [`Discard`], with the state unchanged.
    pub fn handle_input(&mut self, now: Instant, packet: &[u8]) -> Result<(), Discard> {
        match Received::from_ip(packet) {
            Ok(received) => self.handle_message(now, &received),
            Err(error) => self.counted(Err(Discard::Malformed(error))),
        }
    }

    /// Takes a message without its IP header.
    ///
    /// # Errors
    ///
    /// [`Discard`], with the state unchanged.
    pub fn handle_message(&mut self, now: Instant, received: &Received<'_>) -> Result<(), Discard> {
        let now = self.latest.max(now);
        let result = self.take(now, received);
        self.counted(result)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if self.ends_at.is_some_and(|end| end <= now) {
            self.end(now);
            return;
        }
        while let Some(&(at, index)) = self.timers.first() {
            if at > now {
                break;
            }
            self.expire(index, now);
            let due = self
                .peers
                .get(index)
                .and_then(|peer| peer.next_send)
                .is_some_and(|at| at <= now);
            if due {
                self.request_or_stall(index, now);
            }
            self.update_timer(index);
            self.finish_if_done(index);
        }
    }

    /// Writes the next request into `out`, behind its headroom, and says where it goes.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        while let Some((index, sequence)) = self.to_send.pop_front() {
            let Some(peer) = self.peers.get_mut(index) else {
                continue;
            };
            peer.unsent = peer.unsent.saturating_sub(1);
            let (target, request) = (peer.target, peer.request(sequence));
            self.after_answer(index, self.latest);
            let Some(request) = request else {
                continue;
            };
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            if self.write(&target, sequence, request.token, out).is_none() {
                out.reset(PacketBuf::DEFAULT_HEADROOM);
                continue;
            }
            return Some(Transmit {
                target: TargetId(index),
                destination: target.destination,
                sequence,
            });
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        // What is overdue is due now.
        let next = self.timers.first().map(|&(at, _)| at.max(self.latest));
        match (next, self.ends_at) {
            (Some(next), Some(end)) => Some(next.min(end.max(self.latest))),
            (next, _) => next,
        }
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn write(&self, target: &Target, sequence: u32, token: u64, out: &mut PacketBuf) -> Option<()> {
        let [_, _, high, low] = sequence.to_be_bytes();
        let sequence_number = u16::from_be_bytes([high, low]);
        let identifier = self.identifier;
        self.config
            .pattern
            .write(token, self.config.payload_len, out);
        let protocol = match pseudo_header(target.source, target.destination)? {
            packet_buffer::wire::PseudoHeader::V4 { .. } => {
                let repr = Icmpv4Repr::EchoRequest {
                    identifier,
                    sequence_number,
                };
                repr.emit(out).ok()?;
                IpProtocol::ICMP
            }
            pseudo_header => {
                let repr = Icmpv6Repr::EchoRequest {
                    identifier,
                    sequence_number,
                };
                repr.emit(out, &pseudo_header).ok()?;
                IpProtocol::ICMPV6
            }
        };
        if self.config.framing == Framing::IpPacket {
            let header = IpHeader {
                source: target.source,
                destination: target.destination,
                protocol,
                hop_limit: self.config.hop_limit,
                dscp: self.config.dscp,
                dont_fragment: self.config.dont_fragment,
                // Of use to tell fragments of one request from another's.
                identification: sequence_number,
                flow_label: 0,
            };
            header.emit(out).ok()?;
        }
        Some(())
    }

    /// Makes the next request of a target, or has it wait when too many are in flight.
    fn request_or_stall(&mut self, index: usize, now: Instant) {
        let Some(peer) = self.peers.get_mut(index) else {
            return;
        };
        // Requests that nobody polls wait, and no more are made.
        if peer.in_flight >= self.config.max_in_flight || peer.unsent >= self.config.max_in_flight {
            peer.stalled = true;
            peer.next_send = None;
            return;
        }
        peer.stalled = false;
        let token = self.random.next_u64();
        let due = peer.next_send.unwrap_or(now);
        let sequence = peer.push(now, token, self.config.window);
        peer.unsent += 1;
        self.to_send.push_back((index, sequence));
        let more = self
            .config
            .count
            .is_none_or(|count| peer.stats.sent < u64::from(count));
        peer.next_send = more.then(|| {
            let next = due + self.config.interval;
            // Late by more than an interval: the rhythm starts anew, nothing is caught up.
            if next > now {
                next
            } else {
                now + self.config.interval
            }
        });
    }

    /// Counts requests of a target that have timed out.
    fn expire(&mut self, index: usize, now: Instant) {
        let timeout = self.config.timeout;
        loop {
            let Some(peer) = self.peers.get_mut(index) else {
                return;
            };
            let Some(sequence) = peer.timed_out(now, timeout) else {
                break;
            };
            peer.resolve(sequence, State::TimedOut);
            peer.stats.timeouts += 1;
            self.push_event(Event::Timeout {
                target: TargetId(index),
                sequence,
            });
        }
        self.go_on_if_stalled(index, now);
    }

    fn go_on_if_stalled(&mut self, index: usize, now: Instant) {
        let goes_on = self.peers.get(index).is_some_and(|peer| {
            let most = self.config.max_in_flight;
            peer.stalled && peer.in_flight < most && peer.unsent < most
        });
        if goes_on {
            self.request_or_stall(index, now);
        }
    }

    /// The deadline of all.
    fn end(&mut self, now: Instant) {
        self.ends_at = None;
        self.to_send.clear();
        for index in 0..self.peers.len() {
            if let Some(peer) = self.peers.get_mut(index) {
                peer.unsent = 0;
                peer.next_send = None;
                peer.stalled = false;
            }
            self.expire(index, now);
            if let Some(peer) = self.peers.get_mut(index)
                && !peer.finished
            {
                peer.finished = true;
                self.push_event(Event::Finished {
                    target: TargetId(index),
                });
            }
            self.update_timer(index);
        }
    }

    fn finish_if_done(&mut self, index: usize) {
        let Some(peer) = self.peers.get_mut(index) else {
            return;
        };
        if peer.finished || peer.in_flight > 0 || peer.next_send.is_some() || peer.stalled {
            return;
        }
        peer.finished = true;
        self.push_event(Event::Finished {
            target: TargetId(index),
        });
        if self.is_finished() {
            self.ends_at = None;
        }
    }

    /// Puts a target where it belongs in the order of timers.
    fn update_timer(&mut self, index: usize) {
        let timeout = self.config.timeout;
        let Some(peer) = self.peers.get_mut(index) else {
            return;
        };
        let deadline = if peer.finished {
            None
        } else {
            peer.deadline(timeout)
        };
        if peer.timer == deadline {
            return;
        }
        if let Some(old) = peer.timer {
            self.timers.remove(&(old, index));
        }
        peer.timer = deadline;
        if let Some(new) = deadline {
            self.timers.insert((new, index));
        }
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() >= self.config.max_events {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    fn take(&mut self, now: Instant, received: &Received<'_>) -> Result<(), Discard> {
        match received.icmp().map_err(Discard::Malformed)? {
            Some(Icmp::V4(message)) => match message.to_repr() {
                Icmpv4Repr::EchoReply {
                    identifier,
                    sequence_number,
                } => self.take_reply(
                    now,
                    received,
                    identifier,
                    sequence_number,
                    message.payload(),
                ),
                Icmpv4Repr::Other { message_type, .. }
                    if message_type == Icmpv4Type::SOURCE_QUENCH =>
                {
                    // RFC 6633 §3 MUST (ignore): it is not acted on.
                    Err(Discard::SourceQuench)
                }
                repr => match message.quoted_packet() {
                    Some(quoted) => {
                        let quoted = quoted.map_err(Discard::Malformed)?;
                        self.take_error(now, received.source, IcmpError::V4(repr), &quoted)
                    }
                    None => Err(Discard::NotEcho),
                },
            },
            Some(Icmp::V6(message)) => match message.to_repr() {
                Icmpv6Repr::EchoReply {
                    identifier,
                    sequence_number,
                } => self.take_reply(
                    now,
                    received,
                    identifier,
                    sequence_number,
                    message.payload(),
                ),
                repr => match message.quoted_packet() {
                    Some(quoted) => {
                        let quoted = quoted.map_err(Discard::Malformed)?;
                        self.take_error(now, received.source, IcmpError::V6(repr), &quoted)
                    }
                    None => Err(Discard::NotEcho),
                },
            },
            None => Err(Discard::NotEcho),
        }
    }

    fn take_reply(
        &mut self,
        now: Instant,
        received: &Received<'_>,
        identifier: u16,
        sequence_number: u16,
        data: &[u8],
    ) -> Result<(), Discard> {
        // RFC 792 §Echo MUST: the reply has identifier, sequence number and data of the request.
        // RFC 4443 §4.1 MUST: the same over IPv6.
        if identifier != self.identifier {
            return Err(Discard::OtherIdentifier(identifier));
        }
        let from = received.source;
        let length = self.config.payload_len;
        let index = match self.by_address.get(&from) {
            Some(&index) => index,
            None => self
                .group_of(from, sequence_number, data)
                .ok_or(Discard::UnknownTarget)?,
        };
        let peer = self.peers.get_mut(index).ok_or(Discard::UnknownTarget)?;
        let (sequence, request) = peer
            .find(sequence_number)
            .ok_or(Discard::UnknownSequence(sequence_number))?;
        let token = token_matches(request.token, length, data);
        // Data that was sent and did not come back at all is no answer either.
        if token == Some(false) || (token.is_none() && length > 0) {
            return Err(Discard::WrongToken);
        }
        self.latest = now;
        let first_difference = self
            .config
            .pattern
            .first_difference(request.token, length, data);
        let reply = Reply {
            target: TargetId(index),
            from,
            sequence,
            rtt: now - request.sent_at,
            hop_limit: received.hop_limit,
            octets: data.len(),
            late: request.state == State::TimedOut,
            duplicate: request.state == State::Answered,
            reordered: request.state != State::Answered && peer.is_overtaken(sequence),
            first_difference,
        };
        let stats = &mut peer.stats;
        stats.corrupt += u64::from(first_difference.is_some());
        if reply.duplicate {
            stats.duplicates += 1;
        } else {
            stats.received += 1;
            stats.late += u64::from(reply.late);
            stats.reordered += u64::from(reply.reordered);
            stats.rtt.record(reply.rtt);
        }
        peer.resolve(sequence, State::Answered);
        self.push_event(Event::Reply(reply));
        self.after_answer(index, now);
        Ok(())
    }

    /// The multicast or broadcast target whose request the data answers.
    fn group_of(&self, from: IpAddr, sequence_number: u16, data: &[u8]) -> Option<usize> {
        self.groups.iter().copied().find(|&index| {
            let Some(peer) = self.peers.get(index) else {
                return false;
            };
            peer.target.destination.is_ipv4() == from.is_ipv4()
                && peer.find(sequence_number).is_some_and(|(_, request)| {
                    let length = self.config.payload_len;
                    token_matches(request.token, length, data) == Some(true)
                })
        })
    }

    fn take_error(
        &mut self,
        now: Instant,
        from: IpAddr,
        error: IcmpError,
        quoted: &QuotedPacket<'_>,
    ) -> Result<(), Discard> {
        let (identifier, sequence_number, data) = quoted_request(quoted).ok_or(Discard::NotEcho)?;
        if identifier != self.identifier {
            return Err(Discard::OtherIdentifier(identifier));
        }
        let index = *self
            .by_address
            .get(&quoted.destination())
            .ok_or(Discard::UnknownTarget)?;
        let peer = self.peers.get_mut(index).ok_or(Discard::UnknownTarget)?;
        let (sequence, request) = peer
            .find(sequence_number)
            .ok_or(Discard::UnknownSequence(sequence_number))?;
        // RFC 792 quotes eight octets, which do not reach the token; most quote more. A padded quote
        // may end within it.
        let reaches = data.len() >= TOKEN_LEN;
        if reaches && token_matches(request.token, self.config.payload_len, data) == Some(false) {
            return Err(Discard::WrongToken);
        }
        self.latest = now;
        let rtt = now - request.sent_at;
        if error.redirect().is_some() {
            peer.stats.redirects += 1;
        } else {
            peer.stats.errors += 1;
            if matches!(request.state, State::InFlight | State::TimedOut) {
                peer.resolve(sequence, State::Failed);
            }
        }
        self.push_event(Event::Error {
            target: TargetId(index),
            from,
            sequence,
            error,
            rtt,
        });
        self.after_answer(index, now);
        Ok(())
    }

    fn after_answer(&mut self, index: usize, now: Instant) {
        self.go_on_if_stalled(index, now);
        self.update_timer(index);
        self.finish_if_done(index);
    }

    fn counted(&mut self, result: Result<(), Discard>) -> Result<(), Discard> {
        if let Err(discard) = result {
            let stats = &mut self.stats;
            let counter = match discard {
                Discard::Malformed(_) => &mut stats.malformed,
                Discard::NotEcho => &mut stats.not_echo,
                Discard::OtherIdentifier(_) => &mut stats.other_identifier,
                Discard::UnknownTarget => &mut stats.unknown_target,
                Discard::UnknownSequence(_) => &mut stats.unknown_sequence,
                Discard::WrongToken => &mut stats.wrong_token,
                Discard::SourceQuench => &mut stats.source_quench,
            };
            *counter += 1;
        }
        result
    }
}

impl fmt::Debug for Pinger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinger")
            .field("identifier", &self.identifier)
            .field("targets", &self.peers.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
