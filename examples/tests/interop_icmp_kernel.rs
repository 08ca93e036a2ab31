//! The example `tap_host` and the Linux kernel: each is host, neighbor, router and prober of the
//! other, and the kernel's own tools judge.
//!
//! That the kernel configures itself from us, obeys our redirects and learns path MTUs from us, is in
//! `interop_router.rs`, since a router does that.
#![allow(clippy::indexing_slicing, reason = "tests")]

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{
    Advertising, Namespace, TapHost, at_once, connect, expect, interop_wanted, tool, wait_until,
};
use serde_json::Value;
use std::net::UdpSocket;

const PATIENCE: Duration = Duration::from_secs(20);

/// A kernel in a namespace, and our host on a device of it.
fn start(label: &str, options: &[&str]) -> Result<(Namespace, TapHost)> {
    let namespace = Namespace::new(label)?;
    let setting = "net.ipv6.conf.default.accept_ra=0";
    namespace.run("sysctl", &["-qw", setting])?;
    let host = TapHost::start(&namespace, options)?;
    Ok((namespace, host))
}

fn at_least(counters: &Value, name: &str, least: u64) -> Result<()> {
    let counter = counters[name].as_u64();
    ensure!(counter >= Some(least), "{name} is {counter:?}: {counters}");
    Ok(())
}

#[test]
fn the_kernel_and_our_host_talk() -> Result<()> {
    if !interop_wanted("tap_host and the kernel talk") {
        return Ok(());
    }
    at_once(&[
        ("the kernel pings us", &the_kernel_pings_us),
        ("in the largest packets", &the_largest_link_is_filled),
        ("its tools find us", &the_kernels_tools_find_us),
        ("datagrams", &datagrams_come_back),
        ("we ping the kernel", &|| we_ping_the_kernel("ping-s", "56")),
        ("with fragments", &|| we_ping_the_kernel("ping-m", "4000")),
        ("with many", &|| we_ping_the_kernel("ping-l", "65000")),
        ("we ping nobody", &we_ping_nobody),
        ("questions", &questions_are_answered),
        ("groups", &groups_are_reported),
    ])
}

fn the_kernel_pings_us() -> Result<()> {
    let (kernel, mut host) = start("pings", &[])?;
    host.ready(&kernel)?;
    for (address, most) in [("192.0.2.2", "65507"), ("2001:db8::2", "65487")] {
        for octets in ["0", "56", "1473", "9000", most] {
            let line = format!("ping -n -c 2 -i 0.2 -W 2 -s {octets} {address}");
            expect(&kernel, &line, &["2 received"])?;
        }
    }
    let line = format!("ping -n -c 1 -W 2 {}%inw0", TapHost::LINK_LOCAL);
    expect(&kernel, &line, &["1 received", "ttl=64"])?;
    // All nodes: ours answers from a unicast address.
    let from = format!("from {}", TapHost::LINK_LOCAL);
    expect(
        &kernel,
        "ping -n -c 2 -i 0.2 -W 2 -L ff02::1%inw0",
        &[&from],
    )?;
    // Broadcast is not answered.
    expect(&kernel, "ping -n -b -c 1 -W 1 192.0.2.255", &["0 received"])?;
    let counters = host.finish()?;
    at_least(&counters, "echo_replies", 22)
}

/// The largest MTU that the kernel gives a TAP device: 65535 less an Ethernet header. Whole packets both ways.
fn the_largest_link_is_filled() -> Result<()> {
    let (kernel, mut host) = start("largest", &["--mtu", "65521"])?;
    host.ready(&kernel)?;
    let link = tool(&kernel, "ip link show inw0")?;
    ensure!(link.contains("mtu 65521"), "{link}");
    for (address, octets) in [("192.0.2.2", "65493"), ("2001:db8::2", "65473")] {
        let line = format!("ping -n -M do -c 2 -i 0.2 -W 2 -s {octets} {address}");
        expect(&kernel, &line, &["2 received"])?;
    }
    for whole in ["ip.len == 65521 and icmp", "ipv6.plen == 65481 and icmpv6"] {
        let frames = host.captured(whole)?;
        ensure!(frames == 4, "{frames} frames: {whole}");
    }
    // One octet more makes two fragments of it.
    let line = "ping -n -c 1 -W 2 -s 65494 192.0.2.2";
    expect(&kernel, line, &["1 received"])?;
    let fragments = host.captured("ip.flags.mf == 1")?;
    ensure!(fragments == 2, "{fragments} first fragments");
    let counters = host.finish()?;
    at_least(&counters, "echo_replies", 5)
}

