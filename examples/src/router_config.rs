//! The configuration file of the example `router`, in TOML: see `examples/router.toml`.

use anyhow::{Context, Result, bail, ensure};
use core::net::Ipv6Addr;
use core::time::Duration;
use icmp_nd::address::ManualAddress;
use icmp_nd::router::{
    AdvertisedDns, AdvertisedPref64, AdvertisedPrefix, AdvertisedRoute, AdvertisedSearchList,
    AdvertiserConfig, Lifetime, RouteTarget, RouterConfig, RouterInterface,
};
use icmp_nd::wire::RouterPreference;
use packet_buffer::wire::{Ipv6Prefix, MacAddr};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterFile {
    /// The interfaces, each a TAP device.
    #[serde(rename = "interface")]
    pub interfaces: Vec<InterfaceFile>,
    /// Routes beside those of the interfaces' own prefixes.
    #[serde(default, rename = "route")]
    pub routes: Vec<RouteFile>,
}

/// One interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceFile {
    /// The name of the TAP device.
    pub device: String,
    /// The router's MAC address on the link.
    pub mac: String,
    /// Octets of the longest IP packet on the link.
    #[serde(default = "default_mtu")]
    pub mtu: u16,
    /// Addresses with their prefix lengths, as `2001:db8:1::1/64`.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Whether redirects are sent.
    #[serde(default = "yes")]
    pub redirects: bool,
    /// Prefixes for whose addresses solicitations are answered.
    #[serde(default)]
    pub proxy: Vec<String>,
    /// What is advertised; nothing when it is missing.
    pub advertise: Option<AdvertiseFile>,
}

/// What an interface advertises. What is missing has the default of RFC 4861 §6.2.1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdvertiseFile {
    /// MaxRtrAdvInterval in seconds.
    pub interval: Option<u64>,
    /// MinRtrAdvInterval in seconds.
    pub min_interval: Option<u64>,
    /// AdvDefaultLifetime in seconds.
    pub lifetime: Option<u64>,
    /// `low`, `medium` or `high`.
    pub preference: Option<String>,
    /// The M flag.
    pub managed: bool,
    /// The O flag.
    pub other_configuration: bool,
    /// AdvLinkMTU in octets.
    pub mtu: Option<u32>,
    /// AdvCurHopLimit.
    pub hop_limit: Option<u8>,
    /// AdvReachableTime in milliseconds.
    pub reachable_time: u32,
    /// AdvRetransTimer in milliseconds.
    pub retrans_timer: u32,
    /// The prefixes.
    pub prefixes: Vec<PrefixFile>,
    /// Routes through this router.
    pub routes: Vec<RouteInformationFile>,
    /// Addresses of DNS servers.
    pub dns: Vec<Ipv6Addr>,
    /// Domains in which names are searched.
    pub search: Vec<String>,
    /// The URI of a captive portal's API.
    pub captive_portal: Option<String>,
    /// The prefix of a NAT64.
    pub pref64: Option<String>,
    /// Whether solicitations are answered by unicast.
    pub unicast_answers: bool,
    /// Advertisements that say good-bye, 1 to 3.
    pub final_advertisements: Option<u8>,
}

/// A prefix that is advertised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixFile {
    /// The prefix.
    pub prefix: String,
    /// The L flag.
    #[serde(default = "yes")]
    pub on_link: bool,
    /// The A flag.
    #[serde(default = "yes")]
    pub autonomous: bool,
    /// The valid lifetime in seconds.
    pub valid: Option<u32>,
    /// The preferred lifetime in seconds.
    pub preferred: Option<u32>,
}

/// A route that is advertised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteInformationFile {
    /// Where it goes.
    pub prefix: String,
    /// `low`, `medium` or `high`.
    pub preference: Option<String>,
    /// The lifetime in seconds.
    pub lifetime: Option<u32>,
}

/// A route of the router's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteFile {
    /// Where it goes.
    pub prefix: String,
    /// The device; not with `action`.
    pub device: Option<String>,
    /// The next router; without one, the destinations are on the link.
    pub via: Option<Ipv6Addr>,
    /// `reject`, `prohibit` or `discard`, instead of a device.
    pub action: Option<String>,
}

const fn yes() -> bool {
    true
}

const fn default_mtu() -> u16 {
    1500
}

fn prefix(text: &str) -> Result<Ipv6Prefix> {
    text.parse().with_context(|| format!("the prefix {text:?}"))
}

fn preference(text: Option<&String>) -> Result<RouterPreference> {
    match text.map_or("medium", String::as_str) {
        "low" => Ok(RouterPreference::Low),
        "medium" => Ok(RouterPreference::Medium),
        "high" => Ok(RouterPreference::High),
        other => bail!("the preference {other:?} is not low, medium or high"),
    }
}

