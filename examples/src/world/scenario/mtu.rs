//! A path whose links carry less and less.

use super::{Options, Scenario, Stage};
use crate::world::acts::{hops_text, trace};
use crate::world::host::{ECHO_PORT, HostSetup};
use crate::world::model::{LinkKind, NodeKind};
use crate::world::ppp::Line;
use crate::world::router::Speaks;
use crate::world::stage::parse_addresses;
use anyhow::{Context as _, Result};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use icmp_nd::pmtu::{Path, Plpmtud, PlpmtudConfig, State};
use icmp_nd::router::AdvertiserConfig;
use nat::Side;
use stateful_firewall::{Firewall, FirewallConfig, language};
use testkit::LinkConfig;

inventory::submit! {
    Scenario {
        order: 50,
        name: "mtu",
        title: "From jumbo frames to 1280 octets",
        about: "Packets leave a network of 9000 octets and cross one of 1500, a PPPoE link of 1492 and one of 1280. \
                Routers tell the sender what fits, link by link, for IPv4 and IPv6. Then a firewall drops what \
                they tell, and the path is a black hole: probes of the packetization layer find out all the same.",
        play,
    }
}

const LEFT: &str = "
    [lcp]
    mru = 1492
    [ipv4]
    address = '10.0.2.1'
    peer-address = '10.0.2.2'
";
const RIGHT: &str = "
    [lcp]
    mru = 1492
    [ipv4]
    address = '10.0.2.2'
    peer-address = '10.0.2.1'
";

/// What is before each narrower link, and what the link carries.
const STEPS: [u32; 3] = [1_500, 1_492, 1_280];
const FAR: [&str; 2] = ["192.168.9.2", "2001:db8:9::2"];
/// Other addresses of the same host, of whose paths nothing is known yet.
const FAR_TOO: [&str; 2] = ["192.168.9.3", "2001:db8:9::3"];

/// Drops what routers tell about sizes, on its way back.
const DEAF: &str = "
    zone near level 100
    zone far level 50
    interface wide zone near
    interface core zone far acl-in deaf
    acl deaf {
        10 deny icmp type 3
        20 deny icmpv6 type 2
        30 permit
    }
    rules from far to near { accept }
";

fn build(stage: &mut Stage, deaf: bool) -> Result<()> {
    let near = HostSetup {
        link_address: stage.station(),
        mtu: 9_000,
        addresses: parse_addresses(&["192.168.1.2/24", "2001:db8:1::2/64"])?,
        gateway: Some("192.168.1.1".parse()?),
        max_neighbors: None,
    };
    stage.host_with(
        "near",
        NodeKind::Host,
        (0.0, 0.0),
        "has a network of jumbo frames",
        near,
    )?;

    let mut first = stage.router("first")?;
    let mut wide = stage.port(&["192.168.1.1/24", "2001:db8:1::1/64"], 9_000)?;
    wide.advertise = Some(AdvertiserConfig {
        mtu: 9_000,
        ..AdvertiserConfig::default()
    });
    first.ethernet("wide", wide, Side::Inside, Speaks::Nothing)?;
    let core = stage.port(&["10.0.1.1/24", "2001:db8:f1::1/64"], 1_500)?;
    first.ethernet("core", core, Side::Inside, Speaks::Nothing)?;
    first.route_v4("0.0.0.0/0", 1, Some("10.0.1.2".parse()?))?;
    first.route_v6("::/0", 1, Some("2001:db8:f1::2".parse()?))?;
    if deaf {
        let random = Box::new(stage.random("deaf"));
        first.firewall(Firewall::new(
            FirewallConfig::new(1_000),
            language::compile(DEAF)?,
            random,
        )?);
    }
    let kind = if deaf {
        NodeKind::Firewall
    } else {
        NodeKind::Router
    };
    stage.add_router("first", kind, (1.0, 0.0), "from 9000 octets to 1500", first)?;

    let mut second = stage.router("second")?;
    let core = stage.port(&["10.0.1.2/24", "2001:db8:f1::2/64"], 1_500)?;
    second.ethernet("core", core, Side::Inside, Speaks::Nothing)?;
    let client = Line::PppoeClient(stage.station());
    second.ppp("line", client, LEFT, Side::Inside, true)?;
    second.route_v4("192.168.1.0/24", 0, Some("10.0.1.1".parse()?))?;
    second.route_v6("2001:db8:1::/64", 0, Some("2001:db8:f1::1".parse()?))?;
    stage.add_router(
        "second",
        NodeKind::Router,
        (2.0, 0.0),
        "from 1500 to a line of PPPoE",
        second,
    )?;

    let mut third = stage.router("third")?;
    let server = Line::PppoeServer(stage.station());
    third.ppp("line", server, RIGHT, Side::Inside, true)?;
    let mut narrow = stage.port(&["192.168.9.1/24", "2001:db8:9::1/64"], 1_280)?;
    narrow.advertise = Some(AdvertiserConfig::default());
    third.ethernet("narrow", narrow, Side::Inside, Speaks::Nothing)?;
    stage.add_router(
        "third",
        NodeKind::Router,
        (3.0, 0.0),
        "from PPPoE to 1280",
        third,
    )?;

    let far = HostSetup {
        link_address: stage.station(),
        mtu: 1_280,
        addresses: parse_addresses(&[
            "192.168.9.2/24",
            "2001:db8:9::2/64",
            "192.168.9.3/24",
            "2001:db8:9::3/64",
        ])?,
        gateway: Some("192.168.9.1".parse()?),
        max_neighbors: None,
    };
    stage.host_with(
        "far",
        NodeKind::Host,
        (4.0, 0.0),
        "has the narrowest link",
        far,
    )?;
    stage.ethernet("wide", 9_000, &[("near", 0), ("first", 0)])?;
    stage.ethernet("core", 1_500, &[("first", 1), ("second", 0)])?;
    stage.ethernet_with(
        "line",
        LinkKind::Pppoe,
        1_492,
        &[("second", 1), ("third", 0)],
        LinkConfig::default(),
    )?;
    stage.ethernet("narrow", 1_280, &[("third", 1), ("far", 0)])
}