fn the_kernels_tools_find_us() -> Result<()> {
    let (kernel, mut host) = start("finds", &[])?;
    host.ready(&kernel)?;
    expect(
        &kernel,
        "arping -c 2 -I inw0 192.0.2.2",
        &["Received 2 response"],
    )?;
    let nobody = "arping -c 1 -w 1 -I inw0 192.0.2.77";
    expect(&kernel, nobody, &["Received 0 response"])?;
    // The probe of duplicate address detection: somebody has the address.
    let probe = "arping -D -c 1 -w 2 -I inw0 192.0.2.2";
    expect(&kernel, probe, &["Received 1 response"])?;
    let upper = TapHost::MAC.to_uppercase();
    for address in ["2001:db8::2", TapHost::LINK_LOCAL] {
        let line = format!("ndisc6 -1 -r 3 -w 1500 {address} inw0");
        expect(&kernel, &line, &[&upper])?;
    }
    let nobody = "ndisc6 -1 -r 1 -w 300 2001:db8::77 inw0";
    expect(&kernel, nobody, &["No response"])?;
    // A host does not answer Router Solicitations.
    expect(&kernel, "rdisc6 -1 -r 1 -w 500 inw0", &["No response"])?;
    for address in ["192.0.2.2", "2001:db8::2"] {
        let line = format!("traceroute.db -n -q 1 -w 2 -m 3 {address}");
        let report = expect(&kernel, &line, &[&format!(" 1  {address}  ")])?;
        ensure!(!report.contains(" 2  "), "{report}");
    }
    let counters = host.finish()?;
    at_least(&counters, "arp_replies", 3)?;
    at_least(&counters, "neighbor_advertisements", 2)?;
    at_least(&counters, "errors_ipv4", 1)?;
    at_least(&counters, "errors_ipv6", 1)
}

/// UDP echo, and port unreachable as an application sees it.
fn datagrams_come_back() -> Result<()> {
    let (kernel, mut host) = start("datagrams", &[])?;
    host.ready(&kernel)?;
    kernel.enter(|| {
        for (bind, to) in [("0.0.0.0:0", "192.0.2.2"), ("[::]:0", "[2001:db8::2]")] {
            let socket = UdpSocket::bind(bind)?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            let mut answer = vec![0; 70_000];
            for octets in [0_usize, 1, 1472, 1473, 8000, 65_000] {
                let data: Vec<u8> = (0..octets).map(|i| i.to_le_bytes()[0]).collect();
                socket.send_to(&data, format!("{to}:7"))?;
                let (length, _) = socket
                    .recv_from(&mut answer)
                    .with_context(|| format!("{octets} octets to {to}"))?;
                let is_same = answer.get(..length) == Some(&data[..]);
                ensure!(is_same, "{octets} octets came back otherwise");
            }
            let socket = UdpSocket::bind(bind)?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.connect(format!("{to}:9"))?;
            socket.send(b"nobody there")?;
            let refused = socket.recv(&mut answer).map_err(|why| why.kind());
            let is_refused = refused == Err(std::io::ErrorKind::ConnectionRefused);
            ensure!(is_refused, "port 9 of {to}: {refused:?}");
        }
        Ok(())
    })?;
    let counters = host.finish()?;
    ensure!(counters["udp_echoes"] == 12, "{counters}");
    ensure!(counters["udp_rejected"] == 2, "{counters}");
    Ok(())
}

fn we_ping_the_kernel(label: &str, octets: &str) -> Result<()> {
    // The first request waits until the kernel has tested its own address.
    let (_kernel, mut host) = start(
        label,
        &[
            "--ping",
            "192.0.2.1",
            "--ping",
            "2001:db8::1",
            "--size",
            octets,
            "--count",
            "3",
            "--interval",
            "1500",
        ],
    )?;
    for target in ["192.0.2.1", "2001:db8::1"] {
        let success = [
            ("target", target),
            ("received", "3"),
            ("corrupt", "0"),
            ("errors", "0"),
        ];
        host.event("pinged", &success)?;
    }
    let counters = host.finish()?;
    at_least(&counters, "arp_requests", 1)?;
    at_least(&counters, "neighbor_solicitations", 1)
}

