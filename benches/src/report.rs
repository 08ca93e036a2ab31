//! Markdown of what was measured in turns.

use crate::{Goal, Group};
use std::process::Command;
use std::{env, fs};

/// Prints what the figures depend on.
pub(crate) fn print_machine() {
    let processor = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| processor(&text))
        .unwrap_or_else(|| env::consts::ARCH.to_owned());
    println!("{processor}; {}", compiler());
}

/// The name of the first processor, with family and model: a virtual machine may hide the name.
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

/// The version of the compiler, as it says itself.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(
            || "rustc of unknown version".to_owned(),
            |text| text.trim().to_owned(),
        )
}

/// Prints one group as a table: a row for each item.
pub(crate) fn print_group(group: &Group<'_>, samples: &[Vec<f64>]) {
    println!("\n### {}\n", group.name);
    println!("| | ns, median | ns, best | ours / it (10 % to 90 %) | goal |");
    println!("|---|---:|---:|---:|---|");
    let Some(ours) = samples.first() else { return };
    for (index, (item, times)) in group.items.iter().zip(samples).enumerate() {
        let (median, best) = (quantile(times, 0.5), quantile(times, 0.0));
        let ratios: Vec<f64> = ours.iter().zip(times).map(|(ours, it)| ours / it).collect();
        let ratio = quantile(&ratios, 0.5);
        let shown = if index == 0 {
            String::new()
        } else {
            let (low, high) = (quantile(&ratios, 0.1), quantile(&ratios, 0.9));
            format!("{ratio:.2} ({low:.2} to {high:.2})")
        };
        let goals: Vec<String> = group
            .goals
            .iter()
            .filter_map(|goal| match goal {
                Goal::Nanoseconds(limit) if index == 0 => {
                    Some(format!("<= {limit} ns: {}", verdict(best, *limit)))
                }
                Goal::Ratio { peer, at_most } if *peer == item.name => {
                    Some(format!("<= {at_most}: {}", verdict(ratio, *at_most)))
                }
                _ => None,
            })
            .collect();
        let (name, goals) = (&item.name, goals.join(", "));
        println!("| {name} | {median:.1} | {best:.1} | {shown} | {goals} |");
    }
}

fn verdict(found: f64, at_most: f64) -> &'static str {
    if found <= at_most { "met" } else { "missed" }
}

/// The value below which the given part of `values` lies; `NaN` of none.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1) as f64;
    // A part is between 0 and 1, so the position is one of the values'.
    let position = sorted
        .iter()
        .enumerate()
        .find(|(at, _)| *at as f64 >= (part * last).floor());
    position.map_or(f64::NAN, |(_, value)| *value)
}
