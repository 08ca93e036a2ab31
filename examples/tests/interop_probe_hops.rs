//! `ping`, `traceroute`, `tracepath`, `mtr`, `scamper`, `fping`, and the traceroutes of ndisc6 and of the inetutils
//! through five routers of ours, which are a simulated path behind a TUN device; and routers that redirect the
//! kernel.

use anyhow::{Context, Result, ensure};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use icmp_nd::PacketBuf;
use icmp_nd::generation::{ErrorOptions, build_ipv4_error};
use icmp_nd::probe::{SimHop, SimPath};
use icmp_nd::wire::{ExtensionObjectRepr, MplsLabelStackEntry, emit_extensions};
use internetwork::lab::{Namespace, interop_wanted};
use packet_buffer::wire::{
    EthernetFrame, EthernetRepr, Icmpv4Repr, IpProtocol, Ipv4Repr, MacAddr, icmpv4_code,
};
use std::io::ErrorKind;
use tun_rs::Layer;

/// The first hop on an Ethernet, and what the kernel knows it by.
const GATEWAY: MacAddr = MacAddr([2, 0, 0x5e, 0x10, 0, 0x63]);
const GATEWAYS: [&str; 2] = ["10.63.0.1", "2001:db8:63::1"];
const DESTINATIONS: [&str; 2] = ["10.63.9.9", "2001:db8:63:9::9"];

/// What each hop answers from.
fn hop(number: u8) -> [IpAddr; 2] {
    [
        Ipv4Addr::new(10, 63, number, 1).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0x63, number.into(), 0, 0, 0, 1).into(),
    ]
}

/// Five hops; the third tells a label, and behind the fourth 1400 octets are the most.
fn path(silent: Option<usize>) -> Result<SimPath> {
    let mut hops: Vec<SimHop> = (1..=5).map(|number| SimHop::new(hop(number))).collect();
    let label = MplsLabelStackEntry {
        label: 16_063,
        traffic_class: 5,
        bottom_of_stack: true,
        ttl: 1,
    };
    let mut octets = PacketBuf::new();
    emit_extensions(
        &[ExtensionObjectRepr::MplsLabelStack(vec![label].into())],
        &mut octets,
    )?;
    hops.get_mut(2).context("third hop")?.extensions = octets.as_slice().to_vec();
    hops.get_mut(3).context("fourth hop")?.mtu = 1400;
    if let Some(silent) = silent {
        hops.get_mut(silent).context("a silent hop")?.silent = true;
    }
    let destinations = DESTINATIONS.iter().map(|address| address.parse());
    Ok(SimPath::new(hops, destinations.collect::<Result<_, _>>()?))
}

