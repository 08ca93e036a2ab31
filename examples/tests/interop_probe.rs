//! `ping` and `traceroute` of ours through kernels chained as routers, beside the kernel's own tools on the same
//! path.

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{Capture, Namespace, connect, example_path, interop_wanted, wait_until};
use serde_json::Value;
use std::net::TcpListener;

/// client - first - second - third - server, with 1280 octets between second and third.
struct Path {
    client: Namespace,
    second: Namespace,
    third: Namespace,
    server: Namespace,
    // Routers live as long as the path.
    _first: Namespace,
}

const SERVER: [&str; 2] = ["10.61.4.2", "2001:db8:61:4::2"];

/// What each hop answers from: the interface that faces the client.
fn hops(ipv6: bool) -> Vec<String> {
    let hop = |n| {
        if ipv6 {
            format!("2001:db8:61:{n}::2")
        } else {
            format!("10.61.{n}.2")
        }
    };
    (1..=4).map(hop).collect()
}

impl Path {
    fn new(label: &str) -> Result<Self> {
        let names = ["client", "first", "second", "third", "server"];
        let mut all = Vec::new();
        for name in names {
            let namespace = Namespace::new(&format!("{label}-{name}"))?;
            namespace.forward()?;
            // Traces one after the other would meet the limit of errors to one destination.
            let unlimited = ["net.ipv4.icmp_ratemask=0", "net.ipv6.icmp.ratelimit=0"];
            namespace.run("sysctl", &["-qw", unlimited[0], unlimited[1]])?;
            all.push(namespace);
        }
        for (n, pair) in (1..).zip(all.windows(2)) {
            let [near, far] = pair else { continue };
            let address = |side| {
                [
                    format!("10.61.{n}.{side}/24"),
                    format!("2001:db8:61:{n}::{side}/64"),
                ]
            };
            let ([near_v4, near_v6], [far_v4, far_v6]) = (address(1), address(2));
            connect(
                (near, "right", &[&near_v4, &near_v6]),
                (far, "left", &[&far_v4, &far_v6]),
            )?;
            // Towards the server everything is the default; towards the client, each net before it.
            for (version, gateway) in [("-4", &far_v4), ("-6", &far_v6)] {
                let gateway = gateway.split('/').next().context("gateway")?;
                near.run("ip", &[version, "route", "add", "default", "via", gateway])?;
            }
            for before in 1..n {
                let nets = [
                    ("-4", format!("10.61.{before}.0/24"), &near_v4),
                    ("-6", format!("2001:db8:61:{before}::/64"), &near_v6),
                ];
                for (version, net, gateway) in nets {
                    let gateway = gateway.split('/').next().context("gateway")?;
                    far.run("ip", &[version, "route", "add", &net, "via", gateway])?;
                }
            }
        }
        let mut all = all.into_iter();
        let mut next = || all.next().context("five namespaces");
        let (client, first, second, third, server) = (next()?, next()?, next()?, next()?, next()?);
        second.run("ip", &["link", "set", "right", "mtu", "1280"])?;
        third.run("ip", &["link", "set", "left", "mtu", "1280"])?;
        for address in SERVER {
            wait_until(Duration::from_secs(10), || {
                client.run("ping", &["-n", "-c1", "-W1", address]).map(drop)
            })?;
        }
        Ok(Self {
            client,
            second,
            third,
            server,
            _first: first,
        })
    }

