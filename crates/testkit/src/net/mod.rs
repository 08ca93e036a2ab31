//! The simulated network: its nodes, its links, and what can be done to them.

mod link;
mod medium;
mod run;

pub use link::{BurstLoss, ByteStream, LinkConfig, LinkCounters};
pub use run::NotReached;

use crate::contract::{Contract, ContractChecker};
use crate::node::{Node, Port};
use crate::pcapng::LinkType;
use crate::random::SeededRandom;
use crate::seed::SeedGuard;
use crate::tap::Tap;
use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap};
use core::any::{Any, type_name};
use core::cmp::Reverse;
use core::fmt;
use core::time::Duration;
use medium::{Arrival, Medium, MediumTap, Station};
use packet_buffer::Instant;
use run::{InFlight, StandstillWatch};

/// A node of a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// A link or LAN of a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(usize);

/// A port of a node: where a link or LAN is plugged in. `(node, port)` converts into it, and so
/// does a node alone, which is its port 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// The node.
    pub node: NodeId,
    /// Its port.
    pub port: Port,
}

impl From<(NodeId, Port)> for End {
    fn from((node, port): (NodeId, Port)) -> Self {
        Self { node, port }
    }
}

impl From<NodeId> for End {
    fn from(node: NodeId) -> Self {
        Self { node, port: 0 }
    }
}

/// What one node did and met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeCounters {
    /// Frames that were handed to it.
    pub received: u64,
    /// Frames among them that it refused.
    pub discarded: u64,
    /// Frames that it sent.
    pub transmitted: u64,
    /// Frames among them that left through a port to which nothing is attached.
    pub unconnected: u64,
    /// Times that it was called because its deadline had come.
    pub timeouts: u64,
}

/// Nodes, the links and LANs between them, and a clock that jumps from one deadline to the next.
///
/// Everything that happens follows from the seed and the calls. At one moment the order is:
/// [scheduled actions](Self::at), then frames in the order in which they were sent, then timeouts
/// in the order in which the nodes were added.
///
/// Each node and each direction of a link draws from a generator of its own, named after it: what
/// is added does not change the luck of the rest. Every node is held to the
/// [machine contract](crate::contract). When the test panics, the seed is printed.
pub struct Network {
    guard: SeedGuard,
    random: SeededRandom,
    scheduler: SeededRandom,
    now: Instant,
    nodes: Vec<NodeSlot>,
    media: Vec<Medium>,
    actions: BTreeMap<(Instant, u64), Action>,
    frames: BinaryHeap<Reverse<InFlight>>,
    /// Each node's deadline.
    timers: BTreeSet<(Instant, usize)>,
    /// Nodes that were called and not polled since.
    unpolled: BTreeSet<usize>,
    sequence: u64,
    standstill: StandstillWatch,
    trace: Option<String>,
    arrivals: Vec<Arrival>,
    record: Record,
}

type Action = Box<dyn FnOnce(&mut Network)>;

struct NodeSlot {
    checker: ContractChecker<dyn Node>,
    /// Where each port leads: a medium and the number of the station in it.
    ports: BTreeMap<Port, (usize, usize)>,
    /// The entry in `timers`.
    deadline: Option<Instant>,
    counters: NodeCounters,
    last_discard: Option<String>,
}

/// What became of a frame at once, in words, for those who watch.
#[derive(Default)]
struct Record {
    wanted: bool,
    /// Whom the next note is about, on a LAN.
    receiver: String,
    text: String,
}

impl Record {
    fn begin(&mut self, wanted: bool) {
        self.wanted = wanted;
        self.receiver.clear();
        self.text.clear();
    }

