//! Prefix list, default router list and routes: the lists that Router Advertisements fill.

use super::config::InterfaceLimits;
use crate::address::Lifetime;
use crate::wire::RouterPreference;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::Ipv6Prefix;

/// An entry of the prefix list: addresses of the prefix are on the link (RFC 4861 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnLinkPrefix {
    /// The prefix.
    pub prefix: Ipv6Prefix,
    /// Until when; `None` for ever.
    pub until: Option<Instant>,
}

/// A route through a neighbor: an entry of the default router list where the prefix is `::/0`, or
/// one of RFC 4191.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub prefix: Ipv6Prefix,
    /// The router's link-local address.
    pub router: Ipv6Addr,
    /// How much it wants to be used.
    pub preference: RouterPreference,
    /// Until when; `None` for ever.
    pub until: Option<Instant>,
    /// When it was last checked whether the router, which another was taken instead of, is back.
    pub(super) probed: Option<Instant>,
}

/// What became of an advertised entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Added,
    /// Its preference is another.
    Updated,
    Removed,
    Full,
}

/// A host probes a router that it avoids at this interval (RFC 4191 §3.5).
const PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// The lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    pub(super) prefixes: Vec<OnLinkPrefix>,
    /// Those of the caller, which no router can take back.
    pub(super) configured: Vec<Ipv6Prefix>,
    pub(super) routes: Vec<Route>,
    /// Counts on while no router is known to be reachable.
    round_robin: usize,
    /// The earliest end of an entry.
    pub(super) deadline: Option<Instant>,
}

/// What route selection has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) router: Ipv6Addr,
    best: Key,
    /// `None` when no router is known to be reachable: the next packet takes another.
    pub(super) taken: Option<Key>,
}

/// Prefix length and preference: the higher the better.
pub(super) type Key = (u8, u8);

fn key(route: &Route) -> Key {
    let rank = match route.preference {
        RouterPreference::Low => 0,
        RouterPreference::Medium => 1,
        RouterPreference::High => 2,
    };
    (route.prefix.length(), rank)
}

impl Lists {
    /// RFC 4861 §6.3.4: an option with the L flag.
    pub(super) fn set_prefix(
        &mut self,
        now: Instant,
        prefix: Ipv6Prefix,
        lifetime: Lifetime,
        limits: &InterfaceLimits,
    ) -> Change {
        let known = self.prefixes.iter().position(|it| it.prefix == prefix);
        let change = match known {
            // RFC 4861 §6.3.4 MUST (prefix-timeout): a lifetime of zero times the prefix out at once.
            Some(at) if lifetime.is_zero() => {
                self.prefixes.remove(at);
                Change::Removed
            }
            Some(at) => {
                if let Some(entry) = self.prefixes.get_mut(at) {
                    entry.until = lifetime.until(now);
                }
                Change::Nothing
            }
            // RFC 4861 §6.3.4 MUST (prefix-zero): an unknown prefix with a lifetime of zero is ignored.
            None if lifetime.is_zero() => Change::Nothing,
            None if self.prefixes.len() >= limits.max_prefixes => Change::Full,
            None => {
                let until = lifetime.until(now);
                self.prefixes.push(OnLinkPrefix { prefix, until });
                Change::Added
            }
        };
        self.find_deadline();
        change
    }

    /// RFC 4861 §6.3.4 for `::/0`, and RFC 4191 §3.1 for the others.
    pub(super) fn set_route(
        &mut self,
        now: Instant,
        route: Route,
        lifetime: Lifetime,
        limits: &InterfaceLimits,
    ) -> Change {
        let same = |it: &Route| it.prefix == route.prefix && it.router == route.router;
        let known = self.routes.iter().position(same);
        let is_default = |it: &&Route| it.prefix == Ipv6Prefix::ALL;
        let defaults = self.routes.iter().filter(is_default).count();
        let is_full = if is_default(&&route) {
            defaults >= limits.max_default_routers
        } else {
            self.routes.len() - defaults >= limits.max_routes
        };
        let change = match known {
            // RFC 4861 §6.3.4 MUST (lifetime-zero): a router lifetime of zero times the entry out at once.
            Some(at) if lifetime.is_zero() => {
                self.routes.remove(at);
                Change::Removed
            }
            Some(at) => match self.routes.get_mut(at) {
                Some(entry) => {
                    entry.until = lifetime.until(now);
                    let old = core::mem::replace(&mut entry.preference, route.preference);
                    if old == route.preference {
                        Change::Nothing
                    } else {
                        Change::Updated
                    }
                }
                None => Change::Nothing,
            },
            None if lifetime.is_zero() => Change::Nothing,
            None if is_full => Change::Full,
            None => {
                self.routes.push(Route {
                    until: lifetime.until(now),
                    ..route
                });
                Change::Added
            }
        };
        self.find_deadline();
        change
    }

