//! Somebody outside has bad intentions.

use super::{Options, Scenario, Stage};
use crate::gateway::packets::pseudo_header;
use crate::world::acts::{fetch, ping};
use crate::world::model::NodeKind;
use crate::world::router::Speaks;
use anyhow::{Context as _, Result};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use icmp_nd::router::AdvertiserConfig;
use nat::Side;
use packet_buffer::PacketBuf;
use packet_buffer::RandomSource as _;
use packet_buffer::wire::{
    EtherType, EthernetRepr, HeaderOptions, IpProtocol, Ipv4Repr, MacAddr, TcpFlags, TcpRepr,
    UdpRepr,
};
use stateful_firewall::{Firewall, FirewallConfig, language};

inventory::submit! {
    Scenario {
        order: 60,
        name: "attack",
        title: "A scan, a flood, a sweep and a lie",
        about: "Somebody outside scans a company's ports, floods its web server with SYNs from invented addresses, \
                sweeps the neighbors of its network, and tells its router thousands of routes. Each is held within \
                a bound and counted, and a visitor gets the page all the while.",
        play,
    }
}

const POLICY: &str = "
    zone inside level 100
    zone outside level 0
    interface inside zone inside
    interface outside zone outside
    rules from outside to inside {
        web: accept tcp to 192.0.2.80 port 80 syn-proxy
        ping: accept icmpv6
        echo: accept udp to 2001:db8:d::/64 port 7
    }
    log-default
";

/// Routes that are taken from one neighbor.
const ROUTES: usize = 50;
/// SYNs of the flood, ports of the scan, addresses of the sweep, and routes that are told.
const SYNS: usize = 3_000;
const PORTS: u16 = 40;
const SWEEP: u16 = 600;
const LIES: u16 = 1_000;
const WEB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);

struct Ground {
    /// The station of the firewall outside, for frames that are made by hand.
    firewall: MacAddr,
}

fn build(stage: &mut Stage) -> Result<Ground> {
    let mut router = stage.router_with_limit("firewall", ROUTES)?;
    let mut inside = stage.port(&["192.0.2.1/24", "2001:db8:d::1/64"], 1_500)?;
    inside.advertise = Some(AdvertiserConfig::default());
    router.ethernet("inside", inside, Side::Inside, Speaks::Nothing)?;
    let mut outside = stage.port(&["203.0.113.1/24", "2001:db8:e::1/64"], 1_500)?;
    outside.advertise = Some(AdvertiserConfig::default());
    let station = outside.link_address;
    router.ethernet("outside", outside, Side::Inside, Speaks::Rip(1))?;
    let mut config = FirewallConfig::new(4_000);
    config.half_open.cookies_from = Some(100);
    let random = Box::new(stage.random("firewall's"));
    router.firewall(Firewall::new(config, language::compile(POLICY)?, random)?);
    stage.add_router(
        "firewall",
        NodeKind::Firewall,
        (1.0, 0.0),
        "holds what comes from outside",
        router,
    )?;
    let web = ["192.0.2.80/24", "2001:db8:d::80/64"];
    stage.host(
        "web",
        NodeKind::Server,
        (0.0, 0.0),
        "has the page",
        &web,
        Some("192.0.2.1"),
    )?;
    let visitor = ["203.0.113.7/24", "2001:db8:e::7/64"];
    stage.host(
        "visitor",
        NodeKind::Host,
        (2.0, 0.0),
        "wants the page",
        &visitor,
        Some("203.0.113.1"),
    )?;
    let scanner = ["203.0.113.66/24", "2001:db8:e::66/64"];
    stage.host(
        "scanner",
        NodeKind::Attacker,
        (2.0, 1.0),
        "scans and sweeps",
        &scanner,
        Some("203.0.113.1"),
    )?;
    stage.raw(
        "flooder",
        (2.0, -1.0),
        "sends from addresses that are not its own",
    );
    stage.ethernet("inside", 1_500, &[("web", 0), ("firewall", 0)])?;
    stage.ethernet(
        "outside",
        1_500,
        &[
            ("visitor", 0),
            ("scanner", 0),
            ("flooder", 0),
            ("firewall", 1),
        ],
    )?;
    Ok(Ground { firewall: station })
}

/// A frame of the flooder's with an IPv4 packet.
fn frame(to: MacAddr, mut packet: PacketBuf, header: &Ipv4Repr) -> Result<PacketBuf> {
    header.emit(&mut packet)?;
    EthernetRepr::new(to, MacAddr([2, 0, 0x66, 0, 0, 6]), EtherType::IPV4).emit(&mut packet)?;
    Ok(packet)
}

