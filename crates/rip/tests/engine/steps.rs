//! Conformance as data: the files in `tests/steps` hold what happens, line by line, and below each
//! line what the router does. `RIP_BLESS=1` writes what it does now into the files; read the
//! difference before it is committed.
//!
//! ```text
//! family ipv4|ipv6
//! config max_paths N | half_timeout off | redistribute static [METRIC]
//! interface N ADDRESS/LENGTH... [KEY VALUE]...
//!     cost C, split off|simple|poisoned, send none|v1|compatible|v2, receive none|v1|v2|both,
//!     passive yes, neighbor ADDRESS, default METRIC, deny-in PREFIX, deny-out PREFIX, mtu N
//! receive N SOURCE[#PORT] request|response VERSION [ENTRY, ENTRY...]
//!     ENTRY: PREFIX METRIC [tag T] [via ADDRESS], or `all`, or `hop ADDRESS` (IPv6)
//! raw N SOURCE HEX
//! wait SECONDS
//! link N up|down      addresses N [ADDRESS/LENGTH...]      remove N
//! static PREFIX METRIC [via N ADDRESS]      unstatic PREFIX      shutdown
//! table      changes
//! ```
//!
//! Answers: `<` a message (time, interface, destination), `!` why a message was ignored, `|` a line of
//! the table, `+` a change for the forwarding table. All randomness is zero: updates come 25 s after each other,
//! triggered ones after 1 s.

use core::fmt::Write as _;
use core::time::Duration;
use std::path::Path;

use packet_buffer::Instant;
use rip::config::*;
use rip::engine::*;
use rip::rib::{NextHop, *};
use rip::wire::*;
use rip::{Ipv4, Ipv6};

use crate::support::*;

/// What the reader of the files needs of a family.
trait Text: Wire {
    fn switches(switches: &mut Self::Switches, key: &str, value: &str) -> bool;
    fn message(command: Command, version: u8, entries: &[&str]) -> Vec<u8>;
    fn show(sent: &Sent<Self>) -> (Command, u8, Vec<String>);
}

impl Text for Ipv4 {
    fn switches(switches: &mut Ipv4Switches, key: &str, value: &str) -> bool {
        match (key, value) {
            ("send", "none") => switches.send = SendVersion::None,
            ("send", "v1") => switches.send = SendVersion::V1,
            ("send", "compatible") => switches.send = SendVersion::V1Compatible,
            ("send", "v2") => switches.send = SendVersion::V2,
            ("receive", "none") => switches.receive = ReceiveVersion::None,
            ("receive", "v1") => switches.receive = ReceiveVersion::V1,
            ("receive", "v2") => switches.receive = ReceiveVersion::V2,
            ("receive", "both") => switches.receive = ReceiveVersion::Both,
            _ => return false,
        }
        true
    }

    fn message(command: Command, version: u8, entries: &[&str]) -> Vec<u8> {
        let entries = entries.iter().map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            if words == ["all"] {
                return RipEntryRepr::WHOLE_TABLE;
            }
            let (address, length) = words[0].split_once('/').unwrap_or((words[0], ""));
            let mut entry = RipEntryRepr::route_v1(address.parse().unwrap(), 0);
            entry.metric = words[1].parse().unwrap();
            if let Ok(length) = length.parse() {
                let mask = packet_buffer::wire::Ipv4Prefix::new(entry.address, length);
                entry.subnet_mask = mask.unwrap().netmask();
            }
            for pair in words[2..].chunks(2) {
                match pair[0] {
                    "tag" => entry.route_tag = pair[1].parse().unwrap(),
                    "via" => entry.next_hop = pair[1].parse().unwrap(),
                    "mask" => entry.subnet_mask = pair[1].parse().unwrap(),
                    "family" => entry.address_family = pair[1].parse().unwrap(),
                    other => panic!("{other}"),
                }
            }
            entry
        });
        message(command, version, entries)
    }

    fn show(sent: &Sent<Self>) -> (Command, u8, Vec<String>) {
        let message = RipMessage::parse(&sent.payload).unwrap();
        let mut entries = routes(sent);
        if message.request_kind() == RequestKind::WholeTable {
            entries = vec!["all".to_owned()];
        }
        (message.command(), message.version(), entries)
    }
}

impl Text for Ipv6 {
    fn switches(switches: &mut Ipv6Switches, key: &str, value: &str) -> bool {
        match (key, value) {
            ("send", "none") => switches.send = false,
            ("receive", "none") => switches.receive = false,
            _ => return false,
        }
        true
    }

