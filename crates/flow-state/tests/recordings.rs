//! What a kernel's tracker did with TCP segments, packet by packet, against [`TcpFlow`] alone.
//!
//! The recordings are found through `INTERNETWORK_SHARED`; each step has a packet, the time, whether the kernel
//! forwarded it, and the state and remaining lifetime of the connection after it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "tests"
)]

use flow_state::{Direction, FlowPacket, TcpFlow, TcpPolicy, Timers, Transport, Verdict};
use packet_buffer::Instant;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

/// The folder of the lab, when there is one.
fn lab() -> Option<PathBuf> {
    let Some(shared) = env::var_os("INTERNETWORK_SHARED") else {
        println!("SKIPPED: INTERNETWORK_SHARED is not set, so the recordings are not there");
        return None;
    };
    Some(Path::new(&shared).join("labs/natfw/out"))
}

fn cases(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
        .collect()
}

struct Entry {
    flow: TcpFlow,
    deadline: Instant,
}

/// The settings of one case.
struct Tracker {
    policy: TcpPolicy,
    timers: Timers,
    verify: bool,
    /// By remote address and port, and the inside port.
    flows: BTreeMap<(IpAddr, u16, u16), Entry>,
}

impl Tracker {
    fn new(config: &Value) -> Self {
        let setting = |name: &str, default: u64| {
            let value = &config["sysctl"][format!("nf_conntrack_{name}")];
            value
                .as_u64()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
                .unwrap_or(default)
        };
        let mut timers = Timers::linux();
        for (name, field) in [
            ("close", &mut timers.tcp.closed),
            ("established", &mut timers.tcp.established),
            ("syn_sent", &mut timers.tcp.syn_sent),
            ("time_wait", &mut timers.tcp.time_wait),
        ] {
            let secs = setting(&format!("tcp_timeout_{name}"), field.as_secs());
            *field = Duration::from_secs(secs);
        }
        Self {
            policy: TcpPolicy::LinuxCompat {
                be_liberal: setting("tcp_be_liberal", 0) == 1,
                loose: setting("tcp_loose", 1) == 1,
                ignore_invalid_rst: setting("tcp_ignore_invalid_rst", 0) == 1,
                max_retrans: 3,
            },
            timers,
            verify: setting("checksum", 1) == 1,
            flows: BTreeMap::new(),
        }
    }

    /// Whether the packet is forwarded; connections start from inside.
    fn process(&mut self, now: Instant, is_inside: bool, octets: &[u8]) -> bool {
        let Ok(packet) = FlowPacket::parse(octets) else {
            return false;
        };
        if self.verify && packet.verify().is_err() {
            return false;
        }
        let Transport::Tcp(segment) = packet.transport() else {
            return false;
        };
        let key = packet.key();
        let place = if is_inside {
            (key.destination(), key.destination_port(), key.source_port())
        } else {
            (key.source(), key.source_port(), key.destination_port())
        };
        self.flows.retain(|_, entry| entry.deadline > now);
        let direction = if is_inside {
            Direction::Original
        } else {
            Direction::Reply
        };
        if let Some(entry) = self.flows.get_mut(&place) {
            match entry.flow.handle(&self.policy, direction, segment) {
                Verdict::Accept => {
                    entry.deadline = now + entry.flow.timeout(&self.timers.tcp);
                    return true;
                }
                Verdict::Ignore => return true,
                Verdict::Invalid(_) => return false,
                Verdict::Delete => {
                    self.flows.remove(&place);
                    return true;
                }
                Verdict::Reopen => {
                    self.flows.remove(&place);
                }
            }
        }
        if !is_inside {
            return false;
        }
        let Ok(flow) = TcpFlow::new(&self.policy, segment) else {
            return false;
        };
        let deadline = now + flow.timeout(&self.timers.tcp);
        self.flows.insert(place, Entry { flow, deadline });
        true
    }
}

/// Differences that stay: the case, the step, and why.
///
/// A sequence is not compared further behind a difference.
const KNOWN: &[(&str, u64, &str)] = &[(
    "fuzz_napt_1_0265",
    25,
    "the kernel drops a segment and shortens the connection's lifetime for it; RFC 5382 §5 has the \
     lifetime of an established connection, and a packet that is dropped does not change it",
)];

/// What was compared, and what differed.
#[derive(Default)]
struct Tally {
    sequences: usize,
    packets: usize,
    different: Vec<String>,
    known: Vec<(String, u64)>,
}

