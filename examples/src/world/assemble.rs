//! From what was sent on a stage to captures and a report.

use super::model::{LinkInfo, LinkKind, Message, MessageLayer, ScenarioReport};
use super::scenario::Scenario;
use super::stage::{Ended, Tapped};
use crate::dissect::dissect;
use alloc::collections::BTreeMap;
use anyhow::Result;
use packet_buffer::Instant;
use packet_buffer::wire::{EthernetFrame, MacAddr};
use ppp_lcp_ncp::framing::Decoder;
use serde_json::Value;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use testkit::LinkType;
use testkit::pcapng::{Direction, PcapngWriter};

/// Of the messages of one protocol on one link, the first and the last so many are in the report.
const FIRST: usize = 150;
const LAST: usize = 50;
/// Octets of a message that are in the report.
const MAX_OCTETS: usize = 256;
/// Octets of the largest PPP packet that is looked for on a serial line.
const MAX_PPP: u16 = 2_048;

/// A frame for the capture.
struct Frame {
    from: String,
    at: Instant,
    fate: String,
    octets: Vec<u8>,
}

/// Makes the report of a scenario, and writes its captures to a directory where there is one.
///
/// # Errors
///
/// Those of the file system.
pub(super) fn assemble(
    scenario: &Scenario,
    ended: Ended,
    failure: Option<String>,
    out: Option<&Path>,
) -> Result<ScenarioReport> {
    let mut links = ended.links;
    let mut frames: Vec<Vec<Frame>> = links.iter().map(|_| Vec::new()).collect();
    let mut lines: BTreeMap<(usize, String), Decoder> = BTreeMap::new();
    for tapped in ended.frames {
        let Some(link) = links.get(tapped.link) else {
            continue;
        };
        let Some(frames) = frames.get_mut(tapped.link) else {
            continue;
        };
        if link.kind == LinkKind::Serial {
            let line = (tapped.link, tapped.from.clone());
            let decoder = lines.entry(line).or_insert_with(|| {
                let mut decoder = Decoder::new(MAX_PPP);
                // Both ends may agree to leave control characters as they are.
                decoder.set_accm(0);
                decoder
            });
            deframe(decoder, &tapped, frames);
        } else {
            frames.push(Frame {
                from: tapped.from,
                at: tapped.at,
                fate: tapped.fate,
                octets: tapped.frame,
            });
        }
    }
    let mut messages = Vec::new();
    let mut left_out = ended.left_out;
    for (link, frames) in links.iter_mut().zip(&frames) {
        link.frames = frames.len() as u64;
        link.capture = format!("{}-{}.pcapng", scenario.name, link.name.replace(' ', "-"));
        if let Some(out) = out {
            write_capture(&out.join(&link.capture), link, frames)?;
        }
        left_out += add_messages(link, frames, &mut messages);
    }
    messages.sort_by_key(|message: &Message| message.at_us);
    Ok(ScenarioReport {
        name: scenario.name.to_owned(),
        title: scenario.title.to_owned(),
        about: scenario.about.to_owned(),
        failure,
        duration_us: u64::try_from(ended.duration.as_micros()).unwrap_or(u64::MAX),
        story: ended.story,
        checks: ended.checks,
        nodes: ended.nodes,
        links,
        messages,
        messages_left_out: left_out,
        timelines: ended.timelines,
        tables: ended.tables,
        counters: ended.counters,
    })
}

/// Frames out of the octets that an end has sent: what came of them on the line is told by the fate.
fn deframe(decoder: &mut Decoder, tapped: &Tapped, frames: &mut Vec<Frame>) {
    let mut octets = tapped.frame.as_slice();
    while let Some(packet) = decoder.next_frame(&mut octets) {
        frames.push(Frame {
            from: tapped.from.clone(),
            at: tapped.at,
            fate: tapped.fate.clone(),
            octets: packet.to_vec(),
        });
    }
}

