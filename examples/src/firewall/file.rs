//! The configuration file.

use super::node::FirewallRouter;
use crate::gateway::translation::{TranslationFile, address, default_mtu, default_sessions};
use crate::gateway::{Gateway, GatewayConfig, Interface, Redirect, Route};
use anyhow::{Context, Result, bail, ensure};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use nat::Side;
use packet_buffer::RandomSource;
use packet_buffer::fragment::ReassemblerConfig;
use packet_buffer::random::fork;
use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix};
use serde::Deserialize;
use stateful_firewall::model::Policy;
use stateful_firewall::{CompiledPolicy, Firewall, FirewallConfig, OnReload, TcpPolicy, language};
use std::path::{Path, PathBuf};

/// What a configuration file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirewallFile {
    /// The most IPv4 sessions at a time; half as many of IPv6.
    #[serde(default = "default_sessions")]
    pub sessions: usize,
    /// How exact TCP segments must be: `strict`, `linux` or `loose`.
    #[serde(default = "default_tcp")]
    pub tcp: String,
    /// The policy, in the rule language.
    pub rules: Option<String>,
    /// A file that has the policy instead, beside this one: in the rule language, or in TOML when its
    /// name ends so.
    pub rules_file: Option<PathBuf>,
    /// Whether sessions that a new policy denies live on.
    #[serde(default)]
    pub keep_sessions: bool,
    /// Half-open connections above which handshakes are answered with SYN cookies.
    pub syn_cookies_from: Option<usize>,
    /// The most half-open connections.
    pub half_open: Option<usize>,
    /// A socket by which the policy is loaded anew, and sessions and counters are asked for.
    pub control_socket: Option<PathBuf>,
    /// What is told.
    #[serde(default)]
    pub log: LogFile,
    /// The interfaces.
    pub interface: Vec<InterfaceFile>,
    /// The translator, between the interfaces and those that are `outside`.
    pub nat: Option<TranslationFile>,
    /// A proxy that terminates connections.
    pub proxy: Option<ProxyFile>,
}

/// What is told.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    /// Whether each session is told when it begins.
    #[serde(default)]
    pub sessions: bool,
    /// Seconds that a line of the flow log stands for; 0 for no flow log.
    #[serde(default)]
    pub flow_seconds: u64,
}

/// An interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceFile {
    /// The name of the TUN device that is made, and of the interface in the policy.
    pub device: String,
    /// The network namespace that the device is made in; without one, that of the program.
    pub netns: Option<String>,
    /// The firewall's addresses, IPv4 and IPv6, each with the length of its network's prefix.
    pub addresses: Vec<String>,
    /// The largest packet, in octets.
    #[serde(default = "default_mtu")]
    pub mtu: u16,
    /// Further networks behind the interface.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Whether it is outside of the translator.
    #[serde(default)]
    pub outside: bool,
}

/// A proxy that terminates connections.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyFile {
    /// The queue of rules whose connections it gets.
    pub queue: u16,
    /// The interface that its sockets are behind.
    pub device: String,
    /// The addresses of its sockets there, at most one of a version.
    pub addresses: Vec<IpAddr>,
    /// The port that it listens at.
    #[serde(default = "default_proxy_port")]
    pub port: u16,
    /// The policy's filter for what clients send.
    pub filter: String,
}

fn default_tcp() -> String {
    "strict".to_owned()
}

const fn default_proxy_port() -> u16 {
    8_080
}

/// A file with the folder that it is in.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub file: FirewallFile,
    folder: PathBuf,
}