    fn note(&mut self, what: &str) {
        if !self.wanted {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        self.text.push_str(what);
        if !self.receiver.is_empty() {
            self.text.push_str(" to ");
            self.text.push_str(&self.receiver);
        }
    }
}

impl Network {
    /// An empty network at [`Instant::ZERO`]. Take the seed from
    /// [`for_each_seed`](crate::for_each_seed) or [`seed_from_env`](crate::seed_from_env), so that
    /// it can be given from outside.
    pub fn new(seed: u64) -> Self {
        let random = SeededRandom::new(seed);
        Self {
            guard: SeedGuard::new(seed),
            scheduler: random.fork("scheduler"),
            random,
            now: Instant::ZERO,
            nodes: Vec::new(),
            media: Vec::new(),
            actions: BTreeMap::new(),
            frames: BinaryHeap::new(),
            timers: BTreeSet::new(),
            unpolled: BTreeSet::new(),
            sequence: 0,
            standstill: StandstillWatch::default(),
            trace: None,
            arrivals: Vec::new(),
            record: Record::default(),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.guard.seed()
    }

    /// The present moment of the simulation.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// A generator for whatever the test makes, a machine for instance. The same label gives the
    /// same generator again.
    pub fn random(&self, label: &str) -> SeededRandom {
        self.random.fork("test").fork(label)
    }

    // Nodes.

    /// Adds a node.
    ///
    /// # Panics
    ///
    /// When there is a node of that name.
    pub fn add_node(&mut self, name: &str, node: impl Node) -> NodeId {
        assert!(
            self.nodes.iter().all(|slot| slot.checker.name() != name),
            "there is a node {name:?} already"
        );
        let random = self.random.fork("node").fork(name);
        let node: Box<dyn Node> = Box::new(node);
        self.nodes.push(NodeSlot {
            checker: ContractChecker::from_box(name, node, random),
            ports: BTreeMap::new(),
            deadline: None,
            counters: NodeCounters::default(),
            last_discard: None,
        });
        let index = self.nodes.len() - 1;
        self.unpolled.insert(index);
        NodeId(index)
    }

    /// The node as the type that it is.
    ///
    /// # Panics
    ///
    /// When it is not a `T`.
    pub fn node<T: Node>(&self, id: NodeId) -> &T {
        let checker = &self.nodes[id.0].checker;
        let node: &dyn Any = checker.node();
        node.downcast_ref()
            .unwrap_or_else(|| panic!("node {:?} is not a {}", checker.name(), type_name::<T>()))
    }

    /// The node as the type that it is, to give it commands (with [`now`](Self::now) where they
    /// take the time) and to poll its events. The network polls it when it next runs.
    ///
    /// # Panics
    ///
    /// When it is not a `T`.
    pub fn node_mut<T: Node>(&mut self, id: NodeId) -> &mut T {
        self.unpolled.insert(id.0);
        let checker = &mut self.nodes[id.0].checker;
        let name = checker.name().to_owned();
        let node: &mut dyn Any = checker.node_mut();
        node.downcast_mut()
            .unwrap_or_else(|| panic!("node {name:?} is not a {}", type_name::<T>()))
    }

    /// The node of this name.
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        let index = self
            .nodes
            .iter()
            .position(|slot| slot.checker.name() == name)?;
        Some(NodeId(index))
    }

    /// The node's name.
    pub fn node_name(&self, id: NodeId) -> &str {
        self.nodes[id.0].checker.name()
    }

    /// What the node did and met so far.
    pub fn node_counters(&self, id: NodeId) -> NodeCounters {
        self.nodes[id.0].counters
    }

    /// Why the node refused the last frame that it refused.
    pub fn last_discard(&self, id: NodeId) -> Option<&str> {
        self.nodes[id.0].last_discard.as_deref()
    }

    /// Changes how strictly the node is held to the machine contract.
    pub fn set_contract(&mut self, id: NodeId, contract: Contract) {
        self.nodes[id.0].checker.set_contract(contract);
    }

    // Links.

    /// Adds a link between two ports, with the same behaviour in both directions.
    ///
    /// # Panics
    ///
    /// When a port is taken or a value of the configuration makes no sense; so with
    /// [`add_asymmetric_link`](Self::add_asymmetric_link) and [`attach`](Self::attach).
    pub fn add_link(
        &mut self,
        name: &str,
        a: impl Into<End>,
        b: impl Into<End>,
        config: LinkConfig,
    ) -> LinkId {
        self.add_asymmetric_link(name, a, config.clone(), b, config)
    }

