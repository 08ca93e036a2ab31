//! Holds our reading of captured frames against another dissector's.
//!
//! The reference captures come with tshark's reading of each frame ([`testkit::captures`]). Every
//! key that tshark gives must be in ours with the same values, and ours may have no others, but
//! for what is named:
//!
//! * frames that tshark calls malformed or cut short are exempt;
//! * keys of protocols that no crate reads yet are counted as such ([`keys`]);
//! * a frame goes on inside a carrier that no crate reads yet ([`keys::CARRIERS`]): then ours may
//!   stop early, but what there is must be the beginning of tshark's list;
//! * the few differences of which [`EXCUSES`] and [`RULES`] say why.

mod excuses;
pub mod keys;
mod report;

#[cfg(test)]
mod tests;

pub use excuses::{EXCUSES, Excuse, Lookup, RULES, Rule, Which};
pub use report::{Counts, Difference, Report};

use crate::dissect::{Dissection, dissect};
use serde_json::{Map, Value};
use testkit::captures::Capture;

/// How a key of a frame compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Both have the same values.
    Equal,
    /// They differ.
    Different,
    /// Ours stops before a carrier that no crate reads yet; so far, the values are the same.
    Inside(&'static str),
    /// Nothing gives the key yet, and this is who will, or why not.
    NotYet(&'static str),
}

/// Compares one key of a frame: tshark's values, and ours.
pub fn compare_key(
    key: &str,
    theirs: &[Value],
    ours: &[Value],
    carrier: Option<&'static str>,
) -> Outcome {
    if theirs == ours {
        return Outcome::Equal;
    }
    if ours.is_empty()
        && let Some(reason) = keys::not_yet(key)
    {
        return Outcome::NotYet(reason);
    }
    match carrier {
        Some(carrier) if theirs.len() > ours.len() && theirs.starts_with(ours) => {
            Outcome::Inside(carrier)
        }
        _ => Outcome::Different,
    }
}

impl Report {
    /// Compares all frames of a capture.
    pub fn add(&mut self, capture: &Capture) {
        self.captures += 1;
        let readings = capture.frames.iter().zip(capture.expected());
        for (index, (frame, expected)) in readings.enumerate() {
            let dissection = dissect(frame.link_type, &frame.data, frame.original_len);
            let lengths = (frame.original_len, frame.data.len());
            self.add_frame(
                &capture.name,
                index + 1,
                lengths,
                &dissection,
                expected.fields(),
            );
        }
    }

    /// Compares a frame, the `number`th of `capture`, with `len` octets on the wire and
    /// `captured_len` in the file.
    pub fn add_frame(
        &mut self,
        capture: &str,
        number: usize,
        (len, captured_len): (usize, usize),
        dissection: &Dissection,
        expected: &Map<String, Value>,
    ) {
        self.frames += 1;
        for mark in ["_ws.malformed", "_ws.short"] {
            if expected.contains_key(mark) {
                *self.exempt.entry(mark).or_default() += 1;
                return;
            }
        }
        let ours = dissection.to_json(number, len, captured_len);
        let carrier = keys::carrier(expected);
        let mut protocols = Vec::new();
        let all = expected
            .keys()
            .chain(ours.keys().filter(|key| !expected.contains_key(*key)));
        for key in all.filter(|key| !keys::is_beside_the_point(key)) {
            let protocol = keys::protocol(key);
            if !protocols.contains(&protocol) {
                protocols.push(protocol);
            }
            let (their_values, our_values) = (values(expected, key), values(&ours, key));
            let outcome = compare_key(key, their_values, our_values, carrier);
            let excused = outcome == Outcome::Different
                && (self.excuse(capture, number, key) || self.rule(key, expected, &ours));
            let counts = self.protocols.entry(protocol.to_owned()).or_default();
            match outcome {
                Outcome::Equal => counts.equal += 1,
                Outcome::Different if excused => counts.excused += 1,
                Outcome::Different => {
                    counts.different += 1;
                    self.differences.push(Difference {
                        capture: capture.to_owned(),
                        frame: number,
                        key: key.clone(),
                        theirs: their_values.to_vec(),
                        ours: our_values.to_vec(),
                    });
                }
                Outcome::Inside(carrier) => {
                    counts.inside += 1;
                    *self.inside.entry(carrier).or_default() += 1;
                }
                Outcome::NotYet(reason) => {
                    counts.not_yet += 1;
                    let keys = self.not_yet.entry(reason).or_default();
                    *keys.entry(key.clone()).or_default() += 1;
                }
            }
        }
        for protocol in protocols {
            let counts = self.protocols.entry(protocol.to_owned()).or_default();
            counts.frames += 1;
        }
    }

    /// Whether a difference is excused; the excuse is then one that is needed.
    fn excuse(&mut self, capture: &str, frame: usize, key: &str) -> bool {
        let excuse = EXCUSES
            .iter()
            .position(|excuse| excuse.covers(capture, frame, key));
        if let Some(index) = excuse {
            *self.excused.entry(index).or_default() += 1;
        }
        excuse.is_some()
    }

    /// Whether a difference is of a known kind; the rule is then one that is needed.
    fn rule(&mut self, key: &str, theirs: &Map<String, Value>, ours: &Map<String, Value>) -> bool {
        let is_of = |rule: &Rule| {
            let (theirs, ours) = (
                |key: &str| values(theirs, key),
                |key: &str| values(ours, key),
            );
            rule.keys.contains(&key) && (rule.holds)(key, &theirs, &ours)
        };
        let rule = RULES.iter().position(is_of);
        if let Some(index) = rule {
            *self.ruled.entry(index).or_default() += 1;
        }
        rule.is_some()
    }
}

/// The values of a key: a list, a single value, or none.
fn values<'a>(object: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    match object.get(key) {
        Some(Value::Array(values)) => values,
        Some(value) => core::slice::from_ref(value),
        None => &[],
    }
}
