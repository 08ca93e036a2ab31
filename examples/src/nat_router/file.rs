//! The configuration file.

use super::node::NatRouter;
use crate::gateway::translation::{
    TranslationFile, address, default_mtu, default_sessions, prefix, range,
};
use crate::gateway::{Gateway, GatewayConfig, Interface, Route};
use anyhow::{Context, Result, ensure};
use core::net::{Ipv4Addr, Ipv6Addr};
use nat::nat64::{Nat64, Nat64Config, Pref64, TranslateConfig};
use nat::nptv6::Nptv6;
use nat::pcp::{PcpConfig, PcpServer};
use nat::{Instant, Side};
use packet_buffer::RandomSource;
use packet_buffer::random::fork;
use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

/// The keys of [`NatFile`] itself: all others are the translator's.
const OWN: [&str; 5] = ["inside", "outside", "pcp", "nat64", "nptv6"];

/// What a configuration file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatFile {
    /// The translator's keys, which stand beside those of the router.
    #[serde(skip)]
    pub translation: TranslationFile,
    /// The private side.
    pub inside: SideFile,
    /// The public side.
    pub outside: SideFile,
    /// Whether hosts inside may ask for mappings, by PCP and NAT-PMP.
    #[serde(default)]
    pub pcp: bool,
    /// Has hosts inside that have IPv6 reach the IPv4 outside.
    pub nat64: Option<Nat64File>,
    /// Has the hosts inside appear under another IPv6 prefix outside.
    pub nptv6: Option<Nptv6File>,
}

/// One side of the router.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideFile {
    /// The name of the TUN device that is made.
    pub device: String,
    /// The network namespace that the device is made in; without one, that of the program.
    pub netns: Option<String>,
    /// The router's address, with the length of its network's prefix.
    pub address: String,
    /// The router's IPv6 address, with the length of its network's prefix; IPv6 is forwarded when both sides have
    /// one.
    pub address6: Option<String>,
    /// The largest packet, in octets.
    #[serde(default = "default_mtu")]
    pub mtu: u16,
    /// Further networks on this side, IPv4's and IPv6's.
    #[serde(default)]
    pub routes: Vec<String>,
}

/// NAT64 (RFC 6146).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nat64File {
    /// The prefix that stands for the IPv4 Internet.
    #[serde(default = "default_pref64")]
    pub prefix: String,
    /// The outside addresses that IPv6 hosts share, written as in the file's `pool`; of no other pool.
    pub pool: Vec<String>,
    /// The most sessions at a time.
    #[serde(default = "default_sessions")]
    pub sessions: usize,
}

/// NPTv6 (RFC 6296).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nptv6File {
    /// The prefix of the hosts inside.
    pub inside: String,
    /// The prefix that stands for it outside.
    pub outside: String,
}

fn default_pref64() -> String {
    "64:ff9b::/96".to_owned()
}

impl NatFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self> {
        // The router's keys and the translator's are read apart: mistakes in either are named with their lines.
        let mut others = DeTable::parse(text)?;
        let mut own = DeTable::new();
        for key in OWN {
            own.extend(others.get_mut().remove_entry(key));
        }
        let own = Spanned::new(others.span(), own);
        let named = |mut error: toml::de::Error| {
            error.set_input(Some(text));
            error
        };
        let mut file = Self::deserialize(Deserializer::from(own)).map_err(named)?;
        file.translation =
            TranslationFile::deserialize(Deserializer::from(others)).map_err(named)?;
        ensure!(
            file.inside.device != file.outside.device,
            "both sides have the device {}",
            file.inside.device
        );
        Ok(file)
    }

    /// Builds the router.
    ///
    /// # Errors
    ///
    /// What contradicts itself.
    pub fn build(&self, now: Instant, random: &mut dyn RandomSource) -> Result<NatRouter> {
        let (inside, inside_network) = address(&self.inside.address, Ipv4Prefix::new)?;
        let (outside, outside_network) = address(&self.outside.address, Ipv4Prefix::new)?;
        let local = vec![inside, outside];
        let nat = self
            .translation
            .build(outside, Some(inside), local, random)?;
        let v6 = |side: &SideFile| {
            let text = side.address6.as_deref();
            text.map(|text| address(text, Ipv6Prefix::new)).transpose()
        };
        let (inside6, outside6) = (v6(&self.inside)?, v6(&self.outside)?);
        let interface = |side: &SideFile, address: Ipv4Addr, network, of| {
            let own6 = if of == Side::Inside {
                inside6
            } else {
                outside6
            };
            let own6 = own6.map(|(address, _)| address.into());
            Interface {
                name: side.device.clone(),
                addresses: [address.into()].into_iter().chain(own6).collect(),
                networks: vec![network],
                mtu: side.mtu.into(),
                side: of,
                reverse_path: false,
            }
        };
        let mut routes = vec![
            Route::V4(inside_network, super::INSIDE),
            Route::V4(Ipv4Prefix::ALL, super::OUTSIDE),
        ];
        for (side, number) in [
            (&self.inside, super::INSIDE),
            (&self.outside, super::OUTSIDE),
        ] {
            for text in &side.routes {
                routes.push(if text.contains(':') {
                    Route::V6(prefix6(text)?, number)
                } else {
                    Route::V4(prefix(text)?, number)
                });
            }
        }
        if let Some((_, network)) = inside6 {
            routes.push(Route::V6(network, super::INSIDE));
        }
        if outside6.is_some() {
            routes.push(Route::V6(Ipv6Prefix::ALL, super::OUTSIDE));
        }
        let gateway = GatewayConfig {
            interfaces: vec![
                interface(&self.inside, inside, inside_network, Side::Inside),
                interface(&self.outside, outside, outside_network, Side::Outside),
            ],
            routes,
            reassembler: None,
            firewall_outside: false,
            fill_options: false,
            max_transmits: 1_024,
        };
        let mut gateway = Gateway::new(gateway, Some(nat), None, fork(random))?;
        if let Some(nat64) = &self.nat64 {
            let address = inside6.context("nat64: the inside has no address6")?.0;
            let made = nat64.build(self, (address, outside), random)?;
            gateway.set_nat64(Some(made));
        }
        if let Some(pair) = &self.nptv6 {
            ensure!(
                inside6.is_some() && outside6.is_some(),
                "nptv6: both sides have an address6"
            );
            let nptv6 = Nptv6::new(prefix6(&pair.inside)?, prefix6(&pair.outside)?);
            gateway.set_nptv6(Some(nptv6.context("nptv6")?));
        }
        let server = self.pcp.then(|| PcpServer::new(PcpConfig::default(), now));
        Ok(NatRouter::new(gateway, server, inside))
    }

    /// Whether the devices of another file are the same: these are made once.
    pub fn has_devices_of(&self, other: &Self) -> bool {
        let device = |side: &SideFile| (side.device.clone(), side.netns.clone(), side.mtu);
        device(&self.inside) == device(&other.inside)
            && device(&self.outside) == device(&other.outside)
    }
}

