//! What a scenario plays on: a simulated network with names, taps on every link, a story and checks.

use super::ethernet::EthernetSetup;
use super::host::{HostNode, HostSetup};
use super::journal::Journal;
use super::model::{
    Check, Counter, LinkInfo, LinkKind, NodeInfo, NodeKind, Outage, Snapshot, StoryLine, Table,
};
use super::router::{AnyPort, MAX_ROWS, RouterBuilder, RouterNode};
use alloc::rc::Rc;
use anyhow::{Context as _, Result, anyhow, bail};
use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::MacAddr;
use testkit::{ByteStream, LinkConfig, LinkId, LinkType, Network, NodeId, SeededRandom, Tap};

/// How often tables are looked at while time passes.
const LOOK: Duration = Duration::from_millis(500);

/// Faults beside the scenarios' own, on every link that carries frames.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// The part of frames that is lost, from 0 to 1.
    pub loss: f64,
    /// The part that arrives twice.
    pub duplicate: f64,
    /// The part that later ones may pass.
    pub reorder: f64,
    /// The part that arrives damaged.
    pub corrupt: f64,
    /// How long the first link of a scenario is cut, from its tenth second on.
    pub cut: Duration,
}

impl Faults {
    /// In words; empty for none.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        let mut part = |value: f64, what: &str| {
            if value > 0.0 {
                words.push(format!("{} % {what}", value * 100.0));
            }
        };
        part(self.loss, "lost");
        part(self.duplicate, "twice");
        part(self.reorder, "reordered");
        part(self.corrupt, "damaged");
        if !self.cut.is_zero() {
            words.push(format!("first link cut for {:?}", self.cut));
        }
        words.join(", ")
    }

    fn apply(&self, config: &mut LinkConfig) {
        let add = |own: f64, more: f64| (own + more).min(1.0);
        // On a serial line octets are hit: so often that it is as many frames of this length.
        let frame = if config.byte_stream.is_some() {
            500.0
        } else {
            config.duplicate = add(config.duplicate, self.duplicate);
            config.reorder = add(config.reorder, self.reorder);
            1.0
        };
        config.loss = add(config.loss, self.loss / frame);
        config.corrupt = add(config.corrupt, self.corrupt / frame);
    }
}

/// A frame that was sent, as the taps saw it. On a serial line, octets.
#[derive(Debug, Clone)]
pub struct Tapped {
    /// The link's place in [`Stage::links`].
    pub link: usize,
    /// The sender's name.
    pub from: String,
    /// When.
    pub at: Instant,
    /// What became of it; empty for plain arrival.
    pub fate: String,
    /// The frame.
    pub frame: Vec<u8>,
}

/// Octets that all taps of a scenario may keep; what comes after is counted.
const MAX_TAPPED_OCTETS: usize = 64 << 20;

#[derive(Debug, Default)]
struct Recorder {
    frames: Vec<Tapped>,
    octets: usize,
    left_out: u64,
}

struct StageNode {
    id: NodeId,
    info: NodeInfo,
    what: What,
}

/// The type of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Host,
    Router,
    Raw,
}

struct StageLink {
    id: LinkId,
    info: LinkInfo,
}

/// Where a node stands in the picture: columns from the left, rows from the top.
pub type Place = (f32, f32);

/// See the [module's documentation](self).
pub struct Stage {
    network: Network,
    journal: Journal,
    nodes: Vec<StageNode>,
    links: Vec<StageLink>,
    recorder: Rc<RefCell<Recorder>>,
    story: Vec<StoryLine>,
    checks: Vec<Check>,
    tables: Vec<Table>,
    counters: Vec<Counter>,
    faults: Faults,
    next_station: u8,
    tell: Box<dyn FnMut(&StoryLine)>,
}

/// What is left of a stage when the play is over.
pub(super) struct Ended {
    pub(super) duration: Duration,
    pub(super) story: Vec<StoryLine>,
    pub(super) checks: Vec<Check>,
    pub(super) nodes: Vec<NodeInfo>,
    pub(super) links: Vec<LinkInfo>,
    pub(super) frames: Vec<Tapped>,
    pub(super) left_out: u64,
    pub(super) timelines: Vec<super::model::Timeline>,
    pub(super) tables: Vec<Table>,
    pub(super) counters: Vec<Counter>,
}

impl Stage {
    pub(super) fn new(seed: u64, faults: Faults, tell: Box<dyn FnMut(&StoryLine)>) -> Self {
        Self {
            network: Network::new(seed),
            journal: Journal::default(),
            nodes: Vec::new(),
            links: Vec::new(),
            recorder: Rc::default(),
            story: Vec::new(),
            checks: Vec::new(),
            tables: Vec::new(),
            counters: Vec::new(),
            faults,
            next_station: 0,
            tell,
        }
    }

