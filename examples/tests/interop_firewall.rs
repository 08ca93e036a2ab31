//! `firewall` between the Linux kernel's hosts: curl, an interactive TCP conversation, dig and FTP in all
//! its modes through it, its proxy, nmap and floods from outside, and new rules while sessions live;
//! by IPv4 with translation and by IPv6 without.
//!
//! ```text
//!              lan --fw-in-- firewall --fw-out-- wan --veth-- far
//!     192.168.7.10              |  |        198.51.100.10     198.51.100.66
//!   2001:db8:7::10      fw-dmz--+  +--fw-proxy
//!              dmz 192.168.8.80      proxy 192.168.9.2
//!                2001:db8:8::80          2001:db8:9::2
//! ```

#![allow(clippy::indexing_slicing, reason = "tests")]

mod firewall_lab;

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use firewall_lab::{
    Conversation, DMZ, Lab, RULES, SERVER, connect_to, in_url, talker, wait_for_port,
};
use internetwork::lab::{Namespace, at_once, interop_wanted, wait_until};
use std::fs;

/// Octets of the file that is fetched: enough for many windows.
const FILE_LEN: usize = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn file() -> Vec<u8> {
    (0..FILE_LEN)
        .map(|n| u8::try_from(n * 31 % 251).unwrap_or(0))
        .collect()
}

/// Runs curl, once more when a packet was lost on a loaded machine.
fn curl(namespace: &Namespace, arguments: &[&str]) -> Result<String> {
    let mut all = vec!["-sS", "-g", "--max-time", "60", "--connect-timeout", "20"];
    all.extend(arguments);
    let first = namespace.run("curl", &all);
    first.or_else(|_| namespace.run("curl", &all))
}

/// The same file by HTTP, from a server of the DMZ or of the outside.
fn fetch(lab: &Lab, from: &Namespace, server: &str, name: &str, wanted: &[u8]) -> Result<()> {
    let target = lab.path(name);
    let url = format!("http://{}/file", in_url(server));
    curl(from, &["-o", &target, &url]).with_context(|| url.clone())?;
    ensure!(fs::read(&target)? == wanted, "{url}: the file differs");
    Ok(())
}

/// The status of an HTTP answer.
fn status(from: &Namespace, arguments: &[&str]) -> Result<String> {
    let mut all = vec!["-o", "/dev/null", "-w", "%{http_code}"];
    all.extend(arguments);
    curl(from, &all)
}

fn web(lab: &Lab, wanted: &[u8]) -> Result<()> {
    for (number, (dmz, server)) in DMZ.iter().zip(SERVER).enumerate() {
        fetch(lab, &lab.far, dmz, &format!("far-{number}"), wanted)?;
        fetch(lab, &lab.lan, server, &format!("lan-{number}"), wanted)?;
    }
    Ok(())
}

/// What the proxy lets through, and what it refuses.
fn proxied(lab: &Lab) -> Result<()> {
    for server in SERVER.map(in_url) {
        let url = format!("http://{server}/file");
        for (arguments, wanted) in [
            (vec![url.as_str()], "200"),
            (vec!["-H", "Host: www.example", &url], "200"),
            (vec!["-H", "Host: ads.example", &url], "403"),
            (vec!["-H", "Host: www.ads.example:80", &url], "403"),
            (
                vec![
                    "--path-as-is",
                    &format!("http://{server}/x/..//%61dmin/users"),
                ],
                "403",
            ),
        ] {
            let got = status(&lab.lan, &arguments)?;
            ensure!(got == wanted, "{arguments:?}: {got}");
        }
        // By its name in TLS.
        for (name, works) in [("www.example", true), ("ads.example", false)] {
            let resolve = format!("{name}:443:{server}");
            let url = format!("https://{name}/");
            let got = curl(&lab.lan, &["-k", "--resolve", &resolve, &url]);
            ensure!(got.is_ok() == works, "{url} of {server}: {got:?}");
        }
    }
    Ok(())
}

