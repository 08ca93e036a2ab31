//! `rip_router` and authentication, with FRR and BIRD: every algorithm that they have, wrong keys, and restarts.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

extern crate alloc;

use alloc::collections::BTreeMap;
use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{
    Capture, IpFamily, Namespace, at_once, connect, interop_wanted, pause, wait_until,
};
use internetwork::rip_router::lab::{Authentication, Kind, Ours, Router, Setup};

const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the 5 seconds between updates, and than what starting takes.
const LONG_ENOUGH: Duration = Duration::from_secs(9);

/// Ours and another router on a cable, each with a network of its own.
struct Pair {
    ours: Ours,
    theirs: Router,
    our_namespace: Namespace,
    their_namespace: Namespace,
}

impl Pair {
    fn namespaces(label: &str) -> Result<(Namespace, Namespace)> {
        let ours = Namespace::new(&format!("{label}a"))?;
        let theirs = Namespace::new(&format!("{label}b"))?;
        ours.forward()?;
        theirs.forward()?;
        connect(
            (&ours, "eth0", &["10.0.1.1/24"]),
            (&theirs, "eth0", &["10.0.1.2/24"]),
        )?;
        ours.add_addresses("lo", &["192.0.2.1/32"])?;
        theirs.add_addresses("lo", &["192.0.2.2/32"])?;
        Ok((ours, theirs))
    }

    fn start(
        label: &str,
        kind: Kind,
        ours: Option<&Authentication>,
        theirs: Option<&Authentication>,
    ) -> Result<Self> {
        let (our_namespace, their_namespace) = Self::namespaces(label)?;
        let setup = |keys: Option<&Authentication>| {
            let setup = Setup::v4(&["eth0"]);
            keys.map_or_else(|| setup.clone(), |keys| setup.clone().with(keys))
        };
        let theirs = Router::start(kind, &their_namespace, &setup(theirs))?;
        let ours = Ours::start(&our_namespace, &setup(ours).ours())?;
        Ok(Self {
            ours,
            theirs,
            our_namespace,
            their_namespace,
        })
    }

    /// Each has learned the other's network.
    fn both_learn(&self) -> Result<()> {
        wait_until(PATIENCE, || {
            let ours = self.ours.rip_routes(IpFamily::V4)?;
            ensure!(
                ours.len() == 1 && ours[0].prefix == "192.0.2.2/32" && ours[0].metric == 2,
                "ours has {ours:?}"
            );
            self.theirs.expect(IpFamily::V4, &[("192.0.2.1/32", 2)])
        })
        .map(drop)
    }
}

/// Runs one scenario for each of several peers at once.
fn for_each<T: Sync>(
    peers: &[T],
    name: impl Fn(&T) -> &str,
    run: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let runs: Vec<_> = peers.iter().map(|peer| || run(peer)).collect();
    let scenarios = peers.iter().zip(&runs);
    let scenarios: Vec<(&str, &(dyn Fn() -> Result<()> + Sync))> = scenarios
        .map(|(peer, run)| (name(peer), run as &(dyn Fn() -> Result<()> + Sync)))
        .collect();
    at_once(&scenarios)
}

fn key(algorithm: &'static str, secret: &str) -> Authentication {
    Authentication::Key(algorithm, 7, secret.to_owned())
}

#[test]
fn every_algorithm_of_the_peers_is_spoken() -> Result<()> {
    if !interop_wanted("rip_router with authentication") {
        return Ok(());
    }
    let plain = Authentication::Plain("s3cret".to_owned());
    let scenarios = [
        ("authfp", Kind::Frr, plain.clone()),
        ("authfm", Kind::Frr, key("md5", "s3cret")),
        ("authbp", Kind::Bird, plain),
        ("authbm", Kind::Bird, key("md5", "s3cret")),
        ("authb1", Kind::Bird, key("hmac-sha-1", "s3cret")),
        ("authb256", Kind::Bird, key("hmac-sha-256", "s3cret")),
        ("authb384", Kind::Bird, key("hmac-sha-384", "s3cret")),
        ("authb512", Kind::Bird, key("hmac-sha-512", "s3cret")),
        // Longer than the digest and shorter than the hash's block.
        (
            "authbl",
            Kind::Bird,
            key("hmac-sha-256", "a long secret of more than 32 octets"),
        ),
    ];
    for_each(
        &scenarios,
        |peer| peer.0,
        |(label, kind, keys)| {
            let (our_namespace, their_namespace) = Pair::namespaces(label)?;
            let capture = Capture::start(&our_namespace, "eth0", "udp port 520")?;
            let setup = Setup::v4(&["eth0"]).with(keys);
            let pair = Pair {
                theirs: Router::start(*kind, &their_namespace, &setup)?,
                ours: Ours::start(&our_namespace, &setup.ours())?,
                our_namespace,
                their_namespace,
            };
            pair.both_learn()
                .with_context(|| format!("{kind:?} with {keys:?}"))?;
            pair.our_namespace.ping("192.0.2.1", "192.0.2.2", 2)?;
            capture.finish(2).map(drop)
        },
    )
}

#[test]
fn wrong_keys_and_restarts() -> Result<()> {
    if !interop_wanted("rip_router with wrong keys, and restarted") {
        return Ok(());
    }
    at_once(&[
        (
            "wrong keys are refused and counted",
            &wrong_keys_are_refused_and_counted,
        ),
        ("restarts lock nobody out", &restarts_lock_nobody_out),
        (
            "a restarted frr is heard again",
            &a_restarted_frr_is_heard_again,
        ),
    ])
}