    /// The time of the simulation.
    pub fn now(&self) -> Instant {
        self.network.now()
    }

    /// The network, for what the stage has no call for.
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Whether faults were switched on beyond the scenario's own: what is checked may then be less.
    pub fn is_faulty(&self) -> bool {
        self.faults != Faults::default()
    }

    /// A generator of its own for each label.
    pub fn random(&self, label: &str) -> SeededRandom {
        self.network.random(label)
    }

    // Nodes.

    /// A link-layer address that no other port has.
    pub const fn station(&mut self) -> MacAddr {
        self.next_station += 1;
        MacAddr([2, 0, 0x5e, 0x10, 0, self.next_station])
    }

    /// Adds a host. `addresses` are of the form `192.0.2.1/24`; `gateway` is for IPv4.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn host(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        addresses: &[&str],
        gateway: Option<&str>,
    ) -> Result<()> {
        let link_address = self.station();
        let setup = HostSetup {
            link_address,
            mtu: 1_500,
            addresses: parse_addresses(addresses)?,
            gateway: gateway.map(str::parse).transpose()?,
            max_neighbors: None,
        };
        self.host_with(name, kind, place, about, setup)
    }

    /// Adds a host.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn host_with(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        setup: HostSetup,
    ) -> Result<()> {
        let node = HostNode::new(name, setup, self.random(name), &self.journal)?;
        let id = self.network.add_node(name, node);
        self.note_node(name, kind, place, about, id, What::Host);
        Ok(())
    }

    /// Begins a router; [`add_router`](Self::add_router) adds it.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn router(&self, name: &str) -> Result<RouterBuilder> {
        RouterBuilder::new(name, self.random(name), &self.journal)
    }

    /// The same with a limit on routes that are taken from one neighbor.
    ///
    /// # Errors
    ///
    /// When the limit makes no sense.
    pub fn router_with_limit(
        &self,
        name: &str,
        routes_per_neighbor: usize,
    ) -> Result<RouterBuilder> {
        RouterBuilder::with_limits(
            name,
            self.random(name),
            &self.journal,
            Some(routes_per_neighbor),
        )
    }

    /// The set-up of a router's port; `addresses` are of the form `192.0.2.1/24`.
    ///
    /// # Errors
    ///
    /// When an address cannot be read.
    pub fn port(&mut self, addresses: &[&str], mtu: u32) -> Result<EthernetSetup> {
        Ok(EthernetSetup {
            link_address: self.station(),
            mtu,
            addresses: parse_addresses(addresses)?,
            advertise: None,
        })
    }

    /// Adds a router.
    ///
    /// # Errors
    ///
    /// What is wrong with the set-up.
    pub fn add_router(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        builder: RouterBuilder,
    ) -> Result<()> {
        let id = self.network.add_node(name, builder.build()?);
        self.note_node(name, kind, place, about, id, What::Router);
        Ok(())
    }

    fn note_node(
        &mut self,
        name: &str,
        kind: NodeKind,
        place: Place,
        about: &str,
        id: NodeId,
        what: What,
    ) {
        let info = NodeInfo {
            name: name.to_owned(),
            kind,
            place,
            about: about.to_owned(),
            addresses: Vec::new(),
        };
        self.nodes.push(StageNode { id, info, what });
    }

    fn id(&self, name: &str) -> Result<NodeId> {
        let found = self.nodes.iter().find(|it| it.info.name == name);
        Ok(found
            .with_context(|| format!("there is no node {name}"))?
            .id)
    }

    /// A host, to look at.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn host_node(&self, name: &str) -> Result<&HostNode> {
        Ok(self.network.node(self.id(name)?))
    }

    /// A host, to give it a command.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn host_mut(&mut self, name: &str) -> Result<&mut HostNode> {
        let id = self.id(name)?;
        Ok(self.network.node_mut(id))
    }

    /// Adds somebody who sends frames of whatever content, and answers to nothing.
    pub fn raw(&mut self, name: &str, place: Place, about: &str) {
        let id = self.network.add_node(name, testkit::Host::default());
        self.note_node(name, NodeKind::Attacker, place, about, id, What::Raw);
    }

    /// Has somebody who sends frames of whatever content send one.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn send_frame(&mut self, name: &str, frame: &[u8]) -> Result<()> {
        let id = self.id(name)?;
        self.network.node_mut::<testkit::Host>(id).send(0, frame);
        Ok(())
    }

    /// A router, to look at.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn router_node(&self, name: &str) -> Result<&RouterNode> {
        Ok(self.network.node(self.id(name)?))
    }

    /// A router, to give it a command.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn router_mut(&mut self, name: &str) -> Result<&mut RouterNode> {
        let id = self.id(name)?;
        Ok(self.network.node_mut(id))
    }

    // Links.

    /// Adds an Ethernet between ports, each given as a node's name and the port's number.
    ///
    /// # Errors
    ///
    /// When there is no such node.
    pub fn ethernet(&mut self, name: &str, mtu: u32, ends: &[(&str, usize)]) -> Result<()> {
        self.ethernet_with(name, LinkKind::Ethernet, mtu, ends, LinkConfig::default())
    }

    /// Adds an Ethernet that is not perfect, or carries PPPoE.
    ///
    /// # Errors
    ///
    /// When there is no such node.
    pub fn ethernet_with(
        &mut self,
        name: &str,
        kind: LinkKind,
        mtu: u32,
        ends: &[(&str, usize)],
        mut config: LinkConfig,
    ) -> Result<()> {
        let own = fault_words(&config);
        self.faults.apply(&mut config);
        let id = if let [a, b] = ends {
            let (a, b) = ((self.id(a.0)?, a.1), (self.id(b.0)?, b.1));
            self.network.add_link(name, a, b, config)
        } else {
            let lan = self.network.add_lan(name);
            for (node, port) in ends {
                let end = (self.id(node)?, *port);
                self.network.attach(lan, end, config.clone());
            }
            lan
        };
        self.note_link(name, kind, mtu, ends, own, id, LinkType::ETHERNET);
        Ok(())
    }

    /// Adds a serial line of so many bits a second, on which of a million octets `noise` are wrong.
    ///
    /// # Errors
    ///
    /// When there is no such node.
    pub fn serial(
        &mut self,
        name: &str,
        ends: [(&str, usize); 2],
        rate: u64,
        noise: u32,
    ) -> Result<()> {
        let mut config = LinkConfig {
            delay: Duration::from_millis(5),
            rate: Some(rate),
            corrupt: f64::from(noise) / 1e6,
            queue_octets: 64_000,
            byte_stream: Some(ByteStream { max_chunk: 64 }),
            ..LinkConfig::default()
        };
        self.faults.apply(&mut config);
        let mut words = format!("{rate} bit/s");
        if noise > 0 {
            words.push_str(&format!(", of a million octets {noise} are wrong"));
        }
        let [a, b] = ends;
        let id = self
            .network
            .add_link(name, (self.id(a.0)?, a.1), (self.id(b.0)?, b.1), config);
        self.note_link(
            name,
            LinkKind::Serial,
            1_500,
            &ends,
            words,
            id,
            LinkType::USER0,
        );
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "each is one fact of the link")]
    fn note_link(
        &mut self,
        name: &str,
        kind: LinkKind,
        mtu: u32,
        ends: &[(&str, usize)],
        faults: String,
        id: LinkId,
        link_type: LinkType,
    ) {
        let number = self.links.len();
        let recorder = Rc::clone(&self.recorder);
        let tap = Tap::watcher(move |tapped| {
            let mut recorder = recorder.borrow_mut();
            if recorder.octets + tapped.frame.len() > MAX_TAPPED_OCTETS {
                recorder.left_out += 1;
                return;
            }
            recorder.octets += tapped.frame.len();
            // The interface's name is that of the link, and then the station's.
            let station = tapped.interface.rsplit('/').next().unwrap_or_default();
            let from = station.split(':').next().unwrap_or_default();
            recorder.frames.push(Tapped {
                link: number,
                from: from.to_owned(),
                at: tapped.at,
                fate: tapped.comment.to_owned(),
                frame: tapped.frame.to_vec(),
            });
        });
        self.network.tap(id, link_type, &tap);
        if number == 0 && !self.faults.cut.is_zero() {
            let from = Instant::from_secs(10);
            self.network
                .at(from, move |network| network.set_link_up(id, false));
            self.network.at(from + self.faults.cut, move |network| {
                network.set_link_up(id, true)
            });
        }
        let info = LinkInfo {
            name: name.to_owned(),
            kind,
            ends: ends.iter().map(|it| it.0.to_owned()).collect(),
            mtu,
            faults,
            outages: Vec::new(),
            capture: String::new(),
            frames: 0,
        };
        self.links.push(StageLink { id, info });
    }

    /// Cuts a link. The routers at its ends see their carrier go, unless `silently`.
    ///
    /// # Errors
    ///
    /// When there is no such link.
    pub fn cut(&mut self, name: &str, silently: bool) -> Result<()> {
        self.set_link(name, false, silently)
    }

    /// Heals a link.
    ///
    /// # Errors
    ///
    /// When there is no such link.
    pub fn heal(&mut self, name: &str, silently: bool) -> Result<()> {
        self.set_link(name, true, silently)
    }

    fn set_link(&mut self, name: &str, is_up: bool, silently: bool) -> Result<()> {
        let now = self.now();
        let link = self.links.iter_mut().find(|it| it.info.name == name);
        let link = link.with_context(|| format!("there is no link {name}"))?;
        self.network.set_link_up(link.id, is_up);
        match link.info.outages.last_mut() {
            Some(outage) if is_up => outage.to_us = Some(now.as_micros()),
            _ if !is_up => link.info.outages.push(Outage {
                from_us: now.as_micros(),
                to_us: None,
            }),
            _ => {}
        }
        if silently {
            return Ok(());
        }
        for end in link.info.ends.clone() {
            let node = self.nodes.iter().find(|it| it.info.name == end);
            if node.is_some_and(|it| it.what == What::Router) {
                let port = self.port_on(&end, name)?;
                self.router_mut(&end)?.set_carrier(now, port, is_up);
            }
        }
        Ok(())
    }

    /// The number of a router's port on a link: the port has the link's name.
    fn port_on(&self, node: &str, link: &str) -> Result<usize> {
        let ports = self.router_node(node)?.ports();
        let found = ports.iter().position(|port| port.name() == link);
        found.with_context(|| format!("{node} has no port {link}"))
    }

    /// Changes what a link does to frames, and says so in the report.
    ///
    /// # Errors
    ///
    /// When there is no such link.
    pub fn change_link(&mut self, name: &str, change: impl FnMut(&mut LinkConfig)) -> Result<()> {
        let link = self.links.iter().find(|it| it.info.name == name);
        let link = link.with_context(|| format!("there is no link {name}"))?;
        self.network.change_link(link.id, change);
        Ok(())
    }

    // The play.

    /// Tells what happens.
    pub fn say(&mut self, text: impl Into<String>) {
        let line = StoryLine {
            at_us: self.now().as_micros(),
            text: text.into(),
        };
        (self.tell)(&line);
        self.story.push(line);
    }

    /// Checks something: `what` had to be so, and `found` is what there is more to say.
    ///
    /// # Errors
    ///
    /// When it was not so.
    pub fn check(
        &mut self,
        what: impl Into<String>,
        found: impl Into<String>,
        passed: bool,
    ) -> Result<()> {
        let check = Check {
            at_us: self.now().as_micros(),
            what: what.into(),
            found: found.into(),
            passed,
        };
        let failure = (!passed).then(|| format!("not so: {} ({})", check.what, check.found));
        self.checks.push(check);
        match failure {
            Some(failure) => bail!(failure),
            None => Ok(()),
        }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now() + time;
        self.look();
        while self.now() < end {
            let next = (self.now() + LOOK).min(end);
            self.network.run_until(next);
            self.look();
        }
    }

    /// Lets time pass until something is so, which is looked at each millisecond of it; how long that took.
    ///
    /// # Errors
    ///
    /// When it is not so within the limit.
    pub fn run_until(
        &mut self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> Result<Duration> {
        let start = self.now();
        let end = start + limit;
        let mut looked = start;
        self.network.run_until(start);
        self.look();
        while !condition(self) {
            if self.now() >= end {
                self.look();
                return Err(anyhow!("not within {limit:?}: {what}"));
            }
            // A network in which nothing is to happen does not have to be asked again and again.
            let step = Duration::from_millis(1);
            let next = self.network.next_event_at().unwrap_or(end);
            let next = next
                .max(self.now() + step)
                .min(end)
                .min(looked + LOOK)
                .max(self.now() + step);
            self.network.run_until(next);
            if self.now() - looked >= LOOK {
                self.look();
                looked = self.now();
            }
        }
        self.look();
        Ok(self.now() - start)
    }

    /// Notes the tables as they are, where they have changed.
    pub fn look(&mut self) {
        let mut found = Vec::new();
        for node in &self.nodes {
            let name = &node.info.name;
            if node.what == What::Router {
                router_tables(name, self.network.node(node.id), &mut found);
            } else if node.what == What::Host {
                let host: &HostNode = self.network.node(node.id);
                let columns = ["address", "link-layer address", "state"];
                found.push((
                    name.clone(),
                    "neighbors",
                    columns.to_vec(),
                    host.neighbor_rows(),
                ));
            }
        }
        let at_us = self.now().as_micros();
        for (node, name, columns, mut rows) in found {
            let rows_left_out = rows.len().saturating_sub(MAX_ROWS);
            rows.truncate(MAX_ROWS);
            let snapshot = Snapshot {
                at_us,
                rows,
                rows_left_out,
            };
            let table = self
                .tables
                .iter_mut()
                .find(|it| it.node == node && it.name == name);
            match table {
                Some(table) => {
                    let is_same = table.snapshots.last().is_some_and(|last| {
                        last.rows == snapshot.rows && last.rows_left_out == snapshot.rows_left_out
                    });
                    if !is_same && table.snapshots.len() < 400 {
                        table.snapshots.push(snapshot);
                    }
                }
                None if snapshot.rows.is_empty() => {}
                None => self.tables.push(Table {
                    node,
                    name: name.to_owned(),
                    columns: columns.into_iter().map(str::to_owned).collect(),
                    snapshots: vec![snapshot],
                }),
            }
        }
    }

    /// Adds a counter to the report.
    pub fn count(&mut self, node: &str, group: &str, name: &str, value: u64) {
        self.counters.push(Counter {
            node: node.to_owned(),
            group: group.to_owned(),
            name: name.to_owned(),
            value,
        });
    }

    pub(super) fn end(mut self) -> Ended {
        self.look();
        let mut counters = Vec::new();
        for node in &mut self.nodes {
            if node.what == What::Router {
                let router: &RouterNode = self.network.node(node.id);
                node.info.addresses = super::counters::router(router, &mut counters);
            } else if node.what == What::Host {
                let host: &HostNode = self.network.node(node.id);
                node.info.addresses = host.addresses().iter().map(ToString::to_string).collect();
                super::counters::host(&node.info.name, host, &mut counters);
            }
        }
        counters.append(&mut self.counters);
        let recorder = core::mem::take(&mut *self.recorder.borrow_mut());
        Ended {
            duration: self.network.now() - Instant::ZERO,
            story: self.story,
            checks: self.checks,
            nodes: self.nodes.into_iter().map(|it| it.info).collect(),
            links: self.links.into_iter().map(|it| it.info).collect(),
            frames: recorder.frames,
            left_out: recorder.left_out,
            timelines: self.journal.take(),
            tables: self.tables,
            counters,
        }
    }
}

