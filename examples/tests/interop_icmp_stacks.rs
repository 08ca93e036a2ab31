//! The example `tap_host` and two other stacks in user space, lwIP and smoltcp, on a bridge.
//!
//! No kernel answers for either side. The kernel's own tests are in `interop_icmp_kernel.rs`.
//!
//! - lwIP: the shared library of Debian's `liblwip-dev` (2.1.3), in `peers/lwip_host.c`, which needs a
//!   C compiler. It tests its IPv6 addresses and announces its IPv4 address.
//! - smoltcp 0.14, in `peers/smoltcp_host.rs`. It tests no address, drops the packet that makes it
//!   resolve a neighbor, and does not put IPv6 fragments together.
#![allow(clippy::indexing_slicing, reason = "tests")]

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{Namespace, Process, TapHost, at_once, long_interop_wanted, wait_until};
use serde_json::Value;
use smoltcp_host::{SmoltcpHost, Target};
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "peers/smoltcp_host.rs"]
mod smoltcp_host;

const PATIENCE: Duration = Duration::from_secs(20);

/// The peer's device; ours is the other port.
const PEER_DEVICE: &str = "peer0";

/// A namespace whose kernel is a switch between the two devices, and has no IPv6 of its own there.
fn switch(label: &str) -> Result<Namespace> {
    let namespace = Namespace::new(label)?;
    let setting = "net.ipv6.conf.default.disable_ipv6=1";
    namespace.run("sysctl", &["-qw", setting])?;
    let ports = [PEER_DEVICE, TapHost::DEVICE];
    for port in ports {
        let device = ["tuntap", "add", "dev", port, "mode", "tap"];
        namespace.run("ip", &device)?;
        namespace.set_link(port, true)?;
    }
    namespace.add_bridge("br0", &ports)?;
    // All groups go to all ports.
    let snooping = [
        "link",
        "set",
        "br0",
        "type",
        "bridge",
        "mcast_snooping",
        "0",
    ];
    namespace.run("ip", &snooping)?;
    Ok(namespace)
}

/// Our host at the switch.
fn join(namespace: &Namespace, options: &[&str]) -> Result<TapHost> {
    // The switch takes up to a second to see that the device is in use; an address that is tested
    // before that is tested alone.
    let mut arguments = vec!["--no-kernel-address", "--link-delay", "1500"];
    arguments.extend(options);
    TapHost::start(namespace, &arguments)
}

fn at_least(counters: &Value, name: &str, least: u64) -> Result<()> {
    let counter = counters[name].as_u64();
    ensure!(counter >= Some(least), "{name} is {counter:?}: {counters}");
    Ok(())
}

/// Options to ping targets with this many octets; the count is large enough for a peer that drops one.
fn pings<'a>(targets: &[&'a str], octets: &'a str) -> Vec<&'a str> {
    let mut options = vec!["--count", "5", "--interval", "400", "--size", octets];
    for target in targets {
        options.extend(["--ping", target]);
    }
    options
}

/// All pings have ended, and `least` of five were answered.
fn pinged(host: &mut TapHost, targets: &[&str], least: u64) -> Result<()> {
    for target in targets {
        let event = host.event("pinged", &[("target", target)])?;
        at_least(&event, "received", least)?;
        ensure!(event["corrupt"] == 0 && event["errors"] == 0, "{event}");
    }
    Ok(())
}

/// One resolved the other with both protocols, as the capture has it: requests, and answers for these
/// IPv6 addresses.
fn resolved(host: &TapHost, asks: &str, answers: &str, addresses: &[&str]) -> Result<()> {
    host.sees(&format!("eth.src == {asks} and arp.opcode == 1"))?;
    host.sees(&format!(
        "eth.src == {answers} and eth.dst == {asks} and arp.opcode == 2"
    ))?;
    for address in addresses {
        host.sees(&format!(
            "eth.src == {asks} and icmpv6.type == 135 and icmpv6.nd.ns.target_address == {address} \
             and icmpv6.opt.linkaddr == {asks} and ipv6.hlim == 255"
        ))?;
        host.sees(&format!(
            "eth.src == {answers} and icmpv6.type == 136 and icmpv6.nd.na.flag.s == 1 \
             and icmpv6.nd.na.target_address == {address} and ipv6.hlim == 255"
        ))?;
    }
    Ok(())
}

/// Our addresses.
const OURS: [&str; 3] = ["192.0.2.2", "2001:db8::2", TapHost::LINK_LOCAL];

/// lwIP's station and its addresses; the link-local one follows from the station.
const LWIP_MAC: &str = "02:00:00:00:00:1f";
const LWIP: [&str; 3] = ["192.0.2.3", "2001:db8::3", "fe80::ff:fe00:1f"];

/// The program of lwIP's host, removed when dropped.
struct LwipHost(PathBuf);

