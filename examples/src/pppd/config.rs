//! What the configuration file and the command line come to.

use super::ethernet::PppoeFile;
use super::file::{
    Accm, CcpFile, EcpFile, Ipv4File, Ipv6File, KeyText, LcpFile, Method, MppeFile, MppeKeys,
    MultilinkFile, NegotiationFile, NotAsked, PppFile,
};
use super::line::LineSpec;
use alloc::collections::BTreeMap;
use anyhow::{Context, Result, bail, ensure};
use core::fmt;
use core::net::Ipv4Addr;
use core::time::Duration;
use ppp_lcp_ncp::auth::{AuthenticatorConfig, Secret, SupplicantConfig};
use ppp_lcp_ncp::automaton::EndpointConfig;
use ppp_lcp_ncp::ccp::mppe::{MppeMode, MppeStrength};
use ppp_lcp_ncp::ccp::{CcpConfig, MppeConfig};
use ppp_lcp_ncp::ecp::EcpConfig;
use ppp_lcp_ncp::lcp::{
    AuthMethod, EndpointDiscriminator, FcsAlternatives, LcpConfig, Limits, MultilinkConfig,
};
use ppp_lcp_ncp::link::{AuthRole, LinkConfig};
use ppp_lcp_ncp::ncp::{InterfaceIdentifier, IpcpConfig, Ipv6cpConfig, VjParameters};
use std::path::Path;

/// An end of a link, ready to run.
#[derive(Debug)]
pub struct Settings {
    /// What carries it; none where it is simulated, and several for a bundle.
    pub lines: Vec<LineSpec>,
    /// PPP over Ethernet, where the line is an interface.
    pub pppoe: PppoeFile,
    /// The TUN device, if there is one.
    pub tun: Option<String>,
    /// The largest packet that the kernel is to give us.
    pub mtu: u16,
    /// For the machine.
    pub link: LinkConfig,
    /// Who can prove themselves, and how we do.
    pub secrets: Secrets,
}

/// Secrets by name.
#[derive(Clone, Default)]
pub struct Secrets {
    our_name: Vec<u8>,
    by_name: BTreeMap<Vec<u8>, Secret>,
}

impl Secrets {
    /// What proves the peer by this name to us, or us to it.
    pub fn find(&self, role: AuthRole, name: &[u8]) -> Option<&Secret> {
        match role {
            AuthRole::Peer => self.by_name.get(name),
            AuthRole::Ours => self.by_name.get(&self.our_name),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.by_name.len())
    }
}

impl Settings {
    /// Reads the file, if there is one, and puts settings of the form `table.key=value` over it.
    ///
    /// # Errors
    ///
    /// When something is not understood; the error says what and where.
    pub fn read(path: Option<&Path>, over: &[String]) -> Result<Self> {
        let mut text = String::new();
        if let Some(path) = path {
            text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
        }
        let place = path.map_or_else(
            || "the command line".to_owned(),
            |path| path.display().to_string(),
        );
        Self::parse(&text, over).with_context(|| format!("in {place}"))
    }