    /// Removes an entry whose time is over.
    pub(super) fn expired_prefix(&mut self, now: Instant) -> Option<Ipv6Prefix> {
        let due = |it: &OnLinkPrefix| it.until.is_some_and(|until| until <= now);
        let at = self.prefixes.iter().position(due)?;
        let prefix = self.prefixes.remove(at).prefix;
        self.find_deadline();
        Some(prefix)
    }

    /// Removes an entry whose time is over.
    pub(super) fn expired_route(&mut self, now: Instant) -> Option<Route> {
        self.remove_route(|it| it.until.is_some_and(|until| until <= now))
    }

    /// Removes an entry through `router`, which is no router any more.
    pub(super) fn route_through(&mut self, router: Ipv6Addr) -> Option<Route> {
        self.remove_route(|it| it.router == router)
    }

    fn remove_route(&mut self, which: impl Fn(&Route) -> bool) -> Option<Route> {
        let at = self.routes.iter().position(which)?;
        let route = self.routes.remove(at);
        self.find_deadline();
        Some(route)
    }

    pub(super) fn is_router(&self, address: Ipv6Addr) -> bool {
        self.routes.iter().any(|it| it.router == address)
    }

    /// Forgets what was learned.
    pub(super) fn clear(&mut self) {
        *self = Self {
            configured: core::mem::take(&mut self.configured),
            ..Self::default()
        };
    }

    /// Whether a packet to `destination` needs no router.
    pub(super) fn is_on_link(&self, destination: Ipv6Addr) -> bool {
        // RFC 4861 §5.1 MUST (link-local-prefix): the link-local prefix is always on the list, and lasts.
        destination.is_unicast_link_local()
            || self
                .prefixes
                .iter()
                .any(|it| it.prefix.contains(destination))
            || self.configured.iter().any(|it| it.contains(destination))
    }

    /// Finds the router for a destination that is not on the link: among those that are reachable
    /// or probably so, the longest prefix, then the highest preference, then, with `spread`, one
    /// that the destination picks, else the one that was there first. When none of them is, all
    /// take turns.
    // RFC 4191 §3.2 MUST (longest): the longest prefix that matches, then the preference.
    // RFC 4191 §3.2 MUST (reachable): a reachable router is preferred to one that is not.
    pub(super) fn choose(
        &self,
        destination: Ipv6Addr,
        spread: Option<u64>,
        is_reachable: impl Fn(Ipv6Addr) -> bool,
    ) -> Option<Chosen> {
        let matching = || {
            let routes = self.routes.iter();
            routes.filter(|it| it.prefix.contains(destination))
        };
        let best = matching().map(key).max()?;
        let reachable = || matching().filter(|it| is_reachable(it.router));
        let Some(taken) = reachable().map(key).max() else {
            // RFC 4861 §6.3.6 SHOULD (round-robin): when none is known to be reachable, each is tried
            // before one comes again.
            let turn = self.round_robin.checked_rem(matching().count());
            return Some(Chosen {
                router: matching().nth(turn.unwrap_or(0))?.router,
                best,
                taken: None,
            });
        };
        let equal = || reachable().filter(|it| key(it) == taken);
        // RFC 4311 §3 SHOULD: equal routers share the destinations, each destination staying with one.
        let turn = match (spread, u64::try_from(equal().count())) {
            (Some(hash), Ok(count)) => hash.checked_rem(count).unwrap_or(0),
            _ => 0,
        };
        Some(Chosen {
            router: equal().nth(usize::try_from(turn).unwrap_or(0))?.router,
            best,
            taken: Some(taken),
        })
    }

    /// The next of routers that take turns.
    pub(super) const fn next_turn(&mut self) {
        self.round_robin = self.round_robin.wrapping_add(1);
    }

    /// RFC 4191 §3.5: a router that would have been better but does not answer is asked once in a
    /// minute whether it is back.
    pub(super) fn router_to_probe(
        &mut self,
        now: Instant,
        destination: Ipv6Addr,
        chosen: &Chosen,
        is_reachable: impl Fn(Ipv6Addr) -> bool,
    ) -> Option<Ipv6Addr> {
        let taken = chosen.taken.filter(|&taken| taken != chosen.best)?;
        let better = |it: &&mut Route| {
            it.prefix.contains(destination)
                && key(it) > taken
                && !is_reachable(it.router)
                && it
                    .probed
                    .is_none_or(|probed| now - probed >= PROBE_INTERVAL)
        };
        let route = self.routes.iter_mut().find(better)?;
        route.probed = Some(now);
        Some(route.router)
    }

    fn find_deadline(&mut self) {
        let prefixes = self.prefixes.iter().filter_map(|it| it.until);
        let routes = self.routes.iter().filter_map(|it| it.until);
        self.deadline = prefixes.chain(routes).min();
    }
}

impl Route {
    pub(super) const fn new(
        prefix: Ipv6Prefix,
        router: Ipv6Addr,
        preference: RouterPreference,
    ) -> Self {
        Self {
            prefix,
            router,
            preference,
            until: None,
            probed: None,
        }
    }
}