impl Loaded {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong, and in which line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let file = FirewallFile::parse(&text).with_context(|| path.display().to_string())?;
        Ok(Self { file, folder })
    }

    /// From its text, when other files are not needed.
    ///
    /// # Errors
    ///
    /// What is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            file: FirewallFile::parse(text)?,
            folder: PathBuf::new(),
        })
    }

    /// The policy, with interfaces under the same numbers as before.
    ///
    /// # Errors
    ///
    /// What is wrong, with line and column where the rule language has them.
    pub fn policy(&self, before: Option<&CompiledPolicy>) -> Result<CompiledPolicy> {
        let compile = |text: &str| match before {
            Some(before) => language::compile_after(before, text),
            None => language::compile(text),
        };
        let policy = match (&self.file.rules, &self.file.rules_file) {
            (Some(text), None) => compile(text).context("rules")?,
            (None, Some(name)) => {
                let path = self.folder.join(name);
                let named = || path.display().to_string();
                let text = std::fs::read_to_string(&path).with_context(named)?;
                if path
                    .extension()
                    .is_some_and(|extension| extension == "toml")
                {
                    let policy: Policy = toml::from_str(&text).with_context(named)?;
                    match before {
                        Some(before) => CompiledPolicy::after(before, &policy),
                        None => CompiledPolicy::new(&policy),
                    }
                    .with_context(named)?
                } else {
                    compile(&text).with_context(named)?
                }
            }
            _ => bail!("the policy is in one of rules and rules_file"),
        };
        for interface in &self.file.interface {
            let name = &interface.device;
            ensure!(
                policy.interface(name).is_some(),
                "the policy has no interface {name}"
            );
        }
        if let Some(proxy) = &self.file.proxy {
            ensure!(
                policy.proxy_filter(&proxy.filter, 0, 0).is_some(),
                "proxy: the policy has no filter {}",
                proxy.filter
            );
        }
        Ok(policy)
    }

    /// Builds the firewall with its router.
    ///
    /// # Errors
    ///
    /// What contradicts itself.
    pub fn build(&self, random: &mut dyn RandomSource) -> Result<FirewallRouter> {
        let config = self.file.firewall_config()?;
        let firewall = Firewall::new(config, self.policy(None)?, fork(random))?;
        let (interfaces, routes) = self.file.interfaces()?;
        let nat = match &self.file.nat {
            Some(translation) => Some(self.file.translator(translation, &interfaces, random)?),
            None => None,
        };
        let redirect = match &self.file.proxy {
            Some(proxy) => Some(self.file.redirect(proxy)?),
            None => None,
        };
        let config = GatewayConfig {
            interfaces,
            routes,
            reassembler: Some(ReassemblerConfig {
                timeout: Duration::from_secs(30),
                ..ReassemblerConfig::default()
            }),
            firewall_outside: false,
            fill_options: false,
            max_transmits: 4_096,
        };
        let mut gateway = Gateway::new(config, nat, Some(firewall), fork(random))?;
        let originals = redirect.map(|redirect| gateway.set_redirect(redirect));
        Ok(FirewallRouter::new(gateway, originals))
    }
}

impl FirewallFile {
    fn parse(text: &str) -> Result<Self> {
        let file: Self = toml::from_str(text)?;
        ensure!(
            file.interface.len() >= 2,
            "a firewall has two interfaces or more"
        );
        Ok(file)
    }

    /// The number of an interface.
    pub fn interface_number(&self, device: &str) -> Option<usize> {
        self.interface
            .iter()
            .position(|interface| interface.device == device)
    }

    fn firewall_config(&self) -> Result<FirewallConfig> {
        let mut config = FirewallConfig::new(self.sessions);
        config.tcp = match self.tcp.as_str() {
            "strict" => TcpPolicy::Strict,
            "linux" => TcpPolicy::linux(),
            "loose" => TcpPolicy::Loose,
            other => bail!("tcp: {other} is none of strict, linux, loose"),
        };
        config.on_reload = if self.keep_sessions {
            OnReload::Keep
        } else {
            OnReload::End
        };
        if let Some(most) = self.half_open {
            config.half_open.most = most;
            config.half_open.adaptive_from = most / 2;
        }
        config.half_open.cookies_from = self.syn_cookies_from;
        config.answer_queue = 1_024;
        config.accounting = true;
        config.log_sessions = self.log.sessions;
        config.flow_log = match self.log.flow_seconds {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        };
        Ok(config)
    }

