//! What has been done, in numbers.

use super::records::EndReason;
use super::verdict::{DropReason, Limit, Verdict};
use crate::compile::{CompiledPolicy, RuleId};
use alloc::boxed::Box;
use alloc::vec;

/// What a rule has done since the policy was loaded. All counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RuleCounters {
    /// Packets that it decided about, and packets of the sessions that it accepted.
    pub packets: u64,
    /// Octets of those packets, IP headers included.
    pub octets: u64,
    /// Sessions that it accepted.
    pub sessions: u64,
}

/// What a firewall has done and refused since it was made. All counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Packets that went on.
    pub accepted: u64,
    /// Packets handed to the caller.
    pub queued: u64,
    /// Fragments that had to wait.
    pub held: u64,
    /// Packets that the firewall answered itself.
    pub consumed: u64,
    /// Packets dropped for malformed headers.
    pub malformed: u64,
    /// Packets dropped for a wrong checksum.
    pub checksum: u64,
    /// Packets dropped for options, source routes, or addresses that no host has.
    pub header: u64,
    /// Packets dropped because their source does not live where they come from.
    pub spoofed: u64,
    /// Packets dropped for an interface or a zone that is not theirs.
    pub interface: u64,
    /// Packets that an access list denied.
    pub acl: u64,
    /// Packets that fit no session and begin none.
    pub invalid: u64,
    /// ICMP errors dropped.
    pub icmp_errors: u64,
    /// Packets that rules, levels or groups denied.
    pub policy: u64,
    /// Packets over a limit.
    pub limit: u64,
    /// New connections dropped because too many were half-open.
    pub half_open: u64,
    /// New sessions dropped because the table was full.
    pub table_full: u64,
    /// Fragments dropped.
    pub fragments: u64,
    /// Packets that a filter of the application layer refused.
    pub application: u64,
    /// Segments that did not fit the handshake with the firewall.
    pub syn_proxy: u64,
    /// Sessions that have begun.
    pub sessions_begun: u64,
    /// Sessions whose time was over.
    pub sessions_expired: u64,
    /// Sessions that made room for others.
    pub sessions_evicted: u64,
    /// Sessions that ended otherwise.
    pub sessions_ended: u64,
    /// Events that found no room.
    pub events_lost: u64,
    /// Packets that were not logged for their number.
    pub logs_suppressed: u64,
    /// Answers that were not sent for their number.
    pub answers_suppressed: u64,
    /// Packets that found no room in the flow log.
    pub flow_log_skipped: u64,
    /// Changes of sessions that the standby was not told of, because too many waited.
    pub sync_lost: u64,
}

pub(super) struct Counters {
    stats: Stats,
    rules: List,
    /// By access list and entry, the implicit denial last.
    acls: Box<[List]>,
}

/// A counter for each rule or entry.
type List = Box<[RuleCounters]>;

fn fresh(policy: &CompiledPolicy) -> (List, Box<[List]>) {
    let none = |count: usize| vec![RuleCounters::default(); count].into_boxed_slice();
    let acls = policy
        .acls
        .iter()
        .map(|acl| none(acl.entries.len() + 1))
        .collect();
    (none(policy.rules()), acls)
}

fn add(counter: &mut u64, number: u64) {
    *counter = counter.wrapping_add(number);
}

impl Counters {
    pub(super) fn new(policy: &CompiledPolicy) -> Self {
        let (rules, acls) = fresh(policy);
        Self {
            stats: Stats::default(),
            rules,
            acls,
        }
    }

    /// Starts the counters of another policy's rules.
    pub(super) fn reload(&mut self, policy: &CompiledPolicy) {
        (self.rules, self.acls) = fresh(policy);
    }

    /// A packet that an entry of an access list decided about.
    pub(super) fn acl(&mut self, acl: usize, at: usize, octets: usize) {
        let entry = self.acls.get_mut(acl).and_then(|acl| acl.get_mut(at));
        if let Some(counters) = entry {
            add(&mut counters.packets, 1);
            add(&mut counters.octets, octets as u64);
        }
    }

