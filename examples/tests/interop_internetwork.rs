//! The internetwork: its live form, with the kernel's hosts, FRR, BIRD and a `pppd` around our routers; and `tshark`'s
//! word on every frame that the simulated form, and our routers of the live one, have sent.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use anyhow::{Context, Result, ensure};
use internetwork::lab::{captured, example_path, interop_wanted, tshark_complaints};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(label: &str) -> Result<Self> {
        let name = format!("internetwork-{label}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn captures(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "pcapng") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn internetwork(arguments: &[&str], out: &Path) -> Result<Output> {
    let mut command = Command::new(example_path("internetwork")?);
    command.args(arguments).arg("--out").arg(out);
    command.output().context("cannot start the example")
}

/// Namespaces that processes of this id have made and not deleted.
fn namespaces_of(process: &str) -> Result<Vec<String>> {
    let output = Command::new("ip").args(["netns", "list"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    let made = names.filter(|it| it.starts_with("internetwork-live-") && it.contains(process));
    Ok(made.map(str::to_owned).collect())
}

#[test]
fn live() -> Result<()> {
    if !interop_wanted("internetwork --live") {
        return Ok(());
    }
    let out = Folder::new("live-captures")?;
    let mut command = Command::new(example_path("internetwork")?);
    command
        .args(["--live", "--short", "--json", "--out"])
        .arg(&out.0);
    command.stdout(std::process::Stdio::piped());
    let child = command.spawn()?;
    let id = format!("-{}-", child.id());
    let output = child.wait_with_output()?;
    let left = namespaces_of(&id)?;
    ensure!(left.is_empty(), "namespaces are left: {left:?}");

    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value =
        serde_json::from_str(&text).with_context(|| format!("it printed {text}"))?;
    let cases = report["cases"].as_array().context("cases")?;
    for case in cases {
        let mark = if case["passed"] == true {
            "ok"
        } else {
            "FAILED"
        };
        eprintln!(
            "{mark:<6} {:>5.1} s  {}: {}: {}",
            case["seconds"].as_f64().unwrap_or(0.0),
            case["peer"].as_str().unwrap_or("?"),
            case["what"].as_str().unwrap_or("?"),
            case["result"].as_str().unwrap_or("?"),
        );
    }
    eprintln!("{} seconds", report["seconds"]);
    ensure!(report["failed"] == 0, "{} have failed", report["failed"]);
    ensure!(output.status.success(), "it ended with {}", output.status);
    ensure!(
        report["passed"].as_u64() == Some(cases.len() as u64),
        "{report}"
    );
    // Each peer was there, so that a case that is left out is missed.
    for (peer, least) in [
        ("FRR", 2),
        ("BIRD", 2),
        ("FRR and BIRD", 3),
        ("pppd", 1),
        ("Linux", 1),
        ("ping", 10),
        ("curl", 8),
        ("traceroute", 3),
        ("iperf3", 2),
    ] {
        let count = cases.iter().filter(|case| case["peer"] == peer).count();
        ensure!(count >= least, "{count} cases with {peer}, not {least}");
    }
    let names: Vec<_> = report["routers"]
        .as_array()
        .context("routers")?
        .iter()
        .collect();
    ensure!(names.len() == 4, "{} routers", names.len());

    let captures = out.captures()?;
    ensure!(
        captures.len() == 9,
        "{} captures: {captures:?}",
        captures.len()
    );
    for capture in captures {
        // The data that tools send look like this or that protocol at times.
        let bad = "(_ws.malformed or _ws.expert.severity == error) \
                   and ((not udp and not tcp) or rip or ripng)";
        let complaints = captured(&capture, bad)?;
        ensure!(
            complaints == 0,
            "{}: {complaints} malformed frames",
            capture.display()
        );
        let frames = captured(&capture, "frame")?;
        ensure!(frames > 5, "{}: {frames} frames", capture.display());
    }
    Ok(())
}

#[test]
fn what_is_sent_in_the_simulation_is_well_formed() -> Result<()> {
    if !interop_wanted("tshark reads the captures of the simulated internetwork") {
        return Ok(());
    }
    for arguments in [&["--quiet"][..], &["--quiet", "--pppoe", "--seed", "7"][..]] {
        let out = Folder::new("captures")?;
        let output = internetwork(arguments, &out.0)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {errors}");
        let captures = out.captures()?;
        ensure!(captures.len() >= 3, "{captures:?}");
        let mut all = 0;
        for capture in captures {
            let (frames, complaints) = tshark_complaints(&capture)?;
            ensure!(
                complaints.is_empty(),
                "{}: {complaints:#?}",
                capture.display()
            );
            all += frames;
        }
        eprintln!("{arguments:?}: {all} frames, and nothing malformed");
        ensure!(all > 100, "{all} frames");
    }
    Ok(())
}
