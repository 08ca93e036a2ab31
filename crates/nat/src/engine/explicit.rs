//! Mappings that are asked for, by PCP or by the program around.

use super::Nat;
use crate::config::{Action, transplant};
use crate::event::NatEvent;
use crate::mapping::{Endpoint, MappingInfo, NewMapping, PortKind, SlotKind};
use crate::ports::Wish;
use crate::verdict::{DropReason, bump};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::{IpProtocol, Ipv4Prefix};
use thiserror::Error;

/// A mapping that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExplicitRequest {
    /// The transport protocol, one with ports.
    pub protocol: IpProtocol,
    /// Whom packets go to.
    pub inside: Endpoint,
    /// How it would like to be reached: the address and the port are each followed if possible. 0
    /// is no wish.
    pub suggested: Endpoint,
    /// Whether nothing else than what is suggested will do.
    pub only_suggested: bool,
    /// How long the mapping stays without sessions.
    pub lifetime: Duration,
}

/// A mapping that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExplicitMapping {
    /// How the inside endpoint is reached.
    pub outside: Endpoint,
    /// When the mapping ends unless it is asked for again; [`Instant::MAX`] for never.
    pub expires: Instant,
    /// Whether it was there before.
    pub is_renewed: bool,
}

/// Why a mapping is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ExplicitError {
    /// The protocol has no ports that could be mapped.
    #[error("the protocol has no ports")]
    Protocol,
    /// No rule shares addresses with the inside endpoint.
    #[error("no rule is for the inside address")]
    NoRule,
    /// What was suggested cannot be had, and nothing else would do.
    #[error("the suggested endpoint cannot be had")]
    NotAvailable,
    /// No port is left.
    #[error("no port is left")]
    NoPort,
    /// The subscriber is at its limit.
    #[error("the subscriber is at its limit")]
    Limit,
}

/// Who may use a mapping that was asked for (RFC 6887 §13.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RemoteFilter {
    /// Their addresses.
    pub prefix: Ipv4Prefix,
    /// Their port; `None` for all.
    pub port: Option<u16>,
}

impl RemoteFilter {
    fn lets_in(&self, sender: Endpoint) -> bool {
        self.prefix.contains(sender.address) && self.port.is_none_or(|port| port == sender.port)
    }
}

/// When mappings that were asked for end.
#[derive(Default)]
pub(super) struct Explicits {
    ends: BTreeMap<(PortKind, Endpoint), Instant>,
    /// Who may use them, where not everyone may.
    filters: BTreeMap<(PortKind, Endpoint), Vec<RemoteFilter>>,
    deadlines: BTreeSet<(Instant, PortKind, Endpoint)>,
}

impl Explicits {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let (deadline, ..) = self.deadlines.first()?;
        (*deadline < Instant::MAX).then_some(*deadline)
    }

    /// Whether a sender from outside may begin a session.
    // RFC 6887 §13.3 MUST (filter): only whoever a filter names, where there are filters.
    pub(super) fn lets_in(&self, kind: PortKind, outside: Endpoint, sender: Endpoint) -> bool {
        let filters = self.filters.get(&(kind, outside));
        filters.is_none_or(|filters| filters.iter().any(|filter| filter.lets_in(sender)))
    }

    fn set(&mut self, kind: PortKind, outside: Endpoint, deadline: Instant) {
        let filters = self.filters.remove(&(kind, outside));
        self.clear(kind, outside);
        if let Some(filters) = filters {
            self.filters.insert((kind, outside), filters);
        }
        self.ends.insert((kind, outside), deadline);
        self.deadlines.insert((deadline, kind, outside));
    }

    fn clear(&mut self, kind: PortKind, outside: Endpoint) {
        self.filters.remove(&(kind, outside));
        if let Some(deadline) = self.ends.remove(&(kind, outside)) {
            self.deadlines.remove(&(deadline, kind, outside));
        }
    }
}

