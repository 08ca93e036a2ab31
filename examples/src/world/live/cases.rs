//! What the internetwork is used for, by real programs, and what has to come of it.

use super::LiveOptions;
use super::network::{
    BIRD_STUB, DEVICE, FRR_STUB, OFFICE, Pages, Places, SERVER, WEB, set_up_guest, start_pppd,
};
use super::report::Recorder;
use super::routers::{
    self, ACCESS_BIRD, ACCESS_FRR, HOME_ADDRESS, HOME_LAN, HOME_LINE, SERVER_MTU,
};
use super::runner::{Plug, Runner, Status};
use crate::lab::{Bird, Frr, IpFamily, KernelRoute, Lane, Namespace, Nic, Process, Uml};
use crate::pppd::lab::Pppd;
use crate::rip_router::lab::Setup;
use anyhow::{Context as _, Result, anyhow, ensure};
use core::time::Duration;
use serde_json::Value;

/// How long something is tried that works within a second or two where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Octets of the page that is fetched: enough for many windows.
const PAGE: usize = 200_000;
const BOTH: [IpFamily; 2] = [IpFamily::V4, IpFamily::V6];

/// FRR's and BIRD's addresses on the way from `access`, by IP version.
const BY_FRR: [&str; 2] = ["10.0.1.2", "2001:db8:f:1::2"];
const BY_BIRD: [&str; 2] = ["10.0.4.2", "2001:db8:f:4::2"];

/// Addresses of the server's network that nobody has, and what `ping` then prints.
const NOBODY: [(&str, &str); 2] = [
    ("203.0.113.99", "Destination Host Unreachable"),
    ("2001:db8:80::99", "Address unreachable"),
];

/// Everything but the home and its dial-up line.
struct Core<'a> {
    runner: Runner,
    frr: Frr,
    bird: Bird,
    server: Process,
    _others: Vec<Process>,
    places: &'a Places,
    pages: &'a Pages,
    short: bool,
}

/// Builds it and plays it; how the routers of the crates were at the end.
pub(super) fn play(options: &LiveOptions, recorder: &mut Recorder<'_>) -> Result<Vec<Status>> {
    let captures = options.captures.as_deref();
    if let Some(folder) = captures {
        std::fs::create_dir_all(folder)?;
    }
    let places = Places::new()?;
    let pages = Pages::new(PAGE)?;
    let plugs = places.core_plugs()?;
    let nic = Nic {
        namespace: &places.dialin,
        interface: DEVICE,
    };
    // The guest takes its time to boot.
    let (guest, core) = std::thread::scope(|scope| -> Result<_> {
        let guest = scope.spawn(move || Uml::boot(1, Some(nic)));
        let runner = Runner::start(routers::core, plugs, captures)?;
        let setup = Setup::new(&["eth0", "eth1"]);
        let core = Core {
            runner,
            frr: Frr::start(
                &places.frr,
                &[("ripd", &setup.ripd()), ("ripngd", &setup.ripngd())],
            )?,
            bird: Bird::start(&places.bird, &setup.bird())?,
            server: pages.serve(&places.server)?,
            _others: vec![
                pages.serve(&places.web)?,
                pages.serve(&places.office)?,
                places.server.spawn("iperf3", &["-s"])?,
            ],
            places: &places,
            pages: &pages,
            short: options.short,
        };
        core.routing(recorder)?;
        core.company(recorder)?;
        let guest = guest
            .join()
            .map_err(|_| anyhow!("the guest's thread panicked"))??;
        Ok((guest, core))
    })?;
    recorder.go_on()?;

    let lane = guest.lane(0)?;
    set_up_guest(lane)?;
    let pppd = start_pppd(lane)?;
    let plugs = vec![
        (HOME_LAN, Plug::Tap(places.laptop_tap()?)),
        (HOME_LINE, Plug::Serial(lane.line().try_clone()?)),
    ];
    let home = Runner::start(routers::home, plugs, captures)?;
    if core.dials(recorder, &home, lane, &pppd)? {
        core.laptop(recorder, &home)?;
        core.cut(recorder)?;
    }
    let mut routers = home.status()?;
    routers.extend(core.runner.status()?);
    Ok(routers)
}