const fn link_type(kind: LinkKind) -> LinkType {
    match kind {
        LinkKind::Serial => LinkType::PPP,
        LinkKind::Ethernet | LinkKind::Pppoe => LinkType::ETHERNET,
    }
}

fn write_capture(path: &Path, link: &LinkInfo, frames: &[Frame]) -> Result<()> {
    let mut writer = PcapngWriter::new(BufWriter::new(File::create(path)?))?;
    let mut interfaces = BTreeMap::new();
    for end in &link.ends {
        let name = format!("{}/{end}", link.name);
        interfaces.insert(
            end.as_str(),
            writer.add_interface(&name, link_type(link.kind))?,
        );
    }
    for frame in frames {
        if let Some(interface) = interfaces.get(frame.from.as_str()) {
            writer.write(
                *interface,
                frame.at,
                Direction::Outbound,
                &frame.fate,
                &frame.octets,
            )?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// Adds what the report shows of a link; how many messages it does not show.
fn add_messages(link: &LinkInfo, frames: &[Frame], messages: &mut Vec<Message>) -> u64 {
    let mut stations: BTreeMap<MacAddr, &str> = BTreeMap::new();
    let mut by_protocol: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    for frame in frames {
        if let Ok(ethernet) = EthernetFrame::parse(&frame.octets) {
            stations.entry(ethernet.source()).or_insert(&frame.from);
        }
    }
    let mut left_out = 0;
    for (number, frame) in (1..).zip(frames) {
        let message = message(link, number, frame, &stations);
        let of_protocol = by_protocol.entry(message.protocol.clone()).or_default();
        of_protocol.push(message);
        if of_protocol.len() > FIRST + LAST {
            of_protocol.remove(FIRST);
            left_out += 1;
        }
    }
    messages.extend(by_protocol.into_values().flatten());
    left_out
}

fn message(
    link: &LinkInfo,
    number: u64,
    frame: &Frame,
    stations: &BTreeMap<MacAddr, &str>,
) -> Message {
    let dissection = dissect(link_type(link.kind), &frame.octets, frame.octets.len());
    let other = match link.ends.as_slice() {
        [a, b] if *a == frame.from => Some(b.clone()),
        [a, _] => Some(a.clone()),
        _ => EthernetFrame::parse(&frame.octets)
            .ok()
            .and_then(|ethernet| {
                let station = stations.get(&ethernet.destination())?;
                Some((*station).to_owned())
            }),
    };
    let innermost = dissection.innermost();
    let addresses = dissection.addresses();
    let shown = frame.octets.get(..MAX_OCTETS).unwrap_or(&frame.octets);
    let mut layers: Vec<MessageLayer> = dissection
        .layers
        .iter()
        .map(|layer| MessageLayer {
            name: layer.name.to_owned(),
            offset: layer.offset,
            length: layer.length,
            quoted: layer.quoted,
            summary: layer.summary.clone(),
            fields: layer
                .fields
                .iter()
                .map(|field| (field.key.to_owned(), value_text(&field.value)))
                .collect(),
        })
        .collect();
    if let Some(rest) = &dissection.rest {
        layers.push(MessageLayer {
            name: rest.what.clone(),
            offset: rest.offset,
            length: rest.length,
            quoted: false,
            summary: format!("{} octets", rest.length),
            fields: Vec::new(),
        });
    }
    for error in &dissection.errors {
        if let Some(last) = layers.last_mut() {
            last.fields
                .push(("error".to_owned(), error.error.to_string()));
        }
    }
    Message {
        at_us: frame.at.as_micros(),
        link: link.name.clone(),
        from: frame.from.clone(),
        to: other,
        protocol: innermost.map_or("?", |it| it.name).to_owned(),
        source: addresses.map(|it| it.0.to_owned()),
        destination: addresses.map(|it| it.1.to_owned()),
        summary: innermost.map_or_else(String::new, |it| it.summary.clone()),
        fate: frame.fate.clone(),
        length: frame.octets.len(),
        octets: hex(shown),
        layers,
        number,
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn hex(octets: &[u8]) -> String {
    use core::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