fn syn(to: MacAddr, source: Ipv4Addr, port: u16) -> Result<PacketBuf> {
    let mut packet = PacketBuf::with_headroom(PacketBuf::DEFAULT_HEADROOM);
    let segment = TcpRepr {
        source_port: port,
        destination_port: 80,
        sequence_number: u32::from(port) << 8,
        acknowledgment_number: 0,
        flags: TcpFlags::SYN,
        window: 1_024,
        urgent_pointer: 0,
        options: HeaderOptions::NONE,
    };
    segment.emit(&mut packet, &pseudo_header(source.into(), WEB.into())?)?;
    frame(to, packet, &Ipv4Repr::new(source, WEB, IpProtocol::TCP))
}

/// A RIP response with up to 25 routes, from `first` on.
fn lie(source: Ipv4Addr, first: u16, count: u16) -> Result<PacketBuf> {
    let mut message = vec![2, 2, 0, 0];
    for number in first..first + count {
        let [high, low] = number.to_be_bytes();
        message.extend_from_slice(&[
            0,
            2,
            0,
            0,
            172,
            16 + high,
            low,
            0,
            255,
            255,
            255,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            1,
        ]);
    }
    let group = Ipv4Addr::new(224, 0, 0, 9);
    let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, &message);
    let udp = UdpRepr {
        source_port: 520,
        destination_port: 520,
    };
    udp.emit(&mut packet, &pseudo_header(source.into(), group.into())?)?;
    let header = Ipv4Repr {
        time_to_live: 1,
        ..Ipv4Repr::new(source, group, IpProtocol::UDP)
    };
    frame(MacAddr::for_ipv4_multicast(group), packet, &header)
}

fn visit(stage: &mut Stage, when: &str) -> Result<()> {
    let page = fetch(
        stage,
        "visitor",
        SocketAddr::new(WEB.into(), 80),
        Duration::from_secs(20),
    )?;
    let found = format!("{} octets {when}", page.page.len());
    stage.check(
        format!("the visitor gets the page {when}"),
        found,
        page.is_done() && page.page.len() == 1_600,
    )
}

fn play(stage: &mut Stage, _: &Options) -> Result<()> {
    let ground = build(stage)?;
    stage
        .host_mut("web")?
        .serve(80, b"The page of the day.".repeat(80));
    stage.host_mut("web")?.serve(22, b"not for you".to_vec());
    stage.run_for(Duration::from_secs(10));
    visit(stage, "before")?;
    scan(stage)?;
    visit(stage, "after the scan")?;
    flood(stage, &ground)?;
    sweep(stage)?;
    visit(stage, "after the sweep")?;
    lies(stage)?;
    visit(stage, "at the end")
}

/// Asks for many ports.
fn scan(stage: &mut Stage) -> Result<()> {
    stage.say(format!(
        "The scanner tries {PORTS} ports of the web server."
    ));
    let mut requests = Vec::new();
    for port in 60..60 + PORTS {
        let now = stage.now();
        let to = SocketAddr::new(WEB.into(), port);
        requests.push((
            port,
            stage
                .host_mut("scanner")?
                .fetch(now, to, Duration::from_secs(2))?,
        ));
        stage.run_for(Duration::from_millis(5));
    }
    stage.run_for(Duration::from_secs(4));
    let scanner = stage.host_node("scanner")?;
    let mut open = Vec::new();
    for (port, request) in requests {
        if scanner.fetched(request)?.connected.is_some() {
            open.push(port.to_string());
        }
    }
    let denied = stage
        .router_node("firewall")?
        .gateway()
        .firewall()
        .context("a firewall")?
        .stats()
        .policy;
    stage.say(format!(
        "It has found open: {}. {denied} packets were denied.",
        open.join(", ")
    ));
    stage.check(
        "a scan sees what the rules allow, and nothing else",
        open.join(", "),
        open == ["80"] || stage.is_faulty(),
    )?;
    stage.check(
        "what was denied is counted",
        denied.to_string(),
        denied >= u64::from(PORTS) - 1,
    )
}