/// Answers what comes out of the device until told to stop.
fn serve(
    device: &tun_rs::SyncDevice,
    layer: Layer,
    path: &SimPath,
    stop: &AtomicBool,
) -> Result<()> {
    let (mut octets, mut answer) = (vec![0; 65_536], PacketBuf::new());
    while !stop.load(Ordering::Relaxed) {
        match device.recv(&mut octets) {
            Ok(length) => {
                let octets = octets.get(..length).unwrap_or_default();
                let is_answered = if layer == Layer::L2 {
                    answer_frame(octets, path, &mut answer)?
                } else {
                    path.answer(octets, &mut answer).is_some()
                };
                if is_answered {
                    device.send(answer.as_slice())?;
                }
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => {
                internetwork::lab::pause(Duration::from_micros(200));
            }
            Err(why) => return Err(why.into()),
        }
    }
    Ok(())
}

/// Answers the packet in a frame to the hops; whether there is an answer.
fn answer_frame(frame: &[u8], path: &SimPath, answer: &mut PacketBuf) -> Result<bool> {
    let frame = EthernetFrame::parse(frame)?;
    let is_ours = frame.destination() == GATEWAY;
    let is_answered = is_ours && path.answer(frame.payload(), answer).is_some();
    if is_answered {
        EthernetRepr::new(frame.source(), GATEWAY, frame.ethertype()).emit(answer)?;
    }
    Ok(is_answered)
}

/// The words of a command line; underscores stand for spaces within a word.
fn words(command: &str) -> Vec<String> {
    let words = command.split_whitespace();
    words.map(|word| word.replace('_', " ")).collect()
}

/// The hops of a report that says `number  address ...` on each line, with all that follows the
/// number.
fn trace(kernel: &Namespace, command: &str) -> Result<Vec<String>> {
    let words = words(command);
    let (program, arguments) = words.split_first().context("a command")?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let report = kernel.run(program, &arguments)?;
    let lines = report.lines().filter_map(|line| {
        let (number, rest) = line.trim().split_once(char::is_whitespace)?;
        let number = number.trim_end_matches([':', '?', '.', '|', '-']);
        number.parse::<u8>().ok()?;
        Some(rest.trim().to_owned())
    });
    Ok(lines.collect())
}

/// How often a tool may try. In one of about 300 runs version 2.1.2 sees no answer of the destination to `-I` or `-T`,
/// although each was handed to the kernel, whole and with right checksums.
const RUNS: usize = 3;

/// What the hops answered from.
fn addresses(hops: &[String]) -> Vec<&str> {
    hops.iter()
        .filter_map(|hop| hop.split_whitespace().next())
        .collect()
}

/// The hops of a version and the destination behind them.
fn expected(version: usize) -> Vec<String> {
    (1..=5)
        .filter_map(|number| hop(number).get(version).map(ToString::to_string))
        .chain(DESTINATIONS.get(version).map(ToString::to_string))
        .collect()
}

/// Tools other than the kernel's own, and which version of IP each is for.
const TOOLS: [(usize, &str); 8] = [
    (0, "inetutils-traceroute -q 1 -w 2 -m 6 10.63.9.9"),
    (0, "inetutils-traceroute -M icmp -q 1 -w 2 -m 6 10.63.9.9"),
    (0, "scamper -I trace_-P_icmp-paris_-q_2_-w_1_10.63.9.9"),
    (0, "scamper -I trace_-P_udp-paris_-q_2_-w_1_10.63.9.9"),
    (
        1,
        "scamper -I trace_-P_icmp-paris_-q_2_-w_1_2001:db8:63:9::9",
    ),
    (1, "tracert6 -n -q 1 -w 2 -m 6 2001:db8:63:9::9"),
    (1, "rltraceroute6 -n -U -q 1 -w 2 -m 6 2001:db8:63:9::9"),
    (
        1,
        "rltraceroute6 -n -S -q 1 -w 2 -m 6 -p 80 2001:db8:63:9::9",
    ),
];

/// Whether a report names all of these, in this order.
fn in_order(report: &str, addresses: &[String]) -> bool {
    let mut rest = report.split_whitespace();
    addresses
        .iter()
        .all(|address| rest.any(|word| word.trim_matches(['(', ')']) == address))
}

/// Every tool finds every hop.
fn others(kernel: &Namespace) -> Result<()> {
    for (version, command) in TOOLS {
        let words = words(command);
        let (program, arguments) = words.split_first().context("a command")?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut report = String::new();
        for _ in 0..RUNS {
            let output = kernel.output(program, &arguments)?;
            let errors = String::from_utf8_lossy(&output.stderr);
            report = format!("{}{errors}", String::from_utf8_lossy(&output.stdout));
            // What the header says of the destination does not count.
            let hops = report.split_once('\n').map_or("", |(_, hops)| hops);
            if in_order(hops, &expected(version)) {
                report.clear();
                break;
            }
        }
        ensure!(report.is_empty(), "{command:?}: {report}");
    }
    for destination in DESTINATIONS {
        let arguments = ["-c", "10", "-p", "50", "-q", destination];
        let output = kernel.output("fping", &arguments)?;
        let report = String::from_utf8_lossy(&output.stderr);
        // "DESTINATION : xmt/rcv/%loss = 10/10/0%, min/avg/max = ..."
        let received = report
            .split('/')
            .nth(3)
            .and_then(|it| it.parse::<u8>().ok());
        ensure!(received >= Some(8), "fping {destination}: {report}");
    }
    Ok(())
}

/// A hop that forwards and says nothing is a star, and the next is where it was.
fn a_silent_hop(kernel: &Namespace) -> Result<()> {
    for (version, destination) in DESTINATIONS.into_iter().enumerate() {
        let command = format!("traceroute.db -n -I -q 1 -w 1 -N 1 -m 6 {destination}");
        let mut wanted = expected(version);
        *wanted.get_mut(1).context("a second hop")? = "*".to_owned();
        let mut hops = vec![];
        for _ in 0..RUNS {
            hops = trace(kernel, &command)?;
            if addresses(&hops) == wanted {
                break;
            }
        }
        ensure!(addresses(&hops) == wanted, "{command}: {hops:#?}");
    }
    Ok(())
}

/// Octets of the largest packet on the link to each hop, and to the destination.
const LINKS: [usize; 6] = [1500, 1500, 1400, 1400, 1280, 1280];

/// Five hops with these links.
fn narrowing_path() -> Result<SimPath> {
    let mut path = path(None)?;
    for (hop, behind) in path.hops.iter_mut().zip(LINKS.iter().skip(1)) {
        hop.mtu = *behind;
    }
    Ok(path)
}

/// What tells of the path MTU says at which hop it gets smaller, and to what.
fn narrower_links(kernel: &Namespace) -> Result<()> {
    // `traceroute` says it at the first hop that only packets of this size get to, `scamper` at each hop.
    let before = [0].iter().chain(&LINKS);
    let changes = LINKS.iter().zip(before).map(|(mtu, before)| {
        let is_new = mtu != before;
        is_new.then(|| format!("F={mtu}"))
    });
    let changes: Vec<_> = changes.collect();
    let each = LINKS.iter().map(|mtu| Some(format!("[mtu: {mtu}]")));
    let each: Vec<_> = each.collect();
    for (version, destination) in DESTINATIONS.into_iter().enumerate() {
        for (command, wanted) in [
            ("traceroute.db -n --mtu -q 1 -w 2 -m 6 ", &changes),
            ("scamper -I trace_-P_udp-paris_-M_-q_2_-w_1_", &each),
        ] {
            let command = format!("{command}{destination}");
            let tells = |hops: &[String]| {
                let told = hops.iter().zip(wanted).all(|(hop, mtu)| match mtu {
                    Some(mtu) => hop.ends_with(mtu),
                    None => hop.ends_with(" ms"),
                });
                told && addresses(hops) == expected(version)
            };
            let mut hops = vec![];
            for _ in 0..RUNS {
                begin_anew(kernel)?;
                hops = trace(kernel, &command)?;
                if tells(&hops) {
                    break;
                }
            }
            ensure!(tells(&hops), "{command}: wanted {wanted:?}: {hops:#?}");
        }
    }
    Ok(())
}

/// Makes the kernel forget path MTUs. For `scamper`, which sends frames itself, it has just heard from the gateways.
fn begin_anew(kernel: &Namespace) -> Result<()> {
    for (version, gateway) in ["-4", "-6"].into_iter().zip(GATEWAYS) {
        kernel.run("ip", &[version, "route", "flush", "cache"])?;
        let neighbor = format!("neigh replace {gateway} lladdr {GATEWAY} nud reachable dev hops0");
        kernel.run("ip", &neighbor.split(' ').collect::<Vec<_>>())?;
    }
    Ok(())
}

fn check(kernel: &Namespace) -> Result<()> {
    for (version, destination) in DESTINATIONS.into_iter().enumerate() {
        let expected = expected(version);
        for method in ["", "-I", "-T"] {
            let command = format!("traceroute.db -n -q 1 -w 1 -N 1 -m 6 {method} {destination}");
            let mut hops = vec![];
            for _ in 0..RUNS {
                hops = trace(kernel, &command)?;
                if addresses(&hops) == expected {
                    break;
                }
            }
            ensure!(addresses(&hops) == expected, "{command}: {hops:#?}");
        }
        let command = format!("traceroute.db -n -e -q 1 -w 2 -N 1 -m 10 {destination}");
        let hops = trace(kernel, &command)?;
        let third = hops.get(2).context("a third hop")?;
        ensure!(
            third.contains("MPLS") && third.contains("16063"),
            "{command}: {hops:#?}"
        );
        let report = kernel.run(
            "mtr",
            &["--report", "--no-dns", "--report-cycles", "1", destination],
        )?;
        for address in &expected {
            ensure!(report.contains(address), "mtr misses {address}: {report}");
        }
        let report = kernel.run("tracepath", &["-n", destination])?;
        ensure!(
            report.contains("pmtu 1400") && report.contains(destination),
            "tracepath: {report}"
        );
        // What the hop said is what the kernel goes by from now on.
        let route = kernel.run("ip", &["route", "get", destination])?;
        ensure!(route.contains("mtu 1400"), "path MTU: {route}");
        let report = kernel.run("ping", &["-n", "-c", "2", "-i", "0.2", destination])?;
        ensure!(report.contains("2 received"), "ping: {report}");
        // The third hop, since the packet gets no further.
        let arguments = ["-n", "-c", "1", "-W", "2", "-t", "3", destination];
        let output = kernel.output("ping", &arguments)?;
        let report = String::from_utf8_lossy(&output.stdout);
        let third = expected.get(2).context("a third hop")?;
        let is_told = report.contains("Time to live exceeded") || report.contains("Time exceeded");
        ensure!(is_told && report.contains(third), "ping -t 3: {report}");
    }
    Ok(())
}

/// A device, and what the kernel is told about it.
fn device(kernel: &Namespace, layer: Layer, commands: &[&str]) -> Result<tun_rs::SyncDevice> {
    let device = kernel.enter(|| {
        let device = tun_rs::DeviceBuilder::new()
            .name("hops0")
            .layer(layer)
            .build_sync()?;
        device.set_nonblocking(true)?;
        Ok(device)
    })?;
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').collect();
        kernel.run("ip", &arguments)?;
    }
    Ok(device)
}

