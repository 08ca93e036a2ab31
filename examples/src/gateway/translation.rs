//! The translator's part of a router's configuration file.

use anyhow::{Context, Result, bail, ensure};
use core::net::{Ipv4Addr, SocketAddrV4};
use core::ops::RangeInclusive;
use core::str::FromStr;
use nat::port_block::{PortBlocks, PortBlocksConfig};
use nat::{Action, Forward, Matching, Nat, Pool, Profile, Rule, Target, alg};
use packet_buffer::RandomSource;
use packet_buffer::random::fork;
use packet_buffer::wire::{IpProtocol, Ipv4Prefix};
use serde::Deserialize;

/// What a file says of translation.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranslationFile {
    /// `rfc`, `linux` or `cloud`.
    pub profile: String,
    /// The most sessions at a time.
    pub sessions: usize,
    /// Outside addresses that are shared: single ones, ranges `A-B`, prefixes. Without any, the
    /// router's own address outside.
    pub pool: Vec<String>,
    /// Application layer gateways: `ftp`, `tftp`, `sip`, `pptp`.
    pub algs: Vec<String>,
    /// Whether sessions are told too, beside mappings.
    pub session_events: bool,
    /// Destinations that are reached without translation.
    pub bypass: Vec<String>,
    /// Inside networks that have outside addresses of their own.
    pub one_to_one: Vec<OneToOneFile>,
    /// Services inside.
    pub forward: Vec<ForwardFile>,
    /// Gives ports by the block.
    pub port_blocks: Option<PortBlocksFile>,
    /// The most mappings of one inside address.
    pub max_mappings: Option<u32>,
    /// The most sessions of one inside address.
    pub max_sessions: Option<u32>,
}

impl Default for TranslationFile {
    fn default() -> Self {
        Self {
            profile: "rfc".to_owned(),
            sessions: default_sessions(),
            pool: Vec::new(),
            algs: Vec::new(),
            session_events: false,
            bypass: Vec::new(),
            one_to_one: Vec::new(),
            forward: Vec::new(),
            port_blocks: None,
            max_mappings: None,
            max_sessions: None,
        }
    }
}

/// Addresses that stand for each other for good.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneToOneFile {
    /// The inside prefix.
    pub inside: String,
    /// The outside prefix, of the same length.
    pub outside: String,
}

/// A service inside that is reached from outside.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardFile {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The outside address; without one, the router's.
    pub outside: Option<Ipv4Addr>,
    /// A port, or a range `A-B`.
    pub ports: String,
    /// Servers, `ADDRESS:PORT`; clients are spread over them.
    pub to: Vec<SocketAddrV4>,
}

/// How ports are given by the block.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortBlocksFile {
    /// Ports of a block.
    pub size: u16,
    /// The most blocks of one inside address.
    pub max: u16,
}

pub(crate) const fn default_sessions() -> usize {
    65_536
}

pub(crate) const fn default_mtu() -> u16 {
    1_500
}