    /// The same from the text of a file.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(text: &str, over: &[String]) -> Result<Self> {
        let file: PppFile = if over.is_empty() {
            // Read at once, errors know their line.
            toml::from_str(text)?
        } else {
            let mut table: toml::Table = toml::from_str(text)?;
            for setting in over {
                let added = toml::from_str(setting).with_context(|| setting.clone())?;
                merge(&mut table, added);
            }
            table.try_into()?
        };
        Self::new(file)
    }

    fn new(file: PppFile) -> Result<Self> {
        let endpoint = endpoint(&file.negotiation);
        let name = file.auth.name.into_bytes();
        ensure!(
            name.len() <= 255,
            "auth.name: at most 255 octets can be sent"
        );
        let mut by_name = BTreeMap::new();
        for entry in file.secret {
            let twice = by_name.insert(entry.name.clone().into_bytes(), entry.secret.0);
            ensure!(
                twice.is_none(),
                "secret: {:?} is there more than once",
                entry.name
            );
        }
        ensure!(
            file.auth.allow.is_empty() || by_name.contains_key(&name),
            "auth.allow: there is no secret for our name {:?}",
            String::from_utf8_lossy(&name)
        );
        let mut lcp = lcp(&file.lcp, endpoint)?;
        lcp.multilink = file.multilink.as_ref().map(multilink).transpose()?;
        lcp.require_auth = file.auth.require.into_iter().map(method).collect();
        lcp.allow_auth = file.auth.allow.into_iter().map(method).collect();
        if file.link.on_demand {
            // The kernel sends where it has an address, and before there is a link.
            ensure!(
                file.ipv4.enabled && file.ipv4.address.is_some(),
                "link.on-demand: ipv4.address is needed"
            );
            ensure!(
                lcp.multilink.is_none(),
                "link.on-demand: not with multilink"
            );
        }
        let defaults = LinkConfig::default();
        let link = LinkConfig {
            lcp,
            authenticator: AuthenticatorConfig {
                name: name.clone(),
                rechallenge: file.auth.rechallenge.map(Duration::from),
                ..AuthenticatorConfig::default()
            },
            supplicant: SupplicantConfig {
                name: name.clone(),
                ..SupplicantConfig::default()
            },
            ipcp: ipcp(&file.ipv4)?,
            ipv6cp: ipv6cp(&file.ipv6),
            ccp: ccp(&file.ccp)?,
            ecp: file.ecp.as_ref().map(ecp),
            ncp: endpoint,
            echo_interval: file.link.echo_interval.map(Duration::from),
            echo_failures: file.link.echo_failures.unwrap_or(defaults.echo_failures),
            idle_timeout: file.link.idle_timeout.map(Duration::from),
            close_when_poor: file.link.close_when_poor,
            session_timeout: file.link.session_timeout.map(Duration::from),
            on_demand: file.link.on_demand,
            holdoff: file.link.holdoff.map_or(defaults.holdoff, Duration::from),
            ..defaults
        };
        Ok(Self {
            lines: file
                .line
                .iter()
                .chain(&file.lines)
                .map(|line| line.parse())
                .collect::<Result<_>>()?,
            pppoe: file.pppoe,
            tun: file.tun.device,
            mtu: file.tun.mtu,
            link,
            secrets: Secrets {
                our_name: name,
                by_name,
            },
        })
    }
}

/// Puts the values of one table over another's.
fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(value)) => merge(below, value),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn endpoint(file: &NegotiationFile) -> EndpointConfig {
    let defaults = EndpointConfig::default();
    EndpointConfig {
        restart_timer: file
            .restart_timer
            .map_or(defaults.restart_timer, Duration::from),
        max_configure: file.max_configure.unwrap_or(defaults.max_configure),
        max_terminate: file.max_terminate.unwrap_or(defaults.max_terminate),
        max_failure: file.max_failure.unwrap_or(defaults.max_failure),
        passive: file.passive,
        ..defaults
    }
}

fn lcp(file: &LcpFile, endpoint: EndpointConfig) -> Result<LcpConfig> {
    let defaults = LcpConfig::default();
    let mut fcs = FcsAlternatives(0);
    for bits in file.fcs.as_deref().unwrap_or(&[16]) {
        fcs.0 |= match bits {
            16 => FcsAlternatives::FCS_16.0,
            32 => FcsAlternatives::FCS_32.0,
            bits => bail!("lcp.fcs: {bits} bits are neither 16 nor 32"),
        };
    }
    let (pfc, acfc) = (file.pfc.unwrap_or(true), file.acfc.unwrap_or(true));
    Ok(LcpConfig {
        endpoint,
        mru: file.mru.unwrap_or(defaults.mru),
        accm: match file.accm {
            None => defaults.accm,
            Some(Accm::Map(map)) => Some(map),
            Some(Accm::Not(NotAsked::None)) => None,
        },
        quality: file.quality.map(Duration::from),
        magic: file.magic.unwrap_or(defaults.magic),
        protocol_field_compression: pfc,
        address_and_control_field_compression: acfc,
        fcs,
        limits: Limits {
            protocol_field_compression: pfc,
            address_and_control_field_compression: acfc,
            ..defaults.limits
        },
        loopback_hits: file.loopback_hits.unwrap_or(defaults.loopback_hits),
        ..defaults
    })
}