/// Redirects of IPv4 (RFC 792): the kernel takes the one that is right, and none that is not.
#[test]
fn the_kernel_obeys_redirects_of_ipv4() -> Result<()> {
    const HOST: &str = "10.63.0.2";
    /// Destination, who redirects, to which gateway, and whether the kernel follows.
    const REDIRECTS: [(&str, &str, &str, bool); 4] = [
        ("198.51.100.1", "10.63.0.1", "10.63.0.3", true),
        ("198.51.100.2", "10.63.0.4", "10.63.0.3", false),
        ("198.51.100.3", "10.63.0.1", "10.99.0.1", false),
        ("198.51.100.4", "10.63.0.1", "224.0.0.9", false),
    ];
    if !interop_wanted("the kernel and redirects of IPv4") {
        return Ok(());
    }
    let kernel = Namespace::new("redirect4")?;
    // As RFC 1122 §3.2.2.2 has it: the new gateway must be on the link, and need be no default gateway.
    for scope in ["all", "default"] {
        for setting in ["accept_redirects=1", "shared_media=0", "secure_redirects=0"] {
            let setting = format!("net.ipv4.conf.{scope}.{setting}");
            kernel.run("sysctl", &["-qw", &setting])?;
        }
    }
    let device = device(
        &kernel,
        Layer::L3,
        &[
            "addr add 10.63.0.2/24 dev hops0",
            "link set hops0 up",
            "route add default via 10.63.0.1 dev hops0",
        ],
    )?;
    let (mut request, mut redirect) = (PacketBuf::new(), PacketBuf::new());
    for (destination, router, gateway, is_followed) in REDIRECTS {
        let code = icmpv4_code::Redirect::HOST;
        let error = Icmpv4Repr::Redirect {
            code,
            gateway: gateway.parse()?,
        };
        request.reset(64);
        let (identifier, sequence_number) = (1, 1);
        // About an echo reply: the kernel passes errors about requests to the socket that sent them.
        Icmpv4Repr::EchoReply {
            identifier,
            sequence_number,
        }
        .emit(&mut request)?;
        Ipv4Repr::new(HOST.parse()?, destination.parse()?, IpProtocol::ICMP).emit(&mut request)?;
        // The kernel has a route to the destination once it has sent something there.
        kernel.output("ping", &["-n", "-c", "1", "-W", "1", destination])?;
        let options = ErrorOptions::default();
        build_ipv4_error(
            &error,
            request.as_slice(),
            router.parse()?,
            &options,
            &mut redirect,
        )?;
        // The first makes the kernel look for the gateway, the second finds that it is there.
        for _ in 0..2 {
            device.send(redirect.as_slice())?;
        }
        let wanted = format!("via {}", if is_followed { gateway } else { "10.63.0.1" });
        let route = kernel.run("ip", &["route", "get", destination])?;
        ensure!(
            route.contains(&wanted),
            "{router} redirects {destination} to {gateway}, wanted {wanted}: {route}"
        );
    }
    Ok(())
}