fn conversations(lab: &Lab) -> Result<()> {
    for server in SERVER {
        let mut conversation = Conversation::begin(&lab.lan, server, 22)?;
        conversation.go_on().context(server)?;
    }
    Ok(())
}

/// DNS, by UDP and TCP, outside; and by UDP in the DMZ.
fn dig(lab: &Lab) -> Result<()> {
    let ask = |from: &Namespace, server: &str, transport: &str| {
        let server = format!("@{server}");
        let arguments = [
            &server,
            "www.example",
            "+short",
            "+time=3",
            "+tries=5",
            transport,
        ];
        let answer = from.run("dig", &arguments)?;
        let last = answer.trim().lines().last();
        ensure!(
            last == Some("198.51.100.80"),
            "{server} {transport}: {answer}"
        );
        Ok(())
    };
    for (server, dmz) in SERVER.iter().zip(DMZ) {
        ask(&lab.lan, server, "+notcp")?;
        ask(&lab.lan, server, "+tcp")?;
        ask(&lab.far, dmz, "+notcp")?;
    }
    Ok(())
}

/// FTP, passive and active, whose data connections no rule lets through.
fn ftp(lab: &Lab, wanted: &[u8]) -> Result<()> {
    let modes: [(usize, &[&str]); 6] = [
        (0, &[]),
        (0, &["--disable-epsv"]),
        (0, &["--ftp-port", "-"]),
        (0, &["--ftp-port", "-", "--disable-eprt"]),
        (1, &[]),
        (1, &["--ftp-port", "-"]),
    ];
    for (number, (family, mode)) in modes.iter().enumerate() {
        let target = lab.path(&format!("ftp-{number}"));
        let url = format!("ftp://lab:lab@{}/file", in_url(SERVER[*family]));
        let mut arguments = mode.to_vec();
        arguments.extend(["-o", &target, &url]);
        curl(&lab.lan, &arguments).with_context(|| format!("{mode:?} {url}"))?;
        ensure!(
            fs::read(&target)? == wanted,
            "{mode:?} {url}: the file differs"
        );
    }
    Ok(())
}

