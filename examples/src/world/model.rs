//! What a run leaves, as data: the report page shows it, and `--json` prints it.
//!
//! Times are microseconds of the simulation's own clock. Everything is in the order of time, where it has one.

use serde::Serialize;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The seed that replays it.
    pub seed: u64,
    /// The command line that does.
    pub command: String,
    /// What was switched on beyond the scenarios' own faults, in words; empty for none.
    pub faults: String,
    /// The scenarios that ran, in order.
    pub scenarios: Vec<ScenarioReport>,
}

/// A scenario that ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScenarioReport {
    /// Its short name, as on the command line.
    pub name: String,
    /// What it is about, in a few words.
    pub title: String,
    /// What happens and what is to be seen, in a few sentences.
    pub about: String,
    /// Why it failed; `None` where all came as it should.
    pub failure: Option<String>,
    /// How much time passed in the simulation.
    pub duration_us: u64,
    /// What was told while it ran.
    pub story: Vec<StoryLine>,
    /// What it has checked.
    pub checks: Vec<Check>,
    /// Who takes part.
    pub nodes: Vec<NodeInfo>,
    /// What connects them.
    pub links: Vec<LinkInfo>,
    /// What was sent, over all links.
    pub messages: Vec<Message>,
    /// Messages that are in the captures and not in [`messages`](Self::messages), because there are so many.
    pub messages_left_out: u64,
    /// The states of machines.
    pub timelines: Vec<Timeline>,
    /// Tables of nodes, as they were at several times.
    pub tables: Vec<Table>,
    /// Counters of nodes, at the end.
    pub counters: Vec<Counter>,
}

/// A line of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoryLine {
    /// When.
    pub at_us: u64,
    /// The text.
    pub text: String,
}

/// Something that had to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// When it was looked at.
    pub at_us: u64,
    /// What had to be so, as a statement.
    pub what: String,
    /// What was found, where there is more to say.
    pub found: String,
    /// Whether it was so.
    pub passed: bool,
}

/// What a node is, for the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// Somebody's computer.
    Host,
    /// A server.
    Server,
    /// A router.
    Router,
    /// A router that translates addresses.
    Nat,
    /// A firewall.
    Firewall,
    /// Somebody with bad intentions.
    Attacker,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeInfo {
    /// Its name, by which everything else names it.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Where it is in the picture: columns from the left, rows from the top, from 0. Neighbors in the picture are one apart.
    pub place: (f32, f32),
    /// A line on what it does here.
    pub about: String,
    /// Its addresses at the end, with their interfaces.
    pub addresses: Vec<String>,
}

/// What a link is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// Ethernet with two stations or more.
    Ethernet,
    /// A serial line with HDLC-like framing, on which PPP runs.
    Serial,
    /// Ethernet with a session of PPPoE.
    Pppoe,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkInfo {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: LinkKind,
    /// The names of the nodes at it.
    pub ends: Vec<String>,
    /// The largest IP packet, in octets.
    pub mtu: u32,
    /// What it does to frames, in words: `2 % lost, 10 ms`; empty for a good link.
    pub faults: String,
    /// When it was cut and healed.
    pub outages: Vec<Outage>,
    /// The capture's file name, beside the page.
    pub capture: String,
    /// Frames in the capture.
    pub frames: u64,
}

/// A time in which a link was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// From when.
    pub from_us: u64,
    /// Until when; `None` for the end of the run.
    pub to_us: Option<u64>,
}

/// A frame that was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// When it was handed to the link.
    pub at_us: u64,
    /// The link's name.
    pub link: String,
    /// The sender's name.
    pub from: String,
    /// The receiver's name; `None` for all on the link.
    pub to: Option<String>,
    /// The innermost protocol: `TCP`, `LCP`, `RIP`.
    pub protocol: String,
    /// The addresses of the innermost packet, if there is one.
    pub source: Option<String>,
    /// See [`source`](Self::source).
    pub destination: Option<String>,
    /// The message in a line.
    pub summary: String,
    /// What became of it other than its plain arrival: `lost`, `corrupted`; empty for that.
    pub fate: String,
    /// Octets.
    pub length: usize,
    /// The octets, in hexadecimal, the first of them where there are many.
    pub octets: String,
    /// Its layers, from the outside in.
    pub layers: Vec<MessageLayer>,
    /// The number in the link's capture, from 1.
    pub number: u64,
}

/// A header, or a message, of a frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageLayer {
    /// The protocol's name: `IPv4`.
    pub name: String,
    /// Where it starts in the frame, in octets.
    pub offset: usize,
    /// Its length, in octets.
    pub length: usize,
    /// Whether it is part of a packet that an ICMP error quotes.
    pub quoted: bool,
    /// The layer in a line.
    pub summary: String,
    /// Its fields in wire order, by the names that Wireshark has for them, with their values as text.
    pub fields: Vec<(String, String)>,
}

/// The states of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// The node that it is in.
    pub node: String,
    /// What it is: `LCP on line`, `fe80::1 on lan`.
    pub machine: String,
    /// Each state, from when on.
    pub states: Vec<(u64, String)>,
}

/// A table of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The node.
    pub node: String,
    /// What is in it: `routes`, `sessions`, `neighbors`.
    pub name: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// What was in it, each time that it was looked at and had changed.
    pub snapshots: Vec<Snapshot>,
}

/// A table at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// When.
    pub at_us: u64,
    /// The rows, of as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Rows that were left out, because there are so many.
    pub rows_left_out: usize,
}

/// A counter of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// The node.
    pub node: String,
    /// Whose it is: `firewall`, `PPP`, `link lan`.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u64,
}