impl Core<'_> {
    /// FRR, BIRD and our routers learn from each other.
    fn routing(&self, recorder: &mut Recorder<'_>) -> Result<()> {
        let wanted = |family, stub: [&'static str; 2]| match family {
            IpFamily::V4 => ["203.0.113.0/24", "192.0.2.0/26", "198.51.100.0/24", stub[0]],
            IpFamily::V6 => [
                "2001:db8:80::/64",
                "2001:db8:c:1::/64",
                "2001:db8:1::/48",
                stub[1],
            ],
        };
        for family in BOTH {
            let protocol = name(family);
            let what = format!("{protocol}: learns our networks and BIRD's");
            recorder.case("FRR", &what, PATIENCE, || {
                has_all(&self.frr.rip_routes(family)?, &wanted(family, BIRD_STUB))
            });
        }
        for (family, instance) in BOTH.into_iter().zip(["r4", "r6"]) {
            let protocol = name(family);
            let what = format!("{protocol}: learns our networks and FRR's");
            recorder.case("BIRD", &what, PATIENCE, || {
                has_all(&self.bird.rip_routes(instance)?, &wanted(family, FRR_STUB))
            });
        }
        for ours in ["access", "border", "company"] {
            let what = format!("{ours} learns the networks of both");
            recorder.case("FRR and BIRD", &what, PATIENCE, || {
                let status = self.runner.router(ours)?;
                for prefix in FRR_STUB.iter().chain(&BIRD_STUB) {
                    let missing = || format!("{ours} has no route to {prefix}");
                    status.route(prefix).with_context(missing)?;
                }
                Ok(format!("{} routes", status.routes.len()))
            });
        }
        recorder.go_on()
    }

    /// The company's machines, and what its firewall lets pass.
    fn company(&self, recorder: &mut Recorder<'_>) -> Result<()> {
        let office = &self.places.office;
        for server in SERVER {
            recorder.case("ping", &format!("office to {server}"), PATIENCE, || {
                ping(office, server)
            });
        }
        for (who, to) in [
            ("server", SERVER[0]),
            ("server", SERVER[1]),
            ("DMZ", WEB[0]),
        ] {
            let what = format!("a page from office to the {who}, {to}");
            recorder.case("curl", &what, PATIENCE, || self.fetch(office, to));
        }
        let seconds = if self.short { 1 } else { 5 };
        recorder.case("iperf3", "office to server, TCP", PATIENCE, || {
            iperf(office, SERVER[0], seconds, &[])
        });
        if !self.short {
            recorder.case(
                "iperf3",
                "office to server, TCP over IPv6",
                PATIENCE,
                || iperf(office, SERVER[1], seconds, &[]),
            );
            recorder.case("iperf3", "server to office, TCP", PATIENCE, || {
                iperf(office, SERVER[0], seconds, &["-R"])
            });
        }
        self.is_denied(recorder, "DMZ", &self.places.web);
        recorder.go_on()
    }

    /// A machine gets nothing from the office, and the firewall counts that.
    fn is_denied(&self, recorder: &mut Recorder<'_>, who: &str, from: &Namespace) {
        let what = format!("{who} does not reach the office: the firewall denies it");
        recorder.case("curl", &what, Duration::ZERO, || {
            let denied = || -> Result<u64> {
                let status = self.runner.router("company")?;
                let denied = status.counter("firewall", "denied by policy");
                denied.context("the firewall counts")
            };
            let before = denied()?;
            let url = format!("http://{}/{}", OFFICE[0], Pages::NAME);
            let output = from.output("curl", &["-sS", "--max-time", "2", &url])?;
            // 28 is curl's exit status for a time that is over.
            ensure!(output.status.code() == Some(28), "curl: {output:?}");
            crate::lab::wait_until(Duration::from_secs(5), || {
                ensure!(denied()? > before, "the firewall has denied nothing");
                Ok(())
            })?;
            Ok(format!("{} packets denied", denied()? - before))
        });
    }

    /// The home dials. Whether that worked.
    fn dials(
        &self,
        recorder: &mut Recorder<'_>,
        home: &Runner,
        lane: &Lane,
        pppd: &Pppd<'_>,
    ) -> Result<bool> {
        let what = "our router dials: LCP, CHAP, IPCP, IPV6CP";
        let is_up = recorder.case("pppd", what, PATIENCE, || {
            let status = home.router("home")?;
            let wanted = format!("line {HOME_ADDRESS}");
            ensure!(
                status.addresses.contains(&wanted),
                "no address yet: {:?}",
                status.addresses
            );
            let log = pppd.log()?;
            for text in [
                "rcvd [CHAP Response",
                "local  IP address 198.51.100.1",
                &format!("remote IP address {HOME_ADDRESS}"),
                "remote LL address fe80::0000:0000:0000:0002",
            ] {
                ensure!(log.contains(text), "no {text:?} in the log of pppd:\n{log}");
            }
            Ok(format!("it gave us {HOME_ADDRESS}"))
        });
        if is_up {
            lane.run("ip -6 route replace 2001:db8:1::/48 dev ppp0")?;
        }
        recorder.go_on()?;
        Ok(is_up)
    }

    /// What the laptop does, through the translator, over the dial-up line, past FRR or BIRD.
    fn laptop(&self, recorder: &mut Recorder<'_>, home: &Runner) -> Result<()> {
        let laptop = &self.places.laptop;
        recorder.case(
            "Linux",
            "the laptop configures itself by our advertisements",
            PATIENCE,
            || {
                let text = laptop.run(
                    "ip",
                    &["-6", "address", "show", "dev", DEVICE, "scope", "global"],
                )?;
                let address = text
                    .split_whitespace()
                    .find(|it| it.starts_with("2001:db8:1:1:"));
                ensure!(!text.contains("tentative"), "{text}");
                Ok(address
                    .with_context(|| format!("no address in {text:?}"))?
                    .to_owned())
            },
        );
        for server in SERVER {
            recorder.case("ping", &format!("laptop to {server}"), PATIENCE, || {
                ping(laptop, server)
            });
        }
        for server in SERVER {
            let what = format!("a page from laptop to the server, {server}");
            recorder.case("curl", &what, PATIENCE, || self.fetch(laptop, server));
        }
        let what = "the server sees the home's address, not the laptop's";
        recorder.case("curl", what, Duration::ZERO, || {
            let line = self
                .server
                .wait_for_line(HOME_ADDRESS, Duration::from_secs(5))?;
            let status = home.router("home")?;
            let sessions = status.counter("translator", "outbound").unwrap_or(0);
            ensure!(sessions > 0, "the translator counts nothing");
            Ok(line.split(" - ").next().unwrap_or_default().to_owned())
        });
        for (number, server) in SERVER.into_iter().enumerate() {
            let what = format!("laptop to {server}: each router is seen");
            recorder.case("traceroute", &what, PATIENCE, || {
                let hops = traceroute(laptop, server)?;
                let by = way(&hops, number)?;
                let gateways = [
                    ["192.168.1.1", "198.51.100.1"],
                    ["2001:db8:1:1::1", "2001:db8:f:10::2"],
                ];
                for gateway in gateways.get(number).into_iter().flatten() {
                    ensure!(
                        hops.iter().any(|hop| hop == gateway),
                        "no {gateway} in {hops:?}"
                    );
                }
                Ok(format!("{} hops, by {by}", hops.len()))
            });
            let what = format!("laptop to {server}: the path's MTU is told");
            recorder.case("ping", &what, PATIENCE, || {
                // What an earlier attempt has learned would keep this one from being told.
                for version in ["-4", "-6"] {
                    laptop.run("ip", &[version, "route", "flush", "cache"])?;
                }
                let probe = [
                    "-n", "-c", "3", "-i", "0.3", "-W", "2", "-s", "1420", "-M", "do", server,
                ];
                let output = laptop.output("ping", &probe)?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr);
                let is_told =
                    ["mtu=", "mtu = ", "mtu: "].map(|before| format!("{before}{SERVER_MTU}"));
                ensure!(is_told.iter().any(|it| text.contains(it)), "{text}");
                Ok(format!("{SERVER_MTU} octets"))
            });
        }
        for (nobody, words) in NOBODY {
            let what = format!("laptop to {nobody}, where nobody is: the last router says so");
            recorder.case("ping", &what, PATIENCE, || {
                let probe = ["-n", "-c", "2", "-i", "0.3", "-W", "8", nobody];
                let output = laptop.output("ping", &probe)?;
                let text = String::from_utf8_lossy(&output.stdout);
                let line = text.lines().find(|line| line.contains(words));
                let line = line.with_context(|| format!("ping: {text}"))?;
                // "From 203.0.113.1 icmp_seq=1 Destination Host Unreachable"
                let from = line.split(' ').nth(1).unwrap_or_default();
                Ok(format!("{words}, from {from}"))
            });
        }
        let seconds = if self.short { 2 } else { 8 };
        recorder.case(
            "iperf3",
            "laptop to server, TCP over the serial line",
            PATIENCE,
            || iperf(laptop, SERVER[0], seconds, &[]),
        );
        if !self.short {
            recorder.case(
                "iperf3",
                "server to laptop, TCP over IPv6 and the serial line",
                PATIENCE,
                || iperf(laptop, SERVER[1], seconds, &["-R"]),
            );
        }
        for web in WEB {
            let what = format!("a page from laptop to the company's DMZ, {web}");
            recorder.case("curl", &what, PATIENCE, || self.fetch(laptop, web));
        }
        self.is_denied(recorder, "laptop", laptop);
        recorder.go_on()
    }

    /// A cable is pulled, and traffic goes the other way round the ring.
    fn cut(&self, recorder: &mut Recorder<'_>) -> Result<()> {
        let status = self.runner.router("access")?;
        let (hop, _) = status
            .route("203.0.113.0/24")
            .context("no route to the server")?;
        let (port, namespace, before, after) = if hop == BY_FRR[0] {
            (ACCESS_FRR, &self.places.frr, "FRR", "BIRD")
        } else {
            (ACCESS_BIRD, &self.places.bird, "BIRD", "FRR")
        };
        let laptop = &self.places.laptop;
        self.runner.set_carrier(port, false)?;
        namespace.set_link(DEVICE, false)?;
        let what = format!("the cable to {before} is pulled: traffic goes by {after}");
        recorder.case("traceroute", &what, PATIENCE, || {
            let hops = traceroute(laptop, SERVER[0])?;
            let by = way(&hops, 0)?;
            ensure!(by == after, "it goes by {by}");
            Ok(format!("{} hops, by {by}", hops.len()))
        });
        for server in SERVER {
            let what = format!("laptop to {server}, by {after}");
            recorder.case("ping", &what, PATIENCE, || ping(laptop, server));
        }
        if self.short {
            return recorder.go_on();
        }
        namespace.set_link(DEVICE, true)?;
        self.runner.set_carrier(port, true)?;
        let what = "the cable is back: it learns of the home by it again";
        recorder.case(before, what, PATIENCE, || {
            let routes = if before == "FRR" {
                self.frr.rip_routes(IpFamily::V4)?
            } else {
                self.bird.rip_routes("r4")?
            };
            let route = routes.iter().find(|it| it.prefix == "198.51.100.0/24");
            let route = route.context("no route to the home")?;
            let is_short = route.next_hops.iter().any(|(_, device)| device == DEVICE);
            ensure!(is_short, "{route:?}");
            Ok(format!("metric {}", route.metric))
        });
        recorder.go_on()
    }

    /// Fetches the page.
    fn fetch(&self, from: &Namespace, server: &str) -> Result<String> {
        let host = if server.contains(':') {
            format!("[{server}]")
        } else {
            server.to_owned()
        };
        let url = format!("http://{host}/{}", Pages::NAME);
        let output = from.output("curl", &["-sS", "-g", "--max-time", "15", &url])?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "curl: {errors}");
        let length = output.stdout.len();
        ensure!(
            output.stdout == self.pages.page,
            "{length} octets, which are not the page"
        );
        Ok(format!("{length} octets"))
    }
}

