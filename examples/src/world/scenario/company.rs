//! A company's firewall, with its inside, its DMZ and the outside.

use super::{Options, Scenario, Stage};
use crate::world::acts::{fetch, ping};
use crate::world::model::NodeKind;
use crate::world::router::Speaks;
use anyhow::{Context as _, Result};
use core::net::SocketAddr;
use core::time::Duration;
use icmp_nd::router::AdvertiserConfig;
use nat::Side;
use stateful_firewall::{Event, Firewall, FirewallConfig, language};

inventory::submit! {
    Scenario {
        order: 40,
        name: "company",
        title: "A company behind its firewall",
        about: "A firewall stands between a company's inside, its DMZ with a web server, and the outside. The web \
                server can be reached, and nothing else; who is inside gets out, and the answers get in. What is \
                accepted and what is denied is logged.",
        play,
    }
}

const POLICY: &str = "
    zone inside level 100
    zone dmz level 50
    zone outside level 0
    interface inside zone inside reverse-path strict
    interface dmz zone dmz reverse-path strict
    interface outside zone outside
    rules from outside to dmz {
        web: accept tcp to { 192.0.2.80, 2001:db8:d::80 } port 80 log
    }
    log-default
";

fn build(stage: &mut Stage) -> Result<()> {
    let mut router = stage.router("firewall")?;
    for (number, name, v4, v6) in [
        (0, "inside", "10.1.0.1/24", "2001:db8:c::1/64"),
        (1, "dmz", "192.0.2.1/24", "2001:db8:d::1/64"),
        (2, "outside", "203.0.113.1/24", "2001:db8:e::1/64"),
    ] {
        let mut port = stage.port(&[v4, v6], 1_500)?;
        port.advertise = Some(AdvertiserConfig::default());
        let added = router.ethernet(name, port, Side::Inside, Speaks::Nothing)?;
        debug_assert_eq!(added, number);
    }
    let mut config = FirewallConfig::new(10_000);
    config.log_sessions = true;
    config.accounting = true;
    let random = Box::new(stage.random("firewall's"));
    router.firewall(Firewall::new(config, language::compile(POLICY)?, random)?);
    stage.add_router(
        "firewall",
        NodeKind::Firewall,
        (1.0, 1.0),
        "three legs: inside, DMZ, outside",
        router,
    )?;
    for (name, kind, place, about, addresses, gateway) in [
        (
            "clerk",
            NodeKind::Host,
            (0.0, 1.0),
            "works inside",
            ["10.1.0.2/24", "2001:db8:c::2/64"],
            "10.1.0.1",
        ),
        (
            "files",
            NodeKind::Server,
            (0.0, 0.0),
            "is for the inside alone",
            ["10.1.0.3/24", "2001:db8:c::3/64"],
            "10.1.0.1",
        ),
        (
            "web",
            NodeKind::Server,
            (1.0, 2.0),
            "stands in the DMZ",
            ["192.0.2.80/24", "2001:db8:d::80/64"],
            "192.0.2.1",
        ),
        (
            "visitor",
            NodeKind::Host,
            (2.0, 1.0),
            "is outside",
            ["203.0.113.7/24", "2001:db8:e::7/64"],
            "203.0.113.1",
        ),
    ] {
        stage.host(name, kind, place, about, &addresses, Some(gateway))?;
    }
    stage.ethernet(
        "inside",
        1_500,
        &[("clerk", 0), ("files", 0), ("firewall", 0)],
    )?;
    stage.ethernet("dmz", 1_500, &[("web", 0), ("firewall", 1)])?;
    stage.ethernet("outside", 1_500, &[("visitor", 0), ("firewall", 2)])
}

fn play(stage: &mut Stage, _: &Options) -> Result<()> {
    build(stage)?;
    stage
        .host_mut("web")?
        .serve(80, b"Welcome to the company.".repeat(40));
    stage.host_mut("web")?.serve(22, b"not for you".to_vec());
    stage.host_mut("files")?.serve(80, b"the payroll".to_vec());
    stage
        .host_mut("visitor")?
        .serve(80, b"news of the day".to_vec());
    stage.run_for(Duration::from_secs(10));
    // Who asks whom, and whether a page is to come.
    let short = Duration::from_secs(4);
    let long = Duration::from_secs(20);
    let asks = [
        ("visitor", "192.0.2.80:80", true),
        ("visitor", "[2001:db8:d::80]:80", true),
        ("visitor", "192.0.2.80:22", false),
        ("visitor", "10.1.0.3:80", false),
        ("visitor", "[2001:db8:c::3]:80", false),
        ("clerk", "203.0.113.7:80", true),
        ("clerk", "[2001:db8:e::7]:80", true),
        ("clerk", "192.0.2.80:80", true),
        ("web", "10.1.0.3:80", false),
    ];
    for (from, to, comes) in asks {
        let to: SocketAddr = to.parse()?;
        let page = fetch(stage, from, to, if comes { long } else { short })?;
        stage.say(match &page.failure {
            None => format!("{from} asks {to}, and gets {} octets.", page.page.len()),
            Some(why) => format!("{from} asks {to}: {why}."),
        });
        let what = if comes {
            "gets its page from"
        } else {
            "gets nothing from"
        };
        let found = format!("{} octets", page.page.len());
        stage.check(
            format!("{from} {what} {to}"),
            found,
            page.is_done() == comes && page.page.is_empty() != comes,
        )?;
    }
    for (from, to, comes) in [
        ("clerk", "203.0.113.7", true),
        ("visitor", "10.1.0.2", false),
    ] {
        let answered = ping(stage, from, to.parse()?, 3, 56)?;
        let what = if comes { "may ping" } else { "may not ping" };
        let so = (answered > 0) == comes || (comes && stage.is_faulty());
        stage.check(
            format!("{from} {what} {to}"),
            format!("{answered} of 3"),
            so,
        )?;
    }
    // Sessions end some time after their connections.
    stage.run_for(Duration::from_secs(150));
    let firewall = stage.router_node("firewall")?;
    let notes = firewall.firewall_notes();
    let logged: Vec<_> = notes
        .iter()
        .filter_map(|it| match it {
            Event::Packet(log) => Some(log),
            _ => None,
        })
        .collect();
    let records = notes
        .iter()
        .filter(|it| matches!(it, Event::SessionEnded(_)))
        .count();
    let accepted = logged
        .iter()
        .filter(|it| matches!(it.logged, stateful_firewall::Logged::Accepted))
        .count();
    let denied = logged.len() - accepted;
    let stats = firewall.gateway().firewall().context("a firewall")?.stats();
    let rows: Vec<String> = logged
        .iter()
        .take(5)
        .map(|it| format!("{:?} {:?}", it.logged, it.cause))
        .collect();
    stage.say(format!(
        "The log has {accepted} accepted and {denied} denied packets, and {records} records of sessions. The first: {}.",
        rows.join("; ")
    ));
    stage.check(
        "accepted and denied packets are in the log",
        format!("{accepted} and {denied}"),
        accepted >= 2 && denied >= 4,
    )?;
    stage.check(
        "sessions that have ended left records",
        records.to_string(),
        records >= 3,
    )?;
    stage.check(
        "what was denied is counted and has no session",
        format!(
            "{} denied by policy, {} sessions begun",
            stats.policy, stats.sessions_begun
        ),
        stats.policy >= 4 && stats.sessions_begun >= 5,
    )
}
