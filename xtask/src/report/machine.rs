//! What the figures depend on.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

/// In front of the line that names the machine, at the head of recorded output.
const PREFIX: &str = "measured on: ";

/// In front of the load average, which ends that line.
const LOAD: &str = "; load average ";

/// Names this machine, with the load average `load` while it measured.
pub(crate) fn line(load: &str) -> String {
    let processor = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| processor(&text))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let compiler = crate::process::output(Command::new("rustc").arg("--version")).map_or_else(
        |_| "rustc of unknown version".to_owned(),
        |text| {
            text.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        },
    );
    let plural = if cores == 1 { "core" } else { "cores" };
    format!(
        "{PREFIX}{processor}, {cores} {plural}; {compiler}, cargo's release profile{LOAD}{load}"
    )
}

/// The machine in recorded output.
pub(crate) fn of_output(output: &str) -> Result<String> {
    output
        .lines()
        .find_map(|line| line.strip_prefix(PREFIX))
        .map(str::to_owned)
        .context("the output does not say on which machine it was measured")
}

/// As it stands under a table.
pub(crate) fn shown(machine: &str) -> String {
    format!("Measured on: {machine}.")
}

/// The same for a table of several measurements: a line for each machine, with the lowest and the highest load.
pub(crate) fn shown_all<'a>(machines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut loads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for machine in machines {
        let (name, load) = machine.split_once(LOAD).unwrap_or((machine, ""));
        loads.entry(name).or_default().insert(load);
    }
    let lines = loads
        .into_iter()
        .map(|(name, loads)| match (loads.first(), loads.last()) {
            (Some(lowest), Some(highest)) if lowest != highest => {
                shown(&format!("{name}{LOAD}{lowest} to {highest}"))
            }
            (Some(load), _) if !load.is_empty() => shown(&format!("{name}{LOAD}{load}")),
            _ => shown(name),
        });
    lines.collect()
}

/// The load average of the last minute.
pub(crate) fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The first processor by name, family and model: a virtual machine may hide the name.
fn processor(cpuinfo: &str) -> Option<String> {
    let value = |wanted: &str| {
        cpuinfo.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == wanted).then(|| value.trim().to_owned())
        })
    };
    let (name, family, model) = (value("model name")?, value("cpu family")?, value("model")?);
    Some(format!("{name} (family {family}, model {model})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor() {
        let cpuinfo = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Some CPU\n\nprocessor\t: 1\n";
        assert_eq!(
            processor(cpuinfo).as_deref(),
            Some("Some CPU (family 6, model 207)")
        );
        assert_eq!(processor("Hardware: other"), None);
    }

    #[test]
    fn one_line_for_one_machine() {
        let of = |name: &str, load: &str| format!("{name}{LOAD}{load}");
        let machines = [
            of("b", "0.9"),
            of("a", "2.1"),
            of("a", "1.4"),
            of("a", "1.4"),
        ];
        let lines = shown_all(machines.iter().map(String::as_str));
        assert_eq!(
            lines,
            [
                "Measured on: a; load average 1.4 to 2.1.",
                "Measured on: b; load average 0.9."
            ]
        );
        assert_eq!(shown_all(["c"]), ["Measured on: c."]);
    }

    #[test]
    fn the_line_is_found_again() {
        let machine = of_output(&format!("{}\n| a table |\n", line("0.5"))).unwrap();
        assert!(
            machine.contains("rustc ") && machine.ends_with("load average 0.5"),
            "{machine}"
        );
        assert!(of_output("no machine").is_err());
    }
}