impl Tally {
    fn difference(&mut self, case: &Value, step: &Value, what: &str) {
        let name = case["name"].as_str().unwrap();
        let number = step["step"].as_u64().unwrap();
        if KNOWN
            .iter()
            .any(|known| (known.0, known.1) == (name, number))
        {
            self.known.push((name.to_owned(), number));
            return;
        }
        self.different.push(format!(
            "{} step {} ({}): {what}",
            case["name"].as_str().unwrap(),
            step["step"],
            step["desc"].as_str().unwrap(),
        ));
    }

    fn report(&self, what: &str) {
        println!(
            "{what}: {} sequences, {} packets, {} known differences, {} others",
            self.sequences,
            self.packets,
            self.known.len(),
            self.different.len()
        );
        for line in self.different.iter().take(40) {
            println!("  {line}");
        }
        assert!(self.packets > 0, "nothing was compared");
        assert!(
            self.different.is_empty(),
            "{} differences",
            self.different.len()
        );
    }
}

/// The connection's state and lifetime after a step.
fn state_after(step: &Value) -> Option<(&str, u64)> {
    if let Some(state) = step.get("tcp_state") {
        return Some((state.as_str()?, step["timeout"].as_u64()?));
    }
    let entries = step["ct_after"].as_array()?;
    match entries.as_slice() {
        [only] => Some((only["state"].as_str()?, only["timeout"].as_u64()?)),
        _ => None,
    }
}

fn replay(case: &Value, tally: &mut Tally) {
    let mut tracker = Tracker::new(&case["config"]);
    tally.sequences += 1;
    for step in case["steps"].as_array().unwrap() {
        let now =
            Instant::from_secs(1_000) + Duration::from_millis(step["at_ms"].as_u64().unwrap());
        let octets = hex::decode(step["pkt"].as_str().unwrap()).unwrap();
        let forwarded = tracker.process(now, step["if"] == "in", &octets);
        tally.packets += 1;
        let expected = step["verdict"] == "forward";
        if forwarded != expected {
            tally.difference(
                case,
                step,
                &format!("forwarded {forwarded}, not {expected}"),
            );
            // One difference leads to others.
            return;
        }
        let ours = tracker.flows.values().next();
        let (ours, theirs) = (
            ours.map(|entry| (entry.flow.state(), entry.deadline)),
            state_after(step),
        );
        match (ours, theirs) {
            (None, None) => {}
            (Some((state, deadline)), Some((name, seconds))) => {
                if state.to_string() != name {
                    tally.difference(case, step, &format!("state {state}, not {name}"));
                    return;
                }
                // The kernel shows whole seconds, and some time has passed.
                let left = deadline.saturating_duration_since(now).as_secs();
                if left.abs_diff(seconds) > 2 {
                    tally.difference(
                        case,
                        step,
                        &format!("in {state} {left} s are left, not {seconds}"),
                    );
                    return;
                }
            }
            (ours, theirs) if tracker.flows.len() <= 1 => {
                tally.difference(case, step, &format!("entry {ours:?}, not {theirs:?}"));
                return;
            }
            _ => {}
        }
    }
}

#[test]
fn random_sequences_are_tracked_as_the_kernel_does() {
    let Some(lab) = lab() else { return };
    let mut tally = Tally::default();
    for case in cases(&lab.join("fuzz/cases")) {
        replay(&case, &mut tally);
    }
    tally.report("random sequences");
    let known: Vec<_> = KNOWN
        .iter()
        .map(|known| (known.0.to_owned(), known.1))
        .collect();
    let mut found = tally.known;
    let mut listed = known;
    found.sort();
    listed.sort();
    assert_eq!(found, listed, "a listed difference is gone");
    assert!(KNOWN.iter().all(|known| known.2.contains("RFC")));
}

#[test]
fn tcp_cases_are_tracked_as_the_kernel_does() {
    let Some(lab) = lab() else { return };
    let mut tally = Tally::default();
    let skip = fs::read_to_string(lab.join("skip.txt")).unwrap();
    for case in cases(&lab.join("tun/cases")) {
        let name = case["name"].as_str().unwrap();
        let is_profile = ["napt", "fw"].contains(&case["config"]["profile"].as_str().unwrap());
        if case["group"] == "TCP"
            && is_profile
            && !skip.split(',').any(|skipped| skipped.trim() == name)
        {
            replay(&case, &mut tally);
        }
    }
    tally.report("cases");
}
