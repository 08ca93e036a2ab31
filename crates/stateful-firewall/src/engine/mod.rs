//! Sessions: what has been let through, and what belongs to it.

mod admission;
mod answer;
mod config;
mod cookies;
mod counters;
mod detail;
mod explain;
mod fragments;
mod limits;
mod list;
mod log;
mod new_session;
mod process;
mod records;
mod related;
mod reload;
mod sanity;
mod session;
mod syn_proxy;
mod sync;
mod sync_message;
mod timeouts;
mod track;
mod verdict;

pub use admission::Admission;
pub use answer::Transmit;
pub use config::{ConfigError, FirewallConfig, FragmentMode, HalfOpen, OnReload};
pub use counters::{RuleCounters, Stats};
pub use explain::{Explanation, Step};
pub use list::SessionInfo;
pub use log::{Event, LogCause, Logged, PacketLog, Trouble};
pub use records::{EndReason, FlowLogRecord, SessionRecord};
pub use reload::Reloaded;
pub use sync_message::{SyncError, SyncExpectation, SyncHelper, SyncMessage, SyncSession};
pub use verdict::{Class, DropReason, Limit, Path, Routes, SessionId, Verdict};

use crate::application::{IdentityMap, Scanner};
use crate::compile::{CompiledPolicy, RuleId};
use crate::facts::{Facts, InterfaceId, Part};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use answer::Answers;
use cookies::Cookies;
use counters::Counters;
use detail::Detail;
use flow_state::limits::KeyedBuckets;
use flow_state::{ExpectationConfig, ExpectationTable, FlowPacket, Transport};
use flow_table::{Config as TableConfig, FlowId, FlowTable, WhenFull};
use fragments::Fragments;
use limits::RuleLimits;
use log::Log;
use packet_buffer::wire::IpPacket;
use packet_buffer::{Instant, RandomSource};
use records::Records;
use session::{DETAIL, Family, LIMITED, Session, Tables};
use sync::Changes;

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
    changes: Changes,
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
            counters: Counters::new(&policy),
            details: BTreeMap::new(),
            scanner: None,
            identities: IdentityMap::new(config.identities),
            cookies: Cookies::new(&mut *random),
            proxied: 0,
            asking: BTreeSet::new(),
            changes: Changes::new(config.sync_queue),
            random,
            policy,
            config,
        })
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
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

    #[cold]
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
    #[inline(never)]
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
        self.tell_gone(key, reason);
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
        stats.sync_lost = self.changes.lost();
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

    /// What an entry of an access list has decided about since the policy was loaded, by its
    /// number; `None` for the number stands for the implicit denial at the end.
    pub fn acl_counters(&self, acl: &str, entry: Option<u16>) -> Option<&RuleCounters> {
        let (place, acl) = self
            .policy
            .acls
            .iter()
            .enumerate()
            .find(|(_, list)| list.name == acl)?;
        let at = match entry {
            None => acl.entries.len(),
            Some(number) => acl.entries.iter().position(|own| own.number == number)?,
        };
        self.counters.acl_entry(place, at)
    }

    /// What a rule has let through and stopped since the policy was loaded.
    pub fn rule_counters(&self, rule: RuleId) -> Option<&RuleCounters> {
        self.counters.rule(rule)
    }
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

impl core::fmt::Debug for Firewall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Firewall")
            .field("config", &self.config)
            .field("sessions", &self.sessions())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
