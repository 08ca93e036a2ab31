//! Handshakes that the firewall answers itself.
//!
//! The SYN of a connection to be protected is answered with a SYN-ACK whose sequence number is a
//! *cookie* (D. J. Bernstein, 1996): a message authentication code over both ends, the client's
//! number and the time. Nothing is stored. A client that exists acknowledges the cookie; only then
//! the session begins, and the firewall asks the server. The server counts in numbers of its own, so
//! segments are translated from then on: sequence numbers of the server's, acknowledgments of the client's.
//!
//! The client is told a window of zero until the server has answered, so it sends no data that
//! nobody would take. A cookie has room for the client's MSS and for nothing else: such connections
//! do without window scaling, SACK and timestamps.

use super::answer::ip;
use super::detail::Detail;
use super::session::{DETAIL, Family, Session};
use super::{DropReason, EndReason, Firewall, Judged, Path, SessionId, Verdict};
use crate::compile::RuleId;
use crate::facts::InterfaceId;
use crate::model::Action;
use core::time::Duration;
use flow_state::packet::TcpSegment;
use flow_state::{Direction, FlowPacket, FlowState, Key, TcpFlow, Transport};
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::{HeaderOptions, IpProtocol, PseudoHeader, TcpFlags, TcpOption, TcpRepr};
use packet_buffer::{EmitError, Instant, PacketBuf};

/// How often the server is asked, and how long the first answer is waited for.
const TRIES: u8 = 4;
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A connection whose handshake the firewall took part in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handshake {
    /// The client's initial sequence number.
    client: u32,
    /// The number that the client takes for the server's.
    cookie: u32,
    mss: u16,
    window: u16,
    /// What is added to the server's numbers; `None` until it has answered.
    delta: Option<u32>,
    tries: u8,
    /// When the server is asked again.
    next: Instant,
}

impl Handshake {
    /// What is added to the server's numbers, once that is known.
    pub(super) const fn delta(&self) -> Option<u32> {
        self.delta
    }

    /// A handshake that another node took part in.
    pub(super) const fn taken_over(now: Instant, delta: u32) -> Self {
        Self {
            client: 0,
            cookie: 0,
            mss: 0,
            window: 0,
            delta: Some(delta),
            tries: TRIES,
            next: now,
        }
    }
}

/// What a translated session needs of a packet.
pub(super) enum Translated {
    /// It is no packet of such a session.
    No,
    /// The firewall has dealt with it.
    Done(Verdict),
    /// When it passes, this is subtracted from its acknowledgment.
    Onward(u32),
}

impl Firewall {
    /// Whether a new connection's handshake is the firewall's to answer.
    pub(super) fn answers_handshake(&self, rule: Option<RuleId>) -> bool {
        rule.and_then(|rule| self.policy.rule(rule))
            .is_some_and(|rule| rule.syn_proxy)
            || self
                .config
                .half_open
                .cookies_from
                .is_some_and(|from| self.half_open >= from)
    }

    /// Answers a SYN with a cookie.
    pub(super) fn send_cookie(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        segment: &TcpSegment<'_>,
    ) -> Verdict {
        let key = packet.key();
        let mss = maximum_segment_size(segment).unwrap_or(536);
        let cookie = self.cookies.make(now, &key, segment.sequence_number, mss);
        let answer = TcpRepr {
            source_port: segment.destination_port,
            destination_port: segment.source_port,
            sequence_number: cookie,
            acknowledgment_number: segment.sequence_number.wrapping_add(1),
            flags: TcpFlags::SYN | TcpFlags::ACK,
            window: 0,
            ..TcpRepr::default()
        };
        let addresses = packet.ip().pseudo_header().reversed();
        self.send_segment(path.ingress, answer, Some(mss), &addresses);
        Verdict::Consumed
    }