    fn message(command: Command, _: u8, entries: &[&str]) -> Vec<u8> {
        let entries = entries.iter().map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            match words[0] {
                "all" => return RipngEntryRepr::WHOLE_TABLE,
                "hop" => return RipngEntryRepr::next_hop(words[1].parse().unwrap()),
                _ => {}
            }
            let (address, length) = words[0].split_once('/').unwrap();
            RipngEntryRepr {
                prefix: address.parse().unwrap(),
                prefix_length: length.parse().unwrap(),
                metric: words[1].parse().unwrap(),
                route_tag: words.get(3).map_or(0, |tag| tag.parse().unwrap()),
            }
        });
        message_ng(command, entries)
    }

    fn show(sent: &Sent<Self>) -> (Command, u8, Vec<String>) {
        let message = RipngMessage::parse(&sent.payload).unwrap();
        let mut entries = routes_ng(sent);
        if message.request_kind() == RequestKind::WholeTable {
            entries = vec!["all".to_owned()];
        }
        (message.command(), message.version(), entries)
    }
}

struct Run<F: Text> {
    config: Config<F>,
    bench: Option<Bench<F>>,
    start: Instant,
    out: String,
}

impl<F: Text> Run<F> {
    fn new() -> Self {
        Self {
            config: Config::default(),
            bench: None,
            start: Instant::from_secs(1_000),
            out: String::new(),
        }
    }

    fn bench(&mut self) -> &mut Bench<F> {
        let config = &self.config;
        let now = self.start;
        self.bench.get_or_insert_with(|| Bench {
            engine: Engine::new(config.clone(), Box::new(Zeroes)).unwrap(),
            now,
        })
    }

    fn show(&mut self, sent: Vec<(Instant, Sent<F>)>) {
        for (at, sent) in sent {
            let (command, version, entries) = F::show(&sent);
            let at = (at - self.start).as_micros() as f64 / 1e6;
            write!(
                self.out,
                "< {at} {} {}",
                sent.to.interface.0, sent.to.destination
            )
            .unwrap();
            if sent.to.destination_port != F::PORT {
                write!(self.out, "#{}", sent.to.destination_port).unwrap();
            }
            writeln!(self.out, " {command} {version} {}", entries.join(", ")).unwrap();
        }
    }

    fn interface(words: &[&str]) -> InterfaceConfig<F> {
        let split = words
            .iter()
            .position(|word| !word.contains('/'))
            .unwrap_or(words.len());
        let mut link = InterfaceConfig::new(words[..split].iter().map(|w| address(w)).collect());
        for pair in words[split..].chunks(2) {
            let [key, value] = pair else {
                panic!("{words:?}")
            };
            let deny = || Filter {
                rules: vec![FilterRule::within(Action::Deny, value.parse().unwrap())],
                otherwise: Action::Permit,
            };
            match *key {
                "cost" => link.cost = value.parse().unwrap(),
                "mtu" => link.mtu = value.parse().unwrap(),
                "passive" => link.passive = true,
                "neighbor" => link.neighbors.push(value.parse().ok().unwrap()),
                "default" => {
                    link.default_route = Some(DefaultRoute {
                        metric: value.parse().unwrap(),
                        tag: 0,
                    });
                }
                "deny-in" => link.filter_in = deny(),
                "deny-out" => link.filter_out = deny(),
                "split" => {
                    link.split_horizon = match *value {
                        "off" => SplitHorizon::Off,
                        "simple" => SplitHorizon::Simple,
                        "poisoned" => SplitHorizon::PoisonedReverse,
                        other => panic!("{other}"),
                    }
                }
                _ => assert!(F::switches(&mut link.switches, key, value), "{key} {value}"),
            }
        }
        link
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let id = |word: &str| InterfaceId(word.parse().unwrap());
        match words[0] {
            "config" => {
                match words[1] {
                    "max_paths" => self.config.max_paths = words[2].parse().unwrap(),
                    "half_timeout" => self.config.switch_at_half_timeout = false,
                    "redistribute" => {
                        let mut rule = Redistribution::all(Source::Static);
                        rule.metric = words.get(3).map(|metric| metric.parse().unwrap());
                        self.config.redistribute.push(rule);
                    }
                    other => panic!("{other}"),
                }
                return;
            }
            "interface" => {
                self.bench()
                    .interface(id(words[1]), Self::interface(&words[2..]));
            }
            "receive" | "raw" => self.receive(line, &words),
            "wait" => {
                let seconds: f64 = words[1].parse().unwrap();
                let bench = self.bench();
                let until = bench.now + Duration::from_micros((seconds * 1e6).round() as u64);
                let sent = bench.run_until(until);
                self.show(sent);
                return;
            }
            "link" => {
                let bench = self.bench();
                bench
                    .engine
                    .set_link_up(bench.now, id(words[1]), words[2] == "up");
            }
            "addresses" => {
                let bench = self.bench();
                let addresses = words[2..].iter().map(|word| address(word)).collect();
                bench
                    .engine
                    .set_addresses(bench.now, id(words[1]), addresses);
            }
            "remove" => {
                let bench = self.bench();
                bench.engine.remove_interface(bench.now, id(words[1]));
            }
            "static" => {
                let bench = self.bench();
                let route = LocalRoute {
                    prefix: words[1].parse().unwrap(),
                    source: Source::Static,
                    distance: 1,
                    metric: words[2].parse().unwrap(),
                    tag: 0,
                    next_hop: NextHop {
                        interface: words.get(4).map(|word| id(word)),
                        address: words
                            .get(5)
                            .map_or(F::UNSPECIFIED, |word| word.parse().ok().unwrap()),
                    },
                };
                bench.engine.add_route(bench.now, route).unwrap();
            }
            "unstatic" => {
                let bench = self.bench();
                let prefix = words[1].parse().unwrap();
                bench.engine.remove_route(bench.now, Source::Static, prefix);
            }
            "shutdown" => {
                let bench = self.bench();
                bench.engine.shut_down(bench.now);
            }
            "table" => {
                let mut lines = String::new();
                for route in self.bench().engine.rib().routes() {
                    write!(
                        lines,
                        "| {} {} {:?}",
                        route.prefix, route.metric, route.source
                    )
                    .unwrap();
                    if route.tag != 0 {
                        write!(lines, " tag {}", route.tag).unwrap();
                    }
                    for hop in route.next_hops.iter() {
                        write!(lines, " via {}", hop.address).unwrap();
                        if let Some(InterfaceId(number)) = hop.interface {
                            write!(lines, "%{number}").unwrap();
                        }
                    }
                    lines.push('\n');
                }
                self.out += &lines;
            }
            "changes" => {
                let mut lines = String::new();
                while let Some(change) = self.bench().engine.poll_route_change() {
                    let prefix = change.prefix();
                    match change {
                        RouteChange::Add(route) => {
                            writeln!(lines, "+ add {prefix} {}", route.metric)
                        }
                        RouteChange::Replace(route) => {
                            writeln!(lines, "+ replace {prefix} {}", route.metric)
                        }
                        RouteChange::Withdraw(_) => writeln!(lines, "+ withdraw {prefix}"),
                    }
                    .unwrap();
                }
                self.out += &lines;
            }
            other => panic!("{other}: what is that?"),
        }
        let bench = self.bench();
        let now = bench.now;
        let sent = bench.sent().into_iter().map(|sent| (now, sent)).collect();
        self.show(sent);
    }