    /// Adds a link between two ports: what `a` sends meets `from_a`, what `b` sends `from_b`.
    pub fn add_asymmetric_link(
        &mut self,
        name: &str,
        a: impl Into<End>,
        from_a: LinkConfig,
        b: impl Into<End>,
        from_b: LinkConfig,
    ) -> LinkId {
        let link = self.add_medium(name, false);
        self.add_station(link, a.into(), from_a);
        self.add_station(link, b.into(), from_b);
        link
    }

    /// Adds a LAN without stations. [Attached](Self::attach) stations hear all that the others
    /// send, whomever it is for, and not what they send themselves. Each of them has a transmitter
    /// of its own, as on a switched Ethernet.
    pub fn add_lan(&mut self, name: &str) -> LinkId {
        self.add_medium(name, true)
    }

    /// Attaches a port to a LAN; `config` is for what it sends.
    ///
    /// # Panics
    ///
    /// Also when `lan` is a link with two ends.
    pub fn attach(&mut self, lan: LinkId, end: impl Into<End>, config: LinkConfig) {
        assert!(
            self.media[lan.0].is_lan,
            "{:?} is a link, and both its ends are taken",
            self.media[lan.0].name
        );
        self.add_station(lan, end.into(), config);
    }

    /// Takes a port off its link or LAN, so that it can be plugged in elsewhere: a mobile node
    /// moves. What is in flight to or from it is lost. A link with two ends stays a stump.
    ///
    /// # Panics
    ///
    /// When nothing is attached to the port.
    pub fn detach(&mut self, end: impl Into<End>) {
        let end = end.into();
        let (medium, station) = self.plug(end);
        self.media[medium].detach(station);
        self.nodes[end.node.0].ports.remove(&end.port);
    }

    /// Changes the behaviour of all directions. Frames in flight arrive as they were going to.
    ///
    /// # Panics
    ///
    /// When a value of the configuration makes no sense, or when frames would become a byte stream
    /// or the other way round.
    pub fn change_link(&mut self, link: LinkId, mut change: impl FnMut(&mut LinkConfig)) {
        for station in 0..self.media[link.0].stations.len() {
            self.change_station(link, station, &mut change);
        }
    }

    /// Changes the behaviour for what `end` sends.
    ///
    /// # Panics
    ///
    /// As [`change_link`](Self::change_link); also when nothing is attached to the port.
    pub fn change_direction(
        &mut self,
        end: impl Into<End>,
        mut change: impl FnMut(&mut LinkConfig),
    ) {
        let (medium, station) = self.plug(end.into());
        self.change_station(LinkId(medium), station, &mut change);
    }

    /// Cuts a link or LAN, or repairs it. What is in flight when it is cut is lost.
    pub fn set_link_up(&mut self, link: LinkId, up: bool) {
        self.media[link.0].set_up(up);
    }

    /// Pulls the cable of one port, or plugs it in again. What is in flight to or from it is lost.
    ///
    /// # Panics
    ///
    /// When nothing is attached to the port.
    pub fn set_end_up(&mut self, end: impl Into<End>, up: bool) {
        let (medium, station) = self.plug(end.into());
        self.media[medium].set_station_up(station, up);
    }

    /// What became of the frames that this port sent into its link or LAN.
    ///
    /// # Panics
    ///
    /// When nothing is attached to the port.
    pub fn counters(&self, end: impl Into<End>) -> LinkCounters {
        let (medium, station) = self.plug(end.into());
        self.media[medium].stations[station].counters
    }

    /// Frames (on byte streams, pieces) that are on their way.
    pub fn in_flight(&self) -> usize {
        self.frames.len()
    }

    // Watching.

