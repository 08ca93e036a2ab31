//! What a router advertises (RFC 4861 §6.2.1, RFC 4191, RFC 8106, RFC 8781, RFC 8910).

use crate::wire::{
    DomainName, INFINITE_LIFETIME, NdOptionRepr, Pref64, PrefixInformation, RouteInformation,
    RouterAdvertisement, RouterAdvertisementRepr, RouterPreference,
};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet_buffer::wire::{Ipv6Packet, Ipv6Prefix, MacAddr};
use packet_buffer::{EmitError, Instant};
use thiserror::Error;

/// How long something that is advertised lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// Seconds, the same in every advertisement: it lives as long as it is advertised.
    Fixed(u32),
    /// Until a moment: each advertisement tells fewer seconds, down to zero.
    Until(Instant),
    /// For ever.
    Infinite,
}

impl Lifetime {
    /// What an advertisement at `now` says, in seconds.
    // RFC 4861 §6.2.1 MUST (lifetimes): a value that is fixed, or one that decrements in real time.
    pub fn seconds(self, now: Instant) -> u32 {
        match self {
            Self::Fixed(seconds) => seconds,
            Self::Until(end) => {
                // All ones would mean for ever.
                let left = (end - now).as_secs().min(u64::from(INFINITE_LIFETIME - 1));
                u32::try_from(left).unwrap_or(INFINITE_LIFETIME - 1)
            }
            Self::Infinite => INFINITE_LIFETIME,
        }
    }
}

/// A prefix of the AdvPrefixList.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdvertisedPrefix {
    /// The prefix.
    pub prefix: Ipv6Prefix,
    /// AdvOnLinkFlag. Default: true.
    pub on_link: bool,
    /// AdvAutonomousFlag. Default: true.
    pub autonomous: bool,
    /// The router's whole address instead of the prefix alone (RFC 6275 §7.2), in the prefix.
    pub router_address: Option<Ipv6Addr>,
    /// AdvValidLifetime. Default: 30 days, fixed.
    pub valid_lifetime: Lifetime,
    /// AdvPreferredLifetime, not above AdvValidLifetime. Default: 7 days, fixed.
    pub preferred_lifetime: Lifetime,
}

impl AdvertisedPrefix {
    /// A prefix with the RFC's defaults: on the link, for addresses.
    pub const fn new(prefix: Ipv6Prefix) -> Self {
        Self {
            prefix,
            on_link: true,
            autonomous: true,
            router_address: None,
            valid_lifetime: Lifetime::Fixed(2_592_000),
            preferred_lifetime: Lifetime::Fixed(604_800),
        }
    }

    pub(super) fn to_wire(self, now: Instant) -> PrefixInformation {
        let valid = self.valid_lifetime.seconds(now);
        PrefixInformation {
            address: self.router_address.unwrap_or(self.prefix.network()),
            prefix_length: self.prefix.length(),
            on_link: self.on_link,
            autonomous: self.autonomous,
            router_address: self.router_address.is_some(),
            valid_lifetime: valid,
            preferred_lifetime: self.preferred_lifetime.seconds(now).min(valid),
        }
    }
}

/// A route through this router (RFC 4191 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdvertisedRoute {
    /// Where it goes.
    pub prefix: Ipv6Prefix,
    /// How much this router is preferred for it.
    pub preference: RouterPreference,
    /// How long it is valid; `None` for three times MaxRtrAdvInterval.
    pub lifetime: Option<Lifetime>,
}

/// DNS servers (RFC 8106 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdvertisedDns {
    /// Their addresses, in order of preference, 1 at least.
    pub servers: Vec<Ipv6Addr>,
    /// How long they may be used; `None` for three times MaxRtrAdvInterval.
    pub lifetime: Option<Lifetime>,
}

/// Domains in which names are searched (RFC 8106 §5.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdvertisedSearchList {
    /// Their names, in order, 1 at least.
    pub domains: Vec<DomainName>,
    /// How long they may be used; `None` for three times MaxRtrAdvInterval.
    pub lifetime: Option<Lifetime>,
}

