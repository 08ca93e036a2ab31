//! What a bench prints with `--ratios`.

use super::machine;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

/// The head of each group's table, as the benches write it.
const HEAD: &str = "| | ns, median | ns, best | ours / it (10 % to 90 %) | goal |";

/// The output of one bench.
#[derive(Debug)]
pub(crate) struct Measured {
    /// On which machine, and under which load.
    pub(crate) machine: String,
    groups: BTreeMap<String, Vec<Item>>,
}

/// One line of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// The median of all rounds.
    pub(crate) nanoseconds: f64,
    /// The median of *ours / it within one round*; the first item of a group has none.
    pub(crate) ratio: Option<f64>,
}

impl Measured {
    /// Reads the groups; other output between them is passed over.
    pub(crate) fn parse(output: &str) -> Result<Self> {
        let machine = machine::of_output(output)?;
        let mut groups = BTreeMap::new();
        let mut lines = output.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_prefix("### ") else {
                continue;
            };
            while lines.next_if(|line| line.is_empty()).is_some() {}
            if lines.next() != Some(HEAD) || lines.next().is_none() {
                bail!("group `{name}` does not begin with `{HEAD}`");
            }
            let mut items = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
                items.push(item(line).with_context(|| format!("group `{name}`: `{line}`"))?);
            }
            if items.is_empty() {
                bail!("group `{name}` is empty");
            }
            if groups.insert(name.to_owned(), items).is_some() {
                bail!("group `{name}` is there twice");
            }
        }
        Ok(Self { machine, groups })
    }

    /// The items of a group, ours first.
    pub(crate) fn group(&self, name: &str) -> Result<&[Item]> {
        self.groups
            .get(name)
            .map(Vec::as_slice)
            .with_context(|| format!("group `{name}` was not measured"))
    }
}

fn item(line: &str) -> Result<Item> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [_, name, median, _best, ratio, _goal, _] = cells.as_slice() else {
        bail!("{} cells and not five", cells.len().saturating_sub(2));
    };
    let number = |text: &str| {
        let value: f64 = text
            .parse()
            .with_context(|| format!("`{text}` is no number"))?;
        if !value.is_finite() || value < 0.0 {
            bail!("`{text}` cannot have been measured");
        }
        Ok(value)
    };
    let ratio = match ratio.split_once(' ') {
        Some((median, _spread)) => Some(number(median)?),
        None if ratio.is_empty() => None,
        None => bail!("`{ratio}` has no spread"),
    };
    Ok(Item {
        name: (*name).to_owned(),
        nanoseconds: number(median)?,
        ratio,
    })
}