    pub(super) fn acl_entry(&self, acl: usize, at: usize) -> Option<&RuleCounters> {
        self.acls.get(acl)?.get(at)
    }

    pub(super) const fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(super) fn rule(&self, rule: RuleId) -> Option<&RuleCounters> {
        self.rules.get(rule.0 as usize)
    }

    #[inline]
    fn rule_mut(&mut self, rule: Option<RuleId>) -> Option<&mut RuleCounters> {
        self.rules.get_mut(rule?.0 as usize)
    }

    /// A packet of a session.
    #[inline]
    pub(super) fn packet(&mut self, rule: Option<RuleId>, octets: usize) {
        if let Some(counters) = self.rule_mut(rule) {
            add(&mut counters.packets, 1);
            add(&mut counters.octets, octets as u64);
        }
    }

    /// A packet that a rule decided about.
    pub(super) fn hit(&mut self, rule: Option<RuleId>, octets: usize) {
        self.packet(rule, octets);
    }

    /// The first packet of a session.
    pub(super) fn opened(&mut self, rule: Option<RuleId>, octets: usize) {
        add(&mut self.stats.sessions_begun, 1);
        if let Some(counters) = self.rule_mut(rule) {
            add(&mut counters.packets, 1);
            add(&mut counters.octets, octets as u64);
            add(&mut counters.sessions, 1);
        }
    }

    pub(super) fn ended(&mut self, reason: EndReason) {
        let counter = match reason {
            EndReason::Expired => &mut self.stats.sessions_expired,
            EndReason::Evicted => &mut self.stats.sessions_evicted,
            _ => &mut self.stats.sessions_ended,
        };
        add(counter, 1);
    }

    /// A packet of a session goes on.
    #[inline]
    pub(super) const fn accepted(&mut self) {
        self.stats.accepted = self.stats.accepted.wrapping_add(1);
    }

    #[inline]
    pub(super) fn record(&mut self, verdict: &Verdict) {
        let stats = &mut self.stats;
        let counter = match verdict {
            Verdict::Accept { .. } => &mut stats.accepted,
            Verdict::Queue(_) => &mut stats.queued,
            Verdict::Held => &mut stats.held,
            Verdict::Consumed => &mut stats.consumed,
            Verdict::Drop(reason) | Verdict::Reject(reason) => stats.dropped(reason),
        };
        add(counter, 1);
    }
}

impl Stats {
    fn dropped(&mut self, reason: &DropReason) -> &mut u64 {
        match reason {
            DropReason::Malformed(_) => &mut self.malformed,
            DropReason::Checksum(_) => &mut self.checksum,
            DropReason::Options
            | DropReason::SourceRoute
            | DropReason::Martian(_)
            | DropReason::Land => &mut self.header,
            DropReason::Bogon(_) | DropReason::ReversePath(_) => &mut self.spoofed,
            DropReason::Interface | DropReason::WrongZone => &mut self.interface,
            DropReason::AclIn(_) | DropReason::AclOut(_) => &mut self.acl,
            DropReason::Invalid(_) => &mut self.invalid,
            DropReason::Unrelated | DropReason::BadQuote | DropReason::TooManyErrors => {
                &mut self.icmp_errors
            }
            DropReason::Policy(_) => &mut self.policy,
            DropReason::Limit(Limit::HalfOpen) => &mut self.half_open,
            DropReason::Limit(_) => &mut self.limit,
            DropReason::TableFull => &mut self.table_full,
            DropReason::Fragment | DropReason::BadFragment(_) | DropReason::Fragments(_) => {
                &mut self.fragments
            }
            DropReason::Application(_) => &mut self.application,
            DropReason::SynProxy => &mut self.syn_proxy,
        }
    }
}
