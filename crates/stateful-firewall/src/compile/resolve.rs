//! Names and what they stand for.

use super::error::{CompileError, Problem};
use super::matcher::{AddressSpace, Matcher, ProtocolSet};
use super::space::Ranges;
use super::{
    CompiledAcl, CompiledEntry, CompiledGroup, CompiledInterface, MAX_RANGES, MAX_RULES,
    MAX_SET_DEPTH, MAX_USERS,
};
use crate::application::FilterId;
use crate::classifier::Classifier;
use crate::facts::{InterfaceId, ZoneId};
use crate::model::{
    Acl, AddressItem, Addresses, Condition, FragmentMatch, GroupRule, Policy, PortRange, Protocol,
    SecurityGroup, Zone, is_name,
};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use packet_buffer::wire::IpProtocol;

pub(super) fn check_name(name: &str) -> Result<(), CompileError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(CompileError::new(name, Problem::Name))
    }
}

/// Ranges collected for a list of addresses.
#[derive(Default)]
struct Collected {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    interfaces: Vec<InterfaceId>,
}

pub(super) struct Resolver<'a> {
    policy: &'a Policy,
    zones: &'a [Zone],
    interfaces: &'a [String],
    sets: BTreeMap<&'a str, &'a [AddressItem]>,
    groups: BTreeMap<&'a str, usize>,
    acls: BTreeMap<&'a str, usize>,
    filters: BTreeMap<&'a str, usize>,
    all: Arc<AddressSpace>,
    /// Lists of addresses met before: rules that name the same set share it.
    known: BTreeMap<String, Arc<AddressSpace>>,
    users: Vec<String>,
    /// Ranges made so far.
    ranges: usize,
}

/// Names and their places; an error when one is there twice.
fn index<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<&'a str, usize>, CompileError> {
    let mut index = BTreeMap::new();
    for (at, name) in names.enumerate() {
        check_name(name)?;
        if index.insert(name, at).is_some() {
            return Err(CompileError::new(name, Problem::Twice(what)));
        }
    }
    Ok(index)
}