const fn name(family: IpFamily) -> &'static str {
    match family {
        IpFamily::V4 => "RIP",
        IpFamily::V6 => "RIPng",
    }
}

fn has_all(routes: &[KernelRoute], wanted: &[&str]) -> Result<String> {
    for prefix in wanted {
        let has = routes.iter().any(|route| route.prefix == *prefix);
        ensure!(has, "no route to {prefix} in {routes:?}");
    }
    Ok(format!("{} routes", routes.len()))
}

/// Five pings, of which most are answered.
fn ping(from: &Namespace, to: &str) -> Result<String> {
    let arguments = ["-n", "-c", "5", "-i", "0.2", "-w", "6", "-W", "2", to];
    let output = from.output("ping", &arguments)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains(" received"));
    let line = line.with_context(|| format!("ping: {text}"))?;
    let mut parts = line.split(", ");
    let count = |part: Option<&str>| part.and_then(|it| it.split(' ').next()?.parse::<u32>().ok());
    let (sent, received) = (count(parts.next()), count(parts.next()));
    ensure!(received >= Some(4), "{line}");
    Ok(format!(
        "{} of {} answered",
        received.unwrap_or(0),
        sent.unwrap_or(0)
    ))
}

fn iperf(from: &Namespace, to: &str, seconds: u32, more: &[&str]) -> Result<String> {
    let (seconds, deadline) = (seconds.to_string(), (seconds + 15).to_string());
    let arguments = [
        "-k", "2", &deadline, "iperf3", "-J", "-c", to, "-t", &seconds,
    ];
    let output = from.output(
        "timeout",
        &[&arguments[..], &["--connect-timeout", "4000"], more].concat(),
    )?;
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text).with_context(|| format!("iperf3: {text}"))?;
    let rate = report
        .pointer("/end/sum_received/bits_per_second")
        .and_then(Value::as_f64);
    let rate =
        rate.with_context(|| format!("iperf3: {}", report.get("error").unwrap_or(&report)))?;
    ensure!(rate > 1_000.0, "{rate} bit/s");
    Ok(format!("{:.1} Mbit/s", rate / 1e6))
}

