//! The forms in which a dissection is printed.

use super::{Dissection, Layer};
use alloc::collections::BTreeMap;
use core::fmt;
use core::time::Duration;
use serde_json::{Map, Value};

impl Dissection {
    /// The protocols from the outside in, as tshark joins them.
    pub fn protocols(&self) -> String {
        let names: Vec<_> = self.layers.iter().map(|layer| layer.protocol).collect();
        names.join(":")
    }

    /// The innermost layer of the packet itself, not of one that it quotes.
    pub fn innermost(&self) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| !layer.quoted)
    }

    /// Source and destination: those of the innermost packet, not of one that it quotes.
    pub fn addresses(&self) -> Option<(&str, &str)> {
        let layers = self.layers.iter().rev().filter(|layer| !layer.quoted);
        let addresses = layers.filter_map(|layer| layer.addresses.as_ref()).next();
        addresses.map(|(source, destination)| (source.as_str(), destination.as_str()))
    }

    /// All fields by name, each with its values in wire order.
    pub fn fields(&self) -> BTreeMap<&'static str, Vec<&Value>> {
        let mut fields: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for field in self.layers.iter().flat_map(|layer| &layer.fields) {
            fields.entry(field.key).or_default().push(&field.value);
        }
        fields
    }

    /// The frame as a JSON object: number and lengths as numbers, every field as a list, and
    /// under `error` what is wrong, where something is.
    pub fn to_json(&self, number: usize, len: usize, captured_len: usize) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("frame.number".to_owned(), number.into());
        object.insert("frame.len".to_owned(), len.into());
        object.insert("frame.cap_len".to_owned(), captured_len.into());
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(|error| error.error.to_string());
            object.insert("error".to_owned(), errors.collect());
        }
        for (key, values) in self.fields() {
            object.insert(key.to_owned(), values.into_iter().cloned().collect());
        }
        object
    }
}

/// A frame in a line: number, time, source, destination, protocol, length, and what the innermost
/// layer says. Errors and a rest that is not read are on lines of their own.
pub fn one_liner(dissection: &Dissection, number: usize, time: Duration, len: usize) -> String {
    let (source, destination) = dissection.addresses().unwrap_or_default();
    let innermost = dissection.innermost();
    let protocol = innermost.map_or("", |layer| layer.name);
    let summary = innermost.map_or("", |layer| layer.summary.as_str());
    let mut text = format!(
        "{number:>5} {:>5}.{:06} {source:>15} → {destination:<15} {protocol:<8} {len:>5} {summary}",
        time.as_secs(),
        time.subsec_micros(),
    );
    let mut quoted = dissection.layers.iter().filter(|layer| layer.quoted);
    if let Some(first) = quoted.next() {
        let last = quoted.next_back().unwrap_or(first);
        text += &format!(" (about {}", first.summary);
        if last != first {
            text += &format!(": {} {}", last.name, last.summary);
        }
        text += ")";
    }
    for error in &dissection.errors {
        text += &format!("\n    error: {}", error.error);
    }
    if let Some(rest) = &dissection.rest {
        text += &format!(
            "\n    not read: {}, {} octets at octet {}",
            rest.what, rest.length, rest.offset
        );
    }
    text
}

/// Counts over many frames.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// All frames.
    pub frames: usize,
    /// Frames by protocol, each counted once.
    pub protocols: BTreeMap<&'static str, usize>,
    /// Errors by what is wrong.
    pub errors: BTreeMap<String, usize>,
    /// Frames by what was not read.
    pub rests: BTreeMap<String, usize>,
}

impl Summary {
    /// Counts a frame.
    pub fn count(&mut self, dissection: &Dissection) {
        self.frames += 1;
        let mut names: Vec<_> = dissection.layers.iter().map(|layer| layer.name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            *self.protocols.entry(name).or_default() += 1;
        }
        for error in &dissection.errors {
            *self.errors.entry(error.kind()).or_default() += 1;
        }
        if let Some(rest) = &dissection.rest {
            *self.rests.entry(rest.what.clone()).or_default() += 1;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} frames", self.frames)?;
        section(f, "frames by protocol", &self.protocols)?;
        section(f, "errors", &self.errors)?;
        section(f, "frames by what was not read", &self.rests)
    }
}

fn section<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: &BTreeMap<K, usize>,
) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|(_, count)| core::cmp::Reverse(**count));
    for (name, count) in rows {
        writeln!(f, "{count:>8}  {name}")?;
    }
    Ok(())
}