    /// Records what is sent on a link or LAN from now on; one capture file may record many.
    ///
    /// # Panics
    ///
    /// When the file cannot be written, now and later.
    pub fn tap(&mut self, link: LinkId, link_type: LinkType, tap: &Tap) {
        let medium = &mut self.media[link.0];
        let interfaces = medium
            .stations
            .iter()
            .map(|station| {
                tap.add_interface(&format!("{}/{}", medium.name, station.label), link_type)
            })
            .collect();
        medium.taps.push(MediumTap {
            tap: tap.clone(),
            link_type,
            interfaces,
        });
    }

    /// Keeps a [trace](Self::trace) of all that happens from now on.
    pub fn start_trace(&mut self) {
        self.trace.get_or_insert_default();
    }

    /// What happened since [`start_trace`](Self::start_trace), one line an event: each frame as it
    /// was sent (`>`) and as it arrived (`<`), and each timeout.
    pub fn trace(&self) -> &str {
        self.trace.as_deref().unwrap_or_default()
    }

    // Scheduling.

    /// Runs `action` at the moment `at`, or at once when that has passed: to cut a link, to give a
    /// command.
    pub fn at(&mut self, at: Instant, action: impl FnOnce(&mut Self) + 'static) {
        let sequence = self.next_sequence();
        self.actions.insert((at, sequence), Box::new(action));
    }

    /// Runs `action` after `delay`.
    pub fn after(&mut self, delay: Duration, action: impl FnOnce(&mut Self) + 'static) {
        self.at(self.now + delay, action);
    }

    /// Sets how many calls may be made before time moves on (default 100,000): beyond it the
    /// simulation panics and names the nodes that keep it busy.
    pub fn set_standstill_limit(&mut self, calls: u64) {
        self.standstill.limit = calls;
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn add_medium(&mut self, name: &str, is_lan: bool) -> LinkId {
        assert!(
            self.media.iter().all(|medium| medium.name != name),
            "there is a link {name:?} already"
        );
        self.media.push(Medium::new(name.to_owned(), is_lan));
        LinkId(self.media.len() - 1)
    }

    fn add_station(&mut self, link: LinkId, end: End, config: LinkConfig) {
        let medium = &mut self.media[link.0];
        config.check(&medium.name);
        assert!(
            !medium.is_lan || config.byte_stream.is_none(),
            "link {:?}: a LAN is no byte stream",
            medium.name
        );
        let node = &mut self.nodes[end.node.0];
        let label = if end.port == 0 {
            node.checker.name().to_owned()
        } else {
            format!("{}:{}", node.checker.name(), end.port)
        };
        let taken = node.ports.insert(end.port, (link.0, medium.stations.len()));
        assert!(taken.is_none(), "port {label} is taken");
        // A port that comes back to its LAN is a new station, but has no second generator.
        let visits = medium.stations.iter().filter(|s| s.end == end).count();
        let random = self
            .random
            .fork("link")
            .fork(&medium.name)
            .fork(&format!("{label} {visits}"));
        for tap in &mut medium.taps {
            let name = format!("{}/{label}", medium.name);
            tap.interfaces
                .push(tap.tap.add_interface(&name, tap.link_type));
        }
        medium
            .stations
            .push(Station::new(end, label, config, random));
    }

    fn change_station(
        &mut self,
        link: LinkId,
        station: usize,
        change: &mut impl FnMut(&mut LinkConfig),
    ) {
        let medium = &mut self.media[link.0];
        let config = &mut medium.stations[station].config;
        let was_stream = config.byte_stream.is_some();
        change(config);
        config.check(&medium.name);
        assert!(
            was_stream == config.byte_stream.is_some(),
            "link {:?}: frames cannot become a byte stream, nor the other way round",
            medium.name
        );
    }

    fn plug(&self, end: End) -> (usize, usize) {
        let node = &self.nodes[end.node.0];
        *node.ports.get(&end.port).unwrap_or_else(|| {
            panic!(
                "nothing is attached to port {} of {:?}",
                end.port,
                node.checker.name()
            )
        })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed())
            .field("now", &self.now)
            .field("nodes", &self.nodes.len())
            .field("links", &self.media.len())
            .field("in_flight", &self.frames.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation had reached {}", self.now);
        }
    }
}
