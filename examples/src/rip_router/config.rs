//! The configuration file, in TOML: `examples/rip_router.toml` explains every key.
//!
//! Errors name the line, what is wrong there and what would be right.

use super::file::{InterfaceFile, ProtocolFile, RouterFile, Seconds, Text};
use alloc::collections::BTreeMap;
use anyhow::{Context, Result, anyhow, bail};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::Range;
use core::time::Duration;
use packet_buffer::{Instant, RandomSource};
use rip::auth::{Authentication, SequenceState};
use rip::config::{
    Config, ConfigError, DefaultRoute, DemandCircuit, Filter, InterfaceAddress, InterfaceConfig,
    Ipv4Switches, Ipv6Switches, Offset, Pacing, Redistribution, RequestPolicy, Timers,
};
use rip::engine::{Engine, InterfaceId};
use rip::rib::{LocalRoute, NextHop, Source};
use rip::{Family, Ipv4, Ipv6};
use std::path::{Path, PathBuf};

use super::netlink::RouteOwner;

/// A configuration that was checked.
#[derive(Debug)]
pub struct RouterConfig {
    /// Where `--show` and `--json` find the router.
    pub control_socket: PathBuf,
    /// What has to survive a restart: the sequence numbers of authentication.
    pub state_file: PathBuf,
    /// Octets that may wait in a socket.
    pub receive_buffer: usize,
    /// Which routes of the kernel are ours; `None` when none are written.
    pub kernel: Option<RouteOwner>,
    /// RIP, if it is to run.
    pub rip: Option<ProtocolConfig<Ipv4>>,
    /// RIPng, if it is to run.
    pub ripng: Option<ProtocolConfig<Ipv6>>,
}

/// What one protocol is told.
#[derive(Debug)]
pub struct ProtocolConfig<F: Family> {
    /// What holds for the router.
    pub router: Config<F>,
    /// Routes of the configuration itself.
    pub statics: Vec<LocalRoute<F>>,
    /// The networks of interfaces on which the protocol does not run are redistributed.
    pub connected: bool,
    /// Interfaces by name, or by the start of their names (`eth*`); the first that fits counts.
    pub interfaces: Vec<(String, InterfaceConfig<F>)>,
}

impl<F: Family> ProtocolConfig<F> {
    /// Whether messages are authenticated on some interface.
    pub fn is_authenticated(&self) -> bool
    where
        F: LiveFamily,
    {
        let mut interfaces = self.interfaces.iter();
        interfaces.any(|(_, config)| F::is_authenticated(&config.switches))
    }

    /// How long paced messages may be held back, so that a few leave together and the router is not woken for
    /// each: half of what fills the emptiest bucket, and at most 20 ms.
    pub fn patience(&self) -> Duration {
        let fill = self.interfaces.iter().map(|(_, config)| {
            let pacing = &config.pacing;
            Duration::from_secs(1) * pacing.burst / pacing.packets_per_second.max(1) / 2
        });
        fill.min()
            .unwrap_or_default()
            .min(Duration::from_millis(20))
    }

    /// What the interface `name` is told; `None` when the protocol does not run there.
    pub fn interface(&self, name: &str) -> Option<&InterfaceConfig<F>> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        let mut interfaces = self.interfaces.iter();
        let (_, config) = interfaces.find(|(pattern, _)| fits(pattern))?;
        Some(config)
    }
}

/// What the file needs to know of a family beyond the engine's trait.
pub trait LiveFamily: Family {
    /// The name of the table in the file.
    const TABLE: &'static str;
    /// What people call the protocol.
    const NAME: &'static str;
    /// An address with which a configuration can be tried out.
    const SAMPLE: (Self::Address, u8);
    /// The switches of the family, or why they are not of it.
    ///
    /// # Errors
    ///
    /// The file has switches that are of the other family.
    fn switches(file: &InterfaceFile<Self>) -> Result<Self::Switches>;
    /// The sequence numbers of authentication on an interface, where there is any.
    fn sequence_state(engine: &Engine<Self>, interface: InterfaceId) -> Option<SequenceState>;
    /// Takes sequence numbers over that were saved before a restart.
    fn restore(engine: &mut Engine<Self>, interface: InterfaceId, saved: &SequenceState);
    /// Whether messages are authenticated.
    fn is_authenticated(switches: &Self::Switches) -> bool;
    /// The same as an address of any family.
    fn ip(address: Self::Address) -> core::net::IpAddr;
    /// The address, if it is of this family.
    fn address(ip: core::net::IpAddr) -> Option<Self::Address>;
}