/// Runs `check` in a namespace whose default route leads to the hops of `path`: through a device without neighbors,
/// or over Ethernet.
fn behind_hops(
    label: &str,
    layer: Layer,
    path: &SimPath,
    check: impl FnOnce(&Namespace) -> Result<()>,
) -> Result<()> {
    let kernel = Namespace::new(label)?;
    let link = [
        "addr add 10.63.0.2/24 dev hops0",
        "addr add 2001:db8:63::2/64 dev hops0 nodad",
        "link set hops0 up",
    ];
    let routes = if layer == Layer::L2 {
        GATEWAYS.map(|gateway| format!("route add default via {gateway} dev hops0"))
    } else {
        ["-4", "-6"].map(|version| format!("{version} route add default dev hops0"))
    };
    let commands = link.into_iter().chain(routes.iter().map(String::as_str));
    let device = device(&kernel, layer, &commands.collect::<Vec<_>>())?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&device, layer, path, &stop));
        let checked = check(&kernel);
        stop.store(true, Ordering::Relaxed);
        let served = server.join();
        checked?;
        match served {
            Ok(served) => served,
            Err(_) => anyhow::bail!("the hops fell over"),
        }
    })
}

#[test]
fn the_kernels_tools_see_our_hops() -> Result<()> {
    if !interop_wanted("the kernel's traceroute and mtr through simulated hops") {
        return Ok(());
    }
    behind_hops("hops", Layer::L3, &path(None)?, check)?;
    behind_hops("silent-hop", Layer::L3, &path(Some(1))?, a_silent_hop)
}

#[test]
fn other_tools_see_our_hops() -> Result<()> {
    if !interop_wanted("scamper, fping and other traceroutes through simulated hops") {
        return Ok(());
    }
    behind_hops("more-hops", Layer::L3, &path(None)?, others)
}

#[test]
fn tools_find_each_narrower_link() -> Result<()> {
    if !interop_wanted("traceroute --mtu and scamper -M through hops with narrower links") {
        return Ok(());
    }
    behind_hops("narrow-hops", Layer::L2, &narrowing_path()?, narrower_links)
}