/// SYNs from nowhere.
fn flood(stage: &mut Stage, ground: &Ground) -> Result<()> {
    let before = stage.host_node("web")?.tcp().served().len();
    let mut random = stage.random("flood");
    stage.say(format!("The flooder sends {SYNS} SYNs to the web server from invented addresses, and the visitor asks again meanwhile."));
    let now = stage.now();
    let web = SocketAddr::new(WEB.into(), 80);
    let mut request = None;
    for number in 0..SYNS {
        let drawn = random.next_u32();
        let [a, b, c, d] = drawn.to_be_bytes();
        let source = Ipv4Addr::new(11 + a % 80, b, c, d | 1);
        let port = 1_024 + u16::try_from(drawn % 60_000)?;
        let packet = syn(ground.firewall, source, port)?;
        stage.send_frame("flooder", packet.as_slice())?;
        if number % 100 == 99 {
            stage.run_for(Duration::from_millis(10));
        }
        if number == SYNS / 2 {
            let now = stage.now();
            request = Some(
                stage
                    .host_mut("visitor")?
                    .fetch(now, web, Duration::from_secs(20))?,
            );
        }
    }
    let half_open = stage
        .router_node("firewall")?
        .gateway()
        .firewall()
        .context("a firewall")?
        .half_open();
    stage.run_for(Duration::from_secs(5));
    let request = request.context("the visitor has asked")?;
    let page = stage.host_node("visitor")?.fetched(request)?.clone();
    let served = stage.host_node("web")?.tcp().served().len() - before;
    let took = stage.now() - now;
    stage.say(format!(
        "After {took:.1?}: the flood has left {half_open} half-open connections at the firewall, and {served} page \
         was served, to the visitor."
    ));
    stage.check(
        "the visitor gets the page in the flood",
        format!("{} octets", page.page.len()),
        page.is_done(),
    )?;
    stage.check(
        "half-open connections have a bound",
        half_open.to_string(),
        half_open <= 400,
    )?;
    stage.check(
        "the server serves nobody but the visitor",
        served.to_string(),
        served == 1,
    )
}

/// Packets to addresses that nobody has.
fn sweep(stage: &mut Stage) -> Result<()> {
    stage.say(format!("The scanner sends to {SWEEP} IPv6 addresses of the inside that nobody has: the router has to ask for each."));
    for number in 0..SWEEP {
        let to: IpAddr = format!("2001:db8:d::dead:{number:x}").parse()?;
        let now = stage.now();
        // What does not leave is no attack.
        let _ =
            stage
                .host_mut("scanner")?
                .send_udp(now, 9, SocketAddr::new(to, 7), b"anybody?", false);
        if number % 50 == 49 {
            stage.run_for(Duration::from_millis(20));
        }
    }
    let port = stage.router_node("firewall")?.ethernet("inside")?;
    let neighbors = port.nd().neighbors();
    let (entries, stats) = (neighbors.iter().count(), *neighbors.stats());
    stage.say(format!(
        "The router knows or asks for {entries} neighbors; it has sent {} solicitations, held back {}, and given up {} \
         entries that nobody had answered for.",
        stats.multicast_solicitations, stats.solicitations_limited, stats.evicted_unresolved
    ));
    let held = stats.evicted_unresolved + stats.refused + stats.solicitations_limited;
    stage.count(
        "firewall",
        "neighbors inside",
        "solicitations held back",
        stats.solicitations_limited,
    );
    stage.count(
        "firewall",
        "neighbors inside",
        "unanswered entries evicted",
        stats.evicted_unresolved,
    );
    stage.check(
        "the cache of neighbors has a bound",
        format!("{entries} entries, {held} held"),
        entries <= 512 && held > 0,
    )?;
    let answered = ping(stage, "visitor", "2001:db8:d::80".parse()?, 3, 56)?;
    stage.check(
        "who is there is still reached",
        format!("{answered} of 3"),
        answered >= 2 || stage.is_faulty(),
    )
}

/// Routes to everywhere.
fn lies(stage: &mut Stage) -> Result<()> {
    stage.say(format!(
        "The flooder tells the router {LIES} routes by RIP, as if it were a neighbor."
    ));
    let liar = Ipv4Addr::new(203, 0, 113, 99);
    for first in (0..LIES).step_by(25) {
        let message = lie(liar, first, 25)?;
        stage.send_frame("flooder", message.as_slice())?;
        stage.run_for(Duration::from_millis(20));
    }
    stage.run_for(Duration::from_secs(2));
    let router = stage.router_node("firewall")?;
    let (routes, refused) = (
        router.rip().rib().len(),
        router.rip().stats().neighbor_routes,
    );
    stage.say(format!(
        "It has taken {ROUTES} of them and refused {refused}; its table has {routes} routes."
    ));
    stage.count("firewall", "RIP", "routes over a neighbor's limit", refused);
    stage.check(
        "a neighbor's routes have a bound",
        format!("{routes} routes, {refused} refused"),
        routes <= ROUTES + 4 && refused >= u64::from(LIES) - ROUTES as u64,
    )
}