impl LwipHost {
    fn compile() -> Result<Self> {
        let headers = Path::new("/usr/include/lwip");
        ensure!(
            headers.join("lwip/netif.h").exists(),
            "lwIP is not there: apt-get install liblwip-dev gcc libc6-dev"
        );
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/lwip_host.c");
        let name = format!("internetwork-lwip-host-{}", std::process::id());
        let program = Self(std::env::temp_dir().join(name));
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-Wextra", "-o"]);
        compiler.arg(&program.0).arg(source).arg("-I").arg(headers);
        let output = compiler
            .args(["-llwip", "-lpthread"])
            .output()
            .context("no C compiler: apt-get install gcc libc6-dev")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cc: {errors}");
        Ok(program)
    }

    fn start(&self, namespace: &Namespace, arguments: &[&str]) -> Result<Process> {
        let mut line = vec![PEER_DEVICE];
        line.extend(arguments);
        namespace.spawn(self.0.to_str().context("path")?, &line)
    }

    /// The host with its usual addresses, which it has tested.
    fn ready(&self, namespace: &Namespace) -> Result<Process> {
        let lwip = self.start(namespace, &LWIP[..2])?;
        lwip.wait_for_line("address 2001:DB8::3 preferred", PATIENCE)?;
        Ok(lwip)
    }
}

