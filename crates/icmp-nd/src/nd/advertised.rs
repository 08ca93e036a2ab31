//! Router Advertisements and Redirects: what routers tell a host.

use super::config::Role;
use super::interface::Interface;
use super::parameters;
use super::report::{Discard, Event, Parameter};
use super::routes::{Change, Route};
use crate::address::{AdvertisedPrefix, Lifetime};
use crate::validation::ValidNd;
use crate::wire::{NdOption, PrefixInformation, Redirect, RouterAdvertisement, RouterPreference};
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::Ipv6Prefix;

/// Milliseconds that a ReachableTime or RetransTimer may have: one hour (RFC 4861 §6.2.1).
const MAX_MILLISECONDS: u32 = 3_600_000;

/// Octets of the smallest MTU under IPv6.
const MIN_MTU: u32 = 1280;

impl Interface {
    /// RFC 4861 §6.3.4.
    pub(super) fn router_advertisement(
        &mut self,
        now: Instant,
        valid: &ValidNd<'_>,
        message: &RouterAdvertisement<'_>,
    ) -> Result<(), Discard> {
        if self.config.role == Role::Router {
            return Err(Discard::OtherRole);
        }
        if !self.config.accept_router_advertisements {
            return Err(Discard::SwitchedOff);
        }
        let router = valid.source();
        let link_address = self.check_link_address(message.options().source_mac())?;
        if !self.router_advertisement_bucket.take(now) {
            self.stats.router_advertisements_limited += 1;
            return Err(Discard::RateLimited);
        }
        self.stats.router_advertisements += 1;
        // RFC 4861 §6.3.4 MUST (stale): an entry that is made or changed is STALE.
        // RFC 4861 §6.3.4 MUST (is-router): and IsRouter is true, with the option or without.
        self.heard(now, router, link_address, Some(true));
        self.default_router(now, router, message);
        self.link_parameters(message);
        for option in &message.options() {
            self.advertised_option(now, valid, option);
        }
        Ok(())
    }

    fn default_router(
        &mut self,
        now: Instant,
        router: Ipv6Addr,
        message: &RouterAdvertisement<'_>,
    ) {
        let seconds = message.router_lifetime();
        let lifetime = Lifetime::from_secs(u32::from(seconds));
        self.set_route(now, router, Ipv6Prefix::ALL, message.preference(), lifetime);
        if seconds > 0 {
            self.solicitor.stop();
        }
        let flags = (message.is_managed(), message.has_other_configuration());
        if flags != self.dhcpv6 {
            self.dhcpv6 = flags;
            let (managed, other) = flags;
            self.push_event(Event::Dhcpv6 { managed, other });
        }
    }

    fn set_route(
        &mut self,
        now: Instant,
        router: Ipv6Addr,
        prefix: Ipv6Prefix,
        preference: RouterPreference,
        lifetime: Lifetime,
    ) {
        let route = Route::new(prefix, router, preference);
        let is_default = prefix == Ipv6Prefix::ALL;
        match self
            .lists
            .set_route(now, route, lifetime, &self.config.limits)
        {
            Change::Nothing => {}
            Change::Updated => self.destinations.forget_selected(),
            Change::Added => {
                self.destinations.forget_selected();
                self.neighbors.set_pinned(router, true);
                self.push_event(if is_default {
                    Event::DefaultRouterAdded { router, preference }
                } else {
                    Event::RouteAdded { prefix, router }
                });
            }
            Change::Removed => self.route_is_gone(&route),
            Change::Full if is_default => self.stats.default_routers_full += 1,
            Change::Full => self.stats.routes_full += 1,
        }
    }

    /// Hop limit and times. Zero says nothing.
    fn link_parameters(&mut self, message: &RouterAdvertisement<'_>) {
        let hop_limit = message.cur_hop_limit();
        if hop_limit >= self.config.min_hop_limit.max(1) {
            // RFC 4861 §6.3.4 SHOULD (hop-limit): CurHopLimit takes the value.
            self.hop_limit = hop_limit;
        } else if hop_limit > 0 {
            self.stats.hop_limit_ignored += 1;
        }
        match message.reachable_time() {
            0 => {}
            millis if millis > MAX_MILLISECONDS => self.stats.times_ignored += 1,
            millis => {
                let base = Duration::from_millis(u64::from(millis));
                // RFC 4861 §6.3.4 SHOULD (reachable-time): a new value is drawn when the base changes.
                if base != self.base_reachable_time {
                    self.set_base_reachable_time(base);
                }
            }
        }
        match message.retrans_timer() {
            0 => {}
            millis if millis > MAX_MILLISECONDS => self.stats.times_ignored += 1,
            // RFC 4861 §6.3.4 SHOULD (retrans-timer): RetransTimer takes the value.
            millis => self.set_retrans_timer(Duration::from_millis(u64::from(millis))),
        }
    }

