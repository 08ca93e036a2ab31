//! The machine: what is sent when, and what becomes of it.

use super::answer::{Match, identify};
use super::config::{Schedule, TracerouteConfig, TracerouteConfigError};
use super::event::{Answer, AnswerKind, Discard, Event, Outcome, TracerouteStats, Transmit};
use super::hop::Hop;
use super::key::Keys;
use super::packet::Template;
use super::window::{Probe, State, Window};
use crate::probe::Received;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use packet_buffer::{Instant, PacketBuf, RandomSource};

/// MTUs of networks that there were, for routers that tell none (RFC 1191 §7.1).
const PLATEAUS: [u16; 10] = [
    32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68,
];
/// Changes of the MTU along a path that are remembered.
const MAX_MTU_CHANGES: usize = 16;

/// Finds the hops of a path. See the [module](super) for how.
pub struct Traceroute {
    template: Template,
    random: Box<dyn RandomSource + Send>,
    window: Window,
    hops: BTreeMap<u8, Hop>,
    /// The next hop to be probed; beyond 255 when all are.
    next_ttl: u16,
    /// Which probe of its hop the next one is, from 1; with rounds, which round.
    next_number: u32,
    round_started: Instant,
    /// Probes that were too big and are to be sent again: hop and number.
    retries: VecDeque<(u8, u32)>,
    /// Probes that wait to be polled.
    to_send: VecDeque<u32>,
    /// The next probe leaves no earlier.
    next_send: Instant,
    /// Octets of the next probe.
    size: u16,
    /// Sizes that were asked for, and the nearest hop that did.
    mtu_changes: Vec<(u32, u8)>,
    /// The farthest hop that answered in time.
    farthest: u8,
    /// The nearest hop that ends the path, and how.
    end: Option<(u8, Outcome)>,
    stopped: bool,
    finished: Option<Outcome>,
    deadline: Option<Instant>,
    events: VecDeque<Event>,
    latest: Instant,
    stats: TracerouteStats,
}

/// What is to be done next.
enum Next {
    Probe {
        ttl: u8,
        number: u32,
    },
    Round {
        at: Instant,
    },
    /// Answers decide.
    Wait,
    Nothing,
}

impl Traceroute {
    /// A trace whose first probe is due at once.
    ///
    /// # Errors
    ///
    /// [`TracerouteConfigError`], which names the field.
    pub fn new(
        now: Instant,
        config: TracerouteConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, TracerouteConfigError> {
        config.check()?;
        let template = Template::new(&config, &mut *random);
        let size = config.packet_len.max(template.least_size());
        let mut trace = Self {
            window: Window::new(Keys::new(random.next_u16()), config.window),
            random,
            hops: BTreeMap::new(),
            next_ttl: u16::from(config.first_ttl),
            next_number: 1,
            round_started: now,
            retries: VecDeque::new(),
            to_send: VecDeque::new(),
            next_send: now,
            size: u16::try_from(size).unwrap_or(u16::MAX),
            mtu_changes: Vec::new(),
            farthest: config.first_ttl - 1,
            end: None,
            stopped: false,
            finished: None,
            deadline: None,
            events: VecDeque::new(),
            latest: now,
            stats: TracerouteStats::default(),
            template,
        };
        trace.reschedule();
        Ok(trace)
    }

    /// The hops that were probed, the nearest first, as far as the path goes.
    pub fn hops(&self) -> impl Iterator<Item = &Hop> {
        let limit = self.limit();
        self.hops.values().take_while(move |hop| hop.ttl <= limit)
    }

    /// One of them.
    pub fn hop(&self, ttl: u8) -> Option<&Hop> {
        self.hops.get(&ttl).filter(|_| ttl <= self.limit())
    }

    /// Octets of an IP packet that fit the path as far as it was probed; `None` without MTU discovery.
    pub fn path_mtu(&self) -> Option<u16> {
        let discovers = self.template.config().mtu_discovery;
        discovers.then_some(self.size)
    }

    /// How it ended; `None` when it did not yet.
    pub fn outcome(&self) -> Option<Outcome> {
        self.finished
    }

    /// The round that is under way, from 1, with [`Schedule::Rounds`].
    pub fn round(&self) -> u32 {
        self.next_number
    }

    /// What was sent, ignored and dropped.
    pub const fn stats(&self) -> &TracerouteStats {
        &self.stats
    }

    /// Sends no more probes; those in flight are waited for.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.retries.clear();
        self.reschedule();
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
        let result = identify(&self.template, &self.window, received)
            .and_then(|found| self.take(now, received, &found));
        self.counted(result)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if self.finished.is_some() {
            return;
        }
        self.expire();
        self.send_what_is_due();
        self.reschedule();
    }

