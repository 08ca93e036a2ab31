//! Who is meant by an outside address and port.

use super::Nat;
use super::open::peer_of;
use crate::config::{Action, Filtering, Forward, Rule, transplant};
use crate::flow::FlowFlags;
use crate::mapping::{Endpoint, PortKind};
use core::net::Ipv4Addr;
use packet_buffer::wire::IpProtocol;

/// Who is meant, and who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Destination {
    /// Who is meant.
    pub(super) inside: Endpoint,
    /// What a session to it holds.
    pub(super) flags: FlowFlags,
    /// The rule that the mapping was made by.
    pub(super) rule: u16,
    /// Who may come in; `None` for all.
    pub(super) filtering: Option<Filtering>,
}

impl Destination {
    const fn open(inside: Endpoint) -> Self {
        Self {
            inside,
            flags: FlowFlags(0),
            rule: u16::MAX,
            filtering: None,
        }
    }

    /// Who is meant by a connection that an application layer gateway expects.
    pub(super) const fn expected(inside: Endpoint, is_mapped: bool) -> Self {
        let mut target = Self::open(inside);
        if is_mapped {
            target.flags.set(FlowFlags::DESTINATION_MAPPING);
        }
        target
    }
}

/// Stands for protocols that have no ports, in the table of peers.
const NO_PORTS: u8 = u8::MAX;

pub(super) fn peer_kind(kind: Option<PortKind>) -> u8 {
    kind.map_or(NO_PORTS, |kind| {
        u8::try_from(kind.index()).unwrap_or(NO_PORTS)
    })
}

impl Nat {
    /// Who is meant by a packet from `source` to an outside endpoint; `None` when nobody is.
    pub(super) fn resolve(
        &self,
        protocol: IpProtocol,
        outside: Endpoint,
        source: Ipv4Addr,
    ) -> Option<Destination> {
        let forward = self
            .config
            .forwards
            .iter()
            .find(|forward| forward_claims(forward, protocol, outside, source));
        if let Some(forward) = forward {
            let target = self.target(forward, protocol, outside, source)?;
            return Some(Destination::open(target));
        }
        // The destination port of an ICMP request is no identifier, and answers open no session.
        if let Some(kind) = PortKind::of(protocol)
            && kind != PortKind::Icmp
            && let Some(slot) = self.mappings.by_outside(kind, outside)
        {
            let rule = self.config.rules.get(usize::from(slot.rule()));
            let filtering = match rule.map(|rule| &rule.action) {
                // RFC 6887 §11.3: what was asked for explicitly is open to all.
                _ if slot.is_explicit() => None,
                Some(Action::Napt(napt)) => Some(napt.filtering),
                _ => Some(Filtering::AddressAndPortDependent),
            };
            return slot.is_usable().then(|| Destination {
                inside: slot.inside(),
                flags: FlowFlags::DESTINATION_MAPPING,
                rule: slot.rule(),
                filtering,
            });
        }
        let fixed = self.config.rules.iter().find_map(|rule| match rule.action {
            Action::Static { outside: prefix } if prefix.contains(outside.address) => {
                Some(transplant(outside.address, prefix, rule.matching.source))
            }
            _ => None,
        });
        if let Some(address) = fixed {
            return Some(Destination::open(Endpoint::new(address, outside.port)));
        }
        let (address, rule) = self.bindings.inside_of(outside.address)?;
        let filtering = match self.config.rules.get(usize::from(rule))?.action {
            Action::Dynamic { filtering, .. } => Some(filtering),
            _ => None,
        };
        Some(Destination {
            inside: Endpoint::new(address, outside.port),
            flags: FlowFlags::DESTINATION_ADDRESS,
            rule,
            filtering,
        })
    }

    /// The server that a client of a forward gets.
    fn target(
        &self,
        forward: &Forward,
        protocol: IpProtocol,
        outside: Endpoint,
        source: Ipv4Addr,
    ) -> Option<Endpoint> {
        let weights = forward
            .targets
            .iter()
            .map(|target| u64::from(target.weight));
        let total: u64 = weights.sum();
        // The client's address, mixed with a secret, so that no client picks its server.
        let place = self.spread(source).checked_rem(total)?;
        let mut passed = 0;
        let target = forward.targets.iter().find(|target| {
            passed += u64::from(target.weight);
            place < passed
        })?;
        let port = match target.first_port {
            Some(first) if protocol.has_ports() => {
                let offset = outside.port.checked_sub(*forward.ports.start())?;
                first.checked_add(offset)?
            }
            _ => outside.port,
        };
        Some(Endpoint::new(target.address, port))
    }

    /// Whether packets to the address are the translator's, mapped or not.
    pub(super) fn is_outside_address(&self, address: Ipv4Addr) -> bool {
        self.mappings.index_of(address).is_some()
            || self
                .config
                .forwards
                .iter()
                .any(|forward| forward.outside == address)
            || self.config.rules.iter().any(|rule| {
                matches!(rule.action, Action::Static { outside } if outside.contains(address))
            })
    }

    /// Whether a rule lets packets between these pass as they are, from the inside one's side.
    pub(super) fn bypasses(
        &self,
        inside: Endpoint,
        outside: Endpoint,
        protocol: IpProtocol,
    ) -> bool {
        let port = outside.port;
        let rule = self.rule_for(inside.address, outside.address, protocol, port);
        matches!(
            rule,
            Some((
                _,
                Rule {
                    action: Action::Bypass,
                    ..
                }
            ))
        )
    }

    /// The first rule for packets from inside.
    pub(super) fn rule_for(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        port: u16,
    ) -> Option<(u16, &Rule)> {
        (0u16..)
            .zip(&self.config.rules)
            .find(|(_, rule)| rule.matching.contains(source, destination, protocol, port))
    }

    /// Whether a mapping's filter lets a sender in who has no session.
    pub(super) fn permits(
        &self,
        destination: &Destination,
        kind: Option<PortKind>,
        outside: Endpoint,
        sender: Ipv4Addr,
    ) -> bool {
        match destination.filtering {
            None | Some(Filtering::EndpointIndependent) => true,
            // RFC 4787 §5 RECOMMENDED (req-8): those that the inside has sent to.
            Some(Filtering::AddressDependent) => {
                let outside = if destination.flags.has(FlowFlags::DESTINATION_ADDRESS) {
                    Endpoint::new(outside.address, 0)
                } else {
                    outside
                };
                self.peers.contains(peer_of(kind, outside, sender))
            }
            Some(Filtering::AddressAndPortDependent) => false,
        }
    }

    /// The address behind an alias.
    pub(super) fn real_of(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        let aliases = &self.config.aliases;
        let alias = aliases.iter().find(|alias| alias.alias.contains(address))?;
        Some(transplant(address, alias.alias, alias.real))
    }

    /// The alias of an address.
    pub(super) fn alias_of(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        let aliases = &self.config.aliases;
        let alias = aliases.iter().find(|alias| alias.real.contains(address))?;
        Some(transplant(address, alias.real, alias.alias))
    }
}

fn forward_claims(
    forward: &Forward,
    protocol: IpProtocol,
    outside: Endpoint,
    source: Ipv4Addr,
) -> bool {
    forward.outside == outside.address
        && forward.source.contains(source)
        && forward.protocol.is_none_or(|only| only == protocol)
        && (!protocol.has_ports() || forward.ports.contains(&outside.port))
}
