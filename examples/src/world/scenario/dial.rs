//! A home dials its provider, and a laptop behind it finds its way out.

use super::{Options, Scenario, Stage};
use crate::world::model::{LinkKind, NodeKind};
use crate::world::ppp::Line;
use crate::world::router::Speaks;
use anyhow::{Context as _, Result};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use icmp_nd::ping::PingConfig;
use icmp_nd::router::{AdvertisedDns, AdvertisedPrefix, AdvertiserConfig, Lifetime};
use nat::{Action, Matching, Nat, Pool, Profile, Rule, Side};
use testkit::LinkConfig;

inventory::submit! {
    Scenario {
        order: 10,
        name: "dial",
        title: "A home dials its provider",
        about: "The home's router has a noisy serial line to its provider (or PPPoE, with --pppoe). It brings \
                PPP up: LCP agrees on the line, CHAP proves who is there, IPCP and IPV6CP give addresses and a \
                name server. The laptop behind it configures itself, and fetches a page.",
        play,
    }
}

const HOME: &str = "
    [link]
    echo-interval = 5
    [auth]
    name = 'home'
    allow = ['chap-md5']
    [[secret]]
    name = 'home'
    secret = 'sesame'
    [ipv4]
    request-dns = true
";

const PROVIDER: &str = "
    [auth]
    name = 'provider'
    require = ['chap-md5']
    [[secret]]
    name = 'home'
    secret = 'sesame'
    [ipv4]
    address = '198.51.100.1'
    peer-address = '198.51.100.77'
    dns = ['203.0.113.53']
";

/// The web server, in both versions.
const SERVER: [&str; 2] = ["203.0.113.80", "2001:db8:80::80"];

/// A translator behind one address.
pub(super) fn home_nat(
    address: Ipv4Addr,
    inside: Ipv4Addr,
    random: testkit::SeededRandom,
) -> Result<Nat> {
    let mut config = Profile::Rfc.config(4_096);
    config.pools.push(Pool::of_range(address..=address));
    config.rules.push(Rule {
        matching: Matching::from_prefix("192.168.0.0/16".parse()?),
        action: Action::Napt(Profile::Rfc.napt(0)),
    });
    config.local.push(inside);
    config.icmp.inside_address = Some(inside);
    Ok(Nat::new(config, Box::new(random))?)
}

fn build(stage: &mut Stage, options: &Options) -> Result<()> {
    stage.host(
        "laptop",
        NodeKind::Host,
        (0.0, 0.0),
        "configures its IPv6 addresses itself",
        &["192.168.1.10/24"],
        Some("192.168.1.1"),
    )?;
    let (home_line, provider_line) = if options.pppoe {
        let (client, server) = (stage.station(), stage.station());
        (Line::PppoeClient(client), Line::PppoeServer(server))
    } else {
        (Line::Serial, Line::Serial)
    };

    let mut home = stage.router("home")?;
    let mut lan = stage.port(&["192.168.1.1/24", "2001:db8:1:1::1/64"], 1_500)?;
    lan.advertise = Some(AdvertiserConfig {
        max_interval: Duration::from_secs(60),
        prefixes: vec![AdvertisedPrefix::new("2001:db8:1:1::/64".parse()?)],
        dns: vec![AdvertisedDns {
            servers: vec!["2001:db8:80::53".parse()?],
            lifetime: Some(Lifetime::Fixed(600)),
        }],
        ..AdvertiserConfig::default()
    });
    home.ethernet("lan", lan, Side::Inside, Speaks::Nothing)?;
    // RFC 2516 §7: six octets of PPPoE and two of PPP are part of Ethernet's 1500.
    let mru = if options.pppoe {
        "[lcp]\nmru = 1492\n"
    } else {
        ""
    };
    home.ppp(
        "line",
        home_line,
        &format!("{HOME}{mru}"),
        Side::Outside,
        true,
    )?;
    let random = stage.random("home's translator");
    home.nat_when_dialled(Box::new(move |address| {
        home_nat(address, Ipv4Addr::new(192, 168, 1, 1), random.fork("again"))
    }));
    stage.add_router(
        "home",
        NodeKind::Nat,
        (1.0, 0.0),
        "dials, translates addresses, and tells hosts who they are",
        home,
    )?;

    let mut provider = stage.router("provider")?;
    let settings = format!("{PROVIDER}{mru}");
    provider.ppp("line", provider_line, &settings, Side::Outside, false)?;
    let mut net = stage.port(&["203.0.113.1/24", "2001:db8:80::1/64"], 1_500)?;
    net.advertise = Some(AdvertiserConfig::default());
    provider.ethernet("net", net, Side::Outside, Speaks::Nothing)?;
    provider.route_v6("2001:db8:1::/48", 0, None)?;
    stage.add_router(
        "provider",
        NodeKind::Router,
        (2.0, 0.0),
        "asks who is there, and gives addresses",
        provider,
    )?;

    stage.host(
        "server",
        NodeKind::Server,
        (3.0, 0.0),
        "has a page for everybody",
        &[&format!("{}/24", SERVER[0]), &format!("{}/64", SERVER[1])],
        Some("203.0.113.1"),
    )?;
    stage.ethernet("lan", 1_500, &[("laptop", 0), ("home", 0)])?;
    let ends = [("home", 1), ("provider", 0)];
    if options.pppoe {
        stage.ethernet_with("line", LinkKind::Pppoe, 1_492, &ends, LinkConfig::default())?;
    } else {
        stage.serial("line", ends, 115_200, 500)?;
    }
    stage.ethernet("net", 1_500, &[("provider", 1), ("server", 0)])
}

