//! What a comparison found, and its printed form.

use super::{EXCUSES, RULES, keys};
use alloc::collections::BTreeMap;
use core::fmt;
use serde_json::Value;

/// Differences that are printed; the others are counted.
const SHOWN: usize = 100;
/// Values of a list that are printed.
const VALUES_SHOWN: usize = 12;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Captures read.
    pub captures: usize,
    /// Frames read.
    pub frames: usize,
    /// Frames that are not compared, by tshark's mark on them.
    pub exempt: BTreeMap<&'static str, usize>,
    /// Keys by protocol.
    pub protocols: BTreeMap<String, Counts>,
    /// All differences that no excuse covers.
    pub differences: Vec<Difference>,
    /// Keys of which we have the beginning only, by the carrier that the rest is in.
    pub inside: BTreeMap<&'static str, usize>,
    /// Keys that nobody gives yet, by who will or why not.
    pub not_yet: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// Keys that an excuse covers, by its place in [`EXCUSES`].
    pub(super) excused: BTreeMap<usize, usize>,
    /// Keys that a rule covers, by its place in [`RULES`].
    pub(super) ruled: BTreeMap<usize, usize>,
}

/// Keys of frames, counted; a key with several values counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Frames that have keys of the protocol.
    pub frames: usize,
    /// Keys with the same values on both sides.
    pub equal: usize,
    /// Keys with other values.
    pub different: usize,
    /// Keys with other values, of which an excuse says why.
    pub excused: usize,
    /// Keys of which the beginning is equal, and the rest inside a carrier that is not read yet.
    pub inside: usize,
    /// Keys that nobody gives yet.
    pub not_yet: usize,
}

/// A key with other values on each side.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Folder and name of the capture.
    pub capture: String,
    /// The frame's number, from one.
    pub frame: usize,
    /// The key.
    pub key: String,
    /// tshark's values.
    pub theirs: Vec<Value>,
    /// Our values.
    pub ours: Vec<Value>,
}

impl Report {
    /// Excuses, rules and carriers that no frame needed: they are to be taken off their lists.
    pub fn stale(&self) -> Vec<String> {
        let excuses = EXCUSES.iter().enumerate();
        let excuses = excuses.filter(|(index, _)| !self.excused.contains_key(index));
        let rules = RULES.iter().enumerate();
        let rules = rules.filter(|(index, _)| !self.ruled.contains_key(index));
        let carriers = keys::CARRIERS.iter();
        let carriers = carriers.filter(|(_, reason)| !self.inside.contains_key(reason));
        excuses
            .map(|(_, excuse)| format!("{}: {}", excuse.capture, excuse.reason))
            .chain(rules.map(|(_, rule)| rule.reason.to_owned()))
            .chain(carriers.map(|(name, reason)| format!("carrier {name}: {reason}")))
            .collect()
    }

    /// Keys with the same values on both sides.
    pub fn equal(&self) -> usize {
        self.protocols.values().map(|counts| counts.equal).sum()
    }

    /// Frames that were compared.
    pub fn compared(&self) -> usize {
        self.frames - self.exempt.values().sum::<usize>()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (captures, frames, compared) = (self.captures, self.frames, self.compared());
        writeln!(
            f,
            "{captures} captures, {frames} frames, {compared} compared"
        )?;
        for (mark, count) in &self.exempt {
            writeln!(f, "  exempt: {count} that tshark marks {mark}")?;
        }
        writeln!(
            f,
            "\n{:<12} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8}",
            "protocol", "frames", "equal", "different", "excused", "inside", "not yet"
        )?;
        for (protocol, counts) in &self.protocols {
            writeln!(
                f,
                "{protocol:<12} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8}",
                counts.frames,
                counts.equal,
                counts.different,
                counts.excused,
                counts.inside,
                counts.not_yet
            )?;
        }
        writeln!(f, "\nkeys of which the rest is inside what no crate reads")?;
        for (carrier, count) in &self.inside {
            writeln!(f, "{count:>8}  {carrier}")?;
        }
        writeln!(f, "\nkeys that are not given, and who will give them")?;
        for (reason, keys) in &self.not_yet {
            let count: usize = keys.values().sum();
            writeln!(f, "{count:>8}  {reason}")?;
            for (key, count) in keys {
                writeln!(f, "{count:>16}  {key}")?;
            }
        }
        writeln!(f, "\nkeys that differ for a known reason")?;
        for (index, count) in &self.ruled {
            if let Some(rule) = RULES.get(*index) {
                writeln!(f, "{count:>8}  {}", rule.reason)?;
            }
        }
        for (index, count) in &self.excused {
            if let Some(excuse) = EXCUSES.get(*index) {
                writeln!(f, "{count:>8}  {}: {}", excuse.capture, excuse.reason)?;
            }
        }
        if !self.differences.is_empty() {
            writeln!(f, "\n{} differences", self.differences.len())?;
        }
        for difference in self.differences.iter().take(SHOWN) {
            writeln!(f, "  {difference}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            capture,
            frame,
            key,
            theirs,
            ours,
        } = self;
        let (theirs, ours) = (short(theirs), short(ours));
        write!(
            f,
            "{capture} frame {frame}: {key}: tshark {theirs}, ours {ours}"
        )
    }
}

/// A list as JSON; of a long one, the beginning.
fn short(values: &[Value]) -> String {
    match values.get(..VALUES_SHOWN) {
        Some(first) if values.len() > VALUES_SHOWN => {
            format!("{} (the first of {})", Value::from(first), values.len())
        }
        _ => Value::from(values).to_string(),
    }
}
