//! The rules of the cases that have rules of their own, as `nat` and `stateful-firewall` say them.

use super::{CaseConfig, OUTSIDE};
use anyhow::{Context as _, Result};
use core::net::Ipv4Addr;
use core::time::Duration;
use nat::nptv6::Nptv6;
use nat::{
    Action, Alias, Forward, Matching, Nat, NatConfig, Pool, Pooling, Profile, Rule, Target, alg,
};
use packet_buffer::random::OsRandom;
use packet_buffer::wire::{IpProtocol, Ipv4Prefix};
use stateful_firewall::{CompiledPolicy, language};

/// What a case's gateway is made of.
#[derive(Default)]
pub(super) struct Rules {
    /// The translator.
    pub(super) nat: Option<Nat>,
    /// What the firewall goes by.
    pub(super) policy: Option<CompiledPolicy>,
    /// Prefixes that stand for each other.
    pub(super) nptv6: Option<Nptv6>,
}

/// Zones and interfaces of all policies.
const LINKS: &str = "zone inside level 100 intra drop\nzone outside level 0\n";
const INTERFACES: &str = "interface in0 zone inside\ninterface out0 zone outside\n";

/// The filter of a case, in the firewall's language.
fn policy(case: &str) -> Option<String> {
    let (lists, interfaces, rules) = match case {
        "fw_first_match_vs_shadow" => (
            "",
            INTERFACES,
            "rules {\n drop from 10.0.0.2\n accept tcp from 10.0.0.0/24 to any port 80\n\
             accept tcp from 10.0.0.2 to any port 80\n drop\n}",
        ),
        // Both chains have to let a packet through.
        "fw_terminal_drop_across_chains" => {
            ("", INTERFACES, "rules {\n drop tcp port 80\n accept\n}")
        }
        "fw_zone_pair_policy" => (
            "",
            INTERFACES,
            "rules from inside to outside {\n accept tcp port { 80, 443 }\n accept udp port 53\n\
             drop\n}\nrules from outside to inside {\n accept tcp to 10.0.0.3 port 25\n drop\n}",
        ),
        "sg_stateful_allow_only" => (
            "addresses web { 198.51.100.10 }\n",
            INTERFACES,
            "rules from outside to inside {\n accept tcp from @web to any port 443\n drop\n}",
        ),
        "acl_stateless_numbered" => (
            "acl inner {\n 100 permit tcp from 10.0.0.2 to any port 443\n\
             200 deny tcp from 10.0.0.0/24 to any port 443\n}\n\
             acl outer {\n 300 permit tcp from any port 443 to any port 1024-65535\n\
             400 permit tcp flags ack/syn,ack\n}\n",
            "interface in0 zone inside acl-in inner\ninterface out0 zone outside acl-in outer\n",
            "rules {\n accept\n}",
        ),
        "tcp_reject_rst" => (
            "",
            INTERFACES,
            "rules from inside to outside {\n reject tcp port 23\n reject udp port 23\n\
             reject icmp\n accept\n}",
        ),
        _ => return None,
    };
    Some(format!("{LINKS}{lists}{interfaces}{rules}\n"))
}

fn from(source: &str, action: Action) -> Result<Rule> {
    Ok(Rule {
        matching: Matching::from_prefix(source.parse()?),
        action,
    })
}

