//! The report as a page: one HTML file that needs nothing else, to be opened in a browser.
//!
//! Style and script are files of their own here and become part of the page. The data goes in as JSON, in
//! elements that a browser does not run: an outline of all scenarios, and each scenario by itself, which is
//! parsed when it is opened. What came over a link can say anything, so nothing in the data can end its
//! element (`json.rs`), the script sets text and never markup, and the page's policy runs our one script,
//! which it knows by its hash, and loads nothing.

mod json;
#[cfg(test)]
mod tests;

use super::model::{LinkInfo, NodeInfo, Report, ScenarioReport};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};

/// The page, with names in braces where something goes in.
const TEMPLATE: &str = include_str!("page.html");
/// Its style.
const STYLE: &str = include_str!("page.css");
/// Its script: one module, in parts.
const SCRIPT: &str = concat!(
    include_str!("script/dom.js"),
    include_str!("script/scenario.js"),
    include_str!("script/topology.js"),
    include_str!("script/ladder.js"),
    include_str!("script/message.js"),
    include_str!("script/timelines.js"),
    include_str!("script/tables.js"),
    include_str!("script/main.js"),
);

/// Writes the page of a report.
///
/// # Errors
///
/// Those of `out`.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.write_all(before.as_bytes())?;
        match name {
            "policy" => out.write_all(policy().as_bytes())?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "data" => data(report, out)?,
            "script" => out.write_all(SCRIPT.as_bytes())?,
            _ => return Err(io::Error::other(format!("the page has no {name}"))),
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// The Content-Security-Policy: this style, this script, pictures from within, and nothing else.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        source(SCRIPT),
        source(STYLE),
    )
}

/// How a policy names an element by what is in it.
fn source(content: &str) -> String {
    format!(
        "'sha256-{}'",
        BASE64_STANDARD.encode(Sha256::digest(content))
    )
}

/// The elements with the data.
fn data(report: &Report, out: &mut impl Write) -> io::Result<()> {
    element("outline", &Outline::new(report), out)?;
    for (index, scenario) in report.scenarios.iter().enumerate() {
        element(&format!("scenario-{index}"), scenario, out)?;
    }
    Ok(())
}

fn element(id: &str, value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    write!(out, "<script type=\"application/json\" id=\"{id}\">")?;
    json::write(value, out)?;
    out.write_all(b"</script>\n")
}

/// What the page shows before a scenario is opened.
#[derive(Debug, Serialize)]
struct Outline<'a> {
    /// As text: a script's numbers are too narrow for it.
    seed: String,
    command: &'a str,
    faults: &'a str,
    scenarios: Vec<ScenarioOutline<'a>>,
}

/// A scenario without what is long in it.
#[derive(Debug, Serialize)]
struct ScenarioOutline<'a> {
    name: &'a str,
    title: &'a str,
    failure: Option<&'a str>,
    duration_us: u64,
    checks: usize,
    checks_failed: usize,
    messages: u64,
    nodes: &'a [NodeInfo],
    links: &'a [LinkInfo],
}

impl<'a> Outline<'a> {
    fn new(report: &'a Report) -> Self {
        Self {
            seed: report.seed.to_string(),
            command: &report.command,
            faults: &report.faults,
            scenarios: report.scenarios.iter().map(ScenarioOutline::new).collect(),
        }
    }
}

impl<'a> ScenarioOutline<'a> {
    fn new(scenario: &'a ScenarioReport) -> Self {
        let failed = scenario.checks.iter().filter(|check| !check.passed);
        let shown = u64::try_from(scenario.messages.len()).unwrap_or(u64::MAX);
        Self {
            name: &scenario.name,
            title: &scenario.title,
            failure: scenario.failure.as_deref(),
            duration_us: scenario.duration_us,
            checks: scenario.checks.len(),
            checks_failed: failed.count(),
            messages: shown.saturating_add(scenario.messages_left_out),
            nodes: &scenario.nodes,
            links: &scenario.links,
        }
    }
}