impl TranslationFile {
    /// The translator of a router with these addresses, of which `outside` is the one outside, and
    /// `inside` the source of its ICMP errors inside.
    ///
    /// # Errors
    ///
    /// What contradicts itself.
    pub fn build(
        &self,
        outside: Ipv4Addr,
        inside: Option<Ipv4Addr>,
        local: Vec<Ipv4Addr>,
        random: &mut dyn RandomSource,
    ) -> Result<Nat> {
        let profile = match self.profile.as_str() {
            "rfc" => Profile::Rfc,
            "linux" => Profile::LinuxCompat,
            "cloud" => Profile::CloudGateway,
            other => bail!("profile: {other} is none of rfc, linux, cloud"),
        };
        let mut config = profile.config(self.sessions);
        let addresses = match self.pool.as_slice() {
            [] => vec![outside..=outside],
            pool => pool.iter().map(|text| range(text)).collect::<Result<_>>()?,
        };
        let mut pool = Pool::of(outside);
        pool.addresses.clone_from(&addresses);
        config.pools = vec![pool];
        for text in &self.bypass {
            let destination = prefix(text)?;
            config.rules.push(Rule {
                matching: Matching {
                    destination,
                    ..Matching::all()
                },
                action: Action::Bypass,
            });
        }
        for pair in &self.one_to_one {
            config.rules.push(Rule {
                matching: Matching::from_prefix(prefix(&pair.inside)?),
                action: Action::Static {
                    outside: prefix(&pair.outside)?,
                },
            });
        }
        config.rules.push(Rule {
            matching: Matching::all(),
            action: Action::Napt(profile.napt(0)),
        });
        for forward in &self.forward {
            config.forwards.push(forward.build(outside)?);
        }
        config.local = local;
        config.icmp.inside_address = inside;
        config.session_events = self.session_events;
        config.limits.mappings_per_subscriber = self.max_mappings;
        config.limits.sessions_per_subscriber = self.max_sessions;
        let mut nat = Nat::new(config, fork(random))?;
        if let Some(blocks) = self.port_blocks {
            let blocks = PortBlocksConfig {
                addresses,
                ports: 1_024..=u16::MAX,
                block_size: blocks.size,
                max_blocks: blocks.max,
            };
            nat.set_partition(0, Box::new(PortBlocks::new(blocks, fork(random))?));
        }
        for name in &self.algs {
            match name.as_str() {
                "ftp" => nat.add_alg(Box::new(alg::Ftp::new())),
                "tftp" => nat.add_alg(Box::new(alg::Tftp::new())),
                "sip" => nat.add_alg(Box::new(alg::Sip::new())),
                "pptp" => nat.add_alg(Box::new(alg::Pptp::new())),
                other => bail!("algs: {other} is none of ftp, tftp, sip, pptp"),
            }
        }
        Ok(nat)
    }
}

impl ForwardFile {
    fn build(&self, own: Ipv4Addr) -> Result<Forward> {
        let protocol = match self.protocol.as_str() {
            "tcp" => IpProtocol::TCP,
            "udp" => IpProtocol::UDP,
            other => bail!("forward: protocol {other} is neither tcp nor udp"),
        };
        let wrong = || format!("forward: ports {}", self.ports);
        let ports = match self.ports.split_once('-') {
            Some((first, last)) => {
                first.trim().parse().with_context(wrong)?
                    ..=last.trim().parse().with_context(wrong)?
            }
            None => {
                let port = self.ports.parse().with_context(wrong)?;
                port..=port
            }
        };
        ensure!(!ports.is_empty(), wrong());
        ensure!(!self.to.is_empty(), "forward: there is no server");
        let targets = self.to.iter().map(|to| Target::new(*to.ip(), to.port()));
        Ok(Forward {
            protocol: Some(protocol),
            outside: self.outside.unwrap_or(own),
            ports,
            source: Ipv4Prefix::ALL,
            targets: targets.collect(),
        })
    }
}

pub(crate) fn prefix(text: &str) -> Result<Ipv4Prefix> {
    text.parse().with_context(|| format!("the prefix {text}"))
}

/// An address, and what `network` makes of it and its prefix length.
pub(crate) fn address<A: Copy + FromStr, N>(
    text: &str,
    network: impl FnOnce(A, u8) -> Option<N>,
) -> Result<(A, N)> {
    let parsed = || {
        let (address, length) = text.split_once('/')?;
        let address = address.parse().ok()?;
        Some((address, network(address, length.parse().ok()?)?))
    };
    parsed().with_context(|| format!("the address {text}: it is written ADDRESS/LENGTH"))
}

/// One address, a range, or a prefix.
pub(crate) fn range(text: &str) -> Result<RangeInclusive<Ipv4Addr>> {
    let wrong = || format!("pool: {text} is no address, range or prefix");
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (first.trim().parse(), last.trim().parse());
        return Ok(first.with_context(wrong)?..=last.with_context(wrong)?);
    }
    if text.contains('/') {
        let prefix: Ipv4Prefix = text.parse().with_context(wrong)?;
        return Ok(prefix.network()..=prefix.last());
    }
    let one = text.parse().with_context(wrong)?;
    Ok(one..=one)
}