/// ARP and Neighbor Discovery find out that nobody is there.
fn we_ping_nobody() -> Result<()> {
    let nobody = ["192.0.2.9", "2001:db8::9"];
    let options = ["--ping", nobody[0], "--ping", nobody[1], "--count", "1"];
    let (_kernel, mut host) = start("nobody", &options)?;
    for address in nobody {
        host.event("unreachable", &[("destination", address)])?;
        host.event("pinged", &[("target", address), ("received", "0")])?;
    }
    let counters = host.finish()?;
    ensure!(counters["unreachable"] == 2, "{counters}");
    Ok(())
}

/// Timestamps both ways, and extended echo (RFC 8335), which the kernel answers when it is told to.
fn questions_are_answered() -> Result<()> {
    let kernel = Namespace::new("asks")?;
    let setting = "net.ipv4.icmp_echo_enable_probe=1";
    kernel.run("sysctl", &["-qw", setting])?;
    let options = [
        "--ask-time",
        "192.0.2.1",
        "--ask-time",
        "192.0.2.66",
        "--ask-interface",
        "192.0.2.1",
        "--ask-interface",
        "2001:db8::1",
    ];
    let mut host = TapHost::start(&kernel, &options)?;
    host.ready(&kernel)?;
    let time = host.event("timestamp", &[("asked", "192.0.2.1")])?;
    // The kernel has our clock.
    let offset = time["offset_ms"].as_i64().context("an offset")?;
    ensure!(offset.abs() <= 500, "{time}");
    for asked in ["192.0.2.1", "2001:db8::1"] {
        let up = [
            ("asked", asked),
            ("code", "0"),
            ("active", "true"),
            ("ipv4", "true"),
            ("ipv6", "true"),
        ];
        host.event("extended-echo", &up)?;
    }
    host.event("no-answer", &[("asked", "192.0.2.66")])?;
    // The other way round.
    let line = "ping -T tsonly -n -c 1 -W 2 192.0.2.2";
    expect(&kernel, line, &["1 received", "TS:"])?;
    let line = "ping -R -n -c 1 -W 2 192.0.2.2";
    expect(&kernel, line, &["1 received", "RR:"])?;
    let difference = time_of_our_host(&kernel)?;
    ensure!(difference.abs() <= 500, "our time is {difference} ms off");
    let counters = host.finish()?;
    ensure!(counters["timestamp_replies"] == 1, "{counters}");
    Ok(())
}

/// Asks our host for the time from a raw socket of the kernel's: the difference in milliseconds.
fn time_of_our_host(kernel: &Namespace) -> Result<i64> {
    use packet_buffer::wire::Ipv4Packet;
    use socket2::{Domain, Protocol, Socket, Type};
    kernel.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut request = vec![13, 0, 0, 0, 0x12, 0x34, 0, 1];
        request.resize(20, 0);
        let sum = packet_buffer::checksum::internet_checksum(&request);
        request[2..4].copy_from_slice(&sum.to_be_bytes());
        let to: core::net::SocketAddr = "192.0.2.2:0".parse()?;
        socket.send_to(&request, &to.into())?;
        let mut buffer = vec![0; 2048];
        loop {
            let length = std::io::Read::read(&mut &socket, &mut buffer)?;
            let ip = Ipv4Packet::parse(&buffer[..length])?;
            let icmp = ip.payload();
            if icmp[0] == 14 && icmp[4..8] == [0x12, 0x34, 0, 1] {
                let field = |at: usize| {
                    let octets = icmp[at..].first_chunk::<4>();
                    octets.map_or(0, |octets| u32::from_be_bytes(*octets))
                };
                ensure!(field(8) == 0 && field(12) == field(16), "{icmp:?}");
                return Ok(i64::from(field(12)) - time_of_day()?);
            }
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "the time that both hosts share")]
fn time_of_day() -> Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis() % 86_400_000)?)
}

/// Listener reports (RFC 3810 §5.2): the solicited-node groups, and the one that was joined.
fn groups_are_reported() -> Result<()> {
    let (kernel, mut host) = start("groups", &["--join", "ff05::1:3"])?;
    host.ready(&kernel)?;
    for group in ["ff02::1:ff10:2", "ff02::1:ff00:2", "ff05::1:3"] {
        host.sees(&format!(
            "eth.src == {} and ipv6.dst == ff02::16 and ipv6.hlim == 1 and icmpv6.type == 143 \
             and icmpv6.mldr.mar.multicast_address == {group}",
            TapHost::MAC
        ))?;
    }
    host.finish().map(drop)
}

