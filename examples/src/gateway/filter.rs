//! The firewall's part of the way: what it is asked, and what it sends.
#![expect(
    clippy::indexing_slicing,
    reason = "interfaces are checked when a packet comes in, and routes when the gateway is made"
)]

use super::{Cause, Gateway, GatewayConfig, Interface, Outcome, Route, Transit};
use core::net::IpAddr;
use flow_state::{FlowPacket, Transport};
use nat::Side;
use packet_buffer::wire::IpPacket;
use packet_buffer::{Instant, PacketBuf};
use stateful_firewall::{Firewall, InterfaceId, Path, Routes, SessionId, Step};

impl Gateway {
    /// Step 5: what the firewall says, unless the packet goes on.
    pub(super) fn filter(
        &mut self,
        now: Instant,
        transit: &Transit,
        egress: Option<usize>,
        packet: &mut PacketBuf,
    ) -> Option<Outcome> {
        self.filter_by(now, transit.ingress, egress, packet, true)
            .map_or_else(Some, |session| {
                let to = self.redirects.as_ref()?.to_proxy(session?, packet)?;
                let packet = core::mem::take(packet);
                Some(self.send(now, to, packet, transit.largest_fragment))
            })
    }

    /// The way of a packet as the firewall is told it.
    pub(super) fn path<'a>(
        config: &'a GatewayConfig,
        ids: &'a [Option<InterfaceId>],
        routes: Option<&'a dyn Routes>,
        (ingress, egress): (usize, Option<usize>),
        packet: &PacketBuf,
    ) -> Path<'a> {
        let id = |interface: usize| ids.get(interface).copied().flatten();
        let is_v6 = matches!(IpPacket::parse(packet.as_slice()), Ok(IpPacket::V6(_)));
        let mut addresses = config.interfaces[ingress].addresses.iter();
        Path {
            ingress: id(ingress),
            egress: egress.and_then(id),
            routes,
            address: addresses
                .find(|address| address.is_ipv6() == is_v6)
                .copied(),
        }
    }

    /// Asks the firewall; the packet's session when it goes on.
    pub(super) fn filter_by(
        &mut self,
        now: Instant,
        ingress: usize,
        egress: Option<usize>,
        packet: &mut PacketBuf,
        has_routes: bool,
    ) -> Result<Option<SessionId>, Outcome> {
        let Some(firewall) = &mut self.firewall else {
            return Ok(None);
        };
        let routes = RoutesById(&self.config.routes, &self.interface_ids);
        let routes: Option<&dyn Routes> = if has_routes { Some(&routes) } else { None };
        let ends = (ingress, egress);
        let path = Self::path(&self.config, &self.interface_ids, routes, ends, packet);
        let mut verdict = firewall.process(now, &path, packet);
        if let stateful_firewall::Verdict::Queue(queue) = verdict
            && let Some(redirects) = &self.redirects
            && redirects.takes(queue, packet, firewall)
        {
            verdict = firewall.admit(now, &path, packet);
            if let stateful_firewall::Verdict::Accept {
                session: Some(session),
                ..
            } = verdict
            {
                redirects.insert(session, packet);
            }
        }
        match verdict {
            stateful_firewall::Verdict::Accept { session, .. } => Ok(session),
            stateful_firewall::Verdict::Held => Err(Outcome::Held),
            stateful_firewall::Verdict::Consumed => Err(Outcome::Local),
            stateful_firewall::Verdict::Queue(queue) => Err(Outcome::Dropped(Cause::Queue(queue))),
            stateful_firewall::Verdict::Reject(reason) => {
                Err(Outcome::Refused(Cause::Firewall(Some(reason))))
            }
            stateful_firewall::Verdict::Drop(reason) => {
                Err(Outcome::Dropped(Cause::Firewall(Some(reason))))
            }
        }
    }

    /// A packet to a host inside by its outside address: answers belong to a session as they come,
    /// everything else as it goes on.
    pub(super) fn filter_hairpin(
        &mut self,
        now: Instant,
        transit: &Transit,
        egress: usize,
        packet: &mut PacketBuf,
    ) -> Option<Outcome> {
        let firewall = self.firewall.as_ref()?;
        let routes = RoutesById(&self.config.routes, &self.interface_ids);
        let ends = (transit.ingress, Some(egress));
        let original = &transit.original;
        let path = Self::path(
            &self.config,
            &self.interface_ids,
            Some(&routes),
            ends,
            original,
        );
        let as_it_came = firewall.explain(now, &path, original.as_slice());
        let (ingress, egress) = (transit.ingress, Some(egress));
        let asked = match as_it_came.steps.last() {
            Some(Step::Refused(reason)) => Err(Outcome::Dropped(Cause::Firewall(Some(*reason)))),
            Some(Step::Session(_) | Step::IcmpError { known: true }) => {
                let mut copy = original.clone();
                self.filter_by(now, ingress, egress, &mut copy, true)
            }
            // The source is the translator's now, whose route is another.
            _ => self.filter_by(now, ingress, egress, packet, false),
        };
        asked.err()
    }

    /// A packet of the proxy's to its client comes from the server instead.
    pub(super) fn as_of_server(&self, mut transit: Transit) -> Transit {
        if let Some(redirects) = &self.redirects
            && redirects.interface() == transit.ingress
            && let Some(server) = redirects.as_of_server(&mut transit.original)
            && let Some(ingress) = self.interface_to(server.ip())
        {
            transit.ingress = ingress;
        }
        transit
    }

    /// What the firewall inside of the translator sends to the outside, or answers to a host inside by
    /// its outside address, is translated as if inside hosts had sent it; false when it is not to
    /// be sent.
    pub(super) fn translate_own(&mut self, now: Instant, packet: &mut PacketBuf) -> bool {
        let Ok(IpPacket::V4(ip)) = IpPacket::parse(packet.as_slice()) else {
            return true;
        };
        let (source, destination) = (IpAddr::V4(ip.source()), IpAddr::V4(ip.destination()));
        let egress = self.interface_to(destination);
        let crosses =
            egress.is_some_and(|egress| self.config.interfaces[egress].side == Side::Outside);
        if self.config.firewall_outside || !crosses && !self.is_pooled(destination) {
            return true;
        }
        let quotes = FlowPacket::parse(packet.as_slice()).ok().and_then(|flow| {
            match flow.transport() {
                // What would come in answer to the quoted packet, so from where that went.
                Transport::IcmpError(error) => error.expected().map(|key| key.source()),
                _ => None,
            }
        });
        // The gateway's own has no inside address in it.
        if self.is_own(source) && quotes.is_none_or(|quoted| self.is_own(quoted)) {
            return true;
        }
        match &mut self.nat {
            Some(nat) => matches!(
                nat.process(now, Side::Inside, packet),
                nat::Verdict::Forward { .. }
            ),
            None => true,
        }
    }
}

