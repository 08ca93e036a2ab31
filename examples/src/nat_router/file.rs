//! The configuration file.

use super::node::NatRouter;
use crate::gateway::translation::{
    ForwardFile, OneToOneFile, PortBlocksFile, TranslationFile, address, default_mtu,
    default_profile, default_sessions, prefix,
};
use crate::gateway::{Gateway, GatewayConfig, Interface, Route};
use anyhow::{Result, ensure};
use core::net::Ipv4Addr;
use nat::pcp::{PcpConfig, PcpServer};
use nat::{Instant, Side};
use packet_buffer::RandomSource;
use packet_buffer::random::fork;
use packet_buffer::wire::Ipv4Prefix;
use serde::Deserialize;

/// What a configuration file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatFile {
    /// `rfc`, `linux` or `cloud`.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// The most sessions at a time.
    #[serde(default = "default_sessions")]
    pub sessions: usize,
    /// The private side.
    pub inside: SideFile,
    /// The public side.
    pub outside: SideFile,
    /// Outside addresses that are shared: single ones, ranges `A-B`, prefixes. Without any, the
    /// router's own address outside.
    #[serde(default)]
    pub pool: Vec<String>,
    /// Application layer gateways: `ftp`, `tftp`, `sip`, `pptp`.
    #[serde(default)]
    pub algs: Vec<String>,
    /// Whether hosts inside may ask for mappings, by PCP and NAT-PMP.
    #[serde(default)]
    pub pcp: bool,
    /// Whether sessions are told too, beside mappings.
    #[serde(default)]
    pub session_events: bool,
    /// Destinations that are reached without translation.
    #[serde(default)]
    pub bypass: Vec<String>,
    /// Inside networks that have outside addresses of their own.
    #[serde(default)]
    pub one_to_one: Vec<OneToOneFile>,
    /// Services inside.
    #[serde(default)]
    pub forward: Vec<ForwardFile>,
    /// Gives ports by the block.
    pub port_blocks: Option<PortBlocksFile>,
    /// The most mappings of one inside address.
    pub max_mappings: Option<u32>,
    /// The most sessions of one inside address.
    pub max_sessions: Option<u32>,
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
    /// The largest packet, in octets.
    #[serde(default = "default_mtu")]
    pub mtu: u16,
    /// Further networks on this side.
    #[serde(default)]
    pub routes: Vec<String>,
}

impl NatFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self> {
        let file: Self = toml::from_str(text)?;
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
        let (inside, inside_network) = address(&self.inside.address)?;
        let (outside, outside_network) = address(&self.outside.address)?;
        let translation = TranslationFile {
            profile: self.profile.clone(),
            sessions: self.sessions,
            pool: self.pool.clone(),
            algs: self.algs.clone(),
            session_events: self.session_events,
            bypass: self.bypass.clone(),
            one_to_one: self.one_to_one.clone(),
            forward: self.forward.clone(),
            port_blocks: self.port_blocks,
            max_mappings: self.max_mappings,
            max_sessions: self.max_sessions,
        };
        let local = vec![inside, outside];
        let nat = translation.build(outside, Some(inside), local, random)?;
        let interface = |side: &SideFile, address: Ipv4Addr, network, of| Interface {
            name: side.device.clone(),
            addresses: vec![address.into()],
            networks: vec![network],
            mtu: side.mtu.into(),
            side: of,
            reverse_path: false,
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
                routes.push(Route::V4(prefix(text)?, number));
            }
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
        let gateway = Gateway::new(gateway, Some(nat), None, fork(random))?;
        let server = self.pcp.then(|| PcpServer::new(PcpConfig::default(), now));
        Ok(NatRouter::new(gateway, server, inside))
    }
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
        assert!(mistake("203.0.113.2-203.0.113.4", "203.0.113.2-x").contains("pool"));
    }
}