/// The routers on the way; the last one is the destination, which has to answer.
fn traceroute(from: &Namespace, to: &str) -> Result<Vec<String>> {
    let arguments = [
        "-k",
        "2",
        "25",
        "traceroute",
        "-n",
        "-q",
        "2",
        "-w",
        "2",
        "-m",
        "12",
        to,
    ];
    let text = from.run("timeout", &arguments)?;
    let hops = hops(&text);
    ensure!(
        hops.last().is_some_and(|last| last == to),
        "{to} does not answer: {text}"
    );
    Ok(hops)
}

/// Reads what `traceroute -n` prints: one hop a line, `*` for one that does not answer.
fn hops(text: &str) -> Vec<String> {
    let lines = text.lines().skip(1);
    let hop = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        words
            .find(|word| word.contains(['.', ':']) && word.parse::<core::net::IpAddr>().is_ok())
            .map(str::to_owned)
    };
    lines
        .map(|line| hop(line).unwrap_or_else(|| "*".to_owned()))
        .collect()
}

/// By which of the two a path goes.
fn way(hops: &[String], version: usize) -> Result<&'static str> {
    let has = |addresses: [&str; 2]| {
        let address = addresses.get(version);
        address.is_some_and(|address| hops.iter().any(|hop| hop == address))
    };
    match (has(BY_FRR), has(BY_BIRD)) {
        (true, false) => Ok("FRR"),
        (false, true) => Ok("BIRD"),
        _ => Err(anyhow!("neither FRR alone nor BIRD alone is in {hops:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_read_and_the_way_is_found() {
        let text = "traceroute to 203.0.113.80 (203.0.113.80), 12 hops max, 60 byte packets\n \
             1  192.168.1.1  0.2 ms  0.1 ms\n 2  * *\n 3  * 10.0.1.2  1.0 ms\n \
             4  203.0.113.80  2.0 ms  2.1 ms\n";
        let hops = hops(text);
        assert_eq!(hops, ["192.168.1.1", "*", "10.0.1.2", "203.0.113.80"]);
        assert_eq!(way(&hops, 0).unwrap(), "FRR");
        assert!(way(&hops, 1).is_err());
        assert_eq!(way(&["2001:db8:f:4::2".to_owned()], 1).unwrap(), "BIRD");
    }
}
