//! The shape of the configuration file.

use super::keys::AuthenticationFile;
use alloc::collections::BTreeMap;
use core::fmt;
use core::marker::PhantomData;
use core::net::IpAddr;
use core::str::FromStr;
use core::time::Duration;
use rip::Family;
use rip::config::{Action, ReceiveVersion, SendVersion, SplitHorizon};
use serde::de::{Deserialize, Deserializer, Visitor};
use std::path::PathBuf;
use toml::Spanned;

/// The whole file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound = "")]
pub struct RouterFile {
    /// Where `--show` and `--json` find the router.
    pub control_socket: Option<PathBuf>,
    /// Where the sequence numbers of authentication are kept.
    pub state_file: Option<PathBuf>,
    /// Octets that may wait in a socket.
    pub receive_buffer: Option<usize>,
    /// The kernel's routes.
    #[serde(default)]
    pub kernel: KernelFile,
    /// RIP.
    pub rip: Option<ProtocolFile<rip::Ipv4>>,
    /// RIPng.
    pub ripng: Option<ProtocolFile<rip::Ipv6>>,
}

/// `[kernel]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KernelFile {
    /// Whether routes are written into the kernel.
    pub install: Option<bool>,
    /// Into which table.
    pub table: Option<u32>,
    /// With which priority.
    pub metric: Option<u32>,
}

/// `[rip]` or `[ripng]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound = "")]
pub struct ProtocolFile<F: Family> {
    /// Timers.
    #[serde(default)]
    pub timers: TimersFile,
    /// Administrative distance.
    pub distance: Option<u8>,
    /// Next hops of equal metric.
    pub max_paths: Option<u8>,
    /// RFC 2453 §3.9.2.
    pub switch_at_half_timeout: Option<bool>,
    /// Limits.
    pub max_prefixes: Option<usize>,
    /// Limits.
    pub max_routes_per_neighbor: Option<usize>,
    /// Limits.
    pub max_neighbors: Option<usize>,
    /// Routes of other sources that are announced.
    #[serde(default)]
    pub redistribute: Vec<Spanned<RedistributeFile>>,
    /// Routes of the configuration itself.
    #[serde(default, rename = "static")]
    pub statics: Vec<Spanned<StaticFile<F>>>,
    /// Filters by name.
    #[serde(default)]
    pub filter: BTreeMap<String, FilterFile<F>>,
    /// Interfaces.
    #[serde(default)]
    pub interface: Vec<Spanned<InterfaceFile<F>>>,
}

/// `[rip.timers]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimersFile {
    /// From one regular update to the next.
    pub update: Option<Seconds>,
    /// By how much that is longer or shorter.
    pub jitter: Option<Seconds>,
    /// How long a route is used that is not heard of.
    pub timeout: Option<Seconds>,
    /// How long it is announced as unreachable then.
    pub garbage: Option<Seconds>,
    /// The shortest time between triggered updates.
    pub triggered_min: Option<Seconds>,
    /// The longest.
    pub triggered_max: Option<Seconds>,
}

/// `[[rip.redistribute]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedistributeFile {
    /// Which routes.
    pub source: RedistributeSource,
    /// With which metric.
    pub metric: Option<u8>,
    /// With which tag.
    pub tag: Option<u16>,
    /// Those that this filter permits.
    pub filter: Option<String>,
}

/// What can be redistributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedistributeSource {
    /// Networks of interfaces on which the protocol does not run.
    Connected,
    /// Routes of the configuration.
    Static,
}

/// `[[rip.static]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound = "")]
pub struct StaticFile<F: Family> {
    /// Where it leads.
    pub prefix: Text<F::Prefix>,
    /// Its metric.
    pub metric: Option<u8>,
    /// Its tag.
    pub tag: Option<u16>,
}

/// `[rip.filter.NAME]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound = "")]
pub struct FilterFile<F: Family> {
    /// The rules.
    #[serde(default)]
    pub rules: Vec<Spanned<RuleFile<F>>>,
    /// What happens to routes that no rule matches.
    pub otherwise: ActionFile,
}

/// A rule of a filter.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound = "")]
pub struct RuleFile<F: Family> {
    /// What happens.
    pub action: ActionFile,
    /// To routes in this prefix.
    pub within: Text<F::Prefix>,
    /// With at least so many bits.
    pub min_length: Option<u8>,
    /// With at most so many bits.
    pub max_length: Option<u8>,
    /// With this tag.
    pub tag: Option<u16>,
}

/// An entry of an offset list.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound = "")]
pub struct OffsetFile<F: Family> {
    /// Routes in this prefix.
    pub within: Text<F::Prefix>,
    /// What is added to their metrics.
    pub add: u8,
}