/// What the near host believes of the path.
fn path_mtu(stage: &Stage, to: IpAddr) -> Result<u32> {
    let host = stage.host_node("near")?.host();
    Ok(host.path_mtu().lookup(&Path::to(to), 9_000).mtu)
}

/// Octets of headers before a datagram's data.
const fn headers(to: IpAddr) -> u32 {
    if to.is_ipv4() { 28 } else { 48 }
}

/// Sends a datagram in a packet of so many octets that may not be cut; whether it came back.
fn echo(stage: &mut Stage, to: IpAddr, size: u32, port: u16) -> Result<bool> {
    let data = vec![0x2a; usize::try_from(size - headers(to))?];
    let now = stage.now();
    let near = stage.host_mut("near")?;
    near.listen(port);
    let before = near.datagrams().len();
    // What does not even leave was too long for what is known of the path.
    if near
        .send_udp(now, port, SocketAddr::new(to, ECHO_PORT), &data, true)
        .is_err()
    {
        return Ok(false);
    }
    let came = stage.run_until("an echo", Duration::from_secs(1), |stage| {
        stage
            .host_node("near")
            .is_ok_and(|it| it.datagrams().len() > before)
    });
    Ok(came.is_ok())
}

fn play(stage: &mut Stage, _: &Options) -> Result<()> {
    build(stage, false)?;
    stage.say("Routers tell what fits.");
    stage.run_until("the line is up", Duration::from_secs(30), |stage| {
        let line = stage
            .router_node("second")
            .ok()
            .and_then(|it| it.ppp("line").ok());
        line.is_some_and(|it| it.ipv4().is_some() && it.is_ipv6_up())
    })?;
    stage.run_for(Duration::from_secs(10));
    for far in FAR {
        let to: IpAddr = far.parse()?;
        let mut found = Vec::new();
        let mut came = false;
        for attempt in 0..12 {
            let size = path_mtu(stage, to)?;
            if found.last() != Some(&size) {
                found.push(size);
            }
            came = echo(stage, to, size, 30_000 + attempt)?;
            if came {
                break;
            }
        }
        let words: Vec<String> = found.iter().map(ToString::to_string).collect();
        stage.say(format!(
            "The way to {far} carries {} octets: this is what the sender came to believe.",
            words.join(", then ")
        ));
        let expected = [9_000].into_iter().chain(STEPS);
        let so = came && found.iter().copied().eq(expected);
        stage.check(
            format!("each narrower link to {far} was found"),
            words.join(", "),
            so || stage.is_faulty(),
        )?;
    }
    for far in FAR_TOO {
        let to: IpAddr = far.parse()?;
        let hops = trace(stage, "near", to, |config| {
            config.mtu_discovery = true;
            config.packet_len = 9_000;
        })?;
        let text = hops_text(&hops);
        stage.say(format!("A trace that looks for sizes, to {far}: {text}."));
        let least = hops.iter().filter_map(|hop| hop.mtu).min();
        stage.check(
            format!("the trace to {far} sees the narrowest link"),
            text,
            least == Some(1_280) || stage.is_faulty(),
        )?;
    }
    Ok(())
}

