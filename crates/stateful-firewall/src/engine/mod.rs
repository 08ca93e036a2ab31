//! Sessions: what has been let through, and what belongs to it.

mod answer;
mod config;
mod counters;
mod detail;
mod explain;
mod fragments;
mod limits;
mod log;
mod new_session;
mod records;
mod related;
mod reload;
mod sanity;
mod session;
mod syn_proxy;
mod timeouts;
mod verdict;

pub use answer::Transmit;
pub use config::{ConfigError, FirewallConfig, FragmentMode, HalfOpen, OnReload};
pub use counters::{RuleCounters, Stats};
pub use explain::{Explanation, Step};
pub use log::{Event, LogCause, Logged, PacketLog, Trouble};
pub use records::{EndReason, FlowLogRecord, SessionRecord};
pub use reload::Reloaded;
pub use verdict::{Class, DropReason, Limit, Path, Routes, SessionId, Verdict};

use crate::application::{IdentityMap, Scanner};
use crate::compile::{CompiledPolicy, RuleId};
use crate::facts::{Facts, InterfaceId, Part};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use answer::Answers;
use core::time::Duration;
use counters::Counters;
use detail::Detail;
use flow_state::limits::KeyedBuckets;
use flow_state::{ExpectationConfig, ExpectationTable, FlowPacket, Ipv4FlowKey, Key, Transport};
use flow_table::{Config as TableConfig, FlowId, FlowTable, Match, WhenFull};
use fragments::Fragments;
use limits::RuleLimits;
use log::Log;
use packet_buffer::wire::IpPacket;
use packet_buffer::{Instant, PacketBuf, RandomSource};
use records::Records;
use session::{DETAIL, Family, LIMITED, Session, Tables};
use syn_proxy::{Cookies, Translated};

/// How many packets of a batch are looked up together.
const BATCH: usize = 32;

/// What an announced connection inherits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    rule: Option<RuleId>,
    /// The interface of the side that opens it.
    opener: Option<InterfaceId>,
}

/// A verdict, and what logs say about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    verdict: Verdict,
    rule: Option<RuleId>,
    /// The cause under which it is logged, if it is.
    log: Option<LogCause>,
}

impl Judged {
    const fn pass(verdict: Verdict) -> Self {
        Self {
            verdict,
            rule: None,
            log: None,
        }
    }
}

/// A stateful firewall: a policy, and the sessions that it has let begin.
///
/// It is a part of a router, which hands it each packet with the way that the packet takes
/// ([`process`](Self::process)) and does what the [`Verdict`] says; see the
/// [crate's documentation](crate).
pub struct Firewall {
    config: FirewallConfig,
    policy: CompiledPolicy,
    tables: Tables,
    /// The latest time seen.
    now: Instant,
    random: Box<dyn RandomSource + Send>,
    /// TCP sessions whose handshake is not complete.
    half_open: usize,
    limits: RuleLimits,
    errors: KeyedBuckets,
    expectations: ExpectationTable<SessionId, Announced>,
    answers: Answers,
    fragments: Fragments,
    log: Log,
    records: Records,
    counters: Counters,
    details: BTreeMap<SessionId, Detail>,
    scanner: Option<Box<dyn Scanner>>,
    identities: IdentityMap,
    cookies: Cookies,
    /// Sessions whose segments are translated, because the firewall answered their handshake.
    proxied: usize,
    /// Those of them whose server has not answered, by when it is asked again.
    asking: BTreeSet<(Instant, SessionId)>,
}