#[test]
fn everything_at_once() -> Result<()> {
    if !interop_wanted("interop_firewall::everything_at_once") {
        return Ok(());
    }
    let lab = Lab::start("fwall")?;
    let file = file();
    let web_servers = lab.web(&file)?;
    let directory = lab.path("");
    let mut servers = Vec::new();
    for server in SERVER {
        let user = ["-u", "lab", "-P", "lab"];
        servers.push(lab.wan.serve_ftp(server, &directory, &user)?);
        talker(&lab.wan, server, 22)?;
    }
    for (namespace, addresses) in [
        (&lab.wan, "198.51.100.10,2001:db8:53::10"),
        (&lab.dmz, "192.168.8.80,2001:db8:8::80"),
    ] {
        servers.push(namespace.serve_names(addresses)?);
    }
    let (key, certificate) = (lab.path("key.pem"), lab.path("certificate.pem"));
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=www.example",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ];
    lab.wan.run("openssl", &arguments)?;
    for server in SERVER.map(in_url) {
        let accept = format!("{server}:443");
        let arguments = [
            "s_server",
            "-quiet",
            "-www",
            "-accept",
            &accept,
            "-key",
            &key,
            "-cert",
            &certificate,
        ];
        servers.push(lab.wan.spawn("openssl", &arguments)?);
    }
    for (namespace, address, port) in [
        (&lab.wan, SERVER[0], 21),
        (&lab.wan, SERVER[1], 21),
        (&lab.wan, SERVER[0], 53),
        (&lab.wan, SERVER[0], 443),
        (&lab.wan, SERVER[1], 443),
        (&lab.dmz, "192.168.8.80", 53),
    ] {
        wait_for_port(namespace, address, port).with_context(|| format!("port {port}"))?;
    }

    at_once(&[
        ("web", &|| web(&lab, &file)),
        ("proxy", &|| proxied(&lab)),
        ("conversations", &|| conversations(&lab)),
        ("dig", &|| dig(&lab)),
        ("FTP", &|| ftp(&lab, &file)),
    ])?;

    // What the view shows.
    let table = lab.ask("sessions")?;
    ensure!(
        table.contains("PROTO") && table.contains("surf") || table.contains("granted"),
        "{table}"
    );
    ensure!(lab.ask("rules")?.contains("ftp: accept tcp"), "rules");
    lab.wait_for_event("flow", |flow| flow["action"] == "ACCEPT")?;
    drop((web_servers, servers));
    let (counters, events) = lab.stop()?;
    eprintln!("firewall: {counters}");
    let has = |event: &str, key: &str, value: &str| {
        events
            .iter()
            .any(|one| one["event"] == event && one[key] == value)
    };
    ensure!(has("packet", "rule", "web"), "no packet of the rule web");
    ensure!(has("session_begun", "rule", "ftp"), "no FTP session");
    ensure!(
        has("proxied", "reason", "the name is blocked"),
        "no refused name"
    );
    ensure!(
        has("proxied", "reason", "the path is blocked"),
        "no refused path"
    );
    ensure!(
        has("proxied", "action", "pass"),
        "nothing goes through the proxy"
    );
    ensure!(has("flow", "source", "2001:db8:7::10"), "no flow of IPv6");
    let web = events
        .iter()
        .find(|one| one["rule"] == "web" && one["event"] == "packet");
    let web = web.context("no packet of the rule web")?;
    ensure!(
        web["rule_id"] == 1 && web["in"] == "fw-out" && web["out"] == "fw-dmz",
        "{web}"
    );
    let count = |name: &str| counters[name].as_u64().unwrap_or(0);
    ensure!(
        count("accepted") > 1_000 && count("sessions_begun") > 30,
        "{counters}"
    );
    ensure!(
        count("spoofed") == 0 && count("checksum") == 0,
        "{counters}"
    );
    Ok(())
}

/// What nmap says of ports, a line each.
fn nmap(lab: &Lab, arguments: &[&str]) -> Result<String> {
    let mut all = vec![
        "-n",
        "-Pn",
        "-r",
        "--max-retries",
        "2",
        "--host-timeout",
        "180s",
    ];
    all.extend(arguments);
    let text = lab.far.run("nmap", &all)?;
    ensure!(
        text.contains("Nmap done") && !text.contains("host timeout"),
        "{text}"
    );
    Ok(text)
}

/// The states of the ports that nmap lists one by one.
fn listed(text: &str, protocol: &str) -> Vec<(u16, String)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let port = words.next()?.strip_suffix(protocol)?.parse().ok()?;
            Some((port, words.next()?.to_owned()))
        })
        .collect()
}

/// What scans from outside see of the DMZ: what the rules allow, and nothing else.
fn scans(lab: &Lab) -> Result<()> {
    const TCP: &str = "21,22,80,113,443,3306,8080";
    for (number, target) in DMZ.iter().enumerate() {
        let family: &[&str] = if number == 1 { &["-6"] } else { &[] };
        let scan = |kind: &str, ports: &str| {
            let mut arguments = family.to_vec();
            arguments.extend([kind, "-p", ports, target]);
            nmap(lab, &arguments)
        };
        let text = scan("-sS", TCP)?;
        let seen: Vec<(u16, String)> = listed(&text, "/tcp")
            .into_iter()
            .filter(|(_, state)| state != "filtered")
            .collect();
        // By IPv4 one port is forwarded. By IPv6 another is allowed where nothing listens, and one is
        // refused aloud.
        let wanted: &[(u16, &str)] = if number == 0 {
            &[(80, "open")]
        } else {
            &[(80, "open"), (113, "closed"), (443, "closed")]
        };
        let seen: Vec<(u16, &str)> = seen.iter().map(|(port, state)| (*port, &**state)).collect();
        ensure!(seen == wanted, "{target}: {text}");

        // An answer to what begins nothing would say that the port is closed.
        for kind in ["-sF", "-sN", "-sX"] {
            let text = scan(kind, TCP)?;
            let all = listed(&text, "/tcp");
            let is_silent = all.iter().all(|(_, state)| state == "open|filtered");
            ensure!(
                is_silent && !text.contains("closed"),
                "{kind} {target}: {text}"
            );
        }
        let text = scan("-sA", TCP)?;
        ensure!(!text.contains("unfiltered"), "-sA {target}: {text}");

        let text = scan("-sU", "53,123,161")?;
        let open: Vec<u16> = listed(&text, "/udp")
            .into_iter()
            .filter(|(_, state)| state == "open")
            .map(|(port, _)| port)
            .collect();
        ensure!(
            open == [53] && !text.contains("closed"),
            "-sU {target}: {text}"
        );
    }
    Ok(())
}

