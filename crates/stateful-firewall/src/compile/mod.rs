//! From a policy as written to one that packets can be asked about.

mod decide;
mod error;
mod matcher;
mod resolve;
mod space;

pub use decide::{Decision, GroupSide, Reason};
pub use error::{CompileError, Problem};
pub use matcher::Field;
pub(crate) use matcher::{AddressSpace, Matcher, ProtocolSet};
pub(crate) use space::{Number, Ranges};

use crate::application::{CompiledFilter, FilterId};
use crate::classifier::Classifier;
use crate::facts::{InterfaceId, ZoneId};
use crate::model::{Action, Helper, Limits, Policy, ReversePath, Zone};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use resolve::Resolver;

/// The most zones of a policy, the firewall itself included.
pub const MAX_ZONES: usize = 64;
/// The most interfaces of a policy, those of earlier policies that are gone included.
pub const MAX_INTERFACES: usize = 4_096;
/// The most rules of a list.
pub const MAX_RULES: usize = 1 << 20;
/// The most ranges of addresses that all conditions hold together, with sets taken apart.
pub const MAX_RANGES: usize = 1 << 22;
/// The most names of users and groups of users that rules mention.
pub const MAX_USERS: usize = 64;
/// How deep sets may hold sets.
pub const MAX_SET_DEPTH: usize = 16;

/// A rule of a compiled policy, by its place. 0 is the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(
    /// The place.
    pub u32,
);

/// What is left of a rule when its condition is compiled.
#[derive(Debug, Clone)]
pub(crate) struct CompiledRule {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) action: Action,
    pub(crate) log: bool,
    pub(crate) mark: Option<u32>,
    pub(crate) limits: Limits,
    pub(crate) helper: Option<Helper>,
    pub(crate) filter: Option<FilterId>,
    pub(crate) syn_proxy: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledEntry {
    pub(crate) number: u16,
    pub(crate) permit: bool,
    pub(crate) log: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledAcl {
    pub(crate) name: String,
    pub(crate) entries: Box<[CompiledEntry]>,
    pub(crate) classifier: Classifier,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledGroup {
    pub(crate) inbound: Classifier,
    pub(crate) outbound: Classifier,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledInterface {
    pub(crate) name: String,
    /// `None` when the policy does not have the interface any more.
    pub(crate) zone: Option<ZoneId>,
    pub(crate) acl_in: Option<usize>,
    pub(crate) acl_out: Option<usize>,
    pub(crate) groups: Box<[usize]>,
    pub(crate) reverse_path: ReversePath,
    pub(crate) bogons: bool,
}

/// A policy whose names are resolved and whose rules are filed for a fast search.
///
/// It decides about single packets and has no state: [`decide`](Self::decide) asks rules and levels,
/// [`acl`](Self::acl) an access list. [`Firewall`](crate::Firewall) adds the sessions.
#[derive(Debug, Clone)]
pub struct CompiledPolicy {
    pub(crate) zones: Vec<Zone>,
    pub(crate) interfaces: Vec<CompiledInterface>,
    pub(crate) acls: Vec<CompiledAcl>,
    pub(crate) groups: Vec<CompiledGroup>,
    pub(crate) filters: Vec<CompiledFilter>,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) classifier: Classifier,
    pub(crate) users: Vec<String>,
    pub(crate) same_level: bool,
    pub(crate) log_default: bool,
}

impl CompiledPolicy {
    /// Resolves names and files the rules.
    ///
    /// # Errors
    ///
    /// When a name is unknown or there twice, a set holds itself, or a bound is exceeded
    /// ([`MAX_ZONES`] and the other constants). The error names the culprit.
    pub fn new(policy: &Policy) -> Result<Self, CompileError> {
        Self::compile(policy, &[])
    }

    /// As [`new`](Self::new), with interfaces of the same name under the same number as in
    /// `before`. Interfaces that are gone keep theirs, and pass nothing.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn after(before: &Self, policy: &Policy) -> Result<Self, CompileError> {
        Self::compile(policy, &before.interfaces)
    }

    fn compile(policy: &Policy, before: &[CompiledInterface]) -> Result<Self, CompileError> {
        let zones = zones(policy)?;
        let names = interfaces(policy, before)?;
        let mut resolver = Resolver::new(policy, &zones, &names)?;

        let mut acls = Vec::with_capacity(policy.acls.len());
        for acl in &policy.acls {
            acls.push(resolver.acl(acl)?);
        }
        let mut groups = Vec::with_capacity(policy.groups.len());
        for group in &policy.groups {
            groups.push(resolver.group(group)?);
        }
        if policy.rules.len() > MAX_RULES {
            return Err(CompileError::new(
                "rules",
                Problem::TooMany {
                    what: "rules",
                    most: MAX_RULES,
                },
            ));
        }
        let mut matchers = Vec::with_capacity(policy.rules.len());
        let mut rules = Vec::with_capacity(policy.rules.len());
        for (at, rule) in policy.rules.iter().enumerate() {
            let name = if rule.name.is_empty() {
                format!("rule {}", at + 1)
            } else {
                rule.name.clone()
            };
            let mut matcher = resolver.condition(&name, &rule.condition)?;
            matcher.from = resolver.zones(&name, &rule.from)?;
            matcher.to = resolver.zones(&name, &rule.to)?;
            matchers.push(matcher);
            let filter = match &rule.filter {
                None => None,
                Some(filter) => Some(resolver.filter(&name, filter)?),
            };
            rules.push(CompiledRule {
                text: rule.to_string(),
                name,
                action: rule.action,
                log: rule.log,
                mark: rule.mark,
                limits: rule.limits,
                helper: rule.helper,
                filter,
                syn_proxy: rule.syn_proxy,
            });
        }
        let mut interfaces = Vec::with_capacity(names.len());
        for name in &names {
            interfaces.push(resolver.interface(name)?);
        }
        let mut filters = Vec::with_capacity(policy.filters.len());
        for filter in &policy.filters {
            let compiled = filter.compile();
            filters.push(compiled.map_err(|problem| CompileError::new(&filter.name, problem))?);
        }
        let users = resolver.into_users();
        Ok(Self {
            zones,
            interfaces,
            acls,
            groups,
            filters,
            rules,
            classifier: Classifier::new(matchers),
            users,
            same_level: policy.same_level,
            log_default: policy.log_default,
        })
    }

    /// The interface of this name, if the policy has it.
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        let at = self
            .interfaces
            .iter()
            .position(|interface| interface.name == name && interface.zone.is_some())?;
        u16::try_from(at).ok().map(InterfaceId)
    }

    /// The name of an interface.
    pub fn interface_name(&self, id: InterfaceId) -> Option<&str> {
        self.interfaces
            .get(usize::from(id.0))
            .map(|interface| &*interface.name)
    }

    /// The zone of an interface; that of none is the firewall itself. `None` when the policy does
    /// not have the interface.
    #[inline]
    pub fn zone_of(&self, interface: Option<InterfaceId>) -> Option<ZoneId> {
        match interface {
            None => Some(ZoneId::SELF),
            Some(id) => self.interfaces.get(usize::from(id.0))?.zone,
        }
    }

    /// The zone of this name.
    pub fn zone(&self, name: &str) -> Option<ZoneId> {
        let at = self.zones.iter().position(|zone| zone.name == name)?;
        u16::try_from(at).ok().map(ZoneId)
    }

    /// The name of a zone.
    pub fn zone_name(&self, id: ZoneId) -> Option<&str> {
        self.zones.get(usize::from(id.0)).map(|zone| &*zone.name)
    }

    /// How many rules there are.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// What a rule is called: its name, or `rule` and its place counted from 1.
    pub fn rule_name(&self, rule: RuleId) -> Option<&str> {
        self.rule(rule).map(|rule| &*rule.name)
    }

    /// A rule in the rule language.
    pub fn rule_text(&self, rule: RuleId) -> Option<&str> {
        self.rule(rule).map(|rule| &*rule.text)
    }

    pub(crate) fn rule(&self, rule: RuleId) -> Option<&CompiledRule> {
        self.rules.get(rule.0 as usize)
    }

    /// The names of users and groups of users that rules mention: bit 0 of
    /// [`Facts::users`](crate::Facts::users) stands for the first.
    pub fn users(&self) -> &[String] {
        &self.users
    }

    /// How the rules are filed: tuples over IPv4, tuples over IPv6, and the most candidates in one
    /// place of any of their tables. No tuples means that the rules are asked one by one.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.classifier.shape()
    }
}

