//! Addresses are translated at home, and again by the carrier.

use super::dial::home_nat;
use super::{Options, Scenario, Stage};
use crate::world::acts::{fetch, ping};
use crate::world::model::NodeKind;
use crate::world::router::Speaks;
use anyhow::{Context as _, Result};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use nat::{Action, Forward, Matching, Nat, NatEvent, Pool, Profile, Rule, Side, Target};
use packet_buffer::wire::{IpProtocol, Ipv4Prefix};

inventory::submit! {
    Scenario {
        order: 30,
        name: "translate",
        title: "Two translators on the way out",
        about: "Two laptops share the address of their home, and the home shares one of its carrier's. Both reach \
                the same server, from one address and different ports. A laptop serves a page to its neighbor \
                by the home's own address (a hairpin). Then a laptop opens more than the carrier allows: what is \
                too much is refused and counted, and the other home does not feel it.",
        play,
    }
}

/// Outside ports that the carrier gives one home.
const LIMIT: u32 = 40;
/// The address of the first home towards the carrier, the second's, and the carrier's own.
const HOMES: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 64, 0, 2), Ipv4Addr::new(100, 64, 0, 3)];
const CARRIER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 80)), 80);

fn carrier_nat(random: testkit::SeededRandom) -> Result<Nat> {
    let mut config = Profile::Rfc.config(16_384);
    config.pools.push(Pool::of(CARRIER));
    config.rules.push(Rule {
        matching: Matching::from_prefix("100.64.0.0/10".parse()?),
        action: Action::Napt(Profile::Rfc.napt(0)),
    });
    config.limits.mappings_per_subscriber = Some(LIMIT);
    config.limits.max_subscribers = 1_024;
    config.icmp.inside_address = Some(Ipv4Addr::new(100, 64, 0, 1));
    config.local.push(Ipv4Addr::new(100, 64, 0, 1));
    Ok(Nat::new(config, Box::new(random))?)
}

fn build(stage: &mut Stage) -> Result<()> {
    for (number, (home, address)) in (1..).zip(["home-a", "home-b"].into_iter().zip(HOMES)) {
        let inside: Ipv4Addr = format!("192.168.{number}.1").parse()?;
        let mut router = stage.router(home)?;
        let lan = stage.port(&[&format!("{inside}/24")], 1_500)?;
        router.ethernet("lan", lan, Side::Inside, Speaks::Nothing)?;
        let access = stage.port(&[&format!("{address}/10")], 1_500)?;
        router.ethernet("access", access, Side::Outside, Speaks::Nothing)?;
        router.route_v4("0.0.0.0/0", 1, Some(Ipv4Addr::new(100, 64, 0, 1)))?;
        let random = stage.random(home);
        let mut nat = home_nat(address, inside, random.fork("first"))?;
        if number == 1 {
            let mut config = nat.config().clone();
            config.forwards.push(Forward {
                protocol: Some(IpProtocol::TCP),
                outside: address,
                ports: 8_080..=8_080,
                source: Ipv4Prefix::ALL,
                targets: vec![Target {
                    address: Ipv4Addr::new(192, 168, 1, 11),
                    first_port: Some(80),
                    weight: 1,
                }],
            });
            nat = Nat::new(config, Box::new(random.fork("second")))?;
        }
        router.nat(nat);
        let row = f32::from(u8::try_from(number)?) * 2.0 - 2.0;
        stage.add_router(
            home,
            NodeKind::Nat,
            (1.0, row),
            "one address for all who live here",
            router,
        )?;
    }
    let mut carrier = stage.router("carrier")?;
    let access = stage.port(&["100.64.0.1/10"], 1_500)?;
    carrier.ethernet("access", access, Side::Inside, Speaks::Nothing)?;
    let net = stage.port(&["203.0.113.1/24"], 1_500)?;
    carrier.ethernet("net", net, Side::Outside, Speaks::Nothing)?;
    carrier.nat(carrier_nat(stage.random("carrier"))?);
    stage.add_router(
        "carrier",
        NodeKind::Nat,
        (2.0, 1.0),
        "one address for all homes, with a limit for each",
        carrier,
    )?;
    for (name, address, gateway, row) in [
        ("alice", "192.168.1.10/24", "192.168.1.1", -0.4),
        ("bob", "192.168.1.11/24", "192.168.1.1", 0.4),
        ("carol", "192.168.2.10/24", "192.168.2.1", 2.0),
    ] {
        stage.host(
            name,
            NodeKind::Host,
            (0.0, row),
            "a laptop",
            &[address],
            Some(gateway),
        )?;
    }
    stage.host(
        "server",
        NodeKind::Server,
        (3.0, 1.0),
        "has a page for everybody",
        &["203.0.113.80/24"],
        Some("203.0.113.1"),
    )?;
    stage.ethernet("lan a", 1_500, &[("alice", 0), ("bob", 0), ("home-a", 0)])?;
    stage.ethernet("lan b", 1_500, &[("carol", 0), ("home-b", 0)])?;
    stage.ethernet(
        "access",
        1_500,
        &[("home-a", 1), ("home-b", 1), ("carrier", 0)],
    )?;
    stage.ethernet("net", 1_500, &[("carrier", 1), ("server", 0)])
}

