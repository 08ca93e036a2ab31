//! What a trace has found, as the table that people know from mtr and as JSON.

use alloc::collections::BTreeSet;
use core::fmt::Write as _;
use core::time::Duration;
use icmp_nd::traceroute::{Answer, AnswerKind, Hop, Outcome, Responder, RttStats, Traceroute};
use icmp_nd::wire::{ExtensionObject, InterfaceInformation};
use serde_json::{Value, json};

/// What the events tell beyond the hops: gathered while a trace runs.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    /// Hops where a probe arrived translated.
    translated: BTreeSet<u8>,
    /// Hops where a probe arrived with another traffic class than it was sent with.
    remarked: BTreeSet<u8>,
    traffic_class: u8,
}

impl Observations {
    /// Probes are sent with this code point.
    pub fn new(dscp: u8) -> Self {
        Self {
            traffic_class: dscp << 2,
            ..Self::default()
        }
    }

    /// Takes note of an answer.
    pub fn note(&mut self, answer: &Answer) {
        if answer.rewritten {
            self.translated.insert(answer.ttl);
        }
        if answer
            .quoted_traffic_class
            .is_some_and(|class| class & !3 != self.traffic_class)
        {
            self.remarked.insert(answer.ttl);
        }
    }
}

fn millis(time: Option<Duration>) -> f64 {
    time.unwrap_or_default().as_secs_f64() * 1e3
}

/// The table, with a line for each responder and a last line that says how it ended.
pub fn table(trace: &Traceroute, observations: &Observations) -> String {
    let mut text = String::new();
    let width = trace
        .hops()
        .flat_map(|hop| &hop.responders)
        .map(|responder| responder.address.to_string().len())
        .max()
        .unwrap_or(0)
        .max(15);
    let _ = writeln!(
        text,
        "{:>3}  {:<width$} {:>6} {:>5} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "hop", "address", "loss", "sent", "last", "avg", "best", "worst", "stdev"
    );
    for hop in trace.hops() {
        let loss = hop.missing() as f64 * 100.0 / hop.sent.max(1) as f64;
        let mut first = true;
        for responder in &hop.responders {
            let number = if first {
                hop.ttl.to_string()
            } else {
                String::new()
            };
            let (loss, sent) = if first {
                (format!("{loss:.1}%"), hop.sent.to_string())
            } else {
                (String::new(), String::new())
            };
            let rtt = &responder.rtt;
            let _ = write!(
                text,
                "{number:>3}  {:<width$} {loss:>6} {sent:>5} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>8.3}",
                responder.address.to_string(),
                millis(rtt.last()),
                millis(rtt.average()),
                millis(rtt.min()),
                millis(rtt.max()),
                millis(rtt.deviation()),
            );
            let notes = notes(hop, responder, first, observations);
            if !notes.is_empty() {
                let _ = write!(text, "  {}", notes.join(" "));
            }
            let _ = writeln!(text);
            first = false;
        }
        if hop.responders.is_empty() {
            let _ = write!(
                text,
                "{:>3}  {:<width$} {loss:>5.1}% {:>5}",
                hop.ttl, "*", hop.sent
            );
            if let Some(mtu) = hop.mtu {
                let _ = write!(text, "  F={mtu}");
            }
            let _ = writeln!(text);
        }
    }
    if let Some(mtu) = trace.path_mtu() {
        let _ = writeln!(text, "path MTU {mtu}");
    }
    let _ = match trace.outcome() {
        Some(Outcome::Reached { ttl }) => writeln!(text, "reached, {ttl} hops"),
        Some(Outcome::Unreachable { ttl, error }) => writeln!(text, "ends at hop {ttl}: {error}"),
        Some(Outcome::MaxTtl) => writeln!(text, "not reached within the hops asked for"),
        Some(Outcome::Silence) => writeln!(text, "given up: nobody answers any more"),
        Some(Outcome::Stopped) => writeln!(text, "stopped"),
        _ => Ok(()),
    };
    text
}

fn notes(
    hop: &Hop,
    responder: &Responder,
    first: bool,
    observations: &Observations,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let AnswerKind::Error(error) = responder.kind
        && let Some(annotation) = error.annotation()
    {
        notes.push(annotation.to_string());
    }
    match responder.kind {
        AnswerKind::TcpSynAck => notes.push("open".to_owned()),
        AnswerKind::TcpReset => notes.push("closed".to_owned()),
        _ => {}
    }
    notes.extend(extensions(responder));
    if first {
        if let Some(mtu) = hop.mtu {
            notes.push(format!("F={mtu}"));
        }
        if observations.translated.contains(&hop.ttl) {
            notes.push("translated".to_owned());
        }
        if observations.remarked.contains(&hop.ttl) {
            notes.push("remarked".to_owned());
        }
        for (count, word) in [
            (hop.late, "late"),
            (hop.duplicates, "repeated"),
            (hop.reordered, "reordered"),
        ] {
            if count > 0 {
                notes.push(format!("{count} {word}"));
            }
        }
    }
    notes
}

