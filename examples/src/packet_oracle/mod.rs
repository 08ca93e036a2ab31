//! A gateway that answers a line protocol, so that its packets can be held against a kernel's.
//!
//! Each line is a JSON object, and so is each answer:
//!
//! | line | answer |
//! |---|---|
//! | `{"op":"reset","case":"...","config":{...}}` | `{"ok":true}`, or `{"skip":"why"}` |
//! | `{"op":"pkt","at_ms":0,"if":"in","pkt":"45..."}` | `{"out":[{"if":"out","pkt":"45..."}]}` |
//!
//! `at_ms` is the time: nothing here waits. The configuration names a profile (`napt`: masquerading and
//! a filter; `fw`: the filter alone; `rfc`: as `napt`, and as the RFCs ask for instead of as a kernel does) and the
//! kernel settings of the case.

mod compare;
mod live;
mod replay;
mod rules;
mod sequence;

pub use compare::{Comparison, Translation};
pub use live::KernelGateway;
pub use replay::{Case, Difference, Output, Step, Tally, replay};
pub use sequence::{Segment, Sequence};

use crate::gateway::{Gateway, GatewayConfig, Interface, Outcome, Route};
use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use flow_state::{TcpPolicy, Timers};
use nat::{Matching, Nat, NatConfig, Pool, Profile, Side};
use packet_buffer::Instant;
use packet_buffer::fragment::{FirstFragmentPolicy, ReassemblerConfig};
use packet_buffer::random::OsRandom;
use packet_buffer::wire::{IpProtocol, Ipv4Prefix, Ipv6Prefix};
use serde::Deserialize;
use serde_json::{Value, json};
use stateful_firewall::model::{Action, Condition, Policy, Protocol, Rule, Zone};
use stateful_firewall::{CompiledPolicy, Firewall, FirewallConfig, model};

/// The outside address of the gateway, and its only one there.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The inside address of the gateway.
pub const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// What a case says of the gateway.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CaseConfig {
    /// What the case is called.
    #[serde(default)]
    pub name: String,
    /// `napt`, `fw` or `rfc`; any other stands for rules of the case's own.
    pub profile: String,
    /// Kernel settings.
    #[serde(default)]
    pub sysctl: BTreeMap<String, Value>,
    /// The MTU of the inside link.
    #[serde(default)]
    pub mtu_in: Option<usize>,
    /// The MTU of the outside link.
    #[serde(default)]
    pub mtu_out: Option<usize>,
}

impl CaseConfig {
    /// A kernel setting as a number.
    fn number(&self, name: &str) -> Option<u64> {
        let value = self.sysctl.get(name)?;
        value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    }

    fn conntrack(&self, name: &str) -> Option<u64> {
        self.number(&format!("nf_conntrack_{name}"))
    }

    fn seconds(&self, name: &str, default: Duration) -> Duration {
        self.conntrack(name).map_or(default, Duration::from_secs)
    }

    fn timers(&self) -> Timers {
        let mut timers = Timers::linux();
        let tcp = &mut timers.tcp;
        for (name, field) in [
            ("syn_sent", &mut tcp.syn_sent),
            ("syn_recv", &mut tcp.syn_received),
            ("established", &mut tcp.established),
            ("fin_wait", &mut tcp.fin_wait),
            ("close_wait", &mut tcp.close_wait),
            ("last_ack", &mut tcp.last_ack),
            ("time_wait", &mut tcp.time_wait),
            ("close", &mut tcp.closed),
        ] {
            *field = self.seconds(&format!("tcp_timeout_{name}"), *field);
        }
        timers.udp = self.seconds("udp_timeout", timers.udp);
        timers.udp_stream = self.seconds("udp_timeout_stream", timers.udp_stream);
        timers.icmp = self.seconds("icmp_timeout", timers.icmp);
        timers
    }

    fn tcp_policy(&self) -> TcpPolicy {
        TcpPolicy::LinuxCompat {
            be_liberal: self.conntrack("tcp_be_liberal") == Some(1),
            loose: self.conntrack("tcp_loose") != Some(0),
            ignore_invalid_rst: self.conntrack("tcp_ignore_invalid_rst") == Some(1),
            max_retrans: 3,
        }
    }

    fn verifies(&self) -> bool {
        self.conntrack("checksum") != Some(0)
    }

    fn reverse_path(&self, interface: &str) -> bool {
        self.number(&format!("net/ipv4/conf/{interface}/rp_filter")) == Some(1)
    }
}

/// The gateway under test, and the protocol's answers.
pub struct PacketOracle {
    gateway: Option<Gateway>,
    /// Whether a firewall stands behind the translator.
    has_both: bool,
    last: Option<Outcome>,
}

/// The time when a case begins: nothing is at the epoch.
const START: Instant = Instant::from_secs(1_000);

impl PacketOracle {
    /// Without a gateway; the first line says which.
    pub const fn new() -> Self {
        Self {
            gateway: None,
            has_both: false,
            last: None,
        }
    }