fn play(stage: &mut Stage, _: &Options) -> Result<()> {
    build(stage)?;
    stage
        .host_mut("server")?
        .serve(80, b"A page for everybody. ".repeat(100));
    stage
        .host_mut("bob")?
        .serve(80, b"Bob's own page.".to_vec());
    stage.run_for(Duration::from_secs(10));
    let patience = Duration::from_secs(20);
    for (name, number) in [("alice", 1), ("bob", 2), ("carol", 3)] {
        let page = fetch(stage, name, SERVER, patience)?;
        stage.check(
            format!("{name} gets the server's page"),
            format!("{} octets, {:?}", page.page.len(), page.failure),
            page.is_done() && page.page.len() == 2_200,
        )?;
        let served = stage.host_node("server")?.tcp().served().len();
        stage.check(
            "the server knows of it",
            served.to_string(),
            served == number,
        )?;
    }
    let served = stage.host_node("server")?.tcp().served().to_vec();
    let seen: Vec<String> = served.iter().map(ToString::to_string).collect();
    stage.say(format!(
        "Alice, Bob and Carol have fetched the server's page; the server has seen {}.",
        seen.join(", ")
    ));
    let mut distinct = served.clone();
    distinct.dedup();
    stage.check(
        "they came from the carrier's one address, and from different ports",
        seen.join(", "),
        served.iter().all(|it| it.ip() == IpAddr::V4(CARRIER)) && distinct.len() == 3,
    )?;
    let answered = ping(stage, "carol", SERVER.ip(), 3, 56)?;
    stage.check(
        "pings go through both translators",
        format!("{answered} of 3"),
        answered >= 2 || stage.is_faulty(),
    )?;

    let hairpin = SocketAddr::new(IpAddr::V4(HOMES[0]), 8_080);
    let page = fetch(stage, "alice", hairpin, patience)?;
    stage.say(format!(
        "Alice asks for {hairpin}, an address of her own home: Bob's page comes."
    ));
    let hairpinned = stage
        .router_node("home-a")?
        .gateway()
        .nat()
        .map_or(0, |nat| nat.stats().hairpinned);
    stage.check(
        "a neighbor is reached by the home's address",
        format!(
            "{:?}, {hairpinned} packets turned around",
            String::from_utf8_lossy(&page.page)
        ),
        page.page == b"Bob's own page." && hairpinned > 0,
    )?;
    let served = stage.host_node("bob")?.tcp().served().first().copied();
    stage.check(
        "Bob has seen the home's address, as RFC 4787 §6 asks",
        served.map_or_else(|| "nobody".to_owned(), |it| it.to_string()),
        served.is_some_and(|it| it.ip() == IpAddr::V4(HOMES[0])),
    )?;

    stage.say(format!(
        "Alice sends from 60 ports at once; the carrier allows her home {LIMIT} mappings."
    ));
    let echo = SocketAddr::new(SERVER.ip(), 7);
    for port in 20_000..20_060 {
        let now = stage.now();
        stage.host_mut("alice")?.listen(port);
        stage
            .host_mut("alice")?
            .send_udp(now, port, echo, b"is there room?", false)?;
        stage.run_for(Duration::from_millis(20));
    }
    stage.run_for(Duration::from_secs(2));
    let answered = stage.host_node("alice")?.datagrams().len();
    let carrier = stage.router_node("carrier")?;
    let told = carrier
        .nat_notes()
        .iter()
        .filter(|it| matches!(it, NatEvent::LimitReached { .. }))
        .count();
    let refused: u64 = carrier
        .outcomes()
        .counts
        .iter()
        .filter(|(what, _)| what.contains("translator"))
        .map(|it| it.1)
        .sum();
    let mappings = carrier
        .gateway()
        .nat()
        .context("a translator")?
        .mapping_count();
    stage.say(format!(
        "{answered} were answered, {refused} were refused and counted, and an event told of it; {mappings} mappings are \
         there."
    ));
    stage.check(
        "the limit holds",
        format!("{answered} answered, {refused} refused, {told} events"),
        (answered <= 40 && refused >= 20 && told > 0) || stage.is_faulty(),
    )?;
    let page = fetch(stage, "carol", SERVER, patience)?;
    stage.check(
        "the other home does not feel it",
        format!("{} octets", page.page.len()),
        page.is_done(),
    )
}
