//! The tools of attackers against the example `tap_host`: floods, forged messages and malformed ones from thc-ipv6
//! and the IPv6 toolkit. The host goes on answering, its tables keep their bounds, and its counters tell.

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{
    Namespace, TapHost, at_once, expect, interop_wanted, pause, tool, wait_until,
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
/// How long a flood goes on.
const FLOOD: Duration = Duration::from_secs(2);

fn start(label: &str, options: &[&str]) -> Result<(Namespace, TapHost)> {
    let kernel = Namespace::new(label)?;
    let setting = "net.ipv6.conf.default.accept_ra=0";
    kernel.run("sysctl", &["-qw", setting])?;
    let host = TapHost::start(&kernel, options)?;
    Ok((kernel, host))
}

fn number(counters: &Value, name: &str) -> Result<u64> {
    let counter = counters.get(name).and_then(Value::as_u64);
    counter.with_context(|| format!("no counter {name}: {counters}"))
}

/// What an attacker can fill is not above its bound.
fn is_bounded(counters: &Value) -> Result<()> {
    for table in ["neighbors", "destinations", "prefixes", "default_routers"] {
        let (held, most) = (
            number(counters, table)?,
            number(counters, &format!("most_{table}"))?,
        );
        ensure!(held <= most, "{held} {table}, at most {most}: {counters}");
    }
    Ok(())
}

fn answers(kernel: &Namespace) -> Result<()> {
    wait_until(PATIENCE, || {
        for address in ["192.0.2.2", "2001:db8::2"] {
            let line = format!("ping -n -c 1 -W 2 {address}");
            expect(kernel, &line, &["1 received"])?;
        }
        Ok(())
    })
    .map(drop)
}

/// A flood, after and during which the host answers; its counters.
fn flood(label: &str, line: &str) -> Result<Value> {
    let (kernel, mut host) = start(label, &[])?;
    host.ready(&kernel)?;
    answers(&kernel)?;
    let mut words = line.split(' ');
    let program = words.next().context("a program")?;
    let attacker = kernel.spawn(program, &words.collect::<Vec<_>>())?;
    pause(FLOOD);
    answers(&kernel).context("during the flood")?;
    drop(attacker);
    answers(&kernel).context("after the flood")?;
    let counters = host.stop()?;
    let frames = number(&counters, "frames")?;
    ensure!(frames > 500, "{line}: no flood, {frames} frames");
    is_bounded(&counters)?;
    Ok(counters)
}

#[test]
fn floods_are_outlived() -> Result<()> {
    if !interop_wanted("floods of thc-ipv6") {
        return Ok(());
    }
    at_once(&[
        ("router advertisements", &|| {
            let counters = flood("flood-ra", "atk6-flood_router26 inw0")?;
            let told = number(&counters, "router_advertisements_limited")?
                + number(&counters, "no_place")?;
            ensure!(told > 0, "{counters}");
            Ok(())
        }),
        ("neighbor advertisements", &|| {
            let counters = flood("flood-na", "atk6-flood_advertise6 inw0")?;
            ensure!(
                number(&counters, "advertisements_ignored")? > 100,
                "{counters}"
            );
            Ok(())
        }),
        ("neighbor solicitations", &|| {
            let counters = flood("flood-ns", "atk6-flood_solicitate6 inw0 2001:db8::2")?;
            ensure!(
                number(&counters, "neighbor_advertisements")? > 0,
                "{counters}"
            );
            Ok(())
        }),
        ("redirects", &|| {
            let counters = flood("flood-rd", "atk6-flood_redir6 inw0")?;
            ensure!(number(&counters, "redirects")? == 0, "{counters}");
            Ok(())
        }),
        ("listener reports", &|| {
            flood("flood-mld", "atk6-flood_mld6 inw0").map(drop)
        }),
    ])
}

#[test]
fn forgers_meet_the_rules() -> Result<()> {
    if !interop_wanted("forged messages of thc-ipv6 and the IPv6 toolkit") {
        return Ok(());
    }
    at_once(&[
        ("found", &a_scanner_finds_us),
        ("address test", &an_address_test_is_denied),
        ("address test heard", &an_address_test_is_heard),
        ("false router", &a_false_router_is_a_router_like_any),
        ("redirects", &redirects_of_strangers_are_refused),
        ("malformed", &malformed_packets_harm_nothing),
    ])
}

fn a_scanner_finds_us() -> Result<()> {
    let (kernel, mut host) = start("alive", &[])?;
    host.ready(&kernel)?;
    let found = tool(&kernel, "timeout 15 atk6-alive6 inw0")?;
    let is_found = [TapHost::LINK_LOCAL, "2001:db8::2"]
        .iter()
        .any(|address| found.contains(address));
    ensure!(is_found, "{found}");
    host.stop().map(drop)
}

/// Somebody says of every address that it is taken: ours is not used, and the host says so.
fn an_address_test_is_denied() -> Result<()> {
    let kernel = Namespace::new("denied")?;
    // It has to listen before the host begins.
    let when_there = "until ip link show inw0 up; do sleep 0.05; done; exec atk6-dos-new-ip6 inw0";
    let attacker = kernel.spawn("sh", &["-c", when_there])?;
    let options = ["--address-test", "full", "--link-delay", "3000"];
    let mut host = TapHost::start(&kernel, &options)?;
    host.event("duplicate", &[])?;
    drop(attacker);
    host.stop().map(drop)
}

/// Whoever watches the link learns of each of our addresses when it is tested.
fn an_address_test_is_heard() -> Result<()> {
    let kernel = Namespace::new("heard")?;
    let when_there =
        "until ip link show inw0 up; do sleep 0.05; done; exec atk6-detect-new-ip6 inw0";
    let watcher = kernel.spawn("sh", &["-c", when_there])?;
    let options = ["--address-test", "full", "--link-delay", "3000"];
    let mut host = TapHost::start(&kernel, &options)?;
    host.ready(&kernel)?;
    for own in [TapHost::LINK_LOCAL, "2001:db8::2"] {
        watcher.wait_for_line(own, PATIENCE)?;
    }
    drop(watcher);
    host.finish().map(drop)
}

/// Without a guard in the switch nobody can tell; its lifetime ends with it.
fn a_false_router_is_a_router_like_any() -> Result<()> {
    let (kernel, mut host) = start("false-router", &[])?;
    host.ready(&kernel)?;
    let attacker = kernel.spawn("atk6-fake_router6", &["inw0", "2001:db8:66::/64"])?;
    let own = "2001:db8:66:0:0:5eff:fe10:2";
    wait_until(PATIENCE, || {
        let line = format!("ping -n -c 1 -W 1 -I inw0 {own}");
        tool(&kernel, "ip -6 route replace 2001:db8:66::/64 dev inw0")?;
        expect(&kernel, &line, &["1 received"]).map(drop)
    })?;
    drop(attacker);
    let counters = host.stop()?;
    ensure!(number(&counters, "default_routers")? >= 1, "{counters}");
    is_bounded(&counters)
}

fn redirects_of_strangers_are_refused() -> Result<()> {
    let (kernel, mut host) = start("strangers", &[])?;
    host.ready(&kernel)?;
    let line = "timeout 5 rd6 -i inw0 -s fe80::66 -d 2001:db8::2 -r 2001:db8:77::1 -t fe80::66 \
                --learn-router 0 -e -M 1 -P 1";
    tool(&kernel, line)?;
    // The same by hand of the other toolkit: hop limit, source and first hop are all wrong for us.
    tool(
        &kernel,
        "timeout 5 atk6-redir6 inw0 2001:db8::2 2001:db8:77::1 fe80::1 fe80::66",
    )?;
    answers(&kernel)?;
    let counters = host.stop()?;
    ensure!(number(&counters, "redirects")? == 0, "{counters}");
    Ok(())
}

/// The list of tests that thc-ipv6 has for implementations, and messages of the IPv6 toolkit.
fn malformed_packets_harm_nothing() -> Result<()> {
    let (kernel, mut host) = start("malformed", &[])?;
    host.ready(&kernel)?;
    let report = tool(&kernel, "timeout 45 atk6-implementation6 inw0 2001:db8::2")?;
    let tests = report
        .lines()
        .filter(|line| line.trim().starts_with("Test"))
        .count();
    ensure!(tests > 15, "{tests} tests ran: {report}");
    for line in [
        "timeout 5 ns6 -i inw0 -d 2001:db8::2 -t 2001:db8::2 -s 2001:db8::1 -e",
        "timeout 5 na6 -i inw0 -s 2001:db8::1 -d 2001:db8::2 -t 2001:db8::1 -e -o",
        "timeout 5 ra6 -i inw0 -s fe80::77 -d ff02::1 -P 2001:db8:aa::/64#LA#100#50 -t 900 -e",
        "timeout 5 icmp6 -i inw0 -s 2001:db8::1 -d 2001:db8::2 -t 2 -m 1280 --target-address 2001:db8::9",
    ] {
        tool(&kernel, line)?;
    }
    host.sees(&format!(
        "eth.src == {} and icmpv6.type == 136 and icmpv6.nd.na.target_address == 2001:db8::2",
        TapHost::MAC
    ))?;
    answers(&kernel)?;
    let counters = host.stop()?;
    is_bounded(&counters)
}