#[test]
fn addresses_are_defended_on_both_sides() -> Result<()> {
    if !interop_wanted("duplicate addresses, tap_host and the kernel") {
        return Ok(());
    }
    at_once(&[
        ("we defend", &we_defend_addresses),
        ("the kernel defends", &the_kernel_defends_addresses),
    ])
}

fn we_defend_addresses() -> Result<()> {
    let (kernel, mut host) = start("defends", &[])?;
    host.ready(&kernel)?;
    let add = |address: &str| kernel.run("ip", &["addr", "add", address, "dev", "inw0"]);
    add("2001:db8::2/64")?;
    wait_until(PATIENCE, || {
        let line = "ip -6 addr show dev inw0 to 2001:db8::2";
        expect(&kernel, line, &["dadfailed"]).map(drop)
    })?;
    // One that nobody has passes.
    add("2001:db8::3/64")?;
    wait_until(PATIENCE, || {
        let address = expect(&kernel, "ip -6 addr show dev inw0 to 2001:db8::3", &["::3"])?;
        let is_bad = address.contains("tentative") || address.contains("dadfailed");
        ensure!(!is_bad, "{address}");
        Ok(())
    })?;
    // A station that announces our IPv4 address: we defend it (RFC 5227 §2.4).
    add("192.0.2.2/24")?;
    tool(&kernel, "arping -A -c 1 -I inw0 -s 192.0.2.2 192.0.2.2")?;
    let defended = [("address", "192.0.2.2"), ("defended", "true")];
    host.event("conflict", &defended)?;
    host.sees(&format!(
        "eth.src == {} and eth.dst == ff:ff:ff:ff:ff:ff and arp.isannouncement == 1",
        TapHost::MAC
    ))?;
    host.finish().map(drop)
}

/// The kernel has both of our addresses before we test them.
fn the_kernel_defends_addresses() -> Result<()> {
    let kernel = Namespace::new("taken")?;
    // It does not test its own, or both would be found to be duplicates.
    let setting = "net.ipv6.conf.default.accept_dad=0";
    kernel.run("sysctl", &["-qw", setting])?;
    let mut host = TapHost::start(
        &kernel,
        &[
            "--kernel-address",
            "192.0.2.2/24",
            "--kernel-address",
            "2001:db8::2/64",
            "--address-test",
            "full",
            // The kernel makes its address usable in its own time.
            "--link-delay",
            "1000",
        ],
    )?;
    for address in ["192.0.2.2", "2001:db8::2"] {
        host.event("duplicate", &[("address", address)])?;
    }
    let ready = host.event("ready", &[])?;
    ensure!(ready["addresses"] == serde_json::json!([]), "{ready}");
    // The kernel keeps its own.
    let addresses = expect(&kernel, "ip addr show dev inw0", &["2001:db8::2/64"])?;
    ensure!(!addresses.contains("dadfailed"), "{addresses}");
    host.finish().map(drop)
}

#[test]
fn neighbors_are_watched_on_both_sides() -> Result<()> {
    if !interop_wanted("unreachability detection, tap_host and the kernel") {
        return Ok(());
    }
    at_once(&[
        ("the kernel watches us", &the_kernel_watches_us),
        ("we watch the kernel", &we_watch_the_kernel),
    ])
}