/// The prefix of a NAT64 (RFC 8781).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdvertisedPref64 {
    /// The prefix: 32, 40, 48, 56, 64 or 96 bits.
    pub prefix: Ipv6Prefix,
    /// Seconds, up to 65,528, of which the option tells a multiple of 8; `None` for three times
    /// MaxRtrAdvInterval.
    pub lifetime: Option<u16>,
}

/// The router configuration variables of RFC 4861 §6.2.1, and what later documents add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertiserConfig {
    /// MaxRtrAdvInterval, 4 to 1800 s. Default: 600 s.
    pub max_interval: Duration,
    /// MinRtrAdvInterval, from 3 s to three quarters of `max_interval`. Default (`None`): a third of
    /// `max_interval`, or three quarters where that is below 9 s.
    pub min_interval: Option<Duration>,
    /// AdvManagedFlag: addresses are available by DHCPv6. Default: false.
    pub managed: bool,
    /// AdvOtherConfigFlag: other configuration is available by DHCPv6. Default: false.
    pub other_configuration: bool,
    /// The router is a home agent (RFC 6275 §7.1). Default: false.
    pub home_agent: bool,
    /// AdvLinkMTU, from 1280; `None`, the default, sends no MTU option.
    pub link_mtu: Option<u32>,
    /// AdvReachableTime in milliseconds, up to 3,600,000; 0, the default, says nothing.
    pub reachable_time: u32,
    /// AdvRetransTimer in milliseconds; 0, the default, says nothing.
    pub retrans_timer: u32,
    /// AdvCurHopLimit; 0 says nothing. Default: 64.
    pub cur_hop_limit: u8,
    /// AdvDefaultLifetime: zero for a router that is no default router, or from `max_interval` to
    /// 9000 s. Default (`None`): three times `max_interval`.
    pub default_lifetime: Option<Duration>,
    /// How much this router is preferred as default router (RFC 4191). Default: medium.
    pub preference: RouterPreference,
    /// AdvPrefixList.
    pub prefixes: Vec<AdvertisedPrefix>,
    /// Routes through this router.
    pub routes: Vec<AdvertisedRoute>,
    /// DNS servers.
    pub dns: Vec<AdvertisedDns>,
    /// Search lists.
    pub search_lists: Vec<AdvertisedSearchList>,
    /// The URI of a captive portal's API (RFC 8910).
    pub captive_portal: Option<String>,
    /// NAT64 prefixes.
    pub pref64: Vec<AdvertisedPref64>,
    /// Any further options.
    pub options: Vec<NdOptionRepr<'static>>,
    /// The link-layer address that is told; `None` tells none, for load sharing (RFC 4861 §6.2.3).
    pub link_address: Option<MacAddr>,
    /// Whether a solicitation that has a source is answered to it alone. Default: false, everybody
    /// hears the answer.
    pub unicast_answers: bool,
    /// Answers to single hosts that wait at a time, from 1; beyond, everybody is answered. Default:
    /// 64.
    pub max_unicast_answers: usize,
    /// Final advertisements when the router stops, 1 to MAX_FINAL_RTR_ADVERTISEMENTS, which is 3.
    /// Default: 3.
    pub final_advertisements: u8,
    /// Octets of the longest packet that is sent, from 1280; options that do not fit go into further
    /// advertisements. Default: 1280, what every link takes.
    pub mtu: u32,
}

impl Default for AdvertiserConfig {
    fn default() -> Self {
        Self {
            max_interval: Duration::from_secs(600),
            min_interval: None,
            managed: false,
            other_configuration: false,
            home_agent: false,
            link_mtu: None,
            reachable_time: 0,
            retrans_timer: 0,
            cur_hop_limit: 64,
            default_lifetime: None,
            preference: RouterPreference::Medium,
            prefixes: Vec::new(),
            routes: Vec::new(),
            dns: Vec::new(),
            search_lists: Vec::new(),
            captive_portal: None,
            pref64: Vec::new(),
            options: Vec::new(),
            link_address: None,
            unicast_answers: false,
            max_unicast_answers: 64,
            final_advertisements: Self::MAX_FINAL_RTR_ADVERTISEMENTS,
            mtu: 1280,
        }
    }
}

