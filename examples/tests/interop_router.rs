//! The example `router` as the router of Linux kernels, in network namespaces.
//!
//! A kernel configures itself from our advertisements, and its tools read them; two kernels talk
//! through our router; it tells them what it cannot forward, redirects them, and takes its leave.

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{
    Namespace, Process, example_path, interop_wanted, pause, tshark_complaints, wait_until,
};
use std::path::PathBuf;

/// The link-local addresses of the router, on the wide link and on the narrow one.
const WIDE: &str = "fe80::5eff:fe10:101";
const NARROW: &str = "fe80::5eff:fe10:102";

/// `alice` on a link of 9000 octets, `bob` on one of 1500, our router between them.
struct Lab {
    alice: Namespace,
    bob: Namespace,
    router: Process,
    capture: PathBuf,
    config: PathBuf,
}

impl Lab {
    fn start(label: &str, config: &str) -> Result<Self> {
        let alice = Namespace::new(&format!("{label}-a"))?;
        let bob = Namespace::new(&format!("{label}-b"))?;
        for namespace in [&alice, &bob] {
            for setting in [
                "accept_ra=2",
                "accept_ra_rt_info_max_plen=64",
                "accept_ra_rtr_pref=1",
                "addr_gen_mode=0",
                "use_tempaddr=0",
                "router_solicitation_interval=1",
            ] {
                let setting = format!("net.ipv6.conf.default.{setting}");
                namespace.run("sysctl", &["-qw", &setting])?;
            }
        }
        let folder = std::env::temp_dir();
        let name = alice.name().to_owned();
        let (capture, file) = (
            folder.join(format!("{name}.pcapng")),
            folder.join(format!("{name}.toml")),
        );
        std::fs::write(&file, config)?;
        let router = alice.spawn(
            example_path("router")?.to_str().context("path")?,
            &[
                "--json",
                "--capture",
                capture.to_str().context("path")?,
                file.to_str().context("path")?,
            ],
        )?;
        let patience = Duration::from_secs(10);
        router.wait_for_line("\"started\"", patience)?;
        // The second device moves to bob, while the router keeps its other end.
        alice.run("ip", &["link", "set", "inwr1", "netns", bob.name()])?;
        bob.run("ip", &["link", "set", "inwr1", "up"])?;
        let lab = Self {
            alice,
            bob,
            router,
            capture,
            config: file,
        };
        wait_until(Duration::from_secs(20), || {
            lab.address(&lab.alice, "inwr0")?;
            lab.address(&lab.bob, "inwr1")?;
            Ok(())
        })?;
        Ok(lab)
    }

    /// The address that the kernel has made from our prefix, tested.
    fn address(&self, namespace: &Namespace, device: &str) -> Result<String> {
        let arguments = ["-6", "-o", "addr", "show", "dev", device, "scope", "global"];
        let text = namespace.run("ip", &arguments)?;
        let line = text
            .lines()
            .find(|it| it.contains("dynamic") && !it.contains("tentative"))
            .with_context(|| format!("no autoconfigured address: {text}"))?;
        let address = line.split_whitespace().nth(3).context("an address")?;
        Ok(address.split('/').next().context("an address")?.to_owned())
    }

    fn routes(&self, namespace: &Namespace) -> Result<String> {
        namespace.run("ip", &["-6", "route"])
    }