/// `[[rip.interface]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", bound = "")]
pub struct InterfaceFile<F: Family> {
    /// Its name, or the start of its name and `*`.
    pub name: String,
    /// What the link adds to metrics.
    pub cost: Option<u8>,
    /// Whether its networks are announced.
    pub announce_connected: Option<bool>,
    /// What is sent.
    pub send: Option<Send>,
    /// What is taken in.
    pub receive: Option<Receive>,
    /// Nothing is sent to the group.
    pub passive: Option<bool>,
    /// Routers that get updates by unicast.
    #[serde(default)]
    pub neighbors: Vec<Text<IpAddr>>,
    /// From one regular update to the next.
    pub update: Option<Seconds>,
    /// Split horizon.
    pub split_horizon: Option<Horizon>,
    /// The name of a filter.
    pub filter_in: Option<String>,
    /// The name of a filter.
    pub filter_out: Option<String>,
    /// What is added to metrics that are learned.
    #[serde(default)]
    pub offset_in: Vec<OffsetFile<F>>,
    /// What is added to metrics that are announced.
    #[serde(default)]
    pub offset_out: Vec<OffsetFile<F>>,
    /// A default route to announce.
    pub default_route: Option<DefaultRouteFile>,
    /// How fast messages leave.
    #[serde(default)]
    pub pacing: PacingFile,
    /// Who is answered.
    #[serde(default)]
    pub requests: RequestsFile,
    /// The least TTL that is taken in.
    pub min_hop_limit: Option<u8>,
    /// RFC 2091.
    pub demand_circuit: Option<DemandCircuitFile>,
    /// A password or keys.
    pub authentication: Option<AuthenticationFile>,
}

/// `default-route`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DefaultRouteFile {
    /// Its metric.
    pub metric: u8,
    /// Its tag.
    #[serde(default)]
    pub tag: u16,
}

/// `pacing`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PacingFile {
    /// Messages a second.
    pub packets_per_second: Option<u32>,
    /// Messages at once after a pause.
    pub burst: Option<u32>,
}

/// `requests`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestsFile {
    /// Whether monitors get the whole table.
    pub whole_table_to_any_port: Option<bool>,
    /// Whether requests for single routes are answered.
    pub specific: Option<bool>,
    /// How many are answered in a second.
    pub per_second: Option<u32>,
    /// Whole tables under way at a time.
    pub max_pending: Option<usize>,
}

/// `demand-circuit`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DemandCircuitFile {
    /// From one transmission to the next.
    pub retransmission: Option<Seconds>,
    /// How many.
    pub max_transmissions: Option<u32>,
    /// How long routes through a circuit are kept that could not be had.
    pub oversubscription: Option<Seconds>,
}

/// `send`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Send {
    /// Nothing.
    None,
    /// Version 1, by broadcast.
    V1,
    /// Version 2, by broadcast.
    V1Compatible,
    /// Version 2, by multicast.
    V2,
    /// RIPng.
    On,
}

impl From<Send> for SendVersion {
    fn from(send: Send) -> Self {
        match send {
            Send::None => Self::None,
            Send::V1 => Self::V1,
            Send::V1Compatible => Self::V1Compatible,
            Send::V2 | Send::On => Self::V2,
        }
    }
}

/// `receive`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receive {
    /// Nothing.
    None,
    /// Version 1.
    V1,
    /// Version 2.
    V2,
    /// Both.
    Both,
    /// RIPng.
    On,
}

impl From<Receive> for ReceiveVersion {
    fn from(receive: Receive) -> Self {
        match receive {
            Receive::None => Self::None,
            Receive::V1 => Self::V1,
            Receive::V2 | Receive::On => Self::V2,
            Receive::Both => Self::Both,
        }
    }
}

/// `split-horizon`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Horizon {
    /// None.
    Off,
    /// Routes are left out.
    Simple,
    /// Routes are announced with metric 16.
    PoisonedReverse,
}

impl From<Horizon> for SplitHorizon {
    fn from(horizon: Horizon) -> Self {
        match horizon {
            Horizon::Off => Self::Off,
            Horizon::Simple => Self::Simple,
            Horizon::PoisonedReverse => Self::PoisonedReverse,
        }
    }
}

/// `permit` or `deny`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionFile {
    /// The route passes.
    Permit,
    /// It is left out.
    Deny,
}

impl From<ActionFile> for Action {
    fn from(action: ActionFile) -> Self {
        match action {
            ActionFile::Permit => Self::Permit,
            ActionFile::Deny => Self::Deny,
        }
    }
}

/// A time in seconds, whole or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds, such as 30 or 0.5")
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Seconds, E> {
                let seconds =
                    u64::try_from(value).map_err(|_| E::custom("a time cannot be negative"))?;
                Ok(Seconds(Duration::from_secs(seconds)))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Seconds, E> {
                let time = Duration::try_from_secs_f64(value);
                time.map(Seconds).map_err(|why| E::custom(why.to_string()))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// Something that is written as text: an address or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<'de, T> Deserialize<'de> for Text<T>
where
    T: FromStr<Err: fmt::Display>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parse<T>(PhantomData<T>);
        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parse<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address or prefix as text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text<T>, E> {
                let parsed = text.parse().map(Text);
                parsed.map_err(|why| E::custom(format!("{text:?}: {why}")))
            }
        }
        deserializer.deserialize_str(Parse(PhantomData))
    }
}
