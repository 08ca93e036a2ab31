//! The table of what each crate's tests stand on: requirements and fuzz targets.

use crate::workspace::Workspace;
use crate::{fuzz, rfc};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;

/// Counts and writes it.
pub(crate) fn markdown(workspace: &Workspace) -> Result<String> {
    let crates: Vec<String> = workspace
        .published()
        .map(|package| package.name.to_string())
        .collect();
    let targets = targets(workspace, &crates)?;
    let counts = rfc::counts(workspace)?;
    let mut lines = vec![
        "| | RFCs | requirements | with a test | with a reason why not | fuzz targets |".to_owned(),
        "|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for name in &crates {
        let fuzzed = targets.get(name).copied().unwrap_or_default();
        let listed = counts.iter().find(|counts| counts.name == *name);
        lines.push(match listed {
            Some(it) => format!(
                "| `{name}` | {} | {} | {} | {} | {fuzzed} |",
                it.rfcs, it.requirements, it.tested, it.excepted
            ),
            None => format!("| `{name}` | | | | | {fuzzed} |"),
        });
    }
    Ok(lines.join("\n"))
}

/// How many fuzz targets each crate has.
fn targets(workspace: &Workspace, crates: &[String]) -> Result<BTreeMap<String, usize>> {
    let folder = fuzz::folder(workspace).join("fuzz_targets");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut targets = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_some_and(|ending| ending == "rs")
            && let Some(name) = subject(&name, crates)
        {
            *targets.entry(name.to_owned()).or_default() += 1;
        }
    }
    Ok(targets)
}

/// The crate that a target is named after: by the whole of its name, or by a part of it; `packet-buffer` when there is
/// none, whose targets are named after its modules.
fn subject<'a>(target: &str, crates: &'a [String]) -> Option<&'a str> {
    let named = |part: &str| target.starts_with(part);
    let whole = |name: &&String| named(&name.replace('-', "_"));
    let part = |name: &&String| name.split('-').any(named);
    let found = crates.iter().find(whole).or(crates.iter().find(part));
    let shared = crates.iter().find(|name| *name == "packet-buffer");
    found.or(shared).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_a_target() {
        let crates = [
            "flow-state",
            "flow-table",
            "nat",
            "packet-buffer",
            "ppp-lcp-ncp",
        ];
        let crates = [&crates[..], &["stateful-firewall"]].concat();
        let crates: Vec<String> = crates.into_iter().map(str::to_owned).collect();
        for (target, name) in [
            ("flow_table_ops", "flow-table"),
            ("flow_state_packet", "flow-state"),
            ("nat64_ops", "nat"),
            ("firewall_ops", "stateful-firewall"),
            ("ppp_vj", "ppp-lcp-ncp"),
            ("packet_parse", "packet-buffer"),
            ("buffer_ops", "packet-buffer"),
            ("checksum", "packet-buffer"),
        ] {
            assert_eq!(subject(target, &crates), Some(name), "{target}");
        }
        assert_eq!(subject("checksum", &[]), None);
    }
}