fn multilink(file: &MultilinkFile) -> Result<MultilinkConfig> {
    // Class 1: locally assigned.
    let endpoint = EndpointDiscriminator::new(1, file.endpoint.as_bytes());
    Ok(MultilinkConfig {
        mrru: file.mrru,
        short_sequence_number: file.short_sequence_numbers,
        endpoint: Some(endpoint.context("multilink.endpoint: at most 20 octets")?),
    })
}

const fn method(method: Method) -> AuthMethod {
    match method {
        Method::Pap => AuthMethod::Pap,
        Method::ChapMd5 => AuthMethod::ChapMd5,
        Method::MsChapV2 => AuthMethod::MsChapV2,
        Method::Eap => AuthMethod::Eap,
    }
}

/// None where nothing of it is wanted.
fn ccp(file: &CcpFile) -> Result<Option<CcpConfig>> {
    let config = CcpConfig {
        mppe: file.mppe.as_ref().map(mppe).transpose()?,
        deflate: file.deflate,
        bsd_compress: file.bsd_compress,
    };
    Ok((config != CcpConfig::default()).then_some(config))
}

fn ecp(file: &EcpFile) -> EcpConfig {
    let key = |key: &Option<KeyText>| key.as_ref().map(|key| key.0.clone());
    EcpConfig {
        required: file.required,
        triple_dese_key: key(&file.triple_dese_key),
        dese_key: key(&file.dese_key),
    }
}

fn mppe(file: &MppeFile) -> Result<MppeConfig> {
    let strength = |bits: &u8| {
        Ok(match bits {
            40 => MppeStrength::Bits40,
            56 => MppeStrength::Bits56,
            128 => MppeStrength::Bits128,
            bits => bail!("ccp.mppe.bits: {bits} is none of 40, 56 and 128"),
        })
    };
    Ok(MppeConfig {
        required: file.required,
        strengths: file.bits.iter().map(strength).collect::<Result<_>>()?,
        mode: match file.keys {
            MppeKeys::Stateless => MppeMode::Stateless,
            MppeKeys::Stateful => MppeMode::Stateful,
            MppeKeys::StatefulRekeyed => MppeMode::StatefulRekeyed,
        },
    })
}

fn ipcp(file: &Ipv4File) -> Result<Option<IpcpConfig>> {
    if !file.enabled {
        return Ok(None);
    }
    Ok(Some(IpcpConfig {
        address: file.address,
        peer_address: file.peer_address,
        accept_other_address: file.accept_other_address,
        request_dns: file.request_dns,
        request_nbns: false,
        give_dns: two("ipv4.dns", &file.dns)?,
        give_nbns: two("ipv4.nbns", &file.nbns)?,
        vj: file.vj.then(|| VjParameters {
            max_slot_id: file.vj_slots.saturating_sub(1),
            compress_slot_id: file.vj_slot_compression,
        }),
    }))
}

fn ipv6cp(file: &Ipv6File) -> Option<Ipv6cpConfig> {
    file.enabled.then(|| Ipv6cpConfig {
        identifier: file.identifier.map(InterfaceIdentifier),
        peer_identifier: file.peer_identifier.map(InterfaceIdentifier),
    })
}