    /// Our traceroute as JSON, whatever its exit code.
    fn trace(&self, arguments: &[&str]) -> Result<Value> {
        let program = example_path("traceroute")?;
        let mut all = vec!["--json", "--timeout", "1", "--pause", "0.002"];
        all.extend(arguments);
        let output = self
            .client
            .output(program.to_str().context("path")?, &all)?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Our ping as JSON lines.
    fn ping(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let program = example_path("ping")?;
        let mut all = vec!["--json", "--timeout", "1", "--interval", "0.05"];
        all.extend(arguments);
        let output = self
            .client
            .output(program.to_str().context("path")?, &all)?;
        let text = String::from_utf8(output.stdout)?;
        let lines = text.lines().map(|line| Ok(serde_json::from_str(line)?));
        let lines: Result<Vec<Value>> = lines.collect();
        lines.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The addresses of the hops, one each; `*` for a silent one.
fn addresses(trace: &Value) -> Result<Vec<String>> {
    let hops = trace["hops"].as_array().context("hops")?;
    let address = |hop: &Value| {
        let responders = hop["responders"].as_array().map_or(&[][..], Vec::as_slice);
        match responders {
            [] => "*".to_owned(),
            [one] => one["address"].as_str().unwrap_or_default().to_owned(),
            several => format!("{} routers", several.len()),
        }
    };
    Ok(hops.iter().map(address).collect())
}

/// The addresses that a tool of the kernel's printed, in the order of the hops.
fn printed(text: &str, wanted: &[String]) -> bool {
    let mut rest = text;
    wanted
        .iter()
        .all(|address| match rest.split_once(address.as_str()) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
}

#[test]
fn every_kind_of_probe_finds_the_routers_of_the_kernel() -> Result<()> {
    if !interop_wanted("traceroute through kernels") {
        return Ok(());
    }
    let path = Path::new("trace")?;
    let capture = Capture::start(&path.client, "right", "ip or ip6")?;
    let open = path.server.enter(|| Ok(TcpListener::bind("[::]:4433")?))?;
    let kinds: [(&[&str], &str, &str); 4] = [
        (&[], "destination unreachable: port unreachable", ""),
        (&["--icmp"], "echo reply", "-I"),
        (&["--tcp", "--port", "81"], "TCP RST", "-T"),
        (&["--tcp", "--port", "4433"], "TCP SYN-ACK", "-T"),
    ];
    for (ipv6, server) in [(false, SERVER[0]), (true, SERVER[1])] {
        let wanted = hops(ipv6);
        for (options, last, of_theirs) in kinds {
            let mut arguments = options.to_vec();
            arguments.push(server);
            let trace = path.trace(&arguments)?;
            let context = || format!("{arguments:?}: {trace:#}");
            ensure!(addresses(&trace)? == wanted, context());
            ensure!(trace["outcome"]["reached"] == 4, context());
            ensure!(trace["hops"][3]["responders"][0]["kind"] == last, context());
            for hop in 0..4 {
                let hop = &trace["hops"][hop];
                ensure!(hop["sent"] == hop["answered"], context());
                ensure!(
                    hop["translated"] == false && hop["remarked"] == false,
                    context()
                );
            }
            // Theirs, on the same path.
            let mut theirs = vec!["-n", "-q1", "-w2"];
            if !of_theirs.is_empty() {
                theirs.push(of_theirs);
            }
            theirs.push(server);
            let text = path.client.run("traceroute.db", &theirs)?;
            ensure!(printed(&text, &wanted), "traceroute {theirs:?}: {text}");
        }
        let rounds = path.trace(&["--icmp", "--mtr", "--rounds", "5", "-i", "0.1", server])?;
        ensure!(addresses(&rounds)? == wanted, "{rounds:#}");
        for hop in rounds["hops"].as_array().context("hops")? {
            ensure!(hop["answered"] == 5, "{rounds:#}");
        }
        let version = if ipv6 { "-6" } else { "-4" };
        let arguments = [version, "-n", "-r", "-c1", "-i0.2", "-G1", server];
        let text = path.client.run("mtr", &arguments)?;
        ensure!(printed(&text, &wanted), "mtr: {text}");
    }
    drop(open);
    capture.finish(200)?;
    Ok(())
}

#[test]
fn the_mtu_is_found_where_the_kernel_finds_it() -> Result<()> {
    if !interop_wanted("traceroute --mtu through kernels") {
        return Ok(());
    }
    let path = Path::new("mtu")?;
    for (version, server) in SERVER.iter().enumerate() {
        for options in [
            &["--mtu"][..],
            &["--mtu", "--icmp"],
            &["--mtu", "--tcp", "--port", "81"],
        ] {
            let mut arguments = options.to_vec();
            arguments.push(server);
            let trace = path.trace(&arguments)?;
            let context = || format!("{arguments:?}: {trace:#}");
            ensure!(trace["path_mtu"] == 1280, context());
            ensure!(trace["outcome"]["reached"] == 4, context());
            ensure!(addresses(&trace)? == hops(version == 1), context());
            let mtus: Vec<&Value> = (0..4).map(|hop| &trace["hops"][hop]["mtu"]).collect();
            let wanted = [&Value::Null, &Value::Null, &Value::from(1280), &Value::Null];
            ensure!(mtus == wanted, context());
        }
        let text = path.client.run("tracepath", &["-n", "-m", "8", server])?;
        ensure!(text.contains("pmtu 1280"), "tracepath: {text}");
    }
    Ok(())
}

#[test]
fn unreachable_codes_and_silence_are_told() -> Result<()> {
    if !interop_wanted("traceroute to where no route leads") {
        return Ok(());
    }
    let path = Path::new("codes")?;
    let routes = [
        ("-4", "unreachable", "10.77.1.0/24", "10.77.1.1", "!H"),
        ("-4", "prohibit", "10.77.2.0/24", "10.77.2.1", "!X"),
        (
            "-6",
            "unreachable",
            "2001:db8:77:1::/64",
            "2001:db8:77:1::1",
            "!N",
        ),
        (
            "-6",
            "prohibit",
            "2001:db8:77:2::/64",
            "2001:db8:77:2::1",
            "!X",
        ),
    ];
    for (version, kind, net, target, sign) in routes {
        path.third
            .run("ip", &[version, "route", "add", kind, net])?;
        let trace = path.trace(&[target])?;
        let context = || format!("{kind} {net}: {trace:#}");
        ensure!(trace["outcome"]["unreachable"].is_u64(), context());
        let last = trace["hops"].as_array().and_then(|hops| hops.last());
        let responder = &last.context("hops")?["responders"][0];
        ensure!(responder["annotation"] == sign, context());
        let router = &hops(version == "-6")[2];
        ensure!(responder["address"] == router.as_str(), context());
        // Theirs has the same sign.
        let text = path
            .client
            .run("traceroute.db", &["-n", "-q1", "-w2", target])?;
        ensure!(text.contains(sign), "traceroute {target}: {text}");
    }
    path.third
        .run("ip", &["route", "add", "blackhole", "10.77.3.0/24"])?;
    let trace = path.trace(&["--silent", "3", "10.77.3.1"])?;
    ensure!(trace["outcome"] == "silence", "{trace:#}");
    let mut wanted = hops(false);
    // The route is asked before the hop count is: the router itself is silent.
    wanted.truncate(2);
    wanted.extend(["*".to_owned(), "*".to_owned(), "*".to_owned()]);
    ensure!(addresses(&trace)? == wanted, "{trace:#}");
    Ok(())
}

#[test]
fn ping_hears_replies_and_errors_of_the_kernel() -> Result<()> {
    if !interop_wanted("ping through kernels") {
        return Ok(());
    }
    let path = Path::new("ping")?;
    let capture = Capture::start(&path.client, "right", "icmp or icmp6")?;
    // Both versions at once.
    let lines = path.ping(&["-c", "10", SERVER[0], SERVER[1]])?;
    let summaries: Vec<&Value> = lines
        .iter()
        .filter(|line| line["event"] == "summary")
        .collect();
    ensure!(summaries.len() == 2, "{lines:#?}");
    for summary in summaries {
        ensure!(summary["received"] == 10, "{summary}");
        for nothing in [
            "errors",
            "late",
            "duplicates",
            "reordered",
            "corrupt",
            "lost",
        ] {
            ensure!(summary[nothing] == 0, "{nothing}: {summary}");
        }
    }
    // Fragments, there and back.
    for server in SERVER {
        // The kernel at this end learns the path MTU first.
        let lines = path.ping(&["-c", "10", "-s", "4000", server])?;
        let summary = lines.last().context("summary")?;
        ensure!(summary["received"].as_u64() >= Some(5), "{lines:#?}");
        ensure!(summary["corrupt"] == 0, "{summary}");
    }
    // The hop count runs out at the second router.
    for (version, server) in SERVER.iter().enumerate() {
        let lines = path.ping(&["-c", "1", "-t", "2", server])?;
        let error = lines.iter().find(|line| line["event"] == "error");
        let error = error.with_context(|| format!("{lines:#?}"))?;
        ensure!(error["from"] == hops(version == 1)[1].as_str(), "{error}");
        let kind = if version == 1 { 3 } else { 11 };
        ensure!(error["type"] == kind && error["code"] == 0, "{error}");
        // And the packet is too big for the link behind it.
        let lines = path.ping(&["-c", "1", "-D", "-s", "1400", server])?;
        let error = lines.iter().find(|line| line["event"] == "error");
        let error = error.with_context(|| format!("{lines:#?}"))?;
        ensure!(error["mtu"] == 1280, "{error}");
        ensure!(error["from"] == hops(version == 1)[1].as_str(), "{error}");
    }
    capture.finish(40)?;
    // Without privilege: an ICMP socket.
    path.client
        .run("sysctl", &["-qw", "net.ipv4.ping_group_range=0 65534"])?;
    let program = example_path("ping")?;
    let program = program.to_str().context("path")?;
    for server in SERVER {
        let arguments = [
            "--bounding-set",
            "-net_raw",
            "--inh-caps",
            "-net_raw",
            "--",
            program,
            "--json",
            "-c",
            "3",
            "-i",
            "0.05",
            server,
        ];
        let text = path.client.run("setpriv", &arguments)?;
        let last: Value = serde_json::from_str(text.lines().last().context("lines")?)?;
        ensure!(last["received"] == 3, "{text}");
    }
    // A lossy path is seen as such.
    path.second
        .run("nft", &["add table ip t; add chain ip t f { type filter hook forward priority 0; }; add rule ip t f icmp type echo-request numgen inc mod 2 0 drop"])?;
    let lines = path.ping(&["-c", "10", SERVER[0]])?;
    let summary = lines.last().context("summary")?;
    ensure!(
        summary["received"] == 5 && summary["lost"] == 5,
        "{summary}"
    );
    Ok(())
}
