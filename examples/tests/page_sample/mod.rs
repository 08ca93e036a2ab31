//! Reports to open: the frames of the repository's own capture, sent over links of a small network.

use internetwork::capture_file::CaptureFile;
use internetwork::dissect::dissect;
use internetwork::world::model::{
    Check, Counter, LinkInfo, LinkKind, Message, MessageLayer, NodeInfo, NodeKind, Outage, Report,
    ScenarioReport, Snapshot, StoryLine, Table, Timeline,
};

/// The length of the scenarios.
pub(crate) const DURATION_US: u64 = 20_000_000;
/// When the link `north` is cut and healed.
pub(crate) const CUT_US: (u64, u64) = (5_000_000, 12_000_000);

const CAPTURE: &[u8] = include_bytes!("../../captures/first-packets.pcapng");

/// A report of these scenarios.
pub(crate) fn report(scenarios: Vec<ScenarioReport>) -> Report {
    Report {
        seed: u64::MAX,
        command: "internetwork --seed 18446744073709551615".to_owned(),
        faults: "loss 2 %".to_owned(),
        scenarios,
    }
}

/// A scenario in which so many messages are sent.
pub(crate) fn scenario(name: &str, title: &str, messages: usize) -> ScenarioReport {
    let links = links();
    ScenarioReport {
        name: name.to_owned(),
        title: title.to_owned(),
        about: "A laptop asks a server; then a link on the way is cut and healed.".to_owned(),
        failure: None,
        duration_us: DURATION_US,
        story: [
            (0, "The laptop looks for its router."),
            (CUT_US.0, "The link north is cut."),
            (CUT_US.1, "The link north is healed."),
        ]
        .map(|(at_us, text)| StoryLine {
            at_us,
            text: text.to_owned(),
        })
        .into(),
        checks: vec![Check {
            at_us: 13_000_000,
            what: "the server answers over the north".to_owned(),
            found: "after 81 ms".to_owned(),
            passed: true,
        }],
        nodes: nodes(),
        messages: sent(&links, messages),
        links,
        messages_left_out: 3,
        timelines: timelines(),
        tables: vec![routes(), sessions()],
        counters: counters(),
    }
}

fn nodes() -> Vec<NodeInfo> {
    let node = |name: &str, kind, place, about: &str, addresses: &[&str]| NodeInfo {
        name: name.to_owned(),
        kind,
        place,
        about: about.to_owned(),
        addresses: addresses.iter().map(|&text| text.to_owned()).collect(),
    };
    vec![
        node(
            "laptop",
            NodeKind::Host,
            (0.0, 0.0),
            "It asks.",
            &["lan: 192.0.2.1/24"],
        ),
        node(
            "printer",
            NodeKind::Host,
            (0.0, 1.0),
            "It is silent.",
            &["lan: 192.0.2.9/24"],
        ),
        node(
            "home",
            NodeKind::Nat,
            (1.0, 0.5),
            "It translates.",
            &["lan: 192.0.2.254/24"],
        ),
        node(
            "north-pop",
            NodeKind::Router,
            (2.0, 0.0),
            "RIP.",
            &["n: 198.51.100.1/30"],
        ),
        node(
            "south-pop",
            NodeKind::Router,
            (2.0, 1.0),
            "RIP.",
            &["s: 198.51.100.5/30"],
        ),
        node(
            "wall",
            NodeKind::Firewall,
            (3.0, 0.5),
            "It lets 443 in.",
            &["203.0.113.1/24"],
        ),
        node(
            "server",
            NodeKind::Server,
            (4.0, 0.0),
            "It answers.",
            &["192.0.2.2/24"],
        ),
        node(
            "mallory",
            NodeKind::Attacker,
            (4.0, 1.0),
            "She knocks.",
            &[],
        ),
    ]
}

fn links() -> Vec<LinkInfo> {
    let link = |name: &str, kind, ends: &[&str], mtu, faults: &str| LinkInfo {
        name: name.to_owned(),
        kind,
        ends: ends.iter().map(|&text| text.to_owned()).collect(),
        mtu,
        faults: faults.to_owned(),
        outages: Vec::new(),
        capture: format!("sample-{name}.pcapng"),
        frames: 20,
    };
    let mut links = vec![
        link(
            "lan",
            LinkKind::Ethernet,
            &["laptop", "printer", "home"],
            1_500,
            "",
        ),
        link(
            "north",
            LinkKind::Serial,
            &["home", "north-pop"],
            1_500,
            "2 % lost",
        ),
        link("south", LinkKind::Pppoe, &["home", "south-pop"], 1_492, ""),
        link(
            "upper",
            LinkKind::Ethernet,
            &["north-pop", "wall"],
            9_000,
            "",
        ),
        link(
            "lower",
            LinkKind::Ethernet,
            &["south-pop", "wall"],
            1_280,
            "",
        ),
        link(
            "dmz",
            LinkKind::Ethernet,
            &["wall", "server", "mallory"],
            1_500,
            "",
        ),
    ];
    links[1].outages.push(Outage {
        from_us: CUT_US.0,
        to_us: Some(CUT_US.1),
    });
    links
}