/// What is wrong with an [`AdvertiserConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AdvertiserConfigError {
    /// MaxRtrAdvInterval is out of its range.
    #[error("max_interval is not from 4 to 1800 seconds")]
    MaxInterval,
    /// MinRtrAdvInterval is out of its range.
    #[error("min_interval is not from 3 seconds to three quarters of max_interval")]
    MinInterval,
    /// AdvReachableTime is out of its range.
    #[error("reachable_time is above 3600000 milliseconds")]
    ReachableTime,
    /// AdvDefaultLifetime is out of its range.
    #[error("default_lifetime is neither zero nor from max_interval to 9000 seconds")]
    DefaultLifetime,
    /// AdvLinkMTU, or the MTU of the interface, is less than every link of IPv6 has.
    #[error("link_mtu or mtu is below 1280 octets")]
    Mtu,
    /// A prefix is preferred for longer than it is valid.
    #[error("the prefix {0} is preferred for longer than it is valid")]
    PrefixLifetimes(Ipv6Prefix),
    /// The link-local prefix, which is not to be advertised.
    #[error("the link-local prefix is not advertised")]
    LinkLocalPrefix,
    /// A prefix that is advertised twice, or a router address outside of its prefix.
    #[error("the prefix {0} is there twice, or its router address is not in it")]
    Prefix(Ipv6Prefix),
    /// An option cannot be written, or is longer than one advertisement.
    #[error("an option cannot be written: {0}")]
    Option(EmitError),
    /// A count is out of its range.
    #[error("max_unicast_answers is 0, or final_advertisements is not from 1 to 3")]
    Counts,
}

impl AdvertiserConfig {
    /// MAX_FINAL_RTR_ADVERTISEMENTS (RFC 4861 §10).
    pub const MAX_FINAL_RTR_ADVERTISEMENTS: u8 = 3;
    /// The longest AdvDefaultLifetime.
    pub const MAX_DEFAULT_LIFETIME: Duration = Duration::from_secs(9_000);

    /// MinRtrAdvInterval, as set or by default.
    pub fn effective_min_interval(&self) -> Duration {
        self.min_interval.unwrap_or_else(|| {
            if self.max_interval >= Duration::from_secs(9) {
                self.max_interval.mul_f32(0.33)
            } else {
                self.max_interval * 3 / 4
            }
        })
    }

    /// AdvDefaultLifetime, as set or by default.
    pub fn effective_default_lifetime(&self) -> Duration {
        let default = self.max_interval * 3;
        self.default_lifetime
            .unwrap_or(default.min(Self::MAX_DEFAULT_LIFETIME))
    }