    /// As [`new`](Self::new); in cases with address translation, whose filter the translator's own
    /// state is, the firewall stands behind it all the same.
    pub const fn with_both() -> Self {
        Self {
            gateway: None,
            has_both: true,
            last: None,
        }
    }

    /// Answers a line.
    ///
    /// # Errors
    ///
    /// When the line is none of the protocol's.
    pub fn answer(&mut self, line: &str) -> anyhow::Result<Value> {
        let line: Value = serde_json::from_str(line)?;
        let field = |name: &str| line.get(name).unwrap_or(&Value::Null);
        match field("op").as_str() {
            Some("reset") => {
                let mut config: CaseConfig = serde_json::from_value(field("config").clone())?;
                config.name = field("case").as_str().unwrap_or_default().to_owned();
                Ok(match self.reset(&config)? {
                    None => json!({ "ok": true }),
                    Some(why) => json!({ "skip": why }),
                })
            }
            Some("pkt") => {
                let octets = unhex(field("pkt").as_str().unwrap_or_default())?;
                let at = field("at_ms").as_u64().unwrap_or_default();
                let is_inside = field("if").as_str() == Some("in");
                let out: Vec<_> = self
                    .packet(Duration::from_millis(at), is_inside, &octets)
                    .iter()
                    .map(|(is_inside, octets)| json!({ "if": side_name(*is_inside), "pkt": to_hex(octets) }))
                    .collect();
                Ok(json!({ "out": out }))
            }
            _ => anyhow::bail!("neither reset nor pkt"),
        }
    }

    /// Sets up the gateway of a case; why not, where it is of no profile that this oracle has.
    ///
    /// # Errors
    ///
    /// When the gateway cannot be made.
    pub fn reset(&mut self, config: &CaseConfig) -> anyhow::Result<Option<&'static str>> {
        let mut nptv6 = None;
        let (nat, firewall) = match config.profile.as_str() {
            "napt" | "rfc" => {
                let firewall = self.has_both.then(|| firewall(config, lab_policy()));
                (Some(translator(config)?), firewall.transpose()?)
            }
            "fw" => (None, Some(firewall(config, lab_policy())?)),
            _ => {
                let Some(rules) = rules::of(config)? else {
                    return Ok(Some("rules that neither crate has"));
                };
                let policy = rules.policy.map(Ok);
                nptv6 = rules.nptv6;
                let firewall = policy.map(|policy| firewall(config, policy));
                (rules.nat, firewall.transpose()?)
            }
        };
        let mut gateway = Gateway::new(gateway_config(config), nat, firewall, Box::new(OsRandom))?;
        gateway.set_nptv6(nptv6);
        self.gateway = Some(gateway);
        Ok(None)
    }

    /// Hands in a packet; what comes out, and whether to the inside.
    pub fn packet(&mut self, at: Duration, is_inside: bool, octets: &[u8]) -> Vec<(bool, Vec<u8>)> {
        let Some(gateway) = &mut self.gateway else {
            return Vec::new();
        };
        let now = START + at;
        // The router's run loop, up to the time of the packet.
        while let Some(due) = gateway.poll_timeout().filter(|due| *due <= now) {
            gateway.handle_timeout(due);
        }
        self.last = Some(gateway.handle_input(now, usize::from(!is_inside), octets));
        let mut out = Vec::new();
        while let Some((interface, packet)) = gateway.poll_transmit() {
            out.push((interface == 0, packet.as_slice().to_vec()));
        }
        out
    }

    /// The addresses that inside hosts share.
    pub fn shared(&self) -> Vec<IpAddr> {
        let nat = self.gateway.as_ref().and_then(Gateway::nat);
        let pools = nat.into_iter().flat_map(|nat| &nat.config().pools);
        pools
            .flat_map(|pool| pool.addresses.iter().cloned())
            .flat_map(|range| range.start().to_bits()..=range.end().to_bits())
            .map(|bits| Ipv4Addr::from_bits(bits).into())
            .collect()
    }

    /// What became of the last packet.
    pub const fn last(&self) -> Option<Outcome> {
        self.last
    }

    /// The gateway of the last case.
    pub const fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }
}

impl Default for PacketOracle {
    fn default() -> Self {
        Self::new()
    }
}

const fn side_name(is_inside: bool) -> &'static str {
    if is_inside { "in" } else { "out" }
}