/// The translation of a case, and whether there is any.
fn translation(case: &str, config: &mut NatConfig) -> Result<bool> {
    let profile = Profile::LinuxCompat;
    let mut pool = Pool::of(OUTSIDE);
    let mut napt = profile.napt(0);
    config.rules.clear();
    let forward = |protocol, outside, port: u16, targets: &[(u8, u16)]| Forward {
        protocol: Some(protocol),
        outside,
        ports: port..=port,
        source: Ipv4Prefix::ALL,
        targets: targets
            .iter()
            .map(|(host, port)| Target::new([10, 0, 0, *host].into(), *port))
            .collect(),
    };
    let at = |host: u8| Ipv4Addr::new(203, 0, 113, host);
    match case {
        _ if case.starts_with("hairpin_") || case.starts_with("pf_") => {
            napt.hairpin = true;
            config.forwards = vec![
                forward(IpProtocol::UDP, OUTSIDE, 7_000, &[(3, 6_000)]),
                forward(IpProtocol::TCP, OUTSIDE, 8_080, &[(3, 80)]),
            ];
        }
        _ if case.starts_with("alg_") || case.starts_with("slipstream_") => {}
        "dnat_round_robin" => {
            config.forwards = vec![forward(IpProtocol::UDP, at(5), 53, &[(2, 53), (3, 53)])];
        }
        "static_1to1" | "stateless_1to1" => {
            let outside = "203.0.113.5/32".parse()?;
            let rule = from("10.0.0.2/32", Action::Static { outside })?;
            config.rules.push(rule);
        }
        "static_prefix_map" => {
            let outside = "203.0.113.64/26".parse()?;
            let rule = from("10.0.0.0/26", Action::Static { outside })?;
            config.rules.push(rule);
        }
        "twice_nat" => {
            pool = Pool::of(at(6));
            config.aliases.push(Alias {
                alias: "198.51.100.99/32".parse()?,
                real: "198.51.100.10/32".parse()?,
            });
        }
        "udp_exhaustion_4_ports" | "udp_exhaustion_recovers" => {
            pool = Pool::of(at(5));
            pool.ports = if case == "udp_exhaustion_recovers" {
                40_000..=40_001
            } else {
                40_000..=40_003
            };
        }
        "udp_fully_random_port" | "udp_random_port" => napt.ports.preserve = false,
        "udp_pool_not_paired" => {
            pool = Pool::of_range(at(5)..=at(6));
            pool.pooling = Pooling::Arbitrary;
        }
        "udp_pool_persistent_paired" => pool = Pool::of_range(at(5)..=at(6)),
        "fw_notrack_related_lost" => config.rules.push(Rule {
            matching: Matching {
                protocol: Some(IpProtocol::UDP),
                destination_ports: 53..=53,
                ..Matching::all()
            },
            action: Action::Bypass,
        }),
        "tcp_mss_clamp" => config.clamp_mss = Some(1_200),
        "tcp_reject_rst" | "tcp_invalid_leak" => {}
        _ => return Ok(false),
    }
    config.pools = vec![pool];
    config.rules.push(Rule {
        matching: Matching::all(),
        action: Action::Napt(napt),
    });
    Ok(true)
}

/// The rules of a case; `None` where it has what neither crate has.
pub(super) fn of(case: &CaseConfig) -> Result<Option<Rules>> {
    let mut rules = Rules::default();
    if let Some(text) = policy(&case.name) {
        let policy = language::compile(&text).with_context(|| case.name.clone())?;
        rules.policy = Some(policy);
    }
    let mut config = super::nat_config(case);
    if translation(&case.name, &mut config)? {
        if case.name == "udp_exhaustion_recovers" {
            config.timers.udp = Duration::from_secs(1);
        }
        let mut nat = Nat::new(config, Box::new(OsRandom))?;
        nat.add_alg(Box::new(alg::Ftp::new()));
        nat.add_alg(Box::new(alg::Tftp::new()));
        nat.add_alg(Box::new(alg::Sip::new()));
        rules.nat = Some(nat);
    }
    if case.name == "v6_prefix_translation" {
        let (inside, outside) = ("2001:db8:1::/64".parse()?, "2001:db8:77::/64".parse()?);
        rules.nptv6 = Some(Nptv6::new(inside, outside)?);
    }
    // Zones keep apart what is one here all the same, without any rule.
    let is_bare = case.name == "fw_ct_zones_overlap";
    let is_any = rules.nat.is_some() || rules.policy.is_some() || rules.nptv6.is_some();
    Ok((is_any || is_bare).then_some(rules))
}