fn two(field: &str, servers: &[Ipv4Addr]) -> Result<[Option<Ipv4Addr>; 2]> {
    ensure!(servers.len() <= 2, "{field}: PPP has room for two");
    Ok([servers.first().copied(), servers.get(1).copied()])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn over(settings: &[&str]) -> Vec<String> {
        settings.iter().map(|&setting| setting.to_owned()).collect()
    }

    fn error(text: &str, settings: &[&str]) -> String {
        format!("{:#}", Settings::parse(text, &over(settings)).unwrap_err())
    }

    #[test]
    fn nothing_at_all_is_a_configuration() {
        let settings = Settings::parse("", &[]).unwrap();
        assert_eq!(settings.link, LinkConfig::default());
        assert!(settings.lines.is_empty() && settings.tun.is_none());
    }

    #[test]
    fn the_command_line_is_put_over_the_file() {
        let file = "[lcp]\nmru = 1400\nmagic = false\n[link]\necho-interval = 5";
        let settings = over(&["lcp.mru=1300", "lcp.accm='none'", "tun.device='ppp7'"]);
        let settings = Settings::parse(file, &settings).unwrap();
        assert_eq!(settings.link.lcp.mru, 1300);
        assert!(!settings.link.lcp.magic);
        assert_eq!(settings.link.lcp.accm, None);
        assert_eq!(settings.link.echo_interval, Some(Duration::from_secs(5)));
        assert_eq!(settings.tun.as_deref(), Some("ppp7"));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(error("[lcp]\nmruu = 1", &[]).contains("mruu"));
        assert!(error("", &["lcp.fcs=[8]"]).contains("neither 16 nor 32"));
        assert!(error("", &["auth.allow=['pap']"]).contains("no secret"));
        assert!(error("line = 'carrier-pigeon:coo'", &[]).contains("carrier-pigeon"));
        let twice = "[[secret]]\nname='a'\nsecret='1'\n[[secret]]\nname='a'\nsecret='2'";
        assert!(error(twice, &[]).contains("more than once"));
        assert!(error("ipv4.dns=['1.1.1.1','2.2.2.2','3.3.3.3']", &[]).contains("two"));
    }

    #[test]
    fn encryption_has_keys_in_hexadecimal_that_are_never_printed() {
        let file = "[ecp]\nrequired = false\ndese-key = '0123456789abcDEF'";
        let settings = Settings::parse(file, &[]).unwrap();
        let ecp = settings.link.ecp.as_ref().unwrap();
        assert!(ecp.dese_key.is_some());
        assert!(!ecp.required && ecp.triple_dese_key.is_none());
        assert!(!format!("{settings:?}").contains("137"));
        for wrong in ["0", "0g", "+1", "0123456789abcde", "\u{e9}"] {
            let error = error(&format!("ecp.dese-key = '{wrong}'"), &[]);
            assert!(error.contains("hexadecimal"), "{error}");
        }
    }

    #[test]
    fn what_is_dialled_on_demand_has_an_address() {
        let file = "[link]\non-demand = true\nholdoff = 7\n[ipv4]\naddress = '192.0.2.1'";
        let link = Settings::parse(file, &[]).unwrap().link;
        assert!(link.on_demand);
        assert_eq!(link.holdoff, Duration::from_secs(7));
        assert!(error("link.on-demand = true", &[]).contains("ipv4.address"));
        assert!(error(&format!("{file}\n[multilink]"), &[]).contains("multilink"));
    }

    #[test]
    fn secrets_are_found_by_name_and_never_printed() {
        let file = "auth.name='me'\n[[secret]]\nname='me'\nsecret='hush-1'\n\
                    [[secret]]\nname='you'\nsecret='hush-2'";
        let settings = Settings::parse(file, &[]).unwrap();
        assert!(settings.secrets.find(AuthRole::Ours, b"anybody").is_some());
        assert!(settings.secrets.find(AuthRole::Peer, b"you").is_some());
        assert!(settings.secrets.find(AuthRole::Peer, b"she").is_none());
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