    fn receive(&mut self, line: &str, words: &[&str]) {
        let interface = InterfaceId(words[1].parse().unwrap());
        let (source, port) = words[2].split_once('#').unwrap_or((words[2], ""));
        let port = port.parse().unwrap_or(F::PORT);
        let payload = if words[0] == "raw" {
            hex::decode(words[3]).unwrap()
        } else {
            let command = match words[3] {
                "request" => Command::REQUEST,
                "response" => Command::RESPONSE,
                other => Command(other.parse().unwrap()),
            };
            let entries = line.splitn(6, ' ').nth(5).unwrap_or_default();
            let entries: Vec<&str> = entries.split(", ").filter(|e| !e.is_empty()).collect();
            F::message(command, words[4].parse().unwrap(), &entries)
        };
        let result = self.bench().receive_from(interface, source, port, &payload);
        if let Err(discard) = result {
            writeln!(self.out, "! {discard}").unwrap();
        }
    }
}

fn run<F: Text>(lines: &[&str]) -> String {
    let mut run = Run::<F>::new();
    for line in lines {
        writeln!(run.out, "{line}").unwrap();
        if !line.is_empty() && !line.starts_with('#') && !line.starts_with("family") {
            run.line(line);
        }
    }
    run.out
}

fn check(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with(['<', '!', '|', '+']))
        .collect();
    let now = if lines.contains(&"family ipv6") {
        run::<Ipv6>(&lines)
    } else {
        run::<Ipv4>(&lines)
    };
    if std::env::var_os("RIP_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
        return Ok(());
    }
    let differs = text.lines().zip(now.lines()).position(|(a, b)| a != b);
    match differs {
        Some(at) => Err(format!(
            "{}:{}:\n  expected  {}\n  happened  {}",
            path.display(),
            at + 1,
            text.lines().nth(at).unwrap_or_default(),
            now.lines().nth(at).unwrap_or_default(),
        )),
        None if text != now => Err(format!("{}: the end is missing", path.display())),
        None => Ok(()),
    }
}

#[test]
fn every_file_of_steps_comes_out_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/steps");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 12, "{}", paths.len());
    let failed: Vec<String> = paths.iter().filter_map(|path| check(path).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