type Rows = (String, &'static str, Vec<&'static str>, Vec<Vec<String>>);

fn router_tables(name: &str, router: &RouterNode, found: &mut Vec<Rows>) {
    let columns = vec!["prefix", "next hop", "port", "metric", "source"];
    found.push((name.to_owned(), "routes", columns, router.route_rows()));
    let mut neighbors = Vec::new();
    for port in router.ports() {
        if let AnyPort::Ethernet(port) = port {
            neighbors.extend(port.neighbor_rows());
        }
    }
    let columns = vec!["port", "address", "link-layer address", "state"];
    found.push((name.to_owned(), "neighbors", columns, neighbors));
    if let Some(nat) = router.gateway().nat() {
        let rows = nat.sessions().take(MAX_ROWS + 1).map(|session| {
            vec![
                session.original.protocol().to_string(),
                session.inside().to_string(),
                session.outside().to_string(),
                format!(
                    "{}:{}",
                    session.original.destination(),
                    session.original.destination_port()
                ),
            ]
        });
        let columns = vec!["protocol", "inside", "outside", "first packet to"];
        found.push((name.to_owned(), "translations", columns, rows.collect()));
    }
}

/// What a link does to frames, in words.
fn fault_words(config: &LinkConfig) -> String {
    let mut words = Vec::new();
    if config.delay != LinkConfig::default().delay {
        words.push(format!("{:?}", config.delay));
    }
    if let Some(rate) = config.rate {
        words.push(format!("{rate} bit/s"));
    }
    if config.loss > 0.0 {
        words.push(format!("{} % lost", config.loss * 100.0));
    }
    words.join(", ")
}

/// Addresses of the form `192.0.2.1/24`.
///
/// # Errors
///
/// When one cannot be read.
pub fn parse_addresses(texts: &[&str]) -> Result<Vec<(IpAddr, u8)>> {
    let parsed = texts.iter().map(|text| {
        let (address, length) = text
            .split_once('/')
            .with_context(|| format!("{text} has no length"))?;
        Ok((address.parse()?, length.parse()?))
    });
    parsed.collect()
}

/// An IPv4 address.
///
/// # Errors
///
/// When it cannot be read.
pub fn v4(text: &str) -> Result<Ipv4Addr> {
    text.parse()
        .with_context(|| format!("{text} is no IPv4 address"))
}
