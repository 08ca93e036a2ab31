//! `benches/tables.toml`: what goes to which table.

use super::machine;
use super::measured::Measured;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tables {
    pub(crate) table: Vec<Table>,
}

/// One table of the README.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Its name in the marker comments.
    pub(crate) name: String,
    #[serde(default)]
    head: String,
    /// The bench of rows that do not name one.
    bench: Option<String>,
    #[serde(default)]
    columns: Vec<Column>,
    #[serde(default)]
    rows: Vec<RowText>,
    example: Option<Example>,
    /// Whether it is the table of requirements and fuzz targets, which needs no measuring.
    #[serde(default)]
    ledger: bool,
}

/// A peer, or several of which no group has more than one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    head: Option<String>,
    items: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowText {
    label: String,
    bench: Option<String>,
    group: String,
    ours: Option<String>,
}

/// An example that prints a table by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Example {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// Programs that have to be installed. It runs as root.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
}

/// Where a table comes from.
pub(crate) enum Source<'a> {
    Rows(Vec<Row<'a>>),
    Example(&'a Example),
    Ledger,
}

/// A line of a table.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) label: &'a str,
    pub(crate) bench: &'a str,
    pub(crate) group: &'a str,
    ours: Option<&'a str>,
}

impl Tables {
    /// Reads the file, and sees that names are distinct and that nothing is missing.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let tables: Self = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for table in &tables.table {
            if !names.insert(&table.name) {
                bail!("table `{}` is there twice", table.name);
            }
            table.source()?;
        }
        Ok(tables)
    }

    /// Sees that every bench that is named is one.
    pub(crate) fn check_benches(&self, benches: &BTreeSet<String>) -> Result<()> {
        for table in &self.table {
            let Source::Rows(rows) = table.source()? else {
                continue;
            };
            for row in rows {
                if !benches.contains(row.bench) {
                    bail!("table `{}`: there is no bench `{}`", table.name, row.bench);
                }
            }
        }
        Ok(())
    }
}

/// The groups of a bench that these tables show.
pub(crate) fn groups_of(bench: &str, tables: &[&Table]) -> BTreeSet<String> {
    let sources = tables.iter().filter_map(|table| table.source().ok());
    sources
        .flat_map(|source| match source {
            Source::Rows(rows) => rows,
            Source::Example(_) | Source::Ledger => Vec::new(),
        })
        .filter(|row| row.bench == bench)
        .map(|row| row.group.to_owned())
        .collect()
}

impl Table {
    /// Where it comes from.
    pub(crate) fn source(&self) -> Result<Source<'_>> {
        let name = &self.name;
        if let Some(example) = &self.example {
            if !self.rows.is_empty() || !self.columns.is_empty() {
                bail!("table `{name}` is an example's and has rows of its own");
            }
            return Ok(Source::Example(example));
        }
        if self.ledger {
            return Ok(Source::Ledger);
        }
        if self.rows.is_empty() {
            bail!("table `{name}` has no rows");
        }
        if self.columns.iter().any(|column| column.items.is_empty()) {
            bail!("table `{name}` has a column without items");
        }
        let rows = self.rows.iter().map(|row| {
            let bench = row.bench.as_deref().or(self.bench.as_deref());
            Ok(Row {
                label: &row.label,
                bench: bench
                    .with_context(|| format!("table `{name}`: `{}` has no bench", row.label))?,
                group: &row.group,
                ours: row.ours.as_deref(),
            })
        });
        Ok(Source::Rows(rows.collect::<Result<_>>()?))
    }

    /// The labels of its rows, when they are known before it is measured.
    pub(crate) fn labels(&self) -> Option<Vec<&str>> {
        let rows = self.rows.iter().map(|row| row.label.as_str());
        (!self.rows.is_empty()).then(|| rows.collect())
    }

    /// The table from what was measured, by bench.
    pub(crate) fn markdown(
        &self,
        rows: &[Row<'_>],
        measured: &BTreeMap<String, Measured>,
    ) -> Result<String> {
        let heads = self.columns.iter().map(|column| {
            let item = column.items.first().map(String::as_str).unwrap_or_default();
            column.head.as_deref().unwrap_or(item)
        });
        let heads: String = heads.map(|head| format!(" {head} |")).collect();
        let mut lines = vec![
            format!("| {} | ours |{heads}", self.head),
            format!("|---|---:|{}", "---:|".repeat(self.columns.len())),
        ];
        let mut machines = BTreeSet::new();
        let mut filled = vec![false; self.columns.len()];
        for row in rows {
            let bench = measured
                .get(row.bench)
                .with_context(|| format!("bench `{}` was not measured", row.bench))?;
            machines.insert(bench.machine.as_str());
            let items = bench.group(row.group)?;
            let named = |name: &str| items.iter().find(|item| item.name == name);
            let ours = match row.ours {
                Some(name) => named(name)
                    .with_context(|| format!("group `{}` has no item `{name}`", row.group))?,
                None => items.first().context("an empty group")?,
            };
            let mut line = format!("| {} | {} |", row.label, nanoseconds(ours.nanoseconds));
            for (column, filled) in self.columns.iter().zip(&mut filled) {
                let peer = column.items.iter().find_map(|name| named(name));
                // Ratios are to the group's first item.
                let ratio = peer
                    .and_then(|peer| peer.ratio)
                    .filter(|_| row.ours.is_none());
                *filled |= ratio.is_some();
                match ratio {
                    Some(ratio) => line.push_str(&format!(" {ratio:.2} |")),
                    None => line.push_str(" |"),
                }
            }
            lines.push(line);
        }
        if let Some((column, _)) = self
            .columns
            .iter()
            .zip(&filled)
            .find(|(_, filled)| !**filled)
        {
            bail!("no group has an item of {:?}", column.items);
        }
        lines.push(String::new());
        lines.extend(machine::shown_all(machines));
        Ok(lines.join("\n"))
    }
}

/// Nanoseconds with two or three digits that count, and the unit.
pub(crate) fn nanoseconds(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.1} ns"),
        ..10_000.0 => {
            let text = format!("{value:.0}");
            match text.len().checked_sub(3).filter(|at| *at > 0) {
                Some(at) => {
                    let (thousands, rest) = text.split_at(at);
                    format!("{thousands},{rest} ns")
                }
                None => format!("{text} ns"),
            }
        }
        _ => format!("{:.1} us", value / 1000.0),
    }
}