fn unknown(at: &str, what: &'static str, name: &str) -> CompileError {
    let name = name.to_string();
    CompileError::new(at, Problem::Unknown { what, name })
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        zones: &'a [Zone],
        interfaces: &'a [String],
    ) -> Result<Self, CompileError> {
        let mut sets = BTreeMap::new();
        for set in &policy.sets {
            check_name(&set.name)?;
            if sets.insert(&*set.name, &*set.items).is_some() {
                return Err(CompileError::new(&set.name, Problem::Twice("address set")));
            }
        }
        let names = |name: &'a String| &**name;
        let resolver = Self {
            policy,
            zones,
            interfaces,
            sets,
            groups: index(
                "group",
                policy.groups.iter().map(|group| names(&group.name)),
            )?,
            acls: index("ACL", policy.acls.iter().map(|acl| names(&acl.name)))?,
            filters: index(
                "filter",
                policy.filters.iter().map(|filter| names(&filter.name)),
            )?,
            all: Arc::new(AddressSpace::all()),
            known: BTreeMap::new(),
            users: Vec::new(),
            ranges: 0,
        };
        // Sets that no rule names are held to the same rules.
        let mut unused = Collected::default();
        for set in &policy.sets {
            resolver.collect(&set.name, &set.items, &mut unused, 0)?;
            unused = Collected::default();
        }
        Ok(resolver)
    }

    pub(super) fn into_users(self) -> Vec<String> {
        self.users
    }

    fn collect(
        &self,
        at: &str,
        items: &[AddressItem],
        into: &mut Collected,
        depth: usize,
    ) -> Result<(), CompileError> {
        for item in items {
            match item {
                AddressItem::V4(prefix) => into
                    .v4
                    .push((prefix.network().to_bits(), prefix.last().to_bits())),
                AddressItem::V6(prefix) => into
                    .v6
                    .push((prefix.network().to_bits(), prefix.last().to_bits())),
                AddressItem::V4Range(first, last) => {
                    into.v4.push((first.to_bits(), last.to_bits()));
                }
                AddressItem::V6Range(first, last) => {
                    into.v6.push((first.to_bits(), last.to_bits()));
                }
                AddressItem::Set(name) => {
                    let set = self
                        .sets
                        .get(&**name)
                        .ok_or_else(|| unknown(at, "address set", name))?;
                    if depth >= MAX_SET_DEPTH {
                        return Err(CompileError::new(at, Problem::Nested(name.clone())));
                    }
                    self.collect(at, set, into, depth + 1)?;
                }
                AddressItem::Group(name) => {
                    let group = self
                        .groups
                        .get(&**name)
                        .and_then(|place| self.policy.groups.get(*place))
                        .ok_or_else(|| unknown(at, "group", name))?;
                    for (number, interface) in (0u16..).zip(self.interfaces) {
                        let attached = self
                            .policy
                            .interfaces
                            .iter()
                            .any(|own| own.name == *interface && own.groups.contains(name));
                        if attached {
                            into.interfaces.push(InterfaceId(number));
                        }
                    }
                    if depth >= MAX_SET_DEPTH {
                        return Err(CompileError::new(at, Problem::Nested(name.clone())));
                    }
                    self.collect(at, &group.members.items, into, depth + 1)?;
                }
            }
            // Sets that hold sets twice each grow as a power of two.
            if into.v4.len() + into.v6.len() > MAX_RANGES {
                return Err(too_many_ranges(at));
            }
        }
        Ok(())
    }

    fn addresses(
        &mut self,
        at: &str,
        addresses: &Addresses,
    ) -> Result<Arc<AddressSpace>, CompileError> {
        if addresses.is_any() && !addresses.negated {
            return Ok(Arc::clone(&self.all));
        }
        let text = addresses.to_string();
        if let Some(known) = self.known.get(&text) {
            return Ok(Arc::clone(known));
        }
        let mut collected = Collected::default();
        self.collect(at, &addresses.items, &mut collected, 0)?;
        let (mut v4, mut v6) = (Ranges::new(collected.v4), Ranges::new(collected.v6));
        if addresses.negated {
            (v4, v6) = (v4.complement(), v6.complement());
        }
        self.ranges += v4.as_slice().len() + v6.as_slice().len();
        if self.ranges > MAX_RANGES {
            return Err(too_many_ranges(at));
        }
        collected.interfaces.sort_unstable();
        collected.interfaces.dedup();
        let space = Arc::new(AddressSpace {
            v4,
            v6,
            interfaces: collected.interfaces.into_boxed_slice(),
            negated_interfaces: addresses.negated,
        });
        let space = if space.interfaces.is_empty() {
            let mut space = (*space).clone();
            space.negated_interfaces = false;
            Arc::new(space)
        } else {
            space
        };
        self.known.insert(text, Arc::clone(&space));
        Ok(space)
    }

    fn interface_ids(
        &self,
        at: &str,
        names: &[String],
    ) -> Result<Option<Box<[InterfaceId]>>, CompileError> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let known = self.policy.interfaces.iter().any(|own| own.name == *name);
            let place = self.interfaces.iter().position(|own| own == name);
            match place.and_then(|place| u16::try_from(place).ok()) {
                Some(place) if known => ids.push(InterfaceId(place)),
                _ => return Err(unknown(at, "interface", name)),
            }
        }
        Ok(Some(ids.into_boxed_slice()))
    }

    /// A bit for each zone; all bits when none is named.
    pub(super) fn zones(&self, at: &str, names: &[String]) -> Result<u64, CompileError> {
        if names.is_empty() {
            return Ok(u64::MAX);
        }
        let mut mask = 0;
        for name in names {
            let place = self
                .zones
                .iter()
                .position(|zone| zone.name == *name)
                .ok_or_else(|| unknown(at, "zone", name))?;
            mask |= 1 << place;
        }
        Ok(mask)
    }

    fn user(&mut self, name: &str) -> Result<u64, CompileError> {
        check_name(name)?;
        let place = match self.users.iter().position(|known| known == name) {
            Some(place) => place,
            None if self.users.len() < MAX_USERS => {
                self.users.push(name.to_string());
                self.users.len() - 1
            }
            None => {
                return Err(CompileError::new(
                    name,
                    Problem::TooMany {
                        what: "users in rules",
                        most: MAX_USERS,
                    },
                ));
            }
        };
        Ok(1 << place)
    }

    pub(super) fn condition(
        &mut self,
        at: &str,
        condition: &Condition,
    ) -> Result<Matcher, CompileError> {
        let mut users = 0;
        for name in &condition.users {
            users |= self.user(name)?;
        }
        let mut dscp = 0;
        for code_point in &condition.dscp {
            if *code_point > 63 {
                return Err(CompileError::new(
                    at,
                    Problem::OutOfRange {
                        what: "dscp",
                        value: u64::from(*code_point),
                    },
                ));
            }
            dscp |= 1 << code_point;
        }
        let matcher = Matcher {
            protocols: protocols(&condition.protocols),
            from: u64::MAX,
            to: u64::MAX,
            source: self.addresses(at, &condition.source)?,
            destination: self.addresses(at, &condition.destination)?,
            source_ports: ports(&condition.source_ports),
            destination_ports: ports(&condition.destination_ports),
            in_interfaces: self.interface_ids(at, &condition.in_interfaces)?,
            out_interfaces: self.interface_ids(at, &condition.out_interfaces)?,
            tcp_flags: condition.tcp_flags,
            icmp: condition.icmp.clone().into_boxed_slice(),
            fragments: condition.fragments,
            dscp: if condition.dscp.is_empty() {
                u64::MAX
            } else {
                dscp
            },
            users,
        };
        contradiction(&matcher).map_or(Ok(matcher), |why| {
            Err(CompileError::new(at, Problem::Never(why)))
        })
    }

    pub(super) fn acl(&mut self, acl: &Acl) -> Result<CompiledAcl, CompileError> {
        if acl.entries.len() > MAX_RULES {
            return Err(CompileError::new(
                &acl.name,
                Problem::TooMany {
                    what: "entries",
                    most: MAX_RULES,
                },
            ));
        }
        let mut ordered: Vec<_> = acl.entries.iter().collect();
        ordered.sort_by_key(|entry| entry.number);
        let mut matchers = Vec::with_capacity(ordered.len());
        let mut entries: Vec<CompiledEntry> = Vec::with_capacity(ordered.len());
        for entry in ordered {
            let at = alloc::format!("{} {}", acl.name, entry.number);
            if entries
                .last()
                .is_some_and(|before| before.number == entry.number)
            {
                return Err(CompileError::new(&at, Problem::Twice("entry")));
            }
            matchers.push(self.condition(&at, &entry.condition)?);
            entries.push(CompiledEntry {
                number: entry.number,
                permit: entry.permit,
                log: entry.log,
            });
        }
        Ok(CompiledAcl {
            name: acl.name.clone(),
            entries: entries.into_boxed_slice(),
            classifier: Classifier::new(matchers),
        })
    }

    pub(super) fn group(&mut self, group: &SecurityGroup) -> Result<CompiledGroup, CompileError> {
        if group.members.negated {
            return Err(CompileError::new(
                &group.name,
                Problem::Never("members of a group cannot be negated"),
            ));
        }
        let mut inbound = Vec::with_capacity(group.inbound.len());
        for rule in &group.inbound {
            let mut matcher = self.group_rule(&group.name, rule)?;
            matcher.source = self.addresses(&group.name, &rule.peer)?;
            inbound.push(matcher);
        }
        let mut outbound = Vec::with_capacity(group.outbound.len());
        for rule in &group.outbound {
            let mut matcher = self.group_rule(&group.name, rule)?;
            matcher.destination = self.addresses(&group.name, &rule.peer)?;
            outbound.push(matcher);
        }
        Ok(CompiledGroup {
            inbound: Classifier::new(inbound),
            outbound: Classifier::new(outbound),
        })
    }

    fn group_rule(&mut self, at: &str, rule: &GroupRule) -> Result<Matcher, CompileError> {
        let condition = Condition {
            protocols: rule.protocols.clone(),
            destination_ports: rule.ports.clone(),
            icmp: rule.icmp.clone(),
            ..Condition::default()
        };
        self.condition(at, &condition)
    }

    pub(super) fn filter(&self, at: &str, name: &str) -> Result<FilterId, CompileError> {
        self.filters
            .get(name)
            .and_then(|place| u16::try_from(*place).ok())
            .map(FilterId)
            .ok_or_else(|| unknown(at, "filter", name))
    }

    pub(super) fn interface(&self, name: &str) -> Result<CompiledInterface, CompileError> {
        let gone = CompiledInterface {
            name: name.to_string(),
            zone: None,
            acl_in: None,
            acl_out: None,
            groups: Box::new([]),
            reverse_path: crate::model::ReversePath::Off,
            bogons: false,
        };
        let Some(interface) = self.policy.interfaces.iter().find(|own| own.name == name) else {
            return Ok(gone);
        };
        let zone = self
            .zones
            .iter()
            .position(|zone| zone.name == interface.zone)
            .filter(|place| *place != 0)
            .and_then(|place| u16::try_from(place).ok())
            .ok_or_else(|| unknown(name, "zone", &interface.zone))?;
        let acl = |list: &Option<String>| match list {
            None => Ok(None),
            Some(list) => self
                .acls
                .get(&**list)
                .copied()
                .map(Some)
                .ok_or_else(|| unknown(name, "ACL", list)),
        };
        let mut groups = Vec::with_capacity(interface.groups.len());
        for group in &interface.groups {
            let place = self.groups.get(&**group);
            groups.push(*place.ok_or_else(|| unknown(name, "group", group))?);
        }
        Ok(CompiledInterface {
            zone: Some(ZoneId(zone)),
            acl_in: acl(&interface.acl_in)?,
            acl_out: acl(&interface.acl_out)?,
            groups: groups.into_boxed_slice(),
            reverse_path: interface.reverse_path,
            bogons: interface.bogons,
            ..gone
        })
    }
}