    /// Writes the next probe into `out`, a whole IP packet behind its headroom, and says what it is.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        while let Some(serial) = self.to_send.pop_front() {
            let Some(probe) = self.window.get(serial) else {
                continue;
            };
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            let key = self.window.key(serial);
            if self.template.write(&probe, key, out).is_none() {
                out.reset(PacketBuf::DEFAULT_HEADROOM);
                continue;
            }
            self.reschedule();
            return Some(Transmit {
                destination: self.template.config().destination,
                ttl: probe.ttl,
                probe: probe.number,
                size: probe.size,
            });
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` when it is finished.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The last hop of the path, as far as is known.
    fn limit(&self) -> u8 {
        let max = self.template.config().max_ttl;
        self.end.map_or(max, |(ttl, _)| ttl.min(max))
    }

    /// The last hop that is tried before a farther one answers.
    fn horizon(&self) -> u8 {
        let silent = self.template.config().silent_hops;
        self.farthest.saturating_add(silent)
    }

    fn next(&self) -> Next {
        if self.finished.is_some() {
            return Next::Nothing;
        }
        if let Some(&(ttl, number)) = self.retries.front() {
            return Next::Probe { ttl, number };
        }
        if self.stopped {
            return Next::Nothing;
        }
        let limit = self.limit();
        let within = self.next_ttl <= u16::from(limit);
        if within && self.next_ttl > u16::from(self.horizon()) && self.window.in_flight() > 0 {
            return Next::Wait;
        }
        if within
            && self.next_ttl <= u16::from(self.horizon())
            && let Ok(ttl) = u8::try_from(self.next_ttl)
        {
            let number = self.next_number;
            return Next::Probe { ttl, number };
        }
        match self.template.config().schedule {
            Schedule::Rounds { rounds, interval }
                if rounds.is_none_or(|rounds| self.next_number < rounds) =>
            {
                let at = self.round_started + interval;
                Next::Round { at }
            }
            _ => Next::Nothing,
        }
    }

    fn has_room(&self) -> bool {
        let most = self.template.config().max_in_flight;
        // Probes that nobody polls wait, and no more are made.
        self.window.in_flight() < most && self.to_send.len() < most
    }

    fn send_what_is_due(&mut self) {
        let now = self.latest;
        while self.has_room() {
            match self.next() {
                Next::Probe { ttl, number } if self.next_send <= now => self.send(ttl, number),
                Next::Round { at } if at <= now => {
                    self.next_ttl = u16::from(self.template.config().first_ttl);
                    self.next_number = self.next_number.saturating_add(1);
                    self.round_started = now;
                }
                _ => break,
            }
        }
    }

    fn send(&mut self, ttl: u8, number: u32) {
        let now = self.latest;
        if self.retries.pop_front().is_none() {
            match self.template.config().schedule {
                Schedule::ByHop { probes_per_hop } if self.next_number < probes_per_hop => {
                    self.next_number += 1;
                }
                Schedule::ByHop { .. } => {
                    self.next_ttl += 1;
                    self.next_number = 1;
                }
                Schedule::Rounds { .. } => self.next_ttl += 1,
            }
        }
        let serial = self.window.next_serial();
        let flow = self.template.flow(serial, number);
        // The upper bit stays clear, so that data that is acknowledged does not reach the key.
        let nonce = self.random.next_u16() & 0x7fff;
        self.window.push(Probe {
            ttl,
            number,
            flow,
            size: self.size,
            nonce,
            sent_at: now,
            state: State::InFlight,
        });
        self.hops.entry(ttl).or_insert_with(|| Hop::new(ttl)).sent += 1;
        self.stats.sent += 1;
        self.to_send.push_back(serial);
        self.next_send = now + self.template.config().send_interval;
    }

    fn expire(&mut self) {
        let timeout = self.template.config().timeout;
        while let Some((serial, probe)) = self.window.oldest_in_flight() {
            if probe.sent_at + timeout > self.latest {
                break;
            }
            self.window.resolve(serial, State::TimedOut);
            if let Some(hop) = self.hops.get_mut(&probe.ttl) {
                hop.timeouts += 1;
            }
            self.push_event(Event::Timeout {
                ttl: probe.ttl,
                probe: probe.number,
            });
        }
    }

    /// Sets the next deadline, or finishes.
    fn reschedule(&mut self) {
        if self.finished.is_some() {
            self.deadline = None;
            return;
        }
        let next = self.next();
        if matches!(next, Next::Nothing) && !self.window.waits_for(self.limit()) {
            self.finish();
            return;
        }
        let now = self.latest;
        let send = match next {
            Next::Probe { .. } if self.has_room() => Some(self.next_send.max(now)),
            Next::Round { at } if self.has_room() => Some(at.max(now)),
            _ => None,
        };
        let timeout = self.template.config().timeout;
        let expiry = self
            .window
            .oldest_in_flight()
            .map(|(_, probe)| (probe.sent_at + timeout).max(now));
        self.deadline = [send, expiry].into_iter().flatten().min();
    }

    fn finish(&mut self) {
        let outcome = match self.end {
            Some((_, outcome)) => outcome,
            None if self.stopped => Outcome::Stopped,
            None if self.horizon() < self.template.config().max_ttl => Outcome::Silence,
            None => Outcome::MaxTtl,
        };
        self.finished = Some(outcome);
        self.deadline = None;
        self.push_event(Event::Finished(outcome));
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() >= self.template.config().max_events {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    fn take(
        &mut self,
        now: Instant,
        received: &Received<'_>,
        found: &Match<'_>,
    ) -> Result<(), Discard> {
        if let AnswerKind::Error(error) = &found.kind
            && let Some(told) = error.packet_too_big()
        {
            let mtu = self.plausible_mtu(told, &found.probe)?;
            if self.template.config().mtu_discovery && self.shrinks(mtu, &found.probe) {
                return self.take_too_big(now, received.source, found, mtu);
            }
        }
        if found.probe.state == State::Superseded {
            return Err(Discard::UnknownProbe);
        }
        self.latest = now;
        self.take_answer(received, found);
        self.reschedule();
        Ok(())
    }

    /// The MTU that an error tells, or where it tells none, the next that there was.
    fn plausible_mtu(&self, told: u32, probe: &Probe) -> Result<u32, Discard> {
        let over_v4 = self.template.config().destination.is_ipv4();
        // RFC 1191 §5 SHOULD (plateaus): an old router means the next one.
        let mtu = if told == 0 && over_v4 {
            let below = PLATEAUS.iter().find(|&&mtu| mtu < probe.size);
            u32::from(below.copied().unwrap_or(68))
        } else {
            told
        };
        // What is less than every link has (RFC 791, RFC 8200), or not less than the probe, cannot be
        // why it was dropped.
        let least = if over_v4 { 68 } else { 1_280 };
        if mtu < least || mtu >= u32::from(probe.size) {
            return Err(Discard::BogusMtu(told));
        }
        Ok(mtu)
    }

    /// Whether a probe can be made as small as that.
    fn shrinks(&self, mtu: u32, probe: &Probe) -> bool {
        let least = u32::try_from(self.template.least_size()).unwrap_or(u32::MAX);
        mtu.max(least) < u32::from(probe.size)
    }

    fn take_too_big(
        &mut self,
        now: Instant,
        from: IpAddr,
        found: &Match<'_>,
        mtu: u32,
    ) -> Result<(), Discard> {
        let probe = found.probe;
        if !matches!(probe.state, State::InFlight | State::TimedOut) {
            return Err(Discard::UnknownProbe);
        }
        self.latest = now;
        let least = u16::try_from(self.template.least_size()).unwrap_or(u16::MAX);
        let size = u16::try_from(mtu).unwrap_or(u16::MAX).max(least);
        self.size = self.size.min(size);
        self.note_mtu(mtu, probe.ttl);
        self.window.resolve(found.serial, State::Superseded);
        if let Some(hop) = self.hops.get_mut(&probe.ttl) {
            hop.sent = hop.sent.saturating_sub(1);
            if probe.state == State::TimedOut {
                hop.timeouts = hop.timeouts.saturating_sub(1);
            }
        }
        self.push_event(Event::PacketTooBig {
            ttl: probe.ttl,
            from,
            mtu,
        });
        if !self.stopped && self.finished.is_none() {
            self.retries.push_back((probe.ttl, probe.number));
        }
        self.reschedule();
        Ok(())
    }

    /// Notes at the nearest hop that asked for it how small a packet must be.
    fn note_mtu(&mut self, mtu: u32, ttl: u8) {
        let has_room = self.mtu_changes.len() < MAX_MTU_CHANGES;
        match self.mtu_changes.iter_mut().find(|(known, _)| *known == mtu) {
            Some((_, nearest)) if *nearest <= ttl => return,
            Some((_, nearest)) => {
                let farther = core::mem::replace(nearest, ttl);
                if let Some(hop) = self.hops.get_mut(&farther)
                    && hop.mtu == Some(mtu)
                {
                    hop.mtu = None;
                }
            }
            None if has_room => self.mtu_changes.push((mtu, ttl)),
            None => return,
        }
        if let Some(hop) = self.hops.get_mut(&ttl) {
            hop.mtu = Some(hop.mtu.map_or(mtu, |known| known.min(mtu)));
        }
    }

    fn take_answer(&mut self, received: &Received<'_>, found: &Match<'_>) {
        let probe = found.probe;
        let config = self.template.config();
        let (max_responders, max_octets) = (config.max_responders, config.max_extension_octets);
        let destination = config.destination;
        let ttl = probe.ttl;
        let extensions = if found.extensions.len() <= max_octets {
            found.extensions
        } else {
            &[]
        };
        let hop = self.hops.entry(ttl).or_insert_with(|| Hop::new(ttl));
        let duplicate = probe.state == State::Answered;
        let answer = Answer {
            ttl,
            probe: probe.number,
            flow: probe.flow,
            from: received.source,
            kind: found.kind,
            rtt: self.latest - probe.sent_at,
            late: probe.state == State::TimedOut,
            duplicate,
            reordered: !duplicate
                && hop
                    .highest_answered
                    .is_some_and(|highest| highest > found.serial),
            hop_limit: received.hop_limit,
            quoted_hop_limit: found.quoted_hop_limit,
            quoted_traffic_class: found.quoted_traffic_class,
            rewritten: found.rewritten,
            has_extensions: !extensions.is_empty(),
        };
        if !hop.record(&answer, found.serial, extensions, max_responders) {
            self.stats.responders_dropped += 1;
        }
        self.window.resolve(found.serial, State::Answered);
        let end = match found.kind {
            AnswerKind::EchoReply | AnswerKind::TcpSynAck | AnswerKind::TcpReset => {
                Some(Outcome::Reached { ttl })
            }
            AnswerKind::Error(error) if error.is_expired_in_transit() => None,
            AnswerKind::Error(error)
                if error.is_port_unreachable() || received.source == destination =>
            {
                Some(Outcome::Reached { ttl })
            }
            AnswerKind::Error(error) => Some(Outcome::Unreachable { ttl, error }),
        };
        self.farthest = self.farthest.max(ttl);
        match (end, self.end) {
            // The nearest end counts, and of two as near the destination itself.
            (Some(new), Some((nearest, old)))
                if ttl < nearest
                    || ttl == nearest
                        && matches!(new, Outcome::Reached { .. })
                        && !matches!(old, Outcome::Reached { .. }) =>
            {
                self.end = Some((ttl, new));
            }
            (Some(new), None) => self.end = Some((ttl, new)),
            // A router where the end was: the path has become longer.
            (None, Some((nearest, _))) if ttl >= nearest && !answer.late && !duplicate => {
                self.end = None;
            }
            _ => {}
        }
        self.push_event(Event::Answer(answer));
    }

    fn counted(&mut self, result: Result<(), Discard>) -> Result<(), Discard> {
        if let Err(discard) = result {
            let stats = &mut self.stats;
            let counter = match discard {
                Discard::Malformed(_) => &mut stats.malformed,
                Discard::NotAnAnswer => &mut stats.not_an_answer,
                Discard::OtherFlow => &mut stats.other_flow,
                Discard::UnknownProbe => &mut stats.unknown_probe,
                Discard::WrongToken => &mut stats.wrong_token,
                Discard::BogusMtu(_) => &mut stats.bogus_mtu,
                Discard::Redirect => &mut stats.redirects,
                Discard::SourceQuench => &mut stats.source_quench,
            };
            *counter += 1;
        }
        result
    }
}

impl fmt::Debug for Traceroute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traceroute")
            .field("destination", &self.template.config().destination)
            .field("hops", &self.hops.len())
            .field("outcome", &self.finished)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