    /// A segment that would be the last of a handshake with the firewall.
    pub(super) fn finish_handshake<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: K,
    ) -> Option<Judged> {
        let Transport::Tcp(segment) = packet.transport() else {
            return None;
        };
        let flags = segment.flags;
        if !flags.contains(TcpFlags::ACK)
            || flags.intersects(TcpFlags::SYN | TcpFlags::RST | TcpFlags::FIN)
        {
            return None;
        }
        let client = segment.sequence_number.wrapping_sub(1);
        let cookie = segment.acknowledgment_number.wrapping_sub(1);
        let mss = self.cookies.check(now, &packet.key(), client, cookie)?;
        let mut facts = self.facts(now, path, packet)?;
        facts.tcp_flags = Some(TcpFlags::SYN);
        let decision = self.decide(now, path, packet, &facts);
        let (rule, log) = (decision.rule(), self.log_cause(&decision));
        if decision.action != Action::Accept {
            return None;
        }
        let judged = |verdict| Judged { verdict, rule, log };
        let handshake = Handshake {
            client,
            cookie,
            mss,
            window: segment.window.max(1),
            delta: None,
            tries: 1,
            next: now + FIRST_WAIT,
        };
        // The tracker sees the client's handshake, as it would have gone without the firewall.
        let syn = synthetic(segment, TcpFlags::SYN, client, 0, handshake.window);
        let state = match TcpFlow::new(&self.config.tcp, &syn) {
            Ok(flow) => FlowState::Tcp(flow),
            Err(why) => return Some(self.dropped(DropReason::Invalid(why))),
        };
        let detail = match self.needs_detail(rule) {
            Ok(detail) => detail,
            Err(reason) => return Some(self.dropped(reason)),
        };
        let session = Session::new(state, rule, path.ingress, path.egress, DETAIL);
        let verdict = match self.admit_session(now, packet, key, session) {
            Ok(verdict) => verdict,
            Err(reason) => return Some(self.dropped(reason)),
        };
        let Verdict::Accept {
            session: Some(id), ..
        } = verdict
        else {
            return Some(judged(verdict));
        };
        self.proxied += 1;
        self.details
            .insert(id, Detail::of_handshake(packet.key(), handshake));
        self.asking.insert((handshake.next, id));
        if detail {
            let (SessionId::V4(flow) | SessionId::V6(flow)) = id;
            self.begin_read::<K>(flow, segment.sequence_number);
        }
        self.ask_server(&packet.key(), path.egress, &handshake);
        Some(judged(Verdict::Consumed))
    }

    /// Sends the client's SYN to the server.
    fn ask_server(&mut self, key: &Key, egress: Option<InterfaceId>, handshake: &Handshake) {
        let syn = TcpRepr {
            source_port: key.source_port(),
            destination_port: key.destination_port(),
            sequence_number: handshake.client,
            flags: TcpFlags::SYN,
            window: handshake.window,
            ..TcpRepr::default()
        };
        if let Some(addresses) = pseudo_header(key) {
            self.send_segment(egress, syn, Some(handshake.mss), &addresses);
        }
    }

    fn send_segment(
        &mut self,
        interface: Option<InterfaceId>,
        mut segment: TcpRepr,
        mss: Option<u16>,
        addresses: &PseudoHeader,
    ) {
        let mut out = PacketBuf::new();
        let mut write = || -> Result<(), EmitError> {
            if let Some(mss) = mss {
                let option = [TcpOption::MaximumSegmentSize(mss)];
                segment.options = HeaderOptions::from_tcp_options(&option)?;
            }
            segment.emit(&mut out, addresses)?;
            ip(addresses, IpProtocol::TCP, &mut out)
        };
        if write().is_ok() {
            self.answers.push(interface, out);
        }
    }

    /// Asks servers again that have not answered.
    pub(super) fn ask_again(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.asking.first()
            && at <= now
        {
            self.asking.pop_first();
            let Some(detail) = self.details.get_mut(&id) else {
                continue;
            };
            let key = detail.key;
            let Some(handshake) = &mut detail.handshake else {
                continue;
            };
            if handshake.delta.is_some() || handshake.tries >= TRIES {
                continue;
            }
            let wait = FIRST_WAIT.saturating_mul(1 << handshake.tries);
            handshake.tries += 1;
            handshake.next = now + wait;
            let handshake = *handshake;
            self.asking.insert((handshake.next, id));
            let egress = self.egress_of(id);
            self.ask_server(&key, egress, &handshake);
        }
    }

    fn egress_of(&self, id: SessionId) -> Option<InterfaceId> {
        match id {
            SessionId::V4(id) => self.tables.v4.get(id)?.value.ingress(Direction::Reply),
            SessionId::V6(id) => self.tables.v6.get(id)?.value.ingress(Direction::Reply),
        }
    }

    /// Looks whether a packet belongs to a translated session; the server's segments are translated here.
    pub(super) fn translate(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
    ) -> Translated {
        let Ok(view) = FlowPacket::parse(packet.as_slice()) else {
            return Translated::No;
        };
        if view.is_fragment() || !matches!(view.transport(), Transport::Tcp(_)) {
            return Translated::No;
        }
        match view.key() {
            Key::V4(key) => self.translate_key(now, path, packet, key),
            Key::V6(key) => self.translate_key(now, path, packet, key),
        }
    }

    fn translate_key<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
        key: K,
    ) -> Translated {
        let Some(found) = K::table(&self.tables).find(now, &key) else {
            return Translated::No;
        };
        let id = K::session_id(found.id);
        let Some(handshake) = self.details.get(&id).and_then(|detail| detail.handshake) else {
            return Translated::No;
        };
        match (handshake.delta, found.direction) {
            (Some(delta), Direction::Original) => Translated::Onward(delta),
            (Some(delta), Direction::Reply) => {
                shift(packet, 4, delta);
                Translated::No
            }
            (None, direction) => {
                let Ok(view) = FlowPacket::parse(packet.as_slice()) else {
                    return Translated::No;
                };
                if let Err(reason) = self.precheck(now, path, &view) {
                    let judged = self.dropped(reason);
                    self.conclude(now, path, &view, &judged);
                    return Translated::Done(judged.verdict);
                }
                let judged = self.connecting::<K>(now, found.id, direction, &view, handshake);
                self.conclude(now, path, &view, &judged);
                Translated::Done(judged.verdict)
            }
        }
    }

    /// A segment while the server has not answered.
    fn connecting<K: Family>(
        &mut self,
        now: Instant,
        flow: flow_table::FlowId,
        direction: Direction,
        packet: &FlowPacket<'_>,
        handshake: Handshake,
    ) -> Judged {
        let Transport::Tcp(segment) = packet.transport() else {
            return self.dropped(DropReason::SynProxy);
        };
        let flags = segment.flags;
        let next = handshake.client.wrapping_add(1);
        if direction == Direction::Original {
            // The client may give up; anything else waits until the server is there.
            if flags.contains(TcpFlags::RST) && segment.sequence_number == next {
                self.end::<K>(now, flow, EndReason::Reset);
            }
            return self.dropped(DropReason::SynProxy);
        }
        if segment.acknowledgment_number != next || !flags.contains(TcpFlags::ACK) {
            return self.dropped(DropReason::SynProxy);
        }
        let (to_client, from_client) = (
            self.ingress_of::<K>(flow, Direction::Original),
            self.ingress_of::<K>(flow, Direction::Reply),
        );
        let addresses = packet.ip().pseudo_header();
        let answer = TcpRepr {
            source_port: segment.source_port,
            destination_port: segment.destination_port,
            sequence_number: handshake.cookie.wrapping_add(1),
            acknowledgment_number: next,
            flags: TcpFlags::ACK,
            window: segment.window,
            ..TcpRepr::default()
        };
        if flags.contains(TcpFlags::RST) {
            let reset = TcpRepr {
                flags: TcpFlags::RST | TcpFlags::ACK,
                window: 0,
                ..answer
            };
            self.send_segment(to_client, reset, None, &addresses);
            self.end::<K>(now, flow, EndReason::Reset);
            return Judged::pass(Verdict::Consumed);
        }
        if !flags.contains(TcpFlags::SYN) {
            return self.dropped(DropReason::SynProxy);
        }
        let server = segment.sequence_number;
        let policy = self.config.tcp;
        let mut established = false;
        let was_half_open;
        if let Some(mut entry) = K::table_mut(&mut self.tables).get_mut(flow) {
            let session = entry.value_mut();
            was_half_open = session.is_half_open();
            if let FlowState::Tcp(tcp) = &mut session.state {
                let syn_ack = synthetic(
                    segment,
                    TcpFlags::SYN | TcpFlags::ACK,
                    handshake.cookie,
                    next,
                    segment.window,
                );
                let ack = synthetic(
                    segment,
                    TcpFlags::ACK,
                    next,
                    handshake.cookie.wrapping_add(1),
                    handshake.window,
                );
                tcp.handle(&policy, Direction::Reply, &syn_ack);
                tcp.handle(&policy, Direction::Original, &ack);
            }
            let timeout = session.state.timeout(&self.config.timers);
            let (class, half_open) = (session.class(), session.is_half_open());
            entry.set_deadline(now + timeout);
            entry.set_class(class);
            established = was_half_open && !half_open;
        }
        if established {
            self.half_open = self.half_open.saturating_sub(1);
        }
        if let Some(detail) = self.details.get_mut(&K::session_id(flow)) {
            if let Some(own) = &mut detail.handshake {
                own.delta = Some(handshake.cookie.wrapping_sub(server));
            }
            detail.starts(
                Direction::Reply,
                handshake.cookie.wrapping_add(1),
                self.config.inspected_octets,
            );
        }
        self.tell::<K>(now, flow);
        // The server's third segment, and the window that the client has waited for.
        let third = TcpRepr {
            source_port: segment.destination_port,
            destination_port: segment.source_port,
            sequence_number: next,
            acknowledgment_number: server.wrapping_add(1),
            flags: TcpFlags::ACK,
            window: handshake.window,
            ..TcpRepr::default()
        };
        self.send_segment(from_client, third, None, &addresses.reversed());
        self.send_segment(to_client, answer, None, &addresses);
        self.counters
            .packet(self.rule_of_id::<K>(flow), packet.len());
        Judged::pass(Verdict::Consumed)
    }

    fn ingress_of<K: Family>(
        &self,
        flow: flow_table::FlowId,
        direction: Direction,
    ) -> Option<InterfaceId> {
        K::table(&self.tables).get(flow)?.value.ingress(direction)
    }

    fn rule_of_id<K: Family>(&self, flow: flow_table::FlowId) -> Option<RuleId> {
        K::table(&self.tables).get(flow)?.value.rule()
    }

    /// Begins to read a connection whose SYN the firewall itself has taken.
    fn begin_read<K: Family>(&mut self, flow: flow_table::FlowId, first: u32) {
        let rule = self
            .rule_of_id::<K>(flow)
            .and_then(|rule| self.policy.rule(rule));
        let (helper, filter) = match rule {
            Some(rule) => (rule.helper, rule.filter),
            None => (None, None),
        };
        let octets = self.config.inspected_octets;
        if let Some(detail) = self.details.get_mut(&K::session_id(flow)) {
            detail.read(helper, filter, octets);
            detail.starts(Direction::Original, first, octets);
        }
    }

    /// After a packet of the client's has passed: translates its acknowledgment.
    pub(super) fn onward(packet: &mut PacketBuf, delta: u32) {
        shift(packet, 8, delta.wrapping_neg());
    }
}