#[test]
fn scans_and_spoofed_sources() -> Result<()> {
    if !interop_wanted("interop_firewall::scans_and_spoofed_sources") {
        return Ok(());
    }
    let lab = Lab::start("fwscan")?;
    let _web = lab.web(b"a page")?;
    let _dns = lab.dmz.serve_names("192.168.8.80,2001:db8:8::80")?;
    wait_for_port(&lab.dmz, "192.168.8.80", 53)?;
    scans(&lab)?;

    // A host outside that claims to be inside.
    for (number, (source, target)) in ["192.168.7.66", "2001:db8:7::66"]
        .iter()
        .zip(DMZ)
        .enumerate()
    {
        let prefix = [32, 128][number];
        lab.far
            .add_addresses("lo", &[&format!("{source}/{prefix}")])?;
        let url = format!("http://{}/file", in_url(target));
        let arguments = ["-sS", "-g", "--max-time", "4", "--interface", source, &url];
        let output = lab.far.output("curl", &arguments)?;
        ensure!(!output.status.success(), "{source} is believed");
        lab.wait_for_event("packet", |packet| {
            let reason = packet["reason"].as_str().unwrap_or_default();
            packet["source"] == *source && reason.contains("the route to")
        })
        .with_context(|| format!("nothing is said of {source}"))?;
    }
    let (counters, events) = lab.stop()?;
    eprintln!("firewall: {counters}");
    let count = |name: &str| counters[name].as_u64().unwrap_or(0);
    ensure!(count("spoofed") >= 2, "{counters}");
    ensure!(count("invalid") >= 10 && count("policy") >= 5, "{counters}");
    let by_levels = events.iter().any(|one| {
        one["event"] == "packet" && one["action"] == "drop" && one["reason"] == "policy: levels"
    });
    ensure!(by_levels, "no packet that levels deny is told");
    let rejected = events
        .iter()
        .any(|one| one["action"] == "reject" && one["rule"] == "ident");
    // That rule does not log; what it does is counted.
    ensure!(!rejected, "a rule without log is told");
    Ok(())
}

#[test]
fn floods_of_syns() -> Result<()> {
    if !interop_wanted("interop_firewall::floods_of_syns") {
        return Ok(());
    }
    let lab = Lab::start("fwflood")?;
    let file = file();
    let _web = lab.web(&file)?;
    for (number, target) in DMZ.iter().enumerate() {
        let before = lab.counters()?["answered"].as_u64().unwrap_or(0);
        let flood = if number == 0 {
            let line =
                format!("exec hping3 -q -i u1000 -c 60000 --rand-source -S -p 80 {target} >&2");
            lab.far.spawn("sh", &["-c", &line])?
        } else {
            // It sends as fast as it can.
            let line = format!("exec timeout 5 atk6-thcsyn6 -r -p 80 eth0 {target} 80 >&2");
            lab.far.spawn("sh", &["-c", &line])?
        };
        wait_until(PATIENCE, || {
            let answered = lab.counters()?["answered"].as_u64().unwrap_or(0);
            ensure!(
                answered >= before + 200,
                "{answered} answered with a cookie"
            );
            Ok(())
        })
        .with_context(|| format!("the flood of {target}"))?;
        let name = format!("flooded-{number}");
        wait_until(PATIENCE * 2, || fetch(&lab, &lab.far, target, &name, &file))?;
        let during = lab.counters()?;
        ensure!(during["half_open"].as_u64() < Some(1_024), "{during}");
        drop(flood);
    }
    let (counters, events) = lab.stop()?;
    eprintln!("firewall: {counters}");
    let suppressed = events
        .iter()
        .any(|one| one["suppressed"].as_u64() > Some(0) || one["event"] == "suppressed");
    ensure!(suppressed, "the log says nothing of what it left out");
    ensure!(counters["table_full"] == 0, "{counters}");
    Ok(())
}