/// The firewall's numbers of the interfaces.
pub(super) fn numbers(
    config: &GatewayConfig,
    firewall: Option<&Firewall>,
) -> Vec<Option<InterfaceId>> {
    let number = |interface: &Interface| firewall?.interface(&interface.name);
    config.interfaces.iter().map(number).collect()
}

/// The interface of the longest prefix that an address is in.
pub(super) fn longest_match(routes: &[Route], address: IpAddr) -> Option<usize> {
    let lengths = routes.iter().filter_map(|route| match (route, address) {
        (Route::V4(prefix, to), IpAddr::V4(v4)) if prefix.contains(v4) => {
            Some((prefix.length(), *to))
        }
        (Route::V6(prefix, to), IpAddr::V6(v6)) if prefix.contains(v6) => {
            Some((prefix.length(), *to))
        }
        _ => None,
    });
    // Of equal prefixes the first.
    lengths
        .rev()
        .max_by_key(|(length, _)| *length)
        .map(|(_, interface)| interface)
}

/// The routes, with the firewall's numbers of the interfaces.
pub(super) struct RoutesById<'a>(pub(super) &'a [Route], pub(super) &'a [Option<InterfaceId>]);

impl Routes for RoutesById<'_> {
    fn interface_to(&self, address: IpAddr) -> Option<InterfaceId> {
        let interface = longest_match(self.0, address)?;
        self.1.get(interface).copied().flatten()
    }
}