    fn advertised_option(&mut self, now: Instant, valid: &ValidNd<'_>, option: NdOption<'_>) {
        let router = valid.source();
        match option {
            NdOption::PrefixInformation(it) => self.advertised_prefix(now, valid, &it),
            NdOption::Mtu(mtu) => self.advertised_mtu(mtu),
            NdOption::RouteInformation(it) => {
                let lifetime = Lifetime::from_secs(it.lifetime);
                self.set_route(now, router, it.prefix, it.preference, lifetime);
            }
            NdOption::RecursiveDnsServers(it) => {
                let lifetime = Lifetime::from_secs(it.lifetime());
                for server in it.servers() {
                    self.parameter(now, &Parameter::DnsServer(server), router, lifetime);
                }
            }
            NdOption::DnsSearchList(it) => {
                let lifetime = Lifetime::from_secs(it.lifetime());
                for domain in it.domains() {
                    let domain = Parameter::SearchDomain(domain.to_owned());
                    self.parameter(now, &domain, router, lifetime);
                }
            }
            NdOption::CaptivePortal(uri) => {
                // The option has no lifetime: it lasts while the router is one.
                let lifetime = self.lists.routes.iter().find(|it| it.router == router);
                let lifetime = lifetime.map(|it| Lifetime::remaining(it.until, now));
                let lifetime = lifetime.unwrap_or(Lifetime::ZERO);
                let portal = Parameter::CaptivePortal(uri.into());
                self.parameter(now, &portal, router, lifetime);
            }
            NdOption::Pref64(it) => {
                let lifetime = Lifetime::from_secs(u32::from(it.lifetime));
                let prefix = Parameter::Nat64Prefix(it.prefix);
                self.parameter(now, &prefix, router, lifetime);
            }
            NdOption::Invalid(_) => self.stats.options_ignored += 1,
            // RFC 4861 §6.1.2 MUST (other-options): options that do not belong here are ignored.
            _ => {}
        }
    }

    fn advertised_prefix(&mut self, now: Instant, valid: &ValidNd<'_>, it: &PrefixInformation) {
        let prefix = it.prefix();
        let network = prefix.network();
        // RFC 4861 §6.3.4 SHOULD (link-local-prefix): the link-local prefix is not advertised, and ignored.
        if network.is_unicast_link_local() || network.is_multicast() {
            self.stats.options_ignored += 1;
            return;
        }
        if it.on_link {
            let lifetime = Lifetime::from_secs(it.valid_lifetime);
            match self
                .lists
                .set_prefix(now, prefix, lifetime, &self.config.limits)
            {
                Change::Nothing | Change::Updated => {}
                Change::Added => {
                    self.destinations.forget_selected();
                    self.push_event(Event::PrefixAdded(prefix));
                }
                Change::Removed => {
                    self.destinations.forget_selected();
                    self.push_event(Event::PrefixRemoved(prefix));
                }
                Change::Full => self.stats.prefixes_full += 1,
            }
        }
        // RFC 4861 §6.3.4 MUST NOT (no-l-flag): a clear L flag says nothing about the prefix.
        if it.autonomous {
            let advertised = AdvertisedPrefix {
                prefix: it.address,
                prefix_length: it.prefix_length,
                autonomous: true,
                valid: Lifetime::from_secs(it.valid_lifetime),
                preferred: Lifetime::from_secs(it.preferred_lifetime),
                router: valid.source(),
                multicast: valid.destination().is_multicast(),
                authenticated: false,
            };
            // Why it is ignored is in the table's own counters.
            let _ = self.addresses.handle_prefix(now, &advertised);
        }
    }

    fn advertised_mtu(&mut self, mtu: u32) {
        // RFC 4861 §6.3.4 SHOULD (mtu): LinkMTU takes the value, when it is not below 1280 nor above the
        // link's own.
        if !(MIN_MTU..=self.config.link_mtu).contains(&mtu) {
            self.stats.mtu_ignored += 1;
        } else if mtu != self.link_mtu {
            self.link_mtu = mtu;
            self.push_event(Event::LinkMtu(mtu));
        }
    }

    fn parameter(
        &mut self,
        now: Instant,
        parameter: &Parameter,
        router: Ipv6Addr,
        lifetime: Lifetime,
    ) {
        let max = self.config.limits.max_parameters;
        match self.parameters.set(now, parameter, router, lifetime, max) {
            parameters::Change::Nothing => {}
            parameters::Change::Added => {
                self.push_event(Event::ParameterAdded(parameter.clone()));
            }
            parameters::Change::Removed => {
                self.push_event(Event::ParameterRemoved(parameter.clone()));
            }
            parameters::Change::Full => self.stats.parameters_full += 1,
        }
    }

    /// RFC 4861 §8.3.
    pub(super) fn redirect(
        &mut self,
        now: Instant,
        valid: &ValidNd<'_>,
        message: &Redirect<'_>,
    ) -> Result<(), Discard> {
        // RFC 4861 §8.2 MUST NOT: a router does not change its routes for a Redirect.
        if self.config.role == Role::Router {
            return Err(Discard::OtherRole);
        }
        if !self.config.accept_redirects {
            return Err(Discard::SwitchedOff);
        }
        let (source, destination, target) =
            (valid.source(), message.destination(), message.target());
        let own = |address| self.addresses.get(address).is_some();
        if own(destination) || own(target) {
            return Err(Discard::RedirectToSelf);
        }
        let link_address = self.check_link_address(message.options().target_mac())?;
        // RFC 4861 §8.1 MUST (first-hop): it comes from the present first hop to the destination.
        if self.first_hop(destination) != Some(source) {
            return Err(Discard::NotFirstHop(source));
        }
        if !self.redirect_bucket.take(now) {
            self.stats.redirects_limited += 1;
            return Err(Discard::RateLimited);
        }
        if !self.destinations.redirect(destination, target) {
            return Err(Discard::TooManyRedirects);
        }
        self.stats.redirects += 1;
        // RFC 4861 §8.3 SHOULD (entry): the target's link-layer address makes or updates an entry.
        // RFC 4861 §8.3 MUST (stale): which is STALE then.
        // RFC 4861 §8.3 MUST (is-router): a target that is not the destination is a router.
        let is_router = (target != destination).then_some(true);
        self.heard(now, target, link_address, is_router);
        self.push_event(Event::Redirected {
            destination,
            target,
        });
        Ok(())
    }
}