/// The extensions of a responder in words.
fn extensions(responder: &Responder) -> Vec<String> {
    let Some(extensions) = responder.extension_objects() else {
        return Vec::new();
    };
    let words = extensions.iter().map(|object| match object {
        ExtensionObject::MplsLabelStack(stack) => {
            let entries = stack.entries().map(|entry| {
                format!(
                    "L={},E={},S={},T={}",
                    entry.label,
                    entry.traffic_class,
                    u8::from(entry.bottom_of_stack),
                    entry.ttl
                )
            });
            format!("[MPLS: {}]", entries.collect::<Vec<_>>().join("/"))
        }
        ExtensionObject::InterfaceInformation(interface) => {
            format!("[{}]", interface_words(&interface))
        }
        ExtensionObject::Other(object) => format!("[object of class {}]", object.class),
        _ => "[object]".to_owned(),
    });
    words.collect()
}

fn interface_words(interface: &InterfaceInformation<'_>) -> String {
    let mut words = format!("{:?}", interface.role).to_lowercase();
    if let Some(name) = interface.name {
        let _ = write!(words, " {name:?}");
    }
    if let Some(index) = interface.index {
        let _ = write!(words, " #{index}");
    }
    if let Some(address) = interface.address {
        let _ = write!(words, " {address}");
    }
    if let Some(mtu) = interface.mtu {
        let _ = write!(words, " MTU {mtu}");
    }
    words
}

/// All of it as one JSON value.
pub fn as_json(trace: &Traceroute, observations: &Observations, destination: &str) -> Value {
    let hops: Vec<Value> = trace
        .hops()
        .map(|hop| {
            let responders: Vec<Value> = hop
                .responders
                .iter()
                .map(|responder| {
                    json!({
                        "address": responder.address.to_string(),
                        "answers": responder.answers,
                        "kind": kind(responder.kind),
                        "annotation": annotation(responder.kind),
                        "ttl": responder.hop_limit,
                        "extensions": extensions(responder),
                        "rtt": rtt(&responder.rtt),
                    })
                })
                .collect();
            json!({
                "ttl": hop.ttl,
                "sent": hop.sent,
                "answered": hop.answered,
                "late": hop.late,
                "duplicates": hop.duplicates,
                "reordered": hop.reordered,
                "mtu": hop.mtu,
                "translated": observations.translated.contains(&hop.ttl),
                "remarked": observations.remarked.contains(&hop.ttl),
                "responders": responders,
            })
        })
        .collect();
    let outcome = match trace.outcome() {
        Some(Outcome::Reached { ttl }) => json!({"reached": ttl}),
        Some(Outcome::Unreachable { ttl, error }) => {
            let (message_type, code) = error.type_and_code();
            json!({"unreachable": ttl, "error": error.to_string(), "type": message_type, "code": code})
        }
        Some(Outcome::MaxTtl) => json!("max-ttl"),
        Some(Outcome::Silence) => json!("silence"),
        Some(Outcome::Stopped) => json!("stopped"),
        _ => Value::Null,
    };
    json!({
        "destination": destination,
        "outcome": outcome,
        "path_mtu": trace.path_mtu(),
        "hops": hops,
    })
}

fn kind(kind: AnswerKind) -> String {
    match kind {
        AnswerKind::Error(error) => error.to_string(),
        AnswerKind::EchoReply => "echo reply".to_owned(),
        AnswerKind::TcpSynAck => "TCP SYN-ACK".to_owned(),
        AnswerKind::TcpReset => "TCP RST".to_owned(),
    }
}

fn annotation(kind: AnswerKind) -> Option<String> {
    match kind {
        AnswerKind::Error(error) => error.annotation().map(|sign| sign.to_string()),
        _ => None,
    }
}

fn rtt(rtt: &RttStats) -> Value {
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    json!({
        "last_ms": ms(rtt.last()),
        "avg_ms": ms(rtt.average()),
        "best_ms": ms(rtt.min()),
        "worst_ms": ms(rtt.max()),
        "stdev_ms": ms(rtt.deviation()),
        "jitter_ms": ms(rtt.jitter()),
    })
}