    /// What [`Advertiser::new`](super::Advertiser::new) checks.
    ///
    /// # Errors
    ///
    /// The first field that is out of its range.
    pub fn check(&self) -> Result<(), AdvertiserConfigError> {
        use AdvertiserConfigError as E;
        let (min, max) = (self.effective_min_interval(), self.max_interval);
        // RFC 4861 §6.2.1 MUST (max-interval): from 4 to 1800 seconds.
        if !(Duration::from_secs(4)..=Duration::from_secs(1_800)).contains(&max) {
            return Err(E::MaxInterval);
        }
        // RFC 4861 §6.2.1 MUST (min-interval): from 3 seconds to three quarters of the maximum.
        if min < Duration::from_secs(3) || min > max * 3 / 4 {
            return Err(E::MinInterval);
        }
        // RFC 4861 §6.2.1 MUST (reachable-time): an hour at the most.
        if self.reachable_time > 3_600_000 {
            return Err(E::ReachableTime);
        }
        // RFC 4861 §6.2.1 MUST (default-lifetime): zero, or from the maximum interval to 9000 seconds.
        let lifetime = self.effective_default_lifetime();
        if !lifetime.is_zero() && (lifetime < max || lifetime > Self::MAX_DEFAULT_LIFETIME) {
            return Err(E::DefaultLifetime);
        }
        if self.mtu < 1280 || self.link_mtu.is_some_and(|mtu| mtu < 1280) {
            return Err(E::Mtu);
        }
        let finals = 1..=Self::MAX_FINAL_RTR_ADVERTISEMENTS;
        if self.max_unicast_answers == 0 || !finals.contains(&self.final_advertisements) {
            return Err(E::Counts);
        }
        self.check_prefixes()?;
        let room = self.room();
        for option in self.to_options(Instant::ZERO, false) {
            let length = option.wire_len().map_err(E::Option)?;
            if length > room {
                let what = "ND option in one advertisement";
                let limit = room;
                return Err(E::Option(EmitError::TooLong {
                    what,
                    length,
                    limit,
                }));
            }
        }
        Ok(())
    }

    fn check_prefixes(&self) -> Result<(), AdvertiserConfigError> {
        use AdvertiserConfigError as E;
        for (index, advertised) in self.prefixes.iter().enumerate() {
            let prefix = advertised.prefix;
            // RFC 4861 §6.2.1 SHOULD NOT (link-local): the link-local prefix is not in the list.
            if prefix.network().is_unicast_link_local() {
                return Err(E::LinkLocalPrefix);
            }
            // RFC 4861 §6.2.1 MUST (preferred): not longer than the valid lifetime.
            let longer = match (advertised.preferred_lifetime, advertised.valid_lifetime) {
                (Lifetime::Fixed(preferred), Lifetime::Fixed(valid)) => preferred > valid,
                (Lifetime::Until(preferred), Lifetime::Until(valid)) => preferred > valid,
                (Lifetime::Infinite, valid) => valid != Lifetime::Infinite,
                // What is sent never exceeds what is sent of the valid lifetime.
                _ => false,
            };
            if longer {
                return Err(E::PrefixLifetimes(prefix));
            }
            let twice = self
                .prefixes
                .iter()
                .take(index)
                .any(|other| other.prefix == prefix);
            let outside = advertised
                .router_address
                .is_some_and(|it| !prefix.contains(it));
            if twice || outside {
                return Err(E::Prefix(prefix));
            }
        }
        Ok(())
    }

    /// Octets for options in one advertisement.
    pub(super) fn room(&self) -> usize {
        let mtu = usize::try_from(self.mtu).unwrap_or(usize::MAX);
        let fixed = Ipv6Packet::HEADER_LEN + RouterAdvertisement::HEADER_LEN;
        // Lengths of options are multiples of eight octets.
        mtu.saturating_sub(fixed) / 8 * 8
    }

    /// The fixed part of an advertisement.
    pub(super) fn to_repr(&self, is_final: bool) -> RouterAdvertisementRepr {
        let lifetime = self.effective_default_lifetime().as_secs();
        RouterAdvertisementRepr {
            cur_hop_limit: self.cur_hop_limit,
            managed: self.managed,
            other_configuration: self.other_configuration,
            home_agent: self.home_agent,
            preference: self.preference,
            // RFC 4861 §6.2.5 SHOULD (zero): the final advertisements take the router away.
            router_lifetime: if is_final {
                0
            } else {
                u16::try_from(lifetime).unwrap_or(9_000)
            },
            reachable_time: self.reachable_time,
            retrans_timer: self.retrans_timer,
        }
    }

