//! What an interface makes of the messages that it receives.

use super::ALL_NODES;
use super::config::Role;
use super::interface::Interface;
use super::report::{Discard, Event};
use super::transmit::Advertisement;
use crate::address::{AdvertisementVerdict, SolicitationVerdict, SolicitedTarget};
use crate::neighbor::{Actions, Advertised, State};
use crate::validation::{self, MldError, ValidNd};
use crate::wire::{NdMessage, NeighborAdvertisement, NeighborSolicitation, RouterSolicitation};
use packet_buffer::Instant;
use packet_buffer::wire::{Ipv6Packet, MacAddr, UpperLayer};

impl Interface {
    /// A Neighbor Discovery or multicast listener message has arrived: `packet` is for one of this interface's addresses or
    /// groups, and carries `upper` behind its extension headers. One that was put together from
    /// fragments must not come here (RFC 6980).
    ///
    /// # Errors
    ///
    /// Why it was ignored; the state is unchanged, and a counter tells.
    pub fn handle_input(
        &mut self,
        now: Instant,
        packet: &Ipv6Packet<'_>,
        upper: &UpperLayer<'_>,
    ) -> Result<(), Discard> {
        let now = self.advance(now);
        let result = self.receive(now, packet, upper);
        match &result {
            Ok(()) => self.settle(),
            Err(discard) => self.stats.count(discard),
        }
        result
    }

    fn receive(
        &mut self,
        now: Instant,
        packet: &Ipv6Packet<'_>,
        upper: &UpperLayer<'_>,
    ) -> Result<(), Discard> {
        match validation::mld(packet, upper) {
            Err(MldError::NotMld) => {}
            Err(error) => return Err(Discard::InvalidListener(error)),
            Ok(_) if self.addresses.is_disabled() => return Err(Discard::Disabled),
            Ok(valid) => {
                let result = self.listener.handle_input(now, &valid);
                return result.map_err(Discard::Listener);
            }
        }
        let valid = validation::nd(packet, upper, &self.config.limits.message)?;
        if self.addresses.is_disabled() {
            return Err(Discard::Disabled);
        }
        if self.addresses.is_local(valid.source()) {
            return Err(Discard::OwnSource);
        }
        match valid.message() {
            NdMessage::RouterSolicitation(it) => self.router_solicitation(now, &valid, it),
            NdMessage::RouterAdvertisement(it) => self.router_advertisement(now, &valid, it),
            NdMessage::NeighborSolicitation(it) => self.neighbor_solicitation(now, &valid, it),
            NdMessage::NeighborAdvertisement(it) => self.neighbor_advertisement(now, it),
            NdMessage::Redirect(it) => self.redirect(now, &valid, it),
        }
    }

    /// A link-layer address that an option tells, if it can be another station's.
    pub(super) fn check_link_address(
        &self,
        link_address: Option<MacAddr>,
    ) -> Result<Option<MacAddr>, Discard> {
        match link_address {
            Some(it) if !it.is_unicast() => Err(Discard::LinkAddress),
            _ => Ok(link_address),
        }
    }

    /// RFC 4861 §6.2.6.
    fn router_solicitation(
        &mut self,
        now: Instant,
        valid: &ValidNd<'_>,
        message: &RouterSolicitation<'_>,
    ) -> Result<(), Discard> {
        // RFC 4861 §6.2.6 MUST (host): a host discards Router Solicitations.
        if self.config.role == Role::Host {
            return Err(Discard::OtherRole);
        }
        let source = valid.source();
        let link_address = self.check_link_address(message.options().source_mac())?;
        if !source.is_unspecified() {
            // RFC 4861 §6.2.6 MUST (is-router): who asks for routers is none.
            self.heard(now, source, link_address, Some(false));
        }
        self.stats.router_solicitations += 1;
        self.push_event(Event::RouterSolicited { source });
        Ok(())
    }

    /// RFC 4861 §7.2.3.
    fn neighbor_solicitation(
        &mut self,
        now: Instant,
        valid: &ValidNd<'_>,
        message: &NeighborSolicitation<'_>,
    ) -> Result<(), Discard> {
        let (source, target) = (valid.source(), message.target());
        let link_address = self.check_link_address(message.options().source_mac())?;
        let solicited = SolicitedTarget {
            target,
            source,
            nonce: message.options().nonce(),
        };
        let is_proxied = self.proxied.contains(&target);
        let (overrides, delayed) = match self.addresses.handle_solicitation(now, &solicited) {
            SolicitationVerdict::Advertise {
                override_flag,
                anycast,
            } => (override_flag, anycast),
            // RFC 4861 §7.2.8 SHOULD (proxy): a proxy's answer does not override, and waits.
            SolicitationVerdict::NotOurs if is_proxied => (false, true),
            // RFC 4861 §7.2.3 MUST (target): the target is an address of the interface, or one for which
            // it is a proxy; otherwise the solicitation is silently discarded.
            SolicitationVerdict::NotOurs => return Err(Discard::NotTarget(target)),
            SolicitationVerdict::Tentative => return Err(Discard::TentativeTarget(target)),
            SolicitationVerdict::Looped => {
                self.stats.looped += 1;
                return Ok(());
            }
            SolicitationVerdict::Duplicate => return Ok(()),
        };
        self.stats.neighbor_solicitations += 1;
        if !source.is_unspecified() {
            // RFC 4861 §7.2.3 SHOULD (entry): the sender's link-layer address makes or updates an entry.
            // RFC 4861 §7.2.3 MUST (stale): an entry that is made or changed so is STALE.
            // RFC 4861 §7.2.3 MUST NOT (is-router): IsRouter stays as it is.
            self.heard(now, source, link_address, None);
        }
        let mut advertisement = Advertisement::unsolicited(target, overrides);
        if source.is_unspecified() {
            // RFC 4861 §7.2.4 MUST (unspecified): the answer to an unnamed node goes to all nodes,
            // unsolicited.
            advertisement.destination = ALL_NODES;
        } else {
            // RFC 4861 §7.2.4 MUST (solicited): otherwise to the source, solicited.
            advertisement.destination = source;
            advertisement.solicited = true;
        }
        if delayed {
            self.delay_advertisement(now, advertisement);
        } else {
            self.send_advertisement(now, advertisement);
        }
        Ok(())
    }

    /// RFC 4861 §7.2.5.
    fn neighbor_advertisement(
        &mut self,
        now: Instant,
        message: &NeighborAdvertisement<'_>,
    ) -> Result<(), Discard> {
        let target = message.target();
        let link_address = self.check_link_address(message.options().target_mac())?;
        if self.addresses.get(target).is_some() {
            if link_address == Some(self.link_address()) {
                return Err(Discard::Looped);
            }
            match self.addresses.handle_advertisement(now, target) {
                AdvertisementVerdict::Duplicate | AdvertisementVerdict::Conflict => {
                    self.stats.neighbor_advertisements += 1;
                    return Ok(());
                }
                AdvertisementVerdict::NotOurs | AdvertisementVerdict::Anycast => {}
            }
        }
        let advertised = Advertised {
            solicited: message.is_solicited(),
            overrides: message.is_override(),
            is_router: message.is_router(),
            link_address,
        };
        let before = self.neighbors.get(target).map(|it| it.state());
        let actions = self.neighbors.advertised(now, target, &advertised);
        match before {
            None => return Err(Discard::Unasked(target)),
            Some(State::Incomplete) if actions == Actions::NONE => {
                return Err(Discard::Unasked(target));
            }
            Some(_) => {}
        }
        self.stats.neighbor_advertisements += 1;
        Ok(())
    }
}
