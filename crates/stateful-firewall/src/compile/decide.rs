//! What a policy says about one packet.

use super::{CompiledAcl, CompiledPolicy, RuleId};
use crate::facts::{Facts, InterfaceId, ZoneId};
use crate::model::Action;
use core::fmt;

/// Why a packet is let through or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A rule.
    Rule(RuleId),
    /// No rule; the levels of the zones decide.
    Levels {
        /// The zone that the packet comes from.
        from: ZoneId,
        /// The zone that the packet goes to.
        to: ZoneId,
    },
    /// No rule; what the zone says about packets that stay in it.
    Intra(ZoneId),
    /// No security group of the interface allows it.
    Groups(GroupSide),
}

/// Which end of a packet a security group protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupSide {
    /// The host that sends.
    Sender,
    /// The host that receives.
    Receiver,
}

/// What a policy says about the first packet of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
}

impl Decision {
    /// The rule that decided, if one did.
    pub const fn rule(&self) -> Option<RuleId> {
        match self.reason {
            Reason::Rule(rule) => Some(rule),
            _ => None,
        }
    }
}

/// What an access list says about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AclDecision {
    pub(crate) permit: bool,
    /// The number of the entry; `None` when none holds.
    pub(crate) entry: Option<u16>,
    /// The place of the entry; one behind the last for the implicit denial.
    pub(crate) at: usize,
    pub(crate) log: bool,
}

impl CompiledAcl {
    #[inline]
    pub(crate) fn decide(&self, facts: &Facts) -> AclDecision {
        let at = self
            .classifier
            .first(facts, 0)
            .unwrap_or(self.entries.len());
        match self.entries.get(at) {
            Some(entry) => AclDecision {
                permit: entry.permit,
                entry: Some(entry.number),
                at,
                log: entry.log,
            },
            None => AclDecision {
                permit: false,
                entry: None,
                at,
                log: false,
            },
        }
    }
}

impl CompiledPolicy {
    /// What an access list says about a packet: whether it passes, and the number of the entry that
    /// decides, or none when it is the implicit denial at the end. `None` when there is no such
    /// list.
    ///
    /// Access lists have no state, so this is all there is to them.
    pub fn acl(&self, name: &str, facts: &Facts) -> Option<(bool, Option<u16>)> {
        let acl = self.acls.iter().find(|acl| acl.name == name)?;
        let decision = acl.decide(facts);
        Some((decision.permit, decision.entry))
    }

    /// What groups, rules and levels say about a packet that no session is known of.
    #[inline]
    pub fn decide(&self, facts: &Facts) -> Decision {
        self.decide_with(facts, |_| ())
    }

    /// The same, telling of the rules on the way that say [`Action::Continue`].
    #[inline]
    pub(crate) fn decide_with(
        &self,
        facts: &Facts,
        mut on_the_way: impl FnMut(RuleId),
    ) -> Decision {
        if let Some(side) = self.refused_by_groups(facts) {
            return Decision {
                action: Action::Drop,
                reason: Reason::Groups(side),
            };
        }
        let mut start = 0;
        while let Some(at) = self.classifier.first(facts, start) {
            let id = RuleId(u32::try_from(at).unwrap_or(u32::MAX));
            match self.rules.get(at).map(|rule| rule.action) {
                Some(Action::Continue) => on_the_way(id),
                Some(action) => {
                    return Decision {
                        action,
                        reason: Reason::Rule(id),
                    };
                }
                None => break,
            }
            start = at + 1;
        }
        self.by_level(facts)
    }

    /// What the levels say.
    fn by_level(&self, facts: &Facts) -> Decision {
        let (from, to) = (facts.from, facts.to);
        let accept = |pass: bool| if pass { Action::Accept } else { Action::Drop };
        if from == to {
            let zone = self.zones.get(usize::from(from.0));
            return Decision {
                action: accept(zone.is_some_and(|zone| zone.intra)),
                reason: Reason::Intra(from),
            };
        }
        let level = |zone: ZoneId| self.zones.get(usize::from(zone.0)).map(|zone| zone.level);
        let pass = match (level(from), level(to)) {
            (Some(from), Some(to)) => from > to || from == to && self.same_level,
            _ => false,
        };
        Decision {
            action: accept(pass),
            reason: Reason::Levels { from, to },
        }
    }

    /// Which side's security groups do not allow the packet.
    #[inline]
    pub(crate) fn refused_by_groups(&self, facts: &Facts) -> Option<GroupSide> {
        if self.groups.is_empty() {
            return None;
        }
        if !self.groups_allow(facts, facts.in_interface, GroupSide::Sender) {
            return Some(GroupSide::Sender);
        }
        if !self.groups_allow(facts, facts.out_interface, GroupSide::Receiver) {
            return Some(GroupSide::Receiver);
        }
        None
    }

    fn groups_allow(&self, facts: &Facts, interface: Option<InterfaceId>, side: GroupSide) -> bool {
        let Some(interface) = interface.and_then(|id| self.interfaces.get(usize::from(id.0)))
        else {
            return true;
        };
        if interface.groups.is_empty() {
            return true;
        }
        interface.groups.iter().any(|group| {
            self.groups.get(*group).is_some_and(|group| {
                let rules = match side {
                    GroupSide::Sender => &group.outbound,
                    GroupSide::Receiver => &group.inbound,
                };
                rules.first(facts, 0).is_some()
            })
        })
    }
}

/// `rule 3`, `levels`: short, for logs; [`CompiledPolicy`] knows the names.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "rule {}", u64::from(rule.0) + 1),
            Self::Levels { .. } => f.write_str("levels"),
            Self::Intra(_) => f.write_str("intra-zone"),
            Self::Groups(GroupSide::Sender) => f.write_str("no group allows sending"),
            Self::Groups(GroupSide::Receiver) => f.write_str("no group allows receiving"),
        }
    }
}