/// The states of the kernel's entries for us, as RFC 4861 §7.3 has them.
fn the_kernel_watches_us() -> Result<()> {
    let (kernel, mut host) = start("watched", &[])?;
    host.ready(&kernel)?;
    // With half of it still longer than the delay, an idle entry becomes STALE.
    for version in ["ipv4", "ipv6"] {
        let prefix = format!("net.{version}.neigh.inw0");
        let line = format!(
            "sysctl -qw {prefix}.base_reachable_time_ms=2500 {prefix}.delay_first_probe_time=1 \
             {prefix}.retrans_time_ms=300"
        );
        tool(&kernel, &line)?;
    }
    tool(&kernel, "ip neigh flush dev inw0")?;
    let becomes = |address: &str, wanted: &[&str]| {
        wait_until(PATIENCE, || {
            let text = tool(&kernel, &format!("ip -j neigh show {address} dev inw0"))?;
            let entries: Value = serde_json::from_str(text.trim()).unwrap_or(Value::Null);
            let state = entries.pointer("/0/state/0").and_then(Value::as_str);
            let is_there = state.is_some_and(|state| wanted.contains(&state));
            ensure!(is_there, "{address} is {state:?}, not {wanted:?}");
            Ok(())
        })
    };
    let peers = ["192.0.2.2", "2001:db8::2"];
    for peer in peers {
        expect(
            &kernel,
            &format!("ping -n -c 1 -W 2 {peer}"),
            &["1 received"],
        )?;
        becomes(peer, &["REACHABLE"])?;
    }
    for peer in peers {
        becomes(peer, &["STALE"])?;
        // Traffic: DELAY, a probe that we answer, REACHABLE.
        expect(
            &kernel,
            &format!("ping -n -c 1 -W 2 {peer}"),
            &["1 received"],
        )?;
        becomes(peer, &["DELAY", "PROBE", "REACHABLE"])?;
        becomes(peer, &["REACHABLE"])?;
    }
    // The kernel's unicast probes, and our answers.
    let own = TapHost::MAC;
    host.sees(&format!(
        "eth.dst == {own} and icmpv6.type == 135 and icmpv6.nd.ns.target_address == 2001:db8::2"
    ))?;
    host.sees(&format!("eth.dst == {own} and arp.opcode == 1"))?;
    host.sees(&format!(
        "eth.src == {own} and icmpv6.type == 136 and icmpv6.nd.na.flag.s == 1 and ipv6.hlim == 255"
    ))?;
    host.finish().map(drop)
}

/// Our entries for the kernel: probed when in doubt, given up when it is silent.
fn we_watch_the_kernel() -> Result<()> {
    let (kernel, mut host) = start(
        "watches",
        &[
            "--reachable-time",
            "1000",
            "--delay-first-probe",
            "500",
            "--ping",
            "192.0.2.1",
            "--ping",
            "2001:db8::1",
            "--count",
            "1000",
            "--interval",
            "300",
        ],
    )?;
    host.event("reply", &[("target", "2001:db8::1")])?;
    host.event("reply", &[("target", "192.0.2.1")])?;
    // Unicast probes to the kernel, while the pings go on.
    let station = tool(&kernel, "cat /sys/class/net/inw0/address")?;
    let ours = format!(
        "eth.src == {} and eth.dst == {}",
        TapHost::MAC,
        station.trim()
    );
    host.sees(&format!("{ours} and icmpv6.type == 135"))?;
    host.sees(&format!("{ours} and arp.opcode == 1"))?;
    // The kernel falls silent, and both versions notice.
    kernel.run("ip", &["addr", "flush", "dev", "inw0", "scope", "global"])?;
    for address in ["192.0.2.1", "2001:db8::1"] {
        host.event("neighbor-unreachable", &[("address", address)])?;
        host.event("unreachable", &[("destination", address)])?;
    }
    host.finish().map(drop)
}

#[test]
fn routes_and_path_mtus_are_learned() -> Result<()> {
    if !interop_wanted("redirects and path MTUs from the kernel") {
        return Ok(());
    }
    at_once(&[
        ("redirects", &the_kernel_redirects_us),
        ("path MTU", &we_learn_the_path_mtu),
    ])
}

/// A default router, and nothing else.
const RADVD: &str = "{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; };\n";