impl Nat {
    /// Makes a mapping that stays without sessions, or renews it. It is open to all (its filtering
    /// is endpoint-independent), and sessions from the inside endpoint use it too, whatever their
    /// rule says.
    ///
    /// # Errors
    ///
    /// [`ExplicitError`], with nothing changed.
    pub fn open_mapping(
        &mut self,
        now: Instant,
        request: &ExplicitRequest,
    ) -> Result<ExplicitMapping, ExplicitError> {
        let now = self.advance(now);
        self.sweep(now);
        self.expire_explicit(now);
        let kind = PortKind::of(request.protocol)
            .filter(|kind| kind.has_classes())
            .ok_or(ExplicitError::Protocol)?;
        let expires = now + request.lifetime;
        let rule = self.sharing_rule(request.inside.address, request.protocol);
        let (rule, action) = rule.ok_or(ExplicitError::NoRule)?;
        let pool = match action {
            Action::Napt(napt) => napt.pool,
            Action::Static { outside } => {
                let from = self.config.rules.get(usize::from(rule));
                let from = from.ok_or(ExplicitError::NoRule)?.matching.source;
                let address = transplant(request.inside.address, from, outside);
                return Ok(ExplicitMapping {
                    outside: Endpoint::new(address, request.inside.port),
                    expires: Instant::MAX,
                    is_renewed: true,
                });
            }
            _ => return Err(ExplicitError::NoRule),
        };
        if let Some(outside) = self.mappings.by_inside(kind, request.inside) {
            if request.only_suggested && !fits(request.suggested, outside) {
                return Err(ExplicitError::NotAvailable);
            }
            let is_renewed = self.explicits.ends.contains_key(&(kind, outside));
            self.mappings.set_explicit(now, kind, outside, true);
            self.explicits.set(kind, outside, expires);
            return Ok(ExplicitMapping {
                outside,
                expires,
                is_renewed,
            });
        }
        self.admit(now, request.inside.address, true)
            .map_err(|_| ExplicitError::Limit)?;
        let new = NewMapping {
            protocol: kind,
            inside: request.inside,
            peer: Ipv4Addr::UNSPECIFIED,
            rule,
            kind: SlotKind::Endpoint,
        };
        let outside = self
            .place(now, request, pool, kind)
            .map_err(|reason| match reason {
                _ if request.only_suggested => ExplicitError::NotAvailable,
                _ => ExplicitError::NoPort,
            })?;
        self.mappings.make(outside, &new);
        self.mappings.set_explicit(now, kind, outside, true);
        self.explicits.set(kind, outside, expires);
        self.subscribers.enter_mapping(request.inside.address);
        bump(&mut self.stats.mappings_created);
        if let Some(mapping) = self.mapping_at(kind, outside) {
            self.mapping_event(NatEvent::MappingCreated { at: now, mapping }, &mapping);
        }
        Ok(ExplicitMapping {
            outside,
            expires,
            is_renewed: false,
        })
    }

    /// Says who may begin sessions through a mapping that was asked for; with no filters, everyone.
    /// Sessions that live stay. Returns whether there is such a mapping.
    pub fn set_filters(
        &mut self,
        protocol: IpProtocol,
        inside: Endpoint,
        filters: Vec<RemoteFilter>,
    ) -> bool {
        let Some(kind) = PortKind::of(protocol) else {
            return false;
        };
        let outside = self.mappings.by_inside(kind, inside);
        let Some(key) = outside.map(|outside| (kind, outside)) else {
            return false;
        };
        if !self.explicits.ends.contains_key(&key) {
            return false;
        }
        if filters.is_empty() {
            self.explicits.filters.remove(&key);
        } else {
            self.explicits.filters.insert(key, filters);
        }
        true
    }

    /// Who may begin sessions through a mapping that was asked for; none for everyone.
    pub fn filters_of(&self, protocol: IpProtocol, inside: Endpoint) -> &[RemoteFilter] {
        PortKind::of(protocol)
            .and_then(|kind| Some((kind, self.mappings.by_inside(kind, inside)?)))
            .and_then(|key| self.explicits.filters.get(&key))
            .map_or(&[], Vec::as_slice)
    }

    /// The outside address that an inside one has, or would have for a new mapping.
    pub fn outside_address_of(&self, inside: Ipv4Addr, protocol: IpProtocol) -> Option<Ipv4Addr> {
        let (rule, action) = self.sharing_rule(inside, protocol)?;
        match action {
            Action::Napt(napt) => {
                let members = &self.pools.get(napt.pool)?.members;
                let pair = self.subscribers.pair(inside, napt.pool);
                self.mappings.address(pair.or(members.first().copied())?)
            }
            Action::Static { outside } => {
                let from = self.config.rules.get(usize::from(rule))?.matching.source;
                Some(transplant(inside, from, outside))
            }
            _ => None,
        }
    }