    /// What ping prints, whether it gets an answer or not.
    fn ping(&self, arguments: &[&str]) -> Result<String> {
        let output = self.alice.output("ping", arguments)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Ends the router; its last words, when tshark finds nothing wrong with what it sent.
    fn finish(self) -> Result<String> {
        let words = self.router.stop()?.join("\n");
        let (frames, complaints) = tshark_complaints(&self.capture)?;
        ensure!(complaints.is_empty(), "tshark complains: {complaints:#?}");
        ensure!(frames > 20, "{frames} frames captured");
        std::fs::remove_file(&self.capture)?;
        std::fs::remove_file(&self.config)?;
        Ok(words)
    }
}

fn contains(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    Ok(())
}

const CONFIG: &str = include_str!("../router.toml");

#[test]
fn the_kernel_configures_itself_and_talks_through_our_router() -> Result<()> {
    if !interop_wanted("the kernel configures itself from our router") {
        return Ok(());
    }
    let lab = Lab::start("ra", CONFIG)?;
    // Prefix, default route with its preference, route information, hop limit.
    contains(
        &lab.routes(&lab.alice)?,
        &[
            "2001:db8:1::/64 dev inwr0 proto kernel",
            &format!("2001:db8:aaaa::/48 via {WIDE} dev inwr0 proto ra"),
            &format!("default via {WIDE} dev inwr0 proto ra"),
            "hoplimit 61 pref high",
        ],
    )?;
    contains(
        &lab.routes(&lab.bob)?,
        &[
            &format!("default via {NARROW} dev inwr1 proto ra"),
            "mtu 1280",
        ],
    )?;
    let timers = lab.alice.run(
        "sysctl",
        &[
            "-n",
            "net.ipv6.neigh.inwr0.base_reachable_time_ms",
            "net.ipv6.neigh.inwr0.retrans_time_ms",
        ],
    )?;
    ensure!(timers.split_whitespace().eq(["20000", "700"]), "{timers}");

    // The tools of ndisc6 read us, by multicast and unicast.
    contains(
        &lab.alice.run("rdisc6", &["-1", "inwr0"])?,
        &[
            "Router preference         :         high",
            "Prefix                   : 2001:db8:1::/64",
            "Route                    : 2001:db8:aaaa::/48",
            "Recursive DNS server     : 2001:db8:1::53",
            "DNS search list          : lab.example",
            "Source link-layer address: 02:00:5E:10:01:01",
        ],
    )?;
    let read = lab.bob.run("rdisc6", &["-1", "inwr1"])?;
    contains(
        &read,
        &["MTU                      :         1280 bytes (valid)"],
    )?;
    for address in ["2001:db8:1::1", WIDE] {
        let read = lab.alice.run("ndisc6", &[address, "inwr0"])?;
        contains(&read, &["Target link-layer address: 02:00:5E:10:01:01"])?;
    }

    // Through the router, with a hop less; and the router itself.
    let bob = lab.address(&lab.bob, "inwr1")?;
    contains(
        &lab.ping(&["-c", "2", "-W", "2", &bob])?,
        &["2 received", "ttl=63"],
    )?;
    contains(
        &lab.ping(&["-c", "1", "-W", "2", "-s", "20000", "2001:db8:2::1"])?,
        &["1 received"],
    )?;
    contains(
        &lab.ping(&["-c", "1", "-W", "2", "ff02::2%inwr0"])?,
        &["1 received"],
    )?;

    // The kernel learns the path MTU from our Packet Too Big, and then fragments.
    let jumbo = lab.ping(&["-c", "2", "-W", "2", "-M", "do", "-s", "8000", &bob])?;
    contains(&jumbo, &["Packet too big: mtu=1500"])?;
    let route = lab.alice.run("ip", &["-6", "route", "get", &bob])?;
    contains(&route, &["mtu 1500"])?;
    contains(
        &lab.ping(&["-c", "1", "-W", "2", "-s", "8000", &bob])?,
        &["1 received"],
    )?;

    // What it cannot forward.
    contains(
        &lab.ping(&["-c", "1", "-W", "2", "2001:db8:dead::1"])?,
        &["From 2001:db8:1::1 icmp_seq=1 Destination unreachable: Unknown code 6"],
    )?;
    contains(
        &lab.ping(&["-c", "1", "-W", "2", "2001:db8:ffff::1"])?,
        &["Destination unreachable: No route"],
    )?;
    contains(
        &lab.ping(&["-c", "1", "-W", "5", "2001:db8:2::999"])?,
        &["Destination unreachable: Address unreachable"],
    )?;
    contains(
        &lab.ping(&["-c", "1", "-W", "2", "-t", "1", &bob])?,
        &["From 2001:db8:1::1 icmp_seq=1 Time exceeded: Hop limit"],
    )?;
    let words = lab.finish()?;
    contains(&words, &["\"event\":\"stopped\"", "\"too_big\":1"])
}

#[test]
fn the_kernel_forgets_a_router_that_takes_its_leave() -> Result<()> {
    if !interop_wanted("final advertisements remove the kernel's routes") {
        return Ok(());
    }
    let lab = Lab::start("bye", CONFIG)?;
    let before = lab.routes(&lab.bob)?;
    contains(&before, &[&format!("default via {NARROW}")])?;
    let Lab {
        alice,
        bob,
        router,
        capture,
        config,
    } = lab;
    // Alice's devices go with the process; what bob's kernel does is seen while it is still there.
    std::thread::scope(|scope| -> Result<()> {
        let stopping = scope.spawn(move || router.stop());
        wait_until(Duration::from_secs(10), || {
            let routes = bob.run("ip", &["-6", "route", "show", "dev", "inwr1"])?;
            ensure!(!routes.contains("default"), "{routes}");
            contains(&routes, &["2001:db8:2::/64"])
        })?;
        wait_until(Duration::from_secs(10), || {
            let routes = alice.run("ip", &["-6", "route", "show", "dev", "inwr0"])?;
            ensure!(!routes.contains("default"), "{routes}");
            ensure!(!routes.contains("2001:db8:aaaa::/48"), "{routes}");
            contains(&routes, &["2001:db8:1::/64"])
        })?;
        let words = stopping.join().map_err(|_| anyhow::anyhow!("panicked"))??;
        contains(&words.join("\n"), &["Ceased", "\"event\":\"stopped\""])
    })?;
    let (_, complaints) = tshark_complaints(&capture)?;
    ensure!(complaints.is_empty(), "tshark complains: {complaints:#?}");
    std::fs::remove_file(capture)?;
    std::fs::remove_file(config)?;
    Ok(())
}

#[test]
fn the_kernel_obeys_our_redirects() -> Result<()> {
    if !interop_wanted("the kernel obeys our redirects") {
        return Ok(());
    }
    // A prefix that is on alice's link, which our advertisements do not tell her.
    let config = format!(
        "{CONFIG}\n[[route]]\nprefix = \"2001:db8:77::/64\"\ndevice = \"inwr0\"\n\
         \n[[route]]\nprefix = \"2001:db8:88::/48\"\ndevice = \"inwr0\"\nvia = \"fe80::77\"\n"
    );
    let lab = Lab::start("rd", &config)?;
    lab.alice
        .run("sysctl", &["-qw", "net.ipv6.conf.inwr0.accept_redirects=1"])?;
    let destination = "2001:db8:77::7";
    let before = lab.alice.run("ip", &["-6", "route", "get", destination])?;
    contains(&before, &[&format!("via {WIDE}")])?;
    // Nobody answers there: what counts is where alice asks.
    lab.ping(&["-c", "1", "-W", "1", destination])?;
    wait_until(Duration::from_secs(5), || {
        let after = lab.alice.run("ip", &["-6", "route", "get", destination])?;
        ensure!(!after.contains(&format!("via {WIDE}")), "{after}");
        Ok(())
    })?;
    // A better router: named by its link-local address.
    let far = "2001:db8:88::8";
    lab.ping(&["-c", "1", "-W", "1", far])?;
    wait_until(Duration::from_secs(5), || {
        let after = lab.alice.run("ip", &["-6", "route", "get", far])?;
        contains(&after, &["via fe80::77"])
    })?;
    pause(Duration::from_millis(100));
    let words = lab.finish()?;
    ensure!(!words.contains("\"redirects\":0"), "{words}");
    Ok(())
}