fn wrong_keys_are_refused_and_counted() -> Result<()> {
    let md5 = || Some(key("md5", "s3cret"));
    let sha = |secret: &str| Some(key("hmac-sha-256", secret));
    let plain = |secret: &str| Some(Authentication::Plain(secret.to_owned()));
    let scenarios = [
        ("wrongfm", Kind::Frr, Some(key("md5", "other")), md5()),
        ("wrongfn", Kind::Frr, md5(), None),
        ("wrongfo", Kind::Frr, None, md5()),
        ("wrongfp", Kind::Frr, plain("one"), plain("other")),
        ("wrongbs", Kind::Bird, sha("one"), sha("other")),
        (
            "wrongba",
            Kind::Bird,
            sha("one"),
            Some(key("hmac-sha-512", "one")),
        ),
        (
            "wrongbi",
            Kind::Bird,
            sha("one"),
            Some(Authentication::Key("hmac-sha-256", 8, "one".to_owned())),
        ),
    ];
    for_each(
        &scenarios,
        |peer| peer.0,
        |(label, kind, ours, theirs)| {
            let what = format!("{kind:?}: ours {ours:?}, theirs {theirs:?}");
            let pair = Pair::start(label, *kind, ours.as_ref(), theirs.as_ref())?;
            pause(LONG_ENOUGH);
            let learned = pair.ours.rip_routes(IpFamily::V4)?;
            ensure!(learned.is_empty(), "{what}: ours learned {learned:?}");
            pair.theirs
                .expect(IpFamily::V4, &[])
                .context(what.clone())?;
            let protocol = pair.ours.protocol("RIP")?;
            ensure!(
                authentication_failures(&protocol.counters) > 0,
                "{what}: {protocol:?}"
            );
            ensure!(protocol.neighbors.is_empty(), "{what}: {protocol:?}");
            ensure!(
                pair.ours.log().contains("did not pass authentication"),
                "{what}: the log does not say so"
            );
            Ok(())
        },
    )
}

fn authentication_failures(counters: &BTreeMap<String, u64>) -> u64 {
    let about = |name: &str| name.starts_with("auth");
    counters
        .iter()
        .filter(|(name, _)| about(name))
        .map(|(_, count)| count)
        .sum()
}

fn restarts_lock_nobody_out() -> Result<()> {
    let scenarios = [
        ("restartf", Kind::Frr, key("md5", "s3cret")),
        ("restartb", Kind::Bird, key("hmac-sha-256", "s3cret")),
    ];
    for_each(
        &scenarios,
        |peer| peer.0,
        |(label, kind, keys)| {
            let mut pair = Pair::start(label, *kind, Some(keys), Some(keys))?;
            pair.both_learn().context("at first")?;
            let configuration = Setup::v4(&["eth0"]).with(keys).ours();
            for (number, crash) in [(3, true), (4, false)] {
                // Some numbers are used up first.
                pause(Duration::from_secs(6));
                if crash {
                    pair.ours.kill();
                } else {
                    pair.ours.stop()?;
                }
                // What it announces only now, the other learns only from messages after the restart.
                let fresh = format!("192.0.2.{number}/32");
                pair.our_namespace.add_addresses("lo", &[&fresh])?;
                pair.ours.start_again(&pair.our_namespace, &configuration)?;
                let time = wait_until(Duration::from_secs(10), || {
                    let metrics = pair.theirs.metrics(IpFamily::V4)?;
                    ensure!(metrics.contains_key(&fresh), "{kind:?} has {metrics:?}");
                    let ours = pair.ours.rip_routes(IpFamily::V4)?;
                    ensure!(ours.len() == 1, "ours has {ours:?}");
                    Ok(())
                })
                .with_context(|| format!("{kind:?}, crash: {crash}"))?;
                eprintln!(
                    "{kind:?}: {time:?} after the restart (crash: {crash}) all is learned again"
                );
            }
            pair.their_namespace.ping("192.0.2.2", "192.0.2.1", 1)
        },
    )
}

/// FRR's sequence numbers start again with it. They are below what was heard before, so its messages count as replays
/// until they have caught up, as RFC 4822 §3.2.2 wants it. Without authentication it is back at once.
fn a_restarted_frr_is_heard_again() -> Result<()> {
    let md5 = key("md5", "s3cret");
    let scenarios = [("refrr", None), ("refrrm", Some(md5))];
    for_each(
        &scenarios,
        |peer| peer.0,
        |(label, keys)| {
            let mut pair = Pair::start(label, Kind::Frr, keys.as_ref(), keys.as_ref())?;
            pair.both_learn().context("at first")?;
            pause(Duration::from_secs(6));
            let mut setup = Setup::v4(&["eth0"]);
            setup.authentication.clone_from(keys);
            let Router::Frr(frr) = &mut pair.theirs else {
                unreachable!("it is FRR");
            };
            frr.kill_daemon("ripd")?;
            pair.their_namespace
                .add_addresses("lo", &["192.0.2.9/32"])?;
            frr.start_daemon(&pair.their_namespace, "ripd", &setup.ripd())?;
            let time = wait_until(Duration::from_secs(45), || {
                let ours = pair.ours.rip_routes(IpFamily::V4)?;
                ensure!(
                    ours.iter().any(|route| route.prefix == "192.0.2.9/32"),
                    "ours has {ours:?}"
                );
                Ok(())
            })?;
            eprintln!("{time:?} after FRR's restart (keys: {keys:?}) its new network is learned");
            let failures = authentication_failures(&pair.ours.protocol("RIP")?.counters);
            if keys.is_some() {
                ensure!(failures > 0, "numbers that start again were not noticed");
            } else {
                ensure!(failures == 0, "{failures} failures");
                ensure!(time < Duration::from_secs(10), "{time:?}");
            }
            Ok(())
        },
    )
}