fn zones(policy: &Policy) -> Result<Vec<Zone>, CompileError> {
    let mut zones = Vec::with_capacity(policy.zones.len() + 1);
    zones.push(Zone {
        name: Zone::SELF.to_string(),
        level: u8::MAX,
        intra: true,
    });
    for zone in &policy.zones {
        resolve::check_name(&zone.name)?;
        if zone.level > 100 {
            return Err(CompileError::new(&zone.name, Problem::Level(zone.level)));
        }
        if zones.iter().any(|other| other.name == zone.name) {
            return Err(CompileError::new(&zone.name, Problem::Twice("zone")));
        }
        zones.push(zone.clone());
    }
    if zones.len() > MAX_ZONES {
        return Err(CompileError::new(
            "zones",
            Problem::TooMany {
                what: "zones",
                most: MAX_ZONES,
            },
        ));
    }
    Ok(zones)
}

/// The names of all interfaces, those that were there before under their old places.
fn interfaces(policy: &Policy, before: &[CompiledInterface]) -> Result<Vec<String>, CompileError> {
    let mut names: Vec<String> = before
        .iter()
        .map(|interface| interface.name.clone())
        .collect();
    for (at, interface) in policy.interfaces.iter().enumerate() {
        resolve::check_name(&interface.name)?;
        let earlier = policy.interfaces.get(..at).unwrap_or_default();
        if earlier.iter().any(|other| other.name == interface.name) {
            return Err(CompileError::new(
                &interface.name,
                Problem::Twice("interface"),
            ));
        }
        if !names.contains(&interface.name) {
            names.push(interface.name.clone());
        }
    }
    if names.len() > MAX_INTERFACES {
        return Err(CompileError::new(
            "interfaces",
            Problem::TooMany {
                what: "interfaces",
                most: MAX_INTERFACES,
            },
        ));
    }
    Ok(names)
}