impl LiveFamily for Ipv4 {
    const TABLE: &'static str = "rip";
    const NAME: &'static str = "RIP";
    const SAMPLE: (Ipv4Addr, u8) = (Ipv4Addr::new(192, 0, 2, 1), 24);

    fn switches(file: &InterfaceFile<Self>) -> Result<Ipv4Switches> {
        let mut switches = Ipv4Switches::default();
        if let Some(send) = file.send {
            switches.send = send.into();
        }
        if let Some(receive) = file.receive {
            switches.receive = receive.into();
        }
        if let Some(authentication) = &file.authentication {
            (switches.authentication, switches.auth_options) = authentication.read()?;
        }
        Ok(switches)
    }

    fn sequence_state(engine: &Engine<Self>, interface: InterfaceId) -> Option<SequenceState> {
        engine.sequence_state(interface)
    }

    fn restore(engine: &mut Engine<Self>, interface: InterfaceId, saved: &SequenceState) {
        engine.restore_sequence_state(interface, saved);
    }

    fn is_authenticated(switches: &Ipv4Switches) -> bool {
        switches.authentication != Authentication::None
    }

    fn ip(address: Ipv4Addr) -> core::net::IpAddr {
        address.into()
    }

    fn address(ip: core::net::IpAddr) -> Option<Ipv4Addr> {
        match ip {
            core::net::IpAddr::V4(address) => Some(address),
            core::net::IpAddr::V6(_) => None,
        }
    }
}

impl LiveFamily for Ipv6 {
    const TABLE: &'static str = "ripng";
    const NAME: &'static str = "RIPng";
    const SAMPLE: (Ipv6Addr, u8) = (Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 1), 64);

    fn switches(file: &InterfaceFile<Self>) -> Result<Ipv6Switches> {
        use super::file::{Receive, Send};
        if file.authentication.is_some() {
            bail!("RIPng has no `authentication`: it leaves that to IPsec (RFC 2080 §3)");
        }
        let send = match file.send {
            None | Some(Send::On) => true,
            Some(Send::None) => false,
            Some(_) => bail!("`send` of RIPng is \"on\" or \"none\": versions are RIP's"),
        };
        let receive = match file.receive {
            None | Some(Receive::On) => true,
            Some(Receive::None) => false,
            Some(_) => bail!("`receive` of RIPng is \"on\" or \"none\": versions are RIP's"),
        };
        Ok(Ipv6Switches { send, receive })
    }

    fn sequence_state(_: &Engine<Self>, _: InterfaceId) -> Option<SequenceState> {
        None
    }

    fn restore(_: &mut Engine<Self>, _: InterfaceId, _: &SequenceState) {}

    fn is_authenticated(_: &Ipv6Switches) -> bool {
        false
    }

    fn ip(address: Ipv6Addr) -> core::net::IpAddr {
        address.into()
    }

    fn address(ip: core::net::IpAddr) -> Option<Ipv6Addr> {
        match ip {
            core::net::IpAddr::V6(address) => Some(address),
            core::net::IpAddr::V4(_) => None,
        }
    }
}

/// A place in the file where something is wrong, and what.
struct Complaint {
    place: Range<usize>,
    what: anyhow::Error,
}

type Checked<T> = core::result::Result<T, Complaint>;

fn at<T>(place: Range<usize>, result: Result<T>) -> Checked<T> {
    result.map_err(|what| Complaint { place, what })
}

