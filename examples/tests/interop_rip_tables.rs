//! Tables of many routes: what FRR announces reaches BIRD through `rip_router`, whole and unchanged, and is withdrawn
//! again; and in the long run, bursts of FRR and BIRD that they do not take from each other.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

extern crate alloc;

use alloc::collections::BTreeMap;
use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{
    Capture, Frr, IpFamily, Namespace, connect, interop_wanted, long_interop_wanted, wait_until,
};
use internetwork::rip_router::lab::{Kind, Router, Setup};
use internetwork::rip_router::scale::run_peers;

const COUNT: usize = 1000;

/// The networks of the table, with a metric.
fn table(numbers: core::ops::Range<usize>, metric: u64) -> BTreeMap<String, u64> {
    let prefix = |n: usize| format!("20.{}.{}.0/24", n / 250, n % 250);
    numbers.map(|n| (prefix(n), metric)).collect()
}

/// Has the kernel of a namespace add or delete blackhole routes to all of these.
fn batch(namespace: &Namespace, what: &str, routes: &BTreeMap<String, u64>) -> Result<()> {
    let file = std::env::temp_dir().join(format!("{}-batch", namespace.name()));
    let lines = routes
        .keys()
        .map(|prefix| format!("route {what} blackhole {prefix}\n"));
    std::fs::write(&file, lines.collect::<String>())?;
    let done = namespace.run("ip", &["-batch", file.to_str().context("path")?]);
    std::fs::remove_file(&file)?;
    done.map(drop)
}

#[test]
fn a_thousand_routes_of_frr_reach_bird_and_are_withdrawn() -> Result<()> {
    if !interop_wanted("rip_router with a thousand routes") {
        return Ok(());
    }
    let (source, middle, end) = (
        Namespace::new("tables")?,
        Namespace::new("tablem")?,
        Namespace::new("tablee")?,
    );
    for namespace in [&source, &middle, &end] {
        namespace.forward()?;
    }
    connect(
        (&source, "eth0", &["10.0.1.1/24"]),
        (&middle, "eth0", &["10.0.1.2/24"]),
    )?;
    connect(
        (&middle, "eth1", &["10.0.2.1/24"]),
        (&end, "eth0", &["10.0.2.2/24"]),
    )?;
    batch(&source, "add", &table(0..COUNT, 0))?;
    let capture = Capture::start(&middle, "eth1", "udp port 520")?;
    let ours = Router::start(Kind::Ours, &middle, &Setup::v4(&["eth0", "eth1"]))?;
    let bird = Router::start(Kind::Bird, &end, &Setup::v4(&["eth0"]))?;
    let ripd = "router rip\n timers basic 5 15 10\n network eth0\n redistribute kernel\n";
    let frr = Frr::start(&source, &[("ripd", ripd)])?;

    let learned = |router: &Router, expected: &BTreeMap<String, u64>| -> Result<()> {
        let mut found = router.metrics(IpFamily::V4)?;
        found.retain(|prefix, _| prefix.starts_with("20."));
        let count = found.len();
        ensure!(found == *expected, "{count} routes, not {}", expected.len());
        Ok(())
    };
    let patience = Duration::from_secs(25);
    // A metric counts the routers on the way.
    wait_until(patience, || learned(&ours, &table(0..COUNT, 2))).context("ours")?;
    wait_until(patience, || learned(&bird, &table(0..COUNT, 3))).context("BIRD")?;
    wait_until(patience, || {
        let kernel = middle.count_routes(IpFamily::V4, "rip")?;
        ensure!(kernel == COUNT, "{kernel} routes in our kernel");
        Ok(())
    })?;
    // Half of them go away.
    batch(&source, "del", &table(COUNT / 2..COUNT, 0))?;
    wait_until(patience, || learned(&ours, &table(0..COUNT / 2, 2))).context("ours")?;
    wait_until(patience, || learned(&bird, &table(0..COUNT / 2, 3))).context("BIRD")?;
    wait_until(patience, || {
        let kernel = middle.count_routes(IpFamily::V4, "rip")?;
        ensure!(kernel == COUNT / 2, "{kernel} routes in our kernel");
        Ok(())
    })?;
    drop(frr);
    // 40 messages of 25 entries, at least once.
    capture.finish(COUNT / 25)?;
    Ok(())
}

#[test]
fn ten_thousand_routes_in_one_burst_are_learned_in_the_first_round() -> Result<()> {
    if !long_interop_wanted("rip_router with ten thousand routes") {
        return Ok(());
    }
    for from in [Kind::Frr, Kind::Bird] {
        let outcome = run_peers(from, Kind::Ours, 10_000)?;
        eprintln!("{from:?} -> ours: {outcome:?}");
        // Its next update comes ten seconds after the first.
        let time = outcome
            .time
            .with_context(|| format!("{from:?}: {outcome:?}"))?;
        ensure!(time < Duration::from_secs(9), "{from:?}: {outcome:?}");
        ensure!(outcome.drops == 0, "{from:?}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn ten_thousand_routes_of_ours_are_learned_without_loss() -> Result<()> {
    if !long_interop_wanted("rip_router announces ten thousand routes") {
        return Ok(());
    }
    for to in [Kind::Frr, Kind::Bird, Kind::Ours] {
        let outcome = run_peers(Kind::Ours, to, 10_000)?;
        eprintln!("ours -> {to:?}: {outcome:?}");
        let time = outcome
            .time
            .with_context(|| format!("{to:?}: {outcome:?}"))?;
        ensure!(time < Duration::from_secs(9), "{to:?}: {outcome:?}");
        ensure!(outcome.drops == 0, "{to:?}: {outcome:?}");
    }
    Ok(())
}