    fn interfaces(&self) -> Result<(Vec<Interface>, Vec<Route>)> {
        let (mut interfaces, mut routes) = (Vec::new(), Vec::new());
        for (number, file) in self.interface.iter().enumerate() {
            let name = &file.device;
            let same = |other: &InterfaceFile| other.device == *name;
            ensure!(
                self.interface_number(name) == Some(number)
                    && self.interface.iter().filter(|other| same(other)).count() == 1,
                "there are two interfaces {name}"
            );
            let (mut addresses, mut networks) = (Vec::new(), Vec::new());
            for text in &file.addresses {
                let (address, network) = address(text, |address: IpAddr, length| {
                    Some(match address {
                        IpAddr::V4(v4) => Route::V4(Ipv4Prefix::new(v4, length)?, number),
                        IpAddr::V6(v6) => Route::V6(Ipv6Prefix::new(v6, length)?, number),
                    })
                })?;
                addresses.push(address);
                if let Route::V4(network, _) = network {
                    networks.push(network);
                }
                routes.push(network);
            }
            for text in &file.routes {
                routes.push(route(text, number)?);
            }
            interfaces.push(Interface {
                name: name.clone(),
                addresses,
                networks,
                mtu: file.mtu.into(),
                side: if file.outside {
                    Side::Outside
                } else {
                    Side::Inside
                },
                // The policy says so, and its log.
                reverse_path: false,
            });
        }
        Ok((interfaces, routes))
    }

    fn translator(
        &self,
        translation: &TranslationFile,
        interfaces: &[Interface],
        random: &mut dyn RandomSource,
    ) -> Result<nat::Nat> {
        let v4 = |wanted: Side| {
            interfaces
                .iter()
                .filter(move |interface| interface.side == wanted)
                .flat_map(|interface| &interface.addresses)
                .filter_map(|address| match address {
                    IpAddr::V4(v4) => Some(*v4),
                    IpAddr::V6(_) => None,
                })
        };
        let outside = v4(Side::Outside)
            .next()
            .context("nat: no interface with an IPv4 address is outside")?;
        let local: Vec<Ipv4Addr> = v4(Side::Outside).chain(v4(Side::Inside)).collect();
        translation.build(outside, v4(Side::Inside).next(), local, random)
    }

    fn redirect(&self, proxy: &ProxyFile) -> Result<Redirect> {
        let interface = self
            .interface_number(&proxy.device)
            .with_context(|| format!("proxy: there is no interface {}", proxy.device))?;
        Ok(Redirect {
            queue: proxy.queue,
            interface,
            addresses: proxy.addresses.clone(),
            port: proxy.port,
        })
    }
}

fn route(text: &str, interface: usize) -> Result<Route> {
    let wrong = || format!("the route {text}");
    Ok(if text.contains(':') {
        Route::V6(text.parse().with_context(wrong)?, interface)
    } else {
        Route::V4(text.parse().with_context(wrong)?, interface)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::SeededRandom;

    const FILE: &str = include_str!("../../firewall.toml");

    #[test]
    fn the_example_is_read_and_built() {
        let loaded = Loaded::parse(FILE).unwrap();
        loaded.build(&mut SeededRandom::new(1)).unwrap();
    }

    #[test]
    fn mistakes_are_named() {
        let mistake = |from: &str, to: &str| {
            let text = FILE.replace(from, to);
            assert_ne!(text, FILE, "{from}");
            let loaded = match Loaded::parse(&text) {
                Ok(loaded) => loaded,
                Err(error) => return format!("{error:#}"),
            };
            let built = loaded.build(&mut SeededRandom::new(1));
            format!("{:#}", built.err().expect(from))
        };
        assert!(mistake("\"strict\"", "\"lax\"").contains("tcp: lax"));
        assert!(mistake("zone dmz level 50", "zone dmz level x").contains("line"));
        assert!(
            mistake("interface fw-dmz zone dmz reverse-path strict", "")
                .contains("no interface fw-dmz")
        );
        assert!(mistake("192.168.7.1/24", "192.168.7.1").contains("ADDRESS/LENGTH"));
        assert!(mistake("filter = \"web\"", "filter = \"no\"").contains("no filter no"));
        assert!(mistake("outside = true", "outside = false").contains("is outside"));
        assert!(mistake("algs = [\"ftp\"", "algs = [\"irc\"").contains("algs: irc"));
        assert!(mistake("device = \"fw-dmz\"", "device = \"fw-in\"").contains("two interfaces"));
        assert!(mistake("sessions =", "session =").contains("session"));
    }
}