fn too_many_ranges(at: &str) -> CompileError {
    CompileError::new(
        at,
        Problem::TooMany {
            what: "address ranges",
            most: MAX_RANGES,
        },
    )
}

fn protocols(list: &[Protocol]) -> ProtocolSet {
    if list.is_empty() {
        ProtocolSet::ALL
    } else {
        ProtocolSet::of(list.iter().map(|protocol| protocol.0.0))
    }
}

fn ports(list: &[PortRange]) -> Option<Ranges<u16>> {
    if list.is_empty() {
        return None;
    }
    let list = list.iter().map(|range| (range.first, range.last)).collect();
    Some(Ranges::new(list))
}

/// Why no packet can fulfil the condition, as far as that is plain to see.
fn contradiction(matcher: &Matcher) -> Option<&'static str> {
    let space = |space: &AddressSpace| !space.is_open() && space.v4.is_none() && space.v6.is_none();
    if space(&matcher.source) || space(&matcher.destination) {
        return Some("a list of addresses is empty");
    }
    let has = |protocols: &[IpProtocol]| {
        protocols
            .iter()
            .any(|protocol| matcher.protocols.contains(protocol.0))
    };
    let ports = matcher.source_ports.is_some() || matcher.destination_ports.is_some();
    let with_ports = [
        IpProtocol::TCP,
        IpProtocol::UDP,
        IpProtocol(132),
        IpProtocol(33),
        IpProtocol(136),
    ];
    if ports && !has(&with_ports) {
        return Some("the protocol has no ports");
    }
    if matcher.tcp_flags.is_some() && !has(&[IpProtocol::TCP]) {
        return Some("only TCP has TCP flags");
    }
    let icmp = !matcher.icmp.is_empty();
    if icmp && !has(&[IpProtocol::ICMP, IpProtocol::ICMPV6]) {
        return Some("only ICMP has ICMP types");
    }
    if icmp && (ports || matcher.tcp_flags.is_some()) {
        return Some("ICMP has neither ports nor TCP flags");
    }
    let transport = ports || icmp || matcher.tcp_flags.is_some();
    if transport && matcher.fragments == FragmentMatch::Later {
        return Some("later fragments have no transport header");
    }
    None
}