impl RouterFile {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// When it is not TOML, or has a field that it should not have.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("the configuration cannot be read")
    }

    /// The router that it describes.
    ///
    /// # Errors
    ///
    /// When a value cannot be read.
    pub fn to_config(&self) -> Result<RouterConfig> {
        ensure!(!self.interfaces.is_empty(), "there is no interface");
        let interfaces = self.interfaces.iter().map(|interface| {
            interface
                .to_config()
                .with_context(|| format!("interface {}", interface.device))
        });
        let mut config = RouterConfig::new(interfaces.collect::<Result<_>>()?);
        for route in &self.routes {
            let target = self
                .target(route)
                .with_context(|| format!("the route to {}", route.prefix))?;
            config.routes.push((prefix(&route.prefix)?, target));
        }
        Ok(config)
    }

    fn target(&self, route: &RouteFile) -> Result<RouteTarget> {
        let port = |device: &str| {
            let mut devices = self.interfaces.iter();
            let port = devices.position(|it| it.device == device);
            port.with_context(|| format!("there is no interface {device:?}"))
        };
        match (&route.device, route.via, route.action.as_deref()) {
            (Some(device), None, None) => Ok(RouteTarget::OnLink {
                port: port(device)?,
            }),
            (Some(device), Some(gateway), None) => Ok(RouteTarget::Via {
                port: port(device)?,
                gateway,
            }),
            (None, None, Some("reject")) => Ok(RouteTarget::Reject),
            (None, None, Some("prohibit")) => Ok(RouteTarget::Prohibit),
            (None, None, Some("discard")) => Ok(RouteTarget::Discard),
            _ => bail!("either a device, or the action reject, prohibit or discard"),
        }
    }
}

impl InterfaceFile {
    fn to_config(&self) -> Result<RouterInterface> {
        let mac: MacAddr = self.mac.parse()?;
        let mut interface = RouterInterface::new(mac);
        interface.nd.link_mtu = u32::from(self.mtu);
        interface.redirects = self.redirects;
        for text in &self.addresses {
            let (address, length) = text.split_once('/').context("ADDRESS/LENGTH")?;
            let address = ManualAddress::new(address.parse()?, length.parse()?);
            interface.addresses.push(address);
        }
        for text in &self.proxy {
            interface.proxied.push(prefix(text)?);
        }
        let advertise = self.advertise.as_ref();
        interface.advertise = advertise
            .map(|it| it.to_config(mac, u32::from(self.mtu)))
            .transpose()?;
        Ok(interface)
    }
}

impl AdvertiseFile {
    fn to_config(&self, mac: MacAddr, mtu: u32) -> Result<AdvertiserConfig> {
        let defaults = AdvertiserConfig::default();
        let mut config = AdvertiserConfig {
            max_interval: self
                .interval
                .map_or(defaults.max_interval, Duration::from_secs),
            min_interval: self.min_interval.map(Duration::from_secs),
            default_lifetime: self.lifetime.map(Duration::from_secs),
            preference: preference(self.preference.as_ref())?,
            managed: self.managed,
            other_configuration: self.other_configuration,
            link_mtu: self.mtu,
            cur_hop_limit: self.hop_limit.unwrap_or(defaults.cur_hop_limit),
            reachable_time: self.reachable_time,
            retrans_timer: self.retrans_timer,
            captive_portal: self.captive_portal.clone(),
            unicast_answers: self.unicast_answers,
            final_advertisements: self
                .final_advertisements
                .unwrap_or(defaults.final_advertisements),
            link_address: Some(mac),
            mtu,
            ..defaults
        };
        for it in &self.prefixes {
            let mut advertised = AdvertisedPrefix::new(prefix(&it.prefix)?);
            advertised.on_link = it.on_link;
            advertised.autonomous = it.autonomous;
            if let Some(valid) = it.valid {
                advertised.valid_lifetime = Lifetime::Fixed(valid);
                advertised.preferred_lifetime = Lifetime::Fixed(valid.min(604_800));
            }
            if let Some(preferred) = it.preferred {
                advertised.preferred_lifetime = Lifetime::Fixed(preferred);
            }
            config.prefixes.push(advertised);
        }
        for it in &self.routes {
            config.routes.push(AdvertisedRoute {
                prefix: prefix(&it.prefix)?,
                preference: preference(it.preference.as_ref())?,
                lifetime: it.lifetime.map(Lifetime::Fixed),
            });
        }
        if !self.dns.is_empty() {
            config.dns.push(AdvertisedDns {
                servers: self.dns.clone(),
                lifetime: None,
            });
        }
        if !self.search.is_empty() {
            let domains = self
                .search
                .iter()
                .map(|name| name.parse().with_context(|| format!("the domain {name:?}")));
            config.search_lists.push(AdvertisedSearchList {
                domains: domains.collect::<Result<_>>()?,
                lifetime: None,
            });
        }
        if let Some(text) = &self.pref64 {
            config.pref64.push(AdvertisedPref64 {
                prefix: prefix(text)?,
                lifetime: None,
            });
        }
        Ok(config)
    }
}