/// A segment that the tracker is to see.
const fn synthetic<'a>(
    like: &TcpSegment<'_>,
    flags: TcpFlags,
    sequence_number: u32,
    acknowledgment_number: u32,
    window: u16,
) -> TcpSegment<'a> {
    TcpSegment {
        source_port: like.source_port,
        destination_port: like.destination_port,
        sequence_number,
        acknowledgment_number,
        flags,
        window,
        options: &[],
        payload: &[],
    }
}

/// The MSS option (RFC 9293 §3.7.1).
fn maximum_segment_size(segment: &TcpSegment<'_>) -> Option<u16> {
    let mut rest = segment.options;
    loop {
        match *rest {
            [1, ref after @ ..] => rest = after,
            [2, 4, high, low, ..] => return Some(u16::from_be_bytes([high, low])),
            [0, ..] | [] | [_] => return None,
            [_, length, ..] => {
                rest = rest.get(usize::from(length).max(2)..)?;
            }
        }
    }
}

fn pseudo_header(key: &Key) -> Option<PseudoHeader> {
    match (key.source(), key.destination()) {
        (core::net::IpAddr::V4(source), core::net::IpAddr::V4(destination)) => {
            Some(PseudoHeader::V4 {
                source,
                destination,
            })
        }
        (core::net::IpAddr::V6(source), core::net::IpAddr::V6(destination)) => {
            Some(PseudoHeader::V6 {
                source,
                destination,
            })
        }
        _ => None,
    }
}

/// Adds to the 32-bit number at `at` octets into the TCP header, and patches the checksum
/// (RFC 1624). Acknowledgments count only with the ACK bit.
fn shift(packet: &mut PacketBuf, at: usize, by: u32) {
    let Ok(view) = FlowPacket::parse(packet.as_slice()) else {
        return;
    };
    let Transport::Tcp(segment) = view.transport() else {
        return;
    };
    if at == 8 && !segment.flags.contains(TcpFlags::ACK) {
        return;
    }
    let offset = view.transport_offset();
    let Some(header) = packet
        .as_mut_slice()
        .get_mut(offset..)
        .and_then(|header| header.first_chunk_mut::<20>())
    else {
        return;
    };
    let Some(number) = header
        .get_mut(at..)
        .and_then(|rest| rest.first_chunk_mut::<4>())
    else {
        return;
    };
    let old = u32::from_be_bytes(*number);
    let new = old.wrapping_add(by);
    *number = new.to_be_bytes();
    let checksum = u16::from_be_bytes([header[16], header[17]]);
    let checksum = ChecksumDelta::new().replace_u32(old, new).apply(checksum);
    [header[16], header[17]] = checksum.to_be_bytes();
}