impl RouterConfig {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the first thing that is wrong in it: the error names line and column.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong in it, with line and column.
    pub fn parse(text: &str) -> Result<Self> {
        let file: RouterFile = toml::from_str(text)?;
        Self::check(file).map_err(|complaint| {
            let before = text.get(..complaint.place.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            anyhow!("line {line}, column {column}: {:#}", complaint.what)
        })
    }

    fn check(file: RouterFile) -> Checked<Self> {
        let rip = file.rip.map(ProtocolConfig::check).transpose()?;
        let ripng = file.ripng.map(ProtocolConfig::check).transpose()?;
        if rip.is_none() && ripng.is_none() {
            let nothing = Err(anyhow!("there is neither a table [rip] nor [ripng]"));
            return at(0..0, nothing);
        }
        let install = file.kernel.install.unwrap_or(true);
        let owner = RouteOwner {
            table: file.kernel.table.unwrap_or(254),
            metric: file.kernel.metric.unwrap_or(120),
        };
        let run = |name: &str| PathBuf::from("/run").join(name);
        let lib = PathBuf::from("/var/lib/rip_router/sequence");
        Ok(Self {
            control_socket: file
                .control_socket
                .unwrap_or_else(|| run("rip_router.sock")),
            state_file: file.state_file.unwrap_or(lib),
            receive_buffer: file.receive_buffer.unwrap_or(8 << 20),
            kernel: install.then_some(owner),
            rip,
            ripng,
        })
    }
}

impl<F: LiveFamily> ProtocolConfig<F> {
    fn check(file: ProtocolFile<F>) -> Checked<Self> {
        let filters = filters(&file)?;
        let named = |name: Option<&String>| match name {
            None => Ok(Filter::PERMIT_ALL),
            Some(name) => filters
                .get(name)
                .cloned()
                .with_context(|| format!("there is no filter [{}.filter.{name}]", F::TABLE)),
        };
        let mut router = router(&file);
        let mut connected = false;
        for entry in &file.redistribute {
            let rule = entry.get_ref();
            let source = match rule.source {
                super::file::RedistributeSource::Connected => Source::Connected,
                super::file::RedistributeSource::Static => Source::Static,
            };
            connected |= source == Source::Connected;
            router.redistribute.push(Redistribution {
                source,
                metric: rule.metric,
                tag: rule.tag,
                filter: at(entry.span(), named(rule.filter.as_ref()))?,
            });
        }
        // The engine knows best what can work: it is tried out.
        let mut engine = at(0..0, trial(&router))?;
        let mut statics = Vec::new();
        for entry in &file.statics {
            let route = static_route(entry.get_ref());
            at(
                entry.span(),
                engine.add_route(Instant::ZERO, route).map_err(refused),
            )?;
            statics.push(route);
        }
        let mut interfaces = Vec::new();
        for (number, entry) in (1..).zip(&file.interface) {
            let interface = entry.get_ref();
            let config = at(entry.span(), interface_config(interface, &named))?;
            let sample = InterfaceAddress {
                address: F::SAMPLE.0,
                prefix_length: F::SAMPLE.1,
            };
            let mut sampled = config.clone();
            sampled.addresses.push(sample);
            let added = engine.add_interface(Instant::ZERO, InterfaceId(number), sampled);
            at(
                entry.span(),
                added
                    .map_err(refused)
                    .with_context(|| format!("interface {:?}", interface.name)),
            )?;
            interfaces.push((interface.name.clone(), config));
        }
        Ok(Self {
            router,
            statics,
            connected,
            interfaces,
        })
    }
}

/// Draws nothing of worth: configurations are only tried out with it.
struct Zeroes;

impl RandomSource for Zeroes {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

fn trial<F: LiveFamily>(router: &Config<F>) -> Result<Engine<F>> {
    let engine = Engine::new(router.clone(), Box::new(Zeroes));
    engine
        .map_err(refused)
        .with_context(|| format!("in the table [{}]", F::TABLE))
}

/// The engine names its own fields; the file's keys are the same with dashes.
fn refused(why: ConfigError) -> anyhow::Error {
    anyhow!("{}: {}", why.field.replace('_', "-"), why.problem)
}

fn filters<F: LiveFamily>(file: &ProtocolFile<F>) -> Checked<BTreeMap<String, Filter<F>>> {
    let mut filters = BTreeMap::new();
    for (name, filter) in &file.filter {
        let mut rules = Vec::new();
        for entry in &filter.rules {
            let rule = entry.get_ref();
            let mut made = rip::config::FilterRule::within(rule.action.into(), rule.within.0);
            if let Some(length) = rule.min_length {
                made.min_length = length;
            }
            if let Some(length) = rule.max_length {
                made.max_length = length;
            }
            made.tag = rule.tag;
            let lengths = F::length(&rule.within.0)..=F::BITS;
            if made.min_length > made.max_length
                || !lengths.contains(&made.min_length)
                || !lengths.contains(&made.max_length)
            {
                let wrong = Err(anyhow!(
                    "lengths have to be from {} to {}, the least first",
                    lengths.start(),
                    lengths.end()
                ));
                return at(entry.span(), wrong);
            }
            rules.push(made);
        }
        let otherwise = filter.otherwise.into();
        filters.insert(name.clone(), Filter { rules, otherwise });
    }
    Ok(filters)
}

/// Sets a field where the file says something; the default stays otherwise.
macro_rules! take {
    ($to:expr, $from:expr; $($field:ident),*) => { $(
        if let Some(value) = $from.$field.clone() {
            $to.$field = value.into();
        }
    )* };
}

fn router<F: LiveFamily>(file: &ProtocolFile<F>) -> Config<F> {
    let mut router = Config::default();
    take!(router, file; distance, max_paths, switch_at_half_timeout, max_prefixes);
    take!(router, file; max_routes_per_neighbor, max_neighbors);
    let mut timers = Timers::default();
    take!(timers, file.timers; update, jitter, timeout, garbage, triggered_min, triggered_max);
    router.timers = timers;
    router
}

fn static_route<F: LiveFamily>(file: &super::file::StaticFile<F>) -> LocalRoute<F> {
    LocalRoute {
        prefix: file.prefix.0,
        source: Source::Static,
        distance: 1,
        metric: file.metric.unwrap_or(1),
        tag: file.tag.unwrap_or(0),
        next_hop: NextHop {
            interface: None,
            address: F::UNSPECIFIED,
        },
    }
}

fn interface_config<F: LiveFamily>(
    file: &InterfaceFile<F>,
    named: &impl Fn(Option<&String>) -> Result<Filter<F>>,
) -> Result<InterfaceConfig<F>> {
    // The addresses are the kernel's, and told when the interface is there.
    let mut config = InterfaceConfig::new(Vec::new());
    take!(config, file; cost, announce_connected, passive, split_horizon, min_hop_limit);
    config.switches = F::switches(file)?;
    for Text(ip) in &file.neighbors {
        let address = F::address(*ip);
        let address = address.with_context(|| format!("{ip} is no neighbor for {}", F::NAME))?;
        config.neighbors.push(address);
    }
    config.update = file.update.map(|Seconds(time)| time);
    config.filter_in = named(file.filter_in.as_ref())?;
    config.filter_out = named(file.filter_out.as_ref())?;
    let offset = |entry: &super::file::OffsetFile<F>| Offset {
        within: entry.within.0,
        metric: entry.add,
    };
    config.offset_in = file.offset_in.iter().map(offset).collect();
    config.offset_out = file.offset_out.iter().map(offset).collect();
    config.default_route = file.default_route.as_ref().map(|route| DefaultRoute {
        metric: route.metric,
        tag: route.tag,
    });
    let mut pacing = Pacing::default();
    take!(pacing, file.pacing; packets_per_second, burst);
    config.pacing = pacing;
    let mut requests = RequestPolicy::default();
    take!(requests, file.requests; whole_table_to_any_port, specific, per_second, max_pending);
    config.requests = requests;
    config.demand_circuit = file.demand_circuit.as_ref().map(|file| {
        let mut circuit = DemandCircuit::default();
        take!(circuit, file; retransmission, max_transmissions, oversubscription);
        circuit
    });
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rip::config::{Action, SendVersion, SplitHorizon};

    /// The file that explains every setting.
    const EXAMPLE: &str = include_str!("../../rip_router.toml");

    fn complaint(text: &str) -> String {
        format!("{:#}", RouterConfig::parse(text).unwrap_err())
    }

    #[test]
    fn the_example_holds_the_defaults() {
        let config = RouterConfig::parse(EXAMPLE).unwrap();
        let rip = config.rip.unwrap();
        let redistribute = rip.router.redistribute.clone();
        assert_eq!(redistribute.len(), 2);
        let defaults = Config {
            redistribute,
            ..Config::default()
        };
        assert_eq!(rip.router, defaults);
        let given = rip.interface("eth7").unwrap();
        let default = InterfaceConfig::<Ipv4>::new(Vec::new());
        assert_eq!(format!("{given:?}"), format!("{default:?}"));
        assert!(rip.interface("wlan0").is_none());
        assert_eq!(config.ripng.unwrap().router.max_paths, 4);
        let minimal = RouterConfig::parse("[rip]").unwrap();
        assert_eq!(minimal.kernel, config.kernel);
        assert_eq!(minimal.control_socket, config.control_socket);
        assert_eq!(minimal.state_file, config.state_file);
        assert_eq!(minimal.receive_buffer, config.receive_buffer);
    }

    #[test]
    fn settings_arrive() {
        let config = RouterConfig::parse(
            r#"
            [rip]
            max-paths = 4
            timers = { update = 5, jitter = 0.5, timeout = 15, garbage = 10 }
            filter.ours = { otherwise = "deny", rules = [
                { action = "permit", within = "10.0.0.0/8", max-length = 24 } ] }
            redistribute = [{ source = "static", metric = 3, filter = "ours" }]
            static = [{ prefix = "198.51.100.0/24", tag = 9 }]
            [[rip.interface]]
            name = "eth0"
            send = "v1-compatible"
            split-horizon = "poisoned-reverse"
            filter-in = "ours"
            neighbors = ["192.0.2.9"]
            "#,
        );
        let rip = config.unwrap().rip.unwrap();
        assert_eq!(rip.router.max_paths, 4);
        assert_eq!(rip.router.timers.jitter.as_millis(), 500);
        assert_eq!(rip.router.redistribute[0].metric, Some(3));
        assert_eq!(rip.statics[0].tag, 9);
        let eth0 = rip.interface("eth0").unwrap();
        assert_eq!(eth0.switches.send, SendVersion::V1Compatible);
        assert_eq!(eth0.split_horizon, SplitHorizon::PoisonedReverse);
        assert_eq!(eth0.neighbors, [Ipv4Addr::new(192, 0, 2, 9)]);
        let decide = |prefix: &str| eth0.filter_in.decide(&prefix.parse().unwrap(), 0);
        assert_eq!(decide("10.1.0.0/16"), Action::Permit);
        assert_eq!(decide("10.1.0.0/25"), Action::Deny);
    }

    #[test]
    fn errors_name_the_place_and_what_would_be_right() {
        let cases = [
            ("", "neither a table [rip] nor [ripng]"),
            ("[rip]\nmax-pahts = 2", "line 2, column 1"),
            ("[rip]\nmax-pahts = 2", "max-paths"),
            (
                "[rip]\ntimers.update = \"soon\"",
                "seconds, such as 30 or 0.5",
            ),
            ("[rip]\ntimers.update = -1", "cannot be negative"),
            ("[rip]\ntimers.jitter = 40", "less than the update interval"),
            (
                "[rip]\n\n[[rip.interface]]\nname = \"a\"\ncost = 16",
                "line 3, column 1",
            ),
            (
                "[rip]\n[[rip.interface]]\nname = \"a\"\ncost = 16",
                "from 1 to 15",
            ),
            (
                "[rip]\n[[rip.interface]]\nname = \"a\"\nfilter-in = \"x\"",
                "no filter [rip.filter.x]",
            ),
            (
                "[rip]\nstatic = [{ prefix = \"10.0.0.1/8\" }]",
                "bits set behind the length",
            ),
            (
                "[rip]\n[[rip.interface]]\nname = \"a\"\nneighbors = [\"::1\"]",
                "::1 is no neighbor",
            ),
            (
                "[ripng]\n[[ripng.interface]]\nname = \"a\"\nsend = \"v1\"",
                "\"on\" or \"none\"",
            ),
            (
                "[rip]\n[rip.filter.f]\notherwise = \"deny\"\nrules = [\n\
                 { action = \"deny\", within = \"10.0.0.0/8\", max-length = 7 }]",
                "line 5, column 1: lengths have to be from 8 to 32",
            ),
        ];
        for (text, expected) in cases {
            let found = complaint(text);
            assert!(
                found.contains(expected),
                "{text:?} says {found:?}, not {expected:?}"
            );
        }
    }
}
