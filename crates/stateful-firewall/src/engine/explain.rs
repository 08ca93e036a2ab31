//! Which rule decides about a packet, and why: asked without changing anything.

use super::session::Family;
use super::verdict::{DropReason, Path};
use super::{Firewall, facts, sanity};
use crate::compile::{Decision, Field, RuleId};
use crate::facts::Facts;
use crate::model::Action;
use alloc::vec::Vec;
use flow_state::{FlowPacket, FlowState, Key, Transport};
use packet_buffer::Instant;

/// A step on the way to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The packet is dropped before any rule is asked.
    Refused(DropReason),
    /// It belongs to a session, begun by this rule; rules are not asked again.
    Session(Option<RuleId>),
    /// It is an ICMP error, which passes if it is about a session.
    IcmpError {
        /// Whether a session has the quoted packet.
        known: bool,
    },
    /// A helper expects it.
    Expected,
    /// A rule does not hold, and this part of its condition is the first that does not.
    Mismatch(RuleId, Field),
    /// A rule holds.
    Match(RuleId, Action),
    /// What groups, rules and levels decide together.
    Decision(Decision),
    /// It cannot begin a session, whatever the rules say.
    NoBeginning(flow_state::Invalid),
}

/// The way to a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    /// The steps, in order. Rules behind the one that decides are not listed.
    pub steps: Vec<Step>,
}

impl Explanation {
    /// The rule that decides, if one does.
    pub fn rule(&self) -> Option<RuleId> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Decision(decision) => decision.rule(),
            Step::Session(rule) => *rule,
            _ => None,
        })
    }
}

/// The most rules that an explanation lists.
const LISTED: usize = 1_000;

impl Firewall {
    /// Says which rule decides about a packet and why, as [`process`](Self::process) would decide
    /// now, without counting, logging or changing anything. Limits are not asked.
    pub fn explain(&self, now: Instant, path: &Path<'_>, packet: &[u8]) -> Explanation {
        let now = self.now.max(now);
        let mut steps = Vec::new();
        let view = match FlowPacket::parse(packet) {
            Ok(view) => view,
            Err(error) => {
                steps.push(Step::Refused(DropReason::Malformed(error)));
                return Explanation { steps };
            }
        };
        if let Err(reason) = self.would_pass(path, &view) {
            steps.push(Step::Refused(reason));
            return Explanation { steps };
        }
        match view.transport() {
            Transport::IcmpError(error) => {
                let known = match error.expected() {
                    Some(Key::V4(key)) => self.tables.v4.find(now, &key).is_some(),
                    Some(Key::V6(key)) => self.tables.v6.find(now, &key).is_some(),
                    None => false,
                };
                steps.push(Step::IcmpError { known });
                return Explanation { steps };
            }
            Transport::IcmpOther { .. } | Transport::LaterFragment => {}
            _ => {
                let session = match view.key() {
                    Key::V4(key) => self.rule_of(now, &key),
                    Key::V6(key) => self.rule_of(now, &key),
                };
                if let Some(rule) = session {
                    steps.push(Step::Session(rule));
                    return Explanation { steps };
                }
                if let Err(why) = FlowState::new(&self.config.tcp, now, &view) {
                    steps.push(Step::NoBeginning(why));
                }
                if self.expectations.find(now, &view.key()).is_some() {
                    steps.push(Step::Expected);
                    return Explanation { steps };
                }
            }
        }
        match self.facts(now, path, &view) {
            Some(facts) => self.explain_rules(&facts, &mut steps),
            None => steps.push(Step::Refused(DropReason::Interface)),
        }
        Explanation { steps }
    }

    fn explain_rules(&self, facts: &Facts, steps: &mut Vec<Step>) {
        let decision = self.policy.decide(facts);
        let matchers = self.policy.classifier.matchers();
        let rules = (0u32..).zip(matchers.iter().zip(&self.policy.rules));
        for (number, (matcher, rule)) in rules {
            if steps.len() >= LISTED || self.policy.refused_by_groups(facts).is_some() {
                break;
            }
            let id = RuleId(number);
            match matcher.mismatch(facts) {
                Some(field) => steps.push(Step::Mismatch(id, field)),
                None => {
                    steps.push(Step::Match(id, rule.action));
                    if rule.action != Action::Continue {
                        break;
                    }
                }
            }
        }
        steps.push(Step::Decision(decision));
    }

    fn rule_of<K: Family>(&self, now: Instant, key: &K) -> Option<Option<RuleId>> {
        let table = K::table(&self.tables);
        let found = table.find(now, key)?;
        table.get(found.id).map(|flow| flow.value.rule())
    }

    fn would_pass(&self, path: &Path<'_>, packet: &FlowPacket<'_>) -> Result<(), DropReason> {
        sanity::header(&self.config, packet)?;
        if self.config.verify_checksums {
            packet.verify().map_err(DropReason::Checksum)?;
        }
        let facts = facts(&self.policy, path, packet).ok_or(DropReason::Interface)?;
        let interface = |id: Option<crate::InterfaceId>| {
            id.and_then(|id| self.policy.interfaces.get(usize::from(id.0)))
        };
        let acl = |list: Option<usize>| list.and_then(|list| self.policy.acls.get(list));
        if let Some(interface) = interface(path.ingress) {
            sanity::source(interface, path, packet)?;
            if let Some(list) = acl(interface.acl_in) {
                let decision = list.decide(&facts);
                if !decision.permit {
                    return Err(DropReason::AclIn(decision.entry));
                }
            }
        }
        if let Some(interface) = interface(path.egress) {
            if interface.bogons && sanity::is_bogon(facts.destination) {
                return Err(DropReason::Bogon(facts.destination));
            }
            if let Some(list) = acl(interface.acl_out) {
                let decision = list.decide(&facts);
                if !decision.permit {
                    return Err(DropReason::AclOut(decision.entry));
                }
            }
        }
        Ok(())
    }
}
