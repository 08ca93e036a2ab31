//! A new policy while sessions go on.

use super::config::OnReload;
use super::limits::RuleLimits;
use super::session::{Family, GRANTED, LIMITED, Session};
use super::{ConfigError, EndReason, Firewall};
use crate::compile::{CompiledPolicy, RuleId};
use crate::facts::Facts;
use crate::model::Action;
use alloc::vec::Vec;
use flow_state::{Direction, FlowState, Ipv4FlowKey, Ipv6FlowKey, Key};
use flow_table::FlowId;
use packet_buffer::Instant;
use packet_buffer::wire::{IpProtocol, TcpFlags};

/// What a new policy has done to the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reloaded {
    /// Sessions that a rule or level of the new policy lets begin.
    pub confirmed: usize,
    /// Sessions that the new policy denies, and that live on.
    pub kept: usize,
    /// Sessions that the new policy denies, and that have ended.
    pub ended: usize,
}

impl Firewall {
    /// Replaces the policy, which is best [compiled after](CompiledPolicy::after) the present one, so
    /// that interfaces keep their numbers.
    ///
    /// Every session is asked about as if it began now: those that the new policy lets begin go on
    /// under the rule that does, those that it denies end or live on
    /// ([`FirewallConfig::on_reload`](crate::FirewallConfig::on_reload)). Sessions that helpers
    /// expected and that the caller admitted go on. Counters and limits of rules start anew;
    /// sessions count against the limits of their new rules.
    ///
    /// Goes through all sessions: a matter of maintenance.
    ///
    /// # Errors
    ///
    /// When there is no memory for the limits of the new rules. Nothing has changed then.
    pub fn reload(
        &mut self,
        now: Instant,
        policy: CompiledPolicy,
    ) -> Result<Reloaded, ConfigError> {
        let now = self.advance(now);
        let sources = self.config.limited_sources;
        let limits =
            RuleLimits::new(&policy, sources, &mut *self.random).map_err(ConfigError::Sources)?;
        self.limits = limits;
        self.log.reload(policy.rules());
        self.counters.reload(&policy);
        self.identities.reload(&policy.users);
        self.policy = policy;
        let mut reloaded = Reloaded::default();
        self.reconsider::<Ipv4FlowKey>(now, &mut reloaded);
        self.reconsider::<Ipv6FlowKey>(now, &mut reloaded);
        Ok(reloaded)
    }

    fn reconsider<K: Family>(&mut self, now: Instant, reloaded: &mut Reloaded) {
        let sessions: Vec<(FlowId, Key, Session)> = K::table(&self.tables)
            .iter()
            .map(|flow| (flow.id, flow.original.to_key(), *flow.value))
            .collect();
        for (id, key, session) in sessions {
            let granted = session.has(GRANTED);
            let rule = if granted {
                Some(None)
            } else {
                self.still_allowed(now, &key, &session)
            };
            // Limits were made anew: what the session counted against is gone.
            self.assign::<K>(id, &key, rule.flatten());
            match rule {
                Some(_) => reloaded.confirmed += 1,
                None if self.config.on_reload == OnReload::Keep => reloaded.kept += 1,
                None => {
                    self.end::<K>(now, id, EndReason::Denied);
                    reloaded.ended += 1;
                }
            }
        }
    }

    /// Puts a session under a rule of the new policy.
    fn assign<K: Family>(&mut self, id: FlowId, key: &Key, rule: Option<RuleId>) {
        self.reload_detail::<K>(id, rule);
        let limited = rule.is_some_and(|rule| self.limits.recount(rule, key.source()));
        if let Some(mut flow) = K::table_mut(&mut self.tables).get_mut(id) {
            let session = flow.value_mut();
            session.set_rule(rule);
            session.set(LIMITED, limited);
        }
    }

    /// Whether the policy would let the session begin, and by which rule.
    pub(super) fn still_allowed(
        &self,
        now: Instant,
        key: &Key,
        session: &Session,
    ) -> Option<Option<RuleId>> {
        let facts = self.first_facts(now, key, session)?;
        let decision = self.policy.decide(&facts);
        matches!(decision.action, Action::Accept | Action::Queue(_)).then(|| decision.rule())
    }

    /// What rules could see of the packet that began a session.
    fn first_facts(&self, now: Instant, key: &Key, session: &Session) -> Option<Facts> {
        let mut facts = Facts::new(key.source(), key.destination(), key.protocol());
        facts.in_interface = session.ingress(Direction::Original);
        facts.out_interface = session.ingress(Direction::Reply);
        facts.from = self.policy.zone_of(facts.in_interface)?;
        facts.to = self.policy.zone_of(facts.out_interface)?;
        if !self.policy.users.is_empty() {
            facts.users = self.identities.mask(now, facts.source);
        }
        match &session.state {
            FlowState::Icmp(_) => {
                let request = if key.protocol() == IpProtocol::ICMPV6 {
                    128
                } else {
                    match key.destination_port() {
                        0 => 8,
                        other => u8::try_from(other).unwrap_or(8),
                    }
                };
                facts.icmp = Some((request, 0));
            }
            FlowState::Generic(_) => {}
            state => {
                facts.ports = Some((key.source_port(), key.destination_port()));
                if matches!(state, FlowState::Tcp(_)) {
                    facts.tcp_flags = Some(TcpFlags::SYN);
                }
            }
        }
        Some(facts)
    }
}