impl Firewall {
    /// A firewall without sessions. All memory for them is reserved here.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field of `config` to blame.
    pub fn new(
        config: FirewallConfig,
        policy: CompiledPolicy,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, ConfigError> {
        let table = |capacity| TableConfig {
            when_full: if config.evict {
                WhenFull::EvictLowestClass
            } else {
                WhenFull::Refuse
            },
            ..TableConfig::new(capacity)
        };
        let tables = Tables {
            v4: FlowTable::new(table(config.ipv4_sessions), &mut random)
                .map_err(ConfigError::Sessions)?,
            v6: FlowTable::new(table(config.ipv6_sessions), &mut random)
                .map_err(ConfigError::Sessions)?,
        };
        let sources = config.limited_sources;
        let limits =
            RuleLimits::new(&policy, sources, &mut random).map_err(ConfigError::Sources)?;
        let errors = KeyedBuckets::new(limits::rate(&config.icmp_errors), sources, &mut random)
            .map_err(ConfigError::Sources)?;
        let answers = Answers::new(&config, &mut random).map_err(ConfigError::Sources)?;
        let fragments = Fragments::new(&config).map_err(ConfigError::Reassembler)?;
        Ok(Self {
            tables,
            now: Instant::ZERO,
            half_open: 0,
            limits,
            errors,
            expectations: ExpectationTable::new(ExpectationConfig {
                capacity: config.expectations,
                ..ExpectationConfig::default()
            }),
            answers,
            fragments,
            log: Log::new(&config, policy.rules()),
            records: Records::new(&config),
            counters: Counters::new(policy.rules()),
            details: BTreeMap::new(),
            scanner: None,
            identities: IdentityMap::new(config.identities),
            cookies: Cookies::new(&mut *random),
            proxied: 0,
            asking: BTreeSet::new(),
            random,
            policy,
            config,
        })
    }

    /// Says what is to be done with a packet, and takes it into the state of its session.
    ///
    /// The packet starts with its IP header; octets behind its end are left alone. It is changed
    /// only by [`FragmentMode::Reassemble`].
    ///
    /// A session begins when its first packet is accepted, and only then: what is dropped leaves
    /// no state behind. Time that runs backwards counts as the latest seen.
    pub fn process(&mut self, now: Instant, path: &Path<'_>, packet: &mut PacketBuf) -> Verdict {
        let now = self.advance(now);
        if self.proxied > 0 {
            return self.process_proxied(now, path, packet);
        }
        self.process_plain(now, path, packet, None)
    }

    /// A packet that is not translated, or was already.
    #[inline]
    fn process_plain(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
        hint: Option<Match>,
    ) -> Verdict {
        let view = match FlowPacket::parse(packet.as_slice()) {
            Ok(view) => view,
            Err(error) => return self.malformed(now, path, packet.len(), error),
        };
        if view.is_fragment() {
            return self.fragment(now, path, packet);
        }
        let judged = self.inspect(now, path, &view, hint);
        self.conclude(now, path, &view, &judged);
        judged.verdict
    }

    /// A packet while there are sessions whose segments are translated.
    fn process_proxied(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let delta = match self.translate(now, path, packet) {
            Translated::Done(verdict) => return verdict,
            Translated::Onward(delta) => Some(delta),
            Translated::No => None,
        };
        let verdict = self.process_plain(now, path, packet, None);
        if let Some(delta) = delta
            && verdict.is_accept()
        {
            Self::onward(packet, delta);
        }
        verdict
    }

    /// As [`process`](Self::process) for many packets, which is several times as fast when there are
    /// many sessions: their look-ups overlap. The shortest of the slices says how many there are.
    pub fn process_batch(
        &mut self,
        now: Instant,
        paths: &[Path<'_>],
        packets: &mut [PacketBuf],
        verdicts: &mut [Verdict],
    ) {
        let now = self.advance(now);
        let chunks = paths
            .chunks(BATCH)
            .zip(packets.chunks_mut(BATCH))
            .zip(verdicts.chunks_mut(BATCH));
        for ((paths, packets), verdicts) in chunks {
            self.chunk(now, paths, packets, verdicts);
        }
    }

    fn chunk(
        &mut self,
        now: Instant,
        paths: &[Path<'_>],
        packets: &mut [PacketBuf],
        verdicts: &mut [Verdict],
    ) {
        let none = Ipv4FlowKey::new(
            (core::net::Ipv4Addr::UNSPECIFIED, 0),
            (core::net::Ipv4Addr::UNSPECIFIED, 0),
            0,
            0,
        );
        let mut keys = [none; BATCH];
        let mut slots = [usize::MAX; BATCH];
        let mut hints = [None; BATCH];
        let mut count = 0;
        for (packet, slot) in packets.iter().zip(&mut slots) {
            if let Some(key) = quick_key(packet.as_slice())
                && let Some(place) = keys.get_mut(count)
            {
                *place = key;
                *slot = count;
                count += 1;
            }
        }
        if let (Some(keys), Some(hints)) = (keys.get(..count), hints.get_mut(..count)) {
            self.tables.v4.lookup_batch(now, keys, hints);
        }
        for (((path, packet), verdict), slot) in paths.iter().zip(packets).zip(verdicts).zip(&slots)
        {
            let hint = hints.get(*slot).copied().flatten();
            *verdict = if self.proxied > 0 {
                self.process_proxied(now, path, packet)
            } else {
                self.process_plain(now, path, packet, hint)
            };
        }
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    #[cold]
    fn malformed(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        length: usize,
        error: flow_state::PacketError,
    ) -> Verdict {
        let verdict = Verdict::Drop(DropReason::Malformed(error));
        self.counters.record(&verdict);
        if self.config.log_invalid {
            self.log.unreadable(now, path, length, verdict);
        }
        verdict
    }

    /// Everything from the whole packet to its verdict.
    #[inline]
    fn inspect(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        hint: Option<Match>,
    ) -> Judged {
        if let Err(reason) = self.precheck(now, path, packet) {
            return self.dropped(reason);
        }
        match packet.transport() {
            Transport::IcmpError(error) => self.related(now, path, packet, error),
            Transport::IcmpOther { .. } | Transport::LaterFragment => {
                self.stateless(now, path, packet)
            }
            _ => match packet.key() {
                Key::V4(key) => self.tracked(now, path, packet, key, hint),
                Key::V6(key) => self.tracked(now, path, packet, key, None),
            },
        }
    }

    /// What is asked of every packet, whatever its session.
    #[inline]
    fn precheck(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
    ) -> Result<(), DropReason> {
        sanity::header(&self.config, packet)?;
        if self.config.verify_checksums {
            packet.verify().map_err(DropReason::Checksum)?;
        }
        if let Some(id) = path.ingress {
            let interface = self
                .policy
                .interfaces
                .get(usize::from(id.0))
                .ok_or(DropReason::Interface)?;
            sanity::source(interface, path, packet)?;
            if let Some(acl) = interface.acl_in {
                self.acl(now, path, packet, acl, true)?;
            }
        }
        if let Some(id) = path.egress {
            let interface = self
                .policy
                .interfaces
                .get(usize::from(id.0))
                .ok_or(DropReason::Interface)?;
            if interface.bogons && sanity::is_bogon(packet.key().destination()) {
                return Err(DropReason::Bogon(packet.key().destination()));
            }
            if let Some(acl) = interface.acl_out {
                self.acl(now, path, packet, acl, false)?;
            }
        }
        Ok(())
    }

    fn acl(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        acl: usize,
        inbound: bool,
    ) -> Result<(), DropReason> {
        let facts = facts(&self.policy, path, packet).ok_or(DropReason::Interface)?;
        let Some(acl) = self.policy.acls.get(acl) else {
            return Ok(());
        };
        let decision = acl.decide(&facts);
        let reason = if inbound {
            DropReason::AclIn(decision.entry)
        } else {
            DropReason::AclOut(decision.entry)
        };
        if decision.log {
            let logged = if decision.permit {
                Logged::Accepted
            } else {
                Logged::Dropped(reason)
            };
            self.log.packet(
                now,
                path,
                packet,
                LogCause::Acl(decision.entry),
                None,
                logged,
            );
        }
        if decision.permit { Ok(()) } else { Err(reason) }
    }

    /// A packet that can have a session.
    #[inline]
    fn tracked<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        key: K,
        hint: Option<Match>,
    ) -> Judged {
        let table = K::table_mut(&mut self.tables);
        let found = match hint {
            Some(found) => table.get_mut(found.id).map(|flow| (found.direction, flow)),
            None => None,
        };
        let found = match found {
            Some(found) => Some(found),
            None => table.lookup(now, &key),
        };
        let Some((direction, mut flow)) = found else {
            return self.begin(now, path, packet, key);
        };
        let id = flow.id();
        let session = flow.value_mut();
        let expected = session.ingress(direction);
        if expected != path.ingress
            && self.config.bind_zones
            && self.policy.zone_of(expected) != self.policy.zone_of(path.ingress)
        {
            return self.dropped(DropReason::WrongZone);
        }
        let was_half_open = session.is_half_open();
        let verdict = session
            .state
            .handle(&self.config.tcp, now, direction, packet);
        let rule = session.rule();
        let detail = session.has(DETAIL);
        match verdict {
            flow_state::Verdict::Accept => {
                let timeout = session.state.timeout(&self.config.timers);
                let (half_open, class) = (session.is_half_open(), session.class());
                let timeout = if half_open {
                    adapt(&self.config.half_open, self.half_open, timeout)
                } else {
                    timeout
                };
                flow.set_deadline(now + timeout);
                if flow.class() != class {
                    flow.set_class(class);
                }
                if was_half_open && !half_open {
                    self.half_open = self.half_open.saturating_sub(1);
                }
            }
            flow_state::Verdict::Ignore => {}
            flow_state::Verdict::Invalid(why) => return self.dropped(DropReason::Invalid(why)),
            flow_state::Verdict::Reopen => {
                self.end::<K>(now, id, EndReason::Reopened);
                return self.begin(now, path, packet, key);
            }
            flow_state::Verdict::Delete => {
                self.end::<K>(now, id, EndReason::Reset);
            }
        }
        let session = K::session_id(id);
        self.counters.packet(rule, packet.len());
        self.records.packet(
            now,
            id,
            matches!(session, SessionId::V4(_)),
            direction,
            packet,
        );
        if detail && let Err(reason) = self.detail::<K>(now, id, direction, packet) {
            return Judged {
                rule,
                ..self.dropped(reason)
            };
        }
        Judged {
            verdict: Verdict::Accept {
                session: Some(session),
                class: Class::Established(direction),
                mark: self.mark(rule),
            },
            rule,
            log: None,
        }
    }

    fn mark(&self, rule: Option<RuleId>) -> u32 {
        rule.and_then(|rule| self.policy.rule(rule))
            .and_then(|rule| rule.mark)
            .unwrap_or(0)
    }

    /// What rules can see of a packet.
    fn facts(&self, now: Instant, path: &Path<'_>, packet: &FlowPacket<'_>) -> Option<Facts> {
        let mut facts = facts(&self.policy, path, packet)?;
        if !self.policy.users.is_empty() {
            facts.users = self.identities.mask(now, facts.source);
        }
        Some(facts)
    }

    fn dropped(&self, reason: DropReason) -> Judged {
        Judged {
            verdict: Verdict::Drop(reason),
            rule: None,
            log: match reason {
                // The entry has said whether.
                DropReason::AclIn(Some(_)) | DropReason::AclOut(Some(_)) => None,
                _ if !self.config.log_invalid => None,
                DropReason::AclIn(None) | DropReason::AclOut(None) => Some(LogCause::Acl(None)),
                _ => Some(LogCause::Other(log::kind(&reason))),
            },
        }
    }

    /// Counts, logs and records a verdict.
    #[inline]
    fn conclude(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        judged: &Judged,
    ) {
        self.counters.record(&judged.verdict);
        if let Some(cause) = judged.log
            && let Some(logged) = Logged::of(&judged.verdict)
        {
            self.log
                .packet(now, path, packet, cause, judged.rule, logged);
        }
        if self.config.flow_log.is_some() {
            self.records.flow_log(now, path, packet, &judged.verdict);
        }
    }

    /// Ends a session.
    fn end<K: Family>(&mut self, now: Instant, id: FlowId, reason: EndReason) {
        if let Some(flow) = K::table_mut(&mut self.tables).remove(id) {
            self.ended::<K>(now, &flow, reason);
        }
    }

    /// What is to be done when a session has left its table.
    fn ended<K: Family>(
        &mut self,
        now: Instant,
        flow: &flow_table::Flow<K, Session>,
        reason: EndReason,
    ) {
        let session = K::session_id(flow.id);
        if flow.value.is_half_open() {
            self.half_open = self.half_open.saturating_sub(1);
        }
        let key = flow.original.to_key();
        if flow.value.has(LIMITED)
            && let Some(rule) = flow.value.rule()
        {
            self.limits.release(rule, key.source());
        }
        self.expectations.remove_owner(session);
        if flow.value.has(DETAIL) {
            self.end_detail(session);
        }
        self.counters.ended(reason);
        if let Some(record) = self
            .records
            .ended(now, flow.id, session, key, &flow.value, reason)
        {
            self.log.push(Event::SessionEnded(record));
        }
    }

    // --- looking ---

    /// The policy.
    pub const fn policy(&self) -> &CompiledPolicy {
        &self.policy
    }

    /// The configuration.
    pub const fn config(&self) -> &FirewallConfig {
        &self.config
    }

    /// The interface of this name.
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.policy.interface(name)
    }

    /// Sessions, IPv4 and IPv6.
    pub const fn sessions(&self) -> (usize, usize) {
        (self.tables.v4.len(), self.tables.v6.len())
    }

    /// TCP sessions whose handshake is not complete.
    pub const fn half_open(&self) -> usize {
        self.half_open
    }

    /// What has been done and refused since the firewall was made.
    pub const fn stats(&self) -> Stats {
        let mut stats = *self.counters.stats();
        (stats.events_lost, stats.logs_suppressed) = self.log.lost();
        stats.answers_suppressed = self.answers.suppressed();
        stats.flow_log_skipped = self.records.skipped();
        stats
    }

    /// Packets that wait for fragments, and the octets that they take.
    pub fn waiting_fragments(&self) -> (usize, usize) {
        self.fragments.load()
    }

    /// Connections that helpers expect.
    pub fn expected(&self) -> usize {
        self.expectations.len()
    }

    /// Sessions whose application layer is read, or whose handshake the firewall took part in.
    pub fn read_sessions(&self) -> usize {
        self.details.len()
    }

    /// Packets and octets of a session so far, of the original and the reply direction; `None` when it
    /// has ended, or nothing is [counted](FirewallConfig::accounting).
    pub fn session_counts(&self, session: SessionId) -> Option<([u64; 2], [u64; 2])> {
        match session {
            SessionId::V4(id) => {
                self.tables.v4.get(id)?;
                self.records.counts(id, true)
            }
            SessionId::V6(id) => {
                self.tables.v6.get(id)?;
                self.records.counts(id, false)
            }
        }
    }

    /// What a rule has let through and stopped since the policy was loaded.
    pub fn rule_counters(&self, rule: RuleId) -> Option<&RuleCounters> {
        self.counters.rule(rule)
    }
}

/// The timer of a half-open connection, shorter the more there are.
fn adapt(half_open: &HalfOpen, count: usize, timeout: Duration) -> Duration {
    if count <= half_open.adaptive_from {
        return timeout;
    }
    let left = half_open.most.saturating_sub(count);
    let span = half_open
        .most
        .saturating_sub(half_open.adaptive_from)
        .max(1);
    let (left, span) = (
        u32::try_from(left).unwrap_or(u32::MAX),
        u32::try_from(span).unwrap_or(u32::MAX),
    );
    (timeout / span)
        .saturating_mul(left)
        .max(Duration::from_secs(1))
}

/// What rules can see of a packet; `None` when the policy does not have its interfaces.
pub(crate) fn facts(
    policy: &CompiledPolicy,
    path: &Path<'_>,
    packet: &FlowPacket<'_>,
) -> Option<Facts> {
    let key = packet.key();
    let mut facts = Facts::new(key.source(), key.destination(), packet.protocol());
    facts.from = policy.zone_of(path.ingress)?;
    facts.to = policy.zone_of(path.egress)?;
    facts.in_interface = path.ingress;
    facts.out_interface = path.egress;
    facts.dscp = match packet.ip() {
        IpPacket::V4(ip) => ip.dscp(),
        IpPacket::V6(ip) => ip.dscp(),
    };
    match packet.transport() {
        Transport::Tcp(segment) => {
            facts.ports = Some((segment.source_port, segment.destination_port));
            facts.tcp_flags = Some(segment.flags);
        }
        Transport::Udp(datagram) => {
            facts.ports = Some((datagram.source_port, datagram.destination_port));
        }
        Transport::Sctp(sctp) => facts.ports = Some((sctp.source_port, sctp.destination_port)),
        Transport::Dccp(dccp) => facts.ports = Some((dccp.source_port, dccp.destination_port)),
        Transport::IcmpQuery(query) => facts.icmp = Some((query.message_type, 0)),
        Transport::IcmpError(error) => facts.icmp = Some((error.message_type, error.code)),
        Transport::IcmpOther { message_type, code } => facts.icmp = Some((*message_type, *code)),
        _ => {}
    }
    facts.part = match packet.fragment() {
        Some(fragment) if fragment.is_atomic() => Part::Whole,
        Some(fragment) if fragment.is_first() => Part::First,
        Some(_) => Part::Later,
        None => Part::Whole,
    };
    Some(facts)
}

/// The key of an ordinary IPv4 packet, without checking it: for a look-up that only warms the cache,
/// and whose result is used only if the packet turns out to have this key.
#[inline]
fn quick_key(octets: &[u8]) -> Option<Ipv4FlowKey> {
    let head: &[u8; 24] = octets.first_chunk()?;
    let protocol = head[9];
    let fragment = u16::from_be_bytes([head[6], head[7]]) & 0x3fff;
    if head[0] != 0x45 || fragment != 0 || !matches!(protocol, 6 | 17) {
        return None;
    }
    let address = |at: usize| -> Option<core::net::Ipv4Addr> {
        Some((*octets.get(at..)?.first_chunk::<4>()?).into())
    };
    Some(Ipv4FlowKey::new(
        (address(12)?, u16::from_be_bytes([head[20], head[21]])),
        (address(16)?, u16::from_be_bytes([head[22], head[23]])),
        protocol,
        0,
    ))
}

impl core::fmt::Debug for Firewall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Firewall")
            .field("config", &self.config)
            .field("sessions", &self.sessions())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