impl Nat64File {
    fn build(
        &self,
        file: &NatFile,
        (address_v6, address_v4): (Ipv6Addr, Ipv4Addr),
        random: &mut dyn RandomSource,
    ) -> Result<Nat64> {
        let pref64 = Pref64::new(prefix6(&self.prefix)?).context("nat64: prefix")?;
        let mut pool = Vec::new();
        for text in &self.pool {
            let range = range(text)?;
            let bits = range.start().to_bits()..=range.end().to_bits();
            ensure!(
                bits.end().saturating_sub(*bits.start()) < 1_024,
                "nat64: pool: {text} is long"
            );
            pool.extend(bits.map(Ipv4Addr::from_bits));
        }
        let config = Nat64Config {
            address_v6,
            address_v4,
            max_sessions: self.sessions,
            max_bindings: self.sessions,
            translate: TranslateConfig {
                ipv4_mtu: file.outside.mtu,
                ipv6_mtu: file.inside.mtu,
                ..TranslateConfig::default()
            },
            ..Nat64Config::new(pref64, pool)
        };
        Nat64::new(config, fork(random)).context("nat64")
    }
}

fn prefix6(text: &str) -> Result<Ipv6Prefix> {
    text.parse().with_context(|| format!("the prefix {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::SeededRandom;

    const FILE: &str = include_str!("../../nat_router.toml");

    #[test]
    fn the_example_is_read_and_built() {
        let file = NatFile::parse(FILE).unwrap();
        file.build(Instant::ZERO, &mut SeededRandom::new(1))
            .unwrap();
    }

    #[test]
    fn mistakes_are_named() {
        let mistake = |from: &str, to: &str| {
            let text = FILE.replace(from, to);
            assert_ne!(text, FILE, "{from}");
            let file = match NatFile::parse(&text) {
                Ok(file) => file,
                Err(error) => return format!("{error:#}"),
            };
            let built = file.build(Instant::ZERO, &mut SeededRandom::new(1));
            format!("{:#}", built.err().expect(from))
        };
        assert!(mistake("\"rfc\"", "\"cisco\"").contains("profile: cisco"));
        assert!(mistake("\"ftp\"", "\"irc\"").contains("algs: irc"));
        assert!(mistake("192.168.7.1/24", "192.168.7.1").contains("ADDRESS/LENGTH"));
        assert!(mistake("ports = \"8080\"", "ports = \"web\"").contains("ports web"));
        assert!(mistake("profile =", "profil =").contains("profil"));
        let line = |it: &str| 1 + FILE.lines().position(|line| line.starts_with(it)).unwrap();
        let named = format!("line {},", line("profile ="));
        assert!(mistake("profile =", "profil =").contains(&named));
        let named = format!("line {},", line("pcp ="));
        assert!(mistake("pcp = true", "pcp = 7").contains(&named));
        assert!(mistake("203.0.113.2-203.0.113.4", "203.0.113.2-x").contains("pool"));
        assert!(mistake("64:ff9b::/96", "64:ff9b::/95").contains("nat64: prefix"));
        assert!(mistake("203.0.113.64", "10.0.0.0/8").contains("nat64: pool"));
        assert!(mistake("2001:db8:77::/48", "fd00:7::/48").contains("nptv6"));
        assert!(mistake("address6 = \"fd00:7::1/64\"", "").contains("nat64: the inside"));
    }
}