inventory::submit! {
    Scenario {
        order: 51,
        name: "blackhole",
        title: "A path that does not say what fits",
        about: "The same path as in the scenario mtu, but its first router is a firewall that drops all that routers \
                tell about sizes. Large packets vanish without a word. The sender probes with datagrams of \
                different sizes, as RFC 8899 says, and finds what gets through.",
        play: play_black_hole,
    }
}

fn play_black_hole(stage: &mut Stage, _: &Options) -> Result<()> {
    build(stage, true)?;
    stage.run_until("the line is up", Duration::from_secs(30), |stage| {
        let line = stage
            .router_node("second")
            .ok()
            .and_then(|it| it.ppp("line").ok());
        line.is_some_and(|it| it.ipv4().is_some() && it.is_ipv6_up())
    })?;
    stage.run_for(Duration::from_secs(10));
    for far in FAR {
        let to: IpAddr = far.parse()?;
        // The first router itself still tells of its own next link.
        for _ in 0..4 {
            if path_mtu(stage, to)? == 9_000 {
                let _ = echo(stage, to, 9_000, 31_000)?;
            }
        }
        let known = path_mtu(stage, to)?;
        let vanished = !echo(stage, to, known, 31_001)? && path_mtu(stage, to)? == known;
        stage.say(format!(
            "To {far}, {known} octets are believed to fit, and vanish without a word."
        ));
        stage.check(
            format!("the way to {far} is a black hole"),
            known.to_string(),
            vanished && known == 1_500,
        )?;
        let config = if to.is_ipv4() {
            PlpmtudConfig::ipv4(known)
        } else {
            PlpmtudConfig::ipv6(known)
        };
        let mut search = Plpmtud::new(config)?;
        search.handle_connected(stage.now());
        let mut tried = Vec::new();
        for attempt in 0..60 {
            if search.state() == State::SearchComplete {
                break;
            }
            let Some(probe) = search.poll_probe() else {
                let now = stage.now();
                search.handle_timeout(now);
                stage.run_for(Duration::from_secs(1));
                continue;
            };
            let came = echo(stage, to, probe.size, 31_010 + attempt)?;
            tried.push(format!("{}{}", probe.size, if came { "" } else { " lost" }));
            let now = stage.now();
            // A probe that is over already changes nothing.
            let _ = if came {
                search.handle_ack(now, probe)
            } else {
                search.handle_loss(now, probe)
            };
        }
        let found = search.plpmtu();
        stage.say(format!(
            "Probes to {far}: {}. {found} octets get through.",
            tried.join(", ")
        ));
        stage.check(
            format!("what gets through to {far} is found without a word from routers"),
            format!("{found}"),
            found == 1_280 || stage.is_faulty(),
        )?;
        let before = stage.host_node("far")?.echoes();
        for number in 0..5 {
            let came = echo(stage, to, found, 31_100 + number)?;
            stage.check(
                format!("packets of {found} octets come back from {far}"),
                String::new(),
                came || stage.is_faulty(),
            )?;
        }
        let echoes = stage.host_node("far")?.echoes() - before;
        stage.check(
            "the far host has seen them",
            echoes.to_string(),
            echoes >= 5 || stage.is_faulty(),
        )?;
    }
    let dropped = stage
        .router_node("first")?
        .gateway()
        .firewall()
        .context("a firewall")?
        .stats()
        .acl;
    stage.say(format!(
        "The firewall has dropped {dropped} messages about sizes."
    ));
    stage.check(
        "the firewall dropped what routers told",
        dropped.to_string(),
        dropped > 0,
    )
}