fn gateway_config(config: &CaseConfig) -> GatewayConfig {
    let v6 = |text: &str| {
        text.parse::<IpAddr>()
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    };
    let prefix = |a, b, c, d, length| {
        Ipv4Prefix::new(Ipv4Addr::new(a, b, c, d), length).unwrap_or(Ipv4Prefix::ALL)
    };
    let prefix6 = |text: &str, length| match v6(text) {
        IpAddr::V6(address) => Ipv6Prefix::new(address, length).unwrap_or(Ipv6Prefix::ALL),
        IpAddr::V4(_) => Ipv6Prefix::ALL,
    };
    let reassembler = ReassemblerConfig {
        timeout: config
            .number("net/ipv4/ipfrag_time")
            .map_or(Duration::from_secs(30), Duration::from_secs),
        first_fragment: FirstFragmentPolicy {
            whole_ipv6_header_chain: true,
            ..FirstFragmentPolicy::OFF
        },
        ..ReassemblerConfig::default()
    };
    GatewayConfig {
        interfaces: vec![
            Interface {
                name: "in0".to_owned(),
                addresses: vec![IpAddr::V4(INSIDE), v6("2001:db8:1::1")],
                networks: vec![prefix(10, 0, 0, 0, 24)],
                mtu: config.mtu_in.unwrap_or(1_500),
                side: Side::Inside,
                reverse_path: config.reverse_path("in0"),
            },
            Interface {
                name: "out0".to_owned(),
                addresses: vec![IpAddr::V4(OUTSIDE), v6("2001:db8:2::1")],
                networks: vec![prefix(203, 0, 113, 0, 24)],
                mtu: config.mtu_out.unwrap_or(1_500),
                side: Side::Outside,
                reverse_path: config.reverse_path("out0"),
            },
        ],
        routes: vec![
            Route::V4(prefix(10, 0, 0, 0, 24), 0),
            Route::V4(prefix(0, 0, 0, 0, 0), 1),
            Route::V6(prefix6("2001:db8:1::", 64), 0),
            Route::V6(prefix6("::", 0), 1),
        ],
        reassembler: Some(reassembler),
        firewall_outside: false,
        fill_options: true,
        max_transmits: 1_024,
    }
}

/// Masquerading, as `oifname "out0" masquerade`.
fn translator(config: &CaseConfig) -> anyhow::Result<Nat> {
    Ok(Nat::new(nat_config(config), Box::new(OsRandom))?)
}

fn nat_config(config: &CaseConfig) -> NatConfig {
    let is_rfc = config.profile == "rfc";
    let profile = if is_rfc {
        Profile::Rfc
    } else {
        Profile::LinuxCompat
    };
    let mut settings = profile.config(1_024);
    settings.pools = vec![Pool::of(OUTSIDE)];
    settings.rules = vec![nat::Rule {
        matching: Matching::all(),
        action: nat::Action::Napt(profile.napt(0)),
    }];
    settings.local = vec![INSIDE, OUTSIDE];
    if is_rfc {
        // As the firewall behind it does.
        settings.forget_refused = true;
    } else {
        settings.timers = config.timers();
        settings.tcp = config.tcp_policy();
        settings.verify_transport_checksums = config.verifies();
    }
    settings
}

/// What the lab's filter says: from inside to outside all, to the gateway echo requests and
/// ICMPv6, and everything that belongs to it.
fn lab_policy() -> Result<CompiledPolicy, stateful_firewall::CompileError> {
    let accept = |name: &str, condition: Condition| Rule {
        name: name.to_owned(),
        to: vec![Zone::SELF.to_owned()],
        condition,
        action: Action::Accept,
        ..Rule::default()
    };
    let policy = Policy {
        zones: vec![Zone::new("inside", 100), Zone::new("outside", 0)],
        interfaces: vec![
            model::Interface::new("in0", "inside"),
            model::Interface::new("out0", "outside"),
        ],
        rules: vec![
            accept(
                "echo",
                Condition {
                    protocols: vec![Protocol(IpProtocol::ICMP)],
                    icmp: vec![model::IcmpMatch {
                        message_type: 8,
                        code: None,
                    }],
                    ..Condition::default()
                },
            ),
            accept(
                "icmpv6",
                Condition {
                    protocols: vec![Protocol(IpProtocol::ICMPV6)],
                    ..Condition::default()
                },
            ),
            Rule {
                name: "nothing else for the gateway".to_owned(),
                to: vec![Zone::SELF.to_owned()],
                action: Action::Drop,
                ..Rule::default()
            },
        ],
        ..Policy::default()
    };
    CompiledPolicy::new(&policy)
}

fn firewall(
    config: &CaseConfig,
    policy: Result<CompiledPolicy, stateful_firewall::CompileError>,
) -> anyhow::Result<Firewall> {
    let mut settings = FirewallConfig::linux_compat(16_384);
    settings.timers = config.timers();
    settings.tcp = config.tcp_policy();
    if config.profile == "rfc" {
        settings = FirewallConfig::new(16_384);
        settings.timers = Profile::Rfc.config(1).timers;
        settings.tcp = Profile::Rfc.config(1).tcp;
    }
    settings.verify_checksums = config.verifies();
    Ok(Firewall::new(settings, policy?, Box::new(OsRandom))?)
}

/// Octets of a hexadecimal text.
///
/// # Errors
///
/// When it is none.
pub fn unhex(text: &str) -> anyhow::Result<Vec<u8>> {
    let digit = |octet: u8| {
        char::from(octet)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or_else(|| anyhow::anyhow!("not hexadecimal"))
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    anyhow::ensure!(rest.is_empty(), "half an octet");
    pairs
        .iter()
        .map(|[high, low]| Ok(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

/// A hexadecimal text of octets.
pub fn to_hex(octets: &[u8]) -> String {
    use core::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