fn play(stage: &mut Stage, options: &Options) -> Result<()> {
    build(stage, options)?;
    stage
        .host_mut("server")?
        .serve(80, b"Hello from the other side of the line.".repeat(60));
    stage.say("The home's router and its provider begin to talk.");
    let is_up = |stage: &Stage| {
        let port = stage
            .router_node("home")
            .ok()
            .and_then(|it| it.ppp("line").ok());
        port.is_some_and(|it| it.ipv4().is_some() && it.is_ipv6_up())
    };
    let took = stage.run_until("the link is up", Duration::from_secs(60), is_up)?;
    let values = stage
        .router_node("home")?
        .ppp("line")?
        .ipv4()
        .cloned()
        .context("IPCP is open")?;
    stage.say(format!(
        "The link is up after {took:.1?}: CHAP has proven who the home is, IPCP has given it {} and the name server \
         {}, and IPV6CP has found interface identifiers.",
        values.our_address.unwrap_or(Ipv4Addr::UNSPECIFIED),
        values.dns[0].unwrap_or(Ipv4Addr::UNSPECIFIED),
    ));
    stage.check(
        "the provider gave the address and the name server that it has for the home",
        [values.our_address, values.dns[0]]
            .map(|it| it.map_or_else(|| "none".to_owned(), |it| it.to_string()))
            .join(", "),
        values.our_address == Some(Ipv4Addr::new(198, 51, 100, 77))
            && values.dns[0] == Some(Ipv4Addr::new(203, 0, 113, 53)),
    )?;

    let has_global = |stage: &Stage| {
        stage
            .host_node("laptop")
            .is_ok_and(|it| it.address(true).is_some() && it.address(false).is_some())
    };
    stage.run_until(
        "the laptop has addresses",
        Duration::from_secs(30),
        has_global,
    )?;
    let address = stage
        .host_node("laptop")?
        .address(true)
        .context("an address")?;
    let dns = stage.host_node("laptop")?.host().nd().parameters().count();
    stage.say(format!(
        "The laptop has tested 192.168.1.10 by ARP, made {address} from the prefix that the home's router advertises, \
         and knows {dns} name server."
    ));
    let in_prefix =
        matches!(address, IpAddr::V6(it) if it.segments()[..4] == [0x2001, 0xdb8, 1, 1]);
    stage.check(
        "the laptop's address is of the advertised prefix",
        address.to_string(),
        in_prefix,
    )?;
    stage.check(
        "the laptop knows the advertised name server",
        dns.to_string(),
        dns == 1,
    )?;

    let now = stage.now();
    let config = PingConfig {
        count: Some(5),
        interval: Duration::from_millis(200),
        ..PingConfig::default()
    };
    for server in SERVER {
        let to: IpAddr = server.parse()?;
        stage.host_mut("laptop")?.ping(now, to, config.clone())?;
    }
    stage.run_until("the pings are over", Duration::from_secs(15), |stage| {
        stage
            .host_node("laptop")
            .is_ok_and(|it| it.has_pinged(0) && it.has_pinged(1))
    })?;
    let laptop = stage.host_node("laptop")?;
    let received = [laptop.pinged(0)?.received, laptop.pinged(1)?.received];
    stage.say(format!(
        "It pings the server over the noisy line: {} of 5 are answered over IPv4, {} of 5 over IPv6.",
        received[0], received[1]
    ));
    let least = if stage.is_faulty() { 0 } else { 2 };
    stage.check(
        "most pings are answered, whatever the noise",
        format!("{} and {} of 5", received[0], received[1]),
        received.iter().all(|it| *it >= least),
    )?;

    for server in SERVER {
        let now = stage.now();
        let to = SocketAddr::new(server.parse()?, 80);
        stage
            .host_mut("laptop")?
            .fetch(now, to, Duration::from_secs(60))?;
    }
    stage.run_until("the pages have come", Duration::from_secs(90), |stage| {
        stage
            .host_node("laptop")
            .is_ok_and(|it| it.tcp().fetches().all(super::super::tcp::Fetch::is_over))
    })?;
    let (mut lengths, mut done) = ([0; 2], 0);
    for (number, length) in lengths.iter_mut().enumerate() {
        let fetch = stage.host_node("laptop")?.fetched(number)?;
        *length = fetch.page.len();
        done += u32::from(fetch.is_done());
    }
    stage.say(format!(
        "It fetches the page, over IPv4 and over IPv6: {} and {} octets.",
        lengths[0], lengths[1]
    ));
    stage.check(
        "both pages have come whole",
        format!("{} and {} octets", lengths[0], lengths[1]),
        done == 2 && lengths == [2_280, 2_280],
    )?;
    let bad = stage.router_node("home")?.ppp("line")?.port().frames().1
        + stage
            .router_node("provider")?
            .ppp("line")?
            .port()
            .frames()
            .1;
    stage.say(format!(
        "Frames that were damaged on the line, and dropped by their check sequence: {bad}."
    ));
    let from = stage
        .host_node("server")?
        .tcp()
        .served()
        .iter()
        .find(|it| it.is_ipv4())
        .copied();
    stage.check(
        "the server has seen the home's address, not the laptop's",
        from.map_or_else(|| "nobody".to_owned(), |it| it.to_string()),
        from.is_some_and(|it| it.ip() == IpAddr::V4(Ipv4Addr::new(198, 51, 100, 77))),
    )
}