/// The kernel routes, and knows a better gateway on the link.
fn the_kernel_redirects_us() -> Result<()> {
    let (router, gateway) = (Namespace::new("redirects")?, Namespace::new("better")?);
    router.forward()?;
    gateway.forward()?;
    let mut host = TapHost::start(
        &router,
        &[
            "--no-kernel-address",
            "--gateway",
            "192.0.2.1",
            "--ping",
            "198.51.100.1",
            "--ping",
            "2001:db8:60::1",
            "--count",
            "1000",
            "--interval",
            "200",
        ],
    )?;
    let addresses = ["192.0.2.99/24", "2001:db8::99/64", "fe80::99/64"];
    connect((&router, "port", &[]), (&gateway, "port", &addresses))?;
    gateway.add_addresses("lo", &["198.51.100.1/32", "2001:db8:60::1/128"])?;
    router.add_bridge("br0", &["inw0", "port"])?;
    router.add_addresses("br0", &["192.0.2.1/24", "2001:db8::1/64"])?;
    router.run(
        "ip",
        &["route", "add", "198.51.100.0/24", "via", "192.0.2.99"],
    )?;
    let prefix = "2001:db8:60::/48";
    router.run(
        "ip",
        &[
            "-6", "route", "add", prefix, "via", "fe80::99", "dev", "br0",
        ],
    )?;
    let _radvd = Advertising::radvd(&router, &format!("interface br0 {RADVD}"))?;

    let v4 = [("destination", "198.51.100.1"), ("target", "192.0.2.99")];
    host.event("redirected", &v4)?;
    let v6 = [("destination", "2001:db8:60::1"), ("target", "fe80::99")];
    host.event("redirected", &v6)?;
    // The router forwards no more; what still comes back goes by the better way.
    router.run("sysctl", &["-qw", "net.ipv4.ip_forward=0"])?;
    router.run("ip", &["-6", "route", "del", prefix])?;
    for target in ["198.51.100.1", "2001:db8:60::1"] {
        host.forget();
        for _ in 0..5 {
            host.event("reply", &[("target", target)])?;
        }
    }
    let counters = host.finish()?;
    at_least(&counters, "redirects", 2)
}

/// A link of 1400 octets behind the kernel's router: it says so, and our host keeps to it.
fn we_learn_the_path_mtu() -> Result<()> {
    let (router, far) = (Namespace::new("narrow")?, Namespace::new("far")?);
    router.forward()?;
    far.forward()?;
    connect(
        (&router, "out", &["198.51.100.2/24", "2001:db8:60::2/64"]),
        (&far, "in", &["198.51.100.1/24", "2001:db8:60::1/64"]),
    )?;
    for (namespace, device) in [(&router, "out"), (&far, "in")] {
        namespace.run("ip", &["link", "set", device, "mtu", "1400"])?;
    }
    far.run(
        "ip",
        &["route", "add", "192.0.2.0/24", "via", "198.51.100.2"],
    )?;
    far.run(
        "ip",
        &[
            "-6",
            "route",
            "add",
            "2001:db8::/64",
            "via",
            "2001:db8:60::2",
        ],
    )?;
    // An IPv6 host may not be told to fragment before it knows; an IPv4 packet must not be on the way.
    let targets = ["198.51.100.1", "2001:db8:60::1"];
    let mut host = TapHost::start(
        &router,
        &[
            "--gateway",
            "192.0.2.1",
            "--ping",
            targets[0],
            "--ping",
            targets[1],
            "--count",
            "1000",
            "--interval",
            "300",
            "--size",
            "1452",
            "--dont-fragment",
        ],
    )?;
    let _radvd = Advertising::radvd(&router, &format!("interface inw0 {RADVD}"))?;
    for target in targets {
        host.event("error", &[("target", target), ("mtu", "1400")])?;
        host.event("path-mtu", &[("destination", target), ("mtu", "1400")])?;
    }
    // From then on IPv6 goes in fragments, and an IPv4 packet that must not is refused at the source.
    host.event("reply", &[("target", targets[1]), ("octets", "1452")])?;
    host.event("not-sent", &[("destination", targets[0])])?;
    host.sees(&format!(
        "eth.src == {} and ipv6.dst == {} and ipv6.fraghdr.nxt == 58",
        TapHost::MAC,
        targets[1]
    ))?;
    let counters = host.finish()?;
    at_least(&counters, "paths_narrowed", 2)?;
    at_least(&counters, "fragmented", 1)
}

/// How many echo replies come in two seconds, with 64 requests under way: `exchange` sends one when its
/// argument is true, and says whether a reply came.
fn rate(mut exchange: impl FnMut(bool) -> Result<bool>) -> Result<f64> {
    const WINDOW: u32 = 64;
    let clock = packet_buffer::time::StdClock::new();
    let (start, mut replies, mut under_way) = (clock.now(), 0_u32, 0);
    let mut last = start;
    loop {
        let now = clock.now();
        if now - start > Duration::from_secs(2) {
            return Ok(f64::from(replies) / (now - start).as_secs_f64());
        }
        let may_send = under_way < WINDOW;
        under_way += u32::from(may_send);
        if exchange(may_send)? {
            replies += 1;
            under_way = under_way.saturating_sub(1);
            last = now;
        } else if now - last > Duration::from_millis(20) {
            // Lost, as can be.
            (under_way, last) = (0, now);
        }
    }
}