#[test]
fn new_rules_while_sessions_live() -> Result<()> {
    if !interop_wanted("interop_firewall::new_rules_while_sessions_live") {
        return Ok(());
    }
    let lab = Lab::start("fwload")?;
    let file = file();
    let _web = lab.web(&file)?;
    let (mut talks, mut downloads) = (Vec::new(), Vec::new());
    for (number, (server, dmz)) in SERVER.iter().zip(DMZ).enumerate() {
        talker(&lab.wan, server, 22)?;
        talker(&lab.wan, server, 21)?;
        let mut talk = Conversation::begin(&lab.lan, server, 22)?;
        talk.say("before")?;
        let mut other = Conversation::begin(&lab.lan, server, 21)?;
        other.say("before")?;
        let target = lab.path(&format!("slow-{number}"));
        let url = format!("http://{}/file", in_url(dmz));
        let arguments = [
            "-sS",
            "-g",
            "--max-time",
            "120",
            "--limit-rate",
            "150k",
            "-o",
            &target,
            &url,
        ];
        downloads.push((lab.far.spawn("curl", &arguments)?, target));
        talks.push((talk, other));
    }
    lab.wait_for_event("session_begun", |one| {
        one["rule"] == "web" && one["source"] == "2001:db8:66::66"
    })?;

    // Rules that cannot be read change nothing.
    let wrong = RULES.replace("ssh: accept tcp", "ssh: acept tcp");
    let line = 1 + wrong
        .lines()
        .position(|line| line.contains("acept"))
        .unwrap_or(0);
    lab.reload(&wrong)?;
    let told = lab.wait_for_event("not_reloaded", |_| true)?;
    let reason = told["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains(&format!("line {line},")), "{told}");
    for (talk, _) in &mut talks {
        talk.say("still there")?;
    }
    lab.reload(&RULES.replace("ssh: accept tcp", "ssh: drop tcp"))?;
    let told = lab.wait_for_event("reloaded", |_| true)?;
    ensure!(told["ended"].as_u64() >= Some(2), "{told}");
    for (talk, other) in &mut talks {
        ensure!(
            talk.is_cut(Duration::from_secs(2))?,
            "a denied session lives on"
        );
        other.say("not denied")?;
    }
    for (process, target) in &mut downloads {
        wait_until(PATIENCE * 2, || {
            ensure!(!process.is_running(), "the download goes on");
            Ok(())
        })?;
        ensure!(fs::read(target)? == file, "the download is damaged");
    }
    let denied = connect_to(&lab.lan, SERVER[0], 22, Duration::from_secs(3));
    ensure!(denied.is_err(), "a denied connection begins");

    // Once more, by the control socket, and all is as before.
    fs::write(lab.path("rules"), RULES)?;
    let told = lab.ask("reload")?;
    ensure!(told.contains("\"reloaded\""), "{told}");
    for server in SERVER {
        Conversation::begin(&lab.lan, server, 22)?.say("again")?;
    }
    let (_, events) = lab.stop()?;
    let denied = events
        .iter()
        .filter(|one| one["event"] == "session_ended" && one["reason"] == "denied")
        .count();
    ensure!(denied >= 2, "{denied} sessions are told as denied");
    Ok(())
}
