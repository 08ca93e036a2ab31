//! IPv4 routes of a host (RFC 1122 §3.3.1).

use crate::arp::Arp;
use crate::nd::Destinations;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::wire::Ipv4Prefix;
use packet_buffer::{Instant, RandomSource};

/// A route through a gateway on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Route {
    /// Where to; [`Ipv4Prefix::ALL`] for a default gateway.
    pub prefix: Ipv4Prefix,
    /// Through whom.
    pub gateway: Ipv4Addr,
    /// Until when the gateway is avoided, since it did not answer.
    dead_until: Option<Instant>,
}

/// The routes, and next hops found.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) routes: Vec<Ipv4Route>,
    pub(super) destinations: Destinations<Ipv4Addr>,
    max: usize,
}

impl Routes {
    pub(super) fn new(limits: &super::HostLimits, random: &mut dyn RandomSource) -> Self {
        let (max, redirected) = (limits.max_destinations, limits.max_redirected);
        Self {
            routes: Vec::new(),
            destinations: Destinations::new(max, redirected, random),
            max: limits.max_routes,
        }
    }

    pub(super) fn add(&mut self, prefix: Ipv4Prefix, gateway: Ipv4Addr) -> bool {
        let same = |it: &Ipv4Route| it.prefix == prefix && it.gateway == gateway;
        if self.routes.iter().any(same) {
            return true;
        }
        let has_room = self.routes.len() < self.max;
        if has_room {
            self.routes.push(Ipv4Route {
                prefix,
                gateway,
                dead_until: None,
            });
            self.destinations.forget_selected();
        }
        has_room
    }

    pub(super) fn remove(&mut self, prefix: Ipv4Prefix, gateway: Ipv4Addr) -> bool {
        let before = self.routes.len();
        self.routes
            .retain(|it| it.prefix != prefix || it.gateway != gateway);
        self.destinations.forget_selected();
        self.destinations.forget_redirects_to(gateway);
        before != self.routes.len()
    }

    pub(super) fn next_hop(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        arp: &Arp,
    ) -> Option<Ipv4Addr> {
        if let Some(next_hop) = self.destinations.next_hop(destination) {
            return Some(next_hop);
        }
        let next_hop = self.choose(now, destination, arp)?;
        self.destinations.insert(destination, next_hop);
        Some(next_hop)
    }

    /// The present first hop, without a trace.
    pub(super) fn first_hop(
        &self,
        now: Instant,
        destination: Ipv4Addr,
        arp: &Arp,
    ) -> Option<Ipv4Addr> {
        let known = self.destinations.peek(destination);
        known.or_else(|| self.choose(now, destination, arp))
    }

    // RFC 1122 §3.3.1.1 MUST (local): what is on the link goes there directly, all else through a gateway.
    fn choose(&self, now: Instant, destination: Ipv4Addr, arp: &Arp) -> Option<Ipv4Addr> {
        if arp.is_on_link(destination) {
            return Some(destination);
        }
        let matching = || {
            let routes = self.routes.iter();
            routes.filter(|it| it.prefix.contains(destination) && arp.is_on_link(it.gateway))
        };
        let longest = matching().map(|it| it.prefix.length()).max()?;
        let best = || matching().filter(|it| it.prefix.length() == longest);
        // RFC 1122 §3.3.1.4 MUST (dead-gateway): a gateway that has failed is not used while there is
        // another.
        let alive = |it: &&Ipv4Route| it.dead_until.is_none_or(|until| until <= now);
        let route = best().find(alive).or_else(|| best().next())?;
        Some(route.gateway)
    }

    /// A neighbor did not answer ARP.
    pub(super) fn is_dead(&mut self, now: Instant, neighbor: Ipv4Addr, interval: Duration) {
        self.destinations.forget_redirects_to(neighbor);
        let mut found = false;
        for route in &mut self.routes {
            if route.gateway == neighbor {
                route.dead_until = Some(now + interval);
                found = true;
            }
        }
        if found {
            self.destinations.forget_selected();
        }
    }
}