impl Drop for LwipHost {
    fn drop(&mut self) {
        // Not there when it did not compile.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn lwip_and_our_host_talk() -> Result<()> {
    if !long_interop_wanted("tap_host and lwIP") {
        return Ok(());
    }
    let program = LwipHost::compile()?;
    at_once(&[
        ("we ping", &|| we_ping_lwip(&program, "ping-lwip-s", "56")),
        ("a whole frame", &|| {
            we_ping_lwip(&program, "ping-lwip-m", "1452")
        }),
        ("fragments", &|| {
            we_ping_lwip(&program, "ping-lwip-l", "9000")
        }),
        ("lwIP pings", &|| lwip_pings_us(&program)),
        ("we defend", &|| we_defend_against_lwip(&program)),
        ("lwIP defends", &|| lwip_defends_against_us(&program)),
    ])
}

fn we_ping_lwip(program: &LwipHost, label: &str, octets: &str) -> Result<()> {
    let namespace = switch(label)?;
    let _lwip = program.ready(&namespace)?;
    let mut host = join(&namespace, &pings(&LWIP, octets))?;
    pinged(&mut host, &LWIP, 5)?;
    resolved(&host, TapHost::MAC, LWIP_MAC, &LWIP[1..])?;
    let counters = host.finish()?;
    if octets == "9000" {
        at_least(&counters, "fragmented", 15)?;
    }
    Ok(())
}

fn lwip_pings_us(program: &LwipHost) -> Result<()> {
    let namespace = switch("lwip-pings")?;
    let mut host = join(&namespace, &[])?;
    host.event("ready", &[])?;
    let sizes = ["0", "56", "1452", "9000"].iter();
    let targets: Vec<String> = sizes
        .flat_map(|octets| OURS.map(|address| format!("{address},{octets}")))
        .collect();
    let mut arguments = LWIP[..2].to_vec();
    arguments.extend(targets.iter().map(String::as_str));
    let lwip = program.start(&namespace, &arguments)?;
    let mut missing: Vec<String> = targets.iter().map(|it| format!("reply {it} 3")).collect();
    while !missing.is_empty() {
        let line = lwip.wait_for_line(" 3", PATIENCE);
        let line = line.with_context(|| format!("missing: {missing:?}"))?;
        missing.retain(|it| *it != line);
    }
    resolved(&host, LWIP_MAC, TapHost::MAC, &OURS[1..])?;
    let counters = host.finish()?;
    at_least(&counters, "echo_replies", 36)?;
    at_least(&counters, "fragmented", 9)
}

/// It wants both of our addresses.
fn we_defend_against_lwip(program: &LwipHost) -> Result<()> {
    let namespace = switch("lwip-takes")?;
    let mut host = join(&namespace, &[])?;
    host.event("ready", &[])?;
    let lwip = program.start(&namespace, &["192.0.2.2", "2001:db8::2"])?;
    // RFC 4862 §5.4.3: it hears our advertisement, and does not use the address.
    lwip.wait_for_line("address 2001:DB8::2 duplicated", PATIENCE)?;
    host.sees(&format!(
        "eth.src == {} and icmpv6.type == 136 and icmpv6.nd.na.flag.s == 0 \
         and icmpv6.nd.na.target_address == 2001:db8::2 and ipv6.dst == ff02::1",
        TapHost::MAC
    ))?;
    // RFC 5227 §2.4: it tests no IPv4 address; we defend ours when it announces it.
    let defended = [("address", "192.0.2.2"), ("defended", "true")];
    host.event("conflict", &defended)?;
    host.sees(&format!(
        "eth.src == {} and eth.dst == ff:ff:ff:ff:ff:ff and arp.isannouncement == 1",
        TapHost::MAC
    ))?;
    host.finish().map(drop)
}

/// It has both of our addresses before we test them.
fn lwip_defends_against_us(program: &LwipHost) -> Result<()> {
    let namespace = switch("lwip-has")?;
    let lwip = program.start(&namespace, &["192.0.2.2", "2001:db8::2"])?;
    lwip.wait_for_line("address 2001:DB8::2 preferred", PATIENCE)?;
    let mut host = join(&namespace, &[])?;
    for address in ["192.0.2.2", "2001:db8::2"] {
        host.event("duplicate", &[("address", address)])?;
    }
    let ready = host.event("ready", &[])?;
    ensure!(ready["addresses"] == serde_json::json!([]), "{ready}");
    host.finish().map(drop)
}

#[test]
fn smoltcp_and_our_host_talk() -> Result<()> {
    if !long_interop_wanted("tap_host and smoltcp") {
        return Ok(());
    }
    at_once(&[
        ("we ping", &|| we_ping_smoltcp("ping-smol-s", "56")),
        ("a whole frame", &|| we_ping_smoltcp("ping-smol-m", "1452")),
        ("fragments", &we_ping_smoltcp_with_fragments),
        ("smoltcp pings", &smoltcp_pings_us),
        ("probes", &smoltcp_stays_reachable),
    ])
}

/// smoltcp's addresses.
const SMOLTCP: [&str; 3] = ["192.0.2.3", "2001:db8::3", SmoltcpHost::LINK_LOCAL];

/// Runs `work` with a smoltcp host at the switch.
fn with_smoltcp(
    namespace: &Namespace,
    targets: &[Target],
    work: impl FnOnce(&SmoltcpHost) -> Result<()>,
) -> Result<()> {
    let peer = SmoltcpHost::default();
    let addresses = ["192.0.2.3/24", "2001:db8::3/64"];
    std::thread::scope(|scope| {
        let running = scope.spawn(|| peer.run(namespace, PEER_DEVICE, &addresses, targets));
        let worked = {
            let _stop = peer.stop_at_the_end();
            work(&peer)
        };
        match running.join() {
            Ok(ran) => ran.and(worked),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn we_ping_smoltcp(label: &str, octets: &str) -> Result<()> {
    let namespace = switch(label)?;
    with_smoltcp(&namespace, &[], |_| {
        let mut host = join(&namespace, &pings(&SMOLTCP, octets))?;
        // It may drop a reply when it has to resolve us first.
        pinged(&mut host, &SMOLTCP, 4)?;
        resolved(&host, TapHost::MAC, SmoltcpHost::MAC, &SMOLTCP[1..])?;
        host.finish().map(drop)
    })
}

/// IPv4 alone: it does not put IPv6 fragments together.
fn we_ping_smoltcp_with_fragments() -> Result<()> {
    let namespace = switch("ping-smol-l")?;
    with_smoltcp(&namespace, &[], |_| {
        let mut host = join(&namespace, &pings(&["192.0.2.3"], "4000"))?;
        pinged(&mut host, &["192.0.2.3"], 4)?;
        let fragments = format!("eth.src == {} and ip.flags.mf == 1", SmoltcpHost::MAC);
        host.sees(&fragments)?;
        let counters = host.finish()?;
        at_least(&counters, "fragmented", 5)
    })
}

fn smoltcp_pings_us() -> Result<()> {
    let namespace = switch("smol-pings")?;
    let small = OURS
        .iter()
        .flat_map(|it| [(*it, 0), (*it, 56), (*it, 1452)]);
    let targets: Vec<Target> = small.chain([("192.0.2.2", 4000)]).collect();
    let mut host = join(&namespace, &[])?;
    host.event("ready", &[])?;
    with_smoltcp(&namespace, &targets, |peer| {
        wait_until(PATIENCE, || peer.has_pinged())?;
        resolved(&host, SmoltcpHost::MAC, TapHost::MAC, &OURS[1..])
    })?;
    let counters = host.finish()?;
    at_least(&counters, "echo_replies", 30)?;
    at_least(&counters, "fragmented", 3)
}

/// Replies to pings confirm nothing: the neighbor is probed again and again, and answers.
fn smoltcp_stays_reachable() -> Result<()> {
    let namespace = switch("smol-probed")?;
    with_smoltcp(&namespace, &[], |_| {
        let mut options = vec!["--reachable-time", "1000", "--delay-first-probe", "500"];
        options.extend(["--count", "30", "--interval", "200"]);
        options.extend(["--ping", SMOLTCP[0], "--ping", SMOLTCP[1]]);
        let mut host = join(&namespace, &options)?;
        pinged(&mut host, &SMOLTCP[..2], 29)?;
        let (ours, theirs) = (TapHost::MAC, SmoltcpHost::MAC);
        let probe = format!("eth.src == {ours} and eth.dst == {theirs}");
        let answer = format!("eth.src == {theirs} and eth.dst == {ours}");
        for (asked, answered) in [
            ("arp.opcode == 1", "arp.opcode == 2"),
            ("icmpv6.type == 135", "icmpv6.type == 136"),
        ] {
            let probes = host.captured(&format!("{probe} and {asked}"))?;
            let answers = host.captured(&format!("{answer} and {answered}"))?;
            // The first answer is to the group, or to all.
            let is_watched = probes >= 2 && answers > probes;
            ensure!(is_watched, "{asked}: {probes} probes, {answers} answers");
        }
        host.finish().map(drop)
    })
}