    /// Takes a port for a new mapping: where it is suggested, or anywhere in the pool.
    fn place(
        &mut self,
        now: Instant,
        request: &ExplicitRequest,
        pool: usize,
        kind: PortKind,
    ) -> Result<Endpoint, DropReason> {
        let Endpoint { address, port } = request.suggested;
        let subscriber = request.inside.address;
        let range = self.config.pools.get(pool).map(|pool| pool.ports.clone());
        let range = range.ok_or(DropReason::NoRule)?;
        let wish = Wish {
            exact: (port != 0).then_some(port),
            ..Wish::any(range)
        };
        let index = match self.subscribers.pair(subscriber, pool) {
            Some(index) => Some(index),
            None => self.mappings.index_of(address).filter(|index| {
                let members = self.pools.get(pool).map(|pool| &pool.members);
                members.is_some_and(|members| members.binary_search(index).is_ok())
            }),
        };
        if request.only_suggested {
            if port == 0 || !wish.range.contains(&port) {
                return Err(DropReason::NoPort);
            }
            let at = if address.is_unspecified() {
                let first = self.pools.get(pool).and_then(|pool| pool.members.first());
                let index = index.or(first.copied()).ok_or(DropReason::NoPort)?;
                self.mappings.address(index).ok_or(DropReason::NoPort)?
            } else if index.and_then(|index| self.mappings.address(index)) == Some(address) {
                address
            } else {
                return Err(DropReason::NoPort);
            };
            let outside = Endpoint::new(at, port);
            let taken = self.take_port_at(now, pool, kind, outside, subscriber);
            return taken.ok_or(DropReason::NoPort);
        }
        let taken = match index {
            Some(index) if !self.partitions.contains_key(&pool) => {
                self.mappings
                    .take(now, index, kind, &wish, &mut self.random)
            }
            _ => self.take_port(now, pool, kind, &wish, subscriber),
        };
        taken.ok_or(DropReason::NoPort)
    }

    /// The first rule that gives an inside address a place outside, whatever the destination.
    fn sharing_rule(&self, inside: Ipv4Addr, protocol: IpProtocol) -> Option<(u16, Action)> {
        let rules = (0u16..).zip(&self.config.rules);
        let mut rules = rules.filter(|(_, rule)| {
            rule.matching.source.contains(inside)
                && rule.matching.protocol.is_none_or(|only| only == protocol)
        });
        rules.find_map(|(index, rule)| match &rule.action {
            action @ (Action::Napt(_) | Action::Static { .. }) => Some((index, action.clone())),
            _ => None,
        })
    }

    /// Ends a mapping that was asked for; it goes when it has no sessions. Returns whether there
    /// was one.
    pub fn close_mapping(&mut self, now: Instant, protocol: IpProtocol, inside: Endpoint) -> bool {
        let now = self.advance(now);
        let Some(kind) = PortKind::of(protocol) else {
            return false;
        };
        let Some(outside) = self.mappings.by_inside(kind, inside) else {
            return false;
        };
        if !self.explicits.ends.contains_key(&(kind, outside)) {
            return false;
        }
        self.close_explicit(now, kind, outside);
        true
    }

    fn close_explicit(&mut self, now: Instant, kind: PortKind, outside: Endpoint) {
        self.explicits.clear(kind, outside);
        let held = self.mappings.set_explicit(now, kind, outside, false);
        self.after_release(now, kind, held);
    }

    /// Mappings that were asked for, and when they end.
    pub fn explicit_mappings(&self) -> impl Iterator<Item = (MappingInfo, Instant)> + '_ {
        let ends = self.explicits.ends.iter();
        ends.filter_map(|((kind, outside), deadline)| {
            Some((self.mapping_at(*kind, *outside)?, *deadline))
        })
    }

    /// How an inside endpoint is mapped for all destinations, if it is.
    pub fn mapping_of(&self, protocol: IpProtocol, inside: Endpoint) -> Option<MappingInfo> {
        let kind = PortKind::of(protocol)?;
        self.mapping_at(kind, self.mappings.by_inside(kind, inside)?)
    }

    /// Ends the mappings whose time has come.
    pub(super) fn expire_explicit(&mut self, now: Instant) {
        while let Some(&(deadline, kind, outside)) = self.explicits.deadlines.first()
            && deadline <= now
        {
            self.close_explicit(now, kind, outside);
        }
    }
}

/// Whether an endpoint is what was suggested, where 0 fits anything.
fn fits(suggested: Endpoint, outside: Endpoint) -> bool {
    (suggested.address.is_unspecified() || suggested.address == outside.address)
        && (suggested.port == 0 || suggested.port == outside.port)
}