/// A measurement, not a judgement: `cargo test --release --test interop_icmp_kernel -- --ignored
/// --nocapture`, with the examples built in the same profile.
#[test]
#[ignore = "a measurement: prints echo replies per second, the kernel's own and ours"]
fn echo_replies_per_second() -> Result<()> {
    use packet_buffer::PacketBuf;
    use packet_buffer::wire::{EtherType, EthernetRepr, Icmpv4Repr, IpProtocol, Ipv4Repr, MacAddr};
    use socket2::{Domain, Protocol, Socket, Type};
    if !interop_wanted("echo replies per second") {
        return Ok(());
    }
    let would_block = |why: &std::io::Error| why.kind() == std::io::ErrorKind::WouldBlock;
    let mut request = PacketBuf::with_headroom(64);
    request.append_slice(&[0; 56]);
    let echo = Icmpv4Repr::EchoRequest {
        identifier: 1,
        sequence_number: 1,
    };
    echo.emit(&mut request)?;
    let message = request.as_slice().to_vec();

    // The kernel answers: requests are written to the device and replies read from it.
    let kernel = Namespace::new("rate-kernel")?;
    kernel.run("sysctl", &["-qw", "net.ipv4.icmp_ratelimit=0"])?;
    let theirs = kernel.enter(|| {
        let device = tun_rs::DeviceBuilder::new()
            .name("rate0")
            .layer(tun_rs::Layer::L2)
            .build_sync()?;
        device.set_nonblocking(true)?;
        device.add_address_v4(core::net::Ipv4Addr::new(192, 0, 2, 1), 24)?;
        let own = MacAddr([2, 0, 0x5e, 0x10, 0, 2]);
        let own_text = own.to_string();
        let neighbor = [
            "neigh",
            "replace",
            "192.0.2.2",
            "lladdr",
            &own_text,
            "dev",
            "rate0",
        ];
        kernel.run("ip", &neighbor)?;
        let station = MacAddr(device.mac_address()?);
        Ipv4Repr::new(
            [192, 0, 2, 2].into(),
            [192, 0, 2, 1].into(),
            IpProtocol::ICMP,
        )
        .emit(&mut request)?;
        EthernetRepr::new(station, own, EtherType::IPV4).emit(&mut request)?;
        let mut buffer = vec![0; 2048];
        rate(|send| {
            if send {
                device.send(request.as_slice())?;
            }
            match device.recv(&mut buffer) {
                // An IPv4 packet of ICMP: an echo reply.
                Ok(length) => Ok(length > 34 && buffer[12..14] == [8, 0] && buffer[34] == 0),
                Err(why) if would_block(&why) => Ok(false),
                Err(why) => Err(why.into()),
            }
        })
    })?;
    drop(kernel);

    // Our host answers: requests come from a raw socket of the kernel's.
    let (kernel, program) = (
        Namespace::new("rate-ours")?,
        internetwork::lab::example_path("tap_host")?,
    );
    let program = program.to_str().context("path")?;
    let host = kernel.spawn(program, &["--json", "--address-test", "off"])?;
    host.wait_for_line("\"ready\"", PATIENCE)?;
    expect(&kernel, "ping -n -c 1 -W 2 192.0.2.2", &["1 received"])?;
    let ours = kernel.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        socket.set_nonblocking(true)?;
        let to: core::net::SocketAddr = "192.0.2.2:0".parse()?;
        let to = to.into();
        let mut buffer = vec![0; 2048];
        rate(|send| {
            if send && let Err(why) = socket.send_to(&message, &to) {
                ensure!(would_block(&why), "{why}");
            }
            match std::io::Read::read(&mut &socket, &mut buffer) {
                Ok(length) => Ok(length > 20 && buffer[20] == 0),
                Err(why) if would_block(&why) => Ok(false),
                Err(why) => Err(why.into()),
            }
        })
    })?;
    host.stop()?;
    println!(
        "echo replies per second through TAP: kernel {theirs:.0}, ours {ours:.0}, ratio {:.2}",
        ours / theirs
    );
    ensure!(theirs > 1000.0 && ours > 1000.0, "too few to compare");
    Ok(())
}
