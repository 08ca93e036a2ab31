//! The list of a crate's requirements, and the key by which citations find an entry.

use super::scan::Citation;
use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;

/// How strongly an RFC asks. The words are those of RFC 2119.
pub(super) const LEVELS: [&str; 11] = [
    "MUST NOT",
    "MUST",
    "SHALL NOT",
    "SHALL",
    "REQUIRED",
    "SHOULD NOT",
    "SHOULD",
    "NOT RECOMMENDED",
    "RECOMMENDED",
    "MAY",
    "OPTIONAL",
];

/// What a citation and an entry have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) rfc: u32,
    pub(super) section: String,
    pub(super) level: String,
    /// Tells the requirements of one section and level apart; empty where there is only one.
    pub(super) id: String,
}

impl Key {
    /// `§4.6 MUST (id)`.
    pub(super) fn without_rfc(&self) -> String {
        if self.id.is_empty() {
            format!("§{} {}", self.section, self.level)
        } else {
            format!("§{} {} ({})", self.section, self.level, self.id)
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RFC {} {}", self.rfc, self.without_rfc())
    }
}

/// One entry of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) key: Key,
    pub(super) text: String,
    /// Why the crate does not do it.
    pub(super) exception: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    requirement: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rfc: u32,
    section: String,
    level: String,
    #[serde(default)]
    id: String,
    text: String,
    exception: Option<String>,
    /// For people; this tool has no use for it.
    #[serde(rename = "note")]
    _note: Option<String>,
}

/// Reads a list and checks what its format alone does not.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>> {
    let list: List = toml::from_str(text)?;
    let mut seen = BTreeSet::new();
    let mut requirements = Vec::new();
    for entry in list.requirement {
        let key = Key {
            rfc: entry.rfc,
            section: entry.section,
            level: entry.level,
            id: entry.id,
        };
        ensure!(
            LEVELS.contains(&key.level.as_str()),
            "{key}: a level is one of {}",
            LEVELS.join(", ")
        );
        ensure!(!key.section.is_empty(), "{key}: the section is missing");
        ensure!(
            !key.id.contains([')', '(', ':']),
            "{key}: an id has no parentheses and no colon"
        );
        ensure!(!entry.text.trim().is_empty(), "{key}: the text is missing");
        if entry
            .exception
            .as_deref()
            .is_some_and(|why| why.trim().is_empty())
        {
            bail!("{key}: an exception says why");
        }
        ensure!(
            seen.insert(key.clone()),
            "{key} is listed twice; tell them apart by an `id`"
        );
        requirements.push(Requirement {
            key,
            text: entry.text,
            exception: entry.exception,
        });
    }
    Ok(requirements)
}

/// Entries for citations, one for each key, in the order of the RFCs.
pub(super) fn draft(citations: &[Citation]) -> String {
    let mut sorted: Vec<&Citation> = citations.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted.dedup_by(|a, b| a.key == b.key);
    let mut text = String::new();
    for citation in sorted {
        let quoted = |value: &str| toml::Value::from(value).to_string();
        let Key {
            rfc,
            section,
            level,
            id,
        } = &citation.key;
        text.push_str(&format!(
            "\n[[requirement]]\nrfc = {rfc}\nsection = {}\nlevel = {}\n",
            quoted(section),
            quoted(level)
        ));
        if !id.is_empty() {
            text.push_str(&format!("id = {}\n", quoted(id)));
        }
        text.push_str(&format!("text = {}\n", quoted(&citation.text)));
    }
    text
}
