//! What a scenario plays on: a simulated network with names, taps on every link, a story and checks.

mod build;
mod faults;

pub use faults::Faults;

use super::host::HostNode;
use super::journal::Journal;
use super::model::{Check, Counter, LinkInfo, NodeInfo, Snapshot, StoryLine, Table};
use super::router::{AnyPort, MAX_ROWS, RouterNode};
use alloc::rc::Rc;
use anyhow::{Context as _, Result, anyhow, bail};
use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use packet_buffer::Instant;
use testkit::{LinkId, Network, NodeId, SeededRandom};

/// How often tables are looked at while time passes.
const LOOK: Duration = Duration::from_millis(500);

/// A frame that was sent, as the taps saw it. On a serial line, octets.
#[derive(Debug, Clone)]
pub struct Tapped {
    /// The link's place among the stage's links.
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