/// The capture's frames again and again, each over the next link, and back.
fn sent(links: &[LinkInfo], count: usize) -> Vec<Message> {
    let frames: Vec<_> = CaptureFile::new(CAPTURE)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    (0..count)
        .map(|number| {
            let frame = frames[number % frames.len()];
            let link = &links[(number / 2) % links.len()];
            let (from, to) = (number % 2, (number + 1) % 2);
            let is_broadcast = frame.octets.first() == Some(&0xff);
            let fate = match number % 17 {
                5 => "lost",
                11 => "corrupted 1 octets",
                14 => "link down",
                _ => "",
            };
            let read = dissect(frame.link_type, frame.octets, frame.original_len);
            let innermost = read.innermost();
            let addresses = read.addresses();
            let shown = &frame.octets[..frame.octets.len().min(256)];
            Message {
                at_us: number as u64 * DURATION_US / count as u64,
                link: link.name.clone(),
                from: link.ends[from].clone(),
                to: (!is_broadcast).then(|| link.ends[to].clone()),
                protocol: innermost.map_or_else(String::new, |layer| layer.name.to_owned()),
                source: addresses.map(|(source, _)| source.to_owned()),
                destination: addresses.map(|(_, destination)| destination.to_owned()),
                summary: innermost.map_or_else(String::new, |layer| layer.summary.clone()),
                fate: fate.to_owned(),
                length: frame.original_len,
                octets: hex::encode(shown),
                layers: read.layers.iter().map(layer).collect(),
                number: number as u64 + 1,
            }
        })
        .collect()
}

fn layer(layer: &internetwork::dissect::Layer) -> MessageLayer {
    let text = |value: &serde_json::Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    MessageLayer {
        name: layer.name.to_owned(),
        offset: layer.offset,
        length: layer.length,
        quoted: layer.quoted,
        summary: layer.summary.clone(),
        fields: layer
            .fields
            .iter()
            .map(|field| (field.key.to_owned(), text(&field.value)))
            .collect(),
    }
}

fn timelines() -> Vec<Timeline> {
    let line = |node: &str, machine: &str, states: &[(u64, &str)]| Timeline {
        node: node.to_owned(),
        machine: machine.to_owned(),
        states: states
            .iter()
            .map(|&(at, state)| (at, state.to_owned()))
            .collect(),
    };
    vec![
        line(
            "home",
            "LCP on north",
            &[
                (0, "Req-Sent"),
                (40_000, "Opened"),
                (CUT_US.0, "Closed"),
                (12_100_000, "Opened"),
            ],
        ),
        line(
            "laptop",
            "192.0.2.254 on lan",
            &[
                (0, "INCOMPLETE"),
                (3_000, "REACHABLE"),
                (9_000_000, "STALE"),
                (15_000_000, "PROBE"),
            ],
        ),
    ]
}

fn routes() -> Table {
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let snapshot = |at_us, rows| Snapshot {
        at_us,
        rows,
        rows_left_out: 0,
    };
    Table {
        node: "home".to_owned(),
        name: "routes".to_owned(),
        columns: ["destination", "gateway", "metric"]
            .map(str::to_owned)
            .into(),
        snapshots: vec![
            snapshot(
                0,
                vec![
                    row(["0.0.0.0/0", "198.51.100.1", "2"]),
                    row(["192.0.2.0/24", "–", "0"]),
                ],
            ),
            snapshot(
                CUT_US.0 + 500_000,
                vec![
                    row(["0.0.0.0/0", "198.51.100.5", "3"]),
                    row(["192.0.2.0/24", "–", "0"]),
                ],
            ),
            snapshot(
                CUT_US.1 + 500_000,
                vec![
                    row(["0.0.0.0/0", "198.51.100.5", "3"]),
                    row(["198.51.100.0/30", "198.51.100.1", "1"]),
                ],
            ),
        ],
    }
}

fn sessions() -> Table {
    Table {
        node: "wall".to_owned(),
        name: "sessions".to_owned(),
        columns: ["from", "to", "state"].map(str::to_owned).into(),
        snapshots: vec![Snapshot {
            at_us: 1_000_000,
            rows: vec![
                ["192.0.2.1:50000", "192.0.2.2:443", "established"]
                    .map(str::to_owned)
                    .into(),
            ],
            rows_left_out: 4,
        }],
    }
}

fn counters() -> Vec<Counter> {
    let counter = |node: &str, group: &str, name: &str, value| Counter {
        node: node.to_owned(),
        group: group.to_owned(),
        name: name.to_owned(),
        value,
    };
    vec![
        counter("home", "translator", "translated", 12_345),
        counter("home", "translator", "no port left", 0),
        counter("wall", "firewall", "accepted", 420),
        counter("wall", "firewall", "denied", 17),
        counter("server", "IPv4", "packets received", 99),
    ]
}