    /// The options of an advertisement at `now`, in the order of RFC 4861 §4.2 and then of their
    /// documents. A final one takes back what depends on this router being there: routes, DNS and
    /// NAT64; prefixes stay what they are.
    pub(super) fn to_options(&self, now: Instant, is_final: bool) -> Vec<NdOptionRepr<'static>> {
        let default = (self.max_interval * 3).as_secs();
        let default = u32::try_from(default).unwrap_or(INFINITE_LIFETIME);
        let seconds = |lifetime: Option<Lifetime>| match lifetime {
            _ if is_final => 0,
            Some(lifetime) => lifetime.seconds(now),
            None => default,
        };
        let mut options = Vec::new();
        options.extend(self.link_address.map(NdOptionRepr::SourceLinkLayerAddress));
        options.extend(self.link_mtu.map(NdOptionRepr::Mtu));
        let prefixes = self.prefixes.iter();
        options.extend(prefixes.map(|it| NdOptionRepr::PrefixInformation(it.to_wire(now))));
        options.extend(self.routes.iter().map(|route| {
            NdOptionRepr::RouteInformation(RouteInformation {
                prefix: route.prefix,
                preference: route.preference,
                lifetime: seconds(route.lifetime),
            })
        }));
        options.extend(
            self.dns
                .iter()
                .map(|dns| NdOptionRepr::RecursiveDnsServers {
                    lifetime: seconds(dns.lifetime),
                    servers: dns.servers.clone().into(),
                }),
        );
        options.extend(
            self.search_lists
                .iter()
                .map(|list| NdOptionRepr::DnsSearchList {
                    lifetime: seconds(list.lifetime),
                    domains: list.domains.clone().into(),
                }),
        );
        options.extend(self.pref64.iter().map(|pref64| {
            let lifetime = match pref64.lifetime {
                _ if is_final => 0,
                Some(lifetime) => lifetime,
                None => u16::try_from(default).unwrap_or(u16::MAX),
            };
            NdOptionRepr::Pref64(Pref64 {
                prefix: pref64.prefix,
                lifetime: lifetime.min(65_528) / 8 * 8,
            })
        }));
        let portal = self.captive_portal.clone();
        options.extend(portal.map(|uri| NdOptionRepr::CaptivePortal(uri.into())));
        options.extend(self.options.iter().cloned());
        options
    }

    /// What `next` no longer advertises, with lifetimes of zero: hosts are told to stop using it.
    pub(super) fn withdrawn_by(&self, next: &Self) -> Vec<NdOptionRepr<'static>> {
        let mut options = Vec::new();
        for gone in &self.prefixes {
            if next.prefixes.iter().all(|it| it.prefix != gone.prefix) {
                // Of addresses that are in use, the two-hour rule keeps the rest of two hours.
                options.push(NdOptionRepr::PrefixInformation(PrefixInformation {
                    valid_lifetime: 0,
                    preferred_lifetime: 0,
                    ..gone.to_wire(Instant::ZERO)
                }));
            }
        }
        for gone in &self.routes {
            if next.routes.iter().all(|it| it.prefix != gone.prefix) {
                options.push(NdOptionRepr::RouteInformation(RouteInformation {
                    prefix: gone.prefix,
                    preference: gone.preference,
                    lifetime: 0,
                }));
            }
        }
        let still: Vec<Ipv6Addr> = next.dns.iter().flat_map(|it| it.servers.clone()).collect();
        let servers = self.dns.iter().flat_map(|it| it.servers.iter().copied());
        let servers: Vec<Ipv6Addr> = servers.filter(|it| !still.contains(it)).collect();
        for servers in servers.chunks(16) {
            options.push(NdOptionRepr::RecursiveDnsServers {
                lifetime: 0,
                servers: servers.to_vec().into(),
            });
        }
        for gone in &self.search_lists {
            if next
                .search_lists
                .iter()
                .all(|it| it.domains != gone.domains)
            {
                options.push(NdOptionRepr::DnsSearchList {
                    lifetime: 0,
                    domains: gone.domains.clone().into(),
                });
            }
        }
        for gone in &self.pref64 {
            if next.pref64.iter().all(|it| it.prefix != gone.prefix) {
                options.push(NdOptionRepr::Pref64(Pref64 {
                    prefix: gone.prefix,
                    lifetime: 0,
                }));
            }
        }
        options
    }
}
