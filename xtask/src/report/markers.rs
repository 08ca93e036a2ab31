//! The places of the tables in the README.

use super::tables::Tables;
use anyhow::{Context, Result, bail};

const BEGIN: &str = "<!-- report: ";
const END: &str = "<!-- end of report: ";
const CLOSE: &str = " -->";

/// What tables wait for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting<'a> {
    /// These for their first measurement.
    pub(crate) empty: Vec<&'a str>,
    /// These for another one: what stands in their place has other rows.
    pub(crate) stale: Vec<&'a str>,
}

/// Sees that each table has one place, and that each place has a table; gives the names of those that are to be
/// measured.
pub(crate) fn check<'a>(readme: &str, tables: &'a Tables) -> Result<Waiting<'a>> {
    let mut waiting = Waiting::default();
    let places = places(readme)?;
    for (name, _) in &places {
        if !tables.table.iter().any(|table| table.name == *name) {
            bail!("`{BEGIN}{name}{CLOSE}`: benches/tables.toml has no such table");
        }
    }
    for table in &tables.table {
        let mut found = places.iter().filter(|(name, _)| *name == table.name);
        let Some((_, lines)) = found.next() else {
            bail!("there is no `{BEGIN}{}{CLOSE}`", table.name);
        };
        if found.next().is_some() {
            bail!("`{BEGIN}{}{CLOSE}` is there twice", table.name);
        }
        if lines.iter().all(|line| line.trim().is_empty()) {
            waiting.empty.push(table.name.as_str());
            continue;
        }
        let rows = lines.iter().filter(|line| line.starts_with('|')).skip(2);
        let shown: Vec<&str> = rows
            .map(|line| line.split('|').nth(1).unwrap_or_default().trim())
            .collect();
        let stale = match table.labels() {
            Some(labels) => shown != labels,
            None => shown.is_empty(),
        };
        if stale {
            waiting.stale.push(table.name.as_str());
        }
    }
    Ok(waiting)
}

/// The README with `text` in the place of that name.
pub(crate) fn replace(readme: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (
        format!("{BEGIN}{name}{CLOSE}\n"),
        format!("{END}{name}{CLOSE}"),
    );
    let (before, rest) = readme
        .split_once(&begin)
        .with_context(|| format!("README.md has no `{}`", begin.trim()))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("README.md has no `{end}`"))?;
    Ok(format!("{before}{begin}{}\n{end}{after}", text.trim_end()))
}

/// The name of each place and the lines in it.
fn places(readme: &str) -> Result<Vec<(&str, Vec<&str>)>> {
    let name = |line, prefix| {
        let rest: Option<&str> = str::strip_prefix(line, prefix);
        rest.and_then(|rest| rest.strip_suffix(CLOSE))
    };
    let mut places = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for (index, line) in readme.lines().enumerate() {
        let number = index + 1;
        if let Some(begun) = name(line, BEGIN) {
            if let Some((before, _)) = open {
                bail!("line {number}: `{begun}` begins within `{before}`");
            }
            open = Some((begun, Vec::new()));
        } else if let Some(ended) = name(line, END) {
            match open.take() {
                Some((begun, lines)) if begun == ended => places.push((begun, lines)),
                Some((begun, _)) => bail!("line {number}: `{ended}` ends, but `{begun}` has begun"),
                None => bail!("line {number}: `{ended}` ends without a beginning"),
            }
        } else if line.contains(BEGIN.trim_end()) || line.contains(END.trim_end()) {
            bail!("line {number}: a marker is a line of its own: `{BEGIN}NAME{CLOSE}`");
        } else if let Some((_, lines)) = &mut open {
            lines.push(line);
        }
    }
    if let Some((begun, _)) = open {
        bail!("`{begun}` begins and does not end");
    }
    Ok(places)
}
